//! What the overview shows: counts and sums from the rollup and the budgets, never from the transactions themselves.

use uuid::Uuid;

use super::db::{Reader, Sql};
use super::failure::DbError;
use super::ledger::{BUDGET_COLUMNS, BudgetRow};
use super::sql::whole;
use super::transactions::{Hidden, counted};
use crate::domain::access::Scope;
use crate::domain::id::{BudgetId, UserId};
use crate::domain::time::Day;

/// How many transactions in scope have failed to be delivered, and how many belong to no budget.
pub async fn loose_ends(reader: &mut impl Reader, scope: &Scope, hidden: &Hidden) -> Result<(i64, i64), DbError> {
    let mut sql = Sql::default();
    sql.push("SELECT CAST(coalesce(sum(CASE WHEN u.delivery_status = 'failed' THEN u.transactions ELSE 0 END), 0) AS BIGINT), ");
    sql.push("CAST(coalesce(sum(CASE WHEN u.budget_key = ").push_bind(Uuid::nil());
    sql.push(" THEN u.transactions ELSE 0 END), 0) AS BIGINT) FROM rollup u WHERE u.region_id IN (").push_list(scope.regions()).push(")");
    counted(&mut sql, "u", hidden);
    Ok(reader.one::<(i64, i64)>(sql).await?.unwrap_or_default())
}

/// How many transactions there are in scope.
pub async fn transactions(reader: &mut impl Reader, scope: &Scope, hidden: &Hidden) -> Result<i64, DbError> {
    let mut sql = Sql::new("SELECT CAST(coalesce(sum(u.transactions), 0) AS BIGINT) FROM rollup u WHERE u.region_id IN (");
    sql.push_list(scope.regions()).push(")");
    counted(&mut sql, "u", hidden);
    Ok(reader.one::<(i64,)>(sql).await?.unwrap_or_default().0)
}

/// Transactions by currency and month of issue, of the organisation's zone, from a month on: (currency, first day of the month, how many, minor
/// units, which 64 bits need not hold).
pub async fn by_month(
    reader: &mut impl Reader,
    scope: &Scope,
    hidden: &Hidden,
    from: Day,
) -> Result<Vec<(String, Day, i64, i128)>, DbError> {
    let mut sql = Sql::new("SELECT u.currency_code, u.month, CAST(sum(u.transactions) AS BIGINT), ");
    sql.push_sum("u.amount").push(" FROM rollup u WHERE u.region_id IN (");
    sql.push_list(scope.regions()).push(") AND u.month >= ").push_bind(from);
    counted(&mut sql, "u", hidden);
    sql.push(" GROUP BY u.currency_code, u.month ORDER BY u.currency_code, u.month");
    let rows: Vec<(String, Day, i64, i64, i64)> = reader.all(sql).await?;
    Ok(rows.into_iter().map(|(currency, month, count, upper, lower)| (currency, month, count, whole(upper, lower))).collect())
}

/// The budgets in scope that are in use or being prepared.
pub async fn open_budgets(reader: &mut impl Reader, scope: &Scope) -> Result<Vec<BudgetRow>, DbError> {
    let mut sql = Sql::default();
    sql.push("SELECT ").push(BUDGET_COLUMNS).push(" FROM budget WHERE status <> 'closed' AND region_id IN (").push_list(scope.regions());
    sql.push(") ORDER BY lower(name), id");
    reader.all(sql).await
}

/// How many of a person's imports wait for her: for the columns to be mapped, or for the word to go.
pub async fn waiting_imports(reader: &mut impl Reader, person: UserId) -> Result<i64, DbError> {
    let sql = Sql::new("SELECT count(*) FROM import_run WHERE person_id = $1 AND state IN ('mapping', 'checked')");
    Ok(reader.one::<(i64,)>(sql.bind(person)).await?.map_or(0, |row| row.0))
}

/// What there is at all: (regions, people, budgets, finished imports). For the task list after the first set-up.
pub async fn what_there_is(reader: &mut impl Reader) -> Result<(i64, i64, i64, i64), DbError> {
    let sql = Sql::new(
        "SELECT (SELECT count(*) FROM region), (SELECT count(*) FROM person), (SELECT count(*) FROM budget), \
         (SELECT count(*) FROM import_run WHERE state = 'done')",
    );
    Ok(reader.one::<(i64, i64, i64, i64)>(sql).await?.unwrap_or_default())
}

/// The names of budgets in scope, for lists that point at them.
pub async fn budget_names(reader: &mut impl Reader, scope: &Scope, ids: &[BudgetId]) -> Result<Vec<(BudgetId, String)>, DbError> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let mut sql = Sql::new("SELECT id, name FROM budget WHERE region_id IN (");
    sql.push_list(scope.regions()).push(") AND id IN (").push_list(ids.iter().copied()).push(")");
    reader.all(sql).await
}
