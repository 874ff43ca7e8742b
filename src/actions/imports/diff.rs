//! What a row says differently from the transaction it became before. Only what the mapping names is compared: a file without a column
//! says nothing about it.

use crate::domain::id::{BudgetId, RecipientId};
use crate::domain::import::draft::Draft;
use crate::domain::import::{Field, PreparedMapping};
use crate::domain::money;
use crate::domain::time::{Day, Instant};
use crate::store::db::Arg;
use crate::store::transaction_detail::TransactionRow;
use crate::store::transactions::effective_date;

/// One column that changes.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Set {
    /// The field of the file.
    pub field: Field,
    /// The column of the table.
    pub column: &'static str,
    /// What it holds.
    pub was: Arg,
    /// What it will hold.
    pub is: Arg,
}

struct Compare<'m> {
    mapping: &'m PreparedMapping,
    sets: Vec<Set>,
}

impl Compare<'_> {
    fn always(&mut self, field: Field, column: &'static str, was: impl Into<Arg>, is: impl Into<Arg>) {
        let (was, is) = (was.into(), is.into());
        if was != is {
            self.sets.push(Set { field, column, was, is });
        }
    }

    fn mapped(&mut self, field: Field, column: &'static str, was: impl Into<Arg>, is: impl Into<Arg>) {
        if self.mapping.column(field).is_some() {
            self.always(field, column, was, is);
        }
    }

    fn text(&mut self, field: Field, column: &'static str, was: Option<&String>, is: Option<&std::borrow::Cow<'_, str>>) {
        self.mapped(field, column, was.cloned(), is.map(ToString::to_string));
    }
}

/// What changes in `row`, the recipient left out (see [`recipient`]).
pub(super) fn between(row: &TransactionRow, draft: &Draft<'_>, mapping: &PreparedMapping) -> Vec<Set> {
    let mut compare = Compare { mapping, sets: Vec::new() };
    compare.always(Field::Region, "region_id", row.region_id, draft.region);
    compare.always(Field::CurrencyCode, "currency_code", row.currency_code.clone(), draft.currency.code().to_owned());
    compare.always(Field::AmountIssued, "amount_issued", row.amount_issued, draft.amount_issued);
    compare.always(Field::Budget, "budget_id", row.budget_id, budget_after(row, draft, mapping));
    texts(&mut compare, row, draft);
    numbers(&mut compare, row, draft);
    states(&mut compare, row, draft);
    times(&mut compare, row, draft);
    compare.sets
}

/// Under which budget the transaction stands afterwards. A budget that somebody assigned by hand stays where no column of the file says
/// otherwise; one of another region or currency cannot.
pub(super) fn budget_after(row: &TransactionRow, draft: &Draft<'_>, mapping: &PreparedMapping) -> Option<BudgetId> {
    let cannot_stay = row.region_id != draft.region || row.currency_code != draft.currency.code();
    let told = draft.budget.is_some() && (mapping.column(Field::Budget).is_some() || row.budget_id.is_none());
    if cannot_stay || told { draft.budget } else { row.budget_id }
}

fn texts(compare: &mut Compare<'_>, row: &TransactionRow, draft: &Draft<'_>) {
    compare.text(Field::ExternalId, "external_id", row.external_id.as_ref(), draft.external_id.as_ref());
    compare.text(Field::OrderId, "order_id", row.order_id.as_ref(), draft.order_id.as_ref());
    compare.text(Field::BatchId, "batch_id", row.batch_id.as_ref(), draft.batch_id.as_ref());
    compare.text(Field::PoNumber, "po_number", row.po_number.as_ref(), draft.po_number.as_ref());
    compare.text(Field::Campaign, "campaign", row.campaign.as_ref(), draft.campaign.as_ref());
    compare.text(Field::CostCenter, "cost_center", row.cost_center.as_ref(), draft.cost_center.as_ref());
    compare.text(Field::Product, "product", row.product.as_ref(), draft.product.as_ref());
    compare.text(Field::GlAccount, "gl_account", row.gl_account.as_ref(), draft.gl_account.as_ref());
    compare.text(Field::ReasonCode, "reason_code", row.reason_code.as_ref(), draft.reason_code.as_ref());
    compare.text(Field::Note, "note", row.note.as_ref(), draft.note.as_ref());
}

fn numbers(compare: &mut Compare<'_>, row: &TransactionRow, draft: &Draft<'_>) {
    compare.mapped(Field::LineNumber, "line_number", row.line_number, draft.line_number);
    compare.mapped(Field::AmountCharged, "amount_charged", row.amount_charged, draft.amount_charged);
    compare.mapped(Field::Fee, "fee", row.fee, draft.fee);
    compare.mapped(Field::Discount, "discount", row.discount, draft.discount);
    compare.mapped(Field::RemainingBalance, "remaining_balance", row.remaining_balance, draft.remaining_balance);
    compare.mapped(Field::FxRate, "fx_rate", row.fx_rate.clone(), draft.fx_rate.map(|rate| rate.to_string()));
    compare.mapped(Field::FxDate, "fx_date", row.fx_date, draft.fx_date);
    compare.mapped(Field::BaseAmount, "base_amount", row.base_amount, draft.base_amount);
}

fn states(compare: &mut Compare<'_>, row: &TransactionRow, draft: &Draft<'_>) {
    compare.mapped(Field::Channel, "channel", row.channel.clone(), draft.channel.code().to_owned());
    compare.mapped(Field::OrderStatus, "order_status", row.order_status.clone(), draft.order_status.code().to_owned());
    compare.mapped(Field::DeliveryStatus, "delivery_status", row.delivery_status.clone(), draft.delivery_status.code().to_owned());
    compare.mapped(Field::RedemptionStatus, "redemption_status", row.redemption_status.clone(), draft.redemption_status.code().to_owned());
}

fn times(compare: &mut Compare<'_>, row: &TransactionRow, draft: &Draft<'_>) {
    // Where the file leaves the moment out, the one that was noted stays.
    compare.mapped(Field::CreatedAt, "created_at", row.created_at, draft.created_at.unwrap_or(row.created_at));
    compare.mapped(Field::IssuedAt, "issued_at", row.issued_at, draft.issued_at.unwrap_or(row.issued_at));
    compare.mapped(Field::DeliveredAt, "delivered_at", row.delivered_at, draft.delivered_at);
    compare.mapped(Field::RedeemedAt, "redeemed_at", row.redeemed_at, draft.redeemed_at);
    compare.mapped(Field::ExpiresAt, "expires_at", row.expires_at, draft.expires_at);
    compare.mapped(Field::CanceledAt, "canceled_at", row.canceled_at, draft.canceled_at);
    let day =
        if draft.effective_date.is_some() || draft.issued_at.is_some() { effective_date(draft, row.issued_at) } else { row.effective_date };
    if compare.mapping.column(Field::EffectiveDate).is_some() || compare.mapping.column(Field::IssuedAt).is_some() {
        compare.always(Field::EffectiveDate, "effective_date", row.effective_date, day);
    }
}

/// The change of recipient, where the file names one.
pub(super) fn recipient(was: Option<RecipientId>, is: Option<RecipientId>) -> Option<Set> {
    let set = Set { field: Field::RecipientName, column: "recipient_id", was: was.into(), is: is.into() };
    (set.was != set.is).then_some(set)
}

impl Set {
    /// Before and after for the audit trail: ids and plain values, and of a note only that it changed.
    pub fn audited(&self) -> (serde_json::Value, serde_json::Value) {
        if self.field == Field::Note {
            return ("".into(), "changed".into());
        }
        (json(&self.was), json(&self.is))
    }

    /// Before and after for people. Ids of regions and budgets are left to the caller.
    pub fn words(&self, row: &TransactionRow, draft: &Draft<'_>) -> (String, String) {
        use crate::domain::import::FieldKind;
        let old = row.currency().unwrap_or(draft.currency);
        let words = |arg: &Arg, currency| match (arg, self.field.kind()) {
            (Arg::Int(Some(minor)), FieldKind::Amount) => format!("{} {currency}", money::grouped(*minor, currency)),
            (Arg::Int(Some(days)), FieldKind::Day) => Day(*days).iso(),
            (Arg::Int(Some(at)), FieldKind::Time) => Instant(*at).iso(),
            (Arg::Int(Some(number)), _) => number.to_string(),
            (Arg::Text(Some(text)), _) => text.to_string(),
            (Arg::Id(Some(_)), _) => "another".to_owned(),
            _ => "none".to_owned(),
        };
        (words(&self.was, old), words(&self.is, draft.currency))
    }
}

fn json(arg: &Arg) -> serde_json::Value {
    match arg {
        Arg::Int(Some(number)) => (*number).into(),
        Arg::Text(Some(text)) => text.to_string().into(),
        Arg::Id(Some(id)) => crate::domain::id::encode(id.as_u128()).into(),
        _ => serde_json::Value::Null,
    }
}
