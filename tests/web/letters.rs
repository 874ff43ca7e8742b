//! Invitations and forgotten passwords by mail, to a server that speaks SMTP.

use super::admin::send;
use crate::support::app::{Client, TestApp};
use crate::support::database::{TestDb, on_both_engines};
use crate::support::smtp::{Sink, mailing};
use counterfoil::actions::passwords::Passwords;
use counterfoil::actions::people as act;
use counterfoil::domain::access::Actor;
use counterfoil::domain::throttle::ACCOUNT;
use counterfoil::jobs::mail::{run, turn};
use counterfoil::store::db::Sql;

const GOOD: &str = "five quiet green garden chairs";
const MINUTE: i64 = 60_000_000;

/// The path of the link in a letter.
fn link(data: &str, base: &str) -> String {
    let (_, rest) = data.split_once(&format!("{base}/password/")).unwrap_or_else(|| panic!("no link in {data}"));
    format!("/password/{}", rest.split_whitespace().next().unwrap())
}

fn message_id(data: &str) -> String {
    data.lines().find_map(|line| line.strip_prefix("Message-ID: ")).unwrap().to_owned()
}

async fn one(app: &TestApp, sql: &'static str) -> i64 {
    app.company.store.read().await.unwrap().one::<(i64,)>(Sql::new(sql)).await.unwrap().unwrap().0
}

async fn invite(app: &TestApp) {
    let ada = app.signed_in("Ada Admin").await;
    let page = ada.get("/people/new").await;
    let (csrf, key, north) = (page.csrf(), page.field("key"), app.company.regions["North"].to_string());
    let form = [
        ("csrf", csrf.as_str()),
        ("key", &key),
        ("name", "Pia New"),
        ("email", "pia@test.example"),
        ("role", "auditor"),
        ("region", &north),
        ("ends_on", ""),
    ];
    let added = ada.post("/people", &form).await;
    assert!(added.status == 303 && added.location().starts_with("/people/"), "{} {}", added.status, added.body);
    let page = ada.get(added.location()).await.body;
    assert!(page.contains("A letter with a link to choose a password is on its way to Pia New") && !page.contains("/password/"), "{page}");
}

async fn forget(client: &Client, email: &str) -> (u16, String) {
    let csrf = client.get("/forgotten-password").await.csrf();
    let answer = client.post("/forgotten-password", &[("csrf", &csrf), ("email", email)]).await;
    (answer.status, answer.location().to_owned())
}

on_both_engines! {
    async fn somebody_is_invited_by_letter_and_forgets_her_password(db: TestDb) {
        let (app, sink) = (TestApp::mailing(db).await, Sink::start().await);
        let post = sink.mailing("https://rewards.example");
        invite(&app).await;
        assert_eq!(one(&app, "SELECT count(*) FROM one_time_link").await, 0, "no link before the letter goes");
        assert!(turn(&app.company.store, &post).await.unwrap());
        assert!(!turn(&app.company.store, &post).await.unwrap(), "one letter");
        let letter = sink.letters().pop().unwrap();
        assert!(letter.from.contains("<counterfoil@rewards.example>") && letter.to.contains("<pia@test.example>"), "{letter:?}");
        for words in ["Subject: You are invited to Counterfoil of Test company", "Hello Pia New,", "within 7 days", "Message-ID: <let_", "@rewards.example>", "Date: "] {
            assert!(letter.data.contains(words), "{words}: {}", letter.data);
        }
        let pia = app.anonymous();
        let invited = link(&letter.data, "https://rewards.example");
        app.company.clock.advance(7 * 24 * 60 * MINUTE - MINUTE);
        let chosen = send(&pia, &invited, &invited, &[], &[("password", GOOD), ("again", GOOD)]).await;
        assert_eq!(chosen.status, 303, "{}", chosen.body);
        assert_eq!(pia.get(&invited).await.status, 404, "once");

        let stranger = app.anonymous();
        assert!(stranger.get("/sign-in").await.body.contains("/forgotten-password"));
        let known = forget(&stranger, " PIA@test.example").await;
        assert_eq!(known, (303, "/forgotten-password/asked".to_owned()));
        assert_eq!(forget(&stranger, "nobody@test.example").await, known, "the same for everybody");
        assert_eq!(forget(&stranger, "pia@test.example").await, known, "one letter is enough");
        assert!(turn(&app.company.store, &post).await.unwrap());
        assert!(!turn(&app.company.store, &post).await.unwrap());
        let letter = sink.letters().pop().unwrap();
        assert!(letter.data.contains("Choose a new password") && letter.data.contains("within 30 minutes"), "{}", letter.data);
        let reset = link(&letter.data, "https://rewards.example");
        app.company.clock.advance(29 * MINUTE);
        assert_eq!(stranger.get(&reset).await.status, 200);
        app.company.clock.advance(2 * MINUTE);
        assert_eq!(stranger.get(&reset).await.status, 404, "too old");
        app.finish().await;
    }

    async fn nobody_is_flooded_and_who_is_suspended_gets_none(db: TestDb) {
        let (app, sink) = (TestApp::mailing(db).await, Sink::start().await);
        let post = sink.mailing("https://rewards.example");
        let nora = app.company.people["Nora North"];
        act::suspend(&app.company.store, Actor::system("test"), "k", nora, true).await.unwrap();
        let stranger = app.anonymous();
        for email in ["nora.north@test.example", "nobody@test.example", "sara.south@test.example"] {
            for _ in 0..ACCOUNT.free {
                assert_eq!(forget(&stranger, email).await.0, 303);
            }
            assert_eq!(forget(&stranger, email).await.0, 429, "{email}");
        }
        act::suspend(&app.company.store, Actor::system("test"), "k2", app.company.people["Sara South"], true).await.unwrap();
        turn(&app.company.store, &post).await.unwrap();
        assert!(sink.letters().is_empty(), "suspended before, and suspended meanwhile");
        assert_eq!(one(&app, "SELECT count(*) FROM mail WHERE state = 'given_up'").await, 1);
        app.finish().await;
    }

    async fn a_letter_that_is_not_taken_is_tried_again_and_not_for_ever(db: TestDb) {
        let (app, sink) = (TestApp::mailing(db).await, Sink::start().await);
        let away = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let (away, post) = (mailing(away, "https://rewards.example"), sink.mailing("https://rewards.example"));
        let store = &app.company.store;
        invite(&app).await;
        assert!(turn(store, &away).await.unwrap());
        assert!(!turn(store, &post).await.unwrap(), "not at once");
        app.company.clock.advance(MINUTE);
        sink.answer(450);
        assert!(turn(store, &post).await.unwrap());
        app.company.clock.advance(MINUTE);
        assert!(!turn(store, &post).await.unwrap(), "after two minutes the next time");
        app.company.clock.advance(MINUTE);
        sink.answer(250);
        let (one_turn, other) = tokio::join!(turn(store, &post), turn(store, &post));
        assert_eq!((i32::from(one_turn.unwrap()) + i32::from(other.unwrap()), sink.letters().len()), (1, 1), "two at once send it once");
        let stranger = app.anonymous();
        sink.answer(550);
        forget(&stranger, "sara.south@test.example").await;
        assert!(turn(store, &post).await.unwrap());
        app.company.clock.advance(24 * 60 * MINUTE);
        assert!(!turn(store, &post).await.unwrap(), "refused for good");
        forget(&stranger, "sven.south@test.example").await;
        for _ in 0..30 {
            turn(store, &away).await.unwrap();
            app.company.clock.advance(60 * MINUTE);
        }
        assert_eq!(one(&app, "SELECT count(*) FROM mail WHERE state = 'given_up'").await, 2);
        assert_eq!(one(&app, "SELECT CAST(max(tries) AS BIGINT) FROM mail").await, 16);
        app.finish().await;
    }

    async fn stopping_while_a_letter_is_sent_loses_nothing(db: TestDb) {
        let (app, sink) = (TestApp::mailing(db).await, Sink::start().await);
        let (store, post) = (app.company.store.clone(), sink.mailing("https://rewards.example"));
        invite(&app).await;
        sink.slow(700);
        let (stop, stopped) = tokio::sync::watch::channel(false);
        let job = tokio::spawn(run(store.clone(), post.clone(), stopped));
        while sink.letters().is_empty() {
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
        stop.send_replace(true);
        job.await.unwrap();
        assert_eq!(one(&app, "SELECT count(*) FROM mail WHERE state = 'sent'").await, 1, "it is sent to its end");

        forget(&app.anonymous(), "sara.south@test.example").await;
        let cut = tokio::time::timeout(std::time::Duration::from_millis(200), turn(&store, &post)).await;
        assert!(cut.is_err() && one(&app, "SELECT count(*) FROM mail WHERE state = 'waiting'").await == 1, "cut short, it waits on");
        sink.slow(0);
        assert!(!turn(&store, &post).await.unwrap(), "for as long as it belonged to whoever was cut short");
        app.company.clock.advance(2 * MINUTE);
        assert!(turn(&store, &post).await.unwrap());
        assert_eq!(one(&app, "SELECT count(*) FROM mail WHERE state = 'sent'").await, 2);
        let same: Vec<String> = sink.letters().iter().map(|letter| message_id(&letter.data)).collect();
        assert!(same.len() == 3 && same[1] == same[2] && same[0] != same[1], "known as the same one: {same:?}");
        app.finish().await;
    }

    async fn a_changed_password_is_told_by_letter(db: TestDb) {
        let (app, sink) = (TestApp::mailing(db).await, Sink::start().await);
        let (store, post) = (&app.company.store, sink.mailing("https://rewards.example"));
        let sara = app.company.people["Sara South"];
        let choose = async |password: &str| {
            let token = act::password_link(store, Actor::system("test"), sara).await.unwrap().token;
            let hasher = Passwords::new(store.metrics.clone());
            act::choose_password(store, &hasher, Actor::system("test"), &token, password).await.unwrap();
        };
        choose(GOOD).await;
        assert!(!turn(store, &post).await.unwrap(), "the first one is no change");
        choose("six quiet green garden tables").await;
        let hers = app.anonymous();
        let csrf = hers.get("/sign-in").await.csrf();
        let form = [("csrf", csrf.as_str()), ("email", "sara.south@test.example"), ("password", "six quiet green garden tables")];
        assert_eq!(hers.post("/sign-in", &form).await.status, 303);
        let again = [("current", "six quiet green garden tables"), ("password", GOOD), ("again", GOOD)];
        assert_eq!(send(&hers, "/settings", "/settings/password", &[], &again).await.status, 303);
        for _ in 0..2 {
            assert!(turn(store, &post).await.unwrap());
            let letter = sink.letters().pop().unwrap();
            assert!(letter.to.contains("sara.south@test.example") && letter.data.contains("Your password was changed"), "{letter:?}");
            assert!(letter.data.contains("/forgotten-password") && !letter.data.contains("/password/"), "{}", letter.data);
        }
        assert!(!turn(store, &post).await.unwrap());
        app.finish().await;
    }

    async fn without_a_mail_server_nothing_is_promised(db: TestDb) {
        let app = TestApp::start(db).await;
        let stranger = app.anonymous();
        assert!(!stranger.get("/sign-in").await.body.contains("/forgotten-password"));
        assert!(stranger.get("/forgotten-password").await.body.contains("This portal sends no mail"));
        let csrf = stranger.get("/sign-in").await.csrf();
        let asked = stranger.post("/forgotten-password", &[("csrf", &csrf), ("email", "sara.south@test.example")]).await;
        assert_eq!((asked.status, one(&app, "SELECT count(*) FROM mail").await), (404, 0));
        app.finish().await;
    }
}

#[tokio::test]
async fn no_letter_crosses_a_network_in_clear_text_and_no_name_adds_a_header() {
    let sink = Sink::start().await;
    let send = async |host: &str, name: &'static str, email: &'static str, subject: &'static str| {
        let post = sink.called(host);
        tokio::task::spawn_blocking(move || post.send("let_1", name, email, subject, "Text".to_owned())).await.unwrap()
    };
    // This machine under a name that it is not known by: the server offers no TLS, and is given nothing.
    assert!(send("0.0.0.0", "Pia", "pia@test.example", "Hello").await.is_err() && sink.letters().is_empty());
    assert!(
        send("127.0.0.1", "Pia", "pia@test.example>\r\nRCPT TO:<all@test.example", "Hello").await.is_err() && sink.letters().is_empty()
    );
    // Refused, or kept together as one header: nothing else.
    for (name, subject) in [("Pia\r\nBcc: all@test.example", "Hello"), ("Pia", "Hello\r\nBcc: all@test.example"), ("Pia", "Hello")] {
        let _ = send("127.0.0.1", name, "pia@test.example", subject).await;
    }
    assert!(!sink.letters().is_empty());
    for letter in sink.letters() {
        let heads: Vec<&str> = letter.data.lines().take_while(|line| !line.is_empty()).collect();
        assert!(heads.len() > 4 && heads.iter().all(|line| !line.to_lowercase().starts_with("bcc")), "{}", letter.data);
        assert!(letter.to.contains("<pia@test.example>"), "{letter:?}");
    }
}
