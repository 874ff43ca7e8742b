//! Every test of the crate in one binary.

#![allow(
    clippy::inconsistent_digit_grouping,
    clippy::assigning_clones,
    clippy::items_after_statements,
    clippy::needless_continue,
    clippy::needless_for_each,
    reason = "10_000_00 is ten thousand and no cents; a test reads top to bottom, and its speed is no matter"
)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that cannot go on has failed")]

mod cli;
mod domain;
mod faults;
mod formats;
mod imports;
mod matrix;
mod proof;
mod store;
mod support;
mod tidy;
mod web;
