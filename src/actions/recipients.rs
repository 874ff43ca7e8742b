//! Recipients' personal data: shown on purpose where it is hidden, and taken out for good. Both leave an event that names nobody.

use serde_json::json;

use crate::domain::access::{Actor, Permission};
use crate::domain::audit::Event;
use crate::domain::id::RecipientId;
use crate::domain::refusal::Refusal;
use crate::domain::text::line;
use crate::store::Store;
use crate::store::failure::Failure;
use crate::store::recipients;
use crate::store::writer::Intent;

/// The most characters of a reason.
pub const REASON_MOST: usize = 200;

/// A reason, without which nothing is shown or taken out.
///
/// # Errors
/// What is wrong with it, in the person's words.
pub fn reason(text: &str) -> Result<String, Refusal> {
    let reason = line("reason", "a reason", text, REASON_MOST)?;
    if reason.is_empty() { Err(Refusal::Required("reason", "Say why")) } else { Ok(reason) }
}

/// Notes that somebody wants to see who a recipient is. What she sees is read afterwards: it is kept in no answer.
///
/// # Errors
/// Missing outside her regions, forbidden without the permission there, and what is wrong with the reason.
pub async fn reveal(store: &Store, actor: Actor, key: &str, id: RecipientId, why: &str) -> Result<(), Failure> {
    let why = reason(why)?;
    store
        .write(Intent::keyed(actor, "recipient.reveal", key, &(id, &why)), move |tx| {
            let why = why.clone();
            Box::pin(async move {
                let region = recipients::get(tx, id).await?.region_id;
                tx.require(Permission::TransactionsRead, Permission::TransactionsRead, region)?;
                tx.require(Permission::RecipientsReveal, Permission::TransactionsRead, region)?;
                let event = Event::new("recipient.revealed", "recipient", id, Some(region));
                tx.record(event.detail(json!({ "reason": why })));
                Ok(())
            })
        })
        .await
}

/// Takes a recipient's name, e-mail address and number out everywhere, for good.
///
/// # Errors
/// As [`reveal`]; and done already where she was erased before.
pub async fn erase(store: &Store, actor: Actor, key: &str, id: RecipientId, why: &str) -> Result<(), Failure> {
    let why = reason(why)?;
    let erased = store
        .write(Intent::keyed(actor, "recipient.erase", key, &(id, &why)), move |tx| {
            let why = why.clone();
            Box::pin(async move {
                let known = recipients::get(tx, id).await?;
                tx.require(Permission::TransactionsRead, Permission::TransactionsRead, known.region_id)?;
                tx.require(Permission::RecipientsErase, Permission::TransactionsRead, known.region_id)?;
                if known.erased_at.is_some() {
                    return Err(Refusal::AlreadyDone("This recipient was erased already".to_owned()).into());
                }
                recipients::erase(tx, &known).await?;
                let event = Event::new("recipient.erased", "recipient", id, Some(known.region_id));
                tx.record(event.detail(json!({ "reason": why })));
                Ok(())
            })
        })
        .await;
    if erased.is_ok() {
        store.erased();
    }
    erased
}
