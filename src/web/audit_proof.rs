//! The proof of the audit trail: where it stands, the walk that anybody who reads all of it may start, and the file to check it without the portal.

use actix_web::http::StatusCode;
use actix_web::http::header::{self, ContentDisposition, DispositionParam, DispositionType};
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;

use super::error::WebError;
use super::form::Posted;
use super::guard::{Allowed, ReadAudit};
use super::page::{Shell, see_other};
use super::settings::{last_verdict, verdict_words};
use super::{Portal, choices};
use crate::actions::audit::{self as act, Noted, Verdict};
use crate::actions::{audit_export, audit_keys, checkpoints, proof, restores};
use crate::domain::access::Permission;
use crate::domain::refusal::Refusal;
use crate::domain::time::Instant;
use crate::store::db::Read;
use crate::store::failure::DbError;
use crate::store::{audit_log, checkpoints as kept};

/// The longest trail that is walked while somebody waits for the page.
const WALKED_HERE: i64 = 500_000;

#[derive(Template)]
#[template(path = "audit/proof.html")]
struct ProofPage {
    shell: Shell,
    badge: (&'static str, &'static str),
    facts: Vec<(&'static str, String)>,
    whole: bool,
    export: &'static str,
    key: String,
}

/// The last verdict as a badge.
fn badge(noted: Option<&Noted>) -> (&'static str, &'static str) {
    match noted.map(|noted| &noted.verdict) {
        None => ("", "Not verified yet"),
        Some(Verdict::Ok { .. }) => ("ok", "Proven"),
        Some(Verdict::NotProven { .. }) => ("warn", "Not proven"),
        Some(Verdict::Broken { .. }) => ("bad", "Broken"),
    }
}

/// How long ago something was.
fn ago(at: Instant, now: Instant) -> String {
    match (now.0 - at.0).max(0) / 60_000_000 {
        0 => "less than a minute ago".to_owned(),
        1 => "a minute ago".to_owned(),
        minutes @ 2..=119 => format!("{minutes} minutes ago"),
        minutes @ 120..=2_879 => format!("{} hours ago", minutes / 60),
        minutes => format!("{} days ago", minutes / 1_440),
    }
}

/// What is signed and what is anchored, in words.
async fn standing(read: &mut Read, zone: chrono_tz::Tz, now: Instant) -> Result<Vec<(&'static str, String)>, DbError> {
    let (newest, anchor) = (kept::newest(read).await?, kept::last_anchor(read).await?);
    let head = audit_log::stated_head(read).await?.map_or(0, |head| head.seq);
    let signed = newest.map_or("Not signed: there is no checkpoint yet".to_owned(), |row| {
        format!("Up to event {} of {head}, on {}, {}", row.size, row.at.local(zone), ago(row.at, now))
    });
    let anchored =
        anchor.map_or("Not anchored: nothing outside the database knows how long the trail is".to_owned(), |(kind, size, at)| {
            let place = match kind.as_str() {
                "syslog" => "the system\u{2019}s log",
                "mail" => "the auditors\u{2019} mailbox",
                _ => "a file",
            };
            format!("Up to event {size}, on {}, {}, in {place}", at.local(zone), ago(at, now))
        });
    let mut facts = vec![("Signed", signed), ("Anchored", anchored)];
    if let Some(lost) = restores::held(read).await? {
        let which = if lost.is_known() { format!("Events {} to {}", lost.kept_to + 1, lost.lost_to) } else { "Newer events".to_owned() };
        facts.push(("An older database", format!("{which} were there before. Nothing is changed until that is accepted.")));
    }
    Ok(facts)
}

/// Where the proof stands.
pub async fn page(req: HttpRequest, portal: web::Data<Portal>, who: Allowed<ReadAudit>) -> Result<HttpResponse, WebError> {
    let mut read = portal.read(&who).await?;
    let (zone, whole) = (choices::zone(&mut read).await?, who.reach().is_whole());
    let noted = last_verdict(&mut read).await?.filter(|_| whole);
    let mut facts = if whole { standing(&mut read, zone, portal.store.now()).await? } else { Vec::new() };
    facts.extend(noted.as_ref().map(|noted| {
        let (_, words, at) = verdict_words(noted, zone);
        ("Last verified", format!("{at}: {words}"))
    }));
    let page = ProofPage {
        shell: Shell::new(&req, &portal, &who, "Proof of the trail"),
        badge: badge(noted.as_ref()),
        facts,
        whole,
        export: if whole { "Export the whole trail" } else { "Export your regions\u{2019} events" },
        key: kept::key(&mut read).await?.unwrap_or_else(|| "There is none: nothing is signed".to_owned()),
    };
    page.shell.answer(StatusCode::OK, &page)
}

/// Proves the trail and notes the verdict. What is too long to wait for is left to the command line.
pub async fn verify(portal: web::Data<Portal>, who: Allowed<ReadAudit>, Posted(()): Posted<()>) -> Result<HttpResponse, WebError> {
    if !who.access.has_everywhere(Permission::AuditRead) {
        return Err(Refusal::Forbidden(Permission::AuditRead).into());
    }
    let Ok(_turn) = portal.verifying.try_acquire() else {
        let words = "Somebody has just asked for the same: look again in a minute.".to_owned();
        return Ok(see_other(&portal, "/audit/proof", Some(("info", words))));
    };
    let mut read = portal.read(&who).await?;
    let events = audit_log::stated_head(&mut read).await?.map_or(0, |head| head.seq);
    let postings = kept::last_posting(&mut read).await?;
    drop(read);
    if events.max(postings) > WALKED_HERE {
        let words = format!(
            "The trail has {events} events over {postings} postings: too many to wait for here. Run \u{201c}counterfoil audit verify\u{201d}."
        );
        return Ok(see_other(&portal, "/audit/proof", Some(("info", words))));
    }
    let (outside, _) = portal.proving.outside().await;
    let proof = proof::of_store(&portal.store, &outside, |_, _| {}).await?;
    let noted = act::note(&portal.store, who.actor.clone(), proof.verdict).await?;
    let flash = match noted.verdict {
        Verdict::Ok { events, head } => {
            ("ok", format!("Proven: all {events} events are as they were sealed. The newest chain value is {head}."))
        }
        Verdict::NotProven { events, why, .. } => ("warn", format!("All {events} events are as they were sealed. Not proven: {why}.")),
        Verdict::Broken { seq, why } => ("bad", format!("The trail is broken at event {seq}: {why}.")),
    };
    Ok(see_other(&portal, "/audit/proof", Some(flash)))
}

/// Signs what is not signed yet, where there is a key. What keeps it from being signed is logged: whoever checks what was taken away sees how far it
/// is signed.
pub(super) async fn sign(portal: &Portal) {
    let Some(file) = &portal.proving.key else { return };
    let signed = match audit_keys::load(&portal.store, file).await {
        Ok(signer) => checkpoints::catch_up(&portal.store, &signer).await,
        Err(error) => Err(error),
    };
    if let Err(error) = signed {
        tracing::warn!(%error, "what was taken away was not signed before");
    }
}

/// The trail as a file, or the part of it in her regions; that it was taken is on record, and signed where there is a key.
pub async fn export(portal: web::Data<Portal>, who: Allowed<ReadAudit>, Posted(()): Posted<()>) -> Result<HttpResponse, WebError> {
    let scope = who.reach();
    let Ok(turn) = portal.taking.clone().try_acquire_owned() else {
        let words = "The trail is being taken away by others just now. Try again when they are done.".to_owned();
        return Ok(see_other(&portal, "/audit/proof", Some(("info", words))));
    };
    audit_export::noted(&portal.store, who.actor.clone(), &scope).await?;
    if scope.is_whole() {
        sign(&portal).await;
    }
    let name = format!("audit_{}.jsonl", portal.store.now().utc().format("%Y%m%dT%H%MZ"));
    let body = audit_export::file(&portal.within(&who), scope, turn);
    Ok(HttpResponse::Ok()
        .content_type("application/jsonl; charset=utf-8")
        .insert_header(ContentDisposition { disposition: DispositionType::Attachment, parameters: vec![DispositionParam::Filename(name)] })
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .streaming(body))
}
