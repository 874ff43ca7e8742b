//! PostgreSQL crashes and comes back in the middle of work: the portal stays, says so, and goes on.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::clerks::{Clerk, Journal, check_all};
use super::money::budgets;
use super::{Dice, figure, times};
use crate::cli::Serving;
use crate::support::app::Company;
use crate::support::cluster::Cluster;
use crate::support::database::TestDb;

#[tokio::test(flavor = "multi_thread")]
async fn postgresql_may_crash_and_come_back_under_load() {
    let folder = tempfile::tempdir().unwrap();
    let cluster = Arc::new(Cluster::start(None));
    let url = cluster.url("127.0.0.1");
    let company = Company::found(TestDb::at(url.clone())).await;
    let person = company.people["Nora North"].to_string();
    let own = budgets(&company, 6).await;
    company.store.close().await;
    let (mut dice, journal, over) = (Dice::thrown("restarts"), Journal::new(folder.path()), Arc::new(AtomicBool::new(false)));
    let mut portal = Serving::start(folder.path(), &["--database", &url]);
    let mut working = Vec::new();
    for budget in &own {
        let (mut clerk, over) = (Clerk::at(&portal.base, &person, budget, &journal, &over).await, over.clone());
        working.push(tokio::spawn(async move {
            while !over.load(Ordering::Acquire) {
                clerk.work().await;
                clerk.settle().await;
            }
            clerk
        }));
    }
    let crashes = times("RESTARTS", 3, 30);
    for _ in 0..crashes {
        tokio::time::sleep(Duration::from_millis(500 + dice.below(1_000) as u64)).await;
        let cluster = cluster.clone();
        tokio::task::spawn_blocking(move || {
            cluster.crash();
            cluster.again();
        })
        .await
        .unwrap();
    }
    tokio::time::sleep(Duration::from_millis(500)).await;
    over.store(true, Ordering::Release);
    let mut lost = 0;
    for clerk in working {
        lost += clerk.await.unwrap().lost;
    }
    let found = check_all(&url, &journal).await;
    figure(&format!(
        "restarts: PostgreSQL stopped without a warning and started {crashes} × under load, the portal was never restarted; {} acknowledged, \
         0 lost; {lost} requests answered 'away', sent again, one effect each",
        found.done
    ));
    assert!(lost > 0 && found.done > 0);
    portal.signal("TERM");
    assert_eq!(portal.end().0.code(), Some(0));
}
