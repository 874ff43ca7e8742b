//! Roles that the organisation made for itself, and who holds a role.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::db::{Reader, Sql};
use super::failure::{DbError, Failure};
use super::writer::WriteTx;
use crate::domain::access::{Permission, Role, Scope};
use crate::domain::id::{RegionId, RoleId, UserId};
use crate::domain::refusal::Refusal;
use crate::domain::role::{AnyRole, Definition, Permissions};
use crate::domain::time::{Day, Instant};

/// A custom role.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct CustomRole {
    /// Its id.
    pub id: RoleId,
    /// Its name, unique without regard to case.
    pub name: String,
    /// The code of the role that it was cloned from.
    pub made_from: String,
    /// `active` or `retired`.
    pub status: String,
    /// Counts changes.
    pub version: i64,
    /// Since when it is there.
    pub created_at: Instant,
    /// Who made it; `None` for the system.
    pub created_by: Option<UserId>,
    /// What it allows.
    #[sqlx(skip)]
    pub permissions: Permissions,
}

impl CustomRole {
    /// Whether it can be given.
    pub fn is_active(&self) -> bool {
        self.status == "active"
    }

    /// As a role among all.
    pub fn definition(&self) -> Definition {
        Definition { role: AnyRole::Custom(self.id), label: self.name.clone(), permissions: self.permissions, retired: !self.is_active() }
    }
}

/// Every custom role: those in use first, then by name.
pub async fn list(reader: &mut impl Reader) -> Result<Vec<CustomRole>, DbError> {
    let mut roles: Vec<CustomRole> = reader
        .all(Sql::new(
            "SELECT id, name, made_from, status, version, created_at, created_by FROM custom_role \
             ORDER BY CASE status WHEN 'active' THEN 0 ELSE 1 END, lower(name), id",
        ))
        .await?;
    let rows: Vec<(RoleId, String)> = reader.all(Sql::new("SELECT role_id, permission FROM custom_role_permission")).await?;
    let mut allowed: HashMap<RoleId, Vec<Permission>> = HashMap::new();
    for (role, code) in rows {
        // A permission that a later version had, and this one does not know, allows nothing.
        allowed.entry(role).or_default().extend(Permission::parse(&code));
    }
    for role in &mut roles {
        role.permissions = allowed.remove(&role.id).unwrap_or_default().into_iter().collect();
    }
    Ok(roles)
}

/// One custom role.
pub async fn find(reader: &mut impl Reader, id: RoleId) -> Result<Option<CustomRole>, DbError> {
    Ok(list(reader).await?.into_iter().find(|role| role.id == id))
}

/// What every role is: the five, and the organisation's own.
pub async fn definitions(reader: &mut impl Reader) -> Result<BTreeMap<AnyRole, Definition>, DbError> {
    let custom = list(reader).await?;
    let all = Role::ALL.iter().map(|role| Definition::from(*role)).chain(custom.iter().map(CustomRole::definition));
    Ok(all.map(|definition| (definition.role, definition)).collect())
}

/// What one role is.
pub async fn definition(reader: &mut impl Reader, role: AnyRole) -> Result<Option<Definition>, DbError> {
    match role {
        AnyRole::BuiltIn(role) => Ok(Some(role.into())),
        AnyRole::Custom(id) => Ok(find(reader, id).await?.map(|role| role.definition())),
    }
}

/// Adds a custom role.
pub async fn insert(tx: &mut WriteTx<'_>, id: RoleId, name: &str, made_from: AnyRole, permissions: Permissions) -> Result<(), Failure> {
    let (now, by) = (tx.now, tx.actor().person());
    let sql =
        Sql::new("INSERT INTO custom_role (id, name, made_from, status, created_at, created_by) VALUES ($1, $2, $3, 'active', $4, $5)");
    tx.exec_one(sql.bind(id).bind(name.to_owned()).bind(made_from.code()).bind(now).bind(by)).await?;
    allow(tx, id, permissions).await
}

/// Changes a custom role, unless someone else changed it since `version` was read.
pub async fn update(tx: &mut WriteTx<'_>, role: &CustomRole) -> Result<(), Failure> {
    tx.access_changed();
    let sql = Sql::new("UPDATE custom_role SET name = $3, status = $4, version = version + 1 WHERE id = $1 AND version = $2");
    tx.exec_one(sql.bind(role.id).bind(role.version).bind(role.name.clone()).bind(role.status.clone())).await?;
    tx.exec(Sql::new("DELETE FROM custom_role_permission WHERE role_id = $1").bind(role.id)).await?;
    allow(tx, role.id, role.permissions).await
}

async fn allow(tx: &mut WriteTx<'_>, id: RoleId, permissions: Permissions) -> Result<(), Failure> {
    for code in permissions.codes() {
        tx.exec_one(Sql::new("INSERT INTO custom_role_permission (role_id, permission) VALUES ($1, $2)").bind(id).bind(code)).await?;
    }
    Ok(())
}

/// Refuses a name that another role has, without regard to case.
pub async fn free_name(reader: &mut impl Reader, name: &str, but: Option<RoleId>) -> Result<(), Failure> {
    let lower = name.to_lowercase();
    let same = definitions(reader).await?.into_values().find(|role| role.label.to_lowercase() == lower);
    match same {
        Some(role) if but.map(AnyRole::Custom) != Some(role.role) => {
            Err(Refusal::Taken("name", format!("There is a role called {} already", role.label)).into())
        }
        _ => Ok(()),
    }
}

/// A role that somebody holds: to whom it was given, on which region.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct Holding {
    /// One of the five's code, or `custom`.
    pub role: String,
    /// The custom role.
    pub custom_role_id: Option<RoleId>,
    /// Who holds it.
    pub person_id: UserId,
    /// Where.
    pub region_id: RegionId,
    /// What the region is called.
    pub region_name: String,
}

impl Holding {
    /// Which role.
    pub fn which(&self) -> Option<AnyRole> {
        self.custom_role_id.map(AnyRole::Custom).or_else(|| Role::parse(&self.role).map(AnyRole::BuiltIn))
    }
}

/// Every grant that has not ended, on regions in scope; with `None` on all of them, for a write that looks whom it would touch.
pub async fn holdings(reader: &mut impl Reader, scope: Option<&Scope>, today: Day) -> Result<Vec<Holding>, DbError> {
    let mut sql = Sql::new("SELECT g.role, g.custom_role_id, g.person_id, g.region_id, r.name AS region_name FROM role_grant g ");
    sql.push("JOIN region r ON r.id = g.region_id WHERE g.ended_at IS NULL AND (g.ends_on IS NULL OR g.ends_on >= ").push_bind(today);
    sql.push(")");
    if let Some(scope) = scope {
        sql.push(" AND g.region_id IN (").push_list(scope.regions()).push(")");
    }
    sql.push(" ORDER BY g.granted_at, g.id");
    reader.all(sql).await
}

/// How many people hold each role, on regions in scope.
pub async fn counts(reader: &mut impl Reader, scope: &Scope, today: Day) -> Result<BTreeMap<AnyRole, usize>, DbError> {
    let mut people: BTreeMap<AnyRole, BTreeSet<UserId>> = BTreeMap::new();
    for holding in holdings(reader, Some(scope), today).await? {
        if let Some(role) = holding.which() {
            people.entry(role).or_default().insert(holding.person_id);
        }
    }
    Ok(people.into_iter().map(|(role, people)| (role, people.len())).collect())
}

/// Appends a condition on a grant called `g`: its role, of either kind, allows this.
pub fn push_allowing(sql: &mut Sql, permission: Permission) {
    let roles: Vec<&'static str> = Role::ALL.iter().filter(|role| role.allows(permission)).map(|role| role.code()).collect();
    sql.push("(g.role IN (").push_list(roles);
    sql.push(") OR g.custom_role_id IN (SELECT role_id FROM custom_role_permission WHERE permission = ").push_bind(permission.code());
    sql.push("))");
}
