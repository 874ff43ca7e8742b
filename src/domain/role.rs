//! Roles of both kinds, and the rules about who gives them: nobody gives what she does not hold, nobody raises herself.
//!
//! Five roles are built in, [`Role`]; an organisation makes others of the same permissions. Whoever asks what a role allows asks its set of
//! permissions, so a grant of either kind is looked at in one way.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::access::{Access, Actor, Permission, Role};
use super::id::{RegionId, RoleId, UserId};
use super::refusal::Refusal;

/// A set of permissions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Permissions(u64);

// Each has a bit of its own.
const _: () = assert!(Permission::ALL.len() <= 64);

impl Permissions {
    fn bit(permission: Permission) -> u64 {
        1 << permission as u64
    }

    /// Whether the permission is in it.
    pub fn contains(self, permission: Permission) -> bool {
        self.0 & Self::bit(permission) != 0
    }

    /// Whether there is none.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether every one of `other` is in it.
    pub fn covers(self, other: Self) -> bool {
        other.0 & !self.0 == 0
    }

    /// Those that are not in `other`.
    #[must_use]
    pub fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// Each, in the order people read them.
    pub fn iter(self) -> impl Iterator<Item = Permission> {
        Permission::ALL.iter().copied().filter(move |permission| self.contains(*permission))
    }

    /// Their codes, for the audit trail.
    pub fn codes(self) -> Vec<&'static str> {
        self.iter().map(Permission::code).collect()
    }
}

impl FromIterator<Permission> for Permissions {
    fn from_iter<I: IntoIterator<Item = Permission>>(all: I) -> Self {
        Self(all.into_iter().fold(0, |set, permission| set | Self::bit(permission)))
    }
}

impl From<Role> for Permissions {
    fn from(role: Role) -> Self {
        role.permissions().iter().copied().collect()
    }
}

/// In words, each with a comma behind it but the last.
impl fmt::Display for Permissions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words: Vec<&str> = self.iter().map(Permission::label).collect();
        f.write_str(&words.join("; "))
    }
}

/// One of the five roles, or one that the organisation made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum AnyRole {
    /// One of the five.
    BuiltIn(Role),
    /// One of the organisation's own.
    Custom(RoleId),
}

impl AnyRole {
    /// The word in addresses and forms: the code of one of the five, the id of another.
    pub fn code(self) -> String {
        match self {
            Self::BuiltIn(role) => role.code().to_owned(),
            Self::Custom(id) => id.to_string(),
        }
    }

    /// Reads [`Self::code`]; `None` for anything else.
    pub fn parse(code: &str) -> Option<Self> {
        Role::parse(code).map(Self::BuiltIn).or_else(|| RoleId::parse(code).map(Self::Custom))
    }
}

impl From<Role> for AnyRole {
    fn from(role: Role) -> Self {
        Self::BuiltIn(role)
    }
}

impl From<AnyRole> for String {
    fn from(role: AnyRole) -> Self {
        role.code()
    }
}

impl TryFrom<String> for AnyRole {
    type Error = &'static str;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text).ok_or("no role")
    }
}

/// What a role is.
#[derive(Clone, Debug)]
pub struct Definition {
    /// Which.
    pub role: AnyRole,
    /// What it is called.
    pub label: String,
    /// What it allows.
    pub permissions: Permissions,
    /// Whether it is given no more.
    pub retired: bool,
}

impl From<Role> for Definition {
    fn from(role: Role) -> Self {
        Self { role: role.into(), label: role.label().to_owned(), permissions: role.into(), retired: false }
    }
}

/// Those of the five that a set of permissions counts as where something is asked of "whoever has this role": each that it contains, and the first
/// that contains it. A role made of an auditor's permissions and some more is an auditor's role; one of all permissions is an administrator's.
pub fn counts_as(permissions: Permissions) -> impl Iterator<Item = Role> {
    let whole = Role::ALL.iter().copied().find(|role| Permissions::from(*role).covers(permissions));
    Role::ALL.iter().copied().filter(move |role| Some(*role) == whole || permissions.covers((*role).into()))
}

/// Refuses to give a role to somebody on a region, unless whoever gives it holds there everything that it allows, and it is not for herself.
/// The system itself gives every role.
pub fn giving(by: &Actor, access: &Access, to: Option<UserId>, role: &Definition, place: (RegionId, &str)) -> Result<(), Refusal> {
    if role.retired {
        return Err(Refusal::Invalid("role", format!("{} is retired: it is given to nobody any more", role.label)));
    }
    if by.person().is_some() && by.person() == to {
        return Err(Refusal::Invalid("role", "Nobody gives a role to herself: ask another administrator".to_owned()));
    }
    let missing: Permissions = role.permissions.iter().filter(|permission| !access.may(*permission, place.0)).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let words = format!("Nobody gives what she does not hold. {} allows this, and you may not do it in {}: {missing}", role.label, place.1);
    Err(Refusal::Invalid("role", words))
}

/// Refuses a new role that allows nothing, or what its maker may do nowhere.
pub fn making(access: &Access, permissions: Permissions) -> Result<(), Refusal> {
    if permissions.is_empty() {
        return Err(Refusal::Required("permissions", "Choose at least one thing that the role allows"));
    }
    let missing: Permissions = permissions.iter().filter(|permission| !access.has(*permission)).collect();
    if missing.is_empty() {
        return Ok(());
    }
    Err(Refusal::Invalid("permissions", format!("Nobody puts into a role what she does not hold. You do not hold: {missing}")))
}

/// Refuses to add permissions to a role that is in force where whoever adds them does not hold them, or where she would raise herself.
/// `in_force`: to whom it was given, and on which region.
pub fn widening<'f>(
    by: &Actor,
    access: &Access,
    added: Permissions,
    in_force: impl IntoIterator<Item = (UserId, RegionId, &'f str)>,
) -> Result<(), Refusal> {
    if added.is_empty() {
        return Ok(());
    }
    making(access, added)?;
    for (holder, region, place) in in_force {
        if by.person() == Some(holder) {
            let words = format!("You hold this role yourself, and nobody raises herself. Somebody else has to add: {added}");
            return Err(Refusal::Invalid("permissions", words));
        }
        let missing: Permissions = added.iter().filter(|permission| !access.may(*permission, region)).collect();
        if !missing.is_empty() {
            let words =
                format!("Nobody gives what she does not hold. The role is in force in {place}, and there you do not hold: {missing}");
            return Err(Refusal::Invalid("permissions", words));
        }
    }
    Ok(())
}

/// Refuses to let somebody take over an account that may do more than she may: by a link to choose its password, for instance.
pub fn taking_over(access: &Access, theirs: &Access) -> Result<(), Refusal> {
    let more = |permission: Permission| {
        let scope = theirs.scope(permission);
        (scope.is_whole() && !access.has_everywhere(permission)) || scope.regions().any(|region| !access.may(permission, region))
    };
    let more: Permissions = Permission::ALL.iter().copied().filter(|permission| more(*permission)).collect();
    if more.is_empty() {
        return Ok(());
    }
    Err(Refusal::State(format!("This account may do more than yours, and nobody takes more than she holds: {more}")))
}
