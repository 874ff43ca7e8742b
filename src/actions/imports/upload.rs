//! Taking a file in. It is looked at before anything is kept: nothing of a refused file survives.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};

use serde_json::json;

use super::file::{blocking, table};
use super::setup::{self, Setup};
use super::{Limits, Stop, mapping};
use crate::domain::access::{Actor, Permission};
use crate::domain::audit::Event;
use crate::domain::id::{ImportId, SourceId};
use crate::domain::import::mapping::Mapping;
use crate::domain::refusal::Refusal;
use crate::domain::text::{hex, is_hidden, line};
use crate::store::Store;
use crate::store::failure::Failure;
use crate::store::imports::{self, Change, NewImport, PIECE};
use crate::store::writer::{Intent, WriteTx};

/// The longest name of a source.
const NAME_LONGEST: usize = 80;

/// A file that has come whole.
#[derive(Debug)]
pub struct Received {
    /// Its bytes, in a temporary file.
    pub file: File,
    /// What the person's machine calls it.
    pub name: String,
    /// Its size.
    pub bytes: i64,
    /// Its hash.
    pub sha256: [u8; 32],
}

/// The last part of a file's name as it is kept and shown: no folders, no control characters, at most 120 characters.
pub fn plain_name(name: &str) -> String {
    let last = name.rsplit(['/', '\\']).next().unwrap_or_default();
    // Marks that turn the direction of writing could make one ending look like another.
    let kept: String = last.chars().filter(|c| !is_hidden(*c)).collect();
    let count = kept.chars().count();
    let kept: String = kept.trim().chars().skip(count.saturating_sub(120)).collect();
    if kept.is_empty() { "file".to_owned() } else { kept }
}

/// A source's name as it was typed, checked.
pub fn source_name(name: &str) -> Result<String, Refusal> {
    let name = name.split_whitespace().collect::<Vec<_>>().join(" ");
    if name.is_empty() {
        return Err(Refusal::Required("source", "Enter the name of the source"));
    }
    line("source", "a name", &name, NAME_LONGEST)
}

/// The source of this name, added where it is new.
pub(super) async fn source_of(tx: &mut WriteTx<'_>, name: &str) -> Result<SourceId, Failure> {
    if let Some(source) = imports::source_named(tx, name).await? {
        return Ok(source.id);
    }
    let id = SourceId(tx.new_id());
    imports::insert_source(tx, id, name).await?;
    tx.record(Event::new("source.created", "source", id, None).detail(json!({ "name": name })));
    Ok(id)
}

/// Keeps a file and begins its import. The same key with the same file gives the same import.
///
/// # Errors
/// [`Stop::File`] where the file cannot be read as a table, before anything is written.
pub async fn receive(store: &Store, actor: Actor, key: &str, source: &str, received: Received, limits: &Limits) -> Result<ImportId, Stop> {
    let source = source_name(source)?;
    let name = plain_name(&received.name);
    let copy = received.file.try_clone().map_err(crate::formats::FileFault::Io)?;
    let opened = table(copy, name.clone(), limits.clone()).await?;
    let (survey, suggestion) = blocking(move || setup::survey(opened)).await??;
    let setup = Setup { mapping: suggestion.mapping, name: String::new(), headers: survey.headers(), survey: Some(survey) };
    let (id, fresh) = begin(store, &actor, key, &source, &name, &received, setup).await?;
    if !fresh {
        return Ok(id);
    }
    if let Err(failure) = pieces(store, &actor, id, received.file).await {
        // What cannot be undone now is undone by the job that looks for uploads that never ended.
        super::end::abandon(store, actor, id).await?;
        return Err(failure.into());
    }
    complete(store, actor, id).await?;
    Ok(id)
}

async fn begin(
    store: &Store,
    actor: &Actor,
    key: &str,
    source: &str,
    name: &str,
    received: &Received,
    setup: Setup,
) -> Result<(ImportId, bool), Failure> {
    let wanted = ImportId(crate::clock::uuid_v7(store.clock.now(), &store.random));
    let content = (source.to_owned(), name.to_owned(), received.sha256);
    let (bytes, sha256) = (received.bytes, received.sha256);
    let given = store
        .write(Intent::keyed(actor.clone(), "import.begin", key, &content), move |tx| {
            let ((source, name, _), mut setup) = (content.clone(), setup.clone());
            Box::pin(async move {
                if !tx.access().has(Permission::ImportsRun) {
                    return Err(Refusal::Forbidden(Permission::ImportsRun).into());
                }
                let source = source_of(tx, &source).await?;
                mapping::recall(tx, source, &mut setup).await?;
                let new = NewImport { id: wanted, source, file_name: name, bytes, sha256, state: "uploading" };
                imports::insert(tx, &new, setup.text()).await?;
                Ok(wanted)
            })
        })
        .await?;
    Ok((given, given == wanted))
}

async fn pieces(store: &Store, actor: &Actor, id: ImportId, mut file: File) -> Result<(), Failure> {
    file.seek(SeekFrom::Start(0))?;
    for number in 0.. {
        let (back, bytes) = blocking(move || {
            let mut bytes = Vec::with_capacity(PIECE);
            file.by_ref().take(PIECE as u64).read_to_end(&mut bytes).map(|_| (file, bytes))
        })
        .await??;
        file = back;
        if bytes.is_empty() {
            break;
        }
        store
            .write(Intent::once(actor.clone(), "import.piece").bulk(), move |tx| {
                let bytes = bytes.clone();
                Box::pin(async move { imports::insert_piece(tx, id, number, bytes).await })
            })
            .await?;
    }
    Ok(())
}

async fn complete(store: &Store, actor: Actor, id: ImportId) -> Result<(), Failure> {
    store
        .write(Intent::once(actor, "import.upload"), move |tx| {
            Box::pin(async move {
                let row = imports::get(tx, id).await?.ok_or(Refusal::NotFound)?;
                let change = Change { state: Some("mapping"), ..Change::default() };
                imports::update(tx, id, row.version, false, &change).await?;
                tx.record(uploaded(&row));
                Ok(())
            })
        })
        .await
}

/// The event of a file that was taken in.
pub(super) fn uploaded(row: &imports::ImportRow) -> Event {
    let detail = json!({
        "file": row.file_name, "bytes": row.file_bytes, "sha256": row.file_sha256.as_deref().map(hex), "source": row.source_id.to_string(),
    });
    Event::new("import.uploaded", "import", row.id, None).detail(detail)
}

/// A mapping that fits the file's headers in every column it names.
pub(super) fn fits(mapping: &Mapping, headers: &[String]) -> bool {
    !mapping.columns.is_empty() && mapping.columns.values().all(|header| headers.contains(header))
}
