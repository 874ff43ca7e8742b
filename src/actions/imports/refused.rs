//! The file of refused rows: what was in the file, and beside it why.

use crate::formats::write_csv::{CsvRow, Preset};
use crate::store::imports::RefusedRow;

/// A file in the making.
pub struct File {
    csv: CsvRow,
    width: usize,
}

impl File {
    /// With its header. The file's own columns come first, so that it can be corrected and loaded again as it is. Cells that a spreadsheet would run
    /// are guarded.
    pub fn new(headers: &[String]) -> Self {
        let mut csv = CsvRow::new(Preset::Excel, 16 << 10);
        headers.iter().for_each(|header| csv.text(header));
        ["line", "error_code", "error_field", "error_message"].iter().for_each(|header| csv.code(header));
        csv.end();
        Self { csv, width: headers.len() }
    }

    /// One row. Cells past the header's columns stand in no column: they are joined to the last one.
    pub fn row(&mut self, row: &RefusedRow) {
        let cells: Vec<String> = serde_json::from_str(&row.original).unwrap_or_default();
        for at in 0..self.width {
            match cells.get(at) {
                Some(last) if at + 1 == self.width && cells.len() > self.width => {
                    let rest: Vec<&str> = std::iter::once(last.as_str()).chain(cells.iter().skip(self.width).map(String::as_str)).collect();
                    self.csv.text(&rest.join(" "));
                }
                Some(cell) => self.csv.text(cell),
                None => self.csv.empty(),
            }
        }
        self.csv.integer(row.line);
        self.csv.code(&row.code);
        self.csv.code(&row.field);
        self.csv.text(&row.message);
        self.csv.end();
    }

    /// The bytes so far.
    pub fn take(&mut self) -> Vec<u8> {
        self.csv.take()
    }
}
