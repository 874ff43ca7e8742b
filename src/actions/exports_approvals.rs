//! Requests for approval as a file: who asked for what, who decided, and the hash of what they decided on.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use futures_util::Stream;
use uuid::Uuid;

use super::approvals::Waiting;
use super::exports_budgets::{File, Heads, Taking, begun, told, whole, word};
use crate::domain::approval::{Matter, Status};
use crate::domain::currency::Currency;
use crate::formats::write_csv::Preset;
use crate::store::Store;
use crate::store::failure::DbError;

/// A request as a line.
pub struct Line {
    /// The request.
    pub one: Waiting,
    /// What its budgets are called, or the role.
    pub budgets: String,
    /// Who asked.
    pub by: String,
    /// Who approved, and for whom.
    pub approved_by: String,
    /// Who declined.
    pub declined_by: String,
}

const HEADS: Heads = &[
    ("Request", "reference"),
    ("What", "kind"),
    ("Amount", "amount"),
    ("Currency", "currency"),
    ("Budgets", "budgets"),
    ("Asked by", "asked_by"),
    ("Asked at", "asked_at"),
    ("Takes approvers", "approvers_needed"),
    ("Approved by", "approved_by"),
    ("Declined by", "declined_by"),
    ("Status", "approval_status"),
    ("Waits until", "expires_at"),
    ("Ended at", "ended_at"),
    ("Because", "ended_because"),
    ("Content hash", "content_hash"),
    ("Request id", "approval_id"),
    ("Posting id", "posting_id"),
];

/// The list of requests.
pub fn approvals(store: &Store, taking: Taking, preset: Preset, lines: &[Line]) -> impl Stream<Item = Result<Bytes, DbError>> + use<> {
    let mut out = begun(preset, HEADS);
    let mut rows: BTreeMap<Uuid, i64> = BTreeMap::new();
    for Line { one, budgets, by, approved_by, declined_by } in lines {
        let row = &one.row;
        out.code(&row.reference());
        word(&mut out, preset, Matter::parse(&row.matter).map_or("", Matter::one), &row.matter);
        let currency = row.currency.as_deref().unwrap_or_default();
        match row.amount {
            Some(amount) => out.amount(amount, Currency::parse(currency).map_or(0, Currency::digits)),
            None => out.empty(),
        }
        out.code(currency);
        out.text(budgets);
        out.text(by);
        out.instant(row.asked_at);
        out.code(&row.needed.to_string());
        out.text(approved_by);
        out.text(declined_by);
        word(&mut out, preset, Status::parse(&row.status).map_or("", Status::label), &row.status);
        out.instant(row.expires_at);
        match row.ended_at {
            Some(at) => out.instant(at),
            None => out.empty(),
        }
        out.text(&row.ended_because);
        out.code(&crate::domain::text::hex(&row.content_hash));
        out.code(&row.id.to_string());
        match row.done_posting_id {
            Some(id) => out.code(&id.to_string()),
            None => out.empty(),
        }
        out.end();
        let regions: BTreeSet<Uuid> = one.about.iter().map(|about| about.region_id.0).collect();
        for region in regions {
            *rows.entry(region).or_default() += 1;
        }
    }
    whole(store, told(taking, File::Approvals, rows.len()), out, rows.into_iter().collect())
}
