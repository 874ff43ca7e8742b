//! The one thing that drafting asks of a row.

/// A row's fields by their place; whoever reads files gives it.
pub trait Cells {
    /// The field in column `at`, counted from 0; empty where the row has none.
    fn cell(&self, at: usize) -> &str;
}

impl Cells for [&str] {
    fn cell(&self, at: usize) -> &str {
        self.get(at).copied().unwrap_or_default()
    }
}

impl Cells for Vec<String> {
    fn cell(&self, at: usize) -> &str {
        self.get(at).map(String::as_str).unwrap_or_default()
    }
}
