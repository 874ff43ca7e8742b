//! The pages about transactions and exports, over HTTP.

use counterfoil::domain::access::Scope;
use counterfoil::domain::transaction::DeliveryStatus;
use counterfoil::store::ledger;

use crate::support::app::{Company, TestApp};
use crate::support::database::{TestDb, on_both_engines};
use crate::support::rewards::{Reward, load, reward};

async fn available(company: &Company, budget: &str) -> i64 {
    let mut read = company.store.read().await.unwrap();
    let scope = Scope::of(company.regions.values().copied(), true);
    ledger::find(&mut read, &scope, company.budgets[budget]).await.unwrap().unwrap().figures().available()
}

on_both_engines! {
    async fn the_list_filters_says_so_and_forgets_nothing(db: TestDb) {
        let app = TestApp::start(db).await;
        let nils = app.signed_in("Nils North").await;
        assert!(nils.get("/transactions").await.body.contains("No transactions yet"));
        let failed = Reward { delivery: DeliveryStatus::Failed, recipient: "Jonas <b>Weber</b>".to_owned(), ..reward("RW-2") };
        load(&app.company, vec![reward("RW-1"), failed, Reward { region: "South", ..reward("RW-3") }], true).await;
        let all = nils.get("/transactions").await;
        assert_eq!(all.status, 200);
        assert!(all.body.contains("2 transactions") && all.body.contains("RW-1") && !all.body.contains("RW-3"), "{}", all.body);
        assert!(all.body.contains("Jonas &#60;b&#62;Weber") && !all.body.contains("<b>Weber"));
        assert!(all.body.contains("20.00"), "the sum");
        let some = nils.get("/transactions?delivery_status=failed&colour=red").await;
        assert!(some.body.contains("1 transaction") && !some.body.contains("RW-1"));
        assert!(some.body.contains("Delivery: Failed") && some.body.contains("colour"));
        let none = nils.get("/transactions?q=nobody").await;
        assert!(none.body.contains("No transactions match these filters") && none.body.contains("Search: nobody"));
        app.finish().await;
    }

    async fn a_pasted_id_goes_to_the_object_within_scope(db: TestDb) {
        let app = TestApp::start(db).await;
        let in_order = |external: &str| Reward { order: Some("ORD-7".to_owned()), ..reward(external) };
        let (import, ids) =
            load(&app.company, vec![in_order("RW-1"), in_order("RW-2"), Reward { region: "South", ..reward("RW-3") }], true).await;
        let nora = app.signed_in("Nora North").await;
        let leads = async |q: &str| nora.get(&format!("/search?q={q}")).await.location().to_owned();
        assert_eq!(leads(&ids[0].to_string()).await, format!("/transactions/{}", ids[0]));
        assert_eq!(leads("RW-1").await, format!("/transactions/{}", ids[0]));
        assert_eq!(leads("ORD-7").await, "/transactions?order=ORD-7");
        assert_eq!(leads(&import.to_string()).await, format!("/imports/{import}"));
        assert_eq!(leads(&app.company.budgets["North one"].to_string()).await, format!("/budgets/{}", app.company.budgets["North one"]));
        for foreign in [ids[2].to_string(), "RW-3".to_owned(), app.company.budgets["South one"].to_string()] {
            let answer = nora.get(&format!("/search?q={foreign}")).await;
            assert_eq!(answer.status, 200);
            assert!(answer.body.contains("Nothing matches"), "{}", answer.body);
        }
        let found = nora.get("/search?q=north").await;
        assert!(found.body.contains("Budgets") && found.body.contains("North two") && !found.body.contains("South"), "{}", found.body);
        assert_eq!(nora.get(&format!("/transactions/{}", ids[2])).await.status, 404);
        assert_eq!(nora.get("/transactions/txn_1").await.status, 404);
        assert_eq!(nora.get(&format!("/transactions/{}", ids[0])).await.status, 200);
        app.finish().await;
    }

    async fn a_move_gives_back_and_takes_once(db: TestDb) {
        let app = TestApp::start(db).await;
        let rows = vec![Reward { budget: Some("North one"), amount: 2_500, ..reward("RW-1") }, Reward { budget: Some("North one"), amount: 700, ..reward("RW-2") }];
        let (_, ids) = load(&app.company, rows, true).await;
        assert_eq!(available(&app.company, "North one").await, 1_000_000 - 3_200);
        let nora = app.signed_in("Nora North").await;
        let path = format!("/transactions/{}/assignment", ids[0]);
        let two = app.company.budgets["North two"].to_string();
        let check = nora.get(&format!("{path}?budget={two}")).await;
        assert!(check.body.contains("9,968.00") && check.body.contains("9,993.00") && check.body.contains("9,975.00"), "{}", check.body);
        let form = [("csrf", check.csrf()), ("key", check.field("key")), ("version", check.field("version")), ("budget", two.clone())];
        let form: Vec<(&str, &str)> = form.iter().map(|(name, value)| (*name, value.as_str())).collect();
        for _ in 0..3 {
            assert_eq!(nora.post(&path, &form).await.status, 303);
            assert_eq!(available(&app.company, "North one").await, 1_000_000 - 700);
            assert_eq!(available(&app.company, "North two").await, 1_000_000 - 2_500);
        }
        // Somebody who looked at it before the move.
        let mut stale = form.clone();
        stale[1].1 = "another key";
        assert_eq!(nora.post(&path, &stale).await.status, 409);
        // And back again, twice over: each posting is given back once.
        for budget in ["North one", "North two", "North one"] {
            let id = app.company.budgets[budget].to_string();
            let check = nora.get(&format!("{path}?budget={id}")).await;
            let (csrf, key, version) = (check.csrf(), check.field("key"), check.field("version"));
            let answer = nora.post(&path, &[("csrf", &csrf), ("key", &key), ("version", &version), ("budget", &id)]).await;
            assert_eq!(answer.status, 303, "{}", answer.body);
        }
        assert_eq!(available(&app.company, "North one").await, 1_000_000 - 3_200);
        assert_eq!(available(&app.company, "North two").await, 1_000_000);
        let list = nora.get(&format!("/transactions?budget={}", app.company.budgets["North one"])).await;
        assert!(list.body.contains("2 transactions") && list.body.contains("32.00"), "the rollup went with it: {}", list.body);
        // Another region's budget is none, one of another currency is refused, and nobody without the role.
        for (budget, status) in [("South one", 422), ("North yen", 422)] {
            let id = app.company.budgets[budget].to_string();
            assert_eq!(nora.get(&format!("{path}?budget={id}")).await.status, status, "{budget}");
        }
        assert_eq!(app.signed_in("Nils North").await.get(&path).await.status, 403);
        assert_eq!(app.signed_in("Sara South").await.get(&path).await.status, 404);
        app.finish().await;
    }

    async fn an_export_is_the_list_as_seen(db: TestDb) {
        let app = TestApp::start(db).await;
        let rows = vec![
            Reward { amount: -1_250, ago: 10, recipient: "=cmd|' /C calc'!A0".to_owned(), ..reward("RW-1") },
            Reward { currency: "JPY", amount: 5_000, ago: 20, product: Some("Tea, \"green\"".to_owned()), ..reward("RW-2") },
            Reward { currency: "BHD", amount: 12_345, ago: 30, delivery: DeliveryStatus::Failed, ..reward("RW-3") },
            Reward { region: "South", ..reward("RW-4") },
        ];
        load(&app.company, rows, true).await;
        let nils = app.signed_in("Nils North").await;
        let columns = "columns=external_id,recipient_name,region,product,delivery_status,amount_issued,currency_code";
        let made = async |query: &str, format: &str| {
            let page = nils.get(&format!("/exports/new?{query}")).await;
            let (csrf, key) = (page.csrf(), page.field("key"));
            let form = [("csrf", csrf.as_str()), ("key", &key), ("query", query), ("columns", "view"), ("format", format)];
            nils.post("/exports", &form).await.location().to_owned()
        };
        let path = made(columns, "excel").await;
        let file = nils.get(&path).await;
        assert_eq!(file.status, 200);
        let wanted = "\u{feff}Transaction,Recipient,Region,Product,Delivery,Amount,Currency\r\n\
                      RW-1,'=cmd|' /C calc'!A0,North,,succeeded,-12.50,EUR\r\n\
                      RW-2,Asha Rao,North,\"Tea, \"\"green\"\"\",succeeded,5000,JPY\r\n\
                      RW-3,Asha Rao,North,,failed,12.345,BHD\r\n";
        assert_eq!(file.body.trim_start_matches('\u{feff}'), wanted.trim_start_matches('\u{feff}'));
        let named = file.headers["content-disposition"].to_str().unwrap();
        assert!(named.contains("filename=\"transactions_20261122T1200Z.csv\""), "{named}");
        let some = nils.get(&made(&format!("delivery_status=failed&sort=amount&{columns}"), "machine").await).await;
        assert_eq!(some.body.lines().count(), 2);
        assert!(some.body.starts_with("external_id,recipient_name,"));
        let list = nils.get("/exports").await;
        assert!(list.body.contains("Finished") && list.body.contains("Delivery: Failed"));
        // Nobody else has it, not even by its address; and a role that ended takes nothing along.
        assert_eq!(app.signed_in("Nora North").await.get(&path).await.status, 404);
        let email = nils.get(&made("columns=recipient_email", "machine").await).await;
        assert!(email.body.contains("@people.example"));
        let nobody = nils.get(&made("", "machine").await).await;
        assert!(!nobody.body.contains("@people.example"));
        app.finish().await;
    }

    async fn an_export_of_many_regions_is_in_order(db: TestDb) {
        let app = TestApp::start(db).await;
        let regions = ["North", "South", "Global"];
        let rows = (0..900i64).map(|i| Reward { region: regions[i as usize % 3], ago: (i * 37) % 500, ..reward(&format!("RW-{i:03}")) });
        load(&app.company, rows.collect(), true).await;
        let finn = app.signed_in("Finn Finance").await;
        for (sort, ascending) in [("sort=-issued", false), ("sort=issued", true)] {
            let query = format!("{sort}&columns=issued_at,external_id");
            let page = finn.get(&format!("/exports/new?{query}")).await;
            let (csrf, key) = (page.csrf(), page.field("key"));
            let form = [("csrf", csrf.as_str()), ("key", &key), ("query", &query), ("columns", "view"), ("format", "machine")];
            let file = finn.get(finn.post("/exports", &form).await.location()).await;
            let times: Vec<&str> = file.body.lines().skip(1).map(|line| line.split(',').next().unwrap()).collect();
            assert_eq!(times.len(), 900);
            assert!(times.windows(2).all(|pair| if ascending { pair[0] <= pair[1] } else { pair[0] >= pair[1] }));
        }
        app.finish().await;
    }
}
