//! Access reviews from the opening to the end, and how soon those who go lose their access.

use counterfoil::actions::people::{self as act};
use counterfoil::domain::access::{Actor, Role};
use counterfoil::domain::id::GrantId;
use counterfoil::domain::time::Day;
use counterfoil::store::db::Sql;
use counterfoil::store::people;
use counterfoil::store::writer::Intent;

use super::admin::send;
use super::approval_letters::{BASE, addresses, sent, to, want};
use super::evidence::{figure, file, number, regional};
use crate::formats::{opened, rows};
use crate::support::app::{Answer, Client, TestApp};
use crate::support::database::{TestDb, on_both_engines};
use crate::support::smtp::Sink;

/// A grant that ran out yesterday.
async fn lapsed(app: &TestApp) -> GrantId {
    let (person, region) = (app.company.people["Nils North"], app.company.regions["South"]);
    let made = app.company.store.write(Intent::once(Actor::system("test"), "test.lapsed"), move |tx| {
        Box::pin(async move {
            let (id, day) = (GrantId(tx.new_id()), Day(tx.now.day(chrono_tz::UTC).0 - 1));
            people::insert_grant(tx, id, person, Role::Auditor, region, Some(day)).await?;
            Ok(id)
        })
    });
    made.await.unwrap()
}

async fn opened_by(client: &Client, app: &TestApp, region: &str, reviewers: &[&str]) -> Answer {
    let region = app.company.regions[region].to_string();
    let ids: Vec<String> = reviewers.iter().map(|name| app.company.people[*name].to_string()).collect();
    let mut fields = vec![("name", "Autumn"), ("region", region.as_str()), ("due_on", "2026-11-30")];
    fields.extend(ids.iter().map(|id| ("reviewer", id.as_str())));
    send(client, "/evidence/reviews/new", "/evidence/reviews", &["key"], &fields).await
}

async fn grant_of(app: &TestApp, name: &str) -> String {
    let sql = Sql::new("SELECT id FROM role_grant WHERE person_id = $1 ORDER BY granted_at LIMIT 1").bind(app.company.people[name]);
    let id: GrantId = app.company.store.read().await.unwrap().value(sql).await.unwrap();
    id.to_string()
}

/// Decides with a form as the page has them, whether or not this page has one.
async fn decided(client: &Client, review: &str, grant: &str, decision: &str, reason: &str) -> Answer {
    let csrf = client.get(review).await.csrf();
    let key = format!("{grant}{decision}{reason}");
    let form = [("csrf", csrf.as_str()), ("key", &key), ("reason", reason), ("decision", decision)];
    client.post(&format!("{review}/grants/{grant}"), &form).await
}

on_both_engines! {
    async fn a_campaign_from_its_opening_to_its_end(db: TestDb) {
        let app = TestApp::start(db).await;
        let gone = lapsed(&app).await;
        let (ada, aud, sara) = (app.signed_in("Ada Admin").await, app.signed_in("Aud Auditor").await, app.signed_in("Sara South").await);
        let finn = app.signed_in("Finn Finance").await;
        assert_eq!(aud.get("/evidence/reviews/new").await.status, 403);
        let alone = opened_by(&ada, &app, "Global", &["Ada Admin"]).await;
        assert!(alone.status == 422 && alone.body.contains("Nobody of these could decide on the role Administrator of Ada Admin"), "{}", alone.body);
        let blind = opened_by(&ada, &app, "Global", &["Sara South", "Ada Admin"]).await;
        assert!(blind.status == 422 && blind.body.contains("of those who see people"), "{}", blind.body);
        let made = opened_by(&ada, &app, "Global", &["Ada Admin", "Aud Auditor"]).await;
        assert_eq!(made.status, 303, "{}", made.body);
        let review = made.location().to_owned();
        let page = aud.get(&review).await;
        assert!(page.body.contains("0 of 7 decided"), "the one that ran out is not in force: {}", page.body);
        assert!(!page.body.contains(&gone.to_string()));
        assert_eq!((finn.get(&review).await.status, sara.get("/budgets").await.status), (403, 200));

        let (hers, nora) = (grant_of(&app, "Sara South").await, grant_of(&app, "Nora North").await);
        let mute = decided(&aud, &review, &hers, "revoke", " ").await;
        assert!(mute.status == 422 && mute.body.contains("Say why") && mute.body.contains("Error: Autumn"), "{}", mute.body);
        assert_eq!(decided(&aud, &review, &hers, "both", "x").await.status, 422);
        assert_eq!(sara.get("/budgets").await.status, 200, "nothing was decided yet");
        assert_eq!(decided(&aud, &review, &hers, "revoke", "Left the team").await.status, 303);
        assert_eq!(sara.get("/budgets").await.status, 403, "on the next request");
        let again = decided(&ada, &review, &hers, "keep", "After all").await;
        assert!(again.status == 409 && again.body.contains("decided on already"), "{}", again.body);
        assert_eq!(decided(&ada, &review, &nora, "keep", "Runs the region").await.status, 303);
        let own = decided(&aud, &review, &grant_of(&app, "Aud Auditor").await, "keep", "Me").await;
        assert!(own.status == 422 && own.body.contains("a role of her own"), "{}", own.body);
        act::end_grant(&app.company.store, app.company.actor("Ada Admin"), "e", GrantId::parse(&grant_of(&app, "Sven South").await).unwrap()).await.unwrap();
        let page = ada.get(&review).await;
        assert!(page.body.contains("3 of 7 decided") && page.body.contains("Ended meanwhile"), "{}", page.body);

        let end = format!("{review}/end");
        assert_eq!(send(&aud, &review, &end, &["key"], &[]).await.status, 403);
        let because = send(&ada, &review, &end, &["key"], &[]).await;
        assert!(because.status == 422 && because.body.contains("Say why it is closed"), "{}", because.body);
        assert_eq!(send(&ada, &review, &end, &["key"], &[("because", "The auditors came early")]).await.status, 303);
        let late = decided(&aud, &review, &grant_of(&app, "Nils North").await, "keep", "Late").await;
        assert!(late.status == 422 && late.body.contains("closed"), "{}", late.body);
        frozen(&app).await;
        on_record(&app).await;

        let id = review.rsplit('/').next().unwrap();
        let report = aud.get(&format!("/evidence/access-reviews?review={id}")).await;
        for (label, count) in [("Kept", "1"), ("Revoked", "1"), ("Ended meanwhile", "1"), ("Not decided", "4")] {
            assert_eq!(figure(&report, label), count, "{label}");
        }
        let (_, bytes) = file(&aud, &format!("report=access-reviews&review={id}"), "xlsx").await;
        assert_eq!(rows(&mut opened(&bytes, "r.xlsx").unwrap()).unwrap().len(), 7);
        app.finish().await;
    }

    async fn a_campaign_is_seen_as_far_as_its_regions_are(db: TestDb) {
        let mut app = TestApp::start(db).await;
        let rita = regional(&mut app).await;
        let ada = app.signed_in("Ada Admin").await;
        let south = opened_by(&ada, &app, "South", &["Ada Admin"]).await.location().to_owned();
        let all = opened_by(&ada, &app, "Global", &["Ada Admin", "Aud Auditor", "Rita Regional"]).await.location().to_owned();
        assert_eq!(rita.get(&south).await.status, 404);
        let hers = rita.get(&all).await;
        assert!(hers.body.contains("0 of 3 decided") && !hers.body.contains("Sara South") && hers.body.contains("Nora North"), "{}", hers.body);
        let sven = grant_of(&app, "Sven South").await;
        assert_eq!(decided(&rita, &all, &sven, "revoke", "No").await.status, 404);
        assert_eq!(decided(&rita, &all, &grant_of(&app, "Nils North").await, "revoke", "Left").await.status, 303);
        app.finish().await;
    }

    async fn reviewers_get_a_letter_and_see_on_their_first_page_what_waits(db: TestDb) {
        let (app, sink) = (TestApp::mailing(db).await, Sink::start().await);
        let (ada, aud, finn) = (app.signed_in("Ada Admin").await, app.signed_in("Aud Auditor").await, app.signed_in("Finn Finance").await);
        assert!(!aud.get("/").await.body.contains("To review"));
        let both = ["Ada Admin", "Aud Auditor"];
        let review = opened_by(&ada, &app, "Global", &both).await.location().to_owned();
        let letters = sent(&app, &sink).await;
        assert_eq!(to(&letters), addresses(&app, &both).await);
        for letter in &letters {
            let subject = "Subject: Roles wait for your review in Counterfoil of Test company";
            for words in [subject, "6 roles wait", "until 2026-11-30", &format!("{BASE}{review}"), "decides nothing"] {
                assert!(letter.data.contains(words), "{words}: {}", letter.data);
            }
            for no in ["Autumn", "Nora", "Global", "/end", "/grants/", "/password/"] {
                assert!(!letter.data.contains(no), "{no}: {}", letter.data);
            }
        }
        let home = aud.get("/").await.body;
        assert!(home.contains("To review") && home.contains(&format!("href=\"{review}\">6 roles</a>")), "{home}");
        assert!(!finn.get("/").await.body.contains("To review"));
        assert_eq!(decided(&aud, &review, &grant_of(&app, "Nora North").await, "keep", "Still there").await.status, 303);
        assert!(aud.get("/").await.body.contains(&format!("href=\"{review}\">5 roles</a>")));
        // Whoever declines letters gets none, and nobody one about what is over.
        want(&aud, false).await;
        let second = opened_by(&ada, &app, "North", &both).await.location().to_owned();
        assert_eq!(to(&sent(&app, &sink).await), addresses(&app, &["Ada Admin"]).await);
        assert!(aud.get("/").await.body.contains("href=\"/evidence/reviews\">7 roles</a>"), "two campaigns");
        want(&aud, true).await;
        let third = opened_by(&ada, &app, "South", &both).await.location().to_owned();
        for (place, reason) in [(&review, "Enough"), (&second, "Enough"), (&third, "Opened by mistake")] {
            assert_eq!(send(&ada, place, &format!("{place}/end"), &["key"], &[("because", reason)]).await.status, 303);
        }
        assert_eq!(sent(&app, &sink).await.len(), 0, "it is over before the letter goes");
        assert!(!aud.get("/").await.body.contains("To review"));
        app.finish().await;
    }

    async fn minutes_to_the_last_session_and_the_last_role(db: TestDb) {
        let app = TestApp::start(db).await;
        let (ada, sven) = (app.signed_in("Ada Admin").await, app.signed_in("Sven South").await);
        assert_eq!(sven.get("/budgets").await.status, 200);
        let person = app.company.people["Sven South"];
        let held = Sql::new("SELECT count(*) FROM session WHERE person_id = $1").bind(person);
        assert_eq!(number(&app, held.clone()).await, 1);
        act::suspend(&app.company.store, app.company.actor("Ada Admin"), "s", person, true).await.unwrap();
        app.company.clock.advance(5 * 60_000_000);
        assert_eq!((number(&app, held).await, sven.get("/budgets").await.status), (0, 303));
        let cells = async || {
            let page = ada.get("/evidence/leavers").await;
            assert_eq!(figure(&page, "People suspended"), "1");
            let row = page.body.split_once("<tbody>").unwrap().1.split_once("</tr>").unwrap().0.to_owned();
            row.split("</td>").map(|cell| cell.rsplit('>').next().unwrap().to_owned()).collect::<Vec<_>>()
        };
        let first = cells().await;
        assert_eq!(first[3..10], ["1", "0", "0", "1", "1", "", "0"].map(str::to_owned), "{first:?}");
        let grant = GrantId::parse(&grant_of(&app, "Sven South").await).unwrap();
        act::end_grant(&app.company.store, app.company.actor("Ada Admin"), "e", grant).await.unwrap();
        let then = cells().await;
        assert_eq!(then[3..10], ["1", "0", "0", "1", "0", "5", "0"].map(str::to_owned), "{then:?}");
        app.finish().await;
    }

    async fn a_role_that_ran_out_is_over_and_can_be_given_again(db: TestDb) {
        let app = TestApp::start(db).await;
        lapsed(&app).await;
        let ada = app.signed_in("Ada Admin").await;
        let nils = app.company.people["Nils North"];
        let page = ada.get(&format!("/people/{nils}")).await;
        let (now, over) = page.body.split_once("Roles that have ended").unwrap();
        let held = now.split_once("in force</caption>").unwrap().1.split_once("</table>").unwrap().0;
        assert!(!held.contains("Auditor") && over.contains("Auditor") && over.contains("2026-11-22"), "{}", page.body);
        let south = app.company.regions["South"];
        let new = act::NewGrant { person: nils, role: Role::Auditor.into(), region: south, ends_on: None, seen: None };
        act::grant(&app.company.store, app.company.actor("Ada Admin"), "again", new).await.unwrap();
        assert_eq!(number(&app, Sql::new("SELECT count(*) FROM role_grant WHERE person_id = $1").bind(nils)).await, 3);
        app.finish().await;
    }
}

/// The database itself lets nothing be added to a campaign that is closed, and nothing be changed in one.
async fn frozen(app: &TestApp) {
    const TRIES: [&str; 5] = [
        "UPDATE access_review SET ended_at = NULL, ended_because = ''",
        "UPDATE access_review_decision SET keeps = 1 - keeps",
        "DELETE FROM access_review_item",
        "DELETE FROM access_review",
        "INSERT INTO access_review_decision (review_id, grant_id, person_id, reviewer_id, keeps, reason, at) \
         SELECT i.review_id, i.grant_id, i.person_id, r.person_id, 1, 'late', 1 FROM access_review_item i \
         JOIN access_review_reviewer r ON r.review_id = i.review_id AND r.person_id <> i.person_id \
         WHERE NOT EXISTS (SELECT 1 FROM access_review_decision d WHERE d.grant_id = i.grant_id)",
    ];
    for statement in TRIES {
        let tried = app.company.store.write(Intent::once(Actor::system("test"), "test.frozen"), move |tx| {
            Box::pin(async move { Ok(tx.exec(Sql::new(statement)).await?) })
        });
        assert!(tried.await.is_err(), "{statement}");
    }
}

/// Everything that happened is in the trail, in its region, and the grant's end says which campaign it was.
async fn on_record(app: &TestApp) {
    for (action, count) in [("opened", 1), ("kept", 1), ("revoked", 1), ("closed", 1)] {
        let sql = Sql::new("SELECT count(*) FROM audit_event WHERE action = $1").bind(format!("access_review.{action}"));
        assert_eq!(number(app, sql).await, count, "{action}");
    }
    let sql = Sql::new("SELECT body FROM audit_event WHERE action = 'grant.ended' AND region_id = $1 ORDER BY seq LIMIT 1");
    let body: Vec<u8> = app.company.store.read().await.unwrap().value(sql.bind(app.company.regions["South"])).await.unwrap();
    assert!(String::from_utf8(body).unwrap().contains("\"review\":\"rev_"), "the campaign stands in the event");
}
