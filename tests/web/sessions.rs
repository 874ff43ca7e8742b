//! Where people are signed in, and how that ends.

use super::admin::send;
use crate::support::app::{Client, TestApp};
use crate::support::database::{TestDb, on_both_engines};
use counterfoil::store::db::Sql;

const FIREFOX: &str = "Mozilla/5.0 (X11; Linux x86_64; rv:143.0) Gecko/20100101 Firefox/143.0";

/// Somebody who has signed in with a browser that says what it is.
async fn with_firefox(app: &TestApp, name: &str) -> Client {
    let client = app.anonymous();
    let (csrf, person) = (client.get("/sign-in").await.csrf(), app.company.people[name].to_string());
    let form = [("csrf", csrf), ("person", person)];
    let answer = client.raw(|http, base| {
        http.post(format!("{base}/demo/sign-in")).header("sec-fetch-site", "same-origin").header("user-agent", FIREFOX).form(&form)
    });
    assert_eq!(answer.await.status, 303);
    client
}

async fn is_in(client: &Client) -> bool {
    client.get("/settings").await.status == 200
}

/// The ids of the sessions that a page can end.
async fn ids(client: &Client, page: &str) -> Vec<String> {
    let body = client.get(page).await.body;
    body.split("name=\"session\" value=\"").skip(1).map(|rest| rest.split('"').next().unwrap().to_owned()).collect()
}

async fn events(app: &TestApp, action: &'static str) -> i64 {
    let sql = Sql::new("SELECT count(*) FROM audit_event WHERE action = $1").bind(action);
    app.company.store.read().await.unwrap().value(sql).await.unwrap()
}

on_both_engines! {
    async fn one_sees_where_one_is_signed_in_and_ends_it(db: TestDb) {
        let app = TestApp::start(db).await;
        let (here, there, third) = (app.signed_in("Nora North").await, with_firefox(&app, "Nora North").await, app.signed_in("Nora North").await);
        let page = here.get("/settings/sessions").await;
        assert_eq!((page.status, page.body.matches("This one").count(), page.body.matches("\">127.0.0.1</td>").count()), (200, 1, 3), "{}", page.body);
        assert!(page.body.contains("Firefox on Linux") && page.body.contains("2026-11-22 13:00"), "{}", page.body);
        let mine = ids(&here, "/settings/sessions").await;
        assert_eq!(mine.len(), 2, "this one is left by signing out");
        let of_firefox = ids(&third, "/settings/sessions").await.into_iter().find(|id| mine.contains(id)).unwrap();
        let nils = app.signed_in("Nils North").await;
        let place = "/settings/sessions";
        assert_eq!(send(&nils, place, place, &[], &[("session", &of_firefox)]).await.status, 404, "one of somebody else's");
        assert_eq!(send(&nils, place, place, &[], &[("session", "ses_x")]).await.status, 404);
        assert!(is_in(&there).await);
        assert_eq!(send(&here, place, place, &[], &[("session", &of_firefox)]).await.status, 303);
        assert_eq!((is_in(&there).await, is_in(&here).await, is_in(&third).await), (false, true, true), "from the next request on");
        assert_eq!(send(&here, place, place, &[], &[("session", &of_firefox)]).await.status, 404, "it has ended");
        assert_eq!(send(&here, place, place, &[], &[]).await.status, 303);
        assert_eq!((is_in(&here).await, is_in(&third).await, is_in(&nils).await), (true, false, true));
        assert_eq!((events(&app, "person.session_ended").await, events(&app, "person.signed_out_elsewhere").await), (1, 1));
        app.company.clock.advance(16 * 60 * 1_000_000);
        let later = app.signed_in("Nora North").await;
        assert!(ids(&later, place).await.is_empty(), "what is over by itself is not shown");
        let (all, alone) = ("Sign out everywhere else", "You are signed in nowhere else");
        let page = later.get(place).await.body;
        assert!(page.contains(alone) && !page.contains(all), "{page}");
        let _there = app.signed_in("Nora North").await;
        let page = later.get(place).await.body;
        assert!(!page.contains(alone) && page.contains(all), "{page}");
        app.finish().await;
    }

    async fn to_ask_how_long_a_session_lasts_is_no_use_of_it(db: TestDb) {
        let app = TestApp::start(db).await;
        let nora = app.signed_in("Nora North").await;
        for minutes in [0, 5, 14] {
            app.company.clock.advance(minutes * 60_000_000 - app.company.store.now().0 + crate::support::app::NOW);
            assert_eq!(nora.get("/session").await.body, (900 - minutes * 60).to_string());
            let ahead = nora.raw(|http, base| http.get(format!("{base}/settings")).header("sec-purpose", "prefetch")).await;
            assert_eq!(ahead.status, 200);
        }
        app.company.clock.advance(60_000_000);
        assert_eq!(nora.get("/session").await.location(), "/sign-in?next=/session", "neither question nor prefetch kept it alive");
        let sara = app.signed_in("Sara South").await;
        app.company.clock.advance(5 * 60_000_000);
        assert_eq!(sara.get("/stay-signed-in").await.status, 204);
        for _ in 0..200 {
            if sara.get("/session").await.body == "900" {
                return app.finish().await;
            }
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
        panic!("a click keeps it alive");
    }

    async fn an_administrator_ends_the_sessions_of_one_and_of_all(db: TestDb) {
        let app = TestApp::start(db).await;
        let (ada, finn) = (app.signed_in("Ada Admin").await, app.signed_in("Finn Finance").await);
        let (one, two) = (app.signed_in("Nora North").await, with_firefox(&app, "Nora North").await);
        let hers = format!("/people/{}", app.company.people["Nora North"]);
        let end = format!("{hers}/sessions/end");
        assert!(!finn.get(&hers).await.body.contains("Firefox"), "who only reads people does not see from where they come");
        assert_eq!(send(&finn, "/settings", &end, &[], &[]).await.status, 403);
        let sessions = ids(&ada, &hers).await;
        assert!(sessions.len() == 2 && ada.get(&hers).await.body.contains("Firefox on Linux"));
        assert_eq!(send(&ada, &hers, &end, &[], &[("session", &ids(&ada, "/settings").await.pop().unwrap_or("ses_x".to_owned()))]).await.status, 404);
        assert_eq!(send(&ada, &hers, &end, &[], &[("session", &sessions[0])]).await.status, 303);
        assert_eq!(i32::from(is_in(&one).await) + i32::from(is_in(&two).await), 1);
        assert_eq!(send(&ada, &hers, &end, &[], &[]).await.status, 303);
        assert!(!is_in(&one).await && !is_in(&two).await && is_in(&finn).await);
        assert!(ada.get(&hers).await.body.contains("Not signed in anywhere now"));

        let (nora, again) = (app.signed_in("Nora North").await, app.signed_in("Ada Admin").await);
        assert_eq!(send(&nora, "/settings", "/people/sign-out", &[], &[]).await.status, 403);
        assert!(ada.get("/people/sign-out").await.body.contains("Sessions that end at once: 3."));
        assert_eq!(send(&ada, "/people/sign-out", "/people/sign-out", &[], &[]).await.status, 303);
        for (client, stays) in [(&ada, true), (&again, false), (&nora, false), (&finn, false)] {
            assert_eq!(is_in(client).await, stays);
        }
        let noted = ["person.session_ended", "person.signed_out_everywhere", "sessions.ended"];
        for action in noted {
            assert_eq!(events(&app, action).await, 1, "{action}");
        }
        app.finish().await;
    }
}
