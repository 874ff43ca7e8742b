//! Changes of rows that were there before, while the file is written: each becomes a copy that nobody sees until the import is done, and what it
//! gives back to budgets and costs them goes into the postings of the import.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::Stop;
use super::diff::{self, Set, budget_after};
use super::people::named;
use super::plan::Plan;
use super::report::Tally;
use super::run::Run;
use super::sort::Changed;
use crate::domain::access::Permission;
use crate::domain::id::{BudgetId, RecipientId, RegionId, TransactionId};
use crate::domain::import::Draft;
use crate::domain::refusal::Refusal;
use crate::domain::time::{Day, Instant};
use crate::domain::transaction::{DeliveryStatus, OrderStatus, RedemptionStatus};
use crate::store::Store;
use crate::store::db::Arg;
use crate::store::failure::Failure;
use crate::store::import_changes::{self, Staged};
use crate::store::import_rows;
use crate::store::imports::{self, Change};
use crate::store::recipients::{self, Named, Recipient};
use crate::store::settings;
use crate::store::transaction_detail::{self, TransactionRow};
use crate::store::transactions::{self, RollupKey, month_of};
use crate::store::writer::{Intent, WriteTx};

/// Changed rows in one command.
const BATCH: usize = 250;

/// A budget, the month of the accounting date, whether money comes back: what one posting of an import stands for.
pub(super) type Share = (BudgetId, Day, bool);

/// What the trail will say of a changed row, kept until it is in its place.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Noted {
    /// Its line in the file.
    pub line: i64,
    /// The region it goes from.
    pub from: RegionId,
    /// The region it comes to; mostly the same.
    pub to: RegionId,
    /// The columns that change, as they were.
    pub before: Map<String, Value>,
    /// And as they are.
    pub after: Map<String, Value>,
    /// Whether its recipient is called otherwise now.
    pub renamed: bool,
    /// In which posting its old budget got it back.
    pub gave: Option<Share>,
    /// In which posting its new budget pays.
    pub paid: Option<Share>,
}

/// Money of one budget: on which accounting date, and minor units, below zero for what comes back.
type Moved = (BudgetId, Day, i64);

fn share((budget, day, amount): Moved) -> Share {
    (budget, day.month_start(), amount < 0)
}

/// Writes the copies of a chunk's changed rows.
pub(super) async fn stage(
    store: &Store,
    run: &mut Run,
    plan: &Arc<Plan>,
    changed: Vec<Changed>,
    bytes: u64,
    tally: &mut Tally,
) -> Result<(), Stop> {
    let mut changed = changed.into_iter().peekable();
    while changed.peek().is_some() {
        let part: Arc<Vec<Changed>> = Arc::new(changed.by_ref().take(BATCH).collect());
        let change = Change { report: Some(run.beat(store, bytes)), ..Change::default() };
        let (id, fence, no, plan) = (run.id(), run.fence, run.row.no, plan.clone());
        let moved: Vec<Moved> = store
            .write(Intent::once(run.actor(), "import.changes").bulk(), move |tx| {
                let (plan, part, change) = (plan.clone(), part.clone(), change.clone());
                Box::pin(async move {
                    imports::update(tx, id, fence, true, &change).await?;
                    batch(tx, &plan, &part, no).await
                })
            })
            .await?;
        for (budget, day, amount) in moved {
            tally.charge(budget, amount, day)?;
        }
    }
    Ok(())
}

async fn batch(tx: &mut WriteTx<'_>, plan: &Plan, part: &[Changed], no: i64) -> Result<Vec<Moved>, Failure> {
    let ids: Vec<TransactionId> = part.iter().map(|changed| changed.row.id).collect();
    // As they are now: somebody may have moved one to another budget since the chunk was read.
    let rows = import_rows::stored(tx, &plan.scope, &ids).await?;
    let rows: HashMap<TransactionId, TransactionRow> = rows.into_iter().map(|row| (row.id, row)).collect();
    let people = people(tx, part, no).await?;
    let mut given = Given { own: import_changes::with_postings(tx, &ids).await?, shared: HashMap::new() };
    let zone = settings::zone(tx).await?;
    let (mut staged, mut all_moved) = (Vec::with_capacity(part.len()), Vec::new());
    let mut sums: BTreeMap<RollupKey, (i64, i64)> = BTreeMap::new();
    for changed in part {
        let (Some(row), draft) = (rows.get(&changed.row.id), &changed.line.draft) else { continue };
        for region in [row.region_id, draft.region] {
            tx.require(Permission::ImportsRun, Permission::ImportsRun, region)?;
        }
        let mut sets = diff::between(row, draft, &plan.mapping);
        let person = people.get(&row.id);
        if names_recipient(changed) {
            sets.extend(diff::recipient(row.recipient_id, person.map(|person| person.0)));
        }
        let budget = budget_after(row, draft, &plan.mapping);
        let (gave, paid) = money(tx, row, draft, budget, &mut given).await?;
        all_moved.extend(gave.into_iter().chain(paid));
        let was = (row.rollup_key(row.budget_id, zone)?, -1, row.amount_issued.checked_neg());
        for (key, count, amount) in [was, (key_after(row, draft, budget, &sets, zone)?, 1, Some(draft.amount_issued))] {
            let sum = sums.entry(key).or_default();
            let amount = amount.and_then(|amount| sum.1.checked_add(amount)).ok_or(Refusal::Overflow)?;
            *sum = (sum.0 + count, amount);
        }
        let event = noted(changed, row.region_id, &sets, person.is_some_and(|person| person.1), gave.map(share), paid.map(share));
        let mut columns: Vec<(&'static str, Arg)> = sets.into_iter().map(|set| (set.column, set.is)).collect();
        if (row.budget_id, row.amount_issued) != (budget, draft.amount_issued) {
            columns.push(("counted_import_no", no.into()));
        }
        let (row_key, content_hash) = (changed.line.key.clone(), changed.line.hash);
        staged.push(Staged { row: row.clone(), row_key, content_hash, sets: columns, event });
    }
    sums.retain(|_, sum| *sum != (0, 0));
    import_changes::stage(tx, no, staged).await?;
    transactions::add_to_rollup(tx, no, &sums).await?;
    Ok(all_moved)
}

fn noted(changed: &Changed, from: RegionId, sets: &[Set], renamed: bool, gave: Option<Share>, paid: Option<Share>) -> String {
    let (mut before, mut after) = (Map::new(), Map::new());
    for set in sets {
        let (was, is) = set.audited();
        before.insert(set.column.to_owned(), was);
        after.insert(set.column.to_owned(), is);
    }
    let noted = Noted { line: changed.line.line, from, to: changed.line.draft.region, before, after, renamed, gave, paid };
    // Maps with text keys and plain values always serialise.
    serde_json::to_string(&noted).unwrap_or_default()
}

/// Whether the file says who receives it otherwise than it is kept. A row that moves to another region takes its recipient along as one of that
/// region.
fn names_recipient(changed: &Changed) -> bool {
    changed.recipient || changed.row.region_id != changed.line.draft.region
}

/// Whom the rows name afterwards, and whether she will be called otherwise.
async fn people(tx: &mut WriteTx<'_>, part: &[Changed], no: i64) -> Result<HashMap<TransactionId, (RecipientId, bool)>, Failure> {
    let asked = || part.iter().filter(|changed| names_recipient(changed));
    let mut old: Vec<RecipientId> = asked().filter_map(|changed| changed.row.recipient_id).collect();
    old.sort_unstable();
    old.dedup();
    let old: HashMap<RecipientId, Recipient> = recipients::of_ids(tx, &old).await?.into_iter().map(|one| (one.id, one)).collect();
    let wanted = asked().filter_map(|changed| {
        let kept = changed.row.recipient_id.and_then(|id| old.get(&id));
        if kept.is_some_and(|kept| kept.erased_at.is_some()) {
            return None;
        }
        let along = || kept.and_then(|kept| along(kept, changed.line.draft.region));
        named(&changed.line.draft).or_else(along).map(|named| (changed.row.id, named))
    });
    let wanted: Vec<(TransactionId, Named)> = wanted.collect();
    let mut once: BTreeMap<(RegionId, [u8; 16]), Named> = BTreeMap::new();
    for (_, named) in &wanted {
        // The last row that names somebody decides what she is called.
        once.insert((named.region, named.key), named.clone());
    }
    let list: Vec<Named> = once.values().cloned().collect();
    let ids = recipients::find_or_insert(tx, &list).await?;
    let known = recipients::of_ids(tx, &ids).await?;
    let known: HashMap<RecipientId, Recipient> = known.into_iter().map(|one| (one.id, one)).collect();
    let renamed: Vec<Recipient> = ids.iter().zip(&list).filter_map(|(id, named)| recipients::renamed(known.get(id)?, named)).collect();
    let places: HashMap<(RegionId, [u8; 16]), (RecipientId, bool)> =
        once.into_keys().zip(&ids).map(|(key, id)| (key, (*id, renamed.iter().any(|one| one.id == *id)))).collect();
    import_changes::rename_later(tx, no, renamed).await?;
    Ok(wanted.into_iter().filter_map(|(id, named)| Some((id, *places.get(&(named.region, named.key))?))).collect())
}

/// Somebody as one of another region.
fn along(kept: &Recipient, region: RegionId) -> Option<Named> {
    let key = recipients::match_key(&kept.name, &kept.email, &kept.employee_number)?;
    let (name, email, employee_number) = (kept.name.clone(), kept.email.clone(), kept.employee_number.clone());
    Some(Named { region, key, name, email, employee_number })
}

/// Which rows stand in a figure of their budget. Most stand in the postings of an import, and one answer is good for all of that import's.
struct Given {
    /// Those with postings of their own.
    own: HashSet<TransactionId>,
    /// Import, budget, whether money came back: whether there is such a posting.
    shared: HashMap<(i64, BudgetId, bool), bool>,
}

impl Given {
    async fn has(&mut self, tx: &mut WriteTx<'_>, row: &TransactionRow, budget: BudgetId) -> Result<bool, Failure> {
        let key = (row.counted_import_no.unwrap_or(row.import_no), budget, row.amount_issued < 0);
        let known = self.shared.get(&key).filter(|_| !self.own.contains(&row.id));
        if let Some(known) = known {
            return Ok(*known);
        }
        let found = transaction_detail::counted_by(tx, row, budget).await?.is_some();
        if !self.own.contains(&row.id) {
            self.shared.insert(key, found);
        }
        Ok(found)
    }
}

/// What the old budget gets back, where it was counted with it, and what the new one pays. Both are facts.
async fn money(
    tx: &mut WriteTx<'_>,
    row: &TransactionRow,
    draft: &Draft<'_>,
    budget: Option<BudgetId>,
    given: &mut Given,
) -> Result<(Option<Moved>, Option<Moved>), Failure> {
    if (row.budget_id, row.amount_issued) == (budget, draft.amount_issued) {
        return Ok((None, None));
    }
    let mut gave = None;
    if let Some(old) = row.budget_id.filter(|_| row.amount_issued != 0)
        && given.has(tx, row, old).await?
    {
        gave = Some((old, row.effective_date, row.amount_issued.checked_neg().ok_or(Refusal::Overflow)?));
    }
    let day = draft.effective_date.unwrap_or(row.effective_date);
    Ok((gave, budget.filter(|_| draft.amount_issued != 0).map(|new| (new, day, draft.amount_issued))))
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
