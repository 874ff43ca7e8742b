//! Works on imports: dry runs, commits, changes, and what is left of those that ended early.

use std::time::Duration;

use crate::actions::imports::file::Input;
use crate::actions::imports::run::{Run, TRIES};
use crate::actions::imports::{Limits, Stop, apply, check, commit, end};
use crate::domain::access::Actor;
use crate::domain::refusal::Refusal;
use crate::store::Store;
use crate::store::failure::Failure;
use crate::store::imports::{self, Change, ImportRow};

/// How long to wait before looking for work again.
const IDLE: Duration = Duration::from_millis(500);
/// How long to wait after the store could not be reached.
const AFTER_FAILURE: Duration = Duration::from_secs(10);
/// Seconds after which an upload that did not come whole is forgotten.
const UPLOAD_SECONDS: i64 = 3600;

/// Looks for work until it is aborted. Several may run beside each other, in one process or in many: a run is taken by one of them.
pub async fn work(store: Store, limits: Limits) {
    loop {
        let rest = match turn(&store, &limits).await {
            Ok(_) => IDLE,
            Err(error) => {
                tracing::warn!(%error, "imports could not be looked for; they are tried again");
                AFTER_FAILURE
            }
        };
        tokio::time::sleep(rest).await;
    }
}

/// Does what there is to do; how many imports it worked on.
pub async fn turn(store: &Store, limits: &Limits) -> Result<usize, Failure> {
    if store.is_held() {
        // Each would be refused, and tried again at once.
        return Ok(0);
    }
    let mut read = store.read().await?;
    let rows = imports::unfinished(&mut read).await?;
    drop(read);
    let mut worked = 0;
    for row in rows {
        let id = row.id;
        match handle(store, row, limits).await {
            Ok(true) => worked += 1,
            // Withdrawn or taken over while it was worked on.
            Ok(false) | Err(Stop::Failed(Failure::Refused(Refusal::Stale))) => {}
            Err(stop) => tracing::warn!(import = %id, cause = ?stop, "an import broke off; it is tried again"),
        }
    }
    Ok(worked)
}

async fn handle(store: &Store, row: ImportRow, limits: &Limits) -> Result<bool, Stop> {
    if row.state == "uploading" {
        if row.created_at.plus_seconds(UPLOAD_SECONDS) < store.now() {
            end::abandon(store, Actor::system("job"), row.id).await?;
            return Ok(true);
        }
        return Ok(false);
    }
    let input = Input::Pieces(row.id);
    let Some(mut run) = Run::take(store, row, input, limits.clone()).await? else { return Ok(false) };
    let tired = run.running.tries > TRIES;
    match run.row.state.as_str() {
        "checking" if tired => {
            let words = "The file could not be checked. Try again; if it stays, tell your administrator.".to_owned();
            let change = Change { state: Some("mapping"), failure: Some(words), report: Some(String::new()), ..Change::default() };
            run.change(store, "import.unchecked", change).await?;
        }
        "checking" => check::perform(store, &mut run).await?,
        "committing" => write(store, &mut run, tired).await?,
        "done" => drop(apply::perform(store, &mut run).await?),
        _ => end::clean(store, &run).await?,
    }
    Ok(true)
}

async fn write(store: &Store, run: &mut Run, tired: bool) -> Result<(), Stop> {
    let words = if tired {
        Some("The rows could not be written. Nothing was changed; tell your administrator.".to_owned())
    } else {
        match commit::perform(store, run, |_, _| {}).await {
            Ok(_) => None,
            Err(stop @ Stop::Failed(Failure::Refused(Refusal::Stale))) => return Err(stop),
            Err(stop) => Some(stop.words().ok_or(stop)?),
        }
    };
    if let Some(words) = words {
        end::give_up(store, run, words).await?;
        end::clean(store, run).await?;
    }
    Ok(())
}
