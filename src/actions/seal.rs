//! Sealing what the portal has to read again and nobody else may: the secrets of second factors. The key follows from the one that signs session
//! cookies: where that is kept in a file (`secret_key_file`), a copy of the database holds no second factor of anybody.

use std::sync::Arc;

use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::hmac;

use crate::clock::Random;
use crate::domain::id::UserId;
use crate::store::failure::{DbError, Failure};

/// A key to seal with.
#[derive(Clone)]
pub struct Seal(Arc<[u8]>);

impl Seal {
    /// The key that follows from another.
    pub fn of(key: &[u8]) -> Self {
        Self(hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), b"second factor").as_ref().into())
    }

    fn key(&self) -> Option<LessSafeKey> {
        UnboundKey::new(&CHACHA20_POLY1305, &self.0).ok().map(LessSafeKey::new)
    }

    /// The secret, sealed for one person: with another's id it cannot be opened.
    pub fn close(&self, random: &Random, owner: UserId, secret: &[u8]) -> Result<Vec<u8>, Failure> {
        let broken = || Failure::from(DbError::Broken("a secret cannot be sealed".into()));
        let nonce: [u8; NONCE_LEN] = random.bytes();
        let mut sealed = secret.to_vec();
        let key = self.key().ok_or_else(broken)?;
        let nonce_of = Nonce::assume_unique_for_key(nonce);
        key.seal_in_place_append_tag(nonce_of, Aad::from(owner.0.as_bytes()), &mut sealed).map_err(|_| broken())?;
        Ok([&nonce[..], &sealed].concat())
    }

    /// The secret again; `None` where it was sealed with another key or for somebody else, or is no seal at all.
    pub fn open(&self, owner: UserId, sealed: &[u8]) -> Option<Vec<u8>> {
        let (nonce, sealed) = sealed.split_first_chunk::<NONCE_LEN>()?;
        let mut secret = sealed.to_vec();
        let opened = self.key()?.open_in_place(Nonce::assume_unique_for_key(*nonce), Aad::from(owner.0.as_bytes()), &mut secret).ok()?;
        Some(opened.to_vec())
    }
}
