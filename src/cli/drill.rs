//! `restore drill`: brings the newest backup back in a place of its own, checks it as a restore does, says how long that took, and leaves an event.

use std::path::{Path, PathBuf};

use clap::Args as ClapArgs;

use super::backup::{checked, digest};
use super::exit::{CliError, Exit};
use super::progress::Progress;
use super::restore::{fits, is_empty};
use super::{Settings, say, serve};
use crate::actions::backups::{self, Drill};
use crate::clock::Clock;
use crate::config::{Config, Database};
use crate::domain::access::Actor;
use crate::store::check::Facts;
use crate::store::db_pools::Pools;
use crate::store::failure::Failure;
use crate::store::{db_copy as copy, db_dump as dump, migrate};

/// Arguments of `restore drill`.
#[derive(ClapArgs)]
#[command(after_help = "Example:\n  counterfoil restore drill /backup --database sqlite:rewards.db\n\n\
    The portal may run meanwhile: nothing of its database is touched but for the event. A backup of SQLite comes back in a temporary folder; one of \
    PostgreSQL in an empty database that --into names, which is empty again afterwards.")]
pub struct Args {
    /// The backup, or the folder in which the newest one is taken
    pub place: PathBuf,
    /// An empty PostgreSQL database to bring an archive back in
    #[arg(long)]
    pub into: Option<String>,
    /// Settings given as flags.
    #[command(flatten)]
    pub settings: Settings,
}

/// The file itself, or the newest of a folder that is a backup of this engine.
fn newest(place: &Path, server: bool) -> Result<PathBuf, CliError> {
    let failed = |error: std::io::Error| CliError::new(Exit::Failed, format!("{} cannot be read: {error}", place.display()));
    if !std::fs::metadata(place).map_err(failed)?.is_dir() {
        fits(place, server)?;
        return Ok(place.to_owned());
    }
    let mut found: Vec<(std::time::SystemTime, PathBuf)> = Vec::new();
    for entry in std::fs::read_dir(place).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let meta = entry.metadata().map_err(failed)?;
        if meta.is_file() && fits(&entry.path(), server).is_ok() {
            found.push((meta.modified().map_err(failed)?, entry.path()));
        }
    }
    found.sort();
    found.pop().map(|(_, file)| file).ok_or_else(|| CliError::new(Exit::Refused, format!("there is no backup in {}", place.display())))
}

/// What came back, checked: the chain, the file itself, each budget against its postings.
async fn looked_over(url: &str, clock: &Clock) -> Result<Facts, CliError> {
    let pools = Pools::inspect(url).await?;
    let facts = checked(&pools, clock, "what came back").await;
    let known = migrate::status(&pools).await;
    pools.close().await;
    let facts = facts?;
    known?;
    Ok(facts)
}

async fn from_file(file: &Path, clock: &Clock) -> Result<Facts, CliError> {
    let folder = tempfile::tempdir().map_err(Failure::from)?;
    let target = folder.path().join("drill.db");
    let mut progress = None;
    copy::sqlite(file, &target, |done, all| progress.get_or_insert_with(|| Progress::start("pages", Some(all), clock)).set(done))?;
    progress.into_iter().for_each(Progress::finish);
    looked_over(&format!("sqlite:{}", target.display()), clock).await
}

async fn from_archive(file: &Path, into: Option<&str>, clock: &Clock) -> Result<Facts, CliError> {
    let named = into.and_then(|into| Database::parse(into).ok()).and_then(|database| database.server());
    let Some((url, password)) = named else {
        return Err(CliError::new(Exit::Usage, "an archive of PostgreSQL needs a place to come back in")
            .hint("--into postgres://…/drill names an empty database"));
    };
    let whole = into.unwrap_or_default();
    if !is_empty(whole).await? {
        return Err(CliError::new(Exit::Refused, "the database that --into names holds data: a drill takes an empty one"));
    }
    let rows = dump::rows(file, |_| ())?;
    let restored = dump::restore(&dump::Server { url, password }, file);
    let facts = match restored {
        Ok(()) => looked_over(whole, clock).await,
        Err(failure) => Err(failure.into()),
    };
    // It holds names and addresses: nothing of it stays, whatever was found.
    dump::emptied(whole).await?;
    let facts = facts?;
    let wrong = facts.tables.iter().find(|(name, count)| rows.get(name).is_some_and(|held| held != count));
    match wrong {
        Some((name, _)) => {
            Err(CliError::new(Exit::Unproven, format!("{name} came back with another number of rows than the archive holds")))
        }
        None => Ok(facts),
    }
}

/// Brings a backup back, checks it, and notes what came of it.
///
/// # Errors
/// No backup there (1, 4), a backup that does not fit (5), a database that cannot be reached (69).
pub fn run(args: &Args) -> Result<(), CliError> {
    let config = Config::load(&args.settings.inputs())?;
    let clock = Clock::system();
    let server = config.database.server().is_some();
    let file = newest(&args.place, server)?;
    let (bytes, sha256) =
        digest(&file).map_err(|error| CliError::new(Exit::Failed, format!("{} cannot be read: {error}", file.display())))?;
    serve::block_on(async {
        let watch = clock.stopwatch();
        let found = if server { from_archive(&file, args.into.as_deref(), &clock).await } else { from_file(&file, &clock).await };
        let millis = (watch.seconds() * 1e3) as i64;
        let (event, result) = match &found {
            Ok(facts) => (facts.head.0, "ok".to_owned()),
            Err(error) if error.exit == Exit::Unproven => (0, error.to_string()),
            // Nothing was tried: there is nothing to note.
            Err(_) => return found.map(|_| ()),
        };
        let store = super::open_existing(&config).await?;
        let drill = Drill { file: backups::File { bytes, sha256, event }, millis, result };
        let behind = backups::drilled(&store, Actor::system("cli"), drill).await;
        store.close().await;
        let (facts, behind) = (found?, behind?);
        let rows: i64 = facts.tables.iter().map(|table| table.1).sum();
        say(&format!(
            "{} came back: {rows} rows, {event} audit events in an unbroken chain, every budget the sum of its postings\n\
             {:.1} seconds; {behind} newer events are in the database and not in it. It is on record\n",
            file.display(),
            millis as f64 / 1e3
        ))
    })
}
