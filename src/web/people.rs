//! People: the list, one person with her roles, and what may be changed about her.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;
use serde::Deserialize;

use super::choices::{self, Choice};
use super::error::{WebError, status_of};
use super::form::{Errors, Posted};
use super::guard::{Allowed, ManagePeople, Needs, ReadPeople, Signed};
use super::page::{Shell, see_other};
use super::{Portal, sessions};
use crate::actions::approval_roles::waiting_for;
use crate::actions::{people as act, second_factor};
use crate::domain::access::Permission;
use crate::domain::id::{RegionId, UserId};
use crate::domain::refusal::Refusal;
use crate::domain::role::AnyRole;
use crate::domain::time::{Day, Instant};
use crate::store::db::Read;
use crate::store::failure::Failure;
use crate::store::people::{self, Grant, Person};
use crate::store::regions;

struct Row {
    person: Person,
    grants: Vec<Grant>,
    seen: String,
}

#[derive(Template)]
#[template(path = "people/list.html")]
struct ListPage {
    shell: Shell,
    rows: Vec<Row>,
    may_add: bool,
}

/// The words and the tone of an account's status.
pub(super) fn status_words(status: &str) -> (&'static str, &'static str) {
    match status {
        "active" => ("ok", "Active"),
        "suspended" => ("bad", "Suspended"),
        _ => ("info", "Invited"),
    }
}

impl Row {
    fn status(&self) -> (&'static str, &'static str) {
        status_words(&self.person.status)
    }
}

/// Everybody whose roles lie in her scope.
pub async fn list(req: HttpRequest, portal: web::Data<Portal>, who: Allowed<ReadPeople>) -> Result<HttpResponse, WebError> {
    let mut read = portal.read(&who).await?;
    let scope = who.reach();
    let grants = people::grants(&mut read, &scope, None, portal.store.now()).await?;
    let zone = choices::zone(&mut read).await?;
    let rows = people::list(&mut read, &scope).await?.into_iter().map(|person| Row {
        grants: grants.iter().filter(|grant| grant.person_id == person.id).cloned().collect(),
        seen: person.last_sign_in_at.map(|at| at.local(zone)).unwrap_or_default(),
        person,
    });
    let may_add = who.access.has_everywhere(Permission::PeopleManage);
    let page = ListPage { shell: Shell::new(&req, &portal, &who, "People"), rows: rows.collect(), may_add };
    page.shell.answer(StatusCode::OK, &page)
}

/// What the form that gives a role sends.
#[derive(Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GrantForm {
    #[serde(default)]
    pub(super) key: String,
    #[serde(default)]
    pub(super) role: String,
    #[serde(default)]
    pub(super) region: String,
    #[serde(default)]
    pub(super) ends_on: String,
    /// The version of a custom role as the check page showed it.
    #[serde(default)]
    pub(super) seen: String,
}

/// A role, a region and a last day, or everything that is wrong with them.
pub(super) fn read_grant(
    role: &str,
    region: &str,
    ends_on: &str,
    today: Day,
    errors: &mut Errors,
) -> Option<(AnyRole, RegionId, Option<Day>)> {
    let role = errors.check("role", AnyRole::parse(role).ok_or("Choose a role"));
    let region = errors.check("region", RegionId::parse(region).ok_or("Choose a region"));
    let ends_on = match ends_on.trim() {
        "" => Some(None),
        text => match Day::parse(text) {
            Some(day) if day >= today => Some(Some(day)),
            Some(_) => errors.check("ends_on", Err("This day is over: enter a later one")),
            None => errors.check("ends_on", Err("Enter a day like 2026-11-22")),
        },
    };
    Some((role?, region?, ends_on?))
}

#[derive(Template)]
#[template(path = "people/detail.html")]
struct DetailPage {
    shell: Shell,
    person: Person,
    tone: &'static str,
    status: &'static str,
    grants: Vec<(Grant, bool)>,
    waits: Vec<Waits>,
    ended: Vec<(Grant, String)>,
    created: String,
    seen: String,
    form: GrantForm,
    errors: Errors,
    roles: Vec<Choice>,
    abilities: Vec<Choice>,
    places: Vec<Choice>,
    may_manage: bool,
    may_suspend: bool,
    is_self: bool,
    sees_audit: bool,
    key: String,
    mails: bool,
    has_factor: bool,
    lines: Vec<sessions::Line>,
}

/// A role that was asked for and waits for approval.
pub(super) struct Waits {
    pub role: String,
    pub place: String,
    pub reference: String,
    /// The page of the request; empty where she could not open it.
    pub href: String,
}

/// The roles that this person gets once somebody approves, of those whose region `who` sees.
pub(super) async fn waits(read: &mut Read, who: &Signed, person: UserId, now: Instant) -> Result<Vec<Waits>, WebError> {
    let names = regions::names(read, &who.scope(Permission::PeopleRead)).await?;
    let opens = who.access.has(Permission::BudgetsRead);
    let mut all = Vec::new();
    for (row, effects) in waiting_for(read, &who.access, person, now).await? {
        let places = effects.regions.iter().filter_map(|region| names.get(region)).map(String::as_str).collect::<Vec<_>>().join(", ");
        let href = if opens { format!("/approvals/{}", row.id) } else { String::new() };
        all.push(Waits { role: effects.label, place: places, reference: row.reference(), href });
    }
    Ok(all)
}

pub(super) async fn in_scope<N: Needs>(portal: &Portal, who: &Allowed<N>, path: &str) -> Result<Person, WebError> {
    let id = UserId::parse(path).ok_or(Refusal::NotFound)?;
    let mut read = portal.read(who).await?;
    Ok(people::find_within(&mut read, &who.scope(Permission::PeopleRead), id).await?.ok_or(Refusal::NotFound)?)
}

pub(super) async fn show<N: Needs>(
    req: &HttpRequest,
    portal: &Portal,
    who: &Allowed<N>,
    person: Person,
    form: GrantForm,
    refused: (StatusCode, Errors),
) -> Result<HttpResponse, WebError> {
    let mut read = portal.read(who).await?;
    let (sees, manages) = (who.scope(Permission::PeopleRead), who.scope(Permission::PeopleManage));
    let (zone, now) = (choices::zone(&mut read).await?, portal.store.now());
    let grants = people::grants(&mut read, &sees, Some(person.id), now).await?;
    let ended = people::ended_grants(&mut read, &sees, person.id, now).await?;
    let (tone, status) = status_words(&person.status);
    let page = DetailPage {
        shell: Shell::new(req, portal, who, person.name.clone()).with_errors(!refused.1.is_empty()),
        tone,
        status,
        grants: grants.into_iter().map(|grant| (grant.clone(), manages.covers(grant.region_id))).collect(),
        ended: ended.into_iter().map(|grant| (grant.clone(), grant.over_at(now).map(|at| at.local(zone)).unwrap_or_default())).collect(),
        waits: waits(&mut read, who, person.id, now).await?,
        created: person.created_at.day(zone).words(),
        seen: person.last_sign_in_at.map(|at| at.local(zone)).unwrap_or_default(),
        form,
        errors: refused.1,
        roles: choices::roles(&mut read).await?,
        abilities: super::people_access::abilities(),
        places: choices::places(&mut read, &manages).await?,
        may_manage: !manages.is_empty(),
        may_suspend: who.access.has_everywhere(Permission::PeopleManage),
        is_self: person.id == who.person.id,
        sees_audit: who.access.has(Permission::AuditRead),
        key: portal.store.random.token(16),
        mails: portal.mails,
        has_factor: second_factor::has_any(&mut read, person.id).await?,
        lines: sessions::lines_for(portal, &mut read, who, person.id).await?,
        person,
    };
    page.shell.answer(refused.0, &page)
}

/// One person.
pub async fn detail(
    req: HttpRequest,
    portal: web::Data<Portal>,
    who: Allowed<ReadPeople>,
    path: web::Path<String>,
) -> Result<HttpResponse, WebError> {
    let person = in_scope(&portal, &who, &path).await?;
    // The answers that somebody comes back with from the check page, to change them.
    let form = web::Query::<GrantForm>::from_query(req.query_string()).map(web::Query::into_inner).unwrap_or_default();
    show(&req, &portal, &who, person, form, (StatusCode::OK, Errors::none())).await
}

/// What a form without fields of its own sends.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyForm {
    /// The idempotency key.
    pub key: String,
}

pub(super) async fn refused(
    req: &HttpRequest,
    portal: &Portal,
    who: &Allowed<ManagePeople>,
    person: Person,
    refusal: &Refusal,
) -> Result<HttpResponse, WebError> {
    show(req, portal, who, person, GrantForm::default(), (status_of(refusal), Errors::of(refusal))).await
}

async fn set_suspended(
    req: HttpRequest,
    portal: web::Data<Portal>,
    who: Allowed<ManagePeople>,
    path: web::Path<String>,
    form: KeyForm,
    suspended: bool,
) -> Result<HttpResponse, WebError> {
    let person = in_scope(&portal, &who, &path).await?;
    match act::suspend(&portal.store, who.actor.clone(), &form.key, person.id, suspended).await {
        Ok(()) => {
            let words = if suspended { "is suspended, and signed out everywhere" } else { "may sign in again" };
            Ok(see_other(&portal, &format!("/people/{}", person.id), Some(("ok", format!("{} {words}.", person.name)))))
        }
        Err(Failure::Refused(refusal)) => refused(&req, &portal, &who, person, &refusal).await,
        Err(failure) => Err(failure.into()),
    }
}

/// Suspends a person.
pub async fn suspend(
    req: HttpRequest,
    portal: web::Data<Portal>,
    who: Allowed<ManagePeople>,
    path: web::Path<String>,
    Posted(form): Posted<KeyForm>,
) -> Result<HttpResponse, WebError> {
    set_suspended(req, portal, who, path, form, true).await
}

/// Lets a person in again.
pub async fn reinstate(
    req: HttpRequest,
    portal: web::Data<Portal>,
    who: Allowed<ManagePeople>,
    path: web::Path<String>,
    Posted(form): Posted<KeyForm>,
) -> Result<HttpResponse, WebError> {
    set_suspended(req, portal, who, path, form, false).await
}
