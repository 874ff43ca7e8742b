//! Adding a person, and the link with which she chooses her password: shown once, kept only as a hash.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;
use serde::Deserialize;

use super::Portal;
use super::choices::{self, Choice};
use super::error::{WebError, status_of};
use super::form::{Errors, Posted};
use super::guard::{Allowed, ManagePeople};
use super::page::{Shell, see_other};
use super::people::{KeyForm, Waits, in_scope, read_grant, refused, waits};
use crate::actions::people::{self as act, NewPerson};
use crate::actions::{mail, second_factor};
use crate::domain::access::Permission;
use crate::domain::id::UserId;
use crate::domain::refusal::Refusal;
use crate::store::failure::Failure;
use crate::store::people;

/// What the form for a new person sends.
#[derive(Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PersonForm {
    key: String,
    name: String,
    email: String,
    role: String,
    region: String,
    #[serde(default)]
    ends_on: String,
}

#[derive(Template)]
#[template(path = "people/new.html")]
struct NewPage {
    shell: Shell,
    form: PersonForm,
    errors: Errors,
    roles: Vec<Choice>,
    places: Vec<Choice>,
}

#[derive(Template)]
#[template(path = "people/link.html")]
struct LinkPage {
    shell: Shell,
    id: UserId,
    name: String,
    added: bool,
    link: String,
    within: &'static str,
    waits: Vec<Waits>,
}

pub(super) fn everywhere(who: &Allowed<ManagePeople>) -> Result<(), WebError> {
    let may = who.access.has_everywhere(Permission::PeopleManage);
    if may { Ok(()) } else { Err(Refusal::Forbidden(Permission::PeopleManage).into()) }
}

async fn show(
    req: &HttpRequest,
    portal: &Portal,
    who: &Allowed<ManagePeople>,
    status: StatusCode,
    form: PersonForm,
    errors: Errors,
) -> Result<HttpResponse, WebError> {
    let mut read = portal.read(who).await?;
    let places = choices::places(&mut read, &who.reach()).await?;
    let shell = Shell::new(req, portal, who, "Add a person").with_errors(!errors.is_empty());
    let roles = choices::roles(&mut read).await?;
    let page = NewPage { shell, form, errors, roles, places };
    page.shell.answer(status, &page)
}

/// The form for a new person.
pub async fn new(req: HttpRequest, portal: web::Data<Portal>, who: Allowed<ManagePeople>) -> Result<HttpResponse, WebError> {
    everywhere(&who)?;
    let form = PersonForm { key: portal.store.random.token(16), ..PersonForm::default() };
    show(&req, &portal, &who, StatusCode::OK, form, Errors::none()).await
}

/// Adds a person with her first role, and shows the link for her password.
pub async fn add(
    req: HttpRequest,
    portal: web::Data<Portal>,
    who: Allowed<ManagePeople>,
    Posted(form): Posted<PersonForm>,
) -> Result<HttpResponse, WebError> {
    everywhere(&who)?;
    let mut errors = Errors::none();
    let mut status = StatusCode::UNPROCESSABLE_ENTITY;
    let mut new = NewPerson { email: form.email.clone(), name: form.name.clone(), password_hash: None, grant: None };
    errors.check("name", act::person_name(&form.name));
    errors.check("email", act::person_email(&form.email));
    let today = portal.store.now().day(chrono_tz::UTC);
    new.grant = read_grant(&form.role, &form.region, &form.ends_on, today, &mut errors);
    if errors.is_empty() {
        match act::add(&portal.store, who.actor.clone(), &form.key, new).await {
            Ok(id) => return show_link(&req, &portal, &who, id, true).await,
            Err(Failure::Refused(refusal)) => {
                status = status_of(&refusal);
                errors = Errors::of(&refusal);
            }
            Err(failure) => return Err(failure.into()),
        }
    }
    show(&req, &portal, &who, status, form, errors).await
}

/// Makes a new link for a person's password and shows it.
pub async fn link(
    req: HttpRequest,
    portal: web::Data<Portal>,
    who: Allowed<ManagePeople>,
    path: web::Path<String>,
    Posted(_): Posted<KeyForm>,
) -> Result<HttpResponse, WebError> {
    // First: who may not do it at all is told so, whatever stands in the address.
    everywhere(&who)?;
    let id = UserId::parse(&path).ok_or(Refusal::NotFound)?;
    show_link(&req, &portal, &who, id, false).await
}

/// Takes the second factor of somebody away who has lost it.
pub async fn remove_second_factor(
    req: HttpRequest,
    portal: web::Data<Portal>,
    who: Allowed<ManagePeople>,
    path: web::Path<String>,
    Posted(_): Posted<KeyForm>,
) -> Result<HttpResponse, WebError> {
    everywhere(&who)?;
    let person = in_scope(&portal, &who, &path).await?;
    match second_factor::remove(&portal.store, who.actor.clone(), person.id).await {
        Ok(()) => {
            let words = format!("The second factor of {} was taken away, and she was signed out everywhere.", person.name);
            Ok(see_other(&portal, &format!("/people/{}", person.id), Some(("ok", words))))
        }
        Err(Failure::Refused(refusal)) => refused(&req, &portal, &who, person, &refusal).await,
        Err(failure) => Err(failure.into()),
    }
}

/// Has the link mailed where the portal can; else this is the one answer that holds it. The browser does not store it (`no-store`).
async fn show_link(
    req: &HttpRequest,
    portal: &Portal,
    who: &Allowed<ManagePeople>,
    id: UserId,
    added: bool,
) -> Result<HttpResponse, WebError> {
    everywhere(who)?;
    let mut read = portal.read(who).await?;
    let person = people::find(&mut read, id).await?.ok_or(Refusal::NotFound)?;
    let waits = waits(&mut read, who, id, portal.store.now()).await?;
    drop(read);
    if portal.mails {
        mail::send_link(&portal.store, who.actor.clone(), id).await?;
        let rest = if added && !waits.is_empty() { " Her role waits for approval." } else { "" };
        let words = format!("A letter with a link to choose a password is on its way to {}.{rest}", person.name);
        return Ok(see_other(portal, &format!("/people/{id}"), Some(("ok", words))));
    }
    let made = act::password_link(&portal.store, who.actor.clone(), id).await?;
    let link = format!("{}/password/{}", portal.address(req), made.token);
    let title = if added { format!("{} was added", person.name) } else { format!("Password link for {}", person.name) };
    let page = LinkPage { shell: Shell::new(req, portal, who, title), id, name: person.name, added, link, within: made.within(), waits };
    page.shell.answer(StatusCode::OK, &page)
}
