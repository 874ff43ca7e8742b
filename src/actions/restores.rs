//! An older database in the place of a newer one: found by what was anchored, held until somebody answers for it, and on record then.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::proof::{Outside, RESTORED};
use crate::domain::access::{Actor, Permission, Scope};
use crate::domain::audit::Event;
use crate::domain::proof::checkpoint::{Checkpoint, origin};
use crate::domain::proof::note::{PublicKey, Signed};
use crate::domain::refusal::Refusal;
use crate::store::audit_log::{self, Wanted};
use crate::store::db::Reader;
use crate::store::failure::{DbError, Failure};
use crate::store::writer::Intent;
use crate::store::{Store, checkpoints, settings};

/// What is gone: the events after `kept_to`, up to `lost_to`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lost {
    /// The newest event that is still there.
    pub kept_to: i64,
    /// The newest event that was ever anchored.
    pub lost_to: i64,
}

/// Losses that somebody has answered for.
async fn accepted(read: &mut impl Reader) -> Result<Vec<Lost>, DbError> {
    let (kind, id, action) = (Some("audit".to_owned()), Some(String::new()), Some(RESTORED.to_owned()));
    let wanted = Wanted { object_kind: kind, object_id: id, action, ..Wanted::default() };
    let events = audit_log::list(read, &Scope::of([], true), &wanted, 1_000).await?;
    let number = |body: &Value, at: &str| body.pointer(at).and_then(Value::as_str).and_then(|text| text.parse().ok());
    let lost = |body: Value| Some(Lost { kept_to: number(&body, "/detail/kept_to")?, lost_to: number(&body, "/detail/lost_to")? });
    Ok(events.into_iter().filter_map(|event| serde_json::from_slice(&event.body).ok().and_then(lost)).collect())
}

/// What is known of a loss that nobody has answered for yet.
pub async fn held(read: &mut impl Reader) -> Result<Option<Lost>, DbError> {
    Ok(settings::get(read, settings::AUDIT_HELD).await?.and_then(|text| serde_json::from_str(&text).ok()))
}

/// Compares the trail with what was anchored, and holds the store where the trail is shorter; what is gone then. To be called before anything is
/// written.
pub async fn look(store: &Store, outside: &Outside) -> Result<Option<Lost>, Failure> {
    let mut read = store.read().await?;
    if let Some(lost) = held(&mut read).await? {
        return Ok(Some(lost));
    }
    let Some(head) = audit_log::stated_head(&mut read).await? else { return Ok(None) };
    let known = checkpoints::key(&mut read).await?.and_then(|key| PublicKey::parse(&key));
    let known = Outside { keys: outside.keys.iter().cloned().chain(known).collect(), anchors: outside.anchors.clone() };
    let keys = known.vouching(&origin(&head.log_id));
    let accepted = accepted(&mut read).await?;
    drop(read);
    let (log, kept_to) = (origin(&head.log_id), head.seq);
    let ours = outside.anchors.iter().filter(|note| keys.iter().any(|key| note.by(key) == Signed::Yes));
    let sizes = ours.filter_map(|note| Checkpoint::parse(&note.text)).filter(|made| made.origin == log).map(|made| made.size);
    let answered = |size: i64| accepted.iter().any(|lost| lost.kept_to < size && size <= lost.lost_to);
    let Some(lost_to) = sizes.filter(|size| *size > kept_to && !answered(*size)).max() else { return Ok(None) };
    let lost = Lost { kept_to, lost_to };
    hold(store, lost).await?;
    Ok(Some(lost))
}

/// Holds the store: nothing is changed in it until somebody answers for what is gone.
pub async fn hold(store: &Store, lost: Lost) -> Result<(), Failure> {
    // Two numbers: they cannot fail to become JSON.
    let text = serde_json::to_string(&lost).unwrap_or_default();
    store
        .write(Intent::once(Actor::system("serve"), "restore.hold"), move |tx| {
            let text = text.clone();
            Box::pin(async move { Ok(settings::set(tx, settings::AUDIT_HELD, &text).await?) })
        })
        .await?;
    store.hold(true);
    Ok(())
}

/// Lets the store go on, where somebody has accepted meanwhile.
pub async fn released(store: &Store) -> Result<(), Failure> {
    if held(&mut store.lone()).await?.is_none() {
        store.hold(false);
    }
    Ok(())
}

/// Accepts what is gone, with a reason; an event says so, and names the range.
pub async fn accept(store: &Store, actor: Actor, reason: &str) -> Result<Lost, Failure> {
    let reason = reason.trim().to_owned();
    if reason.is_empty() {
        return Err(Refusal::Required("reason", "Say why this database stands here").into());
    }
    let lost = store
        .write(Intent::once(actor, "restore.accept"), move |tx| {
            let reason = reason.clone();
            Box::pin(async move {
                tx.require_everywhere(Permission::SettingsManage)?;
                let nothing = || Refusal::State("Nothing waits to be accepted: no newer database is known".to_owned());
                let lost = held(tx).await?.ok_or_else(nothing)?;
                settings::unset(tx, settings::AUDIT_HELD).await?;
                let detail = json!({ "kept_to": lost.kept_to, "lost_to": lost.lost_to, "reason": reason });
                tx.record(Event::new(RESTORED, "audit", "", None).detail(detail));
                Ok(lost)
            })
        })
        .await?;
    store.hold(false);
    Ok(lost)
}
