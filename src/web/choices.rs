//! What several forms offer to choose from, and the organisation's clock.

use crate::domain::access::Scope;
use crate::domain::currency::Currency;
use crate::domain::id::RegionId;
use crate::domain::role::AnyRole;
use crate::store::db::Reader;
use crate::store::failure::DbError;
use crate::store::regions::Branch;
use crate::store::{regions, roles, settings};

/// (value, label).
pub type Choice = (String, String);

/// The months a fiscal year can start in.
pub fn months() -> Vec<Choice> {
    (1..=12u8).filter_map(|n| chrono::Month::try_from(n).ok().map(|month| (n.to_string(), month.name().to_owned()))).collect()
}

/// The name of a month, 1 to 12.
pub fn month_name(number: i64) -> &'static str {
    u8::try_from(number).ok().and_then(|n| chrono::Month::try_from(n).ok()).map_or("January", |month| month.name())
}

/// The time zones that people live in: those named after a place, and UTC.
pub fn zones() -> Vec<&'static str> {
    const PLACES: [&str; 10] =
        ["Africa/", "America/", "Antarctica/", "Arctic/", "Asia/", "Atlantic/", "Australia/", "Europe/", "Indian/", "Pacific/"];
    let named = chrono_tz::TZ_VARIANTS.iter().map(|zone| zone.name());
    std::iter::once("UTC").chain(named.filter(|name| PLACES.iter().any(|place| name.starts_with(place)))).collect()
}

fn spelled(currency: Currency) -> Choice {
    (currency.code().to_owned(), format!("{} – {}", currency.code(), currency.name()))
}

/// The currencies in use.
pub async fn currencies(reader: &mut impl Reader) -> Result<Vec<Choice>, DbError> {
    Ok(settings::currencies(reader).await?.into_iter().map(spelled).collect())
}

/// Every currency there is.
pub fn all_currencies() -> Vec<Choice> {
    Currency::all().map(spelled).collect()
}

/// The active regions in scope as a tree.
pub async fn places(reader: &mut impl Reader, scope: &Scope) -> Result<Vec<Choice>, DbError> {
    let mut tree = regions::tree(reader, scope).await?;
    tree.retain(|branch| branch.region.is_active());
    Ok(branches(&tree))
}

/// The regions of a tree, the depth shown by what stands before the name. A field that is closed shows the name alone: it tells those of one
/// name apart.
pub fn branches(tree: &[Branch]) -> Vec<Choice> {
    let names = regions::labels(tree.iter().map(|branch| &branch.region));
    let name = |branch: &Branch| names.get(&branch.region.id).map_or("", String::as_str);
    tree.iter().map(|branch| (branch.region.id.to_string(), format!("{}{}", "\u{2003}".repeat(branch.depth), name(branch)))).collect()
}

/// The roles that can be given: the five, and the organisation's own.
pub async fn roles(reader: &mut impl Reader) -> Result<Vec<Choice>, DbError> {
    let given = roles::definitions(reader).await?.into_values().filter(|role| !role.retired);
    let mut choices: Vec<(bool, Choice)> =
        given.map(|role| (matches!(role.role, AnyRole::Custom(_)), (role.role.code(), role.label))).collect();
    // The five stand in the order that people read them in, as they come.
    choices.sort_by_cached_key(|(custom, choice)| (*custom, if *custom { choice.1.to_lowercase() } else { String::new() }));
    Ok(choices.into_iter().map(|(_, choice)| choice).collect())
}

pub use crate::store::settings::zone;

/// Reads an id from a path or a form: a wrong form is the same as no such region.
pub fn region(text: &str) -> Result<RegionId, crate::domain::refusal::Refusal> {
    RegionId::parse(text).ok_or(crate::domain::refusal::Refusal::NotFound)
}
