//! Times, medians, and the lines of the report.

use std::time::Instant;

use anyhow::Result;

/// Seconds that `work` takes, and what it gives.
pub async fn timed<T>(work: impl Future<Output = Result<T>>) -> Result<(f64, T)> {
    let begun = Instant::now();
    let made = work.await?;
    Ok((begun.elapsed().as_secs_f64(), made))
}

/// The middle one; 0 of none.
pub fn median(values: &[f64]) -> f64 {
    percentile(values, 50)
}

/// The value that `percent` of the others are not above.
pub fn percentile(values: &[f64], percent: usize) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len().saturating_sub(1) * percent / 100).copied().unwrap_or_default()
}

/// What must hold.
#[derive(Clone, Copy, Debug)]
pub enum Bar {
    /// At least.
    Least(f64),
    /// At most.
    Most(f64),
    /// Nothing: said for comparison.
    None,
}

/// One measured row.
#[derive(Clone, Debug)]
pub struct Line {
    /// What was measured.
    pub what: String,
    /// The yardstick, with its figure.
    pub yardstick: String,
    /// Our figure.
    pub ours: String,
    /// What is compared with the bar.
    pub ratio: f64,
    /// The unit of `ratio`; empty for a plain ratio.
    pub unit: &'static str,
    /// What must hold.
    pub bar: Bar,
}

impl Line {
    /// The head of the table of [`Line::markdown`].
    pub const HEAD: &'static str = "| what | yardstick | ours | ratio | bar | |\n|---|---|---|--:|--:|---|";

    /// Two times of the same work: the ratio says how many times as fast we are.
    pub fn faster(what: &str, yardstick: &str, theirs: &[f64], ours: &[f64], least: f64) -> Self {
        let pairs: Vec<f64> = theirs.iter().zip(ours).map(|(theirs, ours)| theirs / ours).collect();
        Self {
            what: what.to_owned(),
            yardstick: format!("{yardstick}: {}", seconds(median(theirs))),
            ours: seconds(median(ours)),
            ratio: median(&pairs),
            unit: "",
            bar: if least > 0.0 { Bar::Least(least) } else { Bar::None },
        }
    }

    /// Two times: the ratio says how many times as long ours takes.
    pub fn slower(what: &str, yardstick: &str, theirs: &[f64], ours: &[f64], most: f64) -> Self {
        let pairs: Vec<f64> = theirs.iter().zip(ours).map(|(theirs, ours)| ours / theirs).collect();
        let (ratio, bar) = (median(&pairs), Bar::Most(most));
        Self { ratio, bar, ..Self::faster(what, yardstick, theirs, ours, 0.0) }
    }

    /// A figure that has a bar of its own.
    pub fn figure(what: &str, value: f64, unit: &'static str, most: f64) -> Self {
        let ours = format!("{value:.0}{unit}");
        Self { what: what.to_owned(), yardstick: String::new(), ours, ratio: value, unit, bar: Bar::Most(most) }
    }

    /// `met`, `MISSED`, or nothing where there is no bar.
    fn verdict(&self) -> &'static str {
        match self.bar {
            Bar::Least(least) if self.ratio >= least => "met",
            Bar::Most(most) if self.ratio <= most => "met",
            Bar::None => "",
            _ => "MISSED",
        }
    }

    fn bar_text(&self) -> String {
        match self.bar {
            Bar::Least(least) => format!("\u{2265} {least}{}", self.unit),
            Bar::Most(most) => format!("\u{2264} {most}{}", self.unit),
            Bar::None => String::new(),
        }
    }

    fn ratio_text(&self) -> String {
        match self.unit {
            "" if self.ratio < 0.2 => format!("{:.3}", self.ratio),
            "" => format!("{:.2}", self.ratio),
            unit => format!("{:.0}{unit}", self.ratio),
        }
    }

    /// For a terminal.
    pub fn text(&self) -> String {
        let yardstick = if self.yardstick.is_empty() { String::new() } else { format!(" against {}", self.yardstick) };
        format!("{}: {}{yardstick}: ratio {} (bar {}) {}", self.what, self.ours, self.ratio_text(), self.bar_text(), self.verdict())
    }

    /// For the README.
    pub fn markdown(&self) -> String {
        let (ratio, bar) = (self.ratio_text(), self.bar_text());
        format!("| {} | {} | {} | {ratio} | {bar} | {} |", self.what, self.yardstick, self.ours, self.verdict())
    }
}

/// A duration as people read it.
pub fn seconds(value: f64) -> String {
    match value {
        0.0..0.001 => format!("{:.0} \u{b5}s", value * 1e6),
        0.001..1.0 => format!("{:.1} ms", value * 1e3),
        _ => format!("{value:.2} s"),
    }
}
