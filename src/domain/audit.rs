//! The audit trail's bytes: what an event says, and how events are chained (`security.md` 5.2).
//!
//! The body is sealed once as canonical JSON and its exact bytes are kept; the chain is computed over those bytes. Nothing is serialised again.

use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use super::access::{Actor, Who};
use super::id::{EventId, RegionId};
use super::time::Instant;

/// The version of the body's shape, kept beside each event.
pub const BODY_VERSION: i64 = 1;

/// A SHA-256 value.
pub type Hash = [u8; 32];

/// What happened, before it is numbered and sealed.
#[derive(Clone, Debug)]
pub struct Event {
    /// Verb and noun, like `budget.adjusted`.
    pub action: &'static str,
    /// The kind of object: `budget`, `region`, `person`, …
    pub object_kind: &'static str,
    /// The object's id in its text form; empty where there is none.
    pub object_id: String,
    /// The one region it belongs to; `None` for what belongs to the organisation.
    pub region: Option<RegionId>,
    /// What it was before; `Null` where there was nothing.
    pub before: Value,
    /// What it is now.
    pub after: Value,
    /// Reason code, note, reference, file and the like. Never a name, an e-mail address or a secret: ids stand for people.
    pub detail: Value,
}

impl Event {
    /// An event about an object, with nothing else said yet.
    pub fn new(action: &'static str, object_kind: &'static str, object_id: impl ToString, region: Option<RegionId>) -> Self {
        Self { action, object_kind, object_id: object_id.to_string(), region, before: Value::Null, after: Value::Null, detail: Value::Null }
    }

    /// With the object as it was and as it is.
    #[must_use]
    pub fn change(mut self, before: Value, after: Value) -> Self {
        self.before = before;
        self.after = after;
        self
    }

    /// With reason, note, reference and the like.
    #[must_use]
    pub fn detail(mut self, detail: Value) -> Self {
        self.detail = detail;
        self
    }

    /// The bytes that are sealed: RFC 8785 canonical JSON with every integer as a string. serde_json's map sorts keys by bytes, which for the
    /// ASCII keys used here is the order RFC 8785 asks for, and its escapes are the same.
    pub fn body(&self, id: EventId, at: Instant, actor: &Actor) -> Vec<u8> {
        let (actor_id, through) = match actor.who {
            Who::Person(person) => (person.to_string(), "portal"),
            Who::System(through) => (String::new(), through),
        };
        let body = json!({
            "action": self.action,
            "actor": {"id": actor_id, "kind": actor.kind(), "peer": actor.peer, "request": actor.request_id, "through": through},
            "after": words(&self.after),
            "at": at.0.to_string(),
            "before": words(&self.before),
            "detail": words(&self.detail),
            "id": id.to_string(),
            "object": {"id": self.object_id, "kind": self.object_kind},
            "region": self.region.map(|region| region.to_string()),
        });
        body.to_string().into_bytes()
    }
}

/// Numbers become strings: JSON readers disagree about large ones.
fn words(value: &Value) -> Value {
    match value {
        Value::Number(number) => Value::String(number.to_string()),
        Value::Array(items) => Value::Array(items.iter().map(words).collect()),
        Value::Object(map) => Value::Object(map.iter().map(|(key, value)| (key.clone(), words(value))).collect::<Map<_, _>>()),
        other => other.clone(),
    }
}

/// `SHA-256(0x00 ‖ body)`.
pub fn leaf(body: &[u8]) -> Hash {
    Sha256::new().chain_update([0u8]).chain_update(body).finalize().into()
}

/// `SHA-256(0x02 ‖ log id ‖ number as 64 bits, big end first ‖ previous chain value ‖ leaf)`.
pub fn chain(log_id: &[u8], number: u64, previous: &[u8], leaf: &Hash) -> Hash {
    let hash = Sha256::new().chain_update([2u8]).chain_update(log_id).chain_update(number.to_be_bytes());
    hash.chain_update(previous).chain_update(leaf).finalize().into()
}

/// The chain value before the first event.
pub const START: Hash = [0; 32];
