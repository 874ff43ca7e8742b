//! The money actions one by one: what each needs, what it moves, and when it is refused. See `product.md`, "Rules of money".

use super::budgets::{self as attributes, period};
use super::budgets_plan::{Desk, Next, StatedRate, Touched, reversible};
use crate::domain::access::Permission::{BudgetsAdjust, BudgetsManage, BudgetsRead};
use crate::domain::budget::{Account, Budget, BudgetStatus, End, Movement, PostingKind};
use crate::domain::exchange::{self, Rate};
use crate::domain::id::{BudgetId, PostingId};
use crate::domain::money::{self, AmountFault};
use crate::domain::refusal::Refusal;
use crate::domain::text::is_hidden;
use crate::domain::time::Day;
use crate::store::budgets::{self, Placed};
use crate::store::db::Reader;
use crate::store::failure::Failure;
use crate::store::ledger::{BudgetRow, Details};
use crate::store::postings::PostingRow;
use crate::store::{approvals, postings, settings};

fn movement(kind: PostingKind, source: End, destination: End, amount: i64, budget: &Budget) -> Movement {
    Movement { kind, counted: kind, source, destination, amount, currency: budget.currency }
}

fn above_zero(amount: i64) -> Result<(), Refusal> {
    if amount > 0 { Ok(()) } else { Err(AmountFault::NotPositive.into()) }
}

fn noted(desk: &Desk<'_>, words: &'static str) -> Result<(), Refusal> {
    if desk.order.note.trim().is_empty() { Err(Refusal::Required("note", words)) } else { Ok(()) }
}

pub(super) async fn allocate(reader: &mut impl Reader, desk: &mut Desk<'_>, id: BudgetId, amount: i64) -> Result<(), Failure> {
    let budget = desk.touch(reader, id, BudgetsManage).await?;
    above_zero(amount)?;
    desk.takes_new(id)?;
    desk.settle_date()?;
    let ends = (End::outside(Account::Funding), End::of(Account::Available, &budget));
    Ok(desk.leg(movement(PostingKind::Allocation, ends.0, ends.1, amount, &budget), Details::default())?)
}

pub(super) async fn adjust(
    reader: &mut impl Reader,
    desk: &mut Desk<'_>,
    id: BudgetId,
    up: bool,
    amount: i64,
    reason_code: &str,
) -> Result<(), Failure> {
    let budget = desk.touch(reader, id, BudgetsAdjust).await?;
    above_zero(amount)?;
    noted(desk, "Write why in a note")?;
    if settings::reason_code(reader, reason_code).await?.is_none_or(|(_, active)| active != 1) {
        return Err(Refusal::Required("reason_code", "Choose a reason").into());
    }
    if up {
        desk.takes_new(id)?;
    }
    desk.settle_date()?;
    let (outside, inside) = (End::outside(Account::Correction), End::of(Account::Available, &budget));
    let (source, destination) = if up { (outside, inside) } else { (inside, outside) };
    let details = Details { reason_code: Some(reason_code.to_owned()), ..Details::default() };
    Ok(desk.leg(movement(PostingKind::Adjustment, source, destination, amount, &budget), details)?)
}

pub(super) async fn reserve(reader: &mut impl Reader, desk: &mut Desk<'_>, id: BudgetId, amount: i64) -> Result<(), Failure> {
    let budget = desk.touch(reader, id, BudgetsAdjust).await?;
    above_zero(amount)?;
    noted(desk, "Write what it is set aside for")?;
    desk.takes_new(id)?;
    desk.settle_date()?;
    let ends = (End::of(Account::Available, &budget), End::of(Account::Reserved, &budget));
    Ok(desk.leg(movement(PostingKind::Reserve, ends.0, ends.1, amount, &budget), Details::default())?)
}

pub(super) async fn transfer(
    reader: &mut impl Reader,
    desk: &mut Desk<'_>,
    (from, to): (BudgetId, BudgetId),
    amount: i64,
    rate: Option<&StatedRate>,
) -> Result<(), Failure> {
    let source = desk.touch(reader, from, BudgetsAdjust).await?;
    if from == to {
        return Err(Refusal::Invalid("to", "Choose another budget than the one the money comes from".to_owned()).into());
    }
    let destination = desk.touch(reader, to, BudgetsAdjust).await?;
    above_zero(amount)?;
    desk.takes_new(to)?;
    if source.period_start > destination.period_end || destination.period_start > source.period_end {
        let words = "The periods of the two budgets have no day in common. Use carry-over for the next period of the same region";
        return Err(Refusal::Invalid("to", words.to_owned()).into());
    }
    desk.settle_date()?;
    let (out, into) = (End::of(Account::Available, &source), End::of(Account::Available, &destination));
    let Some(stated) = rate else {
        if source.currency != destination.currency {
            return Err(Refusal::CurrencyDiffers(source.currency, destination.currency).into());
        }
        return Ok(desk.leg(movement(PostingKind::Transfer, out, into, amount, &source), Details::default())?);
    };
    let rate = stated_rate(desk, stated, &source, &destination)?;
    let exchanged = exchange::convert(amount, source.currency, destination.currency, rate).map_err(Refusal::from)?;
    let details = Details { rate: Some((rate.to_string(), stated.day, stated.source.trim().to_owned())), ..Details::default() };
    let between = End::outside(Account::Exchange);
    desk.leg(movement(PostingKind::Transfer, out, between, amount, &source), details.clone())?;
    desk.leg(movement(PostingKind::Transfer, between, into, exchanged.amount, &destination), details)?;
    desk.plan.exchanged = Some(exchanged);
    desk.plan.paired = true;
    Ok(())
}

fn stated_rate(desk: &Desk<'_>, stated: &StatedRate, source: &Budget, destination: &Budget) -> Result<Rate, Refusal> {
    if source.currency == destination.currency {
        let words = format!("Both budgets are kept in {}: leave the rate empty", source.currency);
        return Err(Refusal::Invalid("rate", words));
    }
    let text = stated.source.trim();
    if text.is_empty() || text.chars().count() > 120 || text.chars().any(is_hidden) {
        return Err(Refusal::Invalid("rate_source", "Enter where the rate is from, in at most 120 characters".to_owned()));
    }
    let zone = desk.plan.touched.first().map_or(chrono_tz::UTC, |touched| touched.kept.zone());
    if stated.day > desk.now.day(zone) {
        return Err(Refusal::Invalid("rate_date", "A rate is of today or of a day before".to_owned()));
    }
    Rate::parse(&stated.rate)
}

pub(super) async fn carry_over(
    reader: &mut impl Reader,
    desk: &mut Desk<'_>,
    from: BudgetId,
    amount: i64,
    to: &Next,
    close: bool,
) -> Result<(), Failure> {
    let source = desk.touch(reader, from, BudgetsManage).await?;
    above_zero(amount)?;
    let destination = match to {
        Next::Existing(id) => {
            let next = desk.touch(reader, *id, BudgetsManage).await?;
            if next.region != source.region || next.currency != source.currency || next.period_start <= source.period_end {
                let words = "Choose a budget of the same region and currency whose period begins after this one\u{2019}s";
                return Err(Refusal::Invalid("to", words.to_owned()).into());
            }
            next
        }
        Next::New { name, start, end } => next_budget(reader, desk, &source, name, (*start, *end)).await?,
    };
    desk.takes_new(destination.id)?;
    if close && source.figures.reserved != 0 {
        return Err(Refusal::State(attributes::RESERVED_STILL.to_owned()).into());
    }
    desk.settle_date()?;
    let ends = (End::of(Account::Available, &source), End::of(Account::Available, &destination));
    desk.leg(movement(PostingKind::CarryOver, ends.0, ends.1, amount, &source), Details::default())?;
    desk.plan.closes = close.then_some(from);
    Ok(())
}

/// The budget of the next period, as it will be made.
async fn next_budget(
    reader: &mut impl Reader,
    desk: &mut Desk<'_>,
    source: &Budget,
    name: &str,
    (start, end): (Day, Day),
) -> Result<Budget, Failure> {
    let name = attributes::name(name)?;
    period(start, end)?;
    if start <= source.period_end {
        let words = format!("The next period begins after {}", source.period_end.words());
        return Err(Refusal::Invalid("period_start", words).into());
    }
    if budgets::name_taken(reader, source.region, &name, (start, end), None).await? {
        return Err(Refusal::Taken("name", attributes::NAME_TAKEN.to_owned()).into());
    }
    let Some(first) = desk.plan.touched.first() else { return Err(Refusal::NotFound.into()) };
    let row = BudgetRow {
        id: desk.fresh,
        name,
        period_start: start,
        period_end: end,
        status: BudgetStatus::Active.code().to_owned(),
        version: 1,
        allocated: 0,
        adjusted: 0,
        carried_over: 0,
        reserved: 0,
        spent: 0,
        previous_id: Some(source.id),
        created_at: desk.now,
        ..first.kept.row.clone()
    };
    let budget = row.budget()?;
    let kept = Placed { row, ..first.kept.clone() };
    desk.plan.touched.push(Touched { kept, after: budget.figures, budget: budget.clone() });
    desk.plan.creates = Some(budget.id);
    Ok(budget)
}

/// A reservation that is open, with the budget it is of.
async fn reservation(reader: &mut impl Reader, desk: &mut Desk<'_>, id: PostingId) -> Result<(PostingRow, Budget), Failure> {
    let row = postings::get(reader, id).await?;
    let budget = row.destination_budget_id.ok_or(Refusal::NotFound)?;
    let budget = desk.touch(reader, budget, BudgetsAdjust).await?;
    if PostingKind::parse(&row.kind) != Some(PostingKind::Reserve) {
        return Err(Refusal::State("This posting is not a reservation".to_owned()).into());
    }
    if !approvals::holders(reader, &[id]).await?.is_empty() {
        return Err(Refusal::State("This is kept for a request that waits for approval: decide on it, or withdraw it".to_owned()).into());
    }
    if let Some(settled) = postings::followers(reader, id).await?.first() {
        return Err(Refusal::AlreadyDone(format!("This reservation was settled already, by {}", settled.reference())).into());
    }
    Ok((row, budget))
}

/// Commits `commit` of a reservation and voids the rest; with `None` voids all of it.
pub(super) async fn settle(reader: &mut impl Reader, desk: &mut Desk<'_>, id: PostingId, commit: Option<i64>) -> Result<(), Failure> {
    let (row, budget) = reservation(reader, desk, id).await?;
    let commit = match commit {
        None => 0,
        Some(amount) => {
            above_zero(amount)?;
            amount
        }
    };
    if commit > row.amount {
        let words = format!("Only {} {} was reserved", money::grouped(row.amount, budget.currency), budget.currency);
        return Err(Refusal::Invalid("amount", words).into());
    }
    desk.settle_date()?;
    let details = Details { settles: Some(id), ..Details::default() };
    let reserved = End::of(Account::Reserved, &budget);
    if commit > 0 {
        desk.leg(movement(PostingKind::Commit, reserved, End::of(Account::Spent, &budget), commit, &budget), details.clone())?;
    }
    if row.amount > commit {
        let free = End::of(Account::Available, &budget);
        desk.leg(movement(PostingKind::Void, reserved, free, row.amount - commit, &budget), details)?;
    }
    Ok(())
}

pub(super) async fn reverse(reader: &mut impl Reader, desk: &mut Desk<'_>, id: PostingId) -> Result<(), Failure> {
    let row = postings::get(reader, id).await?;
    if !row.touches(&desk.access.scope(BudgetsRead)) && !desk.access.has_everywhere(BudgetsRead) {
        return Err(Refusal::NotFound.into());
    }
    reversible(&row)?;
    if PostingKind::parse(&row.kind) == Some(PostingKind::Reserve) {
        return settle(reader, desk, id, None).await;
    }
    noted(desk, "Write why it is reversed")?;
    let mut rows = vec![row];
    if let Some(pair) = rows.first().and_then(|row| row.pair_id) {
        rows.push(postings::get(reader, pair).await?);
    }
    for row in &rows {
        for budget in [row.source_budget_id, row.destination_budget_id].into_iter().flatten() {
            desk.touch(reader, budget, BudgetsAdjust).await.map_err(|failure| match failure {
                // She sees one end; that the other is not hers is no secret, which budget it is stays one.
                Failure::Refused(Refusal::NotFound) => Refusal::Forbidden(BudgetsAdjust).into(),
                other => other,
            })?;
        }
        let earlier = postings::followers(reader, row.id).await?;
        if let Some(earlier) = earlier.iter().find(|posting| posting.reverses_id == Some(row.id)) {
            return Err(Refusal::AlreadyDone(format!("This posting was reversed already, by {}", earlier.reference())).into());
        }
    }
    desk.settle_date()?;
    desk.plan.paired = rows.len() == 2;
    for row in rows {
        let mut back = row.movement()?.reversed();
        if back.counted == PostingKind::Commit {
            // What was committed by mistake is free again: the reservation behind it stays settled.
            back.destination.account = Account::Available;
        }
        let details = Details { reverses: Some(row.id), ..Details::default() };
        desk.leg(back, details)?;
    }
    Ok(())
}
