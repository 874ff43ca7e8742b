//! What Counterfoil promises about speed and memory, measured against yardsticks on the same machine in the same run.
//!
//! `cargo bench --bench speed -- [NAME…] [--rows N] [--large] [--rounds N]`. Every row takes turns with its yardstick and reports medians. Stores
//! are made once, by the demo, and kept under `target/bench-data/`. A row whose tool or server is missing says so and is left out.

#![allow(
    clippy::default_trait_access,
    clippy::map_unwrap_or,
    clippy::match_bool,
    clippy::naive_bytecount,
    clippy::needless_for_each,
    reason = "a bench reads top to bottom; what it does outside the measured part may be slow"
)]

mod data;
mod door;
mod export;
mod http;
mod import;
mod measure;
mod pages;
mod search;
mod server;
mod start;
mod verify;
mod wall;
mod writers;

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, Result, bail};

use measure::Line;

/// What every row knows.
pub struct Bench {
    /// Rows of the large store.
    pub rows: u64,
    /// Whether the rows of ten times the size run as well.
    pub large: bool,
    /// How often each variant runs.
    pub rounds: usize,
    /// Where stores and files are kept.
    pub folder: PathBuf,
    /// A PostgreSQL server, without a database name.
    pub postgres: Option<String>,
}

const ROWS: [&str; 9] = ["export", "pages", "search", "start", "door", "import", "verify", "wall", "help"];

const HELP: &str = "\
cargo bench --bench speed -- [NAME…] [--rows N] [--large] [--rounds N]

  export   CSV export over HTTP against `sqlite3 -csv` and `psql COPY`, and the server's memory
  pages    list of transactions against a plain-text answer; deep against first; many regions against one
  search   a rare word against a LIKE scan
  start    `serve` to ready, large store against empty
  door     budget adjustments of 64 clients against one commit each
  import   `counterfoil import` against `sqlite3 .import` and `psql \\copy`, memory, and what other writers wait
  verify   the proof of as many audit events against the Python file that does the same
  wall     what lies outside somebody's regions against what never was

Needs the sqlite3 and psql command lines for their yardsticks, and COUNTERFOIL_TEST_POSTGRES=postgres://user@host:port (a
server where databases may be made) for the rows on PostgreSQL. --large adds ten times the rows (about 10 GB, a quarter of an hour to make).
";

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say(&format!("speed: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

/// One line on standard output; a reader that has gone is not told anything.
pub fn say(line: &str) {
    let _ = writeln!(std::io::stdout().lock(), "{line}");
}

fn run() -> Result<()> {
    let (bench, names) = arguments()?;
    if names.iter().any(|name| name == "help") {
        say(HELP);
        return Ok(());
    }
    std::fs::create_dir_all(&bench.folder)?;
    let wanted = |name: &str| names.is_empty() || names.iter().any(|given| given == name);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    say(&format!("load average before: {}", load_average()));
    let mut lines: Vec<Line> = Vec::new();
    for name in ROWS.into_iter().filter(|name| *name != "help" && wanted(name)) {
        say(&format!("# {name}"));
        let made = runtime.block_on(row(&bench, name));
        for line in made.with_context(|| format!("the row {name} could not be measured"))? {
            say(&line.text());
            lines.push(line);
        }
    }
    say(&format!("load average after: {}\n", load_average()));
    say(Line::HEAD);
    lines.iter().for_each(|line| say(&line.markdown()));
    Ok(())
}

async fn row(bench: &Bench, name: &str) -> Result<Vec<Line>> {
    match name {
        "export" => export::run(bench).await,
        "pages" => pages::run(bench).await,
        "search" => search::run(bench).await,
        "start" => start::run(bench).await,
        "verify" => verify::run(bench).await,
        "door" => door::run(bench).await,
        "wall" => wall::run(bench).await,
        _ => import::run(bench).await,
    }
}

fn arguments() -> Result<(Bench, Vec<String>)> {
    let postgres = std::env::var("COUNTERFOIL_TEST_POSTGRES").ok().filter(|url| !url.is_empty());
    let folder = data::folder();
    let mut bench = Bench { rows: 1_000_000, large: false, rounds: 3, folder, postgres };
    let mut names = Vec::new();
    let mut given = std::env::args().skip(1);
    while let Some(word) = given.next() {
        let mut number = || given.next().and_then(|text| text.replace('_', "").parse::<u64>().ok()).context("a number is missing");
        match word.as_str() {
            // What `cargo bench` adds itself.
            "--bench" => {}
            "--rows" => bench.rows = number()?.clamp(1000, 10_000_000),
            "--rounds" => bench.rounds = number()?.clamp(1, 99) as usize,
            "--large" => bench.large = true,
            "--help" | "-h" => names.push("help".to_owned()),
            name if ROWS.contains(&name) => names.push(word),
            other => bail!("{other:?} is none of {}", ROWS.join(", ")),
        }
    }
    Ok((bench, names))
}

fn load_average() -> String {
    std::fs::read_to_string("/proc/loadavg").map(|text| text.trim().to_owned()).unwrap_or_else(|_| "unknown".to_owned())
}
