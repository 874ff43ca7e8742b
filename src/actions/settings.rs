//! Settings: one's own, and the organisation's.

use serde_json::{Value, json};

use super::mail;
use super::passwords::{Passwords, known_to, least_for};
use super::sign_in::present_password;
use super::{step_up, throttle};
use crate::domain::access::{Actor, Permission};
use crate::domain::audit::Event;
use crate::domain::currency::Currency;
use crate::domain::id::SourceId;
use crate::domain::letter::Letter;
use crate::domain::password::acceptable;
use crate::domain::refusal::Refusal;
use crate::domain::retention::Kept;
use crate::domain::text::line;
use crate::store::failure::Failure;
use crate::store::writer::{Intent, WriteTx};
use crate::store::{Store, imports, people, retention, sessions, settings, transactions};

/// Keeps how a person likes her pages: theme (`light`, `dark` or nothing), density (`comfortable` or nothing), single-key shortcuts.
pub async fn prefer(store: &Store, actor: Actor, theme: &'static str, density: &'static str, shortcuts: bool) -> Result<(), Failure> {
    let person = actor.person().ok_or(Refusal::NotFound)?;
    store
        .write(Intent::once(actor, "settings.prefer"), move |tx| {
            Box::pin(async move { people::set_preferences(tx, person, theme, density, shortcuts).await })
        })
        .await
}

/// Changes one's own password, with the present one. Every session of the person ends; the caller begins the present one afresh.
pub async fn change_password(store: &Store, hasher: &Passwords, actor: Actor, current: &str, new: &str) -> Result<(), Failure> {
    let person = actor.person().ok_or(Refusal::NotFound)?;
    let mut read = store.read().await?;
    let least = least_for(&mut read, person).await?;
    acceptable(new, least, &known_to(&mut read, person).await?)?;
    drop(read);
    let tries = present_password(store, hasher, &actor, current).await?;
    let kept = hasher.hash(new.to_owned()).await?;
    store
        .write(Intent::once(actor, "person.change_password"), move |tx| {
            let (kept, tries) = (kept.clone(), tries.clone());
            Box::pin(async move {
                throttle::was_right(tx, &tries).await?;
                step_up::require_own(tx, person).await?;
                mail::tell(tx, person, Letter::PasswordChanged).await?;
                people::set_password(tx, person, &kept).await?;
                sessions::delete_of(tx, person).await?;
                tx.record(Event::new("person.password_changed", "person", person, None));
                Ok(())
            })
        })
        .await
}

/// A name of the organisation, trimmed, when it can be one: it is also the name of its root region at the beginning.
pub fn organisation_name(text: &str) -> Result<String, Refusal> {
    let name = text.trim();
    if name.is_empty() {
        return Err(Refusal::Required("name", "Enter the organisation\u{2019}s name"));
    }
    line("name", "a name", name, 80)
}

/// Sets the organisation's name and time zone. The zone stays once there are transactions: the months they are counted in are those of the zone,
/// and were computed when the rows were written.
pub async fn organisation(store: &Store, actor: Actor, key: &str, name: String, zone: String) -> Result<(), Failure> {
    store
        .write(Intent::keyed(actor, "settings.organisation", key, &(&name, &zone)), move |tx| {
            let (name, zone) = (name.clone(), zone.clone());
            Box::pin(async move {
                tx.require_everywhere(Permission::SettingsManage)?;
                put(tx, settings::ORGANISATION, &organisation_name(&name)?).await?;
                let zone = super::regions::time_zone(&zone)?;
                let changes = settings::get(tx, settings::TIME_ZONE).await?.is_none_or(|before| before != zone);
                if changes && transactions::any(tx).await? {
                    return Err(Refusal::Invalid("time_zone", ZONE_STAYS.to_owned()).into());
                }
                put(tx, settings::TIME_ZONE, &zone).await
            })
        })
        .await
}

const ZONE_STAYS: &str = "The time zone stays as it is: transactions have been counted in its months";

/// Sets one setting, with an event where it changes.
pub(super) async fn put(tx: &mut WriteTx<'_>, key: &'static str, value: &str) -> Result<(), Failure> {
    let before = settings::get(tx, key).await?;
    if before.as_deref() != Some(value) {
        settings::set(tx, key, value).await?;
        tx.record(Event::new("setting.changed", "setting", key, None).change(json!({ "value": before }), json!({ "value": value })));
    }
    Ok(())
}

/// Says how long each kind of data is kept: days, or for ever.
pub async fn retention(store: &Store, actor: Actor, key: &str, rules: Vec<(Kept, Option<i64>)>) -> Result<(), Failure> {
    store
        .write(Intent::keyed(actor, "settings.retention", key, &rules), move |tx| {
            let rules = rules.clone();
            Box::pin(async move {
                tx.require_everywhere(Permission::SettingsManage)?;
                let now = retention::rules(tx).await?;
                for (kind, days) in rules {
                    if now.contains(&(kind, days)) {
                        continue;
                    }
                    put(tx, kind.setting(), &days.map(|days| days.to_string()).unwrap_or_default()).await?;
                }
                Ok(())
            })
        })
        .await
}

/// Takes a currency into use.
pub async fn add_currency(store: &Store, actor: Actor, key: &str, currency: Currency) -> Result<(), Failure> {
    store
        .write(Intent::keyed(actor, "settings.add_currency", key, &currency), move |tx| {
            Box::pin(async move {
                tx.require_everywhere(Permission::SettingsManage)?;
                if settings::currencies(tx).await?.contains(&currency) {
                    return Err(Refusal::Taken("currency", format!("{currency} is in use already")).into());
                }
                settings::add_currency(tx, currency).await?;
                tx.record(Event::new("currency.added", "currency", currency, None));
                Ok(())
            })
        })
        .await
}

/// Takes a currency out of use; refused while a region or a budget is kept in it.
pub async fn remove_currency(store: &Store, actor: Actor, key: &str, currency: Currency) -> Result<(), Failure> {
    store
        .write(Intent::keyed(actor, "settings.remove_currency", key, &currency), move |tx| {
            Box::pin(async move {
                tx.require_everywhere(Permission::SettingsManage)?;
                if settings::currencies_kept(tx).await?.iter().any(|code| code == currency.code()) {
                    return Err(Refusal::State(format!("{currency} stays: regions or budgets are kept in it")).into());
                }
                if settings::remove_currency(tx, currency).await? == 0 {
                    return Err(Refusal::NotFound.into());
                }
                tx.record(Event::new("currency.removed", "currency", currency, None));
                Ok(())
            })
        })
        .await
}

/// A reason code's short form: 2 to 40 small letters, digits and underscores.
pub fn reason_code(text: &str) -> Result<String, Refusal> {
    let code = text.trim();
    let well_formed = (2..=40).contains(&code.len()) && code.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
    if !well_formed {
        return Err(Refusal::Invalid("code", "Use 2 to 40 small letters, digits and underscores, like price_change".to_owned()));
    }
    Ok(code.to_owned())
}

/// A reason code's label.
pub fn reason_label(text: &str) -> Result<String, Refusal> {
    let label = text.trim();
    if label.is_empty() || label.chars().count() > 120 || label.chars().any(char::is_control) {
        return Err(Refusal::Invalid("label", "Enter a label of at most 120 characters".to_owned()));
    }
    Ok(label.to_owned())
}

/// Adds a reason code (`new`), or changes one: its label, and whether it can still be chosen.
pub async fn put_reason_code(
    store: &Store,
    actor: Actor,
    key: &str,
    code: String,
    label: String,
    active: bool,
    new: bool,
) -> Result<(), Failure> {
    store
        .write(Intent::keyed(actor, "settings.put_reason_code", key, &(&code, &label, active, new)), move |tx| {
            let (code, label) = (code.clone(), label.clone());
            Box::pin(async move {
                tx.require_everywhere(Permission::SettingsManage)?;
                let label = reason_label(&label)?;
                let held = settings::reason_code(tx, &code).await?;
                match &held {
                    Some(_) if new => return Err(Refusal::Taken("code", format!("There is a reason code {code} already")).into()),
                    None if !new => return Err(Refusal::NotFound.into()),
                    _ => {}
                }
                settings::put_reason_code(tx, &code, &label, active).await?;
                let before = held.map_or(Value::Null, |(label, active)| json!({ "label": label, "active": active == 1 }));
                let action = if new { "reason_code.added" } else { "reason_code.changed" };
                tx.record(Event::new(action, "reason_code", code, None).change(before, json!({ "label": label, "active": active })));
                Ok(())
            })
        })
        .await
}

fn source_name(text: &str) -> Result<String, Refusal> {
    let name = text.trim();
    if name.is_empty() || name.chars().count() > 80 || name.chars().any(char::is_control) {
        return Err(Refusal::Invalid("source", "Enter a name of at most 80 characters".to_owned()));
    }
    Ok(name.to_owned())
}

/// Adds a source of transactions, or renames the one given.
pub async fn put_source(store: &Store, actor: Actor, key: &str, id: Option<SourceId>, name: String) -> Result<SourceId, Failure> {
    store
        .write(Intent::keyed(actor, "settings.put_source", key, &(id, &name)), move |tx| {
            let name = name.clone();
            Box::pin(async move {
                tx.require_everywhere(Permission::SettingsManage)?;
                let name = source_name(&name)?;
                let all = settings::sources(tx).await?;
                if all.iter().any(|(other, taken, _)| Some(*other) != id && taken.to_lowercase() == name.to_lowercase()) {
                    return Err(Refusal::Taken("source", format!("There is a source called {name} already")).into());
                }
                let Some(id) = id else {
                    let id = SourceId(tx.new_id());
                    imports::insert_source(tx, id, &name).await?;
                    tx.record(Event::new("source.added", "source", id, None).change(Value::Null, json!({ "name": name })));
                    return Ok(id);
                };
                let (_, before, _) = all.into_iter().find(|(known, ..)| *known == id).ok_or(Refusal::NotFound)?;
                settings::rename_source(tx, id, &name).await?;
                tx.record(Event::new("source.renamed", "source", id, None).change(json!({ "name": before }), json!({ "name": name })));
                Ok(id)
            })
        })
        .await
}

/// Takes the task list of the first set-up off the overview.
pub async fn dismiss_tasks(store: &Store, actor: Actor) -> Result<(), Failure> {
    store
        .write(Intent::once(actor, "settings.dismiss_tasks"), move |tx| {
            Box::pin(async move {
                tx.require_everywhere(Permission::SettingsManage)?;
                put(tx, settings::SETUP_TASKS, "dismissed").await
            })
        })
        .await
}
