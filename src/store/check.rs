//! Whether what is kept fits together: the chain of events, and each budget's figures against its postings. And what there is, counted.

use serde_json::{Value, json};

use super::db::{Reader, Sql};
use super::failure::DbError;
use super::{audit_log, db_inspect as inspect, migrate};
use crate::domain::audit::{self, START};
use crate::domain::id::BudgetId;

/// How many events are read at once.
const EVENTS_AT_ONCE: i64 = 1_000;

/// What a database holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    /// The number of its newest migration.
    pub schema: i64,
    /// Each table with its rows, by name.
    pub tables: Vec<(String, i64)>,
    /// The number of the newest audit event, and the chain's value there in hexadecimal.
    pub head: (i64, String),
}

impl Facts {
    /// The rows of all tables.
    pub fn rows(&self) -> i64 {
        self.tables.iter().map(|table| table.1).sum()
    }

    /// For an audit event.
    pub fn words(&self) -> Value {
        json!({ "schema": self.schema, "rows": self.rows(), "events": self.head.0, "head": self.head.1 })
    }

    /// The first difference to what a copy holds, in words.
    pub fn difference(&self, copy: &Self) -> Option<String> {
        if self.schema != copy.schema {
            return Some(format!("its version is {} instead of {}", copy.schema, self.schema));
        }
        if self.head != copy.head {
            return Some(format!("its audit trail ends at event {} instead of {}", copy.head.0, self.head.0));
        }
        let missing = self.tables.iter().find(|table| !copy.tables.contains(table));
        missing.map(|(name, rows)| {
            let held = copy.tables.iter().find(|table| table.0 == *name).map_or(0, |table| table.1);
            format!("{name} has {held} rows instead of {rows}")
        })
    }
}

/// Counts what a snapshot holds.
pub async fn facts(reader: &mut impl Reader) -> Result<Facts, DbError> {
    let schema = migrate::newest(reader).await?;
    let mut tables = Vec::new();
    for name in inspect::tables(reader).await? {
        let mut sql = Sql::new("SELECT count(*) FROM \"");
        sql.push(&name.replace('"', "\"\"")).push("\"");
        let rows = reader.one::<(i64,)>(sql).await?.map_or(0, |row| row.0);
        tables.push((name, rows));
    }
    let head = audit_log::stated_head(reader).await?.map_or((0, String::new()), |head| (head.seq, hex(&head.chain)));
    Ok(Facts { schema, tables, head })
}

/// The first thing that does not fit, in words; `None` where everything does. `progress` is told (events walked, events there are).
pub async fn fault(reader: &mut impl Reader, progress: impl FnMut(i64, i64)) -> Result<Option<String>, DbError> {
    if let Some(damage) = inspect::damage(reader, true).await? {
        return Ok(Some(format!("the file is damaged: {damage}")));
    }
    if let Some(budget) = unbalanced(reader).await? {
        return Ok(Some(format!("the figures of {budget} are not the sum of its postings")));
    }
    broken_link(reader, progress).await
}

/// A budget whose figures are not what its postings add up to.
async fn unbalanced(reader: &mut impl Reader) -> Result<Option<BudgetId>, DbError> {
    let sql = Sql::new(
        "WITH moved (budget_id, account, amount) AS (\
           SELECT destination_budget_id, destination_account, amount FROM posting WHERE destination_budget_id IS NOT NULL \
           UNION ALL SELECT source_budget_id, source_account, -amount FROM posting WHERE source_budget_id IS NOT NULL), \
         held (budget_id, available, reserved, spent) AS (\
           SELECT budget_id, sum(CASE WHEN account = 'available' THEN amount ELSE 0 END), \
             sum(CASE WHEN account = 'reserved' THEN amount ELSE 0 END), sum(CASE WHEN account = 'spent' THEN amount ELSE 0 END) \
           FROM moved GROUP BY budget_id) \
         SELECT b.id FROM budget b LEFT JOIN held h ON h.budget_id = b.id \
         WHERE b.reserved <> coalesce(h.reserved, 0) OR b.spent <> coalesce(h.spent, 0) \
           OR b.allocated + b.adjusted + b.carried_over - b.reserved - b.spent <> coalesce(h.available, 0) \
         LIMIT 1",
    );
    Ok(reader.one::<(BudgetId,)>(sql).await?.map(|row| row.0))
}

/// Walks the chain; the first event that is missing, changed or not in its place.
async fn broken_link(reader: &mut impl Reader, mut progress: impl FnMut(i64, i64)) -> Result<Option<String>, DbError> {
    let Some(head) = audit_log::stated_head(reader).await? else { return Ok(Some("the audit trail has no head".to_owned())) };
    let (mut seq, mut chain) = (0, START.to_vec());
    loop {
        let events = audit_log::after(reader, seq, EVENTS_AT_ONCE).await?;
        if events.is_empty() {
            break;
        }
        for event in events {
            let leaf = audit::leaf(&event.body);
            let next = audit::chain(&head.log_id, event.seq.unsigned_abs(), &chain, &leaf);
            if event.seq != seq + 1 || leaf.as_slice() != event.leaf || next.as_slice() != event.chain {
                return Ok(Some(format!("audit event {} is missing or is not as it was sealed", seq + 1)));
            }
            (seq, chain) = (event.seq, event.chain);
        }
        progress(seq, head.seq);
    }
    let whole = seq == head.seq && chain == head.chain;
    Ok((!whole).then(|| format!("the audit trail ends at event {seq}, and its head says {}", head.seq)))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
