//! Somebody who follows every link and sends every form, left empty and filled in, and judges each page that comes back.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::page::{Element, Page};
use crate::support::app::{Answer, Client};

/// How many addresses that differ in their ids and values alone are opened, and how many of one path whatever is asked of it: filters can be
/// put together without end.
const OF_A_SHAPE: usize = 3;
const OF_A_PATH: usize = 6;
/// How many times a form of one address is sent, left empty or filled in.
const OF_A_FORM: usize = 3;

/// What was found on the way.
#[derive(Default)]
pub struct Visited {
    /// Each page without its blanks.
    pub pages: Vec<String>,
    /// What is wrong, and where.
    pub faults: BTreeSet<String>,
    /// How many pages showed the text that a person typed.
    pub showing: usize,
}

/// A form to send.
#[derive(Clone, Debug)]
struct Form {
    action: String,
    post: bool,
    fields: Vec<(String, String)>,
}

/// One person's way.
pub struct Visitor<'v> {
    pub client: &'v Client,
    /// What she types where words are asked for.
    pub text: &'v str,
    pub visited: &'v mut Visited,
    seen: BTreeSet<String>,
    shapes: BTreeMap<String, usize>,
    forms: Vec<Form>,
    sent: BTreeMap<(String, bool), usize>,
}

impl<'v> Visitor<'v> {
    pub fn new(client: &'v Client, text: &'v str, visited: &'v mut Visited) -> Self {
        let (seen, shapes, forms, sent) = Default::default();
        Self { client, text, visited, seen, shapes, forms, sent }
    }

    /// Opens these and everything that they lead to; sends the forms that only look.
    pub async fn walk(&mut self, from: &[&str]) {
        let mut queue: VecDeque<(String, String)> = from.iter().map(|address| ((*address).to_owned(), String::new())).collect();
        self.shapes.clear();
        self.seen.clear();
        while let Some((address, by)) = queue.pop_front() {
            if !self.seen.insert(address.clone()) || (!from.contains(&address.as_str()) && self.has_enough_of(&address)) {
                continue;
            }
            queue.extend(self.open(&address, &by).await);
        }
    }

    /// Opens one page, keeps its forms, and says where it leads: (address, the page that links to it).
    async fn open(&mut self, address: &str, by: &str) -> Vec<(String, String)> {
        let answer = self.client.get(address).await;
        if !matches!(answer.status, 200 | 303 | 409 | 422) && !by.is_empty() {
            self.visited.faults.insert(format!("{by} links to {address}, which answers {}", answer.status));
        }
        if answer.status == 303 {
            return vec![(answer.location().to_owned(), String::new())];
        }
        let Some(page) = self.judge(address, &answer) else { return Vec::new() };
        let links = page.all("a").map(|link| link.value("href").split('#').next().unwrap_or_default().to_owned());
        let mut found: Vec<_> = links.filter(|href| href.starts_with('/')).map(|href| (href, address.to_owned())).collect();
        for form in self.forms_of(&page) {
            if form.post {
                self.forms.push(form);
            } else {
                let query: Vec<String> = form.fields.iter().map(|(name, value)| format!("{name}={}", escaped(value))).collect();
                found.push((format!("{}?{}", form.action, query.join("&")), String::new()));
            }
        }
        found
    }

    /// Opens one page and follows nothing.
    pub async fn look(&mut self, address: &str) {
        self.open(address, "").await;
    }

    /// Counts an address; whether enough like it were opened.
    fn has_enough_of(&mut self, address: &str) -> bool {
        let shape = shape(address);
        let path = shape.split(' ').next().unwrap_or_default().to_owned();
        [(shape, OF_A_SHAPE), (path, OF_A_PATH)].into_iter().any(|(shape, most)| {
            let count = self.shapes.entry(shape).or_default();
            *count += 1;
            *count > most
        })
    }

    /// Sends the forms that change something, as far as they were seen on the way.
    pub async fn send(&mut self) {
        for form in std::mem::take(&mut self.forms) {
            let empty = form.fields.iter().all(|(name, value)| value.is_empty() || ["csrf", "key", "version"].contains(&name.as_str()));
            let count = self.sent.entry((shape(&form.action), empty)).or_default();
            *count += 1;
            if *count > OF_A_FORM {
                continue;
            }
            self.post(&form.action, &form.fields).await;
            // The same page once more, from somebody who does not know that: the first time as it stands, the second time with other words.
            for (again, word) in [("-a", None), ("-b", Some("Other"))] {
                let other = |(name, value): &(String, String)| match (name.as_str(), word) {
                    ("key", _) => (name.clone(), format!("{value}{again}")),
                    ("name" | "cost_centre", Some(word)) => (name.clone(), word.to_owned()),
                    _ => (name.clone(), value.clone()),
                };
                if !empty && form.fields.iter().any(|(name, _)| name == "version") {
                    let fields: Vec<(String, String)> = form.fields.iter().map(other).collect();
                    self.post(&form.action, &fields).await;
                }
            }
        }
    }

    /// Posts, and judges what comes back.
    pub async fn post(&mut self, action: &str, fields: &[(String, String)]) -> Answer {
        let fields: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let answer = self.client.post(action, &fields).await;
        self.judge(&format!("POST {action} {fields:?}"), &answer);
        if answer.status == 303 && !answer.location().ends_with("/file") {
            let next = self.client.get(answer.location()).await;
            self.judge(answer.location(), &next);
        }
        answer
    }

    /// Judges an answer; the page, where it is one.
    pub fn judge(&mut self, address: &str, answer: &Answer) -> Option<Page> {
        if answer.status >= 500 {
            self.visited.faults.insert(format!("{address} answers {}: {}", answer.status, answer.body));
        }
        if !answer.headers.get("content-type").is_some_and(|kind| kind.to_str().is_ok_and(|kind| kind.starts_with("text/html"))) {
            return None;
        }
        let page = Page::read(&answer.body);
        self.visited.faults.extend(page.faults.iter().map(|fault| format!("{} ({}): {fault}", shape(address), answer.status)));
        let words = page.elements.first().map_or("", |html| html.text.as_str());
        self.visited.showing += usize::from(words.contains(self.text));
        self.visited.pages.push(answer.body.replace(char::is_whitespace, ""));
        Some(page)
    }

    /// Each form of a page twice: with nothing typed, and filled in. Signing out would end the way.
    fn forms_of(&self, page: &Page) -> Vec<Form> {
        let mut found = Vec::new();
        for (at, form) in page.elements.iter().enumerate().filter(|(_, element)| element.name == "form") {
            let inside = page.elements.iter().enumerate().skip(at).take_while(|(_, element)| element.parent >= form.parent);
            let own: Vec<usize> =
                inside.filter(|(_, element)| element.get("name").is_some_and(|name| !name.is_empty())).map(|(at, _)| at).collect();
            let action = form.value("action");
            let sends_a_file = form.get("enctype").is_some_and(|kind| kind.starts_with("multipart"));
            if action == "/sign-out" || action.ends_with("/sign-in") || sends_a_file {
                continue;
            }
            for full in [false, true] {
                let fields = own.iter().filter_map(|at| Some((page.elements[*at].value("name"), self.value(page, *at, full)?)));
                found.push(Form { action: action.clone(), post: form.value("method") == "post", fields: fields.collect() });
            }
        }
        found
    }

    /// What is sent for a field; nothing for what is not ticked.
    fn value(&self, page: &Page, at: usize, full: bool) -> Option<String> {
        let field = &page.elements[at];
        let (name, value) = (field.value("name"), field.value("value"));
        let kind = field.value("type");
        match (field.name.as_str(), kind.as_str()) {
            ("input", "hidden") => Some(value),
            ("input", "radio") => (full && (field.get("checked").is_some() || last_of_its_name(page, field))).then_some(value),
            ("input", "checkbox") => field.get("checked").map(|_| value),
            ("input" | "textarea", _) if full => Some(self.typed(field)),
            ("input" | "textarea", _) => Some(String::new()),
            ("select", _) => {
                let options: Vec<&Element> = page.elements[at + 1..].iter().take_while(|option| option.parent >= Some(at)).collect();
                let of = |option: &&Element| option.get("value").map_or_else(|| option.text.clone(), str::to_owned);
                let chosen = options.iter().find(|option| option.get("selected").is_some()).map(of).unwrap_or_default();
                let guessed = !name.starts_with("column-") && full && chosen.is_empty();
                Some(if guessed { options.iter().map(of).find(|value| !value.is_empty()).unwrap_or_default() } else { chosen })
            }
            _ => None,
        }
    }

    /// What a person would type there: what the field asks for, else the text.
    fn typed(&self, field: &Element) -> String {
        let value = field.value("value");
        match field.value("name").as_str() {
            "amount" => "1".to_owned(),
            "amount_min" | "amount_max" => String::new(),
            "rate" => "1.5".to_owned(),
            "email" => "pia@test.example".to_owned(),
            "code" => "anniversary".to_owned(),
            "time_zone" => "Europe/Berlin".to_owned(),
            "period_start" | "period_end" | "effective_date" if !value.is_empty() => value,
            "period_start" => "2027-01-01".to_owned(),
            "period_end" | "ends_on" => "2027-12-31".to_owned(),
            name if ["from", "to", "rate_date"].contains(&name) => "2026-11-20".to_owned(),
            name if ["password", "again", "current"].contains(&name) => "five quiet green garden chairs".to_owned(),
            name if name.contains("date") => "2026-11-20".to_owned(),
            _ => {
                let most = field.get("maxlength").and_then(|most| most.parse().ok()).unwrap_or(80);
                self.text.chars().take(most).collect()
            }
        }
    }
}

/// Whether a radio button is the last of those that exclude it, and none of them is pressed.
fn last_of_its_name(page: &Page, field: &Element) -> bool {
    let same: Vec<&Element> =
        page.all("input").filter(|other| other.value("type") == "radio" && other.get("name") == field.get("name")).collect();
    same.iter().all(|other| other.get("checked").is_none()) && same.last().is_some_and(|last| last.get("id") == field.get("id"))
}

/// An address without its ids and values.
fn shape(address: &str) -> String {
    let (path, query) = address.split_once('?').unwrap_or((address, ""));
    let is_id = |part: &&str| part.len() > 24;
    let path: Vec<&str> = path.split('/').map(|part| if is_id(&part) { "…" } else { part }).collect();
    let mut names: Vec<&str> = query.split('&').map(|pair| pair.split('=').next().unwrap_or_default()).collect();
    names.sort_unstable();
    names.dedup();
    format!("{} ?{}", path.join("/"), names.join(" "))
}

/// As it stands in a query.
fn escaped(value: &str) -> String {
    value.bytes().map(|byte| if byte.is_ascii_alphanumeric() { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}
