//! What has to be approved where, and who stands in for whom.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;
use serde::Deserialize;

use super::Portal;
use super::approvals::standing;
use super::approvals_facts::{approvers, rule};
use super::choices::{self, Choice};
use super::error::{WebError, status_of};
use super::form::{Errors, Posted};
use super::guard::{Allowed, SignedIn};
use super::page::{Shell, see_other};
use super::people::KeyForm;
use super::settings::tabs;
use crate::actions::approval_letters;
use crate::actions::approval_policies::{self as act, LENT_MOST_DAYS, NewPolicy};
use crate::domain::access::Permission;
use crate::domain::approval::{APPROVERS_MOST, Matter};
use crate::domain::currency::Currency;
use crate::domain::id::{DelegationId, PolicyId, RegionId, UserId};
use crate::domain::money;
use crate::domain::refusal::Refusal;
use crate::domain::time::Day;
use crate::store::approval_policies::{self as kept};
use crate::store::db::Read;
use crate::store::failure::Failure;
use crate::store::{people, regions};

const PLACE: &str = "/settings/approvals";

struct PolicyLine {
    id: String,
    what: String,
    place: String,
    approvers: String,
}

struct Loan {
    id: String,
    from: String,
    to: String,
    days: String,
    mine: bool,
}

#[derive(Template)]
#[template(path = "settings/approvals.html")]
struct ApprovalsPage {
    shell: Shell,
    tabs: Vec<(&'static str, &'static str, bool)>,
    errors: Errors,
    key: String,
    policies: Vec<PolicyLine>,
    manages: bool,
    matters: Vec<Choice>,
    places: Vec<Choice>,
    currencies: Vec<Choice>,
    counts: Vec<Choice>,
    policy: PolicyForm,
    loans: Vec<Loan>,
    lends: bool,
    borrowers: Vec<Choice>,
    loan: LoanForm,
    days_most: i64,
    letters: bool,
}

/// What the form for a policy sends.
#[derive(Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PolicyForm {
    key: String,
    matter: String,
    region: String,
    #[serde(default)]
    currency: String,
    #[serde(default)]
    from_amount: String,
    #[serde(default)]
    day_amount: String,
    approvers: String,
}

/// What the form for a stand-in sends.
#[derive(Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LoanForm {
    key: String,
    person: String,
    starts_on: String,
    ends_on: String,
}

/// Whether she wants letters.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LettersForm {
    #[serde(default)]
    letters: String,
}

/// What was typed, when the page is shown again.
#[derive(Default)]
struct Typed {
    policy: PolicyForm,
    loan: LoanForm,
}

impl PolicyForm {
    /// A policy, or everything that is wrong with it.
    fn policy(&self) -> Result<NewPolicy, Errors> {
        let mut errors = Errors::none();
        let matter = errors.check("matter", Matter::parse(&self.matter).ok_or("Choose what it is about"));
        let region = errors.check("region", RegionId::parse(&self.region).ok_or("Choose a region"));
        let currency = match self.currency.as_str() {
            "" => None,
            code => errors.check("currency", Currency::parse(code).ok_or("Choose a currency")),
        };
        let mut amount = |field: &str, text: &str| match (text.trim(), currency) {
            ("", _) => None,
            (_, None) => {
                errors.add("currency", "An amount has a currency: choose one");
                None
            }
            (text, Some(currency)) => errors.check(field, money::parse(text, currency)),
        };
        let (from, day) = (amount("from_amount", &self.from_amount), amount("day_amount", &self.day_amount));
        // Without any limit it is about every amount.
        let every = self.from_amount.trim().is_empty() && self.day_amount.trim().is_empty();
        let from = if every { Some(0) } else { from };
        let approvers = errors.check("approvers", self.approvers.parse::<i64>().map_err(|_| "Choose how many have to approve"));
        match (matter, region, approvers) {
            (Some(matter), Some(region), Some(approvers)) if errors.is_empty() => {
                Ok(NewPolicy { matter, region, currency, from, day, approvers })
            }
            _ => Err(errors.in_order(&["matter", "region", "currency", "from_amount", "day_amount", "approvers"])),
        }
    }
}

impl LoanForm {
    fn days(&self) -> Result<(UserId, (Day, Day)), Errors> {
        let mut errors = Errors::none();
        let person = errors.check("person", UserId::parse(&self.person).ok_or("Choose somebody from the list"));
        let mut day = |field: &str, text: &str| errors.check(field, Day::parse(text.trim()).ok_or("Enter a day like 2026-11-22"));
        let (start, end) = (day("starts_on", &self.starts_on), day("ends_on", &self.ends_on));
        match (person, start, end) {
            (Some(person), Some(start), Some(end)) => Ok((person, (start, end))),
            _ => Err(errors),
        }
    }
}

/// The policies that count in the regions she sees; one that stands above them is named by its limit alone.
async fn policies(read: &mut Read, who: &Allowed<SignedIn>) -> Result<Vec<PolicyLine>, WebError> {
    let scope = who.scope(Permission::BudgetsRead);
    let inside: Vec<RegionId> = scope.regions().collect();
    let above = kept::above(read, &inside).await?;
    let names = regions::names(read, &scope).await?;
    let seen = kept::in_force(read).await?.into_iter().filter(|policy| above.contains(&policy.region));
    let line = |policy: crate::domain::approval::Policy| PolicyLine {
        id: policy.id.to_string(),
        what: rule(&policy),
        place: names.get(&policy.region).cloned().unwrap_or_else(|| "A region above yours".to_owned()),
        approvers: approvers(policy.approvers),
    };
    Ok(seen.map(line).collect())
}

async fn loans(read: &mut Read, who: &Allowed<SignedIn>, today: Day) -> Result<Vec<Loan>, WebError> {
    let all = kept::delegations(read, who.person.id, today).await?;
    let ids: Vec<UserId> = all.iter().flat_map(|loan| [loan.from_id, loan.to_id]).collect();
    let names = people::names(read, &ids).await?;
    let name = |id: &UserId| names.get(id).cloned().unwrap_or_default();
    let line = |loan: &kept::Delegation| Loan {
        id: loan.id.to_string(),
        from: name(&loan.from_id),
        to: name(&loan.to_id),
        days: format!("{} to {}", loan.starts_on.words(), loan.ends_on.words()),
        mine: loan.from_id == who.person.id,
    };
    Ok(all.iter().map(line).collect())
}

async fn show(
    req: &HttpRequest,
    portal: &Portal,
    who: &Allowed<SignedIn>,
    (status, errors): (StatusCode, Errors),
    typed: Typed,
) -> Result<HttpResponse, WebError> {
    let now = portal.store.now();
    let today = now.day(chrono_tz::UTC);
    let mut read = portal.read(who).await?;
    let manages = who.access.has_everywhere(Permission::SettingsManage);
    let lends = who.access.has(Permission::ApprovalsDecide);
    let words = |choices: Vec<(UserId, String)>| choices.into_iter().map(|(id, name)| (id.to_string(), name)).collect();
    let borrowers = if lends {
        words(kept::borrowers(&mut read, &who.scope(Permission::ApprovalsDecide), who.person.id, today).await?)
    } else {
        Vec::new()
    };
    let page = ApprovalsPage {
        shell: Shell::new(req, portal, who, "Approvals").with_errors(!errors.is_empty()),
        tabs: tabs(manages, PLACE),
        errors,
        key: portal.store.random.token(16),
        policies: policies(&mut read, who).await?,
        manages,
        matters: Matter::ALL.iter().map(|matter| (matter.code().to_owned(), matter.label().to_owned())).collect(),
        places: choices::places(&mut read, &who.scope(Permission::SettingsManage)).await?,
        currencies: choices::currencies(&mut read).await?,
        counts: (1..=APPROVERS_MOST).map(|count| (count.to_string(), count.to_string())).collect(),
        policy: typed.policy,
        loans: loans(&mut read, who, today).await?,
        lends: lends && standing(&mut read, who, now).await?.decides(),
        borrowers,
        loan: typed.loan,
        days_most: LENT_MOST_DAYS,
        letters: people::wants_approval_letters(&mut read, who.person.id).await?,
    };
    page.shell.answer(status, &page)
}

/// `GET /settings/approvals`.
pub async fn page(req: HttpRequest, portal: web::Data<Portal>, who: Allowed<SignedIn>) -> Result<HttpResponse, WebError> {
    let policy = PolicyForm { approvers: "1".to_owned(), ..PolicyForm::default() };
    show(&req, &portal, &who, (StatusCode::OK, Errors::none()), Typed { policy, ..Typed::default() }).await
}

/// Back to the page with a word of success, or the refusal in the page it came from.
async fn answer(
    req: &HttpRequest,
    portal: &Portal,
    who: &Allowed<SignedIn>,
    done: Result<(), Failure>,
    words: &str,
    typed: Typed,
) -> Result<HttpResponse, WebError> {
    match done {
        Ok(()) => Ok(see_other(portal, PLACE, Some(("ok", words.to_owned())))),
        Err(Failure::Refused(refusal @ (Refusal::Forbidden(_) | Refusal::NotFound))) => Err(refusal.into()),
        Err(Failure::Refused(refusal)) => {
            let errors = match &refusal {
                // The rule knows these fields by other names.
                Refusal::Invalid("from", words) => {
                    Errors(vec![super::form::FieldError { field: "from_amount".to_owned(), text: words.clone() }])
                }
                Refusal::Invalid("to", words) => Errors(vec![super::form::FieldError { field: "person".to_owned(), text: words.clone() }]),
                other => Errors::of(other),
            };
            show(req, portal, who, (status_of(&refusal), errors), typed).await
        }
        Err(failure) => Err(failure.into()),
    }
}

/// Adds a policy.
pub async fn add_policy(
    req: HttpRequest,
    portal: web::Data<Portal>,
    who: Allowed<SignedIn>,
    Posted(form): Posted<PolicyForm>,
) -> Result<HttpResponse, WebError> {
    let new = match form.policy() {
        Ok(new) => new,
        Err(errors) => {
            let typed = Typed { policy: form, ..Typed::default() };
            return show(&req, &portal, &who, (StatusCode::UNPROCESSABLE_ENTITY, errors), typed).await;
        }
    };
    let done = act::add(&portal.store, who.actor.clone(), &form.key, new).await.map(|_| ());
    answer(&req, &portal, &who, done, "The policy is in force from now on.", Typed { policy: form, ..Typed::default() }).await
}

/// Ends a policy.
pub async fn end_policy(
    req: HttpRequest,
    portal: web::Data<Portal>,
    who: Allowed<SignedIn>,
    path: web::Path<String>,
    Posted(form): Posted<KeyForm>,
) -> Result<HttpResponse, WebError> {
    let id = PolicyId::parse(&path).ok_or(Refusal::NotFound)?;
    let done = act::end(&portal.store, who.actor.clone(), &form.key, id).await;
    answer(&req, &portal, &who, done, "The policy has ended. What waits because of it still waits.", Typed::default()).await
}

/// Lends her right to decide.
pub async fn lend(
    req: HttpRequest,
    portal: web::Data<Portal>,
    who: Allowed<SignedIn>,
    Posted(form): Posted<LoanForm>,
) -> Result<HttpResponse, WebError> {
    let (person, days) = match form.days() {
        Ok(read) => read,
        Err(errors) => {
            let typed = Typed { loan: form, ..Typed::default() };
            return show(&req, &portal, &who, (StatusCode::UNPROCESSABLE_ENTITY, errors), typed).await;
        }
    };
    let done = act::delegate(&portal.store, who.actor.clone(), &form.key, person, days).await.map(|_| ());
    answer(&req, &portal, &who, done, "Your stand-in is named.", Typed { loan: form, ..Typed::default() }).await
}

/// Takes it back.
pub async fn take_back(
    req: HttpRequest,
    portal: web::Data<Portal>,
    who: Allowed<SignedIn>,
    path: web::Path<String>,
    Posted(form): Posted<KeyForm>,
) -> Result<HttpResponse, WebError> {
    let id = DelegationId::parse(&path).ok_or(Refusal::NotFound)?;
    let done = act::end_delegation(&portal.store, who.actor.clone(), &form.key, id).await;
    answer(&req, &portal, &who, done, "The stand-in has ended.", Typed::default()).await
}

/// Says whether she wants letters about requests.
pub async fn want_letters(
    portal: web::Data<Portal>,
    who: Allowed<SignedIn>,
    Posted(form): Posted<LettersForm>,
) -> Result<HttpResponse, WebError> {
    let wanted = form.letters == "1";
    approval_letters::want(&portal.store, who.actor.clone(), wanted).await?;
    let words = if wanted { "You get letters about requests." } else { "You get no letters about requests any more." };
    Ok(see_other(&portal, PLACE, Some(("ok", words.to_owned()))))
}
