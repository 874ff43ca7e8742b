//! Signing in and out.

use actix_session::{Session, SessionExt};
use actix_web::cookie::{Cookie, SameSite};
use actix_web::http::{StatusCode, header};
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;
use serde::{Deserialize, Serialize};

use super::error::{WebError, status_of};
use super::form::{Errors, Posted};
use super::guard::{Allowed, Leaving, client, peer};
use super::page::{Flash, Plain, plain_answer};
use super::{Portal, again, csrf, session};
use crate::actions::sign_in::{self, Entered, Half, Opened};
use crate::clock::uuid_v7;
use crate::domain::access::{Actor, Proved, Role, Scope, Who};
use crate::domain::device;
use crate::domain::id::{SessionId, UserId};
use crate::domain::refusal::Refusal;
use crate::domain::throttle;
use crate::domain::time::Instant;
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
    passkeys: bool,
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
pub(super) fn own_path(next: &str) -> &str {
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

pub(super) async fn show(
    req: &HttpRequest,
    portal: &Portal,
    status: StatusCode,
    email: String,
    next: String,
    errors: Errors,
) -> Result<HttpResponse, WebError> {
    let title = if errors.is_empty() { "Sign in" } else { "Error: Sign in" };
    let (mut plain, cookie) = Plain::new(req, portal, title);
    if again::waits(portal, &req.get_session()) {
        let text = "Your session had ended. What you sent is kept: sign in, and it comes back to be looked at before anything is done.";
        plain.flash = Some(Flash { tone: "info", text: text.to_owned() });
    }
    let people = if portal.demo { demo_people(portal).await? } else { Vec::new() };
    plain_answer(
        status,
        cookie,
        &SignInPage {
            plain,
            email,
            next: own_path(&next).to_owned(),
            errors,
            people,
            mails: portal.mails,
            passkeys: portal.site(req).is_some(),
        },
    )
}

async fn demo_people(portal: &Portal) -> Result<Vec<DemoPerson>, WebError> {
    let mut read = portal.store.read().await?;
    let root = regions::root(&mut read).await?.ok_or(Refusal::NotFound)?;
    let everywhere = Scope::of(regions::subtree(&mut read, root.id).await?, true);
    let grants = people::grants(&mut read, &everywhere, None, portal.store.now()).await?;
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

pub(super) fn anonymous(req: &HttpRequest) -> Actor {
    Actor { who: Who::System("portal"), request_id: csrf::request_id(req), peer: peer(req), proved: Proved::Elsewhere }
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
pub(super) fn place(req: &HttpRequest) -> sign_in::Place {
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
        Ok(entered) => enter(&req, &portal, &session, entered, &form.next),
        Err(Failure::Refused(refusal)) => {
            let answer = show(&req, &portal, status_of(&refusal), form.email, form.next, Errors::of(&refusal)).await?;
            Ok(refused(&portal, answer, &refusal))
        }
        Err(failure) => Err(failure.into()),
    }
}

/// Counts a refusal, and says when the next try is looked at.
pub(super) fn refused(portal: &Portal, mut answer: HttpResponse, refusal: &Refusal) -> HttpResponse {
    let waits = if let Refusal::TryLater(seconds) = refusal { Some(*seconds) } else { None };
    portal.store.metrics.sign_in(if waits.is_some() { "throttled" } else { "refused" });
    if let Some(seconds) = waits {
        answer.headers_mut().insert(header::RETRY_AFTER, seconds.into());
    }
    answer
}

/// Leads on from a right password: into the portal, to the code, or to setting up a second factor.
fn enter(req: &HttpRequest, portal: &Portal, session: &Session, entered: Entered, next: &str) -> Result<HttpResponse, WebError> {
    let (half, to) = match entered {
        Entered::In(opened) => {
            let mut answer = redirect(own_path(next));
            signed_in((req, portal), session, opened, &mut answer)?;
            return Ok(answer);
        }
        Entered::Code(half) => (half, "/sign-in/code"),
        Entered::SetUp(half) => (half, "/sign-in/second-factor"),
    };
    again::renewed(session, None);
    let kept = HalfWay { half, at: portal.store.now(), next: own_path(next).to_owned() };
    session.insert(HALF, kept).map_err(|error| WebError::Ours(format!("the session could not be kept: {error}")))?;
    Ok(redirect(to))
}

/// Begins the session of somebody who has shown all that is asked for.
pub(super) fn signed_in(
    (req, portal): (&HttpRequest, &Portal),
    session: &Session,
    opened: Opened,
    answer: &mut HttpResponse,
) -> Result<(), WebError> {
    portal.store.metrics.sign_in("done");
    begin(req, portal, session, opened.person)?;
    let cookies = [device_cookie(opened.device), marker(true), again::was(portal, Some(opened.person))];
    cookies.iter().try_for_each(|cookie| answer.add_cookie(cookie)).map_err(|error| WebError::Ours(error.to_string()))
}

/// What the session remembers between the password and the second factor: it opens nothing else.
const HALF: &str = "half";
/// How long it may take from the one to the other, in seconds.
const HALF_LIVES: i64 = 600;

/// Somebody whose password was right.
#[derive(Deserialize, Serialize)]
pub(super) struct HalfWay {
    /// Who.
    pub half: Half,
    at: Instant,
    /// Where she wants to go.
    pub next: String,
}

/// Who has entered her password a moment ago.
pub(super) fn half(portal: &Portal, session: &Session) -> Option<HalfWay> {
    let half = session.get::<HalfWay>(HALF).ok().flatten()?;
    (portal.store.now() < half.at.plus_seconds(HALF_LIVES)).then_some(half)
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
    enter(&req, &portal, &session, sign_in::without_password(&portal.store, anonymous(&req), &person).await?, &form.next)
}

/// A session of a signed-in person: under a new token, so that nobody can have planted it.
pub(super) fn begin(req: &HttpRequest, portal: &Portal, session: &Session, person: UserId) -> Result<(), WebError> {
    again::renewed(session, Some(person));
    let agent = req.headers().get(header::USER_AGENT).and_then(|agent| agent.to_str().ok()).unwrap_or_default();
    let (now, id) = (portal.store.now(), SessionId(uuid_v7(portal.store.now().0, &portal.store.random)));
    let began = session::Began { id, at: now, device: device::words(agent), address: peer(req), proved: now };
    let kept = session.insert(session::PERSON, person).and_then(|()| session.insert(session::BEGAN, began));
    let kept = kept.and_then(|()| session.insert(csrf::NONCE, portal.store.random.token(16)));
    kept.map_err(|error| WebError::Ours(format!("the session could not be kept: {error}")))
}

/// Signs out.
pub async fn out(
    portal: web::Data<Portal>,
    session: Session,
    who: Allowed<Leaving>,
    Posted(()): Posted<()>,
) -> Result<HttpResponse, WebError> {
    sign_in::closed(&portal.store, who.actor.clone(), who.person.id).await?;
    session.purge();
    let mut answer = redirect("/signed-out");
    let gone = [marker(false), again::was(&portal, None)];
    gone.iter().try_for_each(|cookie| answer.add_cookie(cookie)).map_err(|error| WebError::Ours(error.to_string()))?;
    Ok(answer)
}

/// The page after signing out. The stylesheet it loads clears what the browser kept, so that Back shows nothing (ux.md 4).
pub async fn signed_out(req: HttpRequest, portal: web::Data<Portal>) -> Result<HttpResponse, WebError> {
    let (plain, cookie) = Plain::new(&req, &portal, "Signed out");
    plain_answer(StatusCode::OK, cookie, &SignedOutPage { plain })
}

/// The cookie that the page's script looks for when the browser shows a page it kept: it says that somebody is signed in, not who, and opens nothing.
const MARKER: &str = "__Host-counterfoil-signed-in";

fn marker(signed_in: bool) -> Cookie<'static> {
    let marker = Cookie::build(MARKER, if signed_in { "1" } else { "" }).path("/").secure(true).same_site(SameSite::Strict);
    if signed_in { marker.finish() } else { marker.max_age(actix_web::cookie::time::Duration::ZERO).finish() }
}

pub(super) fn redirect(to: &str) -> HttpResponse {
    HttpResponse::SeeOther().insert_header((header::LOCATION, to.to_owned())).finish()
}
