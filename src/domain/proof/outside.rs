//! What somebody brings along who wants a proof: keys and checkpoints that she has from somewhere else than the database.

use std::collections::BTreeMap;

use super::checkpoint::Checkpoint;
use super::note::{Note, PublicKey, Signed};
use super::testimony::{Testimony, handing_over};
use crate::domain::audit::Hash;
use crate::domain::time::Instant;

/// See the module.
#[derive(Clone, Debug, Default)]
pub struct Outside {
    /// Public keys.
    pub keys: Vec<PublicKey>,
    /// Signed notes: checkpoints, and keys that hand over.
    pub anchors: Vec<Note>,
}

/// What the tree and the chain were when the trail had so many events; nothing where it never had.
pub type Marks = BTreeMap<i64, Option<(Hash, Hash)>>;

/// What the checkpoints from outside say of a trail.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Compared {
    /// The newest one that agrees: how many events it covers, when it was made.
    pub anchored: Option<(i64, Instant)>,
    /// How many contradict the trail, are signed by no key that is vouched for, and are not excused; and the most events that one covers.
    pub not_counted: Option<(usize, i64)>,
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
            if said && keys.contains(&from) && !keys.contains(&to) && note.by(&from) == Signed::Yes && note.by(&to) == Signed::Yes {
                keys.push(to);
            }
        }
        keys
    }

    /// The checkpoints of this trail, the largest first.
    pub fn of(&self, origin: &str) -> Vec<(&Note, Checkpoint)> {
        let parsed = self.anchors.iter().filter_map(|note| Some((note, Checkpoint::parse(&note.text)?)));
        let mut own: Vec<_> = parsed.filter(|(_, made)| made.origin == origin).collect();
        own.sort_by_key(|(_, made)| std::cmp::Reverse((made.size, made.at)));
        own
    }

    /// Compares them with a trail of `events` events. A signature is looked at only where something hangs on it: in those that contradict, and in
    /// those that agree until one is good.
    ///
    /// # Errors
    /// The first event that cannot be what a checkpoint of a trusted key says, and why.
    pub fn compared(&self, origin: &str, events: i64, marks: &Marks, testimony: &Testimony) -> Result<Compared, (i64, String)> {
        let mut trusted = self.vouching(origin);
        trusted.extend(testimony.keys.iter().filter(|known| known.trusted).map(|known| known.key.clone()));
        let counts = |note: &Note| trusted.iter().any(|key| note.by(key) == Signed::Yes);
        let mut compared = Compared::default();
        let mut contradicts: Option<Checkpoint> = None;
        for (note, made) in self.of(origin) {
            if marks.get(&made.size).copied().flatten() == Some((made.root, made.chain)) {
                if compared.anchored.is_none() && counts(note) {
                    compared.anchored = Some((made.size, made.at));
                }
            } else if testimony.excuses(&made) {
                // Somebody has accepted that this is gone, and that is on record.
            } else if counts(note) {
                contradicts = Some(made);
            } else {
                let (count, most) = compared.not_counted.unwrap_or_default();
                compared.not_counted = Some((count + 1, most.max(made.size)));
            }
        }
        // The smallest of them, which came last: whatever is wrong is wrong from there on.
        let Some(made) = contradicts else { return Ok(compared) };
        let on = made.at.iso();
        if made.size > events {
            let words = format!("the trail ends at event {events}, and {} were anchored on {on}", made.size);
            return Err((events + 1, format!("{words}: an older database was put back, or the end was cut off")));
        }
        let agrees = |one: &Checkpoint| marks.get(&one.size).copied().flatten() == Some((one.root, one.chain));
        let before = self.of(origin).into_iter().find(|(note, one)| one.size < made.size && agrees(one) && counts(note));
        let from = before.map_or(0, |(_, one)| one.size) + 1;
        Err((from, format!("something up to event {} is not what was anchored on {on}", made.size)))
    }
}
