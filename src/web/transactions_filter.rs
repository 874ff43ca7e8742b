//! The filter bar of the list of transactions, as its template needs it.

use std::sync::Arc;

use askama::Template;

use super::error::WebError;
use super::pack::Packed;
use super::transactions_known::{Known, Pieces};
use crate::domain::list_query::{AmountField, Column, DateField, Filter, ListQuery, Period, Preset, Value};
use crate::domain::time::Day;

/// Several of many: (value, label, chosen).
pub struct Multi {
    /// The name in the address.
    pub name: &'static str,
    /// The words.
    pub label: &'static str,
    /// What can be chosen.
    pub options: Vec<(String, String, bool)>,
    /// What is shown while it is folded.
    pub words: String,
}

/// A filter of typed texts: one box for each, and an empty one.
pub struct Typed {
    /// The name in the address.
    pub name: &'static str,
    /// The words.
    pub label: &'static str,
    /// What was typed, and one more that is empty.
    pub values: Vec<String>,
}

/// What stands round the rows, made once for a question.
pub fn pieces(query: &ListQuery, known: &Known) -> Result<Arc<Pieces>, WebError> {
    let key = query.text();
    if let Some(kept) = known.pieces.get(&key) {
        return Ok(kept);
    }
    let packed = |text: String| Packed::new(text).map_err(|error| WebError::Ours(error.to_string()));
    let (chooser, bar) = (packed(ColumnChooser::new(query).render()?)?, packed(FilterBar::new(query, known).render()?)?);
    Ok(known.pieces.keep(key, Pieces { chooser, bar }))
}

/// The whole bar.
#[derive(Template)]
#[template(path = "transactions/filter.html")]
pub struct FilterBar {
    /// The search.
    pub q: String,
    /// Region, budget, delivery: what is asked most.
    pub first: Vec<Multi>,
    /// The named periods.
    pub periods: Vec<(&'static str, &'static str)>,
    /// The period in use.
    pub period: &'static str,
    /// The rest that is chosen from lists.
    pub more: Vec<Multi>,
    /// The rest that is typed.
    pub typed: Vec<Typed>,
    /// The dates a period can be about.
    pub date_fields: Vec<(&'static str, &'static str)>,
    /// The one it is about.
    pub date_field: &'static str,
    /// First day, as typed.
    pub from: String,
    /// Last day, as typed.
    pub to: String,
    /// The amounts that bounds can be about.
    pub amount_fields: Vec<(&'static str, &'static str)>,
    /// The one they are about.
    pub amount_field: &'static str,
    /// Least amount.
    pub amount_min: String,
    /// Largest amount.
    pub amount_max: String,
    /// Part of the note.
    pub note: String,
    /// Sort, columns and filters that have no field here: (name, value).
    pub hidden: Vec<(&'static str, String)>,
    /// Whether something of the folded part is in use.
    pub more_open: bool,
    /// The list without filters; empty where none is in use.
    pub clear: String,
}

fn words(options: &[(String, String, bool)]) -> String {
    let mut chosen = options.iter().filter(|option| option.2);
    match (chosen.next(), chosen.count()) {
        (None, _) => "Any".to_owned(),
        (Some(option), 0) => option.1.trim_start_matches('\u{2003}').to_owned(),
        (Some(_), more) => format!("{} chosen", more + 1),
    }
}

fn multi(query: &ListQuery, filter: Filter, options: Vec<(Value, String)>) -> Multi {
    let options = options.into_iter().map(|(value, label)| (filter.text(&value), label, query.holds(filter, &value)));
    let options: Vec<(String, String, bool)> = options.collect();
    Multi { name: filter.code(), label: filter.label(), words: words(&options), options }
}

fn fixed(query: &ListQuery, filter: Filter) -> Multi {
    multi(query, filter, filter.words().into_iter().map(|(code, label)| (Value::Word(code), label.to_owned())).collect())
}

const TYPED: [Filter; 11] = [
    Filter::Product,
    Filter::Campaign,
    Filter::CostCenter,
    Filter::GlAccount,
    Filter::ReasonCode,
    Filter::PoNumber,
    Filter::Order,
    Filter::Batch,
    Filter::ExternalId,
    Filter::LineNumber,
    Filter::FxRate,
];

impl FilterBar {
    /// For a question.
    pub fn new(query: &ListQuery, known: &Known) -> Self {
        let regions = known.regions.iter().map(|(id, name, depth)| (Value::Id(id.0), format!("{}{name}", "\u{2003}".repeat(*depth))));
        let none = (Value::Nothing, "No budget".to_owned());
        let budgets = known.budgets.iter().map(|budget| (Value::Id(budget.id.0), format!("{} ({})", budget.name, budget.currency)));
        let sources = known.sources.iter().map(|(id, name)| (Value::Id(*id), name.clone()));
        let currencies = known.currencies.iter().map(|currency| (Value::Word(currency.code()), currency.code().to_owned()));
        let first = vec![
            multi(query, Filter::Region, regions.collect()),
            multi(query, Filter::Budget, std::iter::once(none).chain(budgets).collect()),
            fixed(query, Filter::DeliveryStatus),
        ];
        let more = vec![
            fixed(query, Filter::OrderStatus),
            fixed(query, Filter::RedemptionStatus),
            fixed(query, Filter::ReconStatus),
            fixed(query, Filter::ApprovalStatus),
            multi(query, Filter::Currency, currencies.collect()),
            fixed(query, Filter::Channel),
            multi(query, Filter::Source, sources.collect()),
        ];
        let typed = TYPED.into_iter().map(|filter| Typed {
            name: filter.code(),
            label: filter.label(),
            values: query.values(filter).map(|value| filter.text(value)).chain([String::new()]).collect(),
        });
        let typed: Vec<Typed> = typed.collect();
        let (from, to) = if let Period::Between(from, to) = query.period { (from, to) } else { (None, None) };
        let day = |day: Option<Day>| day.map(Day::iso).unwrap_or_default();
        let number = |bound: Option<rust_decimal::Decimal>| bound.map(|bound| bound.to_string()).unwrap_or_default();
        let more_open = more.iter().any(|multi| multi.options.iter().any(|option| option.2))
            || typed.iter().any(|typed| typed.values.len() > 1)
            || matches!(query.period, Period::Between(..))
            || query.dates.is_some()
            || query.bounds_amounts()
            || !query.note.is_empty();
        Self {
            q: query.q.clone(),
            first,
            periods: Preset::ALL.iter().map(|preset| (preset.code(), preset.label())).chain([("custom", "Days given below")]).collect(),
            period: match query.period {
                Period::Any => "",
                Period::Named(preset) => preset.code(),
                Period::Between(..) => "custom",
            },
            more,
            typed,
            date_fields: DateField::ALL.iter().map(|field| (field.code(), field.label())).collect(),
            date_field: query.date_field().code(),
            from: day(from),
            to: day(to),
            amount_fields: AmountField::ALL.iter().map(|field| (field.code(), field.label())).collect(),
            amount_field: query.amount_field().code(),
            note: query.note.clone(),
            amount_min: number(query.amount_min),
            amount_max: number(query.amount_max),
            hidden: hidden(query),
            more_open,
            clear: if query.is_filtered() { query.cleared().href("/transactions", "") } else { String::new() },
        }
    }
}

/// What the bar has no field for, so that applying it keeps it.
fn hidden(query: &ListQuery) -> Vec<(&'static str, String)> {
    let mut hidden = Vec::new();
    for filter in [Filter::Recipient, Filter::Import] {
        hidden.extend(query.values(filter).map(|value| (filter.code(), filter.text(value))));
    }
    if query.sort != crate::domain::list_query::Sort::default() {
        hidden.push(("sort", query.sort.code().to_owned()));
    }
    if let Some(columns) = &query.columns {
        hidden.push(("columns", columns.iter().map(|column| column.code()).collect::<Vec<_>>().join(",")));
    }
    hidden
}

/// The column chooser: what the form has to keep, and each column with whether it is shown.
#[derive(Template)]
#[template(path = "transactions/columns.html")]
pub struct ColumnChooser {
    /// Everything but the columns: (name, value).
    pub hidden: Vec<(String, String)>,
    /// (code, label, shown).
    pub options: Vec<(String, String, bool)>,
}

impl ColumnChooser {
    /// For a question.
    pub fn new(query: &ListQuery) -> Self {
        let shown = query.columns();
        let option = |column: &Column| (column.code().to_owned(), column.label().to_owned(), shown.contains(column));
        let rest = Column::ALL.iter().filter(|column| !shown.contains(column));
        Self { hidden: pairs(&query.clone().with_columns(None)), options: shown.iter().chain(rest).map(option).collect() }
    }
}

/// A question as the fields of a form.
pub fn pairs(query: &ListQuery) -> Vec<(String, String)> {
    let decoded = |text: &str| percent_encoding::percent_decode_str(text).decode_utf8_lossy().into_owned();
    let text = query.text();
    let pairs = text.split('&').filter_map(|pair| pair.split_once('=')).map(|(key, value)| (decoded(key), decoded(value)));
    pairs.collect()
}
