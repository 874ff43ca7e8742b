//! People and the roles they are given.

use std::collections::HashMap;

use super::audit_log::Head;
use super::db::{Reader, Sql};
use super::failure::{DbError, Failure};
use super::regions;
use super::writer::WriteTx;
use crate::domain::access::{Role, Scope};
use crate::domain::id::{GrantId, RegionId, RoleId, UserId};
use crate::domain::role::AnyRole;
use crate::domain::time::{Day, Instant};

/// Somebody who signs in.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct Person {
    /// Her id.
    pub id: UserId,
    /// Her address, as she wrote it; unique without regard to case.
    pub email: String,
    /// Her name.
    pub name: String,
    /// `invited`, `active` or `suspended`.
    pub status: String,
    /// `light`, `dark`, or nothing for what the device says.
    pub theme: String,
    /// `comfortable`, or nothing for dense tables.
    pub density: String,
    /// Whether single-key shortcuts are on (WCAG 2.1.4): 1 or 0.
    pub shortcuts: i64,
    /// Counts changes.
    pub version: i64,
    /// Since when she is here.
    pub created_at: Instant,
    /// When she last signed in.
    pub last_sign_in_at: Option<Instant>,
}

const COLUMNS: &str = "id, email, name, status, theme, density, shortcuts, version, created_at, last_sign_in_at";

/// One person, whoever asks: for her own session, and behind a permission checked by the caller.
pub async fn find(reader: &mut impl Reader, id: UserId) -> Result<Option<Person>, DbError> {
    let mut sql = Sql::default();
    sql.push("SELECT ").push(COLUMNS).push(" FROM person WHERE id = ").push_bind(id);
    reader.one(sql).await
}

/// A person, and the newest event of the audit trail as of the same moment.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct Standing {
    /// The person.
    #[sqlx(flatten)]
    pub person: Person,
    /// The event.
    #[sqlx(flatten)]
    pub head: Head,
}

/// One person with the audit trail's head, in one question: each request of somebody who is signed in begins with it.
pub async fn standing(reader: &mut impl Reader, id: UserId) -> Result<Option<Standing>, DbError> {
    let mut sql = Sql::default();
    sql.push("SELECT ").push(COLUMNS).push(", log_id, seq, chain FROM person JOIN audit_head ON one = 1 WHERE id = ").push_bind(id);
    reader.one(sql).await
}

/// One person by address, without regard to case.
pub async fn find_by_email(reader: &mut impl Reader, email: &str) -> Result<Option<Person>, DbError> {
    let mut sql = Sql::default();
    sql.push("SELECT ").push(COLUMNS).push(" FROM person WHERE lower(email) = lower(").push_bind(email.to_owned()).push(")");
    reader.one(sql).await
}

/// The hash of a person's password; `None` where she has none yet.
pub async fn password_hash(reader: &mut impl Reader, id: UserId) -> Result<Option<String>, DbError> {
    let row: Option<(Option<String>,)> = reader.one(Sql::new("SELECT password_hash FROM person WHERE id = $1").bind(id)).await?;
    Ok(row.and_then(|row| row.0))
}

/// Everybody whose roles lie in scope, by name; with the whole organisation in scope also those who hold no role.
pub async fn list(reader: &mut impl Reader, scope: &Scope) -> Result<Vec<Person>, DbError> {
    let mut sql = Sql::default();
    sql.push("SELECT ").push(COLUMNS).push(" FROM person WHERE ");
    if scope.is_whole() {
        sql.push("1 = 1");
    } else {
        sql.push("id IN (SELECT person_id FROM role_grant WHERE ended_at IS NULL AND region_id IN (").push_list(scope.regions()).push("))");
    }
    sql.push(" ORDER BY lower(name), id");
    reader.all(sql).await
}

/// Everybody's id and name, for lists that name who did something. Names are asked for ids that the caller was allowed to see.
pub async fn names(reader: &mut impl Reader, ids: &[UserId]) -> Result<HashMap<UserId, String>, DbError> {
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let mut sql = Sql::new("SELECT id, name FROM person WHERE id IN (");
    sql.push_list(ids.iter().copied()).push(")");
    Ok(reader.all::<(UserId, String)>(sql).await?.into_iter().collect())
}

/// How many people there are: none means that the portal was never set up.
pub async fn count(reader: &mut impl Reader) -> Result<i64, DbError> {
    let row: Option<(i64,)> = reader.one(Sql::new("SELECT count(*) FROM person")).await?;
    Ok(row.map_or(0, |row| row.0))
}

/// Adds a person.
pub async fn insert(
    tx: &mut WriteTx<'_>,
    id: UserId,
    email: &str,
    name: &str,
    hash: Option<String>,
    status: &'static str,
) -> Result<(), Failure> {
    let now = tx.now;
    let sql = Sql::new("INSERT INTO person (id, email, name, password_hash, status, created_at) VALUES ($1, $2, $3, $4, $5, $6)");
    tx.exec_one(sql.bind(id).bind(email.to_owned()).bind(name.to_owned()).bind(hash).bind(status).bind(now)).await
}

/// Changes what a person's account is: `active`, `suspended`.
pub async fn set_status(tx: &mut WriteTx<'_>, id: UserId, status: &'static str) -> Result<(), Failure> {
    tx.access_changed();
    tx.exec_one(Sql::new("UPDATE person SET status = $2, version = version + 1 WHERE id = $1").bind(id).bind(status)).await
}

/// Keeps a new password's hash, and makes the account active. Links to choose another that nobody has used end.
pub async fn set_password(tx: &mut WriteTx<'_>, id: UserId, hash: &str) -> Result<(), Failure> {
    tx.access_changed();
    let sql = Sql::new(
        "UPDATE person SET password_hash = $2, version = version + 1, status = CASE WHEN status = 'invited' THEN 'active' ELSE status END \
         WHERE id = $1",
    );
    tx.exec_one(sql.bind(id).bind(hash.to_owned())).await?;
    let now = tx.now;
    let sql = Sql::new("UPDATE one_time_link SET used_at = $2 WHERE person_id = $1 AND purpose = 'password' AND used_at IS NULL");
    tx.exec(sql.bind(id).bind(now)).await?;
    Ok(())
}

/// Keeps how she likes her pages.
pub async fn set_preferences(tx: &mut WriteTx<'_>, id: UserId, theme: &str, density: &str, shortcuts: bool) -> Result<(), Failure> {
    let sql = Sql::new("UPDATE person SET theme = $2, density = $3, shortcuts = $4 WHERE id = $1");
    tx.exec_one(sql.bind(id).bind(theme.to_owned()).bind(density.to_owned()).bind(i64::from(shortcuts))).await
}

/// Notes a sign-in.
pub async fn signed_in(tx: &mut WriteTx<'_>, id: UserId) -> Result<(), Failure> {
    let now = tx.now;
    tx.exec_one(Sql::new("UPDATE person SET last_sign_in_at = $2 WHERE id = $1").bind(id).bind(now)).await
}

/// A role given on a region.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct Grant {
    /// Its id.
    pub id: GrantId,
    /// To whom.
    pub person_id: UserId,
    /// Which role, as its code; `custom` where it is one of the organisation's own.
    pub role: String,
    /// The organisation's own role.
    pub custom_role_id: Option<RoleId>,
    /// What that is called.
    pub custom_name: Option<String>,
    /// On which region, and everything below it.
    pub region_id: RegionId,
    /// What the region is called among those of the scope it was read for.
    pub region_name: String,
    /// The last day it holds, where it ends.
    pub ends_on: Option<Day>,
    /// Since when.
    pub granted_at: Instant,
    /// By whom; `None` for the system.
    pub granted_by: Option<UserId>,
    /// When it was ended.
    pub ended_at: Option<Instant>,
}

impl Grant {
    /// When it ceased to hold, where it does no longer: it was ended, or its last day is over.
    pub fn over_at(&self, now: Instant) -> Option<Instant> {
        let lapsed = self.ends_on.map(|day| Day(day.0 + 1).start(chrono_tz::UTC)).filter(|end| *end <= now);
        self.ended_at.or(lapsed)
    }

    /// The role, in words.
    pub fn role_label(&self) -> &str {
        match (&self.custom_name, Role::parse(&self.role)) {
            (Some(name), _) => name,
            (None, Some(role)) => role.label(),
            (None, None) => &self.role,
        }
    }

    /// Which role; `None` for one that this version does not know.
    pub fn which(&self) -> Option<AnyRole> {
        self.custom_role_id.map(AnyRole::Custom).or_else(|| Role::parse(&self.role).map(AnyRole::BuiltIn))
    }

    /// The role as addresses and the audit trail have it.
    pub fn role_code(&self) -> String {
        self.which().map_or_else(|| self.role.clone(), AnyRole::code)
    }
}

const GRANTS: &str = "SELECT g.id, g.person_id, g.role, g.custom_role_id, c.name AS custom_name, g.region_id, r.name AS region_name, g.ends_on, \
    g.granted_at, g.granted_by, g.ended_at FROM role_grant g JOIN region r ON r.id = g.region_id \
    LEFT JOIN custom_role c ON c.id = g.custom_role_id WHERE ";

/// The grants that a query on [`GRANTS`] finds, each with what its region is called in this scope.
async fn placed(reader: &mut impl Reader, scope: &Scope, sql: Sql) -> Result<Vec<Grant>, DbError> {
    let mut grants: Vec<Grant> = reader.all(sql).await?;
    let names = regions::names(reader, scope).await?;
    for grant in &mut grants {
        if let Some(name) = names.get(&grant.region_id) {
            grant.region_name.clone_from(name);
        }
    }
    Ok(grants)
}

/// The grants in force of one person, or of everybody, that lie in scope. One that ends on a day holds through that day, UTC.
pub async fn grants(reader: &mut impl Reader, scope: &Scope, person: Option<UserId>, now: Instant) -> Result<Vec<Grant>, DbError> {
    let mut sql = Sql::default();
    sql.push(GRANTS).push("g.ended_at IS NULL AND (g.ends_on IS NULL OR g.ends_on >= ").push_bind(now.day(chrono_tz::UTC));
    sql.push(") AND g.region_id IN (").push_list(scope.regions()).push(")");
    if let Some(person) = person {
        sql.push(" AND g.person_id = ").push_bind(person);
    }
    sql.push(" ORDER BY g.person_id, g.granted_at, g.id");
    placed(reader, scope, sql).await
}

/// Gives a role.
pub async fn insert_grant(
    tx: &mut WriteTx<'_>,
    id: GrantId,
    person: UserId,
    role: impl Into<AnyRole>,
    region: RegionId,
    ends_on: Option<Day>,
) -> Result<(), Failure> {
    let by = tx.actor().person();
    insert_grant_by(tx, id, person, role, region, ends_on, by).await
}

/// The same, given by somebody else than whoever acts.
pub async fn insert_grant_by(
    tx: &mut WriteTx<'_>,
    id: GrantId,
    person: UserId,
    role: impl Into<AnyRole>,
    region: RegionId,
    ends_on: Option<Day>,
    by: Option<UserId>,
) -> Result<(), Failure> {
    tx.access_changed();
    let now = tx.now;
    let (code, custom) = match role.into() {
        AnyRole::BuiltIn(role) => (role.code(), None),
        AnyRole::Custom(id) => ("custom", Some(id)),
    };
    let sql = Sql::new(
        "INSERT INTO role_grant (id, person_id, role, custom_role_id, region_id, ends_on, granted_at, granted_by) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
    );
    tx.exec_one(sql.bind(id).bind(person).bind(code).bind(custom).bind(region).bind(ends_on).bind(now).bind(by)).await
}

/// Notes the end of grants of a person whose last day is over, so that the same can be given again.
pub async fn end_lapsed(tx: &mut WriteTx<'_>, person: UserId) -> Result<(), Failure> {
    let today = tx.now.day(chrono_tz::UTC);
    // The moment at which it ceased to hold: the first of the day after its last.
    let sql =
        Sql::new("UPDATE role_grant SET ended_at = (ends_on + 1) * 86400000000 WHERE person_id = $1 AND ended_at IS NULL AND ends_on < $2");
    tx.exec(sql.bind(person).bind(today)).await?;
    Ok(())
}

/// Whether a person wants letters about requests for approval.
pub async fn wants_approval_letters(reader: &mut impl Reader, id: UserId) -> Result<bool, DbError> {
    let sql = Sql::new("SELECT approval_letters FROM person WHERE id = $1").bind(id);
    Ok(reader.one::<(i64,)>(sql).await?.is_some_and(|row| row.0 == 1))
}

/// Notes that.
pub async fn want_approval_letters(tx: &mut WriteTx<'_>, id: UserId, wanted: bool) -> Result<(), Failure> {
    tx.exec_one(Sql::new("UPDATE person SET approval_letters = $2 WHERE id = $1").bind(id).bind(i64::from(wanted))).await
}

/// Ends a grant.
pub async fn end_grant(tx: &mut WriteTx<'_>, id: GrantId) -> Result<(), Failure> {
    tx.access_changed();
    let now = tx.now;
    tx.exec_one(Sql::new("UPDATE role_grant SET ended_at = $2 WHERE id = $1 AND ended_at IS NULL").bind(id).bind(now)).await
}

/// How many active people hold the administrator's role on the root.
pub async fn administrators(reader: &mut impl Reader) -> Result<i64, DbError> {
    let row: Option<(i64,)> = reader
        .one(Sql::new(
            "SELECT count(DISTINCT p.id) FROM person p JOIN role_grant g ON g.person_id = p.id JOIN region r ON r.id = g.region_id \
             WHERE p.status = 'active' AND g.role = 'administrator' AND g.ended_at IS NULL AND g.ends_on IS NULL AND r.parent_id IS NULL",
        ))
        .await?;
    Ok(row.map_or(0, |row| row.0))
}

/// Keeps the hash of a one-time link's token.
pub async fn insert_link(
    tx: &mut WriteTx<'_>,
    hash: [u8; 32],
    purpose: &'static str,
    person: Option<UserId>,
    lives: i64,
) -> Result<(), Failure> {
    let now = tx.now;
    let sql = Sql::new("INSERT INTO one_time_link (token_hash, purpose, person_id, created_at, expires_at) VALUES ($1, $2, $3, $4, $5)");
    tx.exec_one(sql.bind(hash).bind(purpose).bind(person).bind(now).bind(now.plus_seconds(lives))).await
}

/// Whether a link of this purpose can still be used, and for whom it is. `None` for unknown, used and expired alike.
pub async fn link(
    reader: &mut impl Reader,
    hash: [u8; 32],
    purpose: &'static str,
    now: Instant,
) -> Result<Option<Option<UserId>>, DbError> {
    let sql =
        Sql::new("SELECT person_id FROM one_time_link WHERE token_hash = $1 AND purpose = $2 AND used_at IS NULL AND expires_at > $3");
    let row: Option<(Option<UserId>,)> = reader.one(sql.bind(hash).bind(purpose).bind(now)).await?;
    Ok(row.map(|row| row.0))
}

/// Uses a link up.
pub async fn use_link(tx: &mut WriteTx<'_>, hash: [u8; 32]) -> Result<(), Failure> {
    let now = tx.now;
    tx.exec_one(Sql::new("UPDATE one_time_link SET used_at = $2 WHERE token_hash = $1 AND used_at IS NULL").bind(hash).bind(now)).await
}

/// One person whose roles lie in scope; with the whole organisation in scope anybody.
pub async fn find_within(reader: &mut impl Reader, scope: &Scope, id: UserId) -> Result<Option<Person>, DbError> {
    let mut sql = Sql::default();
    sql.push("SELECT ").push(COLUMNS).push(" FROM person WHERE id = ").push_bind(id);
    if !scope.is_whole() {
        sql.push(" AND id IN (SELECT person_id FROM role_grant WHERE ended_at IS NULL AND region_id IN (")
            .push_list(scope.regions())
            .push("))");
    }
    reader.one(sql).await
}

/// The grants of a person in scope that were ended, or whose last day is over: the latest first.
pub async fn ended_grants(reader: &mut impl Reader, scope: &Scope, person: UserId, now: Instant) -> Result<Vec<Grant>, DbError> {
    let mut sql = Sql::default();
    sql.push(GRANTS).push("(g.ended_at IS NOT NULL OR g.ends_on < ").push_bind(now.day(chrono_tz::UTC));
    sql.push(") AND g.region_id IN (").push_list(scope.regions()).push(") AND g.person_id = ").push_bind(person);
    sql.push(" ORDER BY COALESCE(g.ended_at, (g.ends_on + 1) * 86400000000) DESC, g.id");
    placed(reader, scope, sql).await
}
