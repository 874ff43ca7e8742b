//! Counterfoil: the back office for rewards. A partner's administrators query, export, reconcile and close their reward budgets.
//!
//! The map, from the door down: `cli` starts everything; `web` and `api` turn requests into actions; `actions` are the use cases;
//! `domain` holds the rules and knows nothing of the rest; `formats` reads and writes files; `store` is the only way to the database.

#![warn(missing_docs)]
#![forbid(unsafe_code)]

pub mod actions;
pub mod cli;
pub mod clock;
pub mod config;
pub mod domain;
pub mod formats;
pub mod integrations;
pub mod jobs;
pub mod metrics;
pub mod store;
pub mod telemetry;
pub mod web;
