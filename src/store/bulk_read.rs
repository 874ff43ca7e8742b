//! Reading very many rows natively, for exports: no row is kept, and what a person downloads slowly is read slowly.
//!
//! SQLite is read by a connection of its own on a blocking thread, without the detour of the async driver (five times as fast); PostgreSQL by
//! the driver's own stream. Rows come in parts that are each in order: SQLite's parts are put together here, PostgreSQL's by the server.

use std::collections::BinaryHeap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::Bytes;
use futures_util::TryStreamExt;
use rusqlite::fallible_streaming_iterator::FallibleStreamingIterator;
use rusqlite::types::{Value, ValueRef};
use rusqlite::{Connection, OpenFlags, params_from_iter};
use sqlx::postgres::{PgPool, PgRow};
use sqlx::{Row as _, ValueRef as _};
use tokio::sync::mpsc;
use uuid::Uuid;

use super::db::{Arg, Sql};
use super::db_pools::Pools;
use super::failure::DbError;

/// Bytes in one piece of a file.
const PIECE: usize = 64 * 1024;
/// Pieces that wait for the reader of the file.
const WAITING: usize = 4;
/// How long nobody may take a piece before the export ends: a snapshot that is held for ever stops the database from tidying up.
const STALLED: Duration = Duration::from_mins(2);

/// One row as it comes from the engine. Columns are counted from 0; a column of another type reads as nothing.
pub trait Fields {
    /// A number.
    fn int(&self, at: usize) -> Option<i64>;
    /// Text.
    fn text(&self, at: usize) -> Option<&str>;
    /// An id.
    fn id(&self, at: usize) -> Option<Uuid>;
}

/// What makes a file of rows.
pub trait Sink: Send + 'static {
    /// Writes a row.
    fn row(&mut self, fields: &impl Fields);
    /// Bytes that wait.
    fn waiting(&self) -> usize;
    /// Takes them away.
    fn take(&mut self) -> Vec<u8>;
    /// Called once, when the last piece has been taken over.
    fn end(&mut self);
}

/// What is to be read. The first two columns of every part are the order's key and the row's number.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Statements whose rows are in order, for an engine that steps through all of them at once.
    pub parts: Vec<Sql>,
    /// The same as one statement.
    pub whole: Sql,
    /// Whether the largest key comes first.
    pub descending: bool,
}

/// The pieces of a file while they are made.
pub type Pieces = mpsc::Receiver<Result<Bytes, DbError>>;

/// Starts reading into `sink`; the pieces come through the channel, and dropping it ends the reading.
pub fn stream<S: Sink>(pools: &Pools, plan: Plan, sink: S) -> Pieces {
    let (pieces, received) = mpsc::channel(WAITING);
    match pools {
        Pools::Sqlite { file, .. } => {
            let file = file.clone();
            let runtime = tokio::runtime::Handle::current();
            tokio::task::spawn_blocking(move || {
                let out = Out { pieces, runtime };
                if let Err(Stop::Failed(error)) = from_file(&file, plan, sink, &out) {
                    let _ = out.runtime.block_on(out.pieces.send(Err(error)));
                }
            });
        }
        Pools::Postgres { pool } => {
            let pool = pool.clone();
            tokio::spawn(async move {
                if let Err(Stop::Failed(error)) = from_server(&pool, plan.whole, sink, &pieces).await {
                    let _ = pieces.send(Err(error)).await;
                }
            });
        }
    }
    received
}

/// Why reading ends before the last row.
enum Stop {
    /// Nobody takes the pieces any more.
    Gone,
    /// The database said no.
    Failed(DbError),
}

impl From<rusqlite::Error> for Stop {
    fn from(error: rusqlite::Error) -> Self {
        use rusqlite::ErrorCode::{CannotOpen, DatabaseBusy, DatabaseLocked, SystemIoFailure};
        Self::Failed(match error.sqlite_error_code() {
            Some(DatabaseBusy | DatabaseLocked) => DbError::Busy,
            Some(CannotOpen | SystemIoFailure) => DbError::Gone,
            _ => DbError::Broken(error.to_string()),
        })
    }
}

impl From<sqlx::Error> for Stop {
    fn from(error: sqlx::Error) -> Self {
        Self::Failed(error.into())
    }
}

struct Out {
    pieces: mpsc::Sender<Result<Bytes, DbError>>,
    runtime: tokio::runtime::Handle,
}

impl Out {
    fn send(&self, piece: Vec<u8>) -> Result<(), Stop> {
        match self.pieces.try_send(Ok(piece.into())) {
            Ok(()) => Ok(()),
            Err(mpsc::error::TrySendError::Closed(_)) => Err(Stop::Gone),
            Err(mpsc::error::TrySendError::Full(piece)) => {
                let sent = self.runtime.block_on(async { tokio::time::timeout(STALLED, self.pieces.send(piece)).await });
                if matches!(sent, Ok(Ok(()))) { Ok(()) } else { Err(Stop::Gone) }
            }
        }
    }
}

/// A connection that can only read, with a small cache of its own.
fn open(file: &Path) -> Result<Connection, rusqlite::Error> {
    let connection = Connection::open_with_flags(PathBuf::from(file), OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    connection.busy_timeout(Duration::from_secs(10))?;
    connection.execute_batch("PRAGMA query_only = ON; PRAGMA trusted_schema = OFF; PRAGMA cache_size = -4096; BEGIN")?;
    Ok(connection)
}

fn value(arg: Arg) -> Value {
    match arg {
        Arg::Int(Some(value)) => Value::Integer(value),
        Arg::Text(Some(value)) => Value::Text(value.into_owned()),
        Arg::Id(Some(value)) => Value::Blob(value.as_bytes().to_vec()),
        Arg::Bytes(Some(value)) => Value::Blob(value),
        Arg::Int(None) | Arg::Text(None) | Arg::Id(None) | Arg::Bytes(None) => Value::Null,
    }
}

struct FileRow<'r, 's>(&'r rusqlite::Row<'s>);

impl Fields for FileRow<'_, '_> {
    fn int(&self, at: usize) -> Option<i64> {
        match self.0.get_ref(at) {
            Ok(ValueRef::Integer(value)) => Some(value),
            _ => None,
        }
    }

    fn text(&self, at: usize) -> Option<&str> {
        match self.0.get_ref(at) {
            Ok(ValueRef::Text(bytes)) => std::str::from_utf8(bytes).ok(),
            _ => None,
        }
    }

    fn id(&self, at: usize) -> Option<Uuid> {
        match self.0.get_ref(at) {
            Ok(ValueRef::Blob(bytes)) => Uuid::from_slice(bytes).ok(),
            _ => None,
        }
    }
}

/// A place in the order; the largest comes out of the heap first.
type Key = (i64, i64);

fn key(row: &impl Fields, descending: bool) -> Key {
    let (key, no) = (row.int(0).unwrap_or_default(), row.int(1).unwrap_or_default());
    // Turning every bit round turns the order round, without the one number that has no negative.
    if descending { (key, no) } else { (!key, !no) }
}

fn from_file<S: Sink>(file: &Path, plan: Plan, mut sink: S, out: &Out) -> Result<(), Stop> {
    let connection = open(file)?;
    let mut statements = Vec::with_capacity(plan.parts.len());
    for part in &plan.parts {
        // The driver numbers `$n` by where it first stands; `?n` means what it says on both sides.
        statements.push(connection.prepare(&part.text().replace('$', "?"))?);
    }
    let mut parts = Vec::with_capacity(statements.len());
    for (statement, part) in statements.iter_mut().zip(plan.parts) {
        parts.push(statement.query(params_from_iter(part.args().iter().cloned().map(value)))?);
    }
    let mut waiting: BinaryHeap<(Key, usize)> = BinaryHeap::with_capacity(parts.len());
    for (at, rows) in parts.iter_mut().enumerate() {
        rows.advance()?;
        waiting.extend(rows.get().map(|row| (key(&FileRow(row), plan.descending), at)));
    }
    while let Some((_, at)) = waiting.pop() {
        let Some(rows) = parts.get_mut(at) else { break };
        // As long as this part leads, no other has to be asked.
        while let Some(row) = rows.get() {
            let here = key(&FileRow(row), plan.descending);
            if waiting.peek().is_some_and(|(next, _)| *next > here) {
                waiting.push((here, at));
                break;
            }
            sink.row(&FileRow(row));
            if sink.waiting() >= PIECE {
                out.send(sink.take())?;
            }
            rows.advance()?;
        }
    }
    out.send(sink.take())?;
    sink.end();
    Ok(())
}

struct ServerRow<'r>(&'r PgRow);

impl ServerRow<'_> {
    fn bytes(&self, at: usize) -> Option<&[u8]> {
        let raw = self.0.try_get_raw(at).ok()?;
        if raw.is_null() { None } else { raw.as_bytes().ok() }
    }
}

/// Results of a prepared statement come in the binary form: 8 bytes, the text itself, 16 bytes.
impl Fields for ServerRow<'_> {
    fn int(&self, at: usize) -> Option<i64> {
        self.bytes(at)?.try_into().ok().map(i64::from_be_bytes)
    }

    fn text(&self, at: usize) -> Option<&str> {
        std::str::from_utf8(self.bytes(at)?).ok()
    }

    fn id(&self, at: usize) -> Option<Uuid> {
        Uuid::from_slice(self.bytes(at)?).ok()
    }
}

async fn from_server<S: Sink>(pool: &PgPool, sql: Sql, mut sink: S, pieces: &mpsc::Sender<Result<Bytes, DbError>>) -> Result<(), Stop> {
    let mut tx = pool.begin_with("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").await?;
    // The reader's own pace decides how long it takes; rows in the order of the indexes come at once, a sort would come after all of them.
    sqlx::raw_sql("SET LOCAL statement_timeout = 0; SET LOCAL cursor_tuple_fraction = 1").execute(&mut *tx).await?;
    {
        let mut rows = super::db::native(sql).fetch(&mut *tx);
        while let Some(row) = rows.try_next().await? {
            sink.row(&ServerRow(&row));
            if sink.waiting() >= PIECE {
                send(pieces, sink.take()).await?;
            }
        }
    }
    tx.rollback().await?;
    send(pieces, sink.take()).await?;
    sink.end();
    Ok(())
}

async fn send(pieces: &mpsc::Sender<Result<Bytes, DbError>>, piece: Vec<u8>) -> Result<(), Stop> {
    match tokio::time::timeout(STALLED, pieces.send(Ok(piece.into()))).await {
        Ok(Ok(())) => Ok(()),
        _ => Err(Stop::Gone),
    }
}
