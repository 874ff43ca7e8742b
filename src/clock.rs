//! The only place where time and randomness come from.
//!
//! Everything else takes a [`Clock`] or a [`Random`] as an argument, so that a test or the demo can hold the time still and draw the
//! same numbers twice. Both are cheap to clone and safe to share between threads.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use rand::rand_core::UnwrapErr;
use rand::rngs::{SysRng, Xoshiro256PlusPlus};
use rand::{Rng, SeedableRng};
use uuid::Uuid;

/// Tells the time in microseconds since 1970-01-01T00:00:00Z.
#[derive(Clone)]
pub struct Clock(Source);

#[derive(Clone)]
enum Source {
    System,
    Held(Arc<AtomicI64>),
}

impl Clock {
    /// The machine's clock.
    pub fn system() -> Self {
        Self(Source::System)
    }

    /// A clock that stands at `micros` until [`Clock::advance`] or [`Clock::set`] moves it. All clones move together.
    pub fn fixed(micros: i64) -> Self {
        Self(Source::Held(Arc::new(AtomicI64::new(micros))))
    }

    /// Microseconds since 1970, UTC. A machine whose clock stands before 1970 reads as negative.
    #[expect(clippy::disallowed_methods, reason = "this is the one place that reads it")]
    pub fn now(&self) -> i64 {
        match &self.0 {
            Source::System => micros_of(SystemTime::now()),
            Source::Held(at) => at.load(Ordering::SeqCst),
        }
    }

    /// Moves a fixed clock by `micros` (backwards when negative); the machine's clock is not ours to move and stays.
    pub fn advance(&self, micros: i64) {
        if let Source::Held(at) = &self.0 {
            at.fetch_add(micros, Ordering::SeqCst);
        }
    }

    /// Sets a fixed clock; the machine's clock stays.
    pub fn set(&self, micros: i64) {
        if let Source::Held(at) = &self.0 {
            at.store(micros, Ordering::SeqCst);
        }
    }

    /// Starts measuring a duration. Unlike the difference of two [`Clock::now`] it never runs backwards when an operator sets the time.
    pub fn stopwatch(&self) -> Stopwatch {
        match &self.0 {
            Source::System => Stopwatch(Started::Monotonic(Instant::now())),
            Source::Held(at) => Stopwatch(Started::Held(at.clone(), at.load(Ordering::SeqCst))),
        }
    }
}

fn micros_of(time: SystemTime) -> i64 {
    let clamp = |span: Duration| i64::try_from(span.as_micros()).unwrap_or(i64::MAX);
    match time.duration_since(UNIX_EPOCH) {
        Ok(after) => clamp(after),
        Err(before) => -clamp(before.duration()),
    }
}

/// A running measurement, from [`Clock::stopwatch`].
#[derive(Clone)]
pub struct Stopwatch(Started);

#[derive(Clone)]
enum Started {
    Monotonic(Instant),
    Held(Arc<AtomicI64>, i64),
}

impl Stopwatch {
    /// Time since the start; never negative.
    pub fn elapsed(&self) -> Duration {
        match &self.0 {
            Started::Monotonic(start) => start.elapsed(),
            Started::Held(at, start) => {
                let micros = at.load(Ordering::SeqCst).saturating_sub(*start);
                Duration::from_micros(u64::try_from(micros).unwrap_or(0))
            }
        }
    }

    /// Seconds since the start, for metrics.
    pub fn seconds(&self) -> f64 {
        self.elapsed().as_secs_f64()
    }
}

/// Draws random bytes, tokens and ids.
///
/// Ids drawn from one `Random` and its clones sort in the order in which they were drawn.
#[derive(Clone)]
pub struct Random(Arc<Mutex<State>>);

struct State {
    generator: Generator,
    /// The millisecond and the counter of the last id.
    last: (u64, u16),
    /// Bytes drawn ahead for ids: they are no secrets, and a system call for each of a million rows would be felt.
    ahead: [u8; 2048],
    used: usize,
}

enum Generator {
    System(UnwrapErr<SysRng>),
    Seeded(Box<Xoshiro256PlusPlus>),
}

impl Generator {
    fn fill(&mut self, bytes: &mut [u8]) {
        match self {
            Self::System(generator) => generator.fill_bytes(bytes),
            Self::Seeded(generator) => generator.fill_bytes(bytes),
        }
    }
}

/// 12 bits of counter in an id (`rand_a` of RFC 9562, section 6.2, method 1).
const COUNTER_MAX: u16 = 0x0fff;
/// A new millisecond starts its counter somewhere in the lower quarter, so that ids do not tell how many were made.
const COUNTER_START: u16 = 0x03ff;

impl Random {
    /// Bytes from the operating system.
    ///
    /// # Panics
    /// Drawing panics if the operating system has no randomness to give: nothing secret may be made without it.
    pub fn system() -> Self {
        Self::of(Generator::System(UnwrapErr(SysRng)))
    }

    /// The same bytes for the same seed, on every machine. For made-up data and tests, never for a secret.
    pub fn seeded(seed: u64) -> Self {
        Self::of(Generator::Seeded(Box::new(Xoshiro256PlusPlus::seed_from_u64(seed))))
    }

    fn of(generator: Generator) -> Self {
        Self(Arc::new(Mutex::new(State { generator, last: (0, 0), ahead: [0; 2048], used: 2048 })))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // A panic while drawing leaves no half-made state behind that could matter.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Fills `bytes`.
    pub fn fill(&self, bytes: &mut [u8]) {
        self.state().generator.fill(bytes);
    }

    /// `N` random bytes.
    pub fn bytes<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        self.fill(&mut bytes);
        bytes
    }

    /// A number from 0 up to but not including `limit`, evenly spread; 0 when `limit` is 0.
    pub fn below(&self, limit: u64) -> u64 {
        if limit == 0 {
            return 0;
        }
        // Numbers past the last whole multiple of `limit` would favour the small ones: draw again.
        let cut = u64::MAX - u64::MAX % limit;
        loop {
            let drawn = u64::from_le_bytes(self.bytes());
            if drawn < cut {
                return drawn % limit;
            }
        }
    }

    /// Text of `bytes` random bytes that can stand in a URL, a cookie or a header: base 64 with `-` and `_`, no padding.
    /// Secrets take at least 16 bytes (128 bits).
    pub fn token(&self, bytes: usize) -> String {
        let mut drawn = vec![0; bytes];
        self.fill(&mut drawn);
        url_safe(&drawn)
    }
}

fn url_safe(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for group in bytes.chunks(3) {
        let value = group.iter().enumerate().fold(0u32, |sum, (at, byte)| sum | u32::from(*byte) << (16 - 8 * at));
        for letter in 0..=group.len() {
            text.push(char::from(LETTERS[(value >> (18 - 6 * letter) & 63) as usize]));
        }
    }
    text
}

/// A UUID of version 7 for the moment `now_micros`.
///
/// Ids from one [`Random`] rise strictly, also within one millisecond and when the clock is set back: then the last millisecond goes on,
/// and when its counter is used up the next one is borrowed (RFC 9562, section 6.2). 62 random bits keep processes apart.
pub fn uuid_v7(now_micros: i64, random: &Random) -> Uuid {
    let millis = u64::try_from(now_micros).unwrap_or(0) / 1000;
    let mut state = random.state();
    let tail: [u8; 10] = state.take();
    let start = u16::from_be_bytes([tail[8], tail[9]]) & COUNTER_START;
    state.last = match state.last {
        (last, _) if millis > last => (millis, start),
        (last, COUNTER_MAX) => (last + 1, start),
        (last, counter) => (last, counter + 1),
    };
    let (millis, counter) = state.last;
    let mut rest = [0; 10];
    rest[..2].copy_from_slice(&counter.to_be_bytes());
    rest[2..].copy_from_slice(&tail[..8]);
    uuid::Builder::from_unix_timestamp_millis(millis, &rest).into_uuid()
}

impl State {
    fn take(&mut self) -> [u8; 10] {
        if self.used + 10 > self.ahead.len() {
            self.generator.fill(&mut self.ahead);
            self.used = 0;
        }
        let mut taken = [0; 10];
        taken.copy_from_slice(&self.ahead[self.used..self.used + 10]);
        self.used += 10;
        taken
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    /// 2026-11-22T17:00:00Z.
    const NOW: i64 = 1_795_366_800_000_000;

    #[test]
    fn a_fixed_clock_moves_only_when_told_and_all_clones_with_it() {
        let clock = Clock::fixed(NOW);
        let clone = clock.clone();
        let watch = clone.stopwatch();
        clock.advance(1_500_000);
        assert_eq!((clone.now(), watch.seconds()), (NOW + 1_500_000, 1.5));
        clock.set(NOW - 1);
        assert_eq!((clone.now(), watch.elapsed()), (NOW - 1, Duration::ZERO));
    }

    #[test]
    fn the_system_clock_tells_this_century_and_is_not_ours_to_move() {
        let clock = Clock::system();
        let before = clock.now();
        clock.advance(-3_600_000_000);
        clock.set(0);
        assert!(before > 1_700_000_000_000_000 && clock.now() >= before - 1_000_000);
        assert_eq!(micros_of(UNIX_EPOCH - Duration::from_micros(5)), -5);
    }

    #[test]
    fn a_seed_gives_the_same_bytes_and_the_system_never_does() {
        assert_eq!(Random::seeded(7).bytes::<40>(), Random::seeded(7).bytes::<40>());
        assert_ne!(Random::seeded(7).bytes::<40>(), Random::seeded(8).bytes::<40>());
        assert_ne!(Random::system().bytes::<40>(), Random::system().bytes::<40>());
        assert_eq!(uuid_v7(NOW, &Random::seeded(1)), uuid_v7(NOW, &Random::seeded(1)));
    }

    #[test]
    fn ids_rise_within_a_millisecond_over_overflow_and_when_the_clock_is_set_back() {
        let random = Random::system();
        let mut last = Uuid::nil();
        for step in 0..20_000i64 {
            let at = if step > 10_000 { NOW - 3_600_000_000 } else { NOW };
            let id = uuid_v7(at, &random.clone());
            assert!(id > last, "{id} after {last} at step {step}");
            assert_eq!((id.get_version_num(), id.get_variant()), (7, uuid::Variant::RFC4122));
            last = id;
        }
    }

    #[test]
    fn an_id_carries_its_millisecond() {
        let id = uuid_v7(NOW + 1_999, &Random::system());
        assert_eq!(id.as_u128() >> 80, (NOW as u128 + 1_999) / 1000);
        assert_eq!(uuid_v7(-1, &Random::system()).as_u128() >> 80, 0);
    }

    #[test]
    fn ids_of_several_threads_differ() {
        let random = Random::system();
        let draw = |random: Random| std::thread::spawn(move || (0..5_000).map(|_| uuid_v7(NOW, &random)).collect::<Vec<_>>());
        let threads: Vec<_> = (0..4).map(|_| draw(random.clone())).collect();
        let drawn: HashSet<_> = threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect();
        assert_eq!(drawn.len(), 20_000);
    }

    #[test]
    fn tokens_are_url_safe_and_as_long_as_asked() {
        assert_eq!(url_safe(b""), "");
        assert_eq!(url_safe(b"f"), "Zg");
        assert_eq!(url_safe(b"fo"), "Zm8");
        assert_eq!(url_safe(b"foobar"), "Zm9vYmFy");
        assert_eq!(url_safe(&[0xff, 0xef, 0xbe]), "_---");
        let token = Random::system().token(32);
        assert_eq!(token.len(), 43);
        assert!(token.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_'));
    }

    #[test]
    fn numbers_below_a_limit_stay_below_and_reach_every_value() {
        let random = Random::seeded(3);
        let drawn: HashSet<_> = (0..1_000).map(|_| random.below(7)).collect();
        assert_eq!(drawn, (0..7).collect());
        assert_eq!((random.below(0), random.below(1)), (0, 0));
    }
}
