//! Whether what is kept fits together: the file itself, and each budget's figures against its postings. And what there is, counted.

use std::collections::{HashMap, HashSet};

use super::db::{Reader, Sql};
use super::failure::DbError;
use super::ledger::{BUDGET_COLUMNS, BudgetRow};
use super::sql::whole;
use super::{audit_log, db_inspect as inspect, migrate};
use crate::domain::id::BudgetId;
use crate::domain::text::hex;

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
    // A database that nobody has used yet has no such table.
    let has_trail = tables.iter().any(|(name, _)| name == "audit_head");
    let head = if has_trail { audit_log::stated_head(reader).await? } else { None };
    let head = head.map_or((0, String::new()), |head| (head.seq, hex(&head.chain)));
    Ok(Facts { schema, tables, head })
}

/// The first thing that does not fit, in words; `None` where everything does. The audit trail has its own walk.
pub async fn fault(reader: &mut impl Reader) -> Result<Option<String>, DbError> {
    if let Some(damage) = inspect::damage(reader, true).await? {
        return Ok(Some(format!("the file is damaged: {damage}")));
    }
    let budget = unbalanced(reader).await?;
    Ok(budget.map(|budget| format!("the figures of {budget} are not the sum of its postings")))
}

/// A budget whose figures are not what its postings add up to, each by itself: what entered `available` counts as what the posting says.
pub async fn unbalanced(reader: &mut impl Reader) -> Result<Option<BudgetId>, DbError> {
    let mut sql = Sql::new(
        "WITH moved (budget_id, account, counted, amount) AS (\
           SELECT destination_budget_id, destination_account, counted, amount FROM posting WHERE destination_budget_id IS NOT NULL \
           UNION ALL SELECT source_budget_id, source_account, counted, -amount FROM posting WHERE source_budget_id IS NOT NULL) \
         SELECT budget_id, account, counted, ",
    );
    sql.push_sum("amount").push(" FROM moved GROUP BY budget_id, account, counted");
    let sums: Vec<(BudgetId, String, String, i64, i64)> = reader.all(sql).await?;
    let mut held: HashMap<BudgetId, Vec<(String, String, i128)>> = HashMap::new();
    for (budget, account, counted, upper, lower) in sums {
        held.entry(budget).or_default().push((account, counted, whole(upper, lower)));
    }
    let mut sql = Sql::default();
    sql.push("SELECT ").push(BUDGET_COLUMNS).push(" FROM budget ORDER BY id");
    let budgets: Vec<BudgetRow> = reader.all(sql).await?;
    let is_off = |row: &&BudgetRow| {
        let moved = held.get(&row.id).map(Vec::as_slice).unwrap_or_default();
        let sum = |is: &dyn Fn(&str, &str) -> bool| -> i128 {
            moved.iter().filter(|(account, counted, _)| is(account, counted)).map(|(_, _, amount)| amount).sum()
        };
        let entered = |kinds: &[&str]| sum(&|account, counted| account == "available" && kinds.contains(&counted));
        let given = [row.allocated, row.adjusted, row.carried_over].map(i128::from);
        let [reserved, spent] = [row.reserved, row.spent].map(i128::from);
        let kept = [entered(&["allocation"]), entered(&["adjustment", "transfer"]), entered(&["carry_over"])];
        let free = sum(&|account, _| account == "available");
        let held = [sum(&|account, _| account == "reserved"), sum(&|account, _| account == "spent"), free];
        given != kept || held != [reserved, spent, given.iter().sum::<i128>() - reserved - spent]
    };
    let off = budgets.iter().find(is_off).map(|row| row.id);
    // Money of a budget that is not there is no money of anybody.
    let known: HashSet<BudgetId> = budgets.iter().map(|row| row.id).collect();
    Ok(off.or_else(|| held.keys().find(|id| !known.contains(id)).copied()))
}
