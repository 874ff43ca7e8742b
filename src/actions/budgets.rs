//! Budgets: making them, changing what they are called and who answers for them, activating and closing. Money moves in `budgets_move`.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::budgets_move::{Carried, settle};
use super::budgets_plan::{Ask, Order, plan, require};
use crate::domain::access::{Actor, Permission, Scope};
use crate::domain::audit::Event;
use crate::domain::budget::BudgetStatus;
use crate::domain::currency::Currency;
use crate::domain::id::{ApprovalId, BudgetId, RegionId, UserId};
use crate::domain::refusal::Refusal;
use crate::domain::text::line;
use crate::domain::time::Day;
use crate::store::failure::Failure;
use crate::store::ledger::BudgetRow;
use crate::store::writer::{Intent, WriteTx};
use crate::store::{Store, budgets, people, postings, regions, settings};

/// The longest period, in days: ten years.
pub const PERIOD_MOST_DAYS: i64 = 3_660;
pub(super) const NAME_TAKEN: &str = "There is a budget of this name in the region for a period that overlaps";
pub(super) const RESERVED_STILL: &str = "Reservations are still open: commit or void them first";

/// What a person may change of a budget.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Attributes {
    /// Its name.
    pub name: String,
    /// First day.
    pub period_start: Day,
    /// Last day.
    pub period_end: Day,
    /// Who answers for it.
    pub owner: Option<UserId>,
    /// Its cost centre; may be empty.
    pub cost_centre: String,
}

/// A budget to be made.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct NewBudget {
    /// Its region.
    pub region: RegionId,
    /// Its currency, one of those in use.
    pub currency: Currency,
    /// The rest.
    pub attributes: Attributes,
    /// Whether it begins as a draft.
    pub draft: bool,
    /// The first allocation, in minor units.
    pub allocation: Option<i64>,
}

/// A name, trimmed: 1 to 120 characters, see [`line`].
pub fn name(text: &str) -> Result<String, Refusal> {
    let text = text.trim();
    if text.is_empty() {
        return Err(Refusal::Required("name", "Enter a name"));
    }
    line("name", "a name", text, 120)
}

/// A period ends on or after its first day, and is at most ten years long.
pub fn period(start: Day, end: Day) -> Result<(), Refusal> {
    if end < start {
        return Err(Refusal::Invalid("period_end", "The last day lies before the first".to_owned()));
    }
    if end.0 - start.0 > PERIOD_MOST_DAYS {
        return Err(Refusal::Invalid("period_end", "A period is at most ten years long".to_owned()));
    }
    Ok(())
}

/// A cost centre, trimmed: at most 60 characters.
pub fn cost_centre(text: &str) -> Result<String, Refusal> {
    line("cost_centre", "a cost centre", text, 60)
}

/// The attributes as they are kept, or what is wrong with them.
async fn sound(tx: &mut WriteTx<'_>, region: RegionId, given: &Attributes, but: Option<BudgetRow>) -> Result<Attributes, Failure> {
    let name = name(&given.name)?;
    period(given.period_start, given.period_end)?;
    let cost_centre = cost_centre(&given.cost_centre)?;
    if budgets::name_taken(tx, region, &name, (given.period_start, given.period_end), but.as_ref().map(|row| row.id)).await? {
        return Err(Refusal::Taken("name", NAME_TAKEN.to_owned()).into());
    }
    let kept_owner = but.and_then(|row| row.owner_id);
    if let Some(owner) = given.owner.filter(|owner| Some(*owner) != kept_owner) {
        let person = people::find(tx, owner).await?.filter(|person| person.status == "active");
        person.ok_or(Refusal::Invalid("owner", "Choose somebody from the list".to_owned()))?;
    }
    Ok(Attributes { name, cost_centre, ..given.clone() })
}

/// What became of a new budget.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Created {
    /// It is made, with its first allocation where one was given.
    Whole(BudgetId),
    /// It is made; its first allocation waits for approval.
    Waits(BudgetId, ApprovalId),
}

impl Created {
    /// The budget.
    pub fn budget(self) -> BudgetId {
        match self {
            Self::Whole(id) | Self::Waits(id, _) => id,
        }
    }
}

/// Makes a budget, with its first allocation where one is given.
pub async fn create(store: &Store, actor: Actor, key: &str, new: NewBudget) -> Result<Created, Failure> {
    store
        .write(Intent::keyed(actor, "budget.create", key, &new), move |tx| {
            let new = new.clone();
            Box::pin(async move { create_within(tx, new).await })
        })
        .await
}

/// The region, unless it is retired: nothing begins there.
async fn in_use(tx: &mut WriteTx<'_>, id: RegionId) -> Result<regions::Region, Failure> {
    let region = regions::find(tx, &Scope::of([id], false), id).await?.ok_or(Refusal::NotFound)?;
    if region.is_active() { Ok(region) } else { Err(Refusal::RegionRetired(region.name).into()) }
}

async fn create_within(tx: &mut WriteTx<'_>, new: NewBudget) -> Result<Created, Failure> {
    let access = tx.access();
    require(&access, Permission::BudgetsManage, new.region)?;
    in_use(tx, new.region).await?;
    if !settings::currencies(tx).await?.contains(&new.currency) {
        return Err(Refusal::Invalid("currency", "Choose one of the currencies in use".to_owned()).into());
    }
    let kept = sound(tx, new.region, &new.attributes, None).await?;
    let row = BudgetRow {
        id: BudgetId(tx.new_id()),
        region_id: new.region,
        name: kept.name,
        currency: new.currency.code().to_owned(),
        period_start: kept.period_start,
        period_end: kept.period_end,
        owner_id: kept.owner,
        cost_centre: kept.cost_centre,
        status: if new.draft { BudgetStatus::Draft } else { BudgetStatus::Active }.code().to_owned(),
        version: 1,
        allocated: 0,
        adjusted: 0,
        carried_over: 0,
        reserved: 0,
        spent: 0,
        previous_id: None,
        created_at: tx.now,
    };
    budgets::insert(tx, &row).await?;
    tx.record(Event::new("budget.created", "budget", row.id, Some(row.region_id)).change(Value::Null, budgets::attributes(&row)));
    if let Some(amount) = new.allocation {
        let order = Order { ask: Ask::Allocate { budget: row.id, amount }, effective: None, note: "First allocation".to_owned() };
        let (now, fresh) = (tx.now, BudgetId(tx.new_id()));
        let plan = plan(tx, &access, &order, now, fresh).await?;
        if let Carried::Waits(approval) = settle(tx, order, plan, fresh).await? {
            return Ok(Created::Waits(row.id, approval));
        }
    }
    Ok(Created::Whole(row.id))
}

/// Changes a budget's attributes, unless somebody changed the budget since `version`.
pub async fn edit(store: &Store, actor: Actor, key: &str, id: BudgetId, version: i64, new: Attributes) -> Result<i64, Failure> {
    store
        .write(Intent::keyed(actor, "budget.edit", key, &(id, &new)), move |tx| {
            let new = new.clone();
            Box::pin(async move {
                let row = budgets::get(tx, id).await?;
                let access = tx.access();
                require(&access, Permission::BudgetsManage, row.region_id)?;
                if row.status == BudgetStatus::Closed.code() {
                    return Err(Refusal::BudgetClosed(row.name).into());
                }
                if row.version != version {
                    return Err(Refusal::Stale.into());
                }
                let kept = sound(tx, row.region_id, &new, Some(row.clone())).await?;
                keeps_postings(tx, id, &kept).await?;
                let before = budgets::attributes(&row);
                let next = BudgetRow {
                    name: kept.name,
                    period_start: kept.period_start,
                    period_end: kept.period_end,
                    owner_id: kept.owner,
                    cost_centre: kept.cost_centre,
                    ..row
                };
                let version = budgets::update(tx, &next).await?;
                let event = Event::new("budget.edited", "budget", id, Some(next.region_id)).change(before, budgets::attributes(&next));
                tx.record(event.detail(json!({ "version": version })));
                Ok(version)
            })
        })
        .await
}

async fn keeps_postings(tx: &mut WriteTx<'_>, id: BudgetId, kept: &Attributes) -> Result<(), Failure> {
    match postings::asked_between(tx, id).await? {
        Some((first, _)) if first < kept.period_start => {
            Err(Refusal::Invalid("period_start", format!("Money was moved on {}: the period has to hold it", first.words())).into())
        }
        Some((_, last)) if last > kept.period_end => {
            Err(Refusal::Invalid("period_end", format!("Money was moved on {}: the period has to hold it", last.words())).into())
        }
        _ => Ok(()),
    }
}

/// Activates a draft, or closes a budget: refused while reservations are open. What is left stays visible. The status afterwards is answered.
pub async fn set_status(store: &Store, actor: Actor, key: &str, id: BudgetId, version: i64, to: BudgetStatus) -> Result<i64, Failure> {
    store
        .write(Intent::keyed(actor, "budget.status", key, &(id, to)), move |tx| {
            Box::pin(async move {
                let row = budgets::get(tx, id).await?;
                let access = tx.access();
                require(&access, Permission::BudgetsManage, row.region_id)?;
                let (from, action) = (BudgetStatus::parse(&row.status), allowed(&row, to)?);
                if from == Some(to) {
                    return Err(Refusal::AlreadyDone(format!("{} is {} already", row.name, to.label().to_lowercase())).into());
                }
                if row.version != version {
                    return Err(Refusal::Stale.into());
                }
                if to == BudgetStatus::Active {
                    in_use(tx, row.region_id).await?;
                }
                let before = budgets::attributes(&row);
                let next = BudgetRow { status: to.code().to_owned(), ..row };
                let version = budgets::update(tx, &next).await?;
                let left = json!({ "available": next.figures().available(), "currency": next.currency });
                let event = Event::new(action, "budget", id, Some(next.region_id)).change(before, budgets::attributes(&next));
                tx.record(event.detail(left));
                Ok(version)
            })
        })
        .await
}

/// Whether a budget may take this status, and the name of the event.
pub fn allowed(row: &BudgetRow, to: BudgetStatus) -> Result<&'static str, Refusal> {
    match (BudgetStatus::parse(&row.status), to) {
        (_, BudgetStatus::Draft) => Err(Refusal::State("A budget is not made a draft again".to_owned())),
        (Some(BudgetStatus::Closed), BudgetStatus::Active | BudgetStatus::Closed) => Err(Refusal::BudgetClosed(row.name.clone())),
        (_, BudgetStatus::Closed) if row.reserved != 0 => Err(Refusal::State(RESERVED_STILL.to_owned())),
        (_, BudgetStatus::Closed) => Ok("budget.closed"),
        (_, BudgetStatus::Active) => Ok("budget.activated"),
    }
}
