//! Reports that auditors ask for. Each has a scope, a filter and columns, and says what it asked the database: the statements that ran, no others.

mod events;
pub mod file;
mod money;
mod people;
pub mod proof;

use std::collections::HashMap;

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

/// What a report is dated by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dated {
    /// One moment: this one.
    AsAt,
    /// From one day to another.
    Period,
}

/// What is said about a report.
#[derive(Clone, Copy, Debug)]
pub struct About {
    /// What it answers.
    pub what: &'static str,
    /// How it is asked, in words.
    pub query: &'static str,
    /// The controls it is evidence for: SOC 2 criteria, ISO 27001:2022 Annex A.
    pub controls: &'static str,
    /// What it takes besides reading the trail.
    pub needs: Permission,
    /// Whether it is about the whole organisation, and so for those alone who see all of it.
    pub whole: bool,
    /// What it is dated by.
    pub dated: Dated,
    /// Whether it can be asked about one person.
    pub by_person: bool,
}

const fn about(what: &'static str, query: &'static str, controls: &'static str, needs: Permission, dated: Dated) -> About {
    About { what, query, controls, needs, whole: false, dated, by_person: true }
}

impl About {
    const fn whole(mut self) -> Self {
        self.whole = true;
        self
    }

    const fn nobody(mut self) -> Self {
        self.by_person = false;
        self
    }
}

impl Report {
    /// What is said about it.
    pub fn about(self) -> About {
        use Dated::{AsAt, Period};
        use Permission::{AuditRead, BudgetsRead, PeopleRead};
        match self {
            Self::AccessReviews => about(
                "Per role that was reviewed: kept or revoked, by whom, when and why",
                "Every role frozen into a campaign that was opened in the period, with its decision",
                "CC6.2, CC6.3; A.5.18",
                PeopleRead,
                Period,
            ),
            Self::Leavers => about(
                "Minutes from a suspension to the end of the last session and of the last role",
                "The last suspension in the period of everybody you see, from the trail; her sessions, links and roles as they are now",
                "CC6.2, CC6.3; A.5.16, A.5.18",
                PeopleRead,
                Period,
            ),
            Self::Duties => about(
                "People who hold two abilities that should lie in different hands, and by which roles",
                "Every active account with the roles in force now, against the rules of the table in src/domain/duties.rs",
                "CC5.1, CC6.3; A.5.3",
                PeopleRead,
                AsAt,
            ),
            Self::Privileged => about(
                "Changes of roles, policies, settings, keys, retention, and what restores did",
                "Events of the trail whose action is one of these",
                "CC6.1, CC7.1, CC8.1; A.8.2, A.8.9",
                AuditRead,
                Period,
            ),
            Self::Approvals => about(
                "Who asked for what, who approved or declined it and when; and how often somebody decided on her own request",
                "Requests that were made in the period with every decision on them; and a count of decisions by whoever asked",
                "CC5.1; A.5.3",
                BudgetsRead,
                Period,
            ),
            Self::Integrity => about(
                "The last verdict on the trail, how far it is signed and anchored, and the numbers to check it by",
                "The head of the trail, its newest checkpoint, its keys and anchors, and the verdict that was noted last",
                "CC7.2; A.8.15, A.5.28, A.5.33",
                AuditRead,
                AsAt,
            )
            .whole()
            .nobody(),
            Self::Recovery => about(
                "Backups that were made, restores, and drills with their result and duration",
                "Events of the trail about backups and restores",
                "A1.2, CC7.5; A.8.13",
                AuditRead,
                Period,
            )
            .whole()
            .nobody(),
            Self::People => about(
                "Everybody with her roles, second factor and last sign-in",
                "Every account you see, with the roles in force now",
                "CC6.1, CC6.2; A.5.15, A.8.5",
                PeopleRead,
                AsAt,
            ),
            Self::Dormant => about(
                "Accounts that could sign in and have not done so for 45 days or more",
                "The accounts of “People, roles and last sign-in” that are not suspended and were used last, or made, 45 days ago or before",
                "CC6.1; A.5.16",
                PeopleRead,
                AsAt,
            ),
            Self::Movers => about(
                "Who was added, and which roles were given and ended, by whom",
                "Events of the trail whose action is one of these",
                "CC6.2, CC6.3; A.5.16, A.5.18",
                AuditRead,
                Period,
            ),
            Self::Roles => about(
                "The five roles and the organisation’s own, with everything that each allows",
                "The roles of this program and those that were made here",
                "CC6.1; A.5.15, A.8.3",
                PeopleRead,
                AsAt,
            )
            .nobody(),
            Self::Policies => about(
                "What needed whose approval from when to when",
                "Every policy in your regions that was in force at some moment of the period",
                "CC5.1; A.5.3",
                BudgetsRead,
                Period,
            )
            .nobody(),
            Self::SignIns => about(
                "Sign-ins that were refused or slowed down, codes that were wrong, codes for recovery that were used",
                "Events of the trail whose action is one of these",
                "CC6.1, CC7.2; A.8.5",
                AuditRead,
                Period,
            )
            .whole(),
            Self::Personal => about(
                "Recipients who were revealed or erased, with the reason, and what retention took out",
                "Events of the trail whose action is one of these",
                "C1.1, C1.2; A.5.34, A.8.10, A.8.11",
                AuditRead,
                Period,
            ),
            Self::Exports => about(
                "Who took which list away, how many rows, and the SHA-256 of the file",
                "Events of the trail whose action is one of these",
                "CC6.7; A.8.12",
                AuditRead,
                Period,
            ),
            Self::Imports => about(
                "Who brought which file in, and what became of it",
                "Events of the trail whose action is one of these",
                "CC6.8; A.8.7",
                AuditRead,
                Period,
            ),
        }
    }

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
