//! Reports that auditors ask for. Each has a scope, a filter and columns, and says what it asked the database: the statements that ran, no others.

mod about;
mod events;
pub mod file;
mod money;
mod people;
pub mod proof;

use std::collections::HashMap;

pub use about::{About, Dated};
pub use people::decision;
use serde::{Deserialize, Serialize};

use crate::domain::access::{Access, Permission, Scope, codes};
use crate::domain::id::{RegionId, ReviewId, UserId};
use crate::domain::time::{Day, Instant};
use crate::store::failure::DbError;
use crate::store::heard::Heard;
use crate::store::{people as kept_people, regions};

codes! {
    /// A report.
    Report {
        /// Who looked through whose roles.
        AccessReviews = "access-reviews", "Access reviews";
        /// How soon those who went lost their access.
        Leavers = "leavers", "Leavers";
        /// Duties in one hand.
        Duties = "duties", "Duties that collide";
        /// Changes of who may do what.
        Privileged = "privileged-changes", "Privileged changes";
        /// Requests, and who decided.
        Approvals = "approvals", "Approvals and their approvers";
        /// Where the trail's proof stands.
        Integrity = "integrity", "Integrity certificate";
        /// Backups, restores, drills.
        Recovery = "recovery", "Backups and restore drills";
        /// Everybody with her roles.
        People = "people", "People, roles and last sign-in";
        /// Who has not been here for long.
        Dormant = "dormant", "Dormant accounts";
        /// Who came, and which roles were given and ended.
        Movers = "joiners-and-movers", "Joiners and movers";
        /// What each role allows.
        Roles = "roles", "What each role allows";
        /// What needed approval when.
        Policies = "policies", "Approval policies";
        /// Tries in vain.
        SignIns = "failed-sign-ins", "Sign-ins refused";
        /// What was seen of people, and taken out.
        Personal = "personal-data", "Personal data shown and erased";
        /// Files taken away.
        Exports = "exports", "Files taken away";
        /// Files brought in.
        Imports = "imports", "Files brought in";
    }
}

impl Report {
    /// Where somebody may ask for it; `None` where she may not.
    pub fn scope(self, access: &Access) -> Option<Scope> {
        let about = self.about();
        if !access.has(Permission::AuditRead) || !access.has(about.needs) {
            return None;
        }
        let (reads, sees) = (access.scope(Permission::AuditRead), access.scope(about.needs));
        let both = Scope::of(reads.regions().filter(|region| sees.covers(*region)), reads.is_whole() && sees.is_whole());
        Some(both).filter(|scope| !scope.is_empty() && (scope.is_whole() || !about.whole))
    }
}

/// What is asked.
#[derive(Clone, Debug)]
pub struct Question {
    /// Which report.
    pub report: Report,
    /// Only this region and what is below it.
    pub region: Option<RegionId>,
    /// Only about this person.
    pub person: Option<UserId>,
    /// The first day.
    pub from: Day,
    /// The last day.
    pub to: Day,
    /// Only this campaign.
    pub review: Option<ReviewId>,
}

/// A question with where it may be asked.
pub struct Asked<'a> {
    /// The question.
    pub question: &'a Question,
    /// The regions that the rows come from.
    pub scope: Scope,
    /// This moment.
    pub now: Instant,
    /// The organisation's clock.
    pub zone: chrono_tz::Tz,
}

impl Asked<'_> {
    fn period(&self) -> (Instant, Instant) {
        (self.question.from.start(self.zone), Day(self.question.to.0 + 1).start(self.zone))
    }
}

/// One cell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// Nothing.
    Nothing,
    /// Text.
    Text(String),
    /// A moment.
    At(Instant),
    /// A day.
    Day(Day),
    /// A number.
    Number(i64),
    /// An amount in minor units, with the digits of its currency.
    Amount(i64, u32),
}

impl Value {
    fn text(text: impl Into<String>) -> Self {
        let text = text.into();
        if text.is_empty() { Self::Nothing } else { Self::Text(text) }
    }

    fn maybe_at(at: Option<Instant>) -> Self {
        at.map_or(Self::Nothing, Self::At)
    }

    fn maybe_number(number: Option<i64>) -> Self {
        number.map_or(Self::Nothing, Self::Number)
    }
}

/// One line.
#[derive(Clone, Debug)]
pub struct Line {
    /// The region that it is about, where it is about one.
    pub region: Option<RegionId>,
    /// Where its first cell leads; empty for nowhere.
    pub href: String,
    /// The cells.
    pub cells: Vec<Value>,
}

/// Column heads: (words, code).
pub type Heads = &'static [(&'static str, &'static str)];

/// A report as it was found.
pub struct Answer {
    /// The columns.
    pub heads: Heads,
    /// The lines.
    pub lines: Vec<Line>,
    /// What stands above them.
    pub figures: Vec<(&'static str, String)>,
}

/// Names for ids.
struct Names {
    regions: HashMap<RegionId, String>,
    people: HashMap<UserId, String>,
}

impl Names {
    async fn of(heard: &mut Heard, scope: &Scope, people: impl IntoIterator<Item = UserId>) -> Result<Self, DbError> {
        let mut ids: Vec<UserId> = people.into_iter().collect();
        ids.sort_unstable();
        ids.dedup();
        let read = heard.beside();
        Ok(Self { regions: regions::names(read, scope).await?, people: kept_people::names(read, &ids).await? })
    }

    fn region(&self, id: Option<RegionId>) -> Value {
        Value::text(id.and_then(|id| self.regions.get(&id)).cloned().unwrap_or_default())
    }

    fn person(&self, id: Option<UserId>) -> Value {
        match id {
            Some(id) => Value::text(self.people.get(&id).cloned().unwrap_or_else(|| id.to_string())),
            None => Value::text("The portal itself"),
        }
    }
}

/// Answers a question. What was asked of the database is then in `heard`.
pub async fn answer(heard: &mut Heard, asked: &Asked<'_>) -> Result<Answer, DbError> {
    match asked.question.report {
        Report::AccessReviews => people::reviews(heard, asked).await,
        Report::Leavers => people::leavers(heard, asked).await,
        Report::Duties => people::duties(heard, asked).await,
        Report::People => people::accounts(heard, asked, false).await,
        Report::Dormant => people::accounts(heard, asked, true).await,
        Report::Roles => people::roles(heard).await,
        Report::Approvals => money::approvals(heard, asked).await,
        Report::Policies => money::policies(heard, asked).await,
        Report::Integrity => proof::certificate(heard, asked).await,
        Report::Privileged | Report::Recovery | Report::Movers | Report::SignIns | Report::Personal | Report::Exports | Report::Imports => {
            events::found(heard, asked).await
        }
    }
}
