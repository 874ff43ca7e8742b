//! Faults on purpose: processes killed under load, connections reset, disks full, a database that restarts, and long sequences of money moved.
//!
//! Each is short here. `bash tests/run faults` runs the long forms and prints their figures at the end; a number for one of them alone is
//! `COUNTERFOIL_FAULTS_KILLS=50`, and `COUNTERFOIL_FAULTS_SEED` makes the same choices again.

mod clerks;
mod disk;
mod durable;
mod kills;
mod last_unit;
mod model;
mod money;
mod resets;
mod restarts;
mod slow;

/// How often something is done: `short` times, or `long` times where the long forms are asked for (`COUNTERFOIL_FAULTS=long`), or as often as is
/// named for it alone (`COUNTERFOIL_FAULTS_NAME=NUMBER`).
pub fn times(name: &str, short: u64, long: u64) -> u64 {
    let named = std::env::var(format!("COUNTERFOIL_FAULTS_{name}")).ok().map(|text| text.parse().expect("a whole number"));
    named.unwrap_or(if std::env::var("COUNTERFOIL_FAULTS").is_ok_and(|wish| wish == "long") { long } else { short })
}

/// A line that `bash tests/run faults` shows at its end.
pub fn figure(words: &str) {
    println!("figure: {words}");
}

/// Numbers that look random and come again for the same seed (SplitMix64).
#[derive(Clone, Debug)]
pub struct Dice(u64);

impl Dice {
    /// With the seed of the environment, else one of the moment; it is printed, so that a fault can be found again.
    pub fn thrown(what: &str) -> Self {
        let moment = || counterfoil::clock::Clock::system().now() as u64;
        let seed = times("SEED", 0, 0);
        let seed = if seed == 0 { moment() } else { seed };
        println!("{what}: COUNTERFOIL_FAULTS_SEED={seed}");
        Self(seed)
    }

    /// The next number.
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// One of `0..end`.
    pub fn below(&mut self, end: usize) -> usize {
        (self.next() % end.max(1) as u64) as usize
    }

    /// Whether something happens that happens `share` times of a hundred.
    pub fn often(&mut self, share: usize) -> bool {
        self.below(100) < share
    }
}
