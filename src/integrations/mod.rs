//! What lies outside the portal and its database. Each is told something and asked nothing: no answer of theirs changes what the portal does.

pub mod anchors;
pub mod smtp;
