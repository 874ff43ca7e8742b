//! One posting: the confirmation after money was moved, and the page its reference leads to.

use std::collections::HashMap;

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;
use serde::Deserialize;

use super::Portal;
use super::budgets_detail::kept_for;
use super::error::WebError;
use super::guard::{Allowed, ReadBudgets};
use super::imports::leads;
use super::page::Shell;
use crate::actions::budgets_plan::reversible;
use crate::domain::access::{Permission, Scope};
use crate::domain::budget::{Account, PostingKind};
use crate::domain::id::{BudgetId, PostingId, RegionId};
use crate::domain::money;
use crate::domain::refusal::Refusal;
use crate::store::db::Read;
use crate::store::postings::PostingRow;
use crate::store::{approvals, budgets, people, postings};

/// Whether the page follows what it confirms.
#[derive(Deserialize)]
pub struct Arrival {
    #[serde(default)]
    done: String,
}

/// One end, in words that her scope allows.
pub struct EndShown {
    pub words: String,
    pub href: String,
    pub after: String,
}

/// Another posting that belongs to it.
struct Related {
    what: &'static str,
    reference: String,
    href: String,
    words: String,
}

#[derive(Template)]
#[template(path = "postings/posting.html")]
struct PostingPage {
    shell: Shell,
    done: bool,
    crumbs: Vec<(String, String)>,
    id: String,
    reference: String,
    kind: &'static str,
    amount: String,
    currency: String,
    source: EndShown,
    destination: EndShown,
    facts: Vec<(&'static str, String)>,
    transaction: String,
    import: String,
    related: Vec<Related>,
    back: String,
    audit: bool,
    reverse: bool,
    settle: bool,
    kept_for: Option<(String, String)>,
}

/// The words for an end: an account of the organisation, a budget in scope by name, a budget outside without one.
pub fn end_words(
    account: &str,
    budget: Option<(BudgetId, RegionId)>,
    names: &HashMap<BudgetId, String>,
    scope: &Scope,
) -> (String, String) {
    let account = Account::parse(account);
    let label = account.map_or("", Account::label);
    let Some((id, region)) = budget else {
        let words = match account {
            Some(Account::Funding) => "The organisation\u{2019}s funding",
            Some(Account::Correction) => "Corrections",
            Some(Account::Exchange) => "Currency exchange",
            _ => label,
        };
        return (words.to_owned(), String::new());
    };
    match names.get(&id).filter(|_| scope.covers(region)) {
        Some(name) if account == Some(Account::Available) => (name.clone(), format!("/budgets/{id}")),
        Some(name) => (format!("{name}, {}", label.to_lowercase()), format!("/budgets/{id}")),
        None => ("A budget of another region".to_owned(), String::new()),
    }
}

/// One posting of which an end lies in scope.
pub async fn page(
    req: HttpRequest,
    portal: web::Data<Portal>,
    who: Allowed<ReadBudgets>,
    id: web::Path<String>,
    arrival: web::Query<Arrival>,
) -> Result<HttpResponse, WebError> {
    let page = made(&req, &portal, &who, &id, arrival.done == "1").await?;
    page.shell.answer(StatusCode::OK, &page)
}

async fn made(req: &HttpRequest, portal: &Portal, who: &Allowed<ReadBudgets>, id: &str, done: bool) -> Result<PostingPage, WebError> {
    let id = PostingId::parse(id).ok_or(Refusal::NotFound)?;
    let scope = who.reach();
    let mut read = portal.read(who).await?;
    let row = postings::find(&mut read, &scope, id).await?.ok_or(Refusal::NotFound)?;
    let ids: Vec<BudgetId> = [row.source_budget_id, row.destination_budget_id].into_iter().flatten().collect();
    let names = budgets::names(&mut read, &scope, &ids).await?;
    let mine = ids.iter().find(|id| names.contains_key(id)).copied();
    let movement = row.movement()?;
    let followers = postings::followers(&mut read, id).await?;
    let end = |account: &str, budget: Option<BudgetId>, region: Option<RegionId>, after: Option<i64>| {
        let (words, href) = end_words(account, budget.zip(region), &names, &scope);
        let after = after.filter(|_| !href.is_empty()).map(|after| money::grouped(after, movement.currency)).unwrap_or_default();
        EndShown { words, href, after }
    };
    let may = |permission| ends_allow(&row, |region| who.may(permission, region));
    let settled = followers.iter().any(|other| other.settles_id == Some(id));
    let reserve = movement.kind == PostingKind::Reserve;
    let reversed = followers.iter().any(|other| other.reverses_id == Some(id));
    let adjust = may(Permission::BudgetsAdjust);
    // Two currencies are two postings, and both are reversed or none: a leg out of her reach keeps the other as it is.
    let pair = match row.pair_id {
        Some(pair) => postings::among(&mut read, &scope, &[pair]).await?,
        None => Vec::new(),
    };
    let whole = row.pair_id.is_none() || !pair.is_empty();
    let whole = whole && pair.iter().all(|leg| ends_allow(leg, |region| who.may(Permission::BudgetsAdjust, region)));
    let held = if reserve && !settled { approvals::held(&mut read, &approvals::Sight::of(&who.access), &[id]).await? } else { Vec::new() };
    let import = match row.import_id {
        Some(id) if leads(&mut read, who, id).await? => id.to_string(),
        _ => String::new(),
    };
    Ok(PostingPage {
        shell: Shell::new(req, portal, who, format!("{} {}", movement.kind.label(), row.reference())),
        done,
        crumbs: crumbs(mine, &names),
        id: id.to_string(),
        reference: row.reference(),
        kind: movement.kind.label(),
        amount: money::grouped(row.amount, movement.currency),
        currency: row.currency.clone(),
        source: end(&row.source_account, row.source_budget_id, row.source_region_id, row.source_available_after),
        destination: end(&row.destination_account, row.destination_budget_id, row.destination_region_id, row.destination_available_after),
        facts: facts(&mut read, &row).await?,
        transaction: row.transaction_id.map(|id| id.to_string()).unwrap_or_default(),
        import,
        related: related(&mut read, &scope, &row, &followers).await?,
        back: mine.map(|id| format!("/budgets/{id}")).unwrap_or_default(),
        audit: who.access.has(Permission::AuditRead),
        reverse: adjust && whole && !reserve && !reversed && reversible(&row).is_ok(),
        settle: adjust && reserve && !settled && held.is_empty(),
        kept_for: kept_for(id, &held),
    })
}

fn ends_allow(row: &PostingRow, may: impl Fn(RegionId) -> bool) -> bool {
    [row.source_region_id, row.destination_region_id].into_iter().flatten().all(may)
}

fn crumbs(budget: Option<BudgetId>, names: &HashMap<BudgetId, String>) -> Vec<(String, String)> {
    let mut crumbs = vec![("/budgets".to_owned(), "Budgets".to_owned())];
    if let Some((id, name)) = budget.and_then(|id| names.get(&id).map(|name| (id, name))) {
        crumbs.push((format!("/budgets/{id}"), name.clone()));
    }
    crumbs
}

async fn facts(read: &mut Read, row: &PostingRow) -> Result<Vec<(&'static str, String)>, WebError> {
    let by = match row.actor_id {
        Some(id) => people::names(read, &[id]).await?.remove(&id).unwrap_or_else(|| "Somebody who is gone".to_owned()),
        None => "The system".to_owned(),
    };
    let mut facts =
        vec![("Effective date", row.effective_date.words()), ("Made", format!("{} UTC", row.at.local(chrono_tz::UTC))), ("By", by)];
    if let Some(code) = &row.reason_code {
        let known = crate::store::settings::reason_codes(read).await?;
        let label = known.into_iter().find(|(known, _, _)| known == code).map_or(code.clone(), |(_, label, _)| label);
        facts.push(("Reason", label));
    }
    if let (Some(rate), Some(day), Some(source)) = (&row.fx_rate, row.fx_date, &row.fx_source) {
        facts.push(("Rate", format!("{rate}, {}, {source}", day.words())));
    }
    if !row.note.is_empty() {
        facts.push(("Note", row.note.clone()));
    }
    Ok(facts)
}

/// What it reverses, settles or is paired with, and what followed from it: those with an end in scope.
async fn related(read: &mut Read, scope: &Scope, row: &PostingRow, followers: &[PostingRow]) -> Result<Vec<Related>, WebError> {
    let earlier: Vec<PostingId> = [row.reverses_id, row.settles_id, row.pair_id].into_iter().flatten().collect();
    let mut rows = postings::among(read, scope, &earlier).await?;
    rows.extend(followers.iter().filter(|follower| follower.touches(scope)).cloned());
    let what = |other: &PostingRow| match other {
        other if row.reverses_id == Some(other.id) => "Reverses",
        other if row.settles_id == Some(other.id) => "Settles",
        other if row.pair_id == Some(other.id) => "The other leg",
        other if other.reverses_id == Some(row.id) => "Reversed by",
        _ => "Settled by",
    };
    let shown = rows.iter().map(|other| {
        let movement = other.movement()?;
        Ok(Related {
            what: what(other),
            reference: other.reference(),
            href: format!("/postings/{}", other.id),
            words: format!("{} of {} {}", movement.kind.label(), money::grouped(other.amount, movement.currency), other.currency),
        })
    });
    shown.collect()
}
