//! Every template rendered with sample data: an empty organisation, an ordinary one, and one where everything that a person or a file may
//! write is hostile, with amounts of nothing and of nearly all that can be counted.
//!
//! The structs behind the templates belong to their handlers, and one filled by hand shows what nobody will ever see. So the samples are
//! stores, and somebody walks through the portal over them, follows every link and sends every form. Whether that reached every template is
//! read from the folder: each piece of text that stands in a template must have been seen on some page, in every branch of it.

mod factors;
mod page;
mod samples;
mod visitor;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use counterfoil::actions::imports::Limits;
use counterfoil::actions::{people, setup};
use counterfoil::clock::{Clock, Random};
use counterfoil::jobs;
use counterfoil::metrics::Metrics;
use counterfoil::store::{Options, Store};

use super::admin;
use super::budgets::{check, hidden, send};
use super::imports::{fields, upload};
use crate::imports::{checked, meanings, small};
use crate::support::app::{BareApp, Client, Company, NOW};
use crate::support::database::TestDb;
use samples::{MANY, NAMES, Sample, company, run};
use visitor::{Visited, Visitor};

/// What a person or a file may write: out of an attribute, out of an element, escaped already, from right to left, in a template's own signs.
const HOSTILE: &str = "\"'><script>x()</script>&amp אבג {{7*7}}";
const ORDINARY: &str = "Søren’s café";

async fn signed_in(app: &BareApp, company: &Company, name: &str) -> Client {
    let client = app.anonymous();
    assert_eq!(client.sign_in(&company.people[name].to_string()).await.status, 303);
    client
}

/// Everybody's way through a company: who may do everything does everything there is; the others look.
async fn through(Sample { company, worth }: &Sample, text: &str, visited: &mut Visited) {
    let app = BareApp::over(company.store.clone()).await;
    let ada = signed_in(&app, company, "Ada Admin").await;
    // Whatever is done to the worst company was done to one: the ordinary one is looked at, once.
    if text != HOSTILE {
        Visitor::new(&ada, text, visited).walk(&["/"]).await;
        return;
    }
    let lost =
        ["/no-such-page", "/budgets/bud_00000000000000000000000000", "/password/wrong", "/setup/wrong", "/signed-out", "/password-chosen"];
    Visitor::new(&app.anonymous(), text, visited).walk(&[&lost[..], &["/sign-in?next=/budgets%22%3E"]].concat()).await;
    for name in ["Nils North", "Aud Auditor", "Sara South", "Rita Regional", "No Role"] {
        let client = signed_in(&app, company, name).await;
        let mut visitor = Visitor::new(&client, text, visited);
        visitor.walk(&["/", "/people", "/audit", "/imports/new"]).await;
        if name == "Aud Auditor" {
            // What only somebody who does not see everything can ask for.
            visitor.send().await;
        }
    }
    let mut visitor = Visitor::new(&ada, text, visited);
    let looks = [("csrf", ada.get("/").await.csrf()), ("theme", "dark".to_owned()), ("density", "comfortable".to_owned())];
    visitor.post("/settings/preferences", &looks.map(|(name, value)| (name.to_owned(), value))).await;
    let worth: Vec<&str> = worth.iter().map(String::as_str).collect();
    for _ in 0..2 {
        visitor.walk(&[&worth[..], &["/", "/regions"], &lost[..]].concat()).await;
        visitor.send().await;
        for address in &worth {
            visitor.look(address).await;
        }
        jobs::import::turn(&company.store, &Limits::default()).await.unwrap();
    }
    run(&company.store, MANY, "").await;
    visitor.walk(&["/budgets?view=table&status=draft", "/budgets", "/transactions?amount_min=0.02"]).await;
}

/// An organisation on its first day: the set-up page by page, then every page while there is nothing on it.
async fn first_day(visited: &mut Visited) {
    let db = TestDb::sqlite();
    let store = Store::open(&Options::of(db.url.clone()), Clock::fixed(NOW), Random::system(), Arc::new(Metrics::new())).await.unwrap();
    let token = setup::link(&store).await.unwrap();
    let app = BareApp::over(store).await;
    let client = app.anonymous();
    let mut visitor = Visitor::new(&client, HOSTILE, visited);
    for address in ["/sign-in", "/setup/wrong"] {
        visitor.look(address).await;
    }
    let password = "five quiet green garden chairs";
    let steps: [(&str, &[(&str, &str)]); 4] = [
        ("", &[("name", HOSTILE), ("time_zone", "Europe/Berlin")]),
        ("/currencies", &[("currency", "EUR"), ("others", "JPY"), ("fiscal_start_month", "4")]),
        ("/regions", &[("regions", "Iberia\n  Portugal")]),
        ("/people", &[("person_name", HOSTILE), ("email", "ada@test.example"), ("password", password), ("again", password)]),
    ];
    for (step, right) in steps {
        let address = format!("/setup/{token}{step}");
        let csrf = client.get(&address).await.csrf();
        let wrong: Vec<(&str, &str)> = right.iter().map(|(name, _)| (*name, HOSTILE)).collect();
        let mut status = 0;
        for fields in [&wrong[..0], &wrong[..], right] {
            let fields = [&[("csrf", csrf.as_str())], fields].concat();
            let fields: Vec<(String, String)> = fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
            visitor.look(&address).await;
            status = visitor.post(&address, &fields).await.status;
        }
        assert_eq!(status, 303, "{step}");
    }
    visitor.walk(&["/", "/prove"]).await;
    Visitor::new(&app.anonymous(), HOSTILE, visited).look("/sign-in").await;
}

/// What only comes of a mistake, or of two people at once: the file that is none, the wrong password, the page that is no longer so.
async fn mistakes(company: &Company, visited: &mut Visited) {
    let app = BareApp::over(company.store.clone()).await;
    let (ada, finn, stranger) =
        (signed_in(&app, company, "Ada Admin").await, signed_in(&app, company, "Finn Finance").await, app.anonymous());
    let mut visitor = Visitor::new(&ada, HOSTILE, visited);
    let address = format!("/budgets/{}/allocations", company.budgets["North one"]);
    let (mine, his) = (check(&ada, &address, &[("amount", "1")]).await, check(&finn, &address, &[("amount", "2")]).await);
    assert_eq!(send(&finn, &address, &hidden(&his)).await.status, 303);
    assert_eq!(visitor.post(&address, &hidden(&mine)).await.status, 409);
    in_between(company, &ada, &mut visitor).await;
    let place = format!("/regions/{}", company.regions["North"]);
    visitor.look(&format!("{place}/move/check?parent={}", company.regions["South"])).await;
    let page = ada.get(&format!("{place}/edit")).await;
    for (key, name, status) in
        [("first-key-of-three", "North", 303), ("second-key-of-three", "North", 409), ("third-key-of-three", "Other", 409)]
    {
        let mut form = admin::fields(name, "Europe/Berlin");
        let (csrf, version) = (page.csrf(), page.field("version"));
        form.extend([("csrf", csrf.as_str()), ("version", &version), ("key", key)]);
        let form: Vec<(String, String)> = form.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        assert_eq!(visitor.post(&place, &form).await.status, status, "{name}");
    }
    for (name, bytes) in [("a.pdf", "%PDF"), (HOSTILE, "\0")] {
        let form = fields(&ada).await;
        let answer = upload(&ada, &form, name, bytes.into()).await;
        assert_eq!(answer.status, 422, "{name}");
        visitor.judge("POST /imports", &answer);
    }
    let form = fields(&ada).await;
    let columns = format!("{0}{1},{0},{1}\n{1},,{1}\n01/02/2026,1.234,x\n", "When,", HOSTILE.replace('"', ""));
    let answer = upload(&ada, &form, "odd.csv", columns.into_bytes()).await;
    assert_eq!(answer.status, 303, "{}", answer.body);
    visitor.look(answer.location()).await;
    visitor.send().await;
    let mut visitor = Visitor::new(&stranger, HOSTILE, visited);
    let csrf = stranger.get("/sign-in").await.csrf();
    let wrong =
        [("csrf", csrf.as_str()), ("email", HOSTILE), ("password", "wrong")].map(|(name, value)| (name.to_owned(), value.to_owned()));
    assert_eq!(visitor.post("/sign-in", &wrong).await.status, 422);
    let person = company.people["Nils North"];
    let token = people::password_link(&company.store, company.actor("Ada Admin"), person).await.unwrap().token;
    let address = format!("/password/{token}");
    visitor.look(&address).await;
    visitor.send().await;
    visitor.look("/forgotten-password").await;
    let mailing = BareApp::mailing(company.store.clone()).await;
    let stranger = mailing.anonymous();
    let mut visitor = Visitor::new(&stranger, HOSTILE, visited);
    for address in ["/sign-in", "/forgotten-password", "/forgotten-password/asked"] {
        visitor.look(address).await;
    }
    let wrong = [("csrf", csrf_of(&stranger).await), ("email", HOSTILE.to_owned())].map(|(name, value)| (name.to_owned(), value));
    assert_eq!(visitor.post("/forgotten-password", &wrong).await.status, 422);
}

/// What somebody is told of an import's refused rows who does not see who receives a reward.
async fn without_names(company: &Company, visited: &mut Visited) {
    let app = BareApp::over(company.store.clone()).await;
    let finn = signed_in(&app, company, "Finn Finance").await;
    let rows = "Region,Budget,Id,Amount,Name,Date,Note\nNorth,North one,J2,x,Ann,2026-05-01,\n";
    let (import, _) = checked(company, "Finn Finance", rows.as_bytes(), small(), Some(meanings(company))).await;
    Visitor::new(&finn, HOSTILE, visited).look(&format!("/imports/{import}/check")).await;
}

async fn csrf_of(client: &Client) -> String {
    client.get("/forgotten-password").await.csrf()
}

/// What is seen for a moment: an import that is being written, an export of everything that nobody took yet.
async fn in_between(company: &Company, ada: &Client, visitor: &mut Visitor<'_>) {
    let rows = "Region,Budget,Id,Amount,Name,Date,Note\nNorth,North one,J1,1.00,Ann,2026-05-01,\n";
    let (import, _) = checked(company, "Ada Admin", rows.as_bytes(), small(), Some(meanings(company))).await;
    let page = ada.get(&format!("/imports/{import}/check")).await;
    let form = ["csrf", "key", "version", "mode"].map(|name| (name.to_owned(), page.field(name)));
    assert_eq!(visitor.post(&format!("/imports/{import}/commit"), &form).await.status, 303);
    jobs::import::turn(&company.store, &Limits::default()).await.unwrap();
    let page = ada.get("/exports/new").await;
    let form = [
        ("csrf", page.csrf()),
        ("key", page.field("key")),
        ("query", String::new()),
        ("columns", "view".to_owned()),
        ("format", "machine".to_owned()),
    ];
    let made = visitor.post("/exports", &form.map(|(name, value)| (name.to_owned(), value))).await;
    visitor.look(made.location().trim_end_matches("/file")).await;
}

/// The pieces of text of a template, without blanks; short ones say nothing.
fn pieces(template: &str) -> Vec<String> {
    let (mut found, mut rest) = (Vec::new(), template);
    while !rest.is_empty() {
        let at = ["{{", "{%", "{#"].iter().filter_map(|open| rest.find(open)).min().unwrap_or(rest.len());
        found.push(rest[..at].replace(char::is_whitespace, ""));
        let close = match rest[at..].get(..2) {
            Some("{{") => "}}",
            Some("{%") => "%}",
            _ => "#}",
        };
        rest = rest[at..].split_once(close).map_or("", |(_, after)| after);
    }
    found.retain(|piece| piece.len() >= 8 && piece.contains(char::is_alphabetic));
    found
}

fn templates(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { templates(&path, found) } else { found.push(path) }
    }
}

/// Each piece of a template that no page shows.
fn unseen(visited: &Visited) -> Vec<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("templates");
    let mut files = Vec::new();
    templates(&root, &mut files);
    assert!(files.len() > 40, "{files:?}");
    files.sort();
    let missing = |file: &PathBuf| {
        let name = file.strip_prefix(&root).unwrap().display().to_string();
        let text = fs::read_to_string(file).unwrap();
        let lost = pieces(&text).into_iter().filter(|piece| !visited.pages.iter().any(|page| page.contains(piece)));
        lost.map(|piece| format!("{name}: {piece}")).collect::<Vec<_>>()
    };
    files.iter().flat_map(missing).collect()
}

#[tokio::test]
async fn every_template_holds_with_nothing_with_something_and_with_the_worst() {
    let mut visited = Visited::default();
    first_day(&mut visited).await;
    for text in [ORDINARY, HOSTILE] {
        let sample = company(text).await;
        if text == HOSTILE {
            run(&sample.company.store, NAMES, HOSTILE).await;
            mistakes(&sample.company, &mut visited).await;
            without_names(&sample.company, &mut visited).await;
            factors::walk(&sample.company, &mut visited).await;
        }
        through(&sample, text, &mut visited).await;
        sample.company.check_audit().await;
        sample.company.store.close().await;
    }
    let unseen = unseen(&visited);
    let faults: Vec<String> = visited.faults.into_iter().collect();
    assert!(faults.is_empty(), "{} faults on {} pages:\n{}", faults.len(), visited.pages.len(), faults.join("\n"));
    assert!(unseen.is_empty(), "no sample reaches {} pieces of templates:\n{}", unseen.len(), unseen.join("\n"));
    assert!(visited.showing > 100, "the text was seen on {} pages", visited.showing);
}

#[test]
fn pieces_are_what_stands_in_a_template() {
    let template = "<p class=\"a\">{% if x %}yes it is{% else %}no{% endif %}{# not a word #}{{ \"nor this\" }}</p> at  the end";
    assert_eq!(
        pieces(template),
        ["<pclass=\"a\">", "yesitis", "</p>attheend"].map(str::to_owned).into_iter().filter(|x| x.len() >= 8).collect::<Vec<_>>()
    );
}
