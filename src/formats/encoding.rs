//! Which encoding a text file has, decided over the whole of it before a row is read, and the bytes as UTF-8.
//!
//! One pass over 200 MB costs about a tenth of a second, and spares the worst case: a file that turns out in row 900,000 not to be what
//! its beginning promised.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};

use encoding_rs::{CoderResult, Decoder};

use super::fault::FileFault;

const CHUNK: usize = 256 << 10;

/// The encodings that are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// With or without its mark.
    Utf8,
    /// UTF-16, low byte first, with its mark.
    Utf16Le,
    /// UTF-16, high byte first, with its mark.
    Utf16Be,
    /// Windows-1252, of which Latin-1 is the printable part.
    Windows1252,
}

impl Encoding {
    /// The name that people know.
    pub fn label(self) -> &'static str {
        match self {
            Self::Utf8 => "UTF-8",
            Self::Utf16Le | Self::Utf16Be => "UTF-16",
            Self::Windows1252 => "Latin-1 (Windows-1252)",
        }
    }

    fn codec(self) -> &'static encoding_rs::Encoding {
        match self {
            Self::Utf8 => encoding_rs::UTF_8,
            Self::Utf16Le => encoding_rs::UTF_16LE,
            Self::Utf16Be => encoding_rs::UTF_16BE,
            Self::Windows1252 => encoding_rs::WINDOWS_1252,
        }
    }
}

/// What the pass over the file found.
#[derive(Clone, Copy, Debug)]
pub(super) struct Survey {
    pub encoding: Encoding,
    /// Bytes of the mark at the start, to be skipped.
    pub mark: u64,
}

/// Reads the whole file once. A NUL is refused; bytes that are not UTF-8 make the file Windows-1252, unless most of what is beyond ASCII
/// is UTF-8: then the file is damaged on that line, and reading it as anything else would spoil every other name in it.
pub(super) fn survey(file: &mut File) -> Result<Survey, FileFault> {
    file.seek(SeekFrom::Start(0))?;
    let mut head = [0u8; 3];
    let got = read_full(file, &mut head)?;
    let head = head.get(..got).unwrap_or_default();
    if head.starts_with(&[0xff, 0xfe]) {
        return survey_utf16(file, Encoding::Utf16Le);
    }
    if head.starts_with(&[0xfe, 0xff]) {
        return survey_utf16(file, Encoding::Utf16Be);
    }
    let mark = if head == [0xef, 0xbb, 0xbf] { 3 } else { 0 };
    let counts = survey_bytes(file, mark)?;
    let encoding = match counts.first_invalid {
        None => Encoding::Utf8,
        Some(at) if mark > 0 || counts.multibyte > counts.invalid => {
            return Err(FileFault::Encoding { line: line_of(file, at)?, encoding: "UTF-8" });
        }
        Some(_) => Encoding::Windows1252,
    };
    Ok(Survey { encoding, mark })
}

#[derive(Default)]
struct Counts {
    first_invalid: Option<u64>,
    invalid: u64,
    multibyte: u64,
}

fn survey_bytes(file: &mut File, from: u64) -> Result<Counts, FileFault> {
    file.seek(SeekFrom::Start(from))?;
    let mut counts = Counts::default();
    let mut buf = vec![0u8; CHUNK + 4];
    let (mut kept, mut base) = (0usize, from);
    loop {
        let got = read_full(file, buf.get_mut(kept..kept + CHUNK).unwrap_or_default())?;
        let bytes = buf.get(..kept + got).unwrap_or_default();
        if let Some(at) = bytes.iter().position(|byte| *byte == 0) {
            return Err(FileFault::NulByte { line: line_of(file, base + at as u64)? });
        }
        let rest = count_chunk(bytes, base, &mut counts, got < CHUNK);
        let used = bytes.len() - rest;
        if got < CHUNK {
            return Ok(counts);
        }
        base += used as u64;
        buf.copy_within(used..used + rest, 0);
        kept = rest;
    }
}

/// Counts one chunk; returns how many bytes at its end may be the start of a character that goes on in the next.
fn count_chunk(bytes: &[u8], base: u64, counts: &mut Counts, last: bool) -> usize {
    let mut from = 0;
    while let Some(rest) = bytes.get(from..).filter(|rest| !rest.is_empty()) {
        let (valid, skip) = match std::str::from_utf8(rest) {
            Ok(_) => (rest.len(), 0),
            Err(fault) => match fault.error_len() {
                Some(len) => (fault.valid_up_to(), len),
                None if last => (fault.valid_up_to(), rest.len() - fault.valid_up_to()),
                None => {
                    counts.multibyte += leads(rest.get(..fault.valid_up_to()).unwrap_or_default());
                    return rest.len() - fault.valid_up_to();
                }
            },
        };
        counts.multibyte += leads(rest.get(..valid).unwrap_or_default());
        if skip > 0 {
            counts.invalid += 1;
            counts.first_invalid.get_or_insert(base + (from + valid) as u64);
        }
        from += valid + skip;
    }
    0
}

fn leads(valid: &[u8]) -> u64 {
    if valid.is_ascii() { 0 } else { valid.iter().filter(|byte| **byte >= 0xc0).count() as u64 }
}

fn survey_utf16(file: &mut File, encoding: Encoding) -> Result<Survey, FileFault> {
    file.seek(SeekFrom::Start(2))?;
    let mut decoder = encoding.codec().new_decoder_without_bom_handling();
    let (mut raw, mut out) = (vec![0u8; CHUNK], vec![0u8; CHUNK]);
    let mut line = 1u64;
    loop {
        let got = read_full(file, &mut raw)?;
        let last = got < CHUNK;
        let mut from = 0;
        loop {
            let input = raw.get(from..got).unwrap_or_default();
            let (result, read, written) = decoder.decode_to_utf8_without_replacement(input, &mut out, last);
            let text = out.get(..written).unwrap_or_default();
            if let Some(at) = text.iter().position(|byte| *byte == 0) {
                return Err(FileFault::NulByte { line: line + breaks(text.get(..at).unwrap_or_default()) });
            }
            line += breaks(text);
            from += read;
            match result {
                encoding_rs::DecoderResult::InputEmpty => break,
                encoding_rs::DecoderResult::OutputFull => {}
                encoding_rs::DecoderResult::Malformed(..) => return Err(FileFault::Encoding { line, encoding: "UTF-16" }),
            }
        }
        if last {
            return Ok(Survey { encoding, mark: 2 });
        }
    }
}

#[expect(clippy::naive_bytecount, reason = "the compiler makes vector code of it; a crate for it would save nothing measurable")]
fn breaks(bytes: &[u8]) -> u64 {
    bytes.iter().filter(|byte| **byte == b'\n').count() as u64
}

/// The line of a byte, for a message: counted only once something is wrong.
fn line_of(file: &mut File, offset: u64) -> Result<u64, FileFault> {
    file.seek(SeekFrom::Start(0))?;
    let mut part = file.take(offset);
    let mut buf = vec![0u8; CHUNK];
    let (mut line, mut after_cr) = (1u64, false);
    loop {
        let got = part.read(&mut buf)?;
        if got == 0 {
            return Ok(line);
        }
        for byte in buf.get(..got).unwrap_or_default() {
            line += u64::from(*byte == b'\r' || (*byte == b'\n' && !after_cr));
            after_cr = *byte == b'\r';
        }
    }
}

/// Fills `buf` unless the file ends first.
pub(super) fn read_full(file: &mut impl Read, buf: &mut [u8]) -> io::Result<usize> {
    let mut got = 0;
    while let Some(rest) = buf.get_mut(got..).filter(|rest| !rest.is_empty()) {
        match file.read(rest) {
            Ok(0) => break,
            Ok(n) => got += n,
            Err(fault) if fault.kind() == io::ErrorKind::Interrupted => {}
            Err(fault) => return Err(fault),
        }
    }
    Ok(got)
}

/// The file's text as UTF-8 bytes.
pub(super) struct Utf8Source {
    file: File,
    decoding: Option<Decoding>,
    /// Bytes taken from the file so far, for a progress bar.
    pub taken: u64,
}

struct Decoding {
    decoder: Decoder,
    raw: Vec<u8>,
    at: usize,
    end: usize,
    last: bool,
    done: bool,
}

impl Utf8Source {
    pub fn new(mut file: File, survey: Survey) -> io::Result<Self> {
        file.seek(SeekFrom::Start(survey.mark))?;
        let decoding = (survey.encoding != Encoding::Utf8).then(|| Decoding {
            decoder: survey.encoding.codec().new_decoder_without_bom_handling(),
            raw: vec![0; CHUNK / 4],
            at: 0,
            end: 0,
            last: false,
            done: false,
        });
        Ok(Self { file, decoding, taken: survey.mark })
    }

    /// Puts more text into `out`, which holds at least four bytes; 0 at the end.
    pub fn fill(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let Some(state) = &mut self.decoding else {
            let got = read_full(&mut self.file, out)?;
            self.taken += got as u64;
            return Ok(got);
        };
        let mut written = 0;
        while !state.done && out.len() - written >= 4 {
            if state.at == state.end && !state.last {
                (state.at, state.end) = (0, read_full(&mut self.file, &mut state.raw)?);
                state.last = state.end < state.raw.len();
                self.taken += state.end as u64;
            }
            let input = state.raw.get(state.at..state.end).unwrap_or_default();
            let room = out.get_mut(written..).unwrap_or_default();
            let (result, read, wrote, _) = state.decoder.decode_to_utf8(input, room, state.last);
            state.at += read;
            written += wrote;
            match result {
                CoderResult::InputEmpty => state.done = state.last,
                CoderResult::OutputFull => break,
            }
        }
        Ok(written)
    }
}
