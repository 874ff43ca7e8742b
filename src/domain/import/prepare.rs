//! A mapping made ready for one file: columns by their place, rules by what is compared. All faults at once.

use std::collections::{BTreeMap, HashMap};

use chrono_tz::Tz;

use super::date::DateOrder;
use super::field::{Field, FieldKind, normal};
use super::mapping::{Fixed, Mapping, VERSION};
use super::number::NumberStyle;
use super::words::Axis;
use crate::domain::currency::Currency;
use crate::domain::id::{BudgetId, RegionId};
use crate::domain::transaction::{Channel, DeliveryStatus, OrderStatus, RedemptionStatus};

/// What keeps a mapping from being used with a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MappingFault {
    /// A word for the API and tests.
    pub code: &'static str,
    /// The field it belongs to, where it belongs to one.
    pub field: Option<Field>,
    /// The same for people.
    pub message: String,
}

/// A mapping with its columns found in a file's header.
#[derive(Debug)]
pub struct PreparedMapping {
    /// For each field, by its number, the column.
    pub(super) columns: [Option<usize>; Field::COUNT],
    /// The columns that are mapped, each once, in the file's order.
    pub(super) used: Vec<usize>,
    pub(super) fixed: Fixed,
    pub(super) numbers: NumberStyle,
    pub(super) dates: DateOrder,
    pub(super) zone: Tz,
    pub(super) regions: Rules<RegionId>,
    pub(super) budgets: Rules<BudgetId>,
    pub(super) channel: Rules<Channel>,
    pub(super) order_status: Rules<OrderStatus>,
    pub(super) delivery_status: Rules<DeliveryStatus>,
    pub(super) redemption_status: Rules<RedemptionStatus>,
}

/// Values by what is written: exactly as in the rule first, then without regard to capitals and punctuation.
#[derive(Debug)]
pub(super) struct Rules<T> {
    exact: HashMap<String, T>,
    normal: HashMap<String, T>,
}

impl<T: Copy> Rules<T> {
    fn of(rules: &BTreeMap<String, T>) -> Self {
        Self {
            exact: rules.iter().map(|(text, to)| (text.trim().to_owned(), *to)).collect(),
            normal: rules.iter().map(|(text, to)| (normal(text), *to)).collect(),
        }
    }

    /// `text` comes trimmed.
    pub fn find(&self, text: &str) -> Option<T> {
        self.exact.get(text).or_else(|| self.normal.get(&normal(text))).copied()
    }
}

impl<T: Axis> Rules<T> {
    /// A rule of the mapping, the axis' own code, or a word that vendors use.
    pub fn word(&self, text: &str) -> Option<T> {
        // The usual case, without a copy of the text: no rule of the mapping's own, and the word as it is known.
        if self.normal.is_empty()
            && let Some(found) = T::known(text)
        {
            return Some(found);
        }
        self.find(text).or_else(|| T::known(&normal(text)))
    }
}

impl Mapping {
    /// Makes the mapping ready for a file with these headers.
    ///
    /// # Errors
    /// Everything that is wrong: a column that the file does not have, a required field without a column or a fixed value, an unanswered
    /// question about numbers or dates, a time zone that does not exist, another version.
    pub fn prepare(&self, headers: &[String]) -> Result<PreparedMapping, Vec<MappingFault>> {
        let mut faults = Vec::new();
        let mut fault = |code, field, message: String| faults.push(MappingFault { code, field, message });
        if self.version != VERSION {
            fault("mapping_version", None, format!("The mapping has version {}, this programme reads {VERSION}", self.version));
        }
        let mut columns = [None; Field::COUNT];
        for (field, header) in &self.columns {
            let place = find(headers, header);
            match (place, columns.get_mut(*field as usize)) {
                (Some(at), Some(place)) => *place = Some(at),
                _ => fault("column_missing", Some(*field), format!("{}: the file has no column “{header}”", field.label())),
            }
        }
        for (field, code, message) in self.open_questions() {
            fault(code, field, message);
        }
        let zone = self.time_zone.parse::<Tz>();
        if zone.is_err() {
            fault("time_zone_unknown", None, format!("“{}” is not a time zone; write it like Europe/London", self.time_zone));
        }
        let (true, Ok(zone)) = (faults.is_empty(), zone) else { return Err(faults) };
        let mut used: Vec<usize> = columns.iter().flatten().copied().collect();
        used.sort_unstable();
        used.dedup();
        Ok(PreparedMapping {
            columns,
            used,
            fixed: self.fixed.clone(),
            // Where nobody had to answer, no column needs the answer.
            numbers: self.numbers.unwrap_or(NumberStyle::Point),
            dates: self.dates.unwrap_or(DateOrder::DayFirst),
            zone,
            regions: Rules::of(&self.regions),
            budgets: Rules::of(&self.budgets),
            channel: Rules::of(&self.words.channel),
            order_status: Rules::of(&self.words.order_status),
            delivery_status: Rules::of(&self.words.delivery_status),
            redemption_status: Rules::of(&self.words.redemption_status),
        })
    }

    fn has(&self, field: Field) -> bool {
        self.columns.contains_key(&field)
    }

    fn open_questions(&self) -> Vec<(Option<Field>, &'static str, String)> {
        let mut open = Vec::new();
        let mut ask = |field, code, message: &str| open.push((field, code, message.to_owned()));
        if !self.has(Field::AmountIssued) {
            ask(Some(Field::AmountIssued), "field_required", "Choose the column that holds the amount issued");
        }
        if !self.has(Field::CurrencyCode) && self.fixed.currency.is_none() {
            ask(
                Some(Field::CurrencyCode),
                "field_required",
                "Choose the column that holds the currency, or one currency for the whole file",
            );
        }
        if !self.has(Field::Region) && self.fixed.region.is_none() {
            ask(Some(Field::Region), "field_required", "Choose the column that says the region, or one region for the whole file");
        }
        if self.has(Field::Region) && self.regions.is_empty() && self.fixed.region.is_none() {
            ask(Some(Field::Region), "rules_required", "Say for at least one value of the region's column which region it is");
        }
        if self.has(Field::BaseAmount) && self.fixed.base_currency.is_none() {
            ask(Some(Field::BaseAmount), "field_required", "Choose the organisation's currency, in which the base amount is read");
        }
        let any = |wanted: &[FieldKind]| self.columns.keys().any(|field| wanted.contains(&field.kind()));
        if self.numbers.is_none() && any(&[FieldKind::Amount, FieldKind::BaseAmount, FieldKind::Rate]) {
            ask(None, "numbers_unanswered", "Say whether numbers have a decimal point or a decimal comma");
        }
        if self.dates.is_none() && any(&[FieldKind::Day, FieldKind::Time]) {
            ask(None, "dates_unanswered", "Say whether dates begin with the day or with the month");
        }
        open
    }
}

/// The header as it is; or one that differs in capitals and punctuation only.
fn find(headers: &[String], wanted: &str) -> Option<usize> {
    let exact = headers.iter().position(|header| header == wanted);
    exact.or_else(|| headers.iter().position(|header| normal(header) == normal(wanted)))
}

impl PreparedMapping {
    /// The zone in which times without one are read.
    pub fn zone(&self) -> Tz {
        self.zone
    }

    /// The currency that every row has, where no column says it.
    pub fn currency(&self) -> Option<Currency> {
        self.fixed.currency
    }

    /// The column of a field.
    pub fn column(&self, field: Field) -> Option<usize> {
        self.columns.get(field as usize).copied().flatten()
    }
}
