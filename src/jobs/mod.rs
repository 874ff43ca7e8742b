//! Work that nobody waits for. Each job does a small piece at a time, through the same door as everybody.

pub mod import;
pub mod search_index;

use std::time::Duration;

use tokio::task::{JoinHandle, JoinSet};

use crate::actions::imports::Limits;
use crate::store::Store;

/// How long a job that has nothing to do waits before it looks again.
const IDLE: Duration = Duration::from_secs(3);
/// How long a job rests between two pieces, so that people are served first.
const BREATH: Duration = Duration::from_millis(20);
/// How long a job waits after something went wrong.
const AFTER_FAILURE: Duration = Duration::from_secs(30);
/// Imports that are worked on at once: a small file does not wait for a large one.
const IMPORTS: usize = 2;

/// Starts every job of the process. Aborting the task ends them: a piece that has begun is committed whole or not at all.
pub fn start(store: Store, limits: Limits) -> JoinHandle<()> {
    tokio::spawn(async move {
        let mut jobs = JoinSet::new();
        jobs.spawn(index(store.clone()));
        for _ in 0..IMPORTS {
            jobs.spawn(import::work(store.clone(), limits.clone()));
        }
        // A job that panics is gone, and said so in the log; the others go on.
        while let Some(ended) = jobs.join_next().await {
            tracing::error!(error = ?ended.err(), "a job ended");
        }
    })
}

async fn index(store: Store) {
    loop {
        let rest = match search_index::piece(&store).await {
            Ok(0) => IDLE,
            Ok(_) => BREATH,
            Err(error) => {
                tracing::warn!(%error, "the search index could not be continued; it is tried again");
                AFTER_FAILURE
            }
        };
        tokio::time::sleep(rest).await;
    }
}
