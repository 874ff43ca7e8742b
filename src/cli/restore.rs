//! `restore`: puts a backup in place of a database that is not in use.

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use clap::{Args as ClapArgs, Subcommand};

use super::backup::{checked, digest};
use super::exit::{CliError, Exit};
use super::progress::Progress;
use super::{Settings, drill, say, serve};
use crate::actions::{backups, restores};
use crate::clock::Clock;
use crate::config::Config;
use crate::domain::access::Actor;
use crate::domain::proof::testimony::Lost;
use crate::domain::time::Instant;
use crate::store::check::{self, Facts};
use crate::store::db::Read;
use crate::store::db_pools::Pools;
use crate::store::failure::{DbError, Failure};
use crate::store::{audit_log, db_copy as copy, db_dump as dump, db_inspect as inspect, migrate, settings};

/// Arguments of `restore`.
#[derive(ClapArgs)]
#[command(after_help = "Example:\n  counterfoil restore /backup/rewards-2026-11-22.db --database sqlite:rewards.db\n\n\
    The portal must not run. Everybody has to sign in again, and links that were sent before are of no use.")]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub struct Args {
    /// What else can be done
    #[command(subcommand)]
    pub what: Option<What>,
    /// The backup; it is checked before anything is touched
    #[arg(required = true)]
    pub file: Option<PathBuf>,
    /// Replace what the database holds; without this it has to be empty or not there
    #[arg(long)]
    pub replace: bool,
    /// Settings given as flags.
    #[command(flatten)]
    pub settings: Settings,
}

/// What `restore` can do besides restoring.
#[derive(Subcommand)]
pub enum What {
    /// Accept that an older database stands in the place of a newer one, so that the portal can be changed again
    Accept(Accept),
    /// Bring the newest backup back in a place of its own, check it and time it
    Drill(drill::Args),
}

/// Arguments of `restore accept`.
#[derive(ClapArgs)]
#[command(after_help = "Example:\n  counterfoil restore accept --reason \"disk failure on Monday, ticket 4711\"")]
pub struct Accept {
    /// Why the older database stands here; it becomes part of the audit trail
    #[arg(long)]
    pub reason: String,
    /// Settings given as flags.
    #[command(flatten)]
    pub settings: Settings,
}

fn accept(args: &Accept) -> Result<(), CliError> {
    let config = Config::load(&args.settings.inputs())?;
    serve::block_on(async {
        // It may never have been served from since it stands here: opening it compares it with the anchors.
        let store = super::open_existing(&config).await?;
        let accepted = restores::accept(&store, &super::audit::proving(&config), Actor::system("cli"), &args.reason).await;
        store.close().await;
        let lost = accepted?;
        if !lost.is_known() {
            return say("accepted: which events are gone is not known, and an event says so\n");
        }
        say(&format!("accepted: events {} to {} are gone, and an event says so\n", lost.kept_to + 1, lost.lost_to))
    })
}

/// Checks the backup, puts it in place, checks what stands there then, and leaves an event.
///
/// # Errors
/// A database that holds something or is in use (4), a backup that does not fit (5) or is of a newer program (69).
pub fn run(args: &Args) -> Result<(), CliError> {
    let file = match (&args.what, &args.file) {
        (Some(What::Accept(args)), _) => return accept(args),
        (Some(What::Drill(args)), _) => return drill::run(args),
        (None, Some(file)) => file,
        (None, None) => return Err(CliError::new(Exit::Usage, "no backup is named")),
    };
    let config = Config::load(&args.settings.inputs())?;
    let clock = Clock::system();
    let (bytes, sha256) =
        digest(file).map_err(|error| CliError::new(Exit::Failed, format!("{} cannot be read: {error}", file.display())))?;
    let server = config.database.server().map(|(url, password)| dump::Server { url, password });
    fits(file, server.is_some())?;
    serve::block_on(async {
        let stood = if args.replace { stood(&config).await } else { Stood::Nothing };
        let now = Instant(clock.now());
        let (event, lost) = match (&server, config.database.file()) {
            (Some(server), _) => {
                let event = to_server(args, file, &config, server, &clock).await?;
                (event, stood.lost(trail_of(&config.database.url()).await?.as_ref(), now))
            }
            (None, Some(target)) => to_file(args, file, target, &clock, |backup| stood.lost(backup, now)).await?,
            (None, None) => return Err(super::missing(&config)),
        };
        let store = super::open(&config).await?;
        // Before anything else is written to it: whatever ends this here, nobody works on in it unawares.
        if let Some(lost) = lost {
            restores::hold(&store, lost).await?;
        }
        let recorded = backups::restored(&store, Actor::system("cli"), backups::File { bytes, sha256, event }).await;
        store.close().await;
        recorded?;
        if let Some(lost) = lost.filter(Lost::is_known) {
            let gone = format!("audit events {} to {} are gone", lost.kept_to + 1, lost.lost_to);
            say(&format!("{gone}: nothing is changed here until `counterfoil restore accept --reason \"\u{2026}\"` says why\n"))?;
        }
        if matches!(stood, Stood::Unknown) {
            super::warn("what stood there before could not be read: whether newer events are gone, only the anchors know");
        }
        say(&format!("restored from {}, up to audit event {event}; everybody signs in again\n", file.display()))
    })
}

/// A trail: its log, its newest event, and what is gone of it that nobody has answered for.
struct Trail {
    log: Vec<u8>,
    seq: i64,
    held: Option<Lost>,
}

/// What stood in the place where the backup goes.
enum Stood {
    Nothing,
    Unknown,
    Known(Trail),
}

impl Stood {
    /// What is gone when the backup stands there, together with what was gone already.
    fn lost(&self, backup: Option<&Trail>, now: Instant) -> Option<Lost> {
        let backup = backup?;
        let known = match self {
            Self::Known(stood) if stood.log == backup.log => {
                let lost_to = stood.held.map_or(stood.seq, |held| held.lost_to.max(stood.seq));
                (lost_to > backup.seq).then_some(Lost { kept_to: backup.seq, lost_to, until: now })
            }
            _ => None,
        };
        match (known, backup.held) {
            (Some(known), Some(held)) => Some(known.with(held)),
            (known, held) => known.or(held),
        }
    }
}

async fn stood(config: &Config) -> Stood {
    if config.database.file().is_some_and(|file| !file.exists()) {
        return Stood::Nothing;
    }
    match trail_of(&config.database.url()).await {
        Ok(Some(trail)) => Stood::Known(trail),
        Ok(None) => Stood::Nothing,
        Err(_) => Stood::Unknown,
    }
}

/// The trail that stands in a database; `None` where there are no tables yet.
async fn trail_of(url: &str) -> Result<Option<Trail>, Failure> {
    let pools = Pools::inspect(url).await?;
    let trail = match pools.read().await {
        Ok(mut read) => trail(&mut read).await,
        Err(error) => Err(error),
    };
    pools.close().await;
    Ok(trail?)
}

async fn trail(read: &mut Read) -> Result<Option<Trail>, DbError> {
    if !inspect::tables(read).await?.iter().any(|name| name == "audit_head") {
        return Ok(None);
    }
    let Some(head) = audit_log::stated_head(read).await? else { return Ok(None) };
    Ok(Some(Trail { log: head.log_id, seq: head.seq, held: restores::held(read).await? }))
}

/// The two kinds of backup do not stand for each other.
pub(super) fn fits(file: &Path, server: bool) -> Result<(), CliError> {
    let mut first = [0; 16];
    let mut opened = File::open(file).map_err(Failure::from)?;
    let read = opened.read(&mut first).map_err(Failure::from)?;
    let is_file = first.starts_with(b"SQLite format 3\0");
    let is_archive = first.starts_with(b"PGDMP");
    let wrong = |said: &str| Err(CliError::new(Exit::Refused, format!("{} {said}", file.display())));
    match (is_file, is_archive, server) {
        (true, _, false) | (_, true, true) => Ok(()),
        (true, ..) => wrong("is a backup of SQLite, and the database named is PostgreSQL"),
        (_, true, _) => wrong("is a backup of PostgreSQL, and the database named is SQLite"),
        _ if read == 0 => wrong("is empty"),
        _ => wrong("is no backup"),
    }
}

/// The newest event, and what is gone: `lost` says that of the trail in the backup.
async fn to_file(
    args: &Args,
    file: &Path,
    target: &Path,
    clock: &Clock,
    lost: impl Fn(Option<&Trail>) -> Option<Lost>,
) -> Result<(i64, Option<Lost>), CliError> {
    let backup = Pools::inspect(&format!("sqlite:{}", file.display())).await?;
    let before = checked(&backup, clock, "the backup").await;
    let known = migrate::status(&backup).await;
    backup.close().await;
    let before = before?;
    known?;
    if target.exists() {
        if !args.replace && !is_empty(&format!("sqlite:{}", target.display())).await? {
            return Err(occupied(&target.display().to_string()));
        }
        copy::withdraw(target)?;
    }
    let part = target.with_added_extension("restoring");
    let lost = lost(trail_of(&format!("sqlite:{}", file.display())).await?.as_ref());
    let placed = place(file, target, &part, &before, lost, clock).await;
    if placed.is_err() {
        // Half a restore helps nobody; what was there is untouched.
        let _ = std::fs::remove_file(&part);
    }
    placed?;
    Ok((before.head.0, lost))
}

/// A copy beside the database first, so that the name goes from the old whole file to the new whole file, which is held already where events are gone.
async fn place(file: &Path, target: &Path, part: &Path, before: &Facts, lost: Option<Lost>, clock: &Clock) -> Result<(), CliError> {
    let mut progress = None;
    copy::sqlite(file, part, |done, all| progress.get_or_insert_with(|| Progress::start("pages", Some(all), clock)).set(done))?;
    progress.into_iter().for_each(Progress::finish);
    let copied = Pools::inspect(&format!("sqlite:{}", part.display())).await?;
    let after = checked(&copied, clock, "what was restored").await;
    copied.close().await;
    same(before, &after?)?;
    if let Some(lost) = lost {
        copy::set(part, settings::AUDIT_HELD, &restores::as_text(&lost))?;
    }
    copy::rename(part, target).map_err(Failure::from)?;
    Ok(())
}

async fn to_server(args: &Args, file: &Path, config: &Config, server: &dump::Server, clock: &Clock) -> Result<i64, CliError> {
    let mut progress = Progress::start("rows read", None, clock);
    let rows = dump::rows(file, |done| progress.set(done))?;
    progress.set(rows.values().sum::<i64>().unsigned_abs());
    progress.finish();
    if !rows.contains_key("audit_event") {
        return Err(CliError::new(Exit::Refused, format!("{} is an archive of something else", file.display())));
    }
    let url = config.database.url();
    let pools = Pools::inspect(&url).await?;
    let mut read = pools.read().await.map_err(Failure::from)?;
    let connected = inspect::in_use(&mut read).await.map_err(Failure::from)?;
    drop(read);
    pools.close().await;
    if connected > 0 {
        return Err(CliError::new(Exit::Refused, "the database is in use").hint("stop every portal that answers from it first"));
    }
    if !args.replace && !is_empty(&url).await? {
        return Err(occupied(&config.database.shown()));
    }
    dump::restore(server, file)?;
    let pools = Pools::inspect(&url).await?;
    let after = checked(&pools, clock, "what was restored").await;
    let known = migrate::status(&pools).await;
    pools.close().await;
    known?;
    let after = after?;
    let wrong = after.tables.iter().find(|(name, count)| rows.get(name).is_some_and(|held| held != count));
    if let Some((name, count)) = wrong {
        return Err(CliError::new(
            Exit::Unproven,
            format!("{name} has {count} rows after the restore, which is not what the archive holds"),
        ));
    }
    Ok(after.head.0)
}

fn same(before: &Facts, after: &Facts) -> Result<(), CliError> {
    before
        .difference(after)
        .map_or(Ok(()), |difference| Err(CliError::new(Exit::Unproven, format!("what was restored differs from the backup: {difference}"))))
}

fn occupied(what: &str) -> CliError {
    CliError::new(Exit::Refused, format!("{what} holds data already"))
        .hint("--replace puts the backup in its place, and what is there now is gone")
}

/// Whether nobody has used the database yet: it has no tables, or none of them tells of anything.
pub(super) async fn is_empty(url: &str) -> Result<bool, CliError> {
    let pools = Pools::inspect(url).await?;
    let facts = match pools.read().await {
        Ok(mut read) => check::facts(&mut read).await,
        Err(error) => Err(error),
    };
    pools.close().await;
    let facts = facts.map_err(Failure::from)?;
    let held = |name: &str| facts.tables.iter().any(|table| table.0 == name && table.1 > 0);
    let ours = facts.tables.is_empty() || facts.tables.iter().any(|table| table.0 == "schema_migration");
    Ok(ours && !["person", "region", "budget", "posting", "reward_transaction"].into_iter().any(held))
}
