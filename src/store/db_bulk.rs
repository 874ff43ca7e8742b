//! Many rows at once on PostgreSQL: each column goes as one array, and `unnest` makes rows of them again.
//!
//! It is one statement, prepared once whatever the number of rows, and one round trip. `COPY` would need three messages that are written one by one;
//! over TCP the last of them waits 40 ms for the acknowledgement of the one before, because the driver leaves Nagle's algorithm on.

use std::borrow::Cow;

use sqlx::PgConnection;
use sqlx::postgres::PgArguments;
use sqlx::query::Query;
use sqlx::{AssertSqlSafe, Postgres};
use uuid::Uuid;

use super::db::{Arg, Rows};
use super::failure::DbError;

/// Rows in one statement: about half a megabyte of a wide table.
const MOST_ROWS: usize = 1_000;

/// The values of one column.
enum Column {
    Int(Vec<Option<i64>>),
    Text(Vec<Option<String>>),
    Id(Vec<Option<Uuid>>),
    Bytes(Vec<Option<Vec<u8>>>),
}

impl Column {
    /// A column for values like this one.
    fn like(arg: &Arg, rows: usize) -> Self {
        match arg {
            Arg::Int(_) => Self::Int(Vec::with_capacity(rows)),
            Arg::Text(_) => Self::Text(Vec::with_capacity(rows)),
            Arg::Id(_) => Self::Id(Vec::with_capacity(rows)),
            Arg::Bytes(_) => Self::Bytes(Vec::with_capacity(rows)),
        }
    }

    fn push(&mut self, arg: Arg) -> Result<(), DbError> {
        match (self, arg) {
            (Self::Int(values), Arg::Int(value)) => values.push(value),
            (Self::Text(values), Arg::Text(value)) => values.push(value.map(Cow::into_owned)),
            (Self::Id(values), Arg::Id(value)) => values.push(value),
            (Self::Bytes(values), Arg::Bytes(value)) => values.push(value),
            _ => return Err(DbError::Broken("the values of one column are of two types".to_owned())),
        }
        Ok(())
    }

    fn bind(self, query: Query<'static, Postgres, PgArguments>) -> Query<'static, Postgres, PgArguments> {
        match self {
            Self::Int(values) => query.bind(values),
            Self::Text(values) => query.bind(values),
            Self::Id(values) => query.bind(values),
            Self::Bytes(values) => query.bind(values),
        }
    }
}

/// Inserts rows into a table, inside the open transaction. Either all are in or the transaction is broken, as with any statement.
pub(super) async fn insert(connection: &mut PgConnection, table: &str, names: &[&str], mut rows: Rows<'_>) -> Result<(), DbError> {
    let places: Vec<String> = (1..=names.len()).map(|number| format!("${number}")).collect();
    let text = ["INSERT INTO ", table, " (", &names.join(", "), ") SELECT * FROM unnest(", &places.join(", "), ")"].concat();
    loop {
        let count = rows.len().min(MOST_ROWS);
        let mut columns: Vec<Column> = Vec::with_capacity(names.len());
        for row in rows.by_ref().take(count) {
            if row.len() != names.len() {
                return Err(DbError::Broken(format!("a row for {table} has {} values for {} columns", row.len(), names.len())));
            }
            if columns.is_empty() {
                columns.extend(row.iter().map(|arg| Column::like(arg, count)));
            }
            for (column, arg) in columns.iter_mut().zip(row) {
                column.push(arg)?;
            }
        }
        if columns.is_empty() {
            return Ok(());
        }
        let query = columns.into_iter().fold(sqlx::query(AssertSqlSafe(text.clone())), |query, column| column.bind(query));
        query.execute(&mut *connection).await?;
    }
}
