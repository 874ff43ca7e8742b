//! `backup`: a consistent copy while the portal runs, checked after it is written.

use std::path::PathBuf;

use clap::Args as ClapArgs;

use super::Settings;

/// Arguments of `backup`.
#[derive(ClapArgs)]
#[command(after_help = "Example:\n  counterfoil backup /backup/rewards-2026-11-22.db --database sqlite:rewards.db")]
pub struct Args {
    /// The file to write; it must not be there yet
    pub file: PathBuf,
    /// Settings given as flags.
    #[command(flatten)]
    pub settings: Settings,
}
