//! Charts as SVG drawn by the server: pure geometry here, the drawing in `templates/charts`. Every point leads to its list, the same
//! figures follow as a table, and the caption is a sentence that says the finding. A chart prints itself: `{{ chart }}`.

mod scale;

use askama::Template;

use super::budgets_groups::amount;
use crate::domain::currency::Currency;

use scale::{Scale, Tick};

pub use scale::compact;

/// Width of the drawing; the page scales it.
pub const WIDTH: f64 = 720.0;
/// Height of the drawing.
pub const HEIGHT: f64 = 250.0;
const LEFT: f64 = 52.0;
/// The drawing keeps room at the right for the names of the lines.
const RIGHT_LINE: f64 = 632.0;
const RIGHT_BARS: f64 = 712.0;
const TOP: f64 = 22.0;
const BOTTOM: f64 = 216.0;
const LABEL_Y: f64 = 240.0;
/// Above this many points only the table is linked: nobody wants that many tab stops.
const MOST_LINKS: usize = 15;

/// One month of a chart.
#[derive(Clone, Debug)]
pub struct Point {
    /// On the axis and in the table: `Jan`.
    pub label: String,
    /// Minor units; what 64 bits do not hold is drawn, and said to be too large in the table.
    pub value: i128,
    /// The list behind the figure; empty where there is none.
    pub href: String,
    /// What a screen reader says: `Jan 2026: 480,000.00 EUR available; show transactions`.
    pub aria: String,
}

/// What a line chart is made of.
#[derive(Clone, Debug)]
pub struct LineSpec {
    /// Unique on the page, the prefix of the ids inside.
    pub id: String,
    /// Name of the drawing: `Burn-down of EMEA recognition, January to December 2026`.
    pub title: String,
    /// The sentence above it that says the finding.
    pub caption: String,
    /// Name of the line: `Available`.
    pub name: String,
    /// The one currency of all values.
    pub currency: Currency,
    /// Labels of the whole axis, past and future; the points stand at its beginning.
    pub axis: Vec<String>,
    /// What happened, oldest first; at most as many as `axis` has labels.
    pub points: Vec<Point>,
    /// The plan, one value for each label of the axis.
    pub plan: Option<Vec<i64>>,
    /// Values after the last point, if today's rate goes on.
    pub forecast: Option<Vec<i64>>,
}

/// What a bar chart is made of.
#[derive(Clone, Debug)]
pub struct BarSpec {
    /// Unique on the page, the prefix of the ids inside.
    pub id: String,
    /// Name of the drawing.
    pub title: String,
    /// The sentence above it that says the finding.
    pub caption: String,
    /// Name of the figures: `Spent`.
    pub name: String,
    /// The one currency of all values.
    pub currency: Currency,
    /// One bar each, oldest first.
    pub bars: Vec<Point>,
}

/// A label below the drawing; every second one is left out where there is little room.
#[derive(Debug)]
struct Mark {
    x: String,
    label: String,
    alt: bool,
}

#[derive(Debug)]
struct Line {
    points: String,
    end_x: String,
    end_y: String,
    /// Another line goes on where this one ends.
    early: bool,
}

#[derive(Debug)]
struct Dot {
    x: String,
    y: String,
    href: String,
    aria: String,
}

#[derive(Debug)]
struct Bar {
    x: String,
    y: String,
    width: String,
    height: String,
    hit_x: String,
    hit_width: String,
    href: String,
    aria: String,
}

#[derive(Debug)]
struct Row {
    label: String,
    href: String,
    value: String,
    plan: String,
}

/// A line chart, ready to print.
#[derive(Debug, Template)]
#[template(path = "charts/line.html")]
pub struct LineChart {
    id: String,
    title: String,
    desc: String,
    caption: String,
    name: String,
    currency: Currency,
    left: String,
    right: String,
    tick_x: String,
    label_y: String,
    ticks: Vec<Tick>,
    marks: Vec<Mark>,
    area: Option<String>,
    actual: Option<Line>,
    plan: Option<Line>,
    forecast: Option<Line>,
    dots: Vec<Dot>,
    rows: Vec<Row>,
}

/// A bar chart, ready to print.
#[derive(Debug, Template)]
#[template(path = "charts/bars.html")]
pub struct BarChart {
    id: String,
    title: String,
    desc: String,
    caption: String,
    name: String,
    currency: Currency,
    left: String,
    right: String,
    tick_x: String,
    label_y: String,
    top: String,
    plot_height: String,
    ticks: Vec<Tick>,
    marks: Vec<Mark>,
    bars: Vec<Bar>,
    rows: Vec<Row>,
}

// Their templates escape what they are given: what they print is HTML already.
impl askama::filters::HtmlSafe for LineChart {}
impl askama::filters::HtmlSafe for BarChart {}

impl LineChart {
    /// Lays the chart out. Without points it is an empty grid with its plan.
    pub fn new(spec: LineSpec) -> Self {
        let slots = spec.axis.len().max(spec.points.len());
        let values: Vec<i128> = spec.points.iter().map(|point| point.value).collect();
        let wide = |line: Option<Vec<i64>>| -> Vec<i128> { line.unwrap_or_default().into_iter().map(i128::from).collect() };
        let (plan, ahead) = (wide(spec.plan), wide(spec.forecast));
        let scale = Scale::over(values.iter().chain(&plan).chain(&ahead).copied(), spec.currency);
        let at = |slot: usize| slot_x(slot, slots);
        let place = |from: usize, line: &[i128]| -> Vec<(f64, f64)> {
            line.iter().enumerate().filter(|(i, _)| from + i < slots).map(|(i, value)| (at(from + i), scale.y(*value))).collect()
        };
        let actual = place(0, &values);
        let onward: Vec<i128> = values.last().into_iter().chain(&ahead).copied().collect();
        let mut lines = [
            line(&actual),
            line(&place(0, &plan)),
            if ahead.is_empty() { None } else { line(&place(values.len().saturating_sub(1), &onward)) },
        ];
        if let [Some((shown, _)), _, Some(_)] = &mut lines {
            shown.early = true;
        }
        part_labels(&mut lines);
        let [(shown, _), (plan_line, _), (forecast, _)] = lines.map(Option::unzip);
        let linked = spec.points.len() <= MOST_LINKS;
        let dots = spec.points.iter().zip(&actual).filter(|(point, _)| linked && !point.href.is_empty());
        Self {
            desc: describe("Line", spec.points.len(), linked),
            left: n(LEFT),
            right: n(RIGHT_LINE),
            tick_x: n(LEFT - 8.0),
            label_y: n(LABEL_Y),
            ticks: scale.ticks(),
            marks: marks(spec.axis.iter(), at),
            area: area(&actual, scale.y(0)),
            dots: dots.map(|(point, (x, y))| Dot { x: n(*x), y: n(*y), href: point.href.clone(), aria: point.aria.clone() }).collect(),
            rows: rows(&spec.points, &plan, spec.currency),
            actual: shown,
            plan: plan_line,
            forecast,
            id: spec.id,
            title: spec.title,
            caption: spec.caption,
            name: spec.name,
            currency: spec.currency,
        }
    }
}

impl BarChart {
    /// Lays the chart out. A value below zero hangs below the zero line.
    pub fn new(spec: BarSpec) -> Self {
        let scale = Scale::over(spec.bars.iter().map(|bar| bar.value), spec.currency);
        let pitch = (RIGHT_BARS - LEFT) / spec.bars.len().max(1) as f64;
        let width = (pitch * 0.62).min(44.0);
        let zero = scale.y(0);
        let linked = spec.bars.len() <= MOST_LINKS;
        let middle = |slot: usize| LEFT + pitch * (slot as f64 + 0.5);
        let bars = spec.bars.iter().enumerate().filter(|(_, bar)| !bar.href.is_empty()).map(|(i, bar)| {
            let y = scale.y(bar.value);
            Bar {
                x: n(middle(i) - width / 2.0),
                y: n(y.min(zero)),
                width: n(width),
                height: n((y - zero).abs()),
                hit_x: n(middle(i) - pitch / 2.0),
                hit_width: n(pitch),
                href: bar.href.clone(),
                aria: bar.aria.clone(),
            }
        });
        Self {
            desc: describe("Bar", spec.bars.len(), linked),
            left: n(LEFT),
            right: n(RIGHT_BARS),
            tick_x: n(LEFT - 8.0),
            label_y: n(LABEL_Y),
            top: n(TOP),
            plot_height: n(BOTTOM - TOP),
            ticks: scale.ticks(),
            marks: marks(spec.bars.iter().map(|bar| &bar.label), middle),
            bars: bars.collect(),
            rows: rows(&spec.bars, &[], spec.currency),
            id: spec.id,
            title: spec.title,
            caption: spec.caption,
            name: spec.name,
            currency: spec.currency,
        }
    }
}

fn slot_x(slot: usize, slots: usize) -> f64 {
    LEFT + 10.0 + (RIGHT_LINE - LEFT - 20.0) * slot as f64 / slots.saturating_sub(1).max(1) as f64
}

fn marks<'a>(labels: impl Iterator<Item = &'a String>, at: impl Fn(usize) -> f64) -> Vec<Mark> {
    labels.enumerate().map(|(i, label)| Mark { x: n(at(i)), label: label.clone(), alt: i % 2 == 1 }).collect()
}

fn line(points: &[(f64, f64)]) -> Option<(Line, f64)> {
    let (x, y) = *points.last()?;
    Some((Line { points: polyline(points), end_x: n(x + 10.0), end_y: String::new(), early: false }, y))
}

/// Names at the ends of lines keep 14 units of distance, so that none covers another.
fn part_labels(lines: &mut [Option<(Line, f64)>; 3]) {
    let mut ends: Vec<&mut (Line, f64)> = lines.iter_mut().flatten().collect();
    ends.sort_by(|a, b| a.1.total_cmp(&b.1));
    let mut free = f64::NEG_INFINITY;
    for (line, y) in ends {
        let text_y = (*y + if line.early { -7.0 } else { 4.0 }).max(free);
        line.end_y = n(text_y);
        free = text_y + 14.0;
    }
}

fn area(points: &[(f64, f64)], zero: f64) -> Option<String> {
    let ((first, _), (last, _)) = (points.first()?, points.last()?);
    Some(format!("{},{zero} {} {},{zero}", n(*first), polyline(points), n(*last), zero = n(zero)))
}

fn rows(points: &[Point], plan: &[i128], currency: Currency) -> Vec<Row> {
    let row = |(i, point): (usize, &Point)| Row {
        label: point.label.clone(),
        href: point.href.clone(),
        value: amount(point.value, Some(currency)),
        plan: plan.get(i).map(|value| amount(*value, Some(currency))).unwrap_or_default(),
    };
    points.iter().enumerate().map(row).collect()
}

fn describe(kind: &str, count: usize, linked: bool) -> String {
    let links = if linked { "; each is a link to the list behind it" } else { "" };
    format!("{kind} chart of {count} figures{links}. The same figures are in the table below the chart.")
}

fn polyline(points: &[(f64, f64)]) -> String {
    points.iter().map(|(x, y)| format!("{},{}", n(*x), n(*y))).collect::<Vec<_>>().join(" ")
}

/// A coordinate with at most one digit after the point.
fn n(value: f64) -> String {
    let text = format!("{value:.1}");
    text.strip_suffix(".0").map_or(text.clone(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn point(label: &str, value: i128) -> Point {
        Point { label: label.into(), value, href: format!("/transactions?month={label}"), aria: format!("{label}: {value}") }
    }

    fn eur() -> Currency {
        Currency::parse("EUR").expect("EUR is a currency")
    }

    #[test]
    fn known_values_give_known_coordinates() {
        let chart = LineChart::new(LineSpec {
            id: "burn".into(),
            title: "Burn-down".into(),
            caption: "It lasts until March.".into(),
            name: "Available".into(),
            currency: eur(),
            axis: vec!["Jan".into(), "Feb".into(), "Mar".into()],
            points: vec![point("Jan", 50_000_000), point("Feb", 25_000_000)],
            plan: Some(vec![50_000_000, 25_000_000, 0]),
            forecast: Some(vec![0]),
        });
        assert_eq!(chart.actual.as_ref().map(|line| line.points.as_str()), Some("62,22 342,119"));
        assert_eq!(chart.forecast.as_ref().map(|line| line.points.as_str()), Some("342,119 622,216"));
        assert_eq!(chart.area.as_deref(), Some("62,216 62,22 342,119 342,216"));
        let labels: Vec<_> = chart.ticks.iter().map(|tick| (tick.label.as_str(), tick.y.as_str())).collect();
        assert_eq!(labels, [("0", "216"), ("100k", "177.2"), ("200k", "138.4"), ("300k", "99.6"), ("400k", "60.8"), ("500k", "22")]);
        let html = chart.render().expect("a chart prints");
        assert!(html.contains(r#"aria-label="Feb: 25000000""#), "{html}");
        assert!(html.contains("250,000.00"), "{html}");
        assert!(!html.contains("style="), "{html}");
    }

    #[test]
    fn bars_below_zero_hang_and_empty_charts_stand() {
        let spec =
            |bars| BarSpec { id: "m".into(), title: "Spend".into(), caption: "Spend.".into(), name: "Spent".into(), currency: eur(), bars };
        let chart = BarChart::new(spec(vec![point("Jan", 10_000), point("Feb", -10_000)]));
        assert_eq!((chart.bars[0].y.as_str(), chart.bars[0].height.as_str()), ("22", "97"));
        assert_eq!((chart.bars[1].y.as_str(), chart.bars[1].height.as_str()), ("119", "97"));
        assert!(BarChart::new(spec(vec![])).render().is_ok());
    }
}
