//! What moving a region changes: roles cover what lies below the region that they were given on, so who may do what follows from where regions stand.

use std::collections::BTreeSet;

use super::regions::free;
use crate::domain::access::{Access, Permission, Scope};
use crate::domain::id::{RegionId, UserId};
use crate::domain::refusal::Refusal;
use crate::domain::role::Permissions;
use crate::domain::time::Instant;
use crate::store::db::Reader;
use crate::store::failure::{DbError, Failure};
use crate::store::people::Grant;
use crate::store::regions::Region;
use crate::store::{access, people, regions};

/// What follows from a move.
#[derive(Debug, Default)]
pub struct Consequences {
    /// The region and everything below it.
    pub below: BTreeSet<RegionId>,
    /// The roles that reach it afterwards and do not now.
    pub more: Vec<Grant>,
    /// Those that reach it now and not afterwards.
    pub fewer: Vec<Grant>,
    /// Whoever holds one of them, with all that she may do before and after.
    pub people: Vec<(UserId, Access, Access)>,
}

impl Consequences {
    /// What somebody may do in the region afterwards and not before.
    fn gained(&self, before: &Access, after: &Access) -> Vec<(Permission, RegionId)> {
        let every = || self.below.iter().flat_map(|region| Permission::ALL.iter().map(|permission| (*permission, *region)));
        every().filter(|(permission, region)| after.may(*permission, *region) && !before.may(*permission, *region)).collect()
    }

    /// Whether anybody may do more afterwards.
    pub fn raises(&self) -> bool {
        self.people.iter().any(|(_, before, after)| !self.gained(before, after).is_empty())
    }

    /// What somebody would gain that whoever moves the region does not hold there.
    fn beyond(&self, held: &Access) -> Permissions {
        let gained = self.people.iter().flat_map(|(_, before, after)| self.gained(before, after));
        gained.filter(|(permission, region)| !held.may(*permission, *region)).map(|(permission, _)| permission).collect()
    }
}

async fn given_on(reader: &mut impl Reader, regions: Vec<RegionId>, now: Instant) -> Result<Vec<Grant>, DbError> {
    if regions.is_empty() { Ok(Vec::new()) } else { people::grants(reader, &Scope::of(regions, false), None, now).await }
}

/// What follows from standing below `parent`.
async fn consequences(reader: &mut impl Reader, region: RegionId, parent: RegionId, now: Instant) -> Result<Consequences, DbError> {
    let was: BTreeSet<RegionId> = regions::above(reader, region).await?.into_iter().collect();
    let mut is: BTreeSet<RegionId> = regions::above(reader, parent).await?.into_iter().collect();
    is.insert(parent);
    let below: BTreeSet<RegionId> = regions::subtree(reader, region).await?.into_iter().collect();
    let more = given_on(reader, is.difference(&was).copied().collect(), now).await?;
    let fewer = given_on(reader, was.difference(&is).copied().collect(), now).await?;
    let ids: BTreeSet<UserId> = more.iter().chain(&fewer).map(|grant| grant.person_id).collect();
    let mut held = access::held(reader, &ids.iter().copied().collect::<Vec<_>>(), now).await?;
    let people = ids.into_iter().filter_map(|person| {
        let before = held.remove(&person)?;
        let after = before.clone().moved(&below, &is);
        Some((person, before, after))
    });
    Ok(Consequences { people: people.collect(), below, more, fewer })
}

/// Refuses a move that whoever holds `held` may not make; what follows from it where she may.
pub async fn can_move(
    reader: &mut impl Reader,
    held: &Access,
    region: &Region,
    parent: RegionId,
    now: Instant,
) -> Result<Consequences, Failure> {
    let wrong = |words: String| Err(Refusal::Invalid("parent", words).into());
    if !held.may(Permission::RegionsManage, parent) {
        let sees = held.may(Permission::RegionsRead, parent);
        return Err(if sees { Refusal::Forbidden(Permission::RegionsManage) } else { Refusal::NotFound }.into());
    }
    if region.parent_id.is_none() {
        return wrong("The organisation itself cannot be moved".to_owned());
    }
    if regions::subtree(reader, region.id).await?.contains(&parent) {
        return wrong(format!("{} cannot be moved below itself", region.name));
    }
    if region.parent_id == Some(parent) {
        return wrong(format!("{} is there already", region.name));
    }
    let above = regions::find(reader, &Scope::of([parent], false), parent).await?.ok_or(Refusal::NotFound)?;
    if !above.is_active() {
        return Err(Refusal::RegionRetired(above.name).into());
    }
    free(reader, "parent", &region.name, parent, Some(region.id)).await?;
    let consequences = consequences(reader, region.id, parent, now).await?;
    let beyond = consequences.beyond(held);
    if !beyond.is_empty() {
        let there = &region.name;
        return wrong(format!(
            "Nobody gives what she does not hold. By this move somebody could do in {there} what you may not do there yourself: {beyond}"
        ));
    }
    Ok(consequences)
}
