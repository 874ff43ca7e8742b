//! The months of the organisation's zone: what a bar of the overview says is what the list behind it adds up to.

use crate::support::app::{Answer, TestApp};
use crate::support::database::{TestDb, on_both_engines};
use crate::support::rewards::{Reward, load, reward};

/// Seconds from 2026-10-31T23:30:00Z, which is half past midnight of 1 November in Berlin, to now.
const AFTER_MIDNIGHT: i64 = 21 * 86_400 + 45_000;

/// (words, address) of every bar.
fn bars(page: &Answer) -> Vec<(String, String)> {
    let links = page.body.split("<a href=\"/transactions?currency=").skip(1).filter_map(|rest| {
        let (address, rest) = rest.split_once('"')?;
        let words = rest.strip_prefix(" aria-label=\"")?.split_once('"')?.0;
        Some((words.to_owned(), format!("/transactions?currency={}", address.replace("&amp;", "&").replace("&#38;", "&"))))
    });
    links.collect()
}

on_both_engines! {
    async fn a_bar_is_the_sum_of_the_list_it_leads_to(db: TestDb) {
        let app = TestApp::start(db).await;
        let rows = vec![
            Reward { amount: 1_000, ago: AFTER_MIDNIGHT, budget: Some("North one"), ..reward("RW-NOV") },
            Reward { amount: 20_000, ago: AFTER_MIDNIGHT + 3_600, ..reward("RW-OCT") },
            Reward { amount: 300_000, ago: 60, ..reward("RW-NOW") },
            // The last hour of January there, in winter time.
            Reward { amount: 4_000_000, ago: 294 * 86_400 + 12 * 3_600 + 1_800, ..reward("RW-FEB") },
        ];
        let (_, ids) = load(&app.company, rows, true).await;
        let nora = app.signed_in("Nora North").await;
        let overview = nora.get("/?currency=EUR").await;
        let bars = bars(&overview);
        assert_eq!(bars.len(), 12, "{}", overview.body);
        let mut seen = Vec::new();
        for (words, address) in &bars {
            let Some((month, rest)) = words.split_once(": ") else { panic!("{words}") };
            let (sum, rest) = rest.split_once(" EUR in ").unwrap();
            let count = rest.split_once(' ').unwrap().0;
            let list = nora.get(address).await;
            if count == "0" {
                assert!(list.body.contains("No transactions match"), "{words}: {address}");
                continue;
            }
            let plural = if count == "1" { "" } else { "s" };
            assert!(list.body.contains(&format!("{count} transaction{plural}")), "{words}: {}", list.body);
            assert!(list.body.contains(&format!("<td class=\"num\">{sum}</td><td>EUR</td>")), "{words}: {}", list.body);
            seen.push((month.to_owned(), sum.to_owned()));
        }
        let wanted = [("Feb 2026", "40,000.00"), ("Oct 2026", "200.00"), ("Nov 2026", "3,010.00")];
        assert_eq!(seen, wanted.map(|(month, sum)| (month.to_owned(), sum.to_owned())));
        // The month goes along when a transaction gets another budget.
        let path = format!("/transactions/{}/assignment", ids[0]);
        let two = app.company.budgets["North two"].to_string();
        let page = nora.get(&format!("{path}?budget={two}")).await;
        let kept = ["csrf", "key", "version"].map(|name| (name, page.field(name)));
        let mut form: Vec<(&str, &str)> = kept.iter().map(|(name, value)| (*name, value.as_str())).collect();
        form.push(("budget", &two));
        assert_eq!(nora.post(&path, &form).await.status, 303);
        for (budget, count) in [("North two", "1 transaction"), ("North one", "No transactions match")] {
            let list = nora.get(&format!("/transactions?budget={}&from=2026-11-01&to=2026-11-30", app.company.budgets[budget])).await;
            assert!(list.body.contains(count), "{budget}: {}", list.body);
        }
        app.finish().await;
    }

    async fn the_zone_stays_once_there_are_transactions(db: TestDb) {
        let app = TestApp::start(db).await;
        let ada = app.signed_in("Ada Admin").await;
        let save = async |name: &str, zone: &str| {
            let page = ada.get("/settings/organisation").await;
            let (csrf, key) = (page.csrf(), page.field("key"));
            ada.post("/settings/organisation", &[("csrf", &csrf), ("key", &key), ("name", name), ("time_zone", zone)]).await
        };
        assert_eq!(save("Test company", "Asia/Tokyo").await.status, 303, "nothing is counted yet");
        load(&app.company, vec![reward("RW-1")], true).await;
        let refused = save("Test company", "Europe/Berlin").await;
        assert_eq!(refused.status, 422);
        assert!(refused.body.contains("The time zone stays as it is"), "{}", refused.body);
        assert_eq!(save("Another name", "Asia/Tokyo").await.status, 303, "the name may change");
        app.finish().await;
    }
}
