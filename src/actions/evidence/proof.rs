//! The integrity certificate: what is proven of the trail, and the numbers by which anybody checks it with the Python verifier.

use super::{Answer, Asked, Heads, Line, Value};
use crate::actions::audit::{Noted, Verdict};
use crate::domain::proof::checkpoint::origin;
use crate::domain::proof::note::{PublicKey, base64};
use crate::domain::text::hex;
use crate::domain::time::Instant;
use crate::store::checkpoints::{self, CheckpointRow};
use crate::store::db::Reader;
use crate::store::failure::DbError;
use crate::store::heard::Heard;
use crate::store::{audit_log, evidence, settings};

const HEADS: Heads = &[("What", "what"), ("Value", "value")];

/// The last verdict in words.
fn verdict(noted: Option<&Noted>, zone: chrono_tz::Tz) -> (String, String) {
    let Some(noted) = noted else { return ("Not verified yet".to_owned(), "Nobody has verified the trail yet".to_owned()) };
    let at = noted.at.local(zone);
    match &noted.verdict {
        Verdict::Ok { events, head } => ("Proven".to_owned(), format!("{at}: {events} events, chain value {head}")),
        Verdict::NotProven { events, head, why } => {
            ("Not proven".to_owned(), format!("{at}: {events} events as they were sealed, chain value {head}; {why}"))
        }
        Verdict::Broken { seq, why } => ("Broken".to_owned(), format!("{at}: at event {seq}, {why}")),
    }
}

/// How long ago, in words.
fn age(at: Instant, now: Instant) -> String {
    let minutes = (now.0 - at.0).max(0) / 60_000_000;
    match minutes {
        0..=119 => format!("{minutes} minutes old"),
        120..=2_879 => format!("{} hours old", minutes / 60),
        _ => format!("{} days old", minutes / 1_440),
    }
}

/// A checkpoint in one line: what a file carries of the newest.
pub fn in_words(row: Option<&CheckpointRow>) -> String {
    row.map_or("None: nothing is signed".to_owned(), |row| {
        format!("{} events at {}, root {}, signed by {}", row.size, row.at.iso(), base64(&row.root), key_id(&row.public_key))
    })
}

fn key_id(key: &str) -> String {
    PublicKey::parse(key).map_or_else(|| key.to_owned(), |key| key.short())
}

/// The newest checkpoint, in words.
pub async fn newest(reader: &mut impl Reader) -> Result<String, DbError> {
    Ok(in_words(checkpoints::newest(reader).await?.as_ref()))
}

/// The certificate.
pub(super) async fn certificate(heard: &mut Heard, asked: &Asked<'_>) -> Result<Answer, DbError> {
    let head = audit_log::stated_head(heard).await?;
    let noted: Option<Noted> = settings::get(heard, settings::AUDIT_VERDICT).await?.and_then(|kept| serde_json::from_str(&kept).ok());
    let newest = checkpoints::newest(heard).await?;
    let keys = checkpoints::keys(heard).await?;
    let anchors = evidence::anchors(heard).await?;
    let span = evidence::span(heard).await?;
    let mut lines = Vec::new();
    let mut line = |what: &str, value: String| {
        lines.push(Line { region: None, href: String::new(), cells: vec![Value::text(what), Value::text(value)] });
    };
    let (short, words) = verdict(noted.as_ref(), asked.zone);
    line("Verdict", words);
    if let Some(head) = &head {
        line("Log", origin(&head.log_id));
        line("Newest chain value", format!("{} at event {}", hex(&head.chain), head.seq));
    }
    if let Some((first, last, from, until)) = span.filter(|span| span.1 > 0) {
        line("Range", format!("events {first} to {last}, {} to {}", Instant(from).iso(), Instant(until).iso()));
    }
    match &newest {
        Some(row) => {
            line("Newest checkpoint", format!("{} events, {}, {}", row.size, row.at.iso(), age(row.at, asked.now)));
            line("Its tree", base64(&row.root));
            line("Its chain value", hex(&row.chain));
            line("Its ledger", format!("{} up to posting {}", hex(&row.postings), row.posting_no));
            line("Signed by", format!("{} ({})", key_id(&row.public_key), row.public_key));
        }
        None => line("Newest checkpoint", "None: nothing is signed".to_owned()),
    }
    for key in &keys {
        line("Key", format!("{} ({key})", key_id(key)));
    }
    for (kind, place, size, at) in &anchors {
        let place = if place.is_empty() { String::new() } else { format!(", {place}") };
        line("Anchor", format!("{kind}{place}: up to event {size}, {}, {}", at.iso(), age(*at, asked.now)));
    }
    if anchors.is_empty() {
        line("Anchor", "None: nothing outside the database knows how long the trail is".to_owned());
    }
    line("To check it", "Export the whole trail, then: python3 counterfoil_verify.py trail.jsonl --public-key auditor.pub".to_owned());
    line("It has to say", "The same number of events and the same chain value as here, or more events".to_owned());
    let signed = newest.as_ref().map_or(0, |row| row.size);
    let figures = vec![
        ("Verdict", short),
        ("Events", head.as_ref().map_or(0, |head| head.seq).to_string()),
        ("Signed", signed.to_string()),
        ("Anchors", anchors.len().to_string()),
    ];
    Ok(Answer { heads: HEADS, lines, figures })
}
