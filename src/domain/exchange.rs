//! From one currency into another at a stated rate: exact integers, and one rounding, half to even, to the digits of the currency that receives.

use std::fmt;

use super::currency::Currency;
use super::money::AmountFault;
use super::refusal::Refusal;

/// The most digits of a rate, before and after the point together: what 64 bits always hold.
const MOST_DIGITS: usize = 18;

/// How much of one currency is one of another: digits as they were written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    digits: i64,
    scale: u32,
}

impl Rate {
    /// Reads `1.0823`: digits with at most one point, above zero, at most 18 digits.
    pub fn parse(text: &str) -> Result<Self, Refusal> {
        let wrong = || Refusal::Invalid("rate", "Enter a rate as digits, like 1.0823, with at most 18 of them".to_owned());
        let text = text.trim();
        let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
        let all = [whole, fraction].concat();
        let sound = !whole.is_empty() && !text.ends_with('.') && all.len() <= MOST_DIGITS && all.bytes().all(|byte| byte.is_ascii_digit());
        let digits: i64 = all.parse().ok().filter(|_| sound).ok_or_else(wrong)?;
        if digits == 0 {
            return Err(Refusal::Invalid("rate", "Enter a rate greater than zero".to_owned()));
        }
        let scale = u32::try_from(fraction.len()).map_err(|_| wrong())?;
        Ok(Self { digits, scale })
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let factor = 10i64.pow(self.scale);
        if self.scale == 0 {
            return write!(f, "{}", self.digits);
        }
        write!(f, "{}.{:0width$}", self.digits / factor, self.digits % factor, width = self.scale as usize)
    }
}

/// An amount in the other currency.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exchanged {
    /// Minor units of the currency that receives.
    pub amount: i64,
    /// Whether the exact product had more digits than the currency has.
    pub rounded: bool,
}

/// `amount` minor units of `from`, at `rate` of `to` for one of `from`. The product is exact; it is rounded once, half to even.
pub fn convert(amount: i64, from: Currency, to: Currency, rate: Rate) -> Result<Exchanged, AmountFault> {
    // Below 2^63 · 10^18, which 128 bits hold.
    let product = i128::from(amount) * i128::from(rate.digits);
    let down = rate.scale + from.digits();
    let (exact, rounded) = if down <= to.digits() {
        (product.checked_mul(10i128.pow(to.digits() - down)).ok_or(AmountFault::TooLarge)?, false)
    } else {
        half_even(product, 10i128.pow(down - to.digits()))
    };
    let amount = i64::try_from(exact).map_err(|_| AmountFault::TooLarge)?;
    if amount <= 0 { Err(AmountFault::NotPositive) } else { Ok(Exchanged { amount, rounded }) }
}

fn half_even(value: i128, by: i128) -> (i128, bool) {
    let (whole, rest) = (value.div_euclid(by), value.rem_euclid(by));
    let up = rest * 2 > by || (rest * 2 == by && whole % 2 != 0);
    (whole + i128::from(up), rest != 0)
}
