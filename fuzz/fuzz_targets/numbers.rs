//! Amounts, rates, dates, codes and ids as people and files write them.
#![no_main]

use counterfoil::domain::currency::Currency;
use counterfoil::domain::exchange::{Rate, convert};
use counterfoil::domain::id::BudgetId;
use counterfoil::domain::import::{DateOrder, DateVotes, NumberStyle, NumberVotes, date, number};
use counterfoil::domain::money;
use counterfoil::domain::time::Day;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    for code in ["EUR", "JPY", "BHD"] {
        let currency = Currency::parse(code).expect("a currency");
        if let Ok(minor) = money::parse(text, currency) {
            assert_eq!(money::parse(&money::plain(minor, currency), currency), Ok(minor));
            assert_eq!(money::parse(&money::grouped(minor, currency), currency), Ok(minor));
        }
        for style in [NumberStyle::Point, NumberStyle::Comma] {
            if let Ok(minor) = number::amount(text, style, currency)
                && style == NumberStyle::Point
            {
                assert_eq!(number::amount(&money::plain(minor, currency), style, currency).ok(), Some(minor));
            }
        }
        if let (Ok(rate), Some(to)) = (Rate::parse(text), Currency::parse("USD")) {
            let _ = (convert(i64::MAX, currency, to, rate), convert(1, currency, to, rate));
        }
    }
    for style in [NumberStyle::Point, NumberStyle::Comma] {
        let _ = number::rate(text, style);
    }
    for order in [DateOrder::DayFirst, DateOrder::MonthFirst] {
        for zone in [chrono_tz::UTC, chrono_tz::Europe::Berlin, chrono_tz::Pacific::Apia] {
            let _ = (date::day(text, order, zone), date::instant(text, order, zone));
        }
    }
    let mut votes = (NumberVotes::default(), DateVotes::default());
    for piece in text.split('\n') {
        votes.0.add(piece);
        votes.1.add(piece);
    }
    let _ = (votes.0.style(), votes.1.order(), Day::parse(text), Currency::parse(text));
    if let Some(id) = BudgetId::parse(text) {
        assert_eq!(BudgetId::parse(&id.to_string()), Some(id));
    }
});
