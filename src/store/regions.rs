//! Regions: the tree that everything else hangs in.

use std::collections::HashMap;

use super::db::{Reader, Sql};
use super::failure::{DbError, Failure};
use super::ledger::{BUDGET_COLUMNS, BudgetRow};
use super::writer::WriteTx;
use crate::domain::access::Scope;
use crate::domain::currency::Currency;
use crate::domain::id::{RegionId, UserId};
use crate::domain::refusal::Refusal;
use crate::domain::time::Instant;

/// A region.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct Region {
    /// Its id.
    pub id: RegionId,
    /// What it is part of; `None` for the organisation's root.
    pub parent_id: Option<RegionId>,
    /// Its name, unique among the regions directly below the same one.
    pub name: String,
    /// The code of the currency its budgets are usually kept in.
    pub currency: String,
    /// IANA time zone: its days begin there.
    pub time_zone: String,
    /// The month its fiscal year starts in, 1 to 12.
    pub fiscal_start_month: i64,
    /// The cost centre that stands behind it; may be empty.
    pub cost_centre: String,
    /// `active` or `retired`.
    pub status: String,
    /// Counts changes.
    pub version: i64,
    /// Since when it is there.
    pub created_at: Instant,
}

impl Region {
    /// The zone for calendar work.
    pub fn zone(&self) -> chrono_tz::Tz {
        zone(&self.time_zone)
    }

    /// Its usual currency.
    pub fn currency(&self) -> Option<Currency> {
        Currency::parse(&self.currency)
    }

    /// Whether it takes anything new.
    pub fn is_active(&self) -> bool {
        is_active(&self.status)
    }
}

/// The zone of this name; UTC where it is unknown to this build's table.
pub(super) fn zone(name: &str) -> chrono_tz::Tz {
    name.parse().unwrap_or(chrono_tz::UTC)
}

/// Whether a region in this status takes anything new.
pub(super) fn is_active(status: &str) -> bool {
    status == "active"
}

const COLUMNS: &str = "id, parent_id, name, currency, time_zone, fiscal_start_month, cost_centre, status, version, created_at";

/// The regions in scope, by name.
pub async fn list(reader: &mut impl Reader, scope: &Scope) -> Result<Vec<Region>, DbError> {
    let mut sql = Sql::default();
    sql.push("SELECT ").push(COLUMNS).push(" FROM region WHERE id IN (").push_list(scope.regions()).push(") ORDER BY lower(name)");
    reader.all(sql).await
}

/// A region of the tree with how deep it stands, in the order a tree is read.
#[derive(Clone, Debug)]
pub struct Branch {
    /// The region.
    pub region: Region,
    /// 0 for those whose parent is not in scope.
    pub depth: usize,
}

/// The regions in scope as a tree: parents before children, siblings by name.
pub async fn tree(reader: &mut impl Reader, scope: &Scope) -> Result<Vec<Branch>, DbError> {
    let regions = list(reader, scope).await?;
    let known: std::collections::HashSet<RegionId> = regions.iter().map(|region| region.id).collect();
    let mut branches = Vec::with_capacity(regions.len());
    let tops = regions.iter().filter(|region| region.parent_id.is_none_or(|parent| !known.contains(&parent)));
    let mut stack: Vec<(&Region, usize)> = tops.rev().map(|region| (region, 0)).collect();
    while let Some((region, depth)) = stack.pop() {
        branches.push(Branch { region: region.clone(), depth });
        stack.extend(regions.iter().rev().filter(|child| child.parent_id == Some(region.id)).map(|child| (child, depth + 1)));
    }
    Ok(branches)
}

/// What each of these regions is called where they stand side by side: its name, and where others of them have the same name, those above it as
/// far as they tell it apart, `Europe / Germany`. Only what is among them is named.
pub fn labels<'r>(regions: impl IntoIterator<Item = &'r Region>) -> HashMap<RegionId, String> {
    let known: HashMap<RegionId, &Region> = regions.into_iter().map(|region| (region.id, region)).collect();
    // Its label so far, and what stands above that.
    let mut labels: HashMap<RegionId, (String, Option<RegionId>)> =
        known.values().map(|region| (region.id, (region.name.clone(), region.parent_id))).collect();
    loop {
        let mut same: HashMap<String, usize> = HashMap::with_capacity(labels.len());
        for (label, _) in labels.values() {
            *same.entry(label.to_lowercase()).or_default() += 1;
        }
        let mut longer = false;
        for (label, above) in labels.values_mut() {
            let shared = same.get(&label.to_lowercase()).is_some_and(|count| *count > 1);
            if let Some(parent) = above.filter(|_| shared).and_then(|above| known.get(&above)) {
                (*label, *above, longer) = (format!("{} / {label}", parent.name), parent.parent_id, true);
            }
        }
        if !longer {
            return labels.into_iter().map(|(id, (label, _))| (id, label)).collect();
        }
    }
}

/// What each region in scope is called: see [`labels`].
pub async fn names(reader: &mut impl Reader, scope: &Scope) -> Result<HashMap<RegionId, String>, DbError> {
    Ok(labels(&list(reader, scope).await?))
}

/// One region in scope.
pub async fn find(reader: &mut impl Reader, scope: &Scope, id: RegionId) -> Result<Option<Region>, DbError> {
    let mut sql = Sql::default();
    sql.push("SELECT ").push(COLUMNS).push(" FROM region WHERE id IN (").push_list(scope.regions()).push(") AND id = ").push_bind(id);
    reader.one(sql).await
}

/// One region, for a write that checks the permission in it next.
pub async fn get(tx: &mut WriteTx<'_>, id: RegionId) -> Result<Region, Failure> {
    let mut sql = Sql::default();
    sql.push("SELECT ").push(COLUMNS).push(" FROM region WHERE id = ").push_bind(id);
    Ok(tx.one(sql).await?.ok_or(Refusal::NotFound)?)
}

/// The organisation's root; `None` before the first set-up.
pub async fn root(reader: &mut impl Reader) -> Result<Option<Region>, DbError> {
    let mut sql = Sql::default();
    sql.push("SELECT ").push(COLUMNS).push(" FROM region WHERE parent_id IS NULL");
    reader.one(sql).await
}

/// Whether a name is taken, without regard to case, by another region than `but` directly below `parent`. Asked only by somebody who
/// manages `parent`, and so sees them all.
pub async fn name_taken(reader: &mut impl Reader, name: &str, parent: RegionId, but: Option<RegionId>) -> Result<bool, DbError> {
    let sql = Sql::new("SELECT id FROM region WHERE parent_id = $1 AND lower(name) = lower($2)");
    let rows: Vec<(RegionId,)> = reader.all(sql.bind(parent).bind(name.to_owned())).await?;
    Ok(rows.iter().any(|row| Some(row.0) != but))
}

/// The ids of a region and everything below it.
pub async fn subtree(reader: &mut impl Reader, id: RegionId) -> Result<Vec<RegionId>, DbError> {
    let sql = Sql::new(
        "WITH RECURSIVE below (id) AS (SELECT id FROM region WHERE id = $1 UNION ALL SELECT r.id FROM below b JOIN region r ON r.parent_id = b.id) \
         SELECT id FROM below",
    );
    Ok(reader.all::<(RegionId,)>(sql.bind(id)).await?.into_iter().map(|row| row.0).collect())
}

/// Adds a region.
pub async fn insert(tx: &mut WriteTx<'_>, region: &Region) -> Result<(), Failure> {
    tx.access_changed();
    let sql = Sql::new(
        "INSERT INTO region (id, parent_id, name, currency, time_zone, fiscal_start_month, cost_centre, status, version, created_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
    );
    let sql = sql.bind(region.id).bind(region.parent_id).bind(region.name.clone()).bind(region.currency.clone());
    let sql = sql.bind(region.time_zone.clone()).bind(region.fiscal_start_month).bind(region.cost_centre.clone());
    tx.exec_one(sql.bind(region.status.clone()).bind(region.version).bind(region.created_at)).await
}

/// Writes a region as it is now, unless someone else changed it since `region.version` was read.
pub async fn update(tx: &mut WriteTx<'_>, region: &Region) -> Result<(), Failure> {
    tx.access_changed();
    let sql = Sql::new(
        "UPDATE region SET parent_id = $3, name = $4, currency = $5, time_zone = $6, fiscal_start_month = $7, cost_centre = $8, status = $9, \
         version = version + 1 WHERE id = $1 AND version = $2",
    );
    let sql = sql.bind(region.id).bind(region.version).bind(region.parent_id).bind(region.name.clone()).bind(region.currency.clone());
    let sql = sql.bind(region.time_zone.clone()).bind(region.fiscal_start_month).bind(region.cost_centre.clone());
    tx.exec_one(sql.bind(region.status.clone())).await
}

/// The ids of everything above a region, the nearest first.
pub async fn above(reader: &mut impl Reader, id: RegionId) -> Result<Vec<RegionId>, DbError> {
    let sql = Sql::new(
        "WITH RECURSIVE up (id, parent_id, depth) AS (SELECT id, parent_id, CAST(0 AS BIGINT) FROM region WHERE id = $1 \
         UNION ALL SELECT r.id, r.parent_id, u.depth + 1 FROM up u JOIN region r ON r.id = u.parent_id) \
         SELECT id FROM up WHERE depth > 0 ORDER BY depth",
    );
    Ok(reader.all::<(RegionId,)>(sql.bind(id)).await?.into_iter().map(|row| row.0).collect())
}

/// How many budgets each region in scope has: (region, all, active). Regions without one are left out.
pub async fn budget_counts(reader: &mut impl Reader, scope: &Scope) -> Result<Vec<(RegionId, i64, i64)>, DbError> {
    let mut sql = Sql::new(
        "SELECT region_id, count(*), CAST(sum(CASE WHEN status = 'active' THEN 1 ELSE 0 END) AS BIGINT) FROM budget WHERE region_id IN (",
    );
    sql.push_list(scope.regions()).push(") GROUP BY region_id");
    reader.all(sql).await
}

/// The budgets of one region in scope: those in use first, then by name.
pub async fn budgets_of(reader: &mut impl Reader, scope: &Scope, id: RegionId) -> Result<Vec<BudgetRow>, DbError> {
    let mut sql = Sql::default();
    sql.push("SELECT ").push(BUDGET_COLUMNS).push(" FROM budget WHERE region_id IN (").push_list(scope.regions());
    sql.push(") AND region_id = ").push_bind(id);
    sql.push(" ORDER BY CASE status WHEN 'active' THEN 0 WHEN 'draft' THEN 1 ELSE 2 END, lower(name), id");
    reader.all(sql).await
}

/// What keeps a region from being retired: (active budgets in it, active regions directly below it).
pub async fn in_use(reader: &mut impl Reader, id: RegionId) -> Result<(i64, i64), DbError> {
    let sql = Sql::new(
        "SELECT (SELECT count(*) FROM budget WHERE region_id = $1 AND status = 'active'), \
         (SELECT count(*) FROM region WHERE parent_id = $1 AND status = 'active')",
    );
    Ok(reader.one::<(i64, i64)>(sql.bind(id)).await?.unwrap_or_default())
}

/// The ids of the regions of this name, without regard to case, anywhere: for the first set-up.
pub async fn ids_of_name(reader: &mut impl Reader, name: &str) -> Result<Vec<RegionId>, DbError> {
    let rows: Vec<(RegionId,)> = reader.all(Sql::new("SELECT id FROM region WHERE lower(name) = lower($1)").bind(name.to_owned())).await?;
    Ok(rows.into_iter().map(|row| row.0).collect())
}

/// The names of the regions where a person holds a role and of those below them: for rules about her own password, whatever her roles allow.
pub async fn names_held(reader: &mut impl Reader, person: UserId) -> Result<Vec<String>, DbError> {
    let sql = Sql::new(
        "WITH RECURSIVE held (id, name) AS (\
           SELECT r.id, r.name FROM region r JOIN role_grant g ON g.region_id = r.id WHERE g.person_id = $1 AND g.ended_at IS NULL \
           UNION SELECT r.id, r.name FROM held h JOIN region r ON r.parent_id = h.id) \
         SELECT name FROM held",
    );
    Ok(reader.all::<(String,)>(sql.bind(person)).await?.into_iter().map(|row| row.0).collect())
}

/// Every region.
pub async fn ids(reader: &mut impl Reader) -> Result<Vec<RegionId>, DbError> {
    Ok(reader.all::<(RegionId,)>(Sql::new("SELECT id FROM region ORDER BY id")).await?.into_iter().map(|row| row.0).collect())
}

/// The names of all regions, for the command line.
pub async fn names_all(reader: &mut impl Reader) -> Result<Vec<String>, DbError> {
    Ok(reader.all::<(String,)>(Sql::new("SELECT name FROM region")).await?.into_iter().map(|row| row.0).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn region(number: u128, parent: Option<u128>, name: &str) -> Region {
        let id = |number| RegionId(uuid::Uuid::from_u128(number));
        Region {
            id: id(number),
            parent_id: parent.map(id),
            name: name.to_owned(),
            currency: "EUR".to_owned(),
            time_zone: "UTC".to_owned(),
            fiscal_start_month: 1,
            cost_centre: String::new(),
            status: "active".to_owned(),
            version: 1,
            created_at: Instant(0),
        }
    }

    #[test]
    fn only_a_name_that_comes_again_is_told_with_where_it_stands() {
        let all = [
            region(1, None, "World"),
            region(2, Some(1), "Europe"),
            region(3, Some(1), "Sales"),
            region(4, Some(2), "Germany"),
            region(5, Some(3), "germany"),
            region(6, Some(4), "Team"),
            region(7, Some(5), "Team"),
            region(8, Some(2), "France"),
        ];
        let of = |labels: &HashMap<RegionId, String>, at: usize| labels[&all[at].id].clone();
        let labels_of_all = labels(&all);
        let words: Vec<String> = (0..8).map(|at| of(&labels_of_all, at)).collect();
        let team = ["Europe / Germany / Team", "Sales / germany / Team"];
        assert_eq!(words, ["World", "Europe", "Sales", "Europe / Germany", "Sales / germany", team[0], team[1], "France"]);
        let one = labels([&all[3], &all[7]]);
        assert_eq!(of(&one, 3), "Germany", "what she does not see is not named");
    }
}
