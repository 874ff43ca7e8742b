//! The file of refused rows: what was in the file, and beside it why.

use crate::domain::id::ImportId;
use crate::formats::write_csv::{CsvRow, Preset};
use crate::store::Store;
use crate::store::failure::DbError;
use crate::store::imports::{self, RefusedRow};

/// Rows in one part of the file.
const PART: i64 = 500;

/// A file in the making.
pub struct File {
    csv: CsvRow,
    width: usize,
}

impl File {
    /// With its header. The file's own columns come first, so that it can be corrected and loaded again as it is. Cells that a
    /// spreadsheet would run are guarded.
    pub fn new(headers: &[String]) -> Self {
        let mut csv = CsvRow::new(Preset::Excel, 16 << 10);
        for header in headers {
            csv.text(header);
        }
        for header in ["line", "error_code", "error_field", "error_message"] {
            csv.code(header);
        }
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

/// The refused rows of an import, part by part.
pub struct Parts {
    store: Store,
    id: ImportId,
    file: File,
    after: Option<i64>,
}

impl Parts {
    /// From the first row on.
    pub fn new(store: &Store, id: ImportId, headers: &[String]) -> Self {
        Self { store: store.clone(), id, file: File::new(headers), after: Some(0) }
    }

    /// The next bytes; `None` at the end. Each part is read from a snapshot of its own: refused rows do not change once their import has
    /// ended.
    pub async fn next(&mut self) -> Result<Option<Vec<u8>>, DbError> {
        let Some(after) = self.after else { return Ok(None) };
        let mut read = self.store.read().await?;
        let rows = imports::refusals(&mut read, self.id, after, PART).await?;
        drop(read);
        for row in &rows {
            self.file.row(row);
        }
        self.after = rows.last().filter(|_| rows.len() as i64 == PART).map(|row| row.line);
        Ok(Some(self.file.take()))
    }
}
