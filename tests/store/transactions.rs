//! Lists, totals and search, on both engines, against a plain walk over what was loaded.

use std::collections::BTreeSet;

use counterfoil::domain::access::Scope;
use counterfoil::domain::id::TransactionId;
use counterfoil::domain::list_query::{Calendar, ListQuery};
use counterfoil::domain::transaction::DeliveryStatus;
use counterfoil::jobs::search_index;
use counterfoil::store::transaction_list::{self, Page, Place};
use counterfoil::store::transaction_totals::{self, Totals};

use crate::support::app::Company;
use crate::support::database::{TestDb, on_both_engines};
use crate::support::rewards::{Reward, load, reward};

fn scope(company: &Company, names: &[&str]) -> Scope {
    Scope::of(names.iter().map(|name| company.regions[*name]), false)
}

fn calendar(company: &Company) -> Calendar {
    Calendar::at(company.store.now(), chrono_tz::Europe::Berlin, 1)
}

async fn page(company: &Company, scope: &Scope, text: &str, place: Place) -> Page {
    let query = ListQuery::parse(text).query;
    let mut read = company.store.read().await.unwrap();
    let hidden = counterfoil::store::transactions::hidden_imports(&mut read).await.unwrap();
    let asked = transaction_list::ask(&mut read, scope, scope, &query, calendar(company), hidden).await.unwrap();
    transaction_list::page(&mut read, &asked, place).await.unwrap()
}

async fn totals(company: &Company, scope: &Scope, text: &str) -> Totals {
    let query = ListQuery::parse(text).query;
    let mut read = company.store.read().await.unwrap();
    let hidden = counterfoil::store::transactions::hidden_imports(&mut read).await.unwrap();
    let asked = transaction_list::ask(&mut read, scope, scope, &query, calendar(company), hidden).await.unwrap();
    transaction_totals::totals(&mut read, &asked, false).await.unwrap()
}

/// Every row, page by page, forwards; and the same backwards.
async fn walk(company: &Company, scope: &Scope, text: &str) -> Vec<TransactionId> {
    let (mut all, mut place) = (Vec::new(), Place::First);
    let mut last = loop {
        let page = page(company, scope, text, place).await;
        all.extend(page.lines.iter().map(|line| line.id));
        match page.next {
            Some(next) => place = Place::After(next),
            None => break page,
        }
    };
    let mut back: Vec<TransactionId> = last.lines.iter().rev().map(|line| line.id).collect();
    while let Some(previous) = last.previous {
        last = page(company, scope, text, Place::Before(previous)).await;
        back.extend(last.lines.iter().rev().map(|line| line.id));
    }
    back.reverse();
    assert_eq!(all, back, "backwards is not the way forwards was: {text}");
    all
}

/// A few hundred rows in two regions, many of them at the same moment and of the same amount.
fn many() -> Vec<Reward> {
    let statuses = DeliveryStatus::all();
    (0..430i64)
        .map(|i| Reward {
            region: if i % 3 == 0 { "South" } else { "North" },
            budget: match i % 5 {
                0 => None,
                _ if i % 3 == 0 => Some("South one"),
                1 | 2 => Some("North one"),
                _ => Some("North two"),
            },
            amount: (i % 7) * 100 - 100,
            ago: (i / 4) * 40_000,
            delivery: statuses[i as usize % statuses.len()],
            recipient: format!("Person {}", i % 11),
            order: Some(format!("ORD-{}", i % 20)),
            ..reward(&format!("RW-{i:04}"))
        })
        .collect()
}

on_both_engines! {
    async fn the_list_is_walked_once_in_both_directions(db: TestDb) {
        let company = Company::found(db).await;
        let (_, ids) = load(&company, many(), true).await;
        let both = scope(&company, &["North", "South"]);
        let narrow = ["", "sort=issued", "sort=-amount", "sort=amount", "order=ORD-3&order=ORD-4", "budget=none", "delivery_status=failed", "q=person+1"];
        let budget = format!("budget={}&budget={}", company.budgets["North one"], company.budgets["South one"]);
        for text in narrow.into_iter().chain([budget.as_str()]) {
            let walked = walk(&company, &both, text).await;
            let unique: BTreeSet<_> = walked.iter().copied().collect();
            assert_eq!(unique.len(), walked.len(), "a row came twice: {text}");
            assert_eq!(walked.len() as i64, totals(&company, &both, text).await.count(), "{text}");
        }
        let walked = walk(&company, &both, "").await;
        assert_eq!(walked.iter().collect::<BTreeSet<_>>(), ids.iter().collect::<BTreeSet<_>>());
    }

    async fn another_regions_rows_are_nowhere(db: TestDb) {
        let company = Company::found(db).await;
        let (_, ids) = load(&company, many(), true).await;
        let (north, south) = (scope(&company, &["North"]), scope(&company, &["South"]));
        let foreign: BTreeSet<TransactionId> = walk(&company, &south, "").await.into_iter().collect();
        let own = walk(&company, &north, "").await;
        assert_eq!(own.len() + foreign.len(), ids.len());
        assert!(own.iter().all(|id| !foreign.contains(id)));
        // A filter cannot widen the scope, and a cursor from elsewhere tells nothing.
        let asked = format!("region={}", company.regions["South"]);
        assert!(page(&company, &north, &asked, Place::First).await.lines.is_empty());
        assert_eq!(totals(&company, &north, &asked).await.count(), 0);
        let budget = format!("budget={}", company.budgets["South one"]);
        assert!(page(&company, &north, &budget, Place::First).await.lines.is_empty());
        assert_eq!(totals(&company, &north, &budget).await.count(), 0);
        let first = page(&company, &north, "", Place::First).await;
        let elsewhere = page(&company, &north, "", Place::After(*foreign.iter().next().unwrap())).await;
        assert_eq!(first.lines[0].id, elsewhere.lines[0].id);
        for indexed in [false, true] {
            if indexed {
                search_index::catch_up(&company.store).await.unwrap();
            }
            for text in ["q=person", "q=RW-0003", "q=ord-3", "order=ORD-3", "external_id=RW-0003"] {
                assert!(walk(&company, &north, text).await.iter().all(|id| !foreign.contains(id)), "{text}");
            }
        }
        let nobody = Scope::nothing();
        assert!(page(&company, &nobody, "", Place::First).await.lines.is_empty());
        assert_eq!(totals(&company, &nobody, "").await.count(), 0);
    }

    async fn rows_of_an_import_that_is_not_done_are_not_seen(db: TestDb) {
        let company = Company::found(db).await;
        load(&company, vec![reward("SEEN-1")], true).await;
        let (import, hidden) = load(&company, vec![reward("HIDDEN-1")], false).await;
        search_index::catch_up(&company.store).await.unwrap();
        let north = scope(&company, &["North"]);
        for text in ["", "q=hidden", "external_id=HIDDEN-1", "delivery_status=succeeded", &format!("import={import}"), "amount_min=1"] {
            assert!(!walk(&company, &north, text).await.contains(&hidden[0]), "{text}");
            assert!(totals(&company, &north, text).await.count() <= 1, "{text}");
        }
        let mut read = company.store.read().await.unwrap();
        let found = counterfoil::store::transaction_detail::find(&mut read, &north, hidden[0]).await.unwrap();
        assert!(found.is_none());
        assert!(transaction_list::by_reference(&mut read, &north, "HIDDEN-1", 2).await.unwrap().is_empty());
    }

    async fn sums_are_the_rows_added_up(db: TestDb) {
        let company = Company::found(db).await;
        let mut rows = many();
        rows.push(Reward { currency: "JPY", amount: 5_000, budget: Some("North yen"), ..reward("YEN-1") });
        rows.push(Reward { currency: "BHD", amount: 12_345, ..reward("BHD-1") });
        load(&company, rows.clone(), true).await;
        let north = scope(&company, &["North"]);
        // The rollup's months are Berlin's, as the days of the list are: both have to agree with the rows alone.
        for text in ["", "month=2026-10", "period=this_month", "delivery_status=failed", "currency=EUR", "from=2026-10-15", "amount_min=0"] {
            let totals = totals(&company, &north, text).await;
            let query = ListQuery::parse(text).query;
            let (from, until) = query.period.moments(&calendar(&company));
            let at = |reward: &Reward| crate::support::app::NOW - reward.ago * 1_000_000;
            let fits = |reward: &&Reward| {
                reward.region == "North"
                    && from.is_none_or(|from| at(reward) >= from.0)
                    && until.is_none_or(|until| at(reward) < until.0)
                    && (text != "delivery_status=failed" || reward.delivery == DeliveryStatus::Failed)
                    && (text != "currency=EUR" || reward.currency == "EUR")
                    && (text != "amount_min=0" || reward.amount >= 0)
            };
            for currency in ["EUR", "JPY", "BHD"] {
                let wanted: Vec<i128> = rows.iter().filter(fits).filter(|row| row.currency == currency).map(|row| row.amount.into()).collect();
                let got = totals.sums.iter().find(|sum| sum.currency == currency).map_or((0, 0), |sum| (sum.count, sum.amount));
                assert_eq!(got, (wanted.len() as i64, wanted.iter().sum()), "{text} {currency}");
            }
        }
        assert_eq!(totals(&company, &north, "amount_min=12.3&amount_max=12.345").await.sums.len(), 1, "the dinar has three digits");
        assert_eq!(totals(&company, &north, "amount_min=5000").await.sums[0].currency, "JPY");
    }

    async fn a_word_is_found_whether_it_is_indexed_or_not(db: TestDb) {
        let company = Company::found(db).await;
        let names = ["Zoë O\u{2019}Connor", "Ana 100%_sure", "Haruto \"Sato\"", "Élodie Martin"];
        let rows = names.iter().enumerate().map(|(i, name)| Reward { recipient: (*name).to_owned(), ..reward(&format!("Fx-{i}")) });
        load(&company, rows.collect(), true).await;
        let north = scope(&company, &["North"]);
        let asks = [
            ("CONNOR", 1), ("connor zo", 1), ("connor martin", 0), ("100%_sure", 1), ("%", 1), ("_", 1), ("\"sato\"", 1), ("fx-2", 1), ("fx", 4),
            ("Élodie", 1), ("people.example", 4), ("nobody-at-all", 0), ("' OR 1=1 --", 0), ("AND", 0), ("*", 0),
        ];
        for round in 0..3 {
            for (q, found) in asks {
                let query = ListQuery { q: ListQuery::parse(&format!("q={}", q.replace('%', "%25").replace('+', "%2B"))).query.q, ..ListQuery::default() };
                assert_eq!(walk(&company, &north, &query.text()).await.len(), found, "{q} in round {round}");
            }
            search_index::catch_up(&company.store).await.unwrap();
            if round == 0 {
                continue;
            }
        }
        // What comes after the index is found as well.
        load(&company, vec![Reward { recipient: "Late Connor".to_owned(), ..reward("Fx-9") }], true).await;
        assert_eq!(walk(&company, &north, "q=connor").await.len(), 2);
    }
}
