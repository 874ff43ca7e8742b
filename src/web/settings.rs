//! One's own settings: how pages look, the password; and what this portal is.

use actix_session::Session;
use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;
use serde::Deserialize;

use super::choices;
use super::error::{WebError, status_of};
use super::form::{Errors, Posted};
use super::guard::{Allowed, SignedIn};
use super::page::{Shell, see_other};
use super::{Portal, password, second_factor};
use crate::actions::audit::{Noted, Verdict};
use crate::actions::passwords::{known_to, least_for};
use crate::actions::settings as act;
use crate::domain::access::Permission;
use crate::domain::text::hex;
use crate::store::failure::Failure;
use crate::store::{audit_log, settings};

/// The pages under "Settings" that she may see: (address, words, whether it is this one).
pub(super) fn tabs(manages: bool, here: &str) -> Vec<(&'static str, &'static str, bool)> {
    let all = [
        ("/settings", "You", false),
        ("/settings/organisation", "Organisation", true),
        ("/settings/sign-in", "Signing in", true),
        ("/settings/reason-codes", "Reason codes", true),
        ("/settings/retention", "Data kept", true),
        ("/settings/approvals", "Approvals", false),
        ("/settings/about", "About", false),
    ];
    all.into_iter().filter(|(_, _, needs)| manages || !needs).map(|(href, words, _)| (href, words, href == here)).collect()
}

type Radio = (&'static str, &'static str, &'static str);

const THEMES: &[Radio] = &[("", "As the device says", ""), ("light", "Light", ""), ("dark", "Dark", "")];
const DENSITIES: &[Radio] = &[("", "Dense", "More rows on a screen"), ("comfortable", "Comfortable", "Taller rows")];

#[derive(Template)]
#[template(path = "settings/you.html")]
struct YouPage {
    shell: Shell,
    tabs: Vec<(&'static str, &'static str, bool)>,
    errors: Errors,
    theme: String,
    density: String,
    shortcuts: bool,
    themes: &'static [Radio],
    densities: &'static [Radio],
    shortest: usize,
    /// Since when she has a second factor, and how many recovery codes are left.
    factor: Option<(String, i64)>,
}

async fn show(
    req: &HttpRequest,
    portal: &Portal,
    who: &Allowed<SignedIn>,
    status: StatusCode,
    errors: Errors,
) -> Result<HttpResponse, WebError> {
    let mut read = portal.read(who).await?;
    let page = YouPage {
        shell: Shell::new(req, portal, who, "Settings").with_errors(!errors.is_empty()),
        tabs: tabs(who.access.has_everywhere(Permission::SettingsManage), "/settings"),
        errors,
        theme: who.person.theme.clone(),
        density: who.person.density.clone(),
        shortcuts: who.person.shortcuts == 1,
        themes: THEMES,
        densities: DENSITIES,
        shortest: least_for(&mut read, who.person.id).await?,
        factor: second_factor::standing(&mut read, who.person.id).await?,
    };
    page.shell.answer(status, &page)
}

/// One's own settings.
pub async fn you(req: HttpRequest, portal: web::Data<Portal>, who: Allowed<SignedIn>) -> Result<HttpResponse, WebError> {
    show(&req, &portal, &who, StatusCode::OK, Errors::none()).await
}

/// What the form about the looks sends.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PreferencesForm {
    theme: String,
    density: String,
    #[serde(default)]
    shortcuts: String,
}

/// Keeps how pages look.
pub async fn prefer(
    req: HttpRequest,
    portal: web::Data<Portal>,
    who: Allowed<SignedIn>,
    Posted(form): Posted<PreferencesForm>,
) -> Result<HttpResponse, WebError> {
    let known = |all: &'static [Radio], text: &str| all.iter().find(|one| one.0 == text).map(|one| one.0);
    let mut errors = Errors::none();
    let theme = errors.check("theme", known(THEMES, &form.theme).ok_or("Choose one of these"));
    let density = errors.check("density", known(DENSITIES, &form.density).ok_or("Choose one of these"));
    let (Some(theme), Some(density)) = (theme, density) else {
        return show(&req, &portal, &who, StatusCode::UNPROCESSABLE_ENTITY, errors).await;
    };
    act::prefer(&portal.store, who.actor.clone(), theme, density, !form.shortcuts.is_empty()).await?;
    Ok(see_other(&portal, "/settings", Some(("ok", "Your preferences were saved.".to_owned()))))
}

/// What the form about the password sends.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PasswordForm {
    current: String,
    password: String,
    again: String,
}

/// Changes the password. Every other session ends; this one goes on under a new token.
pub async fn change_password(
    req: HttpRequest,
    portal: web::Data<Portal>,
    session: Session,
    who: Allowed<SignedIn>,
    Posted(form): Posted<PasswordForm>,
) -> Result<HttpResponse, WebError> {
    let mut errors = Errors::none();
    if form.current.is_empty() {
        errors.add("current", "Enter your present password");
    }
    let mut read = portal.read(&who).await?;
    let (least, known) = (least_for(&mut read, who.person.id).await?, known_to(&mut read, who.person.id).await?);
    drop(read);
    password::twice(&form.password, &form.again, least, &known, &mut errors);
    if !errors.is_empty() {
        return show(&req, &portal, &who, StatusCode::UNPROCESSABLE_ENTITY, errors).await;
    }
    match act::change_password(&portal.store, &portal.passwords, who.actor.clone(), &form.current, &form.password).await {
        Ok(()) => {
            session.renew();
            let words = "Your password was changed. You were signed out everywhere else.".to_owned();
            Ok(see_other(&portal, "/settings", Some(("ok", words))))
        }
        Err(Failure::Refused(refusal)) => show(&req, &portal, &who, status_of(&refusal), Errors::of(&refusal)).await,
        Err(failure) => Err(failure.into()),
    }
}

#[derive(Template)]
#[template(path = "settings/about.html")]
struct AboutPage {
    shell: Shell,
    tabs: Vec<(&'static str, &'static str, bool)>,
    version: &'static str,
    engine: &'static str,
    zone: String,
    /// (number of the newest event, chain value), for those who may read the whole trail.
    head: Option<(i64, String)>,
    verdict: Option<(bool, String, String)>,
}

/// A verdict in words: whether it is good, what it says, when.
pub(super) fn verdict_words(noted: &Noted, zone: chrono_tz::Tz) -> (bool, String, String) {
    let at = noted.at.local(zone);
    match &noted.verdict {
        Verdict::Ok { events, .. } => (true, format!("All {events} events are as they were sealed"), at),
        Verdict::NotProven { events, why, .. } => (true, format!("All {events} events are as they were sealed; not proven: {why}"), at),
        Verdict::Broken { seq, why } => (false, format!("Broken at event {seq}: {why}"), at),
    }
}

/// The last verdict that was noted.
pub(super) async fn last_verdict(read: &mut crate::store::db::Read) -> Result<Option<Noted>, WebError> {
    let kept = settings::get(read, settings::AUDIT_VERDICT).await?;
    Ok(kept.and_then(|kept| serde_json::from_str(&kept).ok()))
}

/// What this portal is.
pub async fn about(req: HttpRequest, portal: web::Data<Portal>, who: Allowed<SignedIn>) -> Result<HttpResponse, WebError> {
    let mut read = portal.read(&who).await?;
    let zone = choices::zone(&mut read).await?;
    let audits = who.access.has_everywhere(Permission::AuditRead);
    let head = if audits { audit_log::stated_head(&mut read).await? } else { None };
    let verdict = if audits { last_verdict(&mut read).await? } else { None };
    let page = AboutPage {
        shell: Shell::new(&req, &portal, &who, "About"),
        tabs: tabs(who.access.has_everywhere(Permission::SettingsManage), "/settings/about"),
        version: env!("CARGO_PKG_VERSION"),
        engine: portal.store.engine().label(),
        zone: zone.name().to_owned(),
        head: head.map(|head| (head.seq, hex(&head.chain))),
        verdict: verdict.map(|noted| verdict_words(&noted, zone)),
    };
    page.shell.answer(StatusCode::OK, &page)
}
