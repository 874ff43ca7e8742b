//! The overview: what needs attention in her scope, the figures per currency, rewards by month. Every figure leads to the list behind it.

use std::collections::{BTreeMap, HashMap};

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;
use serde::Deserialize;

use super::Portal;
use super::approvals::standing;
use super::budgets_groups::{Added, amount};
use super::chart::{BarChart, BarSpec, Point};
use super::error::WebError;
use super::guard::{Allowed, SignedIn};
use super::page::Shell;
use crate::actions::reviews;
use crate::domain::access::{Permission, Scope};
use crate::domain::budget::{Budget, BudgetStatus};
use crate::domain::budget_attention::{Attention as Why, lasts_to};
use crate::domain::currency::Currency;
use crate::domain::id::{RegionId, ReviewId};
use crate::domain::money;
use crate::domain::time::{Day, Instant};
use crate::store::db::Read;
use crate::store::{overview, regions, settings, transactions};

/// Months in the chart, this one included.
const MONTHS: i32 = 12;
/// Budgets that are named one by one; the list has the others.
const NAMED: usize = 5;

/// One thing that wants to be looked at.
struct Attention {
    tone: &'static str,
    badge: &'static str,
    text: String,
    href: String,
    hint: String,
}

/// The figures of one currency.
struct Money {
    currency: String,
    total: String,
    reserved: String,
    spent: String,
    available: String,
    permille: i64,
    used: String,
    tone: &'static str,
    budgets: usize,
}

/// A budget that is close to its end.
struct Close {
    id: String,
    name: String,
    currency: String,
    spent: String,
    total: String,
    available: String,
    percent: String,
    permille: i64,
    tone: &'static str,
    lasts: String,
}

/// One step that the first set-up left out.
struct Task {
    text: &'static str,
    href: &'static str,
    done: bool,
}

#[derive(Template)]
#[template(path = "overview/page.html")]
struct OverviewPage {
    shell: Shell,
    attention: Vec<Attention>,
    money: Vec<Money>,
    shown: String,
    close: Vec<Close>,
    tabs: Vec<(String, String, bool)>,
    chart: Option<BarChart>,
    tasks: Vec<Task>,
    sees_budgets: bool,
    sees_transactions: bool,
    no_role: bool,
}

/// Which currency the chart shows.
#[derive(Deserialize)]
pub struct Shown {
    #[serde(default)]
    currency: String,
}

/// The overview.
pub async fn page(
    req: HttpRequest,
    portal: web::Data<Portal>,
    who: Allowed<SignedIn>,
    query: web::Query<Shown>,
) -> Result<HttpResponse, WebError> {
    let mut read = portal.read(&who).await?;
    let today = portal.store.now().day(settings::zone(&mut read).await?);
    let (budget_scope, transaction_scope) = (who.scope(Permission::BudgetsRead), who.scope(Permission::TransactionsRead));
    let budgets = open_budgets(&mut read, &budget_scope, portal.store.now()).await?;
    let hidden = transactions::hidden_imports(&mut read).await?;
    let loose = overview::loose_ends(&mut read, &transaction_scope, &hidden).await?;
    let waiting = if who.access.has(Permission::ImportsRun) { overview::waiting_imports(&mut read, who.person.id).await? } else { 0 };
    let now = portal.store.now();
    let asked = standing(&mut read, &who, now).await?.worklist(&mut read, now).await?.len();
    let reviewed = reviews::worklist(&mut read, who.person.id, &who.access, now).await?;
    let from = today.add_months(1 - MONTHS);
    let months = overview::by_month(&mut read, &transaction_scope, &hidden, from).await?;
    let money = figures(&budgets);
    let (tabs, shown) = currencies(&money, &months, &query.currency);
    let page = OverviewPage {
        shell: Shell::new(&req, &portal, &who, "Overview"),
        attention: attention(&budgets, loose, waiting, (asked, reviewed)),
        chart: shown.filter(|_| !months.is_empty()).map(|currency| bars(&months, currency, from)),
        shown: shown.map(|currency| currency.code().to_owned()).unwrap_or_default(),
        money,
        close: closest(&budgets),
        tabs,
        tasks: tasks(&mut read, &who).await?,
        sees_budgets: !budget_scope.is_empty(),
        sees_transactions: !transaction_scope.is_empty(),
        no_role: who.access.roles().is_empty(),
    };
    page.shell.answer(StatusCode::OK, &page)
}

fn plural(n: i64, one: &str, many: &str) -> String {
    let shown = group(n);
    if n == 1 { format!("1 {one}") } else { format!("{shown} {many}") }
}

/// `12,400`.
fn group(n: i64) -> String {
    let digits = n.to_string();
    let mut out = String::with_capacity(digits.len() + 4);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && digit.is_ascii_digit() && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// The budgets that are not closed, each on this day in its region.
async fn open_budgets(read: &mut Read, scope: &Scope, now: Instant) -> Result<Vec<(Budget, Day)>, WebError> {
    let days: HashMap<RegionId, Day> =
        regions::tree(read, scope).await?.into_iter().map(|branch| (branch.region.id, now.day(branch.region.zone()))).collect();
    let mut budgets = Vec::new();
    for row in overview::open_budgets(read, scope).await? {
        if let Some(today) = days.get(&row.region_id) {
            budgets.push((row.budget()?, *today));
        }
    }
    Ok(budgets)
}

fn attention(
    budgets: &[(Budget, Day)],
    (failed, unassigned): (i64, i64),
    waiting: i64,
    (asked, reviewed): (usize, (usize, Option<ReviewId>)),
) -> Vec<Attention> {
    let mut all = Vec::new();
    let mut add = |tone, badge, text: String, href: String, hint: String| all.push(Attention { tone, badge, text, href, hint });
    if asked > 0 {
        let text = plural(asked as i64, "request", "requests");
        add("warn", "To approve", text, "/approvals".to_owned(), "wait for your decision".to_owned());
    }
    if reviewed.0 > 0 {
        let href = reviewed.1.map_or("/evidence/reviews".to_owned(), |review| format!("/evidence/reviews/{review}"));
        add("warn", "To review", plural(reviewed.0 as i64, "role", "roles"), href, "wait for your decision in an access review".to_owned());
    }
    let why = |wanted: Why| budgets.iter().filter(move |(budget, today)| Why::of(budget, *today) == Some(wanted));
    let mut overspent: Vec<&Budget> = why(Why::Overspent).map(|(budget, _)| budget).collect();
    overspent.sort_by_key(|budget| budget.figures.available());
    for budget in overspent.iter().take(NAMED) {
        let hint =
            format!("{} {} below zero", money::grouped(budget.figures.available().saturating_neg(), budget.currency), budget.currency);
        add("bad", "Overspent", budget.name.clone(), format!("/budgets/{}", budget.id), hint);
    }
    if overspent.len() > NAMED {
        let text = format!("All {} overspent budgets", overspent.len());
        add("bad", "Overspent", text, "/budgets?view=table&attention=overspent&sort=available".to_owned(), "below zero".to_owned());
    }
    if failed > 0 {
        let text = plural(failed, "delivery", "deliveries");
        add("bad", "Failed", text, "/transactions?delivery_status=failed".to_owned(), "the recipient has not got the reward".to_owned());
    }
    let short = why(Why::RunningOut).filter_map(|(budget, today)| Some((lasts_to(budget, *today)?, budget)));
    let mut short: Vec<(Day, &Budget)> = short.collect();
    short.sort_by_key(|(day, _)| *day);
    for (day, budget) in short.iter().take(NAMED) {
        let hint = format!("lasts to {} at today\u{2019}s rate, its period to {}", day.words(), budget.period_end.words());
        add("warn", "Running out", budget.name.clone(), format!("/budgets/{}", budget.id), hint);
    }
    if short.len() > NAMED {
        let text = format!("All {} budgets that are running out", short.len());
        let href = "/budgets?view=table&attention=running_out&sort=runway".to_owned();
        add("warn", "Running out", text, href, "before the period ends".to_owned());
    }
    if unassigned > 0 {
        let text = plural(unassigned, "transaction", "transactions");
        add("warn", "Unassigned", text, "/transactions?budget=none".to_owned(), "belong to no budget yet".to_owned());
    }
    if waiting > 0 {
        add("info", "Waiting", plural(waiting, "import", "imports"), "/imports".to_owned(), "wait for you to go on".to_owned());
    }
    let drafts = budgets.iter().filter(|(budget, _)| budget.status == BudgetStatus::Draft).count() as i64;
    if drafts > 0 {
        add("info", "Draft", plural(drafts, "budget", "budgets"), "/budgets?status=draft".to_owned(), "not active yet".to_owned());
    }
    all
}

fn figures(budgets: &[(Budget, Day)]) -> Vec<Money> {
    let mut by_currency: BTreeMap<&str, Added> = BTreeMap::new();
    for (budget, _) in budgets.iter().filter(|(budget, _)| budget.status == BudgetStatus::Active) {
        by_currency.entry(budget.currency.code()).or_default().add(&budget.figures);
    }
    let shown = |(code, sum): (&str, Added)| {
        let currency = Currency::parse(code);
        let permille = sum.permille();
        Money {
            currency: code.to_owned(),
            total: amount(sum.total(), currency),
            reserved: amount(sum.reserved(), currency),
            spent: amount(sum.spent(), currency),
            available: amount(sum.available(), currency),
            permille: permille.clamp(0, 1000),
            used: format!("{}.{} % used", permille / 10, (permille % 10).abs()),
            tone: tone(sum.available(), permille),
            budgets: sum.count,
        }
    };
    let mut all: Vec<Money> = by_currency.into_iter().map(shown).collect();
    all.sort_by_key(|money| std::cmp::Reverse(money.budgets));
    all
}

fn tone(available: i128, permille: i64) -> &'static str {
    match available {
        left if left < 0 => "bad",
        _ if permille >= 900 => "warn",
        _ => "",
    }
}

fn closest(budgets: &[(Budget, Day)]) -> Vec<Close> {
    let mut active: Vec<(i64, &Budget, Day)> = budgets
        .iter()
        .filter(|(budget, _)| budget.status == BudgetStatus::Active)
        .filter_map(|(budget, today)| Some((budget.figures.utilisation_permille()?, budget, *today)))
        .collect();
    active.sort_by_key(|(permille, ..)| std::cmp::Reverse(*permille));
    let shown = |(permille, budget, today): (i64, &Budget, Day)| {
        let (figures, currency) = (budget.figures, budget.currency);
        Close {
            id: budget.id.to_string(),
            name: budget.name.clone(),
            currency: currency.code().to_owned(),
            spent: money::grouped(figures.spent, currency),
            total: money::grouped(figures.total().unwrap_or_default(), currency),
            available: money::grouped(figures.available(), currency),
            percent: format!("{}.{} %", permille / 10, (permille % 10).abs()),
            permille: permille.clamp(0, 1000),
            tone: tone(figures.available().into(), permille),
            lasts: lasts_to(budget, today).map(Day::words).unwrap_or_default(),
        }
    };
    active.into_iter().take(6).map(shown).collect()
}

type Months = [(String, Day, i64, i128)];

/// The tabs of the currencies, the one with the most transactions first, and the one that is shown.
fn currencies(money: &[Money], months: &Months, chosen: &str) -> (Vec<(String, String, bool)>, Option<Currency>) {
    let mut counts: BTreeMap<&str, i64> = money.iter().map(|one| (one.currency.as_str(), 0)).collect();
    for (code, _, count, _) in months {
        *counts.entry(code).or_default() += count;
    }
    let mut order: Vec<(&str, i64)> = counts.into_iter().collect();
    order.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    let mut codes = order.iter().map(|(code, _)| *code);
    let shown = codes.clone().find(|code| *code == chosen).or_else(|| codes.next()).unwrap_or_default();
    let tabs = order.iter().map(|(code, _)| ((*code).to_owned(), format!("/?currency={code}"), *code == shown)).collect();
    (tabs, Currency::parse(shown))
}

fn bars(months: &Months, currency: Currency, from: Day) -> BarChart {
    let points: Vec<Point> = (0..MONTHS)
        .map(|n| {
            let month = from.add_months(n);
            let last = Day(month.add_months(1).0 - 1);
            let found = months.iter().find(|(code, day, ..)| code == currency.code() && *day == month);
            let (count, value) = found.map_or((0, 0), |(_, _, count, value)| (*count, *value));
            let name = month.date().format("%b %Y");
            Point {
                label: month.date().format("%b").to_string(),
                value,
                href: format!("/transactions?currency={}&from={}&to={}", currency.code(), month.iso(), last.iso()),
                aria: format!("{name}: {} {currency} in {} transactions; show them", amount(value, Some(currency)), group(count)),
            }
        })
        .collect();
    let sum: i128 = points.iter().map(|point| point.value).sum();
    let most = points.iter().zip(0..MONTHS).max_by_key(|(point, _)| point.value);
    let most = most.map(|(point, n)| (from.add_months(n).date().format("%B %Y").to_string(), amount(point.value, Some(currency))));
    let caption = match most {
        Some((month, value)) if sum != 0 => {
            format!("{} {currency} issued in twelve months; the most in {month}, {value} {currency}.", amount(sum, Some(currency)))
        }
        _ => format!("Nothing was issued in {currency} in the last twelve months."),
    };
    BarChart::new(BarSpec {
        id: "issued".to_owned(),
        title: format!(
            "Rewards issued by month, {} to {}",
            from.date().format("%B %Y"),
            from.add_months(MONTHS - 1).date().format("%B %Y")
        ),
        caption,
        name: "Issued".to_owned(),
        currency,
        bars: points,
    })
}

/// What the first set-up left out, for whoever can do it; nothing once it is done or dismissed.
async fn tasks(read: &mut Read, who: &Allowed<SignedIn>) -> Result<Vec<Task>, WebError> {
    if !who.access.has_everywhere(Permission::SettingsManage)
        || settings::get(read, settings::SETUP_TASKS).await?.as_deref() != Some("open")
    {
        return Ok(Vec::new());
    }
    let (regions, people, budgets, imports) = overview::what_there_is(read).await?;
    let codes = settings::reason_codes(read).await?.len();
    let all = vec![
        Task { text: "Add the regions that keep budgets", href: "/regions/new", done: regions > 1 },
        Task { text: "Add the people who work with them", href: "/people/new", done: people > 1 },
        Task { text: "Keep a list of reason codes for adjustments", href: "/settings/reason-codes", done: codes > 0 },
        Task { text: "Create the first budget", href: "/budgets/new", done: budgets > 0 },
        Task { text: "Load the vendor\u{2019}s first file", href: "/imports/new", done: imports > 0 },
    ];
    Ok(if all.iter().all(|task| task.done) { Vec::new() } else { all })
}
