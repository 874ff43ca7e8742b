//! What a row is judged by: the mapping as far as the person's scope goes, the regions, and the budgets.

use std::collections::HashMap;

use super::Stop;
use crate::domain::access::{Permission, Scope};
use crate::domain::budget::{Budget, BudgetStatus};
use crate::domain::id::{BudgetId, RegionId, UserId};
use crate::domain::import::draft::{Draft, RowFault, draft};
use crate::domain::import::{Cells, Field, Mapping, PreparedMapping};
use crate::domain::time::Instant;
use crate::store::access;
use crate::store::db::{Reader, Sql};
use crate::store::failure::DbError;
use crate::store::ledger::{BUDGET_COLUMNS, BudgetRow};
use crate::store::regions;

/// The code of a row in a region that does not exist and of one in a region outside the scope: nobody learns which of the two it is.
const OUT_OF_SCOPE: &str = "region_out_of_scope";

/// Everything that decides about a row, as of one moment.
pub(super) struct Plan {
    /// The mapping, made ready for the file.
    pub mapping: PreparedMapping,
    /// Where the person may import.
    pub scope: Scope,
    /// Region → whether it takes anything new, and its name.
    regions: HashMap<RegionId, (bool, String)>,
    /// The budgets of those regions.
    pub budgets: HashMap<BudgetId, Budget>,
}

/// The budgets in scope, by name and period.
pub(super) async fn budgets(reader: &mut impl Reader, scope: &Scope) -> Result<Vec<BudgetRow>, DbError> {
    let mut sql = Sql::default();
    sql.push("SELECT ").push(BUDGET_COLUMNS).push(" FROM budget WHERE region_id IN (").push_list(scope.regions());
    sql.push(") ORDER BY lower(name), period_start");
    reader.all(sql).await
}

impl Plan {
    /// As of now, for this person and a file with these headers.
    pub async fn read(reader: &mut impl Reader, person: UserId, now: Instant, mapping: &Mapping, headers: &[String]) -> Result<Self, Stop> {
        let scope = access::of_person(reader, person, now).await?.scope(Permission::ImportsRun);
        let regions = regions::list(reader, &scope).await?;
        let mut budget_map = HashMap::new();
        for row in budgets(reader, &scope).await? {
            budget_map.insert(row.id, row.budget()?);
        }
        let mut mapping = mapping.clone();
        mapping.regions.retain(|_, region| scope.covers(*region));
        mapping.budgets.retain(|_, budget| budget_map.contains_key(budget));
        mapping.fixed.region = mapping.fixed.region.filter(|region| scope.covers(*region));
        mapping.fixed.budget = mapping.fixed.budget.filter(|budget| budget_map.contains_key(budget));
        let prepared = mapping.prepare(headers).map_err(Stop::Mapping)?;
        let regions = regions.into_iter().map(|region| (region.id, (region.is_active(), region.name))).collect();
        Ok(Self { mapping: prepared, scope, regions, budgets: budget_map })
    }

    /// A row as a draft, or all that is wrong with it.
    pub fn judge<'a>(&self, row: &'a (impl Cells + ?Sized)) -> Result<Draft<'a>, Vec<RowFault>> {
        let found = draft(row, &self.mapping).map_err(|mut faults| {
            faults
                .iter_mut()
                .filter(|fault| fault.code == "region_unknown")
                .for_each(|fault| *fault = out_of_scope(&self.cell(row, Field::Region)));
            faults
        })?;
        let faults = self.rules(&found);
        if faults.is_empty() { Ok(found) } else { Err(faults) }
    }

    fn cell(&self, row: &(impl Cells + ?Sized), field: Field) -> String {
        self.mapping.column(field).map(|at| row.cell(at).trim().chars().take(60).collect()).unwrap_or_default()
    }

    fn rules(&self, draft: &Draft<'_>) -> Vec<RowFault> {
        let mut faults = Vec::new();
        let mut fault =
            |code, field: Field, words: String| faults.push(RowFault { code, field, message: format!("{}: {words}", field.label()) });
        match self.regions.get(&draft.region) {
            Some((true, _)) => {}
            Some((false, name)) => fault("region_retired", Field::Region, format!("{name} is retired and takes nothing new")),
            None => return vec![out_of_scope("")],
        }
        if draft.amount_issued == i64::MIN {
            fault("number_too_large", Field::AmountIssued, "the amount is too large".to_owned());
        }
        let Some(budget) = draft.budget.and_then(|id| self.budgets.get(&id)) else { return faults };
        if budget.region != draft.region {
            fault("budget_other_region", Field::Budget, format!("{} belongs to another region than the row", budget.name));
        }
        if budget.status == BudgetStatus::Closed {
            fault("budget_closed", Field::Budget, format!("{} is closed", budget.name));
        }
        if budget.currency != draft.currency {
            let words = format!("{} is kept in {}, the row is in {}", budget.name, budget.currency.code(), draft.currency.code());
            fault("budget_currency", Field::CurrencyCode, words);
        }
        faults
    }
}

/// The fault of a row whose region is unknown or out of scope; `text` is what stands in the file.
fn out_of_scope(text: &str) -> RowFault {
    let message = match text {
        "" => format!("{}: this row is in no region that you can import for", Field::Region.label()),
        text => format!("{}: “{text}” is no region that you can import for", Field::Region.label()),
    };
    RowFault { code: OUT_OF_SCOPE, field: Field::Region, message }
}
