//! The portal over HTTP, on both engines.

mod admin;
mod budgets;
mod imports;
mod setup;
mod sign_in;
mod transactions;
mod wall;
