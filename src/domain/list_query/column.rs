//! The columns a list or an export of transactions can have.

use serde::{Deserialize, Serialize};

use crate::domain::access::codes;

codes! {
    /// One column. The code stands in the address and heads the column of a file for machines.
    Column {
        /// Our id.
        Id = "id", "Id";
        /// The vendor's id of the line; our own short one on a page where there is none.
        ExternalId = "external_id", "Transaction";
        /// When it was issued.
        IssuedAt = "issued_at", "Issued";
        /// Who received it.
        RecipientName = "recipient_name", "Recipient";
        /// Her e-mail address: never shown or exported unless asked for.
        RecipientEmail = "recipient_email", "Recipient e-mail";
        /// Her number in HR.
        EmployeeNumber = "employee_number", "Employee number";
        /// The region's name.
        Region = "region", "Region";
        /// The budget's name.
        Budget = "budget", "Budget";
        /// The product.
        Product = "product", "Product";
        /// The order's status.
        OrderStatus = "order_status", "Order";
        /// The delivery's status.
        DeliveryStatus = "delivery_status", "Delivery";
        /// The redemption's status.
        RedemptionStatus = "redemption_status", "Redemption";
        /// What the reward is worth.
        AmountIssued = "amount_issued", "Amount";
        /// The currency of every amount of the row.
        Currency = "currency_code", "Currency";
        /// What the vendor charged.
        AmountCharged = "amount_charged", "Charged";
        /// The vendor's fee.
        Fee = "fee", "Fee";
        /// The vendor's discount.
        Discount = "discount", "Discount";
        /// What the recipient has not used.
        RemainingBalance = "remaining_balance", "Remaining";
        /// The accounting date.
        EffectiveDate = "effective_date", "Accounting date";
        /// The vendor or feed.
        Source = "source", "Source";
        /// The way it was ordered.
        Channel = "channel", "Channel";
        /// The vendor's order.
        OrderId = "order_id", "Order id";
        /// The vendor's batch.
        BatchId = "batch_id", "Batch id";
        /// The line in the order.
        LineNumber = "line_number", "Line";
        /// The purchase order.
        PoNumber = "po_number", "PO number";
        /// The campaign.
        Campaign = "campaign", "Campaign";
        /// The cost centre.
        CostCenter = "cost_center", "Cost centre";
        /// The account in the general ledger.
        GlAccount = "gl_account", "GL account";
        /// The reason code.
        ReasonCode = "reason_code", "Reason code";
        /// Where it stands against the general ledger.
        ReconStatus = "recon_status", "Reconciliation";
        /// Where its approval stands.
        ApprovalStatus = "approval_status", "Approval";
        /// The rate to the base currency.
        FxRate = "fx_rate", "Rate";
        /// The day of the rate.
        FxDate = "fx_date", "Rate date";
        /// The amount in the base currency.
        BaseAmount = "base_amount", "Base amount";
        /// When the vendor made it.
        CreatedAt = "created_at", "Created";
        /// When it arrived.
        DeliveredAt = "delivered_at", "Delivered";
        /// When it was used.
        RedeemedAt = "redeemed_at", "Redeemed";
        /// When it can no longer be used.
        ExpiresAt = "expires_at", "Expires";
        /// When it was called off.
        CanceledAt = "canceled_at", "Canceled";
        /// When we last changed it.
        UpdatedAt = "updated_at", "Changed";
        /// The vendor's note.
        Note = "note", "Note";
        /// Our id of the region.
        RegionId = "region_id", "Region id";
        /// Our id of the budget.
        BudgetId = "budget_id", "Budget id";
        /// Our id of the recipient.
        RecipientId = "recipient_id", "Recipient id";
    }
}

/// How a column's values are stored and written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Free text, guarded in files for spreadsheets.
    Text,
    /// A word of ours.
    Code,
    /// Minor units of the row's currency.
    Amount,
    /// Minor units of the organisation's own currency.
    BaseAmount,
    /// A whole number.
    Integer,
    /// A moment.
    Instant,
    /// A calendar day.
    Day,
    /// One of our ids, with its letters.
    Id(&'static str),
    /// An id that is written as the region's name.
    RegionName,
    /// An id that is written as the budget's name.
    BudgetName,
    /// An id that is written as the source's name.
    SourceName,
}

impl Column {
    /// What a list shows unless told otherwise.
    pub const USUAL: &'static [Self] = &[
        Self::ExternalId,
        Self::IssuedAt,
        Self::RecipientName,
        Self::AmountIssued,
        Self::Currency,
        Self::DeliveryStatus,
        Self::RedemptionStatus,
        Self::Budget,
        Self::Region,
        Self::Product,
    ];

    /// How its values are stored and written.
    pub fn kind(self) -> Kind {
        match self {
            Self::Id => Kind::Id("txn"),
            Self::RegionId => Kind::Id("reg"),
            Self::BudgetId => Kind::Id("bud"),
            Self::RecipientId => Kind::Id("rcp"),
            Self::Region => Kind::RegionName,
            Self::Budget => Kind::BudgetName,
            Self::Source => Kind::SourceName,
            Self::AmountIssued | Self::AmountCharged | Self::Fee | Self::Discount | Self::RemainingBalance => Kind::Amount,
            Self::BaseAmount => Kind::BaseAmount,
            Self::LineNumber => Kind::Integer,
            Self::EffectiveDate | Self::FxDate => Kind::Day,
            Self::IssuedAt
            | Self::CreatedAt
            | Self::DeliveredAt
            | Self::RedeemedAt
            | Self::ExpiresAt
            | Self::CanceledAt
            | Self::UpdatedAt => Kind::Instant,
            Self::OrderStatus
            | Self::DeliveryStatus
            | Self::RedemptionStatus
            | Self::ReconStatus
            | Self::ApprovalStatus
            | Self::Currency
            | Self::Channel => Kind::Code,
            _ => Kind::Text,
        }
    }

    /// Whether it says something about a person by which she could be reached or found elsewhere: off unless asked for.
    pub fn is_personal(self) -> bool {
        matches!(self, Self::RecipientEmail | Self::EmployeeNumber)
    }

    /// Whether it comes from the recipient's row.
    pub fn is_recipients(self) -> bool {
        matches!(self, Self::RecipientName | Self::RecipientEmail | Self::EmployeeNumber)
    }

    /// Every column but the personal ones.
    pub fn all_but_personal() -> Vec<Self> {
        Self::ALL.iter().copied().filter(|column| !column.is_personal()).collect()
    }
}
