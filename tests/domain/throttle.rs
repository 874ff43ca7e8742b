//! How often something secret may be guessed.

use counterfoil::domain::throttle::{ACCOUNT, Count, DEVICE, FORGET_MOST, NETWORK, network};
use counterfoil::domain::time::Instant;

const SECOND: i64 = 1_000_000;

#[test]
fn some_tries_are_free_and_then_each_waits_twice_as_long() {
    let (mut count, mut now, mut waits): (Option<Count>, i64, Vec<i64>) = (None, 0, Vec::new());
    for _ in 0..14 {
        match ACCOUNT.once_more(count, Instant(now)) {
            Ok(next) => count = Some(next),
            Err(seconds) => {
                waits.push(seconds);
                now += seconds * SECOND;
                count = Some(ACCOUNT.once_more(count, Instant(now)).unwrap());
            }
        }
        now += SECOND;
    }
    assert_eq!(waits, [59, 119, 239, 479, 959, 1919, 3599, 3599, 3599]);
    assert_eq!(ACCOUNT.once_more(count, Instant(now)), Err(3599), "and nothing is counted meanwhile");
    let later = ACCOUNT.once_more(count, Instant(now + ACCOUNT.forget * SECOND)).unwrap();
    assert_eq!((later.failures, later.blocked_until), (1, later.last_at));
}

#[test]
fn a_day_of_guessing_is_few_guesses() {
    for (policy, most) in [(ACCOUNT, 35), (DEVICE, 40), (NETWORK, 160)] {
        let (mut count, mut now, mut tried) = (None, 0, 0);
        while now < 86_400 * SECOND {
            match policy.once_more(count, Instant(now)) {
                Ok(next) => {
                    count = Some(next);
                    tried += 1;
                }
                Err(seconds) => now += seconds * SECOND,
            }
        }
        assert!((25..=most).contains(&tried), "{tried}");
        assert!(policy.forget <= FORGET_MOST, "the job that clears up forgets nothing too early");
    }
    let broken = Count { failures: i64::MAX, last_at: Instant(0), blocked_until: Instant(0) };
    assert!(ACCOUNT.once_more(Some(broken), Instant(1)).is_ok());
}

#[test]
fn neighbours_are_one_network() {
    for (address, its) in [
        ("203.0.113.77", "203.0.113.0/24"),
        ("::ffff:203.0.113.9", "203.0.113.0/24"),
        ("2001:db8:1:2ff::9", "2001:db8:1:200::/56"),
        ("2001:db8:1:201:a:b:c:d", "2001:db8:1:200::/56"),
        ("::1", "0:0:0:0::/56"),
    ] {
        assert_eq!(network(address.parse().unwrap()), its, "{address}");
    }
}
