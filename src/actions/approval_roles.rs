//! Changes of roles that wait for approval: giving one, and adding to what one allows. What takes something away never waits.
//!
//! An order that is not about money is one more variant of [`RoleOrder`], with its matter in the domain: the reopening of a period will be one.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::people::{NewGrant, can_grant, give};
use super::roles::{can_edit, change};
use crate::domain::access::{Access, Actor, Permission, Proved, Who};
use crate::domain::approval::{Asked, Matter, Need, need};
use crate::domain::id::{RegionId, RoleId, UserId};
use crate::domain::refusal::Refusal;
use crate::domain::role::{AnyRole, Definition, Permissions};
use crate::domain::time::{Day, Instant};
use crate::store::approval_filter::Filter;
use crate::store::approvals::{Approval, Sight, Wanted};
use crate::store::db::Reader;
use crate::store::failure::{DbError, Failure};
use crate::store::writer::WriteTx;
use crate::store::{access, approval_policies, approvals, people, regions, roles};

/// A change of roles, as it is kept while it waits.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum RoleOrder {
    /// A role is given to a person.
    Give(NewGrant),
    /// A role is changed, for everybody who holds it.
    Edit {
        /// Which.
        role: RoleId,
        /// Its version when that was asked for.
        version: i64,
        /// What it is called then.
        name: String,
        /// The codes of what it allows then.
        allows: Vec<String>,
    },
}

/// What such an order does, in the shape that is kept and approved.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoleEffects {
    /// Who may do more by it; none of them decides on it.
    pub people: Vec<UserId>,
    /// The code of the role.
    pub role: String,
    /// What it is called.
    pub label: String,
    /// The codes of what it allows afterwards.
    pub allows: Vec<String>,
    /// The codes of what it allows afterwards and not before; of a role that is given, all of them.
    pub added: Vec<String>,
    /// Where; of a role that is changed, wherever it is held.
    pub regions: BTreeSet<RegionId>,
    /// The last day, where it is given until one.
    pub ends_on: Option<String>,
}

fn codes(permissions: Permissions) -> Vec<String> {
    permissions.codes().into_iter().map(str::to_owned).collect()
}

fn permissions(codes: &[String]) -> Result<Permissions, Failure> {
    let each = codes.iter().map(|code| Permission::parse(code));
    Ok(each.collect::<Option<Permissions>>().ok_or(Refusal::Stale)?)
}

impl RoleEffects {
    /// Of giving a role.
    pub fn giving(definition: &Definition, new: &NewGrant) -> Self {
        Self {
            people: vec![new.person],
            role: definition.role.code(),
            label: definition.label.clone(),
            allows: codes(definition.permissions),
            added: codes(definition.permissions),
            regions: BTreeSet::from([new.region]),
            ends_on: new.ends_on.map(Day::iso),
        }
    }

    /// Of changing a role: what is added, to those who hold it.
    pub async fn editing(
        reader: &mut impl Reader,
        role: &roles::CustomRole,
        name: &str,
        allows: Permissions,
        now: Instant,
    ) -> Result<Self, DbError> {
        let holdings = roles::holdings(reader, None, now.day(chrono_tz::UTC)).await?;
        let held: Vec<_> = holdings.iter().filter(|holding| holding.custom_role_id == Some(role.id)).collect();
        let people: BTreeSet<UserId> = held.iter().map(|holding| holding.person_id).collect();
        Ok(Self {
            people: people.into_iter().collect(),
            role: AnyRole::Custom(role.id).code(),
            label: name.trim().to_owned(),
            allows: codes(allows),
            added: codes(allows.without(role.permissions)),
            regions: held.iter().map(|holding| holding.region_id).collect(),
            ends_on: None,
        })
    }

    /// As it was kept.
    pub fn of(row: &Approval) -> Result<Self, DbError> {
        serde_json::from_str(&row.effects).map_err(|error| DbError::Broken(format!("request {} cannot be read: {error}", row.id)))
    }

    /// The regions in which somebody has to have the right to approve it: where a role is given, and the whole organisation where one is changed.
    pub async fn decided_in(&self, reader: &mut impl Reader, order: &RoleOrder) -> Result<BTreeSet<RegionId>, Failure> {
        match order {
            RoleOrder::Give(new) => Ok(BTreeSet::from([new.region])),
            RoleOrder::Edit { .. } => Ok(BTreeSet::from([regions::root(reader).await?.ok_or(Refusal::NotFound)?.id])),
        }
    }

    /// Whether a policy in force wants it approved. What adds nothing never waits.
    pub async fn need(&self, reader: &mut impl Reader, order: &RoleOrder) -> Result<Option<Need>, Failure> {
        if self.added.is_empty() {
            return Ok(None);
        }
        let mut asked = Asked { matter: Matter::RoleChange, regions: BTreeSet::new(), sums: Vec::new() };
        let policies: Vec<_> = approval_policies::in_force(reader).await?.into_iter().filter(|policy| policy.could_ask(&asked)).collect();
        if policies.is_empty() {
            return Ok(None);
        }
        let mut places: Vec<RegionId> = self.decided_in(reader, order).await?.into_iter().collect();
        places.extend(&self.regions);
        asked.regions = approval_policies::above(reader, &places).await?;
        let met = policies.into_iter().filter_map(|policy| policy.asks(&asked, 0).map(|by_day| (policy, by_day)));
        Ok(need(met.collect::<Vec<_>>()))
    }
}

/// The most requests that are looked through for one person.
const LOOKED_THROUGH: i64 = 500;

/// The roles that were asked for for this person and wait, of those that whoever holds `sees` sees: which request, and what it does.
pub async fn waiting_for(
    reader: &mut impl Reader,
    sees: &Access,
    person: UserId,
    now: Instant,
) -> Result<Vec<(Approval, RoleEffects)>, DbError> {
    let filter = Filter { matter: Some(Matter::RoleChange), ..Filter::default() };
    let rows = approvals::list(reader, &Sight::of(sees), Wanted::Waiting, &filter, None, LOOKED_THROUGH).await?;
    let hers = |row: &Approval| matches!(serde_json::from_str(&row.order_text), Ok(RoleOrder::Give(new)) if new.person == person);
    let rows = rows.into_iter().filter(|row| row.expires_at > now && hers(row));
    rows.map(|row| RoleEffects::of(&row).map(|effects| (row, effects))).collect()
}

/// What an order would do now, by the rights of whoever asked for it.
pub(super) async fn planned(
    tx: &mut WriteTx<'_>,
    (actor, held): (&Actor, &Access),
    order: &RoleOrder,
) -> Result<(RoleEffects, Option<roles::CustomRole>), Failure> {
    match order {
        RoleOrder::Give(new) => {
            if !held.may(Permission::PeopleManage, new.region) {
                let sees = held.may(Permission::PeopleRead, new.region);
                return Err(if sees { Refusal::Forbidden(Permission::PeopleManage) } else { Refusal::NotFound }.into());
            }
            people::find(tx, new.person).await?.ok_or(Refusal::NotFound)?;
            if let (AnyRole::Custom(id), Some(seen)) = (new.role, new.seen)
                && roles::find(tx, id).await?.is_some_and(|role| role.version != seen)
            {
                return Err(Refusal::Stale.into());
            }
            let now = tx.now;
            let definition = can_grant(tx, (actor, held), Some(new.person), new.role, new.region, now).await?;
            Ok((RoleEffects::giving(&definition, new), None))
        }
        RoleOrder::Edit { role, version, name, allows } => {
            if !held.has_everywhere(Permission::PeopleManage) {
                return Err(Refusal::Forbidden(Permission::PeopleManage).into());
            }
            let (allows, now) = (permissions(allows)?, tx.now);
            let before = roles::find(tx, *role).await?.filter(|found| found.version == *version).ok_or(Refusal::Stale)?;
            can_edit(tx, (actor, held), &before, name, allows, now).await?;
            Ok((RoleEffects::editing(tx, &before, name, allows, now).await?, Some(before)))
        }
    }
}

/// Does what was approved, as the person who asked: her rights and the rules count as they are now. Why not, in words, where it would do something
/// else by now or nothing.
pub(super) async fn execute(tx: &mut WriteTx<'_>, row: &Approval, order: &RoleOrder) -> Result<Result<(), String>, Failure> {
    let now = tx.now;
    let held = access::of_person(tx, row.requester_id, now).await?;
    let actor = Actor { who: Who::Person(row.requester_id), request_id: String::new(), peer: String::new(), proved: Proved::Elsewhere };
    let (effects, before) = match planned(tx, (&actor, &held), order).await {
        Ok(planned) => planned,
        Err(Failure::Refused(refusal)) => return Ok(Err(refusal.to_string())),
        Err(failure) => return Err(failure),
    };
    if serde_json::to_string(&effects).ok().as_ref() != Some(&row.effects) {
        return Ok(Err("It would do something else than what was asked for".to_owned()));
    }
    match (order, before) {
        (RoleOrder::Give(new), _) => give(tx, new, &effects.label, Some(row)).await.map(drop)?,
        (RoleOrder::Edit { name, allows, .. }, Some(before)) => change(tx, &before, name, permissions(allows)?, Some(row)).await?,
        (RoleOrder::Edit { .. }, None) => return Err(Refusal::Stale.into()),
    }
    Ok(Ok(()))
}
