//! Saved mappings: choosing one for a file, giving it another name, deleting it.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;
use serde::Deserialize;

use super::Portal;
use super::error::{WebError, status_of};
use super::form::{Errors, Posted};
use super::guard::{Allowed, RunImports};
use super::imports::find;
use super::page::{Shell, see_other};
use crate::actions::imports::saved::{self, Shown};
use crate::domain::id::MappingId;
use crate::domain::refusal::Refusal;
use crate::store::failure::Failure;
use crate::store::imports;

const HERE: &str = "/imports/mappings";

/// One mapping of the list.
struct Line {
    id: String,
    version: i64,
    source: String,
    name: String,
    columns: usize,
    rules: usize,
    hers: bool,
    rename_key: String,
    remove_key: String,
}

#[derive(Template)]
#[template(path = "imports/mappings.html")]
struct MappingsPage {
    shell: Shell,
    crumbs: Vec<(String, String)>,
    errors: Errors,
    lines: Vec<Line>,
}

async fn show(
    req: &HttpRequest,
    portal: &Portal,
    who: &Allowed<RunImports>,
    status: StatusCode,
    errors: Errors,
) -> Result<HttpResponse, WebError> {
    let mut read = portal.read(who).await?;
    let sources = imports::sources(&mut read).await?;
    let shown = saved::list(&mut read, &who.reach()).await?;
    drop(read);
    let line = |one: Shown| Line {
        source: sources.iter().find(|source| source.id == one.saved.source_id).map(|source| source.name.clone()).unwrap_or_default(),
        id: one.saved.id.to_string(),
        version: one.saved.version,
        name: one.saved.name,
        columns: one.columns,
        rules: one.rules,
        hers: one.hers,
        rename_key: portal.store.random.token(16),
        remove_key: portal.store.random.token(16),
    };
    let page = MappingsPage {
        shell: Shell::new(req, portal, who, "Saved mappings").with_errors(!errors.is_empty()),
        crumbs: vec![("/imports".to_owned(), "Imports".to_owned())],
        errors,
        lines: shown.into_iter().map(line).collect(),
    };
    page.shell.answer(status, &page)
}

/// `GET /imports/mappings`.
pub async fn list(req: HttpRequest, portal: web::Data<Portal>, who: Allowed<RunImports>) -> Result<HttpResponse, WebError> {
    show(&req, &portal, &who, StatusCode::OK, Errors::none()).await
}

/// What the form of one mapping sends.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MappingForm {
    key: String,
    version: i64,
    #[serde(default)]
    name: String,
}

/// Leads back to the list, or shows it with what is wrong above it: the box of a row stands in the table.
async fn answer(
    req: &HttpRequest,
    portal: &Portal,
    who: &Allowed<RunImports>,
    done: Result<(), Failure>,
    words: &str,
) -> Result<HttpResponse, WebError> {
    match done {
        Ok(()) => Ok(see_other(portal, HERE, Some(("ok", words.to_owned())))),
        Err(Failure::Refused(refusal @ (Refusal::NotFound | Refusal::Forbidden(_)))) => Err(refusal.into()),
        Err(Failure::Refused(refusal)) => {
            let mut errors = Errors::none();
            errors.add("", refusal.to_string());
            show(req, portal, who, status_of(&refusal), errors).await
        }
        Err(failure) => Err(failure.into()),
    }
}

/// `POST /imports/mappings/{id}/name`.
pub async fn rename(
    req: HttpRequest,
    portal: web::Data<Portal>,
    who: Allowed<RunImports>,
    path: web::Path<String>,
    Posted(form): Posted<MappingForm>,
) -> Result<HttpResponse, WebError> {
    let id = MappingId::parse(&path).ok_or(Refusal::NotFound)?;
    let done = saved::rename(&portal.store, who.actor.clone(), &form.key, id, form.version, &form.name).await;
    answer(&req, &portal, &who, done, "The mapping was renamed.").await
}

/// `POST /imports/mappings/{id}/removal`.
pub async fn remove(
    req: HttpRequest,
    portal: web::Data<Portal>,
    who: Allowed<RunImports>,
    path: web::Path<String>,
    Posted(form): Posted<MappingForm>,
) -> Result<HttpResponse, WebError> {
    let id = MappingId::parse(&path).ok_or(Refusal::NotFound)?;
    let done = saved::remove(&portal.store, who.actor.clone(), &form.key, id, form.version).await;
    answer(&req, &portal, &who, done, "The mapping was deleted. What was imported with it stays.").await
}

/// What the choice of a mapping sends.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Choice {
    version: i64,
    mapping: String,
}

/// `POST /imports/{id}/mapping`: fills a saved mapping in.
pub async fn choose(
    portal: web::Data<Portal>,
    who: Allowed<RunImports>,
    path: web::Path<String>,
    Posted(choice): Posted<Choice>,
) -> Result<HttpResponse, WebError> {
    let row = find(&portal, &who, &path).await?;
    let mapping = MappingId::parse(&choice.mapping).ok_or(Refusal::NotFound)?;
    saved::choose(&portal.store, who.actor.clone(), row.id, choice.version, mapping).await?;
    Ok(see_other(&portal, &format!("/imports/{}/columns", row.id), None))
}
