//! Amounts as files write them.

use counterfoil::domain::currency::Currency;
use counterfoil::domain::import::number::{NumberStyle, NumberVotes, amount, rate};
use counterfoil::domain::money;
use proptest::prelude::*;

use NumberStyle::{Comma, Point};

fn gbp(text: &str, style: NumberStyle) -> Result<i64, &'static str> {
    amount(text, style, Currency::parse("GBP").unwrap()).map_err(|fault| fault.code())
}

#[test]
fn both_styles_signs_and_currencies() {
    for (text, style, expected) in [
        ("1234.56", Point, 123_456),
        ("1,234.56", Point, 123_456),
        ("1.234,56", Comma, 123_456),
        ("1 234,5", Comma, 123_450),
        ("1\u{a0}234,56", Comma, 123_456),
        ("1\u{202f}234,56", Comma, 123_456),
        ("1'234.56", Point, 123_456),
        ("1’234.56", Point, 123_456),
        ("12,34,567.00", Point, 123_456_700),
        ("(12.50)", Point, -1250),
        ("12.50-", Point, -1250),
        ("-12.5", Point, -1250),
        ("\u{2212}12.50", Point, -1250),
        ("+3", Point, 300),
        ("-0", Point, 0),
        ("-0.00", Point, 0),
        (".50", Point, 50),
        ("12.5000", Point, 1250),
        ("£12.50", Point, 1250),
        ("-£12.50", Point, -1250),
        ("£-12.50", Point, -1250),
        ("(£1,000.00)", Point, -100_000),
        ("GBP 12.50", Point, 1250),
        ("12.50 GBP", Point, 1250),
        ("12,50 £", Comma, 1250),
        ("92233720368547758.07", Point, i64::MAX),
        ("-92233720368547758.08", Point, i64::MIN),
    ] {
        assert_eq!(gbp(text, style), Ok(expected), "{text}");
    }
}

#[test]
fn each_fault_has_its_own_word() {
    for (text, style, expected) in [
        ("1e5", Point, "number_exponent"),
        ("1E+5", Point, "number_exponent"),
        ("１２", Point, "number_foreign_digits"),
        ("٣", Point, "number_foreign_digits"),
        ("12.345", Point, "number_too_many_digits"),
        ("9223372036854775808", Point, "number_too_large"),
        ("92233720368547758.08", Point, "number_too_large"),
        ("1.234,56", Point, "number_grouping"),
        ("1,23", Point, "number_grouping"),
        ("1,234.56", Comma, "number_grouping"),
        ("1.2.3", Point, "number_grouping"),
        ("12.", Point, "number_grouping"),
        ("1,234 567", Point, "number_grouping"),
        ("USD 12.50", Point, "currency_mismatch"),
        ("twelve", Point, "number_invalid"),
        ("", Point, "number_invalid"),
        ("-", Point, "number_invalid"),
        ("--5", Point, "number_invalid"),
        ("(-5)", Point, "number_invalid"),
        ("0x10", Point, "number_invalid"),
        ("true", Point, "number_invalid"),
        ("\u{200f}12", Point, "number_invalid"),
        ("NaN", Point, "number_invalid"),
    ] {
        assert_eq!(gbp(text, style), Err(expected), "{text}");
    }
    assert_eq!(amount("1.5", Point, Currency::parse("JPY").unwrap()).unwrap_err().code(), "number_too_many_digits");
    assert_eq!(amount("1.505", Point, Currency::parse("BHD").unwrap()), Ok(1505));
}

#[test]
fn the_style_of_a_column_is_asked_where_it_cannot_be_told() {
    let style = |cells: &[&str]| {
        let mut votes = NumberVotes::default();
        cells.iter().for_each(|cell| votes.add(cell));
        votes.style()
    };
    assert_eq!(style(&["1.234", "5.678"]), None);
    assert_eq!(style(&["1,234", "12"]), None);
    assert_eq!(style(&["1,234", "1,50"]), Some(Comma));
    assert_eq!(style(&["1.234", "12.5"]), Some(Point));
    assert_eq!(style(&["1.234.567"]), Some(Comma));
    assert_eq!(style(&["1,234.5", "7"]), Some(Point));
    assert_eq!(style(&["0.125"]), Some(Point));
    assert_eq!(style(&["12", "text", ""]), Some(Point));
    assert_eq!(style(&["1,50", "1.50"]), None);
}

#[test]
fn rates() {
    assert_eq!(rate("1.0834", Point).unwrap().to_string(), "1.0834");
    assert_eq!(rate("0,000123", Comma).unwrap().to_string(), "0.000123");
    assert!(rate("0", Point).is_err() && rate("-1", Point).is_err());
}

proptest! {
    #[test]
    fn what_is_written_is_read(minor in any::<i64>(), at in 0usize..100) {
        let currency = Currency::all().nth(at).unwrap();
        let plain = money::plain(minor, currency);
        prop_assert_eq!(amount(&plain, Point, currency), Ok(minor));
        prop_assert_eq!(amount(&plain.replace('.', ","), Comma, currency), Ok(minor));
        let grouped = money::grouped(minor, currency);
        prop_assert_eq!(amount(&grouped, Point, currency), Ok(minor));
        let swapped: String = grouped.chars().map(|c| match c { ',' => '.', '.' => ',', c => c }).collect();
        prop_assert_eq!(amount(&swapped, Comma, currency), Ok(minor));
    }

    #[test]
    fn nothing_is_read_into_noise(text in "\\PC{0,12}") {
        let _ = gbp(&text, Point);
        NumberVotes::default().add(&text);
    }
}
