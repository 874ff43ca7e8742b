//! What proves the trail from outside the database: the key that signs it, and the places where checkpoints are noted.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;

use crate::domain::access::Actor;
use crate::domain::proof::note::Signer;
use crate::domain::proof::outside::Outside;
use crate::integrations::anchors::Anchor;
use crate::store::Store;
use crate::store::checkpoints as kept;
use crate::store::failure::Failure;
use crate::store::writer::Intent;

/// How long a place may take to answer. One that hangs keeps a thread, and no more than one.
const PATIENCE: Duration = Duration::from_secs(10);

/// A place where checkpoints are noted, one after the other.
#[derive(Clone, Debug)]
pub struct Place {
    /// What it is.
    pub anchor: Anchor,
    turn: Arc<Semaphore>,
}

/// Where the key is, and where checkpoints are noted.
#[derive(Clone, Debug, Default)]
pub struct Proving {
    /// The file of the key; without one nothing is signed.
    pub key: Option<PathBuf>,
    /// Places outside.
    pub places: Vec<Place>,
}

impl Proving {
    /// With this file of the key, and these places.
    pub fn new(key: Option<PathBuf>, anchors: impl IntoIterator<Item = Anchor>) -> Self {
        let place = |anchor| Place { anchor, turn: Arc::new(Semaphore::new(1)) };
        Self { key, places: anchors.into_iter().map(place).collect() }
    }

    /// What can be read there: the public half of the key, and what was noted; and the places that cannot be read.
    pub async fn outside(&self) -> (Outside, Vec<Anchor>) {
        let files = || self.places.iter().map(|place| place.anchor.clone()).filter(|anchor| matches!(anchor, Anchor::File(_)));
        let (key, all): (_, Vec<Anchor>) = (self.key.clone(), files().collect());
        let read = tokio::task::spawn_blocking(move || {
            let signer = key.and_then(|file| std::fs::read_to_string(file).ok()).and_then(|text| Signer::parse(&text));
            let keys = signer.map(|signer| signer.public().clone()).into_iter().collect();
            let (mut anchors, mut unread) = (Vec::new(), Vec::new());
            for anchor in all {
                match anchor.notes() {
                    Ok(notes) => anchors.extend(notes),
                    Err(_) => unread.push(anchor),
                }
            }
            (Outside { keys, anchors }, unread)
        });
        match tokio::time::timeout(PATIENCE, read).await {
            Ok(Ok(read)) => read,
            _ => (Outside::default(), files().collect()),
        }
    }
}

impl Place {
    async fn told(&self, store: &Store, signed: String) -> Result<(), Failure> {
        let noted = kept::anchored(&mut store.lone(), self.anchor.kind(), self.anchor.place()).await?.is_some();
        let (anchor, turn) = (self.anchor.clone(), self.turn.clone());
        let work = async move {
            // Kept by the thread: while it hangs, nobody else goes after it.
            let turn = turn.acquire_owned().await.map_err(std::io::Error::other)?;
            let told = tokio::task::spawn_blocking(move || {
                let _turn = turn;
                anchor.note(&signed, noted)
            });
            told.await.map_err(std::io::Error::other)?
        };
        let told = tokio::time::timeout(PATIENCE, work).await.unwrap_or_else(|_| Err(std::io::ErrorKind::TimedOut.into()));
        told.map_err(|error| std::io::Error::new(error.kind(), format!("{} cannot be noted in: {error}", self.anchor.place())).into())
    }

    async fn note(&self, store: &Store, everything: bool) -> Result<(), Failure> {
        let (kind, place) = (self.anchor.kind(), self.anchor.place());
        let newest = kept::newest(&mut store.lone()).await?;
        let last = kept::anchored(&mut store.lone(), kind, place.clone()).await?;
        let Some(row) = newest.filter(|row| last.is_none_or(|(size, _)| size < row.size)) else { return Ok(()) };
        let rests = i64::try_from(self.anchor.rests().as_micros()).unwrap_or(i64::MAX);
        if !everything && last.is_some_and(|(_, at)| (0..rests).contains(&(store.now().0 - at.0))) {
            return Ok(());
        }
        self.told(store, row.note).await?;
        let (intent, size) = (Intent::once(Actor::system("job"), "audit.anchor"), row.size);
        store
            .write(intent, move |tx| {
                let place = place.clone();
                Box::pin(async move { kept::insert_anchor(tx, size, kind, place).await })
            })
            .await
    }
}

/// Notes the newest checkpoint wherever it is not noted yet; `everything`: where it is too early as well. One place that is away keeps no other
/// from being told.
pub async fn note(store: &Store, proving: &Proving, everything: bool) -> Result<(), Failure> {
    let told = futures_util::future::join_all(proving.places.iter().map(|place| place.note(store, everything))).await;
    told.into_iter().collect()
}

/// Tells every place something signed that is no checkpoint, such as which key follows.
pub async fn tell(store: &Store, proving: &Proving, signed: &str) -> Result<(), Failure> {
    let told = proving.places.iter().map(|place| place.told(store, signed.to_owned()));
    futures_util::future::join_all(told).await.into_iter().collect()
}
