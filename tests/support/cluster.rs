//! A PostgreSQL cluster of a test's own, which may be stopped and started as it likes.

use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;

use super::certificates::{Authority, private};

/// Names the folder of the server's programs, as `tests/run` found them.
const PROGRAMS: &str = "COUNTERFOIL_TEST_PG_BIN";
const PASSWORD: &str = "a-password-of-the-tests";

/// The cluster; dropping this ends it.
pub struct Cluster {
    programs: PathBuf,
    folder: TempDir,
    /// Whom it runs as: initdb refuses root.
    user: Option<(u32, u32)>,
    port: u16,
}

impl Cluster {
    /// Starts one; with an authority it speaks TLS as `localhost`.
    pub fn start(authority: Option<&Authority>) -> Self {
        let folder = tempfile::Builder::new().prefix("counterfoil-cluster-").tempdir().unwrap();
        let mut cluster = Self { programs: programs(), folder, user: user(), port: 0 };
        private(&cluster.at("password"), PASSWORD.as_bytes());
        let mut settings = format!(
            "listen_addresses = '127.0.0.1'\nunix_socket_directories = '{}'\nmax_connections = 60\nshared_buffers = 32MB\n\
             fsync = on\nfull_page_writes = on\nsynchronous_commit = on\n",
            cluster.folder.path().display()
        );
        if let Some(authority) = authority {
            authority.issue("localhost", cluster.folder.path(), "server");
            settings += &format!(
                "ssl = on\nssl_cert_file = '{}'\nssl_key_file = '{}'\n",
                cluster.at("server.pem").display(),
                cluster.at("server.key").display()
            );
        }
        if let Some((user, group)) = cluster.user {
            for name in ["", "password", "server.pem", "server.key"] {
                // Not all of them are there each time.
                let _ = std::os::unix::fs::chown(cluster.at(name), Some(user), Some(group));
            }
        }
        let (data, password) = (cluster.at("data"), cluster.at("password"));
        cluster.runs(
            "initdb",
            &[
                &format!("--pgdata={}", data.display()),
                "--username=counterfoil",
                &format!("--pwfile={}", password.display()),
                "--auth=scram-sha-256",
                "--encoding=UTF8",
                "--locale=C.UTF-8",
            ],
        );
        let file = data.join("postgresql.conf");
        let all = std::fs::read_to_string(&file).unwrap() + &settings;
        std::fs::write(&file, all).unwrap();
        // Another may take the port between the look and the start.
        let started = (0..10).any(|_| {
            cluster.port = free_port();
            cluster.control(&["start", "--timeout=60"])
        });
        assert!(started, "{}", std::fs::read_to_string(cluster.at("log")).unwrap_or_default());
        cluster
    }

    /// The address of its database, by this name of the machine.
    pub fn url(&self, host: &str) -> String {
        format!("postgres://counterfoil:{PASSWORD}@{host}:{}/postgres", self.port)
    }

    /// From now on it takes certificates of this authority, and no password.
    pub fn ask_for_certificates(&self, authority: &Authority) {
        std::fs::write(self.at("callers.pem"), authority.pem()).unwrap();
        let file = self.at("data/postgresql.conf");
        let all = std::fs::read_to_string(&file).unwrap() + &format!("ssl_ca_file = '{}'\n", self.at("callers.pem").display());
        std::fs::write(&file, all).unwrap();
        std::fs::write(self.at("data/pg_hba.conf"), "hostssl all counterfoil 127.0.0.1/32 cert\n").unwrap();
        self.crash();
        self.again();
    }

    /// The port it listens on.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The server's process.
    pub fn process(&self) -> u32 {
        let file = std::fs::read_to_string(self.at("data/postmaster.pid")).unwrap();
        file.lines().next().unwrap().parse().unwrap()
    }

    /// As after a loss of power: nobody is waited for, and what was on its way is found again in the log.
    pub fn crash(&self) {
        assert!(self.control(&["stop", "--mode=immediate", "--timeout=60"]));
    }

    /// Starts it again on the same port.
    pub fn again(&self) {
        assert!(self.control(&["start", "--timeout=60"]), "{}", std::fs::read_to_string(self.at("log")).unwrap_or_default());
    }

    fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn control(&self, what: &[&str]) -> bool {
        let (data, log) = (format!("--pgdata={}", self.at("data").display()), format!("--log={}", self.at("log").display()));
        let port = format!("--options=-p {}", self.port);
        let mut all = vec![what[0], &data, "--wait", "--silent"];
        if what[0] == "start" {
            all.extend([log.as_str(), port.as_str()]);
        }
        all.extend(&what[1..]);
        self.command("pg_ctl").args(&all).stdout(Stdio::null()).stderr(Stdio::null()).status().unwrap().success()
    }

    fn runs(&self, program: &str, args: &[&str]) {
        let output = self.command(program).args(args).output().unwrap();
        assert!(output.status.success(), "{program}: {}", String::from_utf8_lossy(&output.stderr));
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(self.programs.join(program));
        if let Some((user, group)) = self.user {
            command.uid(user).gid(group);
        }
        // Another user may not be able to enter the folder that the tests run in.
        command.current_dir("/").stdin(Stdio::null()).env("HOME", self.folder.path());
        command
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.control(&["stop", "--mode=immediate"]);
    }
}

fn programs() -> PathBuf {
    if let Some(named) = std::env::var_os(PROGRAMS) {
        return PathBuf::from(named);
    }
    let said = Command::new("pg_config").arg("--bindir").output().map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten().map(|entry| entry.path().join("bin"));
    let mut all: Vec<PathBuf> = said.ok().map(PathBuf::from).into_iter().chain(versions).collect();
    all.retain(|folder| has(folder));
    all.pop().unwrap_or_else(|| panic!("there is no initdb: set {PROGRAMS}, or run the tests with `bash tests/run`"))
}

fn has(folder: &Path) -> bool {
    ["initdb", "pg_ctl", "postgres"].iter().all(|name| folder.join(name).exists())
}

/// The user to be instead of root; `None` for anybody else.
fn user() -> Option<(u32, u32)> {
    let ask = |args: &[&str]| {
        let output = Command::new("id").args(args).output().unwrap();
        String::from_utf8_lossy(&output.stdout).trim().parse::<u32>().ok()
    };
    if ask(&["-u"]) != Some(0) {
        return None;
    }
    let of = |name: &str| ask(&["-u", name]).zip(ask(&["-g", name]));
    Some(of("postgres").or_else(|| of("nobody")).expect("a user that is not root"))
}

fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}
