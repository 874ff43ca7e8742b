//! Codes of an authenticator app: time-based one-time passwords (RFC 6238) over HMAC-SHA-1, of six digits, a new one every 30 seconds. That is
//! what every such app can do; some quietly compute wrong codes when another hash is asked for. HMAC does not need a hash without collisions.

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use ring::hmac;
use subtle::ConstantTimeEq;

use super::time::Instant;

/// How long a code is shown, in seconds.
pub const STEP: i64 = 30;
/// The length of a secret, in bytes: that of the hash (RFC 4226, section 4).
pub const SECRET: usize = 20;

const BASE_32: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
/// Without the letters that look like digits, and without u (Crockford).
const CROCKFORD: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// The number of the 30 seconds that a moment lies in.
pub fn step(at: Instant) -> i64 {
    at.0.div_euclid(STEP * 1_000_000)
}

/// The code of a step.
pub fn code(secret: &[u8], step: i64) -> String {
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, secret), &step.to_be_bytes());
    let offset = usize::from(tag.as_ref().last().copied().unwrap_or_default() & 0x0f);
    let four = tag.as_ref().iter().skip(offset).take(4).fold(0u32, |number, byte| number << 8 | u32::from(*byte));
    format!("{:06}", (four & 0x7fff_ffff) % 1_000_000)
}

/// For how long a code is taken after its own 30 seconds, in seconds: what a phone's clock may be behind, and the way here. Not for typing: a code
/// that runs out meanwhile is typed anew (ASVS 5.0, 6.5.5).
pub const SKEW: i64 = 10;

/// The step whose code was typed: the present one, or the one before while [`SKEW`] lasts. Blanks do not matter.
pub fn step_of(secret: &[u8], typed: &str, now: Instant) -> Option<i64> {
    let typed: String = typed.chars().filter(|c| !c.is_whitespace()).collect();
    [step(now), step(now.plus_seconds(-SKEW))].into_iter().find(|step| bool::from(code(secret, *step).as_bytes().ct_eq(typed.as_bytes())))
}

fn base_32(bytes: &[u8], alphabet: &[u8; 32]) -> String {
    let bits = bytes.iter().flat_map(|byte| (0..8).rev().map(move |bit| byte >> bit & 1)).collect::<Vec<u8>>();
    let five = |bits: &[u8]| bits.iter().chain(&[0; 4]).take(5).fold(0usize, |number, bit| number << 1 | usize::from(*bit));
    bits.chunks(5).filter_map(|bits| alphabet.get(five(bits))).map(|byte| char::from(*byte)).collect()
}

fn grouped(text: &str, length: usize, between: char) -> String {
    let mut out = String::new();
    for (at, c) in text.chars().enumerate() {
        if at > 0 && at % length == 0 {
            out.push(between);
        }
        out.push(c);
    }
    out
}

/// A secret as people type it into an app, in groups of four.
pub fn typed_secret(secret: &[u8]) -> String {
    grouped(&base_32(secret, BASE_32), 4, ' ')
}

/// The address that apps read from the picture: the secret, and what they show it under.
pub fn address(secret: &[u8], issuer: &str, account: &str) -> String {
    let encoded = |text: &str| utf8_percent_encode(&text.replace(':', " "), NON_ALPHANUMERIC).to_string();
    let (issuer, account, secret) = (encoded(issuer), encoded(account), base_32(secret, BASE_32));
    format!("otpauth://totp/{issuer}:{account}?secret={secret}&issuer={issuer}&algorithm=SHA1&digits=6&period={STEP}")
}

/// How many recovery codes a person has at first.
pub const RECOVERY_CODES: usize = 10;

/// A recovery code of 120 random bits: nobody guesses it, so that a plain hash of it is enough to keep (ASVS 5.0, 6.5.2, asks for 112).
pub fn recovery_code(random: [u8; 15]) -> String {
    grouped(&base_32(&random, CROCKFORD), 6, '-')
}

/// A recovery code as it is hashed, whatever stands between its groups, in whatever case, with look-alikes put right.
pub fn folded_recovery_code(typed: &str) -> String {
    let plain = |c: char| match c.to_ascii_lowercase() {
        'o' => '0',
        'i' | 'l' => '1',
        other => other,
    };
    typed.chars().filter(char::is_ascii_alphanumeric).map(plain).collect()
}
