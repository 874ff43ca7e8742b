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

/// Before the next try to empty the log under somebody who reads an older state.
const READERS: Duration = Duration::from_secs(1);

/// The connection that folds.
#[derive(Clone)]
pub struct Folding {
    pool: SqlitePool,
    busy: Arc<AtomicBool>,
    /// Whether the log is to be emptied.
    empties: Arc<AtomicBool>,
}

impl Folding {
    /// Over a pool with one connection.
    pub(super) fn over(pool: SqlitePool) -> Self {
        Self { pool, busy: Arc::default(), empties: Arc::default() }
    }

    /// Looks at the log in the background, and folds what is worth it; never twice at once. Readers and the writer go on meanwhile.
    pub(super) fn start(&self) {
        if self.busy.swap(true, Ordering::SeqCst) {
            return;
        }
        let this = self.clone();
        tokio::spawn(async move {
            loop {
                // The writer folds as well where this one does not come after: nothing is lost but time.
                while let Some(rest) = this.turn().await {
                    tokio::time::sleep(rest).await;
                }
                tokio::time::sleep(PAUSE).await;
                this.busy.store(false, Ordering::SeqCst);
                // Whoever asked for an empty log during the pause found this one busy and went away.
                if !this.empties.load(Ordering::SeqCst) || this.pool.is_closed() || this.busy.swap(true, Ordering::SeqCst) {
                    return;
                }
            }
        });
    }

    /// Folds; for how long to rest before the log is emptied, where it is still to be.
    async fn turn(&self) -> Option<Duration> {
        if let Err(error) = self.fold().await
            && !self.pool.is_closed()
        {
            tracing::warn!(error = %error, "the log was not folded");
        }
        (self.empties.load(Ordering::Acquire) && !self.pool.is_closed()).then_some(READERS)
    }

    /// From now on the log is emptied as soon as nobody reads an older state: what was erased does not stay in it.
    pub(super) fn empty(&self) {
        self.empties.store(true, Ordering::SeqCst);
        self.start();
    }

    async fn fold(&self) -> Result<(), sqlx::Error> {
        if self.empties.swap(false, Ordering::AcqRel) {
            let emptied = sqlx::query_as::<_, (i64, i64, i64)>("PRAGMA wal_checkpoint(TRUNCATE)").fetch_one(&self.pool).await;
            // Not yet, where somebody still reads what was there before.
            self.empties.fetch_or(!matches!(emptied, Ok((0, _, _))), Ordering::AcqRel);
            return emptied.map(drop);
        }
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
