//! The separate axes of a transaction's state. They are never mixed into one column: an order may be executed while its delivery failed.

use serde::{Deserialize, Serialize};

macro_rules! axes {
    ($($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $code:literal, $label:literal;)+ })+) => {
        $(
            $(#[$doc])*
            #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
            pub enum $name {
                $(
                    $(#[$vdoc])*
                    #[serde(rename = $code)]
                    $variant,
                )+
            }

            impl $name {
                /// The word in the store, in URLs, in exports and in the API.
                pub fn code(self) -> &'static str {
                    match self { $(Self::$variant => $code,)+ }
                }

                /// What people read.
                pub fn label(self) -> &'static str {
                    match self { $(Self::$variant => $label,)+ }
                }

                /// Reads a [`Self::code`]; `None` for any other word.
                pub fn parse(code: &str) -> Option<Self> {
                    match code { $($code => Some(Self::$variant),)+ _ => None }
                }

                /// Every value, in the order of its life.
                pub fn all() -> &'static [Self] {
                    &[$(Self::$variant,)+]
                }
            }

            impl std::fmt::Display for $name {
                fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                    f.write_str(self.code())
                }
            }
        )+
    };
}

axes! {
    /// How far the order has come with the vendor.
    OrderStatus {
        /// Taken, not yet carried out.
        Open = "open", "Open";
        /// Waits for somebody's approval.
        PendingApproval = "pending_approval", "Pending approval";
        /// Carried out.
        Executed = "executed", "Executed";
        /// Some lines were carried out, some failed.
        PartiallyFailed = "partially_failed", "Partially failed";
        /// Nothing was carried out.
        Failed = "failed", "Failed";
        /// Called off before it was carried out.
        Canceled = "canceled", "Canceled";
    }

    /// Whether the reward has reached the recipient.
    DeliveryStatus {
        /// To be sent at a set time.
        Scheduled = "scheduled", "Scheduled";
        /// On its way.
        Pending = "pending", "Pending";
        /// Arrived.
        Succeeded = "succeeded", "Succeeded";
        /// Did not arrive.
        Failed = "failed", "Failed";
    }

    /// What the recipient has done with the reward.
    RedemptionStatus {
        /// Not used yet.
        Issued = "issued", "Issued";
        /// Used up.
        Redeemed = "redeemed", "Redeemed";
        /// Used in part.
        PartiallyRedeemed = "partially_redeemed", "Partially redeemed";
        /// Past its last day.
        Expired = "expired", "Expired";
        /// Taken back.
        Canceled = "canceled", "Canceled";
        /// Blocked for now.
        Frozen = "frozen", "Frozen";
    }

    /// By which way the reward was ordered.
    Channel {
        /// By hand in the vendor's portal.
        Portal = "portal", "Portal";
        /// By a bulk upload.
        Bulk = "bulk", "Bulk upload";
        /// By the vendor's API.
        Api = "api", "API";
        /// By an integration with another system.
        Integration = "integration", "Integration";
        /// Known only from an imported file.
        Import = "import", "Import";
    }

    /// Where the transaction stands against the general ledger.
    ReconStatus {
        /// Not looked at yet.
        Expected = "expected", "Expected";
        /// Paired with its ledger lines.
        Matched = "matched", "Matched";
        /// Paired and booked.
        Posted = "posted", "Posted";
        /// Paired, but something differs.
        Mismatched = "mismatched", "Mismatched";
        /// Has no counterpart.
        Missing = "missing", "Missing";
        /// No longer to be reconciled.
        Void = "void", "Void";
        /// Closed with its period.
        Archived = "archived", "Archived";
    }

    /// Where a request for approval stands.
    ApprovalStatus {
        /// Nobody has to approve it.
        NotRequired = "not_required", "Not required";
        /// Waits for a second person.
        Pending = "pending", "Pending";
        /// A second person said yes.
        Approved = "approved", "Approved";
        /// A second person said no.
        Rejected = "rejected", "Rejected";
        /// Nobody answered in time.
        Expired = "expired", "Expired";
        /// Taken back by the one who asked.
        Withdrawn = "withdrawn", "Withdrawn";
    }
}
