//! The list of budgets: as a tree of regions, or as one sorted table.

use std::collections::{HashMap, HashSet};

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;
use serde::Deserialize;

use super::Portal;
use super::budgets_check::period_words;
use super::budgets_groups::{Group, Sum, groups, sums};
use super::error::WebError;
use super::form::encoded;
use super::guard::{Allowed, ReadBudgets};
use super::page::Shell;
use crate::domain::access::{Permission, Scope};
use crate::domain::budget::{BudgetStatus, runway};
use crate::domain::currency::Currency;
use crate::domain::id::{BudgetId, RegionId, UserId};
use crate::domain::money;
use crate::domain::time::Day;
use crate::store::budgets::{self, Column, From, Wanted};
use crate::store::db::Read;
use crate::store::failure::DbError;
use crate::store::ledger::BudgetRow;
use crate::store::regions::{self, Branch};
use crate::store::settings;

/// How many budgets a page of the table holds.
const ROWS: usize = 50;
/// How many budgets the tree shows; past that the table is the way.
const TREE_MOST: usize = 1_000;

/// The state of the list, whole in its address.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct State {
    view: String,
    region: Vec<String>,
    status: Vec<String>,
    currency: Vec<String>,
    on: String,
    owner: String,
    q: String,
    sort: String,
    after: String,
    before: String,
}

/// A budget as a row shows it.
pub struct BudgetLine {
    pub id: String,
    pub name: String,
    pub region: String,
    pub currency: &'static str,
    pub status: &'static str,
    pub tone: &'static str,
    pub period: String,
    pub allocated: String,
    /// Adjusted and carried over together.
    pub adjusted: String,
    pub adjusted_alone: String,
    pub carried_over: String,
    pub reserved: String,
    pub spent: String,
    pub available: String,
    pub overspent: bool,
    /// 0 to 1000, for the bar.
    pub permille: i64,
    pub utilisation: String,
    /// `warn` near the end, `bad` past it.
    pub meter_tone: &'static str,
    pub runway: String,
    pub runway_short: bool,
    pub depth: usize,
}

/// A budget's figures in words. `today` is today in its region.
pub fn line(row: &BudgetRow, region: &str, today: Day) -> Result<BudgetLine, DbError> {
    let budget = row.budget()?;
    let (figures, currency) = (budget.figures, budget.currency);
    let amount = |minor: i64| money::grouped(minor, currency);
    let permille = figures.utilisation_permille();
    let lasts = runway(&budget, today).filter(|_| budget.status == BudgetStatus::Active && today <= budget.period_end);
    Ok(BudgetLine {
        id: row.id.to_string(),
        name: row.name.clone(),
        region: region.to_owned(),
        currency: currency.code(),
        status: budget.status.label(),
        tone: match budget.status {
            BudgetStatus::Active => "ok",
            BudgetStatus::Draft => "info",
            BudgetStatus::Closed => "",
        },
        period: period_words(row.period_start, row.period_end),
        allocated: amount(row.allocated),
        adjusted: amount(row.adjusted.saturating_add(row.carried_over)),
        adjusted_alone: amount(row.adjusted),
        carried_over: amount(row.carried_over),
        reserved: amount(row.reserved),
        spent: amount(row.spent),
        available: amount(figures.available()),
        overspent: figures.available() < 0,
        permille: permille.unwrap_or_default().clamp(0, 1000),
        utilisation: permille.map(|share| format!("{}.{} %", share / 10, (share % 10).abs())).unwrap_or_default(),
        meter_tone: match permille.unwrap_or_default() {
            _ if figures.available() < 0 => "bad",
            900.. => "warn",
            _ => "",
        },
        runway: lasts.map(Day::words).unwrap_or_default(),
        runway_short: lasts.is_some_and(|day| day < budget.period_end),
        depth: 0,
    })
}

/// A filter in use.
struct Chip {
    label: &'static str,
    value: String,
    href: String,
}

/// A column head of the table that sorts.
struct Head {
    label: &'static str,
    href: String,
    state: &'static str,
    class: &'static str,
}

#[derive(Template)]
#[template(path = "budgets/list.html")]
struct ListPage {
    shell: Shell,
    tree: bool,
    tree_href: String,
    table_href: String,
    state: State,
    regions: Vec<(String, String, bool)>,
    statuses: Vec<(String, String, bool)>,
    currencies: Vec<(String, String, bool)>,
    owners: Vec<(String, String)>,
    bad_day: &'static str,
    chips: Vec<Chip>,
    groups: Vec<Group>,
    lines: Vec<BudgetLine>,
    heads: Vec<Head>,
    sums: Vec<Sum>,
    count: usize,
    cut: bool,
    previous: String,
    next: String,
    may_create: bool,
}

const COLUMNS: &[(&str, &str, Column, &str)] = &[
    ("name", "Budget", Column::Name, ""),
    ("region", "Region", Column::Region, ""),
    ("period", "Period", Column::Period, ""),
    ("allocated", "Allocated", Column::Allocated, "num"),
    ("adjusted", "Adjusted", Column::Adjusted, "num"),
    ("reserved", "Reserved", Column::Reserved, "num"),
    ("spent", "Spent", Column::Spent, "num"),
    ("available", "Available", Column::Available, "num"),
];

impl State {
    /// The address of the list with this state, `change` made to it, from its first page.
    fn href(&self, change: impl FnOnce(&mut Self)) -> String {
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
        let several = [("region", &state.region), ("status", &state.status), ("currency", &state.currency)];
        let many = several.into_iter().flat_map(|(name, values)| values.iter().map(move |value| (name, value)));
        let pairs: Vec<String> = single
            .into_iter()
            .filter(|(_, value)| !value.is_empty())
            .chain(many)
            .map(|(name, value)| format!("{name}={}", encoded(value)))
            .collect();
        if pairs.is_empty() { "/budgets".to_owned() } else { format!("/budgets?{}", pairs.join("&")) }
    }

    fn wanted(&self) -> Wanted {
        Wanted {
            statuses: self.status.iter().filter_map(|code| BudgetStatus::parse(code)).collect(),
            currencies: self.currency.iter().filter_map(|code| Currency::parse(code)).collect(),
            on: Day::parse(self.on.trim()),
            owner: UserId::parse(&self.owner),
            text: self.q.trim().chars().take(120).collect(),
        }
    }

    fn sorting(&self) -> (&'static str, Column, bool) {
        let (name, descending) = self.sort.strip_prefix('-').map_or((self.sort.as_str(), false), |name| (name, true));
        let found = COLUMNS.iter().find(|(known, ..)| *known == name);
        found.map_or(("name", Column::Name, false), |(name, _, column, _)| (*name, *column, descending))
    }

    fn heads(&self) -> Vec<Head> {
        let (sorted, _, descending) = self.sorting();
        let head = |(name, label, _, class): &(&'static str, &'static str, Column, &'static str)| {
            let here = *name == sorted;
            let next = if here && !descending { format!("-{name}") } else { (*name).to_owned() };
            let state = match (here, descending) {
                (false, _) => "none",
                (true, false) => "ascending",
                (true, true) => "descending",
            };
            Head { label, href: self.href(|state| state.sort = next), state, class }
        };
        COLUMNS.iter().map(head).collect()
    }

    fn chips(&self, branches: &[Branch], owners: &[(UserId, String)]) -> Vec<Chip> {
        let mut chips = Vec::new();
        let mut each = |label, values: &[String], name: &dyn Fn(&str) -> String, drop: &dyn Fn(&mut Self, &str)| {
            for value in values {
                chips.push(Chip { label, value: name(value), href: self.href(|state| drop(state, value)) });
            }
        };
        let region = |id: &str| {
            let found = branches.iter().find(|branch| branch.region.id.to_string() == id);
            found.map_or_else(|| "Not in your scope".to_owned(), |branch| branch.region.name.clone())
        };
        let status = |code: &str| BudgetStatus::parse(code).map_or(code.to_owned(), |status| status.label().to_owned());
        each("Region", &self.region, &region, &|state, value| state.region.retain(|other| other != value));
        each("Status", &self.status, &status, &|state, value| state.status.retain(|other| other != value));
        each("Currency", &self.currency, &str::to_owned, &|state, value| state.currency.retain(|other| other != value));
        let owner = |id: &str| {
            let found = owners.iter().find(|(known, _)| known.to_string() == id);
            found.map_or_else(|| "Not in your scope".to_owned(), |(_, name)| name.clone())
        };
        let one = |value: &String| if value.trim().is_empty() { Vec::new() } else { vec![value.clone()] };
        let on = |day: &str| Day::parse(day.trim()).map_or(day.to_owned(), Day::words);
        each("Owner", &one(&self.owner), &owner, &|state, _| state.owner.clear());
        each("Runs on", &one(&self.on), &on, &|state, _| state.on.clear());
        each("Name holds", &one(&self.q), &str::to_owned, &|state, _| state.q.clear());
        chips
    }
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

/// The list.
pub async fn list(req: HttpRequest, portal: web::Data<Portal>, who: Allowed<ReadBudgets>) -> Result<HttpResponse, WebError> {
    let state: State =
        serde_html_form::from_str(req.query_string()).map_err(|_| WebError::Malformed("The address holds an unknown filter."))?;
    let page = made(Shell::new(&req, &portal, &who, "Budgets"), &portal, &who, state).await?;
    page.shell.answer(StatusCode::OK, &page)
}

async fn made(shell: Shell, portal: &Portal, who: &Allowed<ReadBudgets>, state: State) -> Result<ListPage, WebError> {
    let scope = who.reach();
    let mut read = portal.store.read().await?;
    let branches = regions::tree(&mut read, &scope).await?;
    let owners = budgets::owners(&mut read, &scope).await?;
    let currencies = settings::currencies(&mut read).await?;
    let narrow = narrowed(&scope, &branches, &state.region);
    let wanted = state.wanted();
    let figures = budgets::figures(&mut read, &narrow, &wanted).await?;
    let tree = state.view != "table";
    let now = portal.store.now();
    let days: HashMap<RegionId, (&str, Day)> =
        branches.iter().map(|branch| (branch.region.id, (branch.region.name.as_str(), now.day(branch.region.zone())))).collect();
    let part = Part::read(&mut read, &narrow, &wanted, &state, tree).await?;
    let mut lines = Vec::with_capacity(part.rows.len());
    for row in &part.rows {
        let (name, today) = days.get(&row.region_id).copied().unwrap_or(("", Day(0)));
        lines.push((row.region_id, line(row, name, today)?));
    }
    let chips = state.chips(&branches, &owners);
    let count = figures.len();
    Ok(ListPage {
        shell,
        tree,
        tree_href: state.href(|state| state.view.clear()),
        table_href: state.href(|state| "table".clone_into(&mut state.view)),
        regions: branches
            .iter()
            .map(|branch| {
                let (id, name) = (branch.region.id.to_string(), format!("{}{}", "\u{2003}".repeat(branch.depth), branch.region.name));
                let chosen = state.region.contains(&id);
                (id, name, chosen)
            })
            .collect(),
        statuses: BudgetStatus::ALL.iter().map(|s| (s.code().to_owned(), s.label().to_owned(), wanted.statuses.contains(s))).collect(),
        currencies: currencies.iter().map(|c| (c.code().to_owned(), c.code().to_owned(), wanted.currencies.contains(c))).collect(),
        owners: owners.iter().map(|(id, name)| (id.to_string(), name.clone())).collect(),
        bad_day: if state.on.trim().is_empty() || wanted.on.is_some() { "" } else { "Enter a day like 2026-11-22" },
        heads: state.heads(),
        sums: sums(figures),
        cut: tree && count > TREE_MOST,
        previous: part.first.map(|id| state.href(|state| state.before = id.to_string())).unwrap_or_default(),
        next: part.last.map(|id| state.href(|state| state.after = id.to_string())).unwrap_or_default(),
        groups: if tree { groups(&branches, &mut lines) } else { Vec::new() },
        lines: lines.into_iter().map(|(_, line)| line).collect(),
        may_create: who.access.has(Permission::BudgetsManage),
        count,
        chips,
        state,
    })
}

/// The budgets of one page, and where the pages beside it begin.
struct Part {
    rows: Vec<BudgetRow>,
    first: Option<BudgetId>,
    last: Option<BudgetId>,
}

impl Part {
    async fn read(read: &mut Read, scope: &Scope, wanted: &Wanted, state: &State, tree: bool) -> Result<Self, WebError> {
        if tree {
            let rows = budgets::page(read, scope, wanted, (Column::Name, false), From::Start, TREE_MOST as i64).await?;
            return Ok(Self { rows, first: None, last: None });
        }
        let (_, column, descending) = state.sorting();
        let from = budgets::beside(read, scope, BudgetId::parse(&state.after), BudgetId::parse(&state.before)).await?;
        let mut rows = budgets::page(read, scope, wanted, (column, descending), from, ROWS as i64 + 1).await?;
        let more = rows.len() > ROWS;
        let backwards = matches!(from, From::Before(_));
        if more && backwards {
            rows.remove(0);
        }
        rows.truncate(ROWS);
        let (before, after) = if backwards { (more, true) } else { (from != From::Start, more) };
        let (first, last) = (rows.first().map(|row| row.id).filter(|_| before), rows.last().map(|row| row.id).filter(|_| after));
        Ok(Self { rows, first, last })
    }
}
