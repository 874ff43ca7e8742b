//! People who adjust budgets through the door, over and over.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use counterfoil::actions::budgets::{self, Attributes, NewBudget};
use counterfoil::actions::budgets_move;
use counterfoil::actions::budgets_plan::{Ask, Order};
use counterfoil::domain::access::{Actor, Proved, Scope, Who};
use counterfoil::domain::id::BudgetId;
use counterfoil::domain::refusal::Refusal;
use counterfoil::store::failure::Failure;
use counterfoil::store::ledger::BudgetRow;
use counterfoil::store::{Store, ledger, people, regions};

/// Who adjusts: a finance controller of everything.
const PERSON: &str = "samuel.adeyemi@halden.example";

/// A budget that one person adjusts, and its version as far as she knows it.
struct Desk {
    budget: BudgetId,
    version: Option<i64>,
}

/// A store, who writes to it, and what is adjusted.
pub struct Writers {
    store: Store,
    actor: Actor,
    everywhere: Scope,
    budgets: Vec<BudgetRow>,
    turn: AtomicUsize,
}

impl Writers {
    /// Looks up the person and the budgets that are open.
    pub async fn over(store: Store) -> Result<Self> {
        let mut read = store.read().await?;
        let person = people::find_by_email(&mut read, PERSON).await?.context("the store is not the demo's")?;
        let root = regions::root(&mut read).await?.context("no region")?;
        let everywhere = Scope::of(regions::subtree(&mut read, root.id).await?, true);
        let mut open = Vec::new();
        for region in regions::list(&mut read, &everywhere).await? {
            let rows = regions::budgets_of(&mut read, &everywhere, region.id).await?;
            open.extend(rows.into_iter().filter(|row| row.status == "active"));
        }
        drop(read);
        ensure!(!open.is_empty(), "no budget is open");
        let actor =
            Actor { who: Who::Person(person.id), request_id: "bench".to_owned(), peer: "127.0.0.1".to_owned(), proved: Proved::Elsewhere };
        Ok(Self { store, actor, everywhere, budgets: open, turn: AtomicUsize::new(0) })
    }

    /// Opens more budgets until there are so many: people who work at once work on different ones.
    pub async fn with_budgets(mut self, most: usize) -> Result<Self> {
        for n in self.budgets.len()..most {
            let model = self.budgets.first().context("no budget")?.clone();
            let (period_start, period_end, cost_centre) = (model.period_start, model.period_end, model.cost_centre.clone());
            let attributes = Attributes { name: format!("Bench {n}"), period_start, period_end, owner: None, cost_centre };
            let currency = model.budget()?.currency;
            let new = NewBudget { region: model.region_id, currency, attributes, draft: false, allocation: None };
            let id = budgets::create(&self.store, self.actor.clone(), &self.store.random.token(16), new).await?.budget();
            self.budgets.push(BudgetRow { id, ..model });
        }
        Ok(self)
    }

    /// The budget whose turn it is, with nothing known of it.
    fn next(&self) -> Result<Desk> {
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        Ok(Desk { budget: self.budgets.get(turn % self.budgets.len()).context("no budget")?.id, version: None })
    }

    /// Adds one minor unit to a budget; the seconds it took to be committed. As a person does: she looks, decides, and looks again when somebody was
    /// quicker.
    async fn adjust(&self, desk: &mut Desk) -> Result<f64> {
        let (begun, budget) = (Instant::now(), desk.budget);
        loop {
            let version = match desk.version {
                Some(version) => version,
                None => ledger::find(&mut self.store.lone(), &self.everywhere, budget).await?.context("the budget is gone")?.version,
            };
            let ask = Ask::Adjust { budget, up: true, amount: 1, reason_code: "correction".to_owned() };
            let order = Order { ask, effective: None, note: "a rounding difference".to_owned() };
            let key = self.store.random.token(16);
            match budgets_move::carry_out(&self.store, self.actor.clone(), &key, order, vec![(budget, version)]).await {
                Ok(_) => {
                    desk.version = Some(version + 1);
                    return Ok(begun.elapsed().as_secs_f64());
                }
                Err(Failure::Refused(Refusal::Stale)) => desk.version = None,
                Err(failure) => return Err(failure.into()),
            }
        }
    }

    /// So many clients at once for a while; adjustments a second.
    pub async fn rate(self: &Arc<Self>, clients: usize, time: Duration) -> Result<f64> {
        let (begun, mut tasks) = (Instant::now(), Vec::new());
        for _ in 0..clients {
            let writers = self.clone();
            let mut desk = self.next()?;
            tasks.push(tokio::spawn(async move {
                let mut done = 0u64;
                while begun.elapsed() < time {
                    writers.adjust(&mut desk).await?;
                    done += 1;
                }
                Ok::<u64, anyhow::Error>(done)
            }));
        }
        let mut all = 0;
        for task in tasks {
            all += task.await??;
        }
        Ok(all as f64 / begun.elapsed().as_secs_f64())
    }

    /// One adjustment after the other, with a pause between them, until `stop`; how long each waited.
    pub async fn until(self: Arc<Self>, stop: Arc<AtomicBool>, pause: Duration) -> Result<Vec<f64>> {
        let mut waits = Vec::new();
        while !stop.load(Ordering::Acquire) {
            waits.push(self.adjust(&mut self.next()?).await?);
            tokio::time::sleep(pause).await;
        }
        self.store.close().await;
        Ok(waits)
    }

    /// Closes the store.
    pub async fn close(&self) {
        self.store.close().await;
    }
}
