//! The demo's approvals: policies in force, requests that were decided, and some that wait. They go the way that everybody's do.

use super::{World, actor};
use crate::actions::approval_policies::{self as policies, NewPolicy};
use crate::actions::approvals;
use crate::actions::budgets_move::{Carried, carry_out};
use crate::actions::budgets_plan::{Ask, Order};
use crate::domain::approval::Matter;
use crate::domain::currency::Currency;
use crate::domain::id::{ApprovalId, BudgetId};
use crate::domain::refusal::Refusal;
use crate::domain::time::Day;
use crate::store::failure::Failure;
use crate::store::{approvals as kept, budgets};

/// (What, region, currency, from, past within a day, approvers), in main units.
type Rule = (Matter, &'static str, &'static str, i64, Option<i64>, i64);

/// What needs approval.
const POLICIES: &[Rule] = &[
    (Matter::Transfer, "Global", "EUR", 2_500, Some(10_000), 1),
    (Matter::Adjustment, "Global", "EUR", 10_000, Some(25_000), 1),
    (Matter::Allocation, "Global", "EUR", 250_000, None, 1),
    (Matter::Adjustment, "UK and Ireland", "GBP", 500_000, None, 2),
    (Matter::Adjustment, "Americas", "BRL", 50_000, None, 2),
    (Matter::Adjustment, "India", "INR", 1_000_000, None, 1),
];

/// (who, budget's region and programme, amount in main units, reason code, note): adjustments upwards.
type Wish = (&'static str, &'static str, &'static str, i64, &'static str, &'static str);

const DECIDED: &[Wish] = &[
    ("Marta Ortega", "Iberia", "Recognition", 15_000, "headcount", "Forty people joined from the Lisbon office"),
    ("Rafael Costa", "Brazil", "Spot awards", 80_000, "campaign", "A second round before the carnival"),
];

const WAITING: &[Wish] = &[
    ("Rafael Costa", "Brazil", "Recognition", 62_000, "headcount", "The São Paulo team doubles in the next quarter"),
    ("Priya Nair", "India", "Spot awards", 1_500_000, "campaign", "Awards for the festival season"),
];

impl World {
    /// Policies, and what was decided under them.
    pub(super) async fn policies(&self) -> Result<(), Failure> {
        for (at, (matter, region, currency, from, day, approvers)) in POLICIES.iter().enumerate() {
            let region = self.region(region)?.id;
            let currency = Currency::parse(currency).ok_or(Refusal::NotFound)?;
            let minor = |main: i64| main * 10i64.pow(currency.digits());
            let (from, day) = (Some(minor(*from)), day.map(minor));
            let new = NewPolicy { matter: *matter, region, currency: Some(currency), from, day, approvers: *approvers };
            policies::add(&self.store, actor(self, "Ingrid Larsen"), &format!("demo-policy-{at}"), new).await?;
        }
        for (at, wish) in DECIDED.iter().enumerate() {
            let Some(id) = self.adjust(wish, &format!("demo-decided-{at}")).await? else { continue };
            if at == 0 {
                self.approve("Samuel Adeyemi", id).await?;
            } else {
                let why = "Not before the budget of the first quarter is known".to_owned();
                approvals::decline(&self.store, actor(self, "Samuel Adeyemi"), "demo-decline", id, why).await?;
            }
        }
        Ok(())
    }

    /// What waits: one for either of two people, one that has the first of its two approvals, one that the finance controller asked for.
    pub(super) async fn requests(&self) -> Result<(), Failure> {
        self.until(self.now.plus_seconds(-3 * 3600));
        for (at, wish) in WAITING.iter().enumerate() {
            let id = self.adjust(wish, &format!("demo-waits-{at}")).await?;
            if let (0, Some(id)) = (at, id) {
                self.approve("Samuel Adeyemi", id).await?;
            }
            self.until(self.now.plus_seconds(-3600));
        }
        self.transfer().await?;
        if let Some(budget) = self.pot("DACH", "Recognition") {
            let ask = Ask::Allocate { budget, amount: 30_000_000 };
            self.order("Samuel Adeyemi", "demo-allocation", ask, "The board decided on it in October").await?;
        }
        let (from, today) = (actor(self, "Owen Byrne"), self.today);
        if let Some(to) = self.people.get("Claire Dubois") {
            policies::delegate(&self.store, from, "demo-stand-in", *to, (today, Day(today.0 + 13))).await?;
        }
        Ok(())
    }

    /// From the Iberian budget that has most to the one that has least, as far as there is enough for a policy to ask.
    async fn transfer(&self) -> Result<(), Failure> {
        let Ok(region) = self.region("Iberia") else { return Ok(()) };
        let mut there = Vec::new();
        let mut read = self.store.read().await?;
        for pot in self.pots.iter().filter(|pot| pot.budget.region == region.id && pot.budget.period_end >= self.today) {
            there.push((budgets::get(&mut read, pot.budget.id).await?.figures().available(), pot.budget.id));
        }
        drop(read);
        there.sort_unstable();
        let (Some((_, to)), Some((most, from))) = (there.first(), there.last()) else { return Ok(()) };
        // A quarter of it, in full hundreds.
        let amount = most / 4 / 10_000 * 10_000;
        if amount < 250_000 || from == to {
            return Ok(());
        }
        let ask = Ask::Transfer { from: *from, to: *to, amount, rate: None };
        self.order("Marta Ortega", "demo-transfer", ask, "The spring campaign moved to the other programme").await?;
        Ok(())
    }

    /// The budget of a programme in force today.
    fn pot(&self, region: &str, programme: &str) -> Option<BudgetId> {
        let region = self.region(region).ok()?.id;
        let here = |pot: &&super::Pot| pot.budget.region == region && pot.programme == programme && pot.budget.period_end >= self.today;
        self.pots.iter().find(here).map(|pot| pot.budget.id)
    }

    async fn adjust(&self, (who, region, programme, amount, reason, note): &Wish, key: &str) -> Result<Option<ApprovalId>, Failure> {
        let Some(budget) = self.pot(region, programme) else { return Ok(None) };
        let ask = Ask::Adjust { budget, up: true, amount: amount * 100, reason_code: (*reason).to_owned() };
        self.order(who, key, ask, note).await
    }

    async fn order(&self, who: &str, key: &str, ask: Ask, note: &str) -> Result<Option<ApprovalId>, Failure> {
        let mut seen = Vec::new();
        let mut read = self.store.read().await?;
        for pot in &self.pots {
            seen.push((pot.budget.id, budgets::get(&mut read, pot.budget.id).await?.version));
        }
        drop(read);
        let order = Order { ask, effective: None, note: note.to_owned() };
        match carry_out(&self.store, actor(self, who), key, order, seen).await? {
            Carried::Waits(id) => Ok(Some(id)),
            Carried::Posted(_) => Ok(None),
        }
    }

    async fn approve(&self, who: &str, id: ApprovalId) -> Result<(), Failure> {
        let hash = kept::get(&mut self.store.read().await?, id).await?.content_hash;
        approvals::approve(&self.store, actor(self, who), &format!("demo-approve-{id}"), id, hash).await?;
        Ok(())
    }
}
