//! Finding transactions by a part of a word: trigrams for what is indexed, reading for what is not yet.
//!
//! `reward_search` holds the text of every row up to `search_progress.indexed_no`; later rows are read. What the index finds is compared again
//! with the real columns, so that a row that changed since then is judged as it is now. Recipients are found whatever the case of their letters
//! (`recipient.folded`), and so are the vendor's ids, which are ASCII: SQLite's `lower()` knows no other letters.

use super::cells;
use super::db::{Engine, Reader, Sql};
use super::failure::DbError;
use super::transaction_query::Naming;
use super::writer::WriteTx;
use crate::domain::access::Scope;
use crate::domain::id::{RecipientId, TransactionId};
use crate::domain::time::Instant;

/// More hits than this, and walking the list in its own order finds a page sooner than sorting them would.
const HITS_MOST: i64 = 5_000;
/// Shorter words have no trigram.
const TRIGRAM: usize = 3;
/// Pages (4 kB each) of the index that are written anew in one piece: tens of milliseconds.
const PAGES: i64 = 500;
/// How far the index has been written anew since somebody was erased (`search_progress.rewriting`).
const DONE: i64 = 0;
const BEGIN: i64 = 1;
const GO_ON: i64 = 2;
/// The columns that are searched.
const COLUMNS: [&str; 4] = ["r.folded", "t.external_id", "t.order_id", "t.batch_id"];

/// One word of a search, in lower case.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Term(String);

impl Term {
    /// The words of a search.
    pub fn all(q: &str) -> Vec<Self> {
        q.split_whitespace().map(|word| Self(word.to_lowercase())).collect()
    }

    fn pattern(&self) -> String {
        let escaped = self.0.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_");
        format!("%{escaped}%")
    }

    fn is_indexable(&self) -> bool {
        self.0.chars().count() >= TRIGRAM
    }

    /// Appends ` AND (lower(…) LIKE … OR …)` over the columns of `t`, and of `r` where recipients are named.
    pub fn like(&self, sql: &mut Sql, naming: &Naming) {
        let [recipient, first, rest @ ..] = COLUMNS;
        sql.push(" AND (lower(").push(first).push(") LIKE ").push_bind(self.pattern()).push(" ESCAPE '\\'");
        let again = format!("${}", sql.args().len());
        for column in rest {
            sql.push(" OR lower(").push(column).push(") LIKE ").push(&again).push(" ESCAPE '\\'");
        }
        sql.push(" OR ");
        if let Naming::In(seen) = naming {
            sql.push("t.region_id IN (").push_list(seen.iter().copied()).push(") AND ");
        }
        sql.push("lower(").push(recipient).push(") LIKE ").push(&again).push(" ESCAPE '\\')");
    }

    /// Appends ` AND lower(…) LIKE …` over one column.
    pub fn like_in(&self, column: &'static str, sql: &mut Sql) {
        sql.push(" AND lower(").push(column).push(") LIKE ").push_bind(self.pattern()).push(" ESCAPE '\\'");
    }

    /// Appends the statement that gives the numbers of rows in which every word occurs: what the index held, and what is read after it.
    pub fn hits(terms: &[Self], sql: &mut Sql, engine: Engine, held: &Held, naming: &Naming) {
        let numbers: Vec<String> = held.rows.iter().map(i64::to_string).collect();
        sql.push(match engine {
            Engine::Sqlite => "SELECT value FROM json_each(",
            Engine::Postgres => "SELECT CAST(value AS BIGINT) FROM json_array_elements_text(CAST(",
        });
        sql.push_bind(format!("[{}]", numbers.join(",")));
        sql.push(if engine == Engine::Sqlite { ")" } else { " AS JSON))" });
        sql.push(" UNION ALL SELECT t.no FROM reward_transaction t LEFT JOIN recipient r ON r.id = t.recipient_id WHERE t.no > ");
        sql.push_bind(held.up_to);
        for term in terms {
            term.like(sql, naming);
        }
    }

    fn indexed(terms: &[Self], sql: &mut Sql, engine: Engine) {
        let indexable = terms.iter().filter(|term| term.is_indexable());
        match engine {
            Engine::Sqlite => {
                let phrases: Vec<String> = indexable.map(|term| format!("\"{}\"", term.0.replace('"', "\"\""))).collect();
                sql.push("SELECT rowid FROM reward_search WHERE reward_search MATCH ").push_bind(phrases.join(" AND "));
            }
            Engine::Postgres => {
                sql.push("SELECT s.no FROM reward_search s WHERE TRUE");
                for term in indexable {
                    sql.push(" AND s.text LIKE ").push_bind(term.pattern()).push(" ESCAPE '\\'");
                }
            }
        }
    }
}

/// How far the index has come.
pub async fn indexed_no(reader: &mut impl Reader) -> Result<i64, DbError> {
    let row: Option<(i64,)> = reader.one(Sql::new("SELECT indexed_no FROM search_progress WHERE one = 1")).await?;
    Ok(row.map_or(0, |row| row.0))
}

/// What the index holds for some words.
#[derive(Clone, Debug)]
pub struct Held {
    /// The numbers of the rows, at most [`HITS_MOST`]; rows of every region, to be judged like any other.
    pub rows: Vec<i64>,
    /// The last row that the index knows.
    pub up_to: i64,
}

/// What the index holds for these words: asked once, for the page and for the count. `None` where walking the list finds them sooner.
pub async fn held(reader: &mut impl Reader, terms: &[Term]) -> Result<Option<Held>, DbError> {
    if !terms.iter().any(Term::is_indexable) {
        return Ok(None);
    }
    let up_to = indexed_no(reader).await?;
    if up_to == 0 {
        return Ok(None);
    }
    let mut sql = Sql::default();
    Term::indexed(terms, &mut sql, reader.engine());
    sql.push(" LIMIT ").push_number(HITS_MOST + 1);
    let found = cells::rows(reader, sql, &[false]).await?;
    let rows: Vec<i64> = found.iter().filter_map(|row| row.0.first()?.int()).collect();
    Ok((rows.len() as i64 <= HITS_MOST).then_some(Held { rows, up_to }))
}

/// Whether rows wait to be indexed.
pub async fn is_behind(reader: &mut impl Reader) -> Result<bool, DbError> {
    let sql = Sql::new("SELECT t.no FROM reward_transaction t WHERE t.no > (SELECT indexed_no FROM search_progress WHERE one = 1) LIMIT 1");
    Ok(reader.one::<(i64,)>(sql).await?.is_some())
}

/// One row to be indexed.
type Text = (i64, Option<String>, Option<String>, Option<String>, Option<String>);

/// Indexes the next rows, at most `most` of them; how many it was. Rows of imports that are not done are indexed too: they are hidden elsewhere.
pub async fn index_more(tx: &mut WriteTx<'_>, most: i64) -> Result<i64, DbError> {
    let from = indexed_no(tx).await?;
    let mut sql = texts();
    sql.push(" WHERE t.no > ").push_bind(from).push(" ORDER BY t.no LIMIT ").push_number(most);
    let rows: Vec<Text> = tx.all(sql).await?;
    let Some(last) = rows.last().map(|row| row.0) else { return Ok(0) };
    let count = rows.len() as i64;
    insert(tx, rows).await?;
    tx.exec(Sql::new("UPDATE search_progress SET indexed_no = $1 WHERE one = 1").bind(last)).await?;
    Ok(count)
}

/// Notes that the index's own pages hold words of somebody who was erased, until [`rewrite_more`] has been through them: SQLite takes deleted rows
/// out of its answers at once, and out of its pages when it merges them. PostgreSQL's dead rows go with its next vacuum.
pub async fn holds_erased(tx: &mut WriteTx<'_>) -> Result<(), DbError> {
    if tx.engine() == Engine::Sqlite {
        tx.exec(Sql::new("UPDATE search_progress SET rewriting = $1 WHERE one = 1").bind(BEGIN)).await?;
    }
    Ok(())
}

/// Whether the index's pages may hold words of somebody who was erased.
pub async fn keeps_erased(reader: &mut impl Reader) -> Result<bool, DbError> {
    Ok(rewriting(reader).await? != DONE)
}

async fn rewriting(reader: &mut impl Reader) -> Result<i64, DbError> {
    let row: Option<(i64,)> = reader.one(Sql::new("SELECT rewriting FROM search_progress WHERE one = 1")).await?;
    Ok(row.map_or(DONE, |row| row.0))
}

/// Writes some more pages of the index anew, without what was deleted; whether it is through with them all.
pub async fn rewrite_more(tx: &mut WriteTx<'_>) -> Result<bool, DbError> {
    let step = rewriting(tx).await?;
    // FTS5's own words: a negative number begins to merge all there is, and positive ones go on until a merge changes nothing but its own row.
    let pages = if step == BEGIN { -PAGES } else { PAGES };
    let before = changes(tx).await?;
    tx.exec(Sql::new("INSERT INTO reward_search (reward_search, rank) VALUES ('merge', $1)").bind(pages)).await?;
    let idle = changes(tx).await? - before < 2;
    let next = if step == GO_ON && idle { DONE } else { GO_ON };
    tx.exec(Sql::new("UPDATE search_progress SET rewriting = $1 WHERE one = 1").bind(next)).await?;
    Ok(next == DONE)
}

async fn changes(tx: &mut WriteTx<'_>) -> Result<i64, DbError> {
    let row: Option<(i64,)> = tx.one(Sql::new("SELECT total_changes()")).await?;
    Ok(row.map_or(0, |row| row.0))
}

/// Indexes rows again that have changed; those past the index are left to [`index_more`].
pub async fn changed(tx: &mut WriteTx<'_>, rows: &[i64]) -> Result<(), DbError> {
    let indexed = indexed_no(tx).await?;
    let known: Vec<i64> = rows.iter().copied().filter(|no| *no <= indexed).collect();
    if known.is_empty() {
        return Ok(());
    }
    let key = if tx.engine() == Engine::Sqlite { "rowid" } else { "no" };
    let mut old = Sql::new("DELETE FROM reward_search WHERE ");
    old.push(key).push(" IN (").push_list(known.iter().copied()).push(")");
    tx.exec(old).await?;
    let mut sql = texts();
    sql.push(" WHERE t.no IN (").push_list(known).push(")");
    let rows = tx.all(sql).await?;
    insert(tx, rows).await
}

fn texts() -> Sql {
    let mut sql = Sql::new("SELECT t.no");
    for column in COLUMNS {
        sql.push(", ").push(column);
    }
    sql.push(" FROM reward_transaction t LEFT JOIN recipient r ON r.id = t.recipient_id");
    sql
}

async fn insert(tx: &mut WriteTx<'_>, rows: Vec<Text>) -> Result<(), DbError> {
    let columns: &'static [&'static str] = if tx.engine() == Engine::Sqlite { &["rowid", "text"] } else { &["no", "text"] };
    let values = rows.into_iter().map(|(no, folded, external, order, batch)| {
        let parts = [folded, external, order, batch];
        let text: Vec<String> = parts.into_iter().flatten().filter(|part| !part.is_empty()).collect();
        vec![no.into(), text.join("\n").to_lowercase().into()]
    });
    tx.insert_many("reward_search", columns, Box::new(values)).await
}

/// A transaction that was found.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct Hit {
    /// Its id.
    pub id: TransactionId,
    /// The vendor's id.
    pub external_id: Option<String>,
    /// Who received it.
    pub recipient: Option<String>,
    /// When it was issued.
    pub issued_at: Instant,
}

/// The newest transactions that were asked for.
pub async fn first(reader: &mut impl Reader, asked: &super::transaction_query::Asked<'_>, most: i64) -> Result<Vec<Hit>, DbError> {
    let page = super::transaction_list::page(reader, asked, super::transaction_list::Place::First).await?;
    let ids: Vec<TransactionId> = page.lines.iter().map(|line| line.id).take(usize::try_from(most).unwrap_or(0)).collect();
    let mut sql = Sql::new("SELECT t.id, t.external_id, ");
    asked.naming.push_column(&mut sql, "r.name");
    sql.push(" AS recipient, t.issued_at FROM reward_transaction t LEFT JOIN recipient r ON r.id = t.recipient_id WHERE ");
    sql.push(super::transactions::REGION_BESIDE)
        .push(" IN (")
        .push_list(asked.regions.iter().copied())
        .push(") AND t.id IN (")
        .push_list(ids)
        .push(") ORDER BY t.issued_at DESC, t.no DESC");
    reader.all(sql).await
}

/// Recipients in the scope in which they are named whose name, e-mail address or number holds every word: (id, name, note).
pub async fn recipients(
    reader: &mut impl Reader,
    scope: &Scope,
    q: &str,
    most: i64,
) -> Result<Vec<(RecipientId, String, String)>, DbError> {
    let mut sql = Sql::new("SELECT r.id, r.name, r.email FROM recipient r WHERE r.region_id IN (");
    sql.push_list(scope.regions()).push(")");
    for term in Term::all(q) {
        sql.push(" AND r.folded LIKE ").push_bind(term.pattern()).push(" ESCAPE '\\'");
    }
    sql.push(" LIMIT ").push_number(most);
    reader.all(sql).await
}
