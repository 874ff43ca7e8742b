//! By what a row is known again, and by what it is known to be unchanged.

use std::borrow::Cow;

use sha2::{Digest, Sha256};

use super::draft::{Draft, Text, first_half};

impl Draft<'_> {
    /// The key under which the row is known in its source and region: `x:` and the external id; or `h:` and a hash over the region, the
    /// mapped cells and `occurrence`, which counts equal rows of one file from 0 (see [`Draft::cells_hash`]), so that two equal lines are
    /// two transactions, and so are equal lines of two regions.
    pub fn row_key(&self, occurrence: u32) -> String {
        let Some(cells) = self.cells_hash else {
            return format!("x:{}", self.external_id.as_deref().unwrap_or_default());
        };
        let mut hash = Sha256::new();
        hash.update(self.region.0.as_bytes());
        hash.update(cells);
        hash.update(occurrence.to_le_bytes());
        let mut key = String::with_capacity(34);
        key.push_str("h:");
        for byte in first_half(hash) {
            key.push(char::from(HEX[usize::from(byte >> 4)]));
            key.push(char::from(HEX[usize::from(byte & 15)]));
        }
        key
    }

    /// A hash over everything the draft says, as values and not as they are written: the same row in another number style or column order
    /// has the same hash.
    pub fn content_hash(&self) -> [u8; 16] {
        let mut out = Content(Vec::with_capacity(512));
        for text in self.texts() {
            out.part(text.as_deref().map(str::as_bytes));
        }
        for code in [
            self.channel.code(),
            self.order_status.code(),
            self.delivery_status.code(),
            self.redemption_status.code(),
            self.currency.code(),
        ] {
            out.part(Some(code.as_bytes()));
        }
        out.part(Some(self.region.0.as_bytes()));
        out.part(self.budget.as_ref().map(|id| id.0.as_bytes().as_slice()));
        out.part(self.source.as_ref().map(|id| id.0.as_bytes().as_slice()));
        out.part(self.fx_rate.map(|rate| rate.normalize().serialize()).as_ref().map(<[u8; 16]>::as_slice));
        for number in self.numbers() {
            out.part(number.map(i64::to_le_bytes).as_ref().map(<[u8; 8]>::as_slice));
        }
        let mut hash = Sha256::new();
        hash.update(&out.0);
        first_half(hash)
    }

    fn texts(&self) -> [&Text<'_>; 13] {
        [
            &self.external_id,
            &self.order_id,
            &self.batch_id,
            &self.po_number,
            &self.campaign,
            &self.recipient_name,
            &self.recipient_email,
            &self.employee_number,
            &self.cost_center,
            &self.product,
            &self.gl_account,
            &self.reason_code,
            &self.note,
        ]
    }

    fn numbers(&self) -> [Option<i64>; 15] {
        [
            self.line_number,
            Some(self.amount_issued),
            self.amount_charged,
            self.fee,
            self.discount,
            self.remaining_balance,
            self.base_amount,
            self.fx_date.map(|day| day.0),
            self.effective_date.map(|day| day.0),
            self.created_at.map(|at| at.0),
            self.issued_at.map(|at| at.0),
            self.delivered_at.map(|at| at.0),
            self.redeemed_at.map(|at| at.0),
            self.expires_at.map(|at| at.0),
            self.canceled_at.map(|at| at.0),
        ]
    }

    /// The same draft, independent of the row it was read from.
    pub fn into_owned(self) -> Draft<'static> {
        Draft {
            external_id: owned(self.external_id),
            order_id: owned(self.order_id),
            batch_id: owned(self.batch_id),
            po_number: owned(self.po_number),
            campaign: owned(self.campaign),
            recipient_name: owned(self.recipient_name),
            recipient_email: owned(self.recipient_email),
            employee_number: owned(self.employee_number),
            cost_center: owned(self.cost_center),
            product: owned(self.product),
            gl_account: owned(self.gl_account),
            reason_code: owned(self.reason_code),
            note: owned(self.note),
            line_number: self.line_number,
            channel: self.channel,
            source: self.source,
            region: self.region,
            budget: self.budget,
            currency: self.currency,
            amount_issued: self.amount_issued,
            amount_charged: self.amount_charged,
            fee: self.fee,
            discount: self.discount,
            remaining_balance: self.remaining_balance,
            fx_rate: self.fx_rate,
            fx_date: self.fx_date,
            base_amount: self.base_amount,
            order_status: self.order_status,
            delivery_status: self.delivery_status,
            redemption_status: self.redemption_status,
            created_at: self.created_at,
            issued_at: self.issued_at,
            delivered_at: self.delivered_at,
            redeemed_at: self.redeemed_at,
            expires_at: self.expires_at,
            canceled_at: self.canceled_at,
            effective_date: self.effective_date,
            cells_hash: self.cells_hash,
        }
    }
}

const HEX: &[u8; 16] = b"0123456789abcdef";

/// Parts with their lengths in front: no two lists of parts give the same bytes.
struct Content(Vec<u8>);

impl Content {
    fn part(&mut self, bytes: Option<&[u8]>) {
        let length = bytes.map_or(u32::MAX, |bytes| bytes.len() as u32);
        self.0.extend_from_slice(&length.to_le_bytes());
        self.0.extend_from_slice(bytes.unwrap_or_default());
    }
}

fn owned(text: Text<'_>) -> Text<'static> {
    text.map(|text| Cow::Owned(text.into_owned()))
}
