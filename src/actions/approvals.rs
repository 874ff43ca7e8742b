//! Approvals: what needs one, asking for it, and deciding. An order that is approved is done by the last approval, in the same transaction, as the
//! person who asked: her rights and the rules count as they are then, and the plan has to be what was approved, byte for byte.
//!
//! What an order would take out of a budget is reserved while it waits, by a posting like any other.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::approval_effects::Effects;
use super::approval_letters::{self, end};
use super::approval_rights::{Standing, everywhere};
use super::approval_roles::{self, RoleEffects, RoleOrder};
use super::budgets_move::perform;
use super::budgets_plan::{Order, Plan, plan};
use super::step_up::{self, Act};
use crate::domain::access::{Actor, Permission};
use crate::domain::approval::{Asked, DAY_SECONDS, Decider, Matter, Need, Policy, REASON_MOST, Status, WAITS_SECONDS, need, seal};
use crate::domain::audit::Event;
use crate::domain::budget::{Account, Budget, End, Movement, Nature, PostingKind};
use crate::domain::id::{ApprovalId, BudgetId, PostingId, RegionId, UserId};
use crate::domain::refusal::Refusal;
use crate::domain::time::{Day, Instant};
use crate::store::approvals::{About, Approval, Decision};
use crate::store::db::Reader;
use crate::store::failure::{DbError, Failure};
use crate::store::ledger::{self, Details};
use crate::store::writer::{Intent, WriteTx};
use crate::store::{Store, access, approval_policies, approvals};

/// What became of a decision.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Decided {
    /// So many more have to approve.
    Waits(i64),
    /// It was the last one: this is the first posting of what was done, where money moved.
    Done(Option<PostingId>),
    /// It was the last one, but the order would do something else by now, or nothing: it has to be asked for again. Why, in words.
    Changed(String),
    /// Declined, withdrawn or expired.
    Ended,
}

/// A request with everything that belongs to it.
pub struct Waiting {
    /// The request.
    pub row: Approval,
    /// The budgets it is about.
    pub about: Vec<About>,
    /// What was decided so far.
    pub decisions: Vec<Decision>,
}

impl Waiting {
    /// Requests with what belongs to them, in the same order.
    pub async fn all(reader: &mut impl Reader, rows: Vec<Approval>) -> Result<Vec<Self>, DbError> {
        let ids: Vec<ApprovalId> = rows.iter().map(|row| row.id).collect();
        let (about, decisions) = (approvals::about(reader, &ids).await?, approvals::decisions(reader, &ids).await?);
        let whole = |row: Approval| Self {
            about: about.iter().filter(|about| about.approval_id == row.id).cloned().collect(),
            decisions: decisions.iter().filter(|decision| decision.approval_id == row.id).cloned().collect(),
            row,
        };
        Ok(rows.into_iter().map(whole).collect())
    }
}

/// What kind of request a plan is; `None` for what never needs approval: what was reserved was approved when it was.
fn matter(plan: &Plan) -> Option<Matter> {
    match plan.legs.first()?.movement.kind {
        PostingKind::Allocation => Some(Matter::Allocation),
        PostingKind::Adjustment => Some(Matter::Adjustment),
        PostingKind::Transfer => Some(Matter::Transfer),
        PostingKind::Reserve => Some(Matter::Reservation),
        PostingKind::CarryOver => Some(Matter::CarryOver),
        PostingKind::Reversal => Some(Matter::Reversal),
        PostingKind::Commit | PostingKind::Void | PostingKind::Spend | PostingKind::Refund | PostingKind::ExpiryReturn => None,
    }
}

/// Whether `plan` needs approval by one of the `policies` in force before it is done, asked for by `requester`. Where none of them can apply, wherever
/// it stands, nothing is read.
pub async fn need_of(
    reader: &mut impl Reader,
    policies: &[Policy],
    requester: Option<UserId>,
    plan: &Plan,
    now: Instant,
) -> Result<Option<Need>, Failure> {
    let Some(matter) = matter(plan) else { return Ok(None) };
    let mut sums = Vec::new();
    for leg in &plan.legs {
        let (currency, amount) = (leg.movement.currency, i128::from(leg.movement.amount));
        match sums.iter_mut().find(|(known, _)| *known == currency) {
            Some((_, sum)) => *sum += amount,
            None => sums.push((currency, amount)),
        }
    }
    let mut asked = Asked { matter, regions: BTreeSet::new(), sums };
    let policies: Vec<&Policy> = policies.iter().filter(|policy| policy.could_ask(&asked)).collect();
    if policies.is_empty() {
        return Ok(None);
    }
    let own: Vec<RegionId> = plan.touched.iter().map(|touched| touched.budget.region).collect();
    asked.regions = approval_policies::above(reader, &own).await?;
    let since = now.plus_seconds(-DAY_SECONDS);
    let mut met = Vec::new();
    for policy in policies {
        let earlier = match requester {
            Some(person) if policy.looks_back(&asked) => approvals::moved_since(reader, policy, person, (since, now)).await?,
            _ => 0,
        };
        met.extend(policy.asks(&asked, earlier).map(|by_day| (policy.clone(), by_day)));
    }
    Ok(need(met))
}

fn text(what: &impl Serialize) -> Result<String, Failure> {
    serde_json::to_string(what).map_err(broken)
}

fn broken(error: impl std::fmt::Display) -> Failure {
    DbError::Broken(format!("an order that waits for approval cannot be kept or read: {error}")).into()
}

/// Asks for approval of what was planned with `fresh`: the order is kept with its hash, and what it takes out of budgets is reserved.
pub(super) async fn ask(tx: &mut WriteTx<'_>, order: Order, planned: &Plan, need: &Need, fresh: BudgetId) -> Result<ApprovalId, Failure> {
    // Without a day it would be another order tomorrow.
    let order = Order { effective: Some(planned.effective), ..order };
    let (order_text, effects) = (text(&order)?, text(&Effects::of(planned))?);
    let first = planned.legs.first().ok_or(Refusal::NotFound)?;
    let money = (Some(first.movement.currency.code().to_owned()), Some(first.movement.amount));
    let row = request(tx, need, (order_text, effects), money, fresh)?;
    let id = row.id;
    let mut about = Vec::new();
    for touched in planned.touched.iter().filter(|touched| Some(touched.budget.id) != planned.creates) {
        let budget = &touched.budget;
        let held = budget.figures.available().saturating_sub(touched.after.available()).max(0);
        let held_posting_id = if held > 0 { Some(hold(tx, &row, budget, held, planned.effective).await?) } else { None };
        about.push(About { approval_id: id, budget_id: Some(budget.id), region_id: budget.region, held, held_posting_id });
    }
    asked(tx, &row, &about).await?;
    Ok(id)
}

/// Asks for approval of a change of roles. Nothing changes meanwhile.
pub(super) async fn ask_for_roles(
    tx: &mut WriteTx<'_>,
    order: &RoleOrder,
    effects: &RoleEffects,
    need: &Need,
) -> Result<ApprovalId, Failure> {
    let fresh = BudgetId(tx.new_id());
    let row = request(tx, need, (text(order)?, text(effects)?), (None, None), fresh)?;
    let places = effects.decided_in(tx, order).await?;
    let about: Vec<About> = places.into_iter().map(|region| About::region(row.id, region)).collect();
    asked(tx, &row, &about).await?;
    Ok(row.id)
}

/// A request by whoever acts that begins to wait.
fn request(
    tx: &WriteTx<'_>,
    need: &Need,
    (order_text, effects): (String, String),
    (currency, amount): (Option<String>, Option<i64>),
    fresh: BudgetId,
) -> Result<Approval, Failure> {
    let requester = tx.actor().person();
    let requester = requester.ok_or_else(|| Refusal::State("This needs approval: a person has to ask for it, signed in".to_owned()))?;
    Ok(Approval {
        id: ApprovalId(tx.new_id()),
        matter: need.policy.matter.code().to_owned(),
        requester_id: requester,
        policy_id: need.policy.id,
        needed: need.policy.approvers,
        currency,
        amount,
        content_hash: seal(&order_text, &effects).to_vec(),
        order_text,
        effects,
        made_budget_id: fresh,
        asked_at: tx.now,
        expires_at: tx.now.plus_seconds(WAITS_SECONDS),
        status: Status::Pending.code().to_owned(),
        ended_at: None,
        ended_because: String::new(),
        done_posting_id: None,
    })
}

async fn asked(tx: &mut WriteTx<'_>, row: &Approval, about: &[About]) -> Result<(), Failure> {
    approvals::insert(tx, row, about).await?;
    record(tx, "approval.asked", row, about, json!({ "needed": row.needed, "policy": row.policy_id.to_string() }));
    approval_letters::waits(tx, row, about).await
}

async fn hold(tx: &mut WriteTx<'_>, row: &Approval, budget: &Budget, amount: i64, day: Day) -> Result<PostingId, Failure> {
    let (source, destination) = (End::of(Account::Available, budget), End::of(Account::Reserved, budget));
    let kind = PostingKind::Reserve;
    let movement = Movement { kind, counted: kind, source, destination, amount, currency: budget.currency };
    let day = day.clamp(budget.period_start, budget.period_end);
    let note = format!("Kept until {} is decided", row.reference());
    ledger::post(tx, &movement, Nature::Request, &Details { effective: Some(day), note, ..Details::default() }).await
}

/// What was reserved for a request is free again.
async fn release(tx: &mut WriteTx<'_>, row: &Approval, about: &[About]) -> Result<(), Failure> {
    for kept in about {
        let (Some(settles), Some(budget)) = (kept.held_posting_id, kept.budget_id) else { continue };
        let budget = ledger::get(tx, budget).await?;
        let (source, destination) = (End::of(Account::Reserved, &budget), End::of(Account::Available, &budget));
        let kind = PostingKind::Void;
        let movement = Movement { kind, counted: kind, source, destination, amount: kept.held, currency: budget.currency };
        let day = Day(tx.now.0.div_euclid(86_400_000_000)).clamp(budget.period_start, budget.period_end);
        let note = format!("{} is decided", row.reference());
        let details = Details { effective: Some(day), settles: Some(settles), note, ..Details::default() };
        ledger::post(tx, &movement, Nature::Request, &details).await?;
    }
    Ok(())
}

/// One event in each region that takes part, with nothing of the others.
fn record(tx: &mut WriteTx<'_>, action: &'static str, row: &Approval, about: &[About], more: Value) {
    let regions: BTreeSet<RegionId> = about.iter().map(|about| about.region_id).collect();
    let hash = crate::domain::text::hex(&row.content_hash);
    for region in regions {
        let detail = json!({ "matter": row.matter, "requester": row.requester_id.to_string(), "hash": hash, "more": more });
        tx.record(Event::new(action, "approval", row.id, Some(region)).detail(detail));
    }
}

/// A request that waits, with whoever acts entitled to decide on it.
async fn open(tx: &mut WriteTx<'_>, id: ApprovalId) -> Result<(Approval, Vec<About>, Decider), Failure> {
    let row = approvals::get(tx, id).await?;
    let (about, decisions) = (approvals::about(tx, &[id]).await?, approvals::decisions(tx, &[id]).await?);
    // Nobody else stands in where no person acts.
    let person = tx.actor().person().ok_or(Refusal::Forbidden(Permission::ApprovalsDecide))?;
    let (held, now) = (tx.access(), tx.now);
    let decider = Standing::of(tx, person, &held, now).await?.right_on(&row, &about, &decisions)?;
    waits(&row, now)?;
    Ok((row, about, decider))
}

fn waits(row: &Approval, now: Instant) -> Result<(), Failure> {
    let status = row.status()?;
    if status != Status::Pending {
        return Err(Refusal::AlreadyDone(format!("{} is decided: {}", row.reference(), status.label().to_lowercase())).into());
    }
    if row.expires_at <= now {
        return Err(Refusal::State(format!("The time of {} is over: it has to be asked for again", row.reference())).into());
    }
    Ok(())
}

/// Approves what has this hash; the last approval does it.
pub async fn approve(store: &Store, actor: Actor, key: &str, id: ApprovalId, seen: Vec<u8>) -> Result<Decided, Failure> {
    store
        .write(Intent::keyed(actor, "approval.approve", key, &(id, &seen)), move |tx| {
            let seen = seen.clone();
            Box::pin(async move {
                let (row, about, decider) = open(tx, id).await?;
                if row.content_hash != seen || row.content_hash != seal(&row.order_text, &row.effects) {
                    return Err(Refusal::Stale.into());
                }
                if row.matter()? == Matter::RoleChange {
                    step_up::require(tx, Act::Rights).await?;
                } else {
                    for leg in Effects::kept(&row)?.legs {
                        step_up::require(tx, Act::Money(&leg.currency, leg.amount)).await?;
                    }
                }
                approvals::decide(tx, &row, decider, true, "").await?;
                record(tx, "approval.given", &row, &about, json!({ "right_of": decider.authority.to_string() }));
                let decisions = approvals::decisions(tx, &[id]).await?;
                match row.needed - counted(tx, &row, &about, &decisions).await? {
                    more if more > 0 => Ok(Decided::Waits(more)),
                    _ => execute(tx, &row, &about).await,
                }
            })
        })
        .await
}

/// How many of the approvals count: those of this very content, by a right that is still held.
async fn counted(tx: &mut WriteTx<'_>, row: &Approval, about: &[About], decisions: &[Decision]) -> Result<i64, Failure> {
    let mut count = 0;
    for decision in decisions.iter().filter(|decision| decision.content_hash == row.content_hash) {
        let now = tx.now;
        let right = access::of_person(tx, decision.authority_id, now).await?;
        count += i64::from(everywhere(&right, Permission::ApprovalsDecide, about));
    }
    Ok(count)
}

/// Plans again, with the rights of the person who asked, and does it where it is what was approved.
async fn execute(tx: &mut WriteTx<'_>, row: &Approval, about: &[About]) -> Result<Decided, Failure> {
    if row.matter()? == Matter::RoleChange {
        return execute_roles(tx, row, about).await;
    }
    release(tx, row, about).await?;
    let order: Order = serde_json::from_str(&row.order_text).map_err(broken)?;
    let now = tx.now;
    let requester = access::of_person(tx, row.requester_id, now).await?;
    let words = match plan(tx, &requester, &order, now, row.made_budget_id).await {
        Ok(planned) if text(&Effects::of(&planned))? == row.effects => {
            let posting = perform(tx, planned, Some(row)).await?;
            end(tx, row, Status::Approved, "", Some(posting)).await?;
            record(tx, "approval.executed", row, about, json!({ "posting": posting.to_string() }));
            return Ok(Decided::Done(Some(posting)));
        }
        Ok(_) => "It would do something else than what was asked for".to_owned(),
        Err(Failure::Refused(refusal)) => refusal.to_string(),
        Err(failure) => return Err(failure),
    };
    changed(tx, row, about, words).await
}

/// It would not do what was approved: it is over, and nothing was done.
async fn changed(tx: &mut WriteTx<'_>, row: &Approval, about: &[About], words: String) -> Result<Decided, Failure> {
    end(tx, row, Status::Expired, &words, None).await?;
    record(tx, "approval.expired", row, about, json!({ "because": "changed" }));
    Ok(Decided::Changed(words))
}

async fn execute_roles(tx: &mut WriteTx<'_>, row: &Approval, about: &[About]) -> Result<Decided, Failure> {
    let order: RoleOrder = serde_json::from_str(&row.order_text).map_err(broken)?;
    if let Err(words) = approval_roles::execute(tx, row, &order).await? {
        return changed(tx, row, about, words).await;
    }
    end(tx, row, Status::Approved, "", None).await?;
    record(tx, "approval.executed", row, about, Value::Null);
    Ok(Decided::Done(None))
}

/// Declines, with a reason. One is enough, however many would have to approve.
pub async fn decline(store: &Store, actor: Actor, key: &str, id: ApprovalId, reason: String) -> Result<Decided, Failure> {
    store
        .write(Intent::keyed(actor, "approval.decline", key, &(id, &reason)), move |tx| {
            let reason = reason.trim().to_owned();
            Box::pin(async move {
                let (row, about, decider) = open(tx, id).await?;
                if reason.is_empty() {
                    return Err(Refusal::Required("reason", "Write why you decline").into());
                }
                if reason.chars().count() > REASON_MOST {
                    return Err(Refusal::Invalid("reason", format!("Write at most {REASON_MOST} characters")).into());
                }
                approvals::decide(tx, &row, decider, false, &reason).await?;
                release(tx, &row, &about).await?;
                end(tx, &row, Status::Rejected, &reason, None).await?;
                record(tx, "approval.declined", &row, &about, json!({ "reason": reason, "right_of": decider.authority.to_string() }));
                Ok(Decided::Ended)
            })
        })
        .await
}

/// Takes a request back: only whoever asked can.
pub async fn withdraw(store: &Store, actor: Actor, key: &str, id: ApprovalId) -> Result<Decided, Failure> {
    store
        .write(Intent::keyed(actor, "approval.withdraw", key, &id), move |tx| {
            Box::pin(async move {
                let row = approvals::get(tx, id).await?;
                let about = approvals::about(tx, &[id]).await?;
                if tx.actor().person() != Some(row.requester_id) {
                    let seen = everywhere(&tx.access(), row.matter()?.seen_by(), &about);
                    let only = Refusal::State("Only whoever asked for it takes it back".to_owned());
                    return Err(if seen { only } else { Refusal::NotFound }.into());
                }
                waits(&row, tx.now)?;
                release(tx, &row, &about).await?;
                approvals::end(tx, id, Status::Withdrawn, "", None).await?;
                record(tx, "approval.withdrawn", &row, &about, Value::Null);
                Ok(Decided::Ended)
            })
        })
        .await
}

/// Ends what waited too long, a few at a time; how many that were.
pub async fn expire(store: &Store) -> Result<usize, Failure> {
    const MOST: i64 = 20;
    store
        .write(Intent::once(Actor::system("jobs"), "approval.expire"), |tx| {
            Box::pin(async move {
                let now = tx.now;
                let over = approvals::overdue(tx, now, MOST).await?;
                for row in &over {
                    let about = approvals::about(tx, &[row.id]).await?;
                    release(tx, row, &about).await?;
                    end(tx, row, Status::Expired, "Nobody decided in time", None).await?;
                    record(tx, "approval.expired", row, &about, json!({ "because": "time" }));
                }
                Ok(over.len())
            })
        })
        .await
}
