//! A rare word among all transactions, against reading every row with LIKE.

use anyhow::Result;
use sqlx::Connection as _;

use crate::Bench;
use crate::data::{self, On};
use crate::http::{Connection, Person};
use crate::measure::{Line, median, timed};
use crate::server::Server;

/// Words searched for in one round.
const WORDS: usize = 5;
/// What a person searches in.
const COLUMNS: [&str; 6] = ["r.name", "r.email", "r.employee_number", "t.external_id", "t.order_id", "t.batch_id"];

/// See the module's head.
pub async fn run(bench: &Bench) -> Result<Vec<Line>> {
    let mut lines = Vec::new();
    for on in data::engines(bench) {
        let url = data::store(bench, on, bench.rows).await?;
        let server = Server::start(&url, &bench.folder).await?;
        let person = Person::sign_in(server.address, "Ingrid Larsen").await?;
        let mut connection = Connection::open(server.address).await?;
        let (mut scans, mut pages) = (Vec::new(), Vec::new());
        for round in 0..bench.rounds {
            let (mut scan, mut page) = (Vec::new(), Vec::new());
            for word in 0..WORDS {
                // The end of one external id, another one each time: one row for each million, found by a part of its text.
                let word = format!("-{:06}", (round * WORDS + word) * 7919 + 1000);
                scan.push(timed(like(on, &url, &word)).await?.0);
                let request = person.get(&format!("/transactions?q={word}"));
                page.push(timed(connection.fetch(&request)).await?.0);
            }
            scans.push(median(&scan));
            pages.push(median(&page));
        }
        server.stop()?;
        let what = format!("page of a search for a rare word in {} rows, {}", bench.rows, on.name());
        lines.push(Line::faster(&what, "LIKE over every row", &scans, &pages, 10.0));
    }
    Ok(lines)
}

async fn like(on: On, url: &str, word: &str) -> Result<()> {
    let any: Vec<String> = COLUMNS.iter().map(|column| format!("lower({column}) LIKE '%{word}%'")).collect();
    let from = "SELECT count(*) FROM reward_transaction t LEFT JOIN recipient r ON r.id = t.recipient_id WHERE";
    let sql = format!("{from} {}", any.join(" OR "));
    let found: i64 = match on {
        On::Sqlite => {
            let file = data::path(url)?;
            tokio::task::spawn_blocking(move || rusqlite::Connection::open(file)?.query_row(&sql, [], |row| row.get(0))).await??
        }
        On::Postgres => {
            let mut connection = sqlx::PgConnection::connect(url).await?;
            sqlx::query_scalar(sqlx::AssertSqlSafe(sql)).fetch_one(&mut connection).await?
        }
    };
    anyhow::ensure!(found > 0, "nothing holds {word:?}");
    Ok(())
}
