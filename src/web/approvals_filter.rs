//! Which requests for approval a list shows: one state in the address stands behind the page and behind the file taken from it.

use serde::Deserialize;

use super::approvals::View;
use super::choices::{self, Choice};
use super::error::WebError;
use super::form::encoded;
use super::guard::Signed;
use crate::actions::approval_rights::Standing;
use crate::domain::access::Permission;
use crate::domain::approval::{Matter, Status};
use crate::domain::currency::Currency;
use crate::domain::id::{RegionId, UserId};
use crate::domain::money;
use crate::domain::time::Day;
use crate::store::approval_filter::Filter;
use crate::store::approvals::{self, Sight};
use crate::store::db::Read;
use crate::store::{people, regions, settings};

/// Which requests, and where the list goes on.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct State {
    pub view: String,
    pub status: String,
    pub matter: String,
    pub region: String,
    pub requester: String,
    pub amount: String,
    pub from: String,
    pub to: String,
    pub before: String,
}

/// A filter in use: what, its value in words, and the address without it.
pub type Chip = (&'static str, String, String);

/// What the fields offer.
pub struct Offered {
    /// Where a request can stand.
    pub states: Vec<Choice>,
    /// What it can be.
    pub matters: Vec<Choice>,
    /// The regions she sees.
    pub places: Vec<Choice>,
    /// Who asked for something that she sees.
    pub people: Vec<Choice>,
}

impl State {
    /// As it stands in an address.
    pub fn parse(query: &str) -> Result<Self, WebError> {
        serde_html_form::from_str(query).map_err(|_| WebError::Malformed("The address holds an unknown filter."))
    }

    /// Which requests it names; whoever may decide on something begins with what waits for her.
    pub fn view(&self, standing: &Standing) -> View {
        View::parse(&self.view).unwrap_or(if standing.decides() { View::Mine } else { View::Waiting })
    }

    fn fields(&self) -> [(&'static str, &str); 7] {
        [
            ("status", &self.status),
            ("matter", &self.matter),
            ("region", &self.region),
            ("requester", &self.requester),
            ("amount", &self.amount),
            ("from", &self.from),
            ("to", &self.to),
        ]
    }

    /// The question as it stands in an address, for a view, without the field of this name and from the first page on.
    pub fn query(&self, view: View, without: &str) -> String {
        let used = self.fields().into_iter().filter(|(name, value)| !value.trim().is_empty() && *name != without);
        let pairs = used.map(|(name, value)| format!("&{name}={}", encoded(value.trim())));
        std::iter::once(format!("view={}", view.code())).chain(pairs).collect()
    }

    /// The address of the list for a view. What has not ended stands in one way alone.
    pub fn href(&self, view: View) -> String {
        let without = if matches!(view, View::Mine | View::Waiting) { "status" } else { "" };
        format!("/approvals?{}", self.query(view, without))
    }

    /// What to ask the store. An id, an amount or a day in a wrong form matches nothing, as an unknown one would.
    pub async fn filter(&self, read: &mut Read, zone: chrono_tz::Tz) -> Result<Filter, WebError> {
        let given = |text: &str| Some(text.trim().to_owned()).filter(|text| !text.is_empty());
        let regions = match given(&self.region).map(|id| RegionId::parse(&id)) {
            None => None,
            Some(None) => Some(Vec::new()),
            Some(Some(id)) => Some(regions::subtree(read, id).await?),
        };
        let amounts = match given(&self.amount) {
            None => None,
            Some(text) => {
                let known = settings::currencies(read).await?;
                let each = known.into_iter().filter_map(|currency| Some((currency.code().to_owned(), money::parse(&text, currency).ok()?)));
                Some(each.collect())
            }
        };
        let day = |text: &str| given(text).and_then(|text| Day::parse(&text));
        Ok(Filter {
            status: given(&self.status).and_then(|code| Status::parse(&code)),
            matter: given(&self.matter).and_then(|code| Matter::parse(&code)),
            regions,
            requester: given(&self.requester).map(|id| UserId::parse(&id).unwrap_or(UserId(uuid::Uuid::nil()))),
            amounts,
            from: day(&self.from).map(|day| day.start(zone)),
            until: day(&self.to).map(|day| Day(day.0 + 1).start(zone)),
        })
    }

    /// The filters in use.
    pub fn chips(&self, view: View, offered: &Offered) -> Vec<Chip> {
        let named = |choices: &[Choice], value: &str| {
            let found = choices.iter().find(|(known, _)| known == value).map(|(_, label)| label.trim().to_owned());
            found.unwrap_or_else(|| "Not in your scope".to_owned())
        };
        let day = |text: &str| Day::parse(text).map_or(text.to_owned(), Day::words);
        let used = self.fields().into_iter().filter(|(_, value)| !value.trim().is_empty());
        let chip = |(name, value): (&'static str, &str)| {
            let value = value.trim();
            let (label, words) = match name {
                "status" => ("State", named(&offered.states, value)),
                "matter" => ("What", named(&offered.matters, value)),
                "region" => ("Region", named(&offered.places, value)),
                "requester" => ("Asked by", named(&offered.people, value)),
                "amount" => ("Amount from", value.to_owned()),
                "from" => ("Asked from", day(value)),
                _ => ("Asked to", day(value)),
            };
            (label, words, format!("/approvals?{}", self.query(view, name)))
        };
        used.map(chip).collect()
    }

    /// The question in words, for the list of exports and the audit trail.
    pub fn words(&self, view: View, offered: &Offered) -> String {
        let chips = self.chips(view, offered).into_iter().map(|(label, value, _)| format!("{label}: {value}"));
        std::iter::once(view.label().to_owned()).chain(chips).collect::<Vec<_>>().join(", ")
    }
}

impl Offered {
    /// What somebody can choose from.
    pub async fn to(read: &mut Read, who: &Signed) -> Result<Self, WebError> {
        let asked = approvals::requesters(read, &Sight::of(&who.access)).await?;
        let mut people: Vec<Choice> = people::names(read, &asked).await?.into_iter().map(|(id, name)| (id.to_string(), name)).collect();
        people.sort_by_cached_key(|(_, name)| name.to_lowercase());
        let states = Status::ALL.iter().map(|status| (status.code().to_owned(), status.label().to_owned()));
        let matters = Matter::ALL.iter().map(|matter| (matter.code().to_owned(), matter.one().to_owned()));
        let places = choices::places(read, &who.scope(Permission::BudgetsRead)).await?;
        Ok(Self { states: states.collect(), matters: matters.collect(), places, people })
    }
}

/// What is wrong with the amount; empty where nothing is.
pub fn bad_amount(text: &str) -> &'static str {
    let euro = Currency::parse("EUR");
    let wrong = !text.trim().is_empty() && euro.is_none_or(|euro| money::parse(text.trim(), euro).is_err());
    if wrong { "Enter an amount like 1,000" } else { "" }
}
