//! The writer: what it writes, and that it comes back.

use counterfoil::domain::currency::Currency;
use counterfoil::domain::id::TransactionId;
use counterfoil::domain::money;
use counterfoil::domain::time::{Day, Instant};
use counterfoil::formats::write_csv::{CsvRow, Preset, write_amount};
use proptest::prelude::*;
use uuid::Uuid;

use super::{comma, rows};

fn text(preset: Preset, text: &str) -> String {
    let mut row = CsvRow::new(preset, 64);
    row.clear();
    row.text(text);
    row.text("");
    row.end();
    String::from_utf8(row.take()).unwrap().strip_suffix(",\r\n").unwrap().to_owned()
}

#[test]
fn text_that_a_spreadsheet_would_run_is_guarded_in_text_cells_only() {
    for start in ["=", "+", "-", "@", "\t", "\r", "\n", "\0", "＝", "＋", "－", "＠"] {
        let cell = format!("{start}1");
        let guarded = text(Preset::Excel, &cell);
        assert!(guarded.trim_start_matches('"').starts_with('\''), "{guarded:?}");
        assert!(!text(Preset::Machine, &cell).contains('\''));
    }
    assert_eq!(text(Preset::Excel, "=1,2"), "\"'=1,2\"");
    assert_eq!(text(Preset::Excel, "O'Neil"), "O'Neil");
    let mut row = CsvRow::new(Preset::Excel, 64);
    row.amount(-1250, 2);
    row.end();
    assert_eq!(row.take(), "\u{feff}-12.50\r\n".as_bytes());
}

#[test]
fn a_row_of_one_empty_field_is_not_lost() {
    let mut row = CsvRow::new(Preset::Machine, 64);
    for cell in ["a", "", "b"] {
        row.text(cell);
        row.end();
    }
    assert_eq!(row.bytes(), b"a\r\n\"\"\r\nb\r\n");
}

#[test]
fn extremes() {
    for (minor, digits, expected) in
        [(0, 0, "0"), (0, 2, "0.00"), (5, 3, "0.005"), (-5, 2, "-0.05"), (i64::MIN, 2, "-92233720368547758.08")]
    {
        let mut out = Vec::new();
        write_amount(&mut out, minor, digits);
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }
}

proptest! {
    #[test]
    fn what_is_written_comes_back(cells in proptest::collection::vec("[a-z\",;\t\n\ré=' ]{0,8}", 2..5)) {
        let mut row = CsvRow::new(Preset::Machine, 64);
        cells.iter().for_each(|_| row.code("h"));
        row.end();
        cells.iter().for_each(|cell| row.text(cell));
        row.end();
        let back = rows(&mut comma(row.bytes()).unwrap()).unwrap();
        prop_assert_eq!(back, vec![(2, cells)]);
    }

    #[test]
    fn no_guarded_cell_starts_a_formula(cell in "[=+@\t\r\n\"＝＋－＠a-]{0,4}") {
        let mut row = CsvRow::new(Preset::Excel, 64);
        row.code("h");
        row.code("i");
        row.end();
        row.text(&cell);
        row.text("x");
        row.end();
        let back = rows(&mut comma(row.bytes()).unwrap()).unwrap();
        let cell = back[0].1[0].clone();
        prop_assert!(!cell.starts_with(['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠']), "{:?}", cell);
    }

    #[test]
    fn amounts_are_those_of_money(minor in any::<i64>(), at in 0usize..100) {
        let currency = Currency::all().nth(at).unwrap();
        let mut out = Vec::new();
        write_amount(&mut out, minor, currency.digits());
        prop_assert_eq!(String::from_utf8(out).unwrap(), money::plain(minor, currency));
    }

    #[test]
    fn days_and_times_are_those_of_the_calendar(micros in -62_135_596_800_000_000i64..253_402_300_799_000_000, id in any::<u128>()) {
        let (at, id) = (Instant(micros), TransactionId(Uuid::from_u128(id)));
        let day = Day(micros.div_euclid(86_400_000_000));
        let mut row = CsvRow::new(Preset::Machine, 64);
        row.instant(at);
        row.day(day);
        row.id("txn", id.0);
        row.end();
        let expected = format!("{},{},{id}\r\n", at.iso(), day.iso());
        prop_assert_eq!(String::from_utf8(row.take()).unwrap(), expected);
    }
}
