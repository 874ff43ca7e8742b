//! The vertical axis of a chart: round steps, short labels.

use crate::domain::currency::Currency;

use super::{BOTTOM, TOP, n};

/// A horizontal line of the grid with its label.
#[derive(Debug, PartialEq)]
pub(super) struct Tick {
    pub y: String,
    pub text_y: String,
    pub label: String,
    pub zero: bool,
}

/// The vertical axis: steps of 1, 2 or 5 times a power of ten that hold all values and zero.
pub(super) struct Scale {
    step: i128,
    low: i128,
    high: i128,
    currency: Currency,
}

impl Scale {
    pub fn over(values: impl Iterator<Item = i128>, currency: Currency) -> Self {
        let (low, high) = values.fold((0i128, 0i128), |(low, high), v| (low.min(v), high.max(v)));
        let one = 10i128.pow(currency.digits());
        let step = nice_step(high - low, one);
        Self { step, low: low.div_euclid(step) * step, high: (-(-high).div_euclid(step) * step).max(step), currency }
    }

    pub fn y(&self, value: i128) -> f64 {
        let share = (value - self.low) as f64 / (self.high - self.low) as f64;
        BOTTOM - (BOTTOM - TOP) * share
    }

    pub fn ticks(&self) -> Vec<Tick> {
        let one = 10i128.pow(self.currency.digits());
        let count = (self.high - self.low) / self.step;
        (0..=count)
            .map(|i| {
                let value = self.low + i * self.step;
                let y = BOTTOM - (BOTTOM - TOP) * i as f64 / count as f64;
                Tick { y: n(y), text_y: n(y + 4.0), label: compact(value / one), zero: value == 0 }
            })
            .collect()
    }
}

/// A step that cuts `span` into at most five parts, never below `one` (a whole unit of the currency).
fn nice_step(span: i128, one: i128) -> i128 {
    let mut power = one;
    loop {
        for step in [power, power * 2, power * 5] {
            if span <= step * 5 {
                return step;
            }
        }
        power *= 10;
    }
}

/// `480k`, `1.5M`, `2bn`: whole units of a currency, short enough for an axis. Exact for the steps of an axis.
pub fn compact(units: i128) -> String {
    let sign = if units < 0 { "\u{2212}" } else { "" };
    let size = units.unsigned_abs();
    let (by, name) = match size {
        0..1_000 => (1, ""),
        1_000..1_000_000 => (1_000, "k"),
        1_000_000..1_000_000_000 => (1_000_000, "M"),
        _ => (1_000_000_000, "bn"),
    };
    match size % by * 10 / by {
        0 => format!("{sign}{}{name}", size / by),
        tenth => format!("{sign}{}.{tenth}{name}", size / by),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn axis_labels_are_short_and_extremes_do_not_overflow() {
        let shown: Vec<_> = [0, 500, 1_500, 480_000, 2_500_000, 3_000_000_000, -20_000].into_iter().map(compact).collect();
        assert_eq!(shown, ["0", "500", "1.5k", "480k", "2.5M", "3bn", "\u{2212}20k"]);
        let jpy = Currency::parse("JPY").expect("JPY is a currency");
        let scale = Scale::over([i64::MAX, i64::MIN].map(|most| i128::from(most) * 1_000).into_iter(), jpy);
        assert!(scale.ticks().len() <= 12);
    }
}
