//! What the values in a file mean: which region, which budget, which state.

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
use crate::actions::imports::mapping::{self, Meanings, OPEN_STATES};
use crate::actions::imports::setup::{Setup, Survey, VALUES_MOST};
use crate::actions::imports::{check, choices as offered};
use crate::domain::id::{BudgetId, RegionId};
use crate::domain::import::field::normal;
use crate::domain::import::words::Axis;
use crate::domain::import::{Field, Mapping};
use crate::domain::refusal::Refusal;
use crate::domain::transaction::{Channel, DeliveryStatus, OrderStatus, RedemptionStatus};
use crate::store::failure::Failure;
use crate::store::imports::ImportRow;
use crate::store::regions;

/// One value of a column.
struct ValueLine {
    name: String,
    value: String,
    rows: String,
    chosen: String,
}

/// The values of one column, and what they can mean.
struct Group {
    id: &'static str,
    title: &'static str,
    hint: String,
    header: String,
    any: &'static str,
    options: Vec<Choice>,
    lines: Vec<ValueLine>,
}

#[derive(Template)]
#[template(path = "imports/values.html")]
struct ValuesPage {
    shell: Shell,
    crumbs: Vec<(String, String)>,
    steps: &'static [&'static str],
    errors: Errors,
    id: String,
    version: i64,
    groups: Vec<Group>,
    region_label: &'static str,
    region_any: &'static str,
    region: String,
    regions: Vec<Choice>,
    budget: String,
    budgets: Vec<Choice>,
    budget_label: &'static str,
}

/// What she may choose from.
struct Offer {
    regions: Vec<Choice>,
    budgets: Vec<Choice>,
}

async fn offer(portal: &Portal, who: &Allowed<RunImports>) -> Result<Offer, WebError> {
    let mut read = portal.read(who).await?;
    let places = choices::places(&mut read, &who.reach()).await?;
    let (regions, budgets) = offered(&mut read, &who.reach()).await?;
    drop(read);
    let names = regions::labels(&regions);
    let open = budgets.into_iter().filter(|budget| budget.status != "closed");
    let spelled = open.map(|budget| {
        let region = names.get(&budget.region_id).cloned().unwrap_or_default();
        (
            budget.id.to_string(),
            format!("{}, {region}, {}, {} to {}", budget.name, budget.currency, budget.period_start.iso(), budget.period_end.iso()),
        )
    });
    Ok(Offer { regions: places, budgets: spelled.collect() })
}

fn read(row: &ImportRow, who: &Allowed<RunImports>) -> Result<(Setup, Survey), WebError> {
    if !is_own(row, who) || !OPEN_STATES.contains(&row.state.as_str()) {
        return Err(Refusal::NotFound.into());
    }
    let setup = Setup::read(&row.mapping).ok_or(Refusal::NotFound)?;
    let survey = setup.survey.clone().ok_or(Refusal::NotFound)?;
    Ok((setup, survey))
}

/// `GET /imports/{id}/values`.
pub async fn page(
    req: HttpRequest,
    portal: web::Data<Portal>,
    who: Allowed<RunImports>,
    path: web::Path<String>,
) -> Result<HttpResponse, WebError> {
    let row = find(&portal, &who, &path).await?;
    let Ok((setup, survey)) = read(&row, &who) else { return Ok(see_other(&portal, &format!("/imports/{}", row.id), None)) };
    show(&req, &portal, &who, &row, (&setup.mapping, &survey), StatusCode::OK, Errors::none()).await
}

async fn show(
    req: &HttpRequest,
    portal: &Portal,
    who: &Allowed<RunImports>,
    row: &ImportRow,
    (mapping, survey): (&Mapping, &Survey),
    status: StatusCode,
    errors: Errors,
) -> Result<HttpResponse, WebError> {
    let offer = offer(portal, who).await?;
    let has_regions = mapping.columns.contains_key(&Field::Region);
    let page = ValuesPage {
        shell: Shell::new(req, portal, who, format!("Values of {}", row.file_name)).with_errors(!errors.is_empty()),
        crumbs: vec![("/imports".to_owned(), "Imports".to_owned()), (format!("/imports/{}", row.id), row.file_name.clone())],
        steps: STEPS,
        errors,
        id: row.id.to_string(),
        version: row.version,
        groups: groups(mapping, survey, &offer),
        region_label: if has_regions { "Region of rows that name none" } else { "Region of every row" },
        region_any: if has_regions { "None: such rows are refused" } else { "Choose a region" },
        region: mapping.fixed.region.map(|id| id.to_string()).unwrap_or_default(),
        regions: offer.regions,
        budget_label: if mapping.columns.contains_key(&Field::Budget) { "Budget of rows that name none" } else { "Budget of every row" },
        budget: mapping.fixed.budget.map(|id| id.to_string()).unwrap_or_default(),
        budgets: offer.budgets,
    };
    page.shell.answer(status, &page)
}

/// A column's header, its different values with how often each occurs, and how many of its cells are filled.
type Values<'s> = (&'s str, &'s [(String, u64)], u64);

/// The values of the column that a field is read from.
fn values<'s>(mapping: &Mapping, survey: &'s Survey, field: Field) -> Option<Values<'s>> {
    let column = survey.column(mapping.columns.get(&field)?)?;
    Some((&column.header, &column.values, column.filled))
}

fn groups(mapping: &Mapping, survey: &Survey, offer: &Offer) -> Vec<Group> {
    let mut groups = Vec::new();
    if let Some((header, values, filled)) = values(mapping, survey, Field::Region) {
        let chosen = |value: &str| mapping.regions.get(value).map(RegionId::to_string).unwrap_or_default();
        let lines = lines("region", values, |value| Some(chosen(value)));
        let hint = hint(values, filled, &lines);
        let any = "Not imported: rows are refused";
        groups.push(Group { id: "regions", title: "Regions", hint, header: header.to_owned(), any, options: offer.regions.clone(), lines });
    }
    if let Some((header, values, filled)) = values(mapping, survey, Field::Budget) {
        let chosen = |value: &str| mapping.budgets.get(value).map(BudgetId::to_string).unwrap_or_default();
        let lines = lines("budget", values, |value| Some(chosen(value)));
        let hint = hint(values, filled, &lines);
        let any = "Not imported: rows are refused";
        groups.push(Group { id: "budgets", title: "Budgets", hint, header: header.to_owned(), any, options: offer.budgets.clone(), lines });
    }
    words(mapping, survey, Field::Channel, &mapping.words.channel, &mut groups);
    words(mapping, survey, Field::OrderStatus, &mapping.words.order_status, &mut groups);
    words(mapping, survey, Field::DeliveryStatus, &mapping.words.delivery_status, &mut groups);
    words(mapping, survey, Field::RedemptionStatus, &mapping.words.redemption_status, &mut groups);
    groups
}

/// The values, each with what it means so far; those for which `chosen` gives `None` need no rule.
fn lines(prefix: &str, values: &[(String, u64)], chosen: impl Fn(&str) -> Option<String>) -> Vec<ValueLine> {
    let line = |(at, (value, rows)): (usize, &(String, u64))| {
        let chosen = chosen(value)?;
        Some(ValueLine { name: format!("{prefix}-{at}"), value: value.clone(), rows: thousands(*rows as i64), chosen })
    };
    values.iter().enumerate().filter_map(line).collect()
}

fn hint(values: &[(String, u64)], filled: u64, lines: &[ValueLine]) -> String {
    if values.is_empty() && filled > 0 {
        return format!("This column has more than {VALUES_MOST} different values. Choose another column, or one for the whole file.");
    }
    let open: u64 = values.iter().zip(lines).filter(|(_, line)| line.chosen.is_empty()).map(|((_, rows), _)| rows).sum();
    match open {
        0 => "Every value is mapped.".to_owned(),
        open => format!("{} rows have a value that is not mapped yet; they would be refused.", thousands(open as i64)),
    }
}

/// A status axis as a form shows it.
trait Spoken: Axis {
    const ALL: fn() -> &'static [Self];
    fn spelled(self) -> (&'static str, &'static str);
    fn read(code: &str) -> Option<Self>;
}

macro_rules! spoken {
    ($($axis:ident),+) => {
        $(
            impl Spoken for $axis {
                const ALL: fn() -> &'static [Self] = Self::all;
                fn spelled(self) -> (&'static str, &'static str) {
                    (self.code(), self.label())
                }
                fn read(code: &str) -> Option<Self> {
                    Self::parse(code)
                }
            }
        )+
    };
}
spoken!(Channel, OrderStatus, DeliveryStatus, RedemptionStatus);

/// The words of a status column that are not known anyway.
fn words<T: Spoken>(mapping: &Mapping, survey: &Survey, field: Field, rules: &BTreeMap<String, T>, groups: &mut Vec<Group>) {
    let Some((header, values, filled)) = values(mapping, survey, field) else { return };
    let chosen = |value: &str| match rules.get(value) {
        Some(rule) => Some(rule.spelled().0.to_owned()),
        None if T::known(&normal(value)).is_some() => None,
        None => Some(String::new()),
    };
    let lines = lines(field.key(), values, chosen);
    if lines.is_empty() && (!values.is_empty() || filled == 0) {
        return;
    }
    let options = T::ALL().iter().map(|one| (one.spelled().0.to_owned(), one.spelled().1.to_owned())).collect();
    let hint = if values.is_empty() {
        hint(values, filled, &lines)
    } else {
        "These words are not known; the others are understood as they are.".to_owned()
    };
    let any = "Not imported: rows are refused";
    groups.push(Group { id: field.key(), title: field.label(), hint, header: header.to_owned(), any, options, lines });
}

/// `POST /imports/{id}/values`: keeps the rules and asks for the dry run.
pub async fn submit(
    req: HttpRequest,
    portal: web::Data<Portal>,
    who: Allowed<RunImports>,
    path: web::Path<String>,
    Posted(fields): Posted<Vec<(String, String)>>,
) -> Result<HttpResponse, WebError> {
    let row = find(&portal, &who, &path).await?;
    let (mut setup, survey) = read(&row, &who)?;
    let (version, meanings) = typed(&fields, &setup.mapping, &survey)?;
    let mut errors = without_region(&meanings, &setup.mapping);
    let saved = if errors.is_empty() {
        mapping::save_values(&portal.store, who.actor.clone(), row.id, version, meanings.clone()).await
    } else {
        Err(Refusal::State(String::new()).into())
    };
    let status = match saved {
        Ok(()) => {
            let row = find(&portal, &who, &path).await?;
            check::request(&portal.store, who.actor.clone(), row.id, row.version).await?;
            return Ok(see_other(&portal, &format!("/imports/{}/check", row.id), None));
        }
        Err(_) if !errors.is_empty() => StatusCode::UNPROCESSABLE_ENTITY,
        Err(Failure::Refused(refusal @ (Refusal::Stale | Refusal::State(_)))) => {
            errors = Errors::of(&refusal);
            status_of(&refusal)
        }
        Err(failure) => return Err(failure.into()),
    };
    setup.mapping.fixed.region = meanings.region;
    setup.mapping.fixed.budget = meanings.budget;
    setup.mapping.regions.extend(meanings.regions.into_iter().filter_map(|(value, region)| Some((value, region?))));
    setup.mapping.budgets.extend(meanings.budgets.into_iter().filter_map(|(value, budget)| Some((value, budget?))));
    show(&req, &portal, &who, &row, (&setup.mapping, &survey), status, errors).await
}

/// What is wrong when no row could ever have a region.
fn without_region(meanings: &Meanings, mapping: &Mapping) -> Errors {
    let mut errors = Errors::none();
    if meanings.region.is_none() && !mapping.columns.contains_key(&Field::Region) {
        errors.add("region", "Choose the region of every row");
    } else if meanings.region.is_none() && meanings.regions.values().flatten().next().is_none() {
        errors.add("region", "Say for at least one value which region it is, or choose one region for the whole file");
    }
    errors
}

/// What was sent: the version and the rules. Values are named by their place, which does not change while the import lasts.
fn typed(fields: &[(String, String)], mapping: &Mapping, survey: &Survey) -> Result<(i64, Meanings), WebError> {
    const UNKNOWN: WebError = WebError::Malformed("A field of the form is unknown. Go back and send it again.");
    let (mut meanings, mut version) = (Meanings::default(), None);
    let value = |field: Field, at: &str| -> Option<String> {
        let (_, values, _) = values(mapping, survey, field)?;
        values.get(at.parse::<usize>().ok()?).map(|(value, _)| value.clone())
    };
    let id_or_none = |text: &str| if text.is_empty() { Ok(None) } else { RegionId::parse(text).map(Some).ok_or(Refusal::NotFound) };
    let budget_or_none = |text: &str| if text.is_empty() { Ok(None) } else { BudgetId::parse(text).map(Some).ok_or(Refusal::NotFound) };
    for (name, sent) in fields {
        match (name.as_str(), name.split_once('-')) {
            ("version", _) => version = sent.parse().ok(),
            ("region", _) => meanings.region = id_or_none(sent)?,
            ("budget", _) => meanings.budget = budget_or_none(sent)?,
            (_, Some(("region", at))) => drop(meanings.regions.insert(value(Field::Region, at).ok_or(UNKNOWN)?, id_or_none(sent)?)),
            (_, Some(("budget", at))) => drop(meanings.budgets.insert(value(Field::Budget, at).ok_or(UNKNOWN)?, budget_or_none(sent)?)),
            (_, Some((axis, at))) => {
                let field = Field::parse(axis).ok_or(UNKNOWN)?;
                let value = value(field, at).ok_or(UNKNOWN)?;
                word(&mut meanings, field, value, sent);
            }
            _ => return Err(UNKNOWN),
        }
    }
    let version = version.ok_or(WebError::Malformed("A field of the form is missing. Go back and send it again."))?;
    Ok((version, meanings))
}

fn word(meanings: &mut Meanings, field: Field, value: String, sent: &str) {
    fn put<T: Spoken>(rules: &mut BTreeMap<String, T>, value: String, sent: &str) {
        if let Some(found) = T::read(sent) {
            rules.insert(value, found);
        }
    }
    match field {
        Field::Channel => put(&mut meanings.words.channel, value, sent),
        Field::OrderStatus => put(&mut meanings.words.order_status, value, sent),
        Field::DeliveryStatus => put(&mut meanings.words.delivery_status, value, sent),
        Field::RedemptionStatus => put(&mut meanings.words.redemption_status, value, sent),
        _ => {}
    }
}
