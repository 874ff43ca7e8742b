//! The rules, and nothing else: no async, no SQL, no HTTP, no clock. Time, randomness and the actor are arguments.

pub mod access;
pub mod approval;
pub mod audit;
pub mod budget;
pub mod budget_attention;
pub mod burn_down;
pub mod currency;
pub mod device;
pub mod exchange;
pub mod id;
pub mod import;
pub mod letter;
pub mod list_query;
pub mod money;
pub mod passkey;
pub mod password;
pub mod password_words;
pub mod proof;
pub mod refusal;
pub mod retention;
pub mod role;
pub mod text;
pub mod throttle;
pub mod time;
pub mod totp;
pub mod transaction;
