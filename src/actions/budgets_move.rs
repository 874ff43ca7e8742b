//! Moving money: the plan is made again inside the write, compared with what the person saw, and posted.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::approvals::{ask, need_of};
use super::budgets_plan::{Order, Plan, plan};
use super::step_up::{self, Act};
use crate::domain::access::Actor;
use crate::domain::audit::Event;
use crate::domain::budget::{Budget, BudgetStatus, Nature};
use crate::domain::id::{ApprovalId, BudgetId, PostingId};
use crate::domain::refusal::Refusal;
use crate::store::approvals::Approval;
use crate::store::failure::Failure;
use crate::store::ledger::{self, Details};
use crate::store::writer::{Intent, WriteTx};
use crate::store::{Store, budgets};

/// The command's name: the scope of the forms' idempotency keys.
pub const COMMAND: &str = "budget.move";

/// What became of an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Carried {
    /// It was done: the first posting of it.
    Posted(PostingId),
    /// It waits for approval.
    Waits(ApprovalId),
}

/// Does what `order` asks, once for its key, or asks for approval where a policy says so. `seen` are the versions of the budgets that the
/// person decided on: when one is another by now, [`Refusal::Stale`]. What was seen is no part of the content: the same order sent again gets the same answer.
pub async fn carry_out(store: &Store, actor: Actor, key: &str, order: Order, seen: Vec<(BudgetId, i64)>) -> Result<Carried, Failure> {
    store
        .write(Intent::keyed(actor, COMMAND, key, &order), move |tx| {
            let (order, seen) = (order.clone(), seen.clone());
            Box::pin(async move {
                let (access, now, fresh) = (tx.access(), tx.now, BudgetId(tx.new_id()));
                let plan = plan(tx, &access, &order, now, fresh).await?;
                plan.unchanged_since(&seen)?;
                settle(tx, order, plan, fresh).await
            })
        })
        .await
}

/// Does what was planned with `fresh`, or asks for approval: every path of an order goes through here.
pub(super) async fn settle(tx: &mut WriteTx<'_>, order: Order, plan: Plan, fresh: BudgetId) -> Result<Carried, Failure> {
    for leg in &plan.legs {
        step_up::require(tx, Act::Money(leg.movement.currency.code(), leg.movement.amount)).await?;
    }
    let (requester, now, policies) = (tx.actor().person(), tx.now, tx.policies().await?);
    match need_of(tx, &policies, requester, &plan, now).await? {
        None => perform(tx, plan, None).await.map(Carried::Posted),
        Some(need) => ask(tx, order, &plan, &need, fresh).await.map(Carried::Waits),
    }
}

/// Posts a plan; with an approval as the one who asked for it.
pub(super) async fn perform(tx: &mut WriteTx<'_>, plan: Plan, approved: Option<&Approval>) -> Result<PostingId, Failure> {
    if let Some(made) = plan.creates.and_then(|id| plan.touched.iter().find(|touched| touched.budget.id == id)) {
        budgets::insert(tx, &made.kept.row).await?;
        let event = Event::new("budget.created", "budget", made.kept.row.id, Some(made.kept.row.region_id));
        tx.record(event.change(Value::Null, budgets::attributes(&made.kept.row)));
    }
    let ids: Vec<PostingId> = plan.legs.iter().map(|_| PostingId(tx.new_id())).collect();
    let mut known: Vec<Budget> = plan.touched.into_iter().map(|touched| touched.budget).collect();
    for (leg, id) in plan.legs.iter().zip(&ids) {
        let pair = ids.iter().copied().find(|other| plan.paired && other != id);
        let approved = approved.map(|approval| (approval.id, approval.requester_id));
        let details = Details { id: Some(*id), pair, approved, ..leg.details.clone() };
        ledger::post_known(tx, &leg.movement, Nature::Request, &details, &mut known).await?;
    }
    if let Some(closed) = plan.closes {
        let mut row = budgets::get(tx, closed).await?;
        let before = budgets::attributes(&row);
        BudgetStatus::Closed.code().clone_into(&mut row.status);
        budgets::update(tx, &row).await?;
        tx.record(Event::new("budget.closed", "budget", row.id, Some(row.region_id)).change(before, budgets::attributes(&row)));
    }
    Ok(ids.first().copied().ok_or(Refusal::NotFound)?)
}
