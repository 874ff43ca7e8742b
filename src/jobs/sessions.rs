//! Removes sessions that have ended, tries in vain that count no more, and devices that nobody signs in from: they tell who signed in when.

use std::time::Duration;

use tokio::sync::watch;

use crate::domain::access::Actor;
use crate::domain::throttle::FORGET_MOST;
use crate::store::failure::Failure;
use crate::store::writer::Intent;
use crate::store::{Store, mail, sessions, throttle};

const EVERY: Duration = Duration::from_mins(10);
/// How long it is kept that a letter was sent, in seconds.
const LETTER_KEPT: i64 = 30 * 86_400;
/// How long a letter that tells what was done waits to be sent, in seconds.
const NEWS_KEPT: i64 = 7 * 86_400;
/// How long a device is known that nobody signs in from, in seconds: half a year, as long as it keeps its cookie.
const DEVICE_KEPT: i64 = 180 * 86_400;

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
    let removed = store.write(intent, |tx| {
        Box::pin(async move {
            let now = tx.now;
            let ended = sessions::delete_expired(tx).await?;
            let ended = ended + mail::delete_old(tx, now.plus_seconds(-LETTER_KEPT), now.plus_seconds(-NEWS_KEPT)).await?;
            Ok(ended + throttle::delete_old(tx, now.plus_seconds(-FORGET_MOST), now.plus_seconds(-DEVICE_KEPT)).await?)
        })
    });
    let removed = removed.await?;
    if removed > 0 {
        tracing::debug!(removed, "ended sessions and old counts were removed");
    }
    Ok(())
}
