//! The second factor: set up, asked for, used once, required, lost.

use super::admin::send;
use super::roles::{given, made};
use crate::support::app::{Answer, Client, Company, TestApp};
use crate::support::database::{TestDb, on_both_engines};
use crate::support::totp::{App, recovery_codes, set_up};
use counterfoil::actions::passwords::Passwords;
use counterfoil::actions::people::{self, NewPerson};
use counterfoil::actions::second_factor as act;
use counterfoil::domain::access::{Actor, Role};
use counterfoil::domain::id::UserId;
use counterfoil::domain::throttle::{ACCOUNT, CODES};
use counterfoil::store::db::Sql;

const GOOD: &str = "five quiet green garden chairs";
const SHORT: &str = "vj4 mwq8";
const STEP: i64 = 30_000_000;

async fn pia(company: &Company) -> UserId {
    let hash = Passwords::new(company.store.metrics.clone()).hash(GOOD.to_owned()).await.unwrap();
    let grant = Some((Role::RegionalPartner.into(), company.regions["North"], None));
    let new = NewPerson { email: "pia@test.example".to_owned(), name: "Pia".to_owned(), password_hash: Some(hash), grant };
    people::add(&company.store, Actor::system("test"), "pia", new).await.unwrap()
}

/// Enters the password; where that leads.
async fn enter(client: &Client, password: &str, next: &str) -> String {
    let csrf = client.get("/sign-in").await.csrf();
    let form = [("csrf", csrf.as_str()), ("email", "pia@test.example"), ("password", password), ("next", next)];
    let answer = client.post("/sign-in", &form).await;
    assert_eq!(answer.status, 303, "{}", answer.body);
    answer.location().to_owned()
}

async fn try_code(client: &Client, code: &str) -> Answer {
    send(client, "/sign-in/code", "/sign-in/code", &[], &[("code", code)]).await
}

async fn leave(client: &Client) {
    let csrf = client.get("/settings").await.csrf();
    assert_eq!(client.post("/sign-out", &[("csrf", &csrf)]).await.status, 303);
}

async fn is_in(client: &Client) -> bool {
    client.get("/settings").await.status == 200
}

async fn one(company: &Company, sql: &'static str) -> i64 {
    company.store.read().await.unwrap().one::<(i64,)>(Sql::new(sql)).await.unwrap().unwrap().0
}

async fn letters(company: &Company, kind: &'static str) -> i64 {
    let sql = Sql::new("SELECT count(*) FROM mail WHERE kind = $1").bind(kind);
    company.store.read().await.unwrap().one::<(i64,)>(sql).await.unwrap().unwrap().0
}

async fn require(app: &TestApp, roles: &[&str]) {
    let ada = app.signed_in("Ada Admin").await;
    let fields: Vec<(&str, &str)> = roles.iter().map(|role| ("role", *role)).collect();
    assert_eq!(send(&ada, "/settings/sign-in", "/settings/sign-in", &["key"], &fields).await.status, 303);
}

on_both_engines! {
    async fn once_set_up_a_code_is_asked_for_and_each_works_once(db: TestDb) {
        let app = TestApp::start(db).await;
        pia(&app.company).await;
        let (hers, other) = (app.anonymous(), app.anonymous());
        for client in [&hers, &other] {
            assert_eq!(enter(client, GOOD, "/").await, "/");
        }
        let page = hers.get("/settings/second-factor").await;
        assert!(page.body.contains("<svg viewBox=\"0 0 ") && page.body.contains("QR code"), "{}", page.body);
        let (phone, draft) = (App::reading(&page), page.field("draft"));
        let now = || phone.code(app.company.store.now());
        for (password, code, words) in [("wrong", now(), "not your present password"), (GOOD, "000000".to_owned(), "not the code that the app shows")] {
            let fields = [("draft", draft.as_str()), ("current", password), ("code", &code)];
            let wrong = send(&hers, "/settings/second-factor", "/settings/second-factor", &[], &fields).await;
            assert!(wrong.status == 422 && wrong.body.contains(words), "{}", wrong.body);
            assert_eq!(wrong.field("draft"), draft, "the picture stays the same");
        }
        let foreign = app.signed_in("Nora North").await;
        let fields = [("draft", draft.as_str()), ("code", &now())];
        let stolen = send(&foreign, "/settings/second-factor", "/settings/second-factor", &[], &fields).await;
        assert!(stolen.body.contains("This page is too old"), "a secret is sealed for one person: {}", stolen.body);
        let code = now();
        let fields = [("draft", draft.as_str()), ("current", GOOD), ("code", &code)];
        let done = send(&hers, "/settings/second-factor", "/settings/second-factor", &[], &fields).await;
        assert_eq!((done.status, recovery_codes(&done).len()), (200, 10), "{}", done.body);
        assert!(is_in(&hers).await && !is_in(&other).await, "every other session ends");
        assert!(hers.get("/settings").await.body.contains("10 recovery codes are left"));
        let again = send(&hers, "/settings", "/settings/second-factor", &[], &fields).await;
        assert!(again.status == 409 && again.body.contains("already"), "{}", again.body);

        assert_eq!(enter(&other, GOOD, "/budgets?a=1").await, "/sign-in/code");
        assert!(!is_in(&other).await, "the password alone opens nothing");
        assert_eq!(try_code(&other, &code).await.status, 422, "it was used to set it up");
        app.company.clock.advance(STEP);
        let code = now();
        let second = app.anonymous();
        assert_eq!(enter(&second, GOOD, "/").await, "/sign-in/code");
        let (a, b) = tokio::join!(try_code(&other, &code), try_code(&second, &code));
        assert_eq!(i32::from(a.status == 303) + i32::from(b.status == 303), 1, "two at once: one of them ({} {})", a.status, b.status);
        assert!(a.status != 303 || a.location() == "/budgets?a=1");
        app.company.clock.advance(2 * STEP);
        let late = now();
        app.company.clock.advance(STEP);
        let third = app.anonymous();
        enter(&third, GOOD, "/").await;
        app.company.clock.advance(9_999_999);
        assert_eq!(try_code(&third, &late).await.status, 303, "ten seconds for a slow clock");
        app.company.clock.advance(11 * 60 * 1_000_000);
        let fourth = app.anonymous();
        enter(&fourth, GOOD, "/").await;
        app.company.clock.advance(10 * 60 * 1_000_000);
        assert_eq!(fourth.get("/sign-in/code").await.location(), "/sign-in", "the password was right too long ago");
        assert_eq!(app.anonymous().get("/sign-in/code").await.location(), "/sign-in");
        assert_eq!(letters(&app.company, "second_factor_on").await, 1);
        app.finish().await;
    }

    async fn a_recovery_code_lets_in_once(db: TestDb) {
        let app = TestApp::start(db).await;
        pia(&app.company).await;
        let hers = app.anonymous();
        enter(&hers, GOOD, "/").await;
        let (_, codes) = set_up(&app, &hers, GOOD).await;
        leave(&hers).await;
        enter(&hers, GOOD, "/").await;
        assert_eq!(try_code(&hers, &codes[0].to_uppercase().replace('-', " ")).await.status, 303);
        assert!(hers.get("/settings").await.body.contains("9 recovery codes are left"));
        leave(&hers).await;
        enter(&hers, GOOD, "/").await;
        assert_eq!(try_code(&hers, &codes[0]).await.status, 422, "once");
        assert_eq!(try_code(&hers, &codes[1]).await.status, 303);
        assert_eq!(letters(&app.company, "code_used").await, 2);
        let sql = "SELECT CAST(sum(length(code_hash)) AS BIGINT) FROM recovery_code";
        assert_eq!(one(&app.company, sql).await, 10 * 32, "only hashes are kept");
        let wrong = send(&hers, "/settings/second-factor", "/settings/second-factor/codes", &[], &[("current", "wrong")]).await;
        assert_eq!(wrong.status, 422);
        let made = send(&hers, "/settings/second-factor", "/settings/second-factor/codes", &[], &[("current", GOOD)]).await;
        let fresh = recovery_codes(&made);
        assert_eq!((made.status, fresh.len()), (200, 10), "{}", made.body);
        leave(&hers).await;
        enter(&hers, GOOD, "/").await;
        assert_eq!(try_code(&hers, &codes[2]).await.status, 422, "those from before work no more");
        assert_eq!(try_code(&hers, &fresh[2]).await.status, 303);
        assert_eq!(letters(&app.company, "codes_made").await, 1);
        app.finish().await;
    }

    async fn guessing_at_codes_is_slow_and_locks_nobody_out(db: TestDb) {
        let app = TestApp::start(db).await;
        let id = pia(&app.company).await;
        let hers = app.anonymous();
        enter(&hers, GOOD, "/").await;
        let (phone, _) = set_up(&app, &hers, GOOD).await;
        leave(&hers).await;
        app.company.clock.advance(STEP);
        let guesser = app.anonymous();
        enter(&guesser, GOOD, "/").await;
        for _ in 0..ACCOUNT.free {
            assert_eq!(try_code(&guesser, "000000").await.status, 422);
        }
        let waits = try_code(&guesser, &phone.code(app.company.store.now())).await;
        assert_eq!((waits.status, waits.headers["retry-after"].to_str().unwrap()), (429, "60"));
        assert_eq!(letters(&app.company, "code_guessed").await, 1, "she is told that her password is known");
        let elsewhere = Client::from(&app.base, "127.0.7.1");
        enter(&elsewhere, GOOD, "/").await;
        assert_eq!(try_code(&elsewhere, &phone.code(app.company.store.now())).await.status, 303);

        // From many networks: counted together.
        app.company.clock.advance(STEP);
        let place = |n: i64| counterfoil::actions::sign_in::Place { network: format!("198.51.{n}.0/24"), device: None };
        let key = [7; 64];
        let half = counterfoil::actions::sign_in::Half { person: id, version: 1 };
        let mut seen = 0;
        for n in 0..CODES.free + 5 {
            let seal = counterfoil::actions::seal::Seal::of(&key);
            let tried = act::prove(&app.company.store, &seal, Actor::system("test"), &place(n), half, "000000").await;
            seen += i64::from(tried.unwrap_err().to_string() == "The code is not right");
        }
        assert!(seen <= CODES.free, "{seen}");
        leave(&elsewhere).await;
        enter(&elsewhere, GOOD, "/").await;
        assert_eq!(try_code(&elsewhere, &phone.code(app.company.store.now())).await.status, 303, "a device that she has used before");
        assert!(one(&app.company, "SELECT count(*) FROM audit_event WHERE action = 'person.code_refused'").await >= ACCOUNT.free);
        app.finish().await;
    }

    async fn where_a_role_requires_it_nothing_else_comes_first(db: TestDb) {
        let app = TestApp::start(db).await;
        pia(&app.company).await;
        let (partner, hers) = (&app.signed_in("Nils North").await, app.anonymous());
        require(&app, &["regional_partner"]).await;
        let role = one(&app.company, "SELECT count(*) FROM audit_event WHERE action = 'setting.changed'").await;
        assert!(role >= 1);
        let led = partner.get("/budgets?view=table").await;
        assert_eq!((led.status, led.location()), (303, "/sign-in/second-factor?next=/budgets%3Fview%3Dtable"), "on the next click");
        let page = partner.get(led.location()).await;
        assert!(page.body.contains("Your role requires a second factor"), "{}", page.body);
        let phone = App::reading(&page);
        let (csrf, draft, code) = (page.csrf(), page.field("draft"), phone.code(app.company.store.now()));
        let wrong = [("csrf", csrf.as_str()), ("draft", &draft), ("next", "/budgets?view=table"), ("code", "000000")];
        assert_eq!(partner.post("/sign-in/second-factor", &wrong).await.status, 422);
        let form = [("csrf", csrf.as_str()), ("draft", &draft), ("next", "/budgets?view=table"), ("code", &code)];
        let done = partner.post("/sign-in/second-factor", &form).await;
        assert!(done.status == 200 && recovery_codes(&done).len() == 10 && done.body.contains("href=\"/budgets?view=table\""), "{}", done.body);
        assert_eq!(partner.get("/budgets?view=table").await.status, 200);
        let off = send(partner, "/settings/second-factor", "/settings/second-factor/removal", &[], &[]).await;
        assert!(off.status == 422 && off.body.contains("Your role requires a second factor"), "{}", off.body);

        // Somebody with a password: asked for right after it, and let in nowhere before.
        assert_eq!(enter(&hers, GOOD, "/regions").await, "/sign-in/second-factor");
        assert!(!is_in(&hers).await);
        let page = hers.get("/sign-in/second-factor").await;
        assert!(!page.body.contains("name=\"current\""), "she has entered it just now");
        let phone = App::reading(&page);
        let (csrf, draft, code) = (page.csrf(), page.field("draft"), phone.code(app.company.store.now()));
        let done = hers.post("/sign-in/second-factor", &[("csrf", &csrf), ("draft", &draft), ("next", "/x"), ("code", &code)]).await;
        assert!(done.status == 200 && done.body.contains("href=\"/regions\""), "{}", done.body);
        assert!(is_in(&hers).await);
        require(&app, &[]).await;
        let off = send(partner, "/settings/second-factor", "/settings/second-factor/removal", &[], &[]).await;
        assert_eq!((off.status, off.location()), (303, "/settings"));
        app.finish().await;
    }

    async fn who_is_led_to_it_can_leave_as_well(db: TestDb) {
        let app = TestApp::start(db).await;
        let ada = app.signed_in("Ada Admin").await;
        require(&app, &["administrator"]).await;
        assert_eq!(ada.get("/").await.location(), "/sign-in/second-factor?next=/");
        let csrf = ada.get("/sign-in/second-factor?next=/").await.csrf();
        assert_eq!(ada.post("/sign-out", &[("csrf", &csrf)]).await.location(), "/signed-out");
        assert_eq!(ada.get("/sign-in/second-factor").await.location(), "/sign-in");
        app.finish().await;
    }

    async fn a_short_password_stands_only_beside_a_second_factor(db: TestDb) {
        let app = TestApp::start(db).await;
        let id = pia(&app.company).await;
        let hers = app.anonymous();
        enter(&hers, GOOD, "/").await;
        let change = [("current", GOOD), ("password", SHORT), ("again", SHORT)];
        let refused = send(&hers, "/settings", "/settings/password", &[], &change).await;
        assert!(refused.status == 422 && refused.body.contains("at least 15 characters"), "{}", refused.body);
        let (_, codes) = set_up(&app, &hers, GOOD).await;
        assert!(hers.get("/settings").await.body.contains("At least 8 characters"));
        assert_eq!(send(&hers, "/settings", "/settings/password", &[], &change).await.status, 303);
        let off = send(&hers, "/settings/second-factor", "/settings/second-factor/removal", &[], &[("current", SHORT)]).await;
        assert!(off.status == 422 && off.body.contains("at least 15 characters first"), "{}", off.body);

        // Through a link it may be short as well, and the code is asked for all the same.
        let token = people::password_link(&app.company.store, Actor::system("test"), id).await.unwrap().token;
        let (link, stranger) = (format!("/password/{token}"), app.anonymous());
        let chosen = send(&stranger, &link, &link, &[], &[("password", "qz7 pkw3"), ("again", "qz7 pkw3")]).await;
        assert_eq!(chosen.status, 303, "{}", chosen.body);
        assert_eq!(enter(&stranger, "qz7 pkw3", "/").await, "/sign-in/code");
        let token = people::password_link(&app.company.store, Actor::system("test"), id).await.unwrap().token;
        let (link, other) = (format!("/password/{token}"), app.anonymous());
        let chosen = send(&other, &link, &link, &[], &[("password", "kf8 wzt5"), ("again", "kf8 wzt5")]).await;
        assert_eq!(chosen.status, 303, "{}", chosen.body);
        assert_eq!(try_code(&stranger, &codes[0]).await.status, 422, "the password was another when she entered it");
        enter(&other, "kf8 wzt5", "/").await;
        assert_eq!(try_code(&other, &codes[0]).await.status, 303);
        act::remove(&app.company.store, Actor::system("test"), id).await.unwrap();
        assert_eq!(enter(&stranger, "kf8 wzt5", "/").await, "/sign-in/second-factor", "a short one alone lets nobody in");
        assert!(stranger.get("/sign-in/second-factor").await.body.contains("Your password is short"));
        app.finish().await;
    }

    async fn an_administrator_takes_it_away_from_others_only(db: TestDb) {
        let app = TestApp::start(db).await;
        let id = pia(&app.company).await;
        let (hers, ada) = (app.anonymous(), app.signed_in("Ada Admin").await);
        enter(&hers, GOOD, "/").await;
        set_up(&app, &hers, GOOD).await;
        set_up(&app, &ada, "").await;
        let place = format!("/people/{id}");
        assert!(ada.get("/settings/sign-in").await.body.contains("1 of "), "how many have one");
        let fields = ["key"];
        let removed = send(&ada, &place, &format!("{place}/second-factor/removal"), &fields, &[]).await;
        assert_eq!((removed.status, removed.location()), (303, place.as_str()), "{}", removed.body);
        assert!(!is_in(&hers).await);
        assert_eq!(enter(&hers, GOOD, "/").await, "/");
        let again = send(&ada, &place, &format!("{place}/second-factor/removal"), &fields, &[]).await;
        assert_eq!(again.status, 409);
        let own = format!("/people/{}", app.company.people["Ada Admin"]);
        let refused = send(&ada, &own, &format!("{own}/second-factor/removal"), &fields, &[]).await;
        assert!(refused.status == 422 && refused.body.contains("under Settings"), "{}", refused.body);
        // Who manages people and nothing else gets nowhere with an account that may do more.
        let desk = made(&ada, Role::Administrator, "People desk", &["people.read", "people.manage"]).await;
        let counted = async || {
            let body = ada.get("/settings/sign-in").await.body;
            let people = body.split(" have one").filter_map(|before| before.rsplit(" of ").next()?.parse::<i64>().ok());
            people.sum::<i64>()
        };
        let before = counted().await;
        given(&app, "Sven South", &desk, "Global").await;
        assert_eq!(counted().await, before + 1, "a role of the organisation's own counts as the one it comes near");
        let clerk = app.signed_in("Sven South").await;
        let refused = send(&clerk, &own, &format!("{own}/second-factor/removal"), &fields, &[]).await;
        assert!(refused.status == 422 && refused.body.contains("may do more than yours"), "{}", refused.body);
        assert!(is_in(&ada).await);
        let nils = app.signed_in("Nils North").await;
        let csrf = nils.get("/settings").await.csrf();
        for (path, form) in [(format!("{place}/second-factor/removal"), vec![("csrf", csrf.as_str()), ("key", "k")]),
            ("/settings/sign-in".to_owned(), vec![("csrf", csrf.as_str()), ("key", "k")])] {
            assert_eq!(nils.post(&path, &form).await.status, 403, "{path}");
        }
        assert_eq!(nils.get("/settings/sign-in").await.status, 403);
        assert_eq!((letters(&app.company, "second_factor_on").await, letters(&app.company, "second_factor_off").await), (2, 1));
        app.finish().await;
    }
}
