//! Reports about approvals: requests with their deciders, and what needed approval when.

use std::collections::HashMap;

use super::{Answer, Asked, Heads, Line, Names, Value};
use crate::domain::approval::{Matter, Status};
use crate::domain::currency::Currency;
use crate::domain::id::{ApprovalId, RegionId, UserId};
use crate::store::evidence::{self, DecisionRow};
use crate::store::failure::DbError;
use crate::store::heard::Heard;

const APPROVALS: Heads = &[
    ("Request", "reference"),
    ("What", "kind"),
    ("Amount", "amount"),
    ("Currency", "currency"),
    ("Regions", "regions"),
    ("Asked by", "asked_by"),
    ("Asked", "asked_at"),
    ("Takes", "approvers_needed"),
    ("Approved by", "approved_by"),
    ("Declined by", "declined_by"),
    ("Last decision", "decided_at"),
    ("Status", "approval_status"),
    ("Ended", "ended_at"),
    ("Asked and decided by the same", "self_decisions"),
    ("Request id", "approval_id"),
];

fn digits(code: &str) -> u32 {
    Currency::parse(code).map_or(2, Currency::digits)
}

/// Requests with their deciders.
pub(super) async fn approvals(heard: &mut Heard, asked: &Asked<'_>) -> Result<Answer, DbError> {
    let (period, person) = (asked.period(), asked.question.person);
    let rows = evidence::approvals(heard, &asked.scope, person, period).await?;
    let own = evidence::self_approvals(heard, &asked.scope, person, period).await?;
    let mut regions: HashMap<ApprovalId, Vec<RegionId>> = HashMap::new();
    for (request, region) in evidence::approval_regions(heard, &asked.scope).await? {
        regions.entry(request).or_default().push(region);
    }
    let ids = rows.iter().flat_map(|row| [Some(row.requester_id), row.person_id, row.authority_id]).flatten();
    let names = Names::of(heard, &asked.scope, ids).await?;
    let mut requests: Vec<Vec<DecisionRow>> = Vec::new();
    for row in rows {
        match requests.last_mut().filter(|known| known.first().is_some_and(|first| first.id == row.id)) {
            Some(known) => known.push(row),
            None => requests.push(vec![row]),
        }
    }
    let decisions: usize = requests.iter().flatten().filter(|row| row.person_id.is_some()).count();
    let figures = vec![
        ("Requests", requests.len().to_string()),
        ("Decisions", decisions.to_string()),
        ("Decisions on one\u{2019}s own request", own.to_string()),
    ];
    let lines = requests.iter().rev().filter_map(|rows| request(rows, &names, &regions)).collect();
    Ok(Answer { heads: APPROVALS, lines, figures })
}

fn request(rows: &[DecisionRow], names: &Names, regions: &HashMap<ApprovalId, Vec<RegionId>>) -> Option<Line> {
    let row = rows.first()?;
    let name = |id: UserId| names.people.get(&id).cloned().unwrap_or_else(|| id.to_string());
    let deciders = |approves: i64| {
        let own = rows.iter().filter(|row| row.approves == Some(approves)).filter_map(|row| {
            let (by, right) = (row.person_id?, row.authority_id?);
            Some(if by == right { name(by) } else { format!("{} for {}", name(by), name(right)) })
        });
        Value::text(own.collect::<Vec<_>>().join("; "))
    };
    let same = rows.iter().filter(|row| [row.person_id, row.authority_id].contains(&Some(row.requester_id))).count();
    let places = regions.get(&row.id).map(Vec::as_slice).unwrap_or_default();
    let place_names: Vec<&str> = places.iter().filter_map(|region| names.regions.get(region)).map(String::as_str).collect();
    let cells = vec![
        Value::text(format!("APR-{}", row.id.short())),
        Value::text(Matter::parse(&row.matter).map_or(row.matter.clone(), |matter| matter.one().to_owned())),
        row.amount.map_or(Value::Nothing, |amount| Value::Amount(amount, row.currency.as_deref().map_or(0, digits))),
        Value::text(row.currency.clone().unwrap_or_default()),
        Value::text(place_names.join(", ")),
        Value::text(name(row.requester_id)),
        Value::At(row.asked_at),
        Value::Number(row.needed),
        deciders(1),
        deciders(0),
        Value::maybe_at(rows.iter().filter_map(|row| row.at).max()),
        Value::text(Status::parse(&row.status).map_or(row.status.clone(), |status| status.label().to_owned())),
        Value::maybe_at(row.ended_at),
        Value::Number(same as i64),
        Value::text(row.id.to_string()),
    ];
    Some(Line { region: places.first().copied(), href: format!("/approvals/{}", row.id), cells })
}

const POLICIES: Heads = &[
    ("What", "matter"),
    ("Region", "region"),
    ("Currency", "currency"),
    ("From", "from_amount"),
    ("Past within a day", "day_amount"),
    ("Approvers", "approvers"),
    ("In force from", "created_at"),
    ("Made by", "created_by"),
    ("Until", "ended_at"),
    ("Policy id", "policy_id"),
];

/// Policies with their lives.
pub(super) async fn policies(heard: &mut Heard, asked: &Asked<'_>) -> Result<Answer, DbError> {
    let rows = evidence::policies(heard, &asked.scope, asked.period()).await?;
    let names = Names::of(heard, &asked.scope, rows.iter().filter_map(|row| row.created_by)).await?;
    let in_force = rows.iter().filter(|row| row.ended_at.is_none()).count();
    let figures = vec![("Policies", rows.len().to_string()), ("In force now", in_force.to_string())];
    let lines = rows.into_iter().map(|row| {
        let places = row.currency.as_deref().map_or(0, digits);
        let amount = |minor: Option<i64>| minor.map_or(Value::Nothing, |minor| Value::Amount(minor, places));
        let cells = vec![
            Value::text(Matter::parse(&row.matter).map_or(row.matter.clone(), |matter| matter.label().to_owned())),
            names.region(Some(row.region_id)),
            Value::text(row.currency.clone().unwrap_or_default()),
            amount(row.from_amount),
            amount(row.day_amount),
            Value::Number(row.approvers),
            Value::At(row.created_at),
            names.person(row.created_by),
            Value::maybe_at(row.ended_at),
            Value::text(row.id.to_string()),
        ];
        Line { region: Some(row.region_id), href: String::new(), cells }
    });
    Ok(Answer { heads: POLICIES, lines: lines.collect(), figures })
}
