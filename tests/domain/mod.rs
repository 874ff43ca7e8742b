//! The rules of the field.

mod import;
