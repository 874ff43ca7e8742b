//! Approvals: what has to be approved, by how many, who may, and the hash of what they approve.
//!
//! The rules are `security.md`'s: the person who asked never approves, administrators included, on every path; an approval is bound to the bytes of what
//! was approved; a limit cannot be split into many small acts.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::access::{Permission, codes};
use super::audit::Hash;
use super::currency::Currency;
use super::id::{PolicyId, RegionId, UserId};
use super::refusal::Refusal;

codes! {
    /// What a policy is about.
    Matter {
        /// The organisation gives money to a budget.
        Allocation = "allocation", "Allocations";
        /// A correction, up or down.
        Adjustment = "adjustment", "Adjustments";
        /// From one budget to another.
        Transfer = "transfer", "Transfers";
        /// Set aside, and spent from there.
        Reservation = "reservation", "Reservations";
        /// What is left goes into the next period.
        CarryOver = "carry_over", "Carry-overs";
        /// The opposite of an earlier posting.
        Reversal = "reversal", "Reversals";
        /// A role is given, or allows more than before. It has no amount.
        RoleChange = "role_change", "Role changes";
    }
}

impl Matter {
    /// One of them, as it is named beside a request.
    pub fn one(self) -> &'static str {
        match self {
            Self::Allocation => "Allocation",
            Self::Adjustment => "Adjustment",
            Self::Transfer => "Transfer",
            Self::Reservation => "Reservation",
            Self::CarryOver => "Carry-over",
            Self::Reversal => "Reversal",
            Self::RoleChange => "Role change",
        }
    }

    /// What somebody has to hold in all of its regions to see a request of this kind.
    pub fn seen_by(self) -> Permission {
        if self == Self::RoleChange { Permission::PeopleRead } else { Permission::BudgetsRead }
    }

    /// The kind of its postings.
    pub fn posting(self) -> &'static str {
        match self {
            Self::Reservation => "reserve",
            other => other.code(),
        }
    }
}

codes! {
    /// Where a request stands: the words of `product.md`.
    Status {
        /// Nobody has decided yet, or not enough people.
        Pending = "pending", "Waiting for approval";
        /// Approved by as many as it takes, and done in that moment.
        Approved = "approved", "Approved";
        /// Somebody declined.
        Rejected = "rejected", "Declined";
        /// Nobody decided in time, or it would do something else by now.
        Expired = "expired", "Expired";
        /// The requester took it back.
        Withdrawn = "withdrawn", "Withdrawn";
    }
}

/// How long a request waits, in seconds: 14 days.
pub const WAITS_SECONDS: i64 = 14 * 86_400;
/// What counts as one day for the cumulative limit, in seconds. It is the time before the request, not a calendar day: around midnight nobody gets two.
pub const DAY_SECONDS: i64 = 86_400;
/// The most approvers that a policy may ask for.
pub const APPROVERS_MOST: i64 = 5;
/// The longest reason, in characters.
pub const REASON_MOST: usize = 500;

/// What has to be approved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Its id.
    pub id: PolicyId,
    /// What it is about.
    pub matter: Matter,
    /// Where: this region and everything below it.
    pub region: RegionId,
    /// In which currency; `None` means every amount in every currency.
    pub currency: Option<Currency>,
    /// From which amount of one request, in minor units; 0 is every amount, `None` leaves it to `day`.
    pub from: Option<i64>,
    /// Past how much by one requester within [`DAY_SECONDS`], this request included; in minor units.
    pub day: Option<i64>,
    /// How many have to approve.
    pub approvers: i64,
}

/// What somebody asks for, as a policy sees it.
#[derive(Clone, Debug)]
pub struct Asked {
    /// What it is.
    pub matter: Matter,
    /// The regions of every budget that takes part, with all regions above them.
    pub regions: BTreeSet<RegionId>,
    /// What moves, per currency, in minor units.
    pub sums: Vec<(Currency, i128)>,
}

/// Why a request has to be approved, and by how many.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Need {
    /// The policy that says so: of several, one that asks for most approvers.
    pub policy: Policy,
    /// Whether it is the amount within a day that asks for it, not the amount alone.
    pub by_day: bool,
}

impl Policy {
    /// What is wrong with a policy to be added.
    pub fn check(&self) -> Result<(), Refusal> {
        if !(1..=APPROVERS_MOST).contains(&self.approvers) {
            return Err(Refusal::Invalid("approvers", format!("Choose 1 to {APPROVERS_MOST} approvers")));
        }
        if self.matter == Matter::RoleChange && self.currency.is_some() {
            return Err(Refusal::Invalid("currency", "A role has no amount: leave currency and amounts empty".to_owned()));
        }
        if self.from.is_none() && self.day.is_none() {
            return Err(Refusal::Required("from", "Enter an amount, or one for the day"));
        }
        if self.from.is_some_and(|from| from < 0) || self.day.is_some_and(|day| day <= 0) {
            return Err(Refusal::Invalid("from", "A limit is not below zero".to_owned()));
        }
        if self.currency.is_none() && (self.from != Some(0) || self.day.is_some()) {
            return Err(Refusal::Invalid("currency", "An amount has a currency: choose one".to_owned()));
        }
        Ok(())
    }

    fn is_about(&self, asked: &Asked) -> bool {
        let in_currency = self.currency.is_none_or(|own| asked.sums.iter().any(|(currency, _)| *currency == own));
        self.matter == asked.matter && in_currency
    }

    fn covers(&self, asked: &Asked) -> bool {
        self.is_about(asked) && asked.regions.contains(&self.region)
    }

    fn is_reached(&self, asked: &Asked) -> bool {
        self.from.is_some_and(|from| self.sum(asked) >= i128::from(from))
    }

    /// Whether it could ask for approval if it stood in one of the regions: what is known before those are looked up.
    pub fn could_ask(&self, asked: &Asked) -> bool {
        self.is_about(asked) && (self.day.is_some() || self.is_reached(asked))
    }

    /// What of `asked` counts against its limits.
    fn sum(&self, asked: &Asked) -> i128 {
        asked.sums.iter().filter(|(currency, _)| self.currency.is_none_or(|own| own == *currency)).map(|(_, sum)| sum).sum()
    }

    /// Whether the answer depends on what the requester asked for earlier that day.
    pub fn looks_back(&self, asked: &Asked) -> bool {
        self.covers(asked) && self.day.is_some() && self.asks(asked, 0) != Some(false)
    }

    /// Whether it asks for approval: `Some(true)` because of the day alone. `earlier` is what the same person asked for within the day before, in
    /// the policy's currency and regions.
    pub fn asks(&self, asked: &Asked, earlier: i128) -> Option<bool> {
        if !self.covers(asked) {
            return None;
        }
        if self.is_reached(asked) {
            return Some(false);
        }
        self.day.filter(|day| self.sum(asked) + earlier > i128::from(*day)).map(|_| true)
    }
}

/// The policy that decides, of those in force. Every policy counts, from above or from the region itself: one below does not loosen one above.
pub fn need(met: impl IntoIterator<Item = (Policy, bool)>) -> Option<Need> {
    let needs = met.into_iter().map(|(policy, by_day)| Need { policy, by_day });
    needs.max_by(|a, b| a.policy.approvers.cmp(&b.policy.approvers).then(b.policy.id.cmp(&a.policy.id)))
}

/// Who decides, and by whose right: her own, or that of whoever delegated it to her.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decider {
    /// Who decides.
    pub person: UserId,
    /// Whose right it is.
    pub authority: UserId,
}

/// Whether `decider` may decide on what `requester` asked for, after those who did already. This is the one place where it is said that nobody
/// approves what she asked for, and that nobody does for her: neither her delegate, nor she as somebody else's. `raised` are those who would be
/// allowed more by it: nobody raises herself either.
pub fn may_decide(requester: UserId, raised: &[UserId], earlier: &[Decider], decider: Decider) -> Result<(), Refusal> {
    if decider.person == requester || decider.authority == requester {
        return Err(Refusal::OwnRequest);
    }
    if raised.contains(&decider.person) || raised.contains(&decider.authority) {
        return Err(Refusal::OwnRole);
    }
    let again = |before: &Decider| before.person == decider.person || before.authority == decider.authority;
    if earlier.iter().any(again) {
        return Err(Refusal::AlreadyDone("You decided on this already, or somebody did with the same right".to_owned()));
    }
    Ok(())
}

/// The hash that an approval is bound to, over the exact bytes that are kept: the order, and what it does.
/// `SHA-256(0x03 ‖ length of the order as 64 bits, big end first ‖ order ‖ effects)`.
pub fn seal(order: &str, effects: &str) -> Hash {
    let hash = Sha256::new().chain_update([3u8]).chain_update((order.len() as u64).to_be_bytes());
    hash.chain_update(order.as_bytes()).chain_update(effects.as_bytes()).finalize().into()
}
