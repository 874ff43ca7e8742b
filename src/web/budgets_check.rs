//! What the check page of a money form says: the answers in words, the balances before and after, and what changed since she looked.

use super::approvals_facts;
use super::budgets_fields::{Place, Seen};
use super::error::WebError;
use super::guard::Signed;
use crate::actions::approvals::need_of;
use crate::actions::budgets::Created;
use crate::actions::budgets_plan::{Ask, Order, Plan, Touched};
use crate::domain::access::Permission;
use crate::domain::budget::PostingKind;
use crate::domain::money;
use crate::domain::time::{Day, Instant};
use crate::store::db::Read;
use crate::store::{approval_policies, budgets, ledger, people, postings, settings};

/// A budget before and after.
pub struct Balance {
    pub name: String,
    pub place: String,
    pub currency: &'static str,
    pub new: bool,
    pub closes: bool,
    /// Label, before, after: what changes, and what is available in any case.
    pub lines: Vec<(&'static str, String, String)>,
}

/// A budget that is not what she saw.
pub struct Change {
    pub name: String,
    pub href: String,
    pub currency: String,
    pub saw: String,
    pub now: String,
    /// When, who, what, and where it is shown.
    pub events: Vec<(String, String, String, String)>,
}

/// Every budget that takes part.
pub fn balances(plan: &Plan, place: &Place) -> Vec<Balance> {
    plan.touched.iter().map(|touched| balance(plan, touched, place)).collect()
}

fn balance(plan: &Plan, touched: &Touched, place: &Place) -> Balance {
    let (before, after, currency) = (touched.budget.figures, touched.after, touched.budget.currency);
    let lines = [
        ("Allocated", before.allocated, after.allocated, false),
        ("Adjusted", before.adjusted, after.adjusted, false),
        ("Carried over", before.carried_over, after.carried_over, false),
        ("Reserved", before.reserved, after.reserved, false),
        ("Spent", before.spent, after.spent, false),
        ("Available", before.available(), after.available(), true),
    ];
    let shown = lines.into_iter().filter(|(_, was, now, always)| *always || was != now);
    Balance {
        name: touched.budget.name.clone(),
        place: place.called(&touched.budget.region, &touched.kept.region_name).to_owned(),
        currency: currency.code(),
        new: plan.creates == Some(touched.budget.id),
        closes: plan.closes == Some(touched.budget.id),
        lines: shown.map(|(label, was, now, _)| (label, money::grouped(was, currency), money::grouped(now, currency))).collect(),
    }
}

/// The answers in words.
pub async fn facts(read: &mut Read, order: &Order, plan: &Plan, place: &Place) -> Result<Vec<(&'static str, String)>, WebError> {
    let amount = |minor: i64| format!("{} {}", money::grouped(minor, place.currency), place.currency);
    let mut facts = Vec::new();
    let name = |touched: &Touched| format!("{}, {}", touched.budget.name, place.called(&touched.budget.region, &touched.kept.region_name));
    let names: Vec<String> = plan.touched.iter().map(name).collect();
    match names.as_slice() {
        [from, to, ..] if matches!(order.ask, Ask::Transfer { .. } | Ask::CarryOver { .. }) => {
            facts.extend([("From", from.clone()), ("To", to.clone())]);
        }
        names => facts.push((if names.len() > 1 { "Budgets" } else { "Budget" }, names.join("; "))),
    }
    match &order.ask {
        Ask::Allocate { amount: minor, .. } | Ask::Reserve { amount: minor, .. } => facts.push(("Amount", amount(*minor))),
        Ask::Adjust { up, amount: minor, reason_code, .. } => {
            facts.push(("Adjustment", format!("{} by {}", if *up { "Up" } else { "Down" }, amount(*minor))));
            let known = settings::reason_codes(read).await?;
            let label = known.into_iter().find(|(code, _, _)| code == reason_code).map_or(reason_code.clone(), |(_, label, _)| label);
            facts.push(("Reason", label));
        }
        Ask::CarryOver { amount: minor, close, .. } => {
            facts.push(("Amount", amount(*minor)));
            facts.push(("What moves", "The amount alone. Spending, reservations and transactions stay where they happened".to_owned()));
            let words = if *close { "It is closed: nothing more can be moved in it" } else { "It stays as it is" };
            facts.push(("The old budget", words.to_owned()));
        }
        Ask::Transfer { amount: minor, rate, .. } => {
            facts.push(("Amount", amount(*minor)));
            if let (Some(rate), Some(exchanged), Some(to)) = (rate, plan.exchanged, plan.touched.get(1)) {
                let (from, to) = (place.currency, to.budget.currency);
                facts.push(("Rate", format!("1 {from} = {} {to}, {}, {}", rate.rate, rate.day.words(), rate.source)));
                let rounding = if exchanged.rounded {
                    format!(", rounded half to even to the {} digits of {to}", to.digits())
                } else {
                    ", exactly".to_owned()
                };
                facts.push(("Arrives", format!("{} {to}{rounding}", money::grouped(exchanged.amount, to))));
            }
        }
        Ask::Commit { amount: minor, .. } => {
            facts.push(("Committed", amount(*minor)));
            let voided = plan.legs.iter().find(|leg| leg.movement.kind == PostingKind::Void);
            if let Some(leg) = voided {
                facts.push(("The rest is voided", amount(leg.movement.amount)));
            }
        }
        Ask::Void { .. } | Ask::Reverse { .. } => {
            if let Some(posting) = &place.posting {
                facts.push(("Posting", posting.reference()));
            }
            for leg in &plan.legs {
                facts.push(("Amount", format!("{} {}", money::grouped(leg.movement.amount, leg.movement.currency), leg.movement.currency)));
            }
        }
    }
    facts.push(("Effective date", plan.effective.words()));
    if !order.note.is_empty() {
        facts.push(("Note", order.note.clone()));
    }
    Ok(facts)
}

/// That a plan waits for approval when it is sent, by which rule and for whom; `None` where it does not.
pub async fn waits(read: &mut Read, who: &Signed, plan: &Plan, now: Instant) -> Result<Option<String>, WebError> {
    let policies = approval_policies::in_force(read).await?;
    let Some(need) = need_of(read, &policies, Some(who.person.id), plan, now).await? else { return Ok(None) };
    let regions = plan.touched.iter().map(|touched| touched.budget.region).collect();
    Ok(Some(approvals_facts::waits(read, who, &need, &regions, &[], now).await?))
}

/// What is said when a budget was made.
pub fn made_words(made: Created) -> (&'static str, String) {
    match made {
        Created::Whole(_) => ("ok", "The budget is made.".to_owned()),
        Created::Waits(_, id) => ("info", format!("The budget is made. Its first allocation waits for approval: APR-{}.", id.short())),
    }
}

/// The budgets of a plan as they are shown now, for the form to carry.
pub async fn seen_of(read: &mut Read, plan: &Plan) -> Result<String, WebError> {
    let mut parts = Vec::new();
    for touched in plan.touched.iter().filter(|touched| Some(touched.budget.id) != plan.creates) {
        let budget = &touched.budget;
        let newest = postings::newest(read, budget.id).await?;
        parts.push(Seen { budget: budget.id, version: budget.version, available: budget.figures.available(), newest }.text());
    }
    Ok(parts.join(","))
}

/// What changed in each budget since she looked: the new figures beside what she saw, who and when.
pub async fn changes(read: &mut Read, who: &Signed, seen: &[Seen]) -> Result<Vec<Change>, WebError> {
    const MOST: i64 = 10;
    let scope = who.scope(Permission::BudgetsRead);
    let mut changes = Vec::new();
    for seen in seen {
        let Some(row) = ledger::find(read, &scope, seen.budget).await? else { continue };
        if row.version == seen.version {
            continue;
        }
        let budget = row.budget()?;
        let moved = postings::statement(read, row.id, &postings::Wanted::default(), postings::From::Newer(seen.newest), MOST).await?;
        let edited = budgets::versions(read, &scope, row.id, seen.version).await?;
        let people: Vec<_> = moved.iter().filter_map(|row| row.actor_id).chain(edited.iter().filter_map(|row| row.actor_id)).collect();
        let names = people::names(read, &people).await?;
        let name =
            |id: Option<crate::domain::id::UserId>| id.and_then(|id| names.get(&id).cloned()).unwrap_or_else(|| "The system".to_owned());
        let day = |at: Instant| format!("{} UTC", at.local(chrono_tz::UTC));
        let mut events: Vec<_> = moved
            .iter()
            .map(|posting| {
                let kind = PostingKind::parse(&posting.kind).map_or("Posting", PostingKind::label);
                let what = format!("{kind} of {} {}", money::grouped(posting.amount, budget.currency), posting.currency);
                (day(posting.at), name(posting.actor_id), what, format!("/postings/{}", posting.id))
            })
            .collect();
        let edits = edited.iter().map(|version| {
            (day(version.at), name(version.actor_id), "Name, period, owner, cost centre or status changed".to_owned(), String::new())
        });
        events.extend(edits);
        changes.push(Change {
            href: format!("/budgets/{}", row.id),
            currency: row.currency.clone(),
            saw: money::grouped(seen.available, budget.currency),
            now: money::grouped(budget.figures.available(), budget.currency),
            name: row.name,
            events,
        });
    }
    Ok(changes)
}

/// A period as a table has room for it: whole months without their days, `Jan – Dec 2026`.
pub fn period_short(start: Day, end: Day) -> String {
    let (first, last) = (start.date(), end.date());
    let month = |date: chrono::NaiveDate| date.format("%b %Y").to_string();
    if start != start.month_start() || Day(end.0 + 1) != Day(end.0 + 1).month_start() {
        return period_words(start, end);
    }
    match (first.format("%Y").to_string() == last.format("%Y").to_string(), month(first) == month(last)) {
        (_, true) => month(first),
        (true, false) => format!("{} \u{2013} {}", first.format("%b"), month(last)),
        (false, false) => format!("{} \u{2013} {}", month(first), month(last)),
    }
}

/// A period as people read it.
pub fn period_words(start: Day, end: Day) -> String {
    format!("{} to {}", start.words(), end.words())
}
