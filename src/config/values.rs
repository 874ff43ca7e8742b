//! The kinds of values a setting can have, each with one reader that says what is wrong and what would be right.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

use super::url::Url;

/// Why a text is no value of its kind.
#[derive(Debug, PartialEq, Eq)]
pub struct Wrong {
    /// What is wrong.
    pub wrong: String,
    /// What would be right.
    pub right: String,
}

/// Shorthand for an `Err` with both halves of the explanation.
pub fn wrong<T>(wrong: impl Into<String>, right: impl Into<String>) -> Result<T, Wrong> {
    Err(Wrong { wrong: wrong.into(), right: right.into() })
}

/// Text that must not be printed by accident.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Keeps `text` from `Debug` and from logs.
    pub fn new(text: String) -> Self {
        Self(text)
    }

    /// The text itself; only for handing it to what needs it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// Which database holds everything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Database {
    /// One file on this machine.
    Sqlite(PathBuf),
    /// A server, by its whole URL with the password in it.
    Postgres(Secret),
}

impl Database {
    /// The URL with its password: for the store only.
    pub fn url(&self) -> String {
        match self {
            Self::Sqlite(file) => format!("sqlite:{}", file.display()),
            Self::Postgres(url) => url.expose().to_owned(),
        }
    }

    /// The URL as it may be printed.
    pub fn shown(&self) -> String {
        match self {
            Self::Sqlite(_) => self.url(),
            Self::Postgres(url) => Url::parse(url.expose()).map_or_else(|_| "(hidden)".to_owned(), |url| url.masked()),
        }
    }

    /// The server's address without its password, and the password; `None` for a file.
    pub fn server(&self) -> Option<(String, Option<String>)> {
        let Self::Postgres(url) = self else { return None };
        let whole = url.expose();
        // Between the scheme and the last @ before the path stands user:password; a password in the query is one as well.
        let (scheme, rest) = whole.split_once("://")?;
        let (authority, path) = rest.find(['/', '?']).map_or((rest, ""), |at| rest.split_at(at));
        let (user, host) = authority.rsplit_once('@').map_or((None, authority), |(user, host)| (Some(user), host));
        let (user, mut password) = match user.map(|user| user.split_once(':').unwrap_or((user, ""))) {
            Some((user, password)) => (format!("{user}@"), decoded(password)),
            None => (String::new(), None),
        };
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        let mut kept = Vec::new();
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            match pair.strip_prefix("password=") {
                Some(value) => password = decoded(value),
                None => kept.push(pair),
            }
        }
        let query = if kept.is_empty() { String::new() } else { format!("?{}", kept.join("&")) };
        Some((format!("{scheme}://{user}{host}{path}{query}"), password))
    }

    /// The SQLite file; `None` for a server.
    pub fn file(&self) -> Option<&Path> {
        match self {
            Self::Sqlite(file) => Some(file),
            Self::Postgres(_) => None,
        }
    }

    /// Reads `sqlite:FILE` or `postgres://user:password@host/name`.
    pub fn parse(text: &str) -> Result<Self, Wrong> {
        const RIGHT: &str = "write sqlite:FILE or postgres://user:password@host:5432/name";
        if let Some(rest) = text.strip_prefix("sqlite:") {
            let file = rest.strip_prefix("//").unwrap_or(rest);
            return match file {
                "" => wrong("it names no file", RIGHT),
                ":memory:" => wrong("a database in memory would be lost at the end", RIGHT),
                file if file.contains(['?', '\0']) => wrong("a file name with options is not taken", RIGHT),
                file => Ok(Self::Sqlite(PathBuf::from(file))),
            };
        }
        if !text.starts_with("postgres://") && !text.starts_with("postgresql://") {
            return wrong("it is neither SQLite nor PostgreSQL", RIGHT);
        }
        let url = Url::parse(text)?;
        if url.path.trim_matches('/').is_empty() {
            return wrong("it names no database", RIGHT);
        }
        Ok(Self::Postgres(Secret(text.to_owned())))
    }
}

fn decoded(text: &str) -> Option<String> {
    let text = percent_encoding::percent_decode_str(text).decode_utf8().ok()?;
    (!text.is_empty()).then(|| text.into_owned())
}

/// A range of addresses, `10.0.0.0/8`, or a single one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    address: IpAddr,
    prefix: u8,
}

impl Network {
    /// Whether `address` lies in it. An IPv4 address that arrives mapped into IPv6 counts as IPv4.
    pub fn contains(&self, address: IpAddr) -> bool {
        let same = |a: u128, b: u128, bits: u32| {
            let host = bits - u32::from(self.prefix);
            a.checked_shr(host).unwrap_or(0) == b.checked_shr(host).unwrap_or(0)
        };
        match (self.address, address.to_canonical()) {
            (IpAddr::V4(own), IpAddr::V4(other)) => same(u128::from(own.to_bits()), u128::from(other.to_bits()), 32),
            (IpAddr::V6(own), IpAddr::V6(other)) => same(own.to_bits(), other.to_bits(), 128),
            _ => false,
        }
    }

    /// Reads an address or an address with a prefix length.
    pub fn parse(text: &str) -> Result<Self, Wrong> {
        const RIGHT: &str = "write addresses or ranges such as 10.1.2.3 or 10.0.0.0/8";
        let (address, prefix) = text.split_once('/').map_or((text, None), |(address, prefix)| (address, Some(prefix)));
        let Ok(address) = address.parse::<IpAddr>().map(|address| address.to_canonical()) else {
            return wrong(format!("{text:?} is no address"), RIGHT);
        };
        let most = if address.is_ipv4() { 32 } else { 128 };
        match prefix.map_or(Ok(most), str::parse::<u8>) {
            Ok(prefix) if prefix <= most => Ok(Self { address, prefix }),
            _ => wrong(format!("{text:?} has a prefix length that is no number from 0 to {most}"), RIGHT),
        }
    }
}

/// A list of networks, separated by commas; empty is allowed.
pub fn networks(text: &str) -> Result<Vec<Network>, Wrong> {
    text.split(',').map(str::trim).filter(|part| !part.is_empty()).map(Network::parse).collect()
}

/// An address and a port, `127.0.0.1:8080`, `[::1]:8080` or `localhost:8080`.
pub fn listen(text: &str) -> Result<SocketAddr, Wrong> {
    let local = text.strip_prefix("localhost:").and_then(|port| port.parse().ok());
    local
        .map(|port| SocketAddr::from((Ipv4Addr::LOCALHOST, port)))
        .or_else(|| text.parse().ok())
        .map_or_else(|| wrong("it is no address with a port", "write for example 127.0.0.1:8080 or [::1]:8080"), Ok)
}

/// The address people type, without a path: `https://rewards.example.com`.
pub fn public_url(text: &str) -> Result<Option<String>, Wrong> {
    const RIGHT: &str = "write for example https://rewards.example.com";
    if text.is_empty() {
        return Ok(None);
    }
    let url = Url::parse(text)?;
    if !matches!(url.scheme.as_str(), "http" | "https") {
        return wrong("it is no web address", RIGHT);
    }
    if url.user.is_some() || !url.query.is_empty() || url.host.is_empty() {
        return wrong("it holds more than a scheme, a host and a port", RIGHT);
    }
    if !matches!(url.path.as_str(), "" | "/") {
        return wrong("the portal lives at the root of its host, not below a path", RIGHT);
    }
    Ok(Some(text.trim_end_matches('/').to_owned()))
}

/// A whole number within `range`; `_` may group the digits.
pub fn number(range: RangeInclusive<u64>) -> impl Fn(&str) -> Result<u64, Wrong> {
    move |text| {
        let right = || format!("write a whole number from {} to {}", range.start(), range.end());
        match text.replace('_', "").parse::<u64>() {
            Ok(value) if range.contains(&value) => Ok(value),
            Ok(_) => wrong("it is out of range", right()),
            Err(_) => wrong("it is no whole number", right()),
        }
    }
}

/// `true` or `false`, nothing else: a switch that lets something through must not be guessed.
pub fn switch(text: &str) -> Result<bool, Wrong> {
    text.parse().or_else(|_| wrong("it is neither true nor false", "write true or false"))
}

/// How log lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// Text on a terminal, JSON anywhere else.
    Auto,
    /// One line of text an event.
    Text,
    /// One JSON object a line.
    Json,
}

/// Reads a [`LogFormat`].
pub fn log_format(text: &str) -> Result<LogFormat, Wrong> {
    match text {
        "auto" => Ok(LogFormat::Auto),
        "text" => Ok(LogFormat::Text),
        "json" => Ok(LogFormat::Json),
        _ => wrong("there is no such format", "write auto, text or json"),
    }
}

/// A log filter: a level, or several `part=level` separated by commas.
pub fn log_level(text: &str) -> Result<String, Wrong> {
    let level = |word: &str| matches!(word, "off" | "error" | "warn" | "info" | "debug" | "trace");
    let part = |word: &str| !word.is_empty() && word.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | ':'));
    let good = text.split(',').all(|piece| match piece.split_once('=') {
        None => level(piece),
        Some((name, word)) => part(name) && level(word),
    });
    if good {
        return Ok(text.to_owned());
    }
    wrong("it is no log level", "write off, error, warn, info, debug or trace, or a list such as info,sqlx=warn")
}

/// A number of threads, or `auto` for as many as the machine has cores.
pub fn workers(text: &str) -> Result<usize, Wrong> {
    if text == "auto" {
        return Ok(std::thread::available_parallelism().map_or(1, usize::from));
    }
    match text.parse() {
        Ok(count) if (1..=256).contains(&count) => Ok(count),
        _ => wrong("it is no number of threads", "write auto or a whole number from 1 to 256"),
    }
}

/// A path, or nothing.
pub fn path(text: &str) -> Result<Option<PathBuf>, Wrong> {
    Ok((!text.is_empty()).then(|| PathBuf::from(text)))
}

/// A mail server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mail {
    /// Host name or address.
    pub host: String,
    /// Port; 587 for `smtp`, 465 for `smtps` unless written.
    pub port: u16,
    /// Whether the connection begins with TLS (`smtps`) rather than asking for it (`STARTTLS`).
    pub implicit_tls: bool,
    /// The name to sign in with.
    pub user: Option<String>,
    /// Its password.
    pub password: Option<Secret>,
}

/// Reads `smtp://user:password@host:587` or `smtps://…`.
pub fn mail(text: &str) -> Result<Option<Mail>, Wrong> {
    const RIGHT: &str = "write smtp://user:password@host:587 or smtps://user:password@host:465";
    if text.is_empty() {
        return Ok(None);
    }
    let url = Url::parse(text)?;
    let implicit_tls = match url.scheme.as_str() {
        "smtp" => false,
        "smtps" => true,
        _ => return wrong("it is no mail server", RIGHT),
    };
    if url.host.is_empty() || !matches!(url.path.as_str(), "" | "/") || !url.query.is_empty() {
        return wrong("it holds more or less than a server", RIGHT);
    }
    let port = url.port.unwrap_or(if implicit_tls { 465 } else { 587 });
    Ok(Some(Mail { host: url.host, port, implicit_tls, user: url.user, password: url.password.map(Secret) }))
}

/// Reads an address that letters come from.
pub fn mail_from(text: &str) -> Result<Option<String>, Wrong> {
    let odd = |c: char| c.is_whitespace() || c.is_control() || matches!(c, '<' | '>' | ',' | ';');
    let parts = text.rsplit_once('@').is_some_and(|(user, host)| !user.is_empty() && !host.is_empty());
    match text {
        "" => Ok(None),
        _ if !parts || text.contains(odd) => wrong("it is no address", "write it like counterfoil@rewards.example.com"),
        _ => Ok(Some(text.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_contain_what_they_should() {
        let within = |network: &str, address: &str| Network::parse(network).unwrap().contains(address.parse().unwrap());
        assert!(within("10.0.0.0/8", "10.255.0.1") && !within("10.0.0.0/8", "11.0.0.1"));
        assert!(within("10.0.0.0/8", "::ffff:10.1.1.1"), "mapped addresses are IPv4");
        assert!(within("192.0.2.7", "192.0.2.7") && !within("192.0.2.7", "192.0.2.8"));
        assert!(within("0.0.0.0/0", "203.0.113.9") && !within("0.0.0.0/0", "2001:db8::1"));
        assert!(within("::/0", "2001:db8::1") && within("2001:db8::/32", "2001:db8:1::") && !within("2001:db8::/32", "2001:db9::"));
        for bad in ["", "10", "10.0.0.0/33", "::/129", "10.0.0.0/", "10.0.0.0/-1", "10.0.0.0/8/8", "host"] {
            assert!(Network::parse(bad).is_err(), "{bad}");
        }
        assert_eq!(networks("").unwrap(), []);
        assert_eq!(networks("10.0.0.0/8, ::1").unwrap().len(), 2);
    }

    #[test]
    fn databases_are_read_strictly_and_shown_without_their_password() {
        assert_eq!(Database::parse("sqlite:a b.db").unwrap().file(), Some(Path::new("a b.db")));
        assert_eq!(Database::parse("sqlite:///var/x.db").unwrap().url(), "sqlite:/var/x.db");
        let server = Database::parse("postgres://app:hunter2@db.example/rewards?sslmode=verify-full&password=hunter3").unwrap();
        assert_eq!(server.shown(), "postgres://app:***@db.example/rewards?sslmode=verify-full&password=***");
        assert!(!format!("{server:?}").contains("hunter"));
        assert!(server.url().contains("hunter2"));
        let parts = |url: &str| Database::parse(url).unwrap().server().unwrap();
        let (address, password) = parts("postgres://app:hunter%402@db.example:5432/rewards?sslmode=verify-full");
        assert_eq!(
            (address.as_str(), password.as_deref()),
            ("postgres://app@db.example:5432/rewards?sslmode=verify-full", Some("hunter@2"))
        );
        assert_eq!(parts("postgres://db/rewards?password=p"), ("postgres://db/rewards".to_owned(), Some("p".to_owned())));
        assert_eq!(parts("postgres://me@db/rewards"), ("postgres://me@db/rewards".to_owned(), None));
        assert!(Database::parse("sqlite:x").unwrap().server().is_none());
        for bad in ["", "sqlite:", "sqlite::memory:", "sqlite:x?mode=ro", "mysql://h/d", "postgres://h", "postgres://u:p/w@h/d"] {
            assert!(Database::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn small_values_are_read_strictly() {
        assert_eq!(listen("localhost:80").unwrap().to_string(), "127.0.0.1:80");
        assert!(listen("8080").is_err() && listen("localhost").is_err() && listen("127.0.0.1:70000").is_err());
        assert_eq!(public_url("https://a.example/").unwrap().as_deref(), Some("https://a.example"));
        for bad in ["a.example", "https://a.example/x", "ftp://a.example", "https://u@a.example", "https://"] {
            assert!(public_url(bad).is_err(), "{bad}");
        }
        assert_eq!(number(1..=20_000)("10_000"), Ok(10_000));
        for bad in ["", "-1", "1e3", "1.5", "20001", "99999999999999999999"] {
            assert!(number(1..=20_000)(bad).is_err(), "{bad}");
        }
        assert!(switch("true").unwrap() && switch("yes").is_err() && switch("1").is_err());
        assert!(
            log_level("info,sqlx=warn").is_ok() && log_level("loud").is_err() && log_level("").is_err() && log_level("a b=info").is_err()
        );
        assert!(workers("auto").unwrap() >= 1 && workers("0").is_err());
        assert_eq!((log_format("json"), log_format("xml").is_err()), (Ok(LogFormat::Json), true));
    }

    #[test]
    fn mail_servers_have_a_port_and_hide_their_password() {
        let server = mail("smtp://me%40a.example:p%2Fw@mail.example").unwrap().unwrap();
        assert_eq!((server.port, server.implicit_tls, server.user.as_deref()), (587, false, Some("me@a.example")));
        assert_eq!(server.password.as_ref().map(Secret::expose), Some("p/w"));
        assert!(!format!("{server:?}").contains("p/w"));
        assert_eq!(mail("smtps://mail.example").unwrap().unwrap().port, 465);
        assert!(mail("").unwrap().is_none() && mail("http://mail.example").is_err() && mail("smtp://mail.example/x").is_err());
    }
}
