//! The one door for writes.
//!
//! A bounded queue and one task per process. The task takes what is waiting, up to [`BATCH_MOST`] commands, and runs them in one transaction: each
//! reads its authorization again, applies the rules, writes, and leaves audit events; then the events are numbered and chained, the transaction is
//! committed once, and only then anyone is answered. On PostgreSQL the row `audit_head` is locked first, so several processes take turns.
//!
//! What writes much at once (a chunk of an import) has a transaction of its own, so that nobody else waits for more than one such.
//!
//! Commands run without savepoints at first, because nearly every refusal comes before anything was written. When one fails after it has
//! written, the transaction is rolled back and the batch runs again with a savepoint around each command: a command is therefore a function that can
//! run twice.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};
use tokio::sync::{mpsc, oneshot};

use super::db::{Arg, Memo};
use super::db_pools::Pools;
use super::failure::{DbError, Failure};
pub use super::write_tx::WriteTx;
use super::{access, audit_log, idempotency};
use crate::clock::{Clock, Random, uuid_v7};
use crate::domain::access::Actor;
use crate::domain::approval::Policy;
use crate::domain::id::EventId;
use crate::domain::refusal::Refusal;
use crate::domain::time::Instant;
use crate::metrics::Metrics;

/// The most commands in one transaction.
pub const BATCH_MOST: usize = 64;
/// The most commands that may wait; past that the answer is "busy", never a pile-up.
pub const QUEUE_MOST: usize = 1024;
/// How often a batch is tried when the engine is busy or its connection goes away between the beginning and the commit.
const TRIES: u32 = 3;

/// What a command's function returns while it runs.
pub type Running<'t, T> = Pin<Box<dyn Future<Output = Result<T, Failure>> + Send + 't>>;

/// What is asked of the door, apart from the function that does it.
pub struct Intent {
    /// Who asks.
    pub actor: Actor,
    /// The command's name, like `budget.adjust`: for metrics, and the scope of the idempotency key.
    pub name: &'static str,
    /// The idempotency key and a hash of the content it came with.
    pub(super) key: Option<(String, [u8; 32])>,
    /// See [`Intent::bulk`].
    bulk: bool,
}

impl Intent {
    /// A command that may be repeated without harm, or that nobody can repeat.
    pub fn once(actor: Actor, name: &'static str) -> Self {
        Self { actor, name, key: None, bulk: false }
    }

    /// A command that is done once for its key: repeated with the same content it gives the same answer, with other content it is refused.
    pub fn keyed(actor: Actor, name: &'static str, key: &str, content: &impl Serialize) -> Self {
        // Serialising plain structs of strings and integers cannot fail; were it to, the content is empty on both sides of the comparison.
        let bytes = serde_json::to_vec(content).unwrap_or_default();
        Self { actor, name, key: Some((key.to_owned(), Sha256::digest(&bytes).into())), bulk: false }
    }

    /// Marks a command that writes so much that others should not wait for it more than once: it has a commit of its own, after what is small.
    #[must_use]
    pub fn bulk(self) -> Self {
        Self { bulk: true, ..self }
    }
}

/// A command in the queue, its result type forgotten.
trait Job: Send {
    fn intent(&self) -> &Intent;
    fn run<'t>(&'t mut self, tx: &'t mut WriteTx<'_>) -> Pin<Box<dyn Future<Output = Result<(), Failure>> + Send + 't>>;
    fn forget(&mut self);
    /// Whether the last run gave an answer that is to be kept.
    fn succeeded(&self) -> bool;
    /// Whether the last run ended because the database refused a statement: PostgreSQL then takes nothing more in this transaction.
    fn broke(&self) -> bool;
    fn finish(self: Box<Self>, committed: Result<(), Failure>);
}

struct Command<T, F> {
    intent: Intent,
    act: F,
    outcome: Option<Result<T, Failure>>,
    answer: oneshot::Sender<Result<T, Failure>>,
}

impl<T, F> Job for Command<T, F>
where
    T: Serialize + DeserializeOwned + Send + 'static,
    F: for<'t> Fn(&'t mut WriteTx<'_>) -> Running<'t, T> + Send + Sync,
{
    fn intent(&self) -> &Intent {
        &self.intent
    }

    fn run<'t>(&'t mut self, tx: &'t mut WriteTx<'_>) -> Pin<Box<dyn Future<Output = Result<(), Failure>> + Send + 't>> {
        Box::pin(async move {
            let result = run_once(&self.intent, &self.act, tx).await;
            let verdict = match &result {
                Ok(_) | Err(Failure::Refused(_)) => Ok(()),
                Err(failure @ Failure::Db(error)) if matters_to_batch(error) => Err(again(failure)),
                Err(_) => Ok(()),
            };
            self.outcome = Some(result);
            verdict
        })
    }

    fn forget(&mut self) {
        self.outcome = None;
    }

    fn succeeded(&self) -> bool {
        matches!(self.outcome, Some(Ok(_)))
    }

    fn broke(&self) -> bool {
        matches!(self.outcome, Some(Err(Failure::Db(_))))
    }

    fn finish(self: Box<Self>, committed: Result<(), Failure>) {
        let outcome = match committed {
            Ok(()) => self.outcome.unwrap_or(Err(Failure::Db(DbError::Gone))),
            Err(failure) => Err(failure),
        };
        // The caller may have gone; the command is finished all the same.
        let _ = self.answer.send(outcome);
    }
}

/// After these the transaction cannot go on, whichever command met them.
fn matters_to_batch(error: &DbError) -> bool {
    matches!(error, DbError::Gone | DbError::Full | DbError::Busy)
}

async fn run_once<T, F>(intent: &Intent, act: &F, tx: &mut WriteTx<'_>) -> Result<T, Failure>
where
    T: Serialize + DeserializeOwned + Send,
    F: for<'t> Fn(&'t mut WriteTx<'_>) -> Running<'t, T> + Sync,
{
    let Some((key, content)) = &intent.key else {
        return act(tx).await;
    };
    let principal = idempotency::principal(&intent.actor);
    let row = [principal.clone().into(), Arg::from(intent.name), key.clone().into(), content.to_vec().into()];
    // Earlier in this very batch, or in an earlier one.
    let earlier = tx.answers.iter().find(|seen| seen[..3] == row[..3]).and_then(|seen| match (&seen[3], &seen[4]) {
        (Arg::Bytes(Some(hash)), Arg::Text(Some(answer))) => Some((hash.clone(), answer.to_string())),
        _ => None,
    });
    let earlier = earlier.or_else(|| tx.kept.get(&(principal, intent.name.to_owned(), key.clone())).cloned());
    if let Some((hash, answer)) = earlier {
        if hash != content.as_slice() {
            return Err(Refusal::KeyReused.into());
        }
        return serde_json::from_str(&answer).map_err(|error| DbError::Broken(format!("a kept answer cannot be read: {error}")).into());
    }
    let result = act(tx).await?;
    let answer = serde_json::to_string(&result).map_err(|error| DbError::Broken(format!("an answer cannot be kept: {error}")))?;
    let mut row = Vec::from(row);
    row.extend([answer.into(), tx.now.into()]);
    tx.answers.push(row);
    Ok(result)
}

/// The sending end of the queue.
#[derive(Clone)]
pub struct Door {
    queue: mpsc::Sender<Box<dyn Job>>,
    metrics: Arc<Metrics>,
}

impl Door {
    /// Starts the writer task. It ends when the last `Door` is gone and the queue is empty.
    pub fn open(
        pools: Pools,
        clock: Clock,
        random: Random,
        metrics: Arc<Metrics>,
        batch_most: usize,
    ) -> (Self, tokio::task::JoinHandle<()>) {
        let (queue, waiting) = mpsc::channel(QUEUE_MOST);
        let batch_most = batch_most.clamp(1, BATCH_MOST);
        let writer = Writer { pools, clock, random, metrics: metrics.clone(), batch_most, policies: None };
        let task = tokio::spawn(writer.run(waiting));
        (Self { queue, metrics }, task)
    }

    /// Asks for a write and waits for its answer, which comes after the commit.
    pub async fn write<T, F>(&self, intent: Intent, act: F) -> Result<T, Failure>
    where
        T: Serialize + DeserializeOwned + Send + 'static,
        F: for<'t> Fn(&'t mut WriteTx<'_>) -> Running<'t, T> + Send + Sync + 'static,
    {
        let (answer, answered) = oneshot::channel();
        let name = intent.name;
        let command = Box::new(Command { intent, act, outcome: None, answer });
        self.queue.try_send(command).map_err(|_| Failure::Queue)?;
        self.metrics.writer_queue_depth.set((QUEUE_MOST - self.queue.capacity()) as i64);
        let outcome = answered.await.unwrap_or(Err(Failure::Db(DbError::Gone)));
        let word = match &outcome {
            Ok(_) => "done",
            Err(Failure::Refused(_)) => "refused",
            Err(_) => "failed",
        };
        self.metrics.writer_command(name, word);
        outcome
    }
}

struct Writer {
    pools: Pools,
    clock: Clock,
    random: Random,
    metrics: Arc<Metrics>,
    batch_most: usize,
    /// The approval policies in force as of the event with this chain value.
    policies: Option<(Vec<u8>, Arc<Vec<Policy>>)>,
}

impl Writer {
    async fn run(mut self, mut waiting: mpsc::Receiver<Box<dyn Job>>) {
        let mut batch: Vec<Box<dyn Job>> = Vec::with_capacity(self.batch_most);
        // In turn: what is small together, then one that is not.
        let mut bulk: VecDeque<Box<dyn Job>> = VecDeque::new();
        loop {
            if bulk.is_empty() && waiting.recv_many(&mut batch, self.batch_most).await == 0 {
                return;
            }
            while batch.len() < self.batch_most
                && bulk.len() < QUEUE_MOST
                && let Ok(job) = waiting.try_recv()
            {
                batch.push(job);
            }
            bulk.extend(batch.extract_if(.., |job| job.intent().bulk));
            self.settle(&mut batch).await;
            batch.extend(bulk.pop_front());
            self.settle(&mut batch).await;
            self.metrics.writer_queue_depth.set((waiting.len() + bulk.len()) as i64);
        }
    }

    /// Commits a batch and answers everyone in it.
    async fn settle(&mut self, batch: &mut Vec<Box<dyn Job>>) {
        if batch.is_empty() {
            return;
        }
        self.metrics.writer_batch_commands.observe(batch.len() as f64);
        let committed = self.commit_with_retries(batch).await;
        if let Err(error) = &committed {
            tracing::error!(error = %error, commands = batch.len(), "a batch was not committed");
        }
        for job in batch.drain(..) {
            job.finish(match &committed {
                Ok(()) => Ok(()),
                Err(error) => Err(again(error)),
            });
        }
    }

    async fn commit_with_retries(&mut self, batch: &mut [Box<dyn Job>]) -> Result<(), Failure> {
        let mut savepoints = false;
        let mut tries = 0;
        loop {
            tries += 1;
            for job in batch.iter_mut() {
                job.forget();
            }
            match self.attempt(batch, savepoints).await {
                Ok(Outcome::Committed(seconds)) => {
                    self.metrics.writer_commit_seconds.observe(seconds);
                    return Ok(());
                }
                Ok(Outcome::NeedsSavepoints) => savepoints = true,
                Ok(Outcome::Away) => return Err(DbError::Gone.into()),
                Err(Failure::Db(DbError::Busy | DbError::Gone)) if tries < TRIES => {
                    tokio::time::sleep(std::time::Duration::from_millis(20 << tries)).await;
                }
                Err(failure) => return Err(failure),
            }
        }
    }

    async fn attempt(&mut self, batch: &mut [Box<dyn Job>], savepoints: bool) -> Result<Outcome, Failure> {
        let tx = match self.pools.begin_write().await {
            Err(DbError::Gone) => return Ok(Outcome::Away),
            begun => begun?,
        };
        let now = Instant(self.clock.now());
        let mut tx = WriteTx::begun(tx, now, &self.random, savepoints);
        // Before anything is read: on PostgreSQL the next process waits here, and then reads what this one has committed.
        let head = audit_log::head(&mut tx.tx).await?;
        // The same newest event as when they were known: nobody has changed them since.
        tx.policies = self.policies.as_ref().filter(|(chain, _)| *chain == head.chain).map(|(_, known)| known.clone());
        let question = idempotency::question(batch.iter().map(|job| job.intent()));
        tx.kept = idempotency::kept(&mut tx.tx, question).await?;
        for job in batch.iter_mut() {
            if run_job(job.as_mut(), &mut tx, savepoints).await? == Next::Restart {
                tx.tx.rollback().await?;
                return Ok(Outcome::NeedsSavepoints);
            }
        }
        if !tx.dirty && tx.events.is_empty() && tx.answers.is_empty() {
            tx.tx.rollback().await?;
            return Ok(Outcome::Committed(0.0));
        }
        let began = std::time::Instant::now();
        if let Err(error) = tx.put_postings().await {
            // Whose posting it was is seen when each is put down at once. SQLite may have rolled back by itself, and then says so.
            let lasting = savepoints || matters_to_batch(&error);
            let undone = tx.tx.rollback().await;
            return if lasting || undone.is_err() { Err(error.into()) } else { Ok(Outcome::NeedsSavepoints) };
        }
        let columns = &["principal", "command", "key", "content_hash", "answer", "at"];
        tx.tx.insert_many("idempotency", columns, Box::new(std::mem::take(&mut tx.answers).into_iter())).await?;
        let events = std::mem::take(&mut tx.events);
        let random = tx.random;
        let head = audit_log::append(&mut tx.tx, head, now, events, || EventId(uuid_v7(now.0, random))).await?;
        match tx.tx.commit().await {
            Err(DbError::Gone) => return Ok(Outcome::Away),
            committed => committed?,
        }
        self.policies = tx.policies.map(|known| (head.chain, known));
        self.pools.committed();
        self.metrics.audit_sequence.set(head.seq);
        Ok(Outcome::Committed(began.elapsed().as_secs_f64()))
    }
}

enum Outcome {
    Committed(f64),
    NeedsSavepoints,
    /// The database cannot be reached; or it went away during the commit, and whether that was done is known to nobody. Neither is tried again.
    Away,
}

#[derive(PartialEq, Eq)]
enum Next {
    Go,
    Restart,
}

async fn run_job(job: &mut dyn Job, tx: &mut WriteTx<'_>, savepoints: bool) -> Result<Next, Failure> {
    let actor = Arc::new(job.intent().actor.clone());
    tx.actor = actor.clone();
    if !tx.access.contains_key(&actor.who) {
        let access = access::of_actor(&mut tx.tx, &actor, tx.now).await?;
        tx.access.insert(actor.who, Arc::new(access));
    }
    let (events, answers, dirty) = (tx.events.len(), tx.answers.len(), tx.dirty);
    tx.dirty = false;
    if savepoints {
        tx.tx.exec_script("SAVEPOINT command".to_owned()).await?;
    }
    job.run(tx).await?;
    let failed = !job.succeeded();
    if failed {
        tx.events.truncate(events);
        tx.answers.truncate(answers);
        if tx.dirty {
            // It may have seen what is taken back.
            tx.access.clear();
            tx.memo = Memo::default();
            tx.policies = None;
        }
    }
    let wrote = std::mem::replace(&mut tx.dirty, dirty);
    if savepoints {
        let end = if failed { "ROLLBACK TO SAVEPOINT command; RELEASE SAVEPOINT command" } else { "RELEASE SAVEPOINT command" };
        tx.tx.exec_script(end.to_owned()).await?;
    } else if tx.spoilt || (failed && (wrote || job.broke())) {
        return Ok(Next::Restart);
    }
    tx.dirty |= wrote && !failed;
    Ok(Next::Go)
}

/// The same failure for the next command of a batch that was not committed.
fn again(failure: &Failure) -> Failure {
    match failure {
        Failure::Db(DbError::Busy) => Failure::Db(DbError::Busy),
        Failure::Db(DbError::Full) => Failure::Db(DbError::Full),
        Failure::Db(DbError::TooSlow) => Failure::Db(DbError::TooSlow),
        Failure::Db(DbError::Gone) => Failure::Db(DbError::Gone),
        other => Failure::Db(DbError::Broken(other.to_string())),
    }
}
