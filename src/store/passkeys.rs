//! Passkeys: the public halves of those that people sign in with.

use webauthn_rs::prelude::Passkey as Credential;

use super::db::{Reader, Sql};
use super::failure::{DbError, Failure};
use super::writer::WriteTx;
use crate::domain::id::{PasskeyId, UserId};
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
    /// What webauthn-rs knows of it, as it stands in the database: its public key, and how often it was used, where it counts.
    pub credential: String,
    /// What its holder calls it.
    pub name: String,
    /// Since when.
    pub added_at: Instant,
    /// When it was last used.
    pub used_at: Option<Instant>,
}

impl Passkey {
    /// What is checked when it is used.
    pub fn credential(&self) -> Result<Credential, DbError> {
        serde_json::from_str(&self.credential).map_err(|error| DbError::Broken(format!("passkey {} cannot be read: {error}", self.id)))
    }
}

/// As it is kept.
fn written(credential: &Credential) -> Result<String, DbError> {
    serde_json::to_string(credential).map_err(|error| DbError::Broken(format!("a passkey cannot be written: {error}")))
}

const COLUMNS: &str = "SELECT id, person_id, credential_id, credential, name, added_at, used_at FROM passkey WHERE ";

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
pub async fn by_credential(reader: &mut impl Reader, id: &[u8]) -> Result<Option<Passkey>, DbError> {
    let mut sql = Sql::default();
    sql.push(COLUMNS).push("credential_id = ").push_bind(id.to_vec());
    reader.one(sql).await
}

/// Keeps a new one; `false` where there is one with its id.
pub async fn insert(tx: &mut WriteTx<'_>, id: PasskeyId, person: UserId, name: String, made: &Credential) -> Result<bool, Failure> {
    let now = tx.now;
    let sql = Sql::new(
        "INSERT INTO passkey (id, person_id, credential_id, credential, name, added_at) \
         VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (credential_id) DO NOTHING",
    );
    let sql = sql.bind(id).bind(person).bind(made.cred_id().clone()).bind(written(made)?);
    Ok(tx.exec(sql.bind(name).bind(now)).await? == 1)
}

/// Notes a use; `false` where another was noted since it was read, so that one count is never taken twice.
pub async fn used(tx: &mut WriteTx<'_>, read: &Passkey, after: &Credential) -> Result<bool, Failure> {
    let now = tx.now;
    let sql = Sql::new("UPDATE passkey SET credential = $3, used_at = $4 WHERE id = $1 AND credential = $2");
    Ok(tx.exec(sql.bind(read.id).bind(read.credential.clone()).bind(written(after)?).bind(now)).await? == 1)
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
