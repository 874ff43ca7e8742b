//! The roles as the README tells them are the roles as the rules have them.

use std::collections::BTreeSet;

use counterfoil::domain::access::{Access, Actor, Granted, Permission, Proved, Role, Who};
use counterfoil::domain::id::{GrantId, RegionId, RoleId, UserId};
use counterfoil::domain::role::{AnyRole, Definition, Permissions, counts_as, giving, making, taking_over, widening};
use uuid::Uuid;

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

fn region(number: u128) -> RegionId {
    RegionId(Uuid::from_u128(number))
}

fn person(number: u128) -> UserId {
    UserId(Uuid::from_u128(number))
}

fn acting(number: u128) -> Actor {
    Actor { who: Who::Person(person(number)), request_id: String::new(), peer: String::new(), proved: Proved::Elsewhere }
}

/// A grant on region 1, which is the root, or on another, which covers itself alone.
fn granted(role: impl Into<Definition>, at: u128) -> Granted {
    let Definition { role, label, permissions, .. } = role.into();
    let regions: BTreeSet<RegionId> = if at == 1 { (1..=3).map(region).collect() } else { [region(at)].into() };
    Granted { id: GrantId(Uuid::from_u128(at)), role, label, permissions, region: region(at), regions, root: at == 1 }
}

fn custom(permissions: &[Permission]) -> Definition {
    let role = AnyRole::Custom(RoleId(Uuid::from_u128(9)));
    Definition { role, label: "Own".to_owned(), permissions: permissions.iter().copied().collect(), retired: false }
}

#[test]
fn a_set_of_permissions_is_what_was_put_into_it() {
    let all: Permissions = Role::Administrator.into();
    assert_eq!(all.iter().collect::<Vec<_>>(), Permission::ALL);
    for permission in Permission::ALL {
        let one: Permissions = [*permission].into_iter().collect();
        assert!(one.contains(*permission) && one.iter().count() == 1 && all.covers(one) && !one.covers(all));
        assert!(!all.without(one).contains(*permission) && one.without(one).is_empty());
    }
    for role in Role::ALL {
        assert_eq!(AnyRole::parse(role.code()), Some(AnyRole::from(*role)));
    }
    let own = custom(&[]).role;
    assert_eq!((AnyRole::parse(&own.code()), AnyRole::parse("king"), AnyRole::parse("")), (Some(own), None, None));
}

#[test]
fn a_custom_role_counts_as_what_it_contains_and_as_the_first_that_contains_it() {
    let of = |permissions: Permissions| counts_as(permissions).collect::<Vec<_>>();
    for role in Role::ALL {
        assert!(of((*role).into()).contains(role));
    }
    assert_eq!(of([Permission::RegionsRead].into_iter().collect()), [Role::RegionalPartner]);
    let auditor_and_more = Permissions::from(Role::Auditor).iter().chain([Permission::BudgetsAdjust]).collect();
    assert_eq!(of(auditor_and_more), [Role::Auditor, Role::Administrator]);
    let access = Access::of(vec![granted(custom(&[Permission::SettingsManage]), 2)]);
    assert_eq!(access.roles(), [Role::Administrator].into());
}

#[test]
fn nobody_gives_what_she_does_not_hold_there_nor_to_herself() {
    let access = Access::of(vec![granted(Role::Administrator, 2), granted(Role::RegionalPartner, 3)]);
    let by = acting(1);
    let give = |role: Definition, at: u128, to: u128| giving(&by, &access, Some(person(to)), &role, (region(at), "There"));
    assert_eq!(give(Role::Administrator.into(), 2, 5), Ok(()));
    assert_eq!(give(Role::RegionalPartner.into(), 3, 5), Ok(()));
    let more = give(Role::Auditor.into(), 3, 5).unwrap_err();
    assert_eq!(more.field(), Some("role"));
    let words = more.to_string();
    assert!(
        words.contains("There: Reveal a recipient, with a reason; Read the audit trail; See people") && !words.contains("See budgets"),
        "{words}"
    );
    assert!(give(Role::RegionalPartner.into(), 1, 5).is_err(), "below is not above");
    assert!(give(Role::RegionalPartner.into(), 2, 1).unwrap_err().to_string().contains("herself"));
    assert!(give(Definition { retired: true, ..custom(&[Permission::RegionsRead]) }, 2, 5).unwrap_err().to_string().contains("retired"));
    let system = Actor::system("cli");
    assert_eq!(giving(&system, &Access::unlimited(), None, &Role::Administrator.into(), (region(1), "All")), Ok(()));
}

#[test]
fn a_role_grows_only_by_what_is_held_everywhere_it_is_in_force() {
    let access = Access::of(vec![granted(Role::FinanceController, 2)]);
    let adds = |permissions: &[Permission]| -> Permissions { permissions.iter().copied().collect() };
    assert!(making(&access, adds(&[])).is_err());
    assert_eq!(making(&access, adds(&[Permission::BudgetsAdjust])), Ok(()));
    assert!(
        making(&access, adds(&[Permission::BudgetsAdjust, Permission::PeopleManage])).unwrap_err().to_string().contains(": Manage people")
    );
    let widen =
        |added: &[Permission], holder: u128, at: u128| widening(&acting(1), &access, adds(added), [(person(holder), region(at), "There")]);
    assert_eq!(widen(&[Permission::BudgetsAdjust], 5, 2), Ok(()));
    assert!(widen(&[Permission::BudgetsAdjust], 5, 3).unwrap_err().to_string().contains("in force in There"));
    assert!(widen(&[Permission::BudgetsAdjust], 1, 2).unwrap_err().to_string().contains("yourself"));
    assert_eq!(widen(&[], 1, 3), Ok(()), "to take away needs nothing");
    assert!(widen(&[Permission::PeopleManage], 5, 2).is_err());
}

#[test]
fn nobody_takes_over_an_account_that_may_more() {
    let of = |role: Role, at: u128| Access::of(vec![granted(role, at)]);
    assert_eq!(taking_over(&of(Role::RegionalAdministrator, 1), &of(Role::RegionalPartner, 2)), Ok(()));
    assert!(taking_over(&of(Role::RegionalAdministrator, 2), &of(Role::RegionalPartner, 1)).is_err());
    assert!(taking_over(&of(Role::RegionalAdministrator, 1), &of(Role::Auditor, 2)).unwrap_err().to_string().contains("See people"));
    assert_eq!(taking_over(&Access::unlimited(), &of(Role::Administrator, 1)), Ok(()));
    assert_eq!(taking_over(&of(Role::RegionalPartner, 2), &Access::of(Vec::new())), Ok(()));
}
