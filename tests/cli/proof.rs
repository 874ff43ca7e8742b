//! The key, the checkpoints and the anchors of a portal as people run it.

use std::os::unix::fs::{MetadataExt as _, PermissionsExt};
use std::process::Command;

use super::{Serving, done, run};

#[test]
fn a_portal_signs_and_anchors_when_it_stops_and_an_older_file_is_held() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    std::fs::write(path.join("counterfoil.toml"), "database = \"sqlite:f.db\"\naudit_anchor_file = \"anchors\"\n").unwrap();
    let serve = || {
        let mut portal = Serving::start(path, &[]);
        portal.signal("TERM");
        assert_eq!(portal.end().0.code(), Some(0));
    };
    serve();
    assert_eq!(std::fs::metadata(path.join("f.db.audit-key")).unwrap().permissions().mode() & 0o777, 0o600);
    let public = done(path, &["audit", "key", "show"]);
    std::fs::write(path.join("key.pub"), &public).unwrap();
    let verify = ["audit", "verify", "--json", "--public-key", "key.pub"];
    let said = done(path, &verify);
    assert!(said.contains("\"verdict\":\"ok\"") && said.contains("\"anchored\":{"), "{said}");
    let doctor = run(path, &["doctor"]);
    assert!(doctor.out.contains("signed up to event") && doctor.out.contains("file: up to event"), "{doctor:?}");
    done(path, &["backup", "old.backup"]);

    std::fs::copy(path.join("f.db"), path.join("old.db")).unwrap();
    let rotated = done(path, &["audit", "key", "rotate"]);
    assert_ne!(rotated, public);
    serve();
    let said = done(path, &verify);
    assert!(said.contains("\"verdict\":\"ok\""), "{said}");
    done(path, &["audit", "export", "trail.jsonl"]);
    let again = run(path, &["audit", "export", "trail.jsonl"]);
    assert_eq!(again.code, 4, "{again:?}");
    let verifier = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("static/counterfoil_verify.py");
    let args = ["trail.jsonl", "--public-key", "key.pub", "--anchors", "anchors"];
    let python = Command::new("python3").arg("-B").arg(verifier).args(args).current_dir(path).output().unwrap();
    assert!(python.status.success(), "{python:?}");
    let none = run(path, &["audit", "verify", "--anchors", "/dev/null"]);
    assert!(none.code == 6 && none.err.contains("not anchored"), "{none:?}");

    // Yesterday's file is put back by hand.
    for end in ["-wal", "-shm"] {
        let _ = std::fs::remove_file(path.join(format!("f.db{end}")));
    }
    std::fs::copy(path.join("old.db"), path.join("f.db")).unwrap();
    let older = run(path, &["audit", "verify", "--public-key", "key.pub"]);
    assert!(older.code == 5 && older.err.contains("an older database was put back"), "{older:?}");
    serve();
    let refused = run(path, &["audit", "key", "rotate"]);
    assert!(refused.code == 4, "{refused:?}");
    let accepted = done(path, &["restore", "accept", "--reason", "a test of ours"]);
    assert!(accepted.contains("are gone, and an event says so"), "{accepted}");
}

#[test]
fn evidence_is_taken_away_where_something_is_wrong() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    std::fs::write(path.join("counterfoil.toml"), "database = \"sqlite:f.db\"\n").unwrap();
    done(path, &["migrate"]);
    done(path, &["audit", "key", "new"]);
    let key = path.join("f.db.audit-key");
    let other = counterfoil::domain::proof::note::Signer::of("counterfoil/00", [7; 32]).unwrap();
    std::fs::write(&key, other.secret()).unwrap();
    let sqlite = rusqlite::Connection::open(path.join("f.db")).unwrap();
    sqlite.execute_batch("DROP TRIGGER audit_event_keeps; UPDATE audit_event SET action = 'x' WHERE seq = 1").unwrap();
    drop(sqlite);
    let taken = run(path, &["audit", "export", "trail.jsonl"]);
    assert!(taken.code == 0 && taken.err.contains("not signed"), "{taken:?}");
    assert_eq!(std::fs::metadata(path.join("trail.jsonl")).unwrap().permissions().mode() & 0o777, 0o600);
    let verified = run(path, &["audit", "verify", "--json"]);
    assert!(verified.code == 5 && verified.out.contains("\"verdict\":\"broken\""), "{verified:?}");
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o644)).unwrap();
    let open = run(path, &["audit", "verify"]);
    assert!(open.code == 3 && open.err.contains("every user of this machine"), "{open:?}");
}

/// Killed as soon as the older file has the database's name, a restore leaves a database that is held all the same.
#[test]
fn a_restore_that_is_killed_leaves_nothing_older_unheld() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    std::fs::write(path.join("counterfoil.toml"), "database = \"sqlite:f.db\"\n").unwrap();
    done(path, &["migrate"]);
    done(path, &["audit", "key", "new"]);
    done(path, &["backup", "old.backup"]);
    let inode = || std::fs::metadata(path.join("f.db")).map(|file| file.ino()).unwrap_or_default();
    for _ in 0..5 {
        done(path, &["audit", "key", "rotate"]);
        let before = inode();
        let mut child = super::command(path, &["restore", "old.backup", "--replace"]).spawn().unwrap();
        let begun = std::time::Instant::now();
        while inode() == before || inode() == 0 {
            assert!(child.try_wait().unwrap().is_none() || inode() != before, "it ended without putting anything in place");
            assert!(begun.elapsed() < std::time::Duration::from_mins(1), "nothing was put in place");
        }
        child.kill().unwrap();
        child.wait().unwrap();
        let refused = run(path, &["audit", "key", "rotate"]);
        assert!(refused.code == 4 && refused.err.contains("restore accept"), "{refused:?}");
        // What was lost is still lost, however often it is tried, until somebody says why.
        let accepted = done(path, &["restore", "accept", "--reason", "killed in the middle"]);
        assert!(accepted.contains("are gone, and an event says so"), "{accepted}");
    }
}
