//! Backups on record: that one was made, and that the store was restored from one.

use serde_json::json;

use crate::domain::access::{Actor, Permission};
use crate::domain::audit::Event;
use crate::store::failure::Failure;
use crate::store::writer::Intent;
use crate::store::{Store, sessions};

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
