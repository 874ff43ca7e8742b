//! The ledger as a state machine: whatever is asked for in whatever order, the figures add up and nothing asked for goes below zero.

use counterfoil::domain::budget::{Account, Budget, BudgetStatus, End, Figures, Movement, Nature, PostingKind, decide};
use counterfoil::domain::currency::Currency;
use counterfoil::domain::id::{BudgetId, RegionId};
use counterfoil::domain::refusal::Refusal;
use counterfoil::domain::time::Day;
use proptest::prelude::*;
use uuid::Uuid;

pub fn budget(number: u128) -> Budget {
    Budget {
        id: BudgetId(Uuid::from_u128(number)),
        region: RegionId(Uuid::from_u128(1_000 + number)),
        name: format!("Budget {number}"),
        currency: Currency::parse("EUR").unwrap(),
        period_start: Day::parse("2026-01-01").unwrap(),
        period_end: Day::parse("2026-12-31").unwrap(),
        status: BudgetStatus::Active,
        version: 1,
        figures: Figures::default(),
    }
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Allocate(usize, i64),
    Up(usize, i64),
    Down(usize, i64),
    Transfer(usize, i64),
    CarryOver(usize, i64),
    Reserve(usize, i64),
    Spend(usize, i64),
    Refund(usize, i64),
    Commit(usize),
    Void(usize),
    Reverse(usize),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let amount = prop_oneof![1i64..1_000, Just(i64::MAX), -5i64..1];
    let at = 0usize..2;
    let one = (0u8..11, at, amount).prop_map(|(kind, at, amount)| match kind {
        0 => Step::Allocate(at, amount),
        1 => Step::Up(at, amount),
        2 => Step::Down(at, amount),
        3 => Step::Transfer(at, amount),
        4 => Step::CarryOver(at, amount),
        5 => Step::Reserve(at, amount),
        6 => Step::Spend(at, amount),
        7 => Step::Refund(at, amount),
        8 => Step::Commit(at),
        9 => Step::Void(at),
        _ => Step::Reverse(at),
    });
    prop::collection::vec(one, 0..60)
}

struct World {
    budgets: [Budget; 2],
    reserved: Vec<Movement>,
    done: Vec<Movement>,
}

impl World {
    fn movement(&mut self, step: Step) -> Option<(Movement, Nature)> {
        let of = |at: usize, account| End::of(account, &self.budgets[at]);
        let make = |kind, source, destination, amount| Movement {
            kind,
            counted: kind,
            source,
            destination,
            amount,
            currency: self.budgets[0].currency,
        };
        use Account::{Available, Correction, Funding, Reserved, Spent};
        let asked = match step {
            Step::Allocate(at, amount) => make(PostingKind::Allocation, End::outside(Funding), of(at, Available), amount),
            Step::Up(at, amount) => make(PostingKind::Adjustment, End::outside(Correction), of(at, Available), amount),
            Step::Down(at, amount) => make(PostingKind::Adjustment, of(at, Available), End::outside(Correction), amount),
            Step::Transfer(at, amount) => make(PostingKind::Transfer, of(at, Available), of(1 - at, Available), amount),
            Step::CarryOver(at, amount) => make(PostingKind::CarryOver, of(at, Available), of(1 - at, Available), amount),
            Step::Reserve(at, amount) => make(PostingKind::Reserve, of(at, Available), of(at, Reserved), amount),
            Step::Spend(at, amount) => return Some((make(PostingKind::Spend, of(at, Available), of(at, Spent), amount), Nature::Fact)),
            Step::Refund(at, amount) => return Some((make(PostingKind::Refund, of(at, Spent), of(at, Available), amount), Nature::Fact)),
            Step::Commit(at) | Step::Void(at) => {
                if self.reserved.is_empty() {
                    return None;
                }
                let reservation = self.reserved.remove(at % self.reserved.len());
                let (kind, account) =
                    if matches!(step, Step::Commit(_)) { (PostingKind::Commit, Spent) } else { (PostingKind::Void, Available) };
                let to = End { account, ..reservation.destination };
                make(kind, reservation.destination, to, reservation.amount)
            }
            Step::Reverse(at) => {
                if self.done.is_empty() {
                    return None;
                }
                self.done.remove(at % self.done.len()).reversed()
            }
        };
        Some((asked, Nature::Request))
    }

    fn apply(&mut self, movement: &Movement, nature: Nature) -> Result<(), Refusal> {
        let mut after = Vec::new();
        for budget in &self.budgets {
            let touched = [movement.source, movement.destination].iter().any(|end| end.budget.is_some_and(|(id, _)| id == budget.id));
            after.push(if touched { decide(budget, movement, nature)? } else { budget.figures });
        }
        for (budget, figures) in self.budgets.iter_mut().zip(after) {
            budget.figures = figures;
        }
        Ok(())
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn figures_add_up_and_no_request_overdraws(steps in steps()) {
        let mut world = World { budgets: [budget(1), budget(2)], reserved: Vec::new(), done: Vec::new() };
        for step in steps {
            let before = world.budgets.clone();
            let Some((movement, nature)) = world.movement(step) else { continue };
            match world.apply(&movement, nature) {
                Ok(()) => {
                    for (was, now) in before.iter().zip(&world.budgets) {
                        let figures = now.figures;
                        let sum = i128::from(figures.allocated) + i128::from(figures.adjusted) + i128::from(figures.carried_over)
                            - i128::from(figures.reserved) - i128::from(figures.spent);
                        prop_assert_eq!(sum, i128::from(figures.available()));
                        if nature == Nature::Request {
                            let lowered = figures.available() < was.figures.available();
                            prop_assert!(!lowered || figures.available() >= 0, "{:?} overdrew", movement);
                        }
                    }
                    prop_assert!(movement.amount > 0);
                    if movement.kind == PostingKind::Reserve {
                        world.reserved.push(movement);
                    } else if matches!(movement.kind, PostingKind::Allocation | PostingKind::Adjustment | PostingKind::Transfer | PostingKind::CarryOver) {
                        world.done.push(movement);
                    }
                }
                Err(_) => {
                    for (was, now) in before.iter().zip(&world.budgets) {
                        prop_assert_eq!(was.figures, now.figures);
                    }
                    if movement.source.account == Account::Reserved {
                        world.reserved.push(Movement { source: movement.destination, destination: movement.source, ..movement });
                    }
                }
            }
        }
    }

    #[test]
    fn a_reversal_restores(allocated in 1i64..1_000_000, part in 1i64..1_000_000) {
        let mut world = World { budgets: [budget(1), budget(2)], reserved: Vec::new(), done: Vec::new() };
        for at in [0, 1] {
            let (movement, nature) = world.movement(Step::Allocate(at, allocated)).unwrap();
            world.apply(&movement, nature).unwrap();
        }
        let before = world.budgets.clone();
        for step in [Step::Allocate(0, part), Step::Up(0, part), Step::Transfer(0, part.min(allocated)), Step::CarryOver(1, part.min(allocated))] {
            let (movement, nature) = world.movement(step).unwrap();
            world.apply(&movement, nature).unwrap();
            world.apply(&movement.reversed(), Nature::Request).unwrap();
            for (was, now) in before.iter().zip(&world.budgets) {
                prop_assert_eq!(was.figures, now.figures);
            }
        }
    }
}

#[test]
fn each_refusal_has_its_own_words() {
    let mut one = budget(1);
    let allocate = |amount| Movement {
        kind: PostingKind::Allocation,
        counted: PostingKind::Allocation,
        source: End::outside(Account::Funding),
        destination: End::of(Account::Available, &budget(1)),
        amount,
        currency: budget(1).currency,
    };
    let down = |amount| Movement { kind: PostingKind::Adjustment, counted: PostingKind::Adjustment, ..allocate(amount).reversed() };
    let code = |budget: &Budget, movement: &Movement| decide(budget, movement, Nature::Request).unwrap_err().code();
    assert_eq!(code(&one, &allocate(0)), "amount_not_positive");
    assert_eq!(code(&one, &allocate(-1)), "amount_not_positive");
    assert_eq!(code(&one, &down(1)), "not_enough");
    assert_eq!(code(&one, &Movement { currency: Currency::parse("JPY").unwrap(), ..allocate(1) }), "currency_differs");
    one.figures.allocated = i64::MAX;
    assert_eq!(code(&one, &allocate(1)), "overflow");
    one.status = BudgetStatus::Draft;
    assert_eq!(code(&one, &down(1)), "budget_draft");
    one.status = BudgetStatus::Closed;
    assert_eq!(code(&one, &down(1)), "budget_closed");
    assert!(decide(&one, &down(1), Nature::Fact).is_ok(), "a fact is recorded whatever the status");
}
