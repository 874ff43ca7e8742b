//! The proof of the audit trail: the walk along the chain, held against everything that was signed and against what was noted outside.
//!
//! What it proves (`security.md` 5.3): with a public key from outside the database, every change of what a checkpoint covers; with an anchor, that
//! nothing up to it was taken back, whoever did it and whatever keys he holds. What the newest checkpoint does not cover yet can be chained afresh
//! by whoever can write the database.

use tokio::sync::mpsc;

use super::audit::{Verdict, at_the_end, link};
use super::checkpoints::{EVENTS, SECONDS};
use super::proof_ledger::Named;
use crate::domain::audit::{Hash, START};
use crate::domain::proof::checkpoint::{Checkpoint, origin};
use crate::domain::proof::merkle::Tree;
use crate::domain::proof::note::{Note, Signed};
use crate::domain::proof::once;
use crate::domain::proof::outside::{Compared, Marks, Outside};
use crate::domain::proof::testimony::Testimony;
use crate::domain::text::hex;
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
/// More events than this, or events over more seconds, that no trusted key has signed are no tail but a trail of their own: twice what makes a
/// checkpoint due, so that one that is just being made is no alarm.
const TAIL: (i64, i64) = (2 * EVENTS, 2 * SECONDS);

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
    /// How many checkpoints from outside contradict the trail and were not counted, because nobody vouches for the key that signed them.
    pub not_counted: usize,
    /// Ranges of events that are gone because a restore was accepted: (last one kept, last one lost).
    pub lost: Vec<(i64, i64)>,
}

/// The events that no trusted key has signed: how many, the earliest and the latest moment.
#[derive(Default)]
struct Tail {
    events: i64,
    span: Option<(Instant, Instant)>,
}

impl Tail {
    fn push(&mut self, at: Instant) {
        self.events += 1;
        let (first, last) = self.span.unwrap_or((at, at));
        self.span = Some((first.min(at), last.max(at)));
    }

    fn is_long(&self) -> bool {
        self.events > TAIL.0 || self.span.is_some_and(|(first, last)| first.plus_seconds(TAIL.1) < last)
    }
}

/// The most bodies that are looked at again because nothing signed vouches for them; a trail with more is not proven in any case.
const UNSIGNED_MOST: usize = 2_000;

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
    testimony: Testimony,
    named: Named,
    checkpoints: i64,
    newest: Option<CheckpointRow>,
    signed: Option<(i64, Instant)>,
    tail: Tail,
    /// The bodies after the last checkpoint, as many as may be there at most: nothing signed says that they are as the portal seals them.
    unsigned: Vec<(i64, Vec<u8>)>,
    marks: Marks,
}

/// Proves the trail of a store as far as it can be proved, in the quickest way that its engine has. `progress` is told (events walked, events there
/// should be).
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
        return Ok(Proof { verdict, checkpoints: 0, signed: None, anchored: None, not_counted: 0, lost: Vec::new() });
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
        Self {
            marks: outside.of(&origin).into_iter().map(|(_, made)| (made.size, None)).collect(),
            testimony: Testimony::new(&origin, &outside.keys),
            head,
            origin,
            outside,
            seq: 0,
            chain: START,
            tree: Tree::default(),
            agreed: 0,
            named: Named::default(),
            checkpoints: 0,
            newest: None,
            signed: None,
            tail: Tail::default(),
            unsigned: Vec::new(),
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
            self.testimony.hear(event.seq, &event.action, &event.body).map_err(|why| (event.seq, why))?;
        }
        self.named.hear(event).map_err(|why| (event.seq, why))?;
        self.tail.push(event.at);
        if self.unsigned.len() <= UNSIGNED_MOST {
            self.unsigned.push((event.seq, event.body.clone()));
        }
        if let Some(found) = self.marks.get_mut(&self.seq) {
            *found = Some((self.tree.root(), chain));
        }
        Ok(())
    }

    fn checkpoint(&mut self, row: CheckpointRow) -> Result<(), Fault> {
        let here = |why: &str| (row.size, format!("the checkpoint there {why}"));
        let Some(known) = self.testimony.keys.last() else { return Err(here("was made before the trail had a key")) };
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
            (self.signed, self.tail) = (Some((made.size, made.at)), Tail::default());
        }
        self.unsigned.clear();
        (self.agreed, self.checkpoints) = (made.size, self.checkpoints + 1);
        self.newest = Some(row);
        Ok(())
    }

    /// What is seen only with the whole trail in view: its end, its keys, the ledger.
    async fn after_the_events(&mut self, read: &mut impl Reader) -> Result<Option<Fault>, DbError> {
        if let Verdict::Broken { seq, why } = at_the_end(&self.head, self.seq, &self.chain) {
            return Ok(Some((seq, why)));
        }
        if let Some((seq, why)) = self.unsigned.iter().find_map(|(seq, body)| Some((*seq, once::doubled(body)?))) {
            return Ok(Some((seq, format!("its body says nothing certain: {why}"))));
        }
        if checkpoints::key(read).await? != self.testimony.in_use() {
            return Ok(Some((self.seq, "the key in use is not the one that the trail names".to_owned())));
        }
        let keys = &self.testimony.keys;
        if let (Some(first), false) = (keys.first(), self.outside.keys.is_empty() || keys.iter().any(|known| known.trusted)) {
            return Ok(Some((first.seq, "it is signed with another key than the one that was given".to_owned())));
        }
        let signed = self.newest.as_ref().map(|row| (row.posting_no, row.postings.as_slice()));
        if let Some(why) = self.named.held_against(read, signed).await? {
            return Ok(Some((self.seq, why)));
        }
        let budget = check::unbalanced(read).await?;
        Ok(budget.map(|budget| (self.seq, format!("the figures of {budget} are not the sum of its postings"))))
    }

    fn end(self, fault: Option<Fault>) -> Proof {
        let compared = self.outside.compared(&self.origin, self.seq, &self.marks, &self.testimony);
        let (events, head) = (self.seq, hex(&self.chain));
        let lacking = |compared: &Compared| match self.lacking(compared) {
            Some(why) => Verdict::NotProven { events, head: head.clone(), why },
            None => Verdict::Ok { events, head: head.clone() },
        };
        let verdict = match (fault, &compared) {
            (Some((seq, why)), _) => Verdict::Broken { seq, why },
            (None, Err((seq, why))) => Verdict::Broken { seq: *seq, why: why.clone() },
            (None, Ok(compared)) => lacking(compared),
        };
        let Compared { anchored, not_counted } = compared.unwrap_or_default();
        let (lost, not_counted) = (self.testimony.lost(), not_counted.map_or(0, |(count, _)| count));
        Proof { verdict, checkpoints: self.checkpoints, signed: self.signed, anchored, not_counted, lost }
    }

    /// What is missing for a proof, where nothing is wrong.
    fn lacking(&self, compared: &Compared) -> Option<String> {
        let Some(known) = self.testimony.keys.last() else { return Some("nothing of it is signed".to_owned()) };
        if self.outside.keys.is_empty() {
            return Some("no public key from outside the database was given".to_owned());
        }
        let Some((signed, _)) = self.signed else { return Some("nothing is signed by the key that was given".to_owned()) };
        if self.newest.as_ref().is_some_and(|row| row.size > signed) || !known.trusted {
            return Some(format!("after event {signed} another key signs than the one that was given"));
        }
        if self.tail.is_long() {
            return Some(format!("{} events after event {signed} are not signed", self.tail.events));
        }
        if let Some((count, most)) = compared.not_counted {
            let words = format!("{count} checkpoints from outside, up to event {most}, contradict it and were not counted");
            return Some(format!("{words}: none of the keys that were given, nor one that they handed over to, has signed them"));
        }
        compared.anchored.is_none().then(|| "it is not anchored: nothing outside the database knows how long it is".to_owned())
    }
}
