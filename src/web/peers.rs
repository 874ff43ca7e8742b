//! How many connections one address may hold, so that nobody holds them all. Whoever opens more sees them ended at once. A proxy that is trusted
//! stands for many people: its only limit is that of all connections together.

use std::any::Any;
use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr, Shutdown, TcpStream};
use std::os::fd::AsFd;
use std::sync::{Arc, Mutex, PoisonError};

use actix_tls::accept::rustls_0_23::TlsStream;
use actix_web::dev::Extensions;
use actix_web::rt::net::TcpStream as Accepted;

use crate::config::Network;

/// The connections of every address.
pub(super) struct Peers {
    most: usize,
    exempt: Arc<[Network]>,
    held: Mutex<HashMap<IpAddr, usize>>,
}

/// One connection; when it is dropped with its connection, its place is free again.
struct Held {
    peers: Arc<Peers>,
    address: IpAddr,
}

impl Peers {
    /// At most `most` connections each, but as many as they like for those who are exempt.
    pub fn new(most: usize, exempt: Arc<[Network]>) -> Arc<Self> {
        Arc::new(Self { most: most.max(1), exempt, held: Mutex::default() })
    }

    /// To be called with every connection that is taken; over TLS that is after the handshake, which has a few seconds and no more.
    pub fn greet(self: &Arc<Self>, connection: &dyn Any, data: &mut Extensions) {
        let within = || connection.downcast_ref::<TlsStream<Accepted>>().map(|stream| stream.get_ref().0);
        let Some(connection) = connection.downcast_ref::<Accepted>().or_else(within) else { return };
        let Ok(peer) = connection.peer_addr() else { return };
        let address = peer.ip().to_canonical();
        if self.exempt.iter().any(|network| network.contains(address)) {
            return;
        }
        match self.take(of_one(address)) {
            Some(held) => drop(data.insert(held)),
            // A second handle on the same socket ends it for both; the server then finds it at its end.
            None => match connection.as_fd().try_clone_to_owned() {
                Ok(handle) => drop(TcpStream::from(handle).shutdown(Shutdown::Both)),
                Err(error) => tracing::warn!(%error, "a connection past an address's limit could not be ended"),
            },
        }
    }

    fn take(self: &Arc<Self>, address: IpAddr) -> Option<Held> {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let count = held.entry(address).or_default();
        if *count >= self.most {
            return None;
        }
        *count += 1;
        Some(Held { peers: self.clone(), address })
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let mut held = self.peers.held.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = held.get_mut(&self.address) {
            *count -= 1;
            if *count == 0 {
                held.remove(&self.address);
            }
        }
    }
}

/// Whom an address stands for: in IPv6 one customer is given 64 bits of it at least (RFC 6177).
fn of_one(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V6(v6) => {
            let [a, b, c, d, ..] = v6.segments();
            Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into()
        }
        v4 @ IpAddr::V4(_) => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_free_again_when_its_connection_ends() {
        let peers = Peers::new(2, Arc::default());
        let (one, other) = (of_one("2001:db8::1".parse().unwrap()), of_one("2001:db8::ffff:2".parse().unwrap()));
        assert_eq!(one, other, "one customer");
        let first = peers.take(one);
        let second = peers.take(other);
        assert!(first.is_some() && second.is_some() && peers.take(one).is_none());
        assert!(peers.take("192.0.2.1".parse().unwrap()).is_some(), "another address has its own");
        drop(first);
        assert!(peers.take(one).is_some());
        drop(second);
        assert!(peers.held.lock().unwrap().is_empty(), "nothing is kept of who has gone");
    }
}
