//! Rust source as the rules need it: code without the insides of strings and comments, the strings apart, test modules cut out.
//!
//! A full parser would be exact and slow to build; what the rules ask for needs only the lexical level, which is small enough to get right.

/// A file of Rust source, seen in three ways. Each view has the lines of the original.
pub struct Source {
    /// Path from the root of the project, with `/`.
    pub path: String,
    /// As it stands in the file.
    pub text: String,
    /// Comments and the insides of literals replaced by blanks; quotes stay. Modules under `#[cfg(test)]` are blank too.
    pub code: String,
    /// Byte offset in `code` of each opening quote, and what the literal holds (escapes unread).
    pub strings: Vec<(usize, String)>,
    test_lines: usize,
}

impl Source {
    pub fn new(path: &str, text: &str) -> Self {
        let (mut code, strings) = blank(text);
        let test_lines = cut_test_modules(&mut code);
        Self { path: path.to_owned(), text: text.to_owned(), code, strings, test_lines }
    }

    /// The line of a byte offset, from one.
    pub fn line(&self, at: usize) -> usize {
        self.code[..at].matches('\n').count() + 1
    }

    /// Every place where `word` stands in the code with no letter, digit or underscore on either side of it.
    pub fn words(&self, word: &str) -> Vec<usize> {
        let joins = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
        let (first, last) = (word.chars().next(), word.chars().last());
        self.code
            .match_indices(word)
            .filter(|(at, _)| !(joins(first) && joins(self.code[..*at].chars().last())))
            .filter(|(at, _)| !(joins(last) && joins(self.code[at + word.len()..].chars().next())))
            .map(|(at, _)| at)
            .collect()
    }

    /// Lines of the file without its test modules.
    pub fn own_lines(&self) -> usize {
        self.code.lines().count() - self.test_lines
    }

    /// Each function with a body: its name, offset, signature, and number of lines from `fn` to the closing brace.
    pub fn functions(&self) -> Vec<Function<'_>> {
        self.words("fn").into_iter().filter_map(|at| self.function(at)).collect()
    }

    fn function(&self, at: usize) -> Option<Function<'_>> {
        let rest = &self.code[at + 2..];
        let name = rest.trim_start().split(|c: char| !c.is_alphanumeric() && c != '_').next().filter(|name| !name.is_empty())?;
        let mut depth = 0i32;
        let open = rest.char_indices().find_map(|(i, c)| {
            match c {
                '(' | '[' => depth += 1,
                ')' | ']' => depth -= 1,
                '{' | ';' if depth == 0 => return Some((i, c)),
                _ => {}
            }
            None
        });
        let (open, '{') = open? else { return None };
        let end = closing_brace(rest, open)?;
        let lines = rest[..end].matches('\n').count() + 1;
        Some(Function { name, at, signature: &rest[..open], lines })
    }
}

pub struct Function<'a> {
    pub name: &'a str,
    pub at: usize,
    pub signature: &'a str,
    pub lines: usize,
}

/// The offset of the brace that closes the one at `open`.
fn closing_brace(code: &str, open: usize) -> Option<usize> {
    let mut depth = 0i32;
    code.bytes().enumerate().skip(open).find_map(|(i, byte)| {
        depth += match byte {
            b'{' => 1,
            b'}' => -1,
            _ => 0,
        };
        (byte == b'}' && depth == 0).then_some(i)
    })
}

/// Blanks what stands under `#[cfg(test)]` and counts its lines.
fn cut_test_modules(code: &mut String) -> usize {
    let mut lines = 0;
    while let Some(start) = code.find("#[cfg(test)]") {
        let last = code.len() - 1;
        let end = match code[start..].find(['{', ';']).map(|i| start + i) {
            Some(open) if code.as_bytes()[open] == b'{' => closing_brace(code, open).unwrap_or(last),
            other => other.unwrap_or(last),
        };
        let blanks: String = code[start..=end].bytes().map(|byte| if byte == b'\n' { '\n' } else { ' ' }).collect();
        lines += blanks.matches('\n').count() + 1;
        code.replace_range(start..=end, &blanks);
    }
    lines
}

/// What the scanner is inside of.
enum At {
    Code,
    Line,
    Block(u32),
    Text { hashes: usize, raw: bool },
}

/// Blanks comments and the insides of literals, character by character; keeps every byte offset.
fn blank(text: &str) -> (String, Vec<(usize, String)>) {
    let bytes = text.as_bytes();
    let mut out = bytes.to_vec();
    let mut strings: Vec<(usize, String)> = Vec::new();
    let mut opened = 0;
    let mut at = At::Code;
    let mut i = 0;
    while i < bytes.len() {
        let rest = &bytes[i..];
        let mut step = 1;
        let mut keep = false;
        match at {
            At::Code if rest.starts_with(b"//") => (at, step) = (At::Line, 2),
            At::Code if rest.starts_with(b"/*") => (at, step) = (At::Block(1), 2),
            At::Code => {
                keep = true;
                if let Some((length, hashes, raw)) = opens_text(bytes, i) {
                    (at, step, opened) = (At::Text { hashes, raw }, length, i);
                } else if let Some(length) = char_literal(rest) {
                    (step, keep) = (length, false);
                }
            }
            At::Line if bytes[i] == b'\n' => at = At::Code,
            At::Line => {}
            At::Block(depth) if rest.starts_with(b"/*") => (at, step) = (At::Block(depth + 1), 2),
            At::Block(1) if rest.starts_with(b"*/") => (at, step) = (At::Code, 2),
            At::Block(depth) if rest.starts_with(b"*/") => (at, step) = (At::Block(depth - 1), 2),
            At::Block(_) => {}
            At::Text { raw: false, .. } if bytes[i] == b'\\' => step = 2,
            At::Text { hashes, .. } if bytes[i] == b'"' && closes_text(rest, hashes) => {
                let quote = opened + text[opened..].find('"').unwrap_or(0);
                strings.push((quote, text[quote + 1..i].to_owned()));
                (at, step, keep) = (At::Code, 1 + hashes, true);
            }
            At::Text { .. } => {}
        }
        let end = (i + step).min(bytes.len());
        if !keep {
            out[i..end].iter_mut().filter(|byte| **byte != b'\n').for_each(|byte| *byte = b' ');
        }
        i = end;
    }
    (String::from_utf8(out).expect("blanks replaced whole characters"), strings)
}

/// The length of a string's opening (`"`, `r#"`, `b"`, `c"`), its hashes, and whether it is raw.
fn opens_text(bytes: &[u8], i: usize) -> Option<(usize, usize, bool)> {
    if i > 0 && (bytes[i - 1].is_ascii_alphanumeric() || bytes[i - 1] == b'_') {
        return (bytes[i] == b'"').then_some((1, 0, false));
    }
    let rest = &bytes[i..];
    let prefix = rest.iter().take(2).take_while(|byte| matches!(byte, b'r' | b'b' | b'c')).count();
    let raw = rest[..prefix].contains(&b'r');
    let hashes = if raw { rest[prefix..].iter().take_while(|byte| **byte == b'#').count() } else { 0 };
    (rest.get(prefix + hashes) == Some(&b'"')).then_some((prefix + hashes + 1, hashes, raw))
}

fn closes_text(rest: &[u8], hashes: usize) -> bool {
    rest.len() > hashes && rest[1..=hashes].iter().all(|byte| *byte == b'#')
}

/// The length of a character literal; `None` for a lifetime.
fn char_literal(rest: &[u8]) -> Option<usize> {
    if rest.first() != Some(&b'\'') {
        return None;
    }
    if rest.get(1) == Some(&b'\\') {
        // The escaped character may itself be a quote.
        return rest.iter().skip(3).position(|byte| *byte == b'\'').map(|end| end + 4);
    }
    let text = std::str::from_utf8(&rest[1..rest.len().min(5)]);
    let first = text.map_or_else(|fault| fault.valid_up_to(), str::len);
    let length = std::str::from_utf8(&rest[1..=first]).ok()?.chars().next()?.len_utf8();
    (rest.get(1 + length) == Some(&b'\'')).then_some(length + 2)
}

#[test]
fn the_scanner_tells_code_from_text() {
    let source = Source::new(
        "x.rs",
        "fn a<'x>(s: &'x str) { let q = '\"'; let t = \"{ .unwrap() \\\" }\"; /* { /* } */ } */ b(r#\"\"}\"#); let e = '\\''; } // }\nfn b() {}\n",
    );
    assert!(!source.code.contains("unwrap"), "{}", source.code);
    assert_eq!(source.strings.len(), 2);
    assert_eq!(source.strings[1].1, "\"}");
    let functions: Vec<_> = source.functions().iter().map(|f| (f.name.to_owned(), f.lines)).collect();
    assert_eq!(functions, [("a".to_owned(), 1), ("b".to_owned(), 1)]);
    assert_eq!(source.code.len(), source.text.len());
}

#[test]
fn the_scanner_leaves_test_modules_out() {
    let source = Source::new("x.rs", "fn a() {}\n\n#[cfg(test)]\nmod tests {\n\n    fn b() { x.unwrap(); }\n}\nfn c() {}\n");
    assert!(!source.code.contains("unwrap"));
    assert_eq!(source.own_lines(), 3);
    assert_eq!(source.line(source.words("fn")[1]), 8);
}
