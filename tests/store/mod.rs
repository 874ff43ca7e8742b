//! The store, on both engines.

mod budgets;
mod writer;
