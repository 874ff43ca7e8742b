//! Backups on record: that one was made, and that the store was restored from one.

use serde_json::json;

use crate::domain::access::{Actor, Permission};
use crate::domain::audit::Event;
use crate::store::failure::Failure;
use crate::store::writer::Intent;
use crate::store::{Store, audit_log, sessions};

/// A backup's file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    /// Its size in bytes.
    pub bytes: u64,
    /// Its SHA-256 in hexadecimal.
    pub sha256: String,
    /// The number of the newest audit event in it.
    pub event: i64,
}

impl File {
    fn event(&self, action: &'static str) -> Event {
        let detail = json!({ "bytes": self.bytes, "sha256": self.sha256, "newest_event": self.event });
        Event::new(action, "backup", "", None).detail(detail)
    }
}

/// Leaves an event that says which backup was made.
pub async fn made(store: &Store, actor: Actor, file: File) -> Result<(), Failure> {
    store
        .write(Intent::once(actor, "backup.make"), move |tx| {
            let event = file.event("backup.made");
            Box::pin(async move {
                tx.require_everywhere(Permission::SettingsManage)?;
                tx.record(event);
                Ok(())
            })
        })
        .await
}

/// What came of bringing a backup back in another place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Drill {
    /// The backup; its newest event is 0 where it could not be read.
    pub file: File,
    /// How long it took.
    pub millis: i64,
    /// `ok`, or what did not fit.
    pub result: String,
}

/// Leaves an event that says what came of a drill; how many events there are that the backup does not have.
pub async fn drilled(store: &Store, actor: Actor, drill: Drill) -> Result<i64, Failure> {
    store
        .write(Intent::once(actor, "backup.drill"), move |tx| {
            let drill = drill.clone();
            Box::pin(async move {
                tx.require_everywhere(Permission::SettingsManage)?;
                let newest = audit_log::stated_head(tx).await?.map_or(0, |head| head.seq);
                let behind = newest - drill.file.event;
                let mut event = drill.file.event("backup.drilled");
                event.detail["milliseconds"] = drill.millis.into();
                event.detail["result"] = drill.result.into();
                event.detail["events_behind"] = behind.into();
                tx.record(event);
                Ok(behind)
            })
        })
        .await
}

/// Leaves an event that says from which backup the store was restored, and ends all sessions and links: those ended since would work again.
pub async fn restored(store: &Store, actor: Actor, file: File) -> Result<(), Failure> {
    store
        .write(Intent::once(actor, "backup.restore"), move |tx| {
            let event = file.event("backup.restored");
            Box::pin(async move {
                tx.require_everywhere(Permission::SettingsManage)?;
                sessions::delete_all(tx).await?;
                tx.record(event);
                Ok(())
            })
        })
        .await
}
