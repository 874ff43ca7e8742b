//! What stands in another region decides nothing about a file, and nobody learns it from one.

use counterfoil::actions::imports::commit::Mode;
use counterfoil::actions::imports::mapping::{Columns, Meanings};
use counterfoil::actions::imports::report::{Part, Report};
use counterfoil::domain::id::RegionId;
use counterfoil::domain::import::Field;
use counterfoil::store::db::Sql;
use counterfoil::store::imports::Counts;
use serde_json::Value;

use super::{checked, columns, committed, number, rollup_holds, small};
use crate::support::app::Company;
use crate::support::database::{TestDb, on_both_engines};

const PLAIN: &[u8] = b"Amount,Name,Date\n5.00,Kim,2026-05-01\n5.00,Kim,2026-05-01\n6.00,Lee,2026-05-02\n";

/// Columns of a file without ids and without regions.
fn plain() -> Columns {
    columns(&[(Field::AmountIssued, "Amount"), (Field::RecipientName, "Name"), (Field::IssuedAt, "Date")])
}

/// Every row in one region.
fn all_in(company: &Company, region: &str) -> Meanings {
    Meanings { region: Some(company.regions[region]), ..Meanings::default() }
}

/// Regions by their own names.
fn by_name(company: &Company, names: &[&str]) -> Meanings {
    Meanings { regions: names.iter().map(|name| ((*name).to_owned(), Some(company.regions[*name]))).collect(), ..Meanings::default() }
}

async fn load(company: &Company, who: &str, bytes: &[u8], columns: Columns, meanings: Meanings) -> Report {
    let (id, report) = checked(company, who, bytes, columns, Some(meanings)).await;
    let done = committed(company, who, id, Mode::GoodRows).await;
    assert_eq!(done.state, "done", "{}", done.failure);
    assert!(done.failure.is_empty(), "{}", done.failure);
    report
}

fn ids(rows: &str) -> Vec<u8> {
    format!("Region,Budget,Id,Amount,Name,Date,Note\n{rows}").into_bytes()
}

fn counts(created: i64, changed: i64, unchanged: i64, refused: i64) -> Counts {
    Counts { read: created + changed + unchanged + refused, created, changed, unchanged, refused }
}

/// The events of changed transactions: region, before, after, detail.
async fn changes(company: &Company) -> Vec<(Option<RegionId>, Value, Value, Value)> {
    let mut read = company.store.read().await.unwrap();
    let sql = Sql::new("SELECT region_id, body FROM audit_event WHERE action = 'transaction.changed' ORDER BY seq");
    let rows: Vec<(Option<RegionId>, Vec<u8>)> = read.all(sql).await.unwrap();
    let body = |bytes: &[u8]| serde_json::from_slice::<Value>(bytes).unwrap();
    rows.iter()
        .map(|(region, bytes)| (*region, body(bytes)["before"].clone(), body(bytes)["after"].clone(), body(bytes)["detail"].clone()))
        .collect()
}

on_both_engines! {
    async fn equal_rows_without_ids_are_of_each_region_their_own(db: TestDb) {
        let company = Company::found(db).await;
        let sara = load(&company, "Sara South", PLAIN, plain(), all_in(&company, "South")).await;
        assert_eq!(sara.counts, counts(3, 0, 0, 0));
        let nora = load(&company, "Nora North", PLAIN, plain(), all_in(&company, "North")).await;
        assert_eq!(nora.counts, counts(3, 0, 0, 0), "the rows of the South are none of hers");
        let again = load(&company, "Nora North", PLAIN, plain(), all_in(&company, "North")).await;
        assert_eq!(again.counts, counts(0, 0, 3, 0));
        let finn = load(&company, "Finn Finance", PLAIN, plain(), all_in(&company, "South")).await;
        assert_eq!(finn.counts, counts(0, 0, 3, 0), "seeing both, he does not move one into the other");
        assert_eq!(number(&company, "SELECT CAST(count(*) AS BIGINT) FROM reward_transaction").await, 6);
        rollup_holds(&company).await;
        company.check_audit().await;
    }

    async fn an_id_of_another_region_is_as_good_as_none(db: TestDb) {
        let company = Company::found(db).await;
        load(&company, "Sara South", &ids("South,,X1,5.00,Sam,2026-05-01,\n"), small(), by_name(&company, &["South"])).await;
        let rows = ids("North,,X1,7.00,Ann,2026-05-01,\nNorth,,X2,7.00,Ann,2026-05-01,\n");
        let nora = load(&company, "Nora North", &rows, small(), by_name(&company, &["North"])).await;
        assert_eq!(nora.counts, counts(2, 0, 0, 0), "{:?}", nora.refused);
        let again = load(&company, "Nora North", &rows, small(), by_name(&company, &["North"])).await;
        assert_eq!(again.counts, counts(0, 0, 2, 0));
        // Who sees both changes the one of the row's own region, and is asked where it is in neither.
        let both = by_name(&company, &["North", "South", "Global"]);
        let one = load(&company, "Finn Finance", &ids("South,,X1,5.50,Sam,2026-05-01,\n"), small(), both.clone()).await;
        assert_eq!(one.counts, counts(0, 1, 0, 0));
        let none = load(&company, "Finn Finance", &ids("Global,,X1,5.50,Sam,2026-05-01,\n"), small(), both).await;
        assert_eq!(none.counts, counts(0, 0, 0, 1));
        assert!(none.refused.contains_key("id_in_several_regions"), "{:?}", none.refused);
        assert_eq!(number(&company, "SELECT amount_issued FROM reward_transaction WHERE external_id = 'X1' AND note IS NULL AND amount_issued > 600").await, 700);
        rollup_holds(&company).await;
        company.check_audit().await;
    }

    async fn a_row_that_moves_leaves_a_silent_event_in_each_region(db: TestDb) {
        let company = Company::found(db).await;
        let (north, south) = (company.regions["North"], company.regions["South"]);
        let mut both = by_name(&company, &["North", "South"]);
        both.budgets = ["North one", "South one"].map(|name| (name.to_owned(), Some(company.budgets[name]))).into();
        load(&company, "Finn Finance", &ids("South,South one,M1,5.00,Sam,2026-05-01,\n"), small(), both.clone()).await;
        let moved = load(&company, "Finn Finance", &ids("North,North one,M1,8.00,Sam,2026-05-01,\n"), small(), both).await;
        assert_eq!(moved.counts, counts(0, 1, 0, 0));
        let part = Part { changed: 1, ..Part::default() };
        assert_eq!(moved.parts, [(north, part), (south, part)].into(), "it belongs to what happened in both");
        let events = changes(&company).await;
        assert_eq!(events.iter().map(|event| event.0).collect::<Vec<_>>(), [Some(south), Some(north)]);
        let other = |region: RegionId, budget: &str| [region.to_string()[4..].to_owned(), company.budgets[budget].to_string()[4..].to_owned()];
        let (of_south, of_north) = (format!("{:?}", events[0]), format!("{:?}", events[1]));
        let said = |event: &str| event.split_once(')').unwrap().1.to_owned();
        for id in other(north, "North one") {
            assert!(!said(&of_south).contains(&id), "{of_south}");
            assert!(said(&of_north).contains(&id), "{of_north}");
        }
        for id in other(south, "South one") {
            assert!(said(&of_south).contains(&id) && !said(&of_north).contains(&id), "{of_south} {of_north}");
        }
        assert_eq!((&events[0].1["amount_issued"], &events[1].2["amount_issued"]), (&"500".into(), &"800".into()));
        assert_eq!(events.iter().map(|event| event.3["postings"].as_array().unwrap().len()).collect::<Vec<_>>(), [1, 1]);
        rollup_holds(&company).await;
        company.check_audit().await;
    }
}
