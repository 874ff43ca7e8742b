//! Passkeys (WebAuthn, level 3): what a browser sends when one is made and when it is used, and whether that is to be believed. Signatures are
//! checked by ring; what is signed has fixed places, and nothing else is read. No attestation is asked for: which make of device it is does not
//! matter here, that its holder was verified (by finger, face or PIN) does.

use std::net::IpAddr;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::signature::{ECDSA_P256_SHA256_ASN1, ED25519, RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey, VerificationAlgorithm};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// Where passkeys are made for: they are used nowhere else, whatever another site shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Site {
    /// The relying party: the host.
    pub id: String,
    /// What browsers name the site by.
    pub origin: String,
}

impl Site {
    /// Of the portal's address. `None` where browsers make none: without TLS except on this machine by name, and under an address of numbers.
    pub fn of(address: &str) -> Option<Self> {
        let (scheme, rest) = address.split_once("://")?;
        let place = rest.split(['/', '?', '#']).next()?.to_ascii_lowercase();
        let (host, port) = place.rsplit_once(':').map_or((place.as_str(), None), |(host, port)| (host, Some(port)));
        let usable = match scheme {
            "https" => true,
            "http" => host == "localhost",
            _ => false,
        };
        if !usable || host.is_empty() || host.contains(['[', ']', '@']) || host.parse::<IpAddr>().is_ok() {
            return None;
        }
        let default = if scheme == "https" { "443" } else { "80" };
        let port = port.filter(|port| *port != default).map(|port| format!(":{port}")).unwrap_or_default();
        Some(Self { id: host.to_owned(), origin: format!("{scheme}://{host}{port}") })
    }
}

/// The signatures that are taken, by their COSE numbers: ECDSA on P-256, Ed25519, RSA with SHA-256.
pub const ALGORITHMS: [i64; 3] = [-7, -8, -257];
/// The longest id of a passkey.
const ID_MOST: usize = 1_023;

/// A passkey as it is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Made {
    /// Its id.
    pub id: Vec<u8>,
    /// The signature it makes, see [`ALGORITHMS`].
    pub algorithm: i64,
    /// Its public key, as ring reads it.
    pub key: Vec<u8>,
    /// How often it was used, where it counts; 0 where it does not.
    pub counter: u32,
}

/// Why what was sent is not believed: for the log, never for the page.
pub type Doubt = &'static str;

#[derive(Deserialize)]
struct Sent<R> {
    #[serde(rename = "rawId")]
    id: String,
    #[serde(rename = "type")]
    kind: String,
    response: R,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Making {
    #[serde(rename = "clientDataJSON")]
    client: String,
    authenticator_data: String,
    public_key: String,
    public_key_algorithm: i64,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Using {
    #[serde(rename = "clientDataJSON")]
    client: String,
    authenticator_data: String,
    signature: String,
    user_handle: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Client {
    #[serde(rename = "type")]
    kind: String,
    challenge: String,
    origin: String,
    #[serde(default)]
    cross_origin: bool,
}

fn bytes(text: &str) -> Result<Vec<u8>, Doubt> {
    URL_SAFE_NO_PAD.decode(text.trim_end_matches('=')).map_err(|_| "it is not base64url")
}

/// What the browser vouches for: what was asked, and by which site.
fn client(site: &Site, challenge: &[u8], kind: &str, encoded: &str) -> Result<Vec<u8>, Doubt> {
    let raw = bytes(encoded)?;
    let said: Client = serde_json::from_slice(&raw).map_err(|_| "the client data cannot be read")?;
    match () {
        () if said.kind != kind => Err("it was made for something else"),
        () if challenge.is_empty() || bytes(&said.challenge)? != challenge => Err("it answers another challenge"),
        () if said.origin != site.origin || said.cross_origin => Err("it comes from another site"),
        () => Ok(raw),
    }
}

const PRESENT: u8 = 0x01;
const VERIFIED: u8 = 0x04;
const HOLDS_KEY: u8 = 0x40;

/// The flags and the counter of what the authenticator signs, for this site and with its holder verified.
fn authenticator(site: &Site, data: &[u8]) -> Result<(u8, u32), Doubt> {
    let (hash, rest) = data.split_first_chunk::<32>().ok_or("the authenticator's data is too short")?;
    let (flags, rest) = rest.split_first().ok_or("the authenticator's data is too short")?;
    let (counter, _) = rest.split_first_chunk::<4>().ok_or("the authenticator's data is too short")?;
    match () {
        () if hash[..] != Sha256::digest(site.id.as_bytes())[..] => Err("it is for another site"),
        () if flags & PRESENT == 0 || flags & VERIFIED == 0 => Err("its holder was not verified"),
        () => Ok((*flags, u32::from_be_bytes(*counter))),
    }
}

/// The next element of DER: its tag and content, and what follows.
fn der(text: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (tag, rest) = text.split_first()?;
    let (first, rest) = rest.split_first()?;
    let (length, rest) = match first {
        short @ 0..=127 => (usize::from(*short), rest),
        0x81 => rest.split_first().map(|(length, rest)| (usize::from(*length), rest))?,
        0x82 => rest.split_first_chunk::<2>().map(|(length, rest)| (usize::from(u16::from_be_bytes(*length)), rest))?,
        _ => return None,
    };
    rest.split_at_checked(length).map(|(content, rest)| (*tag, content, rest))
}

/// The key inside a SubjectPublicKeyInfo, which names its algorithm.
fn key(spki: &[u8], algorithm: i64) -> Option<Vec<u8>> {
    const P256: &[u8] = b"\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07";
    const ED: &[u8] = b"\x06\x03\x2b\x65\x70";
    const RSA: &[u8] = b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01\x05\x00";
    let (0x30, whole, []) = der(spki)? else { return None };
    let (0x30, named, rest) = der(whole)? else { return None };
    let (0x03, [0, key @ ..], []) = der(rest)? else { return None };
    let right = match algorithm {
        -7 => named == P256 && key.len() == 65 && key.first() == Some(&4),
        -8 => named == ED && key.len() == 32,
        -257 => named == RSA && (256..=1_100).contains(&key.len()),
        _ => false,
    };
    right.then(|| key.to_vec())
}

/// A passkey that was made just now in answer to `challenge`.
pub fn made(site: &Site, challenge: &[u8], sent: &str) -> Result<Made, Doubt> {
    let sent: Sent<Making> = serde_json::from_str(sent).map_err(|_| "it cannot be read")?;
    client(site, challenge, "webauthn.create", &sent.response.client)?;
    let data = bytes(&sent.response.authenticator_data)?;
    let (flags, counter) = authenticator(site, &data)?;
    // After hash, flags and counter: the model (16 bytes), the length of the id, and the id.
    let held = data.get(53..).unwrap_or_default();
    let (length, held) = held.split_first_chunk::<2>().ok_or("it holds no key")?;
    let id = held.get(..usize::from(u16::from_be_bytes(*length))).ok_or("it holds no key")?;
    match () {
        () if sent.kind != "public-key" || flags & HOLDS_KEY == 0 => Err("it holds no key"),
        () if id.is_empty() || id.len() > ID_MOST || bytes(&sent.id)? != id => Err("its id is not the one that was made"),
        () => {
            let algorithm = sent.response.public_key_algorithm;
            let key = key(&bytes(&sent.response.public_key)?, algorithm).ok_or("its key is of a kind that is not taken")?;
            Ok(Made { id: id.to_vec(), algorithm, key, counter })
        }
    }
}

/// What was sent to use a passkey, before it is known which: its id, and whose it says it is.
#[derive(Debug)]
pub struct Answer {
    /// The passkey's id.
    pub id: Vec<u8>,
    /// The bytes that name its holder, as they were given when it was made.
    pub holder: Vec<u8>,
    response: (String, String, String),
}

/// Reads what was sent to use one.
pub fn answer(sent: &str) -> Result<Answer, Doubt> {
    let sent: Sent<Using> = serde_json::from_str(sent).map_err(|_| "it cannot be read")?;
    if sent.kind != "public-key" {
        return Err("it is no passkey");
    }
    let holder = bytes(sent.response.user_handle.as_deref().ok_or("it does not say whose it is")?)?;
    Ok(Answer { id: bytes(&sent.id)?, holder, response: (sent.response.client, sent.response.authenticator_data, sent.response.signature) })
}

/// Whether the answer was signed with this passkey in answer to `challenge`; its counter afterwards.
pub fn used(site: &Site, challenge: &[u8], passkey: &Made, answer: &Answer) -> Result<u32, Doubt> {
    let (encoded, data, signature) = &answer.response;
    let said = client(site, challenge, "webauthn.get", encoded)?;
    let data = bytes(data)?;
    let (_, counter) = authenticator(site, &data)?;
    let algorithm: &dyn VerificationAlgorithm = match passkey.algorithm {
        -7 => &ECDSA_P256_SHA256_ASN1,
        -8 => &ED25519,
        -257 => &RSA_PKCS1_2048_8192_SHA256,
        _ => return Err("its key is of a kind that is not taken"),
    };
    let signed = [&data[..], &Sha256::digest(&said)[..]].concat();
    let right = UnparsedPublicKey::new(algorithm, &passkey.key).verify(&signed, &bytes(signature)?).is_ok();
    match () {
        () if answer.id != passkey.id => Err("it is another passkey"),
        () if !right => Err("the signature is wrong"),
        () if (counter != 0 || passkey.counter != 0) && counter <= passkey.counter => Err("it was copied: its counter went back"),
        () => Ok(counter),
    }
}

#[cfg(test)]
mod tests {
    use super::Site;

    #[test]
    fn a_site_is_what_browsers_take_for_one() {
        let of = |address: &str| Site::of(address).map(|site| format!("{} {}", site.id, site.origin));
        assert_eq!(of("https://Rewards.Example/").unwrap(), "rewards.example https://rewards.example");
        assert_eq!(of("https://rewards.example:443").unwrap(), "rewards.example https://rewards.example");
        assert_eq!(of("https://rewards.example:8443/a").unwrap(), "rewards.example https://rewards.example:8443");
        assert_eq!(of("http://localhost:8080").unwrap(), "localhost http://localhost:8080");
        for none in
            ["http://rewards.example", "https://10.0.0.7", "http://127.0.0.1:8080", "https://[::1]:8080", "ftp://a.example", "", "https://"]
        {
            assert_eq!(of(none), None, "{none}");
        }
    }
}
