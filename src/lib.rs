//! Counterfoil: the back office of an organisation that pays rewards and answers for the money.

#![forbid(unsafe_code)]
#![warn(missing_docs)]

pub mod actions;
pub mod clock;
pub mod domain;
pub mod metrics;
pub mod store;
pub mod web;
