//! The store: two engines behind one set of queries, snapshots for reading, one door for writing.

pub mod access;
pub mod approval_filter;
pub mod approval_policies;
pub mod approvals;
pub mod audit_log;
pub mod budgets;
pub mod bulk_audit;
mod bulk_file;
pub mod bulk_read;
pub mod cells;
pub mod check;
pub mod checkpoints;
pub mod db;
mod db_bulk;
pub mod db_copy;
pub mod db_dump;
mod db_fold;
pub mod db_inspect;
pub mod db_pools;
pub mod db_wall;
pub mod evidence;
pub mod exports;
pub mod failure;
pub mod heard;
mod idempotency;
pub mod import_changes;
pub mod import_rows;
pub mod import_sight;
pub mod imports;
pub mod ledger;
pub mod mail;
pub mod mappings;
pub mod migrate;
pub mod overview;
pub mod passkeys;
pub mod people;
pub mod postings;
pub mod recipients;
pub mod regions;
pub mod retention;
pub mod reviews;
pub mod roles;
pub mod second_factor;
pub mod sessions;
pub mod settings;
pub mod sql;
pub mod throttle;
pub mod transaction_detail;
pub mod transaction_list;
pub mod transaction_query;
pub mod transaction_search;
pub mod transaction_totals;
pub mod transactions;
pub mod write_tx;
pub mod writer;

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::clock::{Clock, Random};
use crate::domain::access::Sight;
use crate::domain::refusal::Refusal;
use crate::domain::time::Instant;
use crate::metrics::Metrics;
use db::{Engine, Lone, Read};
use db_pools::Pools;
use failure::{DbError, Failure};
use writer::{Door, Intent, Running, WriteTx};

/// What the names of commands begin with that run while the store is held: signing in to look, and deciding.
const WHILE_HELD: [&str; 8] =
    ["session.", "sign_in.", "restore.", "backup.", "audit.verify", "audit.export", "audit.key_begun", "audit.key_replaced"];

/// Why nothing is written but what is needed to look and to decide.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Held {
    /// It is not so.
    No,
    /// An older database stands here than stood here before: see [`settings::AUDIT_HELD`].
    Older,
    /// Checkpoints were noted where nothing can be read now, so nobody knows whether an older database stands here.
    Blind,
}

/// An open store. Cheap to clone.
#[derive(Clone)]
pub struct Store {
    pools: Pools,
    door: Door,
    /// What its snapshots see.
    sight: Arc<Sight>,
    /// One of [`Held`].
    held: Arc<AtomicU8>,
    /// Time, for whoever needs it as an argument.
    pub clock: Clock,
    /// Randomness, for whoever needs it as an argument.
    pub random: Random,
    /// What is measured.
    pub metrics: Arc<Metrics>,
}

/// How a store is opened.
#[derive(Clone)]
pub struct Options {
    /// `sqlite:FILE` or `postgres://…`.
    pub url: String,
    /// How many connections read.
    pub read_connections: u32,
    /// How many commands share one commit at most; [`writer::BATCH_MOST`] but in a benchmark that shows why.
    pub batch_most: usize,
}

impl Options {
    /// For this address, with as many connections as a small machine uses.
    pub fn of(url: impl Into<String>) -> Self {
        Self { url: url.into(), read_connections: 8, batch_most: writer::BATCH_MOST }
    }
}

impl Store {
    /// Opens the database, brings its schema up to date and opens the door.
    pub async fn open(options: &Options, clock: Clock, random: Random, metrics: Arc<Metrics>) -> Result<Self, Failure> {
        let pools = Pools::open(&options.url, options.read_connections).await?;
        migrate::run(&pools, Instant(clock.now())).await?;
        db_wall::raise(&pools).await?;
        let mut tx = pools.begin_write().await?;
        // From the system whatever `random` is: the demo's is seeded, and what follows from a seed is no secret.
        let unforeseen = Random::system();
        audit_log::begin(&mut tx, unforeseen.bytes::<16>().to_vec()).await?;
        settings::ensure_secret(&mut tx, settings::SESSION_KEY, unforeseen.bytes::<64>().to_vec()).await?;
        tx.commit().await?;
        let (door, _) = Door::open(pools.clone(), clock.clone(), random.clone(), metrics.clone(), options.batch_most);
        let is_held = settings::get(&mut Lone(pools.clone()), settings::AUDIT_HELD).await?.is_some();
        let held = Arc::new(AtomicU8::new(if is_held { Held::Older } else { Held::No } as u8));
        Ok(Self { pools, door, sight: Arc::new(Sight::Everything), held, clock, random, metrics })
    }

    /// A snapshot to read from: of all regions, or of what is in sight of a store [`Store::within`] something.
    pub async fn read(&self) -> Result<Read, DbError> {
        self.pools.read_within(&self.sight).await
    }

    /// The same store as one person sees it. What it is opened with sees everything: that is for jobs, the command line, and what is asked before it is
    /// known who asks. A page reads by `Portal::read`.
    #[must_use]
    pub fn within(&self, sight: Sight) -> Self {
        Self { sight: Arc::new(sight), ..self.clone() }
    }

    /// What is in sight.
    pub fn sight(&self) -> &Sight {
        &self.sight
    }

    /// For a question that is one statement.
    pub fn lone(&self) -> Lone {
        Lone(self.pools.clone())
    }

    /// The only way to change anything: `act` runs inside the writer's transaction, and this returns after the commit. `act` may run twice (see
    /// [`writer`]), and does nothing slow: no password hash, no HTTP, no unbounded loop.
    pub async fn write<T, F>(&self, intent: Intent, act: F) -> Result<T, Failure>
    where
        T: Serialize + DeserializeOwned + Send + 'static,
        F: for<'t> Fn(&'t mut WriteTx<'_>) -> Running<'t, T> + Send + Sync + 'static,
    {
        self.open_to(intent.name)?;
        self.door.write(intent, act).await
    }

    /// Refuses a command that is not among those that run while the store is held.
    pub fn open_to(&self, name: &str) -> Result<(), Refusal> {
        if !self.is_held() || WHILE_HELD.iter().any(|begin| name.starts_with(begin)) {
            return Ok(());
        }
        let words = if self.held.load(Ordering::Acquire) == Held::Blind as u8 {
            "The file in which checkpoints of the audit trail were noted cannot be read, so nobody can tell whether this database is the newest one. \
             Nothing is changed until it is there again (audit_anchor_file), or an empty one in its place if it is gone for good"
        } else {
            "This database is older than the one that stood here before, so nothing is changed in it until somebody who runs the portal accepts \
             that (counterfoil restore accept)"
        };
        Err(Refusal::State(words.to_owned()))
    }

    /// Whether the store only lets people look.
    pub fn is_held(&self) -> bool {
        self.held.load(Ordering::Acquire) != Held::No as u8
    }

    /// From now on it is, or is not.
    pub fn hold(&self, held: Held) {
        self.held.store(held as u8, Ordering::Release);
    }

    /// To be called after personal data was erased: the engine's own files do not keep it either, as far as the portal can see to that.
    pub fn erased(&self) {
        self.pools.erased();
    }

    /// This moment.
    pub fn now(&self) -> Instant {
        Instant(self.clock.now())
    }

    /// Which engine it is on.
    pub fn engine(&self) -> Engine {
        self.pools.engine()
    }

    /// The connections, for exports, backups and the doctor.
    pub fn pools(&self) -> &Pools {
        &self.pools
    }

    /// Closes every connection.
    pub async fn close(&self) {
        self.pools.close().await;
    }
}
