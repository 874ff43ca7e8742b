//! Approvals in the store: requests, the budgets they are about, and decisions. Policies and delegations are in `approval_policies`.

use super::approval_filter::Filter;
use super::db::{Reader, Sql};
use super::failure::{DbError, Failure};
use super::sql::whole;
use super::writer::WriteTx;
use crate::domain::access::{Access, Scope};
use crate::domain::approval::{Decider, Matter, Policy, Status};
use crate::domain::currency::Currency;
use crate::domain::id::{ApprovalId, BudgetId, PolicyId, PostingId, RegionId, UserId};
use crate::domain::refusal::Refusal;
use crate::domain::time::Instant;

/// A request for approval, as it is kept.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct Approval {
    /// Its id.
    pub id: ApprovalId,
    /// The code of what it is, see [`Matter`].
    pub matter: String,
    /// Who asked.
    pub requester_id: UserId,
    /// The policy that asked for it.
    pub policy_id: PolicyId,
    /// How many have to approve.
    pub needed: i64,
    /// The currency of the first budget; `None` where no money moves.
    pub currency: Option<String>,
    /// What moves in it, in minor units.
    pub amount: Option<i64>,
    /// The order, as JSON: these bytes are what was approved.
    pub order_text: String,
    /// What it does, as JSON.
    pub effects: String,
    /// The hash of both.
    pub content_hash: Vec<u8>,
    /// The id of a budget that is made with it; of nothing where no money moves.
    pub made_budget_id: BudgetId,
    /// Since when it waits.
    pub asked_at: Instant,
    /// Until when.
    pub expires_at: Instant,
    /// The code of where it stands, see [`Status`].
    pub status: String,
    /// When that was decided.
    pub ended_at: Option<Instant>,
    /// Why it ended, in words; may be empty.
    pub ended_because: String,
    /// The first posting of what was done.
    pub done_posting_id: Option<PostingId>,
}

const COLUMNS: &str = "id, matter, requester_id, policy_id, needed, currency, amount, order_text, effects, content_hash, made_budget_id, asked_at, \
                       expires_at, status, ended_at, ended_because, done_posting_id";

impl Approval {
    /// What it is.
    pub fn matter(&self) -> Result<Matter, DbError> {
        Matter::parse(&self.matter).ok_or_else(|| DbError::Broken(format!("approval {} is about something unknown", self.id)))
    }

    /// Where it stands.
    pub fn status(&self) -> Result<Status, DbError> {
        Status::parse(&self.status).ok_or_else(|| DbError::Broken(format!("approval {} has an unknown status", self.id)))
    }

    /// What people quote: `APR-` and eight characters.
    pub fn reference(&self) -> String {
        format!("APR-{}", self.id.short())
    }
}

/// A budget that a request is about, or a region where it is about no budget.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct About {
    /// The request.
    pub approval_id: ApprovalId,
    /// Which.
    pub budget_id: Option<BudgetId>,
    /// The region.
    pub region_id: RegionId,
    /// How much of it is reserved while the request waits.
    pub held: i64,
    /// By which posting.
    pub held_posting_id: Option<PostingId>,
}

impl About {
    /// A region, and no budget.
    pub fn region(approval_id: ApprovalId, region_id: RegionId) -> Self {
        Self { approval_id, budget_id: None, region_id, held: 0, held_posting_id: None }
    }
}

/// A decision.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct Decision {
    /// On which request.
    pub approval_id: ApprovalId,
    /// Who decided.
    pub person_id: UserId,
    /// By whose right.
    pub authority_id: UserId,
    /// 1 approves, 0 declines.
    pub approves: i64,
    /// The hash of what was shown.
    pub content_hash: Vec<u8>,
    /// Why; may be empty.
    pub reason: String,
    /// When.
    pub at: Instant,
}

impl Decision {
    /// Who, and by whose right.
    pub fn decider(&self) -> Decider {
        Decider { person: self.person_id, authority: self.authority_id }
    }
}

/// One request, whoever asks: for a rule that checks the permission in its regions next.
pub async fn get(reader: &mut impl Reader, id: ApprovalId) -> Result<Approval, Failure> {
    let mut sql = Sql::default();
    sql.push("SELECT ").push(COLUMNS).push(" FROM approval WHERE id = ").push_bind(id);
    Ok(reader.one(sql).await?.ok_or(Refusal::NotFound)?)
}

/// Where somebody sees requests: those about money where she sees budgets, those about roles where she sees people.
#[derive(Clone, Debug)]
pub struct Sight {
    money: Scope,
    roles: Scope,
}

impl Sight {
    /// What somebody sees who holds this.
    pub fn of(access: &Access) -> Self {
        Self { money: access.scope(Matter::Adjustment.seen_by()), roles: access.scope(Matter::RoleChange.seen_by()) }
    }

    /// Whether it is nothing.
    pub fn is_empty(&self) -> bool {
        self.money.is_empty() && self.roles.is_empty()
    }
}

/// A request is in sight where each of its regions is.
fn within(sql: &mut Sql, sight: &Sight) {
    sql.push("(1 = 0");
    if !sight.money.is_empty() {
        sql.push(" OR (a.matter <> 'role_change' AND NOT EXISTS (SELECT 1 FROM approval_budget o WHERE o.approval_id = a.id AND o.region_id NOT IN (");
        sql.push_list(sight.money.regions()).push(")))");
    }
    if !sight.roles.is_empty() {
        sql.push(" OR (a.matter = 'role_change' AND NOT EXISTS (SELECT 1 FROM approval_region o WHERE o.approval_id = a.id AND o.region_id NOT IN (");
        sql.push_list(sight.roles.regions()).push(")))");
    }
    sql.push(")");
}

/// One request in scope.
pub async fn find(reader: &mut impl Reader, sight: &Sight, id: ApprovalId) -> Result<Option<Approval>, DbError> {
    if sight.is_empty() {
        return Ok(None);
    }
    let mut sql = Sql::default();
    sql.push("SELECT ").push(COLUMNS).push(" FROM approval a WHERE ");
    within(&mut sql, sight);
    sql.push(" AND id = ").push_bind(id);
    reader.one(sql).await
}

/// Which requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// Those that wait, oldest first.
    Waiting,
    /// Those that a person asked for, newest first.
    AskedBy(UserId),
    /// Those that are decided, withdrawn or expired, newest first.
    Ended,
}

/// At most `most` requests in scope; where the newest come first, those asked for before `before`.
pub async fn list(
    reader: &mut impl Reader,
    sight: &Sight,
    wanted: Wanted,
    filter: &Filter,
    before: Option<ApprovalId>,
    most: i64,
) -> Result<Vec<Approval>, DbError> {
    if sight.is_empty() {
        return Ok(Vec::new());
    }
    let mut sql = Sql::default();
    sql.push("SELECT ").push(COLUMNS).push(" FROM approval a WHERE ");
    within(&mut sql, sight);
    match wanted {
        Wanted::Waiting => sql.push(" AND status = 'pending'"),
        Wanted::Ended => sql.push(" AND status <> 'pending'"),
        Wanted::AskedBy(person) => sql.push(" AND requester_id = ").push_bind(person),
    };
    filter.push(&mut sql);
    if let Some(before) = before {
        sql.push(" AND id < ").push_bind(before);
    }
    // Ids are in the order in which they were made.
    sql.push(if wanted == Wanted::Waiting { " ORDER BY asked_at, id" } else { " ORDER BY id DESC" });
    sql.push(" LIMIT ").push_number(most);
    reader.all(sql).await
}

/// Who asked for something that is in sight.
pub async fn requesters(reader: &mut impl Reader, sight: &Sight) -> Result<Vec<UserId>, DbError> {
    if sight.is_empty() {
        return Ok(Vec::new());
    }
    let mut sql = Sql::new("SELECT DISTINCT a.requester_id FROM approval a WHERE ");
    within(&mut sql, sight);
    let rows: Vec<(UserId,)> = reader.all(sql).await?;
    Ok(rows.into_iter().map(|row| row.0).collect())
}

/// Those of these requests that are in scope.
pub async fn seen(reader: &mut impl Reader, sight: &Sight, ids: &[ApprovalId]) -> Result<Vec<ApprovalId>, DbError> {
    if ids.is_empty() || sight.is_empty() {
        return Ok(Vec::new());
    }
    let mut sql = Sql::new("SELECT a.id FROM approval a WHERE ");
    within(&mut sql, sight);
    sql.push(" AND id IN (").push_list(ids.iter().copied()).push(")");
    let rows: Vec<(ApprovalId,)> = reader.all(sql).await?;
    Ok(rows.into_iter().map(|row| row.0).collect())
}

/// The requests that wait and whose time is over; at most `most`.
pub async fn overdue(reader: &mut impl Reader, now: Instant, most: i64) -> Result<Vec<Approval>, DbError> {
    let mut sql = Sql::default();
    sql.push("SELECT ").push(COLUMNS).push(" FROM approval WHERE status = 'pending' AND expires_at <= ").push_bind(now);
    sql.push(" ORDER BY asked_at, id LIMIT ").push_number(most);
    reader.all(sql).await
}

/// The budgets of these requests, of each the one that gives most first.
pub async fn about(reader: &mut impl Reader, ids: &[ApprovalId]) -> Result<Vec<About>, DbError> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let mut sql = Sql::new("SELECT approval_id, budget_id, region_id, held, held_posting_id FROM approval_budget WHERE approval_id IN (");
    sql.push_list(ids.iter().copied()).push(") ORDER BY held DESC, budget_id");
    let mut about: Vec<About> = reader.all(sql).await?;
    let mut sql = Sql::new("SELECT approval_id, region_id FROM approval_region WHERE approval_id IN (");
    sql.push_list(ids.iter().copied()).push(") ORDER BY approval_id, region_id");
    let places: Vec<(ApprovalId, RegionId)> = reader.all(sql).await?;
    about.extend(places.into_iter().map(|(approval_id, region_id)| About::region(approval_id, region_id)));
    Ok(about)
}

/// What was decided on these requests, in order.
pub async fn decisions(reader: &mut impl Reader, ids: &[ApprovalId]) -> Result<Vec<Decision>, DbError> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let mut sql = Sql::new(
        "SELECT approval_id, person_id, authority_id, approves, content_hash, reason, at FROM approval_decision WHERE approval_id IN (",
    );
    sql.push_list(ids.iter().copied()).push(") ORDER BY at, person_id");
    reader.all(sql).await
}

/// Which of these reservations are kept for a request that waits, and for which.
pub async fn holders(reader: &mut impl Reader, postings: &[PostingId]) -> Result<Vec<(PostingId, ApprovalId)>, DbError> {
    if postings.is_empty() {
        return Ok(Vec::new());
    }
    let mut sql = Sql::new(
        "SELECT b.held_posting_id, a.id FROM approval_budget b JOIN approval a ON a.id = b.approval_id \
         WHERE a.status = 'pending' AND b.held_posting_id IN (",
    );
    sql.push_list(postings.iter().copied()).push(")");
    reader.all(sql).await
}

/// What is kept for a request that waits: the posting, the request, and its page where all of it is in scope.
pub type Held = (PostingId, ApprovalId, Option<ApprovalId>);

/// [`holders`], with those whose request is in scope.
pub async fn held(reader: &mut impl Reader, sight: &Sight, postings: &[PostingId]) -> Result<Vec<Held>, DbError> {
    let all = holders(reader, postings).await?;
    let ids: Vec<ApprovalId> = all.iter().map(|(_, id)| *id).collect();
    let seen = seen(reader, sight, &ids).await?;
    Ok(all.into_iter().map(|(posting, id)| (posting, id, Some(id).filter(|id| seen.contains(id)))).collect())
}

/// What a person moved or asked to move since, of the policy's kind and currency and in its regions; in minor units. What lies before `now` is read once
/// for a batch of writes: whoever moves money all day long is not summed up anew with every order.
pub async fn moved_since(
    reader: &mut impl Reader,
    policy: &Policy,
    person: UserId,
    (since, now): (Instant, Instant),
) -> Result<i128, DbError> {
    let Some(currency) = policy.currency else { return Ok(0) };
    let key = (policy.id, person);
    let before = match reader.memo().and_then(|memo| memo.moved.get(&key).copied()) {
        Some(known) => known,
        None => {
            let mut sql = Sql::default();
            push_moved(&mut sql, policy, currency, person);
            sql.push(" AND p.at > ").push_bind(since).push(" AND p.at < ").push_bind(now);
            let sum = summed(reader, sql).await?;
            if let Some(memo) = reader.memo() {
                memo.moved.insert(key, sum);
            }
            sum
        }
    };
    let mut sql = Sql::default();
    push_moved(&mut sql, policy, currency, person);
    sql.push(" AND p.at >= ").push_bind(now).push(" UNION ALL SELECT ").push_sum("amount").push(" FROM approval a WHERE a.requester_id = ");
    sql.push_bind(person).push(" AND a.asked_at > ").push_bind(since).push(" AND a.status = 'pending' AND a.matter = ");
    sql.push_bind(policy.matter.code()).push(" AND a.currency = ").push_bind(currency.code());
    sql.push(" AND EXISTS (SELECT 1 FROM approval_budget o WHERE o.approval_id = a.id AND o.region_id IN (SELECT id FROM below))");
    Ok(before + summed(reader, sql).await?)
}

/// The sum of what a person moved, without what was only held for a request.
fn push_moved(sql: &mut Sql, policy: &Policy, currency: Currency, person: UserId) {
    sql.push("WITH RECURSIVE below (id) AS (SELECT id FROM region WHERE id = ").push_bind(policy.region);
    sql.push(" UNION ALL SELECT r.id FROM below b JOIN region r ON r.parent_id = b.id) SELECT ");
    sql.push_sum("amount").push(" FROM posting p WHERE p.actor_id = ").push_bind(person);
    sql.push(" AND p.transaction_id IS NULL AND p.kind = ").push_bind(policy.matter.posting());
    sql.push(" AND p.currency = ").push_bind(currency.code());
    sql.push(" AND (p.source_region_id IN (SELECT id FROM below) OR p.destination_region_id IN (SELECT id FROM below))");
    sql.push(" AND NOT EXISTS (SELECT 1 FROM approval_budget h WHERE h.held_posting_id = p.id)");
}

async fn summed(reader: &mut impl Reader, sql: Sql) -> Result<i128, DbError> {
    let parts: Vec<(Option<i64>, Option<i64>)> = reader.all(sql).await?;
    Ok(parts.into_iter().map(|(upper, lower)| whole(upper.unwrap_or_default(), lower.unwrap_or_default())).sum())
}

/// Adds a request with its budgets. What they hold is reserved by then.
pub async fn insert(tx: &mut WriteTx<'_>, row: &Approval, about: &[About]) -> Result<(), Failure> {
    let sql = Sql::new(
        "INSERT INTO approval (id, matter, requester_id, policy_id, needed, currency, amount, order_text, effects, content_hash, made_budget_id, \
         asked_at, expires_at, status, ended_because) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, 'pending', '')",
    );
    let sql = sql.bind(row.id).bind(row.matter.clone()).bind(row.requester_id).bind(row.policy_id).bind(row.needed);
    let sql = sql.bind(row.currency.clone()).bind(row.amount).bind(row.order_text.clone()).bind(row.effects.clone());
    let sql = sql.bind(row.content_hash.clone()).bind(row.made_budget_id).bind(row.asked_at).bind(row.expires_at);
    tx.exec_one(sql).await?;
    for place in about.iter().filter(|about| about.budget_id.is_none()) {
        let sql = Sql::new("INSERT INTO approval_region (approval_id, region_id) VALUES ($1, $2)").bind(row.id).bind(place.region_id);
        tx.exec_one(sql).await?;
    }
    for budget in about.iter().filter(|about| about.budget_id.is_some()) {
        let sql =
            Sql::new("INSERT INTO approval_budget (approval_id, budget_id, region_id, held, held_posting_id) VALUES ($1, $2, $3, $4, $5)");
        let sql = sql.bind(row.id).bind(budget.budget_id).bind(budget.region_id).bind(budget.held).bind(budget.held_posting_id);
        tx.exec_one(sql).await?;
    }
    Ok(())
}

/// Adds a decision on a request.
pub async fn decide(tx: &mut WriteTx<'_>, on: &Approval, decider: Decider, approves: bool, reason: &str) -> Result<(), Failure> {
    let sql = Sql::new(
        "INSERT INTO approval_decision (approval_id, requester_id, person_id, authority_id, approves, content_hash, reason, at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
    );
    let sql = sql.bind(on.id).bind(on.requester_id).bind(decider.person).bind(decider.authority).bind(i64::from(approves));
    tx.exec_one(sql.bind(on.content_hash.clone()).bind(reason.to_owned()).bind(tx.now)).await
}

/// Ends a request that waits; any other is [`Refusal::Stale`]. `done` is the first posting of what was done.
pub async fn end(tx: &mut WriteTx<'_>, id: ApprovalId, to: Status, because: &str, done: Option<PostingId>) -> Result<(), Failure> {
    let sql = Sql::new(
        "UPDATE approval SET status = $2, ended_at = $3, ended_because = $4, done_posting_id = $5 WHERE id = $1 AND status = 'pending'",
    );
    tx.exec_one(sql.bind(id).bind(to.code()).bind(tx.now).bind(because.to_owned()).bind(done)).await
}
