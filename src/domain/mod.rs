//! The rules of the field: plain types, no database, no network, no clock of their own.

pub mod currency;
pub mod id;
pub mod import;
pub mod list_query;
pub mod money;
pub mod time;
pub mod transaction;
