//! What was refused is on record: who, through what, when, which address, which object as asked. Whether there is such an object is said nowhere, and
//! the event is the same either way; it belongs to no region, so that only whoever reads the whole trail reads it.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::json;

use crate::domain::access::{Actor, Permission};
use crate::domain::audit::Event;
use crate::domain::id;
use crate::domain::refused_tries::{Folded, Minutes};
use crate::store::Store;
use crate::store::failure::Failure;
use crate::store::writer::Intent;

/// How long an answer waits for its event. It is written down all the same; only a portal whose writes stand still answers before.
const PATIENCE: Duration = Duration::from_secs(1);
/// The longest address that is kept, in bytes.
const ADDRESS_MOST: usize = 200;
/// The most ids of one request that are kept.
const IDS_MOST: usize = 8;

/// A try that was refused.
#[derive(Clone, Debug)]
pub struct Try {
    /// Who tried.
    pub actor: Actor,
    /// `GET` or `POST`.
    pub method: String,
    /// The pattern of the address.
    pub route: String,
    /// The path as it was asked.
    pub path: String,
    /// Ids as they were asked for, in the path, the query or the form.
    pub ids: Vec<String>,
    /// The code of the refusal.
    pub refusal: &'static str,
    /// What was missing, where the function was refused.
    pub permission: Option<Permission>,
}

/// The tries of each person's last minute.
#[derive(Default)]
pub struct Tries(Mutex<Minutes<Actor>>);

/// The words of a path, a query or a form that have the shape of an id, in order and each once.
pub fn ids_in(text: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for word in text.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_') {
        let shaped = word.split_once('_').is_some_and(|(kind, rest)| kind.len() == 3 && id::decode(rest).is_some());
        if shaped && found.len() < IDS_MOST && !found.iter().any(|known| known == word) {
            found.push(word.to_owned());
        }
    }
    found
}

fn event(asked: &Try) -> Event {
    let object = asked.ids.first().and_then(|id| Some((id::kind(id)?, id.clone())));
    let (kind, object) = object.unwrap_or_else(|| ("address", asked.route.clone()));
    let path: String = asked.path.chars().take(ADDRESS_MOST).collect();
    let more = json!({
        "address": path, "ids": asked.ids, "method": asked.method, "permission": asked.permission.map(Permission::code), "refusal": asked.refusal,
        "route": asked.route,
    });
    Event::new("access.refused", kind, object, None).detail(more)
}

async fn write(store: &Store, actor: Actor, event: Event) -> Result<(), Failure> {
    let written = store.write(Intent::once(actor, "access.refused"), move |tx| {
        tx.record(event.clone());
        Box::pin(async { Ok(()) })
    });
    written.await
}

async fn write_folded(store: &Store, folded: Folded<Actor>) -> Result<(), Failure> {
    let person = folded.actor.person().map(|id| id.to_string()).unwrap_or_default();
    let more = json!({ "count": folded.count, "since": folded.since.iso() });
    write(store, folded.actor, Event::new("access.refused_often", "person", person, None).detail(more)).await
}

impl Tries {
    fn minutes(&self) -> MutexGuard<'_, Minutes<Actor>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts a try on record, or counts it where there were many. What keeps it from being written down is logged, and changes no answer.
    pub async fn record(&self, store: &Store, asked: Try) {
        let Some(person) = asked.actor.person() else { return };
        let (alone, before) = self.minutes().count(person, asked.actor.clone(), store.now());
        if let Some(folded) = before {
            self.told(store, folded).await;
        }
        if !alone {
            return;
        }
        let event = event(&asked);
        match tokio::time::timeout(PATIENCE, write(store, asked.actor, event)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(%error, "a refused try is not on record"),
            Err(_) => tracing::warn!("a refused try was answered before it was on record"),
        }
    }

    /// Puts on record how many more there were in the minutes that are over; with `all`, in those that are not as well.
    pub async fn flush(&self, store: &Store, all: bool) {
        let over = self.minutes().over(store.now(), all);
        for folded in over {
            self.told(store, folded).await;
        }
    }

    async fn told(&self, store: &Store, folded: Folded<Actor>) {
        let Some(person) = folded.actor.person() else { return };
        if let Err(error) = write_folded(store, folded.clone()).await {
            tracing::warn!(%error, "the number of refused tries is not on record yet");
            self.minutes().put_back(person, folded);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_found_wherever_they_stand() {
        let (one, two) = ("bud_00000000000000000000000007", "pst_7zzzzzzzzzzzzzzzzzzzzzzzzz");
        assert_eq!(ids_in(&format!("/budgets/{one}/edit?to={two}&from={one}&note=bud_nothing")), [one, two]);
        assert!(ids_in("/budgets/new?name=Ana+Example").is_empty());
        let many: String = (0..20).map(|n| format!("bud_{}&", id::encode(n))).collect();
        assert_eq!(ids_in(&many).len(), IDS_MOST);
    }
}
