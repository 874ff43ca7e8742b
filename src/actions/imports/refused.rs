//! The file of refused rows: what was in the file, and beside it why.

use std::collections::BTreeMap;

use crate::domain::id::ImportId;
use crate::domain::import::Field;
use crate::domain::import::field::HIDDEN;
use crate::formats::write_csv::{CsvRow, Preset};
use crate::store::Store;
use crate::store::failure::DbError;
use crate::store::imports::{self, RefusedRow};

/// Rows in one part of the file.
const PART: i64 = 500;

/// What of a refused row is shown.
#[derive(Clone, Debug)]
pub enum Shown {
    /// All of it.
    Everything,
    /// Nothing that says who receives a reward: which field is in which column. A column that nobody has mapped may hold anything, and so may each
    /// of a row that has more or fewer cells than the file has columns.
    WithoutNames(BTreeMap<Field, String>),
}

impl Shown {
    fn column(&self, header: &str) -> bool {
        let Self::WithoutNames(mapped) = self else { return true };
        let mut fields = mapped.iter().filter(|(_, column)| *column == header).map(|(field, _)| field).peekable();
        fields.peek().is_some() && fields.all(|field| !field.is_personal())
    }

    /// The words about a row, which quote what is wrong with this field.
    pub fn message<'m>(&self, field: &str, message: &'m str) -> &'m str {
        let hides = matches!(self, Self::WithoutNames(_)) && Field::parse(field).is_some_and(Field::is_personal);
        if hides { HIDDEN } else { message }
    }
}

/// A file in the making.
pub struct File {
    csv: CsvRow,
    width: usize,
    shown: Shown,
    columns: Vec<bool>,
}

impl File {
    /// With its header. The file's own columns come first, so that it can be corrected and loaded again as it is. Cells that a
    /// spreadsheet would run are guarded.
    pub fn new(headers: &[String], shown: Shown) -> Self {
        let mut csv = CsvRow::new(Preset::Excel, 16 << 10);
        for header in headers {
            csv.text(header);
        }
        for header in ["line", "error_code", "error_field", "error_message"] {
            csv.code(header);
        }
        csv.end();
        let columns = headers.iter().map(|header| shown.column(header)).collect();
        Self { csv, width: headers.len(), shown, columns }
    }

    /// One row. Cells past the header's columns stand in no column: they are joined to the last one.
    pub fn row(&mut self, row: &RefusedRow) {
        let cells: Vec<String> = serde_json::from_str(&row.original).unwrap_or_default();
        let aligned = matches!(self.shown, Shown::Everything) || cells.len() == self.width;
        for at in 0..self.width {
            if !aligned || !self.columns.get(at).is_some_and(|shown| *shown) {
                self.csv.text(HIDDEN);
                continue;
            }
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
        self.csv.text(self.shown.message(&row.field, &row.message));
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
    pub fn new(store: &Store, id: ImportId, headers: &[String], shown: Shown) -> Self {
        Self { store: store.clone(), id, file: File::new(headers, shown), after: Some(0) }
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
