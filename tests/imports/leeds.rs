//! A payment file as a council published it, through the whole import, to the penny.

use std::collections::BTreeMap;

use counterfoil::actions::imports::commit::Mode;
use counterfoil::actions::imports::mapping::Meanings;
use counterfoil::domain::currency::Currency;
use counterfoil::domain::import::Field;
use counterfoil::store::imports;

use super::{checked, columns, committed, number, rollup_holds, row, uploaded, work};
use crate::support::app::Company;
use crate::support::database::{TestDb, on_both_engines};

const PATH: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/data/leeds-payments-2020-06.csv");

/// The file's amounts in pence, with nothing of ours.
fn pence() -> Vec<i64> {
    let mut reader = csv::Reader::from_path(PATH).unwrap();
    let amounts = reader.records().map(|record| record.unwrap()[11].trim().to_owned()).filter(|amount| !amount.is_empty());
    let pence = |amount: String| {
        let (whole, part) = amount.split_once('.').unwrap_or((&amount, ""));
        format!("{whole}{part:0<2}").parse::<i64>().unwrap()
    };
    amounts.map(pence).collect()
}

fn mapped() -> counterfoil::actions::imports::mapping::Columns {
    let mut columns = columns(&[
        (Field::Region, "Organisational Unit"),
        (Field::ExternalId, "Transaction Number"),
        (Field::IssuedAt, "Payment Date"),
        (Field::EffectiveDate, "Effective Date"),
        (Field::AmountIssued, "Amount"),
        (Field::RecipientName, "Beneficiary Name"),
        (Field::Product, "Purpose"),
        (Field::GlAccount, "Detailed Expenditure Code"),
        (Field::Channel, "Procurement Card"),
    ]);
    columns.currency = Currency::parse("GBP");
    columns.time_zone = "Europe/London".to_owned();
    columns
}

on_both_engines! {
    async fn every_row_but_the_last_to_the_penny_and_nothing_the_second_time(db: TestDb) {
        let company = Company::found(db).await;
        let bytes = std::fs::read(PATH).unwrap();
        let mut reader = csv::Reader::from_path(PATH).unwrap();
        // The file is not UTF-8; the units are, and nothing else of a row is looked at here.
        let unit = |record: csv::Result<csv::ByteRecord>| String::from_utf8(record.unwrap()[3].to_vec()).unwrap().trim().to_owned();
        let units: std::collections::BTreeSet<String> = reader.byte_records().map(unit).collect();
        let north = company.regions["North"];
        let regions: BTreeMap<String, _> = units.into_iter().filter(|unit| !unit.is_empty()).map(|unit| (unit, Some(north))).collect();
        let meanings = Meanings { regions, ..Meanings::default() };
        let (id, report) = checked(&company, "Nora North", &bytes, mapped(), Some(meanings)).await;
        let pence = pence();
        let sum: i64 = pence.iter().sum();
        assert_eq!((report.counts.read, report.counts.created, report.counts.refused), (16_177, 16_176, 1));
        assert_eq!(report.created["GBP"].amount, sum);
        assert!(pence.iter().any(|amount| *amount < 0), "credit notes are below zero");
        assert_eq!(report.refused["blank"].first[0].0, 16_178, "the nearly empty last row, by its line in the file");
        assert_eq!(number(&company, "SELECT CAST(count(*) AS BIGINT) FROM reward_transaction").await, 0);

        let done = committed(&company, "Nora North", id, Mode::GoodRows).await;
        assert_eq!((done.state.as_str(), done.rows_created, done.rows_refused), ("done", 16_176, 1));
        assert!(done.finished_at.is_some());
        assert_eq!(number(&company, "SELECT CAST(sum(amount_issued) AS BIGINT) FROM reward_transaction").await, sum);
        assert_eq!(number(&company, "SELECT CAST(count(*) AS BIGINT) FROM import_piece").await, 0, "the file is forgotten");
        let mut read = company.store.read().await.unwrap();
        let refused = imports::refusals(&mut read, id, 0, 10).await.unwrap();
        assert_eq!(refused.iter().map(|row| (row.line, row.code.as_str())).collect::<Vec<_>>(), [(16_178, "blank")]);
        drop(read);
        rollup_holds(&company).await;

        // The mapping was kept under its name with the source: it fits at once.
        let again = uploaded(&company, "Nora North", "again.csv", &bytes).await.unwrap();
        let version = row(&company, again).await.version;
        counterfoil::actions::imports::check::request(&company.store, company.actor("Nora North"), again, version).await.unwrap();
        work(&company).await;
        let done = committed(&company, "Nora North", again, Mode::GoodRows).await;
        assert_eq!((done.state.as_str(), done.rows_created, done.rows_changed, done.rows_unchanged), ("done", 0, 0, 16_176));
        assert_eq!(number(&company, "SELECT CAST(count(*) AS BIGINT) FROM reward_transaction").await, 16_176);
        rollup_holds(&company).await;
        company.check_audit().await;
    }
}
