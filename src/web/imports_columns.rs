//! Which column of a file is which field.

use std::collections::BTreeMap;

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;

use super::Portal;
use super::choices::{self, Choice};
use super::error::{WebError, status_of};
use super::form::{Errors, Posted};
use super::guard::{Allowed, RunImports};
use super::imports::{STEPS, find, is_own};
use super::page::{Shell, see_other};
use super::transactions::thousands;
use crate::actions::imports::mapping::{self, Columns, OPEN_STATES, has_kind, with_columns};
use crate::actions::imports::saved;
use crate::actions::imports::setup::{Setup, Survey};
use crate::domain::currency::Currency;
use crate::domain::id::MappingId;
use crate::domain::import::{DateOrder, Field, FieldKind, NumberStyle};
use crate::domain::refusal::Refusal;
use crate::store::failure::Failure;
use crate::store::imports::{self, ImportRow};

/// One column of the file.
struct ColumnLine {
    name: String,
    header: String,
    filled: String,
    permille: i64,
    samples: String,
    chosen: &'static str,
}

#[derive(Template)]
#[template(path = "imports/columns.html")]
struct ColumnsPage {
    shell: Shell,
    crumbs: Vec<(String, String)>,
    steps: &'static [&'static str],
    errors: Errors,
    id: String,
    version: i64,
    kind: String,
    rows: String,
    failure: String,
    same: String,
    columns: Vec<ColumnLine>,
    fields: Vec<(&'static str, &'static str)>,
    currencies: Vec<Choice>,
    currency: String,
    zones: Vec<&'static str>,
    zone: String,
    ask_numbers: bool,
    numbers: &'static str,
    number_styles: [(&'static str, &'static str, &'static str); 2],
    ask_dates: bool,
    dates: &'static str,
    date_orders: [(&'static str, &'static str, &'static str); 2],
    mapping_name: String,
    recalled: bool,
    saved: Vec<Choice>,
    chosen: String,
}

const NUMBER_STYLES: [(&str, &str, &str); 2] =
    [("point", "Decimal point", "1,234.56 is one thousand two hundred and a bit"), ("comma", "Decimal comma", "1.234,56 is the same")];
const DATE_ORDERS: [(&str, &str, &str); 2] =
    [("day_first", "Day first", "03/04/2026 is 3 April"), ("month_first", "Month first", "03/04/2026 is March 4")];

/// What the form holds.
struct Held {
    columns: Columns,
    ask_numbers: bool,
    ask_dates: bool,
}

fn held(setup: &Setup) -> Held {
    let mapping = &setup.mapping;
    let columns = Columns {
        columns: mapping.columns.clone(),
        currency: mapping.fixed.currency,
        numbers: mapping.numbers,
        dates: mapping.dates,
        time_zone: mapping.time_zone.clone(),
        name: setup.name.clone(),
    };
    let (_, ask_numbers, ask_dates) = with_columns(setup, &columns);
    Held { columns, ask_numbers, ask_dates }
}

fn read(row: &ImportRow, who: &Allowed<RunImports>) -> Result<(Setup, Survey), WebError> {
    if !is_own(row, who) || !OPEN_STATES.contains(&row.state.as_str()) {
        return Err(Refusal::NotFound.into());
    }
    let setup = Setup::read(&row.mapping).ok_or(Refusal::NotFound)?;
    let survey = setup.survey.clone().ok_or(Refusal::NotFound)?;
    Ok((setup, survey))
}

/// `GET /imports/{id}/columns`.
pub async fn page(
    req: HttpRequest,
    portal: web::Data<Portal>,
    who: Allowed<RunImports>,
    path: web::Path<String>,
) -> Result<HttpResponse, WebError> {
    let row = find(&portal, &who, &path).await?;
    let Ok((setup, survey)) = read(&row, &who) else { return Ok(see_other(&portal, &format!("/imports/{}", row.id), None)) };
    let mut held = held(&setup);
    if setup.name.is_empty() && held.columns.time_zone == "UTC" {
        let mut read = portal.read(&who).await?;
        choices::zone(&mut read).await?.name().clone_into(&mut held.columns.time_zone);
    }
    show(&req, &portal, &who, &row, &survey, held, StatusCode::OK, Errors::none()).await
}

#[expect(clippy::too_many_arguments, reason = "what the page holds, for its first showing and for one with what is wrong in it")]
async fn show(
    req: &HttpRequest,
    portal: &Portal,
    who: &Allowed<RunImports>,
    row: &ImportRow,
    survey: &Survey,
    held: Held,
    status: StatusCode,
    errors: Errors,
) -> Result<HttpResponse, WebError> {
    let mut read = portal.read(who).await?;
    let currencies = choices::currencies(&mut read).await?;
    let same = imports::same_file(&mut read, &who.reach(), Some(who.person.id), row).await?;
    let saved = saved::fitting(&mut read, row.source_id, &survey.headers()).await?;
    drop(read);
    let shell = Shell::new(req, portal, who, format!("Columns of {}", row.file_name)).with_errors(!errors.is_empty());
    let same = same.first().map(|row| row.id.to_string()).unwrap_or_default();
    let page = made(shell, row, survey, held, errors, (currencies, same, saved));
    page.shell.answer(status, &page)
}

/// The page's data; the last argument is what was read for it: currencies, an earlier import of the same file, the saved mappings that
/// fit it.
fn made(
    shell: Shell,
    row: &ImportRow,
    survey: &Survey,
    held: Held,
    errors: Errors,
    (currencies, same, saved): (Vec<Choice>, String, Vec<(MappingId, String)>),
) -> ColumnsPage {
    let columns = held.columns;
    let chosen = saved.iter().find(|(_, name)| *name == columns.name).map(|(id, _)| id.to_string()).unwrap_or_default();
    ColumnsPage {
        shell,
        crumbs: vec![("/imports".to_owned(), "Imports".to_owned()), (format!("/imports/{}", row.id), row.file_name.clone())],
        steps: STEPS,
        errors,
        id: row.id.to_string(),
        version: row.version,
        kind: survey.kind.clone(),
        rows: thousands(survey.rows as i64),
        failure: row.failure.clone(),
        same,
        columns: lines(survey, &columns),
        fields: Field::all().iter().map(|field| (field.key(), field.label())).collect(),
        currencies,
        currency: columns.currency.map(|currency| currency.code().to_owned()).unwrap_or_default(),
        zones: choices::zones(),
        zone: columns.time_zone,
        ask_numbers: held.ask_numbers,
        numbers: columns.numbers.map_or("", |style| if style == NumberStyle::Point { "point" } else { "comma" }),
        number_styles: NUMBER_STYLES,
        ask_dates: held.ask_dates,
        dates: columns.dates.map_or("", |order| if order == DateOrder::DayFirst { "day_first" } else { "month_first" }),
        date_orders: DATE_ORDERS,
        recalled: !chosen.is_empty(),
        // The one that is filled in already is no choice.
        saved: if saved.len() > usize::from(!chosen.is_empty()) { choices_of(saved) } else { Vec::new() },
        chosen,
        mapping_name: columns.name,
    }
}

fn choices_of(saved: Vec<(MappingId, String)>) -> Vec<Choice> {
    saved.into_iter().map(|(id, name)| (id.to_string(), name)).collect()
}

fn lines(survey: &Survey, columns: &Columns) -> Vec<ColumnLine> {
    let line = |(at, column): (usize, &crate::actions::imports::setup::Column)| {
        let permille = (column.filled * 1000).checked_div(survey.rows).unwrap_or(0);
        ColumnLine {
            name: format!("column-{at}"),
            header: column.header.clone(),
            filled: format!("{} %", permille / 10),
            permille: permille as i64,
            samples: column.samples.join(" · "),
            chosen: columns.columns.iter().find(|(_, header)| **header == column.header).map_or("", |(field, _)| field.key()),
        }
    };
    survey.columns.iter().enumerate().map(line).collect()
}

/// `POST /imports/{id}/columns`.
pub async fn submit(
    req: HttpRequest,
    portal: web::Data<Portal>,
    who: Allowed<RunImports>,
    path: web::Path<String>,
    Posted(fields): Posted<Vec<(String, String)>>,
) -> Result<HttpResponse, WebError> {
    let row = find(&portal, &who, &path).await?;
    let (setup, survey) = read(&row, &who)?;
    let mut errors = Errors::none();
    let (version, columns) = typed(&fields, &survey, &mut errors)?;
    let (mapping, ask_numbers, ask_dates) = with_columns(&setup, &columns);
    if !columns.columns.contains_key(&Field::AmountIssued) {
        errors.add("columns", "Choose the column that holds the amount issued");
    }
    if columns.currency.is_none() && !columns.columns.contains_key(&Field::CurrencyCode) {
        errors.add("currency", "Choose the column that holds the currency, or one currency for the whole file");
    }
    let numbers = has_kind(&mapping, &[FieldKind::Amount, FieldKind::BaseAmount, FieldKind::Rate]);
    if numbers && mapping.numbers.is_none() {
        errors.add("numbers", "Say whether numbers have a decimal point or a decimal comma");
    }
    if has_kind(&mapping, &[FieldKind::Day, FieldKind::Time]) && mapping.dates.is_none() {
        errors.add("dates", "Say whether dates begin with the day or with the month");
    }
    if errors.is_empty() {
        match mapping::save_columns(&portal.store, who.actor.clone(), row.id, version, columns.clone()).await {
            Ok(()) => return Ok(see_other(&portal, &format!("/imports/{}/values", row.id), None)),
            Err(Failure::Refused(refusal @ (Refusal::Stale | Refusal::State(_)))) => {
                let held = Held { columns, ask_numbers, ask_dates };
                return show(&req, &portal, &who, &row, &survey, held, status_of(&refusal), Errors::of(&refusal)).await;
            }
            Err(failure) => return Err(failure.into()),
        }
    }
    show(&req, &portal, &who, &row, &survey, Held { columns, ask_numbers, ask_dates }, StatusCode::UNPROCESSABLE_ENTITY, errors).await
}

/// What was sent: the version, and the columns as far as they make sense.
fn typed(fields: &[(String, String)], survey: &Survey, errors: &mut Errors) -> Result<(i64, Columns), WebError> {
    let (mut columns, mut version) = (Columns::default(), None);
    let mut chosen: BTreeMap<Field, String> = BTreeMap::new();
    for (name, value) in fields {
        match name.as_str() {
            "version" => version = value.parse().ok(),
            "currency" => columns.currency = Currency::parse(value),
            "numbers" => {
                columns.numbers =
                    [("point", NumberStyle::Point), ("comma", NumberStyle::Comma)].into_iter().find(|one| one.0 == value).map(|one| one.1);
            }
            "dates" => {
                let orders = [("day_first", DateOrder::DayFirst), ("month_first", DateOrder::MonthFirst)];
                columns.dates = orders.into_iter().find(|one| one.0 == value).map(|one| one.1);
            }
            "zone" if value.parse::<chrono_tz::Tz>().is_ok() => columns.time_zone.clone_from(value),
            "zone" => errors.add("zone", "Choose a time zone"),
            "name" => {
                columns.name = value.split_whitespace().collect::<Vec<_>>().join(" ");
                if columns.name.chars().count() > 80 {
                    errors.add("name", "A name has at most 80 characters");
                }
            }
            _ => {
                let header = name.strip_prefix("column-").and_then(|at| at.parse::<usize>().ok()).and_then(|at| survey.columns.get(at));
                let header = header.ok_or(WebError::Malformed("A field of the form is unknown. Go back and send it again."))?;
                let Some(field) = Field::parse(value) else { continue };
                if let Some(other) = chosen.insert(field, header.header.clone()) {
                    errors.add(name, format!("{} is chosen for “{other}” and for “{}”", field.label(), header.header));
                }
            }
        }
    }
    columns.columns = chosen;
    let version = version.ok_or(WebError::Malformed("A field of the form is missing. Go back and send it again."))?;
    Ok((version, columns))
}
