//! Taking a list away as a file: who took what is noted first, the file is made while it is handed over, and noted when it is whole.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use futures_util::Stream;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::domain::access::{Actor, Permission};
use crate::domain::audit::Event;
use crate::domain::currency::Currency;
use crate::domain::id::{ExportId, RegionId};
use crate::domain::list_query::{Column, Kind, ListQuery};
use crate::domain::refusal::Refusal;
use crate::domain::text::hex;
use crate::domain::time::{Day, Instant};
use crate::formats::write_csv::{CsvRow, Preset};
use crate::store::bulk_read::{self, Fields, Pieces, Plan, Sink};
use crate::store::db::Reader;
use crate::store::exports::{self, CURRENCY, FIRST, NewExport, REGION};
use crate::store::failure::{DbError, Failure};
use crate::store::writer::Intent;
use crate::store::{Store, checkpoints};

/// What an export is of: the list of transactions.
pub const TRANSACTIONS: &str = "transactions";

/// What the word in the store stands for.
pub fn preset(format: &str) -> Option<Preset> {
    match format {
        "excel" => Some(Preset::Excel),
        "machine" => Some(Preset::Machine),
        _ => None,
    }
}

/// Notes an export: who, what in words, and when. `region` is the one it is about, where it is about one.
pub async fn create(store: &Store, actor: Actor, key: &str, new: NewExport, region: Option<RegionId>) -> Result<ExportId, Failure> {
    store
        .write(Intent::keyed(actor, "export.make", key, &new), move |tx| {
            let new = new.clone();
            Box::pin(async move {
                if !tx.access().has(Permission::ExportsCreate) {
                    return Err(Refusal::Forbidden(Permission::ExportsCreate).into());
                }
                let id = ExportId(tx.new_id());
                exports::insert(tx, id, &new).await?;
                // Files about budgets name nobody but their owners.
                let personal = if new.what == TRANSACTIONS { personal(&ListQuery::parse(&new.query).query) } else { Vec::new() };
                let checkpoint = newest_checkpoint(tx).await?;
                let event = Event::new("export.made", "export", id, region);
                tx.record(event.detail(json!({
                    "what": new.what, "query": new.words, "format": new.format, "personal_columns": personal, "checkpoint": checkpoint,
                })));
                Ok(id)
            })
        })
        .await
}

/// The newest checkpoint of the trail as an event names it: how many events, and the root over them.
async fn newest_checkpoint(reader: &mut impl Reader) -> Result<Value, DbError> {
    let newest = checkpoints::newest(reader).await?;
    Ok(newest.map_or(Value::Null, |row| json!({ "size": row.size, "root": hex(&row.root) })))
}

/// The columns of a question that hold people's data.
fn personal(query: &ListQuery) -> Vec<&'static str> {
    query.columns().iter().filter(|column| column.is_personal()).map(|column| column.code()).collect()
}

/// What ids are called, so that no row has to be joined with anything.
#[derive(Clone, Debug, Default)]
pub struct Names {
    /// Regions, budgets and sources in scope.
    pub known: HashMap<Uuid, String>,
    /// Digits of the organisation's own currency.
    pub base_digits: u32,
}

/// How many rows of each region a file holds so far.
pub(super) type Rows = Vec<(Uuid, i64)>;

/// How far a file has come.
#[derive(Debug, Default)]
pub(super) struct Progress {
    /// For each piece that was made and not handed over yet: the rows up to its end.
    pieces: Mutex<VecDeque<Rows>>,
    whole: AtomicBool,
}

impl Progress {
    /// A piece was made, up to whose end there are so many rows.
    pub(super) fn piece(&self, rows: Rows) {
        self.pieces().push_back(rows);
    }

    /// The last piece was made.
    pub(super) fn end(&self) {
        self.whole.store(true, Ordering::Release);
    }

    fn pieces(&self) -> MutexGuard<'_, VecDeque<Rows>> {
        self.pieces.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Writes the rows of a list of transactions.
struct TransactionFile {
    out: CsvRow,
    columns: Vec<(Column, Kind)>,
    names: Names,
    currency: (String, u32),
    rows: Rows,
    progress: Arc<Progress>,
}

impl TransactionFile {
    fn new(preset: Preset, columns: &[Column], names: Names, progress: Arc<Progress>) -> Self {
        let mut out = CsvRow::new(preset, 80 * 1024);
        for column in columns {
            match preset {
                Preset::Excel => out.text(column.label()),
                Preset::Machine => out.text(column.code()),
            }
        }
        out.end();
        let columns = columns.iter().map(|column| (*column, column.kind())).collect();
        Self { out, columns, names, currency: (String::new(), 2), rows: Rows::new(), progress }
    }

    /// The digits of the row's currency; neighbouring rows mostly share it.
    fn digits(&mut self, code: &str) -> u32 {
        if self.currency.0 != code {
            self.currency = (code.to_owned(), Currency::parse(code).map_or(2, Currency::digits));
        }
        self.currency.1
    }

    /// Counts a row under its region: there are few, and the one met last stands in front.
    fn count(&mut self, region: Uuid) {
        if let Some((first, rows)) = self.rows.first_mut()
            && *first == region
        {
            *rows += 1;
            return;
        }
        match self.rows.iter().position(|(known, _)| *known == region) {
            Some(at) => self.rows.swap(0, at),
            None => self.rows.insert(0, (region, 0)),
        }
        if let Some((_, rows)) = self.rows.first_mut() {
            *rows += 1;
        }
    }

    fn named(&mut self, id: Option<Uuid>) {
        match id.and_then(|id| self.names.known.get(&id)) {
            Some(name) => self.out.text(name),
            None => self.out.empty(),
        }
    }
}

impl Sink for TransactionFile {
    fn row(&mut self, fields: &impl Fields) {
        let digits = self.digits(fields.text(CURRENCY).unwrap_or_default());
        for i in 0..self.columns.len() {
            let Some((_, kind)) = self.columns.get(i).copied() else { break };
            let at = FIRST + i;
            match kind {
                Kind::Text => self.out.maybe_text(fields.text(at)),
                Kind::Code => self.out.code(fields.text(at).unwrap_or_default()),
                Kind::Amount => self.out.maybe_amount(fields.int(at), digits),
                Kind::BaseAmount => self.out.maybe_amount(fields.int(at), self.names.base_digits),
                Kind::Integer => self.out.maybe_amount(fields.int(at), 0),
                Kind::Instant => self.out.maybe_instant(fields.int(at).map(Instant)),
                Kind::Day => match fields.int(at) {
                    Some(day) => self.out.day(Day(day)),
                    None => self.out.empty(),
                },
                Kind::Id(prefix) => match fields.id(at) {
                    Some(id) => self.out.id(prefix, id),
                    None => self.out.empty(),
                },
                Kind::RegionName | Kind::BudgetName | Kind::SourceName => self.named(fields.id(at)),
            }
        }
        self.out.end();
        self.count(fields.id(REGION).unwrap_or_default());
    }

    fn waiting(&self) -> usize {
        self.out.len()
    }

    fn take(&mut self) -> Vec<u8> {
        self.progress.piece(self.rows.clone());
        self.out.take()
    }

    fn end(&mut self) {
        self.progress.end();
    }
}

/// What is handed over, and to whom.
#[derive(Clone, Debug)]
pub struct Taking {
    /// Who takes it.
    pub actor: Actor,
    /// The export.
    pub id: ExportId,
    /// The question.
    pub query: ListQuery,
    /// The question in words.
    pub words: String,
    /// `excel` or `machine`.
    pub format: String,
}

impl Taking {
    fn told(self) -> Told {
        let shareable = self.query.shareable();
        let mut shared = shareable.words(&|_, _| None);
        if shareable != self.query {
            shared.push_str("; and filters that are not told here");
        }
        let (actor, id, words, format) = (self.actor, self.id, self.words, self.format);
        Told { actor, id, what: TRANSACTIONS, words, shared, personal: personal(&self.query), format }
    }
}

/// What the audit trail is told of a file that was taken.
#[derive(Clone, Debug)]
pub(super) struct Told {
    /// Who takes it.
    pub actor: Actor,
    /// The export.
    pub id: ExportId,
    /// What it is of.
    pub what: &'static str,
    /// The question in words.
    pub words: String,
    /// The same for each region that it is about: nothing of another region.
    pub shared: String,
    /// The columns that hold people's data.
    pub personal: Vec<&'static str>,
    /// `excel` or `machine`.
    pub format: String,
}

/// Hands the file over piece by piece. When it ends, whole or not, the audit trail notes who took what: one event for the whole organisation with
/// the question, all rows and the hash of every byte that was handed over; and one for each region that rows were taken of, which tells its
/// own number of rows and of the question only what names nobody and nothing of another region. So somebody who reads one region's trail sees
/// that rows of it were taken, and learns nothing of the others. What breaks off is an error to the reader, never a short file.
pub fn download(
    store: &Store,
    taking: Taking,
    plan: Plan,
    preset: Preset,
    names: Names,
) -> impl Stream<Item = Result<Bytes, DbError>> + 'static {
    let progress = Arc::new(Progress::default());
    let file = TransactionFile::new(preset, taking.query.columns(), names, progress.clone());
    let pieces = bulk_read::stream(store.pools(), store.sight(), plan, file);
    handed_over(store, taking.told(), pieces, progress)
}

/// The pieces as they come; the export is finished when `progress` says that the last one was whole.
pub(super) fn handed_over(
    store: &Store,
    told: Told,
    pieces: Pieces,
    progress: Arc<Progress>,
) -> impl Stream<Item = Result<Bytes, DbError>> + use<> {
    let taken = Taken { hash: Sha256::new(), bytes: 0, rows: Rows::new(), noted: false, store: store.clone(), told };
    futures_util::stream::unfold(Handing { pieces, progress, over: false, taken }, Handing::next)
}

struct Handing {
    pieces: Pieces,
    progress: Arc<Progress>,
    over: bool,
    taken: Taken,
}

impl Handing {
    async fn next(mut self) -> Option<(Result<Bytes, DbError>, Self)> {
        if self.over {
            return None;
        }
        match self.pieces.recv().await {
            Some(Ok(piece)) => {
                self.taken.hash.update(&piece);
                self.taken.bytes += piece.len() as i64;
                if let Some(rows) = self.progress.pieces().pop_front() {
                    self.taken.rows = rows;
                }
                Some((Ok(piece), self))
            }
            Some(Err(error)) => {
                tracing::warn!(%error, export = %self.taken.told.id, "an export broke off");
                self.over = true;
                self.taken.note(false).await;
                Some((Err(error), self))
            }
            None if self.progress.whole.load(Ordering::Acquire) => {
                self.taken.note(true).await;
                None
            }
            None => {
                self.over = true;
                self.taken.note(false).await;
                Some((Err(DbError::Gone), self))
            }
        }
    }
}

/// What was handed over so far. Whoever goes away in the middle drops it, and then that is noted.
struct Taken {
    hash: Sha256,
    bytes: i64,
    rows: Rows,
    noted: bool,
    store: Store,
    told: Told,
}

impl Taken {
    /// Once: as it is now.
    fn note(&mut self, whole: bool) -> impl Future<Output = ()> + Send + use<> {
        self.noted = true;
        let (store, told, rows, bytes) = (self.store.clone(), self.told.clone(), std::mem::take(&mut self.rows), self.bytes);
        let sha256: [u8; 32] = std::mem::take(&mut self.hash).finalize().into();
        async move {
            let id = told.id;
            // The file is with the reader already: what cannot be noted is logged.
            if let Err(error) = noted(&store, told, rows, bytes, sha256, whole).await {
                tracing::warn!(%error, export = %id, "a download could not be noted");
            }
        }
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        if self.noted {
            return;
        }
        let note = self.note(false);
        match tokio::runtime::Handle::try_current() {
            Ok(runtime) => drop(runtime.spawn(note)),
            Err(_) => tracing::warn!(export = %self.told.id, "a download that broke off could not be noted"),
        }
    }
}

async fn noted(store: &Store, told: Told, rows: Rows, bytes: i64, sha256: [u8; 32], whole: bool) -> Result<(), Failure> {
    store
        .write(Intent::once(told.actor.clone(), "export.download"), move |tx| {
            let (told, rows) = (told.clone(), rows.clone());
            Box::pin(async move {
                let all: i64 = rows.iter().map(|(_, rows)| rows).sum();
                if whole {
                    exports::finish(tx, told.id, all, bytes, sha256).await?;
                }
                let checkpoint = newest_checkpoint(tx).await?;
                let detail = |query: &str, rows: i64| {
                    json!({
                        "what": told.what, "query": query, "format": told.format, "personal_columns": told.personal,
                        "rows": rows, "sha256": hex(&sha256), "whole": whole, "checkpoint": checkpoint,
                    })
                };
                let event = |region| Event::new("export.downloaded", "export", told.id, region);
                let mut everything = detail(&told.words, all);
                everything["bytes"] = bytes.into();
                tx.record(event(None).detail(everything));
                for (region, rows) in &rows {
                    tx.record(event(Some(RegionId(*region))).detail(detail(&told.shared, *rows)));
                }
                Ok(())
            })
        })
        .await
}
