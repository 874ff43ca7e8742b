//! Reward transactions in the store: how they come in, and when they are seen.
//!
//! An import writes its rows in many small commands, and they are seen at once when it is done: each row carries its import's number, and
//! [`hidden_imports`] names the imports that are not done. Every query on `reward_transaction` goes through [`seen`], and every one on `rollup`
//! through [`counted`].

use std::collections::BTreeMap;

use uuid::Uuid;

use super::db::{Arg, Engine, Reader, Sql};
use super::failure::DbError;
use super::writer::WriteTx;
use crate::domain::id::{BudgetId, RecipientId, RegionId, SourceId, TransactionId};
use crate::domain::import::draft::{Draft, Text};
use crate::domain::time::{Day, Instant};
use crate::domain::transaction::{ApprovalStatus, ReconStatus};

/// One row to be inserted.
pub struct NewTransaction<'a> {
    /// Its id.
    pub id: TransactionId,
    /// Who received it.
    pub recipient: Option<RecipientId>,
    /// Where it comes from.
    pub source: SourceId,
    /// What makes it the same row when it comes again: unique within the source.
    pub row_key: Vec<u8>,
    /// What tells whether it has changed when it comes again.
    pub content_hash: Vec<u8>,
    /// The import's number; 0 for none.
    pub import_no: i64,
    /// Everything else.
    pub draft: &'a Draft<'a>,
    /// How it stands where it is not new; of all the rows that are inserted at once, or of none.
    pub standing: Option<Standing>,
}

/// How a transaction stands that somebody has looked at already: no file says so.
#[derive(Clone, Copy, Debug)]
pub struct Standing {
    /// Against the general ledger.
    pub recon: ReconStatus,
    /// With whoever approves it.
    pub approval: ApprovalStatus,
}

/// The last [`STANDING`] have a default.
const COLUMNS: &[&str] = &[
    "id",
    "region_id",
    "budget_id",
    "recipient_id",
    "source_id",
    "row_key",
    "content_hash",
    "import_no",
    "external_id",
    "order_id",
    "batch_id",
    "line_number",
    "po_number",
    "campaign",
    "channel",
    "cost_center",
    "product",
    "amount_issued",
    "amount_charged",
    "fee",
    "discount",
    "remaining_balance",
    "currency_code",
    "fx_rate",
    "fx_date",
    "base_amount",
    "gl_account",
    "order_status",
    "delivery_status",
    "redemption_status",
    "created_at",
    "issued_at",
    "delivered_at",
    "redeemed_at",
    "expires_at",
    "canceled_at",
    "updated_at",
    "effective_date",
    "reason_code",
    "note",
    "recon_status",
    "approval_status",
];
/// The columns of a [`Standing`].
const STANDING: usize = 2;

fn text(value: &Text<'_>) -> Arg {
    Arg::from(value.as_ref().map(ToString::to_string))
}

/// Inserts rows. Times that a row does not carry are those of the write; its accounting date is the day it was issued, UTC.
pub async fn insert(tx: &mut WriteTx<'_>, rows: &[NewTransaction<'_>]) -> Result<(), DbError> {
    let now = tx.now;
    let values = rows.iter().map(|row| {
        let draft = row.draft;
        let created = draft.created_at.or(draft.issued_at).unwrap_or(now);
        let issued = draft.issued_at.unwrap_or(created);
        vec![
            row.id.into(),
            draft.region.into(),
            draft.budget.into(),
            row.recipient.into(),
            row.source.into(),
            row.row_key.clone().into(),
            row.content_hash.clone().into(),
            row.import_no.into(),
            text(&draft.external_id),
            text(&draft.order_id),
            text(&draft.batch_id),
            Arg::Int(draft.line_number),
            text(&draft.po_number),
            text(&draft.campaign),
            draft.channel.code().into(),
            text(&draft.cost_center),
            text(&draft.product),
            draft.amount_issued.into(),
            draft.amount_charged.into(),
            draft.fee.into(),
            draft.discount.into(),
            draft.remaining_balance.into(),
            draft.currency.code().into(),
            draft.fx_rate.map(|rate| rate.to_string()).into(),
            draft.fx_date.into(),
            draft.base_amount.into(),
            text(&draft.gl_account),
            draft.order_status.code().into(),
            draft.delivery_status.code().into(),
            draft.redemption_status.code().into(),
            created.into(),
            issued.into(),
            draft.delivered_at.into(),
            draft.redeemed_at.into(),
            draft.expires_at.into(),
            draft.canceled_at.into(),
            now.into(),
            effective_date(draft, now).into(),
            text(&draft.reason_code),
            text(&draft.note),
        ]
    });
    if rows.iter().all(|row| row.standing.is_none()) {
        return tx.insert_many("reward_transaction", COLUMNS.split_at(COLUMNS.len() - STANDING).0, Box::new(values)).await;
    }
    let stand = rows.iter().map(|row| row.standing.map(|standing| [standing.recon.code().into(), standing.approval.code().into()]));
    let values = values.zip(stand).map(|(mut values, stand)| {
        values.extend(stand.unwrap_or([ReconStatus::Expected.code().into(), ApprovalStatus::NotRequired.code().into()]));
        values
    });
    tx.insert_many("reward_transaction", COLUMNS, Box::new(values)).await
}

/// The accounting date of a row: its own, else the UTC day it was issued on.
pub fn effective_date(draft: &Draft<'_>, now: Instant) -> Day {
    let issued = draft.issued_at.or(draft.created_at).unwrap_or(now);
    draft.effective_date.unwrap_or(Day(issued.0.div_euclid(86_400_000_000)))
}

/// The month that a transaction is counted in: that of the organisation's zone (`settings::zone`), in which lists begin their days as well, so
/// that a month's figure is the sum of the list it leads to. It is computed when the row is written; the zone stays once there are rows.
pub fn month_of(issued: Instant, zone: chrono_tz::Tz) -> Day {
    issued.day(zone).month_start()
}

/// Whether there is any transaction at all, seen or not.
pub async fn any(reader: &mut impl Reader) -> Result<bool, DbError> {
    Ok(reader.one::<(i64,)>(Sql::new("SELECT no FROM reward_transaction LIMIT 1")).await?.is_some())
}

/// What a rollup row counts together.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RollupKey {
    /// The region.
    pub region: RegionId,
    /// The budget; `None` for what is assigned to none.
    pub budget: Option<BudgetId>,
    /// The first day of the month of `issued_at`, see [`month_of`].
    pub month: Day,
    /// The code of the currency.
    pub currency: &'static str,
    /// The code of the order's status.
    pub order_status: &'static str,
    /// The code of the delivery's status.
    pub delivery_status: &'static str,
    /// The code of the redemption's status.
    pub redemption_status: &'static str,
}

impl RollupKey {
    /// The key of a row, in the organisation's zone.
    pub fn of(draft: &Draft<'_>, now: Instant, zone: chrono_tz::Tz) -> Self {
        let issued = draft.issued_at.or(draft.created_at).unwrap_or(now);
        Self {
            region: draft.region,
            budget: draft.budget,
            month: month_of(issued, zone),
            currency: draft.currency.code(),
            order_status: draft.order_status.code(),
            delivery_status: draft.delivery_status.code(),
            redemption_status: draft.redemption_status.code(),
        }
    }
}

/// Adds counts and sums (transactions, minor units) to the rollup, in the same transaction as the rows they come from.
pub async fn add_to_rollup(tx: &mut WriteTx<'_>, import_no: i64, sums: &BTreeMap<RollupKey, (i64, i64)>) -> Result<(), DbError> {
    const MOST_ROWS: usize = 400;
    let all: Vec<_> = sums.iter().collect();
    for part in all.chunks(MOST_ROWS) {
        let mut sql = Sql::new(
            "INSERT INTO rollup (region_id, budget_key, month, currency_code, order_status, delivery_status, redemption_status, import_no, \
             transactions, amount) VALUES ",
        );
        for (i, (key, (count, amount))) in part.iter().enumerate() {
            sql.push(if i == 0 { "(" } else { ", (" });
            let budget = key.budget.map_or(Uuid::nil(), |budget| budget.0);
            sql.push_list::<Arg>([
                key.region.into(),
                budget.into(),
                key.month.into(),
                key.currency.into(),
                key.order_status.into(),
                key.delivery_status.into(),
                key.redemption_status.into(),
                import_no.into(),
                (*count).into(),
                (*amount).into(),
            ]);
            sql.push(")");
        }
        sql.push(
            " ON CONFLICT (region_id, month, budget_key, currency_code, order_status, delivery_status, redemption_status, import_no) \
             DO UPDATE SET transactions = rollup.transactions + excluded.transactions, amount = rollup.amount + excluded.amount",
        );
        tx.exec(sql).await?;
    }
    Ok(())
}

/// Which rows are not to be seen at this moment: usually none are hidden.
#[derive(Clone, Debug, Default)]
pub struct Hidden {
    /// The numbers of imports that are not done: nothing of theirs is seen.
    pub imports: Vec<i64>,
    /// Those of imports that are done while their copies of changed rows are still to be written over the rows (`import_changes`): the copies
    /// are seen, the rows are not.
    pub replacing: Vec<i64>,
}

/// Counts the imports that were hidden and are done by now; `None` where none was hidden. Rows of such an import may be written over already, so what
/// is read with the old list would be neither before it nor after it.
pub fn since_done(hidden: &Hidden, engine: Engine) -> Option<Sql> {
    if hidden.imports.is_empty() {
        return None;
    }
    let (from, to) = match engine {
        Engine::Sqlite => ("SELECT CAST(count(*) AS BIGINT) FROM import_run WHERE state = 'done' AND no IN (", ")"),
        // Whoever reads does not see other people's imports.
        Engine::Postgres => ("SELECT wall_imports_done(ARRAY[", "]::bigint[])"),
    };
    let mut sql = Sql::new(from);
    sql.push_list(hidden.imports.iter().copied()).push(to);
    Some(sql)
}

/// What is to be hidden now.
pub async fn hidden_imports(reader: &mut impl Reader) -> Result<Hidden, DbError> {
    let sql = match reader.engine() {
        Engine::Sqlite => Sql::new(
            "SELECT i.no, i.state FROM import_run i WHERE i.finished_at IS NULL \
             AND (i.state <> 'done' OR EXISTS (SELECT 1 FROM import_change c WHERE c.import_no = i.no))",
        ),
        // The same over the wall.
        Engine::Postgres => Sql::new("SELECT CAST(w ->> 0 AS BIGINT), w ->> 1 FROM jsonb_array_elements(wall_imports_hidden()) AS w"),
    };
    let rows: Vec<(i64, String)> = reader.all(sql).await?;
    let mut hidden = Hidden::default();
    for (no, state) in rows {
        if state == "done" { &mut hidden.replacing } else { &mut hidden.imports }.push(no);
    }
    Ok(hidden)
}

/// The region of `t` in a condition beside something exact. As a value, by which no index is looked up: where a scope is one region, SQLite takes all of
/// that region's index for as narrow as an id (of a million rows 180 ms instead of one).
pub const REGION_BESIDE: &str = "coalesce(t.region_id, t.region_id)";

/// Appends the condition that keeps rows of unfinished imports out, and rows of which a newer copy is seen; nothing where there is neither.
/// `table` is the alias of `reward_transaction` in the query.
pub fn seen(sql: &mut Sql, table: &str, hidden: &Hidden) {
    counted(sql, table, hidden);
    if !hidden.replacing.is_empty() {
        sql.push(" AND NOT EXISTS (SELECT 1 FROM import_change c WHERE c.old_no = ").push(table).push(".no AND c.import_no IN (");
        sql.push_list(hidden.replacing.iter().copied()).push("))");
    }
}

/// The same for `rollup`: ` AND u.import_no NOT IN (…)`, or nothing. What an import changes stands in its own counts and sums.
pub fn counted(sql: &mut Sql, table: &str, hidden: &Hidden) {
    if !hidden.imports.is_empty() {
        sql.push(" AND ").push(table).push(".import_no NOT IN (").push_list(hidden.imports.iter().copied()).push(")");
    }
}
