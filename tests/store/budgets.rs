//! The same random orders on both engines: the same figures, and every figure is the sum of its postings.

use std::collections::BTreeMap;

use counterfoil::actions::budgets_move::{Carried, carry_out};
use counterfoil::actions::budgets_plan::{Ask, Order};
use counterfoil::clock::Random;
use counterfoil::domain::access::Actor;
use counterfoil::domain::budget::{Budget, Figures};
use counterfoil::domain::id::PostingId;
use counterfoil::store::failure::Failure;
use counterfoil::store::{budgets, postings};

use crate::support::app::Company;
use crate::support::database::{TestDb, on_both_engines};

const NAMES: [&str; 3] = ["North one", "North two", "South one"];

async fn versions(company: &Company) -> Vec<(counterfoil::domain::id::BudgetId, i64)> {
    let mut read = company.store.read().await.unwrap();
    let mut seen = Vec::new();
    for id in company.budgets.values() {
        seen.push((*id, budgets::get(&mut read, *id).await.unwrap().version));
    }
    seen
}

/// A sequence that a seed decides; what each order led to, in a word.
async fn run(company: &Company, seed: u64, orders: usize) -> (Vec<String>, Vec<Figures>) {
    let random = Random::seeded(seed);
    let pick = |limit: u64| usize::try_from(random.below(limit)).unwrap();
    let mut made: Vec<PostingId> = Vec::new();
    let mut words = Vec::new();
    for number in 0..orders {
        let budget = company.budgets[NAMES[pick(3)]];
        let other = company.budgets[NAMES[pick(3)]];
        let amount = i64::try_from(random.below(600_000)).unwrap() - 1_000;
        let earlier = if made.is_empty() { None } else { Some(made[pick(made.len() as u64)]) };
        let ask = match (pick(8), earlier) {
            (0, _) => Ask::Allocate { budget, amount },
            (1, _) => Ask::Adjust { budget, up: true, amount, reason_code: "correction".to_owned() },
            (2, _) => Ask::Adjust { budget, up: false, amount, reason_code: "correction".to_owned() },
            (3, _) => Ask::Transfer { from: budget, to: other, amount, rate: None },
            (4, Some(reservation)) => Ask::Commit { reservation, amount },
            (5, Some(reservation)) => Ask::Void { reservation },
            (6, Some(posting)) => Ask::Reverse { posting },
            _ => Ask::Reserve { budget, amount },
        };
        let order = Order { ask, effective: None, note: "random".to_owned() };
        let outcome =
            carry_out(&company.store, Actor::system("test"), &format!("key-{seed}-{number}"), order, versions(company).await).await;
        words.push(match outcome {
            Ok(Carried::Waits(id)) => panic!("{id} waits without a policy"),
            Ok(Carried::Posted(id)) => {
                made.push(id);
                "done".to_owned()
            }
            Err(Failure::Refused(refusal)) => refusal.code().to_owned(),
            Err(failure) => panic!("{failure}"),
        });
    }
    let mut read = company.store.read().await.unwrap();
    let mut figures = Vec::new();
    for name in NAMES {
        figures.push(budgets::get(&mut read, company.budgets[name]).await.unwrap().figures());
    }
    (words, figures)
}

/// Folds every posting of every budget, and compares with the figures that are kept; every account together sums to nothing per currency.
async fn check_ledger(company: &Company) {
    let mut read = company.store.read().await.unwrap();
    let mut accounts: BTreeMap<(String, String), i128> = BTreeMap::new();
    let mut counted = std::collections::HashSet::new();
    for id in company.budgets.values() {
        let kept = budgets::get(&mut read, *id).await.unwrap();
        let mut rows = postings::statement(&mut read, *id, &postings::Wanted::default(), postings::From::Start, 10_000).await.unwrap();
        rows.reverse();
        let start: Budget = Budget { figures: Figures::default(), ..kept.budget().unwrap() };
        let mut folded = start.figures;
        for row in &rows {
            let movement = row.movement().unwrap();
            folded = movement.applied(*id, folded).unwrap();
            let shown = if row.source_budget_id == Some(*id) { row.source_available_after } else { row.destination_available_after };
            assert_eq!(shown, Some(folded.available()), "the running balance of {}", row.reference());
            if counted.insert(row.id) {
                *accounts.entry((row.currency.clone(), row.source_account.clone())).or_default() -= i128::from(row.amount);
                *accounts.entry((row.currency.clone(), row.destination_account.clone())).or_default() += i128::from(row.amount);
            }
        }
        assert_eq!(folded, kept.figures(), "{} is the sum of its postings", kept.name);
        let by_day: i128 = postings::by_day(&mut read, *id).await.unwrap().iter().map(|(_, amount)| amount).sum();
        assert_eq!(by_day, folded.available().into());
        let reserved: i64 = postings::open_reservations(&mut read, *id).await.unwrap().iter().map(|row| row.amount).sum();
        assert_eq!(reserved, folded.reserved, "what is reserved is what is open");
        assert!(folded.available() >= 0, "only requests were made");
    }
    let mut sums: BTreeMap<&str, i128> = BTreeMap::new();
    for ((currency, _), sum) in &accounts {
        *sums.entry(currency).or_default() += sum;
    }
    assert!(sums.values().all(|sum| *sum == 0), "{sums:?}");
}

on_both_engines! {
    async fn random_orders_keep_the_ledger_whole(db: TestDb) {
        let company = Company::found(db).await;
        let (words, _) = run(&company, 7, 150).await;
        assert!(words.iter().filter(|word| *word == "done").count() > 30, "{words:?}");
        check_ledger(&company).await;
        company.check_audit().await;
    }

    async fn two_writers_at_once_are_served_one_after_the_other(db: TestDb) {
        let company = Company::found(db).await;
        let budget = company.budgets["North one"];
        let seen = versions(&company).await;
        let order = Order { ask: Ask::Reserve { budget, amount: 600_000 }, effective: None, note: "n".to_owned() };
        let both = futures_util::future::join(
            carry_out(&company.store, company.actor("Nora North"), "one", order.clone(), seen.clone()),
            carry_out(&company.store, company.actor("Finn Finance"), "two", order.clone(), seen.clone()),
        );
        let (first, second) = both.await;
        let no = |outcome: &&Result<Carried, Failure>| matches!(outcome, Err(Failure::Refused(no)) if ["stale", "not_enough"].contains(&no.code()));
        let refused = [&first, &second].into_iter().filter(no);
        assert_eq!(refused.count(), 1, "{first:?} {second:?}");
        let next: Vec<_> = seen.iter().map(|(id, version)| (*id, version + 1)).collect();
        let same = futures_util::future::join_all((0..20).map(|_| {
            let order = Order { ask: Ask::Reserve { budget, amount: 1 }, effective: None, note: "n".to_owned() };
            carry_out(&company.store, company.actor("Nora North"), "same", order, next.clone())
        }));
        let ids: std::collections::HashSet<Carried> = same.await.into_iter().map(Result::unwrap).collect();
        assert_eq!(ids.len(), 1, "one key, one posting");
        check_ledger(&company).await;
    }
}

#[tokio::test]
async fn both_engines_answer_the_same_orders_alike() {
    let (sqlite, postgres) = (Company::found(TestDb::sqlite()).await, Company::found(TestDb::postgres().await).await);
    for seed in [1, 2] {
        assert_eq!(run(&sqlite, seed, 60).await, run(&postgres, seed, 60).await);
    }
}
