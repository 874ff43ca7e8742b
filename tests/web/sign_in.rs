//! Signing in and out.

use crate::support::app::TestApp;
use crate::support::database::{TestDb, on_both_engines};
use counterfoil::actions::passwords::Passwords;
use counterfoil::actions::people::{self, NewPerson};
use counterfoil::domain::access::{Actor, Role};

const SESSION: &str = "__Host-counterfoil";

on_both_engines! {
    async fn every_page_sends_a_stranger_to_sign_in_and_back(db: TestDb) {
        let app = TestApp::start(db).await;
        let answer = app.anonymous().get("/settings?x=1").await;
        // Pages land with their own tests; the front door is the sign-in page whatever lies behind it.
        assert!(answer.status == 303 || answer.status == 404, "{}", answer.status);
        if answer.status == 303 {
            assert_eq!(answer.location(), "/sign-in?next=/settings%3Fx%3D1");
        }
        app.finish().await;
    }

    async fn a_session_is_new_at_sign_in_and_gone_at_sign_out(db: TestDb) {
        let app = TestApp::start(db).await;
        let client = app.anonymous();
        client.plant(SESSION, "planted-by-somebody-else");
        let page = client.get("/sign-in").await;
        let person = app.company.people["Nora North"].to_string();
        let form = [("csrf", page.csrf()), ("person", person)];
        let form: Vec<(&str, &str)> = form.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let answer = client.post("/demo/sign-in", &form).await;
        assert_eq!((answer.status, answer.location()), (303, "/"));
        let token = client.cookie(SESSION).unwrap();
        assert_ne!(token, "planted-by-somebody-else");
        let set = answer.headers.get_all("set-cookie").iter().find(|set| set.to_str().unwrap().starts_with(&format!("{SESSION}="))).unwrap();
        for attribute in ["HttpOnly", "Secure", "SameSite=Lax", "Path=/"] {
            assert!(set.to_str().unwrap().contains(attribute), "{attribute} is missing");
        }
        let signed_in = client.get("/sign-in").await;
        assert_eq!(signed_in.status, 303, "who is signed in needs no sign-in page");

        // Signing out needs the token of a signed-in page: take it from any.
        let home = client.get("/").await;
        if home.status == 200 {
            let out = client.post("/sign-out", &[("csrf", &home.csrf())]).await;
            assert_eq!((out.status, out.location()), (303, "/signed-out"));
            client.plant(SESSION, &token);
            assert_eq!(client.get("/").await.status, 303, "a copied cookie opens nothing any more");
        }
        app.finish().await;
    }

    async fn passwords_let_in_and_keep_out_in_the_same_words(db: TestDb) {
        let app = TestApp::start(db).await;
        let hasher = Passwords::new(app.company.store.metrics.clone());
        let right = "correct horse battery staple";
        let hash = hasher.hash(right.to_owned()).await.unwrap();
        let grant = Some((Role::RegionalPartner.into(), app.company.regions["North"], None));
        let new = NewPerson { email: "Pia@test.example".into(), name: "Pia".into(), password_hash: Some(hash), grant };
        let id = people::add(&app.company.store, Actor::system("test"), "k", new).await.unwrap();
        let attempt = async |email: &str, password: &str| {
            let client = app.anonymous();
            let page = client.get("/sign-in").await;
            let form = [("csrf", page.csrf()), ("email", email.to_owned()), ("password", password.to_owned())];
            let form: Vec<(&str, &str)> = form.iter().map(|(name, value)| (*name, value.as_str())).collect();
            client.post("/sign-in", &form).await
        };
        assert_eq!(attempt("pia@TEST.example", right).await.status, 303);
        let words = "E-mail address or password is not right";
        for (email, password) in [("pia@test.example", "wrong"), ("nobody@test.example", right), ("pia@test.example", &format!("{right} "))] {
            let answer = attempt(email, password).await;
            assert_eq!(answer.status, 422);
            assert!(answer.body.contains(words), "{}", answer.body);
            assert!(!answer.body.contains(&format!("value=\"{password}\"")), "a password is never sent back");
        }
        people::suspend(&app.company.store, Actor::system("test"), "k2", id, true).await.unwrap();
        let answer = attempt("pia@test.example", right).await;
        assert_eq!(answer.status, 422);
        assert!(answer.body.contains(words));
        app.finish().await;
    }

    async fn a_form_from_elsewhere_is_refused(db: TestDb) {
        let app = TestApp::start(db).await;
        let client = app.anonymous();
        let page = client.get("/sign-in").await;
        let person = app.company.people["Nora North"].to_string();
        let (token, person) = (page.csrf(), person.as_str());
        for site in ["cross-site", "same-site", "none"] {
            assert_eq!(client.post_from("/demo/sign-in", &[("csrf", &token), ("person", person)], site).await.status, 403, "{site}");
        }
        for token in ["", "0000", &token[1..]] {
            assert_eq!(client.post("/demo/sign-in", &[("csrf", token), ("person", person)]).await.status, 403);
        }
        let json = client.raw(|http, base| http.post(format!("{base}/demo/sign-in")).header("sec-fetch-site", "same-origin").body("{}")).await;
        assert_eq!(json.status, 415);
        assert!(client.cookie(SESSION).is_none());
        app.finish().await;
    }

    async fn the_next_page_is_one_of_ours(db: TestDb) {
        let app = TestApp::start(db).await;
        for (next, to) in [("/budgets?a=1", "/budgets?a=1"), ("//evil.example", "/"), ("https://evil.example", "/"), ("/\\evil.example", "/")] {
            let client = app.anonymous();
            let page = client.get("/sign-in").await;
            let person = app.company.people["Nora North"].to_string();
            let answer = client.post("/demo/sign-in", &[("csrf", &page.csrf()), ("person", &person), ("next", next)]).await;
            assert_eq!(answer.location(), to, "{next}");
        }
        app.finish().await;
    }

    async fn every_answer_has_the_headers_errors_too(db: TestDb) {
        let app = TestApp::start(db).await;
        let client = app.anonymous();
        for path in ["/sign-in", "/nowhere", "/healthz", "/a/x/y", "/signed-out", "/"] {
            let answer = client.get(path).await;
            for header in ["content-security-policy", "x-content-type-options", "referrer-policy", "strict-transport-security", "x-request-id"] {
                assert!(answer.headers.contains_key(header), "{header} is missing on {path}");
            }
            assert!(!answer.headers.contains_key("server"), "no banner");
            assert!(answer.headers.contains_key("cache-control"), "{path}");
        }
        let missing = client.get("/nowhere").await;
        assert_eq!(missing.status, 404);
        assert!(missing.body.contains("Page not found") && missing.body.contains(missing.headers["x-request-id"].to_str().unwrap()));
        app.finish().await;
    }
}
