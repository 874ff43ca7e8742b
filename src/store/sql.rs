//! A statement and its values, before either engine sees it.

use std::borrow::Cow;

use uuid::Uuid;

use super::db::Engine;
use crate::domain::id::{
    ApprovalId, BudgetId, DelegationId, EventId, ExportId, GrantId, ImportId, LetterId, MappingId, PasskeyId, PolicyId, PostingId,
    RecipientId, RegionId, ReviewId, RoleId, SessionId, SourceId, TransactionId, UserId,
};
use crate::domain::time::{Day, Instant};

/// A value bound to a query; each variant is typed, also when it is NULL.
#[derive(Clone, Debug, PartialEq)]
pub enum Arg {
    /// `INTEGER` or `BIGINT`.
    Int(Option<i64>),
    /// `TEXT`.
    Text(Option<Cow<'static, str>>),
    /// `BLOB` or `UUID`, 16 bytes.
    Id(Option<Uuid>),
    /// `BLOB` or `BYTEA`.
    Bytes(Option<Vec<u8>>),
}

impl Arg {
    /// As a literal of this engine.
    fn spelled(&self, engine: Engine) -> String {
        let bytes = |hex: String| if engine == Engine::Sqlite { ["x'", &hex, "'"].concat() } else { ["'\\x", &hex, "'"].concat() };
        match self {
            Self::Int(Some(number)) => number.to_string(),
            Self::Text(Some(text)) => ["'", &text.replace('\'', "''"), "'"].concat(),
            Self::Id(Some(id)) if engine == Engine::Sqlite => bytes(id.simple().to_string()),
            Self::Id(Some(id)) => ["'", &id.to_string(), "'"].concat(),
            Self::Bytes(Some(value)) => bytes(crate::domain::text::hex(value)),
            Self::Int(None) | Self::Text(None) | Self::Id(None) | Self::Bytes(None) => "NULL".to_owned(),
        }
    }
}

macro_rules! args {
    ($($variant:ident: $($from:ty => |$value:ident| $into:expr),+;)+) => {
        $($(
            impl From<$from> for Arg {
                fn from($value: $from) -> Self { Self::$variant(Some($into)) }
            }
            impl From<Option<$from>> for Arg {
                fn from(value: Option<$from>) -> Self { Self::$variant(value.map(|$value| $into)) }
            }
        )+)+
    };
}

args! {
    Int: i64 => |v| v, Instant => |v| v.0, Day => |v| v.0;
    Text: String => |v| Cow::Owned(v), &'static str => |v| Cow::Borrowed(v), Cow<'static, str> => |v| v;
    Id: Uuid => |v| v, BudgetId => |v| v.0, EventId => |v| v.0, ExportId => |v| v.0, GrantId => |v| v.0, ImportId => |v| v.0,
        LetterId => |v| v.0, MappingId => |v| v.0, PostingId => |v| v.0, RecipientId => |v| v.0, RegionId => |v| v.0,
        RoleId => |v| v.0, SourceId => |v| v.0, TransactionId => |v| v.0, UserId => |v| v.0, ApprovalId => |v| v.0, PolicyId => |v| v.0,
        DelegationId => |v| v.0, SessionId => |v| v.0, PasskeyId => |v| v.0, ReviewId => |v| v.0;
    Bytes: Vec<u8> => |v| v, [u8; 32] => |v| v.to_vec(), [u8; 16] => |v| v.to_vec();
}

/// Where [`Sql::push_sum`] cuts an amount in two, on both engines towards zero.
const PART: i64 = 1 << 32;

/// The sum of what [`Sql::push_sum`] added up in parts.
pub fn whole(upper: i64, lower: i64) -> i128 {
    i128::from(upper) * i128::from(PART) + i128::from(lower)
}

/// A query and its values. Text comes from literals and from pieces that this crate wrote: what a person typed is only ever bound.
#[derive(Clone, Debug, Default)]
pub struct Sql {
    pub(super) text: Cow<'static, str>,
    pub(super) args: Vec<Arg>,
}

impl Sql {
    /// A query whose values are bound with [`Sql::bind`] in the order of `$1`, `$2`, …
    pub fn new(text: &'static str) -> Self {
        Self { text: Cow::Borrowed(text), args: Vec::new() }
    }

    /// Binds the next value.
    #[must_use]
    pub fn bind(mut self, value: impl Into<Arg>) -> Self {
        self.args.push(value.into());
        self
    }

    /// Appends text.
    pub fn push(&mut self, text: &str) -> &mut Self {
        self.text.to_mut().push_str(text);
        self
    }

    /// Binds a value and appends its `$n`.
    pub fn push_bind(&mut self, value: impl Into<Arg>) -> &mut Self {
        self.args.push(value.into());
        let number = self.args.len();
        let text = self.text.to_mut();
        text.push('$');
        // Writing to a String cannot fail.
        let _ = std::fmt::Write::write_fmt(text, format_args!("{number}"));
        self
    }

    /// Appends a number of ours as it is, for `LIMIT`: SQLite looks at a bound one while it plans, and plans again each time it is bound.
    pub fn push_number(&mut self, number: i64) -> &mut Self {
        // Writing to a String cannot fail.
        let _ = std::fmt::Write::write_fmt(self.text.to_mut(), format_args!("{number}"));
        self
    }

    /// Appends two columns that are the sum of `column` in parts: [`whole`] puts them together. Neither engine hands on a sum that 64 bits do
    /// not hold, and SQLite fails where a sum on the way to it does not fit.
    pub fn push_sum(&mut self, column: &str) -> &mut Self {
        for (i, operator) in ["/", "%"].into_iter().enumerate() {
            self.push(if i == 0 { "CAST(sum((" } else { ", CAST(sum((" }).push(column).push(") ").push(operator).push(" ");
            self.push_number(PART).push(") AS BIGINT)");
        }
        self
    }

    /// [`Sql::push_bind`] for a value that is an [`Arg`] already.
    pub fn push_arg(&mut self, value: Arg) -> &mut Self {
        self.push_bind(value)
    }

    /// Appends `value, value, …` as bound parameters, for `IN (…)`. An empty list becomes NULL, which is IN nothing.
    pub fn push_list<A: Into<Arg>>(&mut self, values: impl IntoIterator<Item = A>) -> &mut Self {
        let mut any = false;
        for value in values {
            if any {
                self.push(", ");
            }
            self.push_bind(value);
            any = true;
        }
        if !any {
            self.push("NULL");
        }
        self
    }

    /// The text, as it is sent.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The statement with its values in their places, as this engine's own command line takes it: what is shown to whoever asks what was asked.
    pub fn spelled(&self, engine: Engine) -> String {
        let mut out = String::with_capacity(self.text.len());
        let mut parts = self.text.split('$');
        out.push_str(parts.next().unwrap_or_default());
        for part in parts {
            let digits = part.bytes().take_while(u8::is_ascii_digit).count();
            let (number, rest) = part.split_at(digits);
            match number.parse::<usize>().ok().and_then(|number| self.args.get(number.checked_sub(1)?)) {
                Some(arg) => out.push_str(&arg.spelled(engine)),
                None => out.push_str(&["$", number].concat()),
            }
            out.push_str(rest);
        }
        out
    }

    /// The values.
    pub fn args(&self) -> &[Arg] {
        &self.args
    }
}

/// More values than this are bound without names on SQLite.
const NAMED_MOST: usize = 16;

/// The text with `?` for every `$n`, where each stands once and in order. To SQLite `$n` is a name, and the driver asks for the name of each value,
/// which SQLite finds by reading the list of names from its beginning: a statement of 4,000 values then spends nearly all its time on that.
fn unnamed(text: &str, values: usize) -> Option<String> {
    let mut out = String::with_capacity(text.len());
    let mut parts = text.split('$');
    out.push_str(parts.next()?);
    let mut count = 0;
    for part in parts {
        let digits = part.bytes().take_while(u8::is_ascii_digit).count();
        let (number, rest) = part.split_at(digits);
        count += 1;
        if number.parse::<usize>().ok()? != count {
            return None;
        }
        out.push('?');
        out.push_str(rest);
    }
    (count == values).then_some(out)
}

/// `(…), (…)`: places for so many rows of so many values.
pub(super) fn tuples(engine: Engine, rows: usize, columns: usize) -> String {
    let mut sql = Sql::default();
    for row in 0..rows {
        sql.push(if row == 0 { "(" } else { ", (" });
        for column in 0..columns {
            sql.push(if column == 0 { "" } else { ", " });
            match engine {
                Engine::Sqlite => sql.push("?"),
                Engine::Postgres => sql.push("$").push_number((row * columns + column + 1) as i64),
            };
        }
        sql.push(")");
    }
    sql.text.into_owned()
}

impl Sql {
    /// As this engine is best told it.
    pub(super) fn for_engine(mut self, engine: Engine) -> Self {
        if engine == Engine::Sqlite
            && self.args.len() > NAMED_MOST
            && let Some(text) = unnamed(&self.text, self.args.len())
        {
            self.text = Cow::Owned(text);
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_values_lose_their_names_where_each_stands_once() {
        assert_eq!(unnamed("VALUES ($1, $2), ($3, $4)", 4).as_deref(), Some("VALUES (?, ?), (?, ?)"));
        assert_eq!(unnamed("SELECT 1", 0).as_deref(), Some("SELECT 1"));
        for kept in ["a = $1 AND b = $1", "a = $2 AND b = $1", "a = $1", "a = '$' AND b = $1 AND c = $2"] {
            assert_eq!(unnamed(kept, 2), None, "{kept}");
        }
    }
}
