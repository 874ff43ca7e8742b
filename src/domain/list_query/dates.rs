//! Which dates a list covers: a field, and a period that is named or given by its ends.

use chrono::Datelike;
use serde::{Deserialize, Serialize};

use crate::domain::access::codes;
use crate::domain::time::{Day, Instant};

codes! {
    /// The date that a period is about.
    DateField {
        /// When it was issued.
        Issued = "issued", "Issued";
        /// When the vendor made it.
        Created = "created", "Created";
        /// When it arrived.
        Delivered = "delivered", "Delivered";
        /// When it was used.
        Redeemed = "redeemed", "Redeemed";
        /// When it can no longer be used.
        Expires = "expires", "Expires";
        /// When it was called off.
        Canceled = "canceled", "Canceled";
        /// When we last changed it.
        Updated = "changed", "Changed";
        /// The day of the rate.
        FxDate = "rate_date", "Rate date";
        /// The accounting date.
        Effective = "effective", "Accounting date";
    }
}

codes! {
    /// A period that moves with the calendar.
    Preset {
        /// Today.
        Today = "today", "Today";
        /// From the first of this month.
        ThisMonth = "this_month", "This month";
        /// The whole month before.
        LastMonth = "last_month", "Last month";
        /// Today and the 29 days before.
        Last30Days = "last_30_days", "Last 30 days";
        /// The fiscal year that today lies in.
        ThisFiscalYear = "this_fiscal_year", "This fiscal year";
        /// The one before.
        LastFiscalYear = "last_fiscal_year", "Last fiscal year";
    }
}

/// When: at any time, in a named period, or between two days, both included.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Period {
    /// At any time.
    #[default]
    Any,
    /// In a named period.
    Named(Preset),
    /// From a day, to a day; not both absent.
    Between(Option<Day>, Option<Day>),
}

/// What today is, and how the organisation counts its years. Its days begin in its own zone.
#[derive(Clone, Copy, Debug)]
pub struct Calendar {
    /// The organisation's zone.
    pub zone: chrono_tz::Tz,
    /// The day it is there.
    pub today: Day,
    /// The month its fiscal year starts in, 1 to 12.
    pub fiscal_start_month: u32,
}

impl Calendar {
    /// As of a moment.
    pub fn at(now: Instant, zone: chrono_tz::Tz, fiscal_start_month: u32) -> Self {
        Self { zone, today: now.day(zone), fiscal_start_month: fiscal_start_month.clamp(1, 12) }
    }

    /// The first day of the fiscal year that `day` lies in.
    pub fn fiscal_year_start(&self, day: Day) -> Day {
        let month = day.date().month();
        let back = (month + 12 - self.fiscal_start_month) % 12;
        day.month_start().add_months(-i32::try_from(back).unwrap_or(0))
    }
}

impl Period {
    /// Its first and last day, both included; `None` for an open end.
    pub fn days(self, calendar: &Calendar) -> (Option<Day>, Option<Day>) {
        let today = calendar.today;
        let until = |next: Day| Some(Day(next.0 - 1));
        match self {
            Self::Any => (None, None),
            Self::Between(from, to) => (from, to),
            Self::Named(preset) => match preset {
                Preset::Today => (Some(today), Some(today)),
                Preset::ThisMonth => (Some(today.month_start()), until(today.month_start().add_months(1))),
                Preset::LastMonth => (Some(today.month_start().add_months(-1)), until(today.month_start())),
                Preset::Last30Days => (Some(Day(today.0 - 29)), Some(today)),
                Preset::ThisFiscalYear => {
                    let start = calendar.fiscal_year_start(today);
                    (Some(start), until(start.add_months(12)))
                }
                Preset::LastFiscalYear => {
                    let start = calendar.fiscal_year_start(today);
                    (Some(start.add_months(-12)), until(start))
                }
            },
        }
    }

    /// The moment it begins, and the moment it has ended.
    pub fn moments(self, calendar: &Calendar) -> (Option<Instant>, Option<Instant>) {
        let (from, to) = self.days(calendar);
        (from.map(|day| day.start(calendar.zone)), to.map(|day| Day(day.0 + 1).start(calendar.zone)))
    }

    /// In words; empty for any time.
    pub fn words(self) -> String {
        match self {
            Self::Any => String::new(),
            Self::Named(preset) => preset.label().to_lowercase(),
            Self::Between(Some(from), Some(to)) if from == to => from.words(),
            Self::Between(Some(from), Some(to)) => format!("{} to {}", from.words(), to.words()),
            Self::Between(Some(from), None) => format!("from {}", from.words()),
            Self::Between(None, Some(to)) => format!("up to {}", to.words()),
            Self::Between(None, None) => String::new(),
        }
    }
}
