//! Signing in and out.

use actix_session::Session;
use actix_web::cookie::{Cookie, SameSite};
use actix_web::http::{StatusCode, header};
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;
use serde::Deserialize;

use super::error::{WebError, status_of};
use super::form::{Errors, Posted};
use super::guard::{Allowed, SignedIn, client, peer};
use super::page::{Plain, plain_answer};
use super::{Portal, csrf, session};
use crate::actions::sign_in;
use crate::domain::access::{Actor, Role, Scope, Who};
use crate::domain::id::UserId;
use crate::domain::refusal::Refusal;
use crate::domain::throttle;
use crate::store::failure::Failure;
use crate::store::{people, regions};

/// A person of the demo, one click away.
struct DemoPerson {
    id: UserId,
    name: String,
    role: String,
    place: String,
}

#[derive(Template)]
#[template(path = "sign_in/form.html")]
struct SignInPage {
    plain: Plain,
    email: String,
    next: String,
    errors: Errors,
    people: Vec<DemoPerson>,
    mails: bool,
}

#[derive(Template)]
#[template(path = "sign_in/signed_out.html")]
struct SignedOutPage {
    plain: Plain,
}

/// Where to go after signing in.
#[derive(Deserialize)]
pub struct Next {
    #[serde(default)]
    next: String,
}

/// What the sign-in form sends.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Credentials {
    email: String,
    password: String,
    #[serde(default)]
    next: String,
}

/// What a one-click sign-in of the demo sends.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DemoChoice {
    person: UserId,
    #[serde(default)]
    next: String,
}

/// A path of this portal, or the overview: nobody is sent to another site from here.
fn own_path(next: &str) -> &str {
    let own = next.starts_with('/') && !next.starts_with("//") && !next.starts_with("/\\") && !next.chars().any(char::is_control);
    if own && !next.starts_with("/sign-") { next } else { "/" }
}

/// The sign-in page.
pub async fn page(
    req: HttpRequest,
    portal: web::Data<Portal>,
    query: web::Query<Next>,
    session: Session,
) -> Result<HttpResponse, WebError> {
    if session.get::<UserId>(session::PERSON).ok().flatten().is_some() {
        return Ok(redirect(own_path(&query.next)));
    }
    let mut read = portal.store.read().await?;
    if people::count(&mut read).await? == 0 {
        return super::setup::closed(&req, &portal, false);
    }
    drop(read);
    show(&req, &portal, StatusCode::OK, String::new(), query.into_inner().next, Errors::none()).await
}

async fn show(
    req: &HttpRequest,
    portal: &Portal,
    status: StatusCode,
    email: String,
    next: String,
    errors: Errors,
) -> Result<HttpResponse, WebError> {
    let title = if errors.is_empty() { "Sign in" } else { "Error: Sign in" };
    let (plain, cookie) = Plain::new(req, portal, title);
    let people = if portal.demo { demo_people(portal).await? } else { Vec::new() };
    plain_answer(status, cookie, &SignInPage { plain, email, next: own_path(&next).to_owned(), errors, people, mails: portal.mails })
}

async fn demo_people(portal: &Portal) -> Result<Vec<DemoPerson>, WebError> {
    let mut read = portal.store.read().await?;
    let root = regions::root(&mut read).await?.ok_or(Refusal::NotFound)?;
    let everywhere = Scope::of(regions::subtree(&mut read, root.id).await?, true);
    let grants = people::grants(&mut read, &everywhere, None).await?;
    let mut shown = Vec::new();
    // Whoever may do most comes first.
    let rank = |code: &str| Role::ALL.iter().rev().position(|role| role.code() == code).unwrap_or(usize::MAX);
    for person in people::list(&mut read, &everywhere).await?.into_iter().filter(|person| person.status == "active") {
        let hers: Vec<_> = grants.iter().filter(|grant| grant.person_id == person.id).collect();
        let role = hers.iter().map(|grant| grant.role_label()).collect::<Vec<_>>().join(", ");
        let place = hers.iter().map(|grant| grant.region_name.as_str()).collect::<Vec<_>>().join(", ");
        let first = hers.iter().map(|grant| rank(&grant.role)).min().unwrap_or(usize::MAX);
        shown.push((first, DemoPerson { id: person.id, name: person.name, role, place }));
    }
    shown.sort_by_key(|(first, _)| *first);
    Ok(shown.into_iter().map(|(_, person)| person).collect())
}

fn anonymous(req: &HttpRequest) -> Actor {
    Actor { who: Who::System("portal"), request_id: csrf::request_id(req), peer: peer(req) }
}

/// The cookie by which a device is known that somebody has signed in from: it opens nothing, it only counts tries in vain apart from those of
/// strangers in the same network.
const DEVICE: &str = "__Host-counterfoil-device";
/// How long a device keeps it, in days.
const DEVICE_DAYS: i64 = 180;

fn device_cookie(token: String) -> Cookie<'static> {
    let cookie = Cookie::build(DEVICE, token).path("/").secure(true).http_only(true).same_site(SameSite::Strict);
    cookie.max_age(actix_web::cookie::time::Duration::days(DEVICE_DAYS)).finish()
}

/// Where a request comes from, for counting.
fn place(req: &HttpRequest) -> sign_in::Place {
    let network = client(req).map(throttle::network).unwrap_or_default();
    sign_in::Place { network, device: req.cookie(DEVICE).map(|cookie| cookie.value().to_owned()).filter(|token| token.len() <= 64) }
}

/// Signs in with address and password.
pub async fn submit(
    req: HttpRequest,
    portal: web::Data<Portal>,
    session: Session,
    Posted(form): Posted<Credentials>,
) -> Result<HttpResponse, WebError> {
    let (actor, place) = (anonymous(&req), place(&req));
    match sign_in::with_password(&portal.store, &portal.passwords, actor, &place, &form.email, &form.password).await {
        Ok(opened) => {
            portal.store.metrics.sign_in("done");
            begin(&portal, &session, opened.person)?;
            let mut answer = marked(own_path(&form.next), true);
            answer.add_cookie(&device_cookie(opened.device)).map_err(|error| WebError::Ours(error.to_string()))?;
            Ok(answer)
        }
        Err(Failure::Refused(refusal)) => {
            let waits = if let Refusal::TryLater(seconds) = refusal { Some(seconds) } else { None };
            portal.store.metrics.sign_in(if waits.is_some() { "throttled" } else { "refused" });
            let mut answer = show(&req, &portal, status_of(&refusal), form.email, form.next, Errors::of(&refusal)).await?;
            if let Some(seconds) = waits {
                answer.headers_mut().insert(header::RETRY_AFTER, seconds.into());
            }
            Ok(answer)
        }
        Err(failure) => Err(failure.into()),
    }
}

/// Signs a person of the demo in; there is no such thing outside the demo.
pub async fn demo(
    req: HttpRequest,
    portal: web::Data<Portal>,
    session: Session,
    Posted(form): Posted<DemoChoice>,
) -> Result<HttpResponse, WebError> {
    if !portal.demo {
        return Err(Refusal::NotFound.into());
    }
    let mut read = portal.store.read().await?;
    let person = people::find(&mut read, form.person).await?.filter(|person| person.status == "active").ok_or(Refusal::NotFound)?;
    drop(read);
    sign_in::opened(&portal.store, anonymous(&req), person.id, "demo").await?;
    begin(&portal, &session, person.id)?;
    Ok(marked(own_path(&form.next), true))
}

/// A session of a signed-in person: under a new token, so that nobody can have planted it.
pub(super) fn begin(portal: &Portal, session: &Session, person: UserId) -> Result<(), WebError> {
    session.clear();
    session.renew();
    let kept = session.insert(session::PERSON, person).and_then(|()| session.insert(csrf::NONCE, portal.store.random.token(16)));
    kept.map_err(|error| WebError::Ours(format!("the session could not be kept: {error}")))
}

/// Signs out.
pub async fn out(
    portal: web::Data<Portal>,
    session: Session,
    who: Allowed<SignedIn>,
    Posted(()): Posted<()>,
) -> Result<HttpResponse, WebError> {
    sign_in::closed(&portal.store, who.actor.clone(), who.person.id).await?;
    session.purge();
    Ok(marked("/signed-out", false))
}

/// The page after signing out. The stylesheet it loads clears what the browser kept, so that Back shows nothing (ux.md 4).
pub async fn signed_out(req: HttpRequest, portal: web::Data<Portal>) -> Result<HttpResponse, WebError> {
    let (plain, cookie) = Plain::new(&req, &portal, "Signed out");
    plain_answer(StatusCode::OK, cookie, &SignedOutPage { plain })
}

/// The cookie that the page's script looks for when the browser shows a page it kept: it says that somebody is signed in, not who, and opens nothing.
const MARKER: &str = "counterfoil-signed-in";

fn marked(to: &str, signed_in: bool) -> HttpResponse {
    let marker = Cookie::build(MARKER, if signed_in { "1" } else { "" }).path("/").secure(true).same_site(SameSite::Strict);
    let marker = if signed_in { marker } else { marker.max_age(actix_web::cookie::time::Duration::ZERO) };
    HttpResponse::SeeOther().insert_header((header::LOCATION, to.to_owned())).cookie(marker.finish()).finish()
}

fn redirect(to: &str) -> HttpResponse {
    HttpResponse::SeeOther().insert_header((header::LOCATION, to.to_owned())).finish()
}
