//! Passkeys: one's own, signing in with one, and showing with one who one is. Only a script can ask the browser for them: without it there is no
//! button, and password and code stay.

use actix_session::Session;
use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::error::{WebError, status_of};
use super::form::{Errors, Posted};
use super::guard::{Allowed, SignedIn};
use super::page::{Shell, see_other};
use super::sign_in::{self, anonymous, half, own_path, place, redirect, signed_in};
use super::{Portal, choices, prove, sign_in_code};
use crate::actions::passkeys as act;
use crate::domain::id::{PasskeyId, UserId};
use crate::domain::passkey::Site;
use crate::domain::refusal::Refusal;
use crate::domain::time::Instant;
use crate::store::failure::Failure;
use crate::store::passkeys as kept;

/// What the session remembers of what a browser was asked: in the store, under a hash of its token. Nothing of it is in the page.
const ASKED: &str = "passkey";
/// How long it may take to answer, in seconds.
const WITHIN: i64 = 300;

#[derive(Deserialize, Serialize)]
struct Asked<S> {
    state: S,
    at: Instant,
}

/// Remembers in the session what the answer is judged by, instead of what was asked before.
fn remember<S: Serialize>(portal: &Portal, session: &Session, state: S) -> Result<(), WebError> {
    let asked = Asked { state, at: portal.store.now() };
    session.insert(ASKED, asked).map_err(|error| WebError::Ours(format!("the session could not be kept: {error}")))
}

/// What was remembered, once, and not for long. What was asked to make one is nothing that was asked to use one.
fn asked<S: DeserializeOwned>(portal: &Portal, session: &Session) -> Option<S> {
    let asked = session.get::<Asked<S>>(ASKED).ok().flatten().filter(|asked| portal.store.now() < asked.at.plus_seconds(WITHIN));
    session.remove(ASKED);
    asked.map(|asked| asked.state)
}

struct Line {
    id: PasskeyId,
    name: String,
    added: String,
    used: String,
}

#[derive(Template)]
#[template(path = "settings/passkeys.html")]
struct PasskeysPage {
    shell: Shell,
    errors: Errors,
    lines: Vec<Line>,
    possible: bool,
    called: String,
}

async fn show(
    req: &HttpRequest,
    portal: &Portal,
    who: &Allowed<SignedIn>,
    called: String,
    (status, errors): (StatusCode, Errors),
) -> Result<HttpResponse, WebError> {
    let mut read = portal.read(who).await?;
    let zone = choices::zone(&mut read).await?;
    let line = |one: kept::Passkey| Line {
        id: one.id,
        name: one.name,
        added: one.added_at.day(zone).words(),
        used: one.used_at.map(|at| at.local(zone)).unwrap_or_default(),
    };
    let page = PasskeysPage {
        lines: kept::of_person(&mut read, who.person.id).await?.into_iter().map(line).collect(),
        shell: Shell::new(req, portal, who, "Passkeys").with_errors(!errors.is_empty()),
        possible: portal.site(req).is_some(),
        errors: errors.without_field("passkey"),
        called,
    };
    page.shell.answer(status, &page)
}

/// One's own.
pub async fn page(req: HttpRequest, portal: web::Data<Portal>, who: Allowed<SignedIn>) -> Result<HttpResponse, WebError> {
    show(&req, &portal, &who, String::new(), (StatusCode::OK, Errors::none())).await
}

fn site(portal: &Portal, req: &HttpRequest) -> Result<Site, WebError> {
    Ok(portal.site(req).ok_or(Refusal::NotFound)?)
}

/// What the browser is asked to make one.
pub async fn ask_to_make(
    req: HttpRequest,
    portal: web::Data<Portal>,
    session: Session,
    who: Allowed<SignedIn>,
    Posted(()): Posted<()>,
) -> Result<HttpResponse, WebError> {
    let site = site(&portal, &req)?;
    let (asked, state) = act::asked_to_make(&portal.store, &site, &who.actor, &who.person).await?;
    remember(&portal, &session, state)?;
    Ok(HttpResponse::Ok().json(asked))
}

/// What the form that adds one sends.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AddForm {
    name: String,
    passkey: String,
}

/// Adds one. Every other session ends; this one goes on under a new token.
pub async fn add(
    req: HttpRequest,
    portal: web::Data<Portal>,
    session: Session,
    who: Allowed<SignedIn>,
    Posted(form): Posted<AddForm>,
) -> Result<HttpResponse, WebError> {
    let (site, asked) = (site(&portal, &req)?, asked(&portal, &session));
    match act::add(&portal.store, (&site, asked), who.actor.clone(), &form.name, &form.passkey).await {
        Ok(()) => {
            session.renew();
            let words = "The passkey was added. You were signed out everywhere else.".to_owned();
            Ok(see_other(&portal, "/settings/passkeys", Some(("ok", words))))
        }
        Err(Failure::Refused(refusal)) => show(&req, &portal, &who, form.name, (status_of(&refusal), Errors::of(&refusal))).await,
        Err(failure) => Err(failure.into()),
    }
}

/// Removes one.
pub async fn remove(
    req: HttpRequest,
    portal: web::Data<Portal>,
    session: Session,
    who: Allowed<SignedIn>,
    path: web::Path<String>,
    Posted(()): Posted<()>,
) -> Result<HttpResponse, WebError> {
    let id = PasskeyId::parse(&path).ok_or(Refusal::NotFound)?;
    match act::remove(&portal.store, who.actor.clone(), id).await {
        Ok(()) => {
            session.renew();
            let words = "The passkey was removed. You were signed out everywhere else.".to_owned();
            Ok(see_other(&portal, "/settings/passkeys", Some(("ok", words))))
        }
        Err(Failure::Refused(Refusal::NotFound)) => Err(Refusal::NotFound.into()),
        Err(Failure::Refused(refusal)) => show(&req, &portal, &who, String::new(), (status_of(&refusal), Errors::of(&refusal))).await,
        Err(failure) => Err(failure.into()),
    }
}

/// What the browser is asked to use one.
pub async fn ask_to_use(
    req: HttpRequest,
    portal: web::Data<Portal>,
    session: Session,
    Posted(()): Posted<()>,
) -> Result<HttpResponse, WebError> {
    let site = site(&portal, &req)?;
    if session.get::<UserId>(super::session::PERSON).ok().flatten().is_none() {
        act::count_question(&portal.store, &anonymous(&req), &place(&req)).await?;
    }
    let (asked, state) = act::asked_to_use(&site)?;
    remember(&portal, &session, state)?;
    Ok(HttpResponse::Ok().json(asked))
}

/// What a form sends that uses one.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UseForm {
    passkey: String,
    #[serde(default)]
    next: String,
}

/// Signs in with one: alone, or after the password.
pub async fn sign_in(
    req: HttpRequest,
    portal: web::Data<Portal>,
    session: Session,
    Posted(form): Posted<UseForm>,
) -> Result<HttpResponse, WebError> {
    let (site, asked, half) = (site(&portal, &req)?, asked(&portal, &session), half(&portal, &session));
    let (before, next) = half.map_or((None, form.next), |half| (Some(half.half), half.next));
    match act::sign_in(&portal.store, (&site, asked), anonymous(&req), &place(&req), before, &form.passkey).await {
        Ok(opened) => {
            let mut answer = redirect(own_path(&next));
            signed_in((&req, &portal), &session, opened, &mut answer)?;
            Ok(answer)
        }
        Err(Failure::Refused(refusal)) => {
            let errors = Errors::of(&refusal).without_field("passkey");
            let answer = match before {
                Some(half) => sign_in_code::show(&req, &portal, half.person, status_of(&refusal), errors).await?,
                None => sign_in::show(&req, &portal, status_of(&refusal), String::new(), next, errors).await?,
            };
            Ok(sign_in::refused(&portal, answer, &refusal))
        }
        Err(failure) => Err(failure.into()),
    }
}

/// Shows with one who one is.
pub async fn prove(
    req: HttpRequest,
    portal: web::Data<Portal>,
    session: Session,
    who: Allowed<SignedIn>,
    Posted(form): Posted<UseForm>,
) -> Result<HttpResponse, WebError> {
    let (site, asked) = (site(&portal, &req)?, asked(&portal, &session));
    match act::prove(&portal.store, (&site, asked), who.actor.clone(), &form.passkey).await {
        Ok(()) => prove::proved(&portal, &session, &who, &form.next),
        Err(Failure::Refused(refusal)) => {
            let errors = Errors::of(&refusal).without_field("passkey");
            prove::show((&req, &portal, &session), &who, form.next, (status_of(&refusal), errors)).await
        }
        Err(failure) => Err(failure.into()),
    }
}
