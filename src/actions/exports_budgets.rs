//! Files about budgets: the list as it is seen, one budget's statement, its burn-down. They go the way of every export: noted first, guarded
//! text, noted again with their hash when the last byte was taken.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::Stream;
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;
use uuid::Uuid;

use super::exports::{Names, Progress, Rows, Told, handed_over};
use crate::domain::access::{Actor, codes};
use crate::domain::budget::{Account, Budget, PostingKind};
use crate::domain::burn_down::BurnDown;
use crate::domain::id::{BudgetId, ExportId};
use crate::domain::time::Day;
use crate::formats::write_csv::{CsvRow, Preset};
use crate::store::Store;
use crate::store::bulk_read::Pieces;
use crate::store::failure::DbError;
use crate::store::ledger::BudgetRow;
use crate::store::postings::PostingRow;
use crate::store::postings::{self, From, Wanted};

codes! {
    /// What can be taken away about budgets, besides transactions.
    File {
        /// The list as it is seen.
        Budgets = "budgets", "Budgets";
        /// The postings of one budget.
        Statement = "statement", "Statement";
        /// The table behind the chart of one budget.
        BurnDown = "burn_down", "Burn-down";
        /// Requests for approval, as they are seen.
        Approvals = "approvals", "Approvals";
        /// A report for auditors.
        Evidence = "evidence", "Evidence";
    }
}

/// Postings that are read at once.
const PAGE: i64 = 500;
/// Pieces that wait for the reader of the file.
const WAITING: usize = 4;

/// A budget as a line of the list's file.
#[derive(Clone, Debug)]
pub struct Line {
    /// The budget.
    pub row: BudgetRow,
    /// The same for the rules.
    pub budget: Budget,
    /// Its region's name.
    pub region: String,
    /// Its owner's name; empty for nobody.
    pub owner: String,
    /// The day it lasts to.
    pub lasts_to: Option<Day>,
}

/// Column heads: (words, code).
pub(super) type Heads = &'static [(&'static str, &'static str)];

const LIST: Heads = &[
    ("Budget", "budget"),
    ("Region", "region"),
    ("First day", "period_start"),
    ("Last day", "period_end"),
    ("Allocated", "allocated"),
    ("Adjusted", "adjusted"),
    ("Carried over", "carried_over"),
    ("Reserved", "reserved"),
    ("Spent", "spent"),
    ("Available", "available"),
    ("Currency", "currency"),
    ("Used %", "utilisation_pct"),
    ("Runs out", "runway"),
    ("Status", "status"),
    ("Owner", "owner"),
    ("Cost centre", "cost_centre"),
    ("Budget id", "budget_id"),
];

const STATEMENT: Heads = &[
    ("Effective", "effective_date"),
    ("Reference", "reference"),
    ("What", "kind"),
    ("From", "source"),
    ("To", "destination"),
    ("Amount", "amount"),
    ("Available after", "available_after"),
    ("Currency", "currency"),
    ("Reason", "reason_code"),
    ("Note", "note"),
    ("Recorded at", "at"),
    ("Posting id", "posting_id"),
];

const BURN_DOWN: Heads = &[
    ("First day", "first_day"),
    ("Last day", "last_day"),
    ("Available", "available"),
    ("Plan", "plan"),
    ("At the present rate", "forecast"),
    ("Currency", "currency"),
];

pub(super) fn begun(preset: Preset, heads: Heads) -> CsvRow {
    let mut out = CsvRow::new(preset, 16 * 1024);
    for (words, code) in heads {
        out.text(if preset == Preset::Excel { words } else { code });
    }
    out.end();
    out
}

/// A word that people read in one kind of file and programs in the other.
pub(super) fn word(out: &mut CsvRow, preset: Preset, label: &str, code: &str) {
    if preset == Preset::Excel { out.text(label) } else { out.code(code) }
}

/// The list of budgets.
pub fn budgets(store: &Store, taking: Taking, preset: Preset, lines: &[Line]) -> impl Stream<Item = Result<Bytes, DbError>> + use<> {
    let mut out = begun(preset, LIST);
    let mut rows: BTreeMap<Uuid, i64> = BTreeMap::new();
    for line in lines {
        let (row, figures, digits) = (&line.row, line.budget.figures, line.budget.currency.digits());
        out.text(&row.name);
        out.text(&line.region);
        out.day(row.period_start);
        out.day(row.period_end);
        for amount in [row.allocated, row.adjusted, row.carried_over, row.reserved, row.spent, figures.available()] {
            out.amount(amount, digits);
        }
        out.code(&row.currency);
        // Tenths of a per cent, written as an amount with one digit.
        out.maybe_amount(figures.utilisation_permille(), 1);
        match line.lasts_to {
            Some(day) => out.day(day),
            None => out.empty(),
        }
        word(&mut out, preset, line.budget.status.label(), line.budget.status.code());
        out.text(&line.owner);
        out.text(&row.cost_centre);
        out.code(&row.id.to_string());
        out.end();
        *rows.entry(row.region_id.0).or_default() += 1;
    }
    whole(store, told(taking, File::Budgets, rows.len()), out, rows.into_iter().collect())
}

/// The table behind the chart: what was available at the end of each month, what was planned, and where the present rate leads.
pub fn burn_down(
    store: &Store,
    taking: Taking,
    preset: Preset,
    budget: &Budget,
    series: &BurnDown,
) -> impl Stream<Item = Result<Bytes, DbError>> + use<> {
    let mut out = begun(preset, BURN_DOWN);
    let digits = budget.currency.digits();
    for (at, month) in series.months.iter().enumerate() {
        out.day(month.first);
        out.day(month.last);
        out.maybe_amount(series.actual.get(at).copied(), digits);
        out.maybe_amount(series.plan.get(at).copied(), digits);
        out.maybe_amount(at.checked_sub(series.actual.len()).and_then(|ahead| series.forecast.get(ahead)).copied(), digits);
        out.code(budget.currency.code());
        out.end();
    }
    whole(store, told(taking, File::BurnDown, 1), out, vec![(budget.region.0, series.months.len() as i64)])
}

/// Who takes it, and what is asked for.
#[derive(Clone, Debug)]
pub struct Taking {
    /// Who takes it.
    pub actor: Actor,
    /// The export.
    pub id: ExportId,
    /// What is asked for, in words.
    pub words: String,
    /// `excel` or `machine`.
    pub format: String,
}

/// A region hears what was asked for only where it is about that region alone.
pub(super) fn told(taking: Taking, file: File, regions: usize) -> Told {
    let Taking { actor, id, words, format } = taking;
    let shared = if regions == 1 { words.clone() } else { file.label().to_owned() };
    Told { actor, id, what: file.code(), words, shared, personal: Vec::new(), format }
}

/// A file that is small enough to be made at once.
pub(super) fn whole(store: &Store, told: Told, out: CsvRow, rows: Rows) -> impl Stream<Item = Result<Bytes, DbError>> + use<> {
    made(store, told, Bytes::copy_from_slice(out.bytes()), rows)
}

/// The same of bytes that are no CSV, or are made already.
pub(super) fn made(store: &Store, told: Told, bytes: Bytes, rows: Rows) -> impl Stream<Item = Result<Bytes, DbError>> + use<> {
    let progress = Arc::new(Progress::default());
    progress.piece(rows);
    progress.end();
    let (pieces, received) = mpsc::channel(1);
    // The channel is empty and nobody has closed it.
    let _ = pieces.try_send(Ok(bytes));
    handed_over(store, told, received, progress)
}

/// The postings of a budget that `wanted` lets through, newest first, as many as there are. `names` are those of the budgets in scope; a budget
/// that is not among them is not named.
pub fn statement(
    store: &Store,
    taking: Taking,
    preset: Preset,
    budget: Budget,
    wanted: Wanted,
    names: Names,
) -> impl Stream<Item = Result<Bytes, DbError>> + use<> {
    let progress = Arc::new(Progress::default());
    let (pieces, received): (_, Pieces) = mpsc::channel(WAITING);
    let file = StatementFile { out: begun(preset, STATEMENT), preset, budget, names, rows: 0 };
    let (from, counted) = (store.clone(), progress.clone());
    tokio::spawn(async move {
        // Where nobody takes the pieces any more, nobody hears of it either.
        if let Err(error) = file.write(&from, &wanted, &pieces, &counted).await {
            let _ = pieces.send(Err(error)).await;
        }
    });
    handed_over(store, told(taking, File::Statement, 1), received, progress)
}

struct StatementFile {
    out: CsvRow,
    preset: Preset,
    budget: Budget,
    names: Names,
    rows: i64,
}

impl StatementFile {
    /// Page by page, each in a snapshot of its own: postings are only ever added, and at the other end.
    async fn write(
        mut self,
        store: &Store,
        wanted: &Wanted,
        pieces: &mpsc::Sender<Result<Bytes, DbError>>,
        progress: &Progress,
    ) -> Result<(), DbError> {
        let mut from = From::Start;
        loop {
            let mut read = store.read().await?;
            let rows = postings::statement(&mut read, self.budget.id, wanted, from, PAGE).await?;
            drop(read);
            for row in &rows {
                self.row(row)?;
            }
            self.rows += rows.len() as i64;
            progress.piece(vec![(self.budget.region.0, self.rows)]);
            let more = rows.last().filter(|_| rows.len() as i64 == PAGE).map(|row| row.no);
            if more.is_none() {
                progress.end();
            }
            if pieces.send(Ok(self.out.take().into())).await.is_err() {
                return Ok(());
            }
            match more {
                Some(no) => from = From::Older(no),
                None => return Ok(()),
            }
        }
    }

    fn row(&mut self, row: &PostingRow) -> Result<(), DbError> {
        let movement = row.movement()?;
        let digits = movement.currency.digits();
        let here = |budget: Option<BudgetId>| budget == Some(self.budget.id);
        let after = if here(row.source_budget_id) { row.source_available_after } else { row.destination_available_after };
        let (from, to) =
            (self.end(movement.source.account, row.source_budget_id), self.end(movement.destination.account, row.destination_budget_id));
        let (out, preset) = (&mut self.out, self.preset);
        out.day(row.effective_date);
        out.code(&row.reference());
        word(out, preset, movement.kind.label(), PostingKind::code(movement.kind));
        out.text(&from);
        out.text(&to);
        out.amount(row.amount.saturating_mul(movement.effect_on(self.budget.id)), digits);
        out.maybe_amount(after, digits);
        out.code(&row.currency);
        out.maybe_text(row.reason_code.as_deref());
        out.text(&row.note);
        out.instant(row.at);
        out.code(&row.id.to_string());
        out.end();
        Ok(())
    }

    /// An account of the organisation by its label, one of a budget by the budget's name where that may be seen.
    fn end(&self, account: Account, budget: Option<BudgetId>) -> String {
        let Some(id) = budget else { return account.label().to_owned() };
        match self.names.known.get(&id.0) {
            Some(name) if account == Account::Available => name.clone(),
            Some(name) => format!("{name}, {}", account.label().to_lowercase()),
            None => "A budget of another region".to_owned(),
        }
    }
}
