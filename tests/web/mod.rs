//! The portal over HTTP, on both engines.

mod budgets;
mod admin;
mod setup;
mod sign_in;
