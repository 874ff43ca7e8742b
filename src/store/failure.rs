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
                if let Some(known) = Self::of_sqlite(&code).or_else(|| Self::of_postgres(&code)) {
                    return known;
                }
                if cause.is_unique_violation() || cause.is_check_violation() || cause.is_foreign_key_violation() {
                    return Self::Constraint(cause.message().to_owned());
                }
                Self::Broken(format!("{code}: {}", cause.message()))
            }
            other => Self::Broken(other.to_string()),
        }
    }
}

impl DbError {
    /// From an extended result code (sqlite.org/rescode.html), whose lowest byte is the code it belongs to. They have four digits at most.
    fn of_sqlite(code: &str) -> Option<Self> {
        let number = code.parse::<u32>().ok().filter(|_| code.len() < 5)?;
        Some(match (number, number & 0xff) {
            (_, 13) => Self::Full,
            // A quota or a limit of file sizes is told as a write that failed, and shared memory that cannot grow as a size. Nothing of such
            // a transaction is kept.
            (778 | 4874, _) => Self::Full,
            (_, 5 | 6) => Self::Busy,
            // Reading, syncing, opening; and a file that was moved away under the program.
            (_, 10 | 14) | (1032, _) => Self::Gone,
            _ => return None,
        })
    }

    /// From a SQLSTATE (PostgreSQL manual, appendix A).
    fn of_postgres(code: &str) -> Option<Self> {
        Some(match code {
            "53100" => Self::Full,
            // A lock that was not to be had, a transaction that lost against another one, no connection or memory left.
            "55P03" | "40001" | "40P01" | "53300" | "53200" => Self::Busy,
            // Shut down, crashed, starting, dropped; idle for too long; connections that break; and a server that lets nobody into this
            // database, or no longer knows it or this user.
            "57P01" | "57P02" | "57P03" | "57P04" | "57P05" | "25P03" | "55000" | "3D000" | "28000" | "28P01" => Self::Gone,
            "57014" => Self::TooSlow,
            _ if code.len() == 5 && code.starts_with("08") => Self::Gone,
            _ => return None,
        })
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

#[cfg(test)]
mod tests {
    use sqlx::{Connection, Executor, SqliteConnection};

    use super::*;

    #[test]
    fn codes_of_both_engines_are_told_apart() {
        let kind = |code: &str| DbError::of_sqlite(code).or_else(|| DbError::of_postgres(code)).map(|error| error.to_string());
        let full = Some("the disk is full".to_owned());
        for code in ["13", "778", "4874", "53100"] {
            assert_eq!(kind(code), full, "{code}");
        }
        for code in ["10", "14", "266", "522", "1034", "1032", "57P01", "08006", "08P01", "55000"] {
            assert_eq!(kind(code), Some("the database cannot be reached".to_owned()), "{code}");
        }
        for code in ["5", "6", "261", "517", "53300", "40001"] {
            assert_eq!(kind(code), Some("the database is busy".to_owned()), "{code}");
        }
        for code in ["", "1", "11", "19", "2067", "23505", "42601", "08", "22P05"] {
            assert_eq!(kind(code), None, "{code}");
        }
    }

    #[tokio::test]
    async fn a_database_that_may_not_grow_is_full() {
        let mut db = SqliteConnection::connect("sqlite::memory:").await.unwrap();
        db.execute("PRAGMA max_page_count = 3; CREATE TABLE t (x)").await.unwrap();
        let error = db.execute("INSERT INTO t VALUES (zeroblob(100000))").await.unwrap_err();
        assert!(matches!(DbError::from(error), DbError::Full));
        let words = db.execute("INSERT INTO nowhere VALUES (1)").await.unwrap_err();
        assert!(matches!(DbError::from(words), DbError::Broken(_)));
    }
}
