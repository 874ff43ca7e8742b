//! Letters about access reviews, to those who review: that one was opened. A letter names nobody but her whom it is for, and decides nothing.

use super::reviews::why_not;
use crate::domain::access::Permission;
use crate::domain::id::{ReviewId, UserId};
use crate::domain::letter::Letter;
use crate::store::failure::Failure;
use crate::store::mail::{self, Matter};
use crate::store::writer::WriteTx;
use crate::store::{access, people, reviews};

/// Queues a letter for each reviewer who wants to know.
pub(super) async fn opened(tx: &mut WriteTx<'_>, review: ReviewId, reviewers: &[UserId]) -> Result<(), Failure> {
    for person in reviewers {
        if people::wants_approval_letters(tx, *person).await? {
            mail::insert_about(tx, Letter::ReviewOpened, *person, Some(Matter::Review(review))).await?;
        }
    }
    Ok(())
}

/// What a letter says, as the review stands when it is sent, or why it is not sent any more.
pub(super) async fn words(tx: &mut WriteTx<'_>, person: UserId, id: ReviewId) -> Result<Result<String, &'static str>, Failure> {
    let now = tx.now;
    let held = access::of_person(tx, person, now).await?;
    let scope = held.scope(Permission::PeopleRead);
    let Some(review) = reviews::find(tx, &scope, id).await? else { return Ok(Err("she does not see the review any more")) };
    let (reviewers, items) = (reviews::reviewers(tx, id).await?, reviews::items(tx, &scope, Some(id)).await?);
    let count = items.iter().filter(|item| why_not(&review, &reviewers, item, (person, &held), now).is_none()).count();
    if count == 0 {
        return Ok(Err("nothing waits for her in it"));
    }
    let what = if count == 1 { "1 role waits".to_owned() } else { format!("{count} roles wait") };
    let due = review.due_on.iso();
    Ok(Ok(format!("an access review was opened, and you are one of its reviewers.\n\n{what} for your decision until {due}.")))
}
