//! What has to be approved, and who lent her right to approve to whom.

use std::collections::BTreeSet;

use super::db::{Reader, Sql};
use super::failure::{DbError, Failure};
use super::roles;
use super::writer::WriteTx;
use crate::domain::access::{Permission, Scope};
use crate::domain::approval::{Matter, Policy};
use crate::domain::currency::Currency;
use crate::domain::id::{DelegationId, PolicyId, RegionId, UserId};
use crate::domain::time::{Day, Instant};

#[derive(sqlx::FromRow)]
struct Row {
    id: PolicyId,
    matter: String,
    region_id: RegionId,
    currency: Option<String>,
    from_amount: Option<i64>,
    day_amount: Option<i64>,
    approvers: i64,
}

const COLUMNS: &str = "id, matter, region_id, currency, from_amount, day_amount, approvers";

impl Row {
    fn policy(self) -> Result<Policy, DbError> {
        let broken = |what: &str| DbError::Broken(format!("policy {} has an unknown {what}", self.id));
        let currency = match &self.currency {
            Some(code) => Some(Currency::parse(code).ok_or_else(|| broken("currency"))?),
            None => None,
        };
        let matter = Matter::parse(&self.matter).ok_or_else(|| broken("matter"))?;
        let (from, day, approvers) = (self.from_amount, self.day_amount, self.approvers);
        Ok(Policy { id: self.id, matter, region: self.region_id, currency, from, day, approvers })
    }
}

/// The policies in force, wherever they stand. A write asks [`WriteTx::policies`], which seldom has to look.
pub async fn in_force(reader: &mut impl Reader) -> Result<Vec<Policy>, DbError> {
    let mut sql = Sql::default();
    sql.push("SELECT ").push(COLUMNS).push(" FROM approval_policy WHERE ended_at IS NULL ORDER BY matter, currency, id");
    let rows: Vec<Row> = reader.all(sql).await?;
    rows.into_iter().map(Row::policy).collect()
}

/// One policy, in force or ended.
pub async fn find(reader: &mut impl Reader, id: PolicyId) -> Result<Option<Policy>, DbError> {
    let mut sql = Sql::default();
    sql.push("SELECT ").push(COLUMNS).push(" FROM approval_policy WHERE id = ").push_bind(id);
    reader.one::<Row>(sql).await?.map(Row::policy).transpose()
}

/// These regions and every region above them.
pub async fn above(reader: &mut impl Reader, regions: &[RegionId]) -> Result<BTreeSet<RegionId>, DbError> {
    if let Some(known) = reader.memo().and_then(|memo| memo.above.get(regions)) {
        return Ok(known.clone());
    }
    let mut sql = Sql::default();
    sql.push("WITH RECURSIVE above (id, parent_id) AS (SELECT id, parent_id FROM region WHERE id IN (").push_list(regions.iter().copied());
    sql.push(") UNION SELECT r.id, r.parent_id FROM above a JOIN region r ON r.id = a.parent_id) SELECT id FROM above");
    let rows: Vec<(RegionId,)> = reader.all(sql).await?;
    let all: BTreeSet<RegionId> = rows.into_iter().map(|row| row.0).collect();
    if let Some(memo) = reader.memo() {
        memo.above.insert(regions.to_vec(), all.clone());
    }
    Ok(all)
}

/// Who could approve what somebody asks for about these regions, but for herself: those who see it and hold the right in every one of them, by name.
pub async fn approvers(
    reader: &mut impl Reader,
    matter: Matter,
    regions: &BTreeSet<RegionId>,
    requester: UserId,
    today: Day,
) -> Result<Vec<(UserId, String)>, DbError> {
    let mut could = holders(reader, Permission::ApprovalsDecide, regions, requester, today).await?;
    let see = holders(reader, matter.seen_by(), regions, requester, today).await?;
    could.retain(|(id, _)| see.iter().any(|(other, _)| other == id));
    Ok(could)
}

/// Who holds a permission in every one of these regions, but for one person; by name.
pub async fn holders(
    reader: &mut impl Reader,
    permission: Permission,
    regions: &BTreeSet<RegionId>,
    requester: UserId,
    today: Day,
) -> Result<Vec<(UserId, String)>, DbError> {
    let mut sql = Sql::new("WITH RECURSIVE above (below_id, id, parent_id) AS (SELECT id, id, parent_id FROM region WHERE id IN (");
    sql.push_list(regions.iter().copied());
    sql.push(") UNION ALL SELECT a.below_id, r.id, r.parent_id FROM above a JOIN region r ON r.id = a.parent_id) ");
    sql.push("SELECT p.id, p.name FROM above a JOIN role_grant g ON g.region_id = a.id JOIN person p ON p.id = g.person_id ");
    sql.push("WHERE p.status = 'active' AND p.id <> ").push_bind(requester);
    in_force_with(&mut sql, permission, today);
    sql.push(" GROUP BY p.id, p.name HAVING count(DISTINCT a.below_id) = ").push_number(regions.len() as i64);
    sql.push(" ORDER BY lower(p.name), p.id");
    reader.all(sql).await
}

/// To whom the right to decide in these regions can be lent: everybody else who sees budgets in one of them, by name.
pub async fn borrowers(reader: &mut impl Reader, scope: &Scope, lender: UserId, today: Day) -> Result<Vec<(UserId, String)>, DbError> {
    let inside: Vec<RegionId> = scope.regions().collect();
    let mut regions = above(reader, &inside).await?;
    regions.extend(inside);
    let mut sql =
        Sql::new("SELECT p.id, p.name FROM role_grant g JOIN person p ON p.id = g.person_id WHERE p.status = 'active' AND p.id <> ");
    sql.push_bind(lender).push(" AND g.region_id IN (").push_list(regions.iter().copied()).push(")");
    in_force_with(&mut sql, Permission::BudgetsRead, today);
    sql.push(" GROUP BY p.id, p.name ORDER BY lower(p.name), p.id");
    reader.all(sql).await
}

fn in_force_with(sql: &mut Sql, permission: Permission, today: Day) {
    sql.push(" AND g.ended_at IS NULL AND (g.ends_on IS NULL OR g.ends_on >= ").push_bind(today).push(") AND ");
    roles::push_allowing(sql, permission);
}

/// Adds a policy.
pub async fn insert(tx: &mut WriteTx<'_>, policy: &Policy) -> Result<(), Failure> {
    let sql = Sql::new(
        "INSERT INTO approval_policy (id, matter, region_id, currency, from_amount, day_amount, approvers, created_at, created_by) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
    );
    let (now, person) = (tx.now, tx.actor().person());
    tx.policies_changed();
    let sql = sql.bind(policy.id).bind(policy.matter.code()).bind(policy.region).bind(policy.currency.map(Currency::code));
    tx.exec_one(sql.bind(policy.from).bind(policy.day).bind(policy.approvers).bind(now).bind(person)).await
}

/// Ends a policy that is in force.
pub async fn end(tx: &mut WriteTx<'_>, id: PolicyId) -> Result<(), Failure> {
    tx.policies_changed();
    let sql = Sql::new("UPDATE approval_policy SET ended_at = $2 WHERE id = $1 AND ended_at IS NULL").bind(id).bind(tx.now);
    tx.exec_one(sql).await
}

/// A right that was lent.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct Delegation {
    /// Its id.
    pub id: DelegationId,
    /// Whose right it is.
    pub from_id: UserId,
    /// Who may use it.
    pub to_id: UserId,
    /// First day, UTC.
    pub starts_on: Day,
    /// Last day.
    pub ends_on: Day,
    /// Since when it is there.
    pub created_at: Instant,
}

const DELEGATION: &str = "id, from_id, to_id, starts_on, ends_on, created_at";

/// What was lent to a person or by her and is not over on `today`.
pub async fn delegations(reader: &mut impl Reader, person: UserId, today: Day) -> Result<Vec<Delegation>, DbError> {
    let mut sql = Sql::default();
    sql.push("SELECT ").push(DELEGATION).push(" FROM approval_delegation WHERE ended_at IS NULL AND (to_id = ").push_bind(person);
    sql.push(" OR from_id = ").push_bind(person).push(") AND ends_on >= ").push_bind(today).push(" ORDER BY starts_on, id");
    reader.all(sql).await
}

/// One that has not been ended.
pub async fn delegation(reader: &mut impl Reader, id: DelegationId) -> Result<Option<Delegation>, DbError> {
    let mut sql = Sql::default();
    sql.push("SELECT ").push(DELEGATION).push(" FROM approval_delegation WHERE ended_at IS NULL AND id = ").push_bind(id);
    reader.one(sql).await
}

/// Adds one.
pub async fn delegate(tx: &mut WriteTx<'_>, new: &Delegation) -> Result<(), Failure> {
    let sql =
        Sql::new("INSERT INTO approval_delegation (id, from_id, to_id, starts_on, ends_on, created_at) VALUES ($1, $2, $3, $4, $5, $6)");
    let sql = sql.bind(new.id).bind(new.from_id).bind(new.to_id).bind(new.starts_on).bind(new.ends_on);
    tx.exec_one(sql.bind(new.created_at)).await
}

/// Ends one.
pub async fn end_delegation(tx: &mut WriteTx<'_>, id: DelegationId) -> Result<(), Failure> {
    let sql = Sql::new("UPDATE approval_delegation SET ended_at = $2 WHERE id = $1 AND ended_at IS NULL").bind(id).bind(tx.now);
    tx.exec_one(sql).await
}
