//! One line for each way of asking each address: what it takes to be let in, where the ids in it come from, and what somebody gets who may.
//!
//! A route of the router without a line here fails the test, and so does a line without a route.

use counterfoil::domain::access::Permission::{
    self, AuditRead, BudgetsAdjust, BudgetsManage, BudgetsRead, ExportsCreate, ImportsRun, PeopleManage, PeopleRead, RecipientsErase,
    RecipientsReveal, RegionsManage, RegionsRead, SettingsManage, TransactionsAssign, TransactionsRead,
};

use super::forms::{self, Filling};

/// What is asked before an object is looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gate {
    /// Nothing.
    Open,
    /// That somebody is signed in.
    SignedIn,
    /// That the permission holds somewhere.
    Holds(Permission),
    /// That it holds for the whole organisation.
    Everywhere(Permission),
}

/// Where the ids of an address come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ids {
    /// There are none.
    None,
    /// A file of the portal itself.
    Asset,
    /// A one-time link for a password.
    PasswordToken,
    /// A one-time link for the first set-up, which is over.
    SetupToken,
    Region,
    Budget,
    /// A posting that can be reversed.
    Posting,
    /// A posting that reserves.
    Reserve,
    Transaction,
    /// An import that is done.
    Import,
    /// The same, for what is shown to those alone who import for everybody.
    WholeImport,
    /// An import that its person goes on with.
    OpenImport,
    /// A saved mapping: it belongs to everybody who imports, its rules to regions.
    Mapping,
    Event,
    /// An export, for her who made it and for those who read its trail.
    Export,
    /// The same, for her alone.
    OwnExport,
    Person,
    /// The same, for what is done to somebody everywhere.
    WholePerson,
    /// A person and one of her grants.
    Grant,
    Source,
    Currency,
    Reason,
    /// Who received a reward.
    Recipient,
    /// A request that waits for approval.
    Approval,
    /// The same, for her alone who asked.
    OwnApproval,
    /// The same, for those who may decide and did not ask.
    OthersApproval,
    /// A policy in force.
    Policy,
    /// A right to decide that was lent; nobody has lent any.
    Loan,
    /// A role that the organisation made.
    Role,
    /// A passkey; nobody has any.
    Passkey,
    /// A report for auditors.
    Report,
    /// An access review.
    Review,
    /// The same, for what is done to all of it.
    WholeReview,
    /// An access review and one of its grants.
    ReviewItem,
}

/// A line.
pub struct Row {
    pub method: &'static str,
    pub path: &'static str,
    pub gate: Gate,
    pub ids: Ids,
    /// What she gets who may.
    pub inside: u16,
    /// What she gets who sees the object and may not do this with it.
    pub others: u16,
    pub form: fn(&Filling) -> Vec<(&'static str, String)>,
}

const fn get(path: &'static str, gate: Gate, ids: Ids) -> Row {
    Row { method: "GET", path, gate, ids, inside: 200, others: 403, form: forms::none }
}

const fn post(path: &'static str, gate: Gate, ids: Ids, inside: u16, form: fn(&Filling) -> Vec<(&'static str, String)>) -> Row {
    Row { method: "POST", path, gate, ids, inside, others: 403, form }
}

impl Row {
    const fn gives(mut self, inside: u16) -> Self {
        self.inside = inside;
        self
    }

    const fn others(mut self, others: u16) -> Self {
        self.others = others;
        self
    }
}

use Gate::{Everywhere, Holds, Open, SignedIn};

#[rustfmt::skip]
pub const ROWS: &[Row] = &[
    // Open to everybody. Whoever has a session is led past the sign-in page.
    get("/a/{hash}/{file}", Open, Ids::Asset),
    get("/signed-out.css", Open, Ids::None),
    get("/healthz", Open, Ids::None),
    get("/readyz", Open, Ids::None),
    get("/metrics", Open, Ids::None),
    get("/sign-in", Open, Ids::None).others(303),
    post("/sign-in", Open, Ids::None, 422, forms::credentials).others(422),
    get("/sign-in/code", Open, Ids::None).gives(303).others(303),
    post("/sign-in/code", Open, Ids::None, 303, forms::code).others(303),
    get("/sign-in/second-factor", Open, Ids::None).gives(303).others(303),
    post("/sign-in/second-factor", Open, Ids::None, 303, forms::new_factor).others(303),
    post("/sign-in/passkey", Open, Ids::None, 404, forms::passkey).others(404),
    post("/sign-in/passkey/challenge", Open, Ids::None, 404, forms::none).others(404),
    get("/forgotten-password", Open, Ids::None).others(200),
    post("/forgotten-password", Open, Ids::None, 404, forms::address).others(404),
    get("/forgotten-password/asked", Open, Ids::None),
    post("/demo/sign-in", Open, Ids::None, 404, forms::demo_person).others(404),
    get("/signed-out", Open, Ids::None),
    get("/password/{token}", Open, Ids::PasswordToken),
    post("/password/{token}", Open, Ids::PasswordToken, 422, forms::password),
    get("/password-chosen", Open, Ids::None),
    get("/setup/{token}", Open, Ids::SetupToken),
    post("/setup/{token}", Open, Ids::SetupToken, 404, forms::setup),
    get("/setup/{token}/currencies", Open, Ids::SetupToken),
    post("/setup/{token}/currencies", Open, Ids::SetupToken, 404, forms::setup),
    get("/setup/{token}/regions", Open, Ids::SetupToken),
    post("/setup/{token}/regions", Open, Ids::SetupToken, 404, forms::setup),
    get("/setup/{token}/people", Open, Ids::SetupToken),
    post("/setup/{token}/people", Open, Ids::SetupToken, 404, forms::setup),
    // In the middle of a session.
    get("/prove", SignedIn, Ids::None),
    post("/prove", SignedIn, Ids::None, 303, forms::none),
    post("/prove/passkey", SignedIn, Ids::None, 404, forms::passkey),
    get("/go-on", SignedIn, Ids::None).gives(303),
    get("/session", SignedIn, Ids::None),
    get("/stay-signed-in", SignedIn, Ids::None).gives(204),
    // Overview and audit.
    get("/", SignedIn, Ids::None),
    post("/setup-tasks/dismissal", Everywhere(SettingsManage), Ids::None, 303, forms::none),
    get("/audit", Holds(AuditRead), Ids::None),
    post("/audit/exports", Holds(AuditRead), Ids::None, 200, forms::none),
    get("/audit/proof", Holds(AuditRead), Ids::None),
    post("/audit/verifications", Everywhere(AuditRead), Ids::None, 303, forms::none),
    get("/audit/{id}", Holds(AuditRead), Ids::Event),
    // Evidence.
    get("/evidence", Holds(AuditRead), Ids::None),
    get("/evidence/reviews", Holds(PeopleRead), Ids::None),
    post("/evidence/reviews", Everywhere(PeopleManage), Ids::None, 422, forms::key),
    get("/evidence/reviews/new", Everywhere(PeopleManage), Ids::None),
    get("/evidence/reviews/{id}", Holds(PeopleRead), Ids::Review),
    post("/evidence/reviews/{id}/end", Holds(PeopleRead), Ids::WholeReview, 422, forms::key),
    post("/evidence/reviews/{id}/grants/{grant}", Holds(PeopleRead), Ids::ReviewItem, 422, forms::key).others(422),
    get("/evidence/{report}", Holds(AuditRead), Ids::Report),
    // People.
    get("/people", Holds(PeopleRead), Ids::None),
    post("/people", Everywhere(PeopleManage), Ids::None, 422, forms::person),
    get("/people/new", Everywhere(PeopleManage), Ids::None),
    get("/people/{id}", Holds(PeopleRead), Ids::Person),
    get("/people/{id}/access", Holds(PeopleRead), Ids::Person),
    get("/people/{id}/grants/check", Holds(PeopleManage), Ids::Person).gives(303),
    get("/people/{id}/grants/{grant}/end", Holds(PeopleManage), Ids::Grant),
    post("/people/{id}/second-factor/removal", Everywhere(PeopleManage), Ids::WholePerson, 409, forms::key),
    get("/roles", Holds(PeopleRead), Ids::None),
    post("/roles", Everywhere(PeopleManage), Ids::None, 422, forms::role),
    get("/roles/new", Everywhere(PeopleManage), Ids::None).gives(404),
    get("/roles/{id}", Holds(PeopleRead), Ids::Role),
    post("/roles/{id}", Everywhere(PeopleManage), Ids::Role, 409, forms::role),
    get("/roles/{id}/check", Everywhere(PeopleManage), Ids::Role).gives(303),
    get("/roles/{id}/edit", Everywhere(PeopleManage), Ids::Role),
    get("/roles/{id}/reinstatement", Everywhere(PeopleManage), Ids::Role),
    post("/roles/{id}/reinstatement", Everywhere(PeopleManage), Ids::Role, 409, forms::step),
    get("/roles/{id}/retirement", Everywhere(PeopleManage), Ids::Role),
    post("/roles/{id}/retirement", Everywhere(PeopleManage), Ids::Role, 409, forms::step),
    post("/people/{id}/grants", Holds(PeopleManage), Ids::Person, 422, forms::grant),
    post("/people/{id}/grants/{grant}/end", Holds(PeopleManage), Ids::Grant, 303, forms::key),
    post("/people/{id}/password-link", Everywhere(PeopleManage), Ids::WholePerson, 200, forms::key),
    post("/people/{id}/sessions/end", Everywhere(PeopleManage), Ids::WholePerson, 303, forms::none),
    get("/people/sign-out", Everywhere(PeopleManage), Ids::None),
    post("/people/sign-out", Everywhere(PeopleManage), Ids::None, 303, forms::none),
    post("/people/{id}/suspension", Holds(PeopleManage), Ids::WholePerson, 303, forms::key),
    post("/people/{id}/reinstatement", Holds(PeopleManage), Ids::WholePerson, 303, forms::key),
    // Regions.
    get("/regions", Holds(RegionsRead), Ids::None),
    post("/regions", Holds(RegionsManage), Ids::None, 422, forms::region),
    get("/regions/new", Holds(RegionsManage), Ids::None),
    get("/regions/{id}", Holds(RegionsRead), Ids::Region),
    post("/regions/{id}", Holds(RegionsManage), Ids::Region, 422, forms::region),
    get("/regions/{id}/edit", Holds(RegionsManage), Ids::Region),
    get("/regions/{id}/move", Holds(RegionsManage), Ids::Region),
    post("/regions/{id}/move", Holds(RegionsManage), Ids::Region, 409, forms::region_step),
    get("/regions/{id}/move/check", Holds(RegionsManage), Ids::Region).gives(422),
    get("/regions/{id}/reinstatement", Holds(RegionsManage), Ids::Region),
    post("/regions/{id}/reinstatement", Holds(RegionsManage), Ids::Region, 409, forms::region_step),
    get("/regions/{id}/retirement", Holds(RegionsManage), Ids::Region),
    post("/regions/{id}/retirement", Holds(RegionsManage), Ids::Region, 409, forms::region_step),
    // Settings.
    get("/settings", SignedIn, Ids::None),
    get("/settings/about", SignedIn, Ids::None),
    get("/settings/approvals", SignedIn, Ids::None),
    post("/settings/approvals/letters", SignedIn, Ids::None, 303, forms::none),
    post("/settings/approvals/policies", Everywhere(SettingsManage), Ids::None, 422, forms::policy),
    post("/settings/approvals/policies/{id}/end", Everywhere(SettingsManage), Ids::Policy, 303, forms::key),
    post("/settings/approvals/stand-ins", SignedIn, Ids::None, 422, forms::loan),
    post("/settings/approvals/stand-ins/{id}/end", SignedIn, Ids::Loan, 303, forms::key),
    get("/settings/retention", Everywhere(SettingsManage), Ids::None),
    post("/settings/retention", Everywhere(SettingsManage), Ids::None, 422, forms::retention),
    get("/settings/passkeys", SignedIn, Ids::None),
    post("/settings/passkeys", SignedIn, Ids::None, 404, forms::new_passkey),
    post("/settings/passkeys/challenge", SignedIn, Ids::None, 404, forms::none),
    post("/settings/passkeys/{id}/removal", SignedIn, Ids::Passkey, 303, forms::none),
    get("/settings/second-factor", SignedIn, Ids::None),
    post("/settings/second-factor", SignedIn, Ids::None, 422, forms::own_factor),
    post("/settings/second-factor/codes", SignedIn, Ids::None, 404, forms::current),
    post("/settings/second-factor/removal", SignedIn, Ids::None, 409, forms::current),
    post("/settings/sign-in/step-up", Everywhere(SettingsManage), Ids::None, 422, forms::step_up),
    get("/settings/sessions", SignedIn, Ids::None),
    post("/settings/sessions", SignedIn, Ids::None, 404, forms::session),
    get("/settings/sign-in", Everywhere(SettingsManage), Ids::None),
    post("/settings/sign-in", Everywhere(SettingsManage), Ids::None, 303, forms::key),
    post("/settings/currencies", Everywhere(SettingsManage), Ids::None, 422, forms::currency),
    post("/settings/currencies/{code}/removal", Everywhere(SettingsManage), Ids::Currency, 422, forms::key),
    get("/settings/organisation", Everywhere(SettingsManage), Ids::None),
    post("/settings/organisation", Everywhere(SettingsManage), Ids::None, 422, forms::organisation),
    post("/settings/password", SignedIn, Ids::None, 422, forms::new_password),
    post("/settings/preferences", SignedIn, Ids::None, 422, forms::preferences),
    get("/settings/reason-codes", Everywhere(SettingsManage), Ids::None),
    post("/settings/reason-codes", Everywhere(SettingsManage), Ids::None, 422, forms::reason),
    post("/settings/reason-codes/{code}", Everywhere(SettingsManage), Ids::Reason, 303, forms::reason_label),
    post("/settings/sources", Everywhere(SettingsManage), Ids::None, 422, forms::source),
    post("/settings/sources/{id}", Everywhere(SettingsManage), Ids::Source, 303, forms::source_name),
    // Search, exports and transactions.
    get("/search", SignedIn, Ids::None),
    get("/exports", Holds(ExportsCreate), Ids::None),
    post("/exports", Holds(ExportsCreate), Ids::None, 422, forms::export),
    get("/exports/new", Holds(ExportsCreate), Ids::None),
    get("/exports/{id}", SignedIn, Ids::Export),
    get("/exports/{id}/checkpoint", SignedIn, Ids::Export),
    get("/exports/{id}/file", Holds(ExportsCreate), Ids::OwnExport),
    get("/recipients/{id}", Holds(TransactionsRead), Ids::Recipient),
    post("/recipients/{id}/reveals", Holds(RecipientsReveal), Ids::Recipient, 422, forms::why),
    get("/recipients/{id}/erasure", Holds(RecipientsErase), Ids::Recipient),
    post("/recipients/{id}/erasure", Holds(RecipientsErase), Ids::Recipient, 422, forms::why),
    get("/transactions", Holds(TransactionsRead), Ids::None),
    get("/transactions/{id}", Holds(TransactionsRead), Ids::Transaction),
    get("/transactions/{id}/assignment", Holds(TransactionsAssign), Ids::Transaction),
    post("/transactions/{id}/assignment", Holds(TransactionsAssign), Ids::Transaction, 409, forms::assignment),
    // Imports.
    get("/imports", Holds(ImportsRun), Ids::None),
    post("/imports", Holds(ImportsRun), Ids::None, 400, forms::none),
    get("/imports/new", Holds(ImportsRun), Ids::None),
    get("/imports/mappings", Holds(ImportsRun), Ids::None),
    post("/imports/mappings/{id}/name", Holds(ImportsRun), Ids::Mapping, 409, forms::mapping).others(422),
    post("/imports/mappings/{id}/removal", Holds(ImportsRun), Ids::Mapping, 409, forms::mapping).others(422),
    get("/imports/{id}", Holds(TransactionsRead), Ids::Import),
    post("/imports/{id}/mapping", Holds(ImportsRun), Ids::OpenImport, 409, forms::import_mapping).others(422),
    get("/imports/{id}/columns", Holds(ImportsRun), Ids::OpenImport).others(303),
    post("/imports/{id}/columns", Holds(ImportsRun), Ids::OpenImport, 422, forms::version).others(404),
    get("/imports/{id}/values", Holds(ImportsRun), Ids::OpenImport).others(303),
    post("/imports/{id}/values", Holds(ImportsRun), Ids::OpenImport, 422, forms::version).others(404),
    get("/imports/{id}/check", Holds(ImportsRun), Ids::OpenImport).others(303),
    post("/imports/{id}/check", Holds(ImportsRun), Ids::OpenImport, 409, forms::version).others(422),
    post("/imports/{id}/commit", Holds(ImportsRun), Ids::OpenImport, 422, forms::commit).others(422),
    post("/imports/{id}/withdrawal", Holds(ImportsRun), Ids::OpenImport, 409, forms::version).others(409),
    get("/imports/{id}/refused.csv", Holds(ImportsRun), Ids::WholeImport),
    // Budgets and postings.
    get("/approvals", Holds(BudgetsRead), Ids::None),
    get("/approvals/{id}", Holds(BudgetsRead), Ids::Approval),
    post("/approvals/{id}/approval", Holds(BudgetsRead), Ids::Approval, 400, forms::approval),
    post("/approvals/{id}/refusal", Holds(BudgetsRead), Ids::OthersApproval, 422, forms::refusal),
    post("/approvals/{id}/withdrawal", Holds(BudgetsRead), Ids::OwnApproval, 303, forms::key).others(422),
    get("/budgets", Holds(BudgetsRead), Ids::None),
    post("/budgets", Holds(BudgetsManage), Ids::None, 422, forms::budget),
    get("/budgets/new", Holds(BudgetsManage), Ids::None),
    get("/budgets/{id}", Holds(BudgetsRead), Ids::Budget),
    get("/budgets/{id}/edit", Holds(BudgetsManage), Ids::Budget),
    post("/budgets/{id}/versions", Holds(BudgetsManage), Ids::Budget, 422, forms::budget),
    get("/budgets/{id}/activation/new", Holds(BudgetsManage), Ids::Budget),
    post("/budgets/{id}/activation", Holds(BudgetsManage), Ids::Budget, 409, forms::step),
    get("/budgets/{id}/closure/new", Holds(BudgetsManage), Ids::Budget),
    post("/budgets/{id}/closure", Holds(BudgetsManage), Ids::Budget, 422, forms::step),
    get("/budgets/{id}/allocations/new", Holds(BudgetsManage), Ids::Budget),
    get("/budgets/{id}/allocations/check", Holds(BudgetsManage), Ids::Budget).gives(303),
    post("/budgets/{id}/allocations", Holds(BudgetsManage), Ids::Budget, 422, forms::money),
    get("/budgets/{id}/adjustments/new", Holds(BudgetsAdjust), Ids::Budget),
    get("/budgets/{id}/adjustments/check", Holds(BudgetsAdjust), Ids::Budget).gives(303),
    post("/budgets/{id}/adjustments", Holds(BudgetsAdjust), Ids::Budget, 422, forms::money),
    get("/budgets/{id}/transfers/new", Holds(BudgetsAdjust), Ids::Budget),
    get("/budgets/{id}/transfers/check", Holds(BudgetsAdjust), Ids::Budget).gives(303),
    post("/budgets/{id}/transfers", Holds(BudgetsAdjust), Ids::Budget, 422, forms::money),
    get("/budgets/{id}/reservations/new", Holds(BudgetsAdjust), Ids::Budget),
    get("/budgets/{id}/reservations/check", Holds(BudgetsAdjust), Ids::Budget).gives(303),
    post("/budgets/{id}/reservations", Holds(BudgetsAdjust), Ids::Budget, 422, forms::money),
    get("/budgets/{id}/carry-overs/new", Holds(BudgetsManage), Ids::Budget),
    get("/budgets/{id}/carry-overs/check", Holds(BudgetsManage), Ids::Budget).gives(303),
    post("/budgets/{id}/carry-overs", Holds(BudgetsManage), Ids::Budget, 422, forms::money),
    get("/postings/{id}", Holds(BudgetsRead), Ids::Posting),
    get("/postings/{id}/commitment/new", Holds(BudgetsAdjust), Ids::Reserve),
    get("/postings/{id}/commitment/check", Holds(BudgetsAdjust), Ids::Reserve).gives(303),
    post("/postings/{id}/commitment", Holds(BudgetsAdjust), Ids::Reserve, 422, forms::money),
    get("/postings/{id}/void/new", Holds(BudgetsAdjust), Ids::Reserve),
    get("/postings/{id}/void/check", Holds(BudgetsAdjust), Ids::Reserve).gives(303),
    post("/postings/{id}/void", Holds(BudgetsAdjust), Ids::Reserve, 422, forms::money),
    get("/postings/{id}/reversal/new", Holds(BudgetsAdjust), Ids::Posting),
    get("/postings/{id}/reversal/check", Holds(BudgetsAdjust), Ids::Posting).gives(303),
    post("/postings/{id}/reversal", Holds(BudgetsAdjust), Ids::Posting, 422, forms::money),
    // Last, since it ends the session.
    post("/sign-out", SignedIn, Ids::None, 303, forms::none),
];
