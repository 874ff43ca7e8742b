//! Moving money: the plan is made again inside the write, compared with what the person saw, and posted.

use serde_json::Value;

use super::budgets_plan::{Order, Plan, plan};
use crate::domain::access::Actor;
use crate::domain::audit::Event;
use crate::domain::budget::{Budget, BudgetStatus, Nature};
use crate::domain::id::{BudgetId, PostingId};
use crate::domain::refusal::Refusal;
use crate::store::failure::Failure;
use crate::store::ledger::{self, Details};
use crate::store::writer::{Intent, WriteTx};
use crate::store::{Store, budgets};

/// The command's name: the scope of the forms' idempotency keys.
pub const COMMAND: &str = "budget.move";

/// Does what `order` asks, once for its key; the first posting of it. `seen` are the versions of the budgets that the person decided on: when one
/// is another by now, [`Refusal::Stale`]. What was seen is no part of the content: the same order sent again gets the same answer.
pub async fn carry_out(store: &Store, actor: Actor, key: &str, order: Order, seen: Vec<(BudgetId, i64)>) -> Result<PostingId, Failure> {
    store
        .write(Intent::keyed(actor, COMMAND, key, &order), move |tx| {
            let (order, seen) = (order.clone(), seen.clone());
            Box::pin(async move {
                let (access, now, fresh) = (tx.access(), tx.now, BudgetId(tx.new_id()));
                let plan = plan(tx, &access, &order, now, fresh).await?;
                plan.unchanged_since(&seen)?;
                perform(tx, plan).await
            })
        })
        .await
}

async fn perform(tx: &mut WriteTx<'_>, plan: Plan) -> Result<PostingId, Failure> {
    if let Some(made) = plan.creates.and_then(|id| plan.touched.iter().find(|touched| touched.budget.id == id)) {
        budgets::insert(tx, &made.kept.row).await?;
        let event = Event::new("budget.created", "budget", made.kept.row.id, Some(made.kept.row.region_id));
        tx.record(event.change(Value::Null, budgets::attributes(&made.kept.row)));
    }
    let ids: Vec<PostingId> = plan.legs.iter().map(|_| PostingId(tx.new_id())).collect();
    let mut known: Vec<Budget> = plan.touched.into_iter().map(|touched| touched.budget).collect();
    for (leg, id) in plan.legs.iter().zip(&ids) {
        let pair = ids.iter().copied().find(|other| plan.paired && other != id);
        let details = Details { id: Some(*id), pair, ..leg.details.clone() };
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
