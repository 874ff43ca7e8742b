//! Duties that should not lie in one hand: the rules as data, and where a person holds both.

use std::collections::BTreeSet;

use super::access::{Access, Granted, Permission};
use super::id::RegionId;

/// Two abilities that are not to be held together.
#[derive(Debug)]
pub struct Rule {
    /// Its word in files.
    pub code: &'static str,
    /// Its name.
    pub label: &'static str,
    /// The one ability.
    pub one: Permission,
    /// The other.
    pub other: Permission,
    /// Whether they collide only where both hold in the same region; otherwise anywhere.
    pub same_region: bool,
    /// What could be done with both.
    pub risk: &'static str,
    /// What the portal does against it, whoever holds what.
    pub against: &'static str,
}

/// Every rule. Whoever wants others changes this table.
pub const RULES: &[Rule] = &[
    Rule {
        code: "adjusts_and_approves",
        label: "Adjusts and approves",
        one: Permission::BudgetsAdjust,
        other: Permission::ApprovalsDecide,
        same_region: true,
        risk: "Two people could move money for each other",
        against: "Nobody approves what she asked for herself, whatever the path",
    },
    Rule {
        code: "imports_and_approves",
        label: "Imports and approves",
        one: Permission::ImportsRun,
        other: Permission::ApprovalsDecide,
        same_region: true,
        risk: "Spending could be brought in and its cover approved by one person",
        against: "An import needs no approval, and leaves each row in the trail",
    },
    Rule {
        code: "allocates_and_adjusts",
        label: "Allocates and adjusts",
        one: Permission::BudgetsManage,
        other: Permission::BudgetsAdjust,
        same_region: true,
        risk: "Money could be created and moved on by one person",
        against: "Policies say from which amount another person has to approve either",
    },
    Rule {
        code: "people_and_money",
        label: "Manages people and moves money",
        one: Permission::PeopleManage,
        other: Permission::BudgetsAdjust,
        same_region: false,
        risk: "An accomplice could be made and given the right to approve",
        against: "To herself nobody gives anything; every grant is in the trail",
    },
    Rule {
        code: "administers_and_audits",
        label: "Administers and audits",
        one: Permission::SettingsManage,
        other: Permission::AuditRead,
        same_region: false,
        risk: "Whoever sets the rules is the one who looks whether they were kept",
        against: "The trail is append-only and signed with a key outside the database",
    },
    Rule {
        code: "erases_and_imports",
        label: "Imports and erases recipients",
        one: Permission::ImportsRun,
        other: Permission::RecipientsErase,
        same_region: true,
        risk: "A recipient could be made up and taken out again",
        against: "Sums and the trail stay as they were when a recipient is erased",
    },
];

/// A rule that somebody's grants break.
#[derive(Debug)]
pub struct Found<'a> {
    /// The rule.
    pub rule: &'static Rule,
    /// The grants that give the one ability.
    pub one: Vec<&'a Granted>,
    /// Those that give the other.
    pub other: Vec<&'a Granted>,
    /// Where both hold; where the rule does not ask for the same region, where either does.
    pub regions: BTreeSet<RegionId>,
}

/// Every rule that these grants break.
pub fn collisions(access: &Access) -> Vec<Found<'_>> {
    RULES.iter().filter_map(|rule| broken(rule, access)).collect()
}

fn broken<'a>(rule: &'static Rule, access: &'a Access) -> Option<Found<'a>> {
    let giving = |permission| -> Vec<&Granted> { access.grants().iter().filter(|grant| grant.permissions.contains(permission)).collect() };
    let (mut one, mut other) = (giving(rule.one), giving(rule.other));
    if one.is_empty() || other.is_empty() {
        return None;
    }
    let covered = |grants: &[&Granted]| -> BTreeSet<RegionId> { grants.iter().flat_map(|grant| grant.regions.iter().copied()).collect() };
    let (left, right) = (covered(&one), covered(&other));
    let regions: BTreeSet<RegionId> =
        if rule.same_region { left.intersection(&right).copied().collect() } else { left.union(&right).copied().collect() };
    let touches = |grant: &&Granted| grant.regions.iter().any(|region| regions.contains(region));
    one.retain(touches);
    other.retain(touches);
    (!regions.is_empty()).then_some(Found { rule, one, other, regions })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::access::Role;
    use crate::domain::id::GrantId;
    use crate::domain::role::AnyRole;

    fn granted(permissions: &[Permission], regions: &[u128]) -> Granted {
        let id = |number: u128| RegionId(uuid::Uuid::from_u128(number));
        Granted {
            id: GrantId(uuid::Uuid::from_u128(regions[0])),
            role: AnyRole::BuiltIn(Role::Auditor),
            label: "x".to_owned(),
            permissions: permissions.iter().copied().collect(),
            region: id(regions[0]),
            regions: regions.iter().copied().map(id).collect(),
            root: false,
        }
    }

    #[test]
    fn what_holds_in_two_places_collides_only_where_they_meet() {
        let (adjusts, approves) = (Permission::BudgetsAdjust, Permission::ApprovalsDecide);
        let found = |grants: Vec<Granted>| -> Vec<(&'static str, usize, usize, usize)> {
            let access = Access::of(grants);
            collisions(&access).iter().map(|found| (found.rule.code, found.one.len(), found.other.len(), found.regions.len())).collect()
        };
        assert_eq!(found(vec![granted(&[adjusts], &[1]), granted(&[approves], &[2])]), []);
        assert_eq!(found(vec![granted(&[adjusts], &[1, 2]), granted(&[approves], &[2, 3])]), [("adjusts_and_approves", 1, 1, 1)]);
        assert_eq!(found(vec![granted(&[adjusts, approves], &[1, 2])]), [("adjusts_and_approves", 1, 1, 2)]);
        let apart = vec![granted(&[Permission::PeopleManage], &[1]), granted(&[adjusts], &[2]), granted(&[approves], &[3])];
        assert_eq!(found(apart), [("people_and_money", 1, 1, 2)]);
    }
}
