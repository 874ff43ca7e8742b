//! The rules of the field.

mod approval;
mod budget_burn_down;
mod budget_ledger;
mod import;
mod list_query;
mod passwords;
mod roles;
mod throttle;
mod totp;
