//! The walk along the audit chain finds whatever was touched: security.md 5.4.

use counterfoil::actions::audit::{Verdict, walk};
use counterfoil::domain::audit::Event;
use counterfoil::store::writer::Intent;
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection, SqliteConnection};

use crate::support::app::Company;
use crate::support::database::{TestDb, on_both_engines};

const EVENTS: i64 = 40;

/// Somebody with the database's own tools, who has taken the guards away.
async fn tamper(url: &str, statements: &[&str]) -> Result<(), sqlx::Error> {
    if let Some(file) = url.strip_prefix("sqlite:") {
        let mut connection = SqliteConnection::connect(&format!("sqlite:{file}")).await?;
        connection.execute(AssertSqlSafe("DROP TRIGGER IF EXISTS audit_event_keeps; DROP TRIGGER IF EXISTS audit_event_stays")).await?;
        for statement in statements {
            connection
                .execute(AssertSqlSafe(statement.replace("0xff", "X'ff'").replace("ANY_ID", "X'00000000000070008000000000000001'")))
                .await?;
        }
        return connection.close().await;
    }
    let mut connection = PgConnection::connect(url).await?;
    connection.execute(AssertSqlSafe("ALTER TABLE audit_event DISABLE TRIGGER ALL")).await?;
    for statement in statements {
        let statement = statement.replace("0xff", "'\\xff'::bytea").replace("ANY_ID", "'00000000-0000-7000-8000-000000000001'::uuid");
        connection.execute(AssertSqlSafe(statement)).await?;
    }
    connection.close().await
}

async fn with_events(db: TestDb) -> (Company, String) {
    let url = db.url.clone();
    let company = Company::found(db).await;
    for n in 0..EVENTS {
        let actor = company.actor("Ada Admin");
        let region = (n % 2 == 0).then(|| company.regions["North"]);
        let done = company.store.write(Intent::once(actor, "test.event"), move |tx| {
            Box::pin(async move {
                let change = (serde_json::json!({ "n": n }), serde_json::json!({ "n": n + 1 }));
                tx.record(Event::new("test.happened", "test", n, region).change(change.0, change.1));
                Ok(())
            })
        });
        done.await.unwrap();
    }
    (company, url)
}

/// The first broken event after the statements have run, and everything put back afterwards by copying the table aside.
async fn broken_at(company: &Company, url: &str, statements: &[&str]) -> i64 {
    tamper(url, &["CREATE TABLE kept AS SELECT * FROM audit_event", "CREATE TABLE kept_head AS SELECT * FROM audit_head"]).await.unwrap();
    tamper(url, statements).await.unwrap();
    let verdict = walk(&mut company.store.lone(), |_, _| {}).await.unwrap();
    let back = [
        "DELETE FROM audit_event",
        "INSERT INTO audit_event SELECT * FROM kept",
        "DELETE FROM audit_head",
        "INSERT INTO audit_head SELECT * FROM kept_head",
        "DROP TABLE kept",
        "DROP TABLE kept_head",
    ];
    tamper(url, &back).await.unwrap();
    match verdict {
        Verdict::Broken { seq, .. } => seq,
        Verdict::Ok { .. } | Verdict::NotProven { .. } => panic!("not found: {statements:?}"),
    }
}

on_both_engines! {
    async fn a_clean_trail_is_ok_and_says_its_head(db: TestDb) {
        let (company, _) = with_events(db).await;
        let mut told = Vec::new();
        let verdict = walk(&mut company.store.lone(), |done, of| told.push((done, of))).await.unwrap();
        let Verdict::Ok { events, head } = verdict else { panic!("{verdict:?}") };
        assert_eq!((told.last().copied(), head.len()), (Some((events, events)), 64));
        assert!(events >= EVENTS);
    }

    async fn any_change_of_any_column_is_found_at_its_event(db: TestDb) {
        let (company, url) = with_events(db).await;
        let Verdict::Ok { events, .. } = walk(&mut company.store.lone(), |_, _| {}).await.unwrap() else { panic!("not clean") };
        let changes = [
            "id = ANY_ID",
            "at = at + 1",
            "actor_kind = 'system'",
            "actor_id = NULL",
            "actor_id = ANY_ID",
            "action = 'test.happenee'",
            "object_kind = 'tost'",
            "object_id = object_id || '0'",
            "region_id = ANY_ID",
            "body_version = 2",
            "body = substr(body, 2)",
            "body = 0xff",
            "leaf = 0xff",
            "chain = 0xff",
        ];
        for seq in [events - EVENTS + 2, events - 1, events] {
            for change in changes {
                let found = broken_at(&company, &url, &[&format!("UPDATE audit_event SET {change} WHERE seq = {seq}")]).await;
                assert_eq!(found, seq, "{change}");
            }
        }
    }

    async fn what_is_missing_added_or_moved_is_found(db: TestDb) {
        let (company, url) = with_events(db).await;
        let Verdict::Ok { events, .. } = walk(&mut company.store.lone(), |_, _| {}).await.unwrap() else { panic!("not clean") };
        let columns = "id, at, actor_kind, actor_id, action, object_kind, object_id, region_id, body_version, body, leaf, chain";
        let copy = |from: i64, to: i64| format!("INSERT INTO audit_event (seq, {columns}) SELECT {to}, {columns} FROM audit_event WHERE seq = {from}");
        let at = events - 5;
        let find = async |statements: &[String]| {
            let statements: Vec<&str> = statements.iter().map(String::as_str).collect();
            broken_at(&company, &url, &statements).await
        };
        assert_eq!(find(&[format!("DELETE FROM audit_event WHERE seq = {at}")]).await, at);
        assert_eq!(find(&["DELETE FROM audit_event WHERE seq = 1".to_owned()]).await, 1);
        assert_eq!(find(&["DELETE FROM audit_event".to_owned()]).await, 1);
        for cut in [1, 10] {
            assert_eq!(find(&[format!("DELETE FROM audit_event WHERE seq > {}", events - cut)]).await, events - cut + 1);
        }
        let swap = |a: i64, b: i64| {
            [(a, -7), (b, a), (-7, b)].map(|(from, to)| format!("UPDATE audit_event SET seq = {to} WHERE seq = {from}"))
        };
        assert_eq!(find(&swap(at, at + 1)).await, at);
        assert_eq!(find(&[copy(at, events + 1)]).await, events + 1);
        assert_eq!(find(&[copy(1, 0)]).await, 0);
        assert_eq!(find(&[copy(1, -3)]).await, 0);
        let gone = format!("DELETE FROM audit_event WHERE seq = {at}");
        assert_eq!(find(&[gone, format!("UPDATE audit_event SET seq = seq - 1 WHERE seq = {}", at + 1)]).await, at);
        assert_eq!(find(&["UPDATE audit_head SET seq = seq + 1".to_owned()]).await, events + 1);
        assert_eq!(find(&["UPDATE audit_head SET chain = 0xff".to_owned()]).await, events + 1);
        assert_eq!(find(&["UPDATE audit_head SET log_id = 0xff".to_owned()]).await, 1);
        assert_eq!(find(&["DELETE FROM audit_head".to_owned()]).await, 0);
        assert!(matches!(walk(&mut company.store.lone(), |_, _| {}).await.unwrap(), Verdict::Ok { .. }), "everything was put back");
    }
}
