//! A column mapping: kept under a name, used again with the next file of the same kind.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::date::DateOrder;
use super::field::Field;
use super::number::NumberStyle;
use crate::domain::currency::Currency;
use crate::domain::id::{BudgetId, RegionId, SourceId};
use crate::domain::transaction::{Channel, DeliveryStatus, OrderStatus, RedemptionStatus};

/// The form of a mapping that this version writes and reads.
pub const VERSION: u32 = 1;

/// Which column is which field, and what the words in it mean.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mapping {
    /// [`VERSION`].
    pub version: u32,
    /// For each mapped field the header of its column. One column may feed several fields.
    #[serde(default)]
    pub columns: BTreeMap<Field, String>,
    /// What holds for every row, or where the row's own cell is empty.
    #[serde(default)]
    pub fixed: Fixed,
    /// How numbers are written; `None` until somebody has answered.
    #[serde(default)]
    pub numbers: Option<NumberStyle>,
    /// How dates are written; `None` until somebody has answered.
    #[serde(default)]
    pub dates: Option<DateOrder>,
    /// The zone of times that name none: a name like `Europe/London`.
    #[serde(default = "utc")]
    pub time_zone: String,
    /// Value of the region column → region. Compared without regard to capitals and spaces.
    #[serde(default)]
    pub regions: BTreeMap<String, RegionId>,
    /// Value of the budget column → budget; compared likewise.
    #[serde(default)]
    pub budgets: BTreeMap<String, BudgetId>,
    /// The vendor's words for states, beyond those that are known anyway.
    #[serde(default)]
    pub words: WordMaps,
}

/// Values that a file does not carry in a column.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Fixed {
    /// The currency of every amount.
    pub currency: Option<Currency>,
    /// The organisation's currency, in which `base_amount` is read.
    pub base_currency: Option<Currency>,
    /// The region of every row.
    pub region: Option<RegionId>,
    /// The budget of every row.
    pub budget: Option<BudgetId>,
    /// Where the file comes from.
    pub source: Option<SourceId>,
    /// Otherwise [`Channel::Import`].
    pub channel: Option<Channel>,
    /// Otherwise [`OrderStatus::Executed`]: a payout file lists what was carried out.
    pub order_status: Option<OrderStatus>,
    /// Otherwise [`DeliveryStatus::Succeeded`].
    pub delivery_status: Option<DeliveryStatus>,
    /// Otherwise [`RedemptionStatus::Issued`].
    pub redemption_status: Option<RedemptionStatus>,
}

/// Vendor's word → value, for each axis; compared without regard to capitals and punctuation.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct WordMaps {
    /// For the channel's column.
    pub channel: BTreeMap<String, Channel>,
    /// For the order status' column.
    pub order_status: BTreeMap<String, OrderStatus>,
    /// For the delivery status' column.
    pub delivery_status: BTreeMap<String, DeliveryStatus>,
    /// For the redemption status' column.
    pub redemption_status: BTreeMap<String, RedemptionStatus>,
}

fn utc() -> String {
    "UTC".to_owned()
}

impl Default for Mapping {
    fn default() -> Self {
        Self {
            version: VERSION,
            columns: BTreeMap::new(),
            fixed: Fixed::default(),
            numbers: None,
            dates: None,
            time_zone: utc(),
            regions: BTreeMap::new(),
            budgets: BTreeMap::new(),
            words: WordMaps::default(),
        }
    }
}
