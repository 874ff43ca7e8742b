//! The key that signs checkpoints: a file outside the database, known to the trail by its public half. Every change of it is an event.

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};

use serde_json::json;

use crate::domain::access::{Actor, Permission};
use crate::domain::audit::Event;
use crate::domain::proof::checkpoint::origin;
use crate::domain::proof::note::{self, PublicKey, Signer};
use crate::domain::refusal::Refusal;
use crate::store::failure::Failure;
use crate::store::writer::Intent;
use crate::store::{Store, audit_log, checkpoints};

/// The action of the event with which a trail's first key begins.
pub const BEGUN: &str = "audit.key_begun";
/// The action of the event with which one key hands over to the next, signed by both.
pub const ROTATED: &str = "audit.key_rotated";
/// The action of the event that says that a key was lost, and which one follows. Nothing but the new key's owner vouches for it.
pub const REPLACED: &str = "audit.key_replaced";

fn no(words: impl Into<String>) -> Failure {
    Refusal::State(words.into()).into()
}

/// The file that a key waits in while the trail is told of it.
fn next_to(file: &Path) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(".next");
    name.into()
}

fn read(file: &Path) -> Result<Signer, Failure> {
    let text = std::fs::read_to_string(file)?;
    Signer::parse(&text).ok_or_else(|| no(format!("{} holds no audit key", file.display())))
}

fn write(file: &Path, signer: &Signer) -> Result<(), Failure> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut opened = options.open(file)?;
    opened.write_all(signer.secret().as_bytes())?;
    opened.sync_all()?;
    sync_folder(file)
}

/// What was made or renamed in it stays so after a power cut.
fn sync_folder(file: &Path) -> Result<(), Failure> {
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    Ok(File::open(folder)?.sync_all()?)
}

async fn fresh(store: &Store) -> Result<Signer, Failure> {
    let head = audit_log::stated_head(&mut store.lone()).await?.ok_or_else(|| no("the audit trail has no head"))?;
    // From the system whatever the store's own source is: the demo's is seeded.
    let seed = crate::clock::Random::system().bytes::<32>();
    Signer::of(&origin(&head.log_id), seed).ok_or_else(|| no("no key can be made"))
}

/// The key in the file, when it is the one that the trail expects. A change that was interrupted is finished.
pub async fn load(store: &Store, file: &Path) -> Result<Signer, Failure> {
    let known = checkpoints::key(&mut store.lone()).await?;
    let fits = |signer: &Signer| known.as_ref().is_none_or(|known| *known == signer.public().to_string());
    let signer = read(file);
    match &signer {
        Ok(found) if fits(found) => return signer,
        Err(Failure::Io(error)) if error.kind() != ErrorKind::NotFound => return signer,
        _ => {}
    }
    match read(&next_to(file)) {
        Ok(next) if known.is_some() && fits(&next) => {
            std::fs::rename(next_to(file), file)?;
            sync_folder(file)?;
            Ok(next)
        }
        _ => signer.and_then(|_| {
            let words = "is not the one that the trail was signed with last; put that one back, or run `counterfoil audit key new --lost`";
            Err(no(format!("the key in {} {words}", file.display())))
        }),
    }
}

/// The key in the file; a new one where there is neither a file nor a key that the trail knows. The trail is told of its first key.
pub async fn ensure(store: &Store, file: &Path) -> Result<Signer, Failure> {
    let known = checkpoints::key(&mut store.lone()).await?;
    if known.is_none() && file.exists() {
        set_aside(store, file).await?;
    }
    if known.is_none() && !file.exists() {
        write(file, &fresh(store).await?)?;
    }
    let signer = load(store, file).await?;
    if known.is_none() {
        begin(store, Actor::system("serve"), &signer).await?;
    }
    Ok(signer)
}

/// A key of another trail, whose database stood here before, is kept under another name.
async fn set_aside(store: &Store, file: &Path) -> Result<(), Failure> {
    let head = audit_log::stated_head(&mut store.lone()).await?;
    let found = read(file)?.public().name.clone();
    if head.is_some_and(|head| origin(&head.log_id) != found) {
        let id: String = found.chars().rev().take(8).collect::<Vec<_>>().into_iter().rev().collect();
        let mut name = file.as_os_str().to_owned();
        name.push(".of-");
        name.push(id);
        std::fs::rename(file, PathBuf::from(name))?;
    }
    Ok(())
}

async fn begin(store: &Store, actor: Actor, signer: &Signer) -> Result<(), Failure> {
    let public = signer.public().to_string();
    told(store, actor, BEGUN, public.clone(), json!({ "key": public })).await
}

/// Tells the trail which key signs from now on.
async fn told(store: &Store, actor: Actor, action: &'static str, public: String, detail: serde_json::Value) -> Result<(), Failure> {
    store
        .write(Intent::once(actor, "audit.key"), move |tx| {
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
/// here on an auditor has to be given the new public key by somebody she trusts.
pub async fn new(store: &Store, actor: Actor, file: &Path, lost: Option<&str>) -> Result<PublicKey, Failure> {
    let known = checkpoints::key(&mut store.lone()).await?;
    if file.exists() {
        return Err(no(format!("{} is there already", file.display())));
    }
    if known.is_some() != lost.is_some() {
        return Err(no(match known {
            Some(_) => "the trail is signed with a key already: put it back, or say --lost with the reason",
            None => "the trail was never signed: no key can be lost",
        }));
    }
    let signer = fresh(store).await?;
    write(file, &signer)?;
    let public = signer.public().to_string();
    let done = match lost {
        Some(reason) => told(store, actor, REPLACED, public.clone(), json!({ "from": known, "to": public, "reason": reason })).await,
        None => begin(store, actor, &signer).await,
    };
    if done.is_err() {
        let _ = std::fs::remove_file(file);
    }
    done.map(|()| signer.public().clone())
}

/// The text that two keys sign when one hands over to the other.
pub fn handing_over(log: &str, from: &str, to: &str) -> String {
    format!("{log}\nkey\nfrom {from}\nto {to}\n")
}

/// Replaces the key by a new one; the event is signed by both. The new key waits beside the old one until the trail knows it, so that the two never
/// say different things for long, wherever it is interrupted.
/// Gives the public key, and the note that both signed: noted outside, it tells those who know the old key of the new one.
pub async fn rotate(store: &Store, actor: Actor, file: &Path) -> Result<(PublicKey, String), Failure> {
    let (old, next) = (ensure(store, file).await?, next_to(file));
    match std::fs::remove_file(&next) {
        // Left behind by a change that the trail never heard of.
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error.into()),
        _ => {}
    }
    let new = fresh(store).await?;
    write(&next, &new)?;
    let (from, to) = (old.public().to_string(), new.public().to_string());
    let signed = note::sign(&handing_over(&new.public().name, &from, &to), &[&old, &new]);
    told(store, actor, ROTATED, to.clone(), json!({ "from": from, "to": to, "note": signed.clone() })).await?;
    std::fs::rename(&next, file)?;
    sync_folder(file)?;
    Ok((new.public().clone(), signed))
}
