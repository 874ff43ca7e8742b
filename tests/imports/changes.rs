//! A file that changes rows which were there before: nothing of it is seen, then all of it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use counterfoil::actions::exports::{self, Names, Taking};
use counterfoil::actions::imports::Limits;
use counterfoil::actions::imports::commit::Mode;
use counterfoil::actions::imports::end;
use counterfoil::actions::imports::run::SILENT_SECONDS;
use counterfoil::actions::transactions::{Assignment, assign};
use counterfoil::domain::access::{Actor, Scope};
use counterfoil::domain::id::{ExportId, ImportId, TransactionId};
use counterfoil::domain::list_query::{Calendar, ListQuery};
use counterfoil::domain::refusal::Refusal;
use counterfoil::store::db::Sql;
use counterfoil::store::failure::Failure;
use counterfoil::store::transactions::{counted, hidden_imports, seen};
use counterfoil::store::writer::Intent;
use counterfoil::store::{exports as kept, transaction_detail, transaction_list, transaction_search};

use futures_util::TryStreamExt;

use super::{asked, checked, committed, meanings, number, rollup_holds, row, small, spent, work};
use crate::support::app::Company;
use crate::support::database::{TestDb, on_both_engines};

const ROWS: usize = 1_500;
const NORA: &str = "Nora North";

/// Every row with this amount of euros, for people whose e-mail address says who they are and who are called this.
fn file(euros: u32, budget: &str, name: &str) -> Vec<u8> {
    let rows = (0..ROWS).map(|at| format!("North,{budget},C{at},{euros}.00,{name} {},2026-05-01,word{euros}\n", at % 40));
    format!("Region,Budget,Id,Amount,Name,Date,Note\n{}", rows.collect::<String>()).into_bytes()
}

/// What somebody sees at one moment: rows, their sum, the sum in the rollup, and what each budget has spent.
type Sight = (i64, i64, i64, BTreeMap<String, i64>);

async fn sight(company: &Company) -> Sight {
    let mut read = company.store.read().await.unwrap();
    let hidden = hidden_imports(&mut read).await.unwrap();
    let mut sql = Sql::new(
        "SELECT CAST(count(*) AS BIGINT), CAST(coalesce(sum(t.amount_issued), 0) AS BIGINT) FROM reward_transaction t WHERE 1 = 1",
    );
    seen(&mut sql, "t", &hidden);
    let (rows, amount): (i64, i64) = read.one(sql).await.unwrap().unwrap();
    let mut sql = Sql::new("SELECT CAST(coalesce(sum(u.amount), 0) AS BIGINT) FROM rollup u WHERE 1 = 1");
    counted(&mut sql, "u", &hidden);
    let sums: i64 = read.value(sql).await.unwrap();
    let spent: Vec<(String, i64)> = read.all(Sql::new("SELECT name, spent FROM budget WHERE spent <> 0")).await.unwrap();
    (rows, amount, sums, spent.into_iter().collect())
}

fn all(euros: i64, budget: &str) -> Sight {
    let sum = ROWS as i64 * euros * 100;
    (ROWS as i64, sum, sum, BTreeMap::from([(budget.to_owned(), sum)]))
}

/// Takes the first file and asks for the commit of the second.
async fn two_files(company: &Company) -> ImportId {
    let (id, _) = checked(company, NORA, &file(1, "North one", "Person"), small(), Some(meanings(company))).await;
    assert_eq!(committed(company, NORA, id, Mode::AllOrNothing).await.state, "done");
    assert_eq!(sight(company).await, all(1, "North one"));
    let (id, report) = checked(company, NORA, &file(3, "North two", "Person"), small(), Some(meanings(company))).await;
    assert_eq!((report.counts.changed, report.counts.created), (ROWS as i64, 0));
    asked(company, NORA, id, Mode::AllOrNothing).await.unwrap();
    id
}

/// Lets the job run until `there` is true of the store, and kills it.
async fn killed_when(company: &Company, there: &'static str) {
    let store = company.store.clone();
    let job = tokio::spawn(async move { counterfoil::jobs::import::turn(&store, &Limits::default()).await });
    while number(company, there).await == 0 {
        assert!(!job.is_finished(), "the job ended before it could be killed");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    job.abort();
    let _ = job.await;
}

async fn numbers(company: &Company) -> BTreeMap<i64, TransactionId> {
    let mut read = company.store.read().await.unwrap();
    let rows: Vec<(i64, TransactionId)> = read.all(Sql::new("SELECT no, id FROM reward_transaction")).await.unwrap();
    rows.into_iter().collect()
}

async fn left(company: &Company) -> i64 {
    number(company, "SELECT CAST((SELECT count(*) FROM import_change) + (SELECT count(*) FROM import_rename) AS BIGINT)").await
}

const EVENTS: &str = "SELECT CAST(count(*) AS BIGINT) FROM audit_event WHERE action = 'transaction.changed'";

on_both_engines! {
    async fn a_reader_sees_none_of_the_changes_or_all_of_them(db: TestDb) {
        let company = Company::found(db).await;
        two_files(&company).await;
        let rows = numbers(&company).await;
        let store = company.store.clone();
        let job = tokio::spawn(async move { counterfoil::jobs::import::turn(&store, &Limits::default()).await });
        let mut sights = BTreeSet::new();
        while !job.is_finished() {
            sights.insert(sight(&company).await);
        }
        job.await.unwrap().unwrap();
        sights.insert(sight(&company).await);
        assert_eq!(sights, BTreeSet::from([all(1, "North one"), all(3, "North two")]));
        assert_eq!(numbers(&company).await, rows, "the rows are the same rows");
        assert_eq!((number(&company, EVENTS).await, left(&company).await), (ROWS as i64, 0));
        rollup_holds(&company).await;
        company.check_audit().await;
    }

    async fn killed_before_the_end_nothing_is_seen_and_it_goes_on_or_is_withdrawn(db: TestDb) {
        let company = Company::found(db).await;
        let id = two_files(&company).await;
        killed_when(&company, "SELECT CAST(count(*) AS BIGINT) FROM import_change").await;
        assert_eq!((row(&company, id).await.state.as_str(), sight(&company).await), ("committing", all(1, "North one")));
        company.clock.advance((SILENT_SECONDS + 1) * 1_000_000);
        work(&company).await;
        assert_eq!((row(&company, id).await.state.as_str(), sight(&company).await), ("done", all(3, "North two")));
        assert_eq!((number(&company, EVENTS).await, left(&company).await), (ROWS as i64, 0));
        rollup_holds(&company).await;

        let (id, _) = checked(&company, NORA, &file(4, "North two", "Person"), small(), Some(meanings(&company))).await;
        asked(&company, NORA, id, Mode::AllOrNothing).await.unwrap();
        killed_when(&company, "SELECT CAST(count(*) AS BIGINT) FROM import_change").await;
        let version = row(&company, id).await.version;
        end::withdraw(&company.store, company.actor(NORA), id, version).await.unwrap();
        work(&company).await;
        assert_eq!((row(&company, id).await.state.as_str(), sight(&company).await), ("withdrawn", all(3, "North two")));
        assert_eq!((number(&company, EVENTS).await, left(&company).await), (ROWS as i64, 0));
        rollup_holds(&company).await;
        company.check_audit().await;
    }

    async fn killed_after_the_end_all_is_seen_and_nobody_else_changes_it_until_it_stands(db: TestDb) {
        let company = Company::found(db).await;
        let id = two_files(&company).await;
        let rows = numbers(&company).await;
        killed_when(&company, "SELECT CAST(count(*) AS BIGINT) FROM import_run WHERE state = 'done' AND rows_changed > 0").await;
        assert!(left(&company).await > 0, "the job was killed too late");
        assert_eq!(sight(&company).await, all(3, "North two"));

        let north = Scope::of([company.regions["North"]], false);
        let mut read = company.store.read().await.unwrap();
        let query = ListQuery::default();
        let calendar = Calendar::at(company.store.now(), chrono_tz::UTC, 1);
        let hidden = hidden_imports(&mut read).await.unwrap();
        let list = transaction_list::ask(&mut read, &north, &north, &query, calendar, hidden).await.unwrap();
        let page = transaction_list::page(&mut read, &list, transaction_list::Place::First).await.unwrap();
        assert_eq!(page.lines.iter().map(|line| line.id).collect::<BTreeSet<_>>().len(), transaction_list::PAGE);
        let next = transaction_list::page(&mut read, &list, transaction_list::Place::After(page.next.unwrap())).await.unwrap();
        assert!(next.lines.iter().all(|line| page.lines.iter().all(|before| before.id != line.id)));
        let waiting: Vec<(TransactionId,)> = read.all(Sql::new("SELECT id FROM import_change ORDER BY old_no DESC LIMIT 1")).await.unwrap();
        let found = transaction_detail::find(&mut read, &north, waiting[0].0).await.unwrap().unwrap();
        assert_eq!((found.amount_issued, found.note.as_deref(), found.budget_id), (300, Some("word3"), Some(company.budgets["North two"])));
        drop(read);
        let wanted = Assignment { transaction: found.id, version: found.version, budget: company.budgets["North one"] };
        let refused = assign(&company.store, company.actor(NORA), "assign-1", wanted.clone()).await;
        assert!(matches!(refused, Err(Failure::Refused(Refusal::State(_)))), "{refused:?}");

        company.clock.advance((SILENT_SECONDS + 1) * 1_000_000);
        work(&company).await;
        assert!(row(&company, id).await.finished_at.is_some());
        assert_eq!((sight(&company).await, left(&company).await), (all(3, "North two"), 0));
        assert_eq!((numbers(&company).await, number(&company, EVENTS).await), (rows, ROWS as i64));
        // Moved by hand afterwards, it is given back from the posting of the import that changed it.
        assign(&company.store, company.actor(NORA), "assign-2", wanted).await.unwrap();
        let moved = ROWS as i64 * 300 - 300;
        assert_eq!(spent(&company).await, BTreeMap::from([("North one".to_owned(), 300), ("North two".to_owned(), moved)]));
        // And changed by a file once more, from there.
        let (id, report) = checked(&company, NORA, &file(4, "North two", "Person"), small(), Some(meanings(&company))).await;
        assert_eq!(report.counts.changed, ROWS as i64);
        assert_eq!(committed(&company, NORA, id, Mode::AllOrNothing).await.failure, "");
        assert_eq!(sight(&company).await, all(4, "North two"));
        rollup_holds(&company).await;
        company.check_audit().await;
    }

    async fn an_export_that_was_planned_before_is_never_half_of_it(db: TestDb) {
        let company = Company::found(db).await;
        two_files(&company).await;
        let (scope, query) = (Scope::of(company.regions.values().copied(), true), ListQuery::parse("columns=external_id,amount_issued").query);
        let plan = async || {
            let mut read = company.store.read().await.unwrap();
            let hidden = hidden_imports(&mut read).await.unwrap();
            let calendar = Calendar::at(company.store.now(), chrono_tz::UTC, 1);
            let asked = transaction_list::ask(&mut read, &scope, &scope, &query, calendar, hidden).await.unwrap();
            kept::plan(&asked, query.columns(), company.store.engine())
        };
        let taken = async |plan| {
            let (actor, words) = (company.actor(NORA), "All".to_owned());
            let taking = Taking { actor, id: ExportId(uuid::Uuid::nil()), query: query.clone(), words, format: "machine".to_owned() };
            let preset = exports::preset("machine").unwrap();
            exports::download(&company.store, taking, plan, preset, Names::default()).try_fold(0, async |lines, piece| {
                Ok(lines + piece.split(|byte| *byte == b'\n').count() - 1)
            }).await
        };
        let before = plan().await;
        assert_eq!(taken(before.clone()).await.unwrap(), ROWS + 1, "nothing is published yet");
        killed_when(&company, "SELECT CAST(count(*) AS BIGINT) FROM audit_event WHERE action = 'transaction.changed'").await;
        assert!(taken(before).await.is_err(), "some rows are written over, and the list of what is hidden is an old one");
        assert_eq!(taken(plan().await).await.unwrap(), ROWS + 1);
    }

    async fn people_are_called_otherwise_when_the_rest_is_seen(db: TestDb) {
        let company = Company::found(db).await;
        let mut named = small();
        named.columns.insert(counterfoil::domain::import::Field::EmployeeNumber, "Budget".to_owned());
        named.columns.remove(&counterfoil::domain::import::Field::Budget);
        let mut meanings = meanings(&company);
        meanings.budgets.clear();
        let (id, _) = checked(&company, NORA, &file(1, "E1", "Old"), named.clone(), Some(meanings.clone())).await;
        committed(&company, NORA, id, Mode::AllOrNothing).await;
        let (id, _) = checked(&company, NORA, &file(2, "E1", "New"), named.clone(), Some(meanings.clone())).await;
        asked(&company, NORA, id, Mode::AllOrNothing).await.unwrap();
        killed_when(&company, "SELECT CAST(count(*) AS BIGINT) FROM import_rename").await;
        let called = "SELECT CAST(count(*) AS BIGINT) FROM recipient WHERE name LIKE 'New%'";
        assert_eq!(number(&company, called).await, 0, "one person, and she keeps her name");
        company.clock.advance((SILENT_SECONDS + 1) * 1_000_000);
        work(&company).await;
        assert_eq!((number(&company, called).await, left(&company).await), (1, 0));
        company.check_audit().await;

        // What no file touches is found by the new name as well.
        let indexed = company.store.write(Intent::once(Actor::system("job"), "search.index"), |tx| {
            Box::pin(async move { Ok(transaction_search::index_more(tx, 10_000).await?) })
        });
        assert_eq!(indexed.await.unwrap(), ROWS as i64);
        let one = "Region,Budget,Id,Amount,Name,Date,Note\nNorth,E1,C0,2.00,Renamed,2026-05-01,word2\n";
        let (id, report) = checked(&company, NORA, one.as_bytes(), named, Some(meanings)).await;
        assert_eq!(report.counts.changed, 1);
        committed(&company, NORA, id, Mode::AllOrNothing).await;
        let words = transaction_search::Term::all("renamed");
        let held = transaction_search::held(&mut company.store.read().await.unwrap(), &words).await.unwrap().unwrap();
        assert_eq!((held.rows.len(), held.up_to), (ROWS, ROWS as i64));
        assert_eq!(number(&company, "SELECT CAST(count(*) AS BIGINT) FROM import_rename").await, 0);
    }
}
