//! The two engines. Only this file and `db_pools.rs` name them: everything above speaks [`Sql`], [`Arg`], [`Read`] and [`Tx`].
//!
//! SQL text is written once for both. Times, money and days are integers, ids are 16 bytes (`BLOB` or `UUID`), and a query binds [`Arg`]s by
//! number (`$1`), so that a NULL has a type on PostgreSQL as well.

use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap};

use sqlx::postgres::PgRow;
use sqlx::query::{Query, QueryAs};
use sqlx::sqlite::SqliteRow;
use sqlx::{AssertSqlSafe, Database, Encode, FromRow, Postgres, Sqlite, Transaction, Type};
use uuid::Uuid;

use super::db_bulk;
use super::db_pools::{Pools, again};
use super::failure::DbError;
pub use super::sql::{Arg, Sql};
use crate::domain::access::Sight;
use crate::domain::id::{PolicyId, RegionId, UserId};

/// Which engine a store is on: for words on a page, and for the few statements that truly differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    /// A file beside the binary.
    Sqlite,
    /// A server, shared by several processes.
    Postgres,
}

impl Engine {
    /// What it is called on a page.
    pub fn label(self) -> &'static str {
        match self {
            Self::Sqlite => "SQLite, in a file beside the program",
            Self::Postgres => "PostgreSQL",
        }
    }
}

/// A row type that both engines can fill: what `#[derive(sqlx::FromRow)]` makes of integers, texts, ids and bytes.
pub trait Row: for<'r> FromRow<'r, SqliteRow> + for<'r> FromRow<'r, PgRow> + Send + Unpin + 'static {}
impl<T> Row for T where T: for<'r> FromRow<'r, SqliteRow> + for<'r> FromRow<'r, PgRow> + Send + Unpin + 'static {}

/// Binds every value of a query.
macro_rules! bind_all {
    ($query:expr, $args:expr) => {{
        let mut query = $query;
        for arg in $args {
            query = match arg {
                Arg::Int(value) => query.bind(value),
                Arg::Text(value) => query.bind(value.map(Cow::into_owned)),
                Arg::Id(value) => query.bind(value),
                Arg::Bytes(value) => query.bind(value),
            };
        }
        query
    }};
}

pub(super) fn native<DB>(sql: Sql) -> Query<'static, DB, <DB as Database>::Arguments>
where
    DB: Database,
    Option<i64>: Encode<'static, DB> + Type<DB>,
    Option<String>: Encode<'static, DB> + Type<DB>,
    Option<Uuid>: Encode<'static, DB> + Type<DB>,
    Option<Vec<u8>>: Encode<'static, DB> + Type<DB>,
{
    bind_all!(sqlx::query(AssertSqlSafe(sql.text.into_owned())), sql.args)
}

fn query_as<DB, T>(sql: Sql) -> QueryAs<'static, DB, T, <DB as Database>::Arguments>
where
    DB: Database,
    T: for<'r> FromRow<'r, DB::Row>,
    Option<i64>: Encode<'static, DB> + Type<DB>,
    Option<String>: Encode<'static, DB> + Type<DB>,
    Option<Uuid>: Encode<'static, DB> + Type<DB>,
    Option<Vec<u8>>: Encode<'static, DB> + Type<DB>,
{
    bind_all!(sqlx::query_as(AssertSqlSafe(sql.text.into_owned())), sql.args)
}

/// Rows to be inserted, each made when it is its turn.
pub type Rows<'r> = Box<dyn ExactSizeIterator<Item = Vec<Arg>> + Send + 'r>;

/// An open transaction of either engine. Dropped without [`Tx::commit`], it is rolled back.
pub enum Tx {
    /// On SQLite.
    Sqlite(Transaction<'static, Sqlite>),
    /// On PostgreSQL.
    Postgres(Transaction<'static, Postgres>),
}

/// Runs one expression on whichever connection the transaction holds.
macro_rules! on {
    ($tx:expr, $conn:ident => $run:expr) => {
        match $tx {
            Tx::Sqlite(tx) => {
                let $conn = &mut **tx;
                $run
            }
            Tx::Postgres(tx) => {
                let $conn = &mut **tx;
                $run
            }
        }
    };
}

impl Tx {
    /// Which engine it runs on.
    pub fn engine(&self) -> Engine {
        match self {
            Self::Sqlite(_) => Engine::Sqlite,
            Self::Postgres(_) => Engine::Postgres,
        }
    }

    /// Every row.
    pub async fn all<T: Row>(&mut self, sql: Sql) -> Result<Vec<T>, DbError> {
        let sql = sql.for_engine(self.engine());
        on!(self, conn => query_as(sql).fetch_all(conn).await.map_err(DbError::from))
    }

    /// The first row, where there is one.
    pub async fn one<T: Row>(&mut self, sql: Sql) -> Result<Option<T>, DbError> {
        let sql = sql.for_engine(self.engine());
        on!(self, conn => query_as(sql).fetch_optional(conn).await.map_err(DbError::from))
    }

    /// The first column of the only row.
    pub async fn value<T>(&mut self, sql: Sql) -> Result<T, DbError>
    where
        (T,): Row,
    {
        self.one::<(T,)>(sql).await?.map(|row| row.0).ok_or(DbError::Broken("a query that always has a row had none".into()))
    }

    /// Runs a statement; how many rows it changed.
    pub async fn exec(&mut self, sql: Sql) -> Result<u64, DbError> {
        let sql = sql.for_engine(self.engine());
        on!(self, conn => native(sql).execute(conn).await.map(|done| done.rows_affected()).map_err(DbError::from))
    }

    /// Runs several statements that bind nothing.
    pub async fn exec_script(&mut self, text: String) -> Result<(), DbError> {
        on!(self, conn => sqlx::raw_sql(AssertSqlSafe(text)).execute(conn).await.map(|_| ()).map_err(DbError::from))
    }

    /// Inserts many rows by as few statements as the engine's limit on bound values allows. Rows are made when they are needed, those of the next
    /// statement while the engine works on the one before.
    pub async fn insert_many(&mut self, table: &'static str, columns: &'static [&'static str], mut rows: Rows<'_>) -> Result<(), DbError> {
        // Parsing a longer statement costs more than it saves; one that comes again with as many rows is prepared already.
        const MOST_VALUES: usize = 4_000;
        if let Self::Postgres(tx) = self {
            return db_bulk::insert(tx, table, columns, rows).await;
        }
        let per_statement = (MOST_VALUES / columns.len().max(1)).clamp(1, 200);
        let (head, engine) = (["INSERT INTO ", table, " (", &columns.join(", "), ") VALUES "].concat(), self.engine());
        let text = |count: usize| head.clone() + &super::sql::tuples(engine, count, columns.len());
        let full = if rows.len() >= per_statement { text(per_statement) } else { String::new() };
        let mut next = || {
            let count = rows.len().min(per_statement);
            let text = if count == per_statement { full.clone() } else { text(count) };
            (count > 0).then(|| Sql { text: Cow::Owned(text), args: rows.by_ref().take(count).flatten().collect() })
        };
        let mut statement = next();
        while let Some(sql) = statement {
            let (done, following) = tokio::join!(self.exec(sql), async { next() });
            done?;
            statement = following;
        }
        Ok(())
    }

    /// Ends the transaction with its changes.
    pub async fn commit(self) -> Result<(), DbError> {
        match self {
            Self::Sqlite(tx) => tx.commit().await.map_err(DbError::from),
            Self::Postgres(tx) => tx.commit().await.map_err(DbError::from),
        }
    }

    /// Ends the transaction without them.
    pub async fn rollback(self) -> Result<(), DbError> {
        match self {
            Self::Sqlite(tx) => tx.rollback().await.map_err(DbError::from),
            Self::Postgres(tx) => tx.rollback().await.map_err(DbError::from),
        }
    }
}

/// A read-only snapshot: what every query of a page sees is of one moment, and nothing can be changed through it, by type and by the
/// database's refusal.
pub struct Read(pub(super) Tx, pub(super) Sight);

impl Read {
    /// Over a transaction that was begun read-only, and sees this.
    pub(super) fn of(tx: Tx, sight: Sight) -> Self {
        Self(tx, sight)
    }

    /// Every row.
    pub async fn all<T: Row>(&mut self, sql: Sql) -> Result<Vec<T>, DbError> {
        self.0.all(sql).await
    }

    /// The first row, where there is one.
    pub async fn one<T: Row>(&mut self, sql: Sql) -> Result<Option<T>, DbError> {
        self.0.one(sql).await
    }

    /// The first column of the only row.
    pub async fn value<T>(&mut self, sql: Sql) -> Result<T, DbError>
    where
        (T,): Row,
    {
        self.0.value(sql).await
    }

    /// Which engine it runs on.
    pub fn engine(&self) -> Engine {
        self.0.engine()
    }
}

/// What reads: a [`Read`] snapshot, or the transaction of a write. Queries of nouns are written against it, once for both.
pub trait Reader: Send {
    /// Every row.
    fn all<T: Row>(&mut self, sql: Sql) -> impl Future<Output = Result<Vec<T>, DbError>> + Send;
    /// The first row, where there is one.
    fn one<T: Row>(&mut self, sql: Sql) -> impl Future<Output = Result<Option<T>, DbError>> + Send;
    /// Which engine it runs on.
    fn engine(&self) -> Engine;
    /// The regions in sight; `None` where all are.
    fn regions(&self) -> Option<&BTreeSet<RegionId>> {
        None
    }
    /// What was read before and cannot have changed since; `None` where nothing is remembered.
    fn memo(&mut self) -> Option<&mut Memo> {
        None
    }
}

/// What the commands of a batch read once for all of them. It is forgotten when the tree of regions changes.
#[derive(Debug, Default)]
pub struct Memo {
    /// Regions, and with them every region above.
    pub above: HashMap<Vec<RegionId>, BTreeSet<RegionId>>,
    /// What somebody moved under a policy by the day before the moment of the batch, in minor units. Such postings stay as they are.
    pub moved: HashMap<(PolicyId, UserId), i128>,
}

impl Reader for Read {
    fn all<T: Row>(&mut self, sql: Sql) -> impl Future<Output = Result<Vec<T>, DbError>> + Send {
        self.0.all(sql)
    }
    fn one<T: Row>(&mut self, sql: Sql) -> impl Future<Output = Result<Option<T>, DbError>> + Send {
        self.0.one(sql)
    }
    fn engine(&self) -> Engine {
        self.0.engine()
    }
    fn regions(&self) -> Option<&BTreeSet<RegionId>> {
        match &self.1 {
            Sight::Everything => None,
            Sight::Within { regions, .. } => Some(regions),
        }
    }
}

/// A question that is one statement: it needs no snapshot, and so neither `BEGIN` nor `ROLLBACK`. It says nothing of regions, so on PostgreSQL what
/// belongs to one is not in sight.
pub struct Lone(pub(super) Pools);

impl Reader for Lone {
    async fn all<T: Row>(&mut self, sql: Sql) -> Result<Vec<T>, DbError> {
        match &self.0 {
            Pools::Sqlite { readers, .. } => Ok(query_as(sql).fetch_all(readers).await?),
            Pools::Postgres { pool, .. } => {
                let mut idle = pool.num_idle();
                loop {
                    match query_as(sql.clone()).fetch_all(pool).await {
                        Ok(rows) => return Ok(rows),
                        Err(error) => again(pool, error, &mut idle).await?,
                    }
                }
            }
        }
    }
    async fn one<T: Row>(&mut self, sql: Sql) -> Result<Option<T>, DbError> {
        match &self.0 {
            Pools::Sqlite { readers, .. } => Ok(query_as(sql).fetch_optional(readers).await?),
            Pools::Postgres { pool, .. } => {
                let mut idle = pool.num_idle();
                loop {
                    match query_as(sql.clone()).fetch_optional(pool).await {
                        Ok(row) => return Ok(row),
                        Err(error) => again(pool, error, &mut idle).await?,
                    }
                }
            }
        }
    }
    fn engine(&self) -> Engine {
        self.0.engine()
    }
}

impl Reader for Tx {
    fn all<T: Row>(&mut self, sql: Sql) -> impl Future<Output = Result<Vec<T>, DbError>> + Send {
        Tx::all(self, sql)
    }
    fn one<T: Row>(&mut self, sql: Sql) -> impl Future<Output = Result<Option<T>, DbError>> + Send {
        Tx::one(self, sql)
    }
    fn engine(&self) -> Engine {
        Tx::engine(self)
    }
}
