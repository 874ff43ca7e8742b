//! Two hundred who never finish their headers and two hundred who never finish their form: all are let go, and nobody else waits for them.

use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

use super::{figure, times};
use crate::cli::Serving;
use crate::support::app::{Client, Company};
use crate::support::database::TestDb;

const EACH: usize = 200;

/// Says `text`, then a byte a second, from one of eight addresses; how long it was borne.
async fn trickle(address: String, at: usize, text: &'static str) -> Duration {
    let began = Instant::now();
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(format!("127.0.0.{}:0", 2 + at % 8).parse().unwrap()).unwrap();
    let mut stream: TcpStream = socket.connect(address.parse().unwrap()).await.unwrap();
    stream.write_all(text.as_bytes()).await.unwrap();
    let (mut read, mut write) = stream.split();
    let mut answer = [0; 4096];
    loop {
        tokio::select! {
            // What is said before the end does not count as one.
            said = read.read(&mut answer) => if said.is_err() || said.is_ok_and(|bytes| bytes == 0) { return began.elapsed() },
            () = tokio::time::sleep(Duration::from_secs(1)) => if write.write_all(b"a").await.is_err() { return began.elapsed() },
        }
        assert!(began.elapsed() < Duration::from_mins(1), "it is borne for ever");
    }
}

/// Four people who look at a list for so long: how long the slowest of a hundred of their requests took.
async fn p99(base: &str, person: &str, span: Duration) -> Duration {
    let mut people = Vec::new();
    for _ in 0..4 {
        let client = Client::at(base);
        assert_eq!(client.sign_in(person).await.status, 303);
        people.push(tokio::spawn(async move {
            let (began, mut took) = (Instant::now(), Vec::new());
            while began.elapsed() < span {
                let asked = Instant::now();
                assert_eq!(client.get("/budgets").await.status, 200);
                took.push(asked.elapsed());
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            took
        }));
    }
    let mut all = Vec::new();
    for person in people {
        all.extend(person.await.unwrap());
    }
    all.sort();
    all[(all.len() * 99 / 100).min(all.len() - 1)]
}

#[tokio::test(flavor = "multi_thread")]
async fn four_hundred_slow_connections_are_let_go_and_nobody_waits_for_them() {
    let (db, folder) = (TestDb::sqlite(), tempfile::tempdir().unwrap());
    let url = db.url.clone();
    let company = Company::found(db).await;
    let person = company.people["Nora North"].to_string();
    company.store.close().await;
    let portal = Serving::start(folder.path(), &["--database", &url]);
    let span = Duration::from_secs(times("SLOW", 2, 8));
    let alone = p99(&portal.base, &person, span).await;
    let head = "GET /sign-in HTTP/1.1\r\nhost: x\r\nx-slow: ";
    let body = "POST /sign-in HTTP/1.1\r\nhost: x\r\ncontent-type: application/x-www-form-urlencoded\r\nsec-fetch-site: same-origin\r\n\
                content-length: 1000\r\n\r\ncsrf=";
    let slow =
        |text: &'static str| -> Vec<_> { (0..EACH).map(|at| tokio::spawn(trickle(portal.address().to_owned(), at, text))).collect() };
    let (heads, bodies) = (slow(head), slow(body));
    tokio::time::sleep(Duration::from_millis(300)).await;
    // Heads are let go within five seconds, bodies within ten: this is among both, then among bodies.
    let among = p99(&portal.base, &person, span).await;
    let mut longest = [Duration::ZERO; 2];
    for (kind, all) in [heads, bodies].into_iter().enumerate() {
        for one in all {
            longest[kind] = longest[kind].max(one.await.unwrap());
        }
    }
    assert!(longest.iter().all(|time| *time <= Duration::from_secs(30)), "{longest:?}");
    figure(&format!(
        "slow: {EACH} heads let go within {:.1} s, {EACH} bodies within {:.1} s; p99 of a list {:.1} ms alone, {:.1} ms among them ({:.2} ×)",
        longest[0].as_secs_f64(),
        longest[1].as_secs_f64(),
        alone.as_secs_f64() * 1e3,
        among.as_secs_f64() * 1e3,
        among.as_secs_f64() / alone.as_secs_f64()
    ));
    let client = Client::at(&portal.base);
    assert_eq!(client.get("/readyz").await.status, 200);
}
