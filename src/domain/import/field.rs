//! The fields of a transaction that a file's column can be mapped to.

use serde::{Deserialize, Serialize};

/// What a field's cells hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FieldKind {
    /// Text of at most so many characters.
    Text(usize),
    /// A whole number from 0.
    Whole,
    /// Money in the row's currency.
    Amount,
    /// Money in the organisation's currency.
    BaseAmount,
    /// An exchange rate.
    Rate,
    /// A calendar day.
    Day,
    /// A point in time.
    Time,
    /// A three-letter currency.
    Currency,
    /// A region, by a rule.
    Region,
    /// A budget, by a rule.
    Budget,
    /// One of a status axis' words.
    Word,
}

/// What stands in place of a name, an address or a number that somebody may not see. It is never loaded as one.
pub const HIDDEN: &str = "hidden";

impl Field {
    /// Whether it says who receives a reward.
    pub fn is_personal(self) -> bool {
        matches!(self, Self::RecipientName | Self::RecipientEmail | Self::EmployeeNumber)
    }
}

macro_rules! fields {
    ($($variant:ident, $key:literal, $label:literal, $kind:expr, $hint:literal, [$($synonym:literal),*];)+) => {
        /// One field.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum Field {
            $(
                #[doc = $hint]
                #[serde(rename = $key)]
                $variant,
            )+
        }

        impl Field {
            /// How many fields there are.
            pub const COUNT: usize = [$(Self::$variant),+].len();

            /// The name in the store, in mappings and in the API.
            pub fn key(self) -> &'static str {
                match self { $(Self::$variant => $key,)+ }
            }

            /// What people read.
            pub fn label(self) -> &'static str {
                match self { $(Self::$variant => $label,)+ }
            }

            /// One line that says what belongs into it.
            pub fn hint(self) -> &'static str {
                match self { $(Self::$variant => $hint,)+ }
            }

            /// What its cells hold.
            pub fn kind(self) -> FieldKind {
                match self { $(Self::$variant => $kind,)+ }
            }

            /// Headers that usually mean this field, normalised, the surest first.
            pub fn synonyms(self) -> &'static [&'static str] {
                match self { $(Self::$variant => &[$($synonym),*],)+ }
            }

            /// Every field, in the order of the mapping page.
            pub fn all() -> &'static [Self] {
                &[$(Self::$variant,)+]
            }
        }
    };
}

use FieldKind::{Amount, BaseAmount, Budget, Currency, Day, Rate, Region, Text, Time, Whole, Word};

fields! {
    AmountIssued, "amount_issued", "Amount issued", Amount, "What the recipient gets; a credit note is below zero.",
        ["amount issued", "amount", "net amount", "reward amount", "face value", "value", "gift amount", "payout amount", "gross amount",
         "amt"];
    CurrencyCode, "currency_code", "Currency", Currency, "Three letters, like EUR.",
        ["currency code", "currency", "ccy", "curr", "iso currency", "reward currency"];
    Region, "region", "Region", Region, "A value that says which region pays; each value is mapped to a region.",
        ["region", "organisational unit", "organizational unit", "business unit", "org unit", "country", "territory", "directorate",
         "department", "entity", "division", "location", "office"];
    Budget, "budget", "Budget", Budget, "A value that says which budget pays; each value is mapped to a budget.",
        ["budget", "budget name", "budget code", "program budget", "funding source", "fund", "wallet"];
    ExternalId, "external_id", "External id", Text(200), "The vendor's own id of the line; with it the same line is known again.",
        ["external id", "transaction number", "transaction id", "transaction no", "reward id", "payout id", "payment id",
         "payment reference",
         "reference id", "reference", "document no", "document number", "line item id", "id", "uuid"];
    OrderId, "order_id", "Order id", Text(200), "The vendor's id of the order.",
        ["order id", "order number", "order no", "order reference", "order"];
    BatchId, "batch_id", "Batch id", Text(200), "The vendor's id of the batch or file.",
        ["batch id", "batch number", "batch no", "batch", "bulk id", "file id", "payment run"];
    LineNumber, "line_number", "Line number", Whole, "The line's number within its order.",
        ["line number", "line no", "line", "item number", "line item"];
    PoNumber, "po_number", "PO number", Text(200), "The purchase order.",
        ["po number", "purchase order", "purchase order number", "po no", "po"];
    Campaign, "campaign", "Campaign", Text(200), "The campaign or programme.",
        ["campaign", "campaign name", "programme", "program", "program name", "occasion", "award type"];
    Channel, "channel", "Channel", Word, "Which way it was ordered: portal, bulk, API, integration or import.",
        ["channel", "order channel", "procurement card", "order type", "delivery channel", "via"];
    RecipientName, "recipient_name", "Recipient", Text(200), "The recipient's name.",
        ["recipient name", "beneficiary name", "recipient", "beneficiary", "payee", "payee name", "employee name", "vendor name",
         "supplier name",
         "full name", "name"];
    RecipientEmail, "recipient_email", "Recipient e-mail", Text(320), "The recipient's e-mail address.",
        ["recipient email", "email", "email address", "recipient email address", "employee email", "beneficiary email", "mail"];
    EmployeeNumber, "employee_number", "Employee number", Text(100), "The recipient's number in the HR system.",
        ["employee number", "employee id", "employee no", "staff number", "personnel number", "worker id", "hris id"];
    CostCenter, "cost_center", "Cost centre", Text(100), "The cost centre that bears it.",
        ["cost center", "cost centre", "cost center code", "cost centre code", "kostenstelle"];
    Product, "product", "Product", Text(200), "What was given: the card, voucher or award.",
        ["product", "product name", "purpose", "brand", "reward", "reward name", "gift card", "sku", "item", "description"];
    AmountCharged, "amount_charged", "Amount charged", Amount, "What the organisation was charged.",
        ["amount charged", "charged amount", "total charged", "charge", "total", "total amount", "invoice amount", "billed amount"];
    Fee, "fee", "Fee", Amount, "The vendor's fee.",
        ["fee", "fees", "service fee", "handling fee", "transaction fee", "processing fee"];
    Discount, "discount", "Discount", Amount, "The vendor's discount.",
        ["discount", "discount amount", "rebate"];
    RemainingBalance, "remaining_balance", "Remaining balance", Amount, "What is left on the card.",
        ["remaining balance", "balance", "balance remaining", "open balance", "unredeemed amount"];
    FxRate, "fx_rate", "Exchange rate", Rate, "Units of the organisation's currency for one unit of the row's.",
        ["fx rate", "exchange rate", "rate", "conversion rate"];
    FxDate, "fx_date", "Exchange rate date", Day, "The day of that rate.",
        ["fx date", "exchange rate date", "rate date", "conversion date"];
    BaseAmount, "base_amount", "Amount in base currency", BaseAmount, "The amount in the organisation's own currency.",
        ["base amount", "amount in base currency", "local amount", "amount in local currency", "reporting amount", "converted amount"];
    GlAccount, "gl_account", "GL account", Text(100), "The account in the general ledger.",
        ["gl account", "gl code", "ledger account", "detailed expenditure code", "cost element", "account code", "nominal code",
         "expenditure code", "account"];
    OrderStatus, "order_status", "Order status", Word, "How far the order has come.",
        ["order status", "status", "order state", "transaction status", "payment status"];
    DeliveryStatus, "delivery_status", "Delivery status", Word, "Whether the reward arrived.",
        ["delivery status", "delivery state", "delivery", "email status", "fulfilment status", "fulfillment status"];
    RedemptionStatus, "redemption_status", "Redemption status", Word, "What the recipient has done with it.",
        ["redemption status", "redemption state", "redemption", "claim status", "card status", "redeemed"];
    CreatedAt, "created_at", "Created", Time, "When the order was placed.",
        ["created at", "created", "created date", "order date", "ordered at", "creation date", "date created", "ordered"];
    IssuedAt, "issued_at", "Issued", Time, "When the reward was issued or paid.",
        ["issued at", "issued", "payment date", "issue date", "paid at", "payout date", "date issued", "date paid", "clearing date",
         "transaction date", "date"];
    DeliveredAt, "delivered_at", "Delivered", Time, "When it reached the recipient.",
        ["delivered at", "delivered", "delivery date", "date delivered", "sent at", "sent date"];
    RedeemedAt, "redeemed_at", "Redeemed", Time, "When it was redeemed.",
        ["redeemed at", "redemption date", "date redeemed", "redeemed date", "redeemed on", "claimed at", "claim date"];
    ExpiresAt, "expires_at", "Expires", Time, "When it can no longer be redeemed.",
        ["expires at", "expires", "expiry date", "expiration date", "expiry", "valid until"];
    CanceledAt, "canceled_at", "Cancelled", Time, "When it was called off.",
        ["canceled at", "cancelled at", "canceled", "cancelled", "cancellation date", "date cancelled", "void date"];
    EffectiveDate, "effective_date", "Effective date", Day, "The accounting date; without it the day of issue.",
        ["effective date", "accounting date", "posting date", "booking date", "value date", "ledger date"];
    ReasonCode, "reason_code", "Reason code", Text(100), "Why it was given.",
        ["reason code", "reason", "award reason"];
    Note, "note", "Note", Text(2000), "Anything else.",
        ["note", "notes", "comment", "comments", "memo", "message", "remark", "remarks"];
}

impl Field {
    /// The key read back; `None` for any other word.
    pub fn parse(key: &str) -> Option<Self> {
        Self::all().iter().copied().find(|field| field.key() == key)
    }

    /// Without it no row can be drafted; currency and region may be fixed for the whole file instead.
    pub fn required(self) -> bool {
        matches!(self, Self::AmountIssued | Self::CurrencyCode | Self::Region)
    }
}

/// A header or a value as it is compared: small letters and digits in words, everything else a space. `Organisational_Unit` and
/// `organisational unit` are the same; so are `GL-Account` and `gl account`, and `orderId` and `order id`.
pub fn normal(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut before = ' ';
    for letter in text.trim().chars() {
        if letter.is_alphanumeric() {
            if letter.is_uppercase() && before.is_lowercase() {
                out.push(' ');
            }
            out.extend(letter.to_lowercase());
        } else if !out.is_empty() && !out.ends_with(' ') && letter != '\'' && letter != '.' {
            out.push(' ');
        }
        before = letter;
    }
    out.truncate(out.trim_end().len());
    if out.contains("e mail") { out.replace("e mail", "email") } else { out }
}
