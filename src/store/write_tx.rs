//! The transaction of a write, as a command behind the door sees it.

use std::collections::HashMap;
use std::sync::Arc;

use super::db::{Arg, Engine, Reader, Row, Sql, Tx};
use super::failure::{DbError, Failure};
use super::writer::Kept;
use crate::clock::{Random, uuid_v7};
use crate::domain::access::{Access, Actor, Permission, Who};
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
    pub(super) kept: Kept,
    pub(super) access: HashMap<Who, Arc<Access>>,
    pub(super) actor: Arc<Actor>,
    pub(super) dirty: bool,
    pub(super) random: &'b Random,
}

impl Reader for WriteTx<'_> {
    fn all<T: Row>(&mut self, sql: Sql) -> impl Future<Output = Result<Vec<T>, DbError>> + Send {
        self.tx.all(sql)
    }
    fn one<T: Row>(&mut self, sql: Sql) -> impl Future<Output = Result<Option<T>, DbError>> + Send {
        self.tx.one(sql)
    }
    fn engine(&self) -> Engine {
        self.tx.engine()
    }
}

impl WriteTx<'_> {
    /// Runs a statement that changes rows; how many it changed.
    pub async fn exec(&mut self, sql: Sql) -> Result<u64, DbError> {
        self.dirty = true;
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
        self.tx.one(sql).await
    }

    /// Inserts many rows.
    pub async fn insert_many(&mut self, table: &'static str, columns: &'static [&'static str], rows: Vec<Vec<Arg>>) -> Result<(), DbError> {
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
