//! Passkeys: made, used alone and after a password, asked for again, lost.

use super::admin::send;
use crate::support::app::{Answer, Client, TestApp};
use crate::support::database::{TestDb, on_both_engines};
use crate::support::passkey::{Parts, Passkey};
use counterfoil::actions::imports::Limits;
use counterfoil::store::db::Sql;
use serde_json::Value;

pub const ORIGIN: &str = "https://rewards.example";
const MINUTE: i64 = 60_000_000;
const PAGE: &str = "/settings/passkeys";

async fn at_home(db: TestDb) -> TestApp {
    TestApp::of(db, Limits { max_bytes: 1 << 20, ..Limits::default() }, |portal| portal.at(Some(ORIGIN))).await
}

pub async fn ask(client: &Client, page: &str, at: &str) -> Value {
    let csrf = client.get(page).await.csrf();
    let answer = client.post(at, &[("csrf", &csrf)]).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    serde_json::from_str(&answer.body).unwrap()
}

/// Adds one, as the page does.
pub async fn added(client: &Client, name: &str) -> Passkey {
    let asked = ask(client, PAGE, "/settings/passkeys/challenge").await;
    let selection = &asked["authenticatorSelection"];
    assert_eq!((&selection["residentKey"], &selection["userVerification"]), (&"required".into(), &"required".into()));
    assert_eq!(asked["pubKeyCredParams"], serde_json::json!([{ "type": "public-key", "alg": -7 }, { "type": "public-key", "alg": -35 }]));
    assert_eq!((&asked["attestation"], &asked["rp"]["id"]), (&"none".into(), &"rewards.example".into()));
    let (passkey, sent) = Passkey::make(&asked, ORIGIN, |_| {});
    let answer = send(client, PAGE, PAGE, &[], &[("name", name), ("passkey", &sent)]).await;
    assert_eq!(answer.status, 303, "{}", answer.body);
    passkey
}

/// Uses a passkey on a page that asks for one.
pub async fn with(client: &Client, passkey: &mut Passkey, (page, to): (&str, &str), change: impl Fn(&mut Parts)) -> Answer {
    let asked = ask(client, page, "/sign-in/passkey/challenge").await;
    let sent = passkey.answer(&asked, change);
    send(client, page, to, &[], &[("passkey", &sent)]).await
}

pub const ALONE: (&str, &str) = ("/sign-in", "/sign-in/passkey");
const SECOND: (&str, &str) = ("/sign-in/code", "/sign-in/passkey");
const AGAIN: (&str, &str) = ("/prove", "/prove/passkey");

async fn is_in(client: &Client) -> bool {
    client.get("/settings").await.status == 200
}

async fn events(app: &TestApp, action: &'static str) -> i64 {
    let sql = Sql::new("SELECT count(*) FROM audit_event WHERE action = $1").bind(action);
    app.company.store.read().await.unwrap().value(sql).await.unwrap()
}

/// A public key of RSA with 2,048 bits as COSE.
fn rsa() -> Vec<u8> {
    [&b"\xa4\x01\x03\x03\x39\x01\x00\x20\x59\x01\x00"[..], &[0xff; 256], b"\x21\x43\x01\x00\x01"].concat()
}

/// What is wrong with an answer, and the fault put into it.
type Bent = (&'static str, fn(&mut Parts));

on_both_engines! {
    async fn what_was_not_asked_for_is_no_passkey(db: TestDb) {
        let app = at_home(db).await;
        let (nora, other) = (app.signed_in("Nora North").await, app.signed_in("Nora North").await);
        let bent: [Bent; 13] = [
            ("another site", |parts| parts.origin = "https://rewards.example.evil".to_owned()),
            ("a site below", |parts| parts.origin = "https://evil.rewards.example".to_owned()),
            ("another port", |parts| parts.origin = "https://rewards.example:8443".to_owned()),
            ("another party", |parts| parts.rp = "evil.example".to_owned()),
            ("another challenge", |parts| parts.challenge = "AAAA".to_owned()),
            ("nobody verified", |parts| parts.flags = 0x41),
            ("nobody present", |parts| parts.flags = 0x44),
            ("no key", |parts| parts.flags = 0x05),
            ("a key of Ed25519, which was not asked for", |parts| parts.key = [&b"\xa4\x01\x01\x03\x27\x20\x06\x21\x58\x20"[..], &[7; 32]].concat()),
            ("a key of RSA, which was not asked for", |parts| parts.key = rsa()),
            ("no point of its curve", |parts| parts.key[20..30].fill(0)),
            ("lists in lists without an end", |parts| parts.key = vec![0x81; 20_000]),
            ("not made", |parts| parts.kind = "webauthn.get"),
        ];
        for (what, change) in bent {
            let asked = ask(&nora, PAGE, "/settings/passkeys/challenge").await;
            let (_, sent) = Passkey::make(&asked, ORIGIN, change);
            assert_eq!(send(&nora, PAGE, PAGE, &[], &[("name", "x"), ("passkey", &sent)]).await.status, 422, "{what}");
        }
        added(&nora, "Work phone").await;
        assert!(nora.get(PAGE).await.body.contains("Work phone"));
        assert!(is_in(&nora).await && !is_in(&other).await, "every other session ends");
        assert_eq!(events(&app, "person.passkey_added").await, 1);
        app.finish().await;
    }

    async fn a_passkey_signs_in_alone_and_nothing_else_does(db: TestDb) {
        let app = at_home(db).await;
        let mut phone = added(&app.signed_in("Nora North").await, "Work phone").await;
        let page = app.anonymous().get("/sign-in").await;
        assert!(page.body.contains("data-passkey=\"use\"") && page.body.contains("hidden>"), "the button waits for the script");

        let bent: [Bent; 12] = [
            ("another site", |parts| parts.origin = "http://rewards.example".to_owned()),
            ("a site below", |parts| parts.origin = "https://evil.rewards.example".to_owned()),
            ("another port", |parts| parts.origin = "https://rewards.example:8443".to_owned()),
            ("another party", |parts| parts.rp = "evil.example".to_owned()),
            ("another challenge", |parts| parts.challenge = "AAAA".to_owned()),
            ("nobody verified", |parts| parts.flags = 0x01),
            ("nobody present", |parts| parts.flags = 0x04),
            ("it can be copied, and could not before", |parts| parts.flags = 0x1d),
            ("for making one", |parts| parts.kind = "webauthn.create"),
            ("a spoilt signature", |parts| parts.spoilt = true),
            ("somebody else", |parts| parts.holder = vec![7; 16]),
            ("another id", |parts| parts.id = vec![7; 32]),
        ];
        for (what, change) in bent {
            let client = app.anonymous();
            assert_eq!(with(&client, &mut phone, ALONE, change).await.status, 422, "{what}");
            assert!(!is_in(&client).await, "{what}");
        }
        let client = app.anonymous();
        let asked = ask(&client, "/sign-in", "/sign-in/passkey/challenge").await;
        let sent = phone.answer(&asked, |_| {});
        let csrf = client.get("/sign-in").await.csrf();
        let form = [("csrf", csrf.as_str()), ("passkey", &sent), ("next", "/budgets")];
        let done = client.post("/sign-in/passkey", &form).await;
        assert_eq!((done.status, done.location()), (303, "/budgets"), "{}", done.body);
        assert!(is_in(&client).await);
        let thief = app.anonymous();
        ask(&thief, "/sign-in", "/sign-in/passkey/challenge").await;
        assert_eq!(send(&thief, "/sign-in", "/sign-in/passkey", &[], &[("passkey", &sent)]).await.status, 422, "what was sent is worth nothing later");
        let copy = app.anonymous();
        assert_eq!(with(&copy, &mut phone, ALONE, |parts| parts.counter = 1).await.status, 422, "a copy counts from where it was copied");
        let again = app.anonymous();
        let asked = ask(&again, "/sign-in", "/sign-in/passkey/challenge").await;
        for what in [phone.answer(&asked, |parts| parts.spoilt = true), phone.answer(&asked, |_| {})] {
            assert_eq!(send(&again, "/sign-in", "/sign-in/passkey", &[], &[("passkey", &what)]).await.status, 422, "a question is answered once");
        }
        let late = app.anonymous();
        let asked = ask(&late, "/sign-in", "/sign-in/passkey/challenge").await;
        app.company.clock.advance(6 * MINUTE);
        let sent = phone.answer(&asked, |_| {});
        assert_eq!(send(&late, "/sign-in", "/sign-in/passkey", &[], &[("passkey", &sent)]).await.status, 422, "too late");
        assert!(events(&app, "person.sign_in_refused").await >= 17);
        assert_eq!(events(&app, "person.passkey_added").await, 1);
        app.finish().await;
    }

    async fn a_passkey_is_a_second_factor_that_can_be_required_shown_again_and_lost(db: TestDb) {
        let app = at_home(db).await;
        let (ada, nora, sara) = (app.signed_in("Ada Admin").await, app.signed_in("Nora North").await, app.signed_in("Sara South").await);
        let (mut phone, mut hers) = (added(&nora, "Phone").await, added(&sara, "Phone").await);
        let client = app.anonymous();
        assert_eq!(client.sign_in(&app.company.people["Nora North"].to_string()).await.location(), "/sign-in/code");
        let page = client.get("/sign-in/code").await;
        assert!(page.body.contains("Use your passkey") && !page.body.contains("name=\"code\""), "{}", page.body);
        assert!(!is_in(&client).await);
        assert_eq!(with(&client, &mut hers, SECOND, |_| {}).await.status, 422, "somebody else's");
        assert_eq!(with(&client, &mut phone, SECOND, |_| {}).await.status, 303);
        assert!(is_in(&client).await);

        let role = [("role", "regional_administrator")];
        assert_eq!(send(&ada, "/settings/sign-in", "/settings/sign-in", &["key"], &role).await.status, 303);
        assert!(is_in(&nora).await, "she has one");
        assert!(ada.get("/settings/sign-in").await.body.contains("2 of 2 have one"));
        let end = |page: &Answer| page.body.split("action=\"").find(|rest| rest.contains("/removal\"")).unwrap().split('"').next().unwrap().to_owned();
        let removal = end(&nora.get(PAGE).await);
        let last = send(&nora, PAGE, &removal, &[], &[]).await;
        assert!(last.status == 422 && last.body.contains("the last one you have"), "{}", last.body);
        assert_eq!(send(&sara, PAGE, &removal, &[], &[]).await.status, 404, "somebody else's");

        app.company.clock.advance(6 * MINUTE);
        let csrf = nora.get(PAGE).await.csrf();
        let early = nora.post("/settings/passkeys/challenge", &[("csrf", &csrf)]).await;
        assert_eq!((early.status, early.location()), (303, "/prove"));
        let page = nora.get("/prove").await;
        assert!(page.body.contains("Use a passkey") && !page.body.contains("name=\"current\""), "{}", page.body);
        assert_eq!(send(&nora, "/prove", "/prove", &[], &[]).await.status, 422, "less than a passkey is not enough");
        assert_eq!(with(&nora, &mut hers, AGAIN, |_| {}).await.status, 422, "somebody else's");
        assert_eq!(with(&nora, &mut phone, AGAIN, |_| {}).await.status, 303);
        let mut spare = added(&nora, "Spare").await;
        assert_eq!(send(&nora, PAGE, &removal, &[], &[]).await.status, 303, "there is another now");
        let client = app.anonymous();
        assert_eq!(with(&client, &mut phone, ALONE, |_| {}).await.status, 422, "it was removed");
        assert_eq!(with(&client, &mut spare, ALONE, |_| {}).await.status, 303);

        let ada = app.signed_in("Ada Admin").await;
        let person = format!("/people/{}", app.company.people["Nora North"]);
        assert_eq!(send(&ada, &person, &format!("{person}/second-factor/removal"), &["key"], &[]).await.status, 303);
        assert!(!is_in(&client).await);
        assert_eq!(with(&app.anonymous(), &mut spare, ALONE, |_| {}).await.status, 422, "lost with the rest");
        app.finish().await;
    }

    async fn without_an_address_that_browsers_take_there_are_no_passkeys(db: TestDb) {
        let app = TestApp::start(db).await;
        let nora = app.signed_in("Nora North").await;
        assert!(nora.get(PAGE).await.body.contains("public_url"));
        assert!(!app.anonymous().get("/sign-in").await.body.contains("data-passkey"));
        assert_eq!(send(&nora, PAGE, "/settings/passkeys/challenge", &[], &[]).await.status, 404);
        app.finish().await;
    }
}
