//! What a file may cost. Every number that refuses a file stands here.

use std::path::PathBuf;

/// Caps on a file that somebody hands in. The defaults hold the whole import within 96 MB of memory.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Size of the file itself. Default 512 MiB, as the setting `upload_max_bytes`.
    pub max_bytes: u64,
    /// Data rows below the header; in a spreadsheet, the number of the last used row. Default 1,000,000.
    pub max_rows: u64,
    /// Columns of one row. Default 256.
    pub max_columns: usize,
    /// Bytes of one field, as UTF-8. Default 64 KiB.
    pub max_field_bytes: usize,
    /// Bytes of one record, as UTF-8. Default 1 MiB.
    pub max_record_bytes: usize,
    /// XLSX: bytes of all parts together once unpacked, counted while unpacking (the sizes that the archive states can lie).
    /// Default 64 MiB.
    pub max_inflated: u64,
    /// XLSX: unpacked bytes per packed byte of one part, looked at only above 1 MiB so that small honest files pass. Default 100.
    pub max_ratio: u64,
    /// XLSX: parts in the archive. Default 200.
    pub max_entries: usize,
    /// XLSX: different texts in the workbook; they are held in memory. Default 300,000.
    pub max_shared_strings: u64,
    /// XLSX: unpacked bytes of the part that holds those texts. Default 24 MiB.
    pub max_shared_bytes: u64,
    /// XLSX: where the rows of the sheet are put while they are read; the system's temporary directory by default.
    pub spool_dir: Option<PathBuf>,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_bytes: 512 << 20,
            max_rows: 1_000_000,
            max_columns: 256,
            max_field_bytes: 64 << 10,
            max_record_bytes: 1 << 20,
            max_inflated: 64 << 20,
            max_ratio: 100,
            max_entries: 200,
            max_shared_strings: 300_000,
            max_shared_bytes: 24 << 20,
            spool_dir: None,
        }
    }
}
