//! Takes out what has been kept long enough. Each piece leaves an event: of what, by which rule, how many rows.

use std::time::Duration;

use serde_json::json;
use tokio::sync::watch;

use crate::domain::access::Actor;
use crate::domain::audit::Event;
use crate::domain::retention::Kept;
use crate::store::failure::Failure;
use crate::store::writer::Intent;
use crate::store::{Store, retention};

const EVERY: Duration = Duration::from_hours(6);
/// Seconds of a day.
const DAY: i64 = 86_400;

/// Runs until it is told to stop.
pub async fn run(store: Store, mut stop: watch::Receiver<bool>) {
    // People are served first when the portal comes up.
    if !super::wait(&mut stop, super::AFTER_FAILURE).await {
        return;
    }
    loop {
        let rest = match piece(&store).await {
            Ok(true) => super::BREATH,
            Ok(false) => EVERY,
            Err(error) => {
                tracing::warn!(%error, "what was kept long enough was not taken out; it is tried again");
                EVERY
            }
        };
        if !super::wait(&mut stop, rest).await {
            return;
        }
    }
}

/// Takes one piece of each kind out; whether there was any.
///
/// # Errors
/// What the store says.
pub async fn piece(store: &Store) -> Result<bool, Failure> {
    let rules = retention::rules(&mut store.read().await?).await?;
    let mut any = false;
    for (kind, days) in rules {
        let Some(days) = days else { continue };
        any |= taken(store, kind, days).await? > 0;
    }
    if any {
        store.erased();
    }
    Ok(any)
}

async fn taken(store: &Store, kind: Kept, days: i64) -> Result<u64, Failure> {
    let intent = Intent::once(Actor::system("jobs"), "retention.apply").bulk();
    store
        .write(intent, move |tx| {
            Box::pin(async move {
                let before = tx.now.plus_seconds(-days * DAY);
                let rows = retention::apply(tx, kind, before).await?;
                if rows > 0 {
                    let detail = json!({ "kind": kind.code(), "days": days, "rows": rows });
                    tx.record(Event::new("retention.applied", "organisation", "", None).detail(detail));
                }
                Ok(rows)
            })
        })
        .await
}
