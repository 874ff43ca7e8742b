//! The store, on both engines.

mod approval_roles;
mod approvals;
mod audit;
mod budgets;
mod plans;
mod pressure;
mod roles;
mod schema;
mod transactions;
mod wall;
mod writer;
