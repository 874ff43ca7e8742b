//! People who set money aside without a pause, write down what they are about to send before they send it, and send again what was not answered.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use counterfoil::actions::audit::{Verdict, walk};
use counterfoil::domain::id::{BudgetId, PostingId};
use counterfoil::store::check;
use counterfoil::store::db::Sql;
use counterfoil::store::db_pools::Pools;

use crate::support::app::{Answer, Client};
use crate::web::budgets::hidden;

/// A file of what was meant and what was answered: a line is on the disk before anything else happens.
#[derive(Clone)]
pub struct Journal {
    path: PathBuf,
    file: Arc<Mutex<File>>,
}

impl Journal {
    /// An empty one.
    pub fn new(folder: &Path) -> Self {
        let path = folder.join("journal");
        let file = File::options().create_new(true).append(true).open(&path).unwrap();
        Self { path, file: Arc::new(Mutex::new(file)) }
    }

    /// A form is about to be sent.
    pub fn meant(&self, budget: &str, form: &[(String, String)]) {
        self.note("meant", budget, key(form), "");
    }

    /// It was answered as done.
    pub fn done(&self, budget: &str, form: &[(String, String)], answer: &Answer) {
        assert_eq!(answer.status, 303, "{}", answer.body);
        self.note("done", budget, key(form), answer.location());
    }

    fn note(&self, word: &str, budget: &str, key: &str, more: &str) {
        let mut file = self.file.lock().unwrap();
        writeln!(file, "{word} {budget} {key} {more}").unwrap();
        file.sync_data().unwrap();
    }

    /// Of each budget: what was meant, and what was answered as done, with where that led; by key, as the file has it.
    fn read(&self) -> BTreeMap<String, Story> {
        let mut all: BTreeMap<String, Story> = BTreeMap::new();
        for line in std::fs::read_to_string(&self.path).unwrap().lines() {
            let mut words = line.split(' ').map(str::to_owned);
            let mut word = || words.next().unwrap_or_default();
            let (what, budget, key, more) = (word(), word(), word(), word());
            let story = all.entry(budget).or_default();
            match what.as_str() {
                "meant" => drop(story.meant.insert(key, more)),
                _ => drop(story.done.insert(key, more)),
            }
        }
        all
    }
}

#[derive(Default)]
struct Story {
    meant: BTreeMap<String, String>,
    done: BTreeMap<String, String>,
}

/// One of them; each has a budget of her own, because what somebody else does in it would make her decide again.
pub struct Clerk {
    client: Client,
    budget: String,
    journal: Journal,
    /// What was sent and not answered.
    open: Option<Vec<(String, String)>>,
    over: Arc<AtomicBool>,
    /// How many were answered.
    pub answered: Arc<AtomicU64>,
    /// How many answers did not come, or said that the database was away.
    pub lost: u64,
}

impl Clerk {
    /// Signed in at `base`.
    pub async fn at(base: &str, person: &str, budget: &str, journal: &Journal, over: &Arc<AtomicBool>) -> Self {
        let client = Client::at(base);
        assert_eq!(client.sign_in(person).await.status, 303);
        let (budget, journal, over) = (budget.to_owned(), journal.clone(), over.clone());
        Self { client, budget, journal, open: None, over, answered: Arc::default(), lost: 0 }
    }

    /// The same person at the next process: her session is in the database.
    pub fn follow(&mut self, base: &str) {
        let next = Client::at(base);
        next.plant("__Host-counterfoil", &self.client.cookie("__Host-counterfoil").unwrap());
        self.client = next;
    }

    /// Whether something was sent and not answered.
    pub fn is_open(&self) -> bool {
        self.open.is_some()
    }

    fn path(&self) -> String {
        format!("/budgets/{}/reservations", self.budget)
    }

    async fn form(&self) -> Option<Vec<(String, String)>> {
        let page = self.client.try_get(&format!("{}/new", self.path())).await.filter(is_well)?;
        let page =
            self.client.try_get(&format!("{}/check?key={}&amount=1&note=test", self.path(), page.field("key"))).await.filter(is_well)?;
        Some(hidden(&page))
    }

    async fn send(&self, form: &[(String, String)]) -> Option<Answer> {
        let fields: Vec<(&str, &str)> = form.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let answer = self.client.try_post(&self.path(), &fields).await.filter(is_well)?;
        Some(answer)
    }

    /// A whole request that sets money aside, noted as meant, to be sent by hand in her session; `settle` sends it again.
    pub async fn unsent(&mut self, cookie: &str) -> String {
        let own = format!("__Host-counterfoil={}", self.client.cookie("__Host-counterfoil").unwrap());
        assert_ne!(own, cookie, "a session of her own");
        let form = self.form().await.expect("the portal answers");
        self.journal.meant(&self.budget, &form);
        let body = serde_html_form::to_string(&form).unwrap();
        let head = "content-type: application/x-www-form-urlencoded\r\nsec-fetch-site: same-origin";
        let path = self.path();
        self.open = Some(form);
        format!("POST {path} HTTP/1.1\r\nhost: x\r\ncookie: {own}\r\n{head}\r\ncontent-length: {}\r\n\r\n{body}", body.len())
    }

    /// Sends what was not answered once more, twice if need be until it is answered; it is done once, and both times leads to the same place.
    pub async fn settle(&mut self) {
        let Some(form) = self.open.take() else { return };
        let first = self.insist(&form).await;
        assert_eq!(self.insist(&form).await.location(), first.location());
        self.note_done(&form, &first);
    }

    async fn insist(&mut self, form: &[(String, String)]) -> Answer {
        loop {
            if let Some(answer) = self.send(form).await {
                return answer;
            }
            self.lost += 1;
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    }

    fn note_done(&self, form: &[(String, String)], answer: &Answer) {
        self.journal.done(&self.budget, form, answer);
        self.answered.fetch_add(1, Ordering::AcqRel);
    }

    /// Works until it is over, or until an answer does not come.
    pub async fn work(&mut self) {
        while !self.over.load(Ordering::Acquire) {
            let Some(form) = self.form().await else {
                self.lost += 1;
                return;
            };
            self.journal.meant(&self.budget, &form);
            match self.send(&form).await {
                Some(answer) => self.note_done(&form, &answer),
                None => {
                    self.lost += 1;
                    self.open = Some(form);
                    return;
                }
            }
        }
    }
}

/// A database that is away has its own words; everything else is an answer.
fn is_well(answer: &Answer) -> bool {
    assert!(answer.status != 503 || answer.body.contains("cannot reach its database"), "{}", answer.body);
    answer.status != 503
}

fn key(form: &[(String, String)]) -> &str {
    form.iter().find(|(name, _)| name == "key").map_or("", |(_, value)| value.as_str())
}

/// What a check of all that was meant found.
pub struct Found {
    /// Operations that were meant.
    pub meant: usize,
    /// Of them, those that were acknowledged.
    pub done: usize,
}

/// Compares the journal with the database: the file is whole, the trail verifies, and everything that was meant is there once, the acknowledged
/// as the very posting that was acknowledged. Everybody has to have settled.
pub async fn check_all(url: &str, journal: &Journal) -> Found {
    let pools = Pools::inspect(url).await.unwrap();
    let mut read = pools.read().await.unwrap();
    assert_eq!(check::fault(&mut read).await.unwrap(), None);
    let walked = walk(&mut read, |_, _| ()).await.unwrap();
    assert!(matches!(walked, Verdict::Ok { .. }), "{walked:?}");
    let (mut meant, mut done) = (0, 0);
    for (budget, story) in journal.read() {
        let id = BudgetId::parse(&budget).unwrap();
        let sql = "SELECT id FROM posting WHERE kind = 'reserve' AND destination_budget_id = $1";
        let kept: Vec<(PostingId,)> = read.all(Sql::new(sql).bind(id)).await.unwrap();
        let kept: BTreeSet<String> = kept.into_iter().map(|(id,)| id.to_string()).collect();
        assert_eq!(story.done.len(), story.meant.len(), "everybody has settled");
        assert!(story.done.keys().all(|key| story.meant.contains_key(key)));
        assert_eq!(kept.len(), story.meant.len(), "each once, in {budget}");
        let posting = |place: &String| place.split(['?', '/', '=', '&']).find(|part| kept.contains(*part)).map(str::to_owned);
        let acknowledged: BTreeSet<String> = story.done.values().filter_map(posting).collect();
        assert_eq!(acknowledged, kept, "what was acknowledged is there, and nothing else");
        meant += story.meant.len();
        done += story.done.len();
    }
    drop(read);
    pools.close().await;
    Found { meant, done }
}
