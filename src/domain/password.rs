//! Which passwords may be chosen: their length, and a block-list that is a rule.
//!
//! Length is what makes a password good (NIST SP 800-63B, section 3.1.1.2): no composition is asked for. What is refused besides is what people
//! who guess try first: common words and names, alone or a few of them in a row, with the digits, years and rows of keys that people add to
//! them, whatever the case, the spaces and the letters written as digits. Instead of listing all those, [`blocked`] reads a password as such
//! pieces. The words are our own choice of what lists of leaked passwords are known to be full of; the rule makes far more than 10,000
//! passwords of fifteen characters and more out of them, which the tests count. What leaked from elsewhere is refused besides
//! ([`super::password_leaks`]).

use std::collections::BTreeMap;
use std::sync::LazyLock;

use super::password_leaks::listed;
use super::password_words::{KEYS, SMALL, WORDS};
use super::refusal::Refusal;

/// A password that stands alone has at least this many characters.
pub const ALONE: usize = 15;
/// Beside a second factor it has at least this many (ASVS 5.0, 6.2.1).
pub const WITH_SECOND_FACTOR: usize = 8;
/// Longer ones are refused before anything is computed.
pub const LONGEST: usize = 256;

/// What pieces may cost together before a password is no longer one that is tried first: three common words and a number.
const TRIED_FIRST: u32 = 7;
/// A common word, or a name that everybody here knows.
const WORD: u32 = 2;
/// Three or four digits that say nothing.
const DIGITS: u32 = 2;
/// A year, one or two digits, a sequence, a row of keys, one character again and again, a small word.
const CHEAP: u32 = 1;
/// A character that belongs to nothing.
const CHARACTER: u32 = 3;
/// What is only repeated counts once, and then has to be this long.
const REPEATED_LEAST: usize = 8;
/// Sequences, rows of keys and repetitions are seen from this length on.
const RUN_LEAST: usize = 3;

/// The words and what each costs, by the first letter.
static BY_LETTER: LazyLock<BTreeMap<char, Vec<(&str, u32)>>> = LazyLock::new(|| {
    let mut table: BTreeMap<char, Vec<(&str, u32)>> = BTreeMap::new();
    let small = SMALL.split_ascii_whitespace().map(|word| (word, CHEAP));
    for (word, cost) in WORDS.split_ascii_whitespace().map(|word| (word, WORD)).chain(small) {
        table.entry(word.chars().next().unwrap_or_default()).or_default().push((word, cost));
    }
    table
});

/// Names that everybody here knows: of the product, the organisation, its regions, the person herself. Folded, each whole and by its words.
#[derive(Clone, Debug, Default)]
pub struct Known(Vec<Vec<char>>);

impl Known {
    /// Of these names; the product's own is always among them.
    pub fn of<'n>(names: impl IntoIterator<Item = &'n str>) -> Self {
        let mut all: Vec<Vec<char>> = Vec::new();
        for name in names.into_iter().chain(["counterfoil"]) {
            let whole: Vec<char> = name.chars().filter(|c| c.is_alphanumeric()).flat_map(folded).collect();
            let words = name.split(|c: char| !c.is_alphanumeric()).map(|word| word.chars().flat_map(folded).collect::<Vec<_>>());
            all.extend(std::iter::once(whole).chain(words).filter(|word| word.len() >= RUN_LEAST));
        }
        all.sort_unstable();
        all.dedup();
        Self(all)
    }
}

/// Whether a new password may be used: long enough, not too long, not one that is tried first, and none that everybody knows from leaks.
///
/// # Errors
/// [`Refusal::Invalid`] at the field `password`, in words for the person. They do not say which word it was: the names are not hers to ask for.
pub fn acceptable(password: &str, least: usize, known: &Known) -> Result<(), Refusal> {
    let length = password.chars().count();
    if length < least {
        return Err(Refusal::Invalid("password", format!("Use at least {least} characters: four or five words make a good password")));
    }
    if length > LONGEST {
        return Err(Refusal::Invalid("password", format!("Use at most {LONGEST} characters")));
    }
    if blocked(password, known) {
        let words =
            "This is among the first that somebody would try. Use words that have nothing to do with each other, with you or with work";
        return Err(Refusal::Invalid("password", words.to_owned()));
    }
    if listed(password) {
        return Err(leaked());
    }
    Ok(())
}

/// What is said of a password that became known elsewhere.
pub fn leaked() -> Refusal {
    let words =
        "This password became known in a break-in elsewhere, and is tried everywhere since. Choose another, and change it where you use it";
    Refusal::Invalid("password", words.to_owned())
}

/// Whether a password is on the block-list.
pub fn blocked(password: &str, known: &Known) -> bool {
    let text: Vec<char> = password.chars().flat_map(folded).filter(|c| !c.is_whitespace()).collect();
    let unit = repeated(&text);
    if unit.len() < text.len() && unit.len() < REPEATED_LEAST {
        return true;
    }
    cost(unit, known) <= TRIED_FIRST
}

/// Lower case, without the accents of Western and Central Europe.
fn folded(c: char) -> impl Iterator<Item = char> {
    c.to_lowercase().map(|c| match c {
        'à'..='å' | 'ā' | 'ă' | 'ą' => 'a',
        'ç' | 'ć' | 'č' => 'c',
        'ď' | 'đ' => 'd',
        'è'..='ë' | 'ē' | 'ė' | 'ę' | 'ě' => 'e',
        'ğ' => 'g',
        'ì'..='ï' | 'ī' | 'į' | 'ı' => 'i',
        'ł' => 'l',
        'ñ' | 'ń' | 'ň' => 'n',
        'ò'..='ö' | 'ø' | 'ō' | 'ő' => 'o',
        'ř' => 'r',
        'ś' | 'ş' | 'š' => 's',
        'ţ' | 'ť' => 't',
        'ù'..='ü' | 'ū' | 'ů' | 'ű' => 'u',
        'ý' | 'ÿ' => 'y',
        'ź' | 'ż' | 'ž' => 'z',
        other => other,
    })
}

/// What the text repeats, or the text: of `abcabcab` it is `abc`.
fn repeated(text: &[char]) -> &[char] {
    let fits = |period: &usize| text.iter().zip(text.iter().skip(*period)).all(|(one, other)| one == other);
    let period = (1..=text.len() / 2).find(fits).unwrap_or(text.len());
    text.get(..period).unwrap_or(text)
}

/// Whether a typed character stands for a letter: as it is, or as the digit or sign that looks like it.
fn stands_for(typed: char, letter: char) -> bool {
    typed == letter
        || match letter {
            'a' => matches!(typed, '4' | '@'),
            'b' => typed == '8',
            'e' => matches!(typed, '3' | '€'),
            'g' => matches!(typed, '9' | '6'),
            'i' => matches!(typed, '1' | '!' | '|'),
            'l' => matches!(typed, '1' | '|'),
            'o' => typed == '0',
            's' => matches!(typed, '5' | '$'),
            't' => matches!(typed, '7' | '+'),
            'z' => typed == '2',
            _ => false,
        }
}

fn begins(text: &[char], word: impl Iterator<Item = char>) -> Option<usize> {
    let mut length = 0;
    for letter in word {
        text.get(length).filter(|typed| stands_for(**typed, letter))?;
        length += 1;
    }
    Some(length)
}

/// The least that the text costs when it is read as pieces.
fn cost(text: &[char], known: &Known) -> u32 {
    let mut least = vec![u32::MAX; text.len() + 1];
    if let Some(first) = least.first_mut() {
        *first = 0;
    }
    for at in 0..text.len() {
        let here = least.get(at).copied().unwrap_or(u32::MAX);
        if here > TRIED_FIRST {
            continue;
        }
        let rest = text.get(at..).unwrap_or_default();
        pieces(rest, known, &mut |length, cost| {
            // The same piece again and again costs no more.
            let piece = rest.get(..length).unwrap_or_default();
            for again in rest.chunks(length.max(1)).take_while(|chunk| *chunk == piece).enumerate().map(|(n, _)| n + 1) {
                if let Some(there) = least.get_mut(at + again * length) {
                    *there = (*there).min(here.saturating_add(cost));
                }
            }
        });
    }
    least.last().copied().unwrap_or(u32::MAX)
}

/// Every piece that the text begins with: its length, and what it costs.
fn pieces(text: &[char], known: &Known, found: &mut dyn FnMut(usize, u32)) {
    let Some(first) = text.first() else { return };
    let signs = text.iter().take_while(|c| !c.is_alphanumeric()).count();
    if signs == 0 {
        found(1, CHARACTER);
    } else {
        // One or two signs between or behind words are what everybody adds.
        found(1, CHEAP);
        found(signs, u32::try_from(signs.saturating_sub(2)).unwrap_or(u32::MAX));
    }
    for (word, cost) in BY_LETTER.iter().filter(|(letter, _)| stands_for(*first, **letter)).flat_map(|(_, words)| words) {
        if let Some(length) = begins(text, word.chars()) {
            found(length, *cost);
        }
    }
    for word in &known.0 {
        if let Some(length) = begins(text, word.iter().copied()) {
            found(length, WORD);
        }
    }
    for length in [sequence(text), keys(text), same(text)] {
        if length >= RUN_LEAST {
            found(length, CHEAP);
        }
    }
    let digits = text.iter().take(4).take_while(|c| c.is_ascii_digit()).count();
    for length in 1..=digits {
        let year = length == 4 && matches!(text, ['1', '9', ..] | ['2', '0', '0'..='3', ..]);
        found(length, if length <= 2 || year { CHEAP } else { DIGITS });
    }
}

/// How far the text counts up or down: `abcd`, `9876`, `8901`.
fn sequence(text: &[char]) -> usize {
    let step = |one: char, other: char| match (one, other) {
        ('9', '0') => 1,
        ('0', '9') => -1,
        (one, other) if one.is_ascii_alphanumeric() && other.is_ascii_alphanumeric() => {
            i64::from(u32::from(other)) - i64::from(u32::from(one))
        }
        _ => 0,
    };
    let steps: Vec<i64> = text.windows(2).map_while(|pair| if let [one, other] = pair { Some(step(*one, *other)) } else { None }).collect();
    match steps.first() {
        Some(first @ (1 | -1)) => 1 + steps.iter().take_while(|step| *step == first).count(),
        _ => 1,
    }
}

/// How far one character goes on.
fn same(text: &[char]) -> usize {
    text.iter().take_while(|c| Some(*c) == text.first()).count()
}

/// How far the text follows a row or a column of keys, in either direction.
fn keys(text: &[char]) -> usize {
    let along = |row: Vec<char>| {
        let from = row.iter().position(|key| Some(key) == text.first());
        from.map_or(0, |from| row.iter().skip(from).zip(text).take_while(|(key, typed)| key == typed).count())
    };
    KEYS.iter().map(|row| along(row.chars().collect()).max(along(row.chars().rev().collect()))).max().unwrap_or(0)
}
