//! The list of budgets: as a tree of regions, or as one sorted table.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;

use super::Portal;
use super::budgets_check::period_short;
use super::budgets_groups::{Group, Sum, groups, sums};
use super::budgets_list::{Chip, Column, Found, Seen, State};
use super::choices;
use super::error::WebError;
use super::guard::{Allowed, ReadBudgets};
use super::page::Shell;
use crate::domain::access::Permission;
use crate::domain::budget::{Budget, BudgetStatus};
use crate::domain::budget_attention::{Attention, lasts_to};
use crate::domain::money;
use crate::domain::time::Day;
use crate::store::ledger::BudgetRow;
use crate::store::settings;

/// How many budgets the tree shows; past that the table is the way.
const TREE_MOST: usize = 1_000;

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
pub fn line(row: &BudgetRow, budget: &Budget, region: &str, today: Day) -> BudgetLine {
    let (figures, currency) = (budget.figures, budget.currency);
    let amount = |minor: i64| money::grouped(minor, currency);
    let permille = figures.utilisation_permille();
    let attention = Attention::of(budget, today);
    BudgetLine {
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
        period: period_short(row.period_start, row.period_end),
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
        runway: lasts_to(budget, today).map(Day::words).unwrap_or_default(),
        runway_short: attention == Some(Attention::RunningOut),
        depth: 0,
    }
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
    multis: Vec<Multi>,
    owners: Vec<(String, String)>,
    bad_day: &'static str,
    chips: Vec<Chip>,
    groups: Vec<Group>,
    lines: Vec<BudgetLine>,
    heads: Vec<Head>,
    mixed_amounts: bool,
    sums: Vec<Sum>,
    count: usize,
    cut: bool,
    shown: String,
    previous: String,
    next: String,
    export: String,
    may_create: bool,
}

/// A filter of several values: (value, label, chosen) of each.
struct Multi {
    name: &'static str,
    label: &'static str,
    options: Vec<(String, String, bool)>,
    words: String,
}

impl Multi {
    fn new(name: &'static str, label: &'static str, options: impl Iterator<Item = (String, String)>, chosen: &[String]) -> Self {
        let options: Vec<_> = options.map(|(code, label)| (chosen.contains(&code), code, label)).map(|(c, a, b)| (a, b, c)).collect();
        let words = match chosen.len() {
            0 => "Any".to_owned(),
            count => format!("{count} chosen"),
        };
        Self { name, label, options, words }
    }
}

/// The list.
pub async fn list(req: HttpRequest, portal: web::Data<Portal>, who: Allowed<ReadBudgets>) -> Result<HttpResponse, WebError> {
    let state = State::parse(req.query_string())?;
    let page = made(Shell::new(&req, &portal, &who, "Budgets"), &portal, &who, state).await?;
    page.shell.answer(StatusCode::OK, &page)
}

async fn made(shell: Shell, portal: &Portal, who: &Allowed<ReadBudgets>, state: State) -> Result<ListPage, WebError> {
    let mut read = portal.read(who).await?;
    let found = Found::read(&mut read, &who.reach(), &state, portal.store.now()).await?;
    let multis = multis(&found, &state, settings::currencies(&mut read).await?.iter().map(|currency| currency.code()));
    drop(read);
    let (tree, count) = (state.is_tree(), found.seen.len());
    let shown = if tree { 0..count.min(TREE_MOST) } else { found.page(&state) };
    let (previous, next) = if tree { (String::new(), String::new()) } else { found.beside(&state, &shown) };
    let part: &[Seen] = found.seen.get(shown.clone()).unwrap_or_default();
    let mut lines: Vec<_> = part.iter().map(|seen| (seen.row.region_id, line(&seen.row, &seen.budget, &seen.region, seen.today))).collect();
    let sums = sums(found.seen.iter().map(|seen| (seen.row.currency.clone(), seen.budget.figures)).collect());
    Ok(ListPage {
        shell,
        tree,
        tree_href: state.href(|state| state.view.clear()),
        table_href: state.href(|state| "table".clone_into(&mut state.view)),
        multis,
        owners: found.owners.iter().map(|(id, name)| (id.to_string(), name.clone())).collect(),
        bad_day: if state.on.trim().is_empty() || state.wanted().on.is_some() { "" } else { "Enter a day like 2026-11-22" },
        heads: heads(&state),
        mixed_amounts: !tree && sums.len() > 1 && state.sorting().0.is_amount(),
        sums,
        cut: tree && count > TREE_MOST,
        shown: if count > shown.len() { format!("{}\u{2013}{} of {count}", shown.start + 1, shown.end) } else { String::new() },
        previous,
        next,
        export: match (who.access.has(Permission::ExportsCreate), state.text()) {
            (false, _) => String::new(),
            (true, text) if text.is_empty() => "/exports/new?list=budgets".to_owned(),
            (true, text) => format!("/exports/new?list=budgets&{text}"),
        },
        groups: if tree { groups(&found.branches, &mut lines) } else { Vec::new() },
        lines: lines.into_iter().map(|(_, line)| line).collect(),
        may_create: who.access.has(Permission::BudgetsManage),
        count,
        chips: state.chips(&found),
        state,
    })
}

fn multis(found: &Found, state: &State, currencies: impl Iterator<Item = &'static str>) -> Vec<Multi> {
    let region = choices::branches(&found.branches).into_iter();
    let status = BudgetStatus::ALL.iter().map(|status| (status.code().to_owned(), status.label().to_owned()));
    let attention = Attention::ALL.iter().map(|why| (why.code().to_owned(), why.label().to_owned()));
    vec![
        Multi::new("region", "Region and below", region, &state.region),
        Multi::new("status", "Status", status, &state.status),
        Multi::new("attention", "Attention", attention, &state.attention),
        Multi::new("currency", "Currency", currencies.map(|code| (code.to_owned(), code.to_owned())), &state.currency),
    ]
}

fn heads(state: &State) -> Vec<Head> {
    let (sorted, descending) = state.sorting();
    let head = |column: &Column| {
        let here = *column == sorted;
        let next = if here && !descending { format!("-{}", column.code()) } else { column.code().to_owned() };
        let order = match (here, descending) {
            (false, _) => "none",
            (true, false) => "ascending",
            (true, true) => "descending",
        };
        let class = match column {
            Column::Name => "pin",
            column if column.is_amount() => "num",
            _ => "",
        };
        Head { label: column.label(), href: state.href(|state| state.sort = next), state: order, class }
    };
    Column::ALL.iter().map(head).collect()
}
