//! What names a second object (the budget that receives, the region above, a filter) is answered for one out of sight as for one that never was.

use super::objects::World;
use super::places::still;
use super::principals::{self, PRINCIPALS};
use super::{canary, whole};
use crate::support::app::{Answer, Client, TestApp};
use crate::support::database::{TestDb, on_both_engines};

/// A form or an address that names a second object.
struct Second {
    who: &'static str,
    /// With `ID` where the id stands.
    address: String,
    /// The fields of a form, with `ID` and `KEY`; an address that is only looked at has none.
    fields: Vec<(&'static str, &'static str)>,
    prefix: &'static str,
    own: String,
    foreign: String,
    /// Whether one of her own is answered otherwise than one that never was.
    tells: bool,
}

fn seconds(world: &World) -> Vec<Second> {
    let budget = |who, address: String, fields: &[(&'static str, &'static str)], tells, own: &str| Second {
        who,
        address,
        fields: fields.to_vec(),
        prefix: "bud",
        own: own.to_owned(),
        foreign: world.budgets[1].clone(),
        tells,
    };
    let region = |who, address: String, fields: &[(&'static str, &'static str)], tells| Second {
        prefix: "reg",
        own: world.regions[0].clone(),
        foreign: world.regions[1].clone(),
        ..budget(who, address, fields, tells, "")
    };
    let (north, two) = (format!("/budgets/{}", world.budgets[0]), &world.beside);
    let money = [("key", "KEY"), ("amount", "1.00"), ("note", "x"), ("to", "ID"), ("seen", "")];
    let assigned = [("key", "KEY"), ("version", "1"), ("budget", "ID")];
    let place = [("name", "Another"), ("currency", "EUR"), ("time_zone", "Europe/Berlin"), ("fiscal_start_month", "1")];
    let made = [("key", "KEY"), ("name", "New"), ("currency", "EUR"), ("period_start", "2026-01-01"), ("period_end", "2026-12-31")];
    let exported = |query: &'static str| [("key", "KEY"), ("query", query), ("columns", "view"), ("format", "machine")];
    let with = |what: &'static str, query| [&[("what", what)][..], &exported(query)[..]].concat();
    let check = "check?key=a-key-of-sixteen-z&to=ID&amount=1.00&note=x";
    vec![
        budget("Nora North", format!("{north}/transfers/{check}"), &[], true, two),
        budget("Nora North", format!("{north}/transfers"), &money, true, two),
        budget("Fritz North", format!("{north}/carry-overs/{check}"), &[], true, two),
        budget("Fritz North", format!("{north}/carry-overs"), &money, true, two),
        budget("Nora North", format!("/transactions/{}/assignment?budget=ID", world.transactions[0]), &[], true, two),
        budget("Nora North", format!("/transactions/{}/assignment", world.transactions[0]), &assigned, true, two),
        budget("Nora North", "/transactions?budget=ID".to_owned(), &[], true, two),
        budget("Nora North", "/exports/new?list=statement&budget=ID".to_owned(), &[], true, two),
        budget("Nora North", "/exports".to_owned(), &with("statement", "budget=ID"), true, two),
        budget("Nora North", "/exports".to_owned(), &with("burn_down", "budget=ID"), true, two),
        budget("Nadia North", "/audit?object=ID".to_owned(), &[], false, &world.budgets[0]),
        budget("Nora North", "/budgets?view=table&sort=name&after=ID".to_owned(), &[], true, two),
        budget("Nora North", "/search?q=ID".to_owned(), &[], true, two),
        region("Nora North", "/budgets?region=ID".to_owned(), &[], false),
        region("Nora North", "/transactions?region=ID".to_owned(), &[], true),
        region("Nora North", "/exports/new?region=ID".to_owned(), &[], true),
        region("Nora North", "/search?q=ID".to_owned(), &[], true),
        region("Nora North", format!("/imports/{}/values", world.open[0]), &[("version", "999"), ("region", "ID")], false),
        region("Norman North", "/regions/new?parent=ID".to_owned(), &[], true),
        region("Norman North", "/regions".to_owned(), &[&place[..], &[("key", "KEY"), ("parent", "ID")]].concat(), true),
        region("Norman North", format!("/regions/{}/move/check?key=a-key-of-sixteen-z&version=1&parent=ID", world.regions[0]), &[], true),
        region("Norman North", format!("/regions/{}/move", world.regions[0]), &[("key", "KEY"), ("version", "1"), ("parent", "ID")], true),
        region(
            "Norman North",
            format!("/people/{}/grants", world.people[0]),
            &[("key", "KEY"), ("role", "auditor"), ("region", "ID")],
            true,
        ),
        region("Fritz North", "/budgets/new?region=ID".to_owned(), &[], true),
        region("Fritz North", "/budgets".to_owned(), &[&made[..], &[("region", "ID")]].concat(), true),
    ]
}

async fn ask(app: &TestApp, client: &Client, csrf: &str, second: &Second, id: &str) -> Answer {
    let address = second.address.replace("ID", id);
    if second.fields.is_empty() {
        return client.get(&address).await;
    }
    let key = app.company.store.random.token(16);
    let fields: Vec<(&str, String)> =
        second.fields.iter().map(|(name, value)| (*name, if *value == "KEY" { key.clone() } else { value.replace("ID", id) })).collect();
    let mut form = vec![("csrf", csrf)];
    form.extend(fields.iter().map(|(name, value)| (*name, value.as_str())));
    client.post(&address, &form).await
}

/// An answer without what its request brought, and without what is new each time.
fn told(answer: &Answer, id: &str) -> (u16, Vec<String>, String) {
    let (status, headers, _) = whole(answer);
    let headers = headers.iter().filter(|(name, _)| name != "content-length").map(|(name, value)| format!("{name}: {value}"));
    let body = still(answer).replace(id, "").replace(&id[id.len() - 8..], "");
    (status, headers.map(|line| line.replace(id, "")).collect(), body)
}

on_both_engines! {
    async fn what_is_named_besides_is_out_of_sight_as_well(db: TestDb) {
        let mut app = TestApp::start(db).await;
        principals::hire(&mut app).await;
        let world = World::make(&app).await;
        canary::seed(&app, &world).await;
        let mut wrong = Vec::new();
        for who in PRINCIPALS.iter().filter(|who| canary::is_of_north(who)) {
            let (client, csrf) = principals::enter(&app, who).await;
            for second in seconds(&world).iter().filter(|second| second.who == who.name) {
                let missing = World::missing(second.prefix);
                let never = told(&ask(&app, &client, &csrf, second, &missing).await, &missing);
                let foreign = told(&ask(&app, &client, &csrf, second, &second.foreign).await, &second.foreign);
                let own = told(&ask(&app, &client, &csrf, second, &second.own).await, &second.own);
                // What was done is said on the next page.
                assert_eq!(client.get("/settings").await.status, 200);
                let what = format!("{}: {} {:?}", who.name, second.address, second.fields);
                if foreign != never {
                    let at = foreign.2.bytes().zip(never.2.bytes()).take_while(|(one, other)| one == other).count();
                    let part = |text: &str| String::from_utf8_lossy(&text.as_bytes()[at.saturating_sub(60)..(at + 60).min(text.len())]).into_owned();
                    let parts = (part(&foreign.2), part(&never.2));
                    wrong.push(format!("{what}: {} and {}: {:?} {:?}", foreign.0, never.0, (&foreign.1, &never.1), parts));
                }
                if second.tells && own == never {
                    wrong.push(format!("{what}: her own is answered like one that never was ({})", own.0));
                }
            }
        }
        assert!(wrong.is_empty(), "{}:\n{}", wrong.len(), wrong.join("\n"));
        app.finish().await;
    }
}
