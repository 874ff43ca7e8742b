//! Changes of roles that wait for approval: whatever the path, by somebody who gains nothing by it, done once and exactly as it was approved.

use counterfoil::actions::approval_policies::{self as policies, NewPolicy};
use counterfoil::actions::approvals::{self, Decided};
use counterfoil::actions::people::{self as act, Given, NewGrant, NewPerson};
use counterfoil::actions::roles;
use counterfoil::clock::Random;
use counterfoil::domain::access::{Access, Actor, Permission, Role};
use counterfoil::domain::approval::Matter;
use counterfoil::domain::currency::Currency;
use counterfoil::domain::id::{ApprovalId, RegionId, RoleId, UserId};
use counterfoil::domain::role::{AnyRole, Permissions};
use counterfoil::store::db::Sql;
use counterfoil::store::failure::Failure;
use counterfoil::store::writer::Intent;
use counterfoil::store::{access, approvals as kept, audit_log, people, roles as kept_roles};

use crate::support::app::Company;
use crate::support::database::{TestDb, on_both_engines};

fn key() -> String {
    Random::system().token(16)
}

fn policy(region: RegionId, currency: Option<Currency>) -> NewPolicy {
    NewPolicy { matter: Matter::RoleChange, region, currency, from: Some(0), day: None, approvers: 1 }
}

/// The company with a policy on changes of roles in a region, and a second administrator.
async fn with_policy(db: TestDb, region: &str) -> (Company, UserId) {
    let company = Company::found(db).await;
    let ben = add(&company, Actor::system("test"), "ben@test.example", Some(Role::Administrator), "Global").await;
    policies::add(&company.store, company.actor("Ada Admin"), &key(), policy(company.regions[region], None)).await.unwrap();
    (company, ben)
}

async fn add(company: &Company, by: Actor, email: &str, role: Option<Role>, region: &str) -> UserId {
    let grant = role.map(|role| (role.into(), company.regions[region], None));
    let new = NewPerson { email: email.to_owned(), name: "Ben Second".to_owned(), password_hash: Some("x".to_owned()), grant };
    act::add(&company.store, by, &key(), new).await.unwrap()
}

fn actor(company: &Company, person: UserId) -> Actor {
    Actor { who: counterfoil::domain::access::Who::Person(person), ..company.actor("Ada Admin") }
}

async fn give(company: &Company, by: Actor, person: UserId, role: impl Into<AnyRole>, region: &str) -> Result<Given, Failure> {
    let new = NewGrant { person, role: role.into(), region: company.regions[region], ends_on: None, seen: None };
    act::grant(&company.store, by, &key(), new).await
}

async fn asked(company: &Company, person: UserId, role: impl Into<AnyRole>, region: &str) -> ApprovalId {
    match give(company, company.actor("Ada Admin"), person, role, region).await.unwrap() {
        Given::Waits(id) => id,
        Given::Now(id) => panic!("{id} was given at once"),
    }
}

async fn approve(company: &Company, by: Actor, id: ApprovalId) -> Result<Decided, Failure> {
    let hash = kept::get(&mut company.store.lone(), id).await.unwrap().content_hash;
    approvals::approve(&company.store, by, &key(), id, hash).await
}

async fn holds(company: &Company, person: UserId) -> Access {
    access::of_person(&mut company.store.lone(), person, company.store.now()).await.unwrap()
}

async fn details(company: &Company, action: &str) -> Vec<serde_json::Value> {
    let all = audit_log::after(&mut company.store.lone(), 0, 10_000).await.unwrap();
    let of = |body: &[u8]| serde_json::from_slice::<serde_json::Value>(body).unwrap()["detail"].clone();
    all.iter().filter(|event| event.action == action).map(|event| of(&event.body)).collect()
}

fn code<T: std::fmt::Debug>(outcome: Result<T, Failure>) -> &'static str {
    match outcome {
        Err(Failure::Refused(refusal)) => refusal.code(),
        other => panic!("{other:?}"),
    }
}

async fn role(company: &Company, name: &str, allows: &[Permission]) -> RoleId {
    let (from, allows) = (AnyRole::BuiltIn(Role::RegionalPartner), allows.iter().copied().collect::<Permissions>());
    roles::make(&company.store, company.actor("Ada Admin"), &key(), name, from, allows).await.unwrap()
}

async fn edit(company: &Company, id: RoleId, allows: &[Permission]) -> Option<ApprovalId> {
    let found = kept_roles::find(&mut company.store.lone(), id).await.unwrap().unwrap();
    let allows = allows.iter().copied().collect::<Permissions>();
    roles::edit(&company.store, company.actor("Ada Admin"), &key(), (id, found.version), &found.name, allows).await.unwrap()
}

on_both_engines! {
    async fn a_role_waits_is_approved_by_somebody_else_and_given_once(db: TestDb) {
        let (company, ben) = with_policy(db, "Global").await;
        let (nils, north) = (company.people["Nils North"], company.regions["North"]);
        let id = asked(&company, nils, Role::RegionalAdministrator, "North").await;
        assert!(!holds(&company, nils).await.may(Permission::BudgetsAdjust, north), "nothing is given meanwhile");
        assert_eq!(code(approve(&company, company.actor("Ada Admin"), id).await), "own_request");
        assert_eq!(code(approve(&company, company.actor("Finn Finance"), id).await), "not_found", "he sees no people");
        assert_eq!(code(approve(&company, company.actor("Nils North"), id).await), "not_found");
        let cyd = add(&company, Actor::system("test"), "cyd@test.example", None, "Global").await;
        assert!(matches!(give(&company, actor(&company, ben), cyd, Role::Administrator, "Global").await.unwrap(), Given::Waits(_)));
        let both = futures_util::future::join(approve(&company, actor(&company, ben), id), approve(&company, actor(&company, ben), id)).await;
        let done = [&both.0, &both.1].into_iter().filter(|one| matches!(one, Ok(Decided::Done(None)))).count();
        assert_eq!(done, 1, "{both:?}");
        assert!(holds(&company, nils).await.may(Permission::BudgetsAdjust, north));
        let row = kept::get(&mut company.store.lone(), id).await.unwrap();
        assert_eq!((row.status.as_str(), row.done_posting_id, row.amount, row.currency), ("approved", None, None, None));
        let given = details(&company, "grant.given").await;
        let by_approval = given.iter().filter(|detail| detail["approval"] == id.to_string()).collect::<Vec<_>>();
        assert_eq!(by_approval.len(), 1, "once");
        assert_eq!(by_approval[0]["requester"], company.people["Ada Admin"].to_string());
        assert_eq!(details(&company, "approval.executed").await.len(), 1);
        let scope = counterfoil::domain::access::Scope::of([north], false);
        let grants = people::grants(&mut company.store.read().await.unwrap(), &scope, Some(nils), company.store.now()).await.unwrap();
        assert_eq!(grants.iter().filter(|grant| grant.role_code() == "regional_administrator").count(), 1);
        company.check_audit().await;
    }

    async fn nobody_raises_herself_by_approving(db: TestDb) {
        let (company, ben) = with_policy(db, "Global").await;
        let id = asked(&company, ben, Role::Auditor, "North").await;
        assert_eq!(code(approve(&company, actor(&company, ben), id).await), "own_role");
        let mover = role(&company, "Mover", &[Permission::RegionsRead]).await;
        let cyd = add(&company, Actor::system("test"), "cyd@test.example", None, "Global").await;
        policies::end(&company.store, company.actor("Ada Admin"), &key(), policy_id(&company).await).await.unwrap();
        give(&company, company.actor("Ada Admin"), ben, AnyRole::Custom(mover), "North").await.unwrap();
        policies::add(&company.store, company.actor("Ada Admin"), &key(), policy(company.regions["North"], None)).await.unwrap();
        give(&company, company.actor("Ada Admin"), cyd, Role::Administrator, "Global").await.unwrap();
        let wider = edit(&company, mover, &[Permission::RegionsRead, Permission::BudgetsRead]).await.expect("a policy where it is held catches it");
        assert_eq!(code(approve(&company, actor(&company, ben), wider).await), "own_role");
        assert_eq!(approve(&company, actor(&company, cyd), wider).await.unwrap(), Decided::Done(None));
        assert!(holds(&company, ben).await.may(Permission::BudgetsRead, company.regions["North"]));
    }

    async fn what_takes_away_never_waits_and_what_is_outside_is_not_asked_about(db: TestDb) {
        let (company, _) = with_policy(db, "North").await;
        let (sven, nils) = (company.people["Sven South"], company.people["Nils North"]);
        assert!(matches!(give(&company, company.actor("Ada Admin"), sven, Role::Auditor, "South").await.unwrap(), Given::Now(_)));
        let mover = role(&company, "Mover", &[Permission::RegionsRead, Permission::BudgetsRead]).await;
        assert_eq!(edit(&company, mover, &[Permission::RegionsRead]).await, None, "narrower");
        let everywhere = counterfoil::domain::access::Scope::of([company.regions["North"]], false);
        let grants = people::grants(&mut company.store.read().await.unwrap(), &everywhere, Some(nils), company.store.now()).await.unwrap();
        act::end_grant(&company.store, company.actor("Ada Admin"), &key(), grants[0].id).await.unwrap();
        assert!(!holds(&company, nils).await.has(Permission::BudgetsRead), "ending does not wait");
    }

    async fn every_path_waits_and_who_is_no_person_cannot_ask(db: TestDb) {
        let (company, _) = with_policy(db, "Global").await;
        let pia = add(&company, company.actor("Ada Admin"), "pia@test.example", Some(Role::Auditor), "North").await;
        assert!(!holds(&company, pia).await.has(Permission::AuditRead), "her first role waits");
        let as_system = give(&company, Actor::system("cli"), company.people["Nils North"], Role::Auditor, "North").await;
        assert_eq!(code(as_system), "state");
        let new = NewPerson {
            email: "qia@test.example".to_owned(),
            name: "Qia".to_owned(),
            password_hash: None,
            grant: Some((Role::Administrator.into(), company.regions["Global"], None)),
        };
        assert_eq!(code(act::add(&company.store, Actor::system("cli"), &key(), new).await), "state");
        let euro = Currency::parse("EUR");
        let with_amount = policies::add(&company.store, company.actor("Ada Admin"), &key(), policy(company.regions["South"], euro)).await;
        assert_eq!(code(with_amount), "invalid");
    }

    async fn what_would_be_another_change_by_now_is_not_done(db: TestDb) {
        let (company, ben) = with_policy(db, "Global").await;
        let nils = company.people["Nils North"];
        let mover = role(&company, "Mover", &[Permission::RegionsRead, Permission::BudgetsRead]).await;
        let first = asked(&company, nils, AnyRole::Custom(mover), "North").await;
        assert_eq!(edit(&company, mover, &[Permission::RegionsRead]).await, None);
        assert!(matches!(approve(&company, actor(&company, ben), first).await.unwrap(), Decided::Changed(_)), "the role allows something else");
        let (one, two) = (asked(&company, nils, Role::Auditor, "North").await, asked(&company, nils, Role::Auditor, "North").await);
        assert_eq!(approve(&company, actor(&company, ben), one).await.unwrap(), Decided::Done(None));
        assert!(matches!(approve(&company, actor(&company, ben), two).await.unwrap(), Decided::Changed(_)), "she has it already");
        let third = asked(&company, nils, Role::FinanceController, "North").await;
        let ada = company.people["Ada Admin"];
        let everywhere = counterfoil::domain::access::Scope::of(company.regions.values().copied(), true);
        let hers = people::grants(&mut company.store.read().await.unwrap(), &everywhere, Some(ada), company.store.now()).await.unwrap();
        act::end_grant(&company.store, actor(&company, ben), &key(), hers[0].id).await.unwrap();
        assert!(matches!(approve(&company, actor(&company, ben), third).await.unwrap(), Decided::Changed(_)), "she may not give it any more");
        assert!(!holds(&company, nils).await.has(Permission::BudgetsManage));
        company.check_audit().await;
    }

    async fn the_database_itself_keeps_to_it(db: TestDb) {
        let (company, _) = with_policy(db, "Global").await;
        let id = asked(&company, company.people["Nils North"], Role::Auditor, "North").await;
        let ada = company.people["Ada Admin"];
        let tries = [
            Sql::new("UPDATE approval SET status = 'approved', ended_at = 1 WHERE id = $1").bind(id),
            Sql::new("UPDATE approval SET amount = 5 WHERE id = $1").bind(id),
            Sql::new("DELETE FROM approval_region WHERE approval_id = $1").bind(id),
            Sql::new("UPDATE approval_region SET region_id = $2 WHERE approval_id = $1").bind(id).bind(company.regions["South"]),
            Sql::new(
                "INSERT INTO approval_decision (approval_id, requester_id, person_id, authority_id, approves, content_hash, at) \
                 SELECT id, requester_id, $2, $2, 1, content_hash, 1 FROM approval WHERE id = $1",
            )
            .bind(id)
            .bind(ada),
            Sql::new(
                "INSERT INTO approval SELECT made_budget_id, matter, requester_id, policy_id, needed, 'EUR', 5, order_text, effects, content_hash, \
                 made_budget_id, asked_at, expires_at, status, ended_at, ended_because, done_posting_id FROM approval WHERE id = $1",
            )
            .bind(id),
        ];
        for sql in tries {
            let text = sql.text().to_owned();
            let write = company.store.write(Intent::once(Actor::system("test"), "test.raw"), move |tx| {
                let sql = sql.clone();
                Box::pin(async move { Ok(tx.exec(sql).await?) })
            });
            assert!(matches!(write.await, Err(Failure::Db(_))), "{text}");
        }
    }
}

async fn policy_id(company: &Company) -> counterfoil::domain::id::PolicyId {
    counterfoil::store::approval_policies::in_force(&mut company.store.lone()).await.unwrap()[0].id
}
