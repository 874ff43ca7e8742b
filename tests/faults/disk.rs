//! A disk that fills up, made of memory: the way to it needs root. Where that is not to be had the files themselves are limited, as in `cli::gone`.

use std::path::Path;
use std::process::Command;

use super::clerks::{Journal, check_all};
use super::figure;
use super::money::budgets;
use crate::cli::Serving;
use crate::support::app::{Client, Company};
use crate::support::database::TestDb;
use crate::web::budgets::{hidden, send};

/// A disk of a few megabytes; dropping this takes it away.
struct Disk(Option<tempfile::TempDir>);

impl Disk {
    fn of(kilobytes: u64) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let mounted = mount(&["-t", "tmpfs", "-o", &format!("size={kilobytes}k"), "tmpfs"], folder.path());
        mounted.then_some(Self(Some(folder)))
    }

    fn path(&self) -> &Path {
        self.0.as_ref().unwrap().path()
    }

    fn grow(&self, kilobytes: u64) {
        assert!(mount(&["-o", &format!("remount,size={kilobytes}k")], self.path()));
    }
}

fn mount(args: &[&str], folder: &Path) -> bool {
    Command::new("mount").args(args).arg(folder).output().is_ok_and(|output| output.status.success())
}

impl Drop for Disk {
    fn drop(&mut self) {
        // Before the folder goes: nothing of ours is left mounted.
        let _ = Command::new("umount").arg("--lazy").arg(self.path()).output();
    }
}

#[tokio::test]
async fn a_disk_that_fills_up_loses_nothing_and_is_used_again_when_there_is_room() {
    let db = TestDb::sqlite();
    let file = db.url.trim_start_matches("sqlite:").to_owned();
    let company = Company::found(db).await;
    let person = company.people["Nora North"].to_string();
    let own = budgets(&company, 1).await.remove(0);
    company.store.close().await;
    let size = std::fs::metadata(&file).unwrap().len() / 1024 + 2_048;
    let Some(disk) = Disk::of(size) else {
        figure("disk: no disk of memory can be mounted here; cli::gone fills a file that may not grow instead");
        return;
    };
    std::fs::copy(&file, disk.path().join("test.db")).unwrap();
    let (folder, url) = (tempfile::tempdir().unwrap(), format!("sqlite:{}", disk.path().join("test.db").display()));
    let journal = Journal::new(folder.path());
    let portal = Serving::start(folder.path(), &["--database", &url]);
    let nora = Client::at(&portal.base);
    assert_eq!(nora.sign_in(&person).await.status, 303);
    let path = format!("/budgets/{own}/reservations");
    let mut taken = 0;
    let stuck = loop {
        let page = nora.get(&format!("{path}/new")).await;
        let page = nora.get(&format!("{path}/check?key={}&amount=1&note=disk", page.field("key"))).await;
        assert_eq!(page.status, 200, "reading works on: {}", page.body);
        let form = hidden(&page);
        journal.meant(&own, &form);
        let answer = send(&nora, &path, &form).await;
        if answer.status != 303 {
            assert_eq!(answer.status, 507, "after {taken}: {}", answer.body);
            assert!(
                answer.body.contains("The disk is full") && answer.body.contains("Nothing was changed. Reading works on"),
                "{}",
                answer.body
            );
            break form;
        }
        journal.done(&own, &form, &answer);
        taken += 1;
        assert!(taken < 5_000, "it never fills");
    };
    assert!(taken > 0, "there was room at first");
    for path in ["/", "/budgets", "/transactions", "/readyz", "/healthz"] {
        assert_eq!(nora.get(path).await.status, 200, "{path}");
    }
    assert_eq!(send(&nora, &path, &stuck).await.status, 507);
    disk.grow(size + 65_536);
    let answer = send(&nora, &path, &stuck).await;
    assert_eq!(answer.status, 303, "the same form, once there is room: {}", answer.body);
    assert_eq!(send(&nora, &path, &stuck).await.location(), answer.location(), "and it is done once");
    journal.done(&own, &stuck, &answer);
    let found = check_all(&url, &journal).await;
    drop(portal);
    figure(&format!(
        "disk: full after {taken} acknowledged orders on {size} kB, answered 507, {} of {} there once with room",
        found.done, found.meant
    ));
}
