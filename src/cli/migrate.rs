//! `migrate`: brings a database to this program's version.

use clap::Args as ClapArgs;

use super::Settings;

/// Arguments of `migrate`.
#[derive(ClapArgs)]
#[command(after_help = "Examples:\n  counterfoil migrate --status\n  counterfoil migrate --dry-run --database sqlite:rewards.db")]
pub struct Args {
    /// Settings given as flags.
    #[command(flatten)]
    pub settings: Settings,
    /// Only list which steps are done and which are to come
    #[arg(long, conflicts_with = "dry_run")]
    pub status: bool,
    /// Run the steps to come in a transaction and undo it
    #[arg(long)]
    pub dry_run: bool,
}
