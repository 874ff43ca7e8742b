//! One transaction: all that is known of it, what moved because of it, and its change of budget.

use std::collections::BTreeMap;

use super::db::{Engine, Reader, Sql};
use super::failure::{DbError, Failure};
use super::postings::{POSTING_COLUMNS, PostingRow};
use super::settings;
use super::transactions::{self, REGION_BESIDE, RollupKey, hidden_imports, month_of, seen};
use super::writer::WriteTx;
use crate::domain::access::Scope;
use crate::domain::currency::Currency;
use crate::domain::id::{BudgetId, ImportId, RecipientId, RegionId, SourceId, TransactionId};
use crate::domain::refusal::Refusal;
use crate::domain::time::{Day, Instant};
use crate::domain::transaction::{DeliveryStatus, OrderStatus, RedemptionStatus};

/// A transaction as it is kept.
#[derive(Clone, Debug, sqlx::FromRow)]
#[expect(missing_docs, reason = "the columns of the table, as product.md names them")]
pub struct TransactionRow {
    pub no: i64,
    pub id: TransactionId,
    pub region_id: RegionId,
    pub budget_id: Option<BudgetId>,
    pub recipient_id: Option<RecipientId>,
    pub source_id: SourceId,
    pub import_no: i64,
    pub counted_import_no: Option<i64>,
    pub external_id: Option<String>,
    pub order_id: Option<String>,
    pub batch_id: Option<String>,
    pub line_number: Option<i64>,
    pub po_number: Option<String>,
    pub campaign: Option<String>,
    pub channel: String,
    pub cost_center: Option<String>,
    pub product: Option<String>,
    pub amount_issued: i64,
    pub amount_charged: Option<i64>,
    pub fee: Option<i64>,
    pub discount: Option<i64>,
    pub remaining_balance: Option<i64>,
    pub currency_code: String,
    pub fx_rate: Option<String>,
    pub fx_date: Option<Day>,
    pub base_amount: Option<i64>,
    pub gl_account: Option<String>,
    pub order_status: String,
    pub delivery_status: String,
    pub redemption_status: String,
    pub recon_status: String,
    pub approval_status: String,
    pub created_at: Instant,
    pub issued_at: Instant,
    pub delivered_at: Option<Instant>,
    pub redeemed_at: Option<Instant>,
    pub expires_at: Option<Instant>,
    pub canceled_at: Option<Instant>,
    pub updated_at: Instant,
    pub effective_date: Day,
    pub reason_code: Option<String>,
    pub note: Option<String>,
    pub version: i64,
}

pub(super) const COLUMNS: &str = "t.no, t.id, t.region_id, t.budget_id, t.recipient_id, t.source_id, t.import_no, t.counted_import_no, t.external_id, \
                       t.order_id, t.batch_id, t.line_number, t.po_number, t.campaign, t.channel, t.cost_center, t.product, t.amount_issued, \
                       t.amount_charged, t.fee, t.discount, t.remaining_balance, t.currency_code, t.fx_rate, t.fx_date, t.base_amount, \
                       t.gl_account, t.order_status, t.delivery_status, t.redemption_status, t.recon_status, t.approval_status, t.created_at, \
                       t.issued_at, t.delivered_at, t.redeemed_at, t.expires_at, t.canceled_at, t.updated_at, t.effective_date, \
                       t.reason_code, t.note, t.version";

impl TransactionRow {
    /// Its currency.
    pub fn currency(&self) -> Result<Currency, DbError> {
        Currency::parse(&self.currency_code).ok_or_else(|| DbError::Broken(format!("transaction {} has an unknown currency", self.id)))
    }

    /// What people call it: the vendor's id, or a short one of ours.
    pub fn title(&self) -> String {
        self.external_id.clone().unwrap_or_else(|| self.id.short())
    }

    /// Where its count and sum stand, under this budget, in the organisation's zone.
    pub fn rollup_key(&self, budget: Option<BudgetId>, zone: chrono_tz::Tz) -> Result<RollupKey, DbError> {
        let broken = |what: &str| DbError::Broken(format!("transaction {} has an unknown {what}", self.id));
        Ok(RollupKey {
            region: self.region_id,
            budget,
            month: month_of(self.issued_at, zone),
            currency: self.currency()?.code(),
            order_status: OrderStatus::parse(&self.order_status).ok_or_else(|| broken("order status"))?.code(),
            delivery_status: DeliveryStatus::parse(&self.delivery_status).ok_or_else(|| broken("delivery status"))?.code(),
            redemption_status: RedemptionStatus::parse(&self.redemption_status).ok_or_else(|| broken("redemption status"))?.code(),
        })
    }
}

/// One transaction in scope, of an import that is done.
pub async fn find(reader: &mut impl Reader, scope: &Scope, id: TransactionId) -> Result<Option<TransactionRow>, DbError> {
    let hidden = hidden_imports(reader).await?;
    let mut sql = Sql::default();
    sql.push("SELECT ")
        .push(COLUMNS)
        .push(" FROM reward_transaction t WHERE ")
        .push(REGION_BESIDE)
        .push(" IN (")
        .push_list(scope.regions());
    sql.push(") AND t.id = ").push_bind(id);
    seen(&mut sql, "t", &hidden);
    reader.one(sql).await
}

/// One transaction, for a write that checks the permission in its region next.
pub async fn get(tx: &mut WriteTx<'_>, id: TransactionId) -> Result<TransactionRow, Failure> {
    let hidden = hidden_imports(tx).await?;
    let mut sql = Sql::default();
    sql.push("SELECT ").push(COLUMNS).push(" FROM reward_transaction t WHERE t.id = ").push_bind(id);
    seen(&mut sql, "t", &hidden);
    Ok(tx.one(sql).await?.ok_or(Refusal::NotFound)?)
}

/// The import that brought a row: its id and when it was done.
pub async fn import_of(reader: &mut impl Reader, import_no: i64) -> Result<Option<(ImportId, Option<Instant>)>, DbError> {
    let sql = match reader.engine() {
        Engine::Sqlite => "SELECT id, finished_at FROM import_run WHERE no = $1",
        // Also where she sees a part of it.
        Engine::Postgres => "SELECT id, finished_at FROM wall_imports(NULL, ARRAY[$1]::bigint[])",
    };
    reader.one(Sql::new(sql).bind(import_no)).await
}

/// The name of a source.
pub async fn source_name(reader: &mut impl Reader, id: SourceId) -> Result<String, DbError> {
    let row: Option<(String,)> = reader.one(Sql::new("SELECT name FROM source WHERE id = $1").bind(id)).await?;
    Ok(row.map_or_else(String::new, |row| row.0))
}

/// The sources, by name.
pub async fn sources(reader: &mut impl Reader) -> Result<Vec<(SourceId, String)>, DbError> {
    reader.all(Sql::new("SELECT id, name FROM source ORDER BY lower(name)")).await
}

/// The budgets in scope by region and name: (id, region, name, currency, status).
pub async fn budgets(reader: &mut impl Reader, scope: &Scope) -> Result<Vec<(BudgetId, RegionId, String, String, String)>, DbError> {
    let mut sql = Sql::new("SELECT id, region_id, name, currency, status FROM budget WHERE region_id IN (");
    sql.push_list(scope.regions()).push(") ORDER BY lower(name), period_start");
    reader.all(sql).await
}

/// What moved because of a transaction alone, oldest first, of which an end lies in scope.
pub async fn postings(reader: &mut impl Reader, scope: &Scope, id: TransactionId) -> Result<Vec<PostingRow>, DbError> {
    let mut sql = Sql::default();
    sql.push("SELECT ").push(POSTING_COLUMNS).push(" FROM posting WHERE transaction_id = ").push_bind(id);
    sql.push(" AND (source_region_id IN (").push_list(scope.regions());
    sql.push(") OR destination_region_id IN (").push_list(scope.regions()).push(")) ORDER BY no");
    reader.all(sql).await
}

/// The posting by which a transaction stands in a budget's figures: its own where it has been moved before, else the one of the import that wrote
/// its money last, of the same kind and nearest before or on its accounting date. `None` where it never was counted.
pub async fn counted_by(reader: &mut impl Reader, row: &TransactionRow, budget: BudgetId) -> Result<Option<PostingRow>, DbError> {
    let (kind, end) = if row.amount_issued < 0 { ("refund", "destination_budget_id") } else { ("spend", "source_budget_id") };
    let mut own = Sql::default();
    own.push("SELECT ").push(POSTING_COLUMNS).push(" FROM posting p WHERE p.transaction_id = ").push_bind(row.id);
    own.push(" AND p.kind = ").push_bind(kind).push(" AND p.").push(end).push(" = ").push_bind(budget);
    own.push(" AND NOT EXISTS (SELECT 1 FROM posting back WHERE back.reverses_id = p.id AND back.transaction_id = p.transaction_id)");
    own.push(" ORDER BY p.no DESC LIMIT 1");
    // What it had of its own before a later file changed it was given back then.
    if row.counted_import_no.is_none()
        && let Some(posting) = reader.one(own).await?
    {
        return Ok(Some(posting));
    }
    let Some((import, _)) = import_of(reader, row.counted_import_no.unwrap_or(row.import_no)).await? else { return Ok(None) };
    let mut shared = Sql::default();
    shared.push("SELECT ").push(POSTING_COLUMNS).push(" FROM posting p WHERE p.import_id = ").push_bind(import);
    shared.push(" AND p.transaction_id IS NULL AND p.kind = ").push_bind(kind).push(" AND p.").push(end).push(" = ").push_bind(budget);
    // Given back once for this transaction already, it does not hold it any more.
    shared.push(" AND NOT EXISTS (SELECT 1 FROM posting back WHERE back.reverses_id = p.id AND (back.transaction_id IS NULL");
    shared.push(" OR back.transaction_id = ").push_bind(row.id).push("))");
    shared
        .push(" ORDER BY CASE WHEN p.effective_date >= ")
        .push_bind(row.effective_date)
        .push(" THEN 0 ELSE 1 END, p.effective_date, p.no LIMIT 1");
    reader.one(shared).await
}

/// Puts a transaction under a budget, and its count and sum with it.
pub async fn set_budget(tx: &mut WriteTx<'_>, row: &TransactionRow, budget: BudgetId) -> Result<(), Failure> {
    let now = tx.now;
    let sql = Sql::new(
        "UPDATE reward_transaction SET budget_id = $3, updated_at = $4, version = version + 1, counted_import_no = NULL \
         WHERE id = $1 AND version = $2",
    );
    tx.exec_one(sql.bind(row.id).bind(row.version).bind(budget).bind(now)).await?;
    let (amount, zone) = (row.amount_issued, settings::zone(tx).await?);
    let sums = BTreeMap::from([
        (row.rollup_key(row.budget_id, zone)?, (-1, amount.checked_neg().ok_or(Refusal::Overflow)?)),
        (row.rollup_key(Some(budget), zone)?, (1, amount)),
    ]);
    Ok(transactions::add_to_rollup(tx, row.import_no, &sums).await?)
}
