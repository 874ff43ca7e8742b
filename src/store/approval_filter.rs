//! Which requests for approval a list is narrowed to.

use super::db::Sql;
use crate::domain::approval::{Matter, Status};
use crate::domain::id::{RegionId, UserId};
use crate::domain::time::Instant;

/// Every field narrows.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Where it stands.
    pub status: Option<Status>,
    /// What it is.
    pub matter: Option<Matter>,
    /// One of its regions is among these.
    pub regions: Option<Vec<RegionId>>,
    /// Who asked.
    pub requester: Option<UserId>,
    /// It moves at least this much, by currency in minor units.
    pub amounts: Option<Vec<(String, i64)>>,
    /// Asked for from this moment on.
    pub from: Option<Instant>,
    /// Asked for before this one.
    pub until: Option<Instant>,
}

impl Filter {
    /// The conditions, for `approval a`.
    pub(super) fn push(&self, sql: &mut Sql) {
        if let Some(status) = self.status {
            sql.push(" AND a.status = ").push_bind(status.code());
        }
        if let Some(matter) = self.matter {
            sql.push(" AND a.matter = ").push_bind(matter.code());
        }
        if let Some(requester) = self.requester {
            sql.push(" AND a.requester_id = ").push_bind(requester);
        }
        if let Some(from) = self.from {
            sql.push(" AND a.asked_at >= ").push_bind(from);
        }
        if let Some(until) = self.until {
            sql.push(" AND a.asked_at < ").push_bind(until);
        }
        if let Some(amounts) = &self.amounts {
            sql.push(" AND (1 = 0");
            for (currency, amount) in amounts {
                sql.push(" OR (a.currency = ").push_bind(currency.clone()).push(" AND a.amount >= ").push_bind(*amount).push(")");
            }
            sql.push(")");
        }
        match &self.regions {
            None => {}
            Some(none) if none.is_empty() => drop(sql.push(" AND 1 = 0")),
            Some(regions) => {
                for (at, table) in ["approval_budget", "approval_region"].into_iter().enumerate() {
                    sql.push(if at == 0 { " AND (" } else { " OR " });
                    sql.push("EXISTS (SELECT 1 FROM ").push(table).push(" f WHERE f.approval_id = a.id AND f.region_id IN (");
                    sql.push_list(regions.iter().copied()).push("))");
                }
                sql.push(")");
            }
        }
    }
}
