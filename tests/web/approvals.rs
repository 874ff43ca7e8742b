//! Approvals over HTTP: said before and after, decided by somebody else on exactly what she saw, one after the other.

use crate::support::app::{Answer, Client, TestApp};
use crate::support::database::{TestDb, on_both_engines};
use crate::web::budgets::{budget, check, hidden, moved, send};

const SETTINGS: &str = "/settings/approvals";

pub async fn add(client: &Client, fields: &[(&str, &str)]) -> Answer {
    let page = client.get(SETTINGS).await;
    let (csrf, key) = (page.csrf(), page.field("key"));
    client.post(&format!("{SETTINGS}/policies"), &[&[("csrf", csrf.as_str()), ("key", &key)], fields].concat()).await
}

/// A policy on the whole organisation.
pub async fn policy(app: &TestApp, matter: &str, from: &str, approvers: &str) {
    let global = app.company.regions["Global"].to_string();
    let fields = [("matter", matter), ("region", &global), ("currency", "EUR"), ("from_amount", from), ("approvers", approvers)];
    let answer = add(&app.signed_in("Ada Admin").await, &fields).await;
    assert_eq!((answer.status, answer.location()), (303, SETTINGS), "{}", answer.body);
}

pub async fn decide(client: &Client, request: &str, what: &str, fields: &[(&str, &str)]) -> Answer {
    let page = client.get(request).await;
    assert_eq!(page.status, 200, "{}", page.body);
    // A page that is over has none of these.
    let field = |name: &str, else_: String| if page.body.contains(&format!("name=\"{name}\" ")) { page.field(name) } else { else_ };
    let (csrf, key, hash) = (page.csrf(), field("key", "late".to_owned()), field("hash", "0".repeat(64)));
    let mut form = vec![("csrf", csrf.as_str()), ("key", key.as_str())];
    if what == "approval" && fields.is_empty() {
        form.push(("hash", &hash));
    }
    form.extend(fields);
    client.post(&format!("{request}/{what}"), &form).await
}

fn path(location: &str) -> String {
    location.split('?').next().unwrap().to_owned()
}

pub async fn ask(app: &TestApp, client: &Client, amount: &str) -> String {
    let fields = [("direction", "down"), ("amount", amount), ("reason_code", "correction"), ("note", "Less")];
    let location = moved(client, &format!("{}/adjustments", budget(app, "North one")), &fields).await;
    assert!(location.starts_with("/approvals/apr_") && location.ends_with("?asked=1"), "{location}");
    path(&location)
}

on_both_engines! {
    async fn what_waits_is_said_before_and_after_and_done_by_the_approval(db: TestDb) {
        let app = TestApp::start(db).await;
        policy(&app, "transfer", "1,000", "1").await;
        let (nora, finn, sara) = (app.signed_in("Nora North").await, app.signed_in("Finn Finance").await, app.signed_in("Sara South").await);
        let address = format!("{}/transfers", budget(&app, "North one"));
        let to = app.company.budgets["North two"].to_string();
        let small = check(&nora, &address, &[("to", &to), ("amount", "999.99")]).await;
        assert!(small.body.contains(">Transfer</button>") && !small.body.contains("Ask for approval"), "{}", small.body);
        let page = check(&nora, &address, &[("to", &to), ("amount", "1000"), ("note", "Summer")]).await;
        for words in ["Ask for approval", "Transfers from 1,000.00 EUR", "it waits for Ada Admin or Finn Finance"] {
            assert!(page.body.contains(words), "{words}: {}", page.body);
        }
        let fields = hidden(&page);
        let (first, again) = (send(&nora, &address, &fields).await, send(&nora, &address, &fields).await);
        assert_eq!((first.status, first.location()), (303, again.location()), "{}", first.body);
        let request = path(first.location());
        let key = fields.iter().find(|(name, _)| name == "key").unwrap().1.clone();
        let back = nora.get(&format!("{address}/check?key={key}&to={to}&amount=1000")).await;
        assert_eq!((back.status, back.location()), (303, first.location()));
        let hers = nora.get(first.location()).await;
        for words in ["It waits for approval", "reserved until it is decided", "Withdraw the request", "10,000.00", "9,000.00", "11,000.00"] {
            assert!(hers.body.contains(words), "{words}: {}", hers.body);
        }
        assert!(!hers.body.contains("/approval\""), "she cannot approve it");
        // What it keeps is shown as kept, and is not settled by hand.
        let about = nora.get(&budget(&app, "North one")).await;
        assert!(about.body.contains("which waits for approval") && !about.body.contains("/void/new"), "{}", about.body);
        let kept = about.body.split("href=\"/postings/").nth(1).unwrap().split('"').next().unwrap().to_owned();
        let kept = nora.get(&format!("/postings/{kept}")).await;
        assert!(kept.body.contains(&request) && !kept.body.contains("/void/new"), "{}", kept.body);
        assert_eq!(sara.get(&request).await.status, 404);
        assert!(!sara.get("/approvals?view=waiting").await.body.contains("/approvals/apr_"));
        assert_eq!(nora.get(&format!("/search?q={}", request.trim_start_matches("/approvals/"))).await.location(), request);
        assert!(finn.get("/").await.body.contains("1 request"));
        assert!(!nora.get("/").await.body.contains("To approve"));
        let list = finn.get("/approvals").await;
        assert!(list.body.contains(&request) && list.body.contains("For you (1)"), "{}", list.body);
        let wrong = decide(&finn, &request, "approval", &[("hash", &"0".repeat(64))]).await;
        assert_eq!(wrong.status, 409, "{}", wrong.body);
        let own = nora.get(&request).await;
        let stolen = finn.get(&request).await.field("hash");
        let form = [("csrf", own.csrf()), ("key", "hers".to_owned()), ("hash", stolen)];
        let form: Vec<(&str, &str)> = form.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let own = nora.post(&format!("{request}/approval"), &form).await;
        assert!(own.status == 403 || own.body.contains("Somebody else has to decide"), "{} {}", own.status, own.body);
        let done = decide(&finn, &request, "approval", &[]).await;
        assert_eq!((done.status, done.location()), (303, "/approvals"), "{}", done.body);
        let over = nora.get(&request).await;
        for words in ["Approved", "Finn Finance", "/postings/pst_", "\u{2212}1,000.00", "+1,000.00"] {
            assert!(over.body.contains(words), "{words}: {}", over.body);
        }
        assert!(nora.get(&budget(&app, "North two")).await.body.contains("11,000.00"));
        app.finish().await;
    }

    async fn one_after_the_other_with_a_reason_where_it_is_declined(db: TestDb) {
        let app = TestApp::start(db).await;
        policy(&app, "adjustment", "1", "1").await;
        let (nora, finn) = (app.signed_in("Nora North").await, app.signed_in("Finn Finance").await);
        let (first, second, third) = (ask(&app, &nora, "10").await, ask(&app, &nora, "20").await, ask(&app, &nora, "30").await);
        let next = decide(&finn, &first, "approval", &[]).await;
        assert_eq!(next.location(), second);
        assert!(finn.get(&second).await.body.contains("This is the next of 2 that wait for you"));
        let without = decide(&finn, &second, "refusal", &[("reason", " ")]).await;
        assert_eq!(without.status, 422);
        assert!(without.body.contains("Write why you decline") && without.body.contains("<title>Error: "), "{}", without.body);
        let next = decide(&finn, &second, "refusal", &[("reason", "Not this year")]).await;
        assert_eq!(next.location(), third);
        assert!(nora.get(&second).await.body.contains("Not this year"));
        let taken = decide(&nora, &third, "withdrawal", &[]).await;
        assert_eq!(taken.location(), third, "{}", taken.body);
        let late = decide(&finn, &third, "approval", &[]).await;
        assert_eq!(late.status, 409, "{}", late.body);
        let list = finn.get("/approvals?view=ended").await.body;
        for words in ["Approved", "Declined", "Withdrawn"] {
            assert!(list.contains(words), "{words}: {list}");
        }
        // The same list as a file.
        let page = finn.get("/exports/new?list=approvals&view=ended").await;
        let (csrf, key, query) = (page.csrf(), page.field("key"), page.field("query"));
        let form = [("csrf", csrf.as_str()), ("key", &key), ("what", "approvals"), ("query", &query), ("format", "machine")];
        let made = finn.post("/exports", &form).await;
        assert_eq!(made.status, 303, "{}", made.body);
        let file = finn.get(made.location()).await.body;
        assert_eq!(file.lines().count(), 4, "{file}");
        assert!(file.contains("rejected") && file.contains("Not this year") && file.contains("Finn Finance"), "{file}");
        app.finish().await;
    }

    async fn policies_and_stand_ins_are_set_by_those_who_may(db: TestDb) {
        let app = TestApp::start(db).await;
        let (ada, nora, finn) = (app.signed_in("Ada Admin").await, app.signed_in("Nora North").await, app.signed_in("Finn Finance").await);
        let north = app.company.regions["North"].to_string();
        let fields = [("matter", "adjustment"), ("region", north.as_str()), ("currency", "EUR"), ("approvers", "1")];
        assert_eq!(add(&nora, &fields).await.status, 403);
        let wrong = add(&ada, &[("matter", ""), ("region", ""), ("from_amount", "5"), ("approvers", "9")]).await;
        for words in ["Choose what it is about", "Choose a region", "An amount has a currency"] {
            assert!(wrong.status == 422 && wrong.body.contains(words), "{words}: {}", wrong.body);
        }
        assert_eq!(add(&ada, &fields).await.status, 303);
        assert!(add(&ada, &fields).await.body.contains("end it first"));
        policy(&app, "transfer", "1000", "2").await;
        let seen = nora.get(SETTINGS).await.body;
        assert!(seen.contains("Adjustments of any amount in EUR") && seen.contains("A region above yours") && !seen.contains("/policies/"), "{seen}");
        // Nils approves for Finn.
        let page = finn.get(SETTINGS).await;
        let (csrf, key, nils) = (page.csrf(), page.field("key"), app.company.people["Nils North"].to_string());
        let form = [("csrf", csrf.as_str()), ("key", &key), ("person", &nils), ("starts_on", "2026-11-22"), ("ends_on", "2026-11-25")];
        let named = finn.post(&format!("{SETTINGS}/stand-ins"), &form).await;
        assert_eq!(named.status, 303, "{}", named.body);
        let request = ask(&app, &nora, "5").await;
        let client = app.signed_in("Nils North").await;
        assert!(client.get(SETTINGS).await.body.contains("Nils North for Finn Finance"));
        assert!(client.get("/approvals").await.body.contains(&request));
        assert_eq!(decide(&client, &request, "approval", &[]).await.location(), "/approvals");
        assert!(nora.get(&request).await.body.contains("Nils North for Finn Finance"));
        let first = ada.get(SETTINGS).await;
        let end = first.body.split("/settings/approvals/policies/").nth(1).unwrap().split('"').next().unwrap().to_owned();
        let (csrf, key) = (first.csrf(), first.field("key"));
        assert_eq!(ada.post(&format!("{SETTINGS}/policies/{end}"), &[("csrf", &csrf), ("key", &key)]).await.status, 303);
        app.finish().await;
    }

    async fn the_first_allocation_of_a_new_budget_is_said_to_wait(db: TestDb) {
        let app = TestApp::start(db).await;
        policy(&app, "allocation", "1", "1").await;
        let finn = app.signed_in("Finn Finance").await;
        let page = finn.get("/budgets/new").await;
        let (csrf, key, north) = (page.csrf(), page.field("key"), app.company.regions["North"].to_string());
        let form = [
            ("csrf", csrf.as_str()), ("key", &key), ("region", &north), ("currency", "EUR"), ("name", "New"), ("status", "active"),
            ("period_start", "2026-01-01"), ("period_end", "2026-12-31"), ("owner", ""), ("cost_centre", ""), ("amount", "500"),
        ];
        let made = finn.post("/budgets", &form).await;
        assert_eq!(made.status, 303, "{}", made.body);
        assert!(finn.get(made.location()).await.body.contains("first allocation waits for approval: APR-"));
        assert!(finn.get("/approvals?view=asked").await.body.contains("Allocation"));
        app.finish().await;
    }
}
