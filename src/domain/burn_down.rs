//! How a budget's available amount went down, month by month: what happened, what was planned, and where today's rate leads.

use super::budget::Budget;
use super::time::Day;

/// A calendar month, cut to the budget's period.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Month {
    /// Its first day in the period.
    pub first: Day,
    /// Its last day in the period.
    pub last: Day,
}

/// The series behind the chart, in minor units.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BurnDown {
    /// Every month of the period.
    pub months: Vec<Month>,
    /// Available at the end of each month that has begun; the last one is as of now where its month has not ended.
    pub actual: Vec<i64>,
    /// A straight line from all that was given to nothing on the last day: the value at each month's end.
    pub plan: Vec<i64>,
    /// For the months after `actual`, at the rate at which was spent so far; never below zero. Empty where nothing was spent yet, or the
    /// period is over.
    pub forecast: Vec<i64>,
}

/// The months of a period.
pub fn months(start: Day, end: Day) -> Vec<Month> {
    let mut months = Vec::new();
    let mut first = start;
    while first <= end {
        let next = first.month_start().add_months(1);
        // A day outside the calendar would stand still: better a short chart than none that ends.
        if next <= first {
            break;
        }
        months.push(Month { first, last: Day(end.0.min(next.0 - 1)) });
        first = next;
    }
    months
}

/// The series of a budget. `moves` are what entered (above zero) and left (below zero) its available account on a day, in any order; what is
/// dated before the period counts in its first month, what is dated after it (a carry-over into the next) is left out.
pub fn series(budget: &Budget, moves: &[(Day, i128)], today: Day) -> BurnDown {
    let months = months(budget.period_start, budget.period_end);
    let begun = months.iter().take_while(|month| month.first <= today).count();
    let mut by_month = vec![0i128; months.len()];
    for (day, amount) in moves.iter().filter(|(day, _)| *day <= budget.period_end) {
        let at = months.iter().position(|month| *day <= month.last).unwrap_or_default();
        if let Some(sum) = by_month.get_mut(at) {
            *sum += amount;
        }
    }
    let mut balance = 0i128;
    let actual = by_month.iter().take(begun).map(|sum| {
        balance += sum;
        clamp(balance)
    });
    let actual: Vec<i64> = actual.collect();
    let total = i128::from(budget.figures.total().unwrap_or_default().max(0));
    let days = i128::from(budget.period_end.0 - budget.period_start.0 + 1).max(1);
    let plan = months.iter().map(|month| clamp(total - total * i128::from(month.last.0 - budget.period_start.0 + 1) / days)).collect();
    let forecast = forecast(budget, &months, begun, today);
    BurnDown { months, actual, plan, forecast }
}

fn forecast(budget: &Budget, months: &[Month], begun: usize, today: Day) -> Vec<i64> {
    let (spent, available) = (budget.figures.spent, budget.figures.available());
    let elapsed = i128::from(today.0 - budget.period_start.0 + 1);
    if spent <= 0 || available <= 0 || elapsed <= 0 || today > budget.period_end {
        return Vec::new();
    }
    let at = |month: &Month| clamp(i128::from(available) - i128::from(spent) * i128::from(month.last.0 - today.0) / elapsed).max(0);
    months.iter().skip(begun).map(at).collect()
}

fn clamp(value: i128) -> i64 {
    value.clamp(i64::MIN.into(), i64::MAX.into()) as i64
}
