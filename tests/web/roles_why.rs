//! Why she may, and why not.

use counterfoil::actions::people::{self as act, NewGrant};
use counterfoil::domain::access::{Actor, Role};
use counterfoil::domain::time::Day;

use super::roles::given;
use crate::support::app::{Client, NOW, TestApp};
use crate::support::database::{TestDb, on_both_engines};

/// Asks about a person; the status and the page.
async fn ask(client: &Client, app: &TestApp, name: &str, permission: &str, object: &str) -> (u16, String) {
    let person = app.company.people[name];
    let answer = client.get(&format!("/people/{person}/access?permission={permission}&object={object}")).await;
    (answer.status, answer.body)
}

fn says((status, body): &(u16, String), words: &[&str]) {
    assert_eq!(*status, 200, "{body}");
    for words in words {
        assert!(body.contains(words), "{words}: {body}");
    }
}

on_both_engines! {
    async fn the_grant_that_allows_it_or_what_is_missing(db: TestDb) {
        let app = TestApp::start(db).await;
        let aud = app.signed_in("Aud Auditor").await;
        let budget = app.company.budgets["North one"].to_string();
        let yes = ask(&aud, &app, "Nora North", "budgets.adjust", &budget).await;
        says(&yes, &["Yes, Nora North may do this in North.", "the budget North one", "Regional administrator", "no end", "The system"]);
        let link = format!("https%3A%2F%2Fportal.example%2Fbudgets%2F{budget}%2Fedit%3Fa%3Db");
        says(&ask(&aud, &app, "Nora North", "budgets.adjust", &link).await, &["Yes, Nora North"]);
        let no = ask(&aud, &app, "Nils North", "budgets.adjust", &budget).await;
        says(&no, &[
            "No, Nils North may not do this in North.", "needs a role that allows it on North, or on a region above it",
            "Regional HR partner in North holds there, and does not allow it",
            "Roles that allow it: Regional administrator, Finance controller, Administrator.",
        ]);
        says(&ask(&aud, &app, "Sara South", "budgets.adjust", &budget).await, &["Regional administrator in South allows it, and does not reach there"]);
        says(&ask(&aud, &app, "Ada Admin", "settings.manage", &app.company.regions["South"].to_string()).await, &["Yes, Ada Admin", "Global"]);
        says(&ask(&aud, &app, "Sara South", "budgets.adjust", "").await, &["Yes, Sara South may do this in any region."]);

        // Run out, ended, suspended.
        let today = Day::parse("2026-11-22").unwrap();
        let (store, system) = (&app.company.store, Actor::system("test"));
        let new = NewGrant {
            person: app.company.people["Nils North"], role: Role::RegionalAdministrator.into(), region: app.company.regions["North"],
            ends_on: Some(today), seen: None,
        };
        act::grant(store, system.clone(), "until-today", new).await.unwrap();
        says(&ask(&aud, &app, "Nils North", "budgets.adjust", &budget).await, &["Yes, Nils North", "22 Nov 2026"]);
        app.company.clock.set(NOW + 86_400_000_000);
        let aud = app.signed_in("Aud Auditor").await;
        says(&ask(&aud, &app, "Nils North", "budgets.adjust", &budget).await, &["No, Nils North", "allowed it until it ran out with 22 Nov 2026"]);
        let grant = given(&app, "Sven South", "finance_controller", "South").await;
        act::end_grant(store, app.company.actor("Ada Admin"), "end-it", grant).await.unwrap();
        let south = app.company.budgets["South one"].to_string();
        says(&ask(&aud, &app, "Sven South", "budgets.manage", &south).await, &["Finance controller in South allowed it until it was ended"]);
        act::suspend(store, system, "out", app.company.people["Nora North"], true).await.unwrap();
        says(&ask(&aud, &app, "Nora North", "budgets.adjust", &budget).await, &["No. A role allows it in North, but the account is suspended."]);
        assert_eq!(ask(&aud, &app, "Nora North", "", &budget).await.0, 422);
        app.finish().await;
    }

    async fn what_lies_outside_is_like_what_is_missing(db: TestDb) {
        let app = TestApp::start(db).await;
        given(&app, "Nora North", "auditor", "North").await;
        let nora = app.signed_in("Nora North").await;
        assert_eq!(ask(&nora, &app, "Sven South", "budgets.read", "").await.0, 404);
        let plain = |(status, body): (u16, String), object: &str| {
            let body = body.replace(object, "OBJECT");
            (status, body.split_once("<main").unwrap().1.split_once("<footer").unwrap().0.to_owned())
        };
        let absent = "bud_00000000000000000000000000";
        let missing = plain(ask(&nora, &app, "Nils North", "budgets.read", absent).await, absent);
        assert_eq!(missing.0, 404);
        assert!(missing.1.contains("There is nothing of this id, or it is not yours to see"), "{}", missing.1);
        let (south, region) = (app.company.budgets["South one"].to_string(), app.company.regions["South"].to_string());
        for object in [south.as_str(), region.as_str(), "nonsense"] {
            assert_eq!(plain(ask(&nora, &app, "Nils North", "budgets.read", object).await, object), missing, "{object}");
        }
        // What is given above her regions is said, and not by whom or where.
        given(&app, "Nils North", "finance_controller", "Global").await;
        let beyond = ask(&nora, &app, "Nils North", "budgets.manage", &app.company.budgets["North one"].to_string()).await;
        says(&beyond, &["Yes, Nils North", "A role that is given on a region above yours allows it."]);
        let main = beyond.1.split_once("<main").unwrap().1;
        assert!(!main.contains("Finance controller") && !main.contains("Global"), "{main}");
        app.finish().await;
    }
}
