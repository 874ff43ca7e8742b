//! Reports about people: reviews of their roles, leavers, duties that collide, accounts, roles.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::events::said;
use super::{Answer, Asked, Heads, Line, Names, Value};
use crate::domain::access::{Access, Granted, Permission};
use crate::domain::duties;
use crate::domain::id::{RegionId, UserId};
use crate::domain::role::{AnyRole, Definition};
use crate::domain::time::{Day, Instant};
use crate::store::evidence::{self, GrantSpan};
use crate::store::failure::DbError;
use crate::store::heard::Heard;
use crate::store::people::{self, Person};
use crate::store::regions::{self, Region};
use crate::store::reviews::{self, Item};
use crate::store::{access, roles as kept_roles};

/// Days without a sign-in after which an account is called dormant.
const DORMANT_DAYS: i64 = 45;

/// The people that the question is about.
async fn asked_about(heard: &mut Heard, asked: &Asked<'_>) -> Result<Vec<Person>, DbError> {
    let mut all = people::list(heard, &asked.scope).await?;
    all.retain(|person| asked.question.person.is_none_or(|wanted| person.id == wanted));
    Ok(all)
}

const REVIEWS: Heads = &[
    ("Campaign", "review"),
    ("Person", "person"),
    ("Role", "role"),
    ("Region", "region"),
    ("Given", "granted_at"),
    ("Decision", "decision"),
    ("Reviewer", "reviewer"),
    ("Decided", "decided_at"),
    ("Reason", "reason"),
    ("Role ended", "ended_at"),
    ("Opened", "opened_at"),
    ("Due", "due_on"),
    ("Closed", "closed_at"),
    ("Grant id", "grant_id"),
];

/// What became of a role in a campaign.
pub fn decision(item: &Item, open: bool, now: Instant) -> &'static str {
    match (item.keeps, item.is_gone(now), open) {
        (Some(1), ..) => "Kept",
        (Some(_), ..) => "Revoked",
        (None, true, _) => "Ended meanwhile",
        (None, false, true) => "Waiting",
        (None, false, false) => "Not decided",
    }
}

/// Reviews with each role in them.
pub(super) async fn reviews(heard: &mut Heard, asked: &Asked<'_>) -> Result<Answer, DbError> {
    let (from, until) = asked.period();
    let wanted = asked.question.review;
    let mut campaigns = reviews::list(heard, &asked.scope).await?;
    campaigns.retain(|review| wanted.map_or(review.opened_at >= from && review.opened_at < until, |wanted| review.id == wanted));
    let mut items = reviews::items(heard, &asked.scope, wanted).await?;
    items.retain(|item| asked.question.person.is_none_or(|person| item.person_id == person || item.reviewer_id == Some(person)));
    let ids = items.iter().flat_map(|item| [Some(item.person_id), item.reviewer_id]).flatten();
    let names = Names::of(heard, &asked.scope, ids).await?;
    let mut lines = Vec::new();
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for review in &campaigns {
        for item in items.iter().filter(|item| item.review_id == review.id) {
            let decided = decision(item, review.is_open(), asked.now);
            *counts.entry(decided).or_default() += 1;
            let cells = vec![
                Value::text(review.name.clone()),
                names.person(Some(item.person_id)),
                Value::text(item.role_name.clone()),
                names.region(Some(item.region_id)),
                Value::At(item.granted_at),
                Value::text(decided),
                item.reviewer_id.map_or(Value::Nothing, |id| names.person(Some(id))),
                Value::maybe_at(item.decided_at),
                Value::text(item.reason.clone().unwrap_or_default()),
                Value::maybe_at(item.grant_ended_at),
                Value::At(review.opened_at),
                Value::Day(review.due_on),
                Value::maybe_at(review.ended_at),
                Value::text(item.grant_id.to_string()),
            ];
            lines.push(Line { region: Some(item.region_id), href: format!("/evidence/reviews/{}", review.id), cells });
        }
    }
    let late = campaigns.iter().filter(|review| review.is_open() && review.due_on < asked.now.day(chrono_tz::UTC)).count();
    let mut figures = vec![("Campaigns", campaigns.len().to_string()), ("Overdue", late.to_string())];
    figures.extend(counts.into_iter().map(|(decided, count)| (decided, count.to_string())));
    Ok(Answer { heads: REVIEWS, lines, figures })
}

const LEAVERS: Heads = &[
    ("Person", "person"),
    ("Suspended", "suspended_at"),
    ("By", "suspended_by"),
    ("Sessions ended with it", "sessions_ended"),
    ("Sessions now", "sessions_now"),
    ("Minutes to the last session", "minutes_to_last_session"),
    ("Roles then", "roles_then"),
    ("Roles not ended yet", "roles_left"),
    ("Minutes to the last role", "minutes_to_last_role"),
    ("Did afterwards", "events_afterwards"),
    ("Account now", "status"),
    ("Event", "seq"),
];

/// A suspension, and what followed.
struct Gone {
    seq: i64,
    at: Instant,
    by: Option<UserId>,
    ended: Option<i64>,
    /// The event with which she was let in again.
    back: Option<i64>,
}

fn minutes(from: Instant, to: Instant) -> i64 {
    (to.0 - from.0).max(0) / 60_000_000
}

/// The last suspension of each of these people in the period.
async fn suspended(heard: &mut Heard, asked: &Asked<'_>, all: &[Person]) -> Result<HashMap<UserId, Gone>, DbError> {
    let (from, until) = asked.period();
    let ids: Vec<UserId> = all.iter().map(|person| person.id).collect();
    let mut gone: HashMap<UserId, Gone> = HashMap::new();
    for (seq, at, by, action, object, body) in evidence::suspensions(heard, &ids, asked.now.max(until)).await? {
        let Some(person) = UserId::parse(&object) else { continue };
        if action == "person.suspended" {
            let body: serde_json::Value = serde_json::from_slice(&body).unwrap_or_default();
            let ended = said(&body["detail"]["sessions_ended"]).parse().ok();
            gone.insert(person, Gone { seq, at, by, ended, back: None });
        } else if let Some(gone) = gone.get_mut(&person) {
            gone.back = Some(seq);
        }
    }
    gone.retain(|_, gone| gone.at >= from && gone.at < until);
    Ok(gone)
}

/// Of the roles held at a moment: how many, how many have not ended, minutes to the last end where all have.
fn roles_after(spans: &[GrantSpan], person: UserId, at: Instant, now: Instant) -> (i64, i64, Option<i64>) {
    let over = |span: &GrantSpan| {
        let lapsed = span.3.map(|day| Day(day.0 + 1).start(chrono_tz::UTC)).filter(|end| *end <= now);
        span.4.or(lapsed)
    };
    let then: Vec<Option<Instant>> =
        spans.iter().filter(|span| span.0 == person && span.2 <= at).map(over).filter(|end| end.is_none_or(|end| end >= at)).collect();
    let left = then.iter().filter(|end| end.is_none()).count() as i64;
    let last = then.iter().flatten().max().map(|end| minutes(at, *end));
    (then.len() as i64, left, if left > 0 { None } else { Some(last.unwrap_or(0)) })
}

/// Everybody who was suspended.
pub(super) async fn leavers(heard: &mut Heard, asked: &Asked<'_>) -> Result<Answer, DbError> {
    let all = asked_about(heard, asked).await?;
    let gone = suspended(heard, asked, &all).await?;
    let ids: Vec<UserId> = gone.keys().copied().collect();
    let sessions: HashMap<UserId, i64> = evidence::sessions(heard, &ids, asked.now).await?.into_iter().collect();
    let ends: Vec<(UserId, i64, i64)> = gone.iter().map(|(id, gone)| (*id, gone.seq, gone.back.unwrap_or(i64::MAX))).collect();
    let acts: HashMap<UserId, i64> = evidence::acts(heard, &ends).await?.into_iter().collect();
    let spans = evidence::grants_of(heard, &asked.scope, &ids).await?;
    let names = Names::of(heard, &asked.scope, gone.values().filter_map(|gone| gone.by)).await?;
    let (mut lines, mut worst, mut still) = (Vec::new(), 0i64, 0usize);
    for person in all {
        let Some(gone) = gone.get(&person.id) else { continue };
        let open = if gone.back.is_some() { 0 } else { sessions.get(&person.id).copied().unwrap_or(0) };
        // Sessions end in the transaction of the suspension; one that is there in spite of that has lasted until now.
        let lasted = if open == 0 { 0 } else { minutes(gone.at, asked.now) };
        worst = worst.max(lasted);
        still += usize::from(open > 0);
        let (then, left, last) = roles_after(&spans, person.id, gone.at, asked.now);
        let cells = vec![
            Value::text(person.name),
            Value::At(gone.at),
            names.person(gone.by),
            Value::maybe_number(gone.ended),
            Value::Number(open),
            Value::Number(lasted),
            Value::Number(then),
            Value::Number(left),
            Value::maybe_number(last),
            Value::Number(acts.get(&person.id).copied().unwrap_or(0)),
            Value::text(if gone.back.is_some() { "let in again".to_owned() } else { person.status }),
            Value::Number(gone.seq),
        ];
        lines.push(Line { region: None, href: format!("/people/{}", person.id), cells });
    }
    let figures = vec![
        ("People suspended", lines.len().to_string()),
        ("Longest time to the last session", format!("{worst} minutes")),
        ("With a session still", still.to_string()),
        ("Keys", "This portal gives out no keys for programs".to_owned()),
        ("Roles", "A suspended account may do nothing, whatever roles it is left with".to_owned()),
    ];
    Ok(Answer { heads: LEAVERS, lines, figures })
}

const DUTIES: Heads = &[
    ("Person", "person"),
    ("Collision", "rule"),
    ("The one", "one"),
    ("By", "one_grants"),
    ("The other", "other"),
    ("By", "other_grants"),
    ("Regions", "regions"),
    ("Risk", "risk"),
    ("Against it", "against"),
];

/// Who breaks which rule.
pub(super) async fn duties(heard: &mut Heard, asked: &Asked<'_>) -> Result<Answer, DbError> {
    let mut all = asked_about(heard, asked).await?;
    all.retain(|person| person.status == "active");
    let ids: Vec<UserId> = all.iter().map(|person| person.id).collect();
    let held = access::held(heard, &ids, asked.now).await?;
    let names = Names::of(heard, &asked.scope, []).await?;
    let tree = regions::list(heard.beside(), &asked.scope).await?;
    let mut lines = Vec::new();
    let mut counts: BTreeMap<&'static str, usize> = BTreeMap::new();
    for person in &all {
        let Some(access) = held.get(&person.id) else { continue };
        // A role that was given elsewhere is neither counted nor named, whatever it covers.
        let access = Access::of(access.grants().iter().filter(|grant| asked.scope.covers(grant.region)).cloned().collect());
        for found in duties::collisions(&access) {
            *counts.entry(found.rule.label).or_default() += 1;
            let by = |grants: &[&Granted]| {
                let one = |grant: &&Granted| format!("{}, {}", grant.label, names.regions.get(&grant.region).map_or("", String::as_str));
                Value::text(grants.iter().map(one).collect::<Vec<_>>().join("; "))
            };
            let places = topmost(&found.regions, &tree, &names);
            let cells = vec![
                Value::text(person.name.clone()),
                Value::text(found.rule.label),
                Value::text(found.rule.one.label()),
                by(&found.one),
                Value::text(found.rule.other.label()),
                by(&found.other),
                Value::text(places),
                Value::text(found.rule.risk),
                Value::text(found.rule.against),
            ];
            lines.push(Line { region: None, href: format!("/people/{}", person.id), cells });
        }
    }
    let broken = |rule: &duties::Rule| (rule.label, counts.get(rule.label).copied().unwrap_or(0).to_string());
    Ok(Answer { heads: DUTIES, lines, figures: duties::RULES.iter().map(broken).collect() })
}

/// The regions in words. A role holds in a region and in all below it, so the topmost of each branch says them all.
fn topmost(found: &BTreeSet<RegionId>, tree: &[Region], names: &Names) -> String {
    let within = |region: &Region| found.contains(&region.id);
    let mut places: Vec<String> = tree
        .iter()
        .filter(|region| within(region) && region.parent_id.is_none_or(|above| !found.contains(&above)))
        .filter_map(|region| {
            let name = names.regions.get(&region.id)?;
            let more = tree.iter().any(|below| below.parent_id == Some(region.id) && within(below));
            Some(if more { format!("{name} and below") } else { name.clone() })
        })
        .collect();
    places.sort_unstable();
    places.join(", ")
}

const ACCOUNTS: Heads = &[
    ("Person", "person"),
    ("E-mail address", "email"),
    ("Account", "status"),
    ("Roles", "roles"),
    ("Second factor since", "second_factor_since"),
    ("Last sign-in", "last_sign_in_at"),
    ("Days since", "days_since"),
    ("Added", "created_at"),
    ("Person id", "person_id"),
];

/// Accounts, or those that nobody uses.
pub(super) async fn accounts(heard: &mut Heard, asked: &Asked<'_>, dormant: bool) -> Result<Answer, DbError> {
    let mut all = asked_about(heard, asked).await?;
    let days = |person: &Person| (asked.now.0 - person.last_sign_in_at.unwrap_or(person.created_at).0) / 86_400_000_000;
    if dormant {
        all.retain(|person| person.status != "suspended" && days(person) >= DORMANT_DAYS);
    }
    let ids: Vec<UserId> = all.iter().map(|person| person.id).collect();
    let factors: HashMap<UserId, Instant> = evidence::factors(heard, &ids).await?.into_iter().collect();
    let grants = people::grants(heard, &asked.scope, asked.question.person, asked.now).await?;
    let active: Vec<&Person> = all.iter().filter(|person| person.status == "active").collect();
    let covered = active.iter().filter(|person| factors.contains_key(&person.id)).count();
    let share = if active.is_empty() { 100 } else { covered * 100 / active.len() };
    let figures = vec![
        ("Accounts", all.len().to_string()),
        ("Active", active.len().to_string()),
        ("With a second factor", format!("{covered} of {} active, {share} %", active.len())),
        ("Never signed in", all.iter().filter(|person| person.last_sign_in_at.is_none()).count().to_string()),
    ];
    let lines = all.iter().map(|person| {
        let own = grants.iter().filter(|grant| grant.person_id == person.id);
        let roles: Vec<String> = own
            .map(|grant| {
                let until = grant.ends_on.map(|day| format!(" until {}", day.iso())).unwrap_or_default();
                format!("{}, {}{until}", grant.role_label(), grant.region_name)
            })
            .collect();
        let cells = vec![
            Value::text(person.name.clone()),
            Value::text(person.email.clone()),
            Value::text(person.status.clone()),
            Value::text(roles.join("; ")),
            Value::maybe_at(factors.get(&person.id).copied()),
            Value::maybe_at(person.last_sign_in_at),
            Value::maybe_number(person.last_sign_in_at.map(|_| days(person))),
            Value::At(person.created_at),
            Value::text(person.id.to_string()),
        ];
        Line { region: None, href: format!("/people/{}", person.id), cells }
    });
    Ok(Answer { heads: ACCOUNTS, lines: lines.collect(), figures })
}

const ROLES: Heads = &[("Role", "role"), ("Kind", "kind"), ("Ability", "ability"), ("Code", "permission")];

/// Each role with each thing that it allows.
pub(super) async fn roles(heard: &mut Heard) -> Result<Answer, DbError> {
    let definitions = kept_roles::definitions(heard).await?;
    let kind = |role: &Definition| match (role.role, role.retired) {
        (AnyRole::BuiltIn(_), _) => "built in",
        (_, false) => "of the organisation",
        (_, true) => "retired",
    };
    let line = |role: &Definition, permission: Permission| Line {
        region: None,
        href: format!("/roles/{}", role.role.code()),
        cells: vec![
            Value::text(role.label.clone()),
            Value::text(kind(role)),
            Value::text(permission.label()),
            Value::text(permission.code()),
        ],
    };
    let lines: Vec<Line> = definitions.values().flat_map(|role| role.permissions.iter().map(|permission| line(role, permission))).collect();
    let figures = vec![("Roles", definitions.len().to_string()), ("Abilities there are", Permission::ALL.len().to_string())];
    Ok(Answer { heads: ROLES, lines, figures })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn minutes_are_never_negative() {
        assert_eq!((minutes(Instant(0), Instant(119_000_000)), minutes(Instant(5), Instant(0))), (1, 0));
    }
}
