//! Second factors: the sealed secret of an authenticator app, and recovery codes as hashes.

use super::db::{Reader, Sql};
use super::failure::{DbError, Failure};
use super::writer::WriteTx;
use crate::domain::id::UserId;
use crate::domain::time::Instant;

/// A person's second factor.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct Factor {
    /// The app's secret, sealed.
    pub sealed: Vec<u8>,
    /// Since when she has it.
    pub since: Instant,
}

/// The second factor of a person.
pub async fn find(reader: &mut impl Reader, person: UserId) -> Result<Option<Factor>, DbError> {
    reader.one(Sql::new("SELECT sealed, since FROM second_factor WHERE person_id = $1").bind(person)).await
}

/// Keeps a second factor with the step whose code proved it; `false` where the person has one.
pub async fn insert(tx: &mut WriteTx<'_>, person: UserId, sealed: Vec<u8>, step: i64) -> Result<bool, Failure> {
    let now = tx.now;
    let sql = Sql::new(
        "INSERT INTO second_factor (person_id, sealed, last_step, since) VALUES ($1, $2, $3, $4) ON CONFLICT (person_id) DO NOTHING",
    );
    Ok(tx.exec(sql.bind(person).bind(sealed).bind(step).bind(now)).await? == 1)
}

/// Uses the code of a step up; `false` where it was used, or one after it.
pub async fn use_step(tx: &mut WriteTx<'_>, person: UserId, step: i64) -> Result<bool, Failure> {
    let sql = Sql::new("UPDATE second_factor SET last_step = $2 WHERE person_id = $1 AND last_step < $2");
    Ok(tx.exec(sql.bind(person).bind(step)).await? == 1)
}

/// Takes a person's second factor away, and her recovery codes; `false` where she has none.
pub async fn delete(tx: &mut WriteTx<'_>, person: UserId) -> Result<bool, Failure> {
    tx.exec(Sql::new("DELETE FROM recovery_code WHERE person_id = $1").bind(person)).await?;
    Ok(tx.exec(Sql::new("DELETE FROM second_factor WHERE person_id = $1").bind(person)).await? == 1)
}

/// Keeps the hashes of new recovery codes in place of those before.
pub async fn put_codes(tx: &mut WriteTx<'_>, person: UserId, hashes: &[[u8; 32]]) -> Result<(), Failure> {
    let now = tx.now;
    tx.exec(Sql::new("DELETE FROM recovery_code WHERE person_id = $1").bind(person)).await?;
    for hash in hashes {
        let sql = Sql::new("INSERT INTO recovery_code (code_hash, person_id, made_at) VALUES ($1, $2, $3)");
        tx.exec_one(sql.bind(*hash).bind(person).bind(now)).await?;
    }
    Ok(())
}

/// Uses a recovery code up; `false` where there is none such, or it was used.
pub async fn use_code(tx: &mut WriteTx<'_>, person: UserId, hash: [u8; 32]) -> Result<bool, Failure> {
    let now = tx.now;
    let sql = Sql::new("UPDATE recovery_code SET used_at = $3 WHERE code_hash = $1 AND person_id = $2 AND used_at IS NULL");
    Ok(tx.exec(sql.bind(hash).bind(person).bind(now)).await? == 1)
}

/// How many recovery codes of a person can still be used.
pub async fn codes_left(reader: &mut impl Reader, person: UserId) -> Result<i64, DbError> {
    let sql = Sql::new("SELECT count(*) FROM recovery_code WHERE person_id = $1 AND used_at IS NULL");
    Ok(reader.one::<(i64,)>(sql.bind(person)).await?.map_or(0, |row| row.0))
}

/// Everybody who is active, and whether she has a second factor: an app (1), a passkey, or none (0).
pub async fn of_everybody(reader: &mut impl Reader) -> Result<Vec<(UserId, i64)>, DbError> {
    let sql = Sql::new(
        "SELECT p.id, CAST(CASE WHEN EXISTS (SELECT 1 FROM second_factor f WHERE f.person_id = p.id) \
           OR EXISTS (SELECT 1 FROM passkey k WHERE k.person_id = p.id) THEN 1 ELSE 0 END AS BIGINT) \
         FROM person p WHERE p.status = 'active' ORDER BY p.id",
    );
    reader.all(sql).await
}
