//! What an auditor can check by herself: signed notes, the tree of hashes over the events, and checkpoints that bind both (`security.md` 5.2).

pub mod checkpoint;
pub mod merkle;
pub mod note;
pub mod once;
pub mod outside;
pub mod postings;
pub mod testimony;
