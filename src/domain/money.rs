//! Exact amounts: integer minor units of a currency, never a float, never a hidden rounding.

use rust_decimal::Decimal;

use super::currency::Currency;

/// What is wrong with an amount that somebody wrote.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AmountFault {
    /// Nothing was written.
    #[error("Enter an amount")]
    Missing,
    /// Not digits with at most one decimal point.
    #[error("Enter an amount as digits, like 1250.00")]
    NotANumber,
    /// More digits after the point than the currency has.
    #[error("{0} has {1} digits after the decimal point, not more")]
    TooManyDigits(Currency, u32),
    /// Past what 64 bits of minor units hold.
    #[error("This amount is too large")]
    TooLarge,
    /// Zero or less where an amount moves.
    #[error("Enter an amount greater than zero")]
    NotPositive,
}

/// Reads `1250`, `1250.5`, `1,250.50` or `-12.50` as minor units; the sign may be the minus of [`grouped`], so what is copied from a page is
/// read. Grouping commas are taken only where they group three digits; anything a person could have meant two ways is refused. Digits are
/// ASCII, exponents are not read.
pub fn parse(text: &str, currency: Currency) -> Result<i64, AmountFault> {
    let text = text.trim();
    if text.is_empty() {
        return Err(AmountFault::Missing);
    }
    let (sign, body) = match text.strip_prefix(['-', '\u{2212}']) {
        Some(rest) => ("-", rest),
        None => ("", text),
    };
    let (whole, fraction) = body.split_once('.').unwrap_or((body, ""));
    let mut groups = whole.split(',');
    let head = groups.next().unwrap_or_default();
    let grouped = whole.contains(',');
    let all_digits = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
    let well_grouped = groups.clone().all(|group| group.len() == 3 && all_digits(group)) && (!grouped || (1..=3).contains(&head.len()));
    if head.is_empty() || !all_digits(head) || !well_grouped || !all_digits(fraction) || body.ends_with('.') {
        return Err(AmountFault::NotANumber);
    }
    let plain = format!("{sign}{}.{}", whole.replace(',', ""), if fraction.is_empty() { "0" } else { fraction });
    let decimal = Decimal::from_str_exact(&plain).map_err(|_| AmountFault::TooLarge)?;
    from_decimal(decimal, currency)
}

/// An amount above zero, for everything that moves money.
pub fn parse_positive(text: &str, currency: Currency) -> Result<i64, AmountFault> {
    match parse(text, currency)? {
        minor if minor > 0 => Ok(minor),
        _ => Err(AmountFault::NotPositive),
    }
}

/// Minor units of an exact decimal; refuses digits that the currency does not have instead of rounding them.
pub fn from_decimal(value: Decimal, currency: Currency) -> Result<i64, AmountFault> {
    let value = value.normalize();
    if value.scale() > currency.digits() {
        return Err(AmountFault::TooManyDigits(currency, currency.digits()));
    }
    let factor = Decimal::from(10i64.pow(currency.digits()));
    let minor = value.checked_mul(factor).ok_or(AmountFault::TooLarge)?;
    i64::try_from(minor).map_err(|_| AmountFault::TooLarge)
}

/// `-1234.50`: what exports and the API carry.
pub fn plain(minor: i64, currency: Currency) -> String {
    let mut out = String::with_capacity(24);
    write_plain(&mut out, minor, currency.digits());
    out
}

/// [`plain`] into a buffer that is used again, for exports of millions of rows.
pub fn write_plain(out: &mut String, minor: i64, digits: u32) {
    use std::fmt::Write;
    let factor = 10u64.pow(digits);
    let size = minor.unsigned_abs();
    if minor < 0 {
        out.push('-');
    }
    // Writing to a String cannot fail.
    let _ = if digits == 0 {
        write!(out, "{size}")
    } else {
        write!(out, "{}.{:0width$}", size / factor, size % factor, width = digits as usize)
    };
}

/// `-1,234.50`: what people read on a page. The currency stands beside it, in a column of its own.
pub fn grouped(minor: i64, currency: Currency) -> String {
    let plain = plain(minor, currency);
    let (sign, body) = plain.strip_prefix('-').map_or(("", plain.as_str()), |rest| ("\u{2212}", rest));
    let (whole, fraction) = body.split_once('.').map_or((body, None), |(whole, fraction)| (whole, Some(fraction)));
    let mut out = String::with_capacity(body.len() + 8);
    out.push_str(sign);
    for (i, digit) in whole.chars().enumerate() {
        if i > 0 && (whole.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    if let Some(fraction) = fraction {
        out.push('.');
        out.push_str(fraction);
    }
    out
}

/// A share in tenths of a per cent, rounded towards zero: 423 is 42.3 %. `None` where there is nothing to take a share of, or where the
/// share is past 64 bits.
pub fn permille(part: i64, whole: i64) -> Option<i64> {
    (i128::from(part) * 1000).checked_div(i128::from(whole)).and_then(|share| i64::try_from(share).ok())
}
