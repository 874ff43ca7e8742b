//! Signing in and out.

use serde_json::json;

use super::passwords::Passwords;
use crate::domain::access::Actor;
use crate::domain::audit::Event;
use crate::domain::id::UserId;
use crate::domain::password::LONGEST;
use crate::domain::refusal::Refusal;
use crate::store::failure::Failure;
use crate::store::writer::Intent;
use crate::store::{Store, people};

/// Checks address and password. Unknown, suspended and wrong are refused in the same words and the same time, and leave an event each.
pub async fn with_password(store: &Store, passwords: &Passwords, actor: Actor, email: &str, password: &str) -> Result<UserId, Failure> {
    let mut read = store.read().await?;
    let person = people::find_by_email(&mut read, email.trim()).await?;
    let hash = match &person {
        Some(person) => people::password_hash(&mut read, person.id).await?,
        None => None,
    };
    drop(read);
    let short_enough = password.chars().count() <= LONGEST;
    let hash = hash.filter(|_| short_enough);
    let typed = if short_enough { password.to_owned() } else { String::new() };
    let right = passwords.verify(typed, hash).await?;
    match person {
        Some(person) if right && person.status == "active" => {
            opened(store, actor, person.id, "password").await?;
            Ok(person.id)
        }
        other => {
            let object = other.map(|person| person.id.to_string()).unwrap_or_default();
            store
                .write(Intent::once(actor, "sign_in.refuse"), move |tx| {
                    let object = object.clone();
                    Box::pin(async move {
                        tx.record(Event::new("person.sign_in_refused", "person", object, None));
                        Ok(())
                    })
                })
                .await?;
            Err(Refusal::Invalid("password", "E-mail address or password is not right".to_owned()).into())
        }
    }
}

/// Notes that a person has signed in, and how.
pub async fn opened(store: &Store, actor: Actor, person: UserId, how: &'static str) -> Result<(), Failure> {
    store
        .write(Intent::once(actor, "sign_in.open"), move |tx| {
            Box::pin(async move {
                people::signed_in(tx, person).await?;
                tx.record(Event::new("person.signed_in", "person", person, None).detail(json!({ "how": how })));
                Ok(())
            })
        })
        .await
}

/// Notes that a person has signed out.
pub async fn closed(store: &Store, actor: Actor, person: UserId) -> Result<(), Failure> {
    store
        .write(Intent::once(actor, "sign_in.close"), move |tx| {
            Box::pin(async move {
                tx.record(Event::new("person.signed_out", "person", person, None));
                Ok(())
            })
        })
        .await
}
