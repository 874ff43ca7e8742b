//! More than the store takes: what is left out is told so, and nobody inherits half of a transaction.

use std::time::Duration;

use counterfoil::domain::access::Actor;
use counterfoil::store::audit_log;
use counterfoil::store::db::Sql;
use counterfoil::store::failure::Failure;
use counterfoil::store::writer::Intent;
use sqlx::{Connection, PgConnection};

use crate::support::app::Company;
use crate::support::database::{TestDb, on_both_engines};

/// More than the door's queue holds.
const CROWD: usize = 1_400;

on_both_engines! {
    async fn past_a_full_queue_the_answer_is_busy_and_what_was_taken_is_done(db: TestDb) {
        let company = Company::found(db).await;
        let begin = |n: i64, slow: bool| {
            let store = company.store.clone();
            tokio::spawn(async move {
                store
                    .write(Intent::once(Actor::system("test"), "test.crowd"), move |tx| {
                        Box::pin(async move {
                            if slow {
                                tokio::time::sleep(Duration::from_millis(400)).await;
                            }
                            tx.record(counterfoil::domain::audit::Event::new("test.happened", "test", n, None));
                            Ok(n)
                        })
                    })
                    .await
            })
        };
        let before = audit_log::stated_head(&mut company.store.read().await.unwrap()).await.unwrap().unwrap().seq;
        let first = begin(-1, true);
        tokio::time::sleep(Duration::from_millis(100)).await;
        let crowd: Vec<_> = (0..CROWD).map(|n| begin(n as i64, false)).collect();
        let (mut done, mut busy) = (0, 0);
        first.await.unwrap().unwrap();
        for one in crowd {
            match one.await.unwrap() {
                Ok(_) => done += 1,
                Err(Failure::Queue) => busy += 1,
                Err(other) => panic!("{other}"),
            }
        }
        assert!(busy > 0 && done >= 1_000, "{done} done, {busy} busy");
        let after = audit_log::stated_head(&mut company.store.read().await.unwrap()).await.unwrap().unwrap().seq;
        assert_eq!(after - before, done + 1, "each that was taken left its event, no other did");
    }

    async fn a_reader_who_leaves_early_leaves_no_transaction_behind(db: TestDb) {
        let url = db.url.clone();
        let company = Company::found(db).await;
        for round in 0..300u64 {
            let store = company.store.clone();
            let reading = async move {
                let mut read = store.read().await?;
                let sql = Sql::new("SELECT CAST(count(*) AS BIGINT) FROM audit_event a, audit_event b WHERE a.seq <> b.seq");
                read.one::<(i64,)>(sql).await
            };
            // From before the snapshot begins to after its answer.
            drop(tokio::time::timeout(Duration::from_micros(round * 7), reading).await);
        }
        let written: i64 = company
            .store
            .write(Intent::once(Actor::system("test"), "test.after"), |tx| {
                Box::pin(async move {
                    tx.record(counterfoil::domain::audit::Event::new("test.happened", "test", 0, None));
                    Ok(0)
                })
            })
            .await
            .unwrap();
        assert_eq!(written, 0);
        let now = audit_log::stated_head(&mut company.store.read().await.unwrap()).await.unwrap().unwrap().seq;
        for _ in 0..20 {
            // Whichever connection answers, it sees this moment and not that of somebody who left.
            let mut read = company.store.read().await.unwrap();
            assert_eq!(audit_log::stated_head(&mut read).await.unwrap().unwrap().seq, now);
        }
        if url.starts_with("postgres") {
            tokio::time::sleep(Duration::from_millis(200)).await;
            let mut other = PgConnection::connect(&url).await.unwrap();
            let sql = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state LIKE 'idle in transaction%'";
            let (open,): (i64,) = sqlx::query_as(sql).fetch_one(&mut other).await.unwrap();
            assert_eq!(open, 0);
        }
    }
}
