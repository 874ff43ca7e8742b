//! What the trail says of itself: which keys signed it, and what was lost by restores that somebody accepted.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::checkpoint::Checkpoint;
use super::note::{Note, PublicKey, Signed};
use crate::domain::time::Instant;

/// The action of the event with which a trail's first key begins.
pub const BEGUN: &str = "audit.key_begun";
/// The action of the event with which one key hands over to the next, signed by both.
pub const ROTATED: &str = "audit.key_rotated";
/// The action of the event that says that a key was lost, and which one follows. Nothing but the new key's owner vouches for it.
pub const REPLACED: &str = "audit.key_replaced";
/// The action of the event that says that an older database was put in place of a newer one, and accepted: signed by the key in use then.
pub const RESTORED: &str = "audit.restore_accepted";
/// All of them.
pub const ACTIONS: [&str; 4] = [BEGUN, ROTATED, REPLACED, RESTORED];

/// The text that two keys sign when one hands over to the other.
pub fn handing_over(origin: &str, from: &str, to: &str) -> String {
    format!("{origin}\nkey\nfrom {from}\nto {to}\n")
}

/// What is gone: the events after `kept_to`, up to `lost_to`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lost {
    /// The newest event that is known to be still there.
    pub kept_to: i64,
    /// The newest event that is known to have been there.
    pub lost_to: i64,
    /// When the newest checkpoint was made that is gone with them. What was signed later was signed over the trail as it went on from there.
    pub until: Instant,
}

impl Lost {
    /// The text that is signed when somebody accepts it.
    pub fn text(&self, origin: &str) -> String {
        format!("{origin}\nrestore\nkept_to {}\nlost_to {}\nuntil {}\n", self.kept_to, self.lost_to, self.until.0)
    }

    /// Reads exactly what [`Lost::text`] writes, of a trail that has no more than `events` yet.
    fn parse(text: &str, origin: &str, events: i64) -> Option<Self> {
        let mut lines = text.lines().skip(2);
        let mut next = |word: &str| lines.next()?.strip_prefix(word)?.parse().ok();
        let lost = Self { kept_to: next("kept_to ")?, lost_to: next("lost_to ")?, until: Instant(next("until ")?) };
        (lost.text(origin) == text && 0 <= lost.kept_to && lost.kept_to < events && lost.is_known()).then_some(lost)
    }

    /// Whether this checkpoint is gone with it.
    pub fn covers(&self, made: &Checkpoint) -> bool {
        self.kept_to < made.size && made.size <= self.lost_to && made.at <= self.until
    }

    /// Whether anything is known of it but that there was one.
    pub fn is_known(&self) -> bool {
        self.kept_to < self.lost_to
    }

    /// Both losses as one.
    #[must_use]
    pub fn with(self, other: Self) -> Self {
        Self { kept_to: self.kept_to.min(other.kept_to), lost_to: self.lost_to.max(other.lost_to), until: self.until.max(other.until) }
    }
}

/// A key that the trail says it was signed with.
#[derive(Clone, Debug)]
pub struct Known {
    /// The event that says so.
    pub seq: i64,
    /// The key.
    pub key: PublicKey,
    /// Whether somebody outside vouches for it, by itself or through the keys before it.
    pub trusted: bool,
}

/// What was heard so far.
#[derive(Clone, Debug)]
pub struct Testimony {
    origin: String,
    pinned: Vec<PublicKey>,
    /// The keys, in the order in which they signed.
    pub keys: Vec<Known>,
    /// What was lost, and whether the key that accepted it is trusted.
    lost: Vec<(Lost, bool)>,
}

impl Testimony {
    /// Of a trail of which nothing was read yet; `pinned` are the keys that somebody outside vouches for.
    pub fn new(origin: &str, pinned: &[PublicKey]) -> Self {
        Self { origin: origin.to_owned(), pinned: pinned.to_vec(), keys: Vec::new(), lost: Vec::new() }
    }

    /// Takes in the next event of an audit object; what is wrong with it.
    pub fn hear(&mut self, seq: i64, action: &str, body: &[u8]) -> Result<(), String> {
        if !ACTIONS.contains(&action) {
            return Ok(());
        }
        let body: Value = serde_json::from_slice(body).unwrap_or_default();
        let word = |name: &str| body["detail"][name].as_str().unwrap_or_default();
        let last = self.keys.last();
        if action == RESTORED {
            let accepted = Note::parse(word("note")).zip(last).filter(|(note, known)| note.by(&known.key) == Signed::Yes);
            let lost = accepted.and_then(|(note, known)| Some((Lost::parse(&note.text, &self.origin, seq)?, known.trusted)));
            self.lost.extend(lost);
            return Ok(());
        }
        let (key, from) = if action == BEGUN { (word("key"), "") } else { (word("to"), word("from")) };
        if last.map(|known| known.key.to_string()).unwrap_or_default() != from {
            return Err("it replaces a key that is not the one in use".to_owned());
        }
        let parsed = PublicKey::parse(key).filter(|parsed| parsed.name == self.origin && parsed.to_string() == key);
        let parsed = parsed.ok_or("it names no key of this trail")?;
        let mut trusted = self.pinned.contains(&parsed);
        if action == ROTATED {
            let note = Note::parse(word("note")).filter(|note| note.text == handing_over(&self.origin, from, key));
            let by = |key: &PublicKey| note.as_ref().is_some_and(|note| note.by(key) == Signed::Yes);
            if !(by(&parsed) && last.is_some_and(|old| by(&old.key))) {
                return Err("the new key is not signed by itself and by the one before".to_owned());
            }
            trusted |= last.is_some_and(|old| old.trusted);
        }
        self.keys.push(Known { seq, key: parsed, trusted });
        Ok(())
    }

    /// The key in use, in its text form.
    pub fn in_use(&self) -> Option<String> {
        self.keys.last().map(|known| known.key.to_string())
    }

    /// What was lost, as the key in use then has signed it.
    pub fn lost(&self) -> Vec<(i64, i64)> {
        self.lost.iter().map(|(lost, _)| (lost.kept_to, lost.lost_to)).collect()
    }

    /// Whether somebody has accepted, signed by a trusted key, that this checkpoint is gone.
    pub fn excuses(&self, made: &Checkpoint) -> bool {
        self.lost.iter().any(|(lost, trusted)| *trusted && lost.covers(made))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_loss_is_read_as_it_was_signed_and_no_other_is() {
        let lost = Lost { kept_to: 5, lost_to: 9, until: Instant(7) };
        let text = lost.text("o");
        assert_eq!(Lost::parse(&text, "o", 6), Some(lost));
        assert_eq!(Lost::parse(&text, "other", 6), None);
        assert_eq!(Lost::parse(&text, "o", 5), None, "it keeps itself");
        for (was, is) in [("kept_to 5", "kept_to -1"), ("kept_to 5", "kept_to +5"), ("lost_to 9", "lost_to 5"), ("until 7", "until 07")] {
            assert_eq!(Lost::parse(&text.replacen(was, is, 1), "o", 6), None, "{is}");
        }
        let far = Lost { kept_to: i64::MAX, lost_to: i64::MAX, until: Instant(7) };
        assert_eq!(Lost::parse(&far.text("o"), "o", i64::MAX), None);
    }
}
