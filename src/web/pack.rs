//! Pages as gzip (RFC 1952), made on the thread that made the page.
//!
//! The server's own compression hands every page to another thread and waits for it, and makes a compressor of 300 kB for each; a page takes some
//! ten microseconds with one that is there already.

use std::cell::RefCell;
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

/// The text as one gzip member.
pub fn gzip(text: &str) -> io::Result<Vec<u8>> {
    let mut out = Vec::with_capacity(text.len() / 4 + 1024);
    out.extend_from_slice(&HEAD);
    COMPRESSOR.with_borrow_mut(|compressor| {
        compressor.reset();
        let mut rest = text.as_bytes();
        loop {
            let before = compressor.total_in();
            let status = compressor.compress_vec(rest, &mut out, FlushCompress::Finish).map_err(io::Error::other)?;
            let taken = usize::try_from(compressor.total_in() - before).unwrap_or(usize::MAX);
            rest = rest.get(taken..).unwrap_or_default();
            if status == Status::StreamEnd {
                return Ok::<(), io::Error>(());
            }
            out.reserve(text.len() / 4 + 1024);
        }
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
            GzDecoder::new(gzip(text).unwrap().as_slice()).read_to_string(&mut back).unwrap();
            assert!(back == text, "{} bytes", text.len());
        }
    }

    #[test]
    fn gzip_is_sent_to_who_takes_it() {
        let takes = |accepted: &str| takes_gzip(&TestRequest::default().insert_header(("accept-encoding", accepted)).to_http_request());
        assert!(takes("gzip") && takes("br, GZIP;q=0.5") && takes("deflate,gzip;q=1.0, *;q=0"));
        assert!(!takes("") && !takes("br") && !takes("gzip;q=0") && !takes("gzip; q=0.000, br"));
    }
}
