//! Budgets and the ledger: what a posting is, what it does to a budget's figures, and when it is refused.

use serde::{Deserialize, Serialize};

use super::access::codes;
use super::currency::Currency;
use super::id::{BudgetId, RegionId};
use super::money;
use super::refusal::Refusal;
use super::time::Day;

codes! {
    /// Where a budget stands.
    BudgetStatus {
        /// Being prepared: it can be given money, and none leaves it.
        Draft = "draft", "Draft";
        /// In use.
        Active = "active", "Active";
        /// Finished: no posting any more.
        Closed = "closed", "Closed";
    }
}

codes! {
    /// Why money moved.
    PostingKind {
        /// The organisation gives money to a budget.
        Allocation = "allocation", "Allocation";
        /// A correction of the amount, up or down, with a reason code.
        Adjustment = "adjustment", "Adjustment";
        /// From one budget to another.
        Transfer = "transfer", "Transfer";
        /// Set aside for something that is coming.
        Reserve = "reserve", "Reservation";
        /// What was set aside is spent.
        Commit = "commit", "Reservation committed";
        /// What was set aside is free again.
        Void = "void", "Reservation voided";
        /// A payout the vendor has made.
        Spend = "spend", "Spend";
        /// Money that came back: a refund or a credit note.
        Refund = "refund", "Refund";
        /// What expired unused came back.
        ExpiryReturn = "expiry_return", "Expiry return";
        /// What was left at the end of a period, taken into the next.
        CarryOver = "carry_over", "Carry-over";
        /// The opposite of a posting that it names.
        Reversal = "reversal", "Reversal";
    }
}

impl PostingKind {
    /// Three letters before the reference that people quote.
    pub fn prefix(self) -> &'static str {
        match self {
            Self::Allocation => "ALC",
            Self::Adjustment => "ADJ",
            Self::Transfer => "TRF",
            Self::Reserve => "RSV",
            Self::Commit => "CMT",
            Self::Void => "VOI",
            Self::Spend => "SPD",
            Self::Refund => "RFD",
            Self::ExpiryReturn => "EXR",
            Self::CarryOver => "CRY",
            Self::Reversal => "REV",
        }
    }
}

codes! {
    /// One end of a posting. The first three belong to a budget, the others to the organisation.
    Account {
        /// What a budget can still give away.
        Available = "available", "Available";
        /// What it has set aside.
        Reserved = "reserved", "Reserved";
        /// What it has paid out.
        Spent = "spent", "Spent";
        /// Where allocations come from.
        Funding = "funding", "Funding";
        /// The other end of adjustments.
        Correction = "correction", "Correction";
        /// Between the two legs of a transfer from one currency to another.
        Exchange = "exchange", "Exchange";
    }
}

/// A budget's figures in minor units. Always, exactly: `allocated + adjusted + carried_over − reserved − spent = available`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Figures {
    /// Given by the organisation.
    pub allocated: i64,
    /// Adjustments and transfers, in less out.
    pub adjusted: i64,
    /// Carried over from the period before, less what went into the next.
    pub carried_over: i64,
    /// Set aside.
    pub reserved: i64,
    /// Paid out, less what came back.
    pub spent: i64,
}

impl Figures {
    /// What can still be given away; negative when facts have overspent the budget. `None` past 64 bits.
    pub fn checked_available(&self) -> Option<i64> {
        self.total()?.checked_sub(self.reserved)?.checked_sub(self.spent)
    }

    /// [`Self::checked_available`] of figures that came out of the store, where overflow was refused on the way in.
    pub fn available(&self) -> i64 {
        self.checked_available().unwrap_or_default()
    }

    /// What the budget was given in all: allocated, adjusted and carried over.
    pub fn total(&self) -> Option<i64> {
        self.allocated.checked_add(self.adjusted)?.checked_add(self.carried_over)
    }

    /// Spent as a share of what was given, in tenths of a per cent.
    pub fn utilisation_permille(&self) -> Option<i64> {
        self.total().filter(|total| *total > 0).and_then(|total| money::permille(self.spent, total))
    }

    /// The figures after `amount` has entered (`In`) or left (`Out`) one of the budget's accounts by a posting that counts as `counted`.
    fn moved(mut self, account: Account, direction: Direction, counted: PostingKind, amount: i64) -> Result<Self, Refusal> {
        let signed = match direction {
            Direction::In => amount,
            Direction::Out => amount.checked_neg().ok_or(Refusal::Overflow)?,
        };
        let figure = match account {
            Account::Reserved => &mut self.reserved,
            Account::Spent => &mut self.spent,
            Account::Available => match counted {
                PostingKind::Allocation => &mut self.allocated,
                PostingKind::Adjustment | PostingKind::Transfer => &mut self.adjusted,
                PostingKind::CarryOver => &mut self.carried_over,
                // The other end lies in the same budget, reserved or spent, and `available` follows from it.
                _ => return Ok(self),
            },
            Account::Funding | Account::Correction | Account::Exchange => return Ok(self),
        };
        *figure = figure.checked_add(signed).ok_or(Refusal::Overflow)?;
        self.checked_available().ok_or(Refusal::Overflow)?;
        Ok(self)
    }
}

/// Into or out of an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Direction {
    In,
    Out,
}

/// A budget as a rule sees it.
#[derive(Clone, Debug)]
pub struct Budget {
    /// Its id.
    pub id: BudgetId,
    /// The region it belongs to.
    pub region: RegionId,
    /// Its name.
    pub name: String,
    /// The one currency it is kept in.
    pub currency: Currency,
    /// First day.
    pub period_start: Day,
    /// Last day.
    pub period_end: Day,
    /// Where it stands.
    pub status: BudgetStatus,
    /// Counts what people asked for; a form carries the one it was made from.
    pub version: i64,
    /// Its money.
    pub figures: Figures,
}

/// One end of a movement: an account, and the budget it belongs to where it belongs to one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct End {
    /// The account.
    pub account: Account,
    /// Its budget and region; `None` for the organisation's own accounts.
    pub budget: Option<(BudgetId, RegionId)>,
}

impl End {
    /// An account of a budget.
    pub fn of(account: Account, budget: &Budget) -> Self {
        Self { account, budget: Some((budget.id, budget.region)) }
    }

    /// An account of the organisation.
    pub fn outside(account: Account) -> Self {
        Self { account, budget: None }
    }
}

/// A movement of money that the rules have let pass: balanced by construction, the amount above zero.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Movement {
    /// Why.
    pub kind: PostingKind,
    /// The kind whose figure it counts in: its own, and for a reversal that of the posting it reverses.
    pub counted: PostingKind,
    /// From.
    pub source: End,
    /// To.
    pub destination: End,
    /// Minor units, above zero.
    pub amount: i64,
    /// Its currency.
    pub currency: Currency,
}

impl Movement {
    /// The figures of `budget` after this movement. A budget that it does not touch is unchanged.
    pub fn applied(&self, budget: BudgetId, figures: Figures) -> Result<Figures, Refusal> {
        let touches = |end: &End| end.budget.is_some_and(|(id, _)| id == budget);
        let mut after = figures;
        if touches(&self.source) {
            after = after.moved(self.source.account, Direction::Out, self.counted, self.amount)?;
        }
        if touches(&self.destination) {
            after = after.moved(self.destination.account, Direction::In, self.counted, self.amount)?;
        }
        Ok(after)
    }

    /// What it does to the available account of `budget`: 1 into it, -1 out of it, 0 neither.
    pub fn effect_on(&self, budget: BudgetId) -> i64 {
        let is = |end: &End| end.account == Account::Available && end.budget.is_some_and(|(id, _)| id == budget);
        i64::from(is(&self.destination)) - i64::from(is(&self.source))
    }

    /// The same movement backwards, as the reversal of it.
    #[must_use]
    pub fn reversed(&self) -> Self {
        Self { kind: PostingKind::Reversal, source: self.destination, destination: self.source, ..self.clone() }
    }
}

/// Whether a movement is asked for, or reports what has already happened outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Nature {
    /// Refused when it would take `available` below zero, or when the budget is closed or a draft.
    Request,
    /// Always recorded; the budget shows as overspent.
    Fact,
}

/// Whether `budget` takes the movement, and its figures afterwards.
///
/// Source of the rules: product.md, "Rules of money". A closed budget takes nothing that is asked for; a draft takes only money coming in.
pub fn decide(budget: &Budget, movement: &Movement, nature: Nature) -> Result<Figures, Refusal> {
    if movement.amount <= 0 {
        return Err(Refusal::Amount(money::AmountFault::NotPositive));
    }
    if movement.currency != budget.currency {
        return Err(Refusal::CurrencyDiffers(movement.currency, budget.currency));
    }
    let after = movement.applied(budget.id, budget.figures)?;
    if nature == Nature::Fact {
        return Ok(after);
    }
    let (before_available, after_available) = (budget.figures.available(), after.available());
    match budget.status {
        BudgetStatus::Closed => return Err(Refusal::BudgetClosed(budget.name.clone())),
        BudgetStatus::Draft if after_available <= before_available => return Err(Refusal::BudgetDraft(budget.name.clone())),
        BudgetStatus::Draft | BudgetStatus::Active => {}
    }
    if after_available < 0 && after_available < before_available {
        let available = money::grouped(before_available, budget.currency);
        return Err(Refusal::NotEnough { budget: budget.name.clone(), available, currency: budget.currency });
    }
    Ok(after)
}

/// Whether a day lies in the budget's period.
pub fn within_period(budget: &Budget, day: Day) -> Result<(), Refusal> {
    if (budget.period_start..=budget.period_end).contains(&day) {
        return Ok(());
    }
    Err(Refusal::OutsidePeriod(day.words(), budget.period_start.words(), budget.period_end.words()))
}

/// The day the available amount lasts to, at the rate at which it was spent from the start of the period until `today`. `None` where nothing has
/// been spent yet or nothing is available, and where it lasts longer than 20 years.
pub fn runway(budget: &Budget, today: Day) -> Option<Day> {
    let days = (today.0 - budget.period_start.0 + 1).clamp(0, budget.period_end.0 - budget.period_start.0 + 1);
    let (spent, available) = (budget.figures.spent, budget.figures.available());
    if spent <= 0 || available <= 0 || days == 0 {
        return None;
    }
    let more = i128::from(available) * i128::from(days) / i128::from(spent);
    i64::try_from(more).ok().filter(|more| *more < 7_305).map(|more| Day(today.0 + more))
}
