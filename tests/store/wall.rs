//! The database's own walls: what points from one region into another is refused on both engines, and on PostgreSQL a transaction sees the rows of its
//! regions alone, whatever it asks.

use std::sync::Arc;

use counterfoil::clock::{Clock, Random};
use counterfoil::domain::access::{Actor, Role, Sight};
use counterfoil::domain::id::RegionId;
use counterfoil::domain::refusal::Refusal;
use counterfoil::metrics::Metrics;
use counterfoil::store::db::{Reader, Sql};
use counterfoil::store::db_wall::{self, Standing};
use counterfoil::store::failure::Failure;
use counterfoil::store::writer::Intent;
use counterfoil::store::{Options, Store, access};
use sqlx::{AssertSqlSafe, Connection, PgConnection};
use uuid::Uuid;

use crate::support::app::Company;
use crate::support::database::{TestDb, address, admin, on_both_engines};
use crate::support::rewards::{load, reward};

/// Statements that are right with the ids of the North (1: region, 2: budget, 3: posting, 4: transaction, 5: recipient) and wrong where one of them is
/// the South's; which one, by its number.
const POINTERS: &[(&str, usize, &str)] = &[
    ("a budget and the one it follows", 2, "UPDATE budget SET previous_id = $2 WHERE id = $6 AND region_id = $1"),
    ("a new budget and the one it follows", 2, BUDGET),
    ("a posting and its budget", 2, POSTING),
    ("a posting and what it reverses", 3, POSTING),
    ("a posting and what it settles", 3, SETTLED),
    ("a posting and its transaction", 4, POSTING),
    ("a transaction and its budget", 2, "UPDATE reward_transaction SET budget_id = $2 WHERE id = $6 AND region_id = $1"),
    ("a transaction and its recipient", 5, "UPDATE reward_transaction SET recipient_id = $5 WHERE id = $6 AND region_id = $1"),
    ("a sum and its budget", 2, ROLLUP),
    ("a request and its budget", 2, "INSERT INTO approval_budget (approval_id, budget_id, region_id) VALUES ($6, $2, $1)"),
    (
        "a request and what is held for it",
        3,
        "INSERT INTO approval_budget (approval_id, budget_id, region_id, held, held_posting_id) VALUES ($6, $2, $1, 1, $3)",
    ),
];
const BUDGET: &str = "INSERT INTO budget (id, region_id, name, currency, period_start, period_end, status, previous_id, created_at) \
                      VALUES ($6, $1, 'x', 'EUR', 0, 1, 'active', $2, 0)";
const POSTING: &str = "INSERT INTO posting (id, at, effective_date, kind, counted, currency, amount, source_account, source_budget_id, source_region_id, \
                       destination_account, destination_budget_id, destination_region_id, transaction_id, reverses_id, actor_kind) \
                       VALUES ($6, 0, 0, 'reversal', 'reserve', 'EUR', 1, 'reserved', $2, $1, 'available', $2, $1, $4, $3, 'system')";
const SETTLED: &str = "INSERT INTO posting (id, at, effective_date, kind, counted, currency, amount, source_account, source_budget_id, source_region_id, \
                       destination_account, destination_budget_id, destination_region_id, settles_id, actor_kind) \
                       VALUES ($6, 0, 0, 'void', 'reserve', 'EUR', 1, 'reserved', $2, $1, 'available', $2, $1, $3, 'system')";
const ROLLUP: &str = "INSERT INTO rollup (region_id, budget_key, month, currency_code, order_status, delivery_status, redemption_status, import_no, \
                      transactions, amount) VALUES ($1, $2, 1, 'EUR', 'x', 'x', 'x', 0, 1, 1)";

fn fresh() -> Uuid {
    Uuid::from_bytes(Random::system().bytes::<16>())
}

/// Region, budget, a reservation in it, a transaction, its recipient.
type Ids = [Uuid; 5];

async fn ids(company: &Company, region: &'static str, budget: &str, transaction: Uuid) -> Ids {
    let (region, budget, posting) = (company.regions[region].0, company.budgets[budget].0, fresh());
    let held = Sql::new(
        "INSERT INTO posting (id, at, effective_date, kind, counted, currency, amount, source_account, source_budget_id, source_region_id, \
         destination_account, destination_budget_id, destination_region_id, actor_kind) \
         VALUES ($1, 0, 0, 'reserve', 'reserve', 'EUR', 1, 'available', $2, $3, 'reserved', $2, $3, 'system')",
    );
    tried(company, vec![held.bind(posting).bind(budget).bind(region)], true).await.unwrap();
    let recipient = Sql::new("SELECT recipient_id FROM reward_transaction WHERE id = $1").bind(transaction);
    let (recipient,): (Uuid,) = company.store.read().await.unwrap().one(recipient).await.unwrap().unwrap();
    [region, budget, posting, transaction, recipient]
}

/// Runs statements and, unless they are to stay, takes them back.
async fn tried(company: &Company, statements: Vec<Sql>, stays: bool) -> Result<(), Failure> {
    let write = company.store.write(Intent::once(Actor::system("test"), "test.pointer"), move |tx| {
        let statements = statements.clone();
        Box::pin(async move {
            for sql in statements {
                tx.exec_one(sql).await?;
            }
            if stays { Ok(()) } else { Err(Refusal::State("taken back".to_owned()).into()) }
        })
    });
    match write.await {
        Err(Failure::Refused(Refusal::State(words))) if words == "taken back" => Ok(()),
        other => other,
    }
}

/// A request that two budgets could take part in.
fn request(company: &Company, id: Uuid) -> Vec<Sql> {
    let policy = Sql::new(
        "INSERT INTO approval_policy (id, matter, region_id, from_amount, approvers, currency, created_at) VALUES ($1, 'transfer', $2, 0, 1, 'EUR', 0)",
    );
    let asked = Sql::new(
        "INSERT INTO approval (id, matter, requester_id, policy_id, needed, currency, amount, order_text, effects, content_hash, made_budget_id, asked_at, \
         expires_at, status) VALUES ($1, 'transfer', $2, $3, 1, 'EUR', 1, '', '', $4, $1, 0, 1, 'pending')",
    );
    let (by, policy_id) = (company.people["Nora North"].0, fresh());
    vec![policy.bind(policy_id).bind(company.regions["Global"]), asked.bind(id).bind(by).bind(policy_id).bind([0u8; 32])]
}

on_both_engines! {
    async fn a_row_that_points_into_another_region_is_refused(db: TestDb) {
        let company = Company::found(db).await;
        let rewards = ["North", "South"].map(|region| crate::support::rewards::Reward { region, ..reward(region) });
        let (_, rows) = load(&company, rewards.into(), true).await;
        let north = ids(&company, "North", "North one", rows[0].0).await;
        let south = ids(&company, "South", "South one", rows[1].0).await;
        let other = company.budgets["North two"].0;
        for (what, at, text) in POINTERS {
            let sql = |ids: Ids| {
                let own = match *what {
                    "a budget and the one it follows" => other,
                    "a transaction and its budget" | "a transaction and its recipient" => ids[3],
                    _ => fresh(),
                };
                // Only what the text names is bound, in the order of its numbers.
                let mut renumbered = (*text).to_owned();
                let (mut statement, mut count) = (Vec::new(), 0);
                for (number, value) in (1..=6).zip(ids.iter().copied().chain([own])) {
                    if text.contains(&format!("${number}")) {
                        count += 1;
                        renumbered = renumbered.replace(&format!("${number}"), &format!("${count}"));
                        statement.push(value);
                    }
                }
                let bound = statement.into_iter().fold(Sql::new(Box::leak(renumbered.into_boxed_str())), Sql::bind);
                let mut all = if text.contains("approval_id") { request(&company, own) } else { Vec::new() };
                all.push(bound);
                all
            };
            let right = tried(&company, sql(north), false).await;
            assert!(right.is_ok(), "{what}, within one region: {right:?}");
            let mut across = north;
            across[at - 1] = south[at - 1];
            let wrong = tried(&company, sql(across), false).await;
            assert!(matches!(wrong, Err(Failure::Db(_))), "{what}, across: {wrong:?}");
        }
        for (table, id) in [("budget", north[1]), ("recipient", north[4])] {
            let mut sql = Sql::default();
            sql.push("UPDATE ").push(table).push(" SET region_id = ").push_bind(south[0]).push(" WHERE id = ").push_bind(id);
            let left = tried(&company, vec![sql], false).await;
            assert!(matches!(left, Err(Failure::Db(_))), "{table} leaves its region: {left:?}");
        }
        company.store.close().await;
    }
}

async fn count(reader: &mut impl Reader, table: &str) -> i64 {
    let mut sql = Sql::default();
    sql.push("SELECT count(*) FROM ").push(table);
    reader.one::<(i64,)>(sql).await.unwrap().unwrap().0
}

/// What the North's partner can come to see.
async fn sight(company: &Company, name: &str) -> Sight {
    let person = company.people[name];
    access::of_person(&mut company.store.read().await.unwrap(), person, company.store.now()).await.unwrap().sight(person)
}

/// Tables with a region that are behind no wall: rules hold for whoever is below their region, and say nothing of it.
const OPEN: &[&str] = &["approval_policy"];

#[tokio::test]
async fn every_table_with_a_region_is_behind_the_wall_and_its_owner_too() {
    let company = Company::found(TestDb::postgres().await).await;
    let sql = Sql::new(
        "SELECT CAST(c.relname AS TEXT), CAST(CASE WHEN c.relrowsecurity AND c.relforcerowsecurity THEN 1 ELSE 0 END AS BIGINT) FROM pg_class c \
         WHERE c.relkind = 'r' AND c.relnamespace = current_schema()::regnamespace AND (c.relname = 'region' OR EXISTS (SELECT 1 FROM pg_attribute a \
         WHERE a.attrelid = c.oid AND a.attname LIKE '%region_id' AND NOT a.attisdropped)) ORDER BY c.relname",
    );
    let tables: Vec<(String, i64)> = company.store.read().await.unwrap().all(sql).await.unwrap();
    assert!(tables.len() > 9, "{tables:?}");
    for (table, walled) in tables {
        assert_eq!(walled == 1, !OPEN.contains(&table.as_str()), "{table}");
    }
    let views = Sql::new(
        "SELECT CAST(relname AS TEXT) FROM pg_class WHERE relkind = 'v' AND relnamespace = current_schema()::regnamespace \
         AND NOT coalesce(reloptions @> ARRAY['security_invoker=true'], false)",
    );
    assert_eq!(company.store.read().await.unwrap().all::<(String,)>(views).await.unwrap(), []);
    company.store.close().await;
}

#[tokio::test]
async fn a_transaction_sees_its_regions_and_one_that_says_nothing_sees_nothing() {
    let db = TestDb::postgres().await;
    let url = db.url.clone();
    let company = Company::found(db).await;
    let nils = company.store.within(sight(&company, "Nils North").await);
    let mut read = nils.read().await.unwrap();
    let names: Vec<(String,)> = read.all(Sql::new("SELECT name FROM budget ORDER BY name")).await.unwrap();
    assert_eq!(names.iter().map(|row| row.0.as_str()).collect::<Vec<_>>(), ["North one", "North two", "North yen"]);
    assert_eq!(count(&mut read, "budget_figures").await, 3, "views as well");
    assert_eq!(count(&mut read, "posting").await, 3);
    let regions: Vec<(String,)> = read.all(Sql::new("SELECT name FROM region ORDER BY name")).await.unwrap();
    assert_eq!(regions.iter().map(|row| row.0.as_str()).collect::<Vec<_>>(), ["Global", "North"], "hers, and what is above it");
    drop(read);
    let mut read = company.store.read().await.unwrap();
    assert_eq!(count(&mut read, "budget").await, 4);
    read.narrow(&sight(&company, "Sara South").await).await.unwrap();
    assert_eq!(count(&mut read, "budget").await, 1);
    drop(read);
    let mut direct = PgConnection::connect(&url).await.unwrap();
    for (before, words) in [("", "nothing"), ("; SET LOCAL counterfoil.regions = ''", "no region")] {
        sqlx::raw_sql(AssertSqlSafe(format!("BEGIN; SET LOCAL ROLE counterfoil_app{before}"))).execute(&mut direct).await.unwrap();
        for table in ["budget", "posting", "region", "role_grant", "audit_event", "budget_version", "import_run", "export_run", "approval"]
        {
            let (rows,): (i64,) =
                sqlx::query_as(AssertSqlSafe(format!("SELECT count(*) FROM {table}"))).fetch_one(&mut direct).await.unwrap();
            assert_eq!(rows, 0, "{table} to one who says {words}");
        }
        sqlx::raw_sql("ROLLBACK").execute(&mut direct).await.unwrap();
    }
    direct.close().await.unwrap();
    company.store.close().await;
}

#[tokio::test]
async fn the_role_writes_within_its_regions_and_takes_nothing_of_the_trail_away() {
    let db = TestDb::postgres().await;
    let url = db.url.clone();
    let company = Company::found(db).await;
    let (north, south) = (company.regions["North"], company.regions["South"]);
    let mut direct = PgConnection::connect(&url).await.unwrap();
    let budget = |region: RegionId| {
        format!(
            "INSERT INTO budget (id, region_id, name, currency, period_start, period_end, status, created_at) \
             VALUES ('{}', '{}', 'x', 'EUR', 0, 1, 'active', 0)",
            fresh(),
            region.0
        )
    };
    let mut tries = vec![(budget(north), ""), (budget(south), "row-level security")];
    let refused = [
        "UPDATE posting SET amount = 1",
        "DELETE FROM posting",
        "UPDATE audit_event SET at = 0",
        "DELETE FROM audit_event",
        "TRUNCATE audit_event",
        "DELETE FROM audit_checkpoint",
        "UPDATE schema_migration SET version = 0",
        "ALTER TABLE audit_event DISABLE TRIGGER ALL",
        "ALTER TABLE budget NO FORCE ROW LEVEL SECURITY",
        "DROP TABLE budget",
        "CREATE TABLE mine (id INT)",
    ];
    tries.extend(refused.map(|sql| (sql.to_owned(), "")));
    for (at, (sql, words)) in tries.iter().enumerate() {
        let begin = format!("BEGIN; SET LOCAL ROLE counterfoil_app; SET LOCAL counterfoil.regions = '{}'", north.0);
        sqlx::raw_sql(AssertSqlSafe(begin)).execute(&mut direct).await.unwrap();
        let done = sqlx::raw_sql(AssertSqlSafe(sql.clone())).execute(&mut direct).await.map_err(|error| error.to_string());
        assert_eq!(done.is_ok(), at == 0, "{sql}: {done:?}");
        let right =
            |error: &String| error.contains(words) && (error.contains("permission denied") || error.contains("must be owner") || at == 1);
        assert!(at == 0 || done.as_ref().is_err_and(right), "{sql}: {done:?}");
        sqlx::raw_sql("ROLLBACK").execute(&mut direct).await.unwrap();
    }
    direct.close().await.unwrap();
    company.store.close().await;
}

#[tokio::test]
async fn a_connection_comes_back_with_no_role_and_no_regions() {
    let company = Company::found(TestDb::postgres().await).await;
    let nils = company.store.within(sight(&company, "Nils North").await);
    let whole = company.store.read().await.unwrap();
    let (one, two) = (nils.read().await.unwrap(), nils.read().await.unwrap());
    drop((whole, one, two));
    let reading = (0..24).map(|_| async {
        let sql = Sql::new(
            "SELECT CAST(current_user AS TEXT), CAST(session_user AS TEXT), coalesce(current_setting('counterfoil.regions', true), '') || \
             coalesce(current_setting('counterfoil.person', true), '') FROM pg_sleep(0.02)",
        );
        company.store.lone().one::<(String, String, String)>(sql).await.unwrap().unwrap()
    });
    for (current, session, said) in futures_util::future::join_all(reading).await {
        assert_eq!((current, said), (session, String::new()));
    }
    company.store.close().await;
}

/// The same database for a user who owns it and is nothing else.
async fn owned(db: &TestDb, user: &str) -> String {
    let name = db.url.rsplit('/').next().unwrap();
    admin(format!("CREATE ROLE {user} LOGIN PASSWORD 'x'")).await;
    admin(format!("ALTER DATABASE {name} OWNER TO {user}")).await;
    let place = address(name).rsplit_once('@').unwrap().1.to_owned();
    format!("postgres://{user}:x@{place}")
}

#[tokio::test]
async fn who_owns_the_database_and_may_make_no_roles_is_held_to_the_wall_too() {
    let db = TestDb::postgres().await;
    let user = format!("owner_{}", std::process::id());
    let url = owned(&db, &user).await;
    // It is there: whoever is first in this cluster made it.
    let first = Company::found(TestDb::postgres().await).await;
    first.store.close().await;
    for (expected, role) in [(Standing::Closed, user.as_str()), (Standing::Entered, db_wall::ROLE)] {
        let options = Options::of(url.clone());
        let store = Store::open(&options, Clock::system(), Random::system(), Arc::new(Metrics::new())).await.unwrap();
        let standing = db_wall::standing(&mut store.read().await.unwrap()).await.unwrap().unwrap();
        assert_eq!(standing, (expected, user.clone(), true));
        let now: (String,) = store.read().await.unwrap().one(Sql::new("SELECT CAST(current_user AS TEXT)")).await.unwrap().unwrap();
        assert_eq!(now.0, role);
        let made = store.write(Intent::once(Actor::system("test"), "test.region"), |tx| {
            Box::pin(async move {
                let (region, at) = (tx.new_id(), tx.now);
                counterfoil::store::settings::add_currency(tx, counterfoil::domain::currency::Currency::parse("EUR").unwrap()).await?;
                let root = counterfoil::store::regions::root(tx).await?.map(|root| root.id);
                let sql = Sql::new(
                    "INSERT INTO region (id, parent_id, name, currency, time_zone, fiscal_start_month, status, created_at) \
                     VALUES ($1, $2, $3, 'EUR', 'UTC', 1, 'active', $4)",
                );
                tx.exec_one(sql.bind(region).bind(root).bind(region.to_string()).bind(at)).await?;
                Ok(())
            })
        });
        made.await.unwrap();
        assert_ne!(count(&mut store.read().await.unwrap(), "region").await, 0);
        assert_eq!(count(&mut store.lone(), "region").await, 0, "the owner, who says nothing, sees nothing");
        if expected == Standing::Entered {
            // Taken away from a running portal it answers nobody, and given back everybody: no connection is lost to it.
            admin(format!("REVOKE {} FROM {user}", db_wall::ROLE)).await;
            for _ in 0..24 {
                assert!(store.read().await.is_err());
            }
            admin(format!("GRANT {} TO {user}", db_wall::ROLE)).await;
            for _ in 0..24 {
                assert_ne!(count(&mut store.read().await.unwrap(), "region").await, 0);
            }
        }
        store.close().await;
        admin(format!("GRANT {} TO {user}", db_wall::ROLE)).await;
    }
    drop(db);
    admin(format!("DROP ROLE {user}")).await;
}

#[test]
fn whoever_holds_a_role_on_the_root_sees_everything_and_nobody_else_does() {
    assert!(Role::ALL.len() >= 5);
    let nothing = counterfoil::domain::access::Access::of(Vec::new());
    let person = counterfoil::domain::id::UserId(Uuid::nil());
    assert_eq!(nothing.sight(person), Sight::Within { person, regions: [].into() });
    assert_eq!(counterfoil::domain::access::Access::unlimited().sight(person), Sight::Everything);
}
