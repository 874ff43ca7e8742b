//! Reading files, and writing CSV.

mod csv;
mod leeds;
mod speed;
mod write_csv;
pub mod xlsx;

use std::fs::File;
use std::io::Write;

use counterfoil::formats::{FileFault, Limits, Opened, open};

/// A file without a name that holds `bytes`.
pub fn file(bytes: &[u8]) -> File {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(bytes).unwrap();
    file
}

/// Opened with the default limits.
pub fn opened(bytes: &[u8], name: &str) -> Result<Opened, FileFault> {
    open(file(bytes), name, &Limits::default())
}

/// All rows with their line numbers.
pub fn rows(opened: &mut Opened) -> Result<Vec<(u64, Vec<String>)>, FileFault> {
    let mut all = Vec::new();
    while let Some(row) = opened.rows.next_row()? {
        all.push((row.line, row.fields().map(str::to_owned).collect()));
    }
    Ok(all)
}

/// The code with which the file is refused, on opening or on reading it to its end.
pub fn refused(bytes: &[u8], name: &str) -> &'static str {
    match opened(bytes, name).and_then(|mut opened| rows(&mut opened)) {
        Ok(_) => "accepted",
        Err(fault) => {
            assert!(fault.to_string().len() > 20, "words for a person: {fault}");
            fault.code()
        }
    }
}

/// Opened as comma-separated, whatever it looks like.
pub fn comma(bytes: &[u8]) -> Result<Opened, FileFault> {
    let hints = counterfoil::formats::Hints { delimiter: Some(counterfoil::formats::Delimiter::Comma), sheet: None };
    counterfoil::formats::open_with(file(bytes), "a.csv", &Limits::default(), &hints)
}
