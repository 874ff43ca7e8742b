//! Sessions: what the browser's token stands for. Only a hash of the token is kept.
//!
//! Housekeeping: these rows pass through the door like everything else, and leave no audit event of their own.

use super::db::{Reader, Sql};
use super::failure::{DbError, Failure};
use super::writer::WriteTx;
use crate::domain::id::UserId;
use crate::domain::time::Instant;

/// A session.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct Session {
    /// Who signed in; `None` before anyone has.
    pub person_id: Option<UserId>,
    /// What the session remembers, as JSON.
    pub state: String,
    /// When it began.
    pub created_at: Instant,
    /// When it was last used, to the minute.
    pub last_seen_at: Instant,
    /// When it ends whatever happens.
    pub expires_at: Instant,
}

/// The session of a token's hash, unless it has ended or was idle since `idle_since`.
pub async fn find(reader: &mut impl Reader, hash: &[u8; 32], now: Instant, idle_since: Instant) -> Result<Option<Session>, DbError> {
    let sql = Sql::new(
        "SELECT person_id, state, created_at, last_seen_at, expires_at FROM session \
         WHERE token_hash = $1 AND expires_at > $2 AND last_seen_at > $3",
    );
    reader.one(sql.bind(*hash).bind(now).bind(idle_since)).await
}

/// Keeps a new session.
pub async fn insert(tx: &mut WriteTx<'_>, hash: &[u8; 32], person: Option<UserId>, state: &str, lives: i64) -> Result<(), Failure> {
    let now = tx.now;
    let sql = Sql::new(
        "INSERT INTO session (token_hash, person_id, state, created_at, last_seen_at, expires_at) VALUES ($1, $2, $3, $4, $4, $5)",
    );
    tx.exec_one(sql.bind(*hash).bind(person).bind(state.to_owned()).bind(now).bind(now.plus_seconds(lives))).await
}

/// Keeps what the session remembers now. `false` where the session is gone.
pub async fn update(tx: &mut WriteTx<'_>, hash: &[u8; 32], person: Option<UserId>, state: &str) -> Result<bool, Failure> {
    let now = tx.now;
    let sql = Sql::new("UPDATE session SET state = $2, person_id = $3, last_seen_at = $4 WHERE token_hash = $1");
    Ok(tx.exec(sql.bind(*hash).bind(state.to_owned()).bind(person).bind(now)).await? == 1)
}

/// Notes that it was used.
pub async fn touch(tx: &mut WriteTx<'_>, hash: &[u8; 32]) -> Result<(), Failure> {
    let now = tx.now;
    tx.exec(Sql::new("UPDATE session SET last_seen_at = $2 WHERE token_hash = $1").bind(*hash).bind(now)).await?;
    Ok(())
}

/// Ends one.
pub async fn delete(tx: &mut WriteTx<'_>, hash: &[u8; 32]) -> Result<(), Failure> {
    tx.exec(Sql::new("DELETE FROM session WHERE token_hash = $1").bind(*hash)).await?;
    Ok(())
}

/// Ends every session of a person; how many there were.
pub async fn delete_of(tx: &mut WriteTx<'_>, person: UserId) -> Result<u64, Failure> {
    Ok(tx.exec(Sql::new("DELETE FROM session WHERE person_id = $1").bind(person)).await?)
}

/// Ends every session, and makes every one-time link useless: after a restore, what was ended since the backup must not come back to life.
pub async fn delete_all(tx: &mut WriteTx<'_>) -> Result<(), Failure> {
    tx.exec(Sql::new("DELETE FROM session")).await?;
    tx.exec(Sql::new("DELETE FROM one_time_link")).await?;
    tx.exec(Sql::new("DELETE FROM known_device")).await?;
    // Letters that waited then were sent since.
    tx.exec(Sql::new("DELETE FROM mail WHERE state = 'waiting'")).await?;
    Ok(())
}

/// Removes what has ended.
pub async fn delete_expired(tx: &mut WriteTx<'_>) -> Result<u64, Failure> {
    let now = tx.now;
    Ok(tx.exec(Sql::new("DELETE FROM session WHERE expires_at <= $1").bind(now)).await?)
}

/// How many people are signed in.
pub async fn count(reader: &mut impl Reader, now: Instant) -> Result<i64, DbError> {
    let sql = Sql::new("SELECT count(*) FROM session WHERE person_id IS NOT NULL AND expires_at > $1");
    Ok(reader.one::<(i64,)>(sql.bind(now)).await?.map_or(0, |row| row.0))
}
