//! The store, on both engines.

mod audit;
mod writer;
