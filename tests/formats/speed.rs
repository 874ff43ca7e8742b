//! Rough bars that would show a lost order of magnitude; the measured figures come from the benches.

use std::time::{Duration, Instant};

use counterfoil::formats::write_csv::{CsvRow, Preset};

use super::{opened, rows};

/// 40 MB in a debug build with an unoptimised splitter: a copy per cell or a rescan per record would take minutes.
#[test]
fn long_files_stay_linear() {
    let mut row = CsvRow::new(Preset::Machine, 1 << 20);
    for line in 0..20_000i64 {
        for cell in 0..16 {
            if line == 0 {
                row.code("head");
            } else if cell % 5 == 0 {
                row.text("a \"quoted\", text");
            } else {
                row.integer(line * cell);
            }
        }
        row.end();
    }
    let bytes = row.take();
    let start = Instant::now();
    let mut table = opened(&bytes, "a.csv").unwrap();
    let all = rows(&mut table).unwrap();
    assert_eq!((all.len(), all.last().unwrap().0), (19_999, 20_000));
    assert!(start.elapsed() < Duration::from_secs(20), "{:?}", start.elapsed());
}
