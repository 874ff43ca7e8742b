//! `backup`: a consistent copy while the portal runs, checked after it is written.

use std::fs::{File, OpenOptions};
use std::io::Read as _;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use clap::Args as ClapArgs;
use sha2::{Digest, Sha256};

use super::exit::{CliError, Exit};
use super::progress::Progress;
use super::{Settings, say, serve};
use crate::actions::audit::{self, Verdict};
use crate::actions::backups;
use crate::clock::Clock;
use crate::config::Config;
use crate::domain::access::Actor;
use crate::store::check::{self, Facts};
use crate::store::db_pools::Pools;
use crate::store::failure::Failure;
use crate::store::{db_copy as copy, db_dump as dump, migrate};

/// Arguments of `backup`.
#[derive(ClapArgs)]
#[command(after_help = "Example:\n  counterfoil backup /backup/rewards-2026-11-22.db --database sqlite:rewards.db\n\n\
    The portal may run meanwhile. SQLite becomes a SQLite file; PostgreSQL becomes an archive of pg_dump, which has to be on the PATH.")]
pub struct Args {
    /// The file to write; it must not be there yet
    pub file: PathBuf,
    /// Settings given as flags.
    #[command(flatten)]
    pub settings: Settings,
}

/// Refuses a file that is there already, and one whose folder is not. `what` is what would be written.
pub(super) fn free_place(file: &Path, what: &str) -> Result<(), CliError> {
    if file.exists() {
        return Err(CliError::new(Exit::Refused, format!("{} is there already: {what} never overwrites anything", file.display())));
    }
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty());
    match folder.filter(|folder| !folder.is_dir()) {
        Some(folder) => Err(CliError::new(Exit::Failed, format!("there is no folder {}", folder.display()))),
        None => Ok(()),
    }
}

/// Writes the backup beside its name, checks it, and only then gives it its name: a file of that name is always a whole backup.
///
/// # Errors
/// A file that is there already (4), a database that cannot be reached (69), a copy that does not fit (5), a disk that is full (1).
pub fn run(args: &Args) -> Result<(), CliError> {
    let config = Config::load(&args.settings.inputs())?;
    free_place(&args.file, "a backup")?;
    let clock = Clock::system();
    let part = args.file.with_added_extension("part");
    let made = serve::block_on(make(&config, &part, &clock)).and_then(|head| {
        std::fs::set_permissions(&part, std::fs::Permissions::from_mode(0o600)).map_err(Failure::from)?;
        let (bytes, sha256) = digest(&part).map_err(Failure::from)?;
        copy::rename(&part, &args.file).map_err(Failure::from)?;
        Ok(backups::File { bytes, sha256, event: head })
    });
    let file = match made {
        Ok(file) => file,
        Err(error) => {
            // What is half-made helps nobody, and would be in the way next time.
            let _ = std::fs::remove_file(&part);
            return Err(error);
        }
    };
    say(&format!("{}: {} bytes, checked\nsha256 {}\n", args.file.display(), file.bytes, file.sha256))?;
    serve::block_on(record(&config, file))
}

/// Size and SHA-256 of a file.
pub(super) fn digest(file: &Path) -> std::io::Result<(u64, String)> {
    let (mut file, mut hash, mut size) = (File::open(file)?, Sha256::new(), 0u64);
    let mut buffer = vec![0; 1 << 20];
    loop {
        let read = file.read(&mut buffer)?;
        let Some(piece) = buffer.get(..read).filter(|piece| !piece.is_empty()) else { break };
        hash.update(piece);
        size += read as u64;
    }
    Ok((size, crate::domain::text::hex(&hash.finalize())))
}

/// What a snapshot holds, or the first thing in it that does not fit.
pub(super) async fn checked(pools: &Pools, clock: &Clock, what: &str) -> Result<Facts, CliError> {
    let mut read = pools.read().await.map_err(Failure::from)?;
    let mut progress = Progress::start("audit events checked", None, clock);
    let walked = audit::walk(&mut read, |done, _| progress.set(done.unsigned_abs())).await.map_err(Failure::from)?;
    progress.finish();
    let fault = match walked {
        Verdict::Broken { seq, why } => Some(format!("audit event {seq}: {why}")),
        Verdict::Ok { .. } | Verdict::NotProven { .. } => check::fault(&mut read).await.map_err(Failure::from)?,
    };
    match fault {
        Some(fault) => Err(CliError::new(Exit::Unproven, format!("{what} does not fit together: {fault}"))),
        None => Ok(check::facts(&mut read).await.map_err(Failure::from)?),
    }
}

async fn make(config: &Config, part: &Path, clock: &Clock) -> Result<i64, CliError> {
    match config.database.server() {
        None => make_sqlite(config, part, clock).await,
        Some((url, password)) => make_postgres(&dump::Server { url, password }, config, part, clock).await,
    }
}

async fn make_sqlite(config: &Config, part: &Path, clock: &Clock) -> Result<i64, CliError> {
    let Some(file) = config.database.file().filter(|file| file.is_file()) else { return Err(super::missing(config)) };
    let mut progress = None;
    copy::sqlite(file, part, |done, all| progress.get_or_insert_with(|| Progress::start("pages", Some(all), clock)).set(done))?;
    progress.into_iter().for_each(Progress::finish);
    let pools = Pools::inspect(&format!("sqlite:{}", part.display())).await?;
    let facts = checked(&pools, clock, "the copy").await;
    pools.close().await;
    Ok(facts?.head.0)
}

/// The snapshot is checked as it stands in the server, and the archive is read back whole and its rows are counted against it.
async fn make_postgres(server: &dump::Server, config: &Config, part: &Path, clock: &Clock) -> Result<i64, CliError> {
    let pools = Pools::inspect(&config.database.url()).await?;
    let facts = checked(&pools, clock, "the database").await?;
    let mut read = pools.read().await.map_err(Failure::from)?;
    let snapshot = read.shared().await.map_err(Failure::from)?.unwrap_or_default();
    // The archive takes this mode from the file that is there.
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(part).map_err(Failure::from)?;
    let now = check::facts(&mut read).await.map_err(Failure::from)?;
    // pg_dump takes the snapshot over at once; ours may end while it works.
    dump::dump(server, &snapshot, part)?;
    File::open(part).and_then(|file| file.sync_all()).map_err(Failure::from)?;
    let mut progress = Progress::start("rows read back", Some(now.rows().unsigned_abs()), clock);
    let rows = dump::rows(part, |done| progress.set(done))?;
    progress.set(rows.values().sum::<i64>().unsigned_abs());
    progress.finish();
    drop(read);
    pools.close().await;
    let wrong = now.tables.iter().find(|(name, count)| rows.get(name) != Some(count));
    if let Some((name, count)) = wrong {
        let held = rows.get(name).copied().unwrap_or_default();
        return Err(CliError::new(Exit::Unproven, format!("the archive holds {held} rows of {name}, the database {count}")));
    }
    Ok(now.head.0.max(facts.head.0))
}

/// Leaves the event. A database that waits for a migration is not migrated by its backup, and a portal may run over it: then nothing is written.
async fn record(config: &Config, file: backups::File) -> Result<(), CliError> {
    let pools = Pools::inspect(&config.database.url()).await?;
    let waiting = migrate::status(&pools).await.map(|steps| steps.iter().any(|step| step.applied_at.is_none()));
    pools.close().await;
    if waiting? {
        return say("not on record: the database is older than this program, run `counterfoil migrate` first\n");
    }
    let store = super::open(config).await?;
    let recorded = backups::made(&store, Actor::system("cli"), file).await;
    store.close().await;
    recorded.map_err(|failure| CliError::new(Exit::Failed, format!("the backup is good, but its event was not written: {failure}")))
}
