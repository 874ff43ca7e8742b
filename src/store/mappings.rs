//! Saved mappings, one by one, and where the budgets lie that their rules lead to.

use std::collections::HashMap;

use super::db::{Reader, Sql};
use super::failure::{DbError, Failure};
use super::imports::SavedMapping;
use super::writer::WriteTx;
use crate::domain::id::{BudgetId, MappingId, RegionId, SourceId};

/// Budgets in one `IN (…)`.
const MOST_IDS: usize = 500;

const COLUMNS: &str = "id, source_id, name, body, version FROM mapping";

/// One saved mapping. Sources and the names of their mappings belong to the organisation; the rules in one are for the caller to sift.
pub async fn find(reader: &mut impl Reader, id: MappingId) -> Result<Option<SavedMapping>, DbError> {
    let mut sql = Sql::default();
    sql.push("SELECT ").push(COLUMNS).push(" WHERE id = ").push_bind(id);
    reader.one(sql).await
}

/// The mapping of this name, whatever the case.
pub async fn named(reader: &mut impl Reader, source: SourceId, name: &str) -> Result<Option<SavedMapping>, DbError> {
    let mut sql = Sql::default();
    sql.push("SELECT ").push(COLUMNS).push(" WHERE source_id = ").push_bind(source);
    sql.push(" AND lower(name) = lower(").push_bind(name.to_owned()).push(")");
    reader.one(sql).await
}

/// Every saved mapping, by name, each source's together.
pub async fn all(reader: &mut impl Reader) -> Result<Vec<SavedMapping>, DbError> {
    let mut sql = Sql::default();
    sql.push("SELECT ").push(COLUMNS).push(" ORDER BY source_id, lower(name)");
    reader.all(sql).await
}

/// Gives a mapping another name, if it is still as it was read.
pub async fn rename(tx: &mut WriteTx<'_>, id: MappingId, version: i64, name: &str) -> Result<(), Failure> {
    let now = tx.now;
    let sql = Sql::new("UPDATE mapping SET name = $3, version = version + 1, updated_at = $4 WHERE id = $1 AND version = $2");
    tx.exec_one(sql.bind(id).bind(version).bind(name.to_owned()).bind(now)).await
}

/// Removes a mapping, if it is still as it was read. What was imported with it stays.
pub async fn remove(tx: &mut WriteTx<'_>, id: MappingId, version: i64) -> Result<(), Failure> {
    tx.exec_one(Sql::new("DELETE FROM mapping WHERE id = $1 AND version = $2").bind(id).bind(version)).await
}

/// In which region each of these budgets lies: what decides whether somebody may be told of a rule that leads to it.
pub async fn homes(reader: &mut impl Reader, budgets: &[BudgetId]) -> Result<HashMap<BudgetId, RegionId>, DbError> {
    let mut homes = HashMap::with_capacity(budgets.len());
    for part in budgets.chunks(MOST_IDS) {
        let mut sql = Sql::new("SELECT id, region_id FROM budget WHERE id IN (");
        sql.push_list(part.iter().copied()).push(")");
        homes.extend(reader.all::<(BudgetId, RegionId)>(sql).await?);
    }
    Ok(homes)
}
