//! The pace of what is sent to the portal: a body that stands still, or trickles, ends its request. Headers have a limit of their own in the
//! server; without this one a few hundred connections could be held open for ever by sending a byte now and then (security.md 6.3).

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use actix_web::dev::Payload;
use actix_web::error::PayloadError;
use actix_web::web::Bytes;
use futures_util::Stream;
use tokio::time::{Instant, Sleep, sleep};

/// How long a body may come at any pace.
const GRACE: Duration = Duration::from_secs(10);
/// After that it has to have come at this many bytes a second since it began.
const LEAST_RATE: u64 = 1024;

/// The body with its pace watched. `still` is how long it may stand still.
pub fn paced(body: Payload, still: Duration) -> Payload {
    if matches!(body, Payload::None) {
        return body;
    }
    let paced = Paced { body, still, bytes: 0, waited: Duration::ZERO, since: None, late: Box::pin(sleep(still)) };
    Payload::Stream { payload: Box::pin(paced) }
}

/// Whether a body ended because it was too slow.
pub fn was_too_slow(error: &actix_web::Error) -> bool {
    matches!(error.as_error::<PayloadError>(), Some(PayloadError::Io(error)) if error.kind() == io::ErrorKind::TimedOut)
}

struct Paced {
    body: Payload,
    still: Duration,
    bytes: u64,
    /// How long the sender was waited for, without what the reader took for its own work.
    waited: Duration,
    /// Since when it is waited for.
    since: Option<Instant>,
    late: Pin<Box<Sleep>>,
}

impl Paced {
    /// How much longer the next piece may take.
    fn patience(&self) -> Duration {
        self.still.min((GRACE + Duration::from_secs(self.bytes / LEAST_RATE)).saturating_sub(self.waited))
    }
}

impl Stream for Paced {
    type Item = Result<Bytes, PayloadError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        if let Poll::Ready(piece) = Pin::new(&mut this.body).poll_next(cx) {
            this.waited += this.since.take().map(|since| since.elapsed()).unwrap_or_default();
            this.bytes += piece.as_ref().and_then(|piece| piece.as_ref().ok()).map_or(0, |piece| piece.len() as u64);
            return Poll::Ready(piece);
        }
        if this.since.is_none() {
            let now = Instant::now();
            this.since = Some(now);
            let until = now + this.patience();
            this.late.as_mut().reset(until);
        }
        this.late.as_mut().poll(cx).map(|()| {
            let slow = io::Error::new(io::ErrorKind::TimedOut, "the body came too slowly");
            Some(Err(PayloadError::Io(slow)))
        })
    }
}

#[cfg(test)]
mod tests {
    use futures_util::StreamExt;

    use super::*;

    /// Pieces of `size` bytes, one each `every`.
    fn body(size: usize, every: Duration, pieces: usize) -> Payload {
        let stream = futures_util::stream::iter(0..pieces).then(move |_| async move {
            sleep(every).await;
            Ok::<_, PayloadError>(Bytes::from(vec![b'x'; size]))
        });
        Payload::Stream { payload: Box::pin(stream) }
    }

    /// Seconds until it ended, and whether it came whole.
    async fn read(body: Payload) -> (u64, bool) {
        let began = Instant::now();
        let mut paced = paced(body, Duration::from_secs(30));
        while let Some(piece) = paced.next().await {
            if piece.is_err() {
                return (began.elapsed().as_secs(), false);
            }
        }
        (began.elapsed().as_secs(), true)
    }

    #[tokio::test(start_paused = true)]
    async fn a_trickle_ends_and_what_is_slow_but_steady_comes_whole() {
        assert_eq!(read(body(1, Duration::from_secs(1), 1_000)).await, (10, false));
        assert_eq!(read(body(8 << 10, Duration::from_secs(31), 3)).await, (10, false));
        assert_eq!(read(body(2 << 10, Duration::from_secs(1), 300)).await, (300, true));
        assert_eq!(read(body(1 << 20, Duration::from_secs(29), 3)).await.1, false, "the first piece has ten seconds");
        assert_eq!(read(body(1 << 20, Duration::from_secs(9), 40)).await, (360, true));
    }
}
