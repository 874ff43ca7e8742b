//! Rows whose columns are known only when they are asked for: what a list with a column chooser reads.

use sqlx::{ColumnIndex, Decode, FromRow, Row, Type, TypeInfo, ValueRef};
use uuid::Uuid;

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
