//! How people sign in: which roles have to have a second factor.

use std::collections::BTreeSet;

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;
use serde::Deserialize;

use super::Portal;
use super::error::{WebError, status_of};
use super::form::{Errors, Posted};
use super::guard::{Allowed, ManageSettings};
use super::page::{Shell, see_other};
use super::settings::tabs;
use super::settings_organisation::everywhere;
use crate::actions::second_factor as act;
use crate::actions::step_up::{self, Rules};
use crate::domain::access::Role;
use crate::domain::currency::Currency;
use crate::domain::money;
use crate::store::failure::Failure;
use crate::store::settings;

const PLACE: &str = "/settings/sign-in";

/// A role, and how many of those who hold it have a second factor.
struct Line {
    code: &'static str,
    label: &'static str,
    required: bool,
    people: i64,
    with: i64,
}

#[derive(Template)]
#[template(path = "settings/sign_in.html")]
struct SignInPage {
    shell: Shell,
    tabs: Vec<(&'static str, &'static str, bool)>,
    key: String,
    roles: Vec<Line>,
    errors: Errors,
    minutes: String,
    /// By currency, from what amount on, and what is wrong with it.
    limits: Vec<(String, String, String)>,
}

/// Which roles have to have one, and what is done only shortly after showing who one is.
pub async fn page(req: HttpRequest, portal: web::Data<Portal>, who: Allowed<ManageSettings>) -> Result<HttpResponse, WebError> {
    everywhere(&who)?;
    show(&req, &portal, &who, None, (StatusCode::OK, Errors::none())).await
}

async fn show(
    req: &HttpRequest,
    portal: &Portal,
    who: &Allowed<ManageSettings>,
    typed: Option<StepUpForm>,
    (status, errors): (StatusCode, Errors),
) -> Result<HttpResponse, WebError> {
    let mut read = portal.read(who).await?;
    let required = act::required_roles(&mut read).await?;
    let counts = act::by_role(&mut read, portal.store.now()).await?;
    let line = |role: &Role| {
        let (people, with) = counts.get(role).copied().unwrap_or_default();
        Line { code: role.code(), label: role.label(), required: required.contains(role), people, with }
    };
    let rules = step_up::rules(&mut read).await?;
    let amount = |currency: &Currency| rules.money.get(currency.code()).map(|from| money::plain(*from, *currency)).unwrap_or_default();
    let known: Vec<(String, String)> =
        settings::currencies(&mut read).await?.iter().map(|currency| (currency.code().to_owned(), amount(currency))).collect();
    let (minutes, limits): (String, Vec<(String, String)>) = match typed {
        Some(form) => (form.minutes, form.currency.into_iter().zip(form.limit).collect()),
        None => (rules.minutes.to_string(), known),
    };
    let beside = |code: &String| errors.at(&format!("limit-{code}")).to_owned();
    let page = SignInPage {
        limits: limits.into_iter().map(|(code, limit)| (code.clone(), limit, beside(&code))).collect(),
        minutes,
        shell: Shell::new(req, portal, who, "Signing in").with_errors(!errors.is_empty()),
        tabs: tabs(true, PLACE),
        key: portal.store.random.token(16),
        // Whoever may do most comes first.
        roles: Role::ALL.iter().rev().map(line).collect(),
        errors,
    };
    page.shell.answer(status, &page)
}

/// What the form sends.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RolesForm {
    key: String,
    #[serde(default)]
    role: Vec<String>,
}

/// Requires a second factor for the roles that are ticked.
pub async fn save(
    portal: web::Data<Portal>,
    who: Allowed<ManageSettings>,
    Posted(form): Posted<RolesForm>,
) -> Result<HttpResponse, WebError> {
    let known = form.role.iter().map(|code| Role::parse(code)).collect::<Option<BTreeSet<Role>>>();
    let roles = known.ok_or(WebError::Malformed("There is no such role."))?;
    act::require(&portal.store, who.actor.clone(), &form.key, roles).await?;
    Ok(see_other(&portal, PLACE, Some(("ok", "Who has to have a second factor was saved.".to_owned()))))
}

/// What the form about showing once more who one is sends: for each currency in turn, from what amount on.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StepUpForm {
    key: String,
    minutes: String,
    #[serde(default, rename = "currency[]")]
    currency: Vec<String>,
    #[serde(default, rename = "limit[]")]
    limit: Vec<String>,
}

impl StepUpForm {
    fn rules(&self, errors: &mut Errors) -> Rules {
        let mut rules = Rules::default();
        match self.minutes.trim().parse::<i64>() {
            Ok(minutes) => rules.minutes = minutes,
            Err(_) => errors.add("minutes", "Enter a number of minutes"),
        }
        for (code, text) in self.currency.iter().zip(&self.limit).filter(|(_, text)| !text.trim().is_empty()) {
            let Some(currency) = Currency::parse(code) else { continue };
            if let Some(amount) = errors.check(&format!("limit-{code}"), money::parse(text, currency)) {
                rules.money.insert(code.clone(), amount);
            }
        }
        rules
    }
}

/// Says before what somebody has to show once more who she is.
pub async fn save_step_up(
    req: HttpRequest,
    portal: web::Data<Portal>,
    who: Allowed<ManageSettings>,
    Posted(form): Posted<StepUpForm>,
) -> Result<HttpResponse, WebError> {
    everywhere(&who)?;
    let mut errors = Errors::none();
    let rules = form.rules(&mut errors);
    if !errors.is_empty() {
        return show(&req, &portal, &who, Some(form), (StatusCode::UNPROCESSABLE_ENTITY, errors)).await;
    }
    match step_up::set(&portal.store, who.actor.clone(), &form.key, rules).await {
        Ok(()) => Ok(see_other(&portal, PLACE, Some(("ok", "When people show once more who they are was saved.".to_owned())))),
        Err(Failure::Refused(refusal)) => show(&req, &portal, &who, Some(form), (status_of(&refusal), Errors::of(&refusal))).await,
        Err(failure) => Err(failure.into()),
    }
}
