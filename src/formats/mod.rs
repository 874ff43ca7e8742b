//! Files that people hand in, read as tables; and the writers of CSV and of workbooks.
//!
//! [`open`] looks at the content, not at the name alone, and gives the header and a streaming reader. Memory stays flat whatever the file
//! holds: every cap stands in [`Limits`], every refusal is a [`FileFault`] with words for a person.

mod csv;
mod encoding;
mod fault;
mod headers;
mod limits;
mod prescan;
mod row;
mod sniff;
mod split;
pub mod write_csv;
pub mod write_xlsx;
mod xlsx;

use std::fs::File;

pub use csv::CsvReader;
pub use encoding::Encoding;
pub use fault::FileFault;
pub use limits::Limits;
pub use row::{Row, Shape, Span};
pub use split::Delimiter;
pub use xlsx::SheetReader;

/// What somebody told about the file; what is not told is found out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hints {
    /// The separator of a text file.
    pub delimiter: Option<Delimiter>,
    /// The sheet of a workbook; otherwise the first visible one.
    pub sheet: Option<String>,
}

/// What the file turned out to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Delimited text.
    Csv {
        /// How its characters are stored.
        encoding: Encoding,
        /// What separates its fields.
        delimiter: Delimiter,
    },
    /// One sheet of a workbook.
    Xlsx {
        /// The sheet's name.
        sheet: String,
        /// The other visible sheets, which are not read.
        others: Vec<String>,
    },
}

impl Kind {
    /// One line for people: `CSV, semicolon, UTF-8`.
    pub fn words(&self) -> String {
        match self {
            Self::Csv { encoding, delimiter } => format!("CSV, {}, {}", delimiter.label(), encoding.label()),
            Self::Xlsx { sheet, .. } => format!("XLSX, sheet “{sheet}”"),
        }
    }
}

/// A file that can be read as a table.
pub struct Opened {
    /// What it is.
    pub kind: Kind,
    /// The columns' names: none is empty, none stands twice.
    pub headers: Vec<String>,
    /// The rows below the header.
    pub rows: Rows,
    /// Size of the file in bytes.
    pub bytes: u64,
}

/// A stream of rows.
pub enum Rows {
    /// Of a text file.
    Csv(Box<CsvReader>),
    /// Of a sheet.
    Xlsx(Box<SheetReader>),
}

impl Rows {
    /// The next row; it borrows the reader's buffer until the one after it is asked for. `None` at the end.
    ///
    /// # Errors
    /// A fault ends the file: nothing after it can be trusted. A row of the wrong shape is no such fault, see [`Row::shape`].
    pub fn next_row(&mut self) -> Result<Option<Row<'_>>, FileFault> {
        match self {
            Self::Csv(reader) => reader.next_row(),
            Self::Xlsx(reader) => reader.next_row(),
        }
    }

    /// How much of the file is read, out of [`Opened::bytes`], for a progress bar.
    pub fn bytes_read(&self) -> u64 {
        match self {
            Self::Csv(reader) => reader.bytes_read(),
            Self::Xlsx(reader) => reader.bytes_read(),
        }
    }
}

/// Opens `file` as a table; `name` is what the person's machine calls it, and only its ending is looked at.
///
/// # Errors
/// Everything that [`FileFault`] lists; a workbook is checked to its end here, a text file for its encoding.
pub fn open(file: File, name: &str, limits: &Limits) -> Result<Opened, FileFault> {
    open_with(file, name, limits, &Hints::default())
}

/// [`open`], with what the person said about the file.
///
/// # Errors
/// As [`open`].
pub fn open_with(mut file: File, name: &str, limits: &Limits, hints: &Hints) -> Result<Opened, FileFault> {
    let bytes = file.metadata()?.len();
    if bytes == 0 {
        return Err(FileFault::Empty);
    }
    if bytes > limits.max_bytes {
        return Err(FileFault::TooLarge(limits.max_bytes));
    }
    if sniff::content(&mut file, name)? == sniff::Content::Workbook {
        // The parser is not ours, and stops at numbers that no spreadsheet writes (a cell in row 99,999,999,999): that is the file's fault.
        let read = || SheetReader::open(&file, limits, hints.sheet.as_deref());
        let read = std::panic::catch_unwind(std::panic::AssertUnwindSafe(read));
        let (reader, kind, cells) =
            read.unwrap_or_else(|_| Err(FileFault::Damaged("its cells are not where a sheet has cells".to_owned())))?;
        return Ok(Opened { kind, headers: named(cells)?, rows: Rows::Xlsx(Box::new(reader)), bytes });
    }
    let survey = encoding::survey(&mut file)?;
    let (reader, delimiter, cells) = CsvReader::open(file, survey, limits, hints.delimiter)?;
    let kind = Kind::Csv { encoding: survey.encoding, delimiter };
    Ok(Opened { kind, headers: named(cells)?, rows: Rows::Csv(Box::new(reader)), bytes })
}

fn named(cells: Vec<String>) -> Result<Vec<String>, FileFault> {
    let headers = headers::names(cells);
    if headers.is_empty() { Err(FileFault::NoHeader) } else { Ok(headers) }
}
