//! One question about transactions: the type behind the list, its counts and sums, and every export of it.
//!
//! Several values of one filter mean "or", different filters mean "and". The canonical text is a query string, so that the question lives in
//! the address of the page, in the store and in a link that people send each other.

mod column;
mod dates;
mod filter;
mod parse;

use std::collections::BTreeMap;
use std::fmt::Write as _;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use rust_decimal::Decimal;
use uuid::Uuid;

pub use column::{Column, Kind};
pub use dates::{Calendar, DateField, Period, Preset};
pub use filter::{AmountField, Filter, Shape, TEXT_MOST, VALUES_MOST, Value, Values};
pub use parse::Parsed;

use super::currency::Currency;

/// The longest text of a search, in characters.
pub const SEARCH_MOST: usize = 100;

/// By what rows are ordered; rows that are equal in it follow the order in which they came in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum SortBy {
    /// The moment of issue.
    #[default]
    Issued,
    /// The issued amount in minor units, whatever its currency.
    Amount,
}

/// The order of the rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Sort {
    /// By what.
    pub by: SortBy,
    /// Whether the largest or newest comes first.
    pub descending: bool,
}

impl Default for Sort {
    fn default() -> Self {
        Self { by: SortBy::Issued, descending: true }
    }
}

impl Sort {
    /// As in the address: `-issued` is newest first.
    pub fn code(self) -> &'static str {
        match (self.by, self.descending) {
            (SortBy::Issued, true) => "-issued",
            (SortBy::Issued, false) => "issued",
            (SortBy::Amount, true) => "-amount",
            (SortBy::Amount, false) => "amount",
        }
    }

    /// Reads [`Sort::code`].
    pub fn parse(code: &str) -> Option<Self> {
        let all = [SortBy::Issued, SortBy::Amount].into_iter().flat_map(|by| [true, false].map(|descending| Self { by, descending }));
        all.into_iter().find(|sort| sort.code() == code)
    }

    /// In words.
    pub fn words(self) -> &'static str {
        match (self.by, self.descending) {
            (SortBy::Issued, true) => "newest first",
            (SortBy::Issued, false) => "oldest first",
            (SortBy::Amount, true) => "largest amount first",
            (SortBy::Amount, false) => "smallest amount first",
        }
    }
}

/// One question about transactions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ListQuery {
    /// The filters in use; none of them empty.
    pub filters: BTreeMap<Filter, Values>,
    /// The date the period is about.
    pub dates: Option<DateField>,
    /// When.
    pub period: Period,
    /// The amount that the bounds are about.
    pub amounts: Option<AmountField>,
    /// The least amount, as a number in each row's own currency.
    pub amount_min: Option<Decimal>,
    /// The largest amount, likewise.
    pub amount_max: Option<Decimal>,
    /// Part of a recipient's name or e-mail address, of an external, order or batch id; every word has to occur.
    pub q: String,
    /// Part of the vendor's note.
    pub note: String,
    /// The order.
    pub sort: Sort,
    /// The columns, where they are not the usual ones.
    pub columns: Option<Vec<Column>>,
}

/// One filter in use, as a chip shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chip {
    /// The filter's label.
    pub label: String,
    /// Its value in words.
    pub value: String,
    /// The question without it.
    pub without: ListQuery,
}

const SAFE: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b',');

impl ListQuery {
    /// The columns, in order.
    pub fn columns(&self) -> &[Column] {
        self.columns.as_deref().unwrap_or(Column::USUAL)
    }

    /// The date the period is about: issue, unless another was chosen.
    pub fn date_field(&self) -> DateField {
        self.dates.unwrap_or(DateField::Issued)
    }

    /// The amount that bounds are about: the issued one, unless another was chosen.
    pub fn amount_field(&self) -> AmountField {
        self.amounts.unwrap_or(AmountField::Issued)
    }

    /// Whether an amount is bounded.
    pub fn bounds_amounts(&self) -> bool {
        self.amount_min.is_some() || self.amount_max.is_some()
    }

    /// The values of a filter.
    pub fn values(&self, filter: Filter) -> impl Iterator<Item = &Value> {
        self.filters.get(&filter).into_iter().flatten()
    }

    /// Whether a filter holds this value.
    pub fn holds(&self, filter: Filter, value: &Value) -> bool {
        self.filters.get(&filter).is_some_and(|values| values.contains(value))
    }

    /// The ids of a filter.
    pub fn ids(&self, filter: Filter) -> Vec<Uuid> {
        self.values(filter).filter_map(Value::id).collect()
    }

    /// With one more value in a filter.
    #[must_use]
    pub fn with(mut self, filter: Filter, value: Value) -> Self {
        self.filters.entry(filter).or_default().insert(value);
        self
    }

    /// Without a value of a filter.
    #[must_use]
    pub fn without(mut self, filter: Filter, value: &Value) -> Self {
        if let Some(values) = self.filters.get_mut(&filter) {
            values.remove(value);
            if values.is_empty() {
                self.filters.remove(&filter);
            }
        }
        self
    }

    /// With another order.
    #[must_use]
    pub fn sorted(mut self, sort: Sort) -> Self {
        self.sort = sort;
        self
    }

    /// With these columns.
    #[must_use]
    pub fn with_columns(mut self, columns: Option<Vec<Column>>) -> Self {
        self.columns = columns.filter(|columns| !columns.is_empty() && columns != Column::USUAL);
        self
    }

    /// Order and columns alone: what "clear all filters" leads to.
    #[must_use]
    pub fn cleared(&self) -> Self {
        Self { sort: self.sort, columns: self.columns.clone(), ..Self::default() }
    }

    /// Whether anything narrows it.
    pub fn is_filtered(&self) -> bool {
        !self.filters.is_empty() || self.period != Period::Any || self.bounds_amounts() || !self.q.is_empty() || !self.note.is_empty()
    }

    /// The one currency it is narrowed to, where it is one.
    pub fn only_currency(&self) -> Option<Currency> {
        let mut values = self.values(Filter::Currency);
        match (values.next(), values.next()) {
            (Some(Value::Word(code)), None) => Currency::parse(code),
            _ => None,
        }
    }

    /// The bound in minor units of a currency with so many digits: the least amount is rounded up, the largest down, so that nothing outside
    /// the bounds is let in. `None` past 64 bits, where nothing can match or everything does.
    pub fn minor_bounds(&self, digits: u32) -> (Option<i64>, Option<i64>) {
        let factor = Decimal::from(10i64.pow(digits.min(8)));
        let whole = |bound: Decimal, up: bool| {
            let scaled = bound.checked_mul(factor).unwrap_or(if bound.is_sign_negative() { Decimal::MIN } else { Decimal::MAX });
            let rounded = if up { scaled.ceil() } else { scaled.floor() };
            i64::try_from(rounded).unwrap_or(if bound.is_sign_negative() { i64::MIN } else { i64::MAX })
        };
        (self.amount_min.map(|bound| whole(bound, true)), self.amount_max.map(|bound| whole(bound, false)))
    }

    /// The canonical query string, without a question mark; the same question has the same text. [`ListQuery::parse`] reads it back.
    pub fn text(&self) -> String {
        let mut out = String::new();
        let mut put = |key: &str, value: &str| {
            let mark = if out.is_empty() { "" } else { "&" };
            // Writing to a String cannot fail.
            let _ = write!(out, "{mark}{key}={}", utf8_percent_encode(value, SAFE));
        };
        if !self.q.is_empty() {
            put("q", &self.q);
        }
        if !self.note.is_empty() {
            put("note", &self.note);
        }
        for (filter, values) in &self.filters {
            for value in values {
                put(filter.code(), &filter.text(value));
            }
        }
        if let Some(field) = self.dates.filter(|field| *field != DateField::Issued) {
            put("dates", field.code());
        }
        match self.period {
            Period::Any => {}
            Period::Named(preset) => put("period", preset.code()),
            Period::Between(from, to) => {
                for (key, day) in [("from", from), ("to", to)] {
                    if let Some(day) = day {
                        put(key, &day.iso());
                    }
                }
            }
        }
        if let Some(field) = self.amounts.filter(|field| *field != AmountField::Issued) {
            put("amounts", field.code());
        }
        for (key, bound) in [("amount_min", self.amount_min), ("amount_max", self.amount_max)] {
            if let Some(bound) = bound {
                put(key, &bound.to_string());
            }
        }
        if self.sort != Sort::default() {
            put("sort", self.sort.code());
        }
        if let Some(columns) = &self.columns {
            put("columns", &columns.iter().map(|column| column.code()).collect::<Vec<_>>().join(","));
        }
        out
    }

    /// What of it may be told to somebody who sees only a part of its rows: filters of fixed words, dates, amounts, order and columns. A region, a
    /// budget, a person, an order or any other text of the vendor's may belong to somebody else.
    #[must_use]
    pub fn shareable(&self) -> Self {
        let filters = self.filters.iter().filter(|(filter, _)| filter.shape() == Shape::Word);
        Self { filters: filters.map(|(filter, values)| (*filter, values.clone())).collect(), q: String::new(), ..self.clone() }
    }

    /// An address with this question: `path`, or `path?…`, with one more `key=value` where `extra` is not empty.
    pub fn href(&self, path: &str, extra: &str) -> String {
        let text = self.text();
        match (text.is_empty(), extra.is_empty()) {
            (true, true) => path.to_owned(),
            (true, false) => format!("{path}?{extra}"),
            (false, true) => format!("{path}?{text}"),
            (false, false) => format!("{path}?{text}&{extra}"),
        }
    }

    /// The filters in use, one chip for each value; `name` knows what objects are called.
    pub fn chips(&self, name: &dyn Fn(Filter, Uuid) -> Option<String>) -> Vec<Chip> {
        let mut chips = Vec::new();
        let mut chip = |label: &str, value: String, without: Self| chips.push(Chip { label: label.to_owned(), value, without });
        if !self.q.is_empty() {
            chip("Search", self.q.clone(), Self { q: String::new(), ..self.clone() });
        }
        if !self.note.is_empty() {
            chip("Note", self.note.clone(), Self { note: String::new(), ..self.clone() });
        }
        for (filter, values) in &self.filters {
            for value in values {
                chip(filter.label(), filter.label_of(value, name), self.clone().without(*filter, value));
            }
        }
        if self.period != Period::Any {
            chip(self.date_field().label(), self.period.words(), Self { period: Period::Any, dates: None, ..self.clone() });
        }
        let (amount, kept) = (self.amount_field().label(), |other: Option<Decimal>| self.amounts.filter(|_| other.is_some()));
        if let Some(bound) = self.amount_min {
            chip(amount, format!("at least {bound}"), Self { amount_min: None, amounts: kept(self.amount_max), ..self.clone() });
        }
        if let Some(bound) = self.amount_max {
            chip(amount, format!("at most {bound}"), Self { amount_max: None, amounts: kept(self.amount_min), ..self.clone() });
        }
        chips
    }

    /// The question in words, for a file's note and the audit trail. A search may hold somebody's name: it is said that there is one, not which.
    pub fn words(&self, name: &dyn Fn(Filter, Uuid) -> Option<String>) -> String {
        let mut parts = Vec::new();
        if !self.q.is_empty() {
            parts.push("with a text search".to_owned());
        }
        if !self.note.is_empty() {
            parts.push("with a text in the note".to_owned());
        }
        for (filter, values) in &self.filters {
            let shown: Vec<String> = match filter {
                // Ids of the vendor and of people stay out of the trail.
                Filter::Recipient | Filter::ExternalId => vec![format!("{} chosen", values.len())],
                _ => values.iter().map(|value| filter.label_of(value, name)).collect(),
            };
            parts.push(format!("{}: {}", filter.label(), shown.join(" or ")));
        }
        if self.period != Period::Any {
            parts.push(format!("{}: {}", self.date_field().label(), self.period.words()));
        }
        let amount = self.amount_field().label();
        parts.extend(self.amount_min.map(|bound| format!("{amount}: at least {bound}")));
        parts.extend(self.amount_max.map(|bound| format!("{amount}: at most {bound}")));
        if parts.is_empty() {
            parts.push("All in scope".to_owned());
        }
        parts.push(self.sort.words().to_owned());
        parts.join("; ")
    }
}
