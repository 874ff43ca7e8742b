//! The list of transactions: against a plain-text answer of the same server, at depth, and over many regions.

use std::time::Duration;

use anyhow::{Context as _, Result};
use counterfoil::domain::id::TransactionId;
use uuid::Uuid;

use crate::data::{self, On};
use crate::http::{Connection, Person, load};
use crate::measure::{Bar, Line, median, timed};
use crate::server::Server;
use crate::{Bench, say};

/// Connections of the load.
const CONNECTIONS: usize = 16;
/// How long each load runs.
const LOAD: Duration = Duration::from_secs(3);
/// The same where each request counts anew.
const COUNTING: usize = 12;
/// Requests, one after the other, of which the median is taken.
const REQUESTS: usize = 200;
/// Everywhere: every region of the company, twelve and more.
const EVERYWHERE: &str = "Ingrid Larsen";
/// In one region that is about as large as the others.
const ONE_REGION: &str = "Owen Byrne";

/// See the module's head.
pub async fn run(bench: &Bench) -> Result<Vec<Line>> {
    let mut lines = Vec::new();
    for on in data::engines(bench) {
        let url = data::store(bench, on, bench.rows).await?;
        let server = Server::start(&url, &bench.folder).await?;
        lines.extend(against_plain(bench, &server, on).await?);
        lines.push(deep(bench, &server, on, &url).await?);
        lines.push(many_regions(bench, &server, on).await?);
        server.stop()?;
    }
    if bench.large {
        lines.push(ten_times(bench).await?);
    }
    Ok(lines)
}

/// Requests a second under load: the page with session, log and gzip against `/healthz`.
async fn against_plain(bench: &Bench, server: &Server, on: On) -> Result<Vec<Line>> {
    let person = Person::sign_in(server.address, EVERYWHERE).await?;
    let page = vec![person.get("/transactions")];
    let plain = vec![format!("GET /healthz HTTP/1.1\r\nHost: {}\r\n\r\n", server.address).into_bytes()];
    load(server.address, page.clone(), CONNECTIONS, Duration::from_secs(1)).await?;
    let (mut pages, mut plains, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..bench.rounds {
        let there = load(server.address, plain.clone(), CONNECTIONS, LOAD).await?;
        let here = load(server.address, page.clone(), CONNECTIONS, LOAD).await?;
        ratios.push(here / there);
        pages.push(here);
        plains.push(there);
    }
    Ok(vec![Line {
        what: format!("transactions page (50 rows, session, log, gzip) of {} rows, {}", bench.rows, on.name()),
        yardstick: format!("plain text of the same server: {:.0}/s", median(&plains)),
        ours: format!("{:.0}/s", median(&pages)),
        ratio: median(&ratios),
        unit: "",
        // The bar is set for SQLite; PostgreSQL is said for comparison.
        bar: if on == On::Sqlite { Bar::Least(0.05) } else { Bar::None },
    }])
}

/// Seconds of one request after the other over one connection; the median.
async fn latency(server: &Server, requests: &[Vec<u8>]) -> Result<f64> {
    let mut connection = Connection::open(server.address).await?;
    let mut times = Vec::with_capacity(requests.len());
    for request in requests {
        times.push(timed(connection.fetch(request)).await?.0);
    }
    Ok(median(&times))
}

async fn deep(bench: &Bench, server: &Server, on: On, url: &str) -> Result<Line> {
    let person = Person::sign_in(server.address, EVERYWHERE).await?;
    let cursors = cursors(bench, on, url).await?;
    let deep: Vec<Vec<u8>> = cursors.iter().cycle().take(REQUESTS).map(|id| person.get(&format!("/transactions?after={id}"))).collect();
    let first = vec![person.get("/transactions"); REQUESTS];
    latency(server, &deep).await?;
    let (mut firsts, mut deeps) = (Vec::new(), Vec::new());
    for _ in 0..bench.rounds {
        firsts.push(latency(server, &first).await?);
        deeps.push(latency(server, &deep).await?);
    }
    let what = format!("page at 99 % depth of {} rows, {}", bench.rows, on.name());
    Ok(Line::slower(&what, "first page", &firsts, &deeps, 1.5))
}

/// Twenty rows at about 99 % of the list's length.
async fn cursors(bench: &Bench, on: On, url: &str) -> Result<Vec<TransactionId>> {
    let sql = format!("SELECT id FROM reward_transaction ORDER BY issued_at DESC, no DESC LIMIT 20 OFFSET {}", bench.rows * 99 / 100);
    if on == On::Sqlite {
        let connection = rusqlite::Connection::open(data::path(url)?)?;
        let mut statement = connection.prepare(&sql)?;
        let ids = statement.query_map([], |row| row.get::<_, Vec<u8>>(0))?;
        return ids.map(|id| Ok(TransactionId(Uuid::from_slice(&id?)?))).collect();
    }
    let name = url.rsplit('/').next().context("no database")?;
    let rows = data::psql(bench, name, &sql)?;
    rows.lines().map(|line| Ok(TransactionId(line.parse()?))).collect()
}

/// Each request asks something new, so that nothing is answered from what was counted before.
async fn many_regions(bench: &Bench, server: &Server, on: On) -> Result<Line> {
    let (many, one) = (Person::sign_in(server.address, EVERYWHERE).await?, Person::sign_in(server.address, ONE_REGION).await?);
    let asked = |person: &Person, turn: usize| -> Vec<Vec<u8>> {
        let from = turn * COUNTING;
        (from..from + COUNTING).map(|n| person.get(&format!("/transactions?product=Book+token&amount_min=10.{n:03}"))).collect()
    };
    latency(server, &asked(&many, 0)).await?;
    latency(server, &asked(&one, 0)).await?;
    let (mut ones, mut manys) = (Vec::new(), Vec::new());
    for round in 1..=bench.rounds {
        ones.push(latency(server, &asked(&one, round)).await?);
        manys.push(latency(server, &asked(&many, round)).await?);
    }
    let what = format!("filtered page over 15 regions, {}", on.name());
    Ok(Line::slower(&what, "the same over one region", &ones, &manys, 3.0))
}

async fn ten_times(bench: &Bench) -> Result<Line> {
    say("the large store is being looked for");
    let small = Server::start(&data::store(bench, On::Sqlite, bench.rows).await?, &bench.folder).await?;
    let large = Server::start(&data::store(bench, On::Sqlite, bench.rows * 10).await?, &bench.folder).await?;
    let ask = async |server: &Server| {
        Ok::<_, anyhow::Error>(vec![Person::sign_in(server.address, EVERYWHERE).await?.get("/transactions"); REQUESTS])
    };
    let (few, many) = (ask(&small).await?, ask(&large).await?);
    let (mut smalls, mut larges) = (Vec::new(), Vec::new());
    for _ in 0..bench.rounds {
        smalls.push(latency(&small, &few).await?);
        larges.push(latency(&large, &many).await?);
    }
    small.stop()?;
    large.stop()?;
    Ok(Line::slower("first page of ten times the rows, SQLite", &format!("of {} rows", bench.rows), &smalls, &larges, 1.5))
}
