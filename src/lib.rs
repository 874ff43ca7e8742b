//! Counterfoil: the back office for rewards.
#![forbid(unsafe_code)]

pub mod domain;
pub mod formats;
