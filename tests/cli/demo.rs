//! The demo's company: made whole or made again, and nothing in it lies ahead.

use std::collections::BTreeSet;
use std::sync::Arc;

use counterfoil::actions::demo;
use counterfoil::clock::{Clock, Random};
use counterfoil::domain::access::Actor;
use counterfoil::domain::time::Instant;
use counterfoil::metrics::Metrics;
use counterfoil::store::db::Sql;
use counterfoil::store::writer::Intent;
use counterfoil::store::{Options, Store, settings};

/// 2026-11-22T06:40:00Z: early, so that working hours are still to come.
const NOW: i64 = 1_795_329_600_000_000;

async fn open(url: &str) -> Store {
    Store::open(&Options::of(url), Clock::fixed(NOW), Random::system(), Arc::new(Metrics::new())).await.unwrap()
}

async fn number(store: &Store, sql: &'static str) -> i64 {
    let mut read = store.read().await.unwrap();
    read.one::<(i64,)>(Sql::new(sql)).await.unwrap().unwrap().0
}

#[tokio::test]
async fn an_interrupted_demo_is_made_again_and_nothing_lies_ahead() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", folder.path().join("demo.db").display());
    // As one that was killed after its first writes leaves it.
    let store = open(&url).await;
    let begun = store.write(Intent::once(Actor::system("test"), "test.begin"), |tx| {
        Box::pin(async move {
            settings::set(tx, settings::DEMO, "filling").await?;
            settings::set(tx, settings::ORGANISATION, "Half a company").await?;
            Ok(())
        })
    });
    begun.await.unwrap();
    store.close().await;
    for _ in 0..2 {
        demo::fill(&url, Instant(NOW), 600, |_| {}).await.unwrap();
        let store = open(&url).await;
        let mut read = store.read().await.unwrap();
        assert_eq!(settings::get(&mut read, settings::DEMO).await.unwrap().as_deref(), Some("1"));
        assert_ne!(settings::get(&mut read, settings::ORGANISATION).await.unwrap().as_deref(), Some("Half a company"));
        let imports: Vec<(i64, i64, i64)> = read
            .all(Sql::new("SELECT r.created_at, r.finished_at, max(t.issued_at) FROM import_run r JOIN reward_transaction t ON t.import_no = r.no GROUP BY r.no, r.created_at, r.finished_at ORDER BY r.no"))
            .await
            .unwrap();
        drop(read);
        assert_eq!(imports.len(), 12);
        let minutes: BTreeSet<i64> = imports.iter().map(|(at, ..)| at / 60_000_000 % 1_440).collect();
        assert!(minutes.len() > 9, "each file at a minute of its own: {minutes:?}");
        for (uploaded, finished, newest) in imports {
            assert!(newest < uploaded && uploaded < finished && finished < NOW, "{newest} {uploaded} {finished}");
        }
        assert_eq!(number(&store, "SELECT count(*) FROM audit_event WHERE at > 1795329600000000").await, 0);
        assert_eq!(number(&store, "SELECT count(*) FROM reward_transaction").await, 600);
        store.close().await;
    }
}
