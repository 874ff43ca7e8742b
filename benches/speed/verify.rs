//! Proving the audit trail: the program over its database, against the Python file that shares no code with it over its export.

use std::path::PathBuf;
use std::process::Command;
use std::time::Instant;

use anyhow::{Context as _, Result, ensure};
use counterfoil::actions::{audit_keys, checkpoints};
use counterfoil::domain::access::Actor;
use counterfoil::domain::audit::Event;
use counterfoil::integrations::anchors::Anchor;
use counterfoil::store::checkpoints as kept;
use counterfoil::store::writer::{BATCH_MOST, Intent};
use serde_json::json;

use crate::data::{self, On};
use crate::measure::Line;
use crate::server::program;
use crate::{Bench, say};

/// Events in one command.
const STEP: u64 = 1_000;

/// See the module's head.
pub async fn run(bench: &Bench) -> Result<Vec<Line>> {
    if !Command::new("python3").arg("--version").output().is_ok_and(|ran| ran.status.success()) {
        say("verify: left out, there is no python3");
        return Ok(Vec::new());
    }
    let mut lines = Vec::new();
    for on in data::engines(bench) {
        let (mut theirs, mut ours) = (Vec::new(), Vec::new());
        let files = made(bench, on).await?;
        for _ in 0..bench.rounds {
            theirs.push(python(&files)?);
            ours.push(portal(&files)?);
        }
        let what = format!("proof of {} audit events, {}", bench.rows, on.name());
        lines.push(Line::faster(&what, "the Python file over the export", &theirs, &ours, if on == On::Sqlite { 5.0 } else { 0.0 }));
    }
    Ok(lines)
}

/// A signed and anchored trail, and its export.
struct Files {
    url: String,
    export: PathBuf,
    anchors: PathBuf,
    public: PathBuf,
}

async fn made(bench: &Bench, on: On) -> Result<Files> {
    let file = |name: &str| bench.folder.join(format!("verify-{}.{name}", on.name().to_lowercase()));
    let (url, key) = (data::empty(bench, on, "verify")?, file("key"));
    let files = Files { url, export: file("jsonl"), anchors: file("anchors"), public: file("pub") };
    for old in [&key, &files.export, &files.anchors] {
        drop(std::fs::remove_file(old));
    }
    let store = data::open(&files.url, BATCH_MOST).await?;
    let signer = audit_keys::ensure(&store, &key).await?;
    std::fs::write(&files.public, signer.public().to_string())?;
    for step in 0..bench.rows.div_ceil(STEP) {
        let written = store.write(Intent::once(Actor::system("bench"), "bench.events"), move |tx| {
            Box::pin(async move {
                for n in 0..STEP {
                    let change = (json!({ "available": n, "spent": step }), json!({ "available": n + 1, "spent": step }));
                    let detail = json!({ "reason": "correction", "note": "as agreed with the regional finance team" });
                    tx.record(Event::new("budget.adjusted", "budget", n, None).change(change.0, change.1).detail(detail));
                }
                Ok(())
            })
        });
        written.await?;
        checkpoints::catch_up(&store, &signer).await?;
    }
    let newest = kept::newest(&mut store.lone()).await?.context("nothing was signed")?;
    Anchor::File(files.anchors.clone()).note(&newest.note, false)?;
    store.close().await;
    let ran = program(&files.url).args(["audit", "export"]).arg(&files.export).output()?;
    ensure!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    Ok(files)
}

fn timed(command: &mut Command) -> Result<f64> {
    let begun = Instant::now();
    let ran = command.output()?;
    let seconds = begun.elapsed().as_secs_f64();
    ensure!(ran.status.success(), "{}{}", String::from_utf8_lossy(&ran.stdout), String::from_utf8_lossy(&ran.stderr));
    Ok(seconds)
}

fn python(files: &Files) -> Result<f64> {
    let verifier = concat!(env!("CARGO_MANIFEST_DIR"), "/static/counterfoil_verify.py");
    let mut command = Command::new("python3");
    command.arg("-B").arg(verifier).arg(&files.export).arg("--public-key").arg(&files.public).arg("--anchors").arg(&files.anchors);
    timed(&mut command)
}

fn portal(files: &Files) -> Result<f64> {
    timed(program(&files.url).args(["audit", "verify", "--public-key"]).arg(&files.public).arg("--anchors").arg(&files.anchors))
}
