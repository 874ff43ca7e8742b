//! Removes sessions that have ended: they let nobody in, but they tell who signed in when.

use std::time::Duration;

use tokio::sync::watch;

use crate::domain::access::Actor;
use crate::store::failure::Failure;
use crate::store::writer::Intent;
use crate::store::{Store, sessions};

const EVERY: Duration = Duration::from_mins(10);

/// Runs until it is told to stop.
pub async fn run(store: Store, mut stop: watch::Receiver<bool>) {
    loop {
        if let Err(error) = once(&store).await {
            // It is tried again next time; nothing depends on it.
            tracing::warn!(%error, "ended sessions were not removed");
        }
        if !super::wait(&mut stop, EVERY).await {
            return;
        }
    }
}

async fn once(store: &Store) -> Result<(), Failure> {
    let intent = Intent::once(Actor::system("jobs"), "session.clean");
    let removed = store.write(intent, |tx| Box::pin(async move { sessions::delete_expired(tx).await })).await?;
    if removed > 0 {
        tracing::debug!(removed, "ended sessions were removed");
    }
    Ok(())
}
