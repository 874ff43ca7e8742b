//! Ends requests for approval whose time is over, so that what they keep is free again.

use std::time::Duration;

use tokio::sync::watch;

use crate::actions::approvals;
use crate::store::Store;

const EVERY: Duration = Duration::from_mins(1);

/// Runs until it is told to stop.
pub async fn run(store: Store, mut stop: watch::Receiver<bool>) {
    loop {
        let rest = match approvals::expire(&store).await {
            Ok(0) => EVERY,
            Ok(ended) => {
                tracing::info!(ended, "requests for approval expired");
                super::BREATH
            }
            Err(error) => {
                tracing::warn!(%error, "requests for approval were not looked through");
                super::AFTER_FAILURE
            }
        };
        if !super::wait(&mut stop, rest).await {
            return;
        }
    }
}
