//! A report as a file. What it is, how it was asked and what it was made of stands behind its lines: in a CSV file after an empty line, in a
//! workbook on a sheet of its own.

use std::collections::BTreeMap;

use bytes::Bytes;
use futures_util::Stream;
use uuid::Uuid;

use super::{Answer, Heads, Value};
use crate::actions::exports_budgets::{File, Taking, made, told};
use crate::domain::id::RegionId;
use crate::formats::write_csv::{CsvRow, Preset};
use crate::formats::write_xlsx::{Cell, Workbook};
use crate::store::Store;
use crate::store::failure::{DbError, Failure};

/// The kind of file that is a workbook.
pub const WORKBOOK: &str = "xlsx";

/// What stands in a file besides the lines: (what, words).
pub type Told = Vec<(&'static str, String)>;

fn csv(preset: Preset, answer: &Answer, about: &[(&'static str, String)]) -> Vec<u8> {
    let mut out = CsvRow::new(preset, 64 * 1024);
    for (words, code) in answer.heads {
        out.text(if preset == Preset::Excel { words } else { code });
    }
    out.end();
    for line in &answer.lines {
        for cell in &line.cells {
            match cell {
                Value::Nothing => out.empty(),
                Value::Text(text) => out.text(text),
                Value::At(at) => out.instant(*at),
                Value::Day(day) => out.day(*day),
                Value::Number(number) => out.integer(*number),
                Value::Amount(minor, digits) => out.amount(*minor, *digits),
            }
        }
        out.end();
    }
    out.empty();
    out.end();
    for (what, words) in about {
        out.text(what);
        out.text(words);
        out.end();
    }
    out.bytes().to_vec()
}

fn sheet(heads: Heads, answer: &Answer) -> Vec<Vec<Cell>> {
    let mut rows = vec![heads.iter().map(|(words, _)| Cell::Head((*words).to_owned())).collect::<Vec<_>>()];
    rows.extend(answer.lines.iter().map(|line| {
        let cell = |value: &Value| match value {
            Value::Nothing => Cell::Empty,
            Value::Text(text) => Cell::Text(text.clone()),
            Value::At(at) => Cell::Text(at.iso()),
            Value::Day(day) => Cell::Text(day.iso()),
            Value::Number(number) => Cell::Number(number.to_string()),
            Value::Amount(minor, digits) => {
                let mut text = String::new();
                crate::domain::money::write_plain(&mut text, *minor, *digits);
                Cell::Number(text)
            }
        };
        line.cells.iter().map(cell).collect()
    }));
    rows
}

/// The bytes of a file; `format` is `xlsx`, or a kind of CSV.
///
/// # Errors
/// A kind of file that is not known, or a workbook that could not be packed.
pub fn bytes(format: &str, answer: &Answer, about: &[(&'static str, String)]) -> Result<Vec<u8>, Failure> {
    if let Some(preset) = crate::actions::exports::preset(format) {
        return Ok(csv(preset, answer, about));
    }
    let mut book = Workbook::new();
    book.sheet("Report", sheet(answer.heads, answer));
    let rows = about.iter().map(|(what, words)| vec![Cell::Head((*what).to_owned()), Cell::Text(words.clone())]);
    book.sheet("About", rows.collect());
    Ok(book.packed()?)
}

/// Hands a file over, and notes it as every export is noted. Lines that belong to no region are counted at `home`.
pub fn taken(
    store: &Store,
    taking: Taking,
    bytes: Vec<u8>,
    answer: &Answer,
    home: RegionId,
) -> impl Stream<Item = Result<Bytes, DbError>> + use<> {
    let mut rows: BTreeMap<Uuid, i64> = BTreeMap::new();
    for line in &answer.lines {
        *rows.entry(line.region.unwrap_or(home).0).or_default() += 1;
    }
    let told = told(taking, File::Evidence, rows.len());
    made(store, told, Bytes::from(bytes), rows.into_iter().collect())
}
