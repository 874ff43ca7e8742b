//! How people sign in: which roles have to have a second factor.

use std::collections::BTreeSet;

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;
use serde::Deserialize;

use super::Portal;
use super::error::WebError;
use super::form::Posted;
use super::guard::{Allowed, ManageSettings};
use super::page::{Shell, see_other};
use super::settings::tabs;
use super::settings_organisation::everywhere;
use crate::actions::second_factor as act;
use crate::domain::access::Role;
use crate::store::second_factor as kept;

const PLACE: &str = "/settings/sign-in";

/// A role, and how many of those who hold it have a second factor.
struct Line {
    code: &'static str,
    label: &'static str,
    required: bool,
    people: i64,
    with: i64,
}

#[derive(Template)]
#[template(path = "settings/sign_in.html")]
struct SignInPage {
    shell: Shell,
    tabs: Vec<(&'static str, &'static str, bool)>,
    key: String,
    roles: Vec<Line>,
}

/// Which roles have to have one.
pub async fn page(req: HttpRequest, portal: web::Data<Portal>, who: Allowed<ManageSettings>) -> Result<HttpResponse, WebError> {
    everywhere(&who)?;
    let mut read = portal.read(&who).await?;
    let required = act::required_roles(&mut read).await?;
    let counts = kept::by_role(&mut read, portal.store.now().day(chrono_tz::UTC)).await?;
    let line = |role: &Role| {
        let (people, with) = counts.iter().find(|(code, ..)| code == role.code()).map_or((0, 0), |(_, people, with)| (*people, *with));
        Line { code: role.code(), label: role.label(), required: required.contains(role), people, with }
    };
    let page = SignInPage {
        shell: Shell::new(&req, &portal, &who, "Signing in"),
        tabs: tabs(true, PLACE),
        key: portal.store.random.token(16),
        // Whoever may do most comes first.
        roles: Role::ALL.iter().rev().map(line).collect(),
    };
    page.shell.answer(StatusCode::OK, &page)
}

/// What the form sends.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RolesForm {
    key: String,
    #[serde(default)]
    role: Vec<String>,
}

/// Requires a second factor for the roles that are ticked.
pub async fn save(
    portal: web::Data<Portal>,
    who: Allowed<ManageSettings>,
    Posted(form): Posted<RolesForm>,
) -> Result<HttpResponse, WebError> {
    let known = form.role.iter().map(|code| Role::parse(code)).collect::<Option<BTreeSet<Role>>>();
    let roles = known.ok_or(WebError::Malformed("There is no such role."))?;
    act::require(&portal.store, who.actor.clone(), &form.key, roles).await?;
    Ok(see_other(&portal, PLACE, Some(("ok", "Who has to have a second factor was saved.".to_owned()))))
}
