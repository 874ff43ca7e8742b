//! A file beside the command line: the same rules, without an upload.

use std::fs::File;
use std::path::Path;

use super::commit::{self, Mode};
use super::file::{Input, fingerprint, table};
use super::report::Report;
use super::run::Run;
use super::saved::within;
use super::setup::Setup;
use super::upload::{fits, plain_name, source_name};
use super::{Limits, Stop, check, end};
use crate::domain::access::{Actor, Permission, Proved, Who};
use crate::domain::id::{ImportId, SourceId, UserId};
use crate::domain::import::Mapping;
use crate::domain::refusal::Refusal;
use crate::formats::FileFault;
use crate::store::imports::{self, ImportRow, NewImport, RefusedRow};
use crate::store::{Store, access};

/// A file that is ready to be checked or taken.
pub struct Direct {
    run: Run,
    headers: Vec<String>,
}

/// What is asked for.
pub struct Wanted<'a> {
    /// The file.
    pub path: &'a Path,
    /// The source, by name or id.
    pub source: &'a str,
    /// The mapping, by the name under which it was saved.
    pub mapping: &'a str,
    /// The person in whose name and scope it is done.
    pub person: UserId,
    /// What the file may cost.
    pub limits: Limits,
}

impl Direct {
    /// Finds source and mapping and looks at the file.
    pub async fn prepare(store: &Store, wanted: Wanted<'_>) -> Result<Self, Stop> {
        let mut read = store.read().await?;
        if !access::of_person(&mut read, wanted.person, store.now()).await?.has(Permission::ImportsRun) {
            return Err(Refusal::Forbidden(Permission::ImportsRun).into());
        }
        let source = match SourceId::parse(wanted.source) {
            Some(id) => imports::sources(&mut read).await?.into_iter().find(|source| source.id == id),
            None => imports::source_named(&mut read, &source_name(wanted.source)?).await?,
        };
        let unknown = || {
            Refusal::Invalid("source", format!("There is no source “{}”; it is made with the first upload in the portal", wanted.source))
        };
        let source = source.ok_or_else(unknown)?;
        let scope = access::of_person(&mut read, wanted.person, store.now()).await?.scope(Permission::ImportsRun);
        let name = wanted.mapping.to_lowercase();
        let saved = imports::mappings(&mut read, source.id).await?.into_iter().find(|saved| saved.name.to_lowercase() == name);
        let unknown = || Refusal::Invalid("mapping", format!("The source “{}” has no mapping “{}”", source.name, wanted.mapping));
        let saved = saved.ok_or_else(unknown)?;
        let mapping: Mapping =
            serde_json::from_str(&saved.body).map_err(|_| Refusal::Invalid("mapping", "The mapping cannot be read".to_owned()))?;
        let mapping = within(&mut read, &scope, mapping).await?;
        drop(read);
        let file_name = plain_name(&wanted.path.to_string_lossy());
        let opened = table(File::open(wanted.path).map_err(FileFault::Io)?, file_name.clone(), wanted.limits.clone()).await?;
        if !fits(&mapping, &opened.headers) {
            mapping.prepare(&opened.headers).map_err(Stop::Mapping)?;
        }
        let path = wanted.path.to_path_buf();
        let (bytes, sha256) = super::file::blocking(move || fingerprint(&path)).await?.map_err(FileFault::Io)?;
        let setup = Setup { mapping, name: saved.name, headers: opened.headers.clone(), survey: None };
        let row = unkept(store, &source, wanted.person, file_name, bytes, sha256, &setup);
        let run = Run::begun(store, row, Input::Path(wanted.path.to_path_buf()), wanted.limits, wanted.person);
        Ok(Self { run, headers: opened.headers })
    }

    /// The file's columns.
    pub fn headers(&self) -> &[String] {
        &self.headers
    }

    /// The dry run: nothing is written anywhere. `heard` is told the bytes read, their total, and the rows refused since.
    pub async fn check(&mut self, store: &Store, heard: impl FnMut(u64, u64, &[RefusedRow]) + Send) -> Result<Report, Stop> {
        check::pass_over(store, &mut self.run, false, heard).await
    }

    /// Takes the file; the import and its report. What was written before a stop is taken back.
    pub async fn commit(mut self, store: &Store, mode: Mode, progress: impl FnMut(u64, u64) + Send) -> Result<(ImportId, Report), Stop> {
        let row = &self.run.row;
        let mut sha256 = [0; 32];
        row.file_sha256.iter().flatten().zip(&mut sha256).for_each(|(from, to)| *to = *from);
        let new = NewImport {
            id: row.id,
            source: row.source_id,
            file_name: row.file_name.clone(),
            bytes: row.file_bytes,
            sha256,
            state: "mapping",
        };
        let actor = Actor { who: Who::Person(self.run.person), request_id: String::new(), peer: String::new(), proved: Proved::Elsewhere };
        let row = commit::straight(store, actor, new, self.run.setup()?, mode).await?;
        self.run = Run::begun(store, row, self.run.input, self.run.limits, self.run.person);
        match commit::perform(store, &mut self.run, progress).await {
            Ok(report) => Ok((self.run.id(), report)),
            Err(stop) => {
                // A job would try again; here nobody does.
                let words = if let Stop::File(fault) = &stop { Some(fault.to_string()) } else { stop.words() };
                if let Some(words) = words {
                    end::give_up(store, &self.run, words).await?;
                    end::clean(store, &self.run).await?;
                }
                Err(stop)
            }
        }
    }
}

/// The row of an import that is not in the store.
fn unkept(
    store: &Store,
    source: &imports::Source,
    person: UserId,
    file_name: String,
    bytes: i64,
    sha256: [u8; 32],
    setup: &Setup,
) -> ImportRow {
    ImportRow {
        no: 0,
        id: ImportId(crate::clock::uuid_v7(store.clock.now(), &store.random)),
        source_id: source.id,
        source_name: source.name.clone(),
        person_id: Some(person),
        person_name: None,
        file_name,
        file_bytes: bytes,
        file_sha256: Some(sha256.to_vec()),
        state: "mapping".to_owned(),
        mapping: setup.text(),
        mode: String::new(),
        rows_read: 0,
        rows_created: 0,
        rows_changed: 0,
        rows_unchanged: 0,
        rows_refused: 0,
        report: String::new(),
        failure: String::new(),
        version: 1,
        created_at: store.now(),
        finished_at: None,
    }
}
