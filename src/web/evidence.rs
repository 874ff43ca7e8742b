//! Evidence: the reports that an auditor asks for, each with what it was asked of the database.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;
use serde::Deserialize;

use super::Portal;
use super::choices::{self, Choice};
use super::error::WebError;
use super::form::{Errors, encoded};
use super::guard::{Allowed, ReadAudit};
use super::page::Shell;
use super::transactions::thousands;
use crate::actions::evidence::{self, About, Answer, Asked, Dated, Question, Report, Value, proof};
use crate::domain::access::{Access, Permission, Scope};
use crate::domain::id::{RegionId, ReviewId, UserId};
use crate::domain::money;
use crate::domain::refusal::Refusal;
use crate::domain::time::{Day, Instant};
use crate::store::db::Read;
use crate::store::heard::Heard;
use crate::store::{people, regions};

/// Lines on a page; a file holds all of them.
const SHOWN: usize = 200;
/// Days of a period that nobody has chosen.
const DAYS: i64 = 90;

/// The filters, as they stand in the address.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EvidenceQuery {
    /// Which report, where the address is the question of a file.
    pub(super) report: String,
    region: String,
    person: String,
    from: String,
    to: String,
    review: String,
}

impl EvidenceQuery {
    /// As a query string, the report included.
    fn text(&self, report: Report) -> String {
        let own = [
            ("report", report.code()),
            ("region", &self.region),
            ("person", &self.person),
            ("from", &self.from),
            ("to", &self.to),
            ("review", &self.review),
        ];
        let given = own.iter().filter(|(_, value)| !value.is_empty());
        given.map(|(name, value)| format!("{name}={}", encoded(value))).collect::<Vec<_>>().join("&")
    }

    /// The question; an id in a wrong form matches nothing, as an unknown one would. What is wrong with a day is said.
    fn question(&self, report: Report, today: Day) -> (Question, Errors) {
        let mut errors = Errors::none();
        let nil = uuid::Uuid::nil();
        let mut day = |field: &str, text: &str, else_: Day| match text.trim() {
            "" => else_,
            text => errors.check(field, Day::parse(text).ok_or("Enter a day like 2026-11-22")).unwrap_or(else_),
        };
        let to = day("to", &self.to, today);
        let from = day("from", &self.from, Day(to.0 - DAYS + 1));
        if from > to {
            errors.add("from", "The first day lies after the last");
        }
        let some = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
        let question = Question {
            report,
            region: some(&self.region).map(|id| RegionId::parse(&id).unwrap_or(RegionId(nil))),
            person: some(&self.person).map(|id| UserId::parse(&id).unwrap_or(UserId(nil))),
            from,
            to,
            review: some(&self.review).map(|id| ReviewId::parse(&id).unwrap_or(ReviewId(nil))),
        };
        (question, errors)
    }
}

/// A report as it was found, with everything that is told of it.
pub(super) struct Found {
    pub(super) question: Question,
    pub(super) errors: Errors,
    pub(super) about: About,
    pub(super) answer: Answer,
    /// The statements that ran.
    pub(super) asked: Vec<String>,
    /// What it is dated by, its filters, its regions, in words.
    pub(super) dated: String,
    pub(super) filters: String,
    /// The filters as the trail hears of them: ids stand for people.
    pub(super) noted: String,
    pub(super) places: String,
    pub(super) checkpoint: String,
    /// Where lines count that belong to no region.
    pub(super) home: RegionId,
    pub(super) zone: chrono_tz::Tz,
    pub(super) made: Instant,
    regions: Vec<Choice>,
    persons: Vec<Choice>,
}

/// Where somebody may ask for a report; why not, where she may not.
pub(super) fn reach(report: Report, access: &Access) -> Result<Scope, Refusal> {
    let missing = if access.has(report.about().needs) { Permission::AuditRead } else { report.about().needs };
    report.scope(access).ok_or(Refusal::Forbidden(missing))
}

/// Asks a report over these regions.
pub(super) async fn found(portal: &Portal, mut read: Read, scope: Scope, report: Report, query: &EvidenceQuery) -> Result<Found, WebError> {
    let (now, zone) = (portal.store.now(), choices::zone(&mut read).await?);
    let (question, errors) = query.question(report, now.day(zone));
    let about = report.about();
    let tree = regions::tree(&mut read, &scope).await?;
    let home = tree.first().map(|branch| branch.region.id).ok_or(Refusal::NotFound)?;
    let all = if about.by_person { people::list(&mut read, &scope).await? } else { Vec::new() };
    let checkpoint = proof::newest(&mut read).await?;
    let narrowed = match question.region {
        Some(region) if scope.covers(region) => scope.narrowed(&regions::subtree(&mut read, region).await?),
        Some(_) => Scope::nothing(),
        None => scope.clone(),
    };
    let labels = regions::labels(tree.iter().map(|branch| &branch.region));
    let mut filters = Vec::new();
    if let Some(region) = question.region {
        filters.push(format!("Region: {} and below", labels.get(&region).map_or("unknown", String::as_str)));
    }
    let mut noted = filters.clone();
    noted.extend(question.person.map(|id| format!("Person: {id}")));
    noted.extend(question.review.map(|id| format!("Campaign: {id}")));
    if let Some(id) = question.person {
        filters.push(format!("Person: {}", all.iter().find(|person| person.id == id).map_or("unknown", |person| person.name.as_str())));
    }
    if let Some(review) = question.review {
        filters.push(format!("Campaign: {review}"));
    }
    let dated = match (about.dated, question.review) {
        (Dated::AsAt, _) | (_, Some(_)) => format!("As at {} ({})", now.local(zone), zone.name()),
        (Dated::Period, None) => format!("{} to {} ({})", question.from.words(), question.to.words(), zone.name()),
    };
    let mut names: Vec<&str> = narrowed.regions().filter_map(|region| labels.get(&region)).map(String::as_str).collect();
    names.sort_unstable();
    let places = if narrowed.is_whole() { "The whole organisation".to_owned() } else { names.join(", ") };
    let mut heard = Heard::over(read);
    let answer = evidence::answer(&mut heard, &Asked { question: &question, scope: narrowed, now, zone }).await?;
    Ok(Found {
        asked: heard.asked().to_vec(),
        regions: choices::branches(&tree),
        persons: all.into_iter().map(|person| (person.id.to_string(), person.name)).collect(),
        filters: if filters.is_empty() { "None".to_owned() } else { filters.join("; ") },
        noted: noted.join("; "),
        made: now,
        question,
        errors,
        about,
        answer,
        dated,
        places,
        checkpoint,
        home,
        zone,
    })
}

struct Entry {
    href: String,
    label: &'static str,
    what: &'static str,
    controls: &'static str,
    dated: &'static str,
}

#[derive(Template)]
#[template(path = "evidence/list.html")]
struct ListPage {
    shell: Shell,
    entries: Vec<Entry>,
    reviews: bool,
}

/// Every report that she may ask for.
pub async fn list(req: HttpRequest, portal: web::Data<Portal>, who: Allowed<ReadAudit>) -> Result<HttpResponse, WebError> {
    let may = Report::ALL.iter().filter(|report| report.scope(&who.access).is_some());
    let entry = |report: &Report| {
        let about = report.about();
        Entry {
            href: format!("/evidence/{}", report.code()),
            label: report.label(),
            what: about.what,
            controls: about.controls,
            dated: if about.dated == Dated::AsAt { "This moment" } else { "A period" },
        }
    };
    let page = ListPage {
        shell: Shell::new(&req, &portal, &who, "Evidence"),
        entries: may.map(entry).collect(),
        reviews: who.access.has(Permission::PeopleRead),
    };
    page.shell.answer(StatusCode::OK, &page)
}

struct CellView {
    text: String,
    href: String,
    class: &'static str,
}

#[derive(Template)]
#[template(path = "evidence/report.html")]
struct ReportPage {
    shell: Shell,
    query: EvidenceQuery,
    code: &'static str,
    found: Found,
    heads: Vec<(&'static str, &'static str)>,
    rows: Vec<Vec<CellView>>,
    words: String,
    export: String,
    by_period: bool,
    filters: bool,
    prints: bool,
    made: String,
    from: String,
    to: String,
}

fn cell(value: &Value, zone: chrono_tz::Tz) -> CellView {
    let (text, class) = match value {
        Value::Nothing => (String::new(), ""),
        Value::Text(text) => (text.clone(), if text.chars().count() > 32 { "wrap" } else { "" }),
        Value::At(at) => (at.local(zone), ""),
        Value::Day(day) => (day.words(), ""),
        Value::Number(number) => (thousands(*number), "num"),
        Value::Amount(minor, digits) => {
            let mut text = String::new();
            money::write_plain(&mut text, *minor, *digits);
            (text, "num")
        }
    };
    CellView { text, href: String::new(), class }
}

/// The heads, those of numbers on their side.
fn heads(answer: &Answer) -> Vec<(&'static str, &'static str)> {
    let is_number = |at: usize| answer.lines.iter().any(|line| matches!(line.cells.get(at), Some(Value::Number(_) | Value::Amount(..))));
    answer.heads.iter().enumerate().map(|(at, (words, _))| (*words, if is_number(at) { "num" } else { "" })).collect()
}

/// How many lines there are, and how many of them the page shows.
fn lines(all: usize) -> String {
    match all {
        1 => "1 line".to_owned(),
        ..=SHOWN => format!("{all} lines"),
        _ => format!("The first {SHOWN} of {} lines; a file holds all", thousands(all as i64)),
    }
}

/// One report.
pub async fn report(
    req: HttpRequest,
    portal: web::Data<Portal>,
    who: Allowed<ReadAudit>,
    path: web::Path<String>,
    query: web::Query<EvidenceQuery>,
) -> Result<HttpResponse, WebError> {
    let report = Report::parse(&path).ok_or(Refusal::NotFound)?;
    let scope = reach(report, &who.access)?;
    let query = query.into_inner();
    let found = found(&portal, portal.read(&who).await?, scope, report, &query).await?;
    let sees_people = who.access.has(Permission::PeopleRead);
    let row = |line: &evidence::Line| {
        let mut cells: Vec<CellView> = line.cells.iter().map(|value| cell(value, found.zone)).collect();
        if let Some(first) = cells.first_mut().filter(|_| sees_people || !line.href.starts_with("/people")) {
            first.href.clone_from(&line.href);
        }
        cells
    };
    let all = found.answer.lines.len();
    let exports = who.access.has(Permission::ExportsCreate) && found.errors.is_empty();
    let page = ReportPage {
        shell: Shell::new(&req, &portal, &who, report.label()).with_errors(!found.errors.is_empty()),
        code: report.code(),
        heads: heads(&found.answer),
        rows: found.answer.lines.iter().take(SHOWN).map(row).collect(),
        words: lines(all),
        export: if exports { format!("/exports/new?list=evidence&{}", query.text(report)) } else { String::new() },
        by_period: found.about.dated == Dated::Period && found.question.review.is_none(),
        filters: report != Report::Integrity && report != Report::Roles,
        prints: report == Report::Integrity,
        made: found.made.local(found.zone),
        from: if query.from.is_empty() { found.question.from.iso() } else { query.from.clone() },
        to: if query.to.is_empty() { found.question.to.iso() } else { query.to.clone() },
        query,
        found,
    };
    let status = if page.found.errors.is_empty() { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY };
    page.shell.answer(status, &page)
}
