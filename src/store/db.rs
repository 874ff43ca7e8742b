//! The two engines. This is the only file that names them: everything above speaks [`Sql`], [`Arg`], [`Read`] and [`Tx`].
//!
//! SQL text is written once for both. Times, money and days are integers, ids are 16 bytes (`BLOB` or `UUID`), and a query binds [`Arg`]s by
//! number (`$1`), so that a NULL has a type on PostgreSQL as well.

use std::borrow::Cow;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use sqlx::pool::PoolConnection;
use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions, PgRow};
use sqlx::query::{Query, QueryAs};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteRow, SqliteSynchronous};
use sqlx::{AssertSqlSafe, ConnectOptions, Database, Encode, FromRow, Postgres, Sqlite, Transaction, Type};
use uuid::Uuid;

use super::failure::{DbError, Failure};

pub mod copy;
pub mod dump;
pub mod inspect;

/// Which engine a store is on: for words on a page, and for the few statements that truly differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    /// A file beside the binary.
    Sqlite,
    /// A server, shared by several processes.
    Postgres,
}

/// A value bound to a query; each variant is typed, also when it is NULL.
#[derive(Clone, Debug, PartialEq)]
pub enum Arg {
    /// `INTEGER` or `BIGINT`.
    Int(Option<i64>),
    /// `TEXT`.
    Text(Option<Cow<'static, str>>),
    /// `BLOB` or `UUID`, 16 bytes.
    Id(Option<Uuid>),
    /// `BLOB` or `BYTEA`.
    Bytes(Option<Vec<u8>>),
}

macro_rules! args {
    ($($variant:ident: $($from:ty => |$value:ident| $into:expr),+;)+) => {
        $($(
            impl From<$from> for Arg {
                fn from($value: $from) -> Self { Self::$variant(Some($into)) }
            }
            impl From<Option<$from>> for Arg {
                fn from(value: Option<$from>) -> Self { Self::$variant(value.map(|$value| $into)) }
            }
        )+)+
    };
}

use crate::domain::id::{
    BudgetId, EventId, ExportId, GrantId, ImportId, MappingId, PostingId, RecipientId, RegionId, SourceId, TransactionId, UserId,
};
use crate::domain::time::{Day, Instant};

args! {
    Int: i64 => |v| v, Instant => |v| v.0, Day => |v| v.0;
    Text: String => |v| Cow::Owned(v), &'static str => |v| Cow::Borrowed(v), Cow<'static, str> => |v| v;
    Id: Uuid => |v| v, BudgetId => |v| v.0, EventId => |v| v.0, ExportId => |v| v.0, GrantId => |v| v.0, ImportId => |v| v.0,
        MappingId => |v| v.0, PostingId => |v| v.0, RecipientId => |v| v.0, RegionId => |v| v.0, SourceId => |v| v.0,
        TransactionId => |v| v.0, UserId => |v| v.0;
    Bytes: Vec<u8> => |v| v, [u8; 32] => |v| v.to_vec(), [u8; 16] => |v| v.to_vec();
}

/// A query and its values. Text comes from literals and from pieces that this crate wrote: what a person typed is only ever bound.
#[derive(Clone, Debug, Default)]
pub struct Sql {
    text: Cow<'static, str>,
    args: Vec<Arg>,
}

impl Sql {
    /// A query whose values are bound with [`Sql::bind`] in the order of `$1`, `$2`, …
    pub fn new(text: &'static str) -> Self {
        Self { text: Cow::Borrowed(text), args: Vec::new() }
    }

    /// Binds the next value.
    #[must_use]
    pub fn bind(mut self, value: impl Into<Arg>) -> Self {
        self.args.push(value.into());
        self
    }

    /// Appends text.
    pub fn push(&mut self, text: &str) -> &mut Self {
        self.text.to_mut().push_str(text);
        self
    }

    /// Binds a value and appends its `$n`.
    pub fn push_bind(&mut self, value: impl Into<Arg>) -> &mut Self {
        self.args.push(value.into());
        let number = self.args.len();
        let text = self.text.to_mut();
        text.push('$');
        // Writing to a String cannot fail.
        let _ = std::fmt::Write::write_fmt(text, format_args!("{number}"));
        self
    }

    /// Appends `value, value, …` as bound parameters, for `IN (…)`. An empty list becomes NULL, which is IN nothing.
    pub fn push_list<A: Into<Arg>>(&mut self, values: impl IntoIterator<Item = A>) -> &mut Self {
        let mut any = false;
        for value in values {
            if any {
                self.push(", ");
            }
            self.push_bind(value);
            any = true;
        }
        if !any {
            self.push("NULL");
        }
        self
    }

    /// The text, as it is sent.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The values.
    pub fn args(&self) -> &[Arg] {
        &self.args
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

fn query<DB>(sql: Sql) -> Query<'static, DB, <DB as Database>::Arguments>
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
        on!(self, conn => query_as(sql).fetch_all(conn).await.map_err(DbError::from))
    }

    /// The first row, where there is one.
    pub async fn one<T: Row>(&mut self, sql: Sql) -> Result<Option<T>, DbError> {
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
        on!(self, conn => query(sql).execute(conn).await.map(|done| done.rows_affected()).map_err(DbError::from))
    }

    /// Runs several statements that bind nothing.
    pub async fn exec_script(&mut self, text: String) -> Result<(), DbError> {
        on!(self, conn => sqlx::raw_sql(AssertSqlSafe(text)).execute(conn).await.map(|_| ()).map_err(DbError::from))
    }

    /// Inserts many rows by as few statements as the engine's limit on bound values allows.
    pub async fn insert_many(&mut self, table: &'static str, columns: &'static [&'static str], rows: Vec<Vec<Arg>>) -> Result<(), DbError> {
        // Parsing a longer statement costs more than it saves; one that comes again with as many rows is prepared already.
        const MOST_VALUES: usize = 4_000;
        let per_statement = (MOST_VALUES / columns.len().max(1)).clamp(1, 200);
        let mut rows = rows.into_iter().peekable();
        while rows.peek().is_some() {
            let mut sql = Sql::default();
            sql.push("INSERT INTO ").push(table).push(" (").push(&columns.join(", ")).push(") VALUES ");
            for (i, row) in rows.by_ref().take(per_statement).enumerate() {
                sql.push(if i == 0 { "(" } else { ", (" });
                sql.push_list(row);
                sql.push(")");
            }
            self.exec(sql).await?;
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
pub struct Read(Tx);

impl Read {
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

/// Connections of either engine: many that read, one that writes.
#[derive(Clone)]
pub enum Pools {
    /// A file in WAL mode: readers never wait for the writer.
    Sqlite {
        /// The file.
        file: PathBuf,
        /// Connections that cannot write.
        readers: SqlitePool,
        /// The one connection that does.
        writer: SqlitePool,
    },
    /// A server.
    Postgres {
        /// Every connection.
        pool: PgPool,
    },
}

/// How long a statement may run before the engine ends it.
const STATEMENT_TIMEOUT: Duration = Duration::from_mins(1);
/// How long a request waits for a free connection before it is told that the portal is busy.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(5);
/// The first SQLite release without the WAL-reset bug that can lose committed writes (sqlite.org, "3.51.3").
const SQLITE_AT_LEAST: (u32, u32, u32) = (3, 51, 3);

impl Pools {
    /// Opens `sqlite:FILE` or `postgres://…` and checks that the engine is new enough and durable; refuses otherwise.
    pub async fn open(url: &str, read_connections: u32) -> Result<Self, Failure> {
        if let Some(file) = url.strip_prefix("sqlite:") {
            return Self::open_sqlite(Path::new(file.trim_start_matches("//")), read_connections).await;
        }
        if url.starts_with("postgres://") || url.starts_with("postgresql://") {
            return Self::open_postgres(url, read_connections).await;
        }
        Err(Failure::Setup("a database is sqlite:FILE or postgres://…".into()))
    }

    async fn open_sqlite(file: &Path, read_connections: u32) -> Result<Self, Failure> {
        let base = SqliteConnectOptions::new()
            .filename(file)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .busy_timeout(Duration::from_secs(10))
            .pragma("trusted_schema", "OFF")
            .pragma("cell_size_check", "ON")
            .pragma("temp_store", "MEMORY")
            .statement_cache_capacity(256)
            .disable_statement_logging();
        let write_options = base.clone().create_if_missing(true).pragma("cache_size", "-16384");
        let writer = SqlitePoolOptions::new()
            .max_connections(1)
            .min_connections(1)
            .idle_timeout(None)
            .max_lifetime(None)
            .acquire_timeout(Duration::from_secs(30))
            .connect_with(write_options)
            .await
            .map_err(|error| Failure::Setup(format!("cannot open {}: {error}", file.display())))?;
        let version: (String,) = sqlx::query_as("SELECT sqlite_version()").fetch_one(&writer).await.map_err(DbError::from)?;
        require_sqlite(&version.0)?;
        private_file(file)?;
        let readers = SqlitePoolOptions::new()
            .max_connections(read_connections.max(1))
            .idle_timeout(None)
            .max_lifetime(None)
            .test_before_acquire(false)
            .acquire_timeout(ACQUIRE_TIMEOUT)
            .connect_with(base.pragma("query_only", "ON").pragma("cache_size", "-4096"))
            .await
            .map_err(DbError::from)?;
        Ok(Self::Sqlite { file: file.to_path_buf(), readers, writer })
    }

    async fn open_postgres(url: &str, read_connections: u32) -> Result<Self, Failure> {
        let millis = STATEMENT_TIMEOUT.as_millis().to_string();
        let options = PgConnectOptions::from_str(url)
            .map_err(|_| Failure::Setup("the PostgreSQL address cannot be read: postgres://USER:PASSWORD@HOST:PORT/NAME".into()))?
            .application_name("counterfoil")
            .options([("statement_timeout", millis.as_str()), ("lock_timeout", "20000"), ("idle_in_transaction_session_timeout", "60000")])
            .statement_cache_capacity(256)
            .disable_statement_logging();
        let pool = PgPoolOptions::new()
            .max_connections(read_connections.max(1) + 2)
            .acquire_timeout(ACQUIRE_TIMEOUT)
            .test_before_acquire(false)
            .connect_with(options)
            .await
            .map_err(|error| Failure::Setup(format!("cannot reach PostgreSQL: {}", DbError::from(error))))?;
        for (name, wanted) in [("fsync", "on"), ("full_page_writes", "on"), ("synchronous_commit", "on")] {
            let (value,): (String,) =
                sqlx::query_as("SELECT current_setting($1)").bind(name).fetch_one(&pool).await.map_err(DbError::from)?;
            // `remote_apply` and `remote_write` promise more than `on`, `local` as much on one server.
            if value != wanted && !(name == "synchronous_commit" && ["remote_apply", "remote_write", "local"].contains(&value.as_str())) {
                return Err(Failure::Setup(format!("PostgreSQL runs with {name} = {value}; money needs {name} = {wanted}")));
            }
        }
        let (version,): (String,) =
            sqlx::query_as("SELECT current_setting('server_version_num')").fetch_one(&pool).await.map_err(DbError::from)?;
        if version.parse::<u32>().unwrap_or_default() < 150_000 {
            return Err(Failure::Setup(format!("PostgreSQL {version} is too old: 15 or newer is needed")));
        }
        Ok(Self::Postgres { pool })
    }

    /// Which engine it is.
    pub fn engine(&self) -> Engine {
        match self {
            Self::Sqlite { .. } => Engine::Sqlite,
            Self::Postgres { .. } => Engine::Postgres,
        }
    }

    /// A read-only snapshot. It begins in a task of its own: a `begin` that is cancelled half-way would leave the next borrower of the connection
    /// inside a foreign transaction (security.md 4.4).
    pub async fn read(&self) -> Result<Read, DbError> {
        let pools = self.clone();
        let begun = tokio::spawn(async move {
            match pools {
                Self::Sqlite { readers, .. } => readers.begin_with("BEGIN").await.map(Tx::Sqlite),
                Self::Postgres { pool, .. } => pool.begin_with("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").await.map(Tx::Postgres),
            }
        });
        Ok(Read(begun.await.map_err(|_| DbError::Gone)??))
    }

    /// A transaction that writes. Only the writer task asks for one.
    pub(super) async fn begin_write(&self) -> Result<Tx, DbError> {
        Ok(match self {
            Self::Sqlite { writer, .. } => Tx::Sqlite(writer.begin_with("BEGIN IMMEDIATE").await?),
            Self::Postgres { pool } => Tx::Postgres(pool.begin().await?),
        })
    }

    /// Closes every connection; SQLite folds its log into the file.
    pub async fn close(&self) {
        match self {
            Self::Sqlite { readers, writer, .. } => {
                readers.close().await;
                writer.close().await;
            }
            Self::Postgres { pool } => pool.close().await,
        }
    }

    /// A PostgreSQL connection outside of any snapshot, for streaming a table out; `None` on SQLite.
    pub(super) async fn postgres(&self) -> Option<Result<PoolConnection<Postgres>, DbError>> {
        match self {
            Self::Sqlite { .. } => None,
            Self::Postgres { pool } => Some(pool.acquire().await.map_err(DbError::from)),
        }
    }

    /// The SQLite file; `None` on PostgreSQL.
    pub fn file(&self) -> Option<&Path> {
        match self {
            Self::Sqlite { file, .. } => Some(file),
            Self::Postgres { .. } => None,
        }
    }

    /// (in use, idle) connections.
    pub fn connections(&self) -> (u32, u32) {
        let count = |size: u32, idle: usize| (size.saturating_sub(idle as u32), idle as u32);
        match self {
            Self::Sqlite { readers, .. } => count(readers.size(), readers.num_idle()),
            Self::Postgres { pool } => count(pool.size(), pool.num_idle()),
        }
    }
}

fn require_sqlite(version: &str) -> Result<(), Failure> {
    let mut numbers = version.split('.').map(|part| part.parse::<u32>().unwrap_or_default());
    let mut next = || numbers.next().unwrap_or_default();
    let (major, minor, patch) = (next(), next(), next());
    if (major, minor, patch) < SQLITE_AT_LEAST {
        return Err(Failure::Setup(format!("SQLite {version} can lose committed writes in WAL mode: 3.51.3 or newer is needed")));
    }
    Ok(())
}

/// The file holds money and names: its owner alone reads it.
fn private_file(file: &Path) -> Result<(), Failure> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        std::fs::set_permissions(file, std::fs::Permissions::from_mode(0o600))
            .map_err(|error| Failure::Setup(format!("cannot make {} private: {error}", file.display())))?;
    }
    Ok(())
}
