//! Amounts as files write them: decimal comma or point, grouped, with a currency sign, in brackets for credits.
//!
//! Which of comma and point is the decimal sign is a property of a column, never guessed per cell: `1.234` alone is a thousand or one and a
//! bit, and the person is asked.

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::domain::currency::Currency;

/// Which sign stands before the fraction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NumberStyle {
    /// `1,234.56`
    #[default]
    Point,
    /// `1.234,56`
    Comma,
}

/// What is wrong with a number in a file.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum NumberFault {
    /// Not digits.
    #[error("“{0}” is not a number")]
    NotANumber(String),
    /// `1e5`: a spreadsheet has shortened it, digits may be lost.
    #[error("“{0}” is in scientific notation; write all digits")]
    Exponent(String),
    /// Digits of another script, which look like others do.
    #[error("“{0}” has digits other than 0 to 9")]
    ForeignDigits(String),
    /// Separators that do not group, or the other decimal sign.
    #[error("“{0}” is not grouped as {1} numbers are; check the decimal sign of the file")]
    Grouping(String, &'static str),
    /// More digits than the currency has.
    #[error("“{0}” has more digits after the decimal sign than {1} has ({2})")]
    TooManyDigits(String, Currency, u32),
    /// Past 64 bits of minor units.
    #[error("“{0}” is too large")]
    TooLarge(String),
    /// Another currency than the row's stands beside the number.
    #[error("“{0}” names {1}, the row is in {2}")]
    WrongCurrency(String, String, Currency),
}

impl NumberFault {
    /// A word for files of refused rows and tests.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotANumber(_) => "number_invalid",
            Self::Exponent(_) => "number_exponent",
            Self::ForeignDigits(_) => "number_foreign_digits",
            Self::Grouping(..) => "number_grouping",
            Self::TooManyDigits(..) => "number_too_many_digits",
            Self::TooLarge(_) => "number_too_large",
            Self::WrongCurrency(..) => "currency_mismatch",
        }
    }
}

/// An amount in minor units of `currency`. Nothing is rounded; zeros past the currency's digits are taken.
///
/// # Errors
/// [`NumberFault`].
pub fn amount(text: &str, style: NumberStyle, currency: Currency) -> Result<i64, NumberFault> {
    let text = text.trim();
    if let Some(minor) = plain(text, style, currency.digits()) {
        return Ok(minor);
    }
    let parts = parts(text, style, Some(currency))?;
    let digits = currency.digits() as usize;
    let fraction = parts.fraction.trim_end_matches('0');
    if fraction.len() > digits {
        return Err(NumberFault::TooManyDigits(short(text), currency, currency.digits()));
    }
    let mut minor = 0i64;
    for digit in parts.whole.bytes().chain(fraction.bytes()).chain(std::iter::repeat_n(b'0', digits - fraction.len())) {
        let digit = i64::from(digit - b'0');
        let next = minor.checked_mul(10).and_then(|minor| if parts.negative { minor.checked_sub(digit) } else { minor.checked_add(digit) });
        minor = next.ok_or_else(|| NumberFault::TooLarge(short(text)))?;
    }
    Ok(minor)
}

/// An exchange rate: a decimal above zero with at most 12 digits behind the sign.
///
/// # Errors
/// [`NumberFault`].
pub fn rate(text: &str, style: NumberStyle) -> Result<Decimal, NumberFault> {
    let parts = parts(text.trim(), style, None)?;
    let value = Decimal::from_str_exact(&format!("{}.{}", parts.whole, if parts.fraction.is_empty() { "0" } else { &parts.fraction }))
        .map_err(|_| NumberFault::TooLarge(short(text)))?
        .normalize();
    if parts.negative || value.is_zero() || value.scale() > 12 {
        return Err(NumberFault::NotANumber(short(text)));
    }
    Ok(value)
}

/// The usual case without any allocation: an optional minus, digits, and the decimal sign with no more digits than the currency has.
fn plain(text: &str, style: NumberStyle, digits: u32) -> Option<i64> {
    let (negative, body) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
    if body.is_empty() || body.len() > 17 {
        return None;
    }
    let mark = if style == NumberStyle::Point { b'.' } else { b',' };
    let (mut minor, mut seen, mut behind) = (0i64, 0u32, None::<u32>);
    for byte in body.bytes() {
        match byte {
            b'0'..=b'9' => {
                minor = minor * 10 + i64::from(byte - b'0');
                seen += 1;
                behind = behind.map(|count| count + 1);
            }
            _ if byte == mark && behind.is_none() && seen > 0 => behind = Some(0),
            _ => return None,
        }
    }
    if behind == Some(0) {
        return None;
    }
    let missing = digits.checked_sub(behind.unwrap_or(0))?;
    let minor = minor.checked_mul(10i64.pow(missing))?;
    Some(if negative { -minor } else { minor })
}

struct Parts {
    negative: bool,
    whole: String,
    fraction: String,
}

fn parts(text: &str, style: NumberStyle, currency: Option<Currency>) -> Result<Parts, NumberFault> {
    let not = || NumberFault::NotANumber(short(text));
    let (body, sign_outside) = strip_sign(strip_currency(text, currency)?);
    let (body, sign_inside) = strip_sign(strip_currency(body, currency)?);
    let negative = match (sign_outside, sign_inside) {
        (None, None) => false,
        (Some(sign), None) | (None, Some(sign)) => sign,
        (Some(_), Some(_)) => return Err(not()),
    };
    if body.chars().any(|c| c.is_numeric() && !c.is_ascii_digit()) {
        return Err(NumberFault::ForeignDigits(short(text)));
    }
    if let Some((before, after)) = body.split_once(['e', 'E'])
        && before.starts_with(|c: char| c.is_ascii_digit())
        && after.trim_start_matches(['+', '-']).bytes().all(|byte| byte.is_ascii_digit())
    {
        return Err(NumberFault::Exponent(short(text)));
    }
    let (mark, group, name) = match style {
        NumberStyle::Point => ('.', ',', "decimal point"),
        NumberStyle::Comma => (',', '.', "decimal comma"),
    };
    let is_group = |c: char| c == group || matches!(c, ' ' | '\u{a0}' | '\u{202f}' | '\u{2009}' | '\'' | '\u{2019}');
    if body.is_empty() || !body.chars().all(|c| c.is_ascii_digit() || c == mark || is_group(c)) || !body.bytes().any(|b| b.is_ascii_digit())
    {
        return Err(not());
    }
    let grouping = || NumberFault::Grouping(short(text), name);
    let (whole, fraction) = body.split_once(mark).unwrap_or((body, ""));
    if !fraction.bytes().all(|byte| byte.is_ascii_digit()) || body.ends_with(mark) {
        return Err(grouping());
    }
    let groups: Vec<&str> = whole.split(is_group).collect();
    let mut marks = whole.chars().filter(|c| is_group(*c));
    let first_mark = marks.next();
    if !well_grouped(&groups) || marks.any(|c| Some(c) != first_mark) {
        return Err(grouping());
    }
    Ok(Parts { negative, whole: groups.concat(), fraction: fraction.to_owned() })
}

/// Threes, as most of the world groups; or a last three and twos before it, as India does.
fn well_grouped(groups: &[&str]) -> bool {
    let [head, middle @ .., last] = groups else { return true };
    let size = |len: usize| middle.iter().all(|group| group.len() == len);
    last.len() == 3 && ((1..=3).contains(&head.len()) && size(3) || (1..=2).contains(&head.len()) && size(2))
}

/// A minus in front or behind, brackets around; `Some(true)` is below zero, a plus is `Some(false)`.
fn strip_sign(text: &str) -> (&str, Option<bool>) {
    let minus = ['-', '\u{2212}'];
    if let Some(inside) = text.strip_prefix('(').and_then(|rest| rest.strip_suffix(')')) {
        return (inside.trim(), Some(true));
    }
    if let Some(rest) = text.strip_prefix(minus).or_else(|| text.strip_suffix(minus)) {
        return (rest.trim(), Some(true));
    }
    match text.strip_prefix('+') {
        Some(rest) => (rest.trim(), Some(false)),
        None => (text, None),
    }
}

/// A sign like `£`, or three capital letters, in front or behind. A code must be the row's own.
fn strip_currency(text: &str, currency: Option<Currency>) -> Result<&str, NumberFault> {
    let signs = ['£', '€', '$', '¥', '₹', '₩', '₺', '₫', '₴', '₱', '₦', '฿'];
    let bare = text.strip_prefix(signs).or_else(|| text.strip_suffix(signs));
    if let Some(rest) = bare {
        return Ok(rest.trim());
    }
    let code = |part: Option<&str>| part.and_then(Currency::parse);
    let (found, rest) = if let Some(found) = code(text.get(..3)) {
        (found, text.get(3..).unwrap_or_default())
    } else if let Some(found) = text.len().checked_sub(3).and_then(|at| code(text.get(at..))) {
        (found, text.get(..text.len() - 3).unwrap_or_default())
    } else {
        return Ok(text);
    };
    match currency {
        Some(expected) if expected != found => Err(NumberFault::WrongCurrency(short(text), found.code().to_owned(), expected)),
        _ => Ok(rest.trim()),
    }
}

/// A cell in a message: not longer than 40 characters.
pub(super) fn short(text: &str) -> String {
    let mut out: String = text.chars().filter(|c| !c.is_control()).take(40).collect();
    if text.chars().count() > 40 {
        out.push('…');
    }
    out
}

/// What a column's numbers say about its style, counted cell by cell.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NumberVotes {
    /// Cells that can only be read with a decimal point.
    pub point: u64,
    /// Cells that can only be read with a decimal comma.
    pub comma: u64,
    /// Cells like `1.234` that can be read both ways with different values.
    pub both: u64,
    /// Cells that are numbers at all.
    pub numbers: u64,
}

impl NumberVotes {
    /// Counts one cell; what is no number is not counted.
    pub fn add(&mut self, text: &str) {
        let text = text.trim();
        let as_point = parts(text, NumberStyle::Point, None);
        let as_comma = parts(text, NumberStyle::Comma, None);
        self.numbers += u64::from(as_point.is_ok() || as_comma.is_ok());
        match (as_point, as_comma) {
            (Ok(point), Ok(comma)) if point.whole == comma.whole && point.fraction == comma.fraction => {}
            // With a zero in front the sign cannot group.
            (Ok(point), Ok(_)) if point.whole == "0" => self.point += 1,
            (Ok(_), Ok(comma)) if comma.whole == "0" => self.comma += 1,
            (Ok(_), Ok(_)) => self.both += 1,
            (Ok(_), Err(_)) => self.point += 1,
            (Err(_), Ok(_)) => self.comma += 1,
            (Err(_), Err(_)) => {}
        }
    }

    /// The column's style; `None` where the person must be asked: the cells disagree, or every one can be read both ways.
    pub fn style(self) -> Option<NumberStyle> {
        match (self.point, self.comma) {
            (0, 0) if self.both > 0 => None,
            (_, 0) => Some(NumberStyle::Point),
            (0, _) => Some(NumberStyle::Comma),
            _ => None,
        }
    }
}
