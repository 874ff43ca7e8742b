//! Showing once more who one is: before much money moves, before anything changes that people sign in with, and before rights change. Whether it is
//! asked for is decided here and nowhere else, inside the write; where it is, nothing is written.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::passwords::Passwords;
use super::seal::Seal;
use super::second_factor::{self, Typed};
use super::sign_in::{self, Half};
use super::throttle::{self, Counted};
use crate::domain::access::{Actor, Permission, Proved};
use crate::domain::audit::Event;
use crate::domain::id::UserId;
use crate::domain::refusal::Refusal;
use crate::domain::throttle::DEVICE;
use crate::domain::time::Instant;
use crate::store::db::Reader;
use crate::store::failure::{DbError, Failure};
use crate::store::people::{self, Person};
use crate::store::writer::{Intent, WriteTx};
use crate::store::{Store, passkeys, second_factor as kept, settings};

/// What is about to be done.
#[derive(Clone, Copy, Debug)]
pub enum Act<'a> {
    /// Moving so much of a currency, in minor units.
    Money(&'a str, i64),
    /// Changing what somebody signs in with.
    Credentials,
    /// Changing what somebody may do, or what is asked of people.
    Rights,
}

/// The rules that an administrator sets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rules {
    /// For how many minutes it holds that somebody has shown who she is.
    pub minutes: i64,
    /// By currency, from what amount on it is asked for, in minor units; never for a currency that is not named.
    pub money: BTreeMap<String, i64>,
}

/// The fewest and the most minutes that can be set.
pub const MINUTES: (i64, i64) = (1, 60);

impl Default for Rules {
    fn default() -> Self {
        Self { minutes: 5, money: BTreeMap::new() }
    }
}

/// The rules in force.
pub async fn rules(reader: &mut impl Reader) -> Result<Rules, DbError> {
    let text = settings::get(reader, settings::STEP_UP).await?;
    let read = |text: String| serde_json::from_str(&text).map_err(|error| DbError::Broken(format!("the setting cannot be read: {error}")));
    text.map_or_else(|| Ok(Rules::default()), read)
}

/// Sets the rules.
pub async fn set(store: &Store, actor: Actor, key: &str, rules: Rules) -> Result<(), Failure> {
    store
        .write(Intent::keyed(actor, "step_up.set", key, &rules), move |tx| {
            let rules = rules.clone();
            Box::pin(async move {
                tx.require_everywhere(Permission::SettingsManage)?;
                require(tx, Act::Rights).await?;
                if !(MINUTES.0..=MINUTES.1).contains(&rules.minutes) {
                    return Err(Refusal::Invalid("minutes", format!("Enter {} to {} minutes", MINUTES.0, MINUTES.1)).into());
                }
                put(tx, &rules).await
            })
        })
        .await
}

/// Keeps the rules, with an event.
pub(super) async fn put(tx: &mut WriteTx<'_>, rules: &Rules) -> Result<(), Failure> {
    let text = serde_json::to_string(rules).map_err(|error| DbError::Broken(error.to_string()))?;
    super::settings::put(tx, settings::STEP_UP, &text).await
}

/// Refuses with [`Refusal::ProveAgain`] where somebody has to show once more who she is before she does this.
pub async fn require(tx: &mut WriteTx<'_>, act: Act<'_>) -> Result<(), Failure> {
    let (actor, now) = (tx.actor().clone(), tx.now);
    required(tx, &actor, now, act).await
}

/// The same before it is begun; it counts when it is done.
pub async fn required(reader: &mut impl Reader, actor: &Actor, now: Instant, act: Act<'_>) -> Result<(), Failure> {
    let Proved::At(proved) = actor.proved else { return Ok(()) };
    // Fresh by any rule: most of what is done is done so, and asks the database nothing.
    if now < proved.plus_seconds(MINUTES.0 * 60) {
        return Ok(());
    }
    let rules = rules(reader).await?;
    let asked = match act {
        Act::Money(currency, amount) => rules.money.get(currency).is_some_and(|from| amount >= *from),
        Act::Credentials | Act::Rights => true,
    };
    if asked && now >= proved.plus_seconds(rules.minutes * 60) { Err(Refusal::ProveAgain.into()) } else { Ok(()) }
}

/// The same before somebody changes what she herself signs in with. She has typed her password for it: who has no second factor has shown enough.
pub async fn require_own(tx: &mut WriteTx<'_>, person: UserId) -> Result<(), Failure> {
    if second_factor::has_any(tx, person).await? { require(tx, Act::Credentials).await } else { Ok(()) }
}

/// Takes what somebody shows who is signed in: the code of her second factor where she has one, else her password. Who has neither is a person of the
/// demo. Guessing from a session left open is counted.
///
/// # Errors
/// [`Refusal::Invalid`] at the field `code` or `current`.
pub async fn prove(store: &Store, (hasher, seal): (&Passwords, &Seal), actor: Actor, person: &Person, typed: &str) -> Result<(), Failure> {
    let (id, version) = (person.id, person.version);
    let factor = kept::find(&mut store.read().await?, id).await?;
    let (tries, code) = if let Some(factor) = factor {
        let tries = vec![(DEVICE, Counted::new("code again", &id.to_string(), "", true))];
        sign_in::count(store, &actor, &tries).await?;
        (tries, Some(Typed::of(seal, id, Some(factor), typed, store.now())))
    } else if passkeys::has_any(&mut store.read().await?, id).await? {
        return Err(Refusal::State("Use your passkey: your password alone is not enough".to_owned()).into());
    } else {
        (second_factor::password_again(store, hasher, &actor, typed).await?, None)
    };
    let proving = store.write(Intent::once(actor, "step_up.prove"), move |tx| {
        let tries = tries.clone();
        Box::pin(async move {
            if let Some(code) = code
                && !second_factor::is_right(tx, Half { person: id, version }, code).await?
            {
                tx.record(Event::new("person.code_refused", "person", id, None));
                return Ok(false);
            }
            throttle::was_right(tx, &tries).await?;
            let how = if code.is_some() { "code" } else { "password" };
            tx.record(Event::new("person.proved_again", "person", id, None).detail(json!({ "how": how })));
            people::find(tx, id).await?.ok_or(Refusal::NotFound)?;
            Ok(true)
        })
    });
    if proving.await? { Ok(()) } else { Err(Refusal::Invalid("code", "The code is not right".to_owned()).into()) }
}
