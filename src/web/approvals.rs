//! What waits for approval: a worklist for whoever may decide, and what was asked for and decided in her regions.

use std::collections::HashMap;

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;
use serde::{Deserialize, Serialize};

use super::Portal;
use super::approvals_filter::{Chip, Offered, State, bad_amount};
use super::choices;
use super::error::WebError;
use super::guard::{Allowed, ReadBudgets, Signed};
use super::page::Shell;
use crate::actions::approval_rights::Standing;
use crate::actions::approval_roles::RoleEffects;
use crate::actions::approvals::Waiting;
use crate::domain::access::{Permission, Scope, codes};
use crate::domain::approval::{Matter, Status};
use crate::domain::currency::Currency;
use crate::domain::id::{ApprovalId, BudgetId, UserId};
use crate::domain::money;
use crate::domain::time::Instant;
use crate::store::approval_filter::Filter;
use crate::store::approvals::{self, Approval, Sight, Wanted};
use crate::store::db::Read;
use crate::store::{budgets, people};

/// Requests on one page.
const PAGE: usize = 50;
/// The most that wait and are shown at once.
const WAITING_MOST: i64 = 500;

codes! {
    /// Which requests the page shows.
    View {
        /// Those she may decide on.
        Mine = "mine", "For you";
        /// All that wait.
        Waiting = "waiting", "Waiting";
        /// Those she asked for.
        Asked = "asked", "Asked by you";
        /// Those that are over.
        Ended = "ended", "Decided";
    }
}

/// Requests, with what their ids are called.
pub struct Found {
    /// The requests.
    pub all: Vec<Waiting>,
    /// Budgets in scope.
    pub budgets: HashMap<BudgetId, String>,
    /// Who asked and who decided.
    pub people: HashMap<UserId, String>,
    /// What those do that are about roles.
    pub roles: HashMap<ApprovalId, RoleEffects>,
}

impl Found {
    /// With names for what they are about.
    pub async fn of(read: &mut Read, scope: &Scope, all: Vec<Waiting>) -> Result<Self, WebError> {
        let mut about: Vec<BudgetId> = all.iter().flat_map(|one| one.about.iter().filter_map(|about| about.budget_id)).collect();
        about.sort_unstable();
        about.dedup();
        let mut known: Vec<UserId> = all.iter().map(|one| one.row.requester_id).collect();
        known.extend(all.iter().flat_map(|one| one.decisions.iter().flat_map(|decision| [decision.person_id, decision.authority_id])));
        let roles: HashMap<ApprovalId, RoleEffects> = all
            .iter()
            .filter(|one| one.row.amount.is_none())
            .filter_map(|one| Some((one.row.id, RoleEffects::of(&one.row).ok()?)))
            .collect();
        known.extend(roles.values().filter_map(|change| change.people.first()));
        known.sort_unstable();
        known.dedup();
        Ok(Self { roles, budgets: budgets::names(read, scope, &about).await?, people: people::names(read, &known).await?, all })
    }

    /// What the budgets of a request are called; or the role, and who is the first to get more by it.
    pub fn about(&self, one: &Waiting) -> String {
        if let Some(change) = self.roles.get(&one.row.id) {
            let first = change.people.first().map(|id| self.person(*id));
            return match (first, change.people.len()) {
                (None, _) => change.label.clone(),
                (Some(name), 1) => format!("{}: {name}", change.label),
                (Some(name), count) => format!("{}: {name} and {} more", change.label, count - 1),
            };
        }
        let names = one.about.iter().filter_map(|about| self.budgets.get(&about.budget_id?).map(String::as_str));
        names.collect::<Vec<_>>().join(", ")
    }

    /// What somebody is called.
    pub fn person(&self, id: UserId) -> String {
        self.people.get(&id).cloned().unwrap_or_else(|| "Somebody who is gone".to_owned())
    }
}

/// One request as a line.
struct Line {
    reference: String,
    href: String,
    what: &'static str,
    amount: String,
    currency: String,
    about: String,
    by: String,
    asked: String,
    datetime: String,
    until: String,
    state: String,
    tone: &'static str,
}

#[derive(Template)]
#[template(path = "approvals/list.html")]
struct ListPage {
    shell: Shell,
    tabs: Vec<(String, String, bool)>,
    lines: Vec<Line>,
    ended: bool,
    paged: bool,
    asked: bool,
    caption: &'static str,
    nothing: (&'static str, &'static str),
    state: State,
    view: View,
    offered: Offered,
    chips: Vec<Chip>,
    clear: String,
    bad_amount: &'static str,
    file: String,
    zone: &'static str,
    older: String,
    newest: String,
    loans: String,
}

/// What a request is about, where its code is one of ours.
pub fn what(row: &Approval) -> &'static str {
    Matter::parse(&row.matter).map_or("Request", Matter::one)
}

/// Its amount as people read it; empty where it has none.
pub fn amount(row: &Approval) -> String {
    let Some(amount) = row.amount else { return String::new() };
    let currency = row.currency.as_deref().and_then(Currency::parse);
    currency.map_or_else(|| amount.to_string(), |currency| money::grouped(amount, currency))
}

/// Where it stands: (words, tone).
pub fn state_words(row: &Approval, given: i64) -> (String, &'static str) {
    match Status::parse(&row.status) {
        Some(Status::Pending) if row.needed > 1 => (format!("{given} of {} approved", row.needed), "warn"),
        Some(Status::Pending) => ("Waiting".to_owned(), "warn"),
        Some(Status::Approved) => ("Approved".to_owned(), "ok"),
        Some(Status::Rejected) => ("Declined".to_owned(), "bad"),
        Some(Status::Expired) => ("Expired".to_owned(), ""),
        Some(Status::Withdrawn) => ("Withdrawn".to_owned(), ""),
        None => (row.status.clone(), ""),
    }
}

/// How many approvals a request has.
pub fn given(one: &Waiting) -> i64 {
    one.decisions.iter().filter(|decision| decision.approves == 1).count() as i64
}

fn line(one: &Waiting, found: &Found, zone: chrono_tz::Tz) -> Line {
    let (state, tone) = state_words(&one.row, given(one));
    Line {
        reference: one.row.reference(),
        href: format!("/approvals/{}", one.row.id),
        what: what(&one.row),
        amount: amount(&one.row),
        currency: one.row.currency.clone().unwrap_or_default(),
        about: found.about(one),
        by: found.person(one.row.requester_id),
        asked: one.row.asked_at.local(zone),
        datetime: one.row.asked_at.iso(),
        until: one.row.ended_at.unwrap_or(one.row.expires_at).day(zone).iso(),
        state,
        tone,
    }
}

/// What a person may decide by, as of now.
pub async fn standing(read: &mut Read, who: &Signed, now: Instant) -> Result<Standing, WebError> {
    Ok(Standing::of(read, who.person.id, &who.access, now).await?)
}

/// The requests of a view, those that go on `before`; `most` of those that have pages.
pub async fn requests(
    read: &mut Read,
    who: &Signed,
    (standing, view): (&Standing, View),
    filter: &Filter,
    before: Option<ApprovalId>,
    (most, now): (i64, Instant),
) -> Result<Vec<Waiting>, WebError> {
    let wanted = match view {
        View::Mine => return Ok(standing.worklist_of(read, filter, now).await?),
        View::Waiting => Wanted::Waiting,
        View::Asked => Wanted::AskedBy(who.person.id),
        View::Ended => Wanted::Ended,
    };
    let rows = approvals::list(read, &Sight::of(&who.access), wanted, filter, before, most).await?;
    Ok(Waiting::all(read, rows).await?)
}

/// `GET /approvals`.
pub async fn list(req: HttpRequest, portal: web::Data<Portal>, who: Allowed<ReadBudgets>) -> Result<HttpResponse, WebError> {
    let page = made(&req, &portal, &who).await?;
    page.shell.answer(StatusCode::OK, &page)
}

async fn made(req: &HttpRequest, portal: &Portal, who: &Allowed<ReadBudgets>) -> Result<ListPage, WebError> {
    let state = State::parse(req.query_string())?;
    let now = portal.store.now();
    let mut read = portal.read(who).await?;
    let standing = standing(&mut read, who, now).await?;
    let (view, before) = (state.view(&standing), ApprovalId::parse(&state.before));
    let most = if view == View::Waiting { WAITING_MOST } else { PAGE as i64 + 1 };
    let zone = choices::zone(&mut read).await?;
    let filter = state.filter(&mut read, zone).await?;
    let mut all = requests(&mut read, who, (&standing, view), &filter, before, (most, now)).await?;
    let paged = matches!(view, View::Asked | View::Ended);
    let more = paged && all.len() > PAGE;
    if more {
        all.truncate(PAGE);
    }
    let mine = standing.worklist(&mut read, now).await?.len();
    let found = Found::of(&mut read, &who.reach(), all).await?;
    let offered = Offered::to(&mut read, who).await?;
    let href = |view: View| state.href(view);
    let tabs = View::ALL.iter().filter(|one| **one != View::Mine || standing.decides()).map(|one| {
        let label = if *one == View::Mine && mine > 0 { format!("{} ({mine})", one.label()) } else { one.label().to_owned() };
        (label, href(*one), *one == view)
    });
    let exports = who.access.has(Permission::ExportsCreate);
    Ok(ListPage {
        shell: Shell::new(req, portal, who, "Approvals"),
        tabs: tabs.collect(),
        lines: found.all.iter().map(|one| line(one, &found, zone)).collect(),
        ended: view == View::Ended,
        paged,
        asked: view == View::Asked,
        caption: if paged { "newest first" } else { "oldest first" },
        nothing: nothing(view),
        file: if exports { format!("/exports/new?list=approvals&{}", state.query(view, "")) } else { String::new() },
        zone: zone.name(),
        chips: state.chips(view, &offered),
        clear: format!("/approvals?view={}", view.code()),
        bad_amount: bad_amount(&state.amount),
        older: found.all.last().filter(|_| more).map(|last| format!("{}&before={}", href(view), last.row.id)).unwrap_or_default(),
        newest: if before.is_some() { href(view) } else { String::new() },
        view,
        offered,
        loans: if standing.decides() { "/settings/approvals".to_owned() } else { String::new() },
        state,
    })
}

fn nothing(view: View) -> (&'static str, &'static str) {
    match view {
        View::Mine => ("Nothing waits for you", "What others ask for in your regions comes here as soon as a policy wants it approved."),
        View::Waiting => ("Nothing waits", "No request for approval is open in your regions."),
        View::Asked => ("You asked for nothing", "When money that you move needs approval, you follow it here."),
        View::Ended => ("Nothing was decided yet", "Requests that were approved, declined, withdrawn or that expired stay here."),
    }
}
