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

    fn waiting(bytes: u64, waited: u64) -> Duration {
        let still = Duration::from_secs(30);
        Paced { body: Payload::None, still, bytes, waited: Duration::from_secs(waited), since: None, late: Box::pin(sleep(still)) }
            .patience()
    }

    #[tokio::test]
    async fn patience_ends_for_a_trickle_and_not_for_what_is_slow_but_steady() {
        assert_eq!(waiting(0, 0), GRACE, "the first byte has ten seconds");
        assert_eq!(waiting(9, 9), Duration::from_secs(1));
        assert_eq!(waiting(100, 11), Duration::ZERO);
        assert_eq!(waiting(2 * LEAST_RATE * 300, 300), Duration::from_secs(30), "the pace is twice what is asked");
        assert_eq!(waiting(LEAST_RATE * 300, 305), Duration::from_secs(5));
    }

    #[tokio::test]
    async fn a_body_that_stands_still_ends_in_an_error_and_one_that_comes_is_whole() {
        let piece = |()| async { Some((Ok::<_, PayloadError>(Bytes::from_static(b"x")), ())) };
        let endless = futures_util::stream::unfold((), piece).take(3).chain(futures_util::stream::pending());
        let mut still = paced(Payload::Stream { payload: Box::pin(endless) }, Duration::from_millis(30));
        for _ in 0..3 {
            assert!(still.next().await.unwrap().is_ok());
        }
        assert!(was_too_slow(&still.next().await.unwrap().unwrap_err().into()));
        let whole = futures_util::stream::unfold((), piece).take(3);
        let whole = paced(Payload::Stream { payload: Box::pin(whole) }, Duration::from_millis(30));
        assert_eq!(whole.map(|piece| piece.unwrap().len()).collect::<Vec<_>>().await, [1, 1, 1]);
    }
}
