//! The HTTP server: binding, limits, and stopping.

use std::net::{SocketAddr, TcpListener};
use std::time::Duration;

use actix_web::{App, HttpServer};
use rustls::ServerConfig;

use super::peers::Peers;
use super::{Portal, routes};
use crate::config::Tls;

/// How long running requests may take once the server has been told to stop, while new connections are still taken and told "not ready".
const DRAIN_WITHIN: Duration = Duration::from_secs(8);
/// How long what still runs then may take with the doors closed, in seconds: ten in all.
const STOP_WITHIN: u64 = 2;
/// How often it is looked whether anything still runs.
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// How long a connection may take to shake hands, and then to send its request line and headers.
const HEAD_WITHIN: Duration = Duration::from_secs(5);
/// How long an idle connection is kept.
const KEEP_ALIVE: Duration = Duration::from_secs(30);

/// How the server runs.
#[derive(Clone, Copy, Debug)]
pub struct Running {
    /// Where it listens; port 0 takes a free one.
    pub listen: SocketAddr,
    /// How many threads answer.
    pub workers: usize,
    /// How many connections are held at once, over all threads.
    pub max_connections: usize,
    /// How many of them one address may hold that is no trusted proxy.
    pub max_connections_per_peer: usize,
}

/// A bound address, before anything is answered.
pub struct Bound {
    listener: TcpListener,
    running: Running,
    tls: Option<Tls>,
}

impl Bound {
    /// Takes the address.
    pub fn to(running: Running) -> std::io::Result<Self> {
        let listener = TcpListener::bind(running.listen)?;
        Ok(Self { listener, running, tls: None })
    }

    /// The same over TLS, where there is a certificate: then nothing else is answered at this address.
    #[must_use]
    pub fn over(mut self, tls: Option<Tls>) -> Self {
        self.tls = tls;
        self
    }

    /// Scheme, address and port.
    pub fn base(&self) -> std::io::Result<String> {
        Ok(format!("{}://{}", if self.tls.is_some() { "https" } else { "http" }, self.address()?))
    }

    /// The address taken.
    pub fn address(&self) -> std::io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Answers until `stop` comes: then it is not ready at once, running requests finish within ten seconds, and this returns.
    pub async fn serve(self, portal: Portal, stop: impl Future<Output = ()>) -> std::io::Result<()> {
        self.serve_until(portal, stop, std::future::pending()).await.map(|_| ())
    }

    /// The same, and where `at_once` comes as well, it returns without waiting for anything. How many requests were cut off.
    ///
    /// Until nothing runs any more connections are taken as before, so that whatever balances load can ask and be told "not ready"; then idle
    /// connections are closed.
    pub async fn serve_until(
        self,
        portal: Portal,
        stop: impl Future<Output = ()>,
        at_once: impl Future<Output = ()>,
    ) -> std::io::Result<usize> {
        let shared = portal.clone();
        let peers = Peers::new(self.running.max_connections_per_peer, portal.trusted_proxies.clone());
        let server = HttpServer::new(move || App::new().configure(|config| routes(config, &shared)))
            .on_connect(move |connection, data| peers.greet(connection, data))
            .workers(self.running.workers.max(1))
            .max_connections((self.running.max_connections / self.running.workers.max(1)).max(16))
            .client_request_timeout(HEAD_WITHIN)
            .tls_handshake_timeout(HEAD_WITHIN)
            .keep_alive(KEEP_ALIVE)
            .shutdown_timeout(STOP_WITHIN)
            .tcp_nodelay(true)
            .disable_signals();
        let server = match self.tls {
            Some(tls) => server.listen_rustls_0_23(self.listener, ServerConfig::clone(&tls.server))?,
            None => server.listen(self.listener)?,
        };
        let server = server.run();
        let handle = server.handle();
        let running = tokio::spawn(server);
        stop.await;
        portal.stop();
        let gracefully = async {
            // What drains the requests is not the clock of the business: a test that holds the time still must stop as well.
            let drained = async {
                while portal.running() > 0 {
                    tokio::time::sleep(LOOK_EVERY).await;
                }
            };
            let _ = tokio::time::timeout(DRAIN_WITHIN, drained).await;
            handle.stop(true).await;
        };
        let cut_off = tokio::select! {
            () = gracefully => 0,
            () = at_once => {
                let cut_off = portal.running();
                handle.stop(false).await;
                cut_off
            }
        };
        running.await.map_err(std::io::Error::other)??;
        Ok(cut_off)
    }
}
