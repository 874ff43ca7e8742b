//! What a person may do, read from the grants in force.

use std::collections::{BTreeMap, HashMap};

use super::db::{Reader, Sql};
use super::failure::DbError;
use super::roles;
use crate::domain::access::{Access, Actor, Granted, Role, Who};
use crate::domain::id::{GrantId, RegionId, RoleId, UserId};
use crate::domain::role::{AnyRole, Definition};
use crate::domain::time::{Day, Instant};

/// The access of whoever acts, at this moment. A person who is not active holds nothing.
pub async fn of_actor(reader: &mut impl Reader, actor: &Actor, now: Instant) -> Result<Access, DbError> {
    match actor.who {
        Who::System(_) => Ok(Access::unlimited()),
        Who::Person(id) => of_person(reader, id, now).await,
    }
}

/// The access of a person, at this moment. A grant with an end date holds through that day, UTC.
pub async fn of_person(reader: &mut impl Reader, person: UserId, now: Instant) -> Result<Access, DbError> {
    let grants = load(reader, &[person], true, now).await?;
    Ok(Access::of(grants.into_iter().map(|(_, granted)| granted).collect()))
}

/// What each of these people may do, or could if her account were active.
pub async fn held(reader: &mut impl Reader, people: &[UserId], now: Instant) -> Result<HashMap<UserId, Access>, DbError> {
    let mut grants: HashMap<UserId, Vec<Granted>> = people.iter().map(|person| (*person, Vec::new())).collect();
    for (person, granted) in load(reader, people, false, now).await? {
        grants.entry(person).or_default().push(granted);
    }
    Ok(grants.into_iter().map(|(person, granted)| (person, Access::of(granted))).collect())
}

/// A grant and one region that it covers: person, grant, role, custom role, the region it is on, the region it covers, whether it is on the root.
type Covered = (UserId, GrantId, String, Option<RoleId>, RegionId, RegionId, i64);

async fn load(reader: &mut impl Reader, people: &[UserId], active: bool, now: Instant) -> Result<Vec<(UserId, Granted)>, DbError> {
    let today = Day(now.0.div_euclid(86_400_000_000));
    let mut sql = Sql::new(
        "WITH RECURSIVE covered (person_id, grant_id, role, custom_role_id, on_id, region_id, root) AS (\
           SELECT g.person_id, g.id, g.role, g.custom_role_id, g.region_id, g.region_id, CASE WHEN r.parent_id IS NULL THEN 1 ELSE 0 END \
           FROM role_grant g JOIN person p ON p.id = g.person_id JOIN region r ON r.id = g.region_id WHERE g.person_id IN (",
    );
    sql.push_list(people.iter().copied())
        .push(") AND g.ended_at IS NULL AND (g.ends_on IS NULL OR g.ends_on >= ")
        .push_bind(today)
        .push(")");
    if active {
        sql.push(" AND p.status = 'active'");
    }
    sql.push(
        " UNION ALL SELECT c.person_id, c.grant_id, c.role, c.custom_role_id, c.on_id, r.id, c.root FROM covered c \
           JOIN region r ON r.parent_id = c.region_id) \
         SELECT person_id, grant_id, role, custom_role_id, on_id, region_id, CAST(root AS BIGINT) FROM covered ORDER BY grant_id",
    );
    let rows: Vec<Covered> = reader.all(sql).await?;
    let custom = if rows.iter().any(|row| row.3.is_some()) { roles::definitions(reader).await? } else { BTreeMap::new() };
    let mut grants: Vec<(UserId, Granted)> = Vec::new();
    for (person, id, role, custom_id, region, covered, root) in rows {
        if let Some((_, granted)) = grants.last_mut().filter(|(_, granted)| granted.id == id) {
            granted.regions.insert(covered);
            continue;
        }
        let definition = match custom_id {
            Some(custom_id) => custom.get(&AnyRole::Custom(custom_id)).cloned(),
            None => Role::parse(&role).map(Definition::from),
        };
        let Some(Definition { role, label, permissions, .. }) = definition else { continue };
        grants.push((person, Granted { id, role, label, permissions, region, regions: [covered].into(), root: root == 1 }));
    }
    Ok(grants)
}
