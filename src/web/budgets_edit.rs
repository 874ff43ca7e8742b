//! Making a budget, changing its attributes, activating and closing it.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;
use serde::Deserialize;

use super::Portal;
use super::budgets_check::made_words;
use super::budgets_fields::has_own_page;
use super::choices;
use super::error::{WebError, status_of};
use super::form::{Errors, Posted};
use super::guard::{Allowed, ManageBudgets, Signed};
use super::page::{Shell, see_other};
use crate::actions::budgets as actions;
use crate::actions::budgets::{Attributes, NewBudget};
use crate::actions::budgets_plan::require;
use crate::domain::access::Permission;
use crate::domain::budget::BudgetStatus;
use crate::domain::currency::Currency;
use crate::domain::id::{BudgetId, RegionId, UserId};
use crate::domain::money;
use crate::domain::refusal::Refusal;
use crate::domain::time::Day;
use crate::store::db::Read;
use crate::store::failure::Failure;
use crate::store::ledger::{self, BudgetRow};
use crate::store::{people, settings};

/// What the form for a budget holds, as it was typed. A new budget has all of it, an old one no region, currency, status and amount.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Typed {
    region: String,
    currency: String,
    name: String,
    period_start: String,
    period_end: String,
    owner: String,
    cost_centre: String,
    status: String,
    amount: String,
    key: String,
    version: String,
}

/// What the form that changes a status holds.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    key: String,
    version: i64,
}

#[derive(Template)]
#[template(path = "budgets/edit.html")]
struct EditPage {
    shell: Shell,
    crumbs: Vec<(String, String)>,
    new: bool,
    post_to: String,
    back: String,
    typed: Typed,
    errors: Errors,
    regions: Vec<(String, String)>,
    currencies: Vec<(String, String)>,
    owners: Vec<(String, String)>,
    /// What somebody else made of it meanwhile: label, what was typed, what it is.
    changed: Vec<(&'static str, String, String)>,
}

#[derive(Template)]
#[template(path = "budgets/step.html")]
struct StepPage {
    shell: Shell,
    crumbs: Vec<(String, String)>,
    title: String,
    text: Vec<String>,
    post_to: String,
    back: String,
    button: &'static str,
    danger: bool,
    key: String,
    version: i64,
    errors: Errors,
    /// Why there is nothing to press; empty where there is.
    blocked: String,
}

impl Typed {
    fn of(row: &BudgetRow) -> Self {
        Self {
            name: row.name.clone(),
            period_start: row.period_start.iso(),
            period_end: row.period_end.iso(),
            owner: row.owner_id.map(|id| id.to_string()).unwrap_or_default(),
            cost_centre: row.cost_centre.clone(),
            version: row.version.to_string(),
            ..Self::default()
        }
    }

    fn attributes(&self, errors: &mut Errors) -> Option<Attributes> {
        let name = errors.check("name", actions::name(&self.name));
        let cost_centre = errors.check("cost_centre", actions::cost_centre(&self.cost_centre));
        let mut day = |field: &str, text: &str| {
            let day = Day::parse(text.trim());
            if day.is_none() {
                errors.add(field, "Enter a day like 2026-11-22");
            }
            day
        };
        let (start, end) = (day("period_start", &self.period_start), day("period_end", &self.period_end));
        if let (Some(start), Some(end)) = (start, end) {
            errors.check("period_end", actions::period(start, end));
        }
        let owner = UserId::parse(&self.owner);
        if owner.is_none() && !self.owner.is_empty() {
            errors.add("owner", "Choose somebody from the list");
        }
        Some(Attributes { name: name?, period_start: start?, period_end: end?, owner, cost_centre: cost_centre? })
    }

    fn new_budget(&self) -> Result<NewBudget, Errors> {
        let mut errors = Errors::none();
        let region = RegionId::parse(&self.region);
        if region.is_none() {
            errors.add("region", "Choose a region");
        }
        let currency = Currency::parse(&self.currency);
        if currency.is_none() {
            errors.add("currency", "Choose a currency");
        }
        let attributes = self.attributes(&mut errors);
        let allocation = match (currency, self.amount.trim()) {
            (_, "") | (None, _) => None,
            (Some(currency), text) => errors.check("amount", money::parse_positive(text, currency)),
        };
        let draft = self.status == "draft";
        match (region, currency, attributes) {
            (Some(region), Some(currency), Some(attributes)) if errors.is_empty() => {
                Ok(NewBudget { region, currency, attributes, draft, allocation })
            }
            _ => Err(errors),
        }
    }
}

/// The form for a new budget.
pub async fn new(req: HttpRequest, portal: web::Data<Portal>, who: Allowed<ManageBudgets>) -> Result<HttpResponse, WebError> {
    let mut typed: Typed =
        serde_html_form::from_str(req.query_string()).map_err(|_| WebError::Malformed("The address holds an unknown field."))?;
    if typed.status.is_empty() {
        "active".clone_into(&mut typed.status);
    }
    show(&req, &portal, &who, None, typed, Errors::none(), StatusCode::OK).await
}

/// Makes it.
pub async fn create(
    req: HttpRequest,
    portal: web::Data<Portal>,
    who: Allowed<ManageBudgets>,
    form: Posted<Typed>,
) -> Result<HttpResponse, WebError> {
    let typed = form.0;
    let new = match typed.new_budget() {
        Ok(new) => new,
        Err(errors) => return show(&req, &portal, &who, None, typed, errors, StatusCode::UNPROCESSABLE_ENTITY).await,
    };
    match actions::create(&portal.store, who.actor.clone(), &typed.key, new).await {
        Ok(made) => Ok(see_other(&portal, &format!("/budgets/{}", made.budget()), Some(made_words(made)))),
        Err(Failure::Refused(refusal)) if has_own_page(&refusal) => Err(refusal.into()),
        Err(Failure::Refused(refusal)) => show(&req, &portal, &who, None, typed, Errors::of(&refusal), status_of(&refusal)).await,
        Err(failure) => Err(failure.into()),
    }
}

async fn found(read: &mut Read, who: &Signed, id: &str) -> Result<BudgetRow, WebError> {
    let id = BudgetId::parse(id).ok_or(Refusal::NotFound)?;
    let row = ledger::find(read, &who.scope(Permission::BudgetsRead), id).await?.ok_or(Refusal::NotFound)?;
    require(&who.access, Permission::BudgetsManage, row.region_id)?;
    Ok(row)
}

/// The form with a budget's attributes.
pub async fn edit(
    req: HttpRequest,
    portal: web::Data<Portal>,
    who: Allowed<ManageBudgets>,
    id: web::Path<String>,
) -> Result<HttpResponse, WebError> {
    let row = found(&mut portal.read(&who).await?, &who, &id).await?;
    let typed = Typed::of(&row);
    show(&req, &portal, &who, Some(&row), typed, Errors::none(), StatusCode::OK).await
}

/// Keeps them as the next version.
pub async fn keep(
    req: HttpRequest,
    portal: web::Data<Portal>,
    who: Allowed<ManageBudgets>,
    id: web::Path<String>,
    form: Posted<Typed>,
) -> Result<HttpResponse, WebError> {
    let typed = form.0;
    let row = found(&mut portal.read(&who).await?, &who, &id).await?;
    let mut errors = Errors::none();
    let (attributes, version) = (typed.attributes(&mut errors), typed.version.parse::<i64>().unwrap_or_default());
    let Some(attributes) = attributes.filter(|_| errors.is_empty()) else {
        return show(&req, &portal, &who, Some(&row), typed, errors, StatusCode::UNPROCESSABLE_ENTITY).await;
    };
    match actions::edit(&portal.store, who.actor.clone(), &typed.key, row.id, version, attributes).await {
        Ok(_) => Ok(see_other(&portal, &format!("/budgets/{}", row.id), Some(("ok", "The changes are kept.".to_owned())))),
        Err(Failure::Refused(refusal)) if has_own_page(&refusal) => Err(refusal.into()),
        Err(Failure::Refused(refusal)) => {
            let row = found(&mut portal.read(&who).await?, &who, &id).await?;
            show(&req, &portal, &who, Some(&row), typed, Errors::of(&refusal), status_of(&refusal)).await
        }
        Err(failure) => Err(failure.into()),
    }
}

async fn show(
    req: &HttpRequest,
    portal: &Portal,
    who: &Signed,
    row: Option<&BudgetRow>,
    typed: Typed,
    errors: Errors,
    status: StatusCode,
) -> Result<HttpResponse, WebError> {
    let page = edit_page((req, portal, who), row, typed, errors, status == StatusCode::CONFLICT).await?;
    page.shell.answer(status, &page)
}

async fn edit_page(
    (req, portal, who): (&HttpRequest, &Portal, &Signed),
    row: Option<&BudgetRow>,
    mut typed: Typed,
    errors: Errors,
    conflict: bool,
) -> Result<EditPage, WebError> {
    let mut read = portal.read(who).await?;
    let scope = who.scope(Permission::BudgetsManage);
    let mut changed = Vec::new();
    if let Some(row) = row.filter(|_| conflict) {
        let now = Typed::of(row);
        let pairs = [
            ("Name", &typed.name, &now.name),
            ("First day", &typed.period_start, &now.period_start),
            ("Last day", &typed.period_end, &now.period_end),
            ("Cost centre", &typed.cost_centre, &now.cost_centre),
            ("Version", &typed.version, &now.version),
        ];
        changed = pairs
            .into_iter()
            .filter(|(_, typed, now)| typed != now)
            .map(|(label, typed, now)| (label, typed.clone(), now.clone()))
            .collect();
        typed.version = now.version;
        typed.key = String::new();
    }
    if typed.key.is_empty() {
        typed.key = portal.store.random.token(16);
    }
    let mut owners: Vec<_> =
        people::list(&mut read, &scope).await?.into_iter().filter(|p| p.status == "active").map(|p| (p.id, p.name)).collect();
    let known: Vec<UserId> = row.and_then(|row| row.owner_id).into_iter().chain([who.person.id]).collect();
    let names = people::names(&mut read, &known).await?;
    owners.extend(names.into_iter().filter(|(id, _)| !owners.iter().any(|(known, _)| known == id)).collect::<Vec<_>>());
    let currencies = settings::currencies(&mut read).await?;
    let base = vec![("/budgets".to_owned(), "Budgets".to_owned())];
    let here = row.map(|row| (format!("/budgets/{}", row.id), row.name.clone()));
    let title = row.map_or("New budget".to_owned(), |row| format!("Edit {}", row.name));
    Ok(EditPage {
        shell: Shell::new(req, portal, who, title).with_errors(!errors.is_empty()),
        new: row.is_none(),
        post_to: here.as_ref().map_or("/budgets".to_owned(), |(href, _)| format!("{href}/versions")),
        back: here.as_ref().map_or("/budgets".to_owned(), |(href, _)| href.clone()),
        crumbs: base.into_iter().chain(here).collect(),
        regions: choices::places(&mut read, &scope).await?,
        currencies: currencies.iter().map(|c| (c.code().to_owned(), format!("{} {}", c.code(), c.name()))).collect(),
        owners: owners.into_iter().map(|(id, name)| (id.to_string(), name)).collect(),
        typed,
        errors,
        changed,
    })
}

/// Asks before a budget is activated.
pub async fn activation(
    req: HttpRequest,
    portal: web::Data<Portal>,
    who: Allowed<ManageBudgets>,
    id: web::Path<String>,
) -> Result<HttpResponse, WebError> {
    step(&req, &portal, &who, &id, BudgetStatus::Active, None).await
}

/// Asks before a budget is closed.
pub async fn closure(
    req: HttpRequest,
    portal: web::Data<Portal>,
    who: Allowed<ManageBudgets>,
    id: web::Path<String>,
) -> Result<HttpResponse, WebError> {
    step(&req, &portal, &who, &id, BudgetStatus::Closed, None).await
}

/// Activates a draft.
pub async fn activate(
    req: HttpRequest,
    portal: web::Data<Portal>,
    who: Allowed<ManageBudgets>,
    id: web::Path<String>,
    form: Posted<Step>,
) -> Result<HttpResponse, WebError> {
    take(&req, &portal, &who, &id, BudgetStatus::Active, form.0).await
}

/// Closes a budget.
pub async fn close(
    req: HttpRequest,
    portal: web::Data<Portal>,
    who: Allowed<ManageBudgets>,
    id: web::Path<String>,
    form: Posted<Step>,
) -> Result<HttpResponse, WebError> {
    take(&req, &portal, &who, &id, BudgetStatus::Closed, form.0).await
}

async fn take(req: &HttpRequest, portal: &Portal, who: &Signed, id: &str, to: BudgetStatus, form: Step) -> Result<HttpResponse, WebError> {
    let row = found(&mut portal.read(who).await?, who, id).await?;
    match actions::set_status(&portal.store, who.actor.clone(), &form.key, row.id, form.version, to).await {
        Ok(_) => {
            let words = format!("{} is {} now.", row.name, to.label().to_lowercase());
            Ok(see_other(portal, &format!("/budgets/{}", row.id), Some(("ok", words))))
        }
        Err(Failure::Refused(refusal)) if has_own_page(&refusal) => Err(refusal.into()),
        Err(Failure::Refused(refusal)) => step(req, portal, who, id, to, Some(refusal)).await,
        Err(failure) => Err(failure.into()),
    }
}

async fn step(
    req: &HttpRequest,
    portal: &Portal,
    who: &Signed,
    id: &str,
    to: BudgetStatus,
    refused: Option<Refusal>,
) -> Result<HttpResponse, WebError> {
    let row = found(&mut portal.read(who).await?, who, id).await?;
    // Whoever only asks is told why it cannot be done; an error is what was sent all the same.
    let status = refused.as_ref().map_or(StatusCode::OK, status_of);
    let page = step_page((req, portal, who), &row, to, refused.as_ref())?;
    page.shell.answer(status, &page)
}

fn step_page(
    (req, portal, who): (&HttpRequest, &Portal, &Signed),
    row: &BudgetRow,
    to: BudgetStatus,
    refused: Option<&Refusal>,
) -> Result<StepPage, WebError> {
    let errors = refused.map_or_else(Errors::none, Errors::of);
    let budget = row.budget()?;
    let amount = |minor: i64| format!("{} {}", money::grouped(minor, budget.currency), budget.currency);
    let closing = to == BudgetStatus::Closed;
    let text = if closing {
        vec![
            "Nothing more can be moved in a closed budget, and it is not opened again. What the vendor reports late is still recorded in it.".to_owned(),
            format!("Available: {}. It stays where it is and stays visible; carry it over first if it is to be used.", amount(budget.figures.available())),
            format!("Reserved: {}.", amount(budget.figures.reserved)),
        ]
    } else {
        vec![format!("From now on money can leave it. Available: {}.", amount(budget.figures.available()))]
    };
    let (noun, button) = if closing { ("closure", "Close the budget") } else { ("activation", "Activate the budget") };
    let address = format!("/budgets/{}", row.id);
    let title = format!("{} {}", if closing { "Close" } else { "Activate" }, row.name);
    Ok(StepPage {
        shell: Shell::new(req, portal, who, title.clone()).with_errors(!errors.is_empty()),
        crumbs: vec![("/budgets".to_owned(), "Budgets".to_owned()), (address.clone(), row.name.clone())],
        post_to: format!("{address}/{noun}"),
        back: address,
        key: portal.store.random.token(16),
        version: row.version,
        danger: closing,
        title,
        text,
        button,
        errors,
        blocked: actions::allowed(row, to).err().map(|refusal| refusal.to_string()).unwrap_or_default(),
    })
}
