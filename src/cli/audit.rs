//! `audit verify`: walks the chain of audit events.

use clap::{Args as ClapArgs, Subcommand};

use super::exit::{CliError, Exit};
use super::progress::Progress;
use super::{Settings, open_existing, say, serve};
use crate::actions::audit::{self, Verdict};
use crate::clock::Clock;
use crate::config::Config;
use crate::domain::access::Actor;

/// Arguments of `audit`.
#[derive(ClapArgs)]
#[command(after_help = "Example:\n  counterfoil audit verify")]
pub struct Args {
    /// What to do.
    #[command(subcommand)]
    pub what: What,
}

/// What `audit` can do.
#[derive(Subcommand)]
pub enum What {
    /// Check every event's number and hash; name the first that does not fit and end with 5
    Verify(Verify),
}

/// Arguments of `audit verify`.
#[derive(ClapArgs)]
#[command(after_help = "Example:\n  counterfoil audit verify --database sqlite:rewards.db")]
pub struct Verify {
    /// Settings given as flags.
    #[command(flatten)]
    pub settings: Settings,
}

/// Runs `audit`.
///
/// # Errors
/// A trail that does not hold (5), with the first event that is wrong; a database that is not there (69).
pub fn run(args: &Args) -> Result<(), CliError> {
    let What::Verify(args) = &args.what;
    let config = Config::load(&args.settings.inputs())?;
    let noted = serve::block_on(async {
        let store = open_existing(&config).await?;
        let mut progress = Progress::start("events", None, &Clock::system());
        let noted = audit::verify_and_note(&store, Actor::system("cli"), |done, _| progress.set(done.unsigned_abs())).await;
        progress.finish();
        store.close().await;
        Ok(noted?)
    })?;
    match noted.verdict {
        Verdict::Ok { events, head } => say(&format!("{events} events, all as they were sealed\nhead {head}\n")),
        Verdict::Broken { seq, why } => {
            let hint = "restore the newest backup whose trail holds, and find out who could write to the database";
            Err(CliError::new(Exit::Unproven, format!("the audit trail is broken at event {seq}: {why}")).hint(hint))
        }
    }
}
