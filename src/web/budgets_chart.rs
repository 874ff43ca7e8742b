//! The burn-down of a budget as a chart with its finding in a sentence.

use super::budgets_check::period_words;
use super::chart::{LineChart, LineSpec, Point};
use crate::domain::budget::{Budget, runway};
use crate::domain::burn_down::{self, BurnDown, Month};
use crate::domain::money;
use crate::domain::time::Day;

/// Above this many months only every third has its label on the axis.
const LABELS_MOST: usize = 14;

/// The chart of a budget. `moves` are what entered and left its available account by accounting date.
pub fn burn_down(budget: &Budget, moves: &[(Day, i128)], today: Day) -> LineChart {
    let series = burn_down::series(budget, moves, today);
    let many = series.months.len() > LABELS_MOST;
    let axis = series.months.iter().enumerate().map(|(i, month)| match (many, i % 3) {
        (true, 0) => month.first.date().format("%b %y").to_string(),
        (true, _) => String::new(),
        (false, _) => month.first.date().format("%b").to_string(),
    });
    let axis = axis.collect();
    let points = series.months.iter().zip(&series.actual).map(|(month, value)| point(budget, *month, *value)).collect();
    LineChart::new(LineSpec {
        id: "burn-down".to_owned(),
        title: format!("Burn-down of {}, {}", budget.name, period_words(budget.period_start, budget.period_end)),
        caption: finding(budget, &series, today),
        name: "Available".to_owned(),
        currency: budget.currency,
        axis,
        points,
        plan: Some(series.plan),
        forecast: Some(series.forecast).filter(|forecast| !forecast.is_empty()),
    })
}

fn point(budget: &Budget, month: Month, value: i64) -> Point {
    let label = month.first.date().format("%b %Y").to_string();
    let amount = money::grouped(value, budget.currency);
    Point {
        href: format!("/transactions?budget={}&from={}&to={}", budget.id, month.first.iso(), month.last.iso()),
        aria: format!("{label}: {amount} {} available; show transactions", budget.currency),
        label,
        value: value.into(),
    }
}

/// The sentence above the chart.
fn finding(budget: &Budget, series: &BurnDown, today: Day) -> String {
    let amount = |minor: i64| format!("{} {}", money::grouped(minor, budget.currency), budget.currency);
    let available = budget.figures.available();
    if today < budget.period_start {
        return format!("The period begins on {}; {} is available.", budget.period_start.words(), amount(available));
    }
    if available < 0 {
        return format!("Overspent by {}.", amount(available.saturating_neg()));
    }
    let Some(first) = series.actual.first().filter(|_| budget.figures.spent > 0) else {
        return format!("Nothing has been spent yet; {} is available.", amount(available));
    };
    let word = match available.cmp(first) {
        std::cmp::Ordering::Less => "fell",
        std::cmp::Ordering::Equal => "stayed",
        std::cmp::Ordering::Greater => "rose",
    };
    let month = series.months.first().map(|month| month.first.date().format("%B").to_string()).unwrap_or_default();
    let story = format!("Available {word} from {} at the end of {month} to {} now.", amount(*first), amount(available));
    if today > budget.period_end {
        return format!("{story} The period is over.");
    }
    match runway(budget, today) {
        Some(day) => format!("{story} At the present rate it lasts until {}{}.", day.words(), distance(day.0 - budget.period_end.0)),
        None if available == 0 => format!("{story} Nothing is left."),
        None => format!("{story} At the present rate it lasts for more than 20 years."),
    }
}

fn distance(days: i64) -> String {
    let unit = if days.abs() == 1 { "day" } else { "days" };
    match days {
        0 => ", the last day of the period".to_owned(),
        1.. => format!(", {days} {unit} after the period ends"),
        _ => format!(", {} {unit} before the period ends", days.abs()),
    }
}
