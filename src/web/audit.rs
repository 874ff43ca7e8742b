//! The audit trail: the list within her scope, one event with its link in the chain, and the walk along the whole chain.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;
use serde::Deserialize;

use super::Portal;
use super::choices::{self, Choice};
use super::error::WebError;
use super::form::encoded;
use super::guard::{Allowed, ReadAudit};
use super::page::Shell;
use super::settings::{last_verdict, verdict_words};
use crate::domain::access::Permission;
use crate::domain::id::{self, ApprovalId, BudgetId, EventId, ImportId, RegionId, UserId};
use crate::domain::time::{Day, Instant};
use crate::store::audit_log::{self, Kept, Wanted};
use crate::store::db::Read;
use crate::store::{approvals, import_sight, overview, people, regions};

/// Events on one page.
const PAGE: i64 = 50;

/// The filters, as they stand in the address.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct AuditQuery {
    #[serde(default)]
    person: String,
    #[serde(default)]
    object: String,
    #[serde(default)]
    action: String,
    #[serde(default)]
    when: String,
    #[serde(default)]
    from: String,
    #[serde(default)]
    to: String,
    #[serde(default)]
    before: String,
    #[serde(default)]
    after: String,
}

const NOUNS: &[(&str, &str)] = &[
    ("budget", "Budgets"),
    ("approval", "Approvals"),
    ("approval_policy", "Approval policies"),
    ("transaction", "Transactions"),
    ("import", "Imports"),
    ("export", "Exports"),
    ("region", "Regions"),
    ("person", "People and sign-ins"),
    ("grant", "Roles given"),
    ("role", "Roles"),
    ("setting", "Settings"),
    ("currency", "Currencies"),
    ("reason_code", "Reason codes"),
    ("source", "Sources"),
    ("mapping", "Saved mappings"),
    ("audit", "Audit"),
    ("access", "Refused tries"),
];

const WHEN: &[(&str, &str)] = &[("today", "Today"), ("week", "Last 7 days"), ("month", "Last 30 days"), ("year", "This year")];

/// `budget.transfer_made` as people read it: "Budget: transfer made".
fn action_words(action: &str) -> String {
    let (noun, verb) = action.split_once('.').unwrap_or((action, ""));
    let noun = noun.replace('_', " ");
    let mut letters = noun.chars();
    let noun: String = letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default();
    if verb.is_empty() { noun } else { format!("{noun} {}", verb.replace('_', " ")) }
}

/// The page of an object, where it has one that this person may open.
fn object_href(names: &Names, kind: &str, id: &str) -> String {
    match kind {
        "region" => format!("/regions/{id}"),
        "person" => format!("/people/{id}"),
        "budget" => format!("/budgets/{id}"),
        "posting" => format!("/postings/{id}"),
        "role" if names.sees_people => format!("/roles/{id}"),
        "transaction" => format!("/transactions/{id}"),
        "import" if ImportId::parse(id).is_some_and(|id| names.imports.contains(&id)) => format!("/imports/{id}"),
        "approval" if ApprovalId::parse(id).is_some_and(|id| names.approvals.contains(&id)) => format!("/approvals/{id}"),
        "approval_policy" | "delegation" => "/settings/approvals".to_owned(),
        "mapping" if names.sees_mappings => "/imports/mappings".to_owned(),
        "export" => format!("/exports/{id}"),
        "reason_code" if names.sees_settings => "/settings/reason-codes".to_owned(),
        "currency" | "source" | "setting" if names.sees_settings => "/settings/organisation".to_owned(),
        _ => String::new(),
    }
}

pub(super) struct Line {
    pub(super) id: EventId,
    pub(super) seq: i64,
    pub(super) at: String,
    pub(super) iso: String,
    pub(super) action: String,
    pub(super) object: String,
    pub(super) href: String,
    pub(super) actor: String,
    pub(super) actor_href: String,
    pub(super) region: String,
}

/// Names for what events point at: regions and people.
pub(super) struct Names {
    regions: Vec<(RegionId, String)>,
    people: std::collections::HashMap<UserId, String>,
    budgets: Vec<(BudgetId, String)>,
    roles: Vec<(String, String)>,
    /// The imports among them whose pages open for this person.
    imports: Vec<ImportId>,
    /// The requests for approval among them that she may see whole.
    approvals: Vec<ApprovalId>,
    sees_mappings: bool,
    sees_settings: bool,
    sees_people: bool,
}

impl Names {
    pub(super) async fn of(read: &mut Read, who: &Allowed<ReadAudit>, events: &[Kept]) -> Result<Self, WebError> {
        let all = regions::list(read, &who.reach()).await?;
        let mut ids: Vec<UserId> = events.iter().filter_map(|event| event.actor_id).collect();
        ids.extend(events.iter().filter(|event| event.object_kind == "person").filter_map(|event| UserId::parse(&event.object_id)));
        ids.sort_unstable();
        ids.dedup();
        let mut budgets: Vec<BudgetId> = events.iter().filter_map(|event| BudgetId::parse(&event.object_id)).collect();
        budgets.sort_unstable();
        budgets.dedup();
        let budgets = overview::budget_names(read, &who.scope(Permission::BudgetsRead), &budgets).await?;
        let people = people::names(read, &ids).await?;
        let mut wanted: Vec<ImportId> = events.iter().filter_map(|event| ImportId::parse(&event.object_id)).collect();
        wanted.sort_unstable();
        wanted.dedup();
        let imports = import_sight::seen(read, &super::imports::reach(who), who.person.id, &wanted).await?;
        let wanted: Vec<ApprovalId> = events.iter().filter_map(|event| ApprovalId::parse(&event.object_id)).collect();
        let approvals = approvals::seen(read, &approvals::Sight::of(&who.access), &wanted).await?;
        let regions = regions::labels(&all).into_iter().collect();
        let (sees_mappings, sees_settings) = (who.access.has(Permission::ImportsRun), who.access.has(Permission::SettingsManage));
        let mut roles = Vec::new();
        if events.iter().any(|event| event.object_kind == "role") {
            roles = crate::store::roles::list(read).await?.into_iter().map(|role| (role.id.to_string(), role.name)).collect();
        }
        let sees_people = who.access.has(Permission::PeopleRead);
        Ok(Self { regions, people, budgets, roles, imports, approvals, sees_mappings, sees_settings, sees_people })
    }

    fn region(&self, id: RegionId) -> String {
        self.regions.iter().find(|(known, _)| *known == id).map(|(_, name)| name.clone()).unwrap_or_default()
    }

    fn budget(&self, id: BudgetId) -> Option<String> {
        self.budgets.iter().find(|(known, _)| *known == id).map(|(_, name)| name.clone())
    }

    fn object(&self, event: &Kept) -> String {
        let named = match event.object_kind.as_str() {
            "region" => RegionId::parse(&event.object_id).map(|id| self.region(id)),
            "budget" => BudgetId::parse(&event.object_id).and_then(|id| self.budget(id)),
            "person" => UserId::parse(&event.object_id).and_then(|id| self.people.get(&id).cloned()),
            "role" => self.roles.iter().find(|(id, _)| *id == event.object_id).map(|(_, name)| name.clone()),
            _ => None,
        };
        named.filter(|name| !name.is_empty()).unwrap_or_else(|| shortened(&event.object_id))
    }

    fn actor(&self, event: &Kept) -> String {
        match event.actor_id {
            Some(id) => self.people.get(&id).cloned().unwrap_or_else(|| id.to_string()),
            None => "The portal itself".to_owned(),
        }
    }
}

/// An id as a list shows it: its kind and the last eight characters.
fn shortened(id: &str) -> String {
    match id.split_once('_') {
        Some((prefix, rest)) if rest.len() == 26 && rest.is_ascii() => format!("{prefix}_…{}", &rest[18..]),
        _ => id.to_owned(),
    }
}

#[derive(Template)]
#[template(path = "audit/list.html")]
struct ListPage {
    shell: Shell,
    query: AuditQuery,
    lines: Vec<Line>,
    chips: Vec<(&'static str, String, String)>,
    actions: Vec<Choice>,
    whens: &'static [(&'static str, &'static str)],
    persons: Vec<Choice>,
    previous: String,
    next: String,
    words: String,
    whole: bool,
    verdict: Option<(bool, String, String)>,
}

impl AuditQuery {
    /// The address of the list with one parameter changed; paging starts again.
    fn with(&self, name: &str, value: &str) -> String {
        let own = [
            ("person", &self.person),
            ("object", &self.object),
            ("action", &self.action),
            ("when", &self.when),
            ("from", &self.from),
            ("to", &self.to),
        ];
        let mut pairs: Vec<String> =
            own.iter().filter(|(key, own)| *key != name && !own.is_empty()).map(|(key, own)| format!("{key}={}", encoded(own))).collect();
        if !value.is_empty() {
            pairs.push(format!("{name}={}", encoded(value)));
        }
        if pairs.is_empty() { "/audit".to_owned() } else { format!("/audit?{}", pairs.join("&")) }
    }

    /// What to ask the store; an id or a day in a wrong form matches nothing, as an unknown one would.
    fn wanted(&self, zone: chrono_tz::Tz, now: Instant) -> Wanted {
        let today = now.day(zone);
        let first = match self.when.as_str() {
            "today" => Some(today),
            "week" => Some(Day(today.0 - 6)),
            "month" => Some(Day(today.0 - 29)),
            "year" => Some(today.add_months(-i32::try_from(chrono::Datelike::month0(&today.date())).unwrap_or_default())),
            _ => Day::parse(self.from.trim()),
        };
        let last = if self.when.is_empty() { Day::parse(self.to.trim()) } else { None };
        let object = self.object.trim();
        Wanted {
            before: self.before.parse().ok(),
            after: self.after.parse().ok(),
            person: if self.person.is_empty() { None } else { Some(UserId::parse(&self.person).unwrap_or(UserId(uuid::Uuid::nil()))) },
            action: Some(self.action.trim().to_owned()).filter(|action| !action.is_empty()),
            object_kind: id::kind(object).map(str::to_owned),
            object_id: Some(object.to_owned()).filter(|object| !object.is_empty()),
            from: first.map(|day| day.start(zone)),
            until: last.map(|day| Day(day.0 + 1).start(zone)),
        }
    }
}

/// The trail.
pub async fn list(
    req: HttpRequest,
    portal: web::Data<Portal>,
    who: Allowed<ReadAudit>,
    query: web::Query<AuditQuery>,
) -> Result<HttpResponse, WebError> {
    let query = query.into_inner();
    let mut read = portal.read(&who).await?;
    let (scope, zone) = (who.reach(), choices::zone(&mut read).await?);
    let wanted = query.wanted(zone, portal.store.now());
    let mut events = audit_log::list(&mut read, &scope, &wanted, PAGE + 1).await?;
    let more = events.len() > usize::try_from(PAGE).unwrap_or_default();
    let back = wanted.after.is_some();
    if more && back {
        events.remove(0);
    } else if more {
        events.pop();
    }
    let (newer, older) = if back { (more, true) } else { (wanted.before.is_some(), more) };
    let names = Names::of(&mut read, &who, &events).await?;
    let everybody = people::list(&mut read, &scope).await?;
    let verdict = last_verdict(&mut read).await?.filter(|_| scope.is_whole());
    let page = ListPage {
        shell: Shell::new(&req, &portal, &who, "Audit"),
        previous: events.first().filter(|_| newer).map(|first| query.with("after", &first.seq.to_string())).unwrap_or_default(),
        next: events.last().filter(|_| older).map(|last| query.with("before", &last.seq.to_string())).unwrap_or_default(),
        words: events.first().zip(events.last()).map(|(first, last)| format!("Events {} to {}", first.seq, last.seq)).unwrap_or_default(),
        chips: chips(&query, &everybody),
        actions: actions(&query.action),
        whens: WHEN,
        persons: everybody.into_iter().map(|person| (person.id.to_string(), person.name)).collect(),
        lines: events.into_iter().map(|event| line(event, &names, zone)).collect(),
        whole: scope.is_whole(),
        verdict: verdict.map(|noted| verdict_words(&noted, zone)),
        query,
    };
    page.shell.answer(StatusCode::OK, &page)
}

fn actions(chosen: &str) -> Vec<Choice> {
    let mut all: Vec<Choice> = NOUNS.iter().map(|(noun, label)| ((*noun).to_owned(), (*label).to_owned())).collect();
    if !chosen.is_empty() && all.iter().all(|(noun, _)| noun != chosen) {
        all.push((chosen.to_owned(), action_words(chosen)));
    }
    all
}

fn chips(query: &AuditQuery, everybody: &[people::Person]) -> Vec<(&'static str, String, String)> {
    let mut chips = Vec::new();
    let mut chip = |label, name: &str, value: String| chips.push((label, value, query.with(name, "")));
    if !query.person.is_empty() {
        let name = everybody.iter().find(|person| person.id.to_string() == query.person).map(|person| person.name.clone());
        chip("Person", "person", name.unwrap_or_else(|| shortened(&query.person)));
    }
    if !query.object.is_empty() {
        chip("Object", "object", shortened(&query.object));
    }
    if !query.action.is_empty() {
        let label = NOUNS.iter().find(|(noun, _)| *noun == query.action).map(|(_, label)| (*label).to_owned());
        chip("Action", "action", label.unwrap_or_else(|| action_words(&query.action)));
    }
    if query.when.is_empty() {
        for (label, name, value) in [("From", "from", &query.from), ("To", "to", &query.to)] {
            if !value.is_empty() {
                chip(label, name, Day::parse(value.trim()).map_or_else(|| value.clone(), Day::words));
            }
        }
    } else {
        let label = WHEN.iter().find(|(code, _)| *code == query.when).map_or(query.when.clone(), |(_, label)| (*label).to_owned());
        chip("When", "when", label);
    }
    chips
}

pub(super) fn line(event: Kept, names: &Names, zone: chrono_tz::Tz) -> Line {
    Line {
        object: names.object(&event),
        href: object_href(names, &event.object_kind, &event.object_id),
        actor: names.actor(&event),
        actor_href: event.actor_id.map(|id| format!("/audit?person={id}")).unwrap_or_default(),
        region: event.region_id.map(|id| names.region(id)).unwrap_or_default(),
        action: action_words(&event.action),
        at: event.at.local(zone),
        iso: event.at.iso(),
        seq: event.seq,
        id: event.id,
    }
}
