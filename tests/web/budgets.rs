//! Budgets over HTTP: money moves once, by those who may, and every refusal has its words.

use counterfoil::domain::budget::Figures;
use counterfoil::domain::id::BudgetId;
use counterfoil::store::ledger;

use crate::support::app::{Answer, Client, TestApp};
use crate::support::database::{TestDb, on_both_engines};

async fn figures(app: &TestApp, name: &str) -> Figures {
    of(app, app.company.budgets[name]).await
}

async fn of(app: &TestApp, id: BudgetId) -> Figures {
    let mut read = app.company.store.read().await.unwrap();
    let row = counterfoil::store::budgets::get(&mut read, id).await.unwrap();
    let budget: ledger::BudgetRow = row;
    budget.figures()
}

/// From the form's values to the check page.
pub async fn check(client: &Client, address: &str, fields: &[(&str, &str)]) -> Answer {
    let form = client.get(&format!("{address}/new")).await;
    assert_eq!(form.status, 200, "{}", form.body);
    let mut query = vec![format!("key={}", form.field("key"))];
    query.extend(fields.iter().map(|(name, value)| format!("{name}={}", value.replace(' ', "+"))));
    client.get(&format!("{address}/check?{}", query.join("&"))).await
}

/// The hidden fields of a check page, as the browser sends them.
pub fn hidden(page: &Answer) -> Vec<(String, String)> {
    let (_, form) = page.body.split_once("<form class=\"actions\" method=\"post\"").unwrap();
    let inputs = form.split("<input type=\"hidden\" ").skip(1);
    let value = |input: &str, name: &str| input.split_once(&format!("{name}=\"")).unwrap().1.split_once('"').unwrap().0.to_owned();
    inputs.map(|input| (value(input, "name"), value(input, "value"))).collect()
}

/// Posts these fields.
pub async fn send(client: &Client, address: &str, fields: &[(String, String)]) -> Answer {
    let fields: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    client.post(address, &fields).await
}

/// Moves money through form and check; where that leads.
pub async fn moved(client: &Client, address: &str, fields: &[(&str, &str)]) -> String {
    let page = check(client, address, fields).await;
    assert_eq!(page.status, 200, "{}", page.body);
    let answer = send(client, address, &hidden(&page)).await;
    assert_eq!(answer.status, 303, "{}", answer.body);
    answer.location().to_owned()
}

/// The address of a budget.
pub fn budget(app: &TestApp, name: &str) -> String {
    format!("/budgets/{}", app.company.budgets[name])
}

on_both_engines! {
    async fn a_transfer_is_checked_made_once_and_confirmed(db: TestDb) {
        let app = TestApp::start(db).await;
        let nora = app.signed_in("Nora North").await;
        let address = format!("{}/transfers", budget(&app, "North one"));
        let to = app.company.budgets["North two"].to_string();
        let page = check(&nora, &address, &[("to", &to), ("amount", "1,250.50"), ("note", "Summer")]).await;
        assert_eq!(page.status, 200, "{}", page.body);
        for words in ["10,000.00", "8,749.50", "11,250.50"] {
            assert!(page.body.contains(words), "{words} is missing");
        }
        assert_eq!(figures(&app, "North one").await.available(), 1_000_000, "looking changes nothing");
        let fields = hidden(&page);
        let first = send(&nora, &address, &fields).await;
        let again = send(&nora, &address, &fields).await;
        assert_eq!((first.status, again.status), (303, 303), "{}", again.body);
        assert_eq!(first.location(), again.location(), "the same reference");
        assert_eq!(figures(&app, "North one").await.available(), 874_950);
        assert_eq!(figures(&app, "North two").await.available(), 1_125_050);
        let confirmation = nora.get(first.location()).await;
        assert!(confirmation.body.contains("TRF-"), "{}", confirmation.body);
        // Back to the check page: its key was used, so it leads to the posting.
        let key = fields.iter().find(|(name, _)| name == "key").unwrap().1.clone();
        let back = nora.get(&format!("{address}/check?key={key}&to={to}&amount=1250.50")).await;
        assert_eq!((back.status, back.location()), (303, first.location()));
        let mut other: Vec<_> = fields.clone();
        other.iter_mut().filter(|(name, _)| name == "amount").for_each(|(_, value)| *value = "1.00".to_owned());
        assert_eq!(send(&nora, &address, &other).await.status, 409, "a key with other content");
        assert_eq!(figures(&app, "North one").await.available(), 874_950);
        app.finish().await;
    }

    async fn the_second_of_two_people_sees_what_changed_and_decides_again(db: TestDb) {
        let app = TestApp::start(db).await;
        let (nora, finn) = (app.signed_in("Nora North").await, app.signed_in("Finn Finance").await);
        let address = format!("{}/adjustments", budget(&app, "North one"));
        let fields = [("direction", "down"), ("amount", "100.00"), ("reason_code", "correction"), ("note", "Less")];
        let (hers, his) = (check(&nora, &address, &fields).await, check(&finn, &address, &fields).await);
        assert_eq!(send(&nora, &address, &hidden(&hers)).await.status, 303);
        let stale = send(&finn, &address, &hidden(&his)).await;
        assert_eq!(stale.status, 409, "{}", stale.body);
        for words in ["Changed while you were looking", "10,000.00", "9,900.00", "Nora North"] {
            assert!(stale.body.contains(words), "{words} is missing");
        }
        assert_eq!(figures(&app, "North one").await.adjusted, -10_000);
        assert_eq!(send(&finn, &address, &hidden(&stale)).await.status, 303, "he decides again, on what it is now");
        assert_eq!(figures(&app, "North one").await.adjusted, -20_000);
        app.finish().await;
    }

    async fn a_reservation_is_committed_in_part_and_a_posting_is_reversed_once(db: TestDb) {
        let app = TestApp::start(db).await;
        let nora = app.signed_in("Nora North").await;
        let at = budget(&app, "North one");
        let posting = |location: &str| location.split_once('?').unwrap().0.to_owned();
        let reservation = posting(&moved(&nora, &format!("{at}/reservations"), &[("amount", "500"), ("note", "Party")]).await);
        assert_eq!(figures(&app, "North one").await.reserved, 50_000);
        let committed = moved(&nora, &format!("{reservation}/commitment"), &[("amount", "300")]).await;
        let now = figures(&app, "North one").await;
        assert_eq!((now.reserved, now.spent, now.available()), (0, 30_000, 970_000));
        let twice = check(&nora, &format!("{reservation}/void"), &[("note", "x")]).await;
        assert_eq!(twice.status, 409, "{}", twice.body);
        assert!(nora.get(&committed).await.body.contains("CMT-"));
        let second = posting(&moved(&nora, &format!("{at}/reservations"), &[("amount", "20"), ("note", "Cake")]).await);
        moved(&nora, &format!("{second}/void"), &[]).await;
        let fields = [("direction", "up"), ("amount", "7"), ("reason_code", "correction"), ("note", "More")];
        let adjusted = posting(&moved(&nora, &format!("{at}/adjustments"), &fields).await);
        moved(&nora, &format!("{adjusted}/reversal"), &[("note", "Wrong budget")]).await;
        assert_eq!(figures(&app, "North one").await, now);
        let again = check(&nora, &format!("{adjusted}/reversal"), &[("note", "Again")]).await;
        assert_eq!(again.status, 409, "{}", again.body);
        assert!(again.body.contains("reversed already"));
        app.finish().await;
    }

    async fn between_currencies_a_rate_is_needed_and_two_postings_are_a_pair(db: TestDb) {
        let app = TestApp::start(db).await;
        let nora = app.signed_in("Nora North").await;
        let address = format!("{}/transfers", budget(&app, "North one"));
        let to = app.company.budgets["North yen"].to_string();
        let without = check(&nora, &address, &[("to", &to), ("amount", "100")]).await;
        assert_eq!(without.status, 422);
        assert!(without.body.contains("without a rate"));
        let rate = [("to", to.as_str()), ("amount", "100.01"), ("rate", "162.35"), ("rate_date", "2026-11-20"), ("rate_source", "ECB")];
        let page = check(&nora, &address, &rate).await;
        assert!(page.body.contains("16,237 JPY, rounded half to even"), "{}", page.body);
        let answer = send(&nora, &address, &hidden(&page)).await;
        assert_eq!(answer.status, 303, "{}", answer.body);
        assert_eq!(figures(&app, "North one").await.adjusted, -10_001);
        assert_eq!(figures(&app, "North yen").await.adjusted, 16_237);
        let confirmation = nora.get(answer.location()).await;
        assert!(confirmation.body.contains("The other leg"), "{}", confirmation.body);
        let posting = answer.location().split_once('?').unwrap().0;
        moved(&nora, &format!("{posting}/reversal"), &[("note", "Not after all")]).await;
        assert_eq!((figures(&app, "North one").await.adjusted, figures(&app, "North yen").await.adjusted), (0, 0));
        app.finish().await;
    }

    async fn carry_over_makes_the_next_budget_and_closes_the_old_one(db: TestDb) {
        let app = TestApp::start(db).await;
        let finn = app.signed_in("Finn Finance").await;
        let at = budget(&app, "North one");
        let fields = [("to", "new"), ("name", "North one 2027"), ("period_start", "2027-01-01"), ("period_end", "2027-12-31"), ("amount", "2500"), ("close", "1")];
        let posting = moved(&finn, &format!("{at}/carry-overs"), &fields).await;
        let page = finn.get(&posting).await;
        assert!(page.body.contains("CRY-") && page.body.contains("North one 2027"), "{}", page.body);
        let now = figures(&app, "North one").await;
        assert_eq!((now.carried_over, now.available()), (-250_000, 750_000));
        let list = finn.get("/budgets?view=table&status=closed").await;
        assert!(list.body.contains("North one") && !list.body.contains("North two"), "{}", list.body);
        let closed = finn.get(&format!("{at}/allocations/check?key=0123456789abcdef0&amount=1")).await;
        assert_eq!(closed.status, 422, "{}", closed.body);
        assert!(closed.body.contains("is closed"));
        app.finish().await;
    }

    async fn every_fault_of_an_amount_has_its_words_and_changes_nothing(db: TestDb) {
        let app = TestApp::start(db).await;
        let finn = app.signed_in("Finn Finance").await;
        let before = figures(&app, "North one").await;
        let faults = [
            ("", "Enter an amount"),
            ("0", "greater than zero"),
            ("-5", "greater than zero"),
            ("1.005", "2 digits"),
            ("1e9", "as digits"),
            ("92233720368547758.08", "too large"),
            ("92233720368547758.07", "past what can be recorded"),
            ("12 USD", "as digits"),
        ];
        for (amount, words) in faults {
            let page = check(&finn, &format!("{}/allocations", budget(&app, "North one")), &[("amount", amount)]).await;
            assert_eq!(page.status, 422, "{amount}");
            assert!(page.body.contains(words), "{amount}: {}", page.body);
            assert!(page.body.contains("<title>Error: "));
        }
        let yen = check(&finn, &format!("{}/allocations", budget(&app, "North yen")), &[("amount", "1.5")]).await;
        assert!(yen.status == 422 && yen.body.contains("JPY has 0 digits"), "{}", yen.body);
        let outside = [("amount", "1"), ("effective_date", "2027-01-01")];
        let page = check(&finn, &format!("{}/allocations", budget(&app, "North one")), &outside).await;
        assert!(page.status == 422 && page.body.contains("lies outside"), "{}", page.body);
        let much = [("direction", "down"), ("amount", "10000.01"), ("reason_code", "correction"), ("note", "n")];
        let page = check(&finn, &format!("{}/adjustments", budget(&app, "North one")), &much).await;
        assert!(page.status == 422 && page.body.contains("Only 10,000.00 EUR is available"), "{}", page.body);
        let none = check(&finn, &format!("{}/adjustments", budget(&app, "North one")), &[("amount", "1"), ("direction", "up")]).await;
        for words in ["Choose a reason", "Write why in a note"] {
            assert!(none.body.contains(words), "{words}");
        }
        assert_eq!(figures(&app, "North one").await, before);
        app.finish().await;
    }

    async fn roles_and_regions_decide_who_sees_and_who_moves(db: TestDb) {
        let app = TestApp::start(db).await;
        let (nora, nils, sara, aud) =
            (app.signed_in("Nora North").await, app.signed_in("Nils North").await, app.signed_in("Sara South").await, app.signed_in("Aud Auditor").await);
        let at = budget(&app, "North one");
        assert_eq!(nils.get(&at).await.status, 200);
        assert_eq!(aud.get(&at).await.status, 200);
        assert_eq!(sara.get(&at).await.status, 404);
        assert_eq!(sara.get(&format!("{at}/transfers/new")).await.status, 404);
        assert_eq!(nils.get(&format!("{at}/transfers/new")).await.status, 403);
        assert_eq!(nora.get(&format!("{at}/allocations/new")).await.status, 403);
        assert_eq!(nora.get("/budgets/new").await.status, 403);
        assert_eq!(nora.get("/budgets/bud_nonsense").await.status, 404);
        let list = sara.get("/budgets").await;
        assert!(list.body.contains("South one") && !list.body.contains("North one"), "{}", list.body);
        assert!(!nils.get(&at).await.body.contains("/transfers/new"), "an action that is not hers is not offered");
        // A budget of another region is no target, and a posting shows its other end by name only to those who may see it.
        let south = app.company.budgets["South one"].to_string();
        let page = nora.get(&format!("{at}/transfers/check?key=0123456789abcdef0&amount=1&to={south}")).await;
        assert_eq!(page.status, 404, "{}", page.body);
        let finn = app.signed_in("Finn Finance").await;
        let posting = moved(&finn, &format!("{at}/transfers"), &[("to", &south), ("amount", "5")]).await;
        let page = sara.get(&posting).await;
        assert!(page.body.contains("A budget of another region") && !page.body.contains("North one"), "{}", page.body);
        let statement = sara.get(&budget(&app, "South one")).await;
        assert!(statement.body.contains("from a budget of another region") && !statement.body.contains("North one"), "{}", statement.body);
        assert_eq!(sara.get(&format!("{}/reversal/check?key=0123456789abcdef1&note=n", posting.split_once('?').unwrap().0)).await.status, 403);
        app.finish().await;
    }

    async fn a_budget_is_made_edited_activated_and_closed(db: TestDb) {
        let app = TestApp::start(db).await;
        let finn = app.signed_in("Finn Finance").await;
        let form = finn.get("/budgets/new").await;
        let north = app.company.regions["North"].to_string();
        let (csrf, key) = (form.csrf(), form.field("key"));
        let fields = |name: &str| {
            [("csrf", csrf.as_str()), ("key", &key), ("region", &north), ("currency", "BHD"), ("name", name), ("period_start", "2026-01-01"),
             ("period_end", "2026-12-31"), ("owner", ""), ("cost_centre", "CC-1"), ("status", "draft"), ("amount", "12.345")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
        };
        let made = send(&finn, "/budgets", &fields("Dinars")).await;
        assert_eq!(made.status, 303, "{}", made.body);
        assert_eq!(send(&finn, "/budgets", &fields("Dinars")).await.location(), made.location());
        let page = finn.get(made.location()).await;
        assert!(page.body.contains("12.345") && page.body.contains("Draft"), "{}", page.body);
        let taken = send(&finn, "/budgets", &fields("North one").map(|(name, value)| if name == "key" { (name, "another-key-0123456".to_owned()) } else { (name, value) })).await;
        assert!(taken.status == 422 && taken.body.contains("of this name"), "{}", taken.body);
        let draft = finn.get(&format!("{}/adjustments/check?key=0123456789abcdef2&direction=down&amount=1&reason_code=correction&note=n", made.location())).await;
        assert!(draft.status == 422 && draft.body.contains("is a draft"), "{}", draft.body);
        let edit = finn.get(&format!("{}/edit", made.location())).await;
        let change = |version: String, key: String| {
            [("csrf", csrf.clone()), ("key", key), ("version", version), ("name", "Dinars, renamed".to_owned()), ("period_start", "2026-01-01".to_owned()),
             ("period_end", "2026-12-31".to_owned()), ("owner", String::new()), ("cost_centre", String::new())]
            .map(|(name, value)| (name.to_owned(), value))
        };
        let versions = format!("{}/versions", made.location());
        assert_eq!(send(&finn, &versions, &change(edit.field("version"), edit.field("key"))).await.status, 303);
        let stale = send(&finn, &versions, &change(edit.field("version"), "another-key-0123457".to_owned())).await;
        assert_eq!(stale.status, 409, "{}", stale.body);
        for (noun, words) in [("activation", "Active"), ("closure", "Closed")] {
            let ask = finn.get(&format!("{}/{noun}/new", made.location())).await;
            let fields = [("csrf", csrf.as_str()), ("key", &ask.field("key")), ("version", &ask.field("version"))].map(|(n, v)| (n.to_owned(), v.to_owned()));
            assert_eq!(send(&finn, &format!("{}/{noun}", made.location()), &fields).await.status, 303);
            assert!(finn.get(made.location()).await.body.contains(words));
        }
        app.finish().await;
    }
}
