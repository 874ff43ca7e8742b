//! What an order does, in the shape that is kept and approved. How much a budget holds is no part of it; what changes there is.

use serde::{Deserialize, Serialize};

use super::budgets_plan::{Leg, Plan, Touched};
use crate::domain::budget;
use crate::domain::id::{BudgetId, PostingId, RegionId};
use crate::domain::time::Day;
use crate::store::approvals::Approval;
use crate::store::failure::DbError;

/// Everything that an order does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Effects {
    /// Its postings, in order.
    pub legs: Vec<Moved>,
    /// What changes in each budget, the one it was asked for first.
    pub budgets: Vec<Change>,
    /// Whether the two postings are two halves of one transfer between currencies.
    pub paired: bool,
    /// The budget that is made with it.
    pub creates: Option<BudgetId>,
    /// The budget that is closed with it.
    pub closes: Option<BudgetId>,
}

/// An account, and the budget it belongs to.
type End = (String, Option<(BudgetId, RegionId)>);

/// One posting.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the fields are those of Movement and Details")]
pub struct Moved {
    pub kind: String,
    pub counted: String,
    pub from: End,
    pub to: End,
    /// In minor units.
    pub amount: i64,
    pub currency: String,
    pub effective: Option<String>,
    pub reverses: Option<PostingId>,
    pub settles: Option<PostingId>,
    pub reason_code: Option<String>,
    pub note: String,
    /// Rate, its day, where it is from.
    pub rate: Option<(String, String, String)>,
}

/// A budget, and by how much each of its figures changes, in minor units.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the fields are those of Budget and Figures")]
pub struct Change {
    pub budget: BudgetId,
    pub region: RegionId,
    pub currency: String,
    pub name: String,
    /// First and last day.
    pub period: (String, String),
    pub allocated: i64,
    pub adjusted: i64,
    pub carried_over: i64,
    pub reserved: i64,
    pub spent: i64,
}

impl Effects {
    /// As they were kept with a request about money.
    pub fn kept(row: &Approval) -> Result<Self, DbError> {
        serde_json::from_str(&row.effects).map_err(|error| DbError::Broken(format!("request {} cannot be read: {error}", row.id)))
    }

    /// What a plan does.
    pub fn of(plan: &Plan) -> Self {
        Self {
            legs: plan.legs.iter().map(moved).collect(),
            budgets: plan.touched.iter().map(change).collect(),
            paired: plan.paired,
            creates: plan.creates,
            closes: plan.closes,
        }
    }
}

fn moved(leg: &Leg) -> Moved {
    let end = |end: &budget::End| (end.account.code().to_owned(), end.budget);
    let (movement, details) = (&leg.movement, &leg.details);
    Moved {
        kind: movement.kind.code().to_owned(),
        counted: movement.counted.code().to_owned(),
        from: end(&movement.source),
        to: end(&movement.destination),
        amount: movement.amount,
        currency: movement.currency.code().to_owned(),
        effective: details.effective.map(Day::iso),
        reverses: details.reverses,
        settles: details.settles,
        reason_code: details.reason_code.clone(),
        note: details.note.clone(),
        rate: details.rate.as_ref().map(|(rate, day, source)| (rate.clone(), day.iso(), source.clone())),
    }
}

fn change(touched: &Touched) -> Change {
    let (budget, was, is) = (&touched.budget, touched.budget.figures, touched.after);
    Change {
        budget: budget.id,
        region: budget.region,
        currency: budget.currency.code().to_owned(),
        name: budget.name.clone(),
        period: (budget.period_start.iso(), budget.period_end.iso()),
        // A figure changes by what moves, and that has 64 bits.
        allocated: is.allocated.wrapping_sub(was.allocated),
        adjusted: is.adjusted.wrapping_sub(was.adjusted),
        carried_over: is.carried_over.wrapping_sub(was.carried_over),
        reserved: is.reserved.wrapping_sub(was.reserved),
        spent: is.spent.wrapping_sub(was.spent),
    }
}
