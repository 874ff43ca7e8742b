//! Where people are signed in: one's own sessions, and for who manages people those of others; each can be ended.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;
use serde::Deserialize;

use super::error::WebError;
use super::form::Posted;
use super::guard::{Allowed, ManagePeople, Reading, Signed, SignedIn};
use super::page::{Shell, see_other};
use super::people::in_scope;
use super::people_add::everywhere;
use super::{Portal, choices};
use crate::actions::{people as act_people, sessions as act};
use crate::domain::access::Permission;
use crate::domain::id::{SessionId, UserId};
use crate::domain::refusal::Refusal;
use crate::store::db::Read;
use crate::store::sessions as kept;

/// A session, as it is shown.
pub(super) struct Line {
    /// What it is ended by.
    pub id: SessionId,
    /// The device, in words.
    pub device: String,
    /// From where.
    pub address: String,
    /// Since when.
    pub since: String,
    /// When it was last used.
    pub used: String,
    /// Whether it is the one that asks.
    pub this: bool,
}

/// The sessions of a person; `present` is the one that asks.
pub(super) async fn lines(portal: &Portal, read: &mut Read, person: UserId, present: SessionId) -> Result<Vec<Line>, WebError> {
    let now = portal.store.now();
    let zone = choices::zone(read).await?;
    let all = kept::of_person(read, person, now, now.plus_seconds(-portal.lives.idle)).await?;
    let line = |one: kept::Listed| Line {
        this: one.id == present,
        since: one.created_at.local(zone),
        used: one.last_seen_at.local(zone),
        device: one.device,
        address: one.address,
        id: one.id,
    };
    Ok(all.into_iter().map(line).collect())
}

/// Those of somebody, for whoever may end them; none for others, who need not know where people are.
pub(super) async fn lines_for(portal: &Portal, read: &mut Read, who: &Signed, person: UserId) -> Result<Vec<Line>, WebError> {
    let may = who.access.has_everywhere(Permission::PeopleManage);
    if may { lines(portal, read, person, who.session).await } else { Ok(Vec::new()) }
}

#[derive(Template)]
#[template(path = "settings/sessions.html")]
struct SessionsPage {
    shell: Shell,
    lines: Vec<Line>,
}

/// Where one is signed in.
pub async fn page(req: HttpRequest, portal: web::Data<Portal>, who: Allowed<SignedIn>) -> Result<HttpResponse, WebError> {
    let mut read = portal.read(&who).await?;
    let lines = lines(&portal, &mut read, who.person.id, who.session).await?;
    drop(read);
    let page = SessionsPage { shell: Shell::new(&req, &portal, &who, "Where you are signed in"), lines };
    page.shell.answer(StatusCode::OK, &page)
}

/// Notes that somebody is still here: being asked for is what keeps her session alive.
pub async fn stay(_: Allowed<SignedIn>) -> HttpResponse {
    HttpResponse::NoContent().finish()
}

/// For how many seconds the session lives on without use. To be asked is none: see [`super::session::unseen`].
pub async fn left(portal: web::Data<Portal>, Reading { who, mut read }: Reading<SignedIn>) -> Result<HttpResponse, WebError> {
    let seen = kept::seen(&mut read, who.session).await?.ok_or(Refusal::NotFound)?;
    let left = (seen.plus_seconds(portal.lives.idle).0 - portal.store.now().0).max(0) / 1_000_000;
    Ok(HttpResponse::Ok().content_type("text/plain; charset=utf-8").body(left.to_string()))
}

/// Which session is to end.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EndForm {
    /// Empty for all of them.
    #[serde(default)]
    session: String,
}

impl EndForm {
    fn one(&self) -> Result<Option<SessionId>, Refusal> {
        if self.session.is_empty() { Ok(None) } else { SessionId::parse(&self.session).map(Some).ok_or(Refusal::NotFound) }
    }
}

/// Ends one of one's own, or all but this one.
pub async fn end(portal: web::Data<Portal>, who: Allowed<SignedIn>, Posted(form): Posted<EndForm>) -> Result<HttpResponse, WebError> {
    let words = if let Some(session) = form.one()? {
        act::end_own(&portal.store, who.actor.clone(), session).await?;
        "That device was signed out.".to_owned()
    } else {
        act::end_others(&portal.store, who.actor.clone(), who.session).await?;
        "You were signed out everywhere else.".to_owned()
    };
    Ok(see_other(&portal, "/settings/sessions", Some(("ok", words))))
}

/// Ends one of somebody's, or all.
pub async fn end_hers(
    portal: web::Data<Portal>,
    who: Allowed<ManagePeople>,
    path: web::Path<String>,
    Posted(form): Posted<EndForm>,
) -> Result<HttpResponse, WebError> {
    everywhere(&who)?;
    let person = in_scope(&portal, &who, &path).await?;
    let words = if let Some(session) = form.one()? {
        act::end_of(&portal.store, who.actor.clone(), person.id, session).await?;
        format!("{} was signed out on that device.", person.name)
    } else {
        act_people::end_sessions(&portal.store, who.actor.clone(), person.id).await?;
        format!("{} was signed out everywhere.", person.name)
    };
    Ok(see_other(&portal, &format!("/people/{}", person.id), Some(("ok", words))))
}

#[derive(Template)]
#[template(path = "people/sign_out.html")]
struct EverybodyPage {
    shell: Shell,
    count: i64,
}

/// Asks whether everybody is to be signed out.
pub async fn ask_everybody(req: HttpRequest, portal: web::Data<Portal>, who: Allowed<ManagePeople>) -> Result<HttpResponse, WebError> {
    everywhere(&who)?;
    let now = portal.store.now();
    let count = kept::live(&mut portal.read(&who).await?, now, now.plus_seconds(-portal.lives.idle), who.session).await?;
    let page = EverybodyPage { shell: Shell::new(&req, &portal, &who, "Sign everybody out"), count };
    page.shell.answer(StatusCode::OK, &page)
}

/// Signs everybody out but whoever asks, here.
pub async fn end_everybody(
    portal: web::Data<Portal>,
    who: Allowed<ManagePeople>,
    Posted(()): Posted<()>,
) -> Result<HttpResponse, WebError> {
    everywhere(&who)?;
    act::end_everybody(&portal.store, who.actor.clone(), who.session).await?;
    let words = "Everybody was signed out, and you yourself everywhere but here.".to_owned();
    Ok(see_other(&portal, "/people", Some(("ok", words))))
}
