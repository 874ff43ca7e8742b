//! Budgets put together for the list: by region, and summed per currency.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::budgets::BudgetLine;
use crate::domain::budget::Figures;
use crate::domain::currency::Currency;
use crate::domain::id::RegionId;
use crate::domain::money;
use crate::store::regions::Branch;

/// A region of the tree with the budgets right in it.
pub struct Group {
    pub name: String,
    pub href: String,
    pub depth: usize,
    pub lines: Vec<BudgetLine>,
}

/// Sums of one currency.
pub struct Sum {
    pub currency: String,
    pub count: usize,
    pub allocated: String,
    pub adjusted: String,
    pub reserved: String,
    pub spent: String,
    pub available: String,
}

/// The regions that hold budgets, and those above them, each with its budgets.
pub fn groups(branches: &[Branch], lines: &mut Vec<(RegionId, BudgetLine)>) -> Vec<Group> {
    let mut by_region: HashMap<RegionId, Vec<BudgetLine>> = HashMap::new();
    for (region, line) in lines.drain(..) {
        by_region.entry(region).or_default().push(line);
    }
    let parents: HashMap<RegionId, Option<RegionId>> = branches.iter().map(|branch| (branch.region.id, branch.region.parent_id)).collect();
    let mut shown: HashSet<RegionId> = HashSet::new();
    for region in by_region.keys() {
        let mut at = Some(*region);
        while let Some(region) = at.filter(|region| parents.contains_key(region) && shown.insert(*region)) {
            at = parents.get(&region).copied().flatten();
        }
    }
    let kept = branches.iter().filter(|branch| shown.contains(&branch.region.id));
    let group = |branch: &Branch| {
        let depth = branch.depth.min(2);
        let mut lines = by_region.remove(&branch.region.id).unwrap_or_default();
        for line in &mut lines {
            line.depth = depth + 1;
        }
        Group { name: branch.region.name.clone(), href: format!("/regions/{}", branch.region.id), depth, lines }
    };
    kept.map(group).collect()
}

/// Figures of several budgets added up, where 64 bits need not hold them.
#[derive(Clone, Copy, Default)]
pub struct Added {
    pub count: usize,
    allocated: i128,
    adjusted: i128,
    reserved: i128,
    spent: i128,
}

impl Added {
    pub fn add(&mut self, figures: &Figures) {
        self.count += 1;
        self.allocated += i128::from(figures.allocated);
        self.adjusted += i128::from(figures.adjusted) + i128::from(figures.carried_over);
        self.reserved += i128::from(figures.reserved);
        self.spent += i128::from(figures.spent);
    }

    /// All that was given.
    pub fn total(&self) -> i128 {
        self.allocated + self.adjusted
    }

    pub fn reserved(&self) -> i128 {
        self.reserved
    }

    pub fn spent(&self) -> i128 {
        self.spent
    }

    pub fn available(&self) -> i128 {
        self.total() - self.reserved - self.spent
    }

    /// Spent as a share of what was given, in tenths of a per cent; nothing of nothing.
    pub fn permille(&self) -> i64 {
        let total = self.total();
        if total > 0 { i64::try_from(self.spent * 1000 / total).unwrap_or(i64::MAX) } else { 0 }
    }
}

/// A sum as people read it; one that no 64 bits hold is said so.
pub fn amount(sum: i128, currency: Option<Currency>) -> String {
    match (i64::try_from(sum), currency) {
        (Ok(minor), Some(currency)) => money::grouped(minor, currency),
        _ => "too large to add".to_owned(),
    }
}

/// Sums per currency.
pub fn sums(figures: Vec<(String, Figures)>) -> Vec<Sum> {
    let mut by_currency: BTreeMap<String, Added> = BTreeMap::new();
    for (currency, figures) in figures {
        by_currency.entry(currency).or_default().add(&figures);
    }
    let sum = |(code, sum): (String, Added)| {
        let currency = Currency::parse(&code);
        Sum {
            count: sum.count,
            allocated: amount(sum.allocated, currency),
            adjusted: amount(sum.adjusted, currency),
            reserved: amount(sum.reserved, currency),
            spent: amount(sum.spent, currency),
            available: amount(sum.available(), currency),
            currency: code,
        }
    };
    by_currency.into_iter().map(sum).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_no_64_bits_hold_is_said_and_never_shown_smaller() {
        let half = Figures { allocated: i64::MAX / 2 + 1, spent: 1000, ..Figures::default() };
        let one = sums(vec![("EUR".to_owned(), half)]);
        assert_eq!((one[0].spent.as_str(), one[0].allocated.contains("large")), ("10.00", false));
        let two = sums(vec![("EUR".to_owned(), half), ("EUR".to_owned(), half)]);
        assert_eq!((two[0].allocated.as_str(), two[0].available.as_str()), ("too large to add", "92,233,720,368,547,738.08"));
        assert_eq!((two[0].spent.as_str(), two[0].count), ("20.00", 2));
        let mut added = Added::default();
        for figures in [half, half, Figures { spent: i64::MAX, ..half }] {
            added.add(&figures);
        }
        assert_eq!(added.permille(), 666, "a share needs no sum that fits");
    }
}
