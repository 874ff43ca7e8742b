//! Requests of somebody who is signed in: path, query, form (with its token and without), cookies, idempotency key. No answer is a fault of ours.
#![no_main]

use std::cell::OnceCell;
use std::mem::ManuallyDrop;
use std::pin::Pin;
use std::rc::Rc;

use actix_http::Request;
use actix_web::body::MessageBody;
use actix_web::dev::{Service, ServiceResponse};
use actix_web::http::{Method, StatusCode};
use actix_web::rt::System;
use actix_web::{App, test};
use counterfoil::actions::demo;
use counterfoil::clock::{Clock, Random};
use counterfoil::domain::time::Instant;
use counterfoil::metrics::Metrics;
use counterfoil::store::{Options, Store};
use counterfoil::web::{Lives, Portal, routes};
use libfuzzer_sys::{Corpus, fuzz_target};

const NOW: i64 = 1_795_348_800_000_000;

/// What is asked for: method, path, and in it the id of something that is there.
const ROUTES: &[(&str, &str)] = &[
    ("GET", "/transactions"),
    ("GET", "/transactions/totals"),
    ("GET", "/budgets"),
    ("GET", "/budgets/{id}"),
    ("GET", "/budgets/{id}/reservations/new"),
    ("GET", "/budgets/{id}/transfers/check"),
    ("GET", "/budgets/{id}/adjustments/check"),
    ("POST", "/budgets/{id}/reservations"),
    ("POST", "/budgets/{id}/adjustments"),
    ("POST", "/budgets/{id}/transfers"),
    ("POST", "/budgets"),
    ("GET", "/audit"),
    ("GET", "/approvals"),
    ("GET", "/search"),
    ("GET", "/people"),
    ("POST", "/people"),
    ("POST", "/regions"),
    ("GET", "/exports"),
    ("POST", "/exports"),
    ("POST", "/sign-in"),
    ("POST", "/settings"),
    ("GET", "/"),
];

struct World {
    system: actix_web::rt::SystemRunner,
    app: Asked,
    cookie: String,
    csrf: String,
    budget: String,
    _folder: tempfile::TempDir,
}

thread_local! {
    /// It ends with the process: what a thread drops at its end finds parts of actix-web gone.
    static WORLD: OnceCell<ManuallyDrop<World>> = const { OnceCell::new() };
}

type Answer = (StatusCode, Vec<(String, String)>, String);
/// The portal's routes, made once: each making of them holds on to its memory for good.
type Asked = Box<dyn Fn(test::TestRequest) -> Pin<Box<dyn Future<Output = Answer>>>>;

async fn app(portal: &Portal) -> Asked {
    let app = Rc::new(test::init_service(App::new().configure(|config| routes(config, portal))).await);
    Box::new(move |request| Box::pin(ask(Rc::clone(&app), request)))
}

async fn ask<B: MessageBody>(
    app: Rc<impl Service<Request, Response = ServiceResponse<B>, Error = actix_web::Error>>,
    request: test::TestRequest,
) -> Answer {
    let answer = match app.call(request.to_request()).await {
        Ok(answer) => answer,
        // The server makes an answer of it.
        Err(error) => return (error.as_response_error().status_code(), Vec::new(), String::new()),
    };
    let status = answer.status();
    let set = answer.headers().get_all("set-cookie").filter_map(|value| value.to_str().ok());
    let cookies =
        set.filter_map(|set| set.split(';').next()?.split_once('=')).map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    let body = answer.into_body().try_into_bytes().map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    (status, cookies, body.unwrap_or_default())
}

fn get(path: &str, cookie: &str) -> test::TestRequest {
    let request = test::TestRequest::with_uri(path).peer_addr("127.0.0.1:9".parse().expect("an address"));
    request.insert_header(("cookie", cookie)).insert_header(("sec-fetch-site", "same-origin")).insert_header(("host", "localhost"))
}

fn between<'t>(text: &'t str, before: &str, after: &str) -> &'t str {
    text.split_once(before).and_then(|(_, rest)| rest.split_once(after)).map_or("", |(found, _)| found)
}

/// A small demo with a person signed in who may do everything.
fn world() -> World {
    let folder = tempfile::tempdir().expect("a folder");
    let url = format!("sqlite:{}", folder.path().join("fuzz.db").display());
    let system = System::new();
    let (app, cookie, csrf, budget) = system.block_on(async {
        demo::fill(&url, Instant(NOW), 300, |_| ()).await.expect("a demo");
        let metrics = std::sync::Arc::new(Metrics::new());
        let store = Store::open(&Options::of(url), Clock::fixed(NOW), Random::system(), metrics).await.expect("a store");
        let portal = Portal::new(store, Lives { idle: 86_400, absolute: 86_400 }, 1 << 20).await.expect("a portal");
        let app = app(&portal).await;
        let (_, cookies, page) = app(get("/sign-in", "")).await;
        let jar =
            |cookies: &[(String, String)]| cookies.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("; ");
        let token = between(&page, "name=\"csrf\" value=\"", "\"");
        let mut people = page.split("name=\"person\" value=\"").skip(1);
        let person = people.find(|part| part.split("</button>").next().is_some_and(|words| words.contains("Administrator")));
        let person = person.and_then(|part| part.split('"').next()).expect("somebody who may do everything");
        let form = format!("csrf={token}&person={person}");
        let sent = get("/demo/sign-in", &jar(&cookies)).method(Method::POST);
        let sent = sent.insert_header(("content-type", "application/x-www-form-urlencoded")).set_payload(form);
        let (status, cookies, _) = app(sent).await;
        assert_eq!(status, StatusCode::SEE_OTHER, "somebody signs in");
        let cookie = jar(&cookies);
        let (_, _, page) = app(get("/budgets", &cookie)).await;
        let hrefs = page.split("href=\"/budgets/").skip(1).filter_map(|part| part.split(['"', '?', '/']).next());
        let budget = hrefs.filter(|id| id.len() >= 26).map(str::to_owned).next().unwrap_or_default();
        let csrf = between(&page, "name=\"csrf\" value=\"", "\"").to_owned();
        assert!(!csrf.is_empty() && !budget.is_empty(), "{page}");
        (app, cookie, csrf, budget)
    });
    World { system, app, cookie, csrf, budget, _folder: folder }
}

fuzz_target!(
    // Handlers that end in a panic are answered as a fault of ours, which is what is looked for here.
    init: drop(std::env::set_current_dir(std::env::temp_dir())),
    |data: &[u8]| -> Corpus {
        let [route, flags, rest @ ..] = data else { return Corpus::Reject };
        let (method, path) = ROUTES[usize::from(*route) % ROUTES.len()];
        let mut pieces = rest.split(|byte| *byte == 0).map(String::from_utf8_lossy);
        let mut piece = || pieces.next().unwrap_or_default().into_owned();
        let (query, body, header) = (piece(), piece(), piece());
        WORLD.with(|cell| {
            let world = cell.get_or_init(|| ManuallyDrop::new(world()));
            let is_asked = |text: &str| text.bytes().all(|byte| byte.is_ascii_graphic());
            let query = if is_asked(&query) { query } else { query.bytes().map(|byte| format!("%{byte:02x}")).collect() };
            let uri = format!("{}?{query}", path.replace("{id}", &world.budget));
            let Ok(uri) = actix_web::http::Uri::try_from(uri) else { return Corpus::Reject };
            let is_header = !header.is_empty() && header.bytes().all(|byte| (0x20..0x7f).contains(&byte));
            let cookie = if flags & 1 == 1 && is_header { format!("{}; {header}", world.cookie) } else { world.cookie.clone() };
            let cookie = if flags & 2 == 2 && is_header { header.clone() } else { cookie };
            let mut request = get(&uri.to_string(), &cookie);
            if method == "POST" {
                let body = if flags & 4 == 4 { body } else { format!("csrf={}&{body}", world.csrf) };
                request = request.method(Method::POST).insert_header(("content-type", "application/x-www-form-urlencoded")).set_payload(body);
            }
            let (status, ..) = world.system.block_on((world.app)(request));
            assert!(status.as_u16() < 500, "{method} {uri}: {status}");
            Corpus::Keep
        })
    }
);
