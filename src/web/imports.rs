//! Imports: the list, taking a file in, and what became of it.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;
use serde::Deserialize;

use super::Portal;
use super::choices::{self, Choice};
use super::error::{WebError, status_of};
use super::form::Errors;
use super::guard::{Allowed, ReadTransactions, RunImports, Signed};
use super::imports_refused::shown;
use super::imports_report::{Found, Step};
use super::imports_upload::{self, Taken};
use super::page::{Shell, see_other};
use super::transactions::thousands;
use crate::actions::imports::{FileFault, Stop, upload};
use crate::domain::access::{Permission, Scope};
use crate::domain::id::ImportId;
use crate::domain::import::Mapping;
use crate::domain::refusal::Refusal;
use crate::domain::text::size;
use crate::store::db::Read;
use crate::store::failure::{DbError, Failure};
use crate::store::import_sight;
use crate::store::imports::{self, ImportRow};

/// Imports on one page.
const PAGE: i64 = 50;
/// The steps of an import, as people see them.
pub const STEPS: &[&str] = &["File", "Columns", "Values", "Check", "Result"];

/// One line of the list, and the head of every page of an import.
pub struct Line {
    /// Its id.
    pub id: String,
    /// The file's name.
    pub file: String,
    /// Where its rows come from.
    pub source: String,
    /// Its state in words.
    pub state: &'static str,
    /// The tone of that.
    pub tone: &'static str,
    /// Who uploaded it.
    pub person: String,
    /// When.
    pub when: String,
    /// The same for machines.
    pub datetime: String,
    /// Created, changed, unchanged, refused; empty before they are known.
    pub counts: [String; 4],
}

impl Line {
    /// Of an import.
    pub fn of(row: &ImportRow, zone: chrono_tz::Tz) -> Self {
        let known = matches!(row.state.as_str(), "checked" | "done");
        let count = |count: i64| if known { thousands(count) } else { String::new() };
        let (state, tone) = state_words(row);
        Self {
            id: row.id.to_string(),
            file: row.file_name.clone(),
            source: row.source_name.clone(),
            state,
            tone,
            person: row.person_name.clone().unwrap_or_else(|| "The system".to_owned()),
            when: row.created_at.local(zone),
            datetime: row.created_at.iso(),
            counts: [row.rows_created, row.rows_changed, row.rows_unchanged, row.rows_refused].map(count),
        }
    }
}

fn state_words(row: &ImportRow) -> (&'static str, &'static str) {
    match row.state.as_str() {
        "uploading" => ("Uploading", "info"),
        "mapping" => ("To be mapped", "info"),
        "checking" => ("Being checked", "info"),
        "checked" => ("Checked", "info"),
        "committing" => ("Being written", "info"),
        "done" => ("Imported", "ok"),
        "failed" => ("Failed", "bad"),
        _ => ("Withdrawn", ""),
    }
}

#[derive(Template)]
#[template(path = "imports/list.html")]
struct ListPage {
    shell: Shell,
    lines: Vec<Line>,
    zone: &'static str,
    older: String,
    newest: String,
}

/// Where the list goes on.
#[derive(Deserialize)]
pub struct From {
    before: Option<i64>,
}

/// `GET /imports`.
pub async fn list(
    req: HttpRequest,
    portal: web::Data<Portal>,
    who: Allowed<RunImports>,
    from: web::Query<From>,
) -> Result<HttpResponse, WebError> {
    let mut read = portal.read(&who).await?;
    let zone = choices::zone(&mut read).await?;
    let mut rows = imports::list(&mut read, &who.reach(), Some(who.person.id), from.before, PAGE + 1).await?;
    drop(read);
    let more = rows.len() as i64 > PAGE;
    rows.truncate(PAGE as usize);
    let older = rows.last().filter(|_| more).map(|row| format!("/imports?before={}", row.no)).unwrap_or_default();
    let page = ListPage {
        shell: Shell::new(&req, &portal, &who, "Imports"),
        lines: rows.iter().map(|row| Line::of(row, zone)).collect(),
        zone: zone.name(),
        older,
        newest: if from.before.is_some() { "/imports".to_owned() } else { String::new() },
    };
    page.shell.answer(StatusCode::OK, &page)
}

#[derive(Template)]
#[template(path = "imports/new.html")]
struct NewPage {
    shell: Shell,
    crumbs: Vec<(String, String)>,
    errors: Errors,
    key: String,
    sources: Vec<Choice>,
    source: String,
    new_source: String,
    most: String,
}

/// `GET /imports/new`.
pub async fn new(req: HttpRequest, portal: web::Data<Portal>, who: Allowed<RunImports>) -> Result<HttpResponse, WebError> {
    let taken = Taken { key: portal.store.random.token(16), ..Taken::default() };
    show(&req, &portal, &who, StatusCode::OK, taken, Errors::none()).await
}

async fn show(
    req: &HttpRequest,
    portal: &Portal,
    who: &Allowed<RunImports>,
    status: StatusCode,
    taken: Taken,
    errors: Errors,
) -> Result<HttpResponse, WebError> {
    let mut read = portal.read(who).await?;
    let sources = imports::sources(&mut read).await?;
    drop(read);
    let page = NewPage {
        shell: Shell::new(req, portal, who, "Import a file").with_errors(!errors.is_empty()),
        crumbs: vec![("/imports".to_owned(), "Imports".to_owned())],
        errors,
        key: taken.key,
        sources: sources.into_iter().map(|source| (source.name.clone(), source.name)).collect(),
        source: taken.source,
        new_source: taken.new_source,
        most: size(portal.upload_max_bytes),
    };
    page.shell.answer(status, &page)
}

/// `POST /imports`: takes a file in, as a multipart form whose first field is the token.
pub async fn upload(
    req: HttpRequest,
    portal: web::Data<Portal>,
    who: Allowed<RunImports>,
    body: web::Payload,
) -> Result<HttpResponse, WebError> {
    let taken = imports_upload::read(&req, body, portal.upload_max_bytes, portal.body_still).await?;
    let mut errors = Errors::none();
    let source = if taken.new_source.trim().is_empty() { taken.source.clone() } else { taken.new_source.clone() };
    let source = errors.check("source", upload::source_name(&source));
    if taken.too_large {
        errors.add(
            "file",
            format!("The file is larger than {}. Split it, or ask the administrator to raise the limit", size(portal.upload_max_bytes)),
        );
        return show(&req, &portal, &who, StatusCode::PAYLOAD_TOO_LARGE, taken, errors).await;
    }
    let mut taken = taken;
    let file = taken.file.take();
    if file.is_none() {
        errors.add("file", "Choose a file");
    }
    let (Some(source), Some(file)) = (source, file) else {
        return show(&req, &portal, &who, StatusCode::UNPROCESSABLE_ENTITY, taken, errors).await;
    };
    match upload::receive(&portal.store, who.actor.clone(), &taken.key, &source, file, &portal.import_limits()).await {
        Ok(id) => Ok(see_other(&portal, &format!("/imports/{id}/columns"), None)),
        Err(Stop::File(FileFault::Io(error))) => Err(Failure::Io(error).into()),
        Err(Stop::File(fault)) => {
            let status = if fault.is_size() { StatusCode::PAYLOAD_TOO_LARGE } else { StatusCode::UNPROCESSABLE_ENTITY };
            errors.add("file", fault.to_string());
            taken.key = portal.store.random.token(16);
            show(&req, &portal, &who, status, taken, errors).await
        }
        Err(Stop::Failed(Failure::Refused(refusal))) => show(&req, &portal, &who, status_of(&refusal), taken, Errors::of(&refusal)).await,
        Err(Stop::Failed(failure)) => Err(failure.into()),
        Err(Stop::Mapping(_)) => Err(WebError::Malformed("The file could not be read.")),
    }
}

/// An import by the id in an address, where she sees it.
pub async fn find(portal: &Portal, who: &Allowed<RunImports>, id: &str) -> Result<ImportRow, WebError> {
    let id = ImportId::parse(id).ok_or(Refusal::NotFound)?;
    let mut read = portal.read(who).await?;
    Ok(imports::find(&mut read, &who.reach(), Some(who.person.id), id).await?.ok_or(Refusal::NotFound)?)
}

/// Whether she uploaded it.
pub fn is_own(row: &ImportRow, who: &Allowed<RunImports>) -> bool {
    row.person_id == Some(who.person.id)
}

/// Where she sees what imports did. What is not done yet is seen by those who may import for the whole organisation, and by her whose it is.
pub(super) fn reach(who: &Signed) -> Scope {
    let scope = who.scope(Permission::TransactionsRead);
    let whole = scope.is_whole() && who.access.has_everywhere(Permission::ImportsRun);
    Scope::of(scope.regions(), whole)
}

/// Whether the page of an import is there for her: a link to it is shown only then.
pub async fn leads(read: &mut Read, who: &Signed, id: ImportId) -> Result<bool, DbError> {
    if !who.access.has(Permission::TransactionsRead) {
        return Ok(false);
    }
    Ok(import_sight::find(read, &reach(who), Some(who.person.id), id).await?.is_some())
}

#[derive(Template)]
#[template(path = "imports/result.html")]
struct ResultPage {
    shell: Shell,
    crumbs: Vec<(String, String)>,
    line: Line,
    zone: &'static str,
    failure: String,
    part: bool,
    done: bool,
    working: bool,
    progress: u64,
    found: Found,
    facts: Vec<(&'static str, String)>,
    steps: Vec<Step>,
    next: String,
    refused_href: String,
    withdrawal: String,
    version: i64,
    audit: String,
}

/// `GET /imports/{id}`: what became of it, and how it goes on. Somebody who sees a part of its regions sees that part.
pub async fn page(
    req: HttpRequest,
    portal: web::Data<Portal>,
    who: Allowed<ReadTransactions>,
    path: web::Path<String>,
) -> Result<HttpResponse, WebError> {
    let id = ImportId::parse(&path).ok_or(Refusal::NotFound)?;
    let mut read = portal.read(&who).await?;
    let (row, whole) = import_sight::find(&mut read, &reach(&who), Some(who.person.id), id).await?.ok_or(Refusal::NotFound)?;
    let zone = choices::zone(&mut read).await?;
    let budgets = who.scope(Permission::BudgetsRead);
    let found = if whole {
        Found::read(&mut read, &budgets, &row, &shown(&who, Mapping::default())).await?
    } else {
        Found::part(&mut read, &budgets, &reach(&who), &row).await?
    };
    drop(read);
    let page = made(Shell::new(&req, &portal, &who, row.file_name.clone()), &who, row, whole, found, zone);
    page.shell.answer(StatusCode::OK, &page)
}

fn made(shell: Shell, who: &Signed, row: ImportRow, whole: bool, found: Found, zone: chrono_tz::Tz) -> ResultPage {
    let own = row.person_id == Some(who.person.id) && who.access.has(Permission::ImportsRun);
    let all = own || who.access.has_everywhere(Permission::ImportsRun);
    let open = matches!(row.state.as_str(), "mapping" | "checking" | "checked" | "committing");
    let next = match row.state.as_str() {
        "mapping" if own => format!("/imports/{}/columns", row.id),
        "checking" | "checked" if own => format!("/imports/{}/check", row.id),
        _ => String::new(),
    };
    let refused = row.state == "done" && row.rows_refused > 0 && all;
    let may_list = who.access.has(Permission::ImportsRun);
    ResultPage {
        shell,
        crumbs: if may_list { vec![("/imports".to_owned(), "Imports".to_owned())] } else { Vec::new() },
        line: Line::of(&row, zone),
        zone: zone.name(),
        part: !whole,
        done: row.state == "done",
        working: whole && (row.state == "committing" || row.state == "done" && row.finished_at.is_none()),
        progress: super::imports_report::percent(&row),
        found,
        facts: if whole { facts(&row) } else { vec![("Source", row.source_name.clone())] },
        steps: super::imports_report::timeline(&row, zone),
        next,
        refused_href: if refused { format!("/imports/{}/refused.csv", row.id) } else { String::new() },
        withdrawal: if open && all { format!("/imports/{}/withdrawal", row.id) } else { String::new() },
        version: row.version,
        audit: if who.access.has(Permission::AuditRead) { format!("/audit?object={}", row.id) } else { String::new() },
        failure: row.failure,
    }
}

fn facts(row: &ImportRow) -> Vec<(&'static str, String)> {
    let mode = match row.mode.as_str() {
        "all_or_nothing" => "All or nothing",
        "good_rows" => "Good rows only",
        _ if row.state == "withdrawn" => "Withdrawn before it was chosen",
        _ => "Not chosen yet",
    };
    vec![
        ("Source", row.source_name.clone()),
        ("Size", format!("{} bytes", thousands(row.file_bytes))),
        ("SHA-256", row.file_sha256.as_deref().map(crate::domain::text::hex).unwrap_or_default()),
        ("Refused rows", mode.to_owned()),
    ]
}
