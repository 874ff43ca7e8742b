//! Custom roles: making, changing, retiring.

use serde_json::{Value, json};

use super::approval_roles::{RoleOrder, planned};
use super::approvals::ask_for_roles;
use super::people::with_approval;
use super::step_up::{self, Act};
use crate::domain::access::{Access, Actor, Permission};
use crate::domain::audit::Event;
use crate::domain::id::{ApprovalId, RoleId};
use crate::domain::refusal::Refusal;
use crate::domain::role::{self, AnyRole, Permissions};
use crate::domain::text::line;
use crate::domain::time::Instant;
use crate::store::Store;
use crate::store::approvals::Approval;
use crate::store::db::Reader;
use crate::store::failure::Failure;
use crate::store::roles::{self, CustomRole};
use crate::store::writer::{Intent, WriteTx};

/// The name of the command that changes a role.
pub const EDIT: &str = "role.edit";

/// A role's name, trimmed, when it can be one: 1 to 60 characters, nothing unprintable.
pub fn name(text: &str) -> Result<String, Refusal> {
    if text.trim().is_empty() {
        return Err(Refusal::Required("name", "Enter a name"));
    }
    line("name", "a name", text, 60)
}

fn words(role: &CustomRole) -> Value {
    json!({ "name": role.name, "permissions": role.permissions.codes().join(", "), "status": role.status })
}

/// Refuses a new role that cannot be made by whoever asks.
pub async fn can_make(reader: &mut impl Reader, access: &Access, called: &str, from: AnyRole, allows: Permissions) -> Result<(), Failure> {
    name(called)?;
    roles::free_name(reader, &name(called)?, None).await?;
    roles::definition(reader, from).await?.ok_or(Refusal::NotFound)?;
    Ok(role::making(access, allows)?)
}

/// Makes a role of permissions.
pub async fn make(store: &Store, actor: Actor, key: &str, called: &str, from: AnyRole, allows: Permissions) -> Result<RoleId, Failure> {
    let called = called.to_owned();
    store
        .write(Intent::keyed(actor, "role.make", key, &(&called, from, allows.codes())), move |tx| {
            let called = called.clone();
            Box::pin(async move {
                tx.require_everywhere(Permission::PeopleManage)?;
                step_up::require(tx, Act::Rights).await?;
                let access = tx.access();
                can_make(tx, &access, &called, from, allows).await?;
                let id = RoleId(tx.new_id());
                roles::insert(tx, id, &name(&called)?, from, allows).await?;
                let made = roles::find(tx, id).await?.ok_or(Refusal::NotFound)?;
                let event = Event::new("role.made", "role", id, None).change(Value::Null, words(&made));
                tx.record(event.detail(json!({ "made_from": from.code() })));
                Ok(id)
            })
        })
        .await
}

/// Refuses a change of a role that whoever asks may not make.
pub async fn can_edit(
    reader: &mut impl Reader,
    (actor, access): (&Actor, &Access),
    role: &CustomRole,
    called: &str,
    allows: Permissions,
    now: Instant,
) -> Result<(), Failure> {
    roles::free_name(reader, &name(called)?, Some(role.id)).await?;
    if allows.is_empty() {
        role::making(access, allows)?;
    }
    let holdings = roles::holdings(reader, None, now.day(chrono_tz::UTC)).await?;
    let theirs = holdings.iter().filter(|holding| holding.custom_role_id == Some(role.id));
    let added = allows.without(role.permissions);
    Ok(role::widening(actor, access, added, theirs.map(|held| (held.person_id, held.region_id, held.region_name.as_str())))?)
}

/// Changes a role's name and what it allows, for everybody who holds it; or asks for approval where it then allows more and a policy says so.
pub async fn edit(
    store: &Store,
    actor: Actor,
    key: &str,
    (id, version): (RoleId, i64),
    called: &str,
    allows: Permissions,
) -> Result<Option<ApprovalId>, Failure> {
    let called = called.to_owned();
    store
        .write(Intent::keyed(actor, EDIT, key, &(id, version, &called, allows.codes())), move |tx| {
            let codes = allows.codes().into_iter().map(str::to_owned).collect();
            let order = RoleOrder::Edit { role: id, version, name: called.clone(), allows: codes };
            Box::pin(async move {
                tx.require_everywhere(Permission::PeopleManage)?;
                step_up::require(tx, Act::Rights).await?;
                let (actor, access) = (tx.actor().clone(), tx.access());
                let (effects, before) = planned(tx, (&actor, &access), &order).await?;
                if let Some(need) = effects.need(tx, &order).await? {
                    return ask_for_roles(tx, &order, &effects, &need).await.map(Some);
                }
                change(tx, &before.ok_or(Refusal::Stale)?, &effects.label, allows, None).await?;
                Ok(None)
            })
        })
        .await
}

/// Changes it; with an approval as the one who asked for it.
pub(super) async fn change(
    tx: &mut WriteTx<'_>,
    before: &CustomRole,
    called: &str,
    allows: Permissions,
    approved: Option<&Approval>,
) -> Result<(), Failure> {
    let after = CustomRole { name: name(called)?, permissions: allows, ..before.clone() };
    roles::update(tx, &after).await?;
    let event = Event::new("role.changed", "role", before.id, None).change(words(before), words(&after));
    tx.record(event.detail(approved.map_or(Value::Null, |_| with_approval(json!({}), approved))));
    Ok(())
}

/// Retires a role, which is then given to nobody any more, or takes it into use again. Whoever holds it goes on holding it.
pub async fn retire(store: &Store, actor: Actor, key: &str, (id, version): (RoleId, i64), retired: bool) -> Result<(), Failure> {
    store
        .write(Intent::keyed(actor, "role.retire", key, &(id, version, retired)), move |tx| {
            Box::pin(async move {
                tx.require_everywhere(Permission::PeopleManage)?;
                step_up::require(tx, Act::Rights).await?;
                let before = roles::find(tx, id).await?.filter(|role| role.version == version).ok_or(Refusal::Stale)?;
                if before.is_active() != retired {
                    let words = if retired { "retired" } else { "in use" };
                    return Err(Refusal::AlreadyDone(format!("{} is {words} already", before.name)).into());
                }
                let status = if retired { "retired" } else { "active" };
                let after = CustomRole { status: status.to_owned(), ..before.clone() };
                roles::update(tx, &after).await?;
                let action = if retired { "role.retired" } else { "role.reinstated" };
                tx.record(Event::new(action, "role", id, None).change(words(&before), words(&after)));
                Ok(())
            })
        })
        .await
}
