//! One pass over a file: a thread reads and drafts, chunk by chunk, and waits where the store is slower. Memory stays flat.

use std::collections::HashMap;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::sync::Arc;

use tokio::sync::mpsc;

use super::CHUNK;
use super::plan::Plan;
use crate::domain::import::draft::{Draft, RowFault};
use crate::formats::{FileFault, Opened, Row, Shape};
use crate::store::imports::RefusedRow;

/// A row that can be taken.
#[expect(clippy::struct_field_names, reason = "a line of a file has a line number")]
pub(super) struct Line {
    /// Its line in the file.
    pub line: i64,
    /// What it says.
    pub draft: Draft<'static>,
    /// By what it is known within its source.
    pub key: Vec<u8>,
    /// By what it is known to be unchanged.
    pub hash: [u8; 16],
    /// Its cells as JSON; empty where nothing can refuse it any more.
    pub original: String,
}

/// The next rows of a file.
#[derive(Default)]
pub(super) struct Chunk {
    /// Rows that can be taken.
    pub lines: Vec<Line>,
    /// Rows that cannot.
    pub refused: Vec<RefusedRow>,
    /// Rows of both kinds.
    pub read: i64,
    /// Bytes of the file read so far.
    pub bytes: u64,
}

/// Starts reading. `known_rows` says that the source has rows already, which later may refuse a row.
pub(super) fn start(opened: Opened, plan: Arc<Plan>, known_rows: bool) -> mpsc::Receiver<Result<Chunk, FileFault>> {
    let (send, receive) = mpsc::channel(2);
    tokio::task::spawn_blocking(move || {
        let mut reading = Reading { plan, seen: Seen::default(), known_rows };
        let outcome = reading.run(opened, &send);
        if let Err(fault) = outcome {
            // Nobody waits any more where this fails.
            let _ = send.blocking_send(Err(fault));
        }
    });
    receive
}

struct Reading {
    plan: Arc<Plan>,
    seen: Seen,
    known_rows: bool,
}

impl Reading {
    fn run(&mut self, mut opened: Opened, send: &mpsc::Sender<Result<Chunk, FileFault>>) -> Result<(), FileFault> {
        loop {
            let mut chunk = Chunk::default();
            while chunk.read < CHUNK as i64 {
                let Some(row) = opened.rows.next_row()? else { break };
                chunk.read += 1;
                match self.judge(&row) {
                    Ok(line) => chunk.lines.push(line),
                    Err(refused) => chunk.refused.push(refused),
                }
            }
            chunk.bytes = opened.rows.bytes_read();
            let last = chunk.read < CHUNK as i64;
            if send.blocking_send(Ok(chunk)).is_err() || last {
                return Ok(());
            }
        }
    }

    fn judge(&mut self, row: &Row<'_>) -> Result<Line, RefusedRow> {
        let shape = row.shape();
        if let (Some(code), true) = (shape.code(), shape != Shape::Fits) {
            let (code, message) = (code.to_owned(), shape.message());
            return Err(RefusedRow { line: row.line as i64, code, field: String::new(), message, original: cells(row) });
        }
        let draft = self.plan.judge(row).map_err(|faults| refused(row.line as i64, &faults, cells(row)))?;
        let occurrence = self.seen.count(&draft);
        if occurrence > 0
            && let Some(id) = &draft.external_id
        {
            let message = format!("External id: “{id}” stands in this file before; a row with an id of its own is one transaction");
            let fault = RowFault { code: "duplicate_in_file", field: crate::domain::import::Field::ExternalId, message };
            return Err(refused(row.line as i64, &[fault], cells(row)));
        }
        let (key, hash) = (draft.row_key(occurrence).into_bytes(), draft.content_hash());
        let original = if self.known_rows { cells(row) } else { String::new() };
        Ok(Line { line: row.line as i64, draft: draft.into_owned(), key, hash, original })
    }
}

/// A refused row from its faults.
pub(super) fn refused(line: i64, faults: &[RowFault], original: String) -> RefusedRow {
    let (code, field) = faults.first().map_or(("unknown", ""), |fault| (fault.code, fault.field.key()));
    let message = faults.iter().map(|fault| fault.message.as_str()).collect::<Vec<_>>().join("; ");
    RefusedRow { line, code: code.to_owned(), field: field.to_owned(), message, original }
}

/// The cells as they stand in the file, a JSON list.
fn cells(row: &Row<'_>) -> String {
    serde_json::to_string(&row.fields().collect::<Vec<_>>()).unwrap_or_default()
}

/// Which rows of this file came before. Ids and cells are kept as 64-bit hashes: for a million rows the chance that any two of them meet
/// is one in thirty-seven million, and eight bytes a row keep the memory flat enough.
struct Seen {
    /// The hashes that came, in [`PLACES`] lists by their first bits: eight bytes each and what a list grows ahead, without the moment in which a
    /// growing table stands twice.
    once: Vec<Vec<u64>>,
    again: HashMap<u64, u32>,
    state: RandomState,
}

/// Lists in [`Seen`]: of a million rows each holds a quarter of a thousand, which are read through faster than a row is.
const PLACES: usize = 4096;

impl Default for Seen {
    fn default() -> Self {
        Self { once: vec![Vec::new(); PLACES], again: HashMap::new(), state: RandomState::new() }
    }
}

impl Seen {
    /// How many rows with the same external id, or with the same cells where there is none, came before this one.
    fn count(&mut self, draft: &Draft<'_>) -> u32 {
        let hash = match (draft.cells_hash, &draft.external_id) {
            // The same for every load of the file, because the count becomes part of the key.
            (Some(cells), _) => cells.iter().take(8).fold(0u64, |hash, byte| hash << 8 | u64::from(*byte)),
            (None, Some(id)) => self.state.hash_one(id.as_ref()),
            (None, None) => return 0,
        };
        let Some(place) = self.once.get_mut((hash >> 52) as usize) else { return 0 };
        if !place.contains(&hash) {
            place.push(hash);
            return 0;
        }
        let count = self.again.entry(hash).or_default();
        *count += 1;
        *count
    }
}
