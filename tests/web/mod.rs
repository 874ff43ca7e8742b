//! The portal over HTTP, on both engines.

mod budgets;
mod sign_in;
