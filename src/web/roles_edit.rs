//! Custom roles: making one from another, and changing what it allows. What would change for whom is shown first.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;
use serde::Deserialize;

use super::Portal;
use super::error::{WebError, status_of};
use super::form::{Errors, Posted, encoded};
use super::guard::{Allowed, ManagePeople, Signed};
use super::page::{Shell, see_other};
use super::people_add::everywhere;
use super::role_check::{Change, CheckPage, Tree, asked_words, role_waits};
use crate::actions::approval_roles::{RoleEffects, RoleOrder};
use crate::actions::role_changes::effect;
use crate::actions::roles as act;
use crate::domain::access::{Access, Permission};
use crate::domain::id::RoleId;
use crate::domain::refusal::Refusal;
use crate::domain::role::{AnyRole, Permissions};
use crate::store::db::Read;
use crate::store::failure::Failure;
use crate::store::roles::{self, CustomRole};
use crate::store::{access, people, postings};

/// The most people whose changes are shown one by one.
const SHOWN: usize = 25;

/// What the forms of a role send.
#[derive(Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RoleForm {
    #[serde(default)]
    key: String,
    #[serde(default)]
    from: String,
    #[serde(default)]
    version: i64,
    #[serde(default)]
    name: String,
    #[serde(default)]
    permissions: Vec<String>,
}

impl RoleForm {
    fn of_query(query: &str) -> Result<Self, WebError> {
        serde_html_form::from_str(query).map_err(|_| WebError::Malformed("The address holds a field that this form does not have."))
    }

    fn of(role: &CustomRole) -> Self {
        let permissions = role.permissions.codes().into_iter().map(str::to_owned).collect();
        Self { version: role.version, name: role.name.clone(), permissions, ..Self::default() }
    }

    fn allows(&self) -> Result<Permissions, WebError> {
        let each = self.permissions.iter().map(|code| Permission::parse(code));
        each.collect::<Option<Permissions>>().ok_or(WebError::Malformed("The form holds something that no role can allow."))
    }

    fn query(&self) -> String {
        let mut query = format!("version={}&name={}&key={}", self.version, encoded(&self.name), encoded(&self.key));
        for code in &self.permissions {
            query.push_str("&permissions=");
            query.push_str(&encoded(code));
        }
        query
    }

    fn hidden(&self) -> Vec<(&'static str, String)> {
        let mut hidden = vec![("key", self.key.clone()), ("version", self.version.to_string()), ("name", self.name.clone())];
        hidden.extend(self.permissions.iter().map(|code| ("permissions", code.clone())));
        hidden
    }
}

#[derive(Template)]
#[template(path = "roles/form.html")]
struct FormPage {
    shell: Shell,
    crumbs: Vec<(String, String)>,
    heading: String,
    lead: String,
    /// The role that is changed; empty for a new one.
    id: String,
    form: RoleForm,
    errors: Errors,
    /// Code, label, chosen.
    abilities: Vec<(&'static str, &'static str, bool)>,
}

pub(super) fn crumbs(role: Option<&CustomRole>) -> Vec<(String, String)> {
    let mut crumbs = vec![("/people".to_owned(), "People".to_owned()), ("/roles".to_owned(), "Roles".to_owned())];
    crumbs.extend(role.map(|role| (format!("/roles/{}", role.id), role.name.clone())));
    crumbs
}

async fn show(
    req: &HttpRequest,
    portal: &Portal,
    who: &Allowed<ManagePeople>,
    role: Option<&CustomRole>,
    form: RoleForm,
    (status, errors): (StatusCode, Errors),
) -> Result<HttpResponse, WebError> {
    let (heading, lead) = match role {
        Some(role) => {
            (format!("Edit {}", role.name), "It changes for everybody who holds it. What that means is shown before it is saved.")
        }
        None => ("Make a role".to_owned(), "It begins as what it is made from. You can put into it what you hold yourself."),
    };
    let page = FormPage {
        shell: Shell::new(req, portal, who, heading.clone()).with_errors(!errors.is_empty()),
        crumbs: crumbs(role),
        heading,
        lead: lead.to_owned(),
        id: role.map(|role| role.id.to_string()).unwrap_or_default(),
        abilities: Permission::ALL
            .iter()
            .map(|permission| (permission.code(), permission.label(), form.permissions.iter().any(|code| code == permission.code())))
            .collect(),
        form,
        errors,
    };
    page.shell.answer(status, &page)
}

/// The form for a new role, filled in as the one it is made from.
pub async fn new(req: HttpRequest, portal: web::Data<Portal>, who: Allowed<ManagePeople>) -> Result<HttpResponse, WebError> {
    everywhere(&who)?;
    let mut form = RoleForm::of_query(req.query_string())?;
    let from = AnyRole::parse(&form.from).ok_or(Refusal::NotFound)?;
    let mut read = portal.read(&who).await?;
    let from = roles::definition(&mut read, from).await?.ok_or(Refusal::NotFound)?;
    drop(read);
    form.permissions = from.permissions.codes().into_iter().map(str::to_owned).collect();
    form.key = portal.store.random.token(16);
    show(&req, &portal, &who, None, form, (StatusCode::OK, Errors::none())).await
}

/// Makes a role.
pub async fn make(
    req: HttpRequest,
    portal: web::Data<Portal>,
    who: Allowed<ManagePeople>,
    Posted(form): Posted<RoleForm>,
) -> Result<HttpResponse, WebError> {
    everywhere(&who)?;
    let from = AnyRole::parse(&form.from).ok_or(Refusal::NotFound)?;
    if form.key.is_empty() {
        return Err(WebError::Malformed("The form has lost its key. Start again from the roles; nothing was changed."));
    }
    match act::make(&portal.store, who.actor.clone(), &form.key, &form.name, from, form.allows()?).await {
        Ok(id) => {
            let words = format!("{} can be given from now on.", form.name.trim());
            Ok(see_other(&portal, &format!("/roles/{id}"), Some(("ok", words))))
        }
        Err(Failure::Refused(Refusal::NotFound)) => Err(Refusal::NotFound.into()),
        Err(Failure::Refused(refusal)) => show(&req, &portal, &who, None, form, (status_of(&refusal), Errors::of(&refusal))).await,
        Err(failure) => Err(failure.into()),
    }
}

pub(super) async fn custom(portal: &Portal, who: &Signed, path: &str) -> Result<CustomRole, WebError> {
    let id = RoleId::parse(path).ok_or(Refusal::NotFound)?;
    Ok(roles::find(&mut portal.read(who).await?, id).await?.ok_or(Refusal::NotFound)?)
}

/// The form of a role.
pub async fn edit(
    req: HttpRequest,
    portal: web::Data<Portal>,
    who: Allowed<ManagePeople>,
    path: web::Path<String>,
) -> Result<HttpResponse, WebError> {
    everywhere(&who)?;
    let role = custom(&portal, &who, &path).await?;
    let mut form = RoleForm::of_query(req.query_string())?;
    if form.version == 0 {
        form = RoleForm::of(&role);
    }
    show(&req, &portal, &who, Some(&role), form, (StatusCode::OK, Errors::none())).await
}

/// What changing a role would change, and for whom. Nothing is changed by looking.
pub async fn check(
    req: HttpRequest,
    portal: web::Data<Portal>,
    who: Allowed<ManagePeople>,
    path: web::Path<String>,
) -> Result<HttpResponse, WebError> {
    everywhere(&who)?;
    let role = custom(&portal, &who, &path).await?;
    let mut form = RoleForm::of_query(req.query_string())?;
    let place = format!("/roles/{}", role.id);
    if form.key.is_empty() {
        form.key = portal.store.random.token(16);
        return Ok(see_other(&portal, &format!("{place}/check?{}", form.query()), None));
    }
    let mut read = portal.read(&who).await?;
    if postings::earlier_answer(&mut read, who.person.id, act::EDIT, &form.key).await?.is_some() {
        return Ok(see_other(&portal, &place, Some(("info", "This was done already: here is what came of it.".to_owned()))));
    }
    let (allows, now) = (form.allows()?, portal.store.now());
    let able = if form.version == role.version {
        act::can_edit(&mut read, (&who.actor, &who.access), &role, &form.name, allows, now).await
    } else {
        Err(Refusal::Stale.into())
    };
    match able {
        Ok(()) => edit_page(&req, &portal, &who, &mut read, &role, form).await,
        Err(Failure::Refused(refusal)) => {
            drop(read);
            refused(&req, &portal, &who, role, form, &refusal).await
        }
        Err(failure) => Err(failure.into()),
    }
}

/// The form again. Where somebody else changed the role, it is sent next time for what the role is now.
async fn refused(
    req: &HttpRequest,
    portal: &Portal,
    who: &Allowed<ManagePeople>,
    role: CustomRole,
    mut form: RoleForm,
    refusal: &Refusal,
) -> Result<HttpResponse, WebError> {
    let mut errors = Errors::of(refusal);
    if *refusal == Refusal::Stale {
        errors.add("name", format!("It is called {} now, and allows: {}", role.name, role.permissions));
    }
    (form.version, form.key) = (role.version, String::new());
    show(req, portal, who, Some(&role), form, (status_of(refusal), errors)).await
}

async fn edit_page(
    req: &HttpRequest,
    portal: &Portal,
    who: &Allowed<ManagePeople>,
    read: &mut Read,
    role: &CustomRole,
    form: RoleForm,
) -> Result<HttpResponse, WebError> {
    let allows = form.allows()?;
    let list = |permissions: Permissions| if permissions.is_empty() { "Nothing".to_owned() } else { permissions.to_string() };
    let (changes, mut notes) = touched(read, portal, &who.access, role, allows).await?;
    let codes = allows.codes().into_iter().map(str::to_owned).collect();
    let order = RoleOrder::Edit { role: role.id, version: role.version, name: form.name.clone(), allows: codes };
    let effects = RoleEffects::editing(read, role, &form.name, allows, portal.store.now()).await?;
    let waits = role_waits(read, who, &effects, &order, portal.store.now()).await?;
    notes.extend(waits.clone());
    let place = format!("/roles/{}", role.id);
    let page = CheckPage {
        shell: Shell::new(req, portal, who, format!("Check: {}", role.name)),
        crumbs: crumbs(Some(role)),
        facts: vec![
            ("Role", form.name.trim().to_owned()),
            ("Allows besides", list(allows.without(role.permissions))),
            ("Allows no more", list(role.permissions.without(allows))),
        ],
        change_at: format!("{place}/edit?{}", form.query()),
        changes,
        notes,
        post_to: place.clone(),
        hidden: form.hidden(),
        verb: if waits.is_some() { "Ask for approval" } else { "Change the role" },
        danger: false,
        back: place,
    };
    page.answer()
}

/// What changes for each of those who hold the role.
async fn touched(
    read: &mut Read,
    portal: &Portal,
    viewer: &Access,
    role: &CustomRole,
    allows: Permissions,
) -> Result<(Vec<Change>, Vec<String>), WebError> {
    let now = portal.store.now();
    let holdings = roles::holdings(read, None, now.day(chrono_tz::UTC)).await?;
    let mut ids: Vec<_> = holdings.iter().filter(|held| held.custom_role_id == Some(role.id)).map(|held| held.person_id).collect();
    ids.sort_unstable();
    ids.dedup();
    if ids.is_empty() {
        return Ok((vec![Change::none("Nothing yet: nobody holds this role.")], Vec::new()));
    }
    let mut named: Vec<_> = people::names(read, &ids).await?.into_iter().collect();
    named.sort_by_cached_key(|(id, name)| (name.to_lowercase(), *id));
    let tree = Tree::of(read, &viewer.scope(Permission::PeopleManage)).await?;
    let held = access::held(read, &ids, now).await?;
    let mut changes = Vec::new();
    for (id, name) in named.iter().take(SHOWN) {
        let Some(before) = held.get(id) else { continue };
        let after = before.clone().with_role(AnyRole::Custom(role.id), allows);
        changes.push(Change::of(&tree, name, &effect(read, viewer, *id, before, &after).await?));
    }
    let mut notes = match ids.len() {
        1 => vec!["One person holds this role.".to_owned()],
        count => vec![format!("{count} people hold this role.")],
    };
    if ids.len() > SHOWN {
        notes.push(format!("Shown are the first {SHOWN} by name; it changes for the others in the same way."));
    }
    Ok((changes, notes))
}

/// Changes a role.
pub async fn save(
    req: HttpRequest,
    portal: web::Data<Portal>,
    who: Allowed<ManagePeople>,
    path: web::Path<String>,
    Posted(form): Posted<RoleForm>,
) -> Result<HttpResponse, WebError> {
    everywhere(&who)?;
    let role = custom(&portal, &who, &path).await?;
    if form.key.is_empty() {
        return Err(WebError::Malformed("The form has lost its key. Start again from the role; nothing was changed."));
    }
    let at = (role.id, form.version);
    match act::edit(&portal.store, who.actor.clone(), &form.key, at, &form.name, form.allows()?).await {
        Ok(None) => Ok(see_other(&portal, &format!("/roles/{}", role.id), Some(("ok", "The role was changed.".to_owned())))),
        Ok(Some(id)) => Ok(see_other(&portal, &format!("/roles/{}", role.id), Some(("info", asked_words(id))))),
        Err(Failure::Refused(refusal)) => {
            let role = custom(&portal, &who, &path).await?;
            refused(&req, &portal, &who, role, form, &refusal).await
        }
        Err(failure) => Err(failure.into()),
    }
}
