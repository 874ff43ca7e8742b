//! What was typed is not lost when a session has ended under it, or when somebody has to show once more who she is: the fields of the form wait in
//! the session until she has signed in, and come back to be looked at. Nothing is done by coming back: she sends the form herself, with the token of
//! the session that she has by then.

use std::collections::BTreeSet;
use std::sync::OnceLock;
use std::time::Duration;

use actix_session::{Session, SessionExt};
use actix_web::body::{BoxBody, MessageBody};
use actix_web::cookie::{Cookie, SameSite};
use actix_web::dev::{Payload, ServiceRequest, ServiceResponse};
use actix_web::error::PayloadError;
use actix_web::http::header::{self, HeaderValue};
use actix_web::http::{Method, StatusCode};
use actix_web::middleware::Next;
use actix_web::{Error, HttpMessage, HttpRequest, HttpResponse, web};
use askama::Template;
use serde::{Deserialize, Serialize};

use super::error::WebError;
use super::form::{encoded, take_token};
use super::guard::{Allowed, SignedIn};
use super::page::{Shell, see_other};
use super::sign_in::{own_path, redirect};
use super::{Portal, csrf, session};
use crate::domain::id::UserId;
use crate::domain::time::Instant;

/// What waits, in the session's state.
const KEPT: &str = "kept";
/// How long it waits, in seconds.
const WAITS: i64 = 1_800;
/// The longest form that is kept, in bytes.
const MOST: usize = 32 * 1024;
/// How long the body of a form may take whose session has ended.
const WITHIN: Duration = Duration::from_secs(10);
/// Fields that are never kept: a form with one of them is filled in again.
const SECRETS: &[&str] = &["password", "again", "current", "code", "draft", "passkey"];
/// Where nobody has to be signed in.
const OPEN: &[&str] = &["/sign-", "/password", "/forgotten-password", "/setup", "/demo", "/prove"];
/// The page that brings it back.
pub const BACK: &str = "/go-on";

/// The fields of a form that was read, as they were sent, without the token: [`super::form::Posted`] leaves them with the request.
#[derive(Clone)]
pub struct Typed(pub String);

/// A form that waits.
#[derive(Clone, Debug, Deserialize, Serialize)]
struct Kept {
    /// Who sent it: it comes back to nobody else.
    person: UserId,
    /// Where to.
    path: String,
    /// The route's pattern.
    pattern: String,
    /// Its fields.
    fields: String,
    /// The page it stood on.
    page: String,
    at: Instant,
}

/// The cookie that says who was signed in here. It opens nothing; signing out takes it away.
const WAS: &str = "__Host-counterfoil-was";

/// That cookie for a person; without one it is taken away.
pub fn was(portal: &Portal, person: Option<UserId>) -> Cookie<'static> {
    let value = person.map(|person| csrf::seal(&portal.key, "was", &person.to_string())).unwrap_or_default();
    let cookie = Cookie::build(WAS, value).path("/").secure(true).http_only(true).same_site(SameSite::Strict);
    if person.is_some() { cookie.finish() } else { cookie.max_age(actix_web::cookie::time::Duration::ZERO).finish() }
}

fn who_was(req: &HttpRequest, portal: &Portal) -> Option<UserId> {
    UserId::parse(&csrf::unseal(&portal.key, "was", req.cookie(WAS)?.value())?)
}

/// The page that a form stood on, where the browser says so and it is one of ours.
pub fn page_before(req: &HttpRequest) -> String {
    let text = |name| req.headers().get(name).and_then(|value: &HeaderValue| value.to_str().ok()).unwrap_or_default();
    let (_, rest) = text(header::REFERER).split_once("://").unwrap_or_default();
    let (host, path) = rest.find('/').map_or((rest, ""), |at| rest.split_at(at));
    if host.eq_ignore_ascii_case(text(header::HOST)) { own_path(path).to_owned() } else { String::new() }
}

/// Empties a session and gives it another token, but for what `person` has waiting in it; before it is known who signs in, for what anybody has.
pub fn renewed(session: &Session, person: Option<UserId>) {
    let kept = session.get::<Kept>(KEPT).ok().flatten().filter(|kept| person.is_none_or(|person| person == kept.person));
    session.clear();
    session.renew();
    if let Some(kept) = kept {
        // What cannot be kept is typed again.
        drop(session.insert(KEPT, kept));
    }
}

fn waiting(portal: &Portal, session: &Session) -> Option<Kept> {
    let kept = session.get::<Kept>(KEPT).ok().flatten()?;
    (portal.store.now() < kept.at.plus_seconds(WAITS)).then_some(kept)
}

/// Whether something waits until somebody has signed in.
pub fn waits(portal: &Portal, session: &Session) -> bool {
    waiting(portal, session).is_some()
}

/// Whether something of this person waits.
pub fn waits_for(portal: &Portal, session: &Session, person: UserId) -> bool {
    waiting(portal, session).is_some_and(|kept| kept.person == person)
}

fn fields_of(text: &str) -> Vec<(String, String)> {
    serde_html_form::from_str(text).unwrap_or_default()
}

/// Keeps a form; not one that is too long, or holds a secret.
fn keep(req: &HttpRequest, portal: &Portal, person: UserId, fields: &str) -> bool {
    let pattern = req.match_pattern().unwrap_or_default();
    let names = fields_of(fields);
    if fields.len() > MOST || pattern.is_empty() || names.iter().any(|(name, _)| SECRETS.contains(&name.as_str())) {
        return false;
    }
    let path = req.uri().path().to_owned();
    let kept = Kept { person, path, pattern, fields: fields.to_owned(), page: page_before(req), at: portal.store.now() };
    req.get_session().insert(KEPT, kept).is_ok()
}

/// The form of somebody whose session has ended: who she was, and what she sent. Only a browser that had a session of ours is listened to, and only
/// where a page of ours sent the form.
async fn ended(req: &mut ServiceRequest, portal: &Portal) -> Option<(UserId, String)> {
    let is_form = req.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    let is_form = is_form.is_some_and(|kind| kind.starts_with("application/x-www-form-urlencoded"));
    let open = OPEN.iter().any(|start| req.path().starts_with(start));
    if !is_form || open || req.get_session().get::<UserId>(session::PERSON).ok().flatten().is_some() || !csrf::same_origin(req.request()) {
        return None;
    }
    let person = who_was(req.request(), portal)?;
    let body = req.extract::<web::Payload>().await.ok()?;
    let bytes = tokio::time::timeout(WITHIN, body.to_bytes_limited(MOST)).await.ok()?.ok()?.ok()?;
    let text = std::str::from_utf8(&bytes).ok().map(|text| take_token(text).1);
    req.set_payload(Payload::Stream { payload: Box::pin(futures_util::stream::iter([Ok::<_, PayloadError>(bytes)])) });
    text.map(|text| (person, text))
}

/// Around every form that is sent.
pub async fn around(mut req: ServiceRequest, next: Next<impl MessageBody + 'static>) -> Result<ServiceResponse<BoxBody>, Error> {
    let portal = req.app_data::<web::Data<Portal>>().cloned();
    let Some(portal) = portal.filter(|_| req.method() == Method::POST) else {
        return next.call(req).await.map(ServiceResponse::map_into_boxed_body);
    };
    let before = ended(&mut req, &portal).await;
    let mut response = next.call(req).await?.map_into_boxed_body();
    let request = response.request().clone();
    match response.status() {
        StatusCode::SEE_OTHER => {
            let leads_in = response.headers().get(header::LOCATION).is_some_and(|to| to.as_bytes().starts_with(b"/sign-in"));
            if let Some((person, typed)) = before.filter(|_| leads_in)
                && keep(&request, &portal, person, &typed)
            {
                let to = HeaderValue::try_from(format!("/sign-in?next={}", encoded(BACK)))?;
                response.headers_mut().insert(header::LOCATION, to);
            }
            Ok(response)
        }
        StatusCode::UNAUTHORIZED => {
            let person = request.get_session().get::<UserId>(session::PERSON).ok().flatten();
            let typed = request.extensions().get::<Typed>().cloned();
            let kept = person.zip(typed).is_some_and(|(person, typed)| keep(&request, &portal, person, &typed.0));
            let to = if kept { "/prove".to_owned() } else { format!("/prove?next={}", encoded(&page_before(&request))) };
            Ok(ServiceResponse::new(request, redirect(&to)))
        }
        _ => Ok(response),
    }
}

/// Routes of forms whose answers can be looked at on a page of their own.
fn has_check(pattern: &str) -> bool {
    static CHECKS: OnceLock<BTreeSet<String>> = OnceLock::new();
    let all = || super::listed().into_iter().filter(|route| route.method == Method::GET).map(|route| route.path.to_owned());
    CHECKS.get_or_init(|| all().filter(|path| path.ends_with("/check")).collect()).contains(&format!("{pattern}/check"))
}

#[derive(Template)]
#[template(path = "sign_in/go_on.html")]
struct GoOnPage {
    shell: Shell,
    path: String,
    page: String,
    /// What is sent: (name, value).
    fields: Vec<(String, String)>,
    /// What of it people read: (words, value).
    shown: Vec<(String, String)>,
}

/// The name of a field, in words; nothing for what no person has typed.
fn words(name: &str) -> Option<String> {
    if ["key", "version", "seen", "hash", "csrf"].contains(&name) {
        return None;
    }
    let text = name.replace('_', " ");
    let mut letters = text.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect())
}

/// Brings a form back: to the page on which its answers are checked, where it has one, else here. Nothing is done yet.
pub async fn go_on(
    req: HttpRequest,
    portal: web::Data<Portal>,
    session: Session,
    who: Allowed<SignedIn>,
) -> Result<HttpResponse, WebError> {
    let Some(kept) = waiting(&portal, &session).filter(|kept| kept.person == who.person.id) else { return Ok(redirect("/")) };
    if has_check(&kept.pattern) {
        session.remove(KEPT);
        return Ok(redirect(&format!("{}/check?{}", kept.path, kept.fields)));
    }
    let fields = fields_of(&kept.fields);
    let shown = fields.iter().filter(|(_, value)| !value.is_empty());
    let shown: Vec<_> = shown.filter_map(|(name, value)| words(name).map(|words| (words, value.clone()))).collect();
    let page = if kept.page.is_empty() { "/".to_owned() } else { kept.page };
    if shown.is_empty() {
        // A button alone: the page that it stands on says what it does.
        session.remove(KEPT);
        let words = "You are signed in again. Nothing was done yet: look at it once more.".to_owned();
        return Ok(see_other(&portal, &page, Some(("info", words))));
    }
    let page = GoOnPage { shell: Shell::new(&req, &portal, &who, "Look at it once more"), path: kept.path, page, fields, shown };
    page.shell.answer(StatusCode::OK, &page)
}
