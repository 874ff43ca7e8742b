//! Who may decide on what waits: by her own right, or by one that was lent to her.

use super::approval_roles::RoleEffects;
use super::approvals::Waiting;
use crate::domain::access::{Access, Permission};
use crate::domain::approval::{Decider, Matter, may_decide};
use crate::domain::id::UserId;
use crate::domain::refusal::Refusal;
use crate::domain::time::Instant;
use crate::store::approval_filter::Filter;
use crate::store::approvals::{self, About, Approval, Decision, Sight, Wanted};
use crate::store::db::Reader;
use crate::store::failure::Failure;
use crate::store::{access, approval_policies};

/// The most requests that are looked through for one person.
const LOOKED_THROUGH: i64 = 500;

/// A person with the rights she holds and those that are lent to her, as of one moment.
pub struct Standing {
    person: UserId,
    own: Access,
    lent: Vec<(UserId, Access)>,
}

/// Whether the permission holds in every region of a request.
pub(super) fn everywhere(access: &Access, permission: Permission, about: &[About]) -> bool {
    !about.is_empty() && about.iter().all(|about| access.may(permission, about.region_id))
}

impl Standing {
    /// Of a person who holds `own`.
    pub async fn of(reader: &mut impl Reader, person: UserId, own: &Access, now: Instant) -> Result<Self, Failure> {
        let today = now.day(chrono_tz::UTC);
        let mut lent = Vec::new();
        for loan in approval_policies::delegations(reader, person, today).await? {
            if loan.to_id == person && loan.starts_on <= today {
                lent.push((loan.from_id, access::of_person(reader, loan.from_id, now).await?));
            }
        }
        Ok(Self { person, own: own.clone(), lent })
    }

    /// Whether there is anything that she could decide on.
    pub fn decides(&self) -> bool {
        let rights = std::iter::once(&self.own).chain(self.lent.iter().map(|(_, lent)| lent));
        self.own.has(Permission::BudgetsRead) && rights.into_iter().any(|right| right.has(Permission::ApprovalsDecide))
    }

    /// By whose right she may decide on a request: her own, or one that was lent to her. As missing where she may not see all of it, whoever
    /// lent her what.
    pub fn right_on(&self, row: &Approval, about: &[About], decisions: &[Decision]) -> Result<Decider, Refusal> {
        let matter = row.matter().map_err(|_| Refusal::NotFound)?;
        if !everywhere(&self.own, matter.seen_by(), about) {
            return Err(Refusal::NotFound);
        }
        let earlier: Vec<Decider> = decisions.iter().map(Decision::decider).collect();
        let raised = match matter {
            Matter::RoleChange => RoleEffects::of(row).map_err(|_| Refusal::NotFound)?.people,
            _ => Vec::new(),
        };
        let own = Decider { person: self.person, authority: self.person };
        may_decide(row.requester_id, &raised, &earlier, own)?;
        if everywhere(&self.own, Permission::ApprovalsDecide, about) {
            return Ok(own);
        }
        let mut refusal = Refusal::Forbidden(Permission::ApprovalsDecide);
        for (lender, right) in &self.lent {
            if !everywhere(right, Permission::ApprovalsDecide, about) {
                continue;
            }
            let decider = Decider { person: self.person, authority: *lender };
            match may_decide(row.requester_id, &raised, &earlier, decider) {
                Ok(()) => return Ok(decider),
                Err(no) => refusal = no,
            }
        }
        Err(refusal)
    }

    /// The requests that wait and that she may decide on now, oldest first.
    pub async fn worklist(&self, reader: &mut impl Reader, now: Instant) -> Result<Vec<Waiting>, Failure> {
        self.worklist_of(reader, &Filter::default(), now).await
    }

    /// Those of them that a filter lets through.
    pub async fn worklist_of(&self, reader: &mut impl Reader, filter: &Filter, now: Instant) -> Result<Vec<Waiting>, Failure> {
        if !self.decides() {
            return Ok(Vec::new());
        }
        let rows = approvals::list(reader, &Sight::of(&self.own), Wanted::Waiting, filter, None, LOOKED_THROUGH).await?;
        let mut all = Waiting::all(reader, rows).await?;
        all.retain(|one| one.row.expires_at > now && self.right_on(&one.row, &one.about, &one.decisions).is_ok());
        Ok(all)
    }
}
