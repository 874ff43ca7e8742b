//! Why can she, why can't she: for a person and an object, the grants that allow something, or what is missing, in words.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;
use serde::Deserialize;

use super::Portal;
use super::choices::{self, Choice};
use super::error::WebError;
use super::form::Errors;
use super::guard::{Allowed, ReadPeople};
use super::page::Shell;
use super::people::{in_scope, status_words};
use super::role_check::{Tree, account_note};
use super::{exports_detail, imports};
use crate::actions::why::{self, Why};
use crate::domain::access::Permission;
use crate::domain::id::{BudgetId, ExportId, ImportId, PostingId, RegionId, TransactionId, UserId};
use crate::domain::time::Day;
use crate::store::db::Read;
use crate::store::people::{self, Grant, Person};
use crate::store::{import_sight, ledger, postings, regions, transaction_detail};

/// The most regions of one object that are answered for.
const MOST: usize = 12;
const MISSING: &str = "There is nothing of this id, or it is not yours to see";

/// What is asked.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct AccessQuery {
    #[serde(default)]
    permission: String,
    #[serde(default)]
    object: String,
}

/// Everything that a role can allow, to choose from.
pub fn abilities() -> Vec<Choice> {
    Permission::ALL.iter().map(|permission| (permission.code().to_owned(), permission.label().to_owned())).collect()
}

/// What is asked about.
struct Object {
    what: String,
    href: String,
    regions: Vec<RegionId>,
    owner: Option<UserId>,
}

impl Object {
    fn new(what: String, href: String, regions: Vec<RegionId>) -> Self {
        Self { what, href, regions, owner: None }
    }
}

/// Finds what a pasted id or link points at, as the asker sees it herself. What she does not see is not there.
async fn find(read: &mut Read, who: &Allowed<ReadPeople>, text: &str) -> Result<Option<Object>, WebError> {
    for part in text.trim().split(['/', '?', '#', '&', '=']) {
        if let Some(id) = RegionId::parse(part) {
            let region = regions::find(read, &who.scope(Permission::RegionsRead), id).await?;
            return Ok(region.map(|region| Object::new(format!("the region {}", region.name), format!("/regions/{id}"), vec![id])));
        }
        if let Some(id) = BudgetId::parse(part) {
            let budget = ledger::find(read, &who.scope(Permission::BudgetsRead), id).await?;
            return Ok(
                budget.map(|budget| Object::new(format!("the budget {}", budget.name), format!("/budgets/{id}"), vec![budget.region_id]))
            );
        }
        if let Some(id) = TransactionId::parse(part) {
            let row = transaction_detail::find(read, &who.scope(Permission::TransactionsRead), id).await?;
            return Ok(
                row.map(|row| Object::new(format!("the transaction {}", row.title()), format!("/transactions/{id}"), vec![row.region_id]))
            );
        }
        if let Some(id) = PostingId::parse(part) {
            let scope = who.scope(Permission::BudgetsRead);
            let row = postings::find(read, &scope, id).await?;
            return Ok(row.map(|row| {
                let ends = [row.source_region_id, row.destination_region_id].into_iter().flatten();
                let ends = ends.filter(|region| scope.covers(*region)).collect();
                Object::new(format!("the posting {}", row.reference()), format!("/postings/{id}"), ends)
            }));
        }
        if let Some(id) = ImportId::parse(part) {
            return import(read, who, id).await;
        }
        if let Some(id) = ExportId::parse(part) {
            let sight = exports_detail::sight(read, who, id).await?;
            return Ok(sight.map(|sight| Object {
                owner: sight.owner(),
                ..Object::new("the export".to_owned(), format!("/exports/{id}"), sight.regions())
            }));
        }
    }
    Ok(None)
}

async fn import(read: &mut Read, who: &Allowed<ReadPeople>, id: ImportId) -> Result<Option<Object>, WebError> {
    if !imports::leads(read, who, id).await? {
        return Ok(None);
    }
    let Some((row, _)) = import_sight::find(read, &imports::reach(who), Some(who.person.id), id).await? else { return Ok(None) };
    let regions = import_sight::regions(read, &who.scope(Permission::TransactionsRead), id).await?;
    let object = Object::new(format!("the import of {}", row.file_name), format!("/imports/{id}"), regions);
    Ok(Some(Object { owner: row.person_id, ..object }))
}

struct Given {
    role: String,
    role_href: String,
    place: String,
    until: String,
    by: String,
}

/// The answer for one region.
struct Answer {
    tone: &'static str,
    verdict: String,
    by: Vec<Given>,
    reasons: Vec<String>,
}

#[derive(Template)]
#[template(path = "people/access.html")]
struct AccessPage {
    shell: Shell,
    person: Person,
    query: AccessQuery,
    abilities: Vec<Choice>,
    errors: Errors,
    object: String,
    href: String,
    answers: Vec<Answer>,
    notes: Vec<String>,
}

fn until(grant: &Grant) -> String {
    grant.ends_on.map_or_else(|| "no end".to_owned(), Day::words)
}

/// What is missing, in words.
fn reasons(why: &Why, person: &Person, (permission, place): (Permission, &str), zone: chrono_tz::Tz) -> Vec<String> {
    let held = |grant: &Grant| format!("{} in {}", grant.role_label(), grant.region_name);
    let mut words = Vec::new();
    if !why.allowed {
        words.push(format!("\u{201c}{}\u{201d} needs a role that allows it on {place}, or on a region above it.", permission.label()));
    }
    words.extend(why.over.iter().map(|grant| match (grant.ended_at, grant.ends_on) {
        (Some(at), _) => format!("{} allowed it until it was ended, {}.", held(grant), at.local(zone)),
        (None, Some(day)) => format!("{} allowed it until it ran out with {}.", held(grant), day.words()),
        (None, None) => format!("{} allowed it.", held(grant)),
    }));
    if why.allowed {
        return words;
    }
    words.extend(why.without.iter().map(|grant| format!("{} holds there, and does not allow it.", held(grant))));
    words.extend(why.elsewhere.iter().map(|grant| format!("{} allows it, and does not reach there.", held(grant))));
    words.extend(why.others.iter().map(|grant| format!("{} is what {} has elsewhere.", held(grant), person.name)));
    if why.by.is_empty() && why.without.is_empty() && why.elsewhere.is_empty() && why.others.is_empty() {
        words.push(format!("{} has no role in your regions.", person.name));
    }
    words.push(format!("Roles that allow it: {}.", why.roles.join(", ")));
    words
}

async fn answer(
    read: &mut Read,
    portal: &Portal,
    who: &Allowed<ReadPeople>,
    person: &Person,
    permission: Permission,
    (region, place): (Option<RegionId>, &str),
) -> Result<Answer, WebError> {
    let why = why::why(read, &who.reach(), person, permission, region, portal.store.now()).await?;
    let zone = choices::zone(read).await?;
    let givers: Vec<UserId> = why.by.iter().filter_map(|grant| grant.granted_by).collect();
    let names = people::names(read, &givers).await?;
    let mut reasons = reasons(&why, person, (permission, place), zone);
    if why.beyond > 0 {
        reasons.insert(0, "A role that is given on a region above yours allows it.".to_owned());
    }
    let (_, status) = status_words(&person.status);
    let (tone, verdict) = match (why.allowed, person.status == "active") {
        (true, true) => ("ok", format!("Yes, {} may do this in {place}.", person.name)),
        (true, false) => ("bad", format!("No. A role allows it in {place}, but the account is {}.", status.to_lowercase())),
        (false, _) => ("bad", format!("No, {} may not do this in {place}.", person.name)),
    };
    let given = |grant: &Grant| Given {
        role: grant.role_label().to_owned(),
        role_href: format!("/roles/{}", grant.role_code()),
        place: grant.region_name.clone(),
        until: until(grant),
        by: grant.granted_by.map_or_else(|| "The system".to_owned(), |id| names.get(&id).cloned().unwrap_or_default()),
    };
    Ok(Answer { tone, verdict, by: why.by.iter().map(given).collect(), reasons })
}

/// What was asked about, where it is hers to see: about roles in a region only who sees people there is told.
async fn object(read: &mut Read, who: &Allowed<ReadPeople>, text: &str) -> Result<Option<Object>, WebError> {
    let reach = who.reach();
    let Some(mut object) = find(read, who, text).await? else { return Ok(None) };
    if object.regions.is_empty() && reach.is_whole() {
        object.regions.extend(regions::root(read).await?.map(|root| root.id));
    }
    object.regions.retain(|region| reach.covers(*region));
    object.regions.truncate(MOST);
    Ok((!object.regions.is_empty()).then_some(object))
}

/// The answer for each region of the object; without one for any region.
async fn answers(
    read: &mut Read,
    portal: &Portal,
    who: &Allowed<ReadPeople>,
    person: &Person,
    permission: Permission,
    object: Option<&Object>,
) -> Result<Vec<Answer>, WebError> {
    let tree = Tree::of(read, &who.reach()).await?;
    let places: Vec<(Option<RegionId>, &str)> = match object {
        Some(object) => object.regions.iter().map(|region| (Some(*region), tree.name(*region))).collect(),
        None => vec![(None, "any region")],
    };
    let mut answers = Vec::new();
    for place in places {
        answers.push(answer(read, portal, who, person, permission, place).await?);
    }
    Ok(answers)
}

fn notes(person: &Person, object: Option<&Object>) -> Vec<String> {
    let mut notes = account_note(&person.name, &person.status);
    if object.is_some_and(|object| object.owner == Some(person.id)) {
        notes.push(format!("{} made it herself, and sees it as long as a role allows her to make any.", person.name));
    }
    notes
}

/// The question, and its answer.
pub async fn page(
    req: HttpRequest,
    portal: web::Data<Portal>,
    who: Allowed<ReadPeople>,
    path: web::Path<String>,
    query: web::Query<AccessQuery>,
) -> Result<HttpResponse, WebError> {
    let person = in_scope(&portal, &who, &path).await?;
    let query = query.into_inner();
    let mut read = portal.read(&who).await?;
    let (mut errors, mut status) = (Errors::none(), StatusCode::OK);
    let names_one = !query.object.trim().is_empty();
    let mut permission = None;
    if names_one || !query.permission.is_empty() {
        permission = errors.check("permission", Permission::parse(&query.permission).ok_or("Choose what"));
        status = if permission.is_none() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    }
    let object = if names_one { object(&mut read, &who, &query.object).await? } else { None };
    if names_one && object.is_none() {
        errors.add("object", MISSING);
        status = StatusCode::NOT_FOUND;
    }
    let (mut found, mut noted) = (Vec::new(), Vec::new());
    if let Some(permission) = permission.filter(|_| errors.is_empty()) {
        found = answers(&mut read, &portal, &who, &person, permission, object.as_ref()).await?;
        noted = notes(&person, object.as_ref());
    }
    let shell = Shell::new(&req, &portal, &who, format!("What {} may do, and why", person.name)).with_errors(!errors.is_empty());
    let (object, href) = object.map_or_else(Default::default, |object| (object.what, object.href));
    let abilities = abilities();
    let page = AccessPage { shell, abilities, object, href, person, query, errors, answers: found, notes: noted };
    page.shell.answer(status, &page)
}
