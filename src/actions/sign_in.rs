//! Signing in and out.

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::passwords::Passwords;
use super::people::token_hash;
use super::second_factor::{has_any, is_required};
use super::throttle::{self, Counted};
use crate::domain::access::Actor;
use crate::domain::audit::Event;
use crate::domain::id::UserId;
use crate::domain::password::{ALONE, LONGEST};
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

/// Where somebody stands whose password was right.
#[derive(Clone, Debug)]
pub enum Entered {
    /// Signed in.
    In(Opened),
    /// Her second factor is asked for.
    Code(Half),
    /// She has to set up a second factor first: her role requires it, or her password is too short to stand alone.
    SetUp(Half),
}

/// Somebody whose password was right, and what her account was then: when she or an administrator changes it meanwhile, she begins again.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
pub struct Half {
    /// Who.
    pub person: UserId,
    /// The version of her account.
    pub version: i64,
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
) -> Result<Entered, Failure> {
    let mut read = store.read().await?;
    let person = people::find_by_email(&mut read, email.trim()).await?;
    // Somebody who is not here is looked up like anybody: what follows takes as long.
    let id = person.as_ref().map_or(UserId(uuid::Uuid::nil()), |person| person.id);
    let hash = people::password_hash(&mut read, id).await?;
    let (tries, known) = tries(&mut read, place, email, id).await?;
    drop(read);
    let waits = count(store, &actor, &tries).await?;
    let short_enough = password.chars().count() <= LONGEST;
    let hash = hash.filter(|_| short_enough);
    let typed = if short_enough { password.to_owned() } else { String::new() };
    let right = passwords.verify(typed, hash).await?;
    match person {
        Some(person) if right && person.status == "active" => {
            let device = place.device.clone().filter(|_| known).unwrap_or_else(|| store.random.token(24));
            proved(store, actor, &person, tries, device, (password.chars().count() >= ALONE, "password")).await
        }
        other => {
            refused(store, actor, other.map(|person| person.id.to_string()).unwrap_or_default(), waits).await?;
            Err(Refusal::Invalid("password", "E-mail address or password is not right".to_owned()).into())
        }
    }
}

/// What a try counts for.
pub type Tries = Vec<(Policy, Counted)>;

/// Counts a try; whether the next one has to wait when this one is in vain.
pub(super) async fn count(store: &Store, actor: &Actor, tries: &Tries) -> Result<bool, Failure> {
    let tries = tries.clone();
    let counting = store.write(Intent::once(actor.clone(), "sign_in.count"), move |tx| {
        let tries = tries.clone();
        Box::pin(async move { throttle::count(tx, &tries).await })
    });
    counting.await
}

/// Checks the password of somebody who is signed in, before she changes how she signs in; guessing at it from a session left open is counted.
/// What was counted is for the caller to take back in her own write.
pub async fn present_password(store: &Store, hasher: &Passwords, actor: &Actor, typed: &str) -> Result<Tries, Failure> {
    let person = actor.person().ok_or(Refusal::NotFound)?;
    let hash = people::password_hash(&mut store.read().await?, person).await?;
    let tries = vec![(DEVICE, Counted::new("present", &person.to_string(), "", true))];
    count(store, actor, &tries).await?;
    let short_enough = typed.chars().count() <= LONGEST;
    if !short_enough || !hasher.verify(typed.to_owned(), hash).await? {
        return Err(Refusal::Invalid("current", "This is not your present password".to_owned()).into());
    }
    Ok(tries)
}

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

/// `long` says whether the password is long enough to stand alone, `how` what let her in.
async fn proved(
    store: &Store,
    actor: Actor,
    person: &people::Person,
    tries: Tries,
    device: String,
    (long, how): (bool, &'static str),
) -> Result<Entered, Failure> {
    let half = Half { person: person.id, version: person.version };
    let person = person.id;
    let mut read = store.read().await?;
    let has_factor = has_any(&mut read, person).await?;
    let required = is_required(&mut read, person, store.now()).await?;
    drop(read);
    let is_in = !has_factor && long && !required;
    let token = token_hash(&device);
    let writing = store.write(Intent::once(actor, "sign_in.open"), move |tx| {
        let tries = tries.clone();
        Box::pin(async move {
            throttle::was_right(tx, &tries).await?;
            if !is_in {
                tx.record(Event::new("person.password_accepted", "person", person, None));
                return Ok(());
            }
            kept::remember_device(tx, token, person).await?;
            note(tx, person, how).await
        })
    });
    writing.await?;
    Ok(match (is_in, has_factor) {
        (true, _) => Entered::In(Opened { person, device }),
        (_, true) => Entered::Code(half),
        (_, false) => Entered::SetUp(half),
    })
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

/// Notes that a person has signed in, and how.
pub(super) async fn note(tx: &mut WriteTx<'_>, person: UserId, how: &'static str) -> Result<(), Failure> {
    people::signed_in(tx, person).await?;
    tx.record(Event::new("person.signed_in", "person", person, None).detail(json!({ "how": how })));
    Ok(())
}

/// Signs a person in who has made her account or her second factor just now, from a device that is known from then on.
pub async fn opened(store: &Store, actor: Actor, person: UserId, how: &'static str) -> Result<Opened, Failure> {
    let device = store.random.token(24);
    let token = token_hash(&device);
    let writing = store.write(Intent::once(actor, "sign_in.open"), move |tx| {
        Box::pin(async move {
            kept::remember_device(tx, token, person).await?;
            note(tx, person, how).await
        })
    });
    writing.await?;
    Ok(Opened { person, device })
}

/// Lets a person of the demo in without her password; a second factor is asked for all the same.
pub async fn without_password(store: &Store, actor: Actor, person: &people::Person) -> Result<Entered, Failure> {
    let device = store.random.token(24);
    proved(store, actor, person, Vec::new(), device, (true, "demo")).await
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
