//! The command line: what can be asked for, and how the program ends.

use std::io::{ErrorKind, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::{Args, Parser, Subcommand};

use crate::actions::restores;
use crate::clock::{Clock, Random};
use crate::config::{Config, Inputs};
use crate::metrics::Metrics;
use crate::store::{Options, Store};
use exit::{CliError, Exit};

pub mod audit;
pub mod audit_key;
pub mod backup;
pub mod config;
pub mod demo;
pub mod doctor;
pub mod drill;
pub mod exit;
pub mod export;
pub mod import;
pub mod migrate;
pub mod progress;
pub mod restore;
pub mod serve;
pub mod user;

/// The portal for regional reward budgets: one program, one database.
#[derive(Parser)]
#[command(name = "counterfoil", version, after_help = exit::HELP, max_term_width = 100)]
#[command(propagate_version = false, subcommand_required = true, arg_required_else_help = true)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run the portal over a made-up company, with one-click sign-ins
    Demo(demo::Args),
    /// Run the portal
    Serve(serve::Args),
    /// Print the settings in force and where each came from
    Config(config::Args),
    /// Bring the database to this program's version
    Migrate(migrate::Args),
    /// Add, list, suspend and help people who sign in
    User(user::Args),
    /// Load a file of transactions, in the name of a person
    Import(import::Args),
    /// Write transactions as CSV, in the name of a person
    Export(export::Args),
    /// Prove that the audit trail was not touched
    Audit(audit::Args),
    /// Write a checked copy of the database while the portal runs
    Backup(backup::Args),
    /// Put a backup in place of the database
    Restore(restore::Args),
    /// Check this machine and the configuration, and say what to do about what is wrong
    Doctor(doctor::Args),
}

/// The flags that every command with settings takes.
#[derive(Args, Clone, Default)]
pub struct Settings {
    /// The configuration file; else COUNTERFOIL_CONFIG, else ./counterfoil.toml if it is there
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// sqlite:FILE or postgres://user:password@host:5432/name; a password is better kept in the file or the environment
    #[arg(long, value_name = "URL")]
    pub database: Option<String>,
    /// The address and port to answer on
    #[arg(long, value_name = "ADDRESS")]
    pub listen: Option<String>,
}

impl Settings {
    /// These flags over the environment and the file.
    pub fn inputs(&self) -> Inputs {
        let flag = |name: &'static str, value: &Option<String>| value.clone().map(|value| (name, value));
        let flags = [flag("database", &self.database), flag("listen", &self.listen)];
        Inputs::of_process(self.config.clone(), flags.into_iter().flatten().collect())
    }
}

/// Reads the command line, runs it, and says in one or two lines what went wrong.
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(refused) => {
            // Help goes to standard output and ends with 0, a mistake to standard error with 2; a closed pipe is no mistake.
            let _ = refused.print();
            return if refused.use_stderr() { Exit::Usage } else { Exit::Done }.into();
        }
    };
    match run(cli.command) {
        Ok(()) => Exit::Done.into(),
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "{error}");
            error.exit.into()
        }
    }
}

fn run(command: Command) -> Result<(), CliError> {
    match command {
        Command::Demo(args) => demo::run(&args),
        Command::Serve(args) => serve::run(&args),
        Command::Config(args) => config::run(&args),
        Command::Migrate(args) => migrate::run(&args),
        Command::User(args) => user::run(&args),
        Command::Import(args) => import::run(&args),
        Command::Export(args) => export::run(&args),
        Command::Audit(args) => audit::run(&args),
        Command::Backup(args) => backup::run(&args),
        Command::Restore(args) => restore::run(&args),
        Command::Doctor(args) => doctor::run(&args, doctor::database),
    }
}

/// Opens the store a command works on, and brings its schema up to date.
async fn open(config: &Config) -> Result<Store, CliError> {
    let options = Options { read_connections: 2, ..Options::of(config.database.url()) };
    Ok(Store::open(&options, Clock::system(), Random::system(), Arc::new(Metrics::new())).await?)
}

/// The same, of a database that is there: a command that reads or changes people makes no new file for a name that was mistyped. One that is older
/// than what was anchored is held, as `serve` holds it.
async fn open_existing(config: &Config) -> Result<Store, CliError> {
    let store = open_to_look(config).await?;
    restores::look(&store, &audit::proving(config)).await?;
    Ok(store)
}

/// The same, of one that is looked at as it is.
async fn open_to_look(config: &Config) -> Result<Store, CliError> {
    if config.database.file().is_some_and(|file| !file.is_file()) {
        return Err(missing(config));
    }
    open(config).await
}

fn missing(config: &Config) -> CliError {
    let hint = "`counterfoil serve` makes a new one; --database names another";
    CliError::new(Exit::Unavailable, format!("there is no database at {}", config.database.shown())).hint(hint)
}

/// Says on standard error what went wrong beside the work that was done.
fn warn(text: &str) {
    // There is nobody else to tell.
    let _ = writeln!(std::io::stderr(), "warning: {text}");
}

/// Writes to standard output. A reader that has gone (`| head`) is no error.
///
/// # Errors
/// If the text cannot be written, such as on a full disk.
pub fn say(text: &str) -> Result<(), CliError> {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(CliError::new(Exit::Failed, format!("cannot write to standard output: {error}")))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    fn all() -> Vec<clap::Command> {
        let args = |name, augment: fn(clap::Command) -> clap::Command| augment(clap::Command::new(name));
        let mut commands = vec![Cli::command(), args("import", import::Args::augment_args)];
        let mut at = 0;
        while at < commands.len() {
            let below: Vec<_> = commands[at].get_subcommands().cloned().collect();
            commands.extend(below);
            at += 1;
        }
        commands
    }

    #[test]
    fn the_definition_is_sound_and_every_command_has_an_example() {
        for command in all() {
            command.clone().debug_assert();
            let after = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            let expected = if command.get_name() == "counterfoil" { "Exit codes:" } else { "Example" };
            assert!(after.contains(expected), "{} has no example", command.get_name());
            for argument in command.get_arguments().filter(|argument| argument.get_id() != "help" && argument.get_id() != "version") {
                assert!(argument.get_help().is_some(), "{} {} says nothing", command.get_name(), argument.get_id());
            }
        }
        assert!(all().len() >= 18);
    }

    #[test]
    fn flags_reach_the_settings() {
        let settings = Settings { listen: Some("127.0.0.1:9".to_owned()), ..Settings::default() };
        assert_eq!(settings.inputs().flags, [("listen", "127.0.0.1:9".to_owned())]);
    }

    #[test]
    fn a_mistake_is_a_usage_error() {
        for line in [&["counterfoil", "confog"][..], &["counterfoil", "config"], &["counterfoil", "doctor", "--colour"], &["counterfoil"]] {
            assert!(Cli::try_parse_from(line).is_err_and(|error| error.use_stderr()), "{line:?}");
        }
        assert!(Cli::try_parse_from(["counterfoil", "--help"]).is_err_and(|help| !help.use_stderr()));
    }
}
