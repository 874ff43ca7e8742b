//! Which budgets want to be looked at: the one rule behind the overview, the list's filter and the figures beside a budget.

use serde::{Deserialize, Serialize};

use super::access::codes;
use super::budget::{Budget, BudgetStatus, runway};
use super::time::Day;

codes! {
    /// Why a budget wants to be looked at. Never both: what is overspent has nothing left to run out.
    Attention {
        /// Facts have taken more than it was given, and it is not closed.
        Overspent = "overspent", "Overspent";
        /// In use, and at the present rate it lasts to a day before its period ends.
        RunningOut = "running_out", "Running out";
    }
}

impl Attention {
    /// Why this budget does, on this day in its region; `None` where it does not.
    pub fn of(budget: &Budget, today: Day) -> Option<Self> {
        if budget.status != BudgetStatus::Closed && budget.figures.available() < 0 {
            return Some(Self::Overspent);
        }
        lasts_to(budget, today).filter(|day| *day < budget.period_end).map(|_| Self::RunningOut)
    }
}

/// The day the available amount lasts to, of an active budget whose period is not over; else as [`runway`].
pub fn lasts_to(budget: &Budget, today: Day) -> Option<Day> {
    runway(budget, today).filter(|_| budget.status == BudgetStatus::Active && today <= budget.period_end)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::budget::Figures;
    use crate::domain::currency::Currency;
    use crate::domain::id::{BudgetId, RegionId};

    fn budget(status: BudgetStatus, spent: i64) -> Budget {
        let (id, region) = (BudgetId(uuid::Uuid::nil()), RegionId(uuid::Uuid::nil()));
        let figures = Figures { allocated: 1_000, spent, ..Figures::default() };
        let currency = Currency::parse("EUR").unwrap();
        Budget { id, region, name: String::new(), currency, period_start: Day(0), period_end: Day(99), status, version: 1, figures }
    }

    #[test]
    fn a_closed_budget_is_left_alone_and_a_period_that_is_over_too() {
        use BudgetStatus::{Active, Closed, Draft};
        let of = |status, spent, today| Attention::of(&budget(status, spent), Day(today));
        assert_eq!(of(Active, 1_001, 9), Some(Attention::Overspent));
        assert_eq!(of(Draft, 1_001, 9), Some(Attention::Overspent));
        assert_eq!(of(Closed, 1_001, 9), None);
        assert_eq!(of(Active, 500, 9), Some(Attention::RunningOut), "half of it in ten days of a hundred");
        assert_eq!(of(Draft, 500, 9), None);
        assert_eq!(of(Active, 500, 100), None, "the period is over");
        assert_eq!(of(Active, 50, 9), None, "lasts for 190 days more");
        assert_eq!(of(Active, 0, 9), None);
    }
}
