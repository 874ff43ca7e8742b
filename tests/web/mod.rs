//! The portal over HTTP, on both engines.

mod imports;
mod budgets;
mod admin;
mod setup;
mod sign_in;
