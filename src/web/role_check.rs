//! The check page of a change of roles: the answers in words, and what each person touched gains and loses.

use std::collections::{BTreeSet, HashMap};

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use askama::Template;

use super::approvals_facts::waits;
use super::error::WebError;
use super::guard::Signed;
use super::page::Shell;
use super::transactions::thousands;
use crate::actions::approval_roles::{RoleEffects, RoleOrder};
use crate::actions::role_changes::{Abilities, Effect, Places};
use crate::domain::access::{Permission, Scope};
use crate::domain::id::{ApprovalId, RegionId};
use crate::domain::time::Instant;
use crate::store::db::{Read, Reader};
use crate::store::failure::DbError;
use crate::store::regions;

/// The regions somebody sees, to say in words where something holds.
pub struct Tree {
    names: HashMap<RegionId, String>,
    /// Each with its parent where that is seen too, in the order of their names.
    regions: Vec<(RegionId, Option<RegionId>)>,
}

impl Tree {
    /// Of the regions in scope.
    pub async fn of(reader: &mut impl Reader, scope: &Scope) -> Result<Self, DbError> {
        let all = regions::list(reader, scope).await?;
        let regions = all.iter().map(|region| (region.id, region.parent_id.filter(|parent| scope.covers(*parent)))).collect();
        Ok(Self { names: regions::labels(&all), regions })
    }

    /// What a region is called.
    pub fn name(&self, id: RegionId) -> &str {
        self.names.get(&id).map_or("a region that you do not see", String::as_str)
    }

    fn below(&self, id: RegionId) -> impl Iterator<Item = RegionId> {
        self.regions.iter().filter(move |(_, parent)| *parent == Some(id)).map(|(id, _)| *id)
    }

    fn is_whole(&self, id: RegionId, among: &BTreeSet<RegionId>) -> bool {
        among.contains(&id) && self.below(id).all(|child| self.is_whole(child, among))
    }

    fn collect(&self, id: RegionId, among: &BTreeSet<RegionId>, words: &mut Vec<String>) {
        if !self.is_whole(id, among) {
            words.push(self.name(id).to_owned());
            self.below(id).filter(|child| among.contains(child)).for_each(|child| self.collect(child, among, words));
        } else if self.below(id).next().is_some() {
            words.push(format!("{} and everything below it", self.name(id)));
        } else {
            words.push(self.name(id).to_owned());
        }
    }

    /// Places in words, as few as say it.
    pub fn words(&self, places: &Places) -> String {
        if places.whole {
            return "The whole organisation".to_owned();
        }
        let among = &places.regions;
        let tops = self.regions.iter().filter(|(id, parent)| among.contains(id) && parent.is_none_or(|parent| !among.contains(&parent)));
        let mut words = Vec::new();
        tops.for_each(|(id, _)| self.collect(*id, among, &mut words));
        words.join(", ")
    }
}

/// What is gained, or lost: where, and what.
pub struct Table {
    title: &'static str,
    what: &'static str,
    label: String,
    rows: Vec<(String, Vec<&'static str>)>,
}

/// What changes for one person.
pub struct Change {
    heading: String,
    nothing: &'static str,
    tables: Vec<Table>,
    reach: Vec<String>,
}

fn rows(tree: &Tree, abilities: &Abilities) -> Vec<(String, Vec<&'static str>)> {
    abilities.iter().map(|(places, what)| (tree.words(places), what.iter().map(|permission| permission.label()).collect())).collect()
}

fn reach(&(what, come, go): &(&'static str, i64, i64)) -> Vec<String> {
    let counted = |count: i64| match (count, what) {
        (0, "people") => "Nobody".to_owned(),
        (0, what) => format!("No {}", what.trim_end_matches('s')),
        (1, "people") => "1 person".to_owned(),
        (1, what) => format!("1 {}", what.trim_end_matches('s')),
        (count, what) => format!("{} {what}", thousands(count)),
    };
    let one = |count: i64, many: &str, single: &str| format!("{} {}", counted(count), if count <= 1 { single } else { many });
    match (come, go) {
        (come, 0) => vec![one(come, "come into reach", "comes into reach")],
        (0, go) => vec![one(go, "go out of reach", "goes out of reach")],
        (come, go) => vec![one(come, "come into reach", "comes into reach"), one(go, "go out of reach", "goes out of reach")],
    }
}

impl Change {
    /// Of one effect, for the person of this name.
    pub fn of(tree: &Tree, name: &str, effect: &Effect) -> Self {
        let table =
            |title: &'static str, what, abilities| Table { title, what, label: format!("{title}: {name}"), rows: rows(tree, abilities) };
        let gained = table("Gained", "What she may do there", &effect.gained);
        let lost = table("Lost", "What she may do there no longer", &effect.lost);
        let tables = [gained, lost];
        Self {
            heading: format!("What changes for {name}"),
            nothing: if effect.is_none() { "Nothing: she may do afterwards what she may do now." } else { "" },
            tables: tables.into_iter().filter(|table| !table.rows.is_empty()).collect(),
            reach: effect.reach.iter().flat_map(reach).collect(),
        }
    }

    /// That nothing changes for anybody, and why.
    pub fn none(why: &'static str) -> Self {
        Self { heading: "What changes".to_owned(), nothing: why, tables: Vec::new(), reach: Vec::new() }
    }
}

/// The page.
#[derive(Template)]
#[template(path = "roles/check.html")]
pub struct CheckPage {
    /// Around it.
    pub shell: Shell,
    /// Where it stands.
    pub crumbs: Vec<(String, String)>,
    /// The answers.
    pub facts: Vec<(&'static str, String)>,
    /// Where they are changed; empty for nowhere.
    pub change_at: String,
    /// What changes.
    pub changes: Vec<Change>,
    /// What has to be known besides; may be empty.
    pub notes: Vec<String>,
    /// Where it is sent.
    pub post_to: String,
    /// What is sent with it.
    pub hidden: Vec<(&'static str, String)>,
    /// The words on the button.
    pub verb: &'static str,
    /// Whether it takes something away.
    pub danger: bool,
    /// Where "Cancel" leads.
    pub back: String,
}

impl CheckPage {
    /// As an answer.
    pub fn answer(&self) -> Result<HttpResponse, WebError> {
        self.shell.answer(StatusCode::OK, self)
    }
}

/// What is said of a person whose account is not active; empty for one that is.
pub fn account_note(name: &str, status: &str) -> Vec<String> {
    match status {
        "suspended" => vec![format!("The account of {name} is suspended: her roles allow nothing until she is let in again.")],
        "invited" => vec![format!("{name} has not chosen a password yet: her roles allow nothing until she has.")],
        _ => Vec::new(),
    }
}

/// The labels of a set of permissions, for a list.
pub fn labels(permissions: impl Iterator<Item = Permission>) -> Vec<&'static str> {
    permissions.map(Permission::label).collect()
}

/// That a change of roles waits for approval when it is sent, by which rule and for whom; `None` where it does not.
pub async fn role_waits(
    read: &mut Read,
    who: &Signed,
    effects: &RoleEffects,
    order: &RoleOrder,
    now: Instant,
) -> Result<Option<String>, WebError> {
    let Some(need) = effects.need(read, order).await? else { return Ok(None) };
    let regions = effects.decided_in(read, order).await?;
    Ok(Some(format!("{}.", waits(read, who, &need, &regions, &effects.people, now).await?)))
}

/// What is said when it waits.
pub fn asked_words(id: ApprovalId) -> String {
    format!("Nothing has changed yet: it waits for approval, as APR-{}.", id.short())
}
