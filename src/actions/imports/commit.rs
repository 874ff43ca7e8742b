//! Writing an import: new rows and copies of changed ones in small commands, hidden; then one command that publishes them all with what they cost.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use tokio::sync::mpsc::Receiver;

use super::pass::{self, Chunk, Line};
use super::people::{Remembered, named};
use super::plan::Plan;
use super::report::{Cost, Report, Tally};
use super::run::{Run, Running};
use super::setup::Setup;
use super::sort::{Sorted, sort};
use super::upload::uploaded;
use super::{FileFault, Stop, apply, changes, end, own};
use crate::domain::access::{Actor, Permission};
use crate::domain::audit::Event;
use crate::domain::budget::{Account, End, Movement, Nature, PostingKind};
use crate::domain::id::{BudgetId, ImportId, RecipientId, RegionId, SourceId, TransactionId};
use crate::domain::refusal::Refusal;
use crate::domain::text::hex;
use crate::domain::time::Day;
use crate::store::Store;
use crate::store::failure::{DbError, Failure};
use crate::store::import_changes;
use crate::store::import_rows;
use crate::store::imports::{self, Change, NewImport, RefusedRow};
use crate::store::ledger::{self, Details};
use crate::store::recipients::{self, Named};
use crate::store::settings;
use crate::store::transactions::{self, NewTransaction, RollupKey};
use crate::store::writer::{Intent, WriteTx};

/// How often a chunk is written again after somebody else wrote the same recipient or row first.
const CHUNK_TRIES: u32 = 3;

/// Between two chunks: on SQLite another process that waits to write gets its turn here (`store/db_pools.rs`).
const GAP: Duration = Duration::from_millis(3);

/// Refused rows stop the import, or are left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// One refused row stops them all.
    AllOrNothing,
    /// The good rows are taken.
    GoodRows,
}

impl Mode {
    /// The word in the store.
    pub fn code(self) -> &'static str {
        match self {
            Self::AllOrNothing => "all_or_nothing",
            Self::GoodRows => "good_rows",
        }
    }

    /// Reads [`Self::code`].
    pub fn parse(code: &str) -> Option<Self> {
        [Self::AllOrNothing, Self::GoodRows].into_iter().find(|mode| mode.code() == code)
    }
}

/// Asks for the commit of a checked import; a job does it. The same key again changes nothing.
pub async fn request(store: &Store, actor: Actor, key: &str, id: ImportId, version: i64, mode: Mode) -> Result<(), Failure> {
    store
        .write(Intent::keyed(actor, "import.commit", key, &(id, mode)), move |tx| {
            Box::pin(async move {
                let row = own(tx, id, version).await?;
                if row.state != "checked" {
                    return Err(Refusal::State("Check the file first".to_owned()).into());
                }
                let report: Report = serde_json::from_str(&row.report).unwrap_or_default();
                permitted(tx, report.touched.iter().copied())?;
                if mode == Mode::AllOrNothing && report.counts.refused > 0 {
                    return Err(Refusal::Invalid("mode", some_refused(report.counts.refused)).into());
                }
                begin(tx, &row, mode, 0).await.map(|_| ())
            })
        })
        .await
}

fn some_refused(count: i64) -> String {
    let rows = if count == 1 { "1 row is".to_owned() } else { format!("{count} rows are") };
    format!("{rows} refused, so nothing is taken. Correct the file, or take the good rows only")
}

/// Why an import ends of which all was to be taken: it was not checked before, or something has changed since.
fn refused_since(rows: &[RefusedRow]) -> String {
    let first = rows.first().map_or_else(String::new, |row| format!(" (line {}: {})", row.line, row.message));
    format!("A row is refused{first}, so nothing is taken. Correct the file, or check it again to see all that is refused")
}

/// Puts an import into the state in which its rows are written.
async fn begin(tx: &mut WriteTx<'_>, row: &imports::ImportRow, mode: Mode, beat: i64) -> Result<Running, Failure> {
    if imports::source_busy(tx, row.source_id, row.id).await? {
        return Err(Refusal::State("Another import of this source is being written. Try again when it is done".to_owned()).into());
    }
    let from_no = import_rows::last_no(tx).await?;
    let running = Running { total: row.file_bytes.unsigned_abs(), from_no: Some(from_no), beat, ..Running::default() };
    let (mode, report) = (Some(mode.code().to_owned()), Some(running.text()));
    imports::update(tx, row.id, row.version, false, &Change { state: Some("committing"), mode, report, ..Change::default() }).await?;
    Ok(running)
}

/// Refuses unless the person may import for each of the regions, at this moment.
fn permitted(tx: &WriteTx<'_>, regions: impl Iterator<Item = RegionId>) -> Result<(), Failure> {
    let access = tx.access();
    for region in regions {
        if !access.may(Permission::ImportsRun, region) {
            return Err(Refusal::NotFound.into());
        }
    }
    Ok(())
}

/// Writes the rows and publishes them. What an earlier attempt left is taken back first: nobody has seen it.
///
/// # Errors
/// A [`Stop`] with words ends the import for good ([`end::give_up`]); one without is worth another try.
pub async fn perform(store: &Store, run: &mut Run, mut progress: impl FnMut(u64, u64) + Send) -> Result<Report, Stop> {
    end::take_back(store, run).await?;
    end::forget_refusals(store, run).await?;
    let opened = run.table(store).await?;
    let total = opened.bytes;
    let setup = run.setup()?;
    let mut read = store.read().await?;
    let plan = Arc::new(Plan::read(&mut read, run.person, store.now(), &setup.mapping, &opened.headers).await?);
    let known_rows = import_rows::any(&mut read, run.row.source_id).await?;
    drop(read);
    let mut chunks = pass::start(opened, plan.clone(), known_rows);
    let (mut tally, mut remembered) = (Tally::default(), Remembered::default());
    let source = run.row.source_id;
    let mut next = sorted_next(store, &plan, source, known_rows, &mut chunks).await?;
    while let Some(mut sorted) = next {
        if run.row.mode != Mode::GoodRows.code() && !sorted.refused.is_empty() {
            return Err(Refusal::State(refused_since(&sorted.refused)).into());
        }
        tally.add(&sorted, &plan, store.now())?;
        progress(sorted.bytes, total);
        // While a chunk is written the one after it is sorted: what this import writes decides nothing about its own later rows.
        let bytes = sorted.bytes;
        let changed = std::mem::take(&mut sorted.changed);
        let (written, sorted) =
            tokio::join!(write(store, run, sorted, &mut remembered), sorted_next(store, &plan, source, known_rows, &mut chunks));
        written?;
        tokio::time::sleep(GAP).await;
        changes::stage(store, run, &plan, changed, bytes, &mut tally).await?;
        next = sorted?;
    }
    tally.effects(&plan)?;
    publish(store, run, tally, setup).await?;
    apply::perform(store, run).await
}

/// The next chunk, sorted; `None` after the last.
async fn sorted_next(
    store: &Store,
    plan: &Plan,
    source: SourceId,
    known_rows: bool,
    chunks: &mut Receiver<Result<Chunk, FileFault>>,
) -> Result<Option<Sorted>, Stop> {
    let Some(chunk) = chunks.recv().await else { return Ok(None) };
    let mut read = store.read().await?;
    Ok(Some(sort(&mut read, plan, source, chunk?, known_rows).await?))
}

/// A chunk on its way through the door.
struct Batch {
    new: Vec<Line>,
    people: Vec<Option<usize>>,
    named: Vec<Named>,
    known: Vec<Option<RecipientId>>,
    refused: Vec<RefusedRow>,
}

/// Writes a chunk; on a collision with somebody else's row it is tried again with nothing remembered.
async fn write(store: &Store, run: &mut Run, sorted: Sorted, remembered: &mut Remembered) -> Result<(), Failure> {
    let bytes = sorted.bytes;
    let (mut named_once, mut places) = (Vec::new(), std::collections::HashMap::new());
    let people = sorted.new.iter().map(|line| {
        let named = named(&line.draft)?;
        Some(*places.entry((named.region, named.key)).or_insert_with(|| {
            named_once.push(named);
            named_once.len() - 1
        }))
    });
    let people: Vec<Option<usize>> = people.collect();
    let mut batch = Arc::new(Batch { people, known: Vec::new(), named: named_once, new: sorted.new, refused: sorted.refused });
    for attempt in 1..=CHUNK_TRIES {
        if let Some(batch) = Arc::get_mut(&mut batch) {
            batch.known = batch.named.iter().map(|named| remembered.get(named.region, named.key)).collect();
        }
        let change = Change { report: Some(run.beat(store, bytes)), ..Change::default() };
        let (id, fence, no, source, part) = (run.id(), run.fence, run.row.no, run.row.source_id, batch.clone());
        let written = store
            .write(Intent::once(run.actor(), "import.rows").bulk(), move |tx| {
                let (part, change) = (part.clone(), change.clone());
                Box::pin(async move {
                    imports::update(tx, id, fence, true, &change).await?;
                    permitted(tx, part.new.iter().map(|line| line.draft.region))?;
                    imports::insert_refusals(tx, id, &part.refused).await?;
                    insert(tx, &part, no, source).await
                })
            })
            .await;
        match written {
            Ok(ids) => {
                remembered.add(&batch.named, &ids);
                return Ok(());
            }
            Err(Failure::Db(DbError::Constraint(_))) if attempt < CHUNK_TRIES => remembered.clear(),
            Err(failure) => return Err(failure),
        }
    }
    Ok(())
}

async fn insert(tx: &mut WriteTx<'_>, part: &Batch, no: i64, source: SourceId) -> Result<Vec<RecipientId>, Failure> {
    let (now, zone) = (tx.now, settings::zone(tx).await?);
    let missing: Vec<Named> =
        part.named.iter().zip(&part.known).filter(|(_, known)| known.is_none()).map(|(named, _)| named.clone()).collect();
    let mut found = recipients::find_or_insert(tx, &missing).await?.into_iter();
    let ids: Vec<_> = part.known.iter().filter_map(|known| known.or_else(|| found.next())).collect();
    let mut sums: BTreeMap<RollupKey, (i64, i64)> = BTreeMap::new();
    let mut rows = Vec::with_capacity(part.new.len());
    for (line, person) in part.new.iter().zip(&part.people) {
        let sum = sums.entry(RollupKey::of(&line.draft, now, zone)).or_default();
        *sum = (sum.0 + 1, sum.1.checked_add(line.draft.amount_issued).ok_or(Refusal::Overflow)?);
        rows.push(NewTransaction {
            id: TransactionId(tx.new_id()),
            recipient: person.and_then(|at| ids.get(at)).copied(),
            source,
            row_key: line.key.clone(),
            content_hash: line.hash.to_vec(),
            import_no: no,
            draft: &line.draft,
            standing: None,
        });
    }
    transactions::insert(tx, &rows).await?;
    transactions::add_to_rollup(tx, no, &sums).await?;
    Ok(ids)
}

/// One command: the rows are seen, those that change as they are now, and the budgets pay for them.
async fn publish(store: &Store, run: &mut Run, tally: Tally, mut setup: Setup) -> Result<(), Failure> {
    let (mut report, costs) = (tally.report, tally.costs);
    // Still in work: nobody else is to take the rest of it.
    report.running = run.running;
    // The samples hold what people wrote: they are not kept longer than the mapping needs them.
    setup.survey = None;
    let change = Change {
        state: Some("done"),
        mapping: Some(setup.text()),
        report: Some(report.text()),
        counts: Some(report.counts),
        failure: Some(String::new()),
        ..Change::default()
    };
    let (row, fence, kept) = (Arc::new(run.row.clone()), run.fence, report.clone());
    store
        .write(Intent::once(run.actor(), "import.publish"), move |tx| {
            let (row, change, report, costs) = (row.clone(), change.clone(), kept.clone(), costs.clone());
            Box::pin(async move {
                imports::update(tx, row.id, fence, true, &change).await?;
                let touched: Vec<RegionId> = report.touched.iter().copied().collect();
                permitted(tx, touched.iter().copied())?;
                imports::insert_regions(tx, row.id, &touched).await?;
                import_changes::rename(tx, row.no).await?;
                for ((budget, _, back), cost) in &costs {
                    spend(tx, row.id, *budget, *back, *cost).await?;
                }
                committed(tx, &row, &report);
                Ok(())
            })
        })
        .await?;
    run.report = Some(report);
    Ok(())
}

async fn spend(tx: &mut WriteTx<'_>, import: ImportId, budget: BudgetId, back: bool, cost: Cost) -> Result<(), Failure> {
    let budget = ledger::get(tx, budget).await?;
    let (kind, from, to) = if back {
        (PostingKind::Refund, Account::Spent, Account::Available)
    } else {
        (PostingKind::Spend, Account::Available, Account::Spent)
    };
    let (source, destination) = (End::of(from, &budget), End::of(to, &budget));
    let movement = Movement { kind, counted: kind, source, destination, amount: cost.amount, currency: budget.currency };
    let day: Day = cost.day;
    let details = Details { effective: Some(day), import: Some(import), ..Details::default() };
    ledger::post_known(tx, &movement, Nature::Fact, &details, &mut [budget]).await?;
    Ok(())
}

/// One event for the whole, and one for each region that tells only of it.
fn committed(tx: &mut WriteTx<'_>, row: &imports::ImportRow, report: &Report) {
    let counts = report.counts;
    let all = json!({
        "created": counts.created, "changed": counts.changed, "unchanged": counts.unchanged, "refused": counts.refused, "read": counts.read,
        "totals": report.created, "mode": row.mode, "sha256": row.file_sha256.as_deref().map(hex), "source": row.source_id.to_string(),
        "file": row.file_name,
    });
    tx.record(Event::new("import.committed", "import", row.id, None).detail(all));
    for (region, totals) in &report.regions {
        let created: i64 = totals.values().map(|total| total.rows).sum();
        let detail = json!({ "created": created, "totals": totals, "sha256": row.file_sha256.as_deref().map(hex) });
        tx.record(Event::new("import.committed", "import", row.id, Some(*region)).detail(detail));
    }
}

/// Takes a file that is not kept in pieces, and begins to write it; the row as it stands then.
pub(super) async fn straight(store: &Store, actor: Actor, new: NewImport, setup: Setup, mode: Mode) -> Result<imports::ImportRow, Failure> {
    let id = new.id;
    let beat = store.now().0;
    store
        .write(Intent::once(actor, "import.commit"), move |tx| {
            let (new, setup) = (new.clone(), setup.text());
            Box::pin(async move {
                if !tx.access().has(Permission::ImportsRun) {
                    return Err(Refusal::Forbidden(Permission::ImportsRun).into());
                }
                imports::insert(tx, &new, setup).await?;
                let row = imports::get(tx, id).await?.ok_or(Refusal::NotFound)?;
                tx.record(uploaded(&row));
                begin(tx, &row, mode, beat).await
            })
        })
        .await?;
    let mut read = store.read().await?;
    Ok(imports::get(&mut read, id).await?.ok_or(Refusal::NotFound)?)
}
