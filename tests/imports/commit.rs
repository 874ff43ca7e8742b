//! What a commit does, and what it leaves when it does not finish.

use std::collections::BTreeMap;

use counterfoil::actions::imports::Limits;
use counterfoil::actions::imports::commit::Mode;
use counterfoil::actions::imports::end;
use counterfoil::actions::imports::file::Input;
use counterfoil::actions::imports::run::{Run, SILENT_SECONDS};
use counterfoil::domain::access::Scope;
use counterfoil::domain::refusal::Refusal;
use counterfoil::store::db::Sql;
use counterfoil::store::failure::Failure;
use counterfoil::store::imports;
use counterfoil::store::transactions::{hidden_imports, seen};

use super::{asked, checked, committed, meanings, number, rollup_holds, row, small, spent, work};
use crate::support::app::Company;
use crate::support::database::{TestDb, on_both_engines};

const HEADER: &str = "Region,Budget,Id,Amount,Name,Date,Note\n";

fn file(rows: &[&str]) -> Vec<u8> {
    format!("{HEADER}{}\n", rows.join("\n")).into_bytes()
}

/// A file of `count` good rows of one euro each.
fn many(count: usize) -> Vec<u8> {
    let rows: Vec<String> = (0..count).map(|at| format!("North,North one,R{at},1.00,Person {},2026-05-01,", at % 70)).collect();
    format!("{HEADER}{}\n", rows.join("\n")).into_bytes()
}

async fn visible(company: &Company) -> i64 {
    let mut read = company.store.read().await.unwrap();
    let hidden = hidden_imports(&mut read).await.unwrap();
    let mut sql = Sql::new("SELECT CAST(count(*) AS BIGINT) FROM reward_transaction t WHERE 1 = 1");
    seen(&mut sql, "t", &hidden);
    read.value(sql).await.unwrap()
}

on_both_engines! {
    async fn rows_cost_their_budgets_and_a_changed_row_gives_back_and_pays_anew(db: TestDb) {
        let company = Company::found(db).await;
        let first = file(&[
            "North,North one,A1,100.00,Ann,2026-05-01,first",
            "North,North one,A2,-20.00,Ben,2026-05-02,credit",
            "North,North two,A3,50.00,Ann,2026-06-02,",
            "North,,A4,7.00,,2026-06-03,",
        ]);
        let (id, report) = checked(&company, "Nora North", &first, small(), Some(meanings(&company))).await;
        assert_eq!((report.counts.created, report.counts.refused, report.unassigned), (4, 0, 1));
        let effects = report.budgets.iter().map(|effect| (effect.name.as_str(), (effect.before, effect.after)));
        let effects: BTreeMap<&str, (i64, i64)> = effects.collect();
        assert_eq!(effects, BTreeMap::from([("North one", (1_000_000, 992_000)), ("North two", (1_000_000, 995_000))]));
        assert!(spent(&company).await.is_empty(), "a dry run moves nothing");
        let done = committed(&company, "Nora North", id, Mode::AllOrNothing).await;
        assert_eq!((done.state.as_str(), done.rows_created), ("done", 4), "{}", done.failure);
        assert_eq!(spent(&company).await, BTreeMap::from([("North one".to_owned(), 8_000), ("North two".to_owned(), 5_000)]));
        assert_eq!(number(&company, "SELECT CAST(count(*) AS BIGINT) FROM recipient").await, 2);

        let second = file(&[
            "North,North one,A1,130.00,Ann,2026-05-01,first",
            "North,North two,A2,-20.00,Ben,2026-05-02,credit",
            "North,North two,A3,50.00,Ann,2026-06-02,a note",
            "North,,A4,7.00,,2026-06-03,",
            "North,North one,A5,1.00,Cay,2026-06-03,",
        ]);
        let (id, report) = checked(&company, "Nora North", &second, small(), Some(meanings(&company))).await;
        assert_eq!((report.counts.created, report.counts.changed, report.counts.unchanged), (1, 3, 1));
        assert!(report.examples[0].changes.contains(&("Amount issued".to_owned(), "100.00 EUR".to_owned(), "130.00 EUR".to_owned())));
        let done = committed(&company, "Nora North", id, Mode::AllOrNothing).await;
        assert_eq!((done.state.as_str(), done.rows_changed), ("done", 3), "{}", done.failure);
        assert!(done.finished_at.is_some());
        assert_eq!(spent(&company).await, BTreeMap::from([("North one".to_owned(), 13_100), ("North two".to_owned(), 3_000)]));
        assert_eq!(number(&company, "SELECT CAST(count(*) AS BIGINT) FROM audit_event WHERE action = 'transaction.changed'").await, 3);
        rollup_holds(&company).await;
        company.check_audit().await;
    }

    async fn rows_of_other_regions_in_the_middle_are_refused_in_the_words_for_unknown_ones(db: TestDb) {
        let company = Company::found(db).await;
        // Somebody with the whole organisation has made rules for the South.
        let mut all = meanings(&company);
        all.regions.insert("South".to_owned(), Some(company.regions["South"]));
        let (id, _) = checked(&company, "Finn Finance", &file(&["South,,S1,5.00,Sam,2026-05-01,"]), small(), Some(all)).await;
        committed(&company, "Finn Finance", id, Mode::GoodRows).await;

        let rows = file(&[
            "North,North one,B1,1.00,Ann,2026-05-01,",
            "South,North one,B2,2.00,Sam,2026-05-01,",
            "Nowhere,North one,B3,3.00,Tim,2026-05-01,",
            "North,,S1,4.00,Sam,2026-05-01,",
            "North,North one,B4,5.00,Ann,2026-05-01,",
        ]);
        let (id, report) = checked(&company, "Nora North", &rows, small(), Some(meanings(&company))).await;
        // S1 stands in the South too: that is none of her business, and her row is a row of the North.
        assert_eq!((report.counts.created, report.counts.refused), (3, 2));
        let refused = &report.refused["region_out_of_scope"];
        assert_eq!(refused.rows, 2, "{:?}", report.refused);
        assert_eq!(refused.first[0].1.replace("South", "Nowhere"), refused.first[1].1, "nobody learns which of the two it is");
        let nothing = asked(&company, "Nora North", id, Mode::AllOrNothing).await;
        assert!(matches!(nothing, Err(Failure::Refused(Refusal::Invalid("mode", _)))), "{nothing:?}");
        let done = committed(&company, "Nora North", id, Mode::GoodRows).await;
        assert_eq!((done.rows_created, done.rows_refused), (3, 2));
        // Nora's import is no business of the South, and Finn's none of hers.
        let mut read = company.store.read().await.unwrap();
        let south = Scope::of([company.regions["South"]], false);
        assert!(imports::find(&mut read, &south, Some(company.people["Sara South"]), id).await.unwrap().is_none());
        company.check_audit().await;
    }

    async fn a_run_that_was_killed_is_taken_over_and_nothing_is_seen_before_its_end(db: TestDb) {
        let company = Company::found(db).await;
        let (id, _) = checked(&company, "Nora North", &many(4_500), small(), Some(meanings(&company))).await;
        asked(&company, "Nora North", id, Mode::GoodRows).await.unwrap();
        let store = company.store.clone();
        let job = tokio::spawn(async move { counterfoil::jobs::import::turn(&store, &Limits::default()).await });
        while number(&company, "SELECT CAST(count(*) AS BIGINT) FROM reward_transaction").await == 0 {
            tokio::time::sleep(std::time::Duration::from_millis(2)).await;
        }
        job.abort();
        let _ = job.await;
        let written = number(&company, "SELECT CAST(count(*) AS BIGINT) FROM reward_transaction").await;
        assert!(written > 0 && row(&company, id).await.state == "committing", "the job was stopped too late");
        assert_eq!(visible(&company).await, 0);
        assert!(spent(&company).await.is_empty());

        work(&company).await;
        assert_eq!(row(&company, id).await.state, "committing", "its heartbeat is too fresh to be taken over");
        company.clock.advance((SILENT_SECONDS + 1) * 1_000_000);
        work(&company).await;
        let done = row(&company, id).await;
        assert_eq!((done.state.as_str(), done.rows_created), ("done", 4_500), "{}", done.failure);
        assert_eq!((visible(&company).await, spent(&company).await["North one"]), (4_500, 450_000));
        assert_eq!(number(&company, "SELECT CAST(count(*) AS BIGINT) FROM recipient").await, 70);
        rollup_holds(&company).await;
        company.check_audit().await;
    }

    async fn a_withdrawn_import_leaves_nothing(db: TestDb) {
        let company = Company::found(db).await;
        let (id, _) = checked(&company, "Nora North", &many(2_500), small(), Some(meanings(&company))).await;
        asked(&company, "Nora North", id, Mode::GoodRows).await.unwrap();
        let stuck = row(&company, id).await;
        let mut run = Run::take(&company.store, stuck, Input::Pieces(id), Limits::default()).await.unwrap().unwrap();
        let version = row(&company, id).await.version;
        end::withdraw(&company.store, company.actor("Nora North"), id, version).await.unwrap();
        let stopped = counterfoil::actions::imports::commit::perform(&company.store, &mut run, |_, _| {}).await;
        assert!(stopped.is_err(), "whoever worked on it is refused from then on");
        work(&company).await;
        let gone = row(&company, id).await;
        assert_eq!((gone.state.as_str(), gone.finished_at.is_some()), ("withdrawn", true));
        for table in ["reward_transaction", "rollup", "recipient", "import_piece", "import_refusal"] {
            let mut read = company.store.read().await.unwrap();
            let mut sql = Sql::new("SELECT CAST(count(*) AS BIGINT) FROM ");
            sql.push(table);
            assert_eq!(read.value::<i64>(sql).await.unwrap(), 0, "{table}");
        }
        company.check_audit().await;
    }

    async fn somebody_who_loses_her_role_writes_nothing_more(db: TestDb) {
        let company = Company::found(db).await;
        let (id, _) = checked(&company, "Nora North", &many(10), small(), Some(meanings(&company))).await;
        asked(&company, "Nora North", id, Mode::GoodRows).await.unwrap();
        company.store
            .write(counterfoil::store::writer::Intent::once(company.actor("Ada Admin"), "test.suspend"), {
                let person = company.people["Nora North"];
                move |tx| Box::pin(async move {
                    tx.access_changed();
                    counterfoil::store::people::set_status(tx, person, "suspended").await
                })
            })
            .await
            .unwrap();
        work(&company).await;
        let failed = row(&company, id).await;
        assert_eq!(failed.state, "failed");
        assert_eq!((visible(&company).await, number(&company, "SELECT CAST(count(*) AS BIGINT) FROM reward_transaction").await), (0, 0));
    }
}
