//! What the portal does by itself, beside answering: one task a job, all of which end when they are told to.

use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::store::Store;

mod sessions;

/// Starts every job. Each ends soon after `stop` says so, and leaves nothing half-done.
pub fn spawn(store: &Store, stop: watch::Receiver<bool>) -> Vec<JoinHandle<()>> {
    vec![tokio::spawn(sessions::run(store.clone(), stop))]
}

/// Waits, or is told to stop: `false`.
async fn wait(stop: &mut watch::Receiver<bool>, time: Duration) -> bool {
    tokio::select! {
        () = tokio::time::sleep(time) => true,
        // A sender that is gone means the same.
        _ = stop.wait_for(|stop| *stop) => false,
    }
}
