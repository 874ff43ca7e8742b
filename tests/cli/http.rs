//! What a parser or a router refuses: every answer is a page of ours, with all its headers.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use super::Serving;

const HEADERS: &[&str] = &[
    "content-security-policy: default-src 'none'",
    "x-content-type-options: nosniff",
    "referrer-policy: same-origin",
    "cross-origin-opener-policy: same-origin",
    "strict-transport-security: max-age=",
    "x-request-id: ",
    "cache-control: ",
];

/// Sends these bytes and reads until the connection ends.
fn raw(address: &str, text: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    stream.write_all(text.as_bytes()).unwrap();
    let mut answer = Vec::new();
    // The server may end the connection while it is still being written to.
    let _ = stream.read_to_end(&mut answer);
    String::from_utf8_lossy(&answer).into_owned()
}

fn send(address: &str, line: &str, more: &str) -> String {
    raw(address, &format!("{line} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n{more}\r\n"))
}

#[test]
fn every_refusal_is_a_page_with_all_headers() {
    let folder = tempfile::tempdir().unwrap();
    let portal = Serving::start(folder.path(), &["--database", "sqlite:h.db"]);
    let json = "content-type: application/json\r\nsec-fetch-site: same-origin\r\ncontent-length: 2\r\n\r\n{}";
    let cases: &[(&str, &str, &str)] = &[
        ("GET /nowhere", "", "404"),
        ("GET /a/0000000000000000/app.css", "", "404"),
        ("GET /a/%ff/app.css", "", "404"),
        ("TRACE /sign-in", "", "405"),
        ("OPTIONS /sign-in", "", "405"),
        ("DELETE /healthz", "", "405"),
        ("POST /readyz", "content-length: 0\r\n", "405"),
        ("BREW /sign-in", "", "405"),
        ("GET /sign-out", "", "405"),
        ("DELETE /sign-out", "", "405"),
        ("POST /a/0000000000000000/app.css", "content-length: 0\r\n", "405"),
        ("POST /sign-in", json, "415"),
        ("GET /", "", "303"),
        ("GET /healthz", "", "200"),
    ];
    for (line, more, status) in cases {
        let answer = send(portal.address(), line, more);
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{line}: {answer}");
        let head = answer.split("\r\n\r\n").next().unwrap().to_lowercase();
        for header in HEADERS {
            assert!(head.contains(header), "{line} has no {header}: {head}");
        }
        if status.starts_with('4') {
            assert!(head.contains("content-type: text/html; charset=utf-8"), "{line}: {head}");
            assert!(answer.contains("<h1"), "{line}: {answer}");
        }
        assert_eq!(*status == "405", head.contains("\r\nallow: "), "{line}: {head}");
        let allowed = match line.split_once(' ') {
            Some((_, "/sign-out")) => "allow: post\r\n",
            Some((_, "/sign-in")) => "allow: get, head, post\r\n",
            _ => "allow: get, head\r\n",
        };
        assert!(*status != "405" || format!("{head}\r\n").contains(allowed), "{line}: {head}");
        assert!(!head.contains("\r\nserver: "), "{line}: {head}");
    }
}

#[test]
fn head_is_get_without_a_body() {
    let folder = tempfile::tempdir().unwrap();
    let portal = Serving::start(folder.path(), &["--database", "sqlite:h.db"]);
    for path in ["/healthz", "/sign-in", "/nowhere", "/signed-out.css"] {
        let (get, head) = (send(portal.address(), &format!("GET {path}"), ""), send(portal.address(), &format!("HEAD {path}"), ""));
        assert_eq!(get.lines().next(), head.lines().next(), "{path}");
        let (_, body) = head.split_once("\r\n\r\n").unwrap();
        assert_eq!(body, "", "{path}");
    }
}

#[test]
fn what_is_malformed_or_too_large_is_refused_and_the_portal_lives() {
    let folder = tempfile::tempdir().unwrap();
    let portal = Serving::start(folder.path(), &["--database", "sqlite:h.db"]);
    let at = portal.address();
    let form = "content-type: application/x-www-form-urlencoded\r\nsec-fetch-site: same-origin\r\n";
    let cases = [
        (raw(at, "GET / HTTP/9.9\r\n\r\n"), "400"),
        (raw(at, "nonsense\r\n\r\n"), "400"),
        (raw(at, "GET / HTTP/1.1\r\nhost: x\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n"), "400"),
        (raw(at, "POST / HTTP/1.1\r\nhost: x\r\ncontent-length: -1\r\n\r\n"), "400"),
        (send(at, "GET /healthz", &format!("x-large: {}\r\n", "a".repeat(200_000))), "431"),
        (send(at, "POST /sign-in", &format!("{form}content-length: 999999999\r\n")), "413"),
        // In pieces, so that nobody knows beforehand how much it is.
        (send(at, "POST /sign-in", &format!("{form}transfer-encoding: chunked\r\n\r\n{}0\r\n", piece(300_000))), "413"),
        (raw(at, "POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 3\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n"), "400"),
        (send(at, "GET /healthz", &(0..300).map(|at| format!("x-{at}: 1\r\n")).collect::<String>()), "431"),
        (send(at, &format!("GET /{}", "a".repeat(70_000)), ""), "400"),
        (send(at, "GET /transactions/%00", ""), "400"),
        // A packed body is not unpacked: these bytes are no form.
        (send(at, "POST /sign-in", &format!("{form}content-encoding: gzip\r\ncontent-length: 9\r\n\r\n\x1f\x0b\x08csrf=a")), "403"),
    ];
    for (answer, status) in cases {
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{status}: {}", &answer[..answer.len().min(300)]);
    }
    assert!(send(at, "GET /healthz", "").starts_with("HTTP/1.1 200"));
}

/// One chunk of a body.
fn piece(size: usize) -> String {
    format!("{size:x}\r\n{}\r\n", "a".repeat(size))
}

/// Sixty who say nothing and sixty who send a byte now and then: neither keeps anybody else waiting, and none stays for ever.
#[test]
fn whoever_is_slow_is_let_go_and_nobody_waits_for_it() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("counterfoil.toml"), "request_body_timeout_seconds = 2\n").unwrap();
    let portal = Serving::start(folder.path(), &["--database", "sqlite:h.db"]);
    let slow = |text: &str| {
        let mut stream = TcpStream::connect(portal.address()).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        stream.write_all(text.as_bytes()).unwrap();
        stream
    };
    let form = "content-type: application/x-www-form-urlencoded\r\nsec-fetch-site: same-origin\r\ncontent-length: 100";
    let body = format!("POST /sign-in HTTP/1.1\r\nhost: x\r\n{form}\r\n\r\ncsrf");
    let mut open: Vec<TcpStream> =
        (0..120).map(|at| slow(if at % 2 == 0 { "GET /sign-in HTTP/1.1\r\nhost: x\r\nx-a: " } else { &body })).collect();
    let began = Instant::now();
    assert!(send(portal.address(), "GET /healthz", "").starts_with("HTTP/1.1 200"));
    assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
    for stream in &mut open {
        // Until the end of the connection, whatever is said before it.
        let _ = stream.read_to_end(&mut Vec::new());
    }
    assert!(began.elapsed() < Duration::from_secs(15), "{:?}", began.elapsed());
}

#[test]
fn metrics_are_for_this_machine_and_proxies_are_believed_only_where_they_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let open = Serving::start(folder.path(), &["--database", "sqlite:h.db"]);
    let asked = |portal: &Serving, more: &str| send(portal.address(), "GET /metrics", more).lines().next().unwrap_or_default().to_owned();
    assert!(asked(&open, "").contains("200"));
    assert!(asked(&open, "x-forwarded-for: 127.0.0.1\r\n").contains("404"), "a proxy that nobody named");
    drop(open);
    std::fs::write(folder.path().join("counterfoil.toml"), "trusted_proxies = [\"127.0.0.1\"]\n").unwrap();
    let behind = Serving::start(folder.path(), &["--database", "sqlite:h.db"]);
    assert!(asked(&behind, "").contains("200"));
    assert!(asked(&behind, "x-forwarded-for: 198.51.100.7\r\n").contains("404"));
    assert!(asked(&behind, "x-forwarded-for: 127.0.0.1, 198.51.100.7\r\n").contains("404"), "what the stranger wrote himself");
    for header in
        ["x-forwarded-for: 127.0.0.1", "forwarded: for=127.0.0.1", "x-real-ip: 127.0.0.1", "via: 1.1 front", "x-forwarded-proto: https"]
    {
        assert!(asked(&behind, &format!("{header}\r\n")).contains("404"), "{header}");
    }
}

#[test]
fn one_address_holds_its_share_of_the_connections_and_a_trusted_proxy_as_many_as_there_are() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("counterfoil.toml");
    std::fs::write(&config, "max_connections_per_peer = 6\nworkers = 2\n").unwrap();
    let portal = Serving::start(folder.path(), &["--database", "sqlite:h.db"]);
    let idle = |portal: &Serving| -> Vec<TcpStream> {
        let open = |_| {
            let mut stream = TcpStream::connect(portal.address()).unwrap();
            stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
            let asked = format!("GET /healthz HTTP/1.1\r\nhost: {}\r\n\r\n", portal.address());
            // The portal may have ended it already.
            let _ = stream.write_all(asked.as_bytes());
            stream
        };
        (0..20).map(open).collect()
    };
    let answered = |streams: &mut Vec<TcpStream>| {
        streams.iter_mut().filter_map(|stream| stream.read(&mut [0; 12]).ok()).filter(|read| *read == 12).count()
    };
    let mut open = idle(&portal);
    assert_eq!(answered(&mut open), 6, "as many as it may");
    assert!(!raw(portal.address(), "GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n").contains("200"), "no more");
    drop(open);
    let began = Instant::now();
    while !send(portal.address(), "GET /healthz", "").starts_with("HTTP/1.1 200") {
        assert!(began.elapsed() < Duration::from_secs(10), "a place is free when its connection has ended");
        std::thread::sleep(Duration::from_millis(20));
    }
    drop(portal);
    std::fs::write(&config, "max_connections_per_peer = 6\nworkers = 2\ntrusted_proxies = [\"127.0.0.0/8\"]\n").unwrap();
    let behind = Serving::start(folder.path(), &["--database", "sqlite:h.db"]);
    assert_eq!(answered(&mut idle(&behind)), 20);
}
