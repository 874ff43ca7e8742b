//! Tries in vain, counted under a hash of what they were at; and the devices that people have signed in from.

use super::db::{Reader, Sql};
use super::failure::{DbError, Failure};
use super::writer::WriteTx;
use crate::domain::id::UserId;
use crate::domain::throttle::Count;
use crate::domain::time::Instant;

/// The count under a key; `None` where nothing was tried in vain.
pub async fn count(reader: &mut impl Reader, key: [u8; 32]) -> Result<Option<Count>, DbError> {
    let sql = Sql::new("SELECT failures, last_at, blocked_until FROM sign_in_count WHERE key = $1");
    let row: Option<(i64, Instant, Instant)> = reader.one(sql.bind(key)).await?;
    Ok(row.map(|(failures, last_at, blocked_until)| Count { failures, last_at, blocked_until }))
}

/// Keeps a count.
pub async fn put(tx: &mut WriteTx<'_>, key: [u8; 32], count: Count) -> Result<(), Failure> {
    let sql = Sql::new(
        "INSERT INTO sign_in_count (key, failures, last_at, blocked_until) VALUES ($1, $2, $3, $4) \
         ON CONFLICT (key) DO UPDATE SET failures = excluded.failures, last_at = excluded.last_at, blocked_until = excluded.blocked_until",
    );
    tx.exec_one(sql.bind(key).bind(count.failures).bind(count.last_at).bind(count.blocked_until)).await
}

/// Forgets what was tried in vain: the try that followed was right.
pub async fn forgive(tx: &mut WriteTx<'_>, key: [u8; 32]) -> Result<(), Failure> {
    tx.exec(Sql::new("DELETE FROM sign_in_count WHERE key = $1").bind(key)).await?;
    Ok(())
}

/// Takes one try back, which was not in vain, and leaves the others: a network is not forgiven because one person of it signs in.
pub async fn take_back(tx: &mut WriteTx<'_>, key: [u8; 32]) -> Result<(), Failure> {
    let sql = Sql::new("UPDATE sign_in_count SET failures = failures - 1, blocked_until = last_at WHERE key = $1 AND failures > 0");
    tx.exec(sql.bind(key)).await?;
    Ok(())
}

/// Whether a person has signed in from this device before.
pub async fn knows_device(reader: &mut impl Reader, token_hash: [u8; 32], person: UserId) -> Result<bool, DbError> {
    let sql = Sql::new("SELECT last_at FROM known_device WHERE token_hash = $1 AND person_id = $2");
    Ok(reader.one::<(Instant,)>(sql.bind(token_hash).bind(person)).await?.is_some())
}

/// Notes that a person has signed in from this device.
pub async fn remember_device(tx: &mut WriteTx<'_>, token_hash: [u8; 32], person: UserId) -> Result<(), Failure> {
    let now = tx.now;
    let sql = Sql::new(
        "INSERT INTO known_device (token_hash, person_id, first_at, last_at) VALUES ($1, $2, $3, $3) \
         ON CONFLICT (token_hash, person_id) DO UPDATE SET last_at = excluded.last_at",
    );
    tx.exec_one(sql.bind(token_hash).bind(person).bind(now)).await
}

/// Removes counts that were not touched since `counts`, and devices that were not used since `devices`; how many rows those were.
pub async fn delete_old(tx: &mut WriteTx<'_>, counts: Instant, devices: Instant) -> Result<u64, Failure> {
    let counts = tx.exec(Sql::new("DELETE FROM sign_in_count WHERE last_at < $1").bind(counts)).await?;
    Ok(counts + tx.exec(Sql::new("DELETE FROM known_device WHERE last_at < $1").bind(devices)).await?)
}
