//! The wall in the database by itself: the portal's pages run with their scopes taken off, so that what holds for somebody in one region seems to hold
//! for her everywhere. On PostgreSQL nothing changes for whoever is of the North; on SQLite, which has no such wall, the same run is full of the South.

use super::objects::World;
use super::principals::PRINCIPALS;
use super::{Tally, asked_by, canary, places, principals};
use crate::support::app::TestApp;
use crate::support::database::TestDb;

async fn asked_without_scopes(db: TestDb) -> Tally {
    let mut app = TestApp::with_scopes_off(db).await;
    principals::hire(&mut app).await;
    let world = World::make(&app).await;
    let canary = canary::seed(&app, &world).await;
    let mut tally = Tally::default();
    for who in PRINCIPALS.iter().filter(|who| canary::is_of_north(who)) {
        // In this order: what she types in a visit stands in her list of exports afterwards.
        asked_by(&app, (&world, &canary), who, &mut tally).await;
        places::visit(&app, (&world, &canary), who, &mut tally).await;
    }
    app.finish().await;
    tally
}

#[tokio::test]
async fn the_database_alone_keeps_the_regions_apart_on_postgres() {
    let tally = asked_without_scopes(TestDb::postgres().await).await;
    println!("{} answers without scopes", tally.cells);
    assert!(tally.wrong.is_empty(), "{} of {}:\n{}", tally.wrong.len(), tally.cells, tally.wrong.join("\n"));
    assert!(tally.cells > 2_000, "{}", tally.cells);
}

#[tokio::test]
async fn without_a_wall_in_the_database_it_would_be_seen() {
    let tally = asked_without_scopes(TestDb::sqlite()).await;
    assert!(tally.wrong.len() > 100, "{} of {}", tally.wrong.len(), tally.cells);
}
