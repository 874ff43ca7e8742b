//! What a money action would do, before anybody does it: the movements, and every budget before and after.
//!
//! [`plan`] is asked by the page that shows the answers to be checked, and again inside the write. Whoever has to agree first (an approver) is
//! shown the same plan.

use serde::{Deserialize, Serialize};

use crate::domain::access::{Access, Permission};
use crate::domain::budget::{self, Budget, Figures, Movement, Nature, PostingKind};
use crate::domain::exchange::Exchanged;
use crate::domain::id::{BudgetId, PostingId};
use crate::domain::refusal::Refusal;
use crate::domain::time::{Day, Instant};
use crate::store::budgets::{self, Placed};
use crate::store::db::Reader;
use crate::store::failure::Failure;
use crate::store::ledger::Details;
use crate::store::postings::PostingRow;

use super::budgets_rules as rules;

/// The longest note, in characters.
pub const NOTE_MOST: usize = 500;

/// What is asked for. Amounts are minor units of the (first) budget's currency.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Ask {
    /// The organisation gives money to a budget.
    Allocate {
        /// Which.
        budget: BudgetId,
        /// How much.
        amount: i64,
    },
    /// A correction, with a reason code.
    Adjust {
        /// Which.
        budget: BudgetId,
        /// Up or down.
        up: bool,
        /// How much.
        amount: i64,
        /// Why, from the administrator's list.
        reason_code: String,
    },
    /// From one budget to another.
    Transfer {
        /// From.
        from: BudgetId,
        /// To.
        to: BudgetId,
        /// How much leaves `from`.
        amount: i64,
        /// Between currencies only.
        rate: Option<StatedRate>,
    },
    /// Set aside.
    Reserve {
        /// Which.
        budget: BudgetId,
        /// How much.
        amount: i64,
    },
    /// What is left goes into the next period.
    CarryOver {
        /// From.
        from: BudgetId,
        /// How much.
        amount: i64,
        /// To.
        to: Next,
        /// Whether `from` is closed afterwards.
        close: bool,
    },
    /// A reservation, or a part of it, is spent; the rest is free again.
    Commit {
        /// The reservation.
        reservation: PostingId,
        /// How much of it.
        amount: i64,
    },
    /// A reservation is free again.
    Void {
        /// The reservation.
        reservation: PostingId,
    },
    /// The opposite of a posting.
    Reverse {
        /// Which.
        posting: PostingId,
    },
}

/// The budget of the next period.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Next {
    /// One that is there.
    Existing(BudgetId),
    /// One that is made with the carry-over: owner and cost centre as before.
    New {
        /// Its name.
        name: String,
        /// First day.
        start: Day,
        /// Last day.
        end: Day,
    },
}

/// A rate as somebody stated it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct StatedRate {
    /// How much of the currency that receives is one of the currency that gives.
    pub rate: String,
    /// The day it is of.
    pub day: Day,
    /// Where it is from.
    pub source: String,
}

/// A money action, whole: what is asked, when it counts, and why.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Order {
    /// What is asked.
    pub ask: Ask,
    /// The accounting date; today in the region's time zone where none is given, moved into the budget's period.
    pub effective: Option<Day>,
    /// Why, in her words.
    pub note: String,
}

/// One movement to be posted.
#[derive(Clone, Debug)]
pub struct Leg {
    /// What moves.
    pub movement: Movement,
    /// What is known besides.
    pub details: Details,
}

/// A budget that takes part, before and after.
#[derive(Clone, Debug)]
pub struct Touched {
    /// As it is kept now, with its region.
    pub kept: Placed,
    /// As the rules see it now.
    pub budget: Budget,
    /// Its figures afterwards.
    pub after: Figures,
}

/// What a money action would do.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The postings, in order.
    pub legs: Vec<Leg>,
    /// Every budget that takes part, the one it was asked for first.
    pub touched: Vec<Touched>,
    /// The accounting date.
    pub effective: Day,
    /// What arrives in the other currency, for a transfer between currencies: the two legs are then a pair.
    pub exchanged: Option<Exchanged>,
    /// Whether the two legs are two halves of one transfer between currencies.
    pub paired: bool,
    /// The budget that is made first; it is among `touched`.
    pub creates: Option<BudgetId>,
    /// The budget that is closed afterwards.
    pub closes: Option<BudgetId>,
}

impl Plan {
    /// Refuses when a budget is not what the person saw: a budget's version counts what people asked for and what they edited.
    pub fn unchanged_since(&self, seen: &[(BudgetId, i64)]) -> Result<(), Refusal> {
        let as_seen = |touched: &&Touched| seen.contains(&(touched.budget.id, touched.budget.version));
        let known = self.touched.iter().filter(|touched| Some(touched.budget.id) != self.creates);
        if known.clone().count() == known.filter(as_seen).count() { Ok(()) } else { Err(Refusal::Stale) }
    }
}

/// What is being worked out: budgets are added, then the movements between them.
pub(super) struct Desk<'a> {
    pub(super) access: &'a Access,
    pub(super) order: &'a Order,
    pub(super) now: Instant,
    pub(super) fresh: BudgetId,
    pub(super) plan: Plan,
}

/// Works out what `order` would do for whoever holds `access`: every permission, every rule, no change. `fresh` is the id of a budget that has to
/// be made for it.
pub async fn plan(reader: &mut impl Reader, access: &Access, order: &Order, now: Instant, fresh: BudgetId) -> Result<Plan, Failure> {
    if order.note.chars().count() > NOTE_MOST {
        return Err(Refusal::Invalid("note", format!("Write at most {NOTE_MOST} characters")).into());
    }
    let plan =
        Plan { legs: Vec::new(), touched: Vec::new(), effective: Day(0), exchanged: None, paired: false, creates: None, closes: None };
    let mut desk = Desk { access, order, now, fresh, plan };
    match &order.ask {
        Ask::Allocate { budget, amount } => rules::allocate(reader, &mut desk, *budget, *amount).await?,
        Ask::Adjust { budget, up, amount, reason_code } => rules::adjust(reader, &mut desk, *budget, *up, *amount, reason_code).await?,
        Ask::Transfer { from, to, amount, rate } => rules::transfer(reader, &mut desk, (*from, *to), *amount, rate.as_ref()).await?,
        Ask::Reserve { budget, amount } => rules::reserve(reader, &mut desk, *budget, *amount).await?,
        Ask::CarryOver { from, amount, to, close } => rules::carry_over(reader, &mut desk, *from, *amount, to, *close).await?,
        Ask::Commit { reservation, amount } => rules::settle(reader, &mut desk, *reservation, Some(*amount)).await?,
        Ask::Void { reservation } => rules::settle(reader, &mut desk, *reservation, None).await?,
        Ask::Reverse { posting } => rules::reverse(reader, &mut desk, *posting).await?,
    }
    Ok(desk.plan)
}

/// Refuses unless `access` holds the permission in the region of what it may see; as missing where it may not even see it.
pub fn require(access: &Access, permission: Permission, region: crate::domain::id::RegionId) -> Result<(), Refusal> {
    if access.may(permission, region) {
        return Ok(());
    }
    Err(if access.may(Permission::BudgetsRead, region) { Refusal::Forbidden(permission) } else { Refusal::NotFound })
}

impl Desk<'_> {
    /// Brings a budget onto the desk, when she may do this in its region.
    pub(super) async fn touch(&mut self, reader: &mut impl Reader, id: BudgetId, permission: Permission) -> Result<Budget, Failure> {
        if let Some(there) = self.plan.touched.iter().find(|touched| touched.budget.id == id) {
            return Ok(there.budget.clone());
        }
        let kept = budgets::placed(reader, id).await?;
        require(self.access, permission, kept.row.region_id)?;
        let budget = kept.row.budget()?;
        self.plan.touched.push(Touched { kept, after: budget.figures, budget: budget.clone() });
        Ok(budget)
    }

    /// A retired region takes nothing new.
    pub(super) fn takes_new(&self, id: BudgetId) -> Result<(), Refusal> {
        match self.plan.touched.iter().find(|touched| touched.budget.id == id) {
            Some(touched) if !touched.kept.takes_new() => Err(Refusal::RegionRetired(touched.kept.region_name.clone())),
            _ => Ok(()),
        }
    }

    /// Settles the accounting date. It lies in the period of every budget that takes part; where the periods have no day in common (a
    /// carry-over), in the later one.
    pub(super) fn settle_date(&mut self) -> Result<(), Refusal> {
        let periods = || self.plan.touched.iter().map(|touched| (touched.budget.period_start, touched.budget.period_end));
        let latest = periods().max().unwrap_or((Day(0), Day(0)));
        let end = periods().map(|(_, end)| end).min().unwrap_or(latest.1);
        let (start, end) = if latest.0 <= end { (latest.0, end) } else { latest };
        self.plan.effective = match self.order.effective {
            Some(day) if (start..=end).contains(&day) => day,
            Some(day) => return Err(Refusal::OutsidePeriod(day.words(), start.words(), end.words())),
            None => {
                let zone = self.plan.touched.first().map_or(chrono_tz::UTC, |touched| touched.kept.zone());
                self.now.day(zone).clamp(start, end)
            }
        };
        Ok(())
    }

    /// Adds a movement, when every budget it touches takes it.
    pub(super) fn leg(&mut self, movement: Movement, details: Details) -> Result<(), Refusal> {
        let ends: Vec<BudgetId> = [movement.source, movement.destination].iter().filter_map(|end| end.budget.map(|(id, _)| id)).collect();
        for touched in self.plan.touched.iter_mut().filter(|touched| ends.contains(&touched.budget.id)) {
            let now = Budget { figures: touched.after, ..touched.budget.clone() };
            touched.after = budget::decide(&now, &movement, Nature::Request)?;
        }
        let details = Details { effective: Some(self.plan.effective), note: self.order.note.trim().to_owned(), ..details };
        self.plan.legs.push(Leg { movement, details });
        Ok(())
    }
}

/// Whether a posting may be reversed by hand, judged by itself alone: the words of the refusal otherwise.
pub fn reversible(posting: &PostingRow) -> Result<(), Refusal> {
    let words = match PostingKind::parse(&posting.kind) {
        Some(PostingKind::Spend | PostingKind::Refund | PostingKind::ExpiryReturn) => {
            "This posting follows from transactions: it is corrected by moving the transaction to another budget"
        }
        Some(PostingKind::Reversal) => "A reversal is not reversed itself: make the movement again",
        Some(PostingKind::Void) => "What was voided is free again: make a new reservation",
        _ if posting.transaction_id.is_some() || posting.import_id.is_some() => {
            "This posting follows from transactions: it is corrected by moving the transaction to another budget"
        }
        _ => return Ok(()),
    };
    Err(Refusal::State(words.to_owned()))
}
