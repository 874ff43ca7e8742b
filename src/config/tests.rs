//! The whole way from what was written to settings or faults.

use std::ffi::OsString;
use std::fs;
use std::path::Path;

use super::*;

fn inputs(directory: &Path) -> Inputs {
    Inputs { directory: directory.to_path_buf(), ..Inputs::default() }
}

fn environment(pairs: &[(&str, &str)]) -> Vec<(OsString, OsString)> {
    pairs.iter().map(|(name, value)| (OsString::from(name), OsString::from(value))).collect()
}

/// Loads a file of this text, private as it should be.
fn load(text: &str) -> Result<Config, Faults> {
    let directory = tempfile::tempdir().unwrap();
    write_private(&directory.path().join("counterfoil.toml"), text.as_bytes());
    Config::load(&inputs(directory.path()))
}

fn write_private(path: &Path, bytes: &[u8]) {
    fs::write(path, bytes).unwrap();
    #[cfg(unix)]
    fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
}

fn faults(text: &str) -> Vec<Fault> {
    load(text).unwrap_err().0
}

#[test]
fn nothing_written_gives_the_defaults() {
    let directory = tempfile::tempdir().unwrap();
    let config = Config::load(&inputs(directory.path())).unwrap();
    assert_eq!(config.database, Database::Sqlite("counterfoil.db".into()));
    assert_eq!(config.listen.to_string(), "127.0.0.1:8080");
    assert_eq!((config.session_idle_minutes, config.session_absolute_hours, config.upload_max_bytes), (15, 12, 536_870_912));
    assert!(config.smtp.is_none() && config.trusted_proxies.is_empty() && config.workers >= 1);
    assert_eq!(config.show().len(), SETTINGS.len());
    assert!(config.show().iter().all(|line| line.origin == Origin::Default));
}

#[test]
fn flags_win_over_the_environment_and_that_over_the_file() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("own.toml");
    fs::write(
        &path,
        "# a comment\nlisten = \"127.0.0.1:1\"\nworkers = 3\nimport_max_rows = 1_000\ntrusted_proxies = [\"10.0.0.0/8\", \"::1\"]\n",
    )
    .unwrap();
    let config = Config::load(&Inputs {
        file: Some(path.clone()),
        environment: environment(&[("COUNTERFOIL_LISTEN", "127.0.0.1:2"), ("COUNTERFOIL_WORKERS", "4"), ("PATH", "/bin")]),
        flags: vec![("listen", "127.0.0.1:3".to_owned())],
        ..inputs(directory.path())
    })
    .unwrap();
    assert_eq!((config.listen.port(), config.workers, config.import_max_rows, config.trusted_proxies.len()), (3, 4, 1_000, 2));
    let origin = |name: &str| config.show().iter().find(|line| line.name == name).unwrap().origin.to_string();
    assert_eq!(origin("listen"), "flag --listen");
    assert_eq!(origin("workers"), "environment COUNTERFOIL_WORKERS");
    assert_eq!(origin("import_max_rows"), format!("{}:4", path.display()));
    assert_eq!(origin("log_level"), "default");
}

#[test]
fn all_faults_come_at_once_each_with_its_place() {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("counterfoil.toml"), "lisetn = \"x\"\nworkers = true\nlog_level = \"loud\"\n\n[server]\na = 1\n")
        .unwrap();
    let error = Config::load(&Inputs {
        environment: environment(&[("COUNTERFOIL_SESSION_IDLE_MINUTES", "31"), ("COUNTERFOIL_DATABSE", "sqlite:x")]),
        flags: vec![("listen", "here".to_owned())],
        ..inputs(directory.path())
    })
    .unwrap_err();
    let text = error.to_string();
    assert_eq!(error.0.len(), 7, "{text}");
    for part in [
        "7 faults",
        "lisetn (",
        "toml:1): there is no such setting; did you mean listen?",
        "workers (",
        "toml:2): a boolean does not fit here; write text in quotes",
        "toml:3): it is no log level",
        "server (",
        "toml:5): there is no such setting",
        "session_idle_minutes = \"31\" (environment COUNTERFOIL_SESSION_IDLE_MINUTES): it is out of range; write a whole",
        "did you mean COUNTERFOIL_DATABASE?",
        "listen = \"here\" (flag --listen)",
    ] {
        assert!(text.contains(part), "{part} is missing in {text}");
    }
}

#[test]
fn a_file_that_is_no_toml_or_not_there_is_a_fault_that_repeats_no_line() {
    let found = faults("database = \"postgres://a:hunter2@db.example/x\nlisten = = 1\n");
    assert!(!found.is_empty() && !format!("{found:?}").contains("hunter2"), "{found:?}");
    assert!(found.iter().any(|fault| fault.wrong.contains("no TOML")));
    assert!(faults("workers = 1\nworkers = 2\n")[0].wrong.contains("duplicate"));
    let missing = Config::load(&Inputs { file: Some("/nowhere/x.toml".into()), ..Inputs::default() }).unwrap_err();
    assert!(missing.to_string().contains("cannot be read"), "{missing}");
    let missing = Inputs { environment: environment(&[("COUNTERFOIL_CONFIG", "/nowhere/x.toml")]), ..Inputs::default() };
    assert!(Config::load(&missing).unwrap_err().to_string().contains("environment COUNTERFOIL_CONFIG"));
}

#[test]
fn passwords_are_shown_nowhere() {
    let config = load(
        "database = \"postgres://app:hunter-two-22@db.example/rewards?sslmode=verify-full\"\n\
         smtp_url = \"smtp://me:hunter-two-22@mail.example\"\npublic_url = \"https://rewards.example\"\n",
    )
    .unwrap();
    assert!(config.database.url().contains("hunter") && config.smtp.is_some());
    let all = format!("{:?} {:?} {:?}", config, config.show(), config.database);
    assert!(!all.contains("hunter"), "{all}");
    assert!(all.contains("postgres://app:***@db.example/rewards?sslmode=verify-full") && all.contains("smtp://me:***@mail.example"));
    for bad in [
        "postgres://app:hunter/2@db.example/x",
        "postgres://app:hunter@h@db.example/x",
        "mysql://app:hunter@db.example/x",
        "postgres:/app:hunter@db",
        "postgres:app:hunter",
    ] {
        let found = faults(&format!("database = {bad:?}\nsmtp_url = {bad:?}\n"));
        assert_eq!(found.len(), 2);
        assert!(!format!("{found:?}").contains("hunter"), "{found:?}");
    }
}

#[test]
fn clear_text_for_other_machines_needs_a_proxy_or_a_word() {
    let found = faults("listen = \"0.0.0.0:8080\"\n");
    assert!(found.len() == 1 && found[0].wrong.contains("clear text") && found[0].right.contains("allow_plain_http"), "{found:?}");
    assert_eq!(faults("listen = \"[::]:80\"\npublic_url = \"http://rewards.example\"\n").len(), 2);
    for good in ["trusted_proxies = [\"10.0.0.1\"]", "allow_plain_http = true"] {
        assert!(load(&format!("listen = \"0.0.0.0:8080\"\n{good}\n")).is_ok(), "{good}");
    }
    assert!(load("listen = \"[::1]:8080\"\npublic_url = \"http://localhost:8080\"\n").is_ok());
    assert_eq!(faults("listen = \"0.0.0.0:8080\"\ntrusted_proxies = [\"proxy\"]\n").len(), 1, "the list is blamed, not the address too");
}

#[test]
fn letters_need_an_address_for_their_links() {
    let found = faults("smtp_url = \"smtp://mail.example\"\n");
    assert!(found.len() == 1 && found[0].setting == "public_url" && found[0].wrong.contains("lead nowhere"), "{found:?}");
}

#[test]
fn a_well_known_password_is_refused_unless_the_database_is_on_this_machine() {
    let url = |who: &str, host: &str| format!("database = \"postgres://{who}@{host}/rewards?sslmode=verify-full\"\n");
    for who in ["postgres:postgres", "app:Password", "app:changeme", "counterfoil:counterfoil", "app:app", "app:"] {
        assert!(faults(&url(who, "db.example"))[0].wrong.contains("attackers try first"), "{who}");
        assert!(load(&url(who, "localhost")).is_ok() && load(&url(who, "127.0.0.1:5433")).is_ok() && load(&url(who, "[::1]")).is_ok());
    }
    assert_eq!(faults("database = \"postgres://app@/rewards?host=10.0.0.9&password=admin\"\n").len(), 2);
    assert!(load("database = \"postgres://app:admin@/rewards?host=%2Frun%2Fpostgresql\"\n").is_ok());
}

#[test]
fn a_database_elsewhere_is_reached_verified_or_with_a_word() {
    let url = "postgres://app:9f8a7c6b5d4e3f2a@db.example/rewards";
    assert!(faults(&format!("database = \"{url}?sslmode=require\"\n"))[0].right.contains("sslmode=verify-full"));
    assert!(load(&format!("database = \"{url}\"\nallow_unverified_database = true\n")).is_ok());
}

#[cfg(unix)]
#[test]
fn secrets_in_files_that_all_can_read_are_refused() {
    use std::os::unix::fs::PermissionsExt;
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("counterfoil.toml");
    write_private(&path, b"smtp_url = \"smtp://me:secret@mail.example\"\npublic_url = \"https://rewards.example\"\n");
    assert!(Config::load(&inputs(directory.path())).is_ok());
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    assert!(Config::load(&inputs(directory.path())).unwrap_err().to_string().contains("chmod 600"));
    fs::write(&path, "smtp_url = \"smtp://mail.example\"\npublic_url = \"https://rewards.example\"\n").unwrap();
    assert!(Config::load(&inputs(directory.path())).is_ok(), "no password, no secret");

    let key = directory.path().join("key");
    write_private(&key, &[7; 63]);
    let with_key = || Config::load(&Inputs { flags: vec![("secret_key_file", key.display().to_string())], ..inputs(directory.path()) });
    assert!(with_key().unwrap_err().to_string().contains("63 bytes"));
    write_private(&key, &[7; 64]);
    assert!(with_key().is_ok());
    fs::set_permissions(&key, fs::Permissions::from_mode(0o604)).unwrap();
    assert!(with_key().unwrap_err().to_string().contains("chmod 600"));
    fs::remove_file(&key).unwrap();
    assert!(with_key().unwrap_err().to_string().contains("cannot be read"));
}

#[test]
fn the_example_file_is_valid_and_changes_nothing() {
    let example = Config::example();
    assert!(load(&example).is_ok());
    let live: String = example
        .lines()
        .map(|line| line.strip_prefix("# ").filter(|rest| rest.contains(" = ")).unwrap_or(""))
        .fold(String::new(), |all, line| all + line + "\n");
    let config = load(&live).unwrap();
    for (line, setting) in config.show().iter().zip(SETTINGS) {
        assert_eq!(line.value, setting.default, "{}", setting.name);
        assert!(matches!(line.origin, Origin::File(..)), "{}", setting.name);
    }
}
