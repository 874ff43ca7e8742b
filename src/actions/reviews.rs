//! Access reviews: a campaign over the grants in force of a region. Each is kept or revoked, with a reason, by a reviewer who does not hold it; a
//! grant that is revoked ends there and then. A campaign that is closed stays as it is.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::people::end_within;
use super::review_letters;
use super::step_up::{self, Act};
use crate::domain::access::{Access, Actor, Permission, Scope};
use crate::domain::audit::Event;
use crate::domain::id::{GrantId, RegionId, ReviewId, UserId};
use crate::domain::refusal::Refusal;
use crate::domain::role::AnyRole;
use crate::domain::text::line;
use crate::domain::time::{Day, Instant};
use crate::store::db::Reader;
use crate::store::failure::{DbError, Failure};
use crate::store::people::Grant;
use crate::store::reviews::{self, Item, NewReview, Review};
use crate::store::writer::{Intent, WriteTx};
use crate::store::{Store, access, people, regions};

/// The most characters of a reason.
pub const REASON_MOST: usize = 500;
/// The longest time that a campaign may take, in days.
pub const DAYS_MOST: i64 = 180;

/// A campaign to open.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Campaign {
    /// What it is called.
    pub name: String,
    /// The region, with everything below it.
    pub region: RegionId,
    /// The roles; none for all.
    pub roles: Vec<AnyRole>,
    /// Who reviews.
    pub reviewers: Vec<UserId>,
    /// The last day to decide.
    pub due_on: Day,
}

/// The name of a campaign, trimmed, when it can be one.
fn name(text: &str) -> Result<String, Refusal> {
    if text.trim().is_empty() {
        return Err(Refusal::Required("name", "Enter a name"));
    }
    line("name", "a name", text, 120)
}

/// Who may review something in this region: active people who see who holds what there.
pub async fn can_review(reader: &mut impl Reader, scope: &Scope, now: Instant) -> Result<Vec<people::Person>, Failure> {
    let mut all = people::list(reader, scope).await?;
    all.retain(|person| person.status == "active");
    let ids: Vec<UserId> = all.iter().map(|person| person.id).collect();
    let held = access::held(reader, &ids, now).await?;
    all.retain(|person| held.get(&person.id).is_some_and(|access| access.has(Permission::PeopleRead)));
    Ok(all)
}

/// The grants in force that a campaign is about.
async fn grants(reader: &mut impl Reader, campaign: &Campaign, scope: &Scope, now: Instant) -> Result<Vec<Grant>, Failure> {
    let below = regions::subtree(reader, campaign.region).await?;
    let mut grants = people::grants(reader, &scope.narrowed(&below), None, now).await?;
    grants.retain(|grant| campaign.roles.is_empty() || grant.which().is_some_and(|role| campaign.roles.contains(&role)));
    Ok(grants)
}

/// Refuses a campaign in which a grant could be decided on by nobody.
async fn everyone_is_seen(tx: &mut WriteTx<'_>, campaign: &Campaign, grants: &[Grant]) -> Result<(), Failure> {
    let now = tx.now;
    let held = access::held(tx, &campaign.reviewers, now).await?;
    let sees = |reviewer: &UserId, grant: &Grant| {
        *reviewer != grant.person_id && held.get(reviewer).is_some_and(|access| access.may(Permission::PeopleRead, grant.region_id))
    };
    let left = grants.iter().find(|grant| !campaign.reviewers.iter().any(|reviewer| sees(reviewer, grant)));
    let Some(left) = left else { return Ok(()) };
    let names = people::names(tx, &[left.person_id]).await?;
    let name = names.get(&left.person_id).map_or("somebody", String::as_str);
    let words = format!(
        "Nobody of these could decide on the role {} of {name} in {}: name somebody else who sees people there",
        left.role_label(),
        left.region_name
    );
    Err(Refusal::Invalid("reviewers", words).into())
}

/// Opens a campaign: the grants that are in force now are frozen into it.
pub async fn open(store: &Store, actor: Actor, key: &str, campaign: Campaign) -> Result<ReviewId, Failure> {
    let called = name(&campaign.name)?;
    store
        .write(Intent::keyed(actor, "access_review.open", key, &campaign), move |tx| {
            let (campaign, called) = (campaign.clone(), called.clone());
            Box::pin(async move {
                tx.require_everywhere(Permission::PeopleManage)?;
                let (now, today) = (tx.now, tx.now.day(chrono_tz::UTC));
                if campaign.due_on < today || campaign.due_on.0 > today.0 + DAYS_MOST {
                    let words = format!("Enter a day from today on, within {DAYS_MOST} days");
                    return Err(Refusal::Invalid("due_on", words).into());
                }
                let root = regions::root(tx).await?.ok_or(Refusal::NotFound)?;
                let everywhere = Scope::of(regions::subtree(tx, root.id).await?, true);
                if !everywhere.covers(campaign.region) {
                    return Err(Refusal::Invalid("region", "Choose a region".to_owned()).into());
                }
                let able: BTreeSet<UserId> = can_review(tx, &everywhere, now).await?.into_iter().map(|person| person.id).collect();
                let reviewers: BTreeSet<UserId> = campaign.reviewers.iter().copied().collect();
                if reviewers.is_empty() || !reviewers.is_subset(&able) {
                    return Err(Refusal::Invalid("reviewers", "Choose at least one reviewer of those who see people".to_owned()).into());
                }
                let grants = grants(tx, &campaign, &everywhere, now).await?;
                if grants.is_empty() {
                    return Err(Refusal::Invalid("region", "Nobody holds such a role there: there is nothing to review".to_owned()).into());
                }
                everyone_is_seen(tx, &campaign, &grants).await?;
                step_up::require(tx, Act::Rights).await?;
                let id = ReviewId(tx.new_id());
                let roles = campaign.roles.iter().map(|role| role.code()).collect::<Vec<_>>().join(",");
                let new = NewReview { id, name: &called, region: campaign.region, roles: &roles, due_on: campaign.due_on };
                let reviewers: Vec<UserId> = reviewers.into_iter().collect();
                reviews::insert(tx, &new, &reviewers, &grants).await?;
                let after = json!({
                    "name": called, "roles": roles, "due_on": campaign.due_on.iso(), "grants": grants.len(),
                    "reviewers": reviewers.iter().map(ToString::to_string).collect::<Vec<_>>(),
                });
                let event = Event::new("access_review.opened", "access_review", id, Some(campaign.region));
                tx.record(event.change(Value::Null, after));
                review_letters::opened(tx, id, &reviewers).await?;
                Ok(id)
            })
        })
        .await
}

/// Why somebody may not decide on a grant of a campaign; `None` where she may.
pub fn why_not(review: &Review, reviewers: &[UserId], item: &Item, (person, access): (UserId, &Access), now: Instant) -> Option<Refusal> {
    let state = |words: &str| Some(Refusal::State(words.to_owned()));
    if !access.may(Permission::PeopleRead, item.region_id) {
        return Some(Refusal::NotFound);
    }
    if !reviewers.contains(&person) {
        return state("You are not one of the reviewers of this campaign");
    }
    if item.person_id == person {
        return state("Nobody reviews a role of her own: another reviewer decides on this one");
    }
    if !review.is_open() {
        return state("This campaign is closed: nothing more is decided in it");
    }
    if item.keeps.is_some() {
        return Some(Refusal::AlreadyDone("This role was decided on already".to_owned()));
    }
    item.is_gone(now).then(|| Refusal::State("This role has ended since the campaign was opened".to_owned()))
}

/// How many roles wait for somebody's decision, with the campaign where they are all in one; she holds `access`.
pub async fn worklist(
    reader: &mut impl Reader,
    person: UserId,
    access: &Access,
    now: Instant,
) -> Result<(usize, Option<ReviewId>), DbError> {
    let scope = access.scope(Permission::PeopleRead);
    if scope.is_empty() {
        return Ok((0, None));
    }
    let items = reviews::items_open(reader, &scope, person).await?;
    let (mut count, mut found) = (0, BTreeSet::new());
    for item in items.iter().filter(|item| item.waits(now) && item.person_id != person) {
        count += 1;
        found.insert(item.review_id);
    }
    Ok((count, found.first().copied().filter(|_| found.len() == 1)))
}

/// Decides on one grant; one that is revoked ends at once.
pub async fn decide(
    store: &Store,
    actor: Actor,
    key: &str,
    (review, grant): (ReviewId, GrantId),
    keeps: bool,
    reason: &str,
) -> Result<Item, Failure> {
    if reason.trim().is_empty() {
        return Err(Refusal::Required("reason", "Say why").into());
    }
    let reason = line("reason", "a reason", reason, REASON_MOST)?;
    let done = store
        .write(Intent::keyed(actor, "access_review.decide", key, &(review, grant, keeps, &reason)), move |tx| {
            let reason = reason.clone();
            Box::pin(async move {
                let (access, now) = (tx.access(), tx.now);
                // The system itself reviews nothing: somebody has to answer for it.
                let person = tx.actor().person().ok_or(Refusal::Forbidden(Permission::PeopleRead))?;
                let scope = access.scope(Permission::PeopleRead);
                let known = reviews::find(tx, &scope, review).await?.ok_or(Refusal::NotFound)?;
                let reviewers = reviews::reviewers(tx, review).await?;
                let items = reviews::items(tx, &scope, Some(review)).await?;
                let item = items.into_iter().find(|item| item.grant_id == grant).ok_or(Refusal::NotFound)?;
                if let Some(refusal) = why_not(&known, &reviewers, &item, (person, &access), now) {
                    return Err(refusal.into());
                }
                if !keeps {
                    step_up::require(tx, Act::Rights).await?;
                }
                reviews::decide(tx, &item, person, keeps, &reason).await?;
                let action = if keeps { "access_review.kept" } else { "access_review.revoked" };
                let detail = json!({
                    "grant": grant.to_string(), "person": item.person_id.to_string(), "role": item.role, "reason": reason,
                });
                tx.record(Event::new(action, "access_review", review, Some(item.region_id)).detail(detail));
                if !keeps {
                    let held = people::grants(tx, &scope, Some(item.person_id), now).await?;
                    let held = held.into_iter().find(|held| held.id == grant).ok_or(Refusal::Stale)?;
                    end_within(tx, &held, Some(review)).await?;
                }
                Ok((item.person_id, item.region_id))
            })
        })
        .await?;
    let mut read = store.read().await?;
    let items = reviews::items(&mut read, &Scope::of([done.1], false), Some(review)).await?;
    Ok(items.into_iter().find(|item| item.grant_id == grant).ok_or(Refusal::NotFound)?)
}

/// Closes a campaign. Where grants were left without a decision it has to be said why.
pub async fn close(store: &Store, actor: Actor, key: &str, id: ReviewId, because: &str) -> Result<(), Failure> {
    let because = line("because", "a reason", because, REASON_MOST)?;
    store
        .write(Intent::keyed(actor, "access_review.close", key, &(id, &because)), move |tx| {
            let because = because.clone();
            Box::pin(async move {
                let (access, now) = (tx.access(), tx.now);
                let scope = access.scope(Permission::PeopleRead);
                let review = reviews::find(tx, &scope, id).await?.ok_or(Refusal::NotFound)?;
                tx.require_everywhere(Permission::PeopleManage)?;
                if !review.is_open() {
                    return Err(Refusal::AlreadyDone("This campaign is closed already".to_owned()).into());
                }
                let items = reviews::items(tx, &scope, Some(id)).await?;
                let waiting = items.iter().filter(|item| item.waits(now)).count();
                if waiting > 0 && because.is_empty() {
                    return Err(Refusal::Required("because", "Say why it is closed although roles were not decided on").into());
                }
                reviews::end(tx, id, &because).await?;
                let count = |keeps: i64| items.iter().filter(|item| item.keeps == Some(keeps)).count();
                let after = json!({ "kept": count(1), "revoked": count(0), "not_decided": waiting, "because": because });
                let event = Event::new("access_review.closed", "access_review", id, Some(review.region_id));
                tx.record(event.change(Value::Null, after));
                Ok(())
            })
        })
        .await
}
