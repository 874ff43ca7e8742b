//! The numbers with which the program ends. Scripts rely on them: a number never changes its meaning.

use std::fmt;
use std::process::ExitCode;

use crate::config::Faults;

/// Why the program ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// It did what was asked.
    Done = 0,
    /// It failed: a file, a disk, a network.
    Failed = 1,
    /// The command line is not understood.
    Usage = 2,
    /// The configuration has faults.
    Configuration = 3,
    /// The rules of the business say no; nothing was changed.
    Refused = 4,
    /// `audit verify` or a backup's check found something that does not fit.
    Unproven = 5,
    /// `audit verify` found nothing wrong, and nothing outside the database that vouches for it.
    NotVouched = 6,
    /// The database cannot be reached or is of a newer version.
    Unavailable = 69,
}

impl Exit {
    /// The number.
    pub fn code(self) -> u8 {
        self as u8
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

/// The list that every `--help` ends with.
pub const HELP: &str = "Exit codes:
  0   it did what was asked
  1   it failed: a file, a disk, a network
  2   the command line is not understood
  3   the configuration has faults
  4   refused by a rule; nothing was changed
  5   not proven: a check found something that does not fit
  6   nothing is wrong, but nothing outside the database vouches for the audit trail
  69  the database cannot be reached, or is newer than this program";

/// What a command says when it does not do what was asked: never a stack trace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CliError {
    /// The number to end with.
    pub exit: Exit,
    /// What happened.
    pub message: String,
    /// What can be done about it.
    pub hint: Option<String>,
}

impl CliError {
    /// An error without a hint.
    pub fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self { exit, message: message.into(), hint: None }
    }

    /// The same with a hint.
    pub fn hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }
}

impl fmt::Display for CliError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "error: {}", self.message)?;
        self.hint.iter().try_for_each(|hint| write!(f, "\nhint: {hint}"))
    }
}

impl std::error::Error for CliError {}

impl From<Faults> for CliError {
    fn from(faults: Faults) -> Self {
        Self::new(Exit::Configuration, faults.to_string()).hint("`counterfoil config show --example` prints every setting with its meaning")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_help_names_every_number() {
        for exit in
            [Exit::Done, Exit::Failed, Exit::Usage, Exit::Configuration, Exit::Refused, Exit::Unproven, Exit::NotVouched, Exit::Unavailable]
        {
            assert!(HELP.lines().any(|line| line.starts_with(&format!("  {} ", exit.code()))), "{exit:?}");
        }
    }

    #[test]
    fn an_error_reads_as_one_line_and_a_hint() {
        let error = CliError::new(Exit::Failed, "the disk is full").hint("free some space");
        assert_eq!(error.to_string(), "error: the disk is full\nhint: free some space");
    }
}
