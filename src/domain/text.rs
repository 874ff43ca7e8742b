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

#[cfg(test)]
mod tests {
    use super::*;

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
