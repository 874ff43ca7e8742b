//! Roles over HTTP: made, given, changed, retired; who may give what; and what is shown before anything changes.

use counterfoil::actions::people::{self as act, Given, NewGrant};
use counterfoil::domain::access::{Actor, Role};
use counterfoil::domain::id::GrantId;
use counterfoil::domain::role::AnyRole;

use super::admin::send;
use super::approvals::{add, decide};
use crate::support::app::{Answer, Client, TestApp};
use crate::support::database::{TestDb, on_both_engines};

/// Opens a check page, through the redirect that gives it its key.
pub async fn checked(client: &Client, address: &str) -> Answer {
    let first = client.get(address).await;
    if first.status == 303 { client.get(first.location()).await } else { first }
}

/// Sends the form of a check page as it stands, each field as often as it is there.
pub async fn confirm(client: &Client, page: &Answer, to: &str) -> Answer {
    let inside = page.body.split_once(&format!("action=\"{to}\"")).unwrap_or_else(|| panic!("no form to {to}: {}", page.body)).1;
    let inside = inside.split_once("</form>").unwrap().0;
    let mut fields = Vec::new();
    for input in inside.split("<input ").skip(1) {
        let of = |name: &str| input.split_once(&format!("{name}=\"")).unwrap().1.split_once('"').unwrap().0.to_owned();
        fields.push((of("name"), of("value")));
    }
    let fields: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    client.post(to, &fields).await
}

/// Makes a custom role from one of the five; its id.
pub async fn made(client: &Client, from: Role, name: &str, allows: &[&str]) -> String {
    let mut fields = vec![("name", name)];
    fields.extend(allows.iter().map(|code| ("permissions", *code)));
    let answer = send(client, &format!("/roles/new?from={}", from.code()), "/roles", &["key", "from"], &fields).await;
    assert_eq!(answer.status, 303, "{}", answer.body);
    answer.location().trim_start_matches("/roles/").to_owned()
}

/// Gives a role as the system does, which may.
pub async fn given(app: &TestApp, name: &str, role: &str, region: &str) -> GrantId {
    let role = AnyRole::parse(role).unwrap();
    let new = NewGrant { person: app.company.people[name], role, region: app.company.regions[region], ends_on: None, seen: None };
    match act::grant(&app.company.store, Actor::system("test"), &format!("{name}{region}"), new).await.unwrap() {
        Given::Now(id) => id,
        Given::Waits(id) => panic!("{id} waits"),
    }
}

fn check_at(app: &TestApp, name: &str, role: &str, region: &str) -> String {
    format!("/people/{}/grants/check?role={role}&region={}&ends_on=", app.company.people[name], app.company.regions[region])
}

fn says(page: &Answer, status: u16, words: &[&str]) {
    assert_eq!(page.status, status, "{}", page.body);
    for words in words {
        assert!(page.body.contains(words), "{words}: {}", page.body);
    }
}

on_both_engines! {
    async fn a_role_is_made_given_changed_and_retired(db: TestDb) {
        let app = TestApp::start(db).await;
        let (ada, nils) = (app.signed_in("Ada Admin").await, app.signed_in("Nils North").await);
        says(&ada.get("/roles").await, 200, &["Regional HR partner", "Administrator", "Everything", "Make a role"]);
        let taken = send(&ada, "/roles/new?from=auditor", "/roles", &["key", "from"], &[("name", "auditor"), ("permissions", "audit.read")]).await;
        says(&taken, 422, &["There is a role called Auditor already", "Error: Make a role"]);
        let nothing = send(&ada, "/roles/new?from=auditor", "/roles", &["key", "from"], &[("name", "Nothing")]).await;
        says(&nothing, 422, &["Choose at least one thing"]);
        let role = made(&ada, Role::RegionalPartner, "North mover", &["regions.read", "budgets.read", "budgets.adjust"]).await;
        let place = format!("/roles/{role}");
        says(&ada.get(&place).await, 200, &["North mover", "Regional HR partner", "Nobody in your regions"]);

        let adjusts = format!("/budgets/{}/adjustments/new", app.company.budgets["North one"]);
        assert_eq!(nils.get(&adjusts).await.status, 403);
        let page = checked(&ada, &check_at(&app, "Nils North", &role, "North")).await;
        says(&page, 200, &["North mover", "Gained: Nils North", "Adjust, transfer and reserve budget", "Give the role"]);
        assert!(!page.body.contains("Lost: ") && !page.body.contains("See budgets"), "{}", page.body);
        assert_eq!(nils.get(&adjusts).await.status, 403, "looking gives nothing");
        let person = format!("/people/{}", app.company.people["Nils North"]);
        let answer = confirm(&ada, &page, &format!("{person}/grants")).await;
        assert_eq!((answer.status, answer.location()), (303, person.as_str()), "{}", answer.body);
        assert_eq!(nils.get(&adjusts).await.status, 200);
        says(&ada.get(&person).await, 200, &["North mover", "Nils North is now North mover."]);
        let again = checked(&ada, &format!("{}&key={}", check_at(&app, "Nils North", &role, "North"), page.field("key"))).await;
        assert!(again.body.contains("This was done already"), "{}", again.body);

        let change = |allows: &[&str], version: &str| {
            let allows: String = allows.iter().map(|code| format!("&permissions={code}")).collect();
            format!("{place}/check?version={version}&name=North+mover{allows}")
        };
        let old = checked(&ada, &change(&["regions.read"], "1")).await;
        let page = checked(&ada, &change(&["regions.read", "budgets.read", "audit.read"], "1")).await;
        says(&page, 200, &["One person holds this role", "Gained: Nils North", "Read the audit trail", "Lost: Nils North"]);
        assert_eq!(confirm(&ada, &page, &place).await.status, 303);
        assert_eq!((nils.get(&adjusts).await.status, nils.get("/audit").await.status), (403, 200));
        let stale = confirm(&ada, &old, &place).await;
        says(&stale, 409, &["changed by someone else", "Read the audit trail"]);
        let same = checked(&ada, &change(&["regions.read", "budgets.read", "audit.read"], "2")).await;
        says(&same, 200, &["Nothing: she may do afterwards what she may do now."]);

        let page = ada.get(&format!("{place}/retirement")).await;
        says(&page, 200, &["goes on holding it"]);
        assert_eq!(confirm(&ada, &page, &format!("{place}/retirement")).await.status, 303);
        assert_eq!(nils.get("/audit").await.status, 200, "whoever holds it goes on");
        says(&checked(&ada, &check_at(&app, "Sven South", &role, "South")).await, 422, &["North mover is retired"]);
        let page = ada.get(&format!("{place}/reinstatement")).await;
        assert_eq!(confirm(&ada, &page, &format!("{place}/reinstatement")).await.status, 303);
        says(&checked(&ada, &check_at(&app, "Sven South", &role, "South")).await, 200, &["Read the audit trail"]);
        let trail = ada.get(&format!("/audit?object={role}")).await;
        says(&trail, 200, &["Role made", "Role changed", "Role retired", "Role reinstated", "North mover"]);
        app.finish().await;
    }

    async fn nobody_gives_what_she_does_not_hold(db: TestDb) {
        let app = TestApp::start(db).await;
        let ada = app.signed_in("Ada Admin").await;
        let people = ["regions.read", "people.read", "people.manage"];
        let role = made(&ada, Role::RegionalPartner, "People", &people).await;
        given(&app, "Nora North", &role, "North").await;
        given(&app, "Finn Finance", &role, "Global").await;
        let (nora, finn) = (app.signed_in("Nora North").await, app.signed_in("Finn Finance").await);

        let more = checked(&nora, &check_at(&app, "Nils North", "finance_controller", "North")).await;
        says(&more, 422, &["Nobody gives what she does not hold", "Create, allocate and close budgets; Reveal a recipient, with a reason; Read the audit trail"]);
        says(&checked(&nora, &check_at(&app, "Nils North", "regional_partner", "South")).await, 422, &["Choose a region"]);
        says(&checked(&nora, &check_at(&app, "Nora North", "regional_partner", "North")).await, 422, &["Nobody gives a role to herself"]);
        let fine = checked(&nora, &check_at(&app, "Nils North", "regional_administrator", "North")).await;
        says(&fine, 200, &["Assign transactions to budgets"]);
        let csrf = fine.csrf();
        let north = app.company.regions["North"].to_string();
        let nils = format!("/people/{}", app.company.people["Nils North"]);
        // The same at the door, for whoever leaves the page out.
        let sent = [("csrf", csrf.as_str()), ("key", "a-key-of-her-own"), ("role", "auditor"), ("region", north.as_str()), ("ends_on", "")];
        says(&nora.post(&format!("{nils}/grants"), &sent).await, 422, &["Nobody gives what she does not hold"]);
        assert_eq!(nora.get(&format!("/people/{}", app.company.people["Sven South"])).await.status, 404);
        assert_eq!((nora.get("/roles").await.status, nora.get("/roles/new?from=auditor").await.status), (200, 403));
        assert_eq!(nora.get(&format!("/roles/{role}/edit")).await.status, 403);

        let widen = |code: &str| format!("/roles/{role}/check?version=1&name=People&permissions={}&permissions={code}", people.join("&permissions="));
        says(&checked(&finn, &widen("settings.manage")).await, 422, &["Nobody puts into a role what she does not hold"]);
        says(&checked(&finn, &widen("budgets.adjust")).await, 422, &["You hold this role yourself"]);
        let admin = app.company.people["Ada Admin"];
        let csrf = finn.get("/people").await.csrf();
        let link = |person: &str| format!("/people/{person}/password-link");
        let over = finn.post(&link(&admin.to_string()), &[("csrf", &csrf), ("key", "k-1")]).await;
        says(&over, 422, &["This account may do more than yours"]);
        assert_eq!(finn.post(&link(&app.company.people["Aud Auditor"].to_string()), &[("csrf", &csrf), ("key", "k-2")]).await.status, 200);
        app.finish().await;
    }

    async fn what_would_change_is_shown_and_not_done(db: TestDb) {
        let app = TestApp::start(db).await;
        let ada = app.signed_in("Ada Admin").await;
        app.company.add_region("Arctic", "North").await;
        let before = app.company.facts().await;
        let page = checked(&ada, &check_at(&app, "Sven South", "auditor", "North")).await;
        let words = ["North and everything below it", "See people", "3 budgets come into reach", "No transaction comes into reach", "2 people come into reach"];
        says(&page, 200, &words);
        let page = checked(&ada, &check_at(&app, "Nora North", "regional_partner", "North")).await;
        says(&page, 200, &["Nothing: she may do afterwards what she may do now."]);
        let nils = format!("/people/{}", app.company.people["Nils North"]);
        let person = ada.get(&nils).await.body;
        let end = person.split_once(&format!("{nils}/grants/grt_")).unwrap().1.split('"').next().unwrap().to_owned();
        let end = format!("{nils}/grants/grt_{end}");
        let page = ada.get(&end).await;
        says(&page, 200, &["Lost: Nils North", "3 budgets go out of reach", "See transactions", "End the role"]);
        let now = app.company.facts().await;
        assert_eq!((now.tables, now.head), (before.tables, before.head));
        assert_eq!(confirm(&ada, &page, &end).await.status, 303);
        assert_eq!(ada.get(&end).await.status, 404, "it has ended");
        let nowhere = ada.get(&format!("{nils}/grants/check?role=auditor&region=&ends_on=")).await;
        assert_eq!(nowhere.status, 303);
        says(&ada.get(nowhere.location()).await, 422, &["Choose a region"]);
        app.finish().await;
    }

    async fn whoever_is_added_with_a_role_that_waits_is_shown_with_it(db: TestDb) {
        let app = TestApp::start(db).await;
        let (ada, aud) = (app.signed_in("Ada Admin").await, app.signed_in("Aud Auditor").await);
        let (north, global) = (app.company.regions["North"].to_string(), app.company.regions["Global"].to_string());
        let policy = add(&ada, &[("matter", "role_change"), ("region", &north), ("approvers", "1")]).await;
        assert_eq!(policy.status, 303, "{}", policy.body);
        let new = async |name: &str, email: &str, region: &str| {
            let fields = [("name", name), ("email", email), ("role", "auditor"), ("region", region)];
            send(&ada, "/people/new", "/people", &["key"], &fields).await
        };
        let at_once = new("Gita", "gita@test.example", &global).await;
        assert!(at_once.status == 200 && !at_once.body.contains("waits for approval"), "{}", at_once.body);
        let shown = new("Wanda", "wanda@test.example", &north).await;
        says(&shown, 200, &["/password/", "Auditor in North waits for approval: <a class=\"nw\" href=\"/approvals/apr_"]);
        let person = shown.body.split("href=\"/people/usr_").nth(1).unwrap().split('"').next().unwrap();
        let person = format!("/people/usr_{person}");
        says(&ada.get(&person).await, 200, &["No role that you may see", "Auditor in North waits for approval: <a class=\"nw\" href=\"/approvals/apr_"]);
        let request = shown.body.split("href=\"/approvals/").nth(1).unwrap().split('"').next().unwrap().to_owned();
        assert!(aud.get(&format!("/approvals/{request}")).await.status == 200, "who sees people sees the request");
        let taken = decide(&ada, &format!("/approvals/{request}"), "withdrawal", &[]).await;
        assert_eq!(taken.status, 303, "{}", taken.body);
        assert!(!ada.get(&person).await.body.contains("waits for approval"));
        app.finish().await;
    }
}
