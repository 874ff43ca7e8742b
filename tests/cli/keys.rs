//! `secret_key_file`: the key that signs cookies, kept beside the database instead of in it.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::{Serving, done, run};
use crate::support::app::{Client, Company};
use crate::support::database::{TestDb, on_both_engines};

const SESSION: &str = "__Host-counterfoil";

fn key(folder: &Path, name: &str, bytes: &[u8]) {
    let path = folder.join(name);
    std::fs::write(&path, bytes).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).unwrap();
}

/// Signs in, and the cookie.
async fn sign_in(base: &str, person: &str) -> String {
    let client = Client::at(base);
    assert_eq!(client.sign_in(person).await.status, 303);
    client.cookie(SESSION).unwrap()
}

/// The status of the front page with this cookie: 200 for who is signed in, 303 for a stranger.
async fn front(base: &str, cookie: &str) -> u16 {
    let client = Client::at(base);
    client.plant(SESSION, cookie);
    client.get("/").await.status
}

on_both_engines! {
    async fn a_cookie_lives_as_long_as_its_key_and_the_key_is_shown_nowhere(db: TestDb) {
        let (folder, url) = (tempfile::tempdir().unwrap(), db.url.clone());
        let company = Company::found(db).await;
        let person = company.people["Nora North"].to_string();
        let secret = "correct-horse-battery-staple-0123456789-abcdefghijklmnopqrstuvwxyz";
        key(folder.path(), "one.key", secret.as_bytes());
        key(folder.path(), "two.key", secret.to_uppercase().as_bytes());
        let with = |name: &str| {
            let text = format!("database = \"{url}\"\nsecret_key_file = \"{}\"\nlog_level = \"trace\"\n", folder.path().join(name).display());
            // The address may hold a password, and then nobody else may read the file.
            key(folder.path(), "counterfoil.toml", text.as_bytes());
            Serving::logged(folder.path(), &[], "log")
        };
        let stop = |mut portal: Serving| {
            portal.signal("TERM");
            assert_eq!(portal.end().0.code(), Some(0));
        };
        let portal = with("one.key");
        let cookie = sign_in(&portal.base, &person).await;
        assert_eq!(front(&portal.base, &cookie).await, 200);
        stop(portal);
        let portal = with("one.key");
        assert_eq!(front(&portal.base, &cookie).await, 200, "a restart signs nobody out");
        stop(portal);
        let portal = with("two.key");
        assert_eq!(front(&portal.base, &cookie).await, 303, "another key knows the cookie no more");
        stop(portal);
        let portal = Serving::start(folder.path(), &["--config", "/dev/null", "--database", &url]);
        assert_eq!(front(&portal.base, &cookie).await, 303, "nor does the key in the database");
        stop(portal);

        let shown = done(folder.path(), &["config", "show"]);
        let line = shown.lines().find(|line| line.starts_with("secret_key_file")).unwrap();
        assert!(line.contains("two.key"), "its place is shown: {line}");
        let log = std::fs::read_to_string(folder.path().join("log")).unwrap();
        assert!(log.contains("request"), "there is a log: {log}");
        for text in [&shown, &log] {
            for part in [&secret[..12], &secret.to_uppercase()[..12], "636f7272656374"] {
                assert!(!text.contains(part), "the key is in it: {text}");
            }
        }
        company.check_audit().await;
        company.store.close().await;
    }
}

#[test]
fn a_key_that_is_none_is_refused_in_words() {
    let folder = tempfile::tempdir().unwrap();
    key(folder.path(), "short.key", b"only-thirty-two-bytes-of-a-key--");
    key(folder.path(), "open.key", &[7; 64]);
    std::fs::set_permissions(folder.path().join("open.key"), std::fs::Permissions::from_mode(0o644)).unwrap();
    std::fs::create_dir(folder.path().join("folder.key")).unwrap();
    let cases = [
        ("short.key", "the key has 32 bytes"),
        ("none.key", "the file cannot be read"),
        ("folder.key", "the file cannot be read"),
        ("open.key", "every user of this machine can reach the secret"),
    ];
    for (name, words) in cases {
        let text = format!("database = \"sqlite:k.db\"\nsecret_key_file = \"{}\"\n", folder.path().join(name).display());
        std::fs::write(folder.path().join("counterfoil.toml"), text).unwrap();
        let ended = run(folder.path(), &["serve", "--listen", "127.0.0.1:0"]);
        assert_eq!(ended.code, 3, "{name}: {ended:?}");
        assert!(ended.err.contains("secret_key_file") && ended.err.contains(words), "{name}: {ended:?}");
        assert!(!ended.err.contains("only-thirty") && !ended.err.contains("panicked"), "{ended:?}");
        assert!(!folder.path().join("k.db").exists(), "nothing is opened");
    }
}
