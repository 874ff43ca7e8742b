//! Identifiers: UUIDv7 inside, a short prefixed word outside.
//!
//! A person sees `bud_01kb4…`: three letters that say what it is and 26 characters of Crockford base 32, lower case. The text form
//! is what URLs, exports and pasted searches carry, so it is parsed strictly: anything else is "no such thing", never a guess.

use std::fmt;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// 128 bits as 26 base-32 characters, most significant first; sorts as the number does.
pub fn encode(value: u128) -> String {
    (0..26).rev().map(|i| char::from(ALPHABET[((value >> (i * 5)) & 31) as usize])).collect()
}

/// [`encode`] without a string of its own, for exports of millions of rows.
pub fn encode_bytes(value: u128) -> [u8; 26] {
    let mut out = [0u8; 26];
    for (at, place) in out.iter_mut().enumerate() {
        *place = ALPHABET[((value >> ((25 - at) * 5)) & 31) as usize];
    }
    out
}

/// The reverse of [`encode`]; `None` for any other length, letter, case or a value past 128 bits.
pub fn decode(text: &str) -> Option<u128> {
    let bytes = text.as_bytes();
    if bytes.len() != 26 || bytes[0] > b'7' {
        return None;
    }
    bytes.iter().try_fold(0u128, |value, byte| {
        let digit = ALPHABET.iter().position(|letter| letter == byte)?;
        Some((value << 5) | digit as u128)
    })
}

/// The kind of object behind an id, as the audit trail names it; `None` for what has no events of its own.
pub fn kind(id: &str) -> Option<&'static str> {
    match id.split_once('_')?.0 {
        "apr" => Some("approval"),
        "bud" => Some("budget"),
        "exp" => Some("export"),
        "imp" => Some("import"),
        "map" => Some("mapping"),
        "pst" => Some("posting"),
        "rcp" => Some("recipient"),
        "reg" => Some("region"),
        "rol" => Some("role"),
        "src" => Some("source"),
        "txn" => Some("transaction"),
        "usr" => Some("person"),
        _ => None,
    }
}

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident = $prefix:literal;)+) => {
        $(
            $(#[$doc])*
            // sqlx's transparent derive only forwards to `Uuid`: no query text enters the domain with it.
            #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, sqlx::Type)]
            #[sqlx(transparent)]
            #[serde(into = "String", try_from = "String")]
            pub struct $name(pub Uuid);

            impl $name {
                /// The letters before the underscore of the text form.
                pub const PREFIX: &'static str = $prefix;

                /// Reads the text form; `None` for anything that is not exactly one.
                pub fn parse(text: &str) -> Option<Self> {
                    let rest = text.strip_prefix($prefix)?.strip_prefix('_')?;
                    decode(rest).map(|value| Self(Uuid::from_u128(value)))
                }

                /// The last eight characters, upper case: enough to say over the telephone, and it counts nothing.
                pub fn short(&self) -> String {
                    encode(self.0.as_u128())[18..].to_ascii_uppercase()
                }
            }

            impl fmt::Display for $name {
                fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                    write!(f, concat!($prefix, "_{}"), encode(self.0.as_u128()))
                }
            }

            impl fmt::Debug for $name {
                fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                    fmt::Display::fmt(self, f)
                }
            }

            impl From<$name> for String {
                fn from(id: $name) -> Self {
                    id.to_string()
                }
            }

            impl From<$name> for Uuid {
                fn from(id: $name) -> Self {
                    id.0
                }
            }

            impl TryFrom<String> for $name {
                type Error = &'static str;
                fn try_from(text: String) -> Result<Self, Self::Error> {
                    Self::parse(&text).ok_or(concat!("not an id of the form ", $prefix, "_…"))
                }
            }
        )+
    };
}

ids! {
    /// A person who signs in.
    UserId = "usr";
    /// A role given to a person on a region and its subtree.
    GrantId = "grt";
    /// A role that the organisation made for itself.
    RoleId = "rol";
    /// A region of the organisation.
    RegionId = "reg";
    /// A budget of one region, in one currency, for one period.
    BudgetId = "bud";
    /// A movement of money between two accounts.
    PostingId = "pst";
    /// One reward line item.
    TransactionId = "txn";
    /// Someone who receives rewards.
    RecipientId = "rcp";
    /// Where transactions come from: a vendor, a file feed, a system.
    SourceId = "src";
    /// One load of a file.
    ImportId = "imp";
    /// A column mapping saved under a name.
    MappingId = "map";
    /// One export that somebody took away.
    ExportId = "exp";
    /// One letter in the queue of the mail.
    LetterId = "let";
    /// One event of the audit trail.
    EventId = "evt";
    /// Something that waits for approval, or waited.
    ApprovalId = "apr";
    /// A rule that says what has to be approved.
    PolicyId = "pol";
    /// The right to approve, given to somebody else for some days.
    DelegationId = "dlg";
    /// A passkey.
    PasskeyId = "psk";
    /// A session of somebody who is signed in.
    SessionId = "ses";
    /// A campaign in which grants are looked through, one by one.
    ReviewId = "rev";
}
