//! The one writer of CSV: every export, file of refused rows and template goes through it.
//!
//! RFC 4180: fields that hold the separator, a quote, CR or LF are quoted, quotes inside are doubled, records end with CRLF. Bytes go
//! into a
//! buffer that the caller takes away when it is full enough; nothing is allocated per row.
//!
//! Text that a spreadsheet would run as a formula is guarded by an apostrophe in front, in text cells only: numbers, dates and ids are
//! written
//! by calls of their own and never touched, so a negative amount stays a number.

use uuid::Uuid;

use crate::domain::id::encode_bytes;
use crate::domain::time::{Day, Instant};

/// Whom the file is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Preset {
    /// People with a spreadsheet: a byte-order mark, without which Excel takes UTF-8 for Latin-1, and guarded text.
    Excel,
    /// Programs: no mark, and text exactly as stored. CRLF as well, because RFC 4180 states it and every reader takes it.
    Machine,
}

/// Writes rows into a buffer.
#[derive(Debug)]
pub struct CsvRow {
    out: Vec<u8>,
    guard: bool,
    fields: usize,
    row_start: usize,
    stamp: (i64, [u8; 10]),
}

impl CsvRow {
    /// An empty buffer of `capacity` bytes; for [`Preset::Excel`] the mark stands in it.
    pub fn new(preset: Preset, capacity: usize) -> Self {
        let mut out = Vec::with_capacity(capacity);
        if preset == Preset::Excel {
            out.extend_from_slice("\u{feff}".as_bytes());
        }
        Self { out, guard: preset == Preset::Excel, fields: 0, row_start: 0, stamp: (i64::MIN, [0; 10]) }
    }

    /// A text cell: quoted where it has to be, guarded where a spreadsheet would run it.
    pub fn text(&mut self, text: &str) {
        self.next();
        let bytes = text.as_bytes();
        let guard = self.guard && runs(bytes);
        if bytes.iter().any(|byte| SPECIAL[usize::from(*byte)]) {
            self.out.push(b'"');
            if guard {
                self.out.push(b'\'');
            }
            for part in bytes.split_inclusive(|byte| *byte == b'"') {
                self.out.extend_from_slice(part);
                if part.ends_with(b"\"") {
                    self.out.push(b'"');
                }
            }
            self.out.push(b'"');
            return;
        }
        if guard {
            self.out.push(b'\'');
        }
        self.out.extend_from_slice(bytes);
    }

    /// A text cell, empty for `None`.
    pub fn maybe_text(&mut self, text: Option<&str>) {
        match text {
            Some(text) => self.text(text),
            None => self.empty(),
        }
    }

    /// A word of ours: a status, a currency, a reason code. It holds neither separators nor quotes.
    pub fn code(&mut self, code: &str) {
        self.next();
        self.out.extend_from_slice(code.as_bytes());
    }

    /// An empty cell.
    pub fn empty(&mut self) {
        self.next();
    }

    /// An amount in minor units with the currency's digits: `-1234.50`.
    pub fn amount(&mut self, minor: i64, digits: u32) {
        self.next();
        write_amount(&mut self.out, minor, digits);
    }

    /// An amount, empty for `None`.
    pub fn maybe_amount(&mut self, minor: Option<i64>, digits: u32) {
        match minor {
            Some(minor) => self.amount(minor, digits),
            None => self.empty(),
        }
    }

    /// A whole number.
    pub fn integer(&mut self, number: i64) {
        self.amount(number, 0);
    }

    /// `2026-11-22`.
    pub fn day(&mut self, day: Day) {
        self.next();
        let date = self.date(day.0);
        self.out.extend_from_slice(&date);
    }

    /// `2026-11-22T17:00:00Z`; parts of a second are cut off.
    pub fn instant(&mut self, at: Instant) {
        self.next();
        let seconds = at.0.div_euclid(1_000_000);
        let date = self.date(seconds.div_euclid(86_400));
        let rest = seconds.rem_euclid(86_400);
        self.out.extend_from_slice(&date);
        let [h1, h2] = pair(rest / 3600);
        let [m1, m2] = pair(rest / 60 % 60);
        let [s1, s2] = pair(rest % 60);
        self.out.extend_from_slice(&[b'T', h1, h2, b':', m1, m2, b':', s1, s2, b'Z']);
    }

    /// A time, empty for `None`.
    pub fn maybe_instant(&mut self, at: Option<Instant>) {
        match at {
            Some(at) => self.instant(at),
            None => self.empty(),
        }
    }

    /// An id in its text form: `txn_…`.
    pub fn id(&mut self, prefix: &str, id: Uuid) {
        self.next();
        self.out.extend_from_slice(prefix.as_bytes());
        self.out.push(b'_');
        self.out.extend_from_slice(&encode_bytes(id.as_u128()));
    }

    /// Ends the row.
    pub fn end(&mut self) {
        // A row of one empty field would be an empty line, which readers leave out.
        if self.fields == 1 && self.out.len() == self.row_start {
            self.out.extend_from_slice(b"\"\"");
        }
        self.out.extend_from_slice(b"\r\n");
        self.fields = 0;
        self.row_start = self.out.len();
    }

    /// Bytes waiting in the buffer.
    pub fn len(&self) -> usize {
        self.out.len()
    }

    /// True where nothing waits.
    pub fn is_empty(&self) -> bool {
        self.out.is_empty()
    }

    /// Takes the bytes away, between two rows; a new buffer of the same capacity takes their place.
    pub fn take(&mut self) -> Vec<u8> {
        self.row_start = 0;
        let capacity = self.out.capacity();
        std::mem::replace(&mut self.out, Vec::with_capacity(capacity))
    }

    /// The bytes so far.
    pub fn bytes(&self) -> &[u8] {
        &self.out
    }

    /// Forgets the bytes, between two rows, and keeps the buffer.
    pub fn clear(&mut self) {
        self.row_start = 0;
        self.out.clear();
    }

    fn next(&mut self) {
        if self.fields > 0 {
            self.out.push(b',');
        } else {
            self.row_start = self.out.len();
        }
        self.fields += 1;
    }

    /// Neighbouring rows mostly share their days: the last one is kept.
    fn date(&mut self, day: i64) -> [u8; 10] {
        if self.stamp.0 != day {
            self.stamp = (day, date(day));
        }
        self.stamp.1
    }
}

const SPECIAL: [bool; 256] = {
    let mut table = [false; 256];
    table[b',' as usize] = true;
    table[b'"' as usize] = true;
    table[b'\r' as usize] = true;
    table[b'\n' as usize] = true;
    table
};

/// Whether a spreadsheet takes the text for a formula: `= + - @`, their full-width forms, or a control character that hides one.
fn runs(bytes: &[u8]) -> bool {
    matches!(bytes, [b'=' | b'+' | b'-' | b'@' | b'\t' | b'\r' | b'\n' | 0, ..] | [0xef, 0xbc, 0x9d | 0x8b | 0x8d | 0xa0, ..])
}

/// Minor units as digits with a decimal point, without rounding: 1234 with two digits is `12.34`.
pub fn write_amount(out: &mut Vec<u8>, minor: i64, digits: u32) {
    // The largest number has 20 digits, a currency at most 4 behind the point.
    let mut buf = [b'0'; 32];
    let mut rest = minor.unsigned_abs();
    let mut at = buf.len();
    let mut written = 0u32;
    while rest > 0 || written <= digits.min(8) {
        if written == digits && digits > 0 {
            at -= 1;
            buf[at] = b'.';
        }
        at -= 1;
        buf[at] = b'0' + (rest % 10) as u8;
        rest /= 10;
        written += 1;
    }
    if minor < 0 {
        at -= 1;
        buf[at] = b'-';
    }
    out.extend_from_slice(buf.get(at..).unwrap_or_default());
}

fn pair(number: i64) -> [u8; 2] {
    [b'0' + (number / 10 % 10) as u8, b'0' + (number % 10) as u8]
}

/// The civil date of a day since 1970-01-01: eras of 400 years that begin in March, so that the leap day is a year's last
/// (Hinnant, "chrono-compatible low-level date algorithms"). Outside years 0 to 9999 the nearest date that fits.
fn date(day: i64) -> [u8; 10] {
    let shifted = day.clamp(-719_528, 2_932_896) + 719_468;
    let era = shifted.div_euclid(146_097);
    let of_era = shifted.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let march_month = (5 * of_year + 2) / 153;
    let day_of_month = of_year - (153 * march_month + 2) / 5 + 1;
    let month = if march_month < 10 { march_month + 3 } else { march_month - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    let [y1, y2] = pair(year / 100);
    let [y3, y4] = pair(year % 100);
    let [m1, m2] = pair(month);
    let [d1, d2] = pair(day_of_month);
    [y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2]
}
