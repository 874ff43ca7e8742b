//! Giving a transaction to a budget, or to another one.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;
use serde::Deserialize;

use super::Portal;
use super::error::{WebError, status_of};
use super::form::{Errors, Posted};
use super::guard::{Allowed, AssignTransactions, Signed};
use super::page::{Shell, see_other};
use super::transactions_detail::{Seen, seen};
use crate::actions::transactions::{self, Assignment, Effect, Preview};
use crate::domain::access::Permission;
use crate::domain::id::{BudgetId, TransactionId};
use crate::domain::money;
use crate::domain::refusal::Refusal;
use crate::store::db::Read;
use crate::store::failure::Failure;
use crate::store::ledger;

/// A budget before and after, in words.
struct Balance {
    name: String,
    before: String,
    after: String,
}

#[derive(Template)]
#[template(path = "transactions/assignment.html")]
struct AssignmentPage {
    shell: Shell,
    crumbs: Vec<(String, String)>,
    errors: Errors,
    id: String,
    title: String,
    amount: String,
    currency: String,
    now: String,
    budgets: Vec<(String, String)>,
    chosen: String,
    key: String,
    version: i64,
    /// The balances, once a budget was chosen that it can go to.
    check: Vec<Balance>,
}

/// What the address of the form may carry: the budget that was chosen.
#[derive(Deserialize)]
pub struct Choice {
    #[serde(default)]
    budget: String,
}

/// What the confirmation sends.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Confirmed {
    key: String,
    version: i64,
    budget: String,
}

/// The budgets it could go to: of its region and currency, active, not its own.
fn choices(seen: &Seen) -> Vec<(String, String)> {
    let fits = |budget: &&super::transactions_known::BudgetChoice| {
        budget.region == seen.row.region_id
            && budget.currency == seen.row.currency_code
            && budget.status == "active"
            && Some(budget.id) != seen.row.budget_id
    };
    seen.known.budgets.iter().filter(fits).map(|budget| (budget.id.to_string(), budget.name.clone())).collect()
}

async fn preview(read: &mut Read, seen: &Seen, chosen: BudgetId) -> Result<Preview, Failure> {
    let new = ledger::find(read, &seen.scope, chosen).await?.ok_or(Refusal::Invalid("budget", "Choose a budget".to_owned()))?.budget()?;
    let old = match seen.row.budget_id {
        Some(id) => match ledger::find(read, &seen.scope, id).await? {
            Some(old) => Some(old.budget()?),
            None => None,
        },
        None => None,
    };
    transactions::preview(read, &seen.row, old, new).await
}

fn balances(preview: Preview) -> Vec<Balance> {
    let balance = |effect: Effect| Balance {
        before: money::grouped(effect.budget.figures.available(), effect.budget.currency),
        after: money::grouped(effect.after.available(), effect.budget.currency),
        name: effect.budget.name,
    };
    preview.from.into_iter().chain([preview.to]).map(balance).collect()
}

struct Form {
    chosen: String,
    key: String,
    version: i64,
    errors: Errors,
    status: StatusCode,
}

/// The balances that the chosen budget leads to; with none chosen, or one it cannot go to, none, and the form says why.
async fn checked(read: &mut Read, seen: &Seen, form: &mut Form) -> Result<Vec<Balance>, WebError> {
    if !form.errors.is_empty() || form.chosen.is_empty() {
        return Ok(Vec::new());
    }
    let previewed = match BudgetId::parse(&form.chosen) {
        Some(chosen) => preview(read, seen, chosen).await,
        None => Err(Refusal::Invalid("budget", "Choose a budget".to_owned()).into()),
    };
    match previewed {
        Ok(preview) => Ok(balances(preview)),
        Err(Failure::Refused(refusal)) => {
            form.status = status_of(&refusal);
            form.errors = Errors::of(&refusal);
            Ok(Vec::new())
        }
        Err(failure) => Err(failure.into()),
    }
}

async fn show(
    req: &HttpRequest,
    portal: &Portal,
    who: &Signed,
    (mut read, seen): (Read, Seen),
    mut form: Form,
) -> Result<HttpResponse, WebError> {
    let check = checked(&mut read, &seen, &mut form).await?;
    drop(read);
    let row = &seen.row;
    let title = if row.budget_id.is_some() { "Move to another budget" } else { "Assign to a budget" };
    let now = row.budget_id.map(|id| seen.named(id.0)).unwrap_or_default();
    let page = AssignmentPage {
        shell: Shell::new(req, portal, who, title).with_errors(!form.errors.is_empty()),
        crumbs: vec![("/transactions".to_owned(), "Transactions".to_owned()), (format!("/transactions/{}", row.id), row.title())],
        errors: form.errors,
        id: row.id.to_string(),
        title: title.to_owned(),
        amount: money::grouped(row.amount_issued, seen.currency),
        currency: row.currency_code.clone(),
        now: if now.is_empty() { "No budget".to_owned() } else { now },
        budgets: choices(&seen),
        chosen: form.chosen,
        key: form.key,
        version: form.version,
        check,
    };
    page.shell.answer(form.status, &page)
}

/// `GET /transactions/{id}/assignment`: the form, and with a budget in the address the check.
pub async fn form(
    req: HttpRequest,
    portal: web::Data<Portal>,
    who: Allowed<AssignTransactions>,
    path: web::Path<String>,
    choice: web::Query<Choice>,
) -> Result<HttpResponse, WebError> {
    let (read, seen) = seen(&portal, &who, who.scope(Permission::TransactionsRead), &path).await?;
    if !who.may(Permission::TransactionsAssign, seen.row.region_id) {
        return Err(Refusal::Forbidden(Permission::TransactionsAssign).into());
    }
    let (key, version) = (portal.store.random.token(16), seen.row.version);
    let chosen = choice.into_inner().budget;
    show(&req, &portal, &who, (read, seen), Form { chosen, key, version, errors: Errors::none(), status: StatusCode::OK }).await
}

/// `POST /transactions/{id}/assignment`.
pub async fn assign(
    req: HttpRequest,
    portal: web::Data<Portal>,
    who: Allowed<AssignTransactions>,
    path: web::Path<String>,
    Posted(sent): Posted<Confirmed>,
) -> Result<HttpResponse, WebError> {
    let transaction = TransactionId::parse(&path).ok_or(Refusal::NotFound)?;
    let done = match BudgetId::parse(&sent.budget) {
        Some(budget) => {
            let wanted = Assignment { transaction, version: sent.version, budget };
            transactions::assign(&portal.store, who.actor.clone(), &sent.key, wanted).await
        }
        None => Err(Refusal::Invalid("budget", "Choose a budget".to_owned()).into()),
    };
    match done {
        Ok(_) => {
            Ok(see_other(&portal, &format!("/transactions/{transaction}"), Some(("ok", "The transaction has its new budget.".to_owned()))))
        }
        Err(Failure::Refused(refusal @ (Refusal::NotFound | Refusal::Forbidden(_)))) => Err(refusal.into()),
        Err(Failure::Refused(refusal)) => {
            let (read, seen) = seen(&portal, &who, who.scope(Permission::TransactionsRead), &path).await?;
            let (errors, status) = (Errors::of(&refusal), status_of(&refusal));
            // What it is now is shown, and what is decided next is about that.
            let (key, version) = (portal.store.random.token(16), seen.row.version);
            show(&req, &portal, &who, (read, seen), Form { chosen: sent.budget, key, version, errors, status }).await
        }
        Err(failure) => Err(failure.into()),
    }
}
