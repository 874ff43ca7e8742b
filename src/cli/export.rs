//! `export`: writes transactions as CSV.

use std::path::PathBuf;

use clap::Args as ClapArgs;

use super::Settings;

/// Arguments of `export`.
#[derive(ClapArgs)]
#[command(
    after_help = "Example:\n  counterfoil export --as ana@example.com --filter \"status=delivered&from=2026-06-01\" --output june.csv"
)]
pub struct Args {
    /// The person in whose name and scope it is done, by e-mail address
    #[arg(long = "as", value_name = "E-MAIL")]
    pub person: String,
    /// Filters, sort and columns: what stands after the ? in the address of the list in the portal
    #[arg(long, value_name = "QUERY", default_value = "")]
    pub filter: String,
    /// The file to write, which must not be there yet; standard output if left out
    #[arg(long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Settings given as flags.
    #[command(flatten)]
    pub settings: Settings,
}
