//! Money forms: the form, the answers to be checked, and the post that moves the money once.
//!
//! Form and check page carry their whole state in the address, the idempotency key too: Back and reload lead to the same key, and a key that was
//! used leads to the posting it made.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;

use super::Portal;
use super::budgets_check::{Balance, Change, balances, changes, facts, seen_of, waits};
use super::budgets_fields::{Action, Fields, Place, has_own_page};
use super::error::{WebError, status_of};
use super::form::{Errors, Posted};
use super::guard::{AdjustBudgets, Allowed, ManageBudgets, Needs, Signed};
use super::page::{Shell, see_other};
use crate::actions::budgets_move::{COMMAND, Carried, carry_out};
use crate::actions::budgets_plan::{self, Order, Plan, plan, reversible};
use crate::domain::access::{Permission, Scope};
use crate::domain::budget_attention::lasts_to;
use crate::domain::id::{BudgetId, PostingId};
use crate::domain::money;
use crate::domain::refusal::Refusal;
use crate::domain::time::Day;
use crate::store::db::Read;
use crate::store::failure::Failure;
use crate::store::{budgets, ledger, postings, regions, settings};

/// A money form as a type, with the permission its handlers need.
pub trait Money: 'static {
    type Needs: Needs;
    const ACTION: Action;
}

macro_rules! money {
    ($($name:ident: $needs:ident;)+) => {
        $(
            pub struct $name;
            impl Money for $name {
                type Needs = $needs;
                const ACTION: Action = Action::$name;
            }
        )+
    };
}

money! {
    Allocation: ManageBudgets;
    Adjustment: AdjustBudgets;
    Transfer: AdjustBudgets;
    Reservation: AdjustBudgets;
    CarryOver: ManageBudgets;
    Commitment: AdjustBudgets;
    Void: AdjustBudgets;
    Reversal: AdjustBudgets;
}

#[derive(Template)]
#[template(path = "budgets/money_form.html")]
struct FormPage<'p> {
    shell: Shell,
    action: Action,
    place: &'p Place,
    crumbs: Vec<(String, String)>,
    check_at: String,
    fields: Fields,
    errors: Errors,
    available: String,
    reserved: String,
    period: String,
    runway: String,
    reasons: Vec<(String, String)>,
    reasons_hint: &'static str,
    targets: Vec<(String, String)>,
    changes: Vec<Change>,
}

#[derive(Template)]
#[template(path = "budgets/money_check.html")]
struct CheckPage {
    shell: Shell,
    action: Action,
    crumbs: Vec<(String, String)>,
    post_to: String,
    change_at: String,
    facts: Vec<(&'static str, String)>,
    balances: Vec<Balance>,
    hidden: Vec<(&'static str, String)>,
    changes: Vec<Change>,
    button: &'static str,
}

/// The budget, and the posting, that an address names.
async fn place(read: &mut Read, who: &Signed, action: Action, id: &str) -> Result<Place, WebError> {
    let scope = who.scope(Permission::BudgetsRead);
    let posting = if action.of_posting() {
        let id = PostingId::parse(id).ok_or(Refusal::NotFound)?;
        Some(postings::find(read, &scope, id).await?.ok_or(Refusal::NotFound)?)
    } else {
        None
    };
    let id = match &posting {
        None => BudgetId::parse(id).ok_or(Refusal::NotFound)?,
        Some(posting) => {
            let ends =
                [(posting.source_budget_id, posting.source_region_id), (posting.destination_budget_id, posting.destination_region_id)];
            let seen = ends.into_iter().filter_map(|(budget, region)| budget.zip(region)).find(|(_, region)| scope.covers(*region));
            seen.ok_or(Refusal::NotFound)?.0
        }
    };
    let budget = ledger::find(read, &scope, id).await?.ok_or(Refusal::NotFound)?;
    budgets_plan::require(&who.access, action.permission(), budget.region_id)?;
    let region = regions::find(read, &Scope::of([budget.region_id], false), budget.region_id).await?.ok_or(Refusal::NotFound)?;
    let currency = budget.budget()?.currency;
    let regions = regions::names(read, &scope).await?;
    Ok(Place { budget, currency, region, regions, posting })
}

/// The form.
pub async fn form<M: Money>(
    req: HttpRequest,
    portal: web::Data<Portal>,
    who: Allowed<M::Needs>,
    id: web::Path<String>,
) -> Result<HttpResponse, WebError> {
    let mut fields = Fields::of_query(req.query_string())?;
    let mut read = portal.read(&who).await?;
    let place = place(&mut read, &who, M::ACTION, &id).await?;
    if fields.filled().is_empty() {
        defaults(M::ACTION, &place, &mut fields);
    }
    let visit = Visit { req: &req, portal: &portal, who: &who, action: M::ACTION, place: &place };
    let errors = match (M::ACTION, &place.posting) {
        (Action::Reversal, Some(posting)) => reversible(posting).err().map_or_else(Errors::none, |refusal| Errors::of(&refusal)),
        _ => Errors::none(),
    };
    let status = if errors.is_empty() { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY };
    visit.form(&mut read, fields, errors, status).await
}

/// The answers, to be checked: both balances before and after. Nothing is changed by looking.
pub async fn check<M: Money>(
    req: HttpRequest,
    portal: web::Data<Portal>,
    who: Allowed<M::Needs>,
    id: web::Path<String>,
) -> Result<HttpResponse, WebError> {
    let mut fields = Fields::of_query(req.query_string())?;
    let mut read = portal.read(&who).await?;
    let place = place(&mut read, &who, M::ACTION, &id).await?;
    if !fields.has_key() {
        fields.key = portal.store.random.token(16);
        return Ok(see_other(&portal, &format!("{}/check?{}", place.address(M::ACTION), fields.query()), None));
    }
    if let Some(answer) = postings::earlier_answer(&mut read, who.person.id, COMMAND, &fields.key).await?
        && let Ok(carried) = serde_json::from_str::<Carried>(&answer)
    {
        let words = "This was done already: here is its reference. To do it once more, start again from the budget".to_owned();
        return Ok(match carried {
            Carried::Posted(posting) => see_other(&portal, &format!("/postings/{posting}?done=1"), Some(("info", words))),
            Carried::Waits(id) => see_other(&portal, &format!("/approvals/{id}?asked=1"), None),
        });
    }
    let visit = Visit { req: &req, portal: &portal, who: &who, action: M::ACTION, place: &place };
    match fields.order(M::ACTION, &place) {
        Ok(order) => visit.check(&mut read, fields, &order, StatusCode::OK).await,
        Err(errors) => visit.form(&mut read, fields, errors, StatusCode::UNPROCESSABLE_ENTITY).await,
    }
}

/// Moves the money, once for the form's key, or asks for approval.
pub async fn submit<M: Money>(
    req: HttpRequest,
    portal: web::Data<Portal>,
    who: Allowed<M::Needs>,
    id: web::Path<String>,
    form: Posted<Fields>,
) -> Result<HttpResponse, WebError> {
    let fields = form.0;
    let mut read = portal.read(&who).await?;
    let place = place(&mut read, &who, M::ACTION, &id).await?;
    if !fields.has_key() {
        return Err(WebError::Malformed("The form has lost its key. Start again from the budget; nothing was changed."));
    }
    let visit = Visit { req: &req, portal: &portal, who: &who, action: M::ACTION, place: &place };
    let order = match fields.order(M::ACTION, &place) {
        Ok(order) => order,
        Err(errors) => return visit.form(&mut read, fields, errors, StatusCode::UNPROCESSABLE_ENTITY).await,
    };
    drop(read);
    let seen = fields.seen().iter().map(|seen| (seen.budget, seen.version)).collect();
    let outcome = carry_out(&portal.store, who.actor.clone(), &fields.key, order.clone(), seen).await;
    match outcome {
        Ok(Carried::Posted(posting)) => Ok(see_other(&portal, &format!("/postings/{posting}?done=1"), None)),
        Ok(Carried::Waits(id)) => Ok(see_other(&portal, &format!("/approvals/{id}?asked=1"), None)),
        Err(Failure::Refused(refusal)) if has_own_page(&refusal) => Err(refusal.into()),
        Err(Failure::Refused(refusal)) => {
            let mut read = portal.read(&who).await?;
            match refusal {
                Refusal::Stale => visit.check(&mut read, fields, &order, StatusCode::CONFLICT).await,
                refusal => visit.form(&mut read, fields, Errors::of(&refusal), status_of(&refusal)).await,
            }
        }
        Err(failure) => Err(failure.into()),
    }
}

/// What a form begins with.
fn defaults(action: Action, place: &Place, fields: &mut Fields) {
    let amount = |minor: i64| money::plain(minor, place.currency);
    match (action, &place.posting) {
        (Action::Commitment, Some(posting)) => fields.amount = amount(posting.amount),
        (Action::CarryOver, _) => {
            let available = place.budget.figures().available();
            if available > 0 {
                fields.amount = amount(available);
            }
            let (start, end) = next_period(place.budget.period_start, place.budget.period_end);
            (fields.name, fields.period_start, fields.period_end) = (next_name(&place.budget.name), start.iso(), end.iso());
            "new".clone_into(&mut fields.to);
        }
        _ => {}
    }
}

/// A name that ends in a year (`FY26`, `2026`) gets the next one; any other stays as it is.
fn next_name(name: &str) -> String {
    let stem = name.trim_end_matches(|letter: char| letter.is_ascii_digit());
    let digits = name.strip_prefix(stem).unwrap_or_default();
    match digits.parse::<u32>() {
        Ok(year) if [2, 4].contains(&digits.len()) && year % 100 != 99 => format!("{stem}{:0width$}", year + 1, width = digits.len()),
        _ => name.to_owned(),
    }
}

/// The period after one: as many whole months where it is made of months, as many days otherwise.
fn next_period(start: Day, end: Day) -> (Day, Day) {
    let next = Day(end.0 + 1);
    let whole = start == start.month_start() && next == next.month_start();
    let months = crate::domain::burn_down::months(start, end).len();
    match i32::try_from(months) {
        Ok(months) if whole => (next, Day(next.add_months(months).0 - 1)),
        _ => (next, Day(end.0 + (end.0 - start.0 + 1))),
    }
}

/// One request for one form.
struct Visit<'v> {
    req: &'v HttpRequest,
    portal: &'v Portal,
    who: &'v Signed,
    action: Action,
    place: &'v Place,
}

impl Visit<'_> {
    fn crumbs(&self) -> Vec<(String, String)> {
        let budget = &self.place.budget;
        vec![("/budgets".to_owned(), "Budgets".to_owned()), (format!("/budgets/{}", budget.id), budget.name.clone())]
    }

    async fn form(&self, read: &mut Read, mut fields: Fields, errors: Errors, status: StatusCode) -> Result<HttpResponse, WebError> {
        if !fields.has_key() {
            fields.key = self.portal.store.random.token(16);
        }
        let changes = if status == StatusCode::CONFLICT { changes(read, self.who, &fields.seen()).await? } else { Vec::new() };
        let budget = self.place.budget.budget()?;
        let today = self.portal.store.now().day(self.place.region.zone());
        let title = format!("{}: {}", self.action.label(), budget.name);
        let reasons = self.reasons(read).await?;
        // These move what the posting says: there is no amount to type.
        let errors = if matches!(self.action, Action::Void | Action::Reversal) { errors.without_field("amount") } else { errors };
        let page = FormPage {
            shell: Shell::new(self.req, self.portal, self.who, title).with_errors(!errors.is_empty()),
            action: self.action,
            place: self.place,
            crumbs: self.crumbs(),
            check_at: format!("{}/check", self.place.address(self.action)),
            available: money::grouped(budget.figures.available(), budget.currency),
            reserved: money::grouped(budget.figures.reserved, budget.currency),
            period: format!("{} to {}", budget.period_start.words(), budget.period_end.words()),
            runway: lasts_to(&budget, today).map(Day::words).unwrap_or_default(),
            reasons_hint: if reasons.is_empty() { "There are no reasons yet: an administrator adds them in the settings" } else { "" },
            reasons,
            targets: self.targets(read).await?,
            fields,
            errors,
            changes,
        };
        page.shell.answer(status, &page)
    }

    async fn reasons(&self, read: &mut Read) -> Result<Vec<(String, String)>, WebError> {
        if self.action != Action::Adjustment {
            return Ok(Vec::new());
        }
        let all = settings::reason_codes(read).await?;
        Ok(all.into_iter().filter(|(_, _, active)| *active == 1).map(|(code, label, _)| (code, label)).collect())
    }

    /// The budgets that money can go to.
    async fn targets(&self, read: &mut Read) -> Result<Vec<(String, String)>, WebError> {
        let here = &self.place.budget;
        match self.action {
            Action::Transfer => {
                let scope = self.who.scope(Permission::BudgetsAdjust);
                let names = regions::names(read, &scope).await?;
                let wanted = budgets::Wanted { statuses: vec![crate::domain::budget::BudgetStatus::Active], ..budgets::Wanted::default() };
                let rows = budgets::matching(read, &scope, &wanted).await?;
                let region = |row: &ledger::BudgetRow| names.get(&row.region_id).map(String::as_str).unwrap_or_default();
                let mut rows: Vec<&ledger::BudgetRow> = rows.iter().filter(|row| row.id != here.id).collect();
                rows.sort_by_key(|row| region(row).to_lowercase());
                let words = |row: &ledger::BudgetRow| {
                    let region = region(row);
                    format!("{region}: {}, {} to {} ({})", row.name, row.period_start.words(), row.period_end.words(), row.currency)
                };
                Ok(rows.into_iter().take(1_000).map(|row| (row.id.to_string(), words(row))).collect())
            }
            Action::CarryOver => {
                let mut targets = vec![("new".to_owned(), "A new budget, made now".to_owned())];
                for row in budgets::following(read, here.region_id, &here.currency, here.period_end).await? {
                    let period = format!("{} to {}", row.period_start.words(), row.period_end.words());
                    targets.push((row.id.to_string(), format!("{}, {period}", row.name)));
                }
                Ok(targets)
            }
            _ => Ok(Vec::new()),
        }
    }

    async fn check(&self, read: &mut Read, mut fields: Fields, order: &Order, status: StatusCode) -> Result<HttpResponse, WebError> {
        let fresh = BudgetId(uuid::Uuid::nil());
        let plan: Plan = match plan(read, &self.who.access, order, self.portal.store.now(), fresh).await {
            Ok(plan) => plan,
            Err(Failure::Refused(refusal)) if has_own_page(&refusal) => return Err(refusal.into()),
            Err(Failure::Refused(refusal)) => {
                let status = if status == StatusCode::CONFLICT { status } else { status_of(&refusal) };
                return self.form(read, fields, Errors::of(&refusal), status).await;
            }
            Err(failure) => return Err(failure.into()),
        };
        let changes = if status == StatusCode::CONFLICT { changes(read, self.who, &fields.seen()).await? } else { Vec::new() };
        fields.seen = seen_of(read, &plan).await?;
        let mut hidden: Vec<_> = fields.filled().into_iter().map(|(name, value)| (name, value.to_owned())).collect();
        hidden.push(("seen", fields.seen.clone()));
        let mut facts = facts(read, order, &plan, self.place).await?;
        let waits = waits(read, self.who, &plan, self.portal.store.now()).await?;
        facts.extend(waits.clone().map(|words| ("Approval", words)));
        let address = self.place.address(self.action);
        let page = CheckPage {
            shell: Shell::new(self.req, self.portal, self.who, format!("Check: {}", self.action.label())).with_errors(!changes.is_empty()),
            action: self.action,
            crumbs: self.crumbs(),
            change_at: format!("{address}/new?{}", fields.query()),
            post_to: address,
            facts,
            balances: balances(&plan, self.place),
            hidden,
            changes,
            button: if waits.is_some() { "Ask for approval" } else { self.action.label() },
        };
        page.shell.answer(status, &page)
    }
}
