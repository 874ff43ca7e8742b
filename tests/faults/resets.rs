//! Connections that are reset in the middle of a request: no connection of the pool stays in a transaction, and nothing is half done.

use std::sync::Arc;
use std::time::Duration;

use sqlx::{Connection, PgConnection, SqliteConnection};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::clerks::check_all;
use super::clerks::{Clerk, Journal};
use super::money::budgets;
use super::{Dice, figure, times};
use crate::cli::Serving;
use crate::support::app::{Client, Company};
use crate::support::database::{TestDb, on_both_engines};

/// How many connections of a pool stand in a transaction that nobody works in.
async fn left_open(url: &str) -> i64 {
    if url.starts_with("postgres") {
        let mut other = PgConnection::connect(url).await.unwrap();
        let sql = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() \
                   AND state LIKE 'idle in transaction%' AND state_change < now() - interval '1 second'";
        return sqlx::query_scalar(sql).fetch_one(&mut other).await.unwrap();
    }
    // The log can be folded away whole only when no reader holds an older state and no writer holds the file.
    let mut other = SqliteConnection::connect(url).await.unwrap();
    let (busy, _, _): (i64, i64, i64) = sqlx::query_as("PRAGMA wal_checkpoint(TRUNCATE)").fetch_one(&mut other).await.unwrap();
    busy
}

on_both_engines! {
    async fn five_hundred_resets_leave_no_transaction_open(db: TestDb) {
        let (url, folder) = (db.url.clone(), tempfile::tempdir().unwrap());
        let engine = url.split(':').next().unwrap().to_owned();
        let company = Company::found(db).await;
        let person = company.people["Nora North"].to_string();
        let own = budgets(&company, 1).await;
        company.store.close().await;
        // A request that nobody waits for any more holds its place until it has been answered.
        std::fs::write(folder.path().join("counterfoil.toml"), "max_connections_per_peer = 512\n").unwrap();
        let portal = Serving::start(folder.path(), &["--database", &url]);
        let (mut dice, journal, over) = (Dice::thrown("resets"), Journal::new(folder.path()), Arc::default());
        let nora = Client::at(&portal.base);
        assert_eq!(nora.sign_in(&person).await.status, 303);
        let cookie = format!("__Host-counterfoil={}", nora.cookie("__Host-counterfoil").unwrap());
        let mut clerk = Clerk::at(&portal.base, &person, &own[0], &journal, &over).await;
        let (resets, mut answered) = (times("RESETS", 500, 5_000), 0);
        for at in 0..resets {
            let (mut stream, form) = (TcpStream::connect(portal.address()).await.unwrap(), at % 3 == 0);
            let text = if form { clerk.unsent(&cookie).await } else { format!("GET /budgets HTTP/1.1\r\nhost: x\r\ncookie: {cookie}\r\n\r\n") };
            // Some stop within what they say, most when they have said it.
            let end = if dice.often(10) { dice.below(text.len()) } else { text.len() };
            stream.write_all(&text.as_bytes()[..end]).await.unwrap();
            tokio::time::sleep(Duration::from_micros(dice.below(12_000) as u64)).await;
            let mut first = [0; 1];
            answered += u64::from(stream.try_read(&mut first).is_ok_and(|read| read == 1));
            // The end is a reset, not a good-bye.
            stream.set_zero_linger().unwrap();
            drop(stream);
            if form {
                clerk.settle().await;
            }
        }
        for _ in 0..20 {
            assert_eq!(nora.get("/budgets").await.status, 200);
        }
        tokio::time::sleep(Duration::from_millis(1_500)).await;
        assert_eq!(left_open(&url).await, 0);
        let found = check_all(&url, &journal).await;
        figure(&format!(
            "resets, {engine}: {resets} connections reset in mid request ({answered} after the answer began), 0 pooled connections left in a \
             transaction; {} forms among them sent again, one effect each",
            found.done
        ));
        assert!(answered < resets, "requests were met before their answers");
        let mut probe = TcpStream::connect(portal.address()).await.unwrap();
        probe.write_all(b"GET /readyz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await.unwrap();
        let mut answer = String::new();
        probe.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    }
}
