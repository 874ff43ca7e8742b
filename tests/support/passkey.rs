//! An authenticator with one passkey in it: it makes what a browser sends, right or wrong.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// What is said and signed.
#[derive(Clone)]
pub struct Parts {
    pub kind: &'static str,
    pub challenge: String,
    pub origin: String,
    pub rp: String,
    pub flags: u8,
    pub counter: u32,
    pub holder: Vec<u8>,
    pub id: Vec<u8>,
    /// Its public key, as it is handed over when it is made.
    pub key: Vec<u8>,
    /// Whether the signature is spoilt.
    pub spoilt: bool,
}

/// The authenticator.
pub struct Passkey {
    pair: EcdsaKeyPair,
    parts: Parts,
}

fn text(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

fn client(parts: &Parts) -> Vec<u8> {
    json!({ "type": parts.kind, "challenge": parts.challenge, "origin": parts.origin, "crossOrigin": false }).to_string().into_bytes()
}

fn data(parts: &Parts) -> Vec<u8> {
    [&Sha256::digest(parts.rp.as_bytes())[..], &[parts.flags], &parts.counter.to_be_bytes()].concat()
}

/// A public key of P-256 as COSE (RFC 9053): its kind, its algorithm, its curve, and the two halves of the point.
fn cose(point: &[u8]) -> Vec<u8> {
    let (x, y) = point[1..].split_at(32);
    [b"\xa5\x01\x02\x03\x26\x20\x01\x21\x58\x20", x, b"\x22\x58\x20", y].concat()
}

/// What an authenticator hands over that attests nothing: a map of three in CBOR, the last of which is what it would have signed.
fn unattested(data: &[u8]) -> Vec<u8> {
    let length = u16::try_from(data.len()).unwrap().to_be_bytes();
    [b"\xa3\x63fmt\x64none\x67attStmt\xa0\x68authData\x59", &length[..], data].concat()
}

impl Passkey {
    /// Makes one, as it is asked for; `change` bends what is sent.
    pub fn make(asked: &Value, origin: &str, change: impl Fn(&mut Parts)) -> (Self, String) {
        let random = SystemRandom::new();
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &random).unwrap();
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, pkcs8.as_ref(), &random).unwrap();
        let id = Sha256::digest(pair.public_key().as_ref()).to_vec();
        let mut parts = Parts {
            kind: "webauthn.create",
            challenge: asked["challenge"].as_str().unwrap().to_owned(),
            origin: origin.to_owned(),
            rp: asked["rp"]["id"].as_str().unwrap().to_owned(),
            flags: 0x45,
            counter: 0,
            holder: URL_SAFE_NO_PAD.decode(asked["user"]["id"].as_str().unwrap()).unwrap(),
            id,
            key: cose(pair.public_key().as_ref()),
            spoilt: false,
        };
        change(&mut parts);
        let held = [&data(&parts)[..], &[0; 16], &u16::try_from(parts.id.len()).unwrap().to_be_bytes(), &parts.id, &parts.key].concat();
        let sent = json!({
            "id": text(&parts.id), "rawId": text(&parts.id), "type": "public-key", "clientExtensionResults": {},
            "response": {
                "clientDataJSON": text(&client(&parts)), "attestationObject": text(&unattested(&held)), "transports": ["internal"],
            },
        });
        (Self { pair, parts }, sent.to_string())
    }

    /// Uses it, as it is asked for; `change` bends what is said and signed.
    pub fn answer(&mut self, asked: &Value, change: impl Fn(&mut Parts)) -> String {
        self.parts.counter += 1;
        let mut parts = Parts {
            kind: "webauthn.get",
            challenge: asked["challenge"].as_str().unwrap().to_owned(),
            rp: asked["rpId"].as_str().unwrap().to_owned(),
            flags: 0x05,
            ..self.parts.clone()
        };
        change(&mut parts);
        let signed = [data(&parts), Sha256::digest(client(&parts)).to_vec()].concat();
        let mut signature = self.pair.sign(&SystemRandom::new(), &signed).unwrap().as_ref().to_vec();
        if parts.spoilt {
            *signature.last_mut().unwrap() ^= 1;
        }
        let sent = json!({
            "id": text(&parts.id), "rawId": text(&parts.id), "type": "public-key", "clientExtensionResults": {},
            "response": {
                "clientDataJSON": text(&client(&parts)), "authenticatorData": text(&data(&parts)), "signature": text(&signature),
                "userHandle": text(&parts.holder),
            },
        });
        sent.to_string()
    }
}
