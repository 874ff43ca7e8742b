//! Reading the whole audit trail of a SQLite file natively, on a thread of its own, while another checks what was read: a third of the time that
//! the async driver needs.

use std::path::Path;

use rusqlite::Row;
use tokio::sync::mpsc;
use uuid::Uuid;

use super::audit_log::{COLUMNS, Kept};
use super::bulk_file::open;
use super::bulk_read::Stop;
use super::db_pools::Pools;
use super::failure::DbError;
use crate::domain::id::{EventId, RegionId, UserId};
use crate::domain::time::Instant;

/// Events in one batch.
const BATCH: usize = 512;
/// Batches that wait for the one who checks.
const WAITING: usize = 4;

/// Events from the first to `last`, in order and in batches; `None` on an engine that has no such way.
pub fn events(pools: &Pools, last: i64) -> Option<mpsc::Receiver<Result<Vec<Kept>, DbError>>> {
    let file = pools.file()?.to_path_buf();
    let (batches, received) = mpsc::channel(WAITING);
    tokio::task::spawn_blocking(move || {
        if let Err(Stop::Failed(error)) = read(&file, last, &batches) {
            // Whoever would hear of it may have gone.
            let _ = batches.blocking_send(Err(error));
        }
    });
    Some(received)
}

fn read(file: &Path, last: i64, batches: &mpsc::Sender<Result<Vec<Kept>, DbError>>) -> Result<(), Stop> {
    let connection = open(file)?;
    let mut text = String::from("SELECT ");
    text.push_str(COLUMNS);
    text.push_str(" FROM audit_event WHERE seq BETWEEN 1 AND ?1 ORDER BY seq");
    let mut statement = connection.prepare(&text)?;
    let mut rows = statement.query([last])?;
    let mut batch = Vec::with_capacity(BATCH);
    while let Some(row) = rows.next()? {
        batch.push(kept(row)?);
        if batch.len() == BATCH {
            let full = std::mem::replace(&mut batch, Vec::with_capacity(BATCH));
            batches.blocking_send(Ok(full)).map_err(|_| Stop::Gone)?;
        }
    }
    batches.blocking_send(Ok(batch)).map_err(|_| Stop::Gone)
}

fn kept(row: &Row<'_>) -> Result<Kept, rusqlite::Error> {
    let id = |at: usize| -> Result<Option<Uuid>, rusqlite::Error> { Ok(row.get::<_, Option<[u8; 16]>>(at)?.map(Uuid::from_bytes)) };
    Ok(Kept {
        seq: row.get(0)?,
        id: EventId(id(1)?.unwrap_or_default()),
        at: Instant(row.get(2)?),
        actor_kind: row.get(3)?,
        actor_id: id(4)?.map(UserId),
        action: row.get(5)?,
        object_kind: row.get(6)?,
        object_id: row.get(7)?,
        region_id: id(8)?.map(RegionId),
        body_version: row.get(9)?,
        body: row.get(10)?,
        leaf: row.get(11)?,
        chain: row.get(12)?,
    })
}
