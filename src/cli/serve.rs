//! `serve`: the portal.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use clap::Args as ClapArgs;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;

use super::Settings;
use super::exit::{CliError, Exit};
use crate::actions::anchors::Proving;
use crate::actions::imports::Limits;
use crate::actions::setup;
use crate::clock::{Clock, Random};
use crate::config::{Config, LogFormat, Network, Tls};
use crate::domain::password_leaks::Leaked;
use crate::integrations::smtp::{Post, Server};
use crate::jobs::{self, mail::Mailing};
use crate::metrics::Metrics;
use crate::store::failure::{DbError, Failure};
use crate::store::{Options, Store};
use crate::telemetry::{self, Format};
use crate::web::server::{Bound, Running};
use crate::web::{Lives, Portal};

/// SIGXFSZ, which has this number on Linux, macOS and the BSDs alike (signal(7)).
const FILE_SIZE_EXCEEDED: i32 = 25;

/// Arguments of `serve`.
#[derive(ClapArgs)]
#[command(after_help = "Examples:\n  counterfoil serve --database sqlite:/var/lib/counterfoil/rewards.db\n  \
    COUNTERFOIL_DATABASE=postgres://… counterfoil serve --config /etc/counterfoil.toml")]
pub struct Args {
    /// Settings given as flags.
    #[command(flatten)]
    pub settings: Settings,
}

/// What a running portal needs to know.
pub struct Site {
    /// The database.
    pub url: String,
    /// How many connections read.
    pub read_connections: u32,
    /// Where and how it answers.
    pub running: Running,
    /// How long sessions live.
    pub lives: Lives,
    /// What a file that somebody hands in may cost.
    pub limits: Limits,
    /// The key that signs session cookies, where it is not in the database.
    pub key: Option<Vec<u8>>,
    /// Passwords that leaked, which nobody may choose.
    pub leaked: Arc<Leaked>,
    /// The key that signs the audit trail, and where checkpoints are noted.
    pub proving: Proving,
    /// Proxies whose forwarding headers are believed.
    pub trusted_proxies: Vec<Network>,
    /// How long the body of a request may stand still.
    pub body_still: Duration,
    /// How letters are sent, where they are.
    pub mailing: Option<Mailing>,
    /// What people type to get here, for links that are printed.
    pub public_url: Option<String>,
    /// The certificate to answer with, where there is no proxy for it.
    pub tls: Option<Tls>,
}

/// Runs the portal from the configuration until it is told to stop.
pub fn run(args: &Args) -> Result<(), CliError> {
    let config = Config::load(&args.settings.inputs())?;
    let clock = Clock::system();
    let format = match config.log_format {
        LogFormat::Auto => Format::suitable(),
        LogFormat::Json => Format::Json,
        LogFormat::Text => Format::Text,
    };
    let time = clock.clone();
    telemetry::start(&config.log_level, format, move || time.now()).map_err(|error| CliError::new(Exit::Failed, error.to_string()))?;
    telemetry::report_panics();
    let site = Site {
        url: config.database.url(),
        read_connections: config.read_connections,
        running: Running {
            listen: config.listen,
            workers: config.workers,
            max_connections: config.max_connections,
            max_connections_per_peer: config.max_connections_per_peer,
        },
        lives: Lives { idle: i64::from(config.session_idle_minutes) * 60, absolute: i64::from(config.session_absolute_hours) * 3600 },
        limits: Limits {
            max_bytes: config.upload_max_bytes,
            max_rows: config.import_max_rows,
            max_inflated: config.xlsx_max_inflated_bytes,
            ..Limits::default()
        },
        key: config.secret_key_file.as_deref().map(key_in).transpose()?,
        leaked: leaked_in(&config)?,
        proving: super::audit::proving(&config),
        trusted_proxies: config.trusted_proxies.clone(),
        body_still: Duration::from_secs(config.request_body_timeout_seconds),
        mailing: mailing(&config)?,
        public_url: config.public_url.clone(),
        tls: config.tls.clone(),
    };
    block_on(answer(site, clock))
}

/// The configuration has looked at it already; it may have gone or been cut since.
fn key_in(file: &Path) -> Result<Vec<u8>, CliError> {
    let refused = |why: String| CliError::new(Exit::Configuration, format!("{} {why}", file.display()));
    let key = std::fs::read(file).map_err(|error| refused(format!("cannot be read: {error}")))?;
    if key.len() < 64 { Err(refused(format!("holds {} bytes, a key has at least 64", key.len()))) } else { Ok(key) }
}

/// The operator's list of passwords that leaked; an empty one where none is named.
pub(super) fn leaked_in(config: &Config) -> Result<Arc<Leaked>, CliError> {
    let Some(file) = &config.leaked_passwords_file else { return Ok(Arc::default()) };
    let read = std::fs::File::open(file).and_then(|file| Leaked::read(std::io::BufReader::new(file)));
    match read {
        Ok(leaked) => Ok(Arc::new(leaked)),
        Err(error) => Err(CliError::new(Exit::Configuration, format!("{} cannot be read: {error}", file.display()))),
    }
}

/// How letters are sent: as configured, with links to where people get here.
pub(super) fn mailing(config: &Config) -> Result<Option<Mailing>, CliError> {
    // The configuration has seen to it that where there is the one there is the other.
    let (Some(mail), Some(base)) = (&config.smtp, &config.public_url) else { return Ok(None) };
    let authority = base.split_once("://").map_or(base.as_str(), |(_, rest)| rest);
    let host = authority.rsplit_once(':').map_or(authority, |(host, _)| host);
    let password = mail.password.as_ref().map(|password| password.expose().to_owned()).unwrap_or_default();
    let server = Server {
        host: mail.host.clone(),
        port: mail.port,
        implicit_tls: mail.implicit_tls,
        credentials: mail.user.clone().map(|user| (user, password)),
        from: config.mail_from.clone().unwrap_or_else(|| format!("counterfoil@{host}")),
    };
    let post = Post::to(&server).map_err(|why| CliError::new(Exit::Configuration, why).hint("check smtp_url and mail_from"))?;
    Ok(Some(Mailing { post, base: base.clone() }))
}

/// Opens the store, answers, and closes the store after the last answer.
///
/// The first SIGTERM, SIGINT or Ctrl-C lets running requests finish, for ten seconds at most; a second one does not wait for them.
pub async fn answer(site: Site, clock: Clock) -> Result<(), CliError> {
    // Before anything is opened: a signal that comes early must not end the process half-way through a migration.
    let mut signals = Signals::listen()?;
    let options = Options { read_connections: site.read_connections, ..Options::of(site.url) };
    let store = Store::open(&options, clock, Random::system(), Arc::new(Metrics::new())).await?;
    let portal = Portal::new(store.clone(), site.lives, site.limits.max_bytes).await?;
    let portal =
        portal.with_limits(site.limits.clone()).with_key(site.key).refusing(site.leaked).reached(site.trusted_proxies, site.body_still);
    let portal = portal.mailing(site.mailing.is_some()).at(site.public_url.as_deref()).proved(site.proving.clone());
    super::audit::before_serving(&store, &site.proving).await?;
    let taken = |error: std::io::Error| {
        CliError::new(Exit::Failed, format!("cannot listen on {}: {error}", site.running.listen)).hint("choose another with --listen")
    };
    let bound = Bound::to(site.running).map_err(taken)?.over(site.tls);
    let here = bound.base().map_err(taken)?;
    super::say(&format!("listening on {here}\n"))?;
    if !store.is_held()
        && let Some(token) = setup::first_link(&store).await?
    {
        let base = site.public_url.unwrap_or(here);
        super::say(&format!("Nobody is set up yet. Open this link within 30 minutes; it works once:\n{base}/setup/{token}\n"))?;
    }
    let (stop_jobs, stop) = watch::channel(false);
    let jobs = jobs::spawn(&store, &site.limits, &site.proving, site.mailing, &portal.tries, &stop);
    let (told, mut again) = watch::channel(0u32);
    let listening = tokio::spawn(async move {
        loop {
            signals.next().await;
            told.send_modify(|times| *times += 1);
        }
    });
    let mut first = again.clone();
    // The sender lives as long as the task, and the task as long as the server: neither wait can fail before.
    let stop = async { drop(first.wait_for(|times| *times >= 1).await) };
    let at_once = async { drop(again.wait_for(|times| *times >= 2).await) };
    let served = bound.serve_until(portal, stop, at_once).await;
    listening.abort();
    stop_jobs.send_replace(true);
    for job in jobs {
        // A job that panicked has said so in the log.
        drop(job.await);
    }
    store.close().await;
    match served {
        Ok(0) => Ok(()),
        Ok(cut_off) => Err(CliError::new(Exit::Failed, format!("{cut_off} requests were still running and were cut off"))),
        Err(error) => Err(CliError::new(Exit::Failed, format!("the server failed: {error}"))),
    }
}

/// What tells the process to stop.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn listen() -> Result<Self, CliError> {
        let on = |kind| signal(kind).map_err(|error| CliError::new(Exit::Failed, format!("cannot wait for signals: {error}")));
        Ok(Self { terminate: on(SignalKind::terminate())?, interrupt: on(SignalKind::interrupt())? })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

/// Runs a command that needs the store.
pub fn block_on<T>(work: impl Future<Output = Result<T, CliError>>) -> Result<T, CliError> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| CliError::new(Exit::Failed, format!("cannot start: {error}")))?;
    let guard = runtime.enter();
    // A limit of file sizes would end the process in the middle of a write. With a signal taken, the write fails instead and is answered with 507;
    // once taken, a signal stays taken for as long as the process lives.
    let taken = signal(SignalKind::from_raw(FILE_SIZE_EXCEEDED));
    drop(taken.map_err(|error| CliError::new(Exit::Failed, format!("cannot wait for signals: {error}")))?);
    let done = runtime.block_on(work);
    drop(guard);
    // A thread that hangs in a file of another machine is not waited for.
    runtime.shutdown_timeout(Duration::from_secs(1));
    done
}

impl From<Failure> for CliError {
    fn from(failure: Failure) -> Self {
        let exit = match &failure {
            Failure::Refused(_) => Exit::Refused,
            Failure::Setup(_) | Failure::Db(DbError::Gone | DbError::Busy | DbError::TooSlow) | Failure::Queue => Exit::Unavailable,
            Failure::Db(_) | Failure::Io(_) => Exit::Failed,
        };
        Self::new(exit, failure.to_string())
    }
}
