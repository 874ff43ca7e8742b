//! Requests that another site made are refused: by Fetch Metadata and Origin first, by a token in each form as well.
//!
//! The token is an HMAC over the session's own nonce. Before anyone has signed in it is one over a random cookie.

use actix_session::SessionExt;
use actix_web::cookie::{Cookie, SameSite};
use actix_web::http::header;
use actix_web::{HttpMessage, HttpRequest, web};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use subtle::ConstantTimeEq;

use super::error::WebError;
use super::{Portal, guard, refused, session};
use crate::domain::access::{Actor, Proved, Who};
use crate::domain::id::UserId;
use crate::domain::text::hex;

/// The cookie behind the tokens of forms that are filled in before signing in.
pub const FORM_COOKIE: &str = "__Host-counterfoil-form";
/// The nonce's name in the session.
pub const NONCE: &str = "nonce";

/// Whether the browser says that the request comes from our own pages. A browser that sends no Fetch Metadata is judged by Origin; one that sends
/// neither is refused.
pub fn same_origin(req: &HttpRequest) -> bool {
    let text = |name: &str| req.headers().get(name).and_then(|value| value.to_str().ok());
    if let Some(site) = text("sec-fetch-site") {
        return site == "same-origin";
    }
    let Some(origin) = text("origin") else { return false };
    let host = text(header::HOST.as_str()).unwrap_or_default();
    origin.split_once("://").is_some_and(|(_, origin_host)| !host.is_empty() && origin_host.eq_ignore_ascii_case(host))
}

fn sign(key: &[u8], what: &str, nonce: &str) -> Option<Vec<u8>> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).ok()?;
    mac.update(what.as_bytes());
    mac.update(&[0]);
    mac.update(nonce.as_bytes());
    Some(mac.finalize().into_bytes().to_vec())
}

/// The token for a nonce.
pub fn token(key: &[u8], nonce: &str) -> String {
    sign(key, "form", nonce).map(|mac| hex(&mac)).unwrap_or_default()
}

/// A value with its signature, for cookies that carry words of ours.
pub fn seal(key: &[u8], what: &str, value: &str) -> String {
    let mac = sign(key, what, value).map(|mac| hex(&mac)).unwrap_or_default();
    format!("{mac}.{}", super::form::encoded(value))
}

/// The value of [`seal`], when the signature is ours.
pub fn unseal(key: &[u8], what: &str, sealed: &str) -> Option<String> {
    let (mac, value) = sealed.split_once('.')?;
    let value = percent_encoding::percent_decode_str(value).decode_utf8().ok()?.into_owned();
    let right = hex(&sign(key, what, &value)?);
    bool::from(right.as_bytes().ct_eq(mac.as_bytes())).then_some(value)
}

/// The nonce behind the forms of a page that is shown before signing in, and the cookie to set when there was none.
pub fn anonymous_nonce(req: &HttpRequest, portal: &Portal) -> (String, Option<Cookie<'static>>) {
    if let Some(cookie) = req.cookie(FORM_COOKIE) {
        return (cookie.value().to_owned(), None);
    }
    let nonce = portal.store.random.token(16);
    let cookie = Cookie::build(FORM_COOKIE, nonce.clone()).path("/").secure(true).http_only(true).same_site(SameSite::Strict).finish();
    (nonce, Some(cookie))
}

/// That a form is forged, or too old; whoever is signed in is noted as the one who sent it.
pub fn forged(req: &HttpRequest) -> WebError {
    if let Ok(Some(person)) = req.get_session().get::<UserId>(session::PERSON) {
        refused::asks(
            req,
            Actor { who: Who::Person(person), request_id: request_id(req), peer: guard::peer(req), proved: Proved::Elsewhere },
        );
    }
    WebError::Forged
}

/// Refuses a form whose token is not the one this session's pages carry.
pub async fn check(req: &HttpRequest, given: &str) -> Result<(), WebError> {
    let portal = req.app_data::<web::Data<Portal>>().ok_or(WebError::Ours("no portal in the application".to_owned()))?;
    if !same_origin(req) {
        return Err(forged(req));
    }
    let nonce = match req.get_session().get::<String>(NONCE) {
        Ok(Some(nonce)) => nonce,
        _ => req.cookie(FORM_COOKIE).map(|cookie| cookie.value().to_owned()).unwrap_or_default(),
    };
    let right = token(&portal.key, &nonce);
    if nonce.is_empty() || !bool::from(right.as_bytes().ct_eq(given.as_bytes())) {
        return Err(forged(req));
    }
    Ok(())
}

/// The id of the request, as the middleware noted it.
pub fn request_id(req: &HttpRequest) -> String {
    req.extensions().get::<super::frame::RequestId>().map(|id| id.0.clone()).unwrap_or_default()
}
