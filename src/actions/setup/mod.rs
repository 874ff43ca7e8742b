//! The first set-up: a one-time link, what its pages have been told so far, and the one write that makes an organisation of it.

pub mod people_list;
pub mod region_list;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::passwords::Passwords;
use super::people::{NewPerson, token_hash};
use super::regions::{time_zone, words};
use super::settings::organisation_name;
use crate::domain::access::{Actor, Role};
use crate::domain::audit::Event;
use crate::domain::currency::Currency;
use crate::domain::id::{GrantId, RegionId, UserId};
use crate::domain::password::{ALONE, Known, acceptable};
use crate::domain::refusal::Refusal;
use crate::domain::time::Instant;
use crate::store::db::Reader;
use crate::store::failure::{DbError, Failure};
use crate::store::regions::Region;
use crate::store::writer::{Intent, WriteTx};
use crate::store::{Store, people, regions, settings};
use people_list::Invited;
use region_list::Placed;

/// How long the link lives, in seconds.
pub const LINK_LIVES: i64 = 30 * 60;
const PURPOSE: &str = "setup";

/// Something wrong with one line of a pasted list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The line, counted from 1.
    pub line: usize,
    /// What is wrong, and what to do.
    pub text: String,
}

/// What the pages of the first set-up have been told so far.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Draft {
    /// The organisation's name; empty before the first page.
    #[serde(default)]
    pub organisation: String,
    /// Its time zone.
    #[serde(default)]
    pub time_zone: String,
    /// The currency it reports in; `None` before the second page.
    #[serde(default)]
    pub currency: Option<Currency>,
    /// The others it pays in.
    #[serde(default)]
    pub others: Vec<Currency>,
    /// The month its fiscal year starts in.
    #[serde(default)]
    pub fiscal_start_month: i64,
    /// The regions as they were written; empty where they were left for later.
    #[serde(default)]
    pub regions: String,
    /// Whether the page about regions was answered, if only with "later".
    #[serde(default)]
    pub regions_seen: bool,
}

impl Draft {
    /// The first page that is not answered yet: 0 organisation, 1 currencies, 2 regions, 3 people.
    pub fn next_step(&self) -> usize {
        let answered = [!self.organisation.is_empty(), self.currency.is_some(), self.regions_seen];
        answered.iter().position(|done| !done).unwrap_or(answered.len())
    }

    /// The names that the first administrator's password is not made of.
    pub fn known(&self, name: &str, email: &str) -> Known {
        Known::of([self.organisation.as_str(), self.regions.as_str(), name, email])
    }

    /// Every currency it pays in, the one it reports in first.
    pub fn currencies(&self) -> Vec<Currency> {
        self.currency.into_iter().chain(self.others.iter().copied().filter(|other| Some(*other) != self.currency)).collect()
    }
}

/// The first administrator.
#[derive(Clone, Debug)]
pub struct Administrator {
    /// Her name.
    pub name: String,
    /// Her address.
    pub email: String,
    /// Her password.
    pub password: String,
}

/// Makes a one-time link to the first set-up and gives its token, which is kept only as a hash. Refused once there are people.
pub async fn link(store: &Store) -> Result<String, Failure> {
    let token = store.random.token(24);
    let hash = token_hash(&token);
    store
        .write(Intent::once(Actor::system("setup"), "setup.link"), move |tx| {
            Box::pin(async move {
                if people::count(tx).await? > 0 {
                    return Err(Refusal::State("The portal is set up already".to_owned()).into());
                }
                people::insert_link(tx, hash, PURPOSE, None, LINK_LIVES).await?;
                tx.record(Event::new("setup.link_made", "setup", "", None));
                Ok(())
            })
        })
        .await?;
    Ok(token)
}

/// A link where nobody is here yet, and nothing where somebody is: what `serve` prints when it starts.
pub async fn first_link(store: &Store) -> Result<Option<String>, Failure> {
    let mut read = store.read().await?;
    let empty = people::count(&mut read).await? == 0;
    drop(read);
    if empty { link(store).await.map(Some) } else { Ok(None) }
}

/// Whether a link can be used: it is known, not used, not too old, and nobody is here yet.
pub async fn is_open(reader: &mut impl Reader, token: &str, now: Instant) -> Result<bool, DbError> {
    Ok(people::link(reader, token_hash(token), PURPOSE, now).await?.is_some() && people::count(reader).await? == 0)
}

/// What has been told so far.
pub async fn draft(reader: &mut impl Reader) -> Result<Draft, DbError> {
    let kept = settings::get(reader, settings::SETUP_DRAFT).await?.unwrap_or_default();
    Ok(serde_json::from_str(&kept).unwrap_or_default())
}

/// Keeps what one page was told, so that Back and reload find it.
pub async fn keep(store: &Store, token: &str, draft: Draft) -> Result<(), Failure> {
    let token = token.to_owned();
    store
        .write(Intent::once(Actor::system("setup"), "setup.keep"), move |tx| {
            let (token, draft) = (token.clone(), draft.clone());
            Box::pin(async move {
                let now = tx.now;
                if !is_open(tx, &token, now).await? {
                    return Err(Refusal::NotFound.into());
                }
                // A draft is plain data: it cannot fail to become JSON.
                settings::set(tx, settings::SETUP_DRAFT, &serde_json::to_string(&draft).unwrap_or_default()).await?;
                Ok(())
            })
        })
        .await
}

/// Makes the organisation of all that was told, in one step, and uses the link up. The first administrator's id.
pub async fn finish(
    store: &Store,
    hasher: &Passwords,
    actor: Actor,
    token: &str,
    first: Administrator,
    others: Vec<Invited>,
) -> Result<UserId, Failure> {
    let mut read = store.read().await?;
    let known = draft(&mut read).await?.known(&first.name, &first.email);
    drop(read);
    acceptable(&first.password, ALONE, &known)?;
    let hash = hasher.hash(first.password).await?;
    let first = NewPerson { email: first.email, name: first.name, password_hash: Some(hash), grant: None };
    first.check()?;
    let token = token.to_owned();
    store
        .write(Intent::once(actor, "setup.finish"), move |tx| {
            let (first, others, token) = (first.clone(), others.clone(), token.clone());
            Box::pin(async move {
                let now = tx.now;
                if !is_open(tx, &token, now).await? {
                    return Err(Refusal::NotFound.into());
                }
                let draft = draft(tx).await?;
                let root = organisation(tx, &draft).await?;
                let administrator = person(tx, &first, Role::Administrator, root).await?;
                for other in &others {
                    let place = if other.region.is_empty() { root } else { named(tx, &other.region).await? };
                    let new = NewPerson { email: other.email.clone(), name: other.name.clone(), password_hash: None, grant: None };
                    person(tx, &new, other.role, place).await?;
                }
                people::use_link(tx, token_hash(&token)).await?;
                settings::set(tx, settings::SETUP_DRAFT, "").await?;
                settings::set(tx, settings::SETUP_TASKS, "open").await?;
                settings::set(tx, settings::SETUP_DONE, "1").await?;
                tx.record(Event::new("setup.finished", "setup", "", None));
                Ok(administrator)
            })
        })
        .await
}

/// The organisation's settings, its currencies and its regions; the root's id.
async fn organisation(tx: &mut WriteTx<'_>, draft: &Draft) -> Result<RegionId, Failure> {
    let name = organisation_name(&draft.organisation)?;
    let zone = time_zone(&draft.time_zone)?;
    let Some(currency) = draft.currency else {
        return Err(Refusal::Required("currency", "Choose the currency you report in").into());
    };
    let (root, placed) = region_list::read(&draft.regions, &name, currency, &zone, draft.fiscal_start_month.clamp(1, 12))
        .map_err(|_| Refusal::State("The list of regions is not right yet: go back to it".to_owned()))?;
    settings::set(tx, settings::ORGANISATION, &name).await?;
    settings::set(tx, settings::TIME_ZONE, &zone).await?;
    let mut currencies = draft.currencies();
    currencies.extend(placed.iter().map(|place| place.currency));
    currencies.push(root.currency);
    for currency in currencies {
        settings::add_currency(tx, currency).await?;
    }
    let about = json!({ "name": name, "time_zone": zone });
    tx.record(Event::new("organisation.set_up", "setting", settings::ORGANISATION, None).change(Value::Null, about));
    let id = place(tx, &root, None).await?;
    for region in placed {
        let parent = if region.parent.is_empty() { id } else { named(tx, &region.parent).await? };
        place(tx, &region, Some(parent)).await?;
    }
    Ok(id)
}

async fn place(tx: &mut WriteTx<'_>, placed: &Placed, parent: Option<RegionId>) -> Result<RegionId, Failure> {
    let id = RegionId(tx.new_id());
    let region = Region {
        id,
        parent_id: parent,
        name: placed.name.clone(),
        currency: placed.currency.code().to_owned(),
        time_zone: placed.time_zone.clone(),
        fiscal_start_month: placed.fiscal_start_month,
        cost_centre: placed.cost_centre.clone(),
        status: "active".to_owned(),
        version: 1,
        created_at: tx.now,
    };
    regions::insert(tx, &region).await?;
    tx.record(Event::new("region.added", "region", id, Some(id)).change(Value::Null, words(&region)));
    Ok(id)
}

async fn named(tx: &mut WriteTx<'_>, name: &str) -> Result<RegionId, Failure> {
    match regions::ids_of_name(tx, name).await?.as_slice() {
        [one] => Ok(*one),
        [] => Err(Refusal::NotFound.into()),
        _ => Err(Refusal::Invalid("regions", format!("There is more than one region called {name}")).into()),
    }
}

async fn person(tx: &mut WriteTx<'_>, new: &NewPerson, role: Role, region: RegionId) -> Result<UserId, Failure> {
    new.check()?;
    if people::find_by_email(tx, new.email.trim()).await?.is_some() {
        return Err(Refusal::Taken("people", format!("{} stands there twice", new.email.trim())).into());
    }
    let id = UserId(tx.new_id());
    let status = if new.password_hash.is_some() { "active" } else { "invited" };
    people::insert(tx, id, new.email.trim(), new.name.trim(), new.password_hash.clone(), status).await?;
    tx.record(Event::new("person.added", "person", id, None).change(Value::Null, json!({ "status": status })));
    let grant = GrantId(tx.new_id());
    people::insert_grant(tx, grant, id, role, region, None).await?;
    let after = json!({ "role": role.code(), "region": region.to_string(), "ends_on": Value::Null });
    let event = Event::new("grant.given", "person", id, Some(region)).change(Value::Null, after);
    tx.record(event.detail(json!({ "grant": grant.to_string() })));
    Ok(id)
}
