//! One's own second factor: setting it up, new recovery codes, turning it off.

use actix_session::Session;
use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;

use super::error::{WebError, status_of};
use super::form::{Errors, Posted};
use super::guard::{Allowed, SignedIn};
use super::page::{Shell, see_other};
use super::{Portal, assets, choices, qr};
use crate::actions::second_factor as act;
use crate::domain::id::UserId;
use crate::domain::refusal::Refusal;
use crate::domain::totp;
use crate::store::db::Read;
use crate::store::failure::Failure;
use crate::store::people::{self, Person};
use crate::store::second_factor as kept;

/// What a page shows on which a second factor is set up.
pub(super) struct Parts {
    /// How wide and high the picture is.
    pub size: i32,
    /// What is dark in it.
    pub path: String,
    /// The secret, to be typed.
    pub secret: String,
    /// The secret, sealed, to come back with the first code.
    pub draft: String,
    /// Where icons are.
    pub icons: &'static str,
    /// Whether the password is asked for once more.
    pub asks_password: bool,
}

impl Parts {
    /// With the secret that a form brought back, else with a new one.
    pub fn of(portal: &Portal, person: &Person, draft: &str, asks_password: bool) -> Result<Self, WebError> {
        let brought = draft_of(draft);
        let (secret, sealed) = match portal.seal.open(person.id, &brought) {
            Some(secret) => (secret, brought),
            None => act::draft(&portal.store, &portal.seal, person.id)?,
        };
        // A long name makes a picture that no phone reads.
        let issuer: String = format!("Counterfoil {}", portal.organisation()).chars().take(40).collect();
        let (size, path) = qr::picture(&totp::address(&secret, &issuer, &person.email)).unwrap_or_default();
        let (secret, draft) = (totp::typed_secret(&secret), URL_SAFE_NO_PAD.encode(sealed));
        Ok(Self { size, path, secret, draft, icons: &assets::assets().icons, asks_password })
    }
}

/// The sealed secret that a form brought back.
pub(super) fn draft_of(text: &str) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(text).unwrap_or_default()
}

/// Since when a person has a second factor, and how many recovery codes are left.
pub(super) async fn standing(read: &mut Read, person: UserId) -> Result<Option<(String, i64)>, WebError> {
    let Some(factor) = kept::find(read, person).await? else { return Ok(None) };
    let since = factor.since.day(choices::zone(read).await?).words();
    Ok(Some((since, kept::codes_left(read, person).await?)))
}

#[derive(Template)]
#[template(path = "settings/second_factor.html")]
struct FactorPage {
    shell: Shell,
    errors: Errors,
    factor: Option<(String, i64)>,
    parts: Option<Parts>,
    required: bool,
    has_password: bool,
}

#[derive(Template)]
#[template(path = "settings/recovery_codes.html")]
struct CodesPage {
    shell: Shell,
    codes: Vec<String>,
}

async fn show(
    req: &HttpRequest,
    portal: &Portal,
    who: &Allowed<SignedIn>,
    status: StatusCode,
    draft: &str,
    errors: Errors,
) -> Result<HttpResponse, WebError> {
    let mut read = portal.read(who).await?;
    let factor = standing(&mut read, who.person.id).await?;
    let has_password = people::password_hash(&mut read, who.person.id).await?.is_some();
    let parts = if factor.is_none() { Some(Parts::of(portal, &who.person, draft, has_password)?) } else { None };
    let required = act::is_required(&mut read, who.person.id, portal.store.now()).await?;
    let shell = Shell::new(req, portal, who, "Second factor").with_errors(!errors.is_empty());
    let page = FactorPage { shell, errors, factor, parts, required, has_password };
    page.shell.answer(status, &page)
}

/// What there is, and what can be done about it.
pub async fn page(req: HttpRequest, portal: web::Data<Portal>, who: Allowed<SignedIn>) -> Result<HttpResponse, WebError> {
    show(&req, &portal, &who, StatusCode::OK, "", Errors::none()).await
}

/// What the form that sets it up sends.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SetUpForm {
    #[serde(default)]
    current: String,
    code: String,
    draft: String,
}

/// The one answer that holds the recovery codes. The browser does not store it (`no-store`).
fn show_codes(req: &HttpRequest, portal: &Portal, who: &Allowed<SignedIn>, codes: Vec<String>) -> Result<HttpResponse, WebError> {
    let page = CodesPage { shell: Shell::new(req, portal, who, "Your recovery codes"), codes };
    page.shell.answer(StatusCode::OK, &page)
}

/// Sets it up. Every other session ends; this one goes on under a new token.
pub async fn set_up(
    req: HttpRequest,
    portal: web::Data<Portal>,
    session: Session,
    who: Allowed<SignedIn>,
    Posted(form): Posted<SetUpForm>,
) -> Result<HttpResponse, WebError> {
    let done = match act::password_again(&portal.store, &portal.passwords, &who.actor, &form.current).await {
        Ok(tries) => {
            let draft = draft_of(&form.draft);
            act::set_up(&portal.store, &portal.seal, who.actor.clone(), who.person.id, &draft, &form.code, tries).await
        }
        Err(failure) => Err(failure),
    };
    match done {
        Ok(codes) => {
            session.renew();
            show_codes(&req, &portal, &who, codes)
        }
        Err(Failure::Refused(refusal)) => show(&req, &portal, &who, status_of(&refusal), &form.draft, Errors::of(&refusal)).await,
        Err(failure) => Err(failure.into()),
    }
}

/// What the form about a second factor that is set up sends.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PasswordForm {
    #[serde(default)]
    current: String,
}

/// Makes new recovery codes.
pub async fn new_codes(
    req: HttpRequest,
    portal: web::Data<Portal>,
    who: Allowed<SignedIn>,
    Posted(form): Posted<PasswordForm>,
) -> Result<HttpResponse, WebError> {
    match act::new_codes(&portal.store, &portal.passwords, who.actor.clone(), &form.current).await {
        Ok(codes) => show_codes(&req, &portal, &who, codes),
        Err(failure) => refused(&req, &portal, &who, failure).await,
    }
}

/// Turns it off. Every other session ends; this one goes on under a new token.
pub async fn turn_off(
    req: HttpRequest,
    portal: web::Data<Portal>,
    session: Session,
    who: Allowed<SignedIn>,
    Posted(form): Posted<PasswordForm>,
) -> Result<HttpResponse, WebError> {
    match act::turn_off(&portal.store, &portal.passwords, who.actor.clone(), &form.current).await {
        Ok(()) => {
            session.renew();
            let words = "Your second factor is off. You were signed out everywhere else.".to_owned();
            Ok(see_other(&portal, "/settings", Some(("ok", words))))
        }
        Err(failure) => refused(&req, &portal, &who, failure).await,
    }
}

async fn refused(req: &HttpRequest, portal: &Portal, who: &Allowed<SignedIn>, failure: Failure) -> Result<HttpResponse, WebError> {
    let Failure::Refused(refusal) = failure else { return Err(failure.into()) };
    if refusal == Refusal::NotFound {
        return Err(refusal.into());
    }
    show(req, portal, who, status_of(&refusal), "", Errors::of(&refusal)).await
}
