//! What happens around every request: its id, its log line, its headers, and the page for what went wrong.

use std::time::Instant as Stopwatch;

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{self, HeaderName, HeaderValue};
use actix_web::middleware::Next;
use actix_web::{Error, HttpMessage, web};
use askama::Template;

use super::error::Problem;
use super::page::Plain;
use super::{Portal, csrf};
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
    let began = Stopwatch::now();
    let portal = req.app_data::<web::Data<Portal>>().cloned();
    let request_id = portal.as_ref().map(|portal| id::encode(u128::from_be_bytes(portal.store.random.bytes()))).unwrap_or_default();
    req.extensions_mut().insert(RequestId(request_id.clone()));
    let (method, path) = (req.method().clone(), req.match_pattern().unwrap_or_else(|| "unmatched".to_owned()));
    let http = req.request().clone();
    let mut response = match next.call(req).await {
        Ok(response) => response.map_into_boxed_body(),
        Err(error) => ServiceResponse::new(http.clone(), error.error_response().map_into_boxed_body()),
    };
    let status = response.status();
    if let (true, Some(portal)) = (status.is_client_error() || status.is_server_error(), &portal) {
        response = with_page(response, portal);
    }
    let headers = response.headers_mut();
    for (name, value) in HEADERS {
        if let (Ok(name), value) = (HeaderName::try_from(*name), HeaderValue::from_static(value))
            && !headers.contains_key(&name)
        {
            headers.insert(name, value);
        }
    }
    if !headers.contains_key(header::CACHE_CONTROL) {
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    if let Ok(value) = HeaderValue::from_str(&request_id) {
        headers.insert(HeaderName::from_static("x-request-id"), value);
    }
    let seconds = began.elapsed().as_secs_f64();
    if let Some(portal) = &portal {
        portal.store.metrics.http_request(&path, method.as_str(), status.as_u16(), seconds);
    }
    // The pattern, not the address: a query may hold somebody's name.
    tracing::info!(request = %request_id, method = %method, route = %path, status = status.as_u16(), ms = seconds * 1e3, "request");
    Ok(response)
}

/// The same response, its body the error page in words. A body that a handler made itself (a form with what is wrong in it) stays.
fn with_page(response: ServiceResponse<BoxBody>, portal: &Portal) -> ServiceResponse<BoxBody> {
    let made_by_handler = response.headers().get(header::CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(b"text/html"));
    if made_by_handler {
        return response;
    }
    let status = response.status();
    let problem = response.response().extensions().get::<Problem>().cloned().unwrap_or_else(|| Problem::of(status));
    let (plain, _) = Plain::new(response.request(), portal, &problem.title);
    let request_id = csrf::request_id(response.request());
    let body = ProblemPage { plain, problem, status: status.as_u16() }.render().unwrap_or_else(|_| format!("Error {status}. {request_id}"));
    let (request, old) = response.into_parts();
    let mut answer = actix_web::HttpResponse::build(status);
    if let Some(retry) = old.headers().get(header::RETRY_AFTER) {
        answer.insert_header((header::RETRY_AFTER, retry.clone()));
    }
    if let Some(allow) = old.headers().get(header::ALLOW) {
        answer.insert_header((header::ALLOW, allow.clone()));
    }
    ServiceResponse::new(request, answer.content_type("text/html; charset=utf-8").body(body))
}
