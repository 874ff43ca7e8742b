//! `demo`: the portal over a made-up company.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use clap::Args as ClapArgs;

use super::exit::{CliError, Exit};
use super::progress::Progress;
use super::serve::{self, Site};
use crate::actions::anchors::Proving;
use crate::actions::demo;
use crate::actions::imports::Limits;
use crate::clock::Clock;
use crate::domain::time::Instant;
use crate::web::Lives;
use crate::web::server::Running;

/// Arguments of `demo`.
#[derive(ClapArgs)]
#[command(after_help = "Example:\n  counterfoil demo --listen 127.0.0.1:8081 --transactions 20000")]
pub struct Args {
    /// The address and port to answer on
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8080")]
    pub listen: String,
    /// How many transactions the company has
    #[arg(long, value_name = "N", default_value_t = 120_000, value_parser = clap::value_parser!(u64).range(1..=10_000_000))]
    pub transactions: u64,
    /// Use this database, which must be empty or hold a demo, instead of a temporary SQLite file
    #[arg(long, value_name = "URL")]
    pub database: Option<String>,
}

/// Makes the company, unless the database holds it already, and answers until it is told to stop. A temporary file goes when it stops.
pub fn run(args: &Args) -> Result<(), CliError> {
    let listen: SocketAddr = args
        .listen
        .parse()
        .map_err(|_| CliError::new(Exit::Usage, format!("{:?} is not an address", args.listen)).hint("write it like 127.0.0.1:8080"))?;
    let clock = Clock::system();
    let folder = match args.database {
        Some(_) => None,
        None => Some(tempfile::tempdir().map_err(|error| CliError::new(Exit::Failed, format!("no temporary folder: {error}")))?),
    };
    let url = match (&args.database, &folder) {
        (Some(url), _) => url.clone(),
        (None, Some(folder)) => format!("sqlite:{}", folder.path().join("demo.db").display()),
        (None, None) => String::new(),
    };
    crate::telemetry::start("warn", crate::telemetry::Format::suitable(), {
        let clock = clock.clone();
        move || clock.now()
    })
    .map_err(|error| CliError::new(Exit::Failed, error.to_string()))?;
    serve::block_on(async {
        let progress = std::sync::Mutex::new(Progress::start("transactions of a made-up company", Some(args.transactions), &clock));
        demo::fill(&url, Instant(clock.now()), args.transactions, |done| {
            progress.lock().unwrap_or_else(std::sync::PoisonError::into_inner).set(done);
        })
        .await?;
        progress.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner).finish();
        let file = url.strip_prefix("sqlite:").map(|file| Path::new(file.trim_start_matches("//")));
        let site = Site {
            proving: Proving::new(file.map(|file| file.with_added_extension("audit-key")), []),
            url,
            read_connections: 8,
            running: Running { listen, workers: 2, max_connections: 1024, max_connections_per_peer: 1024 },
            lives: Lives { idle: 15 * 60, absolute: 12 * 3600 },
            limits: Limits::default(),
            key: None,
            leaked: std::sync::Arc::default(),
            trusted_proxies: Vec::new(),
            body_still: Duration::from_secs(30),
            mailing: None,
            public_url: None,
            tls: None,
        };
        serve::answer(site, clock).await
    })
}
