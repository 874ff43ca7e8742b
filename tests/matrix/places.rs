//! Every place where something of another region could hide besides the address of an object: filters, orders, cursors, searches, exports, totals,
//! charts, the trail, the words of an error, and where a sign-in leads.

use counterfoil::actions::evidence::Report;
use counterfoil::domain::access::Permission;

use super::canary::{Canary, WORD};
use super::objects::World;
use super::principals::{PRINCIPALS, Principal};
use super::rows::{Gate, Ids, ROWS};
use super::{Tally, canary, principals};
use crate::support::app::{Answer, Client, TestApp};
use crate::support::database::{TestDb, on_both_engines};
use crate::support::rewards::{Reward, load, reward};
use crate::web::budgets::moved;

const SORTS: &[&str] = &["name", "region", "period", "allocated", "adjusted", "reserved", "spent", "available", "currency", "runway"];
const FILTERS: &[&str] = &["product", "campaign", "cost_center", "gl_account", "po_number", "order", "batch", "external_id"];

/// The addresses of lists, searches and pages that are asked with something of the South.
fn addresses(world: &World, canary: &Canary) -> Vec<String> {
    let (region, budget, transaction) = (&world.regions[1], &canary.budget, &world.transactions[1]);
    let stem = &WORD[..8];
    let mut all: Vec<String> = Vec::new();
    for row in ROWS.iter().filter(|row| row.method == "GET" && row.ids == Ids::None && row.gate != Gate::Open) {
        all.push(row.path.to_owned());
    }
    for sort in SORTS {
        all.push(format!("/budgets?view=table&sort={sort}"));
        all.extend(["after", "before"].map(|end| format!("/budgets?view=table&sort=-{sort}&{end}={budget}")));
    }
    let filters = ["status=closed", "attention=overspent", "currency=EUR", "on=2026-11-22"].map(str::to_owned);
    let about = [format!("region={region}"), format!("owner={}", world.people[1]), format!("q={stem}")];
    all.extend(filters.into_iter().chain(about).flat_map(|filter| [format!("/budgets?{filter}"), format!("/budgets?view=table&{filter}")]));
    for filter in FILTERS {
        all.push(format!("/transactions?{filter}={stem}"));
        all.push(format!("/transactions?{filter}={WORD}+{}+0", if *filter == "order" { "order" } else { "voucher" }));
    }
    let ids = [("region", region), ("budget", budget), ("import", &canary.import), ("import", &canary.both)];
    all.extend(ids.map(|(name, id)| format!("/transactions?{name}={id}&count=exact")));
    for sort in ["issued", "-issued", "amount", "-amount"] {
        all.push(format!("/transactions?sort={sort}"));
        all.extend(["after", "before"].map(|end| format!("/transactions?sort={sort}&{end}={transaction}")));
        all.extend(["after", "before"].map(|end| format!("/transactions?sort={sort}&{end}=-1")));
    }
    let texts = [format!("q={stem}"), format!("note={stem}"), "amount_min=7000000&currency=EUR".to_owned(), "count=exact".to_owned()];
    all.extend(texts.into_iter().map(|text| format!("/transactions?{text}")));
    let known = [&world.regions, &world.budgets, &world.postings, &world.transactions, &world.imports, &world.people];
    all.extend(known.into_iter().map(|two| format!("/search?q={}", two[1])));
    all.extend([stem, &format!("{stem}quar"), "RW-South", "RW-moved", "7654321"].map(|text| format!("/search?q={text}")));
    all.extend(["before=999", "before=1", "before=-1"].map(|from| format!("/imports?{from}")));
    let trail = [format!("object={budget}"), format!("object={region}"), format!("person={}", world.people[1])];
    all.extend(trail.into_iter().chain(["before=9999", "after=1"].map(str::to_owned)).map(|query| format!("/audit?{query}")));
    let person = &world.people[1];
    for report in Report::ALL.iter().map(|report| report.code()) {
        all.extend(
            [String::new(), format!("?region={region}"), format!("?person={person}")].map(|filter| format!("/evidence/{report}{filter}")),
        );
        all.push(format!("/exports/new?list=evidence&report={report}&region={region}"));
    }
    let lists = ["transactions", "budgets", "statement", "burn_down"];
    all.extend(lists.map(|list| format!("/exports/new?list={list}&budget={budget}&region={region}")));
    all.push(format!("/regions/new?parent={region}"));
    all.push(format!("/budgets/new?region={region}"));
    let north = &world.budgets[0];
    all.push(format!("/budgets/{north}/transfers/check?key=a-key-of-sixteen-x&to={budget}&amount=1.00&note=x"));
    all.push(format!("/budgets/{north}/carry-overs/check?key=a-key-of-sixteen-y&to={budget}&amount=1.00&note=x"));
    all.push(format!("/transactions/{}/assignment?budget={budget}", world.transactions[0]));
    all.push(format!("/postings/{}", canary.between));
    all.push(format!("/postings/{}/reversal/new", canary.between));
    all.push(format!("/imports/{}", canary.both));
    all.push(format!("/sign-in?next=/budgets/{budget}"));
    all
}

/// What is sent with something of the South in it, to what she may touch herself.
fn posts(world: &World, canary: &Canary, with: &Principal) -> Vec<(String, Vec<(&'static str, String)>)> {
    let (region, budget, north) = (&world.regions[1], &canary.budget, &world.budgets[0]);
    let money = |to: &str| -> Vec<(&'static str, String)> {
        vec![("key", "another-key-of-sixteen".to_owned()), ("amount", "1.00".to_owned()), ("note", "x".to_owned()), ("to", to.to_owned())]
    };
    let mut all = vec![(format!("/budgets/{north}/transfers"), money(budget)), (format!("/budgets/{north}/carry-overs"), money(budget))];
    let assigned = vec![("key", "one-more-key-of-sixteen".to_owned()), ("version", "1".to_owned()), ("budget", budget.clone())];
    all.push((format!("/transactions/{}/assignment", world.transactions[0]), assigned));
    let exported = |what: &str, query: String| {
        let fields = [("key", format!("export-{what}-{}", query.len())), ("what", what.to_owned()), ("query", query)];
        let rest = [("columns", "all".to_owned()), ("format", "machine".to_owned())];
        ("/exports".to_owned(), fields.into_iter().chain(rest).collect::<Vec<_>>())
    };
    all.push(exported("transactions", String::new()));
    all.push(exported("transactions", format!("region={region}")));
    all.push(exported("transactions", format!("q={}&budget={budget}", &WORD[..8])));
    all.push(exported("budgets", format!("region={region}")));
    all.extend(["statement", "burn_down"].map(|what| exported(what, format!("budget={budget}"))));
    all.extend(["statement", "burn_down"].map(|what| exported(what, format!("budget={north}"))));
    if with.holds(Permission::AuditRead) {
        all.push(("/audit/exports".to_owned(), Vec::new()));
    }
    all
}

/// What differs from one answer to the next though nothing has changed: keys, tokens, the id of the request.
pub fn still(answer: &Answer) -> String {
    let id = answer.headers.get("x-request-id").map_or("", |value| value.to_str().unwrap());
    let body = answer.body.replace(id, "");
    let mut parts = body.split("name=\"key\" value=\"");
    let mut still = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        still.push_str(part.split_once('"').map_or("", |(_, rest)| rest));
    }
    let mut parts = still.split("key=");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |all, part| all + part.trim_start_matches(|letter: char| letter.is_ascii_alphanumeric() || "-_".contains(letter)))
}

struct Visitor<'w> {
    who: &'w Principal,
    client: Client,
    csrf: String,
}

impl Visitor<'_> {
    async fn get(&self, canary: &Canary, address: &str, tally: &mut Tally) -> Answer {
        let answer = self.client.get(address).await;
        tally.cells += 1;
        let typed = if address.starts_with("/exports") { canary.typed.as_str() } else { "" };
        if let Some(leak) = canary.leak(&format!("{address} {typed}"), &answer) {
            tally.wrong.push(format!("{}: {address}: {leak}", self.who.name));
        }
        if answer.status >= 500 {
            tally.wrong.push(format!("{}: {address}: {}", self.who.name, answer.status));
        }
        answer
    }

    /// Sends a form, and follows where it leads.
    async fn send(&self, canary: &Canary, (address, fields): &(String, Vec<(&'static str, String)>), tally: &mut Tally) {
        let mut form = vec![("csrf", self.csrf.as_str())];
        form.extend(fields.iter().map(|(name, value)| (*name, value.as_str())));
        let answer = self.client.post(address, &form).await;
        tally.cells += 1;
        let typed = if address.starts_with("/audit") { canary.typed.as_str() } else { "" };
        let asked = format!("{address} {fields:?} {typed}");
        if let Some(leak) = canary.leak(&asked, &answer) {
            tally.wrong.push(format!("{}: {asked}: {leak}", self.who.name));
        }
        if answer.status == 303 {
            let file = self.get(canary, answer.location(), tally).await;
            let lines = file.body.lines().count();
            assert!(address != "/exports" || lines > 0, "{asked}: {}", file.status);
        }
    }
}

/// Sends and asks all of it as somebody.
#[cfg(debug_assertions)]
pub async fn visit(app: &TestApp, (world, canary): (&World, &Canary), who: &'static Principal, tally: &mut Tally) {
    let (client, csrf) = principals::enter(app, who).await;
    let visitor = Visitor { who, client, csrf };
    for post in posts(world, canary, who) {
        visitor.send(canary, &post, tally).await;
    }
    for address in addresses(world, canary) {
        visitor.get(canary, &address, tally).await;
    }
}

/// More of everything in the South.
async fn grow(app: &TestApp, canary: &Canary) {
    let rows = (0..40).map(|at| Reward {
        region: "South",
        amount: 123_456,
        ago: at,
        order: Some("RW-order".to_owned()),
        ..reward(&format!("RW-S{at}"))
    });
    load(&app.company, rows.collect(), true).await;
    app.company.add_region("Farther", "South").await;
    let finn = app.signed_in("Finn Finance").await;
    let address = format!("/budgets/{}", canary.budget);
    moved(&finn, &format!("{address}/reservations"), &[("amount", "11.00"), ("note", "More")]).await;
    moved(&finn, &format!("{address}/allocations"), &[("amount", "1000.00"), ("note", "More")]).await;
    let rows = "South,P-more,10.00\n";
    crate::imports::opened(&app.company, "Finn Finance", "", "more.csv", format!("Region,Id,Amount\n{rows}").as_bytes()).await;
}

on_both_engines! {
    async fn nothing_of_the_south_is_in_what_the_north_gets_and_nothing_changes_with_it(db: TestDb) {
        let mut app = TestApp::start(db).await;
        principals::hire(&mut app).await;
        let world = World::make(&app).await;
        let canary = canary::seed(&app, &world).await;
        let (mut tally, mut before, mut visitors) = (Tally::default(), Vec::new(), Vec::new());
        let addresses = addresses(&world, &canary);
        for who in PRINCIPALS.iter().filter(|who| canary::is_of_north(who)) {
            let (client, csrf) = principals::enter(&app, who).await;
            let visitor = Visitor { who, client, csrf };
            for post in posts(&world, &canary, who) {
                visitor.send(&canary, &post, &mut tally).await;
            }
            visitors.push(visitor);
        }
        for visitor in &visitors {
            for address in &addresses {
                before.push((address, still(&visitor.get(&canary, address, &mut tally).await)));
            }
        }
        grow(&app, &canary).await;
        let mut was = before.iter();
        for visitor in &visitors {
            for address in &addresses {
                let is = still(&visitor.get(&canary, address, &mut tally).await);
                let was = &was.next().unwrap().1;
                // The numbers of events count everybody's: that something happened somewhere is no secret of those who read the trail.
                // A second factor is set up with a new secret each time.
                let new_each_time = ["/audit", "/settings/second-factor"].iter().any(|start| address.starts_with(start));
                if *was != is && !new_each_time {
                    let at = was.bytes().zip(is.bytes()).take_while(|(was, is)| was == is).count();
                    let part = |text: &str| String::from_utf8_lossy(&text.as_bytes()[at.saturating_sub(60)..(at + 60).min(text.len())]).into_owned();
                    tally.wrong.push(format!("{}: {address} has changed: {:?} {:?}", visitor.who.name, part(was), part(&is)));
                }
            }
        }
        println!("{} addresses and forms, {} answers", addresses.len() + posts(&world, &canary, visitors[0].who).len(), tally.cells);
        assert!(tally.wrong.is_empty(), "{} of {}:\n{}", tally.wrong.len(), tally.cells, tally.wrong.join("\n"));
        app.finish().await;
    }
}
