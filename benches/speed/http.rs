//! A small HTTP/1.1 client over sockets that are kept open, so that the measured server and not the client decides the figures.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

/// The largest head that is read.
const HEAD_MOST: usize = 64 * 1024;

/// An open connection.
pub struct Connection {
    stream: BufReader<TcpStream>,
    head: Vec<u8>,
}

/// What stood in the head of an answer.
#[derive(Clone, Debug)]
pub struct Head {
    /// The status.
    pub status: u16,
    /// The lines, with lower-case names.
    pub lines: Vec<(String, String)>,
}

impl Head {
    fn value(&self, name: &str) -> Option<&str> {
        self.lines.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

impl Connection {
    /// Connects.
    pub async fn open(address: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream: BufReader::with_capacity(64 * 1024, stream), head: Vec::with_capacity(2048) })
    }

    /// Sends a request and reads the head of its answer.
    pub async fn ask(&mut self, request: &[u8]) -> Result<Head> {
        self.stream.write_all(request).await?;
        self.head.clear();
        loop {
            let read = self.stream.read_until(b'\n', &mut self.head).await?;
            ensure!(read > 0 && self.head.len() < HEAD_MOST, "the connection ended within a head");
            if self.head.ends_with(b"\r\n\r\n") {
                break;
            }
        }
        let text = String::from_utf8_lossy(&self.head);
        let mut lines = text.lines();
        let status = lines.next().and_then(|line| line.split(' ').nth(1)).and_then(|code| code.parse().ok()).context("no status")?;
        let lines = lines.filter_map(|line| line.split_once(':')).map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()));
        Ok(Head { status, lines: lines.collect() })
    }

    /// Reads the body, piece by piece; its length.
    pub async fn body(&mut self, head: &Head, mut take: impl FnMut(&[u8])) -> Result<u64> {
        if head.value("transfer-encoding") != Some("chunked") {
            let length = head.value("content-length").and_then(|value| value.parse().ok()).unwrap_or(0);
            self.exactly(length, &mut take).await?;
            return Ok(length);
        }
        let (mut all, mut line) = (0, String::new());
        loop {
            line.clear();
            self.stream.read_line(&mut line).await?;
            let length = u64::from_str_radix(line.trim(), 16).context("a chunk without its length")?;
            self.exactly(length, &mut take).await?;
            self.stream.read_exact(&mut [0; 2]).await?;
            all += length;
            if length == 0 {
                return Ok(all);
            }
        }
    }

    async fn exactly(&mut self, mut left: u64, take: &mut impl FnMut(&[u8])) -> Result<()> {
        while left > 0 {
            let there = self.stream.fill_buf().await?;
            ensure!(!there.is_empty(), "the connection ended within a body");
            let now = there.len().min(usize::try_from(left).unwrap_or(usize::MAX));
            take(there.get(..now).unwrap_or_default());
            self.stream.consume(now);
            left -= now as u64;
        }
        Ok(())
    }

    /// Sends a request and throws its body away; refuses any status but 200.
    pub async fn fetch(&mut self, request: &[u8]) -> Result<u64> {
        let head = self.ask(request).await?;
        ensure!(head.status == 200, "status {} for {}", head.status, String::from_utf8_lossy(request.get(..80).unwrap_or(request)));
        self.body(&head, |_| {}).await
    }
}

/// Somebody who is signed in.
pub struct Person {
    address: SocketAddr,
    cookies: Vec<(String, String)>,
}

impl Person {
    /// Signs in with the demo's one click.
    pub async fn sign_in(address: SocketAddr, name: &str) -> Result<Self> {
        let mut person = Self { address, cookies: Vec::new() };
        let (_, page) = person.send("GET", "/sign-in", None).await?;
        let (before, _) = page.split_once(&format!("<span class=\"name\">{name}</span>")).with_context(|| format!("no {name}"))?;
        let id = before.rsplit_once("value=\"").and_then(|(_, rest)| rest.split_once('"')).context("no id")?.0.to_owned();
        let form = format!("csrf={}&next=&person={id}", field(&page, "csrf")?);
        let (head, _) = person.send("POST", "/demo/sign-in", Some(form)).await?;
        ensure!(head.status == 303, "signing in was answered with {}", head.status);
        Ok(person)
    }

    /// A GET that asks for gzip, as a browser does.
    pub fn get(&self, path: &str) -> Vec<u8> {
        let cookies = self.cookie_line();
        format!("GET {path} HTTP/1.1\r\nHost: {}\r\n{cookies}Accept-Encoding: gzip\r\n\r\n", self.address).into_bytes()
    }

    /// A GET that wants the bytes as they are, as a file is downloaded by a program.
    pub fn get_plain(&self, path: &str) -> Vec<u8> {
        let cookies = self.cookie_line();
        format!("GET {path} HTTP/1.1\r\nHost: {}\r\n{cookies}Accept-Encoding: identity\r\n\r\n", self.address).into_bytes()
    }

    fn cookie_line(&self) -> String {
        let pairs: Vec<String> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        if pairs.is_empty() { String::new() } else { format!("Cookie: {}\r\n", pairs.join("; ")) }
    }

    /// Asks for an export of a list; the path of its file.
    pub async fn make_export(&mut self, query: &str) -> Result<String> {
        let (_, page) = self.send("GET", &format!("/exports/new?{query}"), None).await?;
        let (token, key) = (field(&page, "csrf")?, field(&page, "key")?);
        let form = format!("csrf={token}&key={key}&query={}&columns=all&format=machine", query.replace('&', "%26"));
        let (head, body) = self.send("POST", "/exports", Some(form)).await?;
        match head.value("location") {
            Some(path) if head.status == 303 => Ok(path.to_owned()),
            _ => bail!("an export was answered with {}: {body}", head.status),
        }
    }

    async fn send(&mut self, method: &str, path: &str, form: Option<String>) -> Result<(Head, String)> {
        let (host, cookies, body) = (self.address, self.cookie_line(), form.unwrap_or_default());
        let mut request = format!("{method} {path} HTTP/1.1\r\nHost: {host}\r\n{cookies}");
        if method == "POST" {
            let kind = "application/x-www-form-urlencoded";
            request.push_str(&format!("Origin: http://{host}\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n", body.len()));
        }
        let mut connection = Connection::open(self.address).await?;
        let head = connection.ask(format!("{request}\r\n{body}").as_bytes()).await?;
        let mut bytes = Vec::new();
        connection.body(&head, |piece| bytes.extend_from_slice(piece)).await?;
        for (_, line) in head.lines.iter().filter(|(name, _)| name == "set-cookie") {
            if let Some((name, value)) = line.split(';').next().and_then(|pair| pair.split_once('=')) {
                self.cookies.retain(|(known, _)| known != name);
                self.cookies.push((name.to_owned(), value.to_owned()));
            }
        }
        Ok((head, String::from_utf8_lossy(&bytes).into_owned()))
    }
}

/// The value of the first input of this name.
fn field(page: &str, name: &str) -> Result<String> {
    let rest = page.split_once(&format!("name=\"{name}\"")).map(|(_, rest)| rest);
    let value = rest.and_then(|rest| rest.split_once("value=\"")).and_then(|(_, rest)| rest.split_once('"'));
    Ok(value.with_context(|| format!("no field {name}"))?.0.replace("&amp;", "&"))
}

/// Requests a second over so many connections, from one thread of its own as the usual load generators do; requests are taken in turn.
pub async fn load(address: SocketAddr, requests: Vec<Vec<u8>>, connections: usize, time: Duration) -> Result<f64> {
    tokio::task::spawn_blocking(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let local = tokio::task::LocalSet::new();
        local.block_on(&runtime, async move {
            let (requests, done) = (Arc::new(requests), Arc::new(AtomicU64::new(0)));
            let begun = Instant::now();
            let mut workers = Vec::new();
            for _ in 0..connections {
                let (requests, done) = (requests.clone(), done.clone());
                workers.push(tokio::task::spawn_local(async move {
                    let mut connection = Connection::open(address).await?;
                    while begun.elapsed() < time {
                        let turn = done.fetch_add(1, Ordering::Relaxed) as usize;
                        let request = requests.get(turn % requests.len()).context("nothing to ask")?;
                        connection.fetch(request).await?;
                    }
                    Ok::<(), anyhow::Error>(())
                }));
            }
            for worker in workers {
                worker.await??;
            }
            Ok(done.load(Ordering::Relaxed) as f64 / begun.elapsed().as_secs_f64())
        })
    })
    .await?
}
