//! The bytes of an import: pieces in the store, or a file beside the command line.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::Stop;
use crate::domain::id::ImportId;
use crate::formats::{self, FileFault, Limits, Opened};
use crate::store::imports;
use crate::store::{Store, failure::DbError};

/// Where the bytes are.
#[derive(Clone, Debug)]
pub enum Input {
    /// In the store, as they were uploaded.
    Pieces(ImportId),
    /// In a file of this machine.
    Path(PathBuf),
}

impl Input {
    /// The file, to be read from its start. Pieces are put together in a temporary file that has no name; `None` where there are none.
    pub async fn open(&self, store: &Store) -> Result<Option<File>, Stop> {
        match self {
            Self::Path(path) => Ok(Some(File::open(path).map_err(FileFault::Io)?)),
            Self::Pieces(id) => gather(store, *id).await,
        }
    }
}

async fn gather(store: &Store, id: ImportId) -> Result<Option<File>, Stop> {
    let mut file = tempfile::tempfile().map_err(FileFault::Io)?;
    let mut piece = 0;
    loop {
        // One snapshot for each piece: a long one would keep the database's log from being folded in.
        let mut read = store.read().await?;
        let Some(bytes) = imports::piece(&mut read, id, piece).await? else { break };
        drop(read);
        file = blocking(move || file.write_all(&bytes).map(|()| file)).await?.map_err(FileFault::Io)?;
        piece += 1;
    }
    if piece == 0 {
        return Ok(None);
    }
    file.seek(SeekFrom::Start(0)).map_err(FileFault::Io)?;
    Ok(Some(file))
}

/// Runs what blocks away from the threads that answer.
pub(super) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, DbError> {
    tokio::task::spawn_blocking(work).await.map_err(|_| DbError::Broken("a thread that reads a file ended before its work".to_owned()))
}

/// Opens a file as a table.
pub(super) async fn table(file: File, name: String, limits: Limits) -> Result<Opened, Stop> {
    Ok(blocking(move || formats::open(file, &name, &limits)).await??)
}

/// Size and SHA-256 of a file, read to its end. Blocks.
pub fn fingerprint(path: &Path) -> std::io::Result<(i64, [u8; 32])> {
    let mut file = File::open(path)?;
    let (mut hash, mut bytes, mut buffer) = (Sha256::new(), 0i64, vec![0; 1 << 16]);
    loop {
        let got = file.read(&mut buffer)?;
        if got == 0 {
            return Ok((bytes, hash.finalize().into()));
        }
        hash.update(buffer.get(..got).unwrap_or_default());
        bytes += got as i64;
    }
}
