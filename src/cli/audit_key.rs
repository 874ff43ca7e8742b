//! `audit key`: the key that signs checkpoints.

use std::path::PathBuf;

use clap::{Args as ClapArgs, Subcommand};

use super::audit::proving;
use super::exit::{CliError, Exit};
use super::{Settings, open_existing, say, serve};
use crate::actions::audit_keys;
use crate::config::Config;
use crate::domain::access::Actor;

/// Arguments of `audit key`.
#[derive(ClapArgs)]
#[command(after_help = "Example:\n  counterfoil audit key show > auditor.pub")]
pub struct Key {
    /// What to do.
    #[command(subcommand)]
    pub what: What,
}

/// What `audit key` can do.
#[derive(Subcommand)]
pub enum What {
    /// Make the key where there is none
    New(New),
    /// Replace the key by a new one; the event is signed by both
    Rotate(Common),
    /// Print the public key, for auditors to keep
    Show(Common),
}

/// Arguments of `audit key rotate` and `audit key show`.
#[derive(ClapArgs)]
#[command(after_help = "Example:\n  counterfoil audit key rotate --config /etc/counterfoil.toml")]
pub struct Common {
    /// Settings given as flags.
    #[command(flatten)]
    pub settings: Settings,
}

/// Arguments of `audit key new`.
#[derive(ClapArgs)]
#[command(after_help = "Example:\n  counterfoil audit key new --config /etc/counterfoil.toml")]
pub struct New {
    /// The key before is lost, and why: auditors have to be given the new public key
    #[arg(long, value_name = "REASON")]
    pub lost: Option<String>,
    /// Settings given as flags.
    #[command(flatten)]
    pub settings: Settings,
}

/// Runs `audit key`.
///
/// # Errors
/// No file for the key is named (3), or one is there already or not the right one (4).
pub fn run(args: &Key) -> Result<(), CliError> {
    let settings = match &args.what {
        What::New(new) => &new.settings,
        What::Rotate(common) | What::Show(common) => &common.settings,
    };
    let config = Config::load(&settings.inputs())?;
    let file = key_file(&config)?;
    serve::block_on(async {
        let store = open_existing(&config).await?;
        let actor = Actor::system("cli");
        let public = match &args.what {
            What::New(new) => audit_keys::new(&store, actor, &file, new.lost.as_deref()).await,
            What::Rotate(_) => audit_keys::rotate(&store, actor, &proving(&config)).await,
            What::Show(_) => audit_keys::load(&store, &file).await.map(|signer| signer.public().clone()),
        };
        store.close().await;
        say(&format!("{}\n", public?))
    })
}

fn key_file(config: &Config) -> Result<PathBuf, CliError> {
    let none = || CliError::new(Exit::Configuration, "no file is named for the audit key").hint("set audit_key_file");
    config.audit_key().ok_or_else(none)
}
