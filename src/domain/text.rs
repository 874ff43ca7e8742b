//! What a person may type into one line.

use super::refusal::Refusal;

/// Whether a character has no place in a line: it prints nothing, or it turns the direction of what follows, so that a reader sees another
/// text than the one that is kept (Unicode Technical Report 36, "bidirectional text spoofing").
pub fn is_hidden(c: char) -> bool {
    let turns = matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    c.is_control() || turns || matches!(c, '\u{2028}' | '\u{2029}' | '\u{feff}')
}

/// A line, trimmed, when it can be kept: at most `most` characters, each of them seen. `what` is what it is called, with its article, and
/// `field` where it was typed. An empty line passes: whether there must be one is the caller's rule.
///
/// # Errors
/// [`Refusal::Invalid`] in words for the person.
pub fn line(field: &'static str, what: &str, text: &str, most: usize) -> Result<String, Refusal> {
    let text = text.trim();
    if text.chars().count() > most {
        return Err(Refusal::Invalid(field, format!("Enter {what} of at most {most} characters")));
    }
    if text.chars().any(is_hidden) {
        let words = format!("Enter {what} without tabs, line breaks and marks that turn the direction of writing");
        return Err(Refusal::Invalid(field, words));
    }
    Ok(text.to_owned())
}

/// Bytes as people read them: `512 bytes`, `64 kB`, `536 MB`. Rounded down.
pub fn size(bytes: u64) -> String {
    match bytes {
        1 => "1 byte".to_owned(),
        ..=9_999 => format!("{} bytes", thousands(bytes)),
        10_000..=9_999_999 => format!("{} kB", thousands(bytes / 1000)),
        _ => format!("{} MB", thousands(bytes / 1_000_000)),
    }
}

fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len() + 4);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// Bytes as hexadecimal digits.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_is_never_nothing_that_is_something() {
        let sizes = [0, 1, 999, 4_194, 65_536, 1_048_575, 9_999_999, 536_870_912, 17_179_869_184].map(size);
        let words = ["0 bytes", "1 byte", "999 bytes", "4,194 bytes", "65 kB", "1,048 kB", "9,999 kB", "536 MB", "17,179 MB"];
        assert_eq!(sizes, words);
    }

    #[test]
    fn a_line_is_what_it_looks_like() {
        assert_eq!(line("name", "a name", "  Açores \u{2013} été ", 20).unwrap(), "Açores \u{2013} été");
        assert_eq!(line("name", "a name", "", 20).unwrap(), "");
        assert!(line("name", "a name", "four", 3).unwrap_err().to_string().contains("at most 3 characters"));
        for hidden in ["a\u{202e}b", "a\u{2066}b", "a\0b", "a\tb", "a\nb", "a\u{feff}b"] {
            assert!(line("name", "a name", hidden, 20).unwrap_err().to_string().contains("direction"), "{hidden:?}");
        }
    }
}
