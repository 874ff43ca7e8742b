//! Checkpoints: what a signature stands for, in the form of c2sp.org/tlog-checkpoint. Its lines after the third are ours.

use super::note::{base64, from_base64};
use crate::domain::audit::Hash;
use crate::domain::text::hex;
use crate::domain::time::Instant;

/// All that was true of the trail and the ledger at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// Which log: `counterfoil/` and its id.
    pub origin: String,
    /// How many events it covers.
    pub size: i64,
    /// The hash of the tree over their leaves.
    pub root: Hash,
    /// The chain value of the last of them.
    pub chain: Hash,
    /// The number of the last posting then, and the digest over all up to it.
    pub postings: (i64, Hash),
    /// Hexadecimal SHA-256 over the list of migrations.
    pub schema: String,
    /// The program and its version.
    pub program: String,
    /// When it was made.
    pub at: Instant,
}

/// The origin of a log.
pub fn origin(log_id: &[u8]) -> String {
    format!("counterfoil/{}", hex(log_id))
}

/// The reverse of [`hex`], for a hash.
pub fn from_hex(text: &str) -> Option<Hash> {
    let digits = text.as_bytes();
    if digits.len() != 64 || !digits.iter().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f')) {
        return None;
    }
    let mut out = [0u8; 32];
    for (byte, pair) in out.iter_mut().zip(text.as_bytes().chunks(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(out)
}

impl Checkpoint {
    /// The text that is signed.
    pub fn text(&self) -> String {
        let (no, digest) = &self.postings;
        format!(
            "{}\n{}\n{}\nchain {}\npostings {no} {}\nschema {}\nprogram {}\nat {}\n",
            self.origin,
            self.size,
            base64(&self.root),
            hex(&self.chain),
            hex(digest),
            self.schema,
            self.program,
            self.at.0,
        )
    }

    /// Reads exactly what [`Checkpoint::text`] writes.
    pub fn parse(text: &str) -> Option<Self> {
        let mut lines = text.lines();
        let mut next = |word: &str| lines.next()?.strip_prefix(word);
        let (origin, size, root) = (next("")?.to_owned(), next("")?.parse().ok()?, from_base64(next("")?)?.try_into().ok()?);
        let chain = from_hex(next("chain ")?)?;
        let (no, digest) = next("postings ")?.split_once(' ')?;
        let postings = (no.parse().ok()?, from_hex(digest)?);
        let (schema, program) = (next("schema ")?.to_owned(), next("program ")?.to_owned());
        let at = Instant(next("at ")?.parse().ok()?);
        let read = Self { origin, size, root, chain, postings, schema, program, at };
        (read.text() == text && read.size >= 0).then_some(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_checkpoint_is_read_as_it_was_written_and_nothing_else_is() {
        let one = Checkpoint {
            origin: origin(&[1, 0xab]),
            size: 12,
            root: [3; 32],
            chain: [4; 32],
            postings: (7, [5; 32]),
            schema: "00".to_owned(),
            program: "counterfoil 0.1.0".to_owned(),
            at: Instant(5),
        };
        let text = one.text();
        assert!(text.starts_with("counterfoil/01ab\n12\nAwMD"), "{text}");
        assert_eq!(Checkpoint::parse(&text).as_ref(), Some(&one));
        for (was, is) in
            [("\n12\n", "\n012\n"), ("\n12\n", "\n-12\n"), ("chain 04", "chain 0G"), ("at 5\n", "at 5\nmore\n"), ("at 5\n", "")]
        {
            assert_eq!(Checkpoint::parse(&text.replacen(was, is, 1)), None, "{is:?}");
        }
    }
}
