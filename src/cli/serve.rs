//! `serve`: the portal.

use std::sync::Arc;

use clap::Args as ClapArgs;

use super::Settings;
use super::exit::{CliError, Exit};
use crate::actions::setup;
use crate::clock::{Clock, Random};
use crate::config::{Config, LogFormat};
use crate::metrics::Metrics;
use crate::store::failure::{DbError, Failure};
use crate::store::{Options, Store};
use crate::telemetry::{self, Format};
use crate::web::server::{Bound, Running};
use crate::web::{Lives, Portal};

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
    /// The largest upload, in bytes.
    pub upload_max_bytes: u64,
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
        running: Running { listen: config.listen, workers: config.workers, max_connections: config.max_connections },
        lives: Lives { idle: i64::from(config.session_idle_minutes) * 60, absolute: i64::from(config.session_absolute_hours) * 3600 },
        upload_max_bytes: config.upload_max_bytes,
    };
    block_on(answer(site, clock))
}

/// Opens the store, answers, and closes the store after the last answer.
pub async fn answer(site: Site, clock: Clock) -> Result<(), CliError> {
    let options = Options { read_connections: site.read_connections, ..Options::of(site.url) };
    let store = Store::open(&options, clock, Random::system(), Arc::new(Metrics::new())).await?;
    let portal = Portal::new(store.clone(), site.lives, site.upload_max_bytes).await?;
    let taken = |error: std::io::Error| {
        CliError::new(Exit::Failed, format!("cannot listen on {}: {error}", site.running.listen)).hint("choose another with --listen")
    };
    let bound = Bound::to(site.running).map_err(taken)?;
    let address = bound.address().map_err(taken)?;
    super::say(&format!("listening on http://{address}\n"))?;
    if let Some(token) = setup::first_link(&store).await? {
        super::say(&format!("Nobody is set up yet. Open this link within 30 minutes; it works once:\nhttp://{address}/setup/{token}\n"))?;
    }
    bound.serve(portal, told_to_stop()).await.map_err(|error| CliError::new(Exit::Failed, format!("the server failed: {error}")))?;
    store.close().await;
    Ok(())
}

/// Waits for SIGTERM or for Ctrl-C.
async fn told_to_stop() {
    use tokio::signal::unix::{SignalKind, signal};
    let terminated = async {
        match signal(SignalKind::terminate()) {
            Ok(mut told) => told.recv().await,
            Err(_) => std::future::pending().await,
        }
    };
    tokio::select! {
        _ = terminated => {}
        _ = tokio::signal::ctrl_c() => {}
    }
}

/// Runs a command that needs the store.
pub fn block_on<T>(work: impl Future<Output = Result<T, CliError>>) -> Result<T, CliError> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| CliError::new(Exit::Failed, format!("cannot start: {error}")))?;
    runtime.block_on(work)
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
