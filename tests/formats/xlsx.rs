//! Workbooks, honest and hostile, built part by part.

use std::io::{Cursor, Write};

use counterfoil::formats::{FileFault, Kind, Limits, open};
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use super::{file, opened, refused, rows};

const TYPES: &str = r#"<?xml version="1.0"?><Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"><Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/><Default Extension="xml" ContentType="application/xml"/></Types>"#;
const RELS: &str = r#"<?xml version="1.0"?><Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="rId1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument" Target="xl/workbook.xml"/></Relationships>"#;
const BOOK: &str = r#"<?xml version="1.0"?><workbook xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main" xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"><sheets><sheet name="Hidden" sheetId="2" state="hidden" r:id="rId3"/><sheet name="Pay" sheetId="1" r:id="rId1"/></sheets></workbook>"#;
const BOOK_RELS: &str = r#"<?xml version="1.0"?><Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="rId1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/worksheet" Target="worksheets/sheet1.xml"/><Relationship Id="rId2" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/styles" Target="styles.xml"/><Relationship Id="rId3" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/worksheet" Target="worksheets/sheet2.xml"/></Relationships>"#;
const STYLES: &str = r#"<?xml version="1.0"?><styleSheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><cellXfs count="2"><xf numFmtId="0"/><xf numFmtId="14" applyNumberFormat="1"/></cellXfs></styleSheet>"#;

/// An archive of these parts.
pub fn zip(parts: &[(&str, &str)]) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, content) in parts {
        zip.start_file(*name, SimpleFileOptions::default()).unwrap();
        zip.write_all(content.as_bytes()).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

/// A workbook whose sheet holds `data`, with `more` parts beside or in place of the usual ones.
pub fn book(data: &str, more: &[(&str, &str)]) -> Vec<u8> {
    let sheet = format!(
        r#"<?xml version="1.0"?><worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>{data}</sheetData></worksheet>"#
    );
    let mut parts = vec![
        ("[Content_Types].xml", TYPES),
        ("_rels/.rels", RELS),
        ("xl/workbook.xml", BOOK),
        ("xl/_rels/workbook.xml.rels", BOOK_RELS),
        ("xl/styles.xml", STYLES),
        ("xl/worksheets/sheet1.xml", sheet.as_str()),
        ("xl/worksheets/sheet2.xml", sheet.as_str()),
    ];
    for (name, content) in more {
        parts.retain(|(other, _)| other != name);
        parts.push((name, content));
    }
    zip(&parts)
}

/// A cell that holds its text itself.
pub fn text(cell: &str, text: &str) -> String {
    format!(r#"<c r="{cell}" t="inlineStr"><is><t>{text}</t></is></c>"#)
}

/// A first row with two columns.
pub fn header() -> String {
    format!("<row r=\"1\">{}{}</row>", text("A1", "Amount"), text("B1", "Date"))
}

#[test]
fn cells_come_out_as_they_are_typed() {
    let strings = r#"<?xml version="1.0"?><sst xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main" count="2" uniqueCount="2"><si><t>uniqueCount</t></si><si><r><t xml:space="preserve">A &amp; </t></r><r><t>B</t></r></si></sst>"#;
    let data = format!(
        r#"{}<row r="3"><c r="A3"><v>12.1</v></c><c r="B3" s="1"><v>44006</v></c><c r="C3" t="s"><v>1</v></c></row>
        <row r="4"><c r="A4"><v>64.099999999999994</v></c><c r="B4" s="1"><v>44006.75</v></c><c r="C4" t="b"><v>1</v></c></row>
        <row r="5"><c r="A5"><v>-0.07</v></c><c r="B5" t="s"><v>0</v></c></row><row r="6"><c r="A6" s="1"/></row>"#,
        header().replace("</row>", &format!("{}</row>", text("C1", "Who")))
    );
    let mut table = opened(&book(&data, &[("xl/sharedStrings.xml", strings)]), "pay.xlsx").unwrap();
    assert_eq!(table.kind, Kind::Xlsx { sheet: "Pay".to_owned(), others: Vec::new() });
    assert_eq!(table.headers, ["Amount", "Date", "Who"]);
    let all = rows(&mut table).unwrap();
    let row = |line: u64, cells: [&str; 3]| (line, cells.map(str::to_owned).to_vec());
    let expected =
        [row(3, ["12.1", "2020-06-24", "A & B"]), row(4, ["64.1", "2020-06-24T18:00:00", "TRUE"]), row(5, ["-0.07", "uniqueCount", ""])];
    assert_eq!(all, expected);
}

#[test]
fn formulas_are_refused_by_their_cell() {
    for formula in ["<f>1+1</f>", "<f/>", r#"<f t="shared" si="99999999999"/>"#, r#"<f t="shared" ref="A2:A9" si="99999999999">1</f>"#] {
        let data = format!(r#"{}<row r="2"><c r="A2">{formula}<v>2</v></c></row>"#, header());
        let fault = opened(&book(&data, &[]), "a.xlsx").err().unwrap();
        assert!(matches!(&fault, FileFault::Formula { cell } if cell == "A2"), "{fault}");
    }
}

#[test]
fn a_number_that_is_not_exact_is_refused() {
    let data = format!(r#"{}<row r="2"><c r="B2"><v>12345678901234567890</v></c></row>"#, header());
    assert!(matches!(opened(&book(&data, &[]), "a.xlsx"), Err(FileFault::InexactNumber { cell }) if cell == "B2"));
}

#[test]
fn sparse_and_disordered_sheets() {
    let sparse = format!(r#"<row r="1">{}</row><row r="1048576">{}</row>"#, text("A1", "x"), text("CV1048576", "y"));
    assert_eq!(refused(&book(&sparse, &[]), "a.xlsx"), "file_too_many_rows");
    let wide = format!(r#"<row r="1">{}{}</row>"#, text("A1", "x"), text("XFD1", "y"));
    assert_eq!(refused(&book(&wide, &[]), "a.xlsx"), "file_too_many_columns");
    let back = format!("<row r=\"5\">{}</row><row r=\"2\">{}</row>", text("A5", "x"), text("A2", "y"));
    assert_eq!(refused(&book(&back, &[]), "a.xlsx"), "file_damaged");
    assert_eq!(refused(&book("", &[]), "a.xlsx"), "file_no_sheet");
    for place in ["A99999999999", "A4294967296", "ZZZZZZZZZZ1", "A0", "1", ""] {
        let astray = format!(r#"<row r="1"><c r="{place}"><v>1</v></c></row>"#);
        assert_ne!(refused(&book(&astray, &[]), "a.xlsx"), "accepted", "{place}");
    }
}

#[test]
fn what_unpacks_too_large_is_refused() {
    let cell = format!("<row r=\"1\">{}</row>", text("A1", &"x".repeat(1 << 20)));
    assert_eq!(refused(&book(&cell, &[]), "a.xlsx"), "file_unpacks_too_large");
    let filler = format!("<a>{}</a>", "<b/>".repeat(1 << 20));
    assert_eq!(refused(&book(&header(), &[("xl/filler.xml", &filler)]), "a.xlsx"), "file_unpacks_too_large");
    let small = Limits { max_inflated: 2000, ..Limits::default() };
    assert!(open(file(&book(&header(), &[])), "a.xlsx", &small).is_err_and(|fault| fault.is_size()));
    let names: Vec<String> = (0..201).map(|at| format!("xl/{at}.bin")).collect();
    let many: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "")).collect();
    assert_eq!(refused(&book(&header(), &many), "a.xlsx"), "file_unpacks_too_large");
}

/// 256 MiB of one letter pack into 260 kB: counted while unpacking and stopped, whatever the archive states.
#[test]
fn a_quarter_of_a_gigabyte_in_one_cell() {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    zip.start_file("xl/worksheets/sheet1.bin", SimpleFileOptions::default()).unwrap();
    let block = vec![b'x'; 1 << 20];
    for _ in 0..256 {
        zip.write_all(&block).unwrap();
    }
    assert_eq!(refused(&zip.finish().unwrap().into_inner(), "a.xlsx"), "file_unpacks_too_large");
}

#[test]
fn a_stated_number_of_texts_reserves_nothing() {
    for stated in [r#"uniqueCount="99999999999""#, r"uniqueCount   =  '99999999999'", r#"a="<si>" uniqueCount="18446744073709551615""#] {
        let strings = format!(r#"<?xml version="1.0"?><sst {stated}><si><t>a</t></si></sst>"#);
        assert_eq!(refused(&book(&header(), &[("xl/sharedStrings.xml", &strings)]), "a.xlsx"), "file_unpacks_too_large", "{stated}");
    }
    let few = Limits { max_shared_strings: 2, ..Limits::default() };
    let strings = "<sst><si><t>a</t></si><si><t>b</t></si><x:si/></sst>";
    assert!(matches!(open(file(&book(&header(), &[("xl/sharedStrings.xml", strings)])), "a.xlsx", &few), Err(FileFault::Bomb(_))));
}

#[test]
fn parts_that_data_does_not_need() {
    let doctype = r#"<?xml version="1.0"?><!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]><sst><si><t>&e;</t></si></sst>"#;
    assert_eq!(refused(&book(&header(), &[("xl/sharedStrings.xml", doctype)]), "a.xlsx"), "file_forbidden_part");
    let link = r#"<Relationships><Relationship Id="r" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/externalLink" Target="x"/></Relationships>"#;
    assert_eq!(refused(&book(&header(), &[("xl/_rels/more.xml.rels", link)]), "a.xlsx"), "file_forbidden_part");
    for name in ["xl/externalLinks/externalLink1.xml", "xl/vbaProject.bin", "../../evil.xml", "/abs.xml", "xl\\..\\evil.xml"] {
        assert_eq!(refused(&book(&header(), &[(name, "<a/>")]), "a.xlsx"), "file_forbidden_part", "{name}");
    }
}

#[test]
fn broken_archives() {
    assert_eq!(refused(b"PK\x03\x04 and nothing else", "a.xlsx"), "file_damaged");
    assert_eq!(refused(&zip(&[("a.txt", "no workbook")]), "a.xlsx"), "file_damaged");
    let mut cut = book(&header(), &[]);
    cut.truncate(cut.len() / 2);
    assert_eq!(refused(&cut, "a.xlsx"), "file_damaged");
    assert_eq!(refused(&book("<row r=\"1\"><c r=\"A1\"><v>1</v>", &[]), "a.xlsx"), "file_damaged");
    assert_eq!(refused(&book(&header(), &[]), "a.csv"), "file_wrong_content");
    assert_eq!(refused(&book(&header(), &[]), "a.xlsm"), "file_forbidden_part");
}
