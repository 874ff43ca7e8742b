//! `config show`: which settings are in force and where each came from.

use clap::{Args as ClapArgs, Subcommand};

use super::exit::CliError;
use super::{Settings, say};
use crate::config::{Config, Shown};

/// Arguments of `config`.
#[derive(ClapArgs)]
#[command(after_help = "Example:\n  counterfoil config show --config /etc/counterfoil.toml")]
pub struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// Print each setting with its value and where it came from; passwords are hidden
    Show(Show),
}

/// Arguments of `config show`.
#[derive(ClapArgs)]
#[command(after_help = "Examples:\n  counterfoil config show\n  counterfoil config show --example > counterfoil.toml")]
pub struct Show {
    #[command(flatten)]
    settings: Settings,
    /// Print a commented file with every setting and its meaning instead
    #[arg(long)]
    example: bool,
}

/// Runs `config`.
///
/// # Errors
/// The faults of the configuration.
pub fn run(args: &Args) -> Result<(), CliError> {
    let What::Show(show) = &args.what;
    if show.example {
        return say(&Config::example());
    }
    let config = Config::load(&show.settings.inputs())?;
    say(&table(config.show()))
}

fn table(lines: &[Shown]) -> String {
    let value = |line: &Shown| if line.value.is_empty() { "(not set)".to_owned() } else { line.value.clone() };
    let names = lines.iter().map(|line| line.name.len()).max().unwrap_or(0);
    let values = lines.iter().map(|line| value(line).chars().count()).max().unwrap_or(0);
    lines.iter().map(|line| format!("{:names$}  {:values$}  {}\n", line.name, value(line), line.origin)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Inputs;

    #[test]
    fn every_setting_has_a_line_with_its_value_and_origin() {
        let directory = tempfile::tempdir().unwrap();
        let flags = vec![
            ("listen", "127.0.0.1:9".to_owned()),
            ("smtp_url", "smtp://me:hunter2@mail.example".to_owned()),
            ("public_url", "https://rewards.example".to_owned()),
        ];
        let config = Config::load(&Inputs { flags, directory: directory.path().to_path_buf(), ..Inputs::default() }).unwrap();
        let text = table(config.show());
        assert_eq!(text.lines().count(), config.show().len());
        let line = |name: &str| text.lines().find(|line| line.starts_with(name)).unwrap().split_whitespace().collect::<Vec<_>>().join(" ");
        assert_eq!(line("listen"), "listen 127.0.0.1:9 flag --listen");
        assert_eq!(line("public_url"), "public_url https://rewards.example flag --public-url");
        assert_eq!(line("smtp_url"), "smtp_url smtp://me:***@mail.example flag --smtp-url");
        assert!(!text.contains("hunter2"));
    }
}
