//! The transaction of a write, as a command behind the door sees it.

use std::collections::HashMap;
use std::sync::Arc;

use super::approval_policies;
use super::db::{Arg, Engine, Memo, Reader, Row, Rows, Sql, Tx};
use super::failure::{DbError, Failure};
use super::idempotency::Kept;
use super::ledger::POSTED;
use crate::clock::{Random, uuid_v7};
use crate::domain::access::{Access, Actor, Permission, Who};
use crate::domain::approval::Policy;
use crate::domain::audit::Event;
use crate::domain::id::RegionId;
use crate::domain::refusal::Refusal;
use crate::domain::time::Instant;

/// The transaction of a write, as a command sees it.
pub struct WriteTx<'b> {
    pub(super) tx: Tx,
    /// The moment of the batch: one for all its commands.
    pub now: Instant,
    pub(super) events: Vec<(Arc<Actor>, Event)>,
    pub(super) answers: Vec<Vec<Arg>>,
    /// Postings that are not in their table yet, see [`WriteTx::post_later`]; `None` where each goes there at once.
    pub(super) postings: Option<Vec<Vec<Arg>>>,
    pub(super) kept: Kept,
    pub(super) access: HashMap<Who, Arc<Access>>,
    pub(super) actor: Arc<Actor>,
    pub(super) dirty: bool,
    /// Whether postings that waited did not reach their table: this transaction is not to be committed, whatever a command makes of it.
    pub(super) spoilt: bool,
    pub(super) random: &'b Random,
    /// See [`WriteTx::policies`].
    pub(super) policies: Option<Arc<Vec<Policy>>>,
    pub(super) memo: Memo,
}

impl Reader for WriteTx<'_> {
    async fn all<T: Row>(&mut self, sql: Sql) -> Result<Vec<T>, DbError> {
        self.put_before(&sql).await?;
        self.tx.all(sql).await
    }
    async fn one<T: Row>(&mut self, sql: Sql) -> Result<Option<T>, DbError> {
        self.put_before(&sql).await?;
        self.tx.one(sql).await
    }
    fn engine(&self) -> Engine {
        self.tx.engine()
    }
    fn memo(&mut self) -> Option<&mut Memo> {
        Some(&mut self.memo)
    }
}

impl<'b> WriteTx<'b> {
    /// At its beginning. Between `savepoints` each posting goes to its table at once.
    pub(super) fn begun(tx: Tx, now: Instant, random: &'b Random, savepoints: bool) -> Self {
        Self {
            tx,
            now,
            events: Vec::new(),
            answers: Vec::new(),
            postings: (!savepoints).then(Vec::new),
            kept: HashMap::new(),
            access: HashMap::new(),
            actor: Arc::new(Actor::system("writer")),
            dirty: false,
            spoilt: false,
            random,
            policies: None,
            memo: Memo::default(),
        }
    }

    /// The approval policies in force. They are known from the last batch as long as nobody else has written since; where they are not, they are
    /// read once a batch.
    pub async fn policies(&mut self) -> Result<Arc<Vec<Policy>>, DbError> {
        if let Some(known) = &self.policies {
            return Ok(known.clone());
        }
        let read = Arc::new(approval_policies::in_force(self).await?);
        self.policies = Some(read.clone());
        Ok(read)
    }

    /// To be called by whatever changes them.
    pub(super) fn policies_changed(&mut self) {
        self.policies = None;
    }
}

impl WriteTx<'_> {
    /// Runs a statement that changes rows; how many it changed.
    pub async fn exec(&mut self, sql: Sql) -> Result<u64, DbError> {
        self.dirty = true;
        self.put_before(&sql).await?;
        self.tx.exec(sql).await
    }

    /// Runs a statement that changes exactly one row. Any other number means that the row is not what it was when it was read.
    pub async fn exec_one(&mut self, sql: Sql) -> Result<(), Failure> {
        match self.exec(sql).await? {
            1 => Ok(()),
            _ => Err(Refusal::Stale.into()),
        }
    }

    /// Inserts and reads back (`RETURNING`).
    pub async fn exec_returning<T: Row>(&mut self, sql: Sql) -> Result<Option<T>, DbError> {
        self.dirty = true;
        self.put_before(&sql).await?;
        self.tx.one(sql).await
    }

    /// Adds a row to the table of postings with those of the other commands of the batch: one statement for all of them, at its end, or before the first
    /// statement of this transaction that names the table.
    pub(super) async fn post_later(&mut self, row: Vec<Arg>) -> Result<(), DbError> {
        self.dirty = true;
        match &mut self.postings {
            Some(postings) => postings.push(row),
            None => self.tx.insert_many("posting", POSTED, Box::new([row].into_iter())).await?,
        }
        Ok(())
    }

    /// Puts the postings that wait into their table.
    pub(super) async fn put_postings(&mut self) -> Result<(), DbError> {
        match &mut self.postings {
            Some(postings) if !postings.is_empty() => {
                let rows = std::mem::take(postings);
                let put = self.tx.insert_many("posting", POSTED, Box::new(rows.into_iter())).await;
                self.spoilt |= put.is_err();
                put
            }
            _ => Ok(()),
        }
    }

    async fn put_before(&mut self, sql: &Sql) -> Result<(), DbError> {
        if sql.text.contains("posting") { self.put_postings().await } else { Ok(()) }
    }

    /// Inserts many rows.
    pub async fn insert_many(&mut self, table: &'static str, columns: &'static [&'static str], rows: Rows<'_>) -> Result<(), DbError> {
        self.dirty = true;
        self.tx.insert_many(table, columns, rows).await
    }

    /// Who acts.
    pub fn actor(&self) -> &Actor {
        &self.actor
    }

    /// What the actor may do, read in this transaction.
    pub fn access(&self) -> Arc<Access> {
        self.access.get(&self.actor.who).cloned().unwrap_or_else(|| Arc::new(Access::of(Vec::new())))
    }

    /// Refuses unless the actor holds the permission in the region: as missing where she may not even see the object, as forbidden where she may.
    pub fn require(&self, permission: Permission, visible_by: Permission, region: RegionId) -> Result<(), Failure> {
        let access = self.access();
        if access.may(permission, region) {
            return Ok(());
        }
        Err(if access.may(visible_by, region) { Refusal::Forbidden(permission) } else { Refusal::NotFound }.into())
    }

    /// Refuses unless the actor holds the permission for the whole organisation.
    pub fn require_everywhere(&self, permission: Permission) -> Result<(), Failure> {
        if self.access().has_everywhere(permission) { Ok(()) } else { Err(Refusal::Forbidden(permission).into()) }
    }

    /// Leaves an audit event. It is numbered and sealed when the batch is.
    pub fn record(&mut self, event: Event) {
        self.events.push((self.actor.clone(), event));
    }

    /// To be called by whatever changes people, grants or regions: the next command of the batch reads access again.
    pub fn access_changed(&mut self) {
        self.access.clear();
        self.memo = Memo::default();
    }

    /// A new id, in the order of creation.
    pub fn new_id(&self) -> uuid::Uuid {
        uuid_v7(self.now.0, self.random)
    }

    /// Random bytes as text, for tokens.
    pub fn token(&self, bytes: usize) -> String {
        self.random.token(bytes)
    }
}
