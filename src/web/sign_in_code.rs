//! Between the password and the portal: the code of the second factor, or setting one up where that is required.

use actix_session::Session;
use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;
use serde::Deserialize;

use super::error::{WebError, status_of};
use super::form::{Errors, Posted};
use super::guard::peer;
use super::page::{Plain, plain_answer};
use super::second_factor::{Parts, draft_of};
use super::sign_in::{anonymous, half, own_path, place, redirect, refused, signed_in};
use super::{Portal, csrf, session};
use crate::actions::{second_factor as act, sign_in};
use crate::domain::access::{Actor, Proved, Who};
use crate::domain::id::UserId;
use crate::store::failure::Failure;
use crate::store::people::{self, Person};
use crate::store::{passkeys, second_factor as kept};

#[derive(Template)]
#[template(path = "sign_in/code.html")]
struct CodePage {
    plain: Plain,
    errors: Errors,
    has_code: bool,
    has_passkey: bool,
}

/// The page that asks for the second factor of somebody whose password was right.
pub(super) async fn show(
    req: &HttpRequest,
    portal: &Portal,
    person: UserId,
    status: StatusCode,
    errors: Errors,
) -> Result<HttpResponse, WebError> {
    let mut read = portal.store.read().await?;
    let has_code = kept::find(&mut read, person).await?.is_some();
    let has_passkey = passkeys::has_any(&mut read, person).await?;
    drop(read);
    let title = if errors.is_empty() { "Enter your code" } else { "Error: Enter your code" };
    let (plain, cookie) = Plain::new(req, portal, title);
    plain_answer(status, cookie, &CodePage { plain, errors, has_code, has_passkey })
}

/// The form for the code.
pub async fn page(req: HttpRequest, portal: web::Data<Portal>, session: Session) -> Result<HttpResponse, WebError> {
    let Some(half) = half(&portal, &session) else { return Ok(redirect("/sign-in")) };
    show(&req, &portal, half.half.person, StatusCode::OK, Errors::none()).await
}

/// What it sends.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CodeForm {
    code: String,
}

/// Proves the second factor, and signs in.
pub async fn prove(
    req: HttpRequest,
    portal: web::Data<Portal>,
    session: Session,
    Posted(form): Posted<CodeForm>,
) -> Result<HttpResponse, WebError> {
    let Some(half) = half(&portal, &session) else { return Ok(redirect("/sign-in")) };
    match act::prove(&portal.store, &portal.seal, anonymous(&req), &place(&req), half.half, &form.code).await {
        Ok(opened) => {
            let mut answer = redirect(own_path(&half.next));
            signed_in((&req, &portal), &session, opened, &mut answer)?;
            Ok(answer)
        }
        Err(Failure::Refused(refusal)) => {
            let answer = show(&req, &portal, half.half.person, status_of(&refusal), Errors::of(&refusal)).await?;
            Ok(refused(&portal, answer, &refusal))
        }
        Err(failure) => Err(failure.into()),
    }
}

#[derive(Template)]
#[template(path = "sign_in/second_factor.html")]
struct SetUpPage {
    plain: Plain,
    errors: Errors,
    parts: Parts,
    next: String,
    required: bool,
    signed_in: bool,
}

#[derive(Template)]
#[template(path = "sign_in/codes.html")]
struct CodesPage {
    plain: Plain,
    codes: Vec<String>,
    next: String,
}

/// Somebody who has to set up a second factor: whose password was right a moment ago, or who is signed in and whose role requires one since.
struct Waiting {
    person: Person,
    /// Whether she is signed in: she enters her password once more then.
    signed_in: bool,
    required: bool,
    next: String,
}

async fn waiting(portal: &Portal, session: &Session, next: &str) -> Result<Option<Waiting>, WebError> {
    let half = half(portal, session);
    let signed_in = half.is_none();
    let (id, next) = match &half {
        Some(half) => (half.half.person, half.next.clone()),
        None => match session.get::<UserId>(session::PERSON).ok().flatten() {
            Some(id) => (id, own_path(next).to_owned()),
            None => return Ok(None),
        },
    };
    let mut read = portal.store.read().await?;
    let same = |person: &Person| half.as_ref().is_none_or(|half| half.half.version == person.version);
    let person = people::find(&mut read, id).await?.filter(|person| person.status == "active" && same(person));
    let has_one = act::has_any(&mut read, id).await?;
    let required = act::is_required(&mut read, id, portal.store.now()).await?;
    Ok(person.filter(|_| !has_one && (required || !signed_in)).map(|person| Waiting { person, signed_in, required, next }))
}

async fn show_set_up(
    req: &HttpRequest,
    portal: &Portal,
    session: &Session,
    waiting: Waiting,
    draft: &str,
    (status, errors): (StatusCode, Errors),
) -> Result<HttpResponse, WebError> {
    let title = if errors.is_empty() { "Set up a second factor" } else { "Error: Set up a second factor" };
    let (plain, cookie) = Plain::new(req, portal, title);
    // The forms of somebody who is signed in carry the token of her session.
    let csrf = session.get::<String>(csrf::NONCE).ok().flatten().map(|nonce| csrf::token(&portal.key, &nonce));
    let plain = Plain { csrf: csrf.unwrap_or_else(|| plain.csrf.clone()), ..plain };
    let Waiting { person, signed_in, required, next } = waiting;
    let has_password = people::password_hash(&mut portal.store.read().await?, person.id).await?.is_some();
    let parts = Parts::of(portal, &person, draft, signed_in && has_password)?;
    plain_answer(status, cookie, &SetUpPage { plain, errors, parts, next, required, signed_in })
}

/// Where to go afterwards.
#[derive(Deserialize)]
pub struct Next {
    #[serde(default)]
    next: String,
}

/// The form that sets a second factor up.
pub async fn set_up_page(
    req: HttpRequest,
    portal: web::Data<Portal>,
    session: Session,
    query: web::Query<Next>,
) -> Result<HttpResponse, WebError> {
    match waiting(&portal, &session, &query.next).await? {
        Some(waiting) => show_set_up(&req, &portal, &session, waiting, "", (StatusCode::OK, Errors::none())).await,
        None => Ok(redirect("/sign-in")),
    }
}

/// What it sends.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SetUpForm {
    #[serde(default)]
    current: String,
    code: String,
    draft: String,
    next: String,
}

/// Sets it up, signs in, and shows the recovery codes.
pub async fn set_up(
    req: HttpRequest,
    portal: web::Data<Portal>,
    session: Session,
    Posted(form): Posted<SetUpForm>,
) -> Result<HttpResponse, WebError> {
    let Some(waiting) = waiting(&portal, &session, &form.next).await? else { return Ok(redirect("/sign-in")) };
    let actor =
        Actor { who: Who::Person(waiting.person.id), request_id: csrf::request_id(&req), peer: peer(&req), proved: Proved::Elsewhere };
    match done(&portal, &actor, &waiting, &form).await {
        Ok(codes) => {
            let opened = sign_in::opened(&portal.store, anonymous(&req), waiting.person.id, "password, second factor set up").await?;
            let (plain, _) = Plain::new(&req, &portal, "Your recovery codes");
            let mut answer = plain_answer(StatusCode::OK, None, &CodesPage { plain, codes, next: waiting.next })?;
            signed_in((&req, &portal), &session, opened, &mut answer)?;
            Ok(answer)
        }
        Err(Failure::Refused(refusal)) => {
            let refused = (status_of(&refusal), Errors::of(&refusal));
            show_set_up(&req, &portal, &session, waiting, &form.draft, refused).await
        }
        Err(failure) => Err(failure.into()),
    }
}

async fn done(portal: &Portal, actor: &Actor, waiting: &Waiting, form: &SetUpForm) -> Result<Vec<String>, Failure> {
    let tries =
        if waiting.signed_in { act::password_again(&portal.store, &portal.passwords, actor, &form.current).await? } else { Vec::new() };
    act::set_up(&portal.store, &portal.seal, actor.clone(), waiting.person.id, &draft_of(&form.draft), &form.code, tries).await
}
