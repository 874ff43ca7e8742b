//! Reading a question from an address: strictly, and kindly. What cannot be read is left out, and it is said so.

use percent_encoding::percent_decode_str;
use rust_decimal::Decimal;

use super::{AmountField, Column, DateField, Filter, ListQuery, Period, Preset, SEARCH_MOST, Sort, VALUES_MOST};
use crate::domain::time::Day;

/// A question, what was said about the page, and what had to be left out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Parsed {
    /// The question.
    pub query: ListQuery,
    /// What was left out, one sentence each.
    pub notices: Vec<String>,
    /// Keys that belong to the page around the list (paging, counting), in order.
    pub page: Vec<(String, String)>,
}

/// Keys of the page around the list.
const PAGE_KEYS: &[&str] = &["after", "before", "count"];
/// The longest query string that is read.
const MOST: usize = 16 * 1024;
/// Beyond this nobody reads what was left out.
const NOTICES_MOST: usize = 5;

impl Parsed {
    /// The last value of a key of the page.
    pub fn page_value(&self, key: &str) -> Option<&str> {
        self.page.iter().rev().find(|(known, _)| known == key).map(|(_, value)| value.as_str())
    }

    /// Days that were typed count unless a period was named beside them.
    fn take_ends(&mut self, ends: (Option<Day>, Option<Day>)) {
        if ends == (None, None) {
            return;
        }
        if self.query.period != Period::Any {
            return self.notice("A period is chosen, so the first and last day were left out.".to_owned());
        }
        self.query.period = match ends {
            (Some(first), Some(last)) if first > last => {
                self.notice("The first day lies after the last one: they were taken the other way round.".to_owned());
                Period::Between(Some(last), Some(first))
            }
            (first, last) => Period::Between(first, last),
        };
    }

    fn notice(&mut self, text: String) {
        if self.notices.len() < NOTICES_MOST && !self.notices.contains(&text) {
            self.notices.push(text);
        }
    }

    fn left_out(&mut self, what: &str, value: &str) {
        let shown: String = value.chars().filter(|c| !c.is_control()).take(40).collect();
        self.notice(format!("{what} \u{201c}{shown}\u{201d} is not known here and was left out."));
    }
}

fn decoded(text: &str) -> String {
    percent_decode_str(&text.replace('+', " ")).decode_utf8_lossy().into_owned()
}

impl ListQuery {
    /// Reads a query string. It never fails: what is unknown or malformed is left out with a notice.
    pub fn parse(text: &str) -> Parsed {
        let mut parsed = Parsed::default();
        let mut ends: (Option<Day>, Option<Day>) = (None, None);
        if text.len() > MOST {
            parsed.notice("The address is longer than what is read: no filter is in use.".to_owned());
            return parsed;
        }
        for pair in text.split('&').filter(|pair| !pair.is_empty()) {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            let (key, value) = (decoded(key), decoded(value));
            if value.trim().is_empty() {
                continue;
            }
            read_pair(&mut parsed, &mut ends, &key, value.trim());
        }
        parsed.take_ends(ends);
        let query = &mut parsed.query;
        if query.period == Period::Any {
            query.dates = None;
        }
        if !query.bounds_amounts() {
            query.amounts = None;
        }
        if let (Some(least), Some(most)) = (query.amount_min, query.amount_max)
            && least > most
        {
            (query.amount_min, query.amount_max) = (Some(most), Some(least));
            parsed.notice("The least amount is larger than the largest: they were taken the other way round.".to_owned());
        }
        let columns = parsed.query.columns.take();
        parsed.query = parsed.query.clone().with_columns(columns);
        parsed
    }
}

fn read_pair(parsed: &mut Parsed, ends: &mut (Option<Day>, Option<Day>), key: &str, value: &str) {
    match key {
        "q" | "note" => read_search(parsed, key == "note", value),
        "dates" => match DateField::parse(value) {
            Some(field) => parsed.query.dates = (field != DateField::Issued).then_some(field),
            None => parsed.left_out("The date", value),
        },
        "period" => match (value, Preset::parse(value)) {
            ("custom", _) => {}
            (_, Some(preset)) => parsed.query.period = Period::Named(preset),
            _ => parsed.left_out("The period", value),
        },
        "from" | "to" => match Day::parse(value) {
            Some(day) if key == "from" => ends.0 = Some(day),
            Some(day) => ends.1 = Some(day),
            None => parsed.notice("A day is written like 2026-11-22; what was given cannot be read and was left out.".to_owned()),
        },
        "month" => match Day::parse(&format!("{value}-01")) {
            Some(day) => *ends = (Some(day), Some(Day(day.add_months(1).0 - 1))),
            None => parsed.left_out("The month", value),
        },
        "amounts" => match AmountField::parse(value) {
            Some(field) => parsed.query.amounts = (field != AmountField::Issued).then_some(field),
            None => parsed.left_out("The amount", value),
        },
        "amount_min" | "amount_max" => read_amount(parsed, key == "amount_min", value),
        "sort" => match Sort::parse(value) {
            Some(sort) => parsed.query.sort = sort,
            None => parsed.left_out("The order", value),
        },
        "columns" => read_columns(parsed, value),
        _ if PAGE_KEYS.contains(&key) => parsed.page.push((key.to_owned(), value.to_owned())),
        _ => match Filter::parse(key) {
            Some(filter) => read_filter(parsed, filter, value),
            None => parsed.left_out("The filter", key),
        },
    }
}

fn read_search(parsed: &mut Parsed, note: bool, value: &str) {
    let words: Vec<&str> = value.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty()).collect();
    let mut text = words.join(" ");
    if text.chars().count() > SEARCH_MOST {
        let cut: String = text.chars().take(SEARCH_MOST).collect();
        cut.trim_end().clone_into(&mut text);
        parsed.notice(format!("The search was cut to {SEARCH_MOST} characters."));
    }
    if note {
        parsed.query.note = text;
    } else {
        parsed.query.q = text;
    }
}

fn read_amount(parsed: &mut Parsed, least: bool, value: &str) {
    // Ten digits after the point are more than any currency has, and 18 before it more than 64 bits of minor units hold.
    let plain = value.replace(',', "");
    let digits = plain.strip_prefix(['-', '\u{2212}']).unwrap_or(&plain);
    let well_formed = digits.starts_with(|c: char| c.is_ascii_digit())
        && digits.bytes().all(|b| b.is_ascii_digit() || b == b'.')
        && digits.len() <= 24
        && !digits.ends_with('.');
    let whole = value.split('.').next().unwrap_or_default().trim_start_matches(['-', '\u{2212}']);
    let grouped = !value.contains(',') || well_grouped(whole);
    match plain.replace('\u{2212}', "-").parse::<Decimal>().ok().filter(|_| well_formed && grouped) {
        Some(amount) if least => parsed.query.amount_min = Some(amount.normalize()),
        Some(amount) => parsed.query.amount_max = Some(amount.normalize()),
        None => parsed.notice("An amount is written like 1250.00; what was given cannot be read and was left out.".to_owned()),
    }
}

/// Whether commas group three digits each, as people write thousands.
fn well_grouped(whole: &str) -> bool {
    let mut groups = whole.split(',');
    let head = groups.next().unwrap_or_default();
    (1..=3).contains(&head.len()) && groups.all(|group| group.len() == 3)
}

fn read_columns(parsed: &mut Parsed, value: &str) {
    let mut columns = parsed.query.columns.take().unwrap_or_default();
    for code in value.split(',').map(str::trim).filter(|code| !code.is_empty()) {
        match Column::parse(code) {
            Some(column) if !columns.contains(&column) => columns.push(column),
            Some(_) => {}
            None => parsed.left_out("The column", code),
        }
    }
    parsed.query.columns = (!columns.is_empty()).then_some(columns);
}

fn read_filter(parsed: &mut Parsed, filter: Filter, value: &str) {
    let Some(read) = filter.value(value) else {
        return parsed.left_out(filter.label(), value);
    };
    let values = parsed.query.filters.entry(filter).or_default();
    if values.len() < VALUES_MOST || values.contains(&read) {
        values.insert(read);
        return;
    }
    parsed.notice(format!("{} takes at most {VALUES_MOST} values; the others were left out.", filter.label()));
}
