//! A page as a strict reader sees it: every tag closed, every value in quotes, every sign escaped; and what must hold of all of them.

use std::collections::BTreeSet;

/// Elements that hold nothing.
const VOID: &[&str] = &["br", "col", "hr", "img", "input", "link", "meta", "wbr"];
/// Attributes that name other elements of the page.
const REFERENCES: &[&str] = &["for", "aria-labelledby", "aria-describedby", "aria-controls", "list", "form"];

/// One element.
#[derive(Debug, Default)]
pub struct Element {
    pub name: String,
    pub attributes: Vec<(String, String)>,
    /// The words in it and in what it holds.
    pub text: String,
    pub parent: Option<usize>,
}

impl Element {
    pub fn get(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|attribute| attribute.0 == name).map(|attribute| attribute.1.as_str())
    }

    pub fn value(&self, name: &str) -> String {
        self.get(name).unwrap_or_default().to_owned()
    }

    /// Whether something in it, or an attribute, says what it is.
    fn is_named(&self) -> bool {
        !self.text.trim().is_empty()
            || ["aria-label", "aria-labelledby", "title"].iter().any(|name| self.get(name).is_some_and(|x| !x.is_empty()))
    }
}

/// What was read.
#[derive(Debug, Default)]
pub struct Page {
    pub elements: Vec<Element>,
    pub faults: Vec<String>,
    open: Vec<usize>,
}

impl Page {
    /// Reads a page and judges it.
    pub fn read(html: &str) -> Self {
        let mut page = Self::default();
        let mut rest = html.strip_prefix("<!doctype html>").unwrap_or_else(|| {
            page.faults.push("no doctype".to_owned());
            html
        });
        while let Some(at) = rest.find('<') {
            page.words(&rest[..at]);
            let length = tag_end(&rest[at..]);
            page.tag(&rest[at + 1..at + length - 1]);
            rest = &rest[at + length..];
        }
        page.words(rest);
        while let Some(at) = page.open.pop() {
            page.faults.push(format!("<{}> is never closed", page.elements[at].name));
        }
        page.judge();
        page
    }

    fn words(&mut self, raw: &str) {
        if raw.contains('>') {
            self.faults.push(format!("a bare > in “{}”", raw.trim()));
        }
        let text = decoded(raw, &mut self.faults);
        for at in &self.open {
            self.elements[*at].text.push_str(&text);
        }
    }

    fn tag(&mut self, inner: &str) {
        if let Some(name) = inner.strip_prefix('/') {
            match self.open.pop() {
                Some(at) if self.elements[at].name == name => {}
                other => self.faults.push(format!("</{name}> closes {:?}", other.map(|at| &self.elements[at].name))),
            }
            return;
        }
        let (inner, closed) = inner.strip_suffix('/').map_or((inner, false), |inner| (inner, true));
        let name: String = inner.chars().take_while(char::is_ascii_alphanumeric).collect();
        if name.is_empty() {
            self.faults.push(format!("<{inner}> is no tag"));
            return;
        }
        let attributes = attributes(&inner[name.len()..], &mut self.faults);
        let holds = !closed && !VOID.contains(&name.as_str());
        self.elements.push(Element { name, attributes, parent: self.open.last().copied(), ..Element::default() });
        if holds {
            self.open.push(self.elements.len() - 1);
        }
    }

    /// The elements of this name.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Element> {
        self.elements.iter().filter(move |element| element.name == name)
    }

    /// Whether this element stands in one of this name, and in which.
    pub fn within(&self, element: &Element, name: &str) -> Option<usize> {
        let mut at = element.parent;
        while let Some(parent) = at.filter(|at| self.elements[*at].name != name) {
            at = self.elements[parent].parent;
        }
        at
    }

    fn judge(&mut self) {
        let mut faults = Vec::new();
        if self.elements.first().is_none_or(|html| html.name != "html" || html.value("lang").is_empty()) {
            faults.push("it says no language".to_owned());
        }
        for (name, count) in ["title", "h1", "main"].map(|name| (name, self.all(name).filter(|one| !one.text.trim().is_empty()).count())) {
            // A drawing has a title as well.
            if count != 1 && !(name == "title" && count > 1) {
                faults.push(format!("{count} of <{name}>"));
            }
        }
        let mut ids = BTreeSet::new();
        for id in self.elements.iter().filter_map(|element| element.get("id")) {
            if id.is_empty() || !ids.insert(id) {
                faults.push(format!("the id “{id}” is empty or there twice"));
            }
        }
        for element in &self.elements {
            if let Some(words) = self.fault_of(element, &ids) {
                faults.push(format!(
                    "<{}{}>: {words}",
                    element.name,
                    element.attributes.iter().map(|(a, b)| format!(" {a}=\"{b}\"")).collect::<String>()
                ));
            }
        }
        self.faults.extend(faults);
    }

    fn fault_of(&self, element: &Element, ids: &BTreeSet<&str>) -> Option<String> {
        let has = |name: &str| element.get(name).is_some_and(|value| !value.is_empty());
        let lost = |words: &str| words.split_whitespace().find(|id| !ids.contains(id)).map(str::to_owned);
        for (name, value) in &element.attributes {
            if name == "style" || name.starts_with("on") || value.trim_start().to_ascii_lowercase().starts_with("javascript:") {
                return Some(format!("{name} carries style or code"));
            }
            if let Some(id) = REFERENCES.contains(&name.as_str()).then(|| lost(value)).flatten() {
                return Some(format!("{name} leads to “{id}”, which is not there"));
            }
        }
        let labelled = || {
            let id = element.value("id");
            has("aria-label")
                || has("aria-labelledby")
                || self.all("label").any(|label| label.value("for") == id)
                || self.within(element, "label").is_some()
        };
        match element.name.as_str() {
            "style" => Some("inline style".to_owned()),
            "script" if !has("src") || !element.text.trim().is_empty() => Some("inline script".to_owned()),
            "a" if !has("href") || element.get("href") == Some("#") => Some("leads nowhere".to_owned()),
            "a" if element.value("href").starts_with('#') => lost(&element.value("href")[1..]).map(|id| format!("{id} is not there")),
            "a" | "button" | "summary" | "option" | "h1" | "h2" | "h3" | "legend"
                if !element.is_named() && !has("value") && !is_empty_choice(element) =>
            {
                Some("has no name".to_owned())
            }
            "img" if element.get("alt").is_none() => Some("has no text beside it".to_owned()),
            "th" if !has("scope") => Some("heads neither row nor column".to_owned()),
            "form" if !has("action") || !has("method") => Some("says not where or how".to_owned()),
            "form"
                if element.value("method") == "post"
                    && !self.all("input").any(|field| self.holds(element, field) && field.get("name") == Some("csrf")) =>
            {
                Some("posts without a token".to_owned())
            }
            "input" if ["hidden", "submit"].contains(&element.value("type").as_str()) => None,
            "input" | "select" | "textarea" if !labelled() => Some("has no label".to_owned()),
            "input" | "select" | "textarea" if !has("name") => Some("is sent under no name".to_owned()),
            _ => None,
        }
    }

    fn holds(&self, form: &Element, field: &Element) -> bool {
        self.within(field, "form").is_some_and(|at| std::ptr::eq(&raw const self.elements[at], form))
    }
}

/// An option that stands for nothing chosen may be blank.
fn is_empty_choice(element: &Element) -> bool {
    element.name == "option" && element.get("value").is_some()
}

/// The length of the tag that begins here: up to the first `>` outside quotes.
fn tag_end(text: &str) -> usize {
    let mut quoted = false;
    let end = text.find(|c| {
        quoted ^= c == '"';
        c == '>' && !quoted
    });
    end.map_or(text.len(), |end| end + 1)
}

fn attributes(mut rest: &str, faults: &mut Vec<String>) -> Vec<(String, String)> {
    let mut found: Vec<(String, String)> = Vec::new();
    loop {
        rest = rest.trim_start();
        let name: String = rest.chars().take_while(|c| !c.is_whitespace() && *c != '=').collect();
        if name.is_empty() {
            return found;
        }
        if !name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-') || found.iter().any(|other| other.0 == name) {
            faults.push(format!("the attribute {name} is odd or there twice"));
        }
        rest = &rest[name.len()..];
        let mut value = String::new();
        if let Some(quoted) = rest.strip_prefix("=\"") {
            let (raw, after) = quoted.split_once('"').unwrap_or((quoted, ""));
            value = decoded(raw, faults);
            if raw.contains('<') {
                faults.push(format!("a bare < in {name}"));
            }
            rest = after;
        } else if let Some(bare) = rest.strip_prefix('=') {
            faults.push(format!("{name} has no quotes"));
            rest = bare;
        }
        found.push((name, value));
    }
}

/// The text behind the references to signs. What is no reference, or was escaped twice, is a fault.
fn decoded(raw: &str, faults: &mut Vec<String>) -> String {
    let mut parts = raw.split('&');
    let mut text = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (name, rest) = part.split_once(';').unwrap_or(("", part));
        let sign = match name {
            "amp" | "#38" => '&',
            "lt" | "#60" => '<',
            "gt" | "#62" => '>',
            "quot" | "#34" => '"',
            "#39" => '\'',
            _ => {
                faults.push(format!("a bare & before “{}”", part.chars().take(30).collect::<String>()));
                text.push('&');
                text.push_str(part);
                continue;
            }
        };
        text.push(sign);
        text.push_str(rest);
    }
    if ["&#38;", "&amp;", "&#60;", "&lt;", "&#34;"].iter().any(|twice| text.contains(twice)) {
        faults.push(format!("escaped twice: {text}"));
    }
    text
}

#[test]
fn each_fault_of_a_page_is_found() {
    let around = |inner: &str| {
        format!("<!doctype html><html lang=\"en\"><head><title>A</title></head><body><main id=\"m\"><h1>A</h1>{inner}</main></body></html>")
    };
    let good = [
        "<p class=\"a\">1 &#60; 2 &amp; 3</p>",
        "<label for=\"a\">A</label><input id=\"a\" name=\"a\" required>",
        "<a href=\"#m\">x</a>",
        "<form action=\"/a\" method=\"post\"><input type=\"hidden\" name=\"csrf\" value=\"x\"><button>B</button></form>",
        "<svg><title>t</title><path d=\"M0\"/></svg>",
    ];
    for inner in good {
        assert!(Page::read(&around(inner)).faults.is_empty(), "{inner}: {:?}", Page::read(&around(inner)).faults);
    }
    let bad = [
        "<h1>B</h1>",
        "<p>a",
        "</p>",
        "<p>a & b</p>",
        "<p>a > b</p>",
        "<p class=a>x</p>",
        "<p id=\"m\">x</p>",
        "<p style=\"a\">x</p>",
        "<a href=\"\">x</a>",
        "<a href=\"#n\">x</a>",
        "<a href=\"/x\"></a>",
        "<p onclick=\"a\">x</p>",
        "<script>a()</script>",
        "<input name=\"a\">",
        "<img src=\"/a\">",
        "<a href=\"javascript:a\">x</a>",
        "<p>&#38;#60;</p>",
        "<form action=\"/a\" method=\"post\"></form>",
        "<label for=\"a\">A</label>",
        "<b>x</i>",
    ];
    for inner in bad {
        assert!(!Page::read(&around(inner)).faults.is_empty(), "{inner}");
    }
    for page in ["<html lang=\"en\"></html>", &around("").replace(" lang=\"en\"", ""), &around("").replace("<title>A</title>", "")] {
        assert!(!Page::read(page).faults.is_empty(), "{page}");
    }
}
