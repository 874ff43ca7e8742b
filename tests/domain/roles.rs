//! The roles as the README tells them are the roles as the rules have them.

use counterfoil::domain::access::{Permission, Role};

const README: &str = include_str!("../../README.md");

/// What each line of the table stands for.
const LINES: &[(&str, &[Permission])] = &[
    (
        "See regions, budgets, transactions; export",
        &[Permission::RegionsRead, Permission::BudgetsRead, Permission::TransactionsRead, Permission::ExportsCreate],
    ),
    ("See who received a reward: names, addresses, numbers", &[Permission::RecipientsRead]),
    ("Reveal one recipient who is hidden, with a reason, on the record", &[Permission::RecipientsReveal]),
    ("Erase a recipient's name, address and number", &[Permission::RecipientsErase]),
    ("Adjust, transfer, reserve and reverse budget", &[Permission::BudgetsAdjust]),
    ("Approve what others ask for, never one's own", &[Permission::ApprovalsDecide]),
    ("Assign transactions to budgets; import", &[Permission::TransactionsAssign, Permission::ImportsRun]),
    ("Create, allocate, close and carry over budgets", &[Permission::BudgetsManage]),
    ("Read the audit trail", &[Permission::AuditRead]),
    ("See people and their roles", &[Permission::PeopleRead]),
    ("Manage regions, people, roles and settings", &[Permission::RegionsManage, Permission::PeopleManage, Permission::SettingsManage]),
];

fn cells(line: &str) -> Vec<&str> {
    line.trim_matches('|').split('|').map(str::trim).collect()
}

#[test]
fn the_table_of_the_readme_says_what_each_role_may() {
    let section = README.split_once("## Who may do what").unwrap().1.split_once("\n## ").unwrap().0;
    let table: Vec<Vec<&str>> = section.lines().filter(|line| line.starts_with('|')).map(cells).collect();
    let heads: Vec<&str> = table[0][1..].to_vec();
    assert_eq!(heads, Role::ALL.iter().map(|role| role.label()).collect::<Vec<_>>());
    let lines = &table[2..];
    assert_eq!(lines.iter().map(|cells| cells[0]).collect::<Vec<_>>(), LINES.iter().map(|line| line.0).collect::<Vec<_>>());
    for (cells, (label, permissions)) in lines.iter().zip(LINES) {
        for (role, cell) in Role::ALL.iter().zip(&cells[1..]) {
            for permission in *permissions {
                assert_eq!(role.allows(*permission), *cell == "●", "{label}: {permission:?} of {role:?}");
            }
        }
    }
    let told: usize = LINES.iter().map(|line| line.1.len()).sum();
    assert_eq!(told, Permission::ALL.len(), "every permission stands in one line");
}
