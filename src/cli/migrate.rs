//! `migrate`: brings a database to this program's version.

use chrono::DateTime;
use clap::Args as ClapArgs;

use super::exit::{CliError, Exit};
use super::{Settings, say, serve};
use crate::clock::Clock;
use crate::config::Config;
use crate::domain::time::Instant;
use crate::store::db_pools::Pools;
use crate::store::migrate::{self, Status};

/// Arguments of `migrate`.
#[derive(ClapArgs)]
#[command(after_help = "Examples:\n  counterfoil migrate --status\n  counterfoil migrate --dry-run --database sqlite:rewards.db")]
pub struct Args {
    /// Settings given as flags.
    #[command(flatten)]
    pub settings: Settings,
    /// Only list which steps are done and which are to come
    #[arg(long, conflicts_with = "dry_run")]
    pub status: bool,
    /// Run the steps to come in a transaction and undo it
    #[arg(long)]
    pub dry_run: bool,
}

/// Runs `migrate`.
///
/// # Errors
/// A database that cannot be reached or is newer than this program (69), and whatever a step fails with.
pub fn run(args: &Args) -> Result<(), CliError> {
    let config = Config::load(&args.settings.inputs())?;
    let is_there = config.database.file().is_none_or(std::path::Path::exists);
    serve::block_on(async {
        match (args.status, args.dry_run) {
            (true, _) => say(&table(&status(&config, is_there).await?)),
            (_, true) => try_out(&config, is_there).await,
            _ => apply(&config).await,
        }
    })
}

/// A SQLite file that is not there is not made only to be looked at: an empty one elsewhere tells the same.
async fn stand_in(config: &Config, is_there: bool) -> Result<(Pools, Option<tempfile::TempDir>), CliError> {
    if is_there {
        return Ok((Pools::open(&config.database.url(), 1).await?, None));
    }
    let folder = tempfile::tempdir().map_err(|error| CliError::new(Exit::Failed, format!("no temporary folder: {error}")))?;
    let url = format!("sqlite:{}", folder.path().join("empty.db").display());
    Ok((Pools::open(&url, 1).await?, Some(folder)))
}

async fn status(config: &Config, is_there: bool) -> Result<Vec<Status>, CliError> {
    if is_there {
        let pools = Pools::inspect(&config.database.url()).await?;
        let found = migrate::status(&pools).await;
        pools.close().await;
        return Ok(found?);
    }
    let (pools, _folder) = stand_in(config, false).await?;
    Ok(migrate::status(&pools).await?)
}

async fn try_out(config: &Config, is_there: bool) -> Result<(), CliError> {
    let (pools, _folder) = stand_in(config, is_there).await?;
    let count = migrate::dry_run(&pools, Instant(Clock::system().now())).await;
    pools.close().await;
    say(&format!("{} would be applied; all of them run without a fault, and nothing was changed\n", steps(count?)))
}

async fn apply(config: &Config) -> Result<(), CliError> {
    let pools = Pools::open(&config.database.url(), 1).await?;
    let count = migrate::run(&pools, Instant(Clock::system().now())).await;
    pools.close().await;
    let count = count?;
    say(&match count {
        0 => "nothing to do: the database is of this version\n".to_owned(),
        _ => format!("{} applied\n", steps(count)),
    })
}

fn steps(count: usize) -> String {
    format!("{count} step{}", if count == 1 { "" } else { "s" })
}

fn table(steps: &[Status]) -> String {
    let line = |step: &Status| {
        let applied = |at: Instant| DateTime::from_timestamp_micros(at.0).unwrap_or_default().format("%Y-%m-%d %H:%M:%S UTC").to_string();
        let when = step.applied_at.map_or_else(|| "to come".to_owned(), applied);
        format!("{:04}  {:<24}  {when}\n", step.migration.version, step.migration.name)
    };
    steps.iter().map(line).collect()
}
