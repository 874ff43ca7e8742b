//! `audit verify`: walks the chain of audit events.

use clap::{Args as ClapArgs, Subcommand};

use super::Settings;

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
