//! Exports in the store: who took what, and what came of it; and the plan by which a list is read to its end.

use super::bulk_read::Plan;
use super::db::{Engine, Reader, Sql};
use super::failure::{DbError, Failure};
use super::transaction_list::push_columns;
use super::transaction_query::{Asked, Piece};
use super::transactions::since_done;
use super::writer::WriteTx;
use crate::domain::id::{ExportId, UserId};
use crate::domain::list_query::Column;
use crate::domain::time::Instant;

/// An export as it is kept.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct ExportRow {
    /// Its id.
    pub id: ExportId,
    /// Who asked for it.
    pub person_id: Option<UserId>,
    /// When.
    pub at: Instant,
    /// `transactions`, `budgets`, `statement` or `burn_down`.
    pub what: String,
    /// The question, as a query string.
    pub query: String,
    /// The question in words.
    pub words: String,
    /// `excel` or `machine`.
    pub format: String,
    /// Rows, once the file was taken whole.
    pub rows_written: Option<i64>,
    /// Bytes, likewise.
    pub bytes_written: Option<i64>,
    /// SHA-256 of the file, likewise.
    pub sha256: Option<Vec<u8>>,
    /// When the last byte was handed over.
    pub finished_at: Option<Instant>,
}

const COLUMNS: &str = "id, person_id, at, what, query, words, format, rows_written, bytes_written, sha256, finished_at";

/// What is to be exported.
#[derive(Clone, Debug, serde::Serialize)]
pub struct NewExport {
    /// `transactions`, `budgets`, `statement` or `burn_down`.
    pub what: String,
    /// The question.
    pub query: String,
    /// The question in words.
    pub words: String,
    /// `excel` or `machine`.
    pub format: String,
}

/// Notes that somebody asked for a file.
pub async fn insert(tx: &mut WriteTx<'_>, id: ExportId, new: &NewExport) -> Result<(), Failure> {
    let (now, person) = (tx.now, tx.actor().person());
    let sql = Sql::new("INSERT INTO export_run (id, person_id, at, what, query, words, format) VALUES ($1, $2, $3, $4, $5, $6, $7)");
    let sql = sql.bind(id).bind(person).bind(now).bind(new.what.clone()).bind(new.query.clone());
    tx.exec_one(sql.bind(new.words.clone()).bind(new.format.clone())).await
}

/// Notes that a file was handed over whole. The last time counts.
pub async fn finish(tx: &mut WriteTx<'_>, id: ExportId, rows: i64, bytes: i64, sha256: [u8; 32]) -> Result<(), Failure> {
    let now = tx.now;
    let sql = Sql::new("UPDATE export_run SET rows_written = $2, bytes_written = $3, sha256 = $4, finished_at = $5 WHERE id = $1");
    tx.exec_one(sql.bind(id).bind(rows).bind(bytes).bind(sha256).bind(now)).await
}

/// Somebody's own export: nobody else's is ever found.
pub async fn find(reader: &mut impl Reader, person: UserId, id: ExportId) -> Result<Option<ExportRow>, DbError> {
    let mut sql = Sql::default();
    sql.push("SELECT ").push(COLUMNS).push(" FROM export_run WHERE person_id = ").push_bind(person).push(" AND id = ").push_bind(id);
    reader.one(sql).await
}

/// An export whose page decides by the audit trail who sees it.
pub async fn get(reader: &mut impl Reader, id: ExportId) -> Result<Option<ExportRow>, DbError> {
    let mut sql = Sql::default();
    sql.push("SELECT ").push(COLUMNS).push(" FROM export_run WHERE id = ").push_bind(id);
    reader.one(sql).await
}

/// Somebody's own exports, newest first.
pub async fn list(reader: &mut impl Reader, person: UserId, most: i64) -> Result<Vec<ExportRow>, DbError> {
    let mut sql = Sql::default();
    sql.push("SELECT ").push(COLUMNS).push(" FROM export_run WHERE person_id = ").push_bind(person);
    sql.push(" ORDER BY at DESC LIMIT ").push_number(most);
    reader.all(sql).await
}

/// The columns before those of the file: order, number, currency, region.
pub const FIRST: usize = 4;
/// Where the currency stands among them.
pub const CURRENCY: usize = 2;
/// Where the region stands.
pub const REGION: usize = 3;

/// How every row of a list is read, in the list's order, with these columns.
pub fn plan(asked: &Asked<'_>, columns: &[Column], engine: Engine) -> Plan {
    let descending = asked.query.sort.descending;
    let conditions = asked.conditions(engine);
    let making = Making { asked, columns, conditions: &conditions, engine };
    let whole = making.whole(descending);
    let parts =
        if asked.is_narrow() { vec![whole.clone()] } else { asked.parts().iter().map(|part| making.part(part, descending)).collect() };
    Plan { parts, whole, descending, stale: since_done(&asked.hidden, engine) }
}

struct Making<'m> {
    asked: &'m Asked<'m>,
    columns: &'m [Column],
    conditions: &'m Piece,
    engine: Engine,
}

impl Making<'_> {
    fn head(&self) -> Sql {
        let mut sql = self.asked.begin(self.conditions, self.engine);
        sql.push("SELECT t.").push(self.asked.order_column()).push(", t.no, t.currency_code, t.region_id");
        push_columns(&mut sql, self.columns, &self.asked.naming);
        self.asked.from(&mut sql, self.columns.iter().any(|column| column.is_recipients()));
        sql
    }

    fn in_order(&self, sql: &mut Sql, descending: bool) {
        let direction = if descending { " DESC" } else { "" };
        sql.push(" ORDER BY t.").push(self.asked.order_column()).push(direction).push(", t.no").push(direction);
    }

    fn whole(&self, descending: bool) -> Sql {
        let mut sql = self.head();
        self.asked.anywhere(&mut sql, self.conditions);
        self.in_order(&mut sql, descending);
        sql
    }

    fn part(&self, part: &super::transaction_query::Part, descending: bool) -> Sql {
        let mut sql = self.head();
        self.asked.within(&mut sql, part, self.conditions);
        self.in_order(&mut sql, descending);
        sql
    }
}
