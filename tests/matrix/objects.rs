//! What is asked for: of each kind one object in the North and one in the South, some that are over or have moved, one that never was, and
//! something that is no id at all.

use counterfoil::actions::reviews::{self, Campaign};
use counterfoil::actions::{audit_keys, checkpoints};
use counterfoil::domain::budget::BudgetStatus;
use counterfoil::domain::currency::Currency;
use counterfoil::domain::id::{BudgetId, TransactionId, UserId, decode, encode};
use counterfoil::domain::time::Day;
use counterfoil::store::db::Sql;
use counterfoil::store::ledger::{self, NewBudget};
use counterfoil::store::writer::Intent;
use uuid::Uuid;

use super::principals::{Place, SPARE};
use super::rows::Ids;
use crate::support::app::{Client, TestApp};
use crate::support::rewards::{Reward, load, reward};
use crate::web::budgets::{budget, moved};

/// Who has an open import and an export: in the North, in the South.
pub const OWNERS: [&str; 2] = ["Nora North", "Sara South"];
const PLACES: [Place; 2] = [Place::North, Place::South];

/// One of each in the North and in the South.
pub type Two = [String; 2];

/// Everything that can be asked for.
pub struct World {
    pub regions: Two,
    pub budgets: Two,
    pub postings: Two,
    pub reserves: Two,
    pub transactions: Two,
    pub imports: Two,
    pub open: Two,
    pub mappings: Two,
    pub events: Two,
    pub exports: Two,
    pub people: Two,
    pub grants: Two,
    /// Another budget of the North.
    pub beside: String,
    /// A budget of the South that is closed.
    pub closed: String,
    /// A transaction that was in the North and is in the South.
    pub moved: String,
    /// An event of no region.
    pub placeless: String,
    source: String,
    asset: [String; 2],
    pub recipients: Two,
    pub approvals: Two,
    policy: String,
    role: String,
    pub reviews: Two,
    token: String,
}

/// One object to ask for.
#[derive(Clone, Debug)]
pub struct Target {
    pub label: &'static str,
    /// Where it is; `None` where there is no such thing.
    pub place: Option<Place>,
    /// Whose it is, where that counts.
    pub owner: &'static str,
    /// What stands in the address.
    pub ids: Vec<String>,
    /// Whether it is asked for by those alone who do not see it: what is done with it otherwise is told elsewhere.
    pub unseen_only: bool,
}

impl Target {
    fn at(label: &'static str, place: Place, id: &str) -> Self {
        Self { label, place: Some(place), owner: "", ids: vec![id.to_owned()], unseen_only: false }
    }

    fn none(label: &'static str, ids: &[&str]) -> Self {
        Self { label, place: None, owner: "", ids: ids.iter().map(|id| (*id).to_owned()).collect(), unseen_only: false }
    }

    fn unseen(self) -> Self {
        Self { unseen_only: true, ..self }
    }
}

async fn id_of(app: &TestApp, sql: Sql) -> Uuid {
    let mut read = app.company.store.read().await.unwrap();
    read.value(sql).await.unwrap()
}

/// The first of a kind of object in each place, as its text.
async fn firsts(app: &TestApp, prefix: &str, sql: &'static str, bound: [Uuid; 2]) -> Two {
    let mut found = Vec::new();
    for id in bound {
        found.push(format!("{prefix}_{}", encode(id_of(app, Sql::new(sql).bind(id)).await.as_u128())));
    }
    found.try_into().unwrap()
}

async fn closed_budget(app: &TestApp) -> BudgetId {
    let region = app.company.regions["South"];
    let made = app.company.store.write(Intent::once(app.company.actor("Ada Admin"), "test.closed"), move |tx| {
        Box::pin(async move {
            let (id, from, to) = (BudgetId(tx.new_id()), Day::parse("2025-01-01").unwrap(), Day::parse("2025-12-31").unwrap());
            let (name, currency) = ("South before".to_owned(), Currency::parse("EUR").unwrap());
            let new = NewBudget { id, region, name, currency, from, to, owner: None, cost_centre: String::new(), previous: None };
            ledger::insert_budget(tx, &new, BudgetStatus::Closed).await?;
            Ok(id)
        })
    });
    made.await.unwrap()
}

/// Puts a transaction from the North into the South, as an import does that finds it there.
async fn relocate(app: &TestApp, id: TransactionId) {
    let south = app.company.regions["South"];
    let made = app.company.store.write(Intent::once(app.company.actor("Ada Admin"), "test.move"), move |tx| {
        Box::pin(async move {
            let sql = Sql::new("UPDATE reward_transaction SET region_id = $1, recipient_id = NULL WHERE id = $2");
            tx.exec_one(sql.bind(south).bind(id)).await
        })
    });
    made.await.unwrap();
}

/// Makes an export of everything she sees, takes it, and tells its id.
pub async fn export(client: &Client, query: &str) -> String {
    let page = client.get("/exports/new").await;
    let (csrf, key) = (page.csrf(), page.field("key"));
    let form = [("csrf", csrf.as_str()), ("key", &key), ("query", query), ("columns", "view"), ("format", "machine")];
    let made = client.post("/exports", &form).await;
    assert_eq!(made.status, 303, "{}", made.body);
    assert_eq!(client.get(made.location()).await.status, 200);
    made.location().split('/').nth(2).unwrap().to_owned()
}

/// Signs the trail as it is, so that there is a checkpoint to take away.
async fn signed(app: &TestApp) {
    let folder = tempfile::tempdir().unwrap();
    let signer = audit_keys::ensure(&app.company.store, &folder.path().join("key")).await.unwrap();
    assert!(checkpoints::catch_up(&app.company.store, &signer).await.unwrap() > 0);
}

async fn reserve(client: &Client, app: &TestApp, name: &str) -> String {
    let to = format!("{}/reservations", budget(app, name));
    let at = moved(client, &to, &[("amount", "5.00"), ("note", "Set aside")]).await;
    at.split('?').next().unwrap().trim_start_matches("/postings/").to_owned()
}

/// Two requests that wait, one in each place; a policy in force that asks for nothing anybody does here; a role of the organisation's own.
async fn asked_for(app: &TestApp) -> (Two, String, String) {
    let ada = app.signed_in("Ada Admin").await;
    let csrf = ada.get("/").await.csrf();
    let global = app.company.regions["Global"].to_string();
    let mut policies = Vec::new();
    for (matter, from, key) in [("reservation", "0", "a-policy-to-ask-by"), ("carry_over", "1000000", "a-policy-that-stays")] {
        let form =
            [("csrf", csrf.as_str()), ("key", key), ("matter", matter), ("region", &global), ("currency", "EUR"), ("from_amount", from)];
        let made = ada.post("/settings/approvals/policies", &[&form[..], &[("approvers", "1")]].concat()).await;
        assert_eq!(made.status, 303, "{}", made.body);
        let newest = "SELECT id FROM approval_policy ORDER BY id DESC LIMIT 1";
        policies.push(format!("pol_{}", encode(id_of(app, Sql::new(newest)).await.as_u128())));
    }
    let mut asked = Vec::new();
    for name in ["North one", "South one"] {
        let fields = [("amount", "5.00"), ("note", "Asked for")];
        let at = moved(&ada, &format!("{}/reservations", budget(app, name)), &fields).await;
        asked.push(at.split('?').next().unwrap().trim_start_matches("/approvals/").to_owned());
    }
    let end = format!("/settings/approvals/policies/{}/end", policies[0]);
    assert_eq!(ada.post(&end, &[("csrf", csrf.as_str()), ("key", "a-policy-that-ends")]).await.status, 303);
    let form =
        [("csrf", csrf.as_str()), ("key", "a-role-of-ours"), ("from", "auditor"), ("name", "Watcher"), ("permissions", "budgets.read")];
    let made = ada.post("/roles", &form).await;
    assert_eq!(made.status, 303, "{}", made.body);
    let role = made.location().split('?').next().unwrap().trim_start_matches("/roles/").to_owned();
    (asked.try_into().unwrap(), policies.remove(1), role)
}

/// An access review in each place.
async fn reviews_of(app: &TestApp) -> Two {
    let mut made = Vec::new();
    for name in ["North", "South"] {
        let due_on = Day(app.company.store.now().day(chrono_tz::UTC).0 + 7);
        let (region, reviewers) = (app.company.regions[name], vec![app.company.people["Ada Admin"]]);
        let campaign = Campaign { name: name.to_owned(), region, roles: Vec::new(), reviewers, due_on };
        made.push(reviews::open(&app.company.store, app.company.actor("Ada Admin"), name, campaign).await.unwrap().to_string());
    }
    made.try_into().unwrap()
}

impl World {
    /// Makes it all.
    pub async fn make(app: &TestApp) -> Self {
        let company = &app.company;
        signed(app).await;
        let regions = ["North", "South"].map(|name| company.regions[name]);
        let budgets = ["North one", "South one"].map(|name| company.budgets[name]);
        let people = SPARE.map(|name| company.people[name]);
        let (mut transactions, mut imports, mut open, mut reserves, mut exports) = (vec![], vec![], vec![], vec![], vec![]);
        for (at, region) in ["North", "South"].into_iter().enumerate() {
            let name = format!("RW-{region}");
            let (import, ids) = load(company, vec![Reward { region, ..reward(&name) }], true).await;
            let rows = format!("Region,Id,Amount\n{region},P-{region},10.00\n");
            let file = format!("{region}.csv");
            open.push(crate::imports::opened(company, OWNERS[at], region, &file, rows.as_bytes()).await.to_string());
            let owner = app.signed_in(OWNERS[at]).await;
            reserves.push(reserve(&owner, app, ["North one", "South one"][at]).await);
            exports.push(export(&owner, "").await);
            transactions.push(ids[0].to_string());
            imports.push(import.to_string());
        }
        let (_, ids) = load(company, vec![reward("RW-moved")], true).await;
        relocate(app, ids[0]).await;
        let mut mappings = Vec::new();
        for name in ["North", "South"] {
            let id = id_of(app, Sql::new("SELECT id FROM mapping WHERE name = $1").bind(name)).await;
            mappings.push(format!("map_{}", encode(id.as_u128())));
        }
        let allocation = "SELECT id FROM posting WHERE destination_budget_id = $1 ORDER BY no LIMIT 1";
        let event = "SELECT id FROM audit_event WHERE region_id = $1 ORDER BY seq LIMIT 1";
        let grant = "SELECT id FROM role_grant WHERE person_id = $1";
        let placeless = id_of(app, Sql::new("SELECT id FROM audit_event WHERE region_id IS NULL ORDER BY seq LIMIT 1")).await;
        let (approvals, policy, role) = asked_for(app).await;
        let recipient = "SELECT recipient_id FROM reward_transaction WHERE region_id = $1 AND recipient_id IS NOT NULL ORDER BY no LIMIT 1";
        let spare: UserId = people[0];
        let token = counterfoil::actions::people::password_link(&company.store, company.actor("Ada Admin"), spare).await.unwrap().token;
        Self {
            postings: firsts(app, "pst", allocation, budgets.map(|id| id.0)).await,
            events: firsts(app, "evt", event, regions.map(|id| id.0)).await,
            grants: firsts(app, "grt", grant, people.map(|id| id.0)).await,
            beside: company.budgets["North two"].to_string(),
            closed: closed_budget(app).await.to_string(),
            asset: asset(app).await,
            regions: regions.map(|id| id.to_string()),
            budgets: budgets.map(|id| id.to_string()),
            people: people.map(|id| id.to_string()),
            transactions: transactions.try_into().unwrap(),
            imports: imports.try_into().unwrap(),
            open: open.try_into().unwrap(),
            reserves: reserves.try_into().unwrap(),
            exports: exports.try_into().unwrap(),
            mappings: mappings.try_into().unwrap(),
            moved: ids[0].to_string(),
            placeless: format!("evt_{}", encode(placeless.as_u128())),
            source: company.source.to_string(),
            recipients: firsts(app, "rcp", recipient, regions.map(|id| id.0)).await,
            approvals,
            policy,
            role,
            reviews: reviews_of(app).await,
            token,
        }
    }

    /// An id that nothing has.
    pub fn missing(prefix: &str) -> String {
        format!("{prefix}_{}", encode(7))
    }

    pub fn region(&self, at: usize) -> String {
        self.regions[at].clone()
    }

    pub fn budget(&self, at: usize) -> String {
        self.budgets[at].clone()
    }

    pub fn mapping(&self, at: usize) -> String {
        self.mappings[at].clone()
    }

    /// The two of a kind, one that never was, and no id at all.
    fn usual(prefix: &str, two: &Two) -> Vec<Target> {
        let mut targets: Vec<Target> =
            PLACES.iter().enumerate().map(|(at, place)| Target::at(["north", "south"][at], *place, &two[at])).collect();
        for (at, target) in targets.iter_mut().enumerate() {
            target.owner = OWNERS[at];
        }
        targets.push(Target::none("missing", &[&Self::missing(prefix)]));
        targets.push(Target::none("malformed", &[&format!("{prefix}_x")]));
        targets
    }

    fn with(mut targets: Vec<Target>, more: Target) -> Vec<Target> {
        targets.insert(2, more);
        targets
    }

    /// What an address is asked for.
    pub fn targets(&self, ids: Ids) -> Vec<Target> {
        let everywhere = |known: &[&str], unknown: &[&[&str]]| -> Vec<Target> {
            let known = Target { place: Some(Place::Global), ..Target::none("there", known) };
            [known].into_iter().chain(unknown.iter().map(|ids| Target::none("missing", ids))).collect()
        };
        match ids {
            Ids::None => vec![Target { place: Some(Place::Global), ..Target::none("no id", &[]) }],
            Ids::Asset => everywhere(&[&self.asset[0], &self.asset[1]], &[&["0", &self.asset[1]], &[&self.asset[0], "nothing.css"]]),
            Ids::PasswordToken => everywhere(&[&self.token], &[&["nothing"], &[&Self::missing("usr")]]),
            Ids::SetupToken => vec![Target::none("missing", &["nothing"]), Target::none("malformed", &["~"])],
            Ids::Region => Self::usual("reg", &self.regions),
            Ids::Budget => Self::with(Self::usual("bud", &self.budgets), Target::at("closed", Place::South, &self.closed).unseen()),
            Ids::Posting => Self::usual("pst", &self.postings),
            Ids::Reserve => Self::usual("pst", &self.reserves),
            Ids::Transaction => Self::with(Self::usual("txn", &self.transactions), Target::at("moved", Place::South, &self.moved).unseen()),
            Ids::Import | Ids::WholeImport => Self::usual("imp", &self.imports),
            Ids::OpenImport => Self::usual("imp", &self.open),
            Ids::Mapping => Self::usual("map", &self.mappings),
            Ids::Event => Self::with(Self::usual("evt", &self.events), Target::at("placeless", Place::Global, &self.placeless)),
            Ids::Export | Ids::OwnExport => Self::usual("exp", &self.exports),
            Ids::Person | Ids::WholePerson => Self::usual("usr", &self.people),
            Ids::Grant => self.grant_targets(),
            Ids::Source => everywhere(&[&self.source], &[&[&Self::missing("src")], &["src_x"]]),
            Ids::Currency => everywhere(&["EUR"], &[&["XXX"], &["~"]]),
            Ids::Reason => everywhere(&["correction"], &[&["nothing"], &["~"]]),
            Ids::Recipient => Self::usual("rcp", &self.recipients),
            Ids::Approval => Self::usual("apr", &self.approvals),
            Ids::OwnApproval | Ids::OthersApproval => {
                let mut targets = Self::usual("apr", &self.approvals);
                targets.iter_mut().filter(|target| target.place.is_some()).for_each(|target| target.owner = "Ada Admin");
                targets
            }
            Ids::Policy => everywhere(&[&self.policy], &[&[&Self::missing("pol")]]),
            Ids::Loan => vec![Target::none("missing", &[&Self::missing("dlg")]), Target::none("malformed", &["dlg_x"])],
            Ids::Passkey => vec![Target::none("missing", &[&Self::missing("psk")]), Target::none("malformed", &["psk_x"])],
            Ids::Role => everywhere(&[&self.role], &[&[&Self::missing("rol")], &["rol_x"]]),
            Ids::Report => everywhere(&["privileged-changes"], &[&["nothing"], &["~"]]),
            Ids::Review | Ids::WholeReview => Self::usual("rev", &self.reviews),
            Ids::ReviewItem => self.review_targets(),
        }
    }

    fn review_targets(&self) -> Vec<Target> {
        let pair = |at: usize| [self.reviews[at].as_str(), self.grants[at].as_str()].map(str::to_owned).to_vec();
        let there = |at: usize, label, place| Target { place: Some(place), ids: pair(at), ..Target::none(label, &[]) };
        vec![
            there(0, "north", Place::North),
            there(1, "south", Place::South),
            Target::none("another region's grant", &[&self.reviews[0], &self.grants[1]]),
            Target::none("missing", &[&Self::missing("rev"), &self.grants[0]]),
            Target::none("malformed", &[&self.reviews[0], "grt_x"]),
        ]
    }

    fn grant_targets(&self) -> Vec<Target> {
        let [nick, sue] = [self.people[0].as_str(), self.people[1].as_str()];
        let there = Target { place: Some(Place::South), ..Target::none("south", &[sue, &self.grants[1]]) };
        let missing = Target::none("missing", &[nick, &Self::missing("grt")]);
        let nobody = Target::none("missing person", &[&Self::missing("usr"), &self.grants[0]]);
        let malformed = Target::none("malformed", &[nick, "grt_x"]);
        vec![there, missing, nobody, malformed, Target::none("malformed person", &["usr_x", &self.grants[0]])]
    }

    /// The version of an object as it is kept; 1 where there is none.
    pub async fn version(app: &TestApp, ids: Ids, target: &Target) -> i64 {
        let sql = match ids {
            Ids::Region => "SELECT version FROM region WHERE id = $1",
            Ids::Budget => "SELECT version FROM budget WHERE id = $1",
            Ids::Transaction => "SELECT version FROM reward_transaction WHERE id = $1",
            Ids::OpenImport => "SELECT version FROM import_run WHERE id = $1",
            Ids::Mapping => "SELECT version FROM mapping WHERE id = $1",
            Ids::Role => "SELECT version FROM custom_role WHERE id = $1",
            _ => return 1,
        };
        let Some(id) = target.ids[0].split_once('_').and_then(|(_, text)| decode(text)) else { return 1 };
        let mut read = app.company.store.read().await.unwrap();
        let row: Option<(i64,)> = read.one(Sql::new(sql).bind(Uuid::from_u128(id))).await.unwrap();
        row.map_or(1, |row| row.0)
    }
}

/// The parts of the address of the style sheet.
async fn asset(app: &TestApp) -> [String; 2] {
    let page = app.anonymous().get("/sign-in").await;
    let address = page.body.split("\"/a/").nth(1).unwrap().split('"').next().unwrap().to_owned();
    let (hash, file) = address.split_once('/').unwrap();
    [hash.to_owned(), file.to_owned()]
}
