//! Dates and times as files write them.
//!
//! Read always: `2026-11-22`, `2026/11/22`, `20261122`, `22.11.2026`, `22-Nov-2026`, `22 November 2026`. Read by the mapping's order,
//! because the
//! file cannot tell: `03/04/2026` and `03-04-2026`. Years have four digits; two are refused, not guessed. A time `HH:MM`, `HH:MM:SS` or
//! with
//! a fraction may follow, then `Z` or an offset; without one it is a time in the mapping's zone.

use chrono::{NaiveDate, NaiveDateTime, NaiveTime, TimeZone, Utc};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::number::short;
use crate::domain::time::{Day, Instant};

/// What the first number of `03/04/2026` is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DateOrder {
    /// 3 April, as most of the world writes.
    #[default]
    DayFirst,
    /// March 4, as in the United States.
    MonthFirst,
}

/// What is wrong with a date in a file.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum DateFault {
    /// Not in a form that is read.
    #[error("“{0}” is not a date; write it like 2026-11-22")]
    NotADate(String),
    /// The form is right, the day does not exist.
    #[error("“{0}” does not exist in the calendar{1}")]
    NoSuchDay(String, &'static str),
    /// `22/11/26`.
    #[error("“{0}” has a year of two digits; write all four")]
    ShortYear(String),
    /// Before 1900 or after 2999.
    #[error("“{0}” lies outside the years 1900 to 2999")]
    OutOfRange(String),
    /// The day is right, the time is not.
    #[error("“{0}” has a time that cannot be read; write it like 17:00 or 17:00:00")]
    NotATime(String),
}

impl DateFault {
    /// A word for files of refused rows and tests.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotADate(_) => "date_invalid",
            Self::NoSuchDay(..) => "date_no_such_day",
            Self::ShortYear(_) => "date_short_year",
            Self::OutOfRange(_) => "date_out_of_range",
            Self::NotATime(_) => "time_invalid",
        }
    }
}

/// A calendar day. A time behind it is left out, unless it names its zone: then it is the day in `zone`.
///
/// # Errors
/// [`DateFault`].
pub fn day(text: &str, order: DateOrder, zone: Tz) -> Result<Day, DateFault> {
    let written = written(text, order)?;
    match written.clock {
        Some((_, Some(_))) => Ok(written.instant(zone).day(zone)),
        _ => Ok(Day::of(written.date)),
    }
}

/// A point in time; a day alone is its first moment in `zone`.
///
/// # Errors
/// [`DateFault`].
pub fn instant(text: &str, order: DateOrder, zone: Tz) -> Result<Instant, DateFault> {
    Ok(written(text, order)?.instant(zone))
}

struct Written {
    date: NaiveDate,
    /// The time of day, and the seconds east of UTC where they are stated.
    clock: Option<(NaiveTime, Option<i64>)>,
}

impl Written {
    fn instant(&self, zone: Tz) -> Instant {
        let Some((time, offset)) = self.clock else { return in_zone(self.date.and_time(NaiveTime::MIN), zone) };
        let local = self.date.and_time(time);
        match offset {
            Some(seconds) => Instant::of(Utc.from_utc_datetime(&local)).plus_seconds(-seconds),
            None => in_zone(local, zone),
        }
    }
}

/// The earlier of two where the clock goes back; the moment of the change where it goes forward over the time.
fn in_zone(local: NaiveDateTime, zone: Tz) -> Instant {
    if zone == Tz::UTC {
        return Instant::of(Utc.from_utc_datetime(&local));
    }
    let found = (0..=8).find_map(|quarters| zone.from_local_datetime(&(local + chrono::Duration::minutes(15 * quarters))).earliest());
    found.map_or_else(|| Instant::of(Utc.from_utc_datetime(&local)), |at| Instant::of(at.with_timezone(&Utc)))
}

fn written(text: &str, order: DateOrder) -> Result<Written, DateFault> {
    let text = text.trim();
    let (numbers, rest) = date_part(text, order)?;
    let clock = match rest.trim_start_matches([',', 'T', 't', ' ']) {
        "" if rest.trim().is_empty() => None,
        clock if clock.len() < rest.len() => Some(clock_part(clock).ok_or_else(|| DateFault::NotATime(short(text)))?),
        _ => return Err(DateFault::NotADate(short(text))),
    };
    let (year, month, day) = numbers;
    if !(1900..3000).contains(&year) {
        return Err(DateFault::OutOfRange(short(text)));
    }
    let date = NaiveDate::from_ymd_opt(year, month, day).ok_or_else(|| {
        let swapped = NaiveDate::from_ymd_opt(year, day, month).is_some();
        DateFault::NoSuchDay(short(text), if swapped { "; is the order of day and month right?" } else { "" })
    })?;
    Ok(Written { date, clock })
}

/// Year, month and day as written, and what stands behind them.
fn date_part(text: &str, order: DateOrder) -> Result<((i32, u32, u32), &str), DateFault> {
    let not = || DateFault::NotADate(short(text));
    let (first, rest) = digits(text);
    if first.len() == 8 {
        let part = |from: usize, to: usize| first.get(from..to).and_then(|part| part.parse::<u32>().ok()).unwrap_or_default();
        return Ok(((part(0, 4) as i32, part(4, 6), part(6, 8)), rest));
    }
    if first.is_empty() || first.len() > 4 {
        return Err(not());
    }
    let mark = rest.chars().next().filter(|c| matches!(c, '-' | '/' | '.' | ' ')).ok_or_else(not)?;
    let rest = rest.get(1..).unwrap_or_default().trim_start();
    let (second, rest) = middle(rest).ok_or_else(not)?;
    let rest = match rest.strip_prefix(mark) {
        Some(rest) => rest.trim_start(),
        None => rest.strip_prefix(['-', '/', ' ']).filter(|_| second.is_name).ok_or_else(not)?.trim_start(),
    };
    let (third, rest) = digits(rest);
    let number = |part: &str| part.parse::<u32>().unwrap_or_default();
    if first.len() == 4 {
        let fits = matches!(third.len(), 1 | 2) && mark != ' ';
        return if fits { Ok(((number(first) as i32, second.number, number(third)), rest)) } else { Err(not()) };
    }
    if first.len() == 3 || third.is_empty() || third.len() > 4 {
        return Err(not());
    }
    if third.len() != 4 {
        return Err(DateFault::ShortYear(short(text)));
    }
    let month_first = order == DateOrder::MonthFirst && !second.is_name && mark != '.';
    let (day, month) = if month_first { (second.number, number(first)) } else { (number(first), second.number) };
    Ok(((number(third) as i32, month, day), rest))
}

struct Middle {
    number: u32,
    is_name: bool,
}

/// The middle of a date: one or two digits, or a month's English name or its first three letters.
fn middle(text: &str) -> Option<(Middle, &str)> {
    let (number, rest) = digits(text);
    if !number.is_empty() {
        return (number.len() <= 2).then(|| (Middle { number: number.parse().unwrap_or_default(), is_name: false }, rest));
    }
    let end = text.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(text.len());
    let (word, rest) = text.split_at(end);
    let month = MONTHS.iter().position(|month| {
        month.eq_ignore_ascii_case(word)
            || month.get(..3).is_some_and(|short| short.eq_ignore_ascii_case(word))
            || (word == "Sept" && *month == "September")
    })?;
    Some((Middle { number: month as u32 + 1, is_name: true }, rest.strip_prefix('.').unwrap_or(rest)))
}

const MONTHS: [&str; 12] =
    ["January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December"];

fn digits(text: &str) -> (&str, &str) {
    let end = text.bytes().position(|byte| !byte.is_ascii_digit()).unwrap_or(text.len());
    text.split_at(end)
}

/// `17:00`, `17:00:05`, `17:00:05.123456`, `5:00 PM`; then nothing, `Z`, `UTC`, `+02:00`, `+0200` or `+02`.
fn clock_part(text: &str) -> Option<(NaiveTime, Option<i64>)> {
    let (hour, rest) = digits(text);
    let (minute, rest) = digits(rest.strip_prefix(':')?);
    let (second, rest) = match rest.strip_prefix(':') {
        Some(rest) => digits(rest),
        None => ("00", rest),
    };
    let (fraction, rest) = match rest.strip_prefix(['.', ',']) {
        Some(rest) => digits(rest),
        None => ("0", rest),
    };
    let two = |part: &str| (matches!(part.len(), 1 | 2)).then(|| part.parse::<u32>().ok()).flatten();
    let mut hour = two(hour)?;
    if minute.len() != 2 || second.len() != 2 || fraction.is_empty() || fraction.len() > 9 {
        return None;
    }
    let rest = rest.trim_start();
    let upper = rest.get(..2).map(str::to_ascii_uppercase);
    let rest = match upper.as_deref() {
        Some(half @ ("AM" | "PM")) if (1..=12).contains(&hour) => {
            hour = hour % 12 + if half == "PM" { 12 } else { 0 };
            rest.get(2..)?.trim_start()
        }
        _ => rest,
    };
    let micros = format!("{fraction:0<6}").get(..6)?.parse::<u32>().ok()?;
    let time = NaiveTime::from_hms_micro_opt(hour, two(minute)?, two(second)?, micros)?;
    Some((time, offset(rest)?))
}

fn offset(text: &str) -> Option<Option<i64>> {
    if text.is_empty() {
        return Some(None);
    }
    if matches!(text, "Z" | "z" | "UTC" | "GMT") {
        return Some(Some(0));
    }
    let sign = match text.chars().next()? {
        '+' => 1,
        '-' => -1,
        _ => return None,
    };
    let body: String = text.get(1..)?.chars().filter(|c| *c != ':').collect();
    if !matches!(body.len(), 2 | 4) || !body.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let hours: i64 = body.get(..2)?.parse().ok()?;
    let minutes: i64 = body.get(2..).filter(|part| !part.is_empty()).map_or(Ok(0), str::parse).ok()?;
    (hours <= 14 && minutes < 60).then_some(Some(sign * (hours * 3600 + minutes * 60)))
}

/// What a column's dates say about its order, counted cell by cell.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DateVotes {
    /// Cells that can only be read day first.
    pub day_first: u64,
    /// Cells that can only be read month first.
    pub month_first: u64,
    /// Cells that can be read both ways, as different days.
    pub both: u64,
    /// Cells that are dates at all.
    pub dates: u64,
}

impl DateVotes {
    /// Counts one cell; what is no date is not counted.
    pub fn add(&mut self, text: &str) {
        let by_day = written(text, DateOrder::DayFirst).ok().map(|at| at.date);
        let by_month = written(text, DateOrder::MonthFirst).ok().map(|at| at.date);
        self.dates += u64::from(by_day.is_some() || by_month.is_some());
        match (by_day, by_month) {
            (Some(one), Some(other)) => self.both += u64::from(one != other),
            (Some(_), None) => self.day_first += 1,
            (None, Some(_)) => self.month_first += 1,
            (None, None) => {}
        }
    }

    /// The column's order; `None` where the person must be asked: the cells disagree, or every one can be read both ways.
    pub fn order(self) -> Option<DateOrder> {
        match (self.day_first, self.month_first) {
            (0, 0) if self.both > 0 => None,
            (_, 0) => Some(DateOrder::DayFirst),
            (0, _) => Some(DateOrder::MonthFirst),
            _ => None,
        }
    }
}
