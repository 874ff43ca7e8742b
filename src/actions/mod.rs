//! Use cases: one file a noun, one function a thing that can be done. Portal, API, jobs and command line all call these.

pub mod audit;
pub mod backups;
pub mod budgets;
pub mod budgets_move;
pub mod budgets_plan;
mod budgets_rules;
pub mod demo;
pub mod exports;
pub mod exports_budgets;
pub mod imports;
pub mod organisation;
pub mod passwords;
pub mod people;
pub mod regions;
pub mod settings;
pub mod setup;
pub mod sign_in;
pub mod transactions;
