//! Who received a reward is seen by roles that need it, on purpose by those that do not, and by nobody once it was taken out.

use counterfoil::actions::imports::commit::Mode;
use counterfoil::domain::access::Role;
use counterfoil::domain::transaction::DeliveryStatus;
use counterfoil::jobs::{self, search_index};
use counterfoil::store::audit_log;
use counterfoil::store::db::Sql;
use counterfoil::store::transaction_search;
use counterfoil::store::writer::Intent;
use sqlx::{Connection, SqliteConnection};

use super::wall::{events, export, grant};
use crate::imports::{checked, committed, meanings, small};
use crate::support::app::{Answer, Client, Company, TestApp};
use crate::support::database::{TestDb, on_both_engines};
use crate::support::rewards::{Reward, load, reward};

const PERSONAL: &str = "columns=external_id,recipient_name,recipient_email,employee_number,recipient_id";

async fn index(company: &Company) {
    let actor = company.actor("Ada Admin");
    let done = company
        .store
        .write(Intent::once(actor, "test.index"), |tx| Box::pin(async move { Ok(transaction_search::index_more(tx, 1_000).await?) }));
    done.await.unwrap();
}

/// The id of the recipient of a transaction, as text.
async fn recipient(company: &Company, external: &'static str) -> String {
    let sql = Sql::new("SELECT recipient_id FROM reward_transaction WHERE external_id = $1").bind(external);
    let row: (counterfoil::domain::id::RecipientId,) = company.store.read().await.unwrap().one(sql).await.unwrap().unwrap();
    row.0.to_string()
}

async fn number(company: &Company, sql: &'static str) -> i64 {
    company.store.read().await.unwrap().value(Sql::new(sql)).await.unwrap()
}

async fn send(client: &Client, path: &str, key: &str, reason: &str) -> Answer {
    let csrf = client.get("/").await.csrf();
    client.post(path, &[("csrf", csrf.as_str()), ("key", key), ("reason", reason)]).await
}

/// How many rows a list shows of these two.
fn rows(body: &str) -> [bool; 2] {
    ["RW-N", "RW-S"].map(|row| body.contains(row))
}

/// What the files of a database on SQLite hold.
fn bytes(url: &str) -> Vec<u8> {
    let file = url.trim_start_matches("sqlite:").trim_start_matches("//");
    ["", "-wal"].iter().flat_map(|end| std::fs::read(format!("{file}{end}")).unwrap_or_default()).collect()
}

fn holds(url: &str, words: &str) -> bool {
    bytes(url).windows(words.len()).any(|window| window == words.as_bytes())
}

/// In how many pages of the search index these letters stand, whatever its answers leave out.
async fn pages_with(url: &str, letters: &str) -> i64 {
    let mut connection = SqliteConnection::connect(url).await.unwrap();
    let asked = sqlx::query_as("SELECT count(*) FROM reward_search_data WHERE instr(block, $1) > 0").bind(letters.as_bytes());
    let (pages,): (i64,) = asked.fetch_one(&mut connection).await.unwrap();
    pages
}

#[tokio::test]
async fn on_sqlite_no_trigram_of_an_erased_name_stays_in_the_index() {
    let db = TestDb::sqlite();
    let url = db.url.clone();
    let app = TestApp::start(db).await;
    let named = |external: String, name: &str| Reward { recipient: name.to_owned(), ..reward(&external) };
    let mut rows = vec![named("RW-1".to_owned(), "Zebulon Quixote")];
    rows.extend((0..3_000).map(|n| named(format!("RX-{n}"), &format!("Somebody Else {n}"))));
    load(&app.company, rows, true).await;
    index(&app.company).await;
    // Nobody else has these letters in a row.
    assert_eq!(pages_with(&url, "ixo").await, 1);
    let id = recipient(&app.company, "RW-1").await;
    let ada = app.signed_in("Ada Admin").await;
    assert_eq!(send(&ada, &format!("/recipients/{id}/erasure"), "a-key-of-ada-1", "Request 12").await.status, 303);
    assert_eq!(pages_with(&url, "ixo").await, 1, "deleted rows stay until the index is merged");
    let mut turns = 0;
    while search_index::cleaned(&app.company.store).await.unwrap() {
        turns += 1;
    }
    assert!(turns > 1, "begun, and gone on with");
    assert_eq!(pages_with(&url, "ixo").await, 0);
    for (word, found) in [("quixote", false), ("somebody", true)] {
        let list = ada.get(&format!("/transactions?q={word}&{PERSONAL}")).await.body;
        assert_eq!(list.contains("Somebody Else"), found, "{word}");
    }
    // Nobody else was erased: there is nothing more to do.
    assert!(!search_index::cleaned(&app.company.store).await.unwrap());
    app.finish().await;
}

#[tokio::test]
async fn on_sqlite_no_byte_of_an_erased_name_stays_in_the_files() {
    let db = TestDb::sqlite();
    let url = db.url.clone();
    let app = TestApp::start(db).await;
    let named = |external: String, name: &str| Reward { recipient: name.to_owned(), ..reward(&external) };
    let mut rows = vec![named("RW-1".to_owned(), "Zebulon Quixote")];
    rows.extend((0..500).map(|n| named(format!("RX-{n}"), &format!("Somebody Else {n}"))));
    load(&app.company, rows, true).await;
    index(&app.company).await;
    // Notes that are changed and rows that are deleted leave pages behind.
    let noted = app.company.store.write(Intent::once(app.company.actor("Ada Admin"), "test.note"), |tx| {
        Box::pin(async move {
            let note = format!("for Zebulon Quixote {}", "x".repeat(1_900));
            tx.exec(Sql::new("UPDATE reward_transaction SET note = $1 WHERE external_id = 'RW-1'").bind(note)).await?;
            Ok(())
        })
    });
    noted.await.unwrap();
    assert!(holds(&url, "Zebulon Quixote"), "it is there before");
    let id = recipient(&app.company, "RW-1").await;
    let ada = app.signed_in("Ada Admin").await;
    // Somebody who still reads what was there before holds it up, and nobody else.
    let mut reading = app.company.store.read().await.unwrap();
    let _: i64 = reading.value(Sql::new("SELECT count(*) FROM recipient")).await.unwrap();
    assert_eq!(send(&ada, &format!("/recipients/{id}/erasure"), "a-key-of-ada-1", "Request 12").await.status, 303);
    assert_eq!(ada.get("/transactions").await.status, 200);
    drop(reading);
    for tries in 0.. {
        let left: Vec<_> = ["Zebulon", "zebulon", "Quixote", "quixote"].into_iter().filter(|word| holds(&url, word)).collect();
        if left.is_empty() {
            break;
        }
        assert!(tries < 100, "{left:?} stays in the files");
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    app.finish().await;
}

on_both_engines! {
    async fn a_role_that_does_not_need_names_gets_none_and_finds_nobody_by_them(db: TestDb) {
        let app = TestApp::start(db).await;
        let south = Reward { region: "South", delivery: DeliveryStatus::Failed, ..reward("RW-S") };
        load(&app.company, vec![reward("RW-N"), south], true).await;
        // Nils sees names in North alone, and rows everywhere.
        grant(&app, "Nils North", Role::Auditor, "Global").await;
        let (ada, finn, nils) = (app.signed_in("Ada Admin").await, app.signed_in("Finn Finance").await, app.signed_in("Nils North").await);
        for indexed in [false, true] {
            if indexed {
                index(&app.company).await;
            }
            // In this order: what is remembered for one is not told to another.
            for (who, found) in [(&ada, [true, true]), (&finn, [false, false]), (&nils, [true, false])] {
                for word in ["asha", "people.example", "rao"] {
                    let list = who.get(&format!("/transactions?q={word}&{PERSONAL}")).await;
                    assert_eq!((list.status, rows(&list.body)), (200, found), "{word} {indexed}");
                    let count = list.body.contains("2 transactions") || list.body.contains(">2<");
                    assert!(!count || found == [true, true], "{word} {indexed}");
                    assert_eq!(who.get(&format!("/search?q={word}")).await.body.contains("Asha Rao"), found[0], "{word}");
                }
            }
        }
        let all = format!("/transactions?{PERSONAL}");
        let (seen, hidden, some) = (ada.get(&all).await.body, finn.get(&all).await.body, nils.get(&all).await.body);
        assert_eq!([&seen, &hidden, &some].map(|body| (rows(body), body.matches("Asha Rao").count())), [([true; 2], 2), ([true; 2], 0), ([true; 2], 1)]);
        assert_eq!([&seen, &hidden, &some].map(|body| body.contains(">hidden<")), [false, true, true]);
        // A file has what the list has.
        for (who, names) in [(&ada, 2), (&finn, 0), (&nils, 1)] {
            let made = export(who, PERSONAL).await;
            let file = who.get(made.location()).await;
            assert_eq!((file.body.lines().count(), file.body.matches("Asha Rao").count()), (3, names), "{}", file.body);
            assert_eq!(file.body.matches("hidden,hidden,hidden").count(), 2 - names, "{}", file.body);
            assert_eq!(file.body.matches("people.example").count(), names);
        }
        // So has each transaction's page.
        for (external, names) in [("RW-N", [true, false, true]), ("RW-S", [true, false, false])] {
            for (who, named) in [&ada, &finn, &nils].into_iter().zip(names) {
                let found = who.get(&format!("/search?q={external}")).await;
                let page = who.get(found.location()).await;
                assert_eq!((page.status, page.body.contains("Asha Rao")), (200, named), "{external}");
                assert!(page.body.contains("href=\"/recipients/rcp_"), "{}", page.body);
            }
        }
        app.finish().await;
    }

    async fn somebody_hidden_is_shown_once_with_a_reason_and_on_the_record(db: TestDb) {
        let app = TestApp::start(db).await;
        load(&app.company, vec![reward("RW-N")], true).await;
        let id = recipient(&app.company, "RW-N").await;
        let (page, path) = (format!("/recipients/{id}"), format!("/recipients/{id}/reveals"));
        let finn = app.signed_in("Finn Finance").await;
        let before = finn.get(&page).await;
        assert!(before.status == 200 && !before.body.contains("Asha"), "{}", before.body);
        let refused = send(&finn, &path, "a-key-of-finn", "  ").await;
        assert!(refused.status == 422 && refused.body.contains("Say why") && !refused.body.contains("Asha"), "{}", refused.body);
        assert!(events(&app, "recipient.revealed").await.is_empty());
        let form = finn.get(&page).await;
        let (csrf, key) = (form.csrf(), form.field("key"));
        for _ in 0..2 {
            let shown = finn.post(&path, &[("csrf", csrf.as_str()), ("key", &key), ("reason", "Ticket 4711")]).await;
            assert!(shown.status == 200 && shown.body.contains("Asha Rao") && shown.body.contains("people.example"), "{}", shown.body);
            assert!(shown.headers["cache-control"].to_str().unwrap().contains("no-store"));
        }
        assert!(!finn.get(&page).await.body.contains("Asha"), "the next visit shows nobody");
        let noted = events(&app, "recipient.revealed").await;
        assert_eq!(noted.len(), 1, "a form sent twice shows her twice and is noted once");
        assert_eq!(noted[0].1["detail"]["reason"], "Ticket 4711");
        assert_eq!((noted[0].0.region_id, noted[0].1.to_string().contains("Asha")), (Some(app.company.regions["North"]), false));
        // Who sees names needs no such thing, and nobody else learns that there is somebody.
        let nora = app.signed_in("Nora North").await;
        assert!(nora.get(&page).await.body.contains("Asha Rao"));
        assert_eq!(send(&nora, &path, "a-key-of-nora", "why").await.status, 403);
        let sara = app.signed_in("Sara South").await;
        assert_eq!([sara.get(&page).await.status, sara.get("/recipients/rcp_00000000000000000000000000").await.status], [404, 404]);
        grant(&app, "Sven South", Role::Auditor, "South").await;
        let sven = app.signed_in("Sven South").await;
        assert_eq!(send(&sven, &path, "a-key-of-sven", "why").await.status, 404);
        app.finish().await;
    }

    async fn who_is_erased_is_gone_everywhere_and_every_sum_stays(db: TestDb) {
        let app = TestApp::start(db).await;
        let company = &app.company;
        let file = |amount: &str| {
            let head = "Region,Budget,Id,Amount,Name,Date,Note\n";
            let row = |id, amount, name, note| format!("North,North one,{id},{amount},{name},2026-05-01,{note}\n");
            let rows = [row("E1", amount, "Ösha Rao", "for Ösha Rao"), row("E2", "5.00", "Bob", "plain"), row("E3", "much", "Ösha Rao", "x")];
            format!("{head}{}", rows.concat()).into_bytes()
        };
        let (id, report) = checked(company, "Nora North", &file("3.00"), small(), Some(meanings(company))).await;
        assert_eq!((report.counts.created, report.counts.refused), (2, 1));
        assert_eq!(committed(company, "Nora North", id, Mode::GoodRows).await.state, "done");
        index(company).await;
        let person = recipient(company, "E1").await;
        let mut read = company.store.read().await.unwrap();
        let trail = audit_log::after(&mut read, 0, 10_000).await.unwrap();
        assert!(trail.iter().all(|event| !String::from_utf8_lossy(&event.body).contains("Rao")), "the trail never knew her");
        drop(read);
        let (nora, ada) = (app.signed_in("Nora North").await, app.signed_in("Ada Admin").await);
        let page = format!("/recipients/{person}/erasure");
        assert_eq!(nora.get(&page).await.status, 403);
        assert!(ada.get(&page).await.body.contains("Ösha Rao"));
        assert_eq!(send(&ada, &page, "first-key-of-ada", "").await.status, 422);
        let sums = || async { (number(company, "SELECT CAST(sum(amount_issued) AS BIGINT) FROM reward_transaction").await, nora.get("/budgets").await.body.contains("8.00")) };
        let before = sums().await;
        let made = send(&ada, &page, "second-key-of-ada", "Request 12").await;
        assert_eq!((made.status, made.location()), (303, page.trim_end_matches("/erasure")));
        assert_eq!(sums().await, before);
        assert_eq!(send(&ada, &page, "third-key-of-ada", "again").await.status, 409);
        for gone in [
            "SELECT count(*) FROM recipient WHERE name LIKE '%sha%' OR email LIKE '%sha%' OR folded LIKE '%sha%'",
            "SELECT count(*) FROM reward_transaction WHERE note LIKE '%sha%'",
            "SELECT count(*) FROM import_refusal WHERE original LIKE '%sha%' OR message LIKE '%sha%'",
        ] {
            assert_eq!(number(company, gone).await, 0, "{gone}");
        }
        assert_eq!(number(company, "SELECT count(*) FROM reward_transaction WHERE note = 'plain'").await, 1);
        for word in ["ösha", "rao", "sha"] {
            assert!(!nora.get(&format!("/transactions?q={word}&columns=external_id")).await.body.contains("E1"), "{word}");
        }
        let after = nora.get(&format!("/recipients/{person}")).await;
        assert!(after.status == 200 && after.body.contains("Erased") && after.body.contains("1 reward"), "{}", after.body);
        // The same file again brings nobody back, nor does one that changes her reward.
        for (amount, changed) in [("3.00", 0), ("4.00", 1)] {
            let (id, report) = checked(company, "Nora North", &file(amount), small(), Some(meanings(company))).await;
            assert_eq!((report.counts.created, report.counts.changed), (0, changed), "{amount}");
            assert_eq!(committed(company, "Nora North", id, Mode::GoodRows).await.state, "done");
            assert_eq!(recipient(company, "E1").await, person);
        }
        assert_eq!(number(company, "SELECT count(*) FROM recipient WHERE name LIKE '%sha%'").await, 0);
        assert_eq!(events(&app, "recipient.erased").await[0].1["detail"]["reason"], "Request 12");
        app.finish().await;
    }

    async fn what_was_kept_long_enough_goes_by_itself_and_on_the_record(db: TestDb) {
        let app = TestApp::start(db).await;
        let company = &app.company;
        let old = Reward { ago: 400 * 86_400, recipient: "Olga Old".to_owned(), ..reward("RW-O") };
        load(company, vec![reward("RW-N"), old], true).await;
        let file = "Region,Budget,Id,Amount,Name,Date,Note\nNorth,North one,F1,much,Fay Fault,2026-05-01,x\nNorth,North one,F2,1.00,Bob,2026-05-01,x\n";
        let (id, _) = checked(company, "Nora North", file.as_bytes(), small(), Some(meanings(company))).await;
        assert_eq!(committed(company, "Nora North", id, Mode::GoodRows).await.state, "done");
        let ada = app.signed_in("Ada Admin").await;
        let page = ada.get("/settings/retention").await;
        assert!(page.body.contains("value=\"90\"") && page.body.contains("for ever"), "{}", page.body);
        let names = "SELECT count(*) FROM recipient WHERE name IN ('Olga Old', 'Asha Rao')";
        let refused = "SELECT count(*) FROM import_refusal WHERE original LIKE '%Fay%'";
        // Nothing is old enough yet, and names are kept for ever unless somebody says otherwise.
        assert!(!jobs::retention::piece(&company.store).await.unwrap());
        company.clock.advance(91 * 86_400_000_000);
        let ada = app.signed_in("Ada Admin").await;
        while jobs::retention::piece(&company.store).await.unwrap() {}
        assert_eq!((number(company, names).await, number(company, refused).await), (2, 0));
        assert_eq!(number(company, "SELECT count(*) FROM import_refusal WHERE code <> ''").await, 1, "line, field and fault stay");
        let form = ada.get("/settings/retention").await;
        let (csrf, key) = (form.csrf(), form.field("key"));
        let wrong = [("csrf", csrf.as_str()), ("key", &key), ("refused_rows", "0"), ("recipients", "soon"), ("answers", ""), ("links", "1")];
        let refused = ada.post("/settings/retention", &wrong).await;
        assert!(refused.status == 422 && refused.body.matches("Enter a whole number").count() >= 4, "{}", refused.body);
        let right = [("csrf", csrf.as_str()), ("key", &key), ("refused_rows", "90"), ("recipients", "365"), ("answers", ""), ("links", "30")];
        assert_eq!(ada.post("/settings/retention", &right).await.status, 303);
        while jobs::retention::piece(&company.store).await.unwrap() {}
        assert_eq!(number(company, "SELECT count(*) FROM recipient WHERE name = 'Olga Old'").await, 0);
        assert_eq!(number(company, names).await, 1);
        let noted = events(&app, "retention.applied").await;
        let told = |kind: &str| noted.iter().filter(|(_, body)| body["detail"]["kind"] == kind).map(|(_, body)| body["detail"]["rows"].clone()).collect::<Vec<_>>();
        assert_eq!((told("refused_rows"), told("recipients")), (vec!["1".into()], vec!["1".into()]));
        let changed = events(&app, "setting.changed").await;
        assert_eq!(changed.iter().filter(|(event, _)| event.object_id.starts_with("retention.")).count(), 2, "what stays as it is leaves no event");
        assert_eq!(app.signed_in("Finn Finance").await.get("/settings/retention").await.status, 403);
        app.finish().await;
    }
}
