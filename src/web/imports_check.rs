//! The dry run, the commit, and taking an import back.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;
use serde::Deserialize;

use super::Portal;
use super::error::{WebError, status_of};
use super::form::{Errors, Posted};
use super::guard::{Allowed, RunImports};
use super::imports::{STEPS, find, is_own};
use super::imports_refused::shown;
use super::imports_report::{Found, percent};
use super::page::{Shell, see_other};
use crate::actions::imports::commit::{self, Mode};
use crate::actions::imports::{check, end};
use crate::domain::import::Mapping;
use crate::domain::refusal::Refusal;
use crate::store::failure::Failure;
use crate::store::imports::{self, ImportRow};

#[derive(Template)]
#[template(path = "imports/check.html")]
struct CheckPage {
    shell: Shell,
    crumbs: Vec<(String, String)>,
    steps: &'static [&'static str],
    errors: Errors,
    id: String,
    file: String,
    version: i64,
    key: String,
    checking: bool,
    checked: bool,
    progress: u64,
    failure: String,
    found: Found,
    same: String,
    mode: String,
    modes: Vec<(&'static str, &'static str, &'static str)>,
}

/// What the button of the dry run sends.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CheckForm {
    version: i64,
}

/// What the commit form sends.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CommitForm {
    key: String,
    version: i64,
    #[serde(default)]
    mode: String,
}

/// `GET /imports/{id}/check`: how far the dry run is, or what it found.
pub async fn page(
    req: HttpRequest,
    portal: web::Data<Portal>,
    who: Allowed<RunImports>,
    path: web::Path<String>,
) -> Result<HttpResponse, WebError> {
    let row = find(&portal, &who, &path).await?;
    if !is_own(&row, &who) || !matches!(row.state.as_str(), "mapping" | "checking" | "checked") {
        return Ok(see_other(&portal, &format!("/imports/{}", row.id), None));
    }
    let key = portal.store.random.token(16);
    show(&req, &portal, &who, row, (key, String::new()), StatusCode::OK, Errors::none()).await
}

async fn show(
    req: &HttpRequest,
    portal: &Portal,
    who: &Allowed<RunImports>,
    row: ImportRow,
    (key, mode): (String, String),
    status: StatusCode,
    errors: Errors,
) -> Result<HttpResponse, WebError> {
    let mut read = portal.read(who).await?;
    let found = Found::read(&mut read, &who.reach(), &row, &shown(who, Mapping::default())).await?;
    let same = imports::same_file(&mut read, &who.reach(), Some(who.person.id), &row).await?;
    drop(read);
    let errors = if found.refused_rows > 0 { errors } else { errors.without_field("mode") };
    let page = CheckPage {
        shell: Shell::new(req, portal, who, format!("Check {}", row.file_name)).with_errors(!errors.is_empty()),
        crumbs: vec![("/imports".to_owned(), "Imports".to_owned()), (format!("/imports/{}", row.id), row.file_name.clone())],
        steps: STEPS,
        errors,
        id: row.id.to_string(),
        version: row.version,
        key,
        checking: row.state == "checking",
        checked: row.state == "checked",
        progress: percent(&row),
        found,
        same: same.first().map(|row| row.id.to_string()).unwrap_or_default(),
        mode,
        modes: vec![
            ("all_or_nothing", "All or nothing", "One refused row stops the whole file."),
            ("good_rows", "Good rows only", "Refused rows are left out and come back as a file to correct."),
        ],
        file: row.file_name,
        failure: row.failure,
    };
    page.shell.answer(status, &page)
}

/// `POST /imports/{id}/check`: asks for a dry run.
pub async fn submit(
    portal: web::Data<Portal>,
    who: Allowed<RunImports>,
    path: web::Path<String>,
    Posted(form): Posted<CheckForm>,
) -> Result<HttpResponse, WebError> {
    let row = find(&portal, &who, &path).await?;
    check::request(&portal.store, who.actor.clone(), row.id, form.version).await?;
    Ok(see_other(&portal, &format!("/imports/{}/check", row.id), None))
}

/// `POST /imports/{id}/commit`: asks for the import to be written.
pub async fn commit(
    req: HttpRequest,
    portal: web::Data<Portal>,
    who: Allowed<RunImports>,
    path: web::Path<String>,
    Posted(form): Posted<CommitForm>,
) -> Result<HttpResponse, WebError> {
    let row = find(&portal, &who, &path).await?;
    let to = format!("/imports/{}", row.id);
    let Some(mode) = Mode::parse(&form.mode) else {
        let refusal = Refusal::Required("mode", "Choose what happens to refused rows");
        return show(&req, &portal, &who, row, (form.key, form.mode), status_of(&refusal), Errors::of(&refusal)).await;
    };
    match commit::request(&portal.store, who.actor.clone(), &form.key, row.id, form.version, mode).await {
        Ok(()) => Ok(see_other(&portal, &to, None)),
        Err(Failure::Refused(refusal @ (Refusal::Invalid(..) | Refusal::State(_) | Refusal::Stale))) if row.state == "checked" => {
            show(&req, &portal, &who, row, (form.key, form.mode), status_of(&refusal), Errors::of(&refusal)).await
        }
        Err(failure) => Err(failure.into()),
    }
}

/// `POST /imports/{id}/withdrawal`: takes back an import that is not published.
pub async fn withdraw(
    portal: web::Data<Portal>,
    who: Allowed<RunImports>,
    path: web::Path<String>,
    Posted(form): Posted<CheckForm>,
) -> Result<HttpResponse, WebError> {
    let row = find(&portal, &who, &path).await?;
    end::withdraw(&portal.store, who.actor.clone(), row.id, form.version).await?;
    let flash = Some(("ok", "The import is withdrawn. Nothing of it is kept.".to_owned()));
    Ok(see_other(&portal, &format!("/imports/{}", row.id), flash))
}
