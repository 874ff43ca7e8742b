//! An older database in the place of a newer one: found by what was anchored, held until somebody answers for it, and on record then.

use std::collections::BTreeMap;

use serde_json::json;

use super::anchors::Proving;
use super::audit_keys;
use crate::domain::access::{Actor, Permission, Scope};
use crate::domain::audit::Event;
use crate::domain::proof::checkpoint::{Checkpoint, origin};
use crate::domain::proof::note::{self, PublicKey, Signed};
use crate::domain::proof::outside::Outside;
use crate::domain::proof::testimony::{ACTIONS, Lost, RESTORED, Testimony};
use crate::domain::refusal::Refusal;
use crate::domain::time::Instant;
use crate::integrations::anchors::Anchor;
use crate::store::audit_log::{self, Head, Wanted};
use crate::store::db::{Read, Reader};
use crate::store::failure::{DbError, Failure};
use crate::store::writer::Intent;
use crate::store::{Held, Store, checkpoints, settings};

/// How the database stands to what was noted outside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Nothing speaks against it.
    Free,
    /// It is older than what stood here before.
    Older(Lost),
    /// Checkpoints were noted in these places, and what is there cannot be read: nobody knows.
    Blind(Vec<Anchor>),
}

/// What the trail says of its keys and losses, every key that the database knows being believed: this looks for mishaps, and proves nothing.
async fn testimony(read: &mut Read, log: &str, pinned: &[PublicKey]) -> Result<Testimony, DbError> {
    let mut events = Vec::new();
    for action in ACTIONS {
        let (kind, action) = (Some("audit".to_owned()), Some(action.to_owned()));
        let wanted = Wanted { object_kind: kind, object_id: Some(String::new()), action, ..Wanted::default() };
        events.extend(audit_log::list(read, &Scope::of([], true), &wanted, 1_000).await?);
    }
    events.sort_by_key(|event| event.seq);
    let mut testimony = Testimony::new(log, pinned);
    for event in events {
        // One that does not hold is for the proof to find.
        let _ = testimony.hear(event.seq, &event.action, &event.body);
    }
    Ok(testimony)
}

/// What was anchored and is not in the trail, or is another there, and nobody has answered for.
async fn gone(read: &mut Read, head: &Head, outside: Outside) -> Result<Option<Lost>, DbError> {
    let log = origin(&head.log_id);
    let known = checkpoints::keys(read).await?;
    let keys = known.iter().filter_map(|key| PublicKey::parse(key)).chain(outside.keys).collect();
    let outside = Outside { keys, anchors: outside.anchors };
    let (all, keys) = (outside.of(&log), outside.vouching(&log));
    let sizes: Vec<i64> = all.iter().map(|(_, made)| made.size).collect();
    let rows = checkpoints::roots(read, &sizes).await?.into_iter().map(|(size, root, chain)| (size, (root, chain)));
    let rows: BTreeMap<i64, _> = rows.collect();
    let testimony = testimony(read, &log, &outside.keys).await?;
    let agrees = |made: &Checkpoint| rows.get(&made.size).is_some_and(|(root, chain)| *root == made.root && *chain == made.chain);
    // The signature last: it is what costs.
    let is_gone = |(note, made): &(&note::Note, Checkpoint)| {
        !agrees(made) && !testimony.excuses(made) && keys.iter().any(|key| note.by(key) == Signed::Yes)
    };
    let (gone, there): (Vec<_>, Vec<_>) = all.into_iter().partition(is_gone);
    let sizes = gone.iter().map(|(_, made)| made.size);
    let (Some(least), Some(lost_to), Some(until)) = (sizes.clone().min(), sizes.max(), gone.iter().map(|(_, made)| made.at).max()) else {
        return Ok(None);
    };
    // A trail that ends before the first of them is contradicted nowhere; one that went on is vouched for up to the last that agrees.
    let agreeing = there.iter().map(|(_, made)| made).filter(|made| made.size < least && agrees(made));
    let kept_to = if head.seq < least { head.seq } else { agreeing.map(|made| made.size).max().unwrap_or(0) };
    Ok(Some(Lost { kept_to, lost_to, until }))
}

/// What is known of a loss that nobody has answered for yet. A note of it that cannot be read is one all the same.
pub async fn held(read: &mut impl Reader) -> Result<Option<Lost>, DbError> {
    let Some(text) = settings::get(read, settings::AUDIT_HELD).await? else { return Ok(None) };
    let seq = audit_log::stated_head(read).await?.map_or(0, |head| head.seq);
    let unknown = Lost { kept_to: seq, lost_to: seq, until: Instant(0) };
    Ok(Some(serde_json::from_str(&text).unwrap_or(unknown)))
}

/// Compares the trail with what was anchored, and holds the store where it is older, or where that cannot be seen; lets it go where neither is so.
/// To be called before anything is written.
pub async fn look(store: &Store, proving: &Proving) -> Result<Standing, Failure> {
    let (outside, unread) = proving.outside().await;
    let mut read = store.read().await?;
    let before = held(&mut read).await?;
    let Some(head) = audit_log::stated_head(&mut read).await? else { return Ok(Standing::Free) };
    let gone = gone(&mut read, &head, outside).await?;
    let mut missed = Vec::new();
    for anchor in unread {
        if checkpoints::anchored(&mut read, anchor.kind(), anchor.place()).await?.is_some() {
            missed.push(anchor);
        }
    }
    drop(read);
    let lost = match (before, gone) {
        (Some(before), Some(gone)) => Some(before.with(gone)),
        (before, gone) => before.or(gone),
    };
    if let Some(lost) = lost {
        store.hold(Held::Older);
        if before != Some(lost) {
            hold(store, lost).await?;
        }
        return Ok(Standing::Older(lost));
    }
    store.hold(if missed.is_empty() { Held::No } else { Held::Blind });
    Ok(if missed.is_empty() { Standing::Free } else { Standing::Blind(missed) })
}

/// The words that the setting holds.
pub fn as_text(lost: &Lost) -> String {
    // Three numbers: they cannot fail to become JSON.
    serde_json::to_string(lost).unwrap_or_default()
}

/// Holds the store: nothing is changed in it until somebody answers for what is gone.
pub async fn hold(store: &Store, lost: Lost) -> Result<(), Failure> {
    let text = as_text(&lost);
    store
        .write(Intent::once(Actor::system("serve"), "restore.hold"), move |tx| {
            let text = text.clone();
            Box::pin(async move { Ok(settings::set(tx, settings::AUDIT_HELD, &text).await?) })
        })
        .await?;
    store.hold(Held::Older);
    Ok(())
}

/// Accepts what is gone, with a reason; an event says so, and names the range, signed by the trail's key where it has one: whoever can write the
/// database alone excuses nothing.
pub async fn accept(store: &Store, proving: &Proving, actor: Actor, reason: &str) -> Result<Lost, Failure> {
    let reason = reason.trim().to_owned();
    if reason.is_empty() {
        return Err(Refusal::Required("reason", "Say why this database stands here").into());
    }
    let nothing = || Refusal::State("Nothing waits to be accepted: no newer database is known".to_owned());
    let lost = held(&mut store.lone()).await?.ok_or_else(nothing)?;
    let note = signed(store, proving, &lost).await?;
    store
        .write(Intent::once(actor, "restore.accept"), move |tx| {
            let (reason, note) = (reason.clone(), note.clone());
            Box::pin(async move {
                tx.require_everywhere(Permission::SettingsManage)?;
                match held(tx).await? {
                    None => return Err(nothing().into()),
                    Some(now) if now != lost && now.is_known() => return Err(Refusal::Stale.into()),
                    Some(_) => {}
                }
                settings::unset(tx, settings::AUDIT_HELD).await?;
                let detail =
                    json!({ "kept_to": lost.kept_to, "lost_to": lost.lost_to, "until": lost.until.0, "reason": reason, "note": note });
                tx.record(Event::new(RESTORED, "audit", "", None).detail(detail));
                Ok(())
            })
        })
        .await?;
    look(store, proving).await?;
    Ok(lost)
}

/// The range, signed by the key of the trail; `None` where it was never signed.
async fn signed(store: &Store, proving: &Proving, lost: &Lost) -> Result<Option<String>, Failure> {
    let is_signed = checkpoints::key(&mut store.lone()).await?.is_some();
    match &proving.key {
        Some(file) if is_signed || file.exists() => {
            let signer = audit_keys::ensure(store, file).await?;
            Ok(Some(note::sign(&lost.text(&signer.public().name), &[&signer])))
        }
        _ if is_signed => Err(Refusal::State("the trail is signed: name the file of its key (audit_key_file)".to_owned()).into()),
        _ => Ok(None),
    }
}
