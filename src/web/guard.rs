//! Who is asking, and whether she may: the permission stands in the handler's signature.
//!
//! `who: Allowed<ReadBudgets>` means that the handler runs only for a signed-in person who holds `budgets.read` somewhere; where, is
//! [`Signed::scope`]. A handler without such an argument serves nothing that needs one, or it is in the short list of public pages.

use std::collections::BTreeMap;
use std::marker::PhantomData;
use std::net::{IpAddr, SocketAddr};
use std::ops::Deref;
use std::sync::{Mutex, PoisonError};

use actix_session::SessionExt;
use actix_web::dev::Payload;
use actix_web::http::Method;
use actix_web::{FromRequest, HttpRequest, web};
use futures_util::future::LocalBoxFuture;

use super::error::WebError;
use super::{Portal, again, csrf, refused, session};
use crate::actions::second_factor;
use crate::domain::access::{Access, Actor, Permission, Proved, Scope, Sight, Who};
use crate::domain::id::{RegionId, SessionId, UserId};
use crate::domain::refusal::Refusal;
use crate::domain::time::{Day, Instant};
use crate::store::audit_log::Head;
use crate::store::db::Read;
use crate::store::failure::DbError;
#[cfg(debug_assertions)]
use crate::store::regions;
use crate::store::{access, people};

/// A signed-in person, as of this request.
pub struct Signed {
    /// Her account.
    pub person: people::Person,
    /// What she may do, where.
    pub access: Access,
    /// Her, as the one who acts.
    pub actor: Actor,
    /// The token of the forms on her pages.
    pub csrf: String,
    /// Path and query of the request.
    pub address: String,
    /// Her session.
    pub session: SessionId,
    /// The newest event of the audit trail when she was looked up.
    pub as_of: Head,
    /// Every region, where [`Portal::with_scopes_off`] says that all scopes hold in all of them.
    #[cfg(debug_assertions)]
    pub(super) everywhere: Option<Vec<RegionId>>,
}

impl Signed {
    /// Where the permission holds for her.
    pub fn scope(&self, permission: Permission) -> Scope {
        let scope = self.access.scope(permission);
        #[cfg(debug_assertions)]
        if let Some(all) = self.everywhere.as_ref().filter(|_| !scope.is_empty()) {
            return Scope::of(all.iter().copied(), scope.is_whole());
        }
        scope
    }

    /// How far the database lets her see.
    pub fn sight(&self) -> Sight {
        self.access.sight(self.person.id)
    }

    /// Whether it holds in a region.
    pub fn may(&self, permission: Permission, region: RegionId) -> bool {
        self.access.may(permission, region)
    }
}

/// A permission as a type.
pub trait Needs: 'static {
    /// Which; `None` when being signed in is enough.
    const PERMISSION: Option<Permission>;
    /// Whether it is for her as well who has to set up a second factor first.
    const BEFORE_SET_UP: bool = false;
}

macro_rules! needs {
    ($($(#[$doc:meta])* $name:ident = $permission:expr;)+) => {
        $(
            $(#[$doc])*
            pub struct $name;
            impl Needs for $name {
                const PERMISSION: Option<Permission> = $permission;
            }
        )+
    };
}

needs! {
    /// Being signed in.
    SignedIn = None;
    /// `regions.read`.
    ReadRegions = Some(Permission::RegionsRead);
    /// `regions.manage`.
    ManageRegions = Some(Permission::RegionsManage);
    /// `budgets.read`.
    ReadBudgets = Some(Permission::BudgetsRead);
    /// `budgets.manage`.
    ManageBudgets = Some(Permission::BudgetsManage);
    /// `budgets.adjust`.
    AdjustBudgets = Some(Permission::BudgetsAdjust);
    /// `transactions.read`.
    ReadTransactions = Some(Permission::TransactionsRead);
    /// `recipients.reveal`.
    RevealRecipients = Some(Permission::RecipientsReveal);
    /// `recipients.erase`.
    EraseRecipients = Some(Permission::RecipientsErase);
    /// `transactions.assign`.
    AssignTransactions = Some(Permission::TransactionsAssign);
    /// `exports.create`.
    CreateExports = Some(Permission::ExportsCreate);
    /// `imports.run`.
    RunImports = Some(Permission::ImportsRun);
    /// `audit.read`.
    ReadAudit = Some(Permission::AuditRead);
    /// `people.read`.
    ReadPeople = Some(Permission::PeopleRead);
    /// `people.manage`.
    ManagePeople = Some(Permission::PeopleManage);
    /// `settings.manage`.
    ManageSettings = Some(Permission::SettingsManage);
}

/// Signing out, which everybody can.
pub struct Leaving;
impl Needs for Leaving {
    const PERMISSION: Option<Permission> = None;
    const BEFORE_SET_UP: bool = true;
}

/// A signed-in person who holds `N` somewhere.
pub struct Allowed<N: Needs> {
    signed: Signed,
    needs: PhantomData<N>,
}

impl<N: Needs> Allowed<N> {
    /// Where the permission of the signature holds.
    pub fn reach(&self) -> Scope {
        N::PERMISSION.map_or_else(Scope::nothing, |permission| self.signed.scope(permission))
    }
}

impl<N: Needs> Deref for Allowed<N> {
    type Target = Signed;
    fn deref(&self) -> &Signed {
        &self.signed
    }
}

impl<N: Needs> FromRequest for Allowed<N> {
    type Error = WebError;
    type Future = LocalBoxFuture<'static, Result<Self, WebError>>;

    fn from_request(req: &HttpRequest, _: &mut Payload) -> Self::Future {
        let req = req.clone();
        Box::pin(async move {
            // The snapshot ends here: a handler that writes must not keep a connection meanwhile.
            let (signed, _) = signed(&req, N::BEFORE_SET_UP).await?;
            Ok(Self { signed: holding::<N>(signed)?, needs: PhantomData })
        })
    }
}

/// [`Allowed`], with the snapshot that she was looked up in: for pages, which then need no other.
pub struct Reading<N: Needs> {
    /// Who reads.
    pub who: Allowed<N>,
    /// The snapshot.
    pub read: Read,
}

impl<N: Needs> FromRequest for Reading<N> {
    type Error = WebError;
    type Future = LocalBoxFuture<'static, Result<Self, WebError>>;

    fn from_request(req: &HttpRequest, _: &mut Payload) -> Self::Future {
        let req = req.clone();
        Box::pin(async move {
            let (signed, mut read) = signed(&req, N::BEFORE_SET_UP).await?;
            let signed = holding::<N>(signed)?;
            read.narrow(&signed.sight()).await?;
            Ok(Self { who: Allowed { signed, needs: PhantomData }, read })
        })
    }
}

/// Refuses whom the permission of the signature holds nowhere for.
fn holding<N: Needs>(signed: Signed) -> Result<Signed, WebError> {
    match N::PERMISSION {
        Some(permission) if !signed.access.has(permission) => Err(Refusal::Forbidden(permission).into()),
        _ => Ok(signed),
    }
}

/// What a person may do, as of an event: every change of it leaves one. A grant may end at midnight UTC without an event, so a day is named too.
struct Remembered {
    log: Vec<u8>,
    seq: i64,
    day: Day,
    access: Access,
    /// Whether she has to set up a second factor before anything else.
    held_up: bool,
}

/// People whose access is remembered; all are forgotten when there are more.
const REMEMBERED_MOST: usize = 1_000;
static REMEMBERED: Mutex<BTreeMap<UserId, Remembered>> = Mutex::new(BTreeMap::new());

async fn access_of(read: &mut Read, person: UserId, head: &Head, now: Instant) -> Result<(Access, bool), DbError> {
    let day = now.day(chrono_tz::UTC);
    let fits = |kept: &&Remembered| kept.seq == head.seq && kept.day == day && kept.log == head.log_id;
    let kept =
        REMEMBERED.lock().unwrap_or_else(PoisonError::into_inner).get(&person).filter(fits).map(|kept| (kept.access.clone(), kept.held_up));
    if let Some(kept) = kept {
        return Ok(kept);
    }
    let access = access::of_person(read, person, now).await?;
    let held_up = second_factor::is_missing(read, person, now).await?;
    let mut all = REMEMBERED.lock().unwrap_or_else(PoisonError::into_inner);
    if all.len() >= REMEMBERED_MOST {
        all.clear();
    }
    all.insert(person, Remembered { log: head.log_id.clone(), seq: head.seq, day, access: access.clone(), held_up });
    Ok((access, held_up))
}

/// Who is signed in; sends to the sign-in page where nobody is, and to set up her second factor who has to, unless `before_set_up`.
async fn signed(req: &HttpRequest, before_set_up: bool) -> Result<(Signed, Read), WebError> {
    let portal = req.app_data::<web::Data<Portal>>().ok_or(WebError::Ours("no portal in the application".to_owned()))?;
    let asked = req.get_session();
    let address = req.uri().path_and_query().map(|part| part.as_str().to_owned()).unwrap_or_default();
    let next = || if req.method() == Method::GET { address.clone() } else { again::page_before(req) };
    let nobody = || WebError::SignIn { next: next() };
    let id = asked.get::<UserId>(session::PERSON).ok().flatten().ok_or_else(nobody)?;
    let nonce = asked.get::<String>(csrf::NONCE).ok().flatten().ok_or_else(nobody)?;
    let began = asked.get::<session::Began>(session::BEGAN).ok().flatten().ok_or_else(nobody)?;
    let mut read = portal.store.read().await?;
    let standing = people::standing(&mut read, id).await?.filter(|standing| standing.person.status == "active").ok_or_else(nobody)?;
    let (access, held_up) = access_of(&mut read, id, &standing.head, portal.store.now()).await?;
    if held_up && !before_set_up {
        return Err(WebError::SecondFactor { next: next() });
    }
    let actor = Actor { who: Who::Person(id), request_id: csrf::request_id(req), peer: peer(req), proved: Proved::At(began.proved) };
    refused::asks(req, actor.clone());
    let (person, as_of, session) = (standing.person, standing.head, began.id);
    #[cfg(debug_assertions)]
    let everywhere = if portal.scopes_off { Some(regions::ids(&mut read).await?) } else { None };
    let csrf = csrf::token(&portal.key, &nonce);
    let signed = Signed {
        person,
        access,
        actor,
        csrf,
        address,
        session,
        as_of,
        #[cfg(debug_assertions)]
        everywhere,
    };
    Ok((signed, read))
}

/// The address the request came from, as it is kept in the audit trail.
pub fn peer(req: &HttpRequest) -> String {
    client(req).map(|address| address.to_string()).unwrap_or_default()
}

/// The address the request came from. Only where the connection comes from a proxy that is trusted, `X-Forwarded-For` is read, from the right: the
/// last address that no trusted proxy has is the one that a trusted proxy saw; what stands before it anybody could have written.
pub fn client(req: &HttpRequest) -> Option<IpAddr> {
    let direct = req.peer_addr()?.ip().to_canonical();
    let trusted = req.app_data::<web::Data<Portal>>().map(|portal| portal.trusted_proxies.clone()).unwrap_or_default();
    let lines: Vec<&str> = req.headers().get_all("x-forwarded-for").filter_map(|line| line.to_str().ok()).collect();
    Some(through(direct, &lines.join(","), &|address| trusted.iter().any(|network| network.contains(address))))
}

fn through(direct: IpAddr, forwarded: &str, trusted: &dyn Fn(IpAddr) -> bool) -> IpAddr {
    let mut nearest = direct;
    for hop in forwarded.rsplit(',').map(str::trim) {
        if !trusted(nearest) {
            break;
        }
        // With or without a port, IPv6 in brackets or not; what is no address ends the chain at the proxy that passed it on.
        let address = hop.parse::<IpAddr>().or_else(|_| hop.parse::<SocketAddr>().map(|address| address.ip()));
        let bracketed = || hop.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
        let Ok(address) = address.or_else(|_| bracketed()) else { break };
        nearest = address.to_canonical();
    }
    nearest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_a_trusted_proxy_saw_is_believed() {
        let seen = |direct: &str, forwarded: &str| {
            let ours = |address: IpAddr| address.to_string().starts_with("10.") || address.is_loopback();
            through(direct.parse().unwrap(), forwarded, &ours).to_string()
        };
        assert_eq!(seen("203.0.113.9", "198.51.100.1"), "203.0.113.9", "a stranger says whatever he likes");
        assert_eq!(seen("10.0.0.1", ""), "10.0.0.1");
        assert_eq!(seen("10.0.0.1", "198.51.100.1"), "198.51.100.1");
        assert_eq!(seen("127.0.0.1", "127.0.0.1, 198.51.100.1, 10.0.0.7"), "198.51.100.1", "what he wrote before is not believed");
        assert_eq!(seen("10.0.0.1", "10.0.0.3,10.0.0.2"), "10.0.0.3");
        assert_eq!(seen("10.0.0.1", "198.51.100.1, <script>"), "10.0.0.1");
        assert_eq!(seen("10.0.0.1", "[2001:db8::7]:4711"), "2001:db8::7");
        assert_eq!(seen("10.0.0.1", "[2001:db8::7]"), "2001:db8::7");
        assert_eq!(seen("10.0.0.1", "198.51.100.1:80"), "198.51.100.1");
    }
}
