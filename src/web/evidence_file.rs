//! A report as a file, by the way of every export: what is about to be taken, the note that it was, and the file with what she may see then.

use actix_web::{HttpRequest, HttpResponse};

use super::Portal;
use super::error::WebError;
use super::evidence::{EvidenceQuery, Found, found, reach};
use super::exports::{FORMATS, Format, Shown, Wanted, attachment_of, shown};
use super::form::Errors;
use super::guard::{Allowed, CreateExports};
use super::page::see_other;
use super::transactions::thousands;
use crate::actions::evidence::{Dated, Report, file};
use crate::actions::exports;
use crate::actions::exports_budgets::{File, Taking};
use crate::domain::access::Scope;
use crate::domain::refusal::Refusal;
use crate::store::exports::{ExportRow, NewExport};

/// The kinds of file that a report comes in.
fn formats() -> Vec<Format> {
    let book = (file::WORKBOOK, "Excel workbook", "Numbers as numbers; what the report is and how it was asked stands on a second sheet.");
    [book].into_iter().chain(FORMATS.iter().copied()).collect()
}

fn question(query: &str) -> Result<(Report, EvidenceQuery), WebError> {
    let asked: EvidenceQuery = serde_html_form::from_str(query).map_err(|_| WebError::Malformed("The address holds an unknown filter."))?;
    Ok((Report::parse(&asked.report).ok_or(Refusal::NotFound)?, asked))
}

/// The report where she may both ask for it and take lists away.
async fn asked(portal: &Portal, who: &Allowed<CreateExports>, query: &str) -> Result<(Report, Found), WebError> {
    let (report, query) = question(query)?;
    let (sees, exports) = (reach(report, &who.access)?, who.reach());
    let both = Scope::of(sees.regions().filter(|region| exports.covers(*region)), sees.is_whole() && exports.is_whole());
    if both.is_empty() || (report.about().whole && !both.is_whole()) {
        return Err(Refusal::NotFound.into());
    }
    let found = found(portal, portal.read(who).await?, both, report, &query).await?;
    if found.errors.is_empty() { Ok((report, found)) } else { Err(WebError::Malformed("The address holds a day that is none.")) }
}

fn words(report: Report, found: &Found) -> String {
    let filters = if found.noted.is_empty() { String::new() } else { format!("; {}", found.noted) };
    format!("{}: {}{filters}", report.label(), found.dated)
}

/// `GET /exports/new?list=evidence&report=…`.
pub async fn new(
    req: &HttpRequest,
    portal: &Portal,
    who: &Allowed<CreateExports>,
    query: &str,
    key: String,
    errors: Errors,
) -> Result<HttpResponse, WebError> {
    let (report, found) = asked(portal, who, query).await?;
    let about = Shown {
        what: File::Evidence.code(),
        title: format!("Export: {}", report.label().to_lowercase()),
        label: "Report",
        words: words(report, &found),
        rows: thousands(found.answer.lines.len() as i64),
        query: query.to_owned(),
        back: format!("/evidence/{}?{}", report.code(), query.split_once('&').map_or("", |(_, rest)| rest)),
        columns: Vec::new(),
        formats: formats(),
    };
    shown(req, portal, who, about, key, Vec::new(), ("view", file::WORKBOOK), errors)
}

/// `POST /exports` of a report.
pub async fn create(req: &HttpRequest, portal: &Portal, who: &Allowed<CreateExports>, sent: Wanted) -> Result<HttpResponse, WebError> {
    if formats().iter().all(|(format, ..)| *format != sent.format) {
        let mut errors = Errors::none();
        errors.add("format", "Choose a kind of file");
        return new(req, portal, who, &sent.query, sent.key, errors).await;
    }
    let (report, found) = asked(portal, who, &sent.query).await?;
    let what = File::Evidence.code().to_owned();
    let new = NewExport { what, query: sent.query, words: words(report, &found), format: sent.format };
    let id = exports::create(&portal.store, who.actor.clone(), &sent.key, new, None).await?;
    Ok(see_other(portal, &format!("/exports/{id}/file"), None))
}

/// The file itself, with what she may see at this moment.
pub async fn file(portal: &Portal, who: &Allowed<CreateExports>, row: ExportRow) -> Result<HttpResponse, WebError> {
    let (report, found) = asked(portal, who, &row.query).await?;
    let about = found.about;
    let mut told: file::Told = vec![
        ("Report", format!("{}. {}", report.label(), about.what)),
        (if about.dated == Dated::AsAt { "As at" } else { "Period" }, found.dated.clone()),
        ("Filters", found.filters.clone()),
        ("Regions", found.places.clone()),
        ("Made at", found.made.iso()),
        ("Made by", format!("{} ({})", who.person.name, who.person.id)),
        ("Export", row.id.to_string()),
        ("Newest checkpoint", found.checkpoint.clone()),
        ("Lines", found.answer.lines.len().to_string()),
        ("Evidence for", about.controls.to_owned()),
        ("How it was asked", about.query.to_owned()),
    ];
    told.extend(found.answer.figures.iter().cloned());
    told.extend(found.asked.iter().map(|statement| ("Statement", statement.clone())));
    let bytes = file::bytes(&row.format, &found.answer, &told)?;
    let book = row.format == file::WORKBOOK;
    let name = format!("{}_{}.{}", report.code(), found.made.utc().format("%Y%m%dT%H%MZ"), if book { "xlsx" } else { "csv" });
    let kind = if book { "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet" } else { "text/csv; charset=utf-8" };
    let taking = Taking { actor: who.actor.clone(), id: row.id, words: row.words, format: row.format };
    Ok(attachment_of(kind, name, file::taken(&portal.store, taking, bytes, &found.answer, found.home)))
}
