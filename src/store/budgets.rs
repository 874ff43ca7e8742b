//! Budgets in the store: lists, sums, attributes and their versions. Their money moves in `ledger`.

use super::db::{Reader, Sql};
use super::failure::{DbError, Failure};
use super::ledger::{BUDGET_COLUMNS, BudgetRow};
use super::regions;
use super::writer::WriteTx;
use crate::domain::access::Scope;
use crate::domain::budget::BudgetStatus;
use crate::domain::currency::Currency;
use crate::domain::id::{BudgetId, RegionId, UserId};
use crate::domain::refusal::Refusal;
use crate::domain::time::{Day, Instant};

/// Which budgets: every field narrows, several values in one mean "or".
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// In one of these statuses.
    pub statuses: Vec<BudgetStatus>,
    /// In one of these currencies.
    pub currencies: Vec<Currency>,
    /// With a period that this day lies in.
    pub on: Option<Day>,
    /// Of this owner.
    pub owner: Option<UserId>,
    /// With this text in the name, without regard to case.
    pub text: String,
}

fn filter(sql: &mut Sql, scope: &Scope, wanted: &Wanted) {
    sql.push("b.region_id IN (").push_list(scope.regions()).push(")");
    if !wanted.statuses.is_empty() {
        sql.push(" AND b.status IN (").push_list(wanted.statuses.iter().map(|status| status.code())).push(")");
    }
    if !wanted.currencies.is_empty() {
        sql.push(" AND b.currency IN (").push_list(wanted.currencies.iter().map(|currency| currency.code())).push(")");
    }
    if let Some(day) = wanted.on {
        sql.push(" AND b.period_start <= ").push_bind(day);
        sql.push(" AND b.period_end >= ").push_bind(day);
    }
    if let Some(owner) = wanted.owner {
        sql.push(" AND b.owner_id = ").push_bind(owner);
    }
    if !wanted.text.is_empty() {
        let escaped = wanted.text.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_");
        sql.push(" AND lower(b.name) LIKE lower(").push_bind(format!("%{escaped}%")).push(") ESCAPE '\\'");
    }
}

/// Every budget in scope that matches, by name. Lists need all of them: for sums, and for an order by what follows from several figures.
pub async fn matching(reader: &mut impl Reader, scope: &Scope, wanted: &Wanted) -> Result<Vec<BudgetRow>, DbError> {
    let mut sql = Sql::default();
    sql.push("SELECT ").push(BUDGET_COLUMNS).push(" FROM budget b WHERE ");
    filter(&mut sql, scope, wanted);
    sql.push(" ORDER BY lower(b.name), b.id");
    reader.all(sql).await
}

/// One budget, whoever asks: for a rule that checks the permission in its region next.
pub async fn get(reader: &mut impl Reader, id: BudgetId) -> Result<BudgetRow, Failure> {
    let mut sql = Sql::default();
    sql.push("SELECT ").push(BUDGET_COLUMNS).push(" FROM budget WHERE id = ").push_bind(id);
    Ok(reader.one(sql).await?.ok_or(Refusal::NotFound)?)
}

/// A budget with what its region says of it.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct Placed {
    /// The budget.
    #[sqlx(flatten)]
    pub row: BudgetRow,
    /// Its region's name.
    pub region_name: String,
    /// Its region's time zone, an IANA name.
    pub region_time_zone: String,
    /// `active` or `retired`.
    pub region_status: String,
}

impl Placed {
    /// The region's zone for calendar work.
    pub fn zone(&self) -> chrono_tz::Tz {
        regions::zone(&self.region_time_zone)
    }

    /// Whether the region takes anything new.
    pub fn takes_new(&self) -> bool {
        regions::is_active(&self.region_status)
    }
}

/// As [`get`], with its region, in one question.
pub async fn placed(reader: &mut impl Reader, id: BudgetId) -> Result<Placed, Failure> {
    let mut sql = Sql::default();
    sql.push("SELECT ")
        .push(BUDGET_COLUMNS)
        .push(", region_name, region_time_zone, region_status FROM budget JOIN (SELECT id AS region_key, ");
    sql.push("name AS region_name, time_zone AS region_time_zone, status AS region_status FROM region) place ON region_key = region_id");
    sql.push(" WHERE id = ").push_bind(id);
    Ok(reader.one(sql).await?.ok_or(Refusal::NotFound)?)
}

/// The owners of the budgets in scope, for a filter.
pub async fn owners(reader: &mut impl Reader, scope: &Scope) -> Result<Vec<(UserId, String)>, DbError> {
    let mut sql = Sql::default();
    sql.push("SELECT p.id, p.name FROM person p WHERE p.id IN (SELECT b.owner_id FROM budget b WHERE b.region_id IN (");
    sql.push_list(scope.regions()).push(")) ORDER BY lower(p.name), p.id");
    reader.all(sql).await
}

/// Budgets of one region and currency whose period begins after `day`: where what is left may be carried over to.
pub async fn following(reader: &mut impl Reader, region: RegionId, currency: &str, day: Day) -> Result<Vec<BudgetRow>, DbError> {
    let mut sql = Sql::default();
    sql.push("SELECT ").push(BUDGET_COLUMNS).push(" FROM budget WHERE region_id = ").push_bind(region);
    sql.push(" AND currency = ").push_bind(currency.to_owned()).push(" AND period_start > ").push_bind(day);
    sql.push(" AND status <> 'closed' ORDER BY period_start, lower(name) LIMIT 100");
    reader.all(sql).await
}

/// Whether another budget of the region has the name for a period that overlaps.
pub async fn name_taken(
    reader: &mut impl Reader,
    region: RegionId,
    name: &str,
    (start, end): (Day, Day),
    but: Option<BudgetId>,
) -> Result<bool, DbError> {
    let sql = Sql::new(
        "SELECT id FROM budget WHERE region_id = $1 AND lower(name) = lower($2) AND period_start <= $3 AND period_end >= $4 LIMIT 2",
    );
    let rows: Vec<(BudgetId,)> = reader.all(sql.bind(region).bind(name.to_owned()).bind(end).bind(start)).await?;
    Ok(rows.iter().any(|row| Some(row.0) != but))
}

/// Inserts a budget without money; its figures come by postings.
pub async fn insert(tx: &mut WriteTx<'_>, row: &BudgetRow) -> Result<(), Failure> {
    let sql = Sql::new(
        "INSERT INTO budget (id, region_id, name, currency, period_start, period_end, owner_id, cost_centre, status, version, previous_id, \
         created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
    );
    let sql = sql.bind(row.id).bind(row.region_id).bind(row.name.clone()).bind(row.currency.clone()).bind(row.period_start);
    let sql = sql.bind(row.period_end).bind(row.owner_id).bind(row.cost_centre.clone()).bind(row.status.clone());
    tx.exec_one(sql.bind(row.version).bind(row.previous_id).bind(row.created_at)).await?;
    keep_version(tx, row).await
}

/// Writes a budget's own attributes as the next version, unless someone changed it since `row.version` was read; the version afterwards.
pub async fn update(tx: &mut WriteTx<'_>, row: &BudgetRow) -> Result<i64, Failure> {
    let sql = Sql::new(
        "UPDATE budget SET name = $3, period_start = $4, period_end = $5, owner_id = $6, cost_centre = $7, status = $8, version = version + 1 \
         WHERE id = $1 AND version = $2",
    );
    let sql = sql.bind(row.id).bind(row.version).bind(row.name.clone()).bind(row.period_start).bind(row.period_end);
    tx.exec_one(sql.bind(row.owner_id).bind(row.cost_centre.clone()).bind(row.status.clone())).await?;
    let next = BudgetRow { version: row.version + 1, ..row.clone() };
    keep_version(tx, &next).await?;
    Ok(next.version)
}

/// The attributes of a budget as its versions and the audit trail keep them.
pub fn attributes(row: &BudgetRow) -> serde_json::Value {
    serde_json::json!({
        "name": row.name,
        "period_start": row.period_start.iso(),
        "period_end": row.period_end.iso(),
        "owner": row.owner_id.map(|owner| owner.to_string()),
        "cost_centre": row.cost_centre,
        "status": row.status,
    })
}

async fn keep_version(tx: &mut WriteTx<'_>, row: &BudgetRow) -> Result<(), Failure> {
    let sql =
        Sql::new("INSERT INTO budget_version (budget_id, version, at, actor_kind, actor_id, attributes) VALUES ($1, $2, $3, $4, $5, $6)");
    let (now, kind, person) = (tx.now, tx.actor().kind(), tx.actor().person());
    tx.exec_one(sql.bind(row.id).bind(row.version).bind(now).bind(kind).bind(person).bind(attributes(row).to_string())).await
}

/// One version of a budget's own attributes.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct Version {
    /// Its number; numbers between two versions are money that moved.
    pub version: i64,
    /// Since when.
    pub at: Instant,
    /// `person` or `system`.
    pub actor_kind: String,
    /// Who made it.
    pub actor_id: Option<UserId>,
    /// [`attributes`] as text.
    pub attributes: String,
}

/// The versions of a budget in scope, newest first, those after `version`.
pub async fn versions(reader: &mut impl Reader, scope: &Scope, id: BudgetId, version: i64) -> Result<Vec<Version>, DbError> {
    let mut sql = Sql::default();
    sql.push("SELECT v.version, v.at, v.actor_kind, v.actor_id, v.attributes FROM budget_version v JOIN budget b ON b.id = v.budget_id ");
    sql.push("WHERE b.region_id IN (").push_list(scope.regions()).push(") AND v.budget_id = ").push_bind(id);
    sql.push(" AND v.version > ").push_bind(version).push(" ORDER BY v.version DESC LIMIT 200");
    reader.all(sql).await
}

/// The names of those of these budgets that lie in scope. One that is missing here is not to be named.
pub async fn names(
    reader: &mut impl Reader,
    scope: &Scope,
    ids: &[BudgetId],
) -> Result<std::collections::HashMap<BudgetId, String>, DbError> {
    let mut sql = Sql::default();
    sql.push("SELECT id, name FROM budget WHERE region_id IN (").push_list(scope.regions()).push(") AND id IN (");
    sql.push_list(ids.iter().copied()).push(")");
    Ok(reader.all::<(BudgetId, String)>(sql).await?.into_iter().collect())
}
