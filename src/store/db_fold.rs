//! Folding SQLite's log into its file beside the writer: an import fills sixteen megabytes of log in a second or two, and whoever writes next
//! should not wait until they are copied.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use sqlx::sqlite::SqlitePool;

/// Pages of the log (4 kB each) that are worth a fold.
const WORTH: i64 = 1_000;
/// Between two looks at the log.
const PAUSE: Duration = Duration::from_millis(50);

/// The connection that folds.
#[derive(Clone)]
pub struct Folding {
    pool: SqlitePool,
    busy: Arc<AtomicBool>,
}

impl Folding {
    /// Over a pool with one connection.
    pub(super) fn over(pool: SqlitePool) -> Self {
        Self { pool, busy: Arc::new(AtomicBool::new(false)) }
    }

    /// Looks at the log in the background, and folds what is worth it; never twice at once. Readers and the writer go on meanwhile.
    pub(super) fn start(&self) {
        if self.busy.swap(true, Ordering::AcqRel) {
            return;
        }
        let this = self.clone();
        tokio::spawn(async move {
            // The writer folds as well where this one does not come after: nothing is lost but time.
            if let Err(error) = this.fold().await
                && !this.pool.is_closed()
            {
                tracing::warn!(error = %error, "the log was not folded");
            }
            tokio::time::sleep(PAUSE).await;
            this.busy.store(false, Ordering::Release);
        });
    }

    async fn fold(&self) -> Result<(), sqlx::Error> {
        let look = "PRAGMA wal_checkpoint(NOOP)";
        let (_, pages, folded): (i64, i64, i64) = sqlx::query_as(look).fetch_one(&self.pool).await?;
        if pages - folded >= WORTH {
            sqlx::query("PRAGMA wal_checkpoint(PASSIVE)").execute(&self.pool).await?;
        }
        Ok(())
    }

    pub(super) async fn close(&self) {
        self.pool.close().await;
    }
}
