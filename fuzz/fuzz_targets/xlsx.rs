//! Workbooks that somebody hands in: any bytes, and sound archives with parts of any content.
#![no_main]

use std::io::{Cursor, Write};

use counterfoil::formats::{Limits, open};
use libfuzzer_sys::fuzz_target;
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

const TYPES: &str = r#"<?xml version="1.0"?><Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"><Default Extension="xml" ContentType="application/xml"/><Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/><Override PartName="/xl/workbook.xml" ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"/><Override PartName="/xl/worksheets/sheet1.xml" ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.worksheet+xml"/></Types>"#;
const RELS: &str = r#"<?xml version="1.0"?><Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="rId1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument" Target="xl/workbook.xml"/></Relationships>"#;
const BOOK: &str = r#"<?xml version="1.0"?><workbook xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main" xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"><sheets><sheet name="S" sheetId="1" r:id="rId1"/></sheets></workbook>"#;
const BOOK_RELS: &str = r#"<?xml version="1.0"?><Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="rId1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/worksheet" Target="worksheets/sheet1.xml"/><Relationship Id="rId2" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/sharedStrings" Target="sharedStrings.xml"/><Relationship Id="rId3" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/styles" Target="styles.xml"/></Relationships>"#;
const SHEET: &str = r#"<?xml version="1.0"?><worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>"#;

/// A workbook whose parts are pieces of `data`, cut at NUL: the sheet, its texts, its styles, the book.
fn workbook(data: &[u8]) -> Vec<u8> {
    let mut pieces = data.split(|byte| *byte == 0);
    let sheet = [SHEET.as_bytes(), pieces.next().unwrap_or_default(), b"</sheetData></worksheet>"].concat();
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    let mut part = |name: &str, bytes: &[u8]| {
        zip.start_file(name, SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored)).expect("a part");
        zip.write_all(bytes).expect("room for it");
    };
    part("[Content_Types].xml", TYPES.as_bytes());
    part("_rels/.rels", RELS.as_bytes());
    part("xl/worksheets/sheet1.xml", &sheet);
    for name in ["xl/sharedStrings.xml", "xl/styles.xml"] {
        part(name, pieces.next().unwrap_or_default());
    }
    part("xl/workbook.xml", pieces.next().unwrap_or(BOOK.as_bytes()));
    part("xl/_rels/workbook.xml.rels", BOOK_RELS.as_bytes());
    zip.finish().expect("an archive").into_inner()
}

fuzz_target!(
    // The reader of sheets is not ours and is held in a net (src/formats): what it throws there is a refusal, and only what gets out is a fault.
    init: std::panic::set_hook(Box::new(|_| ())),
    |data: &[u8]| {
        let Some((kind, rest)) = data.split_first() else { return };
        let bytes = if kind % 4 == 0 { rest.to_vec() } else { workbook(rest) };
        let mut file = tempfile::tempfile().expect("a file");
        file.write_all(&bytes).expect("room for it");
        let limits = Limits { max_rows: 10_000, ..Limits::default() };
        let Ok(mut opened) = open(file, "file.xlsx", &limits) else { return };
        while let Ok(Some(row)) = opened.rows.next_row() {
            assert!(row.fields().all(|field| field.len() <= limits.max_field_bytes));
        }
    }
);
