//! Every test of the crate in one binary.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that cannot go on has failed")]

mod cli;
mod domain;
mod formats;
mod imports;
mod store;
mod support;
mod tidy;
mod web;
