//! What is acknowledged is on the disk before: between two answers to writes, some file is synchronised. `strace` watches the process that answers,
//! and on PostgreSQL the server it writes to.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use super::money::budgets;
use super::{figure, times};
use crate::cli::Serving;
use crate::support::app::{Client, Company};
use crate::support::cluster::Cluster;
use crate::support::database::TestDb;
use crate::web::budgets::{hidden, send};

/// Somebody who watches a process and all its threads and children.
struct Watch {
    child: Child,
    file: std::path::PathBuf,
}

impl Watch {
    /// `None` where there is no strace, or where it may watch nobody.
    fn over(process: u32, folder: &Path) -> Option<Self> {
        let file = folder.join("trace");
        let trace = ["-f", "-qq", "-e", "trace=fsync,fdatasync,sync_file_range,msync", "-o"];
        let watch = Command::new("strace").args(trace).arg(&file).args(["-p", &process.to_string()]).stderr(Stdio::null()).spawn();
        let mut watch = Self { child: watch.ok()?, file };
        std::thread::sleep(Duration::from_millis(500));
        matches!(watch.child.try_wait(), Ok(None)).then_some(watch)
    }

    /// How often a file was synchronised so far.
    fn count(&self) -> usize {
        let text = std::fs::read_to_string(&self.file).unwrap_or_default();
        text.lines().filter(|line| (line.contains("fsync(") || line.contains("fdatasync(")) && line.contains("= 0")).count()
            + text.lines().filter(|line| line.contains("sync resumed>") && line.contains("= 0")).count()
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        // SIGTERM lets strace leave the watched alone; a kill would stop them.
        let _ = Command::new("kill").arg(self.child.id().to_string()).status();
        let _ = self.child.wait();
    }
}

/// Writes one after the other: how many, and the fewest syncs between two answers.
async fn writes(portal: &Serving, person: &str, budget: &str, watch: &Watch) -> (u64, usize) {
    let nora = Client::at(&portal.base);
    assert_eq!(nora.sign_in(person).await.status, 303);
    let (path, count, mut fewest) = (format!("/budgets/{budget}/reservations"), times("SYNCS", 20, 500), usize::MAX);
    for _ in 0..count {
        let page = nora.get(&format!("{path}/new")).await;
        let page = nora.get(&format!("{path}/check?key={}&amount=1&note=sync", page.field("key"))).await;
        let form = hidden(&page);
        // What belongs to what came before has been written down by now.
        tokio::time::sleep(Duration::from_millis(30)).await;
        let before = watch.count();
        let answer = send(&nora, &path, &form).await;
        // strace writes its line before the call returns, so what counts now was done before the answer.
        fewest = fewest.min(watch.count() - before);
        assert_eq!(answer.status, 303, "{}", answer.body);
    }
    (count, fewest)
}

/// With nobody in it any more; the database is gone when it is dropped.
async fn company(db: TestDb) -> (Company, String, String) {
    let company = Company::found(db).await;
    let (person, own) = (company.people["Nora North"].to_string(), budgets(&company, 1).await.remove(0));
    company.store.close().await;
    (company, person, own)
}

#[tokio::test(flavor = "multi_thread")]
async fn every_answer_to_a_write_comes_after_the_disk_has_it() {
    let folder = tempfile::tempdir().unwrap();
    let db = TestDb::sqlite();
    let url = db.url.clone();
    let (_file, person, own) = company(db).await;
    let portal = Serving::start(folder.path(), &["--database", &url]);
    let Some(watch) = Watch::over(portal.process(), folder.path()) else {
        figure("sync: not shown, strace is not here or may not watch: apt-get install strace");
        return;
    };
    let (count, fewest) = writes(&portal, &person, &own, &watch).await;
    assert!(fewest >= 1, "an answer came before its write was on the disk");
    figure(&format!("sync, sqlite: {count} acknowledged writes, at least {fewest} fsync or fdatasync before each answer"));
    drop((watch, portal));

    let cluster = Cluster::start(None);
    let url = cluster.url("127.0.0.1");
    let (_server, person, own) = company(TestDb::at(url.clone())).await;
    let watch = Watch::over(cluster.process(), folder.path()).expect("it could watch before");
    let portal = Serving::start(folder.path(), &["--database", &url]);
    let (count, fewest) = writes(&portal, &person, &own, &watch).await;
    assert!(fewest >= 1, "an answer came before its write was on the server's disk");
    figure(&format!("sync, postgres: {count} acknowledged writes, at least {fewest} fsync or fdatasync in the server before each answer"));
}
