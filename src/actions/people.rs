//! People: adding, suspending, granting, ending, passwords.

use serde::{Deserialize, Serialize};
use serde_json::json;
use sha2::{Digest, Sha256};

use super::approval_roles::{RoleOrder, planned};
use super::approvals::ask_for_roles;
use super::mail;
use super::passwords::{Passwords, known_to, least_for};
use super::step_up::{self, Act};
use crate::domain::access::{Access, Actor, Permission, Scope};
use crate::domain::audit::Event;
use crate::domain::id::{ApprovalId, GrantId, RegionId, ReviewId, UserId};
use crate::domain::letter::Letter;
use crate::domain::password::acceptable;
use crate::domain::refusal::Refusal;
use crate::domain::role::{self, AnyRole, Definition};
use crate::domain::text::{is_hidden, line};
use crate::domain::time::{Day, Instant};
use crate::store::approvals::Approval;
use crate::store::db::Reader;
use crate::store::failure::Failure;
use crate::store::writer::{Intent, WriteTx};
use crate::store::{Store, access, people, regions, roles, sessions};

/// Somebody to add. The password is a hash already: nothing slow happens behind the door.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct NewPerson {
    /// Her address.
    pub email: String,
    /// Her name.
    pub name: String,
    /// The hash of her first password; without one she is invited and gets a link.
    pub password_hash: Option<String>,
    /// Her first role and region; it may have to wait for approval.
    pub grant: Option<(AnyRole, RegionId, Option<Day>)>,
}

impl NewPerson {
    /// Refuses an address or a name that cannot be one.
    pub fn check(&self) -> Result<(), Refusal> {
        person_email(&self.email)?;
        person_name(&self.name)?;
        Ok(())
    }
}

/// Refuses what cannot be an e-mail address.
pub fn person_email(text: &str) -> Result<(), Refusal> {
    let email = text.trim();
    let well_formed = email.split_once('@').is_some_and(|(user, host)| !user.is_empty() && host.contains('.') && !host.contains('@'));
    if !well_formed || email.len() > 254 || email.chars().any(|c| c.is_whitespace() || is_hidden(c)) {
        return Err(Refusal::Invalid("email", "Enter an e-mail address, like ana@example.com".to_owned()));
    }
    Ok(())
}

/// Refuses what cannot be a person's name.
pub fn person_name(text: &str) -> Result<(), Refusal> {
    let name = text.trim();
    if name.is_empty() {
        return Err(Refusal::Required("name", "Enter a name"));
    }
    line("name", "a name", name, 120).map(drop)
}

/// Adds a person, with her first role where one is given.
pub async fn add(store: &Store, actor: Actor, key: &str, new: NewPerson) -> Result<UserId, Failure> {
    new.check()?;
    store
        .write(Intent::keyed(actor, "person.add", key, &new), move |tx| {
            let new = new.clone();
            Box::pin(async move {
                tx.require_everywhere(Permission::PeopleManage)?;
                if people::find_by_email(tx, new.email.trim()).await?.is_some() {
                    return Err(Refusal::Taken("email", "Somebody with this e-mail address is here already".to_owned()).into());
                }
                let id = UserId(tx.new_id());
                let status = if new.password_hash.is_some() { "active" } else { "invited" };
                people::insert(tx, id, new.email.trim(), new.name.trim(), new.password_hash.clone(), status).await?;
                tx.record(Event::new("person.added", "person", id, None).change(serde_json::Value::Null, json!({ "status": status })));
                if let Some((role, region, ends_on)) = new.grant {
                    grant_within(tx, NewGrant { person: id, role, region, ends_on, seen: None }).await?;
                }
                Ok(id)
            })
        })
        .await
}

/// A role to give.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct NewGrant {
    /// To whom.
    pub person: UserId,
    /// Which.
    pub role: AnyRole,
    /// On which region, and everything below it.
    pub region: RegionId,
    /// The last day, UTC.
    pub ends_on: Option<Day>,
    /// The version of the custom role that was shown before; `None` where none was.
    pub seen: Option<i64>,
}

/// What became of a role that was to be given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Given {
    /// She has it.
    Now(GrantId),
    /// It waits for approval.
    Waits(ApprovalId),
}

/// Gives a role on a region, or asks for approval where a policy says so.
pub async fn grant(store: &Store, actor: Actor, key: &str, new: NewGrant) -> Result<Given, Failure> {
    store.write(Intent::keyed(actor, GRANT, key, &new), move |tx| Box::pin(async move { grant_within(tx, new).await })).await
}

/// The name of the command that gives a role.
pub const GRANT: &str = "person.grant";

/// Refuses a role that cannot be given to this person on this region by whoever asks, as of now; what the role is, and what the region is called.
pub async fn can_grant(
    reader: &mut impl Reader,
    (actor, access): (&Actor, &Access),
    person: Option<UserId>,
    role: AnyRole,
    region: RegionId,
    now: Instant,
) -> Result<Definition, Failure> {
    let here = Scope::of([region], false);
    let place = regions::find(reader, &here, region).await?.ok_or(Refusal::NotFound)?;
    if !place.is_active() {
        return Err(Refusal::RegionRetired(place.name).into());
    }
    let definition = roles::definition(reader, role).await?.ok_or_else(|| Refusal::Invalid("role", "Choose a role".to_owned()))?;
    if let Some(person) = person {
        let held = people::grants(reader, &here, Some(person), now).await?;
        if held.iter().any(|grant| grant.which() == Some(role)) {
            return Err(Refusal::Taken("role", format!("She is {} in {} already", definition.label, place.name)).into());
        }
    }
    role::giving(actor, access, person, &definition, (region, &place.name))?;
    Ok(definition)
}

/// Every path on which a role is given goes through here.
async fn grant_within(tx: &mut WriteTx<'_>, new: NewGrant) -> Result<Given, Failure> {
    let (actor, access, order) = (tx.actor().clone(), tx.access(), RoleOrder::Give(new));
    let (effects, _) = planned(tx, (&actor, &access), &order).await?;
    step_up::require(tx, Act::Rights).await?;
    match effects.need(tx, &order).await? {
        None => give(tx, &new, &effects.label, None).await.map(Given::Now),
        Some(need) => ask_for_roles(tx, &order, &effects, &need).await.map(Given::Waits),
    }
}

/// Gives it; with an approval as the one who asked for it.
pub(super) async fn give(tx: &mut WriteTx<'_>, new: &NewGrant, label: &str, approved: Option<&Approval>) -> Result<GrantId, Failure> {
    let NewGrant { person, role, region, ends_on, .. } = *new;
    let (id, by) = (GrantId(tx.new_id()), approved.map_or_else(|| tx.actor().person(), |approval| Some(approval.requester_id)));
    people::end_lapsed(tx, person).await?;
    people::insert_grant_by(tx, id, person, role, region, ends_on, by).await?;
    let after = json!({ "role": role.code(), "region": region.to_string(), "ends_on": ends_on.map(Day::iso) });
    let event = Event::new("grant.given", "person", person, Some(region)).change(serde_json::Value::Null, after);
    tx.record(event.detail(with_approval(grant_detail(id, role, label), approved)));
    Ok(id)
}

/// What an event says of the approval behind it.
pub(super) fn with_approval(mut detail: serde_json::Value, approved: Option<&Approval>) -> serde_json::Value {
    if let (Some(approval), Some(detail)) = (approved, detail.as_object_mut()) {
        detail.insert("approval".to_owned(), approval.id.to_string().into());
        detail.insert("requester".to_owned(), approval.requester_id.to_string().into());
    }
    detail
}

/// What the trail says of a grant besides: a custom role is named, as its id says nothing to a reader.
fn grant_detail(id: GrantId, role: AnyRole, label: &str) -> serde_json::Value {
    match role {
        AnyRole::BuiltIn(_) => json!({ "grant": id.to_string() }),
        AnyRole::Custom(_) => json!({ "grant": id.to_string(), "role_name": label }),
    }
}

/// The name of the command that ends a grant.
pub const END_GRANT: &str = "person.end_grant";

/// Ends a grant. The last administrator's stays.
pub async fn end_grant(store: &Store, actor: Actor, key: &str, id: GrantId) -> Result<UserId, Failure> {
    store
        .write(Intent::keyed(actor, END_GRANT, key, &id), move |tx| {
            Box::pin(async move {
                let (scope, now) = (tx.access().scope(Permission::PeopleManage), tx.now);
                let grants = people::grants(tx, &scope, None, now).await?;
                let grant = grants.into_iter().find(|grant| grant.id == id).ok_or(Refusal::NotFound)?;
                step_up::require(tx, Act::Rights).await?;
                end_within(tx, &grant, None).await?;
                Ok(grant.person_id)
            })
        })
        .await
}

/// Ends a grant for whoever was found to be allowed to; with the access review that decided so, where one did.
pub(super) async fn end_within(tx: &mut WriteTx<'_>, grant: &people::Grant, review: Option<ReviewId>) -> Result<(), Failure> {
    people::end_grant(tx, grant.id).await?;
    keep_an_administrator(tx).await?;
    let before = json!({ "role": grant.role_code(), "region": grant.region_id.to_string() });
    let event = Event::new("grant.ended", "person", grant.person_id, Some(grant.region_id));
    let mut detail = grant.which().map(|role| grant_detail(grant.id, role, grant.role_label())).unwrap_or_default();
    if let Some(review) = review {
        detail["review"] = review.to_string().into();
    }
    tx.record(event.change(before, serde_json::Value::Null).detail(detail));
    Ok(())
}

async fn keep_an_administrator(tx: &mut WriteTx<'_>) -> Result<(), Failure> {
    if people::administrators(tx).await? == 0 {
        return Err(Refusal::State("There has to be one active administrator for the whole organisation".to_owned()).into());
    }
    Ok(())
}

/// Suspends a person, or lets her in again. Suspending ends her sessions at once.
pub async fn suspend(store: &Store, actor: Actor, key: &str, id: UserId, suspended: bool) -> Result<(), Failure> {
    store
        .write(Intent::keyed(actor, "person.suspend", key, &(id, suspended)), move |tx| {
            Box::pin(async move {
                tx.require_everywhere(Permission::PeopleManage)?;
                let person = people::find(tx, id).await?.ok_or(Refusal::NotFound)?;
                let status = if suspended { "suspended" } else { "active" };
                if person.status == status {
                    return Err(Refusal::AlreadyDone(format!("The account is {status} already")).into());
                }
                people::set_status(tx, id, status).await?;
                let action = if suspended { "person.suspended" } else { "person.reinstated" };
                let event = Event::new(action, "person", id, None).change(json!({ "status": person.status }), json!({ "status": status }));
                if suspended {
                    let ended = sessions::delete_of(tx, id).await?;
                    keep_an_administrator(tx).await?;
                    tx.record(event.detail(json!({ "sessions_ended": ended })));
                } else {
                    tx.record(event);
                }
                Ok(())
            })
        })
        .await
}

/// Refuses to act on an account in a way that would let whoever acts into it, where it may do more than hers.
pub(super) async fn over(tx: &mut WriteTx<'_>, person: UserId) -> Result<(), Failure> {
    if tx.actor().person() == Some(person) {
        return Ok(());
    }
    let now = tx.now;
    let theirs = access::held(tx, &[person], now).await?.remove(&person);
    Ok(theirs.map_or(Ok(()), |theirs| role::taking_over(&tx.access(), &theirs))?)
}

/// How long the link of an invitation lives, in seconds.
pub const INVITATION_LIVES: i64 = 7 * 86_400;
/// How long the link to choose another password lives, in seconds.
pub const RESET_LIVES: i64 = 30 * 60;

/// A one-time link to choose a password.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Link {
    /// What its address ends with; shown once and kept only as a hash.
    pub token: String,
    /// How long it lives, in seconds.
    pub lives: i64,
}

impl Link {
    /// How long it lives, in words.
    pub fn within(&self) -> &'static str {
        if self.lives == INVITATION_LIVES { "7 days" } else { "30 minutes" }
    }
}

/// The hash under which a token is kept.
pub fn token_hash(token: &str) -> [u8; 32] {
    Sha256::digest(token.as_bytes()).into()
}

/// Makes a one-time link to choose a password: for longer where the person has none yet.
pub async fn password_link(store: &Store, actor: Actor, person: UserId) -> Result<Link, Failure> {
    let token = store.random.token(24);
    let hash = token_hash(&token);
    let lives = store
        .write(Intent::once(actor, "person.password_link"), move |tx| {
            Box::pin(async move {
                tx.require_everywhere(Permission::PeopleManage)?;
                let invited = people::find(tx, person).await?.ok_or(Refusal::NotFound)?.status == "invited";
                over(tx, person).await?;
                step_up::require(tx, Act::Credentials).await?;
                let lives = if invited { INVITATION_LIVES } else { RESET_LIVES };
                people::insert_link(tx, hash, "password", Some(person), lives).await?;
                tx.record(Event::new("person.password_link_made", "person", person, None));
                Ok(lives)
            })
        })
        .await?;
    Ok(Link { token, lives })
}

/// Signs a person out everywhere; how many sessions that ended.
pub async fn end_sessions(store: &Store, actor: Actor, person: UserId) -> Result<u64, Failure> {
    store
        .write(Intent::once(actor, "person.end_sessions"), move |tx| {
            Box::pin(async move {
                tx.require_everywhere(Permission::PeopleManage)?;
                people::find(tx, person).await?.ok_or(Refusal::NotFound)?;
                let ended = sessions::delete_of(tx, person).await?;
                tx.record(Event::new("person.signed_out_everywhere", "person", person, None).detail(json!({ "sessions": ended })));
                Ok(ended)
            })
        })
        .await
}

/// Chooses a password through a one-time link. Every session of the person ends.
pub async fn choose_password(store: &Store, hasher: &Passwords, actor: Actor, token: &str, password: &str) -> Result<UserId, Failure> {
    let hash = token_hash(token);
    let expired = || Refusal::State("This link was used, or it is too old. Ask for a new one".to_owned());
    let mut read = store.read().await?;
    let person = people::link(&mut read, hash, "password", store.now()).await?.flatten().ok_or_else(expired)?;
    let least = least_for(&mut read, person).await?;
    acceptable(password, least, &known_to(&mut read, person).await?)?;
    drop(read);
    let kept = hasher.hash(password.to_owned()).await?;
    store
        .write(Intent::once(actor, "person.choose_password"), move |tx| {
            let kept = kept.clone();
            Box::pin(async move {
                let now = tx.now;
                let person = people::link(tx, hash, "password", now).await?.flatten().ok_or_else(expired)?;
                people::use_link(tx, hash).await?;
                if people::password_hash(tx, person).await?.is_some() {
                    mail::tell(tx, person, Letter::PasswordChanged).await?;
                }
                people::set_password(tx, person, &kept).await?;
                sessions::delete_of(tx, person).await?;
                tx.record(Event::new("person.password_chosen", "person", person, None));
                Ok(person)
            })
        })
        .await
}
