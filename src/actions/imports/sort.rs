//! Which rows of a chunk are new, which are known and the same, and which have changed.

use std::collections::{BTreeMap, HashMap};

use super::diff::{self, Set};
use super::pass::{Chunk, Line, refused};
use super::people::{self, named};
use super::plan::Plan;
use crate::domain::id::{RegionId, SourceId, TransactionId};
use crate::domain::import::Field;
use crate::domain::import::draft::RowFault;
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
    /// How many are the same as before, by region.
    pub unchanged: BTreeMap<RegionId, i64>,
    /// Rows that cannot be taken.
    pub refused: Vec<RefusedRow>,
    /// Rows in all.
    pub read: i64,
    /// Bytes of the file read so far.
    pub bytes: u64,
}

impl Sorted {
    fn same(&mut self, region: RegionId) {
        *self.unchanged.entry(region).or_default() += 1;
    }
}

/// What a row of the file is in the store.
enum Match<'k> {
    New,
    Known(&'k Known),
    /// In several regions of hers, and in none of them where the file has it now.
    Several,
}

/// The row in its own region; else the one in another region of hers, which then moves.
fn chosen<'k>(found: Option<&'k Vec<Known>>, line: &Line) -> Match<'k> {
    let found = found.map(Vec::as_slice).unwrap_or_default();
    if let Some(here) = found.iter().find(|known| known.region_id == line.draft.region) {
        return Match::Known(here);
    }
    match found {
        [] => Match::New,
        [one] => Match::Known(one),
        _ => Match::Several,
    }
}

/// The fault of a row whose id stands in several regions of hers: which of them moves is not for us to guess.
fn several(id: &str) -> RowFault {
    let message =
        format!("External id: “{id}” stands in several of your regions, and not in this one; which of them it was cannot be told");
    RowFault { code: "id_in_several_regions", field: Field::ExternalId, message }
}

/// Sorts a chunk by what the store knows in her regions. Two or three queries, whatever the chunk holds.
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
    let mut known: HashMap<Vec<u8>, Vec<Known>> = HashMap::with_capacity(keys.len());
    for one in import_rows::known(reader, &plan.scope, source, &keys).await? {
        known.entry(one.row_key.clone()).or_default().push(one);
    }
    let mut maybe = Vec::new();
    for line in chunk.lines {
        match chosen(known.get(&line.key), &line) {
            Match::New => sorted.new.push(line),
            Match::Known(known) if known.content_hash == line.hash => sorted.same(known.region_id),
            Match::Known(known) => maybe.push((known.id, line)),
            Match::Several => {
                let id = line.draft.external_id.clone().unwrap_or_default();
                sorted.refused.push(refused(line.line, &[several(&id)], line.original));
            }
        }
    }
    if !maybe.is_empty() {
        compare(reader, plan, maybe, &mut sorted).await?;
    }
    Ok(sorted)
}

async fn compare(reader: &mut impl Reader, plan: &Plan, maybe: Vec<(TransactionId, Line)>, sorted: &mut Sorted) -> Result<(), DbError> {
    let ids: Vec<TransactionId> = maybe.iter().map(|(id, _)| *id).collect();
    let mut rows: HashMap<TransactionId, TransactionRow> =
        import_rows::stored(reader, &plan.scope, &ids).await?.into_iter().map(|row| (row.id, row)).collect();
    let kept = people::kept(reader, rows.values()).await?;
    for (id, line) in maybe {
        // Gone in between: nothing removes a row that is seen, so it belonged to an import that did not finish.
        let Some(row) = rows.remove(&id) else {
            sorted.new.push(line);
            continue;
        };
        let sets = diff::between(&row, &line.draft, &plan.mapping);
        let recipient = named(&line.draft).is_some_and(|named| people::differs(&named, row.recipient_id.and_then(|id| kept.get(&id))));
        if sets.is_empty() && !recipient {
            sorted.same(row.region_id);
        } else {
            sorted.changed.push(Changed { line, row, sets, recipient });
        }
    }
    Ok(())
}
