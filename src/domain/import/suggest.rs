//! A first mapping from the names of the columns and what stands in them. It is shown, never used unseen.

use super::date::DateOrder;
use super::field::{Field, FieldKind, normal};
use super::mapping::Mapping;
use super::number::NumberStyle;
use super::profile::{ColumnProfile, Profile};
use super::words::Axis;
use crate::domain::currency::Currency;
use crate::domain::transaction::{Channel, DeliveryStatus, OrderStatus, RedemptionStatus};

/// What was found, and what must be asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Suggestion {
    /// With columns, number style and date order where the file tells them.
    pub mapping: Mapping,
    /// The mapped number columns can be read both ways, or disagree.
    pub ask_numbers: bool,
    /// The mapped date columns can be read both ways, or disagree.
    pub ask_dates: bool,
}

/// Maps each field to the column whose name fits best and whose cells do not contradict it; a column is used once, for the field it fits
/// best.
pub fn suggest(profile: &Profile) -> Suggestion {
    let mut scored = Vec::new();
    for (at, column) in profile.columns.iter().enumerate() {
        let name = normal(&column.header);
        for field in Field::all() {
            let score = score(&name, *field);
            if score > 0 && fits(column, *field) {
                scored.push((score, *field, at));
            }
        }
    }
    // The best first; where two are equal, the earlier field and column.
    scored.sort_by(|one, other| other.0.cmp(&one.0).then(one.1.cmp(&other.1)).then(one.2.cmp(&other.2)));
    let mut mapping = Mapping::default();
    let mut taken = vec![false; profile.columns.len()];
    for (_, field, at) in scored {
        let (Some(column), Some(taken)) = (profile.columns.get(at), taken.get_mut(at)) else { continue };
        if !*taken && !mapping.columns.contains_key(&field) {
            *taken = true;
            mapping.columns.insert(field, column.header.clone());
        }
    }
    let numbers =
        answers(profile, &mapping, |kind| matches!(kind, FieldKind::Amount | FieldKind::BaseAmount | FieldKind::Rate), number_answer);
    let dates = answers(profile, &mapping, |kind| matches!(kind, FieldKind::Day | FieldKind::Time), date_answer);
    mapping.numbers = numbers.0;
    mapping.dates = dates.0;
    Suggestion { mapping, ask_numbers: numbers.1, ask_dates: dates.1 }
}

/// The style that the mapped columns agree on, and whether to ask for it. A column that can be read both ways follows one that cannot.
pub fn number_style(profile: &Profile, mapping: &Mapping) -> Option<NumberStyle> {
    answers(profile, mapping, |kind| matches!(kind, FieldKind::Amount | FieldKind::BaseAmount | FieldKind::Rate), number_answer).0
}

/// The order that the mapped date columns agree on; `None` where it must be asked.
pub fn date_order(profile: &Profile, mapping: &Mapping) -> Option<DateOrder> {
    answers(profile, mapping, |kind| matches!(kind, FieldKind::Day | FieldKind::Time), date_answer).0
}

/// What one column says: nothing to say, an answer, cells that can be read both ways, cells that contradict each other.
enum Answer<T> {
    Silent,
    Says(T),
    Both,
    Contradicts,
}

fn number_answer(column: &ColumnProfile) -> Answer<NumberStyle> {
    match (column.numbers.point, column.numbers.comma, column.numbers.both) {
        (0, 0, 0) => Answer::Silent,
        (0, 0, _) => Answer::Both,
        (_, 0, _) => Answer::Says(NumberStyle::Point),
        (0, _, _) => Answer::Says(NumberStyle::Comma),
        _ => Answer::Contradicts,
    }
}

fn date_answer(column: &ColumnProfile) -> Answer<DateOrder> {
    match (column.dates.day_first, column.dates.month_first, column.dates.both) {
        (0, 0, 0) => Answer::Silent,
        (0, 0, _) => Answer::Both,
        (_, 0, _) => Answer::Says(DateOrder::DayFirst),
        (0, _, _) => Answer::Says(DateOrder::MonthFirst),
        _ => Answer::Contradicts,
    }
}

fn answers<T: PartialEq + Copy + Default>(
    profile: &Profile,
    mapping: &Mapping,
    wanted: impl Fn(FieldKind) -> bool,
    answer: impl Fn(&ColumnProfile) -> Answer<T>,
) -> (Option<T>, bool) {
    let mapped = mapping.columns.iter().filter(|(field, _)| wanted(field.kind()));
    let columns = mapped.filter_map(|(_, header)| profile.columns.iter().find(|column| column.header == *header));
    let (mut said, mut both) = (None, false);
    for column in columns {
        match answer(column) {
            Answer::Silent => {}
            Answer::Both => both = true,
            Answer::Says(value) if said.is_none_or(|before| before == value) => said = Some(value),
            Answer::Says(_) | Answer::Contradicts => return (None, true),
        }
    }
    match said {
        Some(value) => (Some(value), false),
        None if both => (None, true),
        None => (Some(T::default()), false),
    }
}

/// 0 where the name says nothing; otherwise the more the closer it is to one of the field's names, and the surer that name is.
fn score(name: &str, field: Field) -> u32 {
    let own = [normal(field.label()), field.key().replace('_', " ")];
    if own.iter().any(|own| own == name) {
        return 1000;
    }
    let mut best = 0;
    for (rank, synonym) in field.synonyms().iter().enumerate() {
        let rank = rank as u32;
        let score = if *synonym == name {
            900 - rank
        } else if same_words(synonym, name) {
            800 - rank
        } else if synonym.len() >= 5 && one_letter_apart(synonym, name) {
            700 - rank
        } else if synonym.contains(' ') && contains_words(name, synonym) {
            500 - rank
        } else {
            0
        };
        best = best.max(score);
    }
    best
}

fn same_words(one: &str, other: &str) -> bool {
    let sorted = |text: &str| {
        let mut words: Vec<String> = text.split(' ').map(str::to_owned).collect();
        words.sort_unstable();
        words
    };
    one.len() == other.len() && sorted(one) == sorted(other)
}

fn contains_words(name: &str, words: &str) -> bool {
    format!(" {name} ").contains(&format!(" {words} "))
}

/// One letter more, less or other, or two neighbours swapped: a typing error.
fn one_letter_apart(one: &str, other: &str) -> bool {
    let (one, other): (Vec<char>, Vec<char>) = (one.chars().collect(), other.chars().collect());
    let (short, long) = if one.len() <= other.len() { (&one, &other) } else { (&other, &one) };
    if long.len() - short.len() > 1 {
        return false;
    }
    let front = short.iter().zip(long.iter()).take_while(|(one, other)| one == other).count();
    let back = short.iter().rev().zip(long.iter().rev()).take_while(|(one, other)| one == other).count();
    let swapped = || short.get(front) == long.get(front + 1) && short.get(front + 1) == long.get(front);
    front + back + 1 >= long.len() || (front + back + 2 == long.len() && short.len() == long.len() && swapped())
}

/// Whether most cells can be what the field holds; an empty column contradicts nothing.
fn fits(column: &ColumnProfile, field: Field) -> bool {
    let most = |count: u64| count * 10 >= column.filled * 9;
    let words = |known: fn(&str) -> bool| {
        column.values().is_none_or(|values| most(values.iter().filter(|(text, _)| known(&normal(text))).map(|(_, count)| *count).sum()))
            && column.values().is_some()
    };
    if column.filled == 0 {
        return true;
    }
    match field.kind() {
        FieldKind::Amount | FieldKind::BaseAmount | FieldKind::Rate => most(column.numbers.numbers),
        FieldKind::Whole => column.samples.iter().all(|text| text.bytes().all(|byte| byte.is_ascii_digit())),
        FieldKind::Day | FieldKind::Time => most(column.dates.dates),
        FieldKind::Currency => words(|word| Currency::parse(&word.to_ascii_uppercase()).is_some()),
        FieldKind::Region | FieldKind::Budget => column.values().is_some() && !most(column.dates.dates),
        FieldKind::Word => words(match field {
            Field::Channel => |word: &str| Channel::known(word).is_some(),
            Field::OrderStatus => |word: &str| OrderStatus::known(word).is_some(),
            Field::DeliveryStatus => |word: &str| DeliveryStatus::known(word).is_some(),
            _ => |word: &str| RedemptionStatus::known(word).is_some(),
        }),
        // A text may be anything, but an e-mail address has its sign.
        FieldKind::Text(_) => field != Field::RecipientEmail || column.samples.iter().all(|text| text.contains('@')),
    }
}
