//! Forms: reading what was posted, and keeping what was typed beside what is wrong with it.

use std::time::Duration;

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpMessage, HttpRequest, web};
use futures_util::future::LocalBoxFuture;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::de::DeserializeOwned;

use super::again::Typed;
use super::error::WebError;
use super::{body, csrf, refused};
use crate::domain::refusal::Refusal;

/// The largest form; files go another way.
const FORM_MOST: usize = 256 * 1024;
/// How long a form's body may take to come.
const FORM_WITHIN: Duration = Duration::from_secs(15);

const QUERY_SAFE: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b'/');

/// Percent-encoded for a query value.
pub fn encoded(text: &str) -> String {
    utf8_percent_encode(text, QUERY_SAFE).to_string()
}

/// What is answered to a NUL: no keyboard writes one, and PostgreSQL keeps none in a text.
pub const NUL: WebError = WebError::Malformed("It holds a NUL character, which no text has. Go back and type it again.");

/// Whether a path, a query or a form holds a NUL, written out or as `%00`.
pub fn holds_nul(encoded: &str) -> bool {
    encoded.contains('\0') || encoded.contains("%00")
}

/// A posted form whose token was checked. A POST handler takes this and nothing else to read its body.
pub struct Posted<T>(pub T);

impl<T: DeserializeOwned + 'static> FromRequest for Posted<T> {
    type Error = WebError;
    type Future = LocalBoxFuture<'static, Result<Self, WebError>>;

    fn from_request(req: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let is_form = req.headers().get("content-type").and_then(|value| value.to_str().ok());
        let is_form = is_form.is_some_and(|value| value.starts_with("application/x-www-form-urlencoded"));
        let stated = req.headers().get("content-length").and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
        let body = web::Payload::from_request(req, payload);
        let req = req.clone();
        Box::pin(async move {
            if !is_form {
                return Err(WebError::Unsupported);
            }
            if stated.is_some_and(|bytes| bytes > FORM_MOST as u64) {
                // Said beforehand: nothing of it needs to be waited for.
                return Err(WebError::TooLarge);
            }
            let body = body.await.map_err(|_| WebError::Malformed("The form could not be read."))?;
            let bytes = tokio::time::timeout(FORM_WITHIN, body.to_bytes_limited(FORM_MOST))
                .await
                .map_err(|_| WebError::TooSlow)?
                .map_err(|_| WebError::TooLarge)?
                .map_err(|error| {
                    if body::was_too_slow(&error) { WebError::TooSlow } else { WebError::Malformed("The form did not come whole.") }
                })?;
            let text = std::str::from_utf8(&bytes).map_err(|_| WebError::Malformed("The form is not UTF-8."))?;
            if holds_nul(text) {
                return Err(NUL);
            }
            let (token, fields) = take_token(text);
            refused::form_asks(&req, &fields);
            csrf::check(&req, &token).await?;
            req.extensions_mut().insert(Typed(fields.clone()));
            serde_html_form::from_str(&fields).map(Self).map_err(|error| {
                tracing::debug!(%error, "a form was refused");
                WebError::Malformed("A field of the form is missing, doubled or unknown. Go back and send it again.")
            })
        })
    }
}

/// Separates the token from the fields, which keep their order and their spelling.
pub(super) fn take_token(body: &str) -> (String, String) {
    let mut token = String::new();
    let fields: Vec<&str> = body
        .split('&')
        .filter(|pair| match pair.strip_prefix("csrf=") {
            Some(value) => {
                value.clone_into(&mut token);
                false
            }
            None => true,
        })
        .collect();
    (token, fields.join("&"))
}

/// What is wrong with one field, in the words that stand both in the summary and beside the field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldError {
    /// The id of the field; empty for the form as a whole.
    pub field: String,
    /// The words.
    pub text: String,
}

/// Everything that is wrong with a form.
#[derive(Clone, Debug, Default)]
pub struct Errors(pub Vec<FieldError>);

impl Errors {
    /// Nothing wrong yet.
    pub fn none() -> Self {
        Self::default()
    }

    /// One refusal, at its field.
    pub fn of(refusal: &Refusal) -> Self {
        let mut errors = Self::none();
        errors.add(refusal.field().unwrap_or_default(), refusal.to_string());
        errors
    }

    /// Adds one.
    pub fn add(&mut self, field: &str, text: impl Into<String>) {
        self.0.push(FieldError { field: field.to_owned(), text: text.into() });
    }

    /// Keeps the value, or notes what is wrong and gives `None`: every fault of a form is found at once.
    pub fn check<T>(&mut self, field: &str, value: Result<T, impl std::fmt::Display>) -> Option<T> {
        value.map_err(|fault| self.add(field, fault.to_string())).ok()
    }

    /// In the order in which the form has its fields, which is the order of reading; what has no place among them stands last.
    #[must_use]
    pub fn in_order(mut self, fields: &[&str]) -> Self {
        self.0.sort_by_key(|error| fields.iter().position(|field| *field == error.field).unwrap_or(fields.len()));
        self
    }

    /// For a page that has no such field: its words stand in the summary and lead nowhere.
    #[must_use]
    pub fn without_field(mut self, field: &str) -> Self {
        self.0.iter_mut().filter(|error| error.field == field).for_each(|error| error.field.clear());
        self
    }

    /// Whether nothing is wrong.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The words beside a field; empty where it is right.
    pub fn at(&self, field: &str) -> &str {
        self.0.iter().find(|error| error.field == field).map_or("", |error| error.text.as_str())
    }

    /// All, for the summary.
    pub fn all(&self) -> &[FieldError] {
        &self.0
    }
}
