//! One transaction: every field, its separate statuses, one timeline, and its budget.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;

use super::Portal;
use super::error::WebError;
use super::form::encoded;
use super::guard::{Allowed, ReadTransactions, Signed};
use super::imports::leads;
use super::page::Shell;
use super::transactions::{status_label, tone};
use super::transactions_known::Known;
use super::transactions_timeline::{self as timeline, Moment};
use crate::domain::access::{Permission, Scope};
use crate::domain::currency::Currency;
use crate::domain::id::{ImportId, TransactionId};
use crate::domain::list_query::Column;
use crate::domain::money;
use crate::domain::refusal::Refusal;
use crate::domain::time::{Day, Instant};
use crate::store::db::Read;
use crate::store::failure::DbError;
use crate::store::transaction_detail::{self, TransactionRow};
use crate::store::{audit_log, recipients};

/// One fact: its name, its words, where it leads (empty for nowhere).
pub struct Fact {
    label: &'static str,
    text: String,
    href: String,
}

/// One status axis.
pub struct Axis {
    label: &'static str,
    tone: &'static str,
    text: String,
}

#[derive(Template)]
#[template(path = "transactions/detail.html")]
struct DetailPage {
    shell: Shell,
    crumbs: Vec<(String, String)>,
    title: String,
    id: String,
    amount: String,
    currency: String,
    axes: Vec<Axis>,
    links: Vec<Fact>,
    facts: Vec<Fact>,
    money: Vec<Fact>,
    timeline: Vec<Moment>,
    assign: String,
    assign_words: &'static str,
    audit: String,
}

/// Everything a page about one transaction reads.
pub(super) struct Seen {
    pub(super) row: TransactionRow,
    pub(super) currency: Currency,
    pub(super) known: std::sync::Arc<Known>,
    pub(super) scope: Scope,
}

/// Reads it within the scope.
pub(super) async fn seen(portal: &Portal, who: &Signed, scope: Scope, id: &str) -> Result<(Read, Seen), WebError> {
    let id = TransactionId::parse(id).ok_or(Refusal::NotFound)?;
    let mut read = portal.read(who).await?;
    let row = transaction_detail::find(&mut read, &scope, id).await?.ok_or(Refusal::NotFound)?;
    let known = Known::read(&mut read, &scope).await?;
    let currency = row.currency()?;
    Ok((read, Seen { row, currency, known, scope }))
}

fn fact(label: &'static str, text: impl Into<String>) -> Fact {
    Fact { label, text: text.into(), href: String::new() }
}

fn linked(label: &'static str, text: String, href: String) -> Fact {
    Fact { label, text, href }
}

fn maybe(label: &'static str, text: Option<&str>) -> Fact {
    fact(label, text.unwrap_or_default())
}

impl Seen {
    fn amount(&self, label: &'static str, minor: Option<i64>) -> Fact {
        fact(label, minor.map(|minor| format!("{} {}", money::grouped(minor, self.currency), self.currency)).unwrap_or_default())
    }

    fn at(&self, label: &'static str, at: Option<Instant>) -> Fact {
        fact(label, at.map(|at| at.local(self.known.zone())).unwrap_or_default())
    }

    pub(super) fn named(&self, id: uuid::Uuid) -> String {
        self.known.names.get(&id).cloned().unwrap_or_default()
    }

    fn axes(&self) -> Vec<Axis> {
        let row = &self.row;
        let axis = |label, column, code: &str| Axis { label, tone: tone(code), text: status_label(column, code).into_owned() };
        vec![
            axis("Order", Column::OrderStatus, &row.order_status),
            axis("Delivery", Column::DeliveryStatus, &row.delivery_status),
            axis("Redemption", Column::RedemptionStatus, &row.redemption_status),
            axis("Reconciliation", Column::ReconStatus, &row.recon_status),
            axis("Approval", Column::ApprovalStatus, &row.approval_status),
        ]
    }

    /// When it came in, with the page of the import; and the import itself. Both name it only where she sees that page.
    async fn import(&self, read: &mut Read, who: &Signed) -> Result<(Option<(String, Option<Instant>)>, Option<ImportId>), DbError> {
        let Some((id, at)) = transaction_detail::import_of(read, self.row.import_no).await? else { return Ok((None, None)) };
        if leads(read, who, id).await? {
            Ok((Some((format!("/imports/{id}"), at)), Some(id)))
        } else {
            Ok((Some((String::new(), at)), None))
        }
    }

    /// Where it belongs, each with the list behind it.
    async fn links(&self, read: &mut Read, import: Option<ImportId>, named: bool) -> Result<Vec<Fact>, DbError> {
        let row = &self.row;
        let list = |key: &str, value: &str| format!("/transactions?{key}={}", encoded(value));
        let mut links = vec![linked("Region", self.named(row.region_id.0), format!("/regions/{}", row.region_id))];
        links.push(match row.budget_id {
            Some(id) => linked("Budget", self.named(id.0), format!("/budgets/{id}")),
            None => fact("Budget", "None"),
        });
        let recipient = match row.recipient_id {
            Some(id) => recipients::find(read, &self.scope, id).await?,
            None => None,
        };
        if let Some(recipient) = recipient {
            let hidden = !named || recipient.name.is_empty();
            let name = if hidden { recipient.id.short() } else { recipient.name };
            links.push(linked("Recipient", name, format!("/recipients/{}", recipient.id)));
            if named {
                links.push(fact("E-mail", recipient.email));
                links.push(fact("Employee number", recipient.employee_number));
            }
        }
        for (label, key, value) in [("Order", "order", &row.order_id), ("Batch", "batch", &row.batch_id)] {
            if let Some(value) = value {
                links.push(linked(label, value.clone(), list(key, value)));
            }
        }
        links.push(fact("Source", self.named(row.source_id.0)));
        if let Some(id) = import {
            links.push(linked("Import", id.short(), format!("/imports/{id}")));
        }
        links.retain(|fact| !fact.text.is_empty());
        Ok(links)
    }

    fn money(&self) -> Vec<Fact> {
        let row = &self.row;
        let base = row.base_amount.map(|minor| {
            let mut out = String::new();
            money::write_plain(&mut out, minor, self.known.base_digits);
            out
        });
        vec![
            self.amount("Issued", Some(row.amount_issued)),
            self.amount("Charged", row.amount_charged),
            self.amount("Fee", row.fee),
            self.amount("Discount", row.discount),
            self.amount("Remaining balance", row.remaining_balance),
            maybe("Rate", row.fx_rate.as_deref()),
            fact("Rate date", row.fx_date.map(Day::words).unwrap_or_default()),
            maybe("Base amount", base.as_deref()),
        ]
    }

    fn facts(&self) -> Vec<Fact> {
        let row = &self.row;
        vec![
            maybe("External id", row.external_id.as_deref()),
            maybe("Product", row.product.as_deref()),
            maybe("Campaign", row.campaign.as_deref()),
            fact("Channel", status_label(Column::Channel, &row.channel)),
            fact("Line", row.line_number.map(|line| line.to_string()).unwrap_or_default()),
            maybe("PO number", row.po_number.as_deref()),
            maybe("Cost centre", row.cost_center.as_deref()),
            maybe("GL account", row.gl_account.as_deref()),
            maybe("Reason code", row.reason_code.as_deref()),
            fact("Accounting date", row.effective_date.words()),
            self.at("Created", Some(row.created_at)),
            self.at("Issued", Some(row.issued_at)),
            self.at("Delivered", row.delivered_at),
            self.at("Redeemed", row.redeemed_at),
            self.at("Expires", row.expires_at),
            self.at("Canceled", row.canceled_at),
            self.at("Last changed", Some(row.updated_at)),
            maybe("Note", row.note.as_deref()),
        ]
    }
}

/// `GET /transactions/{id}`.
pub async fn page(
    req: HttpRequest,
    portal: web::Data<Portal>,
    who: Allowed<ReadTransactions>,
    path: web::Path<String>,
) -> Result<HttpResponse, WebError> {
    let (mut read, seen) = seen(&portal, &who, who.reach(), &path).await?;
    let row = &seen.row;
    let (import, led) = seen.import(&mut read, &who).await?;
    let links = seen.links(&mut read, led, who.may(Permission::RecipientsRead, row.region_id)).await?;
    let postings = transaction_detail::postings(&mut read, &who.scope(Permission::BudgetsRead), row.id).await?;
    let wanted = audit_log::Wanted {
        object_kind: Some("transaction".to_owned()),
        object_id: Some(row.id.to_string()),
        ..audit_log::Wanted::default()
    };
    let events = audit_log::list(&mut read, &seen.scope, &wanted, 100).await?;
    drop(read);
    let may_assign = who.may(Permission::TransactionsAssign, row.region_id);
    let page = DetailPage {
        shell: Shell::new(&req, &portal, &who, format!("Transaction {}", row.title())),
        crumbs: vec![("/transactions".to_owned(), "Transactions".to_owned())],
        title: row.title(),
        id: row.id.to_string(),
        amount: money::grouped(row.amount_issued, seen.currency),
        currency: row.currency_code.clone(),
        axes: seen.axes(),
        links,
        facts: seen.facts().into_iter().filter(|fact| !fact.text.is_empty()).collect(),
        money: seen.money().into_iter().filter(|fact| !fact.text.is_empty()).collect(),
        timeline: timeline::of(row, seen.currency, &seen.known, import, &postings, &events),
        assign: if may_assign { format!("/transactions/{}/assignment", row.id) } else { String::new() },
        assign_words: if row.budget_id.is_some() { "Move to another budget" } else { "Assign to a budget" },
        audit: if who.access.may(Permission::AuditRead, row.region_id) { format!("/audit?object={}", row.id) } else { String::new() },
    };
    page.shell.answer(StatusCode::OK, &page)
}
