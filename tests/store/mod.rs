//! The store, on both engines.

mod writer;
