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

/// Sums per currency; one that no 64 bits hold is said so.
pub fn sums(figures: Vec<(String, Figures)>) -> Vec<Sum> {
    let mut by_currency: BTreeMap<String, (usize, [i128; 5])> = BTreeMap::new();
    for (currency, figures) in figures {
        let (count, sums) = by_currency.entry(currency).or_default();
        *count += 1;
        let parts = [figures.allocated, figures.adjusted, figures.carried_over, figures.reserved, figures.spent];
        for (sum, part) in sums.iter_mut().zip(parts) {
            *sum += i128::from(part);
        }
    }
    let sum = |(code, (count, [allocated, adjusted, carried, reserved, spent])): (String, (usize, [i128; 5]))| {
        let currency = Currency::parse(&code);
        let amount = |value: i128| match (i64::try_from(value), currency) {
            (Ok(minor), Some(currency)) => money::grouped(minor, currency),
            _ => "too large to add".to_owned(),
        };
        Sum {
            count,
            allocated: amount(allocated),
            adjusted: amount(adjusted + carried),
            reserved: amount(reserved),
            spent: amount(spent),
            available: amount(allocated + adjusted + carried - reserved - spent),
            currency: code,
        }
    };
    by_currency.into_iter().map(sum).collect()
}
