//! Who may do what, where: the only authorization rules there are.
//!
//! A grant is (person, role, region) and covers the region's whole subtree. A role is a set of permissions. Everything a person sees or does is
//! asked here: [`Access::scope`] for lists, [`Access::may`] for one object.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::id::{GrantId, RegionId, UserId};
use super::role::{AnyRole, Permissions, counts_as};
use super::time::Instant;

macro_rules! codes {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $code:literal, $label:literal;)+ }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum $name { $($(#[$vdoc])* #[serde(rename = $code)] $variant,)+ }

        impl $name {
            /// All of them, in the order people read them.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The stable word in the store, URLs, exports and the API.
            pub fn code(self) -> &'static str {
                match self { $(Self::$variant => $code,)+ }
            }

            /// The words on a page.
            pub fn label(self) -> &'static str {
                match self { $(Self::$variant => $label,)+ }
            }

            /// Reads [`Self::code`]; `None` for anything else.
            pub fn parse(code: &str) -> Option<Self> {
                match code { $($code => Some(Self::$variant),)+ _ => None }
            }
        }
    };
}
pub(crate) use codes;

codes! {
    /// The five roles of `product.md`.
    Role {
        /// Reads her regions' budgets and transactions, exports, asks for more.
        RegionalPartner = "regional_partner", "Regional HR partner";
        /// The same, and moves money inside her regions.
        RegionalAdministrator = "regional_administrator", "Regional administrator";
        /// Reconciles, closes, allocates.
        FinanceController = "finance_controller", "Finance controller";
        /// Reads everything in scope, the audit trail too; changes nothing.
        Auditor = "auditor", "Auditor";
        /// People, roles, regions, settings; sees everything.
        Administrator = "administrator", "Administrator";
    }
}

codes! {
    /// One thing that a role may allow. A handler names the one it needs in its signature.
    Permission {
        /// See regions in scope.
        RegionsRead = "regions.read", "See regions";
        /// Add, rename, move and retire regions.
        RegionsManage = "regions.manage", "Manage regions";
        /// See budgets and their statements.
        BudgetsRead = "budgets.read", "See budgets";
        /// Create, edit and close budgets, allocate money to them, carry over.
        BudgetsManage = "budgets.manage", "Create, allocate and close budgets";
        /// Adjust, transfer, reserve and reverse.
        BudgetsAdjust = "budgets.adjust", "Adjust, transfer and reserve budget";
        /// Decide on what others ask for.
        ApprovalsDecide = "approvals.decide", "Approve what others ask for";
        /// See transactions.
        TransactionsRead = "transactions.read", "See transactions";
        /// See who received a transaction: names, e-mail addresses, employee numbers.
        RecipientsRead = "recipients.read", "See recipients' names and addresses";
        /// See one recipient that is hidden otherwise, with a reason, on the record.
        RecipientsReveal = "recipients.reveal", "Reveal a recipient, with a reason";
        /// Take a recipient's name, e-mail address and number out for good.
        RecipientsErase = "recipients.erase", "Erase a recipient's personal data";
        /// Assign or move a transaction to a budget.
        TransactionsAssign = "transactions.assign", "Assign transactions to budgets";
        /// Take lists away as files.
        ExportsCreate = "exports.create", "Export";
        /// Load files of transactions.
        ImportsRun = "imports.run", "Import transactions";
        /// Read the audit trail.
        AuditRead = "audit.read", "Read the audit trail";
        /// See people and their grants.
        PeopleRead = "people.read", "See people";
        /// Add and suspend people, grant and end roles.
        PeopleManage = "people.manage", "Manage people and roles";
        /// Change the organisation's settings, currencies and reason codes.
        SettingsManage = "settings.manage", "Manage settings";
    }
}

impl Role {
    /// What the role allows: the table of the README, which a test compares with this one.
    pub fn permissions(self) -> &'static [Permission] {
        use Permission::{
            ApprovalsDecide, AuditRead, BudgetsAdjust, BudgetsManage, BudgetsRead, ExportsCreate, ImportsRun, PeopleRead, RecipientsRead,
            RecipientsReveal, RegionsRead, TransactionsAssign, TransactionsRead,
        };
        match self {
            Self::RegionalPartner => &[RegionsRead, BudgetsRead, TransactionsRead, RecipientsRead, ExportsCreate],
            Self::RegionalAdministrator => &[
                RegionsRead,
                BudgetsRead,
                BudgetsAdjust,
                ApprovalsDecide,
                TransactionsRead,
                RecipientsRead,
                TransactionsAssign,
                ExportsCreate,
                ImportsRun,
            ],
            Self::FinanceController => &[
                RegionsRead,
                BudgetsRead,
                BudgetsManage,
                BudgetsAdjust,
                ApprovalsDecide,
                TransactionsRead,
                RecipientsReveal,
                TransactionsAssign,
                ExportsCreate,
                ImportsRun,
                AuditRead,
            ],
            Self::Auditor => &[RegionsRead, BudgetsRead, TransactionsRead, RecipientsReveal, ExportsCreate, AuditRead, PeopleRead],
            Self::Administrator => Permission::ALL,
        }
    }

    /// Whether the role allows it.
    pub fn allows(self, permission: Permission) -> bool {
        self.permissions().contains(&permission)
    }
}

/// The regions that a question may be asked about. Every query on scoped data takes one, and it is in its WHERE clause.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scope {
    regions: BTreeSet<RegionId>,
    whole: bool,
}

impl Scope {
    /// Nothing at all.
    pub fn nothing() -> Self {
        Self { regions: BTreeSet::new(), whole: false }
    }

    /// These regions; `whole` when a grant on the organisation's root stands behind it, so that what belongs to no region is seen too.
    pub fn of(regions: impl IntoIterator<Item = RegionId>, whole: bool) -> Self {
        Self { regions: regions.into_iter().collect(), whole }
    }

    /// The regions, in the order of their ids.
    pub fn regions(&self) -> impl ExactSizeIterator<Item = RegionId> + '_ {
        self.regions.iter().copied()
    }

    /// Whether it covers the whole organisation, and with it what belongs to no region.
    pub fn is_whole(&self) -> bool {
        self.whole
    }

    /// Whether nothing can be seen through it.
    pub fn is_empty(&self) -> bool {
        self.regions.is_empty() && !self.whole
    }

    /// Whether the region lies in it.
    pub fn covers(&self, region: RegionId) -> bool {
        self.regions.contains(&region)
    }

    /// Only those of `wanted` that it covers: a filter can narrow a scope, never widen it.
    pub fn narrowed(&self, wanted: &[RegionId]) -> Self {
        Self { regions: wanted.iter().copied().filter(|region| self.covers(*region)).collect(), whole: false }
    }
}

/// How far the database itself lets a reader see, whatever it is asked: the wall behind every [`Scope`]. On PostgreSQL the server holds to it, on SQLite
/// there is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sight {
    /// All regions: for the system itself, and for whoever holds a role on the organisation's root.
    Everything,
    /// What one person can come to see: the regions of all her grants, and what is her own.
    Within {
        /// Who.
        person: UserId,
        /// Where she holds any role.
        regions: BTreeSet<RegionId>,
    },
}

/// One grant in force, with its region's subtree spelled out.
#[derive(Clone, Debug)]
pub struct Granted {
    /// Which grant.
    pub id: GrantId,
    /// The role.
    pub role: AnyRole,
    /// What the role is called.
    pub label: String,
    /// What it allows.
    pub permissions: Permissions,
    /// The region of the grant.
    pub region: RegionId,
    /// The region of the grant and everything below it.
    pub regions: BTreeSet<RegionId>,
    /// Whether the region is the organisation's root.
    pub root: bool,
}

/// What one person may do, as of one moment. Read for each request, and again inside each write.
#[derive(Clone, Debug)]
pub struct Access {
    grants: Vec<Granted>,
    unlimited: bool,
}

impl Access {
    /// From the grants in force.
    pub fn of(grants: Vec<Granted>) -> Self {
        Self { grants, unlimited: false }
    }

    /// For the system itself (command line, jobs): everything.
    pub fn unlimited() -> Self {
        Self { grants: Vec::new(), unlimited: true }
    }

    /// Where the permission holds. For the system itself the regions are not listed: it acts on objects, it keeps no lists.
    pub fn scope(&self, permission: Permission) -> Scope {
        let allowing = || self.grants.iter().filter(|grant| grant.permissions.contains(permission));
        Scope::of(allowing().flat_map(|grant| grant.regions.iter().copied()), self.unlimited || allowing().any(|grant| grant.root))
    }

    /// How far the database lets this person see.
    pub fn sight(&self, person: UserId) -> Sight {
        if self.unlimited || self.grants.iter().any(|grant| grant.root) {
            return Sight::Everything;
        }
        Sight::Within { person, regions: self.grants.iter().flat_map(|grant| grant.regions.iter().copied()).collect() }
    }

    /// Whether the permission holds in the region.
    pub fn may(&self, permission: Permission, region: RegionId) -> bool {
        self.unlimited || self.grants.iter().any(|grant| grant.permissions.contains(permission) && grant.regions.contains(&region))
    }

    /// Whether the permission holds anywhere: what decides whether a page or a menu entry exists for the person.
    pub fn has(&self, permission: Permission) -> bool {
        self.unlimited || self.grants.iter().any(|grant| grant.permissions.contains(permission))
    }

    /// Whether the permission holds for the whole organisation.
    pub fn has_everywhere(&self, permission: Permission) -> bool {
        self.unlimited || self.grants.iter().any(|grant| grant.root && grant.permissions.contains(permission))
    }

    /// Those of the five roles that are held, each once; a custom role is held as those that it [counts as](counts_as).
    pub fn roles(&self) -> BTreeSet<Role> {
        let held = |grant: &Granted| match grant.role {
            AnyRole::BuiltIn(role) => vec![role],
            AnyRole::Custom(_) => counts_as(grant.permissions).collect(),
        };
        self.grants.iter().flat_map(held).collect()
    }

    /// What the roles held are called, each once.
    pub fn labels(&self) -> Vec<&str> {
        self.grants.iter().map(|grant| (grant.role, grant.label.as_str())).collect::<BTreeMap<_, _>>().into_values().collect()
    }

    /// The grants in force.
    pub fn grants(&self) -> &[Granted] {
        &self.grants
    }

    /// What it would be with one more grant.
    #[must_use]
    pub fn with(mut self, granted: Granted) -> Self {
        self.grants.push(granted);
        self
    }

    /// What it would be if these regions, one with everything below it, stood below those alone that are in `above`.
    #[must_use]
    pub fn moved(mut self, below: &BTreeSet<RegionId>, above: &BTreeSet<RegionId>) -> Self {
        for grant in self.grants.iter_mut().filter(|grant| !below.contains(&grant.region)) {
            if above.contains(&grant.region) {
                grant.regions.extend(below);
            } else {
                grant.regions.retain(|region| !below.contains(region));
            }
        }
        self
    }

    /// What it would be without a grant.
    #[must_use]
    pub fn without(mut self, id: GrantId) -> Self {
        self.grants.retain(|grant| grant.id != id);
        self
    }

    /// What it would be if the role allowed this.
    #[must_use]
    pub fn with_role(mut self, role: AnyRole, permissions: Permissions) -> Self {
        self.grants.iter_mut().filter(|grant| grant.role == role).for_each(|grant| grant.permissions = permissions);
        self
    }
}

/// Who acts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Who {
    /// A person who signed in.
    Person(UserId),
    /// The product itself, and through what: `cli`, `job`, `setup`, `demo`.
    System(&'static str),
}

/// When whoever acts last showed who she is, by password, code or passkey.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proved {
    /// She acts through no session of the portal: the command line, or work that a session of hers began.
    Elsewhere,
    /// In the session that she acts through, at this moment.
    At(Instant),
}

/// Who acts, and through which request: an argument of every write.
#[derive(Clone, Debug)]
pub struct Actor {
    /// Who.
    pub who: Who,
    /// The request id that the person sees on an error page and the logs carry.
    pub request_id: String,
    /// The network address it came from; empty for the system itself.
    pub peer: String,
    /// When she last showed who she is.
    pub proved: Proved,
}

impl Actor {
    /// The product itself.
    pub fn system(through: &'static str) -> Self {
        Self { who: Who::System(through), request_id: String::new(), peer: String::new(), proved: Proved::Elsewhere }
    }

    /// The person's id, where a person acts.
    pub fn person(&self) -> Option<UserId> {
        match self.who {
            Who::Person(id) => Some(id),
            Who::System(_) => None,
        }
    }

    /// `person` or `system`.
    pub fn kind(&self) -> &'static str {
        match self.who {
            Who::Person(_) => "person",
            Who::System(_) => "system",
        }
    }
}
