//! The ledger held against the trail: each posting is named by an event, with its amount, and each posting that an event names is there.

use std::borrow::Cow;
use std::collections::HashMap;

use serde::Deserialize;
use uuid::Uuid;

use crate::domain::id::PostingId;
use crate::domain::proof::postings;
use crate::store::audit_log::Kept;
use crate::store::checkpoints;
use crate::store::db::Reader;
use crate::store::failure::DbError;
use crate::store::postings::PostingRow;

/// Postings that events have named and that were not seen yet, with the amount that the events say.
#[derive(Default)]
pub struct Named(HashMap<Uuid, i64>);

#[derive(Deserialize)]
struct Body<'b> {
    #[serde(borrow)]
    detail: Detail<'b>,
}

#[derive(Deserialize)]
struct Detail<'b> {
    #[serde(borrow)]
    posting: Cow<'b, str>,
    #[serde(borrow)]
    amount: Cow<'b, str>,
}

impl Named {
    /// Takes in the next event; what is wrong with it. A transfer is told once for each of its budgets.
    pub fn hear(&mut self, event: &Kept) -> Result<(), String> {
        if event.object_kind != "budget" {
            return Ok(());
        }
        // Other events about budgets name no posting.
        let Ok(Body { detail }) = serde_json::from_slice::<Body<'_>>(&event.body) else { return Ok(()) };
        let named = PostingId::parse(&detail.posting).zip(detail.amount.parse().ok());
        let (id, amount) = named.ok_or("it names a posting that cannot be read")?;
        match self.0.insert(id.0, amount) {
            Some(before) if before != amount => Err(format!("it says another amount of {id} than the event before it")),
            _ => Ok(()),
        }
    }

    /// Whether an event has told of this posting, which is then done with.
    pub fn take(&mut self, row: &PostingRow) -> bool {
        self.0.get(&row.id.0).is_some_and(|amount| *amount == row.amount) && self.0.remove(&row.id.0).is_some()
    }

    /// What is wrong where postings that were named are not there.
    pub fn left(&self) -> Option<String> {
        self.0.keys().next().map(|id| format!("{} is gone, and an event tells of it", PostingId(*id)))
    }

    /// Walks the whole ledger: what is wrong with it. `signed` is the number and the digest that the newest checkpoint says.
    pub async fn held_against(&mut self, read: &mut impl Reader, signed: Option<(i64, &[u8])>) -> Result<Option<String>, DbError> {
        if checkpoints::posting_before_first(read).await? {
            return Ok(Some("there is a posting before the first".to_owned()));
        }
        let mut met = (0, postings::START);
        let mut stranger = None;
        let upto = signed.map_or(0, |signed| signed.0);
        checkpoints::digest(read, (0, postings::START), |row, digest| {
            if row.no <= upto {
                met = (row.no, *digest);
            }
            if !self.take(row) {
                stranger.get_or_insert(row.id);
            }
            true
        })
        .await?;
        if signed.is_some_and(|signed| signed != (met.0, &met.1[..])) {
            return Ok(Some("the postings up to there are not those that were signed".to_owned()));
        }
        let unnamed = stranger.map(|id| format!("no event tells of {id}, or of another amount"));
        Ok(unnamed.or_else(|| self.left()))
    }
}
