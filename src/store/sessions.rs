//! Sessions: what the browser's token stands for. Only a hash of the token is kept.
//!
//! Housekeeping: these rows pass through the door like everything else, and leave no audit event of their own.

use super::db::{Reader, Sql};
use super::failure::{DbError, Failure};
use super::writer::WriteTx;
use crate::domain::id::{SessionId, UserId};
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

/// A session of somebody who is signed in, as she sees it.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct Listed {
    /// What it is ended by.
    pub id: SessionId,
    /// The device it began on, in words.
    pub device: String,
    /// The address it began from.
    pub address: String,
    /// When it began.
    pub created_at: Instant,
    /// When it was last used, to the minute.
    pub last_seen_at: Instant,
}

/// The sessions of a person that have not ended, the one used last first.
pub async fn of_person(reader: &mut impl Reader, person: UserId, now: Instant, idle_since: Instant) -> Result<Vec<Listed>, DbError> {
    let sql = Sql::new(
        "SELECT id, device, address, created_at, last_seen_at FROM session \
         WHERE person_id = $1 AND id IS NOT NULL AND expires_at > $2 AND last_seen_at > $3 ORDER BY last_seen_at DESC, created_at DESC, id",
    );
    reader.all(sql.bind(person).bind(now).bind(idle_since)).await
}

/// What is kept of a new session.
#[derive(Clone, Debug)]
pub struct New {
    /// The hash of its token.
    pub hash: [u8; 32],
    /// Whose it is, where somebody has signed in.
    pub person: Option<UserId>,
    /// What it remembers, as JSON.
    pub state: String,
    /// Its id, the device in words and the address, where somebody has signed in.
    pub began: Option<(SessionId, String, String)>,
    /// When it began: the same when it goes on under another token.
    pub at: Instant,
}

/// Keeps a new session, for at most so many seconds after it began.
pub async fn insert(tx: &mut WriteTx<'_>, new: New, lives: i64) -> Result<(), Failure> {
    let now = tx.now;
    let (id, device, address) = new.began.map_or((None, String::new(), String::new()), |(id, device, address)| (Some(id), device, address));
    let sql = Sql::new(
        "INSERT INTO session (token_hash, person_id, state, created_at, last_seen_at, expires_at, id, device, address) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
    );
    let sql = sql.bind(new.hash).bind(new.person).bind(new.state).bind(new.at).bind(now).bind(new.at.plus_seconds(lives));
    tx.exec_one(sql.bind(id).bind(device).bind(address)).await
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

/// Ends one session of a person; the device it was on, where there is such a session.
pub async fn delete_one(tx: &mut WriteTx<'_>, person: UserId, id: SessionId) -> Result<Option<String>, Failure> {
    let sql = Sql::new("SELECT device FROM session WHERE person_id = $1 AND id = $2");
    let device: Option<(String,)> = tx.one(sql.bind(person).bind(id)).await?;
    tx.exec(Sql::new("DELETE FROM session WHERE person_id = $1 AND id = $2").bind(person).bind(id)).await?;
    Ok(device.map(|device| device.0))
}

/// Ends every session of a person but one; how many there were.
pub async fn delete_others(tx: &mut WriteTx<'_>, person: UserId, but: SessionId) -> Result<u64, Failure> {
    let sql = Sql::new("DELETE FROM session WHERE person_id = $1 AND (id IS NULL OR id <> $2)");
    Ok(tx.exec(sql.bind(person).bind(but)).await?)
}

/// Ends every session of everybody but one; how many there were.
pub async fn delete_everybody(tx: &mut WriteTx<'_>, but: SessionId) -> Result<u64, Failure> {
    Ok(tx.exec(Sql::new("DELETE FROM session WHERE id IS NULL OR id <> $1").bind(but)).await?)
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

/// Removes what has ended; what nobody has signed in to for an hour as well.
pub async fn delete_expired(tx: &mut WriteTx<'_>) -> Result<u64, Failure> {
    let now = tx.now;
    let sql = Sql::new("DELETE FROM session WHERE expires_at <= $1 OR (person_id IS NULL AND last_seen_at <= $2)");
    Ok(tx.exec(sql.bind(now).bind(now.plus_seconds(-3600))).await?)
}

/// How many people are signed in.
pub async fn count(reader: &mut impl Reader, now: Instant) -> Result<i64, DbError> {
    let sql = Sql::new("SELECT count(*) FROM session WHERE person_id IS NOT NULL AND expires_at > $1");
    Ok(reader.one::<(i64,)>(sql.bind(now)).await?.map_or(0, |row| row.0))
}

/// How many sessions of signed-in people have not ended, but one.
pub async fn live(reader: &mut impl Reader, now: Instant, idle_since: Instant, but: SessionId) -> Result<i64, DbError> {
    let sql = Sql::new("SELECT count(*) FROM session WHERE person_id IS NOT NULL AND expires_at > $1 AND last_seen_at > $2 AND id <> $3");
    Ok(reader.one::<(i64,)>(sql.bind(now).bind(idle_since).bind(but)).await?.map_or(0, |row| row.0))
}

/// When a session was last used.
pub async fn seen(reader: &mut impl Reader, id: SessionId) -> Result<Option<Instant>, DbError> {
    let row: Option<(Instant,)> = reader.one(Sql::new("SELECT last_seen_at FROM session WHERE id = $1").bind(id)).await?;
    Ok(row.map(|row| row.0))
}
