//! A database for one test, on SQLite or on the PostgreSQL cluster that `tests/run` starts.

use std::future::Future;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;

use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};
use tempfile::TempDir;

const CLUSTER: &str = "COUNTERFOIL_TEST_POSTGRES";

/// An empty database of its own; it is gone when this is dropped.
pub struct TestDb {
    /// What `--database` takes: `sqlite:FILE` or `postgres://…`.
    pub url: String,
    _home: Home,
}

/// What holds the database, and removes it when dropped.
enum Home {
    Folder { _folder: TempDir },
    Database { _database: PostgresDatabase },
    Elsewhere,
}

impl TestDb {
    /// A SQLite file in a folder of its own.
    pub fn sqlite() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let url = format!("sqlite:{}", folder.path().join("test.db").display());
        Self { url, _home: Home::Folder { _folder: folder } }
    }

    /// A database that somebody else holds.
    pub fn at(url: String) -> Self {
        Self { url, _home: Home::Elsewhere }
    }

    /// A fresh database on the test cluster.
    pub async fn postgres() -> Self {
        let database = fresh_postgres().await;
        Self { url: database.url.clone(), _home: Home::Database { _database: database } }
    }
}

/// A database on the test cluster; dropping this drops it with whoever is still connected.
pub struct PostgresDatabase {
    pub url: String,
    name: String,
}

/// Creates an empty database on the test cluster. Panics where there is none: a test that needs PostgreSQL is never skipped in silence.
pub async fn fresh_postgres() -> PostgresDatabase {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let name = format!("test_{}_{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
    admin(format!("CREATE DATABASE {name} TEMPLATE template0")).await;
    PostgresDatabase { url: address(&name), name }
}

impl Drop for PostgresDatabase {
    fn drop(&mut self) {
        let sql = format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name);
        // The test's own runtime may be busy or ending, so this one waits on a thread with a runtime of its own.
        let dropped = thread::spawn(|| run(admin(sql))).join();
        assert!(dropped.is_ok() || thread::panicking(), "{} could not be dropped", self.name);
    }
}

/// The address of a database of the cluster.
pub fn address(database: &str) -> String {
    let Ok(base) = std::env::var(CLUSTER) else { panic!("{CLUSTER} is not set: run the tests with `bash tests/run`") };
    format!("{}/{database}", base.trim_end_matches('/'))
}

/// Runs a statement as the cluster's superuser, beside the database it is about.
pub async fn admin(sql: String) {
    let mut connection = PgConnection::connect(&address("postgres")).await.expect("the test cluster answers");
    connection.execute(AssertSqlSafe(sql)).await.expect("the test cluster makes and drops databases");
    connection.close().await.expect("the test cluster says good-bye");
}

fn run(work: impl Future<Output = ()>) {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime").block_on(work);
}

/// Makes of each `async fn name(db: TestDb) { … }` two tests, `name::sqlite` and `name::postgres`.
macro_rules! on_both_engines {
    ($($(#[$meta:meta])* async fn $name:ident($db:ident: TestDb) $body:block)+) => {
        $(
            $(#[$meta])*
            mod $name {
                use super::*;

                async fn steps($db: TestDb) $body

                #[tokio::test]
                async fn sqlite() {
                    steps(TestDb::sqlite()).await;
                }

                #[tokio::test]
                async fn postgres() {
                    steps(TestDb::postgres().await).await;
                }
            }
        )+
    };
}
pub(crate) use on_both_engines;

#[tokio::test]
async fn a_dropped_database_is_gone_though_somebody_is_connected() {
    let database = fresh_postgres().await;
    let url = database.url.clone();
    let connection = PgConnection::connect(&url).await.unwrap();
    drop(database);
    assert!(PgConnection::connect(&url).await.is_err());
    drop(connection);
}
