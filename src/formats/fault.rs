//! Why a whole file is refused, in words for the person who chose it.

use thiserror::Error;

use crate::domain::text::size;

/// A fault that ends the reading of a file. Lines are counted from 1 as an editor shows them; the header is line 1 in most files.
#[derive(Debug, Error)]
pub enum FileFault {
    /// Nothing in it.
    #[error("The file is empty. Choose a file with a header line and at least one row.")]
    Empty,
    /// No header could be found.
    #[error("The file has no header line. The first line must name the columns.")]
    NoHeader,
    /// More bytes than allowed.
    #[error("The file is larger than {}. Split it, or ask the administrator to raise the limit.", size(*.0))]
    TooLarge(u64),
    /// More rows than allowed.
    #[error("Line {line}: the file has more than {max} rows. Split it into smaller files.")]
    TooManyRows {
        /// Where the cap was passed.
        line: u64,
        /// The cap.
        max: u64,
    },
    /// More columns than allowed.
    #[error("Line {line}: more than {max} columns. Remove the columns that are not needed, or check the separator.")]
    TooManyColumns {
        /// Where.
        line: u64,
        /// The cap.
        max: usize,
    },
    /// One field is too long.
    #[error("Line {line}: one field is longer than {max} bytes. A quotation mark may be missing, or the line ends are lost.")]
    FieldTooLong {
        /// Where the record starts.
        line: u64,
        /// The cap.
        max: usize,
    },
    /// One record is too long.
    #[error("Line {line}: the row is longer than {max} bytes. A quotation mark may be missing, or the line ends are lost.")]
    RecordTooLong {
        /// Where the record starts.
        line: u64,
        /// The cap.
        max: usize,
    },
    /// A quote is opened and never closed.
    #[error("Line {line}: a quotation mark is opened and never closed. Close it, or write it twice where it is part of the text.")]
    UnclosedQuote {
        /// Where the quote opens.
        line: u64,
    },
    /// A NUL byte: not text, or UTF-16 without its mark.
    #[error("Line {line}: the file holds NUL bytes, so it is not plain text. Save it again as “CSV UTF-8”.")]
    NulByte {
        /// Where the first one stands.
        line: u64,
    },
    /// Bytes that do not belong to the encoding that the rest of the file has.
    #[error("Line {line}: the text is {encoding} up to here, but not on this line. Save the whole file again as “CSV UTF-8”.")]
    Encoding {
        /// Where the first wrong bytes stand.
        line: u64,
        /// What the rest of the file is in.
        encoding: &'static str,
    },
    /// The name says one thing and the content another.
    #[error("The name “{name}” does not fit the content: this is {found}. {advice}")]
    WrongContent {
        /// The file's own name, shortened.
        name: String,
        /// What the content is.
        found: &'static str,
        /// What to do.
        advice: &'static str,
    },
    /// Neither CSV nor XLSX.
    #[error("Files of the kind “.{0}” cannot be read. Save it as CSV or XLSX.")]
    UnknownKind(String),
    /// The workbook is broken.
    #[error("The workbook cannot be read ({0}). Open it in a spreadsheet program and save it again as XLSX.")]
    Damaged(String),
    /// A cap on the unpacked workbook was passed.
    #[error("The workbook is too large once unpacked: {0}. Save the sheet as CSV and import that.")]
    Bomb(String),
    /// Something in the workbook that data does not need.
    #[error("The workbook holds {0}. Save the sheet as CSV, or copy its values into a new workbook.")]
    Forbidden(String),
    /// A formula instead of a value.
    #[error("Cell {cell} holds a formula. Copy the sheet and paste it as values, then save and import that.")]
    Formula {
        /// Like `C7`.
        cell: String,
    },
    /// A number past what a spreadsheet keeps exactly.
    #[error("Cell {cell} holds a number with more digits than a spreadsheet keeps. Format the column as text and enter it again.")]
    InexactNumber {
        /// Like `C7`.
        cell: String,
    },
    /// No sheet with cells.
    #[error("The workbook has no visible sheet with data.")]
    NoSheet,
    /// The disk or the file failed.
    #[error("The file could not be read: {0}")]
    Io(#[from] std::io::Error),
}

impl FileFault {
    /// A word for logs, the API and tests.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Empty => "file_empty",
            Self::NoHeader => "file_no_header",
            Self::TooLarge(_) => "file_too_large",
            Self::TooManyRows { .. } => "file_too_many_rows",
            Self::TooManyColumns { .. } => "file_too_many_columns",
            Self::FieldTooLong { .. } => "file_field_too_long",
            Self::RecordTooLong { .. } => "file_record_too_long",
            Self::UnclosedQuote { .. } => "file_unclosed_quote",
            Self::NulByte { .. } => "file_nul_byte",
            Self::Encoding { .. } => "file_encoding",
            Self::WrongContent { .. } => "file_wrong_content",
            Self::UnknownKind(_) => "file_unknown_kind",
            Self::Damaged(_) => "file_damaged",
            Self::Bomb(_) => "file_unpacks_too_large",
            Self::Forbidden(_) => "file_forbidden_part",
            Self::Formula { .. } => "file_formula",
            Self::InexactNumber { .. } => "file_inexact_number",
            Self::NoSheet => "file_no_sheet",
            Self::Io(_) => "file_io",
        }
    }

    /// True where the file was refused for its size: the fitting answer is 413 instead of 422.
    pub fn is_size(&self) -> bool {
        matches!(self, Self::TooLarge(_) | Self::Bomb(_))
    }
}
