//! Access reviews in the store: campaigns, who reviews, the grants that were frozen into them, and what was decided.

use super::db::{Reader, Sql};
use super::failure::{DbError, Failure};
use super::people::Grant;
use super::writer::WriteTx;
use crate::domain::access::Scope;
use crate::domain::id::{GrantId, RegionId, ReviewId, UserId};
use crate::domain::time::{Day, Instant};

/// A campaign.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct Review {
    /// Its id.
    pub id: ReviewId,
    /// What it is called.
    pub name: String,
    /// The region that it is about, with everything below it.
    pub region_id: RegionId,
    /// The codes of the roles that it is about, with commas between them; empty for all.
    pub roles: String,
    /// The last day to decide.
    pub due_on: Day,
    /// Since when.
    pub opened_at: Instant,
    /// By whom; `None` for the system.
    pub opened_by: Option<UserId>,
    /// When it was closed.
    pub ended_at: Option<Instant>,
    /// By whom.
    pub ended_by: Option<UserId>,
    /// Why, where grants were left without a decision.
    pub ended_because: String,
}

impl Review {
    /// Whether decisions are taken.
    pub fn is_open(&self) -> bool {
        self.ended_at.is_none()
    }
}

const COLUMNS: &str = "r.id, r.name, r.region_id, r.roles, r.due_on, r.opened_at, r.opened_by, r.ended_at, r.ended_by, r.ended_because";

/// A grant in a campaign as it was at the opening, what was decided, and what became of it.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct Item {
    /// The campaign.
    pub review_id: ReviewId,
    /// The grant.
    pub grant_id: GrantId,
    /// Who holds it.
    pub person_id: UserId,
    /// The role's code.
    pub role: String,
    /// What the role was called.
    pub role_name: String,
    /// On which region.
    pub region_id: RegionId,
    /// Since when.
    pub granted_at: Instant,
    /// By whom.
    pub granted_by: Option<UserId>,
    /// The last day it was to hold.
    pub ends_on: Option<Day>,
    /// When the grant was ended, whoever did.
    pub grant_ended_at: Option<Instant>,
    /// Who decided.
    pub reviewer_id: Option<UserId>,
    /// 1 keeps, 0 revokes; nothing where nobody has decided.
    pub keeps: Option<i64>,
    /// Why.
    pub reason: Option<String>,
    /// When.
    pub decided_at: Option<Instant>,
}

impl Item {
    /// Whether the grant has ceased to hold without a decision.
    pub fn is_gone(&self, now: Instant) -> bool {
        self.keeps.is_none() && (self.grant_ended_at.is_some() || self.ends_on.is_some_and(|day| day < now.day(chrono_tz::UTC)))
    }

    /// Whether somebody has to decide.
    pub fn waits(&self, now: Instant) -> bool {
        self.keeps.is_none() && !self.is_gone(now)
    }
}

const ITEMS: &str = "SELECT i.review_id, i.grant_id, i.person_id, i.role, i.role_name, i.region_id, i.granted_at, i.granted_by, i.ends_on, \
    g.ended_at AS grant_ended_at, d.reviewer_id, d.keeps, d.reason, d.at AS decided_at FROM access_review_item i \
    JOIN role_grant g ON g.id = i.grant_id \
    LEFT JOIN access_review_decision d ON d.review_id = i.review_id AND d.grant_id = i.grant_id WHERE i.region_id IN (";

/// A campaign is seen where one of its grants is.
fn seen(sql: &mut Sql, scope: &Scope) {
    sql.push("EXISTS (SELECT 1 FROM access_review_item i WHERE i.review_id = r.id AND i.region_id IN (");
    sql.push_list(scope.regions()).push("))");
}

/// The campaigns in scope, those that go on first, then the latest.
pub async fn list(reader: &mut impl Reader, scope: &Scope) -> Result<Vec<Review>, DbError> {
    let mut sql = Sql::default();
    sql.push("SELECT ").push(COLUMNS).push(" FROM access_review r WHERE ");
    seen(&mut sql, scope);
    sql.push(" ORDER BY CASE WHEN r.ended_at IS NULL THEN 0 ELSE 1 END, r.opened_at DESC, r.id");
    reader.all(sql).await
}

/// One campaign in scope.
pub async fn find(reader: &mut impl Reader, scope: &Scope, id: ReviewId) -> Result<Option<Review>, DbError> {
    let mut sql = Sql::default();
    sql.push("SELECT ").push(COLUMNS).push(" FROM access_review r WHERE ");
    seen(&mut sql, scope);
    sql.push(" AND r.id = ").push_bind(id);
    reader.one(sql).await
}

/// The grants in scope of these campaigns, or of all.
pub async fn items(reader: &mut impl Reader, scope: &Scope, review: Option<ReviewId>) -> Result<Vec<Item>, DbError> {
    let mut sql = Sql::default();
    sql.push(ITEMS).push_list(scope.regions()).push(")");
    if let Some(review) = review {
        sql.push(" AND i.review_id = ").push_bind(review);
    }
    sql.push(" ORDER BY i.review_id, i.person_id, i.granted_at, i.grant_id");
    reader.all(sql).await
}

/// The grants in scope of the campaigns that go on and that this person reviews in.
pub async fn items_open(reader: &mut impl Reader, scope: &Scope, reviewer: UserId) -> Result<Vec<Item>, DbError> {
    let mut sql = Sql::default();
    sql.push(ITEMS).push_list(scope.regions());
    sql.push(") AND EXISTS (SELECT 1 FROM access_review r JOIN access_review_reviewer w ON w.review_id = r.id ");
    sql.push("WHERE r.id = i.review_id AND r.ended_at IS NULL AND w.person_id = ").push_bind(reviewer).push(")");
    reader.all(sql).await
}

/// Who reviews in a campaign.
pub async fn reviewers(reader: &mut impl Reader, review: ReviewId) -> Result<Vec<UserId>, DbError> {
    let sql = Sql::new("SELECT person_id FROM access_review_reviewer WHERE review_id = $1 ORDER BY person_id").bind(review);
    Ok(reader.all::<(UserId,)>(sql).await?.into_iter().map(|row| row.0).collect())
}

/// What a campaign is made of.
pub struct NewReview<'n> {
    /// Its id.
    pub id: ReviewId,
    /// What it is called.
    pub name: &'n str,
    /// On which region.
    pub region: RegionId,
    /// The codes of the roles, with commas between them; empty for all.
    pub roles: &'n str,
    /// The last day to decide.
    pub due_on: Day,
}

/// Opens a campaign over these grants.
pub async fn insert(tx: &mut WriteTx<'_>, new: &NewReview<'_>, reviewers: &[UserId], grants: &[Grant]) -> Result<(), Failure> {
    let (now, by, id) = (tx.now, tx.actor().person(), new.id);
    let sql = Sql::new(
        "INSERT INTO access_review (id, name, region_id, roles, due_on, opened_at, opened_by) VALUES ($1, $2, $3, $4, $5, $6, $7)",
    );
    let sql = sql.bind(id).bind(new.name.to_owned()).bind(new.region).bind(new.roles.to_owned());
    tx.exec_one(sql.bind(new.due_on).bind(now).bind(by)).await?;
    let people = reviewers.iter().map(|person| vec![id.into(), (*person).into()]).collect::<Vec<_>>();
    tx.insert_many("access_review_reviewer", &["review_id", "person_id"], Box::new(people.into_iter())).await?;
    let line = |grant: &Grant| {
        vec![
            id.into(),
            grant.id.into(),
            grant.person_id.into(),
            grant.role_code().into(),
            grant.role_label().to_owned().into(),
            grant.region_id.into(),
            grant.granted_at.into(),
            grant.granted_by.into(),
            grant.ends_on.into(),
        ]
    };
    let columns = &["review_id", "grant_id", "person_id", "role", "role_name", "region_id", "granted_at", "granted_by", "ends_on"];
    let rows: Vec<_> = grants.iter().map(line).collect();
    Ok(tx.insert_many("access_review_item", columns, Box::new(rows.into_iter())).await?)
}

/// Keeps a decision.
pub async fn decide(tx: &mut WriteTx<'_>, item: &Item, reviewer: UserId, keeps: bool, reason: &str) -> Result<(), Failure> {
    let now = tx.now;
    let sql = Sql::new(
        "INSERT INTO access_review_decision (review_id, grant_id, person_id, reviewer_id, keeps, reason, at) VALUES ($1, $2, $3, $4, $5, $6, $7)",
    );
    let sql = sql.bind(item.review_id).bind(item.grant_id).bind(item.person_id).bind(reviewer).bind(i64::from(keeps));
    tx.exec_one(sql.bind(reason.to_owned()).bind(now)).await
}

/// Closes a campaign.
pub async fn end(tx: &mut WriteTx<'_>, id: ReviewId, because: &str) -> Result<(), Failure> {
    let (now, by) = (tx.now, tx.actor().person());
    let sql = Sql::new("UPDATE access_review SET ended_at = $2, ended_by = $3, ended_because = $4 WHERE id = $1 AND ended_at IS NULL");
    tx.exec_one(sql.bind(id).bind(now).bind(by).bind(because.to_owned())).await
}
