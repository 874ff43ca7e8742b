//! What handlers share: the store, the keys, the limits, and whether the portal is stopping.

use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use tokio::sync::Semaphore;

use super::Lives;
use super::guard::Signed;
use crate::actions::anchors::Proving;
use crate::actions::imports::Limits;
use crate::actions::passwords::Passwords;
use crate::actions::refused_tries::Tries;
use crate::actions::seal::Seal;
use crate::config::Network;
use crate::domain::passkey::Site;
use crate::domain::password_leaks::Leaked;
use crate::store::db::Read;
use crate::store::failure::{DbError, Failure};
use crate::store::{Store, settings as kept};

/// What handlers share. Cheap to clone.
#[derive(Clone)]
pub struct Portal {
    /// The store.
    pub store: Store,
    /// Password hashing.
    pub passwords: Passwords,
    /// The secret behind cookies and form tokens.
    pub key: Arc<[u8]>,
    /// What second factors are sealed with.
    pub(super) seal: Seal,
    /// Whether links to choose a password are mailed.
    pub(super) mails: bool,
    /// Whether this is the demo, with its banner and one-click sign-ins.
    pub demo: bool,
    /// How long sessions live.
    pub lives: Lives,
    /// The largest file that may be uploaded, in bytes.
    pub upload_max_bytes: u64,
    pub(super) limits: Arc<Limits>,
    /// Proxies whose `X-Forwarded-For` is believed.
    pub(super) trusted_proxies: Arc<[Network]>,
    /// How long the body of a request may stand still.
    pub(super) body_still: Duration,
    /// What people type to get here, where the configuration says it.
    pub(super) public_url: Option<Arc<str>>,
    /// Where the key and the anchors of the audit trail are.
    pub(super) proving: Arc<Proving>,
    /// One proof at a time, and two files of the trail: each walks all of it.
    pub(super) verifying: Arc<Semaphore>,
    pub(super) taking: Arc<Semaphore>,
    /// What was refused within the last minute, by person.
    pub tries: Arc<Tries>,
    pub(super) organisation: Arc<RwLock<String>>,
    pub(super) stopping: Arc<AtomicBool>,
    /// Requests that are being answered, to the last byte of their answers.
    pub(super) running: Arc<AtomicUsize>,
    #[cfg(debug_assertions)]
    pub(super) scopes_off: bool,
}

impl Portal {
    /// Over an open store.
    pub async fn new(store: Store, lives: Lives, upload_max_bytes: u64) -> Result<Self, Failure> {
        let mut read = store.read().await?;
        let key = kept::secret(&mut read, kept::SESSION_KEY).await?;
        let demo = kept::get(&mut read, kept::DEMO).await?.is_some();
        let name = kept::get(&mut read, kept::ORGANISATION).await?.unwrap_or_default();
        drop(read);
        let passwords = Passwords::new(store.metrics.clone());
        Ok(Self {
            store,
            passwords,
            seal: Seal::of(&key),
            key: key.into(),
            mails: false,
            demo,
            lives,
            upload_max_bytes,
            limits: Arc::new(Limits { max_bytes: upload_max_bytes, ..Limits::default() }),
            trusted_proxies: Arc::default(),
            body_still: Duration::from_secs(30),
            public_url: None,
            proving: Arc::default(),
            verifying: Arc::new(Semaphore::new(1)),
            taking: Arc::new(Semaphore::new(2)),
            tries: Arc::default(),
            organisation: Arc::new(RwLock::new(name)),
            stopping: Arc::default(),
            running: Arc::default(),
            #[cfg(debug_assertions)]
            scopes_off: false,
        })
    }

    /// The same with a key from outside the database, of at least 64 bytes; `None` leaves the database's own.
    #[must_use]
    pub fn with_key(mut self, key: Option<Vec<u8>>) -> Self {
        if let Some(key) = key.filter(|key| key.len() >= 64) {
            self.seal = Seal::of(&key);
            self.key = key.into();
        }
        self
    }

    /// The same with a list of passwords that leaked, which nobody may choose.
    #[must_use]
    pub fn refusing(mut self, leaked: Arc<Leaked>) -> Self {
        self.passwords = self.passwords.refusing(leaked);
        self
    }

    /// The same behind these proxies, with request bodies that may stand still for this long.
    #[must_use]
    pub fn reached(mut self, trusted_proxies: Vec<Network>, body_still: Duration) -> Self {
        self.trusted_proxies = trusted_proxies.into();
        self.body_still = body_still;
        self
    }

    /// The same at this address, for links that leave the portal.
    #[must_use]
    pub fn at(mut self, public_url: Option<&str>) -> Self {
        self.public_url = public_url.map(Arc::from);
        self
    }

    /// The same where letters are sent, or are not.
    #[must_use]
    pub fn mailing(mut self, mails: bool) -> Self {
        self.mails = mails;
        self
    }

    /// The same with a key and anchors for the audit trail.
    #[must_use]
    pub fn proved(mut self, proving: Proving) -> Self {
        self.proving = proving.into();
        self
    }

    /// Scheme and host of a link that leaves the portal: what the configuration says, else where the person asked. No header but `Host` is
    /// believed: a link that holds a secret must not lead elsewhere because a request said so.
    pub fn address(&self, req: &actix_web::HttpRequest) -> String {
        let host = || req.headers().get(actix_web::http::header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
        self.public_url.as_deref().map_or_else(|| asked_at(host(), req.app_config().secure()), str::to_owned)
    }

    /// A snapshot of what this person can come to see at all. Pages read in no other: the database keeps the rest from them.
    pub async fn read(&self, who: &Signed) -> Result<Read, DbError> {
        self.within(who).read().await
    }

    /// The store as she sees it.
    pub fn within(&self, who: &Signed) -> Store {
        self.store.within(who.sight())
    }

    /// The same with the scopes of pages taken off: whatever holds for somebody in one region seems to hold for her in all of them. Only tests ask for
    /// it, to see that the database keeps the regions apart by itself; a release has no such thing.
    #[cfg(debug_assertions)]
    #[doc(hidden)]
    #[must_use]
    pub fn with_scopes_off(mut self) -> Self {
        self.scopes_off = true;
        self
    }

    /// Where passkeys are made for: the configured address; without one, this machine under its own name, and nothing else.
    pub(super) fn site(&self, req: &actix_web::HttpRequest) -> Option<Site> {
        let address = self.address(req);
        Site::of(&address).filter(|site| self.public_url.is_some() || site.id == "localhost")
    }

    /// The organisation's name.
    pub fn organisation(&self) -> String {
        self.organisation.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// With other limits for files than the defaults.
    #[must_use]
    pub fn with_limits(mut self, limits: Limits) -> Self {
        self.upload_max_bytes = limits.max_bytes;
        self.limits = Arc::new(limits);
        self
    }

    /// What an imported file may cost.
    pub fn import_limits(&self) -> Limits {
        Limits::clone(&self.limits)
    }

    /// From now on not ready: what balances load sends nothing new, while running requests finish.
    pub fn stop(&self) {
        self.stopping.store(true, Ordering::Release);
    }

    /// Whether [`Portal::stop`] was called.
    pub fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Acquire)
    }

    /// How many requests are being answered.
    pub fn running(&self) -> usize {
        self.running.load(Ordering::Acquire)
    }

    /// To be called when the organisation's name was changed.
    pub fn renamed(&self, name: String) {
        *self.organisation.write().unwrap_or_else(PoisonError::into_inner) = name;
    }
}

/// The address that somebody asked at. Who is signed in and asks from another machine came over TLS, for browsers send the session's cookie over
/// nothing else: so the link leads there too, and what it holds never crosses a network in clear text.
fn asked_at(host: &str, tls: bool) -> String {
    let without_port =
        host.rsplit_once(':').filter(|(_, port)| port.bytes().all(|byte| byte.is_ascii_digit())).map_or(host, |(name, _)| name);
    let name = without_port.trim_start_matches('[').trim_end_matches(']');
    let here = name.eq_ignore_ascii_case("localhost") || name.parse::<IpAddr>().is_ok_and(|address| address.to_canonical().is_loopback());
    format!("{}://{host}", if here && !tls { "http" } else { "https" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_to_another_machine_is_never_in_clear_text() {
        for here in ["localhost", "localhost:8080", "127.0.0.1:80", "[::1]", "[::1]:8080"] {
            assert_eq!(asked_at(here, false), format!("http://{here}"));
            assert_eq!(asked_at(here, true), format!("https://{here}"));
        }
        for elsewhere in ["rewards.example", "rewards.example:8443", "10.0.0.7:8080", "[2001:db8::1]:80", "localhost.example", ""] {
            assert_eq!(asked_at(elsewhere, false), format!("https://{elsewhere}"));
        }
    }
}
