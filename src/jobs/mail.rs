//! Sends the letters that wait.

use tokio::sync::watch;

use crate::actions::mail;
use crate::integrations::smtp::Post;
use crate::store::Store;
use crate::store::failure::Failure;

/// What sending takes.
#[derive(Clone)]
pub struct Mailing {
    /// The way to send.
    pub post: Post,
    /// Scheme and host of the links in letters.
    pub base: String,
}

/// Runs until it is told to stop; a letter that is being sent then is sent to its end. Where even that is cut short, it waits in the table as
/// before, and is sent again when the time is over for which it belonged to this process.
pub async fn run(store: Store, mailing: Mailing, mut stop: watch::Receiver<bool>) {
    loop {
        let rest = match turn(&store, &mailing).await {
            Ok(true) => super::BREATH,
            Ok(false) => super::IDLE,
            Err(error) => {
                tracing::warn!(%error, "letters could not be looked at; it is tried again");
                super::AFTER_FAILURE
            }
        };
        if !super::wait(&mut stop, rest).await {
            return;
        }
    }
}

/// Sends one letter; whether there was one.
pub async fn turn(store: &Store, mailing: &Mailing) -> Result<bool, Failure> {
    if store.is_held() {
        return Ok(false);
    }
    let Some(letter) = mail::next(store, &mailing.base).await? else { return Ok(false) };
    let (post, id, tries) = (mailing.post.clone(), letter.id, letter.tries);
    let sending =
        tokio::task::spawn_blocking(move || post.send(&id.to_string(), &letter.name, &letter.email, &letter.subject, letter.text));
    match sending.await.map_err(std::io::Error::other)? {
        Ok(()) => mail::sent(store, id).await?,
        Err(fault) => {
            // The words may hold an address, which has no place in a log.
            tracing::warn!(tries, for_good = fault.for_good, "a letter was not taken; why stands in the table mail");
            mail::failed(store, id, tries, fault.for_good, fault.words).await?;
        }
    }
    Ok(true)
}
