//! Every business "no", with the field it belongs to and the words a person reads.

use thiserror::Error;

use super::access::Permission;
use super::currency::Currency;
use super::money::AmountFault;

/// How a refusal is answered over HTTP and by the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// What was asked for cannot be done as it stands: 422.
    Invalid,
    /// Somebody or something else was first: 409.
    Conflict,
    /// No such thing, or not in scope: 404, with nothing to tell the two apart.
    Missing,
    /// The function is denied, whatever the object: 403.
    Forbidden,
    /// Larger than allowed: 413.
    TooLarge,
    /// Tried too often: 429.
    TooMany,
    /// Whoever asks has to show once more who she is: 401, which leads there.
    Again,
}

/// A business "no". The variants say what happened; [`std::fmt::Display`] says it to a person.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Refusal {
    /// An amount cannot be read.
    #[error("{0}")]
    Amount(AmountFault),
    /// Something has to be filled in.
    #[error("{1}")]
    Required(&'static str, &'static str),
    /// A value is not one of those allowed, or has the wrong form.
    #[error("{1}")]
    Invalid(&'static str, String),
    /// The object is not there, or not in scope.
    #[error("There is nothing here, or it is not yours to see")]
    NotFound,
    /// The person's roles do not allow it anywhere, or not in this region although she may see the object.
    #[error("Your roles do not allow this: {}", .0.label())]
    Forbidden(Permission),
    /// Whoever asked decides on it herself, or somebody does with her right.
    #[error("Somebody else has to decide: nobody approves what she asked for herself")]
    OwnRequest,
    /// Whoever would be allowed more by it decides on it, or somebody does with her right.
    #[error("Somebody else has to decide: nobody approves a role that she gets or holds herself")]
    OwnRole,
    /// A request would take the available amount below zero.
    #[error("Only {available} {currency} is available in {budget}")]
    NotEnough {
        /// The budget's name.
        budget: String,
        /// What is available, as people read it.
        available: String,
        /// Its currency.
        currency: Currency,
    },
    /// The amount would leave the range that 64 bits hold.
    #[error("This amount would take the budget past what can be recorded")]
    Overflow,
    /// Money of one currency was sent where another is kept.
    #[error("{0} cannot be moved into a budget in {1} without a rate")]
    CurrencyDiffers(Currency, Currency),
    /// The budget is closed.
    #[error("{0} is closed: nothing more can be moved in it")]
    BudgetClosed(String),
    /// The budget is not active yet.
    #[error("{0} is a draft: activate it first")]
    BudgetDraft(String),
    /// The region is retired.
    #[error("{0} is retired: it takes nothing new")]
    RegionRetired(String),
    /// A day outside the budget's period.
    #[error("{0} lies outside the budget\u{2019}s period, {1} to {2}")]
    OutsidePeriod(String, String, String),
    /// The object changed since the person looked at it.
    #[error("This was changed by someone else while you were looking at it. Look at what it is now, and decide again")]
    Stale,
    /// An idempotency key came again with other content.
    #[error("This form was sent before with other content. Start again from the page it belongs to")]
    KeyReused,
    /// It was done before: a posting is reversed once, a reservation settled once.
    #[error("{0}")]
    AlreadyDone(String),
    /// The object's state does not allow it.
    #[error("{0}")]
    State(String),
    /// A name or code is taken.
    #[error("{1}")]
    Taken(&'static str, String),
    /// A file or text past its limit.
    #[error("{0}")]
    TooLarge(String),
    /// Something secret was tried too often; it may be tried again in so many seconds.
    #[error("That was tried too often. Try again in {}", wait(*.0))]
    TryLater(i64),
    /// Who she is was shown too long ago for this.
    #[error("Show once more that it is you: this is done only shortly after that")]
    ProveAgain,
}

impl Refusal {
    /// The form field that it belongs to, where it belongs to one.
    pub fn field(&self) -> Option<&'static str> {
        match self {
            Self::Amount(_) | Self::NotEnough { .. } | Self::Overflow => Some("amount"),
            Self::Required(field, _) | Self::Invalid(field, _) | Self::Taken(field, _) => Some(field),
            Self::CurrencyDiffers(..) => Some("to"),
            Self::OutsidePeriod(..) => Some("effective_date"),
            _ => None,
        }
    }

    /// A stable word for machines.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Amount(AmountFault::Missing) => "amount_missing",
            Self::Amount(AmountFault::NotANumber) => "amount_not_a_number",
            Self::Amount(AmountFault::TooManyDigits(..)) => "amount_too_many_digits",
            Self::Amount(AmountFault::TooLarge) => "amount_too_large",
            Self::Amount(AmountFault::NotPositive) => "amount_not_positive",
            Self::Required(..) => "required",
            Self::Invalid(..) => "invalid",
            Self::NotFound => "not_found",
            Self::Forbidden(_) => "forbidden",
            Self::OwnRequest => "own_request",
            Self::OwnRole => "own_role",
            Self::NotEnough { .. } => "not_enough",
            Self::Overflow => "overflow",
            Self::CurrencyDiffers(..) => "currency_differs",
            Self::BudgetClosed(_) => "budget_closed",
            Self::BudgetDraft(_) => "budget_draft",
            Self::RegionRetired(_) => "region_retired",
            Self::OutsidePeriod(..) => "outside_period",
            Self::Stale => "stale",
            Self::KeyReused => "key_reused",
            Self::AlreadyDone(_) => "already_done",
            Self::State(_) => "state",
            Self::Taken(..) => "taken",
            Self::TooLarge(_) => "too_large",
            Self::TryLater(_) => "try_later",
            Self::ProveAgain => "prove_again",
        }
    }

    /// How it is answered.
    pub fn kind(&self) -> Kind {
        match self {
            Self::NotFound => Kind::Missing,
            Self::Forbidden(_) | Self::OwnRequest | Self::OwnRole => Kind::Forbidden,
            Self::Stale | Self::KeyReused | Self::AlreadyDone(_) => Kind::Conflict,
            Self::TooLarge(_) => Kind::TooLarge,
            Self::TryLater(_) => Kind::TooMany,
            Self::ProveAgain => Kind::Again,
            _ => Kind::Invalid,
        }
    }
}

/// A time to wait in words, rounded up to minutes.
fn wait(seconds: i64) -> String {
    match seconds.saturating_add(59) / 60 {
        ..=1 => "a minute".to_owned(),
        minutes => format!("{minutes} minutes"),
    }
}

impl From<AmountFault> for Refusal {
    fn from(fault: AmountFault) -> Self {
        Self::Amount(fault)
    }
}
