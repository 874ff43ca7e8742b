//! What a person sees when something does not go: one page, in words, with a request id, and never the cause.

use std::fmt;
use std::io::ErrorKind;

use actix_web::body::BoxBody;
use actix_web::http::{StatusCode, header};
use actix_web::{HttpResponse, ResponseError};

use crate::domain::refusal::{Kind, Refusal};
use crate::store::failure::{DbError, Failure};

/// Why a request is answered by an error page.
#[derive(Debug)]
pub enum WebError {
    /// Nobody is signed in: the person is sent to sign in, and back to where she was.
    SignIn {
        /// Path and query to come back to; empty after a form was sent.
        next: String,
    },
    /// Her role requires a second factor and she has none: she is sent to set it up, and back.
    SecondFactor {
        /// As with [`WebError::SignIn`].
        next: String,
    },
    /// A business "no" that has no form to stand in.
    Refused(Refusal),
    /// The form's token is missing or not ours, or the request came from another site.
    Forged,
    /// The request cannot be read.
    Malformed(&'static str),
    /// The body is of a kind that is not read here.
    Unsupported,
    /// There is something at this address, and it is not asked in this way.
    NotAllowed,
    /// The body is larger than allowed.
    TooLarge,
    /// The body took too long to come.
    TooSlow,
    /// Too much at once: come back in a moment.
    Busy,
    /// The database is away.
    Away,
    /// The disk is full.
    Full,
    /// A fault of ours. It is logged; the person gets the request id.
    Ours(String),
}

impl From<Failure> for WebError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Refused(refusal) => Self::Refused(refusal),
            Failure::Queue => Self::Busy,
            Failure::Db(error) => error.into(),
            Failure::Setup(text) => Self::Ours(text),
            Failure::Io(error) if matches!(error.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge) => {
                Self::Full
            }
            Failure::Io(error) => Self::Ours(error.to_string()),
        }
    }
}

impl From<DbError> for WebError {
    fn from(error: DbError) -> Self {
        match error {
            DbError::Gone => Self::Away,
            DbError::Busy | DbError::TooSlow => Self::Busy,
            DbError::Full => Self::Full,
            DbError::Constraint(text) | DbError::Broken(text) => Self::Ours(text),
        }
    }
}

impl From<Refusal> for WebError {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<askama::Error> for WebError {
    fn from(error: askama::Error) -> Self {
        Self::Ours(format!("a page could not be made: {error}"))
    }
}

impl fmt::Display for WebError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(refusal) => write!(f, "{}", refusal.code()),
            Self::Ours(cause) => f.write_str(cause),
            other => write!(f, "{other:?}"),
        }
    }
}

/// The words of an error page, left in the response for the middleware that knows the request.
#[derive(Clone, Debug)]
pub struct Problem {
    /// The heading.
    pub title: String,
    /// What happened, and what to do.
    pub text: String,
}

impl Problem {
    /// The words for a status that some extractor or the router answered with.
    pub fn of(status: StatusCode) -> Self {
        let (title, text) = match status.as_u16() {
            404 => ("Page not found", "There is nothing here, or it is not yours to see. Check the address, or start from the overview."),
            405 => (
                "This cannot be done here",
                "The address is right, the way it was asked is not. Go back and use the page\u{2019}s own buttons.",
            ),
            408 => ("The request took too long", "The connection was too slow to send it all. Try again."),
            413 => ("Too large", "What was sent is larger than the portal takes."),
            415 => ("Wrong kind of content", "The portal cannot read what was sent in this form."),
            400..=499 => ("The request cannot be read", "Something in the address or the form has the wrong form. Go back and try again."),
            _ => (
                "Something went wrong on our side",
                "It has been noted. Try again; if it stays, tell your administrator the request id below.",
            ),
        };
        Self { title: title.to_owned(), text: text.to_owned() }
    }
}

impl ResponseError for WebError {
    fn status_code(&self) -> StatusCode {
        match self {
            Self::SignIn { .. } | Self::SecondFactor { .. } => StatusCode::SEE_OTHER,
            Self::Refused(refusal) => status_of(refusal),
            Self::Forged => StatusCode::FORBIDDEN,
            Self::Malformed(_) => StatusCode::BAD_REQUEST,
            Self::Unsupported => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::NotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::TooSlow => StatusCode::REQUEST_TIMEOUT,
            Self::Busy | Self::Away => StatusCode::SERVICE_UNAVAILABLE,
            Self::Full => StatusCode::INSUFFICIENT_STORAGE,
            Self::Ours(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    fn error_response(&self) -> HttpResponse<BoxBody> {
        let status = self.status_code();
        let mut response = HttpResponse::build(status);
        let words = |title: &str, text: &str| Problem { title: title.to_owned(), text: text.to_owned() };
        let problem = match self {
            Self::SignIn { next } | Self::SecondFactor { next } => {
                let place = if matches!(self, Self::SignIn { .. }) { "/sign-in" } else { "/sign-in/second-factor" };
                let target = if next.is_empty() { place.to_owned() } else { format!("{place}?next={}", super::form::encoded(next)) };
                return response.insert_header((header::LOCATION, target)).finish();
            }
            Self::Refused(Refusal::NotFound) => Problem::of(StatusCode::NOT_FOUND),
            Self::Refused(refusal @ (Refusal::Forbidden(_) | Refusal::OwnRequest | Refusal::OwnRole)) => {
                words("Not allowed", &format!("{refusal}."))
            }
            Self::Refused(refusal) => words("This cannot be done", &format!("{refusal}.")),
            Self::Forged => words(
                "The form is too old",
                "It was made before you signed in, or by another site. Nothing was changed. Open the page again and repeat.",
            ),
            Self::Busy => words("The portal is busy", "Nothing was changed. Try again in a few seconds."),
            Self::Away => words(
                "The portal cannot reach its database",
                "Try again in a moment: what you sent may or may not have been done, and the same form sent again is done once only.",
            ),
            Self::Full => words("The disk is full", "Nothing was changed. Reading works on; tell your administrator."),
            Self::Malformed(text) => words("The request cannot be read", text),
            Self::Unsupported | Self::NotAllowed | Self::TooLarge | Self::TooSlow => Problem::of(status),
            Self::Ours(cause) => {
                tracing::error!(cause = %cause, "a request failed");
                Problem::of(status)
            }
        };
        if matches!(self, Self::Busy | Self::Away) {
            response.insert_header((header::RETRY_AFTER, "2"));
        }
        let mut response = response.finish();
        response.extensions_mut().insert(problem);
        response
    }
}

/// The status a refusal is answered with.
pub fn status_of(refusal: &Refusal) -> StatusCode {
    match refusal.kind() {
        Kind::Invalid => StatusCode::UNPROCESSABLE_ENTITY,
        Kind::Conflict => StatusCode::CONFLICT,
        Kind::Missing => StatusCode::NOT_FOUND,
        Kind::Forbidden => StatusCode::FORBIDDEN,
        Kind::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        Kind::TooMany => StatusCode::TOO_MANY_REQUESTS,
        Kind::Again => StatusCode::UNAUTHORIZED,
    }
}
