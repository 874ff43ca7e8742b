//! One row as a draft of a transaction, or everything that is wrong with it.

use std::borrow::Cow;

use rust_decimal::Decimal;
use sha2::{Digest, Sha256};

use super::cells::Cells;
use super::date;
use super::field::{Field, FieldKind, HIDDEN};
use super::number::{self, short};
use super::prepare::PreparedMapping;
use crate::domain::currency::Currency;
use crate::domain::id::{BudgetId, RegionId, SourceId};
use crate::domain::time::{Day, Instant};
use crate::domain::transaction::{Channel, DeliveryStatus, OrderStatus, RedemptionStatus};

/// One fault of one cell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowFault {
    /// A word for the file of refused rows and tests.
    pub code: &'static str,
    /// The field that cannot be read.
    pub field: Field,
    /// The same for people, with the cell's text.
    pub message: String,
}

/// A text of a row: borrowed until [`Draft::into_owned`].
pub type Text<'a> = Option<Cow<'a, str>>;

/// Every field of a transaction that a file can carry, typed. Amounts are minor units.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the fields are those of product.md's transaction and of the enum Field, whose hints say what each holds")]
pub struct Draft<'a> {
    pub external_id: Text<'a>,
    pub order_id: Text<'a>,
    pub batch_id: Text<'a>,
    pub line_number: Option<i64>,
    pub po_number: Text<'a>,
    pub campaign: Text<'a>,
    pub channel: Channel,
    pub source: Option<SourceId>,
    pub recipient_name: Text<'a>,
    pub recipient_email: Text<'a>,
    pub employee_number: Text<'a>,
    pub region: RegionId,
    pub cost_center: Text<'a>,
    pub budget: Option<BudgetId>,
    pub product: Text<'a>,
    pub currency: Currency,
    pub amount_issued: i64,
    pub amount_charged: Option<i64>,
    pub fee: Option<i64>,
    pub discount: Option<i64>,
    pub remaining_balance: Option<i64>,
    pub fx_rate: Option<Decimal>,
    pub fx_date: Option<Day>,
    /// In the mapping's base currency.
    pub base_amount: Option<i64>,
    pub gl_account: Text<'a>,
    pub order_status: OrderStatus,
    pub delivery_status: DeliveryStatus,
    pub redemption_status: RedemptionStatus,
    pub created_at: Option<Instant>,
    pub issued_at: Option<Instant>,
    pub delivered_at: Option<Instant>,
    pub redeemed_at: Option<Instant>,
    pub expires_at: Option<Instant>,
    pub canceled_at: Option<Instant>,
    pub effective_date: Option<Day>,
    pub reason_code: Text<'a>,
    pub note: Text<'a>,
    /// Of the mapped cells as they are written; set where the row has no external id, and then part of its key.
    pub cells_hash: Option<[u8; 16]>,
}

/// Drafts one row.
///
/// # Errors
/// All faults of the row, in the order of [`Field::all`]; never an empty list.
pub fn draft<'a>(row: &'a (impl Cells + ?Sized), mapping: &PreparedMapping) -> Result<Draft<'a>, Vec<RowFault>> {
    let mut read = Reading { row, mapping, faults: Vec::new() };
    let fixed = &mapping.fixed;
    let currency = read.currency();
    let region = read.region();
    let amount_issued = currency.and_then(|currency| read.amount(Field::AmountIssued, currency));
    read.no_amount();
    let budget = read.by_rule(Field::Budget, "budget_unknown", |text| mapping.budgets.find(text));
    let channel = read.by_rule(Field::Channel, "word_unknown", |text| mapping.channel.word(text));
    let order = read.by_rule(Field::OrderStatus, "word_unknown", |text| mapping.order_status.word(text));
    let delivery = read.by_rule(Field::DeliveryStatus, "word_unknown", |text| mapping.delivery_status.word(text));
    let redemption = read.by_rule(Field::RedemptionStatus, "word_unknown", |text| mapping.redemption_status.word(text));
    let (Some(currency), Some(region), Some(amount_issued)) = (currency, region, amount_issued) else {
        read.rest(currency);
        return Err(read.sorted());
    };
    let external_id = read.text(Field::ExternalId);
    let cells_hash = if external_id.is_none() { Some(read.cells_hash()) } else { None };
    let draft = Draft {
        external_id,
        order_id: read.text(Field::OrderId),
        batch_id: read.text(Field::BatchId),
        line_number: read.whole(Field::LineNumber),
        po_number: read.text(Field::PoNumber),
        campaign: read.text(Field::Campaign),
        channel: channel.or(fixed.channel).unwrap_or(Channel::Import),
        source: fixed.source,
        recipient_name: read.text(Field::RecipientName),
        recipient_email: read.text(Field::RecipientEmail),
        employee_number: read.text(Field::EmployeeNumber),
        region,
        cost_center: read.text(Field::CostCenter),
        budget: budget.or(fixed.budget),
        product: read.text(Field::Product),
        currency,
        amount_issued,
        amount_charged: read.amount(Field::AmountCharged, currency),
        fee: read.amount(Field::Fee, currency),
        discount: read.amount(Field::Discount, currency),
        remaining_balance: read.amount(Field::RemainingBalance, currency),
        fx_rate: read.rate(),
        fx_date: read.day(Field::FxDate),
        base_amount: fixed.base_currency.and_then(|base| read.amount(Field::BaseAmount, base)),
        gl_account: read.text(Field::GlAccount),
        order_status: order.or(fixed.order_status).unwrap_or(OrderStatus::Executed),
        delivery_status: delivery.or(fixed.delivery_status).unwrap_or(DeliveryStatus::Succeeded),
        redemption_status: redemption.or(fixed.redemption_status).unwrap_or(RedemptionStatus::Issued),
        created_at: read.instant(Field::CreatedAt),
        issued_at: read.instant(Field::IssuedAt),
        delivered_at: read.instant(Field::DeliveredAt),
        redeemed_at: read.instant(Field::RedeemedAt),
        expires_at: read.instant(Field::ExpiresAt),
        canceled_at: read.instant(Field::CanceledAt),
        effective_date: read.day(Field::EffectiveDate),
        reason_code: read.text(Field::ReasonCode),
        note: read.text(Field::Note),
        cells_hash,
    };
    if read.faults.is_empty() { Ok(draft) } else { Err(read.sorted()) }
}

/// A row being read, with what was wrong so far.
struct Reading<'a, 'm, R: ?Sized> {
    row: &'a R,
    mapping: &'m PreparedMapping,
    faults: Vec<RowFault>,
}

impl<'a, R: Cells + ?Sized> Reading<'a, '_, R> {
    /// The field's cell without the spaces around it; `None` where no column is mapped or nothing stands in it.
    fn cell(&self, field: Field) -> Option<&'a str> {
        let text = self.row.cell(self.mapping.column(field)?).trim();
        (!text.is_empty()).then_some(text)
    }

    fn fault(&mut self, code: &'static str, field: Field, message: String) {
        self.faults.push(RowFault { code, field, message: format!("{}: {message}", field.label()) });
    }

    fn sorted(mut self) -> Vec<RowFault> {
        self.faults.sort_by_key(|fault| fault.field);
        self.faults
    }

    fn currency(&mut self) -> Option<Currency> {
        let Some(text) = self.cell(Field::CurrencyCode) else {
            if self.mapping.fixed.currency.is_none() {
                self.fault("currency_missing", Field::CurrencyCode, "the row names no currency".to_owned());
            }
            return self.mapping.fixed.currency;
        };
        let found = Currency::parse(text).or_else(|| Currency::parse(&text.to_ascii_uppercase()));
        if found.is_none() {
            self.fault("currency_unknown", Field::CurrencyCode, format!("“{}” is not a currency of ISO 4217", short(text)));
        }
        found
    }

    fn region(&mut self) -> Option<RegionId> {
        let mapping = self.mapping;
        if self.cell(Field::Region).is_some() {
            return self.by_rule(Field::Region, "region_unknown", |text| mapping.regions.find(text));
        }
        if mapping.fixed.region.is_none() {
            self.fault("region_missing", Field::Region, "the row names no region".to_owned());
        }
        mapping.fixed.region
    }

    fn by_rule<T>(&mut self, field: Field, code: &'static str, find: impl Fn(&str) -> Option<T>) -> Option<T> {
        let text = self.cell(field)?;
        let found = find(text);
        if found.is_none() {
            self.fault(code, field, format!("no rule says what “{}” means", short(text)));
        }
        found
    }

    fn amount(&mut self, field: Field, currency: Currency) -> Option<i64> {
        let text = self.cell(field)?;
        number::amount(text, self.mapping.numbers, currency).map_err(|fault| self.fault(fault.code(), field, fault.to_string())).ok()
    }

    fn no_amount(&mut self) {
        if self.cell(Field::AmountIssued).is_none() {
            self.fault("amount_missing", Field::AmountIssued, "the row has no amount".to_owned());
        }
    }

    fn rate(&mut self) -> Option<Decimal> {
        let text = self.cell(Field::FxRate)?;
        number::rate(text, self.mapping.numbers).map_err(|fault| self.fault(fault.code(), Field::FxRate, fault.to_string())).ok()
    }

    fn whole(&mut self, field: Field) -> Option<i64> {
        let text = self.cell(field)?;
        let plain = text.len() <= 18 && text.bytes().all(|byte| byte.is_ascii_digit());
        let found = plain.then(|| text.parse().ok()).flatten();
        if found.is_none() {
            self.fault("whole_number_invalid", field, format!("“{}” is not a whole number", short(text)));
        }
        found
    }

    fn day(&mut self, field: Field) -> Option<Day> {
        let text = self.cell(field)?;
        let mapping = self.mapping;
        date::day(text, mapping.dates, mapping.zone).map_err(|fault| self.fault(fault.code(), field, fault.to_string())).ok()
    }

    fn instant(&mut self, field: Field) -> Option<Instant> {
        let text = self.cell(field)?;
        let mapping = self.mapping;
        date::instant(text, mapping.dates, mapping.zone).map_err(|fault| self.fault(fault.code(), field, fault.to_string())).ok()
    }

    fn text(&mut self, field: Field) -> Text<'a> {
        let text = self.cell(field)?;
        // No text field is longer than 2,000 characters, and bytes are at least characters.
        let FieldKind::Text(max) = field.kind() else { return Some(Cow::Borrowed(text)) };
        if text.len() > max && text.chars().count() > max {
            self.fault("text_too_long", field, format!("“{}” is longer than {max} characters", short(text)));
        }
        if text.bytes().any(|byte| byte < b' ' && !matches!(byte, b'\t' | b'\n' | b'\r')) {
            self.fault("text_control", field, format!("“{}” holds control characters", short(text)));
        }
        if field.is_personal() && text == HIDDEN {
            self.fault("hidden_value", field, "This was hidden from whoever took the file away: load the vendor\u{2019}s own".to_owned());
        } else if field == Field::RecipientEmail && !is_email(text) {
            self.fault("email_invalid", field, format!("“{}” is not an e-mail address", short(text)));
        }
        Some(Cow::Borrowed(text))
    }

    /// Reads what a row without currency, region or amount still has, for its faults.
    fn rest(&mut self, currency: Option<Currency>) {
        for field in Field::all().iter().copied().filter(|field| *field != Field::AmountIssued) {
            match field.kind() {
                FieldKind::Text(_) => drop(self.text(field)),
                FieldKind::Whole => drop(self.whole(field)),
                FieldKind::Amount => drop(currency.and_then(|currency| self.amount(field, currency))),
                FieldKind::BaseAmount => drop(self.mapping.fixed.base_currency.and_then(|base| self.amount(field, base))),
                FieldKind::Rate => drop(self.rate()),
                FieldKind::Day => drop(self.day(field)),
                FieldKind::Time => drop(self.instant(field)),
                FieldKind::Currency | FieldKind::Region | FieldKind::Budget | FieldKind::Word => {}
            }
        }
    }

    fn cells_hash(&self) -> [u8; 16] {
        let mut hash = Sha256::new();
        for column in &self.mapping.used {
            let text = self.row.cell(*column).trim();
            hash.update((text.len() as u64).to_le_bytes());
            hash.update(text.as_bytes());
        }
        first_half(hash)
    }
}

/// One sign `@` with something on both sides and no space: whether it can be reached is not to be known here.
fn is_email(text: &str) -> bool {
    text.split_once('@').is_some_and(|(name, host)| !name.is_empty() && !host.is_empty() && !host.contains('@'))
        && !text.contains(char::is_whitespace)
}

pub(super) fn first_half(hash: Sha256) -> [u8; 16] {
    let mut out = [0u8; 16];
    for (to, from) in out.iter_mut().zip(hash.finalize()) {
        *to = from;
    }
    out
}
