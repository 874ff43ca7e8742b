//! What every page has around its own content.

use actix_web::cookie::{Cookie, SameSite};
use actix_web::http::{StatusCode, header};
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;

use super::Portal;
use super::assets::{self, Assets};
use super::csrf;
use super::error::WebError;
use super::guard::Signed;
use super::pack::{self, Packed};
use super::session;
use crate::domain::access::Permission;

/// One entry of the main navigation.
pub struct NavItem {
    /// Where it leads.
    pub href: &'static str,
    /// Its words.
    pub label: &'static str,
    /// The symbol in the sprite.
    pub icon: &'static str,
    /// Whether the page belongs to it.
    pub current: bool,
}

/// One line that says what has just been done.
#[derive(Clone, Debug)]
pub struct Flash {
    /// `ok`, `warn`, `bad` or `info`.
    pub tone: &'static str,
    /// The words.
    pub text: String,
}

/// Around a page of the portal.
pub struct Shell {
    /// The page's title, without the product's name.
    pub title: String,
    /// The entries she may use.
    pub nav: Vec<NavItem>,
    /// Her name.
    pub person_name: String,
    /// Her roles, in words.
    pub person_note: String,
    /// The token of the page's forms.
    pub csrf: String,
    /// What has just been done.
    pub flash: Option<Flash>,
    /// `light`, `dark` or nothing.
    pub theme: String,
    /// `comfortable` or nothing.
    pub density: String,
    /// Whether single-key shortcuts are on (WCAG 2.1.4).
    pub shortcuts: bool,
    /// Whether this is the demo.
    pub demo: bool,
    /// Where style, script and icons are.
    pub assets: &'static Assets,
    /// The id of the request.
    pub request_id: String,
    /// The organisation's name.
    pub organisation: String,
    /// Path and query.
    pub path: String,
    /// After how many seconds without use she is warned that the session ends.
    pub idle: i64,
    /// Whether the browser takes gzip.
    gzip: bool,
    /// Whether the flash came from a cookie that is to be cleared.
    clear_flash: bool,
}

const NAV: &[(&str, &str, &str, Option<Permission>)] = &[
    ("/", "Overview", "overview", None),
    ("/regions", "Regions", "regions", Some(Permission::RegionsRead)),
    ("/budgets", "Budgets", "budgets", Some(Permission::BudgetsRead)),
    ("/approvals", "Approvals", "approvals", Some(Permission::BudgetsRead)),
    ("/transactions", "Transactions", "transactions", Some(Permission::TransactionsRead)),
    ("/imports", "Imports", "imports", Some(Permission::ImportsRun)),
    ("/exports", "Exports", "exports", Some(Permission::ExportsCreate)),
    ("/audit", "Audit", "audit", Some(Permission::AuditRead)),
    ("/evidence", "Evidence", "check", Some(Permission::AuditRead)),
    ("/people", "People", "people", Some(Permission::PeopleRead)),
    ("/settings", "Settings", "settings", None),
];

fn below(path: &str, href: &str) -> bool {
    path.strip_prefix(href).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

const FLASH_COOKIE: &str = "__Host-counterfoil-flash";

impl Shell {
    /// For a page of this title, asked for by `who`.
    pub fn new(req: &HttpRequest, portal: &Portal, who: &Signed, title: impl Into<String>) -> Self {
        let path = req.path();
        let here = |href: &str| if href == "/" { path == "/" } else { below(path, href) || (href == "/people" && below(path, "/roles")) };
        let nav = NAV
            .iter()
            .filter(|(_, _, _, needs)| needs.is_none_or(|permission| who.access.has(permission)))
            .map(|(href, label, icon, _)| NavItem { href, label, icon, current: here(href) })
            .collect();
        let roles = who.access.labels();
        let flash = flash_of(req, portal);
        Self {
            title: title.into(),
            nav,
            person_name: who.person.name.clone(),
            person_note: if roles.is_empty() { "No role yet".to_owned() } else { roles.join(", ") },
            csrf: who.csrf.clone(),
            clear_flash: flash.is_some(),
            flash,
            theme: who.person.theme.clone(),
            density: who.person.density.clone(),
            shortcuts: who.person.shortcuts == 1,
            demo: portal.demo,
            assets: assets::assets(),
            request_id: csrf::request_id(req),
            organisation: portal.organisation(),
            path: who.address.clone(),
            idle: session::warn_after(portal.lives),
            gzip: pack::takes_gzip(req),
        }
    }

    /// The title of a page that shows what is wrong with a form begins with "Error", so that it is heard first.
    #[must_use]
    pub fn with_errors(mut self, any: bool) -> Self {
        if any {
            self.title = format!("Error: {}", self.title);
        }
        self
    }

    /// The page, as an answer.
    pub fn answer(&self, status: StatusCode, template: &impl Template) -> Result<HttpResponse, WebError> {
        self.answer_with(status, template, &[])
    }

    /// The same of a page that holds pieces which are packed already.
    pub fn answer_with(&self, status: StatusCode, template: &impl Template, pieces: &[&Packed]) -> Result<HttpResponse, WebError> {
        let mut response = HttpResponse::build(status);
        if self.clear_flash {
            response.cookie(flash_cookie(String::new(), true));
        }
        response.content_type("text/html; charset=utf-8");
        let page = template.render()?;
        if !self.gzip {
            return Ok(response.body(page));
        }
        let packed = pack::gzip(&page, pieces).map_err(|error| WebError::Ours(error.to_string()))?;
        response.insert_header((header::CONTENT_ENCODING, "gzip")).insert_header((header::VARY, "accept-encoding"));
        Ok(response.body(packed))
    }
}

fn flash_cookie(value: String, over: bool) -> Cookie<'static> {
    let cookie = Cookie::build(FLASH_COOKIE, value).path("/").secure(true).http_only(true).same_site(SameSite::Strict);
    let lives = if over { 0 } else { 60 };
    cookie.max_age(actix_web::cookie::time::Duration::seconds(lives)).finish()
}

fn flash_of(req: &HttpRequest, portal: &Portal) -> Option<Flash> {
    // A page that the browser fetches ahead of a click must not use the words up.
    if req.headers().contains_key("sec-purpose") {
        return None;
    }
    let sealed = req.cookie(FLASH_COOKIE)?;
    let value = csrf::unseal(&portal.key, "flash", sealed.value())?;
    let (tone, text) = value.split_once(' ')?;
    let tone = ["ok", "warn", "bad", "info"].into_iter().find(|known| *known == tone)?;
    Some(Flash { tone, text: text.to_owned() })
}

/// Redirects to a page of ours (303), with one line for it to show.
pub fn see_other(portal: &Portal, to: &str, flash: Option<(&'static str, String)>) -> HttpResponse {
    let mut response = HttpResponse::SeeOther();
    response.insert_header((header::LOCATION, to.to_owned()));
    if let Some((tone, text)) = flash {
        response.cookie(flash_cookie(csrf::seal(&portal.key, "flash", &format!("{tone} {text}")), false));
    }
    response.finish()
}

/// Around a page outside the portal: signing in, setting up, errors.
pub struct Plain {
    /// The page's title.
    pub title: String,
    /// The token of the page's forms.
    pub csrf: String,
    /// What has just been done.
    pub flash: Option<Flash>,
    /// Always as the device says.
    pub theme: &'static str,
    /// Whether this is the demo.
    pub demo: bool,
    /// Where style, script and icons are.
    pub assets: &'static Assets,
    /// The id of the request.
    pub request_id: String,
}

impl Plain {
    /// For a page without forms.
    pub fn bare(portal: &Portal, request_id: &str, title: &str) -> Self {
        Self {
            title: title.to_owned(),
            csrf: String::new(),
            flash: None,
            theme: "",
            demo: portal.demo,
            assets: assets::assets(),
            request_id: request_id.to_owned(),
        }
    }

    /// For a page of this title, and the cookie that its forms' token needs, to be set when there is one.
    pub fn new(req: &HttpRequest, portal: &Portal, title: &str) -> (Self, Option<Cookie<'static>>) {
        let (nonce, cookie) = csrf::anonymous_nonce(req, portal);
        let plain = Self { csrf: csrf::token(&portal.key, &nonce), ..Self::bare(portal, &csrf::request_id(req), title) };
        (plain, cookie)
    }
}

/// The answer of a plain page.
pub fn plain_answer(status: StatusCode, cookie: Option<Cookie<'static>>, template: &impl Template) -> Result<HttpResponse, WebError> {
    let mut response = HttpResponse::build(status);
    if let Some(cookie) = cookie {
        response.cookie(cookie);
    }
    Ok(response.content_type("text/html; charset=utf-8").body(template.render()?))
}
