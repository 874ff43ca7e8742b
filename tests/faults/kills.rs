//! `kill -9` under load: nothing that was acknowledged is lost, and what was not answered is done once when it is sent again.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::clerks::{Clerk, Journal, check_all};
use super::money::budgets;
use super::{Dice, figure, times};
use crate::cli::Serving;
use crate::support::app::Company;
use crate::support::database::{TestDb, on_both_engines};

on_both_engines! {
    async fn what_was_acknowledged_outlives_the_process(db: TestDb) {
        let (url, folder) = (db.url.clone(), tempfile::tempdir().unwrap());
        let engine = url.split(':').next().unwrap().to_owned();
        let company = Company::found(db).await;
        let person = company.people["Nora North"].to_string();
        let own = budgets(&company, 8).await;
        company.store.close().await;
        let (mut dice, journal, over) = (Dice::thrown("kills"), Journal::new(folder.path()), Arc::default());
        let kills = times("KILLS", 8, 200);
        let mut portal = Serving::start(folder.path(), &["--database", &url]);
        let mut clerks = Vec::new();
        for budget in &own {
            clerks.push(Clerk::at(&portal.base, &person, budget, &journal, &over).await);
        }
        let mut slowest = Duration::ZERO;
        let mut unanswered = 0;
        for round in 0..kills {
            let before: u64 = clerks.iter().map(|clerk| clerk.answered.load(Ordering::Acquire)).sum();
            let counts: Vec<_> = clerks.iter().map(|clerk| clerk.answered.clone()).collect();
            let working: Vec<_> = clerks
                .into_iter()
                .map(|mut clerk| {
                    tokio::spawn(async move {
                        clerk.work().await;
                        clerk
                    })
                })
                .collect();
            // Among answers, not before the first one.
            while counts.iter().map(|count| count.load(Ordering::Acquire)).sum::<u64>() <= before {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
            tokio::time::sleep(Duration::from_micros(dice.below(400_000) as u64)).await;
            portal.signal("KILL");
            portal.end();
            clerks = Vec::new();
            for clerk in working {
                clerks.push(clerk.await.unwrap());
            }
            let began = Instant::now();
            portal = Serving::start(folder.path(), &["--database", &url]);
            slowest = slowest.max(began.elapsed());
            for clerk in &mut clerks {
                clerk.follow(&portal.base);
                unanswered += u64::from(clerk.is_open());
                clerk.settle().await;
            }
            if round % 10 == 9 || round + 1 == kills {
                check_all(&url, &journal).await;
            }
        }
        drop(portal);
        let found = check_all(&url, &journal).await;
        figure(&format!(
            "kills, {engine}: {kills} × kill -9, {} acknowledged, 0 lost; {unanswered} more not answered, sent again, one effect each; \
             ready again within {} ms",
            found.done as u64 - unanswered,
            slowest.as_millis()
        ));
        assert!(found.done as u64 >= kills, "there was load");
    }
}
