//! One event of the audit trail: what changed, and its link in the chain computed again.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;
use serde_json::Value;

use super::Portal;
use super::audit::{Line, Names, line};
use super::choices;
use super::error::WebError;
use super::guard::{Allowed, ReadAudit};
use super::page::Shell;
use crate::domain::audit::{START, chain, leaf};
use crate::domain::id::EventId;
use crate::domain::refusal::Refusal;
use crate::domain::text::hex;
use crate::store::audit_log;

#[derive(Template)]
#[template(path = "audit/event.html")]
struct EventPage {
    shell: Shell,
    line: Line,
    object_kind: String,
    object_id: String,
    peer: String,
    request: String,
    through: String,
    changes: Vec<(String, String, String)>,
    details: Vec<(String, String)>,
    body: String,
    leaf: String,
    chain: String,
    previous: String,
    holds: bool,
}

/// A value of the body as text.
fn text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Bool(true) => "yes".to_owned(),
        Value::Bool(false) => "no".to_owned(),
        other => other.to_string(),
    }
}

fn changes(before: &Value, after: &Value) -> Vec<(String, String, String)> {
    let empty = serde_json::Map::new();
    let (was, is) = (before.as_object().unwrap_or(&empty), after.as_object().unwrap_or(&empty));
    let mut keys: Vec<&String> = was.keys().chain(is.keys()).collect();
    keys.sort_unstable();
    keys.dedup();
    let of = |map: &serde_json::Map<String, Value>, key: &str| map.get(key).map(text).unwrap_or_default();
    keys.into_iter().map(|key| (key.replace('_', " "), of(was, key), of(is, key))).collect()
}

/// One event.
pub async fn event(
    req: HttpRequest,
    portal: web::Data<Portal>,
    who: Allowed<ReadAudit>,
    path: web::Path<String>,
) -> Result<HttpResponse, WebError> {
    let id = EventId::parse(&path).ok_or(Refusal::NotFound)?;
    let mut read = portal.read(&who).await?;
    let event = audit_log::find(&mut read, &who.reach(), id).await?.ok_or(Refusal::NotFound)?;
    let zone = choices::zone(&mut read).await?;
    let names = Names::of(&mut read, &who, std::slice::from_ref(&event)).await?;
    let head = audit_log::stated_head(&mut read).await?;
    let previous = match event.seq {
        1 => Some(START.to_vec()),
        seq => audit_log::chain_at(&mut read, seq - 1).await?,
    }
    .unwrap_or_default();
    let computed = leaf(&event.body);
    let follows = head.is_some_and(|head| chain(&head.log_id, event.seq.unsigned_abs(), &previous, &computed)[..] == event.chain[..]);
    let body: Value = serde_json::from_slice(&event.body).unwrap_or_default();
    let at = |pointer: &str| body.pointer(pointer).map(text).unwrap_or_default();
    let page = EventPage {
        shell: Shell::new(&req, &portal, &who, format!("Event {}", event.seq)),
        object_kind: event.object_kind.replace('_', " "),
        object_id: event.object_id.clone(),
        peer: at("/actor/peer"),
        request: at("/actor/request"),
        through: at("/actor/through"),
        changes: changes(&body["before"], &body["after"]),
        details: body["detail"].as_object().into_iter().flatten().map(|(key, value)| (key.replace('_', " "), text(value))).collect(),
        body: String::from_utf8_lossy(&event.body).into_owned(),
        leaf: hex(&event.leaf),
        chain: hex(&event.chain),
        previous: hex(&previous),
        holds: computed[..] == event.leaf[..] && follows,
        line: line(event, &names, zone),
    };
    page.shell.answer(StatusCode::OK, &page)
}
