//! Retiring a custom role, and taking it into use again.

use actix_web::{HttpRequest, HttpResponse, web};
use serde::Deserialize;

use super::Portal;
use super::error::WebError;
use super::form::Posted;
use super::guard::{Allowed, ManagePeople};
use super::page::{Shell, see_other};
use super::people_add::everywhere;
use super::role_check::{Change, CheckPage, labels};
use super::roles_edit::{crumbs, custom};
use crate::actions::roles as act;

/// What a form that retires or reinstates sends.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StepForm {
    key: String,
    version: i64,
}

async fn ask(
    req: HttpRequest,
    portal: web::Data<Portal>,
    who: Allowed<ManagePeople>,
    path: web::Path<String>,
    retired: bool,
) -> Result<HttpResponse, WebError> {
    everywhere(&who)?;
    let role = custom(&portal, &who, &path).await?;
    let place = format!("/roles/{}", role.id);
    let (title, fact, verb, step) = if retired {
        ("Retire", "It is given to nobody any more", "Retire the role", "retirement")
    } else {
        ("Use again", "It can be given again", "Take into use again", "reinstatement")
    };
    let page = CheckPage {
        shell: Shell::new(&req, &portal, &who, format!("{title}: {}", role.name)),
        crumbs: crumbs(Some(&role)),
        facts: vec![("Role", role.name.clone()), ("Afterwards", fact.to_owned()), ("Allows", labels(role.permissions.iter()).join("; "))],
        change_at: String::new(),
        changes: vec![Change::none("Nothing for anybody now: whoever holds the role goes on holding it until it is ended.")],
        notes: Vec::new(),
        post_to: format!("{place}/{step}"),
        hidden: vec![("key", portal.store.random.token(16)), ("version", role.version.to_string())],
        verb,
        danger: retired,
        back: place,
    };
    page.answer()
}

async fn take(
    portal: web::Data<Portal>,
    who: Allowed<ManagePeople>,
    path: web::Path<String>,
    form: StepForm,
    retired: bool,
) -> Result<HttpResponse, WebError> {
    everywhere(&who)?;
    let role = custom(&portal, &who, &path).await?;
    act::retire(&portal.store, who.actor.clone(), &form.key, (role.id, form.version), retired).await?;
    let words = if retired { "is retired" } else { "is in use again" };
    Ok(see_other(&portal, &format!("/roles/{}", role.id), Some(("ok", format!("{} {words}.", role.name)))))
}

/// Asks whether a role is to be retired.
pub async fn ask_retire(
    req: HttpRequest,
    portal: web::Data<Portal>,
    who: Allowed<ManagePeople>,
    path: web::Path<String>,
) -> Result<HttpResponse, WebError> {
    ask(req, portal, who, path, true).await
}

/// Asks whether a retired role is to be used again.
pub async fn ask_reinstate(
    req: HttpRequest,
    portal: web::Data<Portal>,
    who: Allowed<ManagePeople>,
    path: web::Path<String>,
) -> Result<HttpResponse, WebError> {
    ask(req, portal, who, path, false).await
}

/// Retires a role.
pub async fn retire(
    portal: web::Data<Portal>,
    who: Allowed<ManagePeople>,
    path: web::Path<String>,
    Posted(form): Posted<StepForm>,
) -> Result<HttpResponse, WebError> {
    take(portal, who, path, form, true).await
}

/// Takes a retired role into use again.
pub async fn reinstate(
    portal: web::Data<Portal>,
    who: Allowed<ManagePeople>,
    path: web::Path<String>,
    Posted(form): Posted<StepForm>,
) -> Result<HttpResponse, WebError> {
    take(portal, who, path, form, false).await
}
