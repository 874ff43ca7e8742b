//! Words that vendors use for the states of an order, a delivery and a redemption, and for the way of ordering.

use crate::domain::transaction::{Channel, DeliveryStatus, OrderStatus, RedemptionStatus};

/// An axis whose words are known.
pub trait Axis: Copy + 'static {
    /// The value that a vendor's word usually means; the word comes normalised by [`super::field::normal`].
    fn known(word: &str) -> Option<Self>;
}

macro_rules! axis {
    ($($axis:ident { $($variant:ident: [$($word:literal),*];)+ })+) => {
        $(
            impl Axis for $axis {
                fn known(word: &str) -> Option<Self> {
                    match word {
                        $($($word)|* => Some(Self::$variant),)+
                        _ => None,
                    }
                }
            }
        )+
    };
}

axis! {
    OrderStatus {
        Open: ["open", "new", "created", "placed", "in progress", "processing", "submitted"];
        PendingApproval: ["pending approval", "awaiting approval", "to approve", "pending"];
        Executed: ["executed", "complete", "completed", "done", "paid", "approved", "fulfilled", "success", "successful", "succeeded",
            "delivered", "sent",
            "issued", "closed", "cleared"];
        PartiallyFailed: ["partially failed", "partial", "partial failure", "partially completed"];
        Failed: ["failed", "error", "rejected", "declined", "failure"];
        Canceled: ["canceled", "cancelled", "void", "voided", "canceled by user", "reversed"];
    }
    DeliveryStatus {
        Scheduled: ["scheduled", "planned", "future"];
        Pending: ["pending", "queued", "in transit", "sending", "processing", "in progress"];
        Succeeded: ["succeeded", "success", "successful", "delivered", "sent", "opened", "clicked", "received", "complete", "completed",
            "paid", "yes"];
        Failed: ["failed", "bounced", "bounce", "undeliverable", "undelivered", "error", "returned", "rejected", "blocked", "spam", "no"];
    }
    RedemptionStatus {
        Issued: ["issued", "active", "unredeemed", "not redeemed", "unused", "unclaimed", "new", "open", "pending", "available", "no"];
        Redeemed: ["redeemed", "used", "claimed", "complete", "completed", "fully redeemed", "fully used", "yes"];
        PartiallyRedeemed: ["partially redeemed", "partly redeemed", "partially used", "partial"];
        Expired: ["expired", "lapsed"];
        Canceled: ["canceled", "cancelled", "void", "voided", "revoked", "refunded", "deactivated"];
        Frozen: ["frozen", "blocked", "suspended", "on hold", "locked"];
    }
    Channel {
        Portal: ["portal", "web", "manual", "ui", "online", "admin", "no"];
        Bulk: ["bulk", "bulk upload", "csv", "batch", "file", "spreadsheet", "upload"];
        Api: ["api", "rest", "rest api"];
        Integration: ["integration", "connector", "hris", "slack", "teams", "zapier", "workday", "procurement card", "purchasing card",
            "yes"];
        Import: ["import", "imported"];
    }
}
