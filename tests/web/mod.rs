//! The portal over HTTP, on both engines.

mod admin;
mod approvals;
pub mod budgets;
mod budgets_list;
mod every_answer;
mod evidence;
mod evidence_people;
mod files;
pub mod imports;
mod letters;
mod months;
mod passkeys;
mod recipients;
mod refusals;
mod roles;
mod roles_why;
mod second_factor;
mod sessions;
mod setup;
mod sign_in;
mod sign_in_tries;
mod step_up;
mod templates;
mod transactions;
mod wall;
