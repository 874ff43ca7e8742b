//! Budgets and postings in the store: the one function that moves money, and what is read of it.

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::db::{Reader, Sql};
use super::failure::{DbError, Failure};
use super::writer::WriteTx;
use crate::domain::access::Scope;
use crate::domain::audit::Event;
use crate::domain::budget::{self, Budget, BudgetStatus, End, Figures, Movement, Nature, PostingKind};
use crate::domain::currency::Currency;
use crate::domain::id::{ApprovalId, BudgetId, ImportId, PostingId, RegionId, TransactionId, UserId};
use crate::domain::time::{Day, Instant};

/// A budget as it is kept.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct BudgetRow {
    /// Its id.
    pub id: BudgetId,
    /// Its region.
    pub region_id: RegionId,
    /// Its name.
    pub name: String,
    /// The code of its currency.
    pub currency: String,
    /// First day.
    pub period_start: Day,
    /// Last day.
    pub period_end: Day,
    /// Who answers for it.
    pub owner_id: Option<UserId>,
    /// Its cost centre; may be empty.
    pub cost_centre: String,
    /// `draft`, `active` or `closed`.
    pub status: String,
    /// Counts what people asked for.
    pub version: i64,
    /// See [`Figures`].
    pub allocated: i64,
    /// See [`Figures`].
    pub adjusted: i64,
    /// See [`Figures`].
    pub carried_over: i64,
    /// See [`Figures`].
    pub reserved: i64,
    /// See [`Figures`].
    pub spent: i64,
    /// The budget it was carried over from.
    pub previous_id: Option<BudgetId>,
    /// Since when it is there.
    pub created_at: Instant,
}

/// The columns of [`BudgetRow`].
pub const BUDGET_COLUMNS: &str = "id, region_id, name, currency, period_start, period_end, owner_id, cost_centre, status, version, allocated, \
                                  adjusted, carried_over, reserved, spent, previous_id, created_at";

impl BudgetRow {
    /// Its money.
    pub fn figures(&self) -> Figures {
        Figures {
            allocated: self.allocated,
            adjusted: self.adjusted,
            carried_over: self.carried_over,
            reserved: self.reserved,
            spent: self.spent,
        }
    }

    /// As the rules see it.
    pub fn budget(&self) -> Result<Budget, DbError> {
        let broken = |what: &str| DbError::Broken(format!("budget {} has an unknown {what}", self.id));
        Ok(Budget {
            id: self.id,
            region: self.region_id,
            name: self.name.clone(),
            currency: Currency::parse(&self.currency).ok_or_else(|| broken("currency"))?,
            period_start: self.period_start,
            period_end: self.period_end,
            status: BudgetStatus::parse(&self.status).ok_or_else(|| broken("status"))?,
            version: self.version,
            figures: self.figures(),
        })
    }
}

/// One budget in scope.
pub async fn find(reader: &mut impl Reader, scope: &Scope, id: BudgetId) -> Result<Option<BudgetRow>, DbError> {
    let mut sql = Sql::default();
    sql.push("SELECT ").push(BUDGET_COLUMNS).push(" FROM budget WHERE region_id IN (").push_list(scope.regions());
    sql.push(") AND id = ").push_bind(id);
    reader.one(sql).await
}

/// One budget, for a write that checks the permission in its region next.
pub async fn get(tx: &mut WriteTx<'_>, id: BudgetId) -> Result<Budget, Failure> {
    Ok(super::budgets::get(tx, id).await?.budget()?)
}

/// A budget to be added.
#[derive(Clone, Debug)]
pub struct NewBudget {
    /// Its id.
    pub id: BudgetId,
    /// Its region.
    pub region: RegionId,
    /// Its name.
    pub name: String,
    /// Its currency.
    pub currency: Currency,
    /// First day.
    pub from: Day,
    /// Last day.
    pub to: Day,
    /// Who answers for it.
    pub owner: Option<UserId>,
    /// Its cost centre; may be empty.
    pub cost_centre: String,
    /// The budget it follows.
    pub previous: Option<BudgetId>,
}

/// Adds a budget, with nothing in it, as its first version.
pub async fn insert_budget(tx: &mut WriteTx<'_>, new: &NewBudget, status: BudgetStatus) -> Result<(), Failure> {
    let row = BudgetRow {
        id: new.id,
        region_id: new.region,
        name: new.name.clone(),
        currency: new.currency.code().to_owned(),
        period_start: new.from,
        period_end: new.to,
        owner_id: new.owner,
        cost_centre: new.cost_centre.clone(),
        status: status.code().to_owned(),
        version: 1,
        allocated: 0,
        adjusted: 0,
        carried_over: 0,
        reserved: 0,
        spent: 0,
        previous_id: new.previous,
        created_at: tx.now,
    };
    super::budgets::insert(tx, &row).await
}

/// Activates or closes a budget.
pub async fn set_budget_status(tx: &mut WriteTx<'_>, id: BudgetId, status: BudgetStatus) -> Result<(), Failure> {
    tx.exec_one(Sql::new("UPDATE budget SET status = $2, version = version + 1 WHERE id = $1").bind(id).bind(status.code())).await
}

/// What is known of a posting besides its movement.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Details {
    /// The posting's own id, where its pair has to name it beforehand; otherwise a new one.
    pub id: Option<PostingId>,
    /// The accounting date; the day of the write in UTC where none is given.
    pub effective: Option<Day>,
    /// The one transaction it belongs to.
    pub transaction: Option<TransactionId>,
    /// The import it sums up.
    pub import: Option<ImportId>,
    /// The posting it reverses.
    pub reverses: Option<PostingId>,
    /// The reservation it commits or voids.
    pub settles: Option<PostingId>,
    /// The other leg of a transfer between currencies.
    pub pair: Option<PostingId>,
    /// Why, from the list the administrator keeps.
    pub reason_code: Option<String>,
    /// Why, in her words.
    pub note: String,
    /// Rate, its day and where it is from, for a transfer between currencies.
    pub rate: Option<(String, Day, String)>,
    /// The approval that it waited for, and who asked: it is her posting, whoever approved it last.
    pub approved: Option<(ApprovalId, UserId)>,
}

/// Moves money: checks the movement against every budget it touches, writes their figures and the posting, and leaves one audit event for each budget.
/// The caller has checked who may. A request counts in the version that forms carry, a fact does not.
pub async fn post(tx: &mut WriteTx<'_>, movement: &Movement, nature: Nature, details: &Details) -> Result<PostingId, Failure> {
    post_known(tx, movement, nature, details, &mut []).await
}

/// As [`post`], where the caller has read some of the budgets in this same transaction: they are not read again, and are left as they stand afterwards.
pub async fn post_known(
    tx: &mut WriteTx<'_>,
    movement: &Movement,
    nature: Nature,
    details: &Details,
    known: &mut [Budget],
) -> Result<PostingId, Failure> {
    let id = details.id.unwrap_or_else(|| PostingId(tx.new_id()));
    let mut after: [Option<i64>; 2] = [None, None];
    let ends = [movement.source, movement.destination];
    let mut touched: Vec<BudgetId> = Vec::with_capacity(2);
    let mut events = Vec::with_capacity(2);
    for end in &ends {
        let Some((budget_id, _)) = end.budget else { continue };
        if touched.contains(&budget_id) {
            continue;
        }
        touched.push(budget_id);
        let place = known.iter_mut().find(|budget| budget.id == budget_id);
        let budget = match &place {
            Some(budget) => Budget::clone(budget),
            None => get(tx, budget_id).await?,
        };
        let figures = budget::decide(&budget, movement, nature)?;
        let version = write_figures(tx, &budget, &figures, nature).await?;
        if let Some(place) = place {
            (place.figures, place.version) = (figures, version);
        }
        for (side, other) in ends.iter().zip(&mut after) {
            if side.budget.is_some_and(|(touched, _)| touched == budget_id) {
                *other = Some(figures.available());
            }
        }
        events.push(event(id, movement, details, &budget, &figures));
    }
    insert(tx, id, movement, details, after).await?;
    for event in events {
        tx.record(event);
    }
    Ok(id)
}

/// The budget's version afterwards.
async fn write_figures(tx: &mut WriteTx<'_>, budget: &Budget, figures: &Figures, nature: Nature) -> Result<i64, Failure> {
    let asked = i64::from(nature == Nature::Request);
    let sql = Sql::new(
        "UPDATE budget SET allocated = $3, adjusted = $4, carried_over = $5, reserved = $6, spent = $7, version = version + $8 \
         WHERE id = $1 AND version = $2",
    );
    let sql = sql.bind(budget.id).bind(budget.version).bind(figures.allocated).bind(figures.adjusted).bind(figures.carried_over);
    tx.exec_one(sql.bind(figures.reserved).bind(figures.spent).bind(asked)).await?;
    Ok(budget.version + asked)
}

async fn insert(
    tx: &mut WriteTx<'_>,
    id: PostingId,
    movement: &Movement,
    details: &Details,
    after: [Option<i64>; 2],
) -> Result<(), DbError> {
    let (now, actor) = (tx.now, tx.actor().clone());
    let effective = details.effective.unwrap_or(Day(now.0.div_euclid(86_400_000_000)));
    let end = |end: &End| (end.account.code(), end.budget.map(|(id, _)| id), end.budget.map(|(_, region)| region));
    let (source, destination) = (end(&movement.source), end(&movement.destination));
    let (rate, rate_day, rate_source) = match details.rate.clone() {
        Some((rate, day, source)) => (Some(rate), Some(day), Some(source)),
        None => (None, None, None),
    };
    let row = vec![
        id.into(),
        now.into(),
        effective.into(),
        movement.kind.code().into(),
        movement.counted.code().into(),
        movement.currency.code().into(),
        movement.amount.into(),
        source.0.into(),
        source.1.into(),
        source.2.into(),
        after[0].into(),
        destination.0.into(),
        destination.1.into(),
        destination.2.into(),
        after[1].into(),
        details.transaction.into(),
        details.import.into(),
        details.reverses.into(),
        details.settles.into(),
        details.pair.into(),
        details.reason_code.clone().into(),
        details.note.clone().into(),
        rate.into(),
        rate_day.into(),
        rate_source.into(),
        details.approved.map_or(actor.kind(), |_| "person").into(),
        details.approved.map_or(actor.person(), |(_, requester)| Some(requester)).into(),
    ];
    tx.post_later(row).await
}

/// The columns of a posting that is added.
pub(super) const POSTED: &[&str] = &[
    "id",
    "at",
    "effective_date",
    "kind",
    "counted",
    "currency",
    "amount",
    "source_account",
    "source_budget_id",
    "source_region_id",
    "source_available_after",
    "destination_account",
    "destination_budget_id",
    "destination_region_id",
    "destination_available_after",
    "transaction_id",
    "import_id",
    "reverses_id",
    "settles_id",
    "pair_id",
    "reason_code",
    "note",
    "fx_rate",
    "fx_date",
    "fx_source",
    "actor_kind",
    "actor_id",
];

/// The event for one budget tells only what that budget's own region may know: the other end by its account alone.
fn event(id: PostingId, movement: &Movement, details: &Details, budget: &Budget, after: &Figures) -> Event {
    let figures = |figures: &Figures| {
        json!({
            "allocated": figures.allocated, "adjusted": figures.adjusted, "carried_over": figures.carried_over,
            "reserved": figures.reserved, "spent": figures.spent, "available": figures.available(),
        })
    };
    let detail = json!({
        "posting": id.to_string(),
        "amount": movement.amount,
        "currency": movement.currency.code(),
        "source": movement.source.account.code(),
        "destination": movement.destination.account.code(),
        "effective_date": details.effective.map(Day::iso),
        "reverses": details.reverses.map(|id| id.to_string()),
        "settles": details.settles.map(|id| id.to_string()),
        "transaction": details.transaction.map(|id| id.to_string()),
        "import": details.import.map(|id| id.to_string()),
        "reason_code": details.reason_code,
        "approval": details.approved.map(|(id, _)| id.to_string()),
        "asked_by": details.approved.map(|(_, requester)| requester.to_string()),
        "note": details.note,
        "rate": details.rate.as_ref().map(|(rate, day, source)| json!({"rate": rate, "day": day.iso(), "source": source})),
    });
    let event = Event::new(action(movement.kind), "budget", budget.id, Some(budget.region));
    event.change(figures(&budget.figures), figures(after)).detail(detail)
}

fn action(kind: PostingKind) -> &'static str {
    match kind {
        PostingKind::Allocation => "budget.allocated",
        PostingKind::Adjustment => "budget.adjusted",
        PostingKind::Transfer => "budget.transferred",
        PostingKind::Reserve => "budget.reserved",
        PostingKind::Commit => "budget.committed",
        PostingKind::Void => "budget.voided",
        PostingKind::Spend => "budget.spent",
        PostingKind::Refund => "budget.refunded",
        PostingKind::ExpiryReturn => "budget.expiry_returned",
        PostingKind::CarryOver => "budget.carried_over",
        PostingKind::Reversal => "budget.reversed",
    }
}
