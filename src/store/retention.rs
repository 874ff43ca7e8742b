//! Taking out what has been kept long enough, a piece at a time.

use super::db::{Reader, Sql};
use super::failure::{DbError, Failure};
use super::recipients;
use super::settings;
use super::writer::WriteTx;
use crate::domain::id::RecipientId;
use crate::domain::retention::Kept;
use crate::domain::time::Instant;

/// Rows in one command.
pub const PIECE: i64 = 2_000;
/// Recipients in one command: each may have many rewards.
const PEOPLE: i64 = 50;

/// How long each kind is kept, in days.
pub async fn rules(reader: &mut impl Reader) -> Result<Vec<(Kept, Option<i64>)>, DbError> {
    let mut rules = Vec::new();
    for kind in Kept::ALL {
        let said = settings::get(reader, kind.setting()).await?;
        // A setting that cannot be read deletes nothing.
        let days = said.map_or(kind.usual(), |said| Kept::days(&said).unwrap_or(None));
        rules.push((*kind, days));
    }
    Ok(rules)
}

/// Takes the next piece out of what is older than this moment; how many rows it was. There may be more unless it was none.
pub async fn apply(tx: &mut WriteTx<'_>, kind: Kept, before: Instant) -> Result<u64, Failure> {
    let sql = match kind {
        Kept::Recipients => return forget(tx, before).await,
        Kept::RefusedRows => {
            "UPDATE import_refusal SET original = '[]' WHERE (import_id, line) IN (SELECT f.import_id, f.line FROM import_refusal f \
             JOIN import_run i ON i.id = f.import_id WHERE i.finished_at < $1 AND f.original <> '[]' LIMIT $2)"
        }
        Kept::Answers => {
            "DELETE FROM idempotency WHERE (principal, command, key) IN (SELECT principal, command, key FROM idempotency WHERE at < $1 LIMIT $2)"
        }
        Kept::Links => {
            "DELETE FROM one_time_link WHERE token_hash IN (SELECT token_hash FROM one_time_link WHERE expires_at < $1 LIMIT $2)"
        }
    };
    Ok(tx.exec(Sql::new(sql).bind(before).bind(PIECE)).await?)
}

/// Erases recipients whose last reward lies before this moment.
async fn forget(tx: &mut WriteTx<'_>, before: Instant) -> Result<u64, Failure> {
    let sql = Sql::new(
        "SELECT r.id FROM recipient r WHERE r.erased_at IS NULL AND EXISTS (SELECT 1 FROM reward_transaction t WHERE t.recipient_id = r.id) \
         AND NOT EXISTS (SELECT 1 FROM reward_transaction t WHERE t.recipient_id = r.id AND t.issued_at >= $1) LIMIT $2",
    );
    let ids: Vec<(RecipientId,)> = tx.all(sql.bind(before).bind(PEOPLE)).await?;
    for (id,) in &ids {
        let known = recipients::get(tx, *id).await?;
        recipients::erase(tx, &known).await?;
    }
    Ok(ids.len() as u64)
}
