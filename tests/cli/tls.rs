//! TLS of the portal's own, and the authority of the database's.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustls::pki_types::ServerName;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned, SupportedProtocolVersion, version};

use super::{Serving, done, run};
use crate::support::certificates::{Authority, private};
use crate::support::cluster::Cluster;

type Stream = StreamOwned<ClientConnection, TcpStream>;

/// A portal with a certificate of the authority, and another authority's key beside it.
fn home(authority: &Authority) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    authority.issue("localhost", folder.path(), "portal");
    std::fs::write(folder.path().join("counterfoil.toml"), CONFIG).unwrap();
    folder
}

const CONFIG: &str = "database = \"sqlite:t.db\"\ntls_certificate_file = \"portal.pem\"\ntls_key_file = \"portal.key\"\n\
                      max_connections_per_peer = 6\nworkers = 2\n";

fn connect(address: &str) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    stream
}

/// Somebody who trusts this authority and speaks this version alone.
fn client(authority: &Authority, address: &str, only: &'static SupportedProtocolVersion) -> Result<Stream, std::io::Error> {
    let mut roots = RootCertStore::empty();
    roots.add(rustls::pki_types::CertificateDer::from_pem_slice(authority.pem().as_bytes()).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[only])
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let mut connection = ClientConnection::new(Arc::new(config), ServerName::try_from("localhost").unwrap()).unwrap();
    let mut stream = connect(address);
    while connection.is_handshaking() {
        connection.complete_io(&mut stream)?;
    }
    Ok(StreamOwned::new(connection, stream))
}

fn ask(stream: &mut Stream, path: &str) -> String {
    write!(stream, "GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

fn https(portal: &Serving) -> &str {
    portal.base.strip_prefix("https://").unwrap_or_else(|| panic!("it says {}", portal.base))
}

#[test]
fn current_versions_are_served_and_no_other() {
    let authority = Authority::new();
    let folder = home(&authority);
    let portal = Serving::start(folder.path(), &[]);
    let at = https(&portal);
    for (version, number) in [(&version::TLS13, "TLSv1_3"), (&version::TLS12, "TLSv1_2")] {
        let mut stream = client(&authority, at, version).unwrap();
        assert_eq!(format!("{:?}", stream.conn.protocol_version().unwrap()), number);
        assert_eq!(stream.conn.alpn_protocol(), Some(&b"http/1.1"[..]), "one protocol to hold limits in");
        let answer = ask(&mut stream, "/healthz");
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        assert!(answer.to_lowercase().contains("strict-transport-security: max-age=63072000; includesubdomains"), "{answer}");
    }
    assert!(client(&Authority::new(), at, &version::TLS13).is_err(), "a client that trusts another authority goes away by itself");
    // 70 is `protocol_version`, 40 `handshake_failure` (RFC 8446, 6.2).
    for (version, suite, alert) in [(0x0301, 0xc013, 70), (0x0302, 0xc013, 70), (0x0303, 0xc013, 40), (0x0303, 0x009c, 40)] {
        assert_eq!(greeted(at, version, suite), [21, 2, alert], "version {version:x} with suite {suite:x}");
    }
    assert!(ask(&mut client(&authority, at, &version::TLS13).unwrap(), "/healthz").starts_with("HTTP/1.1 200"));
}

/// What is answered to a greeting in this version that offers this suite alone: the kind of record, the alert's level and its number.
fn greeted(address: &str, version: u16, suite: u16) -> [u8; 3] {
    let groups = [0, 10, 0, 4, 0, 2, 0, 23];
    let points = [0, 11, 0, 2, 1, 0];
    let signatures = [0, 13, 0, 4, 0, 2, 4, 3];
    let extensions = [&groups[..], &points, &signatures].concat();
    let mut hello = version.to_be_bytes().to_vec();
    hello.extend([7; 32]);
    hello.push(0);
    hello.extend([0, 2]);
    hello.extend(suite.to_be_bytes());
    hello.extend([1, 0]);
    hello.extend((extensions.len() as u16).to_be_bytes());
    hello.extend(extensions);
    let length = (hello.len() as u32).to_be_bytes();
    let shake = [&[1], &length[1..], &hello].concat();
    let record = [&[22, 3, 1], &(shake.len() as u16).to_be_bytes()[..], &shake].concat();
    let mut stream = connect(address);
    stream.write_all(&record).unwrap();
    let mut answer = Vec::new();
    // The end of the connection may come as a reset, since nobody reads what was sent.
    let _ = stream.read_to_end(&mut answer);
    assert!(answer.len() == 7, "an alert and the end: {answer:?}");
    [answer[0], answer[5], answer[6]]
}

#[test]
fn whoever_speaks_no_tls_is_let_go_and_holds_no_place() {
    let authority = Authority::new();
    let folder = home(&authority);
    let portal = Serving::start(folder.path(), &[]);
    let at = https(&portal);
    let began = Instant::now();
    let mut plain = connect(at);
    write!(plain, "GET /sign-in HTTP/1.1\r\nhost: localhost\r\n\r\n").unwrap();
    let mut answer = Vec::new();
    let _ = plain.read_to_end(&mut answer);
    assert!(!String::from_utf8_lossy(&answer).contains("HTTP"), "{answer:?}");
    let mut silent: Vec<TcpStream> = (0..20).map(|_| connect(at)).collect();
    assert!(ask(&mut client(&authority, at, &version::TLS13).unwrap(), "/healthz").starts_with("HTTP/1.1 200"));
    for stream in &mut silent {
        let _ = stream.read_to_end(&mut Vec::new());
    }
    assert!(began.elapsed() < Duration::from_secs(15), "{:?}", began.elapsed());
    // The share of one address is that of its connections over TLS as well.
    let open: Vec<Result<Stream, std::io::Error>> = (0..12).map(|_| client(&authority, at, &version::TLS13)).collect();
    let answered = |stream: Stream| {
        let mut stream = stream;
        let asked = write!(stream, "GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n").and_then(|()| stream.flush());
        asked.and_then(|()| stream.read_exact(&mut [0; 12])).is_ok().then_some(stream)
    };
    let held: Vec<Stream> = open.into_iter().flatten().filter_map(answered).collect();
    assert_eq!(held.len(), 6);
}

/// What `serve` says before it ends.
fn refused(folder: &Path) -> String {
    let ended = run(folder, &["serve", "--listen", "127.0.0.1:0"]);
    assert_eq!(ended.code, 3, "{}{}", ended.out, ended.err);
    ended.err
}

#[test]
fn a_certificate_that_cannot_be_used_is_refused_at_the_start() {
    let authority = Authority::new();
    let folder = home(&authority);
    let at = |name: &str| folder.path().join(name);
    authority.issue("localhost", folder.path(), "other");
    let key = std::fs::read(at("portal.key")).unwrap();
    private(&at("portal.key"), &std::fs::read(at("other.key")).unwrap());
    assert!(refused(folder.path()).contains("it is not the key of the certificate"));
    private(&at("portal.key"), b"nothing");
    assert!(refused(folder.path()).contains("there is no private key in it"));
    private(&at("portal.key"), &key);
    std::fs::write(at("portal.pem"), "nothing").unwrap();
    assert!(refused(folder.path()).contains("there is no certificate in it"));
    std::fs::remove_file(at("portal.pem")).unwrap();
    assert!(refused(folder.path()).contains("the file cannot be read"));
    authority.issue("localhost", folder.path(), "portal");
    std::fs::set_permissions(at("portal.key"), std::os::unix::fs::PermissionsExt::from_mode(0o644)).unwrap();
    assert!(refused(folder.path()).contains("chmod 600"));
    std::fs::write(at("counterfoil.toml"), CONFIG.replace("tls_key_file = \"portal.key\"\n", "")).unwrap();
    assert!(refused(folder.path()).contains("tls_key_file is not set"));
}

#[test]
fn the_doctor_says_whether_browsers_will_believe_it() {
    let folder = home(&Authority::new());
    std::fs::write(folder.path().join("counterfoil.toml"), format!("{CONFIG}public_url = \"https://localhost:8443\"\n")).unwrap();
    let told = done(folder.path(), &["doctor"]);
    assert!(told.contains("a browser would not believe it for localhost: no public authority has issued it"), "{told}");
}

#[test]
fn a_database_is_believed_by_its_own_authority_alone() {
    let (authority, other) = (Authority::new(), Authority::new());
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("own.pem"), authority.pem()).unwrap();
    std::fs::write(folder.path().join("other.pem"), other.pem()).unwrap();
    let cluster = Cluster::start(Some(&authority));
    let url =
        |host: &str, roots: &str| format!("{}?sslmode=verify-full&sslrootcert={}", cluster.url(host), folder.path().join(roots).display());
    done(folder.path(), &["migrate", "--database", &url("localhost", "own.pem")]);
    for (host, roots) in [("localhost", "other.pem"), ("127.0.0.1", "own.pem")] {
        let ended = run(folder.path(), &["migrate", "--database", &url(host, roots)]);
        assert_ne!(ended.code, 0, "{host} with {roots}: {}", ended.out);
        assert!(ended.err.to_lowercase().contains("certificate"), "{host} with {roots}: {}", ended.err);
    }
    let portal = Serving::start(folder.path(), &["--database", &url("localhost", "own.pem")]);
    let mut stream = connect(portal.address());
    write!(stream, "GET /readyz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

#[test]
fn a_certificate_stands_in_for_the_database_password() {
    let (authority, other) = (Authority::new(), Authority::new());
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("own.pem"), authority.pem()).unwrap();
    authority.issue_to("counterfoil", folder.path(), "portal");
    authority.issue_to("somebody", folder.path(), "somebody");
    other.issue_to("counterfoil", folder.path(), "forged");
    let cluster = Cluster::start(Some(&authority));
    cluster.ask_for_certificates(&authority);
    let with = |name: &str| {
        let at = |file: &str| folder.path().join(file).display().to_string();
        format!(
            "postgres://counterfoil@localhost:{}/postgres?sslmode=verify-full&sslrootcert={}&sslcert={}&sslkey={}",
            cluster.port(),
            at("own.pem"),
            at(&format!("{name}.pem")),
            at(&format!("{name}.key"))
        )
    };
    let password = format!("{}?sslmode=verify-full&sslrootcert={}", cluster.url("localhost"), folder.path().join("own.pem").display());
    for url in [with("somebody"), with("forged"), password] {
        let ended = run(folder.path(), &["migrate", "--database", &url]);
        assert!(ended.code != 0 && !ended.err.contains("panicked"), "{url}: {ended:?}");
    }
    let url = with("portal");
    done(folder.path(), &["migrate", "--database", &url]);
    let mut portal = Serving::start(folder.path(), &["--database", &url]);
    let mut stream = connect(portal.address());
    write!(stream, "GET /readyz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    portal.signal("TERM");
    assert_eq!(portal.end().0.code(), Some(0));
    done(folder.path(), &["backup", "--database", &url, "copy.archive"]);
    assert!(std::fs::metadata(folder.path().join("copy.archive")).unwrap().len() > 10_000, "PostgreSQL's own programs use it too");
}
