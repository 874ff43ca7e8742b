//! Regions, people, settings, the audit trail and the overview over HTTP.

use counterfoil::actions::people as act;
use counterfoil::domain::id::UserId;
use counterfoil::store::db::Sql;

use crate::support::app::{Answer, Client, TestApp};
use crate::support::database::{TestDb, on_both_engines};

/// Opens the page of a form, fills in what is given, and sends it with the hidden fields the page had.
pub async fn send(client: &Client, page: &str, to: &str, hidden: &[&str], fields: &[(&str, &str)]) -> Answer {
    let shown = client.get(page).await;
    assert_eq!(shown.status, 200, "{page}: {}", shown.body);
    let kept: Vec<(&str, String)> = hidden.iter().chain(&["csrf"]).map(|name| (*name, shown.field(name))).collect();
    let mut form: Vec<(&str, &str)> = kept.iter().map(|(name, value)| (*name, value.as_str())).collect();
    form.extend_from_slice(fields);
    client.post(to, &form).await
}

/// The fields of a region, without its parent.
pub fn fields<'a>(name: &'a str, zone: &'a str) -> Vec<(&'a str, &'a str)> {
    vec![("name", name), ("currency", "EUR"), ("time_zone", zone), ("fiscal_start_month", "4"), ("cost_centre", "CC-1")]
}

on_both_engines! {
    async fn every_page_opens_for_the_administrator_and_keeps_others_out(db: TestDb) {
        let app = TestApp::start(db).await;
        let ada = app.signed_in("Ada Admin").await;
        let (north, sara) = (app.company.regions["North"], app.company.people["Sara South"]);
        let pages = [
            "/", "/?currency=JPY", "/regions", "/regions/new", "/people", "/people/new", "/settings", "/settings/organisation",
            "/settings/reason-codes", "/settings/about", "/audit", "/audit?when=week&action=person",
        ];
        let more = ["", "/edit", "/move", "/retirement"].map(|end| format!("/regions/{north}{end}"));
        for page in pages.into_iter().map(str::to_owned).chain(more).chain([format!("/people/{sara}")]) {
            assert_eq!(ada.get(&page).await.status, 200, "{page}");
        }
        let nils = app.signed_in("Nils North").await;
        for (page, status) in [("/people", 403), ("/audit", 403), ("/settings/organisation", 403), ("/regions/new", 403), ("/", 200)] {
            assert_eq!(nils.get(page).await.status, status, "{page}");
        }
        let south = app.company.regions["South"];
        assert_eq!(nils.get(&format!("/regions/{south}")).await.status, 404, "another region is not to be told from none");
        assert!(!nils.get("/regions").await.body.contains("South"));
        app.finish().await;
    }

    async fn a_region_is_added_changed_moved_and_retired(db: TestDb) {
        let app = TestApp::start(db).await;
        let ada = app.signed_in("Ada Admin").await;
        let (north, south) = (app.company.regions["North"].to_string(), app.company.regions["South"].to_string());
        let mut form = fields("Lapland", "Europe/Helsinki");
        form.push(("parent", &north));
        let bad = send(&ada, "/regions/new", "/regions", &["key"], &fields("", "Mars/Base")).await;
        assert_eq!(bad.status, 422);
        for words in ["Enter a name", "Choose a time zone", "Choose the region it belongs to", "Error: Add a region"] {
            assert!(bad.body.contains(words), "{words}");
        }
        let added = send(&ada, "/regions/new", "/regions", &["key"], &form).await;
        assert_eq!(added.status, 303, "{}", added.body);
        let place = added.location().to_owned();
        let edit = format!("{place}/edit");

        // Two people with the same page: the second sees what changed.
        let other = app.signed_in("Ada Admin").await;
        let (first, second) = (ada.get(&edit).await, other.get(&edit).await);
        let save = async |client: &Client, page: &Answer, name: &str| {
            let (csrf, key, version) = (page.csrf(), page.field("key"), page.field("version"));
            let mut form = fields(name, "Europe/Helsinki");
            form.extend([("csrf", csrf.as_str()), ("key", key.as_str()), ("version", version.as_str())]);
            client.post(&place, &form).await
        };
        assert_eq!(save(&ada, &first, "Lapland A").await.status, 303);
        let stale = save(&other, &second, "Lapland B").await;
        assert_eq!(stale.status, 409);
        assert!(stale.body.contains("Lapland A") && stale.body.contains("Lapland B"));
        assert_eq!(save(&other, &stale, "Lapland B").await.status, 303, "having seen it, she decides again");

        let itself = place.trim_start_matches("/regions/").to_owned();
        let moved = async |to: &str| send(&ada, &format!("{place}/move"), &format!("{place}/move"), &["key", "version"], &[("parent", to)]).await;
        assert_eq!(moved(&itself).await.status, 422, "not below itself");
        assert_eq!(moved(&south).await.status, 303);
        let retire = async |place: &str| {
            let page = ada.get("/regions").await;
            ada.post(&format!("{place}/retirement"), &[("csrf", &page.csrf()), ("key", "k-retire"), ("version", "4")]).await
        };
        assert_eq!(retire(&format!("/regions/{north}")).await.status, 409, "another version");
        assert_eq!(retire(&place).await.status, 303);
        let back = send(&ada, &format!("{place}/reinstatement"), &format!("{place}/reinstatement"), &["key", "version"], &[]).await;
        assert_eq!(back.status, 303);
        let refused = ada.get(&format!("/regions/{north}/retirement")).await;
        assert!(refused.body.contains("3 active budgets"), "{}", refused.body);
        let trail = ada.get(&format!("/audit?object={itself}")).await;
        for words in ["Region added", "Region changed", "Region moved", "Region retired", "Region reinstated"] {
            assert!(trail.body.contains(words), "{words}");
        }
        app.finish().await;
    }

    async fn a_person_is_added_chooses_her_password_and_is_suspended(db: TestDb) {
        let app = TestApp::start(db).await;
        let ada = app.signed_in("Ada Admin").await;
        let north = app.company.regions["North"].to_string();
        let form = [("name", "Pia New"), ("email", "pia@test.example"), ("role", "auditor"), ("region", north.as_str()), ("ends_on", "")];
        let added = send(&ada, "/people/new", "/people", &["key"], &form).await;
        assert_eq!(added.status, 200, "{}", added.body);
        let path = added.body.split_once("/password/").unwrap().1.split(['<', '"']).next().unwrap().to_owned();
        let link = format!("/password/{path}");
        let person = app.company.store.read().await.unwrap().value::<uuid::Uuid>(Sql::new("SELECT id FROM person WHERE email = 'pia@test.example'")).await;
        let other = act::password_link(&app.company.store, app.company.actor("Ada Admin"), UserId(person.unwrap())).await.unwrap().token;
        let pia = app.anonymous();
        assert_eq!(pia.get(&format!("/password/{other}")).await.status, 200);
        let short = send(&pia, &link, &link, &[], &[("password", "short"), ("again", "short")]).await;
        assert_eq!(short.status, 422);
        app.company.add_region("Zyxland", "North").await;
        app.company.add_region("Qyxland", "South").await;
        for (guess, words) in [("Zyxland2026Zyxland", "among the first"), ("Qyxland2026Qyxland", "not the same")] {
            let answer = send(&pia, &link, &link, &[], &[("password", guess), ("again", "x")]).await;
            assert!(answer.status == 422 && answer.body.contains(words), "her own region is known, another is nobody\u{2019}s business: {}", answer.body);
        }
        let good = "five quiet green garden chairs";
        assert_eq!(send(&pia, &link, &link, &[], &[("password", good), ("again", good)]).await.status, 303);
        assert_eq!(pia.get(&link).await.status, 404, "once");
        assert_eq!(pia.get(&format!("/password/{other}")).await.status, 404, "the others end with it");
        let signed = send(&pia, "/sign-in", "/sign-in", &[], &[("email", "pia@test.example"), ("password", good)]).await;
        assert_eq!(signed.status, 303);
        assert_eq!(pia.get("/audit").await.status, 200);

        let wrong = send(&pia, "/settings", "/settings/password", &[], &[("current", "no"), ("password", good), ("again", good)]).await;
        assert_eq!(wrong.status, 422);
        let newer = "another five quiet garden chairs";
        let fields = [("current", good), ("password", newer), ("again", newer)];
        assert_eq!(send(&pia, "/settings", "/settings/password", &[], &fields).await.status, 303);
        assert_eq!(pia.get("/settings").await.status, 200, "this session goes on");
        let looks = [("theme", "dark"), ("density", "comfortable")];
        assert_eq!(send(&pia, "/settings", "/settings/preferences", &[], &looks).await.status, 303);
        let page = pia.get("/settings").await.body;
        assert!(page.contains("data-theme=\"dark\"") && page.contains("data-shortcuts=\"off\""));

        let people = ada.get("/people").await.body;
        let id = people.split_once("pia@test.example").unwrap().0.rsplit_once("/people/").unwrap().1.split('"').next().unwrap().to_owned();
        let csrf = ada.get("/people").await.csrf();
        let gone = ada.post(&format!("/people/{id}/suspension"), &[("csrf", &csrf), ("key", "k-1")]).await;
        assert_eq!(gone.status, 303, "{}", gone.body);
        assert_eq!(pia.get("/settings").await.status, 303, "her session ended");
        let last = app.company.people["Ada Admin"];
        let last = ada.post(&format!("/people/{last}/suspension"), &[("csrf", &csrf), ("key", "k-2")]).await;
        assert_eq!(last.status, 422, "the last administrator stays");
        app.finish().await;
    }

    async fn the_chain_is_verified_from_the_page(db: TestDb) {
        let app = TestApp::start(db).await;
        let aud = app.signed_in("Aud Auditor").await;
        let csrf = aud.get("/audit").await.csrf();
        let answer = aud.post("/audit/verifications", &[("csrf", &csrf)]).await;
        assert_eq!((answer.status, answer.location()), (303, "/audit/proof"));
        let proof = aud.get("/audit/proof").await.body;
        for words in ["Not proven", "Not signed", "Not anchored", "events are as they were sealed", "counterfoil_verify.py"] {
            assert!(proof.contains(words), "{words}: {proof}");
        }
        let file = aud.post("/audit/exports", &[("csrf", &csrf)]).await;
        assert!(file.status == 200 && file.body.starts_with("{\"chain\"") && file.body.contains("audit.exported"), "{}", file.body);
        let page = aud.get("/audit").await.body;
        assert!(page.contains("events are as they were sealed") && page.contains("Audit verified"), "{page}");
        let id = page.split_once("/audit/evt_").unwrap().1.split('"').next().unwrap().to_owned();
        assert!(aud.get(&format!("/audit/evt_{id}")).await.body.contains("Link in the chain holds"));
        app.finish().await;
    }
}
