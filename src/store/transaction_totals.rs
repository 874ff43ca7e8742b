//! How many transactions there are, and what they come to: per currency, never added up between currencies.
//!
//! Where a question is made of regions, budgets, statuses and currency alone, the rollup answers exactly, and the hours between a month of
//! the organisation's zone and one of UTC are read from the rows. Any other question is counted up to [`COUNT_MOST`] rows, and to the end only
//! where somebody asks for it.

use uuid::Uuid;

use super::db::{Reader, Sql};
use super::failure::DbError;
use super::transaction_query::{Asked, Piece};
use super::transactions::seen;
use crate::domain::list_query::{DateField, Filter, Period, Value};
use crate::domain::time::Day;

/// Rows that are counted without being asked.
pub const COUNT_MOST: i64 = 10_000;
/// One day.
const DAY: i64 = 86_400_000_000;
/// The most that an end may lie away from a month's end in UTC: more than any zone does.
const EDGE_MOST: i64 = 2 * DAY;

/// Count and sum of one currency.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Sum {
    /// The code of the currency.
    pub currency: String,
    /// How many transactions.
    pub count: i64,
    /// Their issued amounts, in minor units.
    pub amount: i64,
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
        return from_rollup(reader, asked, months).await;
    }
    let conditions = asked.conditions();
    let mut sql = asked.begin(&conditions, reader.engine());
    sql.push("SELECT currency_code AS currency, CAST(count(*) AS BIGINT) AS count, CAST(sum(amount_issued) AS BIGINT) AS amount FROM (");
    sql.push("SELECT t.currency_code, t.amount_issued");
    asked.from(&mut sql, false);
    asked.anywhere(&mut sql, &conditions);
    if !exact {
        sql.push(" LIMIT ").push_number(COUNT_MOST + 1);
    }
    sql.push(") found GROUP BY currency_code ORDER BY currency_code");
    let sums: Vec<Sum> = reader.all(sql).await?;
    let totals = Totals { sums, capped: false };
    let capped = !exact && totals.count() > COUNT_MOST;
    Ok(Totals { capped, ..totals })
}

/// Whole months, as the moments they begin and end at in UTC, and the ends asked for.
#[derive(Clone, Copy, Debug)]
struct Months {
    from: Option<(i64, i64)>,
    until: Option<(i64, i64)>,
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
    // The nearest month's beginning in UTC to each end; the hours between are read from the rows.
    let near = |at: i64| {
        let month = Day((at + EDGE_MOST).div_euclid(DAY)).month_start();
        let begins = month.0 * DAY;
        ((at - begins).abs() <= EDGE_MOST).then_some((at, begins))
    };
    let (from, until) = query.period.moments(&asked.calendar);
    let months = Months {
        from: match from {
            Some(at) => Some(near(at.0)?),
            None => None,
        },
        until: match until {
            Some(at) => Some(near(at.0)?),
            None => None,
        },
    };
    Some(months)
}

async fn from_rollup(reader: &mut impl Reader, asked: &Asked<'_>, months: Months) -> Result<Totals, DbError> {
    let mut sums: Vec<Sum> = reader.all(rolled_up(asked, months)).await?;
    // An end before its month's beginning adds rows at the front and takes them away at the back; after it the other way round.
    let edges = [(months.from, 1), (months.until, -1)];
    for ((at, begins), sign) in edges.into_iter().filter_map(|(edge, sign)| edge.map(|edge| (edge, sign))) {
        let (low, high, sign) = if at < begins { (at, begins, sign) } else { (begins, at, -sign) };
        if low == high {
            continue;
        }
        for part in reader.all::<Sum>(between(asked, low, high)).await? {
            match sums.iter_mut().find(|sum| sum.currency == part.currency) {
                Some(sum) => {
                    sum.count += sign * part.count;
                    sum.amount = sum.amount.saturating_add(sign.saturating_mul(part.amount));
                }
                None => sums.push(Sum { count: sign * part.count, amount: sign.saturating_mul(part.amount), ..part }),
            }
        }
    }
    sums.retain(|sum| sum.count != 0);
    sums.sort_by(|a, b| a.currency.cmp(&b.currency));
    Ok(Totals { sums, capped: false })
}

fn rolled_up(asked: &Asked<'_>, months: Months) -> Sql {
    let mut sql = Sql::new(
        "SELECT t.currency_code AS currency, CAST(sum(t.transactions) AS BIGINT) AS count, CAST(sum(t.amount) AS BIGINT) AS amount \
         FROM rollup t WHERE t.region_id IN (",
    );
    sql.push_list(asked.regions.iter().copied()).push(")");
    for (comparison, edge) in [(" AND t.month >= ", months.from), (" AND t.month < ", months.until)] {
        if let Some((_, begins)) = edge {
            sql.push(comparison).push_bind(begins / DAY);
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
    seen(&mut sql, "t", &asked.hidden);
    sql.push(" GROUP BY t.currency_code ORDER BY t.currency_code");
    sql
}

/// The rows issued from one moment to before another, whatever the period of the question says.
fn between(asked: &Asked<'_>, low: i64, high: i64) -> Sql {
    let query = crate::domain::list_query::ListQuery { period: Period::Any, ..asked.query.clone() };
    let conditions: Piece = Asked { query: &query, ..asked.clone() }.conditions();
    let mut sql = conditions.begin();
    sql.push("SELECT t.currency_code AS currency, CAST(count(*) AS BIGINT) AS count, CAST(sum(t.amount_issued) AS BIGINT) AS amount");
    asked.from(&mut sql, false);
    asked.anywhere(&mut sql, &conditions);
    sql.push(" AND t.issued_at >= ").push_bind(low).push(" AND t.issued_at < ").push_bind(high);
    sql.push(" GROUP BY t.currency_code");
    sql
}
