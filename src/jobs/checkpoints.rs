//! Signs checkpoints when they are due, and notes them outside: at the end as well, so that what a stopped portal holds is vouched for.

use std::path::PathBuf;
use std::time::Duration;

use tokio::sync::watch;

use crate::actions::{audit_keys, checkpoints, restores};
use crate::domain::access::Actor;
use crate::integrations::anchors::Anchor;
use crate::store::Store;
use crate::store::checkpoints as kept;
use crate::store::failure::Failure;
use crate::store::writer::Intent;

/// How long what is left to sign may keep a stopping portal.
const AT_THE_END: Duration = Duration::from_secs(4);

/// Where the key is, and where checkpoints are noted.
#[derive(Clone, Debug, Default)]
pub struct Proving {
    /// The file of the key; without one nothing is signed.
    pub key: Option<PathBuf>,
    /// Places outside.
    pub anchors: Vec<Anchor>,
}

/// Runs until it is told to stop.
pub async fn run(store: Store, proving: Proving, mut stop: watch::Receiver<bool>) {
    loop {
        let rest = match turn(&store, &proving, false).await {
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
        Ok(Err(error)) => tracing::warn!(%error, "the last events were not signed"),
        Err(_) => tracing::warn!("the last events were not signed: there was no time left"),
    }
}

/// Signs what is due, or everything, and notes the newest checkpoint wherever it is not noted yet.
pub async fn turn(store: &Store, proving: &Proving, everything: bool) -> Result<(), Failure> {
    if store.is_held() {
        return restores::released(store).await;
    }
    if let Some(file) = &proving.key
        && (everything || checkpoints::due(store).await?)
    {
        checkpoints::catch_up(store, &audit_keys::load(store, file).await?).await?;
    }
    let mut failed = None;
    for anchor in &proving.anchors {
        // One that is away keeps no other from being told.
        failed = noted(store, anchor).await.err().or(failed);
    }
    failed.map_or(Ok(()), Err)
}

async fn noted(store: &Store, anchor: &Anchor) -> Result<(), Failure> {
    let (newest, last) = (kept::newest(&mut store.lone()).await?, kept::anchored(&mut store.lone(), anchor.kind()).await?);
    let Some(row) = newest.filter(|row| last.is_none_or(|(size, _)| size < row.size)) else { return Ok(()) };
    let (place, size, kind) = (anchor.clone(), row.size, anchor.kind());
    let told = tokio::task::spawn_blocking(move || place.note(&row.note)).await;
    told.map_err(std::io::Error::other)??;
    let intent = Intent::once(Actor::system("job"), "audit.anchor");
    store.write(intent, move |tx| Box::pin(async move { kept::insert_anchor(tx, size, kind).await })).await
}
