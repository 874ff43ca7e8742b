//! The store, on both engines.

mod approvals;
mod audit;
mod budgets;
mod pressure;
mod roles;
mod schema;
mod transactions;
mod wall;
mod writer;
