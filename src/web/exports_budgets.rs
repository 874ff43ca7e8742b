//! Taking away what the pages about budgets show: the list as it is seen, a statement, a burn-down.

use std::collections::BTreeSet;

use actix_web::{HttpRequest, HttpResponse};
use serde::Deserialize;

use super::approvals::{self, View};
use super::budgets_detail::wanted;
use super::budgets_list::{Found, State};
use super::error::WebError;
use super::evidence_file;
use super::exports::{FORMATS, Shown, Wanted, attachment, shown};
use super::form::Errors;
use super::guard::{Allowed, CreateExports};
use super::page::see_other;
use super::transactions::thousands;
use super::transactions_known::Known;
use super::{Portal, approvals_filter, choices};
use crate::actions::approvals::Waiting;
use crate::actions::exports_budgets::{self as files, File, Line};
use crate::actions::{exports as acting, exports_approvals};
use crate::domain::access::{Permission, Scope};
use crate::domain::budget_attention::lasts_to;
use crate::domain::burn_down;
use crate::domain::id::{BudgetId, RegionId};
use crate::domain::refusal::Refusal;
use crate::domain::time::Instant;
use crate::store::db::Read;
use crate::store::exports::{ExportRow, NewExport};
use crate::store::ledger::{self, BudgetRow};
use crate::store::{postings, regions};

/// Which postings, or which budget's burn-down.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Question {
    budget: String,
    kind: Vec<String>,
    from: String,
    to: String,
}

impl Question {
    fn parse(query: &str) -> Result<Self, WebError> {
        serde_html_form::from_str(query).map_err(|_| WebError::Malformed("The address holds an unknown filter."))
    }

    async fn budget(&self, read: &mut Read, scope: &Scope) -> Result<BudgetRow, WebError> {
        let id = BudgetId::parse(&self.budget).ok_or(Refusal::NotFound)?;
        Ok(ledger::find(read, scope, id).await?.ok_or(Refusal::NotFound)?)
    }

    fn words(&self, budget: &BudgetRow) -> String {
        let mut parts = vec![budget.name.clone()];
        let wanted = wanted(&self.kind, &self.from, &self.to);
        let kinds: Vec<&str> = wanted.kinds.iter().map(|kind| kind.label()).collect();
        parts.extend(Some(kinds.join(" or ")).filter(|kinds| !kinds.is_empty()));
        parts.extend(wanted.from.map(|day| format!("from {}", day.words())));
        parts.extend(wanted.to.map(|day| format!("to {}", day.words())));
        parts.join("; ")
    }
}

/// What is asked for, in words, and the one region it is about.
struct Asked {
    words: String,
    rows: String,
    region: Option<RegionId>,
    back: String,
}

/// Where she may both see budgets and export.
fn reach(who: &Allowed<CreateExports>) -> Scope {
    super::exports::both(who, Permission::BudgetsRead)
}

async fn asked(portal: &Portal, who: &Allowed<CreateExports>, file: File, query: &str) -> Result<Asked, WebError> {
    let scope = reach(who);
    let mut read = portal.read(who).await?;
    if file == File::Approvals {
        let (view, found) = requests(&mut read, who, query, portal.store.now()).await?;
        let (state, offered) = (approvals_filter::State::parse(query)?, approvals_filter::Offered::to(&mut read, who).await?);
        let regions: BTreeSet<RegionId> = found.all.iter().flat_map(|one| one.about.iter().map(|about| about.region_id)).collect();
        return Ok(Asked {
            words: state.words(view, &offered),
            rows: thousands(found.all.len() as i64),
            region: regions.first().copied().filter(|_| regions.len() == 1),
            back: state.href(view),
        });
    }
    if file == File::Budgets {
        let state = State::parse(query)?;
        let found = Found::read(&mut read, &scope, &state, portal.store.now()).await?;
        let first = found.seen.first().map(|seen| seen.row.region_id);
        return Ok(Asked {
            words: state.words(&found),
            rows: thousands(found.seen.len() as i64),
            region: first.filter(|region| found.seen.iter().all(|seen| seen.row.region_id == *region)),
            back: state.href(|_| ()),
        });
    }
    let question = Question::parse(query)?;
    let budget = question.budget(&mut read, &scope).await?;
    Ok(Asked {
        words: question.words(&budget),
        rows: if file == File::BurnDown { "One a month".to_owned() } else { "One a posting".to_owned() },
        region: Some(budget.region_id),
        back: format!("/budgets/{}", budget.id),
    })
}

/// `GET /exports/new?list=budgets&…`.
pub async fn new(
    req: &HttpRequest,
    portal: &Portal,
    who: &Allowed<CreateExports>,
    (file, query): (&str, &str),
    key: String,
    errors: Errors,
) -> Result<HttpResponse, WebError> {
    let file = File::parse(file).ok_or(Refusal::NotFound)?;
    if file == File::Evidence {
        return evidence_file::new(req, portal, who, query, key, errors).await;
    }
    let asked = asked(portal, who, file, query).await?;
    let about = Shown {
        what: file.code(),
        title: format!("Export {}", file.label().to_lowercase()),
        label: file.label(),
        words: asked.words,
        rows: asked.rows,
        query: query.to_owned(),
        back: asked.back,
        columns: Vec::new(),
        formats: FORMATS.to_vec(),
    };
    shown(req, portal, who, about, key, Vec::new(), ("view", "excel"), errors)
}

/// `POST /exports` of one of these.
pub async fn create(req: &HttpRequest, portal: &Portal, who: &Allowed<CreateExports>, sent: Wanted) -> Result<HttpResponse, WebError> {
    let file = File::parse(&sent.what).ok_or(Refusal::NotFound)?;
    if file == File::Evidence {
        return evidence_file::create(req, portal, who, sent).await;
    }
    if acting::preset(&sent.format).is_none() {
        let mut errors = Errors::none();
        errors.add("format", "Choose a kind of file");
        return new(req, portal, who, (file.code(), &sent.query), sent.key, errors).await;
    }
    let asked = asked(portal, who, file, &sent.query).await?;
    let words = format!("{}: {}", file.label(), asked.words);
    let new = NewExport { what: file.code().to_owned(), query: sent.query, words, format: sent.format };
    let id = acting::create(&portal.store, who.actor.clone(), &sent.key, new, asked.region).await?;
    Ok(see_other(portal, &format!("/exports/{id}/file"), None))
}

/// The file itself, with what she may see at this moment.
pub async fn file(portal: &Portal, who: &Allowed<CreateExports>, row: ExportRow) -> Result<HttpResponse, WebError> {
    let file = File::parse(&row.what).ok_or(Refusal::NotFound)?;
    if file == File::Evidence {
        return evidence_file::file(portal, who, row).await;
    }
    let preset = acting::preset(&row.format).ok_or(Refusal::NotFound)?;
    let (seen, scope, now) = (portal.within(who), reach(who), portal.store.now());
    let taking = files::Taking { actor: who.actor.clone(), id: row.id, words: row.words, format: row.format };
    let mut read = portal.read(who).await?;
    if file == File::Approvals {
        let (_, found) = requests(&mut read, who, &row.query, now).await?;
        return Ok(attachment(name(file, now), exports_approvals::approvals(&seen, taking, preset, &request_lines(found))));
    }
    if file == File::Budgets {
        let found = Found::read(&mut read, &scope, &State::parse(&row.query)?, now).await?;
        return Ok(attachment(name(file, now), files::budgets(&seen, taking, preset, &lines(found))));
    }
    let question = Question::parse(&row.query)?;
    let about = question.budget(&mut read, &scope).await?;
    let budget = about.budget()?;
    if file == File::BurnDown {
        let region = regions::find(&mut read, &scope, about.region_id).await?.ok_or(Refusal::NotFound)?;
        let moves = postings::by_day(&mut read, about.id).await?;
        let series = burn_down::series(&budget, &moves, now.day(region.zone()));
        return Ok(attachment(name(file, now), files::burn_down(&seen, taking, preset, &budget, &series)));
    }
    let known = Known::read(&mut read, &scope).await?;
    let names = acting::Names { known: known.names.clone(), base_digits: known.base_digits };
    drop(read);
    let wanted = wanted(&question.kind, &question.from, &question.to);
    Ok(attachment(name(file, now), files::statement(&seen, taking, preset, budget, wanted, names)))
}

/// Every request of the view that the address names, in regions where she may take lists away.
async fn requests(read: &mut Read, who: &Allowed<CreateExports>, query: &str, now: Instant) -> Result<(View, approvals::Found), WebError> {
    const PAGE: i64 = 500;
    let scope = reach(who);
    let standing = approvals::standing(read, who, now).await?;
    let state = approvals_filter::State::parse(query)?;
    let zone = choices::zone(read).await?;
    let (view, filter) = (state.view(&standing), state.filter(read, zone).await?);
    let mut all: Vec<Waiting> = Vec::new();
    let mut before = None;
    loop {
        let page = approvals::requests(read, who, (&standing, view), &filter, before, (PAGE, now)).await?;
        before = page.last().map(|one| one.row.id);
        let more = page.len() as i64 == PAGE && matches!(view, View::Asked | View::Ended);
        all.extend(page.into_iter().filter(|one| one.about.iter().all(|about| scope.covers(about.region_id))));
        if !more {
            break;
        }
    }
    Ok((view, approvals::Found::of(read, &scope, all).await?))
}

fn request_lines(mut found: approvals::Found) -> Vec<exports_approvals::Line> {
    let all = std::mem::take(&mut found.all);
    let deciders = |one: &Waiting, approves: i64| {
        let own = one.decisions.iter().filter(|decision| decision.approves == approves).map(|decision| {
            let by = found.person(decision.person_id);
            if decision.authority_id == decision.person_id { by } else { format!("{by} for {}", found.person(decision.authority_id)) }
        });
        own.collect::<Vec<_>>().join("; ")
    };
    let line = |one: Waiting| exports_approvals::Line {
        budgets: found.about(&one),
        by: found.person(one.row.requester_id),
        approved_by: deciders(&one, 1),
        declined_by: deciders(&one, 0),
        one,
    };
    all.into_iter().map(line).collect()
}

fn name(file: File, now: Instant) -> String {
    format!("{}_{}.csv", file.code().replace('_', "-"), now.utc().format("%Y%m%dT%H%MZ"))
}

fn lines(found: Found) -> Vec<Line> {
    let owners: std::collections::HashMap<_, _> = found.owners.into_iter().collect();
    let line = |seen: super::budgets_list::Seen| Line {
        owner: seen.row.owner_id.and_then(|owner| owners.get(&owner).cloned()).unwrap_or_default(),
        lasts_to: lasts_to(&seen.budget, seen.today),
        region: seen.region,
        budget: seen.budget,
        row: seen.row,
    };
    found.seen.into_iter().map(line).collect()
}
