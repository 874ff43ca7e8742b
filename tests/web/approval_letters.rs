//! Letters about requests for approval: to whoever may decide, and to whoever asked; they lead there and decide nothing.

use counterfoil::domain::id::UserId;
use counterfoil::jobs::mail::turn;
use counterfoil::store::db::Sql;
use counterfoil::store::writer::Intent;

use super::approvals::{add, ask, decide, policy};
use super::roles::{checked, confirm};
use crate::support::app::{Client, TestApp};
use crate::support::database::{TestDb, on_both_engines};
use crate::support::smtp::{Sink, Taken};

pub const BASE: &str = "https://rewards.example";

/// Sends what waits; the letters, by whom they went to.
pub async fn sent(app: &TestApp, sink: &Sink) -> Vec<Taken> {
    let before = sink.letters().len();
    for _ in 0..50 {
        turn(&app.company.store, &sink.mailing(BASE)).await.unwrap();
    }
    let mut letters = sink.letters().split_off(before);
    // Quoted-printable folds long lines.
    letters.iter_mut().for_each(|letter| letter.data = letter.data.replace("=\n", ""));
    letters.sort_by(|one, other| one.to.cmp(&other.to));
    letters
}

async fn address(app: &TestApp, name: &str) -> String {
    let sql = Sql::new("SELECT email FROM person WHERE id = $1").bind(app.company.people[name]);
    app.company.store.read().await.unwrap().one::<(String,)>(sql).await.unwrap().unwrap().0
}

pub async fn addresses(app: &TestApp, names: &[&str]) -> Vec<String> {
    let mut all = Vec::new();
    for name in names {
        all.push(format!("RCPT TO:<{}>", address(app, name).await));
    }
    all.sort();
    all
}

pub fn to(letters: &[Taken]) -> Vec<String> {
    letters.iter().map(|letter| letter.to.clone()).collect()
}

pub async fn want(client: &Client, wanted: bool) {
    let csrf = client.get("/settings/approvals").await.csrf();
    let form: &[(&str, &str)] = if wanted { &[("csrf", &csrf), ("letters", "1")] } else { &[("csrf", &csrf)] };
    assert_eq!(client.post("/settings/approvals/letters", form).await.status, 303);
}

/// Somebody lends her right to somebody else, from today on.
async fn lend(app: &TestApp, from: &str, to: UserId) {
    let lender = app.signed_in(from).await;
    let page = lender.get("/settings/approvals").await;
    let (csrf, key, to) = (page.csrf(), page.field("key"), to.to_string());
    let form = [("csrf", csrf.as_str()), ("key", &key), ("person", &to), ("starts_on", "2026-11-22"), ("ends_on", "2026-11-30")];
    let answer = lender.post("/settings/approvals/stand-ins", &form).await;
    assert_eq!(answer.status, 303, "{}", answer.body);
}

on_both_engines! {
    async fn those_who_may_decide_get_a_letter_and_whoever_asked_is_told(db: TestDb) {
        let (app, sink) = (TestApp::mailing(db).await, Sink::start().await);
        policy(&app, "adjustment", "1", "1").await;
        let (nora, finn, ada) = (app.signed_in("Nora North").await, app.signed_in("Finn Finance").await, app.signed_in("Ada Admin").await);
        let request = ask(&app, &nora, "1234.56").await;
        let letters = sent(&app, &sink).await;
        assert_eq!(to(&letters), addresses(&app, &["Ada Admin", "Finn Finance"]).await, "not she, nor who is of another region");
        for letter in &letters {
            let subject = "Subject: A request waits for approval in Counterfoil of Test company";
            for words in [subject, "Adjustment", &format!("{BASE}{request}"), "decides nothing"] {
                assert!(letter.data.contains(words), "{words}: {}", letter.data);
            }
            for no in ["1,234", "1234", "Less", "Nora", "North one", "/approval\n", "/password/"] {
                assert!(!letter.data.contains(no), "{no}: {}", letter.data);
            }
        }
        let opened = finn.get(&request).await;
        assert!(opened.status == 200 && opened.body.contains(">Approve</button>"), "{}", opened.body);
        assert_eq!(app.anonymous().get(&request).await.status, 303, "whoever has the letter alone has to sign in");
        assert!(nora.get(&request).await.body.contains("Waiting"), "opening decided nothing");
        assert_eq!(decide(&finn, &request, "approval", &[]).await.status, 303);
        let letters = sent(&app, &sink).await;
        assert_eq!(to(&letters), addresses(&app, &["Nora North"]).await);
        assert!(letters[0].data.contains("is decided") && letters[0].data.contains("Approved"), "{}", letters[0].data);

        // Nobody writes to who declined letters, nor about what is over before the letter goes.
        want(&ada, false).await;
        let request = ask(&app, &nora, "10").await;
        assert_eq!(to(&sent(&app, &sink).await), addresses(&app, &["Finn Finance"]).await);
        assert_eq!(decide(&finn, &request, "refusal", &[("reason", "No")]).await.status, 303);
        assert_eq!(to(&sent(&app, &sink).await), addresses(&app, &["Nora North"]).await);
        want(&ada, true).await;
        let request = ask(&app, &nora, "20").await;
        assert_eq!(decide(&nora, &request, "withdrawal", &[]).await.status, 303);
        assert_eq!(sent(&app, &sink).await.len(), 0, "she took it back herself, and nobody has to decide any more");
        app.finish().await;
    }

    async fn who_stands_in_gets_one_and_who_lost_the_right_gets_none(db: TestDb) {
        let (app, sink) = (TestApp::mailing(db).await, Sink::start().await);
        policy(&app, "adjustment", "1", "1").await;
        let nora = app.signed_in("Nora North").await;
        lend(&app, "Finn Finance", app.company.people["Nils North"]).await;
        ask(&app, &nora, "10").await;
        assert_eq!(to(&sent(&app, &sink).await), addresses(&app, &["Ada Admin", "Finn Finance", "Nils North"]).await);
        ask(&app, &nora, "20").await;
        let finn = app.company.people["Finn Finance"];
        let ended = app.company.store.write(Intent::once(app.company.actor("Ada Admin"), "test.end"), move |tx| {
            Box::pin(async move {
                tx.access_changed();
                let sql = Sql::new("UPDATE role_grant SET ended_at = $2 WHERE person_id = $1").bind(finn).bind(tx.now);
                Ok(tx.exec(sql).await?)
            })
        });
        ended.await.unwrap();
        assert_eq!(to(&sent(&app, &sink).await), addresses(&app, &["Ada Admin"]).await, "as of when the letter is sent");
        app.finish().await;
    }

    async fn a_change_of_roles_says_that_it_will_wait_and_waits(db: TestDb) {
        let (app, sink) = (TestApp::mailing(db).await, Sink::start().await);
        let ada = app.signed_in("Ada Admin").await;
        let (global, nils) = (app.company.regions["Global"].to_string(), app.company.people["Nils North"]);
        let answer = add(&ada, &[("matter", "role_change"), ("region", &global), ("approvers", "1")]).await;
        assert_eq!(answer.status, 303, "{}", answer.body);
        assert!(ada.get("/settings/approvals").await.body.contains("<th scope=\"row\">Role changes</th>"));
        let place = format!("/people/{nils}");
        let north = app.company.regions["North"];
        let page = checked(&ada, &format!("{place}/grants/check?role=auditor&region={north}&ends_on=")).await;
        for words in ["Ask for approval", "Needed for this: Role changes", "nobody has the right to approve it here yet"] {
            assert!(page.body.contains(words), "{words}: {}", page.body);
        }
        let answer = confirm(&ada, &page, &format!("{place}/grants")).await;
        assert_eq!(answer.status, 303, "{}", answer.body);
        let back = ada.get(answer.location()).await;
        assert!(back.body.contains("it waits for approval, as APR-"), "{}", back.body);
        let list = ada.get("/approvals?view=asked").await;
        for words in ["Role change", "Auditor: Nils North", "Waiting"] {
            assert!(list.body.contains(words), "{words}: {}", list.body);
        }
        let request = list.body.split("href=\"/approvals/apr_").nth(1).unwrap().split('"').next().unwrap();
        let request = ada.get(&format!("/approvals/apr_{request}")).await;
        for words in ["Nils North", "Auditor", "North", "Read the audit trail", "Withdraw the request"] {
            assert!(request.body.contains(words), "{words}: {}", request.body);
        }
        assert!(!request.body.contains("class=\"halves\""), "no balances");
        assert_eq!(sent(&app, &sink).await.len(), 0, "there is nobody to write to");
        let finn = app.signed_in("Finn Finance").await;
        assert!(!finn.get("/approvals?view=waiting").await.body.contains("/approvals/apr_"), "he sees no people");
        app.finish().await;
    }
}
