//! For whoever has forgotten her password: a link by mail, where the portal can send any. The answer is the same whether anybody has the address.

use actix_web::http::{StatusCode, header};
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;
use serde::Deserialize;

use super::error::{WebError, status_of};
use super::form::{Errors, Posted};
use super::guard::{client, peer};
use super::page::{Plain, plain_answer};
use super::{Portal, csrf};
use crate::actions::{mail, people as act};
use crate::domain::access::{Actor, Proved, Who};
use crate::domain::refusal::Refusal;
use crate::domain::throttle;
use crate::store::failure::Failure;

#[derive(Template)]
#[template(path = "password/forgotten.html")]
struct ForgottenPage {
    plain: Plain,
    mails: bool,
    sent: bool,
    email: String,
    errors: Errors,
}

/// What the form sends.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ForgottenForm {
    email: String,
}

fn show(
    req: &HttpRequest,
    portal: &Portal,
    status: StatusCode,
    sent: bool,
    email: String,
    errors: Errors,
) -> Result<HttpResponse, WebError> {
    let title = if errors.is_empty() { "Forgotten password" } else { "Error: Forgotten password" };
    let (plain, cookie) = Plain::new(req, portal, title);
    plain_answer(status, cookie, &ForgottenPage { plain, mails: portal.mails, sent, email, errors })
}

/// The form.
pub async fn page(req: HttpRequest, portal: web::Data<Portal>) -> Result<HttpResponse, WebError> {
    show(&req, &portal, StatusCode::OK, false, String::new(), Errors::none())
}

/// What is shown after it.
pub async fn asked(req: HttpRequest, portal: web::Data<Portal>) -> Result<HttpResponse, WebError> {
    show(&req, &portal, StatusCode::OK, true, String::new(), Errors::none())
}

/// Has a link sent.
pub async fn ask(req: HttpRequest, portal: web::Data<Portal>, Posted(form): Posted<ForgottenForm>) -> Result<HttpResponse, WebError> {
    if !portal.mails {
        return Err(Refusal::NotFound.into());
    }
    let mut errors = Errors::none();
    errors.check("email", act::person_email(&form.email));
    if !errors.is_empty() {
        return show(&req, &portal, StatusCode::UNPROCESSABLE_ENTITY, false, form.email, errors);
    }
    let actor = Actor { who: Who::System("portal"), request_id: csrf::request_id(&req), peer: peer(&req), proved: Proved::Elsewhere };
    let network = client(&req).map(throttle::network).unwrap_or_default();
    match mail::forgotten(&portal.store, actor, &network, &form.email).await {
        Ok(()) => Ok(HttpResponse::SeeOther().insert_header((header::LOCATION, "/forgotten-password/asked")).finish()),
        Err(Failure::Refused(refusal)) => show(&req, &portal, status_of(&refusal), false, form.email, Errors::of(&refusal)),
        Err(failure) => Err(failure.into()),
    }
}
