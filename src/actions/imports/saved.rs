//! Mappings kept for the next file of a source. Columns and words belong to everybody who imports from the source; a rule that leads to a region
//! or budget belongs to those who may import for it. Nobody else sees such a rule, changes it or takes it away, and a value that has one cannot
//! be given another meaning by somebody who does not see it: what she chooses then holds for her own import.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde_json::{Map, Value, json};

use super::mapping::{guess, keep_run, open_setup};
use super::own;
use super::setup::Setup;
use super::upload::fits;
use crate::domain::access::{Actor, Permission, Scope};
use crate::domain::audit::Event;
use crate::domain::id::{BudgetId, ImportId, MappingId, RegionId, SourceId};
use crate::domain::import::field::normal;
use crate::domain::import::{Field, Mapping};
use crate::domain::refusal::Refusal;
use crate::store::Store;
use crate::store::db::Reader;
use crate::store::failure::{DbError, Failure};
use crate::store::imports::{self, SavedMapping};
use crate::store::mappings;
use crate::store::writer::{Intent, WriteTx};

/// The longest name of a mapping, in characters.
const NAME_LONGEST: usize = 80;

/// In which region each budget lies that a rule leads to.
type Homes = HashMap<BudgetId, RegionId>;

async fn homes(reader: &mut impl Reader, all: &[&Mapping]) -> Result<Homes, DbError> {
    let ids: BTreeSet<BudgetId> = all.iter().flat_map(|mapping| mapping.budgets.values().copied().chain(mapping.fixed.budget)).collect();
    mappings::homes(reader, &ids.into_iter().collect::<Vec<_>>()).await
}

fn sees(scope: &Scope, homes: &Homes, budget: BudgetId) -> bool {
    homes.get(&budget).is_some_and(|region| scope.covers(*region))
}

/// The mapping without the rules that lead out of the scope.
pub(super) async fn within(reader: &mut impl Reader, scope: &Scope, mut mapping: Mapping) -> Result<Mapping, DbError> {
    let homes = homes(reader, &[&mapping]).await?;
    mapping.regions.retain(|_, region| scope.covers(*region));
    mapping.budgets.retain(|_, budget| sees(scope, &homes, *budget));
    mapping.fixed.region = mapping.fixed.region.filter(|region| scope.covers(*region));
    mapping.fixed.budget = mapping.fixed.budget.filter(|budget| sees(scope, &homes, *budget));
    Ok(mapping)
}

/// The rules of one kind that are kept: those she does not see as they are; those she sees, as she has them now. What does not stand in her
/// file she was not asked about: that stays too.
fn rules<T: Copy>(
    saved: &BTreeMap<String, T>,
    hers: &BTreeMap<String, T>,
    sees: impl Fn(T) -> bool,
    asked: impl Fn(&str) -> bool,
) -> BTreeMap<String, T> {
    let hidden: BTreeSet<String> = saved.iter().filter(|(_, to)| !sees(**to)).map(|(value, _)| normal(value)).collect();
    let stays = saved.iter().filter(|(value, to)| !sees(**to) || !asked(value));
    let mut all: BTreeMap<String, T> = stays.map(|(value, to)| (value.clone(), *to)).collect();
    let new = hers.iter().filter(|(value, to)| sees(**to) && !hidden.contains(&normal(value)));
    all.extend(new.map(|(value, to)| (value.clone(), *to)));
    all
}

/// What is kept under the name: hers, with what of `saved` is none of her business as it was.
fn merged(saved: &Mapping, setup: &Setup, was_asked: bool, scope: &Scope, homes: &Homes) -> Mapping {
    let asked = |field: Field, value: &str| {
        let column = setup.mapping.columns.get(&field).and_then(|header| setup.survey.as_ref()?.column(header));
        was_asked && column.is_some_and(|column| column.values.iter().any(|(known, _)| normal(known) == normal(value)))
    };
    let sees_region = |region: RegionId| scope.covers(region);
    let sees_budget = |budget: BudgetId| sees(scope, homes, budget);
    let mut all = setup.mapping.clone();
    all.regions = rules(&saved.regions, &setup.mapping.regions, sees_region, |value| asked(Field::Region, value));
    all.budgets = rules(&saved.budgets, &setup.mapping.budgets, sees_budget, |value| asked(Field::Budget, value));
    let hidden = saved.fixed.region.filter(|region| !sees_region(*region));
    all.fixed.region = hidden.or(all.fixed.region.filter(|region| sees_region(*region)));
    let hidden = saved.fixed.budget.filter(|budget| !sees_budget(*budget));
    all.fixed.budget = hidden.or(all.fixed.budget.filter(|budget| sees_budget(*budget)));
    all
}

/// Keeps an import's mapping under its name for the next file of the source.
pub(super) async fn put(tx: &mut WriteTx<'_>, source: SourceId, setup: &Setup, asked: bool) -> Result<(), Failure> {
    let scope = tx.access().scope(Permission::ImportsRun);
    let old = mappings::named(tx, source, &setup.name).await?;
    let before = match &old {
        Some(saved) => Some(read(saved)?),
        None => None,
    };
    let empty = Mapping::default();
    let saved = before.as_ref().unwrap_or(&empty);
    let homes = homes(tx, &[saved, &setup.mapping]).await?;
    let after = merged(saved, setup, asked, &scope, &homes);
    let id = old.as_ref().map_or_else(|| MappingId(tx.new_id()), |old| old.id);
    imports::put_mapping(tx, id, source, &setup.name, &serde_json::to_string(&after).unwrap_or_default()).await?;
    record(tx, "mapping.saved", id, &setup.name, before.as_ref(), Some(&after), &homes);
    Ok(())
}

fn read(saved: &SavedMapping) -> Result<Mapping, Refusal> {
    serde_json::from_str(&saved.body).map_err(|_| Refusal::State("The saved mapping cannot be read; choose another name".to_owned()))
}

/// One side of a change, told to a region or to the whole organisation: kind of rule → value → where it leads.
#[derive(Default)]
struct Told([Map<String, Value>; 2]);

impl Told {
    fn put(&mut self, side: usize, kind: &str, value: &str, to: Value) {
        let Some(map) = self.0.get_mut(side) else { return };
        if let Value::Object(values) = map.entry(kind).or_insert_with(|| json!({})) {
            values.insert(value.to_owned(), to);
        }
    }
}

/// Leaves an event that says all of a change, for those who see the whole organisation, and one in each region a rule led to or leads to,
/// which says that region's side of it and nothing of any other.
fn record(
    tx: &mut WriteTx<'_>,
    action: &'static str,
    id: MappingId,
    name: &str,
    before: Option<&Mapping>,
    after: Option<&Mapping>,
    homes: &Homes,
) {
    if before == after {
        return;
    }
    let mut told: BTreeMap<Option<RegionId>, Told> = BTreeMap::from([(None, Told::default())]);
    let mut say = |side: usize, kind: &str, value: &str, to: String, region: Option<RegionId>| {
        for place in BTreeSet::from([None, region]) {
            told.entry(place).or_default().put(side, kind, value, json!(to));
        }
    };
    for (side, one, other) in [(0, before, after), (1, after, before)] {
        let Some(mapping) = one else { continue };
        for (value, region) in &mapping.regions {
            if other.and_then(|other| other.regions.get(value)) != Some(region) {
                say(side, "regions", value, region.to_string(), Some(*region));
            }
        }
        for (value, budget) in &mapping.budgets {
            if other.and_then(|other| other.budgets.get(value)) != Some(budget) {
                say(side, "budgets", value, budget.to_string(), homes.get(budget).copied());
            }
        }
        if let Some(region) = mapping.fixed.region.filter(|region| other.and_then(|other| other.fixed.region) != Some(*region)) {
            say(side, "every_row", "region", region.to_string(), Some(region));
        }
        if let Some(budget) = mapping.fixed.budget.filter(|budget| other.and_then(|other| other.fixed.budget) != Some(*budget)) {
            say(side, "every_row", "budget", budget.to_string(), homes.get(&budget).copied());
        }
        for (field, header) in &mapping.columns {
            if other.and_then(|other| other.columns.get(field)) != Some(header) {
                say(side, "columns", field.key(), header.clone(), None);
            }
        }
    }
    for (region, Told([before, after])) in told {
        let event = Event::new(action, "mapping", id, region).change(before.into(), after.into());
        tx.record(event.detail(json!({ "name": name })));
    }
}

/// Takes over a saved mapping of the import's source, as far as she sees it, in place of what was filled in before.
pub async fn choose(store: &Store, actor: Actor, id: ImportId, version: i64, mapping: MappingId) -> Result<(), Failure> {
    store
        .write(Intent::once(actor, "import.mapping"), move |tx| {
            Box::pin(async move {
                let row = own(tx, id, version).await?;
                let mut setup = open_setup(&row)?;
                let saved = mappings::find(tx, mapping).await?.filter(|saved| saved.source_id == row.source_id);
                let saved = saved.ok_or(Refusal::NotFound)?;
                let body = read(&saved)?;
                if !fits(&body, &setup.headers) {
                    return Err(Refusal::Invalid("mapping", "This mapping names columns that the file does not have".to_owned()).into());
                }
                let scope = tx.access().scope(Permission::ImportsRun);
                (setup.mapping, setup.name) = (within(tx, &scope, body).await?, saved.name);
                guess(tx, &scope, &mut setup).await?;
                keep_run(tx, &row, &setup).await
            })
        })
        .await
}

/// The saved mappings of a source that fit a file with these columns: id and name, the one used last first.
pub async fn fitting(reader: &mut impl Reader, source: SourceId, headers: &[String]) -> Result<Vec<(MappingId, String)>, DbError> {
    let fits = |saved: &SavedMapping| serde_json::from_str(&saved.body).is_ok_and(|mapping: Mapping| fits(&mapping, headers));
    let all = imports::mappings(reader, source).await?;
    Ok(all.into_iter().filter(fits).map(|saved| (saved.id, saved.name)).collect())
}

/// A saved mapping as somebody sees it.
#[derive(Clone, Debug)]
pub struct Shown {
    /// It, with its body as it is kept.
    pub saved: SavedMapping,
    /// How many columns it names.
    pub columns: usize,
    /// How many of its rules lead to regions and budgets of hers.
    pub rules: usize,
    /// Whether she may rename and delete it: every rule in it leads to where she may import.
    pub hers: bool,
}

fn is_hers(mapping: &Mapping, scope: &Scope, homes: &Homes) -> bool {
    let mut regions = mapping.regions.values().copied().chain(mapping.fixed.region);
    let mut budgets = mapping.budgets.values().copied().chain(mapping.fixed.budget);
    scope.is_whole() || regions.all(|region| scope.covers(region)) && budgets.all(|budget| sees(scope, homes, budget))
}

/// Every saved mapping, as far as the scope goes.
pub async fn list(reader: &mut impl Reader, scope: &Scope) -> Result<Vec<Shown>, DbError> {
    let mut shown = Vec::new();
    for saved in mappings::all(reader).await? {
        let Ok(mapping) = serde_json::from_str::<Mapping>(&saved.body) else { continue };
        let homes = homes(reader, &[&mapping]).await?;
        let hers = is_hers(&mapping, scope, &homes);
        let columns = mapping.columns.len();
        let mine = within(reader, scope, mapping).await?;
        shown.push(Shown { saved, columns, rules: mine.regions.len() + mine.budgets.len(), hers });
    }
    Ok(shown)
}

/// A mapping that she may rename or delete, as it still is.
async fn manageable(tx: &mut WriteTx<'_>, id: MappingId, version: i64) -> Result<(SavedMapping, Mapping, Homes), Failure> {
    let access = tx.access();
    if !access.has(Permission::ImportsRun) {
        return Err(Refusal::Forbidden(Permission::ImportsRun).into());
    }
    let saved = mappings::find(tx, id).await?.ok_or(Refusal::NotFound)?;
    let mapping = read(&saved)?;
    let homes = homes(tx, &[&mapping]).await?;
    if !is_hers(&mapping, &access.scope(Permission::ImportsRun), &homes) {
        let words = "Only somebody who may import for every region this mapping names can rename or delete it";
        return Err(Refusal::State(words.to_owned()).into());
    }
    if saved.version != version {
        return Err(Refusal::Stale.into());
    }
    Ok((saved, mapping, homes))
}

/// A mapping's name as it was typed, checked.
pub fn name(text: &str) -> Result<String, Refusal> {
    let name = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if name.is_empty() {
        return Err(Refusal::Required("name", "Enter a name"));
    }
    if name.chars().count() > NAME_LONGEST || name.chars().any(char::is_control) {
        return Err(Refusal::Invalid("name", format!("A name has at most {NAME_LONGEST} characters")));
    }
    Ok(name)
}

/// Gives a saved mapping another name.
pub async fn rename(store: &Store, actor: Actor, key: &str, id: MappingId, version: i64, to: &str) -> Result<(), Failure> {
    let to = name(to)?;
    store
        .write(Intent::keyed(actor, "mapping.rename", key, &(id, version, &to)), move |tx| {
            let to = to.clone();
            Box::pin(async move {
                let (saved, _, _) = manageable(tx, id, version).await?;
                if mappings::named(tx, saved.source_id, &to).await?.is_some_and(|other| other.id != id) {
                    return Err(Refusal::Taken("name", format!("This source has a mapping called {to} already")).into());
                }
                mappings::rename(tx, id, version, &to).await?;
                tx.record(Event::new("mapping.renamed", "mapping", id, None).change(json!({ "name": saved.name }), json!({ "name": to })));
                Ok(())
            })
        })
        .await
}

/// Deletes a saved mapping.
pub async fn remove(store: &Store, actor: Actor, key: &str, id: MappingId, version: i64) -> Result<(), Failure> {
    store
        .write(Intent::keyed(actor, "mapping.remove", key, &(id, version)), move |tx| {
            Box::pin(async move {
                let (saved, mapping, homes) = manageable(tx, id, version).await?;
                mappings::remove(tx, id, version).await?;
                record(tx, "mapping.deleted", id, &saved.name, Some(&mapping), None, &homes);
                Ok(())
            })
        })
        .await
}
