//! `import`: loads a file of transactions with a mapping made in the portal.

use std::path::PathBuf;

use clap::Args as ClapArgs;

use super::Settings;

/// Arguments of `import`.
#[derive(ClapArgs)]
#[command(
    after_help = "Examples:\n  counterfoil import june.csv --mapping \"Vendor CSV\" --source vendor --as ana@example.com --dry-run\n  \
    counterfoil import june.xlsx --mapping \"Vendor XLSX\" --source vendor --as ana@example.com --good-rows --refused refused.csv"
)]
pub struct Args {
    /// The file: CSV or XLSX
    pub file: PathBuf,
    /// The column mapping, by the name under which it was saved
    #[arg(long, value_name = "NAME")]
    pub mapping: String,
    /// Where the transactions come from, by name or id
    #[arg(long, value_name = "NAME")]
    pub source: String,
    /// The person in whose name and scope it is done, by e-mail address
    #[arg(long = "as", value_name = "E-MAIL")]
    pub person: String,
    /// Say what would happen and change nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Take the good rows even if some are refused; otherwise one refused row stops them all
    #[arg(long)]
    pub good_rows: bool,
    /// Write the refused rows into this file
    #[arg(long, value_name = "FILE")]
    pub refused: Option<PathBuf>,
    /// Settings given as flags.
    #[command(flatten)]
    pub settings: Settings,
}
