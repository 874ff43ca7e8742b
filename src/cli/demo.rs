//! `demo`: the portal over a made-up company.

use clap::Args as ClapArgs;

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
