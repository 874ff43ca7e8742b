//! The fields of the money forms: read from a query or a post, checked all at once, and written back into links.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use super::error::WebError;
use super::form::Errors;
use crate::actions::budgets as attributes;
use crate::actions::budgets_plan::{Ask, NOTE_MOST, Next, Order, StatedRate};
use crate::domain::access::Permission;
use crate::domain::currency::Currency;
use crate::domain::exchange::Rate;
use crate::domain::id::{BudgetId, PostingId, RegionId};
use crate::domain::money;
use crate::domain::refusal::Refusal;
use crate::domain::time::Day;
use crate::store::ledger::BudgetRow;
use crate::store::postings::PostingRow;

/// A money form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    Allocation,
    Adjustment,
    Transfer,
    Reservation,
    CarryOver,
    Commitment,
    Void,
    Reversal,
}

impl Action {
    /// The last part of its address.
    pub fn noun(self) -> &'static str {
        match self {
            Self::Allocation => "allocations",
            Self::Adjustment => "adjustments",
            Self::Transfer => "transfers",
            Self::Reservation => "reservations",
            Self::CarryOver => "carry-overs",
            Self::Commitment => "commitment",
            Self::Void => "void",
            Self::Reversal => "reversal",
        }
    }

    /// The words on its button and in its title.
    pub fn label(self) -> &'static str {
        match self {
            Self::Allocation => "Allocate money",
            Self::Adjustment => "Adjust",
            Self::Transfer => "Transfer",
            Self::Reservation => "Reserve",
            Self::CarryOver => "Carry over",
            Self::Commitment => "Commit the reservation",
            Self::Void => "Void the reservation",
            Self::Reversal => "Reverse the posting",
        }
    }

    /// What it needs in every region that it touches.
    pub fn permission(self) -> Permission {
        match self {
            Self::Allocation | Self::CarryOver => Permission::BudgetsManage,
            _ => Permission::BudgetsAdjust,
        }
    }

    /// Whether its address is below a posting, not below a budget.
    pub fn of_posting(self) -> bool {
        matches!(self, Self::Commitment | Self::Void | Self::Reversal)
    }

    /// Whether an amount is asked for.
    pub fn asks_amount(self) -> bool {
        !matches!(self, Self::Void | Self::Reversal)
    }

    /// Whether it cannot go without a note: the words of the refusal.
    fn note_needed(self) -> Option<&'static str> {
        match self {
            Self::Adjustment => Some("Write why in a note"),
            Self::Reservation => Some("Write what it is set aside for"),
            Self::Reversal => Some("Write why it is reversed"),
            _ => None,
        }
    }
}

/// Every field that a money form may have, as it was typed.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Fields {
    pub amount: String,
    pub direction: String,
    pub reason_code: String,
    pub to: String,
    pub rate: String,
    pub rate_date: String,
    pub rate_source: String,
    pub name: String,
    pub period_start: String,
    pub period_end: String,
    pub close: String,
    pub note: String,
    pub effective_date: String,
    /// The idempotency key: in the address, so that Back and reload keep it.
    pub key: String,
    /// The budgets as the check page showed them, see [`Seen`].
    pub seen: String,
}

/// A budget as the check page showed it: what a later page compares with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seen {
    pub budget: BudgetId,
    pub version: i64,
    pub available: i64,
    /// The number of its newest posting then.
    pub newest: i64,
}

impl Seen {
    /// `bud_….12.5000.88`.
    pub fn text(&self) -> String {
        format!("{}.{}.{}.{}", self.budget, self.version, self.available, self.newest)
    }

    fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('.');
        let budget = BudgetId::parse(parts.next()?)?;
        let mut number = || parts.next()?.parse().ok();
        Some(Self { budget, version: number()?, available: number()?, newest: number()? })
    }
}

/// The fields of all money forms as they stand on the page, from above.
const FORM_ORDER: &[&str] = &[
    "direction",
    "to",
    "name",
    "period_start",
    "period_end",
    "amount",
    "reason_code",
    "rate",
    "rate_date",
    "rate_source",
    "note",
    "effective_date",
];

impl Fields {
    /// From the query of an address.
    pub fn of_query(query: &str) -> Result<Self, WebError> {
        serde_html_form::from_str(query).map_err(|_| WebError::Malformed("The address holds a field that this form does not have."))
    }

    /// Name and value of every field that was filled in.
    pub fn filled(&self) -> Vec<(&'static str, &str)> {
        let all = [
            ("amount", &self.amount),
            ("direction", &self.direction),
            ("reason_code", &self.reason_code),
            ("to", &self.to),
            ("rate", &self.rate),
            ("rate_date", &self.rate_date),
            ("rate_source", &self.rate_source),
            ("name", &self.name),
            ("period_start", &self.period_start),
            ("period_end", &self.period_end),
            ("close", &self.close),
            ("note", &self.note),
            ("effective_date", &self.effective_date),
            ("key", &self.key),
        ];
        all.into_iter().filter(|(_, value)| !value.is_empty()).map(|(name, value)| (name, value.as_str())).collect()
    }

    /// As the query of an address.
    pub fn query(&self) -> String {
        let pairs = self.filled().into_iter().map(|(name, value)| format!("{name}={}", super::form::encoded(value)));
        pairs.collect::<Vec<_>>().join("&")
    }

    /// What the person saw.
    pub fn seen(&self) -> Vec<Seen> {
        self.seen.split(',').filter_map(Seen::parse).take(8).collect()
    }

    /// A key as this portal makes them, or none at all.
    pub fn has_key(&self) -> bool {
        (16..=64).contains(&self.key.len()) && self.key.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
    }

    /// What the form asks for; every fault of it at once.
    pub fn order(&self, action: Action, place: &Place) -> Result<Order, Errors> {
        let mut errors = Errors::none();
        let amount = if action.asks_amount() {
            errors.check("amount", money::parse_positive(&self.amount, place.currency)).unwrap_or_default()
        } else {
            0
        };
        let note = self.note.trim();
        match action.note_needed() {
            Some(words) if note.is_empty() => errors.add("note", words),
            _ if note.chars().count() > NOTE_MOST => errors.add("note", format!("Write at most {NOTE_MOST} characters")),
            _ => {}
        }
        let effective = Self::day(&mut errors, "effective_date", &self.effective_date);
        let ask = self.ask(action, place, amount, &mut errors);
        match ask {
            Some(ask) if errors.is_empty() => Ok(Order { ask, effective, note: note.to_owned() }),
            _ => Err(errors.in_order(FORM_ORDER)),
        }
    }

    fn day(errors: &mut Errors, field: &str, text: &str) -> Option<Day> {
        let text = text.trim();
        if text.is_empty() {
            return None;
        }
        let day = Day::parse(text);
        if day.is_none() {
            errors.add(field, "Enter a day like 2026-11-22");
        }
        day
    }

    fn ask(&self, action: Action, place: &Place, amount: i64, errors: &mut Errors) -> Option<Ask> {
        let budget = place.budget.id;
        match action {
            Action::Allocation => Some(Ask::Allocate { budget, amount }),
            Action::Reservation => Some(Ask::Reserve { budget, amount }),
            Action::Adjustment => {
                if !matches!(self.direction.as_str(), "up" | "down") {
                    errors.add("direction", "Choose up or down");
                }
                if self.reason_code.is_empty() {
                    errors.add("reason_code", "Choose a reason");
                }
                Some(Ask::Adjust { budget, up: self.direction == "up", amount, reason_code: self.reason_code.clone() })
            }
            Action::Transfer => {
                let rate = self.stated_rate(errors);
                let to = BudgetId::parse(&self.to);
                if to.is_none() {
                    errors.add("to", "Choose the budget that receives the money");
                }
                Some(Ask::Transfer { from: budget, to: to?, amount, rate })
            }
            Action::CarryOver => {
                let to = self.next(errors)?;
                Some(Ask::CarryOver { from: budget, amount, to, close: self.close == "1" })
            }
            Action::Commitment => Some(Ask::Commit { reservation: place.posting_id()?, amount }),
            Action::Void => Some(Ask::Void { reservation: place.posting_id()? }),
            Action::Reversal => Some(Ask::Reverse { posting: place.posting_id()? }),
        }
    }

    fn stated_rate(&self, errors: &mut Errors) -> Option<StatedRate> {
        if [&self.rate, &self.rate_date, &self.rate_source].iter().all(|text| text.trim().is_empty()) {
            return None;
        }
        let rate = errors.check("rate", Rate::parse(&self.rate));
        let day = Self::day(errors, "rate_date", &self.rate_date);
        if self.rate_date.trim().is_empty() {
            errors.add("rate_date", "Enter the day the rate is of");
        }
        let source = self.rate_source.trim();
        if source.is_empty() {
            errors.add("rate_source", "Enter where the rate is from");
        }
        Some(StatedRate { rate: rate?.to_string(), day: day?, source: source.to_owned() })
    }

    fn next(&self, errors: &mut Errors) -> Option<Next> {
        if self.to != "new" {
            let to = BudgetId::parse(&self.to);
            if to.is_none() {
                errors.add("to", "Choose where it goes");
            }
            return to.map(Next::Existing);
        }
        let name = errors.check("name", attributes::name(&self.name));
        let (start, end) = (Day::parse(self.period_start.trim()), Day::parse(self.period_end.trim()));
        for (field, day) in [("period_start", start), ("period_end", end)] {
            if day.is_none() {
                errors.add(field, "Enter a day like 2026-11-22");
            }
        }
        Some(Next::New { name: name?, start: start?, end: end? })
    }
}

/// Where a money form stands: the budget, and the posting it is about where it is about one.
pub struct Place {
    pub budget: BudgetRow,
    pub currency: Currency,
    pub region: crate::store::regions::Region,
    /// What each region that she sees budgets in is called.
    pub regions: HashMap<RegionId, String>,
    pub posting: Option<PostingRow>,
}

impl Place {
    /// What a region of this name is called.
    pub fn called<'p>(&'p self, region: &RegionId, name: &'p str) -> &'p str {
        self.regions.get(region).map_or(name, String::as_str)
    }

    fn posting_id(&self) -> Option<PostingId> {
        self.posting.as_ref().map(|posting| posting.id)
    }

    /// The address of the form, without its last part.
    pub fn address(&self, action: Action) -> String {
        match (&self.posting, action.of_posting()) {
            (Some(posting), true) => format!("/postings/{}/{}", posting.id, action.noun()),
            _ => format!("/budgets/{}/{}", self.budget.id, action.noun()),
        }
    }
}

/// Whether a refusal has no place in a form: it is answered by a page of its own.
pub fn has_own_page(refusal: &Refusal) -> bool {
    matches!(refusal, Refusal::NotFound | Refusal::Forbidden(_) | Refusal::KeyReused)
}
