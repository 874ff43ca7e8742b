//! One line of time for a transaction: what the vendor did, what moved in budgets, what people changed.

use super::transactions_known::Known;
use crate::domain::budget::PostingKind;
use crate::domain::currency::Currency;
use crate::domain::money;
use crate::domain::time::Instant;
use crate::store::audit_log::Kept;
use crate::store::postings::PostingRow;
use crate::store::transaction_detail::TransactionRow;

/// One moment.
pub struct Moment {
    /// When, for ordering.
    at: Instant,
    /// `ok`, `warn`, `bad` or nothing.
    pub tone: &'static str,
    /// What happened.
    pub what: String,
    /// When, as people read it.
    pub when: String,
    /// When, as a machine reads it.
    pub datetime: String,
    /// Where it leads; empty for nowhere.
    pub href: String,
    /// More words: an amount, a reference.
    pub note: String,
}

struct Line<'k> {
    known: &'k Known,
    moments: Vec<Moment>,
}

impl Line<'_> {
    fn put(&mut self, at: Option<Instant>, tone: &'static str, what: impl Into<String>, href: String, note: String) {
        let Some(at) = at else { return };
        let (when, datetime) = (at.local(self.known.zone()), at.iso());
        self.moments.push(Moment { at, tone, what: what.into(), when, datetime, href, note });
    }

    fn plain(&mut self, at: Option<Instant>, tone: &'static str, what: &str) {
        self.put(at, tone, what, String::new(), String::new());
    }
}

/// Everything that happened, oldest first. `import` is the page of the one it came with, empty where she does not see that, and when.
pub fn of(
    row: &TransactionRow,
    currency: Currency,
    known: &Known,
    import: Option<(String, Option<Instant>)>,
    postings: &[PostingRow],
    events: &[Kept],
) -> Vec<Moment> {
    let mut line = Line { known, moments: Vec::new() };
    line.plain(Some(row.created_at), "", "Created by the vendor");
    line.plain(Some(row.issued_at), "", "Issued");
    line.plain(row.delivered_at, "ok", "Delivered");
    line.plain(row.redeemed_at, "ok", "Redeemed");
    line.plain(row.canceled_at, "bad", "Canceled");
    line.plain(row.expires_at, "warn", "Expires");
    if let Some((href, at)) = import {
        line.put(at, "", "Imported", href, String::new());
    }
    for posting in postings {
        let budget = posting.source_budget_id.or(posting.destination_budget_id);
        let name = budget.and_then(|id| known.names.get(&id.0)).cloned().unwrap_or_else(|| "a budget".to_owned());
        let label = PostingKind::parse(&posting.kind).map_or("Posting", PostingKind::label);
        let note = format!("{} {} · {}", money::grouped(posting.amount, currency), currency, posting.reference());
        line.put(Some(posting.at), "", format!("{label} in {name}"), format!("/postings/{}", posting.id), note);
    }
    for event in events {
        let what = match event.action.as_str() {
            "transaction.assigned" => "Assigned to a budget",
            "transaction.changed" => "Changed by an import",
            _ => "Changed",
        };
        line.plain(Some(event.at), "", what);
    }
    line.moments.sort_by_key(|moment| moment.at);
    line.moments
}
