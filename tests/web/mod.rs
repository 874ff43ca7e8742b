//! The portal over HTTP, on both engines.

mod sign_in;
mod transactions;
