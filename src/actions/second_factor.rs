//! The second factor: setting it up, recovery codes, proving it at sign-in, taking it away; and who has to have one.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;

use super::mail;
use super::passwords::Passwords;
use super::people::{over, token_hash};
use super::seal::Seal;
use super::settings::put;
use super::sign_in::{self, Half, Opened, Place, Tries};
use super::step_up::{self, Act};
use super::throttle::{self, Counted};
use crate::clock::Random;
use crate::domain::access::{Access, Actor, Permission, Role};
use crate::domain::audit::Event;
use crate::domain::id::UserId;
use crate::domain::letter::Letter;
use crate::domain::password::ALONE;
use crate::domain::refusal::Refusal;
use crate::domain::throttle::{ACCOUNT, CODES, DEVICE};
use crate::domain::time::Instant;
use crate::domain::totp;
use crate::store::db::Reader;
use crate::store::failure::{DbError, Failure};
use crate::store::writer::{Intent, WriteTx};
use crate::store::{Store, access, mail as letters, passkeys, people, second_factor as kept, sessions, settings, throttle as devices};

/// The roles that a second factor is required for.
pub async fn required_roles(reader: &mut impl Reader) -> Result<BTreeSet<Role>, DbError> {
    let text = settings::get(reader, settings::SECOND_FACTOR).await?.unwrap_or_default();
    Ok(text.split(' ').filter_map(Role::parse).collect())
}

/// Requires a second factor for these roles, and for no others. Whoever holds one of them and has none is led to set it up on the next request.
pub async fn require(store: &Store, actor: Actor, key: &str, roles: BTreeSet<Role>) -> Result<(), Failure> {
    store
        .write(Intent::keyed(actor, "second_factor.require", key, &roles), move |tx| {
            let text = roles.iter().map(|role| role.code()).collect::<Vec<_>>().join(" ");
            Box::pin(async move {
                tx.require_everywhere(Permission::SettingsManage)?;
                step_up::require(tx, Act::Rights).await?;
                put(tx, settings::SECOND_FACTOR, &text).await
            })
        })
        .await
}

/// For each role, how many active people hold it or one of the organisation's own that counts as it, and how many of those have a second factor.
pub async fn by_role(reader: &mut impl Reader, now: Instant) -> Result<BTreeMap<Role, (i64, i64)>, DbError> {
    let everybody = kept::of_everybody(reader).await?;
    let ids: Vec<UserId> = everybody.iter().map(|(person, _)| *person).collect();
    let held = access::held(reader, &ids, now).await?;
    let mut counts: BTreeMap<Role, (i64, i64)> = BTreeMap::new();
    for (person, has_one) in everybody {
        for role in held.get(&person).map(Access::roles).unwrap_or_default() {
            let count = counts.entry(role).or_default();
            *count = (count.0 + 1, count.1 + has_one);
        }
    }
    Ok(counts)
}

/// Whether one of a person's roles requires a second factor.
pub async fn is_required(reader: &mut impl Reader, person: UserId, now: Instant) -> Result<bool, DbError> {
    let roles = required_roles(reader).await?;
    if roles.is_empty() {
        return Ok(false);
    }
    Ok(!access::of_person(reader, person, now).await?.roles().is_disjoint(&roles))
}

/// Whether a person has a second factor of any kind: an app, or a passkey.
pub async fn has_any(reader: &mut impl Reader, person: UserId) -> Result<bool, DbError> {
    Ok(kept::find(reader, person).await?.is_some() || passkeys::has_any(reader, person).await?)
}

/// Whether a person has to set one up before anything else.
pub async fn is_missing(reader: &mut impl Reader, person: UserId, now: Instant) -> Result<bool, DbError> {
    Ok(is_required(reader, person, now).await? && !has_any(reader, person).await?)
}

/// A new secret for a person's app, and the same sealed: it comes back with the first code, and is kept nowhere until then.
pub fn draft(store: &Store, seal: &Seal, person: UserId) -> Result<(Vec<u8>, Vec<u8>), Failure> {
    let secret: [u8; totp::SECRET] = store.random.bytes();
    Ok((secret.to_vec(), seal.close(&store.random, person, &secret)?))
}

/// The password once more, before somebody who is signed in changes her second factor. Who has none is a person of the demo.
pub async fn password_again(store: &Store, hasher: &Passwords, actor: &Actor, typed: &str) -> Result<Tries, Failure> {
    let person = actor.person().ok_or(Refusal::NotFound)?;
    let has_password = people::password_hash(&mut store.read().await?, person).await?.is_some();
    if has_password { sign_in::present_password(store, hasher, actor, typed).await } else { Ok(Vec::new()) }
}

fn fresh_codes(random: &Random) -> Vec<String> {
    (0..totp::RECOVERY_CODES).map(|_| totp::recovery_code(random.bytes())).collect()
}

fn code_hash(code: &str) -> [u8; 32] {
    token_hash(&totp::folded_recovery_code(code))
}

/// Sets up a second factor with the first code of its app. `tries` are those of [`password_again`]; none where the password was entered just now, to
/// sign in. Every session of the person ends; the caller begins the present one afresh.
///
/// # Errors
/// [`Refusal::Invalid`] at the field `code`; [`Refusal::AlreadyDone`] where she has one.
pub async fn set_up(
    store: &Store,
    seal: &Seal,
    actor: Actor,
    person: UserId,
    draft: &[u8],
    code: &str,
    tries: Tries,
) -> Result<Vec<String>, Failure> {
    let late = || Refusal::Invalid("code", "This page is too old. Begin again with the picture that it shows now".to_owned());
    let secret = seal.open(person, draft).ok_or_else(late)?;
    let wrong = || Refusal::Invalid("code", "This is not the code that the app shows now. Wait for the next one and enter it".to_owned());
    let step = totp::step_of(&secret, code, store.now()).ok_or_else(wrong)?;
    let codes = fresh_codes(&store.random);
    let hashes: Vec<[u8; 32]> = codes.iter().map(|code| code_hash(code)).collect();
    let sealed = draft.to_vec();
    store
        .write(Intent::once(actor, "second_factor.set_up"), move |tx| {
            let (sealed, hashes, tries) = (sealed.clone(), hashes.clone(), tries.clone());
            Box::pin(async move {
                throttle::was_right(tx, &tries).await?;
                if !kept::insert(tx, person, sealed, step).await? {
                    return Err(Refusal::AlreadyDone("You have a second factor already".to_owned()).into());
                }
                kept::put_codes(tx, person, &hashes).await?;
                changed(tx, person, "person.second_factor_set_up", Letter::SecondFactorOn).await
            })
        })
        .await?;
    Ok(codes)
}

/// What follows every change: sessions end, the person is told, and it is on record.
async fn changed(tx: &mut WriteTx<'_>, person: UserId, action: &'static str, letter: Letter) -> Result<(), Failure> {
    sessions::delete_of(tx, person).await?;
    mail::tell(tx, person, letter).await?;
    tx.record(Event::new(action, "person", person, None));
    Ok(())
}

/// New recovery codes in place of those before, for who shows her password.
pub async fn new_codes(store: &Store, hasher: &Passwords, actor: Actor, password: &str) -> Result<Vec<String>, Failure> {
    let person = actor.person().ok_or(Refusal::NotFound)?;
    let tries = password_again(store, hasher, &actor, password).await?;
    let codes = fresh_codes(&store.random);
    let hashes: Vec<[u8; 32]> = codes.iter().map(|code| code_hash(code)).collect();
    store
        .write(Intent::once(actor, "second_factor.new_codes"), move |tx| {
            let (hashes, tries) = (hashes.clone(), tries.clone());
            Box::pin(async move {
                throttle::was_right(tx, &tries).await?;
                kept::find(tx, person).await?.ok_or(Refusal::NotFound)?;
                step_up::require_own(tx, person).await?;
                kept::put_codes(tx, person, &hashes).await?;
                mail::tell(tx, person, Letter::CodesMade).await?;
                tx.record(Event::new("person.recovery_codes_made", "person", person, None));
                Ok(())
            })
        })
        .await?;
    Ok(codes)
}

/// Takes one's own second factor away, for who shows her password. Not where her role requires it, and not where the password is too short to
/// stand alone.
pub async fn turn_off(store: &Store, hasher: &Passwords, actor: Actor, password: &str) -> Result<(), Failure> {
    let person = actor.person().ok_or(Refusal::NotFound)?;
    let tries = password_again(store, hasher, &actor, password).await?;
    let stands_alone = tries.is_empty() || password.chars().count() >= ALONE;
    store
        .write(Intent::once(actor, "second_factor.turn_off"), move |tx| {
            let tries = tries.clone();
            Box::pin(async move {
                let now = tx.now;
                throttle::was_right(tx, &tries).await?;
                let has_passkey = passkeys::has_any(tx, person).await?;
                if !has_passkey && is_required(tx, person, now).await? {
                    return Err(Refusal::State("Your role requires a second factor".to_owned()).into());
                }
                step_up::require_own(tx, person).await?;
                if !stands_alone && !has_passkey {
                    let words = format!("Choose a password of at least {ALONE} characters first: a shorter one does not stand alone");
                    return Err(Refusal::State(words).into());
                }
                take_away(tx, person, false, "person.second_factor_turned_off").await
            })
        })
        .await
}

async fn take_away(tx: &mut WriteTx<'_>, person: UserId, passkeys_too: bool, action: &'static str) -> Result<(), Failure> {
    let removed = if passkeys_too { passkeys::delete_of(tx, person).await? } else { 0 };
    if !kept::delete(tx, person).await? && removed == 0 {
        return Err(Refusal::AlreadyDone("There is no second factor".to_owned()).into());
    }
    changed(tx, person, action, Letter::SecondFactorOff).await
}

/// Takes somebody else's second factor away, who has lost it, and her passkeys. She signs in with her password alone then, or is led to set up another.
pub async fn remove(store: &Store, actor: Actor, person: UserId) -> Result<(), Failure> {
    store
        .write(Intent::once(actor, "second_factor.remove"), move |tx| {
            Box::pin(async move {
                tx.require_everywhere(Permission::PeopleManage)?;
                people::find(tx, person).await?.ok_or(Refusal::NotFound)?;
                if tx.actor().person() == Some(person) {
                    return Err(Refusal::State("Turn your own second factor off under Settings, with your password".to_owned()).into());
                }
                if has_any(tx, person).await? {
                    over(tx, person).await?;
                }
                step_up::require(tx, Act::Credentials).await?;
                take_away(tx, person, true, "person.second_factor_removed").await
            })
        })
        .await
}

/// What was typed as the second factor.
#[derive(Clone, Copy)]
pub(super) enum Typed {
    /// The code of a step.
    Step(i64),
    /// What may be a recovery code.
    Recovery([u8; 32]),
}

impl Typed {
    /// What this is for a person with this factor: a code of her app, or else what may be a recovery code.
    pub(super) fn of(seal: &Seal, person: UserId, factor: Option<kept::Factor>, code: &str, now: Instant) -> Self {
        let secret = factor.and_then(|factor| seal.open(person, &factor.sealed));
        if secret.is_none() {
            tracing::warn!("a second factor cannot be opened: it was sealed with another key, or is gone; recovery codes still work");
        }
        let step = secret.and_then(|secret| totp::step_of(&secret, code, now));
        step.map_or_else(|| Self::Recovery(code_hash(code)), Self::Step)
    }
}

/// Proves the second factor of somebody whose password was right, with the code that her app shows or with a recovery code; each works once.
/// Tries in vain are counted for her account and network, for her account over all networks, and apart for devices that she has used before.
pub async fn prove(store: &Store, seal: &Seal, actor: Actor, place: &Place, half: Half, code: &str) -> Result<Opened, Failure> {
    let person = half.person;
    let mut read = store.read().await?;
    let (tries, known) = tries(&mut read, place, person).await?;
    let factor = kept::find(&mut read, person).await?;
    drop(read);
    let waits = sign_in::count(store, &actor, &tries).await?;
    let typed = Typed::of(seal, person, factor, code, store.now());
    let device = place.device.clone().filter(|_| known).unwrap_or_else(|| store.random.token(24));
    let token = token_hash(&device);
    let right = store.write(Intent::once(actor, "sign_in.prove"), move |tx| {
        let tries = tries.clone();
        Box::pin(async move {
            if !is_right(tx, half, typed).await? {
                return refused(tx, person, waits).await.map(|()| false);
            }
            throttle::was_right(tx, &tries).await?;
            devices::remember_device(tx, token, person).await?;
            let how = if matches!(typed, Typed::Step(_)) { "password and code" } else { "password and recovery code" };
            sign_in::note(tx, person, how).await.map(|()| true)
        })
    });
    if right.await? { Ok(Opened { person, device }) } else { Err(Refusal::Invalid("code", "The code is not right".to_owned()).into()) }
}

async fn tries(read: &mut impl Reader, place: &Place, person: UserId) -> Result<(Tries, bool), DbError> {
    let account = person.to_string();
    if let Some(device) = &place.device
        && devices::knows_device(read, token_hash(device), person).await?
    {
        return Ok((vec![(DEVICE, Counted::new("code device", &account, device, true))], true));
    }
    let from = Counted::new("code", &account, &place.network, true);
    Ok((vec![(ACCOUNT, from), (CODES, Counted::new("code", &account, "everywhere", true))], false))
}

pub(super) async fn is_right(tx: &mut WriteTx<'_>, Half { person, version }: Half, typed: Typed) -> Result<bool, Failure> {
    let active = people::find(tx, person).await?.is_some_and(|person| person.status == "active" && person.version == version);
    match typed {
        _ if !active => Ok(false),
        Typed::Step(step) => kept::use_step(tx, person, step).await,
        Typed::Recovery(hash) => {
            let right = kept::use_code(tx, person, hash).await?;
            if right {
                let left = kept::codes_left(tx, person).await?;
                tx.record(Event::new("person.recovery_code_used", "person", person, None).detail(json!({ "left": left })));
                mail::tell(tx, person, Letter::CodeUsed).await?;
            }
            Ok(right)
        }
    }
}

async fn refused(tx: &mut WriteTx<'_>, person: UserId, waits: bool) -> Result<(), Failure> {
    let a_day_ago = tx.now.plus_seconds(-86_400);
    tx.record(Event::new("person.code_refused", "person", person, None));
    if waits {
        tx.record(Event::new("person.sign_in_throttled", "person", person, None));
        // Whoever guesses must not fill her mailbox as well.
        if !letters::was_told(tx, person, Letter::CodeGuessed, a_day_ago).await? {
            mail::tell(tx, person, Letter::CodeGuessed).await?;
        }
    }
    Ok(())
}
