//! The demo's data: a company that could be real, a year of its rewards, and the faults that a finance person would recognise.
//!
//! Everything follows from a seed and from today's date. Time is stepped through the year while it is made, so that ids, postings and the audit
//! trail stand where they would.

mod approvals;
mod axes;
mod company;
mod reviews;
mod rewards;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use crate::clock::{Clock, Random};
use crate::domain::access::{Actor, Proved, Who};
use crate::domain::audit::Event;
use crate::domain::budget::{Account, Budget, BudgetStatus, End, Figures, Movement, Nature, PostingKind};
use crate::domain::currency::Currency;
use crate::domain::id::{BudgetId, GrantId, RegionId, SourceId, UserId};
use crate::domain::refusal::Refusal;
use crate::domain::time::{Day, Instant};
use crate::metrics::Metrics;
use crate::store::db_pools::Pools;
use crate::store::failure::{DbError, Failure};
use crate::store::ledger::{self, Details};
use crate::store::regions::{self, Region};
use crate::store::writer::{Intent, WriteTx};
use crate::store::{Options, Store, db_inspect, imports, people, postings, settings};

/// The seed behind every random choice.
const SEED: u64 = 20_261_122;
/// How many months of rewards there are, this one included.
const MONTHS: i32 = 12;

/// The mark of a database whose demo is being made.
const FILLING: &str = "filling";
/// The mark of one whose demo is whole.
const WHOLE: &str = "1";

/// A budget of the demo while it is made.
#[derive(Clone, Debug)]
struct Pot {
    budget: Budget,
    programme: &'static str,
    /// What is expected to be spent in one month, in minor units.
    monthly: i64,
}

/// What has been made so far.
struct World {
    store: Store,
    clock: Clock,
    random: Random,
    today: Day,
    now: Instant,
    regions: BTreeMap<&'static str, Region>,
    people: BTreeMap<&'static str, UserId>,
    pots: Vec<Pot>,
    source: SourceId,
    transactions: u64,
}

/// Fills an empty database; refuses one that holds anything but an earlier demo, which it leaves as it is. `progress` is told how many
/// transactions there are so far.
pub async fn fill(url: &str, now: Instant, transactions: u64, progress: impl Fn(u64)) -> Result<(), Failure> {
    let start = Day(now.0.div_euclid(86_400_000_000)).month_start().add_months(1 - MONTHS);
    let clock = Clock::fixed(start.start(chrono_tz::UTC).plus_seconds(-40 * 86_400).0);
    if is_foreign(url).await? {
        return Err(foreign());
    }
    let open = async || Store::open(&Options::of(url), clock.clone(), Random::seeded(SEED), Arc::new(Metrics::new())).await;
    let mut store = open().await?;
    let mut read = store.read().await?;
    let mark = settings::get(&mut read, settings::DEMO).await?;
    let is_empty = people::count(&mut read).await? == 0 && regions::root(&mut read).await?.is_none();
    drop(read);
    match mark.as_deref() {
        None => {}
        Some(FILLING) => {
            store.close().await;
            discard(url)?;
            store = open().await?;
        }
        Some(_) => {
            store.close().await;
            return Ok(());
        }
    }
    let is_empty = is_empty || mark.is_some();
    if !is_empty {
        store.close().await;
        return Err(foreign());
    }
    let today = Day(now.0.div_euclid(86_400_000_000));
    let source = SourceId(crate::clock::uuid_v7(clock.now(), &store.random));
    let random = Random::seeded(SEED + 1);
    let (regions, people, pots) = Default::default();
    let mut world = World { store, clock, random, today, now, regions, people, pots, source, transactions };
    world.company().await?;
    world.open_budgets(start).await?;
    world.policies().await?;
    rewards::pay(&world, start, now, progress).await?;
    world.requests().await?;
    world.finish(now).await?;
    world.store.close().await;
    Ok(())
}

/// Takes a demo away that was interrupted while it was made. Only a file of our own can be taken away without more ado.
fn discard(url: &str) -> Result<(), Failure> {
    let Some(file) = url.strip_prefix("sqlite:") else {
        let words = "A demo was interrupted while it was made in this database: empty the database and start again";
        return Err(Refusal::State(words.to_owned()).into());
    };
    let file = file.trim_start_matches("//");
    for end in ["", "-wal", "-shm"] {
        match std::fs::remove_file(format!("{file}{end}")) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(Failure::Io(error)),
            _ => {}
        }
    }
    Ok(())
}

fn foreign() -> Failure {
    Refusal::State("This database holds data that is not the demo\u{2019}s: the demo takes an empty one".to_owned()).into()
}

/// Whether the database holds something that is not ours, or somebody's own data: seen before anything in it is touched.
async fn is_foreign(url: &str) -> Result<bool, Failure> {
    if url.strip_prefix("sqlite:").is_some_and(|file| !Path::new(file.trim_start_matches("//")).exists()) {
        return Ok(false);
    }
    let pools = Pools::inspect(url).await?;
    let mut read = pools.read().await?;
    let tables = db_inspect::tables(&mut read).await?;
    let has = |name: &str| tables.iter().any(|table| table == name);
    let foreign = if has("setting") && has("person") && has("region") {
        let is_demo = settings::get(&mut read, settings::DEMO).await?.is_some();
        !is_demo && (people::count(&mut read).await? > 0 || regions::root(&mut read).await?.is_some())
    } else {
        tables.iter().any(|table| table != "schema_migration")
    };
    drop(read);
    pools.close().await;
    Ok(foreign)
}

fn actor(world: &World, name: &str) -> Actor {
    let who = world.people.get(name).map_or(Who::System("demo"), |id| Who::Person(*id));
    Actor { who, request_id: String::new(), peer: String::new(), proved: Proved::Elsewhere }
}

impl World {
    /// One step as the person of this name, or as the demo itself.
    async fn step<T, F>(&self, name: &str, act: F) -> Result<T, Failure>
    where
        T: serde::Serialize + serde::de::DeserializeOwned + Send + 'static,
        F: for<'t> Fn(&'t mut WriteTx<'_>) -> crate::store::writer::Running<'t, T> + Send + Sync + 'static,
    {
        self.store.write(Intent::once(actor(self, name), "demo.step"), act).await
    }

    fn region(&self, name: &str) -> Result<&Region, Failure> {
        self.regions.get(name).ok_or(Failure::Refused(Refusal::NotFound))
    }

    async fn company(&mut self) -> Result<(), Failure> {
        let source = self.source;
        self.step("", move |tx| Box::pin(organisation(tx, source))).await?;
        let made: Vec<(String, RegionId)> = self.step("", |tx| Box::pin(places(tx))).await?;
        let mut read = self.store.read().await?;
        let all = crate::domain::access::Scope::of(made.iter().map(|(_, id)| *id), true);
        for region in regions::list(&mut read, &all).await? {
            if let Some(place) = company::PLACES.iter().find(|place| place.0 == region.name) {
                self.regions.insert(place.0, region);
            }
        }
        drop(read);
        let ids: BTreeMap<String, RegionId> = made.into_iter().collect();
        let humans: Vec<(usize, UserId)> = self.step("", move |tx| Box::pin(humans(tx, ids.clone()))).await?;
        self.people = humans.into_iter().map(|(at, id)| (company::PEOPLE[at].0, id)).collect();
        Ok(())
    }

    /// This year's budgets, and last year's for one programme, closed later. Fiscal years begin when the region's do.
    async fn open_budgets(&mut self, start: Day) -> Result<(), Failure> {
        for (programme, _, regions) in company::PROGRAMMES {
            for (place, share, hundred) in company::PAYING.iter().take(*regions) {
                let region = self.region(place)?.clone();
                let fiscal = fiscal_start(self.today, region.fiscal_start_month);
                let monthly = monthly_spend(self.transactions, programme, *share, *hundred, &region);
                if *programme == "Recognition" {
                    self.open(&region, programme, fiscal.add_months(-12), monthly, start).await?;
                }
                self.open(&region, programme, fiscal, monthly, start).await?;
            }
        }
        Ok(())
    }

    async fn open(&mut self, region: &Region, programme: &'static str, from: Day, monthly: i64, start: Day) -> Result<(), Failure> {
        let to = Day(from.add_months(12).0 - 1);
        // Allocated before the demo's first month, those of later periods too: time is not to run ahead of the first files.
        self.at(Day(from.0.clamp(start.0 - 30, start.0) - 3));
        let currency = region.currency().ok_or(DbError::Broken("a region of the demo has no currency".to_owned()))?;
        let year = &to.iso()[2..4];
        let name = format!("{} {} FY{year}", region.name, programme.to_lowercase());
        let owner = self.people.get("Samuel Adeyemi").copied();
        // Some budgets are generous, some will be overspent: the seed decides.
        let generosity = 88 + i64::try_from(self.random.below(50)).unwrap_or(20);
        let amount = round(monthly * 12 * generosity / 100, currency);
        let (region_id, cost_centre) = (region.id, region.cost_centre.clone());
        let label = name.clone();
        let id: BudgetId = self
            .step("Samuel Adeyemi", move |tx| {
                let (name, cost_centre) = (label.clone(), cost_centre.clone());
                Box::pin(async move {
                    let id = BudgetId(tx.new_id());
                    let new = ledger::NewBudget { id, region: region_id, name, currency, from, to, owner, cost_centre, previous: None };
                    ledger::insert_budget(tx, &new, BudgetStatus::Active).await?;
                    move_money(tx, id, Account::Funding, Account::Available, PostingKind::Allocation, amount, from, "").await?;
                    Ok(id)
                })
            })
            .await?;
        let budget = Budget {
            id,
            region: region_id,
            name,
            currency,
            period_start: from,
            period_end: to,
            status: BudgetStatus::Active,
            version: 1,
            figures: Figures::default(),
        };
        self.pots.push(Pot { budget, programme, monthly });
        Ok(())
    }

    /// Moves the clock forward to a minute of a day's working hours, another one each day; never back, and never past the present moment.
    fn at(&self, day: Day) {
        let minute = 7 * 60 + (day.0 * 7_919).rem_euclid(9 * 60);
        let wanted = day.start(chrono_tz::UTC).plus_seconds(minute * 60 + (day.0 * 31).rem_euclid(60));
        self.until(wanted.min(self.now.plus_seconds(-600)));
    }

    /// Moves the clock forward to a moment; never back, and never past the present one.
    fn until(&self, moment: Instant) {
        let wanted = moment.0.min(self.now.0 - 60_000_000);
        if wanted > self.clock.now() {
            self.clock.set(wanted);
        }
    }

    /// Last year's budgets are closed, with nothing set aside in them any more, and the demo is whole.
    async fn finish(&self, now: Instant) -> Result<(), Failure> {
        self.clock.set(now.0);
        for pot in self.pots.iter().filter(|pot| pot.budget.period_end < self.today) {
            let (id, region) = (pot.budget.id, pot.budget.region);
            self.step("Samuel Adeyemi", move |tx| {
                Box::pin(async move {
                    let_go(tx, id).await?;
                    ledger::set_budget_status(tx, id, BudgetStatus::Closed).await?;
                    tx.record(Event::new("budget.closed", "budget", id, Some(region)));
                    Ok(())
                })
            })
            .await?;
        }
        self.step("", |tx| {
            Box::pin(async move {
                settings::set(tx, settings::DEMO, WHOLE).await?;
                settings::set(tx, settings::SETUP_DONE, "1").await?;
                Ok(())
            })
        })
        .await
    }
}

async fn organisation(tx: &mut WriteTx<'_>, source: SourceId) -> Result<(), Failure> {
    // The first thing that is written: what comes of an interruption is known for a demo.
    settings::set(tx, settings::DEMO, FILLING).await?;
    settings::set(tx, settings::ORGANISATION, company::ORGANISATION).await?;
    settings::set(tx, settings::TIME_ZONE, "Europe/Amsterdam").await?;
    for currency in company::PLACES.iter().filter_map(|place| Currency::parse(place.2)) {
        settings::add_currency(tx, currency).await?;
    }
    for (code, label) in company::REASONS {
        settings::put_reason_code(tx, code, label, true).await?;
    }
    imports::insert_source(tx, source, "Vendor portal").await?;
    crate::actions::step_up::put(tx, &company::much_money()).await?;
    tx.record(Event::new("organisation.set_up", "organisation", "", None));
    Ok(())
}

async fn places(tx: &mut WriteTx<'_>) -> Result<Vec<(String, RegionId)>, Failure> {
    let mut made: Vec<(String, RegionId)> = Vec::new();
    for (name, parent, currency, zone, month, cost_centre) in company::PLACES {
        let parent_id = parent.and_then(|parent| made.iter().find(|(known, _)| known == parent)).map(|(_, id)| *id);
        let region = Region {
            id: RegionId(tx.new_id()),
            parent_id,
            name: (*name).to_owned(),
            currency: (*currency).to_owned(),
            time_zone: (*zone).to_owned(),
            fiscal_start_month: *month,
            cost_centre: (*cost_centre).to_owned(),
            status: "active".to_owned(),
            version: 1,
            created_at: tx.now,
        };
        regions::insert(tx, &region).await?;
        tx.record(Event::new("region.added", "region", region.id, Some(region.id)));
        made.push((region.name, region.id));
    }
    Ok(made)
}

async fn humans(tx: &mut WriteTx<'_>, regions: BTreeMap<String, RegionId>) -> Result<Vec<(usize, UserId)>, Failure> {
    let mut made = Vec::new();
    for (at, (name, email, roles)) in company::PEOPLE.iter().enumerate() {
        let id = UserId(tx.new_id());
        people::insert(tx, id, email, name, None, "active").await?;
        tx.record(Event::new("person.added", "person", id, None));
        for (role, place) in *roles {
            let region = *regions.get(*place).ok_or(Refusal::NotFound)?;
            people::insert_grant(tx, GrantId(tx.new_id()), id, *role, region, None).await?;
            tx.record(Event::new("grant.given", "person", id, Some(region)).detail(serde_json::json!({ "role": role.code() })));
        }
        made.push((at, id));
    }
    Ok(made)
}

/// One posting between two accounts of the same budget, or between it and the organisation.
#[expect(clippy::too_many_arguments, reason = "the parts of one posting, each named once where it is called")]
async fn move_money(
    tx: &mut WriteTx<'_>,
    budget: BudgetId,
    from: Account,
    to: Account,
    kind: PostingKind,
    amount: i64,
    day: Day,
    reason: &'static str,
) -> Result<(), Failure> {
    let known = ledger::get(tx, budget).await?;
    let end = |account: Account| match account {
        Account::Funding | Account::Correction | Account::Exchange => End::outside(account),
        _ => End::of(account, &known),
    };
    let movement = Movement { kind, counted: kind, source: end(from), destination: end(to), amount, currency: known.currency };
    let nature = if kind == PostingKind::Spend || kind == PostingKind::Refund { Nature::Fact } else { Nature::Request };
    let reason_code = Some(reason).filter(|reason| !reason.is_empty()).map(str::to_owned);
    let details = Details { effective: Some(day), reason_code, ..Details::default() };
    ledger::post(tx, &movement, nature, &details).await?;
    Ok(())
}

/// Voids what is still set aside in a budget, on the last day of its period: the rules close no other.
async fn let_go(tx: &mut WriteTx<'_>, budget: BudgetId) -> Result<(), Failure> {
    let known = ledger::get(tx, budget).await?;
    for reservation in postings::open_reservations(tx, budget).await? {
        let (source, destination) = (End::of(Account::Reserved, &known), End::of(Account::Available, &known));
        let kind = PostingKind::Void;
        let movement = Movement { kind, counted: kind, source, destination, amount: reservation.amount, currency: known.currency };
        let details = Details { effective: Some(known.period_end), settles: Some(reservation.id), ..Details::default() };
        ledger::post(tx, &movement, Nature::Request, &details).await?;
    }
    Ok(())
}

/// The first day of the fiscal year that `today` lies in.
fn fiscal_start(today: Day, month: i64) -> Day {
    let first = today.month_start();
    (0..12).map(|back| first.add_months(-back)).find(|day| day.iso()[5..7].parse() == Ok(month)).unwrap_or(first)
}

/// What a programme of a region spends in a month, in minor units: `transactions` rewards a year of 62 euro on average, in the money of the place.
fn monthly_spend(transactions: u64, programme: &str, share: u64, hundred: i64, region: &Region) -> i64 {
    let part = company::PROGRAMMES.iter().find(|row| row.0 == programme).map_or(0, |row| row.1);
    let rewards = i64::try_from(transactions * share * part / 100_000).unwrap_or_default();
    rewards * 62 * hundred / 100 / 12 * 10i64.pow(region.currency().map_or(2, Currency::digits))
}

/// Rounded up to a full thousand of the main unit.
fn round(minor: i64, currency: Currency) -> i64 {
    let step = 1000 * 10i64.pow(currency.digits());
    (minor / step + 1) * step
}
