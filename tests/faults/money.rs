//! Budgets for tests that move much.

use counterfoil::domain::access::Actor;
use counterfoil::domain::budget::{Account, BudgetStatus, End, Movement, Nature, PostingKind};
use counterfoil::domain::currency::Currency;
use counterfoil::domain::id::BudgetId;
use counterfoil::domain::time::Day;
use counterfoil::store::ledger::{self, Details, NewBudget};
use counterfoil::store::writer::Intent;

use crate::support::app::Company;

/// So many more budgets of North in euro, each with ten million.
pub async fn budgets(company: &Company, count: usize) -> Vec<String> {
    let mut made = Vec::new();
    for at in 0..count {
        made.push(budget(company, &format!("Own {at}"), "North", "EUR", 1_000_000_000).await.to_string());
    }
    made
}

/// One with this much in it, for the year.
pub async fn budget(company: &Company, name: &str, region: &str, currency: &str, amount: i64) -> BudgetId {
    let (name, region, currency) = (name.to_owned(), company.regions[region], Currency::parse(currency).unwrap());
    let write = company.store.write(Intent::once(Actor::system("test"), "test.budget"), move |tx| {
        let name = name.clone();
        Box::pin(async move {
            let (id, from, to) = (BudgetId(tx.new_id()), Day::parse("2026-01-01").unwrap(), Day::parse("2026-12-31").unwrap());
            let new = NewBudget { id, region, name, currency, from, to, owner: None, cost_centre: String::new(), previous: None };
            ledger::insert_budget(tx, &new, BudgetStatus::Active).await?;
            if amount > 0 {
                let budget = ledger::get(tx, id).await?;
                let kind = PostingKind::Allocation;
                let (source, destination) = (End::outside(Account::Funding), End::of(Account::Available, &budget));
                let movement = Movement { kind, counted: kind, source, destination, amount, currency };
                ledger::post(tx, &movement, Nature::Request, &Details { effective: Some(from), ..Details::default() }).await?;
            }
            Ok(id)
        })
    });
    write.await.unwrap()
}
