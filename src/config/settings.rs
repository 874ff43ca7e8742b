//! Every setting there is: its name, what it is by default, and what it means.

/// How a value is written in the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A string.
    Text,
    /// A whole number.
    Number,
    /// `true` or `false`.
    Switch,
    /// An array of strings.
    List,
}

/// One setting.
pub struct Setting {
    /// The key in the file; in the environment it is `COUNTERFOIL_` and the name in capitals.
    pub name: &'static str,
    /// The value nobody has to write; empty for "not set".
    pub default: &'static str,
    /// How it is written.
    pub kind: Kind,
    /// Whether it can hold a password.
    pub secret: bool,
    /// What it means, with its unit and limits.
    pub help: &'static str,
}

impl Setting {
    /// The setting called `name`.
    pub fn named(name: &str) -> Option<&'static Self> {
        SETTINGS.iter().find(|setting| setting.name == name)
    }

    /// Its environment variable.
    pub fn variable(&self) -> String {
        format!("{PREFIX}{}", self.name.to_uppercase())
    }
}

/// What the environment variables of this program begin with.
pub const PREFIX: &str = "COUNTERFOIL_";

/// The variable that names the configuration file; it cannot stand in the file itself.
pub const FILE_VARIABLE: &str = "COUNTERFOIL_CONFIG";

const fn text(name: &'static str, default: &'static str, help: &'static str) -> Setting {
    Setting { name, default, kind: Kind::Text, secret: false, help }
}

const fn secret(name: &'static str, default: &'static str, help: &'static str) -> Setting {
    Setting { name, default, kind: Kind::Text, secret: true, help }
}

const fn number(name: &'static str, default: &'static str, help: &'static str) -> Setting {
    Setting { name, default, kind: Kind::Number, secret: false, help }
}

const fn switch(name: &'static str, help: &'static str) -> Setting {
    Setting { name, default: "false", kind: Kind::Switch, secret: false, help }
}

/// All settings, in the order in which they are shown.
pub static SETTINGS: &[Setting] = &[
    secret("database", "sqlite:counterfoil.db", "Where everything is kept: sqlite:FILE or postgres://user:password@host:5432/name."),
    switch(
        "allow_unverified_database",
        "Lets PostgreSQL on another machine be used without sslmode=verify-full; only for a network that is itself encrypted.",
    ),
    number("read_connections", "8", "Connections that answer pages and exports, 1 to 256. One more writes."),
    text("listen", "127.0.0.1:8080", "The address and port to answer on."),
    text(
        "public_url",
        "",
        "What people type to get here, such as https://rewards.example.com; used in links that leave the portal; needed where letters are sent.",
    ),
    Setting {
        name: "trusted_proxies",
        default: "",
        kind: Kind::List,
        secret: false,
        help: "Addresses or ranges of the proxies whose X-Forwarded-For and X-Forwarded-Proto are believed.",
    },
    text(
        "tls_certificate_file",
        "",
        "A PEM file with the certificate to answer with, and those that lead to its authority; without it there is no TLS but a proxy's. Read at start.",
    ),
    text("tls_key_file", "", "A PEM file with the certificate's key, for this user alone."),
    switch("allow_plain_http", "Lets the portal answer other machines without TLS in front; only for a network that is itself encrypted."),
    text("workers", "auto", "Threads that answer requests, 1 to 256; auto is one a core."),
    number("max_connections", "512", "Connections open at once, 16 to 25,000; more wait. Each needs an open file."),
    number("max_connections_per_peer", "128", "Connections one address may hold, 1 to 25,000; a trusted proxy as many as there are."),
    number("request_body_timeout_seconds", "30", "How long a request's body may stand still, 1 to 600 seconds."),
    number("session_idle_minutes", "15", "Minutes without a request after which a person is signed out, 1 to 30."),
    number("session_absolute_hours", "12", "Hours after which a person signs in again whatever happens, 1 to 24."),
    text(
        "secret_key_file",
        "",
        "A file of at least 64 random bytes that signs session cookies and seals second factors; else the database has one.",
    ),
    text(
        "leaked_passwords_file",
        "",
        "A list of passwords that leaked, one a line, which nobody may choose; read at start, 8 bytes of memory each.",
    ),
    text(
        "audit_key_file",
        "",
        "The key that signs the audit trail; without it sqlite:FILE has one at FILE.audit-key, and PostgreSQL none.",
    ),
    text("audit_anchor_file", "", "A file outside the database, best on another machine's disk, that signed checkpoints are appended to."),
    text(
        "audit_mail_to",
        "",
        "A mailbox of the auditors that signed checkpoints are sent to, at most one letter in 45 minutes; takes smtp_url.",
    ),
    text("audit_syslog", "", "The socket of the system's log, such as /dev/log, that signed checkpoints are sent to."),
    number("upload_max_bytes", "536870912", "The largest file that may be uploaded, in bytes, 1,024 to 17,179,869,184."),
    number("import_max_rows", "10000000", "The most rows one import may have, 1 to 100,000,000."),
    number("xlsx_max_inflated_bytes", "67108864", "How large an XLSX file may become when unpacked, in bytes, 65,536 to 4,294,967,296."),
    secret("smtp_url", "", "The mail server: smtp://user:password@host:587 (with STARTTLS) or smtps://user:password@host:465."),
    text("mail_from", "", "The address that letters come from; without it counterfoil at the host of public_url."),
    text("log_level", "info", "What is logged: off, error, warn, info, debug, trace, or a list such as info,sqlx=warn."),
    text("log_format", "auto", "text, json (one object a line), or auto: text on a terminal, json elsewhere."),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_every_setting_says_what_it_means() {
        for (at, setting) in SETTINGS.iter().enumerate() {
            assert!(setting.help.ends_with('.') && setting.help.len() > 20, "{}", setting.name);
            assert!(SETTINGS[..at].iter().all(|other| other.name != setting.name), "{} twice", setting.name);
            assert_ne!(setting.variable(), FILE_VARIABLE);
            assert!(std::ptr::eq(Setting::named(setting.name).unwrap(), setting));
        }
    }
}
