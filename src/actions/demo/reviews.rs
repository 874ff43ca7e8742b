//! The demo's access review: opened some days ago and half done, with one role revoked. And a role that the organisation made for itself.

use super::{World, actor};
use crate::actions::people::{self as people_act, NewGrant, NewPerson};
use crate::actions::reviews::{self, Campaign};
use crate::actions::roles;
use crate::domain::access::{Actor, Permission, Role, Scope, Who};
use crate::domain::id::{ReviewId, UserId};
use crate::domain::role::AnyRole;
use crate::domain::time::Day;
use crate::store::failure::Failure;
use crate::store::{people, reviews as kept};

/// Who holds the organisation's own role: (name, address, region).
const LEAD: (&str, &str, &str) = ("Elena Rossi", "elena.rossi@halden.example", "EMEA");
/// What that role is called, and what it allows.
const ROLE: &str = "People lead";
const ALLOWS: &[Permission] =
    &[Permission::RegionsRead, Permission::BudgetsRead, Permission::PeopleRead, Permission::AuditRead, Permission::ExportsCreate];
/// A role of which somebody had forgotten that he had it: (who, role, region).
const FORGOTTEN: (&str, Role, &str) = ("Noor Haddad", Role::RegionalPartner, "Nordics");
/// Whose roles were looked at so far, and what the reviewer said: (reviewer, who, why she keeps them).
const KEPT: &[(&str, &str, &str)] = &[
    ("Hannah Weiss", "Samuel Adeyemi", "Head of finance operations, as in the org chart of October"),
    ("Hannah Weiss", "Ingrid Larsen", "Owner of the platform; second administrator to follow in January"),
    ("Elena Rossi", "Owen Byrne", "Runs the programmes of both countries"),
    ("Elena Rossi", "Claire Dubois", "Confirmed with her manager on Tuesday"),
];
const REVOKED: &str = "Moved to the Gulf in spring and no longer works for the Nordics";

impl World {
    /// The organisation's own role, somebody who holds it, and the campaign as far as its reviewers are. The rest waits for two of them.
    pub(super) async fn review_opened(&self) -> Result<(), Failure> {
        let lead = self.lead().await?;
        if let Some(person) = self.people.get(FORGOTTEN.0).copied() {
            let region = self.region(FORGOTTEN.2)?.id;
            let new = NewGrant { person, role: FORGOTTEN.1.into(), region, ends_on: None, seen: None };
            people_act::grant(&self.store, actor(self, "Ingrid Larsen"), "demo-forgotten", new).await?;
        }
        self.until(self.now.plus_seconds(-6 * 86_400));
        let named = ["Hannah Weiss", "Ingrid Larsen"].iter().filter_map(|name| self.people.get(name).copied());
        let reviewers: Vec<UserId> = named.chain([lead]).collect();
        let name = format!("Roles of everybody, {}", quarter(Day(self.store.now().0.div_euclid(86_400_000_000))));
        let global = self.region("Global")?.id;
        let campaign = Campaign { name, region: global, roles: Vec::new(), reviewers, due_on: Day(self.today.0 + 8) };
        let review = reviews::open(&self.store, actor(self, "Ingrid Larsen"), "demo-review", campaign).await?;
        self.until(self.now.plus_seconds(-4 * 86_400));
        self.decided(review, lead).await
    }

    /// Makes the role and adds who holds it; her id.
    async fn lead(&self) -> Result<UserId, Failure> {
        let allows = ALLOWS.iter().copied().collect();
        let role = roles::make(&self.store, actor(self, "Ingrid Larsen"), "demo-role", ROLE, Role::Auditor.into(), allows).await?;
        let grant = Some((AnyRole::Custom(role), self.region(LEAD.2)?.id, None));
        let new = NewPerson { email: LEAD.1.to_owned(), name: LEAD.0.to_owned(), password_hash: None, grant };
        let id = people_act::add(&self.store, actor(self, "Ingrid Larsen"), "demo-lead", new).await?;
        self.step("", move |tx| Box::pin(async move { people::set_status(tx, id, "active").await })).await?;
        Ok(id)
    }

    async fn decided(&self, review: ReviewId, lead: UserId) -> Result<(), Failure> {
        let below = Scope::of(self.regions.values().map(|region| region.id), true);
        let items = kept::items(&mut self.store.read().await?, &below, Some(review)).await?;
        let nordics = self.region(FORGOTTEN.2)?.id;
        for (at, item) in items.iter().enumerate() {
            let holder = |name: &str| self.people.get(name) == Some(&item.person_id);
            let (key, about) = (format!("demo-reviewed-{at}"), (review, item.grant_id));
            let by = |name: &str| match name {
                name if name == LEAD.0 => Actor { who: Who::Person(lead), ..actor(self, "") },
                name => actor(self, name),
            };
            if let Some((reviewer, _, why)) = KEPT.iter().find(|(_, who, _)| holder(who)) {
                reviews::decide(&self.store, by(reviewer), &key, about, true, why).await?;
            } else if holder(FORGOTTEN.0) && item.region_id == nordics {
                reviews::decide(&self.store, by(LEAD.0), &key, about, false, REVOKED).await?;
            }
        }
        Ok(())
    }
}

/// `fourth quarter of 2026`.
fn quarter(day: Day) -> String {
    let key = day.month_key();
    let (year, month) = key.split_once('-').unwrap_or((&key, "1"));
    let names = ["first", "second", "third", "fourth"];
    let at = month.parse::<usize>().unwrap_or(1).saturating_sub(1) / 3;
    format!("{} quarter of {year}", names.get(at).copied().unwrap_or("fourth"))
}
