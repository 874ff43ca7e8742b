//! Checks of the machine: clock, disk, open files, address, certificate.

use std::io::ErrorKind;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::time::Duration;

use chrono::{DateTime, Datelike, Offset, TimeZone};
use rustls::pki_types::UnixTime;

use super::Check;
use crate::clock::Clock;
use crate::config::Config;

/// The year from which on this program can have been built; a clock before it is wrong.
const FIRST_YEAR: i32 = 2026;
const MIB: u64 = 1 << 20;

/// Whether the clock tells a likely year and runs evenly, and the rules of time zones are there.
pub fn clock(clock: &Clock) -> Vec<Check> {
    vec![year(clock.now()), pace(clock), zones()]
}

fn year(now: i64) -> Check {
    let now = DateTime::from_timestamp_micros(now).unwrap_or_default();
    let told = now.format("%Y-%m-%d %H:%M:%S UTC").to_string();
    if (FIRST_YEAR..FIRST_YEAR + 30).contains(&now.year()) {
        return Check::good("clock", told);
    }
    Check::bad("clock", format!("it says {told}"), "set the machine's clock, and let NTP keep it")
}

/// A clock that jumps while it is watched is being set by something other than a gentle NTP.
fn pace(clock: &Clock) -> Check {
    const WATCHED: Duration = Duration::from_millis(200);
    let (start, watch) = (clock.now(), clock.stopwatch());
    std::thread::sleep(WATCHED);
    let (wall, steady) = (clock.now() - start, watch.elapsed().as_micros());
    drift(wall, i64::try_from(steady).unwrap_or(i64::MAX))
}

fn drift(wall: i64, steady: i64) -> Check {
    let apart = (wall - steady).abs() / 1000;
    if apart <= 20 {
        return Check::good("clock pace", "runs evenly");
    }
    Check::warning(
        "clock pace",
        format!("jumped by {apart} ms within {} ms", steady / 1000),
        "let NTP slew the clock instead of stepping it",
    )
}

fn zones() -> Check {
    // A rule that everyone can check: London is an hour ahead in July, and not in January.
    let hours = |month| {
        let noon = chrono_tz::Europe::London.with_ymd_and_hms(2026, month, 1, 12, 0, 0).earliest();
        noon.map(|noon| noon.offset().fix().local_minus_utc() / 3600)
    };
    let version = chrono_tz::IANA_TZDB_VERSION;
    if (hours(1), hours(7)) == (Some(0), Some(1)) {
        return Check::good("time zones", format!("database {version}, built in"));
    }
    Check::bad("time zones", format!("database {version} gives wrong offsets"), "install the program again")
}

/// Room where the database grows, or where uploads wait if the database is elsewhere; and whether it can be written to.
pub fn disk(database: Option<&Path>) -> Check {
    let directory = match database.map(Path::parent) {
        Some(Some(parent)) if parent.as_os_str().is_empty() => PathBuf::from("."),
        Some(Some(parent)) => parent.to_path_buf(),
        _ => std::env::temp_dir(),
    };
    let place = directory.display();
    if let Err(error) = tempfile::tempfile_in(&directory) {
        return Check::bad("disk", format!("cannot write in {place}: {error}"), "create it, and give it to the user that runs the portal");
    }
    match fs4::available_space(&directory) {
        Ok(free) => room(free, &place.to_string()),
        Err(error) => Check::warning("disk", format!("cannot tell how much is free in {place}: {error}"), "look with df"),
    }
}

fn room(free: u64, place: &str) -> Check {
    let found = format!("{} MiB free in {place}", free / MIB);
    match free / MIB {
        0..64 => Check::bad("disk", found, "free at least 1 GiB: a full disk stops every change"),
        64..1024 => Check::warning("disk", found, "free at least 1 GiB, for imports and for the database to grow"),
        _ => Check::good("disk", found),
    }
}

/// Whether the process may open as many files as the settings allow connections.
pub fn open_files(config: &Config) -> Check {
    let needed = config.max_connections as u64 + u64::from(config.read_connections) * 3 + 64;
    let limits = std::fs::read_to_string("/proc/self/limits").unwrap_or_default();
    files(soft_limit(&limits), needed)
}

fn files(limit: Option<u64>, needed: u64) -> Check {
    match limit {
        None => Check::warning("open files", "the limit cannot be read on this system", format!("make sure that it is at least {needed}")),
        Some(limit) if limit >= needed => Check::good("open files", format!("{limit} allowed, {needed} needed")),
        Some(limit) => Check::bad(
            "open files",
            format!("{limit} allowed, {needed} needed"),
            format!("raise it (ulimit -n {needed}, or LimitNOFILE={needed} in the unit file) or lower max_connections"),
        ),
    }
}

fn soft_limit(limits: &str) -> Option<u64> {
    let word = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?.split_whitespace().next()?;
    if word == "unlimited" { Some(u64::MAX) } else { word.parse().ok() }
}

/// Whether the address can be listened on.
pub fn listen(address: SocketAddr) -> Check {
    match TcpListener::bind(address) {
        Ok(_) => Check::good("address", format!("{address} is free")),
        Err(error) if error.kind() == ErrorKind::AddrInUse => {
            let hint = "good if that is the running portal; otherwise choose another with listen";
            Check::warning("address", format!("something answers on {address} already"), hint)
        }
        Err(error) => {
            Check::bad("address", format!("cannot listen on {address}: {error}"), "choose an address of this machine and a port above 1023")
        }
    }
}

/// Whether browsers will believe the certificate, where the portal has one.
pub fn certificate(config: &Config, clock: &Clock) -> Option<Check> {
    let tls = config.tls.as_ref()?;
    let Some(url) = &config.public_url else {
        let hint = "set public_url, so that it can be compared";
        return Some(Check::warning("certificate", "nobody has said for which name it is", hint));
    };
    let authority = url.split_once("://").map_or(url.as_str(), |(_, rest)| rest);
    let host = match authority.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => authority.split(':').next().unwrap_or_default(),
    };
    let now = UnixTime::since_unix_epoch(Duration::from_micros(clock.now().unsigned_abs()));
    Some(match tls.distrust(host, now) {
        None => Check::good("certificate", format!("browsers believe it for {host}")),
        Some(why) => {
            let hint = "use one of a public authority, or of one that everybody's browser here was told to trust";
            Check::warning("certificate", format!("a browser would not believe it for {host}: {why}"), hint)
        }
    })
}

#[cfg(test)]
mod tests {
    use super::super::Verdict;
    use super::*;

    #[test]
    fn a_clock_in_the_wrong_year_is_bad_and_one_that_jumps_is_told() {
        assert_eq!(year(1_795_366_800_000_000).verdict, Verdict::Good);
        assert_eq!((year(0).verdict, year(i64::MAX).verdict), (Verdict::Bad, Verdict::Bad));
        assert_eq!((drift(200_500, 200_000).verdict, drift(-3_400_000, 200_000).verdict), (Verdict::Good, Verdict::Warning));
        assert_eq!(zones().verdict, Verdict::Good);
        assert_eq!(clock(&Clock::system()).len(), 3);
    }

    #[test]
    fn the_disk_is_looked_at_where_the_database_is() {
        let directory = tempfile::tempdir().unwrap();
        let check = disk(Some(&directory.path().join("x.db")));
        assert!(check.found.contains(&directory.path().display().to_string()), "{check:?}");
        assert_eq!(disk(Some(Path::new("/nowhere/at/all/x.db"))).verdict, Verdict::Bad);
        assert!(disk(None).found.contains(&std::env::temp_dir().display().to_string()));
        assert_eq!([10, 500, 5_000].map(|mib| room(mib * MIB, "x").verdict), [Verdict::Bad, Verdict::Warning, Verdict::Good]);
    }

    #[test]
    fn the_limit_of_open_files_is_compared_with_the_settings() {
        let text = "Limit  Soft  Hard  Units\nMax open files            1024                 524288               files\n";
        assert_eq!(soft_limit(text), Some(1024));
        assert_eq!((soft_limit("Max open files unlimited x files"), soft_limit("")), (Some(u64::MAX), None));
        let verdicts = [Some(700), Some(600), None].map(|limit| files(limit, 650).verdict);
        assert_eq!(verdicts, [Verdict::Good, Verdict::Bad, Verdict::Warning]);
    }

    #[test]
    fn a_taken_address_is_told_and_a_foreign_one_is_bad() {
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        assert_eq!(listen(taken.local_addr().unwrap()).verdict, Verdict::Warning);
        assert_eq!(listen("127.0.0.1:0".parse().unwrap()).verdict, Verdict::Good);
        assert_eq!(listen("192.0.2.1:8080".parse().unwrap()).verdict, Verdict::Bad);
    }
}
