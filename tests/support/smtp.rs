//! A small mail server: it speaks SMTP (RFC 5321) over TCP, and keeps what it is given or refuses it.

use std::sync::atomic::{AtomicU16, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use counterfoil::integrations::smtp::{Post, Server};
use counterfoil::jobs::mail::Mailing;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

/// A letter as it came.
#[derive(Clone, Debug)]
pub struct Taken {
    /// What stood behind MAIL FROM.
    pub from: String,
    /// What stood behind RCPT TO.
    pub to: String,
    /// Headers and text.
    pub data: String,
}

/// The server.
#[derive(Clone)]
pub struct Sink {
    port: u16,
    letters: Arc<Mutex<Vec<Taken>>>,
    answer: Arc<AtomicU16>,
    slow: Arc<AtomicU64>,
}

impl Sink {
    /// Starts it on a free port.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let sink = Self {
            port: listener.local_addr().unwrap().port(),
            letters: Arc::default(),
            answer: Arc::new(AtomicU16::new(250)),
            slow: Arc::default(),
        };
        let serving = sink.clone();
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                tokio::spawn(serving.clone().talk(stream));
            }
        });
        sink
    }

    /// From now on recipients are answered with this code: 250 takes them, 450 asks to come again, 550 refuses.
    pub fn answer(&self, code: u16) {
        self.answer.store(code, Ordering::SeqCst);
    }

    /// From now on it takes so many milliseconds to say that it has taken a letter.
    pub fn slow(&self, millis: u64) {
        self.slow.store(millis, Ordering::SeqCst);
    }

    /// What came so far.
    pub fn letters(&self) -> Vec<Taken> {
        self.letters.lock().unwrap().clone()
    }

    /// A way to send to it, with links below `base`.
    pub fn mailing(&self, base: &str) -> Mailing {
        mailing(self.port, base)
    }

    /// The same server, called by another name of this machine.
    pub fn called(&self, host: &str) -> Post {
        let from = "counterfoil@rewards.example".to_owned();
        Post::to(&Server { host: host.to_owned(), port: self.port, implicit_tls: false, credentials: None, from }).unwrap()
    }

    async fn talk(self, stream: TcpStream) {
        let (read, mut write) = stream.into_split();
        let mut lines = BufReader::new(read).lines();
        write.write_all(b"220 sink.example\r\n").await.unwrap();
        let (mut from, mut to) = (String::new(), String::new());
        while let Ok(Some(line)) = lines.next_line().await {
            let answer = match line.split([' ', ':']).next().unwrap().to_uppercase().as_str() {
                "EHLO" => "250-sink.example\r\n250 8BITMIME".to_owned(),
                "MAIL" => {
                    from = line;
                    "250 go on".to_owned()
                }
                "RCPT" => {
                    to = line;
                    format!("{} so it is", self.answer.load(Ordering::SeqCst))
                }
                "DATA" => {
                    write.write_all(b"354 go on\r\n").await.unwrap();
                    let mut data = String::new();
                    while let Ok(Some(line)) = lines.next_line().await {
                        if line == "." {
                            break;
                        }
                        data += line.strip_prefix('.').unwrap_or(&line);
                        data.push('\n');
                    }
                    self.letters.lock().unwrap().push(Taken { from: from.clone(), to: to.clone(), data });
                    tokio::time::sleep(Duration::from_millis(self.slow.load(Ordering::SeqCst))).await;
                    "250 taken".to_owned()
                }
                "QUIT" => "221 bye".to_owned(),
                _ => "250 fine".to_owned(),
            };
            if write.write_all(format!("{answer}\r\n").as_bytes()).await.is_err() {
                return;
            }
        }
    }
}

/// A way to send to whatever listens on a port of this machine.
pub fn mailing(port: u16, base: &str) -> Mailing {
    let from = "counterfoil@rewards.example".to_owned();
    let server = Server { host: "127.0.0.1".to_owned(), port, implicit_tls: false, credentials: None, from };
    Mailing { post: Post::to(&server).unwrap(), base: base.to_owned() }
}
