//! The portal: the whole route table on one screen, and what handlers share.

pub mod assets;
pub mod chart;
mod csrf;
pub mod error;
mod form;
mod frame;
mod guard;
mod health;
pub mod page;
pub mod server;
mod session;
mod sign_in;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use actix_session::SessionMiddleware;
use actix_session::config::{BrowserSession, CookieContentSecurity};
use actix_web::cookie::{Key, SameSite};
use actix_web::middleware::{Compress, from_fn};
use actix_web::web::{self, ServiceConfig, get, post, resource, scope};

use crate::actions::passwords::Passwords;
use crate::store::failure::Failure;
use crate::store::{Store, settings};
pub use session::Lives;

/// The name of the session cookie.
pub const SESSION_COOKIE: &str = "__Host-counterfoil";

/// What handlers share. Cheap to clone.
#[derive(Clone)]
pub struct Portal {
    /// The store.
    pub store: Store,
    /// Password hashing.
    pub passwords: Passwords,
    /// The secret behind cookies and form tokens.
    pub key: Arc<[u8]>,
    /// Whether this is the demo, with its banner and one-click sign-ins.
    pub demo: bool,
    /// How long sessions live.
    pub lives: Lives,
    /// The largest file that may be uploaded, in bytes.
    pub upload_max_bytes: u64,
    organisation: Arc<RwLock<String>>,
    stopping: Arc<AtomicBool>,
}

impl Portal {
    /// Over an open store.
    pub async fn new(store: Store, lives: Lives, upload_max_bytes: u64) -> Result<Self, Failure> {
        let mut read = store.read().await?;
        let key = settings::secret(&mut read, settings::SESSION_KEY).await?;
        let demo = settings::get(&mut read, settings::DEMO).await?.is_some();
        let name = settings::get(&mut read, settings::ORGANISATION).await?.unwrap_or_default();
        drop(read);
        let passwords = Passwords::new(store.metrics.clone())?;
        Ok(Self {
            store,
            passwords,
            key: key.into(),
            demo,
            lives,
            upload_max_bytes,
            organisation: Arc::new(RwLock::new(name)),
            stopping: Arc::default(),
        })
    }

    /// The organisation's name.
    pub fn organisation(&self) -> String {
        self.organisation.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// From now on not ready: what balances load sends nothing new, while running requests finish.
    pub fn stop(&self) {
        self.stopping.store(true, Ordering::Release);
    }

    /// Whether [`Portal::stop`] was called.
    pub fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Acquire)
    }

    /// To be called when the organisation's name was changed.
    pub fn renamed(&self, name: String) {
        *self.organisation.write().unwrap_or_else(PoisonError::into_inner) = name;
    }
}

/// Every route of the portal.
pub fn routes(config: &mut ServiceConfig, portal: &Portal) {
    let sessions = SessionMiddleware::builder(session::Sessions::new(portal.store.clone(), portal.lives), Key::from(&portal.key))
        .cookie_name(SESSION_COOKIE.to_owned())
        .cookie_secure(true)
        .cookie_http_only(true)
        .cookie_same_site(SameSite::Lax)
        .cookie_content_security(CookieContentSecurity::Signed)
        .session_lifecycle(BrowserSession::default())
        .build();
    config.app_data(web::Data::new(portal.clone()));
    config.service(
        scope("")
            .wrap(sessions)
            .wrap(from_fn(frame::around))
            .wrap(Compress::default())
            // Open to everybody.
            .route("/a/{hash}/{file}", get().to(assets::serve))
            .route("/signed-out.css", get().to(assets::signed_out))
            .route("/healthz", get().to(health::alive))
            .route("/readyz", get().to(health::ready))
            .route("/metrics", get().to(health::metrics))
            .service(resource("/sign-in").route(get().to(sign_in::page)).route(post().to(sign_in::submit)))
            .route("/demo/sign-in", post().to(sign_in::demo))
            .route("/sign-out", post().to(sign_in::out))
            .route("/signed-out", get().to(sign_in::signed_out)),
    );
}
