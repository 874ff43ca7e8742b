//! Imports in the store: the run of a file, its pieces, its refused rows, and the mappings kept for the next file.
//!
//! A run's `version` is its fence: whoever works on it has counted it up, and every write of the work names the version. A run that was
//! withdrawn, or taken over after a crash, refuses the writes of whoever worked on it before.

use super::db::{Arg, Reader, Sql};
use super::failure::{DbError, Failure};
use super::writer::WriteTx;
use crate::domain::access::Scope;
use crate::domain::id::{ImportId, MappingId, RegionId, SourceId, UserId};
use crate::domain::time::Instant;

/// Size of one piece of an uploaded file, in bytes.
pub const PIECE: usize = 256 << 10;

/// A source of transactions.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Source {
    /// Its id.
    pub id: SourceId,
    /// Its name, unique whatever the case.
    pub name: String,
}

/// An import as it is kept.
#[derive(Clone, Debug, sqlx::FromRow)]
#[expect(missing_docs, reason = "the columns are those of migrations/0004_transactions.sql, with the names of source and person")]
pub struct ImportRow {
    pub no: i64,
    pub id: ImportId,
    pub source_id: SourceId,
    pub source_name: String,
    pub person_id: Option<UserId>,
    pub person_name: Option<String>,
    pub file_name: String,
    pub file_bytes: i64,
    pub file_sha256: Option<Vec<u8>>,
    pub state: String,
    pub mapping: String,
    pub mode: String,
    pub rows_read: i64,
    pub rows_created: i64,
    pub rows_changed: i64,
    pub rows_unchanged: i64,
    pub rows_refused: i64,
    pub report: String,
    pub failure: String,
    pub version: i64,
    pub created_at: Instant,
    pub finished_at: Option<Instant>,
}

/// What an [`ImportRow`] is made of.
pub(super) const COLUMNS: &str = "i.no, i.id, i.source_id, s.name AS source_name, i.person_id, p.name AS person_name, i.file_name, i.file_bytes, \
    i.file_sha256, i.state, i.mapping, i.mode, i.rows_read, i.rows_created, i.rows_changed, i.rows_unchanged, i.rows_refused, i.report, \
    i.failure, i.version, i.created_at, i.finished_at";
const FROM: &str = " FROM import_run i";
/// Those of source and person, to be joined to the run `i`.
pub(super) const NAMES: &str = " JOIN source s ON s.id = i.source_id LEFT JOIN person p ON p.id = i.person_id";

/// How many rows of a file went which way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Counts {
    /// Rows below the header.
    pub read: i64,
    /// New ones.
    pub created: i64,
    /// Known, and different.
    pub changed: i64,
    /// Known, and the same.
    pub unchanged: i64,
    /// Not taken.
    pub refused: i64,
}

/// A refused row, with its columns as they stood in the file.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct RefusedRow {
    /// Its line, counted from 1.
    pub line: i64,
    /// The stable word of its first fault.
    pub code: String,
    /// The key of the field it belongs to; empty for the row as a whole.
    pub field: String,
    /// Every fault, in words.
    pub message: String,
    /// Its cells, a JSON list of texts.
    pub original: String,
}

/// A saved mapping.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct SavedMapping {
    /// Its id.
    pub id: MappingId,
    /// The source it belongs to.
    pub source_id: SourceId,
    /// Its name, unique within the source.
    pub name: String,
    /// The mapping as JSON.
    pub body: String,
    /// Counts changes.
    pub version: i64,
}

/// Adds a source of transactions.
pub async fn insert_source(tx: &mut WriteTx<'_>, id: SourceId, name: &str) -> Result<(), Failure> {
    let now = tx.now;
    tx.exec_one(Sql::new("INSERT INTO source (id, name, created_at) VALUES ($1, $2, $3)").bind(id).bind(name.to_owned()).bind(now)).await
}

/// Every source, by name. Sources belong to the organisation, not to a region.
pub async fn sources(reader: &mut impl Reader) -> Result<Vec<Source>, DbError> {
    reader.all(Sql::new("SELECT id, name FROM source ORDER BY lower(name)")).await
}

/// A source by its name, whatever the case.
pub async fn source_named(reader: &mut impl Reader, name: &str) -> Result<Option<Source>, DbError> {
    reader.one(Sql::new("SELECT id, name FROM source WHERE lower(name) = lower($1)").bind(name.to_owned())).await
}

/// What is known of a file when its import begins.
#[derive(Clone, Debug)]
pub struct NewImport {
    /// Its id.
    pub id: ImportId,
    /// Where its rows come from.
    pub source: SourceId,
    /// What the person's machine calls it; never used as a path.
    pub file_name: String,
    /// Its size.
    pub bytes: i64,
    /// Its hash.
    pub sha256: [u8; 32],
    /// `uploading`, or `mapping` where the file is not kept in pieces.
    pub state: &'static str,
}

/// Begins an import.
pub async fn insert(tx: &mut WriteTx<'_>, new: &NewImport, mapping: String) -> Result<(), Failure> {
    let (now, person) = (tx.now, tx.actor().person());
    let sql = Sql::new(
        "INSERT INTO import_run (id, source_id, person_id, file_name, file_bytes, file_sha256, state, mapping, created_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
    );
    let sql = sql.bind(new.id).bind(new.source).bind(person).bind(new.file_name.clone()).bind(new.bytes).bind(new.sha256);
    tx.exec_one(sql.bind(new.state).bind(mapping).bind(now)).await
}

/// Begins an import of rows that are written next, hidden until [`finish`]; its number.
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
    insert_regions(tx, id, regions).await?;
    Ok(())
}

/// Notes the regions an import touched.
pub async fn insert_regions(tx: &mut WriteTx<'_>, id: ImportId, regions: &[RegionId]) -> Result<(), DbError> {
    let rows = regions.iter().map(|region| -> Vec<Arg> { vec![id.into(), (*region).into()] });
    tx.insert_many("import_region", &["import_id", "region_id"], Box::new(rows)).await
}

/// Keeps one piece of the file.
pub async fn insert_piece(tx: &mut WriteTx<'_>, id: ImportId, piece: i64, bytes: Vec<u8>) -> Result<(), Failure> {
    tx.exec_one(Sql::new("INSERT INTO import_piece (import_id, piece, bytes) VALUES ($1, $2, $3)").bind(id).bind(piece).bind(bytes)).await
}

/// One piece of the file; `None` past the end.
pub async fn piece(reader: &mut impl Reader, id: ImportId, piece: i64) -> Result<Option<Vec<u8>>, DbError> {
    let sql = Sql::new("SELECT bytes FROM import_piece WHERE import_id = $1 AND piece = $2").bind(id).bind(piece);
    Ok(reader.one::<(Vec<u8>,)>(sql).await?.map(|row| row.0))
}

/// Forgets pieces of the file, at most `most`; how many there were.
pub async fn delete_pieces(tx: &mut WriteTx<'_>, id: ImportId, most: i64) -> Result<u64, DbError> {
    let sql = Sql::new(
        "DELETE FROM import_piece WHERE import_id = $1 AND piece IN \
         (SELECT piece FROM import_piece WHERE import_id = $1 ORDER BY piece LIMIT $2)",
    );
    tx.exec(sql.bind(id).bind(most)).await
}

/// Forgets an import that never came whole. Its pieces are gone already.
pub async fn delete(tx: &mut WriteTx<'_>, id: ImportId) -> Result<(), DbError> {
    tx.exec(Sql::new("DELETE FROM import_run WHERE id = $1 AND state = 'uploading'").bind(id)).await?;
    Ok(())
}

/// Appends the condition under which a person sees an import: her own; a finished one, of which every region lies in her scope; all,
/// where her scope is the whole organisation.
fn visible(sql: &mut Sql, scope: &Scope, person: Option<UserId>) {
    if scope.is_whole() {
        sql.push("1 = 1");
        return;
    }
    sql.push("(i.person_id = ").push_bind(person);
    sql.push(
        " OR (i.state = 'done' AND EXISTS (SELECT 1 FROM import_region r WHERE r.import_id = i.id) \
         AND NOT EXISTS (SELECT 1 FROM import_region r WHERE r.import_id = i.id AND r.region_id NOT IN (",
    );
    // NOT IN over NULL is never true: an empty scope must see nothing.
    if scope.regions().len() == 0 {
        sql.push_bind(uuid::Uuid::nil());
    } else {
        sql.push_list(scope.regions());
    }
    sql.push("))))");
}

/// One import, where the person sees it.
pub async fn find(reader: &mut impl Reader, scope: &Scope, person: Option<UserId>, id: ImportId) -> Result<Option<ImportRow>, DbError> {
    let mut sql = Sql::default();
    sql.push("SELECT ").push(COLUMNS).push(FROM).push(NAMES).push(" WHERE i.id = ").push_bind(id).push(" AND ");
    visible(&mut sql, scope, person);
    reader.one(sql).await
}

/// One import, for a write or a job that checks who may.
pub async fn get(reader: &mut impl Reader, id: ImportId) -> Result<Option<ImportRow>, DbError> {
    let mut sql = Sql::default();
    sql.push("SELECT ").push(COLUMNS).push(FROM).push(NAMES).push(" WHERE i.id = ").push_bind(id);
    reader.one(sql).await
}

/// The imports a person sees, newest first: those before number `before`, at most `most`.
pub async fn list(
    reader: &mut impl Reader,
    scope: &Scope,
    person: Option<UserId>,
    before: Option<i64>,
    most: i64,
) -> Result<Vec<ImportRow>, DbError> {
    let mut sql = Sql::default();
    sql.push("SELECT ").push(COLUMNS).push(FROM).push(NAMES).push(" WHERE ");
    visible(&mut sql, scope, person);
    if let Some(before) = before {
        sql.push(" AND i.no < ").push_bind(before);
    }
    sql.push(" ORDER BY i.no DESC LIMIT ").push_number(most);
    reader.all(sql).await
}

/// Finished imports of the same file from the same source that the person sees, newest first.
pub async fn same_file(
    reader: &mut impl Reader,
    scope: &Scope,
    person: Option<UserId>,
    row: &ImportRow,
) -> Result<Vec<ImportRow>, DbError> {
    let mut sql = Sql::default();
    sql.push("SELECT ")
        .push(COLUMNS)
        .push(FROM)
        .push(NAMES)
        .push(" WHERE i.source_id = ")
        .push_bind(row.source_id)
        .push(" AND i.file_sha256 = ");
    sql.push_bind(row.file_sha256.clone()).push(" AND i.state = 'done' AND i.no < ").push_bind(row.no).push(" AND ");
    visible(&mut sql, scope, person);
    sql.push(" ORDER BY i.no DESC LIMIT 5");
    reader.all(sql).await
}

/// Imports that a job has to look at: being checked or written, published with changes still to apply, or given up with rows still to
/// remove.
pub async fn unfinished(reader: &mut impl Reader) -> Result<Vec<ImportRow>, DbError> {
    let mut sql = Sql::default();
    sql.push("SELECT ").push(COLUMNS).push(FROM).push(NAMES).push(
        " WHERE i.state IN ('uploading', 'checking', 'committing') \
         OR (i.state IN ('done', 'failed', 'withdrawn') AND i.finished_at IS NULL) ORDER BY i.no",
    );
    reader.all(sql).await
}

/// Whether another import of the source is being written, or has rows that are still being removed: its rows would be taken for known ones.
pub async fn source_busy(reader: &mut impl Reader, source: SourceId, but: ImportId) -> Result<bool, DbError> {
    let sql = Sql::new(
        "SELECT no FROM import_run WHERE source_id = $1 AND id <> $2 AND (state = 'committing' OR \
         (state IN ('done', 'failed', 'withdrawn') AND finished_at IS NULL)) LIMIT 1",
    );
    Ok(reader.one::<(i64,)>(sql.bind(source).bind(but)).await?.is_some())
}

/// What changes in a run; `None` leaves it as it is.
#[derive(Clone, Debug, Default)]
pub struct Change {
    /// The state.
    pub state: Option<&'static str>,
    /// Mapping and survey, as JSON.
    pub mapping: Option<String>,
    /// `all_or_nothing` or `good_rows`.
    pub mode: Option<String>,
    /// Report or progress, as JSON.
    pub report: Option<String>,
    /// Words for a person.
    pub failure: Option<String>,
    /// How many rows went which way.
    pub counts: Option<Counts>,
    /// Nothing is left to do.
    pub finished: bool,
}

/// Changes a run that is still as it was read, and counts its version up unless `fence` is kept. Refused as stale otherwise.
pub async fn update(tx: &mut WriteTx<'_>, id: ImportId, version: i64, keep_fence: bool, change: &Change) -> Result<(), Failure> {
    let now = tx.now;
    let mut sql = Sql::default();
    sql.push("UPDATE import_run SET version = version + ").push_bind(i64::from(!keep_fence));
    let texts = [("mapping", &change.mapping), ("mode", &change.mode), ("report", &change.report), ("failure", &change.failure)];
    if let Some(state) = change.state {
        sql.push(", state = ").push_bind(state);
    }
    for (column, value) in texts {
        if let Some(value) = value {
            sql.push(", ").push(column).push(" = ").push_bind(value.clone());
        }
    }
    if let Some(counts) = change.counts {
        let columns = [
            ("rows_read", counts.read),
            ("rows_created", counts.created),
            ("rows_changed", counts.changed),
            ("rows_unchanged", counts.unchanged),
            ("rows_refused", counts.refused),
        ];
        for (column, count) in columns {
            sql.push(", ").push(column).push(" = ").push_bind(count);
        }
    }
    if change.finished {
        sql.push(", finished_at = ").push_bind(now);
    }
    sql.push(" WHERE id = ").push_bind(id).push(" AND version = ").push_bind(version);
    tx.exec_one(sql).await
}

/// Notes refused rows.
pub async fn insert_refusals(tx: &mut WriteTx<'_>, id: ImportId, rows: &[RefusedRow]) -> Result<(), DbError> {
    let columns = &["import_id", "line", "code", "field", "message", "original"];
    let values = rows.iter().map(|row| -> Vec<Arg> {
        let (field, message) = (row.field.clone().into(), row.message.clone().into());
        vec![id.into(), row.line.into(), row.code.clone().into(), field, message, row.original.clone().into()]
    });
    tx.insert_many("import_refusal", columns, Box::new(values)).await
}

/// Forgets refused rows, at most `most`; how many there were.
pub async fn delete_refusals(tx: &mut WriteTx<'_>, id: ImportId, most: i64) -> Result<u64, DbError> {
    let sql = Sql::new(
        "DELETE FROM import_refusal WHERE import_id = $1 AND line IN \
         (SELECT line FROM import_refusal WHERE import_id = $1 ORDER BY line LIMIT $2)",
    );
    tx.exec(sql.bind(id).bind(most)).await
}

/// Refused rows after line `after`, in the file's order.
pub async fn refusals(reader: &mut impl Reader, id: ImportId, after: i64, most: i64) -> Result<Vec<RefusedRow>, DbError> {
    let sql = Sql::new(
        "SELECT line, code, field, message, original FROM import_refusal WHERE import_id = $1 AND line > $2 ORDER BY line LIMIT $3",
    );
    reader.all(sql.bind(id).bind(after).bind(most)).await
}

/// The mappings of a source, the one used last first.
pub async fn mappings(reader: &mut impl Reader, source: SourceId) -> Result<Vec<SavedMapping>, DbError> {
    let sql = Sql::new("SELECT id, source_id, name, body, version FROM mapping WHERE source_id = $1 ORDER BY updated_at DESC, lower(name)");
    reader.all(sql.bind(source)).await
}

/// Saves a mapping under a name, over the one that has it.
pub async fn put_mapping(tx: &mut WriteTx<'_>, id: MappingId, source: SourceId, name: &str, body: &str) -> Result<(), DbError> {
    let now = tx.now;
    let sql =
        Sql::new("UPDATE mapping SET body = $3, version = version + 1, updated_at = $4 WHERE source_id = $1 AND lower(name) = lower($2)");
    if tx.exec(sql.bind(source).bind(name.to_owned()).bind(body.to_owned()).bind(now)).await? > 0 {
        return Ok(());
    }
    let sql = Sql::new("INSERT INTO mapping (id, source_id, name, body, updated_at) VALUES ($1, $2, $3, $4, $5)");
    tx.exec(sql.bind(id).bind(source).bind(name.to_owned()).bind(body.to_owned()).bind(now)).await?;
    Ok(())
}
