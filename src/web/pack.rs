//! Pages as gzip (RFC 1952), made on the thread that made the page.
//!
//! The server's own compression hands every page to another thread and waits for it, and makes a compressor of 300 kB for each; a page takes some
//! ten microseconds with one that is there already.

use std::cell::RefCell;
use std::fmt;
use std::io;

use actix_web::HttpRequest;
use actix_web::http::header;
use flate2::{Compress, Compression, Crc, FlushCompress, Status};

/// Magic, deflate, no flags, no time, no hint, system unknown.
const HEAD: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];

thread_local! {
    static COMPRESSOR: RefCell<Compress> = RefCell::new(Compress::new(Compression::fast(), false));
}

/// Whether `Accept-Encoding` names gzip, and not with a weight of nothing.
pub fn takes_gzip(req: &HttpRequest) -> bool {
    let accepted = req.headers().get(header::ACCEPT_ENCODING).and_then(|value| value.to_str().ok()).unwrap_or_default();
    accepted.split(',').any(|part| {
        let (coding, weight) = part.split_once(';').unwrap_or((part, "q=1"));
        let nothing = weight.trim().trim_start_matches("q=").chars().all(|c| c == '0' || c == '.');
        coding.trim().eq_ignore_ascii_case("gzip") && !nothing
    })
}

/// A piece of pages, packed once: blocks that end at a byte and refer to nothing before them, and to which nothing behind them refers, so they stand
/// anywhere in a stream (RFC 1951, 3.2.4).
#[derive(Debug)]
pub struct Packed {
    text: String,
    blocks: Vec<u8>,
}

impl Packed {
    /// Packs a text.
    pub fn new(text: String) -> io::Result<Self> {
        let mut blocks = Vec::new();
        COMPRESSOR.with_borrow_mut(|compressor| {
            compressor.reset();
            deflate(compressor, &text, FlushCompress::Full, &mut blocks)
        })?;
        Ok(Self { text, blocks })
    }

    /// What was packed.
    pub fn text(&self) -> &str {
        &self.text
    }
}

impl fmt::Display for Packed {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.text)
    }
}

// What is packed comes from a template.
impl askama::filters::HtmlSafe for Packed {}

/// Packs a text to its end; `flush` says how it ends.
fn deflate(compressor: &mut Compress, text: &str, flush: FlushCompress, out: &mut Vec<u8>) -> io::Result<()> {
    let mut rest = text.as_bytes();
    loop {
        out.reserve(rest.len() / 4 + 1024);
        let before = compressor.total_in();
        let status = compressor.compress_vec(rest, out, flush).map_err(io::Error::other)?;
        let taken = usize::try_from(compressor.total_in() - before).unwrap_or(usize::MAX);
        rest = rest.get(taken..).unwrap_or_default();
        // A flush is done when there was room to spare behind it; the end says so itself.
        let flushed = !matches!(flush, FlushCompress::Finish) && rest.is_empty() && out.len() < out.capacity();
        if status == Status::StreamEnd || flushed {
            return Ok(());
        }
    }
}

/// What stands before a piece, and what behind it.
fn around<'t>(text: &'t str, piece: &Packed) -> Option<(&'t str, &'t str)> {
    // A search for all of it would read all of it first.
    let (before, rest) = text.split_at_checked(text.find(piece.text.split_inclusive('>').next().unwrap_or_default())?)?;
    Some((before, rest.strip_prefix(piece.text())?))
}

/// The text as one gzip member; pieces of it, in their order, are packed already.
pub fn gzip(text: &str, pieces: &[&Packed]) -> io::Result<Vec<u8>> {
    let mut out = Vec::with_capacity(text.len() / 4 + 1024);
    out.extend_from_slice(&HEAD);
    COMPRESSOR.with_borrow_mut(|compressor| {
        compressor.reset();
        let mut rest = text;
        for piece in pieces {
            if let Some((before, behind)) = around(rest, piece) {
                deflate(compressor, before, FlushCompress::Full, &mut out)?;
                out.extend_from_slice(&piece.blocks);
                rest = behind;
            }
        }
        deflate(compressor, rest, FlushCompress::Finish, &mut out)
    })?;
    let mut crc = Crc::new();
    crc.update(text.as_bytes());
    out.extend_from_slice(&crc.sum().to_le_bytes());
    out.extend_from_slice(&crc.amount().to_le_bytes());
    Ok(out)
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use actix_web::test::TestRequest;
    use flate2::read::GzDecoder;

    use super::*;

    #[test]
    fn what_is_packed_unpacks_to_itself_one_page_after_the_other() {
        let noise: String = (0..40_000u64).map(|n| format!("{:x}", n.wrapping_mul(0x9e37_79b9_7f4a_7c15))).collect();
        for text in ["", "a", "<p>été</p>", &noise, "again"] {
            let mut back = String::new();
            GzDecoder::new(gzip(text, &[]).unwrap().as_slice()).read_to_string(&mut back).unwrap();
            assert!(back == text, "{} bytes", text.len());
        }
    }

    #[test]
    fn a_packed_piece_stands_anywhere_in_a_page() {
        let noise: String = (0..9_000u64).map(|n| format!("{:x} ", n.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (n % 60))).collect();
        for words in ["", "<p>été</p>", &noise, &"the same again ".repeat(5_000)] {
            let piece = Packed::new(words.to_owned()).unwrap();
            for (before, behind) in [("", ""), ("", "behind"), ("before", ""), (&*noise, &*noise), (words, words)] {
                let (page, mut back) = ([before, words, behind].concat(), String::new());
                let packed = gzip(&page, &[&piece]).unwrap();
                GzDecoder::new(packed.as_slice()).read_to_string(&mut back).unwrap();
                assert!(back == page, "{} bytes", page.len());
            }
            let elsewhere = gzip("nothing of it", &[&Packed::new("not there".to_owned()).unwrap()]).unwrap();
            assert_eq!(elsewhere, gzip("nothing of it", &[]).unwrap());
        }
    }

    #[test]
    fn gzip_is_sent_to_who_takes_it() {
        let takes = |accepted: &str| takes_gzip(&TestRequest::default().insert_header(("accept-encoding", accepted)).to_http_request());
        assert!(takes("gzip") && takes("br, GZIP;q=0.5") && takes("deflate,gzip;q=1.0, *;q=0"));
        assert!(!takes("") && !takes("br") && !takes("gzip;q=0") && !takes("gzip; q=0.000, br"));
    }
}
