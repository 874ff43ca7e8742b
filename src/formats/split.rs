//! Cuts one record out of CSV text: RFC 4180, and what people's programs make of it.
//!
//! Taken as records end: LF, CRLF and CR alone, mixed as they come. A field that begins with a quote runs to its closing quote, over line
//! ends too; a doubled quote inside is one quote; what stands between the closing quote and the next separator belongs to the field. A
//! quote
//! in the middle of an unquoted field is a plain character. A line without any character is no record.

use super::row::Span;

/// The characters that can separate fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delimiter {
    /// `,`
    Comma,
    /// `;`, usual where the comma is the decimal sign.
    Semicolon,
    /// A tab.
    Tab,
    /// `|`
    Pipe,
}

impl Delimiter {
    /// All of them; where a file fits two equally well the earlier one is taken, because it is rarer inside values.
    pub const ALL: [Self; 4] = [Self::Tab, Self::Semicolon, Self::Pipe, Self::Comma];

    /// The character.
    pub fn byte(self) -> u8 {
        match self {
            Self::Comma => b',',
            Self::Semicolon => b';',
            Self::Tab => b'\t',
            Self::Pipe => b'|',
        }
    }

    /// What people call it.
    pub fn label(self) -> &'static str {
        match self {
            Self::Comma => "comma",
            Self::Semicolon => "semicolon",
            Self::Tab => "tab",
            Self::Pipe => "vertical bar",
        }
    }
}

/// The caps that splitting looks at.
#[derive(Clone, Copy, Debug)]
pub(super) struct Caps {
    pub columns: usize,
    pub field: usize,
}

/// What was found at the start of the bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Split {
    /// A whole record: bytes of its text, bytes with its line end, line ends inside and at the end of it.
    Record {
        text: usize,
        used: usize,
        lines: u64,
    },
    /// The record goes on past the bytes given.
    More,
    /// A quote is open at the end of the file; how many lines below the record's start it opens.
    Unclosed {
        lines: u64,
    },
    TooManyColumns,
    FieldTooLong,
}

/// What ends a field, looked up by byte.
pub(super) struct Marks([bool; 256]);

impl Marks {
    pub fn new(delimiter: u8) -> Self {
        let mut marks = [false; 256];
        for byte in [delimiter, b'\n', b'\r'] {
            if let Some(mark) = marks.get_mut(usize::from(byte)) {
                *mark = true;
            }
        }
        Self(marks)
    }

    /// Where the next mark stands at or after `from`; the length where there is none.
    fn next(&self, bytes: &[u8], from: usize) -> usize {
        let rest = bytes.get(from..).unwrap_or_default();
        // A u8 always lies within the 256 entries.
        rest.iter().position(|byte| self.0[usize::from(*byte)]).map_or(bytes.len(), |at| from + at)
    }
}

/// Splits the record at the start of `bytes`; `last` says that the file ends with them.
pub(super) fn split(bytes: &[u8], marks: &Marks, last: bool, caps: Caps, spans: &mut Vec<Span>) -> Split {
    spans.clear();
    let (mut at, mut lines) = (0usize, 0u64);
    loop {
        let start = at;
        let mut raw = false;
        let mut end = None;
        if bytes.get(at) == Some(&b'"') {
            match quoted(bytes, at + 1, last, lines) {
                Quoted::Closed { close, escaped, breaks } => {
                    lines += breaks;
                    at = close + 1;
                    (raw, end) = (escaped, Some(close));
                }
                Quoted::More => return if bytes.len() - start > caps.field { Split::FieldTooLong } else { Split::More },
                Quoted::Unclosed { lines } => return Split::Unclosed { lines },
            }
        }
        let stop = marks.next(bytes, at);
        if stop - start > caps.field + 2 {
            return Split::FieldTooLong;
        }
        let mark = bytes.get(stop).copied();
        let span = match end {
            Some(close) if stop == close + 1 && !raw => (start + 1, close, false),
            Some(_) => (start, stop, true),
            None => (start, stop, false),
        };
        if mark.is_none() && !last {
            return Split::More;
        }
        // The caller's buffer holds at most a record of `max_record_bytes`, far below 4 GiB.
        spans.push(Span { start: span.0 as u32, end: span.1 as u32, raw: span.2 });
        if spans.len() > caps.columns {
            return Split::TooManyColumns;
        }
        match mark {
            None => return Split::Record { text: stop, used: stop, lines },
            Some(b'\n') => return Split::Record { text: stop, used: stop + 1, lines: lines + 1 },
            Some(b'\r') => match bytes.get(stop + 1) {
                None if !last => return Split::More,
                Some(b'\n') => return Split::Record { text: stop, used: stop + 2, lines: lines + 1 },
                _ => return Split::Record { text: stop, used: stop + 1, lines: lines + 1 },
            },
            Some(_) => at = stop + 1,
        }
    }
}

enum Quoted {
    Closed { close: usize, escaped: bool, breaks: u64 },
    More,
    Unclosed { lines: u64 },
}

/// From behind the opening quote to the closing one.
fn quoted(bytes: &[u8], from: usize, last: bool, lines: u64) -> Quoted {
    let (mut at, mut escaped, mut breaks) = (from, false, 0u64);
    loop {
        let next = bytes.get(at + 1).copied();
        match bytes.get(at) {
            None => return if last { Quoted::Unclosed { lines } } else { Quoted::More },
            Some(b'"' | b'\r') if next.is_none() && !last => return Quoted::More,
            Some(b'"') if next == Some(b'"') => {
                escaped = true;
                at += 2;
            }
            Some(b'"') => return Quoted::Closed { close: at, escaped, breaks },
            Some(b'\n') => {
                breaks += 1;
                at += 1;
            }
            Some(b'\r') => {
                breaks += u64::from(next != Some(b'\n'));
                at += 1;
            }
            Some(_) => at += 1,
        }
    }
}

/// Takes the quotes out of a raw field in place; what becomes free behind it is filled with spaces, so that the record stays UTF-8.
pub(super) fn unquote(bytes: &mut [u8], span: &mut Span) {
    let Some(field) = bytes.get_mut(span.start as usize..span.end as usize) else { return };
    let (mut from, mut to, mut open) = (1, 0, true);
    while let Some(byte) = field.get(from).copied() {
        from += 1;
        if open && byte == b'"' {
            if field.get(from) == Some(&b'"') {
                from += 1;
            } else {
                open = false;
                continue;
            }
        }
        if let Some(place) = field.get_mut(to) {
            *place = byte;
        }
        to += 1;
    }
    field.get_mut(to..).unwrap_or_default().fill(b' ');
    span.end = span.start + to as u32;
    span.raw = false;
}

/// Finds the separator in the first text of a file: the one that cuts the first 50 records most evenly into the most fields.
pub(super) fn sniff(sample: &[u8], last: bool, caps: Caps) -> Delimiter {
    let mut best = (0u64, 0usize, Delimiter::Comma);
    for delimiter in Delimiter::ALL {
        let widths = widths(sample, delimiter, last, caps);
        let Some(expected) = widths.first().copied().filter(|width| *width > 1) else { continue };
        let even = widths.iter().filter(|width| **width == expected).count() as u64 * 10 / widths.len() as u64;
        if (even, expected) > (best.0, best.1) {
            best = (even, expected, delimiter);
        }
    }
    best.2
}

fn widths(sample: &[u8], delimiter: Delimiter, last: bool, caps: Caps) -> Vec<usize> {
    let (marks, mut spans, mut widths) = (Marks::new(delimiter.byte()), Vec::new(), Vec::new());
    let mut rest = sample;
    while widths.len() < 50 && !rest.is_empty() {
        if let Some(b'\n' | b'\r') = rest.first() {
            rest = rest.get(1..).unwrap_or_default();
            continue;
        }
        let Split::Record { used, .. } = split(rest, &marks, last, caps, &mut spans) else { break };
        widths.push(spans.len());
        rest = rest.get(used..).unwrap_or_default();
    }
    widths
}
