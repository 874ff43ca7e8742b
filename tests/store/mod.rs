//! The store, on both engines.

mod audit;
mod budgets;
mod transactions;
mod writer;
