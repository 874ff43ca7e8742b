//! A small model of the ledger, written without the portal's rules, and long sequences of orders: both engines have to say what the model says, for
//! each order, and to hold what it holds.

use std::collections::{BTreeMap, HashMap};

use counterfoil::actions::budgets_move::{Carried, carry_out};
use counterfoil::actions::budgets_plan::{Ask, Order, StatedRate};
use counterfoil::domain::id::{BudgetId, PostingId};
use counterfoil::domain::time::Day;
use counterfoil::store::check;
use counterfoil::store::db::Sql;
use counterfoil::store::failure::Failure;
use futures_util::future::join_all;

use super::money::budget;
use super::{Dice, figure, times};
use crate::support::app::Company;
use crate::support::database::TestDb;

/// Who orders: everywhere, in North, in South.
const PEOPLE: [&str; 3] = ["Finn Finance", "Nora North", "Sara South"];
/// Region and currency.
const PURSES: [(&str, &str); 6] =
    [("North", "EUR"), ("North", "EUR"), ("North", "JPY"), ("South", "EUR"), ("North", "USD"), ("South", "EUR")];
/// Most orders on their way at once: as many as the door takes together.
const MOST: usize = 64;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Place {
    Available(usize),
    Reserved(usize),
    Spent(usize),
    /// An account of the organisation's, by its name, in a purse's currency.
    Outside(&'static str, &'static str),
}

#[derive(Clone, Copy, Debug)]
struct Leg {
    from: Place,
    to: Place,
    amount: i64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Plain,
    Reserve,
    Commit,
    /// What was voided or reversed: no way back.
    Final,
}

/// What an order that was done has left.
#[derive(Clone, Debug)]
struct Entry {
    kind: Kind,
    /// What its reversal turns round.
    legs: Vec<Leg>,
    settled: bool,
    reversed: bool,
}

/// An order by numbers of purses and entries.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Wish {
    Allocate(usize, i64),
    Adjust(usize, bool, i64),
    Transfer(usize, usize, i64, bool),
    Reserve(usize, i64),
    Commit(usize, i64),
    Void(usize),
    Reverse(usize),
}

#[derive(Clone, Debug)]
struct Sent {
    person: usize,
    key: String,
    wish: Wish,
    noted: bool,
    /// The versions that the person saw.
    seen: Vec<(usize, i64)>,
    expected: Expected,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Expected {
    New(usize),
    Again(usize),
    Refused(&'static str),
}

type Outcome<T> = Result<T, &'static str>;

#[derive(Default)]
struct Model {
    purses: Vec<BTreeMap<&'static str, i64>>,
    versions: Vec<i64>,
    outside: BTreeMap<(&'static str, &'static str), i64>,
    entries: Vec<Entry>,
    keys: HashMap<(usize, String), (Wish, bool, usize)>,
}

impl Model {
    fn holds(&mut self, place: Place) -> &mut i64 {
        match place {
            Place::Available(purse) => self.purses[purse].entry("available").or_default(),
            Place::Reserved(purse) => self.purses[purse].entry("reserved").or_default(),
            Place::Spent(purse) => self.purses[purse].entry("spent").or_default(),
            Place::Outside(account, currency) => self.outside.entry((account, currency)).or_default(),
        }
    }

    /// Everybody adjusts where she is; only finance gives money. What lies outside somebody's regions is not there.
    fn may(person: usize, purse: usize, gives: bool) -> Outcome<()> {
        match (person, PURSES[purse].0) {
            (0, _) => Ok(()),
            (1, "North") | (2, "South") if !gives => Ok(()),
            (1, "North") | (2, "South") => Err("forbidden"),
            _ => Err("not_found"),
        }
    }

    /// The purses that a wish would touch, in the order in which a person sees them.
    fn touched(&self, wish: &Wish) -> Vec<usize> {
        let of = |leg: &Leg| [purse_of(leg.from), purse_of(leg.to)].into_iter().flatten().collect::<Vec<_>>();
        let all = match wish {
            Wish::Allocate(purse, _) | Wish::Adjust(purse, ..) | Wish::Reserve(purse, _) => vec![*purse],
            Wish::Transfer(from, to, ..) => vec![*from, *to],
            Wish::Commit(entry, _) | Wish::Void(entry) | Wish::Reverse(entry) => self.entries[*entry].legs.iter().flat_map(of).collect(),
        };
        let mut once = Vec::new();
        for purse in all {
            if !once.contains(&purse) {
                once.push(purse);
            }
        }
        once
    }

    /// What becomes of it: the legs, and what kind of entry they make with what a reversal turns round.
    fn decide(&self, person: usize, wish: &Wish, noted: bool) -> Outcome<(Vec<Leg>, Kind)> {
        let positive = |amount: i64| if amount > 0 { Ok(()) } else { Err("amount_not_positive") };
        let note = || if noted { Ok(()) } else { Err("required") };
        match *wish {
            Wish::Allocate(purse, amount) => {
                Self::may(person, purse, true)?;
                positive(amount)?;
                let from = Place::Outside("funding", PURSES[purse].1);
                Ok((vec![Leg { from, to: Place::Available(purse), amount }], Kind::Plain))
            }
            Wish::Adjust(purse, up, amount) => {
                Self::may(person, purse, false)?;
                positive(amount)?;
                note()?;
                let (outside, inside) = (Place::Outside("correction", PURSES[purse].1), Place::Available(purse));
                let (from, to) = if up { (outside, inside) } else { (inside, outside) };
                Ok((vec![Leg { from, to, amount }], Kind::Plain))
            }
            Wish::Transfer(from, to, amount, rated) => {
                Self::may(person, from, false)?;
                if from == to {
                    return Err("invalid");
                }
                Self::may(person, to, false)?;
                positive(amount)?;
                let (out, into) = (PURSES[from].1, PURSES[to].1);
                let (source, destination) = (Place::Available(from), Place::Available(to));
                match (rated, out == into) {
                    (false, true) => Ok((vec![Leg { from: source, to: destination, amount }], Kind::Plain)),
                    (false, false) => Err("currency_differs"),
                    (true, true) => Err("invalid"),
                    (true, false) => {
                        let first = Leg { from: source, to: Place::Outside("exchange", out), amount };
                        let second = Leg { from: Place::Outside("exchange", into), to: destination, amount: 2 * amount };
                        Ok((vec![first, second], Kind::Plain))
                    }
                }
            }
            Wish::Reserve(purse, amount) => {
                Self::may(person, purse, false)?;
                positive(amount)?;
                note()?;
                Ok((vec![Leg { from: Place::Available(purse), to: Place::Reserved(purse), amount }], Kind::Reserve))
            }
            Wish::Commit(entry, amount) => self.settle(person, entry, Some(amount)),
            Wish::Void(entry) => self.settle(person, entry, None),
            Wish::Reverse(entry) => self.reverse(person, entry, noted),
        }
    }

    fn settle(&self, person: usize, at: usize, amount: Option<i64>) -> Outcome<(Vec<Leg>, Kind)> {
        let entry = &self.entries[at];
        // A reservation is looked for in the budget that the posting leads to.
        let purse = purse_of(entry.legs[0].to).ok_or("not_found")?;
        Self::may(person, purse, false)?;
        if entry.kind != Kind::Reserve {
            return Err("state");
        }
        if entry.settled {
            return Err("already_done");
        }
        if amount.is_some_and(|amount| amount <= 0) {
            return Err("amount_not_positive");
        }
        let (all, spent) = (entry.legs[0].amount, amount.unwrap_or(0));
        if spent > all {
            return Err("invalid");
        }
        let mut legs = Vec::new();
        if spent > 0 {
            legs.push(Leg { from: Place::Reserved(purse), to: Place::Spent(purse), amount: spent });
        }
        if all > spent {
            legs.push(Leg { from: Place::Reserved(purse), to: Place::Available(purse), amount: all - spent });
        }
        Ok((legs, if spent > 0 { Kind::Commit } else { Kind::Final }))
    }

    fn reverse(&self, person: usize, at: usize, noted: bool) -> Outcome<(Vec<Leg>, Kind)> {
        let entry = &self.entries[at];
        let ends = |leg: &Leg| [purse_of(leg.from), purse_of(leg.to)].into_iter().flatten().collect::<Vec<_>>();
        let sees = |purse: &usize| Self::may(person, *purse, false).is_ok();
        if !ends(&entry.legs[0]).iter().any(sees) {
            return Err("not_found");
        }
        match entry.kind {
            Kind::Final => return Err("state"),
            Kind::Reserve => return self.settle(person, at, None),
            Kind::Plain | Kind::Commit => {}
        }
        if !noted {
            return Err("required");
        }
        // Leg after leg: whoever sees the first is told that it was reversed, before the other is looked at.
        for leg in &entry.legs {
            if !ends(leg).iter().all(sees) {
                return Err("forbidden");
            }
            if entry.reversed {
                return Err("already_done");
            }
        }
        // What was spent out of a reservation is free again, and not set aside.
        let to = |place| if let (Kind::Commit, Place::Reserved(purse)) = (entry.kind, place) { Place::Available(purse) } else { place };
        Ok((entry.legs.iter().map(|leg| Leg { from: leg.to, to: to(leg.from), amount: leg.amount }).collect(), Kind::Final))
    }

    /// Takes an order as the portal has to.
    fn take(&mut self, person: usize, key: &str, wish: &Wish, noted: bool, seen: &[(usize, i64)]) -> Expected {
        if let Some((earlier, note, entry)) = self.keys.get(&(person, key.to_owned())) {
            return if (earlier, *note) == (wish, noted) { Expected::Again(*entry) } else { Expected::Refused("key_reused") };
        }
        let (legs, kind) = match self.decide(person, wish, noted) {
            Ok(decided) => decided,
            Err(code) => return Expected::Refused(code),
        };
        for leg in &legs {
            let left = if let Place::Available(_) = leg.from { *self.holds(leg.from) } else { i64::MAX };
            if left < leg.amount {
                return Expected::Refused("not_enough");
            }
        }
        if self.touched(wish).iter().any(|purse| !seen.contains(&(*purse, self.versions[*purse]))) {
            return Expected::Refused("stale");
        }
        for leg in &legs {
            *self.holds(leg.from) -= leg.amount;
            *self.holds(leg.to) += leg.amount;
            let (from, to) = (purse_of(leg.from), purse_of(leg.to));
            for purse in [from, to.filter(|to| Some(*to) != from)].into_iter().flatten() {
                self.versions[purse] += 1;
            }
        }
        match *wish {
            Wish::Commit(entry, _) | Wish::Void(entry) => self.entries[entry].settled = true,
            Wish::Reverse(entry) if self.entries[entry].kind == Kind::Reserve => self.entries[entry].settled = true,
            Wish::Reverse(entry) => self.entries[entry].reversed = true,
            _ => {}
        }
        let legs = if kind == Kind::Commit { legs[..1].to_vec() } else { legs };
        self.entries.push(Entry { kind, legs, settled: false, reversed: false });
        let entry = self.entries.len() - 1;
        self.keys.insert((person, key.to_owned()), (wish.clone(), noted, entry));
        Expected::New(entry)
    }

    /// Something to wish for: mostly what can be done. `known` entries have been answered.
    fn wish(&mut self, dice: &mut Dice, known: usize) -> Wish {
        let purse = dice.below(PURSES.len());
        let left = *self.holds(Place::Available(purse));
        let amount = match dice.below(40) {
            0 => 0,
            1 => -(dice.below(1_000) as i64) - 1,
            2 => left,
            3 => left + 1,
            _ => 1 + dice.below(3_000) as i64,
        };
        // Mostly of those of late, which may still be open.
        let entry = |dice: &mut Dice| if dice.often(90) { known - 1 - dice.below(known.min(400)) } else { dice.below(known) };
        match dice.below(if known == 0 { 50 } else { 100 }) {
            0..8 => Wish::Allocate(purse, amount),
            8..22 => Wish::Adjust(purse, dice.often(60), amount),
            22..36 => {
                let to = dice.below(PURSES.len());
                let rated = PURSES[purse].1 == "EUR" && PURSES[to].1 == "USD" && dice.often(80);
                Wish::Transfer(purse, to, amount, rated)
            }
            36..50 => Wish::Reserve(purse, amount),
            50..68 => {
                let entry = entry(dice);
                let all = self.entries[entry].legs[0].amount;
                let part = if dice.often(40) { all } else { 1 + dice.below(all.max(1) as usize + 1) as i64 };
                Wish::Commit(entry, if dice.often(97) { part } else { 0 })
            }
            68..80 => Wish::Void(entry(dice)),
            _ => Wish::Reverse(entry(dice)),
        }
    }
}

fn purse_of(place: Place) -> Option<usize> {
    match place {
        Place::Available(purse) | Place::Reserved(purse) | Place::Spent(purse) => Some(purse),
        Place::Outside(..) => None,
    }
}

/// One engine with what it has answered.
struct Engine {
    company: Company,
    purses: Vec<BudgetId>,
    postings: Vec<PostingId>,
}

impl Engine {
    async fn new(db: TestDb) -> Self {
        let company = Company::found(db).await;
        let mut purses = Vec::new();
        for (at, (region, currency)) in PURSES.iter().enumerate() {
            purses.push(budget(&company, &format!("Purse {at}"), region, currency, 0).await);
        }
        Self { company, purses, postings: Vec::new() }
    }

    fn order(&self, sent: &Sent) -> Order {
        let (purse, posting) = (|at: usize| self.purses[at], |at: usize| self.postings[at]);
        let ask = match sent.wish {
            Wish::Allocate(at, amount) => Ask::Allocate { budget: purse(at), amount },
            Wish::Adjust(at, up, amount) => Ask::Adjust { budget: purse(at), up, amount, reason_code: "correction".to_owned() },
            Wish::Transfer(from, to, amount, rated) => {
                let rate = StatedRate { rate: "2".to_owned(), day: Day::parse("2026-11-01").unwrap(), source: "the model".to_owned() };
                Ask::Transfer { from: purse(from), to: purse(to), amount, rate: rated.then_some(rate) }
            }
            Wish::Reserve(at, amount) => Ask::Reserve { budget: purse(at), amount },
            Wish::Commit(at, amount) => Ask::Commit { reservation: posting(at), amount },
            Wish::Void(at) => Ask::Void { reservation: posting(at) },
            Wish::Reverse(at) => Ask::Reverse { posting: posting(at) },
        };
        Order { ask, effective: None, note: if sent.noted { "because of the model".to_owned() } else { String::new() } }
    }

    /// Sends all of them at once, in this order, and compares each answer with what was expected.
    async fn send(&mut self, batch: &[Sent]) {
        let calls = batch.iter().map(|sent| {
            let seen = sent.seen.iter().map(|(purse, version)| (self.purses[*purse], *version)).collect();
            carry_out(&self.company.store, self.company.actor(PEOPLE[sent.person]), &sent.key, self.order(sent), seen)
        });
        for (sent, answer) in batch.iter().zip(join_all(calls).await) {
            match (sent.expected, answer) {
                (Expected::New(entry), Ok(Carried::Posted(id))) => {
                    assert_eq!(entry, self.postings.len());
                    self.postings.push(id);
                }
                (Expected::Again(entry), Ok(Carried::Posted(id))) => assert_eq!(self.postings[entry], id, "{sent:?}"),
                (Expected::Refused(code), Err(Failure::Refused(refusal))) => assert_eq!(refusal.code(), code, "{sent:?}: {refusal}"),
                (_, answer) => panic!("{sent:?} on {:?}: {answer:?}", self.company.store.engine()),
            }
        }
    }

    /// Compares what is kept with the model: figures and versions, their postings, and the sums of all accounts, which come to nothing.
    async fn compare(&self, model: &mut Model) {
        let mut read = self.company.store.read().await.unwrap();
        for (at, id) in self.purses.iter().enumerate() {
            let columns = "version, allocated + adjusted + carried_over - reserved - spent, reserved, spent";
            let mut sql = Sql::new("SELECT ");
            sql.push(columns).push(" FROM budget WHERE id = ").push_bind(*id);
            let row: (i64, i64, i64, i64) = read.one(sql).await.unwrap().unwrap();
            let held = [Place::Available(at), Place::Reserved(at), Place::Spent(at)].map(|place| *model.holds(place));
            assert_eq!(row, (model.versions[at], held[0], held[1], held[2]), "purse {at}");
            assert!(held[0] >= 0, "nothing was asked for that is not there");
        }
        assert_eq!(check::unbalanced(&mut read).await.unwrap(), None, "what is kept is the sum of its postings");
        let sql = "SELECT currency, account, CAST(sum(amount) AS BIGINT) FROM (\
                   SELECT currency, destination_account AS account, amount FROM posting UNION ALL \
                   SELECT currency, source_account, -amount FROM posting) AS ends GROUP BY currency, account ORDER BY currency, account";
        let sums: Vec<(String, String, i64)> = read.all(Sql::new(sql)).await.unwrap();
        for currency in ["EUR", "JPY", "USD"] {
            let of = sums.iter().filter(|sum| sum.0 == currency).map(|sum| sum.2);
            assert_eq!(of.sum::<i64>(), 0, "{currency}: {sums:?}");
            for account in ["correction", "exchange"] {
                let kept = sums.iter().find(|sum| sum.0 == currency && sum.1 == account).map_or(0, |sum| sum.2);
                assert_eq!(kept, model.outside.get(&(account, currency)).copied().unwrap_or(0), "{account} in {currency}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_sequence_has_the_answers_of_the_model_on_both_engines() {
    let mut dice = Dice::thrown("model");
    let orders = times("ORDERS", 4_000, 1_000_000);
    let (mut sqlite, mut postgres) = (Engine::new(TestDb::sqlite()).await, Engine::new(TestDb::postgres().await).await);
    let mut model = Model { purses: vec![BTreeMap::new(); PURSES.len()], versions: vec![1; PURSES.len()], ..Model::default() };
    let (mut taken, mut compared) = (0u64, 0);
    let (mut answers, mut earlier): (BTreeMap<&str, u64>, Vec<Sent>) = (BTreeMap::new(), Vec::new());
    while taken < orders {
        let (known, mut batch) = (model.entries.len(), Vec::new());
        for _ in 0..=dice.below(MOST) {
            let mut sent = fresh(&mut model, &mut dice, known, taken + batch.len() as u64);
            if dice.often(3) && !earlier.is_empty() {
                // A form sent again; now and then with other content under the same key.
                let again = &earlier[dice.below(earlier.len())];
                (sent.person, sent.key) = (again.person, again.key.clone());
                if dice.often(70) {
                    (sent.wish, sent.noted) = (again.wish.clone(), again.noted);
                }
            }
            sent.seen = model.touched(&sent.wish).iter().map(|purse| (*purse, model.versions[*purse] - i64::from(dice.often(2)))).collect();
            sent.expected = model.take(sent.person, &sent.key, &sent.wish, sent.noted, &sent.seen);
            let word = match sent.expected {
                Expected::New(_) => "done",
                Expected::Again(_) => "done before",
                Expected::Refused(code) => code,
            };
            *answers.entry(word).or_default() += 1;
            batch.push(sent);
        }
        tokio::join!(sqlite.send(&batch), postgres.send(&batch));
        taken += batch.len() as u64;
        if earlier.len() > 2_000 {
            earlier.drain(..1_000);
        }
        earlier.extend(batch);
        if taken / (orders / 8).max(1) > compared {
            compared = taken / (orders / 8).max(1);
            sqlite.compare(&mut model).await;
            postgres.compare(&mut model).await;
            println!("model: {taken} orders");
        }
    }
    sqlite.compare(&mut model).await;
    postgres.compare(&mut model).await;
    for engine in [sqlite, postgres] {
        engine.company.check_audit().await;
        engine.company.store.close().await;
    }
    figure(&format!("model: {taken} orders, the same on both engines and in the model: {answers:?}"));
    for word in ["done", "done before", "not_enough", "stale", "key_reused", "already_done", "not_found", "forbidden", "currency_differs"] {
        assert!(answers.contains_key(word), "{word} was never the answer: {answers:?}");
    }
}

/// Somebody's next order, with a key of its own.
fn fresh(model: &mut Model, dice: &mut Dice, known: usize, number: u64) -> Sent {
    let person = if dice.often(70) { 0 } else { 1 + dice.below(2) };
    let (wish, noted) = (model.wish(dice, known), dice.often(97));
    Sent { person, key: format!("model-key-{number:012}"), wish, noted, seen: Vec::new(), expected: Expected::Refused("") }
}
