//! What an import changes of rows that were there before: nothing of it is seen, and then all of it at once.
//!
//! A changed row is first written as a copy under the import's own number ([`stage`]), in small commands like new rows. Until the import is done
//! the copies are hidden; from the moment it is, they are seen and the rows they stand for are not (`transactions::seen`). Afterwards each copy is
//! written over its row ([`place`]), in small commands again, which nobody sees: id and number of the row stay. While a row has a copy nobody
//! else changes it ([`is_waiting`]).

use std::collections::{BTreeMap, HashSet};

use super::db::{Arg, Reader, Sql};
use super::failure::DbError;
use super::recipients::{Recipient, folded};
use super::transaction_detail::TransactionRow;
use super::transaction_search;
use super::writer::WriteTx;
use crate::domain::id::{BudgetId, ImportId, PostingId, RecipientId, TransactionId};
use crate::domain::time::Day;

/// A changed row.
pub struct Staged {
    /// As it is.
    pub row: TransactionRow,
    /// By what it is known within its source.
    pub row_key: Vec<u8>,
    /// By what it will be known to be unchanged.
    pub content_hash: [u8; 16],
    /// The columns that change.
    pub sets: Vec<(&'static str, Arg)>,
    /// What the trail will say, as JSON.
    pub event: String,
}

/// The columns of a copy. The first [`OWN`] are its row's for good or its own; the others are written over the row.
const INSERTED: &[&str] = &[
    "id",
    "source_id",
    "row_key",
    "import_no",
    "region_id",
    "budget_id",
    "recipient_id",
    "content_hash",
    "counted_import_no",
    "external_id",
    "order_id",
    "batch_id",
    "line_number",
    "po_number",
    "campaign",
    "channel",
    "cost_center",
    "product",
    "amount_issued",
    "amount_charged",
    "fee",
    "discount",
    "remaining_balance",
    "currency_code",
    "fx_rate",
    "fx_date",
    "base_amount",
    "gl_account",
    "order_status",
    "delivery_status",
    "redemption_status",
    "recon_status",
    "approval_status",
    "created_at",
    "issued_at",
    "delivered_at",
    "redeemed_at",
    "expires_at",
    "canceled_at",
    "updated_at",
    "effective_date",
    "version",
    "reason_code",
    "note",
];
/// How many of [`INSERTED`] stay as they are.
const OWN: usize = 4;

/// Writes copies of changed rows, which are hidden until the import is done.
pub async fn stage(tx: &mut WriteTx<'_>, import_no: i64, staged: Vec<Staged>) -> Result<(), DbError> {
    let now = tx.now;
    let (mut copies, mut changes) = (Vec::with_capacity(staged.len()), Vec::with_capacity(staged.len()));
    for one in staged {
        changes.push(vec![one.row.no.into(), import_no.into(), one.row.id.into(), one.event.clone().into()]);
        copies.push(copy(one, import_no, now.into()));
    }
    tx.insert_many("reward_transaction", INSERTED, Box::new(copies.into_iter())).await?;
    tx.insert_many("import_change", &["old_no", "import_no", "id", "event"], Box::new(changes.into_iter())).await
}

/// The values of a copy, in the order of [`INSERTED`].
fn copy(staged: Staged, import_no: i64, now: Arg) -> Vec<Arg> {
    let Staged { row, row_key, content_hash, sets, .. } = staged;
    let mut values = vec![
        row.id.into(),
        row.source_id.into(),
        row_key.into(),
        import_no.into(),
        row.region_id.into(),
        row.budget_id.into(),
        row.recipient_id.into(),
        content_hash.into(),
        row.counted_import_no.into(),
        row.external_id.into(),
        row.order_id.into(),
        row.batch_id.into(),
        row.line_number.into(),
        row.po_number.into(),
        row.campaign.into(),
        row.channel.into(),
        row.cost_center.into(),
        row.product.into(),
        row.amount_issued.into(),
        row.amount_charged.into(),
        row.fee.into(),
        row.discount.into(),
        row.remaining_balance.into(),
        row.currency_code.into(),
        row.fx_rate.into(),
        row.fx_date.into(),
        row.base_amount.into(),
        row.gl_account.into(),
        row.order_status.into(),
        row.delivery_status.into(),
        row.redemption_status.into(),
        row.recon_status.into(),
        row.approval_status.into(),
        row.created_at.into(),
        row.issued_at.into(),
        row.delivered_at.into(),
        row.redeemed_at.into(),
        row.expires_at.into(),
        row.canceled_at.into(),
        now,
        row.effective_date.into(),
        (row.version + 1).into(),
        row.reason_code.into(),
        row.note.into(),
    ];
    for (column, value) in sets {
        if let Some(place) = INSERTED.iter().position(|name| *name == column).and_then(|at| values.get_mut(at)) {
            *place = value;
        }
    }
    values
}

/// Notes what people will be called from the moment the import is done.
pub async fn rename_later(tx: &mut WriteTx<'_>, import_no: i64, people: Vec<Recipient>) -> Result<(), DbError> {
    for part in people.chunks(500) {
        let mut sql = Sql::default();
        sql.push("DELETE FROM import_rename WHERE import_no = ").push_bind(import_no).push(" AND recipient_id IN (");
        sql.push_list(part.iter().map(|one| one.id)).push(")");
        tx.exec(sql).await?;
    }
    let rows = people.into_iter().map(|one| -> Vec<Arg> {
        let folded = folded(&one.name, &one.email, &one.employee_number);
        vec![import_no.into(), one.id.into(), one.name.into(), one.email.into(), one.employee_number.into(), folded.into()]
    });
    let columns = &["import_no", "recipient_id", "name", "email", "employee_number", "folded"];
    tx.insert_many("import_rename", columns, Box::new(rows)).await
}

/// Calls people what the import calls them: one statement, in the transaction that makes its rows seen.
pub async fn rename(tx: &mut WriteTx<'_>, import_no: i64) -> Result<(), DbError> {
    let sql = Sql::new(
        "UPDATE recipient SET name = n.name, email = n.email, employee_number = n.employee_number, folded = n.folded \
         FROM import_rename AS n WHERE n.import_no = $1 AND recipient.id = n.recipient_id \
           AND recipient.erased_at IS NULL",
    );
    tx.exec(sql.bind(import_no)).await?;
    Ok(())
}

/// Indexes the transactions of people whom an import that is done has renamed, so that a search for the new name finds the old ones as well; of at
/// most `most` people. Whether there was anybody.
pub async fn index_renamed(tx: &mut WriteTx<'_>, import_no: i64, most: i64) -> Result<bool, DbError> {
    let sql = Sql::new("SELECT recipient_id FROM import_rename WHERE import_no = $1 ORDER BY recipient_id LIMIT $2");
    let people: Vec<RecipientId> = tx.all::<(RecipientId,)>(sql.bind(import_no).bind(most)).await?.into_iter().map(|row| row.0).collect();
    if people.is_empty() {
        return Ok(false);
    }
    let mut sql = Sql::new("SELECT no FROM reward_transaction WHERE recipient_id IN (");
    sql.push_list(people.iter().copied()).push(")");
    let rows: Vec<i64> = tx.all::<(i64,)>(sql).await?.into_iter().map(|row| row.0).collect();
    for part in rows.chunks(500) {
        transaction_search::changed(tx, part).await?;
    }
    let mut sql = Sql::default();
    sql.push("DELETE FROM import_rename WHERE import_no = ").push_bind(import_no).push(" AND recipient_id IN (");
    sql.push_list(people).push(")");
    tx.exec(sql).await?;
    Ok(true)
}

/// Whether a copy waits to become what the transaction is: nothing else may change it then.
pub async fn is_waiting(reader: &mut impl Reader, id: TransactionId) -> Result<bool, DbError> {
    let sql = Sql::new("SELECT count(*) FROM reward_transaction WHERE id = $1");
    Ok(reader.one::<(i64,)>(sql.bind(id)).await?.is_some_and(|row| row.0 > 1))
}

/// Writes the next copies of an import that is done over their rows, at most `most`; each transaction with what the trail says of it.
pub async fn place(tx: &mut WriteTx<'_>, import_no: i64, most: i64) -> Result<Vec<(TransactionId, String)>, DbError> {
    let sql = Sql::new("SELECT old_no, id, event FROM import_change WHERE import_no = $1 ORDER BY old_no LIMIT $2");
    let waiting: Vec<(i64, TransactionId, String)> = tx.all(sql.bind(import_no).bind(most)).await?;
    if waiting.is_empty() {
        return Ok(Vec::new());
    }
    let rows: Vec<i64> = waiting.iter().map(|change| change.0).collect();
    let mut sql = Sql::default();
    sql.push("SELECT no FROM reward_transaction WHERE import_no = ").push_bind(import_no).push(" AND id IN (");
    sql.push_list(waiting.iter().map(|change| change.1)).push(")");
    let copies: Vec<i64> = tx.all::<(i64,)>(sql).await?.into_iter().map(|row| row.0).collect();
    let mut sql = Sql::default();
    sql.push("UPDATE reward_transaction AS o SET ");
    for (at, column) in INSERTED.iter().skip(OWN).enumerate() {
        sql.push(if at == 0 { "" } else { ", " }).push(column).push(" = n.").push(column);
    }
    sql.push(" FROM reward_transaction AS n WHERE n.id = o.id AND n.import_no = ").push_bind(import_no);
    sql.push(" AND o.no IN (").push_list(rows.iter().copied()).push(")");
    tx.exec(sql).await?;
    let mut sql = Sql::new("DELETE FROM reward_transaction WHERE no IN (");
    sql.push_list(copies.iter().copied()).push(")");
    tx.exec(sql).await?;
    let mut sql = Sql::new("DELETE FROM import_change WHERE old_no IN (");
    sql.push_list(rows.iter().copied()).push(")");
    tx.exec(sql).await?;
    let touched: Vec<i64> = rows.into_iter().chain(copies).collect();
    transaction_search::changed(tx, &touched).await?;
    Ok(waiting.into_iter().map(|(_, id, event)| (id, event)).collect())
}

/// The shared postings of an import, by budget, month of the accounting date, and whether money came back.
pub async fn postings(reader: &mut impl Reader, import: ImportId) -> Result<BTreeMap<(BudgetId, Day, bool), PostingId>, DbError> {
    let sql = Sql::new(
        "SELECT id, source_budget_id, effective_date, kind FROM posting \
         WHERE import_id = $1 AND transaction_id IS NULL AND source_budget_id IS NOT NULL",
    );
    let rows: Vec<(PostingId, BudgetId, Day, String)> = reader.all(sql.bind(import)).await?;
    Ok(rows.into_iter().map(|(id, budget, day, kind)| ((budget, day.month_start(), kind == "refund"), id)).collect())
}

/// Those of these transactions that have postings of their own.
pub async fn with_postings(reader: &mut impl Reader, ids: &[TransactionId]) -> Result<HashSet<TransactionId>, DbError> {
    let mut sql = Sql::new("SELECT DISTINCT transaction_id FROM posting WHERE transaction_id IN (");
    sql.push_list(ids.iter().copied()).push(")");
    Ok(reader.all::<(TransactionId,)>(sql).await?.into_iter().map(|row| row.0).collect())
}

/// Forgets changes of an import that is taken back, at most `most` of them; whether there were any. Their copies are gone already.
pub(super) async fn forget(tx: &mut WriteTx<'_>, import_no: i64, most: i64) -> Result<bool, DbError> {
    tx.exec(Sql::new("DELETE FROM import_rename WHERE import_no = $1").bind(import_no)).await?;
    let sql = Sql::new(
        "DELETE FROM import_change WHERE old_no IN (SELECT old_no FROM import_change WHERE import_no = $1 ORDER BY old_no LIMIT $2)",
    );
    Ok(tx.exec(sql.bind(import_no).bind(most)).await? > 0)
}
