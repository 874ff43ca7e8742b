//! Imports: from a person's file to transactions, in small commands, seen all at once.
//!
//! A file is uploaded ([`upload`]), its columns and values are mapped ([`mapping`]), a dry run says what would happen ([`check`]), and
//! the commit writes it ([`commit`]): new rows and changed ones ([`changes`]) hidden, then one command that publishes them with what they cost
//! each budget; changed rows then take their place unseen ([`apply`]). What was begun and not finished is taken back ([`end`]). All of it is the same
//! from the portal and the command line.

pub mod apply;
mod changes;
pub mod check;
pub mod commit;
mod diff;
pub mod direct;
pub mod end;
pub mod file;
pub mod mapping;
mod pass;
mod people;
mod plan;
pub mod refused;
pub mod report;
pub mod run;
pub mod saved;
pub mod setup;
mod sort;
pub mod upload;

pub use crate::formats::{FileFault, Limits};

use crate::domain::id::ImportId;
use crate::domain::import::MappingFault;
use crate::domain::refusal::Refusal;
use crate::store::db::Reader;
use crate::store::failure::Failure;
use crate::store::imports::{self, ImportRow};
use crate::store::writer::WriteTx;

/// Rows of a file in one command behind the door: about a tenth of a second, so that nobody else waits long, and no fewer, because each command
/// writes the same pages of the indexes again.
pub(crate) const CHUNK: usize = 750;

/// Why a run stopped before its end.
#[derive(Debug)]
pub enum Stop {
    /// The file cannot be read to its end.
    File(FileFault),
    /// The mapping does not fit the file.
    Mapping(Vec<MappingFault>),
    /// The store or a rule said no.
    Failed(Failure),
}

impl From<Failure> for Stop {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

impl From<crate::store::failure::DbError> for Stop {
    fn from(error: crate::store::failure::DbError) -> Self {
        Self::Failed(error.into())
    }
}

impl From<Refusal> for Stop {
    fn from(refusal: Refusal) -> Self {
        Self::Failed(refusal.into())
    }
}

impl From<FileFault> for Stop {
    fn from(fault: FileFault) -> Self {
        Self::File(fault)
    }
}

impl Stop {
    /// Words for the person whose import it is; `None` for what is worth another try.
    pub fn words(&self) -> Option<String> {
        match self {
            Self::File(FileFault::Io(_)) => None,
            Self::File(fault) => Some(fault.to_string()),
            Self::Mapping(faults) => Some(faults.iter().map(|fault| fault.message.as_str()).collect::<Vec<_>>().join(". ")),
            Self::Failed(Failure::Refused(Refusal::NotFound | Refusal::Forbidden(_))) => {
                Some("You may no longer import for every region of this file. Nothing was written.".to_owned())
            }
            Self::Failed(Failure::Refused(refusal)) => Some(refusal.to_string()),
            Self::Failed(_) => None,
        }
    }
}

/// An import for a write by the person who uploaded it; anybody else sees none, or is told that it is not hers to go on with.
async fn own(tx: &mut WriteTx<'_>, id: ImportId, version: i64) -> Result<ImportRow, Failure> {
    let row = visible(tx, id).await?;
    if row.person_id.is_none() || row.person_id != tx.actor().person() {
        return Err(Refusal::State("Only the person who uploaded the file can go on with its import".to_owned()).into());
    }
    if row.version != version {
        return Err(Refusal::Stale.into());
    }
    Ok(row)
}

/// An import for a write by somebody who sees it and may import somewhere.
async fn visible(tx: &mut WriteTx<'_>, id: ImportId) -> Result<ImportRow, Failure> {
    use crate::domain::access::Permission;
    let access = tx.access();
    if !access.has(Permission::ImportsRun) {
        return Err(Refusal::Forbidden(Permission::ImportsRun).into());
    }
    let person = tx.actor().person();
    Ok(imports::find(tx, &access.scope(Permission::ImportsRun), person, id).await?.ok_or(Refusal::NotFound)?)
}

/// The regions and budgets a person may name in a mapping: (regions, budgets).
pub async fn choices(
    reader: &mut impl Reader,
    scope: &crate::domain::access::Scope,
) -> Result<(Vec<crate::store::regions::Region>, Vec<crate::store::ledger::BudgetRow>), Failure> {
    let regions = crate::store::regions::list(reader, scope).await?;
    let budgets = plan::budgets(reader, scope).await?;
    Ok((regions, budgets))
}
