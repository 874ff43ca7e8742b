//! Regions written as text: one a line, indented below what they belong to, or as CSV with a head.

use std::collections::{BTreeMap, BTreeSet};

use super::Fault;
use crate::actions::regions::{cost_centre, name, time_zone};
use crate::domain::currency::Currency;

/// The most lines that are read.
pub const MOST_LINES: usize = 2_000;
const COLUMNS: usize = 6;

/// A region of a list, with everything that was left out filled in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Placed {
    /// Its name.
    pub name: String,
    /// The name of the region it belongs to; empty for the organisation.
    pub parent: String,
    /// Its currency: its own, else its parent's.
    pub currency: Currency,
    /// Its time zone: its own, else its parent's.
    pub time_zone: String,
    /// The month its fiscal year starts in: its own, else its parent's.
    pub fiscal_start_month: i64,
    /// Its cost centre; may be empty.
    pub cost_centre: String,
}

/// One line as it was written; empty and `None` mean "as above it".
#[derive(Debug, Default)]
struct Line {
    number: usize,
    name: String,
    parent: String,
    currency: Option<Currency>,
    time_zone: Option<String>,
    fiscal_start_month: Option<i64>,
    cost_centre: String,
}

/// Reads the list for an organisation. The root, and every other region with parents before children; or everything that is wrong, by line. A
/// line that has the organisation's own name describes the root.
pub fn read(
    text: &str,
    organisation: &str,
    currency: Currency,
    zone: &str,
    fiscal_start_month: i64,
) -> Result<(Placed, Vec<Placed>), Vec<Fault>> {
    let mut faults = Vec::new();
    // A browser ends lines with two characters, and the CSV reader would count its lines one short.
    let text = text.replace("\r\n", "\n");
    let text = text.as_str();
    let lines = if is_csv(text) { csv_lines(text, &mut faults) } else { indented_lines(text, &mut faults) };
    if lines.len() > MOST_LINES {
        faults.push(Fault { line: MOST_LINES + 1, text: format!("At most {MOST_LINES} regions can be loaded here") });
    }
    let mut root = Placed {
        name: organisation.to_owned(),
        parent: String::new(),
        currency,
        time_zone: zone.to_owned(),
        fiscal_start_month,
        cost_centre: String::new(),
    };
    let own = organisation.to_lowercase();
    let (of_root, mut rest): (Vec<Line>, Vec<Line>) = lines.into_iter().partition(|line| line.name.to_lowercase() == own);
    if let Some(line) = of_root.into_iter().next() {
        root = placed(line, &root);
        root.parent = String::new();
    }
    twice(&rest, &mut faults);
    for line in &mut rest {
        if line.parent.to_lowercase() == own {
            line.parent.clear();
        }
    }
    let all = in_order(rest, &root, &mut faults);
    faults.sort_by_key(|fault| fault.line);
    if faults.is_empty() { Ok((root, all)) } else { Err(faults) }
}

/// A head, or a comma or semicolon in the first line, makes it CSV: a name typed by hand has none.
fn is_csv(text: &str) -> bool {
    text.lines().find(|line| !line.trim().is_empty()).is_some_and(|line| line.contains(',') || line.contains(';'))
}

fn indented_lines(text: &str, faults: &mut Vec<Fault>) -> Vec<Line> {
    let mut lines = Vec::new();
    // (how far it is indented, its name) of everything above the present line.
    let mut above: Vec<(usize, String)> = Vec::new();
    for (at, raw) in text.lines().enumerate().filter(|(_, raw)| !raw.trim().is_empty()) {
        let number = at + 1;
        let indent = raw.chars().take_while(|c| c.is_whitespace()).map(|c| if c == '\t' { 4 } else { 1 }).sum();
        above.retain(|(outer, _)| *outer < indent);
        match name(raw.trim().trim_start_matches(['-', '*', '•']).trim()) {
            Ok(name) => {
                let parent = above.last().map(|(_, parent)| parent.clone()).unwrap_or_default();
                above.push((indent, name.clone()));
                lines.push(Line { number, name, parent, ..Line::default() });
            }
            Err(refusal) => faults.push(Fault { line: number, text: refusal.to_string() }),
        }
    }
    lines
}

fn csv_lines(text: &str, faults: &mut Vec<Fault>) -> Vec<Line> {
    let first = text.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
    let delimiter = if first.contains(';') && !first.contains(',') { b';' } else { b',' };
    let mut reader =
        csv::ReaderBuilder::new().has_headers(false).flexible(true).delimiter(delimiter).trim(csv::Trim::All).from_reader(text.as_bytes());
    let mut lines = Vec::new();
    for (at, record) in reader.records().enumerate() {
        let Ok(record) = record else {
            faults.push(Fault { line: at + 1, text: "This line cannot be read as CSV".to_owned() });
            break;
        };
        let number = record.position().map_or(at + 1, |position| usize::try_from(position.line()).unwrap_or(at + 1));
        let cells: Vec<&str> = record.iter().collect();
        let is_head = at == 0 && cells.first().is_some_and(|cell| matches!(cell.to_lowercase().as_str(), "name" | "region"));
        if is_head || cells.iter().all(|cell| cell.is_empty()) {
            continue;
        }
        match csv_line(number, &cells) {
            Ok(line) => lines.push(line),
            Err(texts) => faults.extend(texts.into_iter().map(|text| Fault { line: number, text })),
        }
    }
    lines
}

fn csv_line(number: usize, cells: &[&str]) -> Result<Line, Vec<String>> {
    let cell = |at: usize| cells.get(at).copied().unwrap_or_default();
    let mut wrong = Vec::new();
    if cells.len() > COLUMNS {
        wrong.push(format!("There are {} columns, and {COLUMNS} are read", cells.len()));
    }
    let mut line = Line { number, parent: cell(1).to_owned(), ..Line::default() };
    match name(cell(0)) {
        Ok(name) => line.name = name,
        Err(refusal) => wrong.push(refusal.to_string()),
    }
    if !cell(2).is_empty() {
        line.currency = Currency::parse(&cell(2).to_uppercase());
        if line.currency.is_none() {
            wrong.push(format!("{} is not a currency code like EUR", cell(2)));
        }
    }
    if !cell(3).is_empty() {
        line.time_zone = time_zone(cell(3)).ok();
        if line.time_zone.is_none() {
            wrong.push(format!("{} is not a time zone like Europe/Madrid", cell(3)));
        }
    }
    if !cell(4).is_empty() {
        line.fiscal_start_month = month(cell(4));
        if line.fiscal_start_month.is_none() {
            wrong.push(format!("{} is not a month: write 1 to 12, or its name", cell(4)));
        }
    }
    match cost_centre(cell(5)) {
        Ok(code) => line.cost_centre = code,
        Err(refusal) => wrong.push(refusal.to_string()),
    }
    if wrong.is_empty() { Ok(line) } else { Err(wrong) }
}

/// A month as a number, or as its English name or the first three letters of it.
fn month(text: &str) -> Option<i64> {
    if let Ok(number) = text.parse::<i64>() {
        return (1..=12).contains(&number).then_some(number);
    }
    text.parse::<chrono::Month>().ok().map(|month| i64::from(month.number_from_month()))
}

fn twice(lines: &[Line], faults: &mut Vec<Fault>) {
    let mut first: BTreeMap<String, usize> = BTreeMap::new();
    for line in lines {
        if let Some(earlier) = first.insert(line.name.to_lowercase(), line.number) {
            faults.push(Fault { line: line.number, text: format!("{} stands in line {earlier} already: names are used once", line.name) });
        }
    }
}

/// Parents before children, what was left out taken from the parent. A parent that is missing, or below itself, is a fault.
fn in_order(lines: Vec<Line>, root: &Placed, faults: &mut Vec<Fault>) -> Vec<Placed> {
    let known: BTreeSet<String> = lines.iter().map(|line| line.name.to_lowercase()).collect();
    let mut done: BTreeMap<String, Placed> = BTreeMap::new();
    let mut order = Vec::with_capacity(lines.len());
    let mut waiting = lines;
    loop {
        let before = waiting.len();
        let mut still = Vec::new();
        for line in waiting {
            let parent = line.parent.to_lowercase();
            let above = if parent.is_empty() { Some(root) } else { done.get(&parent) };
            match above {
                Some(above) => {
                    let region = placed(line, above);
                    done.insert(region.name.to_lowercase(), region.clone());
                    order.push(region);
                }
                None => still.push(line),
            }
        }
        waiting = still;
        if waiting.is_empty() || waiting.len() == before {
            break;
        }
    }
    faults.extend(waiting.iter().map(|line| {
        let text = if known.contains(&line.parent.to_lowercase()) {
            format!("{} belongs to {}, which is not placed itself", line.name, line.parent)
        } else {
            format!("There is no region called {} for {} to belong to", line.parent, line.name)
        };
        Fault { line: line.number, text }
    }));
    order
}

fn placed(line: Line, above: &Placed) -> Placed {
    Placed {
        name: line.name,
        parent: line.parent,
        currency: line.currency.unwrap_or(above.currency),
        time_zone: line.time_zone.unwrap_or_else(|| above.time_zone.clone()),
        fiscal_start_month: line.fiscal_start_month.unwrap_or(above.fiscal_start_month),
        cost_centre: line.cost_centre,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn eur() -> Currency {
        Currency::parse("EUR").expect("in the table")
    }

    fn of(text: &str) -> Result<(Placed, Vec<Placed>), Vec<Fault>> {
        read(text, "Halden Group", eur(), "Europe/Berlin", 1)
    }

    fn pairs(text: &str) -> Vec<(String, String)> {
        of(text).expect("no faults").1.into_iter().map(|place| (place.name, place.parent)).collect()
    }

    #[test]
    fn indentation_places_a_region_below_the_line_it_is_indented_under() {
        let found = pairs("EMEA\n  Iberia\n    Spain\n\tDACH\n\nAPAC\n  Japan\n");
        let expected = [("EMEA", ""), ("APAC", ""), ("Iberia", "EMEA"), ("DACH", "Iberia"), ("Japan", "APAC"), ("Spain", "Iberia")];
        let mut expected: Vec<_> = expected.map(|(name, parent)| (name.to_owned(), parent.to_owned())).into();
        let mut found = found;
        found.sort();
        expected.sort();
        assert_eq!(found, expected);
    }

    #[test]
    fn nothing_written_is_the_organisation_alone() {
        let (root, rest) = of("  \n").expect("no faults");
        assert_eq!((root.name.as_str(), root.currency, rest.len()), ("Halden Group", eur(), 0));
    }

    #[test]
    fn csv_takes_what_is_left_out_from_the_parent_in_any_order() {
        let text = "name,parent,currency,time zone,fiscal start,cost centre\nSpain,Iberia,,,,CC-3\nIberia,Halden Group,,Europe/Madrid,April,\n\
                    Halden Group,,GBP,,,HQ\n";
        let (root, rest) = of(text).expect("no faults");
        assert_eq!((root.currency.code(), root.cost_centre.as_str()), ("GBP", "HQ"));
        let spain = rest.iter().find(|place| place.name == "Spain").expect("there");
        assert_eq!((spain.currency.code(), spain.time_zone.as_str(), spain.fiscal_start_month), ("GBP", "Europe/Madrid", 4));
        assert_eq!(rest.iter().map(|place| place.name.as_str()).collect::<Vec<_>>(), ["Iberia", "Spain"]);
    }

    #[test]
    fn every_fault_is_named_with_its_line() {
        let text = "name,parent\nSpain,Nowhere,EURO,Mars/Base,13\nA,B\nB,A\nA,\n,";
        let faults = of(text).expect_err("full of faults");
        let lines: Vec<usize> = faults.iter().map(|fault| fault.line).collect();
        assert_eq!(lines, [2, 2, 2, 5]);
        let faults = of("name,parent\r\nSpain,Nowhere\r\nA,B\r\nB,A\r\n").expect_err("nowhere, and in a circle");
        assert_eq!(faults.iter().map(|fault| fault.line).collect::<Vec<_>>(), [2, 3, 4]);
    }
}
