//! What is read of the ledger: statements, open reservations, what followed from a posting, and sums by day.

use super::db::{Reader, Sql};
use super::failure::{DbError, Failure};
use super::sql::whole;
use crate::domain::access::Scope;
use crate::domain::budget::{Account, End, Movement, PostingKind};
use crate::domain::currency::Currency;
use crate::domain::id::{BudgetId, ImportId, PostingId, RegionId, TransactionId, UserId};
use crate::domain::refusal::Refusal;
use crate::domain::time::{Day, Instant};

/// A posting as it is kept.
#[derive(Clone, Debug, sqlx::FromRow)]
#[expect(missing_docs, reason = "the columns are those of migrations/0003_budgets.sql and the fields of Movement and Details")]
pub struct PostingRow {
    pub no: i64,
    pub id: PostingId,
    pub at: Instant,
    pub effective_date: Day,
    pub kind: String,
    pub counted: String,
    pub currency: String,
    pub amount: i64,
    pub source_account: String,
    pub source_budget_id: Option<BudgetId>,
    pub source_region_id: Option<RegionId>,
    pub source_available_after: Option<i64>,
    pub destination_account: String,
    pub destination_budget_id: Option<BudgetId>,
    pub destination_region_id: Option<RegionId>,
    pub destination_available_after: Option<i64>,
    pub transaction_id: Option<TransactionId>,
    pub import_id: Option<ImportId>,
    pub reverses_id: Option<PostingId>,
    pub settles_id: Option<PostingId>,
    pub pair_id: Option<PostingId>,
    pub reason_code: Option<String>,
    pub note: String,
    pub fx_rate: Option<String>,
    pub fx_date: Option<Day>,
    pub fx_source: Option<String>,
    pub actor_kind: String,
    pub actor_id: Option<UserId>,
}

/// The columns of [`PostingRow`].
pub const POSTING_COLUMNS: &str = "no, id, at, effective_date, kind, counted, currency, amount, source_account, source_budget_id, source_region_id, \
                                   source_available_after, destination_account, destination_budget_id, destination_region_id, \
                                   destination_available_after, transaction_id, import_id, reverses_id, settles_id, pair_id, reason_code, note, \
                                   fx_rate, fx_date, fx_source, actor_kind, actor_id";

impl PostingRow {
    /// What people quote: `ADJ-7K2M9QXA`.
    pub fn reference(&self) -> String {
        let prefix = PostingKind::parse(&self.kind).map_or("PST", PostingKind::prefix);
        format!("{prefix}-{}", self.id.short())
    }

    /// The movement it recorded.
    pub fn movement(&self) -> Result<Movement, DbError> {
        let broken = |what: &str| DbError::Broken(format!("posting {} has an unknown {what}", self.id));
        let end = |account: &str, budget: Option<BudgetId>, region: Option<RegionId>| {
            Account::parse(account).map(|account| End { account, budget: budget.zip(region) }).ok_or_else(|| broken("account"))
        };
        Ok(Movement {
            kind: PostingKind::parse(&self.kind).ok_or_else(|| broken("kind"))?,
            counted: PostingKind::parse(&self.counted).ok_or_else(|| broken("kind"))?,
            source: end(&self.source_account, self.source_budget_id, self.source_region_id)?,
            destination: end(&self.destination_account, self.destination_budget_id, self.destination_region_id)?,
            amount: self.amount,
            currency: Currency::parse(&self.currency).ok_or_else(|| broken("currency"))?,
        })
    }

    /// Whether a region in scope takes part in it.
    pub fn touches(&self, scope: &Scope) -> bool {
        [self.source_region_id, self.destination_region_id].into_iter().flatten().any(|region| scope.covers(region))
    }
}

/// One posting of which at least one end lies in scope. An end outside is not to be shown by name.
pub async fn find(reader: &mut impl Reader, scope: &Scope, id: PostingId) -> Result<Option<PostingRow>, DbError> {
    let mut sql = Sql::default();
    sql.push("SELECT ").push(POSTING_COLUMNS).push(" FROM posting WHERE (source_region_id IN (").push_list(scope.regions());
    sql.push(") OR destination_region_id IN (").push_list(scope.regions()).push(")) AND id = ").push_bind(id);
    reader.one(sql).await
}

/// Which postings of a budget: every field narrows.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// Of one of these kinds.
    pub kinds: Vec<PostingKind>,
    /// With an accounting date from this day.
    pub from: Option<Day>,
    /// With an accounting date up to this day.
    pub to: Option<Day>,
}

/// Which part of a statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum From {
    /// The newest.
    Start,
    /// Older than the posting of this number.
    Older(i64),
    /// Newer than the posting of this number.
    Newer(i64),
}

/// One end of the postings of a budget: those it is the source of, or those it is only the destination of. Each reads along its own index.
fn end(sql: &mut Sql, source: bool, budget: BudgetId, wanted: &Wanted, from: From, most: i64) {
    sql.push("SELECT ").push(POSTING_COLUMNS).push(" FROM (SELECT ").push(POSTING_COLUMNS).push(" FROM posting WHERE ");
    if source {
        sql.push("source_budget_id = ").push_bind(budget);
    } else {
        sql.push("destination_budget_id = ").push_bind(budget);
        sql.push(" AND (source_budget_id IS NULL OR source_budget_id <> ").push_bind(budget).push(")");
    }
    if !wanted.kinds.is_empty() {
        sql.push(" AND kind IN (").push_list(wanted.kinds.iter().map(|kind| kind.code())).push(")");
    }
    if let Some(day) = wanted.from {
        sql.push(" AND effective_date >= ").push_bind(day);
    }
    if let Some(day) = wanted.to {
        sql.push(" AND effective_date <= ").push_bind(day);
    }
    let order = match from {
        From::Start => " ORDER BY no DESC",
        From::Older(no) => {
            sql.push(" AND no < ").push_bind(no);
            " ORDER BY no DESC"
        }
        From::Newer(no) => {
            sql.push(" AND no > ").push_bind(no);
            " ORDER BY no"
        }
    };
    sql.push(order).push(" LIMIT ").push_number(most).push(if source { ") AS outgoing" } else { ") AS incoming" });
}

/// Up to `most` postings of a budget, newest first. The caller has found the budget in scope.
pub async fn statement(
    reader: &mut impl Reader,
    budget: BudgetId,
    wanted: &Wanted,
    from: From,
    most: i64,
) -> Result<Vec<PostingRow>, DbError> {
    let mut sql = Sql::default();
    end(&mut sql, true, budget, wanted, from, most);
    sql.push(" UNION ALL ");
    end(&mut sql, false, budget, wanted, from, most);
    let newer = matches!(from, From::Newer(_));
    sql.push(if newer { " ORDER BY no LIMIT " } else { " ORDER BY no DESC LIMIT " }).push_number(most);
    let mut rows: Vec<PostingRow> = reader.all(sql).await?;
    if newer {
        rows.reverse();
    }
    Ok(rows)
}

/// The number of a budget's newest posting; 0 where it has none.
pub async fn newest(reader: &mut impl Reader, budget: BudgetId) -> Result<i64, DbError> {
    Ok(statement(reader, budget, &Wanted::default(), From::Start, 1).await?.first().map_or(0, |row| row.no))
}

/// What entered and left the available account of a budget, summed by accounting date. A balance fits in 64 bits; all that came in on
/// one day need not.
pub async fn by_day(reader: &mut impl Reader, budget: BudgetId) -> Result<Vec<(Day, i128)>, DbError> {
    let mut sql = Sql::new("SELECT effective_date, ");
    sql.push_sum("amount").push(
        " FROM (\
           SELECT effective_date, amount FROM posting WHERE destination_budget_id = $1 AND destination_account = 'available' \
           UNION ALL \
           SELECT effective_date, -amount AS amount FROM posting WHERE source_budget_id = $1 AND source_account = 'available') AS moves \
         GROUP BY effective_date ORDER BY effective_date",
    );
    let rows: Vec<(Day, i64, i64)> = reader.all(sql.bind(budget)).await?;
    Ok(rows.into_iter().map(|(day, upper, lower)| (day, whole(upper, lower))).collect())
}

/// The reservations of a budget that are neither committed nor voided, oldest first; at most 200.
pub async fn open_reservations(reader: &mut impl Reader, budget: BudgetId) -> Result<Vec<PostingRow>, DbError> {
    let mut sql = Sql::default();
    sql.push("SELECT ").push(POSTING_COLUMNS).push(" FROM posting p WHERE p.kind = 'reserve' AND p.destination_budget_id = ");
    sql.push_bind(budget).push(" AND NOT EXISTS (SELECT 1 FROM posting s WHERE s.settles_id = p.id) ORDER BY p.no LIMIT 200");
    reader.all(sql).await
}

/// One posting, whoever asks: for a rule that checks the permission in its regions next.
pub async fn get(reader: &mut impl Reader, id: PostingId) -> Result<PostingRow, Failure> {
    let mut sql = Sql::default();
    sql.push("SELECT ").push(POSTING_COLUMNS).push(" FROM posting WHERE id = ").push_bind(id);
    Ok(reader.one(sql).await?.ok_or(Refusal::NotFound)?)
}

/// What followed from a posting: its reversals, what settled it and the other leg, oldest first; at most 20.
pub async fn followers(reader: &mut impl Reader, id: PostingId) -> Result<Vec<PostingRow>, DbError> {
    let mut sql = Sql::default();
    sql.push("SELECT ").push(POSTING_COLUMNS).push(" FROM posting WHERE reverses_id = ").push_bind(id);
    sql.push(" UNION SELECT ").push(POSTING_COLUMNS).push(" FROM posting WHERE settles_id = ").push_bind(id);
    sql.push(" ORDER BY no LIMIT 20");
    reader.all(sql).await
}

/// Some of these postings, those with an end in scope.
pub async fn among(reader: &mut impl Reader, scope: &Scope, ids: &[PostingId]) -> Result<Vec<PostingRow>, DbError> {
    let mut sql = Sql::default();
    sql.push("SELECT ").push(POSTING_COLUMNS).push(" FROM posting WHERE (source_region_id IN (").push_list(scope.regions());
    sql.push(") OR destination_region_id IN (").push_list(scope.regions()).push(")) AND id IN (").push_list(ids.iter().copied());
    sql.push(") ORDER BY no");
    reader.all(sql).await
}

/// First and last accounting date of what people asked for in a budget: its period has to keep them. Facts may lie outside.
pub async fn asked_between(reader: &mut impl Reader, budget: BudgetId) -> Result<Option<(Day, Day)>, DbError> {
    let sql = Sql::new(
        "SELECT min(effective_date), max(effective_date) FROM posting \
         WHERE (source_budget_id = $1 OR destination_budget_id = $1) AND kind IN ('allocation', 'adjustment', 'transfer', 'reserve')",
    );
    let row: Option<(Option<Day>, Option<Day>)> = reader.one(sql.bind(budget)).await?;
    Ok(row.and_then(|(first, last)| first.zip(last)))
}

/// What was answered when a form with this key was sent before; `None` where it was not.
pub async fn earlier_answer(reader: &mut impl Reader, person: UserId, command: &'static str, key: &str) -> Result<Option<String>, DbError> {
    let sql = Sql::new("SELECT answer FROM idempotency WHERE principal = $1 AND command = $2 AND key = $3");
    let row: Option<(String,)> = reader.one(sql.bind(person.to_string()).bind(command).bind(key.to_owned())).await?;
    Ok(row.map(|row| row.0))
}
