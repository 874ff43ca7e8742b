//! `import`: loads a file of transactions with a mapping made in the portal.

use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use clap::Args as ClapArgs;
use tempfile::NamedTempFile;

use super::exit::{CliError, Exit};
use super::progress::Progress;
use super::{Settings, open_existing, serve};
use crate::actions::imports::commit::Mode;
use crate::actions::imports::direct::{Direct, Wanted};
use crate::actions::imports::refused::{File, Parts, Shown};
use crate::actions::imports::report::Report;
use crate::actions::imports::{FileFault, Limits, Stop};
use crate::clock::Clock;
use crate::config::Config;
use crate::domain::currency::Currency;
use crate::domain::id::UserId;
use crate::domain::money;
use crate::domain::refusal::Refusal;
use crate::store::failure::Failure;
use crate::store::imports::RefusedRow;
use crate::store::{Store, people};

/// Arguments of `import`.
#[derive(ClapArgs)]
#[command(
    after_help = "Examples:\n  counterfoil import june.csv --mapping \"Vendor CSV\" --source vendor --as ana@example.com --dry-run\n  \
    counterfoil import june.xlsx --mapping \"Vendor XLSX\" --source vendor --as ana@example.com --good-rows --refused refused.csv"
)]
pub struct Args {
    /// The file: CSV or XLSX
    pub file: PathBuf,
    /// The column mapping, by the name under which it was saved
    #[arg(long, value_name = "NAME")]
    pub mapping: String,
    /// Where the transactions come from, by name or id
    #[arg(long, value_name = "NAME")]
    pub source: String,
    /// The person in whose name and scope it is done, by e-mail address
    #[arg(long = "as", value_name = "E-MAIL")]
    pub person: String,
    /// Say what would happen and change nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Take the good rows even if some are refused; otherwise one refused row stops them all
    #[arg(long)]
    pub good_rows: bool,
    /// Write the refused rows into this file
    #[arg(long, value_name = "FILE")]
    pub refused: Option<PathBuf>,
    /// Settings given as flags.
    #[command(flatten)]
    pub settings: Settings,
}

/// Runs `import`.
///
/// # Errors
/// A file that cannot be opened (1) or read as a table (4), a person, source or mapping that is not there (4), refused rows without
/// `--good-rows` (4); the rows that stop the import are in the file of refused rows all the same.
pub fn run(args: &Args) -> Result<(), CliError> {
    let config = Config::load(&args.settings.inputs())?;
    let limits = Limits {
        max_bytes: config.upload_max_bytes,
        max_rows: config.import_max_rows,
        max_inflated: config.xlsx_max_inflated_bytes,
        ..Limits::default()
    };
    serve::block_on(async {
        let store = open_existing(&config).await?;
        let outcome = load(args, &store, limits).await;
        store.close().await;
        outcome
    })
}

/// The file of refused rows in the making. It takes its name when it is whole: what breaks off leaves none behind that would stand in the way of the
/// next try.
struct Refusals {
    path: PathBuf,
    out: BufWriter<NamedTempFile>,
}

impl Refusals {
    fn begin(path: &Path) -> Result<Self, CliError> {
        if path.exists() {
            return Err(CliError::new(Exit::Refused, format!("{} is there already: nothing is overwritten", path.display())));
        }
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let file = NamedTempFile::new_in(folder).map_err(|error| unwritten(path, &error))?;
        Ok(Self { path: path.to_path_buf(), out: BufWriter::new(file) })
    }

    fn keep(self) -> Result<(), CliError> {
        let file = self.out.into_inner().map_err(|error| unwritten(&self.path, error.error()))?;
        file.persist_noclobber(&self.path).map(drop).map_err(|error| unwritten(&self.path, &error.error))
    }
}

fn unwritten(path: &Path, error: &std::io::Error) -> CliError {
    CliError::new(Exit::Failed, format!("{} cannot be written: {error}", path.display()))
}

async fn load(args: &Args, store: &Store, limits: Limits) -> Result<(), CliError> {
    let person = person(args, store).await?;
    let wanted = Wanted { path: &args.file, source: &args.source, mapping: &args.mapping, person, limits };
    let stopped = |stop| stopped(stop, &args.file);
    let mut direct = Direct::prepare(store, wanted).await.map_err(stopped)?;
    let clock = Clock::system();
    let total = std::fs::metadata(&args.file).map(|file| file.len()).ok();
    let mut refused = args.refused.as_deref().map(Refusals::begin).transpose()?;
    if args.dry_run || !args.good_rows {
        // Without --good-rows one refused row stops them all: it is known before anything is written.
        let mut progress = Progress::start("bytes checked", total, &clock);
        let mut file = File::new(direct.headers(), Shown::Everything);
        let mut failed = None;
        let heard = |done: u64, _: u64, rows: &[RefusedRow]| {
            progress.set(done);
            let Some(refused) = &mut refused else { return };
            for row in rows {
                file.row(row);
            }
            failed = failed.take().or(refused.out.write_all(&file.take()).err());
        };
        let report = direct.check(store, heard).await.map_err(stopped)?;
        progress.finish();
        failed.map_or(Ok(()), |error| Err(CliError::from(Failure::Io(error))))?;
        let stops = !args.good_rows && report.counts.refused > 0;
        if args.dry_run || stops {
            say(&report, if stops { "nothing is taken" } else { "dry run, nothing is written" })?;
            refused.map_or(Ok(()), Refusals::keep)?;
            return if stops {
                Err(CliError::new(Exit::Refused, format!("{} rows are refused", report.counts.refused))
                    .hint("correct them, or use --good-rows"))
            } else {
                Ok(())
            };
        }
    }
    let headers = direct.headers().to_vec();
    let mode = if args.good_rows { Mode::GoodRows } else { Mode::AllOrNothing };
    let mut progress = Progress::start("bytes written", total, &clock);
    let (id, report) = direct.commit(store, mode, |done, _| progress.set(done)).await.map_err(stopped)?;
    progress.finish();
    // First of all: the rows are in, whatever becomes of the file about the others.
    say(&report, &format!("import {id}"))?;
    let Some(mut refused) = refused else { return Ok(()) };
    let mut parts = Parts::new(store, id, &headers, Shown::Everything);
    while let Some(part) = parts.next().await.map_err(Failure::from)?.filter(|_| args.good_rows) {
        refused.out.write_all(&part).map_err(Failure::from)?;
    }
    refused.keep()
}

async fn person(args: &Args, store: &Store) -> Result<UserId, CliError> {
    let mut read = store.read().await.map_err(Failure::from)?;
    let found = people::find_by_email(&mut read, args.person.trim()).await.map_err(Failure::from)?;
    let found = found.filter(|person| person.status == "active").map(|person| person.id);
    let unknown = || CliError::new(Exit::Refused, format!("{} is nobody who can sign in", args.person.trim()));
    found.ok_or_else(|| unknown().hint("`counterfoil user list` names everybody"))
}

fn stopped(stop: Stop, file: &Path) -> CliError {
    match stop {
        Stop::File(FileFault::Io(error)) => CliError::new(Exit::Failed, format!("{} cannot be read: {error}", file.display())),
        Stop::Failed(failure) => match &failure {
            Failure::Refused(Refusal::Invalid("mapping", _)) => {
                CliError::from(failure).hint("mappings are made and named in the portal, at the first upload")
            }
            _ => failure.into(),
        },
        other => CliError::new(Exit::Refused, other.words().unwrap_or_default()),
    }
}

/// What happened, one line a fact: for a person and for a log.
fn say(report: &Report, what: &str) -> Result<(), CliError> {
    let counts = report.counts;
    let mut text = format!(
        "{what}\n{} rows read: {} created, {} changed, {} unchanged, {} refused\n",
        counts.read, counts.created, counts.changed, counts.unchanged, counts.refused
    );
    for (code, total) in &report.created {
        let amount = Currency::parse(code).map(|currency| money::plain(total.amount, currency)).unwrap_or_default();
        text.push_str(&format!("created {code} {amount} in {} rows\n", total.rows));
    }
    for (code, kind) in &report.refused {
        let first = kind.first.first().map(|(line, words)| format!(", first in line {line}: {words}")).unwrap_or_default();
        text.push_str(&format!("refused {} as {code}{first}\n", kind.rows));
    }
    super::say(&text)
}
