//! One budget: its figures, how they went, every posting, and what may be done.

use std::collections::HashMap;

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;
use serde::Deserialize;

use super::Portal;
use super::budgets::{BudgetLine, line};
use super::budgets_chart::burn_down;
use super::budgets_fields::Action;
use super::chart::LineChart;
use super::error::WebError;
use super::guard::{Allowed, ReadBudgets, Signed};
use super::page::Shell;
use super::postings::end_words;
use crate::domain::access::{Permission, Scope};
use crate::domain::budget::{Budget, BudgetStatus, PostingKind};
use crate::domain::id::{BudgetId, PostingId, UserId};
use crate::domain::money;
use crate::domain::refusal::Refusal;
use crate::domain::time::Day;
use crate::store::db::Read;
use crate::store::ledger::{self, BudgetRow};
use crate::store::postings::PostingRow;
use crate::store::{approvals, budgets, people, postings, regions};

/// How many postings a page of the statement holds.
const STATEMENT_ROWS: usize = 50;

/// The state of the page.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct State {
    kind: Vec<String>,
    from: String,
    to: String,
    older: String,
    newer: String,
}

/// One line of the statement.
struct Entry {
    date: String,
    reference: String,
    href: String,
    what: String,
    other: String,
    other_href: String,
    note: String,
    amount: String,
    negative: bool,
    after: String,
}

/// A reservation that is open.
struct Open {
    reference: String,
    href: String,
    date: String,
    note: String,
    amount: String,
    by: String,
    /// The request for approval that it is kept for, and its page where she may see it.
    kept_for: Option<(String, String)>,
}

/// A version of the budget's own attributes.
struct VersionLine {
    version: i64,
    at: String,
    by: String,
    words: String,
}

#[derive(Template)]
#[template(path = "budgets/detail.html")]
struct DetailPage {
    shell: Shell,
    crumbs: Vec<(String, String)>,
    line: BudgetLine,
    facts: Vec<(&'static str, String)>,
    previous: String,
    region_href: String,
    actions: Vec<(String, &'static str)>,
    chart: LineChart,
    entries: Vec<Entry>,
    kinds: Vec<(&'static str, &'static str, bool)>,
    kinds_words: String,
    from: String,
    to: String,
    filtered: bool,
    statement_file: String,
    burn_down_file: String,
    bad_dates: &'static str,
    available_note: String,
    older: String,
    newer: String,
    open: Vec<Open>,
    may_settle: bool,
    versions: Vec<VersionLine>,
    audit: bool,
    left: bool,
}

/// The page of one budget.
pub async fn page(
    req: HttpRequest,
    portal: web::Data<Portal>,
    who: Allowed<ReadBudgets>,
    id: web::Path<String>,
) -> Result<HttpResponse, WebError> {
    let state: State =
        serde_html_form::from_str(req.query_string()).map_err(|_| WebError::Malformed("The address holds an unknown filter."))?;
    let page = made(&req, &portal, &who, &id, state).await?;
    page.shell.answer(StatusCode::OK, &page)
}

async fn made(req: &HttpRequest, portal: &Portal, who: &Allowed<ReadBudgets>, id: &str, state: State) -> Result<DetailPage, WebError> {
    let id = BudgetId::parse(id).ok_or(Refusal::NotFound)?;
    let scope = who.reach();
    let mut read = portal.read(who).await?;
    let row = ledger::find(&mut read, &scope, id).await?.ok_or(Refusal::NotFound)?;
    let region = regions::find(&mut read, &scope, row.region_id).await?.ok_or(Refusal::NotFound)?;
    let today = portal.store.now().day(region.zone());
    let budget = row.budget()?;
    let moves = postings::by_day(&mut read, id).await?;
    let statement = statement(&mut read, &state, id).await?;
    let open = postings::open_reservations(&mut read, id).await?;
    let kept: Vec<PostingId> = open.iter().map(|row| row.id).collect();
    let held = approvals::held(&mut read, &approvals::Sight::of(&who.access), &kept).await?;
    let versions = budgets::versions(&mut read, &scope, id, 0).await?;
    let mut known: Vec<UserId> = open.iter().filter_map(|row| row.actor_id).collect();
    known.extend(versions.iter().filter_map(|version| version.actor_id).chain(row.owner_id));
    let names = people::names(&mut read, &known).await?;
    let entries = entries(&mut read, &scope, &budget, &statement.rows).await?;
    let may_adjust = who.may(Permission::BudgetsAdjust, row.region_id);
    let previous = match row.previous_id {
        Some(previous) => budgets::names(&mut read, &scope, &[previous]).await?.remove(&previous).map(|name| (previous, name)),
        None => None,
    };
    let place = regions::names(&mut read, &scope).await?.remove(&region.id).unwrap_or_default();
    let line = line(&row, &budget, &place, today);
    Ok(DetailPage {
        shell: Shell::new(req, portal, who, row.name.clone()),
        crumbs: vec![("/budgets".to_owned(), "Budgets".to_owned())],
        available_note: available_note(&line),
        line,
        facts: facts(&row, &names, previous.as_ref().map(|(_, name)| name.as_str())),
        previous: previous.map(|(id, _)| format!("/budgets/{id}")).unwrap_or_default(),
        region_href: format!("/regions/{}", region.id),
        actions: actions(who, &row),
        chart: burn_down(&budget, &moves, today),
        kinds: PostingKind::ALL.iter().map(|kind| (kind.code(), kind.label(), statement.wanted.kinds.contains(kind))).collect(),
        kinds_words: match statement.wanted.kinds.len() {
            0 => "Any".to_owned(),
            count => format!("{count} chosen"),
        },
        statement_file: file(who, &statement.kept.iter().fold(format!("statement&budget={id}"), |all, part| format!("{all}&{part}"))),
        burn_down_file: file(who, &format!("burn_down&budget={id}")),
        filtered: !state.kind.is_empty() || !state.from.is_empty() || !state.to.is_empty(),
        bad_dates: if statement.bad_dates { "Enter days like 2026-11-22" } else { "" },
        older: statement.older,
        newer: statement.newer,
        entries,
        from: state.from,
        to: state.to,
        open: open.iter().map(|row| reservation(row, &budget, &names, &held)).collect(),
        may_settle: may_adjust && budget.status != BudgetStatus::Closed,
        versions: versions.iter().map(|version| version_line(version, &names)).collect(),
        audit: who.access.has(Permission::AuditRead),
        left: budget.status == BudgetStatus::Closed && budget.figures.available() != 0,
    })
}

struct Statement {
    rows: Vec<PostingRow>,
    wanted: postings::Wanted,
    /// The filters as parts of a query.
    kept: Vec<String>,
    bad_dates: bool,
    older: String,
    newer: String,
}

/// Where a file of this is asked for; empty for somebody who takes none away.
fn file(who: &Signed, list: &str) -> String {
    if who.access.has(Permission::ExportsCreate) { format!("/exports/new?list={list}") } else { String::new() }
}

/// What the store is asked for, as the statement's filters say.
pub fn wanted(kinds: &[String], from: &str, to: &str) -> postings::Wanted {
    postings::Wanted {
        kinds: kinds.iter().filter_map(|code| PostingKind::parse(code)).collect(),
        from: Day::parse(from.trim()),
        to: Day::parse(to.trim()),
    }
}

async fn statement(read: &mut Read, state: &State, id: BudgetId) -> Result<Statement, WebError> {
    let wanted = wanted(&state.kind, &state.from, &state.to);
    let from = match (state.older.parse(), state.newer.parse()) {
        (Ok(no), _) => postings::From::Older(no),
        (_, Ok(no)) => postings::From::Newer(no),
        _ => postings::From::Start,
    };
    let mut rows = postings::statement(read, id, &wanted, from, STATEMENT_ROWS as i64 + 1).await?;
    let more = rows.len() > STATEMENT_ROWS;
    let newer_side = matches!(from, postings::From::Newer(_));
    if more && newer_side {
        rows.remove(0);
    }
    rows.truncate(STATEMENT_ROWS);
    let mut kept: Vec<String> = wanted.kinds.iter().map(|kind| format!("kind={}", kind.code())).collect();
    for (name, text) in [("from", &state.from), ("to", &state.to)].into_iter().filter(|(_, text)| !text.is_empty()) {
        kept.push(format!("{name}={}", super::form::encoded(text)));
    }
    let beside = |name: &str, no: Option<i64>| {
        let parts = [kept.clone(), vec![format!("{name}={}", no.unwrap_or_default())]].concat();
        no.map(|_| format!("/budgets/{id}?{}#statement", parts.join("&"))).unwrap_or_default()
    };
    let has_older = if newer_side { true } else { more };
    let has_newer = if newer_side { more } else { from != postings::From::Start };
    let (older, newer) = (
        beside("older", rows.last().map(|row| row.no).filter(|_| has_older)),
        beside("newer", rows.first().map(|row| row.no).filter(|_| has_newer)),
    );
    let bad = |text: &str| !text.trim().is_empty() && Day::parse(text.trim()).is_none();
    Ok(Statement { bad_dates: bad(&state.from) || bad(&state.to), rows, wanted, kept, older, newer })
}

async fn entries(read: &mut Read, scope: &Scope, budget: &Budget, rows: &[PostingRow]) -> Result<Vec<Entry>, WebError> {
    let others: Vec<BudgetId> =
        rows.iter().flat_map(|row| [row.source_budget_id, row.destination_budget_id]).flatten().filter(|id| *id != budget.id).collect();
    let budgets = if others.is_empty() { HashMap::new() } else { budgets::names(read, scope, &others).await? };
    rows.iter().map(|row| entry(scope, budget, row, &budgets)).collect()
}

fn entry(scope: &Scope, budget: &Budget, row: &PostingRow, budgets: &HashMap<BudgetId, String>) -> Result<Entry, WebError> {
    let movement = row.movement()?;
    let here = |id: Option<BudgetId>| id == Some(budget.id);
    let (out, into) = (here(row.source_budget_id), here(row.destination_budget_id));
    let effect = movement.effect_on(budget.id);
    let (other, other_href) = match (out, into) {
        (true, true) => (String::new(), String::new()),
        (true, false) => {
            let budget = row.destination_budget_id.zip(row.destination_region_id);
            let (words, href) = end_words(&row.destination_account, budget, budgets, scope);
            (format!("to {}", lower_first(&words, href.is_empty())), href)
        }
        _ => {
            let (words, href) = end_words(&row.source_account, row.source_budget_id.zip(row.source_region_id), budgets, scope);
            (format!("from {}", lower_first(&words, href.is_empty())), href)
        }
    };
    let after = if out { row.source_available_after } else { row.destination_available_after };
    Ok(Entry {
        date: row.effective_date.iso(),
        reference: row.reference(),
        href: format!("/postings/{}", row.id),
        what: movement.kind.label().to_owned(),
        other,
        other_href,
        note: row.note.clone(),
        amount: money::grouped(row.amount.saturating_mul(effect), budget.currency),
        negative: effect < 0,
        after: after.map(|after| money::grouped(after, budget.currency)).unwrap_or_default(),
    })
}

/// Below the available figure.
fn available_note(line: &BudgetLine) -> String {
    match (line.overspent, line.runway.is_empty()) {
        (true, _) => "Overspent".to_owned(),
        (false, true) => String::new(),
        (false, false) => format!("Lasts until {}", line.runway),
    }
}

/// Words that are no name begin small inside a sentence.
fn lower_first(words: &str, lower: bool) -> String {
    let mut letters = words.chars();
    match letters.next() {
        Some(first) if lower => first.to_lowercase().chain(letters).collect(),
        _ => words.to_owned(),
    }
}

fn who_did(id: Option<UserId>, names: &HashMap<UserId, String>) -> String {
    id.map_or_else(|| "The system".to_owned(), |id| names.get(&id).cloned().unwrap_or_default())
}

fn reservation(row: &PostingRow, budget: &Budget, names: &HashMap<UserId, String>, held: &[approvals::Held]) -> Open {
    Open {
        reference: row.reference(),
        href: format!("/postings/{}", row.id),
        date: row.effective_date.iso(),
        note: row.note.clone(),
        amount: money::grouped(row.amount, budget.currency),
        by: who_did(row.actor_id, names),
        kept_for: kept_for(row.id, held),
    }
}

/// The request that a posting is kept for, in words, and its page.
pub fn kept_for(posting: PostingId, held: &[approvals::Held]) -> Option<(String, String)> {
    let (_, id, seen) = held.iter().find(|(kept, _, _)| *kept == posting)?;
    Some((format!("APR-{}, which waits for approval", id.short()), seen.map(|id| format!("/approvals/{id}")).unwrap_or_default()))
}

fn version_line(version: &budgets::Version, names: &HashMap<UserId, String>) -> VersionLine {
    let attributes: serde_json::Value = serde_json::from_str(&version.attributes).unwrap_or_default();
    let text = |key: &str| attributes.get(key).and_then(|value| value.as_str()).unwrap_or_default().to_owned();
    let days = [text("period_start"), text("period_end")].map(|day| Day::parse(&day).map(Day::words).unwrap_or_default());
    let mut words = vec![text("name"), days.join(" to ")];
    words.extend(Some(text("cost_centre")).filter(|text| !text.is_empty()));
    words.extend(BudgetStatus::parse(&text("status")).map(|status| status.label().to_owned()));
    VersionLine {
        version: version.version,
        at: format!("{} UTC", version.at.local(chrono_tz::UTC)),
        by: who_did(version.actor_id, names),
        words: words.join(", "),
    }
}

fn facts(row: &BudgetRow, names: &HashMap<UserId, String>, previous: Option<&str>) -> Vec<(&'static str, String)> {
    let owner = row.owner_id.and_then(|id| names.get(&id).cloned()).unwrap_or_else(|| "Nobody yet".to_owned());
    let mut facts = vec![("Period", super::budgets_check::period_words(row.period_start, row.period_end)), ("Owner", owner)];
    if !row.cost_centre.is_empty() {
        facts.push(("Cost centre", row.cost_centre.clone()));
    }
    facts.push(("Currency", row.currency.clone()));
    facts.push(("Version", row.version.to_string()));
    facts.extend(previous.map(|name| ("Follows", name.to_owned())));
    facts
}

/// Where the actions that she may take here lead, the first one the most likely.
fn actions(who: &Signed, row: &BudgetRow) -> Vec<(String, &'static str)> {
    let status = BudgetStatus::parse(&row.status);
    let mut actions = Vec::new();
    if status == Some(BudgetStatus::Closed) {
        return actions;
    }
    let (manage, adjust) = (who.may(Permission::BudgetsManage, row.region_id), who.may(Permission::BudgetsAdjust, row.region_id));
    let active = status == Some(BudgetStatus::Active);
    let mut add = |allowed: bool, noun: &str, label| {
        if allowed {
            actions.push((format!("/budgets/{}/{noun}", row.id), label));
        }
    };
    let form = |action: Action| format!("{}/new", action.noun());
    add(adjust && active, &form(Action::Transfer), "Transfer");
    add(adjust, &form(Action::Adjustment), "Adjust");
    add(adjust && active, &form(Action::Reservation), "Reserve");
    add(manage, &form(Action::Allocation), "Allocate");
    add(manage && active, &form(Action::CarryOver), "Carry over");
    add(manage, "edit", "Edit");
    add(manage && !active, "activation/new", "Activate");
    add(manage, "closure/new", "Close");
    actions
}
