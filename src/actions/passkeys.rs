//! Passkeys: adding and removing one's own, signing in with one, and showing with one who one is. A passkey is two factors in one: the device, and
//! what its holder is verified by. What browsers are asked, and whether their answers are to be believed, is decided by webauthn-rs. No attestation is
//! asked for: which make of device it is does not matter here, that its holder was verified (by finger, face or PIN) does.

use std::fmt::Display;

use serde_json::{Value, json};
use webauthn_rs::prelude::{COSEAlgorithm, DiscoverableAuthentication, Passkey as Credential, PasskeyRegistration, PublicKeyCredential};

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
use crate::domain::passkey::Site;
use crate::domain::refusal::Refusal;
use crate::domain::text::line;
use crate::domain::throttle::NETWORK;
use crate::store::failure::{DbError, Failure};
use crate::store::people::Person;
use crate::store::writer::Intent;
use crate::store::{Store, passkeys as kept, people, second_factor, sessions, throttle as devices};

/// The most that one person may have.
pub const MOST: usize = 20;
/// The signatures that are taken: those that the library takes, without RSA of 2,048 bits, which is weaker than all else here.
const TAKEN: [COSEAlgorithm; 2] = [COSEAlgorithm::ES256, COSEAlgorithm::ES384];

/// A fault of ours: what is asked depends on nothing that a browser sent.
fn not_asked(error: impl Display) -> Failure {
    DbError::Broken(format!("no passkey can be asked for: {error}")).into()
}

/// What a browser is asked to make one, and what its answer is judged by.
pub async fn asked_to_make(store: &Store, site: &Site, actor: &Actor, person: &Person) -> Result<(Value, PasskeyRegistration), Failure> {
    let mut read = store.read().await?;
    step_up::required(&mut read, actor, store.now(), Act::Credentials).await?;
    let known = kept::of_person(&mut read, person.id).await?;
    if known.len() >= MOST {
        return Err(Refusal::State(format!("{MOST} passkeys are the most: remove one first")).into());
    }
    let known = known.into_iter().map(|one| one.credential_id).collect();
    let asked = site.webauthn.start_passkey_registration(person.id.0, &person.email, &person.name, Some(known));
    let (mut asked, state) = asked.map_err(not_asked)?;
    asked.public_key.pub_key_cred_params.retain(|kind| TAKEN.iter().any(|taken| *taken as i64 == kind.alg));
    let mut asked = serde_json::to_value(asked.public_key).map_err(not_asked)?;
    // One that is used alone says itself whose it is. The library leaves that to the device, where it is not asked for.
    asked["authenticatorSelection"]["residentKey"] = "required".into();
    asked["authenticatorSelection"]["requireResidentKey"] = true.into();
    Ok((asked, state))
}

/// What signing in with one counts for. Nobody guesses a signature, but each question is remembered until it is answered.
fn tries(place: &Place) -> Tries {
    vec![(NETWORK, Counted::new("passkey", "", &place.network, false))]
}

/// Counts a question of somebody who is not signed in; signing in takes it back.
pub async fn count_question(store: &Store, actor: &Actor, place: &Place) -> Result<(), Failure> {
    sign_in::count(store, actor, &tries(place)).await.map(drop)
}

/// What a browser is asked to use one, and what its answer is judged by. Nobody is named: the answer says who it is.
pub fn asked_to_use(site: &Site) -> Result<(Value, DiscoverableAuthentication), Failure> {
    let (asked, state) = site.webauthn.start_discoverable_authentication().map_err(not_asked)?;
    Ok((serde_json::to_value(asked.public_key).map_err(not_asked)?, state))
}

/// Why it was not taken is for the log, never for the page.
fn refused(doubt: impl Display) -> Failure {
    tracing::info!(%doubt, "a passkey was refused");
    Refusal::Invalid("passkey", "The passkey was not taken. Try again".to_owned()).into()
}

const UNASKED: &str = "nothing was asked, or too long ago";

fn made(site: &Site, asked: Option<PasskeyRegistration>, sent: &str) -> Result<Credential, Failure> {
    let asked = asked.ok_or(UNASKED).map_err(refused)?;
    let sent = serde_json::from_str(sent).map_err(refused)?;
    let made = site.webauthn.finish_passkey_registration(&sent, &asked).map_err(refused)?;
    if TAKEN.contains(made.cred_algorithm()) { Ok(made) } else { Err(refused("its signature is of a kind that is not taken")) }
}

/// Adds one that was made in answer to what was `asked`. Every session of the person ends; the caller begins the present one afresh.
pub async fn add(
    store: &Store,
    (site, asked): (&Site, Option<PasskeyRegistration>),
    actor: Actor,
    name: &str,
    sent: &str,
) -> Result<(), Failure> {
    let person = actor.person().ok_or(Refusal::NotFound)?;
    let name = name.trim();
    if name.is_empty() {
        return Err(Refusal::Required("name", "Enter a name, so that you know it again").into());
    }
    let name = line("name", "a name", name, 60)?;
    let made = made(site, asked, sent)?;
    store
        .write(Intent::once(actor, "passkey.add"), move |tx| {
            let (name, made) = (name.clone(), made.clone());
            Box::pin(async move {
                step_up::require(tx, Act::Credentials).await?;
                if kept::of_person(tx, person).await?.len() >= MOST {
                    return Err(Refusal::State(format!("{MOST} passkeys are the most: remove one first")).into());
                }
                let id = PasskeyId(tx.new_id());
                if !kept::insert(tx, id, person, name.clone(), &made).await? {
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

/// Whose passkey it is, and what is known of it then: where the answer is one to what was `asked`, and it belongs to whom it says.
async fn known(
    store: &Store,
    (site, asked): (&Site, Option<DiscoverableAuthentication>),
    sent: &str,
) -> Result<(kept::Passkey, Credential), Failure> {
    let asked = asked.ok_or(UNASKED).map_err(refused)?;
    let answer: PublicKeyCredential = serde_json::from_str(sent).map_err(refused)?;
    let (holder, id) = site.webauthn.identify_discoverable_authentication(&answer).map_err(refused)?;
    let found = kept::by_credential(&mut store.read().await?, id).await?;
    let found = found.filter(|one| one.person_id.0 == holder).ok_or("nobody has it").map_err(refused)?;
    let mut credential = found.credential()?;
    let right = site.webauthn.finish_discoverable_authentication_v2(&answer, asked, &credential).map_err(refused)?;
    credential.update_credential(&right);
    Ok((found, credential))
}

/// Signs in with a passkey: alone, or after the password of `half`.
pub async fn sign_in(
    store: &Store,
    question: (&Site, Option<DiscoverableAuthentication>),
    actor: Actor,
    place: &Place,
    half: Option<Half>,
    sent: &str,
) -> Result<Opened, Failure> {
    let (found, after) = match known(store, question, sent).await {
        Ok(found) => found,
        Err(failure) => {
            note_refusal(store, actor, half.map(|half| half.person)).await?;
            return Err(failure);
        }
    };
    let person = found.person_id;
    let mut read = store.read().await?;
    let device = match &place.device {
        Some(device) if devices::knows_device(&mut read, token_hash(device), person).await? => device.clone(),
        _ => store.random.token(24),
    };
    drop(read);
    let (token, tries) = (token_hash(&device), tries(place));
    let right = store.write(Intent::once(actor, "sign_in.passkey"), move |tx| {
        let (tries, found, after) = (tries.clone(), found.clone(), after.clone());
        Box::pin(async move {
            let account = people::find(tx, person).await?.filter(|account| account.status == "active");
            let fits = |account: &Person| half.is_none_or(|half| half.person == person && half.version == account.version);
            if !account.is_some_and(|account| fits(&account)) || !kept::used(tx, &found, &after).await? {
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
pub async fn prove(store: &Store, question: (&Site, Option<DiscoverableAuthentication>), actor: Actor, sent: &str) -> Result<(), Failure> {
    let person = actor.person().ok_or(Refusal::NotFound)?;
    let (found, after) = known(store, question, sent).await?;
    if found.person_id != person {
        return Err(refused("it is somebody else's"));
    }
    let right = store.write(Intent::once(actor, "step_up.passkey"), move |tx| {
        let (found, after) = (found.clone(), after.clone());
        Box::pin(async move {
            let right = kept::used(tx, &found, &after).await?;
            if right {
                tx.record(Event::new("person.proved_again", "person", person, None).detail(json!({ "how": "passkey" })));
            }
            Ok(right)
        })
    });
    if right.await? { Ok(()) } else { Err(refused("it was used meanwhile")) }
}
