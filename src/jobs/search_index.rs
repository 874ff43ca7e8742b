//! Keeps the search index up with what comes in, and clean of whoever was erased. Until a row is indexed it is found by reading it.

use tokio::sync::watch;

use crate::domain::access::Actor;
use crate::store::failure::Failure;
use crate::store::writer::Intent;
use crate::store::{Store, transaction_search};

/// Rows in one piece: what the door is kept busy with for some tens of milliseconds.
const PIECE: i64 = 2_000;

/// Indexes the next rows; how many it was. Housekeeping: it changes nothing that anybody decided, and leaves no event.
pub async fn piece(store: &Store) -> Result<i64, Failure> {
    let mut read = store.read().await?;
    let waiting = transaction_search::is_behind(&mut read).await?;
    drop(read);
    if !waiting {
        return Ok(0);
    }
    let intent = Intent::once(Actor::system("job"), "search.index").bulk();
    store.write(intent, |tx| Box::pin(async move { Ok(transaction_search::index_more(tx, PIECE).await?) })).await
}

/// Writes some more of the index anew where somebody was erased; whether there was something to do.
pub async fn cleaned(store: &Store) -> Result<bool, Failure> {
    let mut read = store.read().await?;
    let keeps = transaction_search::keeps_erased(&mut read).await?;
    drop(read);
    if !keeps {
        return Ok(false);
    }
    let intent = Intent::once(Actor::system("job"), "search.clean").bulk();
    if store.write(intent, |tx| Box::pin(async move { Ok(transaction_search::rewrite_more(tx).await?) })).await? {
        store.erased();
    }
    Ok(true)
}

async fn turn(store: &Store) -> Result<bool, Failure> {
    Ok(piece(store).await? > 0 || cleaned(store).await?)
}

/// Runs until it is told to stop.
pub async fn run(store: Store, mut stop: watch::Receiver<bool>) {
    loop {
        let rest = match turn(&store).await {
            Ok(false) => super::IDLE,
            Ok(true) => super::BREATH,
            Err(error) => {
                tracing::warn!(%error, "the search index could not be continued; it is tried again");
                super::AFTER_FAILURE
            }
        };
        if !super::wait(&mut stop, rest).await {
            return;
        }
    }
}

/// Indexes everything there is.
pub async fn catch_up(store: &Store) -> Result<i64, Failure> {
    let mut all = 0;
    loop {
        match piece(store).await? {
            0 => return Ok(all),
            some => all += some,
        }
    }
}
