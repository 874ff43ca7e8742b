//! The rules of the house that a compiler does not know. Each has a sample that breaks it: a rule that cannot fail proves nothing.

mod asvs;
mod files;
mod rust;
mod scan;
mod templates;

use std::fs;
use std::path::{Path, PathBuf};

use scan::Source;

/// One breach: where, and what is wrong there.
#[derive(Debug)]
struct Fault {
    path: String,
    line: usize,
    words: String,
}

impl Fault {
    fn new(path: &str, line: usize, words: impl Into<String>) -> Self {
        Self { path: path.to_owned(), line, words: words.into() }
    }

    fn at(source: &Source, offset: usize, words: impl Into<String>) -> Self {
        Self::new(&source.path, source.line(offset), words)
    }
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Every file below `folder` with one of these endings (all files when there are none), as path from the root and text, sorted by path.
fn read(folder: &str, endings: &[&str]) -> Vec<(String, String)> {
    let mut found = Vec::new();
    walk(&root().join(folder), &mut |path| {
        let name = path.strip_prefix(root()).expect("walked from the root").to_string_lossy().replace('\\', "/");
        if endings.is_empty() || endings.iter().any(|ending| name.ends_with(ending)) {
            let text = String::from_utf8_lossy(&fs::read(path).expect("a file that was just listed")).into_owned();
            found.push((name, text));
        }
    });
    found.sort();
    found
}

fn walk(folder: &Path, visit: &mut impl FnMut(&Path)) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let path = entry.path();
        if path.is_dir() && !path.ends_with("node_modules") {
            walk(&path, visit);
        } else if path.is_file() {
            visit(&path);
        }
    }
}

fn report(faults: &[Fault]) {
    let lines: Vec<String> = faults.iter().map(|fault| format!("{}:{}: {}", fault.path, fault.line, fault.words)).collect();
    assert!(lines.is_empty(), "{} breaches of the rules in tests/tidy:\n{}", lines.len(), lines.join("\n"));
}

#[test]
fn the_source_keeps_the_rules() {
    // `tests.rs` holds a module's own tests, under `#[cfg(test)]` where it is named.
    let files = read("src", &[".rs"]).into_iter().filter(|(path, _)| !path.ends_with("/tests.rs"));
    let sources: Vec<Source> = files.map(|(path, text)| Source::new(&path, &text)).collect();
    assert!(!sources.is_empty(), "no source was found");
    let faults: Vec<Fault> = sources.iter().flat_map(|source| rust::RULES.iter().flat_map(move |rule| (rule.check)(source))).collect();
    report(&faults);
}

#[test]
fn the_templates_keep_the_rules() {
    let faults: Vec<Fault> = read("templates", &[])
        .iter()
        .flat_map(|(path, text)| templates::RULES.iter().flat_map(move |rule| (rule.check)(path, text)))
        .collect();
    report(&faults);
}

#[test]
fn every_text_file_is_clean() {
    let faults: Vec<Fault> = ["src", "tests", "benches", "templates", "static", "migrations"]
        .iter()
        .flat_map(|folder| read(folder, &[".rs", ".html", ".txt", ".css", ".js", ".mjs", ".svg", ".sql", ".toml", "tests/run"]))
        .flat_map(|(path, text)| files::clean(&path, &text))
        .collect();
    report(&faults);
}

#[test]
fn no_file_is_left_that_nothing_names() {
    let users = [read("src", &[".rs"]), read("templates", &[]), read("static", &[".css", ".js"])].concat();
    let files = [read("templates", &[]), read("static", &[])].concat();
    report(&files::dead(&files.into_iter().map(|(path, _)| path).collect::<Vec<_>>(), &users));
}

#[test]
fn the_compiler_asks_for_docs_and_forbids_unsafe_code() {
    let text = fs::read_to_string(root().join("Cargo.toml")).expect("Cargo.toml");
    for line in
        ["missing_docs = \"warn\"", "unsafe_code = \"forbid\"", "unwrap_used = \"deny\"", "expect_used = \"deny\"", "panic = \"deny\""]
    {
        assert!(text.lines().any(|written| written.starts_with(line)), "Cargo.toml must say {line}");
    }
    let checks = fs::read_to_string(root().join(".ci/run")).expect(".ci/run");
    assert!(checks.contains("-D warnings"), ".ci/run must turn warnings into errors");
}
