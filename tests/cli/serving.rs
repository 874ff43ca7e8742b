//! A running portal: how it stops, what a crash loses, and two of them over one PostgreSQL.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use super::Serving;
use crate::support::app::Company;
use crate::support::database::{TestDb, on_both_engines};

/// The status of an answer that came over a connection of one's own.
fn status(answer: &str) -> u16 {
    answer.split(' ').nth(1).and_then(|code| code.parse().ok()).unwrap_or_default()
}

fn ask(address: &str, path: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

/// A form of which half is sent.
fn half_a_form(address: &str) -> TcpStream {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let head = "content-type: application/x-www-form-urlencoded\r\nsec-fetch-site: same-origin\r\ncontent-length: 20";
    write!(stream, "POST /sign-in HTTP/1.1\r\nhost: {address}\r\n{head}\r\n\r\ncsrf=12345").unwrap();
    stream
}

#[test]
fn told_to_stop_it_is_not_ready_at_once_and_finishes_what_runs() {
    let folder = tempfile::tempdir().unwrap();
    let mut portal = Serving::start(folder.path(), &["--database", "sqlite:s.db"]);
    assert_eq!(status(&ask(portal.address(), "/readyz")), 200);
    // A browser that keeps its connection, and somebody whose form is on its way.
    let mut idle = TcpStream::connect(portal.address()).unwrap();
    write!(idle, "GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n").unwrap();
    assert!(idle.read(&mut [0; 4096]).unwrap() > 0);
    let mut slow = half_a_form(portal.address());
    std::thread::sleep(Duration::from_millis(300));
    portal.signal("TERM");
    std::thread::sleep(Duration::from_millis(200));
    assert_eq!(status(&ask(portal.address(), "/readyz")), 503);
    assert_eq!(status(&ask(portal.address(), "/healthz")), 200);
    slow.write_all(b"67890abcde").unwrap();
    let mut answer = [0; 12];
    slow.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"HTTP/1.1 403", "the form came whole, and its token is not ours");
    drop(slow);
    let (ended, took) = portal.end();
    assert_eq!(ended.code(), Some(0));
    assert!(took < Duration::from_secs(4), "{took:?} with nothing left but an idle connection");
}

#[test]
fn with_idle_connections_alone_it_ends_at_once_and_a_second_signal_waits_for_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let mut portal = Serving::start(folder.path(), &["--database", "sqlite:s.db"]);
    let mut idle: Vec<TcpStream> = (0..20).map(|_| TcpStream::connect(portal.address()).unwrap()).collect();
    for stream in idle.iter_mut().take(10) {
        write!(stream, "GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n").unwrap();
        assert!(stream.read(&mut [0; 4096]).unwrap() > 0);
    }
    portal.signal("INT");
    let (ended, took) = portal.end();
    assert!(ended.code() == Some(0) && took < Duration::from_secs(4), "{ended:?} after {took:?}");

    let mut portal = Serving::start(folder.path(), &["--database", "sqlite:s.db"]);
    let slow = half_a_form(portal.address());
    std::thread::sleep(Duration::from_millis(300));
    portal.signal("TERM");
    std::thread::sleep(Duration::from_millis(300));
    portal.signal("TERM");
    let (ended, took) = portal.end();
    assert!(ended.code() == Some(1) && took < Duration::from_secs(1), "{ended:?} after {took:?}");
    drop(slow);
}

#[test]
fn a_body_that_trickles_is_given_up() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("counterfoil.toml"), "request_body_timeout_seconds = 2\n").unwrap();
    let portal = Serving::start(folder.path(), &["--database", "sqlite:s.db"]);
    let (began, mut slow) = (Instant::now(), half_a_form(portal.address()));
    let mut answer = String::new();
    slow.read_to_string(&mut answer).unwrap();
    assert_eq!(status(&answer), 408, "{answer}");
    assert!(began.elapsed() < Duration::from_secs(8), "{:?}", began.elapsed());
    assert!(answer.contains("too slow") && answer.contains("content-security-policy"), "{answer}");
}

/// Signs in as somebody of the demo-like test company, and is told that it was done.
async fn sign_in(base: &str, person: &str) -> bool {
    let http = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
    let Ok(page) = http.get(format!("{base}/sign-in")).header("sec-fetch-site", "same-origin").send().await else { return false };
    let cookie = page.headers().get("set-cookie").map(|set| set.to_str().unwrap().split(';').next().unwrap().to_owned());
    let (Some(cookie), Ok(body)) = (cookie, page.text().await) else { return false };
    let token = body.split_once("name=\"csrf\" ").and_then(|(_, rest)| rest.split('"').nth(1)).unwrap_or_default().to_owned();
    let form = [("csrf", token.as_str()), ("person", person)];
    let sent = http.post(format!("{base}/demo/sign-in")).header("sec-fetch-site", "same-origin").header("cookie", cookie).form(&form);
    sent.send().await.is_ok_and(|answer| answer.status() == 303)
}

async fn signed_in_events(url: &str) -> i64 {
    let pools = counterfoil::store::db_pools::Pools::inspect(url).await.unwrap();
    let mut read = pools.read().await.unwrap();
    let sql = counterfoil::store::db::Sql::new("SELECT count(*) FROM audit_event WHERE action = 'person.signed_in'");
    let count = read.value(sql).await.unwrap();
    let walked = counterfoil::actions::audit::walk(&mut read, |_, _| ()).await.unwrap();
    assert!(matches!(walked, counterfoil::actions::audit::Verdict::Ok { .. }), "{walked:?}");
    drop(read);
    pools.close().await;
    count
}

on_both_engines! {
    async fn killed_in_the_middle_it_loses_nothing_that_it_acknowledged(db: TestDb) {
        let (url, folder) = (db.url.clone(), tempfile::tempdir().unwrap());
        let company = Company::found(db).await;
        let person = company.people["Nora North"].to_string();
        // The store is the portal's alone from here on.
        company.store.close().await;
        let mut acknowledged = 0;
        for round in 0..20u64 {
            let mut portal = Serving::start(folder.path(), &["--database", &url]);
            let base = portal.base.clone();
            let answered = Arc::new(AtomicI64::new(0));
            let people = (0..4).map(|_| {
                let (base, person, answered) = (base.clone(), person.clone(), answered.clone());
                tokio::spawn(async move {
                    while sign_in(&base, &person).await {
                        answered.fetch_add(1, Ordering::AcqRel);
                    }
                })
            });
            let people: Vec<_> = people.collect();
            // Killed among answers, not before the first one: a busy machine may take a while to give it.
            while answered.load(Ordering::Acquire) == 0 {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            tokio::time::sleep(Duration::from_millis(7 * round)).await;
            portal.signal("KILL");
            portal.end();
            for person in people {
                person.await.unwrap();
            }
            acknowledged += answered.load(Ordering::Acquire);
            let stored = signed_in_events(&url).await;
            assert!(stored >= acknowledged, "round {round}: {acknowledged} acknowledged, {stored} stored");
        }
        assert!(acknowledged > 0, "nobody ever signed in");
    }
}

#[tokio::test]
async fn two_portals_share_one_postgresql() {
    let (db, folder) = (TestDb::postgres().await, tempfile::tempdir().unwrap());
    let url = db.url.clone();
    let company = Company::found(db).await;
    let person = company.people["Sara South"].to_string();
    let portals = [(); 2].map(|()| Serving::start(folder.path(), &["--database", &url]));
    let mut people = Vec::new();
    for portal in portals.iter().cycle().take(6) {
        let (base, person) = (portal.base.clone(), person.clone());
        people.push(tokio::spawn(async move {
            for _ in 0..10 {
                assert!(sign_in(&base, &person).await);
            }
        }));
    }
    for person in people {
        person.await.unwrap();
    }
    assert_eq!(signed_in_events(&url).await, 60);
    company.check_audit().await;
    company.store.close().await;
}
