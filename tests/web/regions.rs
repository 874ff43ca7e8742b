//! Moving a region over HTTP: what would change is shown first, and nobody gives by it what she does not hold.

use counterfoil::domain::access::Role;
use counterfoil::domain::id::RegionId;
use counterfoil::store::db::Sql;

use super::admin::send;
use super::roles::{confirm, given, made};
use crate::support::app::{Answer, Client, TestApp};
use crate::support::database::{TestDb, on_both_engines};

/// The check page of a move.
async fn check(app: &TestApp, client: &Client, region: RegionId, to: &str) -> Answer {
    let to = app.company.regions[to];
    let form = client.get(&format!("/regions/{region}/move")).await;
    assert_eq!(form.status, 200, "{}", form.body);
    client.get(&format!("/regions/{region}/move/check?key={}&version={}&parent={to}", form.field("key"), form.field("version"))).await
}

async fn parent(app: &TestApp, region: RegionId) -> RegionId {
    let sql = Sql::new("SELECT parent_id FROM region WHERE id = $1").bind(region);
    app.company.store.read().await.unwrap().value(sql).await.unwrap()
}

fn says(page: &Answer, status: u16, words: &[&str]) {
    assert_eq!(page.status, status, "{} {}", page.location(), page.body);
    for words in words {
        assert!(page.body.contains(words), "{words}: {}", page.body);
    }
}

on_both_engines! {
    async fn what_a_move_changes_is_shown_before_it_is_made(db: TestDb) {
        let app = TestApp::start(db).await;
        let lapland = app.company.add_region("Lapland", "North").await;
        app.company.add_region("Inari", "North").await;
        let (north, south) = (app.company.regions["North"], app.company.regions["South"]);
        let (ada, nora, sara) = (app.signed_in("Ada Admin").await, app.signed_in("Nora North").await, app.signed_in("Sara South").await);
        let page = check(&app, &ada, lapland, "South").await;
        says(&page, 200, &[
            "Lapland, and everything below it", "2 roles of 2 people reach more regions afterwards.",
            "2 roles of 2 people reach fewer regions afterwards.", "Gained: Sara South", "Gained: Sven South", "Lost: Nora North", "Lost: Nils North",
            "Adjust, transfer and reserve budget",
        ]);
        assert!(!page.body.contains("Finn Finance") && !page.body.contains("<th scope=\"row\">Inari"), "nothing changes for him: {}", page.body);
        assert_eq!(parent(&app, lapland).await, north, "looking moves nothing");
        let place = format!("/regions/{lapland}");
        assert_eq!((nora.get(&place).await.status, sara.get(&place).await.status), (200, 404));

        app.company.clock.advance(6 * 60_000_000);
        let to = format!("{place}/move");
        let asked = confirm(&ada, &page, &to).await;
        assert_eq!(asked.location(), "/prove", "somebody gains by it");
        assert_eq!(send(&ada, "/prove", "/prove", &[], &[]).await.location(), "/go-on");
        let back = ada.get("/go-on").await;
        assert!(back.location().starts_with(&format!("{to}/check?")), "{}", back.location());
        let page = ada.get(back.location()).await;
        says(&page, 200, &["Gained: Sara South"]);
        assert_eq!(parent(&app, lapland).await, north);
        let done = confirm(&ada, &page, &to).await;
        assert_eq!((done.status, done.location()), (303, place.as_str()), "{}", done.body);
        assert_eq!(parent(&app, lapland).await, south);
        assert_eq!((nora.get(&place).await.status, sara.get(&place).await.status), (404, 200));
        says(&ada.get(back.location()).await, 409, &["Move Lapland"]);
        for (wrong, words) in [("South", "Lapland is there already"), ("Global", "What changes")] {
            says(&check(&app, &ada, lapland, wrong).await, if wrong == "South" { 422 } else { 200 }, &[words]);
        }
        app.finish().await;
    }

    async fn nobody_gives_by_a_move_what_she_does_not_hold(db: TestDb) {
        let app = TestApp::start(db).await;
        let lapland = app.company.add_region("Lapland", "North").await;
        let (north, global) = (app.company.regions["North"], app.company.regions["Global"]);
        let ada = app.signed_in("Ada Admin").await;
        let keeper = made(&ada, Role::Administrator, "Keeper", &["regions.read", "regions.manage", "people.read"]).await;
        let mover = made(&ada, Role::Administrator, "Mover", &["regions.read", "regions.manage"]).await;
        given(&app, "Nils North", &keeper, "Global").await;
        for region in ["North", "South"] {
            given(&app, "Sven South", &mover, region).await;
        }
        let nils = app.signed_in("Nils North").await;
        let refused = check(&app, &nils, lapland, "South").await;
        says(&refused, 422, &["Nobody gives what she does not hold.", "Adjust, transfer and reserve budget", "Error: Move Lapland"]);
        let (to, form) = (format!("/regions/{lapland}/move"), nils.get(&format!("/regions/{lapland}/move")).await);
        let south = app.company.regions["South"].to_string();
        let (csrf, key, version) = (form.csrf(), form.field("key"), form.field("version"));
        let straight = [("csrf", csrf.as_str()), ("key", &key), ("version", &version), ("parent", &south)];
        says(&nils.post(&to, &straight).await, 422, &["Nobody gives what she does not hold."]);
        assert_eq!(parent(&app, lapland).await, north);
        // Sven sees no people: he is told of nobody, and may not raise anybody either.
        let sven = app.signed_in("Sven South").await;
        let hidden = check(&app, &sven, lapland, "South").await;
        says(&hidden, 422, &["Nobody gives what she does not hold."]);
        assert!(!hidden.body.contains("Sara"), "{}", hidden.body);
        // What only takes away may be done.
        let page = check(&app, &nils, lapland, "Global").await;
        says(&page, 200, &["Lost: Nora North", "reach fewer regions afterwards."]);
        assert!(!page.body.contains("Gained: "), "{}", page.body);
        assert_eq!(confirm(&nils, &page, &to).await.status, 303);
        assert_eq!(parent(&app, lapland).await, global);
        app.finish().await;
    }
}
