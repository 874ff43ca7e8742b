//! `user`: the first administrator, others, suspending, resetting.

use counterfoil::actions::roles;
use counterfoil::domain::access::{Permission, Role};

use super::{command, done, run};
use crate::support::app::Company;
use crate::support::database::{TestDb, on_both_engines};

fn first(folder: &std::path::Path) -> String {
    done(
        folder,
        &[
            "user",
            "create",
            "ida@example.com",
            "--name",
            "Ida Holm",
            "--role",
            "administrator",
            "--organisation",
            "Northwind",
            "--currency",
            "EUR",
            "--time-zone",
            "Europe/Dublin",
            "--database",
            "sqlite:u.db",
        ],
    )
}

#[test]
fn people_are_added_listed_suspended_and_reset() {
    let folder = tempfile::tempdir().unwrap();
    let at = |args: &[&str]| run(folder.path(), &[&["user"], args, &["--database", "sqlite:u.db"]].concat());
    let link = first(folder.path());
    assert!(link.starts_with("http://127.0.0.1:8080/password/") && link.contains("works once"), "{link}");

    let listed = at(&["list"]).out;
    let line = listed.lines().nth(1).unwrap().split_whitespace().collect::<Vec<_>>().join(" ");
    assert_eq!(line, "ida@example.com Ida Holm invited Administrator in Northwind");

    std::fs::write(folder.path().join("word"), "four words make a password\n").unwrap();
    let with_file = at(&["create", "bo@example.com", "--name", "Bo Lund", "--role", "auditor", "--password-file", "word"]);
    assert_eq!((with_file.code, with_file.out.as_str()), (0, "bo@example.com can sign in\n"), "{with_file:?}");
    assert!(at(&["list"]).out.contains("bo@example.com   Bo Lund   active"));

    let early = at(&["suspend", "bo@example.com"]);
    assert!(early.code == 4 && early.err.contains("one active administrator"), "nobody else could let him in again: {early:?}");
    let eva = at(&["create", "eva@example.com", "--name", "Eva Roth", "--role", "administrator", "--password-file", "word"]);
    assert_eq!(eva.code, 0, "{eva:?}");
    let suspended = at(&["suspend", "BO@example.com"]);
    assert_eq!(suspended.out, "bo@example.com is suspended, and signed out everywhere\n");
    assert!(at(&["list"]).out.contains("suspended  Auditor in Northwind"));
    let (one, two) = (at(&["reset", "ida@example.com"]).out, at(&["reset", "ida@example.com"]).out);
    assert!(one.contains("/password/") && one != two);
    let secrets = at(&["list"]).out;
    assert!(!secrets.contains("argon2") && !secrets.contains("password"), "{secrets}");
}

#[test]
fn what_the_rules_refuse_ends_with_four_and_says_why() {
    let folder = tempfile::tempdir().unwrap();
    let at = |args: &[&str]| run(folder.path(), &[&["user"], args, &["--database", "sqlite:u.db"]].concat());
    done(folder.path(), &["migrate", "--database", "sqlite:u.db"]);
    let early = at(&["create", "a@example.com", "--name", "A", "--role", "auditor"]);
    assert!(early.code == 4 && early.err.contains("no organisation yet") && early.err.contains("--organisation"), "{early:?}");
    first(folder.path());
    let cases: &[(&[&str], &str)] = &[
        (&["create", "ida@example.com", "--name", "Ida", "--role", "auditor"], "e-mail address is here already"),
        (&["create", "nobody", "--name", "N", "--role", "auditor"], "Enter an e-mail address"),
        (&["create", "n@example.com", "--name", "N", "--role", "auditor", "--region", "Mars"], "the regions are Northwind"),
        (&["create", "n@example.com", "--name", "N", "--role", "king"], "the roles are regional-partner, regional-administrator, "),
        (&["suspend", "who@example.com"], "nobody here has the address who@example.com"),
        (&["reset", "who@example.com"], "nobody here has the address who@example.com"),
    ];
    for (args, words) in cases {
        let ended = at(args);
        assert!(ended.code == 4 && ended.err.contains(words), "{args:?}: {ended:?}");
    }
    std::fs::write(folder.path().join("short"), "short\n").unwrap();
    let short = at(&["create", "s@example.com", "--name", "S", "--role", "auditor", "--password-file", "short"]);
    assert!(short.code == 4 && short.err.contains("at least 15 characters"), "{short:?}");
    assert_eq!(at(&["list"]).out.lines().count(), 2, "nobody was added");
}

#[test]
fn where_mail_is_set_the_link_goes_by_letter_unless_it_is_to_be_printed() {
    let folder = tempfile::tempdir().unwrap();
    let mailing = |public_url: &str, args: &[&str]| {
        let mut user = command(folder.path(), &[&["user"], args, &["--database", "sqlite:u.db"]].concat());
        let set = user.env("COUNTERFOIL_SMTP_URL", "smtp://127.0.0.1:2525").env("COUNTERFOIL_PUBLIC_URL", public_url);
        let output = set.output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
    };
    let at = |args: &[&str]| mailing("https://rewards.example", args);
    first(folder.path());
    let reset = at(&["reset", "ida@example.com"]);
    assert!(reset.0 == 0 && reset.1.contains("A letter with a link") && !reset.1.contains("/password/"), "{reset:?}");
    let printed = at(&["reset", "ida@example.com", "--print"]);
    assert!(printed.1.starts_with("https://rewards.example/password/"), "{printed:?}");
    let added = at(&["create", "bo@example.com", "--name", "Bo Lund", "--role", "auditor"]);
    assert!(added.0 == 0 && added.1.contains("waits for bo@example.com"), "{added:?}");
    let nowhere = mailing("", &["list"]);
    assert!(nowhere.0 == 3 && nowhere.2.contains("public_url"), "{nowhere:?}");
    let none = at(&["remove-factor", "ida@example.com"]);
    assert!(none.0 == 4 && none.2.contains("There is no second factor"), "{none:?}");
}

on_both_engines! {
    async fn a_region_whose_name_comes_twice_is_named_by_where_it_stands(db: TestDb) {
        let (folder, url) = (tempfile::tempdir().unwrap(), db.url.clone());
        let company = Company::found(db).await;
        company.add_region("Germany", "North").await;
        let south = company.add_region("Germany", "South").await;
        let create = |email: &str, region: &str| {
            run(folder.path(), &["user", "create", email, "--name", "G", "--role", "auditor", "--region", region, "--database", &url])
        };
        let which = create("g@example.com", "germany");
        assert!(which.code == 4 && which.err.contains("\"North / Germany\"") && which.err.contains("\"South / Germany\""), "{which:?}");
        let one = create("g@example.com", "south / Germany");
        assert_eq!(one.code, 0, "{one:?}");
        let mut read = company.store.read().await.unwrap();
        let all = counterfoil::domain::access::Scope::of([south], true);
        let grants = counterfoil::store::people::grants(&mut read, &all, None, company.store.now()).await.unwrap();
        assert_eq!(grants.len(), 1, "below the one in the South");
        drop(read);
        let listed = done(folder.path(), &["user", "list", "--database", &url]);
        assert!(listed.contains("Auditor in South / Germany") && listed.contains("Auditor in Global"), "{listed}");
    }

    async fn a_role_of_the_organisation_is_given_by_its_name(db: TestDb) {
        let (folder, url) = (tempfile::tempdir().unwrap(), db.url.clone());
        let company = Company::found(db).await;
        let allows = [Permission::RegionsRead, Permission::BudgetsRead].into_iter().collect();
        roles::make(&company.store, company.actor("Ada Admin"), "mover", "North mover", Role::Auditor.into(), allows).await.unwrap();
        let create = |email: &str, role: &str| {
            run(folder.path(), &["user", "create", email, "--name", "G", "--role", role, "--region", "North", "--database", &url])
        };
        let unknown = create("g@example.com", "South mover");
        assert!(unknown.code == 4 && unknown.err.contains("administrator, North mover"), "{unknown:?}");
        for (email, role) in [("g@example.com", "north MOVER"), ("h@example.com", "Regional HR partner")] {
            let one = create(email, role);
            assert_eq!(one.code, 0, "{one:?}");
        }
        let listed = done(folder.path(), &["user", "list", "--database", &url]);
        assert!(listed.contains("North mover in North") && listed.contains("Regional HR partner in North"), "{listed}");
    }
}

#[test]
fn a_password_of_the_operators_list_of_leaks_is_nobodys() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("leaks"), "gravel tulip oxen kettle\n").unwrap();
    let config = |list: &str| {
        let text = format!("database = \"sqlite:u.db\"\nleaked_passwords_file = \"{list}\"\n");
        std::fs::write(folder.path().join("counterfoil.toml"), text).unwrap();
    };
    first(folder.path());
    std::fs::write(folder.path().join("word"), "Gravel tulip oxen kettle\n").unwrap();
    let create =
        || run(folder.path(), &["user", "create", "bo@example.com", "--name", "Bo", "--role", "auditor", "--password-file", "word"]);
    config("missing");
    let refused = create();
    assert!(refused.code == 3 && refused.err.contains("leaked_passwords_file"), "{refused:?}");
    config("leaks");
    let refused = create();
    assert!(refused.code == 4 && refused.err.contains("break-in") && !refused.err.contains("ravel"), "{refused:?}");
    std::fs::write(folder.path().join("leaks"), "another one that leaked\n").unwrap();
    assert_eq!(create().code, 0);
}
