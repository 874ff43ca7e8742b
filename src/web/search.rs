//! One box for everything: an id leads to its object, words lead to what they are found in, grouped by kind.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;

use super::Portal;
use super::error::WebError;
use super::form::encoded;
use super::guard::{Allowed, Signed, SignedIn};
use super::imports::leads;
use super::page::{Shell, see_other};
use super::transactions_known::Known;
use crate::domain::access::Permission;
use crate::domain::id::{ApprovalId, BudgetId, ImportId, PostingId, RecipientId, RegionId, TransactionId, UserId};
use crate::domain::list_query::ListQuery;
use crate::domain::time::Instant;
use crate::store::db::Read;
use crate::store::failure::DbError;
use crate::store::transaction_search::{self, Hit};
use crate::store::{approvals, ledger, people, postings, regions, transaction_detail, transaction_list};

/// The most of one kind that are shown.
const MOST: usize = 10;

/// One thing that was found.
struct Found {
    text: String,
    note: String,
    href: String,
}

/// What was found of one kind.
struct Group {
    title: &'static str,
    found: Vec<Found>,
    all: String,
}

#[derive(Template)]
#[template(path = "search/results.html")]
struct ResultsPage {
    shell: Shell,
    q: String,
    groups: Vec<Group>,
}

/// `GET /search?q=`.
pub async fn search(req: HttpRequest, portal: web::Data<Portal>, who: Allowed<SignedIn>) -> Result<HttpResponse, WebError> {
    // The list's own reading of an address: long and odd texts are cut the same way.
    let q = ListQuery::parse(req.query_string()).query.q;
    let mut read = portal.read(&who).await?;
    if let Some(path) = object(&mut read, &who, &q).await? {
        return Ok(see_other(&portal, &path, None));
    }
    let groups = if q.is_empty() { Vec::new() } else { groups(&mut read, &who, &q, portal.store.now()).await? };
    drop(read);
    let page = ResultsPage { shell: Shell::new(&req, &portal, &who, "Search"), q, groups };
    page.shell.answer(StatusCode::OK, &page)
}

/// The page of the one object whose id or reference this is, where she may see it.
async fn object(read: &mut Read, who: &Signed, text: &str) -> Result<Option<String>, DbError> {
    let budgets = who.scope(Permission::BudgetsRead);
    let transactions = who.scope(Permission::TransactionsRead);
    if let Some(id) = TransactionId::parse(text) {
        return Ok(transaction_detail::find(read, &transactions, id).await?.map(|_| format!("/transactions/{id}")));
    }
    if let Some(id) = BudgetId::parse(text) {
        return Ok(ledger::find(read, &budgets, id).await?.map(|_| format!("/budgets/{id}")));
    }
    if let Some(id) = PostingId::parse(text) {
        return Ok(postings::find(read, &budgets, id).await?.map(|_| format!("/postings/{id}")));
    }
    if let Some(id) = ApprovalId::parse(text) {
        return Ok(approvals::find(read, &approvals::Sight::of(&who.access), id).await?.map(|_| format!("/approvals/{id}")));
    }
    if let Some(id) = RegionId::parse(text) {
        return Ok(regions::find(read, &who.scope(Permission::RegionsRead), id).await?.map(|_| format!("/regions/{id}")));
    }
    if let Some(id) = RecipientId::parse(text) {
        let known = crate::store::recipients::find(read, &transactions, id).await?;
        return Ok(known.map(|_| format!("/recipients/{id}")));
    }
    if let Some(id) = UserId::parse(text).filter(|_| who.access.has_everywhere(Permission::PeopleRead)) {
        return Ok(people::find(read, id).await?.map(|_| format!("/people/{id}")));
    }
    if let Some(id) = ImportId::parse(text) {
        return Ok(leads(read, who, id).await?.then(|| format!("/imports/{id}")));
    }
    if text.is_empty() || text.contains(' ') {
        return Ok(None);
    }
    let found = transaction_list::by_reference(read, &transactions, text, 2).await?;
    Ok(match found.as_slice() {
        [] => None,
        [(id, _)] => Some(format!("/transactions/{id}")),
        // An order or batch of several rows is a list.
        [(_, kind), ..] if found.iter().all(|(_, other)| other == kind) && kind != "external" => {
            Some(format!("/transactions?{kind}={}", encoded(text)))
        }
        _ => None,
    })
}

async fn groups(read: &mut Read, who: &Signed, q: &str, now: Instant) -> Result<Vec<Group>, DbError> {
    let mut groups = Vec::new();
    let mut put = |title, found: Vec<Found>, all: String| {
        if !found.is_empty() {
            groups.push(Group { title, found, all });
        }
    };
    let lower = q.to_lowercase();
    let scope = who.scope(Permission::TransactionsRead);
    let known = Known::read(read, &who.scope(Permission::RegionsRead)).await?;
    if !scope.is_empty() {
        let names = who.scope(Permission::RecipientsRead);
        let query = ListQuery { q: q.to_owned(), ..ListQuery::default() };
        let asked = transaction_list::ask(read, &scope, &names, &query, known.calendar(now), known.hidden.clone()).await?;
        let hits = transaction_search::first(read, &asked, MOST as i64).await?;
        put("Transactions", hits.into_iter().map(|hit| transaction(hit, &known)).collect(), query.href("/transactions", ""));
        let found = transaction_search::recipients(read, &names, q, MOST as i64).await?;
        let found = found.into_iter().map(|(id, name, note)| Found { text: name, note, href: format!("/recipients/{id}") });
        put("Recipients", found.collect(), String::new());
    }
    let matches = |name: &str| name.to_lowercase().contains(&lower);
    let found = known.budgets.iter().filter(|budget| who.may(Permission::BudgetsRead, budget.region) && matches(&budget.name));
    let found = found.take(MOST).map(|budget| Found {
        text: budget.name.clone(),
        note: format!("{}, {}", known.names.get(&budget.region.0).map_or("", String::as_str), budget.currency),
        href: format!("/budgets/{}", budget.id),
    });
    put("Budgets", found.collect(), String::new());
    let found = known.regions.iter().filter(|(_, name, _)| matches(name)).take(MOST);
    let found = found.map(|(id, name, _)| Found { text: name.clone(), note: String::new(), href: format!("/regions/{id}") });
    put("Regions", found.collect(), String::new());
    Ok(groups)
}

fn transaction(hit: Hit, known: &Known) -> Found {
    Found {
        text: hit.external_id.unwrap_or_else(|| hit.id.short()),
        note: format!("{}, {}", hit.recipient.unwrap_or_default(), hit.issued_at.local(known.zone())),
        href: format!("/transactions/{}", hit.id),
    }
}
