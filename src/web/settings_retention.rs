//! How long data is kept that nobody needs for ever.

use std::collections::BTreeMap;

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;

use super::Portal;
use super::error::{WebError, status_of};
use super::form::{Errors, Posted};
use super::guard::{Allowed, ManageSettings};
use super::page::{Shell, see_other};
use super::settings::tabs;
use super::settings_organisation::everywhere;
use crate::actions::settings as act;
use crate::domain::retention::Kept;
use crate::store::failure::Failure;
use crate::store::retention;

const PLACE: &str = "/settings/retention";

#[derive(Template)]
#[template(path = "settings/retention.html")]
struct RetentionPage {
    shell: Shell,
    tabs: Vec<(&'static str, &'static str, bool)>,
    errors: Errors,
    key: String,
    /// Field, its words, days as typed, what is wrong with them.
    fields: Vec<(&'static str, &'static str, String, String)>,
}

async fn show(
    req: &HttpRequest,
    portal: &Portal,
    who: &Allowed<ManageSettings>,
    status: StatusCode,
    errors: Errors,
    typed: Option<&BTreeMap<String, String>>,
) -> Result<HttpResponse, WebError> {
    everywhere(who)?;
    let rules = retention::rules(&mut portal.read(who).await?).await?;
    let text = |kind: Kept, days: Option<i64>| match typed.and_then(|typed| typed.get(kind.code())) {
        Some(typed) => typed.clone(),
        None => days.map(|days| days.to_string()).unwrap_or_default(),
    };
    let field = |(kind, days): (Kept, Option<i64>)| (kind.code(), kind.label(), text(kind, days), errors.at(kind.code()).to_owned());
    let page = RetentionPage {
        shell: Shell::new(req, portal, who, "Data kept").with_errors(!errors.is_empty()),
        tabs: tabs(true, PLACE),
        key: portal.store.random.token(16),
        fields: rules.into_iter().map(field).collect(),
        errors,
    };
    page.shell.answer(status, &page)
}

/// `GET /settings/retention`.
pub async fn page(req: HttpRequest, portal: web::Data<Portal>, who: Allowed<ManageSettings>) -> Result<HttpResponse, WebError> {
    show(&req, &portal, &who, StatusCode::OK, Errors::none(), None).await
}

/// `POST /settings/retention`: the days of every kind, and the key.
pub async fn save(
    req: HttpRequest,
    portal: web::Data<Portal>,
    who: Allowed<ManageSettings>,
    Posted(form): Posted<BTreeMap<String, String>>,
) -> Result<HttpResponse, WebError> {
    let mut errors = Errors::none();
    let mut rules = Vec::new();
    for kind in Kept::ALL {
        let text = form.get(kind.code()).map_or("", String::as_str);
        rules.extend(errors.check(kind.code(), Kept::days(text)).map(|days| (*kind, days)));
    }
    let mut status = StatusCode::UNPROCESSABLE_ENTITY;
    if errors.is_empty() {
        let key = form.get("key").map_or("", String::as_str);
        match act::retention(&portal.store, who.actor.clone(), key, rules).await {
            Ok(()) => return Ok(see_other(&portal, PLACE, Some(("ok", "The times were changed.".to_owned())))),
            Err(Failure::Refused(refusal @ crate::domain::refusal::Refusal::Forbidden(_))) => return Err(refusal.into()),
            Err(Failure::Refused(refusal)) => {
                status = status_of(&refusal);
                errors = Errors::of(&refusal);
            }
            Err(failure) => return Err(failure.into()),
        }
    }
    show(&req, &portal, &who, status, errors, Some(&form)).await
}
