//! Taking lists away: what she is about to take, her exports, and the file itself.

use actix_web::http::StatusCode;
use actix_web::http::header::{self, ContentDisposition, DispositionParam, DispositionType};
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;
use bytes::Bytes;
use futures_util::Stream;
use serde::Deserialize;

use super::error::WebError;
use super::form::{Errors, Posted};
use super::guard::{Allowed, CreateExports};
use super::page::{Shell, see_other};
use super::transactions::thousands;
use super::transactions_known::Known;
use super::{Portal, exports_budgets};
use crate::actions::exports::{self, Names, Taking};
use crate::domain::access::{Permission, Scope};
use crate::domain::id::{ExportId, RegionId};
use crate::domain::list_query::{Calendar, Column, ListQuery, Parsed};
use crate::domain::refusal::Refusal;
use crate::domain::text::size;
use crate::domain::time::Instant;
use crate::store::exports::{ExportRow, NewExport};
use crate::store::failure::DbError;
use crate::store::transaction_totals::COUNT_MOST;
use crate::store::{checkpoints, exports as kept, transaction_list, transaction_query};

/// The most exports on her page.
const SHOWN: i64 = 100;

struct Made {
    words: String,
    when: String,
    datetime: String,
    format: &'static str,
    rows: String,
    bytes: String,
    sha256: String,
    href: String,
}

#[derive(Template)]
#[template(path = "exports/list.html")]
struct ListPage {
    shell: Shell,
    made: Vec<Made>,
    zone: &'static str,
    may_list: bool,
    /// Whether there is a checkpoint of the trail.
    signed: bool,
}

#[derive(Template)]
#[template(path = "exports/new.html")]
struct NewPage {
    shell: Shell,
    crumbs: Vec<(String, String)>,
    notices: Vec<String>,
    errors: Errors,
    about: Shown,
    key: String,
    columns: &'static str,
    format: &'static str,
    format_options: Vec<Format>,
}

/// A kind of file: (code, label, hint).
pub type Format = (&'static str, &'static str, &'static str);

/// What is about to be taken away.
pub struct Shown {
    /// The word for it in the store.
    pub what: &'static str,
    /// The page's title.
    pub title: String,
    /// What it is.
    pub label: &'static str,
    /// The question in words.
    pub words: String,
    /// How many rows.
    pub rows: String,
    /// The question.
    pub query: String,
    /// The page it was asked on.
    pub back: String,
    /// Sets of columns to choose from: (code, label, hint); none where there is one.
    pub columns: Vec<(&'static str, &'static str, String)>,
    /// Kinds of file to choose from.
    pub formats: Vec<Format>,
}

fn transactions() -> String {
    exports::TRANSACTIONS.to_owned()
}

/// What the form sends.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wanted {
    pub key: String,
    #[serde(default = "transactions")]
    pub what: String,
    pub query: String,
    #[serde(default)]
    pub columns: String,
    pub format: String,
}

/// The rows a person may take away: where she may both see transactions and export.
fn reach(who: &Allowed<CreateExports>) -> Scope {
    both(who, Permission::TransactionsRead)
}

/// Where she may both see and export.
pub fn both(who: &Allowed<CreateExports>, seeing: Permission) -> Scope {
    let (reads, exports) = (who.scope(seeing), who.reach());
    let both = reads.regions().filter(|region| exports.covers(*region));
    Scope::of(both, reads.is_whole() && exports.is_whole())
}

/// `GET /exports`: her own, newest first.
pub async fn list(req: HttpRequest, portal: web::Data<Portal>, who: Allowed<CreateExports>) -> Result<HttpResponse, WebError> {
    let scope = reach(&who);
    let mut read = portal.read(&who).await?;
    let known = Known::read(&mut read, &scope).await?;
    let rows = kept::list(&mut read, who.person.id, SHOWN).await?;
    let signed = checkpoints::newest(&mut read).await?.is_some();
    drop(read);
    let made = |row: ExportRow| Made {
        when: row.at.local(known.zone()),
        datetime: row.at.iso(),
        format: format_words(&row.format),
        rows: row.rows_written.map(thousands).unwrap_or_default(),
        bytes: row.bytes_written.map(|bytes| size(bytes.unsigned_abs())).unwrap_or_default(),
        sha256: row.sha256.map(|hash| crate::domain::text::hex(&hash)).unwrap_or_default(),
        href: format!("/exports/{}", row.id),
        words: row.words,
    };
    let page = ListPage {
        shell: Shell::new(&req, &portal, &who, "Exports"),
        made: rows.into_iter().map(made).collect(),
        zone: known.zone().name(),
        may_list: who.access.has(Permission::TransactionsRead),
        signed,
    };
    page.shell.answer(StatusCode::OK, &page)
}

/// A kind of file in words.
pub fn format_words(format: &str) -> &'static str {
    match format {
        "excel" => "CSV for Excel",
        "xlsx" => "Excel workbook",
        _ => "CSV for programs",
    }
}

/// `GET /exports/new?…`: the question of a list in the address; which columns, which kind of file. `list=` in front names another list than that
/// of transactions.
pub async fn new(req: HttpRequest, portal: web::Data<Portal>, who: Allowed<CreateExports>) -> Result<HttpResponse, WebError> {
    let key = portal.store.random.token(16);
    if let Some(list) = req.query_string().strip_prefix("list=") {
        let list = list.split_once('&').unwrap_or((list, ""));
        return exports_budgets::new(&req, &portal, &who, list, key, Errors::none()).await;
    }
    let parsed = ListQuery::parse(req.query_string());
    show(&req, &portal, &who, parsed.query, parsed.notices, key, ("view", "excel"), Errors::none()).await
}

/// Each kind of file that a list comes in.
pub const FORMATS: &[Format] = &[
    ("excel", "CSV for Excel", "With a byte-order mark; text that a spreadsheet would run as a formula is guarded with an apostrophe."),
    ("machine", "CSV for programs", "Column codes as headings, text exactly as it is stored."),
];

fn column_options(view: String) -> Vec<(&'static str, &'static str, String)> {
    let all = "Without e-mail addresses and employee numbers: those are chosen in the list.".to_owned();
    vec![("view", "The columns of this list", view), ("all", "All columns", all)]
}

#[expect(clippy::too_many_arguments, reason = "what the form holds, for its first showing and for one with what is wrong in it")]
async fn show(
    req: &HttpRequest,
    portal: &Portal,
    who: &Allowed<CreateExports>,
    query: ListQuery,
    notices: Vec<String>,
    key: String,
    (columns, format): (&'static str, &'static str),
    errors: Errors,
) -> Result<HttpResponse, WebError> {
    let scope = reach(who);
    let mut read = portal.read(who).await?;
    let known = Known::read(&mut read, &scope).await?;
    let names = who.scope(Permission::RecipientsRead);
    let calendar = known.calendar(portal.store.now());
    let asked = transaction_list::ask(&mut read, &scope, &names, &query, calendar, known.hidden.clone()).await?;
    let totals = known.totals(&mut read, &asked, false).await?;
    drop(read);
    let rows = if totals.capped { format!("More than {}", thousands(COUNT_MOST)) } else { thousands(totals.count()) };
    let view: Vec<&str> = query.columns().iter().map(|column| column.label()).collect();
    let about = Shown {
        what: exports::TRANSACTIONS,
        title: "Export transactions".to_owned(),
        label: "Transactions",
        words: query.words(&|filter, id| known.name(filter, id)),
        rows,
        back: query.href("/transactions", ""),
        query: query.text(),
        columns: column_options(view.join(", ")),
        formats: FORMATS.to_vec(),
    };
    shown(req, portal, who, about, key, notices, (columns, format), errors)
}

#[expect(clippy::too_many_arguments, reason = "what the form holds, for its first showing and for one with what is wrong in it")]
pub fn shown(
    req: &HttpRequest,
    portal: &Portal,
    who: &Allowed<CreateExports>,
    about: Shown,
    key: String,
    notices: Vec<String>,
    (columns, format): (&'static str, &'static str),
    errors: Errors,
) -> Result<HttpResponse, WebError> {
    let status = if errors.is_empty() { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY };
    let page = NewPage {
        shell: Shell::new(req, portal, who, about.title.clone()).with_errors(!errors.is_empty()),
        crumbs: vec![("/exports".to_owned(), "Exports".to_owned())],
        notices,
        format_options: about.formats.clone(),
        about,
        key,
        columns,
        format,
        errors,
    };
    page.shell.answer(status, &page)
}

/// `POST /exports`: notes it, and leads to the file.
pub async fn create(
    req: HttpRequest,
    portal: web::Data<Portal>,
    who: Allowed<CreateExports>,
    Posted(sent): Posted<Wanted>,
) -> Result<HttpResponse, WebError> {
    if sent.what != exports::TRANSACTIONS {
        return exports_budgets::create(&req, &portal, &who, sent).await;
    }
    let Parsed { query, notices, .. } = ListQuery::parse(&sent.query);
    let mut errors = Errors::none();
    // A filter that is left out would make it more than what was asked for.
    for notice in &notices {
        errors.add("query", notice.clone());
    }
    let all = match sent.columns.as_str() {
        "view" => false,
        "all" => true,
        _ => {
            errors.add("columns", "Choose which columns");
            false
        }
    };
    if exports::preset(&sent.format).is_none() {
        errors.add("format", "Choose a kind of file");
    }
    if !errors.is_empty() {
        return show(&req, &portal, &who, query, notices, sent.key, ("view", "excel"), errors).await;
    }
    let query = if all { query.with_columns(Some(Column::all_but_personal())) } else { query };
    let scope = reach(&who);
    let mut read = portal.read(&who).await?;
    let known = Known::read(&mut read, &scope).await?;
    drop(read);
    let region = <[RegionId; 1]>::try_from(transaction_query::regions_of(&scope, &query)).ok().map(|[only]| only);
    let words = query.words(&|filter, id| known.name(filter, id));
    let new = NewExport { what: sent.what, query: query.text(), words, format: sent.format };
    let id = exports::create(&portal.store, who.actor.clone(), &sent.key, new, region).await?;
    Ok(see_other(&portal, &format!("/exports/{id}/file"), None))
}

/// `transactions_2026-11-01_2026-11-22_20261122T2130Z.csv`: what, the days asked for, when it was made.
fn file_name(query: &ListQuery, calendar: &Calendar, now: Instant) -> String {
    let (from, to) = query.period.days(calendar);
    let days: String = [from, to].into_iter().flatten().map(|day| format!("{}_", day.iso())).collect();
    format!("transactions_{days}{}.csv", now.utc().format("%Y%m%dT%H%MZ"))
}

/// `GET /exports/{id}/file`: only for the one who asked for it, with what she may see at this moment.
pub async fn file(
    req: HttpRequest,
    portal: web::Data<Portal>,
    who: Allowed<CreateExports>,
    path: web::Path<String>,
) -> Result<HttpResponse, WebError> {
    if req.headers().contains_key("sec-purpose") {
        // Nobody has asked for it yet: the browser guesses.
        return Err(WebError::Busy);
    }
    let id = ExportId::parse(&path).ok_or(Refusal::NotFound)?;
    let scope = reach(&who);
    let mut read = portal.read(&who).await?;
    let row = kept::find(&mut read, who.person.id, id).await?.ok_or(Refusal::NotFound)?;
    if row.what != exports::TRANSACTIONS {
        drop(read);
        return exports_budgets::file(&portal, &who, row).await;
    }
    let preset = exports::preset(&row.format).ok_or(Refusal::NotFound)?;
    let query = ListQuery::parse(&row.query).query;
    let known = Known::read(&mut read, &scope).await?;
    // Words like "this month" mean what they meant when she asked.
    let calendar = known.calendar(row.at);
    let named = who.scope(Permission::RecipientsRead);
    let asked = transaction_list::ask(&mut read, &scope, &named, &query, calendar, known.hidden.clone()).await?;
    let plan = kept::plan(&asked, query.columns(), portal.store.engine());
    drop(read);
    let names = Names { known: known.names.clone(), base_digits: known.base_digits };
    let name = file_name(&query, &calendar, portal.store.now());
    let taking = Taking { actor: who.actor.clone(), id, query, words: row.words, format: row.format };
    Ok(attachment(name, exports::download(&portal.within(&who), taking, plan, preset, names)))
}

/// A file of this name, while it is made.
pub fn attachment(name: String, body: impl Stream<Item = Result<Bytes, DbError>> + 'static) -> HttpResponse {
    attachment_of("text/csv; charset=utf-8", name, body)
}

/// The same of another kind.
pub fn attachment_of(kind: &'static str, name: String, body: impl Stream<Item = Result<Bytes, DbError>> + 'static) -> HttpResponse {
    HttpResponse::Ok()
        .content_type(kind)
        .insert_header(ContentDisposition { disposition: DispositionType::Attachment, parameters: vec![DispositionParam::Filename(name)] })
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .streaming(body)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::time::Day;

    #[test]
    fn a_file_is_called_by_what_it_holds() {
        let calendar = Calendar { zone: chrono_tz::UTC, today: Day(20_779), fiscal_start_month: 1 };
        let now = Instant(1_795_383_000_000_000);
        let name = |query: &str| file_name(&ListQuery::parse(query).query, &calendar, now);
        assert_eq!(name(""), "transactions_20261122T2130Z.csv");
        assert_eq!(name("from=2026-11-01&to=2026-11-22"), "transactions_2026-11-01_2026-11-22_20261122T2130Z.csv");
        assert_eq!(name("q=%22%0d%0a../x"), "transactions_20261122T2130Z.csv");
    }
}
