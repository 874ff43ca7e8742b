//! The real binary as a child process: how soon it is ready, what memory it takes, and that it goes when it is no longer needed.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};

use crate::http::Connection;

/// The binary that `cargo bench` has built beside this one.
pub const BINARY: &str = env!("CARGO_BIN_EXE_counterfoil");

/// The portal's program on a database. The settings of this run's surroundings, such as where the tests' PostgreSQL is, are not the portal's.
pub fn program(url: &str) -> Command {
    let mut command = Command::new(BINARY);
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("COUNTERFOIL_")) {
        command.env_remove(name);
    }
    command.env("COUNTERFOIL_DATABASE", url);
    command
}

/// How long a start may take.
const START_MOST: Duration = Duration::from_mins(1);

/// A running portal.
pub struct Server {
    child: Child,
    /// Where it answers.
    pub address: SocketAddr,
    /// Seconds from its start until it said that it was ready.
    pub ready: f64,
}

impl Server {
    /// Starts it on a free port and waits until it is ready. Its log goes into `folder`.
    pub async fn start(url: &str, folder: &Path) -> Result<Self> {
        let log = File::create(folder.join("server.log"))?;
        let begun = Instant::now();
        let mut child = program(url)
            .args(["serve", "--listen", "127.0.0.1:0"])
            .env("COUNTERFOIL_LOG_FORMAT", "json")
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .with_context(|| format!("{BINARY} cannot be started"))?;
        let out = child.stdout.take().context("no output")?;
        let mut server = Self { child, address: SocketAddr::from(([127, 0, 0, 1], 0)), ready: 0.0 };
        let mut lines = BufReader::new(out).lines();
        let first = lines.next().context("the server ended before it listened; see server.log")??;
        let (_, address) = first.split_once("http://").with_context(|| format!("the server said {first:?}"))?;
        server.address = address.trim().parse()?;
        // What it prints besides is not waited for, and a full pipe must not stop it.
        std::thread::spawn(move || lines.for_each(drop));
        let request = format!("GET /readyz HTTP/1.1\r\nHost: {}\r\n\r\n", server.address);
        while begun.elapsed() < START_MOST {
            if let Ok(mut connection) = Connection::open(server.address).await
                && connection.fetch(request.as_bytes()).await.is_ok()
            {
                server.ready = begun.elapsed().as_secs_f64();
                return Ok(server);
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        bail!("the server was not ready within {} s", START_MOST.as_secs())
    }

    /// The most memory it has held so far, in MB.
    pub fn peak_mb(&self) -> Result<f64> {
        peak_mb(self.child.id()).context("the server's memory cannot be read")
    }

    /// Ends it and waits until it is gone.
    pub fn stop(mut self) -> Result<()> {
        let told = Command::new("kill").arg("-TERM").arg(self.child.id().to_string()).status()?;
        anyhow::ensure!(told.success(), "the server could not be told to stop");
        self.child.wait()?;
        Ok(())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Gone already after `stop`; after a failure nobody waits for its good-bye.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The most memory that a process has held, in MB of 1024 × 1024 bytes; `None` once it is gone.
pub fn peak_mb(process: u32) -> Option<f64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<f64>().ok().map(|kb| kb / 1024.0)
}
