//! Rules for `src/`.

use super::Fault;
use super::scan::Source;

pub struct Rule {
    pub name: &'static str,
    pub check: fn(&Source) -> Vec<Fault>,
    /// Path and text of samples that break the rule, each in one place.
    pub bad: &'static [(&'static str, &'static str)],
    /// Samples that keep it, close to those that do not.
    pub good: &'static [(&'static str, &'static str)],
}

/// Which floor may name which. A floor may always name itself.
const ARROWS: &[(&str, &[&str])] = &[
    ("main", &["cli"]),
    ("cli", &["web", "api", "jobs", "actions", "store", "integrations", "formats", "domain", "config", "telemetry", "clock", "metrics"]),
    ("web", &["actions", "store", "domain", "config", "telemetry", "clock", "metrics"]),
    ("api", &["actions", "store", "domain", "config", "telemetry", "clock", "metrics"]),
    ("jobs", &["actions", "store", "integrations", "domain", "clock", "metrics"]),
    ("actions", &["store", "integrations", "formats", "domain", "clock", "metrics"]),
    ("integrations", &["domain"]),
    ("store", &["domain", "clock", "metrics"]),
    ("formats", &["domain"]),
    ("domain", &[]),
    ("config", &[]),
    ("telemetry", &[]),
    ("metrics", &[]),
    ("clock", &[]),
    ("lib", &[]),
];

/// Files that may name the two engines: what begins so.
const ENGINE_FILES: &[&str] = &["src/store/db", "src/store/bulk_"];

pub const RULES: &[Rule] = &[
    Rule {
        name: "arrows",
        check: arrows,
        bad: &[
            ("src/domain/money.rs", "use crate::store::Tx;\n"),
            ("src/store/db.rs", "fn a() { crate::web::page(); }\n"),
            ("src/web/budgets.rs", "use crate::{domain::money, jobs};\n"),
            ("src/store/mod.rs", "use super::actions::budget;\n"),
            ("src/main.rs", "use counterfoil::store::Store;\n"),
            ("src/odd/new.rs", "use crate::domain::money;\n"),
        ],
        good: &[
            ("src/web/budgets.rs", "use crate::{domain::{id, money}, actions::budget};\nuse super::page;\n"),
            ("src/store/budget.rs", "use super::db::Tx;\nuse crate::domain::money; // crate::web\n"),
            ("src/main.rs", "fn main() { counterfoil::cli::run() }\n"),
        ],
    },
    Rule {
        name: "file length",
        check: file_length,
        bad: &[("src/web/a.rs", "401 times: // a\n")],
        good: &[("src/web/a.rs", "fn a() {}\n")],
    },
    Rule {
        name: "function length",
        check: function_length,
        bad: &[
            ("src/store/a.rs", "fn a() {\n70 times:     b();\n}\n"),
            ("src/web/a.rs", "pub async fn a() -> HttpResponse {\n40 times:     b();\n}\n"),
        ],
        good: &[
            ("src/store/a.rs", "fn a() {\n68 times:     b();\n}\nfn c(d: [u8; 2]);\n"),
            ("src/web/a.rs", "fn a() -> HttpResponse {\n60 times:     b();\n}\n"),
        ],
    },
    Rule {
        name: "columns",
        check: columns,
        bad: &[(
            "src/a.rs",
            "const A: &str = \"a line that goes on, and on, and on, and on, and on, and on, and on, and on, and on, and on, and on, and on, and on, and on, and on, and on, and on, and on\";\n",
        )],
        good: &[("src/a.rs", "// short\n")],
    },
    Rule {
        name: "banned calls",
        check: banned_calls,
        bad: &[
            ("src/web/a.rs", "fn a() { b().unwrap(); }\n"),
            ("src/web/a.rs", "fn a() { b()\n.expect(\"c\"); }\n"),
            ("src/web/a.rs", "fn a() { panic!(); }\n"),
            ("src/web/a.rs", "fn a() { todo!() }\n"),
            ("src/web/a.rs", "fn a() { unimplemented!() }\n"),
            ("src/web/a.rs", "fn a() { unreachable!() }\n"),
            ("src/web/a.rs", "fn a() { dbg!(1); }\n"),
            ("src/web/a.rs", "fn a() { println!(); }\n"),
            ("src/web/a.rs", "fn a() { eprintln!(); }\n"),
            ("src/web/a.rs", "fn a() { chrono::Utc::now(); }\n"),
            ("src/web/a.rs", "fn a() { std::time::SystemTime::now(); }\n"),
            ("src/web/a.rs", "fn a() { rand::rng(); }\n"),
            ("src/web/a.rs", "fn a() { thread_rng(); }\n"),
            ("src/web/a.rs", "fn a() { Uuid::now_v7(); }\n"),
            ("src/store/db.rs", "type A = sqlx::Any;\n"),
        ],
        good: &[
            ("src/web/a.rs", "fn a() { b().unwrap_or(\".unwrap()\"); } // panic!\n"),
            ("src/cli/a.rs", "fn a() { println!(); }\n"),
            ("src/clock.rs", "fn a() { Utc::now(); rand::rng(); }\n"),
            ("src/web/a.rs", "#[cfg(test)]\nmod tests {\n    fn a() { b().unwrap(); }\n}\n"),
        ],
    },
    Rule {
        name: "SQL is not built with format!",
        check: built_sql,
        bad: &[
            ("src/store/a.rs", "fn a() { format!(\"SELECT * FROM {t}\"); }\n"),
            ("src/store/a.rs", "fn a() { format!(\n    r#\" DELETE FROM {t}\"#); }\n"),
            ("src/web/a.rs", "fn a(s: String) { query(AssertSqlSafe(s)); }\n"),
        ],
        good: &[("src/store/a.rs", "fn a() { format!(\"Selected {n}\"); let b = \"SELECT 1\"; AssertSqlSafe(b); }\n")],
    },
    Rule {
        name: "engines",
        check: engines,
        bad: &[
            ("src/store/budget.rs", "use sqlx::Sqlite;\n"),
            ("src/store/budget.rs", "fn a(p: &PgPool) {}\n"),
            ("src/actions/a.rs", "use sqlx::postgres::Thing;\n"),
            ("src/actions/a.rs", "fn a(e: Engine) -> bool { e == Engine::Sqlite }\n"),
            ("src/config.rs", "use sqlx::Postgres;\n"),
            ("src/web/a.rs", "fn a(c: rusqlite::Connection) {}\n"),
        ],
        good: &[
            ("src/store/db.rs", "use sqlx::{Postgres, Sqlite};\n"),
            ("src/store/bulk_read.rs", "use rusqlite::Connection;\n"),
            ("src/store/audit.rs", "fn a(e: Engine) -> bool { e == Engine::Sqlite }\n"),
            ("src/config.rs", "enum Address { Sqlite, Postgres }\n"),
            ("src/web/a.rs", "const A: &str = \"Postgres\"; // Sqlite\n"),
        ],
    },
    Rule {
        name: "pages read what is in sight",
        check: sight,
        bad: &[("src/web/a.rs", "fn a() { p.store.read(); }\n"), ("src/web/a.rs", "fn a() { store.pools().read(); }\n")],
        good: &[
            ("src/web/a.rs", "fn a() { p.read(who); p.within(who).read(); }\n"),
            ("src/web/sign_in.rs", "fn a() { p.store.read(); }\n"),
        ],
    },
    Rule {
        name: "reasons",
        check: reasons,
        bad: &[("src/a.rs", "#[allow(dead_code)]\nfn a() {}\n"), ("src/a.rs", "fn a() {}\n\n#![expect(clippy::all)]\n")],
        good: &[
            ("src/a.rs", "#[expect(dead_code, reason = \"read by name\")]\nfn a() {}\n"),
            ("src/a.rs", "// Read by name.\n#[allow(dead_code)]\nfn a() {}\n"),
        ],
    },
    Rule {
        name: "module heads",
        check: module_head,
        bad: &[("src/a.rs", "use std::fmt;\n")],
        good: &[("src/a.rs", "//! What it is.\n"), ("src/a.rs", "#![warn(missing_docs)]\n//! What it is.\n")],
    },
];

fn floor(path: &str) -> &str {
    let below = path.strip_prefix("src/").unwrap_or(path);
    below.split('/').next().unwrap_or_default().trim_end_matches(".rs")
}

fn arrows(source: &Source) -> Vec<Fault> {
    let from = floor(&source.path);
    let Some((_, allowed)) = ARROWS.iter().find(|(name, _)| *name == from) else {
        return vec![Fault::new(&source.path, 1, format!("the floor {from} is not in the table of arrows"))];
    };
    named_floors(source)
        .into_iter()
        .filter(|(_, to)| to != from && !allowed.contains(&to.as_str()))
        // An exported macro stands at the root of the crate wherever it is written.
        .filter(|(_, to)| !(from == "store" && to == "on"))
        .map(|(at, to)| Fault::at(source, at, format!("{from} may not name {to}")))
        .collect()
}

/// The floors that a file names by a path from the root of the crate, also through `super`.
fn named_floors(source: &Source) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for root in ["crate::", "counterfoil::"] {
        for at in source.words(root) {
            found.extend(heads(&source.code[at + root.len()..]).into_iter().map(|head| (at, head)));
        }
    }
    // `super` leads to the root of the crate when there are as many as the module is deep.
    let depth = source.path.split('/').skip(1).filter(|part| *part != "mod.rs").count();
    for at in source.words("super::").into_iter().filter(|at| !source.code[..*at].ends_with("super::")) {
        let rest = &source.code[at..];
        let count = rest.split("::").take_while(|part| *part == "super").count();
        if count >= depth {
            found.extend(heads(&rest[count * "super::".len()..]).into_iter().map(|head| (at, head)));
        }
    }
    found
}

/// The first names behind `crate::`: one, or several in braces.
fn heads(rest: &str) -> Vec<String> {
    let name = |text: &str| text.trim_start().chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect::<String>();
    let Some(inside) = rest.strip_prefix('{') else { return vec![name(rest)] };
    let mut depth = 0;
    let mut names = vec![name(inside)];
    for (i, c) in inside.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => names.push(name(&inside[i + 1..])),
            _ => {}
        }
    }
    names.retain(|name| !name.is_empty() && name != "self");
    names
}

fn file_length(source: &Source) -> Vec<Fault> {
    let lines = source.own_lines();
    if lines <= 400 { Vec::new() } else { vec![Fault::new(&source.path, lines, format!("{lines} lines; 400 are enough, split by noun"))] }
}

fn function_length(source: &Source) -> Vec<Fault> {
    let handlers_live_here = ["web", "api"].contains(&floor(&source.path));
    source
        .functions()
        .iter()
        .filter_map(|function| {
            let answers = ["HttpResponse", "Responder"].iter().any(|word| function.signature.contains(word));
            let is_handler = handlers_live_here && answers && source.code[..function.at].ends_with("async ");
            let (limit, what) = if is_handler { (40, "handler") } else { (70, "function") };
            let words = || format!("{what} {} has {} lines; {limit} are enough", function.name, function.lines);
            (function.lines > limit).then(|| Fault::at(source, function.at, words()))
        })
        .collect()
}

/// The formatter keeps code within 140; what it cannot break, prose and strings, may go a little further.
const COLUMNS: usize = 160;

fn columns(source: &Source) -> Vec<Fault> {
    let long = source.text.lines().enumerate().filter(|(_, line)| line.chars().count() > COLUMNS);
    long.map(|(i, _)| Fault::new(&source.path, i + 1, format!("more than {COLUMNS} columns"))).collect()
}

fn banned_calls(source: &Source) -> Vec<Fault> {
    const EVERYWHERE: &[(&str, &str)] = &[
        (".unwrap()", "say what happens otherwise"),
        (".expect(", "say what happens otherwise"),
        ("panic!", "return an error"),
        ("unreachable!", "make the type say so, or return an error"),
        ("todo!", "finish it"),
        ("unimplemented!", "finish it"),
        ("dbg!", "log it or leave it"),
        ("sqlx::Any", "it fails at run time on one engine only"),
    ];
    const NOT_IN_CLOCK: &[(&str, &str)] = &[
        ("Utc::now", "take the time as an argument"),
        ("Local::now", "take the time as an argument"),
        ("SystemTime::now", "take the time as an argument"),
        ("Uuid::now_v7", "take the id or its maker as an argument"),
        ("thread_rng", "take the random numbers as an argument"),
        ("rand::rng", "take the random numbers as an argument"),
        ("rand::random", "take the random numbers as an argument"),
        ("OsRng", "take the random numbers as an argument"),
    ];
    const NOT_BELOW_CLI: &[(&str, &str)] = &[
        ("println!", "log it, or return it to the command line"),
        ("print!", "log it, or return it to the command line"),
        ("eprintln!", "log it, or return it to the command line"),
        ("eprint!", "log it, or return it to the command line"),
    ];
    let mut banned = EVERYWHERE.to_vec();
    if source.path != "src/clock.rs" {
        banned.extend(NOT_IN_CLOCK);
    }
    if !["cli", "main"].contains(&floor(&source.path)) {
        banned.extend(NOT_BELOW_CLI);
    }
    let places = banned.iter().flat_map(|(call, why)| source.words(call).into_iter().map(move |at| (at, call, why)));
    places.map(|(at, call, why)| Fault::at(source, at, format!("{call} is banned here: {why}"))).collect()
}

fn built_sql(source: &Source) -> Vec<Fault> {
    let is_sql = |text: &str| ["SELECT ", "INSERT ", "UPDATE ", "DELETE ", "WITH "].iter().any(|verb| text.trim_start().starts_with(verb));
    let built = source.words("format!").into_iter().filter(|at| {
        let next = source.strings.iter().find(|(quote, _)| quote > at);
        // Only what stands first in the parentheses is the text; a raw string's prefix may stand before the quote.
        next.is_some_and(|(quote, text)| {
            is_sql(text) && source.code[at + "format!".len()..*quote].chars().all(|c| c.is_whitespace() || "([{r#".contains(c))
        })
    });
    let unchecked = source.words("AssertSqlSafe").into_iter().filter(|_| floor(&source.path) != "store");
    built
        .map(|at| Fault::at(source, at, "bind values; SQL is not built with format!"))
        .chain(unchecked.map(|at| Fault::at(source, at, "only the store makes SQL")))
        .collect()
}

/// Pages that read before it is known who asks, or who look her up.
const BEFORE_ANYBODY: &[&str] = &["forgotten", "guard", "health", "password", "portal", "session", "setup", "sign_in", "sign_in_code"];

/// Whoever asks sees no more than [`Portal::read`] shows her; in the database as well.
fn sight(source: &Source) -> Vec<Fault> {
    let Some(file) = source.path.strip_prefix("src/web/").and_then(|path| path.strip_suffix(".rs")) else { return Vec::new() };
    if BEFORE_ANYBODY.contains(&file) {
        return Vec::new();
    }
    let reads = ["store.read()", "pools().read()"].into_iter().flat_map(|call| source.code.match_indices(call));
    reads.map(|(at, _)| Fault::at(source, at, "a page reads by Portal::read, which tells the database who asks")).collect()
}

fn engines(source: &Source) -> Vec<Fault> {
    const TYPES: &[&str] = &[
        "SqlitePool",
        "SqliteConnection",
        "SqliteConnectOptions",
        "SqliteRow",
        "SqliteArguments",
        "PgPool",
        "PgConnection",
        "PgConnectOptions",
        "PgRow",
        "PgArguments",
        "PgListener",
        "rusqlite",
        "sqlx::sqlite",
        "sqlx::postgres",
    ];
    if ENGINE_FILES.iter().any(|start| source.path.starts_with(start)) {
        return Vec::new();
    }
    // Two places may tell the engines apart without their types: the store by its own `Engine`, and the settings, which read an address.
    let told_apart = |at: &usize| match floor(&source.path) {
        "store" => source.code[..*at].ends_with("Engine::"),
        "config" => !source.code.contains("sqlx"),
        _ => false,
    };
    let types = TYPES.iter().flat_map(|name| source.words(name));
    let names = ["Sqlite", "Postgres"].iter().flat_map(|name| source.words(name)).filter(|at| !told_apart(at));
    types.chain(names).map(|at| Fault::at(source, at, "only src/store/db knows the engines")).collect()
}

fn reasons(source: &Source) -> Vec<Fault> {
    ["#[allow(", "#![allow(", "#[expect(", "#![expect("]
        .iter()
        .flat_map(|attribute| source.code.match_indices(attribute))
        .filter(|(at, _)| {
            let end = source.code[*at..].find(']').map_or(source.code.len(), |end| at + end);
            let before = source.text[..*at].trim_end().lines().last().unwrap_or_default().trim_start();
            let beside = source.text[end..].lines().next().unwrap_or_default();
            !(source.code[*at..end].contains("reason") || before.starts_with("// ") || beside.contains("// "))
        })
        .map(|(at, _)| Fault::at(source, at, "say why: reason = \"…\""))
        .collect()
}

fn module_head(source: &Source) -> Vec<Fault> {
    let first = source.text.lines().find(|line| !line.starts_with("#!"));
    if first.is_some_and(|line| line.starts_with("//! ")) {
        Vec::new()
    } else {
        vec![Fault::new(&source.path, 1, "say in a //! head what the file is for")]
    }
}

/// Unfolds `40 times: line` in a sample.
fn unfold(sample: &str) -> String {
    let unfold_line = |line: &str| match line.split_once(" times: ").and_then(|(count, rest)| Some((count.parse().ok()?, rest))) {
        Some((count, rest)) => format!("{rest}\n").repeat(count),
        None => format!("{line}\n"),
    };
    sample.lines().map(unfold_line).collect()
}

#[test]
fn each_rule_finds_its_breach() {
    for rule in RULES {
        assert!(!rule.bad.is_empty() && !rule.good.is_empty(), "{} has no samples", rule.name);
        for (path, sample) in rule.bad {
            let faults = (rule.check)(&Source::new(path, &unfold(sample)));
            assert_eq!(faults.len(), 1, "{}: {sample:?} gives {faults:?}", rule.name);
        }
        for (path, sample) in rule.good {
            let faults = (rule.check)(&Source::new(path, &unfold(sample)));
            assert!(faults.is_empty(), "{}: {sample:?} gives {faults:?}", rule.name);
        }
    }
}

#[test]
fn every_floor_of_the_source_is_known_and_no_arrow_goes_up() {
    for (i, (from, allowed)) in ARROWS.iter().enumerate() {
        for to in *allowed {
            let below = ARROWS.iter().position(|(name, _)| name == to).unwrap_or_else(|| panic!("{to} is no floor"));
            assert!(below > i, "{from} names {to}, which stands above it");
        }
    }
}
