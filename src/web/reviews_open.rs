//! Opening an access review.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;
use serde::Deserialize;

use super::Portal;
use super::choices::{self, Choice};
use super::error::{WebError, status_of};
use super::form::{Errors, Posted};
use super::guard::{Allowed, ManagePeople};
use super::page::{Shell, see_other};
use super::people_add::everywhere;
use super::reviews::crumbs;
use crate::actions::reviews::{self as act, Campaign, DAYS_MOST};
use crate::domain::access::Permission;
use crate::domain::id::{RegionId, UserId};
use crate::domain::role::AnyRole;
use crate::domain::time::Day;
use crate::store::failure::Failure;

/// What the form sends.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct OpenForm {
    key: String,
    name: String,
    region: String,
    role: Vec<String>,
    reviewer: Vec<String>,
    due_on: String,
}

impl OpenForm {
    fn campaign(&self) -> Result<Campaign, Errors> {
        let mut errors = Errors::none();
        if self.name.trim().is_empty() {
            errors.add("name", "Enter a name");
        }
        let region = errors.check("region", RegionId::parse(&self.region).ok_or("Choose a region"));
        let roles: Option<Vec<AnyRole>> = errors
            .check("role", self.role.iter().map(|role| AnyRole::parse(role)).collect::<Option<_>>().ok_or("Choose roles of the list"));
        let reviewers: Vec<UserId> = self.reviewer.iter().filter_map(|id| UserId::parse(id)).collect();
        if reviewers.is_empty() {
            errors.add("reviewers", "Choose at least one reviewer");
        }
        let due_on = errors.check("due_on", Day::parse(self.due_on.trim()).ok_or("Enter a day like 2026-11-22"));
        match (region, roles, due_on) {
            (Some(region), Some(roles), Some(due_on)) if errors.is_empty() => {
                Ok(Campaign { name: self.name.clone(), region, roles, reviewers, due_on })
            }
            _ => Err(errors.in_order(&["name", "region", "role", "reviewers", "due_on"])),
        }
    }
}

#[derive(Template)]
#[template(path = "evidence/review_new.html")]
struct NewPage {
    shell: Shell,
    crumbs: Vec<(&'static str, &'static str)>,
    errors: Errors,
    form: OpenForm,
    places: Vec<Choice>,
    roles: Vec<(String, String, bool)>,
    reviewers: Vec<(String, String, bool)>,
    days_most: i64,
}

async fn show(
    req: &HttpRequest,
    portal: &Portal,
    who: &Allowed<ManagePeople>,
    status: StatusCode,
    (form, errors): (OpenForm, Errors),
) -> Result<HttpResponse, WebError> {
    let mut read = portal.read(who).await?;
    let scope = who.scope(Permission::PeopleRead);
    let able = act::can_review(&mut read, &scope, portal.store.now()).await?;
    let chosen = |all: &[String], value: &str| all.iter().any(|one| one == value);
    let roles = choices::roles(&mut read).await?;
    let page = NewPage {
        shell: Shell::new(req, portal, who, "Open an access review").with_errors(!errors.is_empty()),
        crumbs: crumbs(who, true),
        places: choices::places(&mut read, &scope).await?,
        roles: roles.into_iter().map(|(code, label)| (code.clone(), label, chosen(&form.role, &code))).collect(),
        reviewers: able
            .into_iter()
            .map(|person| (person.id.to_string(), person.name, chosen(&form.reviewer, &person.id.to_string())))
            .collect(),
        days_most: DAYS_MOST,
        errors,
        form,
    };
    page.shell.answer(status, &page)
}

/// The form.
pub async fn new(req: HttpRequest, portal: web::Data<Portal>, who: Allowed<ManagePeople>) -> Result<HttpResponse, WebError> {
    everywhere(&who)?;
    let due = Day(portal.store.now().day(chrono_tz::UTC).0 + 14).iso();
    let form = OpenForm { key: portal.store.random.token(16), due_on: due, ..OpenForm::default() };
    show(&req, &portal, &who, StatusCode::OK, (form, Errors::none())).await
}

/// Opens a campaign.
pub async fn open(
    req: HttpRequest,
    portal: web::Data<Portal>,
    who: Allowed<ManagePeople>,
    Posted(form): Posted<OpenForm>,
) -> Result<HttpResponse, WebError> {
    everywhere(&who)?;
    let campaign = match form.campaign() {
        Ok(campaign) => campaign,
        Err(errors) => return show(&req, &portal, &who, StatusCode::UNPROCESSABLE_ENTITY, (form, errors)).await,
    };
    match act::open(&portal.store, who.actor.clone(), &form.key, campaign).await {
        Ok(id) => {
            let words = "The campaign is open: each role that was in force is in it.".to_owned();
            Ok(see_other(&portal, &format!("/evidence/reviews/{id}"), Some(("ok", words))))
        }
        Err(Failure::Refused(refusal)) => show(&req, &portal, &who, status_of(&refusal), (form, Errors::of(&refusal))).await,
        Err(failure) => Err(failure.into()),
    }
}
