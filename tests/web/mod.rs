//! The portal over HTTP, on both engines.

mod admin;
pub mod budgets;
mod files;
pub mod imports;
mod refusals;
mod setup;
mod sign_in;
mod transactions;
mod wall;
