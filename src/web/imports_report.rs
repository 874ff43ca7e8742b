//! What a dry run or an import found, as pages show it.

use std::collections::BTreeMap;

use super::transactions::thousands;
use crate::actions::imports::refused::Shown;
use crate::actions::imports::report::{Part, Report, Total};
use crate::actions::imports::run::Running;
use crate::domain::access::Scope;
use crate::domain::currency::Currency;
use crate::domain::import::Field;
use crate::domain::money;
use crate::store::db::Reader;
use crate::store::failure::DbError;
use crate::store::imports::ImportRow;
use crate::store::ledger;

/// Rows and their sum.
pub struct TotalLine {
    /// The code of the currency.
    pub currency: String,
    /// How many rows.
    pub rows: String,
    /// Their sum.
    pub amount: String,
}

/// A budget before and after.
pub struct BudgetLine {
    /// Its page; empty where she does not see it.
    pub href: String,
    /// Its name.
    pub name: String,
    /// Its currency.
    pub currency: String,
    /// Available before.
    pub before: String,
    /// Available afterwards.
    pub after: String,
    /// Whether it is overspent afterwards.
    pub overspent: bool,
}

/// Refused rows of one kind.
pub struct RefusedLine {
    /// The stable word.
    pub code: String,
    /// The field's label; empty for the row as a whole.
    pub field: String,
    /// How many rows.
    pub rows: String,
    /// The first lines and their words.
    pub first: Vec<(i64, String)>,
}

/// A changed row.
pub struct ExampleLine {
    /// Its line.
    pub line: i64,
    /// The transaction's page.
    pub href: String,
    /// What people call it.
    pub title: String,
    /// Field, before, after.
    pub changes: Vec<(String, String, String)>,
}

/// A report as pages show it.
#[derive(Default)]
pub struct Found {
    /// (label, how many, words below, tone).
    pub cards: Vec<(&'static str, String, String, &'static str)>,
    /// New rows by currency.
    pub totals: Vec<TotalLine>,
    /// Budgets that pay.
    pub budgets: Vec<BudgetLine>,
    /// Whether one is overspent afterwards.
    pub overspent: bool,
    /// Refused rows.
    pub refused: Vec<RefusedLine>,
    /// Changed rows.
    pub examples: Vec<ExampleLine>,
    /// How many rows are refused.
    pub refused_rows: i64,
    /// Whether the refused rows are shown without saying who receives them.
    pub hides: bool,
    /// New rows without a budget.
    pub unassigned: String,
    /// Whether there is anything to take.
    pub nothing: bool,
}

impl Found {
    /// The report of a checked or finished import; empty before. Somebody who sees the import but not one of its budgets is not told of
    /// that budget.
    pub async fn read(reader: &mut impl Reader, scope: &Scope, row: &ImportRow, shown: &Shown) -> Result<Self, DbError> {
        if !matches!(row.state.as_str(), "checked" | "done") {
            return Ok(Self::default());
        }
        let report: Report = serde_json::from_str(&row.report).unwrap_or_default();
        let budgets = budget_lines(reader, scope, &report).await?;
        Ok(Self {
            cards: cards(row),
            totals: totals(&report),
            overspent: budgets.iter().any(|line| line.overspent),
            budgets,
            refused: refused(&report, shown),
            examples: examples(&report),
            refused_rows: report.counts.refused,
            hides: matches!(shown, Shown::WithoutNames(_)),
            unassigned: if report.unassigned > 0 { thousands(report.unassigned) } else { String::new() },
            nothing: report.counts.created + report.counts.changed == 0,
        })
    }

    /// What a finished import did in the regions of the scope: no row that was refused, no example, no count of anybody else.
    pub async fn part(reader: &mut impl Reader, budgets: &Scope, scope: &Scope, row: &ImportRow) -> Result<Self, DbError> {
        let report: Report = serde_json::from_str(&row.report).unwrap_or_default();
        let mut sum = Part::default();
        for (_, part) in report.parts.iter().filter(|(region, _)| scope.covers(**region)) {
            sum.created += part.created;
            sum.changed += part.changed;
            sum.unchanged += part.unchanged;
        }
        let mut created: BTreeMap<String, Total> = BTreeMap::new();
        for (code, total) in report.regions.iter().filter(|(region, _)| scope.covers(**region)).flat_map(|(_, totals)| totals) {
            let all = created.entry(code.clone()).or_default();
            all.rows += total.rows;
            // A part of a sum that was checked when the file was read.
            all.amount = all.amount.saturating_add(total.amount);
        }
        let budgets = budget_lines(reader, budgets, &report).await?;
        Ok(Self {
            cards: vec![
                ("Created", thousands(sum.created), "new transactions in your regions".to_owned(), ""),
                ("Changed", thousands(sum.changed), "known, and different in the file".to_owned(), ""),
                ("Unchanged", thousands(sum.unchanged), "known, and the same".to_owned(), ""),
            ],
            totals: totals(&Report { created, ..Report::default() }),
            overspent: budgets.iter().any(|line| line.overspent),
            budgets,
            nothing: sum.created + sum.changed == 0,
            ..Self::default()
        })
    }
}

/// The budgets of a report that she sees.
async fn budget_lines(reader: &mut impl Reader, scope: &Scope, report: &Report) -> Result<Vec<BudgetLine>, DbError> {
    let mut budgets = Vec::new();
    for effect in &report.budgets {
        let Some(currency) = Currency::parse(&effect.currency) else { continue };
        if ledger::find(reader, scope, effect.budget).await?.is_none() {
            continue;
        }
        budgets.push(BudgetLine {
            href: format!("/budgets/{}", effect.budget),
            name: effect.name.clone(),
            currency: effect.currency.clone(),
            before: money::grouped(effect.before, currency),
            after: money::grouped(effect.after, currency),
            overspent: effect.after < 0,
        });
    }
    Ok(budgets)
}

fn cards(row: &ImportRow) -> Vec<(&'static str, String, String, &'static str)> {
    let (read, refused) = (row.rows_read, row.rows_refused);
    let done = row.state == "done";
    let words = |done_words: &str, would: &str| if done { done_words.to_owned() } else { would.to_owned() };
    vec![
        ("Created", thousands(row.rows_created), words("new transactions", "would be new transactions"), ""),
        ("Changed", thousands(row.rows_changed), words("known, and different in the file", "known, would be changed"), ""),
        ("Unchanged", thousands(row.rows_unchanged), "known, and the same".to_owned(), ""),
        ("Refused", thousands(refused), format!("of {} rows read", thousands(read)), if refused > 0 { "warn" } else { "" }),
    ]
}

fn totals(report: &Report) -> Vec<TotalLine> {
    let line = |(code, total): (&String, &Total)| {
        let currency = Currency::parse(code)?;
        Some(TotalLine { currency: code.clone(), rows: thousands(total.rows), amount: money::grouped(total.amount, currency) })
    };
    report.created.iter().filter_map(line).collect()
}

fn refused(report: &Report, shown: &Shown) -> Vec<RefusedLine> {
    let mut kinds: Vec<_> = report.refused.iter().collect();
    kinds.sort_by_key(|kind| std::cmp::Reverse(kind.1.rows));
    let line = |(code, kind): (&String, &crate::actions::imports::report::RefusedKind)| RefusedLine {
        code: code.clone(),
        field: Field::parse(&kind.field).map(|field| field.label().to_owned()).unwrap_or_default(),
        rows: thousands(kind.rows),
        first: kind.first.iter().map(|(line, words)| (*line, shown.message(&kind.field, words).to_owned())).collect(),
    };
    kinds.into_iter().map(line).collect()
}

fn examples(report: &Report) -> Vec<ExampleLine> {
    let line = |example: &crate::actions::imports::report::Example| ExampleLine {
        line: example.line,
        href: format!("/transactions/{}", example.transaction),
        title: example.title.clone(),
        changes: example.changes.clone(),
    };
    report.examples.iter().map(line).collect()
}

/// How much of the file is read, in a hundred.
pub fn percent(row: &ImportRow) -> u64 {
    let running = match row.state.as_str() {
        "done" => serde_json::from_str::<Report>(&row.report).unwrap_or_default().running,
        _ => Running::read(&row.report),
    };
    (running.done.min(running.total) * 100).checked_div(running.total).unwrap_or(0)
}

/// One step of the timeline: (what, when).
pub type Step = (String, String);

/// What happened to an import, oldest first.
pub fn timeline(row: &ImportRow, zone: chrono_tz::Tz) -> Vec<Step> {
    let person = row.person_name.clone().unwrap_or_else(|| "the system".to_owned());
    let mut steps = vec![(format!("Uploaded by {person}"), row.created_at.local(zone))];
    if let Some(at) = row.finished_at {
        let what = match row.state.as_str() {
            "done" => "Imported",
            "failed" => "Failed; everything written was taken back",
            _ => "Withdrawn; nothing of it is kept",
        };
        steps.push((what.to_owned(), at.local(zone)));
    }
    steps
}
