//! Checkpoints in the store: the keys that signed, what they signed, where it was noted outside; and the postings' digest.

use super::db::{Reader, Sql};
use super::failure::{DbError, Failure};
use super::postings::{POSTING_COLUMNS, PostingRow};
use super::writer::WriteTx;
use crate::domain::audit::Hash;
use crate::domain::id::BudgetId;
use crate::domain::proof::checkpoint::Checkpoint;
use crate::domain::proof::merkle::Tree;
use crate::domain::proof::postings::{self, Field, id};
use crate::domain::time::Instant;

/// A checkpoint as it is kept. Only `note` was signed; the rest are copies of it, and where to go on from.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct CheckpointRow {
    /// How many events it covers.
    pub size: i64,
    /// When it was made.
    pub at: Instant,
    /// The hash of the tree.
    pub root: Vec<u8>,
    /// The chain value of the last event.
    pub chain: Vec<u8>,
    /// The tree's peaks.
    pub peaks: Vec<u8>,
    /// The number of the last posting then.
    pub posting_no: i64,
    /// The digest over the postings up to it.
    pub postings: Vec<u8>,
    /// The key that signed it.
    pub public_key: String,
    /// The signed note.
    pub note: String,
}

const COLUMNS: &str = "size, at, root, chain, peaks, posting_no, postings, public_key, note";

/// The newest checkpoint.
pub async fn newest(reader: &mut impl Reader) -> Result<Option<CheckpointRow>, DbError> {
    let mut sql = Sql::default();
    sql.push("SELECT ").push(COLUMNS).push(" FROM audit_checkpoint ORDER BY size DESC LIMIT 1");
    reader.one(sql).await
}

/// The next checkpoints after one of this size, in order.
pub async fn after(reader: &mut impl Reader, size: i64, most: i64) -> Result<Vec<CheckpointRow>, DbError> {
    let mut sql = Sql::default();
    sql.push("SELECT ").push(COLUMNS).push(" FROM audit_checkpoint WHERE size > ").push_bind(size);
    sql.push(" ORDER BY size LIMIT ").push_number(most);
    reader.all(sql).await
}

/// Keeps a checkpoint.
pub async fn insert(tx: &mut WriteTx<'_>, made: &Checkpoint, tree: &Tree, key: String, note: String) -> Result<(), Failure> {
    let sql = Sql::new(
        "INSERT INTO audit_checkpoint (size, at, root, chain, peaks, posting_no, postings, public_key, note) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
    );
    let sql = sql.bind(made.size).bind(made.at).bind(made.root).bind(made.chain).bind(tree.peaks());
    tx.exec_one(sql.bind(made.postings.0).bind(made.postings.1).bind(key).bind(note)).await
}

/// The key that signs now, as the trail knows it.
pub async fn key(reader: &mut impl Reader) -> Result<Option<String>, DbError> {
    let row: Option<(String,)> = reader.one(Sql::new("SELECT public_key FROM audit_key ORDER BY no DESC LIMIT 1")).await?;
    Ok(row.map(|row| row.0))
}

/// Every key that the database knows of.
pub async fn keys(reader: &mut impl Reader) -> Result<Vec<String>, DbError> {
    let rows: Vec<(String,)> = reader.all(Sql::new("SELECT public_key FROM audit_key ORDER BY no")).await?;
    Ok(rows.into_iter().map(|row| row.0).collect())
}

/// The root and the chain value of the checkpoints of these sizes.
pub async fn roots(reader: &mut impl Reader, sizes: &[i64]) -> Result<Vec<(i64, Vec<u8>, Vec<u8>)>, DbError> {
    let mut found = Vec::new();
    for sizes in sizes.chunks(500) {
        let mut sql = Sql::new("SELECT size, root, chain FROM audit_checkpoint WHERE size IN (");
        for (at, size) in sizes.iter().enumerate() {
            sql.push(if at == 0 { "" } else { ", " }).push_number(*size);
        }
        sql.push(")");
        found.extend(reader.all(sql).await?);
    }
    Ok(found)
}

/// From now on this key signs.
pub async fn insert_key(tx: &mut WriteTx<'_>, key: String) -> Result<(), Failure> {
    let now = tx.now;
    tx.exec_one(Sql::new("INSERT INTO audit_key (at, public_key) VALUES ($1, $2)").bind(now).bind(key)).await
}

/// The newest checkpoint that was noted in this place, and when.
pub async fn anchored(reader: &mut impl Reader, kind: &'static str, place: String) -> Result<Option<(i64, Instant)>, DbError> {
    let sql = Sql::new("SELECT size, at FROM audit_anchor WHERE kind = $1 AND place IN ($2, '') ORDER BY size DESC LIMIT 1");
    reader.one(sql.bind(kind).bind(place)).await
}

/// The newest checkpoint that was noted outside at all: kind, size, when.
pub async fn last_anchor(reader: &mut impl Reader) -> Result<Option<(String, i64, Instant)>, DbError> {
    reader.one(Sql::new("SELECT kind, size, at FROM audit_anchor ORDER BY size DESC, no DESC LIMIT 1")).await
}

/// Notes that a checkpoint was noted outside.
pub async fn insert_anchor(tx: &mut WriteTx<'_>, size: i64, kind: &'static str, place: String) -> Result<(), Failure> {
    let now = tx.now;
    let sql = Sql::new("INSERT INTO audit_anchor (size, kind, at, place) VALUES ($1, $2, $3, $4)");
    tx.exec_one(sql.bind(size).bind(kind).bind(now).bind(place)).await
}

/// The moment of the event after this number.
pub async fn first_after(reader: &mut impl Reader, seq: i64) -> Result<Option<Instant>, DbError> {
    let sql = Sql::new("SELECT at FROM audit_event WHERE seq > $1 ORDER BY seq LIMIT 1").bind(seq);
    Ok(reader.one::<(Instant,)>(sql).await?.map(|row| row.0))
}

/// The list of migrations, as it goes into a checkpoint.
pub async fn schema(reader: &mut impl Reader) -> Result<Vec<(i64, String)>, DbError> {
    reader.all(Sql::new("SELECT version, checksum FROM schema_migration ORDER BY version")).await
}

/// The next postings after a number, in order.
pub async fn postings_after(reader: &mut impl Reader, no: i64, most: i64) -> Result<Vec<PostingRow>, DbError> {
    let mut sql = Sql::default();
    sql.push("SELECT ").push(POSTING_COLUMNS).push(" FROM posting WHERE no > ").push_bind(no);
    sql.push(" ORDER BY no LIMIT ").push_number(most);
    reader.all(sql).await
}

/// A budget's id and its figures: allocated, adjusted, carried over, reserved, spent.
pub type Figures = (BudgetId, i64, i64, i64, i64, i64);

/// Every budget's figures, by id.
pub async fn figures(reader: &mut impl Reader) -> Result<Vec<Figures>, DbError> {
    reader.all(Sql::new("SELECT id, allocated, adjusted, carried_over, reserved, spent FROM budget ORDER BY id")).await
}

/// How many postings are read at once.
const BATCH: i64 = 1_000;

/// The number of the newest posting; 0 before the first.
pub async fn last_posting(reader: &mut impl Reader) -> Result<i64, DbError> {
    Ok(reader.one::<(i64,)>(Sql::new("SELECT no FROM posting ORDER BY no DESC LIMIT 1")).await?.map_or(0, |row| row.0))
}

/// Whether there is a posting with a number below 1: numbers begin there.
pub async fn posting_before_first(reader: &mut impl Reader) -> Result<bool, DbError> {
    Ok(reader.one::<(i64,)>(Sql::new("SELECT no FROM posting WHERE no < 1 LIMIT 1")).await?.is_some())
}

/// The digest over postings, taken on from a number for as long as `goes_on` says so of the next one and the digest with it: (the last number, the
/// digest).
pub async fn digest(
    reader: &mut impl Reader,
    from: (i64, Hash),
    mut goes_on: impl FnMut(&PostingRow, &Hash) -> bool,
) -> Result<(i64, Hash), DbError> {
    let (mut no, mut digest) = from;
    loop {
        let rows = postings_after(reader, no, BATCH).await?;
        let count = rows.len();
        for row in rows {
            let next = postings::after(&digest, &fields(&row));
            if !goes_on(&row, &next) {
                return Ok((no, digest));
            }
            (no, digest) = (row.no, next);
        }
        if (count as i64) < BATCH {
            return Ok((no, digest));
        }
    }
}

/// What of a posting goes into the digest: every column, in the order of the table.
pub fn fields(row: &PostingRow) -> [Field; 28] {
    let text = |text: &str| Some(text.to_owned());
    let number = |number: i64| Some(number.to_string());
    [
        number(row.no),
        id(row.id),
        number(row.at.0),
        number(row.effective_date.0),
        text(&row.kind),
        text(&row.counted),
        text(&row.currency),
        number(row.amount),
        text(&row.source_account),
        row.source_budget_id.and_then(id),
        row.source_region_id.and_then(id),
        row.source_available_after.and_then(number),
        text(&row.destination_account),
        row.destination_budget_id.and_then(id),
        row.destination_region_id.and_then(id),
        row.destination_available_after.and_then(number),
        row.transaction_id.and_then(id),
        row.import_id.and_then(id),
        row.reverses_id.and_then(id),
        row.settles_id.and_then(id),
        row.pair_id.and_then(id),
        row.reason_code.clone(),
        text(&row.note),
        row.fx_rate.clone(),
        row.fx_date.and_then(|day| number(day.0)),
        row.fx_source.clone(),
        text(&row.actor_kind),
        row.actor_id.and_then(id),
    ]
}
