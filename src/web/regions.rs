//! Regions: the tree, and one region with what hangs on it.

use std::collections::{BTreeMap, HashMap};

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;

use super::Portal;
use super::budgets_groups::{Added, amount};
use super::choices::{self, month_name};
use super::error::WebError;
use super::guard::{Allowed, ReadRegions};
use super::page::Shell;
use crate::domain::access::{Permission, Scope};
use crate::domain::currency::Currency;
use crate::domain::money;
use crate::domain::refusal::Refusal;
use crate::domain::time::{Day, Instant};
use crate::store::ledger::BudgetRow;
use crate::store::people;
use crate::store::regions::{self, Region};

struct Row {
    region: Region,
    depth: usize,
    fiscal: &'static str,
    budgets: i64,
}

#[derive(Template)]
#[template(path = "regions/list.html")]
struct ListPage {
    shell: Shell,
    rows: Vec<Row>,
    may_add: bool,
    sees_budgets: bool,
    words: String,
}

/// The tree of the regions in her scope.
pub async fn list(req: HttpRequest, portal: web::Data<Portal>, who: Allowed<ReadRegions>) -> Result<HttpResponse, WebError> {
    let mut read = portal.read(&who).await?;
    let tree = regions::tree(&mut read, &who.reach()).await?;
    let counts = regions::budget_counts(&mut read, &who.scope(Permission::BudgetsRead)).await?;
    let counts: HashMap<_, _> = counts.into_iter().map(|(region, all, _)| (region, all)).collect();
    let retired = tree.iter().filter(|branch| !branch.region.is_active()).count();
    let words = match (tree.len(), retired) {
        (1, 0) => "1 region".to_owned(),
        (all, 0) => format!("{all} regions"),
        (all, retired) => format!("{all} regions, {retired} of them retired"),
    };
    let rows = tree
        .into_iter()
        .map(|branch| Row {
            fiscal: month_name(branch.region.fiscal_start_month),
            budgets: counts.get(&branch.region.id).copied().unwrap_or_default(),
            depth: branch.depth.min(3),
            region: branch.region,
        })
        .collect();
    let shell = Shell::new(&req, &portal, &who, "Regions");
    let page = ListPage {
        shell,
        rows,
        may_add: who.access.has(Permission::RegionsManage),
        sees_budgets: who.access.has(Permission::BudgetsRead),
        words,
    };
    page.shell.answer(StatusCode::OK, &page)
}

/// The sum of budgets of one currency, as people read it.
struct Sum {
    currency: String,
    total: String,
    reserved: String,
    spent: String,
    available: String,
}

struct BudgetLine {
    budget: BudgetRow,
    period: String,
    total: String,
    spent: String,
    available: String,
    tone: &'static str,
    permille: i64,
}

struct Holder {
    id: String,
    name: String,
    role: String,
    place: String,
    until: String,
}

#[derive(Template)]
#[template(path = "regions/detail.html")]
struct DetailPage {
    shell: Shell,
    region: Region,
    fiscal: &'static str,
    currency_name: &'static str,
    created: String,
    crumbs: Vec<(String, String)>,
    parent: Option<(String, String)>,
    children: Vec<Region>,
    budgets: Vec<BudgetLine>,
    sums: Vec<Sum>,
    holders: Vec<Holder>,
    may_manage: bool,
    may_move: bool,
    sees_budgets: bool,
    sees_people: bool,
    sees_audit: bool,
}

fn sums(budgets: &[BudgetRow]) -> Vec<Sum> {
    let mut by_currency: BTreeMap<&str, Added> = BTreeMap::new();
    for budget in budgets.iter().filter(|budget| budget.status == "active") {
        by_currency.entry(&budget.currency).or_default().add(&budget.figures());
    }
    let shown = |(code, sum): (&str, Added)| {
        let currency = Currency::parse(code);
        Sum {
            currency: code.to_owned(),
            total: amount(sum.total(), currency),
            reserved: amount(sum.reserved(), currency),
            spent: amount(sum.spent(), currency),
            available: amount(sum.available(), currency),
        }
    };
    by_currency.into_iter().map(shown).collect()
}

fn budget_line(budget: BudgetRow) -> Option<BudgetLine> {
    let currency = Currency::parse(&budget.currency)?;
    let figures = budget.figures();
    let permille = figures.utilisation_permille().unwrap_or_default();
    Some(BudgetLine {
        period: budget.period_end.words(),
        total: money::grouped(figures.total().unwrap_or_default(), currency),
        spent: money::grouped(figures.spent, currency),
        available: money::grouped(figures.available(), currency),
        tone: match figures.available() {
            left if left < 0 => "bad",
            _ if permille >= 900 => "warn",
            _ => "",
        },
        permille: permille.clamp(0, 1000),
        budget,
    })
}

/// One region.
pub async fn detail(
    req: HttpRequest,
    portal: web::Data<Portal>,
    who: Allowed<ReadRegions>,
    path: web::Path<String>,
) -> Result<HttpResponse, WebError> {
    let mut read = portal.read(&who).await?;
    let id = choices::region(&path)?;
    let region = regions::find(&mut read, &who.reach(), id).await?.ok_or(Refusal::NotFound)?;
    let all = regions::list(&mut read, &who.reach()).await?;
    let above = regions::above(&mut read, id).await?;
    let named = |id| all.iter().find(|region| region.id == id);
    let mut crumbs = vec![("/regions".to_owned(), "Regions".to_owned())];
    crumbs.extend(above.iter().rev().filter_map(|id| named(*id)).map(|region| (format!("/regions/{}", region.id), region.name.clone())));
    let parent = region.parent_id.and_then(named).map(|parent| (parent.id.to_string(), parent.name.clone()));
    let children = all.iter().filter(|child| child.parent_id == Some(id)).cloned().collect();
    let budgets = regions::budgets_of(&mut read, &who.scope(Permission::BudgetsRead), id).await?;
    let people_scope = who.scope(Permission::PeopleRead).narrowed(&[&above[..], &[id]].concat());
    let holders = holders(&mut read, &people_scope, portal.store.now()).await?;
    let zone = choices::zone(&mut read).await?;
    let page = DetailPage {
        shell: Shell::new(&req, &portal, &who, region.name.clone()),
        fiscal: month_name(region.fiscal_start_month),
        currency_name: region.currency().map_or("", Currency::name),
        created: region.created_at.day(zone).words(),
        crumbs,
        parent,
        children,
        sums: sums(&budgets),
        budgets: budgets.into_iter().filter_map(budget_line).collect(),
        holders,
        may_manage: who.may(Permission::RegionsManage, id),
        may_move: who.may(Permission::RegionsManage, id) && region.parent_id.is_some(),
        sees_budgets: who.may(Permission::BudgetsRead, id),
        sees_people: who.may(Permission::PeopleRead, id),
        sees_audit: who.may(Permission::AuditRead, id),
        region,
    };
    page.shell.answer(StatusCode::OK, &page)
}

/// Who holds a role that covers the region: given on it, or on one above it that she may see people in.
async fn holders(read: &mut crate::store::db::Read, scope: &Scope, now: Instant) -> Result<Vec<Holder>, WebError> {
    let grants = people::grants(read, scope, None, now).await?;
    let ids: Vec<_> = grants.iter().map(|grant| grant.person_id).collect();
    let names = people::names(read, &ids).await?;
    let mut holders: Vec<Holder> = grants
        .iter()
        .map(|grant| Holder {
            id: grant.person_id.to_string(),
            name: names.get(&grant.person_id).cloned().unwrap_or_default(),
            role: grant.role_label().to_owned(),
            place: grant.region_name.clone(),
            until: grant.ends_on.map(Day::words).unwrap_or_default(),
        })
        .collect();
    holders.sort_by_cached_key(|holder| holder.name.to_lowercase());
    Ok(holders)
}
