//! What lies outside somebody's regions shows nowhere: not in a cursor, a link, a button, a name that is taken, nor in what an export leaves.

use counterfoil::domain::access::Role;
use counterfoil::domain::audit::Event;
use counterfoil::domain::id::{BudgetId, GrantId, PostingId};
use counterfoil::domain::transaction::DeliveryStatus;
use counterfoil::store::audit_log::{self, Kept};
use counterfoil::store::db::Sql;
use counterfoil::store::people;
use counterfoil::store::writer::Intent;
use futures_util::StreamExt;
use serde_json::Value;

use crate::support::app::{Answer, Client, TestApp};
use crate::support::database::{TestDb, on_both_engines};
use crate::support::rewards::{Reward, load, reward};

/// Gives somebody one more role.
pub async fn grant(app: &TestApp, name: &str, role: Role, region: &str) {
    let (person, region) = (app.company.people[name], app.company.regions[region]);
    let actor = app.company.actor("Ada Admin");
    app.company
        .store
        .write(Intent::once(actor, "test.grant"), move |tx| {
            Box::pin(async move {
                tx.access_changed();
                people::insert_grant(tx, GrantId(tx.new_id()), person, role, region, None).await?;
                tx.record(Event::new("grant.given", "person", person, Some(region)));
                Ok(())
            })
        })
        .await
        .unwrap();
}

/// Every event of an action with what was sealed.
pub async fn events(app: &TestApp, action: &str) -> Vec<(Kept, Value)> {
    let mut read = app.company.store.read().await.unwrap();
    let all = audit_log::after(&mut read, 0, 10_000).await.unwrap();
    let all = all.into_iter().filter(|event| event.action == action);
    all.map(|event| (event.clone(), serde_json::from_slice(&event.body).unwrap())).collect()
}

pub async fn export(client: &Client, query: &str) -> Answer {
    let page = client.get("/exports/new").await;
    let (csrf, key) = (page.csrf(), page.field("key"));
    let form = [("csrf", csrf.as_str()), ("key", &key), ("query", query), ("columns", "view"), ("format", "machine")];
    client.post("/exports", &form).await
}

async fn add_region(client: &Client, name: &str, parent: &str) -> Answer {
    let page = client.get("/regions/new").await;
    assert_eq!(page.status, 200, "{}", page.body);
    let (csrf, key) = (page.csrf(), page.field("key"));
    let form = [
        ("csrf", csrf.as_str()),
        ("key", &key),
        ("name", name),
        ("parent", parent),
        ("currency", "EUR"),
        ("time_zone", "Europe/Berlin"),
        ("fiscal_start_month", "1"),
        ("cost_centre", ""),
    ];
    client.post("/regions", &form).await
}

on_both_engines! {
    async fn a_cursor_of_another_region_is_as_good_as_none(db: TestDb) {
        let app = TestApp::start(db).await;
        let nora = app.signed_in("Nora North").await;
        let names = |page: &Answer| ["North one", "North two", "North yen"].map(|name| page.body.contains(name));
        let south = app.company.budgets["South one"];
        let missing = BudgetId(uuid::Uuid::from_u128(7));
        for sort in ["available", "-available", "spent", "name"] {
            for end in ["after", "before"] {
                for id in [south, missing] {
                    let page = nora.get(&format!("/budgets?view=table&sort={sort}&{end}={id}")).await;
                    assert_eq!((page.status, names(&page)), (200, [true; 3]), "{sort} {end}");
                }
            }
        }
        let own = nora.get(&format!("/budgets?view=table&sort=name&after={}", app.company.budgets["North one"])).await;
        assert_eq!(names(&own)[1..], [true, true]);
        app.finish().await;
    }

    async fn every_download_is_on_record_in_each_region_it_took_rows_of(db: TestDb) {
        let app = TestApp::start(db).await;
        grant(&app, "Nils North", Role::Auditor, "North").await;
        let failed = Reward { delivery: DeliveryStatus::Failed, region: "South", ..reward("RW-3") };
        load(&app.company, vec![reward("RW-1"), reward("RW-2"), failed], true).await;
        let finn = app.signed_in("Finn Finance").await;
        let south = app.company.regions["South"];
        let made = export(&finn, &format!("region={}&region={south}&currency=EUR&q=rw", app.company.regions["North"])).await;
        assert_eq!(made.status, 303, "{}", made.body);
        let file = made.location().to_owned();
        let (first, second) = (finn.get(&file).await, finn.get(&file).await);
        assert_eq!((first.body.lines().count(), &first.body), (4, &second.body));
        let noted = events(&app, "export.downloaded").await;
        assert_eq!(noted.len(), 6, "two downloads, each one event for all and one for each of two regions");
        use sha2::{Digest, Sha256};
        let hash: String = Sha256::digest(first.body.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect();
        for (event, body) in &noted {
            let detail = &body["detail"];
            assert_eq!((detail["sha256"].as_str().unwrap(), &detail["whole"]), (hash.as_str(), &Value::Bool(true)));
            let words = detail["query"].as_str().unwrap();
            match event.region_id {
                None => assert!(detail["rows"] == "3" && words.contains("South") && words.contains("North"), "{words}"),
                Some(region) => {
                    assert_eq!(detail["rows"], if region == south { "1" } else { "2" });
                    assert!(words.contains("Currency: EUR") && !words.contains("South") && !words.contains("North"), "{words}");
                    assert!(!body.to_string().contains(&south.to_string()) || region == south, "{body}");
                }
            }
        }
        // The page: all of it for her who made it, her region's part for a regional auditor, nothing for anybody else.
        let page = file.trim_end_matches("/file").to_owned();
        let own = finn.get(&page).await;
        assert!(own.status == 200 && own.body.contains("Region: South") && own.body.matches(&hash).count() == 2, "{}", own.body);
        assert!(finn.get("/exports").await.body.contains(&format!("href=\"{page}\"")));
        let nils = app.signed_in("Nils North").await;
        let part = nils.get(&page).await;
        assert!(part.status == 200 && part.body.contains("Currency: EUR") && part.body.matches(&hash).count() == 2, "{}", part.body);
        assert!(!part.body.contains("South") && !part.body.contains("/file"), "{}", part.body);
        assert!(nils.get("/audit?action=export").await.body.contains(&format!("href=\"{page}\"")));
        assert_eq!(nils.get(&file).await.status, 404);
        for other in ["Nora North", "Sven South"] {
            assert_eq!(app.signed_in(other).await.get(&page).await.status, 404, "{other}");
        }
        app.finish().await;
    }

    async fn a_download_that_breaks_off_is_said_to(db: TestDb) {
        use counterfoil::actions::exports::{self, Names, Taking};
        use counterfoil::domain::access::Scope;
        use counterfoil::domain::list_query::{Calendar, ListQuery};
        use counterfoil::store::{exports as kept, transaction_list};

        let app = TestApp::start(db).await;
        let rows = (0..6_000).map(|at| Reward { product: Some("Spa voucher ".repeat(9)), ..reward(&format!("RW-{at:05}")) });
        load(&app.company, rows.collect(), true).await;
        let finn = app.signed_in("Finn Finance").await;
        let file = export(&finn, "columns=external_id,product").await.location().to_owned();
        let id = counterfoil::domain::id::ExportId::parse(file.split('/').nth(2).unwrap()).unwrap();
        let query = ListQuery::parse("columns=external_id,product").query;
        let store = &app.company.store;
        let mut read = store.read().await.unwrap();
        let scope = Scope::of(app.company.regions.values().copied(), true);
        let calendar = Calendar::at(store.now(), chrono_tz::UTC, 1);
        let hidden = counterfoil::store::transactions::hidden_imports(&mut read).await.unwrap();
        let asked = transaction_list::ask(&mut read, &scope, &scope, &query, calendar, hidden).await.unwrap();
        let plan = kept::plan(&asked, query.columns(), store.engine());
        drop(read);
        let actor = app.company.actor("Finn Finance");
        let taking = Taking { actor, id, query: query.clone(), words: "All".to_owned(), format: "machine".to_owned() };
        let preset = exports::preset("machine").unwrap();
        let mut stream = Box::pin(exports::download(store, taking, plan, preset, Names::default()));
        let piece = stream.next().await.unwrap().unwrap();
        drop(stream);
        let lines = std::str::from_utf8(&piece).unwrap().lines().count() - 1;
        let mut noted = Vec::new();
        while noted.len() < 2 {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
            noted = events(&app, "export.downloaded").await;
        }
        for (_, body) in &noted {
            assert_eq!((&body["detail"]["whole"], &body["detail"]["rows"]), (&Value::Bool(false), &lines.to_string().into()));
        }
        assert!(finn.get(file.trim_end_matches("/file")).await.body.contains("Broke off"));
        app.finish().await;
    }

    async fn filters_that_cannot_be_read_make_no_export(db: TestDb) {
        let app = TestApp::start(db).await;
        let nils = app.signed_in("Nils North").await;
        for query in ["colour=red", "delivery_status=lost", "amount_min=much&currency=EUR", "from=2026-02-30"] {
            let refused = export(&nils, query).await;
            assert_eq!(refused.status, 422, "{query}: {}", refused.body);
            assert!(refused.body.contains("There is a problem") && refused.body.contains("<title>Error: "), "{query}");
        }
        assert!(events(&app, "export.made").await.is_empty());
        assert_eq!(export(&nils, "currency=EUR").await.status, 303);
        app.finish().await;
    }

    async fn an_import_shows_each_region_its_part(db: TestDb) {
        let app = TestApp::start(db).await;
        let rows = "Region,Id,Amount\nNorth,P1,10.00\nNorth,P2,20.00\nSouth,P3,400.00\nNowhere,P4,1.00\n";
        let import = crate::imports::two_regions(&app.company, rows.as_bytes()).await;
        let address = format!("/imports/{import}");
        let (nora, nils) = (app.signed_in("Nora North").await, app.signed_in("Nils North").await);
        for client in [&nora, &nils] {
            let page = client.get(&address).await;
            assert_eq!(page.status, 200, "{}", page.body);
            assert!(page.body.contains("30.00") && page.body.contains("You see what it did in yours"), "{}", page.body);
            for word in ["400.00", "430.00", "south", "South", "both.csv", "Nowhere", "region_out_of_scope", "refused.csv"] {
                assert!(!page.body.contains(word), "{word}: {}", page.body);
            }
            let list = client.get(&format!("/transactions?import={import}")).await;
            let detail = list.body.split("href=\"/transactions/txn_").nth(1).unwrap().split('"').next().unwrap();
            let detail = client.get(&format!("/transactions/txn_{detail}")).await;
            assert!(detail.body.contains(&format!("href=\"{address}\"")), "{}", detail.body);
            assert_eq!(client.get(&format!("/search?q={import}")).await.location(), address);
        }
        let finn = app.signed_in("Finn Finance").await.get(&address).await;
        assert!(finn.body.contains("both.csv") && finn.body.contains("430.00") && finn.body.contains("Nowhere"), "{}", finn.body);
        let other = crate::imports::two_regions(&app.company, b"Region,Id,Amount\nSouth,Q1,9.00\n").await;
        for client in [&nora, &nils] {
            assert_eq!(client.get(&format!("/imports/{other}")).await.status, 404);
        }
        app.finish().await;
    }

    async fn a_saved_mapping_is_chosen_renamed_and_deleted_on_pages(db: TestDb) {
        let app = TestApp::start(db).await;
        let (first, second) = (crate::imports::open_import(&app.company, "Nora North", "One").await, crate::imports::open_import(&app.company, "Nora North", "Two").await);
        assert_ne!(first, second);
        let (nora, sara) = (app.signed_in("Nora North").await, app.signed_in("Sara South").await);
        let columns = format!("/imports/{second}/columns");
        let page = nora.get(&columns).await;
        assert!(page.body.contains("Saved mappings that fit this file") && page.body.contains(">One</option>"), "{}", page.body);
        let one = page.body.split("<option value=\"map_").find(|part| part.contains(">One<")).unwrap().split('"').next().unwrap().to_owned();
        let (csrf, version) = (page.csrf(), page.field("version"));
        let one = format!("map_{one}");
        let form = [("csrf", csrf.as_str()), ("version", &version), ("mapping", &one)];
        assert_eq!(sara.post(&format!("/imports/{second}/mapping"), &[("csrf", &sara.get("/imports/mappings").await.csrf()), form[1], form[2]]).await.status, 404);
        let filled = nora.post(&format!("/imports/{second}/mapping"), &form).await;
        assert_eq!((filled.status, filled.location()), (303, columns.as_str()), "{}", filled.body);
        assert!(nora.get(&columns).await.body.contains("The mapping “One” of this source is filled in"));

        let act = async |client: &Client, end: &str, name: &str| {
            let list = client.get("/imports/mappings").await;
            let part = list.body.split_once(&format!("/imports/mappings/{one}/{end}\""));
            let value = |field: &str| {
                let rest = part.map_or("name=\"key\" value=\"k-none\" name=\"version\" value=\"1\"", |part| part.1);
                rest.split_once(&format!("name=\"{field}\" value=\"")).unwrap().1.split('"').next().unwrap().to_owned()
            };
            let (csrf, key, version) = (list.csrf(), value("key"), value("version"));
            let form = [("csrf", csrf.as_str()), ("key", &key), ("version", &version), ("name", name)];
            (part.is_some(), client.post(&format!("/imports/mappings/{one}/{end}"), &form).await)
        };
        for (end, name) in [("name", "Hers"), ("removal", "")] {
            let (offered, refused) = act(&sara, end, name).await;
            assert!(!offered && refused.status == 422, "{end}: {} {}", refused.status, refused.body);
            assert!(refused.body.contains("every region this mapping names"), "{}", refused.body);
        }
        assert!([409, 422].contains(&act(&nora, "name", "Two").await.1.status), "another has that name");
        assert_eq!(act(&nora, "name", "Monthly").await.1.status, 303);
        assert!(nora.get("/imports/mappings").await.body.contains("Monthly"));
        assert_eq!(act(&nora, "removal", "").await.1.status, 303);
        let list = nora.get("/imports/mappings").await;
        assert!(!list.body.contains(">Monthly<") && list.body.contains("Two"), "{}", list.body);
        app.finish().await;
    }

    async fn a_link_to_an_import_of_another_region_is_not_shown(db: TestDb) {
        let app = TestApp::start(db).await;
        // Came with an import that touched the South only, and moved since.
        let (import, ids) = load(&app.company, vec![Reward { region: "South", ..reward("RW-1") }], true).await;
        let (north, id) = (app.company.regions["North"], ids[0]);
        app.company.store
            .write(Intent::once(app.company.actor("Ada Admin"), "test.move"), move |tx| {
                Box::pin(async move {
                    let sql = Sql::new("UPDATE reward_transaction SET region_id = $1, recipient_id = NULL WHERE id = $2");
                    tx.exec_one(sql.bind(north).bind(id)).await
                })
            })
            .await
            .unwrap();
        let nora = app.signed_in("Nora North").await;
        let page = nora.get(&format!("/transactions/{id}")).await;
        assert!(page.status == 200 && !page.body.contains("/imports/imp_"), "{}", page.body);
        assert_eq!(nora.get(&format!("/imports/{import}")).await.status, 404);
        let sara = app.signed_in("Sara South").await;
        assert_eq!(sara.get(&format!("/imports/{import}")).await.status, 200);
        app.finish().await;
    }

    async fn a_leg_is_reversed_only_by_whom_both_belong_to(db: TestDb) {
        let app = TestApp::start(db).await;
        let (finn, nora) = (app.signed_in("Finn Finance").await, app.signed_in("Nora North").await);
        let posted = async |from: &str, to: &str, rate: &str| {
            let address = format!("/budgets/{}/transfers", app.company.budgets[from]);
            let key = finn.get(&format!("{address}/new")).await.field("key");
            let to = app.company.budgets[to];
            let rate = format!("rate={rate}&rate_date=2026-11-20&rate_source=ECB");
            let page = finn.get(&format!("{address}/check?key={key}&to={to}&amount=100&note=x&{rate}")).await;
            assert_eq!(page.status, 200, "{}", page.body);
            let (_, form) = page.body.split_once("<form class=\"actions\" method=\"post\"").unwrap();
            let inputs: Vec<(String, String)> = form
                .split("<input type=\"hidden\" ")
                .skip(1)
                .map(|input| ["name", "value"].map(|part| input.split_once(&format!("{part}=\"")).unwrap().1.split_once('"').unwrap().0.to_owned()))
                .map(|[name, value]| (name, value))
                .collect();
            let sent: Vec<(&str, &str)> = inputs.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
            let answer = finn.post(&address, &sent).await;
            assert_eq!(answer.status, 303, "{}", answer.body);
            answer.location().split_once('?').unwrap().0.to_owned()
        };
        let within = posted("North one", "North yen", "162.35").await;
        assert!(nora.get(&within).await.body.contains("/reversal/new"));
        let south = posted("North yen", "South one", "0.0062").await;
        let leg = PostingId::parse(south.trim_start_matches("/postings/")).unwrap();
        let pair: PostingId = {
            let mut read = app.company.store.read().await.unwrap();
            read.value(Sql::new("SELECT pair_id FROM posting WHERE id = $1").bind(leg)).await.unwrap()
        };
        let seen = [nora.get(&south).await, nora.get(&format!("/postings/{pair}")).await];
        assert_eq!(seen.iter().filter(|page| page.status == 200).count(), 1, "one leg is hers");
        assert!(seen.iter().all(|page| !page.body.contains("/reversal/new")), "and she cannot reverse it alone");
        assert!(finn.get(&south).await.body.contains("/reversal/new"));
        app.finish().await;
    }

    async fn a_name_is_taken_only_beside_its_own_kind(db: TestDb) {
        let app = TestApp::start(db).await;
        grant(&app, "Nora North", Role::Administrator, "North").await;
        let (nora, ada) = (app.signed_in("Nora North").await, app.signed_in("Ada Admin").await);
        let (north, global) = (app.company.regions["North"].to_string(), app.company.regions["Global"].to_string());
        assert_eq!(add_region(&nora, "South", &north).await.status, 303, "nobody tells her that there is one");
        let twice = add_region(&nora, "south", &north).await;
        assert!(twice.status == 409 || twice.status == 422, "{}", twice.status);
        assert!(twice.body.contains("There is a region called south already"), "{}", twice.body);
        assert!([409, 422].contains(&add_region(&ada, "North", &global).await.status));
        // Her own top region stands beside regions that she does not see.
        let place = format!("/regions/{north}");
        for (name, status) in [("South", 422), ("Elsewhere", 422), ("NORTH", 303)] {
            let page = nora.get(&format!("{place}/edit")).await;
            let (csrf, key, version) = (page.csrf(), page.field("key"), page.field("version"));
            let form = [
                ("csrf", csrf.as_str()), ("key", &key), ("version", &version), ("name", name), ("currency", "EUR"),
                ("time_zone", "Europe/Berlin"), ("fiscal_start_month", "1"), ("cost_centre", ""),
            ];
            let answer = nora.post(&place, &form).await;
            assert_eq!(answer.status, status, "{name}: {}", answer.body);
        }
        app.finish().await;
    }
}
