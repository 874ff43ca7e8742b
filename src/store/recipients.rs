//! The people who receive rewards. One row for a recipient in a region; their names are nowhere else.

use sha2::{Digest, Sha256};

use super::db::{Arg, Reader, Sql};
use super::failure::DbError;
use super::writer::WriteTx;
use crate::domain::access::Scope;
use crate::domain::id::{RecipientId, RegionId};

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

/// What makes two rows of a file the same recipient: the employee number where there is one, else the e-mail address, else the name. Case and
/// surrounding space do not count. `None` where a row names nobody.
pub fn match_key(name: &str, email: &str, employee_number: &str) -> Option<[u8; 16]> {
    let (tag, text) = [(1u8, employee_number), (2, email), (3, name)].into_iter().find(|(_, text)| !text.trim().is_empty())?;
    let hash = Sha256::new().chain_update([tag]).chain_update(text.trim().to_lowercase().as_bytes()).finalize();
    let mut key = [0; 16];
    key.copy_from_slice(&hash[..16]);
    Some(key)
}

/// Adds recipients that are known to be new.
pub async fn insert(tx: &mut WriteTx<'_>, recipients: &[Recipient]) -> Result<(), DbError> {
    const COLUMNS: &[&str] = &["id", "region_id", "match_key", "name", "email", "employee_number"];
    let rows = recipients.iter().map(|recipient| {
        let key = match_key(&recipient.name, &recipient.email, &recipient.employee_number).unwrap_or_default();
        vec![
            recipient.id.into(),
            recipient.region_id.into(),
            Arg::from(key),
            recipient.name.clone().into(),
            recipient.email.clone().into(),
            recipient.employee_number.clone().into(),
        ]
    });
    tx.insert_many("recipient", COLUMNS, rows.collect()).await
}

/// One recipient in scope.
pub async fn find(reader: &mut impl Reader, scope: &Scope, id: RecipientId) -> Result<Option<Recipient>, DbError> {
    let mut sql = Sql::new("SELECT id, region_id, name, email, employee_number FROM recipient WHERE region_id IN (");
    sql.push_list(scope.regions()).push(") AND id = ").push_bind(id);
    reader.one(sql).await
}
