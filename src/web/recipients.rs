//! One recipient: who she is where that is to be seen, and where it is not, the form that shows it on purpose; and taking her data out.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;
use serde::Deserialize;

use super::Portal;
use super::choices;
use super::error::{WebError, status_of};
use super::form::{Errors, Posted};
use super::guard::{Allowed, EraseRecipients, Needs, ReadTransactions, RevealRecipients, Signed};
use super::page::{Shell, see_other};
use crate::actions::recipients as act;
use crate::domain::access::Permission;
use crate::domain::id::RecipientId;
use crate::domain::refusal::Refusal;
use crate::store::failure::Failure;
use crate::store::recipients::{self, Recipient};
use crate::store::regions;

/// How a recipient is shown.
#[derive(Clone, Copy, PartialEq, Eq)]
enum View {
    /// By a role that needs her name.
    Named,
    /// Only as an id.
    Hidden,
    /// Shown on purpose, this once.
    Revealed,
    /// Taken out for good.
    Erased,
    /// Asked whether she is to be taken out.
    Erasing,
}

#[derive(Template)]
#[template(path = "recipients/detail.html")]
struct DetailPage {
    shell: Shell,
    recipient: Recipient,
    title: String,
    region: String,
    rewards: i64,
    view: View,
    erased: String,
    may_reveal: bool,
    may_erase: bool,
    audit: String,
    reason: String,
    key: String,
    errors: Errors,
}

impl DetailPage {
    fn is(&self, view: View) -> bool {
        self.view == view
    }

    fn named(&self) -> bool {
        matches!(self.view, View::Named | View::Revealed | View::Erasing)
    }
}

/// What the forms here send.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReasonForm {
    key: String,
    reason: String,
}

fn view_of(who: &Signed, recipient: &Recipient) -> View {
    match recipient.erased_at {
        Some(_) => View::Erased,
        None if who.may(Permission::RecipientsRead, recipient.region_id) => View::Named,
        None => View::Hidden,
    }
}

async fn find(portal: &Portal, who: &Signed, path: &str) -> Result<Recipient, WebError> {
    let id = RecipientId::parse(path).ok_or(Refusal::NotFound)?;
    let mut read = portal.read(who).await?;
    Ok(recipients::find(&mut read, &who.scope(Permission::TransactionsRead), id).await?.ok_or(Refusal::NotFound)?)
}

async fn show<N: Needs>(
    req: &HttpRequest,
    portal: &Portal,
    who: &Allowed<N>,
    recipient: Recipient,
    view: View,
    refused: (StatusCode, String, Errors),
) -> Result<HttpResponse, WebError> {
    let mut read = portal.read(who).await?;
    let scope = who.scope(Permission::TransactionsRead);
    let names = regions::names(&mut read, &scope).await?;
    let zone = choices::zone(&mut read).await?;
    let rewards = recipients::rewards(&mut read, &scope, recipient.id).await?;
    drop(read);
    let (status, reason, errors) = refused;
    let may = |permission| who.may(permission, recipient.region_id);
    let mut page = DetailPage {
        shell: Shell::new(req, portal, who, "Recipient").with_errors(!errors.is_empty()),
        title: format!("Recipient {}", recipient.id.short()),
        region: names.get(&recipient.region_id).cloned().unwrap_or_default(),
        rewards,
        view,
        erased: recipient.erased_at.map(|at| at.local(zone)).unwrap_or_default(),
        may_reveal: may(Permission::RecipientsReveal),
        may_erase: may(Permission::RecipientsErase),
        audit: if may(Permission::AuditRead) { format!("/audit?object={}", recipient.id) } else { String::new() },
        reason,
        key: portal.store.random.token(16),
        errors,
        recipient,
    };
    if page.named() && !page.recipient.name.is_empty() {
        page.title.clone_from(&page.recipient.name);
    }
    page.shell.answer(status, &page)
}

fn plain() -> (StatusCode, String, Errors) {
    (StatusCode::OK, String::new(), Errors::none())
}

/// `GET /recipients/{id}`.
pub async fn page(
    req: HttpRequest,
    portal: web::Data<Portal>,
    who: Allowed<ReadTransactions>,
    path: web::Path<String>,
) -> Result<HttpResponse, WebError> {
    let recipient = find(&portal, &who, &path).await?;
    let view = view_of(&who, &recipient);
    show(&req, &portal, &who, recipient, view, plain()).await
}

/// `POST /recipients/{id}/reveals`: the answer shows her; the next visit does not.
pub async fn reveal(
    req: HttpRequest,
    portal: web::Data<Portal>,
    who: Allowed<RevealRecipients>,
    path: web::Path<String>,
    Posted(form): Posted<ReasonForm>,
) -> Result<HttpResponse, WebError> {
    let recipient = find(&portal, &who, &path).await?;
    match act::reveal(&portal.store, who.actor.clone(), &form.key, recipient.id, &form.reason).await {
        Ok(()) => {
            // As she is now: she may have been erased since the form was made.
            let recipient = find(&portal, &who, &path).await?;
            let view = if recipient.erased_at.is_some() { View::Erased } else { View::Revealed };
            show(&req, &portal, &who, recipient, view, plain()).await
        }
        Err(Failure::Refused(Refusal::NotFound)) => Err(Refusal::NotFound.into()),
        Err(Failure::Refused(refusal)) => {
            let view = view_of(&who, &recipient);
            show(&req, &portal, &who, recipient, view, (status_of(&refusal), form.reason, Errors::of(&refusal))).await
        }
        Err(failure) => Err(failure.into()),
    }
}

/// `GET /recipients/{id}/erasure`: asks whether her data is to be taken out.
pub async fn ask_erase(
    req: HttpRequest,
    portal: web::Data<Portal>,
    who: Allowed<EraseRecipients>,
    path: web::Path<String>,
) -> Result<HttpResponse, WebError> {
    let recipient = find(&portal, &who, &path).await?;
    let view = erasing(&who, &recipient)?;
    show(&req, &portal, &who, recipient, view, plain()).await
}

fn erasing(who: &Signed, recipient: &Recipient) -> Result<View, WebError> {
    if !who.may(Permission::RecipientsErase, recipient.region_id) {
        return Err(Refusal::Forbidden(Permission::RecipientsErase).into());
    }
    Ok(if recipient.erased_at.is_some() { View::Erased } else { View::Erasing })
}

/// `POST /recipients/{id}/erasure`.
pub async fn erase(
    req: HttpRequest,
    portal: web::Data<Portal>,
    who: Allowed<EraseRecipients>,
    path: web::Path<String>,
    Posted(form): Posted<ReasonForm>,
) -> Result<HttpResponse, WebError> {
    let recipient = find(&portal, &who, &path).await?;
    match act::erase(&portal.store, who.actor.clone(), &form.key, recipient.id, &form.reason).await {
        Ok(()) => {
            let words = "The name, the e-mail address and the number were taken out.".to_owned();
            Ok(see_other(&portal, &format!("/recipients/{}", recipient.id), Some(("ok", words))))
        }
        Err(Failure::Refused(Refusal::NotFound)) => Err(Refusal::NotFound.into()),
        Err(Failure::Refused(refusal)) => {
            let view = erasing(&who, &recipient)?;
            show(&req, &portal, &who, recipient, view, (status_of(&refusal), form.reason, Errors::of(&refusal))).await
        }
        Err(failure) => Err(failure.into()),
    }
}
