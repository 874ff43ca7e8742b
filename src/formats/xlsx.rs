//! Reads one sheet of a workbook: checked, then streamed once into a temporary file without a name, from which the rows come.
//!
//! The detour has three gains: the whole sheet is known to be sound before its first row is used, the texts of the workbook leave memory,
//! and rows can be asked for one by one. Memory: the workbook's texts while it is read, a buffer afterwards.

use std::fs::File;
use std::io::{BufReader, BufWriter, Read, Seek, SeekFrom, Write};

use calamine::{DataRef, ExcelDateTime, Reader, SheetType, SheetVisible, Xlsx, XlsxError};

use super::fault::FileFault;
use super::limits::Limits;
use super::prescan;
use super::row::{Row, Span};
use super::{Kind, encoding::read_full};

/// The largest whole number up to which a 64-bit float holds every one.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// A reader over the rows of one sheet.
pub struct SheetReader {
    spool: BufReader<File>,
    text: String,
    raw: Vec<u8>,
    spans: Vec<Span>,
    width: usize,
    taken: u64,
    size: u64,
    bytes: u64,
}

impl SheetReader {
    /// Checks the workbook, copies the sheet's rows and reads the header: the first row that holds anything.
    pub(super) fn open(file: &File, limits: &Limits, wanted: Option<&str>) -> Result<(Self, Kind, Vec<String>), FileFault> {
        prescan::check(file, limits)?;
        let mut plain = file.try_clone()?;
        plain.seek(SeekFrom::Start(0))?;
        let mut book = Xlsx::new(BufReader::new(plain)).map_err(damaged)?;
        let visible: Vec<String> = book
            .sheets_metadata()
            .iter()
            .filter(|sheet| sheet.typ == SheetType::WorkSheet && sheet.visible == SheetVisible::Visible)
            .map(|sheet| sheet.name.clone())
            .collect();
        let sheet = visible.iter().find(|name| wanted.is_none_or(|wanted| *name == wanted)).ok_or(FileFault::NoSheet)?.clone();
        let spool = match &limits.spool_dir {
            Some(dir) => tempfile::tempfile_in(dir)?,
            None => tempfile::tempfile()?,
        };
        let mut out = Spool { out: BufWriter::new(spool), limits, cells: Vec::new(), text: Vec::new(), row: 0, rows: 0 };
        copy(&mut book, &sheet, &mut out)?;
        let mut spool = out.out.into_inner().map_err(std::io::IntoInnerError::into_error)?;
        let size = spool.stream_position()?;
        spool.seek(SeekFrom::Start(0))?;
        let mut reader = Self {
            spool: BufReader::new(spool),
            text: String::new(),
            raw: Vec::new(),
            spans: Vec::new(),
            width: 0,
            taken: 0,
            size,
            bytes: file.metadata()?.len(),
        };
        let header: Vec<String> = match reader.next_row()? {
            Some(row) => row.fields().map(str::to_owned).collect(),
            None => return Err(FileFault::NoSheet),
        };
        reader.width = header.iter().rposition(|cell| !cell.trim().is_empty()).map_or(0, |at| at + 1);
        let others = visible.into_iter().filter(|name| *name != sheet).collect();
        Ok((reader, Kind::Xlsx { sheet, others }, header))
    }

    /// The next row that holds any cell; `None` at the end of the sheet.
    pub fn next_row(&mut self) -> Result<Option<Row<'_>>, FileFault> {
        let mut head = [0u8; 12];
        if read_full(&mut self.spool, &mut head)? < head.len() {
            return Ok(None);
        }
        let word = |at: usize| head.get(at..at + 4).and_then(|part| part.try_into().ok()).map_or(0, u32::from_le_bytes);
        let (line, count, length) = (word(0), word(4), word(8));
        self.spans.clear();
        let mut start = 0u32;
        for _ in 0..count {
            let mut size = [0u8; 4];
            self.spool.read_exact(&mut size)?;
            let end = start + u32::from_le_bytes(size);
            self.spans.push(Span { start, end, raw: false });
            start = end;
        }
        // A cell that the sheet leaves out is an empty one: rows are as wide as the header.
        while self.spans.len() < self.width {
            self.spans.push(Span { start, end: start, raw: false });
        }
        self.raw.resize(length as usize, 0);
        self.spool.read_exact(&mut self.raw)?;
        self.taken += 12 + 4 * u64::from(count) + u64::from(length);
        self.text.clear();
        self.text.push_str(std::str::from_utf8(&self.raw).map_err(|fault| FileFault::Damaged(fault.to_string()))?);
        Ok(Some(Row { line: u64::from(line), text: &self.text, spans: &self.spans, width: self.width }))
    }

    /// The share that is read, as bytes of the file.
    pub fn bytes_read(&self) -> u64 {
        (u128::from(self.bytes) * u128::from(self.taken) / u128::from(self.size.max(1))) as u64
    }
}

/// One row being gathered, and the file that rows go to: line, number of cells, length of the text, the cells' lengths, the text.
struct Spool<'a> {
    out: BufWriter<File>,
    limits: &'a Limits,
    /// Where each cell's text ends up: start and end in `text`.
    cells: Vec<(usize, usize)>,
    text: Vec<u8>,
    row: u32,
    rows: u64,
}

impl Spool<'_> {
    fn cell(&mut self, row: u32, column: u32, value: &DataRef<'_>) -> Result<(), FileFault> {
        if row != self.row {
            self.finish()?;
            if row < self.row {
                return Err(FileFault::Damaged("its rows are out of order".to_owned()));
            }
            self.row = row;
        }
        let line = u64::from(row) + 1;
        let column = column as usize;
        let start = self.text.len();
        write_value(&mut self.text, value, || name(row, column))?;
        let end = self.text.len();
        if end == start {
            return Ok(());
        }
        if self.text.get(start..end).is_some_and(|text| text.contains(&0)) {
            return Err(FileFault::NulByte { line });
        }
        if line > self.limits.max_rows.saturating_add(1) {
            return Err(FileFault::TooManyRows { line, max: self.limits.max_rows });
        }
        if column >= self.limits.max_columns {
            return Err(FileFault::TooManyColumns { line, max: self.limits.max_columns });
        }
        if end - start > self.limits.max_field_bytes {
            return Err(FileFault::FieldTooLong { line, max: self.limits.max_field_bytes });
        }
        if end > self.limits.max_record_bytes {
            return Err(FileFault::RecordTooLong { line, max: self.limits.max_record_bytes });
        }
        if self.cells.len() <= column {
            self.cells.resize(column + 1, (0, 0));
        }
        if let Some(place) = self.cells.get_mut(column) {
            *place = (start, end);
        }
        Ok(())
    }

    /// Writes the row that was gathered, unless no cell of it holds anything.
    fn finish(&mut self) -> Result<(), FileFault> {
        if !self.cells.is_empty() {
            let length: usize = self.cells.iter().map(|(start, end)| end - start).sum();
            for word in [self.row + 1, self.cells.len() as u32, length as u32] {
                self.out.write_all(&word.to_le_bytes())?;
            }
            for (start, end) in &self.cells {
                self.out.write_all(&((end - start) as u32).to_le_bytes())?;
            }
            for (start, end) in &self.cells {
                self.out.write_all(self.text.get(*start..*end).unwrap_or_default())?;
            }
            self.rows += 1;
        }
        self.cells.clear();
        self.text.clear();
        Ok(())
    }
}

fn copy(book: &mut Xlsx<BufReader<File>>, sheet: &str, out: &mut Spool<'_>) -> Result<(), FileFault> {
    let mut cells = book.worksheet_cells_reader(sheet).map_err(damaged)?;
    // The call that also tells of formulas, in the form that does not unfold shared ones: unfolding reserves memory by a number in the
    // file.
    while let Some(record) = cells.next_cell_with_formula_metadata().map_err(damaged)? {
        let (row, column) = record.pos;
        if record.formula.is_some() {
            return Err(FileFault::Formula { cell: name(row, column as usize) });
        }
        out.cell(row, column, &record.value)?;
    }
    out.finish()
}

fn write_value(out: &mut Vec<u8>, value: &DataRef<'_>, cell: impl Fn() -> String) -> Result<(), FileFault> {
    match value {
        DataRef::Empty => {}
        DataRef::String(text) | DataRef::DateTimeIso(text) | DataRef::DurationIso(text) => out.extend_from_slice(text.as_bytes()),
        DataRef::SharedString(text) => out.extend_from_slice(text.as_bytes()),
        DataRef::Bool(true) => out.extend_from_slice(b"TRUE"),
        DataRef::Bool(false) => out.extend_from_slice(b"FALSE"),
        DataRef::Int(number) => write!(out, "{number}")?,
        // The shortest digits that give the same float again: 12.1 stays 12.1.
        DataRef::Float(number) if number.is_finite() && number.abs() < EXACT => write!(out, "{}", number + 0.0)?,
        DataRef::Float(_) => return Err(FileFault::InexactNumber { cell: cell() }),
        DataRef::DateTime(at) => write_date(out, at)?,
        DataRef::Error(fault) => write!(out, "{fault}")?,
    }
    Ok(())
}

/// `2026-11-22`, with `T17:00:00` behind it where there is a time of day; a time without a date is only the time.
fn write_date(out: &mut Vec<u8>, at: &ExcelDateTime) -> Result<(), FileFault> {
    if at.is_duration() || at.as_f64() < 1.0 {
        // Durations are days; anything past 100,000 hours is no working time, and the cast saturates.
        let seconds = (at.as_f64() * 86_400.0).round() as i64;
        let size = seconds.unsigned_abs();
        let sign = if seconds < 0 { "-" } else { "" };
        write!(out, "{sign}{:02}:{:02}:{:02}", size / 3600, size / 60 % 60, size % 60)?;
        return Ok(());
    }
    let (year, month, day, hour, minute, second, milli) = at.to_ymd_hms_milli();
    write!(out, "{year:04}-{month:02}-{day:02}")?;
    if (hour, minute, second, milli) != (0, 0, 0, 0) {
        write!(out, "T{hour:02}:{minute:02}:{second:02}")?;
    }
    if milli > 0 {
        write!(out, ".{milli:03}")?;
    }
    Ok(())
}

/// `C7` for row 6 and column 2.
fn name(row: u32, column: usize) -> String {
    let mut letters = Vec::new();
    let mut rest = column + 1;
    while rest > 0 {
        letters.push(char::from(b'A' + ((rest - 1) % 26) as u8));
        rest = (rest - 1) / 26;
    }
    let letters: String = letters.into_iter().rev().collect();
    format!("{letters}{}", u64::from(row) + 1)
}

fn damaged(fault: XlsxError) -> FileFault {
    match fault {
        XlsxError::Io(fault) => FileFault::Io(fault),
        XlsxError::Password => FileFault::Forbidden("a password".to_owned()),
        other => FileFault::Damaged(other.to_string().chars().take(200).collect()),
    }
}
