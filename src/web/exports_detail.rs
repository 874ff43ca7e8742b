//! One export: what was asked for, by whom, and every time the file was taken since.

use actix_web::http::StatusCode;
use actix_web::http::header::{ContentDisposition, DispositionParam, DispositionType};
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;
use serde_json::Value;

use super::error::WebError;
use super::exports::format_words;
use super::guard::{Allowed, Signed, SignedIn};
use super::page::Shell;
use super::transactions::thousands;
use super::transactions_known::Known;
use super::{Portal, audit_proof};
use crate::domain::access::{Permission, Scope};
use crate::domain::id::{ExportId, RegionId, UserId};
use crate::domain::list_query::ListQuery;
use crate::domain::refusal::Refusal;
use crate::store::audit_log::{self, Kept, Wanted};
use crate::store::db::Read;
use crate::store::exports::{self as kept, ExportRow};
use crate::store::failure::DbError;
use crate::store::{checkpoints, people};

/// The most downloads that are shown.
const SHOWN: i64 = 200;

/// One time the file was taken.
struct Download {
    when: String,
    datetime: String,
    region: String,
    rows: String,
    bytes: String,
    whole: bool,
    sha256: String,
}

#[derive(Template)]
#[template(path = "exports/detail.html")]
struct DetailPage {
    shell: Shell,
    crumbs: Vec<(String, String)>,
    part: bool,
    id: String,
    chips: Vec<(String, String)>,
    facts: Vec<(&'static str, String)>,
    downloads: Vec<Download>,
    zone: &'static str,
    file: String,
    audit: String,
    /// Where the newest checkpoint is; empty where there is none.
    checkpoint: String,
    proof: &'static str,
}

/// What somebody sees of an export: all of it, or her regions' part.
pub(super) struct Sight {
    row: ExportRow,
    whole: bool,
    own: bool,
    events: Vec<Kept>,
}

impl Sight {
    /// Who made it.
    pub(super) fn owner(&self) -> Option<UserId> {
        self.row.person_id
    }

    /// The regions that rows were taken of, as far as she sees them.
    pub(super) fn regions(&self) -> Vec<RegionId> {
        let mut regions: Vec<RegionId> = self.events.iter().filter_map(|event| event.region_id).collect();
        regions.sort_unstable();
        regions.dedup();
        regions
    }
}

/// Her own export; or one that took rows of regions whose trail she reads, by the events it left there. Anything else is not there.
pub(super) async fn sight(read: &mut Read, who: &Signed, id: ExportId) -> Result<Option<Sight>, DbError> {
    let Some(row) = kept::get(read, id).await? else { return Ok(None) };
    let own = row.person_id == Some(who.person.id) && who.access.has(Permission::ExportsCreate);
    let reads = who.scope(Permission::AuditRead);
    let whole = own || reads.is_whole();
    // What is said of the export as a whole stands in the events of no region.
    let scope = if whole { Scope::of([], true) } else { reads };
    let wanted = Wanted {
        object_kind: Some("export".to_owned()),
        object_id: Some(id.to_string()),
        action: whole.then(|| "export.downloaded".to_owned()),
        ..Wanted::default()
    };
    let mut events = audit_log::list(read, &scope, &wanted, SHOWN).await?;
    if !whole && events.is_empty() {
        return Ok(None);
    }
    events.retain(|event| event.action == "export.downloaded");
    Ok(Some(Sight { row, whole, own, events }))
}

/// `GET /exports/{id}`.
pub async fn page(
    req: HttpRequest,
    portal: web::Data<Portal>,
    who: Allowed<SignedIn>,
    path: web::Path<String>,
) -> Result<HttpResponse, WebError> {
    let id = ExportId::parse(&path).ok_or(Refusal::NotFound)?;
    let mut read = portal.read(&who).await?;
    let Sight { row, whole, own, events } = sight(&mut read, &who, id).await?.ok_or(Refusal::NotFound)?;
    let known = Known::read(&mut read, &who.scope(Permission::RegionsRead)).await?;
    let person = match row.person_id {
        Some(id) => people::names(&mut read, &[id]).await?.remove(&id).unwrap_or_else(|| "Somebody who is gone".to_owned()),
        None => "The system".to_owned(),
    };
    let (checkpoint, proof) = beside(&mut read, id).await?;
    drop(read);
    let query = ListQuery::parse(&row.query).query;
    let query = if whole { query } else { query.shareable() };
    let chips = query.chips(&|filter, id| known.name(filter, id)).into_iter().map(|chip| (chip.label, chip.value));
    let page = DetailPage {
        shell: Shell::new(&req, &portal, &who, "Export of transactions"),
        crumbs: if who.access.has(Permission::ExportsCreate) { vec![("/exports".to_owned(), "Exports".to_owned())] } else { Vec::new() },
        part: !whole,
        chips: chips.collect(),
        facts: facts(&row, person, &query, &known),
        downloads: events.iter().map(|event| download(event, &known)).collect(),
        zone: known.zone().name(),
        checkpoint,
        proof,
        file: if own { format!("/exports/{id}/file") } else { String::new() },
        audit: if who.access.has(Permission::AuditRead) { format!("/audit?object={id}") } else { String::new() },
        id: id.to_string(),
    };
    page.shell.answer(StatusCode::OK, &page)
}

fn facts(row: &ExportRow, person: String, query: &ListQuery, known: &Known) -> Vec<(&'static str, String)> {
    vec![
        ("By", person),
        ("Asked for", row.at.local(known.zone())),
        ("File", format_words(&row.format).to_owned()),
        ("Order", query.sort.words().to_owned()),
        ("Columns", query.columns().iter().map(|column| column.label()).collect::<Vec<_>>().join(", ")),
    ]
}

/// Where the newest checkpoint of the trail is, and what is said of it.
async fn beside(read: &mut Read, id: ExportId) -> Result<(String, &'static str), DbError> {
    if checkpoints::newest(read).await?.is_none() {
        return Ok((String::new(), "The audit trail is not signed: there is no checkpoint yet."));
    }
    let words = "Keep the newest checkpoint beside the file: with it and the verifier you find out later whether the record was changed.";
    Ok((format!("/exports/{id}/checkpoint"), words))
}

/// `GET /exports/{id}/checkpoint`: the newest checkpoint of the trail, which covers that the file was taken: for everybody who sees the export.
pub async fn checkpoint(portal: web::Data<Portal>, who: Allowed<SignedIn>, path: web::Path<String>) -> Result<HttpResponse, WebError> {
    let id = ExportId::parse(&path).ok_or(Refusal::NotFound)?;
    let mut read = portal.read(&who).await?;
    sight(&mut read, &who, id).await?.ok_or(Refusal::NotFound)?;
    drop(read);
    audit_proof::sign(&portal).await;
    let newest = checkpoints::newest(&mut portal.read(&who).await?).await?.ok_or(Refusal::NotFound)?;
    let name = format!("counterfoil_checkpoint_{}.txt", newest.size);
    Ok(HttpResponse::Ok()
        .content_type("text/plain; charset=utf-8")
        .insert_header(ContentDisposition { disposition: DispositionType::Attachment, parameters: vec![DispositionParam::Filename(name)] })
        .body(newest.note))
}

fn download(event: &Kept, known: &Known) -> Download {
    let body: Value = serde_json::from_slice(&event.body).unwrap_or_default();
    let text = |key: &str| body["detail"][key].as_str().unwrap_or_default();
    let number = |key: &str| text(key).parse::<i64>().map(thousands).unwrap_or_default();
    Download {
        when: event.at.local(known.zone()),
        datetime: event.at.iso(),
        region: event.region_id.and_then(|region| known.names.get(&region.0).cloned()).unwrap_or_default(),
        rows: number("rows"),
        bytes: number("bytes"),
        whole: body["detail"]["whole"].as_bool() == Some(true),
        sha256: text("sha256").to_owned(),
    }
}
