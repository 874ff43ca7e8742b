//! A snapshot that remembers what it was asked: a report shows the statements that ran, and no others.

use super::db::{Engine, Read, Reader, Row, Sql};
use super::failure::DbError;

/// See the module.
pub struct Heard {
    read: Read,
    asked: Vec<String>,
}

impl Heard {
    /// Over a snapshot.
    pub fn over(read: Read) -> Self {
        Self { read, asked: Vec::new() }
    }

    /// Every statement so far with its values, as the engine's own command line takes it.
    pub fn asked(&self) -> &[String] {
        &self.asked
    }

    /// The snapshot, for what is no part of a report: names for its filters.
    pub fn beside(&mut self) -> &mut Read {
        &mut self.read
    }

    fn note(&mut self, sql: &Sql) {
        let spelled = sql.spelled(self.read.engine());
        // The same question again says nothing new.
        if !self.asked.contains(&spelled) {
            self.asked.push(spelled);
        }
    }
}

impl Reader for Heard {
    async fn all<T: Row>(&mut self, sql: Sql) -> Result<Vec<T>, DbError> {
        self.note(&sql);
        self.read.all(sql).await
    }

    async fn one<T: Row>(&mut self, sql: Sql) -> Result<Option<T>, DbError> {
        self.note(&sql);
        self.read.one(sql).await
    }

    fn engine(&self) -> Engine {
        self.read.engine()
    }
}
