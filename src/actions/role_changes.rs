//! What would change: what people may do before and after a change of their roles, and what comes into their reach or goes out of it.

use std::collections::{BTreeMap, BTreeSet};

use crate::domain::access::{Access, Permission, Scope};
use crate::domain::id::{RegionId, UserId};
use crate::store::db::Reader;
use crate::store::failure::DbError;
use crate::store::transactions::hidden_imports;
use crate::store::{overview, people, regions};

/// Where something is gained or lost: regions, and whether what belongs to no region is among it.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Places {
    /// The regions.
    pub regions: BTreeSet<RegionId>,
    /// Whether it is the whole organisation.
    pub whole: bool,
}

impl Places {
    fn is_empty(&self) -> bool {
        self.regions.is_empty() && !self.whole
    }
}

/// Abilities by where they are gained or lost.
pub type Abilities = BTreeMap<Places, Vec<Permission>>;

/// What one person gains and loses.
#[derive(Clone, Debug)]
pub struct Effect {
    /// Who.
    pub person: UserId,
    /// What she may do afterwards that she may not do now.
    pub gained: Abilities,
    /// What she may do now and not afterwards.
    pub lost: Abilities,
    /// What comes into her reach and what goes out of it: (`people`, `budgets` or `transactions`, come, go).
    pub reach: Vec<(&'static str, i64, i64)>,
}

impl Effect {
    /// Whether nothing changes for her.
    pub fn is_none(&self) -> bool {
        self.gained.is_empty() && self.lost.is_empty()
    }
}

/// What `more` allows and `less` does not.
fn difference(more: &Access, less: &Access) -> Abilities {
    let mut abilities = Abilities::new();
    for permission in Permission::ALL {
        let places = beyond(more, less, *permission);
        if !places.is_empty() {
            abilities.entry(places).or_default().push(*permission);
        }
    }
    abilities
}

fn beyond(more: &Access, less: &Access, permission: Permission) -> Places {
    let (more, less) = (more.scope(permission), less.scope(permission));
    Places { regions: more.regions().filter(|region| !less.covers(*region)).collect(), whole: more.is_whole() && !less.is_whole() }
}

/// What a change does to one person. Counted is only what `viewer`, who is shown it, sees herself.
pub async fn effect(reader: &mut impl Reader, viewer: &Access, person: UserId, before: &Access, after: &Access) -> Result<Effect, DbError> {
    let mut reach = Vec::new();
    for (what, permission) in
        [("people", Permission::PeopleRead), ("budgets", Permission::BudgetsRead), ("transactions", Permission::TransactionsRead)]
    {
        let (come, go) = (beyond(after, before, permission), beyond(before, after, permission));
        if (come.is_empty() && go.is_empty()) || !viewer.has(permission) {
            continue;
        }
        let counts = match permission {
            Permission::PeopleRead => {
                let (sees, was, is) = (viewer.scope(permission), before.scope(permission), after.scope(permission));
                let seen = ids(reader, &sees).await?;
                let (was, is) = (ids(reader, &was).await?, ids(reader, &is).await?);
                let count = |more: &BTreeSet<UserId>, less| more.difference(less).filter(|id| seen.contains(id)).count() as i64;
                (count(&is, &was), count(&was, &is))
            }
            _ => (counted(reader, viewer, permission, &come).await?, counted(reader, viewer, permission, &go).await?),
        };
        reach.push((what, counts.0, counts.1));
    }
    Ok(Effect { person, gained: difference(after, before), lost: difference(before, after), reach })
}

async fn ids(reader: &mut impl Reader, scope: &Scope) -> Result<BTreeSet<UserId>, DbError> {
    if scope.is_empty() {
        return Ok(BTreeSet::new());
    }
    Ok(people::list(reader, scope).await?.into_iter().map(|person| person.id).collect())
}

async fn counted(reader: &mut impl Reader, viewer: &Access, permission: Permission, places: &Places) -> Result<i64, DbError> {
    let sees = viewer.scope(permission);
    let scope = sees.narrowed(&places.regions.iter().copied().collect::<Vec<_>>());
    if scope.is_empty() {
        return Ok(0);
    }
    if permission == Permission::BudgetsRead {
        return Ok(regions::budget_counts(reader, &scope).await?.into_iter().map(|(_, all, _)| all).sum());
    }
    let hidden = hidden_imports(reader).await?;
    overview::transactions(reader, &scope, &hidden).await
}
