//! Signed notes in the form of c2sp.org/signed-note, with Ed25519 keys (RFC 8032): text, an empty line, and a line for each signature.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey};
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::domain::text::hex;

/// The signature type of Ed25519.
const ALGORITHM: u8 = 1;
/// What stands before a note that is written on one line, in a log of the system.
pub const ON_ONE_LINE: &str = "counterfoil-checkpoint ";
/// More notes than this are not read from one text.
const NOTES_MOST: usize = 1_000_000;
/// More signatures than this no note has.
const SIGNATURES_MOST: usize = 16;

/// Bytes in base 64, as notes write them.
pub fn base64(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

/// The reverse of [`base64`].
pub fn from_base64(text: &str) -> Option<Vec<u8>> {
    STANDARD.decode(text).ok()
}

/// A key that signatures are checked with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicKey {
    /// Its name, which stands in the signature line.
    pub name: String,
    bytes: [u8; 32],
}

impl PublicKey {
    /// The short hash that stands in its text form: enough to tell the keys of one trail apart.
    pub fn short(&self) -> String {
        hex(&self.id())
    }

    fn id(&self) -> [u8; 4] {
        let hash = Sha256::new().chain_update(&self.name).chain_update([b'\n', ALGORITHM]).chain_update(self.bytes).finalize();
        [hash[0], hash[1], hash[2], hash[3]]
    }

    /// Reads [`PublicKey`]'s text form; blanks around it are left out.
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.trim().splitn(3, '+');
        let (name, id, encoded) = (parts.next()?, parts.next()?, parts.next()?);
        let bytes: [u8; 32] = from_base64(encoded)?.strip_prefix(&[ALGORITHM])?.try_into().ok()?;
        let key = Self { name: name.to_owned(), bytes };
        (!name.is_empty() && hex(&key.id()) == id).then_some(key)
    }
}

/// `name+id+key`: how keys of notes are written down.
impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let encoded = base64(&[&[ALGORITHM], &self.bytes[..]].concat());
        write!(f, "{}+{}+{encoded}", self.name, hex(&self.id()))
    }
}

/// A key that signs. Its secret half is shown by [`Signer::secret`] alone.
pub struct Signer {
    public: PublicKey,
    seed: [u8; 32],
    pair: Ed25519KeyPair,
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signer").field("public", &self.public).finish_non_exhaustive()
    }
}

impl Signer {
    /// Of this name, from 32 random bytes; `None` for a name that no note can hold.
    pub fn of(name: &str, seed: [u8; 32]) -> Option<Self> {
        if name.is_empty() || name.contains('+') || name.chars().any(char::is_whitespace) {
            return None;
        }
        let pair = Ed25519KeyPair::from_seed_unchecked(&seed).ok()?;
        let bytes = pair.public_key().as_ref().try_into().ok()?;
        Some(Self { public: PublicKey { name: name.to_owned(), bytes }, seed, pair })
    }

    /// Its public half.
    pub fn public(&self) -> &PublicKey {
        &self.public
    }

    /// The text of a key file.
    pub fn secret(&self) -> String {
        let encoded = base64(&[&[ALGORITHM], &self.seed[..]].concat());
        format!("PRIVATE+KEY+{}+{}+{encoded}\n", self.public.name, hex(&self.public.id()))
    }

    /// Reads what [`Signer::secret`] wrote.
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.trim().strip_prefix("PRIVATE+KEY+")?.splitn(3, '+');
        let (name, id, encoded) = (parts.next()?, parts.next()?, parts.next()?);
        let signer = Self::of(name, from_base64(encoded)?.strip_prefix(&[ALGORITHM])?.try_into().ok()?)?;
        (hex(&signer.public.id()) == id).then_some(signer)
    }

    /// The signature line for a text that ends with a line break.
    fn line(&self, text: &str) -> String {
        let signature = self.pair.sign(text.as_bytes());
        let encoded = base64(&[&self.public.id()[..], signature.as_ref()].concat());
        format!("{MARK}{} {encoded}\n", self.public.name)
    }
}

/// A note of this text, which ends with a line break, signed by each of them.
pub fn sign(text: &str, signers: &[&Signer]) -> String {
    let lines: String = signers.iter().map(|signer| signer.line(text)).collect();
    format!("{text}\n{lines}")
}

/// What a key says of a note.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signed {
    /// The key signed it.
    Yes,
    /// There is a signature that claims to be the key's, and it is not.
    Falsely,
    /// It has none by this key.
    No,
}

/// What a signature line begins with.
const MARK: &str = "\u{2014} ";

/// Name and bytes of a signature line.
fn signature(line: &str) -> Option<(String, Vec<u8>)> {
    let (name, encoded) = line.strip_prefix(MARK)?.split_once(' ')?;
    Some((name.to_owned(), from_base64(encoded)?))
}

/// A note as it was read. Nothing in it is to be believed before [`Note::by`] said yes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// What is signed.
    pub text: String,
    signatures: Vec<(String, Vec<u8>)>,
}

impl Note {
    /// Reads one note; `None` where it has not the form of one.
    pub fn parse(written: &str) -> Option<Self> {
        let (text, lines) = written.rsplit_once("\n\n")?;
        let signatures: Option<Vec<_>> = lines.strip_suffix('\n')?.split('\n').map(signature).collect();
        let signatures = signatures.filter(|all| all.len() <= SIGNATURES_MOST)?;
        Some(Self { text: format!("{text}\n"), signatures })
    }

    /// Every note in a text: one after the other, or each on one line of a log after [`ON_ONE_LINE`], or in an export of the
    /// trail, which tells of the keys that handed over as well. What is no note is passed over, and so is what was cut off before
    /// one: the notes of ours hold no empty line.
    pub fn all(written: &str) -> Vec<Self> {
        let (mut found, mut piece, mut ended, mut signed) = (Vec::new(), String::new(), false, false);
        for line in written.lines().chain([""]) {
            if let Some((_, rest)) = line.split_once(ON_ONE_LINE) {
                found.extend(Self::parse(&rest.trim().replace("\\n", "\n")));
                continue;
            }
            if line.starts_with('{') {
                found.extend(Self::exported(line));
                continue;
            }
            if ended && line.starts_with(MARK) {
                signed = true;
                if signature(line).is_some() {
                    piece += line;
                    piece.push('\n');
                }
                continue;
            }
            if signed {
                found.extend(Self::parse(&piece));
            }
            if signed || ended {
                (piece, signed) = (String::new(), false);
            }
            ended = line.is_empty();
            piece += line;
            piece.push('\n');
            if found.len() >= NOTES_MOST {
                break;
            }
        }
        if signed {
            found.extend(Self::parse(&piece));
        }
        found
    }

    /// The note in a line of an export: a checkpoint's, or the one by which a key hands over.
    fn exported(line: &str) -> Option<Self> {
        let read = |text: &str| serde_json::from_str::<Value>(text).ok();
        if line.contains("\"kind\":\"checkpoint\"") {
            return Self::parse(read(line)?["note"].as_str()?);
        }
        if !line.contains("\"action\":\"audit.key_rotated\"") {
            return None;
        }
        Self::parse(read(read(line)?["body"].as_str()?)?["detail"]["note"].as_str()?)
    }

    /// Whether a key signed it.
    pub fn by(&self, key: &PublicKey) -> Signed {
        let own = |(name, bytes): &&(String, Vec<u8>)| *name == key.name && bytes.starts_with(&key.id());
        let Some((_, bytes)) = self.signatures.iter().find(own) else { return Signed::No };
        let signature = bytes.get(4..).unwrap_or_default();
        let right = UnparsedPublicKey::new(&ED25519, key.bytes).verify(self.text.as_bytes(), signature);
        if right.is_ok() { Signed::Yes } else { Signed::Falsely }
    }
}

/// A note on one line, for logs of the system.
pub fn on_one_line(note: &str) -> String {
    format!("{ON_ONE_LINE}{}", note.replace('\n', "\\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_is_believed_as_it_was_signed_and_not_otherwise() {
        let (one, two) = (Signer::of("example/one", [7; 32]).unwrap(), Signer::of("example/one", [8; 32]).unwrap());
        let written = sign("a\nb\n", &[&one]);
        let note = Note::parse(&written).unwrap();
        assert_eq!((note.text.as_str(), note.by(one.public()), note.by(two.public())), ("a\nb\n", Signed::Yes, Signed::No));
        let changed = Note::parse(&written.replace("a\nb", "a\nc")).unwrap();
        assert_eq!(changed.by(one.public()), Signed::Falsely);
        let both = Note::parse(&sign("x\n", &[&one, &two])).unwrap();
        assert_eq!((both.by(one.public()), both.by(two.public())), (Signed::Yes, Signed::Yes));
        for bad in ["", "a\n", "a\n\n", "a\n\n\u{2014} name\n", "a\n\n\u{2014} name !!!\n", "a\n\n- name AAAA\n"] {
            assert_eq!(Note::parse(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn keys_are_read_as_they_were_written_and_a_changed_letter_is_noticed() {
        let signer = Signer::of("example/one", [7; 32]).unwrap();
        let text = signer.public().to_string();
        assert_eq!(PublicKey::parse(&format!(" {text}\n")).as_ref(), Some(signer.public()));
        assert_eq!(Signer::parse(&signer.secret()).unwrap().public(), signer.public());
        assert!(PublicKey::parse(&text.replacen("one", "two", 1)).is_none() && Signer::parse(&text).is_none());
        assert!(!format!("{signer:?}").contains("seed"));
        assert!(["", "a b", "a+b"].iter().all(|name| Signer::of(name, [0; 32]).is_none()));
    }

    #[test]
    fn notes_are_found_one_after_the_other_and_in_a_log() {
        let signer = Signer::of("example/one", [7; 32]).unwrap();
        let (first, second) = (sign("one\n", &[&signer]), sign("two\n", &[&signer]));
        let read = |text: &str| Note::all(text).into_iter().map(|note| note.text).collect::<Vec<_>>();
        assert_eq!(read(&format!("{first}{second}")), ["one\n", "two\n"]);
        assert_eq!(read(&format!("{first}\n{second}\n")), ["one\n", "two\n"]);
        assert_eq!(read(&format!("Nov 23 host x[1]: {}\nNov 23 host other\n", on_one_line(&first))), ["one\n"]);
        assert!(read("nothing\n\nof the kind\n").is_empty());
    }
}
