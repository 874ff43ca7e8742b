//! A vendor's file through the command line, with mapping and checks, against the engines' own bulk loaders into a plain table.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use counterfoil::domain::access::{Actor, Scope};
use counterfoil::domain::id::MappingId;
use counterfoil::domain::import::{Field, Mapping};
use counterfoil::domain::time::Day;
use counterfoil::store::writer::{BATCH_MOST, Intent};
use counterfoil::store::{Store, imports, regions};

use crate::data::{self, On};
use crate::measure::{Line, percentile, timed};
use crate::server::{self, program};
use crate::writers::Writers;
use crate::{Bench, say};

/// The most memory the import may take, in MB.
const MEMORY_MOST: f64 = 96.0;
/// The longest another writer may wait, in milliseconds.
const WAIT_MOST: f64 = 250.0;
/// Between two writes of the one who waits.
const PAUSE: Duration = Duration::from_millis(25);
/// Transactions in the store before.
const ROWS: u64 = 2_000;
const PERSON: &str = "samuel.adeyemi@halden.example";
const SOURCE: &str = "Vendor portal";
const MAPPING: &str = "Bench";
const FIELDS: [Field; 12] = [
    Field::ExternalId,
    Field::OrderId,
    Field::BatchId,
    Field::RecipientName,
    Field::RecipientEmail,
    Field::Region,
    Field::Budget,
    Field::CurrencyCode,
    Field::AmountIssued,
    Field::IssuedAt,
    Field::Product,
    Field::DeliveryStatus,
];

/// See the module's head.
pub async fn run(bench: &Bench) -> Result<Vec<Line>> {
    let mut lines = Vec::new();
    for on in data::engines(bench) {
        let url = data::copy(bench, on, ROWS, "import").await?;
        let store = data::open(&url, BATCH_MOST).await?;
        let file = file(bench, &store).await?;
        store.close().await;
        let (mut theirs, mut same, mut ours, mut memory, mut waits) = (Vec::new(), Vec::new(), Vec::new(), 0f64, Vec::new());
        for _ in 0..bench.rounds {
            theirs.push(timed(yardstick(bench, on, &file)).await?.0);
            let taken = import(bench, on, &file, false).await?;
            ours.push(taken.seconds);
            memory = memory.max(taken.memory);
            same.push(ready_made(bench, on, &url).await?);
        }
        // Once more, while somebody else writes: it is slower then, and what counts is how long he waits.
        let disturbed = import(bench, on, &file, true).await?;
        waits.extend(disturbed.waits);
        let (longest, usual) = (percentile(&waits, 100) * 1e3, percentile(&waits, 50) * 1e3);
        say(&format!("{} writes beside the import, half of them within {usual:.0} ms", waits.len()));
        let loader = if on == On::Sqlite { "`sqlite3 .import`" } else { "`psql \\copy`" };
        let what = format!("import of {} rows with mapping and checks, {}", bench.rows, on.name());
        lines.push(Line::faster(&what, &format!("{loader} into a plain table"), &theirs, &ours, 0.5));
        let loader = if on == On::Sqlite { "`sqlite3` INSERT … SELECT" } else { "`psql \\copy`" };
        lines.push(Line::faster(&what, &format!("{loader} of the finished rows into the same table"), &same, &ours, 0.5));
        lines.push(Line::figure(&format!("{what}: memory"), memory, " MB", MEMORY_MOST));
        lines.push(Line::figure(&format!("{what}: longest wait of another process that writes"), longest, " ms", WAIT_MOST));
    }
    Ok(lines)
}

struct Taken {
    seconds: f64,
    memory: f64,
    waits: Vec<f64>,
}

async fn import(bench: &Bench, on: On, file: &Path, disturbed: bool) -> Result<Taken> {
    let url = data::copy(bench, on, ROWS, "import").await?;
    let store = data::open(&url, BATCH_MOST).await?;
    save_mapping(&store).await?;
    let stop = Arc::new(AtomicBool::new(false));
    let writer = match disturbed {
        true => Some(tokio::spawn(Arc::new(Writers::over(store).await?).until(stop.clone(), PAUSE))),
        false => {
            store.close().await;
            None
        }
    };
    let begun = Instant::now();
    let mut child = program(&url)
        .arg("import")
        .arg(file)
        .args(["--mapping", MAPPING, "--source", SOURCE, "--as", PERSON, "--good-rows"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()?;
    let mut memory = 0f64;
    let done = loop {
        memory = memory.max(server::peak_mb(child.id()).unwrap_or(0.0));
        match child.try_wait()? {
            Some(done) => break done,
            None => tokio::time::sleep(Duration::from_millis(10)).await,
        }
    };
    let seconds = begun.elapsed().as_secs_f64();
    stop.store(true, Ordering::Release);
    ensure!(done.success(), "the import ended with {done}");
    let waits = match writer {
        Some(writer) => writer.await??,
        None => Vec::new(),
    };
    check(bench, &url).await?;
    Ok(Taken { seconds, memory, waits })
}

/// Every row has come.
async fn check(bench: &Bench, url: &str) -> Result<()> {
    let store = data::open(url, BATCH_MOST).await?;
    let mut read = store.read().await?;
    let root = regions::root(&mut read).await?.context("no region")?;
    let everywhere = Scope::of(regions::subtree(&mut read, root.id).await?, true);
    let runs = imports::list(&mut read, &everywhere, None, None, 1).await?;
    drop(read);
    store.close().await;
    let created = runs.first().map_or(0, |run| run.rows_created);
    ensure!(created == bench.rows as i64, "{created} rows were created");
    Ok(())
}

/// The rows that an import made, put ready-made into a table with the same indexes, references and checks: what the engine itself takes for them,
/// without reading a file, without mapping, in one transaction. Recipients are there before.
async fn ready_made(bench: &Bench, on: On, filled: &str) -> Result<f64> {
    let url = data::copy(bench, on, ROWS, "same").await?;
    let rows = "FROM reward_transaction WHERE import_no = (SELECT max(no) FROM import_run)";
    let commands = match on {
        On::Sqlite => {
            let begin =
                format!("PRAGMA foreign_keys = ON; PRAGMA synchronous = FULL; ATTACH '{}' AS filled;", data::path(filled)?.display());
            let rows = rows.replace("FROM ", "FROM filled.");
            let command = |sql: String| {
                let mut command = Command::new("sqlite3");
                command.arg(data::path(&url)?).arg(format!("{begin} {sql}"));
                anyhow::Ok(vec![command])
            };
            [
                command("INSERT INTO recipient SELECT * FROM filled.recipient WHERE id NOT IN (SELECT id FROM recipient)".to_owned())?,
                command(format!("INSERT INTO reward_transaction SELECT * {rows}"))?,
            ]
        }
        On::Postgres => {
            let file = |name: &str| bench.folder.join(name).display().to_string();
            let command = |url: &str, copy: String| {
                let mut command = Command::new("psql");
                command.args(["-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", url, "-c"]).arg(copy);
                command
            };
            let (people, transactions) = (file("recipients.copy"), file("transactions.copy"));
            data::psql(bench, "cf_bench_same", "TRUNCATE recipient CASCADE")?;
            let before = vec![
                command(filled, format!("\\copy recipient TO '{people}'")),
                command(filled, format!("\\copy (SELECT * {rows}) TO '{transactions}'")),
                command(&url, format!("\\copy recipient FROM '{people}'")),
            ];
            [before, vec![command(&url, format!("\\copy reward_transaction FROM '{transactions}'"))]]
        }
    };
    let mut seconds = 0.0;
    for part in commands {
        let begun = Instant::now();
        for mut command in part {
            let done =
                tokio::task::spawn_blocking(move || command.stdout(Stdio::null()).status()).await?.context("the loader is not here")?;
            ensure!(done.success(), "the loader failed");
        }
        // Of the last part alone.
        seconds = begun.elapsed().as_secs_f64();
    }
    Ok(seconds)
}

async fn save_mapping(store: &Store) -> Result<()> {
    let mut read = store.read().await?;
    let source = imports::source_named(&mut read, SOURCE).await?.context("no source")?.id;
    let budgets = budgets(&mut read).await?;
    drop(read);
    let mut mapping = Mapping { numbers: Some(Default::default()), dates: Some(Default::default()), ..Mapping::default() };
    mapping.columns = FIELDS.iter().map(|field| (*field, field.key().to_owned())).collect();
    mapping.regions = budgets.iter().map(|pot| (pot.region.clone(), pot.region_id)).collect();
    mapping.budgets = budgets.iter().map(|pot| (pot.name.clone(), pot.id)).collect();
    let body = serde_json::to_string(&mapping)?;
    let intent = Intent::once(Actor::system("bench"), "bench.mapping");
    let saved = store.write(intent, move |tx| {
        let body = body.clone();
        Box::pin(async move { Ok(imports::put_mapping(tx, MappingId(tx.new_id()), source, MAPPING, &body).await?) })
    });
    Ok(saved.await?)
}

struct Pot {
    id: counterfoil::domain::id::BudgetId,
    name: String,
    region_id: counterfoil::domain::id::RegionId,
    region: String,
    currency: String,
    digits: usize,
    first: Day,
}

/// The budgets that are open.
async fn budgets(read: &mut counterfoil::store::db::Read) -> Result<Vec<Pot>> {
    let root = regions::root(read).await?.context("no region")?;
    let everywhere = Scope::of(regions::subtree(read, root.id).await?, true);
    let mut pots = Vec::new();
    for region in regions::list(read, &everywhere).await? {
        for row in regions::budgets_of(read, &everywhere, region.id).await?.into_iter().filter(|row| row.status == "active") {
            let digits = counterfoil::domain::currency::Currency::parse(&row.currency).map_or(2, |currency| currency.digits() as usize);
            let (region_id, region, first) = (region.id, region.name.clone(), row.period_start);
            pots.push(Pot { id: row.id, name: row.name, region_id, region, currency: row.currency, digits, first });
        }
    }
    Ok(pots)
}

/// The vendor's file: one row for each number, over all open budgets and 20,000 recipients.
async fn file(bench: &Bench, store: &Store) -> Result<PathBuf> {
    let path = bench.folder.join(format!("vendor-{}.csv", bench.rows));
    let pots = budgets(&mut store.read().await?).await?;
    let mut out = std::io::BufWriter::with_capacity(1 << 20, std::fs::File::create(&path)?);
    writeln!(out, "{}", FIELDS.map(Field::key).join(","))?;
    for n in 0..bench.rows {
        let pot = pots.get(n as usize % pots.len()).context("no budget is open")?;
        let (who, order, day) = (n * 7919 % 20_000, n / 5, Day(pot.first.0 + (n % 25) as i64).iso());
        let amount = format!("{}{}{:0digits$}", 10 + n % 90, if pot.digits > 0 { "." } else { "" }, n % 10, digits = pot.digits);
        let amount = if pot.digits > 0 { amount } else { (10 + n % 90).to_string() };
        writeln!(
            out,
            "BX-{n:08},BO-{order:07},BB-{:04},Person {who:05},person.{who:05}@halden.example,{},{},{},{amount},{day},Book token,delivered",
            n / 1000,
            pot.region,
            pot.name,
            pot.currency,
        )?;
    }
    out.flush()?;
    Ok(path)
}

async fn yardstick(bench: &Bench, on: On, file: &Path) -> Result<()> {
    let columns: Vec<String> = FIELDS.iter().map(|field| format!("{} TEXT", field.key())).collect();
    let create = format!("CREATE TABLE plain ({})", columns.join(", "));
    let url = data::empty(bench, on, "plain")?;
    let mut command = match on {
        On::Sqlite => {
            let mut command = Command::new("sqlite3");
            command.arg(data::path(&url)?).arg(create).arg(".mode csv").arg(format!(".import --skip 1 \"{}\" plain", file.display()));
            command
        }
        On::Postgres => {
            let mut command = Command::new("psql");
            command.args(["-X", "-q", "-d", &url, "-c", &create, "-c"]).arg(format!("\\copy plain FROM '{}' CSV HEADER", file.display()));
            command
        }
    };
    let done = tokio::task::spawn_blocking(move || command.stdout(Stdio::null()).status()).await?.context("the yardstick is not here")?;
    ensure!(done.success(), "the yardstick failed");
    Ok(())
}
