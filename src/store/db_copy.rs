//! Copies of a SQLite file, taken while others write to it, and put in its place.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, OpenFlags};

use super::failure::{DbError, Failure};
use crate::domain::refusal::Refusal;

/// Pages a step: 2 MiB with SQLite's usual page, a few milliseconds.
const PAGES_A_STEP: i32 = 512;
/// How often a step that finds the file locked is tried again, 50 ms apart.
const BUSY_MOST: u32 = 600;

/// Writes the database in `from` as of this moment into the new file `to`, and has it on the disk when it returns. `progress` is told
/// (pages done, pages in all).
///
/// A snapshot is held on the source for as long as it takes: without one, each write of another process would make the copy begin again.
pub fn sqlite(from: &Path, to: &Path, mut progress: impl FnMut(u64, u64)) -> Result<(), Failure> {
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(to)?;
    let source = Connection::open_with_flags(from, OpenFlags::SQLITE_OPEN_READ_ONLY).map_err(broken)?;
    source.busy_timeout(Duration::from_secs(10)).map_err(broken)?;
    source.execute_batch("BEGIN; SELECT count(*) FROM sqlite_schema;").map_err(broken)?;
    let mut target = Connection::open_with_flags(to, OpenFlags::SQLITE_OPEN_READ_WRITE).map_err(broken)?;
    // The copy is worth nothing before it is whole, and is brought to the disk at the end.
    target.execute_batch("PRAGMA synchronous = OFF").map_err(broken)?;
    let copy = Backup::new(&source, &mut target).map_err(broken)?;
    let mut busy = 0;
    loop {
        match copy.step(PAGES_A_STEP).map_err(broken)? {
            StepResult::Done => break,
            StepResult::More => {
                let at = copy.progress();
                let total = u64::try_from(at.pagecount).unwrap_or_default();
                progress(total.saturating_sub(u64::try_from(at.remaining).unwrap_or_default()), total);
            }
            _ if busy >= BUSY_MOST => return Err(DbError::Busy.into()),
            _ => {
                busy += 1;
                std::thread::sleep(Duration::from_millis(50));
            }
        }
    }
    let at = copy.progress();
    progress(u64::try_from(at.pagecount).unwrap_or_default(), u64::try_from(at.pagecount).unwrap_or_default());
    drop(copy);
    // One file, without a log beside it: that is what people carry away.
    target.query_row("PRAGMA journal_mode = DELETE", (), |_| Ok(())).map_err(broken)?;
    target.close().map_err(|(_, error)| broken(error))?;
    File::open(to)?.sync_all()?;
    Ok(())
}

/// Sets a setting in a copy that nobody has opened yet.
pub fn set(file: &Path, key: &str, value: &str) -> Result<(), Failure> {
    let copy = Connection::open_with_flags(file, OpenFlags::SQLITE_OPEN_READ_WRITE).map_err(broken)?;
    copy.execute("INSERT INTO setting (key, value) VALUES (?1, ?2) ON CONFLICT (key) DO UPDATE SET value = excluded.value", (key, value))
        .map_err(broken)?;
    copy.close().map_err(|(_, error)| broken(error))
}

/// Takes a SQLite file out of use: its log is folded in, and it fails where any process has it open.
pub fn withdraw(file: &Path) -> Result<(), Failure> {
    let connection = Connection::open_with_flags(file, OpenFlags::SQLITE_OPEN_READ_WRITE).map_err(broken)?;
    let mode: Result<String, _> = connection.query_row("PRAGMA journal_mode = DELETE", (), |row| row.get(0));
    match mode {
        Ok(mode) if mode == "delete" => connection.close().map_err(|(_, error)| broken(error)),
        _ => Err(Refusal::State(format!("{} is in use: stop the portal that answers from it first", file.display())).into()),
    }
}

/// Renames `from` to `to`, and has the new name on the disk when it returns.
pub fn rename(from: &Path, to: &Path) -> io::Result<()> {
    std::fs::rename(from, to)?;
    File::open(folder(to))?.sync_all()
}

/// The folder a file stands in.
pub fn folder(file: &Path) -> PathBuf {
    match file.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_path_buf(),
        _ => PathBuf::from("."),
    }
}

fn broken(error: rusqlite::Error) -> Failure {
    use rusqlite::ErrorCode::{DatabaseBusy, DatabaseLocked, DiskFull};
    match error.sqlite_error_code() {
        Some(DiskFull) => DbError::Full.into(),
        Some(DatabaseBusy | DatabaseLocked) => DbError::Busy.into(),
        _ => Failure::Setup(format!("SQLite: {error}")),
    }
}
