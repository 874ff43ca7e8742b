//! The list of budgets over HTTP: every order and every page of it, what wants attention, and the files taken from it.

use counterfoil::domain::access::Actor;
use counterfoil::domain::budget::{Account, BudgetStatus, End, Movement, Nature, PostingKind};
use counterfoil::domain::budget_attention::lasts_to;
use counterfoil::domain::currency::Currency;
use counterfoil::domain::id::BudgetId;
use counterfoil::domain::time::Day;
use counterfoil::store::check;
use counterfoil::store::db::Sql;
use counterfoil::store::ledger::{self, Details, NewBudget};
use counterfoil::store::writer::Intent;

use crate::support::app::{Answer, Client, Company, TestApp};
use crate::support::database::{TestDb, on_both_engines};
use crate::support::rewards::{Reward, load, reward};

/// Budgets of 100.00 EUR in North for the whole year.
const EXTRA: [&str; 8] = ["Extra 0", "Extra 1", "Extra 2", "Extra 3", "Extra 4", "Extra 5", "Extra 6", "=Extra, 7"];

async fn add(company: &mut Company, names: &[&str]) {
    let region = company.regions["North"];
    for name in names {
        let owned = (*name).to_owned();
        let made = company.store.write(Intent::once(Actor::system("test"), "test.budget"), move |tx| {
            let name = owned.clone();
            Box::pin(async move {
                let (id, currency) = (BudgetId(tx.new_id()), Currency::parse("EUR").unwrap());
                let (from, to) = (Day::parse("2026-01-01").unwrap(), Day::parse("2026-12-31").unwrap());
                let new = NewBudget { id, region, name, currency, from, to, owner: None, cost_centre: String::new(), previous: None };
                ledger::insert_budget(tx, &new, BudgetStatus::Active).await?;
                let budget = ledger::get(tx, id).await?;
                let (kind, source, destination) =
                    (PostingKind::Allocation, End::outside(Account::Funding), End::of(Account::Available, &budget));
                let movement = Movement { kind, counted: kind, source, destination, amount: 10_000, currency };
                ledger::post(tx, &movement, Nature::Request, &Details { effective: Some(from), ..Details::default() }).await?;
                Ok(id)
            })
        });
        company.budgets.insert((*name).to_owned(), made.await.unwrap());
    }
}

/// What no action does.
async fn change(company: &Company, sql: Sql) {
    let changed = company.store.write(Intent::once(Actor::system("test"), "test.change"), move |tx| {
        let sql = sql.clone();
        Box::pin(async move { Ok(tx.exec(sql).await?) })
    });
    assert!(changed.await.unwrap() > 0);
}

/// Six of them overspent, each more than the one before; the seventh lasts to a day before its period ends.
async fn spend(company: &Company) {
    let spent = [10_100, 10_200, 10_300, 10_400, 10_500, 10_600, 9_500];
    let rows = EXTRA.iter().zip(spent).enumerate();
    let rows = rows.map(|(i, (name, amount))| Reward { budget: Some(name), amount, ..reward(&format!("RW-{i}")) });
    load(company, rows.collect(), true).await;
}

/// Fills the budget as far as it goes on one day, empties it and fills it again.
async fn swing(company: &Company, id: BudgetId) {
    let made = company.store.write(Intent::once(Actor::system("test"), "test.swing"), move |tx| {
        Box::pin(async move {
            let steps = [(PostingKind::Allocation, true), (PostingKind::Adjustment, false), (PostingKind::Adjustment, true)];
            for (kind, up) in steps {
                let budget = ledger::get(tx, id).await?;
                let (outside, inside) = (End::outside(Account::Funding), End::of(Account::Available, &budget));
                let (source, destination) = if up { (outside, inside) } else { (inside, outside) };
                let movement = Movement { kind, counted: kind, source, destination, amount: i64::MAX - 15_000, currency: budget.currency };
                let details = Details { effective: Day::parse("2026-05-01"), ..Details::default() };
                ledger::post(tx, &movement, Nature::Request, &details).await?;
            }
            Ok(())
        })
    });
    made.await.unwrap();
}

/// The names of the budgets of a page, from above.
fn names(page: &Answer) -> Vec<String> {
    let rows = page.body.split("<th scope=\"row\"").skip(1).filter_map(|row| row.split_once("<a href=\"/budgets/bud_"));
    rows.map(|(_, rest)| rest.split_once('>').unwrap().1.split_once('<').unwrap().0.to_owned()).collect()
}

/// Where the link with these words leads.
fn link(page: &Answer, words: &str) -> String {
    let (before, _) = page.body.split_once(&format!(">{words}<")).unwrap_or_else(|| panic!("{words} is not there: {}", page.body));
    before
        .rsplit_once("<a ")
        .unwrap()
        .1
        .split_once("href=\"")
        .unwrap()
        .1
        .split_once('"')
        .unwrap()
        .0
        .replace("&amp;", "&")
        .replace("&#38;", "&")
}

/// From a list's own link to the file.
async fn taken(client: &Client, query: &str, format: &str) -> Answer {
    let page = client.get(&format!("/exports/new?{query}")).await;
    assert_eq!(page.status, 200, "{query}: {}", page.body);
    let kept = ["csrf", "key", "what", "query"].map(|name| (name, page.field(name)));
    let mut form: Vec<(&str, &str)> = kept.iter().map(|(name, value)| (*name, value.as_str())).collect();
    form.push(("format", format));
    let made = client.post("/exports", &form).await;
    assert_eq!(made.status, 303, "{}", made.body);
    client.get(made.location()).await
}

on_both_engines! {
    async fn every_column_sorts_and_its_state_is_in_the_address(db: TestDb) {
        let mut app = TestApp::start(db).await;
        add(&mut app.company, &EXTRA).await;
        spend(&app.company).await;
        let nora = app.signed_in("Nora North").await;
        let list = async |sort: &str| names(&nora.get(&format!("/budgets?view=table&currency=EUR&sort={sort}")).await);
        assert_eq!(list("-utilisation").await[..7], ["Extra 5", "Extra 4", "Extra 3", "Extra 2", "Extra 1", "Extra 0", "Extra 6"]);
        assert_eq!(list("utilisation").await.last().unwrap(), "Extra 5");
        // Those that run out on no day stand last in both directions.
        for sort in ["runway", "-runway"] {
            assert_eq!(list(sort).await[0], "Extra 6", "{sort}");
        }
        assert_eq!(list("available").await[..2], ["Extra 5", "Extra 4"]);
        assert_eq!(list("-name").await[..2], ["North two", "North one"]);
        for sort in ["name", "region", "period", "allocated", "adjusted", "reserved", "spent", "available", "currency", "utilisation", "runway", "status"] {
            let page = nora.get(&format!("/budgets?view=table&sort={sort}")).await;
            assert_eq!(names(&page).len(), 11, "{sort}");
            assert_eq!(page.body.matches("aria-sort=\"ascending\"").count(), 1, "{sort}");
            assert_eq!(page.body.matches("aria-sort=").count(), 12, "{sort}");
            let again = page.body.contains(&format!("sort=-{sort}\"")) || page.body.contains(&format!("sort=-{sort}&"));
            assert!(again, "the head of {sort} turns the order round");
        }
        app.finish().await;
    }

    async fn pages_hold_every_budget_once_in_both_directions(db: TestDb) {
        let mut app = TestApp::start(db).await;
        let many: Vec<String> = (0..120).map(|i| format!("Many {:03}", (i * 37) % 120)).collect();
        add(&mut app.company, &many.iter().map(String::as_str).collect::<Vec<_>>()).await;
        let nora = app.signed_in("Nora North").await;
        for sort in ["name", "-utilisation", "status", "-runway"] {
            let mut page = nora.get(&format!("/budgets?view=table&q=many&sort={sort}")).await;
            let mut forwards = names(&page);
            assert!(page.body.contains("1\u{2013}50 of 120"));
            while page.body.contains(">Next<") {
                page = nora.get(&link(&page, "Next")).await;
                forwards.extend(names(&page));
            }
            let mut backwards = vec![names(&page)];
            while page.body.contains(">Previous<") {
                page = nora.get(&link(&page, "Previous")).await;
                backwards.push(names(&page));
            }
            backwards.reverse();
            let mut sorted = forwards.clone();
            sorted.sort();
            assert_eq!(sorted, { let mut all = many.clone(); all.sort(); all }, "{sort}");
            assert_eq!(forwards, backwards.concat(), "{sort}");
        }
        let gone = nora.get(&format!("/budgets?view=table&q=many&after={}", app.company.budgets["South one"])).await;
        assert_eq!(names(&gone).len(), 50, "another region's budget is no place in this list");
        app.finish().await;
    }

    async fn a_budget_lasts_to_a_day_of_its_region_and_sums_say_when_they_are_too_large(db: TestDb) {
        let mut app = TestApp::start(db).await;
        add(&mut app.company, &EXTRA).await;
        spend(&app.company).await;
        let north = app.company.regions["North"];
        // It is noon in London, and tomorrow already where the North is now.
        change(&app.company, Sql::new("UPDATE region SET time_zone = 'Pacific/Kiritimati' WHERE id = $1").bind(north)).await;
        let finn = app.signed_in("Finn Finance").await;
        let mut read = app.company.store.read().await.unwrap();
        let all = counterfoil::domain::access::Scope::of([north], false);
        let row = ledger::find(&mut read, &all, app.company.budgets["Extra 6"]).await.unwrap().unwrap();
        drop(read);
        let lasts = |day: &str| lasts_to(&row.budget().unwrap(), Day::parse(day).unwrap()).unwrap().words();
        let (today, tomorrow) = (lasts("2026-11-22"), lasts("2026-11-23"));
        let page = finn.get("/").await.body;
        assert!(page.contains(&tomorrow) && !page.contains(&today), "{today} {tomorrow} {page}");

        let large = Sql::new("UPDATE budget SET allocated = $1, spent = 0, adjusted = 0 WHERE currency = 'EUR'").bind(i64::MAX / 2 + 1);
        change(&app.company, large).await;
        for address in ["/".to_owned(), format!("/regions/{north}"), "/budgets?view=table".to_owned()] {
            let page = finn.get(&address).await;
            assert!(page.status == 200 && page.body.contains("too large to add"), "{address}: {}", page.body);
            assert!(!page.body.contains("92,233,720,368,547,758.07"), "{address} shows a sum that it is not");
        }
        app.finish().await;
    }

    async fn regions_of_one_name_are_told_apart_wherever_they_are_named(db: TestDb) {
        let app = TestApp::start(db).await;
        let (asia, south) = (app.company.add_region("Asia", "Global").await, app.company.regions["South"]);
        let moved = Sql::new("UPDATE region SET parent_id = $1, name = 'North' WHERE id = $2").bind(asia).bind(south);
        change(&app.company, moved).await;
        let (ada, finn) = (app.signed_in("Ada Admin").await, app.signed_in("Finn Finance").await);
        let (sara, budget) = (app.company.people["Sara South"], app.company.budgets["South one"]);
        for (client, page, words) in [
            (&ada, "/people".to_owned(), "Regional administrator, Asia / North"),
            (&ada, "/people".to_owned(), "Regional administrator, Global / North"),
            (&ada, format!("/people/{sara}"), ">Asia / North</a>"),
            (&ada, format!("/people/{sara}"), "\u{2003}Global / North</option>"),
            (&finn, "/budgets/new".to_owned(), "\u{2003}Asia / North</option>"),
            (&finn, "/budgets".to_owned(), "\u{2003}Global / North<"),
            (&finn, format!("/budgets?view=table&region={south}"), "Region: Asia / North"),
            (&finn, format!("/budgets/{budget}"), ">Asia / North</a>"),
            (&finn, format!("/budgets/{budget}/allocations/new"), "<dd>Asia / North</dd>"),
            (&finn, "/transactions".to_owned(), "\u{2003}Asia / North"),
            (&finn, "/search?q=north".to_owned(), ">Asia / North</a>"),
        ] {
            let answer = client.get(&page).await;
            assert!(answer.status == 200 && answer.body.contains(words), "{words} on {page}: {}", answer.body);
        }
        let check = crate::web::budgets::check(&finn, &format!("/budgets/{budget}/allocations"), &[("amount", "1"), ("note", "")]).await;
        assert!(check.body.contains("South one, Asia / North"), "{}", check.body);
        let own = app.signed_in("Sara South").await.get(&format!("/budgets/{budget}")).await.body;
        assert!(own.contains(">North</a>") && !own.contains("Asia"), "what she does not see is not named");
        app.finish().await;
    }

    async fn what_no_64_bits_hold_is_said_and_every_page_opens(db: TestDb) {
        let mut app = TestApp::start(db).await;
        add(&mut app.company, &EXTRA[..1]).await;
        for (i, product) in ["Card", "Card", "Voucher"].into_iter().enumerate() {
            let most = Reward { amount: i64::MAX - 5, product: Some(product.to_owned()), ..reward(&format!("RW-{i}")) };
            load(&app.company, vec![most], true).await;
        }
        let budget = app.company.budgets["Extra 0"];
        swing(&app.company, budget).await;
        let finn = app.signed_in("Finn Finance").await;
        for address in ["/", "/transactions", "/transactions?q=RW", "/transactions?amount_min=1&count=exact"] {
            let page = finn.get(address).await;
            assert!(page.status == 200 && page.body.contains("too large to add"), "{address}: {}", page.body);
        }
        let one = finn.get("/transactions?product=Voucher").await;
        assert!(one.status == 200 && !one.body.contains("too large to add"), "{}", one.body);
        let page = finn.get(&format!("/budgets/{budget}")).await;
        assert!(page.status == 200 && page.body.contains("92,233,720,368,547,708.07"), "{}", page.body);
        for address in ["/exports/new".to_owned(), "/regions".to_owned(), format!("/exports/new?list=burn_down&budget={budget}")] {
            assert_eq!(finn.get(&address).await.status, 200, "{address}");
        }
        let mut read = app.company.store.read().await.unwrap();
        assert_eq!(check::fault(&mut read).await.unwrap(), None);
        drop(read);
        app.finish().await;
    }

    async fn the_overview_leads_to_exactly_those_that_want_attention(db: TestDb) {
        let mut app = TestApp::start(db).await;
        add(&mut app.company, &EXTRA).await;
        spend(&app.company).await;
        let finn = app.signed_in("Finn Finance").await;
        let overview = finn.get("/").await;
        let list = finn.get(&link(&overview, "All 6 overspent budgets")).await;
        assert_eq!(names(&list), ["Extra 5", "Extra 4", "Extra 3", "Extra 2", "Extra 1", "Extra 0"]);
        assert!(list.body.contains("Attention: Overspent"), "the filter is shown as a chip");
        assert!(overview.body.contains("Extra 6") && overview.body.contains("lasts to"), "{}", overview.body);
        assert_eq!(names(&finn.get("/budgets?view=table&attention=running_out").await), ["Extra 6"]);
        assert_eq!(names(&finn.get("/budgets?view=table&attention=running_out&attention=overspent&sort=name").await).len(), 7);
        assert_eq!(names(&finn.get("/budgets?attention=running_out").await), ["Extra 6"], "in the tree as well");
        let sara = app.signed_in("Sara South").await;
        assert!(names(&sara.get("/budgets?attention=overspent").await).is_empty());
        app.finish().await;
    }

    async fn the_list_is_taken_away_as_it_is_seen(db: TestDb) {
        let mut app = TestApp::start(db).await;
        add(&mut app.company, &EXTRA).await;
        spend(&app.company).await;
        let nora = app.signed_in("Nora North").await;
        let page = nora.get("/budgets?view=table&q=extra&sort=-name").await;
        let address = link(&page, "Export CSV").replace("/exports/new?", "");
        let file = taken(&nora, &address, "excel").await;
        assert_eq!(file.status, 200);
        let named = file.headers["content-disposition"].to_str().unwrap();
        assert!(named.contains("attachment") && named.contains("filename=\"budgets_20261122T1200Z.csv\""), "{named}");
        let lines: Vec<&str> = file.body.trim_start_matches('\u{feff}').lines().collect();
        assert_eq!(lines.len(), 9);
        assert!(lines[0].starts_with("Budget,Region,First day,Last day,Allocated,"), "{}", lines[0]);
        let first: Vec<&str> = lines[1].split(',').collect();
        assert_eq!(first[..9], ["Extra 6", "North", "2026-01-01", "2026-12-31", "100.00", "0.00", "0.00", "0.00", "95.00"]);
        assert_eq!(first[9..12], ["5.00", "EUR", "95.0"]);
        assert!(lines[2].contains(",-6.00,EUR,106.0,,Active,"), "a number below zero stays one: {}", lines[2]);
        assert!(lines[8].starts_with("\"'=Extra, 7\",North,"), "what a spreadsheet would run is guarded: {}", lines[8]);
        let machine = taken(&nora, "list=budgets", "machine").await;
        assert!(machine.body.starts_with("budget,region,period_start,") && !machine.body.contains("South one"));
        let list = nora.get("/exports").await;
        assert!(list.body.contains("Budgets: Name holds: extra; by budget, last first") && list.body.contains("Finished"), "{}", list.body);
        // Noted in the trail, and nobody else's.
        let trail = app.signed_in("Ada Admin").await.get("/audit?action=export").await;
        assert!(trail.body.contains("Nora North"), "{}", trail.body);
        let bad = nora.get("/exports/new?list=secrets").await;
        assert_eq!(bad.status, 404);
        assert_eq!(nora.get("/exports/new?list=budgets&nonsense=1").await.status, 400);
        app.finish().await;
    }

    async fn a_statement_and_a_burn_down_are_taken_away(db: TestDb) {
        let mut app = TestApp::start(db).await;
        add(&mut app.company, &EXTRA).await;
        spend(&app.company).await;
        let nora = app.signed_in("Nora North").await;
        let id = app.company.budgets["Extra 5"].to_string();
        let page = nora.get(&format!("/budgets/{id}?kind=spend")).await;
        assert!(page.body.contains(&format!("/exports/new?list=burn_down&#38;budget={id}")) || page.body.contains(&format!("list=burn_down&amp;budget={id}")));
        let statement = format!("list=statement&budget={id}");
        let file = taken(&nora, &statement, "excel").await;
        let lines: Vec<&str> = file.body.trim_start_matches('\u{feff}').lines().collect();
        assert_eq!(lines.len(), 3, "{}", file.body);
        assert!(lines[1].contains(",Spend,Extra 5,\"Extra 5, spent\",-106.00,-6.00,EUR,"), "{}", lines[1]);
        assert!(lines[2].contains(",Allocation,Funding,Extra 5,100.00,100.00,EUR,"), "{}", lines[2]);
        let some = taken(&nora, &format!("{statement}&kind=allocation"), "machine").await;
        assert_eq!(some.body.lines().count(), 2);
        let months = taken(&nora, &format!("list=burn_down&budget={id}"), "machine").await;
        let lines: Vec<&str> = months.body.lines().collect();
        assert_eq!((lines.len(), lines[0]), (13, "first_day,last_day,available,plan,forecast,currency"));
        assert!(lines[1].starts_with("2026-01-01,2026-01-31,100.00,"), "{}", lines[1]);
        assert!(lines[11].starts_with("2026-11-01,2026-11-30,-6.00,"), "{}", lines[11]);
        let sara = app.signed_in("Sara South").await;
        for list in ["statement", "burn_down"] {
            assert_eq!(sara.get(&format!("/exports/new?list={list}&budget={id}")).await.status, 404, "{list}");
        }
        app.finish().await;
    }
}
