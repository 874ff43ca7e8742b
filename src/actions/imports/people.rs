//! The recipients that rows name.

use std::collections::HashMap;

use crate::domain::id::{RecipientId, RegionId};
use crate::domain::import::draft::Draft;
use crate::store::db::Reader;
use crate::store::failure::DbError;
use crate::store::recipients::{self, Named, Recipient};
use crate::store::transaction_detail::TransactionRow;

/// Recipients remembered from one chunk to the next; past that they are asked for again.
const REMEMBERED: usize = 50_000;

/// Whom a row names; `None` where it names nobody.
pub(super) fn named(draft: &Draft<'_>) -> Option<Named> {
    let text = |text: &Option<std::borrow::Cow<'_, str>>| text.as_deref().unwrap_or_default().to_owned();
    let (name, email, employee_number) = (text(&draft.recipient_name), text(&draft.recipient_email), text(&draft.employee_number));
    let key = recipients::match_key(&name, &email, &employee_number)?;
    Some(Named { region: draft.region, key, name, email, employee_number })
}

/// The recipients of these transactions.
pub(super) async fn kept<'a>(
    reader: &mut impl Reader,
    rows: impl Iterator<Item = &'a TransactionRow>,
) -> Result<HashMap<RecipientId, Recipient>, DbError> {
    let mut ids: Vec<RecipientId> = rows.filter_map(|row| row.recipient_id).collect();
    ids.sort_unstable();
    ids.dedup();
    Ok(recipients::of_ids(reader, &ids).await?.into_iter().map(|recipient| (recipient.id, recipient)).collect())
}

/// Whether a row names somebody else than the one kept, or calls her otherwise. What a row does not say is not compared.
pub(super) fn differs(named: &Named, kept: Option<&Recipient>) -> bool {
    let Some(kept) = kept else { return true };
    // Who was erased is not brought back by an older reward of hers that a file tells again.
    if kept.erased_at.is_some() {
        return false;
    }
    let other = |now: &str, before: &str| !now.is_empty() && now != before;
    kept.region_id != named.region
        || other(&named.name, &kept.name)
        || other(&named.email, &kept.email)
        || other(&named.employee_number, &kept.employee_number)
}

/// Recipients known from earlier chunks.
#[derive(Default)]
pub(super) struct Remembered(HashMap<(RegionId, [u8; 16]), RecipientId>);

impl Remembered {
    /// The id, where it is remembered.
    pub fn get(&self, region: RegionId, key: [u8; 16]) -> Option<RecipientId> {
        self.0.get(&(region, key)).copied()
    }

    /// Remembers recipients that are in the store for good.
    pub fn add(&mut self, named: &[Named], ids: &[RecipientId]) {
        if self.0.len() + named.len() > REMEMBERED {
            self.0.clear();
        }
        self.0.extend(named.iter().map(|named| (named.region, named.key)).zip(ids.iter().copied()));
    }

    /// Forgets everything: after a write that failed.
    pub fn clear(&mut self) {
        self.0.clear();
    }
}
