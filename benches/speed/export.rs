//! The whole list as a file over HTTP, against the engines' own command lines.

use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, ensure};
use counterfoil::domain::list_query::{Column, Kind};

use crate::data::{self, On};
use crate::http::{Connection, Person};
use crate::measure::{Line, timed};
use crate::server::Server;
use crate::{Bench, say};

/// The most memory the server may take, in MB.
const MEMORY_MOST: f64 = 48.0;

/// See the module's head.
pub async fn run(bench: &Bench) -> Result<Vec<Line>> {
    let mut lines = Vec::new();
    for on in data::engines(bench) {
        lines.extend(one(bench, on, bench.rows).await?);
    }
    if bench.large {
        lines.extend(one(bench, On::Sqlite, bench.rows * 10).await?);
    }
    Ok(lines)
}

async fn one(bench: &Bench, on: On, rows: u64) -> Result<Vec<Line>> {
    let tool = if on == On::Sqlite { "sqlite3" } else { "psql" };
    if Command::new(tool).arg("--version").stdout(Stdio::null()).status().is_err() {
        say(&format!("{tool} is not here: the export on {} is left out", on.name()));
        return Ok(Vec::new());
    }
    let url = data::store(bench, on, rows).await?;
    let server = Server::start(&url, &bench.folder).await?;
    let mut person = Person::sign_in(server.address, "Ingrid Larsen").await?;
    let path = person.make_export("").await?;
    // Once without the clock: every row is there.
    let lines = download(&server, &person, &path, true).await?;
    ensure!(lines == rows + 1, "the file has {lines} lines, {} were expected", rows + 1);
    let (mut ours, mut plain, mut sorted) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..bench.rounds {
        plain.push(timed(yardstick(on, &url, "")).await?.0);
        ours.push(timed(download(&server, &person, &path, false)).await?.0);
        sorted.push(timed(yardstick(on, &url, " ORDER BY t.issued_at DESC, t.no DESC")).await?.0);
    }
    let (what, bar) = (format!("CSV export of {rows} rows over HTTP, {}", on.name()), if on == On::Sqlite { 1.3 } else { 1.0 });
    let command = if on == On::Sqlite { "`sqlite3 -csv`" } else { "`psql` COPY" };
    let memory = server.peak_mb()?;
    server.stop()?;
    Ok(vec![
        Line::faster(&what, &format!("{command}, same rows in the same order"), &sorted, &ours, bar),
        Line::faster(&what, &format!("{command}, same rows in no order"), &plain, &ours, bar),
        Line::figure(&format!("{what}: memory of the server"), memory, " MB", MEMORY_MOST),
    ])
}

async fn download(server: &Server, person: &Person, path: &str, count: bool) -> Result<u64> {
    let mut connection = Connection::open(server.address).await?;
    let head = connection.ask(&person.get_plain(path)).await?;
    ensure!(head.status == 200, "the file was answered with {}", head.status);
    let mut lines = 0;
    let take = |piece: &[u8]| {
        if count {
            lines += piece.iter().filter(|byte| **byte == b'\n').count() as u64;
        }
    };
    connection.body(&head, take).await?;
    Ok(lines)
}

/// The same columns from the same tables, as the engine itself writes them: times and amounts stay plain numbers.
fn statement(on: On, order: &str) -> String {
    let shown = |column: &Column| {
        let name = column.code();
        match column.kind() {
            Kind::RegionName => "g.name".to_owned(),
            Kind::BudgetName => "b.name".to_owned(),
            Kind::SourceName => "s.name".to_owned(),
            Kind::Id(_) if on == On::Sqlite => format!("hex(t.{name})"),
            _ if *column == Column::RecipientName => "r.name".to_owned(),
            _ => format!("t.{name}"),
        }
    };
    let columns: Vec<String> = Column::all_but_personal().iter().map(shown).collect();
    format!(
        "SELECT {} FROM reward_transaction t JOIN region g ON g.id = t.region_id JOIN source s ON s.id = t.source_id \
         LEFT JOIN budget b ON b.id = t.budget_id LEFT JOIN recipient r ON r.id = t.recipient_id{order}",
        columns.join(", ")
    )
}

async fn yardstick(on: On, url: &str, order: &str) -> Result<()> {
    let sql = statement(on, order);
    let mut command = match on {
        On::Sqlite => {
            let mut command = Command::new("sqlite3");
            command.arg("-readonly").arg("-csv").arg(data::path(url)?).arg(sql);
            command
        }
        On::Postgres => {
            let mut command = Command::new("psql");
            command.args(["-X", "-q", "-d", url, "-c"]).arg(format!("COPY ({sql}) TO STDOUT CSV"));
            command
        }
    };
    let done = tokio::task::spawn_blocking(move || command.stdout(Stdio::null()).status()).await?.context("the yardstick cannot run")?;
    ensure!(done.success(), "the yardstick failed");
    Ok(())
}
