//! Approvals: nothing moves before enough others agree to exactly this, and then once.

use counterfoil::actions::approval_policies::{self as policies, NewPolicy};
use counterfoil::actions::approvals::{self, Decided};
use counterfoil::actions::budgets::{self as budget_actions, Attributes, Created, NewBudget};
use counterfoil::actions::budgets_move::{Carried, carry_out};
use counterfoil::actions::budgets_plan::{Ask, Order};
use counterfoil::clock::Random;
use counterfoil::domain::access::{Actor, Role};
use counterfoil::domain::approval::Matter;
use counterfoil::domain::budget::{BudgetStatus, Figures};
use counterfoil::domain::currency::Currency;
use counterfoil::domain::id::{ApprovalId, GrantId, PolicyId};
use counterfoil::domain::refusal::Refusal;
use counterfoil::domain::time::{Day, Instant};
use counterfoil::store::approval_filter::Filter;
use counterfoil::store::db::Sql;
use counterfoil::store::failure::Failure;
use counterfoil::store::writer::Intent;
use counterfoil::store::{Options, Store, access, approvals as kept, audit_log, budgets, people, postings};

use crate::support::app::Company;
use crate::support::database::{TestDb, on_both_engines};

fn key() -> String {
    Random::system().token(16)
}

fn euro() -> Option<Currency> {
    Currency::parse("EUR")
}

async fn policy(company: &Company, matter: Matter, region: &str, limits: (Option<i64>, Option<i64>), approvers: i64) -> PolicyId {
    let new = NewPolicy { matter, region: company.regions[region], currency: euro(), from: limits.0, day: limits.1, approvers };
    policies::add(&company.store, company.actor("Ada Admin"), &key(), new).await.unwrap()
}

async fn try_order(company: &Company, who: Actor, ask: Ask) -> Result<Carried, Failure> {
    let mut seen = Vec::new();
    let mut read = company.store.read().await.unwrap();
    for id in company.budgets.values() {
        seen.push((*id, budgets::get(&mut read, *id).await.unwrap().version));
    }
    drop(read);
    carry_out(&company.store, who, &key(), Order { ask, effective: None, note: "for the fair".to_owned() }, seen).await
}

async fn asked(company: &Company, who: &str, ask: Ask) -> ApprovalId {
    match try_order(company, company.actor(who), ask).await.unwrap() {
        Carried::Waits(id) => id,
        Carried::Posted(posting) => panic!("{posting} was not asked about"),
    }
}

fn down(company: &Company, amount: i64) -> Ask {
    Ask::Adjust { budget: company.budgets["North one"], up: false, amount, reason_code: "correction".to_owned() }
}

async fn approve(company: &Company, who: Actor, id: ApprovalId) -> Result<Decided, Failure> {
    let hash = row(company, id).await.content_hash;
    approvals::approve(&company.store, who, &key(), id, hash).await
}

async fn row(company: &Company, id: ApprovalId) -> kept::Approval {
    kept::get(&mut company.store.read().await.unwrap(), id).await.unwrap()
}

async fn figures(company: &Company, name: &str) -> Figures {
    budgets::get(&mut company.store.read().await.unwrap(), company.budgets[name]).await.unwrap().figures()
}

async fn events(company: &Company, action: &str) -> usize {
    let all = audit_log::after(&mut company.store.read().await.unwrap(), 0, 10_000).await.unwrap();
    all.iter().filter(|event| event.action == action).count()
}

async fn grant(company: &Company, name: &str, role: Role, region: &str) -> GrantId {
    let (person, region) = (company.people[name], company.regions[region]);
    let write = company.store.write(Intent::once(Actor::system("test"), "test.grant"), move |tx| {
        Box::pin(async move {
            tx.access_changed();
            let id = GrantId(tx.new_id());
            people::insert_grant(tx, id, person, role, region, None).await?;
            Ok(id)
        })
    });
    write.await.unwrap()
}

fn code<T: std::fmt::Debug>(outcome: Result<T, Failure>) -> &'static str {
    match outcome {
        Err(Failure::Refused(refusal)) => refusal.code(),
        other => panic!("{other:?}"),
    }
}

on_both_engines! {
    async fn what_needs_approval_waits_with_its_money_and_is_done_once(db: TestDb) {
        let company = Company::found(db).await;
        policy(&company, Matter::Adjustment, "Global", (Some(1_000_00), None), 1).await;
        assert!(matches!(try_order(&company, company.actor("Nora North"), down(&company, 999_99)).await.unwrap(), Carried::Posted(_)));
        let id = asked(&company, "Nora North", down(&company, 1_000_00)).await;
        let waiting = figures(&company, "North one").await;
        assert_eq!((waiting.reserved, waiting.adjusted, waiting.available()), (1_000_00, -999_99, 1_000_000 - 999_99 - 1_000_00));
        let both = futures_util::future::join(
            approve(&company, company.actor("Finn Finance"), id),
            approve(&company, company.actor("Ada Admin"), id),
        );
        let (first, second) = both.await;
        let done = [&first, &second].into_iter().filter(|one| matches!(one, Ok(Decided::Done(_)))).count();
        assert_eq!(done, 1, "{first:?} {second:?}");
        let after = figures(&company, "North one").await;
        assert_eq!((after.reserved, after.adjusted), (0, -999_99 - 1_000_00));
        let kept = row(&company, id).await;
        assert_eq!(kept.status, "approved");
        let posting = postings::get(&mut company.store.read().await.unwrap(), kept.done_posting_id.unwrap()).await.unwrap();
        assert_eq!(posting.actor_id, Some(company.people["Nora North"]), "it is the posting of whoever asked");
        for (action, count) in [("approval.asked", 1), ("approval.given", 1), ("approval.executed", 1)] {
            assert_eq!(events(&company, action).await, count, "{action}");
        }
        company.check_audit().await;
    }

    async fn nobody_approves_what_she_asked_for_whatever_the_path(db: TestDb) {
        let company = Company::found(db).await;
        policy(&company, Matter::Adjustment, "Global", (Some(1), None), 1).await;
        for requester in ["Nora North", "Ada Admin", "Finn Finance"] {
            let id = asked(&company, requester, down(&company, 10)).await;
            assert_eq!(code(approve(&company, company.actor(requester), id).await), "own_request", "{requester}");
            assert_eq!(code(approve(&company, Actor::system("cli"), id).await), "forbidden", "no person, no approval");
        }
        assert_eq!(code(try_order(&company, Actor::system("cli"), down(&company, 10)).await), "state");
        let id = asked(&company, "Nora North", down(&company, 10)).await;
        assert_eq!(code(approve(&company, company.actor("Nils North"), id).await), "forbidden");
        assert_eq!(code(approve(&company, company.actor("Sara South"), id).await), "not_found");
        // The database itself.
        let (nora, finn) = (company.people["Nora North"], company.people["Finn Finance"]);
        for (person, right, requester) in [(nora, nora, nora), (nora, finn, nora), (finn, nora, nora), (finn, finn, finn)] {
            let forged = company.store.write(Intent::once(Actor::system("test"), "test.forge"), move |tx| {
                Box::pin(async move {
                    let sql = Sql::new(
                        "INSERT INTO approval_decision (approval_id, requester_id, person_id, authority_id, approves, content_hash, at) \
                         VALUES ($1, $2, $3, $4, 1, $5, 0)",
                    );
                    Ok(tx.exec(sql.bind(id).bind(requester).bind(person).bind(right).bind(vec![0u8; 32])).await?)
                })
            });
            assert!(matches!(forged.await, Err(Failure::Db(_))));
        }
    }

    async fn two_approvers_are_two_people_with_two_rights(db: TestDb) {
        let company = Company::found(db).await;
        policy(&company, Matter::Adjustment, "Global", (Some(1), None), 1).await;
        policy(&company, Matter::Adjustment, "North", (Some(1), None), 2).await;
        let days = (Day(20_779), Day(20_790));
        let today = Day(Instant(crate::support::app::NOW).0 / 86_400_000_000);
        assert_eq!(days.0, today);
        let lend = |from: &'static str, to: &'static str| {
            policies::delegate(&company.store, company.actor(from), Box::leak(key().into_boxed_str()), company.people[to], days)
        };
        lend("Finn Finance", "Nils North").await.unwrap();
        lend("Finn Finance", "Sven South").await.unwrap();
        lend("Nora North", "Aud Auditor").await.unwrap();
        assert_eq!(code(lend("Finn Finance", "Finn Finance").await), "invalid");
        assert_eq!(code(lend("Nils North", "Sven South").await), "forbidden");
        let id = asked(&company, "Nora North", down(&company, 10)).await;
        assert_eq!(code(approve(&company, company.actor("Aud Auditor"), id).await), "own_request", "with the right of whoever asked");
        assert_eq!(code(approve(&company, company.actor("Sven South"), id).await), "not_found", "a lent right opens no wall");
        assert_eq!(approve(&company, company.actor("Nils North"), id).await.unwrap(), Decided::Waits(1));
        assert_eq!(code(approve(&company, company.actor("Nils North"), id).await), "already_done");
        assert_eq!(code(approve(&company, company.actor("Finn Finance"), id).await), "already_done", "his right was used");
        assert!(matches!(approve(&company, company.actor("Ada Admin"), id).await.unwrap(), Decided::Done(_)));
        // Lent to the requester herself: she still asks somebody else.
        lend("Finn Finance", "Nora North").await.unwrap();
        let id = asked(&company, "Nora North", down(&company, 10)).await;
        assert_eq!(code(approve(&company, company.actor("Nora North"), id).await), "own_request");
    }

    async fn declined_withdrawn_and_expired_requests_give_their_money_back(db: TestDb) {
        let company = Company::found(db).await;
        policy(&company, Matter::Adjustment, "Global", (Some(1), None), 1).await;
        let before = figures(&company, "North one").await;
        let ids = [asked(&company, "Nora North", down(&company, 10)).await, asked(&company, "Nora North", down(&company, 20)).await];
        let last = asked(&company, "Nora North", down(&company, 30)).await;
        let (store, finn, nora) = (&company.store, company.actor("Finn Finance"), company.actor("Nora North"));
        assert_eq!(code(approvals::decline(store, finn.clone(), &key(), ids[0], " ".to_owned()).await), "required");
        approvals::decline(store, finn.clone(), &key(), ids[0], "Not this year".to_owned()).await.unwrap();
        assert_eq!(code(approvals::withdraw(store, finn.clone(), &key(), ids[1]).await), "state");
        approvals::withdraw(store, nora, &key(), ids[1]).await.unwrap();
        assert_eq!(figures(&company, "North one").await.reserved, 30);
        assert_eq!(approvals::expire(store).await.unwrap(), 0);
        company.clock.set(crate::support::app::NOW + 15 * 86_400 * 1_000_000);
        assert_eq!(code(approve(&company, finn.clone(), last).await), "state", "before the job came by");
        assert_eq!(approvals::expire(store).await.unwrap(), 1);
        assert_eq!(figures(&company, "North one").await, before);
        for (id, status) in [(ids[0], "rejected"), (ids[1], "withdrawn"), (last, "expired")] {
            assert_eq!(row(&company, id).await.status, status);
            assert_eq!(code(approve(&company, finn.clone(), id).await), "already_done");
        }
        company.check_audit().await;
    }

    async fn what_changed_has_to_be_asked_for_again(db: TestDb) {
        let company = Company::found(db).await;
        policy(&company, Matter::Transfer, "Global", (Some(1), None), 1).await;
        let (north, other) = (company.budgets["North one"], company.budgets["North two"]);
        let transfer = Ask::Transfer { from: north, to: other, amount: 100, rate: None };
        let id = asked(&company, "Nora North", transfer.clone()).await;
        // Other money moves meanwhile: it stays what was approved.
        assert!(matches!(try_order(&company, company.actor("Nora North"), down(&company, 5)).await.unwrap(), Carried::Posted(_)));
        let stale = approvals::approve(&company.store, company.actor("Finn Finance"), &key(), id, vec![0; 32]).await;
        assert_eq!(code(stale), "stale", "not what is kept");
        assert!(matches!(approve(&company, company.actor("Finn Finance"), id).await.unwrap(), Decided::Done(_)));
        // A budget that is another by now.
        let id = asked(&company, "Nora North", transfer.clone()).await;
        let mut read = company.store.read().await.unwrap();
        let kept = budgets::get(&mut read, other).await.unwrap();
        drop(read);
        let attributes = Attributes {
            name: "Renamed".to_owned(),
            period_start: kept.period_start,
            period_end: kept.period_end,
            owner: None,
            cost_centre: String::new(),
        };
        budget_actions::edit(&company.store, company.actor("Ada Admin"), &key(), other, kept.version, attributes).await.unwrap();
        assert!(matches!(approve(&company, company.actor("Finn Finance"), id).await.unwrap(), Decided::Changed(_)));
        assert_eq!(row(&company, id).await.status, "expired");
        // A requester who may no longer do it.
        let mine = grant(&company, "Sara South", Role::RegionalAdministrator, "North").await;
        let id = asked(&company, "Sara South", transfer.clone()).await;
        let end = company.store.write(Intent::once(Actor::system("test"), "test.end"), move |tx| {
            Box::pin(async move {
                tx.access_changed();
                people::end_grant(tx, mine).await
            })
        });
        end.await.unwrap();
        assert!(matches!(approve(&company, company.actor("Finn Finance"), id).await.unwrap(), Decided::Changed(_)));
        // A budget that is closed: what is kept in it stops that.
        let id = asked(&company, "Nora North", transfer).await;
        let version = budgets::get(&mut company.store.read().await.unwrap(), north).await.unwrap().version;
        let close = budget_actions::set_status(&company.store, company.actor("Ada Admin"), "close", north, version, BudgetStatus::Closed);
        assert_eq!(code(close.await), "state");
        let hold = kept::about(&mut company.store.read().await.unwrap(), &[id]).await.unwrap()[0].held_posting_id.unwrap();
        assert_eq!(code(try_order(&company, company.actor("Nora North"), Ask::Void { reservation: hold }).await), "state");
        let commit = Ask::Commit { reservation: hold, amount: 1 };
        assert_eq!(code(try_order(&company, company.actor("Nora North"), commit).await), "state");
        assert_eq!(code(try_order(&company, company.actor("Nora North"), Ask::Reverse { posting: hold }).await), "state");
        company.check_audit().await;
    }

    async fn many_small_orders_of_a_day_are_one_large_one(db: TestDb) {
        let company = Company::found(db).await;
        policy(&company, Matter::Adjustment, "North", (None, Some(1_000)), 1).await;
        let posted = |outcome: Result<Carried, Failure>| matches!(outcome.unwrap(), Carried::Posted(_));
        assert!(posted(try_order(&company, company.actor("Nora North"), down(&company, 600)).await));
        assert!(posted(try_order(&company, company.actor("Nora North"), down(&company, 400)).await));
        let id = asked(&company, "Nora North", down(&company, 1)).await;
        assert!(posted(try_order(&company, company.actor("Finn Finance"), down(&company, 1_000)).await), "each person for herself");
        approve(&company, company.actor("Finn Finance"), id).await.unwrap();
        company.clock.set(crate::support::app::NOW + 86_400 * 1_000_000 + 1);
        assert!(posted(try_order(&company, company.actor("Nora North"), down(&company, 1_000)).await), "a day later");
        asked(&company, "Nora North", down(&company, 1)).await;
        // What waits counts as well.
        policy(&company, Matter::Transfer, "North", (Some(500), Some(800)), 1).await;
        let transfer = |amount| Ask::Transfer { from: company.budgets["North one"], to: company.budgets["North two"], amount, rate: None };
        asked(&company, "Nora North", transfer(500)).await;
        assert!(posted(try_order(&company, company.actor("Nora North"), transfer(300)).await));
        asked(&company, "Nora North", transfer(1)).await;
    }

    async fn a_policy_that_another_process_added_counts_at_once(db: TestDb) {
        let url = db.url.clone();
        let company = Company::found(db).await;
        let posted = |outcome: Result<Carried, Failure>| matches!(outcome.unwrap(), Carried::Posted(_));
        assert!(posted(try_order(&company, company.actor("Nora North"), down(&company, 10)).await));
        let metrics = std::sync::Arc::new(counterfoil::metrics::Metrics::new());
        let other = Store::open(&Options::of(url), company.clock.clone(), Random::system(), metrics).await.unwrap();
        let region = company.regions["Global"];
        let new = NewPolicy { matter: Matter::Adjustment, region, currency: None, from: Some(0), day: None, approvers: 1 };
        let added = policies::add(&other, company.actor("Ada Admin"), &key(), new).await.unwrap();
        asked(&company, "Nora North", down(&company, 10)).await;
        asked(&company, "Nora North", down(&company, 10)).await;
        policies::end(&other, company.actor("Ada Admin"), &key(), added).await.unwrap();
        assert!(posted(try_order(&company, company.actor("Nora North"), down(&company, 10)).await));
        other.close().await;
    }

    async fn what_was_asked_for_and_decided_is_not_rewritten(db: TestDb) {
        let company = Company::found(db).await;
        policy(&company, Matter::Adjustment, "Global", (Some(1), None), 2).await;
        let id = asked(&company, "Nora North", down(&company, 10)).await;
        approve(&company, company.actor("Finn Finance"), id).await.unwrap();
        let forged = async |sql: &'static str| {
            let done = company.store.write(Intent::once(Actor::system("test"), "test.forge"), move |tx| {
                Box::pin(async move { Ok(tx.exec(Sql::new(sql)).await?) })
            });
            done.await
        };
        for sql in [
            "UPDATE approval SET amount = 1",
            "UPDATE approval SET needed = 1",
            "UPDATE approval SET expires_at = expires_at + 1",
            "UPDATE approval SET effects = '{}'",
            "DELETE FROM approval",
            "UPDATE approval_decision SET reason = 'x'",
            "DELETE FROM approval_decision",
            "UPDATE approval_budget SET held = 0, held_posting_id = NULL",
            "UPDATE approval_policy SET approvers = 1",
            "DELETE FROM approval_policy",
            "UPDATE approval SET status = 'approved', ended_at = 1, done_posting_id = (SELECT held_posting_id FROM approval_budget LIMIT 1)",
        ] {
            assert!(matches!(forged(sql).await, Err(Failure::Db(_))), "{sql}");
        }
        assert!(matches!(approve(&company, company.actor("Ada Admin"), id).await.unwrap(), Decided::Done(_)));
        assert!(matches!(forged("UPDATE approval SET ended_because = 'x'").await, Err(Failure::Db(_))), "it has ended");
    }

    async fn the_first_allocation_of_a_new_budget_is_an_allocation(db: TestDb) {
        let company = Company::found(db).await;
        policy(&company, Matter::Allocation, "Global", (Some(1), None), 1).await;
        let attributes = Attributes {
            name: "New".to_owned(),
            period_start: Day::parse("2026-01-01").unwrap(),
            period_end: Day::parse("2026-12-31").unwrap(),
            owner: None,
            cost_centre: String::new(),
        };
        let region = company.regions["North"];
        let new = NewBudget { region, currency: euro().unwrap(), attributes, draft: false, allocation: Some(500) };
        let made = budget_actions::create(&company.store, company.actor("Finn Finance"), &key(), new).await.unwrap();
        assert!(matches!(made, Created::Waits(..)));
        let id = made.budget();
        let mut read = company.store.read().await.unwrap();
        assert_eq!(budgets::get(&mut read, id).await.unwrap().figures(), Figures::default());
        let sight = kept::Sight::of(&access::of_person(&mut read, company.people["Ada Admin"], company.store.now()).await.unwrap());
        let waiting = kept::list(&mut read, &sight, kept::Wanted::Waiting, &Filter::default(), None, 10).await.unwrap();
        drop(read);
        assert_eq!(waiting.len(), 1);
        assert_eq!(code(approve(&company, company.actor("Finn Finance"), waiting[0].id).await), "own_request");
        approve(&company, company.actor("Ada Admin"), waiting[0].id).await.unwrap();
        assert_eq!(budgets::get(&mut company.store.read().await.unwrap(), id).await.unwrap().figures().allocated, 500);
    }
}

#[test]
fn a_refusal_of_ones_own_request_says_what_to_do() {
    assert!(Refusal::OwnRequest.to_string().contains("Somebody else"));
}
