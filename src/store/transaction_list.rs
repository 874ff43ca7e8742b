//! One page of transactions: in order, from any depth at the same cost.
//!
//! A page begins after (or ends before) a row that is named by its id: the cursor is looked up in scope, so that an id from elsewhere tells
//! nothing and leads to the first page.

use super::cells::{self, Cell, Cells};
use super::db::{Engine, Reader, Sql};
use super::failure::DbError;
use super::regions;
use super::transaction_query::{Asked, Naming, Part, Piece, regions_of};
use super::transaction_search::{self, Term};
use super::transactions::{Hidden, REGION_BESIDE, hidden_imports};
use crate::domain::access::Scope;
use crate::domain::currency::Currency;
use crate::domain::id::TransactionId;
use crate::domain::list_query::{AmountField, Calendar, Column, Kind, ListQuery};

/// Rows on one page.
pub const PAGE: usize = 50;
/// The most parts in one statement: SQLite takes 500 in a compound SELECT, and planning takes time.
const PARTS_MOST: usize = 100;
/// The columns before those asked for: order, number, id, currency.
const FIRST: usize = 4;

/// Where a page lies in the list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Place {
    /// At the beginning.
    #[default]
    First,
    /// After this row.
    After(TransactionId),
    /// Before this row.
    Before(TransactionId),
}

/// One row of a page.
#[derive(Clone, Debug)]
pub struct Line {
    /// Its id.
    pub id: TransactionId,
    /// The code of its currency.
    pub currency: String,
    /// The columns asked for, in their order.
    pub cells: Vec<Cell>,
}

/// One page.
#[derive(Clone, Debug, Default)]
pub struct Page {
    /// The rows.
    pub lines: Vec<Line>,
    /// The cursor of the page before: its rows end before this one.
    pub previous: Option<TransactionId>,
    /// The cursor of the page after.
    pub next: Option<TransactionId>,
}

/// Makes a question ready to be asked: narrows the regions, decides how a search is best done. In the regions of `names` recipients are named.
pub async fn ask<'q>(
    reader: &mut impl Reader,
    scope: &Scope,
    names: &Scope,
    query: &'q ListQuery,
    calendar: Calendar,
    hidden: Hidden,
) -> Result<Asked<'q>, DbError> {
    let terms = Term::all(&query.q);
    let held = transaction_search::held(reader, &terms).await?;
    let mut base_digits = 2;
    if query.amount_field() == AmountField::Base {
        let root = regions::root(reader).await?;
        base_digits = root.and_then(|root| root.currency()).map_or(2, Currency::digits);
    }
    let regions = regions_of(scope, query);
    let naming = Naming::of(names, &regions);
    Ok(Asked { query, regions, naming, calendar, hidden, base_digits, terms, held })
}

/// One page of what was asked.
pub async fn page(reader: &mut impl Reader, asked: &Asked<'_>, place: Place) -> Result<Page, DbError> {
    let (cursor, place) = match place {
        Place::First => (None, Place::First),
        Place::After(id) | Place::Before(id) => match cursor(reader, asked, id).await? {
            Some(cursor) => (Some(cursor), place),
            None => (None, Place::First),
        },
    };
    let backwards = matches!(place, Place::Before(_));
    let walk = Walk { asked, cursor, descending: asked.query.sort.descending != backwards };
    let conditions = asked.conditions(reader.engine());
    let (mut rows, ids) = (Vec::new(), walk.ids());
    if asked.is_narrow() {
        rows.extend(cells::rows(reader, walk.narrow(&conditions, reader.engine()), &ids).await?);
    } else {
        for parts in asked.parts().chunks(PARTS_MOST) {
            rows.extend(cells::rows(reader, walk.along(&conditions, parts, reader.engine()), &ids).await?);
        }
    }
    Ok(walk.page(rows, place))
}

/// A row's place in the order, where the row lies in the regions asked about.
async fn cursor(reader: &mut impl Reader, asked: &Asked<'_>, id: TransactionId) -> Result<Option<(i64, i64)>, DbError> {
    let mut sql = Sql::new("SELECT t.");
    sql.push(asked.order_column()).push(", t.no FROM reward_transaction t WHERE t.id = ").push_bind(id);
    sql.push(" AND ").push(REGION_BESIDE).push(" IN (").push_list(asked.regions.iter().copied()).push(")");
    super::transactions::seen(&mut sql, "t", &asked.hidden);
    reader.one(sql).await
}

/// Appends the columns asked for, each after a comma.
pub(super) fn push_columns(sql: &mut Sql, columns: &[Column], naming: &Naming) {
    for column in columns {
        let recipients = match column {
            Column::RecipientName => "r.name",
            Column::RecipientEmail => "r.email",
            Column::EmployeeNumber => "r.employee_number",
            _ => "",
        };
        if !recipients.is_empty() {
            naming.push_column(sql.push(", "), recipients);
            continue;
        }
        match column {
            Column::Region => sql.push(", t.region_id"),
            Column::Budget => sql.push(", t.budget_id"),
            Column::Source => sql.push(", t.source_id"),
            other => sql.push(", t.").push(other.code()),
        };
    }
}

/// One way through the list.
struct Walk<'w> {
    asked: &'w Asked<'w>,
    cursor: Option<(i64, i64)>,
    descending: bool,
}

impl Walk<'_> {
    fn direction(&self) -> &'static str {
        if self.descending { " DESC" } else { "" }
    }

    /// ` AND (t.issued_at, t.no) < (…)`: after the cursor in the direction of the walk.
    fn past_cursor(&self, sql: &mut Sql) {
        if let Some((key, no)) = self.cursor {
            sql.push(" AND (t.").push(self.asked.order_column()).push(", t.no) ").push(if self.descending { "<" } else { ">" });
            sql.push(" (").push_bind(key).push(", ").push_bind(no).push(")");
        }
    }

    fn in_order(&self, sql: &mut Sql, table: &str, key: &str) {
        sql.push(" ORDER BY ").push(table).push(key).push(self.direction()).push(", ").push(table).push("no").push(self.direction());
    }

    fn head(&self, sql: &mut Sql, key: &str) {
        sql.push("SELECT ").push(key).push(", t.no, t.id, t.currency_code");
        push_columns(sql, self.asked.query.columns(), &self.asked.naming);
    }

    /// Which columns hold ids, of those that [`Walk::head`] asks for.
    fn ids(&self) -> Vec<bool> {
        let holds = |column: &Column| matches!(column.kind(), Kind::Id(_) | Kind::RegionName | Kind::BudgetName | Kind::SourceName);
        [false, false, true, false].into_iter().chain(self.asked.query.columns().iter().map(holds)).collect()
    }

    fn shows_recipients(&self) -> bool {
        self.asked.query.columns().iter().any(|column| column.is_recipients())
    }

    /// Few rows, sorted.
    fn narrow(&self, conditions: &Piece, engine: Engine) -> Sql {
        let mut sql = self.asked.begin(conditions, engine);
        let key = self.asked.order_column();
        self.head(&mut sql, &["t.", key].concat());
        self.asked.from(&mut sql, self.shows_recipients());
        self.asked.anywhere(&mut sql, conditions);
        self.past_cursor(&mut sql);
        self.in_order(&mut sql, "t.", key);
        sql.push(" LIMIT ").push_number(PAGE as i64 + 1);
        sql
    }

    /// The parts, each along an index that keeps the order, merged to one page; only then the columns.
    fn along(&self, conditions: &Piece, parts: &[Part], engine: Engine) -> Sql {
        let mut sql = self.asked.begin(conditions, engine);
        let key = self.asked.order_column();
        // Both engines merge ordered parts and read no more of each than the page takes: PostgreSQL where every part says its order, SQLite where
        // only the whole does.
        let each_ordered = engine == Engine::Postgres;
        self.head(&mut sql, "page.k");
        sql.push(if each_ordered { " FROM (SELECT k, no FROM (" } else { " FROM (" });
        for (i, part) in parts.iter().enumerate() {
            sql.push(if i == 0 { "" } else { " UNION ALL " }).push(if each_ordered { "(" } else { "" });
            sql.push("SELECT t.").push(key).push(" AS k, t.no AS no");
            self.asked.from(&mut sql, false);
            self.asked.within(&mut sql, part, conditions);
            self.past_cursor(&mut sql);
            if each_ordered {
                self.in_order(&mut sql, "t.", key);
                sql.push(" LIMIT ").push_number(PAGE as i64 + 1).push(")");
            }
        }
        sql.push(if each_ordered { ") part" } else { "" });
        self.in_order(&mut sql, "", "k");
        sql.push(" LIMIT ").push_number(PAGE as i64 + 1);
        sql.push(") page JOIN reward_transaction t ON t.no = page.no");
        if self.shows_recipients() {
            sql.push(" LEFT JOIN recipient r ON r.id = t.recipient_id");
        }
        // In no order: `page` puts them in order, and here the whole rows would be sorted.
        sql
    }

    fn page(&self, rows: Vec<Cells>, place: Place) -> Page {
        let mut keyed: Vec<((i64, i64), Line)> = rows.into_iter().filter_map(line).collect();
        keyed.sort_by(|(a, _), (b, _)| if self.descending { b.cmp(a) } else { a.cmp(b) });
        let more = keyed.len() > PAGE;
        keyed.truncate(PAGE);
        let mut lines: Vec<Line> = keyed.into_iter().map(|(_, line)| line).collect();
        if matches!(place, Place::Before(_)) {
            lines.reverse();
        }
        let (first, last) = (lines.first().map(|line| line.id), lines.last().map(|line| line.id));
        let (previous, next) = match place {
            Place::First => (None, last.filter(|_| more)),
            Place::After(_) => (first, last.filter(|_| more)),
            Place::Before(_) => (first.filter(|_| more), last),
        };
        Page { lines, previous, next }
    }
}

fn line(row: Cells) -> Option<((i64, i64), Line)> {
    let mut cells = row.0;
    let key = (cells.first()?.int()?, cells.get(1)?.int()?);
    let id = TransactionId(cells.get(2)?.id()?);
    let currency = cells.get(3)?.text()?.to_owned();
    cells.drain(..FIRST);
    Some((key, Line { id, currency, cells }))
}

/// Transactions whose own, order, batch or external id is exactly this: for a pasted id. At most `most`.
pub async fn by_reference(reader: &mut impl Reader, scope: &Scope, text: &str, most: i64) -> Result<Vec<(TransactionId, String)>, DbError> {
    let hidden = hidden_imports(reader).await?;
    let mut sql = Sql::default();
    for (i, (column, kind)) in [("external_id", "external"), ("order_id", "order"), ("batch_id", "batch")].into_iter().enumerate() {
        sql.push(if i == 0 { "SELECT id, kind FROM (SELECT t.id, '" } else { " UNION ALL SELECT id, kind FROM (SELECT t.id, '" });
        sql.push(kind).push("' AS kind FROM reward_transaction t WHERE t.").push(column).push(" = ").push_bind(text.to_owned());
        sql.push(" AND ").push(REGION_BESIDE).push(" IN (").push_list(scope.regions()).push(")");
        super::transactions::seen(&mut sql, "t", &hidden);
        sql.push(" LIMIT ").push_number(most).push(") found");
    }
    reader.all(sql).await
}
