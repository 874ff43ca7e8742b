//! Rules for `templates/`: what the content security policy refuses and what would let a value out of its quotes.

use super::Fault;

pub struct Rule {
    pub name: &'static str,
    pub check: fn(&str, &str) -> Vec<Fault>,
    /// Samples that break the rule, each in one place.
    pub bad: &'static [&'static str],
    /// Samples that keep it, close to those that do not.
    pub good: &'static [&'static str],
}

/// Files that may print a value as HTML: the fields of forms, whose `attrs` are literals of our own templates (a rule below holds that).
const SAFE_FILES: &[&str] = &["templates/components/form.html"];

pub const RULES: &[Rule] = &[
    Rule {
        name: "no inline script or style",
        check: inline,
        bad: &["<script>x()</script>", "<script src=\"a\">x()</script>", "<style>a{}</style>", "<script type=\"module\"></script>"],
        good: &["<script src=\"/a.js\" defer></script>", "{# <script>x()</script> #}", "<p>style</p>"],
    },
    Rule {
        name: "no style or handler attributes",
        check: attributes,
        bad: &["<p style=\"a\">", "<p\n  onclick=\"a\">", "<a href=\"javascript:a\">", "<p {% if a > b %}onload='x'{% endif %}>"],
        good: &["<p class=\"style= onclick=\" data-on=\"a\" open>on x = style=\"y\"</p>", "{% if a < b %} style= {% endif %}"],
    },
    Rule {
        name: "values stand in quotes",
        check: quotes,
        bad: &["<a href={{ x }}>", "<a data-a=b{{ x }}>", "<option {{ selected }}>"],
        good: &[
            "<a href=\"/x?y={{ x }}&z='{{ z }}'\">a={{ x }}</a>",
            "<option{% if a %} selected{% endif %}>",
            "<!-- <a href={{ x }}> -->",
        ],
    },
    Rule {
        name: "safe is rare",
        check: safe,
        bad: &["{{ x|safe }}", "{{ x | safe }}", "{% autoescape \"none\" %}", "{{ x|escape(\"none\") }}"],
        good: &["{{ safe }}", "{{ x|upper }} |safe"],
    },
    Rule {
        name: "attrs are literals",
        check: literal_attrs,
        bad: &["{{ form::field(\"a\", attrs=x) }}", "{{ form::field(\"a\", attrs=\"b=\" ~ x) }}", "{{ field(attrs = format!(\"{x}\")) }}"],
        good: &["{{ form::field(\"a\", attrs=\"b=\\\"c\\\"\", kind=x) }}", "{% macro field(attrs: str = \"\") %}"],
    },
    Rule {
        name: "forms that change something post",
        check: forms,
        bad: &["<form action=\"/a\">", "<form action=\"/a\" method=\"put\">"],
        good: &["<form action=\"/a\" method=\"get\">", "<form method=\"post\" action=\"/a\">"],
    },
];

#[derive(Debug, Default)]
struct Tag {
    name: String,
    line: usize,
    attributes: Vec<Attribute>,
    /// The text up to the next tag.
    after: String,
}

#[derive(Debug, Default)]
struct Attribute {
    name: String,
    value: Option<String>,
    quoted: bool,
}

/// The tags of a template. `{% … %}` is skipped wherever it stands; `{{ … }}` stays as text; comments of both kinds are left out.
fn tags(text: &str) -> Vec<Tag> {
    let mut tags: Vec<Tag> = Vec::new();
    let mut i = 0;
    while i < text.len() {
        let rest = &text[i..];
        if let Some(length) = skipped(rest) {
            i += length;
        } else if rest.starts_with('<') && rest[1..].starts_with(|c: char| c.is_ascii_alphabetic()) {
            let name: String = rest[1..].chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '-').collect();
            let (attributes, length) = attributes_of(&rest[1 + name.len()..]);
            let line = text[..i].matches('\n').count() + 1;
            i += 1 + name.len() + length;
            tags.push(Tag { name: name.to_ascii_lowercase(), line, attributes, after: String::new() });
        } else {
            let c = rest.chars().next().unwrap_or_default();
            if let Some(tag) = tags.last_mut().filter(|tag| !tag.after.ends_with('<')) {
                tag.after.push(c);
            }
            i += c.len_utf8().max(1);
        }
    }
    tags
}

/// The length of a comment or of a statement that begins here.
fn skipped(rest: &str) -> Option<usize> {
    [("{#", "#}"), ("{%", "%}"), ("<!--", "-->")]
        .iter()
        .find(|(open, _)| rest.starts_with(open))
        .map(|(_, close)| rest.find(close).map_or(rest.len(), |end| end + close.len()))
}

/// The attributes up to `>`, and the length with it.
fn attributes_of(text: &str) -> (Vec<Attribute>, usize) {
    let mut found: Vec<Attribute> = Vec::new();
    let mut i = 0;
    while i < text.len() {
        let rest = &text[i..];
        let c = rest.chars().next().unwrap_or_default();
        if let Some(length) = skipped(rest) {
            i += length;
        } else if c == '>' {
            return (found, i + 1);
        } else if c == '/' || c.is_whitespace() {
            i += c.len_utf8();
        } else {
            let (attribute, length) = attribute_of(rest);
            found.push(attribute);
            i += length.max(1);
        }
    }
    (found, i)
}

fn attribute_of(rest: &str) -> (Attribute, usize) {
    let name = &rest[..word_end(rest, "=>")];
    let Some(value) = rest[name.len()..].strip_prefix('=') else {
        return (Attribute { name: name.to_ascii_lowercase(), ..Attribute::default() }, name.len());
    };
    let start = name.len() + 1;
    let quote = value.chars().next().filter(|c| ['"', '\''].contains(c));
    let (value, length) = match quote {
        Some(quote) => {
            let end = quote_end(&value[1..], quote);
            (&value[1..=end], start + end + 2)
        }
        None => {
            let end = word_end(value, ">");
            (&value[..end], start + end)
        }
    };
    (Attribute { name: name.to_ascii_lowercase(), value: Some(value.to_owned()), quoted: quote.is_some() }, length.min(rest.len()))
}

/// Where an unquoted word ends: at a blank or one of `stops`, but not inside `{{ … }}`; before a statement.
fn word_end(text: &str, stops: &str) -> usize {
    let mut inside = 0;
    for (i, c) in text.char_indices() {
        if i >= inside && text[i..].starts_with("{{") {
            inside = text[i..].find("}}").map_or(text.len(), |end| i + end + 2);
        }
        if i >= inside && (c.is_whitespace() || stops.contains(c) || text[i..].starts_with("{%")) {
            return i;
        }
    }
    text.len()
}

/// Where a quoted value ends; quotes inside `{{ … }}` and `{% … %}` belong to the template, not to the page.
fn quote_end(text: &str, quote: char) -> usize {
    let mut inside = 0;
    for (i, c) in text.char_indices() {
        let closing = if text[i..].starts_with("{{") { "}}" } else { "%}" };
        if i >= inside && (text[i..].starts_with("{{") || text[i..].starts_with("{%")) {
            inside = text[i..].find(closing).map_or(text.len(), |end| i + end + 2);
        }
        if i >= inside && c == quote {
            return i;
        }
    }
    text.len().saturating_sub(1)
}

fn is_page(path: &str) -> bool {
    path.rsplit_once('.').is_some_and(|(_, ending)| ["html", "svg"].contains(&ending))
}

fn inline(path: &str, text: &str) -> Vec<Fault> {
    let tags = if is_page(path) { tags(text) } else { Vec::new() };
    tags.iter()
        .filter(|tag| match tag.name.as_str() {
            "style" => true,
            "script" => !tag.attributes.iter().any(|a| a.name == "src") || !tag.after.trim_start().trim_end_matches('<').trim().is_empty(),
            _ => false,
        })
        .map(|tag| Fault::new(path, tag.line, format!("inline <{}>: the policy refuses it", tag.name)))
        .collect()
}

fn attributes(path: &str, text: &str) -> Vec<Fault> {
    let tags = if is_page(path) { tags(text) } else { Vec::new() };
    let is_code = |a: &Attribute| {
        let value = a.value.as_deref().unwrap_or_default().trim_start().to_ascii_lowercase();
        a.name == "style" || (a.name.starts_with("on") && a.name.len() > 2) || value.starts_with("javascript:")
    };
    tags.iter()
        .flat_map(|tag| tag.attributes.iter().filter(|a| is_code(a)).map(move |a| (tag.line, &a.name)))
        .map(|(line, name)| Fault::new(path, line, format!("{name} carries style or code: the policy refuses it")))
        .collect()
}

fn quotes(path: &str, text: &str) -> Vec<Fault> {
    if SAFE_FILES.contains(&path) {
        return Vec::new();
    }
    let tags = if is_page(path) { tags(text) } else { Vec::new() };
    let loose = |a: &Attribute| a.name.contains("{{") || (!a.quoted && a.value.as_deref().is_some_and(|value| value.contains("{{")));
    tags.iter()
        .flat_map(|tag| tag.attributes.iter().filter(|a| loose(a)).map(move |a| (tag.line, &a.name)))
        .map(|(line, name)| Fault::new(path, line, format!("{name}: put the value in quotes")))
        .collect()
}

fn safe(path: &str, text: &str) -> Vec<Fault> {
    if SAFE_FILES.contains(&path) {
        return Vec::new();
    }
    let blocks = text.match_indices("{{").map(|(at, _)| (at, "}}")).chain(text.match_indices("{%").map(|(at, _)| (at, "%}")));
    blocks
        .filter(|(at, close)| {
            let inside = text[*at..].split(close).next().unwrap_or_default().replace(char::is_whitespace, "");
            inside.contains("|safe") || inside.contains("autoescape") || inside.contains("|escape(")
        })
        .map(|(at, _)| Fault::new(path, text[..at].matches('\n').count() + 1, "a value goes out unescaped; see SAFE_FILES in tests/tidy"))
        .collect()
}

fn literal_attrs(path: &str, text: &str) -> Vec<Fault> {
    let given = text.match_indices("attrs").filter_map(|(at, word)| {
        let value = text[at + word.len()..].trim_start().strip_prefix('=')?;
        Some((at, value.trim_start()))
    });
    let is_literal = |value: &str| {
        let Some(inside) = value.strip_prefix('"') else { return false };
        let mut escaped = false;
        let end = inside.find(|c| {
            let closes = c == '"' && !escaped;
            escaped = c == '\\' && !escaped;
            closes
        });
        end.is_some_and(|end| inside[end + 1..].trim_start().starts_with([',', ')']))
    };
    given
        .filter(|(_, value)| !is_literal(value))
        .map(|(at, _)| Fault::new(path, text[..at].matches('\n').count() + 1, "attrs is printed as it stands: write a literal"))
        .collect()
}

fn forms(path: &str, text: &str) -> Vec<Fault> {
    let tags = if is_page(path) { tags(text) } else { Vec::new() };
    let says_how = |tag: &Tag| {
        let method = tag.attributes.iter().find(|a| a.name == "method").and_then(|a| a.value.as_deref());
        matches!(method, Some("get" | "post" | "dialog"))
    };
    let forms = tags.iter().filter(|tag| tag.name == "form" && !says_how(tag));
    forms.map(|tag| Fault::new(path, tag.line, "say method=\"get\" or method=\"post\"")).collect()
}

#[test]
fn each_rule_finds_its_breach() {
    for rule in RULES {
        assert!(!rule.bad.is_empty() && !rule.good.is_empty(), "{} has no samples", rule.name);
        for sample in rule.bad {
            let faults = (rule.check)("templates/a.html", sample);
            assert_eq!(faults.len(), 1, "{}: {sample:?} gives {faults:?}", rule.name);
        }
        for sample in rule.good {
            let faults = (rule.check)("templates/a.html", sample);
            assert!(faults.is_empty(), "{}: {sample:?} gives {faults:?}", rule.name);
        }
    }
}
