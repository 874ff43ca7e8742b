//! The audit trail as a file of JSON lines that anybody can check without this program: events with the bytes that were sealed, the postings and
//! figures of the ledger, and every checkpoint. `static/counterfoil_verify.py` reads it.

use std::time::Duration;

use bytes::Bytes;
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

use crate::domain::access::{Actor, Permission, Scope};
use crate::domain::audit::Event;
use crate::domain::proof::checkpoint::origin;
use crate::domain::proof::note::base64;
use crate::domain::proof::testimony::RESTORED;
use crate::domain::refusal::Refusal;
use crate::domain::text::hex;
use crate::store::Store;
use crate::store::audit_log::{self, Kept, Wanted};
use crate::store::bulk_read::STALLED;
use crate::store::checkpoints::{self, fields};
use crate::store::db::Read;
use crate::store::failure::{DbError, Failure};
use crate::store::writer::Intent;

/// The shape of the file.
const VERSION: &str = "1";
/// Lines in one piece.
const BATCH: i64 = 500;
/// Pieces that wait for the reader of the file.
const WAITING: usize = 4;

/// Notes that somebody takes the trail, or the part of it in these regions.
pub async fn noted(store: &Store, actor: Actor, scope: &Scope) -> Result<(), Failure> {
    let (whole, regions) = (scope.is_whole(), scope.regions().collect::<Vec<_>>());
    store
        .write(Intent::once(actor, "audit.export"), move |tx| {
            let regions = regions.clone();
            Box::pin(async move {
                if !tx.access().has(Permission::AuditRead) {
                    return Err(Refusal::Forbidden(Permission::AuditRead).into());
                }
                let event = |region| Event::new("audit.exported", "audit", "", region).detail(json!({ "whole": whole }));
                tx.record(event(None));
                for region in &regions {
                    tx.record(event(Some(*region)));
                }
                Ok(())
            })
        })
        .await
}

/// What comes next.
enum Part {
    Head,
    Events(Option<i64>),
    Postings(i64),
    Budgets,
    Checkpoints(i64),
    End,
}

struct File {
    read: Read,
    scope: Scope,
    lines: i64,
}

/// The pieces of a file while it is made.
pub type Pieces = ReceiverStream<Result<Bytes, DbError>>;

/// The file, piece by piece, of one moment. With the whole organisation in scope it holds everything; otherwise the events in scope and the newest
/// checkpoint, which proves no more than that each event fits its own hash. It is made beside its reader, and ends when nobody takes the next piece
/// for long; `turn` is kept until then.
pub fn file(store: &Store, scope: Scope, turn: impl Send + 'static) -> Pieces {
    file_taken_within(store, scope, turn, STALLED)
}

/// As [`file`], for a reader who may rest for so long.
pub fn file_taken_within(store: &Store, scope: Scope, turn: impl Send + 'static, rest: Duration) -> Pieces {
    let (pieces, received) = mpsc::channel(WAITING);
    let store = store.clone();
    tokio::spawn(async move {
        let _turn = turn;
        if let Err(error) = make(&store, scope, &pieces, rest).await {
            // Whoever would hear of it may have gone.
            let _ = tokio::time::timeout(rest, pieces.send(Err(error))).await;
        }
    });
    ReceiverStream::new(received)
}

async fn make(store: &Store, scope: Scope, pieces: &mpsc::Sender<Result<Bytes, DbError>>, rest: Duration) -> Result<(), DbError> {
    let mut file = File { read: store.read().await?, scope, lines: 0 };
    let mut part = Some(Part::Head);
    while let Some(next) = part.take() {
        let mut out = String::new();
        part = file.write(next, &mut out).await?;
        if !matches!(tokio::time::timeout(rest, pieces.send(Ok(Bytes::from(out)))).await, Ok(Ok(()))) {
            break;
        }
    }
    Ok(())
}

impl File {
    fn line(&mut self, out: &mut String, line: &Value) {
        self.lines += 1;
        out.push_str(&line.to_string());
        out.push('\n');
    }

    async fn write(&mut self, part: Part, out: &mut String) -> Result<Option<Part>, DbError> {
        Ok(Some(match part {
            Part::Head => {
                let head = audit_log::stated_head(&mut self.read).await?;
                let head = head.ok_or(DbError::Broken("the audit trail has no head".to_owned()))?;
                let whole = self.scope.is_whole();
                let line = json!({
                    "kind": "trail", "version": VERSION, "origin": origin(&head.log_id), "log_id": hex(&head.log_id), "whole": whole,
                    "events": head.seq.to_string(), "chain": hex(&head.chain), "restore_action": RESTORED,
                });
                self.line(out, &line);
                Part::Events(None)
            }
            Part::Events(seq) => self.events(seq, out).await?,
            Part::Postings(no) => {
                let rows = checkpoints::postings_after(&mut self.read, no, BATCH).await?;
                for row in &rows {
                    self.line(out, &json!({ "kind": "posting", "fields": fields(row) }));
                }
                rows.last().map_or(Part::Budgets, |row| Part::Postings(row.no))
            }
            Part::Budgets => {
                for (id, allocated, adjusted, carried_over, reserved, spent) in checkpoints::figures(&mut self.read).await? {
                    let figures = [allocated, adjusted, carried_over, reserved, spent].map(|figure| figure.to_string());
                    let line = json!({ "kind": "budget", "id": id.0.hyphenated().to_string(), "figures": figures });
                    self.line(out, &line);
                }
                Part::Checkpoints(i64::MIN)
            }
            Part::Checkpoints(size) => {
                let rows = if self.scope.is_whole() {
                    checkpoints::after(&mut self.read, size, BATCH).await?
                } else {
                    checkpoints::newest(&mut self.read).await?.into_iter().filter(|row| row.size > size).collect()
                };
                for row in &rows {
                    let line = json!({
                        "kind": "checkpoint", "size": row.size.to_string(), "at": row.at.0.to_string(), "root": hex(&row.root),
                        "chain": hex(&row.chain), "peaks": hex(&row.peaks), "posting_no": row.posting_no.to_string(),
                        "postings": hex(&row.postings), "public_key": row.public_key, "note": row.note,
                    });
                    self.line(out, &line);
                }
                rows.last().map_or(Part::End, |row| Part::Checkpoints(row.size))
            }
            Part::End => {
                let key = checkpoints::key(&mut self.read).await?.unwrap_or_default();
                let line = json!({ "kind": "end", "lines": self.lines.to_string(), "public_key": key });
                self.line(out, &line);
                return Ok(None);
            }
        }))
    }

    async fn events(&mut self, seq: Option<i64>, out: &mut String) -> Result<Part, DbError> {
        let events = if self.scope.is_whole() {
            // From the beginning: what was put before the first event is to be seen too.
            audit_log::after(&mut self.read, seq.unwrap_or(i64::MIN), BATCH).await?
        } else {
            let wanted = Wanted { after: Some(seq.unwrap_or(0)), ..Wanted::default() };
            let mut events = audit_log::list(&mut self.read, &self.scope, &wanted, BATCH).await?;
            events.reverse();
            events
        };
        for event in &events {
            self.line(out, &event_line(event));
        }
        Ok(match events.last() {
            Some(last) => Part::Events(Some(last.seq)),
            // Likewise: what was put before the first posting is to be seen too.
            None if self.scope.is_whole() => Part::Postings(i64::MIN),
            None => Part::Checkpoints(0),
        })
    }
}

/// An event with every column; its body as text where it is text.
fn event_line(event: &Kept) -> Value {
    let mut line = json!({
        "kind": "event", "seq": event.seq.to_string(), "id": event.id.to_string(), "at": event.at.0.to_string(),
        "actor_kind": event.actor_kind, "actor_id": event.actor_id.map(|id| id.to_string()), "action": event.action,
        "object_kind": event.object_kind, "object_id": event.object_id, "region": event.region_id.map(|id| id.to_string()),
        "body_version": event.body_version.to_string(), "leaf": hex(&event.leaf), "chain": hex(&event.chain),
    });
    match std::str::from_utf8(&event.body) {
        Ok(text) => line["body"] = text.into(),
        Err(_) => line["body_base64"] = base64(&event.body).into(),
    }
    line
}
