//! Points in time and calendar days, both plain integers in the store.

use chrono::{DateTime, Datelike, NaiveDate, TimeZone, Timelike, Utc};
use serde::{Deserialize, Serialize};

/// Microseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, sqlx::Type)]
#[sqlx(transparent)]
pub struct Instant(pub i64);

impl Instant {
    /// The same moment for calendar work; times outside chrono's range (year ±262,000) read as 1970.
    pub fn utc(self) -> DateTime<Utc> {
        DateTime::from_timestamp_micros(self.0).unwrap_or_default()
    }

    /// From chrono's form.
    pub fn of(at: DateTime<Utc>) -> Self {
        Self(at.timestamp_micros())
    }

    /// `2026-11-22T17:00:00Z`, for `<time datetime>` and exports.
    pub fn iso(self) -> String {
        let mut out = clock(&self.utc().naive_utc(), 'T');
        out.push(':');
        two(&mut out, self.utc().second());
        out.push('Z');
        out
    }

    /// `2026-11-22 17:00` as read on a clock in `zone`.
    pub fn local(self, zone: chrono_tz::Tz) -> String {
        clock(&zone.from_utc_datetime(&self.utc().naive_utc()).naive_local(), ' ')
    }

    /// The calendar day in `zone`.
    pub fn day(self, zone: chrono_tz::Tz) -> Day {
        Day::of(zone.from_utc_datetime(&self.utc().naive_utc()).date_naive())
    }

    /// This moment and `seconds` more.
    pub fn plus_seconds(self, seconds: i64) -> Self {
        Self(self.0.saturating_add(seconds.saturating_mul(1_000_000)))
    }
}

/// `2026-11-22 17:00`. A page holds a hundred of them, and the formatter of the standard library takes ten times as long.
fn clock(at: &chrono::NaiveDateTime, between: char) -> String {
    let mut out = String::with_capacity(24);
    match u32::try_from(at.year()) {
        Ok(year @ 0..=9999) => {
            two(&mut out, year / 100);
            two(&mut out, year % 100);
        }
        _ => out += &format!("{:04}", at.year()),
    }
    for (mark, number) in [('-', at.month()), ('-', at.day()), (between, at.hour()), (':', at.minute())] {
        out.push(mark);
        two(&mut out, number);
    }
    out
}

/// Two digits of a number below 100.
fn two(out: &mut String, number: u32) {
    out.extend([number / 10, number % 10].into_iter().filter_map(|digit| char::from_digit(digit % 10, 10)));
}

/// A calendar day: days since 1970-01-01.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, sqlx::Type)]
#[sqlx(transparent)]
pub struct Day(pub i64);

impl Day {
    /// From chrono's form.
    pub fn of(date: NaiveDate) -> Self {
        Self(i64::from(date.num_days_from_ce()) - 719_163)
    }

    /// For calendar work; days outside chrono's range read as 1970-01-01.
    pub fn date(self) -> NaiveDate {
        i32::try_from(self.0 + 719_163).ok().and_then(NaiveDate::from_num_days_from_ce_opt).unwrap_or_default()
    }

    /// Reads `2026-11-22` and nothing else; years 1900 to 2999.
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = text.as_bytes();
        if bytes.len() != 10 || !bytes.iter().enumerate().all(|(i, b)| if i == 4 || i == 7 { *b == b'-' } else { b.is_ascii_digit() }) {
            return None;
        }
        let date = NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()?;
        (1900..3000).contains(&date.year()).then(|| Self::of(date))
    }

    /// `2026-11-22`.
    pub fn iso(self) -> String {
        let date = self.date();
        format!("{:04}-{:02}-{:02}", date.year(), date.month(), date.day())
    }

    /// `22 Nov 2026`, as people read it.
    pub fn words(self) -> String {
        self.date().format("%-d %b %Y").to_string()
    }

    /// The first moment of the day in `zone`. Where a clock change skips midnight, the first moment that exists.
    pub fn start(self, zone: chrono_tz::Tz) -> Instant {
        let midnight = self.date().and_time(chrono::NaiveTime::MIN);
        let local =
            (0..=4).find_map(|half_hours| zone.from_local_datetime(&(midnight + chrono::Duration::minutes(30 * half_hours))).earliest());
        local.map_or(Instant(self.0.saturating_mul(86_400_000_000)), |at| Instant::of(at.with_timezone(&Utc)))
    }

    /// The first day of its month.
    pub fn month_start(self) -> Self {
        let date = self.date();
        Self(self.0 - i64::from(date.day0()))
    }

    /// The first day of the month `months` later (or earlier, when negative).
    pub fn add_months(self, months: i32) -> Self {
        let date = self.date();
        let index = date.year() * 12 + date.month0().cast_signed() + months;
        NaiveDate::from_ymd_opt(index.div_euclid(12), index.rem_euclid(12).cast_unsigned() + 1, 1).map_or(self, Self::of)
    }

    /// `2026-11`, the key of its month in lists and charts.
    pub fn month_key(self) -> String {
        self.date().format("%Y-%m").to_string()
    }
}
