//! The proof of the audit trail: whatever is done to it is found, by the program and by the file that shares no code with it (security.md 5.4).

mod attacks;
mod forgery;
mod keys;
mod mutations;
mod places;
mod restores;
mod unknown;

use std::path::{Path, PathBuf};
use std::process::Command;

use counterfoil::actions::anchors::Proving;
use counterfoil::actions::audit::Verdict;
use counterfoil::actions::proof::{Proof, of_store};
use counterfoil::actions::{audit_export, audit_keys, checkpoints};
use counterfoil::domain::access::Actor;
use counterfoil::domain::access::Scope;
use counterfoil::domain::audit::Event;
use counterfoil::domain::budget::{Account, End, Movement, Nature, PostingKind};
use counterfoil::domain::currency::Currency;
use counterfoil::domain::proof::outside::Outside;
use counterfoil::domain::text::hex;
use counterfoil::domain::time::Day;
use counterfoil::integrations::anchors::Anchor;
use counterfoil::store::checkpoints as kept;
use counterfoil::store::ledger::{self, Details};
use counterfoil::store::writer::Intent;
use futures_util::StreamExt;
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection, SqliteConnection};
use tempfile::TempDir;

use crate::support::app::Company;
use crate::support::database::TestDb;

/// A company with a trail that is signed and anchored, and what an auditor has of it.
pub struct Proven {
    pub company: Company,
    pub url: String,
    pub folder: TempDir,
}

impl Proven {
    /// Three checkpoints, the last of them over everything; all are anchored.
    pub async fn found(db: TestDb) -> Self {
        let url = db.url.clone();
        let proven = Self { company: Company::found(db).await, url, folder: tempfile::tempdir().unwrap() };
        audit_keys::ensure(&proven.company.store, &proven.key()).await.unwrap();
        for part in 0..3 {
            proven.events(7).await;
            if part == 1 {
                proven.transfer().await;
            }
            proven.sign().await;
        }
        let signer = audit_keys::load(&proven.company.store, &proven.key()).await.unwrap();
        std::fs::write(proven.public(), format!("{}\n", signer.public())).unwrap();
        proven
    }

    pub fn key(&self) -> PathBuf {
        self.folder.path().join("key")
    }

    pub fn anchors(&self) -> PathBuf {
        self.folder.path().join("anchors")
    }

    /// The public key as the auditor was given it.
    pub fn public(&self) -> PathBuf {
        self.folder.path().join("key.pub")
    }

    pub async fn events(&self, count: i64) {
        for n in 0..count {
            let region = (n % 2 == 0).then(|| self.company.regions["North"]);
            let write = self.company.store.write(Intent::once(self.company.actor("Ada Admin"), "test.event"), move |tx| {
                Box::pin(async move {
                    let change = (json!({ "n": n, "was": "caf\u{e9}" }), json!({ "n": n + 1 }));
                    tx.record(Event::new("test.happened", "test", n, region).change(change.0, change.1));
                    Ok(())
                })
            });
            write.await.unwrap();
        }
    }

    /// Money from one budget to another.
    async fn transfer(&self) {
        let (one, two) = (self.company.budgets["North one"], self.company.budgets["North two"]);
        let write = self.company.store.write(Intent::once(self.company.actor("Ada Admin"), "test.transfer"), move |tx| {
            Box::pin(async move {
                let (one, two) = (ledger::get(tx, one).await?, ledger::get(tx, two).await?);
                let (source, destination) = (End::of(Account::Available, &one), End::of(Account::Available, &two));
                let (kind, currency) = (PostingKind::Transfer, Currency::parse("EUR").unwrap());
                let movement = Movement { kind, counted: kind, source, destination, amount: 500, currency };
                let details = Details { effective: Day::parse("2026-06-01"), ..Details::default() };
                ledger::post(tx, &movement, Nature::Request, &details).await?;
                Ok(())
            })
        });
        write.await.unwrap();
    }

    /// Signs everything there is and anchors it.
    pub async fn sign(&self) {
        let store = &self.company.store;
        let signer = audit_keys::load(store, &self.key()).await.unwrap();
        checkpoints::catch_up(store, &signer).await.unwrap();
        let newest = kept::newest(&mut store.lone()).await.unwrap().unwrap();
        Anchor::File(self.anchors()).note(&newest.note, false).unwrap();
    }

    /// What the portal is configured with.
    pub fn proving(&self) -> Proving {
        Proving::new(Some(self.key()), [Anchor::File(self.anchors())])
    }

    /// Whoever can write the database leaves an event of her own, chained as it should be.
    pub async fn slip_in(&self, action: &'static str, detail: Value, key: Option<String>) {
        let write = self.company.store.write(Intent::once(Actor::system("cli"), "audit.exported"), move |tx| {
            let (detail, key) = (detail.clone(), key.clone());
            Box::pin(async move {
                if let Some(key) = key {
                    kept::insert_key(tx, key).await?;
                }
                tx.record(Event::new(action, "audit", "", None).detail(detail));
                Ok(())
            })
        });
        write.await.unwrap();
    }

    /// The database as it was after so many events.
    pub async fn cut(&self, size: i64) {
        let event = counterfoil::store::audit_log::after(&mut self.company.store.lone(), size - 1, 1).await.unwrap().remove(0);
        let older = [
            "DELETE FROM audit_anchor".to_owned(),
            format!("DELETE FROM audit_event WHERE seq > {size}"),
            format!("DELETE FROM audit_checkpoint WHERE size > {size}"),
            format!("UPDATE audit_head SET seq = {size}, chain = bytes:{}", hex(&event.chain)),
        ];
        tamper(&self.url, &older).await;
    }

    /// What both say, with these anchors: the word, and how many checkpoints were not counted.
    pub async fn both_say(&self, anchors: &Path) -> (String, u64) {
        let outside = Outside { anchors: Anchor::File(anchors.to_path_buf()).notes().unwrap(), ..self.outside() };
        let proof = self.proof(&outside).await;
        let word = match proof.verdict {
            Verdict::Ok { .. } => "ok",
            Verdict::Broken { .. } => "broken",
            Verdict::NotProven { .. } => "not_proven",
        };
        let file = self.export(Scope::of([], true)).await;
        let args = [file.as_path(), Path::new("--public-key"), &self.public(), Path::new("--anchors"), anchors]
            .map(|path| path.to_str().unwrap().to_owned());
        let other = python(&args.each_ref().map(String::as_str));
        assert_eq!(other["verdict"], word, "{:?} {other}", proof.verdict);
        if word != "broken" {
            assert_eq!(other["not_counted"].as_u64(), Some(proof.not_counted as u64), "{other}");
        }
        (word.to_owned(), proof.not_counted as u64)
    }

    /// What the auditor brings along.
    pub fn outside(&self) -> Outside {
        let keys = std::fs::read_to_string(self.public()).unwrap();
        let keys = keys.lines().filter_map(counterfoil::domain::proof::note::PublicKey::parse).collect();
        let anchors = Anchor::File(self.anchors()).notes().unwrap();
        Outside { keys, anchors }
    }

    /// What the program says.
    pub async fn program(&self, outside: &Outside) -> Verdict {
        self.proof(outside).await.verdict
    }

    async fn proof(&self, outside: &Outside) -> Proof {
        of_store(&self.company.store, outside, |_, _| {}).await.unwrap()
    }

    /// The trail as a file.
    pub async fn export(&self, scope: Scope) -> PathBuf {
        let file = self.folder.path().join("trail.jsonl");
        let mut pieces = Box::pin(audit_export::file(&self.company.store, scope, ()));
        let mut all = Vec::new();
        while let Some(piece) = pieces.next().await {
            all.extend(piece.unwrap());
        }
        std::fs::write(&file, all).unwrap();
        file
    }

    /// What the other program says, with everything that the auditor has.
    pub async fn other(&self) -> Value {
        let file = self.export(Scope::of([], true)).await;
        python(&[file.to_str().unwrap(), "--public-key", self.public().to_str().unwrap(), "--anchors", self.anchors().to_str().unwrap()])
    }

    /// Both say that the trail is proven.
    pub async fn both_are_content(&self) {
        let verdict = self.program(&self.outside()).await;
        assert!(matches!(verdict, Verdict::Ok { .. }), "{verdict:?}");
        let other = self.other().await;
        assert_eq!(other["verdict"], "ok", "{other}");
    }

    /// Both find it; where.
    pub async fn both_find(&self, what: &str) -> i64 {
        let verdict = self.program(&self.outside()).await;
        let Verdict::Broken { seq, .. } = verdict else { panic!("the program does not find {what}: {verdict:?}") };
        let other = self.other().await;
        assert_eq!(other["verdict"], "broken", "the other does not find {what}: {other}");
        seq
    }
}

/// Runs the verifier that is shipped.
pub fn python(args: &[&str]) -> Value {
    let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("static/counterfoil_verify.py");
    let ran = Command::new("python3").arg("-B").arg(program).args(args).arg("--json").output().expect("python3 is there");
    let said: Value = serde_json::from_slice(&ran.stdout).unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&ran.stderr)));
    let code = match said["verdict"].as_str().unwrap() {
        "ok" => 0,
        "broken" => 5,
        _ => 6,
    };
    assert_eq!(ran.status.code(), Some(code), "{said}");
    said
}

const GUARDED: [&str; 5] = ["audit_event", "audit_key", "audit_checkpoint", "audit_anchor", "posting"];
/// The tables that the proof is about.
pub const SEALED: [&str; 6] = ["audit_event", "audit_head", "audit_key", "audit_checkpoint", "posting", "budget"];

/// Somebody with the database's own tools, who has taken the guards away. `bytes:…` is bytes, `ANY_ID` an id.
pub async fn tamper(url: &str, statements: &[String]) {
    let bytes = |statement: &str, open: &str, close: &str| {
        let mut parts = statement.split("bytes:");
        let mut out = parts.next().unwrap().to_owned();
        for part in parts {
            let end = part.find(|c: char| !c.is_ascii_hexdigit()).unwrap_or(part.len());
            out += &format!("{open}{}{close}{}", &part[..end], &part[end..]);
        }
        out
    };
    if let Some(file) = url.strip_prefix("sqlite:") {
        let mut connection = SqliteConnection::connect(&format!("sqlite:{file}")).await.unwrap();
        connection.execute("PRAGMA foreign_keys = OFF; PRAGMA ignore_check_constraints = ON").await.unwrap();
        for table in GUARDED {
            let drop = format!("DROP TRIGGER IF EXISTS {table}_keeps; DROP TRIGGER IF EXISTS {table}_stays");
            connection.execute(AssertSqlSafe(drop)).await.unwrap();
        }
        for statement in statements {
            let statement = bytes(&statement.replace("ANY_ID", "bytes:00000000000070008000000000000001"), "X'", "'");
            connection.execute(AssertSqlSafe(statement.clone())).await.unwrap_or_else(|error| panic!("{statement}: {error}"));
        }
        connection.close().await.unwrap();
        return;
    }
    let mut connection = PgConnection::connect(url).await.unwrap();
    for table in GUARDED.into_iter().chain(["audit_head", "budget"]) {
        connection.execute(AssertSqlSafe(format!("ALTER TABLE {table} DISABLE TRIGGER ALL"))).await.unwrap();
    }
    for statement in statements {
        let statement = bytes(&statement.replace("ANY_ID", "'00000000-0000-7000-8000-000000000001'::uuid"), "'\\x", "'::bytea");
        connection.execute(AssertSqlSafe(statement.clone())).await.unwrap_or_else(|error| panic!("{statement}: {error}"));
    }
    connection.close().await.unwrap();
}

/// Keeps copies of all that is sealed, to come back to.
pub async fn keep(url: &str) {
    tamper(url, &SEALED.map(|table| format!("CREATE TABLE kept_{table} AS SELECT * FROM {table}"))).await;
}

/// Everything as it was kept. One statement a table: the order does not matter, since nothing is guarded any more.
pub async fn put_back(url: &str) {
    let mut statements = Vec::new();
    for table in SEALED {
        statements.push(format!("DELETE FROM {table}"));
        statements.push(format!("INSERT INTO {table} SELECT * FROM kept_{table}"));
    }
    tamper(url, &statements).await;
}
