//! Answers that are kept for the keys of commands, so that a command sent twice is done once.

use std::collections::HashMap;

use super::db::{Arg, Sql, Tx};
use super::failure::DbError;
use super::writer::Intent;
use crate::domain::access::{Actor, Who};

/// Whose keys they are.
pub(super) fn principal(actor: &Actor) -> String {
    match actor.who {
        Who::Person(id) => id.to_string(),
        Who::System(through) => through.to_owned(),
    }
}

/// Answers that were kept for the keys of a batch, by principal, command and key: the hash of the content, and the answer.
pub(super) type Kept = HashMap<(String, String, String), (Vec<u8>, String)>;

/// The question for them: once for a batch, instead of once for each command. `None` where no command has a key.
pub(super) fn question<'i>(intents: impl Iterator<Item = &'i Intent>) -> Option<Sql> {
    let keyed = intents.filter_map(|intent| Some((intent, intent.key.as_ref()?)));
    let mut sql =
        Sql::new("SELECT principal, command, key, content_hash, answer FROM idempotency WHERE (principal, command, key) IN (VALUES ");
    for (intent, (key, _)) in keyed {
        sql.push(if sql.args().is_empty() { "(" } else { ", (" });
        sql.push_list([Arg::from(principal(&intent.actor)), intent.name.into(), key.clone().into()]).push(")");
    }
    sql.push(")");
    if sql.args().is_empty() { None } else { Some(sql) }
}

/// What was kept for them.
pub(super) async fn kept(tx: &mut Tx, question: Option<Sql>) -> Result<Kept, DbError> {
    let Some(question) = question else { return Ok(Kept::new()) };
    let rows: Vec<(String, String, String, Vec<u8>, String)> = tx.all(question).await?;
    Ok(rows.into_iter().map(|(principal, command, key, hash, answer)| ((principal, command, key), (hash, answer))).collect())
}
