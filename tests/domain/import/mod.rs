//! From a cell to a draft.

mod date;
mod draft;
mod number;
mod suggest;
