//! What a person may do, read from the grants in force.

use super::db::{Reader, Sql};
use super::failure::DbError;
use crate::domain::access::{Access, Actor, Granted, Role, Who};
use crate::domain::id::{GrantId, RegionId, UserId};
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
    let today = Day(now.0.div_euclid(86_400_000_000));
    let rows: Vec<(GrantId, String, RegionId, i64)> = reader
        .all(
            Sql::new(
                "WITH RECURSIVE covered (grant_id, role, region_id, root) AS (\
                   SELECT g.id, g.role, g.region_id, CASE WHEN r.parent_id IS NULL THEN 1 ELSE 0 END \
                   FROM role_grant g \
                   JOIN person p ON p.id = g.person_id AND p.status = 'active' \
                   JOIN region r ON r.id = g.region_id \
                   WHERE g.person_id = $1 AND g.ended_at IS NULL AND (g.ends_on IS NULL OR g.ends_on >= $2) \
                   UNION ALL \
                   SELECT c.grant_id, c.role, r.id, c.root FROM covered c JOIN region r ON r.parent_id = c.region_id) \
                 SELECT grant_id, role, region_id, CAST(root AS BIGINT) FROM covered ORDER BY grant_id",
            )
            .bind(person)
            .bind(today),
        )
        .await?;
    let mut grants: Vec<(GrantId, Granted)> = Vec::new();
    for (id, role, region, root) in rows {
        let Some(role) = Role::parse(&role) else { continue };
        match grants.last_mut() {
            Some((last, granted)) if *last == id => {
                granted.regions.insert(region);
            }
            _ => grants.push((id, Granted { role, regions: [region].into(), root: root == 1 })),
        }
    }
    Ok(Access::of(grants.into_iter().map(|(_, granted)| granted).collect()))
}
