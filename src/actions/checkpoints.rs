//! Making checkpoints: the events since the last one are walked again, and only what holds is signed.

use sha2::{Digest, Sha256};

use super::audit::link;
use super::proof_ledger::Named;
use crate::domain::access::Actor;
use crate::domain::audit::{Hash, START};
use crate::domain::proof::checkpoint::{Checkpoint, origin};
use crate::domain::proof::merkle::Tree;
use crate::domain::proof::note::{self, Signer};
use crate::domain::proof::postings;
use crate::domain::refusal::Refusal;
use crate::domain::text::hex;
use crate::store::audit_log::{self, Head};
use crate::store::checkpoints::{self as kept, CheckpointRow};
use crate::store::db::Reader;
use crate::store::failure::{DbError, Failure};
use crate::store::writer::Intent;
use crate::store::{Store, settings};

/// So many events make a checkpoint due.
pub const EVENTS: i64 = 1_000;
/// So many seconds after an event a checkpoint is due.
pub const SECONDS: i64 = 600;
/// The most events that one checkpoint takes in: a long trail that was never signed is signed step by step.
const PIECE: i64 = 20_000;
/// How many events are read at once.
const BATCH: i64 = 1_000;
/// What is signed says which program made it.
const PROGRAM: &str = concat!("counterfoil ", env!("CARGO_PKG_VERSION"));

/// Whether enough has happened since the last checkpoint.
pub async fn due(store: &Store) -> Result<bool, DbError> {
    let mut read = store.read().await?;
    let size = kept::newest(&mut read).await?.map_or(0, |row| row.size);
    let head = audit_log::stated_head(&mut read).await?.map_or(0, |head| head.seq);
    if head - size >= EVENTS {
        return Ok(true);
    }
    let first = kept::first_after(&mut read, size).await?;
    // One from the future would be due never: the clock was wrong then, or is now.
    Ok(first.is_some_and(|at| at.plus_seconds(SECONDS) <= store.now() || at > store.now()))
}

/// Where a checkpoint goes on from.
struct At {
    size: i64,
    tree: Tree,
    chain: Vec<u8>,
    postings: (i64, Hash),
}

fn broken(seq: i64, why: &str) -> Failure {
    Refusal::State(format!("the audit trail is broken at event {seq}, and is not signed: {why}")).into()
}

fn resumed(newest: Option<&CheckpointRow>) -> Result<At, Failure> {
    let Some(row) = newest else {
        return Ok(At { size: 0, tree: Tree::default(), chain: START.to_vec(), postings: (0, postings::START) });
    };
    let tree = Tree::of(row.size.unsigned_abs(), &row.peaks).filter(|tree| tree.root().as_slice() == row.root);
    let digest = <Hash>::try_from(row.postings.as_slice()).ok();
    match (tree, digest) {
        (Some(tree), Some(digest)) => Ok(At { size: row.size, tree, chain: row.chain.clone(), postings: (row.posting_no, digest) }),
        _ => Err(broken(row.size, "its checkpoint was changed")),
    }
}

/// Takes in the next piece: whole transactions of it, so that each posting is among the events that tell of it.
async fn advance(read: &mut impl Reader, head: &Head, at: &mut At) -> Result<(), Failure> {
    let (target, mut last, mut named) = (head.seq.min(at.size + PIECE), None, Named::default());
    'piece: while at.size < head.seq {
        let events = audit_log::after(read, at.size, BATCH.min(head.seq - at.size)).await?;
        if events.is_empty() {
            return Err(broken(at.size + 1, "it is missing"));
        }
        for event in events {
            if at.size >= target && last != Some(event.at) {
                break 'piece;
            }
            let (leaf, chain) = link(head, at.size + 1, &at.chain, &event).map_err(|why| broken(at.size + 1, &why))?;
            named.hear(&event).map_err(|why| broken(event.seq, &why))?;
            at.tree.push(leaf);
            (at.size, at.chain, last) = (event.seq, chain.to_vec(), Some(event.at));
        }
    }
    let (mut stranger, whole) = (None, at.size == head.seq);
    at.postings = kept::digest(read, at.postings, |row, _| {
        let known = named.take(row);
        stranger = (!known).then_some(row.id);
        known
    })
    .await?;
    // Before the end of the trail, the next piece tells of it.
    let unnamed = stranger.filter(|_| whole).map(|id| format!("no event tells of {id}, or of another amount"));
    match unnamed.or_else(|| named.left()) {
        Some(why) => Err(broken(at.size, &why)),
        None => Ok(()),
    }
}

/// Hexadecimal SHA-256 over the list of migrations: `version checksum` and a line break for each.
pub(super) async fn schema(read: &mut impl Reader) -> Result<String, DbError> {
    let list: String = kept::schema(read).await?.iter().map(|(version, checksum)| format!("{version} {checksum}\n")).collect();
    Ok(hex(&Sha256::digest(list.as_bytes())))
}

/// Signs what has happened since the last checkpoint, at most a piece of it; how many events that were. Somebody else may have been faster, and
/// then it is nothing.
pub async fn make(store: &Store, signer: &Signer) -> Result<i64, Failure> {
    let mut read = store.read().await?;
    let Some(head) = audit_log::stated_head(&mut read).await? else { return Err(broken(0, "its head is missing")) };
    let newest = kept::newest(&mut read).await?;
    let before = newest.as_ref().map_or(0, |row| row.size);
    if head.seq <= before || store.is_held() || settings::get(&mut read, settings::AUDIT_HELD).await?.is_some() {
        return Ok(0);
    }
    let mut at = resumed(newest.as_ref())?;
    advance(&mut read, &head, &mut at).await?;
    if at.size == head.seq && at.chain != head.chain {
        return Err(broken(at.size, "the head of the trail says something else"));
    }
    let made = Checkpoint {
        origin: origin(&head.log_id),
        size: at.size,
        root: at.tree.root(),
        chain: at.chain.as_slice().try_into().unwrap_or(START),
        postings: at.postings,
        schema: schema(&mut read).await?,
        program: PROGRAM.to_owned(),
        at: store.now(),
    };
    drop(read);
    let (note, public, tree) = (note::sign(&made.text(), &[signer]), signer.public().to_string(), at.tree);
    let written = store.write(Intent::once(Actor::system("job"), "audit.checkpoint"), move |tx| {
        let (made, tree, note, public) = (made.clone(), tree.clone(), note.clone(), public.clone());
        Box::pin(async move {
            if kept::newest(tx).await?.map_or(0, |row| row.size) != before {
                return Ok(0);
            }
            if kept::key(tx).await?.as_ref() != Some(&public) {
                return Err(Refusal::State("another key signs the trail by now".to_owned()).into());
            }
            kept::insert(tx, &made, &tree, public, note).await?;
            Ok(made.size - before)
        })
    });
    written.await
}

/// Signs everything that is not signed yet.
pub async fn catch_up(store: &Store, signer: &Signer) -> Result<i64, Failure> {
    let mut all = 0;
    loop {
        match make(store, signer).await? {
            0 => return Ok(all),
            some => all += some,
        }
    }
}
