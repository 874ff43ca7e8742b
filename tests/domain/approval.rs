//! What has to be approved, and who may.

use std::collections::BTreeSet;

use counterfoil::domain::approval::{Asked, Decider, Matter, Policy, may_decide, need, seal};
use counterfoil::domain::currency::Currency;
use counterfoil::domain::id::{PolicyId, RegionId, UserId};
use counterfoil::domain::refusal::Refusal;
use uuid::Uuid;

fn region(number: u128) -> RegionId {
    RegionId(Uuid::from_u128(number))
}

fn person(number: u128) -> UserId {
    UserId(Uuid::from_u128(number))
}

fn policy(number: u128, currency: Option<&str>, from: Option<i64>, day: Option<i64>, approvers: i64) -> Policy {
    let currency = currency.and_then(Currency::parse);
    Policy { id: PolicyId(Uuid::from_u128(number)), matter: Matter::Transfer, region: region(1), currency, from, day, approvers }
}

/// A transfer in region 3, below 2, below 1.
fn transfer(currency: &str, amount: i128) -> Asked {
    let regions: BTreeSet<_> = [region(1), region(2), region(3)].into();
    Asked { matter: Matter::Transfer, regions, sums: vec![(Currency::parse(currency).unwrap(), amount)] }
}

#[test]
fn a_policy_asks_from_its_amount_in_its_currency_and_below_its_region() {
    let limit = policy(1, Some("EUR"), Some(1_000_00), None, 1);
    assert_eq!(limit.asks(&transfer("EUR", 999_99), 0), None);
    assert_eq!(limit.asks(&transfer("EUR", 1_000_00), 0), Some(false));
    assert_eq!(limit.asks(&transfer("EUR", i128::from(i64::MAX) * 2), 0), Some(false));
    assert_eq!(limit.asks(&transfer("JPY", 1_000_000), 0), None, "another currency has a limit of its own");
    let elsewhere = Policy { region: region(9), ..limit.clone() };
    assert_eq!(elsewhere.asks(&transfer("EUR", 1_000_00), 0), None);
    let other = Policy { matter: Matter::Adjustment, ..limit };
    assert_eq!(other.asks(&transfer("EUR", 1_000_00), 0), None);
    let always = policy(2, None, Some(0), None, 1);
    assert_eq!(always.asks(&transfer("BHD", 1), 0), Some(false));
}

#[test]
fn many_small_acts_are_one_large_one() {
    let limit = policy(1, Some("EUR"), Some(1_000_00), Some(1_500_00), 1);
    assert!(limit.looks_back(&transfer("EUR", 500_00)));
    assert!(!limit.looks_back(&transfer("EUR", 1_000_00)), "the amount alone decides");
    assert_eq!(limit.asks(&transfer("EUR", 500_00), 1_000_00), None);
    assert_eq!(limit.asks(&transfer("EUR", 500_01), 1_000_00), Some(true));
    let day_alone = policy(1, Some("EUR"), None, Some(1_500_00), 1);
    assert!(day_alone.looks_back(&transfer("EUR", 1_500_00)));
    assert_eq!(day_alone.asks(&transfer("EUR", 1_500_00), 0), None);
    assert_eq!(day_alone.asks(&transfer("EUR", 1_500_01), 0), Some(true));
}

#[test]
fn the_strictest_policy_decides_wherever_it_stands() {
    let (one, two) = (policy(1, Some("EUR"), Some(1), None, 1), policy(2, Some("EUR"), Some(1), None, 2));
    let below = Policy { region: region(3), ..policy(3, Some("EUR"), Some(1), None, 1) };
    let met = [one.clone(), below, two.clone()].map(|policy| (policy, false));
    assert_eq!(need(met).unwrap().policy, two);
    assert_eq!(need([(one.clone(), true)]).unwrap().policy, one);
    assert_eq!(need([]), None);
}

#[test]
fn limits_that_say_nothing_are_refused() {
    assert_eq!(policy(1, Some("EUR"), Some(0), None, 1).check(), Ok(()));
    assert_eq!(policy(1, None, Some(0), None, 5).check(), Ok(()));
    let wrong = [
        policy(1, Some("EUR"), None, None, 1),
        policy(1, None, Some(1), None, 1),
        policy(1, None, Some(0), Some(1), 1),
        policy(1, Some("EUR"), Some(-1), None, 1),
        policy(1, Some("EUR"), Some(1), Some(0), 1),
        policy(1, Some("EUR"), Some(1), None, 0),
        policy(1, Some("EUR"), Some(1), None, 6),
    ];
    for policy in wrong {
        assert!(policy.check().is_err(), "{policy:?}");
    }
}

#[test]
fn nobody_approves_what_she_asked_for() {
    let own = |number| Decider { person: person(number), authority: person(number) };
    let (nora, finn, ada) = (person(1), person(2), person(3));
    assert_eq!(may_decide(nora, &[], &[], own(1)), Err(Refusal::OwnRequest));
    assert_eq!(may_decide(nora, &[], &[], Decider { person: nora, authority: finn }), Err(Refusal::OwnRequest), "as somebody's delegate");
    assert_eq!(may_decide(nora, &[], &[], Decider { person: finn, authority: nora }), Err(Refusal::OwnRequest), "by her own delegate");
    assert_eq!(may_decide(nora, &[], &[], own(2)), Ok(()));
    assert_eq!(may_decide(nora, &[], &[own(2)], own(3)), Ok(()));
    for again in [own(2), Decider { person: finn, authority: ada }, Decider { person: ada, authority: finn }] {
        assert!(matches!(may_decide(nora, &[], &[own(2)], again), Err(Refusal::AlreadyDone(_))), "{again:?}");
    }
}

#[test]
fn the_seal_is_over_every_byte_and_where_one_text_ends() {
    let seals = [seal("a", "bc"), seal("ab", "c"), seal("", "abc"), seal("abc", ""), seal("a", "bd")];
    assert_eq!(seals.iter().collect::<BTreeSet<_>>().len(), seals.len());
    assert_eq!(seal("a", "bc"), seal("a", "bc"));
}
