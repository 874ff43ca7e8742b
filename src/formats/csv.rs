//! Reads delimited text as a stream of rows: flat memory, no copy of a cell, the line numbers of an editor.
//!
//! The splitting is our own because three things must hold together that general readers do not give: a cap on a field and on a record
//! before it is held in memory, a fault for a quote that never closes, and line numbers that count CR, LF and CRLF alike.

use std::fs::File;

use super::encoding::{Encoding, Survey, Utf8Source};
use super::fault::FileFault;
use super::limits::Limits;
use super::row::{Row, Span};
use super::split::{Caps, Delimiter, Marks, Split, sniff, split, unquote};

const FIRST_BUFFER: usize = 256 << 10;

/// A reader over one file.
pub struct CsvReader {
    source: Utf8Source,
    buf: Vec<u8>,
    at: usize,
    end: usize,
    last: bool,
    line: u64,
    rows: u64,
    width: usize,
    marks: Marks,
    caps: Caps,
    max_rows: u64,
    max_record: usize,
    spans: Vec<Span>,
}

impl CsvReader {
    /// Finds the separator (unless it is given) and reads the header. The header's cells are returned as they stand.
    pub(super) fn open(
        file: File,
        survey: Survey,
        limits: &Limits,
        given: Option<Delimiter>,
    ) -> Result<(Self, Delimiter, Vec<String>), FileFault> {
        let caps = Caps { columns: limits.max_columns, field: limits.max_field_bytes };
        let mut reader = Self {
            source: Utf8Source::new(file, survey)?,
            buf: vec![0; FIRST_BUFFER.max(limits.max_field_bytes.min(limits.max_record_bytes) * 2)],
            at: 0,
            end: 0,
            last: false,
            line: 1,
            rows: 0,
            width: 0,
            marks: Marks::new(b','),
            caps,
            max_rows: u64::MAX,
            max_record: limits.max_record_bytes,
            spans: Vec::with_capacity(64),
        };
        reader.fill()?;
        let told = reader.separator_line();
        let sample = reader.buf.get(reader.at..reader.end).unwrap_or_default();
        let delimiter = given.or(told).unwrap_or_else(|| sniff(sample, reader.last, caps));
        reader.marks = Marks::new(delimiter.byte());
        let headers: Vec<String> = match reader.next_row()? {
            Some(row) => row.fields().map(str::to_owned).collect(),
            None => return Err(FileFault::NoHeader),
        };
        (reader.rows, reader.width, reader.max_rows) = (0, headers.len(), limits.max_rows);
        Ok((reader, delimiter, headers))
    }

    /// Spreadsheet programs write `sep=;` as a first line of its own: it names the separator and is no header.
    fn separator_line(&mut self) -> Option<Delimiter> {
        let text = self.buf.get(self.at..self.end)?;
        let rest = text.strip_prefix(b"sep=")?;
        let delimiter = Delimiter::ALL.into_iter().find(|delimiter| rest.first() == Some(&delimiter.byte()))?;
        let line_end = match rest.get(1..3)? {
            b"\r\n" => 2,
            [b'\n' | b'\r', _] => 1,
            _ => return None,
        };
        self.at += 5 + line_end;
        self.line += 1;
        Some(delimiter)
    }

    /// The next row that holds any character; `None` at the end of the file.
    pub fn next_row(&mut self) -> Result<Option<Row<'_>>, FileFault> {
        loop {
            if !self.skip_empty_lines()? {
                return Ok(None);
            }
            let bytes = self.buf.get(self.at..self.end).unwrap_or_default();
            let line = self.line;
            match split(bytes, &self.marks, self.last, self.caps, &mut self.spans) {
                Split::Record { text, used, lines } => {
                    let start = self.at;
                    self.at += used;
                    self.line += lines;
                    return self.row(line, start, text).map(Some);
                }
                Split::More => self.fill()?,
                Split::Unclosed { lines } => return Err(FileFault::UnclosedQuote { line: line + lines }),
                Split::TooManyColumns => return Err(FileFault::TooManyColumns { line, max: self.caps.columns }),
                Split::FieldTooLong => return Err(FileFault::FieldTooLong { line, max: self.caps.field }),
            }
        }
    }

    /// Bytes of the file read so far, for a progress bar.
    pub fn bytes_read(&self) -> u64 {
        self.source.taken
    }

    fn row(&mut self, line: u64, start: usize, text: usize) -> Result<Row<'_>, FileFault> {
        self.rows += 1;
        if self.rows > self.max_rows {
            return Err(FileFault::TooManyRows { line, max: self.max_rows });
        }
        let record = self.buf.get_mut(start..start + text).unwrap_or_default();
        for span in self.spans.iter_mut().filter(|span| span.raw) {
            unquote(record, span);
        }
        // The whole file was looked at before: this fails only where somebody changed it since.
        let text = std::str::from_utf8(record).map_err(|_| FileFault::Encoding { line, encoding: Encoding::Utf8.label() })?;
        Ok(Row { line, text, spans: &self.spans, width: self.width })
    }

    /// False at the end of the file.
    fn skip_empty_lines(&mut self) -> Result<bool, FileFault> {
        loop {
            let next = self.buf.get(self.at + 1).filter(|_| self.at + 1 < self.end).copied();
            match self.buf.get(self.at).filter(|_| self.at < self.end) {
                None if self.last => return Ok(false),
                None => self.fill()?,
                Some(b'\r') if next.is_none() && !self.last => self.fill()?,
                Some(b'\r') => {
                    self.at += if next == Some(b'\n') { 2 } else { 1 };
                    self.line += 1;
                }
                Some(b'\n') => {
                    self.at += 1;
                    self.line += 1;
                }
                Some(_) => return Ok(true),
            }
        }
    }

    /// Makes room and reads on. The record that is being read stays, at the front of the buffer.
    fn fill(&mut self) -> Result<(), FileFault> {
        if self.at > 0 {
            self.buf.copy_within(self.at..self.end, 0);
            (self.at, self.end) = (0, self.end - self.at);
        }
        if self.end + 4 > self.buf.len() {
            if self.buf.len() >= self.max_record {
                return Err(FileFault::RecordTooLong { line: self.line, max: self.max_record });
            }
            self.buf.resize((self.buf.len() * 2).min(self.max_record.max(FIRST_BUFFER)), 0);
        }
        let got = self.source.fill(self.buf.get_mut(self.end..).unwrap_or_default())?;
        self.end += got;
        if got == 0 {
            self.last = true;
            // Ctrl-Z, with which old programs end a text file.
            while self.end > self.at && self.buf.get(self.end - 1) == Some(&0x1a) {
                self.end -= 1;
            }
        }
        Ok(())
    }
}
