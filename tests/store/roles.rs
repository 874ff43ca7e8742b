//! Grants of both kinds, as the database keeps them.

use counterfoil::domain::access::Permission;
use counterfoil::domain::id::RoleId;
use counterfoil::domain::role::{AnyRole, Permissions};
use counterfoil::store::db::{Engine, Sql};
use counterfoil::store::failure::{DbError, Failure};
use counterfoil::store::writer::Intent;
use counterfoil::store::{access, migrate, roles};
use sqlx::{Connection, SqliteConnection};

use crate::support::app::Company;
use crate::support::database::{TestDb, on_both_engines};

async fn exec(company: &Company, sql: &'static str) -> Result<(), Failure> {
    let actor = counterfoil::domain::access::Actor::system("test");
    company
        .store
        .write(Intent::once(actor, "test.exec"), move |tx| {
            Box::pin(async move {
                tx.exec(Sql::new(sql)).await?;
                Ok(())
            })
        })
        .await
}

on_both_engines! {
    async fn a_grant_is_of_one_of_the_five_or_of_a_custom_role(db: TestDb) {
        let company = Company::found(db).await;
        let allows: Permissions = [Permission::RegionsRead, Permission::AuditRead].into_iter().collect();
        let actor = counterfoil::domain::access::Actor::system("test");
        let id: RoleId = company.store.write(Intent::once(actor, "test.role"), move |tx| {
            Box::pin(async move {
                let id = RoleId(tx.new_id());
                roles::insert(tx, id, "Reader", counterfoil::domain::access::Role::Auditor.into(), allows).await?;
                Ok(id)
            })
        }).await.unwrap();
        for sql in [
            "UPDATE role_grant SET role = 'custom'",
            "UPDATE role_grant SET custom_role_id = (SELECT id FROM custom_role)",
            "UPDATE role_grant SET role = 'king'",
        ] {
            let refused = exec(&company, sql).await;
            assert!(matches!(refused, Err(Failure::Db(DbError::Constraint(_)))), "{sql}: {refused:?}");
        }
        exec(&company, "UPDATE role_grant SET role = 'custom', custom_role_id = (SELECT id FROM custom_role)").await.unwrap();
        let mut read = company.store.read().await.unwrap();
        let north = company.regions["North"];
        let held = access::of_person(&mut read, company.people["Nils North"], company.store.now()).await.unwrap();
        assert!(held.may(Permission::AuditRead, north) && !held.may(Permission::BudgetsRead, north));
        assert_eq!((held.labels(), held.grants()[0].role), (vec!["Reader"], AnyRole::Custom(id)));
        let mut sql = Sql::new("SELECT CAST(count(*) AS BIGINT) FROM role_grant g WHERE ");
        roles::push_allowing(&mut sql, Permission::AuditRead);
        assert_eq!(read.value::<i64>(sql).await.unwrap(), company.people.len() as i64);
        drop(read);
        company.store.close().await;
    }
}

#[tokio::test]
async fn the_grants_of_an_older_database_stay_as_they_are() {
    let db = TestDb::sqlite();
    let mut connection = SqliteConnection::connect(&format!("{}?mode=rwc", db.url)).await.unwrap();
    let run = async |connection: &mut SqliteConnection, text: String| {
        sqlx::raw_sql(sqlx::AssertSqlSafe(text)).execute(connection).await.unwrap();
    };
    let (before, after): (Vec<_>, Vec<_>) = migrate::all(Engine::Sqlite).into_iter().partition(|migration| migration.version < 50);
    for migration in before {
        run(&mut connection, migration.text).await;
    }
    let rows = "INSERT INTO currency_in_use VALUES ('EUR'); \
        INSERT INTO region (id, name, currency, time_zone, fiscal_start_month, status, created_at) VALUES (x'01', 'All', 'EUR', 'UTC', 1, 'active', 0); \
        INSERT INTO person (id, email, name, status, created_at) VALUES (x'02', 'a@b.c', 'Ann', 'active', 0); \
        INSERT INTO role_grant VALUES (x'03', x'02', 'auditor', x'01', 7, 8, x'02', NULL), (x'04', x'02', 'auditor', x'01', NULL, 9, NULL, 10)";
    run(&mut connection, rows.to_owned()).await;
    for migration in after {
        run(&mut connection, migration.text).await;
    }
    type Kept = (Vec<u8>, Vec<u8>, String, Vec<u8>, Option<i64>, i64, Option<Vec<u8>>, Option<i64>, Option<Vec<u8>>);
    let kept: Vec<Kept> = sqlx::query_as("SELECT * FROM role_grant ORDER BY id").fetch_all(&mut connection).await.unwrap();
    let one = |id: u8, ends: Option<i64>, at: i64, by: Option<Vec<u8>>, ended: Option<i64>| {
        (vec![id], vec![2u8], "auditor".to_owned(), vec![1u8], ends, at, by, ended, None)
    };
    assert_eq!(kept, [one(3, Some(7), 8, Some(vec![2]), None), one(4, None, 9, None, Some(10))]);
}
