//! The first set-up: plain pages behind a one-time link. The token is part of the address, and never logged (the log has the route's pattern).

use actix_session::Session;
use actix_web::http::{StatusCode, header};
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;
use serde::Deserialize;

use super::choices::{self, Choice};
use super::error::WebError;
use super::form::{Errors, Posted};
use super::guard::peer;
use super::page::{Plain, plain_answer};
use super::{Portal, csrf, password, sign_in};
use crate::actions::setup::{self as act, Administrator, Draft, Fault, people_list, region_list};
use crate::actions::{people as people_rules, regions as region_rules, settings as settings_rules};
use crate::domain::access::{Actor, Proved, Who};
use crate::domain::currency::Currency;
use crate::domain::password::ALONE;
use crate::domain::refusal::Refusal;
use crate::store::failure::Failure;

const STEPS: [&str; 4] = ["Organisation", "Currencies", "Regions", "People"];
const PATHS: [&str; 4] = ["", "/currencies", "/regions", "/people"];

/// Everything the four forms hold; each page shows its part.
#[derive(Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SetupForm {
    name: String,
    time_zone: String,
    currency: String,
    others: String,
    fiscal_start_month: String,
    regions: String,
    person_name: String,
    email: String,
    password: String,
    again: String,
    people: String,
    later: String,
}

#[derive(Template)]
#[template(path = "setup/wizard.html")]
struct WizardPage {
    plain: Plain,
    token: String,
    at: usize,
    steps: [&'static str; 4],
    form: SetupForm,
    errors: Errors,
    zones: Vec<&'static str>,
    currencies: Vec<Choice>,
    months: Vec<Choice>,
    roles: String,
    places: Vec<String>,
    back: String,
    shortest: usize,
}

#[derive(Template)]
#[template(path = "setup/closed.html")]
struct ClosedPage {
    plain: Plain,
    set_up: bool,
}

impl SetupForm {
    fn of(draft: &Draft) -> Self {
        Self {
            name: draft.organisation.clone(),
            time_zone: draft.time_zone.clone(),
            currency: draft.currency.map(|currency| currency.code().to_owned()).unwrap_or_default(),
            others: draft.others.iter().map(|currency| currency.code()).collect::<Vec<_>>().join(", "),
            fiscal_start_month: draft.fiscal_start_month.max(1).to_string(),
            regions: draft.regions.clone(),
            ..Self::default()
        }
    }
}

/// The page without a usable link: it says where to find one.
pub(super) fn closed(req: &HttpRequest, portal: &Portal, set_up: bool) -> Result<HttpResponse, WebError> {
    let title = if set_up { "This link cannot be used" } else { "Not set up yet" };
    let (plain, cookie) = Plain::new(req, portal, title);
    plain_answer(StatusCode::NOT_FOUND, cookie, &ClosedPage { plain, set_up })
}

/// What has been told so far, where the link is good.
async fn opened(portal: &Portal, token: &str) -> Result<Option<Draft>, WebError> {
    let mut read = portal.store.read().await?;
    if !act::is_open(&mut read, token, portal.store.now()).await? {
        return Ok(None);
    }
    Ok(Some(act::draft(&mut read).await?))
}

async fn no_link(req: &HttpRequest, portal: &Portal) -> Result<HttpResponse, WebError> {
    let mut read = portal.store.read().await?;
    let set_up = crate::store::people::count(&mut read).await? > 0;
    closed(req, portal, set_up)
}

fn show(
    req: &HttpRequest,
    portal: &Portal,
    token: &str,
    at: usize,
    draft: &Draft,
    form: SetupForm,
    errors: Errors,
) -> Result<HttpResponse, WebError> {
    let step = STEPS.get(at).copied().unwrap_or_default();
    let title = if errors.is_empty() { format!("Set up: {step}") } else { format!("Error: Set up: {step}") };
    let status = if errors.is_empty() { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY };
    let (plain, cookie) = Plain::new(req, portal, &title);
    let back = at.checked_sub(1).and_then(|before| PATHS.get(before)).map(|path| format!("/setup/{token}{path}")).unwrap_or_default();
    let page = WizardPage {
        plain,
        token: token.to_owned(),
        at,
        steps: STEPS,
        form,
        errors,
        zones: choices::zones(),
        currencies: choices::all_currencies(),
        months: choices::months(),
        roles: people_list::all_roles(),
        places: place_names(draft),
        back,
        shortest: ALONE,
    };
    plain_answer(status, cookie, &page)
}

/// The names of the regions that there will be, the organisation first.
fn place_names(draft: &Draft) -> Vec<String> {
    let Some(currency) = draft.currency else { return Vec::new() };
    let read = region_list::read(&draft.regions, &draft.organisation, currency, &draft.time_zone, draft.fiscal_start_month);
    read.map(|(root, rest)| std::iter::once(root.name).chain(rest.into_iter().map(|place| place.name)).collect()).unwrap_or_default()
}

fn to_step(token: &str, at: usize) -> HttpResponse {
    let path = PATHS.get(at).copied().unwrap_or_default();
    HttpResponse::SeeOther().insert_header((header::LOCATION, format!("/setup/{token}{path}"))).finish()
}

async fn ask(req: HttpRequest, portal: web::Data<Portal>, token: web::Path<String>, at: usize) -> Result<HttpResponse, WebError> {
    let Some(draft) = opened(&portal, &token).await? else { return no_link(&req, &portal).await };
    if at > draft.next_step() {
        return Ok(to_step(&token, draft.next_step()));
    }
    show(&req, &portal, &token, at, &draft, SetupForm::of(&draft), Errors::none())
}

/// Takes what a page was told into the draft; everything that is wrong at once.
fn told(at: usize, form: &SetupForm, draft: &mut Draft, errors: &mut Errors) {
    match at {
        0 => {
            draft.organisation = errors.check("name", settings_rules::organisation_name(&form.name)).unwrap_or_default();
            draft.time_zone = errors.check("time_zone", region_rules::time_zone(&form.time_zone)).unwrap_or_default();
        }
        1 => {
            draft.currency = errors.check("currency", Currency::parse(&form.currency).ok_or("Choose the currency you report in"));
            draft.others = others(&form.others, errors);
            draft.fiscal_start_month = form.fiscal_start_month.parse().ok().filter(|month| (1..=12).contains(month)).unwrap_or(1);
        }
        _ => {
            draft.regions = if form.later.is_empty() { form.regions.clone() } else { String::new() };
            draft.regions_seen = true;
            let Some(currency) = draft.currency else { return };
            let read = region_list::read(&draft.regions, &draft.organisation, currency, &draft.time_zone, draft.fiscal_start_month);
            faults("regions", read.err().unwrap_or_default(), errors);
        }
    }
}

fn faults(field: &str, faults: Vec<Fault>, errors: &mut Errors) {
    for fault in faults {
        errors.add(field, format!("Line {}: {}", fault.line, fault.text));
    }
}

fn others(text: &str, errors: &mut Errors) -> Vec<Currency> {
    let codes = text.split(|c: char| c == ',' || c == ';' || c.is_whitespace()).filter(|code| !code.is_empty());
    codes
        .filter_map(|code| {
            errors.check("others", Currency::parse(&code.to_uppercase()).ok_or(format!("{code} is not a currency code like EUR")))
        })
        .collect()
}

async fn answer(
    req: HttpRequest,
    portal: web::Data<Portal>,
    token: web::Path<String>,
    form: SetupForm,
    at: usize,
) -> Result<HttpResponse, WebError> {
    let Some(mut draft) = opened(&portal, &token).await? else { return no_link(&req, &portal).await };
    if at > draft.next_step() {
        return Ok(to_step(&token, draft.next_step()));
    }
    let mut errors = Errors::none();
    told(at, &form, &mut draft, &mut errors);
    if !errors.is_empty() {
        return show(&req, &portal, &token, at, &draft, form, errors);
    }
    act::keep(&portal.store, &token, draft).await?;
    Ok(to_step(&token, at + 1))
}

macro_rules! pages {
    ($($(#[$doc:meta])* $ask:ident, $answer:ident = $at:literal;)+) => {
        $(
            $(#[$doc])*
            pub async fn $ask(req: HttpRequest, portal: web::Data<Portal>, token: web::Path<String>) -> Result<HttpResponse, WebError> {
                ask(req, portal, token, $at).await
            }

            /// Keeps what the page was told and goes on.
            pub async fn $answer(
                req: HttpRequest,
                portal: web::Data<Portal>,
                token: web::Path<String>,
                Posted(form): Posted<SetupForm>,
            ) -> Result<HttpResponse, WebError> {
                answer(req, portal, token, form, $at).await
            }
        )+
    };
}

pages! {
    /// Name and time zone.
    organisation, save_organisation = 0;
    /// Currencies and the fiscal year.
    currencies, save_currencies = 1;
    /// Regions.
    regions, save_regions = 2;
}

/// The first administrator, and further people.
pub async fn people(req: HttpRequest, portal: web::Data<Portal>, token: web::Path<String>) -> Result<HttpResponse, WebError> {
    ask(req, portal, token, 3).await
}

/// Makes the organisation of it all and signs the first administrator in.
pub async fn finish(
    req: HttpRequest,
    portal: web::Data<Portal>,
    session: Session,
    token: web::Path<String>,
    Posted(form): Posted<SetupForm>,
) -> Result<HttpResponse, WebError> {
    let Some(draft) = opened(&portal, &token).await? else { return no_link(&req, &portal).await };
    if draft.next_step() < 3 {
        return Ok(to_step(&token, draft.next_step()));
    }
    let mut errors = Errors::none();
    errors.check("person_name", people_rules::person_name(&form.person_name));
    errors.check("email", people_rules::person_email(&form.email));
    password::twice(&form.password, &form.again, ALONE, &draft.known(&form.person_name, &form.email), &mut errors);
    let places = place_names(&draft);
    let others = people_list::read(&form.people, &places, &form.email).unwrap_or_else(|wrong| {
        faults("people", wrong, &mut errors);
        Vec::new()
    });
    let blank = SetupForm { password: String::new(), again: String::new(), ..form.clone() };
    if !errors.is_empty() {
        return show(&req, &portal, &token, 3, &draft, blank, errors);
    }
    let actor = Actor { who: Who::System("setup"), request_id: csrf::request_id(&req), peer: peer(&req), proved: Proved::Elsewhere };
    let first = Administrator { name: form.person_name, email: form.email, password: form.password };
    match act::finish(&portal.store, &portal.passwords, actor.clone(), &token, first, others).await {
        Ok(id) => {
            portal.renamed(draft.organisation);
            let opened = crate::actions::sign_in::opened(&portal.store, actor, id, "setup").await?;
            let mut answer = sign_in::redirect("/");
            sign_in::signed_in((&req, &portal), &session, opened, &mut answer)?;
            Ok(answer)
        }
        Err(Failure::Refused(Refusal::NotFound)) => no_link(&req, &portal).await,
        Err(Failure::Refused(refusal)) => show(&req, &portal, &token, 3, &draft, blank, Errors::of(&refusal)),
        Err(failure) => Err(failure.into()),
    }
}
