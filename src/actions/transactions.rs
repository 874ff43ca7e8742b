//! Assigning a transaction to a budget, and moving it from one to another. Postings are added, never edited.

use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::domain::access::{Actor, Permission};
use crate::domain::audit::Event;
use crate::domain::budget::{self, Account, Budget, BudgetStatus, End, Figures, Movement, Nature, PostingKind};
use crate::domain::id::{BudgetId, PostingId, TransactionId};
use crate::domain::refusal::Refusal;
use crate::store::Store;
use crate::store::db::Reader;
use crate::store::failure::Failure;
use crate::store::import_changes;
use crate::store::ledger::{self, Details};
use crate::store::transaction_detail::{self, TransactionRow};
use crate::store::writer::Intent;

/// What is asked for.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Assignment {
    /// Which transaction.
    pub transaction: TransactionId,
    /// Its version when the form was made.
    pub version: i64,
    /// Under which budget it is to stand.
    pub budget: BudgetId,
}

/// A budget before and after.
#[derive(Clone, Debug)]
pub struct Effect {
    /// The budget as it is.
    pub budget: Budget,
    /// Its money afterwards.
    pub after: Figures,
}

/// What an assignment would do.
#[derive(Clone, Debug)]
pub struct Preview {
    /// The budget it leaves, where it stands under one.
    pub from: Option<Effect>,
    /// The budget it comes to.
    pub to: Effect,
}

/// One posting to be made.
struct Step {
    movement: Movement,
    reverses: Option<PostingId>,
}

/// The rules: a budget of the same region and currency, both open, and the accounting date in the new one's period.
fn allowed(row: &TransactionRow, old: Option<&Budget>, new: &Budget) -> Result<(), Failure> {
    if row.budget_id == Some(new.id) {
        return Err(Refusal::AlreadyDone(format!("The transaction stands under {} already", new.name)).into());
    }
    if new.region != row.region_id {
        return Err(Refusal::Invalid("budget", "Choose a budget of the transaction\u{2019}s own region".to_owned()).into());
    }
    let currency = row.currency()?;
    if new.currency != currency {
        return Err(Refusal::Invalid("budget", format!("Choose a budget in {currency}, the transaction\u{2019}s currency")).into());
    }
    for budget in [Some(new), old].into_iter().flatten() {
        match budget.status {
            BudgetStatus::Closed => return Err(Refusal::BudgetClosed(budget.name.clone()).into()),
            BudgetStatus::Draft => return Err(Refusal::BudgetDraft(budget.name.clone()).into()),
            BudgetStatus::Active => {}
        }
    }
    budget::within_period(new, row.effective_date).map_err(|refusal| Refusal::Invalid("budget", refusal.to_string()))?;
    Ok(())
}

/// The postings: the old budget gets back what it was counted with, the new one is counted with it. A vendor has made the payout, so it is a
/// fact whatever is available.
async fn steps(reader: &mut impl Reader, row: &TransactionRow, old: Option<&Budget>, new: &Budget) -> Result<Vec<Step>, Failure> {
    let amount = row.amount_issued.checked_abs().ok_or(Refusal::Overflow)?;
    let mut steps = Vec::with_capacity(2);
    if amount == 0 {
        return Ok(steps);
    }
    if let Some(old) = old
        && let Some(posting) = transaction_detail::counted_by(reader, row, old.id).await?
    {
        let movement = Movement { amount, ..posting.movement()?.reversed() };
        steps.push(Step { movement, reverses: Some(posting.id) });
    }
    let (kind, source, destination) = if row.amount_issued < 0 {
        (PostingKind::Refund, Account::Spent, Account::Available)
    } else {
        (PostingKind::Spend, Account::Available, Account::Spent)
    };
    let (source, destination) = (End::of(source, new), End::of(destination, new));
    steps.push(Step { movement: Movement { kind, counted: kind, source, destination, amount, currency: new.currency }, reverses: None });
    Ok(steps)
}

/// What an assignment would do, for the page that asks whether she is sure. The caller has read both budgets in scope.
pub async fn preview(reader: &mut impl Reader, row: &TransactionRow, old: Option<Budget>, new: Budget) -> Result<Preview, Failure> {
    allowed(row, old.as_ref(), &new)?;
    let steps = steps(reader, row, old.as_ref(), &new).await?;
    let effect = |budget: Budget| -> Result<Effect, Failure> {
        let after = steps.iter().try_fold(budget.figures, |figures, step| step.movement.applied(budget.id, figures))?;
        Ok(Effect { budget, after })
    };
    let from = match old {
        Some(old) => Some(effect(old)?),
        None => None,
    };
    Ok(Preview { from, to: effect(new)? })
}

/// Puts a transaction under a budget. The postings it made, in order.
pub async fn assign(store: &Store, actor: Actor, key: &str, wanted: Assignment) -> Result<Vec<PostingId>, Failure> {
    store
        .write(Intent::keyed(actor, "transaction.assign", key, &wanted), move |tx| {
            let wanted = wanted.clone();
            Box::pin(async move {
                let row = transaction_detail::get(tx, wanted.transaction).await?;
                tx.require(Permission::TransactionsAssign, Permission::TransactionsRead, row.region_id)?;
                if import_changes::is_waiting(tx, row.id).await? {
                    return Err(Refusal::State("An import is changing this transaction. Try again when it is done".to_owned()).into());
                }
                if row.version != wanted.version {
                    return Err(Refusal::Stale.into());
                }
                let new = ledger::get(tx, wanted.budget).await?;
                // A budget elsewhere is as good as none: nothing is said about it.
                tx.require(Permission::TransactionsAssign, Permission::BudgetsRead, new.region)?;
                let old = match row.budget_id {
                    Some(id) => Some(ledger::get(tx, id).await?),
                    None => None,
                };
                allowed(&row, old.as_ref(), &new)?;
                let mut made = Vec::with_capacity(2);
                for step in steps(tx, &row, old.as_ref(), &new).await? {
                    let details = Details {
                        effective: Some(row.effective_date),
                        transaction: Some(row.id),
                        reverses: step.reverses,
                        ..Details::default()
                    };
                    made.push(ledger::post(tx, &step.movement, Nature::Fact, &details).await?);
                }
                transaction_detail::set_budget(tx, &row, new.id).await?;
                let side =
                    |budget: Option<BudgetId>, version: i64| json!({ "budget": budget.map(|id| id.to_string()), "version": version });
                let event = Event::new("transaction.assigned", "transaction", row.id, Some(row.region_id));
                let event = event.change(side(row.budget_id, row.version), side(Some(new.id), row.version + 1));
                let postings: Vec<String> = made.iter().map(PostingId::to_string).collect();
                tx.record(event.detail(json!({ "postings": postings, "amount": row.amount_issued, "currency": row.currency_code })));
                Ok(made)
            })
        })
        .await
}
