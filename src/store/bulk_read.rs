//! Reading very many rows natively, for exports: no row is kept, and what a person downloads slowly is read slowly.
//!
//! SQLite is read on threads of its own, without the detour of the async driver (five times as fast, see `bulk_file.rs`); PostgreSQL by the
//! driver's own stream. Rows come in parts that are each in order: SQLite's parts are put together by us, PostgreSQL's by the server.

use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use futures_util::TryStreamExt;
use sqlx::postgres::{PgPool, PgRow};
use sqlx::{AssertSqlSafe, Row as _, ValueRef as _};
use tokio::sync::mpsc;
use uuid::Uuid;

use super::bulk_file;
use super::db::Sql;
use super::db_pools::Pools;
use super::db_wall;
use super::failure::DbError;
use crate::domain::access::Sight;

/// Bytes in one piece of a file.
pub(super) const PIECE: usize = 64 * 1024;
/// Pieces that wait for the reader of the file.
const WAITING: usize = 4;
/// How long nobody may take a piece before the export ends: a snapshot that is held for ever stops the database from tidying up.
pub const STALLED: Duration = Duration::from_mins(2);

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
    /// A number that is 0 as long as the plan is right: between planning and reading something may have been published.
    pub stale: Option<Sql>,
}

/// The pieces of a file while they are made.
pub type Pieces = mpsc::Receiver<Result<Bytes, DbError>>;

/// Starts reading what is in sight into `sink`; the pieces come through the channel, and dropping it ends the reading.
pub fn stream<S: Sink>(pools: &Pools, sight: &Sight, plan: Plan, sink: S) -> Pieces {
    let (pieces, received) = mpsc::channel(WAITING);
    match pools {
        Pools::Sqlite { file, .. } => {
            let file = file.clone();
            let runtime = tokio::runtime::Handle::current();
            tokio::task::spawn_blocking(move || {
                let out = Out { pieces, runtime };
                if let Err(Stop::Failed(error)) = bulk_file::read(&file, plan, sink, &out) {
                    let _ = out.runtime.block_on(out.pieces.send(Err(error)));
                }
            });
        }
        Pools::Postgres { pool, entered } => {
            let pool = pool.clone();
            let begin = db_wall::opening("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", entered.load(Ordering::Acquire), sight);
            tokio::spawn(async move {
                if let Err(Stop::Failed(error)) = from_server(&pool, begin, plan, sink, &pieces).await {
                    let _ = pieces.send(Err(error)).await;
                }
            });
        }
    }
    received
}

/// Why reading ends before the last row.
pub(super) enum Stop {
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

/// Where the pieces go.
pub(super) struct Out {
    pieces: mpsc::Sender<Result<Bytes, DbError>>,
    runtime: tokio::runtime::Handle,
}

impl Out {
    /// Hands over a piece; waits for its reader, but not for ever.
    pub(super) fn send(&self, piece: Vec<u8>) -> Result<(), Stop> {
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

async fn from_server<S: Sink>(
    pool: &PgPool,
    begin: String,
    plan: Plan,
    mut sink: S,
    pieces: &mpsc::Sender<Result<Bytes, DbError>>,
) -> Result<(), Stop> {
    let mut tx = pool.begin_with(AssertSqlSafe(begin)).await?;
    // The reader's own pace decides how long it takes; rows in the order of the indexes come at once, a sort would come after all of them.
    sqlx::raw_sql("SET LOCAL statement_timeout = 0; SET LOCAL cursor_tuple_fraction = 1").execute(&mut *tx).await?;
    if let Some(stale) = plan.stale
        && super::db::native(stale).fetch_one(&mut *tx).await?.try_get::<i64, _>(0)? != 0
    {
        return Err(Stop::Failed(DbError::Busy));
    }
    {
        let mut rows = super::db::native(plan.whole).fetch(&mut *tx);
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
