//! A database that is full, away or comes and goes: its own words, nothing half-done, and no restart when it is well again.

use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use counterfoil::actions::audit::{Verdict, walk};
use counterfoil::store::check;
use counterfoil::store::db::Sql;
use counterfoil::store::db_pools::Pools;
use tokio::net::{TcpListener, TcpStream};

use super::Serving;
use crate::support::app::{Answer, Client, Company};
use crate::support::database::{TestDb, address, admin};

const FULL: &str = "The disk is full";
const AWAY: &str = "The portal cannot reach its database";

/// A form that sets one euro aside, ready to be sent, any number of times.
struct Order {
    path: String,
    fields: Vec<(String, String)>,
}

impl Order {
    /// From the check page.
    async fn ready(client: &Client, budget: &str) -> Self {
        Self::tried(client, budget).await.expect("the database answers")
    }

    /// The same; `None` where the database was away.
    async fn tried(client: &Client, budget: &str) -> Option<Self> {
        let path = format!("/budgets/{budget}/reservations");
        let mut page = client.get(&format!("{path}/new")).await;
        if page.status == 200 {
            page = client.get(&format!("{path}/check?key={}&amount=1&note=test", page.field("key"))).await;
        }
        if page.status == 503 {
            is_away(&page);
            return None;
        }
        assert_eq!(page.status, 200, "{}", page.body);
        Some(Self { path, fields: crate::web::budgets::hidden(&page) })
    }

    async fn send(&self, client: &Client) -> Answer {
        let fields: Vec<(&str, &str)> = self.fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        client.post(&self.path, &fields).await
    }
}

/// What is reserved in the budget, once the figures, the file and the trail were found whole.
async fn reserved(url: &str, budget: &str) -> i64 {
    let pools = Pools::inspect(url).await.unwrap();
    let mut read = pools.read().await.unwrap();
    assert_eq!(check::fault(&mut read).await.unwrap(), None);
    assert!(matches!(walk(&mut read, |_, _| ()).await.unwrap(), Verdict::Ok { .. }));
    let id = counterfoil::domain::id::BudgetId::parse(budget).unwrap();
    let count = read.value(Sql::new("SELECT reserved FROM budget WHERE id = $1").bind(id)).await.unwrap();
    drop(read);
    pools.close().await;
    count
}

/// A company, its address, and the ids of Nora and of her budget.
async fn company(db: TestDb) -> (Company, String, String, String) {
    let url = db.url.clone();
    let company = Company::found(db).await;
    let (person, budget) = (company.people["Nora North"].to_string(), company.budgets["North one"].to_string());
    (company, url, person, budget)
}

fn is_away(answer: &Answer) {
    assert_eq!(answer.status, 503, "{}", answer.body);
    assert!(answer.body.contains(AWAY) && answer.body.contains("done once only"), "{}", answer.body);
    assert!(answer.headers.contains_key("retry-after") && answer.headers.contains_key("content-security-policy"), "{:?}", answer.headers);
}

/// No file of the program may grow past this: the way to a full disk that is open to anybody. `prlimit` makes room while it runs.
fn limited(folder: &std::path::Path, url: &str, kilobytes: u64) -> Serving {
    let script = format!("ulimit -S -f {kilobytes}; exec \"$0\" serve --listen 127.0.0.1:0 --database \"$1\"");
    let mut command = Command::new("bash");
    command.args(["-c", &script, env!("CARGO_BIN_EXE_counterfoil"), url]).current_dir(folder);
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("COUNTERFOIL_") {
            command.env_remove(name);
        }
    }
    Serving::of(command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()))
}

#[tokio::test]
async fn a_full_disk_stops_writes_alone_and_room_is_used_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let (company, url, person, budget) = company(TestDb::sqlite()).await;
    company.store.close().await;
    let size = std::fs::metadata(url.trim_start_matches("sqlite:")).unwrap().len();
    let kilobytes = size / 1024 + 512;
    let portal = limited(folder.path(), &url, kilobytes);
    let nora = Client::at(&portal.base);
    assert_eq!(nora.sign_in(&person).await.status, 303);
    let mut taken = 0;
    let stuck = loop {
        let order = Order::ready(&nora, &budget).await;
        let answer = order.send(&nora).await;
        if answer.status != 303 {
            assert_eq!(answer.status, 507, "after {taken}: {}", answer.body);
            assert!(answer.body.contains(FULL) && answer.body.contains("Nothing was changed. Reading works on"), "{}", answer.body);
            break order;
        }
        taken += 1;
        assert!(taken < 2_000, "it never fills");
    };
    assert!(taken > 0, "there was room at first");
    for _ in 0..3 {
        assert_eq!(stuck.send(&nora).await.status, 507);
    }
    assert_eq!(reserved(&url, &budget).await, 100 * taken, "nothing of what was refused is there");
    for path in ["/", "/budgets", "/transactions", "/imports", "/readyz", "/healthz", "/sign-in"] {
        let status = nora.get(path).await.status;
        assert!(status == 200 || path == "/sign-in", "{path}: {status}");
    }
    // A sign-in is smaller than a reservation: some may still fit, and none is told anything else than that the disk is full.
    let mut strangers = 0;
    while Client::at(&portal.base).sign_in(&person).await.status == 303 {
        strangers += 1;
        assert!(strangers < 500, "it never fills");
    }
    for _ in 0..5 {
        let stranger = Client::at(&portal.base).sign_in(&person).await;
        assert!(stranger.status == 507 && stranger.body.contains(FULL), "{}: {}", stranger.status, stranger.body);
    }
    let mut form = vec![("csrf", nora.get("/imports/new").await.csrf()), ("key", "key-upload-0123456".to_owned())];
    form.extend([("source", "Vendor".to_owned()), ("new_source", String::new())]);
    let large = crate::web::imports::upload(&nora, &form, "a.csv", "a,b\n".repeat((kilobytes as usize + 16) * 256).into()).await;
    assert!(large.status == 507 && large.body.contains(FULL), "{}: {}", large.status, large.body);

    let room = Command::new("prlimit").args(["--pid", &portal.process().to_string(), "--fsize=unlimited"]).status().unwrap();
    assert!(room.success());
    assert_eq!(stuck.send(&nora).await.status, 303, "the same form, once there is room");
    assert_eq!(stuck.send(&nora).await.status, 303, "and it is done once");
    assert_eq!(Client::at(&portal.base).sign_in(&person).await.status, 303);
    assert_eq!(reserved(&url, &budget).await, 100 * (taken + 1));
}

/// Sends everybody who is connected to a database away.
async fn terminate(name: &str) {
    admin(format!("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'")).await;
}

#[tokio::test]
async fn without_postgresql_every_page_says_so_and_with_it_they_work_again() {
    let folder = tempfile::tempdir().unwrap();
    let (company, url, person, budget) = company(TestDb::postgres().await).await;
    let name = url.rsplit('/').next().unwrap().to_owned();
    let portal = Serving::start(folder.path(), &["--database", &url]);
    let nora = Client::at(&portal.base);
    assert_eq!(nora.sign_in(&person).await.status, 303);
    let order = Order::ready(&nora, &budget).await;
    let stranger = Client::at(&portal.base);
    for _ in 0..2 {
        admin(format!("ALTER DATABASE {name} ALLOW_CONNECTIONS false")).await;
        terminate(&name).await;
        for path in ["/budgets", "/transactions", "/"] {
            is_away(&nora.get(path).await);
        }
        is_away(&order.send(&nora).await);
        assert_eq!(stranger.get("/readyz").await.status, 503);
        assert_eq!(stranger.get("/healthz").await.status, 200, "the process itself is well");
        admin(format!("ALTER DATABASE {name} ALLOW_CONNECTIONS true")).await;
        for path in ["/readyz", "/budgets", "/transactions", "/"] {
            assert_eq!(nora.get(path).await.status, 200, "{path}, without a restart");
        }
    }
    assert_eq!(reserved(&url, &budget).await, 0);
    assert_eq!(order.send(&nora).await.status, 303, "what was sent in vain is sent again");
    assert_eq!(order.send(&nora).await.status, 303);
    assert_eq!(reserved(&url, &budget).await, 100, "and done once");
    // Connections that died while nobody used them are not noticed by people.
    terminate(&name).await;
    for path in ["/budgets", "/transactions", "/", "/imports"] {
        assert_eq!(nora.get(path).await.status, 200, "{path}, after a restart of the server that is over");
    }
    terminate(&name).await;
    assert_eq!(Order::ready(&nora, &budget).await.send(&nora).await.status, 303);
    company.check_audit().await;
    company.store.close().await;
}

#[tokio::test]
async fn connections_that_break_in_the_middle_leave_nothing_half_done() {
    let folder = tempfile::tempdir().unwrap();
    let (company, url, person, _) = company(TestDb::postgres().await).await;
    let name = url.rsplit('/').next().unwrap().to_owned();
    let portal = Serving::start(folder.path(), &["--database", &url]);
    let over = Arc::new(AtomicBool::new(false));
    // Each has a budget of her own: what somebody else does in it would make her decide again.
    let budgets = ["North one", "North two", "North yen"].map(|name| company.budgets[name].to_string());
    let mut people = Vec::new();
    for budget in &budgets {
        let (client, budget, over) = (Client::at(&portal.base), budget.clone(), over.clone());
        assert_eq!(client.sign_in(&person).await.status, 303);
        people.push(tokio::spawn(async move {
            let (mut done, mut lost) = (0, 0);
            while !over.load(Ordering::Acquire) {
                let Some(order) = Order::tried(&client, &budget).await else { continue };
                loop {
                    let answer = order.send(&client).await;
                    if answer.status == 303 {
                        break;
                    }
                    is_away(&answer);
                    lost += 1;
                }
                done += 1;
            }
            (done, lost)
        }));
    }
    for _ in 0..25 {
        tokio::time::sleep(Duration::from_millis(120)).await;
        terminate(&name).await;
    }
    over.store(true, Ordering::Release);
    let mut all = 0;
    for (person, (budget, digits)) in people.into_iter().zip(budgets.iter().zip([100, 100, 1])) {
        let (done, lost) = person.await.unwrap();
        assert_eq!(reserved(&url, budget).await, digits * done, "each was done once, {lost} answers were lost on the way");
        all += done;
    }
    assert!(all > 0, "nobody got through");
    company.check_audit().await;
    company.store.close().await;
}

#[tokio::test]
async fn people_who_hang_up_leave_no_transaction_open() {
    use std::io::Write;

    let folder = tempfile::tempdir().unwrap();
    let (company, url, person, _) = company(TestDb::postgres().await).await;
    // A request that nobody waits for any more holds its place until it has been answered.
    std::fs::write(folder.path().join("counterfoil.toml"), "max_connections_per_peer = 512\n").unwrap();
    let portal = Serving::start(folder.path(), &["--database", &url]);
    let nora = Client::at(&portal.base);
    assert_eq!(nora.sign_in(&person).await.status, 303);
    let cookie = format!("__Host-counterfoil={}", nora.cookie("__Host-counterfoil").unwrap());
    for wait in 0..200 {
        let mut stream = std::net::TcpStream::connect(portal.address()).unwrap();
        write!(stream, "GET /budgets HTTP/1.1\r\nhost: x\r\ncookie: {cookie}\r\n\r\n").unwrap();
        std::thread::sleep(Duration::from_micros(100 * (wait % 40)));
    }
    for _ in 0..20 {
        assert_eq!(nora.get("/budgets").await.status, 200);
    }
    let open = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state LIKE 'idle in transaction%' \
                AND state_change < now() - interval '1 second'";
    tokio::time::sleep(Duration::from_millis(1500)).await;
    let mut read = company.store.read().await.unwrap();
    assert_eq!(read.value::<i64>(Sql::new(open)).await.unwrap(), 0);
    drop(read);
    company.store.close().await;
}

/// A wire to the cluster that can be cut.
async fn wire(listener: TcpListener, to: String) {
    let mut ends = tokio::task::JoinSet::new();
    while let Ok((mut here, _)) = listener.accept().await {
        let to = to.clone();
        ends.spawn(async move {
            let mut there = TcpStream::connect(to).await.unwrap();
            // It ends when either side goes away, or with the wire.
            let _ = tokio::io::copy_bidirectional(&mut here, &mut there).await;
        });
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_nobody_reaches_is_away_and_not_busy() {
    let folder = tempfile::tempdir().unwrap();
    let (company, url, person, _) = company(TestDb::postgres().await).await;
    let cluster = address("");
    let (before, host) = cluster.split_once('@').unwrap();
    let host = host.trim_end_matches('/').to_owned();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let place = listener.local_addr().unwrap();
    let cut = tokio::spawn(wire(listener, host.clone()));
    let through = format!("{before}@{place}/{}", url.rsplit('/').next().unwrap());
    let portal = Serving::start(folder.path(), &["--database", &through]);
    let nora = Client::at(&portal.base);
    assert_eq!(nora.sign_in(&person).await.status, 303);
    cut.abort();
    let _ = cut.await;
    let began = Instant::now();
    is_away(&nora.get("/budgets").await);
    assert!(began.elapsed() < Duration::from_secs(10), "nobody waits for ever: {:?}", began.elapsed());
    assert_eq!(nora.get("/readyz").await.status, 503);
    let listener = TcpListener::bind(place).await.unwrap();
    let whole = tokio::spawn(wire(listener, host));
    assert_eq!(nora.get("/budgets").await.status, 200);
    drop(portal);
    whole.abort();
    company.store.close().await;
}
