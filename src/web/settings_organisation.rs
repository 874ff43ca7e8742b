//! The organisation's settings: name and time zone, currencies, sources, reason codes.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;
use serde::Deserialize;

use super::Portal;
use super::choices::{self, Choice};
use super::error::{WebError, status_of};
use super::form::{Errors, Posted};
use super::guard::{Allowed, ManageSettings};
use super::page::{Shell, see_other};
use super::people::KeyForm;
use super::settings::tabs;
use crate::actions::{regions as region_rules, settings as act};
use crate::domain::access::Permission;
use crate::domain::currency::Currency;
use crate::domain::id::SourceId;
use crate::domain::refusal::Refusal;
use crate::store::failure::Failure;
use crate::store::settings;

const PLACE: &str = "/settings/organisation";
const REASONS: &str = "/settings/reason-codes";

/// Settings are the whole organisation's: a grant on a part of it is not enough.
pub(super) fn everywhere(who: &Allowed<ManageSettings>) -> Result<(), WebError> {
    let may = who.access.has_everywhere(Permission::SettingsManage);
    if may { Ok(()) } else { Err(Refusal::Forbidden(Permission::SettingsManage).into()) }
}

#[derive(Template)]
#[template(path = "settings/organisation.html")]
struct OrganisationPage {
    shell: Shell,
    tabs: Vec<(&'static str, &'static str, bool)>,
    errors: Errors,
    key: String,
    organisation: String,
    time_zone: String,
    zones: Vec<&'static str>,
    /// (code, name, whether something is kept in it).
    currencies: Vec<(String, &'static str, bool)>,
    others: Vec<Choice>,
    sources: Vec<(SourceId, String)>,
    source: String,
}

/// What was typed, when the page is shown again.
#[derive(Default)]
struct Typed {
    organisation: Option<(String, String)>,
    source: String,
}

async fn show(
    req: &HttpRequest,
    portal: &Portal,
    who: &Allowed<ManageSettings>,
    status: StatusCode,
    errors: Errors,
    typed: Typed,
) -> Result<HttpResponse, WebError> {
    everywhere(who)?;
    let mut read = portal.read(who).await?;
    let kept = settings::currencies_kept(&mut read).await?;
    let used = settings::currencies(&mut read).await?;
    let (organisation, time_zone) = match typed.organisation {
        Some(typed) => typed,
        None => (portal.organisation(), choices::zone(&mut read).await?.name().to_owned()),
    };
    let page = OrganisationPage {
        shell: Shell::new(req, portal, who, "Organisation").with_errors(!errors.is_empty()),
        tabs: tabs(true, PLACE),
        errors,
        key: portal.store.random.token(16),
        organisation,
        time_zone,
        zones: choices::zones(),
        others: choices::all_currencies().into_iter().filter(|(code, _)| used.iter().all(|used| used.code() != code)).collect(),
        currencies: used.iter().map(|one| (one.code().to_owned(), one.name(), kept.iter().any(|code| code == one.code()))).collect(),
        sources: settings::sources(&mut read).await?.into_iter().map(|(id, name, _)| (id, name)).collect(),
        source: typed.source,
    };
    page.shell.answer(status, &page)
}

/// Back to a page of the settings with a word of success, or the refusal in the page it came from.
async fn answer(
    req: &HttpRequest,
    portal: &Portal,
    who: &Allowed<ManageSettings>,
    done: Result<(), Failure>,
    words: String,
    typed: Typed,
) -> Result<HttpResponse, WebError> {
    match done {
        Ok(()) => Ok(see_other(portal, PLACE, Some(("ok", words)))),
        Err(Failure::Refused(Refusal::Forbidden(permission))) => Err(Refusal::Forbidden(permission).into()),
        Err(Failure::Refused(refusal)) => show(req, portal, who, status_of(&refusal), Errors::of(&refusal), typed).await,
        Err(failure) => Err(failure.into()),
    }
}

/// The organisation, its currencies and its sources.
pub async fn page(req: HttpRequest, portal: web::Data<Portal>, who: Allowed<ManageSettings>) -> Result<HttpResponse, WebError> {
    show(&req, &portal, &who, StatusCode::OK, Errors::none(), Typed::default()).await
}

/// What the form about the organisation sends.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OrganisationForm {
    key: String,
    name: String,
    time_zone: String,
}

/// Names the organisation and sets its time zone.
pub async fn save(
    req: HttpRequest,
    portal: web::Data<Portal>,
    who: Allowed<ManageSettings>,
    Posted(form): Posted<OrganisationForm>,
) -> Result<HttpResponse, WebError> {
    let mut errors = Errors::none();
    let name = errors.check("name", act::organisation_name(&form.name));
    let zone = errors.check("time_zone", region_rules::time_zone(&form.time_zone));
    let typed = Typed { organisation: Some((form.name, form.time_zone)), ..Typed::default() };
    let (Some(name), Some(zone)) = (name, zone) else {
        return show(&req, &portal, &who, StatusCode::UNPROCESSABLE_ENTITY, errors, typed).await;
    };
    let done = act::organisation(&portal.store, who.actor.clone(), &form.key, name.clone(), zone).await;
    if done.is_ok() {
        portal.renamed(name);
    }
    answer(&req, &portal, &who, done, "The organisation was changed.".to_owned(), typed).await
}

/// What the form that takes a currency into use sends.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CurrencyForm {
    key: String,
    currency: String,
}

/// Takes a currency into use.
pub async fn add_currency(
    req: HttpRequest,
    portal: web::Data<Portal>,
    who: Allowed<ManageSettings>,
    Posted(form): Posted<CurrencyForm>,
) -> Result<HttpResponse, WebError> {
    let done = match Currency::parse(&form.currency) {
        Some(currency) => act::add_currency(&portal.store, who.actor.clone(), &form.key, currency).await,
        None => Err(Refusal::Invalid("currency", "Choose a currency".to_owned()).into()),
    };
    answer(&req, &portal, &who, done, format!("{} is in use.", form.currency), Typed::default()).await
}

/// Takes a currency out of use.
pub async fn remove_currency(
    req: HttpRequest,
    portal: web::Data<Portal>,
    who: Allowed<ManageSettings>,
    path: web::Path<String>,
    Posted(form): Posted<KeyForm>,
) -> Result<HttpResponse, WebError> {
    everywhere(&who)?;
    let currency = Currency::parse(&path).ok_or(Refusal::NotFound)?;
    let done = act::remove_currency(&portal.store, who.actor.clone(), &form.key, currency).await;
    answer(&req, &portal, &who, done, format!("{currency} is no longer in use."), Typed::default()).await
}

/// What the forms about a source send.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SourceForm {
    key: String,
    source: String,
}

/// Adds a source.
pub async fn add_source(
    req: HttpRequest,
    portal: web::Data<Portal>,
    who: Allowed<ManageSettings>,
    Posted(form): Posted<SourceForm>,
) -> Result<HttpResponse, WebError> {
    let done = act::put_source(&portal.store, who.actor.clone(), &form.key, None, form.source.clone()).await.map(|_| ());
    answer(&req, &portal, &who, done, format!("{} was added.", form.source.trim()), Typed { source: form.source, ..Typed::default() }).await
}

/// Renames a source.
pub async fn rename_source(
    req: HttpRequest,
    portal: web::Data<Portal>,
    who: Allowed<ManageSettings>,
    path: web::Path<String>,
    Posted(form): Posted<SourceForm>,
) -> Result<HttpResponse, WebError> {
    everywhere(&who)?;
    let id = SourceId::parse(&path).ok_or(Refusal::NotFound)?;
    let done = act::put_source(&portal.store, who.actor.clone(), &form.key, Some(id), form.source.clone()).await.map(|_| ());
    answer(&req, &portal, &who, done, "The source was renamed.".to_owned(), Typed::default()).await
}

#[derive(Template)]
#[template(path = "settings/reason_codes.html")]
struct ReasonsPage {
    shell: Shell,
    tabs: Vec<(&'static str, &'static str, bool)>,
    errors: Errors,
    key: String,
    codes: Vec<(String, String, bool)>,
    code: String,
    words: String,
}

/// What the forms about a reason code send.
#[derive(Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReasonForm {
    key: String,
    #[serde(default)]
    code: String,
    label: String,
    #[serde(default)]
    active: String,
}

async fn show_reasons(
    req: &HttpRequest,
    portal: &Portal,
    who: &Allowed<ManageSettings>,
    status: StatusCode,
    errors: Errors,
    form: ReasonForm,
) -> Result<HttpResponse, WebError> {
    everywhere(who)?;
    let mut read = portal.read(who).await?;
    let codes = settings::reason_codes(&mut read).await?;
    let page = ReasonsPage {
        shell: Shell::new(req, portal, who, "Reason codes").with_errors(!errors.is_empty()),
        tabs: tabs(true, REASONS),
        errors,
        key: portal.store.random.token(16),
        codes: codes.into_iter().map(|(code, label, active)| (code, label, active == 1)).collect(),
        code: form.code,
        words: form.label,
    };
    page.shell.answer(status, &page)
}

/// The reason codes that adjustments carry.
pub async fn reasons(req: HttpRequest, portal: web::Data<Portal>, who: Allowed<ManageSettings>) -> Result<HttpResponse, WebError> {
    show_reasons(&req, &portal, &who, StatusCode::OK, Errors::none(), ReasonForm::default()).await
}

/// Adds a reason code.
pub async fn add_reason(
    req: HttpRequest,
    portal: web::Data<Portal>,
    who: Allowed<ManageSettings>,
    Posted(form): Posted<ReasonForm>,
) -> Result<HttpResponse, WebError> {
    let mut errors = Errors::none();
    let code = errors.check("code", act::reason_code(&form.code));
    let label = errors.check("label", act::reason_label(&form.label));
    let (Some(code), Some(label)) = (code, label) else {
        return show_reasons(&req, &portal, &who, StatusCode::UNPROCESSABLE_ENTITY, errors, form).await;
    };
    match act::put_reason_code(&portal.store, who.actor.clone(), &form.key, code, label, true, true).await {
        Ok(()) => Ok(see_other(&portal, REASONS, Some(("ok", "The reason code was added.".to_owned())))),
        Err(Failure::Refused(refusal)) => show_reasons(&req, &portal, &who, status_of(&refusal), Errors::of(&refusal), form).await,
        Err(failure) => Err(failure.into()),
    }
}

/// Relabels a reason code, retires it, or takes it into use again. The code itself stays: postings carry it.
pub async fn change_reason(
    req: HttpRequest,
    portal: web::Data<Portal>,
    who: Allowed<ManageSettings>,
    path: web::Path<String>,
    Posted(form): Posted<ReasonForm>,
) -> Result<HttpResponse, WebError> {
    let active = form.active == "1";
    match act::put_reason_code(&portal.store, who.actor.clone(), &form.key, path.into_inner(), form.label, active, false).await {
        Ok(()) => Ok(see_other(&portal, REASONS, Some(("ok", "The reason code was changed.".to_owned())))),
        Err(Failure::Refused(Refusal::NotFound)) => Err(Refusal::NotFound.into()),
        Err(Failure::Refused(refusal)) => {
            let mut errors = Errors::none();
            // The box of a row stands in the table, not in the form below it.
            errors.add("", refusal.to_string());
            show_reasons(&req, &portal, &who, status_of(&refusal), errors, ReasonForm::default()).await
        }
        Err(failure) => Err(failure.into()),
    }
}

/// Takes the task list of the first set-up off the overview.
pub async fn dismiss_tasks(
    portal: web::Data<Portal>,
    who: Allowed<ManageSettings>,
    Posted(()): Posted<()>,
) -> Result<HttpResponse, WebError> {
    act::dismiss_tasks(&portal.store, who.actor.clone()).await?;
    Ok(see_other(
        &portal,
        "/",
        Some(("ok", "The task list is gone. Everything on it is still under Regions, People, Budgets and Imports.".to_owned())),
    ))
}
