//! Which budgets a list shows, and in which order: one state in the address stands behind the page and behind the file taken from it.

use std::cmp::Ordering;
use std::collections::{HashMap, HashSet};
use std::ops::Range;

use serde::{Deserialize, Serialize};

use super::error::WebError;
use super::form::encoded;
use crate::domain::access::{Scope, codes};
use crate::domain::budget::{Budget, BudgetStatus};
use crate::domain::budget_attention::{Attention, lasts_to};
use crate::domain::currency::Currency;
use crate::domain::id::{BudgetId, RegionId, UserId};
use crate::domain::time::{Day, Instant};
use crate::store::budgets::{self, Wanted};
use crate::store::db::Read;
use crate::store::ledger::BudgetRow;
use crate::store::regions::{self, Branch};

/// How many budgets a page of the table holds.
pub const ROWS: usize = 50;

codes! {
    /// What the table can be sorted by: every column it shows.
    Column {
        /// Its name.
        Name = "name", "Budget";
        /// Spent as a share of what was given.
        Utilisation = "utilisation", "Used";
        /// The day it lasts to.
        Runway = "runway", "Runs out";
        /// Given by the organisation.
        Allocated = "allocated", "Allocated";
        /// Adjusted and carried over together, as the column shows them.
        Adjusted = "adjusted", "Adjusted";
        /// Set aside.
        Reserved = "reserved", "Reserved";
        /// Paid out.
        Spent = "spent", "Spent";
        /// What is left.
        Available = "available", "Available";
        /// The code of its currency.
        Currency = "currency", "Currency";
        /// Its region's name.
        Region = "region", "Region";
        /// The last day of its period.
        Period = "period", "Period";
        /// Where it stands.
        Status = "status", "Status";
    }
}

impl Column {
    /// Whether it holds amounts, which are in several currencies.
    pub fn is_amount(self) -> bool {
        matches!(self, Self::Allocated | Self::Adjusted | Self::Reserved | Self::Spent | Self::Available)
    }

    fn key(self, seen: &Seen) -> Option<Key> {
        let figures = seen.budget.figures;
        let number = |value: i64| Some(Key::Number(value.into()));
        match self {
            Self::Name => Some(Key::Text(seen.row.name.to_lowercase())),
            Self::Region => Some(Key::Text(seen.region.to_lowercase())),
            Self::Period => number(seen.budget.period_end.0),
            Self::Allocated => number(figures.allocated),
            Self::Adjusted => number(figures.adjusted.saturating_add(figures.carried_over)),
            Self::Reserved => number(figures.reserved),
            Self::Spent => number(figures.spent),
            Self::Available => number(figures.available()),
            Self::Currency => Some(Key::Text(seen.row.currency.clone())),
            // Finer than the tenths of a per cent that are shown; 64 bits times a billion fit.
            Self::Utilisation => {
                let total = figures.total().filter(|total| *total > 0)?;
                Some(Key::Number(i128::from(figures.spent) * 1_000_000_000 / i128::from(total)))
            }
            Self::Runway => number(lasts_to(&seen.budget, seen.today)?.0),
            Self::Status => Some(Key::Text(seen.budget.status.label().to_owned())),
        }
    }
}

#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Key {
    Text(String),
    Number(i128),
}

/// The state of the list, whole in its address.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct State {
    pub view: String,
    pub region: Vec<String>,
    pub status: Vec<String>,
    pub currency: Vec<String>,
    pub attention: Vec<String>,
    pub on: String,
    pub owner: String,
    pub q: String,
    pub sort: String,
    pub after: String,
    pub before: String,
}

/// A filter in use.
pub struct Chip {
    pub label: &'static str,
    pub value: String,
    pub href: String,
}

impl State {
    /// Out of an address.
    pub fn parse(query: &str) -> Result<Self, WebError> {
        serde_html_form::from_str(query).map_err(|_| WebError::Malformed("The address holds an unknown filter."))
    }

    /// Whether budgets stand below their regions; else in one table.
    pub fn is_tree(&self) -> bool {
        self.view != "table"
    }

    /// The state as a query, from the first page on.
    pub fn text(&self) -> String {
        self.href(|_| ()).trim_start_matches("/budgets").trim_start_matches('?').to_owned()
    }

    /// The address of the list with this state, `change` made to it, from its first page.
    pub fn href(&self, change: impl FnOnce(&mut Self)) -> String {
        let mut state = Self { after: String::new(), before: String::new(), ..self.clone() };
        change(&mut state);
        let single = [
            ("view", &state.view),
            ("on", &state.on),
            ("owner", &state.owner),
            ("q", &state.q),
            ("sort", &state.sort),
            ("after", &state.after),
            ("before", &state.before),
        ];
        let several =
            [("region", &state.region), ("status", &state.status), ("currency", &state.currency), ("attention", &state.attention)];
        let many = several.into_iter().flat_map(|(name, values)| values.iter().map(move |value| (name, value)));
        let pairs: Vec<String> = single
            .into_iter()
            .filter(|(_, value)| !value.is_empty())
            .chain(many)
            .map(|(name, value)| format!("{name}={}", encoded(value)))
            .collect();
        if pairs.is_empty() { "/budgets".to_owned() } else { format!("/budgets?{}", pairs.join("&")) }
    }

    /// What the store is asked for.
    pub fn wanted(&self) -> Wanted {
        Wanted {
            statuses: self.status.iter().filter_map(|code| BudgetStatus::parse(code)).collect(),
            currencies: self.currency.iter().filter_map(|code| Currency::parse(code)).collect(),
            on: Day::parse(self.on.trim()),
            owner: UserId::parse(&self.owner),
            text: self.q.trim().chars().take(120).collect(),
        }
    }

    /// Why the budgets want to be looked at; empty where that does not matter.
    pub fn attention(&self) -> Vec<Attention> {
        self.attention.iter().filter_map(|code| Attention::parse(code)).collect()
    }

    /// By which column, and whether the largest comes first.
    pub fn sorting(&self) -> (Column, bool) {
        let (name, descending) = self.sort.strip_prefix('-').map_or((self.sort.as_str(), false), |name| (name, true));
        Column::parse(name).map_or((Column::Name, false), |column| (column, descending))
    }

    /// The filters in use, each with the address without it.
    pub fn chips(&self, found: &Found) -> Vec<Chip> {
        let mut chips = Vec::new();
        let mut each = |label, values: &[String], name: &dyn Fn(&str) -> String, drop: &dyn Fn(&mut Self, &str)| {
            for value in values {
                chips.push(Chip { label, value: name(value), href: self.href(|state| drop(state, value)) });
            }
        };
        let named = |id: &str| found.regions.get(&RegionId::parse(id)?).cloned();
        let region = |id: &str| named(id).unwrap_or_else(|| "Not in your scope".to_owned());
        let status = |code: &str| BudgetStatus::parse(code).map_or(code.to_owned(), |status| status.label().to_owned());
        let attention = |code: &str| Attention::parse(code).map_or(code.to_owned(), |attention| attention.label().to_owned());
        each("Region", &self.region, &region, &|state, value| state.region.retain(|other| other != value));
        each("Status", &self.status, &status, &|state, value| state.status.retain(|other| other != value));
        each("Currency", &self.currency, &str::to_owned, &|state, value| state.currency.retain(|other| other != value));
        each("Attention", &self.attention, &attention, &|state, value| state.attention.retain(|other| other != value));
        let owner = |id: &str| {
            let named = found.owners.iter().find(|(known, _)| known.to_string() == id);
            named.map_or_else(|| "Not in your scope".to_owned(), |(_, name)| name.clone())
        };
        let one = |value: &String| if value.trim().is_empty() { Vec::new() } else { vec![value.clone()] };
        let on = |day: &str| Day::parse(day.trim()).map_or(day.to_owned(), Day::words);
        each("Owner", &one(&self.owner), &owner, &|state, _| state.owner.clear());
        each("Runs on", &one(&self.on), &on, &|state, _| state.on.clear());
        each("Name holds", &one(&self.q), &str::to_owned, &|state, _| state.q.clear());
        chips
    }

    /// The question in words, for the list of exports and the audit trail.
    pub fn words(&self, found: &Found) -> String {
        let mut parts: Vec<String> = self.chips(found).into_iter().map(|chip| format!("{}: {}", chip.label, chip.value)).collect();
        if parts.is_empty() {
            parts.push("All in scope".to_owned());
        }
        let (column, descending) = self.sorting();
        parts.push(match (self.is_tree(), descending) {
            (true, _) => "by region".to_owned(),
            (false, false) => format!("by {}", column.label().to_lowercase()),
            (false, true) => format!("by {}, last first", column.label().to_lowercase()),
        });
        parts.join("; ")
    }
}

/// A budget of the list, on this day in its region.
pub struct Seen {
    pub row: BudgetRow,
    pub budget: Budget,
    pub region: String,
    pub today: Day,
}

/// What the list shows, and what its filters need to name.
pub struct Found {
    pub branches: Vec<Branch>,
    /// What each of them is called.
    pub regions: HashMap<RegionId, String>,
    pub owners: Vec<(UserId, String)>,
    /// In the order of the page.
    pub seen: Vec<Seen>,
}

impl Found {
    /// The budgets in scope that match, in order.
    pub async fn read(read: &mut Read, scope: &Scope, state: &State, now: Instant) -> Result<Self, WebError> {
        let branches = regions::tree(read, scope).await?;
        let owners = budgets::owners(read, scope).await?;
        let rows = budgets::matching(read, &narrowed(scope, &branches, &state.region), &state.wanted()).await?;
        let places: HashMap<RegionId, (usize, &Branch)> =
            branches.iter().enumerate().map(|(at, branch)| (branch.region.id, (at, branch))).collect();
        let attention = state.attention();
        let regions = regions::labels(branches.iter().map(|branch| &branch.region));
        let mut seen = Vec::with_capacity(rows.len());
        for row in rows {
            let Some((_, branch)) = places.get(&row.region_id) else { continue };
            let (budget, today) = (row.budget()?, now.day(branch.region.zone()));
            if attention.is_empty() || Attention::of(&budget, today).is_some_and(|why| attention.contains(&why)) {
                seen.push(Seen { budget, today, region: regions.get(&branch.region.id).cloned().unwrap_or_default(), row });
            }
        }
        if state.is_tree() {
            seen.sort_by_key(|seen| places.get(&seen.row.region_id).map(|(at, _)| *at));
        } else {
            sort(&mut seen, state.sorting());
        }
        Ok(Self { branches, regions, owners, seen })
    }

    /// The part of the table that one page shows. A budget that has left the list leads to its beginning.
    pub fn page(&self, state: &State) -> Range<usize> {
        let place = |id: &str| {
            let id = BudgetId::parse(id)?;
            self.seen.iter().position(|seen| seen.row.id == id)
        };
        let first = match (place(&state.after), place(&state.before)) {
            (Some(at), _) => at + 1,
            (None, Some(at)) => at.saturating_sub(ROWS),
            (None, None) => 0,
        };
        first..self.seen.len().min(first + ROWS)
    }

    /// The address of the page before this one and of the one after it; empty where there is none.
    pub fn beside(&self, state: &State, shown: &Range<usize>) -> (String, String) {
        let id = |at: Option<usize>| at.and_then(|at| self.seen.get(at)).map(|seen| seen.row.id.to_string());
        let previous = id(Some(shown.start).filter(|at| *at > 0)).map(|id| state.href(|state| state.before = id));
        let next = id(shown.end.checked_sub(1).filter(|_| shown.end < self.seen.len())).map(|id| state.href(|state| state.after = id));
        (previous.unwrap_or_default(), next.unwrap_or_default())
    }
}

/// What has no key stands last in both directions; what is alike stays by name.
fn sort(all: &mut Vec<Seen>, (column, descending): (Column, bool)) {
    let mut keyed: Vec<(Option<Key>, Seen)> = all.drain(..).map(|seen| (column.key(&seen), seen)).collect();
    keyed.sort_by(|(a, _), (b, _)| match (a, b) {
        (Some(a), Some(b)) if descending => b.cmp(a),
        (Some(a), Some(b)) => a.cmp(b),
        (None, None) => Ordering::Equal,
        (None, Some(_)) => Ordering::Greater,
        (Some(_), None) => Ordering::Less,
    });
    all.extend(keyed.into_iter().map(|(_, seen)| seen));
}

/// The regions that a filter means: each one chosen with everything below it.
fn narrowed(scope: &Scope, branches: &[Branch], chosen: &[String]) -> Scope {
    if chosen.is_empty() {
        return scope.clone();
    }
    let mut wanted: HashSet<RegionId> = chosen.iter().filter_map(|text| RegionId::parse(text)).collect();
    // Parents come before children.
    for branch in branches {
        if branch.region.parent_id.is_some_and(|parent| wanted.contains(&parent)) {
            wanted.insert(branch.region.id);
        }
    }
    scope.narrowed(&wanted.into_iter().collect::<Vec<_>>())
}
