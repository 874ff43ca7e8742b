//! What moving a region would change, before it is moved.

use std::collections::BTreeSet;

use actix_web::{HttpRequest, HttpResponse, web};
use serde::Deserialize;

use super::Portal;
use super::error::WebError;
use super::guard::{Allowed, ManageRegions};
use super::page::Shell;
use super::regions_edit::{Step, StepForm, managed, no_parent, show_step};
use super::role_check::{Change, CheckPage, Tree};
use crate::actions::region_moves::{Consequences, can_move};
use crate::actions::role_changes::effect;
use crate::domain::access::Permission;
use crate::domain::id::{RegionId, UserId};
use crate::domain::refusal::Refusal;
use crate::store::db::Read;
use crate::store::failure::Failure;
use crate::store::people::{self, Grant};
use crate::store::regions::Region;

/// Of how many people it is shown what changes for them.
const SHOWN_MOST: usize = 20;

/// Where a region is to be moved.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct MoveQuery {
    key: String,
    version: i64,
    parent: String,
}

/// What a move would change. Nothing is changed by looking.
pub async fn check(
    req: HttpRequest,
    portal: web::Data<Portal>,
    who: Allowed<ManageRegions>,
    path: web::Path<String>,
    query: web::Query<MoveQuery>,
) -> Result<HttpResponse, WebError> {
    let region = managed(&portal, &who, &path).await?;
    let MoveQuery { key, version, parent } = query.into_inner();
    let mut read = portal.read(&who).await?;
    let examined = match RegionId::parse(&parent) {
        None => Err(no_parent().into()),
        // A page that was opened before somebody else changed the region.
        Some(_) if version != 0 && version != region.version => Err(Refusal::Stale.into()),
        Some(to) => can_move(&mut read, &who.access, &region, to, portal.store.now()).await.map(|found| (to, found)),
    };
    match examined {
        Ok((to, found)) => {
            let key = if key.is_empty() { portal.store.random.token(16) } else { key };
            move_page((&req, &portal, &who), &mut read, &region, (to, key), &found).await
        }
        Err(Failure::Refused(refusal)) => {
            drop(read);
            show_step(&req, &portal, &who, Step::Move, region, Some((refusal, StepForm { key, version, parent }))).await
        }
        Err(failure) => Err(failure.into()),
    }
}

fn counted(grants: &[Grant], reach: &str) -> Option<String> {
    let people: BTreeSet<UserId> = grants.iter().map(|grant| grant.person_id).collect();
    let one = |count: usize, one: &str, many: &str| format!("{count} {}", if count == 1 { one } else { many });
    let verb = if grants.len() == 1 { "reaches" } else { "reach" };
    (!grants.is_empty()).then(|| {
        format!("{} of {} {verb} {reach} regions afterwards.", one(grants.len(), "role", "roles"), one(people.len(), "person", "people"))
    })
}

/// What is said beside the changes, and the changes, as far as she sees who holds what.
async fn shown(
    read: &mut Read,
    who: &Allowed<ManageRegions>,
    tree: &Tree,
    found: &Consequences,
) -> Result<(Vec<String>, Vec<Change>), WebError> {
    // Whose roles were given where she sees no people is neither counted nor named.
    let sees = who.scope(Permission::PeopleRead);
    let seen = |grants: &'_ [Grant]| grants.iter().filter(|grant| sees.covers(grant.region_id)).cloned().collect::<Vec<_>>();
    let (more, fewer) = (seen(&found.more), seen(&found.fewer));
    let mut notes: Vec<String> = [counted(&more, "more"), counted(&fewer, "fewer")].into_iter().flatten().collect();
    if !sees.is_whole() {
        notes.push("Roles that were given where you see no people may reach more or fewer regions as well.".to_owned());
    }
    let people: BTreeSet<UserId> = more.iter().chain(&fewer).map(|grant| grant.person_id).collect();
    let names = people::names(read, &people.iter().copied().collect::<Vec<_>>()).await?;
    let mut changes = Vec::new();
    for (person, before, after) in found.people.iter().filter(|(person, ..)| people.contains(person)) {
        if changes.len() == SHOWN_MOST {
            notes.push(format!("What changes is shown for {SHOWN_MOST} of these people."));
            break;
        }
        let effect = effect(read, &who.access, *person, before, after).await?;
        if !effect.is_none() {
            changes.push(Change::of(tree, names.get(person).map_or("somebody", String::as_str), &effect));
        }
    }
    if changes.is_empty() {
        changes.push(Change::none("Nothing, for nobody whose roles you see."));
    }
    Ok((notes, changes))
}

async fn move_page(
    (req, portal, who): (&HttpRequest, &Portal, &Allowed<ManageRegions>),
    read: &mut Read,
    region: &Region,
    (to, key): (RegionId, String),
    found: &Consequences,
) -> Result<HttpResponse, WebError> {
    let tree = Tree::of(read, &who.scope(Permission::RegionsRead)).await?;
    let (notes, changes) = shown(read, who, &tree, found).await?;
    let place = format!("/regions/{}", region.id);
    let (parent, version) = (to.to_string(), region.version.to_string());
    let page = CheckPage {
        shell: Shell::new(req, portal, who, format!("Move {}", region.name)),
        crumbs: vec![("/regions".to_owned(), "Regions".to_owned()), (place.clone(), region.name.clone())],
        facts: vec![
            ("Region", format!("{}, and everything below it", region.name)),
            ("Now part of", region.parent_id.map_or("", |parent| tree.name(parent)).to_owned()),
            ("Afterwards part of", tree.name(to).to_owned()),
        ],
        change_at: format!("{place}/move"),
        changes,
        notes,
        post_to: format!("{place}/move"),
        hidden: vec![("key", key), ("version", version), ("parent", parent)],
        verb: "Move",
        danger: false,
        back: place,
    };
    page.answer()
}
