//! `serve`: the portal.

use clap::Args as ClapArgs;

use super::Settings;

/// Arguments of `serve`.
#[derive(ClapArgs)]
#[command(after_help = "Examples:\n  counterfoil serve --database sqlite:/var/lib/counterfoil/rewards.db\n  \
    COUNTERFOIL_DATABASE=postgres://… counterfoil serve --config /etc/counterfoil.toml")]
pub struct Args {
    /// Settings given as flags.
    #[command(flatten)]
    pub settings: Settings,
}
