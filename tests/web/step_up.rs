//! What was typed comes back after signing in, and what needs it is done only shortly after showing who one is.

use super::admin::send;
use super::approvals::{ask, decide, policy};
use super::budgets::{check, hidden, moved};
use crate::support::app::{Answer, Client, TestApp};
use crate::support::database::{TestDb, on_both_engines};
use crate::support::totp::set_up;
use counterfoil::actions::passwords::Passwords;
use counterfoil::actions::people::{self, NewPerson};
use counterfoil::domain::access::{Actor, Role};
use counterfoil::store::db::Sql;

const SESSION: &str = "__Host-counterfoil";
const GOOD: &str = "five quiet green garden chairs";
const MINUTE: i64 = 60_000_000;

async fn count(app: &TestApp, sql: &'static str) -> i64 {
    app.company.store.read().await.unwrap().value(Sql::new(sql)).await.unwrap()
}

const POSTINGS: &str = "SELECT count(*) FROM posting";
const GRANTS: &str = "SELECT count(*) FROM role_grant";

const BUDGETS: &str = "SELECT count(*) FROM budget";
const GIVEN: &str = "SELECT count(*) FROM approval_decision";

/// Has somebody show once more who she is from these amounts on.
async fn from_amounts(app: &TestApp, limits: &[(&str, &str)]) {
    let ada = app.signed_in("Ada Admin").await;
    let mut form = vec![("minutes", "5")];
    for (currency, limit) in limits {
        form.extend([("currency[]", *currency), ("limit[]", *limit)]);
    }
    let set = send(&ada, "/settings/sign-in", "/settings/sign-in/step-up", &["key"], &form).await;
    assert_eq!(set.status, 303, "{}", set.body);
}

async fn follow(client: &Client, answer: &Answer) -> Answer {
    client.get(answer.location()).await
}

/// Sends what a page would: the fields that come back, under the token of the page.
async fn once_more(client: &Client, page: &Answer, to: &str, names: &[&str]) -> Answer {
    let fields: Vec<(&str, String)> = names.iter().chain(&["csrf"]).map(|name| (*name, page.field(name))).collect();
    let fields: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
    client.post(to, &fields).await
}

/// An administrator with a password, signed in.
async fn with_password(app: &TestApp) -> Client {
    let hash = Passwords::new(app.company.store.metrics.clone()).hash(GOOD.to_owned()).await.unwrap();
    let grant = Some((Role::Administrator.into(), app.company.regions["Global"], None));
    let new = NewPerson { email: "pia@test.example".to_owned(), name: "Pia".to_owned(), password_hash: Some(hash), grant };
    people::add(&app.company.store, Actor::system("test"), "pia", new).await.unwrap();
    let client = app.anonymous();
    let csrf = client.get("/sign-in").await.csrf();
    let form = [("csrf", csrf.as_str()), ("email", "pia@test.example"), ("password", GOOD)];
    assert_eq!(client.post("/sign-in", &form).await.location(), "/");
    client
}

/// Gives somebody a role, by the form that the check page has.
async fn give(app: &TestApp, client: &Client, ends_on: &str) -> Answer {
    let person = format!("/people/{}", app.company.people["Nils North"]);
    let south = app.company.regions["South"].to_string();
    let address = format!("{person}/grants/check?key=key-of-a-grant-{ends_on}&role=auditor&region={south}&ends_on={ends_on}");
    let page = client.get(&address).await;
    assert_eq!(page.status, 200, "{} {}", page.location(), page.body);
    once_more(client, &page, &format!("{person}/grants"), &["key", "role", "region", "ends_on"]).await
}

on_both_engines! {
    async fn what_was_typed_comes_back_after_signing_in_and_is_not_done_by_itself(db: TestDb) {
        let app = TestApp::start(db).await;
        let nora = app.signed_in("Nora North").await;
        let address = format!("/budgets/{}/adjustments", app.company.budgets["North one"]);
        let typed = [("direction", "up"), ("amount", "12.34"), ("reason_code", "correction"), ("note", "Twelve or more")];
        let page = check(&nora, &address, &typed).await;
        let fields = hidden(&page);
        let fields: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (name.as_ref(), value.as_ref())).collect();
        app.company.clock.advance(16 * MINUTE);
        let before = count(&app, POSTINGS).await;
        let away = nora.post(&address, &fields).await;
        assert_eq!((away.status, away.location()), (303, "/sign-in?next=/go-on"));
        assert!(follow(&nora, &away).await.body.contains("What you sent is kept"));
        let stranger = app.anonymous();
        stranger.plant(SESSION, &nora.cookie(SESSION).unwrap());
        let sven = app.company.people["Sven South"].to_string();
        let csrf = stranger.get("/sign-in").await.csrf();
        let other = stranger.post("/demo/sign-in", &[("csrf", &csrf), ("person", &sven), ("next", "/go-on")]).await;
        assert_eq!(follow(&stranger, &other).await.location(), "/", "it comes back to nobody else");

        let away = nora.post(&address, &fields).await;
        assert_eq!(away.location(), "/sign-in?next=/go-on");
        let csrf = nora.get("/sign-in?next=/go-on").await.csrf();
        let person = app.company.people["Nora North"].to_string();
        let back = nora.post("/demo/sign-in", &[("csrf", &csrf), ("person", &person), ("next", "/go-on")]).await;
        assert_eq!(back.location(), "/go-on");
        let on = follow(&nora, &back).await;
        assert!(on.location().starts_with(&format!("{address}/check?")), "{}", on.location());
        let page = follow(&nora, &on).await;
        assert!(page.status == 200 && page.body.contains("12.34") && page.body.contains("Twelve or more"), "{}", page.body);
        assert_eq!(count(&app, POSTINGS).await, before, "nothing was done by coming back");
        let old = nora.post(&address, &fields).await;
        assert_eq!(old.status, 403, "the token of the session before is worth nothing");
        let fields = hidden(&page);
        let fields: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (name.as_ref(), value.as_ref())).collect();
        assert_eq!(nora.post(&address, &fields).await.status, 303);
        assert_eq!(count(&app, POSTINGS).await, before + 1);
        assert_eq!(nora.get("/go-on").await.location(), "/", "it came back once");
        app.finish().await;
    }

    async fn a_form_without_a_check_page_comes_back_too_and_secrets_and_forgeries_do_not(db: TestDb) {
        let app = TestApp::start(db).await;
        let ada = app.signed_in("Ada Admin").await;
        let north = app.company.regions["North"].to_string();
        let page = ada.get("/regions/new").await;
        let (csrf, key) = (page.csrf(), page.field("key"));
        let form = [
            ("csrf", csrf.as_str()), ("key", &key), ("parent", &north), ("name", "\"Lapland\""), ("currency", "EUR"),
            ("time_zone", "Europe/Helsinki"), ("fiscal_start_month", "4"), ("cost_centre", ""),
        ];
        app.company.clock.advance(16 * MINUTE);
        let forged = ada.post_from("/regions", &form, "cross-site").await;
        assert_eq!(forged.location(), "/sign-in", "what another site sends is not kept");
        assert_eq!(app.anonymous().post("/regions", &form).await.location(), "/sign-in", "nor what comes from a browser that nobody signed in with");
        let secret = [("csrf", csrf.as_str()), ("current", GOOD), ("password", "x"), ("again", "x")];
        assert_eq!(ada.post("/settings/password", &secret).await.location(), "/sign-in", "a password is never kept");
        assert_eq!(ada.post("/regions", &form).await.location(), "/sign-in?next=/go-on");
        let csrf = ada.get("/sign-in").await.csrf();
        let person = app.company.people["Ada Admin"].to_string();
        ada.post("/demo/sign-in", &[("csrf", &csrf), ("person", &person), ("next", "/go-on")]).await;
        let page = ada.get("/go-on").await;
        assert!(page.status == 200 && page.body.contains("Europe/Helsinki") && page.body.contains("Nothing of it was done yet"), "{}", page.body);
        assert!(!ada.get("/regions").await.body.contains("Lapland"));
        let sent = once_more(&ada, &page, "/regions", &["key", "parent", "currency", "time_zone", "fiscal_start_month", "cost_centre"]).await;
        assert_eq!(sent.status, 400, "without the name it is not whole");
        let names = ["key", "parent", "name", "currency", "time_zone", "fiscal_start_month", "cost_centre"];
        let fields: Vec<(&str, String)> = names.iter().chain(&["csrf"]).map(|name| (*name, page.field(name).replace("&#34;", "\""))).collect();
        let fields: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
        assert_eq!(ada.post("/regions", &fields).await.status, 303);
        assert!(ada.get("/regions").await.body.contains("Lapland"));
        ada.post("/sign-out", &[("csrf", &ada.get("/").await.csrf())]).await;
        assert!(ada.cookie("__Host-counterfoil-was").is_none(), "signing out forgets who it was");
        app.finish().await;
    }

    async fn rights_change_only_shortly_after_showing_who_one_is(db: TestDb) {
        let app = TestApp::start(db).await;
        let pia = with_password(&app).await;
        let before = count(&app, GRANTS).await;
        assert_eq!(give(&app, &pia, "2027-01-01").await.status, 303);
        assert_eq!(count(&app, GRANTS).await, before + 1, "five minutes from signing in");
        app.company.clock.advance(6 * MINUTE);
        let token = pia.cookie(SESSION).unwrap();
        let person = format!("/people/{}", app.company.people["Sven South"]);
        let north = app.company.regions["North"].to_string();
        let page = pia.get(&format!("{person}/grants/check?key=another-key-of-16&role=auditor&region={north}&ends_on=")).await;
        let asked = once_more(&pia, &page, &format!("{person}/grants"), &["key", "role", "region"]).await;
        assert_eq!((asked.status, asked.location()), (303, "/prove"));
        assert_eq!(count(&app, GRANTS).await, before + 1, "nothing was written");
        let wrong = send(&pia, "/prove", "/prove", &[], &[("current", "wrong")]).await;
        assert!(wrong.status == 422 && wrong.body.contains("not your present password"), "{}", wrong.body);
        let right = send(&pia, "/prove", "/prove", &[], &[("current", GOOD)]).await;
        assert_eq!((right.status, right.location()), (303, "/go-on"));
        assert_ne!(pia.cookie(SESSION).unwrap(), token, "the session goes on under another token");
        let old = app.anonymous();
        old.plant(SESSION, &token);
        assert_eq!(old.get("/settings").await.status, 303, "the one before is dead");
        let back = follow(&pia, &right).await;
        assert!(back.location().starts_with(&format!("{person}/grants/check?")), "{}", back.location());
        let page = follow(&pia, &back).await;
        assert_eq!(count(&app, GRANTS).await, before + 1);
        assert_eq!(once_more(&pia, &page, &format!("{person}/grants"), &["key", "role", "region"]).await.status, 303);
        assert_eq!(count(&app, GRANTS).await, before + 2);
        assert_eq!(count(&app, "SELECT count(*) FROM audit_event WHERE action = 'person.proved_again'").await, 1);
        let link = format!("{person}/password-link");
        app.company.clock.advance(6 * MINUTE);
        for (form, to) in [(&link, "key"), (&format!("/people/{}/second-factor/removal", app.company.people["Ada Admin"]), "key")] {
            assert_eq!(send(&pia, &person, form, &[to], &[]).await.status, 303, "{form}");
        }
        assert_eq!(count(&app, "SELECT count(*) FROM one_time_link WHERE purpose = 'password'").await, 0);
        let later = pia.get("/settings/sessions").await;
        assert_eq!(later.body.matches("This one").count(), 1, "the session is the same");
        app.finish().await;
    }

    async fn much_money_moves_only_shortly_after_showing_who_one_is(db: TestDb) {
        let app = TestApp::start(db).await;
        let (ada, nora) = (app.signed_in("Ada Admin").await, app.signed_in("Nora North").await);
        let place = "/settings/sign-in/step-up";
        let wrong = send(&ada, "/settings/sign-in", place, &["key"], &[("minutes", "5"), ("currency[]", "EUR"), ("limit[]", "1.234")]).await;
        assert!(wrong.status == 422 && wrong.body.contains("limit-EUR-error"), "{}", wrong.body);
        assert_eq!(send(&ada, "/settings/sign-in", place, &["key"], &[("minutes", "99")]).await.status, 422);
        let rules = [("minutes", "10"), ("currency[]", "EUR"), ("limit[]", "100.00"), ("currency[]", "JPY"), ("limit[]", "")];
        assert_eq!(send(&ada, "/settings/sign-in", place, &["key"], &rules).await.status, 303);
        assert!(ada.get("/settings/sign-in").await.body.contains("value=\"100.00\""));
        let address = format!("/budgets/{}/adjustments", app.company.budgets["North one"]);
        let order = async |amount: &str| {
            let typed = [("direction", "up"), ("amount", amount), ("reason_code", "correction"), ("note", "x")];
            let fields = hidden(&check(&nora, &address, &typed).await);
            let fields: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (name.as_ref(), value.as_ref())).collect();
            nora.post(&address, &fields).await.location().to_owned()
        };
        app.company.clock.advance(9 * MINUTE);
        assert!(order("100.00").await.starts_with("/postings/"), "the setting says ten minutes");
        app.company.clock.advance(2 * MINUTE);
        assert!(order("99.99").await.starts_with("/postings/"), "less than the amount");
        let before = count(&app, POSTINGS).await;
        assert_eq!(order("100.00").await, "/prove");
        assert_eq!(count(&app, POSTINGS).await, before);
        let page = nora.get("/prove").await;
        assert!(page.body.contains("What you typed comes back") && page.body.contains("within 10 min"), "{}", page.body);
        let done = send(&nora, "/prove", "/prove", &[], &[]).await;
        let on = follow(&nora, &done).await;
        assert!(on.location().starts_with(&format!("{address}/check?")));
        assert_eq!(count(&app, POSTINGS).await, before);
        assert!(order("100.00").await.starts_with("/postings/"));
        app.finish().await;
    }

    async fn an_approval_of_much_money_is_given_only_shortly_after_showing_who_one_is(db: TestDb) {
        let app = TestApp::start(db).await;
        policy(&app, "adjustment", "1", "1").await;
        from_amounts(&app, &[("EUR", "100.00")]).await;
        let nora = app.signed_in("Nora North").await;
        let (small, large, no) = (ask(&app, &nora, "99.99").await, ask(&app, &nora, "100").await, ask(&app, &nora, "200").await);
        let finn = app.signed_in("Finn Finance").await;
        app.company.clock.advance(6 * MINUTE);
        assert_eq!(decide(&finn, &small, "approval", &[]).await.location(), large, "less than the amount");
        let (postings, given) = (count(&app, POSTINGS).await, count(&app, GIVEN).await);
        assert_eq!(decide(&finn, &large, "approval", &[]).await.location(), "/prove");
        assert_eq!((count(&app, POSTINGS).await, count(&app, GIVEN).await), (postings, given), "nothing was decided");
        assert!(finn.get(&large).await.body.contains("/approval\""), "it waits as before");
        let declined = decide(&finn, &no, "refusal", &[("reason", "Not this year")]).await;
        assert_eq!(declined.location(), large, "to decline moves nothing: {}", declined.body);
        assert_eq!(send(&finn, "/prove", "/prove", &[], &[]).await.location(), "/go-on");
        assert_eq!(finn.get("/go-on").await.status, 303, "the page that it stood on is looked at once more");
        assert_eq!(count(&app, GIVEN).await, given + 1, "nothing but the refusal was decided by coming back");
        assert_eq!(decide(&finn, &large, "approval", &[]).await.location(), "/approvals");
        assert_eq!(count(&app, "SELECT count(*) FROM approval WHERE status = 'approved'").await, 2);
        app.finish().await;
    }

    async fn an_approval_between_currencies_counts_what_arrives_as_well(db: TestDb) {
        let app = TestApp::start(db).await;
        policy(&app, "transfer", "1", "1").await;
        let (nora, finn) = (app.signed_in("Nora North").await, app.signed_in("Finn Finance").await);
        let to = app.company.budgets["North yen"].to_string();
        let rate = [("to", to.as_str()), ("amount", "100"), ("rate", "162.35"), ("rate_date", "2026-11-20"), ("rate_source", "ECB")];
        let asked = moved(&nora, &format!("/budgets/{}/transfers", app.company.budgets["North one"]), &rate).await;
        let asked = asked.split('?').next().unwrap();
        from_amounts(&app, &[("EUR", "1,000"), ("JPY", "10,000")]).await;
        app.company.clock.advance(6 * MINUTE);
        assert_eq!(decide(&finn, asked, "approval", &[]).await.location(), "/prove", "16,235 yen arrive");
        send(&finn, "/prove", "/prove", &[], &[]).await;
        assert_eq!(decide(&finn, asked, "approval", &[]).await.location(), "/approvals");
        app.finish().await;
    }

    async fn a_budget_with_much_money_is_made_only_shortly_after_showing_who_one_is(db: TestDb) {
        let app = TestApp::start(db).await;
        from_amounts(&app, &[("EUR", "500")]).await;
        let finn = app.signed_in("Finn Finance").await;
        let north = app.company.regions["North"].to_string();
        let make = async |name: &str, amount: &str| {
            let form = [
                ("region", north.as_str()), ("currency", "EUR"), ("name", name), ("status", "active"), ("period_start", "2026-01-01"),
                ("period_end", "2026-12-31"), ("owner", ""), ("cost_centre", ""), ("amount", amount),
            ];
            send(&finn, "/budgets/new", "/budgets", &["key"], &form).await
        };
        app.company.clock.advance(6 * MINUTE);
        for (name, amount) in [("Empty", ""), ("Small", "499.99")] {
            let made = make(name, amount).await;
            assert!(made.location().starts_with("/budgets/bud_"), "{name}: {} {}", made.location(), made.body);
        }
        let (budgets, postings) = (count(&app, BUDGETS).await, count(&app, POSTINGS).await);
        assert_eq!(make("Large", "500").await.location(), "/prove");
        assert_eq!((count(&app, BUDGETS).await, count(&app, POSTINGS).await), (budgets, postings), "not even an empty one was made");
        assert_eq!(send(&finn, "/prove", "/prove", &[], &[]).await.location(), "/go-on");
        let back = finn.get("/go-on").await;
        assert!(back.body.contains("Large") && back.body.contains("Nothing of it was done yet"), "{}", back.body);
        assert_eq!(count(&app, BUDGETS).await, budgets);
        let names = ["key", "region", "currency", "name", "status", "period_start", "period_end", "owner", "cost_centre", "amount"];
        let made = once_more(&finn, &back, "/budgets", &names).await;
        assert!(made.location().starts_with("/budgets/bud_"), "{} {}", made.location(), made.body);
        assert_eq!((count(&app, BUDGETS).await, count(&app, POSTINGS).await), (budgets + 1, postings + 1));
        app.finish().await;
    }

    async fn whoever_has_a_second_factor_shows_that(db: TestDb) {
        let app = TestApp::start(db).await;
        let pia = with_password(&app).await;
        let (phone, _) = set_up(&app, &pia, GOOD).await;
        app.company.clock.advance(6 * MINUTE);
        let page = pia.get("/prove").await;
        assert!(page.body.contains("authenticator app") && !page.body.contains("name=\"current\""), "{}", page.body);
        let changed = send(&pia, "/settings", "/settings/password", &[], &[("current", GOOD), ("password", "six loud red kitchen stools"), ("again", "six loud red kitchen stools")]).await;
        assert_eq!(changed.location(), "/prove?next=", "the password alone is not enough, and is not kept");
        let off = send(&pia, "/settings/second-factor", "/settings/second-factor/removal", &[], &[("current", GOOD)]).await;
        assert!(off.location().starts_with("/prove"), "{}", off.location());
        assert_eq!(send(&pia, "/prove", "/prove", &[], &[("current", GOOD)]).await.status, 422, "the password is no second factor");
        let code = phone.code(app.company.store.now());
        assert_eq!(send(&pia, "/prove", "/prove", &[], &[("code", &code)]).await.location(), "/");
        app.company.clock.advance(6 * MINUTE);
        assert_eq!(send(&pia, "/prove", "/prove", &[], &[("code", &code)]).await.status, 422, "a code works once");
        let code = phone.code(app.company.store.now());
        assert_eq!(send(&pia, "/prove", "/prove", &[], &[("code", &code), ("next", "/settings")]).await.location(), "/settings");
        assert_eq!(send(&pia, "/settings/second-factor", "/settings/second-factor/removal", &[], &[("current", GOOD)]).await.location(), "/settings");
        app.finish().await;
    }
}
