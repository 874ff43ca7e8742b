//! Use cases: one file a noun, one function a thing that can be done. Portal, API, jobs and command line all call these.

pub mod approval_policies;
pub mod approvals;
pub mod audit;
pub mod audit_export;
pub mod audit_keys;
pub mod backups;
pub mod budgets;
pub mod budgets_move;
pub mod budgets_plan;
mod budgets_rules;
pub mod checkpoints;
pub mod demo;
pub mod exports;
pub mod exports_budgets;
pub mod imports;
pub mod organisation;
pub mod passwords;
pub mod people;
pub mod proof;
pub mod recipients;
pub mod regions;
pub mod restores;
pub mod settings;
pub mod setup;
pub mod sign_in;
pub mod transactions;
