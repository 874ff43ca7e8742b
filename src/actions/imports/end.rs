//! How an import ends: finished, withdrawn, or given up; and what is taken back then, in small commands.

use serde_json::json;

use super::run::{Run, Running};
use super::setup::Setup;
use super::visible;
use crate::domain::access::Actor;
use crate::domain::audit::Event;
use crate::domain::id::ImportId;
use crate::domain::refusal::Refusal;
use crate::store::Store;
use crate::store::failure::Failure;
use crate::store::import_rows;
use crate::store::imports::{self, Change};
use crate::store::writer::Intent;

/// Pieces removed in one command: 2 MB.
const PIECES: i64 = 8;
/// Rows or refusals removed in one command.
const ROWS: i64 = 500;

/// Withdraws an import that is not published. Whoever sees it may; a job takes back what was written.
pub async fn withdraw(store: &Store, actor: Actor, id: ImportId, version: i64) -> Result<(), Failure> {
    store
        .write(Intent::once(actor, "import.withdraw"), move |tx| {
            Box::pin(async move {
                let row = visible(tx, id).await?;
                if !["mapping", "checking", "checked", "committing"].contains(&row.state.as_str()) {
                    return Err(Refusal::State("This import has ended already".to_owned()).into());
                }
                // While a job works the version moves on; what counts is that she saw it unfinished.
                if row.version < version {
                    return Err(Refusal::Stale.into());
                }
                let running = Running { beat: 0, ..Running::read(&row.report) };
                let change = Change { state: Some("withdrawn"), report: Some(running.text()), ..Change::default() };
                imports::update(tx, id, row.version, false, &change).await?;
                tx.record(Event::new("import.withdrawn", "import", id, None).detail(json!({ "state": row.state })));
                Ok(())
            })
        })
        .await
}

/// Gives up an import that cannot be written, with words for the person. What it wrote is taken back by [`clean`].
pub async fn give_up(store: &Store, run: &Run, words: String) -> Result<(), Failure> {
    let (id, fence, actor) = (run.id(), run.fence, Actor::system("job"));
    let report = Running { beat: 0, tries: 0, ..run.running }.text();
    store
        .write(Intent::once(actor, "import.fail"), move |tx| {
            let change = Change { state: Some("failed"), failure: Some(words.clone()), report: Some(report.clone()), ..Change::default() };
            Box::pin(async move {
                imports::update(tx, id, fence, true, &change).await?;
                tx.record(Event::new("import.failed", "import", id, None));
                Ok(())
            })
        })
        .await
}

/// Ends a published import: its file is forgotten.
pub(super) async fn close(store: &Store, run: &Run) -> Result<(), Failure> {
    forget_pieces(store, run.id()).await?;
    run.change(store, "import.close", Change { finished: true, ..Change::default() }).await
}

/// Ends an import that was withdrawn or given up: rows, refusals, file and samples go.
pub async fn clean(store: &Store, run: &Run) -> Result<(), Failure> {
    take_back(store, run).await?;
    forget_refusals(store, run).await?;
    forget_pieces(store, run.id()).await?;
    let mapping = Setup::read(&run.row.mapping).map(|setup| Setup { survey: None, ..setup }.text()).unwrap_or_default();
    run.change(store, "import.close", Change { finished: true, mapping: Some(mapping), ..Change::default() }).await
}

/// Removes the rows that an earlier attempt wrote. They are hidden, so nobody has seen them and no budget has paid.
pub(super) async fn take_back(store: &Store, run: &Run) -> Result<(), Failure> {
    let (id, fence, no) = (run.id(), run.fence, run.row.no);
    // Before the commit no row was written.
    let Some(mut after) = run.running.from_no else { return Ok(()) };
    loop {
        let removed = store
            .write(Intent::once(Actor::system("job"), "import.take_back").bulk(), move |tx| {
                Box::pin(async move {
                    imports::update(tx, id, fence, true, &Change::default()).await?;
                    Ok(import_rows::remove(tx, no, after, ROWS).await?)
                })
            })
            .await?;
        match removed {
            Some(last) => after = last,
            None => return Ok(()),
        }
    }
}

/// Forgets the refused rows of an earlier pass.
pub(super) async fn forget_refusals(store: &Store, run: &Run) -> Result<(), Failure> {
    let (id, fence) = (run.id(), run.fence);
    loop {
        let gone = store
            .write(Intent::once(Actor::system("job"), "import.forget").bulk(), move |tx| {
                Box::pin(async move {
                    imports::update(tx, id, fence, true, &Change::default()).await?;
                    Ok(imports::delete_refusals(tx, id, ROWS).await?)
                })
            })
            .await?;
        if gone < ROWS.unsigned_abs() {
            return Ok(());
        }
    }
}

async fn forget_pieces(store: &Store, id: ImportId) -> Result<(), Failure> {
    loop {
        let gone = store
            .write(Intent::once(Actor::system("job"), "import.forget").bulk(), move |tx| {
                Box::pin(async move { Ok(imports::delete_pieces(tx, id, PIECES).await?) })
            })
            .await?;
        if gone < PIECES.unsigned_abs() {
            return Ok(());
        }
    }
}

/// Forgets an upload that never came whole.
pub async fn abandon(store: &Store, actor: Actor, id: ImportId) -> Result<(), Failure> {
    forget_pieces(store, id).await?;
    store.write(Intent::once(actor, "import.abandon"), move |tx| Box::pin(async move { Ok(imports::delete(tx, id).await?) })).await
}
