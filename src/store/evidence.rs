//! What reports for auditors are made of. Each query takes a scope, and what belongs to no region is read only with the whole organisation in it.

use super::db::{Reader, Sql};
use super::failure::DbError;
use crate::domain::access::Scope;
use crate::domain::id::{ApprovalId, PolicyId, RegionId, UserId};
use crate::domain::time::{Day, Instant};

/// Which moments a report is about: from the first, before the second.
pub type Period = (Instant, Instant);

/// An event as a report reads it.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct EventRow {
    /// Its number.
    pub seq: i64,
    /// When.
    pub at: Instant,
    /// The person, where one acted.
    pub actor_id: Option<UserId>,
    /// What was done.
    pub action: String,
    /// The kind of object.
    pub object_kind: String,
    /// The object's id.
    pub object_id: String,
    /// The region it belongs to.
    pub region_id: Option<RegionId>,
    /// What was sealed.
    pub body: Vec<u8>,
}

/// Pushes the condition that an event is in scope.
fn in_scope(sql: &mut Sql, scope: &Scope) {
    sql.push("(region_id IN (").push_list(scope.regions()).push(")");
    if scope.is_whole() {
        sql.push(" OR region_id IS NULL");
    }
    sql.push(")");
}

/// The events of these actions in scope, oldest first; `person` acted or was acted on.
pub async fn events(
    reader: &mut impl Reader,
    scope: &Scope,
    actions: &[&'static str],
    person: Option<UserId>,
    period: Period,
) -> Result<Vec<EventRow>, DbError> {
    let mut sql = Sql::default();
    sql.push("SELECT seq, at, actor_id, action, object_kind, object_id, region_id, body FROM audit_event WHERE ");
    in_scope(&mut sql, scope);
    sql.push(" AND at >= ").push_bind(period.0).push(" AND at < ").push_bind(period.1);
    sql.push(" AND action IN (").push_list(actions.iter().copied()).push(")");
    if let Some(person) = person {
        sql.push(" AND (actor_id = ").push_bind(person).push(" OR object_id = ").push_bind(person.to_string()).push(")");
    }
    sql.push(" ORDER BY seq");
    reader.all(sql).await
}

/// An event about a person: (number, when, who did it, what, about whom, the sealed bytes).
pub type AboutPerson = (i64, Instant, Option<UserId>, String, String, Vec<u8>);

/// When these people were suspended and let in again, oldest first. Such events belong to no region; whoever sees a person sees them.
pub async fn suspensions(reader: &mut impl Reader, people: &[UserId], until: Instant) -> Result<Vec<AboutPerson>, DbError> {
    let mut sql = Sql::new(
        "SELECT seq, at, actor_id, action, object_id, body FROM audit_event WHERE action IN ('person.suspended', 'person.reinstated') \
         AND object_kind = 'person' AND object_id IN (",
    );
    sql.push_list(people.iter().map(ToString::to_string)).push(") AND at < ").push_bind(until).push(" ORDER BY seq");
    reader.all(sql).await
}

/// How many sessions these people have.
pub async fn sessions(reader: &mut impl Reader, people: &[UserId], now: Instant) -> Result<Vec<(UserId, i64)>, DbError> {
    let mut sql = Sql::new("SELECT person_id, count(*) FROM session WHERE person_id IN (");
    sql.push_list(people.iter().copied()).push(") AND expires_at > ").push_bind(now).push(" GROUP BY person_id");
    reader.all(sql).await
}

/// How many events these people left: each after one number and up to another.
pub async fn acts(reader: &mut impl Reader, people: &[(UserId, i64, i64)]) -> Result<Vec<(UserId, i64)>, DbError> {
    let mut sql = Sql::new("SELECT actor_id, count(*) FROM audit_event WHERE 1 = 0");
    for (person, after, to) in people {
        sql.push(" OR (actor_id = ").push_bind(*person).push(" AND seq > ").push_bind(*after).push(" AND seq < ").push_bind(*to).push(")");
    }
    sql.push(" GROUP BY actor_id");
    reader.all(sql).await
}

/// A grant with its end: (whose, region, since when, the last day, ended).
pub type GrantSpan = (UserId, RegionId, Instant, Option<Day>, Option<Instant>);

/// Every grant that these people ever held in scope.
pub async fn grants_of(reader: &mut impl Reader, scope: &Scope, people: &[UserId]) -> Result<Vec<GrantSpan>, DbError> {
    let mut sql = Sql::new("SELECT person_id, region_id, granted_at, ends_on, ended_at FROM role_grant WHERE region_id IN (");
    sql.push_list(scope.regions()).push(") AND person_id IN (").push_list(people.iter().copied()).push(")");
    reader.all(sql).await
}

/// Who has a second factor, and since when.
pub async fn factors(reader: &mut impl Reader, people: &[UserId]) -> Result<Vec<(UserId, Instant)>, DbError> {
    let mut sql = Sql::new(
        "SELECT person_id, min(since) FROM (SELECT person_id, since FROM second_factor \
         UNION ALL SELECT person_id, added_at AS since FROM passkey) AS factor WHERE person_id IN (",
    );
    sql.push_list(people.iter().copied()).push(") GROUP BY person_id");
    reader.all(sql).await
}

/// A request for approval and one decision on it, or none.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct DecisionRow {
    /// The request.
    pub id: ApprovalId,
    /// What it is.
    pub matter: String,
    /// Who asked.
    pub requester_id: UserId,
    /// How many had to approve.
    pub needed: i64,
    /// The currency; `None` where no money moves.
    pub currency: Option<String>,
    /// The amount in minor units.
    pub amount: Option<i64>,
    /// When it was asked for.
    pub asked_at: Instant,
    /// Where it stands.
    pub status: String,
    /// When that was decided.
    pub ended_at: Option<Instant>,
    /// Who decided.
    pub person_id: Option<UserId>,
    /// By whose right.
    pub authority_id: Option<UserId>,
    /// 1 approves, 0 declines.
    pub approves: Option<i64>,
    /// When.
    pub at: Option<Instant>,
}

/// A request is in scope where each of its regions is.
fn request_in_scope(sql: &mut Sql, scope: &Scope) {
    for (and, table) in [("", "approval_budget"), (" AND ", "approval_region")] {
        sql.push(and).push("NOT EXISTS (SELECT 1 FROM ").push(table).push(" o WHERE o.approval_id = a.id AND o.region_id NOT IN (");
        sql.push_list(scope.regions()).push("))");
    }
}

fn asked_in(sql: &mut Sql, person: Option<UserId>, period: Period) {
    sql.push(" AND a.asked_at >= ").push_bind(period.0).push(" AND a.asked_at < ").push_bind(period.1);
    if let Some(person) = person {
        sql.push(" AND (a.requester_id = ").push_bind(person);
        sql.push(" OR EXISTS (SELECT 1 FROM approval_decision x WHERE x.approval_id = a.id AND (x.person_id = ").push_bind(person);
        sql.push(" OR x.authority_id = ").push_bind(person).push(")))");
    }
}

/// Requests in scope that were made in a period, with every decision on them.
pub async fn approvals(
    reader: &mut impl Reader,
    scope: &Scope,
    person: Option<UserId>,
    period: Period,
) -> Result<Vec<DecisionRow>, DbError> {
    let mut sql = Sql::new(
        "SELECT a.id, a.matter, a.requester_id, a.needed, a.currency, a.amount, a.asked_at, a.status, a.ended_at, \
         d.person_id, d.authority_id, d.approves, d.at FROM approval a LEFT JOIN approval_decision d ON d.approval_id = a.id WHERE ",
    );
    request_in_scope(&mut sql, scope);
    asked_in(&mut sql, person, period);
    sql.push(" ORDER BY a.asked_at, a.id, d.at, d.person_id");
    reader.all(sql).await
}

/// How many decisions on these requests were made by whoever asked, or by her right.
pub async fn self_approvals(reader: &mut impl Reader, scope: &Scope, person: Option<UserId>, period: Period) -> Result<i64, DbError> {
    let mut sql = Sql::new(
        "SELECT count(*) FROM approval a JOIN approval_decision d ON d.approval_id = a.id \
         WHERE (d.person_id = a.requester_id OR d.authority_id = a.requester_id) AND ",
    );
    request_in_scope(&mut sql, scope);
    asked_in(&mut sql, person, period);
    Ok(reader.one::<(i64,)>(sql).await?.map_or(0, |row| row.0))
}

/// The regions of requests in scope.
pub async fn approval_regions(reader: &mut impl Reader, scope: &Scope) -> Result<Vec<(ApprovalId, RegionId)>, DbError> {
    let mut sql = Sql::new("SELECT approval_id, region_id FROM approval_budget WHERE region_id IN (");
    sql.push_list(scope.regions()).push(") UNION SELECT approval_id, region_id FROM approval_region WHERE region_id IN (");
    sql.push_list(scope.regions()).push(") ORDER BY approval_id, region_id");
    reader.all(sql).await
}

/// A policy with its life.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct PolicyRow {
    /// Its id.
    pub id: PolicyId,
    /// What it is about.
    pub matter: String,
    /// Where.
    pub region_id: RegionId,
    /// In which currency; `None` for every one.
    pub currency: Option<String>,
    /// From which amount.
    pub from_amount: Option<i64>,
    /// Past which amount within a day.
    pub day_amount: Option<i64>,
    /// How many have to approve.
    pub approvers: i64,
    /// Since when.
    pub created_at: Instant,
    /// By whom.
    pub created_by: Option<UserId>,
    /// Until when.
    pub ended_at: Option<Instant>,
}

/// Every policy in scope that was in force at some moment of a period.
pub async fn policies(reader: &mut impl Reader, scope: &Scope, period: Period) -> Result<Vec<PolicyRow>, DbError> {
    let mut sql = Sql::new(
        "SELECT id, matter, region_id, currency, from_amount, day_amount, approvers, created_at, created_by, ended_at FROM approval_policy \
         WHERE region_id IN (",
    );
    sql.push_list(scope.regions()).push(") AND created_at < ").push_bind(period.1);
    sql.push(" AND (ended_at IS NULL OR ended_at >= ").push_bind(period.0).push(") ORDER BY created_at, id");
    reader.all(sql).await
}

/// Where checkpoints were noted outside, the newest of each place: (kind, place, events, when). For the whole organisation.
pub async fn anchors(reader: &mut impl Reader) -> Result<Vec<(String, String, i64, Instant)>, DbError> {
    let sql = Sql::new("SELECT kind, place, max(size), max(at) FROM audit_anchor GROUP BY kind, place ORDER BY kind, place");
    reader.all(sql).await
}

/// The number and the moment of the first event and how many there are. For the whole organisation.
pub async fn span(reader: &mut impl Reader) -> Result<Option<(i64, i64, i64, i64)>, DbError> {
    reader
        .one(Sql::new("SELECT COALESCE(min(seq), 0), COALESCE(max(seq), 0), COALESCE(min(at), 0), COALESCE(max(at), 0) FROM audit_event"))
        .await
}
