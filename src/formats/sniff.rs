//! What a file is by its first bytes, and whether its name agrees.

use std::fs::File;
use std::io::{Seek, SeekFrom};

use super::encoding::read_full;
use super::fault::FileFault;

/// The two things that are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Content {
    Text,
    Workbook,
}

const TEXT_ENDINGS: [&str; 6] = ["csv", "txt", "tsv", "tab", "psv", ""];
const SAVE_AS_XLSX: &str = "Open it in a spreadsheet program and save it as XLSX or CSV.";

/// Looks at the first bytes and at the ending of the name; refuses what does not agree.
pub(super) fn content(file: &mut File, name: &str) -> Result<Content, FileFault> {
    let mut head = [0u8; 512];
    file.seek(SeekFrom::Start(0))?;
    let got = read_full(file, &mut head)?;
    file.seek(SeekFrom::Start(0))?;
    let head = head.get(..got).unwrap_or_default();
    let ending = ending(name);
    let found = match head {
        [b'P', b'K', 3 | 5 | 7, ..] => {
            return match ending.as_str() {
                "xlsx" => Ok(Content::Workbook),
                "xlsm" => Err(FileFault::Forbidden("macros".to_owned())),
                _ => Err(wrong(name, "a ZIP archive or an Excel workbook", "Unpack it, or give an Excel workbook the ending .xlsx.")),
            };
        }
        [0xd0, 0xcf, 0x11, 0xe0, ..] => {
            return Err(wrong(name, "an old Excel workbook, or one with a password", "Save it as XLSX without a password."));
        }
        [0x1f, 0x8b, ..] => return Err(wrong(name, "a gzip archive", "Unpack it first.")),
        [b'B', b'Z', b'h', ..] | [0xfd, b'7', b'z', b'X', b'Z', ..] | [b'7', b'z', 0xbc, 0xaf, ..] | [0x28, 0xb5, 0x2f, 0xfd, ..] => {
            return Err(wrong(name, "a packed archive", "Unpack it first."));
        }
        [b'%', b'P', b'D', b'F', ..] => return Err(wrong(name, "a PDF document", SAVE_AS_XLSX)),
        _ if is_markup(head) => return Err(wrong(name, "a web page or XML document", SAVE_AS_XLSX)),
        _ => "plain text",
    };
    if TEXT_ENDINGS.contains(&ending.as_str()) {
        return Ok(Content::Text);
    }
    match ending.as_str() {
        "xlsx" | "xlsm" => Err(wrong(name, found, "Give it the ending .csv, or save it as XLSX.")),
        _ => Err(FileFault::UnknownKind(ending)),
    }
}

/// Letters and digits behind the last full stop, in lower case; empty where the name has no such ending.
fn ending(name: &str) -> String {
    match name.rsplit_once('.') {
        Some((_, ending)) => ending.chars().filter(char::is_ascii_alphanumeric).take(12).collect::<String>().to_ascii_lowercase(),
        None => String::new(),
    }
}

fn is_markup(head: &[u8]) -> bool {
    let head = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head).trim_ascii_start();
    let start: Vec<u8> = head.iter().take(16).map(u8::to_ascii_lowercase).collect();
    [b"<!doctype".as_slice(), b"<html", b"<?xml", b"<table", b"<head", b"<body", b"<script", b"<meta"]
        .iter()
        .any(|tag| start.starts_with(tag))
}

/// The name is shown in part only, and without characters that turn the reading direction or break the line.
fn wrong(name: &str, found: &'static str, advice: &'static str) -> FileFault {
    let turns = |c: char| c.is_control() || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    FileFault::WrongContent { name: name.chars().filter(|c| !turns(*c)).take(80).collect(), found, advice }
}
