//! Every test of the crate in one binary.

mod domain;
mod formats;
mod support;
mod tidy;
