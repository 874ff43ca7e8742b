//! Which rows of a chunk are new, which are known and the same, and which have changed.

use std::collections::HashMap;

use super::diff::{self, Set};
use super::pass::{Chunk, Line, refused};
use super::people::{self, named};
use super::plan::{Plan, out_of_scope};
use crate::domain::id::SourceId;
use crate::store::db::Reader;
use crate::store::failure::DbError;
use crate::store::import_rows::{self, Known};
use crate::store::imports::RefusedRow;
use crate::store::transaction_detail::TransactionRow;

/// A known row that says something else than before.
pub(super) struct Changed {
    /// The row of the file.
    pub line: Line,
    /// The transaction.
    pub row: TransactionRow,
    /// What changes, the recipient left out.
    pub sets: Vec<Set>,
    /// Whether the file names the recipient otherwise than she is kept.
    pub recipient: bool,
}

/// A chunk, sorted.
#[derive(Default)]
pub(super) struct Sorted {
    /// New rows.
    pub new: Vec<Line>,
    /// Changed ones.
    pub changed: Vec<Changed>,
    /// How many are the same as before.
    pub unchanged: i64,
    /// Rows that cannot be taken.
    pub refused: Vec<RefusedRow>,
    /// Rows in all.
    pub read: i64,
    /// Bytes of the file read so far.
    pub bytes: u64,
}

/// Sorts a chunk by what the store knows. Two or three queries, whatever the chunk holds.
pub(super) async fn sort(
    reader: &mut impl Reader,
    plan: &Plan,
    source: SourceId,
    chunk: Chunk,
    known_rows: bool,
) -> Result<Sorted, DbError> {
    let mut sorted = Sorted { refused: chunk.refused, read: chunk.read, bytes: chunk.bytes, ..Sorted::default() };
    if !known_rows {
        sorted.new = chunk.lines;
        return Ok(sorted);
    }
    let keys: Vec<Vec<u8>> = chunk.lines.iter().map(|line| line.key.clone()).collect();
    let known: HashMap<Vec<u8>, Known> =
        import_rows::known(reader, source, &keys).await?.into_iter().map(|known| (known.row_key.clone(), known)).collect();
    let mut maybe = Vec::new();
    for line in chunk.lines {
        match known.get(&line.key) {
            None => sorted.new.push(line),
            // The vendor's id stands in a region of somebody else: said in the words for a region that is not hers.
            Some(known) if !plan.scope.covers(known.region_id) => {
                sorted.refused.push(refused(line.line, &[out_of_scope("")], line.original));
            }
            Some(known) if known.content_hash == line.hash => sorted.unchanged += 1,
            Some(_) => maybe.push(line),
        }
    }
    if !maybe.is_empty() {
        compare(reader, plan, source, maybe, &mut sorted).await?;
    }
    Ok(sorted)
}

async fn compare(reader: &mut impl Reader, plan: &Plan, source: SourceId, maybe: Vec<Line>, sorted: &mut Sorted) -> Result<(), DbError> {
    let keys: Vec<Vec<u8>> = maybe.iter().map(|line| line.key.clone()).collect();
    let mut rows: HashMap<Vec<u8>, TransactionRow> =
        import_rows::stored(reader, source, &keys).await?.into_iter().map(|stored| (stored.row_key, stored.row)).collect();
    let kept = people::kept(reader, rows.values()).await?;
    for line in maybe {
        // Gone in between: nothing removes a row that is seen, so it belonged to an import that did not finish.
        let Some(row) = rows.remove(&line.key) else {
            sorted.new.push(line);
            continue;
        };
        let sets = diff::between(&row, &line.draft, &plan.mapping);
        let recipient = named(&line.draft).is_some_and(|named| people::differs(&named, row.recipient_id.and_then(|id| kept.get(&id))));
        if sets.is_empty() && !recipient {
            sorted.unchanged += 1;
        } else {
            sorted.changed.push(Changed { line, row, sets, recipient });
        }
    }
    Ok(())
}
