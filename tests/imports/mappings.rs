//! A saved mapping that people of several regions share: each sees, changes and loses only her own rules.

use std::collections::BTreeMap;

use counterfoil::actions::imports::mapping::{self, Meanings};
use counterfoil::actions::imports::saved;
use counterfoil::actions::imports::setup::Setup;
use counterfoil::domain::access::Permission;
use counterfoil::domain::id::{ImportId, RegionId};
use counterfoil::domain::import::Field;
use counterfoil::domain::import::Mapping;
use counterfoil::domain::refusal::Refusal;
use counterfoil::store::access;
use counterfoil::store::db::Sql;
use counterfoil::store::failure::Failure;
use counterfoil::store::imports::{self, SavedMapping};
use serde_json::Value;

use super::{row, small, uploaded};
use crate::support::app::Company;
use crate::support::database::{TestDb, on_both_engines};

const ROWS: &[u8] = b"Region,Budget,Id,Amount,Name,Date,Note\n\
    Nord,Topf,K1,1.00,Ann,2026-05-01,\nSud,Kasse,K2,1.00,Sam,2026-05-01,\nWest,,K3,1.00,Tim,2026-05-01,\n";

async fn kept(company: &Company) -> Vec<SavedMapping> {
    let mut read = company.store.read().await.unwrap();
    imports::mappings(&mut read, company.source).await.unwrap()
}

async fn body(company: &Company) -> Mapping {
    let all = kept(company).await;
    assert_eq!(all.len(), 1);
    serde_json::from_str(&all[0].body).unwrap()
}

async fn setup(company: &Company, id: ImportId) -> Setup {
    Setup::read(&row(company, id).await.mapping).unwrap()
}

/// Uploads, keeps the columns under one name for all, and says what the values mean.
async fn map(company: &Company, who: &str, meanings: Meanings) -> ImportId {
    let id = uploaded(company, who, "file.csv", ROWS).await.unwrap();
    let version = row(company, id).await.version;
    mapping::save_columns(&company.store, company.actor(who), id, version, small()).await.unwrap();
    let version = row(company, id).await.version;
    mapping::save_values(&company.store, company.actor(who), id, version, meanings).await.unwrap();
    id
}

fn regions(company: &Company, rules: &[(&str, Option<&str>)]) -> BTreeMap<String, Option<RegionId>> {
    rules.iter().map(|(value, to)| ((*value).to_owned(), to.map(|name| company.regions[name]))).collect()
}

/// The events of saved mappings: region and what was sealed.
async fn events(company: &Company, action: &'static str) -> Vec<(Option<RegionId>, Value)> {
    let mut read = company.store.read().await.unwrap();
    let sql = Sql::new("SELECT region_id, body FROM audit_event WHERE action = $1 ORDER BY seq").bind(action);
    let rows: Vec<(Option<RegionId>, Vec<u8>)> = read.all(sql).await.unwrap();
    rows.into_iter().map(|(region, bytes)| (region, serde_json::from_slice(&bytes).unwrap())).collect()
}

on_both_engines! {
    async fn each_of_two_people_keeps_her_rules_and_sees_no_other(db: TestDb) {
        let company = Company::found(db).await;
        let (north, south) = (company.regions["North"], company.regions["South"]);
        let hers = Meanings {
            region: Some(south),
            regions: regions(&company, &[("Nord", None), ("Sud", Some("South")), ("West", Some("South"))]),
            budgets: [("Kasse".to_owned(), Some(company.budgets["South one"]))].into(),
            ..Meanings::default()
        };
        map(&company, "Sara South", hers).await;

        // Nora gets the columns filled in, and none of Sara's rules.
        let id = uploaded(&company, "Nora North", "file.csv", ROWS).await.unwrap();
        let found = setup(&company, id).await;
        assert_eq!((found.name.as_str(), found.mapping.columns.len()), ("Test", 7));
        let text = row(&company, id).await.mapping;
        for id in [south.to_string(), company.budgets["South one"].to_string()] {
            assert!(!text.contains(&id), "{text}");
        }
        assert_eq!(found.mapping.fixed.region, None);
        // She says what is hers, and takes "West" and the file's region for her own import.
        let told = Meanings {
            region: Some(north),
            regions: regions(&company, &[("Nord", Some("North")), ("Sud", None), ("West", Some("North"))]),
            budgets: [("Topf".to_owned(), Some(company.budgets["North one"])), ("Kasse".to_owned(), None)].into(),
            ..Meanings::default()
        };
        let id = map(&company, "Nora North", told).await;
        let own = setup(&company, id).await.mapping;
        assert_eq!((own.fixed.region, own.regions["West"], own.regions.get("Sud")), (Some(north), north, None));
        let all = body(&company).await;
        assert_eq!(all.regions, BTreeMap::from([("Nord".to_owned(), north), ("Sud".to_owned(), south), ("West".to_owned(), south)]));
        assert_eq!(all.budgets.len(), 2);
        assert_eq!(all.fixed.region, Some(south));
        // The same in other letters is the same value.
        let other = Meanings { regions: regions(&company, &[("Nord", None), ("Sud", None), ("West", None)]), ..Meanings::default() };
        map(&company, "Nora North", other).await;
        let all = body(&company).await;
        assert_eq!(all.regions, BTreeMap::from([("Sud".to_owned(), south), ("West".to_owned(), south)]), "she takes away only what is hers");
        assert_eq!((all.budgets.get("Kasse"), all.fixed.region), (Some(&company.budgets["South one"]), Some(south)));

        let told: Vec<_> = events(&company, "mapping.saved").await;
        assert!(told.iter().any(|(region, body)| *region == Some(north) && body["after"]["regions"]["Nord"] == north.to_string()));
        assert!(told.iter().any(|(region, body)| *region == Some(north) && body["before"]["regions"]["Nord"] == north.to_string()));
        for (region, body) in &told {
            let text = body.to_string();
            assert!(*region != Some(north) || !text.contains(&south.to_string()), "{text}");
            assert!(*region != Some(south) || !text.contains(&north.to_string()), "{text}");
        }
        company.check_audit().await;
    }

    async fn of_two_regions_with_one_name_the_file_may_say_which(db: TestDb) {
        let company = Company::found(db).await;
        company.add_region("Germany", "North").await;
        let south = company.add_region("Germany", "South").await;
        let id = uploaded(&company, "Finn Finance", "file.csv", b"Region,Id,Amount\nGermany,1,1.00\nSouth / Germany,2,1.00\nNorth,3,1.00\n").await.unwrap();
        let wanted = crate::imports::columns(&[(Field::Region, "Region"), (Field::ExternalId, "Id"), (Field::AmountIssued, "Amount")]);
        mapping::save_columns(&company.store, company.actor("Finn Finance"), id, row(&company, id).await.version, wanted).await.unwrap();
        let guessed = setup(&company, id).await.mapping.regions;
        assert_eq!(guessed, BTreeMap::from([("North".to_owned(), company.regions["North"]), ("South / Germany".to_owned(), south)]));
    }

    async fn a_mapping_is_chosen_renamed_and_deleted_by_whom_it_belongs_to(db: TestDb) {
        let company = Company::found(db).await;
        let rules = Meanings { regions: regions(&company, &[("Nord", Some("North")), ("Sud", None), ("West", None)]), ..Meanings::default() };
        map(&company, "Nora North", rules).await;
        let first = kept(&company).await.remove(0);
        let (store, nora, sara) = (&company.store, company.actor("Nora North"), company.actor("Sara South"));
        let refused = saved::rename(store, sara.clone(), "k-rename-0", first.id, first.version, "Mine").await;
        assert!(matches!(refused, Err(Failure::Refused(Refusal::State(_)))), "{refused:?}");
        let refused = saved::remove(store, sara.clone(), "k-remove-0", first.id, first.version).await;
        assert!(matches!(refused, Err(Failure::Refused(Refusal::State(_)))), "{refused:?}");
        saved::rename(store, nora.clone(), "k-rename-1", first.id, first.version, "Monthly").await.unwrap();
        assert!(events(&company, "mapping.renamed").await[0].1["after"]["name"] == "Monthly");

        // A second one, and the choice between the two; what leads out of her scope is not filled in.
        let id = map(&company, "Sara South", Meanings { regions: regions(&company, &[("Sud", Some("South"))]), ..Meanings::default() }).await;
        assert_eq!(kept(&company).await.len(), 2);
        let version = row(&company, id).await.version;
        saved::choose(store, sara.clone(), id, version, first.id).await.unwrap();
        let chosen = setup(&company, id).await;
        assert_eq!((chosen.name.as_str(), chosen.mapping.regions.get("Nord")), ("Monthly", None));

        let mut read = company.store.read().await.unwrap();
        let scope = access::of_person(&mut read, company.people["Sara South"], company.store.now()).await.unwrap().scope(Permission::ImportsRun);
        let shown = saved::list(&mut read, &scope).await.unwrap();
        let shown: Vec<(&str, usize, bool)> = shown.iter().map(|one| (one.saved.name.as_str(), one.rules, one.hers)).collect();
        assert_eq!(shown, [("Monthly", 0, false), ("Test", 1, true)]);
        drop(read);
        let now = kept(&company).await.into_iter().find(|one| one.id == first.id).unwrap();
        saved::remove(store, nora.clone(), "k-remove-1", now.id, now.version).await.unwrap();
        saved::remove(store, nora, "k-remove-1", now.id, now.version).await.unwrap();
        assert_eq!(kept(&company).await.len(), 1);
        let told = events(&company, "mapping.deleted").await;
        assert_eq!(told.iter().map(|event| event.0).collect::<Vec<_>>(), [None, Some(company.regions["North"])]);
        company.check_audit().await;
    }
}
