//! Every test of the crate, in one binary.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that meets what it does not expect stops there")]

mod support;
mod tidy;
