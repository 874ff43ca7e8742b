//! The region wall as a matrix: every route of the router × everybody who may ask × what they ask for, on both engines.
//!
//! What is expected follows from the line of the route (permission × role × region), never from what the portal answered before. What somebody
//! may not see is answered like what never was: same status, same headers, same body.

#[cfg(debug_assertions)]
mod alone;
mod canary;
mod forms;
mod objects;
mod pairs;
mod places;
mod principals;
mod queries;
mod rows;

use std::collections::BTreeSet;

use counterfoil::domain::access::Permission;
use counterfoil::web;

use crate::support::app::{Answer, Client, TestApp};
use crate::support::database::{TestDb, on_both_engines};
use canary::Canary;
use forms::Filling;
use objects::{Target, World};
use principals::{PRINCIPALS, Place, Principal};
use rows::{Gate, Ids, ROWS, Row};

/// Whether somebody sees an object at all, and whether she may do with it what the route does.
fn sight(row: &Row, who: &Principal, target: &Target) -> (bool, bool) {
    let Some(place) = target.place else { return (false, false) };
    let gate = match row.gate {
        Gate::Holds(permission) | Gate::Everywhere(permission) => Some(permission),
        Gate::Open | Gate::SignedIn => None,
    };
    let may = |permission, place| who.may(permission, place);
    let acts = gate.is_none_or(|permission| may(permission, place));
    let owns = target.owner == who.name;
    match row.ids {
        Ids::None | Ids::Asset | Ids::PasswordToken | Ids::Source | Ids::Currency | Ids::Reason => (true, true),
        Ids::Policy | Ids::Loan | Ids::Role | Ids::Passkey | Ids::Report => (true, true),
        Ids::Approval => (may(Permission::BudgetsRead, place), acts),
        Ids::OwnApproval => (may(Permission::BudgetsRead, place), owns),
        Ids::OthersApproval => (may(Permission::BudgetsRead, place), may(Permission::ApprovalsDecide, place) && !owns),
        Ids::Recipient => (may(Permission::TransactionsRead, place), acts),
        Ids::SetupToken => (false, false),
        Ids::Region => (may(Permission::RegionsRead, place), acts),
        Ids::Budget | Ids::Posting | Ids::Reserve => (may(Permission::BudgetsRead, place), acts),
        Ids::Transaction | Ids::Import => (may(Permission::TransactionsRead, place), acts),
        Ids::WholeImport => (may(Permission::ImportsRun, Place::Global), true),
        Ids::OpenImport => (owns || may(Permission::ImportsRun, Place::Global), owns),
        Ids::Mapping => (true, acts),
        Ids::Event => (may(Permission::AuditRead, place), acts),
        Ids::Export => (owns || may(Permission::AuditRead, place), true),
        Ids::OwnExport => (owns, true),
        Ids::Person | Ids::Grant => (may(Permission::PeopleRead, place), true),
        Ids::Review | Ids::ReviewItem => (may(Permission::PeopleRead, place), true),
        Ids::WholeReview => (may(Permission::PeopleRead, place), may(Permission::PeopleManage, Place::Global)),
        Ids::WholePerson => (may(Permission::PeopleRead, place), may(Permission::PeopleManage, Place::Global)),
    }
}

/// The status that is right.
fn expected(row: &Row, who: &Principal, target: &Target) -> u16 {
    let (sees, acts) = sight(row, who, target);
    let refused = match row.gate {
        Gate::Open if row.ids == Ids::None => return if who.has_session() && row.others != 403 { row.others } else { row.inside },
        Gate::Open => None,
        _ if !who.is_in() => Some(303),
        Gate::SignedIn => None,
        Gate::Holds(permission) => (!who.holds(permission)).then_some(403),
        Gate::Everywhere(permission) => (!who.may(permission, Place::Global)).then_some(403),
    };
    match refused {
        Some(status) => status,
        None if !sees => 404,
        None if !acts => row.others,
        None => row.inside,
    }
}

/// Asks one cell.
async fn ask(app: &TestApp, world: &World, (client, csrf): (&Client, &str), row: &Row, target: &Target, harmless: bool) -> Answer {
    let mut path = row.path.to_owned();
    for id in &target.ids {
        let (from, to) = (path.find('{').unwrap(), path.find('}').unwrap());
        path.replace_range(from..=to, id);
    }
    if row.method == "GET" {
        return client.get(&path).await;
    }
    let version = World::version(app, row.ids, target).await;
    let with = Filling { world, harmless, version, key: app.company.store.random.token(16) };
    let fields = (row.form)(&with);
    let mut form: Vec<(&str, &str)> = vec![("csrf", csrf)];
    form.extend(fields.iter().map(|(name, value)| (*name, value.as_str())));
    client.post(&path, &form).await
}

/// Status, headers and body.
type Whole = (u16, Vec<(String, String)>, String);

/// All of an answer that has to be the same for what is out of sight and what never was.
fn whole(answer: &Answer) -> Whole {
    let id = answer.headers.get("x-request-id").map_or("", |value| value.to_str().unwrap());
    let without = |text: &str| if id.is_empty() { text.to_owned() } else { text.replace(id, "") };
    let mut headers: Vec<(String, String)> = answer
        .headers
        .iter()
        .map(|(name, value)| (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned()))
        .map(|(name, value)| if name == "date" { (name, String::new()) } else { (name, without(&value)) })
        .collect();
    headers.sort();
    (answer.status, headers, without(&answer.body))
}

/// What is kept, without what is written about who asked.
async fn kept(app: &TestApp) -> Vec<(String, i64)> {
    let mut tables = app.company.facts().await.tables;
    tables.retain(|(name, _)| !name.starts_with("audit_") && name != "idempotency");
    tables
}

/// What went wrong, and how much was asked.
#[derive(Default)]
struct Tally {
    cells: usize,
    wrong: Vec<String>,
}

impl Tally {
    fn note(&mut self, who: &Principal, row: &Row, target: &Target, wanted: u16, answer: &Answer) {
        self.cells += 1;
        if answer.status != wanted {
            let title = answer.body.split("<title>").nth(1).and_then(|rest| rest.split('<').next()).unwrap_or_default();
            let name = if who.name.is_empty() { "Nobody" } else { who.name };
            self.wrong
                .push(format!("{name}: {} {} ({}): {} instead of {wanted} {title}", row.method, row.path, target.label, answer.status));
        }
    }
}

impl Tally {
    /// Looks for what is of the South in what somebody of the North got.
    fn search(&mut self, canary: &Canary, who: &Principal, row: &Row, target: &Target, answer: &Answer) {
        let asked = format!("{} {:?}", row.path, target.ids);
        // The demo's sign-in page names everybody, whoever asks: that is what it is for.
        if row.path != "/sign-in"
            && canary::is_of_north(who)
            && let Some(leak) = canary.leak(&asked, answer)
        {
            self.wrong.push(format!("{}: {} {} ({}): {leak}", who.name, row.method, row.path, target.label));
        }
    }
}

/// What one principal gets: first all that is out of her reach, which changes nothing, then the rest.
async fn asked_by(app: &TestApp, (world, canary): (&World, &Canary), who: &Principal, tally: &mut Tally) {
    let (client, csrf) = principals::enter(app, who).await;
    let before = kept(app).await;
    for row in ROWS {
        let mut unseen: Vec<(&str, Whole)> = Vec::new();
        for target in world.targets(row.ids).iter().filter(|target| expected(row, who, target) != row.inside || target.unseen_only) {
            let wanted = expected(row, who, target);
            if target.unseen_only && wanted != 404 {
                continue;
            }
            let answer = ask(app, world, (&client, &csrf), row, target, false).await;
            tally.note(who, row, target, wanted, &answer);
            tally.search(canary, who, row, target, &answer);
            // What belongs to no region may be answered by a page of its own where it is not there.
            if wanted == 404 && !matches!(row.ids, Ids::Source | Ids::Currency | Ids::Reason) {
                unseen.push((target.label, whole(&answer)));
            }
        }
        let Some((first, rest)) = unseen.split_last() else { continue };
        for (label, answer) in rest.iter().filter(|(_, answer)| *answer != first.1) {
            let (other, is) = (first.0, if answer.1 == first.1.1 { "bodies" } else { "headers" });
            tally.wrong.push(format!("{}: {} {}: {label} and {other} have different {is}", who.name, row.method, row.path));
        }
    }
    let after = kept(app).await;
    if before != after {
        let changed: Vec<_> = before.iter().zip(&after).filter(|(before, after)| before != after).collect();
        tally.wrong.push(format!("{}: what she may not do has changed {changed:?}", who.name));
    }
    for row in ROWS {
        for target in world.targets(row.ids).iter().filter(|target| expected(row, who, target) == row.inside && !target.unseen_only) {
            let answer = ask(app, world, (&client, &csrf), row, target, true).await;
            tally.note(who, row, target, row.inside, &answer);
            tally.search(canary, who, row, target, &answer);
        }
    }
}

#[test]
fn every_route_of_the_router_has_a_line_and_every_line_a_route() {
    let routes: Vec<(String, &str)> = web::listed().into_iter().map(|route| (route.method.to_string(), route.path)).collect();
    let lines: Vec<(String, &str)> = ROWS.iter().map(|row| (row.method.to_owned(), row.path)).collect();
    let set = |all: &[(String, &str)]| all.iter().map(|(method, path)| format!("{method} {path}")).collect::<BTreeSet<_>>();
    let (routes_set, lines_set) = (set(&routes), set(&lines));
    let without: Vec<_> = routes_set.difference(&lines_set).collect();
    assert!(without.is_empty(), "routes without a line in tests/matrix/rows.rs: {without:?}");
    let left: Vec<_> = lines_set.difference(&routes_set).collect();
    assert!(left.is_empty(), "lines without a route: {left:?}");
    assert_eq!((routes_set.len(), lines_set.len()), (routes.len(), lines.len()), "each once");
    assert!(routes.len() > 110, "{}", routes.len());
    for row in ROWS {
        assert_eq!(row.path.contains('{'), row.ids != Ids::None, "{}: where do its ids come from?", row.path);
    }
}

on_both_engines! {
    async fn everybody_gets_what_the_line_says_and_nothing_else(db: TestDb) {
        let mut app = TestApp::start(db).await;
        principals::hire(&mut app).await;
        let world = World::make(&app).await;
        let canary = canary::seed(&app, &world).await;
        let mut tally = Tally::default();
        for who in PRINCIPALS {
            asked_by(&app, (&world, &canary), who, &mut tally).await;
        }
        println!("{} routes, {} principals, {} cells", ROWS.len(), PRINCIPALS.len(), tally.cells);
        assert!(tally.wrong.is_empty(), "{} of {} cells:\n{}", tally.wrong.len(), tally.cells, tally.wrong.join("\n"));
        assert!(tally.cells > 4_000, "{}", tally.cells);
        app.finish().await;
    }

    async fn no_address_is_asked_in_a_way_that_is_not_listed(db: TestDb) {
        let app = TestApp::start(db).await;
        let ada = app.signed_in("Ada Admin").await;
        let listed: BTreeSet<(String, &str)> = web::listed().into_iter().map(|route| (route.method.to_string(), route.path)).collect();
        for path in listed.iter().map(|route| route.1).collect::<BTreeSet<_>>() {
            let asked: String = path.split('/').map(|part| if part.starts_with('{') { "x" } else { part }).collect::<Vec<_>>().join("/");
            for method in ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"] {
                if listed.contains(&(method.to_owned(), path)) {
                    continue;
                }
                let way = reqwest::Method::from_bytes(method.as_bytes()).unwrap();
                let answer = ada.raw(|http, base| http.request(way, format!("{base}{asked}"))).await;
                // `/people/new` is also `/people/{id}`, whose other ways are its own.
                let other = listed.iter().any(|(known, pattern)| known == method && fits(pattern, &asked));
                assert!(answer.status == 405 || other, "{method} {asked}: {}", answer.status);
            }
        }
        app.finish().await;
    }
}

fn fits(pattern: &str, path: &str) -> bool {
    let (pattern, path): (Vec<&str>, Vec<&str>) = (pattern.split('/').collect(), path.split('/').collect());
    pattern.len() == path.len() && pattern.iter().zip(&path).all(|(part, is)| part.starts_with('{') || part == is)
}
