//! Changes of rows that were there before, after the new rows are published.
//!
//! They are written in small commands of their own, because a file may change a million rows and nobody else may wait for that. A change
//! is complete in itself: the row, its count and sum, and what its budgets got back and paid. If the work stops in the middle it goes on
//! from the start of the file: what is written already is unchanged by then.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::diff::{self, Set, budget_after};
use super::pass;
use super::people::named;
use super::plan::Plan;
use super::report::Report;
use super::run::Run;
use super::sort::{Changed, sort};
use super::{Stop, end};
use crate::domain::access::Permission;
use crate::domain::audit::Event;
use crate::domain::budget::{Account, End, Movement, Nature, PostingKind};
use crate::domain::id::{BudgetId, ImportId, RecipientId};
use crate::domain::import::Draft;
use crate::domain::refusal::Refusal;
use crate::domain::time::{Day, Instant};
use crate::domain::transaction::{DeliveryStatus, OrderStatus, RedemptionStatus};
use crate::store::Store;
use crate::store::db::Arg;
use crate::store::failure::Failure;
use crate::store::import_rows;
use crate::store::imports::{self, Change};
use crate::store::ledger::{self, Details};
use crate::store::recipients;
use crate::store::settings;
use crate::store::transaction_detail::{self, TransactionRow};
use crate::store::transactions::{RollupKey, month_of};
use crate::store::writer::{Intent, WriteTx};

/// Changed rows in one command: each is several statements.
const BATCH: usize = 50;

/// Writes the changes of a published import and ends it.
pub async fn perform(store: &Store, run: &mut Run) -> Result<Report, Stop> {
    if run.report.as_ref().is_some_and(|report| !report.applied) {
        let failure = match changes(store, run).await {
            Ok(()) => None,
            // The rows are published and stay; what is left of the changes is said, and the same file loaded again makes up for it.
            Err(stop) => match stop.words() {
                Some(words) if !matches!(stop, Stop::Failed(Failure::Refused(Refusal::Stale))) => {
                    Some(format!("Not every change of a known row was written: {words} Import the file again"))
                }
                _ => return Err(stop),
            },
        };
        if let Some(report) = &mut run.report {
            report.applied = true;
        }
        let text = run.beat(store, run.running.total);
        run.change(store, "import.applied", Change { report: Some(text), failure, ..Change::default() }).await?;
    }
    end::close(store, run).await?;
    Ok(run.report.clone().unwrap_or_default())
}

async fn changes(store: &Store, run: &mut Run) -> Result<(), Stop> {
    let opened = run.table(store).await?;
    let setup = run.setup()?;
    let mut read = store.read().await?;
    let plan = Arc::new(Plan::read(&mut read, run.person, store.now(), &setup.mapping, &opened.headers).await?);
    drop(read);
    let mut chunks = pass::start(opened, plan.clone(), true);
    while let Some(chunk) = chunks.recv().await {
        let mut read = store.read().await?;
        let sorted = sort(&mut read, &plan, run.row.source_id, chunk?, true).await?;
        drop(read);
        let bytes = sorted.bytes;
        let mut changed = sorted.changed.into_iter().peekable();
        while changed.peek().is_some() {
            let part: Arc<Vec<Changed>> = Arc::new(changed.by_ref().take(BATCH).collect());
            write(store, run, plan.clone(), part, bytes).await?;
        }
    }
    Ok(())
}

async fn write(store: &Store, run: &mut Run, plan: Arc<Plan>, part: Arc<Vec<Changed>>, bytes: u64) -> Result<(), Failure> {
    let change = Change { report: Some(run.beat(store, bytes)), ..Change::default() };
    let (id, fence) = (run.id(), run.fence);
    store
        .write(Intent::once(run.actor(), "import.changes"), move |tx| {
            let (plan, part, change) = (plan.clone(), part.clone(), change.clone());
            Box::pin(async move {
                imports::update(tx, id, fence, true, &change).await?;
                for changed in part.iter() {
                    one(tx, &plan, changed, id).await?;
                }
                Ok(())
            })
        })
        .await
}

async fn one(tx: &mut WriteTx<'_>, plan: &Plan, changed: &Changed, import: ImportId) -> Result<(), Failure> {
    let (row, draft) = (&changed.row, &changed.line.draft);
    for region in [row.region_id, draft.region] {
        tx.require(Permission::ImportsRun, Permission::ImportsRun, region)?;
    }
    let mut sets = changed.sets.clone();
    let mut renamed = false;
    if changed.recipient || row.region_id != draft.region {
        let (person, was_renamed) = recipient(tx, row, draft).await?;
        renamed = was_renamed;
        sets.extend(diff::recipient(row.recipient_id, person));
    }
    let budget = budget_after(row, draft, &plan.mapping);
    let made = money(tx, row, draft, budget, import).await?;
    let zone = settings::zone(tx).await?;
    let was = (row.rollup_key(row.budget_id, zone)?, row.amount_issued);
    let is = (key_after(row, draft, budget, &sets, zone)?, draft.amount_issued);
    let columns: Vec<(&'static str, Arg)> = sets.iter().map(|set| (set.column, set.is.clone())).collect();
    import_rows::update(tx, row, &columns, changed.line.hash, was, is).await?;
    record(tx, changed, &sets, &made, json!({ "import": import.to_string(), "line": changed.line.line, "recipient_renamed": renamed }));
    Ok(())
}

/// What the trail says of a changed row. One that moves leaves an event in the region it goes from and one in the region it comes to, and
/// neither of them says a word about the other end: not its id, nor what its budgets got or paid.
fn record(tx: &mut WriteTx<'_>, changed: &Changed, sets: &[Set], made: &Made, detail: Value) {
    let (row, to) = (&changed.row, changed.line.draft.region);
    let (mut before, mut after) = (Map::new(), Map::new());
    for set in sets {
        let (was, is) = set.audited();
        before.insert(set.column.to_owned(), was);
        after.insert(set.column.to_owned(), is);
    }
    let event = |region| Event::new("transaction.changed", "transaction", row.id, Some(region));
    let with = |more: Value| {
        let mut detail = detail.clone();
        if let (Value::Object(detail), Value::Object(more)) = (&mut detail, more) {
            detail.extend(more);
        }
        detail
    };
    if row.region_id == to {
        let postings: Vec<&String> = made.back.iter().chain(&made.paid).collect();
        tx.record(event(to).change(before.into(), after.into()).detail(with(json!({ "postings": postings }))));
        return;
    }
    let gone = with(json!({ "moved": "to another region", "postings": made.back, "recipient_renamed": false }));
    tx.record(event(row.region_id).change(before.into(), json!({ "region_id": null })).detail(gone));
    let come = with(json!({ "moved": "from another region", "postings": made.paid }));
    tx.record(event(to).change(json!({ "region_id": null }), after.into()).detail(come));
}

/// Whom the row names afterwards, and whether she is called otherwise now. A row that moves to another region takes its recipient along
/// as one of that region.
async fn recipient(tx: &mut WriteTx<'_>, row: &TransactionRow, draft: &Draft<'_>) -> Result<(Option<RecipientId>, bool), Failure> {
    let mut wanted = named(draft);
    if wanted.is_none()
        && let Some(old) = row.recipient_id
        && let Some(kept) = recipients::of_ids(tx, &[old]).await?.into_iter().next()
    {
        let key = recipients::match_key(&kept.name, &kept.email, &kept.employee_number).unwrap_or_default();
        let (name, email, employee_number) = (kept.name, kept.email, kept.employee_number);
        wanted = Some(recipients::Named { region: draft.region, key, name, email, employee_number });
    }
    let Some(wanted) = wanted else { return Ok((None, false)) };
    let id = recipients::find_or_insert(tx, std::slice::from_ref(&wanted)).await?.into_iter().next();
    let renamed = match id {
        Some(id) => recipients::rename(tx, id, &wanted).await?,
        None => false,
    };
    Ok((id, renamed))
}

/// The postings of one changed row.
#[derive(Default)]
struct Made {
    /// What the old budget got back.
    back: Vec<String>,
    /// What the new one paid.
    paid: Vec<String>,
}

/// Gives the old budget back what it was counted with and counts the new one, where budget or amount change. Both are facts.
async fn money(
    tx: &mut WriteTx<'_>,
    row: &TransactionRow,
    draft: &Draft<'_>,
    budget: Option<BudgetId>,
    import: ImportId,
) -> Result<Made, Failure> {
    let mut made = Made::default();
    if (row.budget_id, row.amount_issued) == (budget, draft.amount_issued) {
        return Ok(made);
    }
    let details = |reverses, effective: Day| Details {
        effective: Some(effective),
        transaction: Some(row.id),
        import: Some(import),
        reverses,
        ..Details::default()
    };
    let amount = row.amount_issued.checked_abs().ok_or(Refusal::Overflow)?;
    if let Some(old) = row.budget_id
        && amount > 0
        && let Some(posting) = transaction_detail::counted_by(tx, row, old).await?
    {
        let movement = Movement { amount, ..posting.movement()?.reversed() };
        let posted = ledger::post(tx, &movement, Nature::Fact, &details(Some(posting.id), row.effective_date)).await?;
        made.back.push(posted.to_string());
    }
    let amount = draft.amount_issued.checked_abs().ok_or(Refusal::Overflow)?;
    if let Some(new) = budget.filter(|_| amount > 0) {
        let new = ledger::get(tx, new).await?;
        let (kind, from, to) = if draft.amount_issued < 0 {
            (PostingKind::Refund, Account::Spent, Account::Available)
        } else {
            (PostingKind::Spend, Account::Available, Account::Spent)
        };
        let (source, destination) = (End::of(from, &new), End::of(to, &new));
        let movement = Movement { kind, counted: kind, source, destination, amount, currency: new.currency };
        let day = draft.effective_date.unwrap_or(row.effective_date);
        made.paid.push(ledger::post(tx, &movement, Nature::Fact, &details(None, day)).await?.to_string());
    }
    Ok(made)
}

/// Where the row's count and sum stand afterwards.
fn key_after(
    row: &TransactionRow,
    draft: &Draft<'_>,
    budget: Option<BudgetId>,
    sets: &[Set],
    zone: chrono_tz::Tz,
) -> Result<RollupKey, Failure> {
    let mut key = row.rollup_key(budget, zone)?;
    (key.region, key.currency) = (draft.region, draft.currency.code());
    for set in sets {
        match (set.column, &set.is) {
            ("issued_at", Arg::Int(Some(at))) => key.month = month_of(Instant(*at), zone),
            ("order_status", Arg::Text(Some(code))) => {
                key.order_status = OrderStatus::parse(code).map_or(key.order_status, OrderStatus::code);
            }
            ("delivery_status", Arg::Text(Some(code))) => {
                key.delivery_status = DeliveryStatus::parse(code).map_or(key.delivery_status, DeliveryStatus::code);
            }
            ("redemption_status", Arg::Text(Some(code))) => {
                key.redemption_status = RedemptionStatus::parse(code).map_or(key.redemption_status, RedemptionStatus::code);
            }
            _ => {}
        }
    }
    Ok(key)
}
