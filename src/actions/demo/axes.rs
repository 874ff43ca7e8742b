//! Where the demo's rewards stand with the general ledger and with whoever approves them, in the proportions of a company whose books are mostly in
//! order: what is old is booked and archived, what is new is waited for, a few in a hundred do not fit.

use super::World;
use crate::domain::import::draft::Draft;
use crate::domain::time::Instant;
use crate::domain::transaction::{ApprovalStatus, OrderStatus, ReconStatus};
use crate::store::transactions::Standing;

/// Days after which a period is closed and archived.
const ARCHIVED_AFTER: i64 = 270;

/// How a reward stands at the end of the demo's year. `large` says that one of this amount wants a second person.
pub(super) fn standing(world: &World, draft: &Draft<'_>, large: bool, now: Instant) -> Standing {
    let age_days = (now.0 - draft.issued_at.unwrap_or(now).0) / 86_400_000_000;
    Standing { recon: recon(draft, age_days, world.random.below(1000)), approval: approval(draft, large, world.random.below(1000)) }
}

fn recon(draft: &Draft<'_>, age_days: i64, dice: u64) -> ReconStatus {
    // Nothing was paid, so nothing will come.
    if matches!(draft.order_status, OrderStatus::Failed | OrderStatus::Canceled) && age_days >= 7 {
        return ReconStatus::Void;
    }
    match (age_days, dice) {
        (..7, _) | (7..35, 600..970) => ReconStatus::Expected,
        (7..35, 0..600) | (35..ARCHIVED_AFTER, 900..960) => ReconStatus::Matched,
        (35..ARCHIVED_AFTER, 0..900) | (_, 960..975) => ReconStatus::Posted,
        (_, 975..990) => ReconStatus::Mismatched,
        (_, 990..) => ReconStatus::Missing,
        _ => ReconStatus::Archived,
    }
}

fn approval(draft: &Draft<'_>, large: bool, dice: u64) -> ApprovalStatus {
    match (draft.order_status, dice) {
        (OrderStatus::PendingApproval, _) => ApprovalStatus::Pending,
        // Most that were called off were called off for want of a yes.
        (OrderStatus::Canceled, 0..300) => ApprovalStatus::Rejected,
        (OrderStatus::Canceled, 300..500) => ApprovalStatus::Expired,
        (OrderStatus::Canceled, 500..650) => ApprovalStatus::Withdrawn,
        (_, 0..970) if large => ApprovalStatus::Approved,
        _ => ApprovalStatus::NotRequired,
    }
}
