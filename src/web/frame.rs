//! What happens around every request: its id, its log line, its headers, and the page for what went wrong.

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::error::InternalError;
use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use actix_web::middleware::Next;
use actix_web::{Error, HttpMessage, HttpResponse, ResponseError, web};
use askama::Template;

use super::Portal;
use super::error::{Problem, WebError};
use super::page::Plain;
use crate::domain::id;

/// The id of a request: in the logs, in the audit trail, on the error page.
#[derive(Clone, Debug)]
pub struct RequestId(pub String);

/// Nothing inline, nothing from elsewhere.
const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; connect-src 'self'; form-action 'self'; \
                      base-uri 'none'; frame-ancestors 'none'; object-src 'none'";

const HEADERS: &[(&str, &str)] = &[
    ("content-security-policy", POLICY),
    ("x-content-type-options", "nosniff"),
    ("referrer-policy", "same-origin"),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
    ("strict-transport-security", "max-age=63072000; includeSubDomains"),
    ("permissions-policy", "camera=(), geolocation=(), microphone=(), payment=(), usb=()"),
];

#[derive(Template)]
#[template(path = "errors/problem.html")]
struct ProblemPage {
    plain: Plain,
    problem: Problem,
    status: u16,
}

/// Around every request of the portal.
pub async fn around(req: ServiceRequest, next: Next<impl MessageBody + 'static>) -> Result<ServiceResponse<BoxBody>, Error> {
    let portal = req.app_data::<web::Data<Portal>>().cloned().ok_or_else(|| WebError::Ours("no portal in the application".to_owned()))?;
    let clock = portal.store.clock.stopwatch();
    let request_id = id::encode(u128::from_be_bytes(portal.store.random.bytes()));
    req.extensions_mut().insert(RequestId(request_id.clone()));
    let (method, route) = (req.method().clone(), req.match_pattern().unwrap_or_else(|| "unmatched".to_owned()));
    let answered = match next.call(req).await {
        Ok(response) => Ok(with_page(response.map_into_boxed_body(), &portal, &request_id)),
        Err(error) => Err(lost(&error, &portal, &request_id)),
    };
    let status = match &answered {
        Ok(response) => response.status(),
        Err(response) => response.status(),
    };
    let seconds = clock.seconds();
    portal.store.metrics.http_request(&route, method.as_str(), status.as_u16(), seconds);
    // The pattern, not the address: a query may hold somebody's name.
    tracing::info!(request = %request_id, method = %method, route = %route, status = status.as_u16(), ms = seconds * 1e3, "request");
    match answered {
        Ok(mut response) => {
            dress(response.headers_mut(), &request_id);
            Ok(response)
        }
        Err(mut response) => {
            dress(response.headers_mut(), &request_id);
            Err(InternalError::from_response("the request was lost on its way to the handler", response).into())
        }
    }
}

/// The headers that every answer has.
fn dress(headers: &mut HeaderMap, request_id: &str) {
    for (name, value) in HEADERS {
        let name = HeaderName::from_static(name);
        if !headers.contains_key(&name) {
            headers.insert(name, HeaderValue::from_static(value));
        }
    }
    if !headers.contains_key(header::CACHE_CONTROL) {
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    if let Ok(value) = HeaderValue::from_str(request_id) {
        headers.insert(HeaderName::from_static("x-request-id"), value);
    }
}

/// The answer when something before the handler failed, and the request went with it: in practice the session store, which has lost its database.
fn lost(error: &Error, portal: &Portal, request_id: &str) -> HttpResponse {
    let own = error.as_response_error();
    let refused = own.status_code();
    if refused.is_client_error() {
        return page(refused, Problem::of(refused), portal, request_id);
    }
    tracing::error!(request = %request_id, cause = %error, "a request was lost on its way to the handler");
    let away = WebError::Away.error_response();
    let problem = away.extensions().get::<Problem>().cloned().unwrap_or_else(|| Problem::of(away.status()));
    let mut response = page(away.status(), problem, portal, request_id);
    response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("2"));
    response
}

fn page(status: StatusCode, problem: Problem, portal: &Portal, request_id: &str) -> HttpResponse {
    let plain = Plain::bare(portal, request_id, &problem.title);
    let body = ProblemPage { plain, problem, status: status.as_u16() }.render().unwrap_or_else(|_| format!("Error {status}. {request_id}"));
    HttpResponse::build(status).content_type("text/html; charset=utf-8").body(body)
}

/// The same response, its body the error page in words. A page that a handler made itself (a form with what is wrong in it) stays.
fn with_page(response: ServiceResponse<BoxBody>, portal: &Portal, request_id: &str) -> ServiceResponse<BoxBody> {
    let status = response.status();
    let made_by_handler = response.headers().get(header::CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(b"text/html"));
    if made_by_handler || !(status.is_client_error() || status.is_server_error()) {
        return response;
    }
    let problem = response.response().extensions().get::<Problem>().cloned().unwrap_or_else(|| Problem::of(status));
    let mut answer = page(status, problem, portal, request_id);
    for name in [header::RETRY_AFTER, header::ALLOW] {
        if let Some(value) = response.headers().get(&name) {
            answer.headers_mut().insert(name, value.clone());
        }
    }
    let (request, _) = response.into_parts();
    ServiceResponse::new(request, answer)
}
