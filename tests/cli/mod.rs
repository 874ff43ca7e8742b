//! The program as people run it: the real binary, its words, its exit codes, and its way of stopping.

mod backups;
mod commands;
mod demo;
mod gone;
mod http;
mod imports;
mod keys;
mod proof;
mod serving;
mod tls;
mod users;

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// How a command ended.
#[derive(Debug)]
pub struct Ended {
    pub code: i32,
    pub out: String,
    pub err: String,
}

/// A command with nothing of this process's settings.
pub fn command(folder: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_counterfoil"));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("COUNTERFOIL_") {
            command.env_remove(name);
        }
    }
    command.args(args).current_dir(folder).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Runs to the end.
pub fn run(folder: &Path, args: &[&str]) -> Ended {
    let output = command(folder, args).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    Ended { code: output.status.code().unwrap_or(-1), out: text(output.stdout), err: text(output.stderr) }
}

/// The same for a command that has to succeed.
pub fn done(folder: &Path, args: &[&str]) -> String {
    let ended = run(folder, args);
    assert_eq!(ended.code, 0, "{args:?}: {}{}", ended.out, ended.err);
    ended.out
}

/// A running portal.
pub struct Serving {
    child: Child,
    pub base: String,
}

impl Serving {
    /// Starts and waits until it says where it listens.
    pub fn start(folder: &Path, args: &[&str]) -> Self {
        let mut all = vec!["serve", "--listen", "127.0.0.1:0"];
        all.extend(args);
        Self::of(command(folder, &all).stderr(Stdio::null()))
    }

    /// The same with its log in a file of the folder.
    pub fn logged(folder: &Path, args: &[&str], log: &str) -> Self {
        let mut all = vec!["serve", "--listen", "127.0.0.1:0"];
        all.extend(args);
        Self::of(command(folder, &all).stderr(File::options().create(true).append(true).open(folder.join(log)).unwrap()))
    }

    /// Of a command that runs the portal somehow.
    pub fn of(command: &mut Command) -> Self {
        let mut child = command.spawn().unwrap();
        let out = child.stdout.take().unwrap();
        let mut lines = BufReader::new(out);
        let base = loop {
            let mut line = String::new();
            assert_ne!(lines.read_line(&mut line).unwrap(), 0, "it ended before it listened: {:?}", child.wait());
            if let Some(base) = line.trim().strip_prefix("listening on ") {
                break base.to_owned();
            }
        };
        // What it says later has to go somewhere.
        std::thread::spawn(move || lines.read_to_end(&mut Vec::new()));
        Self { child, base }
    }

    /// `127.0.0.1:PORT`.
    pub fn address(&self) -> &str {
        self.base.trim_start_matches("http://")
    }

    /// The number of its process.
    pub fn process(&self) -> u32 {
        self.child.id()
    }

    /// Sends a signal by its name.
    pub fn signal(&self, name: &str) {
        let sent = Command::new("kill").arg(format!("-{name}")).arg(self.child.id().to_string()).status().unwrap();
        assert!(sent.success());
    }

    /// Waits for its end; how long that took.
    pub fn end(&mut self) -> (ExitStatus, Duration) {
        let began = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return (status, began.elapsed());
            }
            assert!(began.elapsed() < Duration::from_secs(30), "it does not end");
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
