//! From a row of somebody else's file to a draft of a transaction: pure rules, no file and no database.
//!
//! A [`mapping::Mapping`] says which column is which field and what the words in it mean; prepared against a file's header it drafts row
//! after row, and names every fault of a row, not the first only.

pub mod cells;
pub mod date;
pub mod draft;
pub mod field;
mod identity;
pub mod mapping;
pub mod number;
pub mod prepare;
pub mod profile;
pub mod suggest;
pub mod words;

pub use cells::Cells;
pub use date::{DateOrder, DateVotes};
pub use draft::{Draft, RowFault};
pub use field::{Field, FieldKind};
pub use mapping::{Fixed, Mapping, WordMaps};
pub use number::{NumberStyle, NumberVotes};
pub use prepare::{MappingFault, PreparedMapping};
pub use profile::{ColumnProfile, Profile};
pub use suggest::{Suggestion, suggest};
