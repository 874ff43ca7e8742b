//! One row of a table as it was read, without a copy of any cell.

use crate::domain::import::cells::Cells;

/// Where a field stands in the text of its record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    pub(super) start: u32,
    pub(super) end: u32,
    /// Quotes inside still have to be taken out.
    pub(super) raw: bool,
}

/// A row, borrowed from the reader until the next one is read.
#[derive(Clone, Copy, Debug)]
pub struct Row<'a> {
    /// The line in the file where the record starts (for a spreadsheet: the row's number), counted from 1.
    pub line: u64,
    pub(super) text: &'a str,
    pub(super) spans: &'a [Span],
    pub(super) width: usize,
}

/// What is wrong with the form of a row, before any cell is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// As many fields as the header has; or more, and the extra ones are empty.
    Fits,
    /// No field holds anything but spaces.
    Blank,
    /// Another number of fields than the header has.
    Ragged {
        /// Fields in the row.
        found: usize,
        /// Columns in the header.
        expected: usize,
    },
}

impl Shape {
    /// The code of the row's fault, `None` where the row fits.
    pub fn code(self) -> Option<&'static str> {
        match self {
            Self::Fits => None,
            Self::Blank => Some("blank"),
            Self::Ragged { .. } => Some("ragged"),
        }
    }

    /// The same in words; empty where the row fits.
    pub fn message(self) -> String {
        match self {
            Self::Fits => String::new(),
            Self::Blank => "The row is empty".to_owned(),
            Self::Ragged { found, expected } => {
                format!("The row has {found} fields and the header {expected}: a separator or a quotation mark is missing or too many")
            }
        }
    }
}

impl<'a> Row<'a> {
    /// Field `at`, counted from 0; empty past the end of the row.
    pub fn get(&self, at: usize) -> &'a str {
        self.spans.get(at).and_then(|span| self.text.get(span.start as usize..span.end as usize)).unwrap_or_default()
    }

    /// All fields in order.
    pub fn fields(&self) -> impl Iterator<Item = &'a str> {
        let (text, spans) = (self.text, self.spans);
        spans.iter().map(move |span| text.get(span.start as usize..span.end as usize).unwrap_or_default())
    }

    /// Number of fields in the row itself.
    pub fn len(&self) -> usize {
        self.spans.len()
    }

    /// True for a row without any field.
    pub fn is_empty(&self) -> bool {
        self.spans.is_empty()
    }

    /// Compares the row with the header.
    pub fn shape(&self) -> Shape {
        let blank = |field: &str| field.trim().is_empty();
        let first_holds = self.spans.first().is_some_and(|span| span.end > span.start) && !blank(self.get(0));
        if !first_holds && self.fields().all(blank) {
            return Shape::Blank;
        }
        if self.len() < self.width || (self.len() > self.width && self.fields().skip(self.width).any(|field| !blank(field))) {
            return Shape::Ragged { found: self.len(), expected: self.width };
        }
        Shape::Fits
    }
}

impl Cells for Row<'_> {
    fn cell(&self, at: usize) -> &str {
        self.get(at)
    }
}
