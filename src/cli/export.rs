//! `export`: writes transactions as CSV, as the person named would get them from the portal.

use std::fs::OpenOptions;
use std::io::{BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;

use clap::Args as ClapArgs;
use futures_util::StreamExt;

use super::exit::{CliError, Exit};
use super::{Settings, backup, open_existing, serve};
use crate::actions::exports::{self, Names, Taking};
use crate::clock::Clock;
use crate::config::Config;
use crate::domain::access::{Actor, Permission, Proved, Scope, Who};
use crate::domain::list_query::ListQuery;
use crate::domain::refusal::Refusal;
use crate::store::exports::{self as kept, NewExport};
use crate::store::failure::Failure;
use crate::store::{Store, access, db_copy, people, transaction_list, transaction_query};
use crate::web::Known;

use super::progress::Progress;

/// Arguments of `export`.
#[derive(ClapArgs)]
#[command(
    after_help = "Example:\n  counterfoil export --as ana@example.com --filter \"delivery_status=succeeded&from=2026-06-01\" --output june.csv"
)]
pub struct Args {
    /// The person in whose name and scope it is done, by e-mail address
    #[arg(long = "as", value_name = "E-MAIL")]
    pub person: String,
    /// Filters, sort and columns: what stands after the ? in the address of the list in the portal
    #[arg(long, value_name = "QUERY", default_value = "")]
    pub filter: String,
    /// The file to write, which must not be there yet; standard output if left out
    #[arg(long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// excel: with headings in words and cells that a spreadsheet would run guarded; machine: column codes, and text as it is stored
    #[arg(long, default_value = "excel", value_parser = ["excel", "machine"])]
    pub format: String,
    /// Settings given as flags.
    #[command(flatten)]
    pub settings: Settings,
}

/// Runs `export`.
///
/// # Errors
/// A person who may not (4), a filter that is not understood (4), a file that is there already (4), a full disk (1).
pub fn run(args: &Args) -> Result<(), CliError> {
    let config = Config::load(&args.settings.inputs())?;
    if let Some(file) = &args.output {
        backup::free_place(file, "an export")?;
    }
    let part = args.output.as_ref().map(|file| file.with_added_extension("part"));
    let written = serve::block_on(async {
        let store = open_existing(&config).await?;
        let written = match &part {
            Some(part) => {
                let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(part).map_err(Failure::from)?;
                write(args, &store, BufWriter::new(file)).await
            }
            None => write(args, &store, BufWriter::new(std::io::stdout())).await,
        };
        store.close().await;
        written
    });
    let Some((part, file)) = part.as_ref().zip(args.output.as_ref()) else { return written };
    match written {
        Ok(()) => Ok(db_copy::rename(part, file).map_err(Failure::from)?),
        Err(error) => {
            // A file that broke off must not be taken for a whole one.
            let _ = std::fs::remove_file(part);
            Err(error)
        }
    }
}

async fn write(args: &Args, store: &Store, mut out: impl Write) -> Result<(), CliError> {
    let parsed = ListQuery::parse(&args.filter);
    if let Some(notice) = parsed.notices.first() {
        return Err(
            CliError::new(Exit::Refused, notice.clone()).hint("copy what stands after the ? in the address of the list in the portal")
        );
    }
    let query = parsed.query;
    let preset = exports::preset(&args.format).ok_or(Failure::Refused(Refusal::NotFound))?;
    let (actor, scope, named) = person(args, store).await?;
    let mut read = store.read().await.map_err(Failure::from)?;
    let known = Known::read(&mut read, &scope).await.map_err(Failure::from)?;
    let calendar = known.calendar(store.now());
    let asked = transaction_list::ask(&mut read, &scope, &named, &query, calendar, known.hidden.clone()).await.map_err(Failure::from)?;
    drop(read);
    let regions = transaction_query::regions_of(&scope, &query);
    let region = if let [only] = regions.as_slice() { Some(*only) } else { None };
    let words = query.words(&|filter, id| known.name(filter, id));
    let new = NewExport { what: "transactions".to_owned(), query: query.text(), words, format: args.format.clone() };
    let id = exports::create(store, actor.clone(), &store.random.token(16), new.clone(), region).await?;
    let plan = kept::plan(&asked, query.columns(), store.engine());
    let names = Names { known: known.names.clone(), base_digits: known.base_digits };
    let taking = Taking { actor, id, query, words: new.words, format: new.format };
    let pieces = exports::download(store, taking, plan, preset, names);
    let mut pieces = std::pin::pin!(pieces);
    let mut progress = Progress::start("bytes", None, &Clock::system());
    while let Some(piece) = pieces.next().await {
        let piece = piece.map_err(Failure::from)?;
        out.write_all(&piece).map_err(Failure::from)?;
        progress.advance(piece.len() as u64);
    }
    out.flush().map_err(Failure::from)?;
    progress.finish();
    Ok(())
}

/// The person, as the one who acts, and what she may both see and take away.
/// Who exports, from where, and where recipients are named to her.
async fn person(args: &Args, store: &Store) -> Result<(Actor, Scope, Scope), CliError> {
    let mut read = store.read().await.map_err(Failure::from)?;
    let found = people::find_by_email(&mut read, args.person.trim()).await.map_err(Failure::from)?;
    let Some(found) = found.filter(|person| person.status == "active") else {
        let said = format!("{} is nobody who can sign in", args.person.trim());
        return Err(CliError::new(Exit::Refused, said).hint("`counterfoil user list` names everybody"));
    };
    let access = access::of_person(&mut read, found.id, store.now()).await.map_err(Failure::from)?;
    for permission in [Permission::TransactionsRead, Permission::ExportsCreate] {
        if !access.has(permission) {
            return Err(Failure::Refused(Refusal::Forbidden(permission)).into());
        }
    }
    let (reads, exports) = (access.scope(Permission::TransactionsRead), access.scope(Permission::ExportsCreate));
    let both = reads.regions().filter(|region| exports.covers(*region));
    let scope = Scope::of(both, reads.is_whole() && exports.is_whole());
    let actor = Actor { who: Who::Person(found.id), request_id: String::new(), peer: "command line".to_owned(), proved: Proved::Elsewhere };
    Ok((actor, scope, access.scope(Permission::RecipientsRead)))
}
