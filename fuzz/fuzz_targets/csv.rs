//! Text files that somebody hands in, in any encoding.
#![no_main]

use std::io::Write;

use counterfoil::formats::{Limits, open};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let mut file = tempfile::tempfile().expect("a file");
    file.write_all(data).expect("room for it");
    let limits = Limits { max_rows: 10_000, ..Limits::default() };
    let Ok(mut opened) = open(file, "file.csv", &limits) else { return };
    let columns = opened.headers.len();
    assert!(columns <= limits.max_columns && opened.headers.iter().all(|header| !header.is_empty()));
    let mut read = 0;
    while let Ok(Some(row)) = opened.rows.next_row() {
        read += row.fields().map(str::len).sum::<usize>();
        assert!(row.fields().all(|field| field.len() <= limits.max_field_bytes));
    }
    // Of one byte come three at most, when Windows-1252 becomes UTF-8.
    assert!(read <= 3 * data.len() + 3, "{read} bytes of {}", data.len());
});
