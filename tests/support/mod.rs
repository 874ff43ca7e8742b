//! What tests share.

pub mod app;
pub mod bare;
pub mod certificates;
pub mod cluster;
pub mod database;
pub mod passkey;
pub mod rewards;
pub mod smtp;
pub mod totp;

use database::{TestDb, on_both_engines};
use sqlx::{Connection, PgConnection};

on_both_engines! {
    async fn a_test_database_is_empty_and_its_own(db: TestDb) {
        if db.url.starts_with("postgres") {
            let mut connection = PgConnection::connect(&db.url).await.unwrap();
            let count = "SELECT count(*) FROM information_schema.tables WHERE table_schema = 'public'";
            let tables: i64 = sqlx::query_scalar(count).fetch_one(&mut connection).await.unwrap();
            assert_eq!(tables, 0);
        } else {
            let file = db.url.strip_prefix("sqlite:").unwrap();
            assert!(!std::path::Path::new(file).exists());
        }
        assert_ne!(db.url, TestDb::sqlite().url);
    }
}
