//! What has to be approved, and lending one's right to approve to somebody else for some days.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::step_up::{self, Act};
use crate::domain::access::{Actor, Permission};
use crate::domain::approval::{Matter, Policy};
use crate::domain::audit::Event;
use crate::domain::currency::Currency;
use crate::domain::id::{DelegationId, PolicyId, RegionId, UserId};
use crate::domain::refusal::Refusal;
use crate::domain::time::Day;
use crate::store::approval_policies::{self as kept, Delegation};
use crate::store::failure::Failure;
use crate::store::writer::{Intent, WriteTx};
use crate::store::{Store, regions};

/// The longest that a right is lent, in days.
pub const LENT_MOST_DAYS: i64 = 92;

/// A policy to be added; see [`Policy`] for what its parts mean.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct NewPolicy {
    /// What it is about.
    pub matter: Matter,
    /// Where.
    pub region: RegionId,
    /// In which currency.
    pub currency: Option<Currency>,
    /// From which amount.
    pub from: Option<i64>,
    /// Past how much within a day.
    pub day: Option<i64>,
    /// How many have to approve.
    pub approvers: i64,
}

fn attributes(policy: &Policy) -> Value {
    json!({
        "matter": policy.matter.code(), "currency": policy.currency.map(Currency::code), "from": policy.from, "day": policy.day,
        "approvers": policy.approvers,
    })
}

/// Adds a policy. It counts from the next request on; what waits already stays as it was asked for.
pub async fn add(store: &Store, actor: Actor, key: &str, new: NewPolicy) -> Result<PolicyId, Failure> {
    store
        .write(Intent::keyed(actor, "approval_policy.add", key, &new), move |tx| {
            let NewPolicy { matter, region, currency, from, day, approvers } = new.clone();
            Box::pin(async move {
                tx.require_everywhere(Permission::SettingsManage)?;
                step_up::require(tx, Act::Rights).await?;
                let policy = Policy { id: PolicyId(tx.new_id()), matter, region, currency, from, day, approvers };
                policy.check()?;
                regions::get(tx, region).await?;
                let same = |other: &Policy| other.matter == matter && other.region == region && other.currency == currency;
                if tx.policies().await?.iter().any(same) {
                    let words = "There is a policy for this in the region and currency already: end it first".to_owned();
                    return Err(Refusal::Taken("region", words).into());
                }
                kept::insert(tx, &policy).await?;
                let event = Event::new("approval_policy.added", "approval_policy", policy.id, Some(region));
                tx.record(event.change(Value::Null, attributes(&policy)));
                Ok(policy.id)
            })
        })
        .await
}

/// Ends a policy.
pub async fn end(store: &Store, actor: Actor, key: &str, id: PolicyId) -> Result<(), Failure> {
    store
        .write(Intent::keyed(actor, "approval_policy.end", key, &id), move |tx| {
            Box::pin(async move {
                tx.require_everywhere(Permission::SettingsManage)?;
                step_up::require(tx, Act::Rights).await?;
                let policy = kept::find(tx, id).await?.ok_or(Refusal::NotFound)?;
                kept::end(tx, id).await?;
                let event = Event::new("approval_policy.ended", "approval_policy", id, Some(policy.region));
                tx.record(event.change(attributes(&policy), Value::Null));
                Ok(())
            })
        })
        .await
}

/// Lends one's right to approve to somebody else, from one day to another, UTC. She uses it only where she may see the budgets herself, and never for
/// what she asked for or the lender did.
pub async fn delegate(store: &Store, actor: Actor, key: &str, to: UserId, (start, end): (Day, Day)) -> Result<DelegationId, Failure> {
    store
        .write(Intent::keyed(actor, "approval.delegate", key, &(to, start, end)), move |tx| {
            Box::pin(async move {
                let from = tx.actor().person().ok_or(Refusal::Forbidden(Permission::ApprovalsDecide))?;
                if !tx.access().has(Permission::ApprovalsDecide) {
                    return Err(Refusal::Forbidden(Permission::ApprovalsDecide).into());
                }
                lendable(tx, (from, to), (start, end)).await?;
                step_up::require(tx, Act::Rights).await?;
                let new = Delegation {
                    id: DelegationId(tx.new_id()),
                    from_id: from,
                    to_id: to,
                    starts_on: start,
                    ends_on: end,
                    created_at: tx.now,
                };
                kept::delegate(tx, &new).await?;
                let days = json!({ "to": to.to_string(), "starts_on": start.iso(), "ends_on": end.iso() });
                tx.record(Event::new("approval.delegated", "delegation", new.id, None).change(Value::Null, days));
                Ok(new.id)
            })
        })
        .await
}

async fn lendable(tx: &mut WriteTx<'_>, (from, to): (UserId, UserId), (start, end): (Day, Day)) -> Result<(), Failure> {
    let today = tx.now.day(chrono_tz::UTC);
    if from == to {
        return Err(Refusal::Invalid("to", "Choose somebody else".to_owned()).into());
    }
    let scope = tx.access().scope(Permission::ApprovalsDecide);
    if kept::borrowers(tx, &scope, from, today).await?.iter().all(|(id, _)| *id != to) {
        return Err(Refusal::Invalid("to", "Choose somebody from the list".to_owned()).into());
    }
    if start < today {
        return Err(Refusal::Invalid("starts_on", "Choose today or a later day".to_owned()).into());
    }
    if end < start {
        return Err(Refusal::Invalid("ends_on", "The last day lies before the first".to_owned()).into());
    }
    if end.0 - start.0 >= LENT_MOST_DAYS {
        return Err(Refusal::Invalid("ends_on", format!("Choose at most {LENT_MOST_DAYS} days")).into());
    }
    Ok(())
}

/// Takes the right back: whoever lent it does, or an administrator.
pub async fn end_delegation(store: &Store, actor: Actor, key: &str, id: DelegationId) -> Result<(), Failure> {
    store
        .write(Intent::keyed(actor, "approval.end_delegation", key, &id), move |tx| {
            Box::pin(async move {
                let lent = kept::delegation(tx, id).await?.ok_or(Refusal::NotFound)?;
                if tx.actor().person() != Some(lent.from_id) && !tx.access().has_everywhere(Permission::PeopleManage) {
                    return Err(Refusal::NotFound.into());
                }
                kept::end_delegation(tx, id).await?;
                tx.record(Event::new("approval.delegation_ended", "delegation", id, None).detail(json!({ "to": lent.to_id.to_string() })));
                Ok(())
            })
        })
        .await
}
