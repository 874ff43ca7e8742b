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

/// Files (`templates/budgets/list.html`, `static/css/tokens.css`) whose path below their folder stands in no text of `users` but their own.
pub fn dead(files: &[String], users: &[(String, String)]) -> Vec<Fault> {
    files
        .iter()
        .filter(|file| {
            let name = file.split_once('/').map_or(file.as_str(), |(_, below)| below);
            !users.iter().any(|(user, text)| user != *file && text.contains(name))
        })
        .map(|file| Fault::new(file, 1, "nothing names this file"))
        .collect()
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
    let files = ["templates/a/list.html".to_owned(), "templates/a/old.html".to_owned()];
    let users = [("src/web/a.rs".to_owned(), "path = \"a/list.html\"".to_owned()), (files[1].clone(), "a/old.html".to_owned())];
    let faults = dead(&files, &users);
    assert_eq!(faults.len(), 1, "{faults:?}");
    assert_eq!(faults[0].path, files[1]);
}
