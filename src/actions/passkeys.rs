//! Passkeys: adding and removing one's own, signing in with one, and showing with one who one is. A passkey is two factors in one: the device, and
//! what its holder is verified by.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::mail;
use super::people::token_hash;
use super::second_factor::is_required;
use super::sign_in::{self, Half, Opened, Place, Tries};
use super::step_up::{self, Act};
use super::throttle::{self, Counted};
use crate::domain::access::Actor;
use crate::domain::audit::Event;
use crate::domain::id::{PasskeyId, UserId};
use crate::domain::letter::Letter;
use crate::domain::passkey::{self, ALGORITHMS, Site};
use crate::domain::refusal::Refusal;
use crate::domain::text::line;
use crate::domain::throttle::NETWORK;
use crate::store::failure::Failure;
use crate::store::people::Person;
use crate::store::writer::Intent;
use crate::store::{Store, passkeys as kept, people, second_factor, sessions, throttle as devices};

/// The most that one person may have.
pub const MOST: usize = 20;
/// How long a browser waits for its holder, in milliseconds.
const WAITS: i64 = 300_000;

fn text(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// What a browser is asked to make one.
pub async fn asked_to_make(store: &Store, site: &Site, actor: &Actor, person: &Person, challenge: &[u8]) -> Result<Value, Failure> {
    let mut read = store.read().await?;
    step_up::required(&mut read, actor, store.now(), Act::Credentials).await?;
    let known = kept::of_person(&mut read, person.id).await?;
    if known.len() >= MOST {
        return Err(Refusal::State(format!("{MOST} passkeys are the most: remove one first")).into());
    }
    let known: Vec<Value> = known.iter().map(|one| json!({ "type": "public-key", "id": text(&one.credential_id) })).collect();
    Ok(json!({
        "challenge": text(challenge),
        "rp": { "id": site.id, "name": "Counterfoil" },
        "user": { "id": text(person.id.0.as_bytes()), "name": person.email, "displayName": person.name },
        "pubKeyCredParams": ALGORITHMS.map(|number| json!({ "type": "public-key", "alg": number })),
        "excludeCredentials": known,
        "authenticatorSelection": { "residentKey": "required", "requireResidentKey": true, "userVerification": "required" },
        "attestation": "none",
        "timeout": WAITS,
    }))
}

/// What signing in with one counts for. Nobody guesses a signature, but each question is remembered until it is answered.
fn tries(place: &Place) -> Tries {
    vec![(NETWORK, Counted::new("passkey", "", &place.network, false))]
}

/// Counts a question of somebody who is not signed in; signing in takes it back.
pub async fn count_question(store: &Store, actor: &Actor, place: &Place) -> Result<(), Failure> {
    sign_in::count(store, actor, &tries(place)).await.map(drop)
}

/// What a browser is asked to use one.
pub fn asked_to_use(site: &Site, challenge: &[u8]) -> Value {
    json!({ "challenge": text(challenge), "rpId": site.id, "userVerification": "required", "timeout": WAITS })
}

fn refused(doubt: passkey::Doubt) -> Failure {
    tracing::info!(doubt, "a passkey was refused");
    Refusal::Invalid("passkey", "The passkey was not taken. Try again".to_owned()).into()
}

/// Adds one that was made in answer to `challenge`. Every session of the person ends; the caller begins the present one afresh.
pub async fn add(store: &Store, site: &Site, actor: Actor, challenge: &[u8], name: &str, sent: &str) -> Result<(), Failure> {
    let person = actor.person().ok_or(Refusal::NotFound)?;
    let name = name.trim();
    if name.is_empty() {
        return Err(Refusal::Required("name", "Enter a name, so that you know it again").into());
    }
    let name = line("name", "a name", name, 60)?;
    let made = passkey::made(site, challenge, sent).map_err(refused)?;
    store
        .write(Intent::once(actor, "passkey.add"), move |tx| {
            let (name, made) = (name.clone(), made.clone());
            Box::pin(async move {
                step_up::require(tx, Act::Credentials).await?;
                if kept::of_person(tx, person).await?.len() >= MOST {
                    return Err(Refusal::State(format!("{MOST} passkeys are the most: remove one first")).into());
                }
                let id = PasskeyId(tx.new_id());
                if !kept::insert(tx, id, person, name.clone(), made).await? {
                    return Err(Refusal::AlreadyDone("This passkey is here already".to_owned()).into());
                }
                sessions::delete_of(tx, person).await?;
                mail::tell(tx, person, Letter::SecondFactorOn).await?;
                tx.record(Event::new("person.passkey_added", "person", person, None).detail(json!({ "name": name })));
                Ok(())
            })
        })
        .await
}

/// Removes one of one's own: not the last, where a role requires a second factor and there is no other. Every session ends, as with [`add`].
pub async fn remove(store: &Store, actor: Actor, id: PasskeyId) -> Result<(), Failure> {
    let person = actor.person().ok_or(Refusal::NotFound)?;
    store
        .write(Intent::once(actor, "passkey.remove"), move |tx| {
            Box::pin(async move {
                let all = kept::of_person(tx, person).await?;
                if !all.iter().any(|one| one.id == id) {
                    return Err(Refusal::NotFound.into());
                }
                step_up::require(tx, Act::Credentials).await?;
                let (last, now) = (all.len() == 1, tx.now);
                if last && second_factor::find(tx, person).await?.is_none() && is_required(tx, person, now).await? {
                    return Err(Refusal::State("Your role requires a second factor: this is the last one you have".to_owned()).into());
                }
                let name = kept::delete(tx, person, id).await?.unwrap_or_default();
                sessions::delete_of(tx, person).await?;
                mail::tell(tx, person, Letter::SecondFactorOff).await?;
                tx.record(Event::new("person.passkey_removed", "person", person, None).detail(json!({ "name": name })));
                Ok(())
            })
        })
        .await
}

/// Whose passkey it is, and what its counter is then: where it was signed for `challenge` and belongs to whom it says.
async fn known(store: &Store, site: &Site, challenge: &[u8], sent: &str) -> Result<(kept::Passkey, u32), Failure> {
    let answer = passkey::answer(sent).map_err(refused)?;
    let found = kept::by_credential(&mut store.read().await?, answer.id.clone()).await?;
    let found = found.filter(|one| one.person_id.0.as_bytes()[..] == answer.holder[..]).ok_or("nobody has it").map_err(refused)?;
    let counter = passkey::used(site, challenge, &found.made(), &answer).map_err(refused)?;
    Ok((found, counter))
}

/// Signs in with a passkey: alone, or after the password of `half`.
pub async fn sign_in(
    store: &Store,
    (site, challenge): (&Site, &[u8]),
    actor: Actor,
    place: &Place,
    half: Option<Half>,
    sent: &str,
) -> Result<Opened, Failure> {
    let (found, counter) = match known(store, site, challenge, sent).await {
        Ok(found) => found,
        Err(failure) => {
            note_refusal(store, actor, half.map(|half| half.person)).await?;
            return Err(failure);
        }
    };
    let (person, id) = (found.person_id, found.id);
    let mut read = store.read().await?;
    let device = match &place.device {
        Some(device) if devices::knows_device(&mut read, token_hash(device), person).await? => device.clone(),
        _ => store.random.token(24),
    };
    drop(read);
    let (token, tries) = (token_hash(&device), tries(place));
    let right = store.write(Intent::once(actor, "sign_in.passkey"), move |tx| {
        let tries = tries.clone();
        Box::pin(async move {
            let account = people::find(tx, person).await?.filter(|account| account.status == "active");
            let fits = |account: &Person| half.is_none_or(|half| half.person == person && half.version == account.version);
            if !account.is_some_and(|account| fits(&account)) || !kept::used(tx, id, counter).await? {
                tx.record(Event::new("person.sign_in_refused", "person", person, None).detail(json!({ "how": "passkey" })));
                return Ok(false);
            }
            throttle::was_right(tx, &tries).await?;
            devices::remember_device(tx, token, person).await?;
            sign_in::note(tx, person, if half.is_some() { "password and passkey" } else { "passkey" }).await.map(|()| true)
        })
    });
    if right.await? { Ok(Opened { person, device }) } else { Err(refused("its holder may not sign in so")) }
}

async fn note_refusal(store: &Store, actor: Actor, person: Option<UserId>) -> Result<(), Failure> {
    let object = person.map(|person| person.to_string()).unwrap_or_default();
    let noting = store.write(Intent::once(actor, "sign_in.refuse"), move |tx| {
        let object = object.clone();
        Box::pin(async move {
            tx.record(Event::new("person.sign_in_refused", "person", object, None).detail(json!({ "how": "passkey" })));
            Ok(())
        })
    });
    noting.await
}

/// Shows with a passkey of her own who she is who is signed in.
pub async fn prove(store: &Store, site: &Site, actor: Actor, challenge: &[u8], sent: &str) -> Result<(), Failure> {
    let person = actor.person().ok_or(Refusal::NotFound)?;
    let (found, counter) = known(store, site, challenge, sent).await?;
    if found.person_id != person {
        return Err(refused("it is somebody else's"));
    }
    let right = store.write(Intent::once(actor, "step_up.passkey"), move |tx| {
        Box::pin(async move {
            let right = kept::used(tx, found.id, counter).await?;
            if right {
                tx.record(Event::new("person.proved_again", "person", person, None).detail(json!({ "how": "passkey" })));
            }
            Ok(right)
        })
    });
    if right.await? { Ok(()) } else { Err(refused("it was used meanwhile")) }
}
