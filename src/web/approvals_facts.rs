//! What the page of a request says: what was asked for in words, each budget before and after, and who did what.

use std::collections::BTreeSet;

use super::approvals::{Found, amount, what};
use super::budgets_check::Balance;
use super::error::WebError;
use super::guard::Signed;
use crate::actions::approval_effects::{Change, Effects};
use crate::actions::approval_roles::RoleEffects;
use crate::actions::approvals::Waiting;
use crate::actions::budgets_plan::{Ask, Order};
use crate::domain::access::Permission;
use crate::domain::approval::{Matter, Need, Policy, Status};
use crate::domain::budget::Figures;
use crate::domain::currency::Currency;
use crate::domain::id::{RegionId, UserId};
use crate::domain::money;
use crate::domain::time::{Day, Instant};
use crate::store::approval_policies;
use crate::store::db::Read;
use crate::store::failure::DbError;
use crate::store::{ledger, people, postings, regions, settings};

/// What a request asks for and does, as it was kept.
pub enum Asked {
    /// Money moves.
    Money {
        /// The order.
        order: Order,
        /// What it does.
        effects: Effects,
    },
    /// Somebody is allowed more.
    Roles(RoleEffects),
}

impl Asked {
    /// Read from the texts that the hash is over.
    pub fn of(one: &Waiting) -> Result<Self, DbError> {
        let broken = |error: serde_json::Error| DbError::Broken(format!("request {} cannot be read: {error}", one.row.id));
        if one.row.matter()? == Matter::RoleChange {
            return Ok(Self::Roles(RoleEffects::of(&one.row)?));
        }
        let order = serde_json::from_str(&one.row.order_text).map_err(broken)?;
        Ok(Self::Money { order, effects: serde_json::from_str(&one.row.effects).map_err(broken)? })
    }
}

fn currency(code: &str) -> Result<Currency, DbError> {
    Currency::parse(code).ok_or_else(|| DbError::Broken(format!("{code} is no currency")))
}

fn place(change: &Change, regions: &std::collections::HashMap<RegionId, String>) -> String {
    regions.get(&change.region).cloned().unwrap_or_default()
}

/// The limit that a policy sets, in words: `Transfers from 5,000.00 EUR`.
pub fn rule(policy: &Policy) -> String {
    let amount =
        |minor: i64| policy.currency.map_or_else(String::new, |currency| format!("{} {currency}", money::grouped(minor, currency)));
    let label = policy.matter.label();
    if policy.matter == Matter::RoleChange {
        return label.to_owned();
    }
    let from = policy.from.map(|from| if from == 0 { "of any amount".to_owned() } else { format!("from {}", amount(from)) });
    let day = policy.day.map(|day| format!("past {} within 24 hours by one person", amount(day)));
    let limits: Vec<String> = from.into_iter().chain(day).collect();
    let only = policy.currency.filter(|_| policy.from == Some(0)).map(|currency| format!(" in {currency}")).unwrap_or_default();
    format!("{label} {}{only}", limits.join(", or "))
}

/// `1 approver`.
pub fn approvers(count: i64) -> String {
    if count == 1 { "1 approver".to_owned() } else { format!("{count} approvers") }
}

/// The answers that were given, in words.
pub async fn facts(read: &mut Read, who: &Signed, one: &Waiting, asked: &Asked) -> Result<Vec<(&'static str, String)>, WebError> {
    let scope = who.scope(Permission::BudgetsRead);
    let (order, effects) = match asked {
        Asked::Money { order, effects } => (order, effects),
        Asked::Roles(change) => return role_facts(read, who, change).await,
    };
    let names = regions::names(read, &scope).await?;
    let named = |change: &Change| format!("{}, {}", change.name, place(change, &names));
    let budgets: Vec<String> = effects.budgets.iter().map(named).collect();
    let mut facts = vec![("What", what(&one.row).to_owned())];
    match budgets.as_slice() {
        [from, to, ..] if matches!(order.ask, Ask::Transfer { .. } | Ask::CarryOver { .. }) => {
            facts.extend([("From", from.clone()), ("To", to.clone())]);
        }
        all => facts.push((if all.len() > 1 { "Budgets" } else { "Budget" }, all.join("; "))),
    }
    let money = format!("{} {}", amount(&one.row), one.row.currency.as_deref().unwrap_or_default());
    match &order.ask {
        Ask::Adjust { up, reason_code, .. } => {
            facts.push(("Adjustment", format!("{} by {money}", if *up { "Up" } else { "Down" })));
            let known = settings::reason_codes(read).await?;
            let label = known.into_iter().find(|(code, _, _)| code == reason_code).map_or(reason_code.clone(), |(_, label, _)| label);
            facts.push(("Reason", label));
        }
        Ask::Transfer { rate: Some(rate), .. } => {
            facts.push(("Amount", money));
            facts.push(("Rate", format!("{}, {}, {}", rate.rate, rate.day.words(), rate.source)));
            if let Some(leg) = effects.legs.get(1) {
                facts.push(("Arrives", format!("{} {}", money::grouped(leg.amount, currency(&leg.currency)?), leg.currency)));
            }
        }
        Ask::CarryOver { close, .. } => {
            facts.push(("Amount", money));
            let words = if *close { "It is closed: nothing more can be moved in it" } else { "It stays as it is" };
            facts.push(("The old budget", words.to_owned()));
        }
        Ask::Reverse { posting } => {
            facts.push(("Amount", money));
            facts.extend(postings::find(read, &scope, *posting).await?.map(|posting| ("Reverses", posting.reference())));
        }
        _ => facts.push(("Amount", money)),
    }
    facts.extend(order.effective.map(|day| ("Effective date", day.words())));
    if !order.note.is_empty() {
        facts.push(("Note", order.note.clone()));
    }
    Ok(facts)
}

/// What a change of roles is: who may do more, what, and where.
async fn role_facts(read: &mut Read, who: &Signed, change: &RoleEffects) -> Result<Vec<(&'static str, String)>, WebError> {
    let names = regions::names(read, &who.scope(Permission::PeopleRead)).await?;
    let known = people::names(read, &change.people).await?;
    let people: Vec<String> = change.people.iter().filter_map(|id| known.get(id).cloned()).collect();
    let places: Vec<&str> = change.regions.iter().map(|id| names.get(id).map_or("a region that you do not see", String::as_str)).collect();
    let labels =
        |codes: &[String]| codes.iter().filter_map(|code| Permission::parse(code)).map(Permission::label).collect::<Vec<_>>().join("; ");
    let mut facts = vec![("Role", change.label.clone())];
    if people.is_empty() {
        facts.push(("Who", "Nobody holds it now".to_owned()));
    } else {
        facts.push(("Who", one_of(&people, "and")));
        facts.push(("Where", format!("{}, and everything below", places.join(", "))));
    }
    facts.push(("May do then", labels(&change.added)));
    if change.added != change.allows {
        facts.push(("The role allows", labels(&change.allows)));
    }
    facts.extend(change.ends_on.as_deref().and_then(Day::parse).map(|day| ("Until", format!("{}, the whole day UTC", day.words()))));
    Ok(facts)
}

/// What changes in each budget: while it waits, from what it would be without what is reserved for this very request.
pub async fn balances(read: &mut Read, who: &Signed, one: &Waiting, asked: &Asked) -> Result<Vec<Balance>, WebError> {
    let Asked::Money { effects, .. } = asked else { return Ok(Vec::new()) };
    let scope = who.scope(Permission::BudgetsRead);
    let names = regions::names(read, &scope).await?;
    let waits = one.row.status == Status::Pending.code();
    let mut balances = Vec::new();
    for change in &effects.budgets {
        let currency = currency(&change.currency)?;
        let held = one.about.iter().find(|about| about.budget_id == Some(change.budget)).map_or(0, |about| about.held);
        let now = ledger::find(read, &scope, change.budget).await?.map(|row| row.figures()).unwrap_or_default();
        let free = Figures { reserved: now.reserved.saturating_sub(held), ..now };
        balances.push(Balance {
            name: change.name.clone(),
            place: place(change, &names),
            currency: currency.code(),
            new: effects.creates == Some(change.budget),
            closes: effects.closes == Some(change.budget),
            lines: if waits { before_and_after(change, &free, currency) } else { changes(change, currency) },
        });
    }
    Ok(balances)
}

type Lines = Vec<(&'static str, String, String)>;

fn parts(change: &Change) -> [(&'static str, i64); 5] {
    [
        ("Allocated", change.allocated),
        ("Adjusted", change.adjusted),
        ("Carried over", change.carried_over),
        ("Reserved", change.reserved),
        ("Spent", change.spent),
    ]
}

fn before_and_after(change: &Change, now: &Figures, currency: Currency) -> Lines {
    let was = [now.allocated, now.adjusted, now.carried_over, now.reserved, now.spent];
    let after = Figures {
        allocated: now.allocated.saturating_add(change.allocated),
        adjusted: now.adjusted.saturating_add(change.adjusted),
        carried_over: now.carried_over.saturating_add(change.carried_over),
        reserved: now.reserved.saturating_add(change.reserved),
        spent: now.spent.saturating_add(change.spent),
    };
    let shown = |minor: i64| money::grouped(minor, currency);
    let changed = parts(change).into_iter().zip(was).filter(|((_, more), _)| *more != 0);
    let mut lines: Lines = changed.map(|((label, more), was)| (label, shown(was), shown(was.saturating_add(more)))).collect();
    lines.push(("Available", shown(now.available()), shown(after.available())));
    lines
}

fn changes(change: &Change, currency: Currency) -> Lines {
    let shown = |minor: i64| format!("{}{}", if minor > 0 { "+" } else { "" }, money::grouped(minor, currency));
    parts(change).into_iter().filter(|(_, more)| *more != 0).map(|(label, more)| (label, String::new(), shown(more))).collect()
}

/// One step of its way.
pub struct Step {
    /// `ok`, `bad` or nothing.
    pub tone: &'static str,
    /// What was done.
    pub what: String,
    /// Why; may be empty.
    pub why: String,
    /// Who, by whose right, and when.
    pub by: String,
}

/// Who asked, who decided, and how it ended.
pub fn steps(one: &Waiting, found: &Found, zone: chrono_tz::Tz) -> Vec<Step> {
    let at = |at: Instant| at.local(zone);
    let by = format!("{}, {}", found.person(one.row.requester_id), at(one.row.asked_at));
    let mut steps = vec![Step { tone: "", what: "Asked for".to_owned(), why: String::new(), by }];
    for decision in &one.decisions {
        let mut by = found.person(decision.person_id);
        if decision.authority_id != decision.person_id {
            by = format!("{by} for {}", found.person(decision.authority_id));
        }
        let (tone, what) = if decision.approves == 1 { ("ok", "Approved") } else { ("bad", "Declined") };
        steps.push(Step { tone, what: what.to_owned(), why: decision.reason.clone(), by: format!("{by}, {}", at(decision.at)) });
    }
    if let Some(ended) = one.row.ended_at {
        let (tone, what) = match Status::parse(&one.row.status) {
            Some(Status::Approved) => ("ok", "Done"),
            Some(Status::Expired) => ("", "Expired"),
            Some(Status::Withdrawn) => ("", "Withdrawn"),
            _ => return steps,
        };
        steps.push(Step { tone, what: what.to_owned(), why: one.row.ended_because.clone(), by: at(ended) });
    }
    steps
}

/// That something waits for approval when it is sent, by which rule and for whom.
pub async fn waits(
    read: &mut Read,
    who: &Signed,
    need: &Need,
    regions: &BTreeSet<RegionId>,
    raised: &[UserId],
    now: Instant,
) -> Result<String, WebError> {
    let could = approval_policies::approvers(read, need.policy.matter, regions, who.person.id, now.day(chrono_tz::UTC)).await?;
    let names: Vec<String> = could.into_iter().filter(|(id, _)| !raised.contains(id)).map(|(_, name)| name).collect();
    let whom = match need.policy.approvers {
        _ if names.is_empty() => "nobody has the right to approve it here yet".to_owned(),
        1 => format!("it waits for {}", one_of(&names, "or")),
        count => format!("it waits for {count} of these: {}", one_of(&names, "and")),
    };
    Ok(format!("Needed for this: {}. When you send it, {whom}", rule(&need.policy)))
}

/// Names in a sentence: `Ann, Ben or Cyd`, with the first five of them.
pub fn one_of(names: &[String], word: &str) -> String {
    const NAMED: usize = 5;
    let more = names.len().saturating_sub(NAMED);
    let mut shown: Vec<String> = names.iter().take(NAMED).cloned().collect();
    if more > 0 {
        shown.push(format!("{more} more"));
    }
    match shown.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} {word} {last}", rest.join(", ")),
        Some((last, _)) => last.clone(),
        None => String::new(),
    }
}
