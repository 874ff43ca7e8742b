//! After an import is published: its copies of changed rows are written over the rows, in small commands, and each leaves its event. Readers see
//! no difference: they have seen the copies from the moment of publishing. If the work stops in the middle it goes on with what is left.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Value, json};

use super::changes::{Noted, Share};
use super::report::Report;
use super::run::Run;
use super::{Stop, end};
use crate::domain::audit::Event;
use crate::domain::id::{ImportId, PostingId, TransactionId};
use crate::store::Store;
use crate::store::failure::{DbError, Failure};
use crate::store::import_changes;
use crate::store::imports::{self, Change};
use crate::store::writer::{Intent, WriteTx};

/// Copies in one command.
const BATCH: i64 = 250;
/// Renamed people in one command: each may have many transactions.
const PEOPLE: i64 = 20;

/// Puts the changes of a published import in their place and ends it.
pub async fn perform(store: &Store, run: &mut Run) -> Result<Report, Stop> {
    let postings = Arc::new(import_changes::postings(&mut store.read().await?, run.id()).await?);
    while place(store, run, postings.clone()).await? {}
    while index_renamed(store, run).await? {}
    end::close(store, run).await?;
    Ok(run.report.clone().unwrap_or_default())
}

async fn place(store: &Store, run: &mut Run, postings: Arc<BTreeMap<Share, PostingId>>) -> Result<bool, Failure> {
    let change = Change { report: Some(run.beat(store, run.running.total)), ..Change::default() };
    let (id, no, fence) = (run.id(), run.row.no, run.fence);
    store
        .write(Intent::once(run.actor(), "import.placed").bulk(), move |tx| {
            let (postings, change) = (postings.clone(), change.clone());
            Box::pin(async move {
                imports::update(tx, id, fence, true, &change).await?;
                let placed = import_changes::place(tx, no, BATCH).await?;
                for (transaction, event) in &placed {
                    let broken = |error| DbError::Broken(format!("a change of {transaction} cannot be read: {error}"));
                    record(tx, *transaction, serde_json::from_str(event).map_err(broken)?, &postings, id);
                }
                Ok(!placed.is_empty())
            })
        })
        .await
}

async fn index_renamed(store: &Store, run: &mut Run) -> Result<bool, Failure> {
    let change = Change { report: Some(run.beat(store, run.running.total)), ..Change::default() };
    let (id, no, fence) = (run.id(), run.row.no, run.fence);
    store
        .write(Intent::once(run.actor(), "import.placed").bulk(), move |tx| {
            let change = change.clone();
            Box::pin(async move {
                imports::update(tx, id, fence, true, &change).await?;
                Ok(import_changes::index_renamed(tx, no, PEOPLE).await?)
            })
        })
        .await
}

/// What the trail says of a changed row. One that moves leaves an event in the region it goes from and one in the region it comes to, and
/// neither of them says a word about the other end: not its id, nor what its budgets got or paid.
fn record(tx: &mut WriteTx<'_>, transaction: TransactionId, noted: Noted, postings: &BTreeMap<Share, PostingId>, import: ImportId) {
    let texts = |shares: &[Option<Share>]| -> Vec<String> {
        shares.iter().flatten().filter_map(|share| postings.get(share)).map(PostingId::to_string).collect()
    };
    let event = |region| Event::new("transaction.changed", "transaction", transaction, Some(region));
    let detail = |postings: Vec<String>, renamed: bool, moved: Option<&str>| {
        let mut detail = json!({ "import": import.to_string(), "line": noted.line, "recipient_renamed": renamed, "postings": postings });
        if let (Some(moved), Value::Object(detail)) = (moved, &mut detail) {
            detail.insert("moved".to_owned(), moved.into());
        }
        detail
    };
    let (before, after) = (noted.before.clone().into(), noted.after.clone().into());
    if noted.from == noted.to {
        let postings = texts(&[noted.gave, noted.paid]);
        tx.record(event(noted.to).change(before, after).detail(detail(postings, noted.renamed, None)));
        return;
    }
    let gone = detail(texts(&[noted.gave]), false, Some("to another region"));
    tx.record(event(noted.from).change(before, json!({ "region_id": null })).detail(gone));
    let come = detail(texts(&[noted.paid]), noted.renamed, Some("from another region"));
    tx.record(event(noted.to).change(json!({ "region_id": null }), after).detail(come));
}
