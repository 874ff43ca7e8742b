//! What can go wrong between an action and the database.

use thiserror::Error;

use crate::domain::refusal::Refusal;

/// The database said no. The kinds are those that are answered differently.
#[derive(Debug, Error)]
pub enum DbError {
    /// It cannot be reached, or went away: 503.
    #[error("the database cannot be reached")]
    Gone,
    /// Everything is in use, or a lock was not to be had in time: 503 with Retry-After.
    #[error("the database is busy")]
    Busy,
    /// The disk is full: 507.
    #[error("the disk is full")]
    Full,
    /// The statement ran longer than it may: 503.
    #[error("the query took too long")]
    TooSlow,
    /// A constraint does not hold. The rules refuse before it comes to that, so it is a fault of ours.
    #[error("a constraint was broken: {0}")]
    Constraint(String),
    /// Anything else: a fault of ours, logged once, never shown.
    #[error("{0}")]
    Broken(String),
}

impl From<sqlx::Error> for DbError {
    fn from(error: sqlx::Error) -> Self {
        match error {
            sqlx::Error::PoolTimedOut => Self::Busy,
            sqlx::Error::Io(_) | sqlx::Error::PoolClosed | sqlx::Error::WorkerCrashed | sqlx::Error::Tls(_) | sqlx::Error::Protocol(_) => {
                Self::Gone
            }
            sqlx::Error::Database(cause) => {
                let code = cause.code().unwrap_or_default().into_owned();
                match code.as_str() {
                    // SQLite: SQLITE_FULL; SQLITE_BUSY and SQLITE_LOCKED; I/O errors and a file that is not there.
                    "13" => Self::Full,
                    "5" | "6" | "261" | "517" => Self::Busy,
                    "10" | "14" | "266" | "522" | "778" | "1034" => Self::Gone,
                    // PostgreSQL: disk full; lock and serialisation; admin shutdown and connection trouble; statement time-out.
                    "53100" => Self::Full,
                    "55P03" | "40001" | "40P01" | "53300" => Self::Busy,
                    "57P01" | "57P02" | "57P03" | "08006" | "08003" | "08000" => Self::Gone,
                    "57014" => Self::TooSlow,
                    _ if cause.is_unique_violation() || cause.is_check_violation() || cause.is_foreign_key_violation() => {
                        Self::Constraint(cause.message().to_owned())
                    }
                    _ => Self::Broken(format!("{code}: {}", cause.message())),
                }
            }
            other => Self::Broken(other.to_string()),
        }
    }
}

/// Why an action has no answer.
#[derive(Debug, Error)]
pub enum Failure {
    /// A business "no".
    #[error("{0}")]
    Refused(#[from] Refusal),
    /// The database said no.
    #[error("{0}")]
    Db(#[from] DbError),
    /// Too much is waiting to be written: 503 with Retry-After.
    #[error("the portal is busy")]
    Queue,
    /// The database does not fit this program, or cannot be opened: said at start.
    #[error("{0}")]
    Setup(String),
    /// A file or device outside the database failed.
    #[error("{0}")]
    Io(#[from] std::io::Error),
}

impl From<sqlx::Error> for Failure {
    fn from(error: sqlx::Error) -> Self {
        Self::Db(error.into())
    }
}
