//! The list of requests for approval, narrowed; and the file taken from it.

use super::approvals::{decide, policy};
use super::budgets::{budget, moved};
use crate::support::app::{Answer, Client, TestApp};
use crate::support::database::{TestDb, on_both_engines};

async fn adjust(app: &TestApp, client: &Client, name: &str, amount: &str) -> String {
    let fields = [("direction", "down"), ("amount", amount), ("reason_code", "correction"), ("note", "Less")];
    let location = moved(client, &format!("{}/adjustments", budget(app, name)), &fields).await;
    location.split('?').next().unwrap().to_owned()
}

/// Which of these a page lists.
fn listed(page: &Answer, requests: &[&String]) -> Vec<bool> {
    assert_eq!(page.status, 200, "{}", page.body);
    requests.iter().map(|request| page.body.contains(&format!("href=\"{request}\""))).collect()
}

on_both_engines! {
    async fn requests_are_found_by_state_kind_region_requester_amount_and_day(db: TestDb) {
        let app = TestApp::start(db).await;
        policy(&app, "adjustment", "1", "1").await;
        policy(&app, "transfer", "1", "1").await;
        let (nora, sara, finn) = (app.signed_in("Nora North").await, app.signed_in("Sara South").await, app.signed_in("Finn Finance").await);
        let (small, large) = (adjust(&app, &nora, "North one", "10").await, adjust(&app, &nora, "North one", "1,234.50").await);
        let south = adjust(&app, &sara, "South one", "500").await;
        let to = app.company.budgets["North two"].to_string();
        let transfer = moved(&nora, &format!("{}/transfers", budget(&app, "North one")), &[("to", &to), ("amount", "20")]).await;
        let transfer = transfer.split('?').next().unwrap().to_owned();
        let all = [&small, &large, &south, &transfer];
        let (north, by_nora) = (app.company.regions["North"], app.company.people["Nora North"]);
        for (query, expected) in [
            (String::new(), [true, true, true, true]),
            ("&matter=transfer".to_owned(), [false, false, false, true]),
            (format!("&region={north}"), [true, true, false, true]),
            (format!("&region={}", app.company.regions["Global"]), [true, true, true, true]),
            (format!("&requester={by_nora}"), [true, true, false, true]),
            ("&amount=20".to_owned(), [false, true, true, true]),
            ("&amount=1%2C234.50&matter=adjustment".to_owned(), [false, true, false, false]),
            ("&from=2026-11-22&to=2026-11-22".to_owned(), [true, true, true, true]),
            ("&from=2026-11-23".to_owned(), [false; 4]),
            ("&to=2026-11-21".to_owned(), [false; 4]),
            ("&region=nonsense".to_owned(), [false; 4]),
            ("&requester=nonsense".to_owned(), [false; 4]),
            ("&amount=nonsense".to_owned(), [false; 4]),
        ] {
            for view in ["mine", "waiting"] {
                let page = finn.get(&format!("/approvals?view={view}{query}")).await;
                assert_eq!(listed(&page, &all), expected, "{view} {query}");
                assert_eq!(page.body.contains("No requests match these filters"), expected == [false; 4], "{view} {query}");
            }
        }
        let narrowed = finn.get(&format!("/approvals?view=waiting&matter=adjustment&requester={by_nora}")).await;
        for words in ["Asked by", "Nora North", "/exports/new?list=approvals&#38;view=waiting&#38;matter=adjustment"] {
            assert!(narrowed.body.contains(words), "{words}: {}", narrowed.body);
        }
        let file = finn.get(&format!("/exports/new?list=approvals&view=waiting&matter=adjustment&requester={by_nora}")).await;
        assert!(file.body.contains("Waiting, What: Adjustment, Asked by: Nora North") && file.body.contains(">2<"), "{}", file.body);

        // Another region\u{2019}s requests are not there, however they are asked for.
        let hers = nora.get(&format!("/approvals?view=waiting&region={}", app.company.regions["South"])).await;
        assert_eq!(listed(&hers, &all), [false; 4]);
        assert!(!hers.body.contains("Sara South"), "who asked elsewhere is not offered: {}", hers.body);

        assert_eq!(decide(&finn, &small, "approval", &[]).await.status, 303);
        assert_eq!(decide(&finn, &large, "refusal", &[("reason", "No")]).await.status, 303);
        for (status, expected) in [("approved", [true, false, false, false]), ("rejected", [false, true, false, false]), ("", [true, true, false, false])] {
            assert_eq!(listed(&finn.get(&format!("/approvals?view=ended&status={status}")).await, &all), expected, "{status}");
        }
        assert_eq!(listed(&nora.get("/approvals?view=asked&status=pending").await, &all), [false, false, false, true]);
        assert_eq!(finn.get("/approvals?other=1").await.status, 400);
        app.finish().await;
    }
}
