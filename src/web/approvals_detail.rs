//! One request for approval: what it does, who decided, and the forms to decide. After a decision the next request comes.

use std::collections::BTreeSet;

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;
use serde::Deserialize;

use super::Portal;
use super::approvals::{Found, amount, given, standing, state_words, what};
use super::approvals_facts::{Asked, Step, approvers, balances, facts, one_of, rule, steps};
use super::budgets_check::Balance;
use super::budgets_fields::has_own_page;
use super::choices;
use super::error::{WebError, status_of};
use super::form::{Errors, Posted};
use super::guard::{Allowed, ReadBudgets, Signed};
use super::page::{Shell, see_other};
use super::people::KeyForm;
use crate::actions::approvals::{self as act, Decided, Waiting};
use crate::domain::access::Permission;
use crate::domain::approval::{REASON_MOST, Status};
use crate::domain::id::{ApprovalId, RegionId};
use crate::domain::refusal::Refusal;
use crate::domain::text::hex;
use crate::domain::time::Instant;
use crate::store::approvals::Sight;
use crate::store::db::Read;
use crate::store::failure::Failure;
use crate::store::{approval_policies, approvals, postings};

#[derive(Template)]
#[template(path = "approvals/detail.html")]
struct DetailPage {
    shell: Shell,
    errors: Errors,
    asked: bool,
    id: String,
    key: String,
    hash: String,
    reference: String,
    what: &'static str,
    amount: String,
    currency: String,
    state: String,
    tone: &'static str,
    facts: Vec<(&'static str, String)>,
    balances: Vec<Balance>,
    waits: bool,
    holds: bool,
    about: Vec<(&'static str, String)>,
    steps: Vec<Step>,
    done: Option<(String, String)>,
    may_decide: bool,
    may_withdraw: bool,
    why_not: String,
    reason: String,
    reason_most: usize,
    audit: bool,
}

/// Whether the page follows what it confirms.
#[derive(Deserialize)]
pub struct Arrival {
    #[serde(default)]
    asked: String,
}

async fn found(read: &mut Read, who: &Signed, id: &str) -> Result<Waiting, WebError> {
    let id = ApprovalId::parse(id).ok_or(Refusal::NotFound)?;
    let row = approvals::find(read, &Sight::of(&who.access), id).await?.ok_or(Refusal::NotFound)?;
    Ok(Waiting::all(read, vec![row]).await?.pop().ok_or(Refusal::NotFound)?)
}

/// `GET /approvals/{id}`.
pub async fn page(
    req: HttpRequest,
    portal: web::Data<Portal>,
    who: Allowed<ReadBudgets>,
    id: web::Path<String>,
    arrival: web::Query<Arrival>,
) -> Result<HttpResponse, WebError> {
    let page = made(&req, &portal, &who, &id, arrival.asked == "1").await?;
    page.shell.answer(StatusCode::OK, &page)
}

async fn made(req: &HttpRequest, portal: &Portal, who: &Signed, id: &str, asked: bool) -> Result<DetailPage, WebError> {
    let now = portal.store.now();
    let mut read = portal.read(who).await?;
    let one = found(&mut read, who, id).await?;
    let kept = Asked::of(&one)?;
    let (facts, balances) = (facts(&mut read, who, &one, &kept).await?, balances(&mut read, who, &one, &kept).await?);
    let right = standing(&mut read, who, now).await?.right_on(&one.row, &one.about, &one.decisions);
    let zone = choices::zone(&mut read).await?;
    let waits = one.row.status == Status::Pending.code();
    let about = about(&mut read, who, &one, zone, now).await?;
    let done = match one.row.done_posting_id {
        Some(id) => postings::find(&mut read, &who.scope(Permission::BudgetsRead), id).await?,
        None => None,
    };
    let all = Found::of(&mut read, &who.scope(Permission::BudgetsRead), vec![one]).await?;
    drop(read);
    let one = all.all.first().ok_or(Refusal::NotFound)?;
    let (state, tone) = state_words(&one.row, given(one));
    let open = waits && one.row.expires_at > now;
    Ok(DetailPage {
        shell: Shell::new(req, portal, who, format!("{} {}", what(&one.row), one.row.reference())),
        errors: Errors::none(),
        asked: asked && waits,
        id: one.row.id.to_string(),
        key: portal.store.random.token(16),
        hash: hex(&one.row.content_hash),
        reference: one.row.reference(),
        what: what(&one.row),
        amount: amount(&one.row),
        currency: one.row.currency.clone().unwrap_or_default(),
        state,
        tone,
        facts,
        balances,
        waits,
        holds: one.about.iter().any(|about| about.held > 0),
        about,
        steps: steps(one, &all, zone),
        done: done.map(|posting| (posting.reference(), format!("/postings/{}", posting.id))),
        may_decide: open && right.is_ok(),
        may_withdraw: open && one.row.requester_id == who.person.id,
        why_not: right.err().filter(|_| open).map(|refusal| format!("{refusal}.")).unwrap_or_default(),
        reason: String::new(),
        reason_most: REASON_MOST,
        audit: who.access.has(Permission::AuditRead),
    })
}

/// Why it has to be approved, by how many, until when, and who could.
async fn about(
    read: &mut Read,
    who: &Signed,
    one: &Waiting,
    zone: chrono_tz::Tz,
    now: Instant,
) -> Result<Vec<(&'static str, String)>, WebError> {
    let mut about = Vec::new();
    if let Some(policy) = approval_policies::find(read, one.row.policy_id).await? {
        let places = crate::store::regions::names(read, &who.scope(Permission::BudgetsRead)).await?;
        let place = places.get(&policy.region).cloned().unwrap_or_else(|| "a region above yours".to_owned());
        about.push(("Policy", format!("{}, in {place} and below", rule(&policy))));
    }
    about.push(("Takes", approvers(one.row.needed)));
    if one.row.status == Status::Pending.code() {
        about.push(("Waits until", one.row.expires_at.local(zone)));
        let regions: BTreeSet<RegionId> = one.about.iter().map(|about| about.region_id).collect();
        let could = approval_policies::approvers(read, one.row.matter()?, &regions, one.row.requester_id, now.day(chrono_tz::UTC)).await?;
        let decided = |id| one.decisions.iter().any(|decision| decision.authority_id == id);
        let raised = match Asked::of(one)? {
            Asked::Roles(change) => change.people,
            Asked::Money { .. } => Vec::new(),
        };
        let names: Vec<String> = could.into_iter().filter(|(id, _)| !decided(*id) && !raised.contains(id)).map(|(_, name)| name).collect();
        let nobody = || "Nobody has the right here: an administrator can give it".to_owned();
        about.push(("Waits for", if names.is_empty() { nobody() } else { one_of(&names, "or") }));
    }
    Ok(about)
}

/// What a decision sends.
#[derive(Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DecisionForm {
    key: String,
    #[serde(default)]
    hash: String,
    #[serde(default)]
    reason: String,
}

/// `POST /approvals/{id}/approval`: approves what was shown, and nothing else.
pub async fn approve(
    req: HttpRequest,
    portal: web::Data<Portal>,
    who: Allowed<ReadBudgets>,
    path: web::Path<String>,
    Posted(form): Posted<DecisionForm>,
) -> Result<HttpResponse, WebError> {
    let id = ApprovalId::parse(&path).ok_or(Refusal::NotFound)?;
    let seen =
        unhex(&form.hash).ok_or(WebError::Malformed("The form has lost what it showed. Open the request again; nothing was decided."))?;
    let outcome = act::approve(&portal.store, who.actor.clone(), &form.key, id, seen).await;
    answer(&req, &portal, &who, (id, &path), outcome, "Approved", form.reason).await
}

/// `POST /approvals/{id}/refusal`: declines it, with a reason.
pub async fn decline(
    req: HttpRequest,
    portal: web::Data<Portal>,
    who: Allowed<ReadBudgets>,
    path: web::Path<String>,
    Posted(form): Posted<DecisionForm>,
) -> Result<HttpResponse, WebError> {
    let id = ApprovalId::parse(&path).ok_or(Refusal::NotFound)?;
    let outcome = act::decline(&portal.store, who.actor.clone(), &form.key, id, form.reason.clone()).await;
    answer(&req, &portal, &who, (id, &path), outcome, "Declined", form.reason).await
}

/// `POST /approvals/{id}/withdrawal`: whoever asked takes it back.
pub async fn withdraw(
    req: HttpRequest,
    portal: web::Data<Portal>,
    who: Allowed<ReadBudgets>,
    path: web::Path<String>,
    Posted(form): Posted<KeyForm>,
) -> Result<HttpResponse, WebError> {
    let id = ApprovalId::parse(&path).ok_or(Refusal::NotFound)?;
    match act::withdraw(&portal.store, who.actor.clone(), &form.key, id).await {
        Ok(_) => {
            let words = "The request was withdrawn. Nothing is reserved for it any more.".to_owned();
            Ok(see_other(&portal, &format!("/approvals/{id}"), Some(("ok", words))))
        }
        Err(failure) => refused(&req, &portal, &who, &path, failure, String::new()).await,
    }
}

/// On to the next request that waits for her, or back to the form with what is wrong.
async fn answer(
    req: &HttpRequest,
    portal: &Portal,
    who: &Signed,
    (id, path): (ApprovalId, &str),
    outcome: Result<Decided, Failure>,
    done: &str,
    reason: String,
) -> Result<HttpResponse, WebError> {
    let reference = format!("APR-{}", id.short());
    let (tone, words) = match outcome {
        Ok(Decided::Changed(why)) => {
            let words = format!("{reference} was not done, it has to be asked for again: {why}.");
            return Ok(see_other(portal, &format!("/approvals/{id}"), Some(("warn", words))));
        }
        Ok(Decided::Waits(more)) => {
            let rest = if more == 1 { "one more has".to_owned() } else { format!("{more} more have") };
            ("ok", format!("{done}: {reference}. It is done when {rest} approved it."))
        }
        Ok(Decided::Done(_)) => ("ok", format!("{done} and done: {reference}.")),
        Ok(Decided::Ended) => ("ok", format!("{done}: {reference}.")),
        Err(failure) => return refused(req, portal, who, path, failure, reason).await,
    };
    let now = portal.store.now();
    let mut read = portal.read(who).await?;
    let list = standing(&mut read, who, now).await?.worklist(&mut read, now).await?;
    drop(read);
    let (to, rest) = match list.as_slice() {
        [] => ("/approvals".to_owned(), "Nothing else waits for you.".to_owned()),
        [next] => (format!("/approvals/{}", next.row.id), "This is the last one that waits for you.".to_owned()),
        [next, ..] => (format!("/approvals/{}", next.row.id), format!("This is the next of {} that wait for you.", list.len())),
    };
    Ok(see_other(portal, &to, Some((tone, format!("{words} {rest}")))))
}

/// The page of the request again, with the words of the refusal.
async fn refused(
    req: &HttpRequest,
    portal: &Portal,
    who: &Signed,
    path: &str,
    failure: Failure,
    reason: String,
) -> Result<HttpResponse, WebError> {
    let refusal = match failure {
        Failure::Refused(refusal) if has_own_page(&refusal) => return Err(refusal.into()),
        Failure::Refused(refusal) => refusal,
        failure => return Err(failure.into()),
    };
    let mut page = made(req, portal, who, path, false).await?;
    let errors = Errors::of(&refusal);
    page.errors = if page.may_decide { errors } else { errors.without_field("reason") };
    page.shell = page.shell.with_errors(true);
    page.reason = reason;
    page.shell.answer(status_of(&refusal), &page)
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u8>> = text.chars().map(|digit| digit.to_digit(16).and_then(|digit| u8::try_from(digit).ok())).collect();
    let digits = digits.filter(|digits| digits.len() == 64)?;
    Some(digits.chunks_exact(2).map(|pair| pair.iter().fold(0, |byte, digit| byte << 4 | digit)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_is_read_as_it_was_written() {
        let bytes: Vec<u8> = (0..32).map(|n| n * 8 + 7).collect();
        assert_eq!(unhex(&hex(&bytes)), Some(bytes));
        assert_eq!(unhex(&"g".repeat(64)), None);
        assert_eq!(unhex("00"), None);
    }
}
