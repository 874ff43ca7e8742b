//! A year of rewards, month by month: the vendor's file, what it cost each budget, and what people did about it.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Pot, World, axes, company, move_money};
use crate::domain::audit::Event;
use crate::domain::budget::{Account, End, Movement, Nature, PostingKind};
use crate::domain::currency::Currency;
use crate::domain::id::{ImportId, RecipientId, RegionId, SourceId, TransactionId};
use crate::domain::import::draft::Draft;
use crate::domain::refusal::Refusal;
use crate::domain::time::{Day, Instant};
use crate::domain::transaction::{Channel, DeliveryStatus, OrderStatus, RedemptionStatus};
use crate::store::failure::Failure;
use crate::store::imports;
use crate::store::ledger::{self, Details};
use crate::store::recipients::{self, Recipient};
use crate::store::settings;
use crate::store::transactions::{self, NewTransaction, RollupKey, Standing};
use crate::store::writer::WriteTx;

/// Rows in one command behind the door.
const CHUNK: usize = 1000;

/// One row of the vendor's file, with who received it and how it stands.
type Line = (Draft<'static>, RecipientId, Standing);

/// Pays a year of rewards.
pub async fn pay(world: &World, start: Day, now: Instant, progress: impl Fn(u64)) -> Result<(), Failure> {
    let recipients = hire(world).await?;
    let mut made = 0u64;
    for month in 0..super::MONTHS {
        let first = start.add_months(month);
        let last = Day((first.add_months(1).0 - 1).min(world.today.0));
        let wanted = world.transactions * (month as u64 + 1) / super::MONTHS as u64 - made;
        if month + 1 == super::MONTHS {
            world.review_opened().await?;
        }
        // The file of a month comes when the month is over, this month's a few minutes ago; it holds what was issued before.
        world.at(Day(last.0 + 1));
        let lines = (0..wanted).map(|at| line(world, &recipients, first, last, made + at, now)).collect::<Result<Vec<Line>, Failure>>()?;
        load(world, first, lines, &progress, made).await?;
        made += wanted;
        requests(world, last).await?;
    }
    Ok(())
}

/// The recipients of each paying region.
async fn hire(world: &World) -> Result<BTreeMap<RegionId, Vec<RecipientId>>, Failure> {
    let mut all = BTreeMap::new();
    for (place, share, _) in company::PAYING {
        let region = world.region(place)?.id;
        let count = usize::try_from(share * 2).unwrap_or(100);
        let staff: Vec<Recipient> = (0..count)
            .map(|number| {
                let (first, last) = (pick(world, company::FIRST), pick(world, company::LAST));
                let id = RecipientId(crate::clock::uuid_v7(world.clock.now(), &world.random));
                let plain = |name: &str| name.chars().filter(char::is_ascii_alphabetic).collect::<String>().to_lowercase();
                let email = format!("{}.{}{number}@halden.example", plain(first), plain(last));
                let employee_number = format!("E{:02}{number:04}", world.regions.len() + all.len());
                Recipient { id, region_id: region, name: format!("{first} {last}"), email, employee_number, erased_at: None }
            })
            .collect();
        all.insert(region, staff.iter().map(|recipient| recipient.id).collect());
        world
            .step("", move |tx| {
                let staff = staff.clone();
                Box::pin(async move { Ok(recipients::insert(tx, &staff).await?) })
            })
            .await?;
    }
    Ok(all)
}

fn pick<'a>(world: &World, from: &[&'a str]) -> &'a str {
    from.get(world.random.below(from.len() as u64) as usize).copied().unwrap_or_default()
}

/// A number in `0..1000`.
fn dice(world: &World) -> u64 {
    world.random.below(1000)
}

fn place_of(world: &World) -> &'static (&'static str, u64, i64) {
    let mut left = dice(world);
    for place in company::PAYING {
        if left < place.1 {
            return place;
        }
        left -= place.1;
    }
    &company::PAYING[0]
}

/// The budget a reward is paid from: the region's, of the programme, whose period holds the day; last year's is one for all programmes.
fn pot_of<'w>(world: &'w World, region: RegionId, programme: &str, day: Day) -> Option<&'w Pot> {
    let within = |pot: &&Pot| pot.budget.region == region && (pot.budget.period_start..=pot.budget.period_end).contains(&day);
    let mut candidates = world.pots.iter().filter(within);
    let all: Vec<&Pot> = candidates.by_ref().collect();
    all.iter().find(|pot| pot.programme == programme).or(all.first()).copied()
}

fn line(
    world: &World,
    recipients: &BTreeMap<RegionId, Vec<RecipientId>>,
    first: Day,
    last: Day,
    number: u64,
    now: Instant,
) -> Result<Line, Failure> {
    let (place, _, hundred) = place_of(world);
    let at = world.region(place)?;
    let region = at.id;
    let roll = world.random.below(100);
    let programme = if roll < 55 {
        "Recognition"
    } else if roll < 85 {
        "Spot awards"
    } else {
        "Wellness"
    };
    let span = u64::try_from(last.0 - first.0 + 1).unwrap_or(1);
    let day = Day(first.0 + world.random.below(span) as i64);
    let opens = day.start(chrono_tz::UTC);
    // Today has only come this far.
    let uploaded = world.clock.now();
    let seconds = ((uploaded - opens.0) / 1_000_000 - 60).clamp(1, 86_000);
    let issued = Instant(opens.plus_seconds(world.random.below(seconds.unsigned_abs()) as i64).0.min(uploaded - 60_000_000));
    let pot = pot_of(world, region, programme, day).filter(|_| dice(world) >= 15);
    let currency = at.currency().ok_or(Refusal::NotFound)?;
    let amount = amount_of(world, *hundred, currency);
    let mut draft = plain(region, currency, amount, issued);
    draft.budget = pot.map(|pot| pot.budget.id);
    draft.external_id = Some(Cow::Owned(format!("VR-{}-{:06}", &day.iso().replace('-', "")[2..6], number % 1_000_000)));
    let order = number / (1 + world.random.below(6));
    draft.order_id = Some(Cow::Owned(format!("ORD-{:05}", order % 100_000)));
    draft.batch_id = Some(Cow::Owned(format!("B{}", &day.iso()[2..10])));
    draft.line_number = Some(1 + world.random.below(12) as i64);
    draft.po_number = (dice(world) >= 30).then(|| Cow::Owned(format!("PO-{:04}", 4000 + world.random.below(400))));
    draft.campaign = Some(Cow::Borrowed(pick(world, company::CAMPAIGNS)));
    draft.product = Some(Cow::Borrowed(pick(world, company::PRODUCTS)));
    draft.cost_center = Some(Cow::Owned(at.cost_centre.clone()));
    draft.gl_account = Some(Cow::Borrowed(["6410", "6425", "6430"][world.random.below(3) as usize]));
    draft.channel = [Channel::Portal, Channel::Bulk, Channel::Api, Channel::Integration][world.random.below(4) as usize];
    if dice(world) < 20 {
        draft.channel = Channel::Import;
    }
    states(world, &mut draft, now);
    faults(world, &mut draft, day);
    let standing = axes::standing(world, &draft, amount >= 100 * hundred * 10i64.pow(currency.digits()) / 100, now);
    let staff = recipients.get(&region).map_or(&[] as &[RecipientId], Vec::as_slice);
    let who = staff.get(world.random.below(staff.len() as u64) as usize).copied().ok_or(Refusal::NotFound)?;
    Ok((draft, who, standing))
}

fn plain(region: RegionId, currency: Currency, amount: i64, issued: Instant) -> Draft<'static> {
    Draft {
        external_id: None,
        order_id: None,
        batch_id: None,
        line_number: None,
        po_number: None,
        campaign: None,
        channel: Channel::Portal,
        source: None,
        recipient_name: None,
        recipient_email: None,
        employee_number: None,
        region,
        cost_center: None,
        budget: None,
        product: None,
        currency,
        amount_issued: amount,
        amount_charged: Some(amount + amount / 40),
        fee: Some(amount / 40),
        discount: None,
        remaining_balance: None,
        fx_rate: None,
        fx_date: None,
        base_amount: None,
        gl_account: None,
        order_status: OrderStatus::Executed,
        delivery_status: DeliveryStatus::Succeeded,
        redemption_status: RedemptionStatus::Issued,
        created_at: Some(Instant(issued.0 - 3_600_000_000)),
        issued_at: Some(issued),
        delivered_at: None,
        redeemed_at: None,
        expires_at: Some(issued.plus_seconds(365 * 86_400)),
        canceled_at: None,
        effective_date: None,
        reason_code: None,
        note: None,
        cells_hash: None,
    }
}

/// Round sums of the place's money, some with odd cents; one in a hundred is a credit note.
fn amount_of(world: &World, hundred: i64, currency: Currency) -> i64 {
    let euros = [25, 25, 40, 50, 50, 50, 75, 75, 100, 120][world.random.below(10) as usize];
    let factor = 10i64.pow(currency.digits());
    let mut amount = euros * hundred * factor / 100;
    if dice(world) < 200 && factor > 1 {
        amount += world.random.below(factor.unsigned_abs()) as i64;
    }
    if dice(world) < 10 { -amount } else { amount }
}

fn states(world: &World, draft: &mut Draft<'static>, now: Instant) {
    let issued = draft.issued_at.unwrap_or(now);
    let age_days = (now.0 - issued.0) / 86_400_000_000;
    let delivered = Instant((issued.0 + 600_000_000 + world.random.below(86_400_000_000) as i64).min(now.0));
    match dice(world) {
        0..25 => {
            (draft.order_status, draft.delivery_status) = (OrderStatus::Failed, DeliveryStatus::Failed);
            return;
        }
        25..60 => {
            draft.delivery_status = DeliveryStatus::Failed;
            return;
        }
        60..70 => {
            (draft.order_status, draft.delivery_status) = (OrderStatus::Canceled, DeliveryStatus::Scheduled);
            (draft.redemption_status, draft.canceled_at) = (RedemptionStatus::Canceled, Some(delivered));
            return;
        }
        70..85 => draft.order_status = OrderStatus::PartiallyFailed,
        _ => {}
    }
    if age_days < 3 {
        let (order, delivery) = match world.random.below(4) {
            0 => (OrderStatus::Open, DeliveryStatus::Scheduled),
            1 => (OrderStatus::PendingApproval, DeliveryStatus::Scheduled),
            _ => (OrderStatus::Executed, DeliveryStatus::Pending),
        };
        (draft.order_status, draft.delivery_status) = (order, delivery);
        return;
    }
    draft.delivered_at = Some(delivered);
    let used = Instant((delivered.0 + world.random.below(40 * 86_400_000_000) as i64).min(now.0));
    match dice(world) {
        0..620 => (draft.redemption_status, draft.redeemed_at) = (RedemptionStatus::Redeemed, Some(used)),
        620..700 => {
            (draft.redemption_status, draft.redeemed_at) = (RedemptionStatus::PartiallyRedeemed, Some(used));
            draft.remaining_balance = Some(draft.amount_issued.max(0) / 3);
        }
        700..705 => draft.redemption_status = RedemptionStatus::Frozen,
        705..740 if age_days > 200 => {
            draft.redemption_status = RedemptionStatus::Expired;
            draft.expires_at = Some(Instant((issued.0 + 180 * 86_400_000_000).min(now.0)));
        }
        _ => {}
    }
}

/// What a finance person finds in a real file: an accounting date with day and month swapped, a cent too much, a line that is there twice.
fn faults(world: &World, draft: &mut Draft<'static>, day: Day) {
    match world.random.below(2000) {
        0 => {
            let iso = day.iso();
            let swapped = format!("{}-{}-{}", &iso[..4], &iso[8..10], &iso[5..7]);
            draft.effective_date = Day::parse(&swapped).filter(|swapped| *swapped != day);
        }
        1 => draft.amount_charged = draft.amount_charged.map(|charged| charged + 1),
        2 => draft.po_number = None,
        3 => draft.note = Some(Cow::Borrowed("Vendor says: duplicate of the line above")),
        _ => {}
    }
}

/// Loads one month's file as an import does: in chunks, hidden, and seen at once with what it cost each budget.
async fn load(world: &World, first: Day, lines: Vec<Line>, progress: &impl Fn(u64), before: u64) -> Result<(), Failure> {
    let import = ImportId(crate::clock::uuid_v7(world.clock.now(), &world.random));
    let (source, file) = (world.source, format!("vendor-{}.csv", first.month_key()));
    let no: i64 = world
        .step("Samuel Adeyemi", move |tx| {
            let file = file.clone();
            Box::pin(async move { imports::insert_committing(tx, import, source, &file).await })
        })
        .await?;
    let lines = Arc::new(lines);
    for from in (0..lines.len()).step_by(CHUNK) {
        let part = lines.clone();
        world
            .step("Samuel Adeyemi", move |tx| {
                let part = part.clone();
                Box::pin(async move { chunk(tx, &part[from..part.len().min(from + CHUNK)], no, source).await })
            })
            .await?;
        progress(before + lines.len().min(from + CHUNK) as u64);
    }
    let mut spent: BTreeMap<(usize, bool), i64> = BTreeMap::new();
    for (draft, ..) in lines.iter() {
        let Some(at) = world.pots.iter().position(|pot| Some(pot.budget.id) == draft.budget) else { continue };
        *spent.entry((at, draft.amount_issued < 0)).or_default() += draft.amount_issued.abs();
    }
    let spent: Vec<(Pot, bool, i64)> = spent.into_iter().map(|((at, back), sum)| (world.pots[at].clone(), back, sum)).collect();
    let regions: std::collections::BTreeSet<RegionId> = lines.iter().map(|(draft, ..)| draft.region).collect();
    let (count, regions) = (lines.len() as i64, regions.into_iter().collect::<Vec<_>>());
    let day = Day(first.add_months(1).0 - 1).min(world.today);
    world.until(Instant(world.clock.now()).plus_seconds(20 + lines.len() as i64 / 400));
    world
        .step("Samuel Adeyemi", move |tx| {
            let (spent, regions) = (spent.clone(), regions.clone());
            Box::pin(async move { publish(tx, import, count, &regions, &spent, day).await })
        })
        .await
}

async fn chunk(tx: &mut WriteTx<'_>, lines: &[Line], no: i64, source: SourceId) -> Result<(), Failure> {
    let (now, zone) = (tx.now, settings::zone(tx).await?);
    let mut sums: BTreeMap<RollupKey, (i64, i64)> = BTreeMap::new();
    let mut rows = Vec::with_capacity(lines.len());
    for (draft, recipient, standing) in lines {
        let sum = sums.entry(RollupKey::of(draft, now, zone)).or_default();
        *sum = (sum.0 + 1, sum.1 + draft.amount_issued);
        let id = TransactionId(tx.new_id());
        let (row_key, content_hash) = (draft.row_key(0).into_bytes(), draft.content_hash().to_vec());
        let (recipient, standing) = (Some(*recipient), Some(*standing));
        rows.push(NewTransaction { id, recipient, source, row_key, content_hash, import_no: no, draft, standing });
    }
    transactions::insert(tx, &rows).await?;
    transactions::add_to_rollup(tx, no, &sums).await?;
    Ok(())
}

async fn publish(
    tx: &mut WriteTx<'_>,
    import: ImportId,
    count: i64,
    regions: &[RegionId],
    spent: &[(Pot, bool, i64)],
    day: Day,
) -> Result<(), Failure> {
    for (pot, back, amount) in spent {
        let budget = ledger::get(tx, pot.budget.id).await?;
        let (kind, from, to) = match back {
            true => (PostingKind::Refund, Account::Spent, Account::Available),
            false => (PostingKind::Spend, Account::Available, Account::Spent),
        };
        let (source, destination) = (End::of(from, &budget), End::of(to, &budget));
        let movement = Movement { kind, counted: kind, source, destination, amount: *amount, currency: budget.currency };
        let effective = Some(day.min(budget.period_end));
        ledger::post(tx, &movement, Nature::Fact, &Details { effective, import: Some(import), ..Details::default() }).await?;
    }
    imports::finish(tx, import, count, count, regions).await?;
    tx.record(Event::new("import.done", "import", import, None).detail(serde_json::json!({ "created": count })));
    Ok(())
}

/// What people did in a month: corrections, transfers, money set aside.
async fn requests(world: &World, day: Day) -> Result<(), Failure> {
    let open: Vec<&Pot> = world.pots.iter().filter(|pot| pot.budget.period_end >= day && pot.budget.period_start <= day).collect();
    for _ in 0..5 {
        let Some(pot) = open.get(world.random.below(open.len() as u64) as usize) else { continue };
        let amount = super::round(pot.monthly / 4, pot.budget.currency);
        let up = world.random.below(3) > 0;
        let reason = company::REASONS[world.random.below(company::REASONS.len() as u64) as usize].0;
        let (from, to) = if up { (Account::Correction, Account::Available) } else { (Account::Available, Account::Correction) };
        let kind = if dice(world) < 200 { PostingKind::Reserve } else { PostingKind::Adjustment };
        let (from, to) = if kind == PostingKind::Reserve { (Account::Available, Account::Reserved) } else { (from, to) };
        let id = pot.budget.id;
        let done =
            world.step("Samuel Adeyemi", move |tx| Box::pin(async move { move_money(tx, id, from, to, kind, amount, day, reason).await }));
        skip_refused(done.await)?;
    }
    let Some(from) = open.get(world.random.below(open.len() as u64) as usize) else { return Ok(()) };
    let same = |pot: &&&Pot| pot.budget.currency == from.budget.currency && pot.budget.id != from.budget.id;
    let Some(to) = open.iter().find(same) else { return Ok(()) };
    let amount = super::round(from.monthly / 8, from.budget.currency);
    let movement = Movement {
        kind: PostingKind::Transfer,
        counted: PostingKind::Transfer,
        source: End::of(Account::Available, &from.budget),
        destination: End::of(Account::Available, &to.budget),
        amount,
        currency: from.budget.currency,
    };
    let done = world.step("Samuel Adeyemi", move |tx| {
        let movement = movement.clone();
        let details = Details { effective: Some(day), note: "Agreed in the monthly review".to_owned(), ..Details::default() };
        Box::pin(async move { ledger::post(tx, &movement, Nature::Request, &details).await.map(|_| ()) })
    });
    skip_refused(done.await)
}

/// A request that the rules refuse (a budget that has nothing left) is simply one that did not happen.
fn skip_refused(done: Result<(), Failure>) -> Result<(), Failure> {
    match done {
        Err(Failure::Refused(Refusal::NotEnough { .. } | Refusal::BudgetClosed(_))) => Ok(()),
        other => other,
    }
}
