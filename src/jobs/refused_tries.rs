//! Puts on record how many tries were refused beyond those that stand in the trail one by one.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use crate::actions::refused_tries::Tries;
use crate::store::Store;

const EVERY: Duration = Duration::from_secs(15);

/// Runs until it is told to stop; what was counted by then is put on record before it ends.
pub async fn run(store: Store, tries: Arc<Tries>, mut stop: watch::Receiver<bool>) {
    while super::wait(&mut stop, EVERY).await {
        tries.flush(&store, false).await;
    }
    tries.flush(&store, true).await;
}
