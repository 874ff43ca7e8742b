//! The rules: pure values and decisions, with no clock, no database and no HTTP.

pub mod currency;
pub mod id;
pub mod money;
pub mod time;
