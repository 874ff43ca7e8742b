//! The one door: one commit for many, each answered by its own outcome, and nothing half done.

use std::sync::{Arc, Mutex};

use counterfoil::actions::budgets_move;
use counterfoil::actions::budgets_plan::{Ask, Order};
use counterfoil::domain::access::{Actor, Scope};
use counterfoil::domain::audit::Event;
use counterfoil::domain::budget::{Account, End, Movement, Nature, PostingKind};
use counterfoil::domain::id::{BudgetId, PostingId};
use counterfoil::domain::refusal::Refusal;
use counterfoil::store::db::Sql;
use counterfoil::store::failure::{DbError, Failure};
use counterfoil::store::ledger::{self, Details};
use counterfoil::store::writer::Intent;

use crate::support::app::Company;
use crate::support::database::{TestDb, on_both_engines};

/// Takes `amount` out of a budget by an adjustment.
async fn take(company: &Company, key: &str, budget: BudgetId, amount: i64) -> Result<PostingId, Failure> {
    let intent = Intent::keyed(company.actor("Nora North"), "test.take", key, &(budget, amount));
    company
        .store
        .write(intent, move |tx| {
            Box::pin(async move {
                let known = ledger::get(tx, budget).await?;
                let kind = PostingKind::Adjustment;
                let (source, destination) = (End::of(Account::Available, &known), End::outside(Account::Correction));
                let movement = Movement { kind, counted: kind, source, destination, amount, currency: known.currency };
                ledger::post(tx, &movement, Nature::Request, &Details::default()).await
            })
        })
        .await
}

async fn available(company: &Company, budget: BudgetId) -> i64 {
    let mut read = company.store.read().await.unwrap();
    let scope = Scope::of(company.regions.values().copied(), true);
    ledger::find(&mut read, &scope, budget).await.unwrap().unwrap().figures().available()
}

async fn count(company: &Company, table: &'static str) -> i64 {
    let mut read = company.store.read().await.unwrap();
    let mut sql = Sql::new("SELECT count(*) FROM ");
    sql.push(table);
    read.value(sql).await.unwrap()
}

on_both_engines! {
    async fn a_key_is_done_once_and_only_for_its_content(db: TestDb) {
        let company = Company::found(db).await;
        let budget = company.budgets["North one"];
        let first = take(&company, "key", budget, 500).await.unwrap();
        let again = take(&company, "key", budget, 500).await.unwrap();
        assert_eq!(first, again);
        assert_eq!(available(&company, budget).await, 999_500);
        assert!(matches!(take(&company, "key", budget, 501).await, Err(Failure::Refused(Refusal::KeyReused))));
        assert_eq!(available(&company, budget).await, 999_500);
        company.check_audit().await;
    }

    async fn the_same_key_at_the_same_time_is_one_effect(db: TestDb) {
        let company = Company::found(db).await;
        let budget = company.budgets["North one"];
        let many = futures_util::future::join_all((0..40).map(|_| take(&company, "key", budget, 500))).await;
        let ids: std::collections::BTreeSet<_> = many.into_iter().map(Result::unwrap).collect();
        assert_eq!(ids.len(), 1);
        assert_eq!(available(&company, budget).await, 999_500);
        company.check_audit().await;
    }

    async fn sixty_four_fight_for_the_last_unit_and_one_wins(db: TestDb) {
        let company = Company::found(db).await;
        let budget = company.budgets["North one"];
        for round in 0..5 {
            let left = available(&company, budget).await;
            take(&company, &format!("drain {round}"), budget, left - 100).await.unwrap();
            let keys: Vec<String> = (0..64).map(|client| format!("{round} {client}")).collect();
            let fights = futures_util::future::join_all(keys.iter().map(|key| take(&company, key, budget, 100))).await;
            assert_eq!(fights.iter().filter(|fight| fight.is_ok()).count(), 1);
            let refused = |fight: &Result<PostingId, Failure>| matches!(fight, Err(Failure::Refused(Refusal::NotEnough { .. })));
            assert_eq!(fights.iter().filter(|fight| refused(fight)).count(), 63);
            assert_eq!(available(&company, budget).await, 0);
            refill(&company, budget).await;
        }
        company.check_audit().await;
    }

    async fn one_command_that_fails_after_writing_takes_nobody_with_it(db: TestDb) {
        let company = Company::found(db).await;
        let budget = company.budgets["North one"];
        let before = count(&company, "reason_code").await;
        let bad = |late: bool| {
            let intent = Intent::once(Actor::system("test"), "test.bad");
            company.store.write(intent, move |tx| {
                Box::pin(async move {
                    tx.exec(Sql::new("INSERT INTO reason_code (code, label) VALUES ('half', 'Half done')")).await?;
                    tx.record(Event::new("test.half", "test", "", None));
                    if late {
                        return Err::<(), Failure>(Refusal::Stale.into());
                    }
                    // The engine itself refuses this one.
                    tx.exec(Sql::new("INSERT INTO reason_code (code, label) VALUES ('', '')")).await?;
                    Ok(())
                })
            })
        };
        let keys: Vec<String> = (0..20).map(|client| format!("good {client}")).collect();
        let good = futures_util::future::join_all(keys.iter().map(|key| take(&company, key, budget, 100)));
        let (good, refused, broken) = futures_util::future::join3(good, bad(true), bad(false)).await;
        assert!(good.iter().all(Result::is_ok));
        assert!(matches!(refused, Err(Failure::Refused(Refusal::Stale))));
        assert!(matches!(broken, Err(Failure::Db(DbError::Constraint(_)))), "{broken:?}");
        assert_eq!(count(&company, "reason_code").await, before);
        assert_eq!(available(&company, budget).await, 1_000_000 - 2_000);
        company.check_audit().await;
    }

    async fn a_command_whose_caller_has_gone_is_finished_all_the_same(db: TestDb) {
        let company = Company::found(db).await;
        let budget = company.budgets["North one"];
        let gone = tokio::time::timeout(std::time::Duration::ZERO, take(&company, "gone", budget, 700)).await;
        assert!(gone.is_err(), "nothing is committed in no time");
        // The next command stands behind it in the queue.
        take(&company, "next", budget, 300).await.unwrap();
        assert_eq!(available(&company, budget).await, 999_000);
        company.check_audit().await;
    }

    async fn what_is_small_waits_for_one_bulk_command_and_no_more(db: TestDb) {
        let company = Company::found(db).await;
        let order = Arc::new(Mutex::new(Vec::new()));
        let (begun, has_begun) = tokio::sync::watch::channel(false);
        let (release, released) = tokio::sync::watch::channel(false);
        let command = |name: &'static str| {
            let (store, order, begun, released) = (company.store.clone(), order.clone(), begun.clone(), released.clone());
            let intent = Intent::once(company.actor("Nora North"), "test.order");
            let intent = if name.starts_with("bulk") { intent.bulk() } else { intent };
            async move {
                let written = store.write(intent, move |_tx| {
                    let (order, begun, mut released) = (order.clone(), begun.clone(), released.clone());
                    Box::pin(async move {
                        begun.send_replace(true);
                        released.wait_for(|free| *free).await.unwrap();
                        order.lock().unwrap().push(name);
                        Ok(())
                    })
                });
                written.await
            }
        };
        let first = tokio::spawn(command("bulk one"));
        has_begun.clone().wait_for(|begun| *begun).await.unwrap();
        // They come while the first is at work.
        let others = futures_util::future::join_all(["bulk two", "bulk three", "small one", "small two"].map(command));
        // The first look at the others puts them into the queue.
        let (answers, _) = tokio::join!(others, async { release.send_replace(true) });
        assert!(answers.iter().all(Result::is_ok) && first.await.unwrap().is_ok());
        assert_eq!(*order.lock().unwrap(), ["bulk one", "small one", "small two", "bulk two", "bulk three"]);
    }

    async fn a_command_sees_what_another_of_its_batch_posted(db: TestDb) {
        let company = Company::found(db).await;
        let budget = company.budgets["North one"];
        let posting = take(&company, "first", budget, 500).await.unwrap();
        let everywhere = Scope::of(company.regions.values().copied(), true);
        let version = ledger::find(&mut company.store.read().await.unwrap(), &everywhere, budget).await.unwrap().unwrap().version;
        let (begun, mut has_begun) = tokio::sync::watch::channel(false);
        let (release, released) = tokio::sync::watch::channel(false);
        let held = company.store.write(Intent::once(company.actor("Nora North"), "test.hold").bulk(), move |_tx| {
            let (begun, mut released) = (begun.clone(), released.clone());
            Box::pin(async move {
                begun.send_replace(true);
                released.wait_for(|free| *free).await.unwrap();
                Ok(())
            })
        });
        let reverse = |key: &'static str| {
            let order = Order { ask: Ask::Reverse { posting }, effective: None, note: "Taken by mistake".to_owned() };
            // Whoever comes second has seen what the first one did.
            let seen = vec![(budget, version), (budget, version + 1)];
            budgets_move::carry_out(&company.store, company.actor("Nora North"), key, order, seen)
        };
        let both = async {
            has_begun.wait_for(|begun| *begun).await.unwrap();
            // The first look at the two puts them into the queue, so that they are one batch.
            let both = futures_util::future::join_all(["one", "two"].map(reverse));
            tokio::join!(both, async { release.send_replace(true) }).0
        };
        let (held, both) = tokio::join!(held, both);
        held.unwrap();
        assert!(both[0].is_ok(), "{both:?}");
        assert!(matches!(both[1], Err(Failure::Refused(Refusal::AlreadyDone(_)))), "{both:?}");
        assert_eq!(available(&company, budget).await, 1_000_000);
        assert_eq!(count(&company, "posting WHERE reverses_id IS NOT NULL").await, 1);
        company.check_audit().await;
    }

    async fn authorization_is_read_again_inside(db: TestDb) {
        let company = Company::found(db).await;
        let budget = company.budgets["North one"];
        let asked = |who: &str| {
            let north = company.regions["North"];
            company.store.write(Intent::once(company.actor(who), "test.ask"), move |tx| {
                Box::pin(async move {
                    use counterfoil::domain::access::Permission;
                    tx.require(Permission::BudgetsAdjust, Permission::BudgetsRead, north)
                })
            })
        };
        asked("Nora North").await.unwrap();
        assert!(matches!(asked("Nils North").await, Err(Failure::Refused(Refusal::Forbidden(_)))), "she may see it, not move it");
        assert!(matches!(asked("Sara South").await, Err(Failure::Refused(Refusal::NotFound))), "she may not even see it");
        let nora = company.people["Nora North"];
        counterfoil::actions::people::suspend(&company.store, Actor::system("test"), "k", nora, true).await.unwrap();
        assert!(matches!(asked("Nora North").await, Err(Failure::Refused(Refusal::NotFound))), "a suspended person holds nothing");
        assert_eq!(available(&company, budget).await, 1_000_000);
    }

    async fn reading_cannot_write(db: TestDb) {
        let company = Company::found(db).await;
        let mut read = company.store.read().await.unwrap();
        let sneaked: Result<Vec<(i64,)>, DbError> = read.all(Sql::new("INSERT INTO setting (key, value) VALUES ('a', 'b') RETURNING 1")).await;
        assert!(sneaked.is_err());
    }

    async fn what_is_written_once_stays(db: TestDb) {
        let company = Company::found(db).await;
        for text in [
            "UPDATE posting SET amount = amount + 1",
            "DELETE FROM posting",
            "UPDATE audit_event SET action = 'nothing'",
            "DELETE FROM audit_event",
        ] {
            let tried = company.store.write(Intent::once(Actor::system("test"), "test.edit"), move |tx| {
                Box::pin(async move {
                    tx.exec(Sql::new(text)).await?;
                    Ok(())
                })
            });
            assert!(tried.await.is_err(), "{text}");
        }
        company.check_audit().await;
    }
}

async fn refill(company: &Company, budget: BudgetId) {
    let refill = company.store.write(Intent::once(Actor::system("test"), "test.refill"), move |tx| {
        Box::pin(async move {
            let known = ledger::get(tx, budget).await?;
            let kind = PostingKind::Allocation;
            let (source, destination) = (End::outside(Account::Funding), End::of(Account::Available, &known));
            let movement = Movement { kind, counted: kind, source, destination, amount: 10_000, currency: known.currency };
            ledger::post(tx, &movement, Nature::Request, &Details::default()).await
        })
    });
    refill.await.unwrap();
}
