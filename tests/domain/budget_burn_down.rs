//! The burn-down's months, and what an amount becomes in another currency.

use counterfoil::domain::budget::Figures;
use counterfoil::domain::burn_down::{months, series};
use counterfoil::domain::currency::Currency;
use counterfoil::domain::exchange::{Exchanged, Rate, convert};
use counterfoil::domain::time::Day;
use proptest::prelude::*;

use super::budget_ledger::budget;

fn day(text: &str) -> Day {
    Day::parse(text).unwrap()
}

#[test]
fn months_are_cut_to_the_period() {
    let cut: Vec<_> = months(day("2026-01-15"), day("2026-03-10")).iter().map(|month| (month.first.iso(), month.last.iso())).collect();
    let expected = [("2026-01-15", "2026-01-31"), ("2026-02-01", "2026-02-28"), ("2026-03-01", "2026-03-10")];
    assert_eq!(cut, expected.map(|(first, last)| (first.to_owned(), last.to_owned())));
    assert_eq!(months(day("2026-01-01"), day("2026-01-01")).len(), 1);
    assert_eq!(months(day("2026-02-01"), day("2026-01-01")).len(), 0);
}

#[test]
fn a_known_year_gives_known_figures() {
    let mut budget = budget(1);
    budget.figures = Figures { allocated: 1_200, spent: 300, ..Figures::default() };
    let moves = [(day("2025-12-30"), 1_200), (day("2026-01-10"), -100), (day("2026-03-31"), -200), (day("2027-01-02"), -50)];
    let series = series(&budget, &moves, day("2026-03-31"));
    assert_eq!(series.months.len(), 12);
    assert_eq!(series.actual, [1_100, 1_100, 900]);
    assert_eq!(series.plan.last(), Some(&0));
    assert_eq!(series.plan.first(), Some(&(1_200 - 1_200 * 31 / 365)));
    // 300 in 90 days: 30 days later 100 less.
    assert_eq!(series.forecast.len(), 9);
    assert_eq!(series.forecast.first(), Some(&800));
    assert_eq!(series.forecast.last(), Some(&0));
}

#[test]
fn nothing_is_forecast_without_spending_or_after_the_end() {
    let mut budget = budget(1);
    budget.figures = Figures { allocated: 100, ..Figures::default() };
    assert!(series(&budget, &[], day("2026-06-01")).forecast.is_empty());
    budget.figures.spent = 10;
    assert!(series(&budget, &[], day("2027-06-01")).forecast.is_empty());
    assert!(series(&budget, &[], day("2025-06-01")).actual.is_empty());
}

#[test]
fn an_exchange_is_exact_and_rounds_half_to_even_once() {
    let currency = |code| Currency::parse(code).unwrap();
    let (eur, jpy, bhd) = (currency("EUR"), currency("JPY"), currency("BHD"));
    let rate = |text| Rate::parse(text).unwrap();
    let to = |amount, rounded| Ok(Exchanged { amount, rounded });
    assert_eq!(convert(100_00, eur, jpy, rate("160")), to(16_000, false));
    assert_eq!(convert(100_00, eur, bhd, rate("0.41")), to(41_000, false));
    assert_eq!(convert(1_00, eur, jpy, rate("0.5")).map_err(|_| ()), Err(()), "a half is rounded to the even nothing, which does not move");
    assert_eq!(convert(1_00, eur, jpy, rate("1.5")), to(2, true));
    assert_eq!(convert(1_00, eur, jpy, rate("2.5")), to(2, true));
    assert_eq!(convert(1_00, eur, jpy, rate("2.51")), to(3, true));
    assert!(convert(i64::MAX, jpy, bhd, rate("999999999999999999")).is_err());
    for bad in ["", "0", "0.0", "-1", "1,5", "1.", ".5", "1e3", "\u{661}", "1234567890123456789"] {
        assert!(Rate::parse(bad).is_err(), "{bad:?}");
    }
    assert_eq!(rate("1.0820").to_string(), "1.0820");
    assert_eq!(rate("0.0007").to_string(), "0.0007");
}

proptest! {
    #[test]
    fn an_exchange_is_never_off_by_more_than_half_a_unit(amount in 1i64..1_000_000_000_000, digits in 1i64..1_000_000, scale in 0u32..6) {
        let (eur, jpy) = (Currency::parse("EUR").unwrap(), Currency::parse("JPY").unwrap());
        let text = format!("{}.{:0width$}", digits / 10i64.pow(scale), digits % 10i64.pow(scale), width = scale as usize);
        let text = text.trim_end_matches('.').to_owned();
        let text = if scale == 0 { digits.to_string() } else { text };
        if let Ok(done) = convert(amount, eur, jpy, Rate::parse(&text).unwrap()) {
            let exact = i128::from(amount) * i128::from(digits);
            let unit = 10i128.pow(scale + 2);
            prop_assert!((i128::from(done.amount) * unit - exact).abs() * 2 <= unit);
            prop_assert_eq!(done.rounded, i128::from(done.amount) * unit != exact);
        }
    }
}
