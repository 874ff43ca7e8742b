//! The one writer of workbooks: sheets of typed cells, numbers as numbers and everything else as text, which no spreadsheet runs as a formula.

use std::io::{Cursor, Write};

use zip::ZipWriter;
use zip::result::ZipError;
use zip::write::SimpleFileOptions;

/// The most characters that a cell holds, by the format.
const CELL_MOST: usize = 32_767;

/// A cell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cell {
    /// Nothing.
    Empty,
    /// A heading: bold text.
    Head(String),
    /// Text, whatever it looks like.
    Text(String),
    /// A number, as it is written.
    Number(String),
}

/// A workbook while it is made.
#[derive(Debug, Default)]
pub struct Workbook {
    sheets: Vec<(&'static str, Vec<Vec<Cell>>)>,
}

const TYPES: &str = "http://schemas.openxmlformats.org/package/2006/content-types";
const RELATIONS: &str = "http://schemas.openxmlformats.org/package/2006/relationships";
const DOCUMENT: &str = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";
const MAIN: &str = "http://schemas.openxmlformats.org/spreadsheetml/2006/main";
const KIND: &str = "application/vnd.openxmlformats-officedocument.spreadsheetml";
const BEGIN: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?>\n";
const STYLES: &str = "<fonts count=\"2\"><font><sz val=\"11\"/><name val=\"Calibri\"/></font><font><b/><sz val=\"11\"/><name val=\"Calibri\"/></font></fonts>\
    <fills count=\"2\"><fill><patternFill patternType=\"none\"/></fill><fill><patternFill patternType=\"gray125\"/></fill></fills>\
    <borders count=\"1\"><border/></borders><cellStyleXfs count=\"1\"><xf/></cellStyleXfs>\
    <cellXfs count=\"3\"><xf/><xf fontId=\"1\" applyFont=\"1\"/><xf numFmtId=\"49\" applyNumberFormat=\"1\"/></cellXfs></styleSheet>";

impl Workbook {
    /// Without a sheet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a sheet; its name is ours.
    pub fn sheet(&mut self, name: &'static str, rows: Vec<Vec<Cell>>) {
        self.sheets.push((name, rows));
    }

    /// The file.
    ///
    /// # Errors
    /// When it cannot be packed.
    pub fn packed(&self) -> std::io::Result<Vec<u8>> {
        let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
        // The same rows make the same bytes: the time of day is no part of it.
        let options = SimpleFileOptions::default().last_modified_time(zip::DateTime::default());
        let mut part = |name: &str, text: &str| -> std::io::Result<()> {
            zip.start_file(name, options).map_err(packing)?;
            zip.write_all(text.as_bytes())
        };
        let numbers = || (1..).zip(&self.sheets);
        let mut types = format!(
            "{BEGIN}<Types xmlns=\"{TYPES}\"><Default Extension=\"rels\" ContentType=\"application/vnd.openxmlformats-package.relationships+xml\"/>\
             <Default Extension=\"xml\" ContentType=\"application/xml\"/>\
             <Override PartName=\"/xl/workbook.xml\" ContentType=\"{KIND}.sheet.main+xml\"/>\
             <Override PartName=\"/xl/styles.xml\" ContentType=\"{KIND}.styles+xml\"/>"
        );
        let mut sheets = format!("{BEGIN}<workbook xmlns=\"{MAIN}\" xmlns:r=\"{DOCUMENT}\"><sheets>");
        let mut relations = format!("{BEGIN}<Relationships xmlns=\"{RELATIONS}\">");
        for (number, (name, _)) in numbers() {
            types += &format!("<Override PartName=\"/xl/worksheets/sheet{number}.xml\" ContentType=\"{KIND}.worksheet+xml\"/>");
            sheets += &format!("<sheet name=\"{name}\" sheetId=\"{number}\" r:id=\"rId{number}\"/>");
            relations +=
                &format!("<Relationship Id=\"rId{number}\" Type=\"{DOCUMENT}/worksheet\" Target=\"worksheets/sheet{number}.xml\"/>");
        }
        part("[Content_Types].xml", &(types + "</Types>"))?;
        let root = format!(
            "{BEGIN}<Relationships xmlns=\"{RELATIONS}\">\
             <Relationship Id=\"rId1\" Type=\"{DOCUMENT}/officeDocument\" Target=\"xl/workbook.xml\"/></Relationships>"
        );
        part("_rels/.rels", &root)?;
        part("xl/workbook.xml", &(sheets + "</sheets></workbook>"))?;
        let styles = format!("<Relationship Id=\"rId0\" Type=\"{DOCUMENT}/styles\" Target=\"styles.xml\"/></Relationships>");
        part("xl/_rels/workbook.xml.rels", &(relations + &styles))?;
        part("xl/styles.xml", &format!("{BEGIN}<styleSheet xmlns=\"{MAIN}\">{STYLES}"))?;
        for (number, (_, rows)) in numbers() {
            part(&format!("xl/worksheets/sheet{number}.xml"), &worksheet(rows))?;
        }
        Ok(zip.finish().map_err(packing)?.into_inner())
    }
}

fn packing(error: ZipError) -> std::io::Error {
    std::io::Error::other(error)
}

fn worksheet(rows: &[Vec<Cell>]) -> String {
    let mut out = format!("{BEGIN}<worksheet xmlns=\"{MAIN}\"><sheetData>");
    for (number, row) in (1..).zip(rows) {
        out += &format!("<row r=\"{number}\">");
        for (at, cell) in row.iter().enumerate() {
            let place = format!("{}{number}", letters(at));
            let text = |style: &str, text: &str| {
                format!("<c r=\"{place}\" t=\"inlineStr\" s=\"{style}\"><is><t xml:space=\"preserve\">{}</t></is></c>", escaped(text))
            };
            match cell {
                Cell::Empty => {}
                Cell::Head(words) => out += &text("1", words),
                Cell::Text(words) => out += &text("2", words),
                Cell::Number(number) => out += &format!("<c r=\"{place}\"><v>{number}</v></c>"),
            }
        }
        out += "</row>";
    }
    out + "</sheetData></worksheet>"
}

/// `A`, `B`, …, `Z`, `AA`, …
fn letters(at: usize) -> String {
    let last = char::from(b'A' + (at % 26) as u8);
    if at < 26 { last.to_string() } else { letters(at / 26 - 1) + &last.to_string() }
}

/// Text in XML: what XML cannot hold is left out, and what a cell cannot hold is cut.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars().take(CELL_MOST) {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '\t' | '\n' | '\r' => out.push(c),
            c if c < ' ' || matches!(c, '\u{fffe}' | '\u{ffff}') => {}
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_have_letters() {
        assert_eq!([0, 25, 26, 51, 52, 701, 702].map(letters), ["A", "Z", "AA", "AZ", "BA", "ZZ", "AAA"]);
    }

    #[test]
    fn text_cannot_leave_its_cell() {
        assert_eq!(escaped("</t>&\u{0}\u{b}=1+1"), "&lt;/t&gt;&amp;=1+1");
    }
}
