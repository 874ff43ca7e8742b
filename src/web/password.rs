//! Choosing a password through a one-time link. The token is part of the address: it is never logged (the log has the route's pattern), never
//! stored by the browser's cache, and not sent to other sites.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;
use serde::Deserialize;

use super::error::{WebError, status_of};
use super::form::{Errors, Posted};
use super::guard::peer;
use super::page::{Plain, plain_answer};
use super::{Portal, csrf};
use crate::actions::passwords::{known_to, least_for};
use crate::actions::people as act;
use crate::domain::access::{Actor, Proved, Who};
use crate::domain::password::{ALONE, Known, acceptable};
use crate::store::failure::Failure;
use crate::store::people;

#[derive(Template)]
#[template(path = "password/choose.html")]
struct ChoosePage {
    plain: Plain,
    token: String,
    open: bool,
    errors: Errors,
    shortest: usize,
}

#[derive(Template)]
#[template(path = "password/chosen.html")]
struct ChosenPage {
    plain: Plain,
}

/// What the form sends.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PasswordForm {
    password: String,
    again: String,
}

/// A new password typed twice, or everything that is wrong with it.
pub(super) fn twice(password: &str, again: &str, least: usize, known: &Known, errors: &mut Errors) -> bool {
    if let Err(refusal) = acceptable(password, least, known) {
        errors.add("password", refusal.to_string());
    } else if password != again {
        errors.add("again", "The two are not the same");
    }
    errors.is_empty()
}

async fn show(req: &HttpRequest, portal: &Portal, token: String, status: StatusCode, errors: Errors) -> Result<HttpResponse, WebError> {
    let mut read = portal.store.read().await?;
    let whose = people::link(&mut read, act::token_hash(&token), "password", portal.store.now()).await?;
    let shortest = if let Some(person) = whose.flatten() { least_for(&mut read, person).await? } else { ALONE };
    let open = whose.is_some();
    let title = if errors.is_empty() { "Choose a password" } else { "Error: Choose a password" };
    let (plain, cookie) = Plain::new(req, portal, title);
    let status = if open { status } else { StatusCode::NOT_FOUND };
    plain_answer(status, cookie, &ChoosePage { plain, token, open, errors, shortest })
}

/// The form, where the link can still be used.
pub async fn page(req: HttpRequest, portal: web::Data<Portal>, token: web::Path<String>) -> Result<HttpResponse, WebError> {
    show(&req, &portal, token.into_inner(), StatusCode::OK, Errors::none()).await
}

/// How short the password of whom the link is for may be, and the names that it is not made of; without such a link only those that everybody knows.
async fn known_through(portal: &Portal, token: &str) -> Result<(usize, Known), WebError> {
    let mut read = portal.store.read().await?;
    match people::link(&mut read, act::token_hash(token), "password", portal.store.now()).await?.flatten() {
        Some(person) => Ok((least_for(&mut read, person).await?, known_to(&mut read, person).await?)),
        None => Ok((ALONE, Known::of([]))),
    }
}

/// Chooses the password.
pub async fn choose(
    req: HttpRequest,
    portal: web::Data<Portal>,
    token: web::Path<String>,
    Posted(form): Posted<PasswordForm>,
) -> Result<HttpResponse, WebError> {
    let mut errors = Errors::none();
    let (least, known) = known_through(&portal, &token).await?;
    if !twice(&form.password, &form.again, least, &known, &mut errors) {
        return show(&req, &portal, token.into_inner(), StatusCode::UNPROCESSABLE_ENTITY, errors).await;
    }
    let actor = Actor { who: Who::System("portal"), request_id: csrf::request_id(&req), peer: peer(&req), proved: Proved::Elsewhere };
    match act::choose_password(&portal.store, &portal.passwords, actor, &token, &form.password).await {
        Ok(_) => {
            let to = (actix_web::http::header::LOCATION, "/password-chosen");
            Ok(HttpResponse::SeeOther().insert_header(to).finish())
        }
        Err(Failure::Refused(refusal)) => show(&req, &portal, token.into_inner(), status_of(&refusal), Errors::of(&refusal)).await,
        Err(failure) => Err(failure.into()),
    }
}

/// Afterwards: sign in with it.
pub async fn chosen(req: HttpRequest, portal: web::Data<Portal>) -> Result<HttpResponse, WebError> {
    let (plain, cookie) = Plain::new(&req, &portal, "Password chosen");
    plain_answer(StatusCode::OK, cookie, &ChosenPage { plain })
}
