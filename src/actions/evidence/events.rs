//! Reports that are read from the trail: which actions each is about, and an event as a line.

use serde_json::Value as Json;

use super::{Answer, Asked, Heads, Line, Names, Report, Value};
use crate::domain::id::{RegionId, RoleId, UserId};
use crate::store::evidence::{self, EventRow};
use crate::store::failure::DbError;
use crate::store::heard::Heard;
use crate::store::roles;

const PRIVILEGED: &[&str] = &[
    "access_review.closed",
    "access_review.opened",
    "access_review.revoked",
    "approval.delegated",
    "approval.delegation_ended",
    "approval_policy.added",
    "approval_policy.ended",
    "audit.key_begun",
    "audit.key_replaced",
    "audit.key_rotated",
    "audit.restore_accepted",
    "backup.drilled",
    "backup.made",
    "backup.restored",
    "currency.added",
    "currency.removed",
    "grant.ended",
    "grant.given",
    "organisation.set_up",
    "person.password_link_made",
    "person.recovery_codes_made",
    "person.reinstated",
    "person.second_factor_removed",
    "person.second_factor_turned_off",
    "person.signed_out_everywhere",
    "person.suspended",
    "reason_code.added",
    "reason_code.changed",
    "retention.applied",
    "role.changed",
    "role.made",
    "role.reinstated",
    "role.retired",
    "setting.changed",
    "setup.finished",
    "setup.link_made",
];
const RECOVERY: &[&str] = &["audit.restore_accepted", "backup.made", "backup.restored", "backup.drilled"];
const MOVERS: &[&str] = &["grant.ended", "grant.given", "person.added", "person.reinstated", "person.suspended"];
const SIGN_INS: &[&str] = &["person.code_refused", "person.recovery_code_used", "person.sign_in_refused", "person.sign_in_throttled"];
const PERSONAL: &[&str] = &["recipient.erased", "recipient.revealed", "retention.applied"];
const EXPORTS: &[&str] = &["audit.exported", "export.downloaded"];
const IMPORTS: &[&str] = &["import.committed", "import.done", "import.failed", "import.uploaded", "import.withdrawn"];

fn actions(report: Report) -> &'static [&'static str] {
    match report {
        Report::Privileged => PRIVILEGED,
        Report::Recovery => RECOVERY,
        Report::Movers => MOVERS,
        Report::SignIns => SIGN_INS,
        Report::Personal => PERSONAL,
        Report::Exports => EXPORTS,
        Report::Imports => IMPORTS,
        _ => &[],
    }
}

const HEADS: Heads = &[
    ("When", "at"),
    ("What", "action"),
    ("About", "object"),
    ("Region", "region"),
    ("By", "actor"),
    ("Through", "through"),
    ("Before", "before"),
    ("After", "after"),
    ("Detail", "detail"),
    ("Event", "seq"),
];

/// The events of a report.
pub(super) async fn found(heard: &mut Heard, asked: &Asked<'_>) -> Result<Answer, DbError> {
    let report = asked.question.report;
    let rows = evidence::events(heard, &asked.scope, actions(report), asked.question.person, asked.period()).await?;
    let abouts = rows.iter().filter_map(|row| UserId::parse(&row.object_id));
    let names = Names::of(heard, &asked.scope, rows.iter().filter_map(|row| row.actor_id).chain(abouts)).await?;
    let made = roles::list(heard.beside()).await?;
    let roles: Vec<(RoleId, String)> = made.into_iter().map(|role| (role.id, role.name)).collect();
    let mut figures = vec![("Events", rows.len().to_string())];
    if report == Report::Recovery {
        figures.extend(recovery(&rows, asked));
    }
    let lines = rows.into_iter().rev().map(|row| line(row, &names, &roles)).collect();
    Ok(Answer { heads: HEADS, lines, figures })
}

/// What is asked first about backups: when the last was made, and when one was last tried.
fn recovery(rows: &[EventRow], asked: &Asked<'_>) -> Vec<(&'static str, String)> {
    let last = |action: &str| rows.iter().rev().find(|row| row.action == action);
    let when = |row: Option<&EventRow>| row.map_or("None in this period".to_owned(), |row| row.at.local(asked.zone));
    let drill = last("backup.drilled");
    let result = drill.map(|row| said(&body(row)["detail"])).unwrap_or_default();
    let mut figures = vec![("Last backup", when(last("backup.made"))), ("Last restore drill", when(drill))];
    figures.extend(Some(("Its result", result)).filter(|(_, result)| !result.is_empty()));
    figures
}

/// What was sealed; nothing where it cannot be read, which the verifier finds.
fn body(row: &EventRow) -> Json {
    serde_json::from_slice(&row.body).unwrap_or_default()
}

fn line(row: EventRow, names: &Names, roles: &[(RoleId, String)]) -> Line {
    let body = body(&row);
    let through = body["actor"]["through"].as_str().unwrap_or_default().to_owned();
    let object = match row.object_kind.as_str() {
        "person" => names.person(UserId::parse(&row.object_id)),
        "region" => names.region(RegionId::parse(&row.object_id)),
        "role" => {
            let named = RoleId::parse(&row.object_id).and_then(|id| roles.iter().find(|(known, _)| *known == id));
            Value::text(named.map_or(row.object_id.clone(), |(_, name)| name.clone()))
        }
        _ => Value::text(row.object_id.clone()),
    };
    Line {
        region: row.region_id,
        href: String::new(),
        cells: vec![
            Value::At(row.at),
            Value::text(row.action.clone()),
            object,
            names.region(row.region_id),
            names.person(row.actor_id),
            Value::text(through),
            Value::text(said(&body["before"])),
            Value::text(said(&body["after"])),
            Value::text(said(&body["detail"])),
            Value::Number(row.seq),
        ],
    }
}

/// JSON as a line: `role auditor; region reg_…`.
pub(super) fn said(json: &Json) -> String {
    match json {
        Json::Null => String::new(),
        Json::String(text) => text.clone(),
        Json::Array(items) => items.iter().map(said).collect::<Vec<_>>().join(", "),
        Json::Object(map) => {
            let parts = map.iter().filter(|(_, value)| !value.is_null()).map(|(key, value)| {
                let key = key.replace('_', " ");
                format!("{key} {}", said(value))
            });
            parts.collect::<Vec<_>>().join("; ")
        }
        other => other.to_string(),
    }
}
