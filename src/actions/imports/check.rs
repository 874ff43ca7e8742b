//! The dry run: a pass that only reads, and says what a commit would do.

use std::sync::Arc;

use super::plan::Plan;
use super::report::{Report, Tally};
use super::run::{Run, Running};
use super::sort::sort;
use super::{Stop, end, own, pass};
use crate::domain::access::Actor;
use crate::domain::id::ImportId;
use crate::domain::refusal::Refusal;
use crate::store::Store;
use crate::store::failure::Failure;
use crate::store::import_rows;
use crate::store::imports::{self, Change, RefusedRow};
use crate::store::writer::Intent;

/// Asks for a dry run; a job does it.
pub async fn request(store: &Store, actor: Actor, id: ImportId, version: i64) -> Result<(), Failure> {
    store
        .write(Intent::once(actor, "import.check"), move |tx| {
            Box::pin(async move {
                let row = own(tx, id, version).await?;
                if !super::mapping::OPEN_STATES.contains(&row.state.as_str()) {
                    return Err(Refusal::State("This import cannot be checked now".to_owned()).into());
                }
                let report = Running { total: row.file_bytes.unsigned_abs(), ..Running::default() }.text();
                let change = Change { state: Some("checking"), report: Some(report), failure: Some(String::new()), ..Change::default() };
                imports::update(tx, id, row.version, false, &change).await
            })
        })
        .await
}

/// Does the dry run and keeps its report. What is wrong with the file or the mapping takes the import back to its mapping, with the words.
pub async fn perform(store: &Store, run: &mut Run) -> Result<(), Stop> {
    match pass_over(store, run, true, |_, _, _| {}).await {
        Ok(report) => {
            let (counts, text) = (report.counts, report.text());
            let change = Change { state: Some("checked"), report: Some(text), counts: Some(counts), ..Change::default() };
            Ok(run.change(store, "import.checked", change).await?)
        }
        Err(stop) => match stop.words() {
            Some(words) if !matches!(stop, Stop::Failed(Failure::Refused(Refusal::Stale))) => {
                let change = Change { state: Some("mapping"), report: Some(String::new()), failure: Some(words), ..Change::default() };
                Ok(run.change(store, "import.unchecked", change).await?)
            }
            _ => Err(stop),
        },
    }
}

/// The pass. With `keep` refused rows and progress are written; without it nothing is. `heard` is told the bytes read, their
/// total, and the rows refused since.
pub(super) async fn pass_over(
    store: &Store,
    run: &mut Run,
    keep: bool,
    mut heard: impl FnMut(u64, u64, &[RefusedRow]) + Send,
) -> Result<Report, Stop> {
    if keep {
        end::forget_refusals(store, run).await?;
    }
    let opened = run.table(store).await?;
    let setup = run.setup()?;
    let mut read = store.read().await?;
    let plan = Arc::new(Plan::read(&mut read, run.person, store.now(), &setup.mapping, &opened.headers).await?);
    let known_rows = import_rows::any(&mut read, run.row.source_id).await?;
    drop(read);
    let total = opened.bytes;
    let mut chunks = pass::start(opened, plan.clone(), known_rows);
    let mut tally = Tally::default();
    while let Some(chunk) = chunks.recv().await {
        let mut read = store.read().await?;
        let sorted = sort(&mut read, &plan, run.row.source_id, chunk?, known_rows).await?;
        drop(read);
        tally.add(&sorted, &plan, store.now())?;
        heard(sorted.bytes, total, &sorted.refused);
        if keep && (run.is_quiet() || !sorted.refused.is_empty()) {
            note(store, run, sorted.bytes, sorted.refused).await?;
        }
    }
    tally.effects(&plan)?;
    Ok(tally.report)
}

/// Keeps refused rows, with a sign of life.
async fn note(store: &Store, run: &mut Run, bytes: u64, refused: Vec<RefusedRow>) -> Result<(), Failure> {
    let change = Change { report: Some(run.beat(store, bytes)), ..Change::default() };
    let (id, fence) = (run.id(), run.fence);
    store
        .write(Intent::once(run.actor(), "import.note"), move |tx| {
            let (change, refused) = (change.clone(), refused.clone());
            Box::pin(async move {
                imports::update(tx, id, fence, true, &change).await?;
                Ok(imports::insert_refusals(tx, id, &refused).await?)
            })
        })
        .await
}
