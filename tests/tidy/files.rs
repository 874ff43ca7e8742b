//! Rules about files as such: clean text, and nothing that nobody uses.

use super::Fault;

/// Tabs, blanks at the end of a line, carriage returns, other control characters, and a missing last line break.
pub fn clean(path: &str, text: &str) -> Vec<Fault> {
    let mut faults = Vec::new();
    for (i, line) in text.split('\n').enumerate() {
        if let Some(odd) = line.chars().find(|c| c.is_control()) {
            faults.push(Fault::new(path, i + 1, format!("control character {odd:?}; write it as an escape, indent with blanks")));
        } else if line.ends_with(' ') {
            faults.push(Fault::new(path, i + 1, "blanks at the end of the line"));
        }
    }
    if !text.ends_with('\n') || text.ends_with("\n\n") {
        faults.push(Fault::new(path, text.lines().count(), "a file ends with exactly one line break"));
    }
    faults
}

/// Files (`templates/budgets/list.html`, `static/css/tokens.css`) that no text of `users` but their own names: by the path below their
/// folder, or, for a part of the style sheet, by its stem in quotes.
pub fn dead(files: &[String], users: &[(String, String)]) -> Vec<Fault> {
    let names = |file: &str| {
        let below = file.split_once('/').map_or(file, |(_, below)| below);
        let stem = below.strip_prefix("css/").and_then(|name| name.strip_suffix(".css")).map(|stem| format!("\"{stem}\""));
        [Some(below.to_owned()), stem].into_iter().flatten().collect::<Vec<_>>()
    };
    let named = |file: &String| names(file).iter().any(|name| users.iter().any(|(user, text)| user != file && text.contains(name)));
    files.iter().filter(|file| !named(file)).map(|file| Fault::new(file, 1, "nothing names this file")).collect()
}

#[test]
fn unclean_text_is_found() {
    assert!(clean("a", "let a = 1;\n").is_empty());
    for bad in ["\tlet a;\n", "let a; \n", "let a;\r\n", "let a;", "let a;\n\n", "a\u{0}\n"] {
        assert_eq!(clean("a", bad).len(), 1, "{bad:?}");
    }
}

#[test]
fn a_dead_file_is_found() {
    let files = ["templates/a/list.html", "templates/a/old.html", "static/css/a.css"].map(str::to_owned);
    let users = [("src/web/a.rs", "path = \"a/list.html\", [\"a\"]"), ("templates/a/old.html", "a/old.html")];
    let users = users.map(|(path, text)| (path.to_owned(), text.to_owned()));
    let faults = dead(&files, &users);
    assert_eq!(faults.len(), 1, "{faults:?}");
    assert_eq!(faults[0].path, files[1]);
}
