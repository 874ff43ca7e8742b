//! Settings: defaults, then a TOML file, then `COUNTERFOIL_…` variables, then flags; the later one wins.
//!
//! Every value remembers where it came from. Everything that is wrong is reported at once, and a name that is not known is wrong: a
//! misspelt limit that is silently ignored is worse than a start that is refused.

use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

mod checks;
mod fault;
mod settings;
mod sources;
#[cfg(test)]
mod tests;
mod tls;
mod url;
mod values;

pub use fault::{Fault, Faults, Origin};
pub use settings::{Kind, SETTINGS, Setting};
pub use sources::Inputs;
pub use tls::Tls;
pub use values::{Database, LogFormat, Mail, Network, Secret};

use sources::{Gathered, Raw};
use values::Wrong;

/// All settings, understood and checked. [`SETTINGS`] says what each means.
#[derive(Clone)]
pub struct Config {
    /// Where everything is kept.
    pub database: Database,
    /// PostgreSQL on another machine may be used without verified TLS.
    pub allow_unverified_database: bool,
    /// Connections that read.
    pub read_connections: u32,
    /// Where to answer.
    pub listen: SocketAddr,
    /// What people type to get here: scheme, host and port, no trailing slash.
    pub public_url: Option<String>,
    /// Proxies whose forwarding headers are believed.
    pub trusted_proxies: Vec<Network>,
    /// The certificate and key to answer with, where the portal speaks TLS itself.
    pub tls: Option<Tls>,
    /// Other machines may be answered without TLS in front.
    pub allow_plain_http: bool,
    /// Threads that answer requests.
    pub workers: usize,
    /// Connections open at once.
    pub max_connections: usize,
    /// Connections that one address may hold.
    pub max_connections_per_peer: usize,
    /// How long a body may stand still.
    pub request_body_timeout_seconds: u64,
    /// Minutes without a request that end a session.
    pub session_idle_minutes: u32,
    /// Hours that end a session whatever happens.
    pub session_absolute_hours: u32,
    /// The file with the key that signs session cookies; `None`: the key is in the database.
    pub secret_key_file: Option<PathBuf>,
    /// The file with passwords that leaked, where one is named.
    pub leaked_passwords_file: Option<PathBuf>,
    /// The file with the key that signs the audit trail, where one is named.
    pub audit_key_file: Option<PathBuf>,
    /// The file that signed checkpoints are appended to.
    pub audit_anchor_file: Option<PathBuf>,
    /// The mailbox that signed checkpoints are sent to.
    pub audit_mail_to: Option<String>,
    /// The socket of the system's log that they are sent to.
    pub audit_syslog: Option<PathBuf>,
    /// The largest upload, in bytes.
    pub upload_max_bytes: u64,
    /// The most rows of one import.
    pub import_max_rows: u64,
    /// The largest unpacked XLSX file, in bytes.
    pub xlsx_max_inflated_bytes: u64,
    /// The mail server.
    pub smtp: Option<Mail>,
    /// The address that letters come from, where one is named.
    pub mail_from: Option<String>,
    /// The log filter.
    pub log_level: String,
    /// How log lines look.
    pub log_format: LogFormat,
    shown: Vec<Shown>,
}

/// One line of `config show`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shown {
    /// The setting.
    pub name: &'static str,
    /// Its value; passwords replaced by `***`.
    pub value: String,
    /// Where the value came from.
    pub origin: Origin,
}

impl fmt::Debug for Config {
    /// Only what [`Config::show`] gives away.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.shown.iter().map(|line| (line.name, &line.value))).finish()
    }
}

impl Config {
    /// Reads and checks everything.
    ///
    /// # Errors
    /// All faults there are, in one value.
    pub fn load(inputs: &Inputs) -> Result<Self, Faults> {
        let mut faults = Vec::new();
        let gathered = sources::gather(inputs, &mut faults);
        let mut reader = Reader { gathered, faults };
        match reader.config() {
            Some(config) if reader.faults.is_empty() => Ok(config),
            _ => Err(Faults(reader.faults)),
        }
    }

    /// Each setting with its value and where it came from, for `config show`.
    pub fn show(&self) -> &[Shown] {
        &self.shown
    }

    /// Where the key is that signs the audit trail: as named, else beside the SQLite file; `None` on a server where none is named.
    pub fn audit_key(&self) -> Option<PathBuf> {
        self.audit_key_file.clone().or_else(|| beside(&self.database))
    }

    /// A TOML file with every setting, explained and commented out.
    pub fn example() -> String {
        let mut text = String::from(
            "# Counterfoil's settings. Each line shows the default; take the # away to change it.\n\
             # The same names in capitals after COUNTERFOIL_ work as environment variables and win over this file.\n",
        );
        for setting in SETTINGS {
            let value = match setting.kind {
                Kind::Text => format!("{:?}", setting.default),
                Kind::Number | Kind::Switch => setting.default.to_owned(),
                Kind::List => "[]".to_owned(),
            };
            text += &format!("\n# {}\n# {} = {value}\n", setting.help, setting.name);
        }
        text
    }
}

/// The key's place where none is named: beside the SQLite file.
fn beside(database: &Database) -> Option<PathBuf> {
    database.file().map(|file| file.with_added_extension("audit-key"))
}

struct Reader {
    gathered: Gathered,
    faults: Vec<Fault>,
}

impl Reader {
    fn raw(&self, name: &str) -> Raw {
        let nothing = || Raw { text: String::new(), origin: Origin::Default };
        self.gathered.raw.get(name).cloned().unwrap_or_else(nothing)
    }

    fn blame(&mut self, name: &str, why: Wrong) {
        let raw = self.raw(name);
        let shown = Some(shown(name, &raw.text));
        self.faults.push(Fault { setting: name.to_owned(), origin: raw.origin, shown, wrong: why.wrong, right: why.right });
    }

    fn check(&mut self, name: &str, verdict: Result<(), Wrong>) {
        if let Err(why) = verdict {
            self.blame(name, why);
        }
    }

    fn read<T>(&mut self, name: &str, parse: impl Fn(&str) -> Result<T, Wrong>) -> Option<T> {
        parse(self.raw(name).text.trim()).map_err(|why| self.blame(name, why)).ok()
    }

    fn number<T: TryFrom<u64>>(&mut self, name: &str, least: u64, most: u64) -> Option<T> {
        self.read(name, values::number(least..=most)).and_then(|number| T::try_from(number).ok())
    }

    /// A file that has to be fit for its use where it is named.
    fn file(&mut self, name: &str, judge: fn(&Path) -> Result<(), Wrong>) -> Option<Option<PathBuf>> {
        let path = self.read(name, values::path)?;
        if let Some(path) = &path {
            self.check(name, judge(path));
        }
        Some(path)
    }

    fn config(&mut self) -> Option<Config> {
        let database = self.read("database", Database::parse);
        let allow_unverified_database = self.read("allow_unverified_database", values::switch);
        let read_connections = self.number("read_connections", 1, 256);
        let listen = self.read("listen", values::listen);
        let public_url = self.read("public_url", values::public_url);
        let trusted_proxies = self.read("trusted_proxies", values::networks);
        let tls = self.tls();
        let allow_plain_http = self.read("allow_plain_http", values::switch);
        let workers = self.read("workers", values::workers);
        let max_connections = self.number("max_connections", 16, 25_000);
        let max_connections_per_peer = self.number("max_connections_per_peer", 1, 25_000);
        let request_body_timeout_seconds = self.number("request_body_timeout_seconds", 1, 600);
        let session_idle_minutes = self.number("session_idle_minutes", 1, 30);
        let session_absolute_hours = self.number("session_absolute_hours", 1, 24);
        let secret_key_file = self.file("secret_key_file", checks::key_file);
        let leaked_passwords_file = self.file("leaked_passwords_file", checks::readable);
        let audit = ["audit_key_file", "audit_anchor_file", "audit_syslog"].map(|name| self.read(name, values::path));
        let audit_mail_to = self.read("audit_mail_to", values::mail_from);
        let upload_max_bytes = self.number("upload_max_bytes", 1 << 10, 1 << 34);
        let import_max_rows = self.number("import_max_rows", 1, 100_000_000);
        let xlsx_max_inflated_bytes = self.number("xlsx_max_inflated_bytes", 1 << 16, 1 << 32);
        let (smtp, mail_from) = (self.read("smtp_url", values::mail), self.read("mail_from", values::mail_from));
        let (log_level, log_format) = (self.read("log_level", values::log_level), self.read("log_format", values::log_format));

        let plain = allow_plain_http.unwrap_or(false);
        // A list that cannot be read is blamed once; it must not make the address wrong as well.
        let has_proxies = trusted_proxies.as_ref().is_none_or(|list| !list.is_empty());
        if let Some(address) = listen {
            self.check("listen", checks::listen(address, has_proxies || tls.is_some(), plain));
        }
        self.check_public_url(public_url.as_ref(), smtp.as_ref(), plain);
        self.check_database(database.as_ref(), allow_unverified_database.unwrap_or(false));
        self.check_audit_key(audit[0].clone().flatten().or_else(|| database.as_ref().and_then(beside)));
        self.check_audit_mail(audit_mail_to.as_ref(), smtp.as_ref());
        self.check_file_is_private(&["database", "smtp_url"]);

        let [audit_key_file, audit_anchor_file, audit_syslog] = audit;
        Some(Config {
            database: database?,
            allow_unverified_database: allow_unverified_database?,
            read_connections: read_connections?,
            listen: listen?,
            public_url: public_url?,
            trusted_proxies: trusted_proxies?,
            tls,
            allow_plain_http: allow_plain_http?,
            workers: workers?,
            max_connections: max_connections?,
            max_connections_per_peer: max_connections_per_peer?,
            request_body_timeout_seconds: request_body_timeout_seconds?,
            session_idle_minutes: session_idle_minutes?,
            session_absolute_hours: session_absolute_hours?,
            secret_key_file: secret_key_file?,
            leaked_passwords_file: leaked_passwords_file?,
            audit_key_file: audit_key_file?,
            audit_anchor_file: audit_anchor_file?,
            audit_mail_to: audit_mail_to?,
            audit_syslog: audit_syslog?,
            upload_max_bytes: upload_max_bytes?,
            import_max_rows: import_max_rows?,
            xlsx_max_inflated_bytes: xlsx_max_inflated_bytes?,
            smtp: smtp?,
            mail_from: mail_from?,
            log_level: log_level?,
            log_format: log_format?,
            shown: self.shown(),
        })
    }

    /// What is named for TLS; the key is a secret.
    fn tls(&mut self) -> Option<Tls> {
        let [certificate, key] = ["tls_certificate_file", "tls_key_file"].map(|name| self.read(name, values::path).flatten());
        if let Some(key) = key.as_ref().filter(|key| key.exists()) {
            self.check("tls_key_file", checks::private(key));
        }
        tls::pair(certificate.as_ref(), key.as_ref(), |name, why| self.blame(name, why))
    }

    /// It has to be there where letters are sent, and does not lead people to a clear-text page.
    fn check_public_url(&mut self, url: Option<&Option<String>>, smtp: Option<&Option<Mail>>, plain: bool) {
        if let (Some(url), Some(smtp)) = (url, smtp) {
            self.check("public_url", checks::mail_needs_an_address(smtp.is_some(), url.as_ref()));
        }
        if let Some(url) = url.and_then(Option::as_ref) {
            self.check("public_url", checks::public_url(url, plain));
        }
    }

    /// A password that is one, and nothing in clear text to another machine.
    fn check_database(&mut self, database: Option<&Database>, unverified: bool) {
        if let Some(database) = database {
            self.check("database", checks::password(database));
            self.check("database", checks::encryption(database, unverified));
        }
    }

    /// Whoever is to get letters of the trail needs a server that sends them.
    fn check_audit_mail(&mut self, to: Option<&Option<String>>, smtp: Option<&Option<Mail>>) {
        if let (Some(Some(_)), Some(None)) = (to, smtp) {
            self.check("audit_mail_to", checks::mail_needs_a_server());
        }
    }

    /// The key may not be there yet; where it is, it is a secret.
    fn check_audit_key(&mut self, file: Option<PathBuf>) {
        if let Some(path) = file.filter(|path| path.exists()) {
            self.check("audit_key_file", checks::private(&path));
        }
    }

    /// The configuration file is a secret as soon as a password stands in it.
    fn check_file_is_private(&mut self, secrets: &[&str]) {
        let Some(path) = self.gathered.file.clone() else { return };
        let holds_password = |name: &&&str| {
            let raw = self.raw(name);
            matches!(raw.origin, Origin::File(..)) && shown(name, &raw.text) != raw.text
        };
        if let Some(name) = secrets.iter().find(holds_password) {
            self.check(name, checks::private(&path));
        }
    }

    fn shown(&self) -> Vec<Shown> {
        let line = |setting: &'static Setting| {
            let raw = self.raw(setting.name);
            Shown { name: setting.name, value: shown(setting.name, raw.text.trim()), origin: raw.origin }
        };
        SETTINGS.iter().map(line).collect()
    }
}

/// A value as it may be printed: passwords masked, and nothing at all of a secret that could not be understood.
fn shown(name: &str, text: &str) -> String {
    let secret = Setting::named(name).is_none_or(|setting| setting.secret);
    if !secret || text.is_empty() || text.starts_with("sqlite:") {
        return text.to_owned();
    }
    url::Url::parse(text).map_or_else(|_| "(hidden)".to_owned(), |url| url.masked())
}
