//! Every function of the store that takes a scope, asked by itself with the North alone. Above the store a page may ask twice and check once more;
//! here each has to hold by its own. The same questions with the whole organisation in scope tell of the South: there is something to be kept.

use std::collections::BTreeSet;

use counterfoil::actions::budgets::{self as budget_actions, Attributes};
use counterfoil::domain::access::{Access, Granted, Permission, Role, Scope};
use counterfoil::domain::approval::Matter;
use counterfoil::domain::budget::{Account, End, Movement, Nature, PostingKind};
use counterfoil::domain::id::*;
use counterfoil::domain::list_query::{Calendar, ListQuery};
use counterfoil::domain::time::{Day, Instant};
use counterfoil::store::approval_filter::Filter;
use counterfoil::store::approvals::{self, About, Approval, Sight};
use counterfoil::store::db::{Read, Sql};
use counterfoil::store::failure::Failure;
use counterfoil::store::ledger::{self, Details};
use counterfoil::store::transaction_list::{self, Place};
use counterfoil::store::writer::{Intent, WriteTx};
use counterfoil::store::{approval_policies, audit_log, budgets, evidence, import_rows, import_sight, imports, overview, people, postings};
use counterfoil::store::{recipients, regions, reviews, roles, transaction_detail, transaction_search, transaction_totals, transactions};

use super::canary::{self, Canary, WORD};
use super::objects::World;
use super::principals;
use crate::support::app::{Company, NOW, TestApp};
use crate::support::database::{TestDb, on_both_engines};

/// What was asked, and what came back.
type Said = Vec<(&'static str, String)>;

macro_rules! said {
    ($($call:expr),+ $(,)?) => {
        vec![$((stringify!($call), format!("{:?}", $call.await.unwrap()))),+]
    };
}

/// What the South has.
struct South {
    region: RegionId,
    budget: BudgetId,
    /// One from outside into a budget, and one within it.
    postings: [PostingId; 2],
    transaction: TransactionId,
    recipient: RecipientId,
    import: ImportId,
    /// An import that is the North's too.
    both: ImportId,
    event: EventId,
    review: ReviewId,
    /// One about money, one about a role.
    approvals: [ApprovalId; 2],
    source: SourceId,
    people: Vec<UserId>,
    /// Somebody of the South.
    sven: UserId,
    /// Who sees everything, and somebody of the North.
    ada: UserId,
    nils: UserId,
    /// The codes of all events there are.
    actions: Vec<&'static str>,
}

const EVER: (Instant, Instant) = (Instant(0), Instant(i64::MAX / 2));
const NOON: Instant = Instant(NOW);

fn today() -> Day {
    NOON.day(chrono_tz::UTC)
}

/// Somebody with every permission here.
fn access(regions: impl IntoIterator<Item = RegionId>, region: RegionId, root: bool) -> Access {
    let role = Role::Administrator;
    let id = GrantId(uuid::Uuid::nil());
    let regions = regions.into_iter().collect();
    Access::of(vec![Granted { id, role: role.into(), label: role.label().to_owned(), permissions: role.into(), region, regions, root }])
}

async fn money(read: &mut Read, scope: &Scope, south: &South) -> Said {
    let (budget, ids, all) = (south.budget, [south.budget], budgets::Wanted::default());
    said![
        budgets::matching(read, scope, &all),
        budgets::owners(read, scope),
        budgets::versions(read, scope, budget, 0),
        budgets::names(read, scope, &ids),
        ledger::find(read, scope, budget),
        overview::open_budgets(read, scope),
        overview::budget_names(read, scope, &ids),
        postings::find(read, scope, south.postings[0]),
        postings::find(read, scope, south.postings[1]),
        postings::among(read, scope, &south.postings[..1]),
        postings::among(read, scope, &south.postings[1..]),
        regions::list(read, scope),
        regions::tree(read, scope),
        regions::names(read, scope),
        regions::find(read, scope, south.region),
        regions::budget_counts(read, scope),
        regions::budgets_of(read, scope, south.region),
    ]
}

async fn rewards(read: &mut Read, scope: &Scope, south: &South) -> Said {
    let ids = [south.transaction];
    said![
        transaction_detail::find(read, scope, south.transaction),
        transaction_detail::budgets(read, scope),
        transaction_list::by_reference(read, scope, "RW-South", 5),
        transaction_search::recipients(read, scope, WORD, 5),
        recipients::find(read, scope, south.recipient),
        import_rows::known(read, scope, south.source, &[b"RW-South".to_vec()]),
        import_rows::stored(read, scope, &ids),
    ]
}

async fn uploads(read: &mut Read, scope: &Scope, south: &South) -> Said {
    let (id, nils) = (south.import, south.nils);
    let mut later = imports::get(read, id).await.unwrap().unwrap();
    later.no += 1_000;
    said![
        imports::find(read, scope, Some(nils), id),
        imports::list(read, scope, Some(nils), None, 100),
        imports::same_file(read, scope, Some(nils), &later),
        import_sight::find(read, scope, Some(nils), id),
        import_sight::regions(read, scope, south.both),
        import_sight::seen(read, scope, nils, &[id]),
    ]
}

async fn staff(read: &mut Read, scope: &Scope, south: &South) -> Said {
    said![
        people::list(read, scope),
        people::grants(read, scope, None, NOON),
        people::find_within(read, scope, south.sven),
        people::ended_grants(read, scope, south.sven, NOON),
        roles::holdings(read, Some(scope), today()),
        reviews::list(read, scope),
        reviews::find(read, scope, south.review),
        reviews::items(read, scope, None),
        reviews::items_open(read, scope, south.ada),
        approval_policies::borrowers(read, scope, south.nils, today()),
    ]
}

async fn proof(read: &mut Read, scope: &Scope, south: &South) -> Said {
    let all = audit_log::Wanted::default();
    said![
        audit_log::list(read, scope, &all, 1_000),
        audit_log::find(read, scope, south.event),
        evidence::events(read, scope, &south.actions, None, EVER),
        evidence::grants_of(read, scope, &south.people),
        evidence::approvals(read, scope, None, EVER),
        evidence::approval_regions(read, scope),
        evidence::policies(read, scope, EVER),
    ]
}

async fn requests(read: &mut Read, sight: &Sight, south: &South) -> Said {
    let all = Filter::default();
    said![
        approvals::find(read, sight, south.approvals[0]),
        approvals::find(read, sight, south.approvals[1]),
        approvals::list(read, sight, approvals::Wanted::Waiting, &all, None, 100),
        approvals::requesters(read, sight),
        approvals::seen(read, sight, &south.approvals),
    ]
}

/// The evidence of requests about money and of those about roles apart: each is kept in a table of its own.
async fn apart(read: &mut Read, scope: &Scope, south: &South) -> Said {
    let regions = evidence::approval_regions(read, scope).await.unwrap();
    let requests = evidence::approvals(read, scope, None, EVER).await.unwrap();
    let mut said = Said::new();
    for id in south.approvals {
        let at: Vec<_> = regions.iter().filter(|(approval, _)| *approval == id).collect();
        let of: Vec<_> = requests.iter().filter(|row| row.id == id).collect();
        said.extend([("regions of one", format!("{at:?}")), ("one request", format!("{of:?}"))]);
    }
    for row in transaction_detail::postings(read, scope, south.transaction).await.unwrap() {
        said.push(("transaction_detail::postings(one of them)", format!("{row:?}")));
    }
    said
}

/// Lists of transactions, by what is asked for.
async fn listed(read: &mut Read, (scope, names): (&Scope, &Scope), south: &South, text: &str) -> Said {
    let query = ListQuery::parse(text).query;
    let hidden = transactions::hidden_imports(read).await.unwrap();
    let asked = transaction_list::ask(read, scope, names, &query, Calendar::at(NOON, chrono_tz::UTC, 1), hidden).await.unwrap();
    said![
        transaction_list::page(read, &asked, Place::First),
        transaction_search::first(read, &asked, 50),
        transaction_totals::totals(read, &asked, true),
        transaction_list::page(read, &asked, Place::After(south.transaction)),
    ]
}

/// What is counted: another number in the North than in the whole.
async fn counted(read: &mut Read, scope: &Scope, south: &South) -> Said {
    let hidden = transactions::hidden_imports(read).await.unwrap();
    let row = postings::get(read, south.postings[0]).await.unwrap();
    let touched = row.touches(scope);
    let mut all = said![
        overview::loose_ends(read, scope, &hidden),
        overview::transactions(read, scope, &hidden),
        overview::by_month(read, scope, &hidden, Day(0)),
        recipients::rewards(read, scope, south.recipient),
        roles::counts(read, scope, today()),
    ];
    all.push(("postings: touches", format!("{touched}")));
    all
}

/// A request about a role in the South.
fn role_request(requester_id: UserId, tx: &WriteTx<'_>, south: RegionId, policy: PolicyId) -> (Approval, Vec<About>) {
    let id = ApprovalId(tx.new_id());
    let row = Approval {
        id,
        matter: Matter::RoleChange.code().to_owned(),
        requester_id,
        policy_id: policy,
        needed: 1,
        currency: None,
        amount: None,
        order_text: "{}".to_owned(),
        effects: "{}".to_owned(),
        content_hash: vec![0; 32],
        made_budget_id: BudgetId(tx.new_id()),
        asked_at: NOON,
        expires_at: Instant(NOW + 1),
        status: "pending".to_owned(),
        ended_at: None,
        ended_because: String::new(),
        done_posting_id: None,
    };
    (row, vec![About::region(id, south)])
}

/// What the matrix has no need of: an ended grant, a policy of the South, a request about a role, a transaction's own postings.
async fn add_more(company: &Company, transaction: TransactionId) -> ApprovalId {
    let [sara, sven] = ["Sara South", "Sven South"].map(|name| company.people[name]);
    let (south, budget) = (company.regions["South"], company.budgets["South one"]);
    let made = company.store.write(Intent::once(company.actor("Ada Admin"), "test.more"), move |tx| {
        Box::pin(async move {
            let policy = PolicyId(tx.new_id());
            let sql = Sql::new(
                "INSERT INTO approval_policy (id, matter, region_id, from_amount, approvers, created_at) VALUES ($1, 'role_change', $2, 0, 1, 0)",
            );
            tx.exec_one(sql.bind(policy).bind(south)).await?;
            let (row, about) = role_request(sara, tx, south, policy);
            approvals::insert(tx, &row, &about).await?;
            let sql = Sql::new(
                "INSERT INTO role_grant (id, person_id, role, region_id, granted_at, ended_at) VALUES ($1, $2, 'auditor', $3, 0, 1)",
            );
            let ended = tx.new_id();
            tx.exec_one(sql.bind(ended).bind(sven).bind(south)).await?;
            for out in [false, true] {
                let budget = ledger::get(tx, budget).await?;
                let (inside, outside) = (End::of(Account::Available, &budget), End::outside(Account::Correction));
                let (source, destination) = if out { (inside, outside) } else { (outside, inside) };
                let kind = PostingKind::Adjustment;
                let movement = Movement { kind, counted: kind, source, destination, amount: 1, currency: budget.currency };
                ledger::post(tx, &movement, Nature::Fact, &Details { transaction: Some(transaction), ..Details::default() }).await?;
            }
            Ok::<_, Failure>(row.id)
        })
    });
    made.await.unwrap()
}

async fn south(app: &TestApp, world: &World, canary: &Canary) -> South {
    let company = &app.company;
    let transaction = TransactionId::parse(&world.transactions[1]).unwrap();
    let request = add_more(company, transaction).await;
    let budget = BudgetId::parse(&canary.budget).unwrap();
    let mut read = company.store.read().await.unwrap();
    let row = ledger::find(&mut read, &Scope::of(company.regions.values().copied(), true), budget).await.unwrap().unwrap();
    let attributes = Attributes {
        name: format!("{WORD} budget again"),
        period_start: row.period_start,
        period_end: row.period_end,
        owner: row.owner_id,
        cost_centre: format!("{WORD}-cc"),
    };
    let edited = budget_actions::edit(&company.store, company.actor("Ada Admin"), "key-of-an-edit", budget, row.version, attributes);
    edited.await.unwrap();
    let actions: Vec<(String,)> = read.all(Sql::new("SELECT DISTINCT action FROM audit_event")).await.unwrap();
    South {
        region: company.regions["South"],
        budget,
        postings: [&world.postings[1], &world.reserves[1]].map(|id| PostingId::parse(id).unwrap()),
        transaction,
        recipient: RecipientId::parse(&world.recipients[1]).unwrap(),
        import: ImportId::parse(&canary.import).unwrap(),
        both: ImportId::parse(&canary.both).unwrap(),
        event: EventId::parse(&world.events[1]).unwrap(),
        review: ReviewId::parse(&world.reviews[1]).unwrap(),
        approvals: [ApprovalId::parse(&world.approvals[1]).unwrap(), request],
        source: company.source,
        people: company.people.values().copied().collect(),
        sven: company.people["Sven South"],
        ada: company.people["Ada Admin"],
        nils: company.people["Nils North"],
        actions: actions.into_iter().map(|(action,)| &*action.leak()).collect(),
    }
}

/// Everything that tells of an object; the lists of transactions in the order of `texts`.
async fn everything(company: &Company, access: &Access, south: &South, texts: &[String]) -> Said {
    let mut read = company.store.read().await.unwrap();
    let (scope, sight) = (access.scope(Permission::AuditRead), Sight::of(access));
    let mut said = money(&mut read, &scope, south).await;
    said.extend(rewards(&mut read, &scope, south).await);
    said.extend(uploads(&mut read, &scope, south).await);
    said.extend(staff(&mut read, &scope, south).await);
    said.extend(proof(&mut read, &scope, south).await);
    said.extend(requests(&mut read, &sight, south).await);
    for text in texts {
        said.extend(listed(&mut read, (&scope, &scope), south, text).await.into_iter().take(2));
    }
    said
}

fn needles(world: &World, canary: &Canary, south: &South) -> Vec<String> {
    let more = [&world.recipients[1], &world.reviews[1], &world.approvals[1]].map(|id| id[4..].to_owned());
    canary.needles.iter().cloned().chain(more).chain([south.approvals[1].to_string()[4..].to_owned()]).collect()
}

/// The functions of the store that take a scope, by the sources.
fn scoped() -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/store");
    for file in std::fs::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap();
        let module = path.file_stem().unwrap().to_string_lossy().into_owned();
        for after in text.split("\npub async fn ").skip(1) {
            let (name, rest) = after.split_once(['(', '<']).unwrap();
            let head = rest.split_once(" {\n").unwrap().0;
            if ["&Scope", "&Asked<", "sight: &Sight"].iter().any(|kind| head.contains(kind)) {
                found.insert(format!("{module}::{name}("));
            }
        }
    }
    found
}

#[test]
fn every_function_that_takes_a_scope_is_asked() {
    // What is held for a request is `approvals::seen` of what is known; and no row that the last would count gets past the database.
    let elsewhere = ["approvals::held(", "evidence::self_approvals("];
    let (all, asked) = (scoped(), include_str!("queries.rs"));
    assert!(all.len() > 50, "{all:?}");
    let missing: Vec<&String> = all.iter().filter(|name| !elsewhere.contains(&name.as_str()) && !asked.contains(name.as_str())).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

on_both_engines! {
    async fn a_question_within_the_north_tells_nothing_of_the_south(db: TestDb) {
        let mut app = TestApp::start(db).await;
        principals::hire(&mut app).await;
        let world = World::make(&app).await;
        let canary = canary::seed(&app, &world).await;
        let south = south(&app, &world, &canary).await;
        let (company, needles) = (&app.company, needles(&world, &canary, &south));
        let mut read = company.store.read().await.unwrap();
        let ids: Vec<(RegionId,)> = read.all(Sql::new("SELECT id FROM region")).await.unwrap();
        let (north, whole) = (company.regions["North"], company.regions["Global"]);
        let (north, whole) = (access([north], north, false), access(ids.into_iter().map(|(id,)| id), whole, true));
        let texts = [String::new(), format!("region={}", south.region), format!("budget={}", south.budget), format!("q={WORD}")];
        let (inside, outside) = (everything(company, &north, &south, &texts).await, everything(company, &whole, &south, &texts).await);
        let told = |said: &str| needles.iter().find(|needle| said.to_lowercase().contains(needle.as_str()));
        for ((call, said), (_, all)) in inside.iter().zip(&outside) {
            assert_eq!(told(said), None, "{call} tells the North: {said}");
            assert!(told(all).is_some(), "{call} has nothing to tell: {all}");
        }
        let (north, whole) = (north.scope(Permission::AuditRead), whole.scope(Permission::AuditRead));
        for (call, said) in apart(&mut read, &north, &south).await {
            assert_eq!(told(&said), None, "{call}");
        }
        let all = apart(&mut read, &whole, &south).await;
        assert!(all.len() == 6 && all.iter().all(|(_, said)| told(said).is_some()), "{all:?}");
        for ((call, said), (_, all)) in counted(&mut read, &north, &south).await.into_iter().zip(counted(&mut read, &whole, &south).await) {
            assert_ne!(said, all, "{call}");
        }
        for text in &texts {
            let (inside, outside) =
                (listed(&mut read, (&north, &north), &south, text).await, listed(&mut read, (&whole, &whole), &south, text).await);
            assert_ne!(inside[2].1, outside[2].1, "the totals of {text}");
            assert_eq!(inside[3].1, inside[0].1, "a row of the South is no place in a list of the North: {text}");
        }
        let unnamed = listed(&mut read, (&whole, &north), &south, &texts[2]).await;
        let named = listed(&mut read, (&whole, &whole), &south, &texts[2]).await;
        let person = format!("{WORD} person");
        for (unnamed, named) in unnamed.iter().zip(&named).take(2) {
            assert!(!unnamed.1.contains(&person) && named.1.contains(&person), "{}: {} {}", named.0, unnamed.1, named.1);
        }
        drop(read);
        app.finish().await;
    }
}
