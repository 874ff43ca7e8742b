//! What holds whatever is asked: of every answer its headers, of every form its token, of every cookie its bounds; and how sessions and passwords end.

use std::collections::BTreeSet;

use counterfoil::domain::access::Actor;
use counterfoil::domain::id::UserId;
use counterfoil::store::db::Sql;
use counterfoil::store::sessions;
use counterfoil::store::writer::Intent;

use super::admin;
use super::wall::{events, export};
use crate::support::app::{Answer, Client, TestApp};
use crate::support::database::{TestDb, on_both_engines};
use crate::support::rewards::{load, reward};

const SESSION: &str = "__Host-counterfoil";
const FOREIGN: &str = "https://evil.example";
const MINUTE: i64 = 60_000_000;

type Fields<'a> = &'a [(&'a str, &'a str)];

/// The headers of every answer, with words that stand in each.
const HEADERS: &[(&str, &[&str])] = &[
    (
        "content-security-policy",
        &["default-src 'none'", "script-src 'nonce-", "object-src 'none'", "base-uri 'none'", "frame-ancestors 'none'"],
    ),
    ("x-content-type-options", &["nosniff"]),
    ("referrer-policy", &["same-origin"]),
    ("strict-transport-security", &["max-age=63072000", "includeSubDomains"]),
    ("cross-origin-resource-policy", &["same-origin"]),
    ("cross-origin-opener-policy", &["same-origin"]),
    ("cache-control", &["no-store"]),
];

/// Asks as a page of another site would, and looks at what every answer has.
async fn look(client: &Client, path: &str) -> Answer {
    let answer = client.raw(|http, base| http.get(format!("{base}{path}")).header("origin", FOREIGN)).await;
    let header = |name: &str| answer.headers.get(name).map_or("", |value| value.to_str().unwrap());
    for (name, words) in HEADERS {
        for word in *words {
            assert!(header(name).contains(word), "{path}: {name} says {:?}", header(name));
        }
    }
    assert!(!header("content-security-policy").contains("unsafe"), "{path}");
    assert!(answer.headers.keys().all(|name| !name.as_str().starts_with("access-control-")), "{path} lets other sites read it");
    assert!(answer.body.is_empty() || header("content-type").contains("charset=utf-8"), "{path}: {}", header("content-type"));
    if let Some(token) = client.cookie(SESSION) {
        let tail = &token[token.len() - 20..];
        assert!(!answer.body.contains(tail) && !answer.location().contains(tail), "{path} shows the session's token");
    }
    answer
}

/// Every address that takes a form, as the table of routes has it.
fn forms() -> Vec<String> {
    let parts = include_str!("../../src/web/mod.rs").split("(\"/").skip(1);
    let forms = parts.filter(|part| part.contains("post().to(")).map(|part| format!("/{}", part.split('"').next().unwrap()));
    forms.collect()
}

/// The address with something well-formed for each of its changing parts; of which kind an id is, the table does not say.
fn filled(path: &str) -> Vec<String> {
    let Some((before, rest)) = path.split_once('{') else { return vec![path.to_owned()] };
    let after = rest.split_once('}').unwrap().1;
    let prefixes = include_str!("../../src/domain/id.rs").lines().filter_map(|line| line.split_once("Id = \"")?.1.strip_suffix("\";"));
    let mut parts: Vec<String> = prefixes.map(|prefix| format!("{prefix}_{}", "0".repeat(26))).collect();
    assert!(parts.len() >= 12, "the kinds of ids are not where they were");
    parts.push("EUR".to_owned());
    parts.into_iter().flat_map(|part| filled(&format!("{before}{part}{after}"))).collect()
}

/// Whether it was refused for its token, before anything else was looked at.
fn forged(answer: &Answer) -> bool {
    assert!(answer.status >= 400, "taken without its token: {} {}", answer.status, answer.body);
    answer.status == 403 && answer.body.contains("The form is too old")
}

/// Notes the cookies that an answer sets, and looks at how.
fn cookies(answer: &Answer, seen: &mut BTreeSet<String>) {
    for set in answer.headers.get_all("set-cookie") {
        let set = set.to_str().unwrap();
        let name = set.split('=').next().unwrap();
        assert!(name.starts_with("__Host-") && set.contains("Secure") && set.contains("Path=/") && !set.contains("Domain"), "{set}");
        assert!(set.contains("SameSite=Lax") || set.contains("SameSite=Strict"), "{set}");
        // The script looks at one, which says that somebody is signed in and opens nothing.
        assert!(set.contains("HttpOnly") || name.ends_with("-signed-in"), "{set}");
        assert!(set.len() < 4096, "{set}");
        seen.insert(name.to_owned());
    }
}

/// A link for somebody to choose her password, as the administrator is shown it.
async fn link(ada: &Client, person: UserId) -> String {
    let csrf = ada.get("/people").await.csrf();
    let shown = ada.post(&format!("/people/{person}/password-link"), &[("csrf", &csrf), ("key", "key-of-a-password-link")]).await;
    assert_eq!(shown.status, 200, "{}", shown.body);
    format!("/password/{}", shown.body.split_once("/password/").unwrap().1.split(['<', '"']).next().unwrap())
}

async fn sign_in(app: &TestApp, password: &str) -> (Client, u16) {
    let client = app.anonymous();
    let answer = admin::send(&client, "/sign-in", "/sign-in", &[], &[("email", "pia@test.example"), ("password", password)]).await;
    (client, answer.status)
}

on_both_engines! {
    async fn every_page_has_its_headers_and_a_way_out_and_changes_nothing(db: TestDb) {
        let app = TestApp::start(db).await;
        let (import, transactions) = load(&app.company, vec![reward("RW-1")], true).await;
        let (ada, stranger) = (app.signed_in("Ada Admin").await, app.anonymous());
        let file = export(&ada, "currency=EUR").await.location().to_owned();
        let (north, budget, sara) = (app.company.regions["North"], app.company.budgets["North one"], app.company.people["Sara South"]);
        let before = app.company.facts().await;
        let fixed = [
            "/", "/approvals", "/regions", "/regions/new", "/people", "/people/new", "/roles", "/settings/sign-in", "/audit", "/audit/proof", "/budgets", "/budgets/new", "/transactions",
            "/search?q=re", "/imports", "/imports/new", "/imports/mappings", "/exports", "/exports/new", "/settings", "/settings/organisation", "/settings/approvals",
            "/settings/reason-codes", "/settings/retention", "/settings/about",
        ];
        let more = [
            format!("/regions/{north}"), format!("/regions/{north}/edit"), format!("/budgets/{budget}"), format!("/budgets/{budget}/edit"),
            format!("/budgets/{budget}/transfers/new"), format!("/people/{sara}"), format!("/transactions/{}", transactions[0]),
            format!("/imports/{import}"), file.trim_end_matches("/file").to_owned(),
        ];
        for path in fixed.into_iter().map(str::to_owned).chain(more) {
            let page = look(&ada, &path).await;
            assert_eq!(page.status, 200, "{path}");
            assert!(page.body.contains("action=\"/sign-out\""), "{path} has no way out");
        }
        for (path, status) in [("/healthz", 200), ("/readyz", 200), ("/sign-in", 200), ("/signed-out", 200), ("/signed-out.css", 200), ("/", 303)] {
            assert_eq!(look(&stranger, path).await.status, status, "{path}");
        }
        // Nothing lies about: no folder is listed, no repository, settings or description of an interface.
        for path in ["/.git/config", "/.env", "/.svn/entries", "/a/", "/static/", "/templates/", "/Cargo.toml", "/counterfoil.toml", "/openapi.json"] {
            assert_eq!(look(&stranger, path).await.status, 404, "{path}");
        }
        assert_eq!(app.company.facts().await, before, "looking changes nothing");
        let csrf = ada.get("/audit").await.csrf();
        for taken in [look(&ada, &file).await, ada.post("/audit/exports", &[("csrf", &csrf)]).await] {
            assert!(taken.headers["content-disposition"].to_str().unwrap().starts_with("attachment"), "{:?}", taken.headers);
            assert_eq!(taken.headers["x-content-type-options"], "nosniff");
        }
        app.finish().await;
    }

    async fn no_form_is_taken_without_its_token(db: TestDb) {
        let app = TestApp::start(db).await;
        let ada = app.signed_in("Ada Admin").await;
        let csrf = ada.get("/").await.csrf();
        let before = app.company.facts().await;
        let forms = forms();
        assert!(forms.len() > 50, "the table of routes is read wrongly: {forms:?}");
        // An upload is another kind of form; `nothing_is_read_before_the_token_and_too_much_is_refused` sends it.
        for form in forms.iter().filter(|form| *form != "/imports") {
            let mut place = None;
            for path in filled(form) {
                if forged(&ada.post(&path, &[]).await) {
                    place = Some(path);
                    break;
                }
            }
            let path = place.unwrap_or_else(|| panic!("{form} looks at something before the token"));
            let right = [("csrf", csrf.as_str())];
            for site in ["cross-site", "same-site", "none"] {
                assert!(forged(&ada.post_from(&path, &right, site).await), "{path} from {site}");
            }
            assert!(forged(&ada.post(&path, &[("csrf", &csrf[1..])]).await), "{path} with another token");
            // A browser that says nothing of where a request comes from is judged by Origin, and one that sends neither is refused.
            let old = |origin: Option<&'static str>| {
                let (path, csrf) = (path.clone(), csrf.clone());
                ada.raw(move |http, base| {
                    let post = http.post(format!("{base}{path}")).form(&[("csrf", csrf)]);
                    if let Some(origin) = origin { post.header("origin", origin) } else { post }
                })
            };
            assert!(forged(&old(Some(FOREIGN)).await) && forged(&old(None).await), "{path} from an old browser");
            for kind in ["text/plain", "application/json"] {
                let body = format!("csrf={csrf}");
                let post = ada.raw(|http, base| http.post(format!("{base}{path}")).header("sec-fetch-site", "same-origin").header("content-type", kind).body(body));
                assert_eq!(post.await.status, 415, "{path} as {kind}");
            }
        }
        assert_eq!(app.company.facts().await, before, "nothing of it was done");
        app.finish().await;
    }

    async fn every_cookie_is_bound_to_this_host(db: TestDb) {
        let app = TestApp::start(db).await;
        let (client, mut seen) = (app.anonymous(), BTreeSet::new());
        let person = app.company.people["Nora North"].to_string();
        let page = client.get("/sign-in").await;
        cookies(&page, &mut seen);
        cookies(&client.post("/demo/sign-in", &[("csrf", &page.csrf()), ("person", &person)]).await, &mut seen);
        let csrf = client.get("/settings").await.csrf();
        cookies(&client.post("/settings/preferences", &[("csrf", &csrf), ("theme", "dark"), ("density", "comfortable")]).await, &mut seen);
        cookies(&client.get("/settings").await, &mut seen);
        cookies(&client.post("/sign-out", &[("csrf", &csrf)]).await, &mut seen);
        for end in ["", "-form", "-flash", "-signed-in"] {
            assert!(seen.contains(&format!("{SESSION}{end}")), "{end} was not seen: {seen:?}");
        }
        app.finish().await;
    }

    async fn a_session_ends_when_idle_when_old_and_when_its_row_is_gone(db: TestDb) {
        let app = TestApp::start(db).await;
        let (one, two) = (app.signed_in("Nora North").await, app.signed_in("Nora North").await);
        assert_ne!(one.cookie(SESSION), two.cookie(SESSION));
        app.company.clock.advance(15 * MINUTE);
        assert_eq!((one.get("/").await.status, two.get("/").await.status), (303, 303), "idle");

        let busy = app.signed_in("Nora North").await;
        for _ in 0..12 * 60 / 14 {
            app.company.clock.advance(14 * MINUTE);
            assert_eq!(busy.get("/").await.status, 200);
            // That it was used is noted beside the answer.
            let used = || Sql::new("SELECT count(*) FROM session WHERE last_seen_at = $1").bind(app.company.store.now());
            while app.company.store.read().await.unwrap().value::<i64>(used()).await.unwrap() == 0 {
                tokio::time::sleep(std::time::Duration::from_millis(2)).await;
            }
        }
        app.company.clock.advance(14 * MINUTE);
        assert_eq!(busy.get("/").await.status, 303, "after twelve hours whatever happens");

        let last = app.signed_in("Nora North").await;
        assert_eq!(last.get("/").await.status, 200);
        let gone = app.company.store.write(Intent::once(Actor::system("test"), "test.sessions"), |tx| Box::pin(async move { sessions::delete_all(tx).await }));
        gone.await.unwrap();
        assert_eq!(last.get("/").await.status, 303, "the cookie alone is nothing");
        app.finish().await;
    }

    async fn a_password_is_long_otherwise_free_and_taken_exactly(db: TestDb) {
        let app = TestApp::start(db).await;
        let ada = app.signed_in("Ada Admin").await;
        let north = app.company.regions["North"].to_string();
        let form = [("name", "Pia New"), ("email", "pia@test.example"), ("role", "auditor"), ("region", north.as_str()), ("ends_on", "")];
        assert_eq!(admin::send(&ada, "/people/new", "/people", &["key"], &form).await.status, 200);
        let of_pia = |column: &str| match column {
            "id" => Sql::new("SELECT id FROM person WHERE email = 'pia@test.example'"),
            _ => Sql::new("SELECT password_hash FROM person WHERE email = 'pia@test.example'"),
        };
        let pia = UserId(app.company.store.read().await.unwrap().value::<uuid::Uuid>(of_pia("id")).await.unwrap());
        let right = "T\u{e4}glich ein W\u{fc}rfel \u{1f3b2} f\u{fc}r \u{c9}lo\u{ef}se";
        let long = "quiet garden lamps hum while seven otters paint copper doors beside a narrow canal and nobody counts barges drifting by at noon";
        assert!(long.len() >= 120);
        let too_long = "q7 ".repeat(100);
        let choices = [("wren teal otus", 422), (too_long.as_str(), 422), ("wren teal otuss", 303), (long, 303), (right, 303)];
        for (password, status) in choices {
            let (client, link) = (app.anonymous(), link(&ada, pia).await);
            let chosen = admin::send(&client, &link, &link, &[], &[("password", password), ("again", password)]).await;
            assert_eq!(chosen.status, status, "{password}: {}", chosen.body);
        }
        let kept = app.company.store.read().await.unwrap().value::<String>(of_pia("hash")).await.unwrap();
        assert!(kept.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{kept}");

        // Capitals, a blank, the same letter made of two signs, the last letter: all of it counts.
        let near = [right.to_uppercase(), format!("{right} "), right.replace('\u{e4}', "a\u{308}"), right.trim_end_matches('e').to_owned()];
        for wrong in &near {
            assert_eq!(sign_in(&app, wrong).await.1, 422, "{wrong}");
        }
        let refused = events(&app, "person.sign_in_refused").await;
        assert_eq!(refused.len(), near.len());
        for (_, body) in &refused {
            assert!(body["actor"]["peer"] == "127.0.0.1" && body["actor"]["request"] != "" && body["at"] != "" && body["object"]["id"] == pia.to_string(), "{body}");
            assert!(!body.to_string().contains("rfel"), "{body}");
        }

        // A change ends every other session; and nothing but a person's wish changes it.
        let ((one, first), (two, second)) = (sign_in(&app, right).await, sign_in(&app, right).await);
        assert_eq!((first, second), (303, 303));
        let newer = [("current", right), ("password", long), ("again", long)];
        assert_eq!(admin::send(&one, "/settings", "/settings/password", &[], &newer).await.status, 303);
        assert_eq!((one.get("/settings").await.status, two.get("/settings").await.status), (200, 303));
        let late = link(&ada, pia).await;
        app.company.clock.advance(24 * 60 * MINUTE);
        assert_eq!(one.get(&late).await.status, 404, "too old");
        app.company.clock.advance(400 * 24 * 60 * MINUTE);
        assert_eq!(sign_in(&app, long).await.1, 303, "no password grows too old");
        app.finish().await;
    }

    async fn a_field_too_many_or_doubled_is_refused_and_nothing_is_decoded_twice(db: TestDb) {
        let app = TestApp::start(db).await;
        let (ada, stranger) = (app.signed_in("Ada Admin").await, app.anonymous());
        let csrf = ada.get("/settings").await.csrf();
        let open = stranger.get("/sign-in").await.csrf();
        let before = app.company.facts().await;
        let looks = [("theme", "dark"), ("density", "comfortable")];
        let person = [("key", "key-of-a-new-person"), ("name", "Pia"), ("email", "pia@test.example"), ("role", "auditor"), ("region", ""), ("ends_on", "")];
        let cases: [(&Client, &str, &str, Fields<'_>, &[&str]); 3] = [
            (&ada, &csrf, "/settings/preferences", &looks, &["theme", "status", "version"]),
            (&ada, &csrf, "/people", &person, &["email", "status", "password_hash", "id"]),
            (&stranger, &open, "/sign-in", &[("email", "pia@test.example"), ("password", "x")], &["email", "person_id"]),
        ];
        for (client, csrf, path, fields, more) in cases {
            for field in more {
                let form = [fields, &[("csrf", csrf), (*field, "1")]].concat();
                let answer = client.post(path, &form).await;
                assert_eq!(answer.status, 400, "{path} with {field}: {}", answer.body);
                assert!(answer.body.contains("missing, doubled or unknown"), "{path} with {field}: {}", answer.body);
            }
        }
        assert_eq!(app.company.facts().await, before);
        let found = ada.get("/transactions?q=%2541").await;
        assert!(found.status == 200 && found.body.contains("value=\"%41\""), "{}", found.body);
        app.finish().await;
    }
}
