//! Checks of the database. None of them changes it: not even a file that is missing is made.

use super::Check;
use crate::cli::serve;
use crate::clock::Clock;
use crate::config::Config;
use crate::domain::time::Instant;
use crate::store::db::Read;
use crate::store::db_pools::Pools;
use crate::store::db_wall::{self, Standing};
use crate::store::failure::{DbError, Failure};
use crate::store::{checkpoints, db_inspect as inspect, migrate};

/// How long a small query may take on a database that is near, in milliseconds.
const NEAR: f64 = 20.0;

/// So many seconds after an event it is signed, and so many after a checkpoint it is noted outside: twice what a running portal takes at most, and
/// the hour that an anchor may be old.
const SIGNED_WITHIN: i64 = 1_200;
const ANCHORED_WITHIN: i64 = 3_600;

/// Whether the database opens, is durable, of this version, whole, and how far away it is.
pub fn database(config: &Config) -> Vec<Check> {
    if config.database.file().is_some_and(|file| !file.exists()) {
        let found = format!("{} is not there yet", config.database.shown());
        return vec![Check::warning("database", found, "`counterfoil serve` makes it, and prints a link to set it up")];
    }
    let looked = serve::block_on(async { Ok(look(config).await) });
    looked.unwrap_or_else(|error| vec![Check::bad("database", error.message, "look at the machine's limits")])
}

async fn look(config: &Config) -> Vec<Check> {
    let pools = match Pools::inspect(&config.database.url()).await {
        Ok(pools) => pools,
        Err(failure) => {
            return vec![Check::bad("database", failure.to_string(), "see that it runs, and that address, name and password are right")];
        }
    };
    let mut checks = Vec::new();
    match pools.read().await {
        Ok(mut read) => checks.extend(of_snapshot(&mut read).await),
        Err(error) => checks.push(Check::bad("database", error.to_string(), "see that it runs and takes connections")),
    }
    let status = migrate::status(&pools).await;
    if status.as_ref().is_ok_and(|steps| steps.iter().all(|step| step.applied_at.is_some()))
        && let Ok(mut read) = pools.read().await
    {
        checks.extend(of_proof(&mut read, config).await.unwrap_or_else(|error| vec![failed("audit trail", &error)]));
    }
    checks.push(of_version(status));
    pools.close().await;
    checks
}

async fn of_snapshot(read: &mut Read) -> Vec<Check> {
    let mut checks = vec![opened(read).await.unwrap_or_else(|error| failed("database", &error))];
    checks.push(latency(read).await.unwrap_or_else(|error| failed("database time", &error)));
    checks.extend(of_wall(db_wall::standing(read).await));
    checks.push(match inspect::damage(read, false).await {
        Ok(None) => Check::good("database file", "no damage found"),
        Ok(Some(damage)) => Check::bad(
            "database file",
            format!("damaged: {damage}"),
            "stop the portal, keep a copy of the file, and restore the last backup",
        ),
        Err(error) => failed("database file", &error),
    });
    checks
}

/// Whether transactions on a server work as a role that owns nothing, and whether row-level security binds them.
fn of_wall(standing: Result<Option<(Standing, String, bool)>, DbError>) -> Option<Check> {
    let (standing, user, bound) = match standing {
        Ok(found) => found?,
        Err(error) => return Some(failed("database role", &error)),
    };
    let role = db_wall::ROLE;
    let (found, hint) = match standing {
        Standing::Entered => {
            return Some(Check::good("database role", format!("{role}: it owns nothing, and sees the regions it is told")));
        }
        Standing::Closed => {
            (format!("{user} may not enter {role}"), format!("as a superuser: GRANT {role} TO {user}; then start the portal anew"))
        }
        Standing::Missing => {
            let hint = format!(
                "`counterfoil serve` makes it where it may; else as a superuser: CREATE ROLE {role} NOLOGIN; GRANT {role} TO {user}"
            );
            (format!("{role} is not there"), hint)
        }
    };
    let held =
        if bound { "regions are kept apart, the trail\u{2019}s guards are in its hand" } else { "row-level security does not bind it" };
    Some(Check::warning("database role", format!("{found}: the portal works as {user}; {held}"), hint))
}

fn failed(name: &'static str, error: &DbError) -> Check {
    Check::bad(name, error.to_string(), "see the database's own log")
}

/// What it is and how large. That it is durable was checked when it was opened; one that is not does not open.
async fn opened(read: &mut Read) -> Result<Check, DbError> {
    let (version, size) = (inspect::version(read).await?, inspect::size(read).await?);
    Ok(Check::good("database", format!("{version}, {} MiB, commits are on the disk before they are answered", size >> 20)))
}

async fn latency(read: &mut Read) -> Result<Check, DbError> {
    const TIMES: u32 = 5;
    let watch = Clock::system().stopwatch();
    for _ in 0..TIMES {
        inspect::version(read).await?;
    }
    let ms = watch.seconds() * 1e3 / f64::from(TIMES);
    let found = format!("{ms:.1} ms for a small query");
    let hint = "a page asks ten times or more: run the portal near its database";
    Ok(if ms <= NEAR { Check::good("database time", found) } else { Check::warning("database time", found, hint) })
}

/// Whether the audit trail is signed, and noted outside the database.
async fn of_proof(read: &mut Read, config: &Config) -> Result<Vec<Check>, DbError> {
    let now = Instant(Clock::system().now());
    let (newest, anchor) = (checkpoints::newest(read).await?, checkpoints::last_anchor(read).await?);
    let signed = match (config.audit_key(), newest) {
        (None, _) => {
            Check::warning("audit key", "the audit trail is not signed", "set audit_key_file, and run `counterfoil audit key new`")
        }
        (Some(file), _) if !file.exists() => {
            let found = format!("there is no key at {}", file.display());
            Check::warning(
                "audit key",
                found,
                "`counterfoil serve` makes the first one beside a SQLite file; else `counterfoil audit key new`",
            )
        }
        (Some(_), None) => Check::warning("audit key", "nothing is signed yet", "`counterfoil serve` signs within ten minutes"),
        (Some(_), Some(row)) => {
            let found = format!("signed up to event {}, {}", row.size, row.at.iso());
            match checkpoints::first_after(read, row.size).await? {
                Some(at) if at.plus_seconds(SIGNED_WITHIN) < now => {
                    let hint = "a running portal signs within ten minutes: look into its log";
                    Check::warning("audit key", format!("{found}, and nothing since {}", at.iso()), hint)
                }
                _ => Check::good("audit key", found),
            }
        }
    };
    let anchored = match anchor {
        Some((kind, size, at)) => {
            let found = format!("{kind}: up to event {size}, {}", at.iso());
            if checkpoints::after(read, size, 1).await?.first().is_some_and(|row| row.at.plus_seconds(ANCHORED_WITHIN) < now) {
                let hint = "newer checkpoints are noted nowhere outside: look into the log of the portal";
                Check::warning("audit anchor", found, hint)
            } else if config.audit_anchor_file.is_none() {
                let hint = "set audit_anchor_file as well: from a log or a mailbox alone the portal does not notice that an older database was put back";
                Check::warning("audit anchor", found, hint)
            } else {
                Check::good("audit anchor", found)
            }
        }
        None => Check::warning(
            "audit anchor",
            "not anchored: nothing outside the database knows how long the audit trail is",
            "set audit_anchor_file (on another machine\u{2019}s disk), audit_syslog or audit_mail_to",
        ),
    };
    Ok(vec![signed, anchored])
}

fn of_version(status: Result<Vec<migrate::Status>, Failure>) -> Check {
    match status {
        Err(failure) => Check::bad("schema", failure.to_string(), "use the program that the database was last used with, or a newer one"),
        Ok(steps) => match steps.iter().filter(|step| step.applied_at.is_none()).count() {
            0 => Check::good("schema", format!("{} steps, all done", steps.len())),
            waiting => {
                let found = format!("{waiting} of {} steps to come", steps.len());
                Check::warning("schema", found, "`counterfoil serve` does them; `counterfoil migrate --dry-run` tries them")
            }
        },
    }
}
