//! Passkeys: the public halves of those that people sign in with.

use super::db::{Reader, Sql};
use super::failure::{DbError, Failure};
use super::writer::WriteTx;
use crate::domain::id::{PasskeyId, UserId};
use crate::domain::passkey::Made;
use crate::domain::time::Instant;

/// A passkey.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct Passkey {
    /// Its id in the portal.
    pub id: PasskeyId,
    /// Whose it is.
    pub person_id: UserId,
    /// Its id on the device.
    pub credential_id: Vec<u8>,
    /// See [`crate::domain::passkey::ALGORITHMS`].
    pub algorithm: i64,
    /// Its public key.
    pub public_key: Vec<u8>,
    /// How often it was used, where it counts.
    pub counter: i64,
    /// What its holder calls it.
    pub name: String,
    /// Since when.
    pub added_at: Instant,
    /// When it was last used.
    pub used_at: Option<Instant>,
}

impl Passkey {
    /// What is checked when it is used.
    pub fn made(&self) -> Made {
        let counter = u32::try_from(self.counter).unwrap_or(u32::MAX);
        Made { id: self.credential_id.clone(), algorithm: self.algorithm, key: self.public_key.clone(), counter }
    }
}

const COLUMNS: &str = "SELECT id, person_id, credential_id, algorithm, public_key, counter, name, added_at, used_at FROM passkey WHERE ";

/// Those of a person, the oldest first.
pub async fn of_person(reader: &mut impl Reader, person: UserId) -> Result<Vec<Passkey>, DbError> {
    let mut sql = Sql::default();
    sql.push(COLUMNS).push("person_id = ").push_bind(person).push(" ORDER BY added_at, id");
    reader.all(sql).await
}

/// Whether a person has any.
pub async fn has_any(reader: &mut impl Reader, person: UserId) -> Result<bool, DbError> {
    let sql = Sql::new("SELECT count(*) FROM passkey WHERE person_id = $1");
    Ok(reader.one::<(i64,)>(sql.bind(person)).await?.is_some_and(|row| row.0 > 0))
}

/// The one with this id on its device.
pub async fn by_credential(reader: &mut impl Reader, credential: Vec<u8>) -> Result<Option<Passkey>, DbError> {
    let mut sql = Sql::default();
    sql.push(COLUMNS).push("credential_id = ").push_bind(credential);
    reader.one(sql).await
}

/// Keeps a new one; `false` where there is one with its id.
pub async fn insert(tx: &mut WriteTx<'_>, id: PasskeyId, person: UserId, name: String, made: Made) -> Result<bool, Failure> {
    let now = tx.now;
    let sql = Sql::new(
        "INSERT INTO passkey (id, person_id, credential_id, algorithm, public_key, counter, name, added_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (credential_id) DO NOTHING",
    );
    let sql = sql.bind(id).bind(person).bind(made.id).bind(made.algorithm).bind(made.key);
    Ok(tx.exec(sql.bind(i64::from(made.counter)).bind(name).bind(now)).await? == 1)
}

/// Notes a use; `false` where the counter says that it was used meanwhile.
pub async fn used(tx: &mut WriteTx<'_>, id: PasskeyId, counter: u32) -> Result<bool, Failure> {
    let now = tx.now;
    let sql = Sql::new("UPDATE passkey SET counter = $2, used_at = $3 WHERE id = $1 AND (counter < $2 OR (counter = 0 AND $2 = 0))");
    Ok(tx.exec(sql.bind(id).bind(i64::from(counter)).bind(now)).await? == 1)
}

/// Removes one of a person's; what it was called, where there was such a one.
pub async fn delete(tx: &mut WriteTx<'_>, person: UserId, id: PasskeyId) -> Result<Option<String>, Failure> {
    let sql = Sql::new("SELECT name FROM passkey WHERE person_id = $1 AND id = $2");
    let name: Option<(String,)> = tx.one(sql.bind(person).bind(id)).await?;
    tx.exec(Sql::new("DELETE FROM passkey WHERE person_id = $1 AND id = $2").bind(person).bind(id)).await?;
    Ok(name.map(|name| name.0))
}

/// Removes all of a person's; how many that were.
pub async fn delete_of(tx: &mut WriteTx<'_>, person: UserId) -> Result<u64, Failure> {
    Ok(tx.exec(Sql::new("DELETE FROM passkey WHERE person_id = $1").bind(person)).await?)
}
