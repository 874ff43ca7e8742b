//! Rows whose columns are known only when they are asked for: what a list with a column chooser reads.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, Visitor};
use sqlx::{ColumnIndex, Decode, FromRow, Row, Type, TypeInfo, ValueRef};
use uuid::Uuid;

use super::db::{Engine, Reader, Sql};
use super::failure::DbError;

/// One value as the store keeps it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Cell {
    /// Nothing.
    #[default]
    Null,
    /// A number, a moment, a day or an amount.
    Int(i64),
    /// Text.
    Text(String),
    /// An id.
    Id(Uuid),
}

impl Cell {
    /// The number in it.
    pub fn int(&self) -> Option<i64> {
        if let Self::Int(value) = self { Some(*value) } else { None }
    }

    /// The text in it.
    pub fn text(&self) -> Option<&str> {
        if let Self::Text(value) = self { Some(value) } else { None }
    }

    /// The id in it.
    pub fn id(&self) -> Option<Uuid> {
        if let Self::Id(value) = self { Some(*value) } else { None }
    }
}

/// A row of cells.
#[derive(Clone, Debug, Default)]
pub struct Cells(pub Vec<Cell>);

impl<'r, R> FromRow<'r, R> for Cells
where
    R: Row,
    usize: ColumnIndex<R>,
    i64: Decode<'r, R::Database> + Type<R::Database>,
    String: Decode<'r, R::Database> + Type<R::Database>,
    Uuid: Decode<'r, R::Database> + Type<R::Database>,
{
    fn from_row(row: &'r R) -> Result<Self, sqlx::Error> {
        let mut cells = Vec::with_capacity(row.len());
        for at in 0..row.len() {
            let raw = row.try_get_raw(at)?;
            // The engines' own words for the three kinds of value that the schema uses.
            let cell = if raw.is_null() {
                Cell::Null
            } else {
                match raw.type_info().name() {
                    "TEXT" => Cell::Text(row.try_get(at)?),
                    "UUID" | "BLOB" => Cell::Id(row.try_get(at)?),
                    _ => Cell::Int(row.try_get(at)?),
                }
            };
            cells.push(cell);
        }
        Ok(Self(cells))
    }
}

impl<'de> Deserialize<'de> for Cell {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(InJson)
    }
}

/// A value as SQLite's `json_array` writes it.
struct InJson;

impl Visitor<'_> for InJson {
    type Value = Cell;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a number, a text or nothing")
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Cell, E> {
        Ok(Cell::Int(value))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Cell, E> {
        i64::try_from(value).map(Cell::Int).map_err(E::custom)
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Cell, E> {
        Ok(Cell::Text(value.to_owned()))
    }

    fn visit_unit<E: Error>(self) -> Result<Cell, E> {
        Ok(Cell::Null)
    }
}

/// The rows of a query; `ids` says for each of its columns whether it holds ids. SQLite gives them as one value: from its thread the driver hands
/// over row by row, which takes longer than to find them.
pub async fn rows(reader: &mut impl Reader, mut sql: Sql, ids: &[bool]) -> Result<Vec<Cells>, DbError> {
    if reader.engine() == Engine::Postgres {
        return reader.all(sql).await;
    }
    let names: Vec<String> = (0..ids.len()).map(|at| format!("c{at}")).collect();
    let mut values = names.clone();
    for (value, _) in values.iter_mut().zip(ids).filter(|(_, id)| **id) {
        *value = format!("hex({value})");
    }
    let found = std::mem::take(&mut sql.text);
    sql.push("WITH found (").push(&names.join(", ")).push(") AS (").push(&found);
    sql.push(") SELECT json_group_array(json_array(").push(&values.join(", ")).push(")) FROM found");
    let (all,) = reader.one::<(String,)>(sql).await?.unwrap_or_default();
    let unreadable = |error: &dyn fmt::Display| DbError::Broken(format!("rows in JSON: {error}"));
    let mut rows: Vec<Vec<Cell>> = serde_json::from_str(&all).map_err(|error| unreadable(&error))?;
    for row in &mut rows {
        for (cell, _) in row.iter_mut().zip(ids).filter(|(_, id)| **id) {
            // `hex` of NULL is an empty text.
            *cell = match cell.text() {
                None | Some("") => Cell::Null,
                Some(hex) => Cell::Id(Uuid::try_parse(hex).map_err(|error| unreadable(&error))?),
            };
        }
    }
    Ok(rows.into_iter().map(Cells).collect())
}
