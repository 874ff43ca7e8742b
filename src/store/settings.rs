//! The organisation's settings, the secrets the portal keeps for itself, and the currencies in use.

use super::db::{Reader, Sql, Tx};
use super::failure::{DbError, Failure};
use super::writer::WriteTx;
use crate::domain::currency::Currency;
use crate::domain::id::SourceId;
use crate::domain::time::Instant;

/// The key of the secret that signs session cookies and form tokens.
pub const SESSION_KEY: &str = "session_key";
/// The setting with the organisation's name.
pub const ORGANISATION: &str = "organisation.name";
/// The setting with the organisation's time zone.
pub const TIME_ZONE: &str = "organisation.time_zone";
/// The setting that marks a database as the demo's, from its first write on: `serve` shows the banner, and `demo` takes no other.
pub const DEMO: &str = "demo";
/// The setting that says that the first set-up is finished.
pub const SETUP_DONE: &str = "setup.done";
/// What the pages of the first set-up have been told so far, as JSON; empty afterwards.
pub const SETUP_DRAFT: &str = "setup.draft";
/// `open` while the overview shows what the first set-up left out, `dismissed` when nobody wants to see it any more.
pub const SETUP_TASKS: &str = "setup.tasks";
/// The roles that a second factor is required for, their codes with a blank between them.
pub const SECOND_FACTOR: &str = "sign_in.second_factor";
/// When somebody has to show once more who she is, as JSON.
pub const STEP_UP: &str = "sign_in.step_up";
/// What the last walk along the audit chain found, and when, as JSON.
pub const AUDIT_VERDICT: &str = "audit.verdict";
/// Set while an older database stands where a newer one stood and nobody has accepted that: what is lost, as JSON. Nothing else is written then.
pub const AUDIT_HELD: &str = "audit.held";

/// One setting; `None` where it was never set.
pub async fn get(reader: &mut impl Reader, key: &'static str) -> Result<Option<String>, DbError> {
    let row: Option<(String,)> = reader.one(Sql::new("SELECT value FROM setting WHERE key = $1").bind(key)).await?;
    Ok(row.map(|row| row.0))
}

/// The organisation's time zone: its days begin there, and its transactions are counted into the months of it. UTC before the first set-up.
///
/// Once there are transactions it stays (`actions::settings::organisation` refuses another one): their months are counted and kept.
pub async fn zone(reader: &mut impl Reader) -> Result<chrono_tz::Tz, DbError> {
    Ok(get(reader, TIME_ZONE).await?.and_then(|zone| zone.parse().ok()).unwrap_or(chrono_tz::UTC))
}

/// Every setting, by key.
pub async fn all(reader: &mut impl Reader) -> Result<Vec<(String, String)>, DbError> {
    reader.all(Sql::new("SELECT key, value FROM setting ORDER BY key")).await
}

/// Sets one.
pub async fn set(tx: &mut WriteTx<'_>, key: &'static str, value: &str) -> Result<(), DbError> {
    let sql = Sql::new("INSERT INTO setting (key, value) VALUES ($1, $2) ON CONFLICT (key) DO UPDATE SET value = excluded.value");
    tx.exec(sql.bind(key).bind(value.to_owned())).await?;
    Ok(())
}

/// Takes a setting away.
pub async fn unset(tx: &mut WriteTx<'_>, key: &'static str) -> Result<(), DbError> {
    tx.exec(Sql::new("DELETE FROM setting WHERE key = $1").bind(key)).await.map(|_| ())
}

/// Keeps a secret under a key, unless there is one.
pub(super) async fn ensure_secret(tx: &mut Tx, key: &'static str, value: Vec<u8>) -> Result<(), DbError> {
    tx.exec(Sql::new("INSERT INTO secret (key, value) VALUES ($1, $2) ON CONFLICT (key) DO NOTHING").bind(key).bind(value)).await?;
    Ok(())
}

/// A secret.
pub async fn secret(reader: &mut impl Reader, key: &'static str) -> Result<Vec<u8>, DbError> {
    let row: Option<(Vec<u8>,)> = reader.one(Sql::new("SELECT value FROM secret WHERE key = $1").bind(key)).await?;
    row.map(|row| row.0).ok_or(DbError::Broken(format!("the secret {key} is missing")))
}

/// The currencies the organisation pays in, by code.
pub async fn currencies(reader: &mut impl Reader) -> Result<Vec<Currency>, DbError> {
    let rows: Vec<(String,)> = reader.all(Sql::new("SELECT code FROM currency_in_use ORDER BY code")).await?;
    Ok(rows.iter().filter_map(|row| Currency::parse(&row.0)).collect())
}

/// Takes a currency into use.
pub async fn add_currency(tx: &mut WriteTx<'_>, currency: Currency) -> Result<(), DbError> {
    tx.exec(Sql::new("INSERT INTO currency_in_use (code) VALUES ($1) ON CONFLICT (code) DO NOTHING").bind(currency.code())).await?;
    Ok(())
}

/// Reason codes for adjustments, active ones first: (code, label, active).
pub async fn reason_codes(reader: &mut impl Reader) -> Result<Vec<(String, String, i64)>, DbError> {
    reader.all(Sql::new("SELECT code, label, active FROM reason_code ORDER BY active DESC, label")).await
}

/// Adds a reason code, or changes its label or whether it is active.
pub async fn put_reason_code(tx: &mut WriteTx<'_>, code: &str, label: &str, active: bool) -> Result<(), DbError> {
    let sql = Sql::new(
        "INSERT INTO reason_code (code, label, active) VALUES ($1, $2, $3) \
         ON CONFLICT (code) DO UPDATE SET label = excluded.label, active = excluded.active",
    );
    tx.exec(sql.bind(code.to_owned()).bind(label.to_owned()).bind(i64::from(active))).await?;
    Ok(())
}

/// Takes a currency out of use. The caller has made sure that nothing is kept in it.
pub async fn remove_currency(tx: &mut WriteTx<'_>, currency: Currency) -> Result<u64, DbError> {
    tx.exec(Sql::new("DELETE FROM currency_in_use WHERE code = $1").bind(currency.code())).await
}

/// The codes of the currencies that a region or a budget is kept in.
pub async fn currencies_kept(reader: &mut impl Reader) -> Result<Vec<String>, DbError> {
    let rows: Vec<(String,)> = reader.all(Sql::new("SELECT currency FROM region UNION SELECT currency FROM budget")).await?;
    Ok(rows.into_iter().map(|row| row.0).collect())
}

/// One reason code: (label, active).
pub async fn reason_code(reader: &mut impl Reader, code: &str) -> Result<Option<(String, i64)>, DbError> {
    reader.one(Sql::new("SELECT label, active FROM reason_code WHERE code = $1").bind(code.to_owned())).await
}

/// The sources of transactions, by name: (id, name, when it was added).
pub async fn sources(reader: &mut impl Reader) -> Result<Vec<(SourceId, String, Instant)>, DbError> {
    reader.all(Sql::new("SELECT id, name, created_at FROM source ORDER BY lower(name), id")).await
}

/// Renames a source.
pub async fn rename_source(tx: &mut WriteTx<'_>, id: SourceId, name: &str) -> Result<(), Failure> {
    tx.exec_one(Sql::new("UPDATE source SET name = $2 WHERE id = $1").bind(id).bind(name.to_owned())).await
}
