//! A running portal over a small company, and clients that behave like a browser without script.
//!
//! Regions: Global, and below it North and South. People by role, each with one grant; budgets in North and South. The clock is held at
//! [`NOW`] and moves when a test moves it.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use counterfoil::actions::imports::Limits;
use counterfoil::clock::{Clock, Random};
use counterfoil::domain::access::{Actor, Proved, Role, Who};
use counterfoil::domain::audit;
use counterfoil::domain::budget::{Account, BudgetStatus, End, Movement, Nature, PostingKind};
use counterfoil::domain::currency::Currency;
use counterfoil::domain::id::{BudgetId, GrantId, RegionId, SourceId, UserId};
use counterfoil::domain::text::hex;
use counterfoil::domain::time::Day;
use counterfoil::metrics::Metrics;
use counterfoil::store::db::Sql;
use counterfoil::store::ledger::{self, Details, NewBudget};
use counterfoil::store::regions::{self, Region};
use counterfoil::store::writer::{Intent, WriteTx};
use counterfoil::store::{Options, Store, audit_log, check, imports, people, settings};
use counterfoil::web::server::{Bound, Running};
use counterfoil::web::{Lives, Portal};

pub use super::bare::BareApp;
use super::database::TestDb;

/// 2026-11-22T12:00:00Z.
pub const NOW: i64 = 1_795_348_800_000_000;

/// The people: (name, role, region).
pub const PEOPLE: &[(&str, Role, &str)] = &[
    ("Ada Admin", Role::Administrator, "Global"),
    ("Finn Finance", Role::FinanceController, "Global"),
    ("Aud Auditor", Role::Auditor, "Global"),
    ("Nora North", Role::RegionalAdministrator, "North"),
    ("Nils North", Role::RegionalPartner, "North"),
    ("Sara South", Role::RegionalAdministrator, "South"),
    ("Sven South", Role::RegionalPartner, "South"),
];

/// The budgets: (name, region, currency), each with 10,000.00 (or ¥1,000,000) allocated.
pub const BUDGETS: &[(&str, &str, &str)] =
    &[("North one", "North", "EUR"), ("North two", "North", "EUR"), ("North yen", "North", "JPY"), ("South one", "South", "EUR")];

/// A store with the small company in it.
pub struct Company {
    /// The store.
    pub store: Store,
    /// The clock it lives by.
    pub clock: Clock,
    /// Regions by name.
    pub regions: BTreeMap<String, RegionId>,
    /// People by name.
    pub people: BTreeMap<String, UserId>,
    /// Budgets by name.
    pub budgets: BTreeMap<String, BudgetId>,
    /// Where transactions come from.
    pub source: SourceId,
    _db: TestDb,
}

impl Company {
    /// Founds it.
    pub async fn found(db: TestDb) -> Self {
        Self::found_by(db, Random::system()).await
    }

    /// The same with ids of its own.
    pub async fn found_by(db: TestDb, random: Random) -> Self {
        let clock = Clock::fixed(NOW);
        let store = Store::open(&Options::of(db.url.clone()), clock.clone(), random, Arc::new(Metrics::new())).await.unwrap();
        let made = store.write(Intent::once(Actor::system("test"), "test.found"), |tx| Box::pin(found(tx))).await.unwrap();
        let (regions, people, budgets, source) = made;
        Self { store, clock, regions, people, budgets, source, _db: db }
    }

    /// Adds a region below another; its id.
    pub async fn add_region(&self, name: &'static str, parent: &str) -> RegionId {
        let parent = self.regions[parent];
        let added = self.store.write(Intent::once(Actor::system("test"), "test.region"), move |tx| {
            Box::pin(async move {
                let above = regions::get(tx, parent).await?;
                let id = RegionId(tx.new_id());
                regions::insert(tx, &Region { id, parent_id: Some(parent), name: name.to_owned(), ..above }).await?;
                tx.access_changed();
                Ok(id)
            })
        });
        added.await.unwrap()
    }

    /// A person, as the one who acts.
    pub fn actor(&self, name: &str) -> Actor {
        Actor {
            who: Who::Person(self.people[name]),
            request_id: "test".to_owned(),
            peer: "127.0.0.1".to_owned(),
            proved: Proved::Elsewhere,
        }
    }

    /// All that is kept: rows of each table and the newest event. Sessions are left out, since people come and go, and so are refused tries, which
    /// change nothing but the trail.
    pub async fn facts(&self) -> check::Facts {
        let mut read = self.store.read().await.unwrap();
        let mut facts = check::facts(&mut read).await.unwrap();
        facts.tables.retain(|(name, _)| name != "session");
        let count = Sql::new("SELECT count(*) FROM audit_event WHERE action LIKE 'access.%'");
        let (refused,) = read.one::<(i64,)>(count).await.unwrap().unwrap();
        for (_, rows) in facts.tables.iter_mut().filter(|(name, _)| name == "audit_event") {
            *rows -= refused;
        }
        let newest = Sql::new("SELECT seq, chain FROM audit_event WHERE action NOT LIKE 'access.%' ORDER BY seq DESC LIMIT 1");
        let newest: Option<(i64, Vec<u8>)> = read.one(newest).await.unwrap();
        facts.head = newest.map(|(seq, chain)| (seq, hex(&chain))).unwrap_or_default();
        facts
    }

    /// Walks the audit chain by hand: numbers without gaps, every leaf and link as the bytes say, the head at the end.
    pub async fn check_audit(&self) {
        let mut read = self.store.read().await.unwrap();
        let head = audit_log::stated_head(&mut read).await.unwrap().unwrap();
        let (mut seq, mut chain) = (0i64, audit::START.to_vec());
        loop {
            let events = audit_log::after(&mut read, seq, 500).await.unwrap();
            if events.is_empty() {
                break;
            }
            for event in events {
                assert_eq!(event.seq, seq + 1, "a number is missing");
                let leaf = audit::leaf(&event.body);
                assert_eq!(event.leaf, leaf);
                chain = audit::chain(&head.log_id, event.seq.unsigned_abs(), &chain, &leaf).to_vec();
                assert_eq!(event.chain, chain);
                seq = event.seq;
            }
        }
        assert_eq!((head.seq, head.chain), (seq, chain));
    }
}

type Made = (BTreeMap<String, RegionId>, BTreeMap<String, UserId>, BTreeMap<String, BudgetId>, SourceId);

async fn found(tx: &mut WriteTx<'_>) -> Result<Made, counterfoil::store::failure::Failure> {
    settings::set(tx, settings::ORGANISATION, "Test company").await?;
    settings::set(tx, settings::TIME_ZONE, "Europe/Berlin").await?;
    settings::set(tx, settings::SETUP_DONE, "1").await?;
    // One-click sign-ins: the tests are not about passwords.
    settings::set(tx, settings::DEMO, "1").await?;
    for code in ["BHD", "EUR", "JPY", "USD"] {
        settings::add_currency(tx, Currency::parse(code).unwrap()).await?;
    }
    settings::put_reason_code(tx, "correction", "Correction", true).await?;
    let mut regions = BTreeMap::new();
    for (name, parent) in [("Global", None), ("North", Some("Global")), ("South", Some("Global"))] {
        let region = Region {
            id: RegionId(tx.new_id()),
            parent_id: parent.map(|parent: &str| regions[parent]),
            name: name.to_owned(),
            currency: "EUR".to_owned(),
            time_zone: "Europe/Berlin".to_owned(),
            fiscal_start_month: 1,
            cost_centre: String::new(),
            status: "active".to_owned(),
            version: 1,
            created_at: tx.now,
        };
        regions::insert(tx, &region).await?;
        regions.insert(name.to_owned(), region.id);
    }
    let mut staff = BTreeMap::new();
    for (name, role, region) in PEOPLE {
        let id = UserId(tx.new_id());
        let email = format!("{}@test.example", name.to_lowercase().replace(' ', "."));
        people::insert(tx, id, &email, name, None, "active").await?;
        people::insert_grant(tx, GrantId(tx.new_id()), id, *role, regions[*region], None).await?;
        staff.insert((*name).to_owned(), id);
    }
    let mut budgets = BTreeMap::new();
    for (name, region, currency) in BUDGETS {
        let currency = Currency::parse(currency).unwrap();
        let (id, from, to) = (BudgetId(tx.new_id()), Day::parse("2026-01-01").unwrap(), Day::parse("2026-12-31").unwrap());
        let (region, cost_centre, name) = (regions[*region], String::new(), (*name).to_owned());
        let new = NewBudget { id, region, name: name.clone(), currency, from, to, owner: None, cost_centre, previous: None };
        ledger::insert_budget(tx, &new, BudgetStatus::Active).await?;
        let budget = ledger::get(tx, id).await?;
        let kind = PostingKind::Allocation;
        let (source, destination) = (End::outside(Account::Funding), End::of(Account::Available, &budget));
        let movement = Movement { kind, counted: kind, source, destination, amount: 1_000_000, currency };
        ledger::post(tx, &movement, Nature::Request, &Details { effective: Some(from), ..Details::default() }).await?;
        budgets.insert(name, id);
    }
    let source = SourceId(tx.new_id());
    imports::insert_source(tx, source, "Vendor").await?;
    Ok((regions, staff, budgets, source))
}

/// A running portal.
pub struct TestApp {
    /// What lies behind it.
    pub company: Company,
    /// `http://127.0.0.1:PORT`.
    pub base: String,
    stop: Option<tokio::sync::oneshot::Sender<()>>,
    served: tokio::task::JoinHandle<std::io::Result<()>>,
}

impl TestApp {
    /// Starts it on a free port.
    pub async fn start(db: TestDb) -> Self {
        Self::limited(db, Limits { max_bytes: 64 << 20, ..Limits::default() }).await
    }

    /// The same with limits of its own for files.
    pub async fn limited(db: TestDb, limits: Limits) -> Self {
        Self::of(db, limits, |portal| portal).await
    }

    /// The same where links to choose a password are mailed.
    pub async fn mailing(db: TestDb) -> Self {
        Self::of(db, Limits { max_bytes: 64 << 20, ..Limits::default() }, |portal| portal.mailing(true)).await
    }

    /// The same with the scopes of pages taken off.
    #[cfg(debug_assertions)]
    pub async fn with_scopes_off(db: TestDb) -> Self {
        Self::of(db, Limits { max_bytes: 64 << 20, ..Limits::default() }, Portal::with_scopes_off).await
    }

    /// The same with more said of the portal.
    pub async fn of(db: TestDb, limits: Limits, dressed: impl FnOnce(Portal) -> Portal) -> Self {
        let company = Company::found(db).await;
        let lives = Lives { idle: 15 * 60, absolute: 12 * 3600 };
        let portal = dressed(Portal::new(company.store.clone(), lives, limits.max_bytes).await.unwrap().with_limits(limits));
        let listen: SocketAddr = "127.0.0.1:0".parse().unwrap();
        let bound = Bound::to(Running { listen, workers: 1, max_connections: 64, max_connections_per_peer: 64 }).unwrap();
        let base = format!("http://{}", bound.address().unwrap());
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        let served = tokio::spawn(async move { bound.serve(portal, async move { drop(stopped.await) }).await });
        Self { company, base, stop: Some(stop), served }
    }

    /// Somebody who has not signed in.
    pub fn anonymous(&self) -> Client {
        Client::at(&self.base)
    }

    /// Somebody who has.
    pub async fn signed_in(&self, name: &str) -> Client {
        let client = self.anonymous();
        let answer = client.sign_in(&self.company.people[name].to_string()).await;
        assert_eq!(answer.status, 303, "{}", answer.body);
        client
    }

    /// Stops it, and proves that the audit trail is whole.
    pub async fn finish(mut self) {
        self.company.check_audit().await;
        drop(self.stop.take());
        self.served.await.unwrap().unwrap();
        self.company.store.close().await;
    }
}

/// A browser without script.
pub struct Client {
    http: reqwest::Client,
    base: String,
    cookies: Mutex<BTreeMap<String, String>>,
}

/// What came back.
#[derive(Debug)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The headers.
    pub headers: reqwest::header::HeaderMap,
    /// The body.
    pub body: String,
}

impl Answer {
    /// The first form's token.
    pub fn csrf(&self) -> String {
        self.field("csrf")
    }

    /// The value of the first input of this name.
    pub fn field(&self, name: &str) -> String {
        let (_, rest) = self.body.split_once(&format!("name=\"{name}\" ")).unwrap_or_else(|| panic!("no field {name} in {}", self.body));
        let (_, rest) = rest.split_once("value=\"").unwrap();
        rest.split_once('"').unwrap().0.replace("&amp;", "&").replace("&#38;", "&")
    }

    /// Where it leads.
    pub fn location(&self) -> &str {
        self.headers.get("location").map_or("", |value| value.to_str().unwrap())
    }
}

impl Client {
    /// Somebody new, of the portal at this address.
    pub fn at(base: &str) -> Self {
        Self::from(base, "127.0.0.1")
    }

    /// The same, coming from another address of this machine: all of 127.0.0.0/8 are.
    pub fn from(base: &str, address: &str) -> Self {
        let builder = reqwest::Client::builder().local_address(address.parse::<std::net::IpAddr>().unwrap());
        let http = builder.redirect(reqwest::redirect::Policy::none()).build().unwrap();
        Self { http, base: base.to_owned(), cookies: Mutex::default() }
    }

    /// Signs in as a person of the demo, by her id.
    pub async fn sign_in(&self, person: &str) -> Answer {
        let page = self.get("/sign-in").await;
        self.post("/demo/sign-in", &[("csrf", page.csrf().as_str()), ("person", person)]).await
    }

    async fn send(&self, request: reqwest::RequestBuilder) -> Answer {
        self.try_send(request).await.unwrap()
    }

    /// GET of something that is no text.
    pub async fn bytes(&self, path: &str) -> (Answer, Vec<u8>) {
        self.whole(self.http.get(format!("{}{path}", self.base)).header("sec-fetch-site", "same-origin")).await.unwrap()
    }

    async fn try_send(&self, request: reqwest::RequestBuilder) -> Result<Answer, reqwest::Error> {
        Ok(self.whole(request).await?.0)
    }

    async fn whole(&self, mut request: reqwest::RequestBuilder) -> Result<(Answer, Vec<u8>), reqwest::Error> {
        let cookies: Vec<String> = self.cookies.lock().unwrap().iter().map(|(name, value)| format!("{name}={value}")).collect();
        if !cookies.is_empty() {
            request = request.header("cookie", cookies.join("; "));
        }
        let answer = request.send().await?;
        for set in answer.headers().get_all("set-cookie") {
            let (pair, rest) = set.to_str().unwrap().split_once(';').unwrap();
            let (name, value) = pair.split_once('=').unwrap();
            let mut kept = self.cookies.lock().unwrap();
            if rest.contains("Max-Age=0") {
                kept.remove(name)
            } else {
                kept.insert(name.to_owned(), value.to_owned())
            };
        }
        let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
        let bytes = answer.bytes().await?.to_vec();
        Ok((Answer { status, headers, body: String::from_utf8_lossy(&bytes).into_owned() }, bytes))
    }

    /// GET of a portal that may be gone.
    pub async fn try_get(&self, path: &str) -> Option<Answer> {
        self.try_send(self.http.get(format!("{}{path}", self.base)).header("sec-fetch-site", "same-origin")).await.ok()
    }

    /// POST to a portal that may be gone, as a page of ours sends it.
    pub async fn try_post(&self, path: &str, form: &[(&str, &str)]) -> Option<Answer> {
        self.try_send(self.http.post(format!("{}{path}", self.base)).header("sec-fetch-site", "same-origin").form(form)).await.ok()
    }

    /// GET.
    pub async fn get(&self, path: &str) -> Answer {
        self.send(self.http.get(format!("{}{path}", self.base)).header("sec-fetch-site", "same-origin")).await
    }

    /// POST of a form, as a page of ours sends it.
    pub async fn post(&self, path: &str, form: &[(&str, &str)]) -> Answer {
        self.post_from(path, form, "same-origin").await
    }

    /// POST of a form, as a page of another site sends it.
    pub async fn post_from(&self, path: &str, form: &[(&str, &str)], site: &str) -> Answer {
        self.send(self.http.post(format!("{}{path}", self.base)).header("sec-fetch-site", site).form(form)).await
    }

    /// A request of one's own making, with the cookies.
    pub async fn raw(&self, make: impl FnOnce(&reqwest::Client, &str) -> reqwest::RequestBuilder) -> Answer {
        self.send(make(&self.http, &self.base)).await
    }

    /// A cookie's value.
    pub fn cookie(&self, name: &str) -> Option<String> {
        self.cookies.lock().unwrap().get(name).cloned()
    }

    /// Plants a cookie.
    pub fn plant(&self, name: &str, value: &str) {
        self.cookies.lock().unwrap().insert(name.to_owned(), value.to_owned());
    }
}
