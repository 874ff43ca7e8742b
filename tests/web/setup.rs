//! The first set-up, from an empty store to the first administrator.

use std::sync::Arc;

use counterfoil::actions::setup;
use counterfoil::clock::{Clock, Random};
use counterfoil::metrics::Metrics;
use counterfoil::store::{Options, Store, people};

use crate::support::app::{BareApp, Client, NOW};
use crate::support::database::{TestDb, on_both_engines};

async fn step(client: &Client, path: &str, fields: &[(&str, &str)]) -> (u16, String, String) {
    let page = client.get(path).await;
    assert_eq!(page.status, 200, "{path}: {}", page.body);
    let csrf = page.csrf();
    let mut form = vec![("csrf", csrf.as_str())];
    form.extend_from_slice(fields);
    let answer = client.post(path, &form).await;
    (answer.status, answer.location().to_owned(), answer.body)
}

on_both_engines! {
    async fn an_empty_store_is_set_up_through_its_link_once(db: TestDb) {
        let clock = Clock::fixed(NOW);
        let store = Store::open(&Options::of(db.url.clone()), clock.clone(), Random::system(), Arc::new(Metrics::new())).await.unwrap();
        let token = setup::link(&store).await.unwrap();
        let app = BareApp::over(store.clone()).await;
        let client = app.anonymous();
        assert!(client.get("/sign-in").await.body.contains("one-time link"));
        assert_eq!(client.get("/setup/not-the-token").await.status, 404);

        let at = |path: &str| format!("/setup/{token}{path}");
        let (status, to, _) = step(&client, &at(""), &[("name", "Halden"), ("time_zone", "Europe/Berlin")]).await;
        assert_eq!((status, to), (303, at("/currencies")));
        assert_eq!(client.get(&at("/people")).await.location(), at("/currencies"), "no page is passed over");
        let (status, _, body) = step(&client, &at("/currencies"), &[("currency", ""), ("others", "EURO")]).await;
        assert!(status == 422 && body.contains("EURO is not a currency code"), "{body}");
        let fields = [("currency", "EUR"), ("others", "gbp JPY"), ("fiscal_start_month", "4")];
        assert_eq!(step(&client, &at("/currencies"), &fields).await.0, 303);
        let (status, _, body) = step(&client, &at("/regions"), &[("regions", "name,parent\nIberia,Nowhere\nGulf,Nowhere\n")]).await;
        assert!(status == 422 && body.contains("Line 2:") && body.contains("Line 3:"), "{body}");
        assert_eq!(step(&client, &at("/regions"), &[("regions", "EMEA\n  Iberia\n  DACH\nAPAC")]).await.0, 303);
        assert!(client.get(&at("/regions")).await.body.contains("Iberia"), "Back finds what was typed");
        let password = "five quiet green garden chairs";
        let me = [("person_name", "Ada Admin"), ("email", "ada@test.example"), ("password", password), ("again", password)];
        let (status, _, body) = step(&client, &at("/people"), &[&me[..], &[("people", "Bo,bo@test.example,auditor,Mars")]].concat()).await;
        assert!(status == 422 && body.contains("There is no region called Mars") && !body.contains(password), "{body}");
        let (status, to, body) = step(&client, &at("/people"), &[&me[..], &[("people", "Bo,bo@test.example,auditor,Iberia")]].concat()).await;
        assert_eq!((status, to.as_str()), (303, "/"), "{body}");

        let page = client.get("/regions/new").await;
        let kept = [("csrf", page.csrf()), ("key", page.field("key")), ("parent", String::new()), ("name", "Lapland".to_owned())];
        let kept: Vec<(&str, &str)> = kept.iter().map(|(name, value)| (*name, value.as_str())).collect();
        clock.advance(16 * 60_000_000);
        assert_eq!(client.post("/regions", &kept).await.location(), "/sign-in?next=/go-on", "her first session keeps forms as any other");
        let csrf = client.get("/sign-in").await.csrf();
        let back = [("csrf", csrf.as_str()), ("email", "ada@test.example"), ("password", password), ("next", "/go-on")];
        assert_eq!(client.post("/sign-in", &back).await.location(), "/go-on");
        assert!(client.get("/go-on").await.body.contains("Lapland"));

        let home = client.get("/").await;
        assert!(home.status == 200 && home.body.contains("Finish setting up") && home.body.contains("Halden"), "{}", home.body);
        for name in ["Iberia", "DACH", "APAC", "Europe/Berlin", "April"] {
            assert!(client.get("/regions").await.body.contains(name), "{name}");
        }
        assert_eq!(client.post("/setup-tasks/dismissal", &[("csrf", &home.csrf())]).await.status, 303);
        assert!(!client.get("/").await.body.contains("Finish setting up"));
        assert_eq!(app.anonymous().get(&at("")).await.status, 404, "the link is used up");
        assert!(setup::link(&store).await.is_err(), "there is no second one");
        let mut read = store.read().await.unwrap();
        assert_eq!(people::count(&mut read).await.unwrap(), 2);
        let ada = people::find_by_email(&mut read, "ada@test.example").await.unwrap().unwrap().id.to_string();
        drop(read);
        let stranger = app.anonymous();
        let csrf = stranger.get("/sign-in").await.csrf();
        assert_eq!(stranger.post("/demo/sign-in", &[("csrf", &csrf), ("person", &ada)]).await.status, 404, "one click is the demo\u{2019}s alone");
    }

    async fn a_link_lives_half_an_hour(db: TestDb) {
        let clock = Clock::fixed(NOW);
        let store = Store::open(&Options::of(db.url.clone()), clock.clone(), Random::system(), Arc::new(Metrics::new())).await.unwrap();
        let token = setup::link(&store).await.unwrap();
        let mut read = store.read().await.unwrap();
        assert!(setup::is_open(&mut read, &token, store.now()).await.unwrap());
        clock.advance(setup::LINK_LIVES * 1_000_000);
        assert!(!setup::is_open(&mut read, &token, store.now()).await.unwrap());
    }
}
