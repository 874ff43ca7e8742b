//! Regions: adding, changing, moving, retiring.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::region_moves::can_move;
use super::step_up::{self, Act};
use crate::domain::access::{Actor, Permission};
use crate::domain::audit::Event;
use crate::domain::currency::Currency;
use crate::domain::id::RegionId;
use crate::domain::refusal::Refusal;
use crate::domain::text::line;
use crate::store::Store;
use crate::store::db::Reader;
use crate::store::failure::Failure;
use crate::store::regions::{self, Region};
use crate::store::settings;
use crate::store::writer::{Intent, WriteTx};

/// What a person writes about a region.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fields {
    /// Its name, unique among the regions directly below the same one.
    pub name: String,
    /// The currency its budgets are usually kept in.
    pub currency: Currency,
    /// IANA time zone.
    pub time_zone: String,
    /// The month its fiscal year starts in, 1 to 12.
    pub fiscal_start_month: i64,
    /// The cost centre behind it; may be empty.
    pub cost_centre: String,
}

/// A region's name, trimmed, when it can be one: 1 to 80 characters, nothing unprintable.
pub fn name(text: &str) -> Result<String, Refusal> {
    let name = text.trim();
    if name.is_empty() {
        return Err(Refusal::Required("name", "Enter a name"));
    }
    line("name", "a name", name, 80)
}

/// A time zone's name as the IANA database spells it.
pub fn time_zone(text: &str) -> Result<String, Refusal> {
    let zone: Result<chrono_tz::Tz, _> = text.trim().parse();
    zone.map(|zone| zone.name().to_owned())
        .map_err(|_| Refusal::Invalid("time_zone", "Choose a time zone from the list, like Europe/Madrid".to_owned()))
}

/// A cost centre, trimmed, when it can be one.
pub fn cost_centre(text: &str) -> Result<String, Refusal> {
    line("cost_centre", "a cost centre", text, 40)
}

/// What the audit trail says about a region.
pub(super) fn words(region: &Region) -> Value {
    json!({
        "cost_centre": region.cost_centre,
        "currency": region.currency,
        "fiscal_start_month": region.fiscal_start_month,
        "name": region.name,
        "parent": region.parent_id.map(|parent| parent.to_string()),
        "status": region.status,
        "time_zone": region.time_zone,
    })
}

/// The fields as they are kept, when they can be.
async fn check(tx: &mut WriteTx<'_>, written: Fields) -> Result<Fields, Failure> {
    let fields = Fields {
        name: name(&written.name)?,
        time_zone: time_zone(&written.time_zone)?,
        cost_centre: cost_centre(&written.cost_centre)?,
        ..written
    };
    if !(1..=12).contains(&fields.fiscal_start_month) {
        return Err(Refusal::Invalid("fiscal_start_month", "Choose the month the fiscal year starts in".to_owned()).into());
    }
    if !settings::currencies(tx).await?.contains(&fields.currency) {
        return Err(Refusal::Invalid("currency", format!("{} is not one of the currencies in use", fields.currency)).into());
    }
    Ok(fields)
}

/// Refuses a name that another region directly below `parent` has. `field` is where the person chose it.
pub(super) async fn free(
    reader: &mut impl Reader,
    field: &'static str,
    name: &str,
    parent: RegionId,
    but: Option<RegionId>,
) -> Result<(), Failure> {
    if regions::name_taken(reader, name, parent, but).await? {
        return Err(Refusal::Taken(field, format!("There is a region called {name} already in the same place")).into());
    }
    Ok(())
}

/// Refuses a new name that is taken beside the region, and any new name by somebody who does not see what stands beside it: the answer would
/// tell her.
async fn renamed(tx: &mut WriteTx<'_>, before: &Region, name: &str) -> Result<(), Failure> {
    let (Some(parent), true) = (before.parent_id, before.name.to_lowercase() != name.to_lowercase()) else { return Ok(()) };
    if !tx.access().may(Permission::RegionsManage, parent) {
        let words = "Only somebody who manages the region above this one can give it another name";
        return Err(Refusal::Invalid("name", words.to_owned()).into());
    }
    free(tx, "name", name, parent, Some(before.id)).await
}

async fn active(tx: &mut WriteTx<'_>, id: RegionId) -> Result<Region, Failure> {
    let region = regions::get(tx, id).await?;
    if region.is_active() { Ok(region) } else { Err(Refusal::RegionRetired(region.name).into()) }
}

/// The region as it is now, if it is still the version that the person looked at.
async fn unchanged(tx: &mut WriteTx<'_>, id: RegionId, version: i64) -> Result<Region, Failure> {
    tx.require(Permission::RegionsManage, Permission::RegionsRead, id)?;
    let region = regions::get(tx, id).await?;
    if region.version == version { Ok(region) } else { Err(Refusal::Stale.into()) }
}

async fn change(tx: &mut WriteTx<'_>, action: &'static str, before: &Region, after: &Region) -> Result<(), Failure> {
    regions::update(tx, after).await?;
    tx.record(Event::new(action, "region", before.id, Some(before.id)).change(words(before), words(after)));
    Ok(())
}

/// Adds a region below another.
pub async fn add(store: &Store, actor: Actor, key: &str, parent: RegionId, fields: Fields) -> Result<RegionId, Failure> {
    store
        .write(Intent::keyed(actor, "region.add", key, &(parent, &fields)), move |tx| {
            let fields = fields.clone();
            Box::pin(async move {
                tx.require(Permission::RegionsManage, Permission::RegionsRead, parent)?;
                active(tx, parent).await?;
                let fields = check(tx, fields).await?;
                free(tx, "name", &fields.name, parent, None).await?;
                let id = RegionId(tx.new_id());
                let region = Region {
                    id,
                    parent_id: Some(parent),
                    name: fields.name,
                    currency: fields.currency.code().to_owned(),
                    time_zone: fields.time_zone,
                    fiscal_start_month: fields.fiscal_start_month,
                    cost_centre: fields.cost_centre,
                    status: "active".to_owned(),
                    version: 1,
                    created_at: tx.now,
                };
                regions::insert(tx, &region).await?;
                tx.record(Event::new("region.added", "region", id, Some(id)).change(Value::Null, words(&region)));
                Ok(id)
            })
        })
        .await
}

/// Changes what is written about a region. [`Refusal::Stale`] when someone else changed it since `version`.
pub async fn edit(store: &Store, actor: Actor, key: &str, id: RegionId, version: i64, fields: Fields) -> Result<(), Failure> {
    store
        .write(Intent::keyed(actor, "region.edit", key, &(id, version, &fields)), move |tx| {
            let fields = fields.clone();
            Box::pin(async move {
                let before = unchanged(tx, id, version).await?;
                let fields = check(tx, fields).await?;
                renamed(tx, &before, &fields.name).await?;
                let after = Region {
                    name: fields.name,
                    currency: fields.currency.code().to_owned(),
                    time_zone: fields.time_zone,
                    fiscal_start_month: fields.fiscal_start_month,
                    cost_centre: fields.cost_centre,
                    ..before.clone()
                };
                change(tx, "region.changed", &before, &after).await
            })
        })
        .await
}

/// Puts a region, with everything below it, below another. What happened in it stays where it happened: no row of it is rewritten.
pub async fn move_to(store: &Store, actor: Actor, key: &str, id: RegionId, version: i64, parent: RegionId) -> Result<(), Failure> {
    store
        .write(Intent::keyed(actor, "region.move", key, &(id, version, parent)), move |tx| {
            Box::pin(async move {
                let before = unchanged(tx, id, version).await?;
                let (access, now) = (tx.access(), tx.now);
                if can_move(tx, &access, &before, parent, now).await?.raises() {
                    step_up::require(tx, Act::Rights).await?;
                }
                let after = Region { parent_id: Some(parent), ..before.clone() };
                change(tx, "region.moved", &before, &after).await
            })
        })
        .await
}

/// Retires a region: it takes nothing new. Refused while it has active budgets, or active regions below it.
pub async fn retire(store: &Store, actor: Actor, key: &str, id: RegionId, version: i64) -> Result<(), Failure> {
    store
        .write(Intent::keyed(actor, "region.retire", key, &(id, version)), move |tx| {
            Box::pin(async move {
                let before = unchanged(tx, id, version).await?;
                if before.parent_id.is_none() {
                    return Err(Refusal::State("The organisation itself cannot be retired".to_owned()).into());
                }
                if !before.is_active() {
                    return Err(Refusal::AlreadyDone(format!("{} is retired already", before.name)).into());
                }
                let (budgets, below) = regions::in_use(tx, id).await?;
                if budgets > 0 || below > 0 {
                    return Err(Refusal::State(still_in_use(&before.name, budgets, below)).into());
                }
                let after = Region { status: "retired".to_owned(), ..before.clone() };
                change(tx, "region.retired", &before, &after).await
            })
        })
        .await
}

fn still_in_use(name: &str, budgets: i64, below: i64) -> String {
    let count = |n: i64, one: &str, many: &str| format!("{n} active {}", if n == 1 { one } else { many });
    let mut held = Vec::new();
    if budgets > 0 {
        held.push(count(budgets, "budget", "budgets"));
    }
    if below > 0 {
        held.push(format!("{} below it", count(below, "region", "regions")));
    }
    format!("{name} cannot be retired: it has {}", held.join(" and "))
}

/// Takes a retired region into use again.
pub async fn reinstate(store: &Store, actor: Actor, key: &str, id: RegionId, version: i64) -> Result<(), Failure> {
    store
        .write(Intent::keyed(actor, "region.reinstate", key, &(id, version)), move |tx| {
            Box::pin(async move {
                let before = unchanged(tx, id, version).await?;
                if before.is_active() {
                    return Err(Refusal::AlreadyDone(format!("{} is active already", before.name)).into());
                }
                if let Some(parent) = before.parent_id {
                    active(tx, parent).await?;
                }
                let after = Region { status: "active".to_owned(), ..before.clone() };
                change(tx, "region.reinstated", &before, &after).await
            })
        })
        .await
}
