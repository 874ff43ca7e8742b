//! People written as CSV: name, e-mail address, role, region.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::Fault;
use crate::actions::people::NewPerson;
use crate::domain::access::Role;

/// The most people that are read at once.
const MOST: usize = 500;

/// Somebody who is to be invited.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Invited {
    /// Her name.
    pub name: String,
    /// Her address.
    pub email: String,
    /// Her role.
    pub role: Role,
    /// The name of its region; empty for the whole organisation.
    pub region: String,
}

/// A role by its code or by its label, without regard to case.
fn role(text: &str) -> Option<Role> {
    let text = text.to_lowercase();
    Role::ALL.iter().copied().find(|role| role.code() == text || role.label().to_lowercase() == text)
}

/// Reads the list; `regions` are the names that there will be, `taken` the addresses that are used already. Everything that is wrong, by line.
pub fn read(text: &str, regions: &[String], taken: &str) -> Result<Vec<Invited>, Vec<Fault>> {
    let known: BTreeSet<String> = regions.iter().map(|name| name.to_lowercase()).collect();
    let mut seen: BTreeSet<String> = [taken.trim().to_lowercase()].into();
    let (mut people, mut faults) = (Vec::new(), Vec::new());
    // A browser ends lines with two characters, and the CSV reader would count its lines one short.
    let text = text.replace("\r\n", "\n");
    let delimiter = if text.lines().next().is_some_and(|line| line.contains(';')) { b';' } else { b',' };
    let mut reader =
        csv::ReaderBuilder::new().has_headers(false).flexible(true).delimiter(delimiter).trim(csv::Trim::All).from_reader(text.as_bytes());
    for (at, record) in reader.records().enumerate() {
        let Ok(record) = record else {
            faults.push(Fault { line: at + 1, text: "This line cannot be read as CSV".to_owned() });
            break;
        };
        let line = record.position().map_or(at + 1, |position| usize::try_from(position.line()).unwrap_or(at + 1));
        let cell = |at: usize| record.get(at).unwrap_or_default();
        if record.iter().all(str::is_empty) || (at == 0 && cell(0).eq_ignore_ascii_case("name")) {
            continue;
        }
        let new = NewPerson { email: cell(1).to_owned(), name: cell(0).to_owned(), password_hash: None, grant: None };
        let mut wrong = |text: String| faults.push(Fault { line, text });
        if let Err(refusal) = new.check() {
            wrong(refusal.to_string());
        } else if !seen.insert(cell(1).to_lowercase()) {
            wrong(format!("{} stands there twice", cell(1)));
        }
        if !cell(3).is_empty() && !known.contains(&cell(3).to_lowercase()) {
            wrong(format!("There is no region called {}", cell(3)));
        }
        match role(cell(2)) {
            Some(role) => people.push(Invited { name: new.name, email: new.email, role, region: cell(3).to_owned() }),
            None => wrong(format!("{} is not a role: write one of {}", quoted(cell(2)), all_roles())),
        }
    }
    if people.len() > MOST {
        faults.push(Fault { line: MOST + 1, text: format!("At most {MOST} people can be added here") });
    }
    if faults.is_empty() { Ok(people) } else { Err(faults) }
}

fn quoted(text: &str) -> String {
    if text.is_empty() { "Nothing".to_owned() } else { text.to_owned() }
}

/// The roles' names, as a hint.
pub fn all_roles() -> String {
    Role::ALL.iter().map(|role| role.code()).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_come_with_a_role_by_code_or_label() {
        let text = "name,email,role,region\nAna Ruiz,ana@example.com,regional_partner,Iberia\nBo Lind,bo@example.com,Auditor,\n";
        let people = read(text, &["Iberia".to_owned()], "me@example.com").expect("no faults");
        assert_eq!(
            people.iter().map(|one| (one.role, one.region.as_str())).collect::<Vec<_>>(),
            [(Role::RegionalPartner, "Iberia"), (Role::Auditor, "")]
        );
        assert_eq!(read("", &[], "").expect("nobody"), []);
    }

    #[test]
    fn every_fault_is_named_with_its_line() {
        let text = "Ana,ana@example.com,boss,Iberia\nBo,bo,auditor,\nMe,ME@example.com,auditor,\n";
        let faults = read(text, &[], "me@example.com").expect_err("four faults");
        assert_eq!(faults.iter().map(|fault| fault.line).collect::<Vec<_>>(), [1, 1, 2, 3]);
    }
}
