//! Letters about requests for approval: to those who may decide when one begins to wait, and to whoever asked when it is over. A letter leads to the
//! request and decides nothing; it holds no amount and nobody's name but hers whom it is for.

use std::collections::BTreeSet;

use serde_json::json;

use super::approval_rights::Standing;
use crate::domain::access::{Actor, Permission};
use crate::domain::approval::Status;
use crate::domain::audit::Event;
use crate::domain::id::{ApprovalId, PostingId, RegionId, UserId};
use crate::domain::letter::Letter;
use crate::domain::refusal::Refusal;
use crate::store::approvals::{About, Approval};
use crate::store::db::Reader;
use crate::store::failure::Failure;
use crate::store::mail::Matter;
use crate::store::writer::{Intent, WriteTx};
use crate::store::{Store, access, approval_policies, approvals, mail, people};

/// The most people who are written to about one request.
const WRITTEN_TO_MOST: usize = 50;

/// Whether somebody may decide on a request as it stands.
async fn may(reader: &mut impl Reader, person: UserId, row: &Approval, now: crate::domain::time::Instant) -> Result<bool, Failure> {
    let held = access::of_person(reader, person, now).await?;
    let (about, decisions) = (approvals::about(reader, &[row.id]).await?, approvals::decisions(reader, &[row.id]).await?);
    Ok(Standing::of(reader, person, &held, now).await?.right_on(row, &about, &decisions).is_ok())
}

/// Queues a letter for each of those who may decide, by her own right or one that was lent to her, and wants to know.
pub(super) async fn waits(tx: &mut WriteTx<'_>, row: &Approval, about: &[About]) -> Result<(), Failure> {
    let (now, today) = (tx.now, tx.now.day(chrono_tz::UTC));
    let regions: BTreeSet<RegionId> = about.iter().map(|about| about.region_id).collect();
    let mut could: BTreeSet<UserId> = BTreeSet::new();
    for (holder, _) in approval_policies::holders(tx, Permission::ApprovalsDecide, &regions, row.requester_id, today).await? {
        could.insert(holder);
        let lent = approval_policies::delegations(tx, holder, today).await?;
        could.extend(lent.into_iter().filter(|loan| loan.from_id == holder && loan.starts_on <= today).map(|loan| loan.to_id));
    }
    let mut written = 0;
    for person in could {
        if written < WRITTEN_TO_MOST && people::wants_approval_letters(tx, person).await? && may(tx, person, row, now).await? {
            mail::insert_about(tx, Letter::ApprovalWaits, person, Some(Matter::Approval(row.id))).await?;
            written += 1;
        }
    }
    Ok(())
}

/// Ends a request, and queues a letter to whoever asked: it is over, and she did not end it herself.
pub(super) async fn end(tx: &mut WriteTx<'_>, row: &Approval, to: Status, because: &str, done: Option<PostingId>) -> Result<(), Failure> {
    approvals::end(tx, row.id, to, because, done).await?;
    if people::wants_approval_letters(tx, row.requester_id).await? {
        mail::insert_about(tx, Letter::ApprovalDecided, row.requester_id, Some(Matter::Approval(row.id))).await?;
    }
    Ok(())
}

/// What a letter says of its request, as it stands when the letter is sent: its words, or why it is not sent any more.
pub(super) async fn words(
    tx: &mut WriteTx<'_>,
    about: Letter,
    person: UserId,
    id: ApprovalId,
) -> Result<Result<String, &'static str>, Failure> {
    let (row, now) = (approvals::get(tx, id).await?, tx.now);
    let what = format!("{}: {}", row.reference(), row.matter()?.one());
    let status = row.status()?;
    if about == Letter::ApprovalDecided {
        return Ok(Ok(format!("what you asked for is decided.\n\n{what}\n{}", status.label())));
    }
    if status != Status::Pending || row.expires_at <= now {
        return Ok(Err("the request is over"));
    }
    if !may(tx, person, &row, now).await? {
        return Ok(Err("she does not decide on it any more"));
    }
    let until = row.expires_at.iso();
    let until = until.split('T').next().unwrap_or_default();
    Ok(Ok(format!("a request waits for approval, and you are one of those who may decide.\n\n{what}\nIt waits until {until}.")))
}

/// Says whether somebody wants letters about requests.
pub async fn want(store: &Store, actor: Actor, wanted: bool) -> Result<(), Failure> {
    store
        .write(Intent::once(actor, "approval.letters"), move |tx| {
            Box::pin(async move {
                let person = tx.actor().person().ok_or(Refusal::Forbidden(Permission::ApprovalsDecide))?;
                let before = people::wants_approval_letters(tx, person).await?;
                people::want_approval_letters(tx, person, wanted).await?;
                let event = Event::new("person.approval_letters", "person", person, None);
                tx.record(event.change(json!({ "wanted": before }), json!({ "wanted": wanted })));
                Ok(())
            })
        })
        .await
}
