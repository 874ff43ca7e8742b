//! An authenticator with one passkey in it: it makes what a browser sends, right or wrong.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// What a SubjectPublicKeyInfo of P-256 begins with.
const P256: &[u8] = b"\x30\x59\x30\x13\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07\x03\x42\x00";

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
            spoilt: false,
        };
        change(&mut parts);
        let held = [&data(&parts)[..], &[0; 16], &u16::try_from(parts.id.len()).unwrap().to_be_bytes(), &parts.id].concat();
        let key = [P256, pair.public_key().as_ref()].concat();
        let sent = json!({
            "id": text(&parts.id), "rawId": text(&parts.id), "type": "public-key", "clientExtensionResults": {},
            "response": {
                "clientDataJSON": text(&client(&parts)), "authenticatorData": text(&held), "attestationObject": "", "transports": ["internal"],
                "publicKey": text(&key), "publicKeyAlgorithm": -7,
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
