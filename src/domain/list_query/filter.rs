//! What a list of transactions can be narrowed by.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::domain::access::codes;
use crate::domain::currency::Currency;
use crate::domain::id::{BudgetId, ImportId, RecipientId, RegionId, SourceId};
use crate::domain::transaction::{ApprovalStatus, Channel, DeliveryStatus, OrderStatus, ReconStatus, RedemptionStatus};

codes! {
    /// One attribute to filter by. The code is the name in the address, the label stands on the page and on chips.
    Filter {
        /// The region.
        Region = "region", "Region";
        /// The budget, or none.
        Budget = "budget", "Budget";
        /// The vendor or feed.
        Source = "source", "Source";
        /// The way it was ordered.
        Channel = "channel", "Channel";
        /// The currency.
        Currency = "currency", "Currency";
        /// The order's status.
        OrderStatus = "order_status", "Order";
        /// The delivery's status.
        DeliveryStatus = "delivery_status", "Delivery";
        /// The redemption's status.
        RedemptionStatus = "redemption_status", "Redemption";
        /// Where it stands against the general ledger.
        ReconStatus = "recon_status", "Reconciliation";
        /// Where its approval stands.
        ApprovalStatus = "approval_status", "Approval";
        /// The product, word for word.
        Product = "product", "Product";
        /// The campaign.
        Campaign = "campaign", "Campaign";
        /// The cost centre.
        CostCenter = "cost_center", "Cost centre";
        /// The account in the general ledger.
        GlAccount = "gl_account", "GL account";
        /// The reason code.
        ReasonCode = "reason_code", "Reason code";
        /// The purchase order.
        PoNumber = "po_number", "PO number";
        /// The vendor's order.
        Order = "order", "Order id";
        /// The vendor's batch.
        Batch = "batch", "Batch id";
        /// The vendor's own id of the line.
        ExternalId = "external_id", "External id";
        /// The line in the order.
        LineNumber = "line_number", "Line";
        /// The rate to the base currency, as it was written.
        FxRate = "fx_rate", "Rate";
        /// The import that brought it.
        Import = "import", "Import";
        /// Who received it.
        Recipient = "recipient", "Recipient";
    }
}

codes! {
    /// The amount that bounds are about.
    AmountField {
        /// What the reward is worth.
        Issued = "issued", "Amount";
        /// What the vendor charged.
        Charged = "charged", "Charged";
        /// The vendor's fee.
        Fee = "fee", "Fee";
        /// The vendor's discount.
        Discount = "discount", "Discount";
        /// What the recipient has not used.
        Remaining = "remaining", "Remaining";
        /// The amount in the organisation's own currency.
        Base = "base", "Base amount";
    }
}

/// What the values of a filter look like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// An id with these letters before it.
    Id(&'static str),
    /// An id, or `none`.
    IdOrNone(&'static str),
    /// One of a fixed list of words.
    Word,
    /// Any text, compared whole.
    Text,
}

/// One value of a filter.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Value {
    /// Nothing assigned.
    Nothing,
    /// An object of ours.
    Id(Uuid),
    /// A word of a fixed list.
    Word(&'static str),
    /// Text as the vendor wrote it.
    Text(String),
}

impl Value {
    /// The id in it.
    pub fn id(&self) -> Option<Uuid> {
        if let Self::Id(id) = self { Some(*id) } else { None }
    }

    /// The word in it.
    pub fn word(&self) -> Option<&'static str> {
        if let Self::Word(word) = self { Some(word) } else { None }
    }
}

/// The values of one filter: any of them matches.
pub type Values = BTreeSet<Value>;

/// The most values one filter takes.
pub const VALUES_MOST: usize = 50;
/// The longest text a filter takes, in characters.
pub const TEXT_MOST: usize = 120;

impl Filter {
    /// What its values look like.
    pub fn shape(self) -> Shape {
        match self {
            Self::Region => Shape::Id(RegionId::PREFIX),
            Self::Budget => Shape::IdOrNone(BudgetId::PREFIX),
            Self::Source => Shape::Id(SourceId::PREFIX),
            Self::Import => Shape::Id(ImportId::PREFIX),
            Self::Recipient => Shape::Id(RecipientId::PREFIX),
            Self::Channel
            | Self::Currency
            | Self::OrderStatus
            | Self::DeliveryStatus
            | Self::RedemptionStatus
            | Self::ReconStatus
            | Self::ApprovalStatus => Shape::Word,
            _ => Shape::Text,
        }
    }

    /// The words of a filter of fixed words, each with its label; empty for any other.
    pub fn words(self) -> Vec<(&'static str, &'static str)> {
        match self {
            Self::Channel => Channel::all().iter().map(|v| (v.code(), v.label())).collect(),
            Self::Currency => Currency::all().map(|v| (v.code(), v.code())).collect(),
            Self::OrderStatus => OrderStatus::all().iter().map(|v| (v.code(), v.label())).collect(),
            Self::DeliveryStatus => DeliveryStatus::all().iter().map(|v| (v.code(), v.label())).collect(),
            Self::RedemptionStatus => RedemptionStatus::all().iter().map(|v| (v.code(), v.label())).collect(),
            Self::ReconStatus => ReconStatus::all().iter().map(|v| (v.code(), v.label())).collect(),
            Self::ApprovalStatus => ApprovalStatus::all().iter().map(|v| (v.code(), v.label())).collect(),
            _ => Vec::new(),
        }
    }

    /// The label of one of [`Filter::words`].
    pub fn word_label(self, code: &str) -> Option<&'static str> {
        fn of<T: Copy>(all: &[T], code: &str, names: fn(T) -> (&'static str, &'static str)) -> Option<&'static str> {
            all.iter().map(|value| names(*value)).find(|(known, _)| *known == code).map(|(_, label)| label)
        }
        match self {
            Self::Channel => of(Channel::all(), code, |v| (v.code(), v.label())),
            Self::OrderStatus => of(OrderStatus::all(), code, |v| (v.code(), v.label())),
            Self::DeliveryStatus => of(DeliveryStatus::all(), code, |v| (v.code(), v.label())),
            Self::RedemptionStatus => of(RedemptionStatus::all(), code, |v| (v.code(), v.label())),
            Self::ReconStatus => of(ReconStatus::all(), code, |v| (v.code(), v.label())),
            Self::ApprovalStatus => of(ApprovalStatus::all(), code, |v| (v.code(), v.label())),
            _ => self.words().into_iter().find(|(known, _)| *known == code).map(|(_, label)| label),
        }
    }

    /// Reads one value; `None` for one that the filter does not know.
    pub fn value(self, text: &str) -> Option<Value> {
        let text = text.trim();
        match self.shape() {
            Shape::IdOrNone(_) if text == "none" => Some(Value::Nothing),
            Shape::Id(prefix) | Shape::IdOrNone(prefix) => {
                let rest = text.strip_prefix(prefix)?.strip_prefix('_')?;
                crate::domain::id::decode(rest).map(|value| Value::Id(Uuid::from_u128(value)))
            }
            Shape::Word => self.words().into_iter().find(|(code, _)| *code == text).map(|(code, _)| Value::Word(code)),
            Shape::Text => {
                let fits = !text.is_empty() && text.chars().count() <= TEXT_MOST && !text.chars().any(char::is_control);
                fits.then(|| Value::Text(text.to_owned()))
            }
        }
    }

    /// A value as it stands in an address: the reverse of [`Filter::value`].
    pub fn text(self, value: &Value) -> String {
        match (value, self.shape()) {
            (Value::Nothing, _) => "none".to_owned(),
            (Value::Id(id), Shape::Id(prefix) | Shape::IdOrNone(prefix)) => format!("{prefix}_{}", crate::domain::id::encode(id.as_u128())),
            (Value::Id(id), _) => crate::domain::id::encode(id.as_u128()),
            (Value::Word(word), _) => (*word).to_owned(),
            (Value::Text(text), _) => text.clone(),
        }
    }

    /// A value in words; `name` knows what objects are called.
    pub fn label_of(self, value: &Value, name: &dyn Fn(Filter, Uuid) -> Option<String>) -> String {
        match value {
            Value::Nothing => "none".to_owned(),
            Value::Id(id) => name(self, *id).unwrap_or_else(|| self.text(value)),
            Value::Word(word) => self.word_label(word).unwrap_or(word).to_owned(),
            Value::Text(text) => text.clone(),
        }
    }
}
