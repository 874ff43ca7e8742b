//! Counting tries at a secret. A try is counted before the secret is looked at, so that many at once, on any number of processes, are not more
//! than one after the other; the one that is right takes its count back.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::domain::refusal::Refusal;
use crate::domain::throttle::Policy;
use crate::store::failure::Failure;
use crate::store::throttle;
use crate::store::writer::WriteTx;

/// What is counted: one hash for what is tried and from where.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Counted {
    key: [u8; 32],
    /// Whether a right try forgives those before it, or only takes itself back.
    forgives: bool,
}

impl Counted {
    /// Tries of one kind at something from somewhere; the texts are kept only as a hash. `forgives`: a right one forgives those before it.
    pub fn new(kind: &str, at: &str, from: &str, forgives: bool) -> Self {
        let mut hash = Sha256::new();
        for part in [kind, at, from] {
            hash.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
            hash.update(part.as_bytes());
        }
        Self { key: hash.finalize().into(), forgives }
    }
}

/// Counts a try; whether the next one will have to wait when this one is in vain.
///
/// # Errors
/// [`Refusal::TryLater`] where this one has to wait; nothing is counted then.
pub async fn count(tx: &mut WriteTx<'_>, tries: &[(Policy, Counted)]) -> Result<bool, Failure> {
    let now = tx.now;
    let mut counts = Vec::with_capacity(tries.len());
    for (policy, counted) in tries {
        let before = throttle::count(tx, counted.key).await?;
        counts.push((counted.key, policy.once_more(before, now).map_err(Refusal::TryLater)?));
    }
    let waits = counts.iter().any(|(_, count)| count.blocked_until > now);
    for (key, count) in counts {
        throttle::put(tx, key, count).await?;
    }
    Ok(waits)
}

/// Takes a try back that was right.
pub async fn was_right(tx: &mut WriteTx<'_>, tries: &[(Policy, Counted)]) -> Result<(), Failure> {
    for (_, counted) in tries {
        if counted.forgives {
            throttle::forgive(tx, counted.key).await?;
        } else {
            throttle::take_back(tx, counted.key).await?;
        }
    }
    Ok(())
}
