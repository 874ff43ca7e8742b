//! Access reviews: the campaigns, one of them with each role in it, and the decision on a role.

use std::collections::HashMap;

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;
use serde::Deserialize;

use super::Portal;
use super::choices;
use super::error::{WebError, status_of};
use super::form::{Errors, FieldError, Posted};
use super::guard::{Allowed, ReadPeople};
use super::page::{Shell, see_other};
use crate::actions::evidence::decision;
use crate::actions::reviews::{self as act, REASON_MOST};
use crate::domain::access::Permission;
use crate::domain::id::{GrantId, ReviewId, UserId};
use crate::domain::refusal::Refusal;
use crate::domain::time::Instant;
use crate::store::db::Read;
use crate::store::failure::Failure;
use crate::store::reviews::{self, Item, Review};
use crate::store::{people, regions};

/// How far a campaign is.
struct Progress {
    done: usize,
    all: usize,
}

impl Progress {
    fn of<'i>(items: impl Iterator<Item = &'i Item>, now: Instant) -> Self {
        items.fold(Self { done: 0, all: 0 }, |sum, item| Self { done: sum.done + usize::from(!item.waits(now)), all: sum.all + 1 })
    }

    fn words(&self) -> String {
        format!("{} of {}", self.done, self.all)
    }

    fn permille(&self) -> i64 {
        (self.done * 1000 / self.all.max(1)) as i64
    }
}

/// Whether it goes on, as a badge.
fn state(review: &Review, progress: &Progress, now: Instant) -> (&'static str, &'static str) {
    if !review.is_open() {
        ("", "Closed")
    } else if progress.done == progress.all {
        ("ok", "All decided")
    } else if review.due_on < now.day(chrono_tz::UTC) {
        ("bad", "Overdue")
    } else {
        ("info", "Open")
    }
}

struct Row {
    href: String,
    name: String,
    place: String,
    progress: Progress,
    yours: usize,
    due: String,
    opened: String,
    badge: (&'static str, &'static str),
}

#[derive(Template)]
#[template(path = "evidence/reviews.html")]
struct ListPage {
    shell: Shell,
    crumbs: Vec<(&'static str, &'static str)>,
    rows: Vec<Row>,
    may_open: bool,
}

/// Where these pages stand, for whoever may read the trail and for whoever may not.
pub(super) fn crumbs(who: &super::guard::Signed, below: bool) -> Vec<(&'static str, &'static str)> {
    let first = if who.access.has(Permission::AuditRead) { ("/evidence", "Evidence") } else { ("/people", "People") };
    if below { vec![first, ("/evidence/reviews", "Access reviews")] } else { vec![first] }
}

/// The campaigns in which somebody of her regions is reviewed.
pub async fn list(req: HttpRequest, portal: web::Data<Portal>, who: Allowed<ReadPeople>) -> Result<HttpResponse, WebError> {
    let (scope, now) = (who.reach(), portal.store.now());
    let mut read = portal.read(&who).await?;
    let zone = choices::zone(&mut read).await?;
    let names = regions::names(&mut read, &scope).await?;
    let items = reviews::items(&mut read, &scope, None).await?;
    let mut rows = Vec::new();
    for review in reviews::list(&mut read, &scope).await? {
        let reviewers = reviews::reviewers(&mut read, review.id).await?;
        let own = || items.iter().filter(|item| item.review_id == review.id);
        let progress = Progress::of(own(), now);
        let yours = |item: &&Item| act::why_not(&review, &reviewers, item, (who.person.id, &who.access), now).is_none();
        rows.push(Row {
            href: format!("/evidence/reviews/{}", review.id),
            place: names.get(&review.region_id).cloned().unwrap_or_else(|| "A region above yours".to_owned()),
            yours: own().filter(yours).count(),
            due: review.due_on.words(),
            opened: review.opened_at.local(zone),
            badge: state(&review, &progress, now),
            name: review.name,
            progress,
        });
    }
    let page = ListPage {
        shell: Shell::new(&req, &portal, &who, "Access reviews"),
        crumbs: crumbs(&who, false),
        rows,
        may_open: who.access.has_everywhere(Permission::PeopleManage),
    };
    page.shell.answer(StatusCode::OK, &page)
}

struct ItemView {
    id: String,
    person: String,
    person_href: String,
    role: String,
    place: String,
    since: String,
    tone: &'static str,
    state: &'static str,
    decided: String,
    reason: String,
    may: bool,
    own: bool,
    key: String,
    typed: String,
    error: String,
}

#[derive(Template)]
#[template(path = "evidence/review.html")]
struct DetailPage {
    shell: Shell,
    crumbs: Vec<(&'static str, &'static str)>,
    errors: Errors,
    id: String,
    name: String,
    badge: (&'static str, &'static str),
    progress: Progress,
    facts: Vec<(&'static str, String)>,
    items: Vec<ItemView>,
    may_close: bool,
    waiting: usize,
    key: String,
    because: String,
    export: bool,
    reason_most: usize,
}

/// What was typed, and what is wrong with it, when the page is shown again.
#[derive(Default)]
struct Typed {
    grant: Option<GrantId>,
    reason: String,
    because: String,
    errors: Errors,
}

async fn in_scope(read: &mut Read, who: &Allowed<ReadPeople>, id: &str) -> Result<Review, WebError> {
    let id = ReviewId::parse(id).ok_or(Refusal::NotFound)?;
    Ok(reviews::find(read, &who.reach(), id).await?.ok_or(Refusal::NotFound)?)
}

async fn show(
    req: &HttpRequest,
    portal: &Portal,
    who: &Allowed<ReadPeople>,
    id: &str,
    (status, typed): (StatusCode, Typed),
) -> Result<HttpResponse, WebError> {
    let (scope, now) = (who.reach(), portal.store.now());
    let mut read = portal.read(who).await?;
    let review = in_scope(&mut read, who, id).await?;
    let zone = choices::zone(&mut read).await?;
    let reviewers = reviews::reviewers(&mut read, review.id).await?;
    let items = reviews::items(&mut read, &scope, Some(review.id)).await?;
    let places = regions::names(&mut read, &scope).await?;
    let mut ids: Vec<UserId> = items.iter().flat_map(|item| [Some(item.person_id), item.reviewer_id, item.granted_by]).flatten().collect();
    ids.extend(reviewers.iter().copied().chain(review.opened_by).chain(review.ended_by));
    let names = people::names(&mut read, &ids).await?;
    let progress = Progress::of(items.iter(), now);
    let views = Views { who, review: &review, reviewers: &reviewers, names: &names, places: &places, zone, now };
    let key = portal.store.random.token(16);
    let waiting = progress.all - progress.done;
    let page = DetailPage {
        shell: Shell::new(req, portal, who, review.name.clone()).with_errors(!typed.errors.is_empty()),
        crumbs: crumbs(who, true),
        id: review.id.to_string(),
        badge: state(&review, &progress, now),
        facts: views.facts(),
        items: items.iter().enumerate().map(|(at, item)| views.item(item, format!("{key}-{at}"), &typed)).collect(),
        may_close: review.is_open() && who.access.has_everywhere(Permission::PeopleManage),
        name: review.name.clone(),
        export: who.access.has(Permission::AuditRead) && who.access.has(Permission::ExportsCreate),
        errors: typed.errors,
        because: typed.because,
        reason_most: REASON_MOST,
        waiting,
        progress,
        key,
    };
    page.shell.answer(status, &page)
}

/// What the lines of the page are made of.
struct Views<'v> {
    who: &'v Allowed<ReadPeople>,
    review: &'v Review,
    reviewers: &'v [UserId],
    names: &'v HashMap<UserId, String>,
    places: &'v HashMap<crate::domain::id::RegionId, String>,
    zone: chrono_tz::Tz,
    now: Instant,
}

impl Views<'_> {
    fn name(&self, id: Option<UserId>) -> String {
        id.map_or("the portal itself".to_owned(), |id| self.names.get(&id).cloned().unwrap_or_default())
    }

    fn facts(&self) -> Vec<(&'static str, String)> {
        let review = self.review;
        let mut facts = vec![
            ("Region", self.places.get(&review.region_id).cloned().unwrap_or_else(|| "A region above yours".to_owned())),
            ("Roles", if review.roles.is_empty() { "All".to_owned() } else { "Some: those listed here".to_owned() }),
            ("Reviewers", self.reviewers.iter().map(|id| self.name(Some(*id))).collect::<Vec<_>>().join(", ")),
            ("Opened", format!("{} by {}", review.opened_at.local(self.zone), self.name(review.opened_by))),
            ("Last day", review.due_on.words()),
        ];
        if let Some(at) = review.ended_at {
            facts.push(("Closed", format!("{} by {}", at.local(self.zone), self.name(review.ended_by))));
        }
        if !review.ended_because.is_empty() {
            facts.push(("Because", review.ended_because.clone()));
        }
        facts
    }

    fn item(&self, item: &Item, key: String, typed: &Typed) -> ItemView {
        let person = (self.who.person.id, &self.who.access);
        let is_typed = typed.grant == Some(item.grant_id);
        let state = decision(item, self.review.is_open(), self.now);
        ItemView {
            id: item.grant_id.to_string(),
            person: self.name(Some(item.person_id)),
            person_href: format!("/people/{}", item.person_id),
            role: item.role_name.clone(),
            place: self.places.get(&item.region_id).cloned().unwrap_or_default(),
            since: format!("{} by {}", item.granted_at.day(self.zone).words(), self.name(item.granted_by)),
            tone: match state {
                "Kept" => "ok",
                "Revoked" => "bad",
                "Waiting" => "warn",
                _ => "",
            },
            state,
            decided: item.decided_at.map(|at| format!("{}, {}", self.name(item.reviewer_id), at.local(self.zone))).unwrap_or_default(),
            reason: item.reason.clone().unwrap_or_default(),
            may: act::why_not(self.review, self.reviewers, item, person, self.now).is_none(),
            own: item.person_id == self.who.person.id && item.waits(self.now) && self.reviewers.contains(&item.person_id),
            key,
            typed: if is_typed { typed.reason.clone() } else { String::new() },
            error: if is_typed { typed.errors.at(&format!("reason-{}", item.grant_id)).to_owned() } else { String::new() },
        }
    }
}

/// One campaign.
pub async fn page(
    req: HttpRequest,
    portal: web::Data<Portal>,
    who: Allowed<ReadPeople>,
    path: web::Path<String>,
) -> Result<HttpResponse, WebError> {
    show(&req, &portal, &who, &path, (StatusCode::OK, Typed::default())).await
}

/// What a decision sends.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DecisionForm {
    key: String,
    #[serde(default)]
    reason: String,
    #[serde(default)]
    decision: String,
}

/// Decides on a role.
pub async fn decide(
    req: HttpRequest,
    portal: web::Data<Portal>,
    who: Allowed<ReadPeople>,
    path: web::Path<(String, String)>,
    Posted(form): Posted<DecisionForm>,
) -> Result<HttpResponse, WebError> {
    let (review, grant) = path.into_inner();
    let review = in_scope(&mut portal.read(&who).await?, &who, &review).await?.id;
    let grant = GrantId::parse(&grant).ok_or(Refusal::NotFound)?;
    if !reviews::items(&mut portal.read(&who).await?, &who.reach(), Some(review)).await?.iter().any(|item| item.grant_id == grant) {
        return Err(Refusal::NotFound.into());
    }
    let done = match form.decision.as_str() {
        "keep" | "revoke" => {
            let keeps = form.decision == "keep";
            act::decide(&portal.store, who.actor.clone(), &form.key, (review, grant), keeps, &form.reason).await
        }
        _ => Err(Refusal::Invalid("reason", "Choose whether to keep or to revoke".to_owned()).into()),
    };
    let place = format!("/evidence/reviews/{review}");
    match done {
        Ok(item) => {
            let name = people::names(&mut portal.read(&who).await?, &[item.person_id]).await?.remove(&item.person_id);
            let verb = if item.keeps == Some(1) { "Kept" } else { "Revoked" };
            let words = format!("{verb}: {}, {}.", name.unwrap_or_default(), item.role_name);
            Ok(see_other(&portal, &place, Some(("ok", words))))
        }
        Err(Failure::Refused(refusal @ (Refusal::Forbidden(_) | Refusal::NotFound))) => Err(refusal.into()),
        Err(Failure::Refused(refusal)) => {
            let field = refusal.field().map(|_| format!("reason-{grant}")).unwrap_or_default();
            let errors = Errors(vec![FieldError { field, text: refusal.to_string() }]);
            let typed = Typed { grant: Some(grant), reason: form.reason, errors, ..Typed::default() };
            show(&req, &portal, &who, &review.to_string(), (status_of(&refusal), typed)).await
        }
        Err(failure) => Err(failure.into()),
    }
}

/// What closing sends.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CloseForm {
    key: String,
    #[serde(default)]
    because: String,
}

/// Closes a campaign.
pub async fn close(
    req: HttpRequest,
    portal: web::Data<Portal>,
    who: Allowed<ReadPeople>,
    path: web::Path<String>,
    Posted(form): Posted<CloseForm>,
) -> Result<HttpResponse, WebError> {
    let review = in_scope(&mut portal.read(&who).await?, &who, &path).await?.id;
    match act::close(&portal.store, who.actor.clone(), &form.key, review, &form.because).await {
        Ok(()) => {
            let words = "The campaign is closed and stays as it is.".to_owned();
            Ok(see_other(&portal, &format!("/evidence/reviews/{review}"), Some(("ok", words))))
        }
        Err(Failure::Refused(refusal @ (Refusal::Forbidden(_) | Refusal::NotFound))) => Err(refusal.into()),
        Err(Failure::Refused(refusal)) => {
            let typed = Typed { because: form.because, errors: Errors::of(&refusal), ..Typed::default() };
            show(&req, &portal, &who, &path, (status_of(&refusal), typed)).await
        }
        Err(failure) => Err(failure.into()),
    }
}
