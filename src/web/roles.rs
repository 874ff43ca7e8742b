//! Roles: the five and the organisation's own, what each allows and who holds it.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;

use super::Portal;
use super::choices;
use super::error::WebError;
use super::guard::{Allowed, ReadPeople};
use super::page::Shell;
use super::role_check::labels;
use crate::domain::access::{Permission, Role, Scope};
use crate::domain::id::RoleId;
use crate::domain::refusal::Refusal;
use crate::domain::role::{AnyRole, Definition};
use crate::domain::time::{Day, Instant};
use crate::store::db::Read;
use crate::store::roles::CustomRole;
use crate::store::{people, roles};

struct Row {
    code: String,
    label: String,
    badge: (&'static str, &'static str),
    allows: String,
    people: usize,
}

#[derive(Template)]
#[template(path = "roles/list.html")]
struct ListPage {
    shell: Shell,
    rows: Vec<Row>,
    may_make: bool,
}

/// The badge of a role: tone and words.
fn badge(role: &Definition) -> (&'static str, &'static str) {
    match (role.role, role.retired) {
        (AnyRole::BuiltIn(_), _) => ("info", "Built in"),
        (AnyRole::Custom(_), false) => ("ok", "Custom"),
        (AnyRole::Custom(_), true) => ("", "Retired"),
    }
}

fn allows(role: &Definition) -> String {
    if role.permissions.iter().count() == Permission::ALL.len() { "Everything".to_owned() } else { role.permissions.to_string() }
}

/// Every role, and how many people hold it in her regions.
pub async fn list(req: HttpRequest, portal: web::Data<Portal>, who: Allowed<ReadPeople>) -> Result<HttpResponse, WebError> {
    let mut read = portal.read(&who).await?;
    let counts = roles::counts(&mut read, &who.reach(), portal.store.now().day(chrono_tz::UTC)).await?;
    let all = Role::ALL.iter().map(|role| Definition::from(*role));
    let all: Vec<Definition> = all.chain(roles::list(&mut read).await?.iter().map(CustomRole::definition)).collect();
    let row = |role: &Definition| Row {
        code: role.role.code(),
        label: role.label.clone(),
        badge: badge(role),
        allows: allows(role),
        people: counts.get(&role.role).copied().unwrap_or_default(),
    };
    let page = ListPage {
        shell: Shell::new(&req, &portal, &who, "Roles"),
        rows: all.iter().map(row).collect(),
        may_make: who.access.has_everywhere(Permission::PeopleManage),
    };
    page.shell.answer(StatusCode::OK, &page)
}

struct Holder {
    href: String,
    name: String,
    place: String,
    until: String,
}

#[derive(Template)]
#[template(path = "roles/detail.html")]
struct DetailPage {
    shell: Shell,
    code: String,
    label: String,
    badge: (&'static str, &'static str),
    allowed: Vec<&'static str>,
    others: Vec<&'static str>,
    holders: Vec<Holder>,
    facts: Vec<(&'static str, String)>,
    custom: bool,
    retired: bool,
    may_manage: bool,
    sees_audit: bool,
}

/// Who holds a role on a region in scope, by name.
async fn holders(read: &mut Read, scope: &Scope, role: AnyRole, now: Instant) -> Result<Vec<Holder>, WebError> {
    let mut grants = people::grants(read, scope, None, now).await?;
    grants.retain(|grant| grant.which() == Some(role));
    let names = people::names(read, &grants.iter().map(|grant| grant.person_id).collect::<Vec<_>>()).await?;
    let mut holders: Vec<Holder> = grants
        .into_iter()
        .map(|grant| Holder {
            href: format!("/people/{}", grant.person_id),
            name: names.get(&grant.person_id).cloned().unwrap_or_default(),
            place: grant.region_name,
            until: grant.ends_on.map_or_else(|| "no end".to_owned(), Day::words),
        })
        .collect();
    holders.sort_by_cached_key(|holder| holder.name.to_lowercase());
    Ok(holders)
}

/// Where a custom role comes from.
async fn facts(read: &mut Read, id: RoleId) -> Result<Vec<(&'static str, String)>, WebError> {
    let role = roles::find(read, id).await?.ok_or(Refusal::NotFound)?;
    let zone = choices::zone(read).await?;
    let from = match AnyRole::parse(&role.made_from) {
        Some(from) => roles::definition(read, from).await?.map(|from| from.label),
        None => None,
    };
    let by = match role.created_by {
        Some(id) => people::names(read, &[id]).await?.remove(&id).unwrap_or_default(),
        None => "The system".to_owned(),
    };
    let from = from.unwrap_or_else(|| role.made_from.clone());
    Ok(vec![("Made from", from), ("Made", role.created_at.day(zone).words()), ("By", by)])
}

/// One role.
pub async fn detail(
    req: HttpRequest,
    portal: web::Data<Portal>,
    who: Allowed<ReadPeople>,
    path: web::Path<String>,
) -> Result<HttpResponse, WebError> {
    let role = AnyRole::parse(&path).ok_or(Refusal::NotFound)?;
    let mut read = portal.read(&who).await?;
    let definition = roles::definition(&mut read, role).await?.ok_or(Refusal::NotFound)?;
    let holders = holders(&mut read, &who.reach(), role, portal.store.now()).await?;
    let facts = match role {
        AnyRole::Custom(id) => facts(&mut read, id).await?,
        AnyRole::BuiltIn(_) => Vec::new(),
    };
    let page = DetailPage {
        shell: Shell::new(&req, &portal, &who, definition.label.clone()),
        code: role.code(),
        badge: badge(&definition),
        allowed: labels(definition.permissions.iter()),
        others: labels(Permission::ALL.iter().copied().filter(|permission| !definition.permissions.contains(*permission))),
        holders,
        facts,
        custom: matches!(role, AnyRole::Custom(_)),
        retired: definition.retired,
        may_manage: who.access.has_everywhere(Permission::PeopleManage),
        sees_audit: who.access.scope(Permission::AuditRead).is_whole(),
        label: definition.label,
    };
    page.shell.answer(StatusCode::OK, &page)
}
