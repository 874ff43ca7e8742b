//! The rules of the field.

mod import;
mod list_query;
