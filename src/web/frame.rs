//! What happens around every request: its id, its log line, its headers, and the page for what went wrong.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

use actix_web::body::{BodySize, BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::error::InternalError;
use actix_web::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use actix_web::http::{Method, StatusCode};
use actix_web::middleware::Next;
use actix_web::{Error, HttpMessage, HttpRequest, HttpResponse, ResponseError, web};
use askama::Template;

use super::Portal;
use super::error::{Problem, WebError};
use super::page::Plain;
use super::{body, form, refused, session};
use crate::domain::id;
use crate::domain::refusal::Refusal;
use crate::store::failure::{DbError, Failure};

/// The id of a request: in the logs, in the audit trail, on the error page.
#[derive(Clone, Debug)]
pub struct RequestId(pub String);

/// Nothing inline, nothing from elsewhere, and of our own files only the script that this very page names: it carries the request's id, which is of
/// 128 random bits and known to nobody before the answer.
fn policy(request_id: &str) -> String {
    format!(
        "default-src 'none'; style-src 'self'; script-src 'nonce-{request_id}'; img-src 'self' data:; connect-src 'self'; form-action 'self'; \
         base-uri 'none'; frame-ancestors 'none'; object-src 'none'"
    )
}

const HEADERS: &[(&str, &str)] = &[
    ("x-content-type-options", "nosniff"),
    // What `frame-ancestors` says, for browsers and scanners that look for the older word.
    ("x-frame-options", "DENY"),
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

/// A request that is being answered. It counts until the last byte of its answer was handed over.
struct Running(Arc<AtomicUsize>);

impl Running {
    fn begin(count: &Arc<AtomicUsize>) -> Self {
        count.fetch_add(1, Ordering::AcqRel);
        Self(Arc::clone(count))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

/// A body with its request's [`Running`].
struct Counted(BoxBody, Running);

impl MessageBody for Counted {
    type Error = Box<dyn std::error::Error>;

    fn size(&self) -> BodySize {
        self.0.size()
    }

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<web::Bytes, Self::Error>>> {
        Pin::new(&mut self.0).poll_next(cx)
    }

    fn try_into_bytes(self) -> Result<web::Bytes, Self> {
        let Self(body, running) = self;
        body.try_into_bytes().map_err(|body| Self(body, running))
    }
}

/// The answer where no route fits: the address is unknown, or it is asked in a way it does not take.
pub async fn nothing_here(req: HttpRequest) -> Result<HttpResponse, WebError> {
    Err(if req.match_pattern().is_some() { WebError::NotAllowed } else { Refusal::NotFound.into() })
}

/// Around every request of the portal.
pub async fn around(mut req: ServiceRequest, next: Next<impl MessageBody + 'static>) -> Result<ServiceResponse<BoxBody>, Error> {
    let portal = req.app_data::<web::Data<Portal>>().cloned().ok_or_else(|| WebError::Ours("no portal in the application".to_owned()))?;
    let clock = portal.store.clock.stopwatch();
    let request_id = id::encode(u128::from_be_bytes(portal.store.random.bytes()));
    req.extensions_mut().insert(RequestId(request_id.clone()));
    let (method, route) = (req.method().clone(), req.match_pattern().unwrap_or_else(|| "unmatched".to_owned()));
    let running = Running::begin(&portal.running);
    let body = req.take_payload();
    req.set_payload(body::paced(body, portal.body_still));
    if method == Method::HEAD {
        // Answered like GET; the server leaves the body out.
        req.head_mut().method = Method::GET;
    }
    let nul = form::holds_nul(req.uri().path()) || req.uri().query().is_some_and(form::holds_nul);
    let called = if nul {
        Ok(req.into_response(form::NUL.error_response()).map_into_boxed_body())
    } else {
        let unseen = session::unseen(req.path(), req.headers().contains_key("sec-purpose"));
        session::UNSEEN.scope(unseen, next.call(req)).await.map(ServiceResponse::map_into_boxed_body)
    };
    let refused = called.as_ref().ok().and_then(refused::of);
    let answered = match called {
        Ok(response) => {
            let response = with_page(response, &portal, &request_id);
            Ok(response.map_body(|_, body| BoxBody::new(Counted(body, running))))
        }
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
    if let Some(asked) = refused {
        portal.tries.record(&portal.store, asked).await;
    }
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
    if !headers.contains_key(header::CONTENT_SECURITY_POLICY)
        && let Ok(value) = HeaderValue::from_str(&policy(request_id))
    {
        headers.insert(header::CONTENT_SECURITY_POLICY, value);
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
    let why = lost_for(&format!("{error:#}")).error_response();
    let problem = why.extensions().get::<Problem>().cloned().unwrap_or_else(|| Problem::of(why.status()));
    let mut response = page(why.status(), problem, portal, request_id);
    if let Some(later) = why.headers().get(header::RETRY_AFTER) {
        response.headers_mut().insert(header::RETRY_AFTER, later.clone());
    }
    response
}

/// What is told of a lost request. What the session store said is wrapped on its way here, so its words are all that is left of it.
fn lost_for(chain: &str) -> WebError {
    let said = |error: DbError| chain.ends_with(&error.to_string());
    if said(DbError::Full) {
        WebError::Full
    } else if said(DbError::Busy) || said(DbError::TooSlow) || chain.ends_with(&Failure::Queue.to_string()) {
        WebError::Busy
    } else {
        WebError::Away
    }
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
    if let Some(allowed) = answer.headers().get(header::ALLOW).and_then(|value| value.to_str().ok())
        && let Ok(value) = HeaderValue::from_str(&allowed.replace("GET", "GET, HEAD"))
    {
        // HEAD is answered wherever GET is, and no route knows of it.
        answer.headers_mut().insert(header::ALLOW, value);
    }
    let (request, _) = response.into_parts();
    ServiceResponse::new(request, answer)
}
