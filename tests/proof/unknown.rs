//! A commit of which nobody knows whether it was done: the connection went away with the answer.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use counterfoil::actions::audit_keys;
use counterfoil::clock::{Clock, Random};
use counterfoil::metrics::Metrics;
use counterfoil::store::checkpoints as kept;
use counterfoil::store::failure::Failure;
use counterfoil::store::{Options, Store};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::support::app::{Company, NOW};
use crate::support::database::{TestDb, address};

/// A wire to the cluster. Once it is `armed`, the next commit reaches the server and its answer nobody.
async fn wire(listener: TcpListener, to: String, armed: Arc<AtomicBool>) {
    while let Ok((here, _)) = listener.accept().await {
        let there = TcpStream::connect(&to).await.unwrap();
        tokio::spawn(carry(here, there, armed.clone()));
    }
}

async fn carry(here: TcpStream, there: TcpStream, armed: Arc<AtomicBool>) {
    let ((mut from_us, mut to_us), (mut from_server, mut to_server)) = (here.into_split(), there.into_split());
    let lost = AtomicBool::new(false);
    let asked = async {
        let mut piece = vec![0; 65_536];
        while let Ok(count @ 1..) = from_us.read(&mut piece).await {
            if piece[..count].windows(6).any(|word| word == b"COMMIT") && armed.swap(false, Ordering::SeqCst) {
                lost.store(true, Ordering::SeqCst);
            }
            if to_server.write_all(&piece[..count]).await.is_err() {
                return;
            }
        }
    };
    let answered = async {
        let mut piece = vec![0; 65_536];
        while let Ok(count @ 1..) = from_server.read(&mut piece).await {
            if lost.load(Ordering::SeqCst) || to_us.write_all(&piece[..count]).await.is_err() {
                return;
            }
        }
    };
    tokio::select! {
        () = asked => {}
        () = answered => {}
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_the_trail_may_know_by_now_is_kept() {
    let db = TestDb::postgres().await;
    let url = db.url.clone();
    let (company, folder) = (Company::found(db).await, tempfile::tempdir().unwrap());
    let cluster = address("");
    let (before, host) = cluster.split_once('@').unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let place = listener.local_addr().unwrap();
    let armed = Arc::new(AtomicBool::new(false));
    let wire = tokio::spawn(wire(listener, host.trim_end_matches('/').to_owned(), armed.clone()));
    let through = format!("{before}@{place}/{}", url.rsplit('/').next().unwrap());
    let store = Store::open(&Options::of(through), Clock::fixed(NOW), Random::system(), Arc::new(Metrics::new())).await.unwrap();

    let key = folder.path().join("key");
    armed.store(true, Ordering::SeqCst);
    let begun = audit_keys::ensure(&store, &key).await.map(|signer| signer.public().to_string());
    assert!(matches!(begun, Err(Failure::Db(_))), "{begun:?}");
    assert!(!armed.load(Ordering::SeqCst), "it was the commit that was lost");
    let known = kept::key(&mut company.store.lone()).await.unwrap();
    assert!(known.is_some(), "the commit was done");
    let waiting: Vec<_> = std::fs::read_dir(folder.path()).unwrap().map(|file| file.unwrap().file_name()).collect();
    assert_eq!(waiting.len(), 1, "the only copy of the key is there: {waiting:?}");
    // Whoever comes next finds it and puts it in place.
    let signer = audit_keys::ensure(&store, &key).await.unwrap();
    assert_eq!(Some(signer.public().to_string()), known);
    assert_eq!(std::fs::read_to_string(&key).unwrap(), signer.secret());
    store.close().await;
    wire.abort();
}
