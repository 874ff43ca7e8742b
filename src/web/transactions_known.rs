//! What pages about transactions need to know besides the rows: what ids are called, what can be chosen, what day it is.
//!
//! It changes only by an event of the audit trail, so what was read for one event number is right until the next: it is kept for the scopes
//! that ask.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use uuid::Uuid;

use super::pack::Packed;
use crate::domain::access::Scope;
use crate::domain::currency::Currency;
use crate::domain::id::{BudgetId, RegionId};
use crate::domain::list_query::{Calendar, Filter};
use crate::domain::time::Instant;
use crate::store::audit_log::Head;
use crate::store::db::Reader;
use crate::store::failure::DbError;
use crate::store::transaction_totals::{self, Totals};
use crate::store::transactions::{Hidden, hidden_imports};
use crate::store::{audit_log, regions, settings, transaction_detail, transaction_query::Asked};

/// A budget that can be chosen.
#[derive(Clone, Debug)]
pub struct BudgetChoice {
    /// Its id.
    pub id: BudgetId,
    /// Its region.
    pub region: RegionId,
    /// Its name.
    pub name: String,
    /// The code of its currency.
    pub currency: String,
    /// Where it stands.
    pub status: String,
}

/// See the module's head.
#[derive(Debug)]
pub struct Known {
    /// The regions in scope as a tree: (id, what it is called, depth).
    pub regions: Vec<(RegionId, String, usize)>,
    /// The budgets in scope, by name.
    pub budgets: Vec<BudgetChoice>,
    /// The sources, by name.
    pub sources: Vec<(Uuid, String)>,
    /// The currencies in use.
    pub currencies: Vec<Currency>,
    /// Names of all of them.
    pub names: HashMap<Uuid, String>,
    /// Digits of the organisation's own currency.
    pub base_digits: u32,
    zone: chrono_tz::Tz,
    fiscal_start_month: u32,
    /// What is hidden. Before an import writes its first row its upload has left an event, and it is seen by another; what it still names when an
    /// import has ended without one is no longer there.
    pub hidden: Hidden,
    /// Pieces of pages that were made with it.
    pub pieces: Kept,
    mark: Mark,
}

/// What stands round the rows of a list: the same for everybody who asks the same in the same regions, and more than half of the page.
#[derive(Debug)]
pub struct Pieces {
    /// The column chooser.
    pub chooser: Packed,
    /// The filter bar.
    pub bar: Packed,
}

/// Pieces of pages by what was asked; the oldest goes first.
#[derive(Debug, Default)]
pub struct Kept(Mutex<Vec<(String, Arc<Pieces>)>>);

impl Kept {
    /// Those for this question, where they are kept.
    pub fn get(&self, key: &str) -> Option<Arc<Pieces>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).iter().find(|kept| kept.0 == key).map(|kept| kept.1.clone())
    }

    /// Keeps them, unless somebody has asked for so much that they would crowd out everybody else's memory.
    pub fn keep(&self, key: String, made: Pieces) -> Arc<Pieces> {
        let (made, mut all) = (Arc::new(made), self.0.lock().unwrap_or_else(PoisonError::into_inner));
        if made.bar.text().len() + made.chooser.text().len() > PIECES_LARGEST {
            return made;
        }
        if all.len() >= PIECES_MOST {
            all.remove(0);
        }
        all.push((key, made.clone()));
        made
    }
}

/// Which log, which event, which scope, seen from where.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Mark {
    log: Vec<u8>,
    seq: i64,
    scope: Scope,
    /// The regions that were in sight: the database keeps the others back whatever the scope says.
    regions: Option<BTreeSet<RegionId>>,
}

/// Questions whose pieces are kept for one scope: about 50 kB each.
const PIECES_MOST: usize = 4;
/// The most text in the pieces of one question that are kept, in bytes.
const PIECES_LARGEST: usize = 96 * 1024;
/// Scopes and questions that are remembered; the oldest goes first.
const MOST: usize = 64;
static KNOWN: Mutex<Vec<Arc<Known>>> = Mutex::new(Vec::new());
type Counted = (Mark, String, i64, Arc<Totals>);
static COUNTED: Mutex<Vec<Counted>> = Mutex::new(Vec::new());

impl Known {
    /// As of the reader's snapshot, within a scope.
    pub async fn read(reader: &mut impl Reader, scope: &Scope) -> Result<Arc<Self>, DbError> {
        let head = audit_log::stated_head(reader).await?.ok_or(DbError::Broken("the audit trail has no head".into()))?;
        Self::as_of(reader, scope, head).await
    }

    /// The same where the newest event is known already.
    pub async fn as_of(reader: &mut impl Reader, scope: &Scope, head: Head) -> Result<Arc<Self>, DbError> {
        let mark = Mark { log: head.log_id, seq: head.seq, scope: scope.clone(), regions: reader.regions().cloned() };
        let kept = KNOWN.lock().unwrap_or_else(PoisonError::into_inner).iter().find(|known| known.mark == mark).cloned();
        if let Some(known) = kept {
            return Ok(known);
        }
        let known = Arc::new(Self::fresh(reader, mark).await?);
        let mut all = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|old| (&old.mark.log, &old.mark.scope, &old.mark.regions) != (&known.mark.log, &known.mark.scope, &known.mark.regions));
        if all.len() >= MOST {
            all.remove(0);
        }
        all.push(known.clone());
        Ok(known)
    }

    async fn fresh(reader: &mut impl Reader, mark: Mark) -> Result<Self, DbError> {
        let root = regions::root(reader).await?;
        let zone = settings::zone(reader).await?;
        let fiscal_start_month = root.as_ref().and_then(|root| u32::try_from(root.fiscal_start_month).ok()).unwrap_or(1);
        let base_digits = root.as_ref().and_then(regions::Region::currency).map_or(2, Currency::digits);
        let tree = regions::tree(reader, &mark.scope).await?;
        let labels = regions::labels(tree.iter().map(|branch| &branch.region));
        let called = |row: &regions::Branch| labels.get(&row.region.id).cloned().unwrap_or_default();
        let regions: Vec<(RegionId, String, usize)> = tree.iter().map(|row| (row.region.id, called(row), row.depth)).collect();
        let budgets: Vec<BudgetChoice> = transaction_detail::budgets(reader, &mark.scope)
            .await?
            .into_iter()
            .map(|(id, region, name, currency, status)| BudgetChoice { id, region, name, currency, status })
            .collect();
        let sources: Vec<(Uuid, String)> = transaction_detail::sources(reader).await?.into_iter().map(|(id, name)| (id.0, name)).collect();
        let currencies = settings::currencies(reader).await?;
        let hidden = hidden_imports(reader).await?;
        let names = labels.into_iter().map(|(id, label)| (id.0, label));
        let names = names.chain(budgets.iter().map(|budget| (budget.id.0, budget.name.clone()))).chain(sources.iter().cloned()).collect();
        Ok(Self {
            regions,
            budgets,
            sources,
            currencies,
            names,
            base_digits,
            zone,
            fiscal_start_month,
            hidden,
            pieces: Kept::default(),
            mark,
        })
    }

    /// Today in the organisation's zone.
    pub fn calendar(&self, now: Instant) -> Calendar {
        Calendar::at(now, self.zone, self.fiscal_start_month)
    }

    /// The organisation's zone.
    pub fn zone(&self) -> chrono_tz::Tz {
        self.zone
    }

    /// What an object of a filter is called, where it is in scope.
    pub fn name(&self, _: Filter, id: Uuid) -> Option<String> {
        self.names.get(&id).cloned()
    }

    /// What a question comes to: remembered until something happens, and until midnight.
    pub async fn totals(&self, reader: &mut impl Reader, asked: &Asked<'_>, exact: bool) -> Result<Arc<Totals>, DbError> {
        let text = asked.query.clone().with_columns(None).sorted(crate::domain::list_query::Sort::default()).text();
        let mut text = if exact { format!("{text}#exact") } else { text };
        if !asked.terms.is_empty() {
            // A search finds nobody by a name that is hidden from her who asks.
            text.push_str(&format!("#{:?}", asked.naming));
        }
        let today = asked.calendar.today.0;
        let same = |row: &&Counted| row.0 == self.mark && row.1 == text && row.2 == today;
        let kept = COUNTED.lock().unwrap_or_else(PoisonError::into_inner).iter().find(same).map(|row| row.3.clone());
        if let Some(totals) = kept {
            return Ok(totals);
        }
        let totals = Arc::new(transaction_totals::totals(reader, asked, exact).await?);
        let mut all = COUNTED.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|row| row.0.log != self.mark.log || row.0.seq == self.mark.seq);
        if all.len() >= MOST * 4 {
            all.remove(0);
        }
        all.push((self.mark.clone(), text, today, totals.clone()));
        Ok(totals)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_pieces_are_kept_and_no_large_ones() {
        let made = |text: &str| Pieces { chooser: Packed::new("<p>".to_owned()).unwrap(), bar: Packed::new(text.to_owned()).unwrap() };
        let kept = Kept::default();
        for key in 0..=PIECES_MOST {
            kept.keep(key.to_string(), made("<form>"));
        }
        assert!(kept.get("0").is_none(), "the oldest has gone");
        assert!((1..=PIECES_MOST).all(|key| kept.get(&key.to_string()).is_some()));
        assert_eq!(kept.keep("large".to_owned(), made(&"x".repeat(PIECES_LARGEST))).bar.text().len(), PIECES_LARGEST);
        assert!(kept.get("large").is_none());
    }
}
