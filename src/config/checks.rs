//! What no single value shows: settings that are dangerous together.

use std::net::{IpAddr, SocketAddr};
use std::path::Path;

use super::url::Url;
use super::values::{Database, Wrong, wrong};

/// Passwords that an attacker tries first.
const WELL_KNOWN: &[&str] = &[
    "",
    "1234",
    "12345",
    "123456",
    "12345678",
    "123456789",
    "admin",
    "administrator",
    "changeit",
    "changeme",
    "change-me",
    "change_me",
    "counterfoil",
    "default",
    "example",
    "guest",
    "letmein",
    "mysecretpassword",
    "pass",
    "passw0rd",
    "password",
    "postgres",
    "postgresql",
    "qwerty",
    "root",
    "secret",
    "test",
];

/// A sign-in over the open network must be encrypted: by a proxy in front, or by the network itself if somebody says so.
pub fn listen(address: SocketAddr, has_proxies: bool, allow_plain_http: bool) -> Result<(), Wrong> {
    if address.ip().to_canonical().is_loopback() || has_proxies || allow_plain_http {
        return Ok(());
    }
    wrong(
        "other machines could reach it, and passwords would cross the network in clear text",
        "listen on 127.0.0.1 behind a proxy that speaks TLS, or name that proxy in trusted_proxies, or give the portal a certificate \
         (tls_certificate_file and tls_key_file), or set allow_plain_http = true if the network itself is encrypted",
    )
}

/// Links that leave the portal must not lead to a clear-text page either.
pub fn public_url(url: &str, allow_plain_http: bool) -> Result<(), Wrong> {
    let plain = url.get(..5).is_some_and(|scheme| scheme.eq_ignore_ascii_case("http:"));
    if !plain || allow_plain_http || Url::parse(url).is_ok_and(|url| is_here(&url.host)) {
        return Ok(());
    }
    wrong("people would sign in over clear text", "write https://…, or set allow_plain_http = true if the network itself is encrypted")
}

/// A letter holds a link, and the link has to lead here.
pub fn mail_needs_an_address(mails: bool, public_url: Option<&String>) -> Result<(), Wrong> {
    if !mails || public_url.is_some() {
        return Ok(());
    }
    wrong(
        "letters are sent (smtp_url), and their links would lead nowhere",
        "write what people type to get here, like https://rewards.example.com",
    )
}

/// A letter goes by some server.
pub fn mail_needs_a_server() -> Result<(), Wrong> {
    wrong("checkpoints are to be mailed, and there is no mail server", "set smtp_url as well")
}

/// A password that everyone knows is none; on this machine alone the operating system is in front of it.
pub fn password(database: &Database) -> Result<(), Wrong> {
    let Some(url) = server(database) else { return Ok(()) };
    let password = url.parameter("password").or(url.password.as_deref());
    let user = url.parameter("user").or(url.user.as_deref());
    match password {
        Some(password) if WELL_KNOWN.contains(&password.to_lowercase().as_str()) || Some(password) == user => wrong(
            "its password is one that attackers try first",
            "give the database user a password of its own, at least 16 random characters",
        ),
        _ => Ok(()),
    }
}

/// Rewards and people's names must not cross a network unencrypted, nor to a server that only pretends to be ours.
pub fn encryption(database: &Database, allowed: bool) -> Result<(), Wrong> {
    let Some(url) = server(database) else { return Ok(()) };
    if allowed || url.parameter("sslmode").or(url.parameter("ssl-mode")) == Some("verify-full") {
        return Ok(());
    }
    wrong(
        "the connection to another machine would not be encrypted and verified",
        "add ?sslmode=verify-full (and sslrootcert=FILE for a certificate authority of your own), or set allow_unverified_database = true \
         if the network itself is encrypted",
    )
}

/// The server's URL if it is on another machine.
fn server(database: &Database) -> Option<Url> {
    let Database::Postgres(url) = database else { return None };
    let url = Url::parse(url.expose()).ok()?;
    let host = url.parameter("hostaddr").or(url.parameter("host")).unwrap_or(&url.host);
    (!is_here(host)).then_some(url)
}

/// Whether a host is this machine: nothing, a socket's directory, a loopback name or address.
fn is_here(host: &str) -> bool {
    host.is_empty()
        || host.starts_with('/')
        || host.eq_ignore_ascii_case("localhost")
        || host.trim_matches(['[', ']']).parse::<IpAddr>().is_ok_and(|address| address.to_canonical().is_loopback())
}

/// A file with a secret in it belongs to the user that runs the portal.
#[cfg(unix)]
pub fn private(path: &Path) -> Result<(), Wrong> {
    use std::os::unix::fs::PermissionsExt;
    match std::fs::metadata(path) {
        Ok(found) if found.permissions().mode() & 0o007 != 0 => wrong(
            format!("every user of this machine can reach the secret in {}", path.display()),
            format!("run: chmod 600 {}", path.display()),
        ),
        Ok(_) => Ok(()),
        Err(error) => unreadable(&error),
    }
}

/// Elsewhere access lists decide, and they are the operator's.
#[cfg(not(unix))]
pub fn private(path: &Path) -> Result<(), Wrong> {
    std::fs::metadata(path).map(|_| ()).or_else(|error| unreadable(&error))
}

/// A signing key: there, private, and long enough.
pub fn key_file(path: &Path) -> Result<(), Wrong> {
    match std::fs::read(path) {
        Err(error) => unreadable(&error),
        Ok(bytes) if bytes.len() < 64 => {
            wrong(format!("the key has {} bytes", bytes.len()), format!("make one of 64: head -c 64 /dev/urandom > {}", path.display()))
        }
        Ok(_) => private(path),
    }
}

/// A file that is there and no folder.
pub fn readable(path: &Path) -> Result<(), Wrong> {
    match std::fs::File::open(path).and_then(|file| file.metadata()) {
        Err(error) => unreadable(&error),
        Ok(found) if found.is_dir() => unreadable(&std::io::ErrorKind::IsADirectory.into()),
        Ok(_) => Ok(()),
    }
}

fn unreadable(error: &std::io::Error) -> Result<(), Wrong> {
    wrong(format!("the file cannot be read: {error}"), "name a file that this user can read")
}
