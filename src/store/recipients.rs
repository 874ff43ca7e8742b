//! The people who receive rewards. One row for a recipient in a region; their names are nowhere else.

use std::collections::HashMap;

use sha2::{Digest, Sha256};

use super::db::{Arg, Reader, Sql};
use super::failure::{DbError, Failure};
use super::transaction_search;
use super::transactions::{REGION_BESIDE, hidden_imports, seen};
use super::writer::WriteTx;
use crate::domain::access::Scope;
use crate::domain::id::{RecipientId, RegionId};
use crate::domain::refusal::Refusal;
use crate::domain::time::Instant;

/// Values in one `IN (…)`.
const MOST_KEYS: usize = 500;

/// A recipient.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Recipient {
    /// Her id.
    pub id: RecipientId,
    /// The region she belongs to.
    pub region_id: RegionId,
    /// Her name; may be empty.
    pub name: String,
    /// Her e-mail address; may be empty.
    pub email: String,
    /// Her employee number; may be empty.
    pub employee_number: String,
    /// When the three were taken out for good.
    pub erased_at: Option<Instant>,
}

const COLUMNS: &str = "SELECT id, region_id, name, email, employee_number, erased_at FROM recipient WHERE ";

/// What makes two rows of a file the same recipient: the employee number where there is one, else the e-mail address, else the name. Case
/// and surrounding space do not count. `None` where a row names nobody.
pub fn match_key(name: &str, email: &str, employee_number: &str) -> Option<[u8; 16]> {
    let (tag, text) = [(1u8, employee_number), (2, email), (3, name)].into_iter().find(|(_, text)| !text.trim().is_empty())?;
    let hash = Sha256::new().chain_update([tag]).chain_update(text.trim().to_lowercase().as_bytes()).finalize();
    let mut key = [0; 16];
    key.copy_from_slice(&hash[..16]);
    Some(key)
}

/// What is searched in: name, e-mail address and number in lower case, a line each. Folded here, because SQLite's `lower()` knows ASCII alone.
pub(super) fn folded(name: &str, email: &str, employee_number: &str) -> String {
    [name, email, employee_number].map(str::to_lowercase).join("\n")
}

/// Adds recipients that are known to be new.
pub async fn insert(tx: &mut WriteTx<'_>, recipients: &[Recipient]) -> Result<(), DbError> {
    const INSERTED: &[&str] = &["id", "region_id", "match_key", "name", "email", "employee_number", "folded"];
    let rows = recipients.iter().map(|recipient| {
        let key = match_key(&recipient.name, &recipient.email, &recipient.employee_number).unwrap_or_default();
        vec![
            recipient.id.into(),
            recipient.region_id.into(),
            Arg::from(key),
            recipient.name.clone().into(),
            recipient.email.clone().into(),
            recipient.employee_number.clone().into(),
            folded(&recipient.name, &recipient.email, &recipient.employee_number).into(),
        ]
    });
    tx.insert_many("recipient", INSERTED, Box::new(rows)).await
}

/// One recipient in scope.
pub async fn find(reader: &mut impl Reader, scope: &Scope, id: RecipientId) -> Result<Option<Recipient>, DbError> {
    let mut sql = Sql::new(COLUMNS);
    sql.push("region_id IN (").push_list(scope.regions()).push(") AND id = ").push_bind(id);
    reader.one(sql).await
}

/// One recipient, for a write that checks the permission in her region next.
pub async fn get(tx: &mut WriteTx<'_>, id: RecipientId) -> Result<Recipient, Failure> {
    let mut sql = Sql::new(COLUMNS);
    sql.push("id = ").push_bind(id);
    Ok(tx.one(sql).await?.ok_or(Refusal::NotFound)?)
}

/// How many rewards she received, of those that can be seen.
pub async fn rewards(reader: &mut impl Reader, scope: &Scope, id: RecipientId) -> Result<i64, DbError> {
    let hidden = hidden_imports(reader).await?;
    let mut sql = Sql::new("SELECT CAST(count(*) AS BIGINT) FROM reward_transaction t WHERE ");
    sql.push(REGION_BESIDE).push(" IN (").push_list(scope.regions()).push(") AND t.recipient_id = ").push_bind(id);
    seen(&mut sql, "t", &hidden);
    Ok(reader.one::<(i64,)>(sql).await?.map_or(0, |row| row.0))
}

/// Takes name, e-mail address and number of a recipient out of everything that can be changed: her row, what an unfinished import would call her,
/// notes of her rewards that name her, the search index, and refused rows of files that do. Her rewards keep their amounts and their ids; the
/// audit trail never held the three. Stale where she was erased meanwhile.
pub async fn erase(tx: &mut WriteTx<'_>, known: &Recipient) -> Result<(), Failure> {
    let (now, nobody) = (tx.now, tx.new_id().into_bytes());
    let sql = Sql::new(
        "UPDATE recipient SET match_key = $2, name = '', email = '', employee_number = '', folded = '', erased_at = $3 \
         WHERE id = $1 AND erased_at IS NULL",
    );
    tx.exec_one(sql.bind(known.id).bind(nobody).bind(now)).await?;
    tx.exec(Sql::new("DELETE FROM import_rename WHERE recipient_id = $1").bind(known.id)).await?;
    // One or two letters stand in every row.
    let told: Vec<&String> =
        [&known.name, &known.email, &known.employee_number].into_iter().filter(|text| text.chars().count() > 2).collect();
    let rows: Vec<(i64, Option<String>)> =
        tx.all(Sql::new("SELECT no, note FROM reward_transaction WHERE recipient_id = $1").bind(known.id)).await?;
    let names = |text: &str| told.iter().any(|one| text.to_lowercase().contains(&one.to_lowercase()));
    let noted: Vec<i64> = rows.iter().filter(|row| row.1.as_deref().is_some_and(names)).map(|row| row.0).collect();
    let all: Vec<i64> = rows.into_iter().map(|row| row.0).collect();
    for part in noted.chunks(MOST_KEYS) {
        let mut sql = Sql::new("UPDATE reward_transaction SET note = NULL, version = version + 1 WHERE no IN (");
        sql.push_list(part.iter().copied()).push(")");
        tx.exec(sql).await?;
    }
    for part in all.chunks(MOST_KEYS) {
        transaction_search::changed(tx, part).await?;
    }
    transaction_search::holds_erased(tx).await?;
    for text in &told {
        // SQLite's `lower()` knows ASCII alone: other letters are found as they were written.
        let mut sql = Sql::new("UPDATE import_refusal SET original = '[]', message = 'Erased' WHERE lower(original) LIKE ");
        sql.push_bind(within(&text.to_lowercase())).push(" ESCAPE '\\' OR original LIKE ").push_bind(within(text)).push(" ESCAPE '\\'");
        tx.exec(sql).await?;
    }
    Ok(())
}

/// The pattern of a text that holds this one.
fn within(text: &str) -> String {
    format!("%{}%", text.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_"))
}

/// Somebody whom a row of a file names.
#[derive(Clone, Debug)]
pub struct Named {
    /// The region of the row.
    pub region: RegionId,
    /// See [`match_key`].
    pub key: [u8; 16],
    /// Her name; may be empty.
    pub name: String,
    /// Her e-mail address; may be empty.
    pub email: String,
    /// Her employee number; may be empty.
    pub employee_number: String,
}

/// The recipients of these rows, those that are not there yet added. The list holds nobody twice; the ids come in its order.
pub async fn find_or_insert(tx: &mut WriteTx<'_>, named: &[Named]) -> Result<Vec<RecipientId>, DbError> {
    let mut found: HashMap<(RegionId, [u8; 16]), RecipientId> = HashMap::with_capacity(named.len());
    for part in named.chunks(MOST_KEYS) {
        let mut sql = Sql::new("SELECT id, region_id, match_key FROM recipient WHERE (region_id, match_key) IN (VALUES ");
        for (at, one) in part.iter().enumerate() {
            sql.push(if at == 0 { "(" } else { ", (" }).push_list([Arg::from(one.region), one.key.into()]).push(")");
        }
        sql.push(")");
        for (id, region, key) in tx.all::<(RecipientId, RegionId, Vec<u8>)>(sql).await? {
            if let Ok(key) = <[u8; 16]>::try_from(key) {
                found.insert((region, key), id);
            }
        }
    }
    let mut new = Vec::new();
    let mut ids = Vec::with_capacity(named.len());
    for one in named {
        let id = found.get(&(one.region, one.key)).copied().unwrap_or_else(|| {
            let id = RecipientId(tx.new_id());
            let (name, email, employee_number) = (one.name.clone(), one.email.clone(), one.employee_number.clone());
            new.push(Recipient { id, region_id: one.region, name, email, employee_number, erased_at: None });
            id
        });
        ids.push(id);
    }
    insert(tx, &new).await?;
    Ok(ids)
}

/// Somebody as a newer file calls her; what it does not say stays. `None` where nothing changes.
pub fn renamed(known: &Recipient, named: &Named) -> Option<Recipient> {
    let said = |new: &str, old: &str| if new.is_empty() { old.to_owned() } else { new.to_owned() };
    let (name, email) = (said(&named.name, &known.name), said(&named.email, &known.email));
    let number = said(&named.employee_number, &known.employee_number);
    let changes = (&name, &email, &number) != (&known.name, &known.email, &known.employee_number);
    let erased_at = known.erased_at;
    changes.then_some(Recipient { id: known.id, region_id: known.region_id, name, email, employee_number: number, erased_at })
}

/// Forgets those of these recipients who received nothing.
pub async fn forget_unused(tx: &mut WriteTx<'_>, ids: &[RecipientId]) -> Result<(), DbError> {
    for part in ids.chunks(MOST_KEYS) {
        let mut sql = Sql::new("DELETE FROM recipient WHERE id IN (");
        sql.push_list(part.iter().copied());
        sql.push(") AND NOT EXISTS (SELECT 1 FROM reward_transaction t WHERE t.recipient_id = recipient.id)");
        tx.exec(sql).await?;
    }
    Ok(())
}

/// The recipients of these ids, for a caller that has read their ids in scope.
pub async fn of_ids(reader: &mut impl Reader, ids: &[RecipientId]) -> Result<Vec<Recipient>, DbError> {
    let mut all = Vec::new();
    for part in ids.chunks(MOST_KEYS) {
        let mut sql = Sql::new(COLUMNS);
        sql.push("id IN (").push_list(part.iter().copied()).push(")");
        all.append(&mut reader.all(sql).await?);
    }
    Ok(all)
}
