//! Taking a list away as a file: who took what is noted first, the file is made while it is handed over, and noted when it is whole.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use bytes::Bytes;
use futures_util::Stream;
use serde_json::json;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::domain::access::{Actor, Permission};
use crate::domain::audit::Event;
use crate::domain::currency::Currency;
use crate::domain::id::{ExportId, RegionId};
use crate::domain::list_query::{Column, Kind, ListQuery};
use crate::domain::refusal::Refusal;
use crate::domain::time::{Day, Instant};
use crate::formats::write_csv::{CsvRow, Preset};
use crate::store::Store;
use crate::store::bulk_read::{self, Fields, Pieces, Plan, Sink};
use crate::store::exports::{self, FIRST, NewExport};
use crate::store::failure::{DbError, Failure};
use crate::store::writer::Intent;

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
                let asked = if new.what == TRANSACTIONS { ListQuery::parse(&new.query).query } else { ListQuery::default() };
                let personal: Vec<&str> =
                    asked.columns().iter().filter(|column| column.is_personal()).map(|column| column.code()).collect();
                let event = Event::new("export.made", "export", id, region);
                tx.record(
                    event.detail(json!({ "what": new.what, "query": new.words, "format": new.format, "personal_columns": personal })),
                );
                Ok(id)
            })
        })
        .await
}

/// What ids are called, so that no row has to be joined with anything.
#[derive(Clone, Debug, Default)]
pub struct Names {
    /// Regions, budgets and sources in scope.
    pub known: HashMap<Uuid, String>,
    /// Digits of the organisation's own currency.
    pub base_digits: u32,
}

/// How far a file has come.
#[derive(Debug, Default)]
pub(super) struct Progress {
    /// Rows so far.
    pub rows: AtomicI64,
    /// Whether the last one has been written.
    pub whole: AtomicBool,
}

/// Writes the rows of a list of transactions.
struct TransactionFile {
    out: CsvRow,
    columns: Vec<(Column, Kind)>,
    names: Names,
    currency: (String, u32),
    rows: i64,
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
        Self { out, columns, names, currency: (String::new(), 2), rows: 0, progress }
    }

    /// The digits of the row's currency; neighbouring rows mostly share it.
    fn digits(&mut self, code: &str) -> u32 {
        if self.currency.0 != code {
            self.currency = (code.to_owned(), Currency::parse(code).map_or(2, Currency::digits));
        }
        self.currency.1
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
        let digits = self.digits(fields.text(FIRST - 1).unwrap_or_default());
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
        self.rows += 1;
    }

    fn waiting(&self) -> usize {
        self.out.len()
    }

    fn take(&mut self) -> Vec<u8> {
        self.progress.rows.store(self.rows, Ordering::Release);
        self.out.take()
    }

    fn end(&mut self) {
        self.progress.whole.store(true, Ordering::Release);
    }
}

/// Hands the file over piece by piece, and notes it when the last one was taken. What breaks off is an error to the reader, never a short file.
pub fn download(
    store: &Store,
    actor: Actor,
    id: ExportId,
    plan: Plan,
    preset: Preset,
    columns: &[Column],
    names: Names,
) -> impl Stream<Item = Result<Bytes, DbError>> + 'static {
    let progress = Arc::new(Progress::default());
    let pieces = bulk_read::stream(store.pools(), plan, TransactionFile::new(preset, columns, names, progress.clone()));
    handed_over(store, actor, id, pieces, progress)
}

/// The pieces as they come; the export is finished when `progress` says that the last one was whole.
pub(super) fn handed_over(
    store: &Store,
    actor: Actor,
    id: ExportId,
    pieces: Pieces,
    progress: Arc<Progress>,
) -> impl Stream<Item = Result<Bytes, DbError>> + use<> {
    let handing = Handing { pieces, progress, hash: Sha256::new(), bytes: 0, over: false, store: store.clone(), actor, id };
    futures_util::stream::unfold(handing, Handing::next)
}

struct Handing {
    pieces: Pieces,
    progress: Arc<Progress>,
    hash: Sha256,
    bytes: i64,
    over: bool,
    store: Store,
    actor: Actor,
    id: ExportId,
}

impl Handing {
    async fn next(mut self) -> Option<(Result<Bytes, DbError>, Self)> {
        if self.over {
            return None;
        }
        match self.pieces.recv().await {
            Some(Ok(piece)) => {
                self.hash.update(&piece);
                self.bytes += piece.len() as i64;
                Some((Ok(piece), self))
            }
            Some(Err(error)) => {
                tracing::warn!(%error, export = %self.id, "an export broke off");
                self.over = true;
                Some((Err(error), self))
            }
            None if self.progress.whole.load(Ordering::Acquire) => {
                self.note().await;
                None
            }
            None => {
                self.over = true;
                Some((Err(DbError::Gone), self))
            }
        }
    }

    /// The file is with the reader already: what cannot be noted is logged, and the export stays "not finished".
    async fn note(self) {
        let (id, rows, bytes) = (self.id, self.progress.rows.load(Ordering::Acquire), self.bytes);
        let sha256: [u8; 32] = self.hash.finalize().into();
        let noted = self.store.write(Intent::once(self.actor, "export.finish"), move |tx| {
            Box::pin(async move { exports::finish(tx, id, rows, bytes, sha256).await })
        });
        if let Err(error) = noted.await {
            tracing::warn!(%error, export = %id, "a finished export could not be noted");
        }
    }
}
