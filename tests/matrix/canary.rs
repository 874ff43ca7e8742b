//! A word that stands in every text of the South and nowhere else: no byte of it reaches anybody who sees the North alone.

use std::collections::BTreeMap;

use counterfoil::actions::budgets::{self, Attributes, NewBudget};
use counterfoil::actions::imports::mapping::Meanings;
use counterfoil::actions::regions::{self, Fields};
use counterfoil::domain::currency::Currency;
use counterfoil::domain::time::Day;
use counterfoil::store::db::Sql;
use counterfoil::store::writer::Intent;

use super::objects::{OWNERS, World, export};
use super::principals::{Place, Principal, SPARE};
use crate::support::app::{Answer, TestApp};
use crate::web::budgets::moved;

/// The word, in small letters; longer than what chance writes.
pub const WORD: &str = "zephyrquark";
/// An amount that only the South has.
const AMOUNT: &str = "7654321.09";

/// What must not be seen.
pub struct Canary {
    /// In small letters; ids without what stands before their underscore.
    pub needles: Vec<String>,
    /// A posting between the two regions: seen from both, and from each without the other.
    pub between: String,
    /// Objects of the South besides those of the world, for addresses.
    pub budget: String,
    pub import: String,
    pub both: String,
    /// What people of the North type in themselves, and see again in the lists of what they asked for.
    pub typed: String,
}

/// Whether somebody sees the North and nothing else.
pub fn is_of_north(who: &Principal) -> bool {
    who.is_in() && !who.grants.is_empty() && who.grants.iter().all(|(_, place)| *place == Place::North)
}

const FIELDS: &[&str] = &[
    "region",
    "budget",
    "external_id",
    "order_id",
    "batch_id",
    "po_number",
    "campaign",
    "product",
    "cost_center",
    "gl_account",
    "recipient_name",
    "recipient_email",
    "employee_number",
    "note",
    "amount_issued",
    "issued_at",
];

fn line(region: &str, budget: &str, word: &str, at: usize, amount: &str) -> String {
    let texts = ["ext", "order", "batch", "po", "campaign", "voucher", "cc", "gl", "person"].map(|text| format!("{word} {text} {at}"));
    format!("{region},{budget},{},{word}{at}@{word}.example,{word}-{at},{word} note,{amount},2026-11-20\n", texts.join(","))
}

/// Writes the word into everything that the South has, and takes the ids that are the South's alone.
pub async fn seed(app: &TestApp, world: &World) -> Canary {
    let company = &app.company;
    let (south, store, ada) = (company.regions["South"], &company.store, company.actor("Ada Admin"));
    rename_people(app).await;
    let currency = Currency::parse("EUR").unwrap();
    let (name, cost_centre) = (format!("The {WORD} region"), format!("{WORD}-cc"));
    let fields = Fields { name, currency, time_zone: "Europe/Berlin".to_owned(), fiscal_start_month: 1, cost_centre };
    regions::edit(store, ada.clone(), "key-of-the-canary-1", south, 1, fields.clone()).await.unwrap();
    let below = Fields { name: format!("Below {WORD}"), ..fields };
    let below = regions::add(store, ada, "key-of-the-canary-2", south, below).await.unwrap();
    let finn = company.actor("Finn Finance");
    let day = |text: &str| Day::parse(text).unwrap();
    let attributes = Attributes {
        name: format!("{WORD} budget"),
        period_start: day("2026-01-01"),
        period_end: day("2026-12-31"),
        owner: Some(company.people[OWNERS[1]]),
        cost_centre: format!("{WORD}-cc"),
    };
    let new = NewBudget { region: south, currency, attributes, draft: false, allocation: Some(99_999_999_99) };
    let budget = budgets::create(store, finn, "key-of-the-canary-3", new).await.unwrap().budget();
    let rules = |pairs: &[(&str, &str)]| -> Meanings {
        let regions: BTreeMap<_, _> = pairs.iter().map(|(word, region)| ((*word).to_owned(), Some(company.regions[*region]))).collect();
        let budgets = [(format!("{WORD} b"), Some(budget)), ("n".to_owned(), Some(company.budgets["North one"]))];
        let budgets = budgets.into_iter().filter(|(word, _)| pairs.iter().any(|pair| pair.1 == "South" || word.as_str() == "n"));
        Meanings { regions, budgets: budgets.collect(), ..Meanings::default() }
    };
    let (word, theirs) = (format!("{WORD} r"), format!("{WORD} b"));
    let rows: String = (0..3).map(|at| line(&word, &theirs, WORD, at, AMOUNT)).collect();
    let mut only = rules(&[(&word, "South")]);
    only.budgets.retain(|known, _| known == &theirs);
    let import = crate::imports::loaded(company, OWNERS[1], &format!("{WORD}.csv"), FIELDS, &rows, only).await;
    let rows = format!("{}{}", line(&word, &theirs, WORD, 7, AMOUNT), line("n", "n", "plain", 8, "1.00"));
    let both = rules(&[(&word, "South"), ("n", "North")]);
    let both = crate::imports::loaded(company, "Finn Finance", &format!("{WORD} both.csv"), FIELDS, &rows, both).await;
    let sara = app.signed_in(OWNERS[1]).await;
    let address = format!("/budgets/{budget}");
    let note = format!("{WORD} note");
    moved(&sara, &format!("{address}/reservations"), &[("amount", "77.00"), ("note", &note)]).await;
    let adjusted = [("direction", "up"), ("reason_code", "correction"), ("amount", "66.00"), ("note", note.as_str())];
    moved(&sara, &format!("{address}/adjustments"), &adjusted).await;
    let made = export(&sara, &format!("q={WORD}&import={import}")).await;
    let finn = app.signed_in("Finn Finance").await;
    let between = moved(&finn, &format!("{address}/transfers"), &[("to", &world.budgets[0]), ("amount", "3.00"), ("note", "Shared")]).await;
    let between = between.split('?').next().unwrap().trim_start_matches("/postings/").to_owned();
    let mut needles = vec![WORD.to_owned(), "7,654,321.09".to_owned(), AMOUNT.to_owned(), AMOUNT.replace('.', "")];
    let ids = [south.to_string(), below.to_string(), budget.to_string(), import.to_string(), made];
    let known = [&world.budgets, &world.reserves, &world.transactions, &world.imports, &world.open, &world.exports, &world.events];
    let known = known.into_iter().chain([&world.postings, &world.grants]).map(|two| two[1].clone());
    let people = [OWNERS[1], "Sven South", SPARE[1]].map(|name| company.people[name].to_string());
    needles.extend(ids.into_iter().chain(known).chain(people).map(|id| id[4..].to_owned()));
    let typed = format!("{south} {budget}");
    Canary { typed, needles, between, budget: budget.to_string(), import: import.to_string(), both: both.to_string() }
}

/// Those who are of the South alone get the word into their names.
async fn rename_people(app: &TestApp) {
    let ids = [OWNERS[1], "Sven South", SPARE[1]].map(|name| app.company.people[name]);
    let renamed = app.company.store.write(Intent::once(app.company.actor("Ada Admin"), "test.rename"), move |tx| {
        Box::pin(async move {
            for (at, id) in ids.into_iter().enumerate() {
                let sql = Sql::new("UPDATE person SET name = $2, email = $3 WHERE id = $1");
                let (name, email) = (format!("{WORD} person {at}"), format!("{at}@{WORD}.example"));
                tx.exec_one(sql.bind(id).bind(name).bind(email)).await?;
            }
            Ok(())
        })
    });
    renamed.await.unwrap();
}

impl Canary {
    /// What of the South stands in an answer and did not stand in what was asked.
    pub fn leak(&self, asked: &str, answer: &Answer) -> Option<String> {
        let mut said = answer.body.to_lowercase();
        for (name, value) in &answer.headers {
            said.push_str(&format!("\n{name}: {}", String::from_utf8_lossy(value.as_bytes()).to_lowercase()));
        }
        let asked = asked.to_lowercase();
        let found = self.needles.iter().find(|needle| !asked.contains(needle.as_str()) && said.contains(needle.as_str()))?;
        let at = said.find(found.as_str())?;
        let before: String = said[..at].chars().rev().take(80).collect::<Vec<_>>().into_iter().rev().collect();
        Some(format!("{found} after …{}", before.replace('\n', " ")))
    }
}
