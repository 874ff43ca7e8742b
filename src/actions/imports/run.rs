//! A run in work: who works on it, how far it is, and how it is taken over when nobody does any more.
//!
//! Whoever takes a run counts its version up and names that version in every write. The heartbeat in it says that the work goes on; a run
//! whose heartbeat stopped is taken by the next process that looks, and the writes of the one before are refused from then on.

use serde::{Deserialize, Serialize};

use super::file::{Input, table};
use super::report::Report;
use super::setup::Setup;
use super::{Limits, Stop};
use crate::clock::Stopwatch;
use crate::domain::access::{Actor, Proved, Who};
use crate::domain::id::{ImportId, UserId};
use crate::domain::refusal::Refusal;
use crate::domain::time::Instant;
use crate::formats::Opened;
use crate::store::Store;
use crate::store::failure::Failure;
use crate::store::imports::{self, Change, ImportRow};
use crate::store::writer::Intent;

/// Seconds without a heartbeat after which a run is free to be taken over.
pub const SILENT_SECONDS: i64 = 30;
/// How often a run that broke off is tried again.
pub const TRIES: u32 = 4;
/// The least time between two notes of progress.
const NOTE_EVERY: f64 = 0.4;

/// How far a run in work is, in place of its report.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Running {
    /// The last sign of life, microseconds since 1970; 0 when nobody has begun.
    pub beat: i64,
    /// How often the work was begun.
    pub tries: u32,
    /// Bytes of the file read.
    pub done: u64,
    /// Bytes of the file.
    pub total: u64,
    /// Rows of the run come after this number; `None` before any could have been written.
    pub from_no: Option<i64>,
}

impl Running {
    /// Reads the form in the store.
    pub fn read(text: &str) -> Self {
        serde_json::from_str(text).unwrap_or_default()
    }

    /// The form in the store.
    pub fn text(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    /// Whether nobody has given a sign of life for a while.
    pub fn is_free(&self, now: Instant) -> bool {
        Instant(self.beat).plus_seconds(SILENT_SECONDS) < now || self.beat == 0
    }
}

/// A run that this process works on.
pub struct Run {
    /// The import, as it was when it was taken.
    pub row: ImportRow,
    /// The version that every write names.
    pub fence: i64,
    /// Its bytes.
    pub input: Input,
    /// What a file may cost.
    pub limits: Limits,
    /// How far it is.
    pub running: Running,
    /// What was found, once the rows are published.
    pub report: Option<Report>,
    /// The person in whose name it is done.
    pub person: UserId,
    noted: Stopwatch,
}

impl Run {
    /// Takes a run, unless somebody works on it. `None` where somebody does, or where it is not what it was.
    pub async fn take(store: &Store, row: ImportRow, input: Input, limits: Limits) -> Result<Option<Self>, Failure> {
        let Some(person) = row.person_id else { return Ok(None) };
        let mut report = (row.state == "done").then(|| serde_json::from_str::<Report>(&row.report).unwrap_or_default());
        let mut running = report.as_ref().map_or_else(|| Running::read(&row.report), |report| report.running);
        if !running.is_free(store.now()) {
            return Ok(None);
        }
        running = Running { beat: store.now().0, tries: running.tries + 1, done: 0, total: row.file_bytes.unsigned_abs(), ..running };
        let (id, version) = (row.id, row.version);
        let text = Self::text(&mut report, running);
        let change = Change { report: Some(text), ..Change::default() };
        let taken = store
            .write(Intent::once(Actor::system("job"), "import.take"), move |tx| {
                let change = change.clone();
                Box::pin(async move { imports::update(tx, id, version, false, &change).await })
            })
            .await;
        match taken {
            Ok(()) => Ok(Some(Self { fence: version + 1, row, input, limits, running, report, person, noted: store.clock.stopwatch() })),
            Err(Failure::Refused(Refusal::Stale)) => Ok(None),
            Err(failure) => Err(failure),
        }
    }

    /// A run that this process has begun itself, or that is never written at all.
    pub(super) fn begun(store: &Store, row: ImportRow, input: Input, limits: Limits, person: UserId) -> Self {
        let running = Running::read(&row.report);
        Self { fence: row.version, row, input, limits, running, report: None, person, noted: store.clock.stopwatch() }
    }

    /// The form in the store: how far it is, inside the report where there is one.
    fn text(report: &mut Option<Report>, running: Running) -> String {
        match report {
            Some(report) => {
                report.running = running;
                report.text()
            }
            None => running.text(),
        }
    }

    /// The import's id.
    pub fn id(&self) -> ImportId {
        self.row.id
    }

    /// The person in whose name it is done, as the one who acts.
    pub fn actor(&self) -> Actor {
        Actor { who: Who::Person(self.person), request_id: String::new(), peer: String::new(), proved: Proved::Elsewhere }
    }

    /// The mapping.
    pub fn setup(&self) -> Result<Setup, Stop> {
        Ok(Setup::read(&self.row.mapping).ok_or_else(|| Refusal::State("The mapping of this import cannot be read".to_owned()))?)
    }

    /// The file as a table.
    pub async fn table(&self, store: &Store) -> Result<Opened, Stop> {
        let missing = || Refusal::State("The file is gone; upload it again".to_owned());
        let file = self.input.open(store).await?.ok_or_else(missing)?;
        table(file, self.row.file_name.clone(), self.limits.clone()).await
    }

    /// A sign of life with the bytes read so far.
    pub fn beat(&mut self, store: &Store, done: u64) -> String {
        (self.running.beat, self.running.done) = (store.now().0, done);
        self.noted = store.clock.stopwatch();
        Self::text(&mut self.report, self.running)
    }

    /// Whether progress has not been noted for a moment.
    pub fn is_quiet(&self) -> bool {
        self.noted.seconds() > NOTE_EVERY
    }

    /// Changes the run, under its fence. Refused as stale where it was withdrawn or taken over.
    pub async fn change(&self, store: &Store, name: &'static str, change: Change) -> Result<(), Failure> {
        let (id, fence) = (self.id(), self.fence);
        store
            .write(Intent::once(Actor::system("job"), name), move |tx| {
                let change = change.clone();
                Box::pin(async move { imports::update(tx, id, fence, true, &change).await })
            })
            .await
    }
}
