//! Reading very many rows of a SQLite file: several threads step through their share of the parts, and one puts the rows in order and writes them.
//!
//! Each thread has a connection and so a snapshot of its own; they are the same when the audit trail ends with the same event in all of them, because
//! every change of what can be exported leaves one.

use std::collections::BinaryHeap;
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::time::Duration;

use rusqlite::fallible_streaming_iterator::FallibleStreamingIterator;
use rusqlite::types::{Value, ValueRef};
use rusqlite::{Connection, OpenFlags, Row, params_from_iter};
use uuid::Uuid;

use super::bulk_read::{Fields, Out, PIECE, Plan, Sink, Stop};
use super::db::{Arg, Sql};
use super::failure::DbError;

/// Threads that read, besides the one that writes the file.
const READERS: usize = 2;
/// Texts in one batch of rows, in bytes.
const BATCH: usize = 32 * 1024;
/// Batches that wait for the one who writes.
const WAITING: usize = 2;
/// How often the readers begin again until they see the same; then one reads alone.
const TRIES: usize = 20;

/// A place in the order; the largest comes first.
type Key = (i64, i64);

/// Reads everything into `sink`.
pub(super) fn read<S: Sink>(file: &Path, plan: Plan, mut sink: S, out: &Out) -> Result<(), Stop> {
    let descending = plan.descending;
    let mut shares: Vec<Vec<Sql>> = vec![Vec::new(); READERS.min(plan.parts.len())];
    let connections = agreed(file, shares.len())?;
    if let (Some(connection), Some(stale)) = (connections.first(), &plan.stale)
        && connection.query_row(&numbered(stale), params_from_iter(values(stale)), |row| row.get::<_, i64>(0))? != 0
    {
        return Err(Stop::Failed(DbError::Busy));
    }
    shares.truncate(connections.len());
    let count = shares.len();
    for (at, part) in plan.parts.into_iter().enumerate() {
        shares.get_mut(at % count).into_iter().for_each(|share| share.push(part.clone()));
    }
    std::thread::scope(|scope| {
        let mut shares: Vec<Share> = connections
            .into_iter()
            .zip(shares)
            .map(|(connection, parts)| {
                let (batches, received) = mpsc::sync_channel(WAITING);
                let (used, spare) = mpsc::channel();
                scope.spawn(move || {
                    let hand_over = |batch| batches.send(Ok(batch)).map_err(|_| Stop::Gone);
                    if let Err(Stop::Failed(error)) = step(&connection, parts, descending, &hand_over, &spare) {
                        // Whoever would hear of it may have gone.
                        let _ = batches.send(Err(error));
                    }
                });
                Share { received, used, batch: Batch::default(), at: 0 }
            })
            .collect();
        for share in &mut shares {
            share.fill()?;
        }
        loop {
            let first = shares.iter().enumerate().filter_map(|(at, share)| Some((share.key()?, at))).max();
            let Some(share) = first.and_then(|(_, at)| shares.get_mut(at)) else { break };
            sink.row(&share.batch.row(share.at));
            if sink.waiting() >= PIECE {
                out.send(sink.take())?;
            }
            share.at += 1;
            share.fill()?;
        }
        out.send(sink.take())?;
        sink.end();
        Ok(())
    })
}

/// A connection that can only read, with a small cache of its own.
pub(super) fn open(file: &Path) -> Result<Connection, rusqlite::Error> {
    let connection = Connection::open_with_flags(PathBuf::from(file), OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    connection.busy_timeout(Duration::from_secs(10))?;
    connection.execute_batch("PRAGMA query_only = ON; PRAGMA trusted_schema = OFF; PRAGMA cache_size = -2048")?;
    Ok(connection)
}

/// So many connections that see the same; one, where the trail does not stand still for long enough.
fn agreed(file: &Path, count: usize) -> Result<Vec<Connection>, rusqlite::Error> {
    let mut connections = (0..count.max(1)).map(|_| open(file)).collect::<Result<Vec<_>, _>>()?;
    for last in (0..TRIES).map(|tried| tried + 1 == TRIES) {
        if last {
            connections.truncate(1);
        }
        let heads = connections.iter().map(|connection| {
            connection.execute_batch("BEGIN")?;
            connection.query_row("SELECT seq FROM audit_head WHERE one = 1", [], |row| row.get::<_, i64>(0))
        });
        let heads = heads.collect::<Result<Vec<i64>, _>>()?;
        if heads.windows(2).all(|pair| pair.first() == pair.last()) {
            break;
        }
        connections.iter().try_for_each(|connection| connection.execute_batch("ROLLBACK"))?;
    }
    Ok(connections)
}

/// Rows of one share, as they come.
struct Share {
    received: mpsc::Receiver<Result<Batch, DbError>>,
    /// Batches go back to be filled again: freed by another thread than the one that made them, their memory would be kept for long.
    used: mpsc::Sender<Batch>,
    batch: Batch,
    at: usize,
}

impl Share {
    /// The place of the next row; `None` after the last.
    fn key(&self) -> Option<Key> {
        self.batch.keys.get(self.at).copied()
    }

    /// Takes the next batch when this one is used up.
    fn fill(&mut self) -> Result<(), Stop> {
        if self.at >= self.batch.keys.len() {
            // An empty one is the end; a sender that goes away without it has failed.
            let next = self.received.recv().unwrap_or(Err(DbError::Gone)).map_err(Stop::Failed)?;
            // After the last, nobody wants it back.
            let _ = self.used.send(std::mem::replace(&mut self.batch, next));
            self.at = 0;
        }
        Ok(())
    }
}

/// One value of a row.
enum Slot {
    Null,
    Int(i64),
    Text(usize, usize),
    Id(Uuid),
}

/// Rows on their way from one thread to the other.
#[derive(Default)]
struct Batch {
    keys: Vec<Key>,
    slots: Vec<Slot>,
    texts: String,
    columns: usize,
}

impl Batch {
    fn clear(&mut self) {
        self.keys.clear();
        self.slots.clear();
        self.texts.clear();
    }

    fn push(&mut self, key: Key, row: &Row<'_>, columns: usize) -> Result<(), rusqlite::Error> {
        self.columns = columns;
        self.keys.push(key);
        for at in 0..columns {
            let slot = match row.get_ref(at)? {
                ValueRef::Integer(value) => Slot::Int(value),
                ValueRef::Text(bytes) => match std::str::from_utf8(bytes) {
                    Ok(text) => {
                        let from = self.texts.len();
                        self.texts.push_str(text);
                        Slot::Text(from, self.texts.len())
                    }
                    Err(_) => Slot::Null,
                },
                ValueRef::Blob(bytes) => Uuid::from_slice(bytes).map_or(Slot::Null, Slot::Id),
                ValueRef::Null | ValueRef::Real(_) => Slot::Null,
            };
            self.slots.push(slot);
        }
        Ok(())
    }

    fn row(&self, at: usize) -> BatchRow<'_> {
        let slots = self.slots.get(at * self.columns..(at + 1) * self.columns).unwrap_or_default();
        BatchRow { slots, texts: &self.texts }
    }
}

struct BatchRow<'b> {
    slots: &'b [Slot],
    texts: &'b str,
}

impl Fields for BatchRow<'_> {
    fn int(&self, at: usize) -> Option<i64> {
        if let Some(Slot::Int(value)) = self.slots.get(at) { Some(*value) } else { None }
    }

    fn text(&self, at: usize) -> Option<&str> {
        if let Some(Slot::Text(from, to)) = self.slots.get(at) { self.texts.get(*from..*to) } else { None }
    }

    fn id(&self, at: usize) -> Option<Uuid> {
        if let Some(Slot::Id(id)) = self.slots.get(at) { Some(*id) } else { None }
    }
}

/// The driver numbers `$n` by where it first stands; `?n` means what it says on both sides.
fn numbered(sql: &Sql) -> String {
    sql.text().replace('$', "?")
}

fn values(sql: &Sql) -> impl Iterator<Item = Value> {
    sql.args().iter().cloned().map(|arg| match arg {
        Arg::Int(Some(value)) => Value::Integer(value),
        Arg::Text(Some(value)) => Value::Text(value.into_owned()),
        Arg::Id(Some(value)) => Value::Blob(value.as_bytes().to_vec()),
        Arg::Bytes(Some(value)) => Value::Blob(value),
        Arg::Int(None) | Arg::Text(None) | Arg::Id(None) | Arg::Bytes(None) => Value::Null,
    })
}

fn key(row: &Row<'_>, descending: bool) -> Result<Key, rusqlite::Error> {
    let (key, no) = (row.get::<_, Option<i64>>(0)?.unwrap_or_default(), row.get(1)?);
    // Turning every bit round turns the order round, without the one number that has no negative.
    Ok(if descending { (key, no) } else { (!key, !no) })
}

/// Steps through the parts of a share, in their common order.
fn step(
    connection: &Connection,
    share: Vec<Sql>,
    descending: bool,
    hand_over: &dyn Fn(Batch) -> Result<(), Stop>,
    spare: &mpsc::Receiver<Batch>,
) -> Result<(), Stop> {
    let mut statements = Vec::with_capacity(share.len());
    for part in &share {
        statements.push(connection.prepare(&numbered(part))?);
    }
    let columns = statements.first().map_or(0, rusqlite::Statement::column_count);
    let mut parts = Vec::with_capacity(statements.len());
    for (statement, part) in statements.iter_mut().zip(share) {
        parts.push(statement.query(params_from_iter(values(&part)))?);
    }
    let mut waiting: BinaryHeap<(Key, usize)> = BinaryHeap::with_capacity(parts.len());
    for (at, rows) in parts.iter_mut().enumerate() {
        if let Some(row) = rows.next()? {
            waiting.push((key(row, descending)?, at));
        }
    }
    let mut batch = Batch::default();
    while let Some((mut here, at)) = waiting.pop() {
        let Some(rows) = parts.get_mut(at) else { break };
        // As long as this part leads, no other has to be asked.
        while let Some(row) = rows.get() {
            batch.push(here, row, columns)?;
            if batch.texts.len() >= BATCH {
                hand_over(std::mem::replace(&mut batch, spare.try_recv().unwrap_or_default()))?;
                batch.clear();
            }
            let Some(next) = rows.next()? else { break };
            here = key(next, descending)?;
            if waiting.peek().is_some_and(|(leading, _)| *leading > here) {
                waiting.push((here, at));
                break;
            }
        }
    }
    if !batch.keys.is_empty() {
        hand_over(batch)?;
    }
    hand_over(Batch::default())
}
