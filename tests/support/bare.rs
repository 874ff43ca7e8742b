//! A running portal over a store of somebody else.

use counterfoil::store::Store;
use counterfoil::web::server::{Bound, Running};
use counterfoil::web::{Lives, Portal};

use super::app::Client;

/// A portal over a store that holds whatever it holds, for as long as this lives.
pub struct BareApp {
    base: String,
    _stop: tokio::sync::oneshot::Sender<()>,
}

impl BareApp {
    /// Starts it on a free port.
    pub async fn over(store: Store) -> Self {
        Self::of(store, false, None).await
    }

    /// The same where links to choose a password are mailed.
    pub async fn mailing(store: Store) -> Self {
        Self::of(store, true, None).await
    }

    /// The same, mailing or not, at an address of its own.
    pub async fn of(store: Store, mails: bool, address: Option<&str>) -> Self {
        let portal = Portal::new(store, Lives { idle: 15 * 60, absolute: 12 * 3600 }, 64 << 20).await.unwrap().mailing(mails).at(address);
        let bound =
            Bound::to(Running { listen: "127.0.0.1:0".parse().unwrap(), workers: 1, max_connections: 64, max_connections_per_peer: 64 })
                .unwrap();
        let base = format!("http://{}", bound.address().unwrap());
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        tokio::spawn(async move { bound.serve(portal, async move { drop(stopped.await) }).await });
        Self { base, _stop: stop }
    }

    /// Somebody who has not signed in.
    pub fn anonymous(&self) -> Client {
        Client::at(&self.base)
    }
}
