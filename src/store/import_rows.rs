//! The rows of an import in the store: what is known already, and what is taken back when an import does not finish.

use super::db::{Reader, Sql};
use super::failure::DbError;
use super::transaction_detail::{COLUMNS, TransactionRow};
use super::writer::WriteTx;
use super::{import_changes, recipients, transaction_search, transactions};
use crate::domain::access::Scope;
use crate::domain::id::{RecipientId, RegionId, SourceId, TransactionId};

/// Values in one `IN (…)`.
const MOST_KEYS: usize = 500;

/// What is known of a row that was loaded before.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct Known {
    /// The transaction.
    pub id: TransactionId,
    /// By what it is known.
    pub row_key: Vec<u8>,
    /// By what it is known to be unchanged.
    pub content_hash: Vec<u8>,
    /// Where it is.
    pub region_id: RegionId,
}

/// Whether the source has any row at all.
pub async fn any(reader: &mut impl Reader, source: SourceId) -> Result<bool, DbError> {
    let sql = Sql::new("SELECT no FROM reward_transaction WHERE source_id = $1 LIMIT 1").bind(source);
    Ok(reader.one::<(i64,)>(sql).await?.is_some())
}

/// What is known under these keys in the regions of the scope. What lies outside is not looked up: whether it is there is nobody's business.
pub async fn known(reader: &mut impl Reader, scope: &Scope, source: SourceId, keys: &[Vec<u8>]) -> Result<Vec<Known>, DbError> {
    let mut all = Vec::new();
    for part in keys.chunks(MOST_KEYS) {
        let mut sql = Sql::new("SELECT id, row_key, content_hash, region_id FROM reward_transaction WHERE source_id = $1 AND row_key IN (")
            .bind(source);
        sql.push_list(part.iter().cloned()).push(")");
        // The whole organisation is every region there is: naming them all would only make the index search longer.
        if !scope.is_whole() {
            sql.push(" AND region_id IN (").push_list(scope.regions()).push(")");
        }
        all.append(&mut reader.all(sql).await?);
    }
    Ok(all)
}

/// These rows, of the regions of the scope.
pub async fn stored(reader: &mut impl Reader, scope: &Scope, ids: &[TransactionId]) -> Result<Vec<TransactionRow>, DbError> {
    let mut all = Vec::new();
    for part in ids.chunks(MOST_KEYS) {
        let mut sql = Sql::default();
        sql.push("SELECT ").push(COLUMNS).push(" FROM reward_transaction t WHERE t.id IN (").push_list(part.iter().copied());
        sql.push(") AND ").push(transactions::REGION_BESIDE).push(" IN (").push_list(scope.regions()).push(")");
        all.append(&mut reader.all(sql).await?);
    }
    Ok(all)
}

/// The number of the newest row of all: what an import writes comes after it.
pub async fn last_no(reader: &mut impl Reader) -> Result<i64, DbError> {
    let row: Option<(i64,)> = reader.one(Sql::new("SELECT no FROM reward_transaction ORDER BY no DESC LIMIT 1")).await?;
    Ok(row.map_or(0, |row| row.0))
}

/// Takes back rows of an import that were never seen, from number `after` on, at most `most` of them; the number of the last one, `None`
/// when nothing is left.
pub async fn remove(tx: &mut WriteTx<'_>, import_no: i64, after: i64, most: i64) -> Result<Option<i64>, DbError> {
    let sql = Sql::new("SELECT no, recipient_id FROM reward_transaction WHERE no > $1 AND import_no = $2 ORDER BY no LIMIT $3");
    let rows: Vec<(i64, Option<RecipientId>)> = tx.all(sql.bind(after).bind(import_no).bind(most)).await?;
    let Some(last) = rows.last().map(|row| row.0) else {
        if import_changes::forget(tx, import_no, most).await? {
            return Ok(Some(after));
        }
        tx.exec(Sql::new("DELETE FROM rollup WHERE import_no = $1").bind(import_no)).await?;
        // Numbers at the end may be given out again: the search index must not take them for indexed.
        let newest = last_no(tx).await?;
        tx.exec(Sql::new("UPDATE search_progress SET indexed_no = $1 WHERE indexed_no > $1").bind(newest)).await?;
        return Ok(None);
    };
    let numbers: Vec<i64> = rows.iter().map(|row| row.0).collect();
    let mut sql = Sql::new("DELETE FROM reward_transaction WHERE no IN (");
    sql.push_list(numbers.iter().copied()).push(")");
    tx.exec(sql).await?;
    transaction_search::changed(tx, &numbers).await?;
    let mut people: Vec<RecipientId> = rows.iter().filter_map(|row| row.1).collect();
    people.sort_unstable();
    people.dedup();
    recipients::forget_unused(tx, &people).await?;
    Ok(Some(last))
}
