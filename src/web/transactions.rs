//! The list of transactions.

use std::borrow::Cow;
use std::sync::Arc;

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;

use super::budgets_groups::amount;
use super::error::WebError;
use super::guard::{ReadTransactions, Reading};
use super::pack::Packed;
use super::page::Shell;
use super::transactions_known::{Known, Pieces};
use super::{Portal, transactions_filter};
use crate::domain::access::Permission;
use crate::domain::currency::Currency;
use crate::domain::id::TransactionId;
use crate::domain::list_query::{Chip, Column, Kind, ListQuery, Parsed, Sort, SortBy};
use crate::domain::money;
use crate::domain::time::{Day, Instant};
use crate::store::cells::Cell;
use crate::store::transaction_list::{self, Line, Page, Place};
use crate::store::transaction_totals::{COUNT_MOST, Totals};

/// A column's head.
pub struct Head {
    /// Its words.
    pub label: String,
    /// Where the link leads that sorts by it; empty where it does not sort.
    pub href: String,
    /// `none`, `ascending` or `descending`.
    pub state: &'static str,
    /// `num` for numbers.
    pub class: &'static str,
}

/// One value in the table.
#[derive(Default)]
pub struct Shown<'p> {
    /// The words.
    pub text: Cow<'p, str>,
    /// Where it leads; empty for nowhere.
    pub href: String,
    /// The tone of a status; `None` for what is no status.
    pub tone: Option<&'static str>,
    /// For a moment: as a machine reads it.
    pub datetime: String,
    /// `num` for numbers.
    pub class: &'static str,
}

/// The sum of one currency.
pub struct SumLine {
    /// The amount, grouped.
    pub amount: String,
    /// The code of the currency.
    pub currency: String,
    /// How many transactions.
    pub count: String,
}

#[derive(Template)]
#[template(path = "transactions/list.html")]
struct ListPage<'p> {
    shell: Shell,
    notices: Vec<String>,
    bar: &'p Packed,
    chooser: &'p Packed,
    chips: Vec<Chip>,
    clear: String,
    export: String,
    heads: Vec<Head>,
    rows: Vec<Vec<Shown<'p>>>,
    sums: Vec<SumLine>,
    /// (columns before the amount, columns after the currency) where sums stand under their column.
    foot: Option<(usize, usize)>,
    count: String,
    exact: String,
    previous: String,
    next: String,
    filtered: bool,
    mixed_amounts: bool,
    can_import: bool,
}

/// A whole number with its thousands apart.
pub fn thousands(number: i64) -> String {
    let digits = number.unsigned_abs().to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3 + 1);
    if number < 0 {
        out.push('\u{2212}');
    }
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// The tone of a status word: what is done is good, what failed is bad, what is under way or stopped asks for a look.
pub fn tone(code: &str) -> &'static str {
    match code {
        "executed" | "succeeded" | "redeemed" | "matched" | "posted" | "approved" => "ok",
        "failed" | "mismatched" | "missing" | "rejected" => "bad",
        "partially_failed" | "pending_approval" | "pending" | "frozen" | "expired" => "warn",
        "open" | "scheduled" | "partially_redeemed" => "info",
        _ => "",
    }
}

/// A status in words.
pub fn status_label(column: Column, code: &str) -> Cow<'_, str> {
    use crate::domain::list_query::Filter;
    let filter = match column {
        Column::OrderStatus => Filter::OrderStatus,
        Column::DeliveryStatus => Filter::DeliveryStatus,
        Column::RedemptionStatus => Filter::RedemptionStatus,
        Column::ReconStatus => Filter::ReconStatus,
        Column::ApprovalStatus => Filter::ApprovalStatus,
        Column::Channel => Filter::Channel,
        _ => return code.into(),
    };
    filter.word_label(code).unwrap_or(code).into()
}

/// One value in words.
fn shown<'p>(column: Column, cell: &'p Cell, line: &'p Line, currency: Option<Currency>, known: &'p Known) -> Shown<'p> {
    let text = |text: Cow<'p, str>| Shown { text, ..Shown::default() };
    let own = || Cow::Borrowed(cell.text().unwrap_or_default());
    let number = |text: String| Shown { text: text.into(), class: "num", ..Shown::default() };
    match column.kind() {
        Kind::Text if column == Column::ExternalId => {
            let text = cell.text().map_or_else(|| line.id.short().into(), Cow::Borrowed);
            Shown { text, href: format!("/transactions/{}", line.id), ..Shown::default() }
        }
        Kind::Text => text(own()),
        Kind::Code if matches!(column, Column::Currency) => text(own()),
        Kind::Code => {
            let code = cell.text().unwrap_or_default();
            let tone = (column != Column::Channel).then(|| tone(code));
            Shown { text: status_label(column, code), tone, ..Shown::default() }
        }
        Kind::Amount => match (cell.int(), currency) {
            (Some(minor), Some(currency)) => number(money::grouped(minor, currency)),
            _ => number(String::new()),
        },
        Kind::BaseAmount => {
            let mut out = String::new();
            cell.int().iter().for_each(|minor| money::write_plain(&mut out, *minor, known.base_digits));
            number(out)
        }
        Kind::Integer => number(cell.int().map(|number| number.to_string()).unwrap_or_default()),
        Kind::Instant => match cell.int().map(Instant) {
            Some(at) => Shown { text: at.local(known.zone()).into(), datetime: at.iso(), ..Shown::default() },
            None => Shown::default(),
        },
        Kind::Day => text(cell.int().map(|day| Day(day).iso()).unwrap_or_default().into()),
        Kind::Id("txn") => {
            let id = cell.id().map(|id| TransactionId(id).to_string()).unwrap_or_default();
            Shown { href: format!("/transactions/{id}"), text: id.into(), ..Shown::default() }
        }
        Kind::Id(prefix) => {
            text(cell.id().map(|id| format!("{prefix}_{}", crate::domain::id::encode(id.as_u128()))).unwrap_or_default().into())
        }
        Kind::RegionName | Kind::BudgetName | Kind::SourceName => {
            text(cell.id().and_then(|id| known.names.get(&id)).map_or("", String::as_str).into())
        }
    }
}

/// Where on the list the address says she is.
fn place(parsed: &Parsed) -> Place {
    let id = |key: &str| parsed.page_value(key).and_then(TransactionId::parse);
    match (id("after"), id("before")) {
        (Some(id), _) => Place::After(id),
        (None, Some(id)) => Place::Before(id),
        (None, None) => Place::First,
    }
}

fn heads(query: &ListQuery, known: &Known) -> Vec<Head> {
    let head = |column: &Column| {
        let by = match column {
            Column::IssuedAt => Some(SortBy::Issued),
            Column::AmountIssued => Some(SortBy::Amount),
            _ => None,
        };
        let zoned = column.kind() == Kind::Instant;
        let label = if zoned { format!("{} ({})", column.label(), known.zone().name()) } else { column.label().to_owned() };
        let class = if matches!(column.kind(), Kind::Amount | Kind::BaseAmount | Kind::Integer) { "num" } else { "" };
        let Some(by) = by else { return Head { label, href: String::new(), state: "none", class } };
        let current = query.sort.by == by;
        let descending = !(current && query.sort.descending);
        let state = match (current, query.sort.descending) {
            (false, _) => "none",
            (true, true) => "descending",
            (true, false) => "ascending",
        };
        Head { label, href: query.clone().sorted(Sort { by, descending }).href("/transactions", ""), state, class }
    };
    query.columns().iter().map(head).collect()
}

fn sum_lines(totals: &Totals) -> Vec<SumLine> {
    let line = |sum: &crate::store::transaction_totals::Sum| SumLine {
        amount: amount(sum.amount, Currency::parse(&sum.currency)),
        currency: sum.currency.clone(),
        count: thousands(sum.count),
    };
    if totals.capped { Vec::new() } else { totals.sums.iter().map(line).collect() }
}

/// Where the sums stand: under the amount, when its currency stands beside it.
fn foot(columns: &[Column]) -> Option<(usize, usize)> {
    let at = columns.iter().position(|column| *column == Column::AmountIssued).filter(|at| *at > 0)?;
    (columns.get(at + 1) == Some(&Column::Currency)).then(|| (at, columns.len() - at - 2))
}

fn count_words(lines: usize, totals: &Totals) -> String {
    let count = totals.count();
    if totals.capped {
        return format!("Showing {lines} of more than {} transactions", thousands(COUNT_MOST));
    }
    match count {
        1 => "1 transaction".to_owned(),
        _ if usize::try_from(count) == Ok(lines) => format!("{} transactions", thousands(count)),
        _ => format!("Showing {lines} of {} transactions", thousands(count)),
    }
}

fn list_page<'p>(shell: Shell, parsed: &Parsed, found: &'p Found, may: (bool, bool)) -> ListPage<'p> {
    let (query, Found { known, page, totals, pieces }) = (&parsed.query, found);
    let columns = query.columns();
    let row = |line: &'p Line| {
        let currency = Currency::parse(&line.currency);
        columns.iter().zip(&line.cells).map(|(column, cell)| shown(*column, cell, line, currency, known)).collect()
    };
    let cursor =
        |key: &str, id: Option<TransactionId>| id.map(|id| query.href("/transactions", &format!("{key}={id}"))).unwrap_or_default();
    let name = |filter, id| known.name(filter, id);
    ListPage {
        bar: &pieces.bar,
        chooser: &pieces.chooser,
        chips: query.chips(&name),
        clear: query.cleared().href("/transactions", ""),
        export: if may.0 { query.href("/exports/new", "") } else { String::new() },
        heads: heads(query, known),
        rows: page.lines.iter().map(row).collect(),
        sums: sum_lines(totals),
        foot: foot(columns),
        count: count_words(page.lines.len(), totals),
        exact: if totals.capped { query.href("/transactions", "count=exact") } else { String::new() },
        previous: cursor("before", page.previous),
        next: cursor("after", page.next),
        filtered: query.is_filtered(),
        mixed_amounts: query.sort.by == SortBy::Amount && totals.sums.len() > 1,
        can_import: may.1,
        notices: parsed.notices.clone(),
        shell,
    }
}

/// What a page is made of.
struct Found {
    known: Arc<Known>,
    page: Page,
    totals: Arc<Totals>,
    pieces: Arc<Pieces>,
}

/// `GET /transactions`.
pub async fn list(req: HttpRequest, portal: web::Data<Portal>, reading: Reading<ReadTransactions>) -> Result<HttpResponse, WebError> {
    let Reading { who, mut read } = reading;
    let parsed = ListQuery::parse(req.query_string());
    let scope = who.reach();
    let known: Arc<Known> = Known::as_of(&mut read, &scope, who.as_of.clone()).await?;
    let names = who.scope(Permission::RecipientsRead);
    let calendar = known.calendar(portal.store.now());
    let asked = transaction_list::ask(&mut read, &scope, &names, &parsed.query, calendar, known.hidden.clone()).await?;
    let page = transaction_list::page(&mut read, &asked, place(&parsed)).await?;
    let totals = known.totals(&mut read, &asked, parsed.page_value("count") == Some("exact")).await?;
    drop(read);
    let may = (who.access.has(Permission::ExportsCreate), who.access.has(Permission::ImportsRun));
    let shell = Shell::new(&req, &portal, &who, "Transactions");
    drop(asked);
    let found = Found { pieces: transactions_filter::pieces(&parsed.query, &known)?, known, page, totals };
    let page = list_page(shell, &parsed, &found, may);
    page.shell.answer_with(StatusCode::OK, &page, &[&found.pieces.chooser, &found.pieces.bar])
}
