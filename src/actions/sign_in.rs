//! Signing in and out.

use serde_json::json;

use super::passwords::Passwords;
use super::people::token_hash;
use super::throttle::{self, Counted};
use crate::domain::access::Actor;
use crate::domain::audit::Event;
use crate::domain::id::UserId;
use crate::domain::password::LONGEST;
use crate::domain::refusal::Refusal;
use crate::domain::throttle::{ACCOUNT, DEVICE, NETWORK, Policy};
use crate::store::db::Reader;
use crate::store::failure::{DbError, Failure};
use crate::store::writer::{Intent, WriteTx};
use crate::store::{Store, people, throttle as kept};

/// Where somebody signs in from.
#[derive(Clone, Debug)]
pub struct Place {
    /// Her network, see [`crate::domain::throttle::network`].
    pub network: String,
    /// The token that her device keeps, where it keeps one.
    pub device: Option<String>,
}

/// Somebody who has signed in.
#[derive(Clone, Debug)]
pub struct Opened {
    /// Who.
    pub person: UserId,
    /// The token for her device to keep.
    pub device: String,
}

/// Checks address and password. Unknown, suspended and wrong are counted and refused in the same words and the same time, and leave an event each;
/// a try that has to wait is refused unseen, and leaves none.
pub async fn with_password(
    store: &Store,
    passwords: &Passwords,
    actor: Actor,
    place: &Place,
    email: &str,
    password: &str,
) -> Result<Opened, Failure> {
    let mut read = store.read().await?;
    let person = people::find_by_email(&mut read, email.trim()).await?;
    // Somebody who is not here is looked up like anybody: what follows takes as long.
    let id = person.as_ref().map_or(UserId(uuid::Uuid::nil()), |person| person.id);
    let hash = people::password_hash(&mut read, id).await?;
    let (tries, known) = tries(&mut read, place, email, id).await?;
    drop(read);
    let counted = tries.clone();
    let waits = store.write(Intent::once(actor.clone(), "sign_in.count"), move |tx| {
        let counted = counted.clone();
        Box::pin(async move { throttle::count(tx, &counted).await })
    });
    let waits = waits.await?;
    let short_enough = password.chars().count() <= LONGEST;
    let hash = hash.filter(|_| short_enough);
    let typed = if short_enough { password.to_owned() } else { String::new() };
    let right = passwords.verify(typed, hash).await?;
    match person {
        Some(person) if right && person.status == "active" => {
            let device = place.device.clone().filter(|_| known).unwrap_or_else(|| store.random.token(24));
            proved(store, actor, person.id, tries, &device).await?;
            Ok(Opened { person: person.id, device })
        }
        other => {
            refused(store, actor, other.map(|person| person.id.to_string()).unwrap_or_default(), waits).await?;
            Err(Refusal::Invalid("password", "E-mail address or password is not right".to_owned()).into())
        }
    }
}

type Tries = Vec<(Policy, Counted)>;

/// What a try counts for, and whether the device is one that the person has signed in from before. Such a device is counted by itself.
async fn tries(read: &mut impl Reader, place: &Place, email: &str, person: UserId) -> Result<(Tries, bool), DbError> {
    let account = email.trim().to_lowercase();
    if let Some(device) = &place.device
        && kept::knows_device(read, token_hash(device), person).await?
    {
        return Ok((vec![(DEVICE, Counted::new("device", &account, device, true))], true));
    }
    let from = &place.network;
    let all = vec![(ACCOUNT, Counted::new("account", &account, from, true)), (NETWORK, Counted::new("network", "", from, false))];
    Ok((all, false))
}

async fn proved(store: &Store, actor: Actor, person: UserId, tries: Tries, device: &str) -> Result<(), Failure> {
    let device = token_hash(device);
    store
        .write(Intent::once(actor, "sign_in.open"), move |tx| {
            let tries = tries.clone();
            Box::pin(async move {
                throttle::was_right(tx, &tries).await?;
                kept::remember_device(tx, device, person).await?;
                note(tx, person, "password").await
            })
        })
        .await
}

/// `waits`: the next try has to wait, which an auditor wants to see once.
async fn refused(store: &Store, actor: Actor, object: String, waits: bool) -> Result<(), Failure> {
    store
        .write(Intent::once(actor, "sign_in.refuse"), move |tx| {
            let object = object.clone();
            Box::pin(async move {
                tx.record(Event::new("person.sign_in_refused", "person", object.clone(), None));
                if waits {
                    tx.record(Event::new("person.sign_in_throttled", "person", object, None));
                }
                Ok(())
            })
        })
        .await
}

async fn note(tx: &mut WriteTx<'_>, person: UserId, how: &'static str) -> Result<(), Failure> {
    people::signed_in(tx, person).await?;
    tx.record(Event::new("person.signed_in", "person", person, None).detail(json!({ "how": how })));
    Ok(())
}

/// Notes that a person has signed in, and how.
pub async fn opened(store: &Store, actor: Actor, person: UserId, how: &'static str) -> Result<(), Failure> {
    store.write(Intent::once(actor, "sign_in.open"), move |tx| Box::pin(async move { note(tx, person, how).await })).await
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
