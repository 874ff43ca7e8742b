//! Showing once more who one is, in the middle of a session. The session goes on under another token.

use actix_session::Session;
use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;
use serde::Deserialize;

use super::error::{WebError, status_of};
use super::form::{Errors, Posted};
use super::guard::{Allowed, SignedIn};
use super::page::Shell;
use super::sign_in::{own_path, redirect};
use super::{Portal, again, session};
use crate::actions::step_up as act;
use crate::store::failure::Failure;
use crate::store::{passkeys, people, second_factor};

#[derive(Template)]
#[template(path = "sign_in/prove.html")]
struct ProvePage {
    shell: Shell,
    errors: Errors,
    next: String,
    waits: bool,
    has_factor: bool,
    has_password: bool,
    has_passkey: bool,
    minutes: i64,
}

/// Where to go afterwards.
#[derive(Deserialize)]
pub struct Next {
    #[serde(default)]
    next: String,
}

pub(super) async fn show(
    (req, portal, session): (&HttpRequest, &Portal, &Session),
    who: &Allowed<SignedIn>,
    next: String,
    (status, errors): (StatusCode, Errors),
) -> Result<HttpResponse, WebError> {
    let mut read = portal.read(who).await?;
    let page = ProvePage {
        has_factor: second_factor::find(&mut read, who.person.id).await?.is_some(),
        has_password: people::password_hash(&mut read, who.person.id).await?.is_some(),
        has_passkey: passkeys::has_any(&mut read, who.person.id).await?,
        minutes: act::rules(&mut read).await?.minutes,
        shell: Shell::new(req, portal, who, "Show that it is you").with_errors(!errors.is_empty()),
        waits: again::waits_for(portal, session, who.person.id),
        next: own_path(&next).to_owned(),
        errors,
    };
    drop(read);
    page.shell.answer(status, &page)
}

/// Asks for it.
pub async fn page(
    req: HttpRequest,
    portal: web::Data<Portal>,
    session: Session,
    who: Allowed<SignedIn>,
    query: web::Query<Next>,
) -> Result<HttpResponse, WebError> {
    show((&req, &portal, &session), &who, query.into_inner().next, (StatusCode::OK, Errors::none())).await
}

/// What the form sends.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProveForm {
    #[serde(default)]
    current: String,
    #[serde(default)]
    code: String,
    #[serde(default)]
    next: String,
}

/// Takes it, and leads back to what was being done.
pub async fn prove(
    req: HttpRequest,
    portal: web::Data<Portal>,
    session: Session,
    who: Allowed<SignedIn>,
    Posted(form): Posted<ProveForm>,
) -> Result<HttpResponse, WebError> {
    let typed = if form.code.is_empty() { &form.current } else { &form.code };
    match act::prove(&portal.store, (&portal.passwords, &portal.seal), who.actor.clone(), &who.person, typed).await {
        Ok(()) => proved(&portal, &session, &who, &form.next),
        Err(Failure::Refused(refusal)) => {
            show((&req, &portal, &session), &who, form.next, (status_of(&refusal), Errors::of(&refusal))).await
        }
        Err(failure) => Err(failure.into()),
    }
}

/// Notes it in the session, under a new token.
pub(super) fn proved(portal: &Portal, session: &Session, who: &Allowed<SignedIn>, next: &str) -> Result<HttpResponse, WebError> {
    let lost = |error: String| WebError::Ours(format!("the session could not be kept: {error}"));
    let began = session.get::<session::Began>(session::BEGAN).ok().flatten().ok_or_else(|| lost("it is gone".to_owned()))?;
    session.renew();
    let began = session::Began { proved: portal.store.now(), ..began };
    session.insert(session::BEGAN, began).map_err(|error| lost(error.to_string()))?;
    let waits = again::waits_for(portal, session, who.person.id);
    Ok(redirect(if waits { again::BACK } else { own_path(next) }))
}
