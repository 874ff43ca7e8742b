//! Verifying the audit trail: a walk along the chain from the first event, and what it found.
//!
//! What it proves, and what it cannot (security.md 5.3): any change of a kept event, any missing, added or reordered one is found. Somebody who
//! can write the database and computes the whole chain afresh from the changed event on is found only by a head that was noted elsewhere.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::domain::access::{Actor, Permission};
use crate::domain::audit::{self, BODY_VERSION, Event, Hash, START};
use crate::domain::text::hex;
use crate::domain::time::Instant;
use crate::store::audit_log::{self, Head, Kept};
use crate::store::db::Reader;
use crate::store::failure::{DbError, Failure};
use crate::store::writer::Intent;
use crate::store::{Store, settings};

/// How many events are read at once.
const BATCH: i64 = 1_000;

/// What a walk along the chain found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Verdict {
    /// Every event is as it was sealed, none is missing.
    Ok {
        /// How many there are.
        events: i64,
        /// The chain's newest value, in hexadecimal: noted elsewhere, it proves later that nothing before it was touched.
        head: String,
    },
    /// The first event that is not as it was sealed.
    Broken {
        /// Its number; one past the last where the end is what is wrong.
        seq: i64,
        /// What is wrong with it.
        why: String,
    },
    /// Nothing is wrong with what is there, and nothing outside the database says that it is all there was.
    NotProven {
        /// How many there are.
        events: i64,
        /// The chain's newest value, in hexadecimal.
        head: String,
        /// What is missing for a proof.
        why: String,
    },
}

/// A verdict, and when it was reached.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Noted {
    /// What was found.
    pub verdict: Verdict,
    /// When.
    pub at: Instant,
}

/// Walks the chain of any database that can be read, such as a backup, from the first event, and stops at the first that is wrong. `progress` is told
/// (events walked, events there should be).
pub async fn walk(read: &mut impl Reader, mut progress: impl FnMut(i64, i64)) -> Result<Verdict, DbError> {
    let Some(head) = audit_log::stated_head(read).await? else {
        return Ok(Verdict::Broken { seq: 0, why: "the head of the trail is missing".to_owned() });
    };
    let (mut seq, mut chain) = (0i64, START.to_vec());
    loop {
        let events = audit_log::after(read, seq, BATCH).await?;
        if events.is_empty() {
            break;
        }
        for event in events {
            match link(&head, seq + 1, &chain, &event) {
                Ok((_, next)) => (seq, chain) = (event.seq, next.to_vec()),
                Err(why) => return Ok(Verdict::Broken { seq: seq + 1, why }),
            }
        }
        progress(seq, head.seq);
    }
    // Events are numbered from 1, so a row below that was never written by the portal.
    if audit_log::before_first(read).await? {
        return Ok(Verdict::Broken { seq: 0, why: "there is an event before the first".to_owned() });
    }
    Ok(at_the_end(&head, seq, &chain))
}

pub(super) fn at_the_end(head: &Head, seq: i64, chain: &[u8]) -> Verdict {
    let broken = |why: String| Verdict::Broken { seq: seq + 1, why };
    if seq < head.seq {
        return broken(format!("the trail ends at event {seq}, and its head says {}: the end was cut off", head.seq));
    }
    if seq > head.seq {
        return broken(format!("the trail goes on to event {seq}, and its head says {}", head.seq));
    }
    if chain != head.chain.as_slice() {
        return broken("the chain\u{2019}s last value is not the one that the head says".to_owned());
    }
    Verdict::Ok { events: seq, head: hex(chain) }
}

/// Checks one event against its number and the chain before it; its leaf and the chain value after it, or what is wrong.
pub(super) fn link(head: &Head, expected: i64, previous: &[u8], event: &Kept) -> Result<(Hash, Hash), String> {
    if event.seq != expected {
        return Err(format!("event {expected} is missing: {} follows", event.seq));
    }
    if event.body_version != BODY_VERSION {
        return Err(format!("its body is of version {}, which this program does not know", event.body_version));
    }
    let leaf = audit::leaf(&event.body);
    if leaf.as_slice() != event.leaf.as_slice() {
        return Err("its body is not the one that was sealed".to_owned());
    }
    let chain = audit::chain(&head.log_id, event.seq.unsigned_abs(), previous, &leaf);
    if chain.as_slice() != event.chain.as_slice() {
        return Err("it does not follow from the event before it".to_owned());
    }
    match differing_column(event) {
        Some(column) => Err(format!("its {column} is not what its body says")),
        None => Ok((leaf, chain)),
    }
}

/// What of a body stands in columns as well, so that it can be searched.
#[derive(Deserialize)]
struct Sealed<'b> {
    #[serde(borrow)]
    id: Cow<'b, str>,
    #[serde(borrow)]
    at: Cow<'b, str>,
    #[serde(borrow)]
    action: Cow<'b, str>,
    #[serde(borrow)]
    actor: Named<'b>,
    #[serde(borrow)]
    object: Named<'b>,
    #[serde(borrow)]
    region: Option<Cow<'b, str>>,
}

#[derive(Deserialize)]
struct Named<'b> {
    #[serde(borrow)]
    id: Cow<'b, str>,
    #[serde(borrow)]
    kind: Cow<'b, str>,
}

/// The first searchable column that says something else than the sealed body.
fn differing_column(event: &Kept) -> Option<&'static str> {
    let Ok(body) = serde_json::from_slice::<Sealed<'_>>(&event.body) else { return Some("body, which cannot be read, and") };
    let is = |column: Option<String>, sealed: &str| column.unwrap_or_default() == sealed;
    let checks = [
        ("id", is(Some(event.id.to_string()), &body.id)),
        ("time", is(Some(event.at.0.to_string()), &body.at)),
        ("kind of actor", event.actor_kind == body.actor.kind),
        ("actor", is(event.actor_id.map(|id| id.to_string()), &body.actor.id)),
        ("action", event.action == body.action),
        ("kind of object", event.object_kind == body.object.kind),
        ("object", event.object_id == body.object.id),
        ("region", event.region_id.map(|id| id.to_string()).as_deref() == body.region.as_deref()),
    ];
    checks.into_iter().find(|(_, same)| !same).map(|(name, _)| name)
}

/// Keeps a verdict for the pages that show the last one; that it was reached is itself an event.
pub async fn note(store: &Store, actor: Actor, verdict: Verdict) -> Result<Noted, Failure> {
    store
        .write(Intent::once(actor, "audit.verify"), move |tx| {
            let verdict = verdict.clone();
            Box::pin(async move {
                tx.require_everywhere(Permission::AuditRead)?;
                let said = match &verdict {
                    Verdict::Ok { events, head } => json!({ "verdict": "ok", "events": events, "head": head }),
                    Verdict::Broken { seq, why } => json!({ "verdict": "broken", "event": seq, "why": why }),
                    Verdict::NotProven { events, head, why } => {
                        json!({ "verdict": "not_proven", "events": events, "head": head, "why": why })
                    }
                };
                let noted = Noted { verdict, at: tx.now };
                // A verdict is plain data: it cannot fail to become JSON.
                settings::set(tx, settings::AUDIT_VERDICT, &serde_json::to_string(&noted).unwrap_or_default()).await?;
                tx.record(Event::new("audit.verified", "audit", "", None).detail(said));
                Ok(noted)
            })
        })
        .await
}
