//! An organisation from nothing, for those who set up by the command line: its name, its currency, its root region.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::domain::access::Actor;
use crate::domain::audit::Event;
use crate::domain::currency::Currency;
use crate::domain::id::RegionId;
use crate::domain::refusal::Refusal;
use crate::domain::text::line;
use crate::store::failure::Failure;
use crate::store::regions::Region;
use crate::store::writer::Intent;
use crate::store::{Store, people, regions, settings};

/// What there is to know about a new organisation.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Organisation {
    /// Its name, which its root region has as well.
    pub name: String,
    /// The currency it reports in.
    pub currency: Currency,
    /// Its IANA time zone.
    pub time_zone: String,
}

/// Makes the organisation and its root region; refused where there is one, or where there are people.
pub async fn begin(store: &Store, actor: Actor, new: Organisation) -> Result<RegionId, Failure> {
    let name = new.name.trim();
    if name.is_empty() {
        return Err(Refusal::Required("organisation", "Enter the organisation\u{2019}s name").into());
    }
    line("organisation", "a name", name, 80)?;
    store
        .write(Intent::once(actor, "organisation.begin"), move |tx| {
            let new = new.clone();
            Box::pin(async move {
                if regions::root(tx).await?.is_some() || people::count(tx).await? > 0 {
                    return Err(Refusal::State("This database has an organisation already".to_owned()).into());
                }
                let name = new.name.trim().to_owned();
                settings::set(tx, settings::ORGANISATION, &name).await?;
                settings::set(tx, settings::TIME_ZONE, &new.time_zone).await?;
                settings::set(tx, settings::SETUP_DONE, "1").await?;
                settings::add_currency(tx, new.currency).await?;
                let about = json!({ "name": name, "time_zone": new.time_zone });
                tx.record(Event::new("organisation.set_up", "setting", settings::ORGANISATION, None).change(Value::Null, about));
                let id = RegionId(tx.new_id());
                let (currency, time_zone) = (new.currency.code().to_owned(), new.time_zone);
                let words = json!({ "name": name, "currency": currency, "time_zone": time_zone });
                let root = Region {
                    id,
                    parent_id: None,
                    name,
                    currency,
                    time_zone,
                    fiscal_start_month: 1,
                    cost_centre: String::new(),
                    status: "active".to_owned(),
                    version: 1,
                    created_at: tx.now,
                };
                regions::insert(tx, &root).await?;
                tx.record(Event::new("region.added", "region", id, Some(id)).change(Value::Null, words));
                Ok(id)
            })
        })
        .await
}
