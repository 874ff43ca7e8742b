//! The demo's company: made whole or made again, and nothing in it lies ahead.

use std::collections::BTreeSet;
use std::sync::Arc;

use counterfoil::actions::demo;
use counterfoil::clock::{Clock, Random};
use counterfoil::domain::access::Actor;
use counterfoil::domain::time::Instant;
use counterfoil::domain::transaction::{ApprovalStatus, Channel, DeliveryStatus, OrderStatus, ReconStatus, RedemptionStatus};
use counterfoil::metrics::Metrics;
use counterfoil::store::db::Sql;
use counterfoil::store::writer::Intent;
use counterfoil::store::{Options, Store, settings};

use crate::support::database::{TestDb, on_both_engines};

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

/// The distinct words of a column, against those that there are.
async fn every<T: Copy + std::fmt::Display>(store: &Store, column: &'static str, all: &[T]) {
    let mut sql = Sql::new("SELECT DISTINCT ");
    sql.push(column).push(" FROM reward_transaction");
    let rows: Vec<(String,)> = store.read().await.unwrap().all(sql).await.unwrap();
    let found: BTreeSet<String> = rows.into_iter().map(|row| row.0).collect();
    assert_eq!(found, all.iter().map(ToString::to_string).collect(), "{column}");
}

on_both_engines! {
    async fn its_transactions_stand_in_every_way_they_can_and_its_books_follow_the_rules(db: TestDb) {
        demo::fill(&db.url, Instant(NOW), 4_000, |_| {}).await.unwrap();
        let store = open(&db.url).await;
        every(&store, "order_status", OrderStatus::all()).await;
        every(&store, "delivery_status", DeliveryStatus::all()).await;
        every(&store, "redemption_status", RedemptionStatus::all()).await;
        every(&store, "recon_status", ReconStatus::all()).await;
        every(&store, "approval_status", ApprovalStatus::all()).await;
        every(&store, "channel", Channel::all()).await;
        let most = number(&store, "SELECT count(*) FROM reward_transaction WHERE recon_status IN ('posted', 'archived', 'matched')").await;
        let bad = number(&store, "SELECT count(*) FROM reward_transaction WHERE recon_status IN ('mismatched', 'missing')").await;
        assert!(most > 3_000 && (20..200).contains(&bad), "{most} {bad}");
        let waiting = "SELECT count(*) FROM reward_transaction WHERE (order_status = 'pending_approval') <> (approval_status = 'pending')";
        assert_eq!(number(&store, waiting).await, 0);
        assert!(number(&store, "SELECT count(*) FROM budget WHERE status = 'closed'").await > 5);
        assert_eq!(number(&store, "SELECT count(*) FROM budget WHERE status = 'closed' AND reserved <> 0").await, 0, "the rules close no such budget");
        assert!(number(&store, "SELECT count(*) FROM posting WHERE kind = 'void'").await > 0, "what was set aside in them was let go");
        assert!(number(&store, "SELECT count(*) FROM approval_policy WHERE ended_at IS NULL").await > 4);
        assert!(number(&store, "SELECT count(*) FROM approval WHERE status = 'pending'").await >= 3);
        assert_eq!(number(&store, "SELECT count(*) FROM approval WHERE status IN ('approved', 'rejected')").await, 2);
        let mut read = store.read().await.unwrap();
        assert_eq!(counterfoil::store::check::fault(&mut read).await.unwrap(), None);
        drop(read);
        store.close().await;
    }
}
