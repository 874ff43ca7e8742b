//! From a question about transactions to SQL, once for both engines. The region stands in every WHERE clause that is made here.
//!
//! A list is read along an index: region by region, each part in order and cut off after one page, the parts put together at the end. Filters
//! that few rows match (an order, a recipient, a word searched for) go the other way: their rows are found by their own index and then sorted.

use std::collections::BTreeSet;

use uuid::Uuid;

use super::db::{Arg, Engine, Sql};
use super::transaction_search::{Held, Term};
use super::transactions::{Hidden, seen};
use crate::domain::access::Scope;
use crate::domain::currency::Currency;
use crate::domain::id::RegionId;
use crate::domain::list_query::{AmountField, Calendar, DateField, Filter, ListQuery, SortBy, Value};
use crate::domain::transaction::DeliveryStatus;

/// Where whoever asks may see the names of recipients. Elsewhere they are hidden, and no search finds anybody by them: a search that did would
/// tell who received something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Naming {
    /// In every region that is asked about.
    Everywhere,
    /// In these of them; it may be none.
    In(Vec<RegionId>),
}

/// What stands in place of a name, an address or a number that is hidden.
pub const HIDDEN: &str = "hidden";

impl Naming {
    /// Of these regions, those where names are to be seen.
    pub fn of(names: &Scope, regions: &[RegionId]) -> Self {
        let seen: Vec<RegionId> = regions.iter().copied().filter(|region| names.covers(*region)).collect();
        if seen.len() == regions.len() { Self::Everywhere } else { Self::In(seen) }
    }

    /// Appends a column of the recipient `r` of the transaction `t`: [`HIDDEN`] where it is not to be seen.
    pub fn push_column(&self, sql: &mut Sql, column: &'static str) {
        let Self::In(seen) = self else {
            sql.push(column);
            return;
        };
        sql.push("CASE WHEN t.recipient_id IS NULL THEN NULL WHEN t.region_id IN (").push_list(seen.iter().copied()).push(") THEN ");
        sql.push(column).push(" ELSE '").push(HIDDEN).push("' END");
    }
}

/// Everything that decides which rows a question finds.
#[derive(Clone, Debug)]
pub struct Asked<'a> {
    /// The question.
    pub query: &'a ListQuery,
    /// The regions it may be asked about, narrowed by its own region filter.
    pub regions: Vec<RegionId>,
    /// Where recipients are named.
    pub naming: Naming,
    /// Today, for periods that move with the calendar.
    pub calendar: Calendar,
    /// What is not to be seen yet, or no more.
    pub hidden: Hidden,
    /// Digits of the organisation's own currency.
    pub base_digits: u32,
    /// What is searched for.
    pub terms: Vec<Term>,
    /// What the search index holds for it; `None` where that is not to be used.
    pub held: Option<Held>,
}

/// A piece of a statement with numbered values, which may stand in it several times.
#[derive(Clone, Debug, Default)]
pub struct Piece {
    sql: Sql,
}

impl Piece {
    /// The text, whose `$n` count from 1.
    pub fn text(&self) -> &str {
        self.sql.text()
    }

    /// A statement that begins with these values and no text: the piece may be pushed any number of times.
    pub fn begin(&self) -> Sql {
        self.sql.args().iter().cloned().fold(Sql::default(), |sql, arg: Arg| sql.bind(arg))
    }
}

/// The regions of a scope that a question asks about: a filter narrows, it never widens.
pub fn regions_of(scope: &Scope, query: &ListQuery) -> Vec<RegionId> {
    let wanted: Vec<RegionId> = query.ids(Filter::Region).into_iter().map(RegionId).collect();
    if query.filters.contains_key(&Filter::Region) { scope.narrowed(&wanted).regions().collect() } else { scope.regions().collect() }
}

/// The column of `t` that a filter is about; regions, imports and budgets have rules of their own.
fn column(filter: Filter) -> &'static str {
    match filter {
        Filter::Region => "t.region_id",
        Filter::Budget => "t.budget_id",
        Filter::Source => "t.source_id",
        Filter::Channel => "t.channel",
        Filter::Currency => "t.currency_code",
        Filter::OrderStatus => "t.order_status",
        Filter::DeliveryStatus => "t.delivery_status",
        Filter::RedemptionStatus => "t.redemption_status",
        Filter::ReconStatus => "t.recon_status",
        Filter::ApprovalStatus => "t.approval_status",
        Filter::Product => "t.product",
        Filter::Campaign => "t.campaign",
        Filter::CostCenter => "t.cost_center",
        Filter::GlAccount => "t.gl_account",
        Filter::ReasonCode => "t.reason_code",
        Filter::PoNumber => "t.po_number",
        Filter::Order => "t.order_id",
        Filter::Batch => "t.batch_id",
        Filter::ExternalId => "t.external_id",
        // As text, which is what was typed; the number itself has no index either.
        Filter::LineNumber => "CAST(t.line_number AS TEXT)",
        Filter::FxRate => "t.fx_rate",
        Filter::Import => "t.import_no",
        Filter::Recipient => "t.recipient_id",
    }
}

/// Filters with an index of their own and few rows for each value.
const NARROW: [Filter; 4] = [Filter::ExternalId, Filter::Order, Filter::Batch, Filter::Recipient];

impl Asked<'_> {
    /// Whether the rows are found by an index of their own and then sorted.
    pub fn is_narrow(&self) -> bool {
        self.narrow_filter().is_some() || self.held.is_some()
    }

    fn narrow_filter(&self) -> Option<Filter> {
        NARROW.into_iter().find(|filter| self.query.filters.contains_key(filter))
    }

    /// Whether the recipient's row is needed to decide.
    pub fn reads_recipients(&self) -> bool {
        !self.terms.is_empty()
    }

    /// Every condition but the region's, each with ` AND ` before it.
    pub fn conditions(&self, engine: Engine) -> Piece {
        let mut sql = Sql::default();
        for (filter, values) in &self.query.filters {
            match filter {
                Filter::Region => {}
                Filter::Import => imports(&mut sql, engine, values),
                // Spelled out, so that the index of the few that failed can be used.
                Filter::DeliveryStatus if values.iter().eq([&Value::Word(DeliveryStatus::Failed.code())]) => {
                    sql.push(" AND t.delivery_status = 'failed'");
                }
                _ => one_of(&mut sql, column(*filter), values),
            }
        }
        self.dates(&mut sql);
        self.amounts(&mut sql);
        seen(&mut sql, "t", &self.hidden);
        for term in &self.terms {
            term.like(&mut sql, &self.naming);
        }
        for term in Term::all(&self.query.note) {
            term.like_in("t.note", &mut sql);
        }
        Piece { sql }
    }

    fn dates(&self, sql: &mut Sql) {
        let field = match self.query.date_field() {
            DateField::Issued => "t.issued_at",
            DateField::Created => "t.created_at",
            DateField::Delivered => "t.delivered_at",
            DateField::Redeemed => "t.redeemed_at",
            DateField::Expires => "t.expires_at",
            DateField::Canceled => "t.canceled_at",
            DateField::Updated => "t.updated_at",
            field @ (DateField::Effective | DateField::FxDate) => {
                let (from, to) = self.query.period.days(&self.calendar);
                let column = if field == DateField::FxDate { "t.fx_date" } else { "t.effective_date" };
                bound(sql, column, " >= ", from.map(|day| day.0));
                bound(sql, column, " <= ", to.map(|day| day.0));
                return;
            }
        };
        let (from, until) = self.query.period.moments(&self.calendar);
        bound(sql, field, " >= ", from.map(|at| at.0));
        bound(sql, field, " < ", until.map(|at| at.0));
    }

    /// The bounds are numbers, so each currency has its own minor units of them, by its number of digits.
    fn amounts(&self, sql: &mut Sql) {
        if !self.query.bounds_amounts() {
            return;
        }
        let column = match self.query.amount_field() {
            AmountField::Issued => "t.amount_issued",
            AmountField::Charged => "t.amount_charged",
            AmountField::Fee => "t.fee",
            AmountField::Discount => "t.discount",
            AmountField::Remaining => "t.remaining_balance",
            AmountField::Base => "t.base_amount",
        };
        let within = |sql: &mut Sql, digits: u32| {
            let (least, most) = self.query.minor_bounds(digits);
            bound(sql, column, " >= ", least);
            bound(sql, column, " <= ", most);
        };
        if self.query.amount_field() == AmountField::Base {
            return within(sql, self.base_digits);
        }
        if let Some(currency) = self.query.only_currency() {
            return within(sql, currency.digits());
        }
        let digits: BTreeSet<u32> = Currency::all().map(Currency::digits).collect();
        let unusual = |digits: u32| Currency::all().filter(move |currency| currency.digits() == digits);
        sql.push(" AND (");
        for (i, digits) in digits.into_iter().enumerate() {
            sql.push(if i == 0 { "(" } else { " OR (" });
            if digits == 2 {
                sql.push("t.currency_code NOT IN (");
                sql.push_list(Currency::all().filter(|currency| currency.digits() != 2).map(Currency::code));
            } else {
                sql.push("t.currency_code IN (").push_list(unusual(digits).map(Currency::code));
            }
            sql.push(")");
            within(sql, digits);
            sql.push(")");
        }
        sql.push(")");
    }

    /// A statement that begins with `WITH hit (no) AS …` where the rows are found by their own index, and with nothing elsewhere.
    pub fn begin(&self, conditions: &Piece, engine: Engine) -> Sql {
        let mut sql = conditions.begin();
        if let Some(filter) = self.narrow_filter() {
            sql.push("WITH hit (no) AS MATERIALIZED (SELECT t.no FROM reward_transaction t WHERE ").push(column(filter)).push(" IN (");
            push_values(&mut sql, self.query.values(filter));
            sql.push(")) ");
        } else if let Some(held) = &self.held {
            sql.push("WITH hit (no) AS MATERIALIZED (");
            Term::hits(&self.terms, &mut sql, engine, held, &self.naming);
            sql.push(") ");
        }
        sql
    }

    /// ` FROM …`, with the recipient's row where it is needed by the conditions or by the columns.
    pub fn from(&self, sql: &mut Sql, with_recipient: bool) {
        sql.push(if self.is_narrow() { " FROM hit JOIN reward_transaction t ON t.no = hit.no" } else { " FROM reward_transaction t" });
        if with_recipient || self.reads_recipients() {
            sql.push(" LEFT JOIN recipient r ON r.id = t.recipient_id");
        }
    }

    /// ` WHERE t.region_id IN (…)` and the conditions: for counting and summing, where no order has to be kept.
    pub fn anywhere(&self, sql: &mut Sql, conditions: &Piece) {
        sql.push(" WHERE t.region_id IN (").push_list(self.regions.iter().copied()).push(")").push(conditions.text());
    }

    /// The column of the order.
    pub fn order_column(&self) -> &'static str {
        match self.query.sort.by {
            SortBy::Issued => "issued_at",
            SortBy::Amount => "amount_issued",
        }
    }

    /// The parts a list is put together from: each a region, or a budget where budgets are asked for. Within a part an index keeps the order.
    pub fn parts(&self) -> Vec<Part> {
        if let (Some(values), SortBy::Issued) = (self.query.filters.get(&Filter::Budget), self.query.sort.by)
            && !values.contains(&Value::Nothing)
        {
            return self.query.ids(Filter::Budget).into_iter().map(Part::Budget).collect();
        }
        self.regions.iter().map(|region| Part::Region(*region)).collect()
    }

    /// ` WHERE …` of one part, with the conditions.
    pub fn within(&self, sql: &mut Sql, part: &Part, conditions: &Piece) {
        match part {
            Part::Region(region) => {
                sql.push(" WHERE t.region_id = ").push_bind(*region);
            }
            Part::Budget(budget) => {
                sql.push(" WHERE t.budget_id = ").push_bind(*budget);
                sql.push(" AND t.region_id IN (").push_list(self.regions.iter().copied()).push(")");
            }
        }
        sql.push(conditions.text());
    }
}

/// One part of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// A region in scope.
    Region(RegionId),
    /// A budget; the regions in scope are asked for beside it.
    Budget(Uuid),
}

fn bound(sql: &mut Sql, column: &str, comparison: &str, value: Option<i64>) {
    if let Some(value) = value {
        sql.push(" AND ").push(column).push(comparison).push_bind(value);
    }
}

fn arg(value: &Value) -> Option<Arg> {
    match value {
        Value::Nothing => None,
        Value::Id(id) => Some((*id).into()),
        Value::Word(word) => Some((*word).into()),
        Value::Text(text) => Some(text.clone().into()),
    }
}

fn push_values<'v>(sql: &mut Sql, values: impl Iterator<Item = &'v Value>) {
    sql.push_list(values.filter_map(arg));
}

fn one_of<'v>(sql: &mut Sql, column: &str, values: impl IntoIterator<Item = &'v Value> + Copy) {
    let nothing = values.into_iter().any(|value| *value == Value::Nothing);
    let some = values.into_iter().any(|value| *value != Value::Nothing);
    sql.push(" AND (");
    if nothing {
        sql.push(column).push(" IS NULL");
    }
    if some || !nothing {
        sql.push(if nothing { " OR " } else { "" }).push(column).push(" IN (");
        push_values(sql, values.into_iter());
        sql.push(")");
    }
    sql.push(")");
}

fn imports<'v>(sql: &mut Sql, engine: Engine, values: impl IntoIterator<Item = &'v Value>) {
    let (from, to) = match engine {
        Engine::Sqlite => ("import_run i WHERE i.id IN (", "))"),
        // Also those that she sees in part.
        Engine::Postgres => ("wall_imports(ARRAY[", "]::uuid[], NULL) i)"),
    };
    sql.push(" AND t.import_no IN (SELECT i.no FROM ").push(from);
    push_values(sql, values.into_iter());
    sql.push(to);
}
