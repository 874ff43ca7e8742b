//! Why can she, why can't she: the grants that allow something somewhere, or what is missing.

use std::collections::BTreeSet;

use crate::domain::access::{Access, Permission, Scope};
use crate::domain::id::RegionId;
use crate::domain::role::Permissions;
use crate::domain::time::Instant;
use crate::store::db::Reader;
use crate::store::failure::DbError;
use crate::store::people::{self, Grant, Person};
use crate::store::{access, regions, roles};

/// What speaks for it and what against it. Only grants on regions in the asker's scope are named.
#[derive(Clone, Debug)]
pub struct Why {
    /// Whether a role allows it there. An account that is not active holds nothing all the same.
    pub allowed: bool,
    /// The grants in force that allow it there.
    pub by: Vec<Grant>,
    /// How many more do that are given on regions outside the scope.
    pub beyond: usize,
    /// Those that allowed it there, and have ended or run out.
    pub over: Vec<Grant>,
    /// Those in force that allow it, but not there.
    pub elsewhere: Vec<Grant>,
    /// Those in force there that do not allow it.
    pub without: Vec<Grant>,
    /// The others in force.
    pub others: Vec<Grant>,
    /// What the roles are called that allow it and can be given.
    pub roles: Vec<String>,
}

/// Looks at every grant of a person. `region`: where; `None` for anywhere.
pub async fn why(
    reader: &mut impl Reader,
    scope: &Scope,
    person: &Person,
    permission: Permission,
    region: Option<RegionId>,
    now: Instant,
) -> Result<Why, DbError> {
    let today = now.day(chrono_tz::UTC);
    let definitions = roles::definitions(reader).await?;
    let mut covering: BTreeSet<RegionId> = region.into_iter().collect();
    if let Some(region) = region {
        covering.extend(regions::above(reader, region).await?);
    }
    let covers = |at: RegionId| region.is_none() || covering.contains(&at);
    let allows = |grant: &Grant| {
        let role = grant.which().and_then(|role| definitions.get(&role));
        role.map_or(Permissions::default(), |role| role.permissions).contains(permission)
    };
    let mut why = Why {
        allowed: false,
        by: Vec::new(),
        beyond: 0,
        over: Vec::new(),
        elsewhere: Vec::new(),
        without: Vec::new(),
        others: Vec::new(),
        roles: definitions
            .values()
            .filter(|role| !role.retired && role.permissions.contains(permission))
            .map(|role| role.label.clone())
            .collect(),
    };
    let mut grants = people::grants(reader, scope, Some(person.id), now).await?;
    grants.extend(people::ended_grants(reader, scope, person.id, now).await?);
    for grant in grants {
        let in_force = grant.ended_at.is_none() && grant.ends_on.is_none_or(|day| day >= today);
        match (in_force, allows(&grant), covers(grant.region_id)) {
            (true, true, true) => why.by.push(grant),
            (true, true, false) => why.elsewhere.push(grant),
            (true, false, true) => why.without.push(grant),
            (true, false, false) => why.others.push(grant),
            (false, true, true) => why.over.push(grant),
            (false, ..) => {}
        }
    }
    let held = access::held(reader, &[person.id], now).await?.remove(&person.id);
    let in_all = held.iter().flat_map(Access::grants);
    let in_all = in_all.filter(|granted| granted.permissions.contains(permission) && covers(granted.region)).count();
    why.beyond = in_all.saturating_sub(why.by.len());
    why.allowed = in_all > 0;
    Ok(why)
}
