//! The portal over HTTP, on both engines.

mod admin;
mod budgets;
mod setup;
mod sign_in;
