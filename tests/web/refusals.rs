//! What is sent at the wrong time, to the wrong place or a second time: each has its words and its status, and changes nothing.

use super::admin;
use super::budgets::{budget, check, hidden, moved, send};
use crate::support::app::{Answer, Client, TestApp};
use crate::support::database::{TestDb, on_both_engines};
use crate::support::rewards::{load, reward};

type Field = (String, String);
type Fields = Vec<Field>;

fn owned(fields: &[(&str, &str)]) -> Fields {
    fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

/// With other values for the fields of these names.
fn with(fields: &[Field], other: &[(&str, &str)]) -> Fields {
    let mut fields = fields.to_vec();
    for (name, value) in other {
        match fields.iter_mut().find(|field| field.0 == *name) {
            Some(field) => field.1 = (*value).to_owned(),
            None => fields.push(((*name).to_owned(), (*value).to_owned())),
        }
    }
    fields
}

/// Posts, and proves that it is refused in these words and that nothing was changed.
async fn refused(app: &TestApp, client: &Client, path: &str, fields: &[Field], status: u16, words: &str) -> Answer {
    let before = app.company.facts().await;
    let answer = send(client, path, fields).await;
    assert_eq!(answer.status, status, "{path} {fields:?}: {}", answer.body);
    assert!(answer.body.contains(words), "{path}, {words}: {}", answer.body);
    assert!(answer.headers.contains_key("x-request-id") && answer.body.contains("<h1"), "{path}: {}", answer.body);
    assert_eq!(app.company.facts().await, before, "{path} {fields:?}");
    answer
}

/// What the check page of a money form would send.
async fn ready(client: &Client, address: &str, fields: &[(&str, &str)]) -> Fields {
    let page = check(client, address, fields).await;
    assert_eq!(page.status, 200, "{}", page.body);
    hidden(&page)
}

/// The fields of a new budget.
async fn new_budget(client: &Client, region: &str, more: &[(&str, &str)]) -> Fields {
    let form = client.get("/budgets/new").await;
    let fields = [
        ("csrf", form.csrf()),
        ("key", form.field("key")),
        ("region", region.to_owned()),
        ("currency", "EUR".to_owned()),
        ("name", "Autumn".to_owned()),
        ("period_start", "2026-01-01".to_owned()),
        ("period_end", "2026-12-31".to_owned()),
        ("owner", String::new()),
        ("cost_centre", String::new()),
        ("status", "active".to_owned()),
        ("amount", String::new()),
    ];
    with(&fields.map(|(name, value)| (name.to_owned(), value)), more)
}

/// Key, version and token of a page's form.
fn step(page: &Answer) -> Fields {
    ["csrf", "key", "version"].map(|name| (name.to_owned(), page.field(name))).into()
}

/// A region below North, and its id.
async fn attic(app: &TestApp, ada: &Client) -> String {
    let north = app.company.regions["North"].to_string();
    let mut form = admin::fields("Attic", "Europe/Berlin");
    form.push(("parent", &north));
    let added = admin::send(ada, "/regions/new", "/regions", &["key"], &form).await;
    assert_eq!(added.status, 303, "{}", added.body);
    added.location().trim_start_matches("/regions/").to_owned()
}

on_both_engines! {
    async fn a_retired_region_takes_nothing_new(db: TestDb) {
        let app = TestApp::start(db).await;
        let (ada, finn) = (app.signed_in("Ada Admin").await, app.signed_in("Finn Finance").await);
        let attic = attic(&app, &ada).await;
        let draft = send(&finn, "/budgets", &new_budget(&finn, &attic, &[("status", "draft")]).await).await;
        assert_eq!(draft.status, 303, "{}", draft.body);
        let activation = finn.get(&format!("{}/activation/new", draft.location())).await;
        let held = new_budget(&finn, &attic, &[("name", "Late")]).await;
        let retire = ada.get(&format!("/regions/{attic}/retirement")).await;
        assert_eq!(send(&ada, &format!("/regions/{attic}/retirement"), &step(&retire)).await.status, 303);

        let words = "Attic is retired: it takes nothing new";
        refused(&app, &finn, "/budgets", &held, 422, words).await;
        refused(&app, &finn, &format!("{}/activation", draft.location()), &step(&activation), 422, words).await;
        let key = |name: &str| format!("key-{name}-0123456789");
        let csrf = ada.get("/regions/new").await.csrf();
        let below = with(&owned(&admin::fields("Loft", "Europe/Berlin")), &[("csrf", &csrf), ("key", &key("loft")), ("parent", &attic)]);
        refused(&app, &ada, "/regions", &below, 422, words).await;
        let south = app.company.regions["South"];
        let page = ada.get(&format!("/regions/{south}/move")).await;
        refused(&app, &ada, &format!("/regions/{south}/move"), &with(&step(&page), &[("parent", &attic)]), 422, words).await;
        let sven = app.company.people["Sven South"];
        let grant = owned(&[("csrf", &csrf), ("key", &key("grant")), ("role", "auditor"), ("region", &attic), ("ends_on", "")]);
        refused(&app, &ada, &format!("/people/{sven}/grants"), &grant, 422, words).await;
        refused(&app, &ada, &format!("/regions/{attic}/retirement"), &with(&step(&retire), &[("key", &key("again")), ("version", "2")]), 409, "retired already").await;
        app.finish().await;
    }

    async fn a_closed_budget_gives_and_takes_nothing(db: TestDb) {
        let app = TestApp::start(db).await;
        let finn = app.signed_in("Finn Finance").await;
        let (_, ids) = load(&app.company, vec![reward("RW-1")], true).await;
        let (one, two) = (budget(&app, "North one"), budget(&app, "North two"));
        let to_two = app.company.budgets["North two"].to_string();
        let to_one = app.company.budgets["North one"].to_string();
        let allocated = finn.get(&two).await.body;
        let posting = format!("/postings/pst_{}", allocated.split_once("/postings/pst_").unwrap().1.split(['"', '?', '#']).next().unwrap());
        let adjustment = [("direction", "up"), ("amount", "1"), ("reason_code", "correction"), ("note", "n")];
        let orders = [
            (format!("{two}/allocations"), vec![("amount", "1")]),
            (format!("{two}/adjustments"), adjustment.to_vec()),
            (format!("{two}/reservations"), vec![("amount", "1"), ("note", "n")]),
            (format!("{two}/transfers"), vec![("amount", "1"), ("to", &to_one)]),
            (format!("{one}/transfers"), vec![("amount", "1"), ("to", &to_two)]),
            (format!("{two}/carry-overs"), vec![("to", "new"), ("name", "Next"), ("period_start", "2027-01-01"), ("period_end", "2027-12-31"), ("amount", "1")]),
            (format!("{posting}/reversal"), vec![("note", "n")]),
        ];
        let mut held = Vec::new();
        for (address, fields) in &orders {
            held.push((address, fields, ready(&finn, address, fields).await));
        }
        let assignment = format!("/transactions/{}/assignment", ids[0]);
        let asked = finn.get(&format!("{assignment}?budget={to_two}")).await;
        let (edit, closure) = (finn.get(&format!("{two}/edit")).await, finn.get(&format!("{two}/closure/new")).await);
        assert_eq!(send(&finn, &format!("{two}/closure"), &step(&closure)).await.status, 303);

        let words = "North two is closed";
        for (address, fields, sent) in held {
            // He has looked at it while it was open.
            refused(&app, &finn, address, &sent, 422, words).await;
            let now = check(&finn, address, fields).await;
            assert_eq!(now.status, 422, "{address}: {}", now.body);
            assert!(now.body.contains(words), "{address}: {}", now.body);
        }
        let fields = with(&step(&asked), &[("budget", &to_two)]);
        refused(&app, &finn, &assignment, &fields, 422, words).await;
        let changes = [("name", "Open"), ("period_start", "2026-01-01"), ("period_end", "2026-12-31"), ("owner", ""), ("cost_centre", "")];
        refused(&app, &finn, &format!("{two}/versions"), &with(&step(&edit), &changes), 422, words).await;
        refused(&app, &finn, &format!("{two}/activation"), &with(&step(&closure), &[("key", "key-activation-01")]), 422, words).await;
        refused(&app, &finn, &format!("{two}/closure"), &with(&step(&closure), &[("key", "key-closure-again")]), 422, words).await;
        app.finish().await;
    }

    async fn an_amount_that_cannot_be_is_refused_when_it_is_sent_as_well(db: TestDb) {
        let app = TestApp::start(db).await;
        let finn = app.signed_in("Finn Finance").await;
        let (one, yen) = (budget(&app, "North one"), app.company.budgets["North yen"].to_string());
        let adjustment = [("direction", "up"), ("amount", "1"), ("reason_code", "correction"), ("note", "n")];
        let faults = [
            ("1.005", "2 digits"),
            ("1e9", "as digits"),
            ("-1", "greater than zero"),
            ("92233720368547758.08", "too large"),
            ("92233720368547758.07", "past what can be recorded"),
        ];
        for (noun, fields) in [("allocations", &[("amount", "1")][..]), ("adjustments", &adjustment)] {
            let sent = ready(&finn, &format!("{one}/{noun}"), fields).await;
            for (amount, words) in faults {
                refused(&app, &finn, &format!("{one}/{noun}"), &with(&sent, &[("amount", amount)]), 422, words).await;
            }
        }
        let sent = ready(&finn, &format!("{one}/reservations"), &[("amount", "1"), ("note", "n")]).await;
        let words = "Only 10,000.00 EUR is available";
        refused(&app, &finn, &format!("{one}/reservations"), &with(&sent, &[("amount", "10000.01")]), 422, words).await;
        let sent = ready(&finn, &format!("{one}/transfers"), &[("amount", "1"), ("to", &app.company.budgets["North two"].to_string())]).await;
        let crossed = with(&sent, &[("to", &yen)]);
        refused(&app, &finn, &format!("{one}/transfers"), &crossed, 422, "EUR cannot be moved into a budget in JPY without a rate").await;
        let north = app.company.regions["North"].to_string();
        for (currency, amount, words) in [("JPY", "0.5", "JPY has 0 digits"), ("BHD", "1.2345", "BHD has 3 digits"), ("GBP", "1", "Choose one of the currencies")] {
            let fields = new_budget(&finn, &north, &[("currency", currency), ("amount", amount)]).await;
            refused(&app, &finn, "/budgets", &fields, 422, words).await;
        }
        let (_, ids) = load(&app.company, vec![reward("RW-1")], true).await;
        let path = format!("/transactions/{}/assignment", ids[0]);
        let page = finn.get(&format!("{path}?budget={}", app.company.budgets["North one"])).await;
        let fields = with(&step(&page), &[("budget", &yen)]);
        refused(&app, &finn, &path, &fields, 422, "Choose a budget in EUR, the transaction\u{2019}s currency").await;
        app.finish().await;
    }

    async fn what_lies_in_another_region_is_not_there(db: TestDb) {
        let app = TestApp::start(db).await;
        let (nora, sara, finn) = (app.signed_in("Nora North").await, app.signed_in("Sara South").await, app.signed_in("Finn Finance").await);
        let (_, ids) = load(&app.company, vec![reward("RW-1")], true).await;
        let one = budget(&app, "North one");
        let south = app.company.budgets["South one"].to_string();
        let csrf = sara.get("/imports/new").await.csrf();
        let hers = |more: &[(&str, &str)]| with(&owned(&[("csrf", &csrf), ("key", "key-0123456789abcdef")]), more);
        let nothing = "There is nothing here, or it is not yours to see";
        let reservation = moved(&nora, &format!("{one}/reservations"), &[("amount", "5"), ("note", "n")]).await;
        let reservation = reservation.split_once('?').unwrap().0.to_owned();
        let orders = [
            (format!("{one}/transfers"), hers(&[("amount", "1"), ("to", &south)])),
            (format!("{one}/adjustments"), hers(&[("amount", "1"), ("direction", "up"), ("reason_code", "correction"), ("note", "n")])),
            (format!("{one}/reservations"), hers(&[("amount", "1"), ("note", "n")])),
            (format!("{reservation}/commitment"), hers(&[("amount", "1")])),
            (format!("{reservation}/void"), hers(&[("note", "n")])),
            (format!("{reservation}/reversal"), hers(&[("note", "n")])),
            (format!("/transactions/{}/assignment", ids[0]), hers(&[("budget", &south), ("version", "1")])),
        ];
        for (path, fields) in orders {
            let foreign = refused(&app, &sara, &path, &fields, 404, nothing).await;
            let mut nowhere: Vec<char> = path.chars().collect();
            // Another letter inside the id: no such thing anywhere.
            let at = path.find('_').unwrap() + 10;
            nowhere[at] = if nowhere[at] == '0' { '1' } else { '0' };
            let missing = refused(&app, &sara, &nowhere.into_iter().collect::<String>(), &fields, 404, nothing).await;
            let bare = |answer: &Answer| answer.body.replace(answer.headers["x-request-id"].to_str().unwrap(), "");
            assert_eq!(bare(&foreign), bare(&missing), "{path}: nobody learns which of the two it is");
        }
        let sent = ready(&nora, &format!("{one}/transfers"), &[("amount", "1"), ("to", &app.company.budgets["North two"].to_string())]).await;
        refused(&app, &nora, &format!("{one}/transfers"), &with(&sent, &[("to", &south)]), 404, nothing).await;
        let path = format!("/transactions/{}/assignment", ids[0]);
        let page = nora.get(&format!("{path}?budget={}", app.company.budgets["North one"])).await;
        let fields = with(&step(&page), &[("budget", &south)]);
        refused(&app, &nora, &path, &fields, 404, nothing).await;
        // Not a form of hers at all: the function is denied, whatever the region.
        let fields = new_budget(&finn, &app.company.regions["North"].to_string(), &[("csrf", &nora.get("/imports/new").await.csrf())]).await;
        refused(&app, &nora, "/budgets", &fields, 403, "Your roles do not allow this").await;
        app.finish().await;
    }

    async fn a_stale_page_changes_nothing(db: TestDb) {
        let app = TestApp::start(db).await;
        let (ada, finn) = (app.signed_in("Ada Admin").await, app.signed_in("Finn Finance").await);
        let (_, ids) = load(&app.company, vec![reward("RW-1")], true).await;
        let attic = attic(&app, &ada).await;
        let (one, region) = (budget(&app, "North one"), format!("/regions/{attic}"));
        let (assignment, to) = (format!("/transactions/{}/assignment", ids[0]), app.company.budgets["North two"].to_string());
        let pages = [
            (&finn, format!("{one}/edit"), format!("{one}/versions"),
             vec![("name", "Other"), ("period_start", "2026-01-01"), ("period_end", "2026-12-31"), ("owner", ""), ("cost_centre", "")]),
            (&finn, format!("{one}/closure/new"), format!("{one}/closure"), vec![]),
            (&ada, format!("{region}/edit"), region.clone(), admin::fields("Loft", "Europe/Berlin")),
            (&ada, format!("{region}/retirement"), format!("{region}/retirement"), vec![]),
            (&finn, format!("{assignment}?budget={to}"), assignment, vec![("budget", to.as_str())]),
        ];
        let south = app.company.regions["South"].to_string();
        let mut held = Vec::new();
        for (client, page, path, more) in &pages {
            held.push((*client, path.as_str(), with(&step(&client.get(page).await), more)));
        }
        let parent = with(&step(&ada.get(&format!("{region}/move")).await), &[("parent", &south)]);
        let there = format!("{region}/move");
        held.push((&ada, there.as_str(), parent));
        for (client, path, fields) in held {
            let version: i64 = fields.iter().find(|field| field.0 == "version").unwrap().1.parse().unwrap();
            let stale = with(&fields, &[("version", &(version - 1).to_string())]);
            refused(&app, client, path, &stale, 409, "changed").await;
        }
        app.finish().await;
    }

    async fn a_key_comes_with_other_content_or_from_somebody_else(db: TestDb) {
        let app = TestApp::start(db).await;
        let (ada, finn, nora) = (app.signed_in("Ada Admin").await, app.signed_in("Finn Finance").await, app.signed_in("Nora North").await);
        let words = "This form was sent before with other content";
        let north = app.company.regions["North"].to_string();
        let made = new_budget(&finn, &north, &[]).await;
        assert_eq!(send(&finn, "/budgets", &made).await.status, 303);
        refused(&app, &finn, "/budgets", &with(&made, &[("name", "Winter")]), 409, words).await;
        let (_, ids) = load(&app.company, vec![reward("RW-1")], true).await;
        let path = format!("/transactions/{}/assignment", ids[0]);
        let budgets = ["North one", "North two"].map(|name| app.company.budgets[name].to_string());
        let page = nora.get(&format!("{path}?budget={}", budgets[0])).await;
        let sent = with(&step(&page), &[("budget", &budgets[0])]);
        assert_eq!(send(&nora, &path, &sent).await.status, 303);
        refused(&app, &nora, &path, &with(&sent, &[("budget", &budgets[1])]), 409, words).await;
        let csrf = ada.get("/regions/new").await.csrf();
        let fields = |name: &'static str| {
            with(&owned(&admin::fields(name, "Europe/Berlin")), &[("csrf", &csrf), ("key", "key-region-0123456"), ("parent", &north)])
        };
        assert_eq!(send(&ada, "/regions", &fields("Attic")).await.status, 303);
        refused(&app, &ada, "/regions", &fields("Loft"), 409, words).await;
        let person = |email: &str| {
            let known = [("csrf", csrf.as_str()), ("key", "key-person-0123456"), ("name", "Pia"), ("email", email), ("role", "auditor")];
            with(&owned(&known), &[("region", &north), ("ends_on", "")])
        };
        assert_eq!(send(&ada, "/people", &person("pia@test.example")).await.status, 200);
        refused(&app, &ada, "/people", &person("mia@test.example"), 409, words).await;

        // A refused attempt does not use the key up, and somebody else's key is another one.
        let one = budget(&app, "North one");
        let sent = ready(&nora, &format!("{one}/reservations"), &[("amount", "1"), ("note", "n")]).await;
        let words = "is available";
        refused(&app, &nora, &format!("{one}/reservations"), &with(&sent, &[("amount", "99999")]), 422, words).await;
        let first = send(&nora, &format!("{one}/reservations"), &sent).await;
        assert_eq!(first.status, 303, "{}", first.body);
        let his = ready(&finn, &format!("{one}/reservations"), &[("amount", "2"), ("note", "n")]).await;
        let key = sent.iter().find(|field| field.0 == "key").unwrap().1.clone();
        let second = send(&finn, &format!("{one}/reservations"), &with(&his, &[("key", &key)])).await;
        assert_eq!(second.status, 303, "{}", second.body);
        assert_ne!(first.location(), second.location());
        app.finish().await;
    }
}
