//! What a pass over a file found: shown after the dry run, kept as the result.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::diff::{Set, budget_after};
use super::plan::Plan;
use super::run::Running;
use super::sort::{Changed, Sorted};
use crate::domain::id::{BudgetId, RegionId};
use crate::domain::import::Field;
use crate::domain::refusal::Refusal;
use crate::domain::time::{Day, Instant};
use crate::store::imports::{Counts, RefusedRow};
use crate::store::transactions::effective_date;

/// Lines and samples of a kind that are kept as examples.
const EXAMPLES: usize = 5;

/// Rows and their sum in one currency.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Total {
    /// How many.
    pub rows: i64,
    /// Minor units.
    pub amount: i64,
}

/// Refused rows of one kind.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefusedKind {
    /// How many.
    pub rows: i64,
    /// The key of the field; empty for the row as a whole.
    pub field: String,
    /// The first ones, with their line and words.
    pub first: Vec<(i64, String)>,
}

/// One changed row as an example.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Example {
    /// Its line in the file.
    pub line: i64,
    /// The transaction.
    pub transaction: String,
    /// What people call it.
    pub title: String,
    /// Field, before, after.
    pub changes: Vec<(String, String, String)>,
}

/// A budget before and after.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BudgetEffect {
    /// Which.
    pub budget: BudgetId,
    /// Its name.
    pub name: String,
    /// The code of its currency.
    pub currency: String,
    /// Available before, minor units.
    pub before: i64,
    /// Available afterwards.
    pub after: i64,
}

/// What one region has of a file: all that somebody is told who sees it and not the others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// New rows.
    pub created: i64,
    /// Changed ones, those that came from it or went to it included.
    pub changed: i64,
    /// Known, and the same.
    pub unchanged: i64,
}

/// What a pass found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// How many rows went which way.
    pub counts: Counts,
    /// New rows by currency.
    pub created: BTreeMap<String, Total>,
    /// New rows by region and currency.
    pub regions: BTreeMap<RegionId, BTreeMap<String, Total>>,
    /// Rows by region.
    #[serde(default)]
    pub parts: BTreeMap<RegionId, Part>,
    /// Every region that is touched, also by changes.
    pub touched: BTreeSet<RegionId>,
    /// Refused rows by their code.
    pub refused: BTreeMap<String, RefusedKind>,
    /// Some of the changed rows.
    pub examples: Vec<Example>,
    /// What each budget has afterwards.
    pub budgets: Vec<BudgetEffect>,
    /// New rows without a budget.
    pub unassigned: i64,
    /// Who works on it, while changes are put in their place.
    #[serde(default)]
    pub running: Running,
}

impl Report {
    /// The form in the store. Maps with text keys and plain values always serialise.
    pub fn text(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }
}

/// What rows cost one budget in one month, in or out.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cost {
    /// Minor units, above zero.
    pub amount: i64,
    /// The latest accounting date of the rows.
    pub day: Day,
}

/// Adds up a pass. It stays small: what grows with the file is only counted.
#[derive(Default)]
pub(super) struct Tally {
    /// For the page.
    pub report: Report,
    /// Budget, month, whether money comes back → what it is.
    pub costs: BTreeMap<(BudgetId, Day, bool), Cost>,
    /// By how much each budget is spent more in all.
    spent: BTreeMap<BudgetId, i64>,
}

impl Tally {
    /// Adds a chunk. Sums past 64 bits refuse the file.
    pub fn add(&mut self, sorted: &Sorted, plan: &Plan, now: Instant) -> Result<(), Refusal> {
        let counts = &mut self.report.counts;
        counts.read += sorted.read;
        counts.created += sorted.new.len() as i64;
        counts.changed += sorted.changed.len() as i64;
        counts.unchanged += sorted.unchanged.values().sum::<i64>();
        counts.refused += sorted.refused.len() as i64;
        for line in &sorted.new {
            let draft = &line.draft;
            self.total(draft.region, draft.currency.code(), draft.amount_issued)?;
            match draft.budget {
                Some(budget) => self.cost(budget, draft.amount_issued, effective_date(draft, now))?,
                None => self.report.unassigned += 1,
            }
        }
        for (region, rows) in &sorted.unchanged {
            self.report.parts.entry(*region).or_default().unchanged += rows;
        }
        sorted.refused.iter().for_each(|row| self.refuse(row));
        for changed in &sorted.changed {
            self.change(changed, plan)?;
        }
        Ok(())
    }

    fn total(&mut self, region: RegionId, currency: &'static str, amount: i64) -> Result<(), Refusal> {
        self.report.touched.insert(region);
        self.report.parts.entry(region).or_default().created += 1;
        let all = self.report.created.entry(currency.to_owned()).or_default();
        let one = self.report.regions.entry(region).or_default().entry(currency.to_owned()).or_default();
        for total in [all, one] {
            total.rows += 1;
            total.amount = total.amount.checked_add(amount).ok_or(Refusal::Overflow)?;
        }
        Ok(())
    }

    fn cost(&mut self, budget: BudgetId, amount: i64, day: Day) -> Result<(), Refusal> {
        self.spend(budget, amount)?;
        self.charge(budget, amount, day)
    }

    /// Adds to what is posted: minor units, below zero for what comes back.
    pub fn charge(&mut self, budget: BudgetId, amount: i64, day: Day) -> Result<(), Refusal> {
        if amount == 0 {
            return Ok(());
        }
        let cost = self.costs.entry((budget, day.month_start(), amount < 0)).or_insert(Cost { amount: 0, day });
        cost.amount = amount.checked_abs().and_then(|amount| cost.amount.checked_add(amount)).ok_or(Refusal::Overflow)?;
        cost.day = cost.day.max(day);
        Ok(())
    }

    fn spend(&mut self, budget: BudgetId, amount: i64) -> Result<(), Refusal> {
        let spent = self.spent.entry(budget).or_default();
        *spent = spent.checked_add(amount).ok_or(Refusal::Overflow)?;
        Ok(())
    }

    fn refuse(&mut self, row: &RefusedRow) {
        let kind = self.report.refused.entry(row.code.clone()).or_default();
        kind.rows += 1;
        if kind.first.len() < EXAMPLES {
            kind.field.clone_from(&row.field);
            kind.first.push((row.line, row.message.clone()));
        }
    }

    fn change(&mut self, changed: &Changed, plan: &Plan) -> Result<(), Refusal> {
        let (row, draft) = (&changed.row, &changed.line.draft);
        for region in BTreeSet::from([row.region_id, draft.region]) {
            self.report.touched.insert(region);
            self.report.parts.entry(region).or_default().changed += 1;
        }
        let after = budget_after(row, draft, &plan.mapping);
        if (row.budget_id, row.amount_issued) != (after, draft.amount_issued) {
            if let Some(budget) = row.budget_id {
                self.spend(budget, row.amount_issued.checked_neg().ok_or(Refusal::Overflow)?)?;
            }
            if let Some(budget) = after {
                self.spend(budget, draft.amount_issued)?;
            }
        }
        if self.report.examples.len() < EXAMPLES {
            self.report.examples.push(example(changed));
        }
        Ok(())
    }

    /// What each budget has afterwards; called once, at the end.
    pub fn effects(&mut self, plan: &Plan) -> Result<(), Refusal> {
        let mut effects = Vec::new();
        for (budget, spent) in &self.spent {
            let Some(budget) = plan.budgets.get(budget).filter(|_| *spent != 0) else { continue };
            let before = budget.figures.available();
            let after = before.checked_sub(*spent).ok_or(Refusal::Overflow)?;
            let (name, currency) = (budget.name.clone(), budget.currency.code().to_owned());
            effects.push(BudgetEffect { budget: budget.id, name, currency, before, after });
        }
        self.report.budgets = effects;
        Ok(())
    }
}

fn example(changed: &Changed) -> Example {
    let (row, draft) = (&changed.row, &changed.line.draft);
    let words = |set: &Set| {
        let (was, is) = set.words(row, draft);
        (set.field.label().to_owned(), was, is)
    };
    let mut changes: Vec<(String, String, String)> = changed.sets.iter().map(words).collect();
    if changed.recipient {
        changes.push((Field::RecipientName.label().to_owned(), "as it was".to_owned(), "as in the file".to_owned()));
    }
    Example { line: changed.line.line, transaction: row.id.to_string(), title: row.title(), changes }
}
