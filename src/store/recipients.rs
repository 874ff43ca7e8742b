//! The people who receive rewards. One row for a recipient in a region; their names are nowhere else.

use std::collections::HashMap;

use sha2::{Digest, Sha256};

use super::db::{Arg, Reader, Sql};
use super::failure::DbError;
use super::writer::WriteTx;
use crate::domain::access::Scope;
use crate::domain::id::{RecipientId, RegionId};

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
}

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
    const COLUMNS: &[&str] = &["id", "region_id", "match_key", "name", "email", "employee_number", "folded"];
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
    tx.insert_many("recipient", COLUMNS, Box::new(rows)).await
}

/// One recipient in scope.
pub async fn find(reader: &mut impl Reader, scope: &Scope, id: RecipientId) -> Result<Option<Recipient>, DbError> {
    let mut sql = Sql::new("SELECT id, region_id, name, email, employee_number FROM recipient WHERE region_id IN (");
    sql.push_list(scope.regions()).push(") AND id = ").push_bind(id);
    reader.one(sql).await
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
            new.push(Recipient { id, region_id: one.region, name, email, employee_number });
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
    changes.then_some(Recipient { id: known.id, region_id: known.region_id, name, email, employee_number: number })
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
        let mut sql = Sql::new("SELECT id, region_id, name, email, employee_number FROM recipient WHERE id IN (");
        sql.push_list(part.iter().copied()).push(")");
        all.append(&mut reader.all(sql).await?);
    }
    Ok(all)
}
