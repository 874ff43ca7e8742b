//! Guessing at passwords: it gets slow for whoever guesses, and for nobody else.

use std::sync::Arc;
use std::time::Instant;

use crate::support::app::{Answer, Client, Company, TestApp};
use crate::support::database::{TestDb, on_both_engines};
use counterfoil::actions::passwords::Passwords;
use counterfoil::actions::people::{self, NewPerson};
use counterfoil::actions::sign_in::{self, Place};
use counterfoil::clock::Random;
use counterfoil::domain::access::{Actor, Role};
use counterfoil::domain::id::UserId;
use counterfoil::domain::refusal::Refusal;
use counterfoil::domain::throttle::{ACCOUNT, DEVICE, NETWORK};
use counterfoil::metrics::Metrics;
use counterfoil::store::db::Sql;
use counterfoil::store::failure::Failure;
use counterfoil::store::{Options, Store};

const DEVICE_COOKIE: &str = "__Host-counterfoil-device";
const RIGHT: &str = "five quiet green garden chairs";

/// Adds somebody with a password.
async fn with_password(company: &Company, email: &str) -> UserId {
    let hash = Passwords::new(company.store.metrics.clone()).hash(RIGHT.to_owned()).await.unwrap();
    let grant = Some((Role::RegionalPartner.into(), company.regions["North"], None));
    let new = NewPerson { email: email.to_owned(), name: "Pia".to_owned(), password_hash: Some(hash), grant };
    people::add(&company.store, Actor::system("test"), email, new).await.unwrap()
}

async fn attempt(client: &Client, email: &str, password: &str) -> Answer {
    let csrf = client.get("/sign-in").await.csrf();
    client.post("/sign-in", &[("csrf", &csrf), ("email", email), ("password", password)]).await
}

async fn events(company: &Company, action: &'static str) -> i64 {
    let sql = Sql::new("SELECT count(*) FROM audit_event WHERE action = $1").bind(action);
    company.store.read().await.unwrap().one::<(i64,)>(sql).await.unwrap().unwrap().0
}

on_both_engines! {
    async fn whoever_guesses_waits_and_nobody_else_does(db: TestDb) {
        let app = TestApp::start(db).await;
        with_password(&app.company, "pia@test.example").await;
        let (hers, guesser) = (app.anonymous(), app.anonymous());
        assert_eq!(attempt(&hers, "pia@test.example", RIGHT).await.status, 303);
        let set = hers.cookie(DEVICE_COOKIE).unwrap();
        let csrf = hers.get("/settings").await.csrf();
        hers.post("/sign-out", &[("csrf", &csrf)]).await;

        for address in ["pia@test.example", "nobody@test.example"] {
            for _ in 0..ACCOUNT.free {
                assert_eq!(attempt(&guesser, address, "wrong").await.status, 422);
            }
            for password in ["wrong", RIGHT] {
                let waits = attempt(&guesser, &address.to_uppercase(), password).await;
                assert_eq!(waits.status, 429, "{address}: {}", waits.body);
                assert_eq!(waits.headers["retry-after"], "60");
                assert!(waits.body.contains("That was tried too often. Try again in a minute"), "{}", waits.body);
            }
        }
        assert_eq!(events(&app.company, "person.sign_in_refused").await, 2 * ACCOUNT.free, "what is refused unseen leaves no event");
        assert_eq!(events(&app.company, "person.sign_in_throttled").await, 2, "that it had to wait leaves one each");

        let elsewhere = Client::from(&app.base, "127.0.7.1");
        assert_eq!(attempt(&elsewhere, "pia@test.example", RIGHT).await.status, 303, "from another network she signs in");
        assert_eq!(attempt(&hers, "pia@test.example", RIGHT).await.status, 303, "and from the device she had signed in from");
        assert_eq!(hers.cookie(DEVICE_COOKIE).unwrap(), set);
        let other = Client::at(&app.base);
        other.plant(DEVICE_COOKIE, "made-up");
        assert_eq!(attempt(&other, "pia@test.example", RIGHT).await.status, 429, "a made-up device is none");
        other.plant(DEVICE_COOKIE, &set);
        for _ in 0..DEVICE.free {
            assert_eq!(attempt(&other, "pia@test.example", "wrong").await.status, 422);
        }
        assert_eq!(attempt(&other, "pia@test.example", RIGHT).await.status, 429, "a stolen one is counted like everybody");

        app.company.clock.advance(61_000_000);
        assert_eq!(attempt(&guesser, "pia@test.example", "wrong").await.status, 422);
        let waits = attempt(&guesser, "pia@test.example", RIGHT).await;
        assert_eq!((waits.status, waits.headers["retry-after"].to_str().unwrap()), (429, "120"));
        app.company.clock.advance(121_000_000);
        assert_eq!(attempt(&guesser, "pia@test.example", RIGHT).await.status, 303);
        assert_eq!(attempt(&app.anonymous(), "pia@test.example", "wrong").await.status, 422, "a right one forgives those before it");
        app.finish().await;
    }

    async fn one_password_tried_on_everybody_slows_the_network(db: TestDb) {
        let app = TestApp::start(db).await;
        with_password(&app.company, "pia@test.example").await;
        let hers = app.anonymous();
        assert_eq!(attempt(&hers, "pia@test.example", RIGHT).await.status, 303);
        let (sprayer, place) = (app.anonymous(), |network: &str| Place { network: network.to_owned(), device: None });
        let passwords = Passwords::new(app.company.store.metrics.clone());
        for n in 0..NETWORK.free {
            let (email, here) = (format!("{n}@x.example"), place("127.0.0.0/24"));
            let tried = sign_in::with_password(&app.company.store, &passwords, Actor::system("test"), &here, &email, "x").await;
            assert!(matches!(tried, Err(Failure::Refused(Refusal::Invalid("password", _)))), "{n}");
        }
        assert_eq!(attempt(&sprayer, "somebody@test.example", "x").await.status, 429);
        assert_eq!(attempt(&Client::from(&app.base, "127.0.9.9"), "pia@test.example", RIGHT).await.status, 303);
        let csrf = hers.get("/settings").await.csrf();
        hers.post("/sign-out", &[("csrf", &csrf)]).await;
        assert_eq!(attempt(&hers, "pia@test.example", RIGHT).await.status, 303, "who has signed in from here before is not held up");
        app.finish().await;
    }

    async fn many_tries_at_once_are_not_more_than_one_after_the_other(db: TestDb) {
        let company = Arc::new(Company::found(db).await);
        with_password(&company, "pia@test.example").await;
        let passwords = Passwords::new(company.store.metrics.clone());
        let tries = (0..24).map(|_| {
            let (company, passwords) = (company.clone(), passwords.clone());
            tokio::spawn(async move {
                let place = Place { network: "198.51.100.0/24".to_owned(), device: None };
                sign_in::with_password(&company.store, &passwords, Actor::system("test"), &place, "pia@test.example", "wrong").await
            })
        });
        let tries: Vec<_> = tries.collect();
        let mut seen = 0;
        for tried in tries {
            match tried.await.unwrap() {
                Err(Failure::Refused(Refusal::Invalid(..))) => seen += 1,
                Err(Failure::Refused(Refusal::TryLater(60))) => {}
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(seen, ACCOUNT.free);
        company.store.close().await;
    }

    async fn unknown_suspended_and_wrong_take_the_same_time(db: TestDb) {
        let company = Company::found(db).await;
        with_password(&company, "pia@test.example").await;
        let passwords = Passwords::new(company.store.metrics.clone());
        let gone = with_password(&company, "gone@test.example").await;
        people::suspend(&company.store, Actor::system("test"), "k", gone, true).await.unwrap();
        let cases = [("nobody@test.example", RIGHT), ("gone@test.example", RIGHT), ("pia@test.example", "wrong")];
        let mut took = [const { Vec::new() }; 3];
        for n in 0..15 {
            for (case, (email, password)) in cases.iter().enumerate() {
                let place = Place { network: format!("198.51.{n}.0/24"), device: Some("made-up".to_owned()) };
                let begun = Instant::now();
                let refused = sign_in::with_password(&company.store, &passwords, Actor::system("test"), &place, email, password).await;
                took[case].push(begun.elapsed().as_micros());
                assert_eq!(refused.unwrap_err().to_string(), "E-mail address or password is not right");
            }
        }
        let medians = took.map(|mut times| {
            times.sort_unstable();
            times[times.len() / 2]
        });
        let (least, most) = (medians.iter().min().unwrap(), medians.iter().max().unwrap());
        // The hash alone is most of it; a way that leaves it out takes a tenth. Finer figures need a machine that does nothing else.
        assert!(most * 2 < least * 3, "{medians:?} µs");
        company.store.close().await;
    }

    async fn the_present_password_cannot_be_guessed_from_a_session_left_open(db: TestDb) {
        let app = TestApp::start(db).await;
        with_password(&app.company, "pia@test.example").await;
        let hers = app.anonymous();
        assert_eq!(attempt(&hers, "pia@test.example", RIGHT).await.status, 303);
        let newer = "another five quiet garden chairs";
        let change = async |current: &str| {
            let csrf = hers.get("/settings").await.csrf();
            hers.post("/settings/password", &[("csrf", &csrf), ("current", current), ("password", newer), ("again", newer)]).await
        };
        for _ in 0..DEVICE.free {
            assert_eq!(change("wrong").await.status, 422);
        }
        assert_eq!(change(RIGHT).await.status, 429);
        app.company.clock.advance(61_000_000);
        assert_eq!(change(RIGHT).await.status, 303);
        app.finish().await;
    }
}

#[tokio::test]
async fn two_processes_count_together() {
    let db = TestDb::postgres().await;
    let url = db.url.clone();
    let company = Company::found(db).await;
    with_password(&company, "pia@test.example").await;
    let second = Store::open(&Options::of(url), company.clock.clone(), Random::system(), Arc::new(Metrics::new())).await.unwrap();
    let passwords = Passwords::new(company.store.metrics.clone());
    let place = Place { network: "198.51.100.0/24".to_owned(), device: None };
    for n in 0..=ACCOUNT.free {
        let store = if n % 2 == 0 { &company.store } else { &second };
        let tried = sign_in::with_password(store, &passwords, Actor::system("test"), &place, "pia@test.example", "wrong").await;
        let waits = matches!(tried, Err(Failure::Refused(Refusal::TryLater(60))));
        assert_eq!(waits, n == ACCOUNT.free, "{n}");
    }
    second.close().await;
    company.store.close().await;
}
