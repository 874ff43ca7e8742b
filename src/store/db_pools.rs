//! Connections of both engines: opening them, checking that they are new enough and durable, and beginning a snapshot or a write.

use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::str::FromStr;
use std::sync::atomic::Ordering;
use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, Executor, Sqlite, SqliteConnection, Transaction};

use super::db::{Engine, Read, Tx};
use super::db_fold::Folding;
use super::db_wall::{Entered, opening};
use super::failure::{DbError, Failure};
use crate::domain::access::Sight;

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
        /// What folds the log into the file; nothing where nobody writes.
        folding: Option<Folding>,
    },
    /// A server.
    Postgres {
        /// Every connection.
        pool: PgPool,
        /// Whether transactions work as [`super::db_wall::ROLE`].
        entered: Entered,
    },
}

/// What PostgreSQL calls the connections of whoever may write.
pub(super) const PROGRAM: &str = "counterfoil";
/// How long a statement may run before the engine ends it.
const STATEMENT_TIMEOUT: Duration = Duration::from_mins(1);
/// How long a request waits for a free connection before it is told that the portal is busy.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a write waits for another process that writes to the same file.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);
/// The first SQLite release without the WAL-reset bug that can lose committed writes (sqlite.org, "3.51.3").
const SQLITE_AT_LEAST: (u32, u32, u32) = (3, 51, 3);

/// Why a server is not reached, in words. A certificate that is not believed is something else than a server that is away.
fn unreached(error: sqlx::Error) -> String {
    match error {
        sqlx::Error::Tls(why) => format!("there is no TLS with it: {why}"),
        sqlx::Error::Io(why) if why.kind() == std::io::ErrorKind::InvalidData => format!("there is no TLS with it: {why}"),
        other => DbError::from(other).to_string(),
    }
}

impl Pools {
    /// Opens `sqlite:FILE` or `postgres://…` and checks that the engine is new enough and durable; refuses otherwise.
    pub async fn open(url: &str, read_connections: u32) -> Result<Self, Failure> {
        if let Some(file) = url.strip_prefix("sqlite:") {
            return Self::open_sqlite(Path::new(file.trim_start_matches("//")), read_connections).await;
        }
        if url.starts_with("postgres://") || url.starts_with("postgresql://") {
            return Self::open_postgres(url, read_connections, PROGRAM).await;
        }
        Err(Failure::Setup("a database is sqlite:FILE or postgres://…".into()))
    }

    async fn open_sqlite(file: &Path, read_connections: u32) -> Result<Self, Failure> {
        let base = SqliteConnectOptions::new()
            .filename(file)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .busy_timeout(BUSY_TIMEOUT)
            .pragma("trusted_schema", "OFF")
            .pragma("cell_size_check", "ON")
            .pragma("temp_store", "MEMORY")
            .statement_cache_capacity(256)
            .disable_statement_logging();
        // The writer folds the log itself only where `Folding` has not come after.
        let write_options = base.clone().create_if_missing(true).pragma("cache_size", "-16384").pragma("wal_autocheckpoint", "16000");
        // What is deleted is written over: an erased name does not stay in a page that nobody uses.
        let write_options = write_options.pragma("secure_delete", "ON");
        let writer = SqlitePoolOptions::new()
            .max_connections(1)
            .min_connections(1)
            .idle_timeout(None)
            .max_lifetime(None)
            .acquire_timeout(Duration::from_secs(30))
            .after_connect(|connection, _| Box::pin(async move { connection.execute("PRAGMA busy_timeout = 3").await.map(drop) }))
            .before_acquire(|connection, _| whole(connection))
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
            .before_acquire(|connection, _| whole(connection))
            .connect_with(base.clone().pragma("query_only", "ON").pragma("cache_size", "-2048"))
            .await
            .map_err(DbError::from)?;
        // Nobody who writes waits for long while the log is being emptied.
        let folding = base.pragma("query_only", "ON").busy_timeout(Duration::from_millis(50));
        let folding = Folding::over(SqlitePoolOptions::new().max_connections(1).connect_lazy_with(folding));
        Ok(Self::Sqlite { file: file.to_path_buf(), readers, writer, folding: Some(folding) })
    }

    pub(super) async fn open_postgres(url: &str, read_connections: u32, called: &str) -> Result<Self, Failure> {
        let millis = STATEMENT_TIMEOUT.as_millis().to_string();
        let options = PgConnectOptions::from_str(url)
            .map_err(|_| Failure::Setup("the PostgreSQL address cannot be read: postgres://USER:PASSWORD@HOST:PORT/NAME".into()))?
            .application_name(called)
            .options([("statement_timeout", millis.as_str()), ("lock_timeout", "20000"), ("idle_in_transaction_session_timeout", "60000")])
            .statement_cache_capacity(256)
            .disable_statement_logging();
        let pool = PgPoolOptions::new()
            .max_connections(read_connections.max(1) + 2)
            .acquire_timeout(ACQUIRE_TIMEOUT)
            .test_before_acquire(false)
            .connect_with(options)
            .await
            .map_err(|error| Failure::Setup(format!("cannot reach PostgreSQL: {}", unreached(error))))?;
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
        Ok(Self::Postgres { pool, entered: Entered::default() })
    }

    /// Which engine it is.
    pub fn engine(&self) -> Engine {
        match self {
            Self::Sqlite { .. } => Engine::Sqlite,
            Self::Postgres { .. } => Engine::Postgres,
        }
    }

    /// A read-only snapshot of everything, as whoever the program signs in as: for what has to work on a database of any version.
    pub async fn read(&self) -> Result<Read, DbError> {
        self.snapshot(false, &Sight::Everything).await
    }

    /// A read-only snapshot of what is in sight.
    pub async fn read_within(&self, sight: &Sight) -> Result<Read, DbError> {
        self.snapshot(true, sight).await
    }

    /// It begins in a task of its own: a `begin` that is cancelled half-way would leave the next borrower of the connection inside a foreign transaction
    /// (security.md 4.4).
    async fn snapshot(&self, as_role: bool, sight: &Sight) -> Result<Read, DbError> {
        let begun = match self.clone() {
            Self::Sqlite { readers, .. } => {
                tokio::spawn(async move { readers.begin_with("BEGIN").await.map(Tx::Sqlite).map_err(DbError::from) })
            }
            Self::Postgres { pool, entered } => {
                let as_role = as_role && entered.load(Ordering::Acquire);
                let statement = opening("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", as_role, sight);
                tokio::spawn(async move { begin(&pool, statement).await })
            }
        };
        Ok(Read::of(begun.await.map_err(|_| DbError::Gone)??, sight.clone()))
    }

    /// A transaction that writes, in all regions. Only the writer task asks for one, and checks who may write where.
    pub(super) async fn begin_write(&self) -> Result<Tx, DbError> {
        self.begin(true).await
    }

    /// The same as whoever the program signs in as, who owns the tables: for migrations.
    pub(super) async fn begin_as_owner(&self) -> Result<Tx, DbError> {
        self.begin(false).await
    }

    async fn begin(&self, as_role: bool) -> Result<Tx, DbError> {
        Ok(match self {
            Self::Sqlite { writer, .. } => Tx::Sqlite(begin_immediate(writer).await?),
            Self::Postgres { pool, entered } => {
                begin(pool, opening("BEGIN", as_role && entered.load(Ordering::Acquire), &Sight::Everything)).await?
            }
        })
    }

    /// To be called after a commit.
    pub(super) fn committed(&self) {
        if let Self::Sqlite { folding: Some(folding), .. } = self {
            folding.start();
        }
    }

    /// To be called after something was erased that is to be nowhere: SQLite's log is emptied, see [`Folding::empty`]. PostgreSQL keeps its own log
    /// and dead rows as long as its settings say.
    pub(super) fn erased(&self) {
        if let Self::Sqlite { folding: Some(folding), .. } = self {
            folding.empty();
        }
    }

    /// Closes every connection; SQLite folds its log into the file.
    pub async fn close(&self) {
        match self {
            Self::Sqlite { readers, writer, folding, .. } => {
                if let Some(folding) = folding {
                    folding.close().await;
                }
                readers.close().await;
                writer.close().await;
            }
            Self::Postgres { pool, .. } => pool.close().await,
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
            Self::Postgres { pool, .. } => count(pool.size(), pool.num_idle()),
        }
    }
}

/// Whether a connection can be used again; if not, it is closed and another one opened. When the disk is full or fails, SQLite ends the transaction by
/// itself, the roll-back that follows finds none to end, and the connection would count as inside a transaction for ever.
fn whole(connection: &mut SqliteConnection) -> Pin<Box<dyn Future<Output = Result<bool, sqlx::Error>> + Send + '_>> {
    let whole = !connection.is_in_transaction();
    Box::pin(async move { Ok(whole) })
}

/// Begins a transaction on SQLite. While another process writes, it asks again every few milliseconds: SQLite's own wait grows to a tenth of a
/// second, in which somebody who writes one piece after the other (an import) has long begun the next.
async fn begin_immediate(writer: &SqlitePool) -> Result<Transaction<'static, Sqlite>, DbError> {
    let until = tokio::time::Instant::now() + BUSY_TIMEOUT;
    loop {
        match writer.begin_with("BEGIN IMMEDIATE").await.map_err(DbError::from) {
            Err(DbError::Busy) if tokio::time::Instant::now() < until => tokio::time::sleep(Duration::from_millis(1)).await,
            begun => return begun,
        }
    }
}

/// Begins a transaction on PostgreSQL. That a connection died while it lay idle is seen only when it is used: it is thrown away and the next
/// one taken, so that nobody is told of a restart of the server that is over.
async fn begin(pool: &PgPool, statement: String) -> Result<Tx, DbError> {
    let mut idle = pool.num_idle();
    loop {
        match pool.begin_with(AssertSqlSafe(statement.clone())).await {
            Ok(tx) => return Ok(Tx::Postgres(tx)),
            Err(error) => again(pool, error, &mut idle).await?,
        }
    }
}

/// Whether what failed is worth another connection: as often as there were idle ones, each of which may have died meanwhile.
pub(super) async fn again(pool: &PgPool, error: sqlx::Error, idle: &mut usize) -> Result<(), DbError> {
    if *idle > 0 && error.as_database_error().and_then(sqlx::error::DatabaseError::code).is_some_and(|code| code == ABORTED) {
        *idle -= 1;
        end_aborted(pool).await;
        return Ok(());
    }
    // There is room for another connection, and none was to be had: the server does not answer.
    if matches!(error, sqlx::Error::PoolTimedOut) && pool.size() < pool.options().get_max_connections() {
        return Err(DbError::Gone);
    }
    let error = DbError::from(error);
    if *idle == 0 || !matches!(error, DbError::Gone) {
        return Err(error);
    }
    *idle -= 1;
    Ok(())
}

/// A statement in a transaction that another statement has broken.
const ABORTED: &str = "25P02";

/// Ends what idle connections are in. Where the role may no longer be entered, the first message of a transaction fails behind its `BEGIN`, and the pool
/// gets a connection back that takes nothing more.
async fn end_aborted(pool: &PgPool) {
    let mut idle = Vec::new();
    while let Some(mut connection) = pool.try_acquire() {
        if let Err(error) = connection.execute("ROLLBACK").await {
            tracing::warn!(%error, "a connection could not be brought back");
        }
        idle.push(connection);
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
