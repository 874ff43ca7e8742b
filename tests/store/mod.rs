//! The store, on both engines.

mod budgets;
mod audit;
mod writer;
