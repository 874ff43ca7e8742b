//! The key that signs checkpoints: a file outside the database, known to the trail by its public half. Every change of it is an event.
//!
//! A new key is written beside the file, under its own short name, before the trail is told; whichever key the trail names is put in place from
//! there, and the one before keeps its short name. So the only copy of a key that signs is never lost, wherever a change of it is interrupted, and a
//! database from before a change finds its key.

use std::fs::OpenOptions;
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::anchors::{self, Proving};
use crate::domain::access::{Actor, Permission};
use crate::domain::audit::Event;
use crate::domain::proof::checkpoint::origin;
use crate::domain::proof::note::{self, PublicKey, Signer};
use crate::domain::proof::testimony::{BEGUN, REPLACED, ROTATED, handing_over};
use crate::domain::refusal::Refusal;
use crate::store::db_copy::rename;
use crate::store::failure::Failure;
use crate::store::writer::Intent;
use crate::store::{Store, audit_log, checkpoints};

fn no(words: impl Into<String>) -> Failure {
    Refusal::State(words.into()).into()
}

/// The file that a key waits in, or stays in afterwards.
fn beside(file: &Path, key: &PublicKey) -> PathBuf {
    file.with_added_extension(key.short())
}

/// The key in a file; `None` where there is none, or where one was never written to the end.
fn read(file: &Path) -> Result<Option<Signer>, Failure> {
    match std::fs::read_to_string(file) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Ok(text) if text.is_empty() => Ok(None),
        Ok(text) => Signer::parse(&text).map(Some).ok_or_else(|| no(format!("{} holds no audit key", file.display()))),
        Err(error) => Err(error.into()),
    }
}

/// A file of that name holds the whole key or is not there.
fn write(file: &Path, signer: &Signer) -> Result<(), Failure> {
    let part = file.with_added_extension("part");
    let written = (|| {
        let mut opened = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&part)?;
        opened.write_all(signer.secret().as_bytes())?;
        opened.sync_all()?;
        rename(&part, file)
    })();
    if written.is_err() {
        let _ = std::fs::remove_file(&part);
    }
    Ok(written?)
}

/// Puts the key that waits beside it in the file's place; what is in the file keeps its own name beside it.
fn put(file: &Path, waiting: &Path) -> Result<(), Failure> {
    let moved = read(file)?.map_or(Ok(()), |held| rename(file, &beside(file, held.public()))).and_then(|()| rename(waiting, file));
    match moved {
        // Somebody else has done it meanwhile.
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        moved => Ok(moved?),
    }
}

async fn fresh(store: &Store) -> Result<Signer, Failure> {
    let head = audit_log::stated_head(&mut store.lone()).await?.ok_or_else(|| no("the audit trail has no head"))?;
    // From the system whatever the store's own source is: the demo's is seeded.
    let seed = crate::clock::Random::system().bytes::<32>();
    Signer::of(&origin(&head.log_id), seed).ok_or_else(|| no("no key can be made"))
}

/// The key that the trail expects: the one in the file, or one beside it, which is put in its place.
pub async fn load(store: &Store, file: &Path) -> Result<Signer, Failure> {
    let (known, held) = (checkpoints::key(&mut store.lone()).await?, read(file)?);
    let Some(known) = known else { return held.ok_or_else(|| no(format!("there is no key at {}", file.display()))) };
    let fits = |signer: &Signer| known == signer.public().to_string();
    let what = match held {
        Some(held) if fits(&held) => return Ok(held),
        Some(_) => format!("the key in {} is not the one that the trail was signed with last", file.display()),
        None => format!("there is no key at {}, and the trail is signed with one", file.display()),
    };
    if let Some(waiting) = PublicKey::parse(&known).map(|key| beside(file, &key))
        && let Some(signer) = read(&waiting)?.filter(fits)
    {
        put(file, &waiting)?;
        return Ok(signer);
    }
    // Somebody else may have put it in place since it was looked for.
    match read(file)?.filter(fits) {
        Some(signer) => Ok(signer),
        None => Err(no(format!("{what}: put that one back, or run `counterfoil audit key new --lost`"))),
    }
}

/// The key that the trail expects; where it expects none, the one in the file, or a new one. The trail is told of its first key.
pub async fn ensure(store: &Store, file: &Path) -> Result<Signer, Failure> {
    if checkpoints::key(&mut store.lone()).await?.is_some() {
        return load(store, file).await;
    }
    let fresh = fresh(store).await?;
    // A key of another trail, whose database stood here before, makes room.
    let signer = read(file)?.filter(|held| held.public().name == fresh.public().name).unwrap_or(fresh);
    match begin(store, Actor::system("serve"), file, signer).await {
        // Somebody else has begun meanwhile, or we ourselves in a try that was broken off.
        Err(Failure::Refused(Refusal::Stale)) => load(store, file).await,
        begun => begun,
    }
}

async fn begin(store: &Store, actor: Actor, file: &Path, signer: Signer) -> Result<Signer, Failure> {
    let detail = json!({ "key": signer.public().to_string() });
    introduce(store, actor, file, &signer, BEGUN, detail).await
}

/// Writes the key down, tells the trail that it signs from now on, and puts it in place.
async fn introduce(
    store: &Store,
    actor: Actor,
    file: &Path,
    signer: &Signer,
    action: &'static str,
    detail: Value,
) -> Result<Signer, Failure> {
    let waiting = beside(file, signer.public());
    let is_new = read(file)?.is_none_or(|held| held.public() != signer.public()) && !waiting.exists();
    if is_new {
        write(&waiting, signer)?;
    }
    let told = told(store, actor, action, signer.public().to_string(), detail).await;
    // Whatever else went wrong, the trail may know it by now.
    if is_new && matches!(told, Err(Failure::Refused(_))) {
        let _ = std::fs::remove_file(&waiting);
    }
    told?;
    load(store, file).await
}

/// Tells the trail which key signs from now on.
async fn told(store: &Store, actor: Actor, action: &'static str, public: String, detail: Value) -> Result<(), Failure> {
    store
        .write(Intent::once(actor, action), move |tx| {
            let (public, detail) = (public.clone(), detail.clone());
            Box::pin(async move {
                tx.require_everywhere(Permission::SettingsManage)?;
                let known = checkpoints::key(tx).await?;
                if known.as_ref() == Some(&public) {
                    return Ok(());
                }
                let from = detail.get("from").and_then(|from| from.as_str()).map(str::to_owned);
                if known != from {
                    return Err(Refusal::Stale.into());
                }
                checkpoints::insert_key(tx, public).await?;
                tx.record(Event::new(action, "audit", "", None).detail(detail));
                Ok(())
            })
        })
        .await
}

/// Makes a key where there is none. With `lost`, in place of one that the trail knows and nobody has any more: what it signed stays, and from
/// here on an auditor has to be given the new public key by somebody she trusts. A key of this trail that is in the file already becomes that key.
pub async fn new(store: &Store, actor: Actor, file: &Path, lost: Option<&str>) -> Result<PublicKey, Failure> {
    let keys = checkpoints::keys(&mut store.lone()).await?;
    let (known, held, fresh) = (keys.last(), read(file)?, fresh(store).await?);
    let done = match (known, lost) {
        (None, None) if held.is_some() => return Err(no(format!("{} is there already", file.display()))),
        (Some(_), None) => return Err(no("the trail is signed with a key already: put it back, or say --lost with the reason")),
        (None, Some(_)) => return Err(no("the trail was never signed: no key can be lost")),
        (None, None) => begin(store, actor, file, fresh).await,
        (Some(known), Some(reason)) => {
            if load(store, file).await.is_ok() {
                return Err(no(format!("{} holds the key that the trail is signed with: it is not lost", file.display())));
            }
            let ours = |held: &Signer| held.public().name == fresh.public().name && !keys.contains(&held.public().to_string());
            let signer = held.filter(ours).unwrap_or(fresh);
            let detail = json!({ "from": known, "to": signer.public().to_string(), "reason": reason });
            introduce(store, actor, file, &signer, REPLACED, detail).await
        }
    };
    done.map(|signer| signer.public().clone())
}

/// Replaces the key by a new one; the event is signed by both. Before the trail is told, the note that both signed is noted outside, where it tells
/// those who know the old key, and perhaps an older database, of the new one.
pub async fn rotate(store: &Store, actor: Actor, proving: &Proving) -> Result<PublicKey, Failure> {
    let file = proving.key.as_deref().ok_or_else(|| no("no file is named for the audit key"))?;
    store.open_to(ROTATED)?;
    let (old, new) = (ensure(store, file).await?, fresh(store).await?);
    let (from, to) = (old.public().to_string(), new.public().to_string());
    let signed = note::sign(&handing_over(&new.public().name, &from, &to), &[&old, &new]);
    anchors::tell(store, proving, &signed).await?;
    let detail = json!({ "from": from, "to": to, "note": signed });
    Ok(introduce(store, actor, file, &new, ROTATED, detail).await?.public().clone())
}
