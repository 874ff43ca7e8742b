//! Transactions for tests: written as an import writes them, seen at once.

use std::collections::BTreeMap;

use counterfoil::domain::access::Actor;
use counterfoil::domain::audit::Event;
use counterfoil::domain::currency::Currency;
use counterfoil::domain::id::{ImportId, RecipientId, TransactionId};
use counterfoil::domain::import::draft::Draft;
use counterfoil::domain::time::Instant;
use counterfoil::domain::transaction::{Channel, DeliveryStatus, OrderStatus, RedemptionStatus};
use counterfoil::store::recipients::{self, Recipient};
use counterfoil::store::transactions::{self, NewTransaction, RollupKey};
use counterfoil::store::writer::Intent;
use counterfoil::store::{imports, ledger, settings};

use super::app::{Company, NOW};

/// One transaction.
#[derive(Clone, Debug)]
pub struct Reward {
    /// The vendor's id.
    pub external: String,
    /// The region's name.
    pub region: &'static str,
    /// The budget's name.
    pub budget: Option<&'static str>,
    /// The recipient's name.
    pub recipient: String,
    /// The currency's code.
    pub currency: &'static str,
    /// Minor units.
    pub amount: i64,
    /// Seconds before [`NOW`].
    pub ago: i64,
    /// The delivery's status.
    pub delivery: DeliveryStatus,
    /// The vendor's order.
    pub order: Option<String>,
    /// The product.
    pub product: Option<String>,
}

/// A plain one in North.
pub fn reward(external: &str) -> Reward {
    Reward {
        external: external.to_owned(),
        region: "North",
        budget: None,
        recipient: "Asha Rao".to_owned(),
        currency: "EUR",
        amount: 1_000,
        ago: 60,
        delivery: DeliveryStatus::Succeeded,
        order: None,
        product: None,
    }
}

fn draft(company: &Company, reward: &Reward) -> Draft<'static> {
    let at = Instant(NOW - reward.ago * 1_000_000);
    Draft {
        external_id: Some(reward.external.clone().into()),
        order_id: reward.order.clone().map(Into::into),
        batch_id: None,
        line_number: None,
        po_number: None,
        campaign: None,
        channel: Channel::Import,
        source: Some(company.source),
        recipient_name: Some(reward.recipient.clone().into()),
        recipient_email: None,
        employee_number: None,
        region: company.regions[reward.region],
        cost_center: None,
        budget: reward.budget.map(|name| company.budgets[name]),
        product: reward.product.clone().map(Into::into),
        currency: Currency::parse(reward.currency).unwrap(),
        amount_issued: reward.amount,
        amount_charged: None,
        fee: None,
        discount: None,
        remaining_balance: None,
        fx_rate: None,
        fx_date: None,
        base_amount: None,
        gl_account: None,
        order_status: OrderStatus::Executed,
        delivery_status: reward.delivery,
        redemption_status: RedemptionStatus::Issued,
        created_at: Some(at),
        issued_at: Some(at),
        delivered_at: None,
        redeemed_at: None,
        expires_at: None,
        canceled_at: None,
        effective_date: None,
        reason_code: None,
        note: None,
        cells_hash: None,
    }
}

/// Writes them as one import; its id. With `done` false its rows stay hidden. What budgets spend is posted as the import does it.
pub async fn load(company: &Company, rewards: Vec<Reward>, done: bool) -> (ImportId, Vec<TransactionId>) {
    let drafts: Vec<(Draft<'static>, String)> = rewards.iter().map(|reward| (draft(company, reward), reward.recipient.clone())).collect();
    let source = company.source;
    let made = company.store.write(Intent::once(Actor::system("test"), "test.load"), move |tx| {
        let drafts = drafts.clone();
        Box::pin(async move {
            let import = ImportId(tx.new_id());
            let no = imports::insert_committing(tx, import, source, "test.csv").await?;
            let mut people: BTreeMap<(counterfoil::domain::id::RegionId, String), RecipientId> = BTreeMap::new();
            for (draft, name) in &drafts {
                people.entry((draft.region, name.clone())).or_insert_with(|| RecipientId(tx.new_id()));
            }
            let new: Vec<Recipient> = people
                .iter()
                .map(|((region, name), id)| Recipient {
                    id: *id,
                    region_id: *region,
                    name: name.clone(),
                    email: format!("{}.{}@people.example", name.to_lowercase().replace(' ', "."), id.short()),
                    employee_number: String::new(),
                    erased_at: None,
                })
                .collect();
            recipients::insert(tx, &new).await?;
            let (mut rows, mut sums, mut ids) = (Vec::new(), BTreeMap::new(), Vec::new());
            let (now, zone) = (tx.now, settings::zone(tx).await?);
            for (draft, name) in &drafts {
                let sum: &mut (i64, i64) = sums.entry(RollupKey::of(draft, now, zone)).or_default();
                *sum = (sum.0 + 1, sum.1 + draft.amount_issued);
                let id = TransactionId(tx.new_id());
                ids.push(id);
                let recipient = Some(people[&(draft.region, name.clone())]);
                let row_key = draft.external_id.as_deref().unwrap_or_default().as_bytes().to_vec();
                rows.push(NewTransaction {
                    id,
                    recipient,
                    source,
                    row_key,
                    content_hash: vec![0; 16],
                    import_no: no,
                    draft,
                    standing: None,
                });
            }
            transactions::insert(tx, &rows).await?;
            transactions::add_to_rollup(tx, no, &sums).await?;
            spend(tx, import, &drafts).await?;
            if done {
                let regions: std::collections::BTreeSet<_> = drafts.iter().map(|(draft, _)| draft.region).collect();
                let count = i64::try_from(ids.len()).unwrap();
                imports::finish(tx, import, count, count, &regions.into_iter().collect::<Vec<_>>()).await?;
            }
            tx.record(Event::new("import.done", "import", import, None));
            Ok((import, ids))
        })
    });
    made.await.unwrap()
}

/// One posting for each budget and direction.
async fn spend(
    tx: &mut counterfoil::store::writer::WriteTx<'_>,
    import: ImportId,
    drafts: &[(Draft<'static>, String)],
) -> Result<(), counterfoil::store::failure::Failure> {
    use counterfoil::domain::budget::{Account, End, Movement, Nature, PostingKind};
    let mut spent: BTreeMap<(counterfoil::domain::id::BudgetId, bool), i64> = BTreeMap::new();
    for (draft, _) in drafts {
        if let Some(budget) = draft.budget {
            *spent.entry((budget, draft.amount_issued < 0)).or_default() += draft.amount_issued.abs();
        }
    }
    for ((budget, back), amount) in spent {
        let budget = ledger::get(tx, budget).await?;
        let (kind, from, to) = if back {
            (PostingKind::Refund, Account::Spent, Account::Available)
        } else {
            (PostingKind::Spend, Account::Available, Account::Spent)
        };
        let (source, destination) = (End::of(from, &budget), End::of(to, &budget));
        let movement = Movement { kind, counted: kind, source, destination, amount, currency: budget.currency };
        let details = ledger::Details { import: Some(import), ..ledger::Details::default() };
        ledger::post(tx, &movement, Nature::Fact, &details).await?;
    }
    Ok(())
}
