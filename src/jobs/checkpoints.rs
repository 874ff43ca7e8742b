//! Signs checkpoints when they are due, and notes them outside: at the end as well, so that what a stopped portal holds is vouched for.

use std::path::Path;
use std::time::Duration;

use tokio::sync::watch;

use crate::actions::anchors::{self, Proving};
use crate::actions::{audit_keys, checkpoints, restores};
use crate::store::Store;
use crate::store::failure::Failure;

/// How long what is left to sign may keep a stopping portal.
const AT_THE_END: Duration = Duration::from_secs(4);

/// Runs until it is told to stop, which it does whatever it waits for.
pub async fn run(store: Store, proving: Proving, mut stop: watch::Receiver<bool>) {
    loop {
        let turned = tokio::select! {
            turned = turn(&store, &proving, false) => turned,
            // A sender that is gone means the same.
            _ = stop.wait_for(|stop| *stop) => break,
        };
        let rest = match turned {
            Ok(()) => super::IDLE,
            Err(error) => {
                tracing::warn!(%error, "the audit trail could not be signed or anchored; it is tried again");
                super::AFTER_FAILURE
            }
        };
        if !super::wait(&mut stop, rest).await {
            break;
        }
    }
    match tokio::time::timeout(AT_THE_END, turn(&store, &proving, true)).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::warn!(%error, "the last events were not signed or anchored"),
        Err(_) => tracing::warn!("the last events were not signed or anchored: there was no time left"),
    }
}

/// Signs what is due, or everything, and notes the newest checkpoint wherever it is not noted yet: what keeps the one does not keep the other.
pub async fn turn(store: &Store, proving: &Proving, everything: bool) -> Result<(), Failure> {
    if store.is_held() {
        return restores::look(store, proving).await.map(drop);
    }
    let signed = match &proving.key {
        Some(file) => sign(store, file, everything).await,
        None => Ok(()),
    };
    signed.and(anchors::note(store, proving, everything).await)
}

async fn sign(store: &Store, file: &Path, everything: bool) -> Result<(), Failure> {
    let signer = audit_keys::ensure(store, file).await?;
    if everything || checkpoints::due(store).await? {
        checkpoints::catch_up(store, &signer).await?;
    }
    Ok(())
}
