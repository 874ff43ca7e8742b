//! The companies that are looked at: everything that can happen has happened in them once.

use counterfoil::actions::approval_policies::{self, NewPolicy};
use counterfoil::actions::imports::commit::Mode;
use counterfoil::actions::people::{self, Given, NewGrant, NewPerson};
use counterfoil::actions::reviews::{self, Campaign};
use counterfoil::actions::{audit_keys, checkpoints, roles};
use counterfoil::clock::Random;
use counterfoil::domain::access::{Actor, Role, Scope};
use counterfoil::domain::approval::Matter;
use counterfoil::domain::id::ImportId;
use counterfoil::domain::role::AnyRole;
use counterfoil::domain::time::Day;
use counterfoil::domain::transaction::DeliveryStatus;
use counterfoil::store::Store;
use counterfoil::store::db::Sql;
use counterfoil::store::reviews as kept;
use counterfoil::store::writer::Intent;

use super::signed_in;
use crate::imports::{checked, committed, meanings, open_import, small, two_regions};
use crate::support::app::{BareApp, Client, Company};
use crate::support::database::TestDb;
use crate::support::rewards::{Reward, load, reward};
use crate::web::budgets::moved;

/// The statements that put a text in front of every name. What stands in the trail stays as it was sealed.
pub const NAMES: &[&str] = &[
    "UPDATE region SET name = substr($1 || name, 1, 80), cost_centre = $1",
    "UPDATE person SET name = substr($1 || name, 1, 120)",
    "UPDATE budget SET name = substr($1 || name, 1, 120), cost_centre = $1",
    "UPDATE source SET name = substr($1 || name, 1, 80)",
    "UPDATE recipient SET name = $1 || name, email = $1 || email, employee_number = $1",
    "UPDATE custom_role SET name = substr($1 || name, 1, 60)",
    "UPDATE reason_code SET label = substr($1 || label, 1, 120)",
    "UPDATE setting SET value = substr($1 || value, 1, 80) WHERE key = 'organisation'",
    "UPDATE reward_transaction SET batch_id = $1, po_number = $1, campaign = $1, cost_center = $1, gl_account = $1, note = $1, reason_code = $1",
];

/// People who can sign in, a region that is retired, and an import whose changes are still being written.
const LEFT: &[&str] = &[
    "UPDATE person SET status = 'active'",
    "INSERT INTO region (id, parent_id, name, currency, time_zone, fiscal_start_month, status, created_at) SELECT randomblob(16), id, 'Attic', \
     currency, time_zone, fiscal_start_month, 'retired', created_at FROM region WHERE parent_id IS NULL",
    "UPDATE import_run SET finished_at = NULL WHERE no = (SELECT max(no) FROM import_run WHERE state = 'done')",
];

/// More of both than a page shows or counts without being asked.
pub const MANY: &[&str] = &[
    "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1001) INSERT INTO budget (id, region_id, name, currency, \
     period_start, period_end, status, created_at) SELECT randomblob(16), b.region_id, 'Spare ' || i, b.currency, b.period_start, b.period_end, \
     'draft', b.created_at FROM n, (SELECT * FROM budget LIMIT 1) b",
    "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 10001) INSERT INTO reward_transaction (id, region_id, source_id, \
     row_key, content_hash, channel, currency_code, amount_issued, order_status, delivery_status, redemption_status, created_at, issued_at, \
     updated_at, effective_date) SELECT randomblob(16), t.region_id, t.source_id, randomblob(9), t.content_hash, t.channel, t.currency_code, 100, \
     t.order_status, t.delivery_status, t.redemption_status, t.created_at, t.issued_at, t.updated_at, t.effective_date FROM n, \
     (SELECT * FROM reward_transaction ORDER BY no LIMIT 1) t",
];

/// Rewards of every kind: given to a budget or not, of nothing, below nothing, of nearly everything, without what is optional.
fn rewards(text: &str) -> Vec<Reward> {
    let of = |id: &str| reward(&format!("{id}{text}"));
    vec![
        Reward {
            amount: 890_000,
            budget: Some("North one"),
            order: Some(format!("O{text}")),
            product: Some(text.repeat(9)),
            recipient: text.to_owned(),
            ..of("A")
        },
        Reward { amount: 0, ..of("B") },
        Reward { amount: -2_000, budget: Some("North two"), delivery: DeliveryStatus::Failed, ..of("C") },
        Reward { amount: i64::MAX / 3, budget: Some("North yen"), currency: "JPY", ..of("D") },
        Reward { amount: i64::MAX / 3, region: "South", currency: "BHD", delivery: DeliveryStatus::Pending, ago: 40 * 86_400, ..of("E") },
        Reward { recipient: String::new(), ago: 70 * 86_400, ..of("F") },
    ]
}

/// Imports in every state, with rows that are new, changed, the same and refused; those of which there is more than one page.
async fn bring(company: &Company, text: &str) -> Vec<ImportId> {
    let quoted = text.replace('"', "\"\"");
    let row =
        |id: &str, amount: &str, budget: &str| format!("North,{budget},\"{id}{quoted}\",{amount},\"{quoted}\",2026-05-01,\"{quoted}\"\n");
    let head = "Region,Budget,Id,Amount,Name,Date,Note\n";
    let ((one, two), who) = (("North one", "North two"), "Ada Admin");
    let first = format!("{head}{}{}", row("I1", "10.00", one), row("I2", "20000.00", two));
    let second = format!("{head}{}{}{}{}", row("I1", "12.00", one), row("I3", "0", one), row("I4", "x", two), row("I5", "1", "Nowhere"));
    let (id, _) = checked(company, who, first.as_bytes(), small(), Some(meanings(company))).await;
    committed(company, who, id, Mode::AllOrNothing).await;
    let (same, _) = checked(company, who, first.as_bytes(), small(), Some(meanings(company))).await;
    let (id, _) = checked(company, who, second.as_bytes(), small(), Some(meanings(company))).await;
    let third = format!("{second}{}", row("I6", "1", one));
    let (refusing, _) = checked(company, who, third.as_bytes(), small(), Some(meanings(company))).await;
    committed(company, who, id, Mode::GoodRows).await;
    let part = id;
    // Whoever asks for all or nothing of a file of which something is refused meanwhile gets nothing.
    let (id, _) = checked(company, who, format!("{head}{}", row("I7", "1", two)).as_bytes(), small(), Some(meanings(company))).await;
    run(&company.store, &["UPDATE budget SET status = 'closed' WHERE name = 'North two'"], "").await;
    committed(company, who, id, Mode::AllOrNothing).await;
    run(&company.store, &["UPDATE budget SET status = 'active' WHERE name = 'North two'"], "").await;
    let both = two_regions(company, b"Region,Id,Amount\nNorth,P1,10.00\nSouth,P2,400.00\n").await;
    let fourth = format!("{head}{}{}", row("I1", "13.00", one), row("I8", "1", one));
    let (changing, _) = checked(company, who, fourth.as_bytes(), small(), Some(meanings(company))).await;
    let mapped = open_import(company, who, "Monthly").await;
    let (writing, _) = checked(company, who, fourth.replace("I8", "I9").as_bytes(), small(), Some(meanings(company))).await;
    committed(company, who, writing, Mode::AllOrNothing).await;
    vec![changing, both, same, refusing, part, mapped, writing]
}

/// Money moved in every way; the pages of a reservation, and of a transfer between currencies.
async fn move_money(company: &Company, finn: &Client) -> Vec<String> {
    let note = "For the summer";
    let at = |name: &str, noun: &str| format!("/budgets/{}/{noun}", company.budgets[name]);
    let id = |name: &str| company.budgets[name].to_string();
    let path = |location: String| location.split('?').next().unwrap_or_default().to_owned();
    let reserved = path(moved(finn, &at("North one", "reservations"), &[("amount", "500"), ("note", note)]).await);
    moved(finn, &format!("{reserved}/commitment"), &[("amount", "300"), ("note", note)]).await;
    let open = moved(finn, &at("North one", "reservations"), &[("amount", "20"), ("note", note)]).await;
    let adjusted = [("direction", "up"), ("amount", "7"), ("reason_code", "correction"), ("note", note)];
    let adjusted = path(moved(finn, &at("North one", "adjustments"), &adjusted).await);
    moved(finn, &format!("{adjusted}/reversal"), &[("note", note)]).await;
    let rate = [("rate", "162.35"), ("rate_date", "2026-11-20"), ("rate_source", "ECB")];
    let pair = moved(
        finn,
        &at("North one", "transfers"),
        &[&[("to", id("North yen").as_str()), ("amount", "100.01"), ("note", note)][..], &rate].concat(),
    )
    .await;
    moved(finn, &at("South one", "transfers"), &[("to", &id("North two")), ("amount", "1")]).await;
    moved(finn, &at("South one", "allocations"), &[("amount", "90000000000000000.00")]).await;
    let next = [
        ("to", "new"),
        ("name", "South two"),
        ("period_start", "2027-01-01"),
        ("period_end", "2027-12-31"),
        ("amount", "25"),
        ("close", "1"),
    ];
    moved(finn, &at("South one", "carry-overs"), &next).await;
    vec![path(open.clone()), open, pair]
}

/// A form of a page, with what the page keeps in it, sent once.
async fn sent(client: &Client, page: &str, address: &str, fields: &[(&str, &str)]) -> String {
    let page = client.get(page).await;
    let (csrf, key) = (page.csrf(), page.field("key"));
    let hash = if address.ends_with("/approval") { page.field("hash") } else { String::new() };
    let mut form = vec![("csrf", csrf.as_str()), ("key", key.as_str())];
    form.extend(Some(("hash", hash.as_str())).filter(|(_, hash)| !hash.is_empty()));
    form.extend(fields);
    let answer = client.post(address, &form).await;
    assert_eq!(answer.status, 303, "{}", answer.body);
    answer.location().to_owned()
}

/// Policies and a stand-in, requests that wait for her or for others, and one of each end. Small amounts go on without anybody.
async fn approvals(company: &Company, text: &str, ada: &Client, finn: &Client) -> Vec<String> {
    let place = "/settings/approvals";
    let global = company.regions["Global"].to_string();
    for (matter, approvers) in [("adjustment", "1"), ("transfer", "2")] {
        let fields = [("matter", matter), ("region", &global), ("currency", "EUR"), ("from_amount", "9"), ("approvers", approvers)];
        sent(ada, place, &format!("{place}/policies"), &fields).await;
    }
    let days = [("starts_on", "2026-11-22"), ("ends_on", "2026-11-30")];
    let person = company.people["Finn Finance"].to_string();
    sent(ada, place, &format!("{place}/stand-ins"), &[("person", person.as_str()), days[0], days[1]]).await;
    let one = format!("/budgets/{}", company.budgets["North one"]);
    let note = "For the fair";
    let down = [("direction", "down"), ("amount", "10"), ("reason_code", "correction"), ("note", note)];
    let mut asked = Vec::new();
    for client in [finn, ada, finn, ada, finn, ada] {
        asked.push(moved(client, &format!("{one}/adjustments"), &down).await);
    }
    let to = company.budgets["North two"].to_string();
    asked.push(moved(finn, &format!("{one}/transfers"), &[("to", &to), ("amount", "11"), ("note", note)]).await);
    let page = |at: usize| asked[at].split('?').next().unwrap_or_default().to_owned();
    sent(ada, &page(0), &format!("{}/approval", page(0)), &[]).await;
    sent(finn, &page(1), &format!("{}/refusal", page(1)), &[("reason", text)]).await;
    sent(finn, &page(2), &format!("{}/withdrawal", page(2)), &[]).await;
    asked.extend((0..asked.len()).map(page).collect::<Vec<_>>());
    asked.extend(["", "?view=waiting", "?view=asked", "?view=ended"].map(|view| format!("/approvals{view}")));
    asked.push("/exports/new?list=approvals&view=ended".to_owned());
    asked.extend(
        ["ended&status=approved&matter=adjustment&amount=1", "waiting&amount=much&from=x&region=x"]
            .map(|query| format!("/approvals?view={query}")),
    );
    asked.extend(role_change(company).await);
    asked.push(format!("{one}/adjustments/check?direction=down&amount=10&reason_code=correction&note=x"));
    asked
}

/// A role that waits for approval, and one that would.
async fn role_change(company: &Company) -> Vec<String> {
    let (store, south, ada) = (&company.store, company.regions["South"], company.actor("Ada Admin"));
    let policy = NewPolicy { matter: Matter::RoleChange, region: south, currency: None, from: Some(0), day: None, approvers: 1 };
    approval_policies::add(store, ada.clone(), "on-roles", policy).await.unwrap();
    let person = company.people["Sven South"];
    let new = NewGrant { person, role: Role::Auditor.into(), region: south, ends_on: None, seen: None };
    let Given::Waits(id) = people::grant(store, ada, "it-waits", new).await.unwrap() else { panic!("it does not wait") };
    let check = format!("/people/{person}/grants/check?role=administrator&region={south}&key=a-role-that-would-wait");
    vec![format!("/approvals/{id}"), format!("/approvals/{id}?asked=1"), check]
}

/// Runs statements that take a text.
pub async fn run(store: &Store, statements: &'static [&'static str], text: &str) {
    let text = text.to_owned();
    let done = store.write(Intent::once(Actor::system("test"), "test.rename"), move |tx| {
        let text = text.clone();
        Box::pin(async move {
            for statement in statements {
                let sql = Sql::new(statement);
                tx.exec(if statement.contains("$1") { sql.bind(text.clone()) } else { sql }).await?;
            }
            Ok(())
        })
    });
    done.await.unwrap();
}

/// A company, and the addresses in it that are worth a look of their own: a list has others before them, or no link leads there.
pub struct Sample {
    pub company: Company,
    pub worth: Vec<String>,
}

/// Two roles of its own, one of them held and one retired; the pages on which somebody may do something, and may not.
async fn roles_of(company: &Company) -> Vec<String> {
    let (store, system, north) = (&company.store, || Actor::system("test"), company.regions["North"]);
    let mut worth = Vec::new();
    for (name, from) in [("Trail reader", Role::Auditor), ("Old role", Role::RegionalPartner)] {
        let id = roles::make(store, system(), name, name, from.into(), from.into()).await.unwrap();
        let new = NewGrant { person: company.people["Nils North"], role: AnyRole::Custom(id), region: north, ends_on: None, seen: None };
        match from {
            Role::Auditor => drop(people::grant(store, system(), name, new).await.unwrap()),
            _ => roles::retire(store, system(), name, (id, 1), true).await.unwrap(),
        }
        worth.extend(["", "/edit", "/retirement", "/reinstatement"].map(|page| format!("/roles/{id}{page}")));
        worth.push(format!("/roles/{id}/check?version=1&name=Other&permissions=regions.read"));
        worth.push(format!("/roles/{id}/check?version=1&name=Other&key=a-key-to-look-with"));
    }
    let budget = company.budgets["North one"];
    for (name, object) in [("Nora North", budget.to_string()), ("Nils North", budget.to_string()), ("Nora North", String::new())] {
        worth.push(format!("/people/{}/access?permission=budgets.adjust&object={object}", company.people[name]));
    }
    let sven = company.people["Sven South"];
    worth.push(format!("/people/{sven}/grants/check?role=auditor&region={north}&ends_on="));
    worth.push(format!("/people/{sven}/grants/check?role=auditor&region={north}&ends_on=&key=a-key-to-look-with"));
    worth
}

/// A campaign that goes on, one in which all is decided, one that is closed; and reports with filters.
async fn reviews_of(company: &Company, text: &str) -> Vec<String> {
    let (store, ada) = (&company.store, || company.actor("Ada Admin"));
    let due_on = Day(store.now().day(chrono_tz::UTC).0 + 7);
    let mut worth = Vec::new();
    for (at, region) in ["Global", "South", "North"].into_iter().enumerate() {
        let reviewers = vec![company.people["Ada Admin"], company.people["Aud Auditor"]];
        let campaign = Campaign { name: text.to_owned(), region: company.regions[region], roles: Vec::new(), reviewers, due_on };
        let id = reviews::open(store, ada(), &format!("review-{at}"), campaign).await.unwrap();
        let scope = Scope::of(company.regions.values().copied(), true);
        let items = kept::items(&mut store.read().await.unwrap(), &scope, Some(id)).await.unwrap();
        let most = [1, items.len(), 1][at];
        for item in items.iter().filter(|item| item.person_id != company.people["Ada Admin"]).take(most) {
            let key = format!("review-{at}-{}", item.grant_id);
            reviews::decide(store, ada(), &key, (id, item.grant_id), true, text).await.unwrap();
        }
        if at == 2 {
            reviews::close(store, ada(), "review-end", id, text).await.unwrap();
        }
        worth.extend(["/evidence/reviews/", "/evidence/access-reviews?review="].map(|place| format!("{place}{id}")));
        worth.push(format!("/exports/new?list=evidence&report=access-reviews&review={id}"));
    }
    worth.extend(["/evidence/leavers?from=soon&to=later", "/evidence/integrity", "/evidence/people"].map(str::to_owned));
    worth
}

/// A company in which everything has happened once, and everything that can be named is named so.
pub async fn company(text: &str) -> Sample {
    let mut company = Company::found_by(TestDb::sqlite(), Random::seeded(1)).await;
    if text == super::HOSTILE {
        let folder = tempfile::tempdir().unwrap();
        let signer = audit_keys::ensure(&company.store, &folder.path().join("key")).await.unwrap();
        checkpoints::catch_up(&company.store, &signer).await.unwrap();
    }
    let (_, rewards) = load(&company, rewards(text), true).await;
    let imports = bring(&company, text).await;
    let app = BareApp::over(company.store.clone()).await;
    let finn = signed_in(&app, &company, "Finn Finance").await;
    let mut worth = vec!["/exports/new?delivery_status=failed&currency=EUR".to_owned(), "/exports/new".to_owned()];
    worth.extend([1, 5].map(|at| format!("/transactions/{}", rewards[at])));
    worth.extend(move_money(&company, &finn).await);
    let ada = signed_in(&app, &company, "Ada Admin").await;
    worth.extend(approvals(&company, text, &ada, &finn).await);
    for import in imports {
        worth.extend(["/check", "/columns", "/values", ""].map(|page| format!("/imports/{import}{page}")));
    }
    let two = company.budgets["North two"];
    worth.extend([rewards[1], rewards[5]].map(|id| format!("/transactions/{id}/assignment?budget={two}")));
    worth.extend(["available", "name"].map(|sort| format!("/budgets?view=table&status=active&sort=-{sort}")));
    let lists = ["sort=-amount", "columns=external_id,recipient&count=exact", "amount_min=0.01", "q=nothing-is-called-so"];
    worth.extend(lists.map(|query| format!("/transactions?{query}")));
    worth.extend(["/search?q=nothing-is-called-so", "/budgets"].map(str::to_owned));
    let north = company.regions["North"];
    for (name, grant) in [("No Role", None), ("Rita Regional", Some((Role::Auditor.into(), north, None)))] {
        let email = format!("{}@test.example", name.to_lowercase().replace(' ', "."));
        let new = NewPerson { email, name: name.to_owned(), password_hash: None, grant };
        let id = people::add(&company.store, Actor::system("test"), name, new).await.unwrap();
        company.people.insert(name.to_owned(), id);
    }
    worth.extend(roles_of(&company).await);
    worth.extend(reviews_of(&company, text).await);
    run(&company.store, LEFT, "").await;
    Sample { company, worth }
}
