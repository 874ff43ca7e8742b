//! Giving a role and ending one: what would change is shown first.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};

use super::Portal;
use super::error::{WebError, status_of};
use super::form::{Errors, Posted, encoded};
use super::guard::{Allowed, ManagePeople};
use super::page::{Shell, see_other};
use super::people::{GrantForm, KeyForm, in_scope, read_grant, refused, show};
use super::role_check::{Change, CheckPage, Tree, account_note, asked_words, role_waits};
use crate::actions::approval_roles::{RoleEffects, RoleOrder};
use crate::actions::people::{self as act, Given, NewGrant};
use crate::actions::role_changes::effect;
use crate::domain::access::{Access, Granted, Permission};
use crate::domain::id::{GrantId, RegionId};
use crate::domain::refusal::Refusal;
use crate::domain::role::{AnyRole, Definition};
use crate::domain::time::Day;
use crate::store::db::Read;
use crate::store::failure::Failure;
use crate::store::people::{self, Grant, Person};
use crate::store::{access, postings, regions, roles};

const DONE: &str = "This was done already: here is what came of it.";

impl GrantForm {
    fn query(&self) -> String {
        let fields = [("role", &self.role), ("region", &self.region), ("ends_on", &self.ends_on), ("key", &self.key)];
        fields
            .iter()
            .filter(|(_, value)| !value.is_empty())
            .map(|(name, value)| format!("{name}={}", encoded(value)))
            .collect::<Vec<_>>()
            .join("&")
    }
}

fn crumbs(person: &Person) -> Vec<(String, String)> {
    vec![("/people".to_owned(), "People".to_owned()), (format!("/people/{}", person.id), person.name.clone())]
}

async fn now_held(read: &mut Read, portal: &Portal, person: &Person) -> Result<Access, WebError> {
    Ok(access::held(read, &[person.id], portal.store.now()).await?.remove(&person.id).unwrap_or_else(|| Access::of(Vec::new())))
}

/// What is wrong with giving this role, or what would be given.
async fn examined(
    read: &mut Read,
    portal: &Portal,
    who: &Allowed<ManagePeople>,
    person: &Person,
    form: &GrantForm,
) -> Result<Result<(Definition, RegionId, Option<Day>), (StatusCode, Errors)>, WebError> {
    let mut errors = Errors::none();
    let today = portal.store.now().day(chrono_tz::UTC);
    let Some((role, region, ends_on)) = read_grant(&form.role, &form.region, &form.ends_on, today, &mut errors) else {
        return Ok(Err((StatusCode::UNPROCESSABLE_ENTITY, errors)));
    };
    let elsewhere = || {
        let mut errors = Errors::none();
        errors.add("region", "Choose a region");
        Ok(Err((StatusCode::UNPROCESSABLE_ENTITY, errors)))
    };
    if !who.may(Permission::PeopleManage, region) {
        return elsewhere();
    }
    match act::can_grant(read, (&who.actor, &who.access), Some(person.id), role, region, portal.store.now()).await {
        Ok(definition) => Ok(Ok((definition, region, ends_on))),
        Err(Failure::Refused(Refusal::NotFound)) => elsewhere(),
        Err(Failure::Refused(refusal)) => Ok(Err((status_of(&refusal), Errors::of(&refusal)))),
        Err(failure) => Err(failure.into()),
    }
}

/// What giving a role would change. Nothing is changed by looking.
pub async fn check(
    req: HttpRequest,
    portal: web::Data<Portal>,
    who: Allowed<ManagePeople>,
    path: web::Path<String>,
    query: web::Query<GrantForm>,
) -> Result<HttpResponse, WebError> {
    let person = in_scope(&portal, &who, &path).await?;
    let mut form = query.into_inner();
    let place = format!("/people/{}", person.id);
    if form.key.is_empty() {
        form.key = portal.store.random.token(16);
        return Ok(see_other(&portal, &format!("{place}/grants/check?{}", form.query()), None));
    }
    let mut read = portal.read(&who).await?;
    if postings::earlier_answer(&mut read, who.person.id, act::GRANT, &form.key).await?.is_some() {
        return Ok(see_other(&portal, &place, Some(("info", DONE.to_owned()))));
    }
    let (definition, region, ends_on) = match examined(&mut read, &portal, &who, &person, &form).await? {
        Ok(found) => found,
        Err(refused) => {
            drop(read);
            return show(&req, &portal, &who, person, form, refused).await;
        }
    };
    form.seen = version(&mut read, definition.role).await?.map(|version| version.to_string()).unwrap_or_default();
    give_page(&req, &portal, &who, &mut read, (person, form), (definition, region, ends_on)).await
}

async fn version(read: &mut Read, role: AnyRole) -> Result<Option<i64>, WebError> {
    match role {
        AnyRole::BuiltIn(_) => Ok(None),
        AnyRole::Custom(id) => Ok(roles::find(read, id).await?.map(|role| role.version)),
    }
}

/// The grant that is not given yet.
async fn would_be(read: &mut Read, definition: &Definition, region: RegionId) -> Result<Granted, WebError> {
    Ok(Granted {
        id: GrantId(uuid::Uuid::nil()),
        role: definition.role,
        label: definition.label.clone(),
        permissions: definition.permissions,
        region,
        regions: regions::subtree(read, region).await?.into_iter().collect(),
        root: regions::root(read).await?.is_some_and(|root| root.id == region),
    })
}

async fn give_page(
    req: &HttpRequest,
    portal: &Portal,
    who: &Allowed<ManagePeople>,
    read: &mut Read,
    (person, form): (Person, GrantForm),
    (definition, region, ends_on): (Definition, RegionId, Option<Day>),
) -> Result<HttpResponse, WebError> {
    let tree = Tree::of(read, &who.reach()).await?;
    let before = now_held(read, portal, &person).await?;
    let granted = would_be(read, &definition, region).await?;
    let effect = effect(read, &who.access, person.id, &before, &before.clone().with(granted)).await?;
    let place = format!("/people/{}", person.id);
    let new = NewGrant { person: person.id, role: definition.role, region, ends_on, seen: None };
    let waits = role_waits(read, who, &RoleEffects::giving(&definition, &new), &RoleOrder::Give(new), portal.store.now()).await?;
    let mut notes = account_note(&person.name, &person.status);
    notes.extend(waits.clone());
    let until = ends_on.map_or_else(|| "No end".to_owned(), |day| format!("{}, the whole day UTC", day.words()));
    let page = CheckPage {
        shell: Shell::new(req, portal, who, format!("Give a role to {}", person.name)),
        crumbs: crumbs(&person),
        facts: vec![
            ("Person", person.name.clone()),
            ("Role", definition.label),
            ("Region", format!("{}, and everything below it", tree.name(region))),
            ("Until", until),
        ],
        change_at: format!("{place}?{}#give-h", form.query()),
        changes: vec![Change::of(&tree, &person.name, &effect)],
        notes,
        post_to: format!("{place}/grants"),
        hidden: vec![("key", form.key), ("role", form.role), ("region", form.region), ("ends_on", form.ends_on), ("seen", form.seen)],
        verb: if waits.is_some() { "Ask for approval" } else { "Give the role" },
        danger: false,
        back: place,
    };
    page.answer()
}

/// Gives a role.
pub async fn grant(
    req: HttpRequest,
    portal: web::Data<Portal>,
    who: Allowed<ManagePeople>,
    path: web::Path<String>,
    Posted(form): Posted<GrantForm>,
) -> Result<HttpResponse, WebError> {
    let person = in_scope(&portal, &who, &path).await?;
    if form.key.is_empty() {
        return Err(WebError::Malformed("The form has lost its key. Start again from the person; nothing was changed."));
    }
    let mut errors = Errors::none();
    let mut status = StatusCode::UNPROCESSABLE_ENTITY;
    let today = portal.store.now().day(chrono_tz::UTC);
    if let Some((role, region, ends_on)) = read_grant(&form.role, &form.region, &form.ends_on, today, &mut errors) {
        let new = NewGrant { person: person.id, role, region, ends_on, seen: form.seen.parse().ok() };
        match act::grant(&portal.store, who.actor.clone(), &form.key, new).await {
            Ok(Given::Waits(id)) => return Ok(see_other(&portal, &format!("/people/{}", person.id), Some(("info", asked_words(id))))),
            Ok(Given::Now(_)) => {
                let mut read = portal.read(&who).await?;
                let label = roles::definition(&mut read, role).await?.map(|role| role.label).unwrap_or_default();
                let words = format!("{} is now {label}.", person.name);
                return Ok(see_other(&portal, &format!("/people/{}", person.id), Some(("ok", words))));
            }
            Err(Failure::Refused(Refusal::NotFound)) => errors.add("region", "Choose a region"),
            Err(Failure::Refused(refusal)) => {
                status = status_of(&refusal);
                errors = Errors::of(&refusal);
            }
            Err(failure) => return Err(failure.into()),
        }
    }
    show(&req, &portal, &who, person, form, (status, errors)).await
}

/// What ending a role would change.
pub async fn ask_end(
    req: HttpRequest,
    portal: web::Data<Portal>,
    who: Allowed<ManagePeople>,
    path: web::Path<(String, String)>,
) -> Result<HttpResponse, WebError> {
    let (person, grant) = path.into_inner();
    let person = in_scope(&portal, &who, &person).await?;
    let id = GrantId::parse(&grant).ok_or(Refusal::NotFound)?;
    let mut read = portal.read(&who).await?;
    let grants = people::grants(&mut read, &who.reach(), Some(person.id), portal.store.now()).await?;
    let grant = grants.into_iter().find(|grant| grant.id == id).ok_or(Refusal::NotFound)?;
    end_page(&req, &portal, &who, &mut read, (&person, &grant)).await
}

async fn end_page(
    req: &HttpRequest,
    portal: &Portal,
    who: &Allowed<ManagePeople>,
    read: &mut Read,
    (person, grant): (&Person, &Grant),
) -> Result<HttpResponse, WebError> {
    let tree = Tree::of(read, &who.reach()).await?;
    let before = now_held(read, portal, person).await?;
    let effect = effect(read, &who.access, person.id, &before, &before.clone().without(grant.id)).await?;
    let place = format!("/people/{}", person.id);
    let page = CheckPage {
        shell: Shell::new(req, portal, who, format!("End a role of {}", person.name)),
        crumbs: crumbs(person),
        facts: vec![
            ("Person", person.name.clone()),
            ("Role", grant.role_label().to_owned()),
            ("Region", format!("{}, and everything below it", grant.region_name)),
            ("Until", grant.ends_on.map_or_else(|| "No end".to_owned(), Day::words)),
        ],
        change_at: String::new(),
        changes: vec![Change::of(&tree, &person.name, &effect)],
        notes: account_note(&person.name, &person.status),
        post_to: format!("{place}/grants/{}/end", grant.id),
        hidden: vec![("key", portal.store.random.token(16))],
        verb: "End the role",
        danger: true,
        back: place,
    };
    page.answer()
}

/// Ends a role.
pub async fn end(
    req: HttpRequest,
    portal: web::Data<Portal>,
    who: Allowed<ManagePeople>,
    path: web::Path<(String, String)>,
    Posted(form): Posted<KeyForm>,
) -> Result<HttpResponse, WebError> {
    let (person, grant) = path.into_inner();
    let person = in_scope(&portal, &who, &person).await?;
    let grant = GrantId::parse(&grant).ok_or(Refusal::NotFound)?;
    match act::end_grant(&portal.store, who.actor.clone(), &form.key, grant).await {
        // Who ended her own last right to see people has nothing to go back to.
        Ok(_) => Ok(see_other(&portal, &format!("/people/{}", person.id), Some(("ok", "The role was ended.".to_owned())))),
        Err(Failure::Refused(Refusal::NotFound)) => Err(Refusal::NotFound.into()),
        Err(Failure::Refused(refusal)) => refused(&req, &portal, &who, person, &refusal).await,
        Err(failure) => Err(failure.into()),
    }
}
