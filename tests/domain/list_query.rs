//! The question behind lists and exports: what it reads, what it leaves out, and that it reads itself back.

use counterfoil::domain::list_query::{AmountField, Calendar, Column, DateField, Filter, ListQuery, Period, Preset, Sort, SortBy, Value};
use counterfoil::domain::time::{Day, Instant};
use proptest::prelude::*;
use rust_decimal::Decimal;
use uuid::Uuid;

fn filter() -> impl Strategy<Value = (Filter, Value)> {
    let ids =
        (prop::sample::select(vec![Filter::Region, Filter::Budget, Filter::Source, Filter::Import, Filter::Recipient]), any::<u128>())
            .prop_map(|(filter, id)| (filter, Value::Id(Uuid::from_u128(id))));
    let words = prop::sample::select(vec![Filter::OrderStatus, Filter::DeliveryStatus, Filter::Currency, Filter::Channel])
        .prop_flat_map(|filter| prop::sample::select(filter.words()).prop_map(move |(code, _)| (filter, Value::Word(code))));
    let texts =
        (prop::sample::select(vec![Filter::Product, Filter::Order, Filter::ExternalId]), "[^\\p{C}\\p{Z}][^\\p{C}]{0,20}[^\\p{C}\\p{Z}]")
            .prop_map(|(filter, text)| (filter, Value::Text(text)));
    prop_oneof![ids, words, texts, Just((Filter::Budget, Value::Nothing))]
}

fn period() -> impl Strategy<Value = Period> {
    prop_oneof![
        Just(Period::Any),
        prop::sample::select(Preset::ALL.to_vec()).prop_map(Period::Named),
        (0i64..30_000, 0i64..5_000).prop_map(|(from, more)| Period::Between(Some(Day(from)), Some(Day(from + more)))),
        (0i64..30_000).prop_map(|from| Period::Between(Some(Day(from)), None)),
        (0i64..30_000).prop_map(|to| Period::Between(None, Some(Day(to)))),
    ]
}

prop_compose! {
    fn question()(
        filters in prop::collection::vec(filter(), 0..8),
        period in period(),
        dates in prop::sample::select(DateField::ALL.to_vec()),
        bounds in prop::option::of((-1_000_000i64..1_000_000, 0i64..1_000_000, 0u32..4)),
        amounts in prop::sample::select(AmountField::ALL.to_vec()),
        note in prop::collection::vec("[^\\p{C}\\p{Z}]{1,12}", 0..3),
        words in prop::collection::vec("[^\\p{C}\\p{Z}]{1,12}", 0..4),
        sort in (prop::sample::select(vec![SortBy::Issued, SortBy::Amount]), any::<bool>()),
        columns in prop::option::of(prop::sample::subsequence(Column::ALL.to_vec(), 1..12).prop_shuffle()),
    ) -> ListQuery {
        let mut query = filters.into_iter().fold(ListQuery::default(), |query, (filter, value)| query.with(filter, value));
        query.period = period;
        query.dates = Some(dates).filter(|field| *field != DateField::Issued && period != Period::Any);
        query.q = words.join(" ");
        query.note = note.join(" ");
        query.sort = Sort { by: sort.0, descending: sort.1 };
        if let Some((least, more, scale)) = bounds {
            query.amounts = Some(amounts).filter(|field| *field != AmountField::Issued);
            query.amount_min = Some(Decimal::new(least, scale).normalize());
            query.amount_max = Some(Decimal::new(least + more, scale).normalize());
        }
        query.with_columns(columns)
    }
}

proptest! {
    #[test]
    fn a_question_reads_itself_back(query in question()) {
        let text = query.text();
        let read = ListQuery::parse(&text);
        prop_assert_eq!(&read.query, &query, "{}", text);
        prop_assert!(read.notices.is_empty(), "{:?}", read.notices);
        prop_assert_eq!(read.query.text(), text);
    }

    #[test]
    fn nothing_that_is_sent_makes_it_fail(text in "\\PC{0,200}") {
        let read = ListQuery::parse(&text);
        let again = ListQuery::parse(&read.query.text());
        prop_assert_eq!(again.query, read.query);
    }

    #[test]
    fn a_chip_takes_its_own_filter_away_and_no_other(query in question()) {
        let chips = query.chips(&|_, _| None);
        for chip in &chips {
            prop_assert_eq!(chip.without.chips(&|_, _| None).len(), chips.len() - 1);
        }
        prop_assert_eq!(query.is_filtered(), !chips.is_empty());
        prop_assert!(!query.cleared().is_filtered());
    }
}

#[test]
fn what_is_unknown_is_left_out_and_said() {
    let read = ListQuery::parse(
        "delivery_status=failed&delivery_status=lost&colour=red&region=reg_1&period=soon&from=22.11.2026&amount_min=1,2&sort=up",
    );
    assert_eq!(read.query, ListQuery::default().with(Filter::DeliveryStatus, Value::Word("failed")));
    assert_eq!(read.notices.len(), 5, "{:?}", read.notices);
    assert!(read.notices[0].contains("lost"));
    assert!(ListQuery::parse("delivery_status=&q=+&from=").notices.is_empty(), "an empty field of a form says nothing");
}

#[test]
fn values_of_one_filter_are_kept_together_and_a_doubled_one_once() {
    let read = ListQuery::parse(
        "budget=none&delivery_status=failed&delivery_status=pending&delivery_status=failed&columns=issued_at,id&columns=id",
    );
    assert_eq!(read.query.text(), "budget=none&delivery_status=failed&delivery_status=pending&columns=issued_at,id");
}

#[test]
fn a_period_means_days_of_the_organisation() {
    let zone = chrono_tz::Europe::Berlin;
    let calendar = Calendar::at(Instant(1_795_348_800_000_000), zone, 4);
    assert_eq!(calendar.today.iso(), "2026-11-22");
    let days = |text: &str| {
        let (from, to) = ListQuery::parse(text).query.period.days(&calendar);
        (from.map(Day::iso).unwrap_or_default(), to.map(Day::iso).unwrap_or_default())
    };
    let pair = |from: &str, to: &str| (from.to_owned(), to.to_owned());
    assert_eq!(days("period=today"), pair("2026-11-22", "2026-11-22"));
    assert_eq!(days("period=this_month"), pair("2026-11-01", "2026-11-30"));
    assert_eq!(days("period=last_month"), pair("2026-10-01", "2026-10-31"));
    assert_eq!(days("period=last_30_days"), pair("2026-10-24", "2026-11-22"));
    assert_eq!(days("period=this_fiscal_year"), pair("2026-04-01", "2027-03-31"));
    assert_eq!(days("period=last_fiscal_year"), pair("2025-04-01", "2026-03-31"));
    assert_eq!(days("month=2026-02"), pair("2026-02-01", "2026-02-28"));
    assert_eq!(days("to=2026-02-01&from=2026-03-01"), pair("2026-02-01", "2026-03-01"));
    // The clocks go back in October: the month is an hour longer than its days.
    let (from, until) = ListQuery::parse("period=last_month").query.period.moments(&calendar);
    assert_eq!(until.unwrap().0 - from.unwrap().0, (31 * 24 + 1) * 3_600_000_000);
}

#[test]
fn bounds_are_rounded_inwards() {
    let query = ListQuery::parse("amount_min=12.345&amount_max=1,250.5").query;
    assert_eq!(query.minor_bounds(2), (Some(1_235), Some(125_050)));
    assert_eq!(query.minor_bounds(0), (Some(13), Some(1_250)));
    assert_eq!(query.minor_bounds(3), (Some(12_345), Some(1_250_500)));
    assert_eq!(ListQuery::parse("amount_min=99999999999999999999").query.minor_bounds(2).0, Some(i64::MAX));
}

#[test]
fn the_words_for_the_trail_name_nobody() {
    let query = ListQuery::parse("q=asha.rao&external_id=RW-1&delivery_status=failed").query;
    let words = query.words(&|_, _| None);
    assert!(!words.contains("asha") && !words.contains("RW-1"), "{words}");
    assert_eq!(words, "with a text search; Delivery: Failed; External id: 1 chosen; newest first");
}
