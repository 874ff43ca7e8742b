//! Tells the trail of what was refused: to somebody signed in, whatever page the refusal came back on.

use actix_web::body::BoxBody;
use actix_web::dev::ServiceResponse;
use actix_web::http::StatusCode;
use actix_web::{HttpMessage, HttpRequest};

use super::error::WebError;
use crate::actions::refused_tries::{Try, ids_in};
use crate::domain::access::{Actor, Permission};
use crate::domain::refusal::Refusal;

/// Who asks, left with the request once she is known.
#[derive(Clone)]
struct Asker(Actor);

/// Notes who asks.
pub fn asks(req: &HttpRequest, actor: Actor) {
    req.extensions_mut().insert(Asker(actor));
}

/// The ids in a form, left with the request.
struct FormIds(Vec<String>);

/// Notes what a form asks for.
pub fn form_asks(req: &HttpRequest, fields: &str) {
    req.extensions_mut().insert(FormIds(ids_in(fields)));
}

/// The try behind an answer, where it is one that was refused: forbidden, forged, or said not to be there.
pub fn of(response: &ServiceResponse<BoxBody>) -> Option<Try> {
    let (req, status) = (response.request(), response.status());
    let route = req.match_pattern().filter(|_| matches!(status, StatusCode::FORBIDDEN | StatusCode::NOT_FOUND))?;
    let actor = req.extensions().get::<Asker>()?.0.clone();
    let error = response.response().error().and_then(|error| error.as_error::<WebError>());
    let (refusal, permission) = match (error, status) {
        (Some(WebError::Forged), _) => ("forged", None),
        (Some(WebError::Refused(refusal)), _) => (refusal.code(), missing(refusal)),
        (_, StatusCode::NOT_FOUND) => (Refusal::NotFound.code(), None),
        // A page of its own that says no.
        _ => ("forbidden", None),
    };
    let query = req.query_string();
    let mut ids = ids_in(req.path());
    let posted = req.extensions().get::<FormIds>().map(|posted| posted.0.clone()).unwrap_or_default();
    for id in ids_in(query).into_iter().chain(posted) {
        if !ids.contains(&id) {
            ids.push(id);
        }
    }
    Some(Try { actor, method: req.method().to_string(), route, path: req.path().to_owned(), ids, refusal, permission })
}

fn missing(refusal: &Refusal) -> Option<Permission> {
    match refusal {
        Refusal::Forbidden(permission) => Some(*permission),
        _ => None,
    }
}
