//! The table of `tests/asvs/rows.csv`: what OWASP's ASVS 5.0 asks on its levels 1 and 2, and the test or document that proves each row.
//!
//! It is read by people and kept by this test: a proof that is renamed or taken away turns it red. Proofs stand apart by ` | ` and are written as
//! `module::name`, as `cargo test` prints a test (without the engine), `name.test.mjs: title` of a browser test, `NAME.md: heading`, or a file.

use std::collections::BTreeMap;

use counterfoil::config::Setting;
use counterfoil::domain::throttle::{ACCOUNT, CODES, DEVICE, NETWORK};

use super::scan::Source;
use super::{Fault, read, report, root};

const PLACE: &str = "tests/asvs/rows.csv";
/// Rows of levels 1 and 2 whose feature is there or could be; `SECURITY.md` names those that are left out.
const ROWS: [usize; 2] = [59, 129];

/// One line of the table.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Row {
    number: String,
    level: String,
    asks: String,
    state: String,
    proof: String,
    reason: String,
}

impl Row {
    fn proofs(&self) -> impl Iterator<Item = &str> {
        self.proof.split(" | ").filter(|proof| !proof.is_empty())
    }

    /// Chapter, section and row, to be compared as numbers.
    fn place(&self) -> Vec<u32> {
        self.number.split('.').map(|part| part.parse().unwrap_or_default()).collect()
    }
}

fn table(text: &str) -> Vec<Row> {
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    assert_eq!(reader.headers().unwrap().iter().collect::<Vec<_>>(), ["number", "level", "asks", "state", "proof", "reason"]);
    let row = |cells: csv::StringRecord| {
        let [number, level, asks, state, proof, reason] = std::array::from_fn(|at| cells[at].to_owned());
        Row { number, level, asks, state, proof, reason }
    };
    reader.records().map(|cells| row(cells.unwrap())).collect()
}

/// What is wrong with a row as such, whatever its proofs are worth.
fn faults_of(row: &Row, before: Option<&Row>) -> Vec<&'static str> {
    let counts = (row.proofs().count() > 0, !row.reason.trim().is_empty());
    let is_sound = match row.state.as_str() {
        "met" => counts == (true, false),
        "open" | "not applicable" => counts == (false, true),
        _ => return vec!["a state is met, open or not applicable"],
    };
    [
        (is_sound, "a row that is met has a proof, another a reason, and none has both"),
        (row.place().len() == 3 && !row.place().contains(&0), "a row is named by three numbers"),
        (before.is_none_or(|before| before.place() < row.place()), "rows stand once and in the order of their numbers"),
        (["1", "2"].contains(&row.level.as_str()), "levels are 1 and 2"),
        ((1..=12).contains(&row.asks.split_whitespace().count()), "what it asks takes at most twelve words"),
    ]
    .into_iter()
    .filter_map(|(holds, words)| (!holds).then_some(words))
    .collect()
}

/// Everything a proof can lie in: path and text.
struct Places(BTreeMap<String, String>);

impl Places {
    fn new() -> Self {
        let folders = [read("tests", &[".rs", ".test.mjs"]), read("src", &[".rs"])].concat();
        let alone = ["README.md", "SECURITY.md", "Cargo.toml", "Cargo.lock", "deny.toml", ".clippy.toml", ".ci/run"];
        let alone = alone.iter().filter_map(|name| Some(((*name).to_owned(), std::fs::read_to_string(root().join(name)).ok()?)));
        Self(folders.into_iter().chain(alone).collect())
    }

    fn hold(&self, proof: &str) -> bool {
        if let Some((file, title)) = proof.split_once(": ") {
            return match self.0.get(file).or_else(|| self.0.get(&format!("tests/browser/{file}"))) {
                Some(text) if file.ends_with(".mjs") => ["it('", "it(`"].iter().any(|call| text.contains(&format!("{call}{title}"))),
                Some(text) => text.lines().any(|line| line.trim_start_matches('#') == format!(" {title}") && line.starts_with("##")),
                None => false,
            };
        }
        let Some((module, name)) = proof.rsplit_once("::") else { return self.0.contains_key(proof) };
        let module = module.replace("::", "/");
        let inline = module.strip_suffix("/tests");
        let files = [Some(format!("tests/{module}")), Some(format!("src/{module}")), inline.map(|module| format!("src/{module}"))];
        let files = files.into_iter().flatten().flat_map(|file| [format!("{file}.rs"), format!("{file}/mod.rs")]);
        files.filter_map(|file| self.0.get(&file)).any(|text| is_test(text, name))
    }
}

/// Whether there is a test of this name: one with the attribute before it, or one that is run on both engines.
fn is_test(text: &str, name: &str) -> bool {
    let lines: Vec<&str> = text.lines().collect();
    lines.iter().enumerate().any(|(at, line)| {
        let Some((_, rest)) = line.split_once(&format!("fn {name}(")) else { return false };
        let mut above = lines[..at].iter().rev().take_while(|line| line.trim_start().starts_with(['#', '/']));
        rest.ends_with(": TestDb) {") || above.any(|line| line.contains("test]") || line.contains("::test("))
    })
}

#[test]
fn every_row_is_met_by_what_is_there_or_says_why_not() {
    let text = std::fs::read_to_string(root().join(PLACE)).unwrap();
    let (rows, places) = (table(&text), Places::new());
    let mut faults = Vec::new();
    for (at, row) in rows.iter().enumerate() {
        let own = faults_of(row, at.checked_sub(1).map(|before| &rows[before]));
        faults.extend(own.into_iter().map(|words| Fault::new(PLACE, at + 2, format!("{}: {words}", row.number))));
        let lost = row.proofs().filter(|proof| !places.hold(proof));
        faults.extend(lost.map(|proof| Fault::new(PLACE, at + 2, format!("{}: there is no {proof}", row.number))));
    }
    report(&faults);
    let of = |level: &str| rows.iter().filter(|row| row.level == level).count();
    assert_eq!(["1", "2"].map(of), ROWS, "rows of level 1 and 2");
    let count = |state: &str| rows.iter().filter(|row| row.state == state).count();
    println!("ASVS 5.0, levels 1 and 2: {} met, {} open, {} not applicable", count("met"), count("open"), count("not applicable"));
    assert_eq!(count("open"), 0, "every row has been met: what proves one now that something has changed?");
}

#[test]
fn a_row_that_proves_nothing_is_found() {
    let row = |number: &str, level: &str, state: &str, proof: &str, reason: &str| {
        let [number, level, state, proof, reason] = [number, level, state, proof, reason].map(str::to_owned);
        Row { number, level, asks: "something".to_owned(), state, proof, reason }
    };
    let good = row("1.2.10", "1", "met", "README.md", "");
    assert!(faults_of(&good, Some(&row("1.2.9", "2", "open", "", "why"))).is_empty());
    for bad in [
        row("1.2.10", "1", "met", "", ""),
        row("1.2.10", "1", "open", "README.md", "why"),
        row("1.2.10", "2", "not applicable", "", " "),
        row("1.2.10", "2", "done", "README.md", ""),
        row("1.2", "1", "met", "README.md", ""),
        row("1.2.11", "3", "met", "README.md", ""),
    ] {
        assert_eq!(faults_of(&bad, None).len(), 1, "{bad:?}");
    }
    assert_eq!(faults_of(&good, Some(&good)).len(), 1, "twice");
    let places = Places::new();
    for proof in [
        "tidy::asvs::a_row_that_proves_nothing_is_found",
        "tidy::the_source_keeps_the_rules",
        "web::sign_in::the_next_page_is_one_of_ours",
        "web::guard::tests::only_what_a_trusted_proxy_saw_is_believed",
        "config::tests::passwords_are_shown_nowhere",
        "sign_in.test.mjs: leaves nothing behind for the Back button",
        "README.md: Who may do what",
        "deny.toml",
    ] {
        assert!(places.hold(proof), "{proof}");
    }
    for proof in
        ["tidy::asvs::table", "tidy::nothing", "sign_in.test.mjs: nothing", "README.md: Nothing", "nothing.md", "web::sign_in::own_path"]
    {
        assert!(!places.hold(proof), "{proof}");
    }
}

#[test]
fn the_limits_in_the_document_are_those_of_the_settings() {
    let text = std::fs::read_to_string(root().join("SECURITY.md")).unwrap();
    let cells = |line: &str| line.trim_matches('|').split('|').map(|cell| cell.trim().trim_matches('`').to_owned()).collect::<Vec<_>>();
    let lines: Vec<Vec<String>> = text.lines().filter(|line| line.starts_with("| `")).map(cells).collect();
    assert!(lines.len() >= 8, "{lines:?}");
    for line in &lines {
        let setting = Setting::named(&line[0]).unwrap_or_else(|| panic!("there is no setting {}", line[0]));
        assert_eq!(line[1].replace(',', ""), setting.default, "{}", line[0]);
    }
    let tries =
        [("one account from one network (/24, /56)", ACCOUNT), ("one account from a device that its person has signed in from", DEVICE)];
    for (what, policy) in
        tries.into_iter().chain([("one network over all accounts", NETWORK), ("codes of one account from wherever", CODES)])
    {
        assert!(text.contains(&format!("| {what} | {} |", policy.free)), "{what}");
    }
}

#[test]
fn the_script_runs_no_text_and_keeps_nothing() {
    const BANNED: &[&str] = &[
        "innerHTML",
        "outerHTML",
        "insertAdjacentHTML",
        "document.write",
        "eval(",
        "Function(",
        "postMessage",
        "\"message\"",
        "onmessage",
        "localStorage",
        "sessionStorage",
        "indexedDB",
        "__proto__",
        "Object.assign",
        "WebSocket",
        "importScripts",
    ];
    let scripts = read("static", &[".js"]);
    assert!(!scripts.is_empty());
    let found = |text: &str| BANNED.iter().filter(|word| text.contains(**word)).copied().collect::<Vec<_>>();
    let faults: Vec<Fault> =
        scripts.iter().flat_map(|(path, text)| found(text).into_iter().map(move |word| Fault::new(path, 1, word))).collect();
    report(&faults);
    assert_eq!(found("a.innerHTML = localStorage.b").len(), 2);
}

/// Words of the code, and the beginnings of the files that may hold them.
const REACHING_OUT: &[(&str, &[&str])] = &[
    ("Command::new(", &["src/store/db_dump.rs", "src/cli/mod.rs"]),
    ("TcpStream::connect", &["src/cli/doctor/", "src/integrations/"]),
    ("TcpStream::connect_timeout", &["src/cli/doctor/", "src/integrations/"]),
    ("UnixDatagram::unbound", &["src/integrations/"]),
    ("UdpSocket::bind", &[]),
    ("Regex::new", &[]),
];
/// Crates that ask for what lies behind an address.
const CLIENTS: &[&str] = &["reqwest", "hyper", "ureq", "awc", "isahc", "curl", "surf", "attohttpc"];

#[test]
fn programs_and_other_machines_are_called_from_known_places_alone() {
    let sources: Vec<Source> = read("src", &[".rs"]).iter().map(|(path, text)| Source::new(path, text)).collect();
    let mut faults = Vec::new();
    for source in &sources {
        for (word, places) in REACHING_OUT {
            if !places.iter().any(|place| source.path.starts_with(place)) {
                faults.extend(source.words(word).into_iter().map(|at| Fault::at(source, at, format!("{word} has no place here"))));
            }
        }
    }
    report(&faults);
    assert!(sources.iter().any(|source| !source.words("Command::new(").is_empty()), "the words are found where they stand");
    let text = std::fs::read_to_string(root().join("Cargo.toml")).unwrap();
    let own = text.split_once("[dependencies]").unwrap().1.split_once("[dev-dependencies]").unwrap().0;
    assert!(own.lines().all(|line| !CLIENTS.contains(&line.split([' ', '=']).next().unwrap_or_default())), "{own}");
}

/// Fields that hold a password.
const PASSWORD_FIELDS: &[&str] = &["password", "again", "current"];

#[test]
fn every_password_is_masked_and_can_be_pasted() {
    let mut seen = 0;
    for (path, text) in read("templates", &[".html"]) {
        assert!(!text.contains("onpaste"), "{path} meddles with what is pasted");
        for call in text.split("field(\"").skip(1).filter(|call| PASSWORD_FIELDS.contains(&call.split('"').next().unwrap())) {
            let call = call.split("}}").next().unwrap();
            assert!(call.contains("kind=\"password\""), "{path} shows a password: {call}");
            assert!(
                ["current-password", "new-password"].iter().any(|what| call.contains(&format!("autocomplete=\\\"{what}\\\""))),
                "{path}: {call}"
            );
            seen += 1;
        }
    }
    assert!(seen >= 8, "{seen} fields for passwords were found");
}
