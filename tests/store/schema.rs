//! One schema in two dialects: what a table, a column, an index and a reference mean does not depend on the engine.

use std::collections::BTreeSet;

use counterfoil::clock::{Clock, Random};
use counterfoil::metrics::Metrics;
use counterfoil::store::{Options, Store};
use sqlx::{Connection, PgConnection, SqliteConnection};

use crate::support::database::TestDb;

/// The search index is the one place where the engines have different things (0005).
const OWN: &[&str] = &["reward_search"];

async fn made(db: &TestDb) {
    let store = Store::open(&Options::of(&db.url), Clock::system(), Random::system(), std::sync::Arc::new(Metrics::new())).await.unwrap();
    store.close().await;
}

fn shared(table: &str) -> bool {
    !OWN.iter().any(|own| table.starts_with(own)) && !table.starts_with("sqlite_")
}

async fn sqlite(db: &TestDb, sql: &'static str) -> BTreeSet<String> {
    let mut connection = SqliteConnection::connect(&db.url).await.unwrap();
    let rows: Vec<(String, String)> = sqlx::query_as(sql).fetch_all(&mut connection).await.unwrap();
    rows.into_iter().filter(|row| shared(&row.0)).map(|row| format!("{} {}", row.0, row.1)).collect()
}

async fn postgres(db: &TestDb, sql: &'static str) -> BTreeSet<String> {
    let mut connection = PgConnection::connect(&db.url).await.unwrap();
    let rows: Vec<(String, String)> = sqlx::query_as(sql).fetch_all(&mut connection).await.unwrap();
    rows.into_iter().filter(|row| shared(&row.0)).map(|row| format!("{} {}", row.0, row.1)).collect()
}

#[tokio::test]
async fn both_engines_have_the_same_tables_columns_indexes_and_references() {
    let (file, server) = (TestDb::sqlite(), TestDb::postgres().await);
    made(&file).await;
    made(&server).await;

    let columns = (
        sqlite(
            &file,
            "SELECT m.name, c.name || ' ' || CASE c.type WHEN 'INTEGER' THEN 'int' WHEN 'BIGINT' THEN 'int' WHEN 'BLOB' THEN 'bytes' ELSE lower(c.type) END \
                    || CASE WHEN c.\"notnull\" = 1 OR c.pk > 0 THEN ' not null' ELSE '' END \
             FROM sqlite_master m JOIN pragma_table_info(m.name) c WHERE m.type = 'table'",
        )
        .await,
        postgres(
            &server,
            "SELECT table_name::text, column_name || ' ' || CASE data_type WHEN 'bigint' THEN 'int' WHEN 'uuid' THEN 'bytes' \
                    WHEN 'bytea' THEN 'bytes' ELSE data_type END || CASE is_nullable WHEN 'NO' THEN ' not null' ELSE '' END \
             FROM information_schema.columns JOIN information_schema.tables USING (table_schema, table_name) \
             WHERE table_schema = 'public' AND table_type = 'BASE TABLE'",
        )
        .await,
    );
    assert!(columns.0.len() > 150, "{}", columns.0.len());
    assert_eq!(format!("{:?}", columns.0.symmetric_difference(&columns.1).collect::<Vec<_>>()), "[]", "columns of one engine only");

    let indexes = (
        sqlite(
            &file,
            "SELECT i.tbl_name, i.name || CASE WHEN i.sql LIKE 'CREATE UNIQUE%' THEN ' unique' ELSE '' END \
                    || CASE WHEN i.sql LIKE '% WHERE %' THEN ' partial ' ELSE ' ' END \
                    || (SELECT count(*) FROM pragma_index_info(i.name)) \
             FROM sqlite_master i WHERE i.type = 'index' AND i.sql IS NOT NULL",
        )
        .await,
        postgres(
            &server,
            "SELECT c.relname::text, i.relname || CASE WHEN x.indisunique THEN ' unique' ELSE '' END \
                    || CASE WHEN x.indpred IS NOT NULL THEN ' partial ' ELSE ' ' END || x.indnkeyatts \
             FROM pg_index x JOIN pg_class i ON i.oid = x.indexrelid JOIN pg_class c ON c.oid = x.indrelid \
             JOIN pg_namespace n ON n.oid = c.relnamespace \
             WHERE n.nspname = 'public' AND NOT EXISTS (SELECT 1 FROM pg_constraint k WHERE k.conindid = x.indexrelid AND k.contype IN ('p', 'u'))",
        )
        .await,
    );
    assert!(indexes.0.len() > 20, "{}", indexes.0.len());
    assert_eq!(format!("{:?}", indexes.0.symmetric_difference(&indexes.1).collect::<Vec<_>>()), "[]", "indexes of one engine only");

    let references = (
        sqlite(
            &file,
            "SELECT m.name, f.\"table\" || ' ' || group_concat(f.\"from\", ',') FROM sqlite_master m \
             JOIN pragma_foreign_key_list(m.name) f WHERE m.type = 'table' GROUP BY m.name, f.id",
        )
        .await,
        postgres(
            &server,
            "SELECT k.conrelid::regclass::text, k.confrelid::regclass::text || ' ' || \
                    (SELECT string_agg(a.attname, ',' ORDER BY p.n) FROM unnest(k.conkey) WITH ORDINALITY p (num, n) \
                     JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = p.num) \
             FROM pg_constraint k WHERE k.contype = 'f'",
        )
        .await,
    );
    assert!(references.0.len() > 15, "{}", references.0.len());
    assert_eq!(
        references.0.symmetric_difference(&references.1).collect::<Vec<_>>(),
        Vec::<&String>::new(),
        "references of one engine only"
    );
}
