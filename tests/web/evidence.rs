//! The reports for auditors: figures against independent counts, what is shown as asked is what was asked, a region's reader sees her region.

use counterfoil::actions::evidence::Report;
use counterfoil::actions::people::{self as act, NewPerson};
use counterfoil::domain::access::{Actor, Role};
use counterfoil::domain::duties::RULES;
use counterfoil::store::db::Sql;
use sqlx::{AssertSqlSafe, Connection, PgConnection, SqliteConnection};

use super::admin::send;
use crate::formats::{opened, rows};
use crate::support::app::{Answer, Client, PEOPLE, TestApp};
use crate::support::database::{TestDb, on_both_engines};
use crate::web::budgets::{budget, moved};

/// The figure of this label on a report.
pub fn figure(page: &Answer, label: &str) -> String {
    assert_eq!(page.status, 200, "{}", page.body);
    let after = page.body.split_once(&format!("<dt>{label}</dt><dd>")).unwrap_or_else(|| panic!("no {label}: {}", page.body)).1;
    after.split_once("</dd>").unwrap().0.to_owned()
}

pub async fn number(app: &TestApp, sql: Sql) -> i64 {
    app.company.store.read().await.unwrap().value(sql).await.unwrap()
}

fn plain(html: &str) -> String {
    let signs = [("&#39;", "'"), ("&#34;", "\""), ("&#60;", "<"), ("&#62;", ">"), ("&quot;", "\""), ("&lt;", "<"), ("&gt;", ">")];
    signs.iter().fold(html.to_owned(), |text, (from, to)| text.replace(from, to)).replace("&amp;", "&").replace("&#38;", "&")
}

/// The statements that a page shows.
fn statements(page: &Answer) -> Vec<String> {
    let shown = page.body.split_once("<details><summary>The statements").map_or("", |(_, rest)| rest);
    shown.split("<p><span class=\"id\">").skip(1).map(|part| plain(part.split_once("</span>").unwrap().0)).collect()
}

/// How many rows a statement gives when it is run as it is shown.
async fn run(url: &str, statement: String) -> usize {
    if url.starts_with("sqlite:") {
        let mut connection = SqliteConnection::connect(url).await.unwrap();
        return sqlx::query(AssertSqlSafe(statement)).fetch_all(&mut connection).await.unwrap().len();
    }
    let mut connection = PgConnection::connect(url).await.unwrap();
    sqlx::query(AssertSqlSafe(statement)).fetch_all(&mut connection).await.unwrap().len()
}

/// Somebody who audits the North alone.
pub async fn regional(app: &mut TestApp) -> Client {
    let grant = Some((Role::Auditor.into(), app.company.regions["North"], None));
    let new = NewPerson { email: "rita@test.example".to_owned(), name: "Rita Regional".to_owned(), password_hash: None, grant };
    let id = act::add(&app.company.store, Actor::system("test"), "rita", new).await.unwrap();
    app.company.people.insert("Rita Regional".to_owned(), id);
    let activate = Sql::new("UPDATE person SET status = 'active' WHERE id = $1").bind(id);
    let intent = counterfoil::store::writer::Intent::once(Actor::system("test"), "test.active");
    let done = app.company.store.write(intent, move |tx| {
        let sql = activate.clone();
        Box::pin(async move { tx.exec_one(sql).await })
    });
    done.await.unwrap();
    app.signed_in("Rita Regional").await
}

/// Takes a report away; the bytes of the file.
pub async fn file(client: &Client, query: &str, format: &str) -> (Answer, Vec<u8>) {
    let form = [("what", "evidence"), ("query", query), ("format", format)];
    let made = send(client, &format!("/exports/new?list=evidence&{query}"), "/exports", &["key"], &form).await;
    assert_eq!(made.status, 303, "{}", made.body);
    client.bytes(made.location()).await
}

on_both_engines! {
    async fn every_report_opens_for_whoever_may_and_for_nobody_else(db: TestDb) {
        let mut app = TestApp::start(db).await;
        let rita = regional(&mut app).await;
        let (ada, finn, nils) = (app.signed_in("Ada Admin").await, app.signed_in("Finn Finance").await, app.signed_in("Nils North").await);
        let list = ada.get("/evidence").await;
        let mut asked = 0;
        for report in Report::ALL {
            let at = format!("/evidence/{}", report.code());
            let page = ada.get(&at).await;
            assert_eq!(page.status, 200, "{at}: {}", page.body);
            assert!(list.body.contains(&at) && page.body.contains("The query behind it"), "{at}");
            asked += statements(&page).len();
            assert_eq!(nils.get(&at).await.status, 403, "{at}");
            let sees = report.scope(&counterfoil::store::access::of_person(
                &mut app.company.store.read().await.unwrap(), app.company.people["Finn Finance"], app.company.store.now()).await.unwrap());
            assert_eq!(finn.get(&at).await.status, if sees.is_some() { 200 } else { 403 }, "{at}");
            let hers = rita.get(&at).await;
            assert_eq!(hers.status, if report.about().whole { 403 } else { 200 }, "{at}");
            for name in ["Sara South", "Sven South", "South one", ">South<"] {
                assert!(!hers.body.contains(name), "{at} tells of {name}: {}", hers.body);
            }
        }
        assert!(asked > 25, "{asked}");
        assert_eq!(ada.get("/evidence/nothing").await.status, 404);
        let wrong = ada.get("/evidence/leavers?from=soon&to=2026-11-01").await;
        assert!(wrong.status == 422 && wrong.body.contains("Enter a day like 2026-11-22"), "{}", wrong.body);
        app.finish().await;
    }

    async fn what_is_shown_as_asked_gives_what_is_shown(db: TestDb) {
        let url = db.url.clone();
        let app = TestApp::start(db).await;
        let ada = app.signed_in("Ada Admin").await;
        act::suspend(&app.company.store, app.company.actor("Ada Admin"), "s", app.company.people["Sven South"], true).await.unwrap();
        let north = app.company.regions["North"];
        let mut ran = 0;
        for report in Report::ALL {
            for filter in [String::new(), format!("?region={north}"), format!("?person={}", app.company.people["Nora North"])] {
                for statement in statements(&ada.get(&format!("/evidence/{}{filter}", report.code())).await) {
                    run(&url, statement).await;
                    ran += 1;
                }
            }
        }
        assert!(ran > 60, "{ran}");
        // The one statement of a report of events gives its lines.
        let page = ada.get("/evidence/joiners-and-movers").await;
        let [statement]: [String; 1] = statements(&page).try_into().unwrap();
        assert_eq!(run(&url, statement).await.to_string(), figure(&page, "Events"));
        assert_eq!(figure(&page, "Events"), "1");
        app.finish().await;
    }

    async fn reports_of_events_hold_all_of_them_and_only_those_asked_for(db: TestDb) {
        let app = TestApp::start(db).await;
        let (store, admin) = (&app.company.store, || app.company.actor("Ada Admin"));
        let grant = counterfoil::actions::people::NewGrant {
            person: app.company.people["Nils North"], role: Role::Auditor.into(), region: app.company.regions["South"], ends_on: None, seen: None,
        };
        let act::Given::Now(given) = act::grant(store, admin(), "g", grant).await.unwrap() else { panic!("it waits") };
        act::end_grant(store, admin(), "e", given).await.unwrap();
        app.company.clock.advance(3 * 86_400_000_000);
        act::suspend(store, admin(), "s", app.company.people["Nils North"], true).await.unwrap();
        // Signed in on the day itself: a session lives for hours.
        let ada = app.signed_in("Ada Admin").await;
        let count = async |from: i64| {
            let sql = "SELECT count(*) FROM audit_event WHERE action IN ('grant.given', 'grant.ended', 'person.added', 'person.suspended') AND at >= $1";
            number(&app, Sql::new(sql).bind(from)).await.to_string()
        };
        let at = "/evidence/joiners-and-movers";
        assert_eq!(figure(&ada.get(at).await, "Events"), count(0).await);
        assert_eq!(count(0).await, "3");
        let late = ada.get(&format!("{at}?from=2026-11-24")).await;
        assert_eq!(figure(&late, "Events"), "1");
        let south = ada.get(&format!("{at}?region={}", app.company.regions["South"])).await;
        assert_eq!(figure(&south, "Events"), "2", "what belongs to no region is in no region's report");
        let nora = ada.get(&format!("{at}?person={}", app.company.people["Nora North"])).await;
        assert_eq!(figure(&nora, "Events"), "0");
        let privileged = ada.get("/evidence/privileged-changes").await;
        assert_eq!(figure(&privileged, "Events"), "3");
        assert!(privileged.body.contains("role auditor"), "{}", privileged.body);
        app.finish().await;
    }

    async fn duties_that_collide_are_those_of_the_roles(db: TestDb) {
        let mut app = TestApp::start(db).await;
        let rita = regional(&mut app).await;
        let ada = app.signed_in("Ada Admin").await;
        let page = ada.get("/evidence/duties").await;
        for rule in RULES {
            let held = PEOPLE.iter().filter(|(_, role, _)| role.allows(rule.one) && role.allows(rule.other)).count();
            assert_eq!(figure(&page, rule.label), held.to_string(), "{}", rule.label);
        }
        let (nora, all) = ("Regional administrator, North", "Finance controller, Global");
        assert!(page.body.contains(nora) && page.body.contains(all), "{}", page.body);
        let hers = rita.get("/evidence/duties").await;
        assert!(hers.body.contains(nora) && !hers.body.contains(all), "what was given above is not hers to see: {}", hers.body);
        act::suspend(&app.company.store, app.company.actor("Ada Admin"), "s", app.company.people["Nora North"], true).await.unwrap();
        assert!(!ada.get("/evidence/duties").await.body.contains(nora));
        app.finish().await;
    }

    async fn approvals_have_their_approvers_and_nobody_her_own(db: TestDb) {
        let app = TestApp::start(db).await;
        let (ada, nora) = (app.signed_in("Ada Admin").await, app.signed_in("Nora North").await);
        let global = app.company.regions["Global"].to_string();
        let fields = [("matter", "adjustment"), ("region", global.as_str()), ("currency", "EUR"), ("from_amount", "1"), ("approvers", "1")];
        let made = send(&ada, "/settings/approvals", "/settings/approvals/policies", &["key"], &fields).await;
        assert_eq!(made.status, 303, "{}", made.body);
        let ask = [("direction", "down"), ("amount", "10"), ("reason_code", "correction"), ("note", "Less")];
        for _ in 0..2 {
            moved(&nora, &format!("{}/adjustments", budget(&app, "North one")), &ask).await;
        }
        let waiting = ada.get("/approvals?view=waiting").await;
        let id = waiting.body.split("href=\"/approvals/apr_").nth(1).unwrap().split('"').next().unwrap();
        let place = format!("/approvals/apr_{id}");
        let done = send(&ada, &place, &format!("{place}/approval"), &["key", "hash"], &[]).await;
        assert_eq!(done.status, 303, "{}", done.body);
        let page = ada.get("/evidence/approvals").await;
        assert_eq!((figure(&page, "Requests"), figure(&page, "Decisions")), ("2".to_owned(), "1".to_owned()));
        let own = "SELECT count(*) FROM approval a JOIN approval_decision d ON d.approval_id = a.id WHERE d.person_id = a.requester_id";
        assert_eq!(figure(&page, "Decisions on one’s own request"), number(&app, Sql::new(own)).await.to_string());
        assert!(statements(&page).iter().any(|asked| asked.contains("d.person_id = a.requester_id")), "the count is a query");
        let sven = ada.get(&format!("/evidence/approvals?person={}", app.company.people["Sven South"])).await;
        assert_eq!(figure(&sven, "Requests"), "0");
        assert_eq!(figure(&ada.get("/evidence/policies").await, "In force now"), "1");
        app.finish().await;
    }

    async fn a_file_says_what_it_is_and_is_on_record(db: TestDb) {
        let mut app = TestApp::start(db).await;
        let rita = regional(&mut app).await;
        let ada = app.signed_in("Ada Admin").await;
        let people = number(&app, Sql::new("SELECT count(*) FROM person")).await;
        let (answer, bytes) = file(&ada, "report=people", "xlsx").await;
        assert!(answer.headers["content-disposition"].to_str().unwrap().contains(".xlsx"), "{:?}", answer.headers);
        let mut book = opened(&bytes, "people.xlsx").unwrap();
        assert_eq!(book.headers[0], "Person");
        assert_eq!(rows(&mut book).unwrap().len() as i64, people);
        let (_, bytes) = file(&ada, "report=people", "machine").await;
        let text = String::from_utf8(bytes).unwrap();
        let (lines, about) = text.split_once("\r\n\"\"\r\n").unwrap();
        assert_eq!(lines.lines().count() as i64, people + 1);
        let made_by = format!("Made by,Ada Admin ({})", app.company.people["Ada Admin"]);
        for words in ["Report,", "As at,", "Regions,The whole organisation", "Newest checkpoint,", "Statement,", &made_by] {
            assert!(about.contains(words), "{words}: {about}");
        }
        let noted = "SELECT count(*) FROM audit_event WHERE action = 'export.downloaded' AND region_id IS NULL";
        assert_eq!(number(&app, Sql::new(noted)).await, 2);
        let (_, bytes) = file(&rita, "report=people", "machine").await;
        let text = String::from_utf8(bytes).unwrap();
        assert!(text.contains("Nora North") && !text.contains("Sara South") && text.contains("Regions,North"), "{text}");
        let whole = rita.get("/exports/new?list=evidence&report=integrity").await;
        assert_eq!(whole.status, 403, "{}", whole.body);
        app.finish().await;
    }

    async fn the_certificate_says_what_the_trail_says(db: TestDb) {
        let app = TestApp::start(db).await;
        let ada = app.signed_in("Ada Admin").await;
        let head = number(&app, Sql::new("SELECT max(seq) FROM audit_event")).await;
        let page = ada.get("/evidence/integrity").await;
        assert_eq!((figure(&page, "Events"), figure(&page, "Verdict")), (head.to_string(), "Not verified yet".to_owned()));
        assert_eq!((figure(&page, "Signed"), figure(&page, "Anchors")), ("0".to_owned(), "0".to_owned()));
        let verified = send(&ada, "/audit/proof", "/audit/verifications", &[], &[]).await;
        assert_eq!(verified.status, 303, "{}", verified.body);
        let page = ada.get("/evidence/integrity").await;
        assert_eq!(figure(&page, "Verdict"), "Not proven", "nothing outside vouches for it");
        app.finish().await;
    }
}
