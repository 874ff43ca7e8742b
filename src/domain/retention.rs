//! How long data is kept that nobody needs for ever. What the ledger and the audit trail say is kept always.

use serde::{Deserialize, Serialize};

use super::access::codes;

codes! {
    /// Data with a time to keep it.
    Kept {
        /// What stood in rows of files that were refused; line, field and fault stay.
        RefusedRows = "refused_rows", "Contents of refused rows, after the import has ended";
        /// Names, e-mail addresses and numbers of recipients, counted from their last reward.
        Recipients = "recipients", "Names and addresses of recipients, after their last reward";
        /// What answers a form that is sent twice.
        Answers = "answers", "Answers to forms and requests that may come again";
        /// One-time links.
        Links = "links", "One-time links, after they ran out";
    }
}

/// The longest time that can be set, in days.
pub const DAYS_MOST: i64 = 36_500;

impl Kept {
    /// Days to keep it where nobody has said otherwise; `None` for ever.
    pub fn usual(self) -> Option<i64> {
        match self {
            Self::RefusedRows => Some(90),
            Self::Recipients => None,
            Self::Answers | Self::Links => Some(30),
        }
    }

    /// The setting that says otherwise.
    pub fn setting(self) -> &'static str {
        match self {
            Self::RefusedRows => "retention.refused_rows",
            Self::Recipients => "retention.recipients",
            Self::Answers => "retention.answers",
            Self::Links => "retention.links",
        }
    }

    /// Reads days from a setting or a form: nothing is for ever.
    ///
    /// # Errors
    /// What a person should type instead.
    pub fn days(text: &str) -> Result<Option<i64>, &'static str> {
        match text.trim() {
            "" => Ok(None),
            text => match text.parse() {
                Ok(days @ 1..=DAYS_MOST) => Ok(Some(days)),
                _ => Err("Enter a whole number of days, from 1 to 36500, or leave it empty to keep it for ever"),
            },
        }
    }
}
