//! Looking at a database without changing it: not even the files beside it that SQLite would make for a writer.

use std::path::Path;
use std::time::Duration;

use sqlx::sqlite::{SqliteConnectOptions, SqlitePoolOptions};
use sqlx::{ConnectOptions, Sqlite};

use super::db::{Engine, Read, Reader, Sql, Tx};
use super::db_pools::{PROGRAM, Pools};
use super::failure::{DbError, Failure};

/// What PostgreSQL calls connections that only look: they do not count as somebody who uses the database.
const LOOKING: &str = "counterfoil looking";

impl Pools {
    /// Opens a database that is there, for reading alone. A write through it is refused by the engine.
    pub async fn inspect(url: &str) -> Result<Self, Failure> {
        let Some(file) = url.strip_prefix("sqlite:").map(|file| file.trim_start_matches("//")) else {
            return Self::open_postgres(url, 1, LOOKING).await;
        };
        let file = Path::new(file);
        let refused = |error: String| Failure::Setup(format!("cannot open {}: {error}", file.display()));
        if !file.is_file() {
            return Err(refused("there is no such file".to_owned()));
        }
        let options = SqliteConnectOptions::new()
            .filename(file)
            .read_only(true)
            .busy_timeout(Duration::from_secs(10))
            .pragma("query_only", "ON")
            .pragma("trusted_schema", "OFF")
            .pragma("cell_size_check", "ON")
            .disable_statement_logging();
        let pool = SqlitePoolOptions::new().max_connections(1).connect_with(options).await;
        let pool: sqlx::Pool<Sqlite> = pool.map_err(|error| refused(error.to_string()))?;
        Ok(Self::Sqlite { file: file.to_path_buf(), readers: pool.clone(), writer: pool, folding: None })
    }
}

/// The tables of a database, by name, without those that an engine keeps for itself.
pub async fn tables(reader: &mut impl Reader) -> Result<Vec<String>, DbError> {
    let sql = match reader.engine() {
        // A virtual table's own tables hold nothing that could not be made again; `reward_search` has no rows to count by name.
        Engine::Sqlite => Sql::new(
            "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%' AND name NOT LIKE 'reward_search%' ORDER BY name",
        ),
        Engine::Postgres => Sql::new(
            "SELECT CAST(table_name AS TEXT) FROM information_schema.tables \
             WHERE table_schema = current_schema() AND table_type = 'BASE TABLE' ORDER BY table_name COLLATE \"C\"",
        ),
    };
    Ok(reader.all::<(String,)>(sql).await?.into_iter().map(|row| row.0).collect())
}

/// What SQLite's own checks find wrong with the file, in its words; `None` where nothing is, and on a server. `thorough` looks at indexes and at
/// references between rows as well.
pub async fn damage(reader: &mut impl Reader, thorough: bool) -> Result<Option<String>, DbError> {
    if reader.engine() == Engine::Postgres {
        return Ok(None);
    }
    let check = if thorough { "PRAGMA integrity_check(1)" } else { "PRAGMA quick_check(1)" };
    let said: Vec<(String,)> = reader.all(Sql::new(check)).await?;
    if let Some((fault,)) = said.into_iter().find(|row| row.0 != "ok") {
        return Ok(Some(fault));
    }
    if !thorough {
        return Ok(None);
    }
    let dangling: Option<(String, String)> = reader.one(Sql::new("SELECT \"table\", parent FROM pragma_foreign_key_check LIMIT 1")).await?;
    Ok(dangling.map(|(table, parent)| format!("a row of {table} names a row of {parent} that is not there")))
}

/// How large the database is, in bytes.
pub async fn size(reader: &mut impl Reader) -> Result<i64, DbError> {
    let sql = match reader.engine() {
        Engine::Sqlite => Sql::new("SELECT page_count * page_size FROM pragma_page_count, pragma_page_size"),
        Engine::Postgres => Sql::new("SELECT pg_database_size(current_database())"),
    };
    Ok(reader.one::<(i64,)>(sql).await?.map_or(0, |row| row.0))
}

/// The engine's version in its own words.
pub async fn version(reader: &mut impl Reader) -> Result<String, DbError> {
    let sql = match reader.engine() {
        Engine::Sqlite => Sql::new("SELECT 'SQLite ' || sqlite_version()"),
        Engine::Postgres => Sql::new("SELECT 'PostgreSQL ' || current_setting('server_version')"),
    };
    Ok(reader.one::<(String,)>(sql).await?.map(|row| row.0).unwrap_or_default())
}

/// How many connections that may write a server has open to the database; 0 on SQLite, whose file says so when it is taken.
pub async fn in_use(reader: &mut impl Reader) -> Result<i64, DbError> {
    if reader.engine() == Engine::Sqlite {
        return Ok(0);
    }
    let sql = Sql::new("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name = $1");
    Ok(reader.one::<(i64,)>(sql.bind(PROGRAM)).await?.map_or(0, |row| row.0))
}

impl Read {
    /// A name under which another program can read the very same snapshot while this one is open; `None` on SQLite.
    pub async fn shared(&mut self) -> Result<Option<String>, DbError> {
        match &self.0 {
            Tx::Sqlite(_) => Ok(None),
            Tx::Postgres(_) => self.value(Sql::new("SELECT pg_export_snapshot()")).await.map(Some),
        }
    }
}
