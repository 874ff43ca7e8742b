//! The portal over HTTP, on both engines.

mod admin;
mod setup;
mod sign_in;
