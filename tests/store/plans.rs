//! What is asked for by something exact is looked up by it, and no region walked through: SQLite keeps no statistics here that would tell it so.

use counterfoil::domain::access::Scope;
use counterfoil::domain::list_query::{Calendar, ListQuery};
use counterfoil::store::db::Sql;
use counterfoil::store::heard::Heard;
use counterfoil::store::transaction_list::{self, Place};
use counterfoil::store::{audit_log, import_rows, recipients, transaction_detail, transaction_search, transactions};

use crate::support::app::Company;
use crate::support::database::TestDb;
use crate::support::rewards::{load, reward};

/// A step of a plan: its number, the one above, nothing of use, in words.
type Step = (i64, i64, i64, String);

#[tokio::test]
async fn what_is_known_by_an_id_is_looked_up_by_it() {
    let company = Company::found(TestDb::sqlite()).await;
    let (_, ids) = load(&company, vec![reward("RW-1")], true).await;
    let scope = Scope::of([company.regions["North"]], false);
    let mut heard = Heard::over(company.store.read().await.unwrap());
    let row = transaction_detail::find(&mut heard, &scope, ids[0]).await.unwrap().unwrap();
    assert_eq!(import_rows::stored(&mut heard, &scope, &ids).await.unwrap().len(), 1);
    assert_eq!(transaction_list::by_reference(&mut heard, &scope, "RW-1", 5).await.unwrap().len(), 1);
    assert_eq!(recipients::rewards(&mut heard, &scope, row.recipient_id.unwrap()).await.unwrap(), 1);
    let event = audit_log::list(&mut heard, &scope, &audit_log::Wanted::default(), 1).await.unwrap().remove(0);
    assert!(audit_log::find(&mut heard, &scope, event.id).await.unwrap().is_some());
    let query = ListQuery::default();
    let hidden = transactions::hidden_imports(&mut heard).await.unwrap();
    let calendar = Calendar::at(company.store.now(), chrono_tz::UTC, 1);
    let asked = transaction_list::ask(&mut heard, &scope, &scope, &query, calendar, hidden).await.unwrap();
    transaction_list::page(&mut heard, &asked, Place::After(ids[0])).await.unwrap();
    assert_eq!(transaction_search::first(&mut heard, &asked, 5).await.unwrap().len(), 1);
    // Lists walk through a region in its order, which is what that index is for.
    let exact = |text: &&String| text.contains("region_id") && !text.starts_with("WITH found") && !text.contains("ORDER BY seq");
    let statements: Vec<String> = heard.asked().iter().filter(exact).cloned().collect();
    assert_eq!(statements.len(), 7, "{statements:#?}");
    for statement in statements {
        let explained = Sql::new(format!("EXPLAIN QUERY PLAN {statement}").leak());
        let steps: Vec<Step> = heard.beside().all(explained).await.unwrap();
        assert!(
            steps.iter().all(|step| !step.3.contains("region_id=") && (!step.3.starts_with("SCAN") || step.3 == "SCAN found")),
            "{statement}: {steps:?}"
        );
    }
    drop(heard);
    company.store.close().await;
}
