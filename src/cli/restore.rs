//! `restore`: puts a backup in place of a database that is not in use.

use std::path::PathBuf;

use clap::Args as ClapArgs;

use super::Settings;

/// Arguments of `restore`.
#[derive(ClapArgs)]
#[command(after_help = "Example:\n  counterfoil restore /backup/rewards-2026-11-22.db --database sqlite:rewards.db")]
pub struct Args {
    /// The backup; it is checked before anything is touched
    pub file: PathBuf,
    /// Settings given as flags.
    #[command(flatten)]
    pub settings: Settings,
}
