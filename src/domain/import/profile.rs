//! What the columns of a file hold, counted while its rows go by.

use std::collections::HashMap;

use super::cells::Cells;
use super::date::DateVotes;
use super::number::NumberVotes;

/// Different values that are counted one by one; a column with more has no set of values worth mapping.
pub const DISTINCT: usize = 200;
const SAMPLES: usize = 3;
/// A value that is shown or kept is cut here.
const SHOWN: usize = 120;

/// One column.
#[derive(Clone, Debug, Default)]
pub struct ColumnProfile {
    /// Its name.
    pub header: String,
    /// Rows looked at.
    pub rows: u64,
    /// Rows with anything in it.
    pub filled: u64,
    /// The first three different values.
    pub samples: Vec<String>,
    /// How its numbers are written.
    pub numbers: NumberVotes,
    /// How its dates are written.
    pub dates: DateVotes,
    distinct: HashMap<String, u64>,
    too_many: bool,
}

impl ColumnProfile {
    /// Filled rows in a hundred, rounded down; 0 without rows.
    pub fn fill_percent(&self) -> u64 {
        (self.filled * 100).checked_div(self.rows).unwrap_or(0)
    }

    /// Its values with their counts, the most frequent first; `None` where there are more than [`DISTINCT`].
    pub fn values(&self) -> Option<Vec<(&str, u64)>> {
        if self.too_many {
            return None;
        }
        let mut values: Vec<(&str, u64)> = self.distinct.iter().map(|(text, count)| (text.as_str(), *count)).collect();
        values.sort_unstable_by(|one, other| other.1.cmp(&one.1).then(one.0.cmp(other.0)));
        Some(values)
    }

    /// How many different values were counted, at most [`DISTINCT`].
    pub fn distinct(&self) -> usize {
        self.distinct.len()
    }

    fn add(&mut self, text: &str) {
        self.rows += 1;
        let text = text.trim();
        if text.is_empty() {
            return;
        }
        self.filled += 1;
        self.numbers.add(text);
        self.dates.add(text);
        if let Some(count) = self.distinct.get_mut(text) {
            *count += 1;
            return;
        }
        if self.samples.len() < SAMPLES {
            self.samples.push(text.chars().take(SHOWN).collect());
        }
        if self.distinct.len() >= DISTINCT || text.len() > 4 * SHOWN {
            self.too_many = true;
        } else if !self.too_many {
            self.distinct.insert(text.to_owned(), 1);
        }
    }
}

/// All columns of a file.
#[derive(Clone, Debug)]
pub struct Profile {
    /// In the file's order.
    pub columns: Vec<ColumnProfile>,
}

impl Profile {
    /// For these headers, before the first row.
    pub fn new(headers: &[String]) -> Self {
        Self { columns: headers.iter().map(|header| ColumnProfile { header: header.clone(), ..ColumnProfile::default() }).collect() }
    }

    /// Counts one row. For a preview the first 1,000 are enough; for the values of a region's column, all.
    pub fn add(&mut self, row: &(impl Cells + ?Sized)) {
        for (at, column) in self.columns.iter_mut().enumerate() {
            column.add(row.cell(at));
        }
    }
}

/// The different values of one column over a whole file, for mapping them: the first `cap` of them with their counts.
#[derive(Clone, Debug)]
pub struct Values {
    counts: HashMap<String, u64>,
    cap: usize,
    /// Rows whose value came after the cap was reached.
    pub beyond: u64,
}

impl Values {
    /// Counts up to `cap` different values.
    pub fn new(cap: usize) -> Self {
        Self { counts: HashMap::new(), cap, beyond: 0 }
    }

    /// Counts one cell; an empty one is not counted.
    pub fn add(&mut self, text: &str) {
        let text = text.trim();
        if text.is_empty() {
            return;
        }
        if let Some(count) = self.counts.get_mut(text) {
            *count += 1;
        } else if self.counts.len() < self.cap {
            self.counts.insert(text.to_owned(), 1);
        } else {
            self.beyond += 1;
        }
    }

    /// The values, the most frequent first.
    pub fn sorted(self) -> Vec<(String, u64)> {
        let mut values: Vec<(String, u64)> = self.counts.into_iter().collect();
        values.sort_unstable_by(|one, other| other.1.cmp(&one.1).then_with(|| one.0.cmp(&other.0)));
        values
    }
}
