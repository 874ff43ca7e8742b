//! Which column is which field, and what the values in it mean: kept with the import, and under a name for the next file.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::setup::{Setup, Survey};
use super::upload::fits;
use super::{own, saved};
use crate::domain::access::{Actor, Permission, Scope};
use crate::domain::audit::Event;
use crate::domain::currency::Currency;
use crate::domain::id::{BudgetId, ImportId, RegionId, SourceId};
use crate::domain::import::field::normal;
use crate::domain::import::{DateOrder, Field, FieldKind, Mapping, NumberStyle, WordMaps, suggest};
use crate::domain::refusal::Refusal;
use crate::store::Store;
use crate::store::db::Reader;
use crate::store::failure::Failure;
use crate::store::imports::{self, Change, ImportRow};
use crate::store::ledger;
use crate::store::regions;
use crate::store::writer::{Intent, WriteTx};

/// The states in which a mapping can still be changed.
pub const OPEN_STATES: [&str; 2] = ["mapping", "checked"];

/// What the columns page says.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Columns {
    /// For each field the header of its column.
    pub columns: BTreeMap<Field, String>,
    /// One currency for the whole file, where no column says it.
    pub currency: Option<Currency>,
    /// How numbers are written, where the file cannot tell.
    pub numbers: Option<NumberStyle>,
    /// How dates are written, where the file cannot tell.
    pub dates: Option<DateOrder>,
    /// The zone of times that name none.
    pub time_zone: String,
    /// The name under which the mapping is kept; empty for none.
    pub name: String,
}

/// What the values page says. `None` in a rule takes the rule away.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Meanings {
    /// One region for every row, or for rows that name none.
    pub region: Option<RegionId>,
    /// One budget for every row, or for rows that name none.
    pub budget: Option<BudgetId>,
    /// Value → region.
    pub regions: BTreeMap<String, Option<RegionId>>,
    /// Value → budget.
    pub budgets: BTreeMap<String, Option<BudgetId>>,
    /// The vendor's words.
    pub words: WordMaps,
}

/// Takes over the mapping that was used last with the source, where it fits the file and as far as she sees it; the region rules by the regions'
/// own names otherwise.
pub(super) async fn recall(tx: &mut WriteTx<'_>, source: SourceId, setup: &mut Setup) -> Result<(), Failure> {
    let headers = setup.survey.as_ref().map(Survey::headers).unwrap_or_default();
    let scope = tx.access().scope(Permission::ImportsRun);
    for saved in imports::mappings(tx, source).await? {
        let Ok(mapping) = serde_json::from_str::<Mapping>(&saved.body) else { continue };
        if fits(&mapping, &headers) {
            (setup.mapping, setup.name) = (saved::within(tx, &scope, mapping).await?, saved.name);
            break;
        }
    }
    guess(tx, &scope, setup).await
}

/// Rules for values that are called as a region or budget in scope is called, unless a rule says otherwise.
pub(super) async fn guess(reader: &mut impl Reader, scope: &Scope, setup: &mut Setup) -> Result<(), Failure> {
    let Some(survey) = &setup.survey else { return Ok(()) };
    let (regions, budgets) = super::choices(reader, scope).await?;
    let values = |field: Field| setup.mapping.columns.get(&field).and_then(|header| survey.column(header)).map(|column| &column.values);
    let labels = regions::labels(&regions);
    let mut found: Vec<(String, RegionId)> = Vec::new();
    for (value, _) in values(Field::Region).into_iter().flatten() {
        let called = |region: &&regions::Region| {
            let label = labels.get(&region.id).is_some_and(|label| normal(label) == normal(value));
            label || normal(&region.name) == normal(value)
        };
        let mut named = regions.iter().filter(called);
        // Of two regions with one name she says which, unless the file tells them apart as the portal does: “Europe / Germany”.
        if let (Some(region), None) = (named.next(), named.next()) {
            found.push((value.clone(), region.id));
        }
    }
    let mut pots: Vec<(String, BudgetId)> = Vec::new();
    for (value, _) in values(Field::Budget).into_iter().flatten() {
        // The newest of that name: budgets of one name follow each other, period by period.
        let mut named = budgets.iter().filter(|budget| normal(&budget.name) == normal(value) && budget.status != "closed");
        pots.extend(named.by_ref().last().map(|budget| (value.clone(), budget.id)));
    }
    for (value, region) in found {
        setup.mapping.regions.entry(value).or_insert(region);
    }
    for (value, budget) in pots {
        setup.mapping.budgets.entry(value).or_insert(budget);
    }
    if regions.len() == 1 && setup.mapping.fixed.region.is_none() && !setup.mapping.columns.contains_key(&Field::Region) {
        setup.mapping.fixed.region = regions.first().map(|region| region.id);
    }
    Ok(())
}

/// A mapping with the answers of the columns page, and whether numbers and dates must still be asked about.
pub fn with_columns(setup: &Setup, columns: &Columns) -> (Mapping, bool, bool) {
    let mut mapping = setup.mapping.clone();
    mapping.columns = columns.columns.clone();
    mapping.fixed.currency = columns.currency;
    mapping.time_zone.clone_from(&columns.time_zone);
    let profile = setup.survey.as_ref().map_or(crate::domain::import::Profile { columns: Vec::new() }, Survey::profile);
    let numbers = suggest::number_style(&profile, &mapping);
    let dates = suggest::date_order(&profile, &mapping);
    mapping.numbers = numbers.or(columns.numbers);
    mapping.dates = dates.or(columns.dates);
    (mapping, numbers.is_none(), dates.is_none())
}

/// Saves the columns.
pub async fn save_columns(store: &Store, actor: Actor, id: ImportId, version: i64, columns: Columns) -> Result<(), Failure> {
    store
        .write(Intent::once(actor, "import.columns"), move |tx| {
            let columns = columns.clone();
            Box::pin(async move {
                let row = own(tx, id, version).await?;
                let mut setup = open_setup(&row)?;
                let (mut mapping, _, _) = with_columns(&setup, &columns);
                if mapping.columns.contains_key(&Field::BaseAmount) && mapping.fixed.base_currency.is_none() {
                    mapping.fixed.base_currency = regions::root(tx).await?.and_then(|root| root.currency());
                }
                setup.mapping = mapping;
                setup.name = columns.name;
                let scope = tx.access().scope(Permission::ImportsRun);
                guess(tx, &scope, &mut setup).await?;
                keep(tx, &row, &setup, false).await
            })
        })
        .await
}

/// Saves what the values mean. Regions and budgets outside her scope are as good as none.
pub async fn save_values(store: &Store, actor: Actor, id: ImportId, version: i64, meanings: Meanings) -> Result<(), Failure> {
    store
        .write(Intent::once(actor, "import.values"), move |tx| {
            let meanings = meanings.clone();
            Box::pin(async move {
                let row = own(tx, id, version).await?;
                let mut setup = open_setup(&row)?;
                let access = tx.access();
                let regions = meanings.region.iter().chain(meanings.regions.values().flatten());
                for region in regions {
                    if !access.may(Permission::ImportsRun, *region) {
                        return Err(Refusal::NotFound.into());
                    }
                }
                let budgets = meanings.budget.iter().chain(meanings.budgets.values().flatten());
                for budget in budgets {
                    let budget = ledger::get(tx, *budget).await?;
                    if !access.may(Permission::ImportsRun, budget.region) {
                        return Err(Refusal::NotFound.into());
                    }
                }
                merge(&mut setup.mapping, &meanings);
                keep(tx, &row, &setup, true).await
            })
        })
        .await
}

fn merge(mapping: &mut Mapping, meanings: &Meanings) {
    (mapping.fixed.region, mapping.fixed.budget) = (meanings.region, meanings.budget);
    for (value, region) in &meanings.regions {
        match region {
            Some(region) => drop(mapping.regions.insert(value.clone(), *region)),
            None => drop(mapping.regions.remove(value)),
        }
    }
    for (value, budget) in &meanings.budgets {
        match budget {
            Some(budget) => drop(mapping.budgets.insert(value.clone(), *budget)),
            None => drop(mapping.budgets.remove(value)),
        }
    }
    let words = meanings.words.clone();
    mapping.words.channel.extend(words.channel);
    mapping.words.order_status.extend(words.order_status);
    mapping.words.delivery_status.extend(words.delivery_status);
    mapping.words.redemption_status.extend(words.redemption_status);
}

pub(super) fn open_setup(row: &ImportRow) -> Result<Setup, Failure> {
    if !OPEN_STATES.contains(&row.state.as_str()) {
        return Err(Refusal::State("This import can no longer be changed".to_owned()).into());
    }
    Setup::read(&row.mapping)
        .ok_or_else(|| Refusal::State("The mapping of this import cannot be read; upload the file again".to_owned()).into())
}

/// Keeps the mapping with the import and under its name, and takes the import back to before its dry run. `asked` says that she was
/// asked about the values: a rule that is gone was then taken away by her.
async fn keep(tx: &mut WriteTx<'_>, row: &ImportRow, setup: &Setup, asked: bool) -> Result<(), Failure> {
    keep_run(tx, row, setup).await?;
    if setup.name.is_empty() { Ok(()) } else { saved::put(tx, row.source_id, setup, asked).await }
}

/// Keeps the mapping with the import alone.
pub(super) async fn keep_run(tx: &mut WriteTx<'_>, row: &ImportRow, setup: &Setup) -> Result<(), Failure> {
    let change = Change {
        state: Some("mapping"),
        mapping: Some(setup.text()),
        report: Some(String::new()),
        failure: Some(String::new()),
        ..Change::default()
    };
    imports::update(tx, row.id, row.version, false, &change).await?;
    let columns: BTreeMap<&str, &String> = setup.mapping.columns.iter().map(|(field, header)| (field.key(), header)).collect();
    let detail =
        json!({ "columns": columns, "name": setup.name, "regions": setup.mapping.regions.len(), "budgets": setup.mapping.budgets.len() });
    tx.record(Event::new("import.mapped", "import", row.id, None).detail(detail));
    Ok(())
}

/// Whether the mapping names a number or a date column at all.
pub fn has_kind(mapping: &Mapping, kinds: &[FieldKind]) -> bool {
    mapping.columns.keys().any(|field| kinds.contains(&field.kind()))
}
