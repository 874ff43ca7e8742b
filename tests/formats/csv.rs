//! The list of hostile and odd text files, each with what becomes of it.

use std::fs::File;
use std::io::{Seek, SeekFrom, Write};

use counterfoil::formats::{Delimiter, Encoding, FileFault, Kind, Limits, Shape, open};

use super::{file, opened, refused, rows};

fn cells(bytes: &[u8]) -> Vec<(u64, Vec<String>)> {
    rows(&mut opened(bytes, "a.csv").unwrap()).unwrap()
}

fn delimiter(text: &str) -> Delimiter {
    match opened(text.as_bytes(), "a.csv").unwrap().kind {
        Kind::Csv { delimiter, .. } => delimiter,
        Kind::Xlsx { .. } => panic!("text was taken for a workbook"),
    }
}

fn encoding(bytes: &[u8]) -> (Encoding, Vec<(u64, Vec<String>)>) {
    let mut table = opened(bytes, "a.csv").unwrap();
    let all = rows(&mut table).unwrap();
    match table.kind {
        Kind::Csv { encoding, .. } => (encoding, all),
        Kind::Xlsx { .. } => panic!("text was taken for a workbook"),
    }
}

fn row(line: u64, cells: &[&str]) -> (u64, Vec<String>) {
    (line, cells.iter().map(|cell| (*cell).to_owned()).collect())
}

#[test]
fn empty_and_header_only() {
    assert_eq!(refused(b"", "a.csv"), "file_empty");
    assert_eq!(refused(b"\n\r\n\n", "a.csv"), "file_no_header");
    assert_eq!(refused(b",,,\n", "a.csv"), "file_no_header");
    let mut table = opened(b"a,b", "a.csv").unwrap();
    assert_eq!(table.headers, ["a", "b"]);
    assert!(rows(&mut table).unwrap().is_empty());
}

#[test]
fn line_ends_of_every_kind_count_as_an_editor_counts() {
    let expected = vec![row(2, &["1", "2"]), row(3, &["3", "4"]), row(5, &["5", "6"])];
    assert_eq!(cells(b"a,b\n1,2\n3,4\n\n5,6\n"), expected);
    assert_eq!(cells(b"a,b\r\n1,2\r\n3,4\r\n\r\n5,6"), expected);
    assert_eq!(cells(b"a,b\r1,2\r3,4\r\r5,6\r"), expected);
    assert_eq!(cells(b"a,b\n1,2\r\n3,4\r\n\r5,6"), expected);
    assert_eq!(cells(b"a,b\n\"x\ny\r\nz\rw\",2\n3,4"), [row(2, &["x\ny\r\nz\rw", "2"]), row(6, &["3", "4"])]);
}

#[test]
fn quotes() {
    assert_eq!(cells(b"a,b\n\"1,\"\"2\"\"\",\"\"\n"), [row(2, &["1,\"2\"", ""])]);
    assert_eq!(cells("a,b\n\"é\"\"ü\"\"\",2\n".as_bytes()), [row(2, &["é\"ü\"", "2"])]);
    assert_eq!(cells(b"a,b\n\"x\" y,\"q\"r\"s\"\n"), [row(2, &["x y", "qr\"s\""])]);
    assert_eq!(cells(b"a,b\n5\" pipe,2\n"), [row(2, &["5\" pipe", "2"])]);
    let fault = |bytes: &[u8]| match opened(bytes, "a.csv").and_then(|mut table| rows(&mut table)) {
        Err(FileFault::UnclosedQuote { line }) => line,
        other => panic!("{other:?}"),
    };
    assert_eq!(fault(b"a,b\n1,2\n3,\"4\n5,6\n"), 3);
    assert_eq!(fault(b"a,b\n\"x\ny\",\"2\n"), 3);
}

#[test]
fn separators_are_found() {
    assert_eq!(delimiter("a,b,c\n1,2,3\n"), Delimiter::Comma);
    assert_eq!(delimiter("a;b;c\n1,5;2,5;3\n1,5;2,5;3\n"), Delimiter::Semicolon);
    assert_eq!(delimiter("Name;Amount, EUR\nA;1,50\nB;2,50\n"), Delimiter::Semicolon);
    assert_eq!(delimiter("a\tb\n1,2\t3\n"), Delimiter::Tab);
    assert_eq!(delimiter("a|b|c\n\"x|y\"|2|3\n"), Delimiter::Pipe);
    assert_eq!(delimiter("a,b\n\"x;y;z\",\"1;2;3\"\n"), Delimiter::Comma);
    assert_eq!(delimiter("only\n1\n"), Delimiter::Comma);
    let mut told = opened(b"sep=;\r\na;b\r\n1;2\r\n", "a.csv").unwrap();
    assert_eq!(told.headers, ["a", "b"]);
    assert_eq!(rows(&mut told).unwrap(), [row(3, &["1", "2"])]);
}

#[test]
fn encodings_are_found() {
    let text = "näme,b\nZoë,€\n";
    let expected = vec![row(2, &["Zoë", "€"])];
    assert_eq!(encoding(text.as_bytes()), (Encoding::Utf8, expected.clone()));
    assert_eq!(encoding(format!("\u{feff}{text}").as_bytes()), (Encoding::Utf8, expected.clone()));
    let units: Vec<u16> = format!("\u{feff}{text}").encode_utf16().collect();
    let le: Vec<u8> = units.iter().flat_map(|unit| unit.to_le_bytes()).collect();
    let be: Vec<u8> = units.iter().flat_map(|unit| unit.to_be_bytes()).collect();
    assert_eq!(encoding(&le), (Encoding::Utf16Le, expected.clone()));
    assert_eq!(encoding(&be), (Encoding::Utf16Be, expected));
    assert_eq!(opened(&le, "a.csv").unwrap().headers, ["näme", "b"]);
    assert_eq!(encoding(b"a,b\nZo\xeb,\x80\n"), (Encoding::Windows1252, vec![row(2, &["Zoë", "€"])]));
}

#[test]
fn bytes_that_spoil_the_encoding_late() {
    let mut late = b"a,b\n".to_vec();
    for _ in 0..100_000 {
        late.extend_from_slice(b"x,y\n");
    }
    let mut latin = late.clone();
    latin.extend_from_slice(b"Zo\xeb,1\n");
    let (found, all) = encoding(&latin);
    assert_eq!((found, all.last().unwrap()), (Encoding::Windows1252, &row(100_002, &["Zoë", "1"])));
    for _ in 0..3 {
        late.extend_from_slice("Zoë,1\n".as_bytes());
    }
    late.extend_from_slice(b"Zo\xeb,1\n");
    assert!(matches!(opened(&late, "a.csv"), Err(FileFault::Encoding { line: 100_005, .. })));
    assert_eq!(refused(b"\xef\xbb\xbfa,b\n\xff,1\n", "a.csv"), "file_encoding");
    assert_eq!(refused(b"\xff\xfea\x00,\x00b\x00\n\x00\x00\xd8", "a.csv"), "file_encoding");
}

#[test]
fn nul_and_control_z() {
    assert!(matches!(opened(b"a,b\n1,2\n3,\x004\n", "a.csv"), Err(FileFault::NulByte { line: 3 })));
    assert_eq!(refused(b"a\x00,\x00b\x00", "a.csv"), "file_nul_byte");
    assert_eq!(cells(b"a,b\n1,2\n\x1a"), [row(2, &["1", "2"])]);
    assert_eq!(cells(b"a,b\n1,2\x1a"), [row(2, &["1", "2"])]);
}

#[test]
fn headers_are_named_once() {
    let table = opened(b"Amount,,amount,Amount (2),Amount\t,\n1,2,3,4,5,\n", "a.csv").unwrap();
    assert_eq!(table.headers, ["Amount", "Column 2", "amount (3)", "Amount (2)", "Amount (4)"]);
}

#[test]
fn rows_of_another_shape_do_not_end_the_file() {
    let mut table = opened(b"a,b,c\n1,2\n1,2,3\n,,\n  , ,\n1,2,3,4\n1,2,3,\n", "a.csv").unwrap();
    let mut shapes = Vec::new();
    while let Some(row) = table.rows.next_row().unwrap() {
        shapes.push((row.line, row.shape()));
    }
    let ragged = |found| Shape::Ragged { found, expected: 3 };
    assert_eq!(shapes, [(2, ragged(2)), (3, Shape::Fits), (4, Shape::Blank), (5, Shape::Blank), (6, ragged(4)), (7, Shape::Fits)]);
    assert_eq!(Shape::Blank.code(), Some("blank"));
}

#[test]
fn caps() {
    assert_eq!(refused("a,".repeat(1_000_000).as_bytes(), "a.csv"), "file_too_many_columns");
    let long = [b"a,b\n1,".as_slice(), &vec![b'x'; 70_000], b"\n"].concat();
    assert!(matches!(opened(&long, "a.csv").and_then(|mut table| rows(&mut table)), Err(FileFault::FieldTooLong { line: 2, .. })));
    let quoted = [b"a,b\n1,\"".as_slice(), &vec![b'x'; 70_000], b"\"\n"].concat();
    assert_eq!(refused(&quoted, "a.csv"), "file_field_too_long");
    let wide = format!("a{}\n{}\n", ",b".repeat(199), vec!["y".repeat(60_000); 200].join(","));
    assert_eq!(refused(wide.as_bytes(), "a.csv"), "file_record_too_long");
    let few = Limits { max_rows: 2, max_bytes: 20, ..Limits::default() };
    let mut table = open(file(b"a\n1\n2\n3\n"), "a.csv", &few).unwrap();
    assert!(matches!(rows(&mut table), Err(FileFault::TooManyRows { line: 4, max: 2 })));
    let fault = open(file(&[b'a'; 21]), "a.csv", &few).err().unwrap();
    assert!(fault.is_size());
}

/// A sparse file: a gigabyte without a line end is looked at, and never held.
#[test]
fn a_gigabyte_without_a_line_end_costs_no_memory() {
    let mut big: File = tempfile::tempfile().unwrap();
    let block = vec![b'x'; 1 << 20];
    for _ in 0..64 {
        big.write_all(&block).unwrap();
    }
    big.seek(SeekFrom::Start(0)).unwrap();
    assert!(matches!(open(big, "a.csv", &Limits::default()), Err(FileFault::FieldTooLong { line: 1, .. })));
}

#[test]
fn names_and_contents_agree() {
    assert_eq!(refused(b"PK\x03\x04rest", "a.csv"), "file_wrong_content");
    assert_eq!(refused(b"\x1f\x8b\x08\x00rest", "payments.csv"), "file_wrong_content");
    assert_eq!(refused(b"<html><table>", "a.xlsx"), "file_wrong_content");
    assert_eq!(refused(b"  <!DOCTYPE html>", "a.csv"), "file_wrong_content");
    assert_eq!(refused(b"a,b\n1,2\n", "a.xlsx"), "file_wrong_content");
    assert_eq!(refused(b"%PDF-1.7", "a.csv"), "file_wrong_content");
    assert_eq!(refused(&[0xd0, 0xcf, 0x11, 0xe0, 0xa1], "a.xls"), "file_wrong_content");
    assert_eq!(refused(b"a,b\n1,2\n", "a.ods"), "file_unknown_kind");
    for name in ["A.CSV", "export.txt", "no-ending", "../../etc/x.csv", "\u{202e}vsc.csv"] {
        assert_eq!(refused(b"a,b\n1,2\n", name), "accepted", "{name}");
    }
}

mod property {
    use proptest::prelude::*;

    use super::super::{opened, rows};

    proptest! {
        /// Our reader and the one of the csv crate cut the same fields out of any text.
        #[test]
        fn reads_as_another_reader_does(text in "[a\",;é\n\r ]{0,60}") {
            let whole = format!("h,i\n{text}");
            let mut other = csv::ReaderBuilder::new().has_headers(true).flexible(true).from_reader(whole.as_bytes());
            let theirs: Vec<Vec<String>> = other.records().map(|record| record.unwrap().iter().map(str::to_owned).collect()).collect();
            match super::super::comma(whole.as_bytes()).and_then(|mut table| rows(&mut table)) {
                Ok(ours) => prop_assert_eq!(ours.into_iter().map(|(_, cells)| cells).collect::<Vec<_>>(), theirs),
                Err(fault) => prop_assert_eq!(fault.code(), "file_unclosed_quote"),
            }
        }

        /// No bytes make the reader panic.
        #[test]
        fn takes_or_refuses_anything(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            if let Ok(mut table) = opened(&bytes, "a.csv") {
                let _ = rows(&mut table);
            }
        }
    }
}
