//! Imports in the store.

use super::db::Sql;
use super::failure::Failure;
use super::writer::WriteTx;
use crate::domain::id::{ImportId, RegionId, SourceId};

/// Adds a source of transactions.
pub async fn insert_source(tx: &mut WriteTx<'_>, id: SourceId, name: &str) -> Result<(), Failure> {
    let now = tx.now;
    tx.exec_one(Sql::new("INSERT INTO source (id, name, created_at) VALUES ($1, $2, $3)").bind(id).bind(name.to_owned()).bind(now)).await
}

/// Begins an import of a file whose rows are written next, hidden until [`finish`]; its number.
pub async fn insert_committing(tx: &mut WriteTx<'_>, id: ImportId, source: SourceId, file_name: &str) -> Result<i64, Failure> {
    let (now, person) = (tx.now, tx.actor().person());
    let sql = Sql::new(
        "INSERT INTO import_run (id, source_id, person_id, file_name, state, mode, created_at) \
         VALUES ($1, $2, $3, $4, 'committing', 'good_rows', $5) RETURNING no",
    );
    let row: Option<(i64,)> = tx.exec_returning(sql.bind(id).bind(source).bind(person).bind(file_name.to_owned()).bind(now)).await?;
    Ok(row.map_or(0, |row| row.0))
}

/// Makes an import's rows seen, all at once.
pub async fn finish(tx: &mut WriteTx<'_>, id: ImportId, read: i64, created: i64, regions: &[RegionId]) -> Result<(), Failure> {
    let now = tx.now;
    let sql = Sql::new(
        "UPDATE import_run SET state = 'done', rows_read = $2, rows_created = $3, finished_at = $4 WHERE id = $1 AND state = 'committing'",
    );
    tx.exec_one(sql.bind(id).bind(read).bind(created).bind(now)).await?;
    let rows = regions.iter().map(|region| vec![id.into(), (*region).into()]).collect();
    tx.insert_many("import_region", &["import_id", "region_id"], rows).await?;
    Ok(())
}
