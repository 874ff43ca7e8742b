//! The back office for rewards: regions, budgets, transactions, imports, exports, and the proof of who did what.
//!
//! Floors from top to bottom: `cli`, `web` and `api`, `actions`, `store`, `domain`. A test holds the arrows between them.

#![warn(missing_docs)]

pub mod domain;
