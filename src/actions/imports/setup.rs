//! What is known of a file while its mapping is made: the mapping so far, and what its columns hold.

use serde::{Deserialize, Serialize};

use crate::domain::import::profile::{Profile, Values};
use crate::domain::import::suggest::{self, Suggestion};
use crate::domain::import::{DateVotes, Mapping, NumberVotes};
use crate::formats::{FileFault, Opened};

/// Rows looked at in full; after them only what a mapping is asked about is counted.
const PREVIEW: u64 = 1000;
/// Different values of a column that are kept for mapping.
pub const VALUES_MOST: usize = 200;
/// A value longer than this is text, not a name of something.
const VALUE_LONGEST: usize = 120;

/// The mapping of one import, as it is kept while it is made and used.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Setup {
    /// Which column is which field.
    pub mapping: Mapping,
    /// The name under which it is kept for the next file; empty for none.
    #[serde(default)]
    pub name: String,
    /// The file's columns, in their order.
    #[serde(default)]
    pub headers: Vec<String>,
    /// What the columns hold; forgotten when the import ends.
    #[serde(default)]
    pub survey: Option<Survey>,
}

impl Setup {
    /// Reads the form in the store.
    pub fn read(text: &str) -> Option<Self> {
        serde_json::from_str(text).ok()
    }

    /// The form in the store. Maps with text keys and plain values always serialise.
    pub fn text(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }
}

/// What a file's columns hold.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Survey {
    /// `CSV, comma, UTF-8`.
    pub kind: String,
    /// Rows below the header.
    pub rows: u64,
    /// In the file's order.
    pub columns: Vec<Column>,
}

/// One column.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Column {
    /// Its name.
    pub header: String,
    /// Rows with anything in it.
    pub filled: u64,
    /// The first different values.
    pub samples: Vec<String>,
    /// Its values with their counts, the most frequent first; empty where there are too many to map.
    pub values: Vec<(String, u64)>,
    /// How its numbers are written: only with a point, only with a comma, either way, numbers at all.
    pub numbers: [u64; 4],
    /// How its dates are written: only day first, only month first, either way, dates at all.
    pub dates: [u64; 4],
}

impl Survey {
    /// The columns' names.
    pub fn headers(&self) -> Vec<String> {
        self.columns.iter().map(|column| column.header.clone()).collect()
    }

    /// A column by its name.
    pub fn column(&self, header: &str) -> Option<&Column> {
        self.columns.iter().find(|column| column.header == header)
    }

    /// As the rules for number and date style read it.
    pub fn profile(&self) -> Profile {
        let mut profile = Profile::new(&self.headers());
        for (to, from) in profile.columns.iter_mut().zip(&self.columns) {
            (to.rows, to.filled) = (self.rows, from.filled);
            let [point, comma, both, numbers] = from.numbers;
            to.numbers = NumberVotes { point, comma, both, numbers };
            let [day_first, month_first, both, dates] = from.dates;
            to.dates = DateVotes { day_first, month_first, both, dates };
        }
        profile
    }
}

/// What is counted of one column after the preview.
struct Watch {
    values: Option<Values>,
    numbers: bool,
    dates: bool,
}

/// Reads a file to its end and says what its columns hold, with a first mapping. Blocks; memory stays flat.
pub fn survey(mut opened: Opened) -> Result<(Survey, Suggestion), FileFault> {
    let mut profile = Profile::new(&opened.headers);
    let mut watches: Vec<Watch> =
        profile.columns.iter().map(|_| Watch { values: Some(Values::new(VALUES_MOST)), numbers: true, dates: true }).collect();
    let mut rows = 0u64;
    let mut filled = vec![0u64; watches.len()];
    while let Some(row) = opened.rows.next_row()? {
        rows += 1;
        if rows <= PREVIEW {
            profile.add(&row);
        } else if rows == PREVIEW + 1 {
            narrow(&profile, &mut watches);
        }
        for (at, ((watch, filled), column)) in watches.iter_mut().zip(&mut filled).zip(&mut profile.columns).enumerate() {
            let text = row.get(at).trim();
            if text.is_empty() {
                continue;
            }
            *filled += 1;
            if let Some(values) = &mut watch.values {
                values.add(text);
                if values.beyond > 0 || text.len() > VALUE_LONGEST * 4 {
                    watch.values = None;
                }
            }
            if rows > PREVIEW && watch.numbers {
                column.numbers.add(text);
            }
            if rows > PREVIEW && watch.dates {
                column.dates.add(text);
            }
        }
    }
    let suggestion = suggest::suggest(&profile);
    let columns = profile.columns.into_iter().zip(watches).zip(filled).map(|((column, watch), filled)| Column {
        header: column.header,
        filled,
        samples: column.samples,
        values: watch.values.map(Values::sorted).unwrap_or_default(),
        numbers: [column.numbers.point, column.numbers.comma, column.numbers.both, column.numbers.numbers],
        dates: [column.dates.day_first, column.dates.month_first, column.dates.both, column.dates.dates],
    });
    Ok((Survey { kind: opened.kind.words(), rows, columns: columns.collect() }, suggestion))
}

/// After the preview only columns that look like values, numbers or dates are followed on.
fn narrow(profile: &Profile, watches: &mut [Watch]) {
    for (watch, column) in watches.iter_mut().zip(&profile.columns) {
        let most = |count: u64| column.filled > 0 && count * 10 >= column.filled * 9;
        watch.numbers = most(column.numbers.numbers);
        watch.dates = most(column.dates.dates);
        if watch.dates && !watch.numbers {
            watch.values = None;
        }
    }
}
