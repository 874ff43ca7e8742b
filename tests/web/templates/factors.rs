//! The pages of the second factor, in each of their states.

use counterfoil::actions::passwords::Passwords;
use counterfoil::actions::people::{self, NewPerson};
use counterfoil::actions::second_factor;

use super::visitor::{Visited, Visitor};
use super::{HOSTILE, signed_in};
use crate::support::app::{Answer, BareApp, Client, Company};
use crate::support::totp::{App, recovery_codes};
use crate::web::passkeys::{ALONE, ORIGIN, added, with};

fn named(fields: &[(&str, &str)]) -> Vec<(String, String)> {
    fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

async fn require(ada: &Client, roles: &[&str]) {
    let page = ada.get("/settings/sign-in").await;
    let (csrf, key) = (page.csrf(), page.field("key"));
    let fields = [("csrf", csrf.as_str()), ("key", &key)].into_iter().chain(roles.iter().map(|role| ("role", *role)));
    assert_eq!(ada.post("/settings/sign-in", &fields.collect::<Vec<_>>()).await.status, 303);
}

/// What a page asks for that sets a second factor up, answered.
fn answer(company: &Company, page: &Answer) -> Vec<(String, String)> {
    let (csrf, draft) = (page.csrf(), page.field("draft"));
    let code = App::reading(page).code(company.store.now());
    named(&[("csrf", &csrf), ("draft", &draft), ("code", &code)])
}

/// Somebody sets one up of her own will, and signs in with it; somebody else has to, and an administrator looks on.
pub async fn walk(company: &Company, visited: &mut Visited) {
    let app = BareApp::over(company.store.clone()).await;
    let (ada, aud) = (signed_in(&app, company, "Ada Admin").await, signed_in(&app, company, "Aud Auditor").await);
    let mut visitor = Visitor::new(&aud, HOSTILE, visited);
    visitor.look("/settings/second-factor").await;
    visitor.send().await;
    let page = aud.get("/settings/second-factor").await;
    let codes = recovery_codes(&visitor.post("/settings/second-factor", &answer(company, &page)).await);
    for address in ["/settings", "/settings/second-factor"] {
        visitor.look(address).await;
    }
    require(&ada, &["auditor", "regional_partner"]).await;
    visitor.look("/settings/second-factor").await;
    visitor.look("/prove").await;
    let mut visitor = Visitor::new(&ada, HOSTILE, visited);
    visitor.look("/prove").await;
    visitor.look("/people/sign-out").await;
    visitor.look(&format!("/people/{}", company.people["Aud Auditor"])).await;
    visitor.look("/settings/sign-in").await;

    let auditor = company.people["Aud Auditor"].to_string();
    for code in &codes {
        let client = app.anonymous();
        assert_eq!(client.sign_in(&auditor).await.location(), "/sign-in/code");
        let mut visitor = Visitor::new(&client, HOSTILE, visited);
        visitor.look("/sign-in/code").await;
        let csrf = client.get("/sign-in/code").await.csrf();
        assert_eq!(visitor.post("/sign-in/code", &named(&[("csrf", &csrf), ("code", HOSTILE)])).await.status, 422);
        assert_eq!(visitor.post("/sign-in/code", &named(&[("csrf", &csrf), ("code", code)])).await.status, 303);
        visitor.look("/settings").await;
    }
    short_password(company, &app, visited).await;
    come_back(company, &app, visited).await;
    passkeys(company, visited).await;
    let client = app.anonymous();
    client.sign_in(&company.people["Nils North"].to_string()).await;
    let mut visitor = Visitor::new(&client, HOSTILE, visited);
    visitor.look("/sign-in/second-factor").await;
    let mut right = answer(company, &client.get("/sign-in/second-factor").await);
    right.push(("next".to_owned(), HOSTILE.to_owned()));
    let mut wrong = right.clone();
    wrong[2].1 = HOSTILE.to_owned();
    assert_eq!(visitor.post("/sign-in/second-factor", &wrong).await.status, 422);
    assert_eq!(visitor.post("/sign-in/second-factor", &right).await.status, 200);
    // Somebody who is signed in when it begins to be required.
    let nora = signed_in(&app, company, "Nora North").await;
    require(&ada, &["regional_administrator"]).await;
    Visitor::new(&nora, HOSTILE, visited).look("/sign-in/second-factor").await;
    require(&ada, &[]).await;
    for name in ["Aud Auditor", "Nils North"] {
        second_factor::remove(&company.store, company.actor("Ada Admin"), company.people[name]).await.unwrap();
    }
}

/// Somebody whose second factor was taken away and whose password is too short without one; and a person's page where letters are sent.
async fn short_password(company: &Company, app: &BareApp, visited: &mut Visited) {
    let password_hash = Some(Passwords::new(company.store.metrics.clone()).hash("vj4 mwq8".to_owned()).await.unwrap());
    let new = NewPerson { email: "short@test.example".to_owned(), name: HOSTILE.to_owned(), password_hash, grant: None };
    let id = people::add(&company.store, company.actor("Ada Admin"), "short", new).await.unwrap();
    let client = app.anonymous();
    let csrf = client.get("/sign-in").await.csrf();
    let form = [("csrf", csrf.as_str()), ("email", "short@test.example"), ("password", "vj4 mwq8")];
    assert_eq!(client.post("/sign-in", &form).await.location(), "/sign-in/second-factor");
    Visitor::new(&client, HOSTILE, visited).look("/sign-in/second-factor").await;
    let mailing = BareApp::mailing(company.store.clone()).await;
    let ada = signed_in(&mailing, company, "Ada Admin").await;
    Visitor::new(&ada, HOSTILE, visited).look(&format!("/people/{id}")).await;
}

/// Somebody whose session ended while she filled a form in.
async fn come_back(company: &Company, app: &BareApp, visited: &mut Visited) {
    let sara = signed_in(app, company, "Sara South").await;
    let csrf = sara.get("/settings").await.csrf();
    people::end_sessions(&company.store, company.actor("Ada Admin"), company.people["Sara South"]).await.unwrap();
    let mut visitor = Visitor::new(&sara, HOSTILE, visited);
    let form = named(&[("csrf", &csrf), ("theme", HOSTILE), ("density", ""), ("shortcuts", "1")]);
    assert_eq!(visitor.post("/settings/preferences", &form).await.location(), "/sign-in?next=/go-on");
    visitor.look("/sign-in?next=/go-on").await;
    sara.sign_in(&company.people["Sara South"].to_string()).await;
    for address in ["/prove", "/go-on"] {
        visitor.look(address).await;
    }
}

/// Somebody with two passkeys, one of them never used.
async fn passkeys(company: &Company, visited: &mut Visited) {
    let app = BareApp::of(company.store.clone(), false, Some(ORIGIN)).await;
    let (sara, person) = (signed_in(&app, company, "Sara South").await, company.people["Sara South"]);
    let mut phone = added(&sara, "Phone").await;
    added(&sara, HOSTILE).await;
    assert_eq!(with(&app.anonymous(), &mut phone, ALONE, |_| {}).await.status, 303);
    for address in ["/settings/passkeys", "/prove"] {
        Visitor::new(&sara, HOSTILE, visited).look(address).await;
    }
    let client = app.anonymous();
    Visitor::new(&client, HOSTILE, visited).look("/sign-in").await;
    assert_eq!(client.sign_in(&person.to_string()).await.location(), "/sign-in/code");
    Visitor::new(&client, HOSTILE, visited).look("/sign-in/code").await;
    second_factor::remove(&company.store, company.actor("Ada Admin"), person).await.unwrap();
}
