//! Forms that change regions: add, edit, move, retire, take into use again.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;
use serde::Deserialize;

use super::Portal;
use super::choices::{self, Choice, month_name};
use super::error::{WebError, status_of};
use super::form::{Errors, Posted};
use super::guard::{Allowed, ManageRegions};
use super::page::{Shell, see_other};
use crate::actions::regions as act;
use crate::domain::access::Permission;
use crate::domain::currency::Currency;
use crate::domain::id::RegionId;
use crate::domain::refusal::Refusal;
use crate::store::failure::Failure;
use crate::store::regions::{self, Region};

/// What the form about a region sends.
#[derive(Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RegionForm {
    key: String,
    #[serde(default)]
    version: i64,
    #[serde(default)]
    parent: String,
    name: String,
    currency: String,
    time_zone: String,
    fiscal_start_month: String,
    #[serde(default)]
    cost_centre: String,
}

/// One field that someone else changed meanwhile: what it is now, and what was typed.
struct Changed {
    field: &'static str,
    now: String,
    typed: String,
}

#[derive(Template)]
#[template(path = "regions/form.html")]
struct FormPage {
    shell: Shell,
    /// `None` for a new region.
    region: Option<Region>,
    form: RegionForm,
    errors: Errors,
    changed: Vec<Changed>,
    stale: bool,
    currencies: Vec<Choice>,
    zones: Vec<&'static str>,
    months: Vec<Choice>,
    parents: Vec<Choice>,
}

/// Which region a new one is to stand below.
#[derive(Deserialize)]
pub struct Below {
    #[serde(default)]
    parent: String,
}

impl RegionForm {
    fn of(region: &Region, key: String) -> Self {
        Self {
            key,
            version: region.version,
            parent: String::new(),
            name: region.name.clone(),
            currency: region.currency.clone(),
            time_zone: region.time_zone.clone(),
            fiscal_start_month: region.fiscal_start_month.to_string(),
            cost_centre: region.cost_centre.clone(),
        }
    }

    /// The fields, or everything that is wrong with them.
    fn fields(&self, errors: &mut Errors) -> Option<act::Fields> {
        let name = errors.check("name", act::name(&self.name));
        let currency = errors.check("currency", Currency::parse(&self.currency).ok_or("Choose a currency"));
        let zone = errors.check("time_zone", act::time_zone(&self.time_zone));
        let month = self.fiscal_start_month.parse::<i64>().ok().filter(|month| (1..=12).contains(month));
        let month = errors.check("fiscal_start_month", month.ok_or("Choose the month the fiscal year starts in"));
        let centre = errors.check("cost_centre", act::cost_centre(&self.cost_centre));
        Some(act::Fields { name: name?, currency: currency?, time_zone: zone?, fiscal_start_month: month?, cost_centre: centre? })
    }

    fn differs_from(&self, region: &Region) -> Vec<Changed> {
        let month = |text: &str| text.parse().map_or("", month_name).to_owned();
        let all = [
            ("Name", region.name.clone(), self.name.clone()),
            ("Currency", region.currency.clone(), self.currency.clone()),
            ("Time zone", region.time_zone.clone(), self.time_zone.clone()),
            ("Fiscal year starts in", month_name(region.fiscal_start_month).to_owned(), month(&self.fiscal_start_month)),
            ("Cost centre", region.cost_centre.clone(), self.cost_centre.clone()),
        ];
        all.into_iter().filter(|(_, now, typed)| now != typed).map(|(field, now, typed)| Changed { field, now, typed }).collect()
    }
}

/// What a form is shown with.
struct Shown {
    status: StatusCode,
    region: Option<Region>,
    form: RegionForm,
    errors: Errors,
    changed: Vec<Changed>,
    stale: bool,
}

async fn show(req: &HttpRequest, portal: &Portal, who: &Allowed<ManageRegions>, shown: Shown) -> Result<HttpResponse, WebError> {
    let mut read = portal.read(who).await?;
    let title = shown.region.as_ref().map_or_else(|| "Add a region".to_owned(), |region| format!("Edit {}", region.name));
    let page = FormPage {
        shell: Shell::new(req, portal, who, title).with_errors(!shown.errors.is_empty() || shown.stale),
        region: shown.region,
        form: shown.form,
        errors: shown.errors,
        changed: shown.changed,
        stale: shown.stale,
        currencies: choices::currencies(&mut read).await?,
        zones: choices::zones(),
        months: choices::months(),
        parents: choices::places(&mut read, &who.reach()).await?,
    };
    page.shell.answer(shown.status, &page)
}

/// The form for a new region.
pub async fn new(
    req: HttpRequest,
    portal: web::Data<Portal>,
    who: Allowed<ManageRegions>,
    query: web::Query<Below>,
) -> Result<HttpResponse, WebError> {
    let mut read = portal.read(&who).await?;
    let parent = match RegionId::parse(&query.parent) {
        Some(id) => regions::find(&mut read, &who.reach(), id).await?,
        None => None,
    };
    drop(read);
    let mut form = RegionForm { key: portal.store.random.token(16), fiscal_start_month: "1".to_owned(), ..RegionForm::default() };
    if let Some(parent) = parent {
        // Most regions are like the one above them.
        form = RegionForm {
            parent: parent.id.to_string(),
            name: String::new(),
            cost_centre: String::new(),
            ..RegionForm::of(&parent, form.key)
        };
    }
    let shown = Shown { status: StatusCode::OK, region: None, form, errors: Errors::none(), changed: Vec::new(), stale: false };
    show(&req, &portal, &who, shown).await
}

/// Adds a region.
pub async fn add(
    req: HttpRequest,
    portal: web::Data<Portal>,
    who: Allowed<ManageRegions>,
    Posted(form): Posted<RegionForm>,
) -> Result<HttpResponse, WebError> {
    let mut errors = Errors::none();
    let parent = errors.check("parent", RegionId::parse(&form.parent).ok_or("Choose the region it belongs to"));
    let fields = form.fields(&mut errors);
    let mut status = StatusCode::UNPROCESSABLE_ENTITY;
    if let (Some(parent), Some(fields)) = (parent, fields) {
        let name = fields.name.clone();
        match act::add(&portal.store, who.actor.clone(), &form.key, parent, fields).await {
            Ok(id) => return Ok(see_other(&portal, &format!("/regions/{id}"), Some(("ok", format!("{name} was added."))))),
            Err(Failure::Refused(Refusal::NotFound)) => errors.add("parent", "Choose the region it belongs to"),
            Err(Failure::Refused(refusal)) => {
                status = status_of(&refusal);
                errors = Errors::of(&refusal);
            }
            Err(failure) => return Err(failure.into()),
        }
    }
    show(&req, &portal, &who, Shown { status, region: None, form, errors, changed: Vec::new(), stale: false }).await
}

/// The region of the path, where she may manage it.
pub(super) async fn managed(portal: &Portal, who: &Allowed<ManageRegions>, path: &str) -> Result<Region, WebError> {
    let id = choices::region(path)?;
    let mut read = portal.read(who).await?;
    let region = regions::find(&mut read, &who.scope(Permission::RegionsRead), id).await?.ok_or(Refusal::NotFound)?;
    if who.may(Permission::RegionsManage, id) { Ok(region) } else { Err(Refusal::Forbidden(Permission::RegionsManage).into()) }
}

/// The form that changes a region.
pub async fn edit(
    req: HttpRequest,
    portal: web::Data<Portal>,
    who: Allowed<ManageRegions>,
    path: web::Path<String>,
) -> Result<HttpResponse, WebError> {
    let region = managed(&portal, &who, &path).await?;
    let form = RegionForm::of(&region, portal.store.random.token(16));
    let shown = Shown { status: StatusCode::OK, region: Some(region), form, errors: Errors::none(), changed: Vec::new(), stale: false };
    show(&req, &portal, &who, shown).await
}

/// Changes a region.
pub async fn save(
    req: HttpRequest,
    portal: web::Data<Portal>,
    who: Allowed<ManageRegions>,
    path: web::Path<String>,
    Posted(mut form): Posted<RegionForm>,
) -> Result<HttpResponse, WebError> {
    let region = managed(&portal, &who, &path).await?;
    let mut errors = Errors::none();
    let mut shown = Shown {
        status: StatusCode::UNPROCESSABLE_ENTITY,
        region: Some(region.clone()),
        form: form.clone(),
        errors: Errors::none(),
        changed: Vec::new(),
        stale: false,
    };
    if let Some(fields) = form.fields(&mut errors) {
        match act::edit(&portal.store, who.actor.clone(), &form.key, region.id, form.version, fields).await {
            Ok(()) => {
                return Ok(see_other(&portal, &format!("/regions/{}", region.id), Some(("ok", "The region was changed.".to_owned()))));
            }
            Err(Failure::Refused(refusal @ Refusal::Stale)) => {
                let now = managed(&portal, &who, &path).await?;
                shown.changed = form.differs_from(&now);
                (shown.status, shown.stale) = (status_of(&refusal), true);
                (form.version, form.key) = (now.version, portal.store.random.token(16));
                shown.region = Some(now);
            }
            Err(Failure::Refused(refusal)) => {
                shown.status = status_of(&refusal);
                errors = Errors::of(&refusal);
            }
            Err(failure) => return Err(failure.into()),
        }
    }
    (shown.form, shown.errors) = (form, errors);
    show(&req, &portal, &who, shown).await
}

/// What a form that moves, retires or reinstates a region sends.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StepForm {
    pub(super) key: String,
    pub(super) version: i64,
    #[serde(default)]
    pub(super) parent: String,
}

/// What is about to be done to a region.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    Move,
    Retire,
    Reinstate,
}

#[derive(Template)]
#[template(path = "regions/step.html")]
struct StepPage {
    shell: Shell,
    region: Region,
    key: String,
    errors: Errors,
    moving: bool,
    retiring: bool,
    parent: String,
    parents: Vec<Choice>,
    budgets: i64,
    below: i64,
}

pub(super) async fn show_step(
    req: &HttpRequest,
    portal: &Portal,
    who: &Allowed<ManageRegions>,
    step: Step,
    region: Region,
    refused: Option<(Refusal, StepForm)>,
) -> Result<HttpResponse, WebError> {
    let mut read = portal.read(who).await?;
    let (budgets, below) = regions::in_use(&mut read, region.id).await?;
    let subtree = regions::subtree(&mut read, region.id).await?;
    let mut parents = choices::places(&mut read, &who.reach()).await?;
    parents.retain(|(id, _)| RegionId::parse(id).is_some_and(|id| !subtree.contains(&id) && Some(id) != region.parent_id));
    let verb = match step {
        Step::Move => "Move",
        Step::Retire => "Retire",
        Step::Reinstate => "Reinstate",
    };
    let status = refused.as_ref().map_or(StatusCode::OK, |(refusal, _)| status_of(refusal));
    let (errors, parent) = refused.map_or_else(Default::default, |(refusal, form)| (Errors::of(&refusal), form.parent));
    let page = StepPage {
        shell: Shell::new(req, portal, who, format!("{verb} {}", region.name)).with_errors(!errors.is_empty()),
        region,
        key: portal.store.random.token(16),
        errors,
        moving: step == Step::Move,
        retiring: step == Step::Retire,
        parent,
        parents,
        budgets,
        below,
    };
    page.shell.answer(status, &page)
}

pub(super) fn no_parent() -> Refusal {
    Refusal::Invalid("parent", "Choose the region it is to belong to".to_owned())
}

async fn take(
    req: HttpRequest,
    portal: web::Data<Portal>,
    who: Allowed<ManageRegions>,
    path: web::Path<String>,
    form: StepForm,
    step: Step,
) -> Result<HttpResponse, WebError> {
    let region = managed(&portal, &who, &path).await?;
    let (store, actor, id) = (&portal.store, who.actor.clone(), region.id);
    let done = match step {
        Step::Move => match RegionId::parse(&form.parent) {
            Some(parent) => act::move_to(store, actor, &form.key, id, form.version, parent).await,
            None => Err(no_parent().into()),
        },
        Step::Retire => act::retire(store, actor, &form.key, id, form.version).await,
        Step::Reinstate => act::reinstate(store, actor, &form.key, id, form.version).await,
    };
    let words = match step {
        Step::Move => "was moved",
        Step::Retire => "was retired",
        Step::Reinstate => "is in use again",
    };
    match done {
        Ok(()) => Ok(see_other(&portal, &format!("/regions/{id}"), Some(("ok", format!("{} {words}.", region.name))))),
        Err(Failure::Refused(refusal)) => show_step(&req, &portal, &who, step, region, Some((refusal, form))).await,
        Err(failure) => Err(failure.into()),
    }
}

macro_rules! steps {
    ($($(#[$doc:meta])* $ask:ident, $do:ident = $step:expr;)+) => {
        $(
            $(#[$doc])*
            pub async fn $ask(
                req: HttpRequest,
                portal: web::Data<Portal>,
                who: Allowed<ManageRegions>,
                path: web::Path<String>,
            ) -> Result<HttpResponse, WebError> {
                let region = managed(&portal, &who, &path).await?;
                show_step(&req, &portal, &who, $step, region, None).await
            }

            /// Does it.
            pub async fn $do(
                req: HttpRequest,
                portal: web::Data<Portal>,
                who: Allowed<ManageRegions>,
                path: web::Path<String>,
                Posted(form): Posted<StepForm>,
            ) -> Result<HttpResponse, WebError> {
                take(req, portal, who, path, form, $step).await
            }
        )+
    };
}

steps! {
    /// Asks where a region is to be moved.
    ask_move, do_move = Step::Move;
    /// Asks whether a region is to be retired, and says what keeps it.
    ask_retire, do_retire = Step::Retire;
    /// Asks whether a retired region is to be used again.
    ask_reinstate, do_reinstate = Step::Reinstate;
}
