//! Letters that wait to be mailed, and what became of them.

use super::db::{Reader, Sql};
use super::failure::{DbError, Failure};
use super::writer::WriteTx;
use crate::domain::id::{ApprovalId, LetterId, ReviewId, UserId};
use crate::domain::letter::Letter;
use crate::domain::time::Instant;

/// A letter whose turn it is.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct Waiting {
    /// Its id.
    pub id: LetterId,
    /// What it is about, as a code of [`Letter`].
    pub kind: String,
    /// Whom it is for.
    pub person_id: UserId,
    /// How often it was tried, this time among them.
    pub tries: i64,
    /// When that was which it is about.
    pub created_at: Instant,
    /// The request for approval that it is about.
    pub approval_id: Option<ApprovalId>,
    /// The access review that it is about.
    pub review_id: Option<ReviewId>,
}

/// What a letter is about that has a page of its own.
#[derive(Clone, Copy, Debug)]
pub enum Matter {
    /// A request for approval.
    Approval(ApprovalId),
    /// An access review.
    Review(ReviewId),
}

/// Puts a letter into the queue.
pub async fn insert(tx: &mut WriteTx<'_>, about: Letter, person: UserId) -> Result<(), Failure> {
    insert_about(tx, about, person, None).await
}

/// The same, about something that it leads to.
pub async fn insert_about(tx: &mut WriteTx<'_>, about: Letter, person: UserId, matter: Option<Matter>) -> Result<(), Failure> {
    let (id, now) = (LetterId(tx.new_id()), tx.now);
    let (request, review) = match matter {
        Some(Matter::Approval(id)) => (Some(id), None),
        Some(Matter::Review(id)) => (None, Some(id)),
        None => (None, None),
    };
    let sql = Sql::new(
        "INSERT INTO mail (id, kind, person_id, state, created_at, next_try_at, approval_id, review_id) \
         VALUES ($1, $2, $3, 'waiting', $4, $4, $5, $6)",
    );
    tx.exec_one(sql.bind(id).bind(about.code()).bind(person).bind(now).bind(request).bind(review)).await
}

/// Whether a letter with a link waits for a person.
pub async fn waits(reader: &mut impl Reader, person: UserId) -> Result<bool, DbError> {
    let sql = Sql::new("SELECT count(*) FROM mail WHERE person_id = $1 AND state = 'waiting' AND kind IN ('invitation', 'reset')");
    Ok(reader.one::<(i64,)>(sql.bind(person)).await?.is_some_and(|row| row.0 > 0))
}

/// Whether a person was told of something, or is about to be, since a moment.
pub async fn was_told(reader: &mut impl Reader, person: UserId, about: Letter, since: Instant) -> Result<bool, DbError> {
    let sql = Sql::new("SELECT count(*) FROM mail WHERE person_id = $1 AND kind = $2 AND created_at > $3");
    Ok(reader.one::<(i64,)>(sql.bind(person).bind(about.code()).bind(since)).await?.is_some_and(|row| row.0 > 0))
}

/// Takes the next letter whose time has come. It is nobody else's until `lease` seconds have passed, after which whoever took it has stopped.
pub async fn claim(tx: &mut WriteTx<'_>, lease: i64) -> Result<Option<Waiting>, Failure> {
    let now = tx.now;
    let sql = Sql::new("SELECT id FROM mail WHERE state = 'waiting' AND next_try_at <= $1 ORDER BY next_try_at, id LIMIT 1");
    let Some((id,)) = tx.one::<(LetterId,)>(sql.bind(now)).await? else { return Ok(None) };
    let sql = Sql::new(
        "UPDATE mail SET tries = tries + 1, next_try_at = $2 WHERE id = $1 \
         RETURNING id, kind, person_id, tries, created_at, approval_id, review_id",
    );
    Ok(tx.exec_returning(sql.bind(id).bind(now.plus_seconds(lease))).await?)
}

/// Notes that a letter was taken by the mail server, or that it is given up (`sent` or `given_up`), and why.
pub async fn end(tx: &mut WriteTx<'_>, id: LetterId, state: &'static str, fault: &str) -> Result<(), Failure> {
    let now = tx.now;
    let sql = Sql::new("UPDATE mail SET state = $2, ended_at = $3, fault = $4 WHERE id = $1 AND state = 'waiting'");
    tx.exec(sql.bind(id).bind(state).bind(now).bind(fault.to_owned())).await?;
    Ok(())
}

/// Notes why a letter was not taken, and when it is tried again.
pub async fn put_off(tx: &mut WriteTx<'_>, id: LetterId, until: Instant, fault: &str) -> Result<(), Failure> {
    let sql = Sql::new("UPDATE mail SET next_try_at = $2, fault = $3 WHERE id = $1 AND state = 'waiting'");
    tx.exec(sql.bind(id).bind(until).bind(fault.to_owned())).await?;
    Ok(())
}

/// Removes what ended before `before`: it tells who was invited when, which the audit trail tells as well. And letters without a link that nobody
/// has sent since `news`: where no mail is set, they wait for nobody.
pub async fn delete_old(tx: &mut WriteTx<'_>, before: Instant, news: Instant) -> Result<u64, Failure> {
    let sql =
        Sql::new("DELETE FROM mail WHERE ended_at < $1 OR (state = 'waiting' AND created_at < $2 AND kind NOT IN ('invitation', 'reset'))");
    Ok(tx.exec(sql.bind(before).bind(news)).await?)
}
