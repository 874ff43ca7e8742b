//! Sixty-four people send for the last unit of a budget at the same time: one gets it, and the others are told so.

use std::sync::Arc;

use counterfoil::domain::id::BudgetId;
use counterfoil::store::check;
use counterfoil::store::db::Sql;
use counterfoil::store::db_pools::Pools;

use super::money::budget;
use super::{figure, times};
use crate::cli::Serving;
use crate::support::app::{Client, Company};
use crate::support::database::{TestDb, on_both_engines};
use crate::web::budgets::hidden;

const CLIENTS: usize = 64;

/// What is available and reserved.
async fn figures(url: &str, budget: BudgetId) -> (i64, i64) {
    let pools = Pools::inspect(url).await.unwrap();
    let mut read = pools.read().await.unwrap();
    assert_eq!(check::fault(&mut read).await.unwrap(), None);
    let sql = "SELECT allocated + adjusted + carried_over - reserved - spent, reserved FROM budget WHERE id = $1";
    let row: Option<(i64, i64)> = read.one(Sql::new(sql).bind(budget)).await.unwrap();
    drop(read);
    pools.close().await;
    row.unwrap()
}

on_both_engines! {
    async fn the_last_unit_is_taken_once(db: TestDb) {
        let (url, folder) = (db.url.clone(), tempfile::tempdir().unwrap());
        let engine = url.split(':').next().unwrap().to_owned();
        let company = Company::found(db).await;
        let rounds = times("ROUNDS", 12, 1_000);
        let person = company.people["Nora North"].to_string();
        let last = budget(&company, "The last unit", "North", "JPY", 1).await;
        company.store.close().await;
        std::fs::write(folder.path().join("counterfoil.toml"), "max_connections_per_peer = 512\n").unwrap();
        // PostgreSQL is shared by two processes: their doors know nothing of each other.
        let portals: Vec<Serving> =
            (0..if engine == "sqlite" { 1 } else { 2 }).map(|_| Serving::start(folder.path(), &["--database", &url])).collect();
        let mut clients = Vec::new();
        for at in 0..CLIENTS {
            let client = Client::at(&portals[at % portals.len()].base);
            assert_eq!(client.sign_in(&person).await.status, 303);
            let token = client.get("/budgets").await.csrf();
            clients.push((Arc::new(client), token));
        }
        let path = format!("/budgets/{last}/reservations");
        for round in 0..rounds {
            let page = clients[0].0.get(&format!("{path}/new")).await;
            let page = clients[0].0.get(&format!("{path}/check?key={}&amount=1&note=last", page.field("key"))).await;
            let form = hidden(&page);
            let sent: Vec<_> = clients
                .iter()
                .enumerate()
                .map(|(at, (client, token))| {
                    let (client, token, path, mut form) = (client.clone(), token.clone(), path.clone(), form.clone());
                    for (name, value) in &mut form {
                        match name.as_str() {
                            "csrf" => value.clone_from(&token),
                            "key" => *value = format!("last-{round}-{at}-0123456789"),
                            _ => {}
                        }
                    }
                    tokio::spawn(async move { crate::web::budgets::send(&client, &path, &form).await })
                })
                .collect();
            let mut winners = Vec::new();
            for one in sent {
                let answer = one.await.unwrap();
                match answer.status {
                    303 => winners.push(answer.location().to_owned()),
                    409 | 422 => {}
                    other => panic!("{other}: {}", answer.body),
                }
            }
            assert_eq!(winners.len(), 1, "round {round}: {winners:?}");
            assert_eq!(figures(&url, last).await, (0, 1), "round {round}");
            // Free again for the next round.
            let posting = winners[0].split('?').next().unwrap().trim_end_matches('/').rsplit('/').next().unwrap().to_owned();
            let void = format!("/postings/{posting}/void");
            let page = clients[0].0.get(&format!("{void}/new")).await;
            let page = clients[0].0.get(&format!("{void}/check?key={}", page.field("key"))).await;
            let voided = crate::web::budgets::send(&clients[0].0, &void, &hidden(&page)).await;
            assert_eq!(voided.status, 303, "{}", voided.body);
            assert_eq!(figures(&url, last).await, (1, 0), "round {round}");
        }
        figure(&format!("last unit, {engine}: {CLIENTS} clients of {} portals, {rounds} rounds, one winner each", portals.len()));
    }
}
