//! Help, mistakes, migrations, doctor.

use super::{done, run};

const COMMANDS: &[&[&str]] = &[
    &["demo"],
    &["serve"],
    &["migrate"],
    &["user"],
    &["user", "create"],
    &["user", "list"],
    &["user", "suspend"],
    &["user", "reset"],
    &["backup"],
    &["restore"],
    &["restore", "drill"],
    &["export"],
    &["import"],
    &["audit", "verify"],
    &["doctor"],
    &["config", "show"],
];

#[test]
fn every_help_has_an_example_that_the_program_understands() {
    let folder = tempfile::tempdir().unwrap();
    for command in COMMANDS {
        let help = done(folder.path(), &[*command, &["--help"]].concat());
        assert!(help.contains("Example"), "{command:?}: {help}");
        assert!(help.contains(&format!("counterfoil {}", command[0])), "{command:?}: {help}");
    }
    let codes = done(folder.path(), &["--help"]);
    for code in ["0 ", "1 ", "2 ", "3 ", "4 ", "5 ", "69 "] {
        assert!(codes.lines().any(|line| line.trim_start().starts_with(code)), "{code}");
    }
}

#[test]
fn mistakes_have_their_numbers_and_no_stack_trace() {
    let folder = tempfile::tempdir().unwrap();
    let cases: &[(&[&str], i32, &str)] = &[
        (&["confog"], 2, "confog"),
        (&["serve", "--colour"], 2, "--colour"),
        (&["user", "list", "--database", "sqlite:none.db"], 69, "no database at sqlite:none.db"),
        (&["backup", "b.db", "--database", "sqlite:none.db"], 69, "no database at sqlite:none.db"),
        (&["migrate", "--status", "--database", "postgres://nobody@127.0.0.1:1/none"], 69, "PostgreSQL"),
        (&["audit", "verify", "--database", "sqlite:none.db"], 69, "no database at sqlite:none.db"),
        (&["export", "--as", "a@b.example", "--database", "sqlite:none.db"], 69, "no database at sqlite:none.db"),
        (&["restore", "none.db", "--database", "sqlite:x.db"], 1, "none.db cannot be read"),
    ];
    for (args, code, words) in cases {
        let ended = run(folder.path(), args);
        assert_eq!(ended.code, *code, "{args:?}: {ended:?}");
        assert!(ended.err.contains(words), "{args:?}: {ended:?}");
        assert!(!ended.err.contains("panicked") && !ended.err.contains("src/"), "{ended:?}");
        assert_eq!(ended.out, "", "{args:?}");
    }
    assert!(!folder.path().join("none.db").exists(), "a mistyped name makes no file");
}

#[test]
fn all_faults_of_the_configuration_are_told_at_once() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("counterfoil.toml"), "listen = \"x\"\nworkers = \"0\"\nsessoin_idle_minutes = 3\n").unwrap();
    let ended = run(folder.path(), &["serve"]);
    assert_eq!(ended.code, 3, "{ended:?}");
    for name in ["listen", "workers", "sessoin_idle_minutes", "session_idle_minutes"] {
        assert!(ended.err.contains(name), "{name}: {}", ended.err);
    }
}

#[test]
fn migrate_tells_tries_applies_and_refuses_a_newer_database() {
    let folder = tempfile::tempdir().unwrap();
    let at = |args: &[&str]| run(folder.path(), &[&["migrate", "--database", "sqlite:m.db"], args].concat());
    let before = at(&["--status"]);
    let steps = before.out.lines().count();
    assert!(steps >= 7 && before.out.lines().all(|line| line.ends_with("to come")), "{before:?}");
    let tried = at(&["--dry-run"]);
    assert!(tried.out.starts_with(&format!("{steps} steps would be applied")), "{tried:?}");
    assert!(!folder.path().join("m.db").exists(), "looking makes no file");
    assert_eq!(at(&[]).out, format!("{steps} steps applied\n"));
    assert_eq!(at(&[]).out, "nothing to do: the database is of this version\n");
    assert!(at(&["--dry-run"]).out.starts_with("0 steps"));
    assert!(at(&["--status"]).out.lines().all(|line| line.contains(" UTC")));

    let file = rusqlite::Connection::open(folder.path().join("m.db")).unwrap();
    file.execute("INSERT INTO schema_migration VALUES (9999, 'tomorrow', '', 0)", ()).unwrap();
    drop(file);
    for command in [&["migrate"][..], &["migrate", "--status"], &["migrate", "--dry-run"], &["serve"], &["user", "list"]] {
        let ended = run(folder.path(), &[command, &["--database", "sqlite:m.db"]].concat());
        assert_eq!(ended.code, 69, "{command:?}: {ended:?}");
        assert!(ended.err.contains("newer Counterfoil (migration 9999 tomorrow"), "{ended:?}");
    }
}

#[test]
fn the_demo_takes_no_database_of_somebody_else() {
    let folder = tempfile::tempdir().unwrap();
    let file = rusqlite::Connection::open(folder.path().join("shop.db")).unwrap();
    file.execute_batch("CREATE TABLE invoice (id INTEGER)").unwrap();
    drop(file);
    let ended = run(folder.path(), &["demo", "--database", "sqlite:shop.db", "--listen", "127.0.0.1:0"]);
    assert_eq!(ended.code, 4, "{ended:?}");
    assert!(ended.err.contains("holds data that is not the demo"), "{ended:?}");
    let file = rusqlite::Connection::open(folder.path().join("shop.db")).unwrap();
    let tables: i64 = file.query_row("SELECT count(*) FROM sqlite_schema WHERE type = 'table'", (), |row| row.get(0)).unwrap();
    assert_eq!(tables, 1, "nothing was made in it");
}

#[test]
fn the_doctor_looks_at_the_database_and_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let look = || run(folder.path(), &["doctor", "--database", "sqlite:d.db", "--listen", "127.0.0.1:0"]);
    let without = look();
    assert!(without.out.contains("is not there yet") && !folder.path().join("d.db").exists(), "{without:?}");
    done(folder.path(), &["migrate", "--database", "sqlite:d.db"]);
    let with = look();
    for words in ["SQLite 3.", "no damage found", "all done", "for a small query"] {
        assert!(with.out.contains(words), "{words}: {with:?}");
    }
    // A page in the middle of the file, overwritten.
    let path = folder.path().join("d.db");
    let mut bytes = std::fs::read(&path).unwrap();
    let middle = bytes.len() / 2 / 4096 * 4096;
    bytes[middle..middle + 4096].fill(0xA5);
    std::fs::write(&path, bytes).unwrap();
    let damaged = look();
    assert!(damaged.code == 1 && damaged.out.contains("BAD"), "{damaged:?}");
}
