//! The store, on both engines.

mod audit;
mod budgets;
mod writer;
