//! How many transactions there are, and what they come to: per currency, never added up between currencies.
//!
//! Where a question is made of regions, budgets, statuses, currency and whole months of issue alone, the rollup answers exactly: its months are
//! those of the organisation's zone, as the days of a list are. Any other question is counted up to [`COUNT_MOST`] rows, and to the end only where
//! somebody asks for it.

use uuid::Uuid;

use super::db::{Reader, Sql};
use super::failure::DbError;
use super::sql::whole;
use super::transaction_query::Asked;
use super::transactions::counted;
use crate::domain::list_query::{DateField, Filter, Period, Value};
use crate::domain::time::Day;

/// Rows that are counted without being asked.
pub const COUNT_MOST: i64 = 10_000;

/// Count and sum of one currency.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sum {
    /// The code of the currency.
    pub currency: String,
    /// How many transactions.
    pub count: i64,
    /// Their issued amounts, in minor units; 64 bits need not hold them.
    pub amount: i128,
}

/// What a question comes to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Per currency, by code.
    pub sums: Vec<Sum>,
    /// Whether there are more rows than were counted: the sums then say nothing.
    pub capped: bool,
}

impl Totals {
    /// The transactions in all; exact unless capped.
    pub fn count(&self) -> i64 {
        self.sums.iter().map(|sum| sum.count).sum()
    }
}

/// What was asked comes to this. With `exact` every row is counted, however long it takes.
pub async fn totals(reader: &mut impl Reader, asked: &Asked<'_>, exact: bool) -> Result<Totals, DbError> {
    if asked.regions.is_empty() {
        return Ok(Totals::default());
    }
    if let Some(months) = rollup_months(asked) {
        let mut sums = read(reader, rolled_up(asked, months)).await?;
        // A key whose rows have all gone elsewhere stays, with nothing in it.
        sums.retain(|sum| sum.count != 0);
        return Ok(Totals { sums, capped: false });
    }
    let conditions = asked.conditions(reader.engine());
    let mut sql = asked.begin(&conditions, reader.engine());
    sql.push("SELECT currency_code, CAST(count(*) AS BIGINT), ").push_sum("amount_issued").push(" FROM (");
    sql.push("SELECT t.currency_code, t.amount_issued");
    asked.from(&mut sql, false);
    asked.anywhere(&mut sql, &conditions);
    if !exact {
        sql.push(" LIMIT ").push_number(COUNT_MOST + 1);
    }
    sql.push(") found GROUP BY currency_code ORDER BY currency_code");
    let totals = Totals { sums: read(reader, sql).await?, capped: false };
    let capped = !exact && totals.count() > COUNT_MOST;
    Ok(Totals { capped, ..totals })
}

async fn read(reader: &mut impl Reader, sql: Sql) -> Result<Vec<Sum>, DbError> {
    let rows: Vec<(String, i64, i64, i64)> = reader.all(sql).await?;
    Ok(rows.into_iter().map(|(currency, count, upper, lower)| Sum { currency, count, amount: whole(upper, lower) }).collect())
}

/// Whole months: the first day of the first, and the first day after the last.
#[derive(Clone, Copy, Debug)]
struct Months {
    from: Option<Day>,
    until: Option<Day>,
}

/// The months that the rollup can answer for; `None` where it cannot.
fn rollup_months(asked: &Asked<'_>) -> Option<Months> {
    use Filter::{Budget, Currency, DeliveryStatus, OrderStatus, RedemptionStatus, Region};
    let query = asked.query;
    let kept = [Region, Budget, Currency, OrderStatus, DeliveryStatus, RedemptionStatus];
    let plain = query.q.is_empty() && query.note.is_empty() && !query.bounds_amounts();
    if !plain || !query.filters.keys().all(|filter| kept.contains(filter)) {
        return None;
    }
    if query.period == Period::Any {
        return Some(Months { from: None, until: None });
    }
    if query.date_field() != DateField::Issued {
        return None;
    }
    let (first, last) = query.period.days(&asked.calendar);
    let months = Months { from: first, until: last.map(|day| Day(day.0 + 1)) };
    let whole = |day: Option<Day>| day.is_none_or(|day| day == day.month_start());
    (whole(months.from) && whole(months.until)).then_some(months)
}

fn rolled_up(asked: &Asked<'_>, months: Months) -> Sql {
    let mut sql = Sql::new("SELECT t.currency_code, CAST(sum(t.transactions) AS BIGINT), ");
    sql.push_sum("t.amount").push(" FROM rollup t WHERE t.region_id IN (");
    sql.push_list(asked.regions.iter().copied()).push(")");
    for (comparison, edge) in [(" AND t.month >= ", months.from), (" AND t.month < ", months.until)] {
        if let Some(day) = edge {
            sql.push(comparison).push_bind(day);
        }
    }
    for (filter, values) in &asked.query.filters {
        let column = match filter {
            Filter::Budget => {
                let ids: Vec<Uuid> = values.iter().map(|value| value.id().unwrap_or(Uuid::nil())).collect();
                sql.push(" AND t.budget_key IN (").push_list(ids).push(")");
                continue;
            }
            Filter::Currency => "t.currency_code",
            Filter::OrderStatus => "t.order_status",
            Filter::DeliveryStatus => "t.delivery_status",
            Filter::RedemptionStatus => "t.redemption_status",
            _ => continue,
        };
        let words = values.iter().filter_map(Value::word);
        sql.push(" AND ").push(column).push(" IN (").push_list(words).push(")");
    }
    counted(&mut sql, "t", &asked.hidden);
    sql.push(" GROUP BY t.currency_code ORDER BY t.currency_code");
    sql
}
