//! Passwords that became known in break-ins elsewhere (ASVS 5.0, 6.2.12): a list that comes with the library `zxcvbn`, and one of the operator's.

use std::io::{self, BufRead};

use sha2::{Digest, Sha256};
use zxcvbn::matching::patterns::MatchPattern;
use zxcvbn::zxcvbn;

use super::password::WITH_SECOND_FACTOR;

/// No password on the library's list is longer. What is longer is not asked for: its search takes time that grows with the length.
const LISTED_LONGEST: usize = 24;
/// About as many passwords as the library's list has: what takes no more guesses is guessed as soon as they are.
const LISTED: u64 = 30_000;

/// Whether a password is one of the 30,000 that leaked lists hold most often, in capitals or not, or is guessed as soon as those.
pub fn listed(password: &str) -> bool {
    let length = password.chars().count();
    if length > LISTED_LONGEST {
        return false;
    }
    let found = zxcvbn(password, &[]);
    let whole = match found.sequence() {
        [one] => matches!(&one.pattern, MatchPattern::Dictionary(at) if format!("{:?}", at.dictionary_name) == "Passwords"),
        _ => false,
    };
    whole || found.guesses() <= LISTED
}

/// A list of the operator's: passwords that leaked, one a line. Of each eight bytes of its SHA-256 are kept, so ten million take 80 MB; by chance
/// one in 10^12 other passwords is refused with them.
#[derive(Clone, Default)]
pub struct Leaked(Vec<u64>);

impl Leaked {
    /// Reads one password a line; what is shorter than any password may be is left out, and so is a line's end.
    ///
    /// # Errors
    /// Those of the file. What is no UTF-8 is no fault: such lists are a mixture, and what cannot be typed matches nothing.
    pub fn read(mut from: impl BufRead) -> io::Result<Self> {
        let (mut all, mut line) = (Vec::new(), Vec::new());
        while from.read_until(b'\n', &mut line)? > 0 {
            let password = line.trim_ascii_end();
            if password.len() >= WITH_SECOND_FACTOR {
                all.push(mark(password));
            }
            line.clear();
        }
        all.sort_unstable();
        all.dedup();
        all.shrink_to_fit();
        Ok(Self(all))
    }

    /// How many there are.
    pub const fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether a password stands on the list, as it is or in small letters.
    pub fn has(&self, password: &str) -> bool {
        let on = |password: &str| self.0.binary_search(&mark(password.trim_ascii_end().as_bytes())).is_ok();
        on(password) || on(&password.to_lowercase())
    }
}

/// Eight bytes that stand for a password.
fn mark(password: &[u8]) -> u64 {
    let mut first = [0; 8];
    first.iter_mut().zip(Sha256::digest(password)).for_each(|(to, from)| *to = from);
    u64::from_be_bytes(first)
}
