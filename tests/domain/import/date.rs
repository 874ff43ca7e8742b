//! Dates as files write them.

use counterfoil::domain::import::date::{DateOrder, DateVotes, day, instant};
use counterfoil::domain::time::Day;
use proptest::prelude::*;

use DateOrder::{DayFirst, MonthFirst};

const LONDON: chrono_tz::Tz = chrono_tz::Europe::London;

fn read(text: &str, order: DateOrder) -> Result<String, &'static str> {
    day(text, order, LONDON).map(Day::iso).map_err(|fault| fault.code())
}

fn at(text: &str) -> Result<String, &'static str> {
    instant(text, DayFirst, LONDON).map(counterfoil::domain::time::Instant::iso).map_err(|fault| fault.code())
}

#[test]
fn forms() {
    for text in [
        "2020-06-24",
        "2020/6/24",
        "20200624",
        "24/06/2020",
        "24-06-2020",
        "24.6.2020",
        "24-Jun-2020",
        "24 June 2020",
        "24. 6. 2020",
        "24-jun.-2020",
    ] {
        assert_eq!(read(text, DayFirst).as_deref(), Ok("2020-06-24"), "{text}");
    }
    assert_eq!(read("06/24/2020", MonthFirst).as_deref(), Ok("2020-06-24"));
    assert_eq!(read("24.06.2020", MonthFirst).as_deref(), Ok("2020-06-24"));
    assert_eq!(read("2020-06-24T23:30:00Z", DayFirst).as_deref(), Ok("2020-06-25"));
    assert_eq!(read("2020-06-24 23:30", DayFirst).as_deref(), Ok("2020-06-24"));
}

#[test]
fn faults() {
    for (text, expected) in [
        ("24/06/20", "date_short_year"),
        ("1-Jan-99", "date_short_year"),
        ("30/02/2020", "date_no_such_day"),
        ("06/24/2020", "date_no_such_day"),
        ("24/06/1899", "date_out_of_range"),
        ("0000-01-01", "date_out_of_range"),
        ("yesterday", "date_invalid"),
        ("44006", "date_invalid"),
        ("1/2/2020/3", "date_invalid"),
        ("2020-06-24 25:00", "time_invalid"),
        ("2020-06-24T", "time_invalid"),
        ("", "date_invalid"),
        ("２０２０-06-24", "date_invalid"),
    ] {
        assert_eq!(read(text, DayFirst), Err(expected), "{text}");
    }
}

#[test]
fn times_and_zones() {
    for (text, expected) in [
        ("24/06/2020", "2020-06-23T23:00:00Z"),
        ("24/06/2020 10:15", "2020-06-24T09:15:00Z"),
        ("2020-06-24T10:15:30Z", "2020-06-24T10:15:30Z"),
        ("2020-06-24T10:15:30+02:00", "2020-06-24T08:15:30Z"),
        ("2020-06-24 10:15:30.250 -0530", "2020-06-24T15:45:30Z"),
        ("24/06/2020 5:05 PM", "2020-06-24T16:05:00Z"),
        ("24/06/2020 12:00 am", "2020-06-23T23:00:00Z"),
        // The clocks go forward at 01:00 and back at 02:00.
        ("29/03/2020 01:30", "2020-03-29T01:00:00Z"),
        ("25/10/2020 01:30", "2020-10-25T00:30:00Z"),
    ] {
        assert_eq!(at(text).as_deref(), Ok(expected), "{text}");
    }
}

#[test]
fn the_order_is_asked_where_it_cannot_be_told() {
    let order = |cells: &[&str]| {
        let mut votes = DateVotes::default();
        cells.iter().for_each(|cell| votes.add(cell));
        votes.order()
    };
    assert_eq!(order(&["03/04/2020", "05/06/2020"]), None);
    assert_eq!(order(&["03/04/2020", "24/06/2020"]), Some(DayFirst));
    assert_eq!(order(&["03/04/2020", "06/24/2020"]), Some(MonthFirst));
    assert_eq!(order(&["24/06/2020", "06/24/2020"]), None);
    assert_eq!(order(&["2020-03-04", "05/05/2020", "x"]), Some(DayFirst));
}

proptest! {
    #[test]
    fn what_is_written_is_read(number in -25_567i64..376_200) {
        let expected = Day(number);
        let (iso, date) = (expected.iso(), expected.date());
        prop_assert_eq!(day(&iso, DayFirst, LONDON), Ok(expected));
        for (form, order) in [("%d/%m/%Y", DayFirst), ("%m/%d/%Y", MonthFirst), ("%d.%m.%Y", MonthFirst), ("%d-%b-%Y", DayFirst),
            ("%Y%m%d", DayFirst)] {
            prop_assert_eq!(day(&date.format(form).to_string(), order, LONDON), Ok(expected));
        }
    }

    #[test]
    fn nothing_is_read_into_noise(text in "[0-9/.:TZ+ \\-éJan]{0,24}") {
        let _ = instant(&text, DayFirst, LONDON);
        DateVotes::default().add(&text);
    }
}
