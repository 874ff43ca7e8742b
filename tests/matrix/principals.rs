//! Who asks: the twelve principals of the design, and four more who hold in one region what the design's hold everywhere.
//!
//! Two of the twelve are API keys (right scope in this region, right scope in another). They come with the API; until then a grant that has run
//! out and somebody with both a regional and a global role stand in their places.

use counterfoil::domain::access::{Permission, Role};
use counterfoil::domain::audit::Event;
use counterfoil::domain::id::{GrantId, UserId};
use counterfoil::domain::time::Day;
use counterfoil::store::people;
use counterfoil::store::writer::Intent;

use crate::support::app::{Client, TestApp};

/// Where somebody's role was given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    North,
    South,
    Global,
}

impl Place {
    pub fn name(self) -> &'static str {
        match self {
            Self::North => "North",
            Self::South => "South",
            Self::Global => "Global",
        }
    }

    fn covers(self, other: Self) -> bool {
        self == Self::Global || self == other
    }
}

/// What becomes of an account after it has signed in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    Anonymous,
    Active,
    /// The session lives on in the browser.
    Suspended,
    /// A grant on the North that held a request ago is ended.
    TakenAway,
}

/// Somebody who asks, with what holds for her while she does.
#[derive(Debug)]
pub struct Principal {
    pub name: &'static str,
    pub grants: &'static [(Role, Place)],
    pub standing: Standing,
}

const fn active(name: &'static str, grants: &'static [(Role, Place)]) -> Principal {
    Principal { name, grants, standing: Standing::Active }
}

use Place::{Global, North, South};
use Role::{Administrator, Auditor, FinanceController, RegionalAdministrator, RegionalPartner};

/// The one who may do everything comes last: what she does changes what the others would see.
pub const PRINCIPALS: &[Principal] = &[
    Principal { name: "", grants: &[], standing: Standing::Anonymous },
    active("Nils North", &[(RegionalPartner, North)]),
    active("Sven South", &[(RegionalPartner, South)]),
    active("Bea Both", &[(RegionalPartner, North), (RegionalPartner, South)]),
    active("Zora Zero", &[]),
    active("Aud Auditor", &[(Auditor, Global)]),
    active(EXPIRED, &[]),
    active("Gil Global", &[(RegionalAdministrator, North), (Auditor, Global)]),
    Principal { name: "Susi Suspended", grants: &[(RegionalAdministrator, North)], standing: Standing::Suspended },
    Principal { name: "Tess Taken", grants: &[(RegionalAdministrator, South)], standing: Standing::TakenAway },
    // In one region what the others hold everywhere.
    active("Nora North", &[(RegionalAdministrator, North)]),
    active("Nadia North", &[(Auditor, North)]),
    active("Fritz North", &[(FinanceController, North)]),
    active("Norman North", &[(Administrator, North)]),
    active("Finn Finance", &[(FinanceController, Global)]),
    active("Ada Admin", &[(Administrator, Global)]),
];

const EXPIRED: &str = "Ezra Expired";

impl Principal {
    /// Whether the portal knows who asks.
    pub fn is_in(&self) -> bool {
        matches!(self.standing, Standing::Active | Standing::TakenAway)
    }

    /// Whether the browser has a session at all.
    pub fn has_session(&self) -> bool {
        self.standing != Standing::Anonymous
    }

    /// Whether the permission holds in a place; [`Place::Global`] asks whether it holds everywhere.
    pub fn may(&self, permission: Permission, place: Place) -> bool {
        self.grants.iter().any(|(role, given)| given.covers(place) && role.allows(permission))
    }

    /// Whether it holds anywhere.
    pub fn holds(&self, permission: Permission) -> bool {
        self.grants.iter().any(|(role, _)| role.allows(permission))
    }
}

/// Adds those whom the test company does not have.
pub async fn hire(app: &mut TestApp) {
    let today = app.company.store.now().day(chrono_tz::UTC);
    let known: Vec<&str> = crate::support::app::PEOPLE.iter().map(|person| person.0).collect();
    for principal in PRINCIPALS.iter().filter(|principal| principal.has_session() && !known.contains(&principal.name)) {
        let mut grants: Vec<(Role, Place, Option<Day>)> = principal.grants.iter().map(|(role, place)| (*role, *place, None)).collect();
        if principal.name == EXPIRED {
            grants.push((RegionalAdministrator, North, Some(Day(today.0 - 1))));
        }
        add(app, principal.name, grants).await;
    }
    for (name, place) in [(SPARE[0], North), (SPARE[1], South)] {
        add(app, name, vec![(RegionalPartner, place, None)]).await;
    }
}

/// One in each region whom nobody asks as, to be looked at and suspended.
pub const SPARE: [&str; 2] = ["Nick North", "Sue South"];

async fn add(app: &mut TestApp, name: &'static str, grants: Vec<(Role, Place, Option<Day>)>) {
    let regions = app.company.regions.clone();
    let added = app.company.store.write(Intent::once(app.company.actor("Ada Admin"), "test.hire"), move |tx| {
        let (grants, regions) = (grants.clone(), regions.clone());
        Box::pin(async move {
            let id = UserId(tx.new_id());
            let email = format!("{}@test.example", name.to_lowercase().replace(' ', "."));
            people::insert(tx, id, &email, name, None, "active").await?;
            for (role, place, until) in &grants {
                let region = regions[place.name()];
                people::insert_grant(tx, GrantId(tx.new_id()), id, *role, region, *until).await?;
                tx.record(Event::new("grant.given", "person", id, Some(region)));
            }
            Ok(id)
        })
    });
    let id = added.await.unwrap();
    app.company.people.insert(name.to_owned(), id);
}

/// Signs somebody in, and does to the account what is to be done to it; the client, and the token of its forms.
pub async fn enter(app: &TestApp, who: &Principal) -> (Client, String) {
    if who.standing == Standing::Anonymous {
        let client = app.anonymous();
        let csrf = client.get("/sign-in").await.csrf();
        return (client, csrf);
    }
    let id = app.company.people[who.name];
    let lost = if who.standing == Standing::TakenAway { Some(give(app, id).await) } else { None };
    let client = app.signed_in(who.name).await;
    let page = client.get("/settings").await;
    assert_eq!(page.status, 200, "{}", page.body);
    if lost.is_some() {
        assert_eq!(client.get(&format!("/budgets/{}", app.company.budgets["North one"])).await.status, 200, "it holds still");
    }
    let suspended = who.standing == Standing::Suspended;
    let change = app.company.store.write(Intent::once(app.company.actor("Ada Admin"), "test.change"), move |tx| {
        Box::pin(async move {
            if let Some(grant) = lost {
                people::end_grant(tx, grant).await?;
            }
            if suspended {
                people::set_status(tx, id, "suspended").await?;
            }
            tx.record(Event::new("test.changed", "person", id, None));
            Ok(())
        })
    });
    change.await.unwrap();
    (client, page.csrf())
}

async fn give(app: &TestApp, person: UserId) -> GrantId {
    let region = app.company.regions["North"];
    let given = app.company.store.write(Intent::once(app.company.actor("Ada Admin"), "test.give"), move |tx| {
        Box::pin(async move {
            let id = GrantId(tx.new_id());
            people::insert_grant(tx, id, person, RegionalAdministrator, region, None).await?;
            tx.record(Event::new("grant.given", "person", person, Some(region)));
            Ok(id)
        })
    });
    given.await.unwrap()
}
