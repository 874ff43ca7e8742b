//! What somebody may not see takes as long as what never was: from the time of an answer nobody learns that something is there.

use anyhow::{Context as _, Result, ensure};
use counterfoil::domain::id::{BudgetId, TransactionId};
use uuid::Uuid;

use crate::Bench;
use crate::data::{self, On};
use crate::http::{Connection, Person};
use crate::measure::{Bar, Line, median, seconds, timed};
use crate::server::Server;

/// In one region.
const ONE_REGION: &str = "Owen Byrne";
/// Calls of each kind in a round.
const CALLS: usize = 500;
/// Objects that are asked for in turn.
const OBJECTS: usize = 20;
/// How far apart the medians may be, in seconds.
const APART: f64 = 0.001;
/// The same as a part of the one for what never was.
const PART: f64 = 0.05;

/// See the module's head.
pub async fn run(bench: &Bench) -> Result<Vec<Line>> {
    let mut lines = Vec::new();
    for on in data::engines(bench) {
        let url = data::store(bench, on, bench.rows).await?;
        let server = Server::start(&url, &bench.folder).await?;
        let person = Person::sign_in(server.address, ONE_REGION).await?;
        let mut connection = Connection::open(server.address).await?;
        for (what, table) in [("transaction", "reward_transaction"), ("budget", "budget")] {
            let outside = outside(bench, on, &url, &person, &mut connection, table).await?;
            lines.push(compared(bench, on, &person, &mut connection, what, &outside).await?);
        }
        server.stop()?;
    }
    Ok(lines)
}

fn address(table: &str, id: Uuid) -> String {
    if table == "budget" { format!("/budgets/{}", BudgetId(id)) } else { format!("/transactions/{}", TransactionId(id)) }
}

/// The ids of objects that are there and that she does not see.
async fn outside(bench: &Bench, on: On, url: &str, person: &Person, connection: &mut Connection, table: &str) -> Result<Vec<Uuid>> {
    let sql = format!("SELECT id FROM {table} ORDER BY id LIMIT 400");
    let ids: Vec<Uuid> = if on == On::Sqlite {
        let connection = rusqlite::Connection::open(data::path(url)?)?;
        let mut statement = connection.prepare(&sql)?;
        let ids = statement.query_map([], |row| row.get::<_, Vec<u8>>(0))?;
        ids.map(|id| Ok(Uuid::from_slice(&id?)?)).collect::<Result<_>>()?
    } else {
        let name = url.rsplit('/').next().context("no database")?;
        data::psql(bench, name, &sql)?.lines().map(|line| Ok(line.parse()?)).collect::<Result<_>>()?
    };
    let mut unseen = Vec::new();
    for id in ids {
        let head = connection.ask(&person.get(&address(table, id))).await?;
        connection.body(&head, |_| {}).await?;
        if head.status == 404 && unseen.len() < OBJECTS {
            unseen.push(id);
        }
    }
    ensure!(!unseen.is_empty(), "{ONE_REGION} sees all of {table}");
    Ok(unseen)
}

/// An id beside this one that nothing has: its last bits turned over.
fn beside(id: Uuid) -> Uuid {
    Uuid::from_u128(id.as_u128() ^ 0xffff_ffff)
}

async fn asked(connection: &mut Connection, request: &[u8]) -> Result<f64> {
    let (seconds, status) = timed(async {
        let head = connection.ask(request).await?;
        connection.body(&head, |_| {}).await?;
        Ok(head.status)
    })
    .await?;
    ensure!(status == 404, "status {status}");
    Ok(seconds)
}

async fn compared(bench: &Bench, on: On, person: &Person, connection: &mut Connection, what: &str, ids: &[Uuid]) -> Result<Line> {
    let table = if what == "budget" { "budget" } else { "reward_transaction" };
    let requests: Vec<[Vec<u8>; 2]> = ids.iter().map(|id| [*id, beside(*id)].map(|id| person.get(&address(table, id)))).collect();
    let (mut there, mut never, mut worst) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..bench.rounds {
        let mut times = [Vec::with_capacity(CALLS), Vec::with_capacity(CALLS)];
        for (at, pair) in requests.iter().cycle().take(CALLS).enumerate() {
            // Each comes first as often as the other.
            for which in if at % 2 == 0 { [0, 1] } else { [1, 0] } {
                times[which].push(asked(connection, &pair[which]).await?);
            }
        }
        let [outside, missing] = [median(&times[0]), median(&times[1])];
        let apart = (outside - missing).abs();
        worst.push((apart / APART).max(apart / missing / PART));
        there.push(outside);
        never.push(missing);
    }
    Ok(Line {
        what: format!("a {what} outside one's regions, {CALLS} calls each, {} (parts of 1 ms or 5 % apart, the larger)", on.name()),
        yardstick: format!("one that never was: {}", seconds(median(&never))),
        ours: seconds(median(&there)),
        ratio: median(&worst),
        unit: "",
        bar: Bar::Most(1.0),
    })
}
