//! `user`: the people who sign in.

use clap::{Args as ClapArgs, Subcommand};

use super::Settings;

/// Arguments of `user`.
#[derive(ClapArgs)]
#[command(after_help = "Example:\n  counterfoil user list")]
pub struct Args {
    /// What to do.
    #[command(subcommand)]
    pub what: What,
}

/// What `user` can do.
#[derive(Subcommand)]
pub enum What {
    /// Add a person; prints a one-time link with which they choose a password
    Create(Create),
    /// List the people, their state and their roles
    List(List),
    /// Stop a person from signing in, and end their sessions
    Suspend(One),
    /// Print a one-time link with which a person chooses a new password, and end their sessions
    Reset(One),
}

/// Arguments of `user create`.
#[derive(ClapArgs)]
#[command(after_help = "Example:\n  counterfoil user create ana@example.com --name \"Ana Reyes\" --role region-admin --region Iberia")]
pub struct Create {
    /// The e-mail address with which the person signs in
    #[arg(value_name = "E-MAIL")]
    pub email: String,
    /// The person's name
    #[arg(long)]
    pub name: String,
    /// The role to give
    #[arg(long)]
    pub role: String,
    /// The region, by name or id, in whose subtree the role holds; all regions if left out
    #[arg(long)]
    pub region: Option<String>,
    /// Settings given as flags.
    #[command(flatten)]
    pub settings: Settings,
}

/// Arguments of `user list`.
#[derive(ClapArgs)]
#[command(after_help = "Example:\n  counterfoil user list --database sqlite:rewards.db")]
pub struct List {
    /// Settings given as flags.
    #[command(flatten)]
    pub settings: Settings,
}

/// Arguments of a command about one person.
#[derive(ClapArgs)]
#[command(after_help = "Examples:\n  counterfoil user suspend ana@example.com\n  counterfoil user reset ana@example.com")]
pub struct One {
    /// The person's e-mail address
    #[arg(value_name = "E-MAIL")]
    pub email: String,
    /// Settings given as flags.
    #[command(flatten)]
    pub settings: Settings,
}
