//! Unpacks every part of a workbook once, counting, before a parser that holds texts in memory may see it.
//!
//! The sizes that an archive states are not believed. Refused here: too many parts, too much unpacked, a part that unpacks beyond the
//! ratio, names that climb out of the archive, document types and entities, external links, macros, a text longer than a cell may be, and a
//! stated number of texts for which a parser would reserve memory.

use std::fs::File;
use std::io::Read;

use zip::ZipArchive;

use super::fault::FileFault;
use super::limits::Limits;
use crate::domain::text;

const CHUNK: usize = 64 << 10;
/// How much of the end of a chunk is looked at again with the next one: longer than anything searched for.
const TAIL: usize = 128;
const RATIO_FROM: u64 = 1 << 20;

/// Checks all parts.
///
/// # Errors
/// [`FileFault::Bomb`], [`FileFault::Forbidden`] or [`FileFault::Damaged`].
pub(super) fn check(file: &File, limits: &Limits) -> Result<(), FileFault> {
    let mut archive = ZipArchive::new(file.try_clone()?).map_err(damaged)?;
    if archive.len() > limits.max_entries {
        return Err(FileFault::Bomb(format!("it has more than {} parts", limits.max_entries)));
    }
    let mut total = 0u64;
    for at in 0..archive.len() {
        let mut part = archive.by_index(at).map_err(damaged)?;
        let name = part.name().map_err(damaged)?.to_ascii_lowercase();
        check_name(&name, part.enclosed_name().is_some())?;
        if part.encrypted() {
            return Err(FileFault::Forbidden("a part protected by a password".to_owned()));
        }
        let packed = part.compressed_size().max(1);
        total = check_part(&mut part, &name, packed, total, limits)?;
    }
    Ok(())
}

fn check_name(name: &str, enclosed: bool) -> Result<(), FileFault> {
    if !enclosed || name.contains('\\') || name.starts_with('/') || name.split('/').any(|step| step == "..") {
        return Err(FileFault::Forbidden("a part whose name leads out of the workbook".to_owned()));
    }
    if name.contains("externallinks/") {
        return Err(FileFault::Forbidden("links to other workbooks".to_owned()));
    }
    if name.ends_with("vbaproject.bin") {
        return Err(FileFault::Forbidden("macros".to_owned()));
    }
    Ok(())
}

fn check_part(part: &mut impl Read, name: &str, packed: u64, before: u64, limits: &Limits) -> Result<u64, FileFault> {
    let markup = name.ends_with(".xml") || name.ends_with(".rels") || name.ends_with(".vml");
    let shared = name.ends_with("sharedstrings.xml");
    let mut scan = Scan { texts: 0, gap: 0, shared, links: name.ends_with(".rels"), limits };
    let mut buf = vec![0u8; TAIL + CHUNK];
    let (mut kept, mut size) = (0usize, 0u64);
    loop {
        let got = part.read(buf.get_mut(kept..kept + CHUNK).unwrap_or_default()).map_err(|fault| FileFault::Damaged(fault.to_string()))?;
        size += got as u64;
        if before + size > limits.max_inflated {
            return Err(FileFault::Bomb(format!("more than {}", text::size(limits.max_inflated))));
        }
        if size > RATIO_FROM && size / packed > limits.max_ratio {
            return Err(FileFault::Bomb(format!("one part is more than {} times its packed size", limits.max_ratio)));
        }
        if shared && size > limits.max_shared_bytes {
            return Err(FileFault::Bomb(format!("its texts are more than {}", text::size(limits.max_shared_bytes))));
        }
        let filled = kept + got;
        if markup {
            let fresh = if got == 0 { filled } else { filled.saturating_sub(TAIL) };
            scan.look(buf.get(..filled).unwrap_or_default(), fresh)?;
            buf.copy_within(fresh..filled, 0);
            kept = filled - fresh;
        } else {
            kept = 0;
        }
        if got == 0 {
            return Ok(before + size);
        }
    }
}

struct Scan<'a> {
    texts: u64,
    gap: usize,
    shared: bool,
    links: bool,
    limits: &'a Limits,
}

impl Scan<'_> {
    /// Looks at what starts in the first `fresh` bytes; what lies behind them is there to see a word to its end.
    fn look(&mut self, bytes: &[u8], fresh: usize) -> Result<(), FileFault> {
        for (at, byte) in bytes.iter().enumerate().take(fresh) {
            self.gap += 1;
            match byte {
                b'<' => {
                    self.gap = 0;
                    self.tag(bytes.get(at + 1..).unwrap_or_default())?;
                }
                0 => return Err(FileFault::Damaged("its parts are not UTF-8".to_owned())),
                b'u' if self.shared => self.count(bytes.get(at..).unwrap_or_default())?,
                b'/' if self.links && bytes.get(at..).is_some_and(|rest| rest.starts_with(b"/externalLink\"")) => {
                    return Err(FileFault::Forbidden("links to other workbooks".to_owned()));
                }
                _ => {}
            }
            // A character can take six bytes in XML.
            if self.gap > self.limits.max_field_bytes.saturating_mul(6) {
                return Err(FileFault::Bomb(format!("one text is longer than {} bytes", self.limits.max_field_bytes)));
            }
        }
        Ok(())
    }

    fn tag(&mut self, rest: &[u8]) -> Result<(), FileFault> {
        if rest.first() == Some(&b'!') && rest.get(1..3) != Some(b"--") && !rest.starts_with(b"![CDATA[") {
            return Err(FileFault::Forbidden("a document type declaration".to_owned()));
        }
        let name = rest.split(|byte| matches!(byte, b' ' | b'>' | b'/' | b'\t' | b'\r' | b'\n')).next().unwrap_or_default();
        if name == b"si" || name.ends_with(b":si") {
            self.texts += 1;
            if self.texts > self.limits.max_shared_strings {
                return Err(FileFault::Bomb(format!("more than {} different texts", self.limits.max_shared_strings)));
            }
        }
        Ok(())
    }

    /// `uniqueCount="…"`: a parser reserves memory for the number that stands there. Looked for as a pattern and not as an attribute,
    /// because what is inside a tag and what is not is just what a hostile file lies about.
    fn count(&self, rest: &[u8]) -> Result<(), FileFault> {
        let Some(rest) = rest.strip_prefix(b"uniqueCount") else { return Ok(()) };
        let refused = || FileFault::Bomb(format!("it states more than {} different texts", self.limits.max_shared_strings));
        let rest = match rest.trim_ascii_start() {
            [b'=', rest @ ..] => rest.trim_ascii_start(),
            [] => return Err(refused()),
            _ => return Ok(()),
        };
        let digits = rest.split(|byte| !byte.is_ascii_digit()).find(|digits| !digits.is_empty()).unwrap_or_default();
        match std::str::from_utf8(digits).ok().and_then(|text| text.parse::<u64>().ok()) {
            Some(number) if number <= self.limits.max_shared_strings => Ok(()),
            _ => Err(refused()),
        }
    }
}

fn damaged(fault: zip::result::ZipError) -> FileFault {
    FileFault::Damaged(fault.to_string())
}
