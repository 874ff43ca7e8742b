//! The audit trail in the store: the head, the append, the walk.

use super::db::{Reader, Sql, Tx};
use super::failure::DbError;
use crate::domain::access::{Actor, Scope};
use crate::domain::audit::{self, BODY_VERSION, Event};
use crate::domain::id::{EventId, RegionId, UserId};
use crate::domain::time::Instant;
use std::sync::Arc;

/// Where the chain stands.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct Head {
    /// The id of this log, bound into every link: events of one log cannot be moved into another.
    pub log_id: Vec<u8>,
    /// The number of the newest event; 0 before the first.
    pub seq: i64,
    /// The chain value of the newest event.
    pub chain: Vec<u8>,
}

/// The head, locked until the transaction ends where several processes share the database: the only `FOR UPDATE` in the code.
pub async fn head(tx: &mut Tx) -> Result<Head, DbError> {
    let sql = match tx.engine() {
        super::db::Engine::Sqlite => Sql::new("SELECT log_id, seq, chain FROM audit_head WHERE one = 1"),
        super::db::Engine::Postgres => Sql::new("SELECT log_id, seq, chain FROM audit_head WHERE one = 1 FOR UPDATE"),
    };
    tx.one(sql).await?.ok_or(DbError::Broken("the audit trail has no head".into()))
}

/// Makes the head of a new store.
pub async fn begin(tx: &mut Tx, log_id: Vec<u8>) -> Result<(), DbError> {
    tx.exec(
        Sql::new("INSERT INTO audit_head (one, log_id, seq, chain) VALUES (1, $1, 0, $2) ON CONFLICT (one) DO NOTHING")
            .bind(log_id)
            .bind(audit::START),
    )
    .await?;
    Ok(())
}

/// Numbers, seals and chains the events; where the chain stands afterwards.
pub async fn append(
    tx: &mut Tx,
    head: Head,
    now: Instant,
    events: Vec<(Arc<Actor>, Event)>,
    mut new_id: impl FnMut() -> EventId,
) -> Result<Head, DbError> {
    if events.is_empty() {
        return Ok(head);
    }
    let (mut seq, mut previous) = (head.seq, head.chain.clone());
    let mut rows = Vec::with_capacity(events.len());
    for (actor, event) in events {
        seq += 1;
        let id = new_id();
        let body = event.body(id, now, &actor);
        let leaf = audit::leaf(&body);
        let chain = audit::chain(&head.log_id, seq.unsigned_abs(), &previous, &leaf);
        rows.push(vec![
            seq.into(),
            id.into(),
            now.into(),
            actor.kind().into(),
            actor.person().into(),
            event.action.into(),
            event.object_kind.into(),
            event.object_id.into(),
            event.region.into(),
            BODY_VERSION.into(),
            body.into(),
            leaf.into(),
            chain.into(),
        ]);
        previous = chain.to_vec();
    }
    let columns = &[
        "seq",
        "id",
        "at",
        "actor_kind",
        "actor_id",
        "action",
        "object_kind",
        "object_id",
        "region_id",
        "body_version",
        "body",
        "leaf",
        "chain",
    ];
    tx.insert_many("audit_event", columns, Box::new(rows.into_iter())).await?;
    tx.exec(Sql::new("UPDATE audit_head SET seq = $1, chain = $2 WHERE one = 1").bind(seq).bind(previous.clone())).await?;
    Ok(Head { seq, chain: previous, ..head })
}

/// One event as it is kept.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct Kept {
    /// Its number.
    pub seq: i64,
    /// Its id.
    pub id: EventId,
    /// When.
    pub at: Instant,
    /// `person` or `system`.
    pub actor_kind: String,
    /// The person, where one acted.
    pub actor_id: Option<UserId>,
    /// What was done.
    pub action: String,
    /// To what kind of object.
    pub object_kind: String,
    /// To which.
    pub object_id: String,
    /// In which region.
    pub region_id: Option<RegionId>,
    /// The shape of the body.
    pub body_version: i64,
    /// What was sealed.
    pub body: Vec<u8>,
    /// Its hash.
    pub leaf: Vec<u8>,
    /// The chain up to here.
    pub chain: Vec<u8>,
}

pub(super) const COLUMNS: &str =
    "seq, id, at, actor_kind, actor_id, action, object_kind, object_id, region_id, body_version, body, leaf, chain";

/// Which events: every field narrows.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// Before this number, for paging towards the past.
    pub before: Option<i64>,
    /// After this number, for paging back towards the present.
    pub after: Option<i64>,
    /// By this person.
    pub person: Option<UserId>,
    /// Of this action, or of those that begin with it and a point.
    pub action: Option<String>,
    /// About this kind of object.
    pub object_kind: Option<String>,
    /// About this object.
    pub object_id: Option<String>,
    /// From this moment.
    pub from: Option<Instant>,
    /// Before this moment.
    pub until: Option<Instant>,
}

/// Events in scope, newest first: the ones nearest to `before` or `after`. What belongs to no region is seen only with the whole organisation in scope.
pub async fn list(reader: &mut impl Reader, scope: &Scope, wanted: &Wanted, most: i64) -> Result<Vec<Kept>, DbError> {
    let mut sql = Sql::default();
    sql.push("SELECT ").push(COLUMNS).push(" FROM audit_event WHERE ");
    in_scope(&mut sql, "region_id", scope);
    if let Some(before) = wanted.before {
        sql.push(" AND seq < ").push_bind(before);
    }
    if let Some(after) = wanted.after {
        sql.push(" AND seq > ").push_bind(after);
    }
    if let Some(person) = wanted.person {
        sql.push(" AND actor_id = ").push_bind(person);
    }
    if let Some(action) = &wanted.action {
        sql.push(" AND (action = ").push_bind(action.clone());
        sql.push(" OR (action >= ").push_bind(format!("{action}."));
        sql.push(" AND action < ").push_bind(format!("{action}/")).push("))");
    }
    if let Some(kind) = &wanted.object_kind {
        sql.push(" AND object_kind = ").push_bind(kind.clone());
    }
    if let Some(object) = &wanted.object_id {
        sql.push(" AND object_id = ").push_bind(object.clone());
    }
    if let Some(from) = wanted.from {
        sql.push(" AND at >= ").push_bind(from);
    }
    if let Some(until) = wanted.until {
        sql.push(" AND at < ").push_bind(until);
    }
    let back = wanted.after.is_some();
    sql.push(if back { " ORDER BY seq ASC LIMIT " } else { " ORDER BY seq DESC LIMIT " }).push_number(most);
    let mut events = reader.all(sql).await?;
    if back {
        events.reverse();
    }
    Ok(events)
}

/// The chain value of one event, whatever it is about: what the next link is computed from. `None` where there is no such number.
pub async fn chain_at(reader: &mut impl Reader, seq: i64) -> Result<Option<Vec<u8>>, DbError> {
    let row: Option<(Vec<u8>,)> = reader.one(Sql::new("SELECT chain FROM audit_event WHERE seq = $1").bind(seq)).await?;
    Ok(row.map(|row| row.0))
}

/// One event in scope.
pub async fn find(reader: &mut impl Reader, scope: &Scope, id: EventId) -> Result<Option<Kept>, DbError> {
    let mut sql = Sql::default();
    sql.push("SELECT ").push(COLUMNS).push(" FROM audit_event WHERE ");
    // As a value, beside the id: no index is looked up by it.
    in_scope(&mut sql, "coalesce(region_id, region_id)", scope);
    sql.push(" AND id = ").push_bind(id);
    reader.one(sql).await
}

fn in_scope(sql: &mut Sql, region: &'static str, scope: &Scope) {
    sql.push("(").push(region).push(" IN (").push_list(scope.regions()).push(")");
    if scope.is_whole() {
        sql.push(" OR region_id IS NULL");
    }
    sql.push(")");
}

/// The next events after `seq`, in order: for walking the chain.
pub async fn after(reader: &mut impl Reader, seq: i64, most: i64) -> Result<Vec<Kept>, DbError> {
    let mut sql = Sql::default();
    sql.push("SELECT ").push(COLUMNS).push(" FROM audit_event WHERE seq > ").push_bind(seq);
    sql.push(" ORDER BY seq LIMIT ").push_number(most);
    reader.all(sql).await
}

/// Where the chain is said to stand, without a lock.
pub async fn stated_head(reader: &mut impl Reader) -> Result<Option<Head>, DbError> {
    reader.one(Sql::new("SELECT log_id, seq, chain FROM audit_head WHERE one = 1")).await
}

/// Whether there is an event with a number below 1: numbers begin there.
pub async fn before_first(reader: &mut impl Reader) -> Result<bool, DbError> {
    let row: Option<(i64,)> = reader.one(Sql::new("SELECT seq FROM audit_event WHERE seq < 1 LIMIT 1")).await?;
    Ok(row.is_some())
}
