//! Stores to measure on: made by the demo itself, kept for the next run, and copied where a row writes.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;

use anyhow::{Context as _, Result, ensure};
use counterfoil::actions::demo;
use counterfoil::clock::{Clock, Random};
use counterfoil::domain::time::Instant;
use counterfoil::jobs::search_index;
use counterfoil::metrics::Metrics;
use counterfoil::store::{Options, Store};
use sha2::{Digest, Sha256};

use crate::{Bench, say};

/// Which engine a store is on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum On {
    /// A file.
    Sqlite,
    /// The server of COUNTERFOIL_TEST_POSTGRES.
    Postgres,
}

impl On {
    /// As it is called in the report.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sqlite => "SQLite",
            Self::Postgres => "PostgreSQL",
        }
    }
}

/// The engines that can be measured here; says which cannot.
pub fn engines(bench: &Bench) -> Vec<On> {
    if bench.postgres.is_some() {
        return vec![On::Sqlite, On::Postgres];
    }
    say("COUNTERFOIL_TEST_POSTGRES is not set: the rows on PostgreSQL are left out");
    vec![On::Sqlite]
}

/// `target/bench-data` of the workspace, wherever its target folder is.
pub fn folder() -> PathBuf {
    Path::new(crate::server::BINARY).ancestors().nth(2).unwrap_or(Path::new("target")).join("bench-data")
}

/// The URL of a store of so many rows with its search index; made when it is not there.
pub async fn store(bench: &Bench, on: On, rows: u64) -> Result<String> {
    let name = format!("cf_bench_{rows}_{}", checksum()?);
    if there(bench, on, &name)? {
        return url(bench, on, &name);
    }
    say(&format!("making a store of {rows} rows on {} (once)", on.name()));
    let unfinished = format!("{name}_new");
    remove(bench, on, &unfinished)?;
    if on == On::Postgres {
        psql(bench, "postgres", &format!("CREATE DATABASE {unfinished}"))?;
    }
    let made = url(bench, on, &unfinished)?;
    demo::fill(&made, Instant(Clock::system().now()), rows, |_| {}).await?;
    let store = open(&made, counterfoil::store::writer::BATCH_MOST).await?;
    search_index::catch_up(&store).await?;
    store.close().await;
    match on {
        On::Sqlite => std::fs::rename(file(bench, &unfinished), file(bench, &name))?,
        On::Postgres => {
            psql(bench, &unfinished, "VACUUM ANALYZE")?;
            psql(bench, "postgres", &format!("ALTER DATABASE {unfinished} RENAME TO {name}"))?;
        }
    }
    url(bench, on, &name)
}

/// A copy of a store, for a row that writes; the one before is gone.
pub async fn copy(bench: &Bench, on: On, rows: u64, name: &str) -> Result<String> {
    store(bench, on, rows).await?;
    let (from, to) = (format!("cf_bench_{rows}_{}", checksum()?), format!("cf_bench_{name}"));
    remove(bench, on, &to)?;
    match on {
        On::Sqlite => drop(std::fs::copy(file(bench, &from), file(bench, &to))?),
        On::Postgres => drop(psql(bench, "postgres", &format!("CREATE DATABASE {to} TEMPLATE {from}"))?),
    }
    url(bench, on, &to)
}

/// A new store without anything in it.
pub fn empty(bench: &Bench, on: On, name: &str) -> Result<String> {
    let name = format!("cf_bench_{name}");
    remove(bench, on, &name)?;
    if on == On::Postgres {
        psql(bench, "postgres", &format!("CREATE DATABASE {name}"))?;
    }
    url(bench, on, &name)
}

/// Opens a store through the library.
pub async fn open(url: &str, batch_most: usize) -> Result<Store> {
    let options = Options { batch_most, ..Options::of(url) };
    Ok(Store::open(&options, Clock::system(), Random::system(), Arc::new(Metrics::new())).await?)
}

/// The SQLite file behind a URL.
pub fn path(url: &str) -> Result<PathBuf> {
    Ok(PathBuf::from(url.strip_prefix("sqlite:").context("not a file")?))
}

/// Runs statements through the psql command line; what it prints.
pub fn psql(bench: &Bench, database: &str, sql: &str) -> Result<String> {
    let out = Command::new("psql")
        .args(["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-d", &server_url(bench, database)?, "-c", sql])
        .stderr(Stdio::inherit())
        .output()
        .context("psql is not here (Debian: postgresql-client)")?;
    ensure!(out.status.success(), "psql refused {sql:?}");
    Ok(String::from_utf8_lossy(&out.stdout).trim().to_owned())
}

/// The server's address with a database name.
pub fn server_url(bench: &Bench, database: &str) -> Result<String> {
    let server = bench.postgres.as_deref().context("COUNTERFOIL_TEST_POSTGRES is not set")?;
    let (scheme, rest) = server.split_once("://").context("COUNTERFOIL_TEST_POSTGRES is no address")?;
    let host = rest.split('/').next().unwrap_or(rest);
    Ok(format!("{scheme}://{host}/{database}"))
}

fn file(bench: &Bench, name: &str) -> PathBuf {
    bench.folder.join(format!("{name}.db"))
}

fn url(bench: &Bench, on: On, name: &str) -> Result<String> {
    match on {
        On::Sqlite => Ok(format!("sqlite:{}", file(bench, name).display())),
        On::Postgres => server_url(bench, name),
    }
}

fn there(bench: &Bench, on: On, name: &str) -> Result<bool> {
    match on {
        On::Sqlite => Ok(file(bench, name).exists()),
        On::Postgres => Ok(psql(bench, "postgres", &format!("SELECT 1 FROM pg_database WHERE datname = '{name}'"))? == "1"),
    }
}

fn remove(bench: &Bench, on: On, name: &str) -> Result<()> {
    match on {
        On::Sqlite => {
            for ending in ["db", "db-wal", "db-shm"] {
                let file = bench.folder.join(format!("{name}.{ending}"));
                if file.exists() {
                    std::fs::remove_file(file)?;
                }
            }
            Ok(())
        }
        On::Postgres => psql(bench, "postgres", &format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)")).map(drop),
    }
}

/// Of the migrations: another schema is another store.
fn checksum() -> Result<String> {
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/migrations"))?.map(|entry| Ok(entry?.path())).collect::<Result<_>>()?;
    files.sort();
    let mut hash = Sha256::new();
    for file in files {
        hash.update(std::fs::read(file)?);
    }
    Ok(hash.finalize().iter().take(4).map(|byte| format!("{byte:02x}")).collect())
}
