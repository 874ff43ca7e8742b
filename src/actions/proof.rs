//! The proof of the audit trail: the walk along the chain, held against everything that was signed and against what was noted outside.
//!
//! What it proves (`security.md` 5.3): with a public key from outside the database, every change of what a checkpoint covers; with an anchor, that
//! nothing up to it was taken back, whoever did it and whatever keys he holds. What the newest checkpoint does not cover yet can be chained afresh
//! by whoever can write the database.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde_json::Value;
use tokio::sync::mpsc;

use super::audit::{Verdict, at_the_end, link};
use super::audit_keys::{BEGUN, REPLACED, ROTATED, handing_over};
use crate::domain::audit::{Hash, START};
use crate::domain::proof::checkpoint::{Checkpoint, hex, origin};
use crate::domain::proof::merkle::Tree;
use crate::domain::proof::note::{Note, PublicKey, Signed, Signer};
use crate::domain::proof::postings;
use crate::domain::time::Instant;
use crate::store::Store;
use crate::store::audit_log::{self, Head, Kept};
use crate::store::bulk_audit;
use crate::store::check;
use crate::store::checkpoints::{self, CheckpointRow};
use crate::store::db::Reader;
use crate::store::failure::DbError;

/// How many events are read at once.
const BATCH: i64 = 1_000;
/// The action of the event that says that an older database was put in place of a newer one, and accepted.
pub const RESTORED: &str = "audit.restore_accepted";

/// What somebody brings along who wants a proof.
#[derive(Clone, Debug, Default)]
pub struct Outside {
    /// Public keys that she has from somewhere else than the database.
    pub keys: Vec<PublicKey>,
    /// Checkpoints that were noted outside.
    pub anchors: Vec<Note>,
}

impl Outside {
    /// The keys that vouch for a trail: those that were brought along, and those that they have handed over to, as far as that was noted outside.
    /// An older database knows nothing of a newer key.
    pub fn vouching(&self, origin: &str) -> Vec<PublicKey> {
        let mut keys = self.keys.clone();
        for note in &self.anchors {
            let mut lines = note.text.lines().skip(2);
            let mut next = |word: &str| lines.next()?.strip_prefix(word).and_then(PublicKey::parse);
            let (Some(from), Some(to)) = (next("from "), next("to ")) else { continue };
            let said = note.text == handing_over(origin, &from.to_string(), &to.to_string());
            if said && keys.contains(&from) && note.by(&from) == Signed::Yes && note.by(&to) == Signed::Yes {
                keys.push(to);
            }
        }
        keys
    }
}

/// Where the portal itself keeps what it brings along.
#[derive(Clone, Debug, Default)]
pub struct Places {
    /// The file of the key that signs.
    pub key: Option<PathBuf>,
    /// Files that checkpoints were noted in.
    pub anchors: Vec<PathBuf>,
}

impl Places {
    /// What can be read there; what cannot is as good as not there.
    pub fn outside(&self) -> Outside {
        let read = |file: &PathBuf| std::fs::read(file).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).ok();
        let signer = self.key.as_ref().and_then(read).and_then(|text| Signer::parse(&text));
        Outside {
            keys: signer.map(|signer| signer.public().clone()).into_iter().collect(),
            anchors: self.anchors.iter().filter_map(read).flat_map(|text| Note::all(&text)).collect(),
        }
    }
}

/// What was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proof {
    /// The verdict.
    pub verdict: Verdict,
    /// How many checkpoints there are.
    pub checkpoints: i64,
    /// The newest one that a key from outside vouches for: how many events it covers, when it was made.
    pub signed: Option<(i64, Instant)>,
    /// The newest one that was found outside as well.
    pub anchored: Option<(i64, Instant)>,
    /// Ranges of events that are gone because a restore was accepted: (last one kept, last one lost).
    pub lost: Vec<(i64, i64)>,
}

/// A key that the trail says it was signed with.
struct Known {
    seq: i64,
    key: PublicKey,
    trusted: bool,
}

/// A fault: the event's number, and what is wrong.
type Fault = (i64, String);

struct Walk<'o> {
    head: Head,
    origin: String,
    outside: &'o Outside,
    seq: i64,
    chain: Hash,
    tree: Tree,
    /// The last event up to which something signed agreed.
    agreed: i64,
    keys: Vec<Known>,
    checkpoints: i64,
    newest: Option<CheckpointRow>,
    signed: Option<(i64, Instant)>,
    lost: Vec<(i64, i64)>,
    /// What stands in anchors: by size, each with the root and the chain value found there.
    anchors: BTreeMap<i64, Option<(Hash, Hash)>>,
}

/// Proves the trail as far as it can be proved. `progress` is told (events walked, events there should be).
pub async fn prove(read: &mut impl Reader, outside: &Outside, progress: impl FnMut(i64, i64)) -> Result<Proof, DbError> {
    of(read, None, outside, progress).await
}

/// The same of a store, in the quickest way that its engine has.
pub async fn of_store(store: &Store, outside: &Outside, progress: impl FnMut(i64, i64)) -> Result<Proof, DbError> {
    let mut read = store.read().await?;
    let last = audit_log::stated_head(&mut read).await?.map_or(0, |head| head.seq);
    // Read beside the snapshot, and only as far as it reaches: up to there a trail that is added to stays as it is.
    let ahead = bulk_audit::events(store.pools(), last);
    of(&mut read, ahead, outside, progress).await
}

/// Events that are read ahead.
type Ahead = mpsc::Receiver<Result<Vec<Kept>, DbError>>;

async fn of(read: &mut impl Reader, ahead: Option<Ahead>, outside: &Outside, mut progress: impl FnMut(i64, i64)) -> Result<Proof, DbError> {
    let Some(head) = audit_log::stated_head(read).await? else {
        let verdict = Verdict::Broken { seq: 0, why: "the head of the trail is missing".to_owned() };
        return Ok(Proof { verdict, checkpoints: 0, signed: None, anchored: None, lost: Vec::new() });
    };
    let mut walk = Walk::begin(head, outside);
    let fault = match walk.events(read, ahead, &mut progress).await? {
        Some(fault) => Some(fault),
        None => walk.after_the_events(read).await?,
    };
    Ok(walk.end(fault))
}

impl<'o> Walk<'o> {
    fn begin(head: Head, outside: &'o Outside) -> Self {
        let origin = origin(&head.log_id);
        let sizes = outside.anchors.iter().filter_map(|note| Checkpoint::parse(&note.text)).filter(|one| one.origin == origin);
        Self {
            anchors: sizes.map(|one| (one.size, None)).collect(),
            head,
            origin,
            outside,
            seq: 0,
            chain: START,
            tree: Tree::default(),
            agreed: 0,
            keys: Vec::new(),
            checkpoints: 0,
            newest: None,
            signed: None,
            lost: Vec::new(),
        }
    }

    async fn events(
        &mut self,
        read: &mut impl Reader,
        mut ahead: Option<Ahead>,
        progress: &mut impl FnMut(i64, i64),
    ) -> Result<Option<Fault>, DbError> {
        let mut waiting = checkpoints::after(read, i64::MIN, BATCH).await?.into_iter().peekable();
        loop {
            let events = match &mut ahead {
                Some(batches) => batches.recv().await.unwrap_or(Ok(Vec::new()))?,
                None => audit_log::after(read, self.seq, BATCH).await?,
            };
            if events.is_empty() {
                // Whatever comes after the head is only seen in the snapshot.
                if ahead.take().is_none() {
                    break;
                }
                continue;
            }
            for event in events {
                if let Err(fault) = self.event(&event) {
                    return Ok(Some(fault));
                }
                while let Some(row) = waiting.next_if(|row| row.size <= self.seq) {
                    let size = row.size;
                    if let Err(fault) = self.checkpoint(row) {
                        return Ok(Some(fault));
                    }
                    if waiting.peek().is_none() {
                        waiting = checkpoints::after(read, size, BATCH).await?.into_iter().peekable();
                    }
                }
            }
            progress(self.seq, self.head.seq);
        }
        if audit_log::before_first(read).await? {
            return Ok(Some((0, "there is an event before the first".to_owned())));
        }
        let beyond = waiting.next().map(|row| {
            let words = format!("the trail ends at event {}, and a checkpoint covers {}: the end was cut off", self.seq, row.size);
            (self.seq + 1, words)
        });
        Ok(beyond)
    }

    fn event(&mut self, event: &Kept) -> Result<(), Fault> {
        let (leaf, chain) = link(&self.head, self.seq + 1, &self.chain, event).map_err(|why| (self.seq + 1, why))?;
        (self.seq, self.chain) = (event.seq, chain);
        self.tree.push(leaf);
        if event.object_kind == "audit" {
            self.told(event).map_err(|why| (event.seq, why))?;
        }
        if let Some(found) = self.anchors.get_mut(&self.seq) {
            *found = Some((self.tree.root(), chain));
        }
        Ok(())
    }

    /// What the trail says of its own keys, and of what it lost.
    fn told(&mut self, event: &Kept) -> Result<(), String> {
        let body: Value = serde_json::from_slice(&event.body).unwrap_or_default();
        let word = |name: &str| body.pointer(&format!("/detail/{name}")).and_then(Value::as_str).unwrap_or_default();
        let pinned = |key: &PublicKey| self.outside.keys.contains(key);
        let (key, from) = match event.action.as_str() {
            RESTORED => {
                self.lost.extend(word("kept_to").parse().ok().zip(word("lost_to").parse().ok()));
                return Ok(());
            }
            BEGUN => (word("key"), ""),
            ROTATED | REPLACED => (word("to"), word("from")),
            _ => return Ok(()),
        };
        let last = self.keys.last();
        if last.map(|known| known.key.to_string()).unwrap_or_default() != from {
            return Err("it replaces a key that is not the one in use".to_owned());
        }
        let key = PublicKey::parse(key).filter(|key| key.name == self.origin).ok_or("it names no key of this trail")?;
        let mut trusted = pinned(&key);
        if event.action == ROTATED {
            let text = handing_over(&self.origin, from, &key.to_string());
            let note = Note::parse(word("note")).filter(|note| note.text == text);
            let by = |key: &PublicKey| note.as_ref().is_some_and(|note| note.by(key) == Signed::Yes);
            if !(by(&key) && last.is_some_and(|old| by(&old.key))) {
                return Err("the new key is not signed by itself and by the one before".to_owned());
            }
            trusted |= last.is_some_and(|old| old.trusted);
        }
        self.keys.push(Known { seq: event.seq, key, trusted });
        Ok(())
    }

    fn checkpoint(&mut self, row: CheckpointRow) -> Result<(), Fault> {
        let here = |why: &str| (row.size, format!("the checkpoint there {why}"));
        let Some(known) = self.keys.last() else { return Err(here("was made before the trail had a key")) };
        let note = Note::parse(&row.note).ok_or_else(|| here("is no signed note"))?;
        let made = Checkpoint::parse(&note.text).ok_or_else(|| here("is none that can be read"))?;
        if note.by(&known.key) != Signed::Yes || row.public_key != known.key.to_string() || made.origin != self.origin {
            return Err(here("is not signed with the trail\u{2019}s key"));
        }
        let copies = (made.size, made.at, &made.root[..], &made.chain[..], made.postings.0, &made.postings.1[..]);
        if copies != (row.size, row.at, &row.root[..], &row.chain[..], row.posting_no, &row.postings[..]) {
            return Err(here("says something else than its note"));
        }
        if made.size != self.seq || made.root != self.tree.root() || made.chain != self.chain {
            let words = format!("something up to event {} is not what was signed, and was chained afresh", row.size);
            return Err((self.agreed + 1, words));
        }
        if row.peaks != self.tree.peaks() {
            return Err(here("has other peaks than its tree"));
        }
        if known.trusted {
            self.signed = Some((made.size, made.at));
        }
        (self.agreed, self.checkpoints) = (made.size, self.checkpoints + 1);
        self.newest = Some(row);
        Ok(())
    }

    /// What is seen only with the whole trail in view: its end, its keys, the ledger.
    async fn after_the_events(&mut self, read: &mut impl Reader) -> Result<Option<Fault>, DbError> {
        if let Verdict::Broken { seq, why } = at_the_end(&self.head, self.seq, &self.chain) {
            return Ok(Some((seq, why)));
        }
        if checkpoints::key(read).await? != self.keys.last().map(|known| known.key.to_string()) {
            return Ok(Some((self.seq, "the key in use is not the one that the trail names".to_owned())));
        }
        if let (Some(first), false) = (self.keys.first(), self.outside.keys.is_empty() || self.keys.iter().any(|known| known.trusted)) {
            return Ok(Some((first.seq, "it is signed with another key than the one that was given".to_owned())));
        }
        if let Some(newest) = &self.newest {
            let (no, digest) = checkpoints::digest(read, (0, postings::START), newest.posting_no).await?;
            if (no, &digest[..]) != (newest.posting_no, &newest.postings[..]) {
                return Ok(Some((newest.size, "the postings up to there are not those that were signed".to_owned())));
            }
        }
        let budget = check::unbalanced(read).await?;
        Ok(budget.map(|budget| (self.seq, format!("the figures of {budget} are not the sum of its postings"))))
    }

    /// The newest anchor that agrees; a fault where one does not.
    fn anchored(&self) -> Result<Option<(i64, Instant)>, Fault> {
        let mut trusted = self.outside.vouching(&self.origin);
        trusted.extend(self.keys.iter().filter(|known| known.trusted).map(|known| known.key.clone()));
        let mut anchored = None;
        for note in &self.outside.anchors {
            let Some(made) = Checkpoint::parse(&note.text).filter(|made| made.origin == self.origin) else { continue };
            if !trusted.iter().any(|key| note.by(key) == Signed::Yes) {
                continue;
            }
            let agrees = self.anchors.get(&made.size).copied().flatten() == Some((made.root, made.chain));
            if agrees {
                anchored = anchored.max(Some((made.size, made.at)));
            } else if self.lost.iter().any(|(kept, lost)| (*kept + 1..=*lost).contains(&made.size)) {
                // Somebody has accepted that this is gone, and that is on record.
            } else if made.size > self.seq {
                let words = format!(
                    "the trail ends at event {}, and {} were anchored on {}: an older database was put back, or the end was cut off",
                    self.seq,
                    made.size,
                    made.at.iso()
                );
                return Err((self.seq + 1, words));
            } else {
                let before = anchored.map_or(0, |(size, _)| size);
                return Err((before + 1, format!("something up to event {} is not what was anchored on {}", made.size, made.at.iso())));
            }
        }
        Ok(anchored)
    }

    fn end(self, fault: Option<Fault>) -> Proof {
        let anchored = self.anchored();
        let (events, head) = (self.seq, hex(&self.chain));
        let not_proven = |why: &str| Verdict::NotProven { events, head: head.clone(), why: why.to_owned() };
        let verdict = match (fault, &anchored) {
            (Some((seq, why)), _) => Verdict::Broken { seq, why },
            (None, Err((seq, why))) => Verdict::Broken { seq: *seq, why: why.clone() },
            (None, Ok(_)) if self.keys.is_empty() => not_proven("nothing of it is signed"),
            (None, Ok(_)) if self.outside.keys.is_empty() => not_proven("no public key from outside the database was given"),
            (None, Ok(_)) if self.signed.is_none() => not_proven("nothing is signed by the key that was given"),
            (None, Ok(None)) => not_proven("it is not anchored: nothing outside the database knows how long it is"),
            (None, Ok(Some(_))) => Verdict::Ok { events, head },
        };
        Proof { verdict, checkpoints: self.checkpoints, signed: self.signed, anchored: anchored.unwrap_or(None), lost: self.lost }
    }
}
