//! `backup` and `restore`: while others write, on both engines, and what they refuse.

use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use counterfoil::actions::audit;
use counterfoil::actions::people::password_link;
use counterfoil::clock::{Clock, Random};
use counterfoil::domain::access::Actor;
use counterfoil::domain::id::UserId;
use counterfoil::metrics::Metrics;
use counterfoil::store::check::{self, Facts};
use counterfoil::store::db::Sql;
use counterfoil::store::db_pools::Pools;
use counterfoil::store::{Options, Store};

use super::{Ended, done, run};
use crate::support::app::Company;
use crate::support::database::{TestDb, on_both_engines};

async fn at(folder: &std::path::Path, args: &[&str]) -> Ended {
    let (folder, args) = (folder.to_path_buf(), args.iter().map(ToString::to_string).collect::<Vec<_>>());
    tokio::task::spawn_blocking(move || run(&folder, &args.iter().map(String::as_str).collect::<Vec<_>>())).await.unwrap()
}

async fn facts(url: &str) -> Facts {
    let pools = Pools::inspect(url).await.unwrap();
    let mut read = pools.read().await.unwrap();
    assert_eq!(check::fault(&mut read).await.unwrap(), None);
    assert!(matches!(audit::walk(&mut read, |_, _| ()).await.unwrap(), audit::Verdict::Ok { .. }));
    let facts = check::facts(&mut read).await.unwrap();
    drop(read);
    pools.close().await;
    facts
}

async fn newest_action(url: &str) -> (String, String) {
    let pools = Pools::inspect(url).await.unwrap();
    let mut read = pools.read().await.unwrap();
    let sql = Sql::new("SELECT action, CAST(seq AS TEXT) FROM audit_event ORDER BY audit_event.seq DESC LIMIT 1");
    let row = read.one::<(String, String)>(sql).await.unwrap().unwrap();
    drop(read);
    pools.close().await;
    row
}

async fn fresh_like(url: &str) -> TestDb {
    if url.starts_with("sqlite:") { TestDb::sqlite() } else { TestDb::postgres().await }
}

/// Writes until it is told to stop; how often it did.
fn keep_writing(store: Store, person: UserId, stop: Arc<AtomicBool>) -> tokio::task::JoinHandle<u64> {
    let written = AtomicU64::new(0);
    tokio::spawn(async move {
        while !stop.load(Ordering::Acquire) {
            password_link(&store, Actor::system("test"), person).await.unwrap();
            written.fetch_add(1, Ordering::AcqRel);
        }
        written.into_inner()
    })
}

on_both_engines! {
    async fn a_backup_taken_while_others_write_is_one_moment_and_comes_back_whole(db: TestDb) {
        let (url, folder) = (db.url.clone(), tempfile::tempdir().unwrap());
        let company = Company::found(db).await;
        let stop = Arc::new(AtomicBool::new(false));
        let writing = keep_writing(company.store.clone(), company.people["Nora North"], stop.clone());
        let made = at(folder.path(), &["backup", "b.backup", "--database", &url]).await;
        stop.store(true, Ordering::Release);
        assert!(writing.await.unwrap() > 3, "nobody wrote meanwhile");
        assert_eq!(made.code, 0, "{made:?}");
        assert!(made.out.contains("checked\nsha256 "), "{made:?}");
        let file = folder.path().join("b.backup");
        assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        assert!(!folder.path().join("b.backup.part").exists());
        company.check_audit().await;
        let again = at(folder.path(), &["backup", "b.backup", "--database", &url]).await;
        assert!(again.code == 4 && again.err.contains("never overwrites"), "{again:?}");

        let target = fresh_like(&url).await;
        let restored = at(folder.path(), &["restore", "b.backup", "--database", &target.url]).await;
        assert_eq!(restored.code, 0, "{restored:?}");
        let held = facts(&target.url).await;
        let rows = |name: &str| held.tables.iter().find(|table| table.0 == name).unwrap().1;
        assert_eq!((rows("person"), rows("budget"), rows("posting"), rows("one_time_link")), (7, 4, 4, 0));
        let (action, seq) = newest_action(&target.url).await;
        assert_eq!(action, "backup.restored");
        assert!(restored.out.contains(&format!("event {};", seq.parse::<i64>().unwrap() - 1)), "{restored:?} {seq}");

        let occupied = at(folder.path(), &["restore", "b.backup", "--database", &target.url]).await;
        assert!(occupied.code == 4 && occupied.err.contains("holds data already"), "{occupied:?}");
        let in_use = Store::open(&Options::of(&target.url), Clock::system(), Random::system(), Arc::new(Metrics::new())).await.unwrap();
        let refused = at(folder.path(), &["restore", "b.backup", "--replace", "--database", &target.url]).await;
        assert!(refused.code == 4 && refused.err.contains("in use"), "{refused:?}");
        in_use.close().await;
        let replaced = at(folder.path(), &["restore", "b.backup", "--replace", "--database", &target.url]).await;
        assert_eq!(replaced.code, 0, "{replaced:?}");
        // What was replaced was newer: that has to be answered for.
        assert!(replaced.out.contains("are gone: nothing is changed here until"), "{replaced:?}");
        let gone = |ended: &Ended| ended.out.lines().find(|line| line.contains("are gone")).map(str::to_owned);
        let again = at(folder.path(), &["restore", "b.backup", "--replace", "--database", &target.url]).await;
        assert!(again.code == 0 && gone(&again) == gone(&replaced), "what was gone before stays gone: {again:?} {replaced:?}");
        let refused = at(folder.path(), &["user", "suspend", "nora.north@test.example", "--database", &target.url]).await;
        assert!(refused.code == 4 && refused.err.contains("restore accept"), "{refused:?}");
        let accepted = at(folder.path(), &["restore", "accept", "--reason", "a test", "--database", &target.url]).await;
        assert!(accepted.code == 0 && accepted.out.contains("are gone, and an event says so"), "{accepted:?}");
        let without_events = |facts: Facts| facts.tables.into_iter().filter(|table| table.0 != "audit_event").collect::<Vec<_>>();
        assert_eq!(without_events(facts(&target.url).await), without_events(held));
        company.store.close().await;
    }
}

#[tokio::test]
async fn a_backup_that_was_touched_is_not_proven_and_replaces_nothing() {
    let (db, folder) = (TestDb::sqlite(), tempfile::tempdir().unwrap());
    let url = db.url.clone();
    let company = Company::found(db).await;
    for (name, sql, words) in [
        (
            "money.db",
            "UPDATE budget SET spent = spent + 1, adjusted = adjusted + 1 WHERE name = 'North one'",
            "not the sum of its postings",
        ),
        ("trail.db", "DROP TRIGGER audit_event_stays; DELETE FROM audit_event WHERE seq = 2", "event 2 is missing"),
        ("newer.db", "INSERT INTO schema_migration VALUES (9999, 'tomorrow', '', 0)", "newer Counterfoil"),
    ] {
        assert_eq!(at(folder.path(), &["backup", name, "--database", &url]).await.code, 0);
        rusqlite::Connection::open(folder.path().join(name)).unwrap().execute_batch(sql).unwrap();
        let ended = at(folder.path(), &["restore", name, "--database", "sqlite:target.db"]).await;
        let code = if name == "newer.db" { 69 } else { 5 };
        assert!(ended.code == code && ended.err.contains(words), "{name}: {ended:?}");
        assert!(!folder.path().join("target.db").exists(), "{name} left something behind");
    }
    std::fs::write(folder.path().join("letter.txt"), "Dear Ana").unwrap();
    std::fs::write(folder.path().join("archive"), "PGDMP and what follows").unwrap();
    std::fs::write(folder.path().join("nothing"), "").unwrap();
    for (name, words) in [("letter.txt", "is no backup"), ("archive", "is a backup of PostgreSQL"), ("nothing", "is empty")] {
        let ended = at(folder.path(), &["restore", name, "--database", "sqlite:target.db"]).await;
        assert!(ended.code == 4 && ended.err.contains(words), "{name}: {ended:?}");
    }
    company.store.close().await;
}

#[test]
fn a_file_that_cannot_be_written_is_told() {
    let folder = tempfile::tempdir().unwrap();
    done(folder.path(), &["migrate", "--database", "sqlite:f.db"]);
    let ended = run(folder.path(), &["backup", "/proc/b.db", "--database", "sqlite:f.db"]);
    assert_eq!(ended.code, 1, "{ended:?}");
    assert!(ended.err.starts_with("error: "), "{ended:?}");
}

async fn drills(url: &str) -> Vec<String> {
    let pools = Pools::inspect(url).await.unwrap();
    let mut read = pools.read().await.unwrap();
    let sql = Sql::new("SELECT body FROM audit_event WHERE action = 'backup.drilled' ORDER BY seq");
    let rows = read.all::<(Vec<u8>,)>(sql).await.unwrap();
    drop(read);
    pools.close().await;
    rows.into_iter().map(|row| String::from_utf8(row.0).unwrap()).collect()
}

on_both_engines! {
    async fn a_drill_brings_the_newest_backup_back_and_touches_nothing(db: TestDb) {
        let (url, folder) = (db.url.clone(), tempfile::tempdir().unwrap());
        let company = Company::found(db).await;
        let backups = folder.path().join("backups");
        std::fs::create_dir(&backups).unwrap();
        let into = fresh_like(&url).await;
        let mut drill = vec!["restore", "drill", "backups", "--database", &url];
        if url.starts_with("postgres") {
            let nowhere = at(folder.path(), &["restore", "drill", "backups", "--database", &url]).await;
            assert!(nowhere.code == 4 && nowhere.err.contains("there is no backup"), "{nowhere:?}");
            drill.extend(["--into", &into.url]);
        }
        for name in ["old", "new"] {
            assert_eq!(at(folder.path(), &["backup", &format!("backups/{name}"), "--database", &url]).await.code, 0);
            password_link(&company.store, Actor::system("test"), company.people["Nora North"]).await.unwrap();
        }
        std::fs::write(backups.join("letter.txt"), "Dear Ana").unwrap();
        let before = company.facts().await.tables;
        for _ in 0..2 {
            let done = at(folder.path(), &drill).await;
            assert!(done.code == 0 && done.out.contains("backups/new came back") && done.out.contains("seconds;"), "{done:?}");
        }
        let after = company.facts().await.tables;
        let moved = |tables: Vec<(String, i64)>| tables.into_iter().filter(|(name, _)| name != "audit_event").collect::<Vec<_>>();
        assert_eq!(moved(after), moved(before), "nothing but its events");
        let said = drills(&url).await;
        assert_eq!(said.len(), 2);
        assert!(said[0].contains("\"result\":\"ok\"") && said[0].contains("\"milliseconds\""), "{said:?}");
        if url.starts_with("postgres") {
            let pools = Pools::inspect(&into.url).await.unwrap();
            let mut read = pools.read().await.unwrap();
            assert_eq!(check::facts(&mut read).await.unwrap().tables, [], "names and addresses do not stay behind");
            drop(read);
            pools.close().await;
        } else {
            let sql = "UPDATE budget SET spent = spent + 1, adjusted = adjusted + 1 WHERE name = 'North one'";
            rusqlite::Connection::open(backups.join("new")).unwrap().execute_batch(sql).unwrap();
            let bad = at(folder.path(), &drill).await;
            assert!(bad.code == 5 && bad.err.contains("not the sum of its postings"), "{bad:?}");
            assert!(drills(&url).await[2].contains("not the sum of its postings"), "a drill that fails is on record");
        }
        company.check_audit().await;
        company.store.close().await;
    }
}
