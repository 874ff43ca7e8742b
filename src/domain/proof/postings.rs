//! The running digest over postings: each is hashed with the digest before it, field by field with its length, so that no boundary can be moved.

use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::domain::audit::Hash;

/// The digest before the first posting.
pub const START: Hash = [0; 32];

/// A field as it goes into the digest: its text, or nothing.
pub type Field = Option<String>;

/// An id, in the form of RFC 9562.
pub fn id(id: impl Into<Uuid>) -> Field {
    Some(id.into().hyphenated().to_string())
}

/// `SHA-256(0x03 ‖ digest before ‖ each field: its length as 32 bits, big end first, and its UTF-8 bytes; a length of all ones where there is none)`.
pub fn after(before: &Hash, fields: &[Field]) -> Hash {
    let mut hash = Sha256::new().chain_update([3u8]).chain_update(before);
    for field in fields {
        match field {
            // No column comes near four thousand million bytes.
            Some(text) => hash = hash.chain_update((text.len() as u32).to_be_bytes()).chain_update(text.as_bytes()),
            None => hash = hash.chain_update([0xff; 4]),
        }
    }
    hash.finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_boundary_can_be_moved_and_nothing_is_not_the_empty_text() {
        let text = |text: &str| Some(text.to_owned());
        let all = [[text("ab"), text("c")], [text("a"), text("bc")], [text("abc"), text("")], [text("abc"), None], [None, text("abc")]];
        let digests: std::collections::BTreeSet<Hash> = all.iter().map(|fields| after(&START, fields)).collect();
        assert_eq!(digests.len(), all.len());
        assert_ne!(after(&START, &all[0]), after(&[1; 32], &all[0]));
    }
}
