//! How often something secret may be guessed: a few tries are free, then each one in vain has to wait twice as long as the one before.
//!
//! An account is counted from each network apart, and from each device that the person has signed in from before: whoever guesses at somebody's
//! password locks himself out, not her. Networks are counted as well, over all accounts, for one password that is tried on everybody.

use std::net::IpAddr;

use super::time::Instant;

/// Tries in vain so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Count {
    /// How many.
    pub failures: i64,
    /// When the last one was.
    pub last_at: Instant,
    /// Until when the next one is refused unseen.
    pub blocked_until: Instant,
}

/// What is allowed. Times are seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// After this many in vain the next one has to wait.
    pub free: i64,
    /// How long it waits the first time; each time after that twice as long.
    pub first: i64,
    /// How long it waits at most.
    pub most: i64,
    /// After this long without a try all is forgotten.
    pub forget: i64,
}

/// One account, tried from one network: about thirty tries a day.
pub const ACCOUNT: Policy = Policy { free: 5, first: 60, most: 3600, forget: 86_400 };
/// One account, tried from a device that its person has signed in from before.
pub const DEVICE: Policy = Policy { free: 10, first: 60, most: 3600, forget: 86_400 };
/// One network, whatever accounts are tried.
pub const NETWORK: Policy = Policy { free: 50, first: 60, most: 900, forget: 3600 };
/// The second factor of one account, tried from wherever: about fifty tries a day, each at two of a million codes. Who tries knows the password.
pub const CODES: Policy = Policy { free: 30, first: 60, most: 3600, forget: 86_400 };
/// The longest time after which a count says nothing any more, in seconds.
pub const FORGET_MOST: i64 = 86_400;

impl Policy {
    /// The count with one more try, which is in vain until it proves otherwise.
    ///
    /// # Errors
    /// How many seconds the try has to wait, at least one.
    pub fn once_more(&self, before: Option<Count>, now: Instant) -> Result<Count, i64> {
        let before = before.filter(|count| now.0.saturating_sub(count.last_at.0) < self.forget.saturating_mul(1_000_000));
        if let Some(count) = before
            && count.blocked_until > now
        {
            return Err((count.blocked_until.0.saturating_sub(now.0).saturating_add(999_999) / 1_000_000).max(1));
        }
        let failures = before.map_or(0, |count| count.failures).saturating_add(1);
        let doublings = u32::try_from((failures - self.free).clamp(0, 30)).unwrap_or(30);
        let waits = if failures < self.free { 0 } else { self.first.saturating_mul(1 << doublings).min(self.most) };
        Ok(Count { failures, last_at: now, blocked_until: now.plus_seconds(waits) })
    }
}

/// The network that an address belongs to, for counting: what one customer of a provider usually has, 256 addresses of IPv4 (/24) and a /56 of IPv6.
pub fn network(address: IpAddr) -> String {
    match address.to_canonical() {
        IpAddr::V4(address) => {
            let [a, b, c, _] = address.octets();
            format!("{a}.{b}.{c}.0/24")
        }
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            format!("{a:x}:{b:x}:{c:x}:{:x}::/56", d & 0xff00)
        }
    }
}
