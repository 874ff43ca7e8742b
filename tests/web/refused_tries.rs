//! What was refused is on record: who tried what, the same whether there is such a thing or not, and never so often that it fills a disk.

use counterfoil::domain::access::Role;
use counterfoil::domain::id::BudgetId;
use counterfoil::domain::refused_tries::SINGLE_MOST;
use serde_json::Value;

use super::approvals::{ask, policy};
use super::wall::{events, grant};
use crate::support::app::TestApp;
use crate::support::database::{TestDb, on_both_engines};

/// The last refused try: what was sealed.
async fn last(app: &TestApp) -> Value {
    events(app, "access.refused").await.pop().expect("nothing is on record").1
}

on_both_engines! {
    async fn outside_and_missing_are_on_record_alike_and_only_for_who_reads_the_whole_trail(db: TestDb) {
        let app = TestApp::start(db).await;
        grant(&app, "Nora North", Role::Auditor, "North").await;
        let (nils, nora, aud) = (app.signed_in("Nils North").await, app.signed_in("Nora North").await, app.signed_in("Aud Auditor").await);
        let (outside, missing) = (app.company.budgets["South one"], BudgetId(uuid::Uuid::from_u128(7)));
        let mut bodies = Vec::new();
        for id in [outside, missing] {
            assert_eq!(nils.get(&format!("/budgets/{id}")).await.status, 404);
            let (kept, mut body) = events(&app, "access.refused").await.pop().unwrap();
            assert_eq!((kept.object_kind.as_str(), kept.object_id, kept.region_id), ("budget", id.to_string(), None));
            assert_eq!(kept.actor_id, Some(app.company.people["Nils North"]));
            assert_eq!(body["detail"]["address"], format!("/budgets/{id}"));
            for changing in ["/id", "/actor/request", "/object/id", "/detail/address", "/detail/ids"] {
                *body.pointer_mut(changing).unwrap() = Value::Null;
            }
            bodies.push(body);
        }
        assert_eq!(bodies[0], bodies[1], "nothing tells whether there is one");
        assert_eq!((&bodies[0]["detail"]["refusal"], &bodies[0]["detail"]["permission"]), (&Value::from("not_found"), &Value::Null));
        assert_eq!(bodies[0]["actor"]["peer"], "127.0.0.1");
        let whole = aud.get("/audit?action=access").await;
        assert!(whole.body.contains("Access refused") && whole.body.contains("Nils North"), "{}", whole.body);
        assert!(aud.get(&format!("/audit?object={missing}")).await.body.contains("Access refused"));
        let part = nora.get("/audit?action=access").await;
        assert!(part.status == 200 && !part.body.contains("Access refused"), "{}", part.body);
        app.finish().await;
    }

    async fn what_a_role_does_not_allow_is_on_record_and_so_are_forged_forms_and_ones_own_request(db: TestDb) {
        let app = TestApp::start(db).await;
        policy(&app, "adjustment", "1", "1").await;
        let (nils, nora, ada) = (app.signed_in("Nils North").await, app.signed_in("Nora North").await, app.signed_in("Ada Admin").await);
        assert_eq!(nils.get("/people/new").await.status, 403);
        let body = last(&app).await;
        assert_eq!((&body["object"]["kind"], &body["object"]["id"]), (&Value::from("address"), &Value::from("/people/new")));
        assert_eq!((&body["detail"]["refusal"], &body["detail"]["permission"]), (&Value::from("forbidden"), &Value::from("people.manage")));
        let other = app.company.budgets["South one"].to_string();
        let forged = ada.post("/budgets", &[("csrf", "no"), ("region", &other)]).await;
        assert_eq!(forged.status, 403, "{}", forged.body);
        let body = last(&app).await;
        assert_eq!((&body["detail"]["refusal"], &body["object"]["id"]), (&Value::from("forged"), &Value::from(other.as_str())), "{body}");
        let request = ask(&app, &nora, "10").await;
        let page = nora.get(&request).await;
        let form = [("csrf", page.csrf()), ("key", "own".to_owned()), ("hash", "0".repeat(64))];
        let form: Vec<(&str, &str)> = form.iter().map(|(name, value)| (*name, value.as_str())).collect();
        assert_eq!(nora.post(&format!("{request}/approval"), &form).await.status, 403);
        let body = last(&app).await;
        assert_eq!((&body["object"]["kind"], &body["detail"]["method"]), (&Value::from("approval"), &Value::from("POST")), "{body}");
        assert_eq!(body["object"]["id"], request.trim_start_matches("/approvals/"));
        app.finish().await;
    }

    async fn many_tries_are_a_few_events_and_a_number(db: TestDb) {
        let app = TestApp::start(db).await;
        let (nils, sven) = (app.signed_in("Nils North").await, app.signed_in("Sven South").await);
        for _ in 0..40 {
            assert_eq!(nils.get("/people/new").await.status, 403);
        }
        assert_eq!(events(&app, "access.refused").await.len(), SINGLE_MOST as usize);
        assert_eq!(sven.get("/people/new").await.status, 403);
        assert_eq!(events(&app, "access.refused").await.len(), SINGLE_MOST as usize + 1, "each person is counted apart");
        app.company.clock.advance(60_000_000);
        assert_eq!(nils.get("/people/new").await.status, 403);
        let often = events(&app, "access.refused_often").await;
        assert_eq!(often.len(), 1);
        assert_eq!((&often[0].1["detail"]["count"], often[0].0.region_id), (&Value::from("30"), None));
        assert_eq!(often[0].0.object_id, app.company.people["Nils North"].to_string());
        assert_eq!(events(&app, "access.refused").await.len(), SINGLE_MOST as usize + 2);
        // A page that was not found because nobody ever put one there is no try at anything.
        assert_eq!(nils.get("/nothing-here").await.status, 404);
        assert_eq!(events(&app, "access.refused").await.len(), SINGLE_MOST as usize + 2);
        app.finish().await;
    }
}
