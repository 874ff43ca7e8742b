//! Tries that were refused, counted for each person: the first of a minute stand in the trail one by one, the rest of it as a number, so that
//! nobody fills a disk by being refused.

use std::collections::BTreeMap;

use super::id::UserId;
use super::time::Instant;

/// How many tries of one person within [`MINUTE`] are events of their own.
pub const SINGLE_MOST: u32 = 10;
/// What counts as a minute, in seconds, from the first of them.
pub const MINUTE: i64 = 60;

/// The tries of a minute that are not events of their own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Folded<A> {
    /// Who tried, as in the last of them.
    pub actor: A,
    /// When the minute began.
    pub since: Instant,
    /// How many there were.
    pub count: u64,
}

struct Minute<A> {
    since: Instant,
    single: u32,
    folded: u64,
    actor: A,
}

/// The minutes that are not over, by person.
pub struct Minutes<A>(BTreeMap<UserId, Minute<A>>);

impl<A> Default for Minutes<A> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<A> Minute<A> {
    /// A clock that was put back ends it as well.
    fn is_over(&self, now: Instant) -> bool {
        now < self.since || now >= self.since.plus_seconds(MINUTE)
    }

    fn folded(self) -> Option<Folded<A>> {
        (self.folded > 0).then_some(Folded { actor: self.actor, since: self.since, count: self.folded })
    }
}

impl<A> Minutes<A> {
    /// Counts a try: whether it is an event of its own, and what was folded in a minute of hers that is over.
    pub fn count(&mut self, person: UserId, actor: A, now: Instant) -> (bool, Option<Folded<A>>) {
        let over = self.0.get(&person).is_some_and(|minute| minute.is_over(now));
        let before = if over { self.0.remove(&person).and_then(Minute::folded) } else { None };
        match self.0.get_mut(&person) {
            None => {
                self.0.insert(person, Minute { since: now, single: 1, folded: 0, actor });
                (true, before)
            }
            Some(minute) if minute.single < SINGLE_MOST => {
                minute.single += 1;
                (true, before)
            }
            Some(minute) => {
                minute.folded += 1;
                minute.actor = actor;
                (false, before)
            }
        }
    }

    /// Takes out what is over; with `all`, what is not over as well.
    pub fn over(&mut self, now: Instant, all: bool) -> Vec<Folded<A>> {
        let over = self.0.extract_if(.., |_, minute| all || minute.is_over(now));
        over.filter_map(|(_, minute)| minute.folded()).collect()
    }

    /// Puts back what could not be written down, to be taken out again.
    pub fn put_back(&mut self, person: UserId, folded: Folded<A>) {
        match self.0.get_mut(&person) {
            Some(minute) => minute.folded += folded.count,
            None => {
                let minute = Minute { since: folded.since, single: SINGLE_MOST, folded: folded.count, actor: folded.actor };
                self.0.insert(person, minute);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_of_a_minute_stand_alone_and_the_rest_is_a_number() {
        let (mut minutes, ana, ben) = (Minutes::default(), UserId(uuid::Uuid::from_u128(1)), UserId(uuid::Uuid::from_u128(2)));
        let at = |seconds: i64| Instant(seconds * 1_000_000);
        let alone = (0..100).filter(|n| minutes.count(ana, *n, at(n / 10)).0).count();
        assert_eq!(alone, SINGLE_MOST as usize);
        assert_eq!(minutes.count(ben, 0, at(5)), (true, None), "each has a minute of her own");
        assert_eq!(minutes.over(at(59), false), []);
        let folded = Folded { actor: 99, since: at(0), count: 90 };
        assert_eq!(minutes.count(ana, 100, at(60)), (true, Some(folded.clone())), "the next minute tells of the one before");
        minutes.put_back(ana, folded);
        assert_eq!(minutes.over(at(119), false), [], "hers began later, and his held nothing");
        assert_eq!(minutes.over(at(120), false), [Folded { actor: 100, since: at(60), count: 90 }]);
        assert_eq!(minutes.over(at(120), true), []);
    }

    #[test]
    fn the_end_takes_out_what_is_not_over_and_a_clock_put_back_stops_nothing() {
        let (mut minutes, ana) = (Minutes::default(), UserId(uuid::Uuid::from_u128(1)));
        for _ in 0..12 {
            minutes.count(ana, (), Instant(0));
        }
        assert_eq!(minutes.count(ana, (), Instant(-1)), (true, Some(Folded { actor: (), since: Instant(0), count: 2 })));
        for _ in 0..12 {
            minutes.count(ana, (), Instant(0));
        }
        let taken = minutes.over(Instant(0), true);
        assert_eq!(taken.iter().map(|folded| folded.count).sum::<u64>(), 3);
        minutes.put_back(ana, Folded { actor: (), since: Instant(0), count: 3 });
        assert_eq!(minutes.over(Instant(0), true).len(), 1, "what was put back comes again");
    }
}
