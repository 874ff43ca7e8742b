//! Server-side sessions: actix-session's state in our own store, under a hash of the token.

use std::collections::HashMap;

use actix_session::storage::{LoadError, SaveError, SessionKey, SessionStore, UpdateError};
use actix_web::cookie::time::Duration;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::domain::access::Actor;
use crate::domain::id::{SessionId, UserId};
use crate::domain::time::Instant;
use crate::store::writer::Intent;
use crate::store::{Store, sessions};

/// The person's id in the session's state.
pub const PERSON: &str = "person";
/// How the session began, in its state.
pub const BEGAN: &str = "began";

/// How a session began. It stays the same when the session goes on under another token: nothing that is done in it makes it live longer.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Began {
    /// What it is ended by.
    pub id: SessionId,
    /// When.
    pub at: Instant,
    /// The device, in words.
    pub device: String,
    /// The network address.
    pub address: String,
    /// When she last showed who she is.
    pub proved: Instant,
}

/// A session that was used less than this long ago is not noted as used again, in microseconds.
const TOUCH_AFTER: i64 = 60_000_000;

tokio::task_local! {
    /// Whether the request that is being answered is no use of its session.
    pub static UNSEEN: bool;
}

/// Whether a request keeps no session alive: one that the browser makes ahead of a click, and the question how long the session lasts.
pub fn unseen(path: &str, purpose: bool) -> bool {
    purpose || path == "/session"
}

/// After how long without use somebody is warned, before the session ends: two minutes, and the minute that is not noted as use.
pub(super) fn warn_after(lives: Lives) -> i64 {
    (lives.idle - TOUCH_AFTER / 1_000_000 - 120).max(30)
}

/// How long sessions live.
#[derive(Clone, Copy, Debug)]
pub struct Lives {
    /// Without use, in seconds.
    pub idle: i64,
    /// Whatever happens, in seconds.
    pub absolute: i64,
}

/// The store behind actix-session.
#[derive(Clone)]
pub struct Sessions {
    store: Store,
    lives: Lives,
}

impl Sessions {
    /// In this store.
    pub fn new(store: Store, lives: Lives) -> Self {
        Self { store, lives }
    }

    fn intent(name: &'static str) -> Intent {
        Intent::once(Actor::system("session"), name)
    }

    fn touch(&self, hash: [u8; 32]) {
        let store = self.store.clone();
        // Housekeeping: nobody waits for it, and a full queue only means that the next request notes it.
        tokio::spawn(async move {
            let touched = store.write(Self::intent("session.touch"), move |tx| Box::pin(async move { sessions::touch(tx, &hash).await }));
            if let Err(error) = touched.await {
                tracing::debug!(%error, "a session was not noted as used");
            }
        });
    }
}

fn hash(key: &SessionKey) -> [u8; 32] {
    Sha256::digest(key.as_ref().as_bytes()).into()
}

fn began(state: &HashMap<String, String>) -> Option<Began> {
    state.get(BEGAN).and_then(|value| serde_json::from_str(value).ok())
}

fn person(state: &HashMap<String, String>) -> Option<UserId> {
    // actix-session keeps each value as JSON.
    state.get(PERSON).and_then(|value| serde_json::from_str::<UserId>(value).ok())
}

impl SessionStore for Sessions {
    async fn load(&self, key: &SessionKey) -> Result<Option<HashMap<String, String>>, LoadError> {
        let (now, hash) = (self.store.now(), hash(key));
        let found = sessions::find(&mut self.store.lone(), &hash, now, now.plus_seconds(-self.lives.idle)).await;
        let Some(session) = found.map_err(|error| LoadError::Other(error.into()))? else { return Ok(None) };
        let unseen = UNSEEN.try_with(|unseen| *unseen).unwrap_or_default();
        if !unseen && now.0 - session.last_seen_at.0 > TOUCH_AFTER {
            self.touch(hash);
        }
        serde_json::from_str(&session.state).map(Some).map_err(|error| LoadError::Deserialization(error.into()))
    }

    async fn save(&self, state: HashMap<String, String>, _ttl: &Duration) -> Result<SessionKey, SaveError> {
        let token = self.store.random.token(32);
        let key = SessionKey::try_from(token).map_err(|error| SaveError::Other(error.into()))?;
        let (began, lives) = (began(&state), self.lives.absolute);
        let new = sessions::New {
            hash: hash(&key),
            person: person(&state),
            state: serde_json::to_string(&state).map_err(|error| SaveError::Serialization(error.into()))?,
            at: began.as_ref().map_or_else(|| self.store.now(), |began| began.at),
            began: began.map(|began| (began.id, began.device, began.address)),
        };
        let saved = self.store.write(Self::intent("session.begin"), move |tx| {
            let new = new.clone();
            Box::pin(async move { sessions::insert(tx, new, lives).await })
        });
        saved.await.map_err(|error| SaveError::Other(error.into()))?;
        Ok(key)
    }

    async fn update(&self, key: SessionKey, state: HashMap<String, String>, ttl: &Duration) -> Result<SessionKey, UpdateError> {
        let (hash, person) = (hash(&key), person(&state));
        let text = serde_json::to_string(&state).map_err(|error| UpdateError::Serialization(error.into()))?;
        let updated = self.store.write(Self::intent("session.update"), move |tx| {
            let text = text.clone();
            Box::pin(async move { sessions::update(tx, &hash, person, &text).await })
        });
        if updated.await.map_err(|error| UpdateError::Other(error.into()))? {
            return Ok(key);
        }
        // It ended while the request ran. Nobody is signed in any more: what else it remembered begins anew, under another token.
        let rest = if person.is_some() { HashMap::new() } else { state };
        self.save(rest, ttl).await.map_err(|error| UpdateError::Other(error.into()))
    }

    async fn update_ttl(&self, _key: &SessionKey, _ttl: &Duration) -> Result<(), anyhow::Error> {
        // Idle and absolute life are kept in the row itself, and noted on load.
        Ok(())
    }

    async fn delete(&self, key: &SessionKey) -> Result<(), anyhow::Error> {
        let hash = hash(key);
        let deleted = self.store.write(Self::intent("session.end"), move |tx| Box::pin(async move { sessions::delete(tx, &hash).await }));
        Ok(deleted.await?)
    }
}
