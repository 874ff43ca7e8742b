//! `doctor`: what is wrong with this machine or the configuration, and what to do about it.

use clap::Args as ClapArgs;

use super::exit::{CliError, Exit};
use super::{Settings, say};
use crate::clock::Clock;
use crate::config::{Config, Fault, Faults, Origin};

mod machine;
mod mail;
mod store;

pub use store::database;

/// Arguments of `doctor`.
#[derive(ClapArgs)]
#[command(after_help = "Example:\n  counterfoil doctor --config /etc/counterfoil.toml")]
pub struct Args {
    #[command(flatten)]
    settings: Settings,
}

/// How a check came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// As it should be.
    Good,
    /// It works, but not as well or as safely as it could.
    Warning,
    /// The portal would not work.
    Bad,
}

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// What was looked at, in a word or two.
    pub name: &'static str,
    /// How it came out.
    pub verdict: Verdict,
    /// What was found.
    pub found: String,
    /// What to do about it.
    pub hint: Option<String>,
}

impl Check {
    /// As it should be.
    pub fn good(name: &'static str, found: impl Into<String>) -> Self {
        Self { name, verdict: Verdict::Good, found: found.into(), hint: None }
    }

    /// Not as it could be.
    pub fn warning(name: &'static str, found: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { name, verdict: Verdict::Warning, found: found.into(), hint: Some(hint.into()) }
    }

    /// It would not work.
    pub fn bad(name: &'static str, found: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { name, verdict: Verdict::Bad, found: found.into(), hint: Some(hint.into()) }
    }
}

/// Runs all checks. `database` adds those that need the store; it is called only with a configuration that has no faults.
///
/// # Errors
/// If a check came out bad, after all of them were printed.
pub fn run(args: &Args, database: impl FnOnce(&Config) -> Vec<Check>) -> Result<(), CliError> {
    let config = Config::load(&args.settings.inputs());
    let mut checks = of_configuration(&config);
    checks.extend(machine::clock(&Clock::system()));
    if let Ok(config) = &config {
        checks.push(machine::disk(config.database.file()));
        checks.push(machine::open_files(config));
        checks.push(machine::listen(config.listen));
        checks.extend(machine::certificate(config, &Clock::system()));
        checks.extend(config.smtp.as_ref().map(mail::check));
        checks.extend(database(config));
    }
    say(&report(&checks))?;
    verdict(&checks, config.is_err())
}

fn of_configuration(config: &Result<Config, Faults>) -> Vec<Check> {
    match config {
        Ok(config) => {
            let own = config.show().iter().filter(|line| line.origin != Origin::Default).count();
            let mut checks = vec![Check::good("configuration", format!("{} settings, {own} of them set by you", config.show().len()))];
            if config.public_url.is_none() {
                let hint = "set public_url, so that links in messages lead somewhere";
                checks.push(Check::warning("public address", "public_url is not set", hint));
            }
            checks
        }
        Err(faults) => faults.0.iter().map(of_fault).collect(),
    }
}

/// A fault in two lines: what is wrong, and under it what would be right.
fn of_fault(fault: &Fault) -> Check {
    let value = fault.shown.as_ref().map(|shown| format!(" = {shown:?}")).unwrap_or_default();
    Check::bad("configuration", format!("{}{value} ({}): {}", fault.setting, fault.origin, fault.wrong), fault.right.clone())
}

fn report(checks: &[Check]) -> String {
    let width = checks.iter().map(|check| check.name.len()).max().unwrap_or(0);
    let line = |check: &Check| {
        let word = match check.verdict {
            Verdict::Good => "good",
            Verdict::Warning => "warn",
            Verdict::Bad => "BAD ",
        };
        let hint = check.hint.as_ref().map(|hint| format!("{:indent$}{hint}\n", "", indent = width + 8)).unwrap_or_default();
        format!("{word}  {:width$}  {}\n{hint}", check.name, check.found)
    };
    checks.iter().map(line).collect()
}

fn verdict(checks: &[Check], configuration_is_bad: bool) -> Result<(), CliError> {
    let bad = checks.iter().filter(|check| check.verdict == Verdict::Bad).count();
    if bad == 0 {
        return Ok(());
    }
    let exit = if configuration_is_bad { Exit::Configuration } else { Exit::Failed };
    Err(CliError::new(exit, format!("{bad} check{} came out bad", if bad == 1 { "" } else { "s" })))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Inputs;

    #[test]
    fn the_report_says_what_to_do_and_the_exit_code_follows() {
        let checks = [Check::good("disk", "fine"), Check::warning("open files", "few", "raise"), Check::bad("mail", "silent", "start")];
        let text = report(&checks);
        let lines = [
            "good  disk        fine",
            "warn  open files  few",
            "                  raise",
            "BAD   mail        silent",
            "                  start",
        ];
        assert_eq!(text.lines().collect::<Vec<_>>(), lines);
        assert!(verdict(&checks[..2], false).is_ok());
        assert_eq!(verdict(&checks, false).unwrap_err().exit, Exit::Failed);
        assert_eq!(verdict(&checks, true).unwrap_err().to_string(), "error: 1 check came out bad");
    }

    #[test]
    fn every_fault_of_the_configuration_is_a_check() {
        let load = |flags: Vec<(&'static str, String)>| Config::load(&Inputs { flags, directory: "/nowhere".into(), ..Inputs::default() });
        let bad = of_configuration(&load(vec![("listen", "x".to_owned()), ("workers", "0".to_owned())]));
        assert_eq!(bad.iter().map(|check| check.verdict).collect::<Vec<_>>(), [Verdict::Bad, Verdict::Bad]);
        let good = of_configuration(&load(vec![("public_url", "https://rewards.example".to_owned())]));
        assert!(good.len() == 1 && good[0].found.ends_with("1 of them set by you"), "{good:?}");
    }
}
