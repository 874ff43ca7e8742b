//! What the portal does by itself, beside answering: one task a job, a small piece at a time, through the same door as everybody.

mod approvals;
pub mod checkpoints;
pub mod import;
pub mod mail;
mod refused_tries;
pub mod retention;
pub mod search_index;
mod sessions;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::actions::anchors::Proving;
use crate::actions::imports::Limits;
use crate::actions::refused_tries::Tries;
use crate::store::Store;

/// How long a job that has nothing to do waits before it looks again.
const IDLE: Duration = Duration::from_secs(3);
/// How long a job rests between two pieces, so that people are served first.
const BREATH: Duration = Duration::from_millis(20);
/// How long a job waits after something went wrong.
const AFTER_FAILURE: Duration = Duration::from_secs(30);
/// Imports that are worked on at once: a small file does not wait for a large one.
const IMPORTS: usize = 2;

/// Starts every job. Each ends soon after `stop` says so: a piece that has begun is committed whole or not at all.
pub fn spawn(
    store: &Store,
    limits: &Limits,
    proving: &Proving,
    mailing: Option<mail::Mailing>,
    tries: &Arc<Tries>,
    stop: &watch::Receiver<bool>,
) -> Vec<JoinHandle<()>> {
    let mut jobs = vec![
        tokio::spawn(search_index::run(store.clone(), stop.clone())),
        tokio::spawn(sessions::run(store.clone(), stop.clone())),
        tokio::spawn(retention::run(store.clone(), stop.clone())),
        tokio::spawn(approvals::run(store.clone(), stop.clone())),
        tokio::spawn(refused_tries::run(store.clone(), tries.clone(), stop.clone())),
        tokio::spawn(checkpoints::run(store.clone(), proving.clone(), stop.clone())),
    ];
    jobs.extend(mailing.map(|mailing| tokio::spawn(mail::run(store.clone(), mailing, stop.clone()))));
    for _ in 0..IMPORTS {
        let (work, mut stop) = (import::work(store.clone(), limits.clone()), stop.clone());
        jobs.push(tokio::spawn(async move {
            tokio::select! {
                () = work => {}
                // A sender that is gone means the same.
                _ = stop.wait_for(|stop| *stop) => {}
            }
        }));
    }
    jobs
}

/// Waits, or is told to stop: `false`.
async fn wait(stop: &mut watch::Receiver<bool>, time: Duration) -> bool {
    tokio::select! {
        () = tokio::time::sleep(time) => true,
        // A sender that is gone means the same.
        _ = stop.wait_for(|stop| *stop) => false,
    }
}
