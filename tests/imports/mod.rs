//! Imports, from the file to the ledger.

mod changes;
mod commit;
mod files;
mod leeds;
mod mappings;
mod wall;

use std::collections::BTreeMap;
use std::io::{Seek, SeekFrom, Write};

use counterfoil::actions::imports::commit::Mode;
use counterfoil::actions::imports::mapping::{Columns, Meanings};
use counterfoil::actions::imports::report::Report;
use counterfoil::actions::imports::upload::Received;
use counterfoil::actions::imports::{Limits, Stop, check, commit as writing, mapping, upload};
use counterfoil::domain::currency::Currency;
use counterfoil::domain::id::ImportId;
use counterfoil::domain::import::Field;
use counterfoil::jobs;
use counterfoil::store::db::Sql;
use counterfoil::store::failure::Failure;
use counterfoil::store::imports::{self, ImportRow};
use sha2::{Digest, Sha256};

use crate::support::app::Company;

/// A file as it comes in.
fn received(name: &str, bytes: &[u8]) -> Received {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(bytes).unwrap();
    file.seek(SeekFrom::Start(0)).unwrap();
    Received { file, name: name.to_owned(), bytes: bytes.len() as i64, sha256: Sha256::digest(bytes).into() }
}

/// Uploads a file.
async fn uploaded(company: &Company, who: &str, name: &str, bytes: &[u8]) -> Result<ImportId, Stop> {
    let key = company.store.random.token(16);
    upload::receive(&company.store, company.actor(who), &key, "Vendor", received(name, bytes), &Limits::default()).await
}

/// The import as it is now.
async fn row(company: &Company, id: ImportId) -> ImportRow {
    let mut read = company.store.read().await.unwrap();
    imports::get(&mut read, id).await.unwrap().unwrap()
}

/// Does what the jobs would do.
async fn work(company: &Company) {
    jobs::import::turn(&company.store, &Limits::default()).await.unwrap();
}

/// What the columns page would send, from field and header.
fn columns(pairs: &[(Field, &str)]) -> Columns {
    Columns {
        columns: pairs.iter().map(|(field, header)| (*field, (*header).to_owned())).collect(),
        currency: Currency::parse("EUR"),
        time_zone: "UTC".to_owned(),
        name: "Test".to_owned(),
        ..Columns::default()
    }
}

/// The columns of the small file.
pub fn small() -> Columns {
    columns(&[
        (Field::Region, "Region"),
        (Field::Budget, "Budget"),
        (Field::ExternalId, "Id"),
        (Field::AmountIssued, "Amount"),
        (Field::RecipientName, "Name"),
        (Field::IssuedAt, "Date"),
        (Field::Note, "Note"),
    ])
}

/// Rules for regions and budgets by their own names.
pub fn meanings(company: &Company) -> Meanings {
    Meanings {
        regions: company.regions.iter().filter(|(name, _)| *name == "North").map(|(name, id)| (name.clone(), Some(*id))).collect(),
        budgets: company.budgets.iter().filter(|(name, _)| name.starts_with("North")).map(|(name, id)| (name.clone(), Some(*id))).collect(),
        ..Meanings::default()
    }
}

/// Uploads, maps and checks; the report.
pub async fn checked(company: &Company, who: &str, bytes: &[u8], columns: Columns, meanings: Option<Meanings>) -> (ImportId, Report) {
    let id = uploaded(company, who, "file.csv", bytes).await.unwrap();
    let version = row(company, id).await.version;
    mapping::save_columns(&company.store, company.actor(who), id, version, columns).await.unwrap();
    if let Some(meanings) = meanings {
        let version = row(company, id).await.version;
        mapping::save_values(&company.store, company.actor(who), id, version, meanings).await.unwrap();
    }
    let version = row(company, id).await.version;
    check::request(&company.store, company.actor(who), id, version).await.unwrap();
    work(company).await;
    let row = row(company, id).await;
    assert_eq!(row.state, "checked", "{}", row.failure);
    (id, serde_json::from_str(&row.report).unwrap())
}

/// Asks for the commit.
async fn asked(company: &Company, who: &str, id: ImportId, mode: Mode) -> Result<(), Failure> {
    let version = row(company, id).await.version;
    let key = company.store.random.token(16);
    writing::request(&company.store, company.actor(who), &key, id, version, mode).await
}

/// Commits; the row afterwards.
pub async fn committed(company: &Company, who: &str, id: ImportId, mode: Mode) -> ImportRow {
    asked(company, who, id, mode).await.unwrap();
    work(company).await;
    row(company, id).await
}

/// One number.
async fn number(company: &Company, sql: &'static str) -> i64 {
    let mut read = company.store.read().await.unwrap();
    read.value(Sql::new(sql)).await.unwrap()
}

/// Spent by budget.
async fn spent(company: &Company) -> BTreeMap<String, i64> {
    let mut read = company.store.read().await.unwrap();
    let rows: Vec<(String, i64)> = read.all(Sql::new("SELECT name, spent FROM budget WHERE spent <> 0")).await.unwrap();
    rows.into_iter().collect()
}

/// Counts and sums in the rollup are those of the rows.
async fn rollup_holds(company: &Company) {
    let rows = number(company, "SELECT CAST(count(*) AS BIGINT) FROM reward_transaction").await;
    let amount = number(company, "SELECT CAST(COALESCE(sum(amount_issued), 0) AS BIGINT) FROM reward_transaction").await;
    assert_eq!(number(company, "SELECT CAST(COALESCE(sum(transactions), 0) AS BIGINT) FROM rollup").await, rows);
    assert_eq!(number(company, "SELECT CAST(COALESCE(sum(amount), 0) AS BIGINT) FROM rollup").await, amount);
}

/// A file of North and South taken by Finn, who sees both.
pub async fn two_regions(company: &Company, bytes: &[u8]) -> ImportId {
    let who = "Finn Finance";
    let id = uploaded(company, who, "both.csv", bytes).await.unwrap();
    let wanted = columns(&[(Field::Region, "Region"), (Field::ExternalId, "Id"), (Field::AmountIssued, "Amount")]);
    mapping::save_columns(&company.store, company.actor(who), id, row(company, id).await.version, wanted).await.unwrap();
    let rules = company.regions.iter().map(|(name, id)| (name.clone(), Some(*id))).collect();
    let meanings = Meanings { regions: rules, ..Meanings::default() };
    mapping::save_values(&company.store, company.actor(who), id, row(company, id).await.version, meanings).await.unwrap();
    check::request(&company.store, company.actor(who), id, row(company, id).await.version).await.unwrap();
    work(company).await;
    let done = committed(company, who, id, Mode::GoodRows).await;
    assert_eq!(done.state, "done", "{}", done.failure);
    id
}

/// An import whose columns are kept under this name, with a rule for the North.
pub async fn open_import(company: &Company, who: &str, name: &str) -> ImportId {
    opened(company, who, name, "file.csv", b"Region,Id,Amount\nNorth,P1,10.00\n").await
}

/// The same of a file of one's own, which has these three columns. Rules are guessed for the regions that she may import for.
pub async fn opened(company: &Company, who: &str, name: &str, file: &str, bytes: &[u8]) -> ImportId {
    let id = uploaded(company, who, file, bytes).await.unwrap();
    let wanted = columns(&[(Field::Region, "Region"), (Field::ExternalId, "Id"), (Field::AmountIssued, "Amount")]);
    let wanted = Columns { name: name.to_owned(), ..wanted };
    mapping::save_columns(&company.store, company.actor(who), id, row(company, id).await.version, wanted).await.unwrap();
    id
}

/// A file with these fields as its headers, loaded by somebody who may, whose budgets and regions are known by these words.
pub async fn loaded(company: &Company, who: &str, file: &str, fields: &[&str], rows: &str, meanings: Meanings) -> ImportId {
    let bytes = format!("{}\n{rows}", fields.join(","));
    let id = uploaded(company, who, file, bytes.as_bytes()).await.unwrap();
    let pairs: Vec<(Field, &str)> = fields.iter().map(|key| (Field::parse(key).unwrap(), *key)).collect();
    let wanted = Columns { name: String::new(), ..columns(&pairs) };
    mapping::save_columns(&company.store, company.actor(who), id, row(company, id).await.version, wanted).await.unwrap();
    mapping::save_values(&company.store, company.actor(who), id, row(company, id).await.version, meanings).await.unwrap();
    check::request(&company.store, company.actor(who), id, row(company, id).await.version).await.unwrap();
    work(company).await;
    let done = committed(company, who, id, Mode::GoodRows).await;
    assert_eq!((done.state.as_str(), done.rows_created), ("done", done.rows_read), "{} {}", done.failure, done.report);
    id
}
