//! What is said about each report: what it answers, how it is asked, what it is evidence for.

use self::Dated::{AsAt, Period};
use super::Report;
use crate::domain::access::Permission::{self, AuditRead, BudgetsRead, PeopleRead};

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

const ACCESS_REVIEWS: About = about(
    "Per role that was reviewed: kept or revoked, by whom, when and why",
    "Every role frozen into a campaign that was opened in the period, with its decision",
    "CC6.2, CC6.3; A.5.18",
    PeopleRead,
    Period,
);

const LEAVERS: About = about(
    "Minutes from a suspension to the end of the last session and of the last role",
    "The last suspension in the period of everybody you see, from the trail; her sessions and roles as they are now",
    "CC6.2, CC6.3; A.5.16, A.5.18",
    PeopleRead,
    Period,
)
.whole();

const DUTIES: About = about(
    "People who hold two abilities that should lie in different hands, and by which roles",
    "Every active account with the roles in force now, against the rules of the table in src/domain/duties.rs",
    "CC5.1, CC6.3; A.5.3",
    PeopleRead,
    AsAt,
);

const PRIVILEGED: About = about(
    "Changes of roles, policies, settings, keys, retention, and what restores did",
    "Events of the trail whose action is one of these",
    "CC6.1, CC7.1, CC8.1; A.8.2, A.8.9",
    AuditRead,
    Period,
);

const APPROVALS: About = about(
    "Who asked for what, who approved or declined it and when; and how often somebody decided on her own request",
    "Requests that were made in the period with every decision on them; and a count of decisions by whoever asked",
    "CC5.1; A.5.3",
    BudgetsRead,
    Period,
);

const INTEGRITY: About = about(
    "The last verdict on the trail, how far it is signed and anchored, and the numbers to check it by",
    "The head of the trail, its newest checkpoint, its keys and anchors, and the verdict that was noted last",
    "CC7.2; A.8.15, A.5.28, A.5.33",
    AuditRead,
    AsAt,
)
.whole()
.nobody();

const RECOVERY: About = about(
    "Backups that were made, restores, and drills with their result and duration",
    "Events of the trail about backups and restores",
    "A1.2, CC7.5; A.8.13",
    AuditRead,
    Period,
)
.whole()
.nobody();

const PEOPLE: About = about(
    "Everybody with her roles, second factor and last sign-in",
    "Every account you see, with the roles in force now",
    "CC6.1, CC6.2; A.5.15, A.8.5",
    PeopleRead,
    AsAt,
);

const DORMANT: About = about(
    "Accounts that could sign in and have not done so for 45 days or more",
    "The accounts of “People, roles and last sign-in” that are not suspended and were used last, or made, 45 days ago or before",
    "CC6.1; A.5.16",
    PeopleRead,
    AsAt,
);

const MOVERS: About = about(
    "Who was added, and which roles were given and ended, by whom",
    "Events of the trail whose action is one of these",
    "CC6.2, CC6.3; A.5.16, A.5.18",
    AuditRead,
    Period,
);

const ROLES: About = about(
    "The five roles and the organisation’s own, with everything that each allows",
    "The roles of this program and those that were made here",
    "CC6.1; A.5.15, A.8.3",
    PeopleRead,
    AsAt,
)
.nobody();

const POLICIES: About = about(
    "What needed whose approval from when to when",
    "Every policy in your regions that was in force at some moment of the period",
    "CC5.1; A.5.3",
    BudgetsRead,
    Period,
)
.nobody();

const SIGN_INS: About = about(
    "Sign-ins that were refused or slowed down, codes that were wrong, codes for recovery that were used",
    "Events of the trail whose action is one of these",
    "CC6.1, CC7.2; A.8.5",
    AuditRead,
    Period,
)
.whole();

const PERSONAL: About = about(
    "Recipients who were revealed or erased, with the reason, and what retention took out",
    "Events of the trail whose action is one of these",
    "C1.1, C1.2; A.5.34, A.8.10, A.8.11",
    AuditRead,
    Period,
);

const EXPORTS: About = about(
    "Who took which list away, how many rows, and the SHA-256 of the file",
    "Events of the trail whose action is one of these",
    "CC6.7; A.8.12",
    AuditRead,
    Period,
);

const IMPORTS: About = about(
    "Who brought which file in, and what became of it",
    "Events of the trail whose action is one of these",
    "CC6.8; A.8.7",
    AuditRead,
    Period,
);

impl Report {
    /// What is said about it.
    pub fn about(self) -> About {
        match self {
            Self::AccessReviews => ACCESS_REVIEWS,
            Self::Leavers => LEAVERS,
            Self::Duties => DUTIES,
            Self::Privileged => PRIVILEGED,
            Self::Approvals => APPROVALS,
            Self::Integrity => INTEGRITY,
            Self::Recovery => RECOVERY,
            Self::People => PEOPLE,
            Self::Dormant => DORMANT,
            Self::Movers => MOVERS,
            Self::Roles => ROLES,
            Self::Policies => POLICIES,
            Self::SignIns => SIGN_INS,
            Self::Personal => PERSONAL,
            Self::Exports => EXPORTS,
            Self::Imports => IMPORTS,
        }
    }
}
